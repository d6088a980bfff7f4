// SPDX-License-Identifier: BSD-3-Clause
// What stands for a message's exact bytes.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp::store {

using Bytes = std::vector<std::uint8_t>;

// The SHA-256 of a message, and its number of bytes.
struct MessageKey {
  std::array<std::uint8_t, 32> digest{};
  std::size_t length = 0;
  friend auto operator<=>(const MessageKey&, const MessageKey&) = default;
};

// Throws std::runtime_error if the system has no SHA-256.
[[nodiscard]] MessageKey key_of(std::span<const std::uint8_t> message);

// 64 hexadecimal digits, and back; nothing if the text is anything else.
[[nodiscard]] std::string hex(const std::array<std::uint8_t, 32>& digest);
[[nodiscard]] std::optional<std::array<std::uint8_t, 32>> parse_digest(std::string_view text);

}  // namespace llp::store
