// SPDX-License-Identifier: BSD-3-Clause
#include "llp/address.hpp"

#include <fmt/format.h>

#include "config/addresses.hpp"
#include "config/text.hpp"
#include "illp/endpoint.hpp"
#include "line/llp_device.hpp"

namespace llp {

namespace {

constexpr std::string_view kForms =
    "HOST:PORT, [IPV6]:PORT, PORT, unix:PATH, /dev/PORT[,BAUD[,MODE[,FLOW]]], pty:PATH, /dev/llpN or "
    "llp:NAME";

std::unexpected<Error> wrong(std::string_view text, std::string_view why) {
  return fail(Errc::invalid, fmt::format("{}: {}; allowed are {}", config::quote(text), why, kForms));
}

Result<Address> parse_port(std::string_view text) {
  auto spec = config::parse_tty(text);
  if (!spec) return std::unexpected(std::move(spec.error()));
  return Address{.kind = Address::Kind::tty, .host = {}, .service = {}, .path = std::string(text)};
}

Result<Address> parse_tcp(std::string_view text) {
  Address address;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || text.substr(end + 1, 1) != ":") {
      return wrong(text, "an IPv6 address is written [ADDRESS]:PORT");
    }
    address.host = text.substr(1, end - 1);
    address.service = text.substr(end + 2);
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    address.host = text.substr(0, colon);
    address.service = text.substr(colon + 1);
    if (address.host.find(':') != std::string::npos) {
      return wrong(text, "an IPv6 address is written [ADDRESS]:PORT");
    }
  } else {
    address.service = text;
  }
  if (address.service.empty()) return wrong(text, "the port is missing");
  return address;
}

}  // namespace

Result<Protocol> parse_protocol(std::string_view text) {
  for (const Protocol protocol :
       {Protocol::illp, Protocol::mllp, Protocol::mllp2, Protocol::hllp, Protocol::x328}) {
    if (text == to_string(protocol)) return protocol;
  }
  return fail(Errc::invalid, fmt::format("{} is no protocol; allowed are illp, mllp, mllp2, hllp and x328",
                                         config::quote(text)));
}

const char* to_string(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::illp: return "illp";
    case Protocol::mllp: return "mllp";
    case Protocol::mllp2: return "mllp2";
    case Protocol::hllp: return "hllp";
    case Protocol::x328: return "x328";
  }
  return "unknown";
}

Result<Address> parse_address(std::string_view text) {
  const auto rest = [text](std::string_view prefix) { return text.substr(prefix.size()); };
  const auto named = [&](Address::Kind kind, std::string path) -> Result<Address> {
    return Address{.kind = kind, .host = {}, .service = {}, .path = std::move(path)};
  };
  if (text.empty()) return wrong(text, "the address is missing");
  for (const std::string_view prefix : {"unix:", "tty:", "pty:", "llp:"}) {
    if (text == prefix) return wrong(text, "what follows the colon is missing");
  }
  if (text.starts_with("unix:")) return named(Address::Kind::local, std::string(rest("unix:")));
  if (text.starts_with("tty:")) return parse_port(rest("tty:"));
  if (text.starts_with("pty:")) return named(Address::Kind::pty, std::string(rest("pty:")));
  if (text.starts_with("llp:")) {
    auto name = config::parse_name(rest("llp:"));
    if (!name) return std::unexpected(std::move(name.error()));
    return named(Address::Kind::device, "/dev/llp/" + *name);
  }
  if (line::is_message_device(text)) return named(Address::Kind::device, std::string(text));
  if (text.starts_with('/')) return parse_port(text);
  return parse_tcp(text);
}

std::string to_string(const Address& address) {
  switch (address.kind) {
    case Address::Kind::tcp: return illp::to_string(illp::TcpEndpoint{address.host, address.service});
    case Address::Kind::local: return "unix:" + address.path;
    case Address::Kind::pty: return "pty:" + address.path;
    case Address::Kind::tty:
    case Address::Kind::device: break;
  }
  return address.path;
}

}  // namespace llp
