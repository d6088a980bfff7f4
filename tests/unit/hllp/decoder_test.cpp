// SPDX-License-Identifier: BSD-3-Clause
//
// Recognising and checking a block: every row of the receiver's table, every
// step of the check in its order, and the options that bear on them.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

const std::string kSb = "\x0b", kEb = "\x1c";

// shows: hllp/1/fields hllp/2/tail+cr hllp/11.6 hllp/11.7
TEST(HllpVectors, DataBlocksAreAccepted) {
  for (const Vector& v : kData) {
    auto s = station();
    s->feed(raw(v));
    EXPECT_THAT(s->texts(), ElementsAre(v.data)) << v.name;
    EXPECT_EQ(s->take(), "") << v.name;
    EXPECT_EQ(raw(v), raw(v.type, v.vv, v.data, trailer(v.type, v.vv, v.data))) << v.name;
  }
}

// shows: common/5 hllp/D-2 hllp/1/fields hllp/11.1 hllp/11.7 interop/11/hllp/vv
TEST(HllpVectors, DataBlocksAreSent) {
  for (const Vector& v : kData) {
    if (v.data.empty()) continue;
    auto s = station({{"vv", std::to_string(v.vv).c_str()}});
    EXPECT_EQ(s->submit(1, std::string(v.data), 0), 0);
    EXPECT_EQ(s->take(), raw(v)) << v.name;
  }
}

// shows: hllp/D-8 hllp/1/reasons hllp/3/7 hllp/11.3
TEST(HllpVectors, NakBlocksAreSent) {
  // Reason by what is wrong with the block; the version is that of the block.
  for (const Vector& v : kNaks) {
    auto s = station({{"max_data", "100"}});
    std::string t = trailer('D', v.vv, kM), data = kM;
    switch (v.data[0]) {
      case 'C': t = "00099" + t.substr(5); break;
      case 'X': t = t.substr(0, 5) + "255"; break;
      case 'B': data = std::string(200, 'x'); break;
      default: data = kM; break;
    }
    std::string b = raw('D', v.vv, data, t);
    if (v.data[0] == 'G') {
      b[1] = 'E';
      unsigned char x = 0;
      for (std::size_t i = 0; i < 5 + kM.size(); i++) x ^= static_cast<unsigned char>(b[i]);
      char xxx[8];
      (void)std::snprintf(xxx, sizeof(xxx), "%03u", x);
      b.replace(5 + kM.size() + 5, 3, xxx);
    }
    s->feed(b);
    EXPECT_EQ(to_hex(s->take()), to_hex(raw(v))) << v.name;
    EXPECT_THAT(s->texts(), IsEmpty());
    EXPECT_EQ(s->count(LLP_C_NAKS_SENT), 1u);
  }
}

// shows: hllp/1/reasons hllp/11.3
TEST(HllpVectors, NakBlocksAreUnderstood) {
  for (const Vector& v : kNaks) {
    auto s = waiting();
    s->feed(raw(v));
    if (v.data[0] == 'B') {
      EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REJECTED) << v.name;
      EXPECT_EQ(s->take(), "");
    } else {
      EXPECT_EQ(s->take(), D(kM)) << v.name;
    }
  }
}

// shows: hllp/2/hunt+sb
TEST(HllpDecoder, HuntSbBegins) {
  auto s = station();
  s->feed(kSb);
  EXPECT_EQ(s->state(), "receiving");
  EXPECT_THAT(s->log, IsEmpty());
  s->feed("D");
  EXPECT_TRUE(s->logged("begin 1"));
}

TEST(HllpDecoder, NakBlockBeginsNoMessage) {
  auto s = station();
  s->feed(N('G'));
  EXPECT_EQ(s->transcript("begin"), "");
  EXPECT_EQ(s->take(), "");
}

// shows: hllp/2/hunt+fill
TEST(HllpDecoder, HuntFillAfterABlockIsDropped) {
  auto s = station();
  s->feed(D(kM) + "\r\n\0"s + D(kA));
  EXPECT_THAT(s->texts(), ElementsAre(kM, kA));
  EXPECT_EQ(s->lost, "");
}

// shows: hllp/2/hunt+other
TEST(HllpDecoder, HuntOtherIsLost) {
  auto s = station();
  s->feed("\rGARBAGE\r" + D(kM) + "x\r" + D(kA));
  EXPECT_THAT(s->texts(), ElementsAre(kM, kA));
  EXPECT_EQ(s->lost, "\rGARBAGE\rx\r");
  EXPECT_EQ(s->count(LLP_C_GARBAGE), 2u);
  EXPECT_EQ(s->count(LLP_C_LOST_BYTES), 11u);
}

