// SPDX-License-Identifier: BSD-3-Clause
//
// The initiating system when something else ends its exchange: its own host
// takes the request back, the line hangs up, the transmitter stands still.
#include "hllp/hllp_fixture.hpp"

namespace llp::test::hllp {
namespace {

// shows: hllp/5/wait+gone
TEST(HllpInitiator, ClientGoneForgetsTheRequest) {
  auto s = waiting({{"match", "msa"}});
  s->abort(1);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  s->feed(D(kA));
  EXPECT_EQ(s->messages.at(0).reply_to, 0u);
  EXPECT_EQ(s->messages.at(0).flags, LLP_END_ACK_MSG);
  // A NAK for it finds nobody.
  s->feed(N('X'));
  EXPECT_EQ(s->take(), "");
}

TEST(HllpInitiator, AbortDuringTheResendEndsAfterIt) {
  auto s = waiting({{"match", "msa"}});
  s->auto_pull = false;
  s->feed(N('X'));
  s->abort(1);
  EXPECT_EQ(s->result(1).done, 0);  // its text is still being read
  EXPECT_EQ(s->pull(), D(kM));
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
  s->tx_empty();
  EXPECT_TRUE(s->idle());
}

// shows: hllp/5/h hllp/5/any+disconnect
TEST(HllpInitiator, DisconnectFailsTheOutstanding) {
  auto s = waiting();
  s->hangup(false);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);
  s->connect();
  EXPECT_EQ(s->take(), "");
  auto t = station();
  t->auto_pull = false;
  t->submit(1, kM, 0);
  t->hangup(false);
  EXPECT_EQ(t->result(1).done_outcome, LLP_OUT_NOT_SENT);
  auto u = station();
  u->auto_empty = false;
  u->submit(1, kM, 0);
  u->hangup(true);
  EXPECT_EQ(u->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

// shows: hllp/5/h
TEST(HllpInitiator, ResendAfterReconnectIsAnOption) {
  auto s = waiting({{"resend_after_reconnect", "yes"}, {"send_retries", "2"}});
  for (int i = 0; i < 2; i++) {
    s->hangup(false);
    EXPECT_EQ(s->result(1).done, 0);
    s->connect();
    EXPECT_EQ(s->take(), D(kM));
  }
  s->hangup(false);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);

  auto f = waiting({{"resend_after_reconnect", "yes"}});
  f->hangup(false);
  f->hangup(true);
  EXPECT_EQ(f->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_TRUE(f->idle());
}

TEST(HllpInitiator, HangupDuringTheResendStillEndsInTime) {
  auto s = waiting({{"resend_after_reconnect", "yes"}, {"match", "msa"}});
  s->auto_pull = false;
  s->feed(N('X'));
  s->hangup(false);
  s->advance(60 * kSec);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  s->connect();
  EXPECT_EQ(s->pull(), "");
}

TEST(HllpInitiator, ResendAfterReconnectOfABlockCutInItsMiddle) {
  auto s = station({{"resend_after_reconnect", "yes"}, {"send_retries", "1"}});
  s->auto_pull = false;
  s->submit(1, kM, 0);
  s->hangup(false);  // nothing was out: not a resend
  s->connect();
  s->auto_empty = false;
  s->auto_pull = true;
  s->ready(LLP_READY_ALL);
  EXPECT_EQ(s->take(), D(kM));
  s->hangup(false);
  s->connect();
  EXPECT_EQ(s->take(), D(kM));
  EXPECT_EQ(s->count(LLP_C_RETRANSMISSIONS), 1u);
  s->hangup(false);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_HANGUP);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

TEST(HllpInitiator, ResendAfterReconnectNotAfterAbort) {
  auto s = station({{"resend_after_reconnect", "yes"}});
  s->auto_empty = false;
  s->submit(1, kM, 0);
  s->abort(1);
  s->hangup(false);
  EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_ABORTED);
}

TEST(HllpInitiator, AbortOfARequestCutOnALostConnection) {
  auto s = station({{"resend_after_reconnect", "yes"}});
  s->auto_empty = false;
  s->submit(1, kM, 0);
  s->hangup(false);
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->abort(1);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_UNKNOWN);
}

TEST(HllpInitiator, Withdraw) {
  auto s = station();
  s->auto_pull = false;
  s->submit(1, kM, 0);
  EXPECT_TRUE(llp_can_withdraw(&s->e(), 1));
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 0));
  s->abort(1);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_NOT_SENT);
  EXPECT_EQ(s->pull(), "");
}

TEST(HllpInitiator, AbortInMidBlockFinishesIt) {
  auto s = station();
  s->auto_empty = false;
  s->submit(1, kM, 0);
  EXPECT_FALSE(llp_can_withdraw(&s->e(), 1));
  s->abort(1);
  s->abort(99);
  EXPECT_EQ(s->result(1).done, 0);
  s->tx_empty();
  EXPECT_EQ(s->result(1).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(1).outcome, LLP_OUT_TRANSMITTED);
}

TEST(HllpInitiator, AbortOfEachOfTwo) {
  for (bool reply_first : {false, true}) {
    auto s = station({{"match", "msa"}});
    s->verdict_policy = LLP_ACCEPT_ANSWER;
    s->auto_pull = false;
    s->feed(D(kM));
    s->submit(1, kM, 0);
    s->submit(2, kA, LLP_SUBMIT_REPLY);
    s->abort(reply_first ? 2 : 1);
    EXPECT_EQ(s->result(reply_first ? 2 : 1).done_outcome, LLP_OUT_NOT_SENT);
    EXPECT_EQ(s->pull(), reply_first ? D(kM) : D(kA));
    s->hangup();
    s->check_results();
  }
}

TEST(HllpInitiator, HangupWithBothAborted) {
  auto s = station({{"match", "msa"}, {"resend_after_reconnect", "yes"}});
  s->verdict_policy = LLP_ACCEPT_ANSWER;
  s->auto_empty = false;
  s->feed(D(kM));
  s->submit(2, kA, LLP_SUBMIT_REPLY);
  s->submit(1, kM, 0);
  s->abort(2);
  s->hangup(false);
  EXPECT_EQ(s->result(2).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s->result(1).done, 0);
  s->take();
  s->connect();
  EXPECT_EQ(s->take(), D(kM));
}

TEST(HllpInitiator, StalledTransmitter) {
  auto s = station();
  s->auto_pull = false;
  s->submit(1, kM, 0);
  s->advance(31 * kSec);
  EXPECT_EQ(s->result(1).cause, LLP_CAUSE_NOREPLY);
  EXPECT_EQ(s->result(1).outcome, LLP_OUT_NOT_SENT);
}

// shows: hllp/D-4
TEST(HllpInitiator, StalledBeforeTheLastCr) {
  for (std::size_t missing : {std::size_t{1}, std::size_t{2}}) {
    auto s = station();
    s->auto_pull = false;
    s->submit(1, kM, 0);
    EXPECT_EQ(s->pull_some(D(kM).size() - missing).size(), D(kM).size() - missing);
    s->advance(31 * kSec);
    EXPECT_EQ(s->result(1).done_cause, LLP_CAUSE_NOREPLY);
    EXPECT_EQ(s->result(1).done_outcome, missing == 1 ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT);
    auto h = station();
    h->auto_pull = false;
    h->submit(1, kM, 0);
    EXPECT_EQ(h->pull_some(D(kM).size() - missing).size(), D(kM).size() - missing);
    h->hangup(true);
    EXPECT_EQ(h->result(1).done_outcome, missing == 1 ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT);
  }
}

}  // namespace
}  // namespace llp::test::hllp
