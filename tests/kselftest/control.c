// SPDX-License-Identifier: GPL-2.0
// The control plane: generic netlink, sysfs, uevents.
#include <pthread.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "genl.h"
#include "line.h"

enum { A = 0, B = 1, NOBODY = 65534 };

FIXTURE(control) {
  int tty[2];
  uint32_t number[2];
  struct genl* g;
};

FIXTURE_SETUP(control) {
  struct llp_ioc_info info;
  self->g = malloc(sizeof *self->g);
  ASSERT_EQ(0, genl_open(self->g));
  for (int end = 0; end < 2; end++) {
    ASSERT_EQ(0, tty_control(end, "defaults\n"));
    self->tty[end] = tty_open(end, O_NONBLOCK);
    ASSERT_GE(self->tty[end], 0);
    ASSERT_EQ(0, tty_modes(self->tty[end], INPCK | BRKINT, CLOCAL, B115200));
    ASSERT_EQ(0, line_attach(self->tty[end]));
    ASSERT_EQ(0, ioctl(self->tty[end], LLP_IOC_INFO, &info));
    self->number[end] = info.line;
  }
}

FIXTURE_TEARDOWN(control) {
  close(self->tty[A]);
  close(self->tty[B]);
  close(self->g->socket);
  free(self->g);
}

// Starts a request about a line.
static void about(struct genl* g, uint8_t command, uint32_t line) {
  genl_begin(g, g->family, command, command == LLP_CMD_LINE_SET ? NLM_F_ACK : 0);
  genl_u32(g, LLP_A_LINE, line);
}

// The line as line-get tells it.
static const struct nlmsghdr* get(struct genl* g, uint8_t command, uint32_t line) {
  about(g, command, line);
  return genl_call(g) == 0 ? (const struct nlmsghdr*)g->reply : NULL;
}

// 0, or errno: the line is given a name, for what looks for it.
static int set_name(struct genl* g, uint32_t line, const char* name) {
  about(g, LLP_CMD_LINE_SET, line);
  genl_word(g, LLP_A_NAME, name);
  return genl_call(g);
}

// Lines in a dump that is asked for in the request; -1: it failed.
static int dumped(struct genl* g, uint32_t* last) {
  int lines = 0;
  bool first = true;
  for (;;) {
    if (first ? genl_call(g) != 0 : !genl_receive(g, PATIENCE_MS)) {
      return -1;
    }
    first = false;
    size_t left = g->got;
    for (const struct nlmsghdr* m = (const struct nlmsghdr*)g->reply; NLMSG_OK(m, left);
         m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_type == NLMSG_DONE) {
        return *(const int*)NLMSG_DATA(m) == 0 ? lines : -1;
      }
      if (m->nlmsg_type == NLMSG_ERROR) {
        return -1;
      }
      lines++;
      *last = genl_number(m, LLP_A_LINE);
    }
  }
}

TEST_F(control, line_get_tells_what_the_device_tells) {
  struct llp_ioc_info info;
  struct llp_ioc_param param = {.name = "timer_a"};
  int line = line_open(self->tty[A], 0);
  ASSERT_EQ(0, ioctl(line, LLP_IOC_INFO, &info));
  ASSERT_EQ(0, ioctl(line, LLP_IOC_GET_PARAM, &param));
  const struct nlmsghdr* m = get(self->g, LLP_CMD_LINE_GET, self->number[A]);
  ASSERT_NE(NULL, m);
  EXPECT_EQ(self->number[A], genl_number(m, LLP_A_LINE));
  EXPECT_STREQ(info.tty, genl_text(m, LLP_A_TTY));
  EXPECT_STREQ("ttyLT0", genl_text(m, LLP_A_TTY));
  EXPECT_EQ(info.protocol, genl_number(m, LLP_A_PROTOCOL));
  EXPECT_EQ(0, genl_number(m, LLP_A_UP));
  EXPECT_STREQ("down", genl_text(m, LLP_A_STATE));
  EXPECT_EQ(info.policy, genl_number(m, LLP_A_POLICY));
  EXPECT_EQ(info.max_messages, genl_number(m, LLP_A_MAX_MESSAGES));
  EXPECT_EQ(info.max_bytes, genl_number(m, LLP_A_MAX_BYTES));
  EXPECT_EQ(info.max_writes, genl_number(m, LLP_A_MAX_WRITES));
  EXPECT_STREQ(param.value, (const char*)genl_named(m, LLP_A_PARAM, "timer_a"));
  EXPECT_EQ(NULL, genl_named(m, LLP_A_PARAM, "t_c"));
  close(line);
}

