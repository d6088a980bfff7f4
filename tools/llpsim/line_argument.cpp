// SPDX-License-Identifier: BSD-3-Clause
#include "llpsim/line_argument.hpp"

#include <fmt/format.h>

#include <string>

#include "config/addresses.hpp"
#include "config/text.hpp"

namespace llp::sim {

namespace {

constexpr std::string_view kKinds =
    "pty:PATH, pty:-, tty:DEV[,BAUD[,MODE]], tcp:HOST:PORT, tcp-listen:[ADDR:]PORT, unix:PATH or "
    "unix-listen:PATH";

struct HostPort {
  std::string host, service;
};

// "host:port", "[v6]:port", or "port" alone.
Result<HostPort> split_host(std::string_view text) {
  HostPort out;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || text.substr(end + 1, 1) != ":")
      return fail(Errc::invalid,
                  fmt::format("{}: an IPv6 address is written [ADDRESS]:PORT", config::quote(text)));
    out.host = text.substr(1, end - 1);
    out.service = text.substr(end + 2);
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    out.host = text.substr(0, colon);
    out.service = text.substr(colon + 1);
  } else {
    out.service = text;
  }
  if (out.service.empty())
    return fail(Errc::invalid, fmt::format("{}: the port is missing", config::quote(text)));
  return out;
}

Result<io::LineSpec> parse_tcp(std::string_view text, bool listen) {
  auto at = split_host(text);
  if (!at) return std::unexpected(at.error());
  if (listen) return io::TcpListen{.bind = at->host, .service = at->service};
  if (at->host.empty())
    return fail(Errc::invalid, fmt::format("{}: the host is missing; tcp:HOST:PORT", config::quote(text)));
  return io::TcpConnect{.host = at->host, .service = at->service};
}

}  // namespace

Result<io::LineSpec> parse_line_argument(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (rest.empty())
    return fail(Errc::invalid, fmt::format("{} is no line; allowed are {}", config::quote(text), kKinds));
  if (kind == "tty") return config::parse_tty(rest);
  if (kind == "pty") return config::parse_pty(rest);
  if (kind == "tcp") return parse_tcp(rest, false);
  if (kind == "tcp-listen") return parse_tcp(rest, true);
  if (kind == "unix") return io::UnixConnect{.path = std::string(rest)};
  if (kind == "unix-listen") return io::UnixListen{.path = std::string(rest)};
  return fail(Errc::invalid,
              fmt::format("{} is no kind of line; allowed are {}", config::quote(kind), kKinds));
}

}  // namespace llp::sim
