// SPDX-License-Identifier: BSD-3-Clause
// Numbers in the store's files: decimal digits and nothing else.
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace llp::store {

// Whether all of `text` is a number that fits; `value` is set only then.
template <class T>
[[nodiscard]] bool number(std::string_view text, T& value) {
  T read{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size()) return false;
  value = read;
  return true;
}

}  // namespace llp::store
