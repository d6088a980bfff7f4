// SPDX-License-Identifier: GPL-2.0
// open() and the roles of open files: who receives, who expects a reply, and what that means for the line.
#include <sys/file.h>

#include "station.h"

#define REQUEST "MSH|^~\\&|A|B|C|D|2026||ORU^R01|42|P|2.2\r"
#define REPLY "MSH|^~\\&|C|D|A|B|2026||ACK|7|P|2.2\rMSA|AA|42\r"

enum { MANY = 200 };

FIXTURE(roles) {
  struct station s;
  int line;
  int wire;
  int other;
};

FIXTURE_SETUP(roles) {
  static line_params block = {{"block_max", "1000"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, block)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  self->other = line_open(self->s.tty, 0);
  ASSERT_GE(self->other, 0);
}

FIXTURE_TEARDOWN(roles) {
  close(self->other);
  station_end(&self->s);
}

// Whether the line takes a message now; the bid is taken back.
static bool ready(int wire, int line) {
  char got[3];
  (void)line;
  if (!SAYS(wire, ENQ) || tty_receive(wire, got, 2, PATIENCE_MS) != 2) {
    return false;
  }
  if (memcmp(got, NAK, 2) == 0) {
    return false;
  }
  return got[0] == 0x10 && got[1] == '0' && HEARS(wire, "\r") && SAYS(wire, EOT);
}

// ---- the receiving role

TEST_F(roles, any_number_of_files_may_be_open) {
  int files[MANY];
  for (int i = 0; i < MANY; i++) {
    files[i] = line_open(self->s.tty, 0);
    ASSERT_GE(files[i], 0);
  }
  for (int i = 0; i < MANY; i++) {
    close(files[i]);
  }
}

TEST_F(roles, nobody_receives_at_first) {
  EXPECT_EQ(0, line_info(self->line).flags & (LLP_INFO_READY | LLP_INFO_RECEIVER | LLP_INFO_EXPECTATION));
  EXPECT_FALSE(ready(self->wire, self->line));
  EXPECT_EQ(1, line_counter(self->line, "naks_sent"));
}

TEST_F(roles, receiver_makes_the_line_ready) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_EQ(LLP_INFO_READY | LLP_INFO_RECEIVER,
            line_info(self->line).flags & (LLP_INFO_READY | LLP_INFO_RECEIVER | LLP_INFO_EXPECTATION));
  EXPECT_EQ(LLP_FILE_RECEIVER, file_info(self->line).flags);
  EXPECT_EQ(0, file_info(self->other).flags);
  EXPECT_TRUE(ready(self->wire, self->line));
}

TEST_F(roles, first_read_takes_the_role) {
  char text[8];
  EXPECT_EQ(-EAGAIN, read_now(self->line, text, sizeof text));
  EXPECT_EQ(LLP_FILE_RECEIVER, file_info(self->line).flags);
  EXPECT_TRUE(ready(self->wire, self->line));
}

TEST_F(roles, role_belongs_to_one_file) {
  char text[8];
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_EQ(EBUSY, file_set(self->other, LLP_IOC_RECEIVE, 1));
  EXPECT_EQ(-EBUSY, read_now(self->other, text, sizeof text));
  EXPECT_EQ(-1, read(self->other, text, sizeof text));
  EXPECT_EQ(EBUSY, errno);
  EXPECT_EQ(EBUSY, file_set(self->other, LLP_IOC_FLOW, 1));
  // Giving up what one has not changes nothing.
  EXPECT_EQ(0, file_set(self->other, LLP_IOC_RECEIVE, 0));
  EXPECT_EQ(LLP_FILE_RECEIVER, file_info(self->line).flags);
  EXPECT_EQ(EINVAL, file_set(self->line, LLP_IOC_RECEIVE, 2));
}

TEST_F(roles, role_is_free_when_given_up_or_closed) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 0));
  EXPECT_FALSE(ready(self->wire, self->line));
  ASSERT_EQ(0, file_set(self->other, LLP_IOC_RECEIVE, 1));
  EXPECT_TRUE(ready(self->wire, self->line));
  close(self->other);
  self->other = -1;
  EXPECT_FALSE(ready(self->wire, self->line));
  EXPECT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
}

