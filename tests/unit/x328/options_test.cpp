// SPDX-License-Identifier: BSD-3-Clause
// What the options change, headings, prefixes, how messages are cut, limits.
#include "support/wire.hpp"
#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

class Options : public ::testing::Test {
 protected:
  Options() : p(x328_params()) {}
  Station& station() {
    st = std::make_unique<Station>(LLP_PROTO_X328, p);
    return *st;
  }
  Station& granted() {
    Station& s = station();
    to_slave(s);
    return s;
  }
  // The blocks that are sent for @text, all acknowledged.
  std::vector<std::string> blocks_of(const std::string& text) {
    Station& s = station();
    std::vector<std::string> out;
    EXPECT_EQ(s.submit(7, text), 0);
    s.take();
    s.feed(ack(0));
    for (int n = 1; s.state() == "master"; n++) {
      out.push_back(s.take());
      s.feed(ack(n & 7));
    }
    EXPECT_EQ(s.take(), kEot);
    EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
    return out;
  }
  llp_params p;
  std::unique_ptr<Station> st;
};

// ---- TERM ----

// shows: x328/D-3 interop/1/nak-term interop/11/x328/nak_term
TEST_F(Options, NakWithoutTerm) {
  p.nak_term = 0;
  Station& s = granted();
  s.feed(hex(kBadBcc));
  EXPECT_EQ(to_hex(s.take()), "15");
  Station& idle = station();
  idle.ready(0);
  idle.feed(kEnq);
  EXPECT_EQ(to_hex(idle.take()), "15");
}

// shows: x328/D-2
TEST_F(Options, MissingTermIsForgiven) {
  Station& s = station();
  s.feed("\x05");
  EXPECT_EQ(s.take(), "");
  s.advance(99 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(1 * kMs);
  EXPECT_EQ(s.take(), ack(0));
  const std::string b = block(1, "x\r", true);
  s.feed(b.substr(0, b.size() - 1));
  EXPECT_EQ(s.take(), "");
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), ack(1));
  s.feed("\x04");
  s.advance(100 * kMs);
  EXPECT_TRUE(s.idle());
}

// shows: x328/D-2
TEST_F(Options, TermWaitIsThreeCharactersOnASlowLine) {
  p.char_time = 100 * static_cast<u32>(kMs);
  Station& s = station();
  s.feed("\x05");
  EXPECT_EQ(s.left(LLP_T_P4), 300 * kMs);
}

// shows: x328/D-2
TEST_F(Options, MissingTermTheNextByteBeginsTheNextSequence) {
  Station& s = station();
  s.feed("\x05" + block(1, "x\r", false).substr(0, 13) + block(2, "y\r", true) + "\x04");
  // Block 1 lost its CR: the STX of block 2 ended it.
  EXPECT_EQ(s.take(), ack(0) + ack(1) + ack(2));
  s.advance(100 * kMs);
  EXPECT_EQ(s.state(), "idle");
  EXPECT_EQ(s.texts(), std::vector<std::string>{"x\ry\r"});
  EXPECT_EQ(s.lost, "");
}

// shows: x328/D-2
TEST_F(Options, ALateTermIsSwallowed) {
  Station& s = station();
  s.feed("\x05");
  s.advance(100 * kMs);
  s.feed("\r");
  EXPECT_EQ(s.lost, "");
  s.feed("\r");
  s.advance(1 * kSec);
  EXPECT_EQ(s.lost, "\r");
}

TEST_F(Options, ALateTermMayBeMissingToo) {
  Station& s = station();
  s.feed("\x05");
  s.advance(100 * kMs);
  s.feed(block(1, "x\r", true));
  EXPECT_EQ(s.take(), ack(0) + ack(1));
}

// shows: x328/D-2 interop/11/x328/strict_term
TEST_F(Options, StrictTermDropsTheSequence) {
  p.strict_term = 1;
  p.accept_plain_ack = 1;
  Station& s = station();
  for (const std::string& what : {hex("05"), hex("04"), hex("15"), hex("10 30"), hex("10 3C"), hex("06")}) {
    s.lost.clear();
    s.feed(what);
    s.advance(1 * kSec);
    EXPECT_EQ(s.take(), "");
    EXPECT_EQ(s.lost, what);
  }
  s.feed("\x05\x05\r");
  EXPECT_EQ(s.take(), ack(0));
}

