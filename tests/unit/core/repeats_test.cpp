// SPDX-License-Identifier: BSD-3-Clause
// Too late, and what comes again.
#include "core/support.hpp"

namespace llp::core::test {
namespace {

using line::Kind;

class Repeats : public AppBench {
 protected:
  [[nodiscard]] std::size_t answers() const { return line->sent(Kind::answer).size(); }
  // A message that the application has and whose sender stops waiting.
  [[nodiscard]] bool arrive_and_give_up() {
    const auto id = line->arrive(kRequest);
    if (!asked()) return false;
    line->cancel(id);
    return until([&] { return n().too_late == 1; });
  }
};

TEST_F(Repeats, WhatNobodyWaitsForAnyMoreIsNotDelivered) {
  with_app();
  line->cancel(line->arrive(kRequest));
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  loop.turn();
  EXPECT_TRUE(app->requests.empty());
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_EQ(n().possible_duplicates, 0U);
}

TEST_F(Repeats, AReplyThatCameTooLateAnswersTheRepeat) {
  with_app();
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  line->cancel(first);
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  EXPECT_EQ(line->entries[first].verdicts, 0);  // its fate was known
  app->reply(0, kAnswer);                       // the connection was kept
  ASSERT_TRUE(until([&] { return logged("is kept for its repeat"); }));
  EXPECT_EQ(answers(), 0U);
  const auto again = line->arrive(kRequest);
  ASSERT_TRUE(decided(again));
  EXPECT_EQ(line->decision(again), LLP_ACCEPT_ANSWER);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(line->sent(Kind::answer)[0]->text, kAnswer);
  EXPECT_EQ(app->requests.size(), 1U);  // delivered once
  EXPECT_EQ(n().answered_again, 1U);
  EXPECT_EQ(n().possible_duplicates, 0U);
}

// It was ready, but the instrument was gone or had given up: it does not know of the reply either.
TEST_F(Repeats, AReplyThatTheInstrumentDoesNotWaitForAnswersTheRepeat) {
  with_app();
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(line->sent(Kind::answer)[0]->question, first);
  line->sent(Kind::answer)[0]->transferred(LLP_CAUSE_VERDICT_LATE, LLP_OUT_NOT_SENT);
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  EXPECT_TRUE(logged("the instrument gets none"));
  EXPECT_EQ(n().proximal_failed, 0U);
  const auto again = line->arrive(kRequest);
  ASSERT_TRUE(until([&] { return answers() == 2; }));
  EXPECT_EQ(line->sent(Kind::answer)[1]->question, again);
  EXPECT_EQ(line->sent(Kind::answer)[1]->text, kAnswer);
  EXPECT_EQ(app->requests.size(), 1U);  // delivered once
  EXPECT_EQ(n().possible_duplicates, 0U);
}

TEST_F(Repeats, ARepeatJoinsTheDeliveryUnderWay) {
  with_app();
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  line->cancel(first);
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  const auto again = line->arrive(kRequest);
  ASSERT_TRUE(until([&] { return n().attached == 1; }));
  EXPECT_FALSE(line->decision(again));
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(again));
  EXPECT_EQ(line->decision(again), LLP_ACCEPT_ANSWER);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(app->requests.size(), 1U);
  EXPECT_EQ(n().possible_duplicates, 0U);
}

TEST_F(Repeats, ARepeatMayJoinMoreThanOnce) {
  with_app();
  ASSERT_TRUE(arrive_and_give_up());
  for (unsigned i = 1; i <= 3; ++i) {
    const auto id = line->arrive(kRequest);
    ASSERT_TRUE(until([&] { return n().attached == i; }));
    line->cancel(id);
    ASSERT_TRUE(until([&] { return n().too_late == 1 + i; }));
  }
  app->reply(0, kAnswer);
  const auto last = line->arrive(kRequest);
  ASSERT_TRUE(decided(last));
  EXPECT_EQ(app->requests.size(), 1U);
}

TEST_F(Repeats, AnotherMessageDoesNotWaitForTheOneThatWasTooLate) {
  with_app();
  ASSERT_TRUE(arrive_and_give_up());
  const auto other = line->arrive(kOther);
  ASSERT_TRUE(asked(2));
  app->reply(1, kAnswer);
  ASSERT_TRUE(decided(other));
  EXPECT_EQ(line->decision(other), LLP_ACCEPT_ANSWER);
}

TEST_F(Repeats, AnAttemptThatFailedMakesTheRepeatAPossibleDuplicate) {
  with_app();
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->waiting[0]->abort();  // it may have done something with it
  ASSERT_TRUE(decided(first));
  EXPECT_EQ(line->decision(first), LLP_REJECT);
  const auto again = line->arrive(kRequest);
  ASSERT_TRUE(asked(2));  // delivered
  EXPECT_EQ(n().possible_duplicates, 1U);
  EXPECT_TRUE(logged("possible duplicate"));
  app->reply(1, kAnswer);
  ASSERT_TRUE(decided(again));
  EXPECT_EQ(line->decision(again), LLP_ACCEPT_ANSWER);
}

TEST_F(Repeats, ADeliveryIsKeptUntilTheReplyTimeoutOnly) {
  config.params.reply_timeout = 3'000'000;
  config.params.app_timeout = 500'000;
  with_app();
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  ASSERT_TRUE(decided(first));  // out of time
  EXPECT_EQ(line->decision(first), LLP_REJECT);
  const auto app_side = app->waiting[0];
  EXPECT_FALSE(app_side->client_gone());
  ASSERT_TRUE(until([&] { return app_side->client_gone() || app_side->ended(); }));  // reset
  ASSERT_TRUE(until([&] { return n().proximal_failed == 1; }));
  line->arrive(kRequest);
  ASSERT_TRUE(asked(2));
  EXPECT_EQ(n().possible_duplicates, 1U);
}

TEST_F(Repeats, NobodyHasSeenItSoNothingIsMarked) {
  // An application whose host never answers: nothing is handed over.
  config.to = {illp::TcpEndpoint{"192.0.2.1", "9"}};
  config.illp.connect_timeout = 20s;
  up();
  const auto first = line->arrive(kRequest);
  loop.turn();
  line->cancel(first);
  ASSERT_TRUE(until([&] { return n().too_late == 1 || n().proximal_failed == 1; }));
  ASSERT_TRUE(until([&] { return n().proximal_failed == 1; }));  // given up at once
  const auto again = line->arrive(kRequest);
  loop.turn();
  EXPECT_EQ(n().possible_duplicates, 0U);
  EXPECT_EQ(n().attached, 0U);
  line->cancel(again);
}

TEST_F(Repeats, AVerdictThatCameTooLateKeepsTheReply) {
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  line->settle = LLP_GONE;
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(decided(first));
  loop.turn();
  EXPECT_EQ(answers(), 0U);  // the instrument does not know: no answer yet
  line->settle = LLP_ACKNOWLEDGED;
  const auto again = line->arrive(kRequest);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(line->decision(again), LLP_ACCEPT_ANSWER);
  EXPECT_EQ(app->requests.size(), 1U);
  EXPECT_EQ(n().answered_again, 1U);
}

TEST_F(Repeats, ALateVerdictWaitsForTheAcknowledgement) {
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  line->settle = LLP_LATE;
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  loop.turn();
  EXPECT_EQ(answers(), 0U);
  line->acknowledge(id);
  EXPECT_TRUE(until([&] { return answers() == 1; }));
}

TEST_F(Repeats, AcceptedButNeverAcknowledgedIsAnsweredAgain) {
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  line->settle = LLP_LATE;
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(decided(first));
  line->cancel(first);  // the repeat that we asked for never came
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  EXPECT_EQ(answers(), 0U);
  line->settle = LLP_ACKNOWLEDGED;
  line->arrive(kRequest);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(app->requests.size(), 1U);
}

TEST_F(Repeats, AnAcknowledgedMessageThatComesAgainIsMarkedAndDelivered) {
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(decided(line->arrive(kOther)));
  // Its last acknowledgement may have been lost; others came between.
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  EXPECT_EQ(app->requests.size(), 3U);
  EXPECT_EQ(n().possible_duplicates, 1U);
}

TEST_F(Repeats, WhatTheLineKnowsForARepeatIsMarked) {
  config.dup_entries = 0;
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(decided(line->arrive(kRequest, [](line::Message& m) { m.repeat = true; })));
  EXPECT_EQ(app->requests.size(), 2U);
  EXPECT_EQ(n().possible_duplicates, 1U);
}

TEST_F(Repeats, TheKeptReplyIsForgottenAfterTheWindow) {
  config.dup_window = 50ms;
  with_app();
  ASSERT_TRUE(arrive_and_give_up());
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return logged("is kept for its repeat"); }));
  loop.turn(80ms);
  line->arrive(kRequest);
  ASSERT_TRUE(asked(2));
}

