// SPDX-License-Identifier: BSD-3-Clause
// From the instrument to the application: commit order, and every way to fail.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <stdexcept>

#include "core/support.hpp"

namespace llp::core::test {
namespace {

using line::Kind;

class Proximal : public AppBench {
 protected:
  // The answer that is to be written to the line.
  [[nodiscard]] std::shared_ptr<FakeOutgoing> answer(std::size_t n = 1) { return sent(Kind::answer, n); }
};

// shows: illp/9/end
TEST_F(Proximal, MessageReplyAndVerdictInOrder) {
  with_app();
  EXPECT_TRUE(line->ready);
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_EQ(app->requests.at(0), kRequest);
  loop.turn();
  EXPECT_FALSE(line->decision(id));  // nothing is acknowledged before the reply's end
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  const auto written = answer();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->text, kAnswer);
  EXPECT_EQ(n().proximal_ok, 0U);  // not before it is written
  written->transferred();
  EXPECT_TRUE(until([&] { return n().proximal_ok == 1; }));
  EXPECT_EQ(line->entries[id].verdicts, 1);
}

TEST_F(Proximal, NothingIsAcknowledgedForHalfAReply) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  // Half of it, then the application dies.
  const App::Ptr client = app->waiting[0];
  const auto half = bytes(kAnswer.substr(0, 20));
  EXPECT_TRUE(loop.run(client->write(half)));
  loop.turn();
  EXPECT_FALSE(line->decision(id));
  client->abort();
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_TRUE(line->sent(Kind::answer).empty());
  EXPECT_EQ(n().proximal_failed, 1U);
}

TEST_F(Proximal, ACutReplyThatLooksFinishedIsNotAccepted) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer.substr(0, kAnswer.size() - 3));  // a peer that does not arm, and died
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_TRUE(logged("malformed"));
}

TEST_F(Proximal, AnEmptyReplyIsAccepted) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, "");
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT);
  EXPECT_TRUE(until([&] { return n().proximal_ok == 1; }));
  EXPECT_TRUE(line->sent(Kind::answer).empty());
}

// shows: interop/11/illp/expect
TEST_F(Proximal, WithExpectNoneTheReplyIsReadAndDiscarded) {
  config.params.expect_in = LLP_EXPECT_NONE;
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  loop.turn();
  EXPECT_FALSE(line->decision(id));
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT);
  EXPECT_TRUE(until([&] { return n().replies_discarded == 1; }));
  EXPECT_TRUE(line->sent(Kind::answer).empty());
}

// shows: illp/9/refused
TEST_F(Proximal, CanIsARefusal) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->can(0);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_TRUE(logged("cancelled"));
}

TEST_F(Proximal, AReplyTooLargeIsARefusal) {
  config.illp.max_message = 200;
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, std::string(400, 'x'));
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_TRUE(logged("too large"));
}

// shows: illp/9/refused
TEST_F(Proximal, UnreachableIsARefusalAndNoDuplicate) {
  with_app();
  app->stop();
  for (int i = 0; i < 2; ++i) {
    const auto id = line->arrive(kRequest);
    ASSERT_TRUE(decided(id));
    EXPECT_EQ(line->decision(id), LLP_REJECT);
  }
  EXPECT_EQ(n().proximal_failed, 2U);
  EXPECT_EQ(n().possible_duplicates, 0U);  // nobody has seen any of it
}

TEST_F(Proximal, AnAnswerThatTheLineCannotCarryIsLogged) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  line->send_error = Error{Errc::malformed, "a character that cannot be sent", 0};
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  EXPECT_TRUE(until([&] { return n().proximal_failed == 1; }));
  EXPECT_TRUE(logged("a character that cannot be sent"));
}

// HLLP's line keeps a message until it is answered.
TEST_F(Proximal, AnAnswerThatCannotBeSentFreesItsMessage) {
  protocol(LLP_PROTO_HLLP);
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  line->send_error = Error{Errc::too_large, "too large for the line", 0};
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return line->entries[id].verdicts == 2; }));
  EXPECT_EQ(line->decision(id), LLP_FORGET);
}

TEST_F(Proximal, AnAnswerThatIsNotTakenIsLogged) {
  with_app();
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  const auto written = answer();
  ASSERT_TRUE(written);
  written->transferred(LLP_CAUSE_NOREPLY, LLP_OUT_UNKNOWN);
  EXPECT_TRUE(until([&] { return n().proximal_failed == 1; }));
  EXPECT_EQ(n().proximal_ok, 0U);
}

