// SPDX-License-Identifier: GPL-2.0
// read() on a line: one message a call, what stays, what goes back, what is left at the end.
#include <sys/mman.h>

#include "station.h"

FIXTURE(reading) {
  struct station s;
  int line;
  int wire;
  int other;
};

FIXTURE_SETUP(reading) {
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  self->other = line_open(self->s.tty, 0);
  ASSERT_GE(self->other, 0);
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
}

FIXTURE_TEARDOWN(reading) {
  close(self->other);
  station_end(&self->s);
}

TEST_F(reading, returns_one_message_a_call) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  EXPECT_TRUE(x328_offers(self->wire, "first") && x328_accepted(self->wire));
  EXPECT_TRUE(x328_offers(self->wire, "the second") && x328_accepted(self->wire));
  EXPECT_TRUE(reads(self->line, "first"));
  EXPECT_TRUE(reads(self->line, "the second"));
}

TEST_F(reading, waits_for_a_message) {
  struct call c;
  ASSERT_TRUE(call_start(&c, self->line, NULL));
  EXPECT_TRUE(call_waits(&c));
  EXPECT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
  EXPECT_EQ(4, call_end(&c));
}

TEST_F(reading, does_not_wait_when_it_may_not) {
  struct call c;
  char text[8];
  EXPECT_EQ(-EAGAIN, read_now(self->line, text, sizeof text));
  // Nor for another reader of the same file.
  ASSERT_TRUE(call_start(&c, self->line, NULL));
  EXPECT_TRUE(call_waits(&c));
  EXPECT_EQ(-EAGAIN, read_now(self->line, text, sizeof text));
  EXPECT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
  EXPECT_EQ(4, call_end(&c));
}

TEST_F(reading, keeps_what_does_not_fit) {
  char text[8];
  EXPECT_EQ(0, waiting(self->line));
  ASSERT_TRUE(x328_offers(self->wire, "message"));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 7));
  EXPECT_EQ(-EMSGSIZE, read_now(self->line, text, 6));
  EXPECT_EQ(-EMSGSIZE, read_now(self->line, text, 0));
  EXPECT_EQ(7, waiting(self->line));
  // Nothing was accepted by that.
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(7, read_now(self->line, text, 7));
  EXPECT_EQ(0, memcmp("message", text, 7));
  EXPECT_EQ(0, waiting(self->line));
  EXPECT_TRUE(x328_accepted(self->wire));
}

TEST_F(reading, bad_address_accepts_nothing) {
  long size = sysconf(_SC_PAGESIZE);
  char* pages = mmap(NULL, (size_t)(2 * size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(MAP_FAILED, pages);
  ASSERT_EQ(0, munmap(pages + size, (size_t)size));
  ASSERT_TRUE(x328_offers(self->wire, "message"));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 7));
  // All of it, and its last byte only.
  EXPECT_EQ(-EFAULT, read_now(self->line, pages + size, 100));
  EXPECT_EQ(-EFAULT, read_now(self->line, pages + size - 6, 100));
  EXPECT_EQ(7, waiting(self->line));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(7, read_now(self->line, pages, (size_t)size));
  EXPECT_TRUE(x328_accepted(self->wire));
  munmap(pages, (size_t)size);
}

static void nothing(int number) { (void)number; }

// Gives a signal to a reader that waits: it takes the role first.
static bool disturbed(struct call* c, int line, int flags) {
  struct sigaction action = {.sa_handler = nothing, .sa_flags = flags};
  return sigaction(SIGUSR1, &action, NULL) == 0 && file_set(line, LLP_IOC_RECEIVE, 0) == 0 &&
         call_start(c, line, NULL) && EVENTUALLY(file_info(line).flags & LLP_FILE_RECEIVER) &&
         pthread_kill(c->thread, SIGUSR1) == 0;
}

TEST_F(reading, signal_ends_it) {
  struct call c;
  ASSERT_TRUE(disturbed(&c, self->line, 0));
  EXPECT_EQ(-EINTR, call_end(&c));
  EXPECT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
}

TEST_F(reading, goes_on_after_a_signal_whose_handler_restarts) {
  struct call c;
  ASSERT_TRUE(disturbed(&c, self->line, SA_RESTART));
  EXPECT_TRUE(call_waits(&c));
  EXPECT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
  EXPECT_EQ(4, call_end(&c));
}

