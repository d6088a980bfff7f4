// SPDX-License-Identifier: BSD-3-Clause
// A master in the states of a message transfer.
#pragma once

#include "x328/x328_test.hpp"

namespace llp::test::x328 {

class Master : public ::testing::Test {
 protected:
  Master() : p(one_segment_blocks()) {}
  // Waits for the answer to block 1 of @text.
  Station& waiting(const std::string& text = kM) {
    st = std::make_unique<Station>(LLP_PROTO_X328, p);
    warm_up(*st);
    to_master(*st, 7, text);
    st->take();
    return *st;
  }
  // Waits for the answer to the last block, number 2.
  Station& waiting_last() {
    Station& s = waiting();
    s.feed(ack(1));
    EXPECT_EQ(s.take(), b2);
    return s;
  }
  // Has asked with ENQ after block 1 (or after the last).
  Station& asking(bool last = false) {
    p.x328_on_timeout = LLP_X328_ENQ;
    Station& s = last ? waiting_last() : waiting();
    s.advance(6 * kSec);
    EXPECT_EQ(s.take(), kEnq);
    EXPECT_EQ(s.state(), "master, asking again");
    return s;
  }
  void failed(llp_cause cause, llp_outcome outcome) {
    EXPECT_EQ(st->result(7).cause, cause) << llp_cause_name(st->result(7).cause);
    EXPECT_EQ(st->result(7).outcome, outcome) << llp_outcome_name(st->result(7).outcome);
    EXPECT_EQ(st->result(7).sent, 1);
    EXPECT_EQ(st->result(7).done, 1);
    EXPECT_EQ(st->state(), "idle");
    // The next bid begins with EOT.
    st->take();
    ASSERT_EQ(st->submit(8, kM1), 0);
    st->advance(10 * kSec);
    EXPECT_EQ(st->take().substr(0, 4), kFirstBid);
  }
  const std::string b1 = block(1, kM1, false);
  const std::string b2 = block(2, "PID|1\r", true);
  llp_params p;
  std::unique_ptr<Station> st;
};

}  // namespace llp::test::x328
