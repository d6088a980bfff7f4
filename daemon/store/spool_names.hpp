// SPDX-License-Identifier: BSD-3-Clause
// Names of the spool's files. Not for use outside daemon/store.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>

#include "store/message_file.hpp"

namespace llp::store {

inline constexpr std::string_view kMessageSuffix = ".msg";
inline constexpr std::string_view kTemporarySuffix = ".tmp";
inline constexpr const char* kAside = "aside";
inline constexpr const char* kProbe = "probe";

// Far more than there will ever be, and far from where counting ends.
inline constexpr MessageNumber kMaxNumber = MessageNumber{1} << 62;

// Of equal length, so that names sort as numbers do.
[[nodiscard]] inline std::string message_name(MessageNumber id) {
  return fmt::format("{:020}{}", id, kMessageSuffix);
}
[[nodiscard]] inline std::string temporary_name(MessageNumber id) {
  return fmt::format("{:020}{}", id, kTemporarySuffix);
}

// The number of a message's file; 0: it is none.
[[nodiscard]] inline MessageNumber number_of(std::string_view name) {
  if (!name.ends_with(kMessageSuffix)) return 0;
  name.remove_suffix(kMessageSuffix.size());
  MessageNumber id = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc{} || stop != name.data() + name.size() || name.size() != 20) return 0;
  return id <= kMaxNumber ? id : 0;
}

}  // namespace llp::store
