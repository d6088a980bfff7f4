// SPDX-License-Identifier: BSD-3-Clause
//
// The initiating system: every row of its table, in every wording of its rules.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

const std::string kBadAck = raw('D', 23, kA, "00025000");

// shows: hllp/D-13 hllp/5/b hllp/5/e hllp/5/idle+request hllp/5/wait+response hllp/11.1
TEST(HllpInitiator, WorkedExample) {
  auto s = station();
  EXPECT_EQ(s->submit(1, kM, 0), 0);
  EXPECT_EQ(
      to_hex(s->take()),
      "0B 44 32 33 0D 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 50 49 44 7C 31 0D 30 30 30 32 32 30 33 30 1C 0D");
  EXPECT_EQ(s->state(), "waiting for the reply");
  s->feed_hex(
      "0B 44 32 33 0D 4D 53 48 7C 5E 7E 5C 26 7C 42 0D 4D 53 41 7C 41 41 7C 31 0D 30 30 30 32 35 30 39 39 1C "
      "0D");
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].text, kA);
  EXPECT_EQ(s->messages[0].reply_to, 1u);
  EXPECT_EQ(s->result(1).sent, 1);
  EXPECT_EQ(s->result(1).done, 1);
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  EXPECT_EQ(s->take(), "");
  EXPECT_TRUE(s->idle());
}

// shows: hllp/11.2
TEST(HllpInitiator, WorkedExampleChecksumErrorNakResend) {
  auto s = waiting();
  s->feed_hex("0B 4E 32 33 0D 58 30 30 30 30 36 30 31 37 1C 0D");
  EXPECT_EQ(s->take(), D(kM));
  EXPECT_EQ(s->count(LLP_C_RETRANSMISSIONS), 1u);
  s->feed(D(kA));
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  EXPECT_EQ(s->result(1).sent, 1);
}

// shows: hllp/D-20 hllp/5/wait+request interop/11/hllp/match
TEST(HllpInitiator, WaitNewRequestGoesToTheResponder) {
  auto s = waiting({{"match", "msa"}});
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->advance(20 * kSec);
  s->feed(D(kM));
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].reply_to, 0u);
  EXPECT_EQ(s->left(LLP_T_EXCHANGE), 40 * kSec);  // T_r keeps running
  s->submit(2, kA, LLP_SUBMIT_REPLY);
  EXPECT_EQ(s->take(), D(kA));
  s->feed(D(kA));
  EXPECT_EQ(s->messages[1].reply_to, 1u);
}

// shows: hllp/D-20 hllp/5/wait+response interop/11/hllp/match
TEST(HllpInitiator, LockstepTakesAnyBlock) {
  auto s = waiting({{"match", "lockstep"}});
  s->feed(D("anything"));
  EXPECT_EQ(s->messages.at(0).reply_to, 1u);
}

// shows: hllp/D-14 hllp/5/wait+nak-b
TEST(HllpInitiator, WaitNakBFailsAtOnce) {
  auto s = waiting();
  s->feed(N('B'));
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_REFUSED);
  EXPECT_EQ(s->take(), "");
}

// shows: hllp/D-13 hllp/5/d hllp/5/wait+nak
TEST(HllpInitiator, WaitNakResendsUpToNr) {
  for (char reason : {'C', 'X', 'G', 'z'}) {
    auto s = waiting();
    for (int i = 0; i < 5; i++) {
      s->advance(10 * kSec);
      s->feed(N(reason));
      EXPECT_EQ(s->take(), D(kM)) << i;
      EXPECT_EQ(s->left(LLP_T_EXCHANGE), 60 * kSec);  // restarted
      EXPECT_EQ(s->result(1).done, 0);
    }
    s->feed(N(reason));
    EXPECT_EQ(s->take(), "");
    EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
    EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_REFUSED);
    EXPECT_EQ(s->result(1).sent, 1);
  }
}

// shows: common/1
TEST(HllpInitiator, ReplyTimerRunsFromTheEndOfTheResend) {
  auto s = waiting();
  s->auto_empty = false;
  s->feed(N('X'));
  EXPECT_FALSE(s->left(LLP_T_EXCHANGE).has_value());
  s->advance(20 * kSec);
  s->tx_empty();
  EXPECT_EQ(s->left(LLP_T_EXCHANGE), 60 * kSec);
}

TEST(HllpInitiator, NakBeforeTheTransmitterSaysItIsEmpty) {
  auto s = station();
  s->auto_empty = false;
  s->submit(1, kM, 0);
  EXPECT_EQ(s->take(), D(kM));
  s->feed(N('X'));
  EXPECT_EQ(s->take(), D(kM));
  EXPECT_EQ(s->result(1).sent, 1);
}

