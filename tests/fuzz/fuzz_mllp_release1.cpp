// SPDX-License-Identifier: BSD-3-Clause
// MLLP release 1.
#include "block_script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  llp::fuzz::Script s(std::span(data, size));
  const llp_params p = llp::fuzz::mllp_params(s, 1);
  auto m = llp::fuzz::machine(LLP_PROTO_MLLP, p, s);
  m->run(s);
  return 0;
}
