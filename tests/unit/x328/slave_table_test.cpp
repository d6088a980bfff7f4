// SPDX-License-Identifier: BSD-3-Clause
// Message transfer, the slave: every row of the state table for SWAIT and SRECV,
// and the decision on each kind of block.
#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

class Slave : public ::testing::Test {
 protected:
  Slave() : p(x328_params()) {}
  // Granted a bid: SWAIT, nothing accepted.
  Station& granted() {
    st = std::make_unique<Station>(LLP_PROTO_X328, p);
    to_slave(*st);
    return *st;
  }
  // Block 1 of a longer message accepted.
  Station& open() {
    Station& s = granted();
    s.feed(b1);
    EXPECT_EQ(s.take(), ack(1));
    return s;
  }
  // Inside block 2 of it.
  Station& inside() {
    Station& s = open();
    s.feed(b2.substr(0, 9));
    EXPECT_EQ(s.state(), "slave, in block");
    return s;
  }
  static void cancelled(Station& s, llp_cause cause) {
    ASSERT_EQ(s.cancelled.size(), 1u);
    EXPECT_EQ(s.cancelled[0].second, cause) << llp_cause_name(s.cancelled[0].second);
    EXPECT_EQ(llp_rx_fill(&s.e()), 0u);
  }
  const std::string b1 = block(1, kM1, false);
  const std::string b2 = block(2, "PID|1\r", true);
  llp_params p;
  std::unique_ptr<Station> st;
};

// shows: x328/4/rule-b x328/10.2/swait+stx
TEST_F(Slave, SwaitStx) {
  Station& s = granted();
  s.feed("\x02");
  EXPECT_EQ(s.state(), "slave, in block");
  EXPECT_EQ(s.left(LLP_T_P2), std::nullopt);
  EXPECT_EQ(s.left(LLP_T_P1), 3 * kSec);
}

// shows: x328/4/rule-b x328/10.2/swait+stx
TEST_F(Slave, SwaitSoh) {
  Station& s = granted();
  s.feed("\x01");
  EXPECT_EQ(s.state(), "slave, in block");
  EXPECT_EQ(s.left(LLP_T_P1), 3 * kSec);
}

// shows: x328/D-20
TEST_F(Slave, TimerBIsNoShorterThanTheLongestBlock) {
  p.char_time = 1041667;  // 9600 baud
  Station& s = granted();
  s.feed("\x02");
  const auto left = s.left(LLP_T_P1);
  ASSERT_TRUE(left);
  EXPECT_NEAR(static_cast<double>(*left), 1.2 * 1041667 * (4096 + 12) + 1e9, 1e6);
}

// shows: x328/D-37 x328/10.2/swait+enq
TEST_F(Slave, SwaitEnqRepeatsTheLastResponse) {
  Station& s = granted();
  s.advance(10 * kSec);
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
  s.feed(b1 + kEnq);
  EXPECT_EQ(s.take(), ack(1) + ack(1));
  s.feed(hex(kBadBcc) + kEnq);
  // Not the ACK before it.
  EXPECT_EQ(s.take(), kNak + kNak);
  s.feed(b2 + kEnq);
  EXPECT_EQ(s.take(), ack(2) + ack(2));
  EXPECT_EQ(s.messages.size(), 1u);
}

// shows: x328/10.2/swait+enq
TEST_F(Slave, SwaitEnqRepeatsRint) {
  Station& s = granted();
  s.request_turn();
  s.feed(b1 + kEnq);
  EXPECT_EQ(s.take(), kRint + kRint);
}

