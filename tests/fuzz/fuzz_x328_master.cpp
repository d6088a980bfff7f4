// SPDX-License-Identifier: BSD-3-Clause
// X3.28, a station that has a message to send when the script begins.
#include "x328_script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  llp::fuzz::Script s(std::span(data, size));
  const llp_params p = llp::fuzz::script_params(s);
  auto m = std::make_unique<llp::fuzz::Machine>(p, p.max_message > 1000 ? 128 : 4096);
  m->submit(1 + s.next(), LLP_SUBMIT_EXPECT_NONE);
  m->run(s);
  return 0;
}
