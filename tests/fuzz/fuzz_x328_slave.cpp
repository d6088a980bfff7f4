// SPDX-License-Identifier: BSD-3-Clause
// X3.28, a station that has granted a bid when the script begins.
#include "x328_script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::uint8_t kBid[] = {5, 13};
  llp::fuzz::Script s(std::span(data, size));
  const llp_params p = llp::fuzz::script_params(s);
  auto m = std::make_unique<llp::fuzz::Machine>(p, p.max_message > 1000 ? 128 : 4096);
  m->feed(kBid, nullptr);
  m->run(s);
  return 0;
}
