// SPDX-License-Identifier: BSD-3-Clause
//
// Release 2, source: what ends a message early: abort, withdrawal, a connection that
// is lost, a transmitter that stands.
#include "mllp/mllp_fixture.hpp"

namespace llp::test::mllp {
namespace {

TEST(MllpSource, AbortBeforeTheFirstByte) {
  auto s = r2();
  s->auto_pull = false;
  s->submit(1, kM);
  EXPECT_TRUE(llp_can_withdraw(&s->e(), 1));
  s->abort(1);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s->pull(), "");
  EXPECT_FALSE(s->left(LLP_T_P3).has_value());
}

TEST(MllpSource, AbortInMidBlock) {
  auto s = r2();
  s->auto_pull = false;
  s->submit(1, kM);
  s->pull_some(5);
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->abort(1);
  EXPECT_EQ(s->result(1).done, 0);
  EXPECT_EQ(s->pull(), block(kM).substr(5));
  s->tx_empty();
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
  // Its reply must not be taken for the next block's.
  s->submit(2, "two");
  EXPECT_EQ(s->pull(), "");
  s->feed(kNak);
  EXPECT_EQ(s->pull(), block("two"));
  EXPECT_EQ(s->result(2).done, 0);
}

TEST(MllpSource, AbortInMidBlockWithAnEarlyReply) {
  auto s = r2();
  s->auto_pull = false;
  s->submit(1, kM);
  s->pull_some(5);
  s->abort(1);
  s->feed(kNak);
  s->pull();
  s->tx_empty();
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_REFUSED);
  auto t = r2();
  t->submit(1, kM);
  t->auto_pull = false;
  t->advance(30 * kSec);
  t->pull_some(5);
  t->abort(1);
  t->feed(kAck);
  t->pull();
  t->tx_empty();
  EXPECT_EQ(t->result(1).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(t->result(1).done_outcome, LLP_OUT_DELIVERED);
}

TEST(MllpSource, AbortWhileWaiting) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->advance(kSec);
  s->abort(1);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
  s->submit(2, "two");
  EXPECT_EQ(s->take(), "");
  s->advance(30 * kSec);  // nothing came
  EXPECT_EQ(s->take(), block("two"));
}

// shows: mllp/D-12
TEST(MllpSource, AbortWhileTheRepeatWaits) {
  // Both tries owe a commit reply; neither is the next block's.
  auto s = r2();
  s->submit(1, kM);
  s->advance(30 * kSec);
  EXPECT_EQ(s->take(), block(kM) + block(kM));
  s->abort(1);
  s->submit(2, "two");
  s->feed(kAck);
  EXPECT_EQ(s->take(), "");
  s->feed(kAck);
  s->advance(1 * kSec - 1);
  EXPECT_EQ(s->take(), "");
  s->advance(1);
  EXPECT_EQ(s->take(), block("two"));
  EXPECT_EQ(s->result(2).done, 0);
}

TEST(MllpSource, AbortOfAQueuedResend) {
  auto s = r2();
  s->submit(1, kM);
  s->take();
  s->auto_pull = false;
  s->advance(30 * kSec);
  s->abort(1);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
  EXPECT_EQ(s->pull(), "");
  EXPECT_TRUE(s->left(LLP_T_P3).has_value());
}

// shows: mllp/D-8 mllp/4/source+disconnect
TEST(MllpSource, ReconnectResendsAndCounts) {
  auto s = r2({{"resends", "2"}});
  s->submit(1, kM);
  EXPECT_EQ(s->take(), block(kM));
  for (int i = 0; i < 2; i++) {
    s->hangup(false);
    EXPECT_EQ(s->state(), "waiting for the connection");
    s->connect();
    EXPECT_EQ(s->take(), block(kM)) << i;
  }
  s->hangup(false);
  s->connect();
  EXPECT_EQ(s->take(), "");
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

TEST(MllpSource, ReconnectDoesNotCountWhatWasNotBegun) {
  auto s = r2({{"resends", "0"}});
  s->auto_pull = false;
  s->submit(1, kM);
  s->hangup(false);
  EXPECT_EQ(s->state(), "queued");
  s->connect();
  EXPECT_EQ(s->pull(), block(kM));
  s->tx_empty();
  s->feed(kAck);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s->count(LLP_C_RETRANSMISSIONS), 0u);
}

