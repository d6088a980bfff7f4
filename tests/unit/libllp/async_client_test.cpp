// SPDX-License-Identifier: BSD-3-Clause
// The asynchronous classes on a context of the caller's: both ends of ILLP in one thread, and X3.28 between
// two clients over a pseudo terminal.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <llp/async_client.hpp>
#include <llp/async_server.hpp>
#include <optional>
#include <string>

#include "libllp/peer.hpp"

namespace llp {
namespace {

using test::kLong;

ClientOptions options(Protocol protocol) {
  ClientOptions o;
  o.protocol = protocol;
  o.timeout = kLong;
  o.lock_dir = "";
  return o;
}

void run(asio::io_context& io, asio::awaitable<void> task) {
  bool done = false;
  asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& failure) {
    done = true;
    if (failure) std::rethrow_exception(failure);
  });
  while (!done && io.run_one() > 0) {
  }
  EXPECT_TRUE(done);
}

asio::awaitable<void> answer(AsyncServer& server, int count) {
  for (int i = 0; i < count; ++i) {
    auto request = co_await server.accept();
    if (!request) co_return;
    const std::string text = "re: " + std::string(request->text());
    EXPECT_TRUE(co_await request->reply(as_bytes(text)));
  }
}

asio::awaitable<void> ask(AsyncClient& client, std::string text) {
  auto sent = co_await client.send(as_bytes(text));
  EXPECT_TRUE(sent) << sent.error().message;
  const auto reply = co_await client.recv();
  EXPECT_EQ(reply ? std::string(reply->text()) : reply.error().message, "re: " + text);
}

// NOLINTBEGIN(cppcoreguidelines-avoid-capturing-lambda-coroutines): each lambda outlives the loop that runs
// its task
TEST(AsyncClient, BothEndsOfIllpInOneThread) {
  asio::io_context io;
  AsyncServer server(io.get_executor());
  AsyncClient client(io.get_executor(), options(Protocol::illp));
  auto both = [&]() -> asio::awaitable<void> {
    auto listening = co_await server.listen(*parse_address("127.0.0.1:0"));
    EXPECT_TRUE(listening);
    asio::co_spawn(io, answer(server, 2), asio::detached);
    auto connected =
        co_await client.connect(*parse_address("127.0.0.1:" + std::to_string(server.ports().at(0))));
    EXPECT_TRUE(connected) << connected.error().message;
    EXPECT_TRUE(client.connected());
    co_await ask(client, "one");
    co_await ask(client, "two");
    co_await client.close();
  };
  run(io, both());
}

TEST(AsyncServer, StopEndsWhoWaits) {
  asio::io_context io;
  AsyncServer server(io.get_executor());
  std::optional<Errc> code;
  auto wait = [&]() -> asio::awaitable<void> {
    const auto request = co_await server.accept();
    code = request.error().code;
  };
  asio::co_spawn(io, wait(), asio::detached);
  auto stop = [&]() -> asio::awaitable<void> {
    server.stop();
    co_return;
  };
  run(io, stop());
  io.restart();
  io.poll();
  EXPECT_EQ(code, Errc::cancelled);
}

TEST(AsyncClient, AbortEndsWhoWaits) {
  test::Peer peer([](test::Conversation& c) { c.read_to_end(); });
  asio::io_context io;
  AsyncClient client(io.get_executor(), options(Protocol::mllp));
  std::optional<Errc> code;
  auto wait = [&]() -> asio::awaitable<void> {
    const auto message = co_await client.recv();
    code = message.error().code;
  };
  auto main = [&]() -> asio::awaitable<void> {
    auto connected = co_await client.connect(*parse_address(peer.address()));
    EXPECT_TRUE(connected);
    asio::co_spawn(io, wait(), asio::detached);
    client.abort();
  };
  run(io, main());
  io.restart();
  io.run();
  EXPECT_EQ(code, Errc::cancelled);
}

TEST(AsyncClient, X328BetweenTwoStations) {
  const std::string path = "/tmp/llp-test-pty-" + std::to_string(::getpid());
  asio::io_context io;
  AsyncClient instrument(io.get_executor(), options(Protocol::x328));
  AsyncClient host(io.get_executor(), options(Protocol::x328));
  std::string seen;
  auto listen = [&]() -> asio::awaitable<void> {
    auto message = co_await host.recv();
    EXPECT_TRUE(message) << message.error().message;
    if (!message) co_return;
    seen = message->text();
    EXPECT_TRUE(co_await host.send(as_bytes("MSH|^~\\&|H\rMSA|AA|1\r")));
  };
  auto main = [&]() -> asio::awaitable<void> {
    auto made = co_await instrument.connect(*parse_address("pty:" + path));
    EXPECT_TRUE(made) << made.error().message;
    auto opened = co_await host.connect(*parse_address("tty:" + path));
    EXPECT_TRUE(opened) << opened.error().message;
    asio::co_spawn(io, listen(), asio::detached);
    auto sent = co_await instrument.send(as_bytes("MSH|^~\\&|I|||||||1\r"));
    EXPECT_TRUE(sent) << sent.error().message;
    const auto reply = co_await instrument.recv();
    EXPECT_EQ(reply ? std::string(reply->text()) : reply.error().message, "MSH|^~\\&|H\rMSA|AA|1\r");
    co_await host.close();
    co_await instrument.close();
  };
  run(io, main());
  EXPECT_EQ(seen, "MSH|^~\\&|I|||||||1\r");
}

TEST(AsyncClient, NotConnected) {
  asio::io_context io;
  AsyncClient client(io.get_executor());
  auto main = [&]() -> asio::awaitable<void> {
    EXPECT_EQ((co_await client.send(as_bytes("x"))).error().code, Errc::invalid);
    EXPECT_EQ((co_await client.recv()).error().code, Errc::invalid);
    co_await client.close();
  };
  run(io, main());
}
// NOLINTEND(cppcoreguidelines-avoid-capturing-lambda-coroutines)

}  // namespace
}  // namespace llp
