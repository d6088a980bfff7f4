// SPDX-License-Identifier: BSD-3-Clause
// The outstanding request and its reply: what is the same for all protocols,
// seen through MLLP, which adds least of its own.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "support/engine_harness.hpp"

namespace llp::test {
namespace {

constexpr std::uint32_t kExpectReply = 0;
const std::string kRequest = "MSH|^~\\&|A|B|C|D|E||ORM|Q1|P\r";
const std::string kPlain = "no HL7\r";

std::string mllp(const std::string& text) { return "\x0b" + text + "\x1c\r"; }
std::string ack_of(const std::string& id) { return "MSH|^~\\&|C|D|A|B|E||ACK|R1|P\rMSA|AA|" + id + "\r"; }

class Exchange : public testing::Test {
 protected:
  Exchange() : station_(LLP_PROTO_MLLP) {
    station_.connect();
    station_.ready(LLP_READY_ALL);
  }
  void pass(std::uint64_t ns) { station_.advance(ns); }
  Station station_;
};

TEST_F(Exchange, ReplyEndsIt) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  EXPECT_EQ(station_.result(1).sent, 1);
  EXPECT_EQ(station_.result(1).done, 0);
  station_.feed(mllp(ack_of("Q1")));
  ASSERT_EQ(station_.messages.size(), 1u);
  EXPECT_EQ(station_.messages[0].reply_to, 1u);
  EXPECT_EQ(station_.messages[0].flags & (LLP_END_REPLY | LLP_END_ACK_MSG), LLP_END_REPLY | LLP_END_ACK_MSG);
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_cause, LLP_OK);
  EXPECT_TRUE(station_.idle());
}

TEST_F(Exchange, AnotherRequestsAcknowledgementIsNoReply) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  station_.feed(mllp(ack_of("Q2")));
  ASSERT_EQ(station_.messages.size(), 1u);
  EXPECT_EQ(station_.messages[0].flags & LLP_END_REPLY, 0);
  EXPECT_EQ(station_.result(1).done, 0);
}

TEST_F(Exchange, OneRequestAtATime) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  EXPECT_FALSE(llp_can_submit(&station_.e(), 0));
  EXPECT_EQ(station_.submit(2, kRequest, kExpectReply), -EBUSY);
  // Answers to the other side's messages go out meanwhile.
  EXPECT_TRUE(llp_can_submit(&station_.e(), LLP_SUBMIT_REPLY));
  EXPECT_EQ(station_.submit(3, ack_of("X"), LLP_SUBMIT_REPLY), 0);
  EXPECT_EQ(station_.result(3).done, 1);
  EXPECT_EQ(station_.result(1).done, 0);
}

// shows: common/2 x328/D-21
TEST_F(Exchange, TimesOutNeverEarly) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  pass(30 * kSec - 1);
  EXPECT_EQ(station_.result(1).done, 0);
  pass(1);
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
  EXPECT_EQ(station_.count(LLP_C_REPLY_TIMEOUTS), 1u);
}

TEST_F(Exchange, OptionalReplyMayStayAway) {
  ASSERT_EQ(station_.submit(1, kRequest, LLP_SUBMIT_EXPECT_OPT), 0);
  pass(30 * kSec);
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_cause, LLP_OK);
}

TEST_F(Exchange, NothingExpected) {
  ASSERT_EQ(station_.submit(1, kRequest, LLP_SUBMIT_EXPECT_NONE), 0);
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_outcome, LLP_OUT_TRANSMITTED);
  EXPECT_TRUE(station_.idle());
}