// shows: x328/2/eot-bare x328/4/rule-d x328/10.2/swait+eot
TEST_F(Slave, SwaitEotClosed) {
  Station& s = granted();
  s.feed(kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_TRUE(s.cancelled.empty());
  EXPECT_EQ(s.left(LLP_T_P2), std::nullopt);
}

// shows: x328/8/2 x328/10.2/swait+eot x328/11/cancelled
TEST_F(Slave, SwaitEotOpen) {
  Station& s = open();
  s.feed(kEot);
  EXPECT_EQ(s.state(), "idle");
  cancelled(s, LLP_CAUSE_SENDER_ABORT);
}

// shows: x328/10.2/swait+eot
TEST_F(Slave, SwaitEotAfterTheMessage) {
  Station& s = open();
  s.feed(b2 + kEot);
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_TRUE(s.cancelled.empty());
  EXPECT_TRUE(s.messages.at(0).acked);
  EXPECT_TRUE(s.idle());
}

// shows: x328/10.2/swait+timer-d
TEST_F(Slave, SwaitTimerDClosed) {
  Station& s = granted();
  s.advance(29999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_TRUE(s.cancelled.empty());
}

// shows: x328/D-23 x328/10.2/swait+timer-d x328/11/cancelled x328/13/dying
TEST_F(Slave, SwaitTimerDOpen) {
  Station& s = open();
  s.advance(30 * kSec);
  EXPECT_EQ(s.take(), kEot);
  cancelled(s, LLP_CAUSE_SILENCE);
  // After an abnormal end the next bid begins with EOT.
  ASSERT_EQ(s.submit(8, kM1), 0);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/4/rule-d
TEST_F(Slave, TimerDRunsFromTheMomentTheAnswerHasLeft) {
  Station& s = granted();
  s.auto_empty = false;
  s.feed(b1);
  s.advance(2 * kSec);
  EXPECT_EQ(s.left(LLP_T_P2), 28 * kSec);
  s.tx_empty();
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
}

// shows: x328/10.2/swait+other
TEST_F(Slave, SwaitOtherIsIgnored) {
  Station& s = open();
  s.feed(ack(3) + kNak + kRint + "noise\x7f");
  s.advance(1 * kSec);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.state(), "slave");
  EXPECT_EQ(s.count(LLP_C_UNEXPECTED), 3u);
  EXPECT_EQ(s.count(LLP_C_GARBAGE), 1u);
  s.feed(b2);
  EXPECT_EQ(s.take(), ack(2));
}

// shows: x328/6/eot x328/8/3 x328/10.2/swait+abort
TEST_F(Slave, SwaitLocalAbort) {
  Station& s = open();
  s.abort_rx();
  EXPECT_EQ(s.take(), "");
  cancelled(s, LLP_CAUSE_ABORTED);
  s.feed(b2);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.cancelled.size(), 1u);
  EXPECT_TRUE(s.messages.empty());
}

// shows: x328/10.2/swait+abort
TEST_F(Slave, SwaitLocalAbortThenABadBlockOrABrokenOne) {
  for (const std::string& next : {hex(kBadBcc), hex(kBlockAbort)}) {
    Station& s = open();
    s.abort_rx();
    s.feed(next);
    EXPECT_EQ(s.take(), kEot) << words(next);
    EXPECT_EQ(s.state(), "idle");
  }
}

TEST_F(Slave, SwaitLocalAbortThenEot) {
  Station& s = open();
  s.abort_rx();
  s.feed(kEot);
  s.feed(kEnq + block(1, "next\r", true));
  EXPECT_EQ(s.take(), ack(0) + ack(1));
  EXPECT_EQ(s.texts(), std::vector<std::string>{"next\r"});
}

TEST_F(Slave, SrecvLocalAbort) {
  Station& s = inside();
  s.abort_rx();
  cancelled(s, LLP_CAUSE_ABORTED);
  s.feed(b2.substr(9));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
}

TEST_F(Slave, SrecvLocalAbortThenAsMuchTextAsFits) {
  Station s(LLP_PROTO_X328);
  s.fixed_buffer = true;  // sixteen bytes
  to_slave(s);
  s.feed(
      "\x02"
      "100040" +
      std::string(12, 'x'));
  s.abort_rx();
  s.feed(std::string(28, 'x') +
         "\x03"
         "00\r");
  EXPECT_EQ(s.take(), kEot);
  // A block begun anew is refused too.
  to_slave(s);
  s.feed(
      "\x02"
      "100040" +
      std::string(12, 'x'));
  s.abort_rx();
  s.feed(block(1, "0123456789abcdef", true));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_TRUE(s.messages.empty());
}

TEST_F(Slave, LocalAbortWhenNothingIsReceived) {
  Station s(LLP_PROTO_X328);
  s.abort_rx();
  s.feed(kEnq + b1);
  EXPECT_EQ(s.take(), ack(0) + ack(1));
}

// shows: x328/4/rule-b x328/10.2/srecv+rejected
TEST_F(Slave, SrecvRejected) {
  Station& s = open();
  s.feed(hex(kBadBcc));
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.state(), "slave");
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
  EXPECT_EQ(s.left(LLP_T_P1), std::nullopt);
  s.feed(b2);
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
}

