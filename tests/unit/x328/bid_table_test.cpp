// SPDX-License-Identifier: BSD-3-Clause
// Establishment: every row of the state table for IDLE, BID and CONT that the
// other station and time decide.
#include "support/wire.hpp"
#include "x328/bid_fixture.hpp"

namespace llp::test::x328 {
namespace {

// shows: x328/5/1 x328/10.1/idle+message
TEST_F(Bid, IdleMessageToSend) {
  Station& s = station();
  ASSERT_EQ(s.submit(7, kM1), 0);
  EXPECT_EQ(s.take(), kEnq);
  EXPECT_EQ(s.state(), "bid");
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
  EXPECT_FALSE(s.idle());
}

// shows: x328/D-23 x328/10.1/idle+message
TEST_F(Bid, IdleMessageToSendPeerUnknown) {
  Station fresh(LLP_PROTO_X328);
  ASSERT_EQ(fresh.submit(7, kM1), 0);
  EXPECT_EQ(fresh.take(), kFirstBid);
  fresh.feed(ack(0));
  fresh.take();
  fresh.feed(ack(1));
  fresh.take();
  ASSERT_EQ(fresh.submit(8, kM1), 0);
  EXPECT_EQ(fresh.take(), kEnq);
}

// shows: x328/10.1/idle+timer-e
TEST_F(Bid, IdleTimerE) {
  Station& s = station();
  s.advance(179 * kSec);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), kFirstBid);
  EXPECT_EQ(s.state(), "bid");
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

// shows: x328/4/rule-e
TEST_F(Bid, IdleTimerERestartedByAnyCharacter) {
  Station& s = station();
  s.advance(100 * kSec);
  s.feed("?");
  s.advance(100 * kSec);
  s.feed("?", LLP_FLAG_PARITY);
  s.advance(179 * kSec);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/4/rule-e
TEST_F(Bid, IdleTimerEOff) {
  p.timer_e = 0;
  Station& s = station();
  EXPECT_EQ(s.deadline(), LLP_NEVER);
  s.feed("?");
  s.advance(3600 * kSec);
  EXPECT_EQ(s.take(), "");
}

TEST_F(Bid, IdleTimerEWaitsWhileAMessageWaits) {
  p.timer_e = 1 * kSec / kUs;
  Station& s = station();
  to_bid(s);
  s.feed(ack(0));
  s.take();
  s.feed(kEot);  // interrupted: no bid for three seconds
  ASSERT_EQ(s.submit(8, kM1), 0);
  s.advance(2900 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/10.1/idle+other
TEST_F(Bid, IdleEverythingElseIsIgnored) {
  Station& s = station();
  for (const std::string& what :
       {kEot, kNak, ack(0), ack(5), kRint, std::string("noise"), block(1, "x", true)}) {
    s.feed(what);
    s.advance(1 * kSec);
    EXPECT_EQ(s.take(), "") << words(what);
    EXPECT_EQ(s.state(), "idle") << words(what);
  }
  EXPECT_EQ(s.count(LLP_C_UNEXPECTED), 5u);
  EXPECT_EQ(s.lost, "noise" + block(1, "x", true));
  EXPECT_TRUE(s.messages.empty());
}

// shows: x328/5/3 x328/10.1/bid+ack0
TEST_F(Bid, BidAck0) {
  Station& s = station();
  to_bid(s);
  s.feed(ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, true));
  EXPECT_EQ(s.state(), "master");
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

// shows: x328/10.1/bid+ack0
TEST_F(Bid, BidAck0InLineCheckWithoutMessage) {
  Station& s = station();
  s.advance(180 * kSec);
  s.take();
  s.feed(ack(0));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.left(LLP_T_P3), 180 * kSec);
  EXPECT_EQ(s.left(LLP_T_P0), std::nullopt);
}

// shows: x328/10.1/bid+ack0
TEST_F(Bid, BidAck0InLineCheckWithMessage) {
  Station& s = station();
  s.advance(180 * kSec);
  s.take();
  ASSERT_EQ(s.submit(7, kM1), 0);
  EXPECT_EQ(s.take(), "");
  s.feed(ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, true));
}

// shows: x328/D-18 x328/10.1/bid+nak
TEST_F(Bid, BidNak) {
  Station& s = station();
  to_bid(s);
  s.feed(kNak);
  EXPECT_EQ(s.state(), "waiting to bid");
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), kEnq);
  EXPECT_EQ(s.state(), "bid");
}

