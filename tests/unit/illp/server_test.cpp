// SPDX-License-Identifier: BSD-3-Clause
// Every row of the server's state table, and its bounds.
#include "illp/server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/this_coro.hpp>
#include <atomic>
#include <stdexcept>

#include "illp/support.hpp"

namespace llp::illp::test {
namespace {

ServerOptions quick_server() {
  ServerOptions options;
  options.illp = quick_options();
  options.accept_pause = 5ms;
  return options;
}

using Tx = std::shared_ptr<ServerTransaction>;

class ServerTest : public testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(Transports, ServerTest, testing::Values(Transport::tcp, Transport::local),
                         [](const auto& instance) { return transport_name(instance.param); });

RawResult ask(const TestServer& server, std::string_view request) {
  const UniqueFd fd = server.connect();
  raw_send(fd.get(), request);
  raw_finish(fd.get());
  return raw_read_all(fd.get());
}

// shows: illp/2/one illp/3/recv+data illp/3/recv+eof illp/3/work+complete
TEST_P(ServerTest, RequestAndReply) {
  TestServer server(GetParam(), quick_server(), echo("re:"));
  const auto seen = ask(server, "request");
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.data, "re:request");
  server.until([](const Server& s) { return s.active() == 0; });
  EXPECT_EQ(server.counters().requests, 1u);
}

// shows: illp/D-1 illp/3/recv+eof
TEST_P(ServerTest, NothingIsHandedOverBeforeTheEnd) {
  TestServer server(GetParam(), quick_server(), echo());
  const UniqueFd half = server.connect();
  raw_send(half.get(), "part");
  EXPECT_EQ(ask(server, "whole").data, "whole");
  EXPECT_EQ(server.counters().requests, 1u);  // the other one
  raw_send(half.get(), " and rest");
  raw_finish(half.get());
  EXPECT_EQ(raw_read_all(half.get()).data, "part and rest");
}

// More than the client has read when the server closes: disarmed, it arrives.
// shows: illp/3/work+reply illp/3/work+complete
TEST_P(ServerTest, LargeBothWays) {
  TestServer server(GetParam(), quick_server(), echo());
  const std::string request = pattern(5 << 20);
  const auto seen = ask(server, request);
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.data, request);
}

// shows: hllp/10/client-stx illp/3/recv+data
TEST_P(ServerTest, StxInTheRequest) {
  TestServer server(GetParam(), quick_server(), echo());
  const UniqueFd fd = server.connect();
  raw_send(fd.get(), "void");
  raw_urgent(fd.get(), 0x02);
  raw_send(fd.get(), "kept");
  raw_finish(fd.get());
  EXPECT_EQ(raw_read_all(fd.get()).data, "kept");
}

// shows: illp/D-1 illp/3/recv+can
TEST_P(ServerTest, CanInTheRequest) {
  TestServer server(GetParam(), quick_server(), echo());
  const UniqueFd fd = server.connect();
  raw_send(fd.get(), "part");
  raw_urgent(fd.get(), 0x18);
  EXPECT_EQ(raw_read_all(fd.get()).data, "");
  server.until([](const Server& s) { return s.counters().cancelled == 1 && s.active() == 0; });
  EXPECT_EQ(server.counters().requests, 0u);
}

// shows: illp/D-1 illp/3/recv+can
TEST_P(ServerTest, ResetInTheRequest) {
  TestServer server(GetParam(), quick_server(), echo());
  UniqueFd fd = server.connect();
  raw_send(fd.get(), "part");
  raw_reset(fd);
  server.until([](const Server& s) { return s.counters().reset == 1 && s.active() == 0; });
  EXPECT_EQ(server.counters().requests, 0u);
}

