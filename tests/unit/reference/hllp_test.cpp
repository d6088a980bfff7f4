// SPDX-License-Identifier: BSD-3-Clause
//
// HLLP: the reference decoder on the standard's examples, and the engine
// against it on lines from seeds.
#include "reference/hllp.hpp"

#include <gtest/gtest.h>

#include "differential.hpp"
#include "support/vectors_hllp.hpp"

namespace llp::reference::test {
namespace {

using llp::test::default_params;
using llp::test::hllp::D;
using llp::test::hllp::kA;
using llp::test::hllp::kM;
using llp::test::hllp::N;
using llp::test::hllp::raw;

const std::string kSpecial("\x0b\x1c\x0d\x0a\x00\x44\x4e\x32\x33\x30\x39\x35\x7f\xff\x43\x58", 16);
const std::string kReply = "MSH|^~\\&|B\rMSA|AA|1\r";

llp_params params() { return default_params(LLP_PROTO_HLLP); }

Transcript run(const std::string& bytes, const llp_params& p = params(), const hllp::Station& s = {}) {
  Line line;
  append(line, bytes);
  return hllp::decode(line, p, s);
}

llp_params any_params(Rng& rng) {
  llp_params p = params();
  const auto some = [&](std::uint32_t& field, std::uint32_t choices) {
    if (rng.chance(0.3)) field = rng.below(choices);
  };
  some(p.send_checksum, 2);
  some(p.xor_scope, 3);
  some(p.xor_fn, 2);
  some(p.c999, 2);
  some(p.eb_cr_require, 2);
  some(p.vv_check, 3);
  if (rng.chance(0.2)) p.unstuff = LLP_UNSTUFF_SEGMENT;
  if (rng.chance(0.3)) p.stuff = 8 + rng.below(4);
  if (rng.chance(0.2)) p.max_data = 1 + rng.below(40);
  if (rng.chance(0.2)) p.vv = rng.below(100);
  if (rng.chance(0.2)) p.send_retries = rng.below(3);
  if (rng.chance(0.1)) {
    p.sb_char = 0x02;
    p.eb_char = 0x03;
  }
  return p;
}

std::string any_data(Rng& rng) {
  std::string data = rng.chance(0.5) ? "MSH|^~\\&|A\r" : "";
  const std::uint32_t n = rng.below(rng.chance(0.1) ? 200 : 14);
  for (std::uint32_t i = 0; i < n; i++) {
    const std::uint32_t what = rng.below(10);
    data += what == 0 ? std::string("\r")
            : what == 1
                ? std::string("\rOBX|")
                : std::string(1, static_cast<char>(what == 2 ? 128 + rng.below(128) : 32 + rng.below(95)));
  }
  return data;
}

Line any_line(Rng& rng, const llp_params& p) {
  Line line;
  const std::uint32_t pieces = 1 + rng.below(6);
  for (std::uint32_t i = 0; i < pieces; i++) {
    const std::string vv = rng.chance(0.7)   ? std::string("2") + static_cast<char>('0' + rng.below(5))
                           : rng.chance(0.5) ? "2x"
                                             : "99";
    const bool count =
        p.xor_scope == LLP_SCOPE_DATA_COUNT || (p.xor_scope == LLP_SCOPE_AUTO && rng.chance(0.5));
    std::string b;
    if (rng.chance(0.2)) {
      b = hllp::block('N', vv, std::string(1, "CXBGZ"[rng.below(5)]), count, p);
    } else {
      const std::string data = any_data(rng);
      b = hllp::block(rng.chance(0.95) ? 'D' : 'Q', vv, rng.chance(0.8) ? hllp::stuffed(data, p) : data,
                      count, p);
    }
    switch (rng.below(16)) {
      case 0: b.replace(b.size() - 5, 3, "999"); break;
      case 1: b.replace(b.size() - 10, 8, "00005999"); break;
      case 2: b.pop_back(); break;
      case 3: b += "\n"; break;
      case 4: b.resize(rng.below(static_cast<std::uint32_t>(b.size()))); break;
      case 5: b += "junk\r"; break;
      default: break;
    }
    append(line, b, rng.chance(0.1) ? Silence::brief : Silence::none);
  }
  line.at_end = any_end(rng);
  return line;
}

void compare(const Line& line, const llp_params& p, const hllp::Station& s, std::size_t part,
             const std::string& what) {
  const Drive drive{.protocol = LLP_PROTO_HLLP,
                    .params = p,
                    .verdict = s.refuse ? LLP_REJECT : LLP_FORGET,
                    .reply = s.reply,
                    .part = s.reply ? 1 : part};
  Transcript engine = engine_transcript(line, drive);
  // A message begins, for the engine, before it is known to be one.
  engine.cancelled = 0;
  expect_same(engine, hllp::decode(line, p, s), line,
              what + " " + described(p, LLP_PROTO_HLLP) +
                  (s.refuse  ? "refuses"
                   : s.reply ? "replies"
                             : ""));
}

hllp::Station any_station(Rng& rng) {
  switch (rng.below(3)) {
    case 0: return {.refuse = true};
    case 1: return {.reply = kReply};
    default: return {};
  }
}

void compare_seeds(std::uint64_t from, std::uint64_t to, std::uint32_t most_damage) {
  for (std::uint64_t seed = from; seed < to && failures() < 5; seed++) {
    Rng rng(seed);
    llp_params p = rng.chance(0.4) ? params() : any_params(rng);
    const hllp::Station station = any_station(rng);
    if (station.reply) p.max_data = params().max_data;  // it must fit
    std::string special = kSpecial;
    special[0] = static_cast<char>(p.sb_char);
    special[1] = static_cast<char>(p.eb_char);
    Line line = any_line(rng, p);
    const std::uint32_t n = most_damage ? rng.below(most_damage + 1) : 0;
    for (std::uint32_t i = 0; i < n; i++) damage(line, rng, special);
    compare(line, p, station, 1 + rng.below(32), "seed " + std::to_string(seed));
  }
}

TEST(ReferenceHllp, WorkedExamples) {
  const hllp::Station replies{.reply = kA};
  EXPECT_EQ(run(D(kM), params(), replies).sent, D(kA));  // 11.1
  EXPECT_EQ(run(D(kM), params(), replies).messages, std::vector<std::string>{kM});
  // 11.2 checksum error, NAK, sent again
  const Transcript twice = run(raw('D', 23, kM, llp::test::hllp::kBadXorTrailer) + D(kM), params(), replies);
  EXPECT_EQ(twice.sent, N('X') + D(kA));
  EXPECT_EQ(twice.messages, std::vector<std::string>{kM});
  EXPECT_EQ(run(raw('D', 23, kM, llp::test::hllp::kNoneTrailer)).messages,
            std::vector<std::string>{kM});  // 11.4
  llp_params p = params();
  EXPECT_EQ(run(raw('D', 23, kM, llp::test::hllp::kSunTrailer), p).sent, N('X'));  // 11.5
  p.xor_scope = LLP_SCOPE_DATA_COUNT;
  EXPECT_EQ(run(raw('D', 23, kM, llp::test::hllp::kSunTrailer), p).messages, std::vector<std::string>{kM});
  p = params();
  p.stuff = 8;  // 11.8
  EXPECT_EQ(hllp::stuffed(kM, p), llp::test::hllp::kStuffed);
  EXPECT_EQ(run(raw('D', 23, llp::test::hllp::kStuffed, llp::test::hllp::kStuffedTrailer), p).messages,
            std::vector<std::string>{kM});
  // 11.9 the sender dies inside a block
  EXPECT_EQ(hllp::decode(line_of_hex("0B 44 32 33 0D 4D 53 48", Silence::lasting), params()).sent, N('G'));
}

TEST(ReferenceHllp, Vectors) {
  for (const auto& v : llp::test::hllp::kData) {
    SCOPED_TRACE(v.name);
    EXPECT_EQ(hllp::block(v.type, std::to_string(v.vv), std::string(v.data), false, params()), raw(v));
    EXPECT_EQ(run(raw(v)).messages, std::vector<std::string>{std::string(v.data)});
    EXPECT_EQ(run(raw(v)).sent, "");
  }
  for (const auto& v : llp::test::hllp::kNaks) {
    SCOPED_TRACE(v.name);
    EXPECT_EQ(hllp::block(v.type, std::to_string(v.vv), std::string(v.data), false, params()), raw(v));
    // A NAK is never answered, damaged or not.
    std::string b = raw(v);
    EXPECT_EQ(run(b).sent, "");
    b[7] = static_cast<char>(b[7] ^ 1);
    EXPECT_EQ(run(b).sent, "");
  }
}

TEST(ReferenceHllp, EngineAgreesOnGoodLines) { compare_seeds(0, 8000, 0); }
TEST(ReferenceHllp, EngineAgreesOnDamagedLines) { compare_seeds(100000, 124000, 5); }

}  // namespace
}  // namespace llp::reference::test
