// SPDX-License-Identifier: BSD-3-Clause
// The end, in every state; and lines that are left after each transaction.
#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>
#include <iterator>

#include "core/support.hpp"

namespace llp::core::test {
namespace {

using illp::Outcome;
using line::Kind;

class Stop : public AppBench {
 protected:
  Stop() { serve_dist(); }
  static asio::awaitable<void> stop_and_tell(LineService& service, std::shared_ptr<bool> done) {
    co_await service.stop();
    *done = true;
  }
  // Begins to stop.
  [[nodiscard]] std::shared_ptr<bool> stop() {
    auto done = std::make_shared<bool>(false);
    loop.start(stop_and_tell(*service, done));
    return done;
  }
  [[nodiscard]] bool stopped(const std::shared_ptr<bool>& done) {
    return until([&] { return *done; });
  }
};

TEST_F(Stop, AtRest) {
  with_app();
  EXPECT_TRUE(stopped(stop()));
  EXPECT_TRUE(line->stopped);
  EXPECT_FALSE(line->ready);
}

TEST_F(Stop, BeforeStartAndTwice) {
  service = std::make_unique<LineService>(
      loop.executor(), config, std::make_unique<FakeLine>(loop.executor(), config.protocol, config.params),
      Logger());
  EXPECT_TRUE(stopped(stop()));
  with_app();
  const auto first = stop();
  const auto second = stop();
  EXPECT_TRUE(stopped(first));
  EXPECT_TRUE(stopped(second));
  EXPECT_TRUE(stopped(stop()));
}

TEST_F(Stop, TheRoleIsFreeAfterwards) {
  with_app();
  EXPECT_TRUE(stopped(stop()));
  EXPECT_TRUE(try_up());
}

TEST_F(Stop, FinishesTheMessageInHand) {
  config.stop_grace = 20s;
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  const auto done = stop();
  loop.turn();
  EXPECT_FALSE(*done);
  EXPECT_FALSE(line->ready);
  app->reply(0, kAnswer);
  const auto answer = sent(Kind::answer);
  ASSERT_TRUE(answer);
  loop.turn();
  EXPECT_FALSE(*done);
  answer->transferred();
  EXPECT_TRUE(stopped(done));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  EXPECT_EQ(n().proximal_ok, 1U);
}

TEST_F(Stop, FinishesTheMessageThatArrives) {
  config.stop_grace = 20s;
  with_app();
  line->begin_message();
  loop.turn();
  const auto done = stop();
  loop.turn();
  EXPECT_FALSE(*done);
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, "");
  EXPECT_TRUE(stopped(done));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT);
}

TEST_F(Stop, RefusesWhatBeginsLater) {
  config.stop_grace = 20s;
  with_app();
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  const auto done = stop();
  loop.turn();
  const auto later = line->arrive(kOther);
  ASSERT_TRUE(decided(later));
  EXPECT_EQ(line->decision(later), LLP_REJECT);
  app->reply(0, "");
  EXPECT_TRUE(stopped(done));
}

TEST_F(Stop, GivesUpOnASlowApplicationAndRefuses) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_TRUE(stopped(stop()));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_TRUE(until([&] { return app->waiting[0]->client_gone(); }));  // reset
}

TEST_F(Stop, HllpSaysNothingOfWhatTheApplicationHas) {
  protocol(LLP_PROTO_HLLP);
  with_app();
  const auto id = line->arrive(kRequest);
  const auto queued = line->arrive(kOther);
  ASSERT_TRUE(asked());
  EXPECT_TRUE(stopped(stop()));
  EXPECT_EQ(line->decision(id), LLP_FORGET);
  EXPECT_EQ(line->decision(queued), LLP_REJECT);  // nobody has seen it
  EXPECT_EQ(app->requests.size(), 1U);
}

TEST_F(Stop, EndsDeliveriesThatNobodyWaitsFor) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  line->cancel(id);
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  EXPECT_TRUE(stopped(stop()));
  EXPECT_TRUE(until([&] { return app->waiting[0]->client_gone(); }));
}

