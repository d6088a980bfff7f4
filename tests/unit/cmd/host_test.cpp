// SPDX-License-Identifier: BSD-3-Clause
// A host of lines whose other ends are the test: what a reload, a stop and a
// start do to which line.
#include "cmd/host.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cmd/service_manager.hpp"
#include "core/support.hpp"

namespace llp::cmd {
namespace {

using namespace std::chrono_literals;
using control::Health;
using control::LineState;
using core::LineConfig;
using core::test::FakeLine;

class HostTest : public testing::Test {
 public:
  HostTest() {
    std::string name = testing::TempDir() + "llp-host-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
  }
  ~HostTest() override { std::filesystem::remove_all(dir); }

  [[nodiscard]] LineConfig config_of(const std::string& name) const {
    LineConfig config;
    config.name = name;
    config.port = io::UnixListen{dir / name};
    config.protocol = LLP_PROTO_MLLP;
    llp_params_default(&config.params, config.protocol);
    config.to = {illp::UnixEndpoint{dir / "nobody"}};
    config.runtime_dir = dir;
    config.stop_grace = 20ms;
    return config;
  }
  [[nodiscard]] config::DaemonConfig all(std::vector<LineConfig> of) const {
    config::DaemonConfig config;
    config.lines = std::move(of);
    return config;
  }
  HostOptions options() {
    HostOptions o;
    o.on_failure = config::OnFailure::retry;
    o.retry_interval = 1h;
    o.reload = [this] { return files; };
    o.make_line = [this](const LineConfig& c) {
      auto made = std::make_unique<FakeLine>(host->executor(), c.protocol, c.params);
      made->start_error = start_errors.contains(c.name) ? std::optional(start_errors[c.name]) : std::nullopt;
      lines[c.name] = made.get();
      ++made_[c.name];
      return made;
    };
    o.started = [this] {
      ++started;
      return Result<void>();
    };
    o.changed = [this](const std::string& name) { changes.push_back(name); };
    o.start_failed = [this](const Error& error) { failure = error.message; };
    return o;
  }
  // Runs the host while `script` plays; ends it after.
  int run(std::vector<LineConfig> configs, HostOptions o, asio::awaitable<void> script) {
    files = all(configs);
    host.emplace(std::move(configs), std::move(o), std::make_shared<WorkerPool>(2), Logger());
    asio::co_spawn(host->executor(), std::move(script), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
      ::kill(::getpid(), SIGTERM);
    });
    return host->run();
  }
  asio::awaitable<void> until(std::function<bool()> condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    asio::steady_timer timer(host->executor());
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) {
        ADD_FAILURE() << "it does not come to that";
        co_return;
      }
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    }
  }
  asio::awaitable<std::vector<Error>> reload() {
    std::optional<std::vector<Error>> errors;
    host->reload([&errors](const std::vector<Error>& found) { errors = found; });
    co_await until([&errors] { return errors.has_value(); });
    co_return errors.value_or(std::vector<Error>{});
  }
  [[nodiscard]] LineState state(const std::string& name) const {
    for (const auto& line : host->lines()) {
      if (line.config->name == name) return line.state;
    }
    ADD_FAILURE() << "no line " << name;
    return LineState::failed;
  }
  [[nodiscard]] std::string names() const {
    std::string text;
    for (const auto& line : host->lines()) text += line.config->name + " ";
    return text;
  }

  std::filesystem::path dir;
  std::expected<config::DaemonConfig, std::vector<Error>> files;
  std::optional<Host> host;
  std::map<std::string, FakeLine*> lines;
  std::map<std::string, int> made_;
  std::map<std::string, Error> start_errors;
  std::vector<std::string> changes;
  std::string failure;
  int started = 0;
};

TEST_F(HostTest, AReloadTouchesOnlyWhatChanged) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    auto changed = t.config_of("b");
    changed.max_queue = 7;
    const FakeLine* a = t.lines["a"];
    t.files = t.all({t.config_of("a"), changed, t.config_of("d")});
    const auto errors = co_await t.reload();
    EXPECT_TRUE(errors.empty());
    EXPECT_EQ(t.names(), "a b d ");
    EXPECT_EQ(t.lines["a"], a);
    EXPECT_FALSE(a->stopped);
    EXPECT_EQ(t.made_["a"], 1);
    EXPECT_EQ(t.made_["b"], 2);
    EXPECT_EQ(t.made_["c"], 1);
    EXPECT_EQ(t.made_["d"], 1);
    for (const char* name : {"a", "b", "d"}) EXPECT_EQ(t.state(name), LineState::running) << name;
    const auto again = co_await t.reload();
    EXPECT_TRUE(again.empty());
    EXPECT_EQ(t.made_["b"], 2) << "now as configured";
  };
  EXPECT_EQ(run({config_of("a"), config_of("b"), config_of("c")}, options(), script(*this)), 0);
  EXPECT_EQ(started, 1) << "once, not with each reload";
}

