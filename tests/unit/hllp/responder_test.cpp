// SPDX-License-Identifier: BSD-3-Clause
//
// The responding system: every row of its table; when NAKs go out.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// shows: hllp/6/idle+data hllp/6/busy+reply hllp/11.1 interop/3/no-low-level-reply
TEST(HllpResponder, WorkedExample) {
  auto s = serving();
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  EXPECT_EQ(s->state(), "serving");
  EXPECT_FALSE(s->idle());
  EXPECT_EQ(s->submit(1, kA, LLP_SUBMIT_REPLY), 0);
  EXPECT_EQ(s->take(), D(kA));
  EXPECT_EQ(s->result(1).sent, 1);
  EXPECT_TRUE(s->idle());
}

// shows: hllp/6/idle+bad hllp/10/bad hllp/11.2
TEST(HllpResponder, WorkedExampleChecksumErrorNakResend) {
  auto s = station();
  s->feed(kBad);
  EXPECT_EQ(to_hex(s->take()), "0B 4E 32 33 0D 58 30 30 30 30 36 30 31 37 1C 0D");
  s->feed(D(kM));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  EXPECT_EQ(s->take(), "");
}

// shows: hllp/6/idle+nak-kept
TEST(HllpResponder, IdleNakResendsTheLastReplyUpToNr) {
  auto s = serving();
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->take();
  for (int i = 0; i < 5; i++) {
    s->feed(N('X'));
    EXPECT_EQ(s->take(), D(kA)) << i;
    EXPECT_EQ(s->result(1).done, 0);
  }
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done, 1);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_TRANSMITTED);
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
}

// A damaged byte made a NAK of the next request. The last reply, sent again, would be taken for its
// answer.
TEST(HllpResponder, RequestDamagedIntoANakDoesNotBringTheLastReplyAgain) {
  auto s = serving();
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->take();
  std::string bad = D("x");
  bad[1] = 'N';
  s->feed(bad);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
  s->feed(N('X'));
  EXPECT_EQ(s->take(), D(kA));
}

// The same from a station that computes no checksum: nothing but its length tells.
TEST(HllpResponder, RequestWithoutChecksumDamagedIntoANak) {
  for (const char* data : {"", "MSH|"}) {
    auto s = serving();
    s->submit(1, kA, LLP_SUBMIT_REPLY);
    s->take();
    const std::string count = *data ? "00009" : "00005";
    s->feed(raw('N', 23, data, count + "999"));
    EXPECT_EQ(s->take(), "");
    EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
    s->feed(raw('N', 23, "X", "00006999"));
    EXPECT_EQ(s->take(), D(kA));
  }
}

// shows: hllp/6/idle+nak-kept hllp/6/busy+reply
TEST(HllpResponder, LastReplyIsKeptUntilTr) {
  auto s = serving();
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->take();
  s->advance(60 * kSec - 1);
  EXPECT_EQ(s->result(1).done, 0);
  s->advance(1);
  EXPECT_EQ(s->result(1).done, 1);
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
}

// shows: hllp/6/idle+nak-kept
TEST(HllpResponder, LastReplyIsKeptUntilTheNextGoodBlock) {
  auto s = serving();
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->take();
  s->feed(kBad);
  EXPECT_EQ(s->take(), N('X'));
  EXPECT_EQ(s->result(1).done, 0);
  s->feed(D("next"));
  EXPECT_EQ(s->result(1).done, 1);
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
}

TEST(HllpResponder, LastReplyIsReleasedByTheNextReply) {
  auto s = serving();
  s->feed(D("two"));
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->submit(2, "second", LLP_SUBMIT_REPLY);
  s->take();
  EXPECT_EQ(s->result(1).done, 1);
  EXPECT_EQ(s->result(2).done, 0);
  s->feed(N('X'));
  EXPECT_EQ(s->take(), D("second"));
}

