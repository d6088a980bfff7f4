// SPDX-License-Identifier: BSD-3-Clause
// The little of HL7 v2 that a simulated station speaks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp::sim {

using Bytes = std::vector<std::uint8_t>;

// The acknowledgement of an HL7 message: sender and receiver change places,
// MSA-1 is `code`, MSA-2 the message's MSH-10. Nothing for what is not HL7.
[[nodiscard]] std::optional<Bytes> acknowledge(std::span<const std::uint8_t> message, std::string_view code);

// The message with MSH-10 replaced; as it is if it is not HL7.
[[nodiscard]] Bytes with_control_id(std::span<const std::uint8_t> message, std::string_view id);

// MSH-10, or empty.
[[nodiscard]] std::string control_id(std::span<const std::uint8_t> message);

}  // namespace llp::sim
