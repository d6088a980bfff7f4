// SPDX-License-Identifier: BSD-3-Clause
#include "llp/hl7.hpp"

#include "llpsim/hl7_ack.hpp"

namespace llp {

std::optional<Bytes> acknowledge(std::span<const std::uint8_t> message, std::string_view code) {
  return sim::acknowledge(message, code);
}

std::string control_id(std::span<const std::uint8_t> message) { return sim::control_id(message); }

std::string acknowledgement_code(std::span<const std::uint8_t> message) {
  const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
  if (!text.starts_with("MSH") || text.size() < 4) return {};
  const char separator = text[3];
  std::size_t at = text.find('\r');
  if (at == std::string_view::npos) return {};
  // Senders that end segments with CR LF are common enough.
  at = text.find_first_not_of("\r\n", at);
  if (at == std::string_view::npos) return {};
  const std::string_view segment = text.substr(at, text.find('\r', at) - at);
  if (!segment.starts_with("MSA") || segment.size() < 4 || segment[3] != separator) return {};
  const std::string_view code = segment.substr(4);
  return std::string(code.substr(0, code.find(separator)));
}

}  // namespace llp
