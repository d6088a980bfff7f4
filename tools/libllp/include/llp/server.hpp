// SPDX-License-Identifier: BSD-3-Clause
// An application's server whose calls wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <llp/address.hpp>
#include <llp/message.hpp>
#include <llp/options.hpp>
#include <llp/result.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp {

namespace detail {
struct ServerContext;
}

// As AsyncRequest, see there for errors. May outlive its server. To be used from the server's thread.
class Request {
 public:
  Request(Request&&) noexcept;
  Request& operator=(Request&&) noexcept;
  ~Request();

  [[nodiscard]] const Bytes& message() const noexcept;
  [[nodiscard]] std::string_view text() const noexcept;
  [[nodiscard]] const std::string& peer() const noexcept;
  // Looks at the connection without waiting.
  [[nodiscard]] bool client_gone() const noexcept;

  [[nodiscard]] Result<void> reply(std::span<const std::uint8_t> message);
  [[nodiscard]] Result<void> reply(std::string_view message) { return reply(as_bytes(message)); }
  [[nodiscard]] Result<void> write(std::span<const std::uint8_t> part);
  [[nodiscard]] Result<void> restart();
  [[nodiscard]] Result<void> finish();
  void cancel(std::string reason = {});

 private:
  friend class Server;
  struct Impl;
  explicit Request(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// As AsyncServer, see there for errors. Connections are read while a call of the server or of one of its
// requests is under way; until then they wait in the kernel. Not thread-safe.
class Server {
 public:
  [[nodiscard]] static Result<Server> listen(const Address& address, ServerOptions options = {});
  // The address as parse_address() takes it.
  [[nodiscard]] static Result<Server> listen(std::string_view address, ServerOptions options = {});

  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();

  // Waits for the next request, without end or for so long (Errc::timeout).
  [[nodiscard]] Result<Request> accept(std::optional<std::chrono::milliseconds> timeout = std::nullopt);

  [[nodiscard]] std::vector<std::uint16_t> ports() const;

 private:
  explicit Server(std::shared_ptr<detail::ServerContext> context);
  std::shared_ptr<detail::ServerContext> context_;
};

}  // namespace llp
