// SPDX-License-Identifier: GPL-2.0
// Files that do not wait: writes and their results, poll(), and what it says of which file.
#include <sys/epoll.h>

#include "station.h"

enum { MANY = 100 };

FIXTURE(results) {
  struct station s;
  int line;
  int wire;
  int other;
};

FIXTURE_SETUP(results) {
  static line_params tries = {{"retries_l", "1"}, {"retries_m", "1"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, tries)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  self->other = line_open(self->s.tty, O_NONBLOCK);
  ASSERT_GE(self->other, 0);
  ASSERT_EQ(0, fcntl(self->line, F_SETFL, O_NONBLOCK));
}

FIXTURE_TEARDOWN(results) {
  close(self->other);
  station_end(&self->s);
}

// Takes the message, and returns its id.
static uint32_t wrote(int line, const char* text) {
  return write(line, text, strlen(text)) == (ssize_t)strlen(text) ? file_info(line).last_write : 0;
}

// Waits for the result of write `id`, with these.
static bool is_result(int line, uint32_t id, uint32_t error, uint32_t outcome) {
  struct llp_ioc_result r;
  struct pollfd ready = {.fd = line, .events = POLLPRI};
  if (poll(&ready, 1, PATIENCE_MS) != 1 || ioctl(line, LLP_IOC_RESULT, &r) != 0) {
    return false;
  }
  if (r.type == LLP_RESULT_SENT && r.id == id && r.error == error && r.outcome == outcome && r.time) {
    return true;
  }
  printf("# type %u id %u error %u outcome %u\n", r.type, r.id, r.error, r.outcome);
  return false;
}

static bool no_result(int line) {
  struct llp_ioc_result r;
  return ioctl(line, LLP_IOC_RESULT, &r) == -1 && errno == EAGAIN;
}

// ---- what became of it

TEST_F(results, delivered) {
  uint32_t id = wrote(self->line, "message");
  ASSERT_NE(0, id);
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true));
  EXPECT_TRUE(no_result(self->line));
  EXPECT_EQ(1, file_info(self->line).writes);
  ASSERT_TRUE(SAYS(self->wire, ACK(1)));
  EXPECT_TRUE(is_result(self->line, id, 0, LLP_OUTCOME_DELIVERED));
  EXPECT_TRUE(no_result(self->line));
}

TEST_F(results, not_sent_because_it_was_refused) {
  uint32_t id = wrote(self->line, "message");
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(x328_is_bid(self->wire) && SAYS(self->wire, NAK));
  }
  EXPECT_TRUE(is_result(self->line, id, EBUSY, LLP_OUTCOME_NOT_SENT));
}

TEST_F(results, refused) {
  uint32_t id = wrote(self->line, "message");
  ASSERT_TRUE(x328_grants(self->wire));
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(x328_hears(self->wire, 1, "message", true) && SAYS(self->wire, NAK));
  }
  EXPECT_TRUE(is_result(self->line, id, EREMOTEIO, LLP_OUTCOME_REFUSED));
}

TEST_F(results, interrupted) {
  uint32_t id = wrote(self->line, "message");
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "message", true) && SAYS(self->wire, EOT));
  EXPECT_TRUE(is_result(self->line, id, ECANCELED, LLP_OUTCOME_REFUSED));
}

TEST_F(results, taken_back) {
  uint32_t id = wrote(self->line, "message");
  ASSERT_TRUE(x328_is_bid(self->wire));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ABORT, id));
  EXPECT_TRUE(is_result(self->line, id, EINTR, LLP_OUTCOME_NOT_SENT));
}

TEST_F(results, unknown_when_the_line_goes_after_the_last_block) {
  uint32_t sent = wrote(self->line, "sent");
  ASSERT_TRUE(x328_grants(self->wire) && x328_hears(self->wire, 1, "sent", true));
  uint32_t queued = wrote(self->line, "queued");
  ASSERT_EQ(0, line_detach(self->s.tty));
  // What the line left behind can be fetched still.
  EXPECT_TRUE(is_result(self->line, sent, ENODEV, LLP_OUTCOME_UNKNOWN));
  EXPECT_TRUE(is_result(self->line, queued, ENODEV, LLP_OUTCOME_NOT_SENT));
  EXPECT_TRUE(no_result(self->line));
}

