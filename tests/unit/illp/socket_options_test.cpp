// SPDX-License-Identifier: BSD-3-Clause
// The options that every ILLP connection gets, asked of the system.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

#include "illp/connection.hpp"
#include "illp/server.hpp"
#include "illp/support.hpp"

namespace llp::illp::test {
namespace {

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

class SocketOptions : public testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(Transports, SocketOptions, testing::Values(Transport::tcp, Transport::local),
                         [](const auto& instance) { return transport_name(instance.param); });

// shows: illp/3/connect+connected illp/6/inline illp/6/keepalive illp/6/nodelay illp/6/cloexec
TEST_P(SocketOptions, OfAConnection) {
  const int domain = GetParam() == Transport::tcp ? AF_INET : AF_UNIX;
  const UniqueFd fd(::socket(domain, SOCK_STREAM, 0));
  ASSERT_TRUE(set_socket_options(fd.get(), GetParam(), Options{}));
  EXPECT_EQ(option(fd.get(), SOL_SOCKET, SO_OOBINLINE), 1);
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
  if (GetParam() == Transport::local) return;
  EXPECT_EQ(option(fd.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE), 30);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL), 10);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT), 60000);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_NODELAY), 1);
}

bool armed(int fd) {
  linger value{};
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_LINGER, &value, &size), 0);
  return value.l_onoff != 0 && value.l_linger == 0;
}

using NameOf = int (*)(int, sockaddr*, socklen_t*);
std::pair<in_addr_t, in_port_t> name(NameOf of, int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (of(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sin_family != AF_INET) return {};
  return {address.sin_addr.s_addr, address.sin_port};
}

// Descriptors of this process: the other end of a TCP connection, and who listens at the peer's address.
int other_end(int fd) {
  const auto own = name(::getsockname, fd);
  for (int n = 0; n < 1024; ++n) {
    if (name(::getpeername, n) == own) return n;
  }
  return -1;
}
int listens_for(int fd) {
  const auto peer = name(::getpeername, fd);
  for (int n = 0; n < 1024; ++n) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (name(::getsockname, n) == peer && ::getsockopt(n, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
        listens == 1)
      return n;
  }
  return -1;
}

void expect_prepared(int fd) {
  ASSERT_GE(fd, 0);
  EXPECT_TRUE(armed(fd));
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 60000);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

// shows: illp/D-6 illp/3/connect+connected illp/6/inline illp/6/keepalive illp/6/nodelay illp/6/cloexec
TEST(SocketOptionsOverTcp, OfAClientThatHasConnected) {
  Loop loop;
  const RawListener listener = raw_listen(Transport::tcp);
  ClientTransaction client(loop.executor(), listener.endpoint, Options{});
  auto connected = loop.start(client.connect());
  const UniqueFd peer = raw_accept(listener.fd.get());
  ASSERT_TRUE(connected.get());
  expect_prepared(other_end(peer.get()));
  loop.call([&] { client.abort(); });
}

// shows: illp/D-6 illp/6/inline illp/6/keepalive illp/6/nodelay illp/6/cloexec
TEST(SocketOptionsOverTcp, OfAServerAndWhatItAccepts) {
  TestServer server(Transport::tcp, ServerOptions{}, echo());
  const UniqueFd peer = server.connect();
  server.until([](const Server& s) { return s.active() == 1; });
  expect_prepared(other_end(peer.get()));
  const int listener = listens_for(peer.get());
  ASSERT_GE(listener, 0);
  EXPECT_EQ(option(listener, SOL_SOCKET, SO_OOBINLINE), 1);
  EXPECT_NE(::fcntl(listener, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
}

// Armed as long as a message may be cut, and no longer. (UNIX sockets know no reset.)
// shows: illp/D-6 illp/3/connect+connected illp/4/close
TEST(SocketOptionsOverTcp, ArmedUntilTheRegularEnd) {
  Loop loop;
  Pair pair = make_pair(Transport::tcp);
  const int fd = pair.ours.get();
  Connection connection(loop.executor(), std::move(pair.ours), Transport::tcp, "peer");
  EXPECT_TRUE(armed(fd));
  ASSERT_TRUE(connection.half_close());
  EXPECT_TRUE(armed(fd));
  ASSERT_TRUE(connection.disarm());
  EXPECT_FALSE(armed(fd));
  loop.call([&] { connection.abort(); });
}

// A connection of the server before still has the port: a new one gets it all the same.
// shows: illp/6/reuse
TEST(SocketOptionsOfAListener, ThePortIsFreeAtOnce) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  UniqueFd before(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_GE(before.get(), 0);
  const int on = 1;
  ASSERT_EQ(::setsockopt(before.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  // NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): seen to be open above
  ASSERT_EQ(::bind(before.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(before.get(), 1), 0);
  socklen_t length = sizeof address;
  ASSERT_EQ(::getsockname(before.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  const UniqueFd client = raw_connect(TcpEndpoint{"127.0.0.1", port});
  const UniqueFd served = raw_accept(before.get());
  before.reset();

  const UniqueFd plain(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_NE(::bind(plain.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
      << "nothing is shown";
  Loop loop;
  auto server = std::make_unique<Server>(loop.executor(), ServerOptions{}, echo());
  const auto listening = loop.run(server->listen(TcpEndpoint{"127.0.0.1", port}));
  EXPECT_TRUE(listening) << listening.error().message;
  loop.call([&] { server.reset(); });
}

}  // namespace
}  // namespace llp::illp::test
