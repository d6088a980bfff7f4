// SPDX-License-Identifier: BSD-3-Clause
// X3.28, a station that has a message to send when the script begins.
#include "x328_pieces.hpp"
#include "x328_script.hpp"

const llp::fuzz::Grammar& llp::fuzz::grammar() {
  static constexpr Grammar kGrammar{.header = kHeader + 1, .piece = x328_piece, .make = x328_make};
  return kGrammar;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  llp::fuzz::Script s(std::span(data, size));
  auto station = llp::fuzz::x328_station(s);
  station.submit(llp::fuzz::script_length(s.next(), false), LLP_SUBMIT_EXPECT_NONE);
  station.run(s);
  return 0;
}
