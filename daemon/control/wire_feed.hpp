// SPDX-License-Identifier: BSD-3-Clause
// What passes on a line, for those who listen over the control socket.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "control/line_host.hpp"

namespace llp::control {

// Something that passed. What it refers to is good during the call.
struct WirePiece {
  enum class Kind : std::uint8_t { bytes, message, up, down };
  // NOLINTBEGIN(readability-redundant-member-init): GCC asks for it
  std::string_view line{};
  Kind kind = Kind::bytes;
  bool out = false;                        // sent by this end
  std::span<const std::uint8_t> octets{};  // up, down: words
  std::span<const std::uint8_t> flags{};   // io::LineFlag of each, or none
  std::uint64_t at = 0;                    // CLOCK_MONOTONIC, ns
  // NOLINTEND(readability-redundant-member-init)
};

// The time of day of a moment of CLOCK_MONOTONIC, ns since 1970.
[[nodiscard]] std::int64_t time_of_day(std::uint64_t at);

// The event that tells of it: llpd-control(7), "wire". `lost`: so many before
// it were not told.
[[nodiscard]] std::string wire_event(const WirePiece& piece, std::uint64_t lost);

// What who listens must know to understand it: "protocol", "port", "baud" and
// the "params" that are not at their defaults.
[[nodiscard]] nlohmann::ordered_json wire_report(const LineInfo& line);

}  // namespace llp::control