TEST_F(Options, StrictTermMasterIgnoresAnAckWithoutIt) {
  p.strict_term = 1;
  Station& s = station();
  to_bid(s);
  s.feed(
      "\x10"
      "0");
  s.advance(200 * kMs);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.state(), "bid");
  s.feed(ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, true));
}

// shows: interop/11/x328/strict_term
TEST_F(Options, StrictTermBlock) {
  p.strict_term = 1;
  Station& s = granted();
  const std::string b = block(1, "x\r", true);
  s.feed(b.substr(0, b.size() - 1));
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), kNak);
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
}

TEST_F(Options, StrictTermSequenceInsideABlock) {
  p.strict_term = 1;
  for (const char* c : {"\x04", "\x05"}) {
    Station& s = granted();
    s.feed(
        "\x02"
        "100004a" +
        std::string(c) +
        "bc\x03"
        "00\r");
    EXPECT_EQ(s.take(), kNak);
    EXPECT_EQ(s.count(LLP_C_NAK_FORMAT), 1u);
    s.feed(
        "\x02"
        "100004a" +
        std::string(c));
    s.advance(1 * kSec);
    EXPECT_EQ(s.state(), "slave, in block");
    s.feed(
        "bc\x03"
        "00\r");
    EXPECT_EQ(s.take(), kNak);
  }
}

// ---- plain ACK ----

// shows: x328/2/plain-ack
TEST_F(Options, PlainAckIsNotPartOfTheProtocol) {
  Station& s = station();
  to_bid(s);
  s.feed("\x06\r");
  EXPECT_EQ(s.take(), "");
  s.advance(6 * kSec);
  EXPECT_EQ(s.take(), kFirstBid);
}

// shows: x328/D-4 interop/11/x328/accept_plain_ack
TEST_F(Options, PlainAckAccepted) {
  p.accept_plain_ack = 1;
  p.block_max = 11;
  Station& s = station();
  to_bid(s, 7, kM);
  s.feed("\x06\r");
  EXPECT_EQ(s.take(), block(1, kM1, false));
  s.feed("\x06\r");
  EXPECT_EQ(s.take(), block(2, "PID|1\r", true));
  s.advance(6 * kSec);
  s.take();
  s.feed("\x06\r");
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  s.feed("\x06\r" + kEnq + "\x06\r");
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.count(LLP_C_UNEXPECTED), 2u);
}

// ---- BCC ----

// shows: x328/D-5 interop/1/bcc-high interop/11/x328/bcc_high
TEST_F(Options, BccHighSent) {
  const std::array<const char*, 3> want = {kBlocks[8].hex, kHighMask7, kHighVista00};
  for (u32 how : {LLP_BCC_FULL, LLP_BCC_MASK7, LLP_BCC_VISTA00}) {
    p.bcc_high = how;
    EXPECT_EQ(to_hex(blocks_of("M\xfc\r").at(0)), to_hex(hex(want[how])));
  }
}

// shows: x328/D-5 interop/11/x328/bcc_high
TEST_F(Options, BccHighReceived) {
  const std::array<const char*, 3> all = {kBlocks[8].hex, kHighMask7, kHighVista00};
  for (u32 how : {LLP_BCC_FULL, LLP_BCC_MASK7, LLP_BCC_VISTA00}) {
    for (u32 sent = 0; sent < 3; sent++) {
      p.bcc_high = how;
      Station& s = granted();
      s.feed(hex(all[sent]));
      EXPECT_EQ(s.take(), how == sent ? ack(1) : kNak) << how << sent;
    }
    Station& low = granted();
    low.feed(hex(kBlocks[0].hex));
    EXPECT_EQ(low.take(), ack(1));
  }
}

// shows: common/5 x328/D-6
TEST_F(Options, LowerCaseBccIsAccepted) {
  Station& s = granted();
  std::string b = hex(kBlocks[0].hex);
  ASSERT_EQ(b[b.size() - 2], 'D');
  b[b.size() - 2] = 'd';
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
}

