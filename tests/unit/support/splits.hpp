// SPDX-License-Identifier: BSD-3-Clause
//
// The same bytes fed whole, one at a time, and cut in two at every point must
// give the same conversation.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/engine_harness.hpp"

namespace llp::test {

struct Conversation {
  std::vector<std::string> log;
  std::string sent, lost;
  std::uint64_t fingerprint = 0;
  bool operator==(const Conversation&) const = default;
};

inline Conversation conversation(const Station& s) { return {s.log, s.sent, s.lost, s.fingerprint()}; }

// @make gives a fresh station; @feed_part feeds bytes [from, to); @then runs afterwards.
template <class Make, class Feed, class Then>
void expect_same_for_every_split(std::size_t n, Make make, Feed feed_part, Then then) {
  auto run = [&](auto cut) {
    std::unique_ptr<Station> s = make();
    cut(*s);
    then(*s);
    return conversation(*s);
  };
  const Conversation whole = run([&](Station& s) { feed_part(s, 0, n); });
  const Conversation bytes = run([&](Station& s) {
    for (std::size_t i = 0; i < n; i++) feed_part(s, i, i + 1);
  });
  EXPECT_EQ(whole.log, bytes.log) << "byte by byte";
  EXPECT_EQ(whole.sent, bytes.sent) << "byte by byte";
  EXPECT_TRUE(whole == bytes) << "byte by byte";
  // Long inputs: every point near the ends, a sample between.
  for (std::size_t i = 1; i < n; i += (n > 400 && i > 100 && i + 100 < n) ? 97 : 1) {
    const Conversation two = run([&](Station& s) {
      feed_part(s, 0, i);
      feed_part(s, i, n);
    });
    ASSERT_EQ(whole.log, two.log) << "cut at " << i;
    ASSERT_TRUE(whole == two) << "cut at " << i;
  }
}

template <class Make, class Then>
void expect_same_for_every_split(const std::string& bytes, Make make, Then then) {
  expect_same_for_every_split(
      bytes.size(), make,
      [&](Station& s, std::size_t from, std::size_t to) {
        s.feed(std::string_view(bytes).substr(from, to - from));
      },
      then);
}

template <class Make>
void expect_same_for_every_split(const std::string& bytes, Make make) {
  expect_same_for_every_split(bytes, make, [](Station&) {});
}

}  // namespace llp::test
