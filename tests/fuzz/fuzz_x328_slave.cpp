// SPDX-License-Identifier: BSD-3-Clause
// X3.28, a station that has granted a bid when the script begins.
#include "x328_pieces.hpp"
#include "x328_script.hpp"

const llp::fuzz::Grammar& llp::fuzz::grammar() {
  static constexpr Grammar kGrammar{.header = kHeader, .piece = x328_piece, .make = x328_make};
  return kGrammar;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::uint8_t kBid[] = {5, 13};
  llp::fuzz::Script s(std::span(data, size));
  auto station = llp::fuzz::x328_station(s);
  station.feed(kBid);
  station.run(s);
  return 0;
}
