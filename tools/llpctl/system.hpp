// SPDX-License-Identifier: BSD-3-Clause
// What llpctl works with on this machine.
#pragma once

#include "llpctl/context.hpp"

namespace llp::ctl {

inline constexpr std::uint64_t kSecond = 1'000'000'000;  // ns

// Everything but the terminal, which main() knows. `io` must outlive it.
[[nodiscard]] Context system_context(asio::io_context& io);

}  // namespace llp::ctl
