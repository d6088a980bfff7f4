// SPDX-License-Identifier: BSD-3-Clause
#include "illp/client.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "illp/check.hpp"
#include "illp/net.hpp"
#include "illp/wire.hpp"

namespace llp::illp {

namespace {

constexpr std::size_t kReplyChunk = 65536;

// Between attempts on a UNIX socket whose queue of connections is full: there
// is nothing to wait on.
constexpr auto kLocalQueueRest = std::chrono::milliseconds(20);

Outcome outcome_of(Errc code) noexcept {
  switch (code) {
    case Errc::timeout: return Outcome::timed_out;
    case Errc::cancelled: return Outcome::aborted;
    case Errc::malformed: return Outcome::malformed;
    case Errc::too_large: return Outcome::too_large;
    default: return Outcome::reset;
  }
}

// With nobody listening, a connection to a port of the ephemeral range of the
// own host can meet itself.
bool connected_to_itself(int fd) noexcept {
  Address own;
  Address peer;
  own.length = peer.length = sizeof(sockaddr_storage);
  // NOLINTBEGIN: the socket interface's own idiom
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&own.storage), &own.length) != 0) return false;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length) != 0) return false;
  // NOLINTEND
  return own.text() == peer.text();
}

}  // namespace

const char* to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::unreachable: return "unreachable";
    case Outcome::cancelled: return "cancelled";
    case Outcome::reset: return "reset";
    case Outcome::timed_out: return "timed out";
    case Outcome::malformed: return "malformed";
    case Outcome::too_large: return "too large";
    case Outcome::aborted: return "aborted";
    case Outcome::misuse: return "misuse";
  }
  return "unknown";
}

struct ClientTransaction::Impl {
  Impl(asio::any_io_executor e, Endpoint where, Options o, Logger l)
      : executor(std::move(e)),
        endpoint(std::move(where)),
        options(std::move(o)),
        log(std::move(l)),
        timer(std::make_shared<asio::steady_timer>(executor)) {}

  asio::any_io_executor executor;
  Endpoint endpoint;
  Options options;
  Logger log;
  std::shared_ptr<asio::steady_timer> timer;  // name lookups and pauses
  std::unique_ptr<Connection> connection;
  Stage stage = Stage::idle;
  std::uint64_t sent = 0;
  bool handed_over = false;
  bool looks_hl7 = false;
  std::array<std::uint8_t, 3> head{};  // first bytes of the request, for the check of the reply

  std::unexpected<Failure> misuse(const char* what) const {
    return std::unexpected(Failure{
        Outcome::misuse, {Errc::invalid, illp::to_string(endpoint) + ": " + what + " at the wrong stage"}});
  }

  std::unexpected<Failure> aborted() const {
    return std::unexpected(
        Failure{Outcome::aborted, {Errc::cancelled, illp::to_string(endpoint) + ": ended on this side"}});
  }

  // Every failure ends the transaction; the peer is left with a reset.
  std::unexpected<Failure> fail_with(Outcome outcome, Error error) {
    if (stage == Stage::done) return aborted();
    stage = Stage::done;
    if (connection) connection->abort();
    return std::unexpected(Failure{outcome, std::move(error)});
  }

  std::unexpected<Failure> fail_with(Error error) {
    const Outcome outcome = outcome_of(error.code);
    return fail_with(outcome, std::move(error));
  }

  void abort() noexcept {
    stage = Stage::done;
    timer->cancel();
    if (connection) connection->abort();
  }

  Result<void> open(const Address& address) {
    auto fd = open_socket(address, options);
    if (!fd) return std::unexpected(std::move(fd.error()));
    std::unique_ptr<Wire> wire;
    if (options.security && address.transport == Transport::tcp) {
      const std::string& host = std::get<TcpEndpoint>(endpoint).host;
      auto secured = options.security->called(fd->get(), host.empty() ? "localhost" : host);
      if (!secured) return std::unexpected(std::move(secured.error()));
      wire = std::move(*secured);
    }
    try {
      connection = std::make_unique<Connection>(executor, std::move(*fd), address.transport, address.text(),
                                                std::move(wire));
    } catch (const std::system_error& e) {
      return fail(Errc::system, address.text() + ": " + e.what());
    }
    return {};
  }

