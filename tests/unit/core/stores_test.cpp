// SPDX-License-Identifier: BSD-3-Clause
// What is remembered: repeats, dead letters, targets that failed.
#include <gtest/gtest.h>

#include "core/dead_letters.hpp"
#include "core/duplicates.hpp"
#include "core/support.hpp"
#include "core/targets.hpp"

namespace llp::core::test {
namespace {

using State = DuplicateStore::State;

// A clock that the test moves.
struct Time {
  Clock::time_point now;
  void pass(std::chrono::nanoseconds d) { now += d; }
};

TEST(MessageKey, IsTheSha256AndTheLength) {
  const MessageKey key = key_of(bytes("abc"));
  EXPECT_EQ(key.length, 3U);
  // FIPS 180-2, appendix B.1
  EXPECT_EQ(key.digest[0], 0xba);
  EXPECT_EQ(key.digest[1], 0x78);
  EXPECT_EQ(key.digest[31], 0xad);
  EXPECT_EQ(key, key_of(bytes("abc")));
  EXPECT_NE(key, key_of(bytes("abd")));
  EXPECT_EQ(key_of({}).length, 0U);
}

TEST(DuplicateStore, KnowsTheLastStateOfEachMessage) {
  Time t;
  DuplicateStore store({});
  const auto a = key_of(bytes("a"));
  const auto b = key_of(bytes("b"));
  EXPECT_FALSE(store.find(a, t.now));
  store.failed(a, t.now);
  store.keep(b, bytes("reply"), t.now);
  ASSERT_TRUE(store.find(a, t.now));
  EXPECT_EQ(store.find(a, t.now)->state, State::failed);
  EXPECT_EQ(store.find(b, t.now)->state, State::kept);
  EXPECT_EQ(text(store.find(b, t.now)->reply), "reply");
  EXPECT_EQ(store.bytes(), 5U);
  store.done(b, t.now);
  EXPECT_EQ(store.find(b, t.now)->state, State::done);
  EXPECT_TRUE(store.find(b, t.now)->reply.empty());
  EXPECT_EQ(store.bytes(), 0U);
  EXPECT_EQ(store.size(), 2U);
}

TEST(DuplicateStore, ForgetsAfterTheWindow) {
  Time t;
  DuplicateStore store({.window = 10min});
  const auto a = key_of(bytes("a"));
  store.keep(a, bytes("reply"), t.now);
  t.pass(10min - 1ns);
  EXPECT_TRUE(store.find(a, t.now));
  t.pass(1ns);
  EXPECT_FALSE(store.find(a, t.now));
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.bytes(), 0U);
}

TEST(DuplicateStore, FreesWhatHasExpiredWhenItLearnsMore) {
  Time t;
  DuplicateStore store({.window = 10min});
  store.keep(key_of(bytes("a")), bytes("reply"), t.now);
  t.pass(11min);
  store.done(key_of(bytes("b")), t.now);
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.bytes(), 0U);
}

TEST(DuplicateStore, TheWindowBeginsAnewWithEachEvent) {
  Time t;
  DuplicateStore store({.window = 10min});
  const auto a = key_of(bytes("a"));
  store.failed(a, t.now);
  t.pass(6min);
  store.failed(a, t.now);
  t.pass(6min);
  EXPECT_TRUE(store.find(a, t.now));
}

TEST(DuplicateStore, DropsTheLeastRecentlyUsed) {
  Time t;
  DuplicateStore store({.entries = 3});
  const auto key = [](int i) { return key_of(bytes(std::to_string(i))); };
  for (int i = 0; i < 3; ++i) store.done(key(i), t.now);
  EXPECT_TRUE(store.find(key(0), t.now));  // used: 1 is the oldest now
  store.done(key(3), t.now);
  EXPECT_FALSE(store.find(key(1), t.now));
  EXPECT_TRUE(store.find(key(0), t.now));
  EXPECT_TRUE(store.find(key(2), t.now));
  EXPECT_TRUE(store.find(key(3), t.now));
  EXPECT_EQ(store.size(), 3U);
}

TEST(DuplicateStore, WithoutRoomForItsReplyAMessageIsStillKnown) {
  Time t;
  DuplicateStore store({.bytes = 10});
  const auto a = key_of(bytes("a"));
  const auto b = key_of(bytes("b"));
  const auto c = key_of(bytes("c"));
  store.keep(a, bytes("123456"), t.now);
  store.keep(b, bytes("123456"), t.now);
  EXPECT_EQ(store.find(a, t.now)->state, State::failed);
  EXPECT_EQ(store.find(b, t.now)->state, State::kept);
  EXPECT_EQ(store.bytes(), 6U);
  store.keep(c, bytes("12345678901"), t.now);  // never fits
  EXPECT_EQ(store.find(c, t.now)->state, State::failed);
  EXPECT_EQ(store.find(b, t.now)->state, State::kept);
}

TEST(DuplicateStore, MayBeSwitchedOff) {
  Time t;
  DuplicateStore store({.entries = 0});
  store.failed(key_of(bytes("a")), t.now);
  EXPECT_FALSE(store.find(key_of(bytes("a")), t.now));
}

