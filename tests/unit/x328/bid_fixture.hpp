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
  // In lockstep, with a request that was acknowledged and has 10 s for its
  // reply, then 20 s of guard.
  Station& awaiting_reply() {
    p.match = LLP_MATCH_LOCKSTEP;
    p.reply_timeout = 10 * kSec / kUs;
    p.late_guard = 20 * kSec / kUs;
    Station& s = station();
    EXPECT_EQ(s.submit(7, "request\r", 0), 0);
    s.feed(ack(0));
    s.feed(ack(1));
    s.take();
    return s;
  }
  llp_params p;
  std::unique_ptr<Station> st;
};

}  // namespace llp::test::x328