  asio::awaitable<Result<void>> connect_one(Address address) {
    if (auto opened = open(address); !opened) co_return opened;
    const int fd = connection->native_handle();
    const auto deadline = deadline_after(options.connect_timeout);
    int err = 0;
    for (;;) {
      err = ::connect(fd, address.get(), address.length) == 0 ? 0 : errno;
      if (err != EAGAIN && err != EINTR) break;
      if (Clock::now() >= deadline)
        co_return fail(Errc::timeout, address.text() + ": its queue of calls is full");
      timer->expires_after(kLocalQueueRest);
      co_await timer->async_wait(asio::experimental::as_tuple(asio::use_awaitable));
      if (stage != Stage::connecting)
        co_return fail(Errc::cancelled, address.text() + ": ended on this side");
    }
    if (err == EINPROGRESS) {
      const short ready = co_await connection->wait(POLLOUT, deadline);
      if (ready == 0) co_return fail(Errc::timeout, address.text() + ": no answer to the connection request");
      if (stage != Stage::connecting)
        co_return fail(Errc::cancelled, address.text() + ": ended on this side");
      socklen_t length = sizeof err;
      if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &length) != 0) err = errno;
    }
    if (err != 0) co_return fail_errno(address.text() + ": cannot connect", err);
    if (address.transport == Transport::tcp && connected_to_itself(fd)) {
      co_return fail(Errc::refused, address.text() + ": cannot connect: nobody listens");
    }
    co_return co_await connection->open(deadline, options.drain_time);
  }

  asio::awaitable<Result<std::vector<Address>>> addresses() {
    if (const auto* tcp = std::get_if<TcpEndpoint>(&endpoint)) {
      co_return co_await resolve(timer, *tcp, false, deadline_after(options.connect_timeout));
    }
    auto local = local_address(std::get<UnixEndpoint>(endpoint).path);
    if (!local) co_return std::unexpected(std::move(local.error()));
    if (auto usable = check_local_urgent(); !usable) co_return std::unexpected(std::move(usable.error()));
    co_return std::vector<Address>{*local};
  }

  asio::awaitable<ClientResult<void>> connect() {
    stage = Stage::connecting;
    sent = 0;
    Error last;
    for (unsigned attempt = 0; attempt < options.connect_tries; ++attempt) {
      if (attempt > 0) {
        timer->expires_after(options.connect_pause);
        co_await timer->async_wait(asio::experimental::as_tuple(asio::use_awaitable));
        if (stage != Stage::connecting) co_return aborted();
      }
      auto found = co_await addresses();
      if (stage != Stage::connecting) co_return aborted();
      if (!found) {
        last = std::move(found.error());
        if (last.code == Errc::busy || last.code == Errc::timeout) continue;
        break;  // trying again would not help
      }
      for (const Address& address : *found) {
        auto connected = co_await connect_one(address);
        if (stage != Stage::connecting) co_return aborted();
        if (connected) {
          stage = Stage::sending;
          co_return ClientResult<void>{};
        }
        last = std::move(connected.error());
        log.debug("{}", last.message);
        if (connection) connection->abort();
      }
    }
    co_return fail_with(Outcome::unreachable, std::move(last));
  }

  // What the peer says before the request is complete: only CAN! is allowed
  // (D-4). Nothing: go on.
  ClientResult<void> look_for_early_input() {
    std::array<std::uint8_t, 512> sink;  // NOLINT(cppcoreguidelines-pro-type-member-init): written by recv
    bool early = false;
    for (;;) {
      auto event = connection->try_read(sink);
      if (!event) {
        if (event.error().code == Errc::busy) break;
        if (early) break;
        return fail_with(std::move(event.error()));
      }
      if (event->kind == Input::cancel) return cancelled_by_peer();
      if (event->kind == Input::end && !early) {
        return fail_with(Outcome::reset,
                         {Errc::reset, connection->peer() + ": ended before the request was complete"});
      }
      if (event->kind == Input::end) break;
      if (event->kind == Input::data) early = true;
    }
    if (!early) return {};
    return fail_with(Outcome::malformed,
                     {Errc::malformed, connection->peer() + ": replied before the request was complete"});
  }

  std::unexpected<Failure> cancelled_by_peer() {
    return fail_with(Outcome::cancelled,
                     {Errc::cancelled, connection->peer() + ": cancelled by the peer (CAN)"});
  }

  // A failed send may be the shadow of a CAN! that waits to be read.
  std::unexpected<Failure> send_failed(Error error) {
    if (auto early = look_for_early_input(); !early) return std::unexpected(std::move(early.error()));
    return fail_with(std::move(error));
  }

  void note_head(std::span<const std::uint8_t> part) noexcept {
    for (std::uint64_t i = sent; i < head.size() && i - sent < part.size(); ++i) {
      head[static_cast<std::size_t>(i)] = part[static_cast<std::size_t>(i - sent)];
    }
    sent += part.size();
    looks_hl7 = sent >= head.size() && looks_like_hl7(head);
  }

  asio::awaitable<ClientResult<void>> write(std::span<const std::uint8_t> part) {
    auto deadline = deadline_after(options.idle_timeout);
    while (!part.empty()) {
      if (auto quiet = look_for_early_input(); !quiet) co_return quiet;
      auto n = connection->try_send(part);
      if (!n) co_return send_failed(std::move(n.error()));
      if (*n > 0) {
        handed_over = true;
        note_head(part.first(*n));
        part = part.subspan(*n);
        deadline = deadline_after(options.idle_timeout);
        continue;
      }
      const short ready = co_await connection->wait(POLLIN | POLLOUT, deadline);
      if (stage != Stage::sending) co_return aborted();
      if (ready == 0) {
        co_return fail_with(Outcome::timed_out,
                            {Errc::timeout, connection->peer() + ": takes no more of the request"});
      }
    }
    co_return ClientResult<void>{};
  }

  asio::awaitable<ClientResult<void>> restart() {
    if (!uses_urgent(*connection, options)) {
      connection->abort();
      co_return co_await connect();
    }
    if (auto quiet = look_for_early_input(); !quiet) co_return quiet;
    auto done = co_await connection->send_urgent(Urgent::stx, deadline_after(options.idle_timeout));
    if (stage != Stage::sending) co_return aborted();
    if (!done) co_return send_failed(std::move(done.error()));
    sent = 0;
    looks_hl7 = false;
    handed_over = true;
    co_return ClientResult<void>{};
  }

  asio::awaitable<ClientResult<void>> finish() {
    if (auto quiet = look_for_early_input(); !quiet) co_return quiet;
    auto ended = co_await connection->end_sending(deadline_after(options.idle_timeout));
    if (stage != Stage::sending) co_return aborted();
    if (!ended) co_return send_failed(std::move(ended.error()));
    handed_over = true;
    stage = Stage::waiting;
    co_return ClientResult<void>{};
  }

  asio::awaitable<ClientResult<Bytes>> reply(std::optional<Options::Duration> t_app) {
    const auto limit = [&t_app] { return t_app ? deadline_after(*t_app) : kNever; };
    auto deadline = limit();
    Bytes received;
    Bytes chunk(kReplyChunk);
    for (;;) {
      auto event = co_await connection->read(chunk, deadline);
      if (stage != Stage::waiting) co_return aborted();
      if (!event) co_return fail_with(std::move(event.error()));
      if (event->kind == Input::end) break;
      if (event->kind == Input::cancel) co_return cancelled_by_peer();
      if (event->kind == Input::restart) {
        received.clear();
        deadline = limit();
        continue;
      }
      if (received.size() + event->size > options.max_message) {
        co_return fail_with(Outcome::too_large,
                            {Errc::too_large, connection->peer() + ": the reply exceeds " +
                                                  std::to_string(options.max_message) + " bytes"});
      }
      received.insert(received.end(), chunk.begin(),
                      chunk.begin() + static_cast<std::ptrdiff_t>(event->size));
      // A reply that trickles in must not outlast T_app byte by byte.
      if (Clock::now() >= deadline) {
        co_return fail_with(Outcome::timed_out,
                            {Errc::timeout, connection->peer() + ": the reply was not complete in time"});
      }
    }
    if (received.empty() && options.empty_reply == EmptyReply::refuse) {
      co_return fail_with(
          Outcome::malformed,
          {Errc::malformed, connection->peer() + ": the reply is empty (empty_reply=refuse)"});
    }
    if (auto sound = check_reply(options.check, looks_hl7, received); !sound) {
      sound.error().message.insert(
          0, connection->peer() + ": reply of " + std::to_string(received.size()) + " bytes: ");
      co_return fail_with(Outcome::malformed, std::move(sound.error()));
    }
    stage = Stage::replied;
    co_return received;
  }

  asio::awaitable<void> cancel() {
    if (stage != Stage::sending) {
      abort();
      co_return;
    }
    stage = Stage::done;
    connection->interrupt();  // a write() under way ends before the CAN! goes out
    co_await cancel_connection(*connection, options);
  }

  void close() noexcept {
    if (stage == Stage::replied && connection->disarm()) {
      stage = Stage::done;
      connection->close();
    } else {
      abort();
    }
  }
};

