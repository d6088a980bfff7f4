// SPDX-License-Identifier: BSD-3-Clause
//
// Release 2, destination: every row of its states; verdicts in and out of time;
// repeats.
#include "mllp/mllp_fixture.hpp"

namespace llp::test::mllp {
namespace {

using ::testing::IsEmpty;

// A destination whose reader takes its time.
std::unique_ptr<Station> slow(Options options = {}) {
  auto s = r2(options);
  s->verdict_policy.reset();
  return s;
}

// shows: mllp/D-4 mllp/2/source-4 mllp/2/dest-3 mllp/4/dest+block mllp/6/r2 interop/11/mllp/commit
TEST(MllpDest, WorkedExample) {
  auto s = slow();
  s->feed_hex(kMHex);
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].flags, LLP_END_PENDING);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT_ANSWER), LLP_ACKNOWLEDGED);
  EXPECT_EQ(to_hex(s->take()), "0B 06 1C 0D");
  EXPECT_TRUE(s->messages[0].acked);
  s->submit(1, kA, LLP_SUBMIT_REPLY);
  EXPECT_EQ(to_hex(s->take()), kAHex);
  s->feed(kAck);
  EXPECT_EQ(s->result(1).done, 1);
}

// shows: mllp/2/dest-3 mllp/4/dest+block
TEST(MllpDest, RejectIsNak) {
  auto s = slow();
  s->feed(block(kM));
  EXPECT_EQ(s->verdict(1, LLP_REJECT), LLP_ACKNOWLEDGED);
  EXPECT_EQ(to_hex(s->take()), "0B 15 1C 0D");
  s->feed(block(kM));  // the repeat is a message again
  EXPECT_EQ(s->messages.size(), 2u);
  EXPECT_EQ(s->verdict(2, LLP_FORGET), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s->take(), "");
}

// shows: mllp/2/dest-2 mllp/4/dest+broken
TEST(MllpDest, BlockBrokenBySilenceIsNotAnswered) {
  auto s = r2();
  s->feed("\x0bMSH");
  s->advance(60 * kSec);
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->cancelled.size(), 1u);
}

// shows: mllp/3/skip mllp/4/dest+bad
TEST(MllpDest, TooLongIsNaked) {
  auto s = r2({{"max_message", "3"}});
  s->feed(block("123"));
  EXPECT_EQ(s->take(), kAck);
  s->feed(block("1234"));
  EXPECT_EQ(s->take(), kNak);
  EXPECT_EQ(s->count(LLP_C_NAK_TOO_LONG), 1u);
}

// shows: mllp/1/release2-data mllp/4/dest+bad
TEST(MllpDest, IllegalCharactersAreNaked) {
  for (int c = 0; c < 256; c++) {
    const char ch = static_cast<char>(c);
    if (ch == '\x0b' || ch == '\x1c') continue;
    auto s = r2();
    s->feed(block(std::string("some text ") + ch + " more"));
    const bool good = c >= 32 || c == 13;
    EXPECT_EQ(s->take(), good ? kAck : kNak) << c;
    EXPECT_EQ(s->messages.size(), good ? 1u : 0u) << c;
    if (!good) {
      EXPECT_EQ(s->count(LLP_C_NAK_FORMAT), 1u);
    }
  }
}

// shows: mllp/1/release2-data
TEST(MllpDest, EmptyIsNaked) {
  auto s = r2();
  s->feed(block(""));
  EXPECT_EQ(s->take(), kNak);
  EXPECT_THAT(s->messages, IsEmpty());
}

TEST(MllpDest, AckOrNakWithMoreBehindItIsIllegal) {
  for (const char* text : {"\x06x", "\x15\x15", "\x06\x06\x06"}) {
    auto s = r2();
    s->feed(block(text));
    EXPECT_EQ(s->take(), kNak) << words(text);
    EXPECT_EQ(s->transcript("begin"), "");
  }
}

TEST(MllpDest, FlaggedIsNaked) {
  auto s = r2();
  s->feed("\x0bMS");
  s->feed("H", LLP_FLAG_PARITY);
  s->feed("|\x1c\r");
  EXPECT_EQ(s->take(), kNak);
  EXPECT_EQ(s->count(LLP_C_NAK_FLAG), 1u);
  s->feed("\x0bMSH\x1c");
  s->feed("\r", LLP_FLAG_FRAME);
  EXPECT_EQ(s->take(), kNak);
}