TEST_F(Stop, EndsAnAnswerThatIsNotWritten) {
  with_app();
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  ASSERT_TRUE(sent(Kind::answer));
  EXPECT_TRUE(stopped(stop()));
  EXPECT_EQ(n().proximal_failed, 1U);
}

TEST_F(Stop, EndsALateVerdictsWait) {
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  line->settle = LLP_LATE;
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  EXPECT_TRUE(stopped(stop()));
}

TEST_F(Stop, FinishesTheRequestInHandAndCancelsTheOthers) {
  config.stop_grace = 20s;
  with_app();
  const auto first = call(kQuery);
  const auto r = sent(Kind::request);
  ASSERT_TRUE(r);
  r->transferred();
  const auto second = call(kOther);
  ASSERT_TRUE(queued(2));
  const auto done = stop();
  ASSERT_TRUE(until([&] { return second->done(); }));
  EXPECT_EQ(second->failure(), Outcome::cancelled);
  EXPECT_FALSE(*done);
  line->reply(*r, kResult);
  EXPECT_TRUE(stopped(done));
  ASSERT_TRUE(until([&] { return first->done(); }));
  EXPECT_EQ(first->reply(), kResult);
}

TEST_F(Stop, TakesBackARequestThatHasNoReply) {
  with_app();
  const auto client = call(kQuery);
  const auto r = sent(Kind::request);
  ASSERT_TRUE(r);
  r->transferred();
  const auto done = stop();
  EXPECT_TRUE(stopped(done));
  EXPECT_TRUE(r->aborted);
  ASSERT_TRUE(until([&] { return client->done(); }));
  EXPECT_EQ(client->failure(), Outcome::cancelled);
}

TEST_F(Stop, CutsOffAClientThatDoesNotTakeItsReply) {
  with_app();
  auto transaction = std::make_unique<illp::ClientTransaction>(
      loop.executor(), illp::TcpEndpoint{"127.0.0.1", std::to_string(service->dist_port())}, quick_options());
  ASSERT_TRUE(loop.run(transaction->connect()));
  const auto query = bytes(kQuery);
  ASSERT_TRUE(loop.run(transaction->write(query)));
  ASSERT_TRUE(loop.run(transaction->finish()));
  const auto r = sent(Kind::request);
  ASSERT_TRUE(r);
  r->transferred();
  const auto id = line->reply(*r, std::string(12U << 20, 'x'));
  loop.turn();
  EXPECT_TRUE(stopped(stop()));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
}

TEST_F(Stop, EndsAHalfSentRequestOfAClient) {
  with_app();
  illp::ClientTransaction transaction(
      loop.executor(), illp::TcpEndpoint{"127.0.0.1", std::to_string(service->dist_port())}, quick_options());
  ASSERT_TRUE(loop.run(transaction.connect()));
  const auto half = bytes("MSH|");
  ASSERT_TRUE(loop.run(transaction.write(half)));
  loop.turn();
  EXPECT_TRUE(stopped(stop()));
  EXPECT_TRUE(until([&] { return transaction.peer_gone(); }));
}

