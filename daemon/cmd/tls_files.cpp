// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/tls_files.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "tls/context.hpp"

namespace llp::cmd {

namespace {

// As long before its end a certificate is spoken of.
constexpr auto kNotice = std::chrono::days(30);

const char* option_of(tls::Part part) {
  switch (part) {
    case tls::Part::certificate: return "tls_certificate";
    case tls::Part::key: return "tls_key";
    case tls::Part::authorities: return "tls_authorities";
    case tls::Part::revoked: return "tls_revoked";
  }
  return "tls_for";
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items;
  for (std::size_t from = 0; from < list.size();) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    items.push_back(list.substr(from, comma - from));
    from = comma + 1;
  }
  return items;
}

auto key_of(const core::TlsConfig& tls) {
  return std::tuple(tls.certificate, tls.key, tls.authorities, tls.revoked, tls.names, tls.server_name,
                    tls.clients);
}

}  // namespace

TlsLoaded load_tls(std::vector<core::LineConfig>& lines, std::chrono::system_clock::time_point now) {
  TlsLoaded result;
  std::map<decltype(key_of(core::TlsConfig{})), std::shared_ptr<tls::Context>> made;
  for (core::LineConfig& line : lines) {
    const core::TlsConfig& tls = line.tls;
    if (tls.use == core::TlsFor::none) continue;
    auto [place, is_new] = made.try_emplace(key_of(tls));
    if (is_new) {
      auto loaded =
          tls::Context::load({tls.certificate, tls.key, tls.authorities, tls.revoked, split(tls.names),
                              tls.server_name, tls.clients == core::TlsClients::required});
      if (!loaded) {
        Error error = std::move(loaded.error().error);
        const auto where = tls.where.find(option_of(loaded.error().part));
        error.message.insert(0, (where == tls.where.end() ? line.name : where->second) + ": ");
        result.errors.push_back(std::move(error));
        continue;
      }
      place->second = std::move(*loaded);
      const auto end = place->second->expires();
      if (end && *end < now + kNotice) {
        const std::time_t time = std::chrono::system_clock::to_time_t(*end);
        result.notices.push_back(fmt::format("{}: {}: the certificate {} on {:%Y-%m-%d}", line.name,
                                             tls.certificate, *end < now ? "has ended" : "ends",
                                             fmt::gmtime(time)));
      }
    }
    line.security = place->second;
  }
  return result;
}

}  // namespace llp::cmd
