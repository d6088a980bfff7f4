// SPDX-License-Identifier: BSD-3-Clause
// How messages are cut, what cannot be sent, what is too much.
#include "x328/options_fixture.hpp"

namespace llp::test::x328 {
namespace {

// ---- cutting ----

// shows: x328/D-11 interop/1/segment
TEST_F(Options, BlockingSegmentPacksWholeSegments) {
  p.block_max = 12;
  EXPECT_EQ(blocks_of("AAAA\rBBBB\rCC\rDDDDDDDDDDDDDD\rEE\rF"),
            (std::vector<std::string>{block(1, "AAAA\rBBBB\r", false), block(2, "CC\r", false),
                                      block(3, "DDDDDDDDDDDD", false), block(4, "DD\rEE\rF", true)}));
}

// shows: x328/D-11 interop/11/x328/blocking
TEST_F(Options, BlockingSize) {
  p.block_max = 7;
  p.blocking = LLP_BLOCKING_SIZE;
  EXPECT_EQ(blocks_of("AAAA\rBBBB\rCC\r"),
            (std::vector<std::string>{block(1, "AAAA\rBB", false), block(2, "BB\rCC\r", true)}));
}

// shows: x328/D-9
TEST_F(Options, BlockOfOneByte) {
  p.block_max = 1;
  EXPECT_EQ(blocks_of("A\r"), (std::vector<std::string>{block(1, "A", false), block(2, "\r", true)}));
}

// shows: x328/D-9 x328/13/sizes interop/11/x328/blocking
TEST_F(Options, DefaultLimitIs233) {
  EXPECT_EQ(blocks_of(std::string(233, 'x')).size(), 1u);
  EXPECT_EQ(blocks_of(std::string(234, 'x')),
            (std::vector<std::string>{block(1, std::string(233, 'x'), false), block(2, "x", true)}));
}

// shows: x328/D-9 x328/3.2/length x328/13/sizes
TEST_F(Options, LargestBlock) {
  p.block_max = 99999;
  p.max_rx_text = 99999;
  const std::string text(99999, 'y');
  const auto sent = blocks_of(text);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0], block(1, text, true));
  Station& s = granted();
  s.feed(sent[0]);
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.texts(), std::vector<std::string>{text});
  EXPECT_EQ(blocks_of(text + "z").size(), 2u);
}

// ---- what cannot be sent ----

// shows: x328/D-8
TEST_F(Options, IllegalCharactersAreRefusedWhereverTheyStand) {
  const std::string specials = hex("01 02 03 04 05 06 10 15 16 17");
  for (std::size_t at : {0u, 1u, 7u, 8u, 15u, 16u, 19u}) {
    for (int c = 0; c < 256; c++) {
      Station one(LLP_PROTO_X328, p);
      std::string text(20, 'a');
      text[at] = static_cast<char>(c);
      const bool bad = specials.find(static_cast<char>(c)) != std::string::npos;
      EXPECT_EQ(one.submit(1, text), bad ? -EILSEQ : 0) << c << " at " << at;
    }
  }
}

// shows: x328/D-8 interop/11/x328/illegal
TEST_F(Options, IllegalCharactersAreReplaced) {
  p.replace = '?';
  EXPECT_EQ(blocks_of("a\x02"
                      "b\x17"
                      "c\r"),
            std::vector<std::string>{block(1, "a?b?c\r", true)});
}

TEST_F(Options, SubmitRefusals) {
  p.max_message = 10;
  Station& s = station();
  EXPECT_EQ(s.submit(1, ""), -EINVAL);
  EXPECT_EQ(s.submit(0, "x"), -EINVAL);
  EXPECT_EQ(s.submit(1, "12345678901"), -EMSGSIZE);
  EXPECT_EQ(s.submit(1, "1234567890"), 0);
  EXPECT_EQ(s.submit(2, "x"), -EBUSY);
  Station down(LLP_PROTO_X328, p, false);
  EXPECT_EQ(down.submit(1, "x"), -ENODEV);
}

// shows: x328/D-12
TEST_F(Options, MessageLongerThanAllowedIsInterrupted) {
  p.max_message = 10;
  for (bool flow : {false, true}) {
    p.flow = flow;
    Station& s = granted();
    s.feed(block(1, "123456", false) + block(2, "7890", true));
    EXPECT_EQ(s.take(), ack(1) + ack(2));
    s.feed(kEot + kEnq + block(1, "123456", false));
    s.take();
    s.feed(block(2, "78901", true));
    EXPECT_EQ(s.take(), kEot);
    EXPECT_EQ(s.state(), "idle");
    ASSERT_EQ(s.cancelled.size(), 1u);
    EXPECT_EQ(s.cancelled[0].second, LLP_CAUSE_TOO_LONG);
    // In one block: nothing had begun.
    s.feed(kEnq + block(1, "12345678901", true));
    EXPECT_EQ(s.take(), ack(0) + kEot);
    EXPECT_EQ(s.cancelled.size(), 1u);
  }
}

