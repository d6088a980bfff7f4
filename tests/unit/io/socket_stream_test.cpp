// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>

#include "io/socket_util.hpp"
#include "support.hpp"

namespace llp::io::test {
namespace {

namespace fs = std::filesystem;

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

class SocketStreamTest : public LoopTest {
 protected:
  static std::string port_of(const ByteStream& stream) {
    const std::string name = stream.local_name();
    return name.substr(name.rfind(':') + 1);
  }
  // A plain connection of the test's own.
  static UniqueFd dial(const SocketAddress& address) {
    UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), address.get(), address.size) != 0) return {};
    ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    return fd;
  }
  static UniqueFd dial_tcp(const std::string& port, const std::string& host = "127.0.0.1") {
    return dial(resolve_tcp(host, port, false)->front());
  }
  static UniqueFd dial_unix(const std::string& path) { return dial(*unix_address(path)); }
  static void put(const UniqueFd& fd, std::string_view text) {
    ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // A listener of the test's own.
  struct Listener {
    explicit Listener(const std::string& port = "0") {
      auto made = listen_tcp("127.0.0.1", port);
      if (!made) throw std::runtime_error(made.error().message);
      fd = std::move(made->front());
      const std::string name = to_string(address_of_socket(fd.get()));
      service = name.substr(name.rfind(':') + 1);
    }
    UniqueFd fd;
    std::string service;
  };
  UniqueFd accept(const UniqueFd& listener) {
    UniqueFd fd;
    run_until([&] {
      fd.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      return static_cast<bool>(fd);
    });
    return fd;
  }
  static void reset(UniqueFd fd) {
    const linger off{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &off, sizeof off);
  }
};

std::string all_bytes() {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  return all;
}

TEST_F(SocketStreamTest, TcpBothWays) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  auto client = make(TcpConnect{"127.0.0.1", port_of(*server)});
  EXPECT_EQ(client->describe(), "tcp 127.0.0.1:" + port_of(*server));
  EXPECT_EQ(server->describe(), "tcp listen 127.0.0.1:0");
  ASSERT_TRUE(run(client->open()));
  ASSERT_TRUE(run(server->open()));
  const std::string all = all_bytes();
  ASSERT_TRUE(write(*client, all));
  EXPECT_EQ(read(*server, 256), all);
  ASSERT_TRUE(write(*server, all));
  EXPECT_TRUE(run(server->wait_empty()));
  EXPECT_EQ(read(*client, 256), all);
  EXPECT_EQ(client->char_time(), 0ns);
  EXPECT_EQ(client->local_name(), "");
  client->close();
  EXPECT_EQ(read_error(*server), Errc::closed);
  EXPECT_EQ(read_error(*client), Errc::cancelled);
}

TEST_F(SocketStreamTest, UnixBothWays) {
  const std::string path = dir / "line";
  auto server = make(UnixListen{path});
  EXPECT_EQ(server->local_name(), path);
  struct stat st{};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 0660U);
  auto client = make(UnixConnect{path});
  ASSERT_TRUE(run(client->open()));
  ASSERT_TRUE(run(server->open()));
  const std::string all = all_bytes();
  ASSERT_TRUE(write(*client, all));
  EXPECT_EQ(read(*server, 256), all);
  ASSERT_TRUE(write(*server, all));
  EXPECT_TRUE(run(server->wait_empty()));
  EXPECT_EQ(read(*client, 256), all);
  server->close();
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(SocketStreamTest, MuchDataBothWaysAtOnce) {
  auto server = make(TcpListen{"", "0"});
  auto client = make(TcpConnect{"localhost", port_of(*server)});
  ASSERT_TRUE(run(client->open()));
  ASSERT_TRUE(run(server->open()));
  std::string much(8 << 20, '\0');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 7 + i / 251);
  const auto bytes = std::span(reinterpret_cast<const std::uint8_t*>(much.data()), much.size());
  auto a = start(client->write(bytes));
  auto b = start(server->write(bytes));
  EXPECT_TRUE(read(*server, much.size()) == much);
  EXPECT_TRUE(read(*client, much.size()) == much);
  EXPECT_TRUE(finish(a));
  EXPECT_TRUE(finish(b));
}