TEST_F(control, a_line_is_found_by_number_name_or_tty) {
  struct genl* g = self->g;
  ASSERT_EQ(0, set_name(g, self->number[B], "analyser"));
  genl_begin(g, g->family, LLP_CMD_LINE_GET, 0);
  genl_word(g, LLP_A_NAME, "analyser");
  ASSERT_EQ(0, genl_call(g));
  EXPECT_EQ(self->number[B], genl_number((struct nlmsghdr*)g->reply, LLP_A_LINE));
  genl_begin(g, g->family, LLP_CMD_LINE_GET, 0);
  genl_word(g, LLP_A_TTY, "ttyLT0");
  ASSERT_EQ(0, genl_call(g));
  EXPECT_EQ(self->number[A], genl_number((struct nlmsghdr*)g->reply, LLP_A_LINE));
  genl_begin(g, g->family, LLP_CMD_LINE_GET, 0);
  genl_word(g, LLP_A_NAME, "centrifuge");
  EXPECT_EQ(ENODEV, genl_call(g));
  EXPECT_STREQ("There is no line with this name or tty", g->said);
  about(g, LLP_CMD_LINE_GET, 4000000000U);
  EXPECT_EQ(ENODEV, genl_call(g));
  EXPECT_STREQ("There is no line with this number", g->said);
  genl_begin(g, g->family, LLP_CMD_LINE_GET, 0);
  EXPECT_EQ(EINVAL, genl_call(g));
  EXPECT_NE(NULL, strstr(g->said, "Which line?"));
}

TEST_F(control, dumps_hold_the_lines_that_fit) {
  struct genl* g = self->g;
  uint32_t last = 0;
  about(g, LLP_CMD_LINE_SET, self->number[B]);
  genl_u32(g, LLP_A_PROTOCOL, LLP_PROTOCOL_HLLP);
  genl_u8(g, LLP_A_UP, 1);
  ASSERT_EQ(0, genl_call(g));
  for (uint8_t command = LLP_CMD_LINE_GET; command <= LLP_CMD_STATS_GET; command += 2) {
    genl_begin(g, g->family, command, NLM_F_DUMP);
    EXPECT_EQ(2, dumped(g, &last));
    genl_begin(g, g->family, command, NLM_F_DUMP);
    genl_u32(g, LLP_A_PROTOCOL, LLP_PROTOCOL_HLLP);
    EXPECT_EQ(1, dumped(g, &last));
    EXPECT_EQ(self->number[B], last);
    genl_begin(g, g->family, command, NLM_F_DUMP);
    genl_u8(g, LLP_A_UP, 0);
    EXPECT_EQ(1, dumped(g, &last));
    EXPECT_EQ(self->number[A], last);
    genl_begin(g, g->family, command, NLM_F_DUMP);
    genl_word(g, LLP_A_TTY, "ttyLT1");
    genl_u8(g, LLP_A_UP, 0);
    EXPECT_EQ(0, dumped(g, &last));
  }
}

