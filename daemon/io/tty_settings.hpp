// SPDX-License-Identifier: BSD-3-Clause
// The settings of a tty, with any baud rate (struct termios2 of the kernel,
// which the C library's termios cannot express).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "io/line_flag.hpp"
#include "io/line_spec.hpp"

namespace llp::io {

// struct termios2, member by member; <asm/termbits.h> and <termios.h> exclude
// each other, so that this header uses neither.
struct TtySettings {
  std::uint32_t iflag = 0, oflag = 0, cflag = 0, lflag = 0;
  std::uint8_t line = 0;
  std::array<std::uint8_t, 19> cc{};
  std::uint32_t ispeed = 0, ospeed = 0;
  friend bool operator==(const TtySettings&, const TtySettings&) = default;
};

// TCGETS2 and TCSETS2. The errno is in the Error.
[[nodiscard]] Result<TtySettings> get_settings(int fd);
[[nodiscard]] Result<void> set_settings(int fd, const TtySettings& settings);

// What `old` becomes for this line: raw, no carrier needed, damage marked
// (INPCK, PARMRK; no IGNPAR, IGNBRK, BRKINT), and rate, mode and flow control
// as asked for unless tty.keep.
[[nodiscard]] TtySettings line_settings(const TtySettings& old, const Tty& tty);

// A terminal as cfmakeraw(3) leaves it.
[[nodiscard]] TtySettings raw_settings(const TtySettings& old);

// Checks what the driver made of it: mode exact, rate within 3 %.
// Errc::invalid says what it does instead.
[[nodiscard]] Result<void> check_settings(const TtySettings& asked, const TtySettings& got,
                                          const std::string& device);

// Mode and rate that settings stand for.
[[nodiscard]] TtyMode mode_of(const TtySettings& settings);
// Start, data, parity and stop bits at the rate; 0 if there is no rate.
[[nodiscard]] std::chrono::nanoseconds char_time_of(const TtySettings& settings);
// How a damaged character is called: parity where there is parity, else frame.
[[nodiscard]] LineFlag damage_of(const TtySettings& settings);
// The data bits of a character.
[[nodiscard]] std::uint8_t mask_of(const TtySettings& settings);

// Errc::invalid if no tty could be like this.
[[nodiscard]] Result<void> check_spec(const Tty& tty);

}  // namespace llp::io
