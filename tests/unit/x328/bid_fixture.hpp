// SPDX-License-Identifier: BSD-3-Clause
// A station that bids, or waits to.
#pragma once

#include "x328/x328_test.hpp"

namespace llp::test::x328 {

class Bid : public ::testing::Test {
 protected:
  Bid() : p(x328_params()) {}
  Station& station() {
    if (!st) {
      st = std::make_unique<Station>(LLP_PROTO_X328, p);
      warm_up(*st);
    }
    return *st;
  }
  // In CONT after a collision, as primary or secondary.
  Station& contended() {
    to_bid(station());
    st->feed(kEnq);
    EXPECT_EQ(st->state(), "waiting to bid");
    EXPECT_EQ(st->take(), "");
    return *st;
  }
  // In CONT after a refusal.
  Station& refused() {
    to_bid(station());
    st->feed(kNak);
    EXPECT_EQ(st->state(), "waiting to bid");
    return *st;
  }
  llp_params p;
  std::unique_ptr<Station> st;
};

}  // namespace llp::test::x328