TEST(MllpSource, ReconnectAfterHalfABlock) {
  auto s = r2();
  s->auto_pull = false;
  s->submit(1, kM);
  s->pull_some(5);
  s->hangup(false);
  EXPECT_EQ(s->state(), "waiting for the connection");
  s->connect();
  EXPECT_EQ(s->pull(), block(kM));
}

// shows: mllp/4/source+disconnect
TEST(MllpSource, FinalHangupFails) {
  auto s = r2();
  s->submit(1, kM);
  s->hangup(true);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
  auto t = r2();
  t->submit(1, kM);
  t->hangup(false);
  t->hangup(true);  // no connection came
  EXPECT_EQ(t->result(1).done_outcome, LLP_OUT_UNKNOWN);
  auto u = r2({{"resend_after_reconnect", "no"}});
  llp_params p = with({{"release", "2"}, {"resend_after_reconnect", "no"}});
  Station v(LLP_PROTO_MLLP, p);
  v.submit(1, kM);
  v.hangup(false);
  EXPECT_EQ(v.result(1).done_cause, LLP_CAUSE_HANGUP);
}

TEST(MllpSource, AbortWhileTheConnectionIsLost) {
  auto s = r2();
  s->submit(1, kM);
  s->hangup(false);
  s->abort(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
  s->take();
  s->connect();
  EXPECT_EQ(s->take(), "");
  auto t = r2();
  t->auto_empty = false;
  t->submit(1, kM);
  t->abort(1);
  t->hangup(false);
  EXPECT_EQ(t->result(1).done_cause, LLP_CAUSE_ABORTED);
}

TEST(MllpSource, ReplyTimerSurvivesAReconnect) {
  auto s = r2({{"match", "msa"}});
  s->submit(1, kM, 0);
  s->feed(kAck);
  s->hangup(false);
  EXPECT_EQ(s->result(1).done, 0);
  s->connect();
  s->feed(block(kA));
  EXPECT_EQ(s->result(1).done_cause, LLP_OK);
}

TEST(MllpSource, StalledTransmitterIsLikeSilence) {
  auto s = r2({{"resends", "0"}});
  s->auto_pull = false;
  s->submit(1, kM);
  s->advance(30 * kSec);
  EXPECT_EQ(s->state(), "waiting for commit");
  s->advance(30 * kSec);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_NOREPLY);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_NOT_SENT);
}

TEST(MllpSource, StalledInItsMiddleOrItsTail) {
  for (std::size_t n : {std::size_t{5}, block(kM).size() - 1}) {
    auto s = r2({{"resends", "0"}});
    s->auto_pull = false;
    s->submit(1, kM);
    s->pull_some(n);
    s->advance(31 * kSec);
    EXPECT_EQ(s->state(), "waiting for commit");
    s->hangup(true);
    // Without the last CR it may have been taken all the same.
    EXPECT_EQ(s->result(1).done_outcome, n == 5 ? LLP_OUT_NOT_SENT : LLP_OUT_UNKNOWN) << n;
  }
}

TEST(MllpSource, WithdrawalInEveryState) {
  auto s = r2();
  s->auto_pull = false;
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 0));
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->submit(1, kM);
  EXPECT_TRUE(llp_can_withdraw(&s->e(), 1));
  s->pull();
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->tx_empty();
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->feed(kNak);  // the resend is queued: an earlier try is out
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->hangup(false);
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  auto t = r2();
  t->auto_pull = false;
  t->submit(1, kM);
  t->pull_some(3);
  t->hangup(false);
  EXPECT_FALSE(llp_can_withdraw(&t->e(), 1));
}

TEST(MllpSource, HangupWithNothingToSendAgain) {
  auto s = r2();
  s->hangup(false);
  s->connect();
  EXPECT_EQ(s->take(), "");
  s->submit(1, kM, 0);
  s->feed(kAck);
  s->feed(block(kA));
  s->take();
  s->hangup(false);
  s->connect();
  EXPECT_EQ(s->take(), "");
}

}  // namespace
}  // namespace llp::test::mllp