TEST(MllpDest, StrictAndErrorBlocksAreNaked) {
  auto s = r2({{"eb", "strict"}});
  s->feed("\x0bMSH\x1cx");
  EXPECT_EQ(s->take(), kNak);
  auto v = r2({{"vt", "error"}});
  v->feed("\x0bMSH\x0b");
  EXPECT_EQ(v->take(), kNak);
}

TEST(MllpDest, NotReadyIsNaked) {
  auto s = r2();
  s->ready(0);
  s->feed(block(kM));
  EXPECT_EQ(s->take(), kNak);
  EXPECT_EQ(s->count(LLP_C_NAK_BUSY), 1u);
  s->submit(1, kM, 0);
  s->feed(kAck);
  s->take();
  s->feed(block(kA));  // the reply is wanted
  EXPECT_EQ(s->take(), kAck);
}

TEST(MllpDest, NotReadyStillKnowsTheRepeat) {
  auto s = slow();
  s->feed(block(kM));
  s->ready(0);
  s->feed(block(kM));
  EXPECT_EQ(s->take(), "");
  s->feed(block("other"));
  EXPECT_EQ(s->take(), kNak);
  EXPECT_TRUE(s->messages[0].cancelled);
}

// ---- verdicts out of time ----

// shows: mllp/D-4
TEST(MllpDest, TimeIsGainedByNak) {
  auto s = slow();
  s->feed(block(kM));
  s->advance(18 * kSec - 1);
  EXPECT_EQ(s->take(), "");
  s->advance(1);
  EXPECT_EQ(s->take(), kNak);
  EXPECT_EQ(s->count(LLP_C_NAK_TIME), 1u);
  s->feed(block(kM));
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->transcript("begin"), "begin 1\n");
  s->advance(18 * kSec);
  EXPECT_EQ(s->take(), kNak);
  s->feed(block(kM));
  s->advance(17 * kSec);
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s->take(), kAck);
  EXPECT_EQ(s->count(LLP_C_DUPLICATES), 2u);
}

// shows: mllp/D-4
TEST(MllpDest, BudgetIsPeerTcTimesItsTries) {
  auto s = slow();
  s->feed(block(kM));
  for (int i = 0; i < 2; i++) {
    s->advance(18 * kSec);
    EXPECT_EQ(s->take(), kNak);
    s->feed(block(kM));
  }
  s->advance(18 * kSec - 1);
  EXPECT_FALSE(s->messages[0].cancelled);
  s->advance(1);
  EXPECT_TRUE(s->messages[0].cancelled);
  EXPECT_EQ(s->messages[0].cause, LLP_CAUSE_VERDICT_LATE);
  EXPECT_EQ(s->take(), kNak);  // tells the source that it failed
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT), LLP_GONE);
  EXPECT_EQ(llp_params_app_budget(&s->params(), LLP_PROTO_MLLP), 54000000u);
  s->feed(block(kM));
  EXPECT_EQ(s->messages.size(), 2u);
}

TEST(MllpDest, NoResendsByThePeerNoTimeGained) {
  auto s = slow({{"peer_resends", "0"}});
  s->feed(block(kM));
  s->advance(18 * kSec);
  EXPECT_EQ(s->take(), kNak);
  EXPECT_TRUE(s->messages[0].cancelled);
}

TEST(MllpDest, AcceptWhileTheRepeatIsAwaitedIsLate) {
  auto s = slow();
  s->feed(block(kM));
  s->advance(18 * kSec);
  s->take();
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT_ANSWER), LLP_LATE);
  EXPECT_EQ(s->take(), "");
  EXPECT_FALSE(s->messages[0].acked);
  s->feed(block(kM));
  EXPECT_EQ(s->take(), kAck);
  EXPECT_TRUE(s->messages[0].acked);
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT), LLP_GONE);  // a second one
}

TEST(MllpDest, RejectWhileTheRepeatIsAwaited) {
  auto s = slow();
  s->feed(block(kM));
  s->advance(18 * kSec);
  EXPECT_EQ(s->take(), kNak);
  EXPECT_EQ(s->verdict(1, LLP_REJECT), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s->take(), "");  // refused already
  s->feed(block(kM));
  EXPECT_EQ(s->messages.size(), 2u);
}