TEST(HllpInitiator, ReplyBeforeTheTransmitterSaysItIsEmpty) {
  auto s = station();
  s->auto_empty = false;
  s->submit(1, kM, 0);
  s->take();
  s->feed(D(kA));
  EXPECT_EQ(s->messages.at(0).reply_to, 1u);
  s->tx_empty();
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  EXPECT_FALSE(s->left(LLP_T_EXCHANGE).has_value());
}

TEST(HllpInitiator, NakWhileTheBlockIsHandedOutIsNotForIt) {
  auto s = station();
  s->auto_pull = false;
  s->submit(1, kM, 0);
  s->feed(N('X'));
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
  EXPECT_EQ(s->pull(), D(kM));
}

TEST(HllpInitiator, SecondNakDuringTheResendIsIgnored) {
  auto s = waiting();
  s->auto_pull = false;
  s->feed(N('X'));
  s->feed(N('X'));
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
  EXPECT_EQ(s->pull(), D(kM));
}

// shows: hllp/5/f hllp/5/wait+bad interop/11/hllp/bad_response
TEST(HllpInitiator, WaitBadResend) {
  auto s = waiting();
  for (int i = 0; i < 5; i++) {
    s->feed(kBadAck);
    EXPECT_EQ(s->take(), D(kM)) << i;
  }
  s->feed(kBadAck);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_DAMAGED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

// shows: hllp/5/f interop/3/bad-response interop/11/hllp/bad_response
TEST(HllpInitiator, WaitBadNak) {
  auto s = waiting({{"bad_response", "nak"}});
  for (int i = 0; i < 5; i++) {
    s->advance(10 * kSec);
    s->feed(kBadAck);
    EXPECT_EQ(s->take(), N('X')) << i;
    EXPECT_EQ(s->left(LLP_T_EXCHANGE), 60 * kSec);
  }
  s->feed(kBadAck);
  EXPECT_EQ(s->take(), N('X'));
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_DAMAGED);
  auto t = waiting({{"bad_response", "nak"}});
  t->feed(kBadAck);
  t->feed(D(kA));
  EXPECT_EQ(t->result(1).done_cause, LLP_OK);
}

// shows: hllp/5/f interop/11/hllp/bad_response
TEST(HllpInitiator, WaitBadFail) {
  auto s = waiting({{"bad_response", "fail"}});
  s->feed(kBadAck);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_DAMAGED);
}

// shows: hllp/5/wait+bad
TEST(HllpInitiator, WaitBadTooLongFailsAtOnce) {
  for (const char* how : {"resend", "nak", "fail"}) {
    auto s = waiting({{"bad_response", how}, {"max_data", "18"}});
    s->feed(D(std::string(19, 'x')));
    EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_TOO_LONG) << how;
    EXPECT_EQ(s->take(), how == std::string("nak") ? N('B') : "") << how;
  }
}

TEST(HllpInitiator, BadResponseWhileTheRequestIsOnItsWayAgain) {
  auto s = waiting();
  s->auto_pull = false;
  s->feed(N('X'));
  s->feed(kBadAck);
  EXPECT_EQ(s->pull(), D(kM));
  s->tx_empty();
  EXPECT_EQ(s->pull(), "");
  EXPECT_EQ(s->count(LLP_C_RETRANSMISSIONS), 1u);
}

// The line may have made an N block of a response.
TEST(HllpInitiator, RefusedAfterADamagedNakIsUnknown) {
  for (const bool damaged : {true, false}) {
    auto s = waiting();
    std::string nak = N('X');
    if (damaged) nak.at(nak.size() - 4) ^= 1;  // of its check
    s->feed(nak);
    EXPECT_EQ(s->take(), D(kM));
    for (int i = 0; i < 5; i++) {
      s->feed(N('X'));
      s->take();
    }
    EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
    EXPECT_EQ(s->result(1).done_outcome, damaged ? LLP_OUT_UNKNOWN : LLP_OUT_REFUSED);
  }
}

// An N block takes sixteen characters. One that is whole sooner after the request has left answers noise
// before it: the request was sent once more than it was refused.
TEST(HllpInitiator, RefusedAfterANakOfWhatCameBeforeIsUnknown) {
  constexpr std::uint64_t kChar = 1000000;
  const std::uint64_t answered = (D(kM).size() + N('G').size()) * kChar;
  for (const bool early : {true, false}) {
    for (const char reason : {'B', 'X'}) {
      auto s = waiting({}, kChar);
      s->advance(answered - early);
      s->feed(N('G'));
      EXPECT_EQ(s->take(), D(kM));
      for (int i = 0; i < 5; i++) {
        s->advance(answered);
        s->feed(N(reason));
        s->take();
      }
      EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
      EXPECT_EQ(s->result(1).done_outcome, early ? LLP_OUT_UNKNOWN : LLP_OUT_REFUSED) << reason;
      // What was not known of this one is forgotten with it.
      s->submit(2, kM, 0);
      s->advance(answered);
      s->feed(N('B'));
      EXPECT_EQ(s->result(2).done_outcome, LLP_OUT_REFUSED);
    }
  }
}

