// SPDX-License-Identifier: GPL-2.0
// Every allocation, one after the other, fails once: attaching, opening,
// writing, reading, every call, netlink, and what comes in through the tty.
// The error is one of memory, and afterwards the line works. What leaked is
// found by the rig at the end. Needs a kernel with failslab.
#include <dirent.h>
#include <poll.h>

#include "genl.h"
#include "rounds.h"
#include "station.h"

enum { MOST = 2000 };  // allocations of one call, at most

// ---- the kernel's fault injection

static bool set_debug(const char* group, const char* name, const char* value) {
  char path[96];
  snprintf(path, sizeof path, "/sys/kernel/debug/%s/%s", group, name);
  int file = open(path, O_WRONLY | O_CLOEXEC);
  bool good = file >= 0 && write(file, value, strlen(value)) > 0;
  close(file);
  return good;
}

// Those that may sleep, too; without a stack for each.
static bool injection_begin(void) {
  return access("/proc/thread-self/fail-nth", W_OK) == 0 && set_debug("failslab", "ignore-gfp-wait", "N") &&
         set_debug("failslab", "verbose", "0") && set_debug("fail_page_alloc", "ignore-gfp-wait", "N") &&
         set_debug("fail_page_alloc", "min-order", "0") && set_debug("fail_page_alloc", "verbose", "0") &&
         set_debug("fail_usercopy", "verbose", "0");
}

// The n-th allocation or copy of this thread from now on fails; 0: none.
static void fail(int nth) {
  char text[16];
  int size = snprintf(text, sizeof text, "%d", nth);
  static _Thread_local int file;
  if (file <= 0) {
    file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
  }
  // This copy may be the one that fails.
  if (pwrite(file, text, (size_t)size, 0) != size && pwrite(file, text, (size_t)size, 0) != size) {
    printf("# fail-nth: %s\n", strerror(errno));
  }
}

static int left_at(int file) {
  char text[16] = {0};
  return pread(file, text, sizeof text - 1, 0) > 0 ? atoi(text) : 0;
}

// Ends it. Whether the call was over before the n-th.
static bool was_over(void) {
  int file = open("/proc/thread-self/fail-nth", O_RDONLY | O_CLOEXEC);
  // The open may itself be what failed.
  bool over = file >= 0 && left_at(file) > 0;
  close(file);
  fail(0);
  return over;
}

static bool is_of_memory(int error) {
  return error == 0 || error == ENOMEM || error == EFAULT || error == ENOBUFS || error == ENFILE ||
         error == EAGAIN;
}

// ---- two lines with a cable

FIXTURE(failnth) {
  int tty[2];
  int line[2];
};

static line_params brisk = {{"timer_a", "300ms"},       {"timer_b", "200ms"},
                            {"bid_pause", "5ms"},       {"quiet", "5ms"},
                            {"recovery_pause", "20ms"}, {"peer_timer_a", "300ms"},
                            {"cont_primary", "5ms"},    {"cont_secondary", "20ms"},
                            {"b_margin", "100ms"},      {NULL, NULL}};

static bool begin(int index, int* tty, int* line) {
  *tty = tty_open(index, O_NONBLOCK);
  *line = -1;
  if (*tty < 0 || tty_raw(*tty) != 0 || line_attach(*tty) != 0) {
    return false;
  }
  *line = line_open(*tty, 0);
  return *line >= 0 && line_tune(*line, brisk) == 0 && ioctl(*line, LLP_IOC_UP) == 0;
}