TEST_F(roles, duplicates_of_a_descriptor_are_one_file) {
  int copy = dup(self->line);
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_EQ(LLP_FILE_RECEIVER, file_info(copy).flags);
  close(self->line);
  self->s.line = -1;
  EXPECT_TRUE(ready(self->wire, copy));
  EXPECT_EQ(0, file_set(copy, LLP_IOC_RECEIVE, 1));
  close(copy);
  EXPECT_FALSE(ready(self->wire, self->other));
}

TEST_F(roles, receiver_may_refuse_and_keep_the_role) {
  EXPECT_EQ(EPERM, file_set(self->line, LLP_IOC_READY, 0));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_EQ(EINVAL, file_set(self->line, LLP_IOC_READY, 2));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_READY, 0));
  EXPECT_EQ(LLP_FILE_RECEIVER | LLP_FILE_UNREADY, file_info(self->line).flags);
  EXPECT_EQ(0, line_info(self->line).flags & LLP_INFO_READY);
  EXPECT_FALSE(ready(self->wire, self->line));
  EXPECT_EQ(EBUSY, file_set(self->other, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_READY, 1));
  EXPECT_TRUE(ready(self->wire, self->line));
}

TEST_F(roles, message_that_waits_outlives_its_receiver) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  EXPECT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
  close(self->line);
  self->s.line = -1;
  EXPECT_TRUE(reads(self->other, "text"));
}

TEST_F(roles, message_that_arrives_can_be_stopped_by_the_receiver_only) {
  struct llp_ioc_result r;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EVENTS, LLP_EVENTS_ALL));
  EXPECT_EQ(-1, ioctl(self->other, LLP_IOC_ABORT_RECEIVE));
  EXPECT_EQ(EPERM, errno);
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  EXPECT_TRUE(result(self->line, LLP_RESULT_BEGIN, &r));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_ABORT_RECEIVE));
  // The next block gets the termination interrupt.
  ASSERT_TRUE(x328_says(self->wire, 2, "rest", true));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  uint32_t id = r.id;
  ASSERT_TRUE(EVENTUALLY(result(self->line, LLP_RESULT_CANCELLED, &r)));
  EXPECT_EQ(id, r.id);
  EXPECT_EQ(0, waiting(self->line));
}

TEST_F(roles, turn_is_asked_for_by_the_receiver_only) {
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_TURN));
  EXPECT_EQ(EPERM, errno);
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_TRUE(x328_bids(self->wire));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_TURN));
  ASSERT_TRUE(x328_says(self->wire, 1, "text", true));
  EXPECT_TRUE(HEARS(self->wire, "\x10<\r"));
}

// ---- expecting a reply

// The request goes out, and is acknowledged.
static bool requests(struct station* s, int file) {
  struct call c;
  return call_start(&c, file, REQUEST) && x328_takes(s->wire, REQUEST) &&
         call_end(&c) == (ssize_t)strlen(REQUEST);
}

TEST_F(roles, reply_goes_to_who_expects_it) {
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  EXPECT_EQ(LLP_FILE_EXPECTS, file_info(self->line).flags);
  EXPECT_EQ(LLP_INFO_EXPECTATION, line_info(self->line).flags & LLP_INFO_EXPECTATION);
  // The line is not ready for it before the request is out.
  EXPECT_FALSE(ready(self->wire, self->line));
  ASSERT_TRUE(requests(&self->s, self->line));
  EXPECT_EQ(LLP_INFO_READY, line_info(self->line).flags & LLP_INFO_READY);
  ASSERT_TRUE(x328_offers(self->wire, REPLY));
  EXPECT_TRUE(reads(self->line, REPLY));
  EXPECT_TRUE(x328_accepted(self->wire));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
  EXPECT_EQ(LLP_MSG_REPLY | LLP_MSG_ACK, m.flags);
  EXPECT_EQ(file_info(self->line).last_write, m.reply_to);
  // With its reply it is over, and it never was the receiver.
  EXPECT_EQ(0, file_info(self->line).flags);
  EXPECT_EQ(0, line_info(self->line).flags & (LLP_INFO_READY | LLP_INFO_EXPECTATION | LLP_INFO_RECEIVER));
}

