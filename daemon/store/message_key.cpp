// SPDX-License-Identifier: BSD-3-Clause
#include "store/message_key.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace llp::store {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

MessageKey key_of(std::span<const std::uint8_t> message) {
  MessageKey key;
  key.length = message.size();
  unsigned size = 0;
  if (EVP_Digest(message.data(), message.size(), key.digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != key.digest.size()) {
    throw std::runtime_error("SHA-256 is not available");
  }
  return key;
}

std::string hex(const std::array<std::uint8_t, 32>& digest) {
  std::string text;
  text.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::optional<std::array<std::uint8_t, 32>> parse_digest(std::string_view text) {
  std::array<std::uint8_t, 32> digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t value = kDigits.find(text[i]);
    if (value == std::string_view::npos) return std::nullopt;
    digest.at(i / 2) = static_cast<std::uint8_t>(digest.at(i / 2) << 4U | value);
  }
  return digest;
}

}  // namespace llp::store
