// SPDX-License-Identifier: BSD-3-Clause
// From the application to the instrument: queue, line, reply, and every way to
// fail.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>

#include "core/support.hpp"

namespace llp::core::test {
namespace {

using illp::Outcome;
using line::Kind;

class Distal : public Bench {
 protected:
  Distal() { serve_dist(); }
  // The n-th request that is on the line.
  [[nodiscard]] std::shared_ptr<FakeOutgoing> request(std::size_t n = 1) {
    if (!until([&] { return line->sent(Kind::request).size() >= n; })) return nullptr;
    return line->sent(Kind::request)[n - 1];
  }
  [[nodiscard]] bool done(const std::shared_ptr<Call>& call) {
    return until([&] { return call->done(); });
  }
};

// A client has asked, and the request is on the line.
class Asked : public Distal {
 protected:
  void SetUp() override {
    up();
    client = call(kQuery);
    r = request();
    ASSERT_TRUE(r);
  }
  std::shared_ptr<Call> client;
  std::shared_ptr<FakeOutgoing> r;
};

// The instrument has it as well; its reply is awaited.
class Transferred : public Asked {
 protected:
  void SetUp() override {
    Asked::SetUp();
    if (r) r->transferred();
  }
};

// shows: hllp/10/response
TEST_F(Asked, RequestReplyAndVerdictInOrder) {
  EXPECT_EQ(r->text, kQuery);
  EXPECT_EQ(r->expect, LLP_EXPECT_REPLY);
  r->transferred();
  loop.turn();
  EXPECT_FALSE(client->done());
  const auto id = line->reply(*r, kResult);
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->reply(), kResult);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT);
  EXPECT_TRUE(until([&] { return n().distal_ok == 1; }));
}

// A client that is there but takes nothing: the reply is not accepted before
// it has the last byte.
TEST_F(Distal, TheReplyIsAcceptedOnlyWhenTheClientHasIt) {
  config.illp.idle_timeout = 2s;
  up();
  auto transaction = std::make_unique<illp::ClientTransaction>(
      loop.executor(), illp::TcpEndpoint{"127.0.0.1", std::to_string(service->dist_port())}, quick_options());
  ASSERT_TRUE(loop.run(transaction->connect()));
  const auto query = bytes(kQuery);
  ASSERT_TRUE(loop.run(transaction->write(query)));
  ASSERT_TRUE(loop.run(transaction->finish()));
  const auto r = request();
  ASSERT_TRUE(r);
  r->transferred();
  const auto id = line->reply(*r, std::string(12U << 20, 'x'));  // more than the sockets take
  loop.turn(150ms);
  EXPECT_FALSE(line->decision(id));
  ASSERT_TRUE(decided(id));  // it never reads: refused in the end
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_TRUE(r->aborted);
  EXPECT_EQ(n().distal_ok, 0U);
}

TEST_F(Transferred, AClientThatWentMeanwhileGetsNoReplyAccepted) {
  const auto id = line->reply(*r, kResult);
  client->transaction->abort();
  // Either it is seen first, or writing to it fails.
  ASSERT_TRUE(until([&] { return n().distal_left == 1 || n().distal_ok == 1; }));
  if (n().distal_left == 1 && line->decision(id)) {
    EXPECT_EQ(line->decision(id), LLP_REJECT);
  }
}

// shows: hllp/10/client-can illp/9/client
TEST_F(Asked, AClientThatGoesWhileTheRequestIsOnTheLineTakesItBack) {
  r->grant();
  client->transaction->abort();
  ASSERT_TRUE(until([&] { return r->aborted; }));
  EXPECT_TRUE(until([&] { return n().distal_left == 1; }));
  EXPECT_TRUE(logged("the client went while the request was on the line"));
}

TEST_F(Distal, AClientThatGoesWhileItWaitsLeavesNothingBehind) {
  up();
  const auto first = call(kQuery);
  const auto r = request();
  ASSERT_TRUE(r);
  const auto second = call(kOther);
  ASSERT_TRUE(queued(2));
  second->transaction->abort();
  ASSERT_TRUE(until([&] { return n().distal_left == 1; }));
  r->transferred();
  line->reply(*r, kResult);
  ASSERT_TRUE(done(first));
  loop.turn();
  EXPECT_EQ(line->sent(Kind::request).size(), 1U);  // the second was never sent
}