// shows: illp/3/recv+idle
TEST_P(ServerTest, SilentClient) {
  ServerOptions options = quick_server();
  options.illp.idle_timeout = 30ms;
  options.illp.drain_time = 30ms;
  TestServer server(GetParam(), options, echo());
  const UniqueFd fd = server.connect();
  raw_send(fd.get(), "part");
  EXPECT_EQ(raw_read_all(fd.get()).urgent, "\x18");
  server.until([](const Server& s) { return s.counters().idle == 1 && s.active() == 0; });
}

// It is the time without a byte, not the time of the whole request.
// shows: illp/3/recv+idle
TEST(ServerIdle, EveryByteStartsItAnew) {
  ServerOptions options = quick_server();
  options.illp.idle_timeout = 1500ms;
  TestServer server(Transport::tcp, options, echo());
  const UniqueFd fd = server.connect();
  for (int i = 0; i < 4; ++i) {
    raw_send(fd.get(), "x");
    std::this_thread::sleep_for(500ms);
  }
  raw_finish(fd.get());
  EXPECT_EQ(raw_read_all(fd.get()).data, "xxxx");
  EXPECT_EQ(server.counters().idle, 0u);
}

// shows: illp/D-3 illp/3/recv+empty
TEST_P(ServerTest, EmptyRequestGetsNoReply) {
  TestServer server(GetParam(), quick_server(), echo("never"));
  const auto seen = ask(server, "");
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.data + seen.urgent, "");
  EXPECT_EQ(server.counters().empty, 1u);
  EXPECT_EQ(server.counters().requests, 0u);
}

// shows: illp/D-5 interop/11/illp/max
TEST_P(ServerTest, RequestLimit) {
  ServerOptions options = quick_server();
  options.illp.max_message = 1000;
  TestServer server(GetParam(), options, echo());
  EXPECT_EQ(ask(server, pattern(1000)).data.size(), 1000u);
  const auto seen = ask(server, pattern(1001));
  EXPECT_EQ(seen.data, "");
  EXPECT_EQ(seen.urgent, "\x18");
  EXPECT_EQ(server.counters().oversize, 1u);
  EXPECT_TRUE(server.log.contains("exceeds 1000 bytes"));
  EXPECT_FALSE(server.log.contains(pattern(16)));
}

TEST_P(ServerTest, TotalLimit) {
  ServerOptions options = quick_server();
  options.max_total_bytes = 1500;
  TestServer server(GetParam(), options, echo());
  const UniqueFd first = server.connect();
  raw_send(first.get(), pattern(1000));
  server.until([](const Server& s) { return s.active() == 1; });
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(ask(server, pattern(1000)).urgent, "\x18");
  raw_finish(first.get());
  EXPECT_EQ(raw_read_all(first.get()).data.size(), 1000u);
  server.until([](const Server& s) { return s.active() == 0; });
  EXPECT_EQ(ask(server, pattern(1000)).data.size(), 1000u);  // what was held is free again
}

// shows: illp/4/unarmed-mid illp/4/check interop/11/illp/check
TEST_P(ServerTest, CheckRefusesCutRequests) {
  ServerOptions options = quick_server();
  options.illp.check = Check::automatic;
  TestServer server(GetParam(), options, echo());
  EXPECT_EQ(ask(server, "MSH|cut").urgent, "\x18");
  EXPECT_EQ(ask(server, "MSH|whole\r").data, "MSH|whole\r");
  EXPECT_EQ(ask(server, "H|other").data, "H|other");
  EXPECT_EQ(server.counters().malformed, 1u);
}

asio::awaitable<void> reply_in_parts(Tx tx) {
  const std::string voided = "void";
  (void)co_await tx->write(bytes(voided));
  (void)co_await tx->restart();
  const std::string kept = "kept";
  (void)co_await tx->write(bytes(kept));
  (void)co_await tx->finish();
}

// shows: illp/3/work+restart
TEST_P(ServerTest, ReplyRestarts) {
  TestServer server(GetParam(), quick_server(), reply_in_parts);
  const auto seen = ask(server, "request");
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.data, "kept");
  EXPECT_EQ(seen.urgent, "\x02");
}

