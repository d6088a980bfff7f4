// SPDX-License-Identifier: GPL-2.0
// The bounds of a line: a full one is not ready, and loses nothing.
#include "station.h"

FIXTURE(limits) {
  struct station s;
  int line;
  int wire;
};

FIXTURE_SETUP(limits) {
  static line_params size = {{"max_message", "100"}, {"max_rx_text", "60"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, size)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  self->wire = self->s.wire;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
}

FIXTURE_TEARDOWN(limits) { station_end(&self->s); }

// `size` characters, a new one at each call.
static const char* text_of(size_t size) {
  static char text[2048];
  static char letter = 'a';
  memset(text, letter++, size);
  text[size] = 0;
  return text;
}

// ---- one message

TEST_F(limits, largest_message_passes) {
  char text[101];
  char block[61];
  memset(text, 'x', 100);
  text[100] = block[50] = 0;
  memset(block, 'x', 50);
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, block, false) && HEARS(self->wire, ACK(1)));
  ASSERT_TRUE(x328_says(self->wire, 2, block, true) && HEARS(self->wire, ACK(2)));
  EXPECT_TRUE(reads(self->line, text));
}

TEST_F(limits, larger_message_is_interrupted) {
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, text_of(60), false) &&
              HEARS(self->wire, ACK(1)));
  ASSERT_TRUE(x328_says(self->wire, 2, text_of(41), true) && HEARS(self->wire, EOT));
  EXPECT_EQ(0, waiting(self->line));
  EXPECT_EQ(0, line_info(self->line).bytes);
  ASSERT_TRUE(x328_offers(self->wire, "text") && x328_accepted(self->wire));
}

TEST_F(limits, larger_block_is_rejected) {
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, text_of(61), true) && HEARS(self->wire, NAK));
  EXPECT_EQ(1, line_counter(self->line, "nak_too_long"));
  ASSERT_TRUE(x328_says(self->wire, 1, "text", true) && x328_accepted(self->wire));
}

// ---- messages that wait

// Whether a bid is refused now.
static bool full(int wire) { return SAYS(wire, ENQ) && HEARS(wire, NAK); }

TEST_F(limits, as_many_messages_wait_as_may) {
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_MESSAGES, 2));
  ASSERT_TRUE(x328_offers(self->wire, "one") && x328_accepted(self->wire));
  EXPECT_EQ(LLP_INFO_READY, line_info(self->line).flags & LLP_INFO_READY);
  ASSERT_TRUE(x328_offers(self->wire, "two") && x328_accepted(self->wire));
  EXPECT_EQ(0, line_info(self->line).flags & LLP_INFO_READY);
  EXPECT_TRUE(full(self->wire) && full(self->wire));
  EXPECT_EQ(2, line_info(self->line).messages);
  // One that is read makes room for one.
  EXPECT_TRUE(reads(self->line, "one"));
  ASSERT_TRUE(x328_offers(self->wire, "three") && x328_accepted(self->wire));
  EXPECT_TRUE(full(self->wire));
  EXPECT_TRUE(reads(self->line, "two") && reads(self->line, "three"));
  EXPECT_EQ(0, line_info(self->line).bytes);
  EXPECT_EQ(0, line_counter(self->line, "messages_refused"));
}

TEST_F(limits, message_in_hand_counts) {
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_MESSAGES, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT));
  ASSERT_TRUE(x328_offers(self->wire, "text"));
  EXPECT_TRUE(reads(self->line, "text"));
  EXPECT_EQ(1, line_info(self->line).messages);
  EXPECT_EQ(LLP_SETTLED_ACKNOWLEDGED, verdict(self->line, file_info(self->line).in_hand, LLP_VERDICT_ACCEPT));
  EXPECT_TRUE(x328_accepted(self->wire));
  EXPECT_EQ(0, line_info(self->line).messages);
}

TEST_F(limits, bytes_that_wait_are_bound_and_the_one_that_crosses_is_kept) {
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, 1));
  ASSERT_TRUE(x328_offers(self->wire, "one") && x328_accepted(self->wire));
  EXPECT_LT(3, line_info(self->line).bytes);
  EXPECT_GT(300, line_info(self->line).bytes);
  EXPECT_TRUE(full(self->wire));
  EXPECT_TRUE(reads(self->line, "one"));
  ASSERT_TRUE(x328_offers(self->wire, "two") && x328_accepted(self->wire));
}

TEST_F(limits, wider_bounds_hold_at_once) {
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_MESSAGES, 1));
  ASSERT_TRUE(x328_offers(self->wire, "one") && x328_accepted(self->wire));
  EXPECT_TRUE(full(self->wire));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_MESSAGES, 2));
  ASSERT_TRUE(x328_offers(self->wire, "two") && x328_accepted(self->wire));
}