TEST_F(Distal, RequestsGoOneByOneInOrder) {
  up();
  const auto first = call(kQuery);
  ASSERT_TRUE(request(1));
  const auto second = call(kOther);
  ASSERT_TRUE(queued(2));
  const auto third = call(kRequest);
  ASSERT_TRUE(queued(3));
  loop.turn();
  EXPECT_EQ(line->sent(Kind::request).size(), 1U);
  const auto r1 = request(1);
  r1->transferred();
  line->reply(*r1, kResult);
  const auto r2 = request(2);
  ASSERT_TRUE(r2);
  EXPECT_EQ(r2->text, kOther);
  r2->transferred();
  line->reply(*r2, kResult);
  const auto r3 = request(3);
  ASSERT_TRUE(r3);
  EXPECT_EQ(r3->text, kRequest);
  r3->transferred();
  line->reply(*r3, kResult);
  ASSERT_TRUE(done(first) && done(second) && done(third));
}

TEST_F(Distal, TheQueueIsBounded) {
  config.max_queue = 2;
  up();
  const auto on_line = call(kQuery);
  ASSERT_TRUE(request());
  const auto a = call(kQuery);
  const auto b = call(kQuery);
  ASSERT_TRUE(queued(3));
  const auto c = call(kQuery);
  ASSERT_TRUE(done(c));
  EXPECT_EQ(c->failure(), Outcome::cancelled);
  EXPECT_EQ(n().distal_refused, 1U);
  EXPECT_FALSE(a->done());
  EXPECT_FALSE(b->done());
}

TEST_F(Distal, WaitingHasAnEnd) {
  config.queue_timeout = 500ms;
  up();
  const auto first = call(kQuery);
  const auto r = request();
  ASSERT_TRUE(r);
  r->grant();  // on the wire: its own time-outs are the line's
  const auto second = call(kOther);
  ASSERT_TRUE(done(second));
  EXPECT_EQ(second->failure(), Outcome::cancelled);
  EXPECT_EQ(n().distal_expired, 1U);
  EXPECT_TRUE(logged("waited 0.500 s for the request before it"));
  EXPECT_FALSE(first->done());
  r->transferred();
  line->reply(*r, kResult);
  EXPECT_TRUE(done(first));
}

TEST_F(Distal, ALineThatNeverTakesTheRequestHasAnEndToo) {
  config.queue_timeout = 80ms;
  up();
  line->connected_now = false;
  const auto client = call(kQuery);
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->failure(), Outcome::cancelled);
  EXPECT_TRUE(line->sent(Kind::request).at(0)->aborted);
  EXPECT_TRUE(logged("it is not connected"));
}

// shows: hllp/10/failed mllp/5/failed illp/9/exhausted
TEST_F(Distal, FailuresOfTheLineAreCancelledWithTheirCause) {
  up();
  struct Row {
    llp_cause cause;
    llp_outcome outcome;
  };
  const std::vector<Row> rows{{LLP_CAUSE_BUSY, LLP_OUT_NOT_SENT},
                              {LLP_CAUSE_NOREPLY, LLP_OUT_UNKNOWN},
                              {LLP_CAUSE_REJECTED, LLP_OUT_REFUSED},
                              {LLP_CAUSE_INTERRUPTED, LLP_OUT_NOT_SENT},
                              {LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto client = call(kQuery);
    const auto r = request(i + 1);
    ASSERT_TRUE(r);
    r->transferred(rows[i].cause, rows[i].outcome);
    ASSERT_TRUE(done(client));
    EXPECT_EQ(client->failure(), Outcome::cancelled);
    EXPECT_TRUE(logged(llp_cause_name(rows[i].cause)));
    EXPECT_TRUE(logged(llp_outcome_name(rows[i].outcome)));
  }
  EXPECT_EQ(n().distal_failed, rows.size());
}

// shows: hllp/10/failed mllp/5/reply illp/9/timeout
TEST_F(Transferred, NoReplyInTimeIsCancelled) {
  r->end(Errc::timeout, "no reply in time");
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->failure(), Outcome::cancelled);
  EXPECT_TRUE(logged("no reply in time"));
}

TEST_F(Distal, WhatTheLineCannotCarryIsCancelled) {
  up();
  line->send_error = Error{Errc::malformed, "byte 03 cannot be sent over X3.28", 0};
  const auto client = call(kQuery);
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->failure(), Outcome::cancelled);
  EXPECT_TRUE(logged("byte 03 cannot be sent over X3.28"));
}

