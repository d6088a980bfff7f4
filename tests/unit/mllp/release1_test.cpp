// SPDX-License-Identifier: BSD-3-Clause
//
// Release 1: an initiator sends and waits for a block, a responder answers.
#include "mllp/mllp_fixture.hpp"

namespace llp::test::mllp {
namespace {

using ::testing::ElementsAre;

// shows: mllp/1/block mllp/4/r1-initiator mllp/6/r1 interop/6/strict
TEST(MllpRelease1, InitiatorWorkedExample) {
  auto s = station();
  EXPECT_EQ(s->submit(7, kM, 0), 0);
  EXPECT_EQ(to_hex(s->take()), kMHex);
  EXPECT_EQ(s->result(7).outcome, LLP_OUT_TRANSMITTED);
  EXPECT_EQ(s->result(7).cause, LLP_OK);
  EXPECT_EQ(s->result(7).done, 0);
  s->feed_hex(kAHex);
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].reply_to, 7u);
  EXPECT_EQ(s->messages[0].text, kA);
  EXPECT_EQ(s->result(7).done, 1);
  EXPECT_EQ(s->result(7).done_cause, LLP_OK);
  EXPECT_EQ(s->take(), "");
  EXPECT_TRUE(s->idle());
}

// shows: mllp/4/r1-responder mllp/6/r1
TEST(MllpRelease1, ResponderWorkedExample) {
  auto s = station();
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->feed_hex(kMHex);
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  EXPECT_EQ(s->submit(1, kA, LLP_SUBMIT_REPLY), 0);
  EXPECT_EQ(to_hex(s->take()), kAHex);
  EXPECT_EQ(s->result(1).done, 1);
}

// shows: common/promise/mllp1 mllp/4/r1-initiator
TEST(MllpRelease1, NoReplyFailsWithoutResend) {
  auto s = station({{"match", "msa"}});
  s->submit(1, kM, 0);
  s->take();
  s->advance(30 * kSec - 1);
  EXPECT_EQ(s->result(1).done, 0);
  s->advance(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  EXPECT_EQ(s->take(), "");
}

// shows: common/1
TEST(MllpRelease1, ReplyTimerStartsWhenTheTransmitterIsEmpty) {
  auto s = station();
  s->auto_empty = false;
  s->submit(1, kM, 0);
  s->advance(5 * kSec);
  EXPECT_EQ(s->result(1).sent, 0);
  s->tx_empty();
  EXPECT_EQ(s->result(1).sent, 1);
  EXPECT_EQ(s->left(LLP_T_EXCHANGE), 30 * kSec);
}

TEST(MllpRelease1, NothingExpectedIsDoneWhenSent) {
  auto s = station();
  s->submit(1, kM, LLP_SUBMIT_EXPECT_NONE);
  EXPECT_EQ(s->result(1).done, 1);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_TRANSMITTED);
}

TEST(MllpRelease1, OneInTransfer) {
  auto s = station();
  s->auto_empty = false;
  EXPECT_EQ(s->submit(1, kM), 0);
  EXPECT_EQ(s->submit(2, kM, LLP_SUBMIT_REPLY), -EBUSY);
  EXPECT_FALSE(llp_can_submit(&s->e(), LLP_SUBMIT_REPLY));
  s->tx_empty();
  EXPECT_EQ(s->submit(3, kA, LLP_SUBMIT_REPLY), 0);
}

// shows: mllp/D-11 mllp/4/r1-responder
TEST(MllpRelease1, VerdictsSayNothing) {
  for (auto d : {LLP_ACCEPT, LLP_ACCEPT_ANSWER, LLP_REJECT, LLP_FORGET}) {
    auto s = station();
    s->verdict_policy = d;
    s->feed(block(kM));
    EXPECT_EQ(s->messages[0].settled, LLP_ACKNOWLEDGED);
    EXPECT_EQ(s->take(), "");
    EXPECT_EQ(s->disconnects, 0);
  }
}

// shows: mllp/D-11
TEST(MllpRelease1, OnFailClose) {
  for (auto d : {LLP_ACCEPT, LLP_FORGET, LLP_REJECT}) {
    auto s = station({{"on_fail", "close"}});
    s->verdict_policy = d;
    s->feed(block(kM));
    EXPECT_EQ(s->disconnects, d == LLP_REJECT ? 1 : 0);
  }
}

// shows: mllp/D-6 interop/11/mllp/release
TEST(MllpRelease1, CommitReplyBytesAreData) {
  auto s = station();
  s->feed(kAck + kNak);
  EXPECT_THAT(s->texts(), ElementsAre("\x06", "\x15"));
}

// shows: mllp/1/release1-passes mllp/3/encoder
TEST(MllpRelease1, IllegalCharacters) {
  auto s = station();
  EXPECT_EQ(s->submit(1, "a\x0b"), -EILSEQ);
  EXPECT_EQ(s->submit(1, "a\x1c"), -EILSEQ);
  EXPECT_EQ(s->submit(1, std::string(20, 'x') + "\x1c" + std::string(20, 'x')), -EILSEQ);
  EXPECT_EQ(s->submit(1, std::string("\x01\x06\x00\x1b\xff", 5)), 0);
  EXPECT_EQ(s->take(), block(std::string("\x01\x06\x00\x1b\xff", 5)));
}

