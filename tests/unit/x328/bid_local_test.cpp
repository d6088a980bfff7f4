// SPDX-License-Identifier: BSD-3-Clause
// Establishment: what this side decides in IDLE, BID and CONT. A message taken
// back, readiness, a gate that is closed, a line that hangs up.
#include "x328/bid_fixture.hpp"

namespace llp::test::x328 {
namespace {

// shows: x328/10.1/bid+abort
TEST_F(Bid, BidLocalAbort) {
  Station& s = station();
  to_bid(s);
  EXPECT_TRUE(llp_can_withdraw(&s.e(), 7));
  EXPECT_FALSE(llp_can_withdraw(&s.e(), 8));
  EXPECT_FALSE(llp_can_withdraw(&s.e(), 0));
  s.abort(7);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s.result(7).done, 1);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_FALSE(s.idle());
  // No new bid before the answer to this one can no longer come.
  ASSERT_EQ(s.submit(8, kM1), 0);
  s.advance(5999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/10.1/bid+abort
TEST_F(Bid, BidLocalAbortThenAck0) {
  Station& s = station();
  to_bid(s);
  s.abort(7);
  ASSERT_EQ(s.submit(8, kM1), 0);
  s.feed(ack(0));
  EXPECT_EQ(s.take(), kEot + kEnq);
  s.feed(ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, true));
}

// shows: x328/10.1/bid+abort
TEST_F(Bid, BidLocalAbortThenEnq) {
  Station& s = station();
  to_bid(s);
  s.abort(7);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.state(), "slave");
  s.advance(10 * kSec);
  EXPECT_EQ(s.state(), "slave");
}

TEST_F(Bid, BidLocalAbortBeforeTheBidHasLeft) {
  Station& s = station();
  s.auto_empty = false;
  ASSERT_EQ(s.submit(7, kM1), 0);
  s.abort(7);
  EXPECT_EQ(s.left(LLP_T_P0), std::nullopt);
  s.tx_empty();
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

TEST_F(Bid, LineCheckGoesOnWhenItsMessageIsTakenBack) {
  Station& s = station();
  s.advance(180 * kSec);
  s.take();
  ASSERT_EQ(s.submit(7, kM1), 0);
  s.abort(7);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.state(), "bid");
  s.feed(ack(0));
  EXPECT_EQ(s.take(), kEot);
}

// shows: x328/10.1/cont+abort
TEST_F(Bid, ContLocalAbort) {
  Station& s = contended();
  s.abort(7);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s.state(), "idle");
  ASSERT_EQ(s.submit(8, kM1), 0);
  EXPECT_EQ(s.take(), "");
  s.advance(3 * kSec);
  EXPECT_EQ(s.take(), kFirstBid);
}

TEST_F(Bid, IdleLocalAbort) {
  Station& s = station();
  to_bid(s);
  s.feed(ack(0));
  s.take();
  s.feed(kEot);
  ASSERT_EQ(s.submit(8, kM1), 0);
  s.abort(8);
  EXPECT_EQ(s.result(8).cause, LLP_CAUSE_ABORTED);
  EXPECT_TRUE(s.idle());
  s.abort(99);  // nobody's
}

TEST_F(Bid, SlaveLocalAbortOfTheQueuedMessage) {
  Station& s = station();
  to_slave(s);
  ASSERT_EQ(s.submit(8, kM1), 0);
  EXPECT_EQ(s.submit(9, kM1), -EBUSY);
  EXPECT_FALSE(llp_can_submit(&s.e(), 0));
  EXPECT_TRUE(llp_can_withdraw(&s.e(), 8));
  s.abort(8);
  EXPECT_EQ(s.result(8).outcome, LLP_OUT_NOT_SENT);
  s.feed(kEot);
  EXPECT_EQ(s.take(), "");
}

// shows: x328/4/rule-d x328/4/rule-e x328/5/2 x328/10.2/idle+enq-ready
TEST_F(Bid, IdleEnqReady) {
  Station& s = station();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.state(), "slave");
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
  EXPECT_EQ(s.left(LLP_T_P3), std::nullopt);
}

