// SPDX-License-Identifier: BSD-3-Clause
#include "llp/async_server.hpp"

#include <deque>
#include <optional>
#include <utility>

#include "illp/server.hpp"
#include "libllp/run.hpp"
#include "libllp/setup.hpp"

namespace llp {

namespace detail {

using Transaction = std::shared_ptr<illp::ServerTransaction>;

// A transaction and its request's text.
class RequestHandle {
 public:
  explicit RequestHandle(Transaction transaction)
      : transaction_(std::move(transaction)), message_(transaction_->take_request()) {}
  RequestHandle(const RequestHandle&) = delete;
  RequestHandle& operator=(const RequestHandle&) = delete;
  // The handler in ServerCore then sees to it that the client is told.
  ~RequestHandle() { transaction_->abort(); }

  [[nodiscard]] const Transaction& transaction() const noexcept { return transaction_; }
  [[nodiscard]] const Bytes& message() const noexcept { return message_; }

 private:
  Transaction transaction_;
  Bytes message_;
};

class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  ServerCore(asio::any_io_executor executor, ServerOptions options)
      : executor_(std::move(executor)), options_(options), wake_(executor_) {}

  static asio::awaitable<Result<void>> listen(std::shared_ptr<ServerCore> self, Address address) {
    if (auto ready = self->make(); !ready) co_return ready;
    auto endpoint = endpoint_of(address);
    if (!endpoint) co_return std::unexpected(std::move(endpoint.error()));
    co_return co_await self->server_->listen(std::move(*endpoint));
  }

  static asio::awaitable<Result<AsyncRequest>> accept(std::shared_ptr<ServerCore> self,
                                                      Clock::time_point deadline) {
    while (!self->stopped_) {
      while (!self->queue_.empty()) {
        Transaction next = std::move(self->queue_.front());
        self->queue_.pop_front();
        if (next->ended() || next->client_gone()) continue;  // gave up while it waited here
        co_return AsyncRequest(std::make_unique<RequestHandle>(std::move(next)));
      }
      if (Clock::now() >= deadline) co_return fail(Errc::timeout, "no request in time");
      self->wake_.expires_at(deadline);
      co_await self->wake_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    }
    co_return fail(Errc::cancelled, "the server was stopped");
  }

  [[nodiscard]] std::vector<std::uint16_t> ports() const {
    return server_ ? server_->ports() : std::vector<std::uint16_t>{};
  }

  void stop() noexcept {
    stopped_ = true;
    if (server_) server_->stop();
    for (const auto& transaction : std::exchange(queue_, {})) transaction->abort();
    wake_.cancel();
  }

 private:
  Result<void> make() {
    if (stopped_) return fail(Errc::cancelled, "the server was stopped");
    if (server_) return {};
    auto illp = illp_options(options_.idle_timeout, options_.max_message, options_.urgent);
    if (!illp) {
      illp.error().message.insert(0, "server: ");
      return std::unexpected(std::move(illp.error()));
    }
    if (options_.max_connections < 1 || options_.max_connections > 65535) {
      return fail(Errc::invalid, "max_connections: 1 to 65535 are allowed");
    }
    illp::ServerOptions options;
    options.illp = *illp;
    options.max_connections = options_.max_connections;
    options.socket_mode = options_.socket_mode;
    auto handler = [weak = weak_from_this()](Transaction transaction) {
      return take(weak, std::move(transaction));
    };
    server_.emplace(executor_, options, std::move(handler));
    return {};
  }

  // Waits beside the application until the transaction has ended.
  static asio::awaitable<void> take(std::weak_ptr<ServerCore> weak, Transaction transaction) {
    {
      const auto self = weak.lock();
      if (!self || self->stopped_) co_return;
      self->queue_.push_back(transaction);
      self->wake_.cancel();
    }
    while (!transaction->ended() && !co_await transaction->wait_gone()) {
    }
  }

  asio::any_io_executor executor_;
  ServerOptions options_;
  std::optional<illp::Server> server_;
  std::deque<Transaction> queue_;
  asio::steady_timer wake_;
  bool stopped_ = false;
};

namespace {

// Each owns the transaction, whatever becomes of the request.
asio::awaitable<Result<void>> write(Transaction t, Bytes part) { co_return co_await t->write(part); }
asio::awaitable<Result<void>> reply(Transaction t, Bytes message) { co_return co_await t->reply(message); }
asio::awaitable<Result<void>> restart(Transaction t) { co_return co_await t->restart(); }
asio::awaitable<Result<void>> finish(Transaction t) { co_return co_await t->finish(); }
asio::awaitable<void> cancel(Transaction t, std::string reason) { co_await t->cancel(std::move(reason)); }

Bytes copy(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

}  // namespace detail

AsyncRequest::AsyncRequest(std::unique_ptr<detail::RequestHandle> handle) : handle_(std::move(handle)) {}
AsyncRequest::AsyncRequest(AsyncRequest&&) noexcept = default;
AsyncRequest& AsyncRequest::operator=(AsyncRequest&&) noexcept = default;
AsyncRequest::~AsyncRequest() = default;

const Bytes& AsyncRequest::message() const noexcept { return handle_->message(); }
std::string_view AsyncRequest::text() const noexcept {
  const Bytes& bytes = handle_->message();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
const std::string& AsyncRequest::peer() const noexcept { return handle_->transaction()->peer(); }
bool AsyncRequest::client_gone() const noexcept { return handle_->transaction()->client_gone(); }

asio::awaitable<Result<void>> AsyncRequest::reply(std::span<const std::uint8_t> message) {
  return detail::reply(handle_->transaction(), detail::copy(message));
}
asio::awaitable<Result<void>> AsyncRequest::write(std::span<const std::uint8_t> part) {
  return detail::write(handle_->transaction(), detail::copy(part));
}
asio::awaitable<Result<void>> AsyncRequest::restart() { return detail::restart(handle_->transaction()); }
asio::awaitable<Result<void>> AsyncRequest::finish() { return detail::finish(handle_->transaction()); }
asio::awaitable<void> AsyncRequest::cancel(std::string reason) {
  return detail::cancel(handle_->transaction(), std::move(reason));
}

AsyncServer::AsyncServer(asio::any_io_executor executor, ServerOptions options)
    : core_(std::make_shared<detail::ServerCore>(std::move(executor), options)) {}
AsyncServer::AsyncServer(AsyncServer&&) noexcept = default;
AsyncServer& AsyncServer::operator=(AsyncServer&& other) noexcept {
  if (this != &other) {
    stop();
    core_ = std::move(other.core_);
  }
  return *this;
}
AsyncServer::~AsyncServer() { stop(); }

asio::awaitable<Result<void>> AsyncServer::listen(Address address) {
  return detail::ServerCore::listen(core_, std::move(address));
}
asio::awaitable<Result<AsyncRequest>> AsyncServer::accept() {
  return detail::ServerCore::accept(core_, detail::Clock::time_point::max());
}
asio::awaitable<Result<AsyncRequest>> AsyncServer::accept(std::chrono::milliseconds timeout) {
  return detail::ServerCore::accept(core_, detail::Clock::now() + timeout);
}
std::vector<std::uint16_t> AsyncServer::ports() const {
  return core_ ? core_->ports() : std::vector<std::uint16_t>{};
}
void AsyncServer::stop() noexcept {
  if (core_) core_->stop();
}

}  // namespace llp