// shows: x328/D-35 x328/10.2/srecv+rejected
TEST_F(Slave, SrecvRejectedMoreThanTwiceLPlusOneInARow) {
  Station& s = open();
  for (int i = 0; i < 12; i++) {
    s.feed(hex(kBadBcc));
    EXPECT_EQ(s.take(), kNak) << i;
  }
  s.feed(hex(kBadBcc));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  cancelled(s, LLP_CAUSE_DAMAGED);
}

// shows: x328/D-35
TEST_F(Slave, AGoodBlockForgivesTheNaksBefore) {
  for (const std::string& good : {block(2, "x\r", false), b1}) {
    Station& s = open();
    for (int i = 0; i < 12; i++) s.feed(hex(kBadBcc));
    s.feed(good);
    s.take();
    s.feed(hex(kBadBcc));
    EXPECT_EQ(s.take(), kNak);
  }
}

// shows: x328/8/1
TEST_F(Slave, BlockAbortsAreNotCounted) {
  Station& s = open();
  for (int i = 0; i < 40; i++) {
    s.feed(hex(kBlockAbort));
    EXPECT_EQ(s.take(), kNak);
  }
  s.feed(b2);
  EXPECT_EQ(s.take(), ack(2));
}

// shows: x328/D-25 x328/6/6 x328/10.2/srecv+duplicate
TEST_F(Slave, SrecvDuplicate) {
  Station& s = open();
  s.feed(b1);
  EXPECT_EQ(s.take(), ack(1));
  s.feed(b1 + b2 + b2 + kEot);
  EXPECT_EQ(s.take(), ack(1) + ack(2) + ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
  EXPECT_EQ(s.count(LLP_C_DUPLICATES), 3u);
}

// shows: x328/D-25 x328/10.2/srecv+duplicate
TEST_F(Slave, SrecvDuplicateOfWhatRintAnswered) {
  Station& s = granted();
  s.request_turn();
  s.feed(b1 + b1);
  EXPECT_EQ(s.take(), kRint + kRint);
}

// shows: x328/D-25
TEST_F(Slave, SrecvDuplicateAfterANak) {
  Station& s = open();
  s.feed(hex(kBadBcc) + b1);
  EXPECT_EQ(s.take(), kNak + ack(1));
}

// shows: x328/6/7 x328/10.2/srecv+accepted x328/11/begin-end
TEST_F(Slave, SrecvAcceptedWithEtbAndEtx) {
  Station& s = granted();
  s.feed(b1);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.transcript("begin") + s.transcript("data") + s.transcript("end"), "begin 1\ndata 1 11\n");
  s.feed(b2);
  EXPECT_EQ(s.transcript("data") + s.transcript("end"), "data 1 11\ndata 1 6\nend 1 17 pending\n");
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
}

// shows: x328/6/1 x328/8/1 x328/10.2/srecv+enq
TEST_F(Slave, SrecvBlockAbortBeforeAnyMessage) {
  Station& s = granted();
  s.feed(hex(kBlockAbort));
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.state(), "slave");
  EXPECT_EQ(s.left(LLP_T_P1), std::nullopt);
  EXPECT_EQ(s.left(LLP_T_P2), 30 * kSec);
  s.feed(kEot);
  EXPECT_TRUE(s.cancelled.empty());
}

// shows: x328/8/1 x328/10.2/srecv+enq
TEST_F(Slave, SrecvBlockAbortInAMessage) {
  Station& s = inside();
  s.feed(kEnq);
  EXPECT_EQ(s.take(), kNak);
  s.feed(kEot);
  cancelled(s, LLP_CAUSE_SENDER_ABORT);
}

