// SPDX-License-Identifier: BSD-3-Clause
// The text form of captures: what it means, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "capture/capture.hpp"
#include "support/engine_harness.hpp"

namespace llp::capture {
namespace {

using llp::test::to_hex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::expected<Capture, ParseError> with(const std::string& lines) {
  return parse("llp-capture 1\nprotocol x328\n" + lines);
}

// The bytes of one line `+0 > ...`.
std::string octets(const std::string& tokens) {
  const auto c = with("+0 > " + tokens + "\n");
  if (!c) return "error: " + c.error().text;
  return to_hex(values(std::get<Traffic>(c->entries.at(0).what).bytes));
}

TEST(CaptureFormat, Bytes) {
  EXPECT_EQ(octets("ENQ CR"), "05 0D");
  EXPECT_EQ(octets("NUL US DLE DC1"), "00 1F 10 11");
  EXPECT_EQ(octets("ACK0 CR"), "10 30 0D");
  EXPECT_EQ(octets("ACK"), "06");
  EXPECT_EQ(octets("RINT CR"), "10 3C 0D");
  EXPECT_EQ(octets("0x00 0xFC 0x7f"), "00 FC 7F");
  EXPECT_EQ(octets(R"("a b" "#" "\"\\")"), "61 20 62 23 22 5C");
  EXPECT_EQ(octets("3*\"ab\" 2*CR # twice"), "61 62 61 62 61 62 0D 0D");
  EXPECT_EQ(octets("FF"), "0C");  // form feed, not 255
}

TEST(CaptureFormat, BytesThatAreNone) {
  for (const char* bad : {"FOO", "ACK8", "0x1", "0x123", "0xGG", "\"a", R"("\n")", "\"a\"CR", "5", "0*CR",
                          "3*", "3* CR", "!parity", "CR !noise", "99999999*CR", "cr", ""})
    EXPECT_THAT(octets(bad), HasSubstr("error")) << bad;
}

TEST(CaptureFormat, Flags) {
  const auto c = with("+0 > \"ab\" !parity \"c\" CR !frame LF !break NUL !overrun\n");
  ASSERT_TRUE(c);
  const Bytes& b = std::get<Traffic>(c->entries[0].what).bytes;
  const std::vector<Flag> want = {Flag::parity, Flag::parity, Flag::none,
                                  Flag::frame,  Flag::brk,    Flag::overrun};
  ASSERT_EQ(b.size(), want.size());
  for (std::size_t i = 0; i < b.size(); i++) EXPECT_EQ(b[i].flag, want[i]) << i;
  EXPECT_EQ(write_bytes(b, "x328"), "\"ab\" !parity \"c\" CR !frame LF !break NUL !overrun");
  EXPECT_FALSE(with("+0 >| CR !parity\n"));  // it never arrived
}

TEST(CaptureFormat, Directions) {
  const auto c = with("+0 > CR\n+0 >| CR\n+0 |> CR\n+0 < CR\n+0 |< CR\n+0 <| CR\n");
  ASSERT_TRUE(c);
  const std::vector<Traffic> want = {
      {.from = Side::left, .sent = true, .arrives = true, .bytes = {}},
      {.from = Side::left, .sent = true, .arrives = false, .bytes = {}},
      {.from = Side::left, .sent = false, .arrives = true, .bytes = {}},
      {.from = Side::right, .sent = true, .arrives = true, .bytes = {}},
      {.from = Side::right, .sent = true, .arrives = false, .bytes = {}},
      {.from = Side::right, .sent = false, .arrives = true, .bytes = {}},
  };
  ASSERT_EQ(c->entries.size(), want.size());
  for (std::size_t i = 0; i < want.size(); i++) {
    auto t = std::get<Traffic>(c->entries[i].what);
    t.bytes.clear();
    EXPECT_TRUE(t == want[i]) << i;
  }
}

TEST(CaptureFormat, TimesCountFromTheLineBefore) {
  const auto c = with("+1.5 > CR\n+0.000000001 < CR\n& > CR\n+2 > CR\n");
  ASSERT_TRUE(c);
  EXPECT_EQ(c->entries[0].at, 1500000000u);
  EXPECT_EQ(c->entries[1].at, 1500000001u);
  EXPECT_EQ(c->entries[2].at, 1500000001u);
  EXPECT_TRUE(c->entries[2].crossing);
  EXPECT_EQ(c->entries[3].at, 3500000001u);
  EXPECT_EQ(write_time(1500000001), "1.500000001");
  EXPECT_EQ(write_time(12000000), "0.012");
  EXPECT_EQ(write_time(0), "0.000");
}

TEST(CaptureFormat, Header) {
  const auto c = parse(
      "llp-capture 1\n# a comment\ntitle What it is\nprotocol hllp\nleft A station\nleft.engine no\n"
      "right.known yes\nright.verdict hand\nright.preset vista-hllp\nright.set vv=22\nright.set t_in=1s\n"
      "slack 0.05\ncharacter 0.00104\nshows hllp/D-1 hllp/D-2\n\n+0 > CR\n");
  ASSERT_TRUE(c) << c.error().text;
  EXPECT_EQ(c->title, "What it is");
  EXPECT_EQ(c->protocol, "hllp");
  EXPECT_EQ(c->stations[0].name, "A station");
  EXPECT_FALSE(c->stations[0].engine);
  EXPECT_TRUE(c->stations[1].known);
  EXPECT_EQ(c->stations[1].verdict, "hand");
  EXPECT_EQ(c->stations[1].preset, "vista-hllp");
  EXPECT_THAT(c->stations[1].options, ElementsAre(Pair("vv", "22"), Pair("t_in", "1s")));
  EXPECT_EQ(c->slack, 50000000u);
  EXPECT_EQ(c->character, 1040000u);
  EXPECT_THAT(c->shows, ElementsAre("hllp/D-1", "hllp/D-2"));
}

TEST(CaptureFormat, ActionsAndEvents) {
  const auto c = with(
      "+0 left: submit 1 expect=reply \"a\" CR\n+0 right: accept\n+0 right = received repeat \"a\" CR\n"
      "+0 right = received 203 bytes\n+0 left = done 1 ok delivered\n+0 left = state in block\n");
  ASSERT_TRUE(c) << c.error().text;
  const auto& a = std::get<Action>(c->entries[0].what);
  EXPECT_EQ(a.verb, "submit");
  EXPECT_THAT(a.words, ElementsAre("1", "expect=reply"));
  EXPECT_EQ(a.text, "a\r");
  const auto& e = std::get<Expected>(c->entries[2].what);
  EXPECT_EQ(e.side, Side::right);
  EXPECT_THAT(e.words, ElementsAre("repeat"));
  EXPECT_EQ(e.bytes, "a\r");
  EXPECT_EQ(std::get<Expected>(c->entries[3].what).length, 203u);
  EXPECT_THAT(std::get<Expected>(c->entries[4].what).words, ElementsAre("1", "ok", "delivered"));
}

TEST(CaptureFormat, LongRunsAreCounted) {
  std::string text = "x";
  text += std::string(30, 'a');
  text += "y\r";
  const Bytes b = unflagged(text);
  EXPECT_EQ(write_bytes(b, "mllp"), "\"x\" 30*\"a\" \"y\" CR");
  EXPECT_EQ(octets(write_bytes(b, "mllp")), to_hex(text));
  EXPECT_EQ(octets(write_bytes(unflagged(std::string(40, '\0')), "mllp")), to_hex(std::string(40, '\0')));
}

TEST(CaptureFormat, EveryOctetComesBack) {
  std::string all;
  for (int i = 0; i < 256; i++) all.push_back(static_cast<char>(i));
  all += all;
  for (const char* protocol : {"x328", "mllp"})
    EXPECT_EQ(octets(write_bytes(unflagged(all), protocol)), to_hex(all)) << protocol;
}

TEST(CaptureFormat, DleHasANameOfItsOwnInX328Only) {
  const Bytes ack = unflagged(
      "\x10"
      "1\r");
  EXPECT_EQ(write_bytes(ack, "x328"), "ACK1 CR");
  EXPECT_EQ(write_bytes(ack, "mllp"), "DLE \"1\" CR");
  Bytes half = ack;
  half[1].flag = Flag::parity;
  EXPECT_EQ(write_bytes(half, "x328"), "DLE \"1\" !parity CR");
}

struct Refusal {
  const char* text;
  std::size_t line;
  const char* why;
};

TEST(CaptureFormat, Refusals) {
  const std::vector<Refusal> all = {
      {"", 0, "the first line"},
      {"protocol x328\n", 1, "the first line"},
      {"llp-capture 2\n", 1, "the first line"},
      {"llp-capture 1\n", 1, "no protocol"},
      {"llp-capture 1\nprotocol\n", 2, "needs a value"},
      {"llp-capture 1\nwho x\n", 2, "no header"},
      {"llp-capture 1\nleft.colour red\n", 2, "no header"},
      {"llp-capture 1\nleft.engine maybe\n", 2, "yes or no"},
      {"llp-capture 1\nleft.set vv\n", 2, "name=value"},
      {"llp-capture 1\nslack soon\n", 2, "not a time"},
      {"llp-capture 1\ncharacter 5\n", 2, "at most 4 seconds"},
      {"llp-capture 1\ncharacter fast\n", 2, "not a time"},
      {"llp-capture 1\nprotocol x328\n& > CR\n", 3, "needs a line before"},
      {"llp-capture 1\nprotocol x328\n+x > CR\n", 3, "not a time"},
      {"llp-capture 1\nprotocol x328\n+1. > CR\n", 3, "digits"},
      {"llp-capture 1\nprotocol x328\n+1.0000000001 > CR\n", 3, "digits"},
      {"llp-capture 1\nprotocol x328\n+0\n", 3, "nothing follows"},
      {"llp-capture 1\nprotocol x328\n+0 >\n", 3, "no bytes"},
      {"llp-capture 1\nprotocol x328\n+0 >> CR\n", 3, "no direction"},
      {"llp-capture 1\nprotocol x328\n+0 left: dance\n", 3, "no action"},
      {"llp-capture 1\nprotocol x328\n+0 left: submit\n", 3, "other words"},
      {"llp-capture 1\nprotocol x328\n+0 left: submit x CR\n", 3, "number"},
      {"llp-capture 1\nprotocol x328\n+0 left: accept 1\n", 3, "other words"},
      {"llp-capture 1\nprotocol x328\n+0 left:\n", 3, "what does"},
      {"llp-capture 1\nprotocol x328\n+0 left =\n", 3, "what is"},
      {"llp-capture 1\nprotocol x328\n+0 left = received x bytes\n", 3, "not a number"},
      {"llp-capture 1\nprotocol x328\n+0 left = received 3 bytes more\n", 3, "nothing may follow"},
      {"llp-capture 1\nprotocol x328\n+0 > CR\ntitle late\n", 4, "begins with"},
  };
  for (const Refusal& r : all) {
    const auto c = parse(r.text);
    ASSERT_FALSE(c) << r.text;
    EXPECT_EQ(c.error().line, r.line) << r.text;
    EXPECT_THAT(c.error().text, HasSubstr(r.why)) << r.text;
  }
}

}  // namespace
}  // namespace llp::capture