TEST_F(HostTest, AMessageInHandOfAnUntouchedLineIsUndisturbed) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    FakeLine* a = t.lines["a"];
    a->begin_message();
    t.files = t.all({t.config_of("a"), t.config_of("b")});
    const auto errors = co_await t.reload();
    EXPECT_TRUE(errors.empty());
    const auto id = a->arrive(core::test::kRequest);
    co_await t.until([&] { return a->decision(id).has_value(); });
    EXPECT_FALSE(a->stopped);
  };
  run({config_of("a")}, options(), script(*this));
}

TEST_F(HostTest, TheLastLineGoesAndAnotherComes) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    t.files = t.all({});
    const auto gone = co_await t.reload();
    EXPECT_TRUE(gone.empty());
    co_await t.until([&] { return t.host->lines().empty(); });
    EXPECT_EQ(t.changes.back(), "a") << "its going was told";
    EXPECT_EQ(status_text(t.host->lines()), "no line is configured");
    EXPECT_EQ(t.host->start_line("a").error().code, Errc::not_found);
    t.files = t.all({t.config_of("a"), t.config_of("b")});
    const auto come = co_await t.reload();
    EXPECT_TRUE(come.empty());
    EXPECT_EQ(t.names(), "a b ");
    EXPECT_EQ(t.state("a"), LineState::running);
    EXPECT_EQ(t.made_["a"], 2);
  };
  EXPECT_EQ(run({config_of("a")}, options(), script(*this)), 0);
}

TEST_F(HostTest, WithoutALineItWaitsForOne) {
  bool ended = false;
  HostOptions o = options();
  o.ended = [&ended] { ended = true; };
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    t.files = t.all({t.config_of("a")});
    const auto errors = co_await t.reload();
    EXPECT_TRUE(errors.empty());
    EXPECT_EQ(t.state("a"), LineState::running);
    t.files = t.all({});
    (void)co_await t.reload();
    co_await t.until([&] { return t.host->lines().empty(); });
  };
  EXPECT_EQ(run({}, std::move(o), script(*this)), 0);
  EXPECT_EQ(started, 1);
  EXPECT_TRUE(ended) << "what holds the loop was told to let go";
}

TEST_F(HostTest, WithoutALineAndAReloadItEnds) {
  HostOptions o = options();
  o.reload = nullptr;
  host.emplace(std::vector<LineConfig>{}, std::move(o), std::make_shared<WorkerPool>(1), Logger());
  EXPECT_EQ(host->run(), 0);
}

TEST_F(HostTest, ABadConfigurationChangesNothing) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    t.files = std::unexpected(std::vector<Error>{{Errc::invalid, "one", 0}, {Errc::invalid, "two", 0}});
    const auto errors = co_await t.reload();
    EXPECT_EQ(errors.size(), 2U);
    EXPECT_FALSE(t.lines["a"]->stopped);
    EXPECT_EQ(t.made_["a"], 1);
  };
  run({config_of("a")}, options(), script(*this));
}

TEST_F(HostTest, WhatIsNewWaitsForWhatGoes) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    // The old line has a request on the wire, so that its stop takes its grace.
    t.lines["old"]->begin_message();
    auto fresh = t.config_of("new");
    fresh.port = t.config_of("old").port;
    t.files = t.all({fresh});
    bool early = false;
    t.host->reload([](const std::vector<Error>&) {});
    co_await t.until([&] {
      early |= t.made_["new"] > 0 && t.names().find("old") != std::string::npos;
      return t.made_["new"] > 0;
    });
    EXPECT_FALSE(early);
    co_await t.until([&] { return t.names() == "new "; });
  };
  run({config_of("old")}, options(), script(*this));
}

TEST_F(HostTest, ReloadsOneAfterTheOtherAllAnswered) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    int answered = 0;
    for (int i = 0; i < 5; ++i) t.host->reload([&answered](const std::vector<Error>&) { ++answered; });
    co_await t.until([&] { return answered == 5; });
  };
  run({config_of("a")}, options(), script(*this));
}