TEST_F(limits, line_that_became_full_gains_time_and_takes_what_began) {
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_MESSAGES, 1));
  // Granted while there was room: the message comes.
  ASSERT_TRUE(x328_bids(self->wire) && x328_says(self->wire, 1, "part", false) && HEARS(self->wire, ACK(1)));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, 1));
  ASSERT_TRUE(x328_says(self->wire, 2, "rest", true) && HEARS(self->wire, ACK(2)) && SAYS(self->wire, EOT));
  EXPECT_TRUE(full(self->wire));
  EXPECT_TRUE(reads(self->line, "partrest"));
}

// ---- messages that are written

static int wrote(int line, const char* text) { return write(line, text, strlen(text)) < 0 ? errno : 0; }

TEST_F(limits, what_cannot_be_sent_takes_no_room) {
  ASSERT_EQ(0, fcntl(self->line, F_SETFL, O_NONBLOCK));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, 150));
  char bad[61];
  memset(bad, 0x02, 60);
  bad[60] = 0;
  for (int i = 0; i < 5; i++) {
    ASSERT_EQ(EILSEQ, wrote(self->line, bad));
  }
  EXPECT_EQ(0, wrote(self->line, text_of(60)));
  EXPECT_EQ(0, wrote(self->line, text_of(60)));
  EXPECT_EQ(EAGAIN, wrote(self->line, text_of(60)));
}

// ---- the other protocols' words for it

TEST(full_mllp_2_refuses_the_commit) {
  static line_params release = {{"release", "2"}, {NULL, NULL}};
  struct station s;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_MLLP, release)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_EQ(0, line_options(s.line, LLP_OPTION_MAX_MESSAGES, 1));
  ASSERT_TRUE(mllp_says(s.wire, "one") && HEARS(s.wire, COMMIT_ACK));
  ASSERT_TRUE(mllp_says(s.wire, "two") && HEARS(s.wire, COMMIT_NAK));
  EXPECT_TRUE(reads(s.line, "one"));
  ASSERT_TRUE(mllp_says(s.wire, "two") && HEARS(s.wire, COMMIT_ACK));
  EXPECT_TRUE(reads(s.line, "two"));
  station_end(&s);
}

TEST(full_hllp_says_n) {
  struct station s;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_HLLP, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, line_options(s.line, LLP_OPTION_MAX_MESSAGES, 1));
  ASSERT_TRUE(hllp_says(s.wire, 'D', "one\r"));
  ASSERT_TRUE(EVENTUALLY(waiting(s.line) == 4));
  ASSERT_TRUE(hllp_says(s.wire, 'D', "two\r") && hllp_hears(s.wire, 'N', "G"));
  EXPECT_TRUE(reads(s.line, "one\r"));
  EXPECT_EQ(0, verdict(s.line, file_info(s.line).last_read, LLP_VERDICT_FORGET));
  ASSERT_TRUE(hllp_says(s.wire, 'D', "two\r"));
  EXPECT_TRUE(reads(s.line, "two\r"));
  station_end(&s);
}

// MLLP 1 has no word for it: what comes is kept, up to the bound of bytes.
TEST(full_mllp_1_keeps_what_comes) {
  struct station s;
  ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_MLLP, NULL)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, line_options(s.line, LLP_OPTION_MAX_MESSAGES, 1));
  ASSERT_TRUE(mllp_says(s.wire, "one") && mllp_says(s.wire, "two") && mllp_says(s.wire, "three"));
  ASSERT_TRUE(EVENTUALLY(line_info(s.line).messages == 3));
  EXPECT_TRUE(reads(s.line, "one") && reads(s.line, "two") && reads(s.line, "three"));
  EXPECT_EQ(0, line_counter(s.line, "messages_refused"));
  // Beyond it, it is told.
  ASSERT_EQ(0, line_options(s.line, LLP_OPTION_MAX_BYTES, 1));
  ASSERT_TRUE(mllp_says(s.wire, "four") && mllp_says(s.wire, "five"));
  ASSERT_TRUE(EVENTUALLY(line_counter(s.line, "rx_messages") + line_counter(s.line, "rx_cancelled") +
                             line_counter(s.line, "nak_busy") + line_counter(s.line, "messages_refused") >=
                         4));
  EXPECT_TRUE(reads(s.line, "four"));
  EXPECT_EQ(0, waiting(s.line));
  station_end(&s);
}

TEST_HARNESS_MAIN