TEST_F(reading, empty_message_is_acknowledged_and_counted_but_not_readable) {
  struct llp_ioc_message m;
  struct llp_ioc_result r;
  char text[8];
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EVENTS, 1U << LLP_RESULT_END));
  int64_t before = line_counter(self->line, "rx_messages");
  EXPECT_TRUE(x328_offers(self->wire, "") && x328_accepted(self->wire));
  EXPECT_TRUE(EVENTUALLY(line_counter(self->line, "rx_messages") == before + 1));
  EXPECT_EQ(-EAGAIN, read_now(self->line, text, sizeof text));
  EXPECT_EQ(0, waiting(self->line));
  EXPECT_EQ(0, line_info(self->line).messages);
  EXPECT_EQ(ENODATA, message(self->line, LLP_WHICH_NEXT, &m));
  EXPECT_TRUE(polls(self->line, POLLIN, 0));
  // Who watches learns that it was there.
  EXPECT_TRUE(result(self->line, LLP_RESULT_END, &r));
  EXPECT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
}

TEST_F(reading, tells_what_is_known_of_a_message) {
  struct llp_ioc_message next;
  struct llp_ioc_message last;
  EXPECT_EQ(ENODATA, message(self->line, LLP_WHICH_NEXT, &next));
  EXPECT_EQ(ENODATA, message(self->line, LLP_WHICH_READ, &last));
  EXPECT_EQ(EINVAL, message(self->line, 2, &last));
  ASSERT_TRUE(x328_offers(self->wire, "HL7 is great!"));
  ASSERT_TRUE(EVENTUALLY(message(self->line, LLP_WHICH_NEXT, &next) == 0));
  EXPECT_NE(0, next.id);
  EXPECT_EQ(13, next.len);
  EXPECT_EQ(LLP_MSG_PENDING, next.flags);
  EXPECT_EQ(0x6d, next.check & 0xff);
  EXPECT_LT(0, next.time);
  EXPECT_GE(now_us() * 1000, (int64_t)next.time);
  EXPECT_EQ(1, line_info(self->line).messages);
  EXPECT_TRUE(reads(self->line, "HL7 is great!"));
  EXPECT_EQ(ENODATA, message(self->line, LLP_WHICH_NEXT, &last));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &last));
  EXPECT_EQ(next.id, last.id);
  EXPECT_EQ(13, last.len);
  // It was acknowledged by the read.
  EXPECT_EQ(0, last.flags & LLP_MSG_PENDING);
  EXPECT_EQ(last.id, file_info(self->line).last_read);
  EXPECT_EQ(0, file_info(self->line).in_hand);
}

TEST_F(reading, same_message_again_is_marked) {
  struct llp_ioc_message m;
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(x328_offers(self->wire, "the same"));
    EXPECT_TRUE(reads(self->line, "the same"));
    EXPECT_TRUE(x328_accepted(self->wire));
    ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
    EXPECT_EQ(i ? LLP_MSG_REPEAT : 0, m.flags);
  }
  EXPECT_EQ(1, line_counter(self->line, "repeats"));
}

// ---- putting back

TEST_F(reading, release_puts_a_pending_message_back) {
  struct llp_ioc_message first;
  struct llp_ioc_message second;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &first));
  EXPECT_EQ(LLP_MSG_PENDING, first.flags);
  EXPECT_EQ(first.id, file_info(self->line).in_hand);
  EXPECT_EQ(0, waiting(self->line));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ(0, file_info(self->line).in_hand);
  EXPECT_EQ(4, waiting(self->line));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_NEXT, &second));
  EXPECT_EQ(first.id, second.id);
  EXPECT_TRUE(silent(self->wire));
  EXPECT_TRUE(reads(self->line, "text"));
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, first.id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(x328_accepted(self->wire));
}

TEST_F(reading, repeat_of_a_message_in_hand_is_the_same_message) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(x328_offers(self->wire, "one"));
  EXPECT_TRUE(reads(self->line, "one"));
  // Its sender heard nothing, and says it again.
  EXPECT_TRUE(x328_says(self->wire, 1, "one", true));
  EXPECT_TRUE(EVENTUALLY(line_counter(self->line, "duplicates") == 1));
  EXPECT_EQ(0, waiting(self->line));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ(1, line_info(self->line).messages);
  EXPECT_TRUE(reads(self->line, "one"));
}

TEST_F(reading, close_without_a_verdict_puts_it_back) {
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
  close(self->line);
  self->s.line = self->line = -1;
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(4, waiting(self->other));
  // What another read is not this one's to decide on.
  EXPECT_EQ(-EINVAL, verdict(self->other, m.id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(reads(self->other, "text"));
  EXPECT_EQ(m.id, file_info(self->other).last_read);
  EXPECT_TRUE(x328_accepted(self->wire));
}

TEST_F(reading, giving_the_role_up_puts_it_back) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 0));
  EXPECT_EQ(0, file_info(self->line).in_hand);
  EXPECT_TRUE(reads(self->other, "text"));
  EXPECT_TRUE(x328_accepted(self->wire));
}

