// SPDX-License-Identifier: BSD-3-Clause
#include "base/turnaround.hpp"

#include <gtest/gtest.h>

namespace llp {
namespace {

using namespace std::chrono_literals;

TEST(Turnaround, AQuantileIsABoundOfItsBucket) {
  Turnaround t;
  EXPECT_FALSE(t.quantile(500));
  t.count = 4;
  t.longest = 70'000;
  t.bucket[0] = 1;
  t.bucket[3] = 2;
  t.bucket[7] = 1;
  EXPECT_EQ(t.quantile(250), 1000U);
  EXPECT_EQ(t.quantile(500), 8000U);
  EXPECT_EQ(t.quantile(750), 8000U);
  EXPECT_EQ(t.quantile(990), 70'000U);  // no longer than the longest
}

TEST(Turnaround, EachTimeIsInItsClass) {
  Turnaround t;
  t.add(999ns);
  t.add(1us);
  t.add(1999ns);
  t.add(2us);
  t.add(24h);
  t.add(-1ns);  // a clock that went back would be 0
  EXPECT_EQ(t.count, 6U);
  EXPECT_EQ(t.bucket[0], 2U);
  EXPECT_EQ(t.bucket[1], 2U);
  EXPECT_EQ(t.bucket[2], 1U);
  EXPECT_EQ(t.bucket.back(), 1U);
  EXPECT_EQ(t.longest, 86'400'000'000'000U);
  EXPECT_EQ(t.sum, t.longest + 999 + 1000 + 1999 + 2000);
  EXPECT_EQ(t.quantile(999), t.longest);
}

}  // namespace
}  // namespace llp