asio::awaitable<void> part_then_cancel(Tx tx) {
  const std::string part = "part";
  (void)co_await tx->write(bytes(part));
  co_await tx->cancel("as the test wants");
}
asio::awaitable<void> part_then_throw(Tx tx) {
  const std::string part = "part";
  (void)co_await tx->write(bytes(part));
  throw std::runtime_error("handler fault");
}
asio::awaitable<void> part_then_return(Tx tx) {
  const std::string part = "part";
  (void)co_await tx->write(bytes(part));
}

// shows: illp/3/work+failure
TEST_P(ServerTest, FailureInWorkIsCan) {
  for (const Handler& handler :
       {Handler(part_then_cancel), Handler(part_then_throw), Handler(part_then_return)}) {
    TestServer server(GetParam(), quick_server(), handler);
    const auto seen = ask(server, "request");
    EXPECT_EQ(seen.urgent, "\x18");
    server.until([](const Server& s) { return s.active() == 0; });
  }
}

// What the handler saw, for the tests' thread.
struct Seen {
  std::atomic<bool> working{false};
  std::atomic<bool> gone{false};
  std::atomic<bool> done{false};
  std::atomic<int> code{-1};
};

asio::awaitable<void> until_gone(Seen& seen, Tx tx) {
  seen.working = true;
  seen.gone = co_await tx->wait_gone();
  const std::string reply = "reply";
  const auto result = co_await tx->reply(bytes(reply));
  seen.code = result ? -1 : static_cast<int>(result.error().code);
  seen.done = true;
}

// shows: illp/3/work+gone
TEST_P(ServerTest, ClientDiesWhileWorking) {
  Seen seen;
  TestServer server(GetParam(), quick_server(), [&](Tx tx) { return until_gone(seen, std::move(tx)); });
  UniqueFd fd = server.connect();
  raw_send(fd.get(), "request");
  raw_finish(fd.get());
  server.until([&](const Server&) { return seen.working.load(); });
  EXPECT_FALSE(seen.gone);
  raw_reset(fd);  // over UNIX: a plain close, as death is
  server.until([&](const Server& s) { return seen.done && s.active() == 0; });
  EXPECT_TRUE(seen.gone);
  EXPECT_EQ(seen.code, static_cast<int>(Errc::reset));
}

asio::awaitable<void> watch(Seen& seen, Tx tx) {
  seen.gone = co_await tx->wait_gone();
  seen.done = true;
}
asio::awaitable<void> reply_while_watched(Seen& seen, Tx tx) {
  asio::co_spawn(co_await asio::this_coro::executor, watch(seen, tx), asio::detached);
  const std::string reply = "reply";
  const auto result = co_await tx->reply(bytes(reply));
  seen.code = result ? 0 : 1;
}

TEST_P(ServerTest, RegularEndIsNotGone) {
  Seen seen;
  TestServer server(GetParam(), quick_server(),
                    [&](Tx tx) { return reply_while_watched(seen, std::move(tx)); });
  EXPECT_EQ(ask(server, "request").data, "reply");
  server.until([&](const Server&) { return seen.done.load(); });
  EXPECT_FALSE(seen.gone);
  EXPECT_EQ(seen.code, 0);
}

asio::awaitable<void> large_reply(Seen& seen, const std::string& reply, Tx tx) {
  seen.working = true;
  const auto result = co_await tx->reply(bytes(reply));
  seen.code = result ? -1 : static_cast<int>(result.error().code);
  seen.done = true;
}