TEST(HllpResponder, ReleaseWhileTheReplyIsOnItsWayAgain) {
  for (int how = 0; how < 3; how++) {
    auto s = serving();
    s->submit(1, kA, LLP_SUBMIT_REPLY);
    s->take();
    s->auto_pull = false;
    s->feed(N('X'));
    if (how == 0) s->feed(D("next"));
    if (how == 1) s->abort(1);
    if (how == 2) s->advance(29 * kSec);
    EXPECT_EQ(s->result(1).done, 0);  // its text is still wanted
    EXPECT_EQ(s->pull(), D(kA));
    s->tx_empty();
    EXPECT_EQ(s->result(1).done, how < 2 ? 1 : 0);
    s->advance(60 * kSec);
    EXPECT_EQ(s->result(1).done, 1);
  }
}

TEST(HllpResponder, NakWhileTheReplyIsOnItsWayAgainIsIgnored) {
  auto s = serving();
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->take();
  s->auto_pull = false;
  s->feed(N('X'));
  s->feed(N('X'));
  EXPECT_EQ(s->pull(), D(kA));
  s->tx_empty();
  EXPECT_EQ(s->pull(), "");
}

TEST(HllpResponder, KeptReplyIsReleasedByHangupAndAbort) {
  auto s = serving();
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->hangup(false);
  EXPECT_EQ(s->result(1).done, 1);
  auto t = serving();
  t->submit(1, kA, LLP_SUBMIT_REPLY);
  t->abort(1);
  EXPECT_EQ(t->result(1).done, 1);
}

TEST(HllpResponder, NothingIsKeptWithoutRetries) {
  auto s = serving({{"send_retries", "0"}});
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  EXPECT_EQ(s->result(1).done, 1);
}

TEST(HllpResponder, NakForTheReplyBeforeOurNextRequest) {
  auto s = serving({{"match", "msa"}});
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->take();
  s->auto_pull = false;
  s->submit(2, kM, 0);
  s->feed(N('X'));  // the request is not out yet: it is for the reply
  EXPECT_EQ(s->pull(), D(kM));
  s->tx_empty();
  EXPECT_EQ(s->result(1).done, 1);
}

TEST(HllpResponder, NakBetweenReplyAndQueuedRequest) {
  auto s = serving({{"match", "msa"}});
  s->auto_empty = false;
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  EXPECT_EQ(s->take(), D(kA));
  s->feed(N('C'));  // before the transmitter is reported empty
  EXPECT_EQ(s->take(), D(kA));
  EXPECT_EQ(s->result(1).sent, 1);
}

// shows: hllp/D-16 hllp/6/busy+empty
TEST(HllpResponder, ReplyOfLengthZeroSendsNothing) {
  auto s = station();
  s->verdict_policy = LLP_ACCEPT;
  s->feed(D(kM));
  EXPECT_EQ(s->take(), "");
  EXPECT_TRUE(s->idle());
}

// shows: hllp/D-8 hllp/D-17 hllp/6/busy+failure
TEST(HllpResponder, RejectIsNakG) {
  auto s = station();
  s->verdict_policy = LLP_REJECT;
  s->feed(D(kM, 21));
  EXPECT_EQ(s->take(), N('G', 21));
  EXPECT_EQ(s->count(LLP_C_NAK_BUSY), 1u);
  EXPECT_TRUE(s->idle());
}

TEST(HllpResponder, ForgetSaysNothing) {
  auto s = station();
  s->verdict_policy = LLP_FORGET;
  s->feed(D(kM));
  EXPECT_EQ(s->take(), "");
  EXPECT_TRUE(s->idle());
  EXPECT_EQ(s->verdict(77, LLP_REJECT), LLP_ACKNOWLEDGED);  // of nothing
  EXPECT_EQ(s->take(), "");
}

