// SPDX-License-Identifier: GPL-2.0
// A line's end, however it comes, with everything under way: nobody sleeps on,
// and nothing is left.
#include <limits.h>
#include <pthread.h>

#include "genl.h"
#include "line.h"
#include "rounds.h"

enum { A = 0, B = 1, ROUNDS = 40 };

FIXTURE(life) {
  int tty[2];
  int line[2];
};

static bool begin(int index, int* tty, int* line) {
  *tty = tty_open(index, O_NONBLOCK);
  *line = -1;
  if (*tty < 0 || tty_raw(*tty) != 0 || line_attach(*tty) != 0) {
    return false;
  }
  *line = line_open(*tty, 0);
  return *line >= 0 && ioctl(*line, LLP_IOC_UP) == 0;
}

FIXTURE_SETUP(life) {
  for (int end = 0; end < 2; end++) {
    ASSERT_EQ(0, tty_control(end, "defaults\n"));
    ASSERT_TRUE(begin(end, &self->tty[end], &self->line[end])) { TH_LOG("%s", strerror(errno)); }
  }
}

FIXTURE_TEARDOWN(life) {
  for (int end = 0; end < 2; end++) {
    EXPECT_EQ(0, tty_control(end, "defaults\n"));
    close(self->line[end]);
    close(self->tty[end]);
  }
}

struct call {
  int line;
  ssize_t result;
  int error;
};

static void* read_one(void* argument) {
  struct call* call = argument;
  char text[64];
  call->result = read(call->line, text, sizeof text);
  call->error = errno;
  return NULL;
}

static void* write_one(void* argument) {
  struct call* call = argument;
  call->result = write(call->line, "text", 4);
  call->error = errno;
  return NULL;
}

static void* poll_one(void* argument) {
  struct call* call = argument;
  struct pollfd ready = {.fd = call->line, .events = POLLIN};
  call->result = poll(&ready, 1, PATIENCE_MS);
  call->error = ready.revents;
  return NULL;
}

FIXTURE_VARIANT(life) { const char* how; };
FIXTURE_VARIANT_ADD(life, detach){.how = NULL};
FIXTURE_VARIANT_ADD(life, hangup){.how = "hangup\n"};
FIXTURE_VARIANT_ADD(life, unplug){.how = "unplug\nplug\n"};
FIXTURE_VARIANT_ADD(life, carrier){.how = "carrier 0\n"};

static int end_line(int index, int tty, const char* how) {
  if (how && strncmp(how, "carrier", 7) == 0 && tty_modes(tty, 0, 0, B115200) != 0) {
    return errno;
  }
  return how ? tty_control(index, how) : line_detach(tty);
}

// A reader, a poller and a writer whose bid gets no answer, with its timer running.
TEST_F(life, ends_for_all_who_sleep) {
  struct call reader = {.line = self->line[B]};
  struct call poller = {.line = self->line[B]};
  struct call writer = {.line = self->line[B]};
  pthread_t threads[3];
  ASSERT_EQ(0, tty_control(A, "hold 1\n"));
  ASSERT_EQ(0, pthread_create(&threads[0], NULL, read_one, &reader));
  ASSERT_EQ(0, pthread_create(&threads[1], NULL, poll_one, &poller));
  ASSERT_EQ(0, pthread_create(&threads[2], NULL, write_one, &writer));
  pause_ms(BRIEFLY_MS);
  ASSERT_EQ(0, end_line(B, self->tty[B], variant->how));
  for (int i = 0; i < 3; i++) {
    ASSERT_EQ(0, pthread_join(threads[i], NULL));
  }
  EXPECT_EQ(0, reader.result);
  EXPECT_EQ(1, poller.result);
  EXPECT_EQ(POLLHUP | POLLERR, poller.error & (POLLHUP | POLLERR));
  EXPECT_EQ(-1, writer.result);
  EXPECT_EQ(ENODEV, writer.error);
  EXPECT_EQ(0, tty_control(B, "carrier 1\n"));
}

