// SPDX-License-Identifier: BSD-3-Clause
#include "llpsim/hl7_ack.hpp"

#include <algorithm>

namespace llp::sim {

namespace {

using Fields = std::vector<std::string_view>;

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The first segment, or empty if it is no MSH.
std::string_view header(std::span<const std::uint8_t> message) {
  const std::string_view text = text_of(message);
  if (!text.starts_with("MSH") || text.size() < 5) return {};
  return text.substr(0, text.find('\r'));
}

// MSH-n is at index n - 1: the separator itself is MSH-1.
Fields fields_of(std::string_view msh) {
  Fields out;
  const char sep = msh[3];
  for (std::size_t at = 0; at <= msh.size();) {
    const std::size_t end = std::min(msh.find(sep, at), msh.size());
    out.push_back(msh.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string_view field(const Fields& fields, std::size_t n) {
  return n - 1 < fields.size() ? fields[n - 1] : std::string_view{};
}

}  // namespace

std::string control_id(std::span<const std::uint8_t> message) {
  const std::string_view msh = header(message);
  return msh.empty() ? std::string{} : std::string(field(fields_of(msh), 10));
}

std::optional<Bytes> acknowledge(std::span<const std::uint8_t> message, std::string_view code) {
  const std::string_view msh = header(message);
  if (msh.empty()) return std::nullopt;
  const Fields f = fields_of(msh);
  const std::string_view version = field(f, 12).empty() ? "2.3" : field(f, 12);
  const std::string_view processing = field(f, 11).empty() ? "P" : field(f, 11);
  std::string id = "A";
  id += field(f, 10);
  std::string out;
  const auto add = [&out, sep = msh[3]](std::string_view part) {
    out += part;
    out += sep;
  };
  add("MSH");
  add(field(f, 2));
  for (const std::size_t n : {5U, 6U, 3U, 4U, 7U}) add(field(f, n));
  add("");
  add("ACK");
  add(id);
  add(processing);
  out += version;
  out += '\r';
  add("MSA");
  add(code);
  out += field(f, 10);
  out += '\r';
  return Bytes(out.begin(), out.end());
}

Bytes with_control_id(std::span<const std::uint8_t> message, std::string_view id) {
  const std::string_view msh = header(message);
  if (msh.empty()) return {message.begin(), message.end()};
  Fields f = fields_of(msh);
  if (f.size() < 10) f.resize(10);
  f[9] = id;
  std::string out;
  for (std::size_t i = 0; i < f.size(); ++i) {
    if (i > 0) out += msh[3];
    out += f[i];
  }
  out += text_of(message).substr(msh.size());
  return {out.begin(), out.end()};
}

}  // namespace llp::sim
