// SPDX-License-Identifier: BSD-3-Clause
#include "base/base64.hpp"

#include <algorithm>
#include <cstddef>

namespace llp {

namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kBytes = 3, kChars = 4;  // of a group
constexpr unsigned kDigitBits = 6;

}  // namespace

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string out;
  out.reserve((bytes.size() + kBytes - 1) / kBytes * kChars);
  for (std::size_t at = 0; at < bytes.size(); at += kBytes) {
    const std::size_t have = std::min(kBytes, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < kBytes; ++i) group = group << 8U | (i < have ? bytes[at + i] : 0U);
    for (std::size_t i = 0; i < kChars; ++i) {
      const auto digit = group >> (kChars - 1 - i) * kDigitBits & 0x3fU;
      out += i <= have ? kDigits[digit] : '=';
    }
  }
  return out;
}

std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text) {
  if (text.size() % kChars != 0) return std::nullopt;
  std::vector<std::uint8_t> out;
  out.reserve(text.size() / kChars * kBytes);
  for (std::size_t at = 0; at < text.size(); at += kChars) {
    const bool last = at + kChars == text.size();
    std::size_t filled = 0;
    if (last) filled = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < kChars; ++i) {
      const std::size_t digit = i + filled < kChars ? kDigits.find(text[at + i]) : 0;
      if (digit == std::string_view::npos) return std::nullopt;
      group = group << kDigitBits | static_cast<std::uint32_t>(digit);
    }
    for (std::size_t i = 0; i + filled < kBytes; ++i) {
      out.push_back(static_cast<std::uint8_t>(group >> (kBytes - 1 - i) * 8U));
    }
    // What is cut off was nothing.
    if ((group & ((1U << filled * 8U) - 1U)) != 0) return std::nullopt;
  }
  return out;
}

}  // namespace llp
