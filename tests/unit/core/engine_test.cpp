// SPDX-License-Identifier: BSD-3-Clause
// The service on the real protocols: over a UNIX stream, with a station of the
// same engine as the instrument.
#include <algorithm>
#include <filesystem>

#include "core/support.hpp"
#include "io/make_stream.hpp"
#include "line/engine_line.hpp"

namespace llp::core::test {
namespace {

struct Case {
  const char* name;
  llp_protocol protocol;
  unsigned release;
  bool primary;  // X3.28: the service is
};

std::string case_name(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

class OnEngine : public ::testing::TestWithParam<Case> {
 protected:
  OnEngine() : directory_(make_temp_dir()) {
    stream_.pool = std::make_shared<WorkerPool>(2);
    stream_.lock_dir.clear();
    stream_.backoff_min = 10ms;
    stream_.backoff_max = 50ms;
    config.name = "lab";
    config.runtime_dir = directory_;
    config.port = io::UnixListen{directory_ + "/line"};
    config.stream = stream_;
    config.protocol = GetParam().protocol;
    config.params = params(GetParam().primary);
    config.dist = illp::TcpEndpoint{"127.0.0.1", "0"};
    config.serve_dist_at_once = true;
    config.illp = quick_options();
    config.stop_grace = 500ms;
    app = std::make_unique<App>(loop, quick_options());
    config.to = {app->endpoint()};
  }
  ~OnEngine() override {
    if (instrument) loop.run(instrument->stop());
    if (service) loop.run(service->stop());
    service.reset();
    instrument.reset();
    loop.turn(30ms);
    std::filesystem::remove_all(directory_);
  }

  // Times a tenth of what they are: long enough for a loaded machine.
  [[nodiscard]] static llp_params params(bool primary) {
    llp_params p = quick_params(GetParam().protocol);
    if (GetParam().protocol == LLP_PROTO_MLLP) p.release = GetParam().release;
    if (GetParam().protocol == LLP_PROTO_X328) p.role = primary ? LLP_PRIMARY : LLP_SECONDARY;
    llp_params_scale(&p, GetParam().protocol, 1, 10);
    p.reply_timeout = 20'000'000;
    return p;
  }
  void up() {
    const Logger logger([this](LogLevel, std::string_view text) { log.emplace_back(text); }, LogLevel::debug);
    service = std::make_unique<LineService>(loop.executor(), config, logger);
    const auto up = loop.run(service->start());
    ASSERT_TRUE(up) << up.error().message;
    auto stream = io::make_stream(loop.executor(), io::UnixConnect{directory_ + "/line"}, stream_, Logger());
    ASSERT_TRUE(stream) << stream.error().message;
    instrument = line::make_engine_line(loop.executor(), std::move(*stream), GetParam().protocol,
                                        params(!GetParam().primary), {}, Logger());
    const auto there = loop.run(instrument->start());
    ASSERT_TRUE(there) << there.error().message;
    ASSERT_TRUE(loop.until([&] { return instrument->connected() && service->line().connected(); }));
  }

  // The instrument sends and has its reply.
  struct Sent {
    std::optional<line::SendResult> result;
    std::optional<std::string> reply;
    std::optional<Error> failure;
    [[nodiscard]] bool done() const { return reply || failure; }
  };
  static asio::awaitable<void> send_on(line::Line& line, std::string text, std::shared_ptr<Sent> sent) {
    auto out = line.send(bytes(text), LLP_EXPECT_REPLY);
    if (!out) {
      sent->failure = out.error();
      co_return;
    }
    auto reply = co_await (*out)->reply();
    sent->result = co_await (*out)->sent();
    if (reply) {
      line.verdict(reply->id, LLP_ACCEPT);
      sent->reply = test::text(reply->text);
    } else {
      sent->failure = reply.error();
    }
  }
  [[nodiscard]] std::shared_ptr<Sent> send(const std::string& text) {
    auto sent = std::make_shared<Sent>();
    loop.start(send_on(*instrument, text, sent));
    return sent;
  }
  // The instrument answers what it is asked.
  static asio::awaitable<void> answer_on(line::Line& line, std::vector<std::string>& asked) {
    for (;;) {
      auto message = co_await line.read();
      if (!message) break;
      if (message->acknowledgement) {
        line.verdict(message->id, LLP_ACCEPT);
        continue;
      }
      const std::string text = test::text(message->text);
      asked.push_back(text);
      line.verdict(message->id, LLP_ACCEPT_ANSWER);
      auto out = line.answer(message->id, bytes(acknowledge(text)));
      if (out) co_await (*out)->sent();
    }
  }
  void answer() { loop.start(answer_on(*instrument, asked)); }

  static asio::awaitable<void> read_on(line::Line& line, std::optional<line::Message>& into) {
    auto got = co_await line.read();
    if (got) into = std::move(*got);
  }

  // An HL7 message with this control id, and its acknowledgement.
  static std::string message(const std::string& id, std::size_t extra = 0) {
    return "MSH|^~\\&|A|1|B|1|20260101||ORU^R01|" + id + "|P|2.3\rOBX|1|TX|" + std::string(extra, 'x') + "\r";
  }
  static std::string acknowledge(const std::string& message) {
    std::size_t from = 0;
    for (int i = 0; i < 9; ++i) from = message.find('|', from) + 1;
    const std::string id = message.substr(from, message.find('|', from) - from);
    return "MSH|^~\\&|B|1|A|1|20260101||ACK|a" + id + "|P|2.3\rMSA|AA|" + id + "\r";
  }

  [[nodiscard]] std::shared_ptr<Call> call(const std::string& request) {
    auto call = std::make_shared<Call>();
    call->transaction = std::make_unique<illp::ClientTransaction>(
        loop.executor(), illp::TcpEndpoint{"127.0.0.1", std::to_string(service->dist_port())},
        quick_options());
    loop.start(exchange_on(call, request));
    return call;
  }
  static asio::awaitable<void> exchange_on(std::shared_ptr<Call> call, std::string request) {
    const auto data = bytes(request);
    auto result = co_await illp::exchange(*call->transaction, data, std::nullopt);
    if (result) call->transaction->close();
    call->result = std::move(result);
  }

  Loop loop;
  LineConfig config;
  std::unique_ptr<App> app;
  std::unique_ptr<line::Line> instrument;
  std::unique_ptr<LineService> service;
  std::vector<std::string> asked;
  std::vector<std::string> log;

 private:
  std::string directory_;
  io::StreamOptions stream_;
};

// shows: x328/1/reply
TEST_P(OnEngine, AMessageAndItsReply) {
  up();
  app->answer = acknowledge;
  for (const std::size_t extra : {0U, 500U, 20'000U}) {
    const std::string request = message("m" + std::to_string(extra), extra);
    const auto sent = send(request);
    ASSERT_TRUE(loop.until([&] { return sent->done(); }));
    ASSERT_TRUE(sent->reply) << sent->failure->message;
    EXPECT_EQ(*sent->reply, acknowledge(request));
    EXPECT_EQ(app->requests.back(), request);
  }
  EXPECT_TRUE(loop.until([&] { return service->counters().proximal_ok == 3; }));
  EXPECT_EQ(service->counters().possible_duplicates, 0U);
}

TEST_P(OnEngine, ARequestAndItsReply) {
  up();
  answer();
  for (const std::size_t extra : {0U, 500U, 20'000U}) {
    const std::string request = message("q" + std::to_string(extra), extra);
    const auto client = call(request);
    ASSERT_TRUE(loop.until([&] { return client->done(); }));
    ASSERT_TRUE(*client->result) << client->result->error().error.message;
    EXPECT_EQ(client->reply(), acknowledge(request));
    EXPECT_EQ(asked.back(), request);
  }
  EXPECT_TRUE(loop.until([&] { return service->counters().distal_ok == 3; }));
}

TEST_P(OnEngine, BothSidesStartAtOnceAgainAndAgain) {
  up();
  answer();
  app->answer = acknowledge;
  for (int i = 0; i < 12; ++i) {
    const std::string in = message("i" + std::to_string(i), 300);
    const std::string out = message("o" + std::to_string(i), 300);
    const auto client = call(out);
    if (i % 3 == 1) loop.turn(5ms);  // the bids meet at different points
    const auto sent = send(in);
    ASSERT_TRUE(loop.until([&] { return sent->done() && client->done(); })) << i;
    ASSERT_TRUE(sent->reply) << i << ": " << sent->failure->message;
    ASSERT_TRUE(*client->result) << i << ": " << client->result->error().error.message;
    EXPECT_EQ(*sent->reply, acknowledge(in));
    EXPECT_EQ(client->reply(), acknowledge(out));
  }
  EXPECT_EQ(app->requests.size(), 12U);  // each once
  EXPECT_EQ(asked.size(), 12U);
}

TEST_P(OnEngine, AMessageIsAnsweredWhileARequestWaitsForItsReply) {
  up();
  app->answer = acknowledge;
  const auto client = call(message("q"));  // the instrument takes its time
  std::optional<line::Message> question;
  loop.start(read_on(*instrument, question));
  ASSERT_TRUE(loop.until([&] { return question.has_value(); }));
  instrument->verdict(question->id, LLP_ACCEPT_ANSWER);
  const auto sent = send(message("m"));
  ASSERT_TRUE(loop.until([&] { return sent->done(); }));
  ASSERT_TRUE(sent->reply) << sent->failure->message;
  EXPECT_EQ(*sent->reply, acknowledge(message("m")));
  EXPECT_FALSE(client->done());
  ASSERT_TRUE(instrument->answer(question->id, bytes(acknowledge(message("q")))));
  ASSERT_TRUE(loop.until([&] { return client->done(); }));
  EXPECT_EQ(client->reply(), acknowledge(message("q")));
}

TEST_P(OnEngine, NothingIsAcceptedFromAnApplicationThatDies) {
  up();
  const auto sent = send(message("m"));
  ASSERT_TRUE(loop.until([&] { return !app->waiting.empty(); }));
  const App::Ptr victim = app->waiting[0];
  const auto half = bytes(acknowledge(message("m")).substr(0, 30));
  EXPECT_TRUE(loop.run(victim->write(half)));
  victim->abort();
  app->answer = [](const std::string&) { return std::string(); };
  const bool acknowledges = GetParam().protocol == LLP_PROTO_X328 || GetParam().release == 2;
  if (acknowledges) {
    // The block is refused; what the instrument sends again is marked.
    ASSERT_TRUE(loop.until([&] { return service->counters().possible_duplicates > 0 || sent->done(); }));
  } else {
    ASSERT_TRUE(loop.until([&] { return service->counters().proximal_failed == 1; }));
    loop.turn();
    EXPECT_FALSE(sent->reply);
  }
}

TEST_P(OnEngine, StopsInTheMiddleOfAMessage) {
  up();
  const auto sent = send(message("m", 5000));
  ASSERT_TRUE(loop.until([&] { return !app->waiting.empty(); }));
  loop.run(service->stop());
  EXPECT_TRUE(loop.until([&] { return app->waiting[0]->client_gone(); }));
  EXPECT_FALSE(sent->reply);
}

TEST_P(OnEngine, StopsWhileARequestWaits) {
  up();
  const auto client = call(message("q"));
  ASSERT_TRUE(loop.until([&] {
    return std::ranges::any_of(log, [](const auto& l) { return l.ends_with("waits for the line"); });
  }));
  loop.turn();
  loop.run(service->stop());
  ASSERT_TRUE(loop.until([&] { return client->done(); }));
  EXPECT_EQ(client->failure(), illp::Outcome::cancelled);
}

INSTANTIATE_TEST_SUITE_P(Protocols, OnEngine,
                         ::testing::Values(Case{"X328Secondary", LLP_PROTO_X328, 0, false},
                                           Case{"X328Primary", LLP_PROTO_X328, 0, true},
                                           Case{"Hllp", LLP_PROTO_HLLP, 0, false},
                                           Case{"Mllp1", LLP_PROTO_MLLP, 1, false},
                                           Case{"Mllp2", LLP_PROTO_MLLP, 2, false}),
                         case_name);

// X3.28 only: an application slower than the instrument waits.
using TooLate = OnEngine;

TEST_P(TooLate, TheRepeatIsAnsweredAndTheApplicationAskedOnce) {
  config.params.peer_timer_a = 900'000;
  config.params.retries_l = 2;
  up();
  const std::string request = message("m");
  const auto first = send(request);
  ASSERT_TRUE(loop.until([&] { return service->counters().too_late == 1; }));
  ASSERT_TRUE(loop.until([&] { return first->done(); }));
  EXPECT_FALSE(first->reply);  // the instrument was told
  ASSERT_EQ(app->waiting.size(), 1U);
  app->reply(0, acknowledge(request));
  ASSERT_TRUE(loop.until([&] {
    return std::ranges::any_of(
        log, [](const auto& l) { return l.find("kept for its repeat") != std::string::npos; });
  }));
  const auto again = send(request);
  ASSERT_TRUE(loop.until([&] { return again->done(); }));
  ASSERT_TRUE(again->reply) << again->failure->message;
  EXPECT_EQ(*again->reply, acknowledge(request));
  EXPECT_EQ(app->requests.size(), 1U);
  EXPECT_EQ(service->counters().answered_again, 1U);
}

INSTANTIATE_TEST_SUITE_P(X328, TooLate, ::testing::Values(Case{"X328", LLP_PROTO_X328, 0, false}), case_name);

}  // namespace
}  // namespace llp::core::test
