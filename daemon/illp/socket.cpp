// SPDX-License-Identifier: BSD-3-Clause
// The options of ILLP sockets.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <limits>

#include "illp/connection.hpp"

namespace llp::illp {

namespace {

Result<void> set_int(int fd, int level, int name, int value, const char* what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) == 0) return {};
  return fail_errno(std::string("cannot set ") + what);
}

template <class Unit>
int rounded_up(Options::Duration d) {
  const auto count = std::chrono::ceil<Unit>(d).count();
  return static_cast<int>(std::clamp<std::int64_t>(count, 1, std::numeric_limits<int>::max()));
}

Result<void> set_tcp_options(int fd, const Options& options) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  struct Item {
    int level;
    int name;
    int value;
    const char* what;
  };
  const std::array items{
      Item{SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
      Item{IPPROTO_TCP, TCP_KEEPIDLE, rounded_up<seconds>(options.keepalive_idle), "TCP_KEEPIDLE"},
      Item{IPPROTO_TCP, TCP_KEEPINTVL, rounded_up<seconds>(options.keepalive_interval), "TCP_KEEPINTVL"},
      Item{IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(options.keepalive_count), "TCP_KEEPCNT"},
      Item{IPPROTO_TCP, TCP_USER_TIMEOUT, rounded_up<milliseconds>(options.user_timeout), "TCP_USER_TIMEOUT"},
      Item{IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"},
  };
  for (const Item& item : items) {
    if (auto set = set_int(fd, item.level, item.name, item.value, item.what); !set) return set;
  }
  return {};
}

bool set_linger(int fd, bool on) noexcept {
  const linger value{on ? 1 : 0, 0};
  return ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value) == 0;
}

}  // namespace

Result<void> set_socket_options(int fd, Transport transport, const Options& options) {
  const int status = ::fcntl(fd, F_GETFL);
  if (status < 0 || ::fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
    return fail_errno("cannot set O_NONBLOCK and FD_CLOEXEC");
  }
  if (auto set = set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1, "SO_OOBINLINE"); !set) return set;
  if (transport == Transport::tcp) return set_tcp_options(fd, options);
  return {};
}

bool arm_socket(int fd) noexcept { return set_linger(fd, true); }

bool disarm_socket(int fd) noexcept { return set_linger(fd, false); }

Result<void> check_local_urgent() {
  std::array<int, 2> pair{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0) {
    return fail_errno("cannot make a UNIX socket");
  }
  const UniqueFd a(pair[0]);
  const UniqueFd b(pair[1]);
  const auto byte = static_cast<std::uint8_t>(Urgent::stx);
  if (::send(a.get(), &byte, 1, MSG_OOB | MSG_NOSIGNAL | MSG_DONTWAIT) == 1) return {};
  return fail_errno(
      "UNIX sockets carry no urgent data here (Linux 5.15 or newer with CONFIG_AF_UNIX_OOB is needed); use "
      "TCP");
}

}  // namespace llp::illp
