// SPDX-License-Identifier: GPL-2.0
// LLP_IOC_FLOW: messages that pass block by block, with what became of them in its place.
#include <sys/mman.h>

#include "slow.h"
#include "station.h"

enum { BUDGET = 2000, BLOCK = 900, BLOCKS = 12 };

FIXTURE(records) {
  struct station s;
  int line;
  int wire;
};

FIXTURE_SETUP(records) {
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 1));
}

FIXTURE_TEARDOWN(records) { station_end(&self->s); }

struct record {
  struct llp_record head;
  char text[8192];
  int error;
};

// Reads a record; its type, or -1 at the end, or -errno - 1.
static int next(int line, struct record* r, size_t size) {
  struct {
    struct llp_record head;
    char text[8192];
  } got;
  ssize_t n = read(line, &got, size);
  r->head = got.head;
  r->error = n < 0 ? errno : 0;
  if (n <= 0) {
    return -1 - r->error;
  }
  if (n != (ssize_t)(sizeof got.head + (got.head.type == LLP_RECORD_DATA ? got.head.len : 0))) {
    return -100000;
  }
  memcpy(r->text, got.text, sizeof r->text);
  r->text[n - (ssize_t)sizeof got.head] = 0;
  return (int)got.head.type;
}

static int record(int line, struct record* r) { return next(line, r, sizeof r->head + sizeof r->text - 1); }

// No record waits.
static bool none(int line) {
  char text[64];
  return waiting(line) == 0 && read_now(line, text, sizeof text) == -EAGAIN;
}

// ---- in their places

TEST_F(records, begin_data_end) {
  struct record r;
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "first ", false) &&
              HEARS(self->wire, ACK(1)));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  uint32_t id = r.head.id;
  EXPECT_NE(0, id);
  EXPECT_NE(0, r.head.time);
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  EXPECT_EQ(id, r.head.id);
  EXPECT_STREQ("first ", r.text);
  EXPECT_TRUE(none(self->line));
  ASSERT_TRUE(x328_says(self->wire, 2, "second", true));
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  EXPECT_STREQ("second", r.text);
  // Its sender waits until the end is read.
  EXPECT_TRUE(silent(self->wire));
  EXPECT_EQ((int)sizeof r.head, waiting(self->line));
  ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
  EXPECT_EQ(id, r.head.id);
  EXPECT_EQ(12, r.head.len);
  EXPECT_EQ(LLP_MSG_PENDING, r.head.flags);
  EXPECT_TRUE(HEARS(self->wire, ACK(2)));
  EXPECT_TRUE(none(self->line));
}

TEST_F(records, commit_waits_for_the_verdict) {
  struct record r;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  for (uint32_t what = LLP_VERDICT_ACCEPT; what <= LLP_VERDICT_REJECT; what += 2) {
    ASSERT_TRUE(x328_offers(self->wire, "text"));
    ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
    ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
    ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
    EXPECT_TRUE(silent(self->wire));
    EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, r.head.id, what));
    EXPECT_TRUE(what == LLP_VERDICT_REJECT ? HEARS(self->wire, EOT) : x328_accepted(self->wire));
  }
}

TEST_F(records, arrival_does_not_wait) {
  struct record r;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
}

TEST_F(records, empty_message_is_never_seen) {
  ASSERT_TRUE(x328_offers(self->wire, "") && x328_accepted(self->wire));
  EXPECT_TRUE(none(self->line));
}

TEST_F(records, small_buffers_get_pieces) {
  struct record r;
  char text[16] = "";
  ASSERT_TRUE(x328_offers(self->wire, "a longer text"));
  // Not even a header fits.
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == (int)sizeof r.head));
  EXPECT_EQ(-EMSGSIZE, read_now(self->line, &r, sizeof r.head - 1));
  ASSERT_EQ(LLP_RECORD_BEGIN, next(self->line, &r, sizeof r.head));
  EXPECT_EQ((int)sizeof r.head + 13, waiting(self->line));
  // No room for a byte of text.
  EXPECT_EQ(-EMSGSIZE, read_now(self->line, &r, sizeof r.head));
  for (int left = 13; left > 0; left -= 5) {
    ASSERT_EQ(LLP_RECORD_DATA, next(self->line, &r, sizeof r.head + 5));
    EXPECT_EQ(left > 5 ? 5 : left, r.head.len);
    strcat(text, r.text);
  }
  EXPECT_STREQ("a longer text", text);
  ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
}

