// SPDX-License-Identifier: BSD-3-Clause
// Numbers, times and sizes as people write them. Every error is Errc::invalid
// with a clause that quotes what was found and says what is allowed; the caller
// puts the place in front.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace llp::config {

using Duration = std::chrono::nanoseconds;

// Decimal digits only, within bounds.
[[nodiscard]] Result<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t min,
                                                   std::uint64_t max);

// Bytes: a number, or one with k, M or G (powers of 1024), within bounds.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text, std::uint64_t min, std::uint64_t max);

// "250us", "500ms", "6s", "1.5s", "3min", "2h"; a bare number is seconds. At
// most nine places after the point. Within bounds.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text, Duration min, Duration max);

// yes, no; also on, off, true, false, 1, 0.
[[nodiscard]] Result<bool> parse_yes_no(std::string_view text);

// Which of "a|b|c" it is, counted from 0.
[[nodiscard]] Result<std::size_t> parse_choice(std::string_view text, std::string_view choices);

// A permission mode in octal, 0 to 777.
[[nodiscard]] Result<unsigned> parse_mode(std::string_view text);

// A factor on times, as llp_params_scale() takes it: both 1 to 65535.
struct Scale {
  std::uint32_t num = 1, den = 1;
  friend bool operator==(const Scale&, const Scale&) = default;
};

// A decimal number from 0.001 to 1000 with at most four places.
[[nodiscard]] Result<Scale> parse_scale(std::string_view text);

// Multiplied, but not below 1 ms; 0 stays 0. For times up to 24 h.
[[nodiscard]] Duration scaled(Duration time, Scale scale) noexcept;

// As parse_duration() takes it, in the largest unit that gives a whole number.
[[nodiscard]] std::string format_duration(Duration time);

// As parse_size() takes it.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace llp::config
