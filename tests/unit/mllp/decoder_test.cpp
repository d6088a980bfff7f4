// SPDX-License-Identifier: BSD-3-Clause
//
// The decoder's table: a test for each row, with each option that has a say.
#include "mllp/mllp_fixture.hpp"

namespace llp::test::mllp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

const std::string kSb = "\x0b", kFs = "\x1c";

// shows: mllp/1/block
TEST(MllpDecoder, WorkedExampleIsOneMessage) {
  auto s = station();
  s->feed_hex(kMHex);
  EXPECT_THAT(s->texts(), ElementsAre(kM));
  EXPECT_EQ(s->sent, "");
  EXPECT_EQ(hex(kMHex), block(kM));
  EXPECT_EQ(hex(kAHex), block(kA));
  EXPECT_EQ(s->count(LLP_C_RX_MESSAGES), 1u);
}

// shows: mllp/3/idle+sb
TEST(MllpDecoder, IdleSbBegins) {
  auto s = station();
  s->feed(kSb);
  EXPECT_EQ(s->state(), "receiving");
  EXPECT_FALSE(s->idle());
  EXPECT_THAT(s->log, IsEmpty());
  s->feed("M");
  EXPECT_TRUE(s->logged("begin 1"));
}

// shows: mllp/3/idle+fill
TEST(MllpDecoder, IdleFillIsDroppedSilently) {
  auto s = station();
  s->feed("\r\n\0"s + block("M\r") + "\n\r\0"s + block("N\r"));
  EXPECT_THAT(s->texts(), ElementsAre("M\r", "N\r"));
  EXPECT_EQ(s->lost, "");
  EXPECT_EQ(s->count(LLP_C_LOST_BYTES), 0u);
}

// shows: mllp/D-9 mllp/2/dest-1 mllp/3/idle+other mllp/5/lost mllp/6/junk interop/5/skip interop/7/lost
TEST(MllpDecoder, IdleOtherIsLostData) {
  auto s = station();
  s->feed_hex("47 41 52 0B 4D 0D 1C 0D");
  EXPECT_THAT(s->texts(), ElementsAre("M\r"));
  EXPECT_EQ(s->lost, "GAR");
  EXPECT_EQ(s->count(LLP_C_GARBAGE), 1u);
  EXPECT_EQ(s->count(LLP_C_LOST_BYTES), 3u);
  EXPECT_EQ(s->disconnects, 0);
}

// shows: mllp/3/idle+other interop/11/mllp/lost
TEST(MllpDecoder, LostRejectAsksForDisconnectionOnceABurst) {
  auto s = station({{"lost", "reject"}});
  s->feed("GA\rRBAGE");
  EXPECT_EQ(s->disconnects, 1);
  EXPECT_EQ(s->lost, "GARBAGE");
  s->feed(block("M") + "x");
  EXPECT_EQ(s->disconnects, 2);
}

TEST(MllpDecoder, EmptyBlockNeedsNoVerdict) {
  auto s = station();
  s->feed(block(""));
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].text, "");
  EXPECT_TRUE(s->messages[0].flags & LLP_END_EMPTY);
}

// shows: mllp/D-9 mllp/3/data+sb mllp/6/cut interop/10/cosyte interop/11/mllp/vt
TEST(MllpDecoder, DataSbRestarts) {
  auto s = station();
  s->feed_hex("0B 4D 53 0B 4D 53 48 0D 1C 0D");
  EXPECT_THAT(s->texts(), ElementsAre("MSH\r"));
  EXPECT_EQ(s->restarts, 1);
  EXPECT_TRUE(s->logged("frame in data block 0 2 incomplete"));
}

// shows: mllp/3/data+sb interop/7/vt-data interop/11/mllp/vt
TEST(MllpDecoder, DataSbIsDataWithVtData) {
  auto s = station({{"vt", "data"}});
  s->feed_hex("0B 4D 53 0B 4D 53 48 0D 1C 0D");
  EXPECT_THAT(s->texts(), ElementsAre("MS\x0bMSH\r"));
  EXPECT_EQ(s->restarts, 0);
}

