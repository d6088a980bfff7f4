// SPDX-License-Identifier: GPL-2.0
// ioctl() on a line: rights, addresses, numbers, and what still works when the line is gone.
#include <sys/mman.h>

#include "station.h"

struct row {
  unsigned int call;
  const char* name;
  bool reads;   // needs a file that is open for reading
  bool writes;  // needs one that is open for writing
  bool dead;    // works when the line is gone
};

static const struct row rows[] = {
    {LLP_IOC_INFO, "INFO", false, false, false},
    {LLP_IOC_FILE, "FILE", false, false, true},
    {LLP_IOC_UP, "UP", false, true, false},
    {LLP_IOC_DOWN, "DOWN", false, true, false},
    {LLP_IOC_SET_PROTOCOL, "SET_PROTOCOL", false, true, false},
    {LLP_IOC_GET_PARAM, "GET_PARAM", false, false, false},
    {LLP_IOC_SET_PARAM, "SET_PARAM", false, true, false},
    {LLP_IOC_GET_OPTIONS, "GET_OPTIONS", false, false, false},
    {LLP_IOC_SET_OPTIONS, "SET_OPTIONS", false, true, false},
    {LLP_IOC_COUNTER, "COUNTER", false, false, false},
    {LLP_IOC_TURNAROUND, "TURNAROUND", false, false, false},
    {LLP_IOC_LOST, "LOST", true, false, false},
    {LLP_IOC_RECEIVE, "RECEIVE", true, false, false},
    {LLP_IOC_READY, "READY", true, false, false},
    {LLP_IOC_POLICY, "POLICY", true, false, false},
    {LLP_IOC_FLOW, "FLOW", true, false, false},
    {LLP_IOC_MESSAGE, "MESSAGE", true, false, true},
    {LLP_IOC_VERDICT, "VERDICT", true, false, true},
    {LLP_IOC_RELEASE, "RELEASE", true, false, true},
    {LLP_IOC_ABORT_RECEIVE, "ABORT_RECEIVE", true, false, false},
    {LLP_IOC_TURN, "TURN", true, false, false},
    {LLP_IOC_EXPECT, "EXPECT", false, true, false},
    {LLP_IOC_ANSWER, "ANSWER", false, true, false},
    {LLP_IOC_RESULT, "RESULT", false, false, true},
    {LLP_IOC_ABORT, "ABORT", false, true, false},
    {LLP_IOC_EVENTS, "EVENTS", false, false, false},
};

enum { ROWS = sizeof rows / sizeof *rows };

FIXTURE(calls) {
  struct station s;
  char path[32];
  int reader;
  int writer;
  int line;
};

FIXTURE_SETUP(calls) {
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL)) { TH_LOG("%s", strerror(errno)); }
  self->line = self->s.line;
  ASSERT_TRUE(line_path(self->s.tty, self->path));
  self->reader = open(self->path, O_RDONLY | O_CLOEXEC);
  self->writer = open(self->path, O_WRONLY | O_CLOEXEC);
  ASSERT_GE(self->reader, 0);
  ASSERT_GE(self->writer, 0);
}

FIXTURE_TEARDOWN(calls) {
  close(self->reader);
  close(self->writer);
  station_end(&self->s);
}

// The errno of a call with an argument of zeros.
static int error_of(int line, unsigned int call) {
  _Alignas(8) unsigned char argument[256] = {0};
  return ioctl(line, call, argument) == 0 ? 0 : errno;
}

TEST_F(calls, need_the_right_to_read_or_to_write) {
  for (int i = 0; i < ROWS; i++) {
    EXPECT_EQ(rows[i].writes, error_of(self->reader, rows[i].call) == EBADF) { TH_LOG("%s", rows[i].name); }
    EXPECT_EQ(rows[i].reads, error_of(self->writer, rows[i].call) == EBADF) { TH_LOG("%s", rows[i].name); }
    EXPECT_NE(EBADF, error_of(self->line, rows[i].call)) { TH_LOG("%s", rows[i].name); }
  }
  char byte = 'x';
  EXPECT_EQ(-1, write(self->reader, &byte, 1));
  EXPECT_EQ(EBADF, errno);
  EXPECT_EQ(-1, read(self->writer, &byte, 1));
  EXPECT_EQ(EBADF, errno);
}

TEST_F(calls, check_their_addresses) {
  char* nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < ROWS; i++) {
    if (_IOC_SIZE(rows[i].call) == 0) {
      continue;
    }
    int result = ioctl(self->line, rows[i].call, nowhere);
    // The number of a call that hands something out only is looked at first.
    bool nothing = rows[i].call == LLP_IOC_RESULT;
    EXPECT_EQ(-1, result) { TH_LOG("%s", rows[i].name); }
    EXPECT_EQ(nothing ? EAGAIN : EFAULT, errno) { TH_LOG("%s", rows[i].name); }
  }
  EXPECT_EQ(-1, ioctl(self->line, FIONREAD, nowhere));
  EXPECT_EQ(EFAULT, errno);
  struct llp_ioc_lost lost = {.data = (uintptr_t)nowhere, .size = 100};
  ASSERT_TRUE(SAYS(self->s.wire, "lost"));
  ASSERT_TRUE(EVENTUALLY(line_counter(self->line, "lost_bytes") == 4));
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_LOST, &lost));
  EXPECT_EQ(EFAULT, errno);
  munmap(nowhere, 4096);
}