// shows: hllp/D-18 hllp/6/busy+duplicate
TEST(HllpResponder, BusyDuplicateIsDropped) {
  auto s = serving();
  s->feed(D(kM));
  EXPECT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->count(LLP_C_DUPLICATES), 1u);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->transcript("begin"), "begin 1\n");
  s->feed(D("MSH|^~\\&|B\rPID|1\r"));  // as long, but another
  EXPECT_EQ(s->messages.size(), 2u);
  s->feed(D(kM, 21));  // another version, same data
  EXPECT_EQ(s->count(LLP_C_DUPLICATES), 2u);
}

TEST(HllpResponder, AnsweredMessageIsNoDuplicateAnyMore) {
  auto s = serving();
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->feed(D(kM));
  ASSERT_EQ(s->messages.size(), 2u);
  EXPECT_TRUE(s->messages[1].flags & LLP_END_REPEAT);
}

TEST(HllpResponder, DuplicateInFlowIsCancelledIfItHadToBegin) {
  const std::string text(200, 'x');
  auto s = station({{"flow", "yes"}});
  s->fixed_buffer = true;
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->feed(D(text));
  s->feed(D(text));
  EXPECT_EQ(s->messages.size(), 1u);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_SUPERSEDED);
  auto g = station({{"flow", "yes"}});
  g->verdict_policy = LLP_ACCEPT_ANSWER;
  g->feed(D(text) + D(text) + D(text + "y") + D(std::string(3000, 'z')) + D(std::string(3000, 'z')));
  EXPECT_EQ(g->messages.size(), 3u);
  EXPECT_THAT(g->cancelled, IsEmpty());
}

// shows: hllp/6/busy+other
TEST(HllpResponder, BusyQueueThenB) {
  auto s = station();
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  for (int i = 0; i < 8; i++) s->feed(D("m" + std::to_string(i)));
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->messages.size(), 8u);
  s->feed(D("m8"));
  EXPECT_EQ(s->take(), N('B'));
  EXPECT_EQ(s->messages.size(), 8u);
  s->feed(D("m3"));  // a duplicate is one all the same
  EXPECT_EQ(s->take(), "");
  // Answers go to the oldest first.
  s->submit(1, "a0", LLP_SUBMIT_REPLY);
  s->take();
  s->feed(D("m8"));
  EXPECT_EQ(s->messages.size(), 9u);
  s->feed(D("m0"));
  EXPECT_EQ(s->take(), N('B'));
}

// A repeat of what is being served is dropped; of what has its answer it is not.
TEST(HllpResponder, TheNamedMessageIsAnswered) {
  auto s = station();
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->feed(D("m1") + D("m2") + D("m3"));
  ASSERT_EQ(s->messages.size(), 3u);
  EXPECT_EQ(s->answer(1, "a2", s->messages[1].id), 0);
  EXPECT_EQ(s->take(), D("a2"));
  s->feed(D("m1") + D("m3"));
  EXPECT_EQ(s->messages.size(), 3u);
  s->feed(D("m2"));
  EXPECT_EQ(s->messages.size(), 4u);
  // Without a name it is the oldest's; the name of none is nobody's.
  EXPECT_EQ(s->answer(2, "a1", 0), 0);
  EXPECT_EQ(s->answer(3, "a0", 99), 0);
  EXPECT_EQ(s->take(), D("a1") + D("a0"));
  s->feed(D("m3") + D("m2"));
  EXPECT_EQ(s->messages.size(), 4u);
  s->feed(D("m1"));
  EXPECT_EQ(s->messages.size(), 5u);
}

// shows: hllp/6/busy+other
TEST(HllpResponder, QueueOfOne) {
  auto s = station({{"queue", "1"}});
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->feed(D("one") + D("a longer two"));
  EXPECT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->take(), N('B'));
  EXPECT_EQ(s->cancelled.size(), 1u);
  s->feed(D(""));  // nothing to serve
  EXPECT_EQ(s->messages.size(), 2u);
}

TEST(HllpResponder, ReplyToOurRequestNeedsNoPlaceInTheQueue) {
  auto s = station({{"queue", "1"}, {"match", "msa"}});
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->feed(D("one"));
  s->submit(1, kM, 0);
  s->feed(D(kA));
  EXPECT_EQ(s->messages.back().reply_to, 1u);
}

