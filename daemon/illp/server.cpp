// SPDX-License-Identifier: BSD-3-Clause
#include "illp/server.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <map>
#include <optional>
#include <utility>

#include "base/log_limit.hpp"
#include "illp/check.hpp"
#include "illp/listener.hpp"
#include "illp/net.hpp"
#include "illp/wire.hpp"

namespace llp::illp {

namespace {

constexpr std::size_t kChunk = 65536;

// One endpoint's socket being listened on.
struct Listening {
  Listening(asio::any_io_executor executor, ListenSocket s)
      : socket(std::move(s)), pollable(std::move(executor), socket.take_fd()) {}
  ListenSocket socket;
  Pollable pollable;
};

// accept() failures that concern the one connection only, or nothing (accept(2)).
bool passing(int err) noexcept {
  switch (err) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH: return true;
    default: return false;
  }
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor e, ServerOptions o, Handler h, Logger l)
      : executor(std::move(e)),
        options(std::move(o)),
        handler(std::move(h)),
        log(std::move(l)),
        gate(executor, kNever) {}

  asio::any_io_executor executor;
  ServerOptions options;
  Handler handler;
  Logger log;
  asio::steady_timer gate;  // cancelled when a refusal ends or the server stops
  std::vector<std::shared_ptr<Listening>> listening;
  std::vector<std::uint16_t> ports;
  std::vector<Connection*> early;              // those without a complete request: reset by stop()
  std::map<HostAddress, std::size_t> callers;  // connections served, by host_group()
  std::size_t active = 0;
  std::size_t refusing = 0;
  std::size_t total_bytes = 0;
  bool stopped = false;
  bool full_logged = false;
  bool starved_logged = false;
  LogLimit not_allowed_log;
  LogLimit address_log;
  LogLimit untrusted_log;
  ServerCounters counters;

  // Counts one connection, in `count`, and at its caller's if it has one.
  class Place {
   public:
    Place(std::shared_ptr<Impl> impl, std::size_t Impl::* count, std::optional<HostAddress> caller = {})
        : impl_(std::move(impl)), count_(count), caller_(caller) {
      if (caller_) ++impl_->callers[*caller_];
      ++((*impl_).*count_);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      --((*impl_).*count_);
      if (caller_) {
        const auto at = impl_->callers.find(*caller_);
        if (--at->second == 0) impl_->callers.erase(at);
      }
      impl_->total_bytes -= held_;
      impl_->full_logged = impl_->full_logged && impl_->active >= impl_->options.max_connections;
      impl_->gate.cancel();
    }
    // False if the server's bound on bytes does not allow it.
    [[nodiscard]] bool hold(std::size_t bytes) noexcept {
      if (bytes > impl_->options.max_total_bytes - impl_->total_bytes) return false;
      held_ += bytes;
      impl_->total_bytes += bytes;
      return true;
    }
    void release_bytes() noexcept { impl_->total_bytes -= std::exchange(held_, 0); }

   private:
    std::shared_ptr<Impl> impl_;
    std::size_t Impl::* count_;
    std::optional<HostAddress> caller_;
    std::size_t held_ = 0;
  };

  class Early {
   public:
    Early(Impl& impl, Connection& connection) : impl_(impl), connection_(&connection) {
      impl_.early.push_back(connection_);
    }
    Early(const Early&) = delete;
    Early& operator=(const Early&) = delete;
    ~Early() { std::erase(impl_.early, connection_); }

   private:
    Impl& impl_;
    Connection* connection_;
  };

  // What became of the reading of a request.
  struct Collected {
    enum class End : std::uint8_t { whole, empty, refuse, drop } end = End::drop;
    std::string reason;
  };

  static Collected drop_after(Impl& impl, const Error& error, bool too_slow) {
    if (error.code == Errc::timeout) {
      ++impl.counters.idle;
      return {Collected::End::refuse,
              too_slow ? "the request takes too long" : "no byte of the request for too long"};
    }
    ++impl.counters.reset;
    return {Collected::End::drop, error.message};
  }