TEST_F(records, bad_address_keeps_the_record) {
  struct record r;
  char* nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  static const int types[] = {LLP_RECORD_BEGIN, LLP_RECORD_DATA, LLP_RECORD_END};
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(EVENTUALLY(waiting(self->line) > 0));
    EXPECT_EQ(-EFAULT, read_now(self->line, nowhere, 4096));
    EXPECT_EQ(types[i], record(self->line, &r));
  }
  EXPECT_TRUE(x328_accepted(self->wire));
  munmap(nowhere, 4096);
}

TEST_F(records, message_that_is_cancelled_says_so) {
  struct record r;
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  uint32_t id = r.head.id;
  ASSERT_TRUE(SAYS(self->wire, EOT));
  // What of it was not read is not seen any more.
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == (int)sizeof r.head));
  ASSERT_EQ(LLP_RECORD_CANCEL, record(self->line, &r));
  EXPECT_EQ(id, r.head.id);
  EXPECT_NE(0, r.head.error);
  EXPECT_EQ(0, r.head.flags);
  EXPECT_TRUE(none(self->line));
  EXPECT_EQ(0, line_info(self->line).bytes);
}

TEST_F(records, message_that_was_not_looked_at_is_cancelled_silently) {
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) > 0));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  EXPECT_TRUE(EVENTUALLY(none(self->line)));
  EXPECT_EQ(0, line_info(self->line).bytes);
}

TEST_F(records, message_that_is_cancelled_at_its_end_says_so) {
  struct record r;
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == (int)sizeof r.head));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_cancelled") == 1));
  EXPECT_EQ(LLP_RECORD_CANCEL, record(self->line, &r));
  EXPECT_TRUE(none(self->line));
}

// What became of the first is not told of the one that began meanwhile.
TEST_F(records, message_that_is_cancelled_while_its_end_is_copied_leaves_the_next_alone) {
  struct record r;
  struct slow slow;
  ASSERT_TRUE(slow_begin(&slow)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  uint32_t id = r.head.id;
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  ASSERT_TRUE(slow_start(&slow, self->line));
  ASSERT_TRUE(SAYS(self->wire, EOT));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_cancelled") == 1));
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "next ", false) && HEARS(self->wire, ACK(1)));
  ASSERT_TRUE(slow_goes_on(&slow));
  EXPECT_EQ((int)sizeof r.head, call_end(&slow.c));
  struct llp_record* first = (struct llp_record*)slow.page;
  EXPECT_EQ(LLP_RECORD_CANCEL, first->type);
  EXPECT_EQ(id, first->id);
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  id = r.head.id;
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  ASSERT_TRUE(x328_says(self->wire, 2, "one", true));
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
  EXPECT_EQ(id, r.head.id);
  EXPECT_EQ(8, r.head.len);
  EXPECT_TRUE(HEARS(self->wire, ACK(2)));
  slow_end(&slow);
}

TEST_F(records, line_that_goes_cancels_and_then_ends) {
  struct record r;
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  ASSERT_EQ(0, line_detach(self->s.tty));
  EXPECT_EQ(LLP_RECORD_CANCEL, record(self->line, &r));
  EXPECT_EQ(ENODEV, r.head.error);
  EXPECT_EQ(-1, record(self->line, &r));
}

TEST_F(records, receiver_can_stop_what_arrives) {
  struct record r;
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_ABORT_RECEIVE));
  ASSERT_TRUE(x328_says(self->wire, 2, "more", true) && HEARS(self->wire, EOT));
  EXPECT_EQ(LLP_RECORD_CANCEL, record(self->line, &r));
}

// ---- larger than what a line holds

