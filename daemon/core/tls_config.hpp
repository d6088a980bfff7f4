// SPDX-License-Identifier: BSD-3-Clause
// How a line's connections with applications are secured, as it was written.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace llp::core {

enum class TlsFor : std::uint8_t { none, to, dist, both };
enum class TlsClients : std::uint8_t { required, any };

struct TlsConfig {
  TlsFor use = TlsFor::none;
  // PEM files, absolute; what needs which: llpd.toml(5).
  std::string certificate, key, authorities, revoked;
  std::string names;        // of clients, separated by commas; empty: any that an authority signed
  std::string server_name;  // instead of the host's in `to`
  TlsClients clients = TlsClients::required;
  std::map<std::string, std::string> where;  // an option's name: where it was said, for errors

  [[nodiscard]] bool for_to() const noexcept { return use == TlsFor::to || use == TlsFor::both; }
  [[nodiscard]] bool for_dist() const noexcept { return use == TlsFor::dist || use == TlsFor::both; }
};

}  // namespace llp::core
