// SPDX-License-Identifier: BSD-3-Clause
// Message transfer, the master: every row of the state table for MWAIT and MRES.
#include "x328/master_fixture.hpp"

namespace llp::test::x328 {
namespace {

// shows: x328/1/alternate x328/7/ack x328/10.1/mwait+ack
TEST_F(Master, MwaitAckOfCurrentNextBlock) {
  Station& s = waiting();
  s.feed(ack(1));
  EXPECT_EQ(s.take(), b2);
  EXPECT_EQ(s.state(), "master");
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

// shows: x328/D-13 x328/7/ack x328/10.1/mwait+ack
TEST_F(Master, MwaitAckOfLast) {
  Station& s = waiting_last();
  s.feed(ack(2));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.result(7).cause, LLP_OK);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s.left(LLP_T_P0), std::nullopt);
  ASSERT_EQ(s.submit(8, kM1), 0);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/D-27 x328/10.1/mwait+rint
TEST_F(Master, MwaitRintFinishesTheMessage) {
  Station& s = waiting();
  s.feed(kRint);
  EXPECT_EQ(s.take(), b2);
  s.feed(ack(2));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  ASSERT_EQ(s.submit(8, kM1), 0);
  s.advance(2999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/D-27 x328/10.1/mwait+rint
TEST_F(Master, MwaitRintForTheLastBlock) {
  for (u32 policy : {LLP_RINT_FINISH, LLP_RINT_ABORT}) {
    p.rint = policy;
    Station& s = waiting_last();
    s.feed(kRint);
    EXPECT_EQ(s.take(), kEot);
    EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
    ASSERT_EQ(s.submit(8, kM1), 0);
    EXPECT_EQ(s.take(), "");
  }
}

// shows: x328/D-27 x328/D-31 x328/10.1/mwait+rint interop/11/x328/rint
TEST_F(Master, MwaitRintAborts) {
  p.rint = LLP_RINT_ABORT;
  Station& s = waiting();
  s.feed(kRint);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.result(7).sent, 0);
  // The other station has the line for three seconds, then the message is sent from its beginning.
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  s.feed(block(1, "x\r", true) + kEot);
  EXPECT_EQ(s.take(), ack(1));
  s.advance(3 * kSec);
  EXPECT_EQ(s.take(), kEnq);
  s.feed(ack(0));
  EXPECT_EQ(s.take(), b1);
}

// shows: x328/10.1/mwait+rint
TEST_F(Master, MwaitRintAbortsMoreThanM) {
  p.rint = LLP_RINT_ABORT;
  p.retries_m = 2;
  Station& s = waiting();
  for (int i = 0; i < 2; i++) {
    s.feed(kRint);
    s.advance(3 * kSec);
    s.feed(ack(0));
    EXPECT_EQ(s.take(), kEot + kEnq + b1);
  }
  s.feed(kRint);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_INTERRUPTED, LLP_OUT_NOT_SENT);
}

// shows: x328/7.1/rint-after-rint
TEST_F(Master, MwaitRintTwiceInARowIsNoAcknowledgement) {
  Station& s = waiting("A\rB\rC\rD\rE\rF\rG\rH\r");
  s.feed(kRint);
  s.take();
  s.feed(kRint);
  EXPECT_EQ(s.take(), "");
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), kEnq);
  // Asked again, RINT after RINT: the block was garbled.
  s.feed(kRint);
  EXPECT_EQ(s.take(), block(2, "F\rG\rH\r", true));
}

// shows: x328/7/nak x328/10.1/mwait+nak
TEST_F(Master, MwaitNak) {
  Station& s = waiting();
  s.feed(kNak);
  EXPECT_EQ(s.take(), b1);
  EXPECT_EQ(s.state(), "master");
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

// shows: x328/7/nak x328/10.1/mwait+nak
TEST_F(Master, MwaitNakMoreThanL) {
  Station& s = waiting_last();
  for (int i = 0; i < 5; i++) {
    s.feed(kNak);
    EXPECT_EQ(s.take(), b2) << i;
  }
  s.feed(kNak);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.count(LLP_C_RETRANSMISSIONS), 5u);
  failed(LLP_CAUSE_REJECTED, LLP_OUT_REFUSED);
}

TEST_F(Master, MwaitNakMoreThanLOfAnEarlierBlock) {
  p.retries_l = 0;
  Station& s = waiting();
  s.feed(kNak);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_REJECTED, LLP_OUT_NOT_SENT);
}

