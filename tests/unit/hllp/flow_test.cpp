// SPDX-License-Identifier: BSD-3-Clause
//
// Flow-through: a message is passed on before its check was seen.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// shows: common/4 hllp/D-22 interop/11/hllp/flow
TEST(HllpFlow, PassesOnAllButTheTrailer) {
  std::string text;
  for (int i = 0; i < 3000; i++) text += static_cast<char>('A' + i % 26);
  auto s = station({{"flow", "yes"}});
  const std::string wire = D(text);
  s->feed(wire.substr(0, 5 + 1024 + 11));
  EXPECT_EQ(s->transcript("data"), "");
  s->feed(wire.substr(5 + 1024 + 11, 1));
  EXPECT_EQ(s->transcript("data"), "data 1 1024\n");
  s->feed(wire.substr(5 + 1024 + 12));
  EXPECT_THAT(s->texts(), ElementsAre(text));
}

TEST(HllpFlow, EveryLengthAroundAPiece) {
  for (std::size_t n = 1015; n < 1045; n++) {
    auto s = station({{"flow", "yes"}});
    s->feed(D(std::string(n, 'x')));
    ASSERT_EQ(s->messages.size(), 1u) << n;
    EXPECT_EQ(s->messages[0].text.size(), n);
  }
}

// shows: hllp/D-22 hllp/10/restart
TEST(HllpFlow, BadRestartsAndTheRepeatGoesIntoTheSameMessage) {
  auto s = station({{"flow", "yes"}});
  std::string bad = D(std::string(2000, 'x'));
  bad[100] = 'y';
  s->feed(bad);
  EXPECT_EQ(s->take(), N('X'));
  EXPECT_EQ(s->restarts, 1);
  EXPECT_THAT(s->cancelled, IsEmpty());
  s->advance(59 * kSec);
  s->feed(D(std::string(2000, 'x')));
  ASSERT_EQ(s->messages.size(), 1u);
  EXPECT_EQ(s->messages[0].id, 1u);
  EXPECT_EQ(s->messages[0].text, std::string(2000, 'x'));
  s->advance(200 * kSec);
  EXPECT_THAT(s->cancelled, IsEmpty());
}

// shows: hllp/D-22 hllp/10/cancel
TEST(HllpFlow, NoRepeatCancels) {
  auto s = station({{"flow", "yes"}});
  s->feed(kBad);
  s->advance(60 * kSec - 1);
  EXPECT_THAT(s->cancelled, IsEmpty());
  s->feed(N('X'));  // no data block: still waiting
  s->feed(
      "\x0b"
      "N23" +
      N('X'));
  s->advance(1);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_DAMAGED);
  s->feed(D(kM));
  EXPECT_EQ(s->messages.at(0).id, 2u);
}

TEST(HllpFlow, RepeatDamagedAgain) {
  auto s = station({{"flow", "yes"}});
  s->feed(kBad + kBad + D(kM));
  EXPECT_EQ(s->restarts, 2);
  EXPECT_EQ(s->take(), N('X') + N('X'));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

// shows: hllp/D-22 hllp/10/cancel
TEST(HllpFlow, TooLongCancelsAtOnce) {
  auto s = station({{"flow", "yes"}, {"max_data", "2000"}});
  s->feed(D(std::string(2001, 'x')));
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_TOO_LONG);
  EXPECT_EQ(s->take(), N('B'));
  // Of the repeat of a bad one too, and of a letter nobody knows.
  s->feed(kBad +
          "\x0b"
          "Z23\r" +
          std::string(3000, 'x') + "\x1c\r");
  EXPECT_EQ(s->cancelled.size(), 2u);
  s->advance(100 * kSec);
  EXPECT_EQ(s->cancelled.size(), 2u);
}