TEST_F(life, is_fresh_when_attached_again) {
  struct call reader;
  pthread_t thread;
  ASSERT_EQ(0, end_line(B, self->tty[B], variant->how));
  ASSERT_EQ(0, tty_control(B, "carrier 1\n"));
  close(self->line[B]);
  close(self->tty[B]);
  ASSERT_TRUE(EVENTUALLY(tty_state(B, "open") == 0));
  ASSERT_TRUE(EVENTUALLY(access("/dev/ttyLT1", F_OK) == 0));
  ASSERT_TRUE(begin(B, &self->tty[B], &self->line[B])) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, ioctl(self->line[B], LLP_IOC_RECEIVE, &(__u32){1}));
  reader = (struct call){.line = self->line[B]};
  ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
  EXPECT_EQ(4, write(self->line[A], "text", 4)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, pthread_join(thread, NULL));
  EXPECT_EQ(4, reader.result);
}

// The PCI device of a tty, and the directory of its driver; false: it has none.
static bool pci_device(const char* tty, char device[PATH_MAX], char driver[PATH_MAX]) {
  char path[PATH_MAX + 16];
  snprintf(path, sizeof path, "/sys/class/tty/%s/device", tty);
  bool found = false;
  for (char* at = realpath(path, device); at && !found && (at = strrchr(device, '/')) != device;) {
    snprintf(path, sizeof path, "%s/subsystem", device);
    char* bus = realpath(path, driver) ? strrchr(driver, '/') : NULL;
    found = bus && strcmp(bus, "/pci") == 0;
    if (!found) {
      *at = 0;
    }
  }
  snprintf(path, sizeof path, "%s/driver", device);
  return found && realpath(path, driver) != NULL;
}

// Writes the device's name into a file of its driver; 0, or errno.
static int tell_driver(const char* driver, const char* file, const char* device) {
  char path[PATH_MAX + 16];
  const char* name = strrchr(device, '/') + 1;
  snprintf(path, sizeof path, "%s/%s", driver, file);
  int control = open(path, O_WRONLY | O_CLOEXEC);
  int failed = control >= 0 && write(control, name, strlen(name)) > 0 ? 0 : errno;
  close(control);
  return failed;
}

