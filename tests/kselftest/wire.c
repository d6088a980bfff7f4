// SPDX-License-Identifier: GPL-2.0
// Messages over wires that damage, take little, and wake late: whole, in order, once.
#include <pthread.h>

#include "line.h"

enum { A = 0, B = 1, SMALL = 4, LARGE = 5000 };

FIXTURE(wire) {
  int tty[2];
  int line[2];
};

// The protocol's own patience, cut down: what is lost is sent again after 200 ms.
static const char* const impatience[][2] = {
    {"timer_a", "200ms"},  {"peer_timer_a", "200ms"},  {"timer_b", "150ms"},     {"timer_d", "2s"},
    {"bid_pause", "50ms"}, {"recovery_pause", "50ms"}, {"cont_primary", "50ms"}, {"cont_secondary", "100ms"},
    {"quiet", "10ms"},     {"b_margin", "50ms"},       {"retries_n", "50"},      {"retries_l", "50"},
    {"retries_m", "100"}};

FIXTURE_SETUP(wire) {
  for (int end = 0; end < 2; end++) {
    ASSERT_EQ(0, tty_control(end, "defaults\n"));
    self->tty[end] = tty_open(end, O_NONBLOCK);
    ASSERT_GE(self->tty[end], 0);
    ASSERT_EQ(0, tty_modes(self->tty[end], INPCK | BRKINT, CLOCAL, B115200));
    ASSERT_EQ(0, line_attach(self->tty[end]));
    self->line[end] = line_open(self->tty[end], 0);
    ASSERT_GE(self->line[end], 0);
    for (size_t i = 0; i < sizeof impatience / sizeof *impatience; i++) {
      ASSERT_EQ(0, line_set(self->line[end], impatience[i][0], impatience[i][1])) {
        TH_LOG("%s", impatience[i][0]);
      }
    }
    ASSERT_EQ(0, ioctl(self->line[end], LLP_IOC_UP));
  }
  ASSERT_EQ(0, ioctl(self->line[B], LLP_IOC_RECEIVE, &(__u32){1}));
}

FIXTURE_TEARDOWN(wire) {
  for (int end = 0; end < 2; end++) {
    EXPECT_EQ(0, tty_control(end, "defaults\n"));
    close(self->line[end]);
    close(self->tty[end]);
  }
}

struct reader {
  int line;
  size_t messages;
  size_t size;
  size_t wrong;  // those that were not the next one, whole
};

static void fill(unsigned char* text, size_t size, size_t number) {
  for (size_t i = 0; i < size; i++) {
    text[i] = (unsigned char)(' ' + (number * 7 + i) % 90);
  }
}

// Reads `messages` of `size` bytes, which are to come in their order, each once.
static void* read_messages(void* argument) {
  struct reader* reader = argument;
  unsigned char got[LARGE + 1];
  unsigned char expected[LARGE];
  for (size_t i = 0; i < reader->messages; i++) {
    ssize_t size = read(reader->line, got, sizeof got);
    fill(expected, reader->size, i);
    reader->wrong += size != (ssize_t)reader->size || memcmp(got, expected, reader->size) != 0;
  }
  return NULL;
}

static bool send_message(int line, size_t size, size_t number) {
  unsigned char text[LARGE];
  fill(text, size, number);
  return write(line, text, size) == (ssize_t)size;
}

