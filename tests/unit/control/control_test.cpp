// SPDX-License-Identifier: BSD-3-Clause
// The control socket with its client, and what it and the metrics say of lines
// that the test describes.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "control/client.hpp"
#include "control/control_server.hpp"
#include "control/metrics_server.hpp"
#include "control/report.hpp"

namespace llp::control {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

// Lines without services; what is asked of them is noted.
class FakeHost : public LineHost {
 public:
  struct Line {
    core::LineConfig config;
    LineState state = LineState::running;
    std::string failure;
  };
  Line& add(const std::string& name) {
    Line& line = all.emplace_back();
    line.config.name = name;
    line.config.port = io::TcpListen{"", "4001"};
    line.config.dist = illp::TcpEndpoint{"", "5002"};
    return line;
  }
  std::vector<LineInfo> lines() const override {
    std::vector<LineInfo> infos;
    infos.reserve(all.size());
    for (const Line& line : all) {
      infos.push_back({&line.config, line.state, std::chrono::steady_clock::now(), line.failure, nullptr});
    }
    return infos;
  }
  Result<void> stop_line(std::string_view name) override { return asked(name, LineState::stopped); }
  Result<void> start_line(std::string_view name) override { return asked(name, LineState::running); }
  void reload(std::function<void(const std::vector<Error>&)> done) override { done(reload_errors); }

  std::deque<Line> all;
  std::vector<Error> reload_errors;

