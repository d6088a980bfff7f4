// SPDX-License-Identifier: BSD-3-Clause
// In which order a block is judged, and a block abort that nobody answers.
#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

struct Defects {
  bool flag, format, check, length, number;
  llp_counter counted;  // the first of them
};

// Block 2 is expected; what is sent instead has all these defects.
std::string defective(const Defects& d) {
  std::string head = d.format ? "A" : d.number ? "4" : "2";
  head += d.length ? "00009" : "00002";
  std::string b = raw_block(head + "x\r", '\x03');
  if (d.check) b[b.size() - 2] = b[b.size() - 2] == '0' ? '1' : '0';
  return b;
}

// shows: x328/6/order
TEST(X328Checks, AreMadeInTheirOrder) {
  const std::vector<Defects> all = {
      {true, true, true, true, false, LLP_C_NAK_FLAG},
      {true, false, true, true, true, LLP_C_NAK_FLAG},
      {false, true, true, true, false, LLP_C_NAK_FORMAT},
      {false, true, false, true, false, LLP_C_NAK_FORMAT},
      {false, false, true, true, true, LLP_C_NAK_CHECK},
      {false, false, true, false, true, LLP_C_NAK_CHECK},
      {false, false, false, true, true, LLP_C_NAK_LENGTH},
      {false, false, false, false, true, LLP_C_NAK_NUMBER},
  };
  for (const Defects& d : all) {
    Station s(LLP_PROTO_X328);
    to_slave(s);
    s.feed(block(1, kM1, false));
    s.take();
    const std::string b = defective(d);
    std::vector<std::uint8_t> flags(b.size(), LLP_FLAG_NONE);
    if (d.flag) flags[8] = LLP_FLAG_PARITY;
    s.feed_flagged(b, flags);
    EXPECT_EQ(s.take(), kNak);
    EXPECT_EQ(s.count(d.counted), 1u) << llp_counter_name(d.counted);
    EXPECT_EQ(s.count(LLP_C_NAKS_SENT), 1u);
    std::uint64_t reasons = 0;
    for (const auto c :
         {LLP_C_NAK_FLAG, LLP_C_NAK_FORMAT, LLP_C_NAK_CHECK, LLP_C_NAK_LENGTH, LLP_C_NAK_NUMBER})
      reasons += s.count(c);
    EXPECT_EQ(reasons, 1u) << "one reason for one NAK";
  }
}

// What ends in ENQ is a block abort, whatever else is wrong with it; and a
// repeat of the last block is judged by its check before it is one.
// shows: x328/6/order
TEST(X328Checks, BlockAbortComesFirstAndDuplicatesLate) {
  Station s(LLP_PROTO_X328);
  to_slave(s);
  s.feed(block(1, kM1, false));
  s.take();
  std::string abort =
      "\x02"
      "A0000x" +
      kEnq;
  std::vector<std::uint8_t> flags(abort.size(), LLP_FLAG_NONE);
  flags[3] = LLP_FLAG_FRAME;
  s.feed_flagged(abort, flags);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_NE(s.transcript("frame in block abort"), "");
  std::string repeat = block(1, kM1, false);
  repeat[10] ^= 1;
  s.feed(repeat);
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.count(LLP_C_NAK_CHECK), 1u);
  EXPECT_EQ(s.count(LLP_C_DUPLICATES), 0u);
}

// shows: x328/8/1/silence
TEST(X328Examples, BlockAbortThatNobodyAnswers) {
  Station s(LLP_PROTO_X328, one_segment_blocks());
  warm_up(s);
  s.auto_pull = false;
  ASSERT_EQ(s.submit(7, kM), 0);
  EXPECT_EQ(s.pull(), kEnq);
  s.tx_empty();
  s.feed(ack(0));
  EXPECT_EQ(s.pull_some(12), hex(kBlockAbort).substr(0, 12));
  s.abort(7);
  EXPECT_EQ(s.pull(), kEnq);
  s.tx_empty();
  EXPECT_EQ(s.left(LLP_T_P0), 6 * kSec);
  s.advance(6 * kSec - 1);
  EXPECT_EQ(s.pull(), "");
  s.advance(1);
  EXPECT_EQ(s.pull(), kEot);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
}

}  // namespace
}  // namespace llp::test::x328
