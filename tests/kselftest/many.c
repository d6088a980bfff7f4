// SPDX-License-Identifier: GPL-2.0
// As many lines as there may be, at once: both ends of pseudo terminals.
#include "genl.h"
#include "station.h"

enum { PAIRS = 32, LINES = 2 * PAIRS, MESSAGES = 3, LINE_MEMORY = 16 * 1024 };

FIXTURE(many) {
  int tty[LINES];   // 2n and 2n + 1 are each other's ends
  int line[LINES];  // -1: not attached
};

static bool open_pair(int tty[2]) {
  char path[32];
  int number = 0;
  int zero = 0;
  tty[0] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (tty[0] < 0 || ioctl(tty[0], TIOCGPTN, &number) != 0 || ioctl(tty[0], TIOCSPTLCK, &zero) != 0) {
    return false;
  }
  snprintf(path, sizeof path, "/dev/pts/%d", number);
  tty[1] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  return tty[1] >= 0 && tty_raw(tty[1]) == 0;
}

FIXTURE_SETUP(many) {
  for (int i = 0; i < LINES; i += 2) {
    self->line[i] = self->line[i + 1] = -1;
    ASSERT_TRUE(open_pair(self->tty + i)) { TH_LOG("%d: %s", i, strerror(errno)); }
  }
}

FIXTURE_TEARDOWN(many) {
  for (int i = 0; i < LINES; i++) {
    close(self->line[i]);
    close(self->tty[i]);
  }
}

static bool begin(FIXTURE_DATA(many) * self) {
  for (int i = 0; i < LINES; i++) {
    if (line_attach(self->tty[i]) != 0 || (self->line[i] = line_open(self->tty[i], 0)) < 0 ||
        line_up(self->line[i], LLP_PROTOCOL_X328, NULL) != 0) {
      return false;
    }
  }
  return true;
}

struct end {
  int line;
  int number;
  int wrong;
};

static void text_of(char text[64], int line, int message) {
  snprintf(text, 64, "message %d of line %d", message, line);
}

static void* send_all(void* argument) {
  struct end* e = argument;
  char text[64];
  for (int i = 0; i < MESSAGES; i++) {
    text_of(text, e->number, i);
    e->wrong += write(e->line, text, strlen(text)) != (ssize_t)strlen(text);
  }
  return NULL;
}

static void* read_all(void* argument) {
  struct end* e = argument;
  char expected[64];
  char got[64];
  for (int i = 0; i < MESSAGES; i++) {
    text_of(expected, e->number, i);
    ssize_t size = read(e->line, got, sizeof got);
    e->wrong += size != (ssize_t)strlen(expected) || memcmp(got, expected, (size_t)size) != 0;
  }
  return NULL;
}

TEST_F(many, lines_work_at_once) {
  struct end ends[LINES];
  pthread_t threads[LINES];
  ASSERT_TRUE(begin(self)) { TH_LOG("%s", strerror(errno)); }
  for (int i = 0; i < LINES; i++) {
    // The odd one of a pair gets what the even one sends.
    ends[i] = (struct end){.line = self->line[i], .number = i / 2};
    if (i % 2) {
      ASSERT_EQ(0, file_set(self->line[i], LLP_IOC_RECEIVE, 1));
    }
  }
  for (int i = 0; i < LINES; i++) {
    ASSERT_EQ(0, pthread_create(&threads[i], NULL, i % 2 ? read_all : send_all, &ends[i]));
  }
  for (int i = 0; i < LINES; i++) {
    ASSERT_EQ(0, pthread_join(threads[i], NULL));
    EXPECT_EQ(0, ends[i].wrong) { TH_LOG("line %d", i); }
  }
}

TEST_F(many, no_more_than_max_lines) {
  int tty[2];
  ASSERT_TRUE(begin(self)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_TRUE(open_pair(tty));
  EXPECT_EQ(ENFILE, line_attach(tty[1]));
  // The tty is as it was.
  ASSERT_TRUE(tty_send(tty[0], "text", 4));
  char got[4];
  EXPECT_EQ(4, tty_receive(tty[1], got, 4, PATIENCE_MS));
  // One that goes makes room for one.
  ASSERT_EQ(0, line_detach(self->tty[7]));
  EXPECT_EQ(0, line_attach(tty[1]));
  EXPECT_EQ(ENFILE, line_attach(self->tty[7]));
  close(tty[0]);
  close(tty[1]);
}

// Bytes in the kernel's slabs, after what every processor has kept back is counted.
static int64_t slab_bytes(void) {
  char name[64];
  char rest[128];
  int64_t kib = -1;
  int64_t found = -1;
  int refresh = open("/proc/sys/vm/stat_refresh", O_RDWR | O_CLOEXEC);
  (void)!write(refresh, "1", 1);
  close(refresh);
  FILE* info = fopen("/proc/meminfo", "re");
  while (info && fscanf(info, "%63s %" SCNd64 "%127[^\n]", name, &kib, rest) >= 2) {
    if (strcmp(name, "Slab:") == 0) {
      found = kib * 1024;
    }
  }
  if (info) {
    fclose(info);
  }
  return found;
}

// A line with its device, its files in sysfs and one open file, up and idle.
TEST_F(many, idle_lines_cost_little) {
  // One before, so that what the first use of anything takes is not counted.
  ASSERT_EQ(0, line_attach(self->tty[0]));
  ASSERT_EQ(0, line_detach(self->tty[0]));
  int64_t before = slab_bytes();
  ASSERT_LT(0, before);
  ASSERT_TRUE(begin(self)) { TH_LOG("%s", strerror(errno)); }
  int64_t each = (slab_bytes() - before) / LINES;
  TH_LOG("%" PRId64 " bytes a line", each);
  EXPECT_GE(LINE_MEMORY, each);
}

// Lines of a dump take more than one message.
TEST_F(many, dump_holds_all_of_them) {
  struct genl* g = malloc(sizeof *g);
  uint64_t seen = 0;
  bool done = false;
  ASSERT_TRUE(begin(self)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, genl_open(g));
  genl_begin(g, g->family, LLP_CMD_LINE_GET, NLM_F_DUMP);
  ASSERT_EQ(0, genl_call(g));
  for (int parts = 1; !done; parts++) {
    size_t left = g->got;
    for (const struct nlmsghdr* m = (const struct nlmsghdr*)g->reply; NLMSG_OK(m, left);
         m = NLMSG_NEXT(m, left)) {
      done = m->nlmsg_type == NLMSG_DONE;
      if (!done) {
        uint32_t line = genl_number(m, LLP_A_LINE);
        ASSERT_LT(line, LINES);
        EXPECT_EQ(0, seen & 1ULL << line);
        seen |= 1ULL << line;
      }
    }
    if (done) {
      EXPECT_LT(1, parts);
    } else {
      ASSERT_TRUE(genl_receive(g, PATIENCE_MS));
    }
  }
  EXPECT_EQ(UINT64_MAX, seen);
  close(g->socket);
  free(g);
}

TEST_HARNESS_MAIN