TEST_F(reading, otherwise_there_is_nothing_to_put_back) {
  struct llp_ioc_message m;
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ(EINVAL, errno);
  // Accepted by the read.
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_TRUE(x328_accepted(self->wire));
  // Accepted by a verdict.
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(x328_offers(self->wire, "more"));
  EXPECT_TRUE(reads(self->line, "more"));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, m.id, LLP_VERDICT_ACCEPT));
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_TRUE(x328_accepted(self->wire));
  // Taken back by its sender.
  ASSERT_TRUE(x328_offers(self->wire, "last"));
  EXPECT_TRUE(reads(self->line, "last"));
  EXPECT_TRUE(SAYS(self->wire, EOT));
  EXPECT_TRUE(EVENTUALLY(file_info(self->line).in_hand == 0));
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ(EINVAL, errno);
}

TEST_F(reading, verdicts_are_checked) {
  struct llp_ioc_verdict v = {.verdict = LLP_VERDICT_ACCEPT, .reserved = 1};
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  EXPECT_EQ(-EINVAL, verdict(self->line, 0, LLP_VERDICT_ACCEPT));
  EXPECT_EQ(-EINVAL, verdict(self->line, 12345, LLP_VERDICT_ACCEPT));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_TRUE(EVENTUALLY(message(self->line, LLP_WHICH_NEXT, &m) == 0));
  // Not before it was read.
  EXPECT_EQ(-EINVAL, verdict(self->line, m.id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(reads(self->line, "text"));
  EXPECT_EQ(-EINVAL, verdict(self->other, m.id, LLP_VERDICT_ACCEPT));
  EXPECT_EQ(-EINVAL, verdict(self->line, m.id, LLP_VERDICT_FORGET + 1));
  v.id = m.id;
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_VERDICT, &v));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, m.id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(x328_accepted(self->wire));
}

// ---- the end of the line

TEST_F(reading, line_that_is_gone_gives_what_was_acknowledged_and_then_nothing) {
  struct llp_ioc_result r;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  EXPECT_TRUE(x328_offers(self->wire, "first") && x328_accepted(self->wire));
  EXPECT_TRUE(x328_offers(self->wire, "second") && x328_accepted(self->wire));
  // This one is not acknowledged: its sender has it still.
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_READ));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EVENTS, 1U << LLP_RESULT_CANCELLED));
  EXPECT_TRUE(x328_offers(self->wire, "third"));
  ASSERT_TRUE(EVENTUALLY(line_info(self->line).messages == 3));
  ASSERT_EQ(0, line_detach(self->s.tty));
  EXPECT_TRUE(reads(self->line, "first"));
  EXPECT_TRUE(reads(self->line, "second"));
  EXPECT_TRUE(reads(self->line, ""));
  EXPECT_TRUE(reads(self->line, ""));
  EXPECT_TRUE(result(self->line, LLP_RESULT_CANCELLED, &r));
  EXPECT_EQ(0, r.flags);
}

TEST_F(reading, verdict_after_the_end_says_that_it_is_gone) {
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
  ASSERT_EQ(0, line_detach(self->s.tty));
  EXPECT_EQ(LLP_SETTLED_GONE, verdict(self->line, m.id, LLP_VERDICT_ACCEPT));
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ(EINVAL, errno);
}

TEST_F(reading, line_that_goes_down_keeps_what_was_acknowledged) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  EXPECT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_EQ(4, waiting(self->line));
  EXPECT_TRUE(reads(self->line, "text"));
}

// ---- lost bytes

TEST_F(reading, lost_bytes_are_kept_for_who_asks) {
  char text[300];
  struct llp_ioc_lost lost = {.data = (uintptr_t)text, .size = sizeof text};
  ASSERT_TRUE(SAYS(self->wire, "lost"));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "lost_bytes") == 4));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_LOST, &lost));
  EXPECT_EQ(4, lost.total);
  EXPECT_EQ(4, lost.size);
  EXPECT_EQ(0, memcmp("lost", text, 4));
  lost.size = sizeof text;
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_LOST, &lost));
  EXPECT_EQ(4, lost.total);
  EXPECT_EQ(0, lost.size);
  // More than are kept: the last of them.
  for (int i = 0; i < 30; i++) {
    ASSERT_TRUE(SAYS(self->wire, "0123456789"));
  }
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "lost_bytes") == 304));
  lost.size = sizeof text;
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_LOST, &lost));
  EXPECT_EQ(304, lost.total);
  EXPECT_EQ(256, lost.size);
  EXPECT_EQ(0, memcmp("456789", text, 6));
  lost.reserved = 1;
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_LOST, &lost));
  EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
