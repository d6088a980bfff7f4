// SPDX-License-Identifier: BSD-3-Clause
//
// Checking a block: every step in its order, and the options that bear on it.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The order of the checks: B, C, X, G.
// shows: hllp/D-5 hllp/2/block+other hllp/3/1
TEST(HllpCheck, Step1OverflowIsB) {
  auto s = station({{"max_data", "20"}});
  s->feed(D(std::string(20, 'x')));
  EXPECT_EQ(s->messages.size(), 1u);
  s->feed(D(std::string(21, 'x')));
  EXPECT_EQ(s->take(), N('B'));
  EXPECT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_TOO_LONG);
  std::string wrong = D(std::string(50, 'x'));
  wrong[1] = 'E';  // G, C and X too: B is the first
  wrong[30] = 'y';
  wrong.erase(40, 1);
  s->feed(wrong);
  EXPECT_EQ(s->take(), N('B'));
}

// shows: common/7 hllp/2/block+other
TEST(HllpCheck, FixedBufferIsB) {
  auto s = station();
  s->fixed_buffer = true;  // 16 bytes: 8 of data
  s->feed(D("12345678"));
  EXPECT_EQ(s->messages.size(), 1u);
  s->feed(D("123456789"));
  EXPECT_EQ(s->take(), N('B'));
}

// shows: hllp/3/2
TEST(HllpCheck, Step2TooShortOrNoDigitsIsC) {
  for (const std::string& b : {kSb + kEb + "\r", kSb + "D" + kEb + "\r", kSb + "D23" + kEb + "\r",
                               kSb + "D23\r" + kEb + "\r", kSb + "D23\r0000506" + kEb + "\r",
                               kSb + "D23\r0000x067" + kEb + "\r", kSb + "D23\r/0005067" + kEb + "\r"}) {
    auto s = station();
    s->feed(b);
    EXPECT_EQ(s->take(), N('C')) << words(b);
    EXPECT_EQ(s->count(LLP_C_NAK_LENGTH), 1u);
  }
}

// shows: hllp/D-5 hllp/3/3
TEST(HllpCheck, Step3CountBeforeChecksum) {
  auto s = station();
  s->feed(raw('D', 23, kM, "00023000"));
  EXPECT_EQ(s->take(), N('C'));
  s->feed(raw('D', 23, kM, "00021030"));
  EXPECT_EQ(s->take(), N('C'));
}

// shows: hllp/3/4
TEST(HllpCheck, Step4ChecksumNoDigits) {
  for (const char* x : {"0003x", "  30", "-30", "03:"}) {
    auto s = station();
    s->feed(raw('D', 23, kM, "00022" + std::string(x).substr(0, 3)));
    const bool good = std::string(x).substr(0, 3) == "000";
    EXPECT_EQ(s->take(), N('X')) << x << good;
  }
}

// shows: hllp/D-6 hllp/3/5 hllp/11.4 interop/3/999 interop/4/999 interop/11/hllp/c999
TEST(HllpCheck, Step5NotComputed) {
  auto s = station();
  s->feed(raw('D', 23, kM, kNoneTrailer));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  s->feed(raw('D', 23, kM, "00023999"));
  EXPECT_EQ(s->take(), N('C'));
  auto both = station({{"c999", "skip_both"}});
  both->feed(raw('D', 23, kM, "00023999"));
  EXPECT_THAT(both->texts(), ElementsAre(kM));
  both->feed(raw('D', 23, kM, "00023030"));
  EXPECT_EQ(both->take(), N('C'));
  both->feed(raw('D', 23, kM, "0002x999"));
  EXPECT_EQ(both->take(), N('C'));
}

// shows: hllp/3/6
TEST(HllpCheck, Step6WrongChecksum) {
  auto s = station();
  s->feed(raw('D', 23, kM, kBadXorTrailer));
  EXPECT_EQ(s->take(), N('X'));
  EXPECT_EQ(s->count(LLP_C_NAK_CHECK), 1u);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_DAMAGED);
  s->feed(raw('D', 23, kM, "00022286"));  // 030 + 256
  EXPECT_EQ(s->take(), N('X'));
}