TEST(MllpDest, RepeatThatNeverComes) {
  for (bool accept : {false, true}) {
    auto s = slow();
    s->feed(block(kM));
    s->advance(18 * kSec);
    if (accept) {
      EXPECT_EQ(s->verdict(1, LLP_ACCEPT), LLP_LATE);
    }
    s->advance(30 * kSec - 1);
    EXPECT_FALSE(s->messages[0].cancelled);
    s->advance(1);
    EXPECT_TRUE(s->messages[0].cancelled);
    EXPECT_EQ(s->messages[0].cause, LLP_CAUSE_VERDICT_LATE);
    EXPECT_EQ(s->messages[0].cancel_accepted, accept);
  }
}

TEST(MllpDest, RepeatOnItsWayKeepsTheMessage) {
  auto s = slow();
  s->feed(block(kM));
  s->advance(18 * kSec);
  EXPECT_EQ(s->take(), kNak);
  s->advance(29 * kSec);
  s->feed(block(kM).substr(0, 5));
  s->advance(30 * kSec);
  EXPECT_FALSE(s->messages[0].cancelled);
  s->feed(block(kM).substr(5));
  EXPECT_EQ(s->verdict(1), LLP_ACKNOWLEDGED);
}

TEST(MllpDest, RepeatByThePeersOwnTimer) {
  auto s = slow();
  s->feed(block(kM));
  s->advance(10 * kSec);
  s->feed(block(kM));  // its T_c is shorter than we were told
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->left(LLP_T_PENDING), 18 * kSec);
  s->advance(18 * kSec);
  EXPECT_EQ(s->take(), kNak);  // the second of two gains
  s->feed(block(kM));
  s->feed(block(kM));
  s->advance(18 * kSec);
  EXPECT_TRUE(s->messages[0].cancelled);
}

TEST(MllpDest, AcceptWhileTheRepeatArrivesIsOneAck) {
  auto s = slow();
  s->feed(block(kM));
  s->feed(block(kM).substr(0, 7));
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT), LLP_LATE);
  EXPECT_EQ(s->take(), "");
  s->feed(block(kM).substr(7));
  EXPECT_EQ(s->take(), kAck);
  EXPECT_TRUE(s->messages[0].acked);
  EXPECT_EQ(s->messages.size(), 1u);
}

TEST(MllpDest, AcceptWhileSomethingElseArrives) {
  // A commit reply of theirs: the ACK goes out after it.
  auto s = slow();
  s->feed(block(kM) + "\x0b\x06");
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT), LLP_LATE);
  s->feed("\x1c\r");
  EXPECT_EQ(s->take(), kAck);
  // A repeat cut off.
  auto t = slow();
  t->feed(block(kM) + "\x0bMSH");
  EXPECT_EQ(t->verdict(1, LLP_ACCEPT), LLP_LATE);
  t->advance(60 * kSec);
  EXPECT_EQ(t->take(), kAck);
  EXPECT_TRUE(t->messages[0].acked);
  // A repeat damaged: NAK, and the next one is acknowledged.
  auto u = slow();
  u->feed(block(kM) + "\x0bMS");
  u->feed("H", LLP_FLAG_PARITY);
  EXPECT_EQ(u->verdict(1, LLP_ACCEPT), LLP_LATE);
  u->feed("\x1c\r");
  EXPECT_EQ(u->take(), kNak);
  u->feed(block(kM));
  EXPECT_EQ(u->take(), kAck);
  // Another message: the source has gone on.
  auto v = slow();
  v->feed(block(kM) + "\x0bMSH");
  EXPECT_EQ(v->verdict(1, LLP_ACCEPT), LLP_LATE);
  v->feed("|other\x1c\r");
  EXPECT_TRUE(v->messages[0].cancelled);
  EXPECT_TRUE(v->messages[0].cancel_accepted);
  EXPECT_EQ(v->verdict(2, LLP_ACCEPT), LLP_ACKNOWLEDGED);
}

TEST(MllpDest, TimerWhileTheRepeatArrives) {
  auto s = slow();
  s->feed(block(kM));
  s->advance(17 * kSec);
  s->feed(block(kM).substr(0, 7));
  s->advance(2 * kSec);
  EXPECT_EQ(s->take(), "");
  s->feed(block(kM).substr(7));
  EXPECT_EQ(s->verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s->take(), kAck);
}