TEST_F(results, of_every_write_none_is_dropped) {
  uint32_t ids[MANY];
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_WRITES, MANY));
  for (int i = 0; i < MANY; i++) {
    ids[i] = wrote(self->line, "message");
    ASSERT_NE(0, ids[i]);
  }
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_EQ(MANY, file_info(self->line).results);
  // The one that the engine had ends first, the others in their order.
  for (int i = 0; i < MANY; i++) {
    ASSERT_TRUE(is_result(self->line, ids[i], ENODEV, LLP_OUTCOME_NOT_SENT)) { TH_LOG("write %d", i); }
  }
  EXPECT_TRUE(no_result(self->line));
}

TEST_F(results, what_cannot_be_sent_is_said_at_once) {
  EXPECT_EQ(-1, write(self->line, "a\x02", 2));
  EXPECT_EQ(EILSEQ, errno);
  EXPECT_EQ(-1, write(self->line, "", 0));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_TRUE(no_result(self->line));
  // Not only when the line is at rest.
  ASSERT_NE(0, wrote(self->line, "message"));
  EXPECT_EQ(-1, write(self->line, "a\x02", 2));
  EXPECT_EQ(EILSEQ, errno);
}

// ---- notifications

TEST_F(results, notifications_are_for_who_wants_them) {
  struct llp_ioc_result r;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_EQ(EINVAL, file_set(self->other, LLP_IOC_EVENTS, LLP_EVENTS_ALL + 1));
  ASSERT_EQ(0, file_set(self->other, LLP_IOC_EVENTS, LLP_EVENTS_ALL));
  EXPECT_EQ(LLP_EVENTS_ALL, file_info(self->other).events);
  ASSERT_TRUE(x328_offers(self->wire, "message"));
  EXPECT_TRUE(polls(self->other, POLLPRI, POLLPRI));
  ASSERT_EQ(0, ioctl(self->other, LLP_IOC_RESULT, &r));
  EXPECT_EQ(LLP_RESULT_BEGIN, r.type);
  uint32_t id = r.id;
  ASSERT_TRUE(EVENTUALLY(result(self->other, LLP_RESULT_END, &r)));
  EXPECT_EQ(id, r.id);
  EXPECT_TRUE(no_result(self->line));
  ASSERT_TRUE(reads(self->line, "message"));
  ASSERT_TRUE(x328_accepted(self->wire));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  ASSERT_TRUE(EVENTUALLY(result(self->other, LLP_RESULT_LINE, &r)));
  EXPECT_EQ(0, r.flags);
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_UP));
  ASSERT_TRUE(EVENTUALLY(result(self->other, LLP_RESULT_LINE, &r)));
  EXPECT_EQ(1, r.flags);
}

TEST_F(results, notifications_that_do_not_fit_are_counted) {
  struct llp_ioc_result r;
  uint32_t missed = 0;
  uint32_t got = 0;
  ASSERT_EQ(0, file_set(self->other, LLP_IOC_EVENTS, 1U << LLP_RESULT_LINE));
  for (int i = 0; i < MANY / 2; i++) {
    ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
    ASSERT_EQ(0, ioctl(self->line, LLP_IOC_UP));
  }
  while (ioctl(self->other, LLP_IOC_RESULT, &r) == 0) {
    got++;
    missed += r.missed;
  }
  EXPECT_EQ(64, got);
  EXPECT_EQ(0, missed);
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  ASSERT_EQ(0, ioctl(self->other, LLP_IOC_RESULT, &r));
  EXPECT_EQ(MANY - 64, r.missed);
}

// ---- poll()