// shows: x328/D-5 x328/D-6
TEST_F(Options, EveryBccValueIsWrittenAndRead) {
  for (int c = 0x20; c < 0x100; c++) {
    const std::string text(1, static_cast<char>(c));
    const auto sent = blocks_of(text);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0], block(1, text, true)) << c;
    Station& s = granted();
    s.feed(sent[0]);
    EXPECT_EQ(s.take(), ack(1)) << c;
    EXPECT_EQ(s.texts(), std::vector<std::string>{text});
  }
}

// ---- join ----

// shows: x328/3.3/join interop/2/join interop/11/x328/join
TEST_F(Options, JoinCrAddsWhatIsMissing) {
  p.join = LLP_JOIN_CR;
  Station& s = granted();
  s.feed(block(1, "MSH|A", false) + block(2, "PID|1\r", false) + block(3, "", false) +
         block(4, "OBX|2", true));
  EXPECT_EQ(s.take(), ack(1) + ack(2) + ack(3) + ack(4));
  EXPECT_EQ(s.texts(), std::vector<std::string>{"MSH|A\rPID|1\r\rOBX|2\r"});
}

// shows: x328/3.3/join interop/2/join
TEST_F(Options, JoinCrSendsOneSegmentABlockWithoutItsCr) {
  p.join = LLP_JOIN_CR;
  EXPECT_EQ(blocks_of("MSH|A\rPID|1\r\rOBX|2"),
            (std::vector<std::string>{block(1, "MSH|A", false), block(2, "PID|1", false), block(3, "", false),
                                      block(4, "OBX|2", true)}));
  EXPECT_EQ(blocks_of("\r"), std::vector<std::string>{block(1, "", true)});
}

TEST_F(Options, JoinCrRefusesASegmentThatDoesNotFit) {
  p.join = LLP_JOIN_CR;
  p.block_max = 5;
  Station& s = station();
  EXPECT_EQ(s.submit(1, "12345\r123456\r"), -EMSGSIZE);
  EXPECT_EQ(s.submit(1, "12345\r12345"), 0);
}

TEST_F(Options, JoinCrDuplicateIsKnownByWhatCame) {
  p.join = LLP_JOIN_CR;
  Station& s = granted();
  s.feed(block(1, "a", false) + block(1, "a", false) + block(2, "b", true) + block(2, "b", true));
  EXPECT_EQ(s.take(), ack(1) + ack(1) + ack(2) + ack(2));
  EXPECT_EQ(s.texts(), std::vector<std::string>{"a\rb\r"});
}

TEST_F(Options, JoinCrCountsTowardsTheLimit) {
  p.join = LLP_JOIN_CR;
  p.max_message = 4;
  Station& s = granted();
  s.feed(block(1, "abc", true));
  EXPECT_EQ(s.take(), ack(1));
  Station& t = granted();
  t.feed(block(1, "abcd", true));
  EXPECT_EQ(t.take(), kEot);
  Station& u = granted();
  u.feed(block(1, "abc", false));
  EXPECT_EQ(u.take(), ack(1));
  u.feed(block(2, "", true));
  EXPECT_EQ(u.take(), kEot);
  EXPECT_EQ(u.cancelled.at(0).second, LLP_CAUSE_TOO_LONG);
}

// A text that ends with CR needs no room for another.
TEST_F(Options, JoinCrLeavesTheLastByteToTheText) {
  p.join = LLP_JOIN_CR;
  p.max_message = 4;
  Station& s = granted();
  s.feed(block(1, "abc\r", true));
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.texts(), std::vector<std::string>{"abc\r"});
}

TEST_F(Options, JoinCrWithABufferThatGrowsByOne) {
  p.join = LLP_JOIN_CR;
  Station s(LLP_PROTO_X328, p);
  s.growth = 1;
  to_slave(s);
  std::string want;
  for (int i = 1; i <= 20; i++) {
    s.feed(block(i & 7, i % 3 ? "" : "abc", i == 20));
    want += i % 3 ? "\r" : "abc\r";
  }
  EXPECT_EQ(s.texts(), std::vector<std::string>{want});
}

