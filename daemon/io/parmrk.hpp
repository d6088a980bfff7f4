// SPDX-License-Identifier: BSD-3-Clause
// What a tty with PARMRK delivers, taken apart: \377 \377 is the byte \377,
// \377 \0 X the byte X that arrived damaged, \377 \0 \0 a break (or a damaged
// NUL, which looks the same). termios(3), PARMRK.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/line_flag.hpp"

namespace llp::io {

class ParmrkDecoder {
 public:
  // `damage`: what a marked byte is reported as, parity or frame; the kernel
  // does not tell which. `mask`: the bits that a character has.
  explicit ParmrkDecoder(LineFlag damage = LineFlag::frame, std::uint8_t mask = 0xff) noexcept
      : damage_(damage), mask_(mask) {}

  struct Count {
    std::size_t used = 0;  // bytes of `in` that are done with
    std::size_t made = 0;  // bytes put into `out`
    bool flagged = false;
  };

  // Decodes until `in` is used up or `out` (as long as `flags`) is full. A mark
  // may be split anywhere between calls. \377 before anything else, which a tty
  // with PARMRK never delivers, is taken as itself.
  Count decode(std::span<const std::uint8_t> in, std::span<std::uint8_t> out,
               std::span<std::uint8_t> flags) noexcept;

 private:
  enum class State : std::uint8_t { plain, mark, marked };
  LineFlag damage_;
  std::uint8_t mask_;
  State state_ = State::plain;
};

}  // namespace llp::io