// Sends messages with one fault each, at every byte of what one end receives.
static void faults_at_every_byte(struct __test_metadata* _metadata, FIXTURE_DATA(wire) * self, int end,
                                 const char* fault, const char* counter) {
  struct reader first = {.line = self->line[B], .messages = 1, .size = SMALL};
  pthread_t thread;
  // Undamaged: how many bytes there are.
  int64_t before = tty_state(end, "received");
  ASSERT_EQ(0, pthread_create(&thread, NULL, read_messages, &first));
  ASSERT_TRUE(send_message(self->line[A], SMALL, 0));
  ASSERT_EQ(0, pthread_join(thread, NULL));
  ASSERT_EQ((size_t)0, first.wrong);
  pause_ms(50);  // the end of the transmission
  size_t bytes = (size_t)(tty_state(end, "received") - before);
  ASSERT_GT(bytes, 2);
  ASSERT_LT(bytes, 50);

  struct reader reader = {.line = self->line[B], .messages = bytes, .size = SMALL};
  int64_t seen = line_counter(self->line[end], counter);
  ASSERT_EQ(0, pthread_create(&thread, NULL, read_messages, &reader));
  for (size_t at = 0; at < bytes; at++) {
    char command[32];
    snprintf(command, sizeof command, "%s %zu\n", fault, at);
    ASSERT_EQ(0, tty_control(end, command));
    EXPECT_TRUE(send_message(self->line[A], SMALL, at)) { TH_LOG("%s: %s", command, strerror(errno)); }
  }
  ASSERT_EQ(0, pthread_join(thread, NULL));
  EXPECT_EQ((size_t)0, reader.wrong);
  // The answer to the last message ends before what was to come later (a repeat may have made the first one
  // longer).
  pause_ms(BRIEFLY_MS);
  int64_t left = tty_state(end, "faults");
  ASSERT_EQ(0, tty_control(end, "clear\n"));
  EXPECT_LE(left, 2);
  int64_t expected = seen + (int64_t)bytes - left;
  EXPECT_TRUE(EVENTUALLY(line_counter(self->line[end], counter) == expected)) {
    TH_LOG("%s: %lld, not %lld", counter, (long long)line_counter(self->line[end], counter),
           (long long)expected);
  }
  // And nothing more than was sent.
  struct pollfd ready = {.fd = self->line[B], .events = POLLIN};
  EXPECT_EQ(0, poll(&ready, 1, BRIEFLY_MS));
}

#define FAULTS(name, fault, counter)                          \
  TEST_F(wire, name##_at_every_byte_of_a_message) {           \
    faults_at_every_byte(_metadata, self, B, fault, counter); \
  }                                                           \
  TEST_F(wire, name##_at_every_byte_of_the_answers) {         \
    faults_at_every_byte(_metadata, self, A, fault, counter); \
  }

FAULTS(parity_error, "parity", "parity_errors")
FAULTS(framing_error, "frame", "framing_errors")
FAULTS(overrun, "overrun", "overruns")
FAULTS(break, "break", "breaks")

// What is only slow has all the time that it needs.
static void be_patient(struct __test_metadata* _metadata, FIXTURE_DATA(wire) * self) {
  static const char* const patience[][2] = {
      {"timer_a", "100s"}, {"peer_timer_a", "100s"}, {"timer_d", "100s"}, {"timer_b", "50s"}};
  for (int end = 0; end < 2; end++) {
    ASSERT_EQ(0, ioctl(self->line[end], LLP_IOC_DOWN));
    for (size_t i = 0; i < sizeof patience / sizeof *patience; i++) {
      ASSERT_EQ(0, line_set(self->line[end], patience[i][0], patience[i][1]));
    }
    ASSERT_EQ(0, ioctl(self->line[end], LLP_IOC_UP));
  }
}

static void messages_pass(struct __test_metadata* _metadata, FIXTURE_DATA(wire) * self, const char* commands,
                          size_t messages, size_t size) {
  struct reader reader = {.line = self->line[B], .messages = messages, .size = size};
  pthread_t thread;
  be_patient(_metadata, self);
  ASSERT_EQ(0, tty_control(A, commands));
  ASSERT_EQ(0, tty_control(B, commands));
  ASSERT_EQ(0, pthread_create(&thread, NULL, read_messages, &reader));
  for (size_t i = 0; i < messages; i++) {
    EXPECT_TRUE(send_message(self->line[A], size, i)) { TH_LOG("message %zu: %s", i, strerror(errno)); }
  }
  ASSERT_EQ(0, pthread_join(thread, NULL));
  EXPECT_EQ((size_t)0, reader.wrong);
}

TEST_F(wire, writes_of_one_byte) {
  int64_t before = tty_state(A, "short_writes");
  messages_pass(_metadata, self, "accept 1\n", 3, LARGE);
  EXPECT_GT(tty_state(A, "short_writes") - before, LARGE);
}

TEST_F(wire, transmitter_for_three_bytes) { messages_pass(_metadata, self, "room 3\n", 3, 1000); }

TEST_F(wire, transmitter_for_three_bytes_and_late_wakeups) {
  messages_pass(_metadata, self, "room 3\nlate 200\n", 1, 500);
}

TEST_F(wire, paced_and_short) { messages_pass(_metadata, self, "pace 1\nroom 16\naccept 5\n", 3, 1000); }

TEST_HARNESS_MAIN
