// SPDX-License-Identifier: BSD-3-Clause
// Messages that wait for their verdict, blocks that wait for room.
#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

constexpr std::uint64_t kWait = 3600 * kMs;  // 0.6 of the peer's timer A

class Pending : public ::testing::Test {
 protected:
  Pending() : p(x328_params()) {}
  Station& granted() {
    st = std::make_unique<Station>(LLP_PROTO_X328, p);
    st->verdict_policy.reset();
    to_slave(*st);
    return *st;
  }
  // One whole message, id 1, unanswered.
  Station& pending() {
    Station& s = granted();
    s.feed(b);
    EXPECT_EQ(s.take(), "");
    EXPECT_TRUE(s.logged("end 1 11 pending"));
    return s;
  }
  // NAKed once to gain time.
  Station& nakked() {
    Station& s = pending();
    s.advance(kWait);
    EXPECT_EQ(s.take(), kNak);
    return s;
  }
  // Accepted after that NAK.
  Station& late() {
    Station& s = nakked();
    EXPECT_EQ(s.verdict(1), LLP_LATE);
    EXPECT_EQ(s.take(), "");
    return s;
  }
  const std::string b = block(1, kM1, true);
  llp_params p;
  std::unique_ptr<Station> st;
};

// shows: x328/1/ack x328/6/ack
TEST_F(Pending, AcceptedInTime) {
  for (llp_decision d : {LLP_ACCEPT, LLP_ACCEPT_ANSWER}) {
    Station& s = pending();
    s.advance(kWait - kMs);
    EXPECT_EQ(s.verdict(1, d), LLP_ACKNOWLEDGED);
    EXPECT_EQ(s.take(), ack(1));
    EXPECT_TRUE(s.messages[0].acked);
    EXPECT_EQ(s.left(LLP_T_PENDING), std::nullopt);
    EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
    s.feed(kEot);
    EXPECT_TRUE(s.idle());
  }
}

TEST_F(Pending, OnlyOnceAndOnlyTheRightMessage) {
  Station& s = pending();
  EXPECT_EQ(s.verdict(2), LLP_GONE);
  EXPECT_EQ(s.verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.verdict(1), LLP_GONE);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.count(LLP_C_VERDICTS_GONE), 2u);
}

// shows: x328/D-26 x328/1/ack
TEST_F(Pending, NakAfterSixTenthsOfThePeersTimer) {
  Station& s = pending();
  s.advance(kWait - 1);
  EXPECT_EQ(s.take(), "");
  s.advance(1);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.count(LLP_C_NAK_TIME), 1u);
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
}

// shows: x328/D-26
TEST_F(Pending, TheWaitFollowsThePeersTimer) {
  p.peer_timer_a = 20 * kSec / kUs;
  Station& s = pending();
  EXPECT_EQ(s.left(LLP_T_PENDING), 12 * kSec);
}

TEST_F(Pending, RepeatReattachesAndWaitsOn) {
  Station& s = nakked();
  s.feed(b);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.left(LLP_T_PENDING), kWait);
  EXPECT_EQ(s.left(LLP_T_P2), std::nullopt);
  EXPECT_EQ(s.messages.size(), 1u);
  EXPECT_EQ(s.verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Pending, LateThenTheRepeatIsAcknowledged) {
  Station& s = late();
  EXPECT_EQ(s.count(LLP_C_VERDICTS_LATE), 1u);
  EXPECT_FALSE(s.messages[0].acked);
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_TRUE(s.messages[0].acked);
  EXPECT_EQ(s.messages.size(), 1u);
  s.feed(b + kEot);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.messages.size(), 1u);
}

TEST_F(Pending, ASecondVerdictWhileLateChangesNothing) {
  Station& s = late();
  EXPECT_EQ(s.verdict(1, LLP_REJECT), LLP_LATE);
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
}

// shows: x328/D-26
TEST_F(Pending, NakAtMostLMinusOneTimesThenEot) {
  Station& s = pending();
  for (int i = 0; i < 4; i++) {
    s.advance(kWait);
    EXPECT_EQ(s.take(), kNak) << i;
    s.feed(b);
    EXPECT_EQ(s.take(), "");
  }
  s.advance(kWait);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_TRUE(s.messages[0].cancelled);
  EXPECT_FALSE(s.messages[0].cancel_accepted);
  EXPECT_EQ(s.messages[0].cause, LLP_CAUSE_VERDICT_LATE);
  EXPECT_EQ(s.verdict(1), LLP_GONE);
  EXPECT_EQ(s.take(), "");
}