TEST_F(Proximal, TheNextMessageDoesNotWaitForTheAnswerBefore) {
  with_app();
  line->arrive(kRequest);
  ASSERT_TRUE(asked(1));
  app->reply(0, kAnswer);
  ASSERT_TRUE(answer(1));
  const auto id = line->arrive(kOther);  // the instrument was quicker than our answer
  ASSERT_TRUE(asked(2));
  app->reply(1, kAnswer);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->sent(Kind::answer).size(), 1U);  // one at a time, in order
  line->sent(Kind::answer)[0]->transferred();
  ASSERT_TRUE(answer(2));
}

TEST_F(Proximal, TooManyAnswersStopTheInstrument) {
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  line::MessageId last = 0;
  for (int i = 0; i < 17; ++i) {
    EXPECT_TRUE(line->ready) << i;
    last = line->arrive(kRequest + "NTE|" + std::to_string(i) + "\r");
    ASSERT_TRUE(decided(last));
  }
  ASSERT_TRUE(until([&] { return !line->ready; }));
  line->sent(Kind::answer).at(0)->transferred();
  EXPECT_TRUE(until([&] { return line->ready; }));
}

// ---- protocols that acknowledge nothing by themselves ----

// shows: hllp/D-17
TEST_F(Proximal, HllpSaysNothingOnceTheApplicationHasSeenSomething) {
  protocol(LLP_PROTO_HLLP);
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->can(0);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_FORGET);
}

// shows: hllp/D-17
TEST_F(Proximal, HllpRefusesWhatNobodyHasSeen) {
  protocol(LLP_PROTO_HLLP);
  with_app();
  app->stop();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
}

TEST_F(Proximal, HllpSaysNothingAfterTheApplicationsTime) {
  protocol(LLP_PROTO_HLLP);
  config.params.app_timeout = 500'000;
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_FORGET);
  EXPECT_EQ(n().too_late, 1U);
}

// shows: mllp/D-11
TEST_F(Proximal, Mllp1LetsTheLineDecideWhatARefusalIs) {
  protocol(LLP_PROTO_MLLP, 1);
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->can(0);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
}

TEST_F(Proximal, MessagesOfOneLineAreDeliveredOneByOne) {
  protocol(LLP_PROTO_HLLP);
  with_app();
  line->arrive(kRequest);
  line->arrive(kOther);
  ASSERT_TRUE(asked(1));
  loop.turn();
  EXPECT_EQ(app->requests.size(), 1U);
  app->reply(0, kAnswer);
  ASSERT_TRUE(asked(2));
  EXPECT_EQ(app->requests[1], kOther);
}

// ---- commit point `sent` ----

// shows: mllp/D-4 interop/11/mllp/commit
TEST_F(Proximal, CommitSentAcknowledgesBeforeTheReply) {
  config.commit = CommitPoint::sent;
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  ASSERT_TRUE(asked());
  EXPECT_TRUE(line->sent(Kind::answer).empty());
  const auto next = line->arrive(kOther);  // not held up by the first
  ASSERT_TRUE(decided(next));
  ASSERT_TRUE(asked(2));
  app->reply(0, kAnswer);
  const auto written = answer();
  ASSERT_TRUE(written);
  written->transferred();
  EXPECT_TRUE(until([&] { return n().proximal_ok == 1; }));
}

TEST_F(Proximal, CommitSentLosesWhatTheApplicationDrops) {
  config.commit = CommitPoint::sent;
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  ASSERT_TRUE(asked());
  app->can(0);
  EXPECT_TRUE(until([&] { return n().proximal_failed == 1; }));
  EXPECT_EQ(line->entries[id].verdicts, 1);
  EXPECT_TRUE(logged("acknowledged when it was sent, has no reply"));
}

TEST_F(Proximal, CommitSentStillRefusesWhatNobodyTakes) {
  config.commit = CommitPoint::sent;
  with_app();
  app->stop();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
}