TEST(MllpDest, AnotherMessageSupersedes) {
  auto s = slow();
  s->feed(block(kM));
  s->feed(block("other"));
  EXPECT_TRUE(s->messages[0].cancelled);
  EXPECT_EQ(s->messages[0].cause, LLP_CAUSE_SUPERSEDED);
  EXPECT_FALSE(s->messages[0].cancel_accepted);
  EXPECT_EQ(s->verdict(1), LLP_GONE);
  EXPECT_EQ(s->verdict(2), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s->take(), kAck);
  // Known to be another as soon as it is longer.
  auto l = slow();
  l->feed(block(kM));
  l->feed("\x0b" + kM);
  EXPECT_FALSE(l->messages[0].cancelled);
  l->feed("x");
  EXPECT_TRUE(l->messages[0].cancelled);
  EXPECT_TRUE(l->logged("begin 2"));
}

TEST(MllpDest, SameLengthOtherBytes) {
  auto s = slow();
  s->feed(block("aaaa") + block("aaab"));
  EXPECT_EQ(s->messages.size(), 2u);
}

// shows: common/8
TEST(MllpDest, HangupWhilePending) {
  auto s = slow();
  s->feed(block(kM));
  s->hangup(false);
  EXPECT_TRUE(s->messages[0].cancelled);
  EXPECT_EQ(s->messages[0].cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->verdict(1), LLP_GONE);
  auto t = slow();
  t->feed(block(kM));
  t->advance(18 * kSec);
  t->verdict(1, LLP_ACCEPT);
  t->hangup(false);
  EXPECT_TRUE(t->messages[0].cancel_accepted);
}

TEST(MllpDest, HangupWhileTheRepeatArrivesAcknowledgesNothing) {
  auto s = slow();
  s->feed(block(kM) + "\x0bMSH");
  EXPECT_EQ(s->verdict(1, LLP_ACCEPT), LLP_LATE);
  s->hangup(false);
  EXPECT_FALSE(s->messages[0].acked);
  EXPECT_TRUE(s->messages[0].cancel_accepted);
  EXPECT_EQ(s->take(), "");
}

TEST(MllpDest, VerdictOnAnotherIsGone) {
  auto s = slow();
  EXPECT_EQ(s->verdict(5), LLP_GONE);
  s->feed(block(kM));
  EXPECT_EQ(s->verdict(5), LLP_GONE);
  EXPECT_EQ(s->count(LLP_C_VERDICTS_GONE), 2u);
}

// ---- dedup ----

// shows: mllp/D-5
TEST(MllpDest, WithoutDedupARepeatIsAMessage) {
  auto s = r2();
  s->feed(block(kM) + block(kM));
  EXPECT_EQ(s->messages.size(), 2u);
  EXPECT_TRUE(s->messages[1].flags & LLP_END_REPEAT);
  EXPECT_EQ(s->count(LLP_C_REPEATS), 1u);
}

// shows: mllp/D-5 interop/11/mllp/dedup
TEST(MllpDest, DedupAcknowledgesAndDrops) {
  auto s = r2({{"dedup", "yes"}});
  s->feed(block(kM));
  EXPECT_EQ(s->take(), kAck);
  s->advance(30 * kSec);
  s->feed(block(kM));
  EXPECT_EQ(s->take(), kAck);
  EXPECT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->count(LLP_C_DUPLICATES), 1u);
  s->feed(kAck);  // a commit reply is no block between
  s->feed(block(kM));
  EXPECT_EQ(s->messages.size(), 1u);
}

// shows: mllp/D-5
TEST(MllpDest, DedupEnds) {
  auto time = r2({{"dedup", "yes"}});
  time->feed(block(kM));
  time->advance(90 * kSec - 1);
  time->feed(block(kM));
  EXPECT_EQ(time->messages.size(), 1u);
  time->advance(1);
  time->feed(block(kM));
  EXPECT_EQ(time->messages.size(), 2u);
  auto other = r2({{"dedup", "yes"}});
  other->feed(block(kM) + block("x") + block(kM));
  EXPECT_EQ(other->messages.size(), 3u);
  // A block that was refused is a block between, too.
  for (const char* bad : {"A\x11", "", "A\x06"}) {
    auto refused = r2({{"dedup", "yes"}});
    refused->feed(block("A\r") + block(bad));
    EXPECT_EQ(refused->take(), kAck + kNak) << bad;
    refused->feed(block("A\r"));
    EXPECT_EQ(refused->take(), kAck) << bad;
    EXPECT_EQ(refused->messages.size(), 2u) << bad;
    EXPECT_TRUE(refused->messages.back().flags & LLP_END_REPEAT) << bad;
  }
  auto connection = r2({{"dedup", "yes"}});
  connection->feed(block(kM));
  connection->hangup();
  connection->connect();
  connection->feed(block(kM));
  EXPECT_EQ(connection->messages.size(), 2u);
}

