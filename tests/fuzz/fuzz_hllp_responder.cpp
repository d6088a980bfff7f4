// SPDX-License-Identifier: BSD-3-Clause
// HLLP, a station at rest when the script begins.
#include "block_script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  llp::fuzz::Script s(std::span(data, size));
  const llp_params p = llp::fuzz::hllp_params(s);
  auto m = llp::fuzz::machine(LLP_PROTO_HLLP, p, s);
  m->run(s);
  return 0;
}