// A host that takes the connection but not the bytes: a full receive window.
TEST_F(Proximal, CommitSentWaitsForTheOtherHost) {
  config.commit = CommitPoint::sent;
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) throw std::runtime_error("socket");
  const int small = 2048;
  ASSERT_EQ(::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &length), 0);
  config.to = {illp::TcpEndpoint{"127.0.0.1", std::to_string(ntohs(at.sin_port))}};
  up();
  const auto id = line->arrive(kRequest + std::string(60'000, 'x') + "\r");
  pollfd ready{listener.get(), POLLIN, 0};
  ASSERT_TRUE(until([&] { return ::poll(&ready, 1, 0) == 1; }));
  const UniqueFd peer(::accept(listener.get(), nullptr, nullptr));
  loop.turn(150ms);
  EXPECT_FALSE(line->decision(id));  // half-closed, but not there yet
  std::size_t got = 0;
  ASSERT_TRUE(until([&] {
    char sink[4096];
    const ssize_t k = ::recv(peer.get(), sink, sizeof sink, MSG_DONTWAIT);
    if (k > 0) got += static_cast<std::size_t>(k);
    return k == 0;
  }));
  EXPECT_EQ(got, kRequest.size() + 60'001);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
}

// ---- what belongs to nobody ----

TEST_F(Proximal, LateRepliesAndStrayAcknowledgementsAreDeadLetters) {
  with_app();
  const auto late = line->arrive("late", [](line::Message& m) { m.late = true; });
  const auto stray = line->arrive(kResult, [](line::Message& m) { m.acknowledgement = true; });
  ASSERT_TRUE(decided(stray));
  EXPECT_EQ(line->decision(late), LLP_ACCEPT);
  EXPECT_EQ(line->decision(stray), LLP_ACCEPT);
  EXPECT_EQ(n().late_replies, 1U);
  EXPECT_EQ(n().stray_acknowledgements, 1U);
  EXPECT_EQ(n().dead_letters, 2U);
  loop.turn();
  EXPECT_TRUE(app->requests.empty());
  const auto letters = service->take_dead_letters();
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].kind, DeadLetter::Kind::late_reply);
  EXPECT_EQ(text(letters[0].text), "late");
  EXPECT_EQ(letters[1].kind, DeadLetter::Kind::stray_acknowledgement);
  EXPECT_EQ(text(letters[1].text), kResult);
}

TEST_F(Proximal, DeadLettersAreBounded) {
  config.dead_letters = 2;
  with_app();
  for (int i = 0; i < 5; ++i) {
    line->arrive("late " + std::to_string(i), [](line::Message& m) { m.late = true; });
  }
  ASSERT_TRUE(until([&] { return n().dead_letters == 5; }));
  EXPECT_EQ(n().dead_letters_dropped, 3U);
  const auto letters = service->take_dead_letters();
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(text(letters[0].text), "late 3");
}

TEST_F(Proximal, WithoutATargetMessagesAreRefused) {
  config.dist = illp::TcpEndpoint{"127.0.0.1", "0"};
  up();
  EXPECT_FALSE(line->ready);
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_EQ(n().proximal_refused, 1U);
}

// ---- targets ----

TEST_F(Proximal, FailsOverAndStaysThere) {
  app = std::make_unique<App>(loop, quick_options());
  App second(loop, quick_options());
  config.to = {app->endpoint(), second.endpoint()};
  config.retry_min = config.retry_max = 10s;
  up();
  app->stop();
  second.answer = [](const std::string&) { return kAnswer; };
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  const auto next = line->arrive(kOther);
  ASSERT_TRUE(decided(next));
  EXPECT_EQ(second.requests.size(), 2U);
}

TEST_F(Proximal, DoesNotGiveToTheNextWhatOneHasSeen) {
  app = std::make_unique<App>(loop, quick_options());
  App second(loop, quick_options());
  config.to = {app->endpoint(), second.endpoint()};
  up();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->waiting[0]->abort();
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  loop.turn();
  EXPECT_TRUE(second.requests.empty());
}

TEST_F(Proximal, TargetUpRefusesBidsUntilOneAnswers) {
  config.ready = Ready::target_up;
  const std::string path = (config.runtime_dir / "app").string();
  config.to = {illp::UnixEndpoint{path}};
  up();
  EXPECT_TRUE(line->ready);  // until a delivery failed
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  ASSERT_TRUE(until([&] { return !line->ready; }));
  loop.turn(100ms);
  EXPECT_FALSE(line->ready);
  app = std::make_unique<App>(loop, quick_options(), illp::UnixEndpoint{path});
  ASSERT_TRUE(until([&] { return line->ready; }));
  EXPECT_TRUE(app->requests.empty());  // the look for it was no message
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
}

TEST_F(Proximal, AnApplicationThatSaysNoIsUp) {
  config.ready = Ready::target_up;
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->can(0);
  ASSERT_TRUE(decided(id));
  loop.turn();
  EXPECT_TRUE(line->ready);
}

TEST_F(Proximal, ASlowApplicationHoldsUpOnlyItsOwnLine) {
  with_app();
  App quick(loop, quick_options());
  quick.answer = [](const std::string&) { return kAnswer; };
  LineConfig other = config;
  other.name = "other";
  other.to = {quick.endpoint()};
  auto made = std::make_unique<FakeLine>(loop.executor(), other.protocol, other.params);
  FakeLine* second = made.get();
  LineService neighbour(loop.executor(), other, std::move(made), Logger());
  ASSERT_TRUE(loop.run(neighbour.start()));
  const auto slow = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  const auto id = second->arrive(kOther);
  ASSERT_TRUE(until([&] { return second->decision(id).has_value(); }));
  EXPECT_EQ(second->decision(id), LLP_ACCEPT_ANSWER);
  EXPECT_FALSE(line->decision(slow));
  loop.run(neighbour.stop());
}

}  // namespace
}  // namespace llp::core::test
