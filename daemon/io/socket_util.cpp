// SPDX-License-Identifier: BSD-3-Clause
#include "io/socket_util.hpp"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace llp::io {

namespace {

constexpr int kBacklog = 16;
constexpr int kSocketFlags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

struct FreeAddrinfo {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

Error resolve_error(const std::string& host, const std::string& service, int code) {
  switch (code) {
    case EAI_SERVICE: return Error{Errc::invalid, fmt::format("no such service: {}", service), 0};
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
      return Error{Errc::not_found, fmt::format("no such host: {}", host), 0};
    case EAI_AGAIN: return Error{Errc::busy, fmt::format("cannot look up {} now", host), 0};
    case EAI_SYSTEM: return sys_error(fmt::format("cannot look up {}", host));
    default:
      return Error{Errc::not_found, fmt::format("cannot look up {}: {}", host, ::gai_strerror(code)), 0};
  }
}

void set(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); }

std::uint16_t port_of(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
}

void set_port(SocketAddress& address, std::uint16_t port) {
  if (address.storage.ss_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  }
}

Result<UniqueFd> listen_on(const SocketAddress& address) {
  UniqueFd fd(::socket(address.storage.ss_family, kSocketFlags, 0));
  if (fd) {
    set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (address.storage.ss_family == AF_INET6) set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (::bind(fd.get(), address.get(), address.size) == 0 && ::listen(fd.get(), kBacklog) == 0) return fd;
  }
  const int err = errno;
  Error error = sys_error(fmt::format("cannot listen on {}", to_string(address)), err);
  if (err == EADDRNOTAVAIL) error.code = Errc::not_found;
  return std::unexpected(std::move(error));
}

// What this machine has not got (IPv6 switched off), as against what is wrong.
bool absent(const Error& error) {
  return error.sys_errno == EAFNOSUPPORT || error.sys_errno == EADDRNOTAVAIL ||
         error.sys_errno == EPROTONOSUPPORT;
}

}  // namespace

Result<std::vector<SocketAddress>> resolve_tcp(const std::string& host, const std::string& service,
                                               bool passive) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_protocol = IPPROTO_TCP;
  const bool everywhere = passive && host == "*";
  hints.ai_flags = everywhere ? AI_PASSIVE : 0;
  addrinfo* raw = nullptr;
  const int code =
      ::getaddrinfo(host.empty() || everywhere ? nullptr : host.c_str(), service.c_str(), &hints, &raw);
  if (code != 0) return std::unexpected(resolve_error(host, service, code));
  const std::unique_ptr<addrinfo, FreeAddrinfo> list(raw);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    SocketAddress address;
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    address.size = a->ai_addrlen;
    const bool known = std::ranges::any_of(addresses, [&](const SocketAddress& other) {
      return other.size == address.size && std::memcmp(&other.storage, &address.storage, address.size) == 0;
    });
    if (!known) addresses.push_back(address);
  }
  if (addresses.empty()) return fail(Errc::not_found, fmt::format("{} has no address", host));
  return addresses;
}

Result<void> check_service(const std::string& service) {
  if (service.empty()) return fail(Errc::invalid, "a TCP line needs a service, a name or a port number");
  const bool digits = std::ranges::all_of(service, [](char c) { return c >= '0' && c <= '9'; });
  if (digits && (service.size() > 5 || std::stoul(service) > 65535)) {
    return fail(Errc::invalid, fmt::format("port {} is not within 0..65535", service));
  }
  auto found = resolve_tcp("", service, false);
  if (!found) return std::unexpected(found.error());
  return {};
}

Result<SocketAddress> unix_address(const std::string& path) {
  SocketAddress address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof un->sun_path) {
    return fail(Errc::invalid, fmt::format("the path of a UNIX socket has 1 to {} bytes: \"{}\"",
                                           sizeof un->sun_path - 1, path));
  }
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

std::string to_string(const SocketAddress& address) {
  if (address.storage.ss_family == AF_UNIX) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(&address.storage);
    const bool named = address.size > offsetof(sockaddr_un, sun_path) && un->sun_path[0] != '\0';
    return named ? std::string(un->sun_path) : "a local program";
  }
  char host[NI_MAXHOST] = {};
  char port[NI_MAXSERV] = {};
  if (::getnameinfo(address.get(), address.size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "an unknown address";
  }
  return address.storage.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                               : fmt::format("{}:{}", host, port);
}

SocketAddress address_of_socket(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) address.size = 0;
  return address;
}

SocketAddress address_of_peer(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) address.size = 0;
  return address;
}

