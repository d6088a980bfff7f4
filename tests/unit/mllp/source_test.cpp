// SPDX-License-Identifier: BSD-3-Clause
//
// Release 2, source: every row of its states; which commit reply answers what.
#include "mllp/mllp_fixture.hpp"

namespace llp::test::mllp {
namespace {

using ::testing::IsEmpty;

// shows: mllp/1/block mllp/2/source-1 mllp/2/source-2 mllp/2/source-4 mllp/4/source+message
// shows: mllp/4/source+ack mllp/6/r2 interop/11/mllp/release
TEST(MllpSource, WorkedExample) {
  auto s = r2();
  EXPECT_EQ(s->submit(1, kM, 0), 0);
  EXPECT_EQ(to_hex(s->take()), kMHex);
  EXPECT_EQ(s->state(), "waiting for commit");
  s->feed_hex("0B 06 1C 0D");
  EXPECT_EQ(s->result(1).cause, LLP_OK);
  EXPECT_EQ(s->result(1).outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s->result(1).done, 0);
  s->feed_hex(kAHex);
  EXPECT_EQ(s->messages.at(0).reply_to, 1u);
  EXPECT_EQ(to_hex(s->take()), "0B 06 1C 0D");
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  EXPECT_TRUE(s->idle());
}

// shows: mllp/4/source+nak mllp/6/r2-nak
TEST(MllpSource, WorkedExampleNak) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->feed_hex("0B 15 1C 0D");
  EXPECT_EQ(to_hex(s->take()), kMHex);
  s->feed_hex("0B 06 1C 0D");
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s->count(LLP_C_NAKS_RECEIVED), 1u);
}

// shows: mllp/4/source+t-c mllp/6/r2-lost
TEST(MllpSource, WorkedExampleLost) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->advance(30 * kSec - 1);
  EXPECT_EQ(s->take(), "");
  s->advance(1);
  EXPECT_EQ(to_hex(s->take()), kMHex);
  s->feed_hex("0B 06 1C 0D");
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
}

// shows: mllp/D-1 mllp/1/release2-data
TEST(MllpSource, NoCommitReplyBytesAmongTheText) {
  auto s = r2();
  for (const char* text : {"\x06", "\x15", "a\tb", "a\nb", "a\x1b", "a\x0b", "a\x1c"})
    EXPECT_EQ(s->submit(1, text), -EILSEQ) << words(text);
  EXPECT_EQ(s->submit(1, std::string("a\0b", 3)), -EILSEQ);
  EXPECT_EQ(s->submit(1, "a\r\x7f\x80\xff and more than eight"), 0);
  auto sp = r2({{"illegal", "space"}});
  EXPECT_EQ(sp->submit(1, "a\tb"), -EILSEQ);
  EXPECT_EQ(sp->submit(1,
                       "a\x0b"
                       "b\x1c"),
            0);
  EXPECT_EQ(sp->take(), block("a b "));
  auto other = r2({{"sb", "'<'"}, {"eb_char", "'>'"}});
  EXPECT_EQ(other->submit(1, "a<b"), -EILSEQ);
  EXPECT_EQ(other->submit(1, "a>"), -EILSEQ);
  EXPECT_EQ(other->submit(1, "a"), 0);
  auto osp = r2({{"sb", "'<'"}, {"eb_char", "'>'"}, {"illegal", "space"}});
  EXPECT_EQ(osp->submit(1, "a<b>"), 0);
  EXPECT_EQ(osp->take(), "<a b >\r");
}

// shows: common/1 mllp/4/source+message
TEST(MllpSource, TcStartsWhenTheTransmitterIsEmpty) {
  auto s = r2();
  s->auto_empty = false;
  s->submit(1, kM);
  s->take();
  EXPECT_EQ(s->state(), "sending");
  s->advance(25 * kSec);
  s->tx_empty();
  s->advance(30 * kSec - 1);
  EXPECT_EQ(s->take(), "");
  s->advance(1);
  EXPECT_EQ(s->take(), block(kM));
}

TEST(MllpSource, ReplyBeforeTheTransmitterSaysItIsEmpty) {
  auto s = r2();
  s->auto_empty = false;
  s->submit(1, kM);
  s->take();
  s->feed(kAck);
  EXPECT_EQ(s->result(1).done, 1);
  s->tx_empty();
  EXPECT_FALSE(s->left(LLP_T_P2).has_value());
}

