// SPDX-License-Identifier: BSD-3-Clause
// MLLP release 2, a station at rest when the script begins.
#include "block_pieces.hpp"
#include "block_script.hpp"

const llp::fuzz::Grammar& llp::fuzz::grammar() {
  static constexpr Grammar kGrammar{.header = kHeader, .piece = block_piece, .make = mllp_make};
  return kGrammar;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  llp::fuzz::Script s(std::span(data, size));
  const llp_params p = llp::fuzz::mllp_params(s, 2);
  auto station = llp::fuzz::block_station(LLP_PROTO_MLLP, p, s);
  station.run(s);
  return 0;
}
