// SPDX-License-Identifier: BSD-3-Clause
// Both sides at once: the cases in which a server that waits for the lock before
// it commits would stand still for ever.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>

#include "core/support.hpp"

namespace llp::core::test {
namespace {

using line::Kind;

class Crossing : public AppBench {
 protected:
  Crossing() { serve_dist(); }
};

// Case 1, we lost the contention: the request has the lock but not the line.
TEST_F(Crossing, ARequestThatIsNotGrantedGivesWay) {
  with_app();
  const auto client = call(kQuery);
  const auto bid = sent(Kind::request);
  ASSERT_TRUE(bid);
  line->begin_message();
  ASSERT_TRUE(until([&] { return bid->aborted; }));
  ASSERT_TRUE(until([&] { return n().withdrawn == 1; }));
  EXPECT_FALSE(client->done());
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_FALSE(lock_is_free());  // it is the instrument's transaction now
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  const auto answer = sent(Kind::answer);
  ASSERT_TRUE(answer);
  loop.turn();
  EXPECT_EQ(line->sent(Kind::request).size(), 1U);  // not before the answer is written
  answer->transferred();
  const auto again = sent(Kind::request, 2);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text, kQuery);
  again->transferred();
  line->reply(*again, kResult);
  ASSERT_TRUE(until([&] { return client->done(); }));
  EXPECT_EQ(client->reply(), kResult);
}

// Case 2, we won it: the request is delivered and waits for its reply.
TEST_F(Crossing, AMessageIsCommittedAndAnsweredWhileARequestWaits) {
  with_app();
  const auto client = call(kQuery);
  const auto request = sent(Kind::request);
  ASSERT_TRUE(request);
  request->transferred();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_FALSE(request->aborted);
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  const auto answer = sent(Kind::answer);  // does not wait for the reply
  ASSERT_TRUE(answer);
  answer->transferred();
  ASSERT_TRUE(until([&] { return n().proximal_ok == 1; }));
  EXPECT_FALSE(client->done());
  line->reply(*request, kResult);
  ASSERT_TRUE(until([&] { return client->done(); }));
  EXPECT_EQ(client->reply(), kResult);
  EXPECT_EQ(n().withdrawn, 0U);
}

// The same, the reply comes while the application still works.
TEST_F(Crossing, TheReplyMayComeBeforeTheAnswerIsReady) {
  with_app();
  const auto client = call(kQuery);
  const auto request = sent(Kind::request);
  ASSERT_TRUE(request);
  request->transferred();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  line->reply(*request, kResult);
  ASSERT_TRUE(until([&] { return client->done(); }));
  EXPECT_FALSE(lock_is_free());  // the rest of the instrument's transaction is under it
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  const auto answer = sent(Kind::answer);
  ASSERT_TRUE(answer);
  answer->transferred();
  EXPECT_TRUE(until([&] { return lock_is_free(); }));
}

// We won it, and are in the middle of sending: there is no way back.
TEST_F(Crossing, ARequestThatIsGrantedStays) {
  with_app();
  const auto client = call(kQuery);
  const auto request = sent(Kind::request);
  ASSERT_TRUE(request);
  request->grant();
  line->begin_message();
  loop.turn();
  EXPECT_FALSE(request->aborted);
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  ASSERT_TRUE(sent(Kind::answer));
}

// Case 3: another process has the lock.
TEST_F(Crossing, TheAnswerIsWrittenWithoutTheLockOfAnotherProcess) {
  with_app();
  const UniqueFd other(::open(lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  const auto client = call(kQuery);  // waits for it in a thread
  ASSERT_TRUE(queued(1));
  loop.turn();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  const auto answer = sent(Kind::answer);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(line->sent(Kind::request).empty());
  answer->transferred();
  ASSERT_TRUE(until([&] { return n().proximal_ok == 1; }));
  EXPECT_TRUE(line->sent(Kind::request).empty());
  ASSERT_EQ(::flock(other.get(), LOCK_UN), 0);
  ASSERT_TRUE(sent(Kind::request));
}

TEST_F(Crossing, TheWithdrawnRequestIsTheFirstAgain) {
  with_app();
  const auto first = call(kQuery);
  const auto bid = sent(Kind::request);
  ASSERT_TRUE(bid);
  const auto second = call(kOther);
  ASSERT_TRUE(queued(2));
  line->begin_message();
  ASSERT_TRUE(until([&] { return n().withdrawn == 1; }));
  line->cancel_begun();
  const auto again = sent(Kind::request, 2);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text, kQuery);
  again->transferred();
  line->reply(*again, kResult);
  const auto next = sent(Kind::request, 3);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->text, kOther);
}

TEST_F(Crossing, ItMayHaveToGiveWayMoreThanOnce) {
  with_app();
  const auto client = call(kQuery);
  for (unsigned i = 1; i <= 3; ++i) {
    ASSERT_TRUE(sent(Kind::request, i));
    line->begin_message();
    ASSERT_TRUE(until([&] { return n().withdrawn == i; }));
    line->arrive(kRequest + "NTE|" + std::to_string(i) + "\r");
    ASSERT_TRUE(asked(i));
    app->reply(i - 1, "");
  }
  const auto last = sent(Kind::request, 4);
  ASSERT_TRUE(last);
  last->transferred();
  line->reply(*last, kResult);
  ASSERT_TRUE(until([&] { return client->done(); }));
  EXPECT_EQ(client->reply(), kResult);
}

TEST_F(Crossing, AClientThatGoesAfterItsRequestGaveWayIsForgotten) {
  with_app();
  const auto client = call(kQuery);
  ASSERT_TRUE(sent(Kind::request));
  line->begin_message();
  ASSERT_TRUE(until([&] { return n().withdrawn == 1; }));
  client->transaction->abort();
  ASSERT_TRUE(until([&] { return n().distal_left == 1; }));
  line->cancel_begun();
  loop.turn();
  EXPECT_EQ(line->sent(Kind::request).size(), 1U);
}

// A message that is cancelled in the middle, or is the awaited reply, gives the
// line back.
TEST_F(Crossing, ABegunMessageThatIsCancelledReleasesTheLock) {
  with_app();
  line->begin_message();
  ASSERT_TRUE(until([&] { return !lock_is_free(); }));
  line->cancel_begun();
  EXPECT_TRUE(until([&] { return lock_is_free(); }));
}

TEST_F(Crossing, ARefusedMessageReleasesTheLock) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_FALSE(lock_is_free());
  app->can(0);
  ASSERT_TRUE(decided(id));
  EXPECT_TRUE(until([&] { return lock_is_free(); }));
}

