// SPDX-License-Identifier: BSD-3-Clause
// Messages and their replies between two lines, every protocol.
#include "line_fixture.hpp"

namespace llp::test {
namespace {

class Exchange : public testing::TestWithParam<Protocol> {};
INSTANTIATE_TEST_SUITE_P(Protocols, Exchange, testing::Values(kX328, kHllp, kMllp, kMllp2), protocol_name);

TEST_P(Exchange, RequestAndReplyInBothDirections) {
  Pair pair(GetParam());
  pair.start();
  pair.serve();
  for (int n = 1; n < 40; n += 2) pair.expect_works(n);
  EXPECT_EQ(pair.b.received.size(), 20U);
  EXPECT_EQ(pair.a.received.size(), 20U);
  EXPECT_TRUE(pair.world.await(pair.a.line->rest()));
  EXPECT_TRUE(pair.a.line->idle());
}

TEST_P(Exchange, OnASlowWireOneByteARead) {
  Pair pair(GetParam());
  pair.wire->char_time = std::chrono::microseconds(1042);  // 9600 baud
  pair.wire->max_read = 1;
  pair.start();
  pair.serve();
  pair.expect_works(1);
  pair.expect_works(3);
}

// shows: common/6
TEST_P(Exchange, AnySizeOfReads) {
  for (const std::size_t size : {2, 3, 7, 64, 250}) {
    Pair pair(GetParam());
    pair.wire->max_read = size;
    pair.start();
    pair.serve();
    pair.expect_works(1);
  }
}

TEST_P(Exchange, BothSidesAtOnce) {
  // Requests that cross carry MSH-10: replies are told by it.
  Pair pair(GetParam());
  pair.wire->char_time = std::chrono::microseconds(100);
  pair.start();
  pair.serve();
  std::vector<std::shared_ptr<Outcome>> all;
  for (int n = 0; n < 5; ++n) {
    all.push_back(pair.ask(pair.a, request(100 + n)));
    all.push_back(pair.ask(pair.b, request(200 + n)));
  }
  ASSERT_TRUE(pair.world.run_until([&] { return std::ranges::all_of(all, &Outcome::over); }));
  for (int n = 0; n < 5; ++n) {
    for (const int side : {0, 1}) {
      const auto& outcome = all[2 * static_cast<std::size_t>(n) + static_cast<std::size_t>(side)];
      ASSERT_TRUE(outcome->reply) << outcome->reply.error().message;
      EXPECT_EQ(str(outcome->reply->text), reply(100 * (side + 1) + n));
    }
  }
}

TEST_P(Exchange, LargeMessage) {
  const Protocol& protocol = GetParam();
  Pair pair(protocol);
  pair.start();
  pair.serve();
  const std::size_t size = protocol.protocol == LLP_PROTO_MLLP ? 1 << 20 : 90'000;
  const std::string text = request(1, size);
  const auto outcome = pair.ask(pair.a, text);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  ASSERT_TRUE(outcome->reply) << outcome->reply.error().message;
  ASSERT_EQ(pair.b.received.size(), 1U);
  EXPECT_EQ(pair.b.received[0], text);
  EXPECT_EQ(pair.b.line->counters()[LLP_C_RX_MESSAGES], 1U);
}

TEST_P(Exchange, NothingExpected) {
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1), LLP_EXPECT_NONE);
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  pair.b.line->verdict((*message)->id, LLP_ACCEPT);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_EQ(outcome->sent.cause, LLP_OK);
  EXPECT_EQ(outcome->sent.outcome, GetParam().acknowledges() ? LLP_OUT_DELIVERED : LLP_OUT_TRANSMITTED);
  ASSERT_FALSE(outcome->reply);
  EXPECT_EQ(outcome->reply.error().code, Errc::closed);
}

TEST_P(Exchange, ReplyTimeOut) {
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1));
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  pair.b.line->verdict((*message)->id, LLP_ACCEPT_ANSWER);
  const std::uint64_t begin = pair.world.clock->now();
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  ASSERT_FALSE(outcome->reply);
  EXPECT_EQ(outcome->reply.error().code, Errc::timeout);
  EXPECT_GE(pair.world.clock->now() - begin, pair.a.line->params().reply_timeout * 1000ULL - kSecond);
}

TEST_P(Exchange, OptionalReplyThatDoesNotComeIsEmpty) {
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1), LLP_EXPECT_OPTIONAL);
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  pair.b.line->verdict((*message)->id, LLP_ACCEPT);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  ASSERT_FALSE(outcome->reply);
  EXPECT_EQ(outcome->reply.error().code, Errc::closed);
}

TEST_P(Exchange, AnAnswerThatNobodyAskedForIsAMessage) {
  Pair pair(GetParam());
  pair.start();
  ASSERT_TRUE(pair.b.line->send(bytes(reply(7)), LLP_EXPECT_NONE));
  const auto message = pair.world.await(pair.a.line->read());
  ASSERT_TRUE(message && *message);
  EXPECT_TRUE((*message)->acknowledgement);
  EXPECT_EQ((*message)->pending, GetParam().acknowledges());
}