TEST_F(SocketStreamTest, OptionsAreSet) {
  options.user_timeout = 7000ms;
  options.keepalive_idle = 11000ms;
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  set_tcp_options(fd.get(), options);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(fd.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE), 11);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL), 10);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
}

TEST_F(SocketStreamTest, Ipv6) {
  if (!listen_tcp("::1", "0")) GTEST_SKIP() << "no IPv6 here";
  auto server = make(TcpListen{"::1", "0"});
  EXPECT_TRUE(server->local_name().starts_with("[::1]:"));
  auto client = make(TcpConnect{"::1", port_of(*server)});
  ASSERT_TRUE(run(client->open()));
  ASSERT_TRUE(run(server->open()));
}

// A name with several addresses, of which only some answer.
TEST_F(SocketStreamTest, EveryAddressIsTried) {
  Listener listener;  // 127.0.0.1 only, localhost may be ::1 first
  auto client = make(TcpConnect{"localhost", listener.service});
  EXPECT_TRUE(run(client->open()));
}

TEST_F(SocketStreamTest, EverywhereIsReachedOnEveryAddress) {
  auto server = make(TcpListen{"*", "0"});
  EXPECT_TRUE(dial_tcp(port_of(*server), "127.0.0.1"));
  EXPECT_TRUE(dial_tcp(port_of(*server), "127.0.0.2"));
  auto loopback = make(TcpListen{"", "0"});
  EXPECT_TRUE(dial_tcp(port_of(*loopback), "127.0.0.1"));
  EXPECT_FALSE(dial_tcp(port_of(*loopback), "127.0.0.2"));
}

TEST_F(SocketStreamTest, WhatCannotWorkFailsAtOnce) {
  const auto code = [&](const LineSpec& spec) {
    auto made = make_stream(context.get_executor(), spec, options, logger);
    return made ? std::optional<Errc>() : made.error().code;
  };
  auto server = make(TcpListen{"127.0.0.1", "0"});
  const std::string port = port_of(*server);
  EXPECT_EQ(code(TcpListen{"127.0.0.1", port}), Errc::in_use);
  EXPECT_EQ(
      make_stream(context.get_executor(), TcpListen{"127.0.0.1", port}, options, logger).error().message,
      "cannot listen on 127.0.0.1:" + port + ": Address already in use");
  EXPECT_EQ(code(TcpListen{"192.0.2.1", "0"}), Errc::not_found);
  for (const char* service : {"", "no-such-service", "65536", "999999999999999999999", "-1"}) {
    EXPECT_EQ(code(TcpListen{"", service}), Errc::invalid) << service;
    EXPECT_EQ(code(TcpConnect{"localhost", service}), Errc::invalid) << service;
  }
  EXPECT_EQ(code(TcpConnect{"", "1"}), Errc::invalid);
  EXPECT_EQ(code(UnixConnect{""}), Errc::invalid);
  EXPECT_EQ(code(UnixListen{std::string(108, 'x')}), Errc::invalid);
  EXPECT_EQ(code(UnixListen{dir / "no/such"}), Errc::not_found);
  options.pool.reset();
  EXPECT_EQ(code(UnixConnect{"/x"}), Errc::invalid);
}

TEST_F(SocketStreamTest, ThePortIsFreeAfterClose) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  const std::string port = port_of(*server);
  server->close();
  EXPECT_TRUE(make_stream(context.get_executor(), TcpListen{"127.0.0.1", port}, options, logger));
}