// shows: mllp/3/encoder interop/11/mllp/illegal
TEST(MllpRelease1, IllegalSpace) {
  auto s = station({{"illegal", "space"}});
  EXPECT_EQ(s->submit(1,
                      "a\x0b"
                      "b\x1c"
                      "c\x01\r"),
            0);
  EXPECT_EQ(s->take(), block("a b c\x01\r"));
}

// shows: mllp/3/encoder
TEST(MllpRelease1, AddCr) {
  auto s = station({{"add_cr", "yes"}});
  s->submit(1, "M");
  EXPECT_EQ(s->take(), block("M\r"));
  s->submit(2, "M\r");
  EXPECT_EQ(s->take(), block("M\r"));
  auto n = station();
  n->submit(1, "M");
  EXPECT_EQ(n->take(), block("M"));
}

TEST(MllpRelease1, Limits) {
  auto s = station({{"max_message", "10"}});
  EXPECT_EQ(s->submit(1, ""), -EINVAL);
  EXPECT_EQ(s->submit(1, "0123456789a"), -EMSGSIZE);
  EXPECT_EQ(s->submit(1, "0123456789"), 0);
  auto off = std::make_unique<Station>(LLP_PROTO_MLLP, with({}), false);
  EXPECT_EQ(off->submit(1, "M"), -ENODEV);
}

TEST(MllpRelease1, AnyPullSizeGivesTheSameBytes) {
  for (std::size_t n : {1, 2, 3, 7, 19, 1000}) {
    auto s = station({{"add_cr", "yes"}});
    s->pull_size = n;
    s->submit(1, "MSH|^~\\&|A\rPID|1");
    EXPECT_EQ(s->take(), block(kM)) << n;
  }
}

TEST(MllpRelease1, AbortBeforeTheFirstByte) {
  auto s = station();
  s->auto_pull = false;
  s->submit(1, kM, 0);
  EXPECT_TRUE(llp_can_withdraw(&s->e(), 1));
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 2));
  s->abort(2);
  s->abort(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(1).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s->pull(), "");
}

TEST(MllpRelease1, AbortInMidBlockFinishesIt) {
  auto s = station();
  s->auto_empty = false;
  s->submit(1, kM, 0);
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->abort(1);
  EXPECT_EQ(s->result(1).done, 0);
  s->tx_empty();
  EXPECT_EQ(s->take(), block(kM));
  EXPECT_EQ(s->result(1).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(1).outcome, LLP_OUT_TRANSMITTED);
}

// shows: mllp/4/r1-late
TEST(MllpRelease1, AbortWhileWaitingForTheReply) {
  auto s = station({{"match", "msa"}});
  s->submit(1, kM, 0);
  s->abort(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  s->feed(block(kA));  // late: a message of its own, marked as an acknowledgement
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].flags, LLP_END_ACK_MSG);
}

// shows: mllp/4/r1-late
TEST(MllpRelease1, LockstepGuardsAfterATimeout) {
  auto s = station({{"match", "lockstep"}});
  s->submit(1, "one", 0);
  s->take();
  s->advance(30 * kSec);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  EXPECT_EQ(s->submit(2, "two", 0), 0);
  EXPECT_EQ(s->take(), "");  // held back
  EXPECT_EQ(s->state(), "queued");
  EXPECT_TRUE(llp_can_withdraw(&s->e(), 2));
  s->feed(block("late"));
  EXPECT_TRUE(s->messages.back().flags & LLP_END_LATE);
  EXPECT_EQ(s->take(), block("two"));
}

TEST(MllpRelease1, AbortOfAMessageHeldBack) {
  auto s = station({{"match", "lockstep"}});
  s->submit(1, "one", 0);
  s->advance(30 * kSec);
  s->take();
  s->submit(2, "two", 0);
  s->abort(2);
  EXPECT_EQ(s->result(2).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(2).outcome, LLP_OUT_NOT_SENT);
  s->advance(100 * kSec);
  EXPECT_EQ(s->take(), "");
}

// shows: mllp/D-8
TEST(MllpRelease1, HangupFailsWhatIsInProgress) {
  auto s = station();
  s->auto_pull = false;
  s->submit(1, kM, 0);
  s->hangup(false);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->result(1).outcome, LLP_OUT_NOT_SENT);

  auto t = station();
  t->auto_empty = false;
  t->submit(1, kM, 0);
  t->hangup(false);
  EXPECT_EQ(t->result(1).outcome, LLP_OUT_UNKNOWN);

  auto u = station();
  u->submit(1, kM, 0);
  u->hangup(false);
  EXPECT_EQ(u->result(1).done_cause, LLP_CAUSE_HANGUP);
  u->connect();
  EXPECT_EQ(u->submit(2, kM, 0), 0);
}