TEST_F(Pending, WithoutRetransmissionsEotComesAtOnce) {
  for (u32 l : {0u, 1u}) {
    p.retries_l = l;
    Station& s = pending();
    s.advance(kWait);
    EXPECT_EQ(s.take(), kEot);
    EXPECT_TRUE(s.messages[0].cancelled);
  }
}

TEST_F(Pending, TheBudgetIsWhatTheParametersSay) {
  Station& s = pending();
  const std::uint64_t begin = s.now;
  while (s.state() != "idle") {
    ASSERT_TRUE(s.next());
    if (s.take() == kNak) s.feed(b);
  }
  EXPECT_EQ(s.now - begin, std::uint64_t{llp_params_app_budget(&p, LLP_PROTO_X328)} * kUs);
}

TEST_F(Pending, EotWhileWaiting) {
  Station& s = pending();
  s.feed(kEot);
  EXPECT_TRUE(s.messages[0].cancelled);
  EXPECT_EQ(s.messages[0].cause, LLP_CAUSE_SENDER_ABORT);
  EXPECT_FALSE(s.messages[0].cancel_accepted);
  EXPECT_EQ(s.verdict(1), LLP_GONE);
}

TEST_F(Pending, EotAfterALateVerdict) {
  Station& s = late();
  s.feed(kEot);
  EXPECT_TRUE(s.messages[0].cancelled);
  EXPECT_TRUE(s.messages[0].cancel_accepted);
  // The sender has not heard of it: the repeat is marked.
  s.feed(kEnq + b);
  ASSERT_EQ(s.messages.size(), 2u);
  EXPECT_TRUE(s.messages[1].flags & LLP_END_REPEAT);
}

TEST_F(Pending, TimerDAfterTheNak) {
  Station& s = nakked();
  s.advance(30 * kSec);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.messages[0].cause, LLP_CAUSE_SILENCE);
  EXPECT_FALSE(s.messages[0].cancel_accepted);
  Station& t = late();
  t.advance(30 * kSec);
  // An EOT would say that it was refused.
  EXPECT_EQ(t.take(), "");
  EXPECT_EQ(t.state(), "idle");
  EXPECT_TRUE(t.messages[0].cancel_accepted);
}

TEST_F(Pending, Hangup) {
  Station& s = pending();
  s.hangup();
  EXPECT_EQ(s.messages[0].cause, LLP_CAUSE_HANGUP);
  EXPECT_FALSE(s.messages[0].cancel_accepted);
  EXPECT_EQ(s.verdict(1), LLP_GONE);
  Station& t = late();
  t.hangup();
  EXPECT_TRUE(t.messages[0].cancel_accepted);
}

TEST_F(Pending, PeersOwnTimerRepeatsTheBlock) {
  Station& s = pending();
  s.advance(2 * kSec);
  s.feed(b);
  EXPECT_EQ(s.take(), "");
  // No NAK was sent, so the wait goes on as it was.
  EXPECT_EQ(s.left(LLP_T_PENDING), kWait - 2 * kSec);
  EXPECT_EQ(s.verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Pending, TheWaitEndsInsideARepeat) {
  Station& s = pending();
  s.advance(3 * kSec);
  s.feed(b.substr(0, 8));
  s.advance(700 * kMs);
  EXPECT_EQ(s.take(), "");
  s.feed(b.substr(8));
  EXPECT_EQ(s.take(), kNak);
  s.feed(b);
  EXPECT_EQ(s.left(LLP_T_PENDING), kWait);
}

TEST_F(Pending, VerdictInsideARepeat) {
  Station& s = pending();
  s.feed(b.substr(0, 8));
  EXPECT_EQ(s.verdict(1), LLP_LATE);
  EXPECT_EQ(s.take(), "");
  s.feed(b.substr(8));
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_TRUE(s.messages[0].acked);
}

TEST_F(Pending, RejectInsideARepeat) {
  Station& s = pending();
  s.feed(b.substr(0, 8));
  EXPECT_EQ(s.verdict(1, LLP_REJECT), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), "");
  s.feed(b.substr(8));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.messages.size(), 1u);
}

TEST_F(Pending, ADamagedRepeatIsNakked) {
  Station& s = pending();
  s.feed(hex(kBadBcc));
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.verdict(1), LLP_LATE);
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_TRUE(s.messages[0].acked);
}