// shows: mllp/3/data+sb interop/11/mllp/vt
TEST(MllpDecoder, DataSbDropsTheBlockWithVtError) {
  auto s = station({{"vt", "error"}});
  s->feed_hex("0B 4D 53 0B 4D 53 48 0D 1C 0D");
  EXPECT_THAT(s->texts(), IsEmpty());
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_FORMAT);
  EXPECT_EQ(s->lost, "MSH\x1c");
  EXPECT_EQ(s->sent, "");
}

// shows: mllp/D-3 mllp/D-13 mllp/3/data+other mllp/3/data+t-in
TEST(MllpDecoder, DataTinDropsAndCancels) {
  auto s = station();
  s->feed(kSb + "MSH");
  s->advance(30 * kSec);
  s->feed("|");  // restarts T_in
  s->advance(60 * kSec - 1);
  EXPECT_THAT(s->cancelled, IsEmpty());
  s->advance(1);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_SILENCE);
  EXPECT_EQ(s->count(LLP_C_TIMEOUTS), 1u);
  EXPECT_TRUE(s->idle());
  s->feed(block(kM));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

// shows: mllp/3/data+t-in
TEST(MllpDecoder, FsTinWithPairDrops) {
  auto s = station({{"eb", "pair"}});
  s->feed(kSb + "MSH" + kFs);
  EXPECT_FALSE(s->left(LLP_T_P1).has_value());
  s->advance(60 * kSec);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_SILENCE);
}

// shows: mllp/3/data+t-in
TEST(MllpDecoder, SkipTinDrops) {
  auto s = station({{"max_message", "2"}});
  s->feed(kSb + "MSH");
  EXPECT_EQ(s->cancelled.size(), 1u);
  s->advance(60 * kSec);
  EXPECT_TRUE(s->idle());
  EXPECT_EQ(s->cancelled.size(), 1u);
}

// shows: mllp/3/data+max
TEST(MllpDecoder, LongerThanMaxIsSkippedToItsEnd) {
  auto s = station({{"max_message", "4"}});
  s->feed(block("1234") + block("12345") + block("123456789") + block("1"));
  EXPECT_THAT(s->texts(), ElementsAre("1234", "1"));
  ASSERT_EQ(s->cancelled.size(), 2u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_TOO_LONG);
  EXPECT_EQ(s->sent, "");
}

// shows: mllp/3/skip
TEST(MllpDecoder, SkipSbBeginsAnew) {
  auto s = station({{"max_message", "4"}});
  s->feed(kSb + "12345678" + block("M"));
  EXPECT_THAT(s->texts(), ElementsAre("M"));
}

// shows: common/7
TEST(MllpDecoder, FixedBufferIsALimitToo) {
  auto s = station();
  s->fixed_buffer = true;  // 16 bytes
  s->feed(block("0123456789abcdef") + block("0123456789abcdefg") + block("M"));
  EXPECT_THAT(s->texts(), ElementsAre("0123456789abcdef", "M"));
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_TOO_LONG);
}

TEST(MllpDecoder, BufferGrowsByOneByteAtATime) {
  auto s = station();
  s->growth = 1;
  const std::string text = std::string(200, 'x') + kFs + "y";
  s->feed(block(text));
  EXPECT_THAT(s->texts(), ElementsAre(text));
}

// shows: mllp/3/data+eof mllp/5/cancel interop/11/mllp/eof
TEST(MllpDecoder, DataEof) {
  for (bool final : {true, false}) {
    auto drop = station();
    drop->feed(kSb + "MSH|");
    drop->hangup(final);
    ASSERT_EQ(drop->cancelled.size(), 1u);
    EXPECT_EQ(drop->cancelled[0].second, LLP_CAUSE_HANGUP);
    auto accept = station({{"eof", "accept"}});
    accept->feed(kSb + "MSH|");
    accept->hangup(final);
    EXPECT_THAT(accept->texts(), ElementsAre("MSH|"));
  }
  auto nothing = station({{"eof", "accept"}});
  nothing->feed(kSb);
  nothing->hangup();
  EXPECT_THAT(nothing->texts(), IsEmpty());
}

// shows: mllp/3/data+eof
TEST(MllpDecoder, SkipEofDropsEvenWithEofAccept) {
  auto s = station({{"eof", "accept"}, {"max_message", "2"}});
  s->feed(kSb + "MSH|");
  s->hangup();
  EXPECT_THAT(s->texts(), IsEmpty());
  EXPECT_EQ(s->cancelled.size(), 1u);
}