// shows: x328/D-30
TEST_F(Slave, SrecvBlockAbortThenAnotherBlockWithTheSameNumber) {
  Station& s = inside();
  s.feed(kEnq + block(2, "NTE|1\r", true));
  EXPECT_EQ(s.take(), kNak + ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM1 + "NTE|1\r"});
}

// shows: x328/D-36 x328/10.2/srecv+stx
TEST_F(Slave, SrecvStxBeginsTheBlockAnew) {
  Station& s = inside();
  s.advance(2 * kSec);
  s.feed(b2.substr(0, 1));
  EXPECT_EQ(s.left(LLP_T_P1), 3 * kSec);
  s.feed(b2.substr(1));
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
}

// shows: x328/D-36
TEST_F(Slave, SrecvStxAnywhereInABlock) {
  for (std::size_t cut = 1; cut < b2.size() - 1; cut++) {
    Station& s = open();
    s.feed(b2.substr(0, cut) + b2);
    EXPECT_EQ(s.take(), ack(2)) << cut;
    EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
  }
}

// shows: x328/10.2/srecv+eot
TEST_F(Slave, SrecvEot) {
  Station& s = inside();
  s.feed(kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.left(LLP_T_P1), std::nullopt);
  cancelled(s, LLP_CAUSE_SENDER_ABORT);
}

// shows: x328/10.2/srecv+eot
TEST_F(Slave, SrecvEotInTheFirstBlock) {
  Station& s = granted();
  s.feed(b1.substr(0, 12) + kEot);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_TRUE(s.cancelled.empty());
  EXPECT_EQ(llp_rx_fill(&s.e()), 0u);
}

// shows: x328/10.2/srecv+timer-b x328/11/cancelled
TEST_F(Slave, SrecvTimerB) {
  Station& s = inside();
  s.advance(2999 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  cancelled(s, LLP_CAUSE_SILENCE);
  // What still comes of the block means nothing.
  s.feed(b2.substr(9));
  EXPECT_EQ(s.take(), "");
}

// shows: x328/10.2/srecv+timer-b x328/13/dying
TEST_F(Slave, SrecvTimerBInEachPartOfABlock) {
  const std::string with_heading = "\x01H" + b2;
  for (std::size_t cut = 1; cut + 1 < with_heading.size() - 1; cut++) {
    Station& s = open();
    s.feed(with_heading.substr(0, cut));
    s.advance(3 * kSec);
    EXPECT_EQ(s.take(), kEot) << cut;
    s.feed(kEnq + b1);
    EXPECT_EQ(s.take(), ack(0) + ack(1)) << cut;
  }
}

// shows: x328/10.2/srecv+too-long
TEST_F(Slave, SrecvTextTooLong) {
  p.max_rx_text = 5;
  Station& s = granted();
  s.feed(block(1, "123456", true));
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.count(LLP_C_NAK_TOO_LONG), 1u);
  s.feed(block(1, "12345", true));
  EXPECT_EQ(s.take(), ack(1));
}

// shows: x328/10.2/srecv+too-long
TEST_F(Slave, SrecvTextTooLongEndedByEnq) {
  p.max_rx_text = 5;
  Station& s = granted();
  s.feed("\x02" + std::string("100020abcdefghijkl") + kEnq);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.state(), "slave");
}

// shows: common/8 x328/11/cancelled
TEST_F(Slave, Hangup) {
  Station& a = open();
  a.hangup();
  cancelled(a, LLP_CAUSE_HANGUP);
  EXPECT_EQ(a.deadline(), LLP_NEVER);
  Station& b = inside();
  b.hangup();
  cancelled(b, LLP_CAUSE_HANGUP);
  b.connect();
  b.feed(kEnq + b1);
  EXPECT_EQ(b.take(), ack(0) + ack(1));
  Station& c = granted();
  ASSERT_EQ(c.submit(8, kM1), 0);
  c.hangup();
  EXPECT_TRUE(c.cancelled.empty());
  EXPECT_EQ(c.result(8).outcome, LLP_OUT_NOT_SENT);
}

// ---- reverse interrupt ----