TEST_F(control, line_set_sets_all_of_it) {
  struct llp_ioc_param param = {.name = "t_c"};
  struct llp_ioc_options options;
  struct llp_ioc_info info;
  struct genl* g = self->g;
  about(g, LLP_CMD_LINE_SET, self->number[A]);
  genl_word(g, LLP_A_NAME, "lab:1");
  genl_u32(g, LLP_A_PROTOCOL, LLP_PROTOCOL_MLLP);
  genl_param(g, "release", "2");
  genl_param(g, "t_c", "7s");
  genl_u32(g, LLP_A_POLICY, LLP_POLICY_COMMIT);
  genl_u32(g, LLP_A_MAX_MESSAGES, 3);
  genl_u32(g, LLP_A_MAX_BYTES, 5000);
  genl_u32(g, LLP_A_MAX_WRITES, 4);
  genl_u8(g, LLP_A_UP, 1);
  EXPECT_EQ(0, genl_call(g)) TH_LOG("%s", g->said);
  int line = line_open(self->tty[A], 0);
  ASSERT_EQ(0, ioctl(line, LLP_IOC_INFO, &info));
  ASSERT_EQ(0, ioctl(line, LLP_IOC_GET_OPTIONS, &options));
  ASSERT_EQ(0, ioctl(line, LLP_IOC_GET_PARAM, &param));
  EXPECT_EQ(LLP_PROTOCOL_MLLP, info.protocol);
  EXPECT_EQ(LLP_INFO_UP, info.flags & LLP_INFO_UP);
  EXPECT_STREQ("lab:1", options.name);
  EXPECT_EQ(LLP_POLICY_COMMIT, options.policy);
  EXPECT_EQ(3, options.max_messages);
  EXPECT_EQ(5000, options.max_bytes);
  EXPECT_EQ(4, options.max_writes);
  EXPECT_STREQ("7s", param.value);
  // Down first, then another protocol, in one request; its parameters are its defaults.
  about(g, LLP_CMD_LINE_SET, self->number[A]);
  genl_u8(g, LLP_A_UP, 0);
  genl_u32(g, LLP_A_PROTOCOL, LLP_PROTOCOL_X328);
  EXPECT_EQ(0, genl_call(g));
  ASSERT_EQ(0, ioctl(line, LLP_IOC_INFO, &info));
  EXPECT_EQ(LLP_PROTOCOL_X328, info.protocol);
  EXPECT_EQ(0, info.flags & LLP_INFO_UP);
  close(line);
}

// A request that is refused for its last attribute changes nothing, and says why.
static int refused(struct genl* g, const char* sentence) {
  int error = genl_call(g);
  return error && strstr(g->said, sentence) ? error : -1;
}

TEST_F(control, line_set_says_what_is_wrong_and_changes_nothing) {
  struct genl* g = self->g;
  uint32_t a = self->number[A];
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  genl_param(g, "tumer_a", "9s");
  EXPECT_EQ(ENOENT, refused(g, "no such parameter")) TH_LOG("%s", g->said);
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  genl_param(g, "timer_b", "soon");
  EXPECT_EQ(EINVAL, refused(g, "Not a value")) TH_LOG("%s", g->said);
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  genl_param(g, "timer_b", "100000s");
  EXPECT_EQ(ERANGE, refused(g, "out of bounds")) TH_LOG("%s", g->said);
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  genl_u32(g, LLP_A_MAX_MESSAGES, 0);
  EXPECT_EQ(ERANGE, refused(g, "1 to 1024")) TH_LOG("%s", g->said);
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  genl_word(g, LLP_A_NAME, "-x");
  EXPECT_EQ(EINVAL, refused(g, "begins with a letter")) TH_LOG("%s", g->said);
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  genl_u32(g, LLP_A_PROTOCOL, 3);
  EXPECT_EQ(ERANGE, genl_call(g));
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  genl_u32(g, LLP_A_SPEED, 3);
  EXPECT_EQ(EINVAL, genl_call(g));
  // Parameters that do not fit each other: llp_params_check()'s own sentence.
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "1s");
  genl_param(g, "timer_b", "9s");
  genl_u8(g, LLP_A_UP, 1);
  EXPECT_EQ(EINVAL, refused(g, "timer")) TH_LOG("%s", g->said);

  int line = line_open(self->tty[A], 0);
  struct llp_ioc_param param = {.name = "timer_a"};
  ASSERT_EQ(0, ioctl(line, LLP_IOC_GET_PARAM, &param));
  EXPECT_STRNE("9s", param.value);
  EXPECT_STRNE("1s", param.value);
  ASSERT_EQ(0, ioctl(line, LLP_IOC_UP));
  about(g, LLP_CMD_LINE_SET, a);
  genl_param(g, "timer_a", "9s");
  EXPECT_EQ(EBUSY, refused(g, "The line is up")) TH_LOG("%s", g->said);
  close(line);
}