// shows: mllp/2/source-3 mllp/4/source+nak mllp/4/source+end
TEST(MllpSource, WaitNakUntilNr) {
  auto s = r2();
  s->submit(1, kM);
  for (int i = 0; i < 4; i++) {
    EXPECT_EQ(s->take(), block(kM)) << i;
    EXPECT_EQ(s->result(1).done, 0);
    s->advance(kSec);
    s->feed(kNak);
  }
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_REFUSED);
  EXPECT_EQ(s->count(LLP_C_RETRANSMISSIONS), 3u);
}

// shows: mllp/4/source+nak
TEST(MllpSource, TcStandsStillDuringTheResend) {
  auto s = r2({{"resends", "1"}});
  s->submit(1, kM);
  s->take();
  s->auto_pull = false;
  s->advance(29 * kSec);
  s->feed(kNak);
  s->advance(20 * kSec);
  EXPECT_EQ(s->result(1).done, 0);
  EXPECT_EQ(s->pull(), block(kM));
  s->tx_empty();
  EXPECT_EQ(s->left(LLP_T_P2), 30 * kSec);
}

// shows: mllp/D-3 mllp/2/source-3 mllp/4/source+t-c mllp/4/source+end
TEST(MllpSource, WaitTcUntilNr) {
  auto s = r2();
  s->submit(1, kM);
  for (int i = 0; i < 4; i++) {
    EXPECT_EQ(s->take(), block(kM)) << i;
    s->advance(30 * kSec);
  }
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_NOREPLY);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
  EXPECT_EQ(s->count(LLP_C_TIMEOUTS), 4u);
}

TEST(MllpSource, NakAfterATimeoutLeavesTheOutcomeOpen) {
  auto s = r2({{"resends", "1"}});
  s->submit(1, kM);
  s->advance(30 * kSec);
  s->feed(kNak);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

// shows: mllp/4/source+end interop/11/mllp/times
TEST(MllpSource, TriesAtTheirEnd) {
  auto s = r2({{"resends", "100"}});
  s->submit(1, kM);
  for (int i = 0; i <= 100; i++) {
    ASSERT_EQ(s->take(), block(kM)) << i;
    s->feed(kNak);
  }
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED);
  auto z = r2({{"resends", "0"}});
  z->submit(1, kM);
  z->feed(kNak);
  EXPECT_EQ(z->result(1).done_cause, LLP_CAUSE_REJECTED);
}

// shows: mllp/D-6 mllp/4/source+idle-reply
TEST(MllpSource, IdleCommitRepliesAreIgnored) {
  auto s = r2();
  s->feed(kAck + kNak);
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 2u);
  EXPECT_THAT(s->messages, IsEmpty());
  EXPECT_TRUE(s->logged("frame in commit ACK 0 0 ignored"));
}

TEST(MllpSource, GarbageAndBrokenBlocksAreNoReply) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->feed("\x06\r\x15");
  s->feed("\x06", LLP_FLAG_PARITY);
  EXPECT_EQ(s->result(1).done, 0);
  EXPECT_EQ(s->state(), "waiting for commit");
}

// shows: mllp/D-12
TEST(MllpSource, SettlesAfterAResendByTimeout) {
  auto s = r2();
  s->submit(1, kM);
  s->advance(30 * kSec);
  s->feed(kAck);  // of the first try, late, or of the second
  EXPECT_EQ(s->result(1).done, 1);
  s->take();
  EXPECT_EQ(s->submit(2, "two"), 0);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->state(), "queued");
  s->feed(kAck);  // the second one: not for "two"
  EXPECT_EQ(s->result(2).done, 0);
  s->advance(kSec - 1);
  EXPECT_EQ(s->take(), "");
  s->advance(1);
  EXPECT_EQ(s->take(), block("two"));
}

// shows: mllp/D-12 interop/11/mllp/times
TEST(MllpSource, SettleTimeIsATenthOfTcWithinBounds) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"30s", kSec}, {"5s", 500 * kMs}, {"200ms", 100 * kMs}};
  for (const auto& [t_c, settle] : cases) {
    auto s = r2({{"t_c", t_c}});
    s->submit(1, kM);
    s->next();
    s->feed(kAck);
    EXPECT_EQ(s->left(LLP_T_P3), settle) << t_c;
  }
}

// What docs/promises.md says of the case mllp2-late-commit. A block is over when its last byte has left.
struct Late {
  std::uint64_t pause = 0;   // p
  std::uint64_t delay = 0;   // of the reply to the first try
  std::uint64_t second = 0;  // of the reply to the repeat
  bool excluded = false;     // ... which therefore is not taken for the next block's
  bool longer = false;       // settle_min = settle_max = T_c = 30 s
};

