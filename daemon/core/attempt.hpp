// SPDX-License-Identifier: BSD-3-Clause
// One delivery of one message to an application, from the connection to the
// end of its reply.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "core/duplicates.hpp"
#include "core/event.hpp"
#include "core/targets.hpp"
#include "illp/client.hpp"
#include "illp/options.hpp"

namespace llp::core {

class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  // `changed` is notified when the attempt ended, or when watch_host is set and
  // the application's host has the whole message. After `deadline` it is ended.
  Attempt(asio::any_io_executor executor, Targets& targets, illp::Options options, Event& changed, Bytes text,
          MessageKey key, Clock::time_point deadline, bool watch_host, Logger log);

  // Called and awaited before the first byte goes to any target; if it fails,
  // none goes. Before run().
  void before_first_byte(std::function<asio::awaitable<Result<void>>()> prepare) {
    prepare_ = std::move(prepare);
  }

  // Tries the targets in their order, all of them connect_tries times; then the
  // one that answers has the message. Once; the object must live until it returns.
  [[nodiscard]] asio::awaitable<void> run();

  // Ends it: the connection is reset. Nothing, once it has ended.
  void abort();

  [[nodiscard]] bool ended() const noexcept { return result_.has_value(); }
  // It has been told to end, or its time is over.
  [[nodiscard]] bool stopped() const noexcept { return aborted_ || timed_out_; }
  // After the end: the reply, whole, or why there is none.
  [[nodiscard]] const illp::ClientResult<Bytes>& result() const { return *result_; }
  [[nodiscard]] Bytes take_reply() { return std::move(**result_); }
  // An application may have seen something of the message.
  [[nodiscard]] bool handed_over() const noexcept;
  // Its host has all of it.
  [[nodiscard]] bool at_host() const noexcept { return at_host_; }
  // The present or last application, for messages to people.
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
  [[nodiscard]] const MessageKey& key() const noexcept { return key_; }
  [[nodiscard]] std::size_t size() const noexcept { return key_.length; }
  [[nodiscard]] Clock::time_point deadline() const noexcept { return deadline_; }

 private:
  using Outcome = illp::Outcome;
  [[nodiscard]] asio::awaitable<illp::ClientResult<Bytes>> deliver();
  [[nodiscard]] asio::awaitable<illp::ClientResult<Bytes>> converse();
  [[nodiscard]] std::unexpected<illp::Failure> stop_reason() const;
  void end_by(bool Attempt::* why);
  void look_at_host(std::chrono::nanoseconds rest);

  asio::any_io_executor executor_;
  Targets& targets_;
  illp::Options options_;
  Event& changed_;
  Logger log_;
  Bytes text_;
  MessageKey key_;
  Clock::time_point deadline_;
  bool watch_host_;
  asio::steady_timer limit_;
  asio::steady_timer host_timer_;
  std::unique_ptr<illp::ClientTransaction> client_;
  std::optional<illp::ClientResult<Bytes>> result_;
  std::function<asio::awaitable<Result<void>>()> prepare_;
  std::optional<Error> unprepared_;  // what it failed with
  std::string peer_;
  bool handed_over_ = false;
  bool at_host_ = false;
  bool aborted_ = false;
  bool timed_out_ = false;
};

}  // namespace llp::core