// A damaged response is one: the request may be there, however often its repeats are refused.
TEST(HllpInitiator, RefusedAfterABadResponseIsUnknown) {
  auto s = waiting();
  s->feed(kBadAck);
  EXPECT_EQ(s->take(), D(kM));
  for (int i = 0; i < 5; i++) {
    s->feed(N('X'));
    s->take();
  }
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

// shows: hllp/D-13 hllp/D-15 hllp/5/wait+timeout interop/11/hllp/on_timeout
TEST(HllpInitiator, WaitTrFails) {
  auto s = waiting({{"match", "msa"}});
  s->advance(60 * kSec - 1);
  EXPECT_EQ(s->result(1).done, 0);
  s->advance(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_TRANSMITTED);
  EXPECT_EQ(s->take(), "");
}

// shows: hllp/D-15 hllp/5/wait+timeout interop/11/hllp/on_timeout
TEST(HllpInitiator, WaitTrResends) {
  auto s = waiting({{"on_timeout", "resend"}, {"send_retries", "2"}, {"match", "msa"}});
  for (int i = 0; i < 2; i++) {
    s->advance(60 * kSec);
    EXPECT_EQ(s->take(), D(kM)) << i;
  }
  s->advance(60 * kSec);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  auto n = waiting({{"on_timeout", "resend"}, {"send_retries", "1"}});
  n->advance(60 * kSec);
  n->take();
  n->feed(N('X'));
  EXPECT_EQ(n->result(1).done_cause, LLP_CAUSE_REJECTED);
  EXPECT_EQ(n->result(1).done_outcome, LLP_OUT_UNKNOWN);  // the first try may be there
}

TEST(HllpInitiator, OptionalReplyIsNotAskedForTwice) {
  auto s = station({{"on_timeout", "resend"}});
  s->submit(1, kM, LLP_SUBMIT_EXPECT_OPT);
  s->take();
  s->advance(60 * kSec);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
}

// shows: hllp/5/g
TEST(HllpInitiator, BlockInProgressIsCompletedFirst) {
  for (const std::string& first : {std::string("\x0b"), std::string("\x0b"
                                                                    "D23\rMSH")}) {
    auto s = waiting({{"match", "msa"}});
    s->advance(59 * kSec);
    s->feed(first);
    s->advance(2 * kSec);
    EXPECT_EQ(s->result(1).done, 0);
    s->feed(D(kA).substr(first.size()));
    EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  }
}

// shows: hllp/5/g
TEST(HllpInitiator, BlockInProgressThatIsNoReplyLetsTheTimeOutThrough) {
  auto s = waiting({{"match", "msa"}});
  s->advance(59 * kSec);
  s->feed("\x0bN23\rX");
  s->advance(2 * kSec);
  EXPECT_EQ(s->result(1).done, 0);
  s->feed(N('X').substr(6));  // the NAK counts
  EXPECT_EQ(s->take(), D(kM));
  s->advance(59 * kSec);
  s->feed(
      "\x0b"
      "D23\rx");
  s->advance(2 * kSec);
  s->feed("\x1c\r");  // damaged: rule f
  EXPECT_EQ(s->take(), D(kM));
  // Neither: a request of theirs.
  s->advance(59 * kSec);
  s->feed(D(kM).substr(0, 10));
  s->advance(2 * kSec);
  EXPECT_EQ(s->result(1).done, 0);
  s->feed(D(kM).substr(10));
  s->advance(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
}

TEST(HllpInitiator, LateReplyInLockstep) {
  auto s = waiting({{"match", "lockstep"}});
  s->advance(60 * kSec);
  EXPECT_EQ(s->submit(2, "two", 0), 0);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->state(), "queued");
  s->feed(D("late"));
  EXPECT_EQ(s->messages.at(0).flags & LLP_END_LATE, LLP_END_LATE);
  EXPECT_EQ(s->take(), D("two"));
}

// shows: hllp/5/idle+nak hllp/6/idle+nak-none
TEST(HllpInitiator, IdleNakIsIgnored) {
  auto s = station();
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
  EXPECT_TRUE(s->logged("frame in N block 88 1 ignored"));
}

TEST(HllpInitiator, ExpectNoneWaitsForANak) {
  auto s = station();
  s->submit(1, kM, LLP_SUBMIT_EXPECT_NONE);
  s->take();
  EXPECT_EQ(s->result(1).sent, 1);
  s->advance(2 * kSec - 1);
  EXPECT_EQ(s->result(1).done, 0);
  s->feed(N('X'));
  EXPECT_EQ(s->take(), D(kM));
  s->advance(2 * kSec - 1);
  EXPECT_EQ(s->result(1).done, 0);
  s->advance(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_TRANSMITTED);
}

TEST(HllpInitiator, ExpectNoneSendsNothingElseMeanwhile) {
  auto s = station();
  s->submit(1, kM, LLP_SUBMIT_EXPECT_NONE);
  s->take();
  EXPECT_EQ(s->submit(2, kA, LLP_SUBMIT_REPLY), 0);
  EXPECT_EQ(s->take(), "");
  s->advance(2 * kSec);
  EXPECT_EQ(s->take(), D(kA));
}

TEST(HllpInitiator, ExpectNoneNakedToTheEnd) {
  auto s = station({{"send_retries", "1"}});
  s->submit(1, kM, LLP_SUBMIT_EXPECT_NONE);
  s->submit(2, kA, LLP_SUBMIT_REPLY);
  s->take();
  s->feed(N('X'));
  EXPECT_EQ(s->take(), D(kM));
  s->feed(N('X'));
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
  EXPECT_EQ(s->take(), D(kA));
}

TEST(HllpInitiator, ExpectNoneDamagedBlockIsNoResponse) {
  auto s = station();
  s->submit(1, kM, LLP_SUBMIT_EXPECT_NONE);
  s->take();
  s->feed(kBadAck);
  EXPECT_EQ(s->take(), N('X'));
}

TEST(HllpInitiator, RefusedReplyIsNakedAndMayComeAgain) {
  auto s = waiting();
  s->verdict_policy = LLP_REJECT;
  s->feed(D(kA, 22));
  EXPECT_EQ(s->take(), N('G', 22));
  EXPECT_EQ(s->result(1).done, 0);
  s->verdict_policy = LLP_ACCEPT;
  s->feed(D(kA));
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
}

TEST(HllpInitiator, NakAfterTheReplyIsIgnored) {
  auto s = waiting();
  s->verdict_policy.reset();
  s->feed(D(kA));
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
  s->verdict(1, LLP_ACCEPT);
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
}

TEST(HllpInitiator, VerdictThatNeverComes) {
  auto s = waiting({{"on_timeout", "resend"}});
  s->verdict_policy.reset();
  s->feed(D(kA));
  s->advance(120 * kSec);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
}

// shows: hllp/D-20
TEST(HllpInitiator, HalfDuplexHoldsBack) {
  auto s = station({{"duplex", "half"}, {"match", "msa"}});
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->feed(D(kM).substr(0, 8));
  EXPECT_EQ(s->submit(1, kM, 0), 0);
  EXPECT_EQ(s->take(), "");  // a block arrives
  s->feed(D(kM).substr(8));
  EXPECT_EQ(s->take(), "");  // and is served
  s->verdict(1, LLP_FORGET);
  EXPECT_EQ(s->take(), D(kM));
}

TEST(HllpInitiator, HalfDuplexReplyPassesTheRequestThatWaitsForIt) {
  auto s = station({{"duplex", "half"}, {"match", "msa"}});
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->auto_pull = false;
  s->feed(D(kM));
  EXPECT_EQ(s->submit(1, kM, 0), 0);
  EXPECT_EQ(s->pull(), "");
  EXPECT_EQ(s->submit(2, kA, LLP_SUBMIT_REPLY), 0);
  EXPECT_FALSE(llp_can_submit(&s->e(), LLP_SUBMIT_REPLY));
  EXPECT_TRUE(llp_can_withdraw(&s->e(), 1));
  EXPECT_TRUE(llp_can_withdraw(&s->e(), 2));
  EXPECT_EQ(s->pull(), D(kA));
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 2));
  s->tx_empty();
  EXPECT_EQ(s->pull(), D(kM));
  EXPECT_EQ(s->result(2).sent, 1);
}

TEST(HllpInitiator, HalfDuplexHoldsAResendBack) {
  auto s = waiting({{"duplex", "half"}, {"on_timeout", "resend"}, {"match", "msa"}, {"t_in", "60s"}});
  s->advance(60 * kSec - kMs);
  const std::string bad =
      "\x0b"
      "E23";
  s->feed(bad);
  s->advance(kMs);
  EXPECT_EQ(s->take(), "");
  s->feed("\x1c\r");
  EXPECT_EQ(s->take(), D(kM));
}

// shows: hllp/5/d
TEST(HllpInitiator, TriesAtTheirEnd) {
  auto s = waiting({{"send_retries", "100"}, {"match", "msa"}});
  for (int i = 0; i < 100; i++) {
    s->feed(N('X'));
    ASSERT_EQ(s->take(), D(kM));
  }
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
  auto z = waiting({{"send_retries", "0"}});
  z->feed(N('X'));
  EXPECT_EQ(z->result(1).done_cause, LLP_CAUSE_REJECTED);
}

}  // namespace
}  // namespace llp::test::hllp