TEST_F(Options, JoinCrWithAFixedBufferThatIsFull) {
  p.join = LLP_JOIN_CR;
  Station s(LLP_PROTO_X328, p);
  s.fixed_buffer = true;  // sixteen bytes
  to_slave(s);
  s.feed(block(1, "123456789abcdef", false));
  EXPECT_EQ(s.take(), ack(1));
  s.feed(block(2, "", true));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.cancelled.at(0).second, LLP_CAUSE_TOO_LONG);
}

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

// ---- headings ----

// shows: x328/D-33 interop/1/heading
TEST_F(Options, HeadingIsSkipped) {
  for (const char* h : {kHeadingFromBlk, kHeadingFromHeading}) {
    Station& s = granted();
    s.feed(hex(h));
    EXPECT_EQ(s.take(), ack(1)) << h;
    EXPECT_EQ(s.texts(), std::vector<std::string>{"L1\r"});
  }
}

// shows: x328/D-33
TEST_F(Options, HeadingWithAWrongCheck) {
  Station& s = granted();
  std::string b = hex(kHeadingFromBlk);
  b[b.size() - 2]++;
  s.feed(b);
  EXPECT_EQ(s.take(), kNak);
}

TEST_F(Options, CheckFromTheHeadingOnIsNotTakenWithoutOne) {
  Station& s = granted();
  // The check as it would be with a heading "HDR".
  s.feed(hex("02 31 30 30 30 30 33 4C 31 0D 03 32 44 0D"));
  EXPECT_EQ(s.take(), kNak);
}

// shows: x328/D-33
TEST_F(Options, HeadingOfSixtyFourAndOfMore) {
  Station& s = granted();
  s.feed("\x01" + std::string(64, 'h') + block(1, "x\r", true));
  EXPECT_EQ(s.take(), ack(1));
  s.feed("\x01" + std::string(65, 'h') + block(2, "x\r", true));
  EXPECT_EQ(s.take(), kNak);
}

// shows: x328/D-33
TEST_F(Options, HeadingWithoutText) {
  for (const char* end : {"\x03", "\x17"}) {
    Station& s = granted();
    s.feed("\x01HDR" + std::string(end) + "00\r");
    EXPECT_EQ(s.take(), kNak);
    EXPECT_EQ(s.count(LLP_C_NAK_FORMAT), 1u);
  }
  Station& s = granted();
  s.feed("\x01HDR" + kEnq);
  EXPECT_EQ(s.take(), kNak);
  Station& t = granted();
  t.feed("\x01HDR" + kEot);
  EXPECT_EQ(t.state(), "idle");
}

TEST_F(Options, HeadingOfABlockThatBrokeOffIsForgotten) {
  Station& s = granted();
  s.feed(
      "\x01HDR\x02"
      "10000" +
      block(1, "x\r", true));
  EXPECT_EQ(s.take(), ack(1));
}

// ---- prefixes and garbage ----

// shows: x328/D-34
TEST_F(Options, PrefixesBeforeAckRintAndNak) {
  p.block_max = 11;
  Station& s = station();
  to_bid(s, 7, kM);
  s.feed("a b~" + ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, false));
  s.feed("123456789012345" + kNak);
  EXPECT_EQ(s.take(), block(1, kM1, false));
  s.feed("x" + kRint);
  EXPECT_EQ(s.take(), block(2, "PID|1\r", true));
  s.feed("OK" + ack(2));
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s.lost, "");
  EXPECT_EQ(s.count(LLP_C_GARBAGE), 0u);
}

// shows: x328/D-34
TEST_F(Options, ALongerPrefixMakesItGarbage) {
  for (const std::string& answer : {ack(1), kNak, kRint}) {
    Station& s = station();
    to_master(s);
    s.take();
    s.feed("1234567890123456" + answer);
    EXPECT_EQ(s.take(), "");
    EXPECT_EQ(s.state(), "master");
    s.advance(100 * kMs);
    EXPECT_EQ(s.take(), kEnq);
    EXPECT_EQ(s.lost, "1234567890123456" + answer);
    EXPECT_EQ(s.count(LLP_C_GARBAGE), 1u);
  }
}