TEST_F(records, message_larger_than_the_budget_passes_and_waits_for_its_reader) {
  static char text[BLOCK + 1];
  struct record r;
  size_t read_size = 0;
  uint32_t most = 0;
  memset(text, 'x', BLOCK);
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, BUDGET));
  ASSERT_TRUE(x328_bids(self->wire));
  for (int i = 1; i <= BLOCKS; i++) {
    char ack[4] = {0x10, (char)('0' + i % 8), '\r', 0};
    text[0] = (char)('a' + i);
    ASSERT_TRUE(x328_says(self->wire, i % 8, text, i == BLOCKS));
    struct pollfd answer = {.fd = self->wire, .events = POLLIN};
    uint32_t bytes = line_info(self->line).bytes;
    most = bytes > most ? bytes : most;
    // Without room the answer waits until somebody reads.
    while (poll(&answer, 1, BRIEFLY_MS) == 0) {
      EXPECT_LE(i == BLOCKS ? 0 : BUDGET, line_info(self->line).bytes);
      if (record(self->line, &r) == LLP_RECORD_DATA) {
        EXPECT_EQ((char)('a' + 1 + read_size / BLOCK), r.text[0]);
        read_size += r.head.len;
      }
    }
    ASSERT_TRUE(hears(self->wire, ack, 3));
  }
  EXPECT_EQ(LLP_RECORD_END, r.head.type);
  EXPECT_EQ(BLOCK * BLOCKS, r.head.len);
  EXPECT_EQ(BLOCK * BLOCKS, read_size);
  EXPECT_LT(BUDGET / 2, most);
  // One block was acknowledged for the room there was before it, another waits.
  EXPECT_GE(BUDGET + 2 * (BLOCK + 100), most);
}

TEST_F(records, full_line_gains_time_and_gives_up_the_protocols_way) {
  static line_params hurried = {{"peer_timer_a", "50ms"}, {"retries_l", "3"}, {NULL, NULL}};
  struct record r;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 0));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  ASSERT_EQ(0, line_tune(self->line, hurried));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_UP));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 1));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, 1));
  // A bid is refused only while something waits.
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(x328_says(self->wire, 2, "more", false));
    ASSERT_TRUE(HEARS(self->wire, NAK));
  }
  ASSERT_TRUE(x328_says(self->wire, 2, "more", false));
  ASSERT_TRUE(HEARS(self->wire, EOT));
  EXPECT_TRUE(EVENTUALLY(none(self->line)));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, BUDGET));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
}

// ---- on and off

TEST_F(records, belong_to_one_file) {
  int other = line_open(self->s.tty, 0);
  EXPECT_EQ(LLP_FILE_RECEIVER | LLP_FILE_FLOW, file_info(self->line).flags);
  EXPECT_EQ(LLP_INFO_FLOW, line_info(self->line).flags & LLP_INFO_FLOW);
  EXPECT_EQ(EBUSY, file_set(other, LLP_IOC_FLOW, 1));
  EXPECT_EQ(EBUSY, file_set(other, LLP_IOC_FLOW, 0));
  EXPECT_EQ(EBUSY, file_set(other, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED));
  EXPECT_EQ(EINVAL, file_set(self->line, LLP_IOC_FLOW, 2));
  EXPECT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 1));
  close(other);
}

TEST_F(records, turned_off_mid_message_it_is_given_up_and_the_next_is_whole) {
  struct record r;
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 0));
  EXPECT_EQ(LLP_FILE_RECEIVER, file_info(self->line).flags);
  EXPECT_EQ(0, waiting(self->line));
  ASSERT_TRUE(x328_says(self->wire, 2, "rest", true) && HEARS(self->wire, EOT));
  ASSERT_TRUE(x328_offers(self->wire, "whole"));
  EXPECT_TRUE(reads(self->line, "whole"));
  EXPECT_TRUE(x328_accepted(self->wire));
}

TEST_F(records, not_while_a_message_arrives_or_waits) {
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 0));
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  EXPECT_EQ(EBUSY, file_set(self->line, LLP_IOC_FLOW, 1));
  ASSERT_TRUE(x328_says(self->wire, 2, "rest", true));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 8));
  EXPECT_EQ(EBUSY, file_set(self->line, LLP_IOC_FLOW, 1));
  EXPECT_TRUE(reads(self->line, "partrest"));
  ASSERT_TRUE(HEARS(self->wire, ACK(2)) && SAYS(self->wire, EOT));
  EXPECT_TRUE(EVENTUALLY(file_set(self->line, LLP_IOC_FLOW, 1) == 0));
}

