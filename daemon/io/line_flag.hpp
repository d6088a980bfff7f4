// SPDX-License-Identifier: BSD-3-Clause
// What the line says of a received byte.
#pragma once

#include <cstdint>

namespace llp::io {

// The values are those of the engine's flags (kmod/proto/llp_engine.h) and of
// the kernel's TTY_*.
enum class LineFlag : std::uint8_t { none = 0, brk = 1, frame = 2, parity = 3, overrun = 4 };

}  // namespace llp::io