// shows: hllp/D-3 hllp/2/block+sb
TEST(HllpDecoder, BlockSbVoidsTheBlock) {
  auto s = station();
  s->feed(kSb + "D23\rMSH" + D(kM));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  EXPECT_EQ(s->restarts, 1);
  EXPECT_EQ(s->take(), "");
  EXPECT_TRUE(s->logged("frame in D block 0 3 incomplete"));
  // A NAK after half a block: the message is off.
  s->feed(kSb + "D23\rMSH" + N('G'));
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_SUPERSEDED);
  s->feed(kSb + "N23" + kSb + D(kM));
  EXPECT_EQ(s->texts().size(), 2u);
}

// shows: hllp/2/block+other hllp/2/block+t-in hllp/11.9
TEST(HllpDecoder, BlockTinIsNakedG) {
  auto s = station();
  s->feed_hex("0B 44 32 33 0D 4D 53 48");
  s->advance(9 * kSec);
  s->feed("|");
  s->advance(10 * kSec - 1);
  EXPECT_EQ(s->take(), "");
  s->advance(1);
  EXPECT_EQ(to_hex(s->take()), "0B 4E 32 33 0D 47 30 30 30 30 36 30 31 34 1C 0D");
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_SILENCE);
  EXPECT_TRUE(s->idle());
}

// shows: hllp/D-8 hllp/2/block+t-in
TEST(HllpDecoder, SenderDiesAfterSbOnly) {
  auto s = station({{"vv", "21"}});
  s->feed(kSb);
  s->advance(10 * kSec);
  EXPECT_EQ(s->take(), N('G', 21));  // no version to repeat: ours
  s->feed(kSb + "D2");
  s->advance(10 * kSec);
  EXPECT_EQ(s->take(), N('G', 21));
  s->feed(kSb + "Dxx");
  s->advance(10 * kSec);
  EXPECT_EQ(s->take(), N('G', 21));
}

// shows: hllp/D-7
TEST(HllpDecoder, NakCutOffIsNeverNaked) {
  auto s = waiting();
  s->feed(kSb + "N23");
  s->advance(10 * kSec);
  EXPECT_EQ(s->take(), D(kM));  // taken as N(G): the request again
  auto t = station();
  t->feed(kSb + "N");
  t->advance(10 * kSec);
  EXPECT_EQ(t->take(), "");
}

// shows: hllp/D-4 hllp/2/tail+sb
TEST(HllpDecoder, TailSbEndsTheBlock) {
  auto s = station();
  const std::string d = D(kM);
  s->feed(d.substr(0, d.size() - 1) + D(kA));
  EXPECT_THAT(s->texts(), ElementsAre(kM, kA));
  auto r = station({{"eb_cr", "require"}});
  r->feed(d.substr(0, d.size() - 1) + D(kA));
  EXPECT_THAT(r->texts(), ElementsAre(kM, kA));
}

// shows: hllp/D-4 hllp/2/tail+other interop/11/hllp/eb_cr
TEST(HllpDecoder, TailOther) {
  auto s = station();
  const std::string d = D(kM);
  s->feed(d.substr(0, d.size() - 1) + "x" + D(kA));
  EXPECT_THAT(s->texts(), ElementsAre(kM, kA));
  EXPECT_EQ(s->lost, "x");
  auto r = station({{"eb_cr", "require"}});
  r->feed(d.substr(0, d.size() - 1) + "x");
  EXPECT_THAT(r->texts(), IsEmpty());
  EXPECT_EQ(r->take(), N('G'));
  EXPECT_EQ(r->lost, "x");
}

// shows: hllp/D-4 hllp/D-12 hllp/2/block+eb hllp/2/tail+other
TEST(HllpDecoder, TailSilence) {
  const std::string d = D(kM);
  auto s = station();
  s->feed(d.substr(0, d.size() - 1));
  s->advance(100 * kMs - 1);
  EXPECT_THAT(s->texts(), IsEmpty());
  s->advance(1);
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  s->feed("\r");
  EXPECT_EQ(s->lost, "");
  auto r = station({{"eb_cr", "require"}});
  r->feed(d.substr(0, d.size() - 1));
  r->advance(100 * kMs);
  EXPECT_THAT(r->texts(), IsEmpty());
  EXPECT_EQ(r->take(), N('G'));
}