FIXTURE_SETUP(failnth) {
  if (!injection_begin()) {
    SKIP(return, "this kernel cannot make allocations fail");
  }
  for (int end = 0; end < 2; end++) {
    ASSERT_EQ(0, tty_control(end, "defaults\n"));
    ASSERT_TRUE(begin(end, &self->tty[end], &self->line[end])) { TH_LOG("%s", strerror(errno)); }
  }
  // What one thread writes, it can read afterwards.
  ASSERT_EQ(0, file_set(self->line[1], LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
  ASSERT_EQ(0, file_set(self->line[1], LLP_IOC_RECEIVE, 1));
}

FIXTURE_TEARDOWN(failnth) {
  for (int end = 0; end < 2; end++) {
    close(self->line[end]);
    close(self->tty[end]);
  }
}

// Reads until this message comes; those before it are of earlier rounds.
static bool comes(int line, const char* text) {
  char got[8192];
  struct pollfd ready = {.fd = line, .events = POLLIN};
  while (poll(&ready, 1, PATIENCE_MS) == 1) {
    ssize_t size = read(line, got, sizeof got);
    if (size == (ssize_t)strlen(text) && memcmp(got, text, (size_t)size) == 0) {
      return true;
    }
    if (size <= 0) {
      printf("# read: %zd, %s\n", size, strerror(errno));
      return false;
    }
  }
  printf("# %s does not come\n", text);
  return false;
}

// The line works: a message passes.
static bool works(int from, int to) {
  static int number;
  char text[32];
  int size = snprintf(text, sizeof text, "still works %d\r", ++number);
  if (write(from, text, (size_t)size) != size) {
    printf("# write: %s\n", strerror(errno));
    return false;
  }
  return comes(to, text);
}

#define CLEAN(nth, failed) \
  ASSERT_TRUE(is_of_memory(failed)) { TH_LOG("allocation %d: %s", nth, strerror(failed)); }
#define ALL_OF(nth) ASSERT_LT(nth, MOST)

TEST_F(failnth, attach) {
  bool over = false;
  int nth = 0;
  int other = tty_open(2, O_NONBLOCK);
  ASSERT_EQ(0, tty_raw(other));
  while (!over) {
    ALL_OF(++nth);
    fail(nth);
    int failed = line_attach(other);
    over = was_over();
    CLEAN(nth, failed);
    if (failed) {
      // As if it had not been tried.
      ASSERT_NE(0, access("/dev/llp2", F_OK));
      ASSERT_EQ(0, line_attach(other));
    }
    char path[32];
    ASSERT_TRUE(line_path(other, path));
    ASSERT_EQ(0, line_detach(other));
  }
  printf("# attach: %d allocations\n", nth - 1);
  ASSERT_LT(5, nth);
  close(other);
}

TEST_F(failnth, detach) {
  bool over = false;
  int nth = 0;
  int other = tty_open(2, O_NONBLOCK);
  ASSERT_EQ(0, tty_raw(other));
  while (!over) {
    ALL_OF(++nth);
    ASSERT_EQ(0, line_attach(other));
    fail(nth);
    int failed = line_detach(other);
    over = was_over();
    CLEAN(nth, failed);
    if (failed) {
      (void)line_detach(other);
    }
  }
  close(other);
}

TEST_F(failnth, open) {
  bool over = false;
  int nth = 0;
  char path[32];
  ASSERT_TRUE(line_path(self->tty[0], path));
  while (!over) {
    ALL_OF(++nth);
    fail(nth);
    int file = open(path, O_RDWR | O_CLOEXEC);
    int failed = file < 0 ? errno : 0;
    over = was_over();
    CLEAN(nth, failed);
    close(file);
  }
  ASSERT_TRUE(works(self->line[0], self->line[1]));
}

TEST_F(failnth, write) {
  for (int nonblock = 0; nonblock < 2; nonblock++) {
    bool over = false;
    int nth = 0;
    while (!over) {
      struct llp_ioc_result result;
      char text[32];
      int size = snprintf(text, sizeof text, "write %d %d\r", nonblock, ++nth);
      ALL_OF(nth);
      ASSERT_EQ(0, fcntl(self->line[0], F_SETFL, nonblock ? O_NONBLOCK : 0));
      fail(nth);
      int failed = write(self->line[0], text, (size_t)size) == size ? 0 : errno;
      over = was_over();
      CLEAN(nth, failed);
      ASSERT_EQ(0, fcntl(self->line[0], F_SETFL, 0));
      if (!failed) {
        ASSERT_TRUE(comes(self->line[1], text));
      }
      ASSERT_TRUE(works(self->line[0], self->line[1]));
      while (ioctl(self->line[0], LLP_IOC_RESULT, &result) == 0) {
      }
    }
    printf("# write: %d allocations\n", nth - 1);
    ASSERT_LT(1, nth);
  }
}

// What could not be read is not lost.
TEST_F(failnth, read) {
  bool over = false;
  int nth = 0;
  char got[64];
  while (!over) {
    char text[32];
    int size = snprintf(text, sizeof text, "read %d\r", ++nth);
    ALL_OF(nth);
    struct call writer = {0};
    ASSERT_TRUE(call_start(&writer, self->line[0], text));
    ASSERT_TRUE(EVENTUALLY(waiting(self->line[1]) == size));
    fail(nth);
    ssize_t count = read(self->line[1], got, sizeof got);
    int failed = count < 0 ? errno : 0;
    over = was_over();
    CLEAN(nth, failed);
    if (failed) {
      count = read(self->line[1], got, sizeof got);
    }
    ASSERT_EQ(size, count);
    ASSERT_EQ(0, memcmp(text, got, (size_t)size));
    ASSERT_EQ(size, call_end(&writer));
  }
  ASSERT_TRUE(works(self->line[0], self->line[1]));
}

// ---- the other calls

// What a call looks at is zero, or these.
static const struct {
  unsigned long call;
  const char* name;
  __u32 number;
} calls[] = {
    {LLP_IOC_INFO, "info", 0},
    {LLP_IOC_FILE, "file", 0},
    {LLP_IOC_DOWN, "down", 0},
    {LLP_IOC_UP, "up", 0},
    {LLP_IOC_DOWN, "down", 0},
    {LLP_IOC_SET_PROTOCOL, "set-protocol", LLP_PROTOCOL_X328},
    {LLP_IOC_GET_PARAM, "get-param", 0},
    {LLP_IOC_GET_OPTIONS, "get-options", 0},
    {LLP_IOC_SET_OPTIONS, "set-options", 0},
    {LLP_IOC_COUNTER, "counter", 0},
    {LLP_IOC_TURNAROUND, "turnaround", 0},
    {LLP_IOC_LOST, "lost", 0},
    {LLP_IOC_UP, "up", 0},
    {LLP_IOC_EVENTS, "events", LLP_EVENTS_ALL},
    {LLP_IOC_RECEIVE, "receive", 1},
    {LLP_IOC_READY, "ready", 0},
    {LLP_IOC_READY, "ready", 1},
    {LLP_IOC_FLOW, "flow", 1},
    {LLP_IOC_FLOW, "flow", 0},
    {LLP_IOC_TURN, "turn", 0},
    {LLP_IOC_ABORT_RECEIVE, "abort-receive", 0},
    {LLP_IOC_RECEIVE, "receive", 0},
    {LLP_IOC_EXPECT, "expect", 0},
    {LLP_IOC_RESULT, "result", 0},
    {LLP_IOC_EVENTS, "events", 0},
};

union call_argument {
  __u32 number;
  unsigned char bytes[2048];
};

TEST_F(failnth, calls) {
  struct genl* listener = malloc(sizeof *listener);
  ASSERT_EQ(0, genl_open(listener));
  ASSERT_EQ(0, genl_listen(listener));
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    bool over = false;
    for (int nth = 1; !over; nth++) {
      union call_argument argument = {.number = calls[i].number};
      union call_argument undo = {.number = 0};
      ALL_OF(nth);
      fail(nth);
      int failed = ioctl(self->line[0], calls[i].call, &argument) == 0 ? 0 : errno;
      over = was_over();
      // It may have been done before, and only the copy to us failed.
      bool again = failed == EALREADY || failed == EBUSY || failed == ENODATA || failed == EAGAIN;
      ASSERT_TRUE(again || is_of_memory(failed)) {
        TH_LOG("%s, %d: %s", calls[i].name, nth, strerror(failed));
      }
      if (!over && !failed && calls[i].call == LLP_IOC_UP) {
        (void)ioctl(self->line[0], LLP_IOC_DOWN);
      }
      if (!over && !failed && calls[i].call == LLP_IOC_DOWN) {
        (void)ioctl(self->line[0], LLP_IOC_UP);
      }
      if (!over && calls[i].call == LLP_IOC_FLOW && calls[i].number) {
        (void)ioctl(self->line[0], LLP_IOC_FLOW, &undo);
      }
    }
  }
  close(listener->socket);
  free(listener);
  // With the parameters that line had before.
  ASSERT_EQ(0, ioctl(self->line[0], LLP_IOC_DOWN));
  ASSERT_EQ(0, line_tune(self->line[0], brisk));
  ASSERT_EQ(0, ioctl(self->line[0], LLP_IOC_UP));
  ASSERT_TRUE(works(self->line[0], self->line[1]));
}

// ---- netlink

static void ask_line(struct genl* g) {
  genl_begin(g, g->family, LLP_CMD_LINE_GET, 0);
  genl_u32(g, LLP_A_LINE, 0);
}

static void ask_lines(struct genl* g) { genl_begin(g, g->family, LLP_CMD_LINE_GET, NLM_F_DUMP); }

static void ask_stats(struct genl* g) {
  genl_begin(g, g->family, LLP_CMD_STATS_GET, 0);
  genl_word(g, LLP_A_TTY, "ttyLT0");
}

static void set_name(struct genl* g) {
  genl_begin(g, g->family, LLP_CMD_LINE_SET, NLM_F_ACK);
  genl_u32(g, LLP_A_LINE, 0);
  genl_word(g, LLP_A_NAME, "named");
  genl_u32(g, LLP_A_MAX_MESSAGES, 5);
}

static void set_down(struct genl* g) {
  genl_begin(g, g->family, LLP_CMD_LINE_SET, NLM_F_ACK);
  genl_u32(g, LLP_A_LINE, 0);
  genl_u8(g, LLP_A_UP, 0);
  genl_param(g, "timer_e", "170s");
}

static void set_up(struct genl* g) {
  genl_begin(g, g->family, LLP_CMD_LINE_SET, NLM_F_ACK);
  genl_u32(g, LLP_A_LINE, 0);
  genl_u8(g, LLP_A_UP, 1);
}

// Sends the request while its nth allocation fails; 0, or errno of that, of the answer, or of what came
// instead.
static int ask(struct genl* g, int nth, bool* over) {
  struct nlmsghdr* head = (struct nlmsghdr*)g->request;
  head->nlmsg_len = (uint32_t)g->size;
  fail(nth);
  ssize_t size = send(g->socket, g->request, g->size, 0);
  int failed = size < 0 ? errno : 0;
  *over = was_over();
  while (!failed) {
    size = recv(g->socket, g->reply, sizeof g->reply, MSG_DONTWAIT);
    // Served within send(): what has not come does not come.
    if (size < 0) {
      return errno;
    }
    const struct nlmsghdr* reply = (const struct nlmsghdr*)g->reply;
    if (reply->nlmsg_type == NLMSG_ERROR) {
      return -((const struct nlmsgerr*)NLMSG_DATA(reply))->error;
    }
    if (reply->nlmsg_type == g->family && !(reply->nlmsg_flags & NLM_F_MULTI)) {
      return 0;
    }
    if (reply->nlmsg_type == NLMSG_DONE) {
      return 0;
    }
  }
  return failed;
}

TEST_F(failnth, netlink) {
  static void (*const requests[])(struct genl*) = {ask_line, ask_lines, ask_stats,
                                                   set_name, set_down,  set_up};
  struct genl* g = malloc(sizeof *g);
  struct genl* listener = malloc(sizeof *listener);
  ASSERT_EQ(0, genl_open(listener));
  ASSERT_EQ(0, genl_listen(listener));
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    bool over = false;
    for (int nth = 1; !over; nth++) {
      ALL_OF(nth);
      ASSERT_EQ(0, genl_open(g));
      requests[i](g);
      int failed = ask(g, nth, &over);
      CLEAN(nth, failed);
      close(g->socket);
      if (!over && requests[i] == set_down) {
        (void)ioctl(self->line[0], LLP_IOC_UP);
      }
      if (!over && requests[i] == set_up) {
        (void)ioctl(self->line[0], LLP_IOC_DOWN);
      }
    }
  }
  close(listener->socket);
  free(listener);
  free(g);
  ASSERT_TRUE(works(self->line[0], self->line[1]));
}