TEST_F(Crossing, ADeliveryThatWasTooLateDoesNotHoldTheLine) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  line->cancel(id);
  ASSERT_TRUE(until([&] { return lock_is_free(); }));
  const auto client = call(kQuery);
  ASSERT_TRUE(sent(Kind::request));
}

TEST_F(Crossing, BothServersAtOnceManyTimes) {
  with_app();
  app->answer = [](const std::string&) { return kAnswer; };
  std::vector<std::shared_ptr<Call>> calls;
  unsigned in = 0;
  for (unsigned i = 0; i < 40; ++i) {
    if (i % 4 == 0) calls.push_back(call(kQuery));
    loop.turn(2ms);
    if (i % 3 == 0) {
      line->arrive(kRequest + "NTE|" + std::to_string(i) + "\r");
      ++in;
    }
    // The instrument and the line go on as they can.
    for (const auto& o : line->sent_) {
      if (o->aborted) continue;
      if (o->kind == Kind::answer) {
        o->transferred();
      } else if (o->can_withdraw()) {
        o->transferred();
        line->reply(*o, kResult);
      }
    }
  }
  ASSERT_TRUE(until([&] {
    for (const auto& o : line->sent_) {
      if (o->aborted) continue;
      if (o->kind == Kind::answer) o->transferred();
      if (o->kind == Kind::request && o->can_withdraw()) {
        o->transferred();
        line->reply(*o, kResult);
      }
    }
    return n().distal_ok == calls.size() && n().proximal_ok == in;
  }));
  // Counted is what was handed to the clients; they still have to read it.
  ASSERT_TRUE(until([&] { return std::ranges::all_of(calls, [](const auto& c) { return c->done(); }); }));
  for (const auto& c : calls) EXPECT_EQ(c->reply(), kResult);
  EXPECT_EQ(app->requests.size(), in);
  EXPECT_TRUE(until([&] { return lock_is_free(); }));
}

}  // namespace
}  // namespace llp::core::test