// shows: x328/6/rint x328/8/4
TEST_F(Slave, RintNotOnTwoSuccessiveBlocks) {
  Station& s = granted();
  s.request_turn();
  s.feed(block(1, "a\r", false));
  EXPECT_EQ(s.take(), kRint);
  s.request_turn();
  s.feed(block(2, "b\r", false));
  EXPECT_EQ(s.take(), ack(2));
  s.feed(block(3, "c\r", false));
  EXPECT_EQ(s.take(), kRint);
}

// shows: x328/8/4
TEST_F(Slave, RintOnlyForAGoodBlock) {
  Station& s = granted();
  s.request_turn();
  s.feed(hex(kBadBcc) + hex(kBlockAbort));
  EXPECT_EQ(s.take(), kNak + kNak);
  s.feed(b1);
  EXPECT_EQ(s.take(), kRint);
}

TEST_F(Slave, RintInsideABlockAndForTheLastOne) {
  Station& s = inside();
  s.request_turn();
  s.feed(b2.substr(9));
  EXPECT_EQ(s.take(), kRint);
  EXPECT_TRUE(s.messages.at(0).acked);
}

TEST_F(Slave, RintIsForgottenWithTheTransmission) {
  Station s(LLP_PROTO_X328);
  s.request_turn();
  to_slave(s);
  s.feed(b1);
  EXPECT_EQ(s.take(), ack(1));
  s.request_turn();
  s.feed(kEot + kEnq + b1);
  EXPECT_EQ(s.take(), ack(0) + ack(1));
}

// ---- the decision on a block, in its order ----

struct Decision {
  const char* name;
  std::string block;
  llp_counter counter;
};

class Decisions : public ::testing::TestWithParam<Decision> {};

// shows: x328/D-7 x328/D-24 x328/D-38 x328/6/3 x328/6/4 x328/6/5 x328/6/8
TEST_P(Decisions, Nak) {
  const Decision& d = GetParam();
  Station s(LLP_PROTO_X328);
  to_slave(s);
  s.feed(block(1, kM1, false));
  s.take();
  s.feed(d.block);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.count(d.counter), 1u);
  EXPECT_EQ(s.state(), "slave");
  s.feed(block(2, "PID|1\r", true));
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
}

INSTANTIATE_TEST_SUITE_P(
    EachCheck, Decisions,
    ::testing::Values(Decision{"NumberIsNoDigit", raw_block("A00002x\r", 3), LLP_C_NAK_FORMAT},
                      Decision{"NumberIsEight", raw_block("800002x\r", 3), LLP_C_NAK_FORMAT},
                      Decision{"NumberBelowZero", raw_block("/00002x\r", 3), LLP_C_NAK_FORMAT},
                      Decision{"LengthWithBlanks", raw_block("2    2x\r", 3), LLP_C_NAK_FORMAT},
                      Decision{"LengthWithLetters", raw_block("20000Ax\r", 3), LLP_C_NAK_FORMAT},
                      Decision{"HeaderCutShort", raw_block("2000", 3), LLP_C_NAK_FORMAT},
                      Decision{"NoHeader", raw_block("", 0x17), LLP_C_NAK_FORMAT},
                      Decision{"CheckWrong",
                               "\x02"
                               "200002x\r\x03"
                               "00\r",
                               LLP_C_NAK_CHECK},
                      Decision{"CheckNotHexFirst",
                               "\x02"
                               "200002x\r\x03"
                               "G0\r",
                               LLP_C_NAK_CHECK},
                      Decision{"CheckNotHexSecond",
                               "\x02"
                               "200002x\r\x03"
                               "0/\r",
                               LLP_C_NAK_CHECK},
                      Decision{"LengthTooSmall", raw_block("200001x\r", 3), LLP_C_NAK_LENGTH},
                      Decision{"LengthTooLarge", raw_block("200003x\r", 3), LLP_C_NAK_LENGTH},
                      Decision{"GapOfOne", block(3, "x\r", true), LLP_C_NAK_NUMBER},
                      Decision{"NumberOneInsideAMessage", block(1, "x\r", true), LLP_C_NAK_NUMBER},
                      Decision{"NumberZero", block(0, "x\r", true), LLP_C_NAK_NUMBER},
                      Decision{"SameNumberOtherText", block(1, "MSH|^~\\&|B\r", false), LLP_C_NAK_NUMBER},
                      Decision{"SameNumberOtherLength", block(1, "MSH\r", false), LLP_C_NAK_NUMBER},
                      Decision{"SameTextOtherEnd", block(1, kM1, true), LLP_C_NAK_NUMBER},
                      // Same number, length and check, another order of the text.
                      Decision{"SameNumberSameCheck", block(1, "MHS|^~\\&|A\r", false), LLP_C_NAK_NUMBER}),
    [](const auto& row) { return row.param.name; });

