// SPDX-License-Identifier: BSD-3-Clause
// The calling side of an ILLP transaction.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "illp/connection.hpp"
#include "illp/endpoint.hpp"
#include "illp/options.hpp"

namespace llp::illp {

// Why a transaction did not bring a valid reply.
enum class Outcome : std::uint8_t {
  unreachable,  // no connection: unknown host or service, refused, no answer in time
  cancelled,    // the peer sent CAN!
  reset,        // the connection broke, was reset, or ended where it must not (EOF before our own end)
  timed_out,    // T_app, or a write without progress for idle_timeout
  malformed,    // the reply failed the check, or began before the request's end (D-4)
  too_large,    // the reply exceeds max_message
  aborted,      // by abort() or cancel()
  misuse,       // a call that this stage does not allow
};
[[nodiscard]] const char* to_string(Outcome outcome) noexcept;

struct Failure {
  Outcome outcome = Outcome::reset;
  Error error;
};
template <class T>
using ClientResult = std::expected<T, Failure>;

// One transaction: connect(), write() any number of times, finish(), reply(),
// close(). Any failure ends it: the connection is then already closed (armed:
// the peer sees a reset). Destroying it at any stage before close() aborts it;
// a cut request never looks whole.
//
// Not thread-safe; one of connect/write/restart/finish/reply/cancel at a time.
// abort() may come at any time from the executor's thread, and the call under
// way then fails with Outcome::aborted. The object must outlive the call.
class ClientTransaction {
 public:
  enum class Stage : std::uint8_t { idle, connecting, sending, waiting, replied, done };

  ClientTransaction(asio::any_io_executor executor, Endpoint endpoint, Options options, Logger log = {});
  ClientTransaction(const ClientTransaction&) = delete;
  ClientTransaction& operator=(const ClientTransaction&) = delete;
  ~ClientTransaction();

  // All addresses in order, connect_timeout for each; connect_tries rounds.
  [[nodiscard]] asio::awaitable<ClientResult<void>> connect();

  // Sends a part of the request. Notices CAN!, reset, EOF and early replies.
  [[nodiscard]] asio::awaitable<ClientResult<void>> write(std::span<const std::uint8_t> part);

  // STX!: what was sent before is void. With oob=none: resets and connects anew.
  [[nodiscard]] asio::awaitable<ClientResult<void>> restart();

  // The request is complete: half-closes.
  [[nodiscard]] asio::awaitable<ClientResult<void>> finish();

  // Reads the reply to its end. T_app starts here and again at each STX!;
  // nothing: no limit. An empty reply is "accepted, no content".
  [[nodiscard]] asio::awaitable<ClientResult<Bytes>> reply(std::optional<Options::Duration> t_app);

  // Ends it while the peer can still be told: before finish() CAN!, half-close
  // and drain; after it (and with oob=none) a reset.
  [[nodiscard]] asio::awaitable<void> cancel();

  // Ends it at once: a reset.
  void abort() noexcept;

  // The regular end after reply(); at other stages as abort().
  void close() noexcept;

  // True if the peer has died or reset; asks the socket. For who waits with a
  // half-sent or finished request without a call under way.
  [[nodiscard]] bool peer_gone() const noexcept;

  [[nodiscard]] Stage stage() const noexcept;
  // Bytes of this request that the kernel took since the start or the last restart.
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept;
  // True once any byte of a request went out or its end did, also on a connection given up
  // since: the application may have seen something.
  [[nodiscard]] bool handed_over() const noexcept;
  // Bytes (and the end) that the peer's host has not acknowledged yet; 0 on UNIX
  // sockets, where the host is our own. Nothing while there is no connection.
  [[nodiscard]] std::optional<std::size_t> unacknowledged() const noexcept;
  // "localhost:5001"; the address after connect().
  [[nodiscard]] std::string describe() const;

  // What the reply is checked for (Options::check), set until reply().
  void set_check(Check check) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The usual whole: connect, write, finish, then `commit` (if given), then the
// reply. On success the connection is still there, armed, with both directions
// ended: the caller close()s it when the transaction counts as finished. If
// `commit` returns false, or throws, the transaction is aborted.
using CommitHook = std::function<asio::awaitable<bool>()>;
[[nodiscard]] asio::awaitable<ClientResult<Bytes>> exchange(ClientTransaction& transaction,
                                                            std::span<const std::uint8_t> request,
                                                            std::optional<Options::Duration> t_app,
                                                            CommitHook commit = {});

}  // namespace llp::illp
