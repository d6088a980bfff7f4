// SPDX-License-Identifier: BSD-3-Clause
// Accepts connections on listening sockets and gives each a coroutine.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/allow_list.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "illp/endpoint.hpp"
#include "illp/listener.hpp"

namespace llp::control {

using Socket = asio::generic::stream_protocol::socket;

class StreamServer {
 public:
  // Serves one connection; it is closed when the coroutine ends.
  using Handler = std::function<asio::awaitable<void>(std::shared_ptr<Socket>)>;

  // One more connection than `max_connections` is closed at once.
  StreamServer(asio::any_io_executor executor, std::size_t max_connections, Handler handler, Logger log);
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;
  // As stop().
  ~StreamServer();

  // A UNIX socket's file gets `mode`. Errc::in_use, permission, not_found, ...
  // A host's name is looked up, which may block: for before the loop runs.
  // Whoever is not in `allow` is closed before anything is read.
  [[nodiscard]] Result<void> listen(const illp::Endpoint& endpoint, unsigned mode, AllowList allow = {});

  // The port that it listens on; 0 on a UNIX socket.
  [[nodiscard]] unsigned port() const noexcept;
  [[nodiscard]] std::size_t connections() const noexcept;
  // Connections refused for their address, since start.
  [[nodiscard]] std::shared_ptr<const std::uint64_t> refused() const noexcept;

  // Closes everything; handlers see errors.
  void stop() noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace llp::control
