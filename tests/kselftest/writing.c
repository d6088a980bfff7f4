// SPDX-License-Identifier: GPL-2.0
// write() on a line: when it returns, with what, and what ends it.
#include <sys/mman.h>
#include <sys/wait.h>

#include "station.h"

#define QUESTION "MSH|^~\\&|A|B|C|D|2026||ORU^R01|42|P|2.2\r"
#define ANSWER "MSH|^~\\&|C|D|A|B|2026||ACK|7|P|2.2\rMSA|AA|42\r"

FIXTURE(writing) {
  struct station s;
  int line;
  int wire;
  struct call c;
};

FIXTURE_SETUP(writing) {
  static line_params tries = {{"retries_l", "2"},      {"retries_m", "2"},      {"role", "primary"},
                              {"cont_primary", "5ms"}, {"max_message", "1000"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, tries)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
}

FIXTURE_TEARDOWN(writing) { station_end(&self->s); }

// ---- how it ends

TEST_F(writing, returns_when_the_message_is_acknowledged) {
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true));
  EXPECT_TRUE(call_waits(&self->c));
  EXPECT_EQ(1, file_info(self->line).writes);
  ASSERT_TRUE(SAYS(self->wire, ACK(1)));
  EXPECT_EQ(7, call_end(&self->c));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  EXPECT_EQ(0, file_info(self->line).writes);
}

TEST_F(writing, bid_refused_to_the_end_is_ebusy) {
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(x328_is_bid(self->wire) && SAYS(self->wire, NAK));
  }
  EXPECT_EQ(-EBUSY, call_end(&self->c));
  EXPECT_TRUE(silent(self->wire));
}

TEST_F(writing, bid_lost_to_the_end_is_ebusy) {
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(x328_is_bid(self->wire) && SAYS(self->wire, ENQ));
  }
  EXPECT_EQ(-EBUSY, call_end(&self->c));
  EXPECT_EQ(3, line_counter(self->line, "contentions"));
}

TEST_F(writing, message_rejected_at_every_try_is_eremoteio) {
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_grants(self->wire));
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(x328_hears(self->wire, 1, "message", true) && SAYS(self->wire, NAK));
  }
  EXPECT_EQ(-EREMOTEIO, call_end(&self->c));
  EXPECT_TRUE(HEARS(self->wire, EOT));
}

TEST_F(writing, message_rejected_once_is_sent_again) {
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_grants(self->wire));
  ASSERT_TRUE(x328_hears(self->wire, 1, "message", true) && SAYS(self->wire, NAK));
  ASSERT_TRUE(x328_hears(self->wire, 1, "message", true) && SAYS(self->wire, ACK(1)));
  EXPECT_EQ(7, call_end(&self->c));
  EXPECT_EQ(1, line_counter(self->line, "retransmissions"));
}

TEST_F(writing, interrupt_by_the_other_station_is_ecanceled) {
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  EXPECT_EQ(-ECANCELED, call_end(&self->c));
}

// A station that does not answer: there is nothing that the line could wait too shortly for.
TEST_F(writing, bid_without_an_answer_is_etimedout) {
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  ASSERT_EQ(0, line_set(self->line, "timer_b", "50ms"));
  ASSERT_EQ(0, line_set(self->line, "timer_a", "100ms"));
  ASSERT_EQ(0, line_set(self->line, "retries_n", "1"));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_UP));
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_is_bid(self->wire) && x328_is_bid(self->wire));
  EXPECT_EQ(-ETIMEDOUT, call_end(&self->c));
  EXPECT_EQ(2, line_counter(self->line, "bids"));
}

// One that falls silent. What the line waits is long enough for a test that is slow to answer.
FIXTURE(silence) {
  struct station s;
  struct call c;
};

FIXTURE_SETUP(silence) {
  static line_params hasty = {{"timer_a", "1s"},  {"timer_b", "500ms"}, {"b_margin", "1ms"},
                              {"retries_n", "1"}, {"block_max", "7"},   {"blocking", "size"},
                              {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, hasty)) { TH_LOG("%s", strerror(errno)); }
}

FIXTURE_TEARDOWN(silence) { station_end(&self->s); }

TEST_F(silence, block_without_an_answer_is_etimedout_while_more_follow) {
  ASSERT_TRUE(call_start(&self->c, self->s.line, "messagemore"));
  ASSERT_TRUE(x328_grants(self->s.wire) && x328_hears(self->s.wire, 1, "message", false));
  EXPECT_EQ(-ETIMEDOUT, call_end(&self->c));
}

TEST_F(silence, last_block_without_an_answer_is_ecomm) {
  ASSERT_TRUE(call_start(&self->c, self->s.line, "messagemore"));
  ASSERT_TRUE(x328_grants(self->s.wire) && x328_hears(self->s.wire, 1, "message", false));
  ASSERT_TRUE(SAYS(self->s.wire, ACK(1)) && x328_hears(self->s.wire, 2, "more", true));
  EXPECT_EQ(-ECOMM, call_end(&self->c));
}

// ---- what it does not take