DeadLetter letter(const std::string& what) {
  return DeadLetter{DeadLetter::Kind::late_reply, std::chrono::system_clock::time_point{}, bytes(what)};
}

TEST(DeadLetters, KeepsTheNewestByCountAndBytes) {
  DeadLetters dead(2, 10);
  EXPECT_EQ(dead.add(letter("one")), 0U);
  EXPECT_EQ(dead.add(letter("two")), 0U);
  EXPECT_EQ(dead.add(letter("three")), 1U);        // by count
  EXPECT_EQ(dead.add(letter("1234567")), 2U);      // by bytes
  EXPECT_EQ(dead.add(letter("12345678901")), 1U);  // itself
  EXPECT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead.bytes(), 7U);
  const auto all = dead.take();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(text(all[0].text), "1234567");
  EXPECT_EQ(dead.size(), 0U);
  EXPECT_EQ(dead.bytes(), 0U);
}

TEST(DeadLetters, MayBeSwitchedOff) {
  DeadLetters dead(0, 100);
  EXPECT_EQ(dead.add(letter("one")), 1U);
  EXPECT_EQ(dead.size(), 0U);
}

std::vector<illp::Endpoint> three() {
  return {illp::UnixEndpoint{"a"}, illp::UnixEndpoint{"b"}, illp::UnixEndpoint{"c"}};
}
using Order = std::vector<std::size_t>;

TEST(Targets, GoInTheOrderOfTheList) {
  const Targets targets(three(), 1s, 8s);
  EXPECT_EQ(targets.order(Clock::now()), (Order{0, 1, 2}));
}

TEST(Targets, StayWithOneUntilItFails) {
  Targets targets(three(), 1s, 8s);
  const auto now = Clock::now();
  targets.good(1);
  EXPECT_EQ(targets.order(now), (Order{1, 0, 2}));
  targets.bad(1, now);
  EXPECT_EQ(targets.order(now), (Order{0, 2, 1}));
}

TEST(Targets, RestLongerWithEachFailureAndAreTriedLastMeanwhile) {
  Targets targets(three(), 1s, 3s, [] { return 1.0; });
  const auto now = Clock::now();
  targets.bad(0, now);
  EXPECT_EQ(targets.order(now), (Order{1, 2, 0}));
  EXPECT_EQ(targets.order(now + 1s), (Order{0, 1, 2}));
  targets.bad(0, now);
  EXPECT_EQ(targets.order(now + 1s), (Order{1, 2, 0}));
  EXPECT_EQ(targets.order(now + 2s), (Order{0, 1, 2}));
  targets.bad(0, now);  // 4 s would be too long
  EXPECT_EQ(targets.order(now + 3s), (Order{0, 1, 2}));
  targets.bad(1, now);
  // Both rest: the one that rests shorter first.
  EXPECT_EQ(targets.order(now), (Order{2, 1, 0}));
  targets.good(0);
  targets.bad(0, now);
  EXPECT_EQ(targets.order(now + 1s).front(), 0U);  // a success makes the rest short again
}

TEST(Targets, RestForHalfTheTimeAtLeastAndNotInStep) {
  double chance = 0;
  Targets targets(three(), 2s, 8s, [&chance] { return chance; });
  const auto now = Clock::now();
  targets.bad(0, now);
  EXPECT_EQ(targets.status(now)[0].rests, 1s);
  chance = 0.5;
  targets.bad(1, now);
  EXPECT_EQ(targets.status(now)[1].rests, 1500ms);
  EXPECT_EQ(targets.order(now + 1s), (Order{0, 2, 1}));
}

TEST(Targets, TellHowTheyAre) {
  Targets targets(three(), 2s, 8s, [] { return 1.0; });
  const auto now = Clock::now();
  targets.bad(0, now, "nobody listens");
  targets.bad(0, now, "nobody listens there");
  targets.good(2);
  const auto status = targets.status(now);
  ASSERT_EQ(status.size(), 3U);
  EXPECT_EQ(status[0].address, "unix:a");
  EXPECT_EQ(status[0].failures, 2U);
  EXPECT_EQ(status[0].failure, "nobody listens there");
  EXPECT_EQ(status[0].rests, 4s);
  EXPECT_FALSE(status[0].present);
  EXPECT_EQ(status[1].failures, 0U);
  EXPECT_TRUE(status[2].present);
  EXPECT_EQ(targets.status(now + 5s)[0].rests, 0s);
  targets.good(0);
  EXPECT_EQ(targets.status(now)[0].failures, 0U);
  EXPECT_EQ(targets.status(now)[0].failure, "");
}

TEST(TimeHistogram, CountsByUpperBounds) {
  TimeHistogram times;
  times.add(1ms);  // a bound belongs to its class
  times.add(1ms + 1ns);
  times.add(2min);
  EXPECT_EQ(times.in_class(0), 1U);
  EXPECT_EQ(times.in_class(1), 1U);
  EXPECT_EQ(times.in_class(TimeHistogram::kBounds.size()), 1U);
  EXPECT_EQ(times.count(), 3U);
  EXPECT_EQ(times.sum(), 2min + 2ms + 1ns);
}

}  // namespace
}  // namespace llp::core::test
