// SPDX-License-Identifier: BSD-3-Clause
#include <poll.h>

#include <utility>

#include "illp/server.hpp"

namespace llp::illp {

struct ServerTransaction::Impl {
  Impl(Connection c, Bytes r, Options o, Logger l)
      : connection(std::move(c)), request(std::move(r)), options(std::move(o)), log(std::move(l)) {}

  Connection connection;
  Bytes request;
  Options options;
  Logger log;
  bool ended = false;
  bool gone = false;

  std::unexpected<Error> over() const {
    if (gone) return fail(Errc::reset, connection.peer() + ": the client is gone");
    return fail(Errc::cancelled, connection.peer() + ": the transaction has ended");
  }

  std::unexpected<Error> lost(Error error) {
    gone = true;
    ended = true;
    connection.abort();
    return std::unexpected(std::move(error));
  }

  // True once the client is known to be gone; ends the transaction then.
  bool find_gone() {
    if (ended) return gone;
    if (!connection.peer_gone()) return false;
    gone = true;
    ended = true;
    connection.abort();
    return true;
  }

  std::unexpected<Error> send_failed(Error error) {
    if (ended) return over();  // by abort() meanwhile
    if (error.code == Errc::reset) return lost(std::move(error));
    ended = true;
    connection.abort();
    return std::unexpected(std::move(error));
  }

  asio::awaitable<Result<void>> write(std::span<const std::uint8_t> part) {
    auto deadline = deadline_after(options.idle_timeout);
    while (!part.empty()) {
      if (find_gone() || ended) co_return over();
      auto n = connection.try_send(part);
      if (!n) co_return send_failed(std::move(n.error()));
      if (*n > 0) {
        part = part.subspan(*n);
        deadline = deadline_after(options.idle_timeout);
        continue;
      }
      const short ready = co_await connection.wait(POLLOUT, deadline);
      if (ready == 0) {
        co_return send_failed({Errc::timeout, connection.peer() + ": takes no more of the reply"});
      }
    }
    if (find_gone() || ended) co_return over();
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> restart() {
    if (find_gone() || ended) co_return over();
    if (!uses_urgent(connection, options)) {
      ended = true;
      connection.abort();
      co_return fail(Errc::cancelled,
                     connection.peer() + ": a reply cannot be restarted with oob=none, nor with TLS");
    }
    auto done = co_await connection.send_urgent(Urgent::stx, deadline_after(options.idle_timeout));
    if (!done) co_return send_failed(std::move(done.error()));
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> finish() {
    if (find_gone() || ended) co_return over();
    auto closed = co_await connection.end_sending(deadline_after(options.idle_timeout));
    if (!closed) co_return send_failed(std::move(closed.error()));
    if (auto disarmed = connection.disarm(); !disarmed) co_return send_failed(std::move(disarmed.error()));
    // A reset that came before the disarming shows now: the reply never arrives.
    if (connection.peer_gone()) {
      co_return lost({Errc::reset, connection.peer() + ": the client was gone when the reply was complete"});
    }
    ended = true;
    connection.close();
    co_return Result<void>{};
  }
};

ServerTransaction::ServerTransaction(Connection connection, Bytes request, Options options, Logger log)
    : impl_(std::make_shared<Impl>(std::move(connection), std::move(request), std::move(options),
                                   std::move(log))) {}

ServerTransaction::~ServerTransaction() { abort(); }

std::span<const std::uint8_t> ServerTransaction::request() const noexcept { return impl_->request; }
Bytes ServerTransaction::take_request() noexcept { return std::exchange(impl_->request, {}); }
const std::string& ServerTransaction::peer() const noexcept { return impl_->connection.peer(); }

asio::awaitable<Result<void>> ServerTransaction::write(std::span<const std::uint8_t> part) {
  return impl_->write(part);
}

asio::awaitable<Result<void>> ServerTransaction::restart() { return impl_->restart(); }

asio::awaitable<Result<void>> ServerTransaction::finish() { return impl_->finish(); }

asio::awaitable<Result<void>> ServerTransaction::reply(std::span<const std::uint8_t> bytes) {
  auto written = co_await impl_->write(bytes);
  if (!written) co_return written;
  co_return co_await impl_->finish();
}

asio::awaitable<void> ServerTransaction::cancel(std::string reason) {
  if (impl_->ended) co_return;
  impl_->ended = true;
  impl_->log.info("{}: cancelled: {}", peer(), reason);
  impl_->connection.interrupt();  // a write() under way ends before the CAN! goes out
  co_await cancel_connection(impl_->connection, impl_->options);
}

void ServerTransaction::abort() noexcept {
  impl_->ended = true;
  impl_->connection.abort();
}

bool ServerTransaction::client_gone() const noexcept {
  return impl_->ended ? impl_->gone : impl_->connection.peer_gone();
}

asio::awaitable<bool> ServerTransaction::wait_gone() {
  // On its own feet: the transaction may be destroyed while this waits.
  const auto impl = impl_;
  while (!impl->find_gone()) {
    if (impl->ended) co_return false;
    co_await impl->connection.wait(0, kNever);
  }
  co_return true;
}

bool ServerTransaction::ended() const noexcept { return impl_->ended; }

}  // namespace llp::illp
