// SPDX-License-Identifier: BSD-3-Clause
// Establishment: every row of the state table for IDLE, BID and CONT.
#include "support/wire.hpp"
#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

class Bid : public ::testing::Test {
 protected:
  Bid() : p(x328_params()) {}
  Station& station() {
    if (!st) {
      st = std::make_unique<Station>(LLP_PROTO_X328, p);
      warm_up(*st);
    }
    return *st;
  }
  // In CONT after a collision, as primary or secondary.
  Station& contended() {
    to_bid(station());
    st->feed(kEnq);
    EXPECT_EQ(st->state(), "waiting to bid");
    EXPECT_EQ(st->take(), "");
    return *st;
  }
  // In CONT after a refusal.
  Station& refused() {
    to_bid(station());
    st->feed(kNak);
    EXPECT_EQ(st->state(), "waiting to bid");
    return *st;
  }
  llp_params p;
  std::unique_ptr<Station> st;
};

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
  p.match = LLP_MATCH_LOCKSTEP;
  p.reply_timeout = 10 * kSec / kUs;
  p.late_guard = 20 * kSec / kUs;
  Station& s = station();
  ASSERT_EQ(s.submit(7, "request\r", 0), 0);
  s.feed(ack(0));
  s.feed(ack(1));
  s.take();
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
  p.match = LLP_MATCH_LOCKSTEP;
  p.reply_timeout = 10 * kSec / kUs;
  p.late_guard = 20 * kSec / kUs;
  Station& s = station();
  ASSERT_EQ(s.submit(7, "request\r", 0), 0);
  s.feed(ack(0));
  s.feed(ack(1));
  s.take();
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
  p.match = LLP_MATCH_LOCKSTEP;
  p.reply_timeout = 10 * kSec / kUs;
  p.late_guard = 20 * kSec / kUs;
  Station& s = station();
  ASSERT_EQ(s.submit(7, "request\r", 0), 0);
  s.feed(ack(0));
  s.feed(ack(1));
  s.take();
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

TEST_F(Bid, TimerNames) {
  Station& s = station();
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P0), "A");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P1), "B");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P2), "D");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P3), "E");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P4), "gap");
  EXPECT_STREQ(llp_timer_name(&s.e(), LLP_T_P5), "pause");
}

// ---- contention of two engines, all pairs of roles and options ----

struct Pair {
  u32 role_a, role_b, cont_a, cont_b;
};

class ContentionPairs : public ::testing::TestWithParam<int> {};

// shows: x328/5/4 x328/13/both
TEST_P(ContentionPairs, BothMessagesArrive) {
  const int bits = GetParam();
  llp_params pa = x328_params(), pb = x328_params();
  pa.role = bits & 1;
  pb.role = bits >> 1 & 1;
  pa.contention = bits >> 2 & 1;
  pb.contention = bits >> 3 & 1;
  Station a(LLP_PROTO_X328, pa), b(LLP_PROTO_X328, pb);
  Wire wire(a, b, 1041667);
  ASSERT_EQ(a.submit(1, "from a\r"), 0);
  ASSERT_EQ(b.submit(2, "from b\r"), 0);
  wire.run_while([&] { return !a.result(1).done || !b.result(2).done; }, 900 * kSec);
  const bool both_primary = pa.role == LLP_PRIMARY && pb.role == LLP_PRIMARY;
  // Of two secondaries one must yield, and only one.
  const bool yields = pa.contention != pb.contention;
  if (pa.role != pb.role || (yields && !both_primary)) {
    EXPECT_EQ(a.result(1).outcome, LLP_OUT_DELIVERED);
    EXPECT_EQ(b.result(2).outcome, LLP_OUT_DELIVERED);
    EXPECT_EQ(b.texts(), std::vector<std::string>{"from a\r"});
    EXPECT_EQ(a.texts(), std::vector<std::string>{"from b\r"});
  } else {
    // Two stations of the same role in perfect step: each gives up and says so.
    for (const Result& r : {a.result(1), b.result(2)}) {
      EXPECT_EQ(r.done, 1);
      EXPECT_TRUE(r.outcome == LLP_OUT_DELIVERED || r.cause == LLP_CAUSE_BUSY || r.cause == LLP_CAUSE_NOREPLY)
          << llp_cause_name(r.cause);
    }
    EXPECT_EQ(b.messages.size(), a.result(1).outcome == LLP_OUT_DELIVERED ? 1u : 0u);
    EXPECT_EQ(a.messages.size(), b.result(2).outcome == LLP_OUT_DELIVERED ? 1u : 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(AllRolesAndOptions, ContentionPairs, ::testing::Range(0, 16));

}  // namespace
}  // namespace llp::test::x328
