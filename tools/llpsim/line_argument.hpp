// SPDX-License-Identifier: BSD-3-Clause
// The --line of llpsim.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "io/line_spec.hpp"

namespace llp::sim {

// pty:PATH | pty:- | tty:DEV[,BAUD[,MODE]] | tcp:HOST:PORT | tcp-listen:[ADDR:]PORT |
// unix:PATH | unix-listen:PATH. IPv6 addresses in brackets. Errc::invalid says
// what was found and what is allowed.
[[nodiscard]] Result<io::LineSpec> parse_line_argument(std::string_view text);

}  // namespace llp::sim