// shows: x328/3.4/first x328/6/8
TEST_F(Slave, FirstBlockMustBeOne) {
  for (int n : {0, 2, 7}) {
    Station& s = granted();
    s.feed(block(n, "x\r", true));
    EXPECT_EQ(s.take(), kNak) << n;
  }
}

// shows: x328/D-24 interop/11/x328/gap
TEST_F(Slave, GapEndsTheTransmissionIfSoConfigured) {
  p.gap = LLP_GAP_EOT;
  Station& s = open();
  s.feed(block(4, "x\r", true));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
  cancelled(s, LLP_CAUSE_FORMAT);
}

// shows: x328/3.4/continues
TEST_F(Slave, SecondMessageInATransmissionNumbersOn) {
  Station& s = granted();
  s.feed(block(1, "a\r", true) + block(2, "b\r", true));
  EXPECT_EQ(s.take(), ack(1) + ack(2));
  EXPECT_EQ(s.texts(), (std::vector<std::string>{"a\r", "b\r"}));
}

// shows: x328/D-14
TEST_F(Slave, SecondMessageInATransmissionRestartsAtOne) {
  Station& s = granted();
  s.feed(block(1, "a\r", false) + block(2, "b\r", true) + block(1, "c\r", true));
  EXPECT_EQ(s.take(), ack(1) + ack(2) + ack(1));
  EXPECT_EQ(s.texts(), (std::vector<std::string>{"a\rb\r", "c\r"}));
}

// shows: x328/D-14 x328/D-38
TEST_F(Slave, OneBlockMessagesThatAllHaveNumberOne) {
  Station& s = granted();
  s.feed(block(1, "a\r", true) + block(1, "b\r", true) + block(1, "c\r", true));
  EXPECT_EQ(s.take(), ack(1) + ack(1) + ack(1));
  EXPECT_EQ(s.texts(), (std::vector<std::string>{"a\r", "b\r", "c\r"}));
  // The same bytes again are the same block.
  s.feed(block(1, "c\r", true));
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.messages.size(), 3u);
}

// shows: x328/3.2
TEST_F(Slave, EmptyMessageIsAcknowledgedAtOnce) {
  st = std::make_unique<Station>(LLP_PROTO_X328, p);
  Station& s = *st;
  s.verdict_policy.reset();
  to_slave(s);
  s.feed(hex(kBlocks[7].hex));
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_TRUE(s.logged("end 1 0 empty"));
  s.feed(block(2, "", false) + block(3, "", true));
  EXPECT_EQ(s.take(), ack(2) + ack(3));
  EXPECT_TRUE(s.logged("end 2 0 empty"));
}

// shows: common/promise/x328
TEST_F(Slave, TheSameMessageInANewTransmissionIsMarked) {
  Station& s = granted();
  s.feed(b1 + b2 + kEot + kEnq + b1 + b2 + kEot);
  ASSERT_EQ(s.messages.size(), 2u);
  EXPECT_FALSE(s.messages[0].flags & LLP_END_REPEAT);
  EXPECT_TRUE(s.messages[1].flags & LLP_END_REPEAT);
  EXPECT_EQ(s.count(LLP_C_REPEATS), 1u);
  s.feed(kEnq + block(1, "other\r", true) + kEot);
  EXPECT_FALSE(s.messages.at(2).flags & LLP_END_REPEAT);
}

}  // namespace
}  // namespace llp::test::x328