static int refused(int line, const char* text, size_t size) {
  return write(line, text, size) < 0 ? errno : 0;
}

TEST_F(writing, takes_only_what_the_protocol_can_carry) {
  static char large[1001];
  char* nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(large, 'x', sizeof large);
  EXPECT_EQ(EINVAL, refused(self->line, "", 0));
  EXPECT_EQ(EILSEQ, refused(self->line, "a\x02", 2));
  EXPECT_EQ(EILSEQ, refused(self->line, "a\x17z", 3));
  EXPECT_EQ(EMSGSIZE, refused(self->line, large, sizeof large));
  EXPECT_EQ(EFAULT, refused(self->line, nowhere, 8));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(0, file_info(self->line).last_write);
  // The largest goes.
  large[1000] = 0;
  ASSERT_TRUE(call_start(&self->c, self->line, large));
  EXPECT_TRUE(x328_grants(self->wire));
}

TEST_F(writing, needs_a_line_that_is_up_and_there) {
  int reader = line_open(self->s.tty, 0);
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_EQ(ENETDOWN, refused(self->line, "text", 4));
  ASSERT_EQ(0, line_detach(self->s.tty));
  EXPECT_EQ(ENODEV, refused(self->line, "text", 4));
  close(reader);
}

TEST_F(writing, line_that_goes_down_or_away_is_enodev) {
  struct call queued;
  ASSERT_TRUE(call_start(&self->c, self->line, "first"));
  ASSERT_TRUE(x328_is_bid(self->wire));
  ASSERT_TRUE(call_start(&queued, self->line, "second"));
  ASSERT_TRUE(EVENTUALLY(file_info(self->line).writes == 2));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_EQ(-ENODEV, call_end(&self->c));
  EXPECT_EQ(-ENODEV, call_end(&queued));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_UP));
  ASSERT_TRUE(call_start(&self->c, self->line, "third"));
  ASSERT_TRUE(x328_is_bid(self->wire));
  ASSERT_EQ(0, line_detach(self->s.tty));
  EXPECT_EQ(-ENODEV, call_end(&self->c));
}

TEST_F(writing, of_several_the_first_goes_first) {
  struct call c[3];
  static const char* const texts[] = {"one", "two", "three"};
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(call_start(&c[i], self->line, texts[i]));
    ASSERT_TRUE(EVENTUALLY(file_info(self->line).writes == i + 1));
  }
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(x328_takes(self->wire, texts[i]));
    EXPECT_EQ((ssize_t)strlen(texts[i]), call_end(&c[i]));
  }
}

TEST_F(writing, answers_go_before_requests) {
  struct llp_ioc_message m;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_TRUE(x328_offers(self->wire, QUESTION) && x328_accepted(self->wire));
  ASSERT_TRUE(reads(self->line, QUESTION));
  ASSERT_EQ(0, message(self->line, LLP_WHICH_READ, &m));
  ASSERT_EQ(0, fcntl(self->line, F_SETFL, O_NONBLOCK));
  ASSERT_EQ(3, write(self->line, "one", 3));
  ASSERT_EQ(3, write(self->line, "two", 3));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ANSWER, m.id));
  ASSERT_EQ((ssize_t)strlen(ANSWER), write(self->line, ANSWER, strlen(ANSWER)));
  EXPECT_TRUE(x328_takes(self->wire, "one"));
  EXPECT_TRUE(x328_takes(self->wire, ANSWER));
  EXPECT_TRUE(x328_takes(self->wire, "two"));
}

// ---- signals

static void nothing(int number) { (void)number; }

static int catch_signal(int flags) {
  struct sigaction action = {.sa_handler = nothing, .sa_flags = flags};
  return sigaction(SIGUSR1, &action, NULL);
}

TEST_F(writing, signal_takes_a_bid_back) {
  ASSERT_EQ(0, catch_signal(0));
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_is_bid(self->wire));
  EXPECT_EQ(LLP_FILE_WITHDRAWABLE, file_info(self->line).flags);
  ASSERT_EQ(0, pthread_kill(self->c.thread, SIGUSR1));
  EXPECT_EQ(-EINTR, call_end(&self->c));
  // Granted too late: no block goes on the wire.
  ASSERT_TRUE(SAYS(self->wire, ACK(0)));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ(0, line_counter(self->line, "tx_blocks"));
}

TEST_F(writing, is_never_restarted) {
  ASSERT_EQ(0, catch_signal(SA_RESTART));
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_is_bid(self->wire));
  ASSERT_EQ(0, pthread_kill(self->c.thread, SIGUSR1));
  EXPECT_EQ(-EINTR, call_end(&self->c));
  EXPECT_EQ(0, file_info(self->line).writes);
}

TEST_F(writing, signal_takes_back_what_is_queued) {
  struct call queued;
  ASSERT_EQ(0, catch_signal(0));
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true));
  ASSERT_TRUE(call_start(&queued, self->line, "queued"));
  ASSERT_TRUE(EVENTUALLY(file_info(self->line).writes == 2));
  ASSERT_EQ(0, pthread_kill(queued.thread, SIGUSR1));
  EXPECT_EQ(-EINTR, call_end(&queued));
  ASSERT_TRUE(SAYS(self->wire, ACK(1)) && HEARS(self->wire, EOT));
  EXPECT_EQ(7, call_end(&self->c));
  EXPECT_TRUE(silent(self->wire));
}