// A reader that does not read: the write waits, buffers nothing, then gives up.
TEST_P(ServerTest, SlowReaderIsGivenUp) {
  Seen seen;
  const std::string reply = pattern(32 << 20);
  ServerOptions options = quick_server();
  options.illp.idle_timeout = 100ms;
  TestServer server(GetParam(), options, [&](Tx tx) { return large_reply(seen, reply, std::move(tx)); });
  UniqueFd fd = server.connect();
  raw_send(fd.get(), "request");
  raw_finish(fd.get());
  server.until([&](const Server& s) { return seen.done && s.active() == 0; });
  EXPECT_EQ(seen.code, static_cast<int>(Errc::timeout));
  const auto read = raw_read_all(fd.get());
  EXPECT_TRUE(!read.eof || read.urgent == "\x18");
  EXPECT_LT(read.data.size(), reply.size());
}

// shows: illp/3/work+gone illp/5/no-signal
TEST_P(ServerTest, ClientResetsDuringTheReply) {
  Seen seen;
  const std::string reply = pattern(32 << 20);
  TestServer server(GetParam(), quick_server(),
                    [&](Tx tx) { return large_reply(seen, reply, std::move(tx)); });
  UniqueFd fd = server.connect();
  raw_send(fd.get(), "request");
  raw_finish(fd.get());
  EXPECT_TRUE(wait_for(fd.get(), POLLIN));
  raw_reset(fd);
  server.until([&](const Server& s) { return seen.done && s.active() == 0; });
  EXPECT_EQ(seen.code, static_cast<int>(Errc::reset));
}

TEST_P(ServerTest, FloodIsBounded) {
  ServerOptions options = quick_server();
  options.max_connections = 2;
  TestServer server(GetParam(), options, echo());
  std::vector<UniqueFd> served;
  for (int i = 0; i < 2; ++i) served.push_back(server.connect());
  server.until([](const Server& s) { return s.active() == 2; });
  for (int i = 0; i < 10; ++i) {
    const UniqueFd extra = server.connect();
    EXPECT_EQ(raw_read_all(extra.get()).urgent, "\x18");
  }
  EXPECT_EQ(server.active(), 2u);
  EXPECT_EQ(server.counters().refused_full, 10u);
  EXPECT_TRUE(server.log.contains("at most 2 are allowed"));
  for (const UniqueFd& fd : served) {
    raw_send(fd.get(), "x");
    raw_finish(fd.get());
    EXPECT_EQ(raw_read_all(fd.get()).data, "x");
  }
  server.until([](const Server& s) { return s.active() == 0; });
  EXPECT_EQ(ask(server, "again").data, "again");
}

// Refused clients that do not close are bounded too: the rest is not accepted.
TEST_P(ServerTest, RefusalsAreBounded) {
  ServerOptions options = quick_server();
  options.max_connections = 2;
  options.illp.drain_time = kPatience;
  TestServer server(GetParam(), options, echo());
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 10; ++i) idle.push_back(server.connect());
  server.until([](const Server& s) { return s.counters().accepted == 4; });
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(server.counters().accepted, 4u);
  idle.clear();
  server.until([](const Server& s) { return s.counters().accepted == 10 && s.active() == 0; });
}

// shows: illp/2/one
TEST_P(ServerTest, ConcurrentTransactions) {
  TestServer server(GetParam(), quick_server(), echo("r"));
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(server.connect());
  for (int i = 0; i < 20; ++i) raw_send(clients[i].get(), "part");
  for (int i = 19; i >= 0; --i) {
    raw_send(clients[i].get(), std::to_string(i));
    raw_finish(clients[i].get());
    EXPECT_EQ(raw_read_all(clients[i].get()).data, "rpart" + std::to_string(i));
  }
}

TEST_P(ServerTest, StopResetsUnfinishedRequests) {
  TestServer server(GetParam(), quick_server(), echo());
  const UniqueFd fd = server.connect();
  raw_send(fd.get(), "part");
  server.until([](const Server& s) { return s.active() == 1; });
  server.loop.call([&] { server.server->stop(); });
  const auto seen = raw_read_all(fd.get());
  EXPECT_TRUE(!seen.eof || seen.urgent == "\x18");
  EXPECT_THROW((void)server.connect(), std::runtime_error);
}