TEST_F(results, poll_tells_messages_to_who_may_read_them) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_TRUE(polls(self->line, POLLIN | POLLRDNORM, 0));
  ASSERT_TRUE(x328_offers(self->wire, "message"));
  EXPECT_TRUE(polls(self->line, POLLIN | POLLRDNORM, POLLIN | POLLRDNORM));
  EXPECT_TRUE(polls(self->other, POLLIN | POLLRDNORM, 0));
  // Looking changes nothing, nor does a buffer that is too small.
  char text[2];
  EXPECT_EQ(-EMSGSIZE, read_now(self->line, text, sizeof text));
  EXPECT_TRUE(polls(self->line, POLLIN, POLLIN));
  EXPECT_TRUE(reads(self->line, "message"));
  EXPECT_TRUE(polls(self->line, POLLIN, 0));
}

TEST_F(results, poll_tells_room_for_a_message) {
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_WRITES, 1));
  EXPECT_TRUE(polls(self->line, POLLOUT | POLLWRNORM, POLLOUT | POLLWRNORM));
  ASSERT_NE(0, wrote(self->line, "message"));
  EXPECT_TRUE(polls(self->line, POLLOUT, 0));
  EXPECT_TRUE(polls(self->other, POLLOUT, 0));
  EXPECT_EQ(-1, write(self->other, "more", 4));
  EXPECT_EQ(EAGAIN, errno);
  EXPECT_TRUE(x328_takes(self->wire, "message"));
  EXPECT_TRUE(polls(self->other, POLLOUT, POLLOUT));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_TRUE(polls(self->line, POLLOUT, 0));
}

TEST_F(results, poll_tells_results_to_the_file_that_wrote) {
  ASSERT_NE(0, wrote(self->line, "message"));
  EXPECT_TRUE(polls(self->line, POLLPRI, 0));
  EXPECT_TRUE(x328_takes(self->wire, "message"));
  EXPECT_TRUE(polls(self->line, POLLPRI, POLLPRI));
  EXPECT_TRUE(polls(self->other, POLLPRI, 0));
  struct llp_ioc_result r;
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_RESULT, &r));
  EXPECT_TRUE(polls(self->line, POLLPRI, 0));
}

TEST_F(results, poll_tells_the_end) {
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_TRUE(polls(self->line, POLLIN, 0));
  ASSERT_EQ(0, line_detach(self->s.tty));
  // Whatever was asked for.
  EXPECT_TRUE(polls(self->line, 0, POLLHUP | POLLERR));
  EXPECT_TRUE(polls(self->other, POLLIN | POLLOUT, POLLHUP | POLLERR));
}

TEST_F(results, poll_tells_the_end_of_waiting_for_a_reply) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  ASSERT_NE(0, wrote(self->line, "request"));
  EXPECT_TRUE(x328_takes(self->wire, "request"));
  EXPECT_TRUE(polls(self->line, POLLIN, 0));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ABORT, 0));
  EXPECT_TRUE(polls(self->line, POLLIN, POLLIN));
  char text[8];
  EXPECT_EQ(-ECANCELED, read_now(self->line, text, sizeof text));
}

TEST_F(results, edges_are_told_once_each) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  int set = epoll_create1(EPOLL_CLOEXEC);
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_EQ(0, epoll_ctl(set, EPOLL_CTL_ADD, self->line, &event));
  EXPECT_EQ(0, epoll_wait(set, &event, 1, 0));
  ASSERT_TRUE(x328_offers(self->wire, "one") && x328_accepted(self->wire));
  ASSERT_EQ(1, epoll_wait(set, &event, 1, PATIENCE_MS));
  EXPECT_EQ(EPOLLIN, event.events);
  while (epoll_wait(set, &event, 1, BRIEFLY_MS) == 1) {
    // The end of the transmission may wake once more.
  }
  // Not read yet; another one is another edge.
  ASSERT_TRUE(x328_offers(self->wire, "two") && x328_accepted(self->wire));
  EXPECT_EQ(1, epoll_wait(set, &event, 1, PATIENCE_MS));
  EXPECT_TRUE(reads(self->line, "one") && reads(self->line, "two"));
  close(set);
}

