// SPDX-License-Identifier: BSD-3-Clause
// Names to addresses, and sockets on them.
#pragma once

#include <sys/socket.h>

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "illp/connection.hpp"
#include "illp/endpoint.hpp"
#include "illp/options.hpp"

namespace llp::illp {

struct Address {
  Transport transport = Transport::tcp;
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const noexcept;
  [[nodiscard]] std::uint16_t port() const noexcept;  // 0 for a UNIX socket
  void set_port(std::uint16_t port) noexcept;
  [[nodiscard]] std::string text() const;  // "127.0.0.1:5001", "[::1]:5001", "unix:/run/x"
};

// Errc::invalid if the path is empty or too long for a socket address.
[[nodiscard]] Result<Address> local_address(const std::string& path);

// All addresses of host and service, in the resolver's order; `passive` for
// listening. Runs in the resolver's thread. `timer` is used for waiting:
// cancelling it ends the call with Errc::cancelled. Errc::not_found: unknown
// host or service; Errc::busy: the name service cannot say now; Errc::timeout.
[[nodiscard]] asio::awaitable<Result<std::vector<Address>>> resolve(std::shared_ptr<asio::steady_timer> timer,
                                                                    TcpEndpoint endpoint, bool passive,
                                                                    Clock::time_point deadline);

// A socket for the address with every ILLP option set.
[[nodiscard]] Result<UniqueFd> open_socket(const Address& address, const Options& options);

// Who is at the other end of an accepted socket, for messages: the address, or
// on UNIX sockets "unix:PATH (pid N)".
[[nodiscard]] std::string peer_text(int fd, const Address& address, const std::string& local_path);

}  // namespace llp::illp