TEST(ServerAccept, SurvivesWantOfDescriptors) {
  TestServer server(Transport::tcp, quick_server(), echo());
  const UniqueFd fd = server.connect();
  server.until([](const Server& s) { return s.active() == 1; });
  UniqueFd extra(::socket(AF_UNIX, SOCK_STREAM, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const RawListener unused = raw_listen(Transport::local);
  // One descriptor is left, which the client takes: accept() gets none.
  const int lowest = ::dup(0);
  ::close(lowest);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(lowest) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const UniqueFd client = server.connect();
  server.until([](const Server& s) { return s.counters().accept_failures > 0; });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  raw_send(client.get(), "served");
  raw_finish(client.get());
  EXPECT_EQ(raw_read_all(client.get()).data, "served");
  EXPECT_TRUE(server.log.contains("cannot accept connections"));
}

// shows: illp/D-10
TEST(ServerOob, NoneCancelsByReset) {
  ServerOptions options = quick_server();
  options.illp.oob = Oob::none;
  options.illp.max_message = 10;
  TestServer server(Transport::tcp, options, part_then_cancel);
  for (const char* request : {"short", "longer than ten bytes"}) {
    const auto seen = ask(server, request);
    EXPECT_EQ(seen.err, ECONNRESET);
    EXPECT_EQ(seen.urgent, "");
  }
}

TEST(ServerListen, EveryAddressOfLoopback) {
  Loop loop;
  auto server = std::make_unique<Server>(loop.executor(), quick_server(), echo());
  ASSERT_TRUE(loop.run(server->listen(TcpEndpoint{"", "0"})));
  const std::string port = std::to_string(server->ports().at(0));
  const auto again = loop.run(server->listen(TcpEndpoint{"127.0.0.1", port}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::in_use);
  EXPECT_NE(again.error().message.find(port), std::string::npos);
  ASSERT_TRUE(loop.run(server->listen(TcpEndpoint{"*", "0"})));
  for (const char* host : {"127.0.0.1", "localhost"}) {
    for (const std::uint16_t p : server->ports()) {
      ClientTransaction client(loop.executor(), TcpEndpoint{host, std::to_string(p)}, quick_options());
      const auto reply = loop.run(exchange(client, bytes("hello"), kPatience));
      ASSERT_TRUE(reply) << reply.error().error.message;
      EXPECT_EQ(text(*reply), "hello");
      loop.call([&] { client.close(); });
    }
  }
  loop.call([&] { server.reset(); });
}

TEST(ServerListen, UnixPath) {
  const std::string path = temp_dir().path("listen");
  {
    TestServer unrelated(Transport::tcp, quick_server(), echo());
    Loop loop;
    auto server = std::make_unique<Server>(loop.executor(), quick_server(), echo());
    ASSERT_TRUE(loop.run(server->listen(UnixEndpoint{path})));
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0660u);
    const auto taken =
        unrelated.loop.run(unrelated.server->listen(UnixEndpoint{path}));  // somebody answers there
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Errc::in_use);
    loop.call([&] { server.reset(); });
    EXPECT_NE(::stat(path.c_str(), &info), 0);
  }
  // Left behind by a dead process: taken over. Not a socket: left alone.
  RawListener stale = raw_listen(Transport::local);
  stale.fd.reset();
  Loop loop;
  auto server = std::make_unique<Server>(loop.executor(), quick_server(), echo());
  EXPECT_TRUE(loop.run(server->listen(stale.endpoint)));
  UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const auto foreign = loop.run(server->listen(UnixEndpoint{path}));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Errc::in_use);
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  loop.call([&] { server.reset(); });
}