TEST_F(records, closing_turns_them_off) {
  int other = line_open(self->s.tty, 0);
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  close(self->line);
  self->s.line = other;
  EXPECT_EQ(0, line_info(other).flags & (LLP_INFO_FLOW | LLP_INFO_RECEIVER));
  EXPECT_EQ(0, line_info(other).bytes);
  ASSERT_TRUE(x328_says(self->wire, 2, "rest", true) && HEARS(self->wire, EOT));
  EXPECT_EQ(0, file_set(other, LLP_IOC_RECEIVE, 1));
}

// ---- a protocol that passes text on before it is whole

FIXTURE(stream) {
  struct station s;
  int line;
  int wire;
};

FIXTURE_SETUP(stream) {
  static line_params vt = {{"vt", "restart"}, {"t_in", "100s"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_MLLP, vt)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 1));
}

FIXTURE_TEARDOWN(stream) { station_end(&self->s); }

// The text of this many bytes, in as many records as it takes.
static bool texts(int line, const char* text) {
  struct record r;
  size_t n = 0;
  while (n < strlen(text)) {
    int type = record(line, &r);
    if (type != LLP_RECORD_DATA) {
      printf("# record %d, error %d, after %zu bytes\n", type, (int)r.head.error, n);
      return false;
    }
    if (memcmp(r.text, text + n, r.head.len) != 0) {
      return false;
    }
    n += r.head.len;
  }
  return n == strlen(text);
}

TEST_F(stream, message_that_starts_again_says_so) {
  static char wrong[3001];
  struct record r;
  memset(wrong, 'w', sizeof wrong - 1);
  ASSERT_TRUE(SAYS(self->wire, "\x0b") && says(self->wire, wrong, sizeof wrong - 1));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  uint32_t id = r.head.id;
  // Text is passed on in pieces before it is whole.
  ASSERT_EQ(LLP_RECORD_DATA, record(self->line, &r));
  EXPECT_EQ('w', r.text[0]);
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_bytes") == sizeof wrong));
  ASSERT_TRUE(SAYS(self->wire, "\x0bright\x1c\r"));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_messages") == 1));
  ASSERT_EQ(LLP_RECORD_RESTART, record(self->line, &r));
  EXPECT_EQ(id, r.head.id);
  EXPECT_TRUE(texts(self->line, "right"));
  ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
  EXPECT_EQ(5, r.head.len);
}

TEST_F(stream, message_that_starts_again_before_it_is_read_is_seen_once) {
  struct record r;
  ASSERT_TRUE(SAYS(self->wire, "\x0bwrong"));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_bytes") == 6));
  ASSERT_TRUE(SAYS(self->wire, "\x0bright\x1c\r"));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_messages") == 1));
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  EXPECT_TRUE(texts(self->line, "right"));
  ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
}

// Each byte that comes alone would need a record alone.
TEST_F(stream, bytes_that_trickle_in_cost_what_they_hold) {
  enum { BYTES = 500 };
  char text[BYTES + 1];
  struct record r;
  ASSERT_TRUE(SAYS(self->wire, "\x0b"));
  for (int i = 0; i < BYTES; i++) {
    text[i] = (char)('a' + i % 26);
    ASSERT_TRUE(says(self->wire, text + i, 1));
    ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_bytes") == i + 2));
  }
  text[BYTES] = 0;
  ASSERT_TRUE(SAYS(self->wire, "\x1c\r"));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "rx_messages") == 1));
  EXPECT_GE(2 * BYTES, line_info(self->line).bytes);
  ASSERT_EQ(LLP_RECORD_BEGIN, record(self->line, &r));
  EXPECT_TRUE(texts(self->line, text));
  ASSERT_EQ(LLP_RECORD_END, record(self->line, &r));
  EXPECT_EQ(BYTES, r.head.len);
}

TEST_HARNESS_MAIN
