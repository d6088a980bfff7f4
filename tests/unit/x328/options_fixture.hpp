// SPDX-License-Identifier: BSD-3-Clause
// Stations with options of their own.
#pragma once

#include "x328/x328_test.hpp"

namespace llp::test::x328 {

class Options : public ::testing::Test {
 protected:
  Options() : p(x328_params()) {}
  Station& station() {
    st = std::make_unique<Station>(LLP_PROTO_X328, p);
    return *st;
  }
  Station& granted() {
    Station& s = station();
    to_slave(s);
    return s;
  }
  // The blocks that are sent for @text, all acknowledged.
  std::vector<std::string> blocks_of(const std::string& text) {
    Station& s = station();
    std::vector<std::string> out;
    EXPECT_EQ(s.submit(7, text), 0);
    s.take();
    s.feed(ack(0));
    for (int n = 1; s.state() == "master"; n++) {
      out.push_back(s.take());
      s.feed(ack(n & 7));
    }
    EXPECT_EQ(s.take(), kEot);
    EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
    return out;
  }
  llp_params p;
  std::unique_ptr<Station> st;
};

}  // namespace llp::test::x328
