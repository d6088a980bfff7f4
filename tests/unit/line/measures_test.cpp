// SPDX-License-Identifier: BSD-3-Clause
// What a line measures beside its counters, and what it tells of messages.
#include <gmock/gmock.h>

#include "line_fixture.hpp"

namespace llp::test {
namespace {

using testing::ElementsAre;

class Told : public line::Observer {
 public:
  void frame(const llp_event&) override {}
  void timer(const char*) override {}
  void state(const char*) override {}
  void lost(std::size_t) override {}
  void connection(bool, const std::string&) override {}
  void raw(bool, std::span<const std::uint8_t>) override {}
  void happened(const llp_event& event, std::size_t size) override {
    switch (event.type) {
      case LLP_EV_END: all.push_back("received " + std::to_string(size)); break;
      case LLP_EV_SENT:
        all.push_back((event.cause == LLP_OK ? "sent " : "failed ") + std::to_string(size));
        break;
      case LLP_EV_CANCEL: all.emplace_back("cancelled"); break;
      default: all.emplace_back("anew");
    }
  }
  std::vector<std::string> all;
};

TEST(Measures, AnAnswerIsTimedFromWhatAsksForIt) {
  Pair pair(kX328);
  pair.start();
  EXPECT_EQ(pair.a.line->measures().turnaround.count, 0U);
  pair.serve();
  pair.expect_works(1);
  const Turnaround t = pair.b.line->measures().turnaround;
  // ACK0 to the bid and an ACK to the block, in both directions; the clock of
  // the test stands still while a station works.
  EXPECT_GE(t.count, 4U);
  EXPECT_EQ(t.bucket[0], t.count);
  EXPECT_FALSE(pair.b.line->measures().in_kernel);
}

TEST(Measures, AnAnswerThatTakesItsTimeIsSeen) {
  World world;
  auto wire = std::make_shared<MemoryLine>(world.io.get_executor(), world.clock);
  line::EngineLineOptions options;
  options.clock = world.clock;
  auto line = line::make_engine_line(world.io.get_executor(), wire->end(0), LLP_PROTO_X328, kX328.params(),
                                     options, {});
  auto peer = wire->end(1);
  ASSERT_TRUE(*world.await(line->start()));
  ASSERT_TRUE(*world.await(peer->open()));
  ASSERT_TRUE(*world.await(peer->write(bytes("\x05\r"))));
  ASSERT_TRUE(world.run_until([&] { return wire->sent[0].size() == 3; }));
  EXPECT_EQ(line->measures().turnaround.count, 1U);
  // Half a block is no question.
  ASSERT_TRUE(*world.await(peer->write(bytes("\x02"))));
  world.run_for(5 * kMilli);
  EXPECT_EQ(line->measures().turnaround.count, 1U);
  line->close();
}

TEST(Measures, TheEighthBitIsCounted) {
  World world;
  auto wire = std::make_shared<MemoryLine>(world.io.get_executor(), world.clock);
  line::EngineLineOptions options;
  options.clock = world.clock;
  auto line = line::make_engine_line(world.io.get_executor(), wire->end(0), LLP_PROTO_X328, kX328.params(),
                                     options, {});
  auto peer = wire->end(1);
  ASSERT_TRUE(*world.await(line->start()));
  ASSERT_TRUE(*world.await(peer->open()));
  EXPECT_EQ(line->measures().high_bytes, 0U);
  ASSERT_TRUE(*world.await(peer->write(bytes("\x82\x7f\x80\xff"))));
  ASSERT_TRUE(world.run_until([&] { return line->counters()[LLP_C_RX_BYTES] == 4; }));
  EXPECT_EQ(line->measures().high_bytes, 3U);
  line->close();
}

TEST(Happened, MessagesAsTheyEnd) {
  auto told = std::make_shared<Told>();
  line::EngineLineOptions options;
  options.observer = told;  // of both ends
  Pair pair(kX328, options);
  pair.start();
  pair.serve();
  const auto outcome = pair.ask(pair.a, request(1, 500));
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }, 600 * kSecond));
  const std::string there = std::to_string(request(1, 500).size());
  const std::string back = std::to_string(reply(1).size());
  EXPECT_THAT(told->all,
              ElementsAre("received " + there, "sent " + there, "received " + back, "sent " + back));
}

TEST(Happened, AMessageThatIsTakenBack) {
  auto told = std::make_shared<Told>();
  line::EngineLineOptions options;
  options.observer = told;
  Pair pair(kX328, options);
  pair.wire->char_time = std::chrono::milliseconds(1);
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1, 2000), LLP_EXPECT_NONE);
  const auto begun = pair.world.await(pair.b.line->begin());
  ASSERT_TRUE(begun && *begun);
  pair.b.line->abort_receive();
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_THAT(told->all, testing::UnorderedElementsAre("cancelled",
                                                       "failed " + std::to_string(request(1, 2000).size())));
}

}  // namespace
}  // namespace llp::test