// shows: hllp/3/6 hllp/11.5 interop/3/sun-scope interop/11/hllp/xor_scope
TEST(HllpCheck, Step6Scopes) {
  auto data = station();
  data->feed(raw('D', 23, kM, kSunTrailer));
  EXPECT_EQ(data->take(), N('X'));
  auto sun = station({{"xor_scope", "data+count"}});
  sun->feed(raw('D', 23, kM, kSunTrailer));
  EXPECT_THAT(sun->texts(), ElementsAre(kM));
  sun->feed(D(kM));
  EXPECT_EQ(sun->take(), raw('N', 23, "X", trailer('N', 23, "X", true)));
  sun->submit(1, kM);
  EXPECT_EQ(sun->take(), raw('D', 23, kM, kSunTrailer));
}

// shows: hllp/3/6 interop/4/scope interop/11/hllp/xor_scope
TEST(HllpCheck, Step6ScopeAutoAnswersAlike) {
  auto s = station({{"xor_scope", "auto"}});
  s->submit(1, kM);
  EXPECT_EQ(s->take(), D(kM));
  s->advance(5 * kSec);
  s->feed(raw('D', 23, kA, trailer('D', 23, kA, true)));
  s->submit(2, kM);
  EXPECT_EQ(s->take(), raw('D', 23, kM, kSunTrailer));
  s->advance(5 * kSec);
  s->feed(D(kM));
  s->submit(3, kM);
  EXPECT_EQ(s->take(), D(kM));
  s->feed(raw('D', 23, kM, kBadXorTrailer));
  EXPECT_EQ(s->take(), N('X'));
}

// shows: interop/7/sum256 interop/11/hllp/xor_fn
TEST(HllpCheck, Sum256) {
  for (bool sun : {false, true}) {
    auto s = station({{"xor_fn", "sum256"}, {"xor_scope", sun ? "data+count" : "data"}});
    const std::string t = trailer('D', 23, kM, sun, true);
    s->feed(raw('D', 23, kM, t));
    EXPECT_THAT(s->texts(), ElementsAre(kM));
    s->feed(D(kM));
    EXPECT_EQ(s->take(), raw('N', 23, "X", trailer('N', 23, "X", sun, true)));
    s->submit(1, kM);
    EXPECT_EQ(s->take(), raw('D', 23, kM, t));
  }
}

// shows: hllp/3/7 interop/3/version
TEST(HllpCheck, Step7Version) {
  auto make = [](const char* v) {
    std::string b = D(kM);
    b[2] = v[0];
    b[3] = v[1];
    unsigned char x = 0;
    for (std::size_t i = 0; i < 5 + kM.size(); i++) x ^= static_cast<unsigned char>(b[i]);
    char xxx[8];
    (void)std::snprintf(xxx, sizeof(xxx), "%03u", x);
    return b.replace(5 + kM.size() + 5, 3, xxx);
  };
  auto taken = [&](const char* check, const char* v) {
    auto s = station({{"vv_check", check}});
    s->feed(make(v));
    EXPECT_NE(s->messages.empty(), s->take().empty() && true);
    return !s->messages.empty();
  };
  for (const char* v : {"21", "22", "23", "99", "00"}) EXPECT_TRUE(taken("digits", v)) << v;
  for (const char* v : {"2x", "x2", "  "}) EXPECT_FALSE(taken("digits", v)) << v;
  for (const char* v : {"21", "25", "29"}) EXPECT_TRUE(taken("strict", v)) << v;
  for (const char* v : {"20", "99", "12", "2x", "x2"}) EXPECT_FALSE(taken("strict", v)) << v;
  for (const char* v : {"21", "2x", "xx", "!~", "2 ", " 2"}) EXPECT_TRUE(taken("any", v)) << v;
  for (const char* v : {"2\x1f",
                        "\x1f"
                        "2",
                        "2\x7f",
                        "\x7f"
                        "2"})
    EXPECT_FALSE(taken("any", v)) << v;
}

// shows: hllp/3/7
TEST(HllpCheck, Step7NoCrAfterTheHead) {
  std::string b = D(kM);
  b[4] = '\n';
  b.replace(b.size() - 5, 3, trailer('D', 23, kM).substr(5));
  unsigned char x = 0;
  for (std::size_t i = 0; i < 5 + kM.size(); i++) x ^= static_cast<unsigned char>(b[i]);
  char xxx[8];
  (void)std::snprintf(xxx, sizeof(xxx), "%03u", x);
  b.replace(5 + kM.size() + 5, 3, xxx);
  auto s = station();
  s->feed(b);
  EXPECT_EQ(s->take(), N('G'));
}