// The answer to a block was lost when there is no room for as much text again.
// shows: x328/D-25
TEST_F(Options, RepeatNearTheLimitIsNoMoreText) {
  p.max_message = 10;
  for (bool flow : {false, true}) {
    p.flow = flow;
    Station& s = granted();
    s.feed(block(1, "12", false) + block(2, "345678", false));
    s.take();
    s.feed(block(2, "345678", false));
    EXPECT_EQ(s.take(), ack(2));
    s.feed(block(3, "90", true));
    EXPECT_EQ(s.take(), ack(3));
    EXPECT_EQ(s.texts(), std::vector<std::string>{"1234567890"});
    EXPECT_TRUE(s.cancelled.empty());
  }
}

// The order of the checks: whether a block is the next one comes before whether it fits.
TEST_F(Options, BlockOutOfSequenceThatWouldNotFit) {
  p.max_message = 10;
  Station& s = granted();
  s.feed(block(1, "123456", false));
  s.take();
  s.feed(block(3, "78901", true));
  EXPECT_EQ(s.take(), kNak);
  s.feed(block(1, "78901xx", true));  // the number of the one before, but another
  EXPECT_EQ(s.take(), kNak);
  s.feed(block(2, "7890", true));
  EXPECT_EQ(s.take(), ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{"1234567890"});
}

TEST_F(Options, MessageLongerThanAllowedButDamaged) {
  p.max_message = 10;
  Station& s = granted();
  std::string b = block(1, "12345678901", true);
  b[9] = 'x';
  s.feed(b);
  EXPECT_EQ(s.take(), kNak);
}

// shows: common/7
TEST_F(Options, BufferThatCannotGrow) {
  Station s(LLP_PROTO_X328, p);
  s.fixed_buffer = true;  // sixteen bytes
  to_slave(s);
  s.feed(block(1, "1234567890", false));
  EXPECT_EQ(s.take(), ack(1));
  s.feed(block(2, "123456", true));
  EXPECT_EQ(s.take(), ack(2));
  s.feed(block(3, "12345678901234567", true));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.messages.size(), 1u);
}

TEST_F(Options, BufferThatGrowsByOneByte) {
  Station s(LLP_PROTO_X328, p);
  s.growth = 1;
  to_slave(s);
  const std::string text(500, 'q');
  s.feed(block(1, text, true));
  EXPECT_EQ(s.texts(), std::vector<std::string>{text});
  s.feed(block(2, text, false));
  for (char c : block(3, text, true)) s.feed(std::string_view(&c, 1), LLP_FLAG_NONE);
  EXPECT_EQ(s.messages.at(1).text, text + text);
}

// shows: x328/D-10 x328/6/5 x328/13/sizes interop/11/x328/max_rx_text
TEST_F(Options, ReceivedTextLimits) {
  for (std::size_t n : {0u, 1u, 233u, 234u, 4096u}) {
    Station& s = granted();
    s.feed(block(1, std::string(n, 'x'), true));
    EXPECT_EQ(s.take(), ack(1)) << n;
    EXPECT_EQ(s.texts(), std::vector<std::string>{std::string(n, 'x')});
  }
  Station& s = granted();
  s.feed(block(1, std::string(4097, 'x'), true));
  EXPECT_EQ(s.take(), kNak);
  EXPECT_EQ(s.count(LLP_C_NAK_TOO_LONG), 1u);
}

// shows: x328/3.4/first x328/13/wraps
TEST_F(Options, NumbersAcrossTwoWraps) {
  Station& s = granted();
  std::string want;
  for (int n = 1; n <= 20; n++) {
    const std::string text = "segment " + std::to_string(n) + "\r";
    want += text;
    s.feed(block(n, text, n == 20));
    EXPECT_EQ(s.take(), ack(n & 7));
  }
  EXPECT_EQ(s.texts(), std::vector<std::string>{want});
  p.block_max = 12;
  const auto sent = blocks_of(want);
  ASSERT_EQ(sent.size(), 20u);
  for (int n = 1; n <= 20; n++) EXPECT_EQ(sent[n - 1][1], '0' + (n & 7));
}

// shows: common/4 x328/11/forward
TEST_F(Options, FlowPassesBlocksOn) {
  p.flow = 1;
  Station& s = granted();
  for (int n = 1; n <= 9; n++) {
    s.feed(block(n, "block " + std::to_string(n) + "\r", n == 9));
    EXPECT_EQ(llp_rx_fill(&s.e()), 0u);
  }
  EXPECT_EQ(s.messages.at(0).text,
            "block 1\rblock 2\rblock 3\rblock 4\rblock 5\rblock 6\rblock 7\rblock 8\rblock 9\r");
  EXPECT_TRUE(s.messages.at(0).acked);
}

}  // namespace
}  // namespace llp::test::x328