TEST(MllpDest, EveryBadBlockOfAReadIsAnswered) {
  std::string many, naks;
  for (int i = 0; i < 40; i++) {
    many += block("A\x11");
    naks += kNak;
  }
  auto s = r2();
  s->feed(many);
  EXPECT_EQ(s->take(), naks);
}

TEST(MllpDest, DedupWhilePending) {
  auto s = slow({{"dedup", "yes"}});
  s->feed(block("a longer one"));
  s->verdict(1);
  s->feed(block("short"));
  s->feed(block("a longer one"));
  EXPECT_EQ(s->messages.size(), 3u);  // "short" came between
  s->verdict(3);
  s->feed(block("tiny"));
  EXPECT_EQ(s->messages.size(), 4u);
}

// ---- flow-through ----

TEST(MllpDest, FlowRepeatWhilePending) {
  const std::string text(3000, 'x');
  auto s = slow({{"flow", "yes"}});
  s->feed(block(text));
  s->advance(18 * kSec);
  s->feed(block(text));
  EXPECT_EQ(s->transcript("begin"), "begin 1\n");
  EXPECT_EQ(s->verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s->take(), kNak + kAck);
}

TEST(MllpDest, FlowRepeatWithAFixedBufferIsCancelledAtItsEnd) {
  const std::string text(3000, 'x');
  auto s = slow({{"flow", "yes"}});
  s->fixed_buffer = true;
  s->feed(block(text));
  s->feed(block(text));
  EXPECT_EQ(s->messages.size(), 1u);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_SUPERSEDED);
  EXPECT_EQ(s->verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s->take(), kAck);
  s->feed(block(std::string(2999, 'x') + "y"));
  EXPECT_EQ(s->messages.size(), 2u);
}

TEST(MllpDest, FlowAnotherMessageOfManyPieces) {
  auto s = slow({{"flow", "yes"}});
  s->feed(block(std::string(5000, 'x')) + block(std::string(4000, 'y')));
  EXPECT_EQ(s->messages.size(), 2u);
  EXPECT_TRUE(s->messages[0].cancelled);
  EXPECT_EQ(s->messages[1].text, std::string(4000, 'y'));
}

TEST(MllpDest, PausesTheReplyTimer) {
  auto s = slow({{"match", "msa"}});
  s->submit(1, kM, 0);
  s->feed(kAck);
  s->take();
  s->advance(20 * kSec);
  s->feed(block(kM));
  s->advance(15 * kSec);
  EXPECT_EQ(s->result(1).done, 0);
  s->verdict(1, LLP_ACCEPT);
  s->advance(9 * kSec);
  EXPECT_EQ(s->result(1).done, 0);
  s->advance(1 * kSec);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
}

TEST(MllpDest, AHeldBlockThatIsTheReplyComesInTime) {
  auto s = slow({{"match", "msa"}, {"peer_t_c", "300s"}});
  s->submit(1, kM, 0);
  s->feed(kAck);
  s->take();
  s->feed(block(kM));  // pending
  s->advance(59 * kSec);
  s->feed(block(kA).substr(0, 5));
  s->advance(2 * kSec);
  s->feed(block(kA).substr(5));
  ASSERT_EQ(s->messages.size(), 2u);
}

TEST(MllpDest, AnySplitWhilePending) {
  const std::string wire = block(kM) + block(kM) + kAck + block(kM + "x") + block("s") + block("s");
  for (const char* flow : {"no", "yes"})
    for (const char* dedup : {"no", "yes"})
      for (bool policy : {false, true})
        expect_same_for_every_split(
            wire,
            [&] {
              auto s = r2({{"flow", flow}, {"dedup", dedup}});
              if (!policy) s->verdict_policy.reset();
              return s;
            },
            [](Station& s) { s.advance(200 * kSec); });
}

}  // namespace
}  // namespace llp::test::mllp