// ---- what comes in through the tty

enum { WORKERS = 64 };

struct workers {
  int files[WORKERS];
  int count;
};

// The threads that may deliver bytes, or serve a line's timer.
static void workers_arm(struct workers* w, int nth) {
  char text[64];
  w->count = 0;
  DIR* processes = opendir("/proc");
  for (struct dirent* entry; processes && (entry = readdir(processes)) && w->count < WORKERS;) {
    snprintf(text, sizeof text, "/proc/%.20s/comm", entry->d_name);
    FILE* comm = entry->d_name[0] >= '0' && entry->d_name[0] <= '9' ? fopen(text, "re") : NULL;
    bool worker = comm && fgets(text, sizeof text, comm) && strncmp(text, "kworker/", 8) == 0;
    if (comm) {
      fclose(comm);
    }
    snprintf(text, sizeof text, "/proc/%.20s/fail-nth", entry->d_name);
    int file = worker ? open(text, O_RDWR | O_CLOEXEC) : -1;
    if (file >= 0) {
      w->files[w->count++] = file;
    }
  }
  if (processes) {
    closedir(processes);
  }
  int size = snprintf(text, sizeof text, "%d", nth);
  for (int i = 0; i < w->count; i++) {
    (void)!pwrite(w->files[i], text, (size_t)size, 0);
  }
}

