// SPDX-License-Identifier: BSD-3-Clause
// Message transfer, the master: what comes while the block is still being handed
// out.
#include "x328/master_fixture.hpp"

namespace llp::test::x328 {
namespace {

class MasterEarly : public Master {
 protected:
  // Block 1 was NAKed and is being sent again; nothing of it is out yet.
  Station& sending_again() {
    Station& s = waiting();
    s.auto_pull = false;
    s.feed(kNak);
    return s;
  }
  std::string flush() {
    std::string out = st->pull();
    st->tx_empty();
    return out;
  }
};

TEST_F(MasterEarly, AckOfWhatWasNeverSentIsIgnored) {
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  to_bid(s, 7, kM);
  s.auto_pull = false;
  s.feed(ack(0));
  s.feed(ack(1) + kRint);
  EXPECT_EQ(s.pull(), b1);
  s.tx_empty();
  EXPECT_EQ(s.pull(), "");
  EXPECT_EQ(s.state(), "master");
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
  EXPECT_EQ(s.count(LLP_C_UNEXPECTED), 2u);
}

// A slave does without the CR; what it says of the block then leaves its fate open.
TEST_F(MasterEarly, AckOfABlockThatLacksItsCr) {
  for (bool acked : {false, true}) {
    Station s(LLP_PROTO_X328, x328_params());
    warm_up(s);
    to_bid(s, 7, kM);
    s.auto_pull = false;
    s.feed(ack(0));
    const std::string b = block(1, kM, true);
    EXPECT_EQ(s.pull_some(b.size() - 1), b.substr(0, b.size() - 1));
    if (acked) s.feed(ack(1));
    EXPECT_EQ(s.pull(), "\r");
    s.tx_empty();
    s.advance(3 * kSec);
    s.feed(kEot);
    EXPECT_EQ(s.result(7).cause, LLP_CAUSE_INTERRUPTED);
    EXPECT_EQ(s.result(7).outcome, acked ? LLP_OUT_UNKNOWN : LLP_OUT_REFUSED);
  }
}

TEST_F(MasterEarly, PlainAckOfWhatWasNeverSentIsIgnored) {
  p.accept_plain_ack = 1;
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  to_bid(s, 7, kM);
  s.auto_pull = false;
  s.feed(ack(0));
  s.feed("\x06\r");
  EXPECT_EQ(s.pull(), b1);
  s.tx_empty();
  EXPECT_EQ(s.pull(), "");
}

TEST_F(MasterEarly, LateAckOfTheFirstSendIsTakenAfterTheBlock) {
  Station& s = sending_again();
  s.feed(ack(1));
  EXPECT_EQ(flush(), b1);
  EXPECT_EQ(flush(), b2);
  s.feed(ack(1));  // the slave's answer to the repeat: stale
  EXPECT_EQ(s.pull(), "");
  s.feed(ack(2));
  EXPECT_EQ(s.pull(), kEot);
}

TEST_F(MasterEarly, NakIsTakenAfterTheBlock) {
  Station& s = sending_again();
  s.feed(kNak);
  EXPECT_EQ(flush(), b1);
  EXPECT_EQ(flush(), b1);
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
}

TEST_F(MasterEarly, NakInsideTheFirstSend) {
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  to_bid(s, 7, kM);
  s.auto_pull = false;
  s.feed(ack(0));
  s.feed(kNak);
  EXPECT_EQ(s.pull(), b1);
  s.tx_empty();
  EXPECT_EQ(s.pull(), b1);
}

TEST_F(MasterEarly, EotIsTakenAfterTheBlock) {
  Station& s = sending_again();
  s.feed(kEot);
  EXPECT_EQ(flush(), b1);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_INTERRUPTED);
}

TEST_F(MasterEarly, AbortBeforeAnyByteOfTheBlock) {
  Station& s = sending_again();
  s.abort(7);
  EXPECT_EQ(s.pull(), kEot);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
}

TEST_F(MasterEarly, TransmitterStuckEndsInTimerA) {
  Station& s = sending_again();
  s.advance(s.params().tx_stall * kUs);
  EXPECT_EQ(s.count(LLP_C_TX_STALLS), 1u);
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
  s.advance(6 * kSec);
  EXPECT_EQ(s.pull(), b1);
}

// Interrupted in the first send of a one-block message, before its end.
TEST_F(MasterEarly, EotAfterAStallInsideTheLastBlock) {
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  to_bid(s);
  s.auto_pull = false;
  s.feed(ack(0));
  s.advance(s.params().tx_stall * kUs);
  s.feed(kEot);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_INTERRUPTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
}

// An answer that begins before the last block can have left the transmitter does not answer it, though
// its end comes later: the message may be accepted all the same.
TEST_F(MasterEarly, AnswersThatBeganBeforeTheLastBlockLeftSayNothingOfIt) {
  for (const bool aborted : {true, false}) {
    Station s(LLP_PROTO_X328, p);
    s.params().char_time = 1 * kMs;
    warm_up(s);
    to_master(s, 7, "A\r");
    const std::string answer = aborted ? kNak : kEot;
    s.feed(answer.substr(0, 1));
    s.advance(50 * kMs);
    if (aborted) s.abort(7);
    s.feed(answer.substr(1));
    EXPECT_EQ(s.result(7).cause, aborted ? LLP_CAUSE_ABORTED : LLP_CAUSE_INTERRUPTED);
    EXPECT_EQ(s.result(7).outcome, LLP_OUT_UNKNOWN);
  }
}

// The first byte of an ACK, damaged into a NAK: the last block was accepted.
TEST_F(MasterEarly, NakWithoutCrInFrontOfOtherBytesMayHaveBeenAnAck) {
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  to_master(s, 7, "A\r");
  s.abort(7);
  s.feed("\x15");
  s.feed("1\r");
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_UNKNOWN);
}

// shows: common/1 x328/4/rule-a
TEST_F(MasterEarly, TimerAStartsWhenTheTransmitterIsEmpty) {
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  s.auto_empty = false;
  ASSERT_EQ(s.submit(7, kM), 0);
  EXPECT_EQ(s.left(LLP_T_P0), std::nullopt);
  s.advance(100 * kMs);
  s.tx_empty();
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
  s.feed(ack(0));
  EXPECT_EQ(s.left(LLP_T_P0), std::nullopt);
  s.tx_empty();
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
  s.feed(ack(1));
  // The answer comes before the transmitter says that it is empty: no timer for what is answered.
  s.feed(ack(2));
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  s.tx_empty();
  EXPECT_EQ(s.left(LLP_T_P0), std::nullopt);
}

}  // namespace
}  // namespace llp::test::x328
