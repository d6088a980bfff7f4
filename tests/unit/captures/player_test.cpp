// SPDX-License-Identifier: BSD-3-Clause
// A player that finds nothing wrong proves nothing: each kind of difference
// between a capture and the engine is found, at its line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "engine_player.hpp"

namespace llp::test {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHead =
    "llp-capture 1\nprotocol x328\nleft.known yes\nleft.set block_max=11\nright.set block_max=11\n";

constexpr std::string_view kGood =
    "+0 left: submit 1 \"MSH|a\" CR\n"              // 6
    "+0 > ENQ CR\n"                                 // 7
    "+0 < ACK0 CR\n"                                // 8
    "+0 >| STX \"100006MSH|a\" CR ETX \"42\" CR\n"  // 9
    "+6 > STX \"100006MSH|a\" CR ETX \"42\" CR\n"   // 10
    "+0 right = received \"MSH|a\" CR\n"            // 11
    "+0 < ACK1 CR\n"                                // 12
    "+0 right = acknowledged\n"                     // 13
    "+0 > EOT CR\n"                                 // 14
    "+0 left = done 1 ok delivered\n"               // 15
    "+0 left = count retransmissions 1\n"           // 16
    "+1 right = state idle\n";                      // 17

// Plays one side; "": all was as written.
std::string difference(const std::string& text, capture::Side side) {
  const auto c = capture::parse(text);
  if (!c) return "parse: " + std::to_string(c.error().line) + ": " + c.error().text;
  auto player = EnginePlayer::make(*c, side, {});
  if (!player) return "make: " + player.error();
  const auto ok = (*player)->play();
  return ok ? "" : ok.error();
}

std::string changed(std::string_view from, std::string_view to, capture::Side side) {
  std::string text = std::string(kHead) + std::string(kGood);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  return difference(text, side);
}

constexpr auto kLeft = capture::Side::left;
constexpr auto kRight = capture::Side::right;

TEST(CapturePlayer, TheGoodOneIsPlayed) {
  EXPECT_EQ(changed("", "", kLeft), "");
  EXPECT_EQ(changed("", "", kRight), "");
}

// Which message a reply is to.
TEST(CapturePlayer, NamedReplies) {
  const auto play = [](std::string_view which) {
    return difference(
        "llp-capture 1\nprotocol hllp\nright.verdict answer\nleft.engine no\n"
        "+0 > VT \"D23\" CR \"m100007031\" FS CR\n"
        "+0 right = received \"m1\"\n"
        "+0 > VT \"D23\" CR \"m200007028\" FS CR\n"
        "+0 right = received \"m2\"\n"
        "+0 right: submit 9 as=reply" +
            std::string(which) +
            " \"a\"\n"
            "+0 < VT \"D23\" CR \"a00006034\" FS CR\n"
            "+0 right = sent 9 ok transmitted\n"
            "+0 > VT \"D23\" CR \"m100007031\" FS CR\n"
            "+0 right = done 9 ok transmitted\n"
            "+0 right = count duplicates 1\n",
        kRight);
  };
  EXPECT_EQ(play(":2"), "");
  EXPECT_THAT(play(":1"), HasSubstr("right = received"));
  EXPECT_THAT(play(""), HasSubstr("right = received"));
  for (const char* none : {":3", ":0", ":", ":1x", ":-1"}) EXPECT_THAT(play(none), HasSubstr("no message"));
}

TEST(CapturePlayer, OtherBytes) {
  EXPECT_THAT(changed("+0 > ENQ CR", "+0 > ENQ LF", kLeft), HasSubstr("line 7: left sends ENQ CR"));
  EXPECT_THAT(changed("< ACK1 CR", "< ACK2 CR", kRight), HasSubstr("line 12: right sends ACK1 CR"));
  EXPECT_THAT(changed("\"42\" CR\n+6", "\"43\" CR\n+6", kLeft), HasSubstr("line 9"));
}

TEST(CapturePlayer, MoreOrFewerBytes) {
  EXPECT_THAT(changed("< ACK1 CR", "< ACK1", kRight),
              HasSubstr("line 14: right sent at 6.000 s and not in the capture: CR"));
  EXPECT_THAT(changed("< ACK0 CR", "< ACK0 CR CR", kRight), HasSubstr("line 8"));
  EXPECT_THAT(changed("+0 > EOT CR\n", "", kLeft), HasSubstr("EOT CR"));
  EXPECT_THAT(changed("+0 < ACK1 CR\n", "", kRight), HasSubstr("ACK1 CR"));
}

TEST(CapturePlayer, OtherTimes) {
  EXPECT_THAT(changed("+6 >", "+6.001 >", kLeft), HasSubstr("at 6.000 s, and the capture has it at 6.001 s"));
  EXPECT_THAT(changed("+6 >", "+5.999 >", kLeft), HasSubstr("line 10: left sends ,"));
  EXPECT_THAT(changed("+0 < ACK1", "+0.010 < ACK1", kRight), HasSubstr("line 12: right sends this at"));
  EXPECT_THAT(changed("+0 left = done", "+0.010 left = done", kLeft),
              HasSubstr("line 15: left is told this at"));
}

TEST(CapturePlayer, SlackForgivesSmallDifferencesOfTime) {
  const std::string slack = "left.known yes\nslack 0.02\n";
  EXPECT_EQ(changed("left.known yes\n", slack, kLeft), "");
  std::string text = std::string(kHead) + std::string(kGood);
  text.replace(text.find("left.known yes\n"), 15, slack);
  text.replace(text.find("+6 >"), 4, "+5.990 >");
  EXPECT_EQ(difference(text, kLeft), "");
  text.replace(text.find("+5.990 >"), 8, "+6.019 >");
  EXPECT_EQ(difference(text, kLeft), "");
  text.replace(text.find("+6.019 >"), 8, "+6.030 >");
  EXPECT_NE(difference(text, kLeft), "");
}

TEST(CapturePlayer, OtherEvents) {
  EXPECT_THAT(changed("received \"MSH|a\" CR", "received \"MSH|b\" CR", kRight),
              HasSubstr("line 11: right is told"));
  EXPECT_THAT(changed("received \"MSH|a\" CR", "received 7 bytes", kRight), HasSubstr("line 11"));
  EXPECT_EQ(changed("received \"MSH|a\" CR", "received 6 bytes", kRight), "");
  EXPECT_THAT(changed("received \"", "received repeat \"", kRight), HasSubstr("line 11"));
  EXPECT_THAT(changed("ok delivered", "ok unknown", kLeft), HasSubstr("line 15"));
  EXPECT_THAT(changed("+0 right = acknowledged\n", "", kRight), HasSubstr("right = acknowledged"));
  EXPECT_THAT(
      changed("+0 right = acknowledged\n", "+0 right = acknowledged\n+0 right = acknowledged\n", kRight),
      HasSubstr("is not told"));
  EXPECT_THAT(changed("left = done", "left = sent 1 ok delivered\n+0 left = done", kLeft),
              HasSubstr("line 15"));
}

TEST(CapturePlayer, Checks) {
  EXPECT_THAT(changed("retransmissions 1", "retransmissions 2", kLeft),
              HasSubstr("retransmissions is 1, not 2"));
  EXPECT_THAT(changed("retransmissions 1", "unheard_of 1", kLeft), HasSubstr("count needs"));
  EXPECT_THAT(changed("state idle", "state slave", kRight), HasSubstr("its state is 'idle'"));
}

TEST(CapturePlayer, WhatCannotBeSetUp) {
  EXPECT_THAT(changed("protocol x328", "protocol x25", kLeft), HasSubstr("no protocol"));
  EXPECT_THAT(changed("left.set block_max=11", "left.set block_max=0", kLeft), HasSubstr("cannot set"));
  EXPECT_THAT(changed("left.set block_max=11", "left.set colour=red", kLeft), HasSubstr("cannot set"));
  EXPECT_THAT(changed("left.set block_max=11", "left.set timer_b=7s", kLeft), HasSubstr("make: timer_a"));
  EXPECT_THAT(changed("left.set block_max=11", "left.preset sun-hllp", kLeft), HasSubstr("preset"));
  EXPECT_THAT(changed("left.set block_max=11", "left.verdict perhaps", kLeft), HasSubstr("no verdict"));
}

TEST(CapturePlayer, ActionsThatMakeNoSense) {
  EXPECT_THAT(changed("+0 > EOT CR\n", "+0 > EOT CR\n+0 right: accept\n", kRight),
              HasSubstr("no message waits"));
  EXPECT_THAT(changed("submit 1 ", "submit 1 now ", kLeft), HasSubstr("does not know 'now'"));
  EXPECT_THAT(changed("+0 > EOT CR\n", "+0 > EOT CR\n+0 right: ready perhaps\n", kRight),
              HasSubstr("ready is"));
}

TEST(CapturePlayer, RefusedSubmissions) {
  const std::string head = std::string(kHead);
  EXPECT_EQ(difference(head + "+0 left: submit 1 \"a\" STX\n+0 left = refused 1 EILSEQ\n", kLeft), "");
  EXPECT_THAT(difference(head + "+0 left: submit 1 \"a\" STX\n+0 left = refused 1 EBUSY\n", kLeft),
              HasSubstr("EILSEQ"));
}

// What one station sends while the other does cannot be an answer to it.
TEST(CapturePlayer, CrossingLines) {
  const std::string head =
      "llp-capture 1\nprotocol x328\nleft.known yes\nright.known yes\nleft.set role=primary\n";
  const std::string bids = "+0 left: submit 1 \"a\" CR\n+0 right: submit 2 \"b\" CR\n";
  EXPECT_EQ(difference(head + bids + "+0 > ENQ CR\n& < ENQ CR\n", kLeft), "");
  EXPECT_EQ(difference(head + bids + "+0 > ENQ CR\n& < ENQ CR\n", kRight), "");
  EXPECT_NE(difference(head + bids + "+0 > ENQ CR\n+0 < ENQ CR\n", kRight), "");
}

TEST(CapturePlayer, HeldTransmitter) {
  const std::string head = std::string(kHead);
  const std::string held =
      "+0 left: hold 1\n+0 left: submit 1 \"a\" CR\n+0 > ENQ\n+3 left: resume\n+0 > CR\n";
  // Timer A starts when the last byte has left.
  EXPECT_EQ(difference(head + held + "+6 > ENQ CR\n", kLeft), "");
  EXPECT_NE(difference(head + held + "+3 > ENQ CR\n", kLeft), "");
}

}  // namespace
}  // namespace llp::test