// shows: x328/5/2 x328/10.2/idle+enq-not-ready
TEST_F(Bid, IdleEnqNotReady) {
  Station& s = station();
  for (std::uint32_t bits : {0u, std::uint32_t{LLP_READY_ROOM}}) {
    s.ready(bits);
    s.feed(kEnq);
    EXPECT_EQ(s.take(), kNak);
    EXPECT_EQ(s.state(), "idle");
  }
  EXPECT_EQ(s.count(LLP_C_NAK_BUSY), 2u);
  EXPECT_EQ(s.count(LLP_C_NAKS_SENT), 2u);
}

TEST_F(Bid, IdleEnqNotReadyButAReplyIsAwaited) {
  Station& s = station();
  s.ready(0);
  ASSERT_EQ(s.submit(7, kM1, 0), 0);
  s.take();
  s.feed(ack(0));
  s.feed(ack(1));
  s.take();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  s.feed(block(1, "MSH|^~\\&|B\rMSA|AA|1\r", true));
  EXPECT_EQ(s.result(7).done, 1);
  EXPECT_EQ(s.result(7).done_outcome, LLP_OUT_DELIVERED);
  s.feed(kEot);
  s.take();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kNak);
}

TEST_F(Bid, NotReadyWhenNothingIsExpectedAfterAMessage) {
  Station& s = station();
  s.ready(0);
  ASSERT_EQ(s.submit(7, kM1, LLP_SUBMIT_EXPECT_NONE), 0);
  s.feed(ack(0));
  s.feed(ack(1));
  s.take();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kNak);
}

// Lockstep: after a reply that did not come, nothing is sent for a while.
TEST_F(Bid, GuardAfterALostReplyHoldsBidsBack) {
  Station& s = awaiting_reply();
  s.advance(10 * kSec);
  EXPECT_EQ(s.result(7).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  ASSERT_EQ(s.submit(8, "next\r", 0), 0);
  s.advance(19 * kSec);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), kEnq);
}

// The guard closes while a collision is being waited out.
TEST_F(Bid, ContDelayOverWithTheGateClosed) {
  Station& s = awaiting_reply();
  s.advance(9 * kSec);
  ASSERT_EQ(s.submit(8, "reply\r", LLP_SUBMIT_REPLY), 0);
  EXPECT_EQ(s.take(), kEnq);
  s.feed(kEnq);
  EXPECT_EQ(s.state(), "waiting to bid");
  s.advance(3 * kSec);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.take(), "");
  s.advance(18 * kSec);
  EXPECT_EQ(s.take(), kEnq);
}

TEST_F(Bid, GrantWithTheGateClosedIsHandedBack) {
  Station& s = awaiting_reply();
  s.advance(9 * kSec);
  ASSERT_EQ(s.submit(8, "reply\r", LLP_SUBMIT_REPLY), 0);
  s.take();
  s.advance(2 * kSec);
  s.feed(ack(0));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  s.advance(19 * kSec);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/10.1/any+hangup
TEST_F(Bid, HangupWhileBidding) {
  for (int how = 0; how < 4; how++) {
    Station x(LLP_PROTO_X328);
    warm_up(x);
    to_bid(x);
    if (how == 1) x.feed(kNak);
    if (how == 2) x.feed(kEnq);
    if (how == 3) {
      x.feed(kEnq);
      x.feed(kEnq);
    }
    x.hangup();
    EXPECT_EQ(x.result(7).cause, LLP_CAUSE_HANGUP);
    EXPECT_EQ(x.result(7).outcome, LLP_OUT_NOT_SENT);
    EXPECT_EQ(x.state(), "idle");
    EXPECT_EQ(x.deadline(), LLP_NEVER);
    EXPECT_EQ(x.submit(8, kM1), -ENODEV);
    x.check_results();
    x.take();
    x.connect();
    ASSERT_EQ(x.submit(8, kM1), 0);
    EXPECT_EQ(x.take(), kFirstBid);
  }
}

TEST_F(Bid, HangupOfAnIdleLineStopsTheLineCheck) {
  Station& s = station();
  s.hangup();
  EXPECT_EQ(s.deadline(), LLP_NEVER);
  s.feed("?");
  EXPECT_EQ(s.left(LLP_T_P3), std::nullopt);
}

}  // namespace
}  // namespace llp::test::x328