// What serial_core does with a card that is pulled: the tty's device goes before the tty is hung up. The old
// file stays open, as that of an attach helper may: who opens the tty that came back gets the same tty.
TEST(ends_with_the_card_of_its_port) {
  char device[PATH_MAX];
  char driver[PATH_MAX];
  char path[32];
  int tty[2] = {-1, -1};
  ASSERT_TRUE(pci_device("ttyS2", device, driver));
  for (int i = 0; i < 2; i++) {
    struct call reader = {0};
    pthread_t thread;
    ASSERT_TRUE(EVENTUALLY((tty[i] = open("/dev/ttyS2", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) >= 0));
    ASSERT_EQ(0, tty_raw(tty[i]));
    ASSERT_EQ(0, line_attach(tty[i]));
    ASSERT_TRUE(line_path(tty[i], path));
    reader.line = line_open(tty[i], 0);
    ASSERT_EQ(0, ioctl(reader.line, LLP_IOC_UP));
    ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
    ASSERT_EQ(0, tell_driver(driver, "unbind", device));
    ASSERT_EQ(0, pthread_join(thread, NULL));
    EXPECT_EQ(0, reader.result);
    EXPECT_EQ(-1, access(path, F_OK));
    close(reader.line);
    ASSERT_EQ(0, tell_driver(driver, "bind", device));
  }
  close(tty[0]);
  close(tty[1]);
}

// ---- everything at once

static bool stopping;

static bool going_on(void) { return !__atomic_load_n(&stopping, __ATOMIC_RELAXED); }

// Opens, asks, writes and reads whatever line there is.
static void* use_lines(void* argument) {
  const char* path = argument;
  while (going_on()) {
    int line = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (line < 0) {
      pause_ms(1);
      continue;
    }
    struct llp_ioc_info info;
    struct llp_ioc_result result;
    struct pollfd ready = {.fd = line, .events = POLLIN};
    char text[64];
    ssize_t done;
    ioctl(line, LLP_IOC_UP);
    for (int i = 0; i < 5; i++) {
      done = write(line, "some text", 9);
      ioctl(line, LLP_IOC_INFO, &info);
      poll(&ready, 1, 2);
      done = read(line, text, sizeof text);
      ioctl(line, LLP_IOC_RESULT, &result);
      line_counted(line);
    }
    ioctl(line, LLP_IOC_DOWN);
    (void)done;
    close(line);
  }
  return NULL;
}

static void* attach_lines(void* argument) {
  int index = *(int*)argument;
  while (going_on()) {
    int tty = tty_open(index, O_NONBLOCK);
    if (tty < 0) {
      pause_ms(1);
      continue;
    }
    if (tty_raw(tty) == 0 && line_attach(tty) == 0) {
      pause_ms(10);
      line_detach(tty);
    }
    close(tty);
  }
  return NULL;
}

// Dumps lines and counters by netlink, and hears all events.
static void* ask_netlink(void* argument) {
  struct genl* g = malloc(sizeof *g);
  (void)argument;
  while (g && genl_open(g) == 0 && genl_listen(g) == 0 && going_on()) {
    for (uint8_t command = LLP_CMD_LINE_GET; command <= LLP_CMD_STATS_GET; command += 2) {
      genl_begin(g, g->family, command, NLM_F_DUMP);
      (void)genl_call(g);
      genl_begin(g, g->family, command, 0);
      genl_u32(g, LLP_A_LINE, command == LLP_CMD_LINE_GET);
      (void)genl_call(g);
    }
    close(g->socket);
  }
  free(g);
  return NULL;
}

static void* read_sysfs(void* argument) {
  static const char* const files[] = {"uevent", "state", "messages", "statistics/rx_bytes",
                                      "statistics/messages_refused"};
  char path[64];
  char text[256];
  (void)argument;
  for (unsigned int i = 0; going_on(); i++) {
    snprintf(path, sizeof path, "/sys/class/llp/llp%u/%s", i % 2, files[i % 5]);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    (void)!read(file, text, sizeof text);
    close(file);
  }
  return NULL;
}

TEST(ends_in_any_order_under_load) {
  static int indices[] = {2, 3};
  static char paths[4][16] = {"/dev/llp0", "/dev/llp1", "/dev/llp0", "/dev/llp1"};
  pthread_t threads[8];
  ASSERT_EQ(0, tty_control(2, "defaults\nroom 5\nlate 300\n"));
  ASSERT_EQ(0, tty_control(3, "defaults\naccept 2\n"));
  for (int i = 0; i < 2; i++) {
    ASSERT_EQ(0, pthread_create(&threads[i], NULL, attach_lines, &indices[i]));
  }
  for (int i = 0; i < 4; i++) {
    ASSERT_EQ(0, pthread_create(&threads[2 + i], NULL, use_lines, paths[i]));
  }
  ASSERT_EQ(0, pthread_create(&threads[6], NULL, ask_netlink, NULL));
  ASSERT_EQ(0, pthread_create(&threads[7], NULL, read_sysfs, NULL));
  for (long i = 0, most = rounds(ROUNDS); i < most; i++) {
    pause_ms(15);
    (void)tty_control(2 + i % 2, "hangup\n");
    (void)tty_control(2 + i % 2, "parity 3\nbreak 5\n");
    pause_ms(15);
    if (i % 4 == 0) {
      EXPECT_EQ(0, tty_control(2 + i / 4 % 2, "unplug\nplug\n"));
    }
    (void)tty_control(2, i % 3 ? "hold 0\n" : "hold 1\n");
  }
  __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
  EXPECT_EQ(0, tty_control(2, "defaults\n"));
  EXPECT_EQ(0, tty_control(3, "defaults\n"));
  for (int i = 0; i < 8; i++) {
    EXPECT_EQ(0, pthread_join(threads[i], NULL));
  }
  EXPECT_EQ(-1, access("/dev/llp0", F_OK));
  EXPECT_EQ(-1, access("/dev/llp1", F_OK));
}

TEST_HARNESS_MAIN
