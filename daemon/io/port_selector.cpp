// SPDX-License-Identifier: BSD-3-Clause
#include "io/port_selector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace llp::io {

namespace {

constexpr std::size_t kValueMax = 255;

// udev's properties of serial ports: of the USB adapter, of the place that it
// is plugged into, of the one of its several ports, and the administrator's own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kKeys{
    {{"serial", "ID_SERIAL_SHORT"},
     {"path", "ID_PATH"},
     {"interface", "ID_USB_INTERFACE_NUM"},
     {"vendor", "ID_VENDOR_ID"},
     {"model", "ID_MODEL_ID"},
     {"label", "LLP_LINE"}}};

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::vector<std::string> selector_keys() {
  std::vector<std::string> keys;
  keys.reserve(std::size(kKeys));
  for (const auto& [key, property] : kKeys) keys.emplace_back(key);
  return keys;
}

bool is_selector(std::string_view device) noexcept {
  const std::size_t equals = device.find('=');
  return equals != std::string_view::npos && equals > 0 &&
         device.substr(0, equals).find('/') == std::string_view::npos;
}

Result<PortSelector> parse_selector(std::string_view device) {
  PortSelector selector;
  for (bool more = true; more;) {
    const std::size_t plus = device.find('+');
    const std::string_view part = device.substr(0, plus);
    more = plus != std::string_view::npos;
    if (more) device.remove_prefix(plus + 1);
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const auto known = std::ranges::find(kKeys, key, [](const auto& row) { return row.first; });
    if (equals == std::string_view::npos || known == kKeys.end()) {
      std::string keys;
      for (const std::string& one : selector_keys()) keys += one + "=, ";
      return fail(Errc::invalid,
                  fmt::format("'{}' does not name a port: write {}joined with + where one is not enough",
                              part, keys));
    }
    const std::string_view value = part.substr(equals + 1);
    if (value.empty() || value.size() > kValueMax || !printable(value)) {
      return fail(
          Errc::invalid,
          fmt::format("{}= needs a value of 1 to {} printable characters without blanks", key, kValueMax));
    }
    if (std::ranges::find(selector.parts, key, &PortSelector::Part::key) != selector.parts.end()) {
      return fail(Errc::invalid, fmt::format("{}= is given twice", key));
    }
    selector.parts.push_back({std::string(key), std::string(known->second), std::string(value)});
  }
  return selector;
}

}  // namespace llp::io