  // Nothing: it may go on.
  static asio::awaitable<std::optional<Collected>> secure(std::shared_ptr<Impl> impl,
                                                          Connection& connection) {
    const Options& limits = impl->options.illp;
    const auto opened = co_await connection.open(deadline_after(limits.connect_timeout), limits.drain_time);
    if (opened) co_return std::nullopt;
    // A call that stop() has ended is no one's fault.
    if (opened.error().code != Errc::cancelled) {
      ++impl->counters.untrusted;
      impl->note_refused();
      if (const auto silent = impl->untrusted_log.happened()) {
        impl->log.warning("{}{}", opened.error().message, and_more(*silent));
      }
    }
    co_return Collected{Collected::End::drop, opened.error().message};
  }

  static asio::awaitable<Collected> collect(std::shared_ptr<Impl> impl, Connection& connection, Place& place,
                                            Bytes& request) {
    const Early early(*impl, connection);
    const Options& limits = impl->options.illp;
    const auto end = deadline_after(impl->options.request_timeout);
    if (auto failed = co_await secure(impl, connection)) co_return std::move(*failed);
    Bytes chunk(kChunk);
    for (;;) {
      auto event = co_await connection.read(chunk, std::min(end, deadline_after(limits.idle_timeout)));
      // Who always has something to read for us is asked for the time as well.
      const bool too_slow = Clock::now() >= end;
      if (event && too_slow && event->kind != Input::end) event = fail(Errc::timeout, connection.peer());
      if (!event) co_return drop_after(*impl, event.error(), too_slow);
      if (event->kind == Input::end) break;
      if (event->kind == Input::cancel) {
        ++impl->counters.cancelled;
        co_return Collected{Collected::End::drop, connection.peer() + ": cancelled by the client (CAN)"};
      }
      if (event->kind == Input::restart) {
        request.clear();
        place.release_bytes();
        continue;
      }
      if (request.size() + event->size > limits.max_message) {
        ++impl->counters.oversize;
        co_return Collected{Collected::End::refuse,
                            fmt::format("request exceeds {} bytes ({} received)", limits.max_message,
                                        request.size() + event->size)};
      }
      if (!place.hold(event->size)) {
        ++impl->counters.oversize;
        co_return Collected{Collected::End::refuse,
                            fmt::format("{} bytes of requests are in hand, at most {} are allowed",
                                        impl->total_bytes, impl->options.max_total_bytes)};
      }
      request.insert(request.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(event->size));
    }
    if (request.empty()) {
      ++impl->counters.empty;
      co_return Collected{Collected::End::empty, connection.peer() + ": empty request"};
    }
    if (auto sound = check_request(limits.check, request); !sound) {
      ++impl->counters.malformed;
      co_return Collected{Collected::End::refuse,
                          fmt::format("request of {} bytes: {}", request.size(), sound.error().message)};
    }
    co_return Collected{Collected::End::whole, {}};
  }

  static asio::awaitable<void> refuse(std::shared_ptr<Impl> impl, Connection& connection) {
    const Early early(*impl, connection);
    co_await cancel_connection(connection, impl->options.illp);
  }

  static asio::awaitable<void> work(std::shared_ptr<Impl> impl, Connection connection, Bytes request) {
    ++impl->counters.requests;
    const auto transaction = std::make_shared<ServerTransaction>(std::move(connection), std::move(request),
                                                                 impl->options.illp, impl->log);
    std::string failure = "ended without a reply";
    try {
      co_await impl->handler(transaction);
    } catch (const std::exception& e) {
      failure = e.what();
      impl->log.error("{}: {}", transaction->peer(), failure);
    }
    if (!transaction->ended()) co_await transaction->cancel(std::move(failure));
  }

  static asio::awaitable<void> serve(std::shared_ptr<Impl> impl, std::shared_ptr<Connection> connection,
                                     std::shared_ptr<Place> place) {
    Bytes request;
    const Collected collected = co_await collect(impl, *connection, *place, request);
    const bool cut = collected.end == Collected::End::drop;
    if ((cut && !request.empty()) || collected.end == Collected::End::refuse) {
      if (impl->options.on_unserved)
        impl->options.on_unserved(connection->peer(), request.size(), collected.reason, cut);
    }
    switch (collected.end) {
      case Collected::End::whole: co_await work(impl, std::move(*connection), std::move(request)); break;
      case Collected::End::empty:
        impl->log.info("{}", collected.reason);
        {
          const auto ended =
              co_await connection->end_sending(deadline_after(impl->options.illp.idle_timeout));
          if (ended && connection->disarm()) connection->close();
        }
        break;
      case Collected::End::refuse:
        impl->log.warning("{}: refused: {}", connection->peer(), collected.reason);
        request = Bytes{};
        place->release_bytes();
        co_await refuse(impl, *connection);
        break;
      case Collected::End::drop:
        impl->log.info("{}", collected.reason);
        connection->abort();
        break;
    }
  }