TEST_F(Repeats, AKeptReplyIsGivenOnce) {
  with_app();
  ASSERT_TRUE(arrive_and_give_up());
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return logged("is kept for its repeat"); }));
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  // Acknowledged now: the same bytes once more are a message of their own.
  line->arrive(kRequest);
  ASSERT_TRUE(asked(2));
  EXPECT_EQ(n().possible_duplicates, 1U);
}

TEST_F(Repeats, HllpKeepsWhatCameAfterTheApplicationsTime) {
  protocol(LLP_PROTO_HLLP);
  config.params.app_timeout = 500'000;
  with_app();
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  ASSERT_TRUE(decided(first));
  EXPECT_EQ(line->decision(first), LLP_FORGET);
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return logged("is kept for its repeat"); }));
  const auto again = line->arrive(kRequest);
  ASSERT_TRUE(decided(again));
  EXPECT_EQ(line->decision(again), LLP_ACCEPT_ANSWER);
  EXPECT_EQ(app->requests.size(), 1U);
}

TEST_F(Repeats, DeliveriesThatNobodyWaitsForAreBounded) {
  with_app();
  for (int i = 0; i < 20; ++i) {
    const auto id = line->arrive(kRequest + "NTE|" + std::to_string(i) + "\r");
    // At most so many connections are open; the oldest are reset.
    ASSERT_TRUE(asked(static_cast<std::size_t>(i) + 1)) << i;
    line->cancel(id);
    ASSERT_TRUE(until([&] { return n().too_late == static_cast<unsigned>(i) + 1; }));
  }
  ASSERT_TRUE(until([&] { return n().proximal_failed == 4; }));
  EXPECT_TRUE(app->waiting[0]->client_gone());
  EXPECT_TRUE(app->waiting[3]->client_gone());
  EXPECT_FALSE(app->waiting[4]->client_gone());
}

TEST_F(Repeats, CommitSentAlsoJoinsAndAnswersRepeats) {
  config.commit = CommitPoint::sent;
  with_app();
  line->settle = LLP_GONE;
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(decided(first));
  ASSERT_TRUE(asked());
  line->settle = LLP_ACKNOWLEDGED;
  const auto again = line->arrive(kRequest);
  ASSERT_TRUE(decided(again));
  EXPECT_EQ(n().attached, 1U);
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(app->requests.size(), 1U);
}

}  // namespace
}  // namespace llp::core::test