TEST_F(control, line_set_needs_a_capability) {
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    struct genl* g = self->g;
    close(g->socket);
    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0 ||
        genl_open(g) != 0) {
      _exit(1);
    }
    if (set_name(g, self->number[A], "mine") != EPERM) {
      _exit(2);
    }
    _exit(get(g, LLP_CMD_LINE_GET, self->number[A]) ? 0 : 3);
  }
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
}

TEST_F(control, statistics_are_the_counters) {
  struct genl* g = self->g;
  char text[128];
  char file[64];
  int line = line_open(self->tty[A], 0);
  ASSERT_GE(line, 0);
  ASSERT_EQ(0, ioctl(line, LLP_IOC_UP));
  ASSERT_EQ(0, line_detach(self->tty[B]));
  ASSERT_EQ(0, tty_raw(self->tty[B]));
  // A bid that nobody takes is refused.
  ASSERT_TRUE(tty_send(self->tty[B], "\x05", 1));
  EXPECT_EQ(1, tty_receive(self->tty[B], text, 1, PATIENCE_MS));
  EXPECT_EQ(0x15, text[0]);
  ASSERT_TRUE(EVENTUALLY(line_counter(line, "naks_sent") == 1));
  struct llp_ioc_counter counter = {0};
  for (; ioctl(line, LLP_IOC_COUNTER, &counter) == 0; counter.index++) {
    const struct nlmsghdr* m = get(g, LLP_CMD_STATS_GET, self->number[A]);
    ASSERT_NE(NULL, m);
    const void* value = genl_named(m, LLP_A_COUNTER, counter.name);
    ASSERT_NE(NULL, value) TH_LOG("%s", counter.name);
    uint64_t number;
    memcpy(&number, value, sizeof number);
    EXPECT_EQ(counter.value, number) TH_LOG("%s", counter.name);
    snprintf(file, sizeof file, "statistics/%s", counter.name);
    EXPECT_EQ(counter.value, strtoull(shown(self->number[A], file, text), NULL, 10))
    TH_LOG("%s", counter.name);
    EXPECT_STRNE("?", text) TH_LOG("%s", counter.name);
  }
  EXPECT_GE(counter.index, 40);
  // One answer: the NAK.
  const struct nlmsghdr* m = get(g, LLP_CMD_STATS_GET, self->number[A]);
  const struct nlattr* turnaround = genl_attr(m, LLP_A_TURNAROUND);
  ASSERT_NE(NULL, turnaround);
  const void* count =
      genl_value(genl_in(genl_value(turnaround), turnaround->nla_len - NLA_HDRLEN, LLP_A_TURNAROUND_COUNT));
  EXPECT_EQ(1, *(const uint32_t*)count);
  close(line);
}

struct writer {
  int line;
  int error;
};

static void* write_one(void* data) {
  struct writer* w = data;
  w->error = write(w->line, "result", 6) == 6 ? 0 : errno;
  return NULL;
}