// shows: hllp/6/busy+bad
TEST(HllpResponder, BusyBadIsNaked) {
  auto s = serving();
  s->feed(kBad);
  EXPECT_EQ(s->take(), N('X'));
  EXPECT_EQ(s->messages.size(), 1u);
}

// shows: hllp/6/busy+sb
TEST(HllpResponder, NewBlockWhileTheReplyIsWritten) {
  auto s = serving();
  s->auto_pull = false;
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->feed(D("next").substr(0, 3));
  EXPECT_EQ(s->pull(), D(kA));
  s->tx_empty();
  s->feed(D("next").substr(3));
  EXPECT_THAT(s->texts(), ElementsAre(kM, "next"));
}

TEST(HllpResponder, NakGoesOutBeforeTheNextBlockNotInsideOne) {
  auto s = serving();
  s->auto_pull = false;
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->feed(kBad);
  EXPECT_EQ(s->pull(), N('X') + D(kA));
}

TEST(HllpResponder, NotReadyIsNakG) {
  auto s = station();
  s->ready(0);
  s->feed(D(kM));
  EXPECT_EQ(s->take(), N('G'));
  EXPECT_THAT(s->messages, IsEmpty());
  EXPECT_EQ(s->transcript("begin"), "");
  auto held = serving();
  held->ready(0);
  held->feed(D("x"));
  EXPECT_EQ(held->take(), N('G'));
  held->feed(D(kM));  // but the duplicate is dropped
  EXPECT_EQ(held->take(), "");
  held->feed(D(std::string(50, 'x')));
  EXPECT_EQ(held->take(), N('G'));
}

TEST(HllpResponder, NotReadyStillTakesTheReply) {
  auto s = waiting();
  s->ready(0);
  s->feed(D(kA));
  EXPECT_EQ(s->messages.at(0).reply_to, 1u);
}

// shows: common/8
TEST(HllpResponder, HangupCancelsAndForgets) {
  auto s = serving();
  s->feed(
      "\x0b"
      "D23\rMSH|A and more than was served before");
  s->hangup(false);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->verdict(1, LLP_REJECT), LLP_ACKNOWLEDGED);
  s->connect();
  EXPECT_EQ(s->take(), "");
  s->feed(D(kM));
  EXPECT_EQ(s->messages.size(), 2u);
  s->feed("\x0bN2");
  s->hangup(true);
  EXPECT_TRUE(s->logged("frame in N block 0 0 incomplete"));
  s->connect();
  s->feed("\x0b");
  s->hangup(true);
}

TEST(HllpResponder, HangupWhileTheReplyIsSent) {
  auto s = serving({{"resend_after_reconnect", "yes"}});
  s->auto_empty = false;
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->hangup(false);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

TEST(HllpResponder, AbortedReplyFreesItsPlace) {
  auto s = serving({{"queue", "1"}});
  s->auto_pull = false;
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->abort(1);
  EXPECT_EQ(s->pull(), "");
  s->feed(D("next"));
  EXPECT_EQ(s->messages.size(), 2u);
}

TEST(HllpResponder, AbortRx) {
  auto s = station();
  s->abort_rx();
  s->feed(D(kM).substr(0, 12));
  s->abort_rx();
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_ABORTED);
  s->feed(D(kM).substr(12));
  EXPECT_EQ(s->take(), N('B'));
}

// shows: hllp/D-10
TEST(HllpDrain, NakAtTheBlocksWholeEnd) {
  auto s = station({}, 1000000);
  s->feed(kBad);
  EXPECT_EQ(s->take(), N('X'));
}