// shows: x328/5/3 x328/10.1/bid+nak
TEST_F(Bid, BidNakMoreThanM) {
  Station& s = station();
  to_bid(s);
  for (int i = 0; i < 10; i++) {
    s.feed(kNak);
    EXPECT_EQ(s.result(7).sent, 0);
    s.advance(1 * kSec);
    EXPECT_EQ(s.take(), kEnq) << i;
  }
  s.feed(kNak);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_BUSY);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s.result(7).done, 1);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.count(LLP_C_BIDS_REFUSED), 11u);
}

// shows: x328/D-19 interop/11/x328/numbers
TEST_F(Bid, RecoveryPauseAfterAFailedSeries) {
  p.retries_m = 0;
  Station& s = station();
  to_bid(s);
  s.feed(kNak);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_BUSY);
  ASSERT_EQ(s.submit(8, kM1), 0);
  s.advance(4999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/D-16 x328/10.1/bid+enq interop/11/x328/role
TEST_F(Bid, BidEnqPrimary) {
  p.role = LLP_PRIMARY;
  Station& s = contended();
  s.advance(999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kEnq);
  EXPECT_EQ(s.count(LLP_C_CONTENTIONS), 1u);
}

// shows: x328/10.1/bid+enq
TEST_F(Bid, BidEnqPrimaryNeverYields) {
  p.role = LLP_PRIMARY;
  p.contention = LLP_YIELD;
  Station& s = contended();
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/D-16 x328/10.1/bid+enq interop/11/x328/role
TEST_F(Bid, BidEnqSecondaryBacksOff) {
  Station& s = contended();
  s.advance(2999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kEnq);
}

// The primary saw a collision where the secondary saw none, and bids again.
// shows: x328/10.1/bid+enq
TEST_F(Bid, BidEnqLongAfterOursIsNoCollision) {
  Station& s = station();
  to_bid(s);
  s.advance(499 * kMs);
  s.feed(kEnq);
  EXPECT_EQ(s.state(), "waiting to bid");
  s.advance(3 * kSec);
  EXPECT_EQ(s.take(), kEnq);
  s.advance(500 * kMs);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  s.feed(block(1, "x\r", true) + kEot);
  EXPECT_EQ(s.take(), ack(1) + kEnq);
}

TEST_F(Bid, BidEnqLongAfterOursNotReady) {
  Station& s = station();
  to_bid(s);
  s.ready(0);
  s.advance(1 * kSec);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.state(), "waiting to bid");
}

// Bids that keep missing each other must not do so for ever: each station's
// ENQ comes while the other waits for the answer to its own.
// shows: x328/5/4
TEST_F(Bid, OutOfStepBidsMeetInTheEnd) {
  for (std::uint64_t shift = 0; shift <= 7000; shift += 50) {
    llp_params pa = x328_params(), pb = x328_params();
    pa.role = LLP_PRIMARY;
    Station a(LLP_PROTO_X328, pa), b(LLP_PROTO_X328, pb);
    Wire wire(a, b, 86806);
    // The first bid of each is lost.
    wire.fault = [](int, std::uint64_t index, std::uint8_t byte) -> std::vector<WireByte> {
      if (index < 4) return {};
      return {{byte, LLP_FLAG_NONE}};
    };
    ASSERT_EQ(b.submit(2, "from b\r"), 0);
    wire.run_for(shift * kMs);
    ASSERT_EQ(a.submit(1, "from a\r"), 0);
    wire.run_while([&] { return !a.result(1).done || !b.result(2).done; }, 120 * kSec);
    EXPECT_EQ(a.result(1).outcome, LLP_OUT_DELIVERED) << shift;
    EXPECT_EQ(b.result(2).outcome, LLP_OUT_DELIVERED) << shift;
    EXPECT_LE(a.count(LLP_C_CONTENTIONS) + b.count(LLP_C_CONTENTIONS), 4u) << shift;
  }
}

// shows: x328/D-22 x328/10.1/bid+enq interop/1/contention interop/11/x328/contention
TEST_F(Bid, BidEnqSecondaryYields) {
  p.contention = LLP_YIELD;
  Station& s = station();
  to_bid(s);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.state(), "slave");
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
  s.feed(block(1, "x\r", true) + kEot);
  EXPECT_EQ(s.take(), ack(1) + kEnq);
}

TEST_F(Bid, BidEnqSecondaryYieldsButIsNotReady) {
  p.contention = LLP_YIELD;
  Station& s = station();
  to_bid(s);
  s.ready(0);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.state(), "waiting to bid");
}

