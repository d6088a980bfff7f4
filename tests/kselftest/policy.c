// SPDX-License-Identifier: GPL-2.0
// When a message is acknowledged, what happens while its sender waits, and what a verdict still can do.
#include "slow.h"
#include "station.h"

FIXTURE(policy) {
  struct station s;
  int line;
  int wire;
};

FIXTURE_SETUP(policy) {
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
}

FIXTURE_TEARDOWN(policy) { station_end(&self->s); }

// ---- whose policy

TEST_F(policy, file_starts_with_the_lines_and_may_have_its_own) {
  EXPECT_EQ(LLP_POLICY_READ, file_info(self->line).policy);
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_POLICY, LLP_POLICY_COMMIT));
  EXPECT_EQ(LLP_POLICY_READ, file_info(self->line).policy);
  int other = line_open(self->s.tty, 0);
  EXPECT_EQ(LLP_POLICY_COMMIT, file_info(other).policy);
  EXPECT_EQ(EINVAL, file_set(other, LLP_IOC_POLICY, LLP_POLICY_COMMIT + 1));
  ASSERT_EQ(0, file_set(other, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  EXPECT_EQ(LLP_POLICY_ARRIVAL, file_info(other).policy);
  EXPECT_EQ(LLP_POLICY_COMMIT, line_info(self->line).policy);
  EXPECT_EQ(EINVAL, line_options(self->line, LLP_OPTION_POLICY, LLP_POLICY_COMMIT + 1));
  close(other);
}

// ---- arrival, read, commit

TEST_F(policy, arrival_acknowledges_what_is_checked) {
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_NEXT, &m));
  EXPECT_EQ(0, m.flags);
  EXPECT_TRUE(reads(self->line, "text"));
}

TEST_F(policy, read_acknowledges_what_is_read) {
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 4));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_TRUE(reads(self->line, "text"));
  EXPECT_TRUE(x328_accepted(self->wire));
}

// Offers a message and reads it, under commit; its id.
static uint32_t in_hand(struct station* s, const char* text) {
  return file_set(s->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT) == 0 && x328_offers(s->wire, text) &&
                 reads(s->line, text)
             ? file_info(s->line).in_hand
             : 0;
}

TEST_F(policy, commit_acknowledges_when_the_reader_says_so) {
  uint32_t id = in_hand(&self->s, "text");
  ASSERT_NE(0, id);
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(x328_accepted(self->wire));
  EXPECT_EQ(0, file_info(self->line).in_hand);
  // The next is another.
  uint32_t next = in_hand(&self->s, "next");
  EXPECT_NE(0, next);
  EXPECT_NE(id, next);
}

TEST_F(policy, commit_refuses_the_protocols_way) {
  struct llp_ioc_result r;
  uint32_t id = in_hand(&self->s, "text");
  ASSERT_NE(0, id);
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, id, LLP_VERDICT_REJECT));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  EXPECT_EQ(0, file_info(self->line).in_hand);
  EXPECT_FALSE(result(self->line, LLP_RESULT_ACKED, &r));
  // The line works on.
  EXPECT_NE(0, in_hand(&self->s, "next"));
}

// ---- PENDING

TEST_F(policy, repeat_of_a_pending_message_is_no_new_one) {
  struct llp_ioc_message m;
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_TRUE(EVENTUALLY(message(self->line, LLP_WHICH_NEXT, &m) == 0));
  uint32_t id = m.id;
  ASSERT_TRUE(x328_says(self->wire, 1, "text", true));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "duplicates") == 1));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_NEXT, &m));
  EXPECT_EQ(id, m.id);
  EXPECT_EQ(LLP_MSG_PENDING, m.flags);
  EXPECT_EQ(1, line_info(self->line).messages);
  EXPECT_TRUE(silent(self->wire));
  EXPECT_TRUE(reads(self->line, "text"));
  EXPECT_TRUE(HEARS(self->wire, ACK(1)));
}

TEST_F(policy, sender_that_takes_it_back_ends_it) {
  struct llp_ioc_result r;
  char text[8];
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EVENTS, LLP_EVENTS_ALL));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 4));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  ASSERT_TRUE(EVENTUALLY(result(self->line, LLP_RESULT_CANCELLED, &r)));
  EXPECT_EQ(0, r.flags);
  EXPECT_EQ(0, waiting(self->line));
  EXPECT_EQ(-EAGAIN, read_now(self->line, text, sizeof text));
  EXPECT_EQ(0, line_info(self->line).messages);
  EXPECT_EQ(0, line_info(self->line).bytes);
}