TEST(ServerCallers, WhoIsNotAllowedIsResetUnheard) {
  ServerOptions options = quick_server();
  options.allow = *AllowList::parse("192.0.2.0/24,2001:db8::/32");
  std::atomic<int> refused = 0;
  options.on_refused = [&refused] { ++refused; };
  TestServer server(Transport::tcp, options, echo());
  for (int i = 0; i < 3; ++i) {
    const UniqueFd fd = server.connect();
    const auto seen = raw_read_all(fd.get());
    EXPECT_FALSE(seen.eof);
    EXPECT_EQ(seen.err, ECONNRESET);
  }
  EXPECT_EQ(server.counters().not_allowed, 3u);
  EXPECT_EQ(server.counters().requests, 0u);
  EXPECT_EQ(refused, 3);
  EXPECT_TRUE(server.log.contains("refused: allow does not have this address"));
}

TEST(ServerCallers, WhoIsAllowedIsServed) {
  ServerOptions options = quick_server();
  options.allow = *AllowList::parse("127.0.0.0/8,::1");
  TestServer server(Transport::tcp, options, echo("re:"));
  EXPECT_EQ(ask(server, "request").data, "re:request");
}

TEST(ServerCallers, UnixSocketsHaveNoAddress) {
  ServerOptions options = quick_server();
  options.allow = *AllowList::parse("192.0.2.0/24");
  options.max_per_address = 1;
  TestServer server(Transport::local, options, echo("re:"));
  const UniqueFd held = server.connect();
  server.until([](const Server& s) { return s.active() == 1; });
  EXPECT_EQ(ask(server, "request").data, "re:request");
}

TEST(ServerCallers, OneAddressHasSoManyPlaces) {
  ServerOptions options = quick_server();
  options.max_connections = 8;
  options.max_per_address = 2;
  options.illp.idle_timeout = kPatience;
  TestServer server(Transport::tcp, options, echo("re:"));
  std::vector<UniqueFd> held;
  for (std::size_t i = 1; i <= 2; ++i) {
    held.push_back(server.connect());
    server.until([i](const Server& s) { return s.active() == i; });
  }
  const UniqueFd third = server.connect();
  const auto seen = raw_read_all(third.get());
  EXPECT_TRUE(seen.urgent == "\x18"s || !seen.eof);
  EXPECT_EQ(server.counters().refused_address, 1u);
  EXPECT_EQ(server.counters().refused_full, 0u);
  EXPECT_TRUE(server.log.contains("2 connections of this address are being served, at most 2 are allowed"));
  // A place that is given back can be taken.
  raw_reset(held.front());
  server.until([](const Server& s) { return s.active() == 1; });
  EXPECT_EQ(ask(server, "request").data, "re:request");
}

TEST(ServerCallers, LoopbackMayBeSpared) {
  ServerOptions options = quick_server();
  options.max_connections = 2;
  options.max_per_address = 1;
  options.spare_loopback = true;
  options.illp.idle_timeout = kPatience;
  TestServer server(Transport::tcp, options, echo("re:"));
  const UniqueFd held = server.connect();
  server.until([](const Server& s) { return s.active() == 1; });
  EXPECT_EQ(ask(server, "request").data, "re:request");
  EXPECT_EQ(server.counters().refused_address, 0u);
}

// A byte now and then never lets idle_timeout run out.
TEST(ServerCallers, ARequestTakesSoLongAtMost) {
  ServerOptions options = quick_server();
  options.request_timeout = 100ms;
  options.illp.idle_timeout = kPatience;
  TestServer server(Transport::tcp, options, echo());
  const UniqueFd fd = server.connect();
  std::atomic<bool> over = false;
  std::jthread drip([&fd, &over] {
    while (!over) {
      (void)::send(fd.get(), "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      std::this_thread::sleep_for(1ms);
    }
  });
  server.until([](const Server& s) { return s.counters().idle == 1 && s.active() == 0; });
  over = true;
  EXPECT_TRUE(server.log.contains("refused: the request takes too long"));
}

}  // namespace
}  // namespace llp::illp::test
