// SPDX-License-Identifier: BSD-3-Clause
#include "illp/check.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "illp/connection.hpp"

namespace llp::illp {

bool looks_like_hl7(std::span<const std::uint8_t> message) noexcept {
  using namespace std::string_view_literals;
  constexpr std::array headers{"MSH"sv, "FHS"sv, "BHS"sv};
  return std::ranges::any_of(headers, [&](std::string_view header) {
    return message.size() >= header.size() && std::equal(header.begin(), header.end(), message.begin());
  });
}

Result<void> check_hl7(std::span<const std::uint8_t> message) {
  constexpr std::uint8_t cr = 0x0d;
  if (!looks_like_hl7(message)) {
    return fail(Errc::malformed, "message does not begin with MSH, FHS or BHS (check=hl7)");
  }
  if (message.back() != cr) {
    return fail(Errc::malformed, "message does not end with CR: it is cut, or not HL7 (check=hl7)");
  }
  // Urgent bytes whose mark was lost on the way show as data.
  const auto stray = std::ranges::find_if(message, [](std::uint8_t byte) {
    return byte == static_cast<std::uint8_t>(Urgent::stx) || byte == static_cast<std::uint8_t>(Urgent::can);
  });
  if (stray != message.end()) {
    return fail(
        Errc::malformed,
        "message holds STX or CAN as data: does something on the path clear the URG bit? (check=hl7)");
  }
  return {};
}

Result<void> check_request(Check check, std::span<const std::uint8_t> request) {
  if (check == Check::none || (check == Check::automatic && !looks_like_hl7(request))) return {};
  return check_hl7(request);
}

Result<void> check_reply(Check check, bool request_is_hl7, std::span<const std::uint8_t> reply) {
  if (reply.empty() || check == Check::none || (check == Check::automatic && !request_is_hl7)) return {};
  return check_hl7(reply);
}

}  // namespace llp::illp