// shows: hllp/D-10
TEST(HllpDrain, NakWaitsForTwoCharacterTimes) {
  auto s = station({}, 1000000);  // 1 ms
  s->feed(kBad.substr(0, kBad.size() - 1) + "x");
  EXPECT_EQ(s->take(), "");
  EXPECT_FALSE(s->idle());
  s->advance(1 * kMs);
  s->feed("yz");
  s->advance(2 * kMs - 1);
  EXPECT_EQ(s->take(), "");
  s->advance(1);
  EXPECT_EQ(s->take(), N('X'));
}

TEST(HllpDrain, NakAtTheEndOfTheNextBlock) {
  auto s = station({}, 1000000);
  s->feed(kBad.substr(0, kBad.size() - 1) + D(kM));
  EXPECT_EQ(s->take(), N('X'));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  s->feed(kBad.substr(0, kBad.size() - 1) + kBad.substr(0, kBad.size() - 1) + "y");
  EXPECT_EQ(s->take(), N('X'));  // the first: one place for what waits
  s->advance(2 * kMs);
  EXPECT_EQ(s->take(), N('X'));
}

TEST(HllpDrain, RejectWhileABlockArrives) {
  auto s = station({}, 1000000);
  s->verdict_policy.reset();
  s->feed(D(kM, 22) +
          "\x0b"
          "D23");
  s->verdict(1, LLP_REJECT);
  EXPECT_EQ(s->take(), "");
  s->advance(2 * kMs);
  EXPECT_EQ(s->take(), N('G', 22));
  s->hangup();
  s->connect();
  s->feed(kBad.substr(0, kBad.size() - 1) + "y");
  s->hangup();  // what waited is forgotten
  s->connect();
  s->advance(kSec);
  EXPECT_EQ(s->take(), "");
}

// shows: hllp/D-10
TEST(HllpDrain, WithoutAWireAtOnce) {
  auto s = station();
  s->feed(kBad.substr(0, kBad.size() - 1) + "x");
  EXPECT_EQ(s->take(), N('X'));
}

// Alike histories at different times look alike, different states do not.
TEST(HllpFingerprint, FollowsTheStateNotTheClock) {
  using Step = std::function<void(Station&)>;
  const std::vector<Step> steps = {
      [](Station& s) { s.feed("\x0b"); },
      [](Station& s) { s.feed("D2"); },
      [](Station& s) { s.feed(D(kM).substr(3, 9)); },
      [](Station& s) { s.feed(D(kM).substr(12, 10)); },
      [](Station& s) { s.feed(D(kM).substr(22)); },
      [](Station& s) {
        s.feed(
            "\x0b"
            "D23\r");
      },
      [](Station& s) { s.feed("abc\x1cx"); },
      [](Station& s) { s.advance(10 * kMs); },
      [](Station& s) { s.submit(static_cast<std::uint32_t>(s.results.size() + 1), kA, LLP_SUBMIT_REPLY); },
      [](Station& s) { s.advance(kSec); },
      [](Station& s) { s.feed(N('X')); },
      [](Station& s) { s.submit(static_cast<std::uint32_t>(s.results.size() + 1), kM, 0); },
      [](Station& s) { s.feed(N('C')); },
      [](Station& s) { s.hangup(false); },
  };
  for (std::uint32_t char_time : {0u, 1000000u}) {
    auto a = station({}, char_time), b = station({}, char_time);
    for (auto* s : {a.get(), b.get()}) s->verdict_policy = LLP_ACCEPT_ANSWER;
    b->advance(12345 * kSec);
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < steps.size(); i++) {
      steps[i](*a);
      steps[i](*b);
      EXPECT_EQ(a->fingerprint(), b->fingerprint()) << i;
      if (char_time) {
        EXPECT_NE(a->fingerprint(), last) << i;
      }
      last = a->fingerprint();
    }
  }
}