TEST_F(Stop, EndsTheWaitForAnotherProcess) {
  with_app();
  const UniqueFd other(::open(lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const auto client = call(kQuery);
  ASSERT_TRUE(queued(1));
  loop.turn();
  EXPECT_TRUE(stopped(stop()));
  ASSERT_TRUE(until([&] { return client->done(); }));
  EXPECT_EQ(client->failure(), Outcome::cancelled);
}

TEST_F(Stop, EndsTheLookForATarget) {
  config.ready = Ready::target_up;
  config.illp.connect_tries = 1;
  config.to = {illp::TcpEndpoint{"127.0.0.1", "1"}};
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(until([&] { return !line->ready; }));
  EXPECT_TRUE(stopped(stop()));
}

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

TEST_F(Stop, LeavesNoDescriptorBehind) {
  app = std::make_unique<App>(loop, quick_options());
  app->answer = [](const std::string&) { return kAnswer; };
  config.to = {app->endpoint()};
  loop.turn();
  const auto before = open_files();
  for (int i = 0; i < 3; ++i) {
    up();
    line->arrive(kRequest);
    const auto client = call(kQuery);
    ASSERT_TRUE(until([&] { return line->sent(Kind::answer).size() == 1; }));
    EXPECT_TRUE(stopped(stop()));
    ASSERT_TRUE(until([&] { return client->done(); }));
    service.reset();
    line = nullptr;
    loop.turn();
  }
  EXPECT_EQ(open_files(), before);
}

TEST_F(Stop, WithoutStopEverythingEndsInTheLoop) {
  with_app();
  line->arrive(kRequest);
  const auto client = call(kQuery);
  ASSERT_TRUE(asked());
  service.reset();
  ASSERT_TRUE(until([&] { return client->done(); }));
  EXPECT_NE(client->failure(), std::nullopt);
  EXPECT_TRUE(until([&] { return app->waiting[0]->client_gone(); }));
}

TEST_F(Stop, AFailedStartLeavesNothing) {
  auto made = std::make_unique<FakeLine>(loop.executor(), config.protocol, config.params);
  made->start_error = Error{Errc::not_found, "/dev/ttyS9: no such device", 0};
  LineService failing(loop.executor(), config, std::move(made), Logger());
  const auto up = loop.run(failing.start());
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Errc::not_found);
  EXPECT_TRUE(try_up());  // the role is free
}

TEST_F(Stop, BadConfigurationIsSaidPlainly) {
  config.name = "a/b";
  EXPECT_EQ(try_up().error().code, Errc::invalid);
  config.name = std::string(65, 'a');
  EXPECT_EQ(try_up().error().code, Errc::invalid);
  config.name = "lab";
  config.illp.max_message = 0;
  EXPECT_EQ(try_up().error().code, Errc::invalid);
  config.illp = quick_options();
  config.runtime_dir = "/nonexistent/dir";
  EXPECT_EQ(try_up().error().code, Errc::not_found);
}

// ---- one shot ----

TEST_F(Stop, OneShotLeavesTheLineAfterAMessage) {
  config.one_shot = true;
  with_app();
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  const auto answer = sent(Kind::answer);
  ASSERT_TRUE(answer);
  loop.turn();
  EXPECT_EQ(line->disconnects, 0);
  answer->transferred();
  EXPECT_TRUE(until([&] { return line->disconnects == 1; }));
  loop.turn();
  EXPECT_EQ(line->disconnects, 1);
}

// shows: hllp/5/a
TEST_F(Stop, WithoutOneShotTheLineIsKept) {
  with_app();
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  const auto answer = sent(Kind::answer);
  ASSERT_TRUE(answer);
  answer->transferred();
  ASSERT_TRUE(until([&] { return n().proximal_ok == 1; }));
  loop.turn();
  EXPECT_EQ(line->disconnects, 0);
}

TEST_F(Stop, OneShotLeavesTheLineBetweenRequests) {
  config.one_shot = true;
  with_app();
  const auto first = call(kQuery);
  const auto r = sent(Kind::request);
  ASSERT_TRUE(r);
  const auto second = call(kOther);
  ASSERT_TRUE(queued(2));
  line->resting = false;  // the instrument's reply is not quite over
  r->transferred();
  line->reply(*r, kResult);
  ASSERT_TRUE(until([&] { return first->done(); }));
  loop.turn();
  EXPECT_EQ(line->disconnects, 0);
  EXPECT_EQ(line->sent(Kind::request).size(), 1U);
  line->resting = true;
  line->changed();
  ASSERT_TRUE(sent(Kind::request, 2));
  EXPECT_EQ(line->disconnects, 1);
}

}  // namespace
}  // namespace llp::core::test
