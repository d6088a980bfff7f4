// SPDX-License-Identifier: BSD-3-Clause
#include "illp/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

namespace llp::illp {

namespace {

Result<void> set_flag(int fd, int level, int name, int value, const std::string& what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) == 0) return {};
  return fail_errno(what);
}

// Frees the path of a socket that a process left behind when it died. Anything
// else that is in the way stays there.
Result<void> make_way(const Address& address, const std::string& path) {
  struct stat before{};
  if (::lstat(path.c_str(), &before) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno("unix:" + path);
  }
  if (!S_ISSOCK(before.st_mode)) {
    return fail(Errc::in_use,
                "unix:" + path + ": the file exists and is not a socket; remove it or take another");
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe) return fail_errno("unix:" + path + ": cannot make a socket");
  if (::connect(probe.get(), address.get(), address.length) == 0 || errno != ECONNREFUSED) {
    return fail(Errc::in_use, "unix:" + path + ": the socket is in use by another process");
  }
  struct stat now{};
  if (::lstat(path.c_str(), &now) != 0 || now.st_ino != before.st_ino || now.st_dev != before.st_dev) {
    return fail(Errc::in_use, "unix:" + path + ": the socket was just taken by another process");
  }
  if (::unlink(path.c_str()) != 0) return fail_errno("unix:" + path + ": cannot remove the stale socket");
  return {};
}

}  // namespace

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::move(other.fd_)),
      address_(other.address_),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  if (this != &other) {
    remove_file();
    fd_ = std::move(other.fd_);
    address_ = other.address_;
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

ListenSocket::~ListenSocket() { remove_file(); }

void ListenSocket::remove_file() noexcept {
  if (path_.empty()) return;
  struct stat now{};
  if (::lstat(path_.c_str(), &now) == 0 && now.st_ino == inode_ && now.st_dev == device_) {
    (void)::unlink(path_.c_str());
  }
  path_.clear();
}

Result<ListenSocket> ListenSocket::bind_tcp(const Address& address, bool dual, const Options& options,
                                            std::optional<int> backlog) {
  const std::string text = address.text();
  auto fd = open_socket(address, options);
  if (!fd) return std::unexpected(std::move(fd.error()));
  if (auto set = set_flag(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1, text); !set) {
    return std::unexpected(std::move(set.error()));
  }
  if (address.storage.ss_family == AF_INET6) {
    if (auto set = set_flag(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, dual ? 0 : 1, text); !set) {
      return std::unexpected(std::move(set.error()));
    }
  }
  // Inherited, so that a connection is armed before accept() returns it.
  (void)arm_socket(fd->get());
  if (::bind(fd->get(), address.get(), address.length) != 0 ||
      (backlog && ::listen(fd->get(), *backlog) != 0)) {
    return fail_errno(text + ": cannot listen");
  }
  ListenSocket socket(std::move(*fd), address);
  socket.address_.length = sizeof socket.address_.storage;
  // NOLINTNEXTLINE: the socket interface's own idiom
  auto* bound = reinterpret_cast<sockaddr*>(&socket.address_.storage);
  if (::getsockname(socket.fd_.get(), bound, &socket.address_.length) != 0) return fail_errno(text);
  return socket;
}

Result<ListenSocket> ListenSocket::bind_local(const std::string& path, unsigned mode, const Options& options,
                                              int backlog) {
  if (auto usable = check_local_urgent(); !usable) return std::unexpected(std::move(usable.error()));
  const auto address = local_address(path);
  if (!address) return std::unexpected(address.error());
  if (auto free = make_way(*address, path); !free) return std::unexpected(std::move(free.error()));
  auto fd = open_socket(*address, options);
  if (!fd) return std::unexpected(std::move(fd.error()));
  // The file takes its mode from the socket: it is never wider than asked.
  // bind() applies the umask, chmod() afterwards lifts it.
  if (::fchmod(fd->get(), mode) != 0) return fail_errno("unix:" + path + ": cannot set the mode");
  if (::bind(fd->get(), address->get(), address->length) != 0) {
    return fail_errno("unix:" + path + ": cannot listen");
  }
  ListenSocket socket(std::move(*fd), *address);
  struct stat made{};
  if (::lstat(path.c_str(), &made) != 0) return fail_errno("unix:" + path);
  socket.path_ = path;
  socket.device_ = made.st_dev;
  socket.inode_ = made.st_ino;
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("unix:" + path + ": cannot set the mode");
  if (::listen(socket.fd_.get(), backlog) != 0) return fail_errno("unix:" + path + ": cannot listen");
  return socket;
}

Result<ListenSocket> ListenSocket::adopt(UniqueFd fd, const Address& address, const Options& options) {
  if (auto set = set_socket_options(fd.get(), address.transport, options); !set) {
    return fail(set.error().code, address.text() + ": " + set.error().message);
  }
  if (address.transport == Transport::local) {
    if (auto usable = check_local_urgent(); !usable) return std::unexpected(std::move(usable.error()));
  } else {
    (void)arm_socket(fd.get());
  }
  return ListenSocket(std::move(fd), address);
}

std::string ListenSocket::local_path() const {
  constexpr std::string_view scheme = "unix:";
  return address_.transport == Transport::local ? address_.text().substr(scheme.size()) : std::string();
}

namespace {

Address any_or_loopback(int family, bool any, std::uint16_t port) {
  Address address;
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
    address.length = sizeof v4;
    std::memcpy(&address.storage, &v4, sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = any ? in6addr_any : in6addr_loopback;
    address.length = sizeof v6;
    std::memcpy(&address.storage, &v6, sizeof v6);
  }
  address.set_port(port);
  return address;
}

// A family that this host does not have.
bool absent(const Error& error) noexcept {
  return error.sys_errno == EAFNOSUPPORT || error.sys_errno == EADDRNOTAVAIL;
}

Result<std::vector<ListenSocket>> bind_each(const std::vector<Address>& addresses, const Options& options,
                                            std::optional<int> backlog) {
  std::vector<ListenSocket> sockets;
  Error last{Errc::not_found, "no address to listen on"};
  for (Address address : addresses) {
    if (address.port() == 0 && !sockets.empty()) address.set_port(sockets.front().address().port());
    auto socket = ListenSocket::bind_tcp(address, false, options, backlog);
    if (socket) {
      sockets.push_back(std::move(*socket));
      continue;
    }
    if (!absent(socket.error())) return std::unexpected(std::move(socket.error()));
    last = std::move(socket.error());
  }
  if (sockets.empty()) return std::unexpected(std::move(last));
  return sockets;
}

}  // namespace

Result<std::vector<ListenSocket>> bind_all(const TcpEndpoint& endpoint, const std::vector<Address>& found,
                                           const Options& options, std::optional<int> backlog) {
  const std::uint16_t port = found.empty() ? 0 : found.front().port();
  if (endpoint.host == "*") {
    auto socket = ListenSocket::bind_tcp(any_or_loopback(AF_INET6, true, port), true, options, backlog);
    if (!socket && absent(socket.error())) {
      socket = ListenSocket::bind_tcp(any_or_loopback(AF_INET, true, port), false, options, backlog);
    }
    if (!socket) return std::unexpected(std::move(socket.error()));
    std::vector<ListenSocket> sockets;
    sockets.push_back(std::move(*socket));
    return sockets;
  }
  std::vector<Address> addresses = found;
  if (endpoint.host.empty()) {
    addresses = {any_or_loopback(AF_INET, false, port), any_or_loopback(AF_INET6, false, port)};
  }
  // A port that is free in one family may be taken in the other: ask for the next.
  constexpr int attempts = 16;
  for (int attempt = 1;; ++attempt) {
    auto sockets = bind_each(addresses, options, backlog);
    const bool again = !sockets && sockets.error().code == Errc::in_use && port == 0 && attempt < attempts;
    if (!again) return sockets;
  }
}

Result<void> can_bind_local(const std::string& path, const Options& options) {
  if (auto usable = check_local_urgent(); !usable) return usable;
  const auto address = local_address(path);
  if (!address) return std::unexpected(address.error());
  if (auto free = make_way(*address, path); !free) return free;
  if (auto fd = open_socket(*address, options); !fd) return std::unexpected(std::move(fd.error()));
  std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return fail_errno("unix:" + path + ": cannot listen");
  }
  return {};
}

}  // namespace llp::illp
