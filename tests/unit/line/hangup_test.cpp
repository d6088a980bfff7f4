// SPDX-License-Identifier: BSD-3-Clause
// The wire goes, the line closes or stops, at every byte of a conversation.
#include "line_fixture.hpp"

namespace llp::test {
namespace {

class Cut : public testing::TestWithParam<Protocol> {};
INSTANTIATE_TEST_SUITE_P(Protocols, Cut, testing::Values(kX328, kHllp, kMllp, kMllp2), protocol_name);

// Another line in the place of one that is destroyed.
line::Line* new_line(Pair& pair) {
  line::EngineLineOptions options;
  options.clock = pair.world.clock;
  llp_params params = kMllp.params();
  auto end = std::make_shared<MemoryLine>(pair.world.io.get_executor(), pair.world.clock)->end(0);
  return line::make_engine_line(pair.world.io.get_executor(), std::move(end), LLP_PROTO_MLLP, params, options,
                                {})
      .release();
}

// A conversation with work in all directions: requests both ways, one behind
// the other, a message begun, answers due.
struct Busy {
  explicit Busy(const Protocol& protocol) : pair(protocol) {
    pair.wire->char_time = std::chrono::microseconds(100);
    pair.start();
    pair.serve();
    for (int n = 0; n < 2; ++n) {
      outcomes.push_back(pair.ask(pair.a, request(10 + n)));
      outcomes.push_back(pair.ask(pair.b, request(20 + n)));
    }
  }
  [[nodiscard]] bool over() const { return std::ranges::all_of(outcomes, &Outcome::over); }
  [[nodiscard]] std::size_t on_wire() const { return pair.wire->sent[0].size() + pair.wire->sent[1].size(); }
  // Until so many bytes were sent; false: the conversation ended before.
  bool run_to(std::size_t count) {
    pair.world.run_until([&] { return on_wire() >= count || over(); });
    return on_wire() >= count && !over();
  }
  Pair pair;
  std::vector<std::shared_ptr<Outcome>> outcomes;
};

TEST_P(Cut, TheWireGoesAndComesBack) {
  std::size_t cuts = 0;
  for (std::size_t at = 0;; at += 7) {
    Busy busy(GetParam());
    if (!busy.run_to(at)) break;
    ++cuts;
    busy.pair.wire->break_session();
    ASSERT_TRUE(busy.pair.world.run_until([&] { return busy.over(); })) << "cut at " << at;
    for (const auto& outcome : busy.outcomes) {
      // Whole or told.
      if (!outcome->reply) {
        EXPECT_NE(outcome->reply.error().code, Errc::closed);
      }
    }
    // The line is as new.
    busy.pair.expect_works(50);
    ASSERT_FALSE(testing::Test::HasFailure()) << "cut at " << at;
  }
  EXPECT_GT(cuts, 20U);
}

TEST_P(Cut, TheWireStaysAway) {
  for (std::size_t at = 0; at < 600; at += 61) {
    Busy busy(GetParam());
    if (!busy.run_to(at)) break;
    busy.pair.wire->set_online(false);
    // Every caller learns in bounded time; nothing is left behind.
    ASSERT_TRUE(busy.pair.world.run_until([&] { return busy.over(); }, 30 * kSecond)) << "cut at " << at;
    EXPECT_FALSE(busy.pair.a.line->connected());
    busy.pair.wire->set_online(true);
    busy.pair.expect_works(50);
    ASSERT_FALSE(testing::Test::HasFailure()) << "cut at " << at;
  }
}

TEST_P(Cut, Close) {
  std::size_t cuts = 0;
  for (std::size_t at = 0;; at += 13) {
    Busy busy(GetParam());
    if (!busy.run_to(at)) break;
    ++cuts;
    bool begun = false, received = false, rested = false;
    const auto wait_all = [](line::Line& l, bool& b, bool& r, bool& i) -> asio::awaitable<void> {
      while (co_await l.begin()) {
      }
      b = true;
      co_await l.received();
      r = true;
      co_await l.rest();
      i = true;
    };
    busy.pair.world.spawn(wait_all(*busy.pair.a.line, begun, received, rested));
    busy.pair.world.poll();
    busy.pair.a.line->close();
    busy.pair.world.poll();
    EXPECT_TRUE(begun && received && rested && busy.pair.a.read_ended);
    EXPECT_TRUE(busy.outcomes[0]->over && busy.outcomes[2]->over);
    EXPECT_TRUE(busy.pair.wire->closed(0));
    EXPECT_FALSE(busy.pair.a.line->send(bytes(request(1)), LLP_EXPECT_REPLY));
    ASSERT_FALSE(testing::Test::HasFailure()) << "closed at " << at;
  }
  EXPECT_GT(cuts, 10U);
}

TEST_P(Cut, Destroyed) {
  for (std::size_t at = 0;; at += 29) {
    Busy busy(GetParam());
    if (!busy.run_to(at)) break;
    auto kept = busy.pair.a.line->send(bytes(request(99)), LLP_EXPECT_REPLY);
    ASSERT_TRUE(kept);
    // Its reader is gone first, then the line; what was handed out stays valid.
    busy.pair.a.line->close();
    busy.pair.world.poll();
    busy.pair.a.line.reset(new_line(busy.pair));
    (*kept)->abort();
    EXPECT_FALSE((*kept)->can_withdraw());
    const auto sent = busy.pair.world.await((*kept)->sent());
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->outcome, LLP_OUT_NOT_SENT);
  }
}

TEST_P(Cut, TheLoopEndsWithEverythingUnderWay) {
  for (std::size_t at = 0; at < 500; at += 37) {
    auto busy = std::make_unique<Busy>(GetParam());
    busy->run_to(at);
    // What waits is destroyed with the loop, in the middle of everything.
    busy->pair.poll_at_end = false;
    busy.reset();
  }
}

TEST_P(Cut, Stop) {
  std::size_t cuts = 0;
  for (std::size_t at = 0;; at += 17) {
    Busy busy(GetParam());
    if (!busy.run_to(at)) break;
    ++cuts;
    const std::uint64_t begin = busy.pair.world.clock->now();
    ASSERT_TRUE(busy.pair.world.await(busy.pair.a.line->stop())) << "stopped at " << at;
    EXPECT_LE(busy.pair.world.clock->now() - begin, 3 * kSecond + kMilli);
    EXPECT_TRUE(busy.outcomes[0]->over && busy.outcomes[2]->over);
    EXPECT_TRUE(busy.pair.wire->closed(0));
  }
  EXPECT_GT(cuts, 10U);
}

TEST_P(Cut, StopAtRestIsImmediate) {
  Pair pair(GetParam());
  pair.start();
  pair.serve();
  pair.expect_works(1);
  ASSERT_TRUE(pair.world.await(pair.a.line->rest()));
  const std::uint64_t begin = pair.world.clock->now();
  ASSERT_TRUE(pair.world.await(pair.a.line->stop()));
  EXPECT_EQ(pair.world.clock->now(), begin);
}

TEST_P(Cut, LeaveAndComeBack) {
  Pair pair(GetParam());
  pair.start();
  pair.serve();
  for (int n = 1; n < 7; n += 2) {
    pair.expect_works(n);
    ASSERT_TRUE(pair.world.await(pair.a.line->rest()));
    const int opens = pair.wire->opens[0];
    pair.a.line->disconnect();
    ASSERT_TRUE(pair.world.run_until([&] { return pair.wire->opens[0] > opens; }, kSecond));
  }
  EXPECT_EQ(pair.wire->disconnects[0], 3);
}

TEST_P(Cut, LeavingLetsWrittenOutputGoFirst) {
  Pair pair(GetParam());
  pair.start();
  pair.wire->block_writes[0] = true;
  const auto outcome = pair.ask(pair.a, request(1));
  pair.world.poll();
  pair.a.line->disconnect();
  pair.world.run_for(500 * kMilli);
  EXPECT_EQ(pair.wire->disconnects[0], 0);
  // A line that takes nothing does not hold it up for ever.
  pair.world.run_for(kSecond);
  EXPECT_EQ(pair.wire->disconnects[0], 1);
}

}  // namespace
}  // namespace llp::test
