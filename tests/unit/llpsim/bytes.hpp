// SPDX-License-Identifier: BSD-3-Clause
// Text as bytes of a line.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace llp::sim {

using Bytes = std::vector<std::uint8_t>;
[[nodiscard]] inline Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace llp::sim
