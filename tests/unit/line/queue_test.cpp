// SPDX-License-Identifier: BSD-3-Clause
// What waits: messages to send, messages that nobody takes, a slow wire.
#include "line_fixture.hpp"

namespace llp::test {
namespace {

class Queue : public testing::TestWithParam<Protocol> {};
INSTANTIATE_TEST_SUITE_P(Protocols, Queue, testing::Values(kX328, kHllp, kMllp, kMllp2), protocol_name);

TEST_P(Queue, RequestsGoInOrder) {
  Pair pair(GetParam());
  pair.start();
  pair.serve();
  std::vector<std::shared_ptr<Outcome>> all;
  for (int n = 0; n < 20; ++n) all.push_back(pair.ask(pair.a, request(n)));
  ASSERT_TRUE(pair.world.run_until([&] { return std::ranges::all_of(all, &Outcome::over); }));
  ASSERT_EQ(pair.b.received.size(), 20U);
  for (int n = 0; n < 20; ++n) {
    EXPECT_EQ(pair.b.received[static_cast<std::size_t>(n)], request(n));
    EXPECT_TRUE(all[static_cast<std::size_t>(n)]->reply);
  }
}

TEST_P(Queue, AnswersGoBeforeRequests) {
  Pair pair(GetParam());
  pair.start();
  const auto question = pair.ask(pair.b, request(1));
  const auto message = pair.world.await(pair.a.line->read());
  ASSERT_TRUE(message && *message);
  pair.a.line->verdict((*message)->id, LLP_ACCEPT_ANSWER);
  ASSERT_TRUE(pair.world.run_until([&] { return question->sent.cause == LLP_OK; }));
  // The wire is taken by a first request; behind it wait another and the answer.
  pair.wire->block_writes[0] = true;
  const auto first = pair.ask(pair.a, request(2), LLP_EXPECT_NONE);
  pair.world.poll();
  const auto second = pair.ask(pair.a, request(3), LLP_EXPECT_NONE);
  ASSERT_TRUE(pair.a.line->answer((*message)->id, bytes(reply(1))));
  pair.wire->unblock(0);
  pair.serve();
  ASSERT_TRUE(pair.world.run_until([&] { return question->over && first->over && second->over; }));
  ASSERT_TRUE(question->reply) << question->reply.error().message;
  const auto& sent = pair.wire->sent[0];
  EXPECT_LT(sent.find("|id2|"), sent.find("|id3|"));
  EXPECT_LT(sent.find("MSA|AA|id1"), sent.find("|id3|"));
}

TEST_P(Queue, WithdrawnWhileItWaits) {
  Pair pair(GetParam());
  pair.start();
  pair.wire->block_writes[0] = true;
  const auto first = pair.ask(pair.a, request(1));
  pair.world.poll();
  auto second = pair.a.line->send(bytes(request(2)), LLP_EXPECT_REPLY);
  ASSERT_TRUE(second);
  EXPECT_TRUE((*second)->can_withdraw());
  (*second)->abort();
  const auto sent = pair.world.await((*second)->sent(), 0);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(sent->outcome, LLP_OUT_NOT_SENT);
  const auto reply = pair.world.await((*second)->reply(), 0);
  ASSERT_TRUE(reply);
  ASSERT_FALSE(*reply);
  EXPECT_EQ(reply->error().code, Errc::cancelled);
  pair.wire->unblock(0);
  pair.serve();
  ASSERT_TRUE(pair.world.run_until([&] { return first->over; }));
  EXPECT_TRUE(first->reply);
  pair.world.run_for(kSecond);
  EXPECT_EQ(pair.b.received, std::vector<std::string>{request(1)});
}

TEST(QueueX328, WithdrawnBeforeTheBidIsGranted) {
  Pair pair(kX328);
  pair.start();
  pair.serve();
  pair.b.line->set_ready(false);
  auto item = pair.a.line->send(bytes(request(1)), LLP_EXPECT_REPLY);
  ASSERT_TRUE(item);
  pair.world.run_for(kSecond / 2);
  EXPECT_TRUE((*item)->can_withdraw());
  (*item)->abort();
  const auto sent = pair.world.await((*item)->sent());
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->outcome, LLP_OUT_NOT_SENT);
  pair.b.line->set_ready(true);
  pair.world.run_for(20 * kSecond);
  EXPECT_TRUE(pair.b.received.empty());
  pair.expect_works(3);
}

TEST_P(Queue, AbortWhileWaitingForTheReply) {
  Pair pair(GetParam());
  pair.start();
  auto item = pair.a.line->send(bytes(request(1)), LLP_EXPECT_REPLY);
  ASSERT_TRUE(item);
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  pair.b.line->verdict((*message)->id, LLP_ACCEPT_ANSWER);
  const auto sent = pair.world.await((*item)->sent());
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->cause, LLP_OK);
  EXPECT_FALSE((*item)->can_withdraw());
  (*item)->abort();
  const auto reply = pair.world.await((*item)->reply(), kSecond);
  ASSERT_TRUE(reply);
  ASSERT_FALSE(*reply);
  EXPECT_EQ(reply->error().code, Errc::cancelled);
}

