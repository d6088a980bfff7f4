// SPDX-License-Identifier: BSD-3-Clause
// ILLP behind a client: a transaction after the other, each on a connection of its own.
#include <utility>

#include "illp/client.hpp"
#include "libllp/link.hpp"
#include "libllp/setup.hpp"

namespace llp::detail {

namespace {

using Stage = illp::ClientTransaction::Stage;

class IllpLink final : public Link {
 public:
  IllpLink(asio::any_io_executor executor, illp::Endpoint endpoint, illp::Options options)
      : executor_(std::move(executor)), endpoint_(std::move(endpoint)), options_(std::move(options)) {}

  asio::awaitable<Result<void>> connect(Clock::time_point deadline) override {
    return connect_it(self(), deadline);
  }
  asio::awaitable<Result<std::size_t>> send(Bytes message, Clock::time_point deadline) override {
    return send_it(self(), std::move(message), deadline);
  }
  asio::awaitable<Result<Received>> recv(Clock::time_point deadline) override {
    return recv_it(self(), deadline);
  }
  asio::awaitable<void> close() override { return close_it(self()); }
  void abort() noexcept override {
    if (transaction_) transaction_->abort();
  }
  Bytes take_lost() override { return {}; }
  bool connected() const noexcept override {
    if (!transaction_) return false;
    const Stage stage = transaction_->stage();
    return (stage == Stage::sending || stage == Stage::waiting) && !transaction_->peer_gone();
  }
  std::string describe() const override {
    return transaction_ ? transaction_->describe() : illp::to_string(endpoint_);
  }

 private:
  using Self = std::shared_ptr<IllpLink>;
  using Transaction = std::shared_ptr<illp::ClientTransaction>;
  Self self() { return std::static_pointer_cast<IllpLink>(shared_from_this()); }

  // Ends the transaction when time is up; what waits for it then fails with Outcome::aborted.
  class Watch {
   public:
    Watch(Transaction transaction, const asio::any_io_executor& executor, Clock::time_point deadline)
        : rang_(std::make_shared<bool>(false)), timer_(executor, deadline) {
      timer_.async_wait([rang = rang_, transaction = std::move(transaction)](const asio::error_code& ec) {
        if (ec) return;
        *rang = true;
        transaction->abort();
      });
    }
    [[nodiscard]] Error error(illp::Failure failure, const std::string& what) const {
      if (*rang_ && failure.outcome == illp::Outcome::aborted) {
        return Error{Errc::timeout, what, 0};
      }
      return std::move(failure.error);
    }

   private:
    std::shared_ptr<bool> rang_;
    asio::steady_timer timer_;
  };

  static asio::awaitable<Result<void>> connect_it(Self self, Clock::time_point deadline) {
    auto transaction =
        std::make_shared<illp::ClientTransaction>(self->executor_, self->endpoint_, self->options_);
    self->transaction_ = transaction;
    const Watch watch(transaction, self->executor_, deadline);
    auto connected = co_await transaction->connect();
    if (connected) co_return Result<void>();
    co_return std::unexpected(watch.error(std::move(connected.error()),
                                          illp::to_string(self->endpoint_) + ": no connection in time"));
  }

  static asio::awaitable<Result<std::size_t>> send_it(Self self, Bytes message, Clock::time_point deadline) {
    if (message.empty()) co_return fail(Errc::invalid, self->describe() + ": an empty message is no request");
    if (self->transaction_ && self->transaction_->stage() == Stage::waiting) {
      co_return fail(Errc::busy, self->describe() + ": the reply to the request before is outstanding");
    }
    if (!self->transaction_ || self->transaction_->stage() != Stage::sending) {
      auto connected = co_await connect_it(self, deadline);
      if (!connected) co_return std::unexpected(std::move(connected.error()));
    }
    const Transaction transaction = self->transaction_;
    const Watch watch(transaction, self->executor_, deadline);
    auto step = co_await transaction->write(message);
    if (step) step = co_await transaction->finish();
    if (step) co_return message.size();
    co_return std::unexpected(watch.error(std::move(step.error()),
                                          transaction->describe() + ": does not take the request in time"));
  }

  static asio::awaitable<Result<Received>> recv_it(Self self, Clock::time_point deadline) {
    const Transaction transaction = self->transaction_;
    if (!transaction || transaction->stage() == Stage::done || transaction->stage() == Stage::replied) {
      co_return fail(Errc::closed, self->describe() + ": the transaction is over; send() begins the next");
    }
    if (transaction->stage() != Stage::waiting) {
      co_return fail(Errc::invalid, self->describe() + ": nothing was sent that could be replied to");
    }
    const Watch watch(transaction, self->executor_, deadline);
    auto reply = co_await transaction->reply(std::nullopt);
    if (!reply) {
      co_return std::unexpected(
          watch.error(std::move(reply.error()), transaction->describe() + ": no reply in time"));
    }
    transaction->close();
    co_return Received{std::move(*reply), {}};
  }

  static asio::awaitable<void> close_it(Self self) {
    const Transaction transaction = std::exchange(self->transaction_, nullptr);
    if (!transaction) co_return;
    if (transaction->stage() == Stage::sending && transaction->bytes_sent() == 0 &&
        !transaction->handed_over()) {
      transaction->abort();
      co_return;
    }
    co_await transaction->cancel();
  }

  asio::any_io_executor executor_;
  illp::Endpoint endpoint_;
  illp::Options options_;
  Transaction transaction_;
};

}  // namespace

Result<LinkPtr> make_illp_link(asio::any_io_executor executor, const Address& address,
                               const ClientOptions& options) {
  auto endpoint = endpoint_of(address);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  if (!options.settings.empty() || !options.peer.empty()) {
    return fail(Errc::invalid, "ILLP has no protocol parameters to set");
  }
  auto illp = illp_options(options.timeout, options.max_message, options.urgent);
  if (!illp) return std::unexpected(std::move(illp.error()));
  return std::make_shared<IllpLink>(std::move(executor), std::move(*endpoint), *illp);
}

}  // namespace llp::detail
