// SPDX-License-Identifier: BSD-3-Clause
// Where an ILLP peer is found or waited for.
#pragma once

#include <string>
#include <variant>

namespace llp::illp {

// `service` is a port number or a name of services(5). When connecting, an
// empty `host` means localhost; when listening, an empty `host` means loopback
// (127.0.0.1 and ::1) and "*" every address. Hosts may be names, IPv4 or IPv6
// addresses (without brackets).
struct TcpEndpoint {
  std::string host;
  std::string service;
  bool operator==(const TcpEndpoint&) const = default;
};

// A UNIX stream socket in the file system, at most 107 bytes long.
struct UnixEndpoint {
  std::string path;
  bool operator==(const UnixEndpoint&) const = default;
};

using Endpoint = std::variant<TcpEndpoint, UnixEndpoint>;

// For messages: "localhost:5001", "[::1]:5001", "*:5001", "unix:/run/x".
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

}  // namespace llp::illp