ClientTransaction::ClientTransaction(asio::any_io_executor executor, Endpoint endpoint, Options options,
                                     Logger log)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(endpoint), std::move(options),
                                   std::move(log))) {}

ClientTransaction::~ClientTransaction() { abort(); }

asio::awaitable<ClientResult<void>> ClientTransaction::connect() {
  if (impl_->stage != Stage::idle) co_return impl_->misuse("connect");
  if (auto valid = impl_->options.validate(); !valid) {
    co_return impl_->fail_with(Outcome::misuse, std::move(valid.error()));
  }
  co_return co_await impl_->connect();
}

asio::awaitable<ClientResult<void>> ClientTransaction::write(std::span<const std::uint8_t> part) {
  if (impl_->stage == Stage::done) co_return impl_->aborted();
  if (impl_->stage != Stage::sending) co_return impl_->misuse("write");
  co_return co_await impl_->write(part);
}

asio::awaitable<ClientResult<void>> ClientTransaction::restart() {
  if (impl_->stage == Stage::done) co_return impl_->aborted();
  if (impl_->stage != Stage::sending) co_return impl_->misuse("restart");
  co_return co_await impl_->restart();
}

asio::awaitable<ClientResult<void>> ClientTransaction::finish() {
  if (impl_->stage == Stage::done) co_return impl_->aborted();
  if (impl_->stage != Stage::sending) co_return impl_->misuse("finish");
  co_return co_await impl_->finish();
}