TEST_F(control, events_tell_the_life_of_a_line_and_its_messages) {
  struct genl* g = malloc(sizeof *g);
  const struct nlmsghdr* e;
  char got[16];
  ASSERT_EQ(0, genl_open(g));
  ASSERT_EQ(0, genl_listen(g));
  ASSERT_EQ(0, set_name(self->g, self->number[B], "wire"));
  e = genl_event(g, LLP_CMD_LINE_EVENT, LLP_A_CHANGE, LLP_LINE_CHANGE_CHANGED);
  ASSERT_NE(NULL, e);
  EXPECT_STREQ("wire", genl_text(e, LLP_A_NAME));
  for (int end = 0; end < 2; end++) {
    about(self->g, LLP_CMD_LINE_SET, self->number[end]);
    genl_u8(self->g, LLP_A_UP, 1);
    ASSERT_EQ(0, genl_call(self->g));
    e = genl_event(g, LLP_CMD_LINE_EVENT, LLP_A_CHANGE, LLP_LINE_CHANGE_UP);
    ASSERT_NE(NULL, e);
    EXPECT_EQ(self->number[end], genl_number(e, LLP_A_LINE));
    EXPECT_EQ(1, genl_number(e, LLP_A_UP));
  }
  struct writer w = {.line = line_open(self->tty[A], 0)};
  int reader = line_open(self->tty[B], 0);
  pthread_t thread;
  ASSERT_EQ(0, ioctl(reader, LLP_IOC_RECEIVE, &(__u32){1}));
  ASSERT_EQ(0, pthread_create(&thread, NULL, write_one, &w));
  EXPECT_EQ(6, read(reader, got, sizeof got));
  pthread_join(thread, NULL);
  EXPECT_EQ(0, w.error);
  e = genl_event(g, LLP_CMD_MESSAGE_EVENT, LLP_A_EVENT, LLP_MESSAGE_EVENT_IN);
  ASSERT_NE(NULL, e);
  EXPECT_EQ(self->number[B], genl_number(e, LLP_A_LINE));
  EXPECT_EQ(6, genl_number(e, LLP_A_LENGTH));
  EXPECT_EQ(LLP_MSG_PENDING, genl_number(e, LLP_A_MESSAGE_FLAGS) & LLP_MSG_PENDING);
  e = genl_event(g, LLP_CMD_MESSAGE_EVENT, LLP_A_EVENT, LLP_MESSAGE_EVENT_OUT);
  ASSERT_NE(NULL, e);
  EXPECT_EQ(self->number[A], genl_number(e, LLP_A_LINE));
  EXPECT_EQ(LLP_OUTCOME_DELIVERED, genl_number(e, LLP_A_OUTCOME));
  // Nobody receives any more: a bid fails, once the line has tried often enough.
  close(reader);
  ASSERT_EQ(0, ioctl(w.line, LLP_IOC_DOWN));
  ASSERT_EQ(0, line_set(w.line, "retries_m", "1"));
  ASSERT_EQ(0, line_set(w.line, "bid_pause", "10ms"));
  ASSERT_EQ(0, ioctl(w.line, LLP_IOC_UP));
  write_one(&w);
  EXPECT_EQ(EBUSY, w.error);
  e = genl_event(g, LLP_CMD_MESSAGE_EVENT, LLP_A_EVENT, LLP_MESSAGE_EVENT_FAILED);
  ASSERT_NE(NULL, e);
  EXPECT_EQ(EBUSY, genl_number(e, LLP_A_ERROR));
  EXPECT_EQ(LLP_OUTCOME_NOT_SENT, genl_number(e, LLP_A_OUTCOME));
  close(w.line);
  ASSERT_EQ(0, line_detach(self->tty[B]));
  e = genl_event(g, LLP_CMD_LINE_EVENT, LLP_A_CHANGE, LLP_LINE_CHANGE_DOWN);
  EXPECT_NE(NULL, e);
  e = genl_event(g, LLP_CMD_LINE_EVENT, LLP_A_CHANGE, LLP_LINE_CHANGE_GONE);
  ASSERT_NE(NULL, e);
  EXPECT_STREQ("ttyLT1", genl_text(e, LLP_A_TTY));
  ASSERT_TRUE(tty_send(self->tty[B], "junk", 4));
  e = genl_event(g, LLP_CMD_EXCEPTION, LLP_A_EXCEPTION, LLP_EXCEPTION_LOST);
  EXPECT_NE(NULL, e);
  ASSERT_EQ(0, line_attach(self->tty[B]));
  e = genl_event(g, LLP_CMD_LINE_EVENT, LLP_A_CHANGE, LLP_LINE_CHANGE_APPEARED);
  EXPECT_NE(NULL, e);
  close(g->socket);
  free(g);
}