TEST_F(roles, one_file_of_a_line_expects) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  EXPECT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_MAYBE));
  EXPECT_EQ(EBUSY, file_set(self->other, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  EXPECT_EQ(EBUSY, file_set(self->other, LLP_IOC_FLOW, 1));
  EXPECT_EQ(EINVAL, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_MAYBE + 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_OFF));
  EXPECT_EQ(0, file_info(self->line).flags);
  EXPECT_EQ(0, file_set(self->other, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
}

TEST_F(roles, expectation_ends_with_its_file) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->line));
  EXPECT_EQ(EBUSY, file_set(self->other, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  close(self->line);
  self->s.line = -1;
  EXPECT_EQ(0, file_set(self->other, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  EXPECT_FALSE(ready(self->wire, self->other));
}

TEST_F(roles, with_an_expectation_only_another_message_is_refused_at_its_last_block) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->line));
  ASSERT_TRUE(x328_bids(self->wire));
  ASSERT_TRUE(x328_says(self->wire, 1, "no reply,", false));
  EXPECT_TRUE(HEARS(self->wire, ACK(1)));
  ASSERT_TRUE(x328_says(self->wire, 2, " as can be seen", true));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  EXPECT_EQ(1, line_counter(self->line, "messages_refused"));
  EXPECT_EQ(0, waiting(self->line));
  // It still waits.
  EXPECT_EQ(LLP_FILE_EXPECTS, file_info(self->line).flags);
  ASSERT_TRUE(x328_offers(self->wire, REPLY));
  EXPECT_TRUE(reads(self->line, REPLY));
}

TEST_F(roles, receiver_and_who_expects_get_what_is_theirs) {
  ASSERT_EQ(0, file_set(self->other, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->line));
  ASSERT_TRUE(x328_offers(self->wire, "no reply"));
  EXPECT_TRUE(reads(self->other, "no reply"));
  EXPECT_TRUE(x328_accepted(self->wire));
  EXPECT_EQ(0, waiting(self->line));
  ASSERT_TRUE(x328_offers(self->wire, REPLY));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == (int)strlen(REPLY)));
  EXPECT_EQ(0, waiting(self->other));
  EXPECT_TRUE(reads(self->line, REPLY));
  EXPECT_TRUE(x328_accepted(self->wire));
}

TEST_F(roles, reply_goes_by_the_policy_of_who_expects_it) {
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->other, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->other, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->line));
  ASSERT_TRUE(x328_offers(self->wire, REPLY));
  EXPECT_TRUE(reads(self->line, REPLY));
  EXPECT_TRUE(silent(self->wire));
  // Not over yet: it may be put back.
  EXPECT_EQ(LLP_FILE_EXPECTS, file_info(self->line).flags);
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_RELEASE));
  EXPECT_EQ((int)strlen(REPLY), waiting(self->line));
  EXPECT_EQ(0, waiting(self->other));
  EXPECT_TRUE(reads(self->line, REPLY));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, m.id, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(x328_accepted(self->wire));
  EXPECT_EQ(0, file_info(self->line).flags);
}

// The reply has come, and who asked closes the file without having read it.
static bool reader_goes(struct station* s) {
  bool good = file_set(s->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED) == 0 && requests(s, s->line) &&
              x328_offers(s->wire, REPLY) && EVENTUALLY(waiting(s->line) == (int)strlen(REPLY));
  close(s->line);
  s->line = -1;
  return good;
}

TEST_F(roles, reply_whose_reader_goes_is_the_receivers) {
  ASSERT_EQ(0, file_set(self->other, LLP_IOC_RECEIVE, 1));
  ASSERT_TRUE(reader_goes(&self->s));
  EXPECT_TRUE(reads(self->other, REPLY));
  EXPECT_TRUE(x328_accepted(self->wire));
}

TEST_F(roles, reply_whose_reader_goes_is_refused_without_a_receiver) {
  ASSERT_TRUE(reader_goes(&self->s));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  EXPECT_EQ(0, line_info(self->other).messages);
  EXPECT_EQ(0, line_info(self->other).bytes);
}

// ---- and when no reply comes

FIXTURE(alone) { struct station s; };