asio::awaitable<ClientResult<Bytes>> ClientTransaction::reply(std::optional<Options::Duration> t_app) {
  if (impl_->stage == Stage::done) co_return impl_->aborted();
  if (impl_->stage != Stage::waiting) co_return impl_->misuse("reply");
  co_return co_await impl_->reply(t_app);
}

asio::awaitable<void> ClientTransaction::cancel() { return impl_->cancel(); }
void ClientTransaction::abort() noexcept { impl_->abort(); }
void ClientTransaction::close() noexcept { impl_->close(); }

bool ClientTransaction::peer_gone() const noexcept {
  return impl_->connection && impl_->connection->peer_gone();
}

ClientTransaction::Stage ClientTransaction::stage() const noexcept { return impl_->stage; }
std::uint64_t ClientTransaction::bytes_sent() const noexcept { return impl_->sent; }
bool ClientTransaction::handed_over() const noexcept { return impl_->handed_over; }

std::optional<std::size_t> ClientTransaction::unacknowledged() const noexcept {
  if (!impl_->connection || !impl_->connection->is_open()) return std::nullopt;
  if (impl_->connection->transport() == Transport::local) return 0;
  int queued = 0;
  if (::ioctl(impl_->connection->native_handle(), SIOCOUTQ, &queued) != 0) return std::nullopt;
  return static_cast<std::size_t>(queued);
}

std::string ClientTransaction::describe() const {
  return impl_->connection ? impl_->connection->peer() : illp::to_string(impl_->endpoint);
}

void ClientTransaction::set_check(Check check) noexcept { impl_->options.check = check; }

asio::awaitable<ClientResult<Bytes>> exchange(ClientTransaction& transaction,
                                              std::span<const std::uint8_t> request,
                                              std::optional<Options::Duration> t_app, CommitHook commit) {
  auto step = co_await transaction.connect();
  if (step) step = co_await transaction.write(request);
  if (step) step = co_await transaction.finish();
  if (!step) co_return std::unexpected(std::move(step.error()));
  if (commit) {
    bool go_on = false;
    try {
      go_on = co_await commit();
    } catch (...) {
      transaction.abort();
      throw;
    }
    if (!go_on) transaction.abort();
  }
  co_return co_await transaction.reply(t_app);
}

}  // namespace llp::illp