TEST(HllpFlow, TooLongNakIsStillANak) {
  auto s = station({{"max_data", "20"}});
  s->feed("\x0bN23\r" + std::string(100, 'x') + "\x1c\r" + D(kM));
  EXPECT_EQ(s->take(), "");
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

// shows: hllp/D-3 hllp/10/restart
TEST(HllpFlow, SbInsideRestarts) {
  auto s = station({{"flow", "yes"}});
  s->feed(D(std::string(2000, 'x')).substr(0, 1500) + D(kM));
  EXPECT_EQ(s->restarts, 1);
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

// shows: hllp/10/restart
TEST(HllpFlow, TinRestartsAndWaits) {
  auto s = station({{"flow", "yes"}});
  s->feed(D(kM).substr(0, 12));
  s->advance(10 * kSec);
  EXPECT_EQ(s->take(), N('G'));
  EXPECT_EQ(s->restarts, 1);
  s->feed(D(kM));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

// shows: hllp/10/cancel
TEST(HllpFlow, HangupWhileWaitingForTheRepeatCancels) {
  auto s = station({{"flow", "yes"}});
  s->feed(kBad);
  s->hangup(false);
  ASSERT_EQ(s->cancelled.size(), 1u);
  EXPECT_EQ(s->cancelled[0].second, LLP_CAUSE_HANGUP);
}

TEST(HllpFlow, AbortRxWhileWaitingForTheRepeat) {
  auto s = station({{"flow", "yes"}});
  s->feed(kBad);
  s->abort_rx();
  EXPECT_EQ(s->cancelled.size(), 1u);
  s->advance(100 * kSec);
  EXPECT_EQ(s->cancelled.size(), 1u);
  s->feed(D(kM));
  EXPECT_THAT(s->texts(), ElementsAre(kM));
}

TEST(HllpFlow, ResponseDamaged) {
  for (const char* how : {"resend", "nak", "fail"}) {
    auto s = waiting({{"flow", "yes"}, {"bad_response", how}});
    s->feed(raw('D', 23, kA, "00025000"));
    if (how == std::string("fail")) {
      EXPECT_EQ(s->cancelled.size(), 1u);
      EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_DAMAGED);
      continue;
    }
    EXPECT_EQ(s->take(), how == std::string("nak") ? N('X') : D(kM));
    EXPECT_EQ(s->restarts, 1);
    s->feed(D(kA));
    EXPECT_EQ(s->messages.at(0).reply_to, 1u);
    EXPECT_EQ(s->result(1).done_cause, LLP_OK);
  }
}

TEST(HllpFlow, StuffingErrorRestarts) {
  auto s = station({{"flow", "yes"}, {"stuff", "8"}});
  s->feed(D(std::string(3000, 'x')));
  EXPECT_EQ(s->take(), N('G'));
  EXPECT_EQ(s->restarts, 1);
}

TEST(HllpFlow, ReplyIsKnownByItsHeadThoughItWasPassedOn) {
  auto s = waiting({{"flow", "yes"}, {"match", "msa"}});
  const std::string reply = kA + "NTE|" + std::string(3000, 'x') + "\r";
  s->feed(D(reply));
  EXPECT_EQ(s->messages.at(0).reply_to, 1u);
}

TEST(HllpFlow, FixedBufferOfAnySize) {
  for (std::size_t extra = 0; extra < 40; extra++) {
    const std::string text(300 + extra, 'x');
    auto s = station({{"flow", "yes"}});
    s->fixed_buffer = true;  // 16 bytes
    s->feed(D(text));
    EXPECT_THAT(s->texts(), ElementsAre(text));
  }
}

TEST(HllpFlow, PiecesOfNothingButStuffing) {
  const std::string text = "MSH|^~\\&|" + std::string(5000, '\r') + "PID|1\r";
  auto s = station({{"flow", "yes"}, {"unstuff", "segment"}});
  s->feed(D(text));
  EXPECT_EQ(s->texts(), std::vector<std::string>{"MSH|^~\\&|\rPID|1\r"});
}

TEST(HllpFlow, NoMoreIsPassedOnOnceABlockIsBad) {
  auto s = station({{"flow", "yes"}});
  const std::string wire = D(std::string(5000, 'x'));
  s->feed(wire.substr(0, 2000));
  const std::string before = s->transcript("data");
  s->feed("y", LLP_FLAG_PARITY);
  s->feed(wire.substr(2001));
  EXPECT_EQ(s->transcript("data"), before);
  EXPECT_EQ(s->restarts, 1);
}

}  // namespace
}  // namespace llp::test::hllp
