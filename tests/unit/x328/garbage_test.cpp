// SPDX-License-Identifier: BSD-3-Clause
// What may stand before, between and inside sequences: headings, prefixes,
// garbage, control characters out of place.
#include "x328/options_fixture.hpp"

namespace llp::test::x328 {
namespace {

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

}  // namespace
}  // namespace llp::test::x328
