// SPDX-License-Identifier: BSD-3-Clause
// From applications to the instrument: the port that they call, the queue of
// their requests, and the transaction that is on the line. Not for use outside
// daemon/core.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "core/context.hpp"
#include "illp/server.hpp"

namespace llp::core {

class Distal {
 public:
  explicit Distal(Context& context) : c_(context) {}
  Distal(const Distal&) = delete;
  Distal& operator=(const Distal&) = delete;

  // Listens at config.dist. `self` must keep this object alive.
  [[nodiscard]] asio::awaitable<Result<void>> listen(std::weak_ptr<Distal> self);
  [[nodiscard]] bool listening() const noexcept { return server_ != nullptr; }
  [[nodiscard]] std::uint16_t port() const noexcept;

  // The coroutines: one transaction after the other; requests that wait too long.
  [[nodiscard]] asio::awaitable<void> run();
  [[nodiscard]] asio::awaitable<void> expire();

  // Shutting down: nothing new, CAN for what waits; then for what is on the line.
  void refuse_new();
  void abort_current();
  [[nodiscard]] bool idle() const noexcept { return queue_.empty() && !current_; }
  // Requests that wait for the line; one of them is on it.
  [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size(); }
  [[nodiscard]] bool on_line() const noexcept { return current_ != nullptr; }
  // Clients whose connections have not ended.
  [[nodiscard]] std::size_t clients() const noexcept { return clients_; }

 private:
  struct Request {
    enum class State : std::uint8_t { queued, on_line, done };
    std::shared_ptr<illp::ServerTransaction> client;
    Bytes text;
    Clock::time_point arrived;
    Clock::time_point deadline;  // to be on the line
    MessageKey key;              // for the audit log, as is
    std::string id;
    State state = State::queued;
    bool gone = false;         // the client is
    bool withdrawing = false;  // gives way to a message from the instrument
    bool expired = false;      // taken back after its deadline
    bool stopped = false;      // taken back by abort_current()
    bool delivering = false;   // its reply is being written to the client
    std::shared_ptr<line::Outgoing> outgoing;
  };
  using RequestPtr = std::shared_ptr<Request>;

  static asio::awaitable<void> handle(std::shared_ptr<Distal> self,
                                      std::shared_ptr<illp::ServerTransaction> client);
  void client_gone(const RequestPtr& request);
  [[nodiscard]] asio::awaitable<void> transact(RequestPtr request);
  [[nodiscard]] asio::awaitable<void> deliver(RequestPtr request, line::Message reply);
  [[nodiscard]] asio::awaitable<void> answer_empty(RequestPtr request);
  [[nodiscard]] asio::awaitable<void> cancel(RequestPtr request, std::string reason);
  void no_reply(const RequestPtr& request, const Error& error, const line::SendResult& sent);
  void make_room_for_inbound();
  void expire_now();
  void end_ok(const RequestPtr& request, std::size_t reply_size);
  void end_gone(const RequestPtr& request, const std::string& how);
  void end_failed(const RequestPtr& request, std::string reason);
  void end_cancel(const RequestPtr& request, std::string reason, const char* outcome);
  void over(const RequestPtr& request);

  Context& c_;
  std::unique_ptr<illp::Server> server_;
  std::deque<RequestPtr> queue_;
  RequestPtr current_;
  std::size_t clients_ = 0;
};

}  // namespace llp::core
