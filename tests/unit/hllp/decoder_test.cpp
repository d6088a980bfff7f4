// SPDX-License-Identifier: BSD-3-Clause
//
// Recognising a block: every row of the receiver's table, whole and in pieces.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

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

TEST(HllpDecoder, EveryBadBlockOfAReadIsAnswered) {
  // More answers than the engine keeps for the transmitter, whichever way they come due.
  for (std::uint32_t char_time : {0u, 1000u}) {
    for (const std::string& one : {kBad, kBad.substr(0, kBad.size() - 1)}) {
      std::string many, naks;
      auto alone = station({}, char_time);
      for (int i = 0; i < 12; i++) {
        many += one;
        alone->feed(one);
      }
      alone->advance(1 * kSec);
      naks = alone->take();
      EXPECT_EQ(naks.size(), 12u * 16);
      auto together = station({}, char_time);
      together->feed(many);
      together->advance(1 * kSec);
      EXPECT_EQ(together->take(), naks) << char_time;
      EXPECT_EQ(together->count(LLP_C_NAKS_SENT), 12u);
    }
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
