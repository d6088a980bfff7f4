// SPDX-License-Identifier: BSD-3-Clause
// Everything that llpd makes of a line of the kernel's, on a model of the
// kernel's device with a clock that the test moves: no root, no module. The
// line is plugged in, carries a message each way, is pulled out in the middle
// of others, comes back, and is configured anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cmd/host.hpp"
#include "core/support.hpp"
#include "line/fake_device.hpp"
#include "line/kernel_line.hpp"
#include "support/manual_clock.hpp"

namespace llp::cmd {
namespace {

using namespace std::chrono_literals;
using core::test::bytes;
using core::test::kAnswer;
using core::test::kOther;
using core::test::kQuery;
using core::test::kRequest;
using core::test::kResult;
using core::test::text;
using llp::test::FakeDevice;
using llp::test::FakeKernel;
using ::testing::Contains;

class KernelHostTest : public testing::Test {
 public:
  using Client = std::shared_ptr<illp::ServerTransaction>;

  KernelHostTest() {
    std::string name = testing::TempDir() + "llp-kernel-host-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
  }
  ~KernelHostTest() override { std::filesystem::remove_all(dir); }

  [[nodiscard]] core::LineConfig chem() const {
    core::LineConfig config;
    config.name = "chem";
    config.port = io::Tty{.device = dir / "chem", .keep = true};
    config.protocol = LLP_PROTO_X328;
    llp_params_default(&config.params, config.protocol);
    config.to = {illp::UnixEndpoint{dir / "app"}};
    config.dist = illp::UnixEndpoint{dir / "dist"};
    config.serve_dist_at_once = true;
    config.illp.drain_time = 100ms;
    config.runtime_dir = dir;
    config.stop_grace = 200ms;
    return config;
  }
  // Runs the host while `script` plays; ends it after.
  int run(asio::awaitable<void> script) {
    HostOptions options;
    options.on_failure = config::OnFailure::retry;
    options.reload = [this]() -> std::expected<config::DaemonConfig, std::vector<Error>> {
      config::DaemonConfig all;
      all.lines = configured;
      return all;
    };
    options.make_line = [this](const core::LineConfig& c) {
      line::KernelLineOptions how;
      how.stop_grace = c.stop_grace;
      how.clock = clock;
      return line::make_kernel_line(host->executor(), std::make_unique<FakeDevice>(kernel), c.protocol,
                                    c.params, std::move(how), Logger());
    };
    options.started = [this] {
      started = true;
      return Result<void>();
    };
    options.message = [this](const core::MessageEvent& event) { outcomes.emplace_back(event.outcome); };
    host.emplace(configured, std::move(options), std::make_shared<WorkerPool>(2), Logger());
    kernel = std::make_shared<FakeKernel>(host->executor());
    kernel->info.abi = LLP_ABI_VERSION;
    kernel->gone = true;
    app.emplace(
        host->executor(), illp::ServerOptions{},
        [this](Client client) -> asio::awaitable<void> { return answer(*this, std::move(client)); },
        Logger());
    asio::co_spawn(host->executor(), std::move(script), [this](const std::exception_ptr& error) {
      app.reset();
      ::kill(::getpid(), SIGTERM);
      if (error) std::rethrow_exception(error);
    });
    return host->run();
  }
  // The application: answers at once, or when the test lets it.
  static asio::awaitable<void> answer(KernelHostTest& t, Client client) {
    t.requests.push_back(text(client->request()));
    co_await until(t, [&t] { return !t.hold; });
    const auto reply = bytes(kAnswer);
    (void)co_await client->reply(reply);
  }
  // With `time`, what the line waits for by its clock comes at once.
  enum class Time : std::uint8_t { stands, passes };
  static asio::awaitable<void> until(KernelHostTest& t, std::function<bool()> condition,
                                     Time time = Time::stands) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    asio::steady_timer timer(t.host->executor());
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("it does not come to that");
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
      if (time == Time::passes && t.clock->next() != LLP_NEVER) t.clock->set(t.clock->next());
    }
  }
  // A client of dist; its result is kept.
  void ask(const std::string& request) {
    asio::co_spawn(host->executor(), asked(*this, request), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
  static asio::awaitable<void> asked(KernelHostTest& t, std::string request) {
    t.reply.reset();
    illp::ClientTransaction client(t.host->executor(), illp::UnixEndpoint{t.dir / "dist"}, illp::Options{});
    const auto all = bytes(request);
    auto done = co_await client.connect();
    if (done) done = co_await client.write(all);
    if (done) done = co_await client.finish();
    if (!done) {
      t.reply = std::unexpected(done.error());
      co_return;
    }
    t.reply = co_await client.reply(30s);
    client.close();
  }
  [[nodiscard]] control::LineInfo info() const { return host->lines().at(0); }
  [[nodiscard]] bool served() const {
    return kernel->receiver() != nullptr && info().state == control::LineState::running &&
           info().service->status().connected;
  }
  // ldattach, or the adapter: a line that is down comes.
  void plug() {
    kernel->info.flags = LLP_INFO_IDLE;
    kernel->gone = false;
    kernel->changed.notify();
  }
  void instrument_sends(std::uint32_t id, const std::string& what) {
    kernel->note_all(LLP_RESULT_BEGIN, id);
    kernel->message(kernel->receiver(), {id, what, LLP_MSG_PENDING, 0});
  }

  // A message from the instrument to the application, and its answer back.
  static asio::awaitable<void> message_passes(KernelHostTest& t, std::uint32_t id, const std::string& what) {
    const std::size_t written = t.kernel->written.size();
    const std::size_t asked = t.requests.size();
    t.instrument_sends(id, what);
    co_await until(t, [&] { return t.kernel->written.size() == written + 1; });
    EXPECT_EQ(t.requests.size(), asked + 1);
    EXPECT_EQ(t.requests.back(), what);
    const FakeKernel::Written answer = t.kernel->written.back();
    EXPECT_EQ(answer.text, kAnswer);
    EXPECT_EQ(answer.answer, id);
    EXPECT_EQ(t.kernel->verdicts.back(), std::pair(id, std::uint32_t{LLP_VERDICT_ANSWER}));
    const auto ok = t.info().service->counters().proximal_ok;
    t.kernel->note(answer.file, LLP_RESULT_SENT, answer.id, 0, LLP_OUTCOME_DELIVERED);
    co_await until(t, [&] { return t.info().service->counters().proximal_ok == ok + 1; });
  }
  // A request of an application, and the instrument's reply.
  static asio::awaitable<void> request_passes(KernelHostTest& t, std::uint32_t reply_id) {
    const std::size_t written = t.kernel->written.size();
    t.ask(kQuery);
    co_await until(t, [&] { return t.kernel->written.size() == written + 1; });
    const FakeKernel::Written request = t.kernel->written.back();
    EXPECT_EQ(request.text, kQuery);
    t.kernel->note(request.file, LLP_RESULT_SENT, request.id, 0, LLP_OUTCOME_DELIVERED);
    t.kernel->message(request.file, {reply_id, kResult, LLP_MSG_PENDING | LLP_MSG_REPLY, request.id});
    t.kernel->note(request.file, LLP_RESULT_DONE, request.id, 0, LLP_OUTCOME_DELIVERED);
    co_await until(t, [&] { return t.reply.has_value(); });
    EXPECT_TRUE(*t.reply);
    if (*t.reply) {
      EXPECT_EQ(text(**t.reply), kResult);
    }
    co_await until(t, [&] {
      return !t.kernel->verdicts.empty() &&
             t.kernel->verdicts.back() == std::pair(reply_id, std::uint32_t{LLP_VERDICT_ACCEPT});
    });
  }

  std::filesystem::path dir;
  std::vector<core::LineConfig> configured;
  std::shared_ptr<llp::test::ManualClock> clock = std::make_shared<llp::test::ManualClock>();
  std::optional<Host> host;
  std::shared_ptr<FakeKernel> kernel;
  std::optional<illp::Server> app;
  std::vector<std::string> requests;  // at the application
  bool hold = false;                  // it does not answer yet
  bool started = false;
  std::optional<illp::ClientResult<illp::Bytes>> reply;
  std::vector<std::string> outcomes;
};

TEST_F(KernelHostTest, PluggedInPulledOutAndBack) {
  configured = {chem()};
  const auto script = [](KernelHostTest& t) -> asio::awaitable<void> {
    // Not in one expression: the compiler would free the path twice.
    const illp::Endpoint place = illp::UnixEndpoint{t.dir / "app"};
    const auto listening = co_await t.app->listen(place);
    EXPECT_TRUE(listening);
    // Not plugged in yet: llpd waits for the device, and says so.
    co_await until(t, [&t] { return t.started; }, Time::passes);
    EXPECT_EQ(control::health_of(t.info()).health, control::Health::waiting);
    EXPECT_EQ(t.kernel->open_files(), 0U);
    t.plug();
    co_await until(t, [&t] { return t.served(); }, Time::passes);
    EXPECT_THAT(t.kernel->calls, Contains("up"));
    EXPECT_EQ(t.kernel->receiver()->policy, std::uint32_t{LLP_POLICY_COMMIT});
    co_await message_passes(t, 5, kRequest);
    co_await request_passes(t, 6);

    // Pulled out while one request is on the line and a message is with its application.
    t.hold = true;
    const std::size_t written = t.kernel->written.size();
    t.ask(kQuery);
    co_await until(t, [&t, written] { return t.kernel->written.size() == written + 1; });
    t.instrument_sends(7, kOther);
    co_await until(t, [&t] { return t.requests.size() == 2; });
    t.kernel->go();
    co_await until(t, [&t] { return t.reply.has_value(); });
    EXPECT_FALSE(*t.reply);
    if (!*t.reply) {
      EXPECT_EQ(t.reply->error().outcome, illp::Outcome::cancelled) << "CAN, not silence";
    }
    co_await until(t, [&t] { return !t.info().service->status().connected; });
    EXPECT_EQ(control::health_of(t.info()).health, control::Health::waiting);
    co_await until(t, [&t] { return t.kernel->open_files() == 0; });
    EXPECT_THAT(t.outcomes, Contains("failed"));
    EXPECT_THAT(t.outcomes, Contains("given-up"));

    // Back: the line has its name, its queue and its settings; the instrument sends again what was
    // not acknowledged, and it is not delivered twice.
    t.hold = false;
    co_await until(t, [&t] { return t.outcomes.back() == "delivered-late"; });
    t.plug();
    co_await until(t, [&t] { return t.served(); }, Time::passes);
    t.instrument_sends(8, kOther);
    co_await until(t, [&t] { return t.outcomes.back() == "answered-again"; });
    EXPECT_EQ(t.requests.size(), 2U);
    co_await until(t, [&t, written] { return t.kernel->written.size() == written + 2; });
    t.kernel->note(t.kernel->written.back().file, LLP_RESULT_SENT, t.kernel->written.back().id, 0,
                   LLP_OUTCOME_DELIVERED);
    co_await request_passes(t, 9);
  };
  EXPECT_EQ(run(script(*this)), 0);
  EXPECT_EQ(kernel->open_files(), 0U) << "nothing is left open";
}

TEST_F(KernelHostTest, AReloadOfTheSameLineIsNotNoticedAndOfAnotherSetsItUp) {
  configured = {chem()};
  const auto script = [](KernelHostTest& t) -> asio::awaitable<void> {
    // Not in one expression: the compiler would free the path twice.
    const illp::Endpoint place = illp::UnixEndpoint{t.dir / "app"};
    const auto listening = co_await t.app->listen(place);
    EXPECT_TRUE(listening);
    t.plug();
    co_await until(t, [&t] { return t.served(); }, Time::passes);
    const auto receiver = t.kernel->receiver();
    bool reloaded = false;
    const auto note = [&reloaded](const std::vector<Error>& errors) {
      EXPECT_TRUE(errors.empty());
      reloaded = true;
    };
    t.host->reload(note);
    co_await until(t, [&reloaded] { return reloaded; });
    EXPECT_EQ(t.kernel->receiver(), receiver);
    EXPECT_FALSE(receiver->closed);
    co_await message_passes(t, 5, kRequest);

    t.configured[0].params.timer_a = 3'000'000;
    t.kernel->calls.clear();
    reloaded = false;
    t.host->reload(note);
    co_await until(t, [&reloaded] { return reloaded; });
    co_await until(t, [&t] { return t.served(); }, Time::passes);
    EXPECT_TRUE(receiver->closed);
    EXPECT_THAT(t.kernel->calls, Contains("timer_a=3s"));
    co_await message_passes(t, 6, kOther);
    co_await request_passes(t, 7);

    // The last line goes; it comes back with the next reload.
    t.configured.clear();
    reloaded = false;
    t.host->reload(note);
    co_await until(t, [&t] { return t.host->lines().empty(); });
    EXPECT_EQ(t.kernel->open_files(), 0U);
    t.configured = {t.chem()};
    t.host->reload(note);
    co_await until(t, [&t] { return !t.host->lines().empty() && t.served(); }, Time::passes);
    co_await request_passes(t, 8);
  };
  EXPECT_EQ(run(script(*this)), 0);
}

}  // namespace
}  // namespace llp::cmd
