// SPDX-License-Identifier: BSD-3-Clause
//
// What the X3.28 tests share: sequences by name, blocks, stations brought into
// a state.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "support/engine_harness.hpp"
#include "support/vectors_x328.hpp"

namespace llp::test::x328 {

inline const std::string kEnq = hex("05 0D");
inline const std::string kEot = hex("04 0D");
inline const std::string kNak = hex("15 0D");
inline const std::string kRint = hex("10 3C 0D");
inline const std::string kBid = kEnq;              // state of the peer known
inline const std::string kFirstBid = kEot + kEnq;  // unknown

inline std::string ack(int n) { return std::string("\x10") + static_cast<char>('0' + n) + "\r"; }

inline std::uint8_t bcc_of(std::string_view covered) {
  std::uint8_t x = 0;
  for (unsigned char c : covered) x ^= c;
  return x;
}

inline std::string hex2(std::uint8_t v) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  return {kDigits[v >> 4], kDigits[v & 15]};
}

// A block with all its parts right, made without the engine's help.
inline std::string block(int num, std::string_view text, bool last) {
  char head[8];
  (void)std::snprintf(head, sizeof head, "%d%05zu", num & 7, text.size());
  std::string covered = std::string(head) + std::string(text) + (last ? "\x03" : "\x17");
  return "\x02" + covered + hex2(bcc_of(covered)) + "\r";
}

// A block with a header of one's own.
inline std::string raw_block(std::string_view head_and_text, char end) {
  std::string covered = std::string(head_and_text) + end;
  return "\x02" + covered + hex2(bcc_of(covered)) + "\r";
}

inline const std::string kM1 = "MSH|^~\\&|A\r";
inline const std::string kM = "MSH|^~\\&|A\rPID|1\r";
inline const std::string kFour = "MSH|^~\\&|A\rPID|1\rOBX|1\rOBX|2\r";

inline llp_params x328_params() { return default_params(LLP_PROTO_X328); }

// Blocks as in the worked examples: one segment each.
inline llp_params one_segment_blocks() {
  llp_params p = x328_params();
  p.block_max = 11;
  return p;
}

// Both stations know of each other: a short transmission has passed, with this one as slave.
inline void warm_up(Station& s) {
  const auto policy = s.verdict_policy;
  s.verdict_policy = LLP_ACCEPT;
  s.feed(kEnq + block(1, "W", true) + kEot);
  EXPECT_EQ(s.take(), ack(0) + ack(1));
  EXPECT_EQ(s.state(), "idle");
  s.verdict_policy = policy;
  s.messages.clear();
  s.log.clear();
}

inline void to_bid(Station& s, std::uint32_t id = 7, const std::string& text = kM1) {
  ASSERT_EQ(s.submit(id, text), 0);
  ASSERT_EQ(s.state(), "bid");
  s.take();
}

inline void to_master(Station& s, std::uint32_t id = 7, const std::string& text = kM1) {
  to_bid(s, id, text);
  s.feed(ack(0));
  ASSERT_EQ(s.state(), "master");
}

inline void to_slave(Station& s) {
  s.feed(kEnq);
  ASSERT_EQ(s.take(), ack(0));
  ASSERT_EQ(s.state(), "slave");
}

}  // namespace llp::test::x328
