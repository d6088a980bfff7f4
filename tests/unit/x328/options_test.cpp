// SPDX-License-Identifier: BSD-3-Clause
// What the options change: TERM, plain ACK, BCC, joining; presets.
#include "support/wire.hpp"
#include "x328/options_fixture.hpp"

namespace llp::test::x328 {
namespace {

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

TEST_F(Options, StrictTermSequenceInTheCheck) {
  p.strict_term = 1;
  // A check character that became a control character: the sequence without CR is dropped, the block is bad.
  for (const char* check : {"05 32", "04 32"}) {
    Station& s = granted();
    s.feed(hex("02 31 30 30 30 30 30 03" + std::string(check) + "0D"));
    EXPECT_EQ(s.take(), kNak) << check;
    EXPECT_EQ(s.count(LLP_C_NAK_FORMAT), 1u) << check;
    EXPECT_EQ(s.state(), "slave") << check;
  }
  // In the second place the block's CR is the sequence's own.
  Station& abort = granted();
  abort.feed(hex("02 31 30 30 30 30 30 03 30 05 0D"));
  EXPECT_EQ(abort.take(), kNak);
  EXPECT_EQ(abort.count(LLP_C_NAK_FORMAT), 0u);
  Station& eot = granted();
  eot.feed(hex("02 31 30 30 30 30 30 03 30 04 0D"));
  EXPECT_EQ(eot.state(), "idle");
  // Both check characters are there, and silence follows.
  Station& s = granted();
  s.feed(hex("02 31 30 30 30 30 30 03 30 05"));
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), "");
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), kNak);
}

TEST_F(Options, StrictTermSequenceInTheHeading) {
  p.strict_term = 1;
  for (const char* c : {"\x04", "\x05"}) {
    Station& s = granted();
    // The heading goes on: the STX is its own, and the block is bad as a whole.
    s.feed("\x01h" + std::string(c) + "h" + block(1, "x\r", true));
    EXPECT_EQ(s.take(), kNak);
    EXPECT_EQ(s.count(LLP_C_NAK_FORMAT), 1u);
    EXPECT_TRUE(s.messages.empty());
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