// Whoever sleeps in poll() wakes for each.
static void* wait_in_poll(void* argument) {
  struct pollfd* ready = argument;
  ready->revents = poll(ready, 1, PATIENCE_MS) == 1 ? ready->revents : 0;
  return NULL;
}

static bool sleeper(pthread_t* thread, struct pollfd* ready, int line, short events) {
  *ready = (struct pollfd){.fd = line, .events = events};
  bool started = pthread_create(thread, NULL, wait_in_poll, ready) == 0;
  pause_ms(BRIEFLY_MS);
  return started;
}

TEST_F(results, poll_wakes_sleepers) {
  struct pollfd ready;
  pthread_t thread;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_TRUE(sleeper(&thread, &ready, self->line, POLLIN));
  ASSERT_TRUE(x328_offers(self->wire, "message"));
  pthread_join(thread, NULL);
  EXPECT_EQ(POLLIN, ready.revents);
  ASSERT_TRUE(reads(self->line, "message") && x328_accepted(self->wire));

  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_WRITES, 1));
  uint32_t id = wrote(self->line, "message");
  ASSERT_NE(0, id);
  struct pollfd room;
  pthread_t writer;
  ASSERT_TRUE(sleeper(&thread, &ready, self->line, POLLPRI));
  ASSERT_TRUE(sleeper(&writer, &room, self->other, POLLOUT));
  EXPECT_TRUE(x328_takes(self->wire, "message"));
  pthread_join(thread, NULL);
  pthread_join(writer, NULL);
  EXPECT_EQ(POLLPRI, ready.revents);
  EXPECT_EQ(POLLOUT, room.revents);

  ASSERT_TRUE(sleeper(&thread, &ready, self->other, POLLIN));
  ASSERT_EQ(0, line_detach(self->s.tty));
  pthread_join(thread, NULL);
  EXPECT_EQ(POLLHUP | POLLERR, ready.revents);
}

// ---- waiting for room

static void nothing(int number) { (void)number; }

TEST_F(results, writer_waits_for_room) {
  struct call c;
  struct sigaction action = {.sa_handler = nothing};
  ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_WRITES, 1));
  ASSERT_NE(0, wrote(self->line, "first"));
  ASSERT_EQ(0, fcntl(self->other, F_SETFL, 0));
  ASSERT_TRUE(call_start(&c, self->other, "second"));
  EXPECT_TRUE(call_waits(&c));
  EXPECT_EQ(0, file_info(self->other).writes);
  ASSERT_EQ(0, pthread_kill(c.thread, SIGUSR1));
  EXPECT_EQ(-EINTR, call_end(&c));
  ASSERT_TRUE(call_start(&c, self->other, "third"));
  EXPECT_TRUE(call_waits(&c));
  EXPECT_TRUE(x328_takes(self->wire, "first"));
  EXPECT_TRUE(x328_takes(self->wire, "third"));
  EXPECT_EQ(5, call_end(&c));
  // The line goes while another waits.
  ASSERT_NE(0, wrote(self->line, "fourth"));
  ASSERT_TRUE(call_start(&c, self->other, "fifth"));
  EXPECT_TRUE(call_waits(&c));
  ASSERT_EQ(0, line_detach(self->s.tty));
  EXPECT_EQ(-ENODEV, call_end(&c));
}

TEST_F(results, bytes_of_writes_are_bound_too) {
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, 10));
  ASSERT_NE(0, wrote(self->line, "more than ten bytes"));
  EXPECT_TRUE(polls(self->line, POLLOUT, 0));
  EXPECT_EQ(-1, write(self->line, "x", 1));
  EXPECT_EQ(EAGAIN, errno);
  EXPECT_TRUE(x328_takes(self->wire, "more than ten bytes"));
  // One is always taken.
  EXPECT_TRUE(polls(self->line, POLLOUT, POLLOUT));
  EXPECT_NE(0, wrote(self->line, "more than ten bytes again"));
}

TEST_HARNESS_MAIN
