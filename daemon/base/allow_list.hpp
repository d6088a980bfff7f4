// SPDX-License-Identifier: BSD-3-Clause
// Who may call: networks in CIDR notation (RFC 4632, RFC 4291 section 2.3).
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace llp {

// An address as lists and limits compare it: IPv4 as IPv4-mapped IPv6 address,
// so that a caller is the same on a socket of either family.
struct HostAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool v4 = false;
  friend auto operator<=>(const HostAddress&, const HostAddress&) = default;
};

// Nothing for a family that has no addresses (UNIX sockets).
[[nodiscard]] bool host_address(const sockaddr_storage& from, HostAddress& to) noexcept;

// What one host can call from: the address, or of IPv6 the network of 64 bits,
// within which a host takes any address that it likes.
[[nodiscard]] HostAddress host_group(const HostAddress& address) noexcept;

// Of this machine: 127.0.0.0/8, or ::1.
[[nodiscard]] bool is_loopback(const HostAddress& address) noexcept;

class AllowList {
 public:
  // Networks and addresses, separated by commas: "192.0.2.0/24,2001:db8::/32,
  // 198.51.100.7"; "any" alone: everybody. Errc::invalid, a clause that quotes
  // what is wrong: a network with bits behind its prefix is an error, too.
  [[nodiscard]] static Result<AllowList> parse(std::string_view text);

  // Everybody, if no network was given; callers on UNIX sockets always. An IPv6
  // network never holds an IPv4 caller, unless it is IPv4-mapped.
  [[nodiscard]] bool allows(const sockaddr_storage& peer) const noexcept;
  [[nodiscard]] bool any() const noexcept { return networks_.empty(); }
  // As parse() takes it.
  [[nodiscard]] std::string text() const;

 private:
  struct Network {
    HostAddress address;
    unsigned prefix = 0;  // of the 128 bits
  };
  [[nodiscard]] static Result<Network> parse_network(std::string_view text);
  std::vector<Network> networks_;
};

}  // namespace llp
