// SPDX-License-Identifier: BSD-3-Clause
#include "illp/inherited.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <asio/ip/address.hpp>
#include <cstring>
#include <utility>

namespace llp::illp {

namespace {

bool has(int fd, int option, int value) {
  int found = -1;
  socklen_t size = sizeof found;
  return ::getsockopt(fd, SOL_SOCKET, option, &found, &size) == 0 && found == value;
}

asio::ip::address ip_of(const Address& address) {
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    return asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes);
}

bool is_at(const Address& address, const Endpoint& endpoint) {
  if (const auto* local = std::get_if<UnixEndpoint>(&endpoint)) {
    return address.transport == Transport::local && address.text() == "unix:" + local->path;
  }
  const auto& tcp = std::get<TcpEndpoint>(endpoint);
  if (address.transport != Transport::tcp || tcp.service != std::to_string(address.port())) return false;
  const asio::ip::address ip = ip_of(address);
  if (tcp.host.empty()) return ip.is_loopback();
  if (tcp.host == "*") return ip.is_unspecified();
  asio::error_code no_address;
  return asio::ip::make_address(tcp.host, no_address) == ip && !no_address;
}

}  // namespace

Result<void> Inherited::add(UniqueFd fd, std::string name) {
  Socket socket{std::move(fd), std::move(name), {}, false};
  const std::string what = fmt::format("socket {} '{}' that was handed over", socket.fd.get(), socket.name);
  socket.address.length = sizeof socket.address.storage;
  // NOLINTNEXTLINE: the socket interface's own idiom
  auto* bound = reinterpret_cast<sockaddr*>(&socket.address.storage);
  if (::getsockname(socket.fd.get(), bound, &socket.address.length) != 0) return fail_errno(what);
  const int family = socket.address.storage.ss_family;
  if (!has(socket.fd.get(), SO_TYPE, SOCK_STREAM) || !has(socket.fd.get(), SO_ACCEPTCONN, 1) ||
      (family != AF_INET && family != AF_INET6 && family != AF_UNIX)) {
    return fail(Errc::invalid, what + ": is no listening stream socket (ListenStream= makes one)");
  }
  if (family == AF_UNIX) socket.address.transport = Transport::local;
  if (::fcntl(socket.fd.get(), F_SETFD, FD_CLOEXEC) != 0) return fail_errno(what);
  sockets_.push_back(std::move(socket));
  return {};
}

Result<std::vector<ListenSocket>> Inherited::find(const std::string& line, const Endpoint& endpoint,
                                                  const Options& options) const {
  std::vector<ListenSocket> found;
  for (const bool by_name : {true, false}) {
    for (const Socket& socket : sockets_) {
      if (by_name ? socket.name != line : !is_at(socket.address, endpoint)) continue;
      UniqueFd fd(::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 3));
      if (!fd) return fail_errno(socket.address.text());
      auto adopted = ListenSocket::adopt(std::move(fd), socket.address, options);
      if (!adopted) return std::unexpected(std::move(adopted.error()));
      socket.used = true;
      found.push_back(std::move(*adopted));
    }
    if (!found.empty()) break;
  }
  return found;
}

std::vector<std::string> Inherited::unused() const {
  std::vector<std::string> all;
  for (const Socket& socket : sockets_) {
    if (!socket.used) all.push_back(fmt::format("{} ({})", socket.name, socket.address.text()));
  }
  return all;
}

}  // namespace llp::illp
