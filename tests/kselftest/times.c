// SPDX-License-Identifier: GPL-2.0
// The protocols' timers at their real values, minutes of them: in User Mode
// Linux with time-travel=inf-cpu, where the clock goes on by itself while
// everybody sleeps and stands while somebody works. LLP_REAL_TIMES=1 waits
// for them on any kernel.
#include "rounds.h"
#include "station.h"

static bool travels(void) {
  char words[4096] = "";
  FILE* file = fopen("/proc/cmdline", "re");
  bool found = file && fgets(words, sizeof words, file) && strstr(words, "time-travel");
  if (file) {
    fclose(file);
  }
  return found;
}

// A machine that others share may be late.
static long tolerance_ms(void) { return travels() ? 100 : 3000; }

// Whether what began at `begin` took this long.
static bool took(int64_t begin, long ms) {
  int64_t span = (now_us() - begin) / 1000;
  if (span >= ms - 5 && span <= ms + tolerance_ms()) {
    return true;
  }
  printf("# took %" PRId64 " ms instead of %ld\n", span, ms);
  return false;
}

// Waits until the line says something at all.
static bool says_something(int wire, long within_ms) {
  struct pollfd ready = {.fd = wire, .events = POLLIN};
  return poll(&ready, 1, (int)within_ms) == 1;
}

FIXTURE(times) { struct station s; };

FIXTURE_SETUP(times) {
  if (!travels() && !getenv("LLP_REAL_TIMES")) {
    SKIP(return, "the clock of this kernel is that of the world");
  }
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL));
}

FIXTURE_TEARDOWN(times) { station_end(&self->s); }

// All parameters are the protocol's own.
static bool up(struct station* s, uint32_t protocol, line_params params) {
  return ioctl(s->line, LLP_IOC_DOWN) == 0 && ioctl(s->line, LLP_IOC_SET_PROTOCOL, &protocol) == 0 &&
         line_tune(s->line, params) == 0 && ioctl(s->line, LLP_IOC_UP) == 0 &&
         fcntl(s->line, F_SETFL, O_NONBLOCK) == 0 && tcflush(s->wire, TCIFLUSH) == 0;
}

static bool comes(int line, uint32_t type, long within_ms, struct llp_ioc_result* r) {
  struct pollfd ready = {.fd = line, .events = POLLPRI};
  int64_t end = now_us() + 1000 * within_ms;
  while (now_us() < end) {
    (void)poll(&ready, 1, (int)((end - now_us()) / 1000) + 1);
    if (result(line, type, r)) {
      return true;
    }
  }
  return false;
}

// Timer A is 6 s; N, the bids after silence, is 5.
TEST_F(times, bids_into_silence) {
  struct station* s = &self->s;
  struct llp_ioc_result r;
  ASSERT_TRUE(up(s, LLP_PROTOCOL_X328, NULL));
  ASSERT_EQ(4, write(s->line, "text", 4));
  ASSERT_TRUE(x328_is_bid(s->wire));
  for (int i = 0; i < 5; i++) {
    int64_t begin = now_us();
    ASSERT_TRUE(x328_is_bid(s->wire));
    EXPECT_TRUE(took(begin, 6000)) { TH_LOG("bid %d", i + 2); }
  }
  int64_t begin = now_us();
  ASSERT_TRUE(comes(s->line, LLP_RESULT_SENT, 60000, &r));
  EXPECT_TRUE(took(begin, 6000));
  EXPECT_NE(0, r.error);
  EXPECT_EQ(LLP_OUTCOME_NOT_SENT, r.outcome);
}

TEST_F(times, bids_again_after_a_refusal) {
  struct station* s = &self->s;
  ASSERT_TRUE(up(s, LLP_PROTOCOL_X328, NULL));
  ASSERT_EQ(4, write(s->line, "text", 4));
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(x328_is_bid(s->wire));
    int64_t begin = now_us();
    ASSERT_TRUE(SAYS(s->wire, NAK));
    ASSERT_TRUE(says_something(s->wire, 60000));
    EXPECT_TRUE(took(begin, 1000));
  }
}

TEST_F(times, block_is_sent_again) {
  struct station* s = &self->s;
  ASSERT_TRUE(up(s, LLP_PROTOCOL_X328, NULL));
  ASSERT_EQ(4, write(s->line, "text", 4));
  ASSERT_TRUE(x328_grants(s->wire));
  ASSERT_TRUE(x328_hears(s->wire, 1, "text", true));
  for (int i = 0; i < 5; i++) {
    int64_t begin = now_us();
    ASSERT_TRUE(says_something(s->wire, 60000));
    EXPECT_TRUE(took(begin, 6000));
    ASSERT_TRUE(x328_hears(s->wire, 1, "text", true));
  }
}

// Timer D: 30 s of silence between blocks.
TEST_F(times, sender_falls_silent) {
  struct station* s = &self->s;
  struct llp_ioc_result r;
  ASSERT_TRUE(up(s, LLP_PROTOCOL_X328, NULL));
  ASSERT_EQ(0, file_set(s->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(s->line, LLP_IOC_EVENTS, LLP_EVENTS_ALL));
  ASSERT_TRUE(x328_bids(s->wire));
  ASSERT_TRUE(x328_says(s->wire, 1, "MSH|\r", false));
  ASSERT_TRUE(HEARS(s->wire, ACK(1)));
  int64_t begin = now_us();
  ASSERT_TRUE(comes(s->line, LLP_RESULT_CANCELLED, 120000, &r));
  EXPECT_TRUE(took(begin, 30000));
}

TEST_HARNESS_MAIN