// Lockstep: what comes after the time-out is never given to the next request.
TEST_F(Exchange, GuardKeepsALateReplyFromTheNextRequest) {
  ASSERT_EQ(station_.submit(1, kPlain, kExpectReply), 0);
  pass(30 * kSec);
  ASSERT_EQ(station_.result(1).done, 1);
  station_.take();
  ASSERT_EQ(station_.submit(2, "second\r", kExpectReply), 0);
  EXPECT_EQ(station_.take(), "") << "nothing is sent in the guard time";
  EXPECT_STREQ(llp_timer_name(&station_.e(), LLP_T_EXCHANGE), "late guard");
  station_.feed(mllp("late\r"));
  ASSERT_EQ(station_.messages.size(), 1u);
  EXPECT_TRUE(station_.messages[0].flags & LLP_END_LATE);
  EXPECT_FALSE(station_.messages[0].flags & LLP_END_REPLY);
  EXPECT_EQ(station_.count(LLP_C_LATE_REPLIES), 1u);
  // The line is in step again: the second request goes out and gets its own reply.
  station_.pull();
  station_.tx_empty();
  EXPECT_EQ(station_.take(), mllp("second\r"));
  station_.feed(mllp("its reply\r"));
  EXPECT_EQ(station_.messages.back().reply_to, 2u);
  EXPECT_EQ(station_.result(2).done_cause, LLP_OK);
}

// A request that waits for the guard to end fails; the guard goes on, and ends.
TEST_F(Exchange, GuardOutlivesARequestThatWaitedForIt) {
  ASSERT_EQ(station_.submit(1, kPlain, kExpectReply), 0);
  pass(30 * kSec);
  ASSERT_EQ(station_.submit(2, "second\r", kExpectReply), 0);
  pass(10 * kSec);
  station_.hangup();
  ASSERT_EQ(station_.result(2).done, 1);
  station_.connect();
  station_.take();
  ASSERT_EQ(station_.submit(3, "third\r", kExpectReply), 0);
  pass(20 * kSec - 1);
  EXPECT_EQ(station_.take(), "");
  pass(1);
  station_.pull();
  EXPECT_EQ(station_.take(), mllp("third\r"));
}

TEST_F(Exchange, GuardRunsOut) {
  station_.params().late_guard = 5'000'000;
  ASSERT_EQ(station_.submit(1, kPlain, kExpectReply), 0);
  pass(30 * kSec);
  station_.take();
  ASSERT_EQ(station_.submit(2, kRequest, kExpectReply), 0);
  pass(5 * kSec - 1);
  EXPECT_EQ(station_.take(), "");
  pass(1);
  station_.pull();
  station_.tx_empty();
  EXPECT_EQ(station_.take(), mllp(kRequest));
  // The second request is matched by its name again.
  station_.feed(mllp("anything\r"));
  EXPECT_EQ(station_.result(2).done, 0);
  station_.feed(mllp(ack_of("Q1")));
  EXPECT_EQ(station_.result(2).done, 1);
}

TEST_F(Exchange, AbortStopsWaiting) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  station_.abort(1);
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_cause, LLP_CAUSE_ABORTED);
  EXPECT_TRUE(station_.idle());
  station_.abort(1);
  station_.abort(0);
  EXPECT_EQ(station_.result(1).done, 1);
}

TEST_F(Exchange, AMessageOnItsWayAtTheTimeOutMayBeTheReply) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  pass(29 * kSec);
  const std::string reply = mllp(ack_of("Q1"));
  station_.feed(reply.substr(0, 10));
  pass(2 * kSec);
  EXPECT_EQ(station_.result(1).done, 0);
  station_.feed(reply.substr(10));
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_cause, LLP_OK);
}

TEST_F(Exchange, AMessageOnItsWayThatIsNotTheReplyDoesNotSaveIt) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  pass(29 * kSec);
  const std::string other = mllp("MSH|^~\\&|A|B|C|D|E||ORU|Z|P\rPID|1\r");
  station_.feed(other.substr(0, 10));
  pass(2 * kSec);
  station_.feed(other.substr(10));
  pass(1 * kMs);
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_cause, LLP_CAUSE_REPLY_TIMEOUT);
}