TEST_F(SocketStreamTest, AStalePathIsReplacedAndOthersAreNot) {
  const std::string path = dir / "line";
  {
    const UniqueFd old(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_GE(old.get(), 0);
    const auto address = unix_address(path);
    // NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): seen to be open above
    ASSERT_EQ(::bind(old.get(), address->get(), address->size), 0);
  }
  ASSERT_TRUE(fs::exists(path));
  auto server = make(UnixListen{path});
  auto second = make_stream(context.get_executor(), UnixListen{path}, options, logger);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::in_use);
  EXPECT_EQ(second.error().message, path + " is in use: another process listens on it");
  const std::string file = dir / "file";
  ASSERT_TRUE(UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
  EXPECT_EQ(make_stream(context.get_executor(), UnixListen{file}, options, logger).error().message,
            file + " exists and is not a socket; choose another path");
  // Somebody else's by now: stays.
  fs::remove(path);
  auto third = make(UnixListen{path});
  server.reset();
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(SocketStreamTest, ConnectsWhenThePeerComes) {
  std::string service;
  {
    service = Listener().service;
  }
  auto client = make(TcpConnect{"127.0.0.1", service});
  auto opening = start(client->open());
  settle();
  EXPECT_FALSE(opening->done());
  Listener listener(service);
  ASSERT_TRUE(finish(opening));
  // Said once, although there were several attempts, and when it was over.
  EXPECT_EQ(std::ranges::count(
                log, "cannot connect to 127.0.0.1:" + service + ": Connection refused; trying again"),
            std::ranges::count_if(log, [](const auto& l) { return l.find("refused") != l.npos; }));
  EXPECT_EQ(log.back(), "connected to tcp 127.0.0.1:" + service);
}

TEST_F(SocketStreamTest, UnixConnectsWhenThePeerComes) {
  const std::string path = dir / "line";
  auto client = make(UnixConnect{path});
  auto opening = start(client->open());
  settle();
  EXPECT_FALSE(opening->done());
  auto server = make(UnixListen{path});
  ASSERT_TRUE(finish(opening));
}

TEST_F(SocketStreamTest, AnUnknownHostIsTriedAgain) {
  auto client = make(TcpConnect{"no-such-host.invalid", "1"});
  auto opening = start(client->open());
  ASSERT_TRUE(run_until([&] { return !log.empty(); }));
  EXPECT_FALSE(opening->done());
  client->close();
  EXPECT_EQ(finish(opening).error().code, Errc::cancelled);
}

TEST_F(SocketStreamTest, ReconnectsAfterEndAndReset) {
  Listener listener;
  auto client = make(TcpConnect{"127.0.0.1", listener.service});
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(run(client->open())) << i;
    auto peer = accept(listener.fd);
    put(peer, "A");
    EXPECT_EQ(read(*client, 1), "A");
    auto reading = start_read(*client);
    settle(5ms);
    if (i % 2 == 0) {
      peer.reset();
    } else {
      reset(std::move(peer));
    }
    const auto got = finish(reading);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, i % 2 == 0 ? Errc::closed : Errc::reset);
  }
}

// A peer that takes connections and drops them does not get all our attention.
TEST_F(SocketStreamTest, APeerThatDropsIsNotRushed) {
  options.backoff_min = 40ms;
  options.backoff_max = 40ms;
  Listener listener;
  auto client = make(TcpConnect{"127.0.0.1", listener.service});
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(run(client->open()));
    accept(listener.fd).reset();
    EXPECT_EQ(read_error(*client), Errc::closed);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 4 * 20ms);  // never early: 50 % of the back-off
}

TEST_F(SocketStreamTest, OurOwnDisconnectCostsNoTime) {
  options.backoff_min = options.backoff_max = std::chrono::hours(1);
  Listener listener;
  auto client = make(TcpConnect{"127.0.0.1", listener.service});
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(run(client->open()));
    const auto peer = accept(listener.fd);
    auto reading = start_read(*client);
    settle(5ms);
    client->disconnect();
    EXPECT_EQ(finish(reading).error().code, Errc::closed);
    EXPECT_EQ(write(*client, "x").error().code, Errc::closed);
    EXPECT_EQ(read_fd(peer.get(), 1), "");
  }
}

// shows: interop/8/reconnect
TEST_F(SocketStreamTest, ANewConnectionReplacesTheOld) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  const auto first = dial_tcp(port_of(*server));
  ASSERT_TRUE(run(server->open()));
  put(first, "A");
  EXPECT_EQ(read(*server, 1), "A");
  auto reading = start_read(*server);
  settle(5ms);
  const auto second = dial_tcp(port_of(*server));
  put(second, "B");
  const auto got = finish(reading);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::reset);
  EXPECT_NE(got.error().message.find("replaced by a new connection from 127.0.0.1:"), std::string::npos);
  EXPECT_EQ(write(*server, "x").error().code, Errc::reset);
  ASSERT_TRUE(run(server->open()));
  EXPECT_EQ(read(*server, 1), "B");
  EXPECT_EQ(read_fd(first.get(), 1), "");  // ended
}

