// SPDX-License-Identifier: BSD-3-Clause
//
// What a block is made of: stuffing, limits, versions, marks, presets.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace llp::test::hllp