// shows: mllp/3/fs+eof
TEST(MllpDecoder, FsEof) {
  auto yes = station();
  yes->feed(kSb + "M" + kFs);
  yes->hangup();
  EXPECT_THAT(yes->texts(), ElementsAre("M"));
  for (const char* eb : {"pair", "strict"}) {
    auto s = station({{"eb", eb}});
    s->feed(kSb + "M" + kFs);
    s->hangup();
    EXPECT_THAT(s->texts(), IsEmpty()) << eb;
    EXPECT_EQ(s->cancelled.size(), 1u) << eb;
  }
}

TEST(MllpDecoder, Release2NeverTakesWhatItCannotAcknowledge) {
  auto s = r2({{"eof", "accept"}});
  s->feed(kSb + "M" + kFs);
  s->hangup(false);
  EXPECT_THAT(s->texts(), IsEmpty());
  EXPECT_EQ(s->cancelled.size(), 1u);
}

// shows: mllp/3/data+eb interop/11/mllp/eb
TEST(MllpDecoder, EbFsEndsAtOnceAndIdleSwallowsTheCr) {
  auto s = station({{"eb", "fs"}});
  s->feed(kSb + "M" + kFs);
  EXPECT_THAT(s->texts(), ElementsAre("M"));
  s->feed("\r" + kSb + "N" + kFs + kSb + "O" + kFs);
  EXPECT_THAT(s->texts(), ElementsAre("M", "N", "O"));
  EXPECT_EQ(s->lost, "");
}

// shows: mllp/3/data+eb mllp/3/fs+cr interop/11/mllp/eb
TEST(MllpDecoder, FsCrEndsInEveryMode) {
  for (const char* eb : {"auto", "pair", "strict", "fs"}) {
    auto s = station({{"eb", eb}});
    s->feed(block(kM));
    EXPECT_THAT(s->texts(), ElementsAre(kM)) << eb;
  }
}

// shows: mllp/3/fs+lf interop/5/pair interop/10/cosyte interop/11/mllp/eb
TEST(MllpDecoder, FsLf) {
  auto a = station();
  a->feed(kSb + "M" + kFs + "\n");
  EXPECT_THAT(a->texts(), ElementsAre("M"));
  auto p = station({{"eb", "pair"}});
  p->feed(kSb + "M" + kFs + "\n" + kFs + "\r");
  EXPECT_THAT(p->texts(), ElementsAre("M" + kFs + "\n"));
  auto s = station({{"eb", "strict"}});
  s->feed(kSb + "M" + kFs + "\n" + block("N"));
  EXPECT_THAT(s->texts(), ElementsAre("N"));
  EXPECT_EQ(s->cancelled.size(), 1u);
}

// shows: mllp/D-9 mllp/3/fs+sb mllp/6/no-cr interop/10/cosyte
TEST(MllpDecoder, FsSb) {
  auto a = station();
  a->feed_hex("0B 4D 0D 1C 0B 4E 0D 1C 0D");
  EXPECT_THAT(a->texts(), ElementsAre("M\r", "N\r"));
  auto p = station({{"eb", "pair"}});
  p->feed_hex("0B 4D 0D 1C 0B 4E 0D 1C 0D");
  EXPECT_THAT(p->texts(), ElementsAre("N\r"));
  auto d = station({{"eb", "pair"}, {"vt", "data"}});
  d->feed_hex("0B 4D 0D 1C 0B 4E 0D 1C 0D");
  EXPECT_THAT(d->texts(), ElementsAre("M\r\x1c\x0bN\r"));
  auto s = station({{"eb", "strict"}});
  s->feed_hex("0B 4D 0D 1C 0B 4E 0D 1C 0D");
  EXPECT_THAT(s->texts(), ElementsAre("N\r"));
}

// shows: mllp/3/fs+eb
TEST(MllpDecoder, FsFs) {
  for (const char* eb : {"auto", "pair"}) {
    auto s = station({{"eb", eb}});
    s->feed(kSb + "M" + kFs + kFs + "\r");
    EXPECT_THAT(s->texts(), ElementsAre("M" + kFs)) << eb;
    s->feed(kSb + kFs + kFs + kFs + "\r");
    EXPECT_EQ(s->texts().back(), kFs + kFs) << eb;
  }
  auto s = station({{"eb", "strict"}});
  s->feed(kSb + "M" + kFs + kFs + "\r" + block("N"));
  EXPECT_THAT(s->texts(), ElementsAre("N"));
}