TEST(MllpRelease1, ReplyEndedByTheConnectionsEnd) {
  auto s = station();
  s->submit(1, kM, 0);
  s->feed("\x0b" + kA + "\x1c");
  s->hangup(true);
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].reply_to, 1u);
  EXPECT_EQ(s->result(1).done, 1);
}

// shows: mllp/D-8
TEST(MllpRelease1, ResendAfterReconnectIsAnOption) {
  auto s = station({{"resend_after_reconnect", "yes"}, {"resends", "1"}});
  s->submit(1, kM, 0);
  EXPECT_EQ(s->take(), block(kM));
  s->hangup(false);
  EXPECT_EQ(s->state(), "waiting for the connection");
  s->connect();
  EXPECT_EQ(s->take(), block(kM));
  EXPECT_EQ(s->count(LLP_C_RETRANSMISSIONS), 1u);
  EXPECT_EQ(s->result(1).done, 0);
  s->feed(block(kA));
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  EXPECT_EQ(s->result(1).sent, 1);
}

TEST(MllpRelease1, ResendAfterReconnectStopsWhenNobodyWaits) {
  auto s = station({{"resend_after_reconnect", "yes"}, {"match", "msa"}});
  s->submit(1, kM, 0);
  s->take();
  s->hangup(false);
  s->advance(31 * kSec);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  s->connect();
  EXPECT_EQ(s->take(), "");
  EXPECT_TRUE(s->idle());
  // The same when the gate is what kept it back.
  s->submit(2, kM, 0);
  s->hangup(false);
  s->abort(2);
  s->connect();
  EXPECT_TRUE(s->idle());
}

TEST(MllpRelease1, AbortOfARequestOnItsWayAgainReportsItOnce) {
  auto s = station({{"resend_after_reconnect", "yes"}, {"match", "msa"}});
  s->submit(1, kM, 0);
  s->take();
  s->auto_pull = false;
  s->hangup(false);
  s->connect();
  s->abort(1);
  s->abort(1);
  EXPECT_EQ(s->result(1).sent, 1);
  EXPECT_EQ(s->result(1).done, 0);  // its text is still being read
  EXPECT_EQ(s->pull(), block(kM));
  s->tx_empty();
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_TRUE(s->idle());
}

TEST(MllpRelease1, ResendAfterReconnectIsBounded) {
  auto s = station({{"resend_after_reconnect", "yes"}, {"resends", "0"}});
  s->submit(1, kM, 0);
  s->hangup(false);
  s->connect();
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);

  auto f = station({{"resend_after_reconnect", "yes"}});
  f->submit(1, kM, 0);
  f->hangup(false);
  f->hangup(true);
  EXPECT_EQ(f->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_TRUE(f->idle());
}

TEST(MllpRelease1, StalledTransmitterFails) {
  auto s = station();
  s->auto_pull = false;
  s->submit(1, kM, 0);
  s->advance(31 * kSec);
  EXPECT_EQ(s->result(1).cause, LLP_CAUSE_NOREPLY);
  EXPECT_EQ(s->result(1).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s->count(LLP_C_TX_STALLS), 1u);
  EXPECT_EQ(s->pull(), "");
}

TEST(MllpRelease1, StalledBeforeTheLastCr) {
  // EB alone ends the block for a peer with eb=auto.
  for (std::size_t missing : {std::size_t{1}, std::size_t{2}}) {
    auto s = station({{"match", "lockstep"}});
    s->auto_pull = false;
    s->submit(1, kM, 0);
    EXPECT_EQ(s->pull_some(block(kM).size() - missing).size(), block(kM).size() - missing);
    s->advance(31 * kSec);
    EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_NOREPLY);
    EXPECT_EQ(s->result(1).done_outcome, missing == 1 ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT);
    // Its reply may still come, and is not the next request's.
    s->submit(2, kM, 0);
    EXPECT_EQ(s->pull().empty(), missing == 1);
    s->feed(block(kA));
    EXPECT_EQ(s->messages.back().flags & LLP_END_LATE, missing == 1 ? LLP_END_LATE : 0);
  }
}

TEST(MllpRelease1, RequestTurnAndNamesAreHarmless) {
  auto s = station();
  s->request_turn();
  EXPECT_EQ(s->state(), "idle");
  for (std::uint32_t t = 0; t < LLP_T__N; t++) EXPECT_STRNE(llp_timer_name(&s->e(), t), "");
  EXPECT_STREQ(llp_timer_name(&s->e(), LLP_T_P5), "unused");
}

TEST(MllpRelease1, CrossingRequestsWithMsa) {
  auto s = station({{"match", "msa"}});
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->submit(1, kM, 0);
  s->take();
  s->feed(block(kM));  // no MSA: a request of theirs
  EXPECT_FALSE(s->messages[0].flags & LLP_END_REPLY);
  EXPECT_EQ(s->submit(2, kA, LLP_SUBMIT_REPLY), 0);
  EXPECT_EQ(s->take(), block(kA));
  s->feed(block(kA));
  EXPECT_EQ(s->messages[1].reply_to, 1u);
  EXPECT_EQ(s->result(1).done, 1);
}

}  // namespace
}  // namespace llp::test::mllp
