// SPDX-License-Identifier: BSD-3-Clause
#include "control/metrics_server.hpp"

#include <fmt/format.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/as_tuple.hpp"
#include "control/report.hpp"

namespace llp::control {

namespace {

constexpr std::size_t kMetricsConnections = 16;
constexpr std::size_t kHeadMax = 8192;
// For the whole of a request and its answer.
constexpr auto kTime = std::chrono::seconds(10);
constexpr unsigned kMetricsMode = 0660;

std::string answer(std::string_view status, std::string_view type, std::string_view body, bool head_only) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                     status, type, body.size(), head_only ? std::string_view() : body);
}

void put_counter(std::string& report, std::string_view name, std::string_view help, std::uint64_t value) {
  fmt::format_to(std::back_inserter(report), "# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}\n", name, help,
                 value);
}

std::string respond(std::string_view head, const LineHost& host, std::string_view version,
                    std::uint64_t refused, std::optional<std::uint64_t> audit_lost) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  const std::string_view request = head.substr(0, head.find("\r\n"));
  const std::size_t first = request.find(' ');
  const std::size_t second = request.find(' ', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || !request.substr(second + 1).starts_with("HTTP/1.")) {
    return answer("400 Bad Request", kText, "not HTTP\n", false);
  }
  const std::string_view method = request.substr(0, first);
  std::string_view path = request.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  const bool head_only = method == "HEAD";
  if (!head_only && method != "GET") return answer("405 Method Not Allowed", kText, "GET only\n", false);
  if (path != "/metrics") return answer("404 Not Found", kText, "look at /metrics\n", head_only);
  std::string report = metrics_report(host, version);
  put_counter(report, "llp_metrics_refused_total",
              "connections to this server that metrics_allow does not have", refused);
  if (audit_lost) {
    put_counter(report, "llp_audit_lost_total", "records of the audit log that could not be written",
                *audit_lost);
  }
  return answer("200 OK", "text/plain; version=0.0.4; charset=utf-8", report, head_only);
}

}  // namespace

struct MetricsServer::Shared {
  const LineHost& host;
  std::string version;
  std::shared_ptr<const std::uint64_t> refused;  // connections to this server
  std::function<std::optional<std::uint64_t>()> audit_lost;
};

void MetricsServer::on_audit_lost(std::function<std::optional<std::uint64_t>()> lost) {
  shared_->audit_lost = std::move(lost);
}

MetricsServer::MetricsServer(const asio::any_io_executor& executor, const LineHost& host, std::string version,
                             const Logger& log)
    : shared_(std::make_shared<Shared>(Shared{host, std::move(version), {}, {}})),
      server_(
          executor, kMetricsConnections,
          [shared = shared_](std::shared_ptr<Socket> socket) { return serve(shared, std::move(socket)); },
          log.child("metrics")) {
  shared_->refused = server_.refused();
}

Result<void> MetricsServer::listen(const illp::Endpoint& endpoint, AllowList allow) {
  return server_.listen(endpoint, kMetricsMode, std::move(allow));
}

asio::awaitable<void> MetricsServer::serve(std::shared_ptr<Shared> shared, std::shared_ptr<Socket> socket) {
  asio::steady_timer limit(socket->get_executor(), kTime);
  limit.async_wait([socket](const asio::error_code& error) {
    asio::error_code ignored;
    if (!error) socket->close(ignored);
  });
  std::string head;
  std::array<char, 1024> part{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    const auto [error, size] = co_await socket->async_read_some(asio::buffer(part), kTuple);
    if (error || head.size() + size > kHeadMax) co_return;
    head.append(part.data(), size);
  }
  const std::string text = respond(head, shared->host, shared->version, *shared->refused,
                                   shared->audit_lost ? shared->audit_lost() : std::nullopt);
  const auto [error, size] = co_await asio::async_write(*socket, asio::buffer(text), kTuple);
  if (error) co_return;
  // The other end has read all when it closes; closing first could reset it.
  asio::error_code ignored;
  socket->shutdown(asio::socket_base::shutdown_send, ignored);
  for (;;) {
    const auto [end, more] = co_await socket->async_read_some(asio::buffer(part), kTuple);
    if (end) co_return;
  }
}

}  // namespace llp::control
