// SPDX-License-Identifier: BSD-3-Clause
// An application's server for programs with an event loop of their own.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <llp/address.hpp>
#include <llp/message.hpp>
#include <llp/options.hpp>
#include <llp/result.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp {

namespace detail {
class RequestHandle;
class ServerCore;
}  // namespace detail

// A request in hand and the way to answer it. It ends by reply(), or write() ... finish(), or cancel(); if it
// is destroyed before, the client is told that the transaction is dead. One call at a time.
//
// Errors of write(), restart(), finish() and reply(): Errc::reset (the client is gone), timeout (it takes
// nothing), cancelled (the transaction has ended). Only after success may the reply count as delivered.
class AsyncRequest {
 public:
  explicit AsyncRequest(std::unique_ptr<detail::RequestHandle> handle);
  AsyncRequest(AsyncRequest&&) noexcept;
  AsyncRequest& operator=(AsyncRequest&&) noexcept;
  ~AsyncRequest();

  [[nodiscard]] const Bytes& message() const noexcept;
  [[nodiscard]] std::string_view text() const noexcept;
  // Address of the client, for messages to people.
  [[nodiscard]] const std::string& peer() const noexcept;
  // The client has given up: nobody waits for the reply.
  [[nodiscard]] bool client_gone() const noexcept;

  // The whole reply; an empty one is "accepted, no content".
  [[nodiscard]] asio::awaitable<Result<void>> reply(std::span<const std::uint8_t> message);
  // The reply in parts.
  [[nodiscard]] asio::awaitable<Result<void>> write(std::span<const std::uint8_t> part);
  // What was written so far is void, the reply begins anew.
  [[nodiscard]] asio::awaitable<Result<void>> restart();
  [[nodiscard]] asio::awaitable<Result<void>> finish();
  // The transaction is dead: the instrument is told so, as its protocol has it. `reason` is for the log.
  [[nodiscard]] asio::awaitable<void> cancel(std::string reason);

 private:
  std::unique_ptr<detail::RequestHandle> handle_;
};

// Accepts ILLP transactions: connections are read in the background, whole requests are handed out in the
// order in which they became whole. Not thread-safe; the executor's context must outlive it.
class AsyncServer {
 public:
  explicit AsyncServer(asio::any_io_executor executor, ServerOptions options = {});
  AsyncServer(AsyncServer&&) noexcept;
  AsyncServer& operator=(AsyncServer&&) noexcept;
  ~AsyncServer();  // as stop()

  // Listens on a TCP address or UNIX socket; may be called for several. Errc::in_use, permission, not_found
  // (host or service), invalid (options, or another kind of address).
  [[nodiscard]] asio::awaitable<Result<void>> listen(Address address);

  // The next request. Errc::cancelled after stop(). One caller at a time.
  [[nodiscard]] asio::awaitable<Result<AsyncRequest>> accept();
  // The same; Errc::timeout when none came in time.
  [[nodiscard]] asio::awaitable<Result<AsyncRequest>> accept(std::chrono::milliseconds timeout);

  // The ports listened on, in the order of listen(); service 0 gets any free one. 0 for a UNIX socket.
  [[nodiscard]] std::vector<std::uint16_t> ports() const;

  // Nothing more is accepted; requests not handed out yet are cancelled, the others go on.
  void stop() noexcept;

 private:
  std::shared_ptr<detail::ServerCore> core_;
};

}  // namespace llp