// shows: interop/11/illp/expect
TEST_F(Distal, ExpectNoneGivesAnEmptyReply) {
  config.params.expect_out = LLP_EXPECT_NONE;
  up();
  const auto client = call(kQuery);
  const auto r = request();
  ASSERT_TRUE(r);
  EXPECT_EQ(r->expect, LLP_EXPECT_NONE);
  loop.turn();
  EXPECT_FALSE(client->done());
  r->transferred();
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->reply(), "");
  EXPECT_TRUE(until([&] { return n().distal_ok == 1; }));
}

TEST_F(Distal, ExpectNoneStillFailsWhenTheLineDoes) {
  config.params.expect_out = LLP_EXPECT_NONE;
  up();
  const auto client = call(kQuery);
  const auto r = request();
  ASSERT_TRUE(r);
  r->transferred(LLP_CAUSE_REJECTED, LLP_OUT_REFUSED);
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->failure(), Outcome::cancelled);
}

TEST_F(Distal, ExpectOptionalTakesAReplyOrNone) {
  config.params.expect_out = LLP_EXPECT_OPTIONAL;
  up();
  const auto with = call(kQuery);
  auto r = request(1);
  ASSERT_TRUE(r);
  r->transferred();
  line->reply(*r, kResult);
  ASSERT_TRUE(done(with));
  EXPECT_EQ(with->reply(), kResult);
  const auto without = call(kQuery);
  r = request(2);
  ASSERT_TRUE(r);
  r->transferred();
  r->end(Errc::closed, "none came");
  ASSERT_TRUE(done(without));
  EXPECT_EQ(without->reply(), "");
}

// ---- acknowledging the instrument's reply ----

TEST_F(Transferred, AVerdictThatCameTooLateIsGivenAgainToTheRepeat) {
  line->settle = LLP_GONE;
  line->reply(*r, kResult);
  ASSERT_TRUE(done(client));
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  EXPECT_EQ(n().distal_ok, 0U);
  line->settle = LLP_ACKNOWLEDGED;
  const auto again = line->reply(*r, kResult);
  ASSERT_TRUE(decided(again));
  EXPECT_EQ(line->decision(again), LLP_ACCEPT);
  EXPECT_TRUE(until([&] { return n().distal_ok == 1; }));
}

TEST_F(Transferred, ARepeatOfTheReplyAfterItsExchangeIsNoDeadLetter) {
  line->settle = LLP_LATE;
  const auto id = line->reply(*r, kResult);
  ASSERT_TRUE(done(client));
  ASSERT_TRUE(decided(id));
  line->cancel(id);  // never acknowledged after all
  r->end(Errc::closed, "the exchange is over");
  ASSERT_TRUE(until([&] { return n().distal_ok == 1; }));
  line->settle = LLP_ACKNOWLEDGED;
  const auto again = line->arrive(kResult, [](line::Message& m) { m.acknowledgement = true; });
  ASSERT_TRUE(decided(again));
  EXPECT_EQ(line->decision(again), LLP_ACCEPT);
  EXPECT_EQ(n().dead_letters, 0U);
  EXPECT_EQ(n().answered_again, 1U);
}

TEST_F(Transferred, ALateVerdictThatIsAcknowledgedEndsTheTransaction) {
  line->settle = LLP_LATE;
  const auto id = line->reply(*r, kResult);
  ASSERT_TRUE(done(client));
  ASSERT_TRUE(decided(id));
  loop.turn();
  EXPECT_EQ(n().distal_ok, 0U);
  line->acknowledge(id);
  EXPECT_TRUE(until([&] { return n().distal_ok == 1; }));
}

// ---- readiness and the port ----

TEST_F(Distal, WithoutATargetTheLineIsReadyForTheReplyOnly) {
  up();
  EXPECT_FALSE(line->ready);
  const auto client = call(kQuery);
  const auto r = request();
  ASSERT_TRUE(r);
  ASSERT_TRUE(until([&] { return line->ready; }));
  r->transferred();
  const auto other = line->arrive(kOther);  // not the reply
  ASSERT_TRUE(decided(other));
  EXPECT_EQ(line->decision(other), LLP_REJECT);
  line->reply(*r, kResult);
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->reply(), kResult);
  EXPECT_TRUE(until([&] { return !line->ready; }));
}

