// SPDX-License-Identifier: GPL-2.0
// sysfs shows what line-get tells, in each file and at each stage of a line's life.
#include "genl.h"
#include "station.h"

FIXTURE(sysfs) {
  struct station s;
  struct genl* g;
  uint32_t number;
  int line;
};

FIXTURE_SETUP(sysfs) {
  static line_params release = {{"release", "2"}, {NULL, NULL}};
  ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_MLLP, release));
  self->line = self->s.line;
  self->number = line_info(self->line).line;
  ASSERT_EQ(0, fcntl(self->line, F_SETFL, O_NONBLOCK));
  self->g = malloc(sizeof *self->g);
  ASSERT_EQ(0, genl_open(self->g));
}

FIXTURE_TEARDOWN(sysfs) {
  close(self->g->socket);
  free(self->g);
  station_end(&self->s);
}

// The answer to line-get, or NULL.
static const struct nlmsghdr* told(struct genl* g, uint32_t line) {
  genl_begin(g, g->family, LLP_CMD_LINE_GET, 0);
  genl_u32(g, LLP_A_LINE, line);
  return genl_call(g) == 0 ? (const struct nlmsghdr*)g->reply : NULL;
}

static bool same(uint32_t line, const char* file, uint32_t number) {
  char text[128];
  char expected[16];
  snprintf(expected, sizeof expected, "%u", number);
  bool is = strcmp(shown(line, file, text), expected) == 0;
  if (!is) {
    printf("# %s: %s, not %s\n", file, text, expected);
  }
  return is;
}

// Every number is line-get's, and each flag is one of these.
static bool agree(struct genl* g, uint32_t line, uint32_t flags) {
  static const struct {
    const char* file;
    uint16_t attribute;
  } numbers[] = {
      {"max_messages", LLP_A_MAX_MESSAGES},
      {"max_bytes", LLP_A_MAX_BYTES},
      {"max_writes", LLP_A_MAX_WRITES},
      {"messages", LLP_A_MESSAGES},
      {"bytes", LLP_A_BYTES},
      {"writes", LLP_A_WRITES},
      {"speed", LLP_A_SPEED},
      {"char_time", LLP_A_CHAR_TIME},
  };
  static const char* const names[] = {"up", "ready", "receiver", "expectation", "flow", "idle"};
  const struct nlmsghdr* m;
  // The transmitter may have a moment's work left.
  if (!EVENTUALLY((m = told(g, line)) && genl_number(m, LLP_A_FLAGS) == flags)) {
    printf("# flags are %#x\n", m ? genl_number(m, LLP_A_FLAGS) : 0);
    return false;
  }
  bool all = true;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    all &= same(line, numbers[i].file, genl_number(m, numbers[i].attribute));
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    all &= same(line, names[i], flags >> i & 1);
  }
  return all;
}

enum {
  UP = LLP_INFO_UP,
  OPEN = LLP_INFO_UP | LLP_INFO_READY | LLP_INFO_RECEIVER,
};

TEST_F(sysfs, numbers_and_flags_follow_the_line) {
  char text[8];
  EXPECT_TRUE(agree(self->g, self->number, UP | LLP_INFO_IDLE));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 1));
  EXPECT_TRUE(agree(self->g, self->number, OPEN | LLP_INFO_IDLE));
  EXPECT_TRUE(same(self->number, "speed", 115200));
  EXPECT_TRUE(same(self->number, "char_time", line_info(self->line).char_time));
  // One message waits to be read, and one for its acknowledgement.
  ASSERT_TRUE(mllp_says(self->s.wire, "text\r"));
  ASSERT_TRUE(EVENTUALLY(waiting(self->line) == 5));
  ASSERT_EQ(5, write(self->line, "sent\r", 5));
  ASSERT_TRUE(mllp_hears(self->s.wire, "sent\r"));
  EXPECT_TRUE(agree(self->g, self->number, OPEN));
  EXPECT_TRUE(same(self->number, "messages", 1));
  EXPECT_TRUE(same(self->number, "bytes", line_info(self->line).bytes));
  EXPECT_LT(5, line_info(self->line).bytes);
  EXPECT_TRUE(same(self->number, "writes", 1));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_MAYBE));
  EXPECT_TRUE(agree(self->g, self->number, OPEN | LLP_INFO_EXPECTATION));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_EXPECT, LLP_EXPECT_OFF));
  ASSERT_EQ(5, read(self->line, text, sizeof text));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_ABORT, 0));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 1));
  EXPECT_TRUE(agree(self->g, self->number, OPEN | LLP_INFO_FLOW | LLP_INFO_IDLE));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_FLOW, 0));
  ASSERT_EQ(0, file_set(self->line, LLP_IOC_RECEIVE, 0));
  ASSERT_EQ(0, ioctl(self->line, LLP_IOC_DOWN));
  EXPECT_TRUE(agree(self->g, self->number, LLP_INFO_IDLE));
}

TEST_F(sysfs, options_are_the_lines) {
  static const char* const policies[] = {"arrival", "read", "commit"};
  char text[128];
  for (uint32_t i = LLP_POLICY_ARRIVAL; i <= LLP_POLICY_COMMIT; i++) {
    ASSERT_EQ(0, line_options(self->line, LLP_OPTION_POLICY, i));
    EXPECT_STREQ(policies[i], shown(self->number, "policy", text));
  }
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_MESSAGES, 3));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_BYTES, 5000));
  ASSERT_EQ(0, line_options(self->line, LLP_OPTION_MAX_WRITES, 4));
  EXPECT_TRUE(same(self->number, "max_messages", 3));
  EXPECT_TRUE(same(self->number, "max_bytes", 5000));
  EXPECT_TRUE(same(self->number, "max_writes", 4));
}

TEST_F(sysfs, nobody_writes_there) {
  static const char* const files[] = {"policy", "up", "max_messages", "speed"};
  char path[64];
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    struct stat file;
    snprintf(path, sizeof path, "/sys/class/llp/llp%u/%s", self->number, files[i]);
    ASSERT_EQ(0, stat(path, &file));
    EXPECT_EQ(0444, file.st_mode & 07777) { TH_LOG("%s", files[i]); }
  }
}

TEST_HARNESS_MAIN