TEST_P(Queue, TheQueueIsBounded) {
  line::EngineLineOptions options;
  options.max_queued = 3;
  Pair pair(GetParam(), options);
  pair.start();
  pair.wire->block_writes[0] = true;
  std::vector<std::shared_ptr<Outcome>> all;
  for (int n = 0; n < 4; ++n) all.push_back(pair.ask(pair.a, request(n)));
  for (const auto& outcome : all) EXPECT_FALSE(outcome->over);
  const auto refused = pair.ask(pair.a, request(9));
  ASSERT_TRUE(refused->over);
  EXPECT_EQ(refused->reply.error().code, Errc::busy);
}

TEST_P(Queue, WhatCannotBeSentIsSaidAtOnce) {
  Pair pair(GetParam());
  pair.start();
  const auto code = [&](std::string text) {
    auto item = pair.a.line->send(bytes(text), LLP_EXPECT_REPLY);
    return item ? Errc::system : item.error().code;
  };
  EXPECT_EQ(code(""), Errc::invalid);
  EXPECT_EQ(code(std::string(pair.a.line->params().max_message + 1, 'x')), Errc::too_large);
  const char illegal = GetParam().protocol == LLP_PROTO_X328 ? '\x02' : '\x1c';
  EXPECT_EQ(code(request(1) + illegal), Errc::malformed);
  // Also while others wait.
  pair.wire->block_writes[0] = true;
  EXPECT_EQ(code(request(2)), Errc::system);
  EXPECT_EQ(code(request(3) + illegal), Errc::malformed);
}

TEST_P(Queue, NobodyTakesMessagesAndNothingIsLost) {
  line::EngineLineOptions options;
  options.max_received = 3;
  Pair pair(GetParam(), options);
  pair.start();
  // Requests that want no answer, more than the line holds.
  std::vector<std::shared_ptr<Outcome>> all;
  for (int n = 0; n < 12; ++n) all.push_back(pair.ask(pair.a, request(n), LLP_EXPECT_NONE));
  std::vector<std::string> got;
  std::size_t most = 0;
  while (got.size() < 12) {
    pair.world.run_for(700 * kMilli);
    most = std::max<std::size_t>(most, pair.b.line->counters()[LLP_C_RX_MESSAGES] - got.size());
    const auto message = pair.world.await(pair.b.line->read(), 200 * kSecond);
    ASSERT_TRUE(message && *message) << "after " << got.size();
    if (pair.b.line->verdict((*message)->id, LLP_ACCEPT) != LLP_GONE) got.push_back(str((*message)->text));
  }
  EXPECT_LE(most, 4U);
  for (int n = 0; n < 12; ++n) EXPECT_EQ(got[static_cast<std::size_t>(n)], request(n));
  ASSERT_TRUE(pair.world.run_until([&] { return std::ranges::all_of(all, &Outcome::over); }));
}

TEST_P(Queue, ASlowWriterDoesNotHoldUpTheReader) {
  Pair pair(GetParam());
  pair.start();
  pair.wire->block_writes[0] = true;
  // What a sends is stuck; what b sends arrives (X3.28 needs an answer to its bid).
  const auto stuck = pair.ask(pair.a, request(1));
  pair.world.poll();
  const auto other = pair.ask(pair.b, request(2), LLP_EXPECT_NONE);
  pair.world.run_for(100 * kMilli);
  if (GetParam().protocol != LLP_PROTO_X328) {
    const auto message = pair.world.await(pair.a.line->read(), kSecond);
    ASSERT_TRUE(message && *message);
    pair.a.line->verdict((*message)->id, LLP_ACCEPT);
  }
  pair.wire->unblock(0);
  pair.serve();
  ASSERT_TRUE(pair.world.run_until([&] { return stuck->over && other->over; }));
  EXPECT_TRUE(stuck->reply) << stuck->reply.error().message;
}

TEST_P(Queue, ATinyWireCarriesLargeMessages) {
  Pair pair(GetParam());
  pair.wire->capacity = 16;
  pair.wire->max_read = 5;
  pair.start();
  pair.serve();
  const auto outcome = pair.ask(pair.a, request(1, 20'000));
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  ASSERT_TRUE(outcome->reply) << outcome->reply.error().message;
  EXPECT_EQ(pair.b.received.at(0), request(1, 20'000));
}

// shows: hllp/5/a
TEST_P(Queue, SentWhenTheWireComes) {
  Pair pair(GetParam());
  pair.wire->set_online(false);
  pair.start();  // waits for nobody
  EXPECT_FALSE(pair.a.line->connected());
  pair.serve();
  const auto outcome = pair.ask(pair.a, request(1));
  pair.world.run_for(kSecond);
  EXPECT_FALSE(outcome->over);
  pair.wire->set_online(true);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_TRUE(outcome->reply) << outcome->reply.error().message;
}

// shows: hllp/D-11 hllp/5/a
TEST_P(Queue, FailsWhenTheWireDoesNotCome) {
  Pair pair(GetParam());
  pair.wire->set_online(false);
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1));
  // The first try and the further ones, a pause after each.
  const llp_params p = GetParam().params();
  const std::uint64_t us = GetParam().protocol == LLP_PROTO_X328
                               ? p.recovery_pause
                               : std::uint64_t{p.connect_pause} * (std::uint64_t{p.connect_retries} + 1);
  pair.world.run_for(us * 1000 - kMilli);
  EXPECT_FALSE(outcome->over);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }, 2 * kMilli));
  EXPECT_EQ(outcome->sent.cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(outcome->sent.outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(outcome->reply.error().code, Errc::reset);
}

}  // namespace
}  // namespace llp::test