TEST_F(calls, that_do_not_exist_are_enotty) {
  static const unsigned int others[] = {_IO(LLP_IOC_MAGIC, 0x1f), _IO(LLP_IOC_MAGIC, 0x25),
                                        _IO(LLP_IOC_MAGIC, 0xff), _IO('T', 0xff), TIOCGWINSZ};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    EXPECT_EQ(ENOTTY, error_of(self->line, others[i]));
  }
  // A known number with another size is another call.
  EXPECT_EQ(ENOTTY, error_of(self->line, _IOW(LLP_IOC_MAGIC, 0x10, __u64)));
}

TEST_F(calls, on_a_line_that_is_gone) {
  ASSERT_EQ(0, line_detach(self->s.tty));
  for (int i = 0; i < ROWS; i++) {
    int error = error_of(self->line, rows[i].call);
    EXPECT_EQ(rows[i].dead, error != ENODEV) { TH_LOG("%s: %s", rows[i].name, strerror(error)); }
  }
  EXPECT_EQ(0, waiting(self->line));
}

TEST_F(calls, reserved_members_are_zero) {
  struct llp_ioc_options options = {.reserved = {0, 0, 1}};
  struct llp_ioc_param param = {.name = "timer_a", .reserved = 1};
  struct llp_ioc_counter counter = {.reserved = 1};
  struct llp_ioc_info info;
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_SET_OPTIONS, &options));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_GET_PARAM, &param));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_SET_PARAM, &param));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_COUNTER, &counter));
  EXPECT_EQ(EINVAL, errno);
  memset(&info, 0xff, sizeof info);
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_INFO, &info));
  EXPECT_EQ(0, info.reserved[0] | info.reserved[1] | info.reserved[2]);
}

// ---- up, down, protocol and parameters

TEST_F(calls, line_goes_up_and_down) {
  EXPECT_EQ(EALREADY, error_of(self->line, LLP_IOC_UP));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_EQ(EALREADY, error_of(self->line, LLP_IOC_DOWN));
  EXPECT_STREQ("down", line_info(self->line).state);
  // Down is silent.
  ASSERT_TRUE(SAYS(self->s.wire, ENQ));
  EXPECT_TRUE(silent(self->s.wire));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_UP));
  ASSERT_TRUE(SAYS(self->s.wire, ENQ));
  EXPECT_TRUE(HEARS(self->s.wire, NAK));
}

TEST_F(calls, counters_count_since_the_line_was_attached) {
  for (int i = 1; i <= 3; i++) {
    ASSERT_TRUE(SAYS(self->s.wire, "lost"));
    EXPECT_TRUE(EVENTUALLY(line_counter(self->line, "lost_bytes") == 4 * i));
    ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
    EXPECT_EQ(4 * i, line_counter(self->line, "lost_bytes"));
    ASSERT_EQ(0, ioctl(self->line, LLP_IOC_UP));
  }
}

TEST_F(calls, set_up_is_for_a_line_that_is_down) {
  EXPECT_EQ(EBUSY, file_set(self->line, LLP_IOC_SET_PROTOCOL, LLP_PROTOCOL_HLLP));
  EXPECT_EQ(EBUSY, line_set(self->line, "timer_a", "9s"));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_EQ(0, line_set(self->line, "timer_a", "9s"));
  EXPECT_EQ(ENOENT, line_set(self->line, "timer_z", "9s"));
  EXPECT_EQ(ENOENT, line_set(self->line, "nak_wait", "9s"));
  EXPECT_EQ(EINVAL, line_set(self->line, "timer_a", "soon"));
  EXPECT_EQ(ERANGE, line_set(self->line, "timer_a", "0"));
  EXPECT_EQ(ERANGE, line_set(self->line, "timer_a", "3601s"));
  // Each is good, together they are not: the line stays down.
  EXPECT_EQ(0, line_set(self->line, "timer_b", "10s"));
  EXPECT_EQ(EINVAL, error_of(self->line, LLP_IOC_UP));
  EXPECT_STREQ("down", line_info(self->line).state);
  EXPECT_EQ(EINVAL, file_set(self->line, LLP_IOC_SET_PROTOCOL, 3));
  // A protocol comes with its defaults.
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_SET_PROTOCOL, LLP_PROTOCOL_X328));
  struct llp_ioc_param param = {.name = "timer_a"};
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_GET_PARAM, &param));
  EXPECT_STREQ("6s", param.value);
  EXPECT_EQ(0, ioctl(self->line, LLP_IOC_UP));
}