// shows: hllp/3/8
TEST(HllpCheck, Step8OddNakIsG) {
  for (const std::string& reason : {std::string(), std::string("CX"), std::string("hello")}) {
    auto s = waiting();
    s->feed(raw('N', 23, reason, trailer('N', 23, reason)));
    EXPECT_EQ(s->take(), D(kM)) << reason;
    EXPECT_EQ(s->count(LLP_C_NAKS_RECEIVED), 1u);
  }
}

// shows: hllp/D-7
TEST(HllpCheck, DamagedNakIsNeverNaked) {
  const std::string n = N('X');
  for (std::size_t at = 2; at < n.size() - 2; at++) {
    for (int bit = 0; bit < 8; bit++) {
      std::string bad = n;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      if (bad[at] == '\x0b') continue;  // begins another block
      auto s = station();
      s->feed(bad);
      s->advance(20 * kSec);
      EXPECT_EQ(s->take(), "") << at << " " << bit;
    }
  }
}

TEST(HllpCheck, EveryDamagedByteOfADataBlockIsSeen) {
  const std::string d = D(kM);
  for (std::size_t at = 1; at < d.size() - 2; at++) {
    for (int v = 0; v < 256; v++) {
      std::string bad = d;
      bad[at] = static_cast<char>(v);
      if (bad == d) continue;
      // Digits of "999" need three changes; one changed byte never gives it.
      auto s = station();
      s->feed(bad);
      s->advance(20 * kSec);
      EXPECT_THAT(s->texts(), IsEmpty()) << at << " " << v;
      const bool nak_type = at == 1 && v == 'N';
      const bool sb = v == 0x0b;
      if (!nak_type && !sb) {
        EXPECT_NE(s->take(), "") << at << " " << v;
      }
    }
  }
}

// shows: common/3
TEST(HllpCheck, EveryFlagAtEveryPosition) {
  const std::string one = D(kM), wire = one + "\r" + D(kA);
  for (int flag = LLP_FLAG_BREAK; flag <= LLP_FLAG_OVERRUN; flag++) {
    const bool extra = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN;
    for (std::size_t at = 0; at < wire.size(); at++) {
      std::string bytes = wire;
      std::vector<std::uint8_t> flags(wire.size(), 0);
      if (extra) {
        bytes.insert(at, 1, '\0');
        flags.insert(flags.begin() + static_cast<long>(at), static_cast<std::uint8_t>(flag));
      } else {
        flags[at] = static_cast<std::uint8_t>(flag);
      }
      auto s = station();
      s->feed_flagged(bytes, flags);
      s->advance(20 * kSec);
      const std::size_t second = one.size() + 1;
      bool m = false, a = false;
      if (extra) {
        m = !(at > 0 && at < one.size());
        a = !(at > second);
      } else {
        m = at >= one.size();
        a = at < second;
      }
      std::vector<std::string> expected;
      if (m) expected.push_back(kM);
      if (a) expected.push_back(kA);
      EXPECT_EQ(s->texts(), expected) << "flag " << flag << " at " << at;
      // The sender is told, but for a block whose beginning was not seen.
      const bool seen = extra || (at != 0 && at != second);
      const bool voided = !extra && at == one.size() - 2;  // EB: the next SB voids it
      EXPECT_EQ(s->count(LLP_C_NAKS_SENT), (m && a) || !seen || voided ? 0u : 1u)
          << "flag " << flag << " at " << at;
    }
  }
}

TEST(HllpCheck, FlagAfterOverflowKeepsB) {
  auto s = station({{"max_data", "4"}});
  s->feed(kSb + "D23\r" + std::string(40, 'x'));
  s->feed("y", LLP_FLAG_PARITY);
  s->feed(kEb + "\r");
  EXPECT_EQ(s->take(), N('B'));
  s->feed(kSb + "D23\r" + std::string(40, 'x') + kEb);
  s->feed("\r", LLP_FLAG_FRAME);
  EXPECT_EQ(s->take(), N('B'));
}

TEST(HllpCheck, FlaggedLetterKeepsItsPlace) {
  auto s = station();
  s->feed(kSb);
  s->feed("N", LLP_FLAG_PARITY);
  s->feed("23\r" + kM + "00022030" + kEb + "\r");
  EXPECT_EQ(s->take(), "");  // taken for a NAK, and those are not answered
  s->feed(kSb);
  s->feed("D", LLP_FLAG_PARITY);
  s->feed("23\r" + kM + "00022030" + kEb + "\r");
  EXPECT_EQ(s->take(), N('G'));
  EXPECT_EQ(s->count(LLP_C_NAK_FLAG), 1u);
}

}  // namespace
}  // namespace llp::test::hllp