TEST_F(SocketStreamTest, OfManyTheLastIsServed) {
  auto server = make(UnixListen{dir / "line"});
  std::vector<UniqueFd> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(dial_unix(dir / "line"));
    ASSERT_TRUE(peers.back());
    put(peers.back(), std::string(1, static_cast<char>('0' + i)));
  }
  settle();
  ASSERT_TRUE(run(server->open()));
  EXPECT_EQ(read(*server, 1), "9");
  for (int i = 0; i < 9; ++i) EXPECT_EQ(read_fd(peers[static_cast<std::size_t>(i)].get(), 1), "");
}

TEST_F(SocketStreamTest, TheServerOpensAgainAfterItsPeerHasGone) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  for (int i = 0; i < 4; ++i) {
    auto opening = start(server->open());
    settle(5ms);
    EXPECT_FALSE(opening->done());
    auto peer = dial_tcp(port_of(*server));
    ASSERT_TRUE(finish(opening));
    if (i % 2 == 0) {
      peer.reset();
      EXPECT_EQ(read_error(*server), Errc::closed);
    } else {
      reset(std::move(peer));
      EXPECT_EQ(read_error(*server), Errc::reset);
    }
  }
}

// A half-closed peer still gets what we write until open() or disconnect().
TEST_F(SocketStreamTest, WritesAfterThePeersEnd) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  const auto peer = dial_tcp(port_of(*server));
  ASSERT_TRUE(run(server->open()));
  ::shutdown(peer.get(), SHUT_WR);
  EXPECT_EQ(read_error(*server), Errc::closed);
  ASSERT_TRUE(write(*server, "reply"));
  EXPECT_EQ(read_fd(peer.get(), 5), "reply");
}

// Input that we have not read does not take our last words back.
TEST_F(SocketStreamTest, WrittenOutputGetsAChance) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  const auto peer = dial_tcp(port_of(*server));
  ASSERT_TRUE(run(server->open()));
  put(peer, "more than is read");
  ASSERT_TRUE(write(*server, "last words"));
  server.reset();
  EXPECT_EQ(read_fd(peer.get(), 11), "last words");
  pollfd p{peer.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&p, 1, 0), 1);
  char c = 0;
  EXPECT_EQ(::read(peer.get(), &c, 1), 0);  // ended, not reset
}

TEST_F(SocketStreamTest, APeerThatNeverReadsIsNotWaitedForLong) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  const auto peer = dial_tcp(port_of(*server));
  ASSERT_TRUE(run(server->open()));
  ASSERT_TRUE(write(*server, "x"));
  server.reset();
  context.restart();
  context.run_for(kLimit);
  EXPECT_TRUE(context.stopped());  // nothing is left under way, though the peer is still there
}

TEST_F(SocketStreamTest, CloseEndsEverything) {
  for (const bool destroy : {false, true}) {
    auto server = make(TcpListen{"127.0.0.1", "0"});
    auto client = make(TcpConnect{"127.0.0.1", port_of(*server)});
    for (auto* stream : {&client, &server}) {
      ASSERT_TRUE(run((*stream)->open()));
    }
    const std::vector<std::uint8_t> much(64 << 20, 'x');
    auto reading = start_read(*server);
    auto writing = start(server->write(much));
    ASSERT_TRUE(run_until([done = 0]() mutable { return ++done > 50; }));
    auto emptying = start(server->wait_empty());
    settle();
    EXPECT_FALSE(reading->done());
    EXPECT_FALSE(writing->done());
    EXPECT_FALSE(emptying->done());
    if (destroy) {
      server.reset();
    } else {
      server->close();
    }
    EXPECT_EQ(finish(reading).error().code, Errc::cancelled);
    EXPECT_EQ(finish(writing).error().code, Errc::cancelled);
    EXPECT_EQ(finish(emptying).error().code, Errc::cancelled);
    if (server) {
      EXPECT_EQ(run(server->open()).error().code, Errc::cancelled);
    }
  }
}

