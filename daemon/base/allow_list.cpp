// SPDX-License-Identifier: BSD-3-Clause
#include "base/allow_list.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace llp {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;
constexpr unsigned kBits = 128;

bool is_mapped(const std::array<std::uint8_t, 16>& bytes) noexcept {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Bits behind the prefix cleared.
void cut(std::array<std::uint8_t, 16>& bytes, unsigned prefix) noexcept {
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = std::min(8U, prefix > 8 * i ? prefix - 8 * i : 0U);
    bytes.at(i) &= static_cast<std::uint8_t>(0xff00U >> kept);
  }
}

std::string address_text(const HostAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> room{};
  const int family = address.v4 ? AF_INET : AF_INET6;
  const void* bytes = address.bytes.data() + (address.v4 ? kMapped.size() : 0);
  return ::inet_ntop(family, bytes, room.data(), room.size()) != nullptr ? room.data() : "";
}

std::string network_text(const HostAddress& address, unsigned prefix) {
  return fmt::format("{}/{}", address_text(address), address.v4 ? prefix - kMappedBits : prefix);
}

std::optional<HostAddress> address_from(const std::string& text) {
  HostAddress address;
  if (::inet_pton(AF_INET, text.c_str(), address.bytes.data() + kMapped.size()) == 1) {
    std::ranges::copy(kMapped, address.bytes.begin());
    address.v4 = true;
    return address;
  }
  if (::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

}  // namespace

bool host_address(const sockaddr_storage& from, HostAddress& to) noexcept {
  if (from.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    std::ranges::copy(kMapped, to.bytes.begin());
    std::memcpy(to.bytes.data() + kMapped.size(), &v4.sin_addr, sizeof v4.sin_addr);
    to.v4 = true;
    return true;
  }
  if (from.ss_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &from, sizeof v6);
  std::memcpy(to.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  to.v4 = is_mapped(to.bytes);
  return true;
}

HostAddress host_group(const HostAddress& address) noexcept {
  HostAddress group = address;
  if (!group.v4) cut(group.bytes, 64);
  return group;
}

bool is_loopback(const HostAddress& address) noexcept {
  if (address.v4) return address.bytes[kMapped.size()] == 127;
  HostAddress one;
  one.bytes.back() = 1;
  return address == one;
}

Result<AllowList::Network> AllowList::parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = address_from(std::string(text.substr(0, slash)));
  if (!address) {
    return fail(Errc::invalid,
                fmt::format("'{}' is no network; write an address or ADDRESS/BITS, such as 192.0.2.0/24 or "
                            "2001:db8::/32",
                            text));
  }
  Network network{*address, kBits};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const unsigned most = address->v4 ? 32 : kBits;
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || bits > most) {
      return fail(Errc::invalid, fmt::format("'{}': a network of this kind has 0 to {} bits", text, most));
    }
    network.prefix = address->v4 ? bits + kMappedBits : bits;
  }
  // ::ffff:192.0.2.0/120 is a way to write 192.0.2.0/24.
  if (!network.address.v4 && network.prefix >= kMappedBits) {
    network.address.v4 = is_mapped(network.address.bytes);
  }
  HostAddress base = network.address;
  cut(base.bytes, network.prefix);
  if (base != network.address) {
    return fail(Errc::invalid, fmt::format("'{}' has bits behind its prefix; the network is {}", text,
                                           network_text(base, network.prefix)));
  }
  return network;
}

Result<AllowList> AllowList::parse(std::string_view text) {
  AllowList list;
  if (trimmed(text) == "any") return list;
  for (;;) {
    const std::size_t comma = text.find(',');
    auto network = parse_network(trimmed(text.substr(0, comma)));
    if (!network) return std::unexpected(std::move(network.error()));
    list.networks_.push_back(*network);
    if (comma == std::string_view::npos) return list;
    text.remove_prefix(comma + 1);
  }
}

bool AllowList::allows(const sockaddr_storage& peer) const noexcept {
  HostAddress address;
  if (networks_.empty() || !host_address(peer, address))
    return networks_.empty() || peer.ss_family == AF_UNIX;
  return std::ranges::any_of(networks_, [&address](const Network& network) {
    HostAddress base = address;
    cut(base.bytes, network.prefix);
    return base == network.address;
  });
}

std::string AllowList::text() const {
  if (networks_.empty()) return "any";
  std::string text;
  for (const Network& network : networks_) {
    if (!text.empty()) text += ',';
    text += network_text(network.address, network.prefix);
  }
  return text;
}

}  // namespace llp
