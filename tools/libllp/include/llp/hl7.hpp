// SPDX-License-Identifier: BSD-3-Clause
// The little of HL7 v2 that a simple application needs.
#pragma once

#include <cstdint>
#include <llp/message.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace llp {

// The acknowledgement of an HL7 message: sender and receiver change places, MSH-9 is ACK, MSA-1 is `code`
// (AA, AE, AR, CA, CE or CR), MSA-2 the message's MSH-10. Nothing for what is not HL7.
[[nodiscard]] std::optional<Bytes> acknowledge(std::span<const std::uint8_t> message,
                                               std::string_view code = "AA");

// MSH-10, or empty.
[[nodiscard]] std::string control_id(std::span<const std::uint8_t> message);

// MSA-1 if the second segment is MSA, else empty.
[[nodiscard]] std::string acknowledgement_code(std::span<const std::uint8_t> message);

}  // namespace llp