TEST_P(Exchange, BytesThatCameInTimeGoBeforeTheTimeOut) {
  // The whole process was stopped over the deadline; the reply is in the line.
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1));
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  pair.b.line->verdict((*message)->id, LLP_ACCEPT_ANSWER);
  pair.world.poll();
  pair.wire->delay = 50 * kMilli;
  if (GetParam().acknowledges()) {
    // The acknowledgement is under way while timer A (or T_c) runs out.
    pair.wire->delay = 0;
    ASSERT_TRUE(pair.b.line->answer((*message)->id, bytes(reply(1))));
    ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
    ASSERT_TRUE(outcome->reply);
    const auto second = pair.ask(pair.a, request(2));
    const auto next = pair.world.await(pair.b.line->read());
    ASSERT_TRUE(next && *next);
    pair.wire->delay = 50 * kMilli;
    pair.b.line->verdict((*next)->id, LLP_ACCEPT_ANSWER);
    pair.world.poll();
    pair.world.clock->set(pair.world.clock->now() + 100 * kSecond);
    pair.wire->delay = 0;
    ASSERT_TRUE(pair.world.run_until([&] { return second->sent.outcome == LLP_OUT_DELIVERED; }, kSecond));
    EXPECT_EQ(pair.a.line->counters()[LLP_C_RETRANSMISSIONS], 0U);
    return;
  }
  ASSERT_TRUE(pair.b.line->answer((*message)->id, bytes(reply(1))));
  pair.world.poll();
  pair.world.clock->set(pair.world.clock->now() + 100 * kSecond);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }, kSecond));
  ASSERT_TRUE(outcome->reply) << outcome->reply.error().message;
  EXPECT_EQ(str(outcome->reply->text), reply(1));
}

// ---- acknowledgement ----

class Acknowledged : public testing::TestWithParam<Protocol> {};
INSTANTIATE_TEST_SUITE_P(Protocols, Acknowledged, testing::Values(kX328, kMllp2), protocol_name);

TEST_P(Acknowledged, FateOfAnAcceptedMessage) {
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1), LLP_EXPECT_NONE);
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  EXPECT_TRUE((*message)->pending);
  EXPECT_FALSE(outcome->over);
  EXPECT_EQ(pair.b.line->verdict((*message)->id, LLP_ACCEPT), LLP_ACKNOWLEDGED);
  const auto fate = pair.world.await(pair.b.line->fate((*message)->id));
  ASSERT_TRUE(fate);
  EXPECT_TRUE(fate->acknowledged);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_EQ(outcome->sent.outcome, LLP_OUT_DELIVERED);
}

TEST_P(Acknowledged, AVerdictAfterANakForTimeComesWithTheRepeat) {
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1), LLP_EXPECT_NONE);
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  // 0.6 of the sender's timer passes; one NAK is on its way.
  pair.wire->delay = 200 * kMilli;
  const auto& counters = [&] { return pair.b.line->counters()[LLP_C_NAK_TIME]; };
  ASSERT_TRUE(pair.world.run_until([&] { return counters() == 1; }));
  EXPECT_EQ(pair.b.line->verdict((*message)->id, LLP_ACCEPT), LLP_LATE);
  const auto fate = pair.world.await(pair.b.line->fate((*message)->id));
  ASSERT_TRUE(fate);
  EXPECT_TRUE(fate->acknowledged);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_EQ(outcome->sent.outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(pair.b.line->counters()[LLP_C_RX_MESSAGES], 1U);
}

TEST_P(Acknowledged, AVerdictThatNeverComes) {
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1), LLP_EXPECT_NONE);
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  const auto fate = pair.world.await(pair.b.line->fate((*message)->id));
  ASSERT_TRUE(fate);
  EXPECT_FALSE(fate->acknowledged);
  EXPECT_FALSE(fate->accepted);
  EXPECT_EQ(pair.b.line->verdict((*message)->id, LLP_ACCEPT), LLP_GONE);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_NE(outcome->sent.cause, LLP_OK);
}

TEST_P(Acknowledged, Rejected) {
  Pair pair(GetParam());
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1));
  int refused = 0;
  while (!outcome->over && refused < 100) {
    const auto message = pair.world.await(pair.b.line->read(), 30 * kSecond);
    if (!message) break;
    pair.b.line->verdict((*message)->id, LLP_REJECT);
    const auto fate = pair.world.await(pair.b.line->fate((*message)->id));
    ASSERT_TRUE(fate);
    EXPECT_FALSE(fate->acknowledged);
    ++refused;
    if (outcome->over) break;
  }
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_EQ(outcome->sent.outcome, LLP_OUT_REFUSED);
  ASSERT_FALSE(outcome->reply);
  EXPECT_EQ(outcome->reply.error().code, Errc::refused);
}

TEST_P(Acknowledged, NobodyReady) {
  Pair pair(GetParam());
  pair.start();
  pair.serve();
  pair.b.line->set_ready(false);
  const auto outcome = pair.ask(pair.a, request(1));
  pair.world.run_for(2 * kSecond);
  EXPECT_TRUE(pair.b.received.empty());
  if (GetParam().protocol == LLP_PROTO_X328) {
    // Bids are refused; the sender bids again.
    EXPECT_FALSE(outcome->over);
    EXPECT_GT(pair.a.line->counters()[LLP_C_BIDS_REFUSED], 0U);
    pair.b.line->set_ready(true);
    ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
    EXPECT_TRUE(outcome->reply);
    EXPECT_EQ(pair.b.received.size(), 1U);
    return;
  }
  // Commit NAKs, which the sender answers at once until its tries are over.
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_EQ(outcome->sent.outcome, LLP_OUT_REFUSED);
  pair.b.line->set_ready(true);
  pair.expect_works(3);
}

}  // namespace
}  // namespace llp::test
