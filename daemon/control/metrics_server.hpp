// SPDX-License-Identifier: BSD-3-Clause
// Serves metrics over HTTP: GET /metrics, one request a connection.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "control/line_host.hpp"
#include "control/stream_server.hpp"
#include "illp/endpoint.hpp"

namespace llp::control {

class MetricsServer {
 public:
  // `host` must live as long.
  MetricsServer(const asio::any_io_executor& executor, const LineHost& host, std::string version,
                const Logger& log);
  // As StreamServer::listen(); a UNIX socket gets mode 0660.
  [[nodiscard]] Result<void> listen(const illp::Endpoint& endpoint, AllowList allow = {});
  [[nodiscard]] unsigned port() const noexcept { return server_.port(); }
  // How many records the audit log has lost; nothing: there is none.
  void on_audit_lost(std::function<std::optional<std::uint64_t>()> lost);
  void stop() noexcept { server_.stop(); }

 private:
  struct Shared;
  static asio::awaitable<void> serve(std::shared_ptr<Shared> shared, std::shared_ptr<Socket> socket);
  std::shared_ptr<Shared> shared_;
  StreamServer server_;
};

}  // namespace llp::control
