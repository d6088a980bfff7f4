// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/addresses_check.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "illp/listener.hpp"
#include "illp/net.hpp"

namespace llp::cmd {

namespace {

struct Found {
  int error = 0;  // EAI_*
  std::vector<illp::Address> addresses;
};

Found look_up(const std::string& host, const std::string& service, bool passive) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  addrinfo* list = nullptr;
  Found found;
  found.error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  for (const addrinfo* a = found.error == 0 ? list : nullptr; a != nullptr; a = a->ai_next) {
    illp::Address address;
    if (a->ai_addrlen > sizeof address.storage) continue;
    address.length = a->ai_addrlen;
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    found.addresses.push_back(address);
  }
  return found;
}

class Checker {
 public:
  Checker(WorkerPool& pool, std::chrono::milliseconds patience, const Logger& log)
      : pool_(pool), patience_(patience), log_(log) {}

  // Nothing: the name service does not say.
  std::optional<Found> ask(const std::string& host, const std::string& service, bool passive) {
    auto promise = std::make_shared<std::promise<Found>>();
    auto answer = promise->get_future();
    pool_.post([promise, host, service, passive] {
      try {
        promise->set_value(look_up(host, service, passive));
      } catch (...) {
        promise->set_exception(std::current_exception());
      }
    });
    if (answer.wait_for(patience_) != std::future_status::ready) return std::nullopt;
    Found found = answer.get();
    if (found.error == EAI_AGAIN) return std::nullopt;
    return found;
  }

  // The addresses; none if the name service does not say. Without a host, or
  // with "*", those of the service alone.
  Result<std::vector<illp::Address>> tcp(const std::string& host, const std::string& service, bool passive) {
    // The service by itself first: one error code says either.
    auto known = ask("", service, true);
    if (known && known->error != 0) {
      return fail(Errc::not_found,
                  "unknown service '" + service + "' (neither a port number nor a name of services(5))");
    }
    std::optional<Found> found = host.empty() || host == "*" ? std::move(known) : ask(host, service, passive);
    if (!found) {
      log_.warning("'{}': the name service does not answer now", host.empty() ? service : host);
      return std::vector<illp::Address>{};
    }
    if (found->error != 0) return fail(Errc::not_found, "unknown host '" + host + "'");
    return std::move(found->addresses);
  }

  Result<void> connects(const std::string& host, const std::string& service) {
    auto found = tcp(host, service, false);
    if (!found) return std::unexpected(std::move(found.error()));
    return {};
  }

  // Never listens: who comes early is to find nobody, not one who is about to go.
  Result<void> dist(const illp::Endpoint& endpoint, const illp::Options& options) {
    if (const auto* local = std::get_if<illp::UnixEndpoint>(&endpoint)) {
      return illp::can_bind_local(local->path, options);
    }
    const auto& address = std::get<illp::TcpEndpoint>(endpoint);
    auto found = tcp(address.host, address.service, true);
    if (!found) return std::unexpected(std::move(found.error()));
    if (found->empty()) return {};
    auto sockets = illp::bind_all(address, *found, options, std::nullopt);
    if (!sockets) return std::unexpected(std::move(sockets.error()));
    return {};
  }

 private:
  WorkerPool& pool_;
  std::chrono::milliseconds patience_;
  const Logger& log_;
};

}  // namespace

Result<void> check_addresses(const core::LineConfig& config, WorkerPool& pool,
                             std::chrono::milliseconds patience, const Logger& log) {
  Checker checker(pool, patience, log);
  if (const auto* line = std::get_if<io::TcpConnect>(&config.port)) {
    if (auto done = checker.connects(line->host, line->service); !done) return done;
  }
  if (const auto* line = std::get_if<io::TcpListen>(&config.port)) {
    if (auto found = checker.tcp(line->bind, line->service, true); !found)
      return std::unexpected(found.error());
  }
  for (const illp::Endpoint& to : config.to) {
    const auto* tcp = std::get_if<illp::TcpEndpoint>(&to);
    if (tcp == nullptr) continue;
    if (auto done = checker.connects(tcp->host, tcp->service); !done) return done;
  }
  if (config.dist) return checker.dist(*config.dist, config.illp);
  return {};
}

}  // namespace llp::cmd
