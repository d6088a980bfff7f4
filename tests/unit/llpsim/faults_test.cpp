// SPDX-License-Identifier: BSD-3-Clause
// What a line with faults does to bytes, by itself and on a line.
#include "llpsim/faults.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "bytes.hpp"
#include "line/engine_line.hpp"
#include "support/manual_clock.hpp"
#include "support/memory_stream.hpp"

namespace llp::sim {
namespace {

// Ten X3.28 blocks of ever other length with the sequences around them.
Bytes x328_traffic() {
  std::string out = "\x05\r";
  for (int i = 0; i < 10; ++i) {
    out += "\x02";
    out += std::to_string(i % 8) + "00000";
    out += std::string(static_cast<std::size_t>(3 + 17 * i), 'x');
    out += i == 9 ? "\x03" : "\x17";
    out += "4F\r";
    out += "\x10";
    out += std::to_string(i % 8) + "\r";
  }
  return bytes(out + "\x04\r");
}

Bytes damaged(const FaultPlan& plan, std::span<const std::uint8_t> in, FaultCounts& counts,
              std::size_t piece = 1 << 20, llp_protocol protocol = LLP_PROTO_X328) {
  Damager damager(plan, protocol, 0x0b, 0x1c, plan.seed, counts);
  Bytes out;
  while (!in.empty()) {
    const auto part = in.first(std::min(piece, in.size()));
    in = in.subspan(part.size());
    damager.damage(part, out);
  }
  return out;
}

TEST(Damager, DoesNothingUnlessAsked) {
  FaultCounts counts;
  EXPECT_EQ(damaged({}, x328_traffic(), counts), x328_traffic());
  EXPECT_FALSE(FaultPlan{}.any());
}

TEST(Damager, EveryByteFaultAtCertainty) {
  const Bytes in = bytes("abcdef");
  FaultCounts counts;
  FaultPlan plan;
  plan.flip = 1;
  const Bytes flipped = damaged(plan, in, counts);
  ASSERT_EQ(flipped.size(), in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    EXPECT_EQ(std::popcount(static_cast<unsigned>(flipped[i] ^ in[i])), 1);
  }
  plan = {};
  plan.lose = 1;
  EXPECT_TRUE(damaged(plan, in, counts).empty());
  plan = {};
  plan.twice = 1;
  EXPECT_EQ(damaged(plan, in, counts), bytes("aabbccddeeff"));
  plan = {};
  plan.insert = 1;
  const Bytes inserted = damaged(plan, in, counts);
  ASSERT_EQ(inserted.size(), 2 * in.size());
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(inserted[2 * i + 1], in[i]);
  EXPECT_EQ(counts.flipped, in.size());
  EXPECT_EQ(counts.lost, in.size());
  EXPECT_EQ(counts.doubled, in.size());
  EXPECT_EQ(counts.inserted, in.size());
}

TEST(Damager, RateIsAboutWhatWasAsked) {
  FaultCounts counts;
  FaultPlan plan;
  plan.lose = 0.1;
  plan.seed = 42;
  EXPECT_EQ(damaged(plan, Bytes(100'000, 'x'), counts).size() + counts.lost, 100'000U);
  EXPECT_GT(counts.lost, 9'000U);
  EXPECT_LT(counts.lost, 11'000U);
}

TEST(Damager, TheSameSeedGivesTheSameDamageHoweverBytesAreSplit) {
  FaultPlan plan;
  plan.flip = plan.lose = plan.twice = plan.insert = 0.03;
  plan.flip_block = 0.5;
  plan.seed = 7;
  FaultCounts counts;
  const Bytes whole = damaged(plan, x328_traffic(), counts);
  for (const std::size_t piece : {1, 2, 3, 11, 64})
    EXPECT_EQ(damaged(plan, x328_traffic(), counts, piece), whole);
  plan.seed = 8;
  EXPECT_NE(damaged(plan, x328_traffic(), counts), whole);
}

// Where `out` differs from `in`, of the same length.
std::vector<std::size_t> differences(const Bytes& in, const Bytes& out) {
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i] != out[i]) at.push_back(i);
  }
  return at;
}

TEST(Damager, OneByteOfEachBlockAndNothingElse) {
  FaultPlan plan;
  plan.flip_block = 1;
  for (plan.seed = 1; plan.seed <= 200; ++plan.seed) {
    FaultCounts counts;
    const Bytes in = x328_traffic();
    const Bytes out = damaged(plan, in, counts);
    ASSERT_EQ(out.size(), in.size());
    const auto at = differences(in, out);
    ASSERT_EQ(at.size(), 10U) << "seed " << plan.seed;
    EXPECT_EQ(counts.blocks, 10U);
    // One in each block, its frame characters and the sequences stay whole.
    std::size_t block = 0;
    bool inside = false;
    std::size_t next = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i] == 0x02) {
        inside = true;
        ++block;
      }
      if (next < at.size() && at[next] == i) {
        EXPECT_TRUE(inside);
        EXPECT_EQ(next + 1, block);
        EXPECT_TRUE(in[i] != 0x02 && in[i] != 0x03 && in[i] != 0x17 && in[i] != 0x0d);
        ++next;
      }
      if (in[i] == 0x0d) inside = false;
    }
  }
}