// shows: hllp/2/tail+other
TEST(HllpDecoder, EbRequireKeepsTheReasonFoundBefore) {
  auto r = station({{"eb_cr", "require"}, {"max_data", "4"}});
  r->feed(kSb + "D23\r" + std::string(40, 'x') + kEb + "x");
  EXPECT_EQ(r->take(), N('B'));
  r->feed(kSb + "D23\r" + std::string(40, 'x') + kEb);
  r->advance(100 * kMs);
  EXPECT_EQ(r->take(), N('B'));
}

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
  for (const char* v : {"99", "12", "2x", "x2"}) EXPECT_FALSE(taken("strict", v)) << v;
  for (const char* v : {"21", "2x", "xx", "!~"}) EXPECT_TRUE(taken("any", v)) << v;
  for (const char* v : {"2 ", " 2", "2\x7f",
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

// A damaged byte between blocks is garbage as others are. After a block it may have been the CR, so
// that LF and NUL may follow.
TEST(HllpDecoder, FlaggedGarbageIsGarbage) {
  auto s = station();
  s->feed(D(kM));
  s->feed("\x04", LLP_FLAG_PARITY);
  s->feed("\n");
  s->feed("x", LLP_FLAG_FRAME);
  EXPECT_EQ(s->lost, "\x04x");
  EXPECT_EQ(s->count(LLP_C_GARBAGE), 1u);
  s->feed("y\r\n");
  EXPECT_EQ(s->lost, "\x04xy\r\n");
  s->feed(D(kA) + "\r\n");
  EXPECT_EQ(s->texts(), (std::vector<std::string>{kM, kA}));
  EXPECT_EQ(s->lost, "\x04xy\r\n");
  EXPECT_EQ(s->count(LLP_C_GARBAGE), 1u);
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

// shows: hllp/D-21 hllp/11.8 interop/11/hllp/stuff
TEST(HllpStuffing, SentAndReceived) {
  auto s = station({{"stuff", "8"}});
  s->submit(1, kM);
  EXPECT_EQ(s->take(), raw('D', 23, kStuffed, kStuffedTrailer));
  s->feed(raw('D', 23, kStuffed, kStuffedTrailer));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

// shows: hllp/D-21
TEST(HllpStuffing, SegmentOfExactlyNGetsTwo) {
  auto s = station({{"stuff", "8"}});
  s->submit(1, "12345678\rx");
  EXPECT_EQ(s->take(), D("12345678\r\rx"));
  s->feed(D("12345678\r\rx"));
  EXPECT_THAT(s->texts(), ElementsAre("12345678\rx"));
}

// shows: hllp/D-21
TEST(HllpStuffing, RoundTrips) {
  for (std::size_t n = 1; n < 60; n++) {
    for (int pattern = 0; pattern < 4; pattern++) {
      std::string text;
      for (std::size_t i = 0; i < n; i++)
        text += pattern == 3 || (pattern && i % static_cast<std::size_t>(pattern * 7 + 1) == 5) ? '\r' : 'x';
      auto s = station({{"stuff", "8"}});
      ASSERT_EQ(s->submit(1, text), 0);
      s->feed(s->take());
      EXPECT_THAT(s->texts(), ElementsAre(text)) << n << " " << pattern;
    }
  }
}

// shows: hllp/D-5 hllp/D-21
TEST(HllpStuffing, MissingCrIsG) {
  auto s = station({{"stuff", "8"}});
  s->feed(D("123456789"));
  EXPECT_EQ(s->take(), N('G'));
  EXPECT_THAT(s->texts(), IsEmpty());
  std::string bad = D("123456789");
  bad[7] = 'x';
  s->feed(bad);
  EXPECT_EQ(s->take(), N('X'));  // the checksum is looked at first
  s->feed(D("12345678"));        // nothing after the last one: nothing missing
  EXPECT_THAT(s->texts(), ElementsAre("12345678"));
}

// shows: hllp/D-21 interop/11/hllp/stuff
TEST(HllpStuffing, UnstuffSegment) {
  auto s = station({{"unstuff", "segment"}});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"MSH|^~\\&\r|A\rPID|1\r", "MSH|^~\\&|A\rPID|1\r"},
      {"MSH|^~\\&|A\r\rPID|\r1\r\r", "MSH|^~\\&|A\rPID|1\r"},
      {"MSH|A\rpid|1", "MSH|Apid|1"},
      {"MSH|A\rPiD|1", "MSH|APiD|1"},
      {"MSH|A\rPI1|1", "MSH|A\rPI1|1"},
      {"MSH|A\rP1:|1", "MSH|AP1:|1"},
      {"MSH|A\rPID^1", "MSH|APID^1"},
      {"MSH|A\rPID", "MSH|APID"},
      {"MSH|A\rPI", "MSH|API"},
      {"MSH^A\rPID^1", "MSH^A\rPID^1"},
      {"\r", "\r"},
      {"\r\r", "\r"},
      {"MSH|A\r[ID|", "MSH|A[ID|"},
      {"MSH|A\rP@D|", "MSH|AP@D|"},
      {"MSH|A\rPI@|", "MSH|API@|"},
  };
  for (const auto& [in, out] : cases) {
    s->feed(D(in));
    ASSERT_FALSE(s->messages.empty());
    EXPECT_EQ(s->messages.back().text, out) << words(in);
  }
}

TEST(HllpStuffing, AnySplitGivesTheSame) {
  std::string text = "MSH|^~\\&|A\r";
  for (int i = 0; i < 150; i++) text += "OBX|" + std::to_string(i) + "|\rsome text\r";
  for (const char* unstuff : {"count", "segment"})
    for (const char* flow : {"no", "yes"}) {
      auto sender = station({{"stuff", "16"}});
      sender->submit(1, text);
      const std::string wire = sender->take();
      SCOPED_TRACE(std::string(unstuff) + " " + flow);
      expect_same_for_every_split(
          wire, [&] { return station({{"stuff", "16"}, {"unstuff", unstuff}, {"flow", flow}}); });
      auto s = station({{"stuff", "16"}, {"flow", flow}});
      s->feed(wire);
      EXPECT_THAT(s->texts(), ElementsAre(text));
    }
}

// shows: hllp/D-1
TEST(HllpLimits, CountsUpToTheEnd) {
  for (std::size_t n : {1u, 4u, 5u, 94u, 95u, 994u, 995u, 9994u, 9995u, 99993u, 99994u}) {
    auto s = station();
    ASSERT_EQ(s->submit(1, std::string(n, 'x')), 0);
    const std::string wire = s->take();
    EXPECT_EQ(wire, D(std::string(n, 'x')));
    s->feed(wire);
    ASSERT_EQ(s->messages.size(), 1u) << n;
    EXPECT_EQ(s->messages[0].text.size(), n);
  }
  auto s = station();
  EXPECT_EQ(s->submit(1, std::string(99995, 'x')), -EMSGSIZE);
  s->feed(D(std::string(99995, 'x')));
  EXPECT_EQ(s->take(), N('B'));
}

TEST(HllpLimits, StuffingCounts) {
  auto s = station({{"stuff", "8"}});
  EXPECT_EQ(s->submit(1, std::string(88885, 'x')), -EMSGSIZE);
  EXPECT_EQ(s->submit(2, std::string(88884, 'x')), 0);
  s->feed(s->take());
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].text.size(), 88884u);
}

