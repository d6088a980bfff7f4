// SPDX-License-Identifier: BSD-3-Clause
// The called side of ILLP: listens, collects requests, hands them over.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/allow_list.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "illp/connection.hpp"
#include "illp/endpoint.hpp"
#include "illp/listener.hpp"
#include "illp/options.hpp"

namespace llp::illp {

struct ServerOptions {
  Options illp;
  // Connections served at once (receiving or in work), at least 1. One more is
  // accepted and refused with CAN; when as many refusals as this are under
  // way, nothing is accepted until one of them ends (the kernel queues
  // `backlog` and lets the rest wait).
  std::size_t max_connections = 64;
  // Of these, from one address (of IPv6: from one network of 64 bits); one more
  // is refused in the same way. 0: no bound. UNIX sockets have no addresses.
  std::size_t max_per_address = 0;
  // That bound is not for loopback: programs of this machine share its address.
  bool spare_loopback = false;
  // Whoever else calls is reset before anything is read.
  AllowList allow;
  // Bytes of all requests in hand, being collected or in work; one that does
  // not fit is refused with CAN.
  std::size_t max_total_bytes = std::size_t{256} << 20;
  // For a request as a whole, from the connection's begin to its end: who sends
  // a byte now and then keeps no place for ever.
  Options::Duration request_timeout = std::chrono::minutes(10);
  int backlog = 64;
  unsigned socket_mode = 0660;  // of a UNIX socket's file
  // Rest after accept() failed for want of descriptors or memory.
  Options::Duration accept_pause = std::chrono::milliseconds(100);
  // A connection was refused: its address is not allowed, there are too many of
  // it, or it could not be secured.
  std::function<void()> on_refused;
  // Something of a request came, `size` bytes of it, and it never gets to the
  // handler: it was cut off, or it is too long, too slow or not whole.
  std::function<void(const std::string& peer, std::size_t size, const std::string& why, bool cut)>
      on_unserved;
};

// A request in hand and the way to answer it. Made by Server. The end is
// reply(), or write()... finish(), or cancel(); if the last owner lets go
// without one of them the client is told by CAN!, or at least by a reset.
// Not thread-safe; one of write/restart/finish/reply/cancel at a time.
class ServerTransaction {
 public:
  explicit ServerTransaction(Connection connection, Bytes request, Options options, Logger log);
  ServerTransaction(const ServerTransaction&) = delete;
  ServerTransaction& operator=(const ServerTransaction&) = delete;
  ~ServerTransaction();

  [[nodiscard]] std::span<const std::uint8_t> request() const noexcept;
  [[nodiscard]] Bytes take_request() noexcept;
  // Address of the client, for messages.
  [[nodiscard]] const std::string& peer() const noexcept;

  // Sends a part of the reply. Errc::reset: the client is gone (it reset the
  // connection; on UNIX sockets also: it died); Errc::timeout: no progress for
  // idle_timeout; Errc::cancelled: abort().
  [[nodiscard]] asio::awaitable<Result<void>> write(std::span<const std::uint8_t> part);

  // STX!: the reply so far is void. With oob=none on TCP it cannot be
  // restarted: the client is reset and Errc::cancelled returned.
  [[nodiscard]] asio::awaitable<Result<void>> restart();

  // The reply is complete: half-closes, disarms, closes. Success means: the
  // last byte was written, SHUT_WR done, the socket disarmed, and the client
  // was there until then. Only then may the reply count as accepted.
  [[nodiscard]] asio::awaitable<Result<void>> finish();

  // write() and finish(); an empty reply is "accepted, no content".
  [[nodiscard]] asio::awaitable<Result<void>> reply(std::span<const std::uint8_t> bytes);

  // CAN!, half-close, drain, close. `reason` is logged, not sent.
  [[nodiscard]] asio::awaitable<void> cancel(std::string reason);

  // A reset at once.
  void abort() noexcept;

  // True once the client reset the connection or died while the work goes on;
  // false after a regular end.
  [[nodiscard]] bool client_gone() const noexcept;

  // Returns when client_gone() becomes true, or the transaction ends (then
  // returns false). May be awaited beside the other calls, by any number; the
  // transaction may be destroyed meanwhile.
  [[nodiscard]] asio::awaitable<bool> wait_gone();

  [[nodiscard]] bool ended() const noexcept;

 private:
  friend class Server;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Counted since start.
struct ServerCounters {
  std::uint64_t accepted = 0;         // connections
  std::uint64_t requests = 0;         // handed to the handler
  std::uint64_t not_allowed = 0;      // reset: `allow` does not have the address
  std::uint64_t refused_full = 0;     // refused by CAN at max_connections
  std::uint64_t refused_address = 0;  // refused by CAN at max_per_address
  std::uint64_t oversize = 0;         // requests over max_message or max_total_bytes
  std::uint64_t idle = 0;             // T_idle or request_timeout ran out
  std::uint64_t cancelled = 0;        // CAN! in the request
  std::uint64_t reset = 0;            // reset or death before the request's end
  std::uint64_t empty = 0;            // empty requests
  std::uint64_t malformed = 0;        // requests that failed the check
  std::uint64_t untrusted = 0;        // secured connections that were not set up
  std::uint64_t accept_failures = 0;  // accept() failed (descriptors, memory)
};

// Takes the transaction and answers it. If it returns or throws without an
// end, the transaction is cancelled.
using Handler = std::function<asio::awaitable<void>(std::shared_ptr<ServerTransaction>)>;

class Server {
 public:
  Server(asio::any_io_executor executor, ServerOptions options, Handler handler, Logger log = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // As stop().
  ~Server();

  // Binds and begins to accept. May be called for several endpoints. A UNIX
  // socket's stale file is removed only if nobody answers on it.
  // Errc::in_use, permission, not_found (unknown host or service), invalid.
  [[nodiscard]] asio::awaitable<Result<void>> listen(Endpoint endpoint);

  // Accepts on sockets that listen already, as one listen(). Not empty.
  [[nodiscard]] Result<void> adopt(std::vector<ListenSocket> sockets);

  // Ports listened on, in the order of listen() (a service "0" gets any free
  // one); 0 for a UNIX socket. One entry per listen().
  [[nodiscard]] std::vector<std::uint16_t> ports() const;

  // Stops accepting, removes UNIX sockets' files, resets connections whose
  // request is not complete. Transactions in a handler's hands go on; the
  // handler itself is kept until they have ended.
  void stop() noexcept;

  // Connections being served now.
  [[nodiscard]] std::size_t active() const noexcept;
  [[nodiscard]] const ServerCounters& counters() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace llp::illp