  static asio::awaitable<void> turn_away(std::shared_ptr<Impl> impl, std::shared_ptr<Connection> connection,
                                         std::shared_ptr<Place> place) {
    (void)place;
    co_await refuse(impl, *connection);
  }

  void start(asio::awaitable<void> task) {
    asio::co_spawn(executor, std::move(task), [self = shared_from_this()](const std::exception_ptr& failure) {
      if (!failure) return;
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        self->log.error("connection ended by an error: {}", e.what());
      }
    });
  }

  void note_refused() const {
    if (options.on_refused) options.on_refused();
  }

  // The socket is armed: closing it is a reset.
  bool allowed(const Address& address) {
    if (options.allow.allows(address.storage)) return true;
    ++counters.not_allowed;
    if (const auto silent = not_allowed_log.happened()) {
      log.warning("{}: refused: allow does not have this address{}", address.text(), and_more(*silent));
    }
    note_refused();
    return false;
  }

  // True if its address has all the places that it may have.
  bool address_full(const std::optional<HostAddress>& caller, const std::string& peer) {
    if (!caller || options.max_per_address == 0) return false;
    const auto at = callers.find(*caller);
    if (at == callers.end() || at->second < options.max_per_address) return false;
    ++counters.refused_address;
    if (const auto silent = address_log.happened()) {
      log.warning("{}: refused: {} connections of this address are being served, at most {} are allowed{}",
                  peer, at->second, options.max_per_address, and_more(*silent));
    }
    note_refused();
    return true;
  }

  void take(UniqueFd fd, const Address& address, const std::string& path) {
    ++counters.accepted;
    if (!allowed(address)) return;
    if (auto set = set_socket_options(fd.get(), address.transport, options.illp); !set) {
      log.warning("{}: {}", address.text(), set.error().message);
      return;
    }
    std::string peer = peer_text(fd.get(), address, path);
    std::unique_ptr<Wire> wire;
    if (options.illp.security && address.transport == Transport::tcp) {
      auto secured = options.illp.security->accepted(fd.get());
      if (!secured) return log.error("{}: {}", peer, secured.error().message);
      wire = std::move(*secured);
    }
    auto connection = std::make_shared<Connection>(executor, std::move(fd), address.transport,
                                                   std::move(peer), std::move(wire));
    const auto self = shared_from_this();
    std::optional<HostAddress> caller;
    if (HostAddress host; host_address(address.storage, host)) {
      if (!options.spare_loopback || !is_loopback(host)) caller = host_group(host);
    }
    if (!address_full(caller, connection->peer())) {
      if (active < options.max_connections) {
        start(serve(self, std::move(connection), std::make_shared<Place>(self, &Impl::active, caller)));
        return;
      }
      ++counters.refused_full;
      if (!std::exchange(full_logged, true)) {
        log.warning("{}: refused: {} connections are being served, at most {} are allowed",
                    connection->peer(), active, options.max_connections);
      }
    }
    start(turn_away(self, std::move(connection), std::make_shared<Place>(self, &Impl::refusing)));
  }

  // One accept(): the error number, EAGAIN when there is nobody, 0 when taken.
  int accept_one(Listening& at) {
    Address address;
    address.transport = at.socket.address().transport;
    address.length = sizeof address.storage;
    // NOLINTNEXTLINE: the socket interface's own idiom
    auto* storage = reinterpret_cast<sockaddr*>(&address.storage);
    UniqueFd fd(::accept4(at.pollable.fd(), storage, &address.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return errno;
    starved_logged = false;
    try {
      take(std::move(fd), address, at.socket.local_path());
    } catch (const std::exception& e) {
      log.error("{}: cannot serve a connection: {}", at.socket.address().text(), e.what());
    }
    return 0;
  }

  static asio::awaitable<void> accept_loop(std::shared_ptr<Impl> impl, std::shared_ptr<Listening> at) {
    using asio::experimental::as_tuple;
    asio::steady_timer rest(impl->executor);
    while (!impl->stopped) {
      if (impl->refusing >= impl->options.max_connections) {
        co_await impl->gate.async_wait(as_tuple(asio::use_awaitable));
        continue;
      }
      const int err = impl->accept_one(*at);
      if (err == 0 || passing(err)) continue;
      if (err == EAGAIN) {
        co_await at->pollable.wait(POLLIN, kNever);
        continue;
      }
      // No descriptors or no memory: those who call wait in the kernel's queue.
      ++impl->counters.accept_failures;
      if (!std::exchange(impl->starved_logged, true)) {
        impl->log.error("{}",
                        sys_error(at->socket.address().text() + ": cannot accept connections", err).message);
      }
      rest.expires_after(impl->options.accept_pause);
      co_await rest.async_wait(as_tuple(asio::use_awaitable));
    }
  }

  Result<void> check() const {
    if (options.max_connections == 0) return fail(Errc::invalid, "max_connections must be at least 1");
    return options.illp.validate();
  }

  Result<void> add(std::vector<ListenSocket> sockets) {
    ports.push_back(sockets.front().address().port());
    for (ListenSocket& socket : sockets) {
      try {
        listening.push_back(std::make_shared<Listening>(executor, std::move(socket)));
      } catch (const std::exception& e) {
        return fail(Errc::system, e.what());
      }
      start(accept_loop(shared_from_this(), listening.back()));
    }
    return {};
  }

  static asio::awaitable<Result<void>> listen(std::shared_ptr<Impl> impl, Endpoint endpoint) {
    if (auto valid = impl->check(); !valid) co_return valid;
    const Options& options = impl->options.illp;
    if (const auto* local = std::get_if<UnixEndpoint>(&endpoint)) {
      auto socket =
          ListenSocket::bind_local(local->path, impl->options.socket_mode, options, impl->options.backlog);
      if (!socket) co_return std::unexpected(std::move(socket.error()));
      std::vector<ListenSocket> sockets;
      sockets.push_back(std::move(*socket));
      co_return impl->add(std::move(sockets));
    }
    const auto& tcp = std::get<TcpEndpoint>(endpoint);
    // Where the host is none, only the service's name is asked for.
    const bool no_name = tcp.host.empty() || tcp.host == "*";
    const TcpEndpoint asked{no_name ? "127.0.0.1" : tcp.host, tcp.service};
    auto timer = std::make_shared<asio::steady_timer>(impl->executor);
    auto found = co_await resolve(timer, asked, true, deadline_after(options.connect_timeout));
    if (!found) co_return std::unexpected(std::move(found.error()));
    auto sockets = bind_all(tcp, *found, options, impl->options.backlog);
    if (!sockets) co_return std::unexpected(std::move(sockets.error()));
    if (impl->stopped) co_return fail(Errc::cancelled, to_string(endpoint) + ": the server was stopped");
    co_return impl->add(std::move(*sockets));
  }

  void stop() noexcept {
    stopped = true;
    for (const auto& at : listening) {
      at->socket.remove_file();
      at->pollable.close();
    }
    listening.clear();
    // Aborting wakes the coroutine later, never within the call.
    for (Connection* connection : early) connection->abort();
    gate.cancel();
  }
};

Server::Server(asio::any_io_executor executor, ServerOptions options, Handler handler, Logger log)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), std::move(handler),
                                   std::move(log))) {}

Server::~Server() { stop(); }

asio::awaitable<Result<void>> Server::listen(Endpoint endpoint) {
  return Impl::listen(impl_, std::move(endpoint));
}

Result<void> Server::adopt(std::vector<ListenSocket> sockets) {
  if (auto valid = impl_->check(); !valid) return valid;
  return impl_->add(std::move(sockets));
}

std::vector<std::uint16_t> Server::ports() const { return impl_->ports; }
void Server::stop() noexcept { impl_->stop(); }
std::size_t Server::active() const noexcept { return impl_->active; }
const ServerCounters& Server::counters() const noexcept { return impl_->counters; }

}  // namespace llp::illp
