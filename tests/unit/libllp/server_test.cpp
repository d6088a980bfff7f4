// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <llp/client.hpp>
#include <llp/server.hpp>
#include <string>
#include <thread>

#include "libllp/peer.hpp"

namespace llp {
namespace {

using test::kLong;
using test::kShort;
using test::patient;

// The client's side in a thread of its own: what its reply was, or the name of
// its error, which may show while the request is still being sent.
std::future<std::string> ask(std::string address, std::string request) {
  return std::async(std::launch::async, [address = std::move(address), request = std::move(request)] {
    auto client = Client::connect(address, patient());
    if (!client) return "connect: " + client.error().message;
    const auto name = [](const Error& error) {
      return std::string(error.code == Errc::cancelled ? "cancelled"
                         : error.code == Errc::reset   ? "reset"
                                                       : error.message);
    };
    if (auto sent = client->send(request); !sent) return name(sent.error());
    const auto reply = client->recv();
    return reply ? std::string(reply->text()) : name(reply.error());
  });
}

std::string address_of(const Server& server) { return "127.0.0.1:" + std::to_string(server.ports().at(0)); }

// A server with a request "x" that it took, whose client waits.
class OneRequest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(server);
    client = ask(address_of(*server), "x");
    request = server->accept(kLong);
    ASSERT_TRUE(request) << request.error().message;
  }
  Result<Server> server = Server::listen("127.0.0.1:0");
  std::future<std::string> client;
  Result<Request> request = std::unexpected(Error{});
};

TEST(Server, RequestInReplyOut) {
  auto server = Server::listen("127.0.0.1:0");
  ASSERT_TRUE(server) << server.error().message;
  for (const std::string text : {"first", "second"}) {
    auto client = ask(address_of(*server), text);
    auto request = server->accept(kLong);
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->text(), text);
    EXPECT_TRUE(request->peer().starts_with("127.0.0.1:")) << request->peer();
    EXPECT_FALSE(request->client_gone());
    EXPECT_TRUE(request->reply("re: " + text));
    EXPECT_FALSE(request->reply("again"));
    EXPECT_EQ(client.get(), "re: " + text);
  }
}

TEST_F(OneRequest, RepliesInPartsMayBeginAnew) {
  EXPECT_TRUE(request->write(as_bytes("void")));
  EXPECT_TRUE(request->restart());
  EXPECT_TRUE(request->write(as_bytes("go")));
  EXPECT_TRUE(request->write(as_bytes("od")));
  EXPECT_TRUE(request->finish());
  EXPECT_EQ(client.get(), "good");
}

TEST_F(OneRequest, CancelledAndForgottenRequestsFail) {
  request->cancel("not today");
  EXPECT_EQ(client.get(), "cancelled");
  client = ask(address_of(*server), "x");
  request = server->accept(kLong);
  ASSERT_TRUE(request);
  {
    const Request dropped = std::move(*request);
  }
  EXPECT_EQ(client.get(), "reset");
}

TEST_F(OneRequest, AnEmptyReplyIsAccepted) {
  EXPECT_TRUE(request->reply(""));
  EXPECT_EQ(client.get(), "");
}

TEST(Server, ServesUnixSocketsAndLeavesNone) {
  const std::string path = "/tmp/llp-test-" + std::to_string(::getpid()) + ".sock";
  {
    auto server = Server::listen("unix:" + path);
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(Server::listen("unix:" + path).error().code, Errc::in_use);
    auto client = ask("unix:" + path, "x");
    auto request = server->accept(kLong);
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->reply("y"));
    EXPECT_EQ(client.get(), "y");
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(OneRequest, ARequestOutlivesItsServer) {
  {
    const Server gone = std::move(*server);
  }
  EXPECT_TRUE(request->reply("late"));
  EXPECT_EQ(client.get(), "late");
}

TEST(Server, TooLongARequestIsRefused) {
  ServerOptions options;
  options.max_message = 3;
  auto server = Server::listen("127.0.0.1:0", options);
  ASSERT_TRUE(server);
  auto client = ask(address_of(*server), "four");
  EXPECT_EQ(server->accept(std::chrono::seconds(1)).error().code, Errc::timeout);
  EXPECT_EQ(client.get(), "cancelled");
}

TEST(Server, WhatCannotBeListenedOn) {
  EXPECT_EQ(Server::listen("/dev/ttyS0").error().code, Errc::invalid);
  EXPECT_EQ(Server::listen("nowhere:").error().code, Errc::invalid);
  ServerOptions options;
  options.max_connections = 0;
  EXPECT_EQ(Server::listen("127.0.0.1:0", options).error().code, Errc::invalid);
  auto server = Server::listen("127.0.0.1:0");
  ASSERT_TRUE(server);
  EXPECT_EQ(Server::listen(address_of(*server)).error().code, Errc::in_use);
  EXPECT_EQ(server->accept(kShort).error().code, Errc::timeout);
}

}  // namespace
}  // namespace llp
