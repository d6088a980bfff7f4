// SPDX-License-Identifier: BSD-3-Clause
#include "io/parmrk.hpp"

namespace llp::io {

ParmrkDecoder::Count ParmrkDecoder::decode(std::span<const std::uint8_t> in, std::span<std::uint8_t> out,
                                           std::span<std::uint8_t> flags) noexcept {
  constexpr std::uint8_t kMark = 0xff;
  Count count;
  const auto put = [&](std::uint8_t byte, LineFlag flag) {
    out[count.made] = byte & mask_;
    flags[count.made] = static_cast<std::uint8_t>(flag);
    ++count.made;
    if (flag != LineFlag::none) count.flagged = true;
  };
  while (count.used < in.size() && count.made < out.size()) {
    const std::uint8_t byte = in[count.used];
    switch (state_) {
      case State::plain:
        if (byte == kMark) {
          state_ = State::mark;
        } else {
          put(byte, LineFlag::none);
        }
        ++count.used;
        break;
      case State::mark:
        if (byte == 0) {
          state_ = State::marked;
          ++count.used;
        } else {
          put(kMark, LineFlag::none);
          state_ = State::plain;
          if (byte == kMark) ++count.used;
        }
        break;
      case State::marked:
        put(byte, byte == 0 ? LineFlag::brk : damage_);
        state_ = State::plain;
        ++count.used;
        break;
    }
  }
  return count;
}

}  // namespace llp::io