// shows: mllp/3/fs+other mllp/6/fs-data interop/5/pair
TEST(MllpDecoder, FsOther) {
  for (const char* eb : {"auto", "pair"}) {
    auto s = station({{"eb", eb}});
    s->feed_hex("0B 4D 1C 4E 0D 1C 0D");
    EXPECT_THAT(s->texts(), ElementsAre("M\x1cN\r")) << eb;
  }
  auto s = station({{"eb", "strict"}});
  s->feed_hex("0B 4D 1C 4E 0D 1C 0D");
  EXPECT_THAT(s->texts(), IsEmpty());
  EXPECT_EQ(s->lost, "N\x1c");
}

TEST(MllpDecoder, FsOtherWhileSkipping) {
  auto s = station({{"max_message", "2"}});
  s->feed(kSb + "123" + kFs + "4" + kFs + "\r" + block("M"));
  EXPECT_THAT(s->texts(), ElementsAre("M"));
}

// shows: mllp/3/fs+silence interop/9/no-cr
TEST(MllpDecoder, FsSilence) {
  auto s = station();
  s->feed(kSb + "M" + kFs);
  s->advance(200 * kMs - 1);
  EXPECT_THAT(s->texts(), IsEmpty());
  s->advance(1);
  EXPECT_THAT(s->texts(), ElementsAre("M"));
  s->feed("\r" + block("N"));  // the CR that came late
  EXPECT_THAT(s->texts(), ElementsAre("M", "N"));
  EXPECT_EQ(s->lost, "");
  for (const char* eb : {"pair", "strict"}) {
    auto t = station({{"eb", eb}});
    t->feed(kSb + "M" + kFs);
    t->advance(59 * kSec);
    t->feed("\r");
    EXPECT_THAT(t->texts(), ElementsAre("M")) << eb;
  }
}

// shows: mllp/D-1
TEST(MllpDecoder, OtherMarks) {
  auto s = station({{"sb", "0x02"}, {"eb_char", "0x03"}});
  s->feed("\x02M\x0b\x1c\r\x03\r");
  EXPECT_THAT(s->texts(), ElementsAre("M\x0b\x1c\r"));
  EXPECT_EQ(s->submit(1, "N"), 0);
  EXPECT_EQ(s->take(), "\x02N\x03\r");
}

// shows: common/3 mllp/D-2
TEST(MllpDecoder, EveryFlagAtEveryPosition) {
  const std::string wire = block("M\r") + "\r" + block("N\r");
  const std::size_t first = block("M\r").size();
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
      // A flag inside a block spoils that block only; a lost SB spoils it too; outside it does nothing.
      bool m = true, n = true;
      const std::size_t second = first + 1;
      if (extra) {
        m = !(at > 0 && at < first);
        n = !(at > second);
      } else {
        m = at >= first;
        n = at < second;
      }
      std::vector<std::string> expected;
      if (m) expected.emplace_back("M\r");
      if (n) expected.emplace_back("N\r");
      EXPECT_EQ(s->texts(), expected) << "flag " << flag << " at " << at;
      EXPECT_EQ(s->count(LLP_C_FLAG_BREAK) + s->count(LLP_C_FLAG_FRAME) + s->count(LLP_C_FLAG_PARITY) +
                    s->count(LLP_C_FLAG_OVERRUN),
                1u);
    }
  }
}

TEST(MllpDecoder, FlaggedInSkippedBlockChangesNothing) {
  auto s = station({{"max_message", "2"}});
  s->feed(kSb + "123");
  s->feed("x", LLP_FLAG_PARITY);
  s->feed(kFs + "\r");
  EXPECT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_TOO_LONG);
  EXPECT_TRUE(s->idle());
}

// shows: common/3
TEST(MllpDecoder, DamagedByteBetweenBlocksIsLost) {
  auto s = station();
  s->feed("\x0b", LLP_FLAG_FRAME);
  s->feed("", LLP_FLAG_NONE);
  EXPECT_EQ(s->lost, "\x0b");
  s->feed(std::string(1, '\0'), LLP_FLAG_BREAK);
  EXPECT_EQ(s->lost, "\x0b");
}

