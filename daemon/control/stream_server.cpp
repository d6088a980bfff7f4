// SPDX-License-Identifier: BSD-3-Clause
#include "control/stream_server.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <exception>
#include <list>
#include <string>
#include <utility>
#include <variant>

#include "base/as_tuple.hpp"
#include "base/log_limit.hpp"

namespace llp::control {

namespace {

constexpr int kBacklog = 16;
// After accept() failed for want of descriptors.
constexpr auto kRest = std::chrono::milliseconds(100);

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

Result<std::vector<illp::Address>> look_up(const illp::TcpEndpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const bool named = !endpoint.host.empty() && endpoint.host != "*";
  const int error =
      ::getaddrinfo(named ? endpoint.host.c_str() : nullptr, endpoint.service.c_str(), &hints, &list);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  if (error != 0) {
    return fail(Errc::not_found,
                fmt::format("{}: {}", illp::to_string(illp::Endpoint(endpoint)), ::gai_strerror(error)));
  }
  std::vector<illp::Address> found;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    illp::Address address;
    if (a->ai_addrlen > sizeof address.storage) continue;
    address.length = a->ai_addrlen;
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    found.push_back(address);
  }
  return found;
}

}  // namespace

struct StreamServer::Impl : std::enable_shared_from_this<Impl> {
  struct Listening {
    Listening(const asio::any_io_executor& executor, illp::ListenSocket s)
        : socket(std::move(s)), acceptor(executor), rest(executor) {}
    illp::ListenSocket socket;
    Acceptor acceptor;
    asio::steady_timer rest;
  };

  Impl(asio::any_io_executor e, std::size_t max, Handler h, Logger l)
      : executor(std::move(e)), max_connections(max), handler(std::move(h)), log(std::move(l)) {}

  Result<void> add(illp::ListenSocket socket) {
    auto listening = std::make_shared<Listening>(executor, std::move(socket));
    UniqueFd fd = listening->socket.take_fd();
    asio::error_code error;
    const int family =
        listening->socket.path().empty() ? listening->socket.address().get()->sa_family : AF_UNIX;
    listening->acceptor.assign(asio::generic::stream_protocol(family, 0), fd.get(), error);
    if (error) return fail_errno("cannot listen", error.value());
    static_cast<void>(fd.release());
    all.push_back(listening);
    asio::co_spawn(executor, accept(shared_from_this(), std::move(listening)), asio::detached);
    return {};
  }

  static asio::awaitable<void> accept(std::shared_ptr<Impl> self, std::shared_ptr<Listening> listening) {
    for (;;) {
      auto socket = std::make_shared<Socket>(self->executor);
      auto [error] = co_await listening->acceptor.async_accept(*socket, kTuple);
      if (self->stopped) break;
      if (error) {
        self->log.debug("accept: {}", error.message());
        listening->rest.expires_after(kRest);
        co_await listening->rest.async_wait(kTuple);
        continue;
      }
      if (!self->allowed(*socket)) continue;
      if (self->open.size() >= self->max_connections) {
        self->log.warning("{} connections are open already: another one is refused", self->open.size());
        continue;
      }
      // Not armed, as sockets of applications are: a close is no reset.
      asio::error_code unable;
      socket->set_option(asio::socket_base::linger(false, 0), unable);
      const auto place = self->open.insert(self->open.end(), socket);
      // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): no coroutine
      asio::co_spawn(self->executor, self->handler(socket), [self, place](const std::exception_ptr& fault) {
        asio::error_code ignored;
        (*place)->close(ignored);
        self->open.erase(place);
        try {
          if (fault) std::rethrow_exception(fault);
        } catch (const std::exception& e) {
          self->log.error("fault: {}", e.what());
        }
      });
    }
  }

  // The socket is armed: closing it is a reset.
  bool allowed(Socket& socket) {
    illp::Address peer;
    peer.length = sizeof peer.storage;
    // NOLINTNEXTLINE: the socket interface's own idiom
    auto* storage = reinterpret_cast<sockaddr*>(&peer.storage);
    // Who has gone already is nobody.
    if (::getpeername(socket.native_handle(), storage, &peer.length) != 0) return allow.any();
    if (allow.allows(peer.storage)) return true;
    ++*refused;
    if (const auto silent = refused_log.happened()) {
      log.warning("{}: refused: metrics_allow does not have this address{}", peer.text(), and_more(*silent));
    }
    return false;
  }

  void stop() noexcept {
    stopped = true;
    asio::error_code ignored;
    for (const auto& listening : all) {
      listening->acceptor.close(ignored);
      listening->rest.cancel();
      listening->socket.remove_file();
    }
    all.clear();
    for (const auto& socket : open) socket->close(ignored);
  }

  asio::any_io_executor executor;
  std::size_t max_connections;
  Handler handler;
  Logger log;
  std::vector<std::shared_ptr<Listening>> all;
  std::list<std::shared_ptr<Socket>> open;
  AllowList allow;
  LogLimit refused_log;
  std::shared_ptr<std::uint64_t> refused = std::make_shared<std::uint64_t>(0);
  bool stopped = false;
};

StreamServer::StreamServer(asio::any_io_executor executor, std::size_t max_connections, Handler handler,
                           Logger log)
    : impl_(
          std::make_shared<Impl>(std::move(executor), max_connections, std::move(handler), std::move(log))) {}

StreamServer::~StreamServer() { stop(); }

Result<void> StreamServer::listen(const illp::Endpoint& endpoint, unsigned mode, AllowList allow) {
  impl_->allow = std::move(allow);
  const illp::Options options;
  if (const auto* local = std::get_if<illp::UnixEndpoint>(&endpoint)) {
    auto socket = illp::ListenSocket::bind_local(local->path, mode, options, kBacklog);
    if (!socket) return std::unexpected(std::move(socket.error()));
    return impl_->add(std::move(*socket));
  }
  const auto& tcp = std::get<illp::TcpEndpoint>(endpoint);
  auto found = look_up(tcp);
  if (!found) return std::unexpected(std::move(found.error()));
  auto sockets = illp::bind_all(tcp, *found, options, kBacklog);
  if (!sockets) return std::unexpected(std::move(sockets.error()));
  for (illp::ListenSocket& socket : *sockets) {
    if (auto added = impl_->add(std::move(socket)); !added) return added;
  }
  return {};
}

unsigned StreamServer::port() const noexcept {
  if (impl_->all.empty() || !impl_->all.front()->socket.path().empty()) return 0;
  return impl_->all.front()->socket.address().port();
}

std::size_t StreamServer::connections() const noexcept { return impl_->open.size(); }
std::shared_ptr<const std::uint64_t> StreamServer::refused() const noexcept { return impl_->refused; }
void StreamServer::stop() noexcept { impl_->stop(); }

}  // namespace llp::control