TEST_F(writing, signal_does_not_end_a_transfer) {
  ASSERT_EQ(0, catch_signal(0));
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true));
  EXPECT_EQ(0, file_info(self->line).flags & LLP_FILE_WITHDRAWABLE);
  for (int i = 0; i < 3; i++) {
    ASSERT_EQ(0, pthread_kill(self->c.thread, SIGUSR1));
    EXPECT_TRUE(call_waits(&self->c));
  }
  ASSERT_TRUE(SAYS(self->wire, ACK(1)));
  EXPECT_EQ(7, call_end(&self->c));
}

TEST_F(writing, fatal_signal_ends_a_transfer_the_protocols_way) {
  int status = 0;
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)!write(self->line, "message", 7);
    _exit(0);
  }
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true));
  ASSERT_EQ(0, kill(child, SIGKILL));
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  // On the next answer it stops.
  ASSERT_TRUE(SAYS(self->wire, NAK));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  EXPECT_TRUE(EVENTUALLY(line_info(self->line).writes == 0));
}

TEST_F(writing, fatal_signal_takes_a_bid_back) {
  int status = 0;
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)!write(self->line, "message", 7);
    _exit(0);
  }
  ASSERT_TRUE(x328_is_bid(self->wire));
  ASSERT_EQ(0, kill(child, SIGKILL));
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, line_info(self->line).writes);
  ASSERT_TRUE(SAYS(self->wire, ACK(0)));
  EXPECT_TRUE(HEARS(self->wire, EOT));
}

// ---- LLP_IOC_ABORT

TEST_F(writing, abort_takes_a_bid_back) {
  int other = line_open(self->s.tty, 0);
  EXPECT_EQ(ENOENT, file_set(self->line, LLP_IOC_ABORT, 0));
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_is_bid(self->wire));
  uint32_t id = file_info(self->line).last_write;
  // Only what this file wrote.
  EXPECT_EQ(ENOENT, file_set(other, LLP_IOC_ABORT, id));
  EXPECT_EQ(ENOENT, file_set(other, LLP_IOC_ABORT, 0));
  EXPECT_EQ(ENOENT, file_set(self->line, LLP_IOC_ABORT, id + 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ABORT, id));
  EXPECT_EQ(-EINTR, call_end(&self->c));
  EXPECT_EQ(0, line_counter(self->line, "tx_blocks"));
  close(other);
}

TEST_F(writing, abort_ends_a_transfer_the_protocols_way) {
  ASSERT_TRUE(call_start(&self->c, self->line, "message"));
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ABORT, 0));
  EXPECT_TRUE(call_waits(&self->c));
  ASSERT_TRUE(SAYS(self->wire, NAK));
  EXPECT_TRUE(HEARS(self->wire, EOT));
  EXPECT_EQ(-EINTR, call_end(&self->c));
}

// ---- protocols that acknowledge nothing

static void transmitted(struct __test_metadata* _metadata, uint32_t protocol) {
  struct station s;
  struct call c;
  struct llp_ioc_result r;
  char got[64];
  ASSERT_TRUE(station_begin(&s, protocol, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_EVENTS, 1U << LLP_RESULT_SENT));
  ASSERT_EQ(0, tty_control(LINE_END, "hold 1\n"));
  ASSERT_TRUE(call_start(&c, s.line, "message"));
  EXPECT_TRUE(EVENTUALLY(tty_state(LINE_END, "queued") > 7));
  EXPECT_TRUE(call_waits(&c));
  ASSERT_EQ(0, tty_control(LINE_END, "hold 0\n"));
  EXPECT_EQ(7, call_end(&c));
  EXPECT_LT(7, tty_receive(s.wire, got, sizeof got, BRIEFLY_MS));
  EXPECT_TRUE(result(s.line, LLP_RESULT_SENT, &r));
  EXPECT_EQ(LLP_OUTCOME_TRANSMITTED, r.outcome);
  EXPECT_EQ(0, r.error);
  station_end(&s);
}

TEST(hllp_returns_when_the_last_byte_has_left) { transmitted(_metadata, LLP_PROTOCOL_HLLP); }

TEST(mllp_returns_when_the_last_byte_has_left) { transmitted(_metadata, LLP_PROTOCOL_MLLP); }

TEST(mllp_2_returns_when_it_is_committed) {
  static line_params release = {{"release", "2"}, {NULL, NULL}};
  struct station s;
  struct call c;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_MLLP, release)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_TRUE(call_start(&c, s.line, "message"));
  ASSERT_TRUE(mllp_hears(s.wire, "message"));
  EXPECT_TRUE(call_waits(&c));
  ASSERT_TRUE(SAYS(s.wire, COMMIT_ACK));
  EXPECT_EQ(7, call_end(&c));
  station_end(&s);
}

TEST_HARNESS_MAIN