// shows: mllp/D-12
TEST(MllpSource, WhichDelaysTheSettlingExcludes) {
  const Late cases[] = {
      // The repeat's own reply takes no longer than p: discarded, whenever the first one came.
      {kSec, 30 * kSec, kSec - 1, true},
      {kSec, 31 * kSec, 2 * kSec - 1, true},
      {kSec, 30 * kSec, kSec + 1, false},
      {30 * kSec, 30 * kSec, 30 * kSec - 1, true, true},
      {30 * kSec, 30 * kSec, 30 * kSec + 1, false, true},
  };
  for (const Late& c : cases) {
    auto s = c.longer ? r2({{"settle_max", "30s"}, {"settle_min", "30s"}}) : r2();
    s->submit(1, kM);
    s->advance(30 * kSec);  // sent again
    s->advance(c.delay - 30 * kSec);
    s->feed(kAck);
    ASSERT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
    EXPECT_EQ(s->left(LLP_T_P3), c.pause);
    s->take();
    s->submit(2, "two");
    s->advance(c.second - (c.delay - 30 * kSec));
    EXPECT_EQ(s->take(), c.excluded ? "" : block("two"));
    s->feed(kAck);
    EXPECT_EQ(s->result(2).done, c.excluded ? 0 : 1) << c.second;
  }
}

// A try that was sent again, or given up, may be answered T_c and p late.
// shows: mllp/D-12
TEST(MllpSource, SettlingExcludesTcAndThePauseForEarlierTries) {
  for (const char* resends : {"0", "1"}) {
    auto s = r2({{"resends", resends}});
    const bool repeats = *resends == '1';
    s->submit(1, kM);
    s->advance(30 * kSec);
    if (repeats) s->feed(kAck);  // of the repeat, at once
    EXPECT_EQ(s->result(1).done_outcome, repeats ? LLP_OUT_DELIVERED : LLP_OUT_UNKNOWN);
    s->take();
    s->submit(2, "two");
    s->advance(kSec - 1);
    s->feed(kAck);
    EXPECT_EQ(s->take(), "");
    s->advance(1);
    EXPECT_EQ(s->take(), block("two"));
    EXPECT_EQ(s->result(2).done, 0);
  }
}

// shows: mllp/D-12
TEST(MllpSource, NoSettlingWithoutTimeout) {
  auto s = r2();
  s->submit(1, kM);
  s->feed(kNak);
  s->feed(kAck);
  s->take();
  s->submit(2, "two");
  EXPECT_EQ(s->take(), block("two"));
}

TEST(MllpSource, SettlesAfterFailureToo) {
  auto s = r2({{"resends", "0"}});
  s->submit(1, kM);
  s->advance(30 * kSec);
  EXPECT_EQ(s->result(1).done, 1);
  EXPECT_EQ(s->left(LLP_T_P3), kSec);
  auto t = r2({{"resends", "1"}});
  t->submit(1, kM);
  t->advance(30 * kSec);
  t->feed(kNak);
  EXPECT_EQ(t->left(LLP_T_P3), kSec);
}

TEST(MllpSource, LateAckDuringTheResend) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->auto_pull = false;
  s->advance(30 * kSec);  // the resend is queued, nothing of it is out
  s->feed(kAck);
  EXPECT_EQ(s->result(1).done, 1);
  EXPECT_EQ(s->pull(), "");
}

// The next block cannot be acknowledged before its end is out: what comes then is still discarded.
TEST(MllpSource, ALateReplyInsideTheNextBlockIsDiscarded) {
  auto s = r2();
  s->submit(1, kM);
  s->advance(30 * kSec);
  s->feed(kAck);
  s->submit(2, kM);
  s->auto_pull = false;
  s->advance(kSec);
  s->take();
  const std::string b = block(kM);
  EXPECT_EQ(s->pull_some(b.size() - 1), b.substr(0, b.size() - 1));
  s->feed(kAck);
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
  EXPECT_EQ(s->pull(), b.substr(b.size() - 1));
  s->tx_empty();
  EXPECT_EQ(s->result(2).done, 0);
  s->feed(kAck);
  EXPECT_EQ(s->result(2).done_outcome, LLP_OUT_DELIVERED);
}