TEST(HllpLimits, MaxData) {
  auto s = station({{"max_data", "10"}});
  EXPECT_EQ(s->submit(1, "0123456789a"), -EMSGSIZE);
  EXPECT_EQ(s->submit(1, "0123456789"), 0);
  auto m = station({{"max_message", "10"}});
  EXPECT_EQ(m->submit(1, "0123456789a"), -EMSGSIZE);
  m->feed(D("0123456789") + D("0123456789a"));
  EXPECT_EQ(m->messages.size(), 1u);
  EXPECT_EQ(m->take(), N('B'));
  auto st = station({{"max_message", "16"}, {"stuff", "8"}});
  st->feed(D("12345678\r12345678\r"));
  EXPECT_THAT(st->texts(), ElementsAre("1234567812345678"));
}

// shows: hllp/D-2
TEST(HllpSending, Characters) {
  auto s = station();
  EXPECT_EQ(s->submit(1, "a\x0b"), -EILSEQ);
  EXPECT_EQ(s->submit(1, "a\x1c"), -EILSEQ);
  EXPECT_EQ(s->submit(1, std::string("\x01\x7f\x00\xff", 4)), 0);
  auto t = station({{"data", "strict"}});
  EXPECT_EQ(t->submit(1, "a\x01"), -EILSEQ);
  EXPECT_EQ(t->submit(1, "a\x7f"), -EILSEQ);
  EXPECT_EQ(t->submit(1, "a\n"), -EILSEQ);
  EXPECT_EQ(t->submit(1, "a\r\x80\xff"), 0);
}

// shows: hllp/D-9 hllp/1/999 hllp/11.4 interop/11/hllp/send_checksum
TEST(HllpSending, NotComputed) {
  auto s = station({{"send_checksum", "999"}});
  s->submit(1, kM);
  EXPECT_EQ(s->take(), raw('D', 23, kM, kNoneTrailer));
}