TEST(Damager, BlocksOfTheOtherProtocols) {
  FaultPlan plan;
  plan.flip_block = 1;
  const Bytes in = bytes(std::string("noise\x0b") + std::string(80, 'm') + "\x1c\r");
  for (const llp_protocol protocol : {LLP_PROTO_HLLP, LLP_PROTO_MLLP}) {
    FaultCounts counts;
    const Bytes out = damaged(plan, in, counts, 1 << 20, protocol);
    const auto at = differences(in, out);
    ASSERT_EQ(at.size(), 1U);
    EXPECT_EQ(in[at[0]], 'm');
    EXPECT_EQ(counts.blocks, 1U);
  }
}

// However short after a long one, a chosen block gets its one damaged byte.
TEST(Damager, ShortBlocksAfterLongOnes) {
  FaultPlan plan;
  plan.flip_block = 1;
  std::string text;
  for (const std::size_t size : {300, 1, 2, 200, 5}) text += "\x0b" + std::string(size, 'm') + "\x1c\r";
  text += "\x0b\x1c\r";  // nothing in it
  const Bytes in = bytes(text);
  for (const llp_protocol protocol : {LLP_PROTO_HLLP, LLP_PROTO_MLLP}) {
    for (plan.seed = 1; plan.seed <= 50; ++plan.seed) {
      FaultCounts counts;
      const Bytes out = damaged(plan, in, counts, 1 << 20, protocol);
      ASSERT_EQ(out.size(), in.size());
      const auto at = differences(in, out);
      ASSERT_EQ(at.size(), 5U) << "seed " << plan.seed;
      for (const std::size_t i : at) EXPECT_EQ(in[i], 'm');
      EXPECT_EQ(counts.blocks, 5U);
      EXPECT_EQ(damaged(plan, in, counts, 1, protocol), out);
    }
  }
}

TEST(Damager, AnotherLineBeginsWithoutABlock) {
  FaultPlan plan;
  plan.flip_block = 1;
  FaultCounts counts;
  Damager damager(plan, LLP_PROTO_MLLP, 0x0b, 0x1c, plan.seed, counts);
  Bytes out;
  damager.damage(bytes("\x0bm"), out);
  EXPECT_EQ(out, bytes("\x0b"));
  damager.restart();
  out.clear();
  damager.damage(bytes("mm\x1c\r"), out);
  EXPECT_EQ(out, bytes("mm\x1c\r"));
}

TEST(Acknowledgements, AreTold) {
  const auto length = [](llp_protocol protocol, std::string_view text) -> std::size_t {
    std::size_t n = 0;
    return begins_with_acknowledgement(protocol, 0x0b, 0x1c, bytes(text), n) ? n : 0;
  };
  EXPECT_EQ(length(LLP_PROTO_X328,
                   "\x10"
                   "0\r"),
            3U);
  EXPECT_EQ(length(LLP_PROTO_X328, "\x10<\r\x05\r"), 3U);
  EXPECT_EQ(length(LLP_PROTO_X328, "\x15\r"), 2U);
  EXPECT_EQ(length(LLP_PROTO_X328, "\x15"), 1U);
  EXPECT_EQ(length(LLP_PROTO_X328, "\x05\r"), 0U);
  EXPECT_EQ(length(LLP_PROTO_X328, "\x04\r"), 0U);
  EXPECT_EQ(length(LLP_PROTO_X328, ""), 0U);
  EXPECT_EQ(length(LLP_PROTO_MLLP, "\x0b\x06\x1c\r"), 4U);
  EXPECT_EQ(length(LLP_PROTO_MLLP, "\x0b\x15\x1c\r"), 4U);
  EXPECT_EQ(length(LLP_PROTO_MLLP, "\x0bMSH\x1c\r"), 0U);
  EXPECT_EQ(length(LLP_PROTO_MLLP, "\x0b\x06"), 0U);
  EXPECT_EQ(length(LLP_PROTO_HLLP, "\x0bN23\rX00006017\x1c\r"), 16U);
  EXPECT_EQ(length(LLP_PROTO_HLLP,
                   "\x0b"
                   "D23\rX00006017\x1c\r"),
            0U);
}

// ---- on a line ----