TEST_F(SocketStreamTest, CloseEndsAnOpenThatWaits) {
  options.backoff_min = options.backoff_max = std::chrono::hours(1);
  std::string service;
  {
    service = Listener().service;
  }
  const UniqueFd deaf = listen_unix(dir / "deaf", 0600).value();
  for (const LineSpec& spec : {LineSpec(TcpListen{"", "0"}), LineSpec(UnixListen{dir / "line"}),
                               LineSpec(TcpConnect{"127.0.0.1", service}),
                               LineSpec(UnixConnect{dir / "none"}), LineSpec(TcpConnect{"192.0.2.1", "9"})}) {
    for (const auto time : {0ms, 20ms}) {
      auto stream = make(spec);
      auto opening = start(stream->open());
      settle(time);
      EXPECT_FALSE(opening->done());
      stream.reset();
      EXPECT_EQ(finish(opening).error().code, Errc::cancelled) << describe(spec);
    }
  }
}

TEST_F(SocketStreamTest, CallsBeforeOpenFail) {
  auto client = make(TcpConnect{"127.0.0.1", "9"});
  EXPECT_EQ(read_error(*client), Errc::closed);
  EXPECT_EQ(write(*client, "x").error().code, Errc::closed);
  EXPECT_EQ(run(client->wait_empty()).error().code, Errc::closed);
  client->disconnect();
}

// A peer that always has something does not keep others from their turn.
TEST_F(SocketStreamTest, AFloodLeavesRoomForOthers) {
  auto server = make(TcpListen{"127.0.0.1", "0"});
  const auto peer = dial_tcp(port_of(*server));
  ASSERT_TRUE(run(server->open()));
  const std::string much(100000, 'x');
  put(peer, much);
  int turns = 0;
  const auto read_all = [](ByteStream& s, std::size_t size) -> asio::awaitable<Result<void>> {
    std::array<std::uint8_t, 10> bytes{}, flags{};
    while (size > 0) {
      const auto got = co_await s.read_some(bytes, flags);
      if (!got) co_return std::unexpected(got.error());
      size -= got->size;
    }
    co_return Result<void>();
  };
  auto reading = start(read_all(*server, much.size()));
  run_until([&] {
    ++turns;
    return reading->done();
  });
  EXPECT_TRUE(finish(reading));
  EXPECT_GT(turns, 100);
}

// No backlog left: the first answer is a time-out.
TEST_F(SocketStreamTest, ConnectingHasALimit) {
  options.connect_timeout = 30ms;
  const UniqueFd full(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_GE(full.get(), 0);
  auto address = resolve_tcp("127.0.0.1", "0", true)->front();
  // NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): seen to be open above
  ASSERT_EQ(::bind(full.get(), address.get(), address.size), 0);
  ASSERT_EQ(::listen(full.get(), 0), 0);
  address = address_of_socket(full.get());
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < 4; ++i) {
    crowd.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    static_cast<void>(::connect(crowd.back().get(), address.get(), address.size));
  }
  const std::string name = to_string(address);
  auto client = make(TcpConnect{"127.0.0.1", name.substr(name.rfind(':') + 1)});
  auto opening = start(client->open());
  EXPECT_TRUE(run_until([&] { return !log.empty(); }));
  EXPECT_EQ(log.front(), "cannot connect to " + name + ": no answer in time; trying again");
  client->close();
  EXPECT_EQ(finish(opening).error().code, Errc::cancelled);
}

TEST(BackOff, DoublesWithinItsBounds) {
  for (int round = 0; round < 50; ++round) {
    BackOff back_off(100ms, 1000ms);
    for (const auto value : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
      const auto time = back_off.next();
      EXPECT_GE(time, value / 2);
      EXPECT_LE(time, value);
    }
    back_off.reset();
    EXPECT_LE(back_off.next(), 100ms);
  }
  BackOff odd(0ms, 0ms);
  EXPECT_LE(odd.next(), 1ms);
}

}  // namespace
}  // namespace llp::io::test