TEST_F(control, sysfs_shows_the_line) {
  char text[128];
  uint32_t a = self->number[A];
  EXPECT_STREQ("", shown(a, "name", text));
  EXPECT_STREQ("ttyLT0", shown(a, "tty", text));
  EXPECT_STREQ("x328", shown(a, "protocol", text));
  EXPECT_STREQ("down", shown(a, "state", text));
  EXPECT_STREQ("0", shown(a, "up", text));
  EXPECT_STREQ("0", shown(a, "messages", text));
  about(self->g, LLP_CMD_LINE_SET, a);
  genl_word(self->g, LLP_A_NAME, "lab");
  genl_u32(self->g, LLP_A_PROTOCOL, LLP_PROTOCOL_MLLP);
  genl_u8(self->g, LLP_A_UP, 1);
  ASSERT_EQ(0, genl_call(self->g));
  EXPECT_STREQ("lab", shown(a, "name", text));
  EXPECT_STREQ("mllp", shown(a, "protocol", text));
  EXPECT_STREQ("1", shown(a, "up", text));
  EXPECT_STRNE("down", shown(a, "state", text));
  EXPECT_NE(NULL, strstr(shown(a, "uevent", text), "LLP_TTY=ttyLT0\nLLP_PROTOCOL=mllp\nLLP_NAME=lab"));
  ASSERT_EQ(0, line_detach(self->tty[A]));
  EXPECT_STREQ("?", shown(a, "name", text));
}

// Whether a uevent of line `line` with all of these words comes.
static bool uevent(int socket, const char* action, uint32_t line, const char* const* words) {
  char text[4096];
  char path[64];
  snprintf(path, sizeof path, "/llp%u", line);
  for (;;) {
    struct pollfd ready = {.fd = socket, .events = POLLIN};
    if (poll(&ready, 1, PATIENCE_MS) <= 0) {
      return false;
    }
    ssize_t size = recv(socket, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = 0;
    const char* last = strrchr(text, '/');
    if (strncmp(text, action, strlen(action)) != 0 || !last || strcmp(last, path) != 0) {
      continue;
    }
    for (ssize_t i = 0; i < size; i++) {
      text[i] = text[i] ? text[i] : '\n';
    }
    for (const char* const* word = words; *word; word++) {
      if (!strstr(text, *word)) {
        return false;
      }
    }
    return true;
  }
}

TEST_F(control, uevents_name_tty_protocol_and_line) {
  struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1};
  int events = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
  ASSERT_EQ(0, bind(events, (struct sockaddr*)&group, sizeof group));
  ASSERT_EQ(0, set_name(self->g, self->number[A], "lab"));
  EXPECT_TRUE(
      uevent(events, "change@", self->number[A],
             (const char*[]){"\nLLP_TTY=ttyLT0\n", "\nLLP_PROTOCOL=x328\n", "\nLLP_NAME=lab\n", NULL}));
  ASSERT_EQ(0, line_detach(self->tty[A]));
  EXPECT_TRUE(uevent(events, "remove@", self->number[A], (const char*[]){"\nLLP_NAME=lab\n", NULL}));
  ASSERT_EQ(0, line_attach(self->tty[A]));
  EXPECT_TRUE(uevent(events, "add@", self->number[A], (const char*[]){"\nLLP_TTY=ttyLT0\n", NULL}));
  close(events);
}

// The guest's own tracefs: what is written to one of its files, or 0 with errno.
static bool trace_set(const char* file, const char* text) {
  char path[128];
  snprintf(path, sizeof path, "/sys/kernel/tracing/%s", file);
  int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return done;
}