TEST_F(Distal, OpensAfterTheFirstMessage) {
  App app(loop, quick_options());
  config.serve_dist_at_once = false;
  config.to = {app.endpoint()};
  up();
  loop.turn();
  EXPECT_EQ(service->dist_port(), 0);
  line->arrive(kRequest);
  ASSERT_TRUE(until([&] { return service->dist_port() != 0; }));
  const auto client = call(kQuery);
  ASSERT_TRUE(until([&] { return app.waiting.size() == 1; }));
  app.reply(0, "");
  ASSERT_TRUE(request());
}

TEST_F(Distal, WithoutATargetThereIsNoMessageToWaitFor) {
  config.serve_dist_at_once = false;
  up();
  EXPECT_NE(service->dist_port(), 0);
}

TEST_F(Distal, APortInUseIsToldAtStart) {
  const App taken(loop, quick_options());
  config.dist = taken.endpoint();
  const auto up = try_up();
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Errc::in_use);
  // Nothing is held: it can be started again.
  config.dist = illp::TcpEndpoint{"127.0.0.1", "0"};
  EXPECT_TRUE(try_up());
}

TEST_F(Distal, APortInUseIsToldLaterIfItIsServedLater) {
  const App taken(loop, quick_options());
  App app(loop, quick_options());
  config.serve_dist_at_once = false;
  config.to = {app.endpoint()};
  config.dist = taken.endpoint();
  up();
  std::optional<Error> failure;
  service->on_failure([&](Error e) { failure = std::move(e); });
  line->arrive(kRequest);
  ASSERT_TRUE(until([&] { return failure.has_value(); }));
  EXPECT_EQ(failure->code, Errc::in_use);
}

TEST(FairShare, LeavesPlacesToOthers) {
  const std::vector<std::pair<std::size_t, std::size_t>> shares{{1, 1}, {2, 1}, {3, 2},   {4, 3},
                                                                {5, 3}, {8, 6}, {16, 12}, {10000, 7500}};
  for (const auto& [places, share] : shares) EXPECT_EQ(fair_share(places), share) << places;
}

// All callers of this machine have one address: the default does not count them.
TEST_F(Distal, WithoutABoundOfItsOwnLoopbackHasAllPlaces) {
  config.max_connections = 4;
  up();
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(call(kQuery));
  ASSERT_TRUE(request());
  ASSERT_TRUE(until([&] { return service->status().clients == 4; }));
  EXPECT_EQ(service->counters().peers_refused, 0U);
}

TEST_F(Distal, ABoundThatIsSetCountsLoopbackToo) {
  config.max_connections = 4;
  config.max_per_address = 2;
  up();
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(call(kQuery));
  ASSERT_TRUE(request());
  ASSERT_TRUE(until([&] { return service->counters().peers_refused == 2; }));
  EXPECT_EQ(service->status().clients, 2U);
}

TEST_F(Distal, AFloodIsBounded) {
  config.max_connections = 4;
  up();
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 30; ++i) calls.push_back(call(kQuery));
  const auto r = request();
  ASSERT_TRUE(r);
  ASSERT_TRUE(
      until([&] { return std::ranges::count_if(calls, [](const auto& c) { return c->done(); }) >= 26; }));
  EXPECT_EQ(std::ranges::count_if(calls, [](const auto& c) { return c->done(); }), 26);
}

// ---- another process ----

TEST_F(Distal, ARequestWaitsForAnotherProcess) {
  up();
  const UniqueFd other(::open(lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const auto client = call(kQuery);
  loop.turn(150ms);
  EXPECT_TRUE(line->sent(Kind::request).empty());
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  ASSERT_TRUE(request());
}

TEST_F(Distal, WaitingForAnotherProcessHasAnEnd) {
  config.queue_timeout = 100ms;
  up();
  const UniqueFd other(::open(lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const auto client = call(kQuery);
  ASSERT_TRUE(done(client));
  EXPECT_EQ(client->failure(), Outcome::cancelled);
  EXPECT_TRUE(logged("which another process has"));
  EXPECT_EQ(n().distal_expired, 1U);
}

TEST_F(Distal, ALineIsServedOnce) {
  up();
  LineConfig again = config;
  again.dist.reset();
  LineService second(loop.executor(), again,
                     std::make_unique<FakeLine>(loop.executor(), again.protocol, again.params), Logger());
  const auto up = loop.run(second.start());
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Errc::in_use);
  EXPECT_NE(up.error().message.find(std::to_string(::getpid())), std::string::npos) << up.error().message;
}

}  // namespace
}  // namespace llp::core::test