// The first answer to the last block was lost; it may have been an ACK.
// shows: x328/10.1/mwait+nak interop/1/repeat
TEST_F(Master, MwaitNakMoreThanLAfterSilence) {
  p.retries_l = 1;
  Station& s = waiting_last();
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), b2);
  s.feed(kNak);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_REJECTED, LLP_OUT_UNKNOWN);
}

// shows: x328/2/eot-bare x328/7/eot x328/8/3 x328/10.1/mwait+eot
TEST_F(Master, MwaitEot) {
  Station& s = waiting();
  s.feed(kEot);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_INTERRUPTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
  ASSERT_EQ(s.submit(8, kM1), 0);
  s.advance(2999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/7/eot
TEST_F(Master, MwaitEotForTheLastBlock) {
  Station& s = waiting_last();
  s.feed(kEot);
  failed(LLP_CAUSE_INTERRUPTED, LLP_OUT_REFUSED);
}

// shows: x328/10.1/mwait+eot
TEST_F(Master, MwaitEotForTheLastBlockAfterSilence) {
  Station& s = waiting_last();
  s.advance(6 * kSec);
  s.feed(kEot);
  failed(LLP_CAUSE_INTERRUPTED, LLP_OUT_UNKNOWN);
}

// shows: x328/D-29 x328/10.1/mwait+ack-previous
TEST_F(Master, MwaitAckOfPreviousIsStale) {
  Station& s = waiting();
  s.advance(1 * kSec);
  s.feed(ack(0));
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.left(LLP_T_P0), 5 * kSec);
  s.advance(4 * kSec);
  EXPECT_EQ(s.take(), "");
  s.feed(ack(1));
  EXPECT_EQ(s.take(), b2);
}

// shows: x328/7/garbage x328/10.1/mwait+other
TEST_F(Master, MwaitOtherAckOrGarbageAsksAgain) {
  for (const std::string& what :
       {ack(5), std::string("\x11\x7f"), std::string("zz"), hex("10"), hex("10 55")}) {
    Station& s = waiting();
    s.advance(1 * kSec);
    s.feed(what);
    EXPECT_EQ(s.take(), "") << words(what);
    s.advance(250 * kMs);  // a bare DLE waits for T_term first
    EXPECT_EQ(s.take(), kEnq) << words(what);
    EXPECT_EQ(s.state(), "master, asking again");
    s.feed(ack(1));
    EXPECT_EQ(s.take(), b2);
  }
}

// shows: x328/7/garbage
TEST_F(Master, MwaitGarbageWaitsForQuiet) {
  Station& s = waiting();
  for (int i = 0; i < 20; i++) {
    s.feed("\x80");
    s.advance(99 * kMs);
    EXPECT_EQ(s.take(), "");
  }
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kEnq);
  EXPECT_EQ(s.count(LLP_C_GARBAGE), 1u);
  EXPECT_EQ(s.count(LLP_C_LOST_BYTES), 20u);
}

TEST_F(Master, MwaitAnswerAfterGarbageIsTaken) {
  Station& s = waiting();
  s.feed("\x80\x81" + ack(1));
  EXPECT_EQ(s.take(), b2);
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), "");
}

TEST_F(Master, MwaitStaleAnswerAfterGarbageStillAsksAgain) {
  Station& s = waiting();
  s.feed("\x80" + ack(0));
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/7/garbage x328/10.1/mwait+other interop/1/enq interop/11/x328/enq_resolicit
TEST_F(Master, MwaitGarbageWithoutAskingAgain) {
  p.enq_resolicit = 0;
  Station& s = waiting();
  s.feed("\x80" + ack(5));
  s.advance(5999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), b1);
}

// shows: x328/7.1/count x328/10.1/mwait+other interop/11/x328/numbers
TEST_F(Master, MwaitGarbageMoreThanN) {
  p.retries_n = 2;
  Station& s = waiting_last();
  for (int i = 0; i < 2; i++) {
    s.feed("\x80");
    s.advance(100 * kMs);
    EXPECT_EQ(s.take(), kEnq);
    s.feed(ack(1));  // it never arrived
    EXPECT_EQ(s.take(), b2);
  }
  s.feed("\x80");
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_NOREPLY, LLP_OUT_UNKNOWN);
}