FIXTURE_SETUP(alone) {
  static line_params impatient = {
      {"reply_timeout", "100ms"}, {"match", "lockstep"}, {"late_guard", "60s"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, impatient)) { TH_LOG("%s", strerror(errno)); }
}

FIXTURE_TEARDOWN(alone) { station_end(&self->s); }

TEST_F(alone, time_out_ends_it) {
  char text[8];
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->s.line));
  EXPECT_EQ(-1, read(self->s.line, text, sizeof text));
  EXPECT_EQ(ETIMEDOUT, errno);
  EXPECT_EQ(0, file_info(self->s.line).flags);
  EXPECT_EQ(0, line_info(self->s.line).flags & LLP_INFO_EXPECTATION);
  EXPECT_EQ(1, line_counter(self->s.line, "reply_timeouts"));
  // Told once; from now on it is a file like others.
  EXPECT_EQ(-EAGAIN, read_now(self->s.line, text, sizeof text));
  EXPECT_EQ(LLP_FILE_RECEIVER, file_info(self->s.line).flags);
}

TEST_F(alone, reply_that_need_not_come_is_empty) {
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_EXPECT, LLP_EXPECT_MAYBE));
  ASSERT_TRUE(requests(&self->s, self->s.line));
  EXPECT_TRUE(reads(self->s.line, ""));
  EXPECT_EQ(0, file_info(self->s.line).flags);
}

TEST_F(alone, late_reply_is_nobodys_but_the_receivers_and_marked) {
  struct llp_ioc_message m;
  char text[8];
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->s.line));
  EXPECT_EQ(-1, read(self->s.line, text, sizeof text));
  EXPECT_EQ(ETIMEDOUT, errno);
  ASSERT_EQ(0, file_set(self->s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_TRUE(x328_offers(self->s.wire, REPLY));
  EXPECT_TRUE(reads(self->s.line, REPLY));
  ASSERT_EQ(0, message(self->s.line, LLP_WHICH_READ, &m));
  EXPECT_EQ(LLP_MSG_LATE, m.flags & (LLP_MSG_LATE | LLP_MSG_REPLY));
  EXPECT_EQ(1, line_counter(self->s.line, "late_replies"));
}

TEST_F(roles, failed_request_ends_it_and_its_writer_knows) {
  struct call c;
  char text[8];
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(call_start(&c, self->line, REQUEST));
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, REQUEST, true));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  EXPECT_EQ(-ECANCELED, call_end(&c));
  EXPECT_EQ(0, file_info(self->line).flags);
  EXPECT_EQ(-EAGAIN, read_now(self->line, text, sizeof text));
}

TEST_F(roles, waiting_for_a_reply_can_be_given_up) {
  struct call c;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->line));
  ASSERT_TRUE(call_start(&c, self->line, NULL));
  EXPECT_TRUE(call_waits(&c));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ABORT, 0));
  EXPECT_EQ(-ECANCELED, call_end(&c));
  EXPECT_EQ(0, file_info(self->line).flags);
  EXPECT_EQ(ENOENT, file_set(self->line, LLP_IOC_ABORT, 0));
}

TEST_F(roles, expectation_that_is_turned_off_wakes_its_reader) {
  struct call c;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_TRUE(requests(&self->s, self->line));
  ASSERT_TRUE(call_start(&c, self->line, NULL));
  EXPECT_TRUE(call_waits(&c));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_OFF));
  EXPECT_EQ(-ECANCELED, call_end(&c));
  EXPECT_EQ(0, line_info(self->line).flags & LLP_INFO_EXPECTATION);
}

// ---- locks

TEST_F(roles, lock_is_of_files_and_the_module_does_not_look_at_it) {
  struct call c;
  ASSERT_EQ(0, flock(self->line, LOCK_EX));
  EXPECT_EQ(-1, flock(self->other, LOCK_EX | LOCK_NB));
  EXPECT_EQ(EWOULDBLOCK, errno);
  ASSERT_TRUE(call_start(&c, self->other, "text"));
  EXPECT_TRUE(x328_takes(self->wire, "text"));
  EXPECT_EQ(4, call_end(&c));
  close(self->line);
  self->s.line = -1;
  EXPECT_EQ(0, flock(self->other, LOCK_EX | LOCK_NB));
}

TEST_HARNESS_MAIN