TEST_F(Options, NoLengthOfPrefixLosesAnything) {
  for (std::size_t n = 0; n < 60; n++) {
    for (const std::string& before : {std::string(), std::string("\x80"), std::string(17, '\x81')}) {
      Station& s = station();
      s.feed(before + std::string(n, 'p') + ack(5));
      s.advance(1 * kSec);
      EXPECT_EQ(s.lost, n <= 15 ? before : before + std::string(n, 'p') + ack(5))
          << n << " " << before.size();
      EXPECT_EQ(s.count(LLP_C_UNEXPECTED), n <= 15 ? 1u : 0u);
    }
  }
}

// shows: x328/D-34
TEST_F(Options, GarbageBeforeEotAndEnqIsReportedAndTheyAreHonoured) {
  Station& s = station();
  to_master(s);
  s.take();
  s.feed("junk that is much longer than fifteen" + kEot);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_INTERRUPTED);
  EXPECT_EQ(s.lost, "junk that is much longer than fifteen");
  Station& t = station();
  t.feed("abc" + kEnq);
  EXPECT_EQ(t.take(), ack(0));
  EXPECT_EQ(t.lost, "abc");
}

TEST_F(Options, APrefixMustComeDirectlyBefore) {
  Station& s = station();
  to_bid(s);
  s.feed("abc");
  s.advance(100 * kMs);
  EXPECT_EQ(s.lost, "abc");
  s.feed(ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, true));
}

TEST_F(Options, DleFollowedByAnythingElse) {
  Station& s = station();
  s.feed(hex("10 38 10 2F 10 3B 10 10") + kEnq);
  EXPECT_EQ(s.take(), ack(0));
  EXPECT_EQ(s.lost, hex("10 38 10 2F 10 3B 10 10"));
}

TEST_F(Options, ControlCharactersOutOfPlace) {
  Station& s = station();
  const std::string out_of_place = hex("00 01 02 03 06 16 17 0D 0A");
  s.feed(out_of_place);
  s.advance(1 * kSec);
  EXPECT_EQ(s.lost, out_of_place);
  EXPECT_EQ(s.state(), "idle");
  to_slave(s);
  s.lost.clear();
  s.feed(hex("00 03 06 16 17 0D"));
  s.feed(block(1, "x\r", true));
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.lost, hex("00 03 06 16 17 0D"));
}

// Characters that do not belong into text do no harm if the check is right.
// shows: x328/D-7
TEST_F(Options, ControlCharactersInsideText) {
  Station& s = granted();
  const std::string text = hex("41 01 06 10 15 16 42");
  s.feed(block(1, text, true));
  EXPECT_EQ(s.take(), ack(1));
  EXPECT_EQ(s.texts(), std::vector<std::string>{text});
}

// shows: interop/11/presets
TEST_F(Options, PresetsAreUsable) {
  for (u32 i = 0; llp_preset_at(i); i++) {
    const llp_preset* preset = llp_preset_at(i);
    if (preset->proto != LLP_PROTO_X328) continue;
    llp_params a = x328_params();
    ASSERT_EQ(llp_preset_apply(&a, LLP_PROTO_X328, preset->name), 0);
    llp_params b = a;
    b.role = LLP_PRIMARY;
    Station x(LLP_PROTO_X328, a), y(LLP_PROTO_X328, b);
    Wire wire(x, y, 1041667);
    ASSERT_EQ(x.submit(1, "MSH|^~\\&|\xe4\rPID|\xfc\r"), 0);
    ASSERT_EQ(y.submit(2, "MSH|^~\\&|C\rPID|2\r"), 0);
    wire.run_while([&] { return !x.result(1).done || !y.result(2).done; }, 200 * kSec);
    EXPECT_EQ(x.result(1).outcome, LLP_OUT_DELIVERED) << preset->name;
    EXPECT_EQ(y.result(2).outcome, LLP_OUT_DELIVERED) << preset->name;
    EXPECT_EQ(y.texts(), std::vector<std::string>{"MSH|^~\\&|\xe4\rPID|\xfc\r"}) << preset->name;
  }
}

}  // namespace
}  // namespace llp::test::x328