TEST_F(HostTest, ALineIsStoppedAndStartedOnRequest) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    EXPECT_TRUE(t.host->stop_line("a"));
    co_await t.until([&] { return t.state("a") == LineState::stopped; });
    EXPECT_EQ(t.state("b"), LineState::running);
    // A reload that changes it leaves it stopped.
    auto changed = t.config_of("a");
    changed.max_queue = 9;
    t.files = t.all({changed, t.config_of("b")});
    const auto errors = co_await t.reload();
    EXPECT_TRUE(errors.empty());
    EXPECT_EQ(t.state("a"), LineState::stopped);
    EXPECT_EQ(t.made_["a"], 1);
    EXPECT_TRUE(t.host->start_line("a"));
    co_await t.until([&] { return t.state("a") == LineState::running; });
    EXPECT_EQ(t.host->stop_line("x").error().message, "there is no line 'x'");
    EXPECT_EQ(t.host->start_line("x").error().code, Errc::not_found);
  };
  run({config_of("a"), config_of("b")}, options(), script(*this));
}

TEST_F(HostTest, AFailedLineIsToldAndTriedAgainAtOnceOnRequest) {
  start_errors["a"] = Error{Errc::in_use, "somebody has it", 0};
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.state("a") == LineState::failed; });
    EXPECT_EQ(t.started, 1) << "every line was tried";
    const auto infos = t.host->lines();
    EXPECT_EQ(control::health_of(infos[0]).health, Health::bad);
    EXPECT_EQ(control::health_of(infos[0]).reason, "somebody has it");
    EXPECT_EQ(status_text(infos), "2 lines: 1 good, 1 bad (a: somebody has it)");
    t.start_errors.clear();
    EXPECT_TRUE(t.host->start_line("a"));
    co_await t.until([&] { return t.state("a") == LineState::running; });
  };
  run({config_of("a"), config_of("b")}, options(), script(*this));
}

TEST_F(HostTest, AFailureEndsEverythingIfSoConfigured) {
  start_errors["a"] = Error{Errc::in_use, "somebody has it", 0};
  HostOptions o = options();
  o.on_failure = config::OnFailure::exit;
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return !t.failure.empty(); });
  };
  EXPECT_NE(run({config_of("a"), config_of("b")}, std::move(o), script(*this)), 0);
  EXPECT_EQ(failure, "a: somebody has it");
}

// The line is cut off before it could see that it must stop.
TEST_F(HostTest, TwoSignalsAtOnceEndItAtOnce) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    ::kill(::getpid(), SIGTERM);  // and another, when the script is over
  };
  EXPECT_EQ(run({config_of("a")}, options(), script(*this)), 128 + SIGTERM);
}

TEST_F(HostTest, SighupReloads) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    t.files = t.all({t.config_of("a"), t.config_of("b")});
    ::kill(::getpid(), SIGHUP);
    co_await t.until([&] { return t.names() == "a b "; });
    co_await t.until([&] { return t.state("b") == LineState::running; });
  };
  run({config_of("a")}, options(), script(*this));
}

TEST_F(HostTest, TheWireIsToldOf) {
  const auto script = [](HostTest& t) -> asio::awaitable<void> {
    co_await t.until([&] { return t.started == 1; });
    t.lines["a"]->connected_now = false;
    const auto infos = t.host->lines();
    EXPECT_EQ(control::health_of(infos[0]).health, Health::waiting);
    EXPECT_EQ(control::health_of(infos[0]).reason, "nobody has connected");
    EXPECT_EQ(status_text(infos), "1 line: 0 good, 1 waiting (a: nobody has connected)");
  };
  run({config_of("a")}, options(), script(*this));
  EXPECT_FALSE(changes.empty());
}

TEST(Watchdog, IsForThisProcessOnly) {
  EXPECT_EQ(watchdog_interval("3000000", nullptr, 5), 3s);
  EXPECT_EQ(watchdog_interval("3000000", "5", 5), 3s);
  EXPECT_EQ(watchdog_interval("3000000", "6", 5), std::nullopt);
  EXPECT_EQ(watchdog_interval(nullptr, "5", 5), std::nullopt);
  EXPECT_EQ(watchdog_interval("soon", nullptr, 5), std::nullopt);
  EXPECT_EQ(watchdog_interval("0", nullptr, 5), std::nullopt);
}

}  // namespace
}  // namespace llp::cmd
