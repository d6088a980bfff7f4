// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/programs.hpp"
#include "cmd/setup.hpp"

int main(int argc, char** argv) {
  return llp::cmd::guarded("llpd", [argc, argv] { return llp::cmd::llpd_main(argc, argv); });
}
