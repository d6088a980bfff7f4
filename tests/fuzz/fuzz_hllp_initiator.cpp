// SPDX-License-Identifier: BSD-3-Clause
// HLLP, a station whose request is out when the script begins.
#include "block_pieces.hpp"
#include "block_script.hpp"

const llp::fuzz::Grammar& llp::fuzz::grammar() {
  static constexpr Grammar kGrammar{.header = kHeader + 1, .piece = block_piece, .make = hllp_make};
  return kGrammar;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  llp::fuzz::Script s(std::span(data, size));
  const llp_params p = llp::fuzz::hllp_params(s);
  auto station = llp::fuzz::block_station(LLP_PROTO_HLLP, p, s);
  station.submit(llp::fuzz::script_length(s.next(), false), 0);
  station.pull(2048, true);
  station.run(s);
  return 0;
}
