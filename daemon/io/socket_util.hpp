// SPDX-License-Identifier: BSD-3-Clause
// Sockets of lines: addresses looked up and shown, options set, listeners made.
// Not for use outside daemon/io.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "io/make_stream.hpp"
#include "io/stream_base.hpp"

namespace llp::io {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

// getaddrinfo(3), may block. An empty host with `passive` is loopback, "*"
// every address. Errc::not_found: no such name; Errc::invalid: no such service;
// Errc::busy: the name service cannot tell now.
[[nodiscard]] Result<std::vector<SocketAddress>> resolve_tcp(const std::string& host,
                                                             const std::string& service, bool passive);
// Errc::invalid if there is no such service or port number.
[[nodiscard]] Result<void> check_service(const std::string& service);
// Errc::invalid if the path is empty or too long.
[[nodiscard]] Result<SocketAddress> unix_address(const std::string& path);

// "127.0.0.1:4001", "[::1]:4001", a path, or "a local program".
[[nodiscard]] std::string to_string(const SocketAddress& address);
[[nodiscard]] SocketAddress address_of_socket(int fd);
[[nodiscard]] SocketAddress address_of_peer(int fd);

// TCP_NODELAY, keep-alive, user timeout. Failure does not matter.
void set_tcp_options(int fd, const StreamOptions& options);

// A non-blocking listener, or several: one for each address of the name.
[[nodiscard]] Result<std::vector<UniqueFd>> listen_tcp(const std::string& bind, const std::string& service);
// Replaces a socket that nobody listens on; refuses everything else.
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path, mode_t mode);

// A connected stream socket.
class SocketChannel final : public Channel {
 public:
  using Channel::Channel;
  ssize_t write(std::span<const std::uint8_t> bytes) override;
  void finish_sending() { ::shutdown(fd(), SHUT_WR); }
};

// What streams over sockets share.
class SocketBase : public StreamBase {
 public:
  using StreamBase::StreamBase;

 protected:
  void retire(std::shared_ptr<Channel> channel) override;
  asio::awaitable<Result<void>> empty_channel(std::shared_ptr<Channel> channel) override;
};

}  // namespace llp::io
