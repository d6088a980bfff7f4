// SPDX-License-Identifier: BSD-3-Clause
// check=hl7: is this message whole, as far as its content can tell?
#pragma once

#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "illp/options.hpp"

namespace llp::illp {

// True if it begins with MSH, FHS or BHS.
[[nodiscard]] bool looks_like_hl7(std::span<const std::uint8_t> message) noexcept;

// Errc::malformed with the reason (never content) unless the message begins
// with MSH, FHS or BHS, ends with CR, and holds neither 02 nor 18.
[[nodiscard]] Result<void> check_hl7(std::span<const std::uint8_t> message);

// What `check` asks of a request, and of a reply to `request_is_hl7`. An empty
// reply passes.
[[nodiscard]] Result<void> check_request(Check check, std::span<const std::uint8_t> request);
[[nodiscard]] Result<void> check_reply(Check check, bool request_is_hl7, std::span<const std::uint8_t> reply);

}  // namespace llp::illp