// shows: x328/10.1/bid+enq
TEST_F(Bid, BidEnqMoreThanM) {
  p.role = LLP_PRIMARY;
  Station& s = station();
  to_bid(s);
  for (int i = 0; i < 10; i++) {
    s.feed(kEnq);
    EXPECT_EQ(s.result(7).sent, 0);
    s.advance(1 * kSec);
    EXPECT_EQ(s.take(), kEnq);
  }
  s.feed(kEnq);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_BUSY);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s.state(), "idle");
}

// shows: x328/10.1/bid+eot
TEST_F(Bid, BidEotIsIgnored) {
  Station& s = station();
  to_bid(s);
  s.advance(2 * kSec);
  s.feed(kEot);
  EXPECT_EQ(s.state(), "bid");
  EXPECT_EQ(s.left(LLP_T_P0), 4 * kSec);
  s.advance(4 * kSec);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/D-23 x328/10.1/bid+other
TEST_F(Bid, BidOtherAnswersMakeTheNextBidDirty) {
  for (const std::string& what : {ack(3), kRint, std::string("noise"), std::string("\x80")}) {
    Station x(LLP_PROTO_X328);
    warm_up(x);
    to_bid(x);
    x.advance(1 * kSec);
    x.feed(what);
    EXPECT_EQ(x.state(), "bid");
    EXPECT_EQ(x.left(LLP_T_P0), 5 * kSec);
    x.advance(5 * kSec);
    EXPECT_EQ(x.take(), kFirstBid) << words(what);
    x.feed(ack(0));
    EXPECT_EQ(x.take(), block(1, kM1, true));
  }
}

// shows: x328/D-17 x328/D-21 x328/5/3 x328/10.1/bid+timer-a x328/13/dying
TEST_F(Bid, BidTimerA) {
  Station& s = station();
  to_bid(s);
  for (int i = 0; i < 5; i++) {
    s.advance(5999 * kMs);
    EXPECT_EQ(s.take(), "");
    s.advance(1 * kMs);
    EXPECT_EQ(s.take(), kEnq) << i;
  }
  s.advance(6 * kSec);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_NOREPLY);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.count(LLP_C_TIMEOUTS), 6u);
  ASSERT_EQ(s.submit(8, kM1), 0);
  EXPECT_EQ(s.take(), "");
  s.advance(5 * kSec);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/10.1/bid+timer-a
TEST_F(Bid, LineCheckFailsQuietly) {
  Station& s = station();
  s.advance(180 * kSec);
  s.advance(36 * kSec);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.take(), kFirstBid + kFirstBid + kFirstBid + kFirstBid + kFirstBid + kFirstBid);
  EXPECT_TRUE(s.results.empty());
}

// shows: x328/10.1/cont+delay
TEST_F(Bid, ContDelayOver) {
  Station& s = refused();
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), kEnq);
  EXPECT_EQ(s.state(), "bid");
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

// shows: x328/10.1/cont+enq
TEST_F(Bid, ContEnqReady) {
  Station& s = contended();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.state(), "slave");
  s.feed(block(1, "x\r", true) + kEot);
  // The message stayed queued and is bid for at once.
  EXPECT_EQ(s.take(), ack(1) + kEnq);
}

// shows: x328/10.1/cont+enq
TEST_F(Bid, ContEnqNotReady) {
  Station& s = contended();
  s.ready(0);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.state(), "idle");
  s.advance(3 * kSec);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/D-22 x328/10.1/cont+ack0
TEST_F(Bid, ContAck0AfterContention) {
  Station& s = contended();
  s.feed(ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, true));
  EXPECT_EQ(s.state(), "master");
}

// shows: x328/10.1/cont+ack0
TEST_F(Bid, ContAck0AfterRefusal) {
  Station& s = refused();
  s.feed(ack(0));
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.state(), "waiting to bid");
}

// shows: x328/10.1/cont+other
TEST_F(Bid, ContOtherIsIgnored) {
  Station& s = contended();
  s.feed(kEot + kNak + ack(4) + kRint + "noise");
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.state(), "waiting to bid");
  s.advance(3 * kSec);
  EXPECT_EQ(s.take(), kEnq);
}

TEST_F(Bid, TimerNames) {
  Station& s = station();
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P0), "A");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P1), "B");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P2), "D");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P3), "E");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P4), "gap");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P5), "pause");
}

}  // namespace
}  // namespace llp::test::x328