TEST_F(calls, parameters_can_be_listed) {
  struct llp_ioc_param named;
  struct llp_ioc_param param = {0};
  int seen = 0;
  for (; ioctl(self->line, LLP_IOC_GET_PARAM, &param) == 0; param.index++) {
    named = (struct llp_ioc_param){0};
    memcpy(named.name, param.name, sizeof named.name);
    ASSERT_EQ(0, ioctl(self->line, LLP_IOC_GET_PARAM, &named)) { TH_LOG("%s", param.name); }
    EXPECT_STREQ(param.value, named.value);
    EXPECT_NE(0, param.value[0]);
    memset(param.name, 0, sizeof param.name);
    seen++;
  }
  EXPECT_EQ(ENOENT, errno);
  EXPECT_LT(30, seen);
  memset(param.name, 'x', sizeof param.name);
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_GET_PARAM, &param));
  EXPECT_EQ(EINVAL, errno);
}

TEST_F(calls, options_are_checked_and_change_nothing_when_wrong) {
  static const struct {
    uint32_t mask;
    uint32_t value;
    int error;
  } wrong[] = {{LLP_OPTION_MAX_MESSAGES, 0, ERANGE}, {LLP_OPTION_MAX_MESSAGES, 1025, ERANGE},
               {LLP_OPTION_MAX_WRITES, 0, ERANGE},   {LLP_OPTION_MAX_WRITES, 1025, ERANGE},
               {LLP_OPTION_MAX_BYTES, 0, ERANGE},    {LLP_OPTION_MAX_BYTES, (1U << 30) + 1, ERANGE},
               {LLP_OPTION_POLICY, 3, EINVAL},       {0x20, 1, EINVAL}};
  struct llp_ioc_options before;
  struct llp_ioc_options after;
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_GET_OPTIONS, &before));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    EXPECT_EQ(wrong[i].error, line_options(self->line, wrong[i].mask, wrong[i].value)) {
      TH_LOG("row %zu", i);
    }
  }
  static const char* const names[] = {"-x", ".x", "a b", "a/b", "\xe4"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct llp_ioc_options named = {.mask = LLP_OPTION_NAME | LLP_OPTION_MAX_WRITES, .max_writes = 9};
    strcpy(named.name, names[i]);
    EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_SET_OPTIONS, &named));
    EXPECT_EQ(EINVAL, errno);
  }
  struct llp_ioc_options endless = {.mask = LLP_OPTION_NAME};
  memset(endless.name, 'x', sizeof endless.name);
  EXPECT_EQ(-1, ioctl(self->line, LLP_IOC_SET_OPTIONS, &endless));
  EXPECT_EQ(EINVAL, errno);
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_GET_OPTIONS, &after));
  EXPECT_EQ(0, memcmp(&before, &after, sizeof before));
  EXPECT_EQ(0, line_options(self->line, LLP_OPTION_MAX_MESSAGES, 1024));
  EXPECT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, 1U << 30));
}

// ---- what is counted

TEST_F(calls, turnaround_counts_each_answer_once) {
  struct llp_ioc_turnaround t;
  enum { MESSAGES = 5 };
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_TURNAROUND, &t));
  EXPECT_EQ(0, t.count);
  int64_t start = now_us();
  for (int i = 0; i < MESSAGES; i++) {
    ASSERT_TRUE(x328_offers(self->s.wire, "text") && x328_accepted(self->s.wire));
    EXPECT_TRUE(reads(self->line, "text"));
  }
  int64_t took = (now_us() - start) * 1000;
  // ACK0 and ACK1 of each.
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_TURNAROUND, &t));
  EXPECT_EQ(2 * MESSAGES, t.count);
  uint64_t sum = 0;
  for (int i = 0; i < LLP_BUCKETS; i++) {
    sum += t.bucket[i];
    // No bucket above that of the longest.
    EXPECT_TRUE(i == 0 || t.bucket[i] == 0 || t.max >= 1000ULL << (i - 1)) { TH_LOG("bucket %d", i); }
  }
  EXPECT_EQ(t.count, sum);
  EXPECT_LT(0, t.max);
  EXPECT_LE(t.max, t.sum);
  EXPECT_LE(t.sum, t.max * t.count);
  EXPECT_LE((int64_t)t.sum, took);
  // What the line says unasked is no answer.
  struct call c;
  ASSERT_TRUE(call_start(&c, self->line, "message"));
  ASSERT_TRUE(x328_takes(self->s.wire, "message"));
  EXPECT_EQ(7, call_end(&c));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_TURNAROUND, &t));
  EXPECT_EQ(2 * MESSAGES, t.count);
}

TEST_F(calls, turnaround_is_the_time_that_it_took) {
  struct llp_ioc_turnaround t;
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  ASSERT_TRUE(x328_offers(self->s.wire, "text"));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 4));
  pause_ms(50);
  ASSERT_TRUE(reads(self->line, "text"));
  ASSERT_TRUE(x328_accepted(self->s.wire));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_TURNAROUND, &t));
  EXPECT_EQ(2, t.count);
  // The reader let its sender wait so long.
  EXPECT_LE(50 * 1000000ULL, t.max);
}

TEST_HARNESS_MAIN
