// SPDX-License-Identifier: BSD-3-Clause
// Bytes as text, for where text is all that passes (RFC 4648, section 4).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp {

[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

// The bytes again; nothing if the text is not what base64() writes.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base64(std::string_view text);

}  // namespace llp