TEST_F(Master, MwaitGarbageBeforeTheBlockHasLeftIsNoAnswer) {
  Station& s = waiting();
  s.auto_empty = false;
  s.feed(ack(1));
  EXPECT_EQ(s.take(), b2);
  s.feed("\x80");
  s.advance(200 * kMs);
  EXPECT_EQ(s.take(), "");
  s.tx_empty();
  s.advance(200 * kMs);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.state(), "master");
}

// shows: x328/10.1/mwait+enq
TEST_F(Master, MwaitEnqOnceIsCountedTwiceEndsIt) {
  Station& s = waiting();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.state(), "master");
  EXPECT_EQ(s.count(LLP_C_UNEXPECTED), 1u);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_LINKRESET, LLP_OUT_NOT_SENT);
}

// shows: x328/10.1/mwait+enq
TEST_F(Master, MwaitEnqTwiceAtTheLastBlock) {
  Station& s = waiting_last();
  s.feed(kEnq + kEnq);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_LINKRESET, LLP_OUT_UNKNOWN);
}

// shows: x328/10.1/mwait+enq
TEST_F(Master, MwaitEnqIsForgivenByTheNextBlock) {
  Station& s = waiting();
  s.feed(kEnq);
  s.feed(ack(1));
  s.take();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), "");
  s.feed(ack(2));
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/D-17 x328/D-28 x328/10.1/mwait+timer-a x328/13/dying interop/11/x328/on_timeout
TEST_F(Master, MwaitTimerARetransmits) {
  Station& s = waiting();
  for (int i = 0; i < 5; i++) {
    s.advance(5999 * kMs);
    EXPECT_EQ(s.take(), "");
    s.advance(1 * kMs);
    EXPECT_EQ(s.take(), b1) << i;
  }
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_NOREPLY, LLP_OUT_NOT_SENT);
}

// shows: x328/10.1/mwait+timer-a
TEST_F(Master, MwaitTimerAAtTheLastBlock) {
  p.retries_n = 0;
  Station& s = waiting_last();
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_NOREPLY, LLP_OUT_UNKNOWN);
}

// shows: x328/D-28 x328/10.1/mwait+timer-a interop/11/x328/on_timeout
TEST_F(Master, MwaitTimerAAsks) {
  Station& s = asking();
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

TEST_F(Master, NIsCountedForEachBlockAnew) {
  p.retries_n = 1;
  Station& s = waiting();
  s.advance(6 * kSec);
  s.feed(ack(1));
  s.take();
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), b2);
  s.feed(ack(2));
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/8/2 x328/10.1/mwait+abort
TEST_F(Master, MwaitLocalAbortThenAck) {
  Station& s = waiting();
  EXPECT_FALSE(llp_can_withdraw(&s.e(), 7));
  s.abort(7);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.result(7).sent, 0);
  s.feed(ack(1));
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_ABORTED, LLP_OUT_NOT_SENT);
}

TEST_F(Master, MwaitLocalAbortThenAckOfLastIsDelivered) {
  Station& s = waiting_last();
  s.abort(7);
  s.feed(ack(2));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.result(7).cause, LLP_OK);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/10.1/mwait+abort
TEST_F(Master, MwaitLocalAbortThenNak) {
  Station& s = waiting_last();
  s.abort(7);
  s.feed(kNak);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_ABORTED, LLP_OUT_REFUSED);
}

// shows: x328/10.1/mwait+abort
TEST_F(Master, MwaitLocalAbortThenEot) {
  Station& s = waiting();
  s.abort(7);
  s.feed(kEot);
  EXPECT_EQ(s.take(), "");
  failed(LLP_CAUSE_ABORTED, LLP_OUT_NOT_SENT);
}

// shows: x328/10.1/mwait+abort
TEST_F(Master, MwaitLocalAbortThenTimerA) {
  Station& s = waiting_last();
  s.abort(7);
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_ABORTED, LLP_OUT_UNKNOWN);
}

TEST_F(Master, MwaitLocalAbortThenGarbageWaitsForTimerA) {
  Station& s = waiting();
  s.feed("\x80");
  s.abort(7);
  s.feed("\x80");
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), "");
  s.advance(5 * kSec);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_ABORTED, LLP_OUT_NOT_SENT);
}

// shows: x328/10.1/mwait+abort
TEST_F(Master, MwaitLocalAbortThenRint) {
  Station& s = waiting();
  s.abort(7);
  s.feed(kRint);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_ABORTED, LLP_OUT_NOT_SENT);
}

