// SPDX-License-Identifier: BSD-3-Clause
// How output is cut into writes.
#include "line_fixture.hpp"

namespace llp::test {
namespace {

std::size_t largest(const Pair& pair) {
  std::size_t most = 0;
  for (const std::size_t size : pair.wire->writes[0]) most = std::max(most, size);
  return most;
}

// Peers that take one read for one message need a block in one write (MLLP, decision D-10).
// shows: hllp/4/one-piece mllp/D-10
TEST(Writing, ABlockGoesOutInOneWrite) {
  for (const std::size_t size : {std::size_t{100}, std::size_t{5000}, std::size_t{90'000}}) {
    for (const Protocol& protocol : {kMllp, kHllp}) {
      Pair pair(protocol);
      pair.start();
      pair.serve();
      const std::string text = request(1, size);
      const auto outcome = pair.ask(pair.a, text);
      ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
      ASSERT_FALSE(pair.wire->writes[0].empty());
      EXPECT_GT(pair.wire->writes[0][0], text.size()) << protocol.name << " " << size;
    }
  }
}

// What is larger than any sensible write, and what goes over a wire, where a
// message can still be stopped between pieces, is cut.
TEST(Writing, LargeOnesAndThoseOnAWireAreCut) {
  Pair large(kMllp);
  large.start();
  large.serve();
  const auto outcome = large.ask(large.a, request(1, 2'000'000));
  ASSERT_TRUE(large.world.run_until([&] { return outcome->over; }));
  EXPECT_TRUE(outcome->reply) << outcome->reply.error().message;
  EXPECT_LE(largest(large), std::size_t{256} << 10);

  Pair wire(kMllp);
  wire.wire->char_time = std::chrono::microseconds(1);
  wire.start();
  wire.serve();
  const auto slow = wire.ask(wire.a, request(1, 90'000));
  ASSERT_TRUE(wire.world.run_until([&] { return slow->over; }));
  EXPECT_LE(largest(wire), 4096U);
}

}  // namespace
}  // namespace llp::test