TEST_F(policy, verdict_on_what_was_taken_back_is_gone) {
  uint32_t id = in_hand(&self->s, "text");
  ASSERT_NE(0, id);
  ASSERT_TRUE(SAYS(self->wire, EOT));
  ASSERT_TRUE(EVENTUALLY(file_info(self->line).in_hand == 0));
  EXPECT_EQ(LLP_SETTLED_GONE, verdict(self->line, id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(1, line_counter(self->line, "verdicts_gone"));
}

TEST_F(policy, line_that_goes_down_ends_it) {
  uint32_t id = in_hand(&self->s, "text");
  ASSERT_NE(0, id);
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_EQ(0, file_info(self->line).in_hand);
  EXPECT_EQ(LLP_SETTLED_GONE, verdict(self->line, id, LLP_VERDICT_ACCEPT));
}

TEST_F(policy, message_that_is_gone_while_it_is_copied_is_not_read) {
  struct slow slow;
  ASSERT_TRUE(slow_begin(&slow)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_TRUE(x328_offers(self->wire, "the first"));
  ASSERT_TRUE(slow_start(&slow, self->line));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_cancelled") == 1));
  ASSERT_TRUE(slow_goes_on(&slow));
  // The copy is discarded, and read() goes on as if it had not been there.
  EXPECT_TRUE(call_waits(&slow.c));
  ASSERT_TRUE(x328_offers(self->wire, "second") && x328_accepted(self->wire));
  EXPECT_EQ(6, call_end(&slow.c));
  EXPECT_EQ(0, memcmp("second", slow.page, 6));
  slow_end(&slow);
}

TEST_F(policy, line_that_goes_while_it_is_copied_ends_the_read) {
  struct slow slow;
  ASSERT_TRUE(slow_begin(&slow)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_TRUE(slow_start(&slow, self->line));
  ASSERT_EQ(0, line_detach(self->s.tty));
  ASSERT_TRUE(slow_goes_on(&slow));
  EXPECT_EQ(0, call_end(&slow.c));
  slow_end(&slow);
}

TEST_F(policy, nobody_else_sees_what_is_being_copied) {
  struct slow slow;
  ASSERT_TRUE(slow_begin(&slow)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_TRUE(slow_start(&slow, self->line));
  EXPECT_EQ(0, waiting(self->line));
  char text[8];
  EXPECT_EQ(-EAGAIN, read_now(self->line, text, sizeof text));
  ASSERT_TRUE(x328_says(self->wire, 1, "text", true));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "duplicates") == 1));
  EXPECT_EQ(0, waiting(self->line));
  ASSERT_TRUE(slow_goes_on(&slow));
  EXPECT_EQ(4, call_end(&slow.c));
  EXPECT_TRUE(HEARS(self->wire, ACK(1)));
  slow_end(&slow);
}

// ---- the time that the other station gives

FIXTURE(budget) {
  struct station s;
  int line;
  int wire;
};

FIXTURE_SETUP(budget) {
  // 0.6 of it is what a reader has before the line gains time by a NAK: twice at most.
  static line_params hurried = {{"peer_timer_a", "100ms"}, {"retries_l", "3"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, hurried)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EVENTS, LLP_EVENTS_ALL));
}

FIXTURE_TEARDOWN(budget) { station_end(&self->s); }

TEST_F(budget, wait_gains_time_by_nak_and_ends_with_eot) {
  struct llp_ioc_result r;
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(HEARS(self->wire, NAK));
    EXPECT_EQ(4, waiting(self->line));
    ASSERT_TRUE(x328_says(self->wire, 1, "text", true));
  }
  EXPECT_TRUE(HEARS(self->wire, EOT));
  ASSERT_TRUE(EVENTUALLY(result(self->line, LLP_RESULT_CANCELLED, &r)));
  EXPECT_EQ(0, r.flags);
  EXPECT_EQ(0, waiting(self->line));
  EXPECT_EQ(2, line_counter(self->line, "nak_time"));
}

TEST_F(budget, accept_after_the_nak_is_late_and_the_repeat_is_acknowledged) {
  struct llp_ioc_result r;
  uint32_t id = in_hand(&self->s, "text");
  ASSERT_NE(0, id);
  ASSERT_TRUE(HEARS(self->wire, NAK));
  EXPECT_EQ(id, file_info(self->line).in_hand);
  EXPECT_EQ(LLP_SETTLED_LATE, verdict(self->line, id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_FALSE(result(self->line, LLP_RESULT_ACKED, &r));
  ASSERT_TRUE(x328_says(self->wire, 1, "text", true));
  EXPECT_TRUE(HEARS(self->wire, ACK(1)));
  ASSERT_TRUE(EVENTUALLY(result(self->line, LLP_RESULT_ACKED, &r)));
  EXPECT_EQ(id, r.id);
  EXPECT_EQ(0, waiting(self->line));
  EXPECT_EQ(1, line_counter(self->line, "verdicts_late"));
}

TEST_F(budget, read_after_the_nak_returns_it_all_the_same) {
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_TRUE(HEARS(self->wire, NAK));
  EXPECT_TRUE(reads(self->line, "text"));
  ASSERT_TRUE(x328_says(self->wire, 1, "text", true));
  EXPECT_TRUE(HEARS(self->wire, ACK(1)));
  EXPECT_EQ(0, waiting(self->line));
}

TEST_F(budget, accepted_late_and_never_repeated_is_cancelled_as_accepted) {
  struct llp_ioc_result r;
  uint32_t id = in_hand(&self->s, "text");
  ASSERT_NE(0, id);
  ASSERT_TRUE(HEARS(self->wire, NAK));
  EXPECT_EQ(LLP_SETTLED_LATE, verdict(self->line, id, LLP_VERDICT_ACCEPT));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  ASSERT_TRUE(EVENTUALLY(result(self->line, LLP_RESULT_CANCELLED, &r)));
  EXPECT_EQ(id, r.id);
  EXPECT_EQ(LLP_CANCELLED_ACCEPTED, r.flags);
  // If it comes again, it is marked.
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_READ));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
  EXPECT_EQ(LLP_MSG_REPEAT, m.flags & LLP_MSG_REPEAT);
}

