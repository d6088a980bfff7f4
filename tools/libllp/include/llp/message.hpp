// SPDX-License-Identifier: BSD-3-Clause
// A message: bytes without framing. Its content is opaque to the library.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace llp {

using Bytes = std::vector<std::uint8_t>;

// What recv() brings.
struct Received {
  Bytes message;
  Bytes lost;  // bytes outside frames that came before it; usually none. At most the last 64 KiB of them.

  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(message.data()), message.size()};
  }
};

[[nodiscard]] inline std::span<const std::uint8_t> as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace llp