TEST_F(control, tracepoints_tell_frames_states_and_timers_but_no_content) {
  static char trace[65536];
  char got[32];
  if (access("/sys/kernel/tracing/trace", F_OK) != 0) {
    ASSERT_EQ(0, mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL));
  }
  ASSERT_TRUE(trace_set("trace", ""));
  ASSERT_TRUE(trace_set("events/n_llp/enable", "1"));
  int writer = line_open(self->tty[A], 0);
  int reader = line_open(self->tty[B], 0);
  ASSERT_EQ(0, line_set(writer, "timer_e", "50ms"));
  ASSERT_EQ(0, ioctl(writer, LLP_IOC_UP));
  ASSERT_EQ(0, ioctl(reader, LLP_IOC_UP));
  ASSERT_EQ(0, ioctl(reader, LLP_IOC_POLICY, &(__u32){LLP_POLICY_ARRIVAL}));
  ASSERT_EQ(0, ioctl(reader, LLP_IOC_RECEIVE, &(__u32){1}));
  ASSERT_EQ(7, write(writer, "Smith^J", 7));
  EXPECT_EQ(7, read(reader, got, sizeof got));
  close(reader);
  // A bid that nobody answers any more.
  ASSERT_EQ(0, line_detach(self->tty[B]));
  ASSERT_EQ(0, ioctl(writer, LLP_IOC_DOWN));
  ASSERT_EQ(0, line_set(writer, "timer_a", "100ms"));
  ASSERT_EQ(0, line_set(writer, "timer_b", "50ms"));
  ASSERT_EQ(0, line_set(writer, "retries_m", "1"));
  ASSERT_EQ(0, line_set(writer, "retries_n", "1"));
  ASSERT_EQ(0, ioctl(writer, LLP_IOC_UP));
  EXPECT_EQ(-1, write(writer, "Smith^J", 7));
  ASSERT_TRUE(trace_set("events/n_llp/enable", "0"));
  int fd = open("/sys/kernel/tracing/trace", O_RDONLY | O_CLOEXEC);
  size_t size = 0;
  for (ssize_t n; (n = read(fd, trace + size, sizeof trace - 1 - size)) > 0;) {
    size += (size_t)n;
  }
  close(fd);
  EXPECT_NE(NULL, strstr(trace, "tty=ttyLT0 up"));
  EXPECT_NE(NULL, strstr(trace, "tty=ttyLT1 gone"));
  EXPECT_NE(NULL, strstr(trace, "llp_state: llp"));
  EXPECT_NE(NULL, strstr(trace, " out frame=\"ENQ\""));
  EXPECT_NE(NULL, strstr(trace, " in frame=\"block\" num=1 len=7 verdict=\"good\" flags=last"));
  EXPECT_NE(NULL, strstr(trace, "llp_timer: llp"));
  EXPECT_EQ(NULL, strstr(trace, "Smith"));
  if (!strstr(trace, "len=7")) {
    TH_LOG("%s", trace);
  }
  close(writer);
}

static void* ask(void* data) {
  struct genl* g = malloc(sizeof *g);
  char text[128];
  uint32_t last;
  if (genl_open(g) != 0 || genl_listen(g) != 0) {
    return (void*)1;
  }
  setsockopt(g->socket, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &g->events, sizeof g->events);
  while (!__atomic_load_n((bool*)data, __ATOMIC_RELAXED)) {
    genl_begin(g, g->family, LLP_CMD_LINE_GET, NLM_F_DUMP);
    dumped(g, &last);
    about(g, LLP_CMD_LINE_SET, 0);
    genl_u8(g, LLP_A_UP, 1);
    genl_call(g);
    shown(0, "statistics/rx_bytes", text);
    shown(0, "state", text);
  }
  close(g->socket);
  free(g);
  return NULL;
}

TEST_F(control, lines_come_and_go_under_requests) {
  bool over = false;
  void* failed;
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) {
    ASSERT_EQ(0, pthread_create(&threads[i], NULL, ask, &over));
  }
  for (int round = 0; round < 50; round++) {
    EXPECT_EQ(0, line_detach(self->tty[A]));
    EXPECT_EQ(0, line_attach(self->tty[A]));
  }
  __atomic_store_n(&over, true, __ATOMIC_RELAXED);
  for (int i = 0; i < 2; i++) {
    pthread_join(threads[i], &failed);
    EXPECT_EQ(NULL, failed);
  }
}

TEST_HARNESS_MAIN
