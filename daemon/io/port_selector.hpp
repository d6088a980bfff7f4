// SPDX-License-Identifier: BSD-3-Clause
// A serial port named by what it is instead of by its device: by the serial
// number of its adapter or the socket that it is plugged into.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace llp::io {

// "serial=A1B2C3", "path=pci-0000:00:14.0-usb-0:2:1.0+interface=01": every
// part must fit.
struct PortSelector {
  struct Part {
    std::string key;       // of selector_keys()
    std::string property;  // udev's
    std::string value;
  };
  std::vector<Part> parts;
};

// Whether a device is named by a selector, or is meant to be: it begins with a
// word and '='; paths begin with '/' or have a '/' before their first '='.
[[nodiscard]] bool is_selector(std::string_view device) noexcept;

// Errc::invalid clauses name what is allowed.
[[nodiscard]] Result<PortSelector> parse_selector(std::string_view device);

// "serial", "path", "interface", "vendor", "model", "label"
[[nodiscard]] std::vector<std::string> selector_keys();

}  // namespace llp::io
