// SPDX-License-Identifier: BSD-3-Clause
// Names of octets and flags, shared by reading and writing. Private.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "capture/capture.hpp"

namespace llp::capture {

inline constexpr std::array<std::string_view, 32> kControls = {
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS",  "HT",  "LF",
    "VT",  "FF",  "CR",  "SO",  "SI",  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK",
    "SYN", "ETB", "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US"};

inline constexpr std::array<std::string_view, 5> kFlags = {"", "!break", "!frame", "!parity", "!overrun"};

inline constexpr std::uint8_t kDle = 0x10;

}  // namespace llp::capture
