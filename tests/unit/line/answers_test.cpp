// SPDX-License-Identifier: BSD-3-Clause
// Which message an answer belongs to, and what becomes of one that comes too
// late. The kernel's line has the same of its own, in kernel_line_test.cpp.
#include <gtest/gtest.h>

#include "line_fixture.hpp"

namespace llp::test {
namespace {

class Answers : public testing::TestWithParam<Protocol> {
 protected:
  Pair pair{GetParam()};

  void SetUp() override { pair.start(); }
  // `b` asks with this number, `a` reads and accepts it; its id there.
  line::MessageId asked(int n) {
    asked_ = pair.ask(pair.b, request(n));
    const auto message = pair.world.await(pair.a.line->read());
    if (!message || !*message || str((*message)->text) != request(n)) return 0;
    EXPECT_EQ(pair.a.line->verdict((*message)->id, LLP_ACCEPT_ANSWER), LLP_ACKNOWLEDGED);
    pair.world.poll();
    return (*message)->id;
  }
  std::optional<SendResult> answered(line::MessageId id, int n) {
    const auto item = pair.a.line->answer(id, bytes(reply(n)));
    if (!item) return std::nullopt;
    return pair.world.await((*item)->sent());
  }
  // Nothing went out: the instrument does not wait for it.
  bool stale(line::MessageId id, int n) {
    const std::size_t before = pair.wire->sent[0].size();
    const auto result = answered(id, n);
    pair.world.run_for(100 * kMilli);
    return result && result->cause == LLP_CAUSE_VERDICT_LATE && result->outcome == LLP_OUT_NOT_SENT &&
           pair.wire->sent[0].find(reply(n), before) == std::string::npos;
  }

  std::shared_ptr<Outcome> asked_;
};
INSTANTIATE_TEST_SUITE_P(Protocols, Answers, testing::Values(kX328, kHllp, kMllp, kMllp2), protocol_name);

TEST_P(Answers, OneToEachQuestion) {
  const auto id = asked(1);
  ASSERT_NE(id, 0U);
  EXPECT_EQ(answered(id, 1)->cause, LLP_OK);
  EXPECT_TRUE(stale(id, 2));
  ASSERT_TRUE(pair.world.run_until([&] { return asked_->over; }));
  ASSERT_TRUE(asked_->reply);
  EXPECT_EQ(str(asked_->reply->text), reply(1));
}

TEST_P(Answers, NoneToWhatWasForgottenOrNeverAsked) {
  const auto id = asked(1);
  ASSERT_NE(id, 0U);
  EXPECT_TRUE(stale(id + 1, 2));
  pair.a.line->verdict(id, LLP_FORGET);
  EXPECT_TRUE(stale(id, 1));
}

// The wire went and came back; who asked before has given up and asks again.
TEST_P(Answers, NoneToWhatWasAskedBeforeTheWireWent) {
  const auto old = asked(1);
  ASSERT_NE(old, 0U);
  pair.wire->set_online(false);
  ASSERT_TRUE(pair.world.run_until([&] { return !pair.a.line->connected(); }));
  EXPECT_TRUE(stale(old, 1));
  pair.wire->set_online(true);
  ASSERT_TRUE(pair.world.run_until(
      [&] { return pair.a.line->connected() && pair.b.line->connected() && asked_->over; }, 600 * kSecond));
  const auto id = asked(2);
  ASSERT_NE(id, 0U);
  ASSERT_NE(id, old);
  EXPECT_TRUE(stale(old, 1));
  EXPECT_EQ(answered(id, 2)->cause, LLP_OK);
  ASSERT_TRUE(pair.world.run_until([&] { return asked_->over; }));
  ASSERT_TRUE(asked_->reply) << asked_->reply.error().message;
  EXPECT_EQ(str(asked_->reply->text), reply(2));
}

TEST_P(Answers, AnAbortedOneIsStillTheOnlyOne) {
  const auto id = asked(1);
  ASSERT_NE(id, 0U);
  pair.wire->block_writes[0] = true;
  const auto item = pair.a.line->answer(id, bytes(reply(1)));
  ASSERT_TRUE(item);
  (*item)->abort();
  pair.wire->unblock(0);
  EXPECT_TRUE(pair.world.await((*item)->sent()));
  EXPECT_TRUE(stale(id, 3));
}

}  // namespace
}  // namespace llp::test
