// SPDX-License-Identifier: BSD-3-Clause
// Listening sockets of an ILLP server.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "illp/net.hpp"
#include "illp/options.hpp"

namespace llp::illp {

// A bound and listening socket; removes its UNIX socket's file at the end, if
// the file is still this one.
class ListenSocket {
 public:
  // Errc::in_use, permission, ... with the address in the message. IPv6
  // sockets take IPv6 only unless `dual`. Without a backlog it is bound only:
  // nobody can connect.
  [[nodiscard]] static Result<ListenSocket> bind_tcp(const Address& address, bool dual,
                                                     const Options& options, std::optional<int> backlog);
  // A file of a socket on which nobody answers is replaced.
  [[nodiscard]] static Result<ListenSocket> bind_local(const std::string& path, unsigned mode,
                                                       const Options& options, int backlog);

  // One that listens already; the file of a UNIX socket stays whose it is.
  [[nodiscard]] static Result<ListenSocket> adopt(UniqueFd fd, const Address& address,
                                                  const Options& options);

  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&& other) noexcept;
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;
  ~ListenSocket();

  [[nodiscard]] UniqueFd take_fd() noexcept { return std::move(fd_); }
  [[nodiscard]] const Address& address() const noexcept { return address_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }  // to be removed at the end
  // Of a UNIX socket, whosever it is; empty for TCP.
  [[nodiscard]] std::string local_path() const;
  void remove_file() noexcept;

 private:
  ListenSocket(UniqueFd fd, Address address) : fd_(std::move(fd)), address_(address) {}
  UniqueFd fd_;
  Address address_;
  std::string path_;  // empty for TCP
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// All sockets that a TCP endpoint asks for: loopback of both families, every
// address (one dual-stack socket where the system has IPv6), or what the host
// name stands for (`found`). With port 0 all get the same free port. Without a
// backlog they are bound only.
[[nodiscard]] Result<std::vector<ListenSocket>> bind_all(const TcpEndpoint& endpoint,
                                                         const std::vector<Address>& found,
                                                         const Options& options, std::optional<int> backlog);

// Whether bind_local() would find the path free and its directory writable; a
// file on which nobody answers is removed, and none is made.
[[nodiscard]] Result<void> can_bind_local(const std::string& path, const Options& options);

}  // namespace llp::illp