class Faulty : public testing::Test {
 protected:
  std::unique_ptr<io::ByteStream> make(const FaultPlan& plan) {
    llp_params params{};
    llp_params_default(&params, LLP_PROTO_X328);
    auto line = make_faulty(world.io.get_executor(), wire->end(0), plan, LLP_PROTO_X328, params, counts);
    EXPECT_TRUE(*world.await(line->open()));
    EXPECT_TRUE(*world.await(far->open()));
    return line;
  }
  std::string read(io::ByteStream& line) {
    Bytes data(100), flags(100, 0xff);
    const auto got = world.await(line.read_some(data, flags));
    if (!got || !*got) return "nothing";
    EXPECT_EQ(flags[0], 0);
    return {data.begin(), data.begin() + static_cast<std::ptrdiff_t>((*got)->size)};
  }
  test::World world;
  std::shared_ptr<test::MemoryLine> wire =
      std::make_shared<test::MemoryLine>(world.io.get_executor(), world.clock);
  std::unique_ptr<io::ByteStream> far = wire->end(1);
  FaultCounts counts;
};

TEST_F(Faulty, DirectionsCanBeChosen) {
  FaultPlan plan;
  plan.twice = 1;
  plan.in = false;
  auto line = make(plan);
  ASSERT_TRUE(*world.await(line->write(bytes("out"))));
  EXPECT_EQ(wire->sent[0], "oouutt");
  ASSERT_TRUE(*world.await(far->write(bytes("in"))));
  EXPECT_EQ(read(*line), "in");
}

TEST_F(Faulty, IncomingBytesThatGrowAreAllDelivered) {
  FaultPlan plan;
  plan.twice = 1;
  plan.out = false;
  auto line = make(plan);
  ASSERT_TRUE(*world.await(far->write(Bytes(80, 'x'))));
  std::string got = read(*line);
  EXPECT_EQ(got.size(), 100U);
  got += read(*line);
  EXPECT_EQ(got, std::string(160, 'x'));
  ASSERT_TRUE(*world.await(line->write(bytes("out"))));
  EXPECT_EQ(wire->sent[0], "out");
}

TEST_F(Faulty, LostAcknowledgements) {
  FaultPlan plan;
  plan.lose_ack = 1;
  auto line = make(plan);
  ASSERT_TRUE(
      *world.await(line->write(bytes("\x10"
                                     "0\r"))));
  EXPECT_EQ(wire->sent[0], "");
  ASSERT_TRUE(*world.await(line->write(bytes("\x15\r\x05\r"))));
  EXPECT_EQ(wire->sent[0], "\x05\r");
  EXPECT_EQ(counts.acks_lost, 2U);
}

TEST_F(Faulty, LateAcknowledgements) {
  FaultPlan plan;
  plan.delay_ack = 1;
  plan.ack_delay = std::chrono::milliseconds(30);
  auto line = make(plan);
  const auto begin = std::chrono::steady_clock::now();
  bool written = false;
  const auto write = [](io::ByteStream& stream, bool& done) -> asio::awaitable<void> {
    const Bytes ack = bytes(
        "\x10"
        "1\r");
    const auto result = co_await stream.write(ack);
    done = result.has_value();
  };
  world.spawn(write(*line, written));
  world.poll();
  EXPECT_EQ(wire->sent[0], "");
  while (!written && std::chrono::steady_clock::now() - begin < std::chrono::seconds(30)) {
    world.io.restart();
    world.io.run_one_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(written);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, plan.ack_delay);
  EXPECT_EQ(counts.acks_delayed, 1U);
}

TEST_F(Faulty, SilenceTakesEverythingThatIsSent) {
  FaultPlan plan;
  plan.silence = 1;
  plan.silence_time = std::chrono::hours(1);
  auto line = make(plan);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(*world.await(line->write(bytes("gone"))));
  EXPECT_EQ(wire->sent[0], "");
  EXPECT_EQ(counts.silences, 1U);
  ASSERT_TRUE(*world.await(far->write(bytes("in"))));
  EXPECT_EQ(read(*line), "in");
}

TEST_F(Faulty, ANewConnectionHasNothingOfTheOld) {
  FaultPlan plan;
  plan.twice = 1;
  auto line = make(plan);
  ASSERT_TRUE(*world.await(far->write(Bytes(100, 'x'))));
  EXPECT_EQ(read(*line).size(), 100U);  // as many wait
  wire->break_session();
  EXPECT_TRUE(*world.await(line->open()));
  EXPECT_TRUE(*world.await(far->open()));
  ASSERT_TRUE(*world.await(far->write(bytes("n"))));
  EXPECT_EQ(read(*line), "nn");
}

}  // namespace
}  // namespace llp::sim