TEST_F(Pending, ABlockAbortInPlaceOfTheRepeat) {
  Station& s = pending();
  s.feed(hex(kBlockAbort));
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.verdict(1), LLP_LATE);
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Pending, EnqTellsTheMasterToRepeat) {
  Station& s = pending();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));  // the response sent last: the block is not acknowledged
  EXPECT_EQ(s.verdict(1), LLP_LATE);
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Pending, Rejected) {
  for (llp_decision d : {LLP_REJECT, LLP_FORGET}) {
    Station& s = pending();
    EXPECT_EQ(s.verdict(1, d), LLP_ACKNOWLEDGED);
    EXPECT_EQ(s.take(), kEot);
    EXPECT_EQ(s.state(), "idle");
    EXPECT_FALSE(s.messages[0].acked);
    EXPECT_EQ(s.verdict(1), LLP_GONE);
  }
}

TEST_F(Pending, RejectedAfterTheNak) {
  Station& s = nakked();
  EXPECT_EQ(s.verdict(1, LLP_REJECT), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), "");
  s.feed(b);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.messages.size(), 1u);
  EXPECT_EQ(s.verdict(1), LLP_GONE);
}

TEST_F(Pending, AnotherMessageWithNumberOneSupersedes) {
  Station& s = pending();
  s.feed(block(1, "other\r", true));
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.messages.at(0).cause, LLP_CAUSE_SUPERSEDED);
  EXPECT_EQ(s.messages.at(1).text, "other\r");
  EXPECT_EQ(s.verdict(1), LLP_GONE);
  EXPECT_EQ(s.verdict(2), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Pending, SupersededAfterALateVerdict) {
  Station& s = late();
  s.feed(block(1, "other\r", true));
  EXPECT_TRUE(s.messages.at(0).cancel_accepted);
  EXPECT_EQ(s.verdict(2), LLP_ACKNOWLEDGED);
}

// shows: x328/1/alternate
TEST_F(Pending, TheNextNumberIsNotTakenBeforeTheAnswer) {
  Station& s = pending();
  s.feed(block(2, "next\r", true));
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.verdict(1), LLP_LATE);
  s.feed(b + block(2, "next\r", true));
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.verdict(2), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), ack(2));
}

TEST_F(Pending, TheMasterBidsAnewAfterALostEot) {
  Station& s = pending();
  s.feed(kEnq + b);
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.messages.size(), 1u);
  EXPECT_EQ(s.verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Pending, RintAtTheVerdict) {
  Station& s = pending();
  s.request_turn();
  EXPECT_EQ(s.verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), kRint);
}

TEST_F(Pending, AbortRxWhileWaiting) {
  Station& s = pending();
  s.abort_rx();
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.messages[0].cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.verdict(1), LLP_GONE);
}

TEST_F(Pending, AbortRxAfterTheNak) {
  Station& s = nakked();
  s.abort_rx();
  EXPECT_EQ(s.take(), "");
  EXPECT_TRUE(s.messages[0].cancelled);
  s.feed(b);
  EXPECT_EQ(s.take(), kEot);
}

TEST_F(Pending, AbortRxDoesNotUndoAVerdict) {
  Station& s = late();
  s.abort_rx();
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_TRUE(s.messages[0].acked);
}

TEST_F(Pending, TimerBInsideARepeat) {
  Station& s = pending();
  s.feed(b.substr(0, 8));
  s.advance(3 * kSec);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.messages[0].cause, LLP_CAUSE_SILENCE);
}

TEST_F(Pending, ALongMessageReattachesByItsLastBlock) {
  Station& s = granted();
  const std::string last = block(2, "PID|1\r", true);
  s.feed(block(1, kM1, false) + last);
  EXPECT_EQ(s.take(), ack(1));
  s.advance(kWait);
  EXPECT_EQ(s.take(), kNak);
  s.feed(last);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
}

// A submitted message waits meanwhile and is bid for as soon as the line is free.
TEST_F(Pending, OwnMessageWaits) {
  Station& s = pending();
  ASSERT_EQ(s.submit(9, kM1), 0);
  EXPECT_EQ(s.verdict(1, LLP_REJECT), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), kEot + kFirstBid);
}

// ---- room ----

class Room : public Pending {
 protected:
  Room() { p.retries_l = 3; }
  // An ETB block was accepted without room for another.
  Station& full() {
    Station& s = granted();
    s.ready(LLP_READY_BID);
    s.feed(b1);
    EXPECT_EQ(s.take(), "");
    EXPECT_TRUE(s.logged("data 1 11"));
    return s;
  }
  const std::string b1 = block(1, kM1, false);
  const std::string b2 = block(2, "PID|1\r", true);
};