TEST(MllpSource, LateAckInTheMiddleOfTheResendFinishesTheBlock) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->auto_pull = false;
  s->advance(30 * kSec);
  EXPECT_EQ(s->pull_some(5), block(kM).substr(0, 5));
  s->feed(kAck);
  EXPECT_EQ(s->result(1).done, 0);
  EXPECT_EQ(s->pull(), block(kM).substr(5));
  s->tx_empty();
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
  EXPECT_TRUE(s->left(LLP_T_P3).has_value());
}

TEST(MllpSource, NakInTheMiddleOfTheFirstTry) {
  auto s = r2();
  s->auto_pull = false;
  s->submit(1, kM);
  s->feed(kNak);  // nothing is out: not for it
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
  EXPECT_EQ(s->pull_some(5), block(kM).substr(0, 5));
  s->feed(kAck);  // nobody has seen the whole block yet
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 2u);
  s->feed(kNak);
  EXPECT_EQ(s->pull(), block(kM).substr(5));
  s->tx_empty();
  EXPECT_EQ(s->pull(), block(kM));
  s->tx_empty();
  s->feed(kAck);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
}

TEST(MllpSource, LateNakInTheMiddleOfAResendIsForTheTryBefore) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->auto_pull = false;
  s->advance(30 * kSec);
  s->pull_some(5);
  s->feed(kNak);
  EXPECT_EQ(s->count(LLP_C_UNEXPECTED), 1u);
  s->pull();
  s->tx_empty();
  EXPECT_EQ(s->pull(), "");
  EXPECT_EQ(s->state(), "waiting for commit");
}

TEST(MllpSource, ReplyWhileTheRequestWaitsForItsReplyIsNotTheRequest) {
  auto s = station({{"resend_after_reconnect", "yes"}, {"match", "msa"}});
  s->submit(1, kM, 0);
  s->auto_empty = false;
  s->take();
  s->submit(2, kA, LLP_SUBMIT_REPLY);
  s->hangup(false);  // the reply is what was on its way
  s->connect();
  EXPECT_EQ(s->take(), block(kA) + block(kA));
}

// Alike histories at different times look alike, different states do not.
TEST(MllpFingerprint, FollowsTheStateNotTheClock) {
  using Step = std::function<void(Station&)>;
  const std::vector<Step> steps = {
      [](Station& s) { s.feed("\x0b"); },
      [](Station& s) { s.feed("MSH"); },
      [](Station& s) { s.feed("\x1c"); },
      [](Station& s) { s.feed("\r"); },
      [](Station& s) { s.feed("\x0bMS"); },
      [](Station& s) { s.verdict(s.messages.back().id, LLP_ACCEPT); },
      [](Station& s) { s.feed("H\x1c\r"); },
      [](Station& s) { s.submit(static_cast<std::uint32_t>(s.results.size() + 1), kM, 0); },
      [](Station& s) { s.advance(kSec); },
      [](Station& s) { s.feed(kNak); },
      [](Station& s) { s.advance(30 * kSec); },
      [](Station& s) { s.feed("\x0b\x06"); },
      [](Station& s) { s.feed("\x1c\r"); },
      [](Station& s) { s.feed("x"); },
      [](Station& s) { s.hangup(false); },
  };
  for (const char* dedup : {"no", "yes"}) {
    auto a = r2({{"dedup", dedup}}), b = r2({{"dedup", dedup}});
    for (auto* s : {a.get(), b.get()}) s->verdict_policy.reset();
    b->advance(12345 * kSec);
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < steps.size(); i++) {
      steps[i](*a);
      steps[i](*b);
      EXPECT_EQ(a->fingerprint(), b->fingerprint()) << i;
      EXPECT_NE(a->fingerprint(), last) << i;
      last = a->fingerprint();
    }
  }
}

// shows: mllp/D-7
TEST(MllpSource, ContentionBothDirectionsAreIndependent) {
  auto s = r2({{"match", "msa"}});
  s->verdict_policy.reset();
  s->submit(1, kM, 0);
  s->take();
  s->advance(10 * kSec);
  s->feed(block(kM));                       // theirs, while we wait for our commit reply
  EXPECT_EQ(s->left(LLP_T_P2), 20 * kSec);  // T_c is not restarted
  s->feed(kAck);
  EXPECT_EQ(s->result(1).sent, 1);
  s->verdict(1, LLP_ACCEPT);
  EXPECT_EQ(s->take(), kAck);
}

TEST(MllpSource, CommitReplyAfterHalfABlockOfTheirs) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->feed("\x0bMSH" + kAck);  // VT in mid block: begun anew, and it is a commit reply
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_SUPERSEDED);
}

}  // namespace
}  // namespace llp::test::mllp
