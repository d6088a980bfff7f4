// SPDX-License-Identifier: BSD-3-Clause
//
// X3.28: the reference decoder on the standard's examples, and the engine
// against it on lines from seeds.
#include "reference/x328.hpp"

#include <gtest/gtest.h>

#include "differential.hpp"
#include "support/vectors_x328.hpp"

namespace llp::reference::test {
namespace {

using llp::test::default_params;
using llp::test::hex;

const std::string kSpecial("\x01\x02\x03\x04\x05\x06\x0d\x10\x15\x17\x30\x31\x37\x38\x3c\x46\x66\x7f\xff\x00",
                           20);

llp_params params() {
  llp_params p = default_params(LLP_PROTO_X328);
  p.timer_e = 0;
  return p;
}

Transcript run(std::string_view digits, const llp_params& p = params()) {
  return x328::decode(line_of_hex(digits), p);
}

// Options that change how bytes are read, two of three times as by default.
llp_params any_params(Rng& rng) {
  llp_params p = params();
  const auto some = [&](std::uint32_t& field, std::uint32_t choices) {
    if (rng.chance(0.33)) field = rng.below(choices);
  };
  some(p.nak_term, 2);
  some(p.strict_term, 2);
  some(p.accept_plain_ack, 2);
  some(p.bcc_high, 3);
  some(p.join, 2);
  some(p.gap, 2);
  if (rng.chance(0.2)) p.max_rx_text = 1 + rng.below(12);
  if (rng.chance(0.2)) p.max_message = 1 + rng.below(24);
  if (rng.chance(0.3)) p.retries_l = rng.below(3);
  return p;
}

// Text without control characters but CR; above 7F now and then.
std::string any_text(Rng& rng) {
  std::string text;
  const std::uint32_t n = rng.chance(0.1) ? 0 : rng.chance(0.1) ? rng.below(300) : rng.below(12);
  for (std::uint32_t i = 0; i < n; i++) {
    const std::uint32_t what = rng.below(12);
    text += what == 0 ? '\r' : static_cast<char>(what == 1 ? 128 + rng.below(128) : 32 + rng.below(95));
  }
  if (rng.chance(0.5)) text += '\r';
  return text;
}

// What a master that mostly knows the protocol sends.
Line any_line(Rng& rng, const llp_params& p) {
  Line line;
  std::string last = x328::block(1, "A\r", false, p);
  unsigned number = 1;
  if (!rng.chance(0.1)) append(line, "\x05\x0d");
  const std::uint32_t pieces = 1 + rng.below(12);
  for (std::uint32_t i = 0; i < pieces; i++) {
    const Silence before = rng.chance(0.03) ? Silence::brief : Silence::none;
    switch (rng.below(24)) {
      case 0: append(line, "\x05\x0d", before); break;
      case 1:
        append(line, "\x04\x0d\x05\x0d", before);
        number = 1;
        break;
      case 2: append(line, last, before); break;  // sent again
      case 3: append(line, x328::block(rng.below(8), any_text(rng), rng.chance(0.5), p), before); break;
      case 4: append(line, x328::block(1, any_text(rng), rng.chance(0.5), p), before); break;
      case 5:
        append(line, last.substr(0, rng.below(static_cast<std::uint32_t>(last.size()))) + "\x05\x0d");
        break;
      case 6: append(line, "\x10" + std::string(1, static_cast<char>('0' + rng.below(13))) + "\x0d"); break;
      case 7: append(line, "\x15\x0d"); break;
      case 8: {  // a heading, counted in one of two ways
        std::string heading(rng.below(rng.chance(0.1) ? 80 : 6), 'H');
        std::string body = x328::block(number, any_text(rng), rng.chance(0.5), p);
        if (rng.chance(0.5)) {
          const std::string covered = body.substr(1, body.size() - 4);
          body.replace(body.size() - 3, 2, x328::check_digits(heading + "\x02" + covered, p));
        }
        append(line, "\x01" + heading + body);
        break;
      }
      default: {
        last = x328::block(number, any_text(rng), rng.chance(0.4), p);
        if (rng.chance(0.1))
          for (char& c : last)
            if (c >= 'A' && c <= 'F' && &c >= &last[last.size() - 3]) c = static_cast<char>(c + 32);
        append(line, last, before);
        number = (number + 1) % 8;
      }
    }
  }
  line.at_end = any_end(rng);
  return line;
}

// Answers of another slave mean nothing to a slave, which counts them.
void drop_answers(Transcript& t) {
  std::erase_if(t.frames, [](const Frame& f) {
    return f.kind == LLP_FR_ACK || f.kind == LLP_FR_NAK || f.kind == LLP_FR_RINT;
  });
}

void compare(const Line& line, const llp_params& p, bool ready, std::size_t part, const std::string& what) {
  const Drive drive{.protocol = LLP_PROTO_X328, .params = p, .ready = ready, .part = part};
  Transcript engine = engine_transcript(line, drive);
  Transcript reference = x328::decode(line, p, {.ready = ready});
  engine.lost.clear();  // garbage is ignored and counted, which is all that is said of it
  drop_answers(engine);
  drop_answers(reference);
  expect_same(engine, reference, line,
              what + " " + described(p, LLP_PROTO_X328) + (ready ? "" : "not ready"));
}

// ---- the standard's examples ----

TEST(ReferenceX328, WorkedExamples) {
  const struct {
    const char* name;
    const char* line;
    const char* sent;
    std::vector<std::string> messages;
    unsigned cancelled;
  } examples[] = {
      {"12.1 single block",
       "05 0D 02 31 30 30 30 31 37 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 50 49 44 7C 31 0D 03 35 39 0D 04 0D",
       "10 30 0D 10 31 0D",
       {"MSH|^~\\&|A\rPID|1\r"},
       0},
      {"12.2 four blocks",
       "05 0D 02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 36 0D"
       "02 32 30 30 30 30 36 50 49 44 7C 31 0D 17 30 45 0D 02 33 30 30 30 30 36 4F 42 58 7C 31 0D 17 30 37 0D"
       "02 34 30 30 30 30 36 4F 42 58 7C 32 0D 03 31 37 0D 04 0D",
       "10 30 0D 10 31 0D 10 32 0D 10 33 0D 10 34 0D",
       {"MSH|^~\\&|A\rPID|1\rOBX|1\rOBX|2\r"},
       0},
      {"12.4 NAK and retransmission",
       "05 0D 02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 37 0D"
       "02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 36 0D"
       "02 32 30 30 30 30 36 50 49 44 7C 31 0D 03 31 41 0D 04 0D",
       "10 30 0D 15 0D 10 31 0D 10 32 0D",
       {"MSH|^~\\&|A\rPID|1\r"},
       0},
      {"12.5 lost ACK, asked again, and sent again",
       "05 0D 02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 36 0D"
       "05 0D 02 32 30 30 30 30 36 50 49 44 7C 31 0D 03 31 41 0D"
       "02 32 30 30 30 30 36 50 49 44 7C 31 0D 03 31 41 0D 05 0D 04 0D",
       "10 30 0D 10 31 0D 10 31 0D 10 32 0D 10 32 0D 10 32 0D",
       {"MSH|^~\\&|A\rPID|1\r"},
       0},
      {"12.7 block abort",
       "05 0D 02 31 30 30 30 31 31 4D 53 48 7C 5E 05 0D"
       "02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 36 0D",
       "10 30 0D 15 0D 10 31 0D",
       {},
       0},
      {"12.8 sender abort",
       "05 0D 02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 36 0D 04 0D",
       "10 30 0D 10 31 0D",
       {},
       1},
      {"12.11 line check", "04 0D 05 0D 04 0D", "10 30 0D", {}, 0},
  };
  for (const auto& e : examples) {
    SCOPED_TRACE(e.name);
    const Transcript t = run(e.line);
    EXPECT_EQ(t.sent, hex(e.sent));
    EXPECT_EQ(t.messages, e.messages);
    EXPECT_EQ(t.cancelled, e.cancelled);
    compare(line_of_hex(e.line), params(), true, 1, e.name);
  }
}

TEST(ReferenceX328, Vectors) {
  for (const auto& v : llp::test::x328::kBlocks) {
    SCOPED_TRACE(v.name);
    const std::string text(v.text);
    EXPECT_EQ(x328::block(static_cast<unsigned>(v.num), text, v.last, params()), hex(v.hex));
    if (v.num != 1) continue;
    const Transcript t = run(std::string("05 0D") + v.hex);
    EXPECT_EQ(t.sent, hex("10 30 0D 10 31 0D"));
    EXPECT_EQ(t.messages, v.last ? std::vector<std::string>{text} : std::vector<std::string>{});
  }
  const std::string bid = "05 0D";
  const std::string nak = hex("10 30 0D 15 0D");
  EXPECT_EQ(run(bid + llp::test::x328::kBadBcc).sent, nak);
  EXPECT_EQ(run(bid + llp::test::x328::kHighMask7).sent, nak);
  EXPECT_EQ(run(bid + llp::test::x328::kHighVista00).sent, nak);
  llp_params p = params();
  p.bcc_high = LLP_BCC_MASK7;
  EXPECT_EQ(run(bid + llp::test::x328::kHighMask7, p).messages, std::vector<std::string>{"M\xfc\r"});
  p.bcc_high = LLP_BCC_VISTA00;
  EXPECT_EQ(run(bid + llp::test::x328::kHighVista00, p).messages, std::vector<std::string>{"M\xfc\r"});
  for (const char* heading : {llp::test::x328::kHeadingFromBlk, llp::test::x328::kHeadingFromHeading})
    EXPECT_EQ(run(bid + heading).messages, std::vector<std::string>{"L1\r"});
}

// A block sent again, or out of sequence, is that, although its text would not
// fit once more.
TEST(ReferenceX328, RepeatNearTheLimitOfAMessage) {
  llp_params p = params();
  p.max_message = 3;
  const Line again =
      line_of_hex("05 0D 02 31 30 30 30 30 32 41 0D 17 35 38 0D 02 31 30 30 30 30 32 41 0D 17 35 38 0D");
  EXPECT_EQ(x328::decode(again, p).sent, hex("10 30 0D 10 31 0D 10 31 0D"));
  compare(again, p, true, 65536, "repeat");
  const Line gap = line_of_hex("05 0D 02 32 30 30 30 30 37 50 45 2D 29 A6 3A 7D 17 45 32 0D");
  EXPECT_EQ(x328::decode(gap, p).sent, hex("10 30 0D 15 0D"));
  compare(gap, p, true, 65536, "gap");
}

// A break stands for no character, but there is a time before it: with it comes
// the end of a transmission, also after a DLE that nothing followed.
TEST(ReferenceX328, SilenceBeforeABreak) {
  Line line = line_of_hex("05 0D 10");
  line.characters.push_back({0, LLP_FLAG_BREAK, Silence::lasting});
  EXPECT_EQ(x328::decode(line, params()).sent, hex("10 30 0D 04 0D"));
  compare(line, params(), true, 65536, "silence");
}

// However many of them: together they would be longer than timer B is by default.
TEST(ReferenceX328, BriefSilencesInABlock) {
  Line line = line_of_hex("05 0D 02 31 30 30 30 30 36");
  for (int i = 0; i < 20; i++) append(line, "A", Silence::brief);
  EXPECT_EQ(x328::decode(line, params()).sent, hex("10 30 0D"));
  compare(line, params(), true, 65536, "brief silences");
}

// ---- lines from seeds ----

void compare_seeds(std::uint64_t from, std::uint64_t to, std::uint32_t most_damage) {
  for (std::uint64_t seed = from; seed < to && failures() < 5; seed++) {
    Rng rng(seed);
    const llp_params p = rng.chance(0.5) ? params() : any_params(rng);
    Line line = any_line(rng, p);
    const std::uint32_t n = most_damage ? rng.below(most_damage + 1) : 0;
    for (std::uint32_t i = 0; i < n; i++) damage(line, rng, kSpecial);
    compare(line, p, !rng.chance(0.05), rng.chance(0.3) ? 1 : 65536, "seed " + std::to_string(seed));
  }
}

TEST(ReferenceX328, EngineAgreesOnGoodLines) { compare_seeds(0, 6000, 0); }
TEST(ReferenceX328, EngineAgreesOnDamagedLines) { compare_seeds(100000, 124000, 6); }

TEST(ReferenceX328, EngineAgreesOnNoise) {
  for (std::uint64_t seed = 0; seed < 8000 && failures() < 5; seed++) {
    Rng rng(seed + 1000000);
    const llp_params p = any_params(rng);
    Line line;
    append(line, "\x05\x0d");
    const std::uint32_t n = rng.below(60);
    for (std::uint32_t i = 0; i < n; i++) {
      Character c{static_cast<std::uint8_t>(kSpecial[rng.below(20)]), LLP_FLAG_NONE, Silence::none};
      if (rng.chance(0.03)) c.flag = static_cast<std::uint8_t>(rng.below(5));
      if (rng.chance(0.03)) c.before = Silence::brief;
      line.characters.push_back(c);
    }
    line.at_end = any_end(rng);
    compare(line, p, true, 65536, "noise " + std::to_string(seed));
  }
}

}  // namespace
}  // namespace llp::reference::test