// Whether none of them got to its n-th allocation.
static bool workers_disarm(struct workers* w) {
  bool over = true;
  for (int i = 0; i < w->count; i++) {
    over = over && left_at(w->files[i]) > 0;
    (void)!pwrite(w->files[i], "0", 1, 0);
    close(w->files[i]);
  }
  return over;
}

// A message whose blocks need a larger buffer, too. The sender repeats what was refused.
static void received(struct __test_metadata* _metadata, FIXTURE_DATA(failnth) * self, uint32_t policy) {
  static char large[6000];
  struct workers workers;
  bool over = false;
  int nth = 0;
  ASSERT_EQ(0, file_set(self->line[1], LLP_IOC_POLICY, policy));
  ASSERT_EQ(0, file_set(self->line[1], LLP_IOC_EVENTS, LLP_EVENTS_ALL));
  while (!over && nth < 60) {
    struct llp_ioc_result result;
    struct call writer = {0};
    struct llp_ioc_message last;
    memset(large, 'x', sizeof large - 1);
    for (size_t i = 199; i < sizeof large - 1; i += 200) {
      large[i] = '\r';
    }
    (void)snprintf(large, 32, "receive %d", ++nth);
    large[strlen(large)] = 'x';
    workers_arm(&workers, nth);
    ASSERT_LT(0, workers.count);
    ASSERT_TRUE(call_start(&writer, self->line[0], large));
    // It arrives, or its sender gives up: both end the call, once it has been read.
    while (!call_over(&writer)) {
      struct pollfd ready = {.fd = self->line[1], .events = POLLIN};
      static char got[8192];
      if (poll(&ready, 1, 10) == 1) {
        ssize_t size = read(self->line[1], got, sizeof got);
        ASSERT_TRUE(size == (ssize_t)strlen(large) || (size < 0 && is_of_memory(errno)));
        if (size > 0) {
          ASSERT_EQ(0, memcmp(got, large, (size_t)size));
        }
        if (size > 0 && policy == LLP_POLICY_COMMIT && message(self->line[1], LLP_WHICH_READ, &last) == 0) {
          (void)verdict(self->line[1], last.id, LLP_VERDICT_ACCEPT);
        }
      }
    }
    over = workers_disarm(&workers);
    (void)call_end(&writer);
    while (ioctl(self->line[1], LLP_IOC_RESULT, &result) == 0) {
    }
    ASSERT_EQ(0, file_set(self->line[1], LLP_IOC_POLICY, LLP_POLICY_ARRIVAL));
    ASSERT_TRUE(works(self->line[0], self->line[1])) { TH_LOG("after allocation %d", nth); }
    ASSERT_EQ(0, file_set(self->line[1], LLP_IOC_POLICY, policy));
  }
  printf("# received: %d allocations\n", nth - 1);
  ASSERT_TRUE(over);
  ASSERT_LT(2, nth);
}

TEST_F(failnth, receive) { received(_metadata, self, LLP_POLICY_READ); }

TEST_F(failnth, receive_and_commit) { received(_metadata, self, LLP_POLICY_COMMIT); }

TEST_F(failnth, receive_on_arrival) { received(_metadata, self, LLP_POLICY_ARRIVAL); }

TEST_HARNESS_MAIN