TEST_F(budget, accept_after_the_end_is_gone) {
  uint32_t id = in_hand(&self->s, "text");
  ASSERT_NE(0, id);
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(HEARS(self->wire, NAK) && x328_says(self->wire, 1, "text", true));
  }
  ASSERT_TRUE(HEARS(self->wire, EOT));
  EXPECT_EQ(LLP_SETTLED_GONE, verdict(self->line, id, LLP_VERDICT_ACCEPT));
  EXPECT_EQ(0, file_info(self->line).in_hand);
}

// ---- the other protocols

TEST(mllp_2_commits_or_refuses) {
  static line_params release = {{"release", "2"}, {NULL, NULL}};
  struct station s;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_MLLP, release)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_TRUE(mllp_says(s.wire, "one"));
  ASSERT_TRUE(EVENTUALLY(waiting(s.line) == 3));
  EXPECT_TRUE(silent(s.wire));
  EXPECT_TRUE(reads(s.line, "one"));
  EXPECT_TRUE(HEARS(s.wire, COMMIT_ACK));
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(mllp_says(s.wire, "two"));
  EXPECT_TRUE(reads(s.line, "two"));
  uint32_t id = file_info(s.line).in_hand;
  ASSERT_NE(0, id);
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(s.line, id, LLP_VERDICT_REJECT));
  EXPECT_TRUE(HEARS(s.wire, COMMIT_NAK));
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_TRUE(mllp_says(s.wire, "three"));
  EXPECT_TRUE(HEARS(s.wire, COMMIT_ACK));
  EXPECT_TRUE(reads(s.line, "three"));
  station_end(&s);
}

TEST(hllp_acknowledges_nothing_and_refuses_with_g) {
  struct station s;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_HLLP, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(hllp_says(s.wire, 'D', "one\r"));
  EXPECT_TRUE(reads(s.line, "one\r"));
  // Nobody waits for it.
  EXPECT_EQ(0, file_info(s.line).in_hand);
  EXPECT_EQ(-1, ioctl(s.line, LLP_IOC_RELEASE));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(s.line, file_info(s.line).last_read, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(silent(s.wire));
  ASSERT_TRUE(hllp_says(s.wire, 'D', "two\r"));
  EXPECT_TRUE(reads(s.line, "two\r"));
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(s.line, file_info(s.line).last_read, LLP_VERDICT_REJECT));
  EXPECT_TRUE(hllp_hears(s.wire, 'N', "G"));
  station_end(&s);
}

TEST(mllp_1_says_nothing_either_way) {
  struct station s;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_MLLP, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  for (uint32_t what = LLP_VERDICT_ACCEPT; what <= LLP_VERDICT_FORGET; what++) {
    ASSERT_TRUE(mllp_says(s.wire, "text"));
    EXPECT_TRUE(reads(s.line, "text"));
    EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(s.line, file_info(s.line).last_read, what));
  }
  EXPECT_TRUE(silent(s.wire));
  station_end(&s);
}

// What nobody wants a verdict on is read after the line was set up anew; and it is not taken for what came
// since.
TEST(what_waits_outlives_a_line_that_goes_down) {
  struct station s;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_MLLP, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, fcntl(s.line, F_SETFL, O_NONBLOCK));
  ASSERT_TRUE(mllp_says(s.wire, "old one") && mllp_says(s.wire, "old two"));
  ASSERT_TRUE(EVENTUALLY(line_info(s.line).messages == 2));
  ASSERT_EQ(0, ioctl(s.line, LLP_IOC_DOWN));
  ASSERT_EQ(0, line_up(s.line, LLP_PROTOCOL_X328, NULL));
  ASSERT_TRUE(x328_offers(s.wire, "new"));
  ASSERT_TRUE(EVENTUALLY(line_info(s.line).messages == 3));
  EXPECT_TRUE(reads(s.line, "old one"));
  EXPECT_TRUE(reads(s.line, "old two"));
  EXPECT_TRUE(silent(s.wire));
  EXPECT_TRUE(reads(s.line, "new"));
  EXPECT_TRUE(x328_accepted(s.wire));
  station_end(&s);
}

TEST_HARNESS_MAIN