 private:
  Result<void> asked(std::string_view name, LineState state) {
    for (Line& line : all) {
      if (line.config.name != name) continue;
      line.state = state;
      return {};
    }
    return fail(Errc::not_found, "there is no such line");
  }
};

TEST(Answers, StatusOfAllAndOfOne) {
  FakeHost host;
  host.add("a");
  host.add("b").state = LineState::stopped;
  const Json all = answer_request(host, {{"op", "status"}});
  EXPECT_EQ(all["ok"], true);
  ASSERT_EQ(all["lines"].size(), 2U);
  EXPECT_EQ(all["lines"][0]["name"], "a");
  EXPECT_EQ(all["lines"][0]["protocol"], "x328");
  EXPECT_EQ(all["lines"][0]["port"], "tcp listen localhost:4001");
  const Json one = answer_request(host, {{"op", "status"}, {"line", "b"}});
  ASSERT_EQ(one["lines"].size(), 1U);
  EXPECT_EQ(one["lines"][0]["state"], "stopped");
  EXPECT_EQ(answer_request(host, {{"op", "status"}, {"line", "c"}})["error"], "there is no line 'c'");
}

TEST(Answers, HealthIsTheWorst) {
  FakeHost host;
  host.add("a").state = LineState::stopped;
  EXPECT_EQ(answer_request(host, {{"op", "health"}})["health"], "waiting");
  FakeHost::Line& bad = host.add("b");
  bad.state = LineState::failed;
  bad.failure = "no such device";
  const Json answer = answer_request(host, {{"op", "health"}});
  EXPECT_EQ(answer["health"], "bad");
  EXPECT_EQ(answer["lines"]["b"]["reason"], "no such device");
  EXPECT_EQ(answer["lines"]["a"]["reason"], "stopped on request");
}

TEST(Answers, WhatIsWrongIsSaid) {
  FakeHost host;
  host.add("a");
  EXPECT_EQ(answer_request(host, Json::object())["error"],
            "op is missing: status, health, reload, stop, start, subscribe, capture, spool-list, spool-show, "
            "spool-retry or "
            "spool-drop");
  EXPECT_EQ(answer_request(host, {{"op", "stauts"}})["error"],
            "there is no op 'stauts'; did you mean 'status'?");
  EXPECT_EQ(answer_request(host, {{"op", 1}})["ok"], false);
  EXPECT_EQ(answer_request(host, {{"op", "stop"}})["error"], "line is missing");
  EXPECT_EQ(answer_request(host, {{"op", "stop"}, {"line", "x"}})["ok"], false);
  EXPECT_EQ(answer_request(host, {{"op", "status"}, {"line", 1}})["error"], "line must be a string");
}

// A server whose loop turns in a thread of its own, as the client blocks.
class Socket_ : public testing::Test {
 protected:
  Socket_() {
    std::string name = testing::TempDir() + "llp-control-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
    path = dir / kSocketName;
    host.add("a");
    host.add("b");
  }
  ~Socket_() override {
    asio::post(context, [this] { server.stop(); });
    if (thread.joinable()) thread.join();
    std::filesystem::remove_all(dir);
  }
  void up() {
    const auto done = server.listen(path);
    ASSERT_TRUE(done) << done.error().message;
    thread = std::thread([this] { context.run(); });
  }
  std::filesystem::path dir, path;
  FakeHost host;
  asio::io_context context{1};
  ControlServer server{context.get_executor(), host, "1.2.3", Logger()};
  std::thread thread;
};

TEST_F(Socket_, AsksAndAnswers) {
  up();
  struct stat st{};
  ASSERT_EQ(::stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0660U);
  auto client = Client::connect(path);
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->version(), "1.2.3");
  const auto status = client->call({{"op", "status"}});
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ((*status)["lines"].size(), 2U);
  ASSERT_TRUE(client->call({{"op", "stop"}, {"line", "a"}}));
  const auto refused = client->call({{"op", "stop"}, {"line", "x"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::refused);
  EXPECT_EQ(refused.error().message, "there is no line 'x'");
  EXPECT_TRUE(client->call({{"op", "reload"}}));
}

TEST_F(Socket_, AReloadTellsEveryError) {
  host.reload_errors = {{Errc::invalid, "one", 0}, {Errc::invalid, "two", 0}};
  up();
  auto client = Client::connect(path);
  ASSERT_TRUE(client);
  const auto answer = client->call({{"op", "reload"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "the configuration was not changed\none\ntwo");
}

TEST_F(Socket_, SubscribersHearOfTheirLines) {
  up();
  auto client = Client::connect(path);
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->call({{"op", "subscribe"}, {"line", "b"}}));
  asio::post(context, [this] {
    server.line_changed("a");
    server.line_changed("b");
    server.line_changed("gone");
    server.tell("reloaded");
  });
  const auto event = client->next_event(30s);
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ((*event)["name"], "b");
  EXPECT_EQ((*event)["state"], "running");
  const auto next = client->next_event(30s);
  ASSERT_TRUE(next);
  EXPECT_EQ((*next)["event"], "reloaded");
  EXPECT_EQ(client->next_event(1ms).error().code, Errc::timeout);
}

TEST_F(Socket_, EventsBetweenAreKept) {
  up();
  auto client = Client::connect(path);
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->call({{"op", "subscribe"}}));
  asio::post(context, [this] { server.line_changed("a"); });
  ASSERT_TRUE(client->call({{"op", "health"}}));
  const auto event = client->next_event(30s);
  ASSERT_TRUE(event);
  EXPECT_EQ((*event)["name"], "a");
}

TEST_F(Socket_, ALongRequestEndsTheConnectionOnly) {
  up();
  auto client = Client::connect(path);
  ASSERT_TRUE(client);
  const auto answer = client->call({{"op", std::string(100'000, 'x')}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::closed);
  EXPECT_TRUE(Client::connect(path));
}

TEST_F(Socket_, TheEndOfTheDaemonIsNoticed) {
  up();
  auto client = Client::connect(path);
  ASSERT_TRUE(client);
  asio::post(context, [this] { server.stop(); });
  thread.join();
  EXPECT_EQ(client->call({{"op", "status"}}).error().code, Errc::closed);
  EXPECT_FALSE(std::filesystem::exists(path)) << "the socket's file goes";
  EXPECT_FALSE(Client::connect(path));
}

TEST_F(Socket_, ASecondDaemonIsRefused) {
  up();
  ControlServer second(context.get_executor(), host, "1.2.3", Logger());
  const auto up_too = second.listen(path);
  ASSERT_FALSE(up_too);
  EXPECT_EQ(up_too.error().code, Errc::in_use);
}

TEST(Metrics, NamesAreEscaped) {
  FakeHost host;
  host.add("a").config.port = io::UnixListen{"/x/\"quoted\"\\\n"};
  const std::string text = metrics_report(host, "1.2.3");
  EXPECT_NE(text.find("port=\"unix listen /x/\\\"quoted\\\"\\\\\\n\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("llp_build_info{version=\"1.2.3\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("llp_line_state{line=\"a\",state=\"running\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("llp_line_state{line=\"a\",state=\"failed\"} 0\n"), std::string::npos);
}

TEST(Metrics, EveryCounterHasAName) {
  FakeHost host;
  const std::string text = metrics_report(host, "");
  EXPECT_EQ(core::kLineCounters.size() * sizeof(std::uint64_t), sizeof(core::LineCounters));
  for (const core::LineCounter& counter : core::kLineCounters) {
    EXPECT_NE(text.find("# TYPE llp_" + std::string(counter.name) + "_total counter\n"), std::string::npos)
        << counter.name;
  }
}

}  // namespace
}  // namespace llp::control