// shows: x328/10.1/mres+abort
TEST_F(Master, MresLocalAbort) {
  Station& s = asking(true);
  s.abort(7);
  EXPECT_EQ(s.state(), "master");
  s.feed(ack(2));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/7.1/current x328/10.1/mres+reply
TEST_F(Master, MresAckOfCurrent) {
  Station& s = asking();
  s.feed(ack(1));
  EXPECT_EQ(s.take(), b2);
  EXPECT_EQ(s.state(), "master");
}

// shows: x328/7.1/previous x328/10.1/mres+reply
TEST_F(Master, MresAckOfPrevious) {
  Station& s = asking();
  s.feed(ack(0));
  EXPECT_EQ(s.take(), b1);
  EXPECT_EQ(s.state(), "master");
}

// shows: x328/7.1/nak x328/10.1/mres+reply
TEST_F(Master, MresNak) {
  Station& s = asking();
  s.feed(kNak);
  EXPECT_EQ(s.take(), b1);
}

// shows: x328/7.1/rint-after-ack
TEST_F(Master, MresRintAfterAck) {
  Station& s = asking();
  s.feed(kRint);
  EXPECT_EQ(s.take(), b2);
}

// shows: x328/7.1/rint-after-rint
TEST_F(Master, MresRintAfterRint) {
  p.x328_on_timeout = LLP_X328_ENQ;
  Station& s = waiting();
  s.feed(kRint);
  EXPECT_EQ(s.take(), b2);
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), kEnq);
  s.feed(kRint);
  EXPECT_EQ(s.take(), b2);
}

// shows: x328/7.1/eot x328/10.1/mres+reply
TEST_F(Master, MresEot) {
  Station& s = asking();
  s.feed(kEot);
  EXPECT_EQ(s.take(), "");
  failed(LLP_CAUSE_INTERRUPTED, LLP_OUT_NOT_SENT);
}

// shows: x328/10.1/mres+reply
TEST_F(Master, MresOtherAckAndGarbageAreIgnored) {
  Station& s = asking();
  s.feed(ack(5) + "\x80");
  s.advance(5999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kEnq);
}

// shows: x328/10.1/mres+reply
TEST_F(Master, MresEnqTwice) {
  Station& s = asking();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), "");
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_LINKRESET, LLP_OUT_NOT_SENT);
}

// shows: x328/7.1/count x328/10.1/mres+timer-a x328/13/dying
TEST_F(Master, MresTimerA) {
  Station& s = asking(true);
  for (int i = 1; i < 5; i++) {
    s.advance(6 * kSec);
    EXPECT_EQ(s.take(), kEnq) << i;
  }
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), kEot);
  failed(LLP_CAUSE_NOREPLY, LLP_OUT_UNKNOWN);
}

// shows: common/8 x328/10.1/any+hangup
TEST_F(Master, HangupInTransfer) {
  Station& s = waiting();
  s.hangup();
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s.result(7).done, 1);
  EXPECT_EQ(s.deadline(), LLP_NEVER);
  s.connect();
  ASSERT_EQ(s.submit(8, kM1), 0);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/10.1/any+hangup
TEST_F(Master, HangupAtTheLastBlock) {
  Station& s = waiting_last();
  s.hangup();
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_UNKNOWN);
  Station& t = asking(true);
  t.hangup();
  EXPECT_EQ(t.result(7).outcome, LLP_OUT_UNKNOWN);
}

// Bytes are handed out a few at a time; the line goes when they are not all out.
TEST_F(Master, HangupInsideTheLastBlock) {
  for (bool again : {false, true}) {
    Station& s = waiting_last();
    if (again) {
      s.auto_pull = false;
      s.feed(kNak);  // refused once, being sent again
      s.hangup();
      EXPECT_EQ(s.result(7).outcome, LLP_OUT_REFUSED);
    } else {
      s.hangup();
      EXPECT_EQ(s.result(7).outcome, LLP_OUT_UNKNOWN);
    }
  }
  Station one(LLP_PROTO_X328, p);
  warm_up(one);
  to_bid(one);
  one.auto_pull = false;
  one.feed(ack(0));
  one.hangup();
  EXPECT_EQ(one.result(7).outcome, LLP_OUT_NOT_SENT);
}

}  // namespace
}  // namespace llp::test::x328
