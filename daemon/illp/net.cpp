// SPDX-License-Identifier: BSD-3-Clause
#include "illp/net.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace llp::illp {

namespace {

using Resolver = asio::ip::tcp::resolver;

std::optional<std::uint16_t> port_number(const std::string& service) {
  std::uint16_t port = 0;
  const char* end = service.data() + service.size();
  const auto [stop, error] = std::from_chars(service.data(), end, port);
  if (error != std::errc{} || stop != end || service.empty()) return std::nullopt;
  return port;
}

Address to_address(const asio::ip::tcp::endpoint& endpoint) {
  Address address;
  address.length = static_cast<socklen_t>(endpoint.size());
  std::memcpy(&address.storage, endpoint.data(), endpoint.size());
  return address;
}

Error resolve_error(const TcpEndpoint& endpoint, const asio::error_code& error) {
  if (error == asio::error::service_not_found) {
    return {Errc::not_found,
            "unknown service '" + endpoint.service + "' (neither a port number nor a name of services(5))"};
  }
  if (error == asio::error::host_not_found || error == asio::error::no_data) {
    return {Errc::not_found, "unknown host '" + endpoint.host + "'"};
  }
  if (error == asio::error::host_not_found_try_again) {
    return {Errc::busy, "host '" + endpoint.host + "': the name service does not answer now"};
  }
  return {Errc::system, "host '" + endpoint.host + "': " + error.message()};
}

// Outlives the coroutine that waits for it: a lookup in the resolver's thread
// cannot be taken back.
struct Lookup {
  explicit Lookup(std::shared_ptr<asio::steady_timer> t)
      : timer(std::move(t)), resolver(timer->get_executor()) {}
  std::shared_ptr<asio::steady_timer> timer;
  Resolver resolver;
  bool done = false;
  bool awaited = true;  // the timer may serve another purpose once the wait is over
  asio::error_code error;
  Resolver::results_type results;
};

}  // namespace

const sockaddr* Address::get() const noexcept {
  return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT: the socket interface's own idiom
}

std::uint16_t Address::port() const noexcept {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return ntohs(v4.sin_port);
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    return ntohs(v6.sin6_port);
  }
  return 0;
}

void Address::set_port(std::uint16_t port) noexcept {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    v4.sin_port = htons(port);
    std::memcpy(&storage, &v4, sizeof v4);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    v6.sin6_port = htons(port);
    std::memcpy(&storage, &v6, sizeof v6);
  }
}

std::string Address::text() const {
  if (transport == Transport::local) {
    sockaddr_un local{};
    std::memcpy(&local, &storage, sizeof local);
    return "unix:" + std::string(local.sun_path);
  }
  asio::ip::tcp::endpoint endpoint;
  endpoint.resize(length);
  std::memcpy(endpoint.data(), &storage, length);
  return to_string(TcpEndpoint{endpoint.address().to_string(), std::to_string(endpoint.port())});
}

Result<Address> local_address(const std::string& path) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof local.sun_path || path.find('\0') != std::string::npos) {
    return fail(Errc::invalid, "unix:" + path + ": the path of a UNIX socket has 1 to " +
                                   std::to_string(sizeof local.sun_path - 1) + " bytes");
  }
  std::memcpy(local.sun_path, path.data(), path.size());
  Address address;
  address.transport = Transport::local;
  address.length = sizeof local;
  std::memcpy(&address.storage, &local, sizeof local);
  return address;
}

asio::awaitable<Result<std::vector<Address>>> resolve(std::shared_ptr<asio::steady_timer> timer,
                                                      TcpEndpoint endpoint, bool passive,
                                                      Clock::time_point deadline) {
  if (endpoint.host.empty()) endpoint.host = "localhost";
  asio::error_code not_numeric;
  const auto ip = asio::ip::make_address(endpoint.host, not_numeric);
  const auto port = port_number(endpoint.service);
  std::vector<Address> addresses;
  // getaddrinfo() would take 70000 for 4464.
  if (!port && endpoint.service.find_first_not_of("0123456789") == std::string::npos) {
    co_return fail(Errc::invalid,
                   "'" + endpoint.service + "' is not a port number: 0 to 65535 or a service's name");
  }
  if (!not_numeric && port) {
    addresses.push_back(to_address({ip, *port}));
    co_return addresses;
  }

  const auto lookup = std::make_shared<Lookup>(timer);
  const auto flags = passive ? Resolver::passive : Resolver::flags{};
  lookup->resolver.async_resolve(endpoint.host, endpoint.service, flags,
                                 [lookup](const asio::error_code& error, Resolver::results_type results) {
                                   lookup->done = true;
                                   lookup->error = error;
                                   lookup->results = std::move(results);
                                   if (lookup->awaited) lookup->timer->cancel();
                                 });
  timer->expires_at(deadline);
  co_await timer->async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  lookup->awaited = false;
  if (!lookup->done) {
    lookup->resolver.cancel();
    if (Clock::now() < deadline)
      co_return fail(Errc::cancelled, "ended while asking for '" + endpoint.host + "'");
    co_return fail(Errc::timeout, "host '" + endpoint.host + "': the name service did not answer in time");
  }
  if (lookup->error) co_return std::unexpected(resolve_error(endpoint, lookup->error));
  for (const auto& entry : lookup->results) addresses.push_back(to_address(entry.endpoint()));
  co_return addresses;
}

Result<UniqueFd> open_socket(const Address& address, const Options& options) {
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno(address.text() + ": cannot make a socket");
  if (auto set = set_socket_options(fd.get(), address.transport, options); !set) {
    return std::unexpected(std::move(set.error()));
  }
  return fd;
}

std::string peer_text(int fd, const Address& address, const std::string& local_path) {
  if (address.transport == Transport::tcp) return address.text();
  ucred credentials{};
  socklen_t length = sizeof credentials;
  std::string text = "unix:" + local_path;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0) {
    text += " (pid " + std::to_string(credentials.pid) + ")";
  }
  return text;
}

}  // namespace llp::illp