void set_tcp_options(int fd, const StreamOptions& options) {
  const auto seconds = [](StreamOptions::ms time) {
    return static_cast<int>(std::max<long>(time.count() / 1000, 1));
  };
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(options.keepalive_idle));
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(options.keepalive_interval));
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(options.keepalive_probes));
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout.count()));
}

Result<std::vector<UniqueFd>> listen_tcp(const std::string& bind, const std::string& service) {
  auto addresses = resolve_tcp(bind, service, true);
  if (!addresses) return std::unexpected(addresses.error());
  std::vector<UniqueFd> listeners;
  Error missing;
  std::uint16_t chosen = 0;
  for (auto& address : *addresses) {
    // Port 0: whatever the first one got.
    if (chosen != 0 && port_of(address) == 0) set_port(address, chosen);
    auto fd = listen_on(address);
    if (fd) {
      chosen = port_of(address_of_socket(fd->get()));
      listeners.push_back(std::move(*fd));
    } else if (absent(fd.error())) {
      missing = fd.error();
    } else {
      return std::unexpected(fd.error());
    }
  }
  if (listeners.empty()) return std::unexpected(missing);
  return listeners;
}

Result<UniqueFd> listen_unix(const std::string& path, mode_t mode) {
  auto address = unix_address(path);
  if (!address) return std::unexpected(address.error());
  struct stat st{};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) {
      return fail(Errc::in_use, fmt::format("{} exists and is not a socket; choose another path", path));
    }
    const UniqueFd probe(::socket(AF_UNIX, kSocketFlags, 0));
    if (!probe) return fail_errno("cannot make a socket");
    if (::connect(probe.get(), address->get(), address->size) == 0 || errno != ECONNREFUSED) {
      return fail(Errc::in_use, fmt::format("{} is in use: another process listens on it", path));
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return fail_errno(fmt::format("cannot remove the stale socket {}", path));
    }
  }
  UniqueFd fd(::socket(AF_UNIX, kSocketFlags, 0));
  if (!fd) return fail_errno("cannot make a socket");
  // Nobody can connect before listen(), so that the mode holds for everybody.
  if (::bind(fd.get(), address->get(), address->size) != 0)
    return fail_errno(fmt::format("cannot listen on {}", path));
  if (::chmod(path.c_str(), mode) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    const int err = errno;
    ::unlink(path.c_str());
    return fail_errno(fmt::format("cannot listen on {}", path), err);
  }
  return fd;
}

ssize_t SocketChannel::write(std::span<const std::uint8_t> bytes) {
  const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return n >= 0 ? n : -errno;
}

namespace {

// Says that nothing more comes, and keeps the socket until the peer has done
// the same: closing it with input unread would take back what is on its way.
asio::awaitable<void> linger(std::shared_ptr<SocketChannel> channel, asio::any_io_executor executor,
                             StreamOptions::ms time) {
  std::array<std::uint8_t, 4096> unwanted{};
  asio::steady_timer timer(executor, time);
  const std::weak_ptr<SocketChannel> weak = channel;
  timer.async_wait([weak](const asio::error_code&) {
    if (const auto c = weak.lock()) c->stop_waiting();
  });
  const auto deadline = timer.expiry();
  channel->finish_sending();
  ssize_t n = -EAGAIN;
  while ((n > 0 || n == -EAGAIN || n == -EINTR) && asio::steady_timer::clock_type::now() < deadline) {
    const bool ready = co_await channel->wait(asio::posix::descriptor_base::wait_read);
    if (!ready) co_return;
    n = channel->read(unwanted);
  }
}

}  // namespace

void SocketBase::retire(std::shared_ptr<Channel> channel) {
  const bool ours = channel->ended()->code == Errc::closed || channel->ended()->code == Errc::cancelled;
  if (!ours || channel->sent == 0) return;
  asio::co_spawn(
      executor_,
      linger(std::static_pointer_cast<SocketChannel>(std::move(channel)), executor_, options_.linger),
      asio::detached);
}

// Sent by our host; what the peer's has is not ours to know. A UNIX socket has
// no queue of its own.
asio::awaitable<Result<void>> SocketBase::empty_channel(std::shared_ptr<Channel> channel) {
  auto pause = std::chrono::milliseconds(1);
  while (true) {
    if (auto why = stopped(*channel)) co_return std::unexpected(std::move(*why));
    int unsent = 0;
    if (::ioctl(channel->fd(), SIOCOUTQNSD, &unsent) != 0 || unsent == 0) co_return Result<void>();
    co_await channel->sleep(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(32));
  }
}

}  // namespace llp::io
