// SPDX-License-Identifier: BSD-3-Clause
// The programs; main() only calls them. They return the exit status.
#pragma once

#include "cmd/invocation.hpp"

namespace llp::cmd {

[[nodiscard]] int llpdrv_main(int argc, const char* const* argv);
[[nodiscard]] int llpd_main(int argc, const char* const* argv);

}  // namespace llp::cmd