// shows: x328/D-26 x328/6/ack
TEST_F(Room, TheAcknowledgementIsDelayed) {
  Station& s = full();
  s.advance(kWait - kMs);
  EXPECT_EQ(s.take(), "");
  s.ready(LLP_READY_ALL);
  EXPECT_EQ(s.take(), ack(1));
  s.feed(b2);
  EXPECT_EQ(s.verdict(1), LLP_ACKNOWLEDGED);
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
}

TEST_F(Room, NakThenRoomThenTheRepeat) {
  Station& s = full();
  s.advance(kWait);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.count(LLP_C_NAK_BUSY), 1u);
  s.ready(LLP_READY_ALL);
  EXPECT_EQ(s.take(), "");
  s.feed(b1);
  EXPECT_EQ(s.take(), ack(1));
  s.feed(b1);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.transcript("data"), "data 1 11\n");
}

TEST_F(Room, RepeatThenRoom) {
  Station& s = full();
  s.advance(kWait);
  s.feed(b1);
  EXPECT_EQ(s.take(), kNak);
  s.advance(1 * kSec);
  s.ready(LLP_READY_ALL);
  EXPECT_EQ(s.take(), ack(1));
}

// shows: x328/D-26
TEST_F(Room, AtMostLMinusOneNaksThenEot) {
  Station& s = full();
  for (int i = 0; i < 2; i++) {
    s.advance(kWait);
    EXPECT_EQ(s.take(), kNak);
    s.feed(b1);
  }
  s.advance(kWait);
  EXPECT_EQ(s.take(), kEot);
  ASSERT_EQ(s.cancelled.size(), 1u);
  EXPECT_EQ(s.cancelled[0].second, LLP_CAUSE_VERDICT_LATE);
}

TEST_F(Room, TheWaitEndsInsideARepeat) {
  Station& s = full();
  s.advance(3 * kSec);
  s.feed(b1.substr(0, 8));
  s.advance(700 * kMs);
  s.feed(b1.substr(8));
  EXPECT_EQ(s.take(), kNak);
}

TEST_F(Room, PeersOwnRepeatChangesNothing) {
  Station& s = full();
  s.advance(1 * kSec);
  s.feed(b1);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.left(LLP_T_PENDING), kWait - 1 * kSec);
}

TEST_F(Room, RoomInsideARepeat) {
  Station& s = full();
  s.feed(b1.substr(0, 8));
  s.ready(LLP_READY_ALL);
  EXPECT_EQ(s.take(), "");
  s.feed(b1.substr(8));
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Room, DamagedRepeatAndEnq) {
  Station& s = full();
  s.feed(hex(kBadBcc) + kEnq);
  EXPECT_EQ(s.take(), kNak + kNak);
  s.ready(LLP_READY_ALL);
  s.feed(b1);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Room, TheNextBlockIsNotTakenBeforeTheAnswer) {
  Station& s = full();
  s.feed(b2);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_TRUE(s.messages.empty());
}

TEST_F(Room, AbortRxAnswersAtOnce) {
  Station& s = full();
  s.abort_rx();
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.cancelled.at(0).second, LLP_CAUSE_ABORTED);
}

TEST_F(Room, AbortRxAfterTheNak) {
  Station& s = full();
  s.advance(kWait);
  s.take();
  s.abort_rx();
  EXPECT_EQ(s.take(), "");
  s.feed(b1);
  EXPECT_EQ(s.take(), kEot);
}

TEST_F(Room, EotHangupAndSilence) {
  Station& s = full();
  s.feed(kEot);
  EXPECT_EQ(s.cancelled.at(0).second, LLP_CAUSE_SENDER_ABORT);
  s.ready(LLP_READY_ALL);
  EXPECT_EQ(s.take(), "");
  Station& t = full();
  t.hangup();
  EXPECT_EQ(t.cancelled.at(0).second, LLP_CAUSE_HANGUP);
}

TEST_F(Room, OtherChangesOfReadinessDoNothing) {
  Station& s = full();
  s.ready(0);
  s.ready(LLP_READY_BID);
  EXPECT_EQ(s.take(), "");
  Station idle(LLP_PROTO_X328);
  idle.ready(0);
  idle.ready(LLP_READY_ALL);
  EXPECT_EQ(idle.take(), "");
}

}  // namespace
}  // namespace llp::test::x328
