// SPDX-License-Identifier: BSD-3-Clause
// How the bytes are cut into calls makes no difference; line flags at every
// position; one byte damaged at every position.
#include "support/wire.hpp"
#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

struct Outcome {
  std::string log, sent, lost;
  std::vector<std::string> texts;
  std::uint64_t fingerprint = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome finish(Station& s) {
  Outcome r{s.transcript(), s.take(), s.lost, s.texts(), s.fingerprint()};
  return r;
}

// What a slave may be sent in one go.
const std::vector<std::pair<const char*, std::string>>& inputs() {
  static const std::vector<std::pair<const char*, std::string>> all = {
      {"single", kEnq + block(1, kM, true) + kEot},
      {"four", kEnq + block(1, kM1, false) + block(2, "PID|1\r", false) + block(3, "OBX|1\r", false) +
                   block(4, "OBX|2\r", true) + kEot},
      {"two messages", kEnq + block(1, "a\r", true) + block(2, "b\r", true) + kEot},
      {"empty", kEnq + block(1, "", true) + kEot},
      {"bad check", kEnq + hex(kBadBcc) + block(1, kM1, true) + kEot},
      {"block abort", kEnq + hex(kBlockAbort) + block(1, kM1, true) + kEot},
      {"duplicate", kEnq + block(1, kM1, false) + block(1, kM1, false) + block(2, "x", true) + kEot},
      {"heading", kEnq + hex(kHeadingFromHeading) + kEot},
      {"begun anew", kEnq +
                         "\x02"
                         "10001" +
                         block(1, kM1, true) + kEot},
      {"no TERM", "\x05" + block(1, "x", false).substr(0, 12) + block(2, "y", true) + kEot},
      {"garbage",
       "noise\x80\x81" + kEnq + "zz\x10" + block(1, "x", true) + "01234567890123456789" + kEot + "\x10q"},
      {"EOT in a block", kEnq + block(1, "x", false) +
                             "\x02"
                             "2000" +
                             kEot + kEnq},
      {"controls in text", kEnq + block(1, hex("01 06 10 15 16"), true) + kEot},
      {"first bid", kFirstBid + block(1, kM1, true) + kEot + kFirstBid},
  };
  return all;
}

class Splits : public ::testing::TestWithParam<std::size_t> {};

// shows: common/6
TEST_P(Splits, SameTranscriptHoweverItIsCut) {
  const auto& [name, bytes] = inputs()[GetParam()];
  for (u32 flow : {0u, 1u}) {
    llp_params p = x328_params();
    p.flow = flow;
    auto run = [&](auto feed) {
      Station s(LLP_PROTO_X328, p);
      feed(s);
      s.advance(200 * kMs);
      return finish(s);
    };
    const Outcome whole = run([&](Station& s) { s.feed(bytes); });
    EXPECT_FALSE(whole.log.empty());
    EXPECT_EQ(run([&](Station& s) { s.feed_bytewise(bytes); }).log, whole.log) << name;
    EXPECT_EQ(run([&](Station& s) { s.feed_bytewise(bytes); }), whole) << name;
    for (std::size_t cut = 1; cut < bytes.size(); cut++)
      EXPECT_EQ(run([&](Station& s) {
                  s.feed(std::string_view(bytes).substr(0, cut));
                  s.feed(std::string_view(bytes).substr(cut));
                }),
                whole)
          << name << " cut at " << cut;
    for (std::size_t part : {2u, 3u, 5u, 7u, 8u, 9u})
      EXPECT_EQ(run([&](Station& s) {
                  s.growth = part;
                  for (std::size_t i = 0; i < bytes.size(); i += part)
                    s.feed(std::string_view(bytes).substr(i, part));
                }),
                whole)
          << name << " in parts of " << part;
  }
}

INSTANTIATE_TEST_SUITE_P(AllInputs, Splits, ::testing::Range<std::size_t>(0, 14));

// shows: common/6
TEST(X328Split, AnswersToAMasterHoweverTheyAreCut) {
  for (const std::string& answer :
       {ack(1), kNak, kRint, kEot, "pre" + ack(1), "\x80\x81" + ack(1), ack(4), kEnq + kEnq}) {
    auto run = [&](std::size_t cut) {
      Station s(LLP_PROTO_X328, one_segment_blocks());
      warm_up(s);
      to_master(s, 7, kM);
      s.feed(std::string_view(answer).substr(0, cut));
      s.feed(std::string_view(answer).substr(cut));
      s.advance(150 * kMs);
      return finish(s);
    };
    const Outcome whole = run(0);
    for (std::size_t cut = 1; cut < answer.size(); cut++)
      EXPECT_EQ(run(cut), whole) << words(answer) << " at " << cut;
  }
}

TEST(X328Split, OutputHoweverItIsPulled) {
  const std::string text = kFour + std::string(300, 'x') + "\r";
  auto run = [&](std::size_t size) {
    Station s(LLP_PROTO_X328);
    s.pull_size = size;
    EXPECT_EQ(s.submit(7, text), 0);
    for (int n = 0; n < 4; n++) s.feed(ack(n));
    EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
    return s.take();
  };
  const std::string whole = run(65536);
  for (std::size_t size : {1u, 2u, 3u, 7u, 8u, 9u, 64u, 240u}) EXPECT_EQ(run(size), whole) << size;
}

// ---- line flags ----

constexpr llp_line_flag kFlags[] = {LLP_FLAG_BREAK, LLP_FLAG_FRAME, LLP_FLAG_PARITY, LLP_FLAG_OVERRUN};

// Feeds @bytes with byte @at flagged. After overrun and break the byte is an extra NUL.
void feed_with_flag(Station& s, const std::string& bytes, std::size_t at, llp_line_flag flag) {
  const bool extra = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN;
  std::string fed = bytes;
  if (extra) fed.insert(at, 1, '\0');
  std::vector<std::uint8_t> flags(fed.size(), LLP_FLAG_NONE);
  flags[at] = flag;
  s.feed_flagged(fed, flags);
}

// shows: common/3 x328/6/2
TEST(X328Flags, InEveryPlaceOfABlock) {
  const std::string b = "\x01H\x02" + block(2, "PID|1\r", true).substr(1);
  for (llp_line_flag flag : kFlags) {
    const bool extra = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN;
    for (std::size_t at = 0; at < b.size(); at++) {
      Station s(LLP_PROTO_X328);
      to_slave(s);
      s.feed(block(1, kM1, false));
      s.take();
      feed_with_flag(s, b, at, flag);
      if (extra && at == 0) {
        EXPECT_EQ(s.take(), ack(2));  // before the block, not in it
        continue;
      }
      EXPECT_EQ(s.take(), kNak) << "flag " << flag << " at " << at;
      EXPECT_EQ(s.count(LLP_C_NAK_FLAG), 1u);
      EXPECT_EQ(s.state(), "slave");
      s.feed(b);
      EXPECT_EQ(s.take(), ack(2));
      EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
    }
  }
}

TEST(X328Split, EverySequenceOfAReadIsAnswered) {
  std::string many, answers;
  for (int i = 0; i < 60; i++) {
    many += kEnq;
    answers += ack(0);
  }
  Station s(LLP_PROTO_X328);
  s.feed(many);
  EXPECT_EQ(s.take(), answers);
}

TEST(X328Flags, DamagedStxInsideABlock) {
  for (llp_line_flag flag : {LLP_FLAG_PARITY, LLP_FLAG_FRAME}) {
    Station s(LLP_PROTO_X328);
    to_slave(s);
    const std::string b = block(1, "x\r", true);
    s.feed(b.substr(0, 5));
    s.feed(b.substr(0, 1), flag);
    s.feed(b.substr(1));
    EXPECT_EQ(s.take(), kNak);
    EXPECT_EQ(s.count(LLP_C_NAK_FLAG), 1u);
    EXPECT_TRUE(s.messages.empty());
    // The damage was that block's alone.
    s.feed(b);
    EXPECT_EQ(s.take(), ack(1));
  }
}

TEST(X328Flags, CountedByKind) {
  Station s(LLP_PROTO_X328);
  for (llp_line_flag flag : kFlags) s.feed(std::string(1, '\0'), flag);
  for (llp_counter c : {LLP_C_FLAG_BREAK, LLP_C_FLAG_FRAME, LLP_C_FLAG_PARITY, LLP_C_FLAG_OVERRUN})
    EXPECT_EQ(s.count(c), 1u);
  s.advance(1 * kSec);
  EXPECT_EQ(s.lost.size(), 2u);  // NULs of overrun and break stand for nothing
}

// Nothing damaged may count as an answer that lets a message be lost.
TEST(X328Flags, InEveryPlaceOfAnAcknowledgement) {
  for (llp_line_flag flag : kFlags) {
    for (std::size_t at = 0; at < 3; at++) {
      Station s(LLP_PROTO_X328);
      to_master(s);
      s.take();
      feed_with_flag(s, ack(1), at, flag);
      // Where only the CR is hit, or the line was quiet before, it is still an acknowledgement.
      const bool extra = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN;
      const bool good = extra ? flag == LLP_FLAG_BREAK || at != 1 : at == 2;
      EXPECT_EQ(s.result(7).done, good ? 1 : 0) << "flag " << flag << " at " << at;
      s.advance(200 * kMs);
      EXPECT_EQ(s.take(), good ? kEot : kEnq) << "flag " << flag << " at " << at;
    }
  }
}

TEST(X328Flags, InEveryPlaceOfABid) {
  for (llp_line_flag flag : kFlags) {
    const bool extra = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN;
    for (std::size_t at = 0; at < 2; at++) {
      Station s(LLP_PROTO_X328);
      feed_with_flag(s, kEnq, at, flag);
      EXPECT_EQ(s.take(), extra || at == 1 ? ack(0) : "") << "flag " << flag << " at " << at;
    }
  }
}

TEST(X328Flags, StrictTermWantsAGoodTerm) {
  llp_params p = x328_params();
  p.strict_term = 1;
  Station s(LLP_PROTO_X328, p);
  feed_with_flag(s, kEnq, 1, LLP_FLAG_PARITY);
  EXPECT_EQ(s.take(), "");
  feed_with_flag(s, kEnq, 1, LLP_FLAG_OVERRUN);
  EXPECT_EQ(s.take(), ack(0));
}

TEST(X328Flags, NoPrefixReachesOverADamagedByte) {
  Station s(LLP_PROTO_X328);
  to_bid(s);
  s.feed("1234567890");
  s.feed("1", LLP_FLAG_PARITY);
  s.feed("1234567890" + ack(0));
  EXPECT_EQ(s.take(), block(1, kM1, true));
  EXPECT_EQ(s.lost, "12345678901");
}

TEST(X328Flags, OverrunAloneAsksAgain) {
  Station s(LLP_PROTO_X328);
  to_master(s);
  s.take();
  s.feed(std::string(1, '\0'), LLP_FLAG_OVERRUN);
  s.advance(100 * kMs);
  EXPECT_EQ(s.take(), kEnq);
  EXPECT_EQ(s.lost, "");
  Station b(LLP_PROTO_X328);
  to_master(b);
  b.take();
  b.feed(std::string(1, '\0'), LLP_FLAG_BREAK);
  b.advance(1 * kSec);
  EXPECT_EQ(b.take(), "");
}

TEST(X328Flags, FlaggedTextWithAFullBuffer) {
  Station s(LLP_PROTO_X328);
  s.growth = 1;
  to_slave(s);
  s.feed(
      "\x02"
      "100040");
  s.feed(std::string(40, 'x'), LLP_FLAG_FRAME);
  s.feed(
      "\x03"
      "00\r");
  EXPECT_EQ(s.take(), kNak);
}

TEST(X328Flags, AFlaggedByteAfterTheMessageIsReadAgain) {
  // No TERM: the damaged byte takes its place, and the block is bad.
  Station s(LLP_PROTO_X328);
  to_slave(s);
  const std::string b = block(1, "x\r", true);
  s.feed(b.substr(0, b.size() - 1));
  s.feed("?", LLP_FLAG_PARITY);
  EXPECT_EQ(s.take(), kNak);
  s.feed(b);
  EXPECT_EQ(s.take(), ack(1));
}

// ---- one byte damaged, lost or added in a whole conversation ----

struct Damage {
  int dir;
  std::uint64_t at;
  enum { kDrop, kInsert, kDouble, kFlip } how;
  std::uint8_t value;
};

// Runs the four-block message over a damaged line; false: something came out wrong.
void damaged_conversation(const Damage& d, const llp_params& p) {
  Station a(LLP_PROTO_X328, p), b(LLP_PROTO_X328, p);
  warm_up(a);
  warm_up(b);
  Wire wire(a, b, 86806);  // 115200 baud
  wire.fault = [&](int dir, std::uint64_t index, std::uint8_t byte) -> std::vector<WireByte> {
    if (dir != d.dir || index != d.at) return {{byte, LLP_FLAG_NONE}};
    switch (d.how) {
      case Damage::kDrop: return {};
      case Damage::kInsert: return {{d.value, LLP_FLAG_NONE}, {byte, LLP_FLAG_NONE}};
      case Damage::kDouble: return {{byte, LLP_FLAG_NONE}, {byte, LLP_FLAG_NONE}};
      default: return {{static_cast<std::uint8_t>(byte ^ d.value), LLP_FLAG_NONE}};
    }
  };
  ASSERT_EQ(a.submit(7, kFour), 0);
  wire.run_while([&] { return !a.result(7).done || !b.idle(); }, 600 * kSec);
  const std::string what = "direction " + std::to_string(d.dir) + ", byte " + std::to_string(d.at) +
                           ", how " + std::to_string(d.how) + ", value " + std::to_string(d.value);
  const Result& r = a.result(7);
  EXPECT_EQ(r.done, 1) << what;
  EXPECT_TRUE(b.idle()) << what;
  ASSERT_LE(b.messages.size(), 1u) << what;
  if (!b.messages.empty()) {
    EXPECT_EQ(b.messages[0].text, kFour) << what;
  }
  if (r.outcome == LLP_OUT_DELIVERED) {
    EXPECT_EQ(b.messages.size(), 1u) << what;
  }
  // Told that it is not there: then it is not there.
  if (r.outcome == LLP_OUT_NOT_SENT || r.outcome == LLP_OUT_REFUSED) {
    EXPECT_TRUE(b.messages.empty() || !b.messages[0].acked) << what;
  }
}

class SingleByteDamage : public ::testing::TestWithParam<int> {
 protected:
  // Bytes of an undamaged conversation, per direction.
  static std::array<std::uint64_t, 2> lengths() {
    Station a(LLP_PROTO_X328, one_segment_blocks()), b(LLP_PROTO_X328);
    warm_up(a);
    Wire wire(a, b, 86806);
    EXPECT_EQ(a.submit(7, kFour), 0);
    wire.run_while([&] { return !a.result(7).done; }, 60 * kSec);
    EXPECT_EQ(a.result(7).outcome, LLP_OUT_DELIVERED);
    return {wire.traffic[0].size(), wire.traffic[1].size()};
  }
};

// shows: common/promise/x328 x328/13/corruption
TEST_P(SingleByteDamage, SuccessOrCleanFailure) {
  llp_params p = one_segment_blocks();
  p.char_time = 86806;
  p.x328_on_timeout = GetParam() & 1 ? LLP_X328_ENQ : LLP_X328_RETRANSMIT;
  p.enq_resolicit = GetParam() >> 1;
  const auto n = lengths();
  ASSERT_GT(n[0], 70u);
  // The slave's answers carry no check: damage that makes another valid answer of one is tested apart.
  for (int dir = 0; dir < 2; dir++) {
    for (std::uint64_t at = 0; at < n[static_cast<std::size_t>(dir)]; at++) {
      damaged_conversation({dir, at, Damage::kDrop, 0}, p);
      damaged_conversation({dir, at, Damage::kDouble, 0}, p);
      for (int bit = 0; bit < 8; bit++)
        damaged_conversation({dir, at, Damage::kFlip, static_cast<std::uint8_t>(1 << bit)}, p);
      for (int c : {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0d, 0x10, 0x15, 0x17, 0x31, 0x41, 0xff})
        damaged_conversation({dir, at, Damage::kInsert, static_cast<std::uint8_t>(c)}, p);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(TimeoutAndAsking, SingleByteDamage, ::testing::Range(0, 4));

// shows: x328/13/corruption
TEST(X328Damage, EveryValueOfEveryByteOfTheLastBlock) {
  llp_params p = one_segment_blocks();
  p.char_time = 86806;
  // 2 bytes ENQ CR, blocks of 22, 17 and 17 bytes before it.
  for (std::uint64_t at = 58; at < 75; at++)
    for (int mask = 1; mask < 256; mask++)
      damaged_conversation({0, at, Damage::kFlip, static_cast<std::uint8_t>(mask)}, p);
}

}  // namespace
}  // namespace llp::test::x328