// Pulls n bytes of kA's block.
void pull_some(Station& s, std::size_t n) {
  llp_io io{};
  io.now = s.now;
  io.text = [](void*, std::uint32_t) { return reinterpret_cast<const std::uint8_t*>(kA.data()); };
  io.event = [](void*, const llp_event*) {};
  std::string out(n, '\0');
  EXPECT_EQ(llp_tx(&s.e(), &io, reinterpret_cast<std::uint8_t*>(out.data()), n), n);
  EXPECT_EQ(out, D(kA).substr(0, n));
}

TEST(HllpResponder, HangupInTheMiddleOfTheReply) {
  for (bool abort : {false, true}) {
    auto s = serving();
    s->auto_pull = false;
    s->submit(1, kA, LLP_SUBMIT_REPLY);
    pull_some(*s, D(kA).size() - 2);
    if (abort) s->abort(1);
    s->hangup(false);
    EXPECT_EQ(s->result(1).done_cause, abort ? LLP_CAUSE_ABORTED : LLP_CAUSE_HANGUP);
    EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_NOT_SENT);
    // The flag is not left for the next one.
    s->connect();
    s->submit(2, kA, LLP_SUBMIT_REPLY);
    s->pull();
    s->tx_empty();
    EXPECT_EQ(s->result(2).cause, LLP_OK);
  }
}

TEST(HllpResponder, StalledReply) {
  for (bool abort : {false, true}) {
    auto s = serving();
    s->auto_pull = false;
    s->submit(1, kA, LLP_SUBMIT_REPLY);
    pull_some(*s, 7);
    if (abort) s->abort(1);
    s->advance(31 * kSec);
    EXPECT_EQ(s->result(1).done_cause, abort ? LLP_CAUSE_ABORTED : LLP_CAUSE_NOREPLY);
    EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_NOT_SENT);
    EXPECT_TRUE(s->idle());
  }
  for (bool hangup : {false, true}) {
    auto s = serving();
    s->auto_pull = false;
    s->submit(1, kA, LLP_SUBMIT_REPLY);
    pull_some(*s, D(kA).size() - 1);
    if (hangup)
      s->hangup(true);
    else
      s->advance(31 * kSec);
    EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
  }
}

TEST(HllpResponder, ReplyWithoutAMessageToAnswer) {
  auto s = serving();
  s->verdict_policy = LLP_ACCEPT;
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  s->submit(2, kA, LLP_SUBMIT_REPLY);  // nothing is left to answer, yet it is sent
  EXPECT_EQ(s->take(), D(kA) + D(kA));
  s->verdict_policy.reset();
  s->feed(D("undecided"));
  s->submit(3, kA, LLP_SUBMIT_REPLY);
  EXPECT_EQ(s->state(), "serving");  // no answer was announced for that one
}

// shows: hllp/11.10
TEST(HllpContention, BothStartAtOnce) {
  auto a = waiting({{"match", "msa"}}), b = waiting({{"match", "msa"}});
  for (auto* s : {a.get(), b.get()}) {
    s->verdict_policy = LLP_ACCEPT_ANSWER;
    s->feed(D(kM));
    EXPECT_EQ(s->messages.at(0).reply_to, 0u);
    s->submit(2, kA, LLP_SUBMIT_REPLY);
    EXPECT_EQ(s->take(), D(kA));
    EXPECT_EQ(s->result(1).done, 0);
  }
  for (auto* s : {a.get(), b.get()}) {
    s->feed(D(kA));
    EXPECT_EQ(s->messages.at(1).reply_to, 1u);
    EXPECT_EQ(s->result(1).done, 1);
  }
}

TEST(HllpOther, NamesAndTurns) {
  auto s = station();
  s->request_turn();
  for (std::uint32_t t = 0; t < LLP_T__N; t++) EXPECT_STRNE(llp_timer_name(&s->e(), t), "");
  EXPECT_STREQ(llp_timer_name(&s->e(), LLP_T_P5), "unused");
  EXPECT_EQ(s->state(), "idle");
  s->auto_empty = false;
  s->submit(1, kM, 0);
  EXPECT_EQ(s->state(), "sending");
}

}  // namespace
}  // namespace llp::test::hllp
