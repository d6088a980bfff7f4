// SPDX-License-Identifier: BSD-3-Clause
// The clock of ILLP's time limits.
#pragma once

#include <chrono>

namespace llp::illp {

using Clock = std::chrono::steady_clock;
inline constexpr Clock::time_point kNever = Clock::time_point::max();

}  // namespace llp::illp