TEST(MllpDecoder, NobodyReadyIsRefusedSilently) {
  auto s = station();
  s->ready(0);
  s->feed(block(kM));
  EXPECT_THAT(s->messages, IsEmpty());
  EXPECT_EQ(s->sent, "");
  EXPECT_TRUE(s->logged("frame in data block 0 0 busy"));
  EXPECT_EQ(s->disconnects, 0);
  auto c = station({{"on_fail", "close"}});
  c->ready(0);
  c->feed(block(kM));
  EXPECT_EQ(c->disconnects, 1);
}

TEST(MllpDecoder, AbortRxSkipsTheRest) {
  auto s = station();
  s->abort_rx();
  s->feed(kSb + "MSH");
  s->abort_rx();
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_ABORTED);
  s->feed("rest" + kFs + "\r" + block("N"));
  EXPECT_THAT(s->texts(), ElementsAre("N"));
}

// shows: common/4 mllp/5/restart mllp/5/cancel
TEST(MllpDecoder, FlowPassesTextOnInPieces) {
  std::string text;
  for (int i = 0; i < 5000; i++) text += static_cast<char>('A' + i % 26);
  auto s = station({{"flow", "yes"}});
  s->feed(kSb + text.substr(0, 3000));
  EXPECT_EQ(s->transcript("data"), "data 1 1024\ndata 1 1024\n");
  s->feed(text.substr(3000) + kFs + "\r");
  EXPECT_THAT(s->texts(), ElementsAre(text));
  s->feed(kSb + text.substr(0, 2000) + block("M"));
  EXPECT_EQ(s->restarts, 1);
  EXPECT_EQ(s->texts().back(), "M");
  s->feed(kSb + text);
  s->advance(60 * kSec);
  EXPECT_EQ(s->cancelled.back().second, LLP_CAUSE_SILENCE);
}

TEST(MllpDecoder, FlowWithAFixedBufferCarriesMoreThanTheBuffer) {
  const std::string text(5000, 'x');
  auto s = station({{"flow", "yes"}});
  s->fixed_buffer = true;  // 16 bytes
  s->feed(block(text));
  EXPECT_THAT(s->texts(), ElementsAre(text));
}

TEST(MllpDecoder, FlowBoundsTheWholeMessage) {
  auto s = station({{"flow", "yes"}, {"max_message", "3000"}});
  s->feed(block(std::string(3000, 'x')) + block(std::string(3001, 'y')));
  EXPECT_EQ(s->messages.size(), 1u);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_TOO_LONG);
}

// Everything odd in one stream, for every cut.
// shows: common/6 mllp/3/split mllp/6/split
TEST(MllpDecoder, AnySplitGivesTheSame) {
  const std::string wire = "GAR" + block(kM) + "\n" + kSb + "no cr" + kFs + block("A" + kFs + "B") + kSb +
                           "cut" + block(kM) + block("") + kSb + "x" + kFs + kFs + "\n" + "\r\rz" +
                           block(std::string(40, 'y')) + block("\x06") + block("\x15") + block("\x06z") +
                           block("a\x01z");
  for (const char* eb : {"auto", "pair", "strict", "fs"})
    for (const char* vt : {"restart", "data", "error"})
      for (const char* release : {"1", "2"})
        for (const char* flow : {"no", "yes"}) {
          SCOPED_TRACE(std::string(eb) + " " + vt + " " + release + " " + flow);
          expect_same_for_every_split(
              wire,
              [&] {
                return station(
                    {{"eb", eb}, {"vt", vt}, {"release", release}, {"flow", flow}, {"max_message", "30"}});
              },
              [](Station& s) { s.advance(100 * kSec); });
        }
}

// shows: mllp/3/split
TEST(MllpDecoder, AnySplitOfALongMessageGivesTheSame) {
  std::string text;
  for (int i = 0; i < 2600; i++) text += static_cast<char>('A' + i % 57);
  for (const char* flow : {"no", "yes"})
    for (const char* release : {"1", "2"})
      expect_same_for_every_split(block(text),
                                  [&] { return station({{"flow", flow}, {"release", release}}); });
}

}  // namespace
}  // namespace llp::test::mllp
