// SPDX-License-Identifier: BSD-3-Clause
// What llpctl works with on this machine.
#pragma once

#include "llpctl/context.hpp"

namespace llp::ctl {

// Everything but the terminal, which main() knows. `io` must outlive it.
[[nodiscard]] Context system_context(asio::io_context& io);

}  // namespace llp::ctl