// shows: hllp/1/marks interop/11/hllp/marks
TEST(HllpSending, OtherMarks) {
  auto s = station({{"sb", "0x02"}, {"eb_char", "0x03"}});
  s->submit(1, kM);
  const std::string wire = s->take();
  EXPECT_EQ(wire.front(), '\x02');
  EXPECT_EQ(wire.substr(wire.size() - 2), "\x03\r");
  s->advance(5 * kSec);
  s->feed(wire);
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

// shows: hllp/4/one-piece
TEST(HllpSending, AnyPullSizeGivesTheSameBytes) {
  for (std::size_t n : {1, 2, 5, 6, 21, 1000}) {
    auto s = station({{"stuff", "8"}});
    s->pull_size = n;
    s->submit(1, kM);
    EXPECT_EQ(s->take(), raw('D', 23, kStuffed, kStuffedTrailer)) << n;
  }
}

// shows: interop/3/bad-response interop/11/presets
TEST(HllpPresets, Vista) {
  llp_params p = default_params(LLP_PROTO_HLLP);
  ASSERT_EQ(llp_preset_apply(&p, LLP_PROTO_HLLP, "vista-hllp"), 0);
  Station s(LLP_PROTO_HLLP, p);
  s.submit(1, kM, 0);
  EXPECT_EQ(s.take(), raw(kData[0]));
  s.feed(raw('D', 22, kA, "00025000"));  // a damaged response is NAKed
  EXPECT_EQ(s.take(), N('X', 22));
  s.feed(D(kA, 22));
  EXPECT_EQ(s.result(1).done_cause, LLP_OK);
}

// shows: interop/4/scope interop/11/presets
TEST(HllpPresets, Sun) {
  llp_params p = default_params(LLP_PROTO_HLLP);
  ASSERT_EQ(llp_preset_apply(&p, LLP_PROTO_HLLP, "sun-hllp"), 0);
  Station s(LLP_PROTO_HLLP, p);
  s.feed(raw('D', 23, kM, kSunTrailer));
  s.submit(1, kA, LLP_SUBMIT_REPLY);
  EXPECT_EQ(s.take(), raw('D', 23, kA, trailer('D', 23, kA, true)));
}

// shows: common/6
TEST(HllpDecoder, AnySplitGivesTheSame) {
  std::string bad = D(kM);
  bad[8] = 'x';
  const std::string d = D(kA);
  const std::string wire = "GAR" + D(kM) + "\r\n" + bad + kSb + "D23\rcut" + D(kA) + N('X') +
                           d.substr(0, d.size() - 1) + D("more") + d.substr(0, d.size() - 1) + "x" +
                           D(std::string(60, 'y')) + D("") + kSb + kEb + "\r" + D(kM) + kSb + "N23\r";
  for (const char* eb : {"optional", "require"})
    for (const char* flow : {"no", "yes"})
      for (bool request : {false, true})
        for (std::uint32_t char_time : {0u, 1000000u}) {
          SCOPED_TRACE(std::string(eb) + " " + flow + (request ? " request" : ""));
          expect_same_for_every_split(
              wire,
              [&] {
                auto s = station({{"eb_cr", eb}, {"flow", flow}, {"max_data", "50"}}, char_time);
                if (request) s->submit(1, kM, 0);
                return s;
              },
              [](Station& s) { s.advance(200 * kSec); });
        }
}

TEST(HllpDecoder, AnySplitWhileServing) {
  const std::string wire = D(kM) + D(kM) + D(kA) + D(std::string(40, 'z')) + D(std::string(40, 'z')) + D("q");
  for (int mode = 0; mode < 3; mode++) {
    auto make = [&] {
      auto s = station({{"flow", mode ? "yes" : "no"}});
      s->fixed_buffer = mode == 2;
      s->verdict_policy = LLP_ACCEPT_ANSWER;
      return s;
    };
    expect_same_for_every_split(wire, make, [](Station& s) { s.advance(200 * kSec); });
  }
}

TEST(HllpDecoder, AnySplitWhileNobodyTakesMore) {
  const std::string wire = D(kM) + D(std::string(60, 'z')) + D("q") + D(kM);
  for (const char* flow : {"no", "yes"})
    expect_same_for_every_split(wire, [&] {
      auto s = station({{"flow", flow}});
      s->verdict_policy = LLP_ACCEPT_ANSWER;
      s->on_message = [](Station& st, Received&) { st.ready(0); };
      return s;
    });
}

}  // namespace
}  // namespace llp::test::hllp