TEST_F(Exchange, HangupFailsIt) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  station_.hangup(true);
  EXPECT_EQ(station_.result(1).done, 1);
  EXPECT_EQ(station_.result(1).done_cause, LLP_CAUSE_HANGUP);
}

TEST_F(Exchange, ARejectedReplyKeepsItOpen) {
  station_.verdict_policy.reset();
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  station_.feed(mllp(ack_of("Q1")));
  ASSERT_EQ(station_.messages.size(), 1u);
  station_.verdict(station_.messages[0].id, LLP_REJECT);
  EXPECT_EQ(station_.result(1).done, 0);
  station_.feed(mllp(ack_of("Q1")));
  station_.verdict(station_.messages[1].id, LLP_ACCEPT);
  EXPECT_EQ(station_.result(1).done, 1);
}

TEST_F(Exchange, RefusedSubmissionsChangeNothing) {
  const auto before = station_.fingerprint();
  EXPECT_EQ(station_.submit(0, kRequest, kExpectReply), -EINVAL);
  EXPECT_EQ(station_.submit(1, "", kExpectReply), -EINVAL);
  EXPECT_EQ(station_.submit(1,
                            "a\x0b"
                            "b\r",
                            kExpectReply),
            -EILSEQ);
  station_.params().max_message = 5;
  EXPECT_EQ(station_.submit(1, kRequest, kExpectReply), -EMSGSIZE);
  station_.params().max_message = 1 << 20;
  EXPECT_EQ(station_.fingerprint(), before);
  station_.hangup(true);
  EXPECT_EQ(station_.submit(1, kRequest, kExpectReply), -ENODEV);
}

// A transmitter that takes nothing is given up, and the reply timer starts.
TEST_F(Exchange, AStalledTransmitterIsGivenUp) {
  station_.auto_empty = false;
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  EXPECT_EQ(station_.result(1).sent, 0);
  EXPECT_TRUE(llp_tx_wait(&station_.e()));
  pass(30 * kSec);
  EXPECT_EQ(station_.count(LLP_C_TX_STALLS), 1u);
  EXPECT_EQ(station_.result(1).sent, 1);
  EXPECT_FALSE(llp_tx_wait(&station_.e()));
}

TEST_F(Exchange, FingerprintCountsTimeFromNow) {
  Station other(LLP_PROTO_MLLP);
  other.now = station_.now + 77 * kSec;
  other.connect();
  other.ready(LLP_READY_ALL);
  EXPECT_EQ(station_.fingerprint(), other.fingerprint());
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  EXPECT_NE(station_.fingerprint(), other.fingerprint());
  ASSERT_EQ(other.submit(9, kRequest, kExpectReply), 0);
  EXPECT_EQ(station_.fingerprint(), other.fingerprint());
  pass(1 * kSec);
  EXPECT_NE(station_.fingerprint(), other.fingerprint());
}

TEST_F(Exchange, TimeNeverRunsBackwards) {
  ASSERT_EQ(station_.submit(1, kRequest, kExpectReply), 0);
  const auto deadline = station_.deadline();
  station_.now -= 10 * kSec;
  station_.timeout();
  EXPECT_EQ(station_.deadline(), deadline);
  EXPECT_EQ(station_.result(1).done, 0);
}

TEST_F(Exchange, TextIsPassedOnEarlyFromTheNextMessageOn) {
  const std::string text(5000, 'x');
  EXPECT_EQ(llp_set_flow(&station_.e(), true), 0);
  station_.feed("\x0b" + text);
  EXPECT_EQ(llp_set_flow(&station_.e(), false), -EBUSY);
  EXPECT_GT(station_.e().rx.total, 0U) << "nothing was passed on";
  station_.feed("\x1c\r");
  ASSERT_EQ(station_.messages.size(), 1U);
  EXPECT_EQ(llp_set_flow(&station_.e(), false), 0);
  station_.feed("\x0b" + text);
  EXPECT_EQ(station_.e().rx.total, 0U) << "passed on too early";
}

}  // namespace
}  // namespace llp::test
