// SPDX-License-Identifier: GPL-2.0
// Lines on USB adapters, which come and go: ttyUSB0 and ttyUSB1, with a cable between them.
#include <glob.h>
#include <limits.h>
#include <pthread.h>

#include "line.h"
#include "rounds.h"

enum { ROUNDS = 3 };

// Between attempts to plug an adapter in again, and how many.
enum { PLUG_MS = 1500, PLUG_TRIES = 40 };

static const char* const paths[] = {"/dev/ttyUSB0", "/dev/ttyUSB1"};

// Takes the adapter from its driver, as pulling it does, or gives it back.
static int authorize(const char* file, const char* word) {
  int control = open(file, O_WRONLY | O_CLOEXEC);
  if (control < 0) {
    return errno;
  }
  int failed = write(control, word, 1) == 1 ? 0 : errno;
  close(control);
  return failed;
}

// Gives it back until it is this tty again: the number is free when the kernel has put the old one away,
// which it does in its own time after the last close.
static bool comes_back(const char* file, const char* tty) {
  for (int i = 0; i < PLUG_TRIES; i++) {
    if (authorize(file, "1") != 0) {
      return false;
    }
    for (int k = 0; k < 10; k++) {
      if (access(tty, F_OK) == 0) {
        return true;
      }
      pause_ms(BRIEFLY_MS);
    }
    if (authorize(file, "0") != 0) {
      return false;
    }
  }
  return false;
}

// The adapter of this tty, in sysfs.
static bool adapter_of(const char* tty, char adapter[PATH_MAX]) {
  char link[64];
  char port[PATH_MAX];
  char path[PATH_MAX + 16];
  // The tty's device is a port of an interface of the adapter.
  snprintf(link, sizeof link, "/sys/class/tty/%s/device", tty + strlen("/dev/"));
  if (!realpath(link, port)) {
    return false;
  }
  snprintf(path, sizeof path, "%s/../..", port);
  return realpath(path, adapter) != NULL;
}

// The file that says whether the adapter of this tty may be used.
static bool authorized_file(const char* tty, char file[PATH_MAX]) {
  char adapter[PATH_MAX];
  return adapter_of(tty, adapter) && snprintf(file, PATH_MAX, "%.4000s/authorized", adapter) > 0;
}

// Gives a command to QEMU's monitor, which the machine has on a port of its own.
static bool tell_qemu(const char* command) {
  glob_t names;
  char word[32] = "";
  char device[64];
  bool told = false;
  if (glob("/sys/class/virtio-ports/*/name", 0, NULL, &names) != 0) {
    return false;
  }
  for (size_t i = 0; i < names.gl_pathc && !told; i++) {
    FILE* name = fopen(names.gl_pathv[i], "re");
    if (name && fscanf(name, "%31s", word) == 1 && strcmp(word, "llp-vm.monitor") == 0 &&
        sscanf(names.gl_pathv[i], "/sys/class/virtio-ports/%31[^/]", word) == 1) {
      snprintf(device, sizeof device, "/dev/%s", word);
      int port = open(device, O_RDWR | O_CLOEXEC);
      told = port >= 0 && tty_send(port, command, strlen(command));
      close(port);
    }
    if (name) {
      fclose(name);
    }
  }
  globfree(&names);
  return told;
}

FIXTURE(usb) {
  int tty[2];
  int line[2];
};

static bool begin(int end, int* tty, int* line) {
  *tty = open(paths[end], O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  *line = -1;
  if (*tty < 0 || tty_raw(*tty) != 0 || line_attach(*tty) != 0) {
    return false;
  }
  *line = line_open(*tty, 0);
  return *line >= 0 && ioctl(*line, LLP_IOC_UP) == 0;
}

FIXTURE_SETUP(usb) {
  for (int end = 0; end < 2; end++) {
    ASSERT_TRUE(EVENTUALLY(access(paths[end], F_OK) == 0)) { TH_LOG("no %s", paths[end]); }
    ASSERT_TRUE(begin(end, &self->tty[end], &self->line[end])) { TH_LOG("%s", strerror(errno)); }
  }
}

FIXTURE_TEARDOWN(usb) {
  for (int end = 0; end < 2; end++) {
    close(self->line[end]);
    close(self->tty[end]);
  }
}

struct call {
  int line;
  ssize_t result;
  char text[64];
};

static void* read_one(void* argument) {
  struct call* call = argument;
  call->result = read(call->line, call->text, sizeof call->text);
  return NULL;
}

static void passes(struct __test_metadata* _metadata, int from, int to) {
  struct call call = {.line = to};
  pthread_t thread;
  ASSERT_EQ(0, ioctl(to, LLP_IOC_RECEIVE, &(__u32){1}));
  ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &call));
  EXPECT_EQ(12, write(from, "over the USB", 12)) { TH_LOG("%s", strerror(errno)); }
  ASSERT_EQ(0, pthread_join(thread, NULL));
  ASSERT_EQ(12, call.result);
  EXPECT_EQ(0, memcmp("over the USB", call.text, 12));
  ASSERT_EQ(0, ioctl(to, LLP_IOC_RECEIVE, &(__u32){0}));
}

TEST_F(usb, messages_pass_both_ways) {
  passes(_metadata, self->line[0], self->line[1]);
  passes(_metadata, self->line[1], self->line[0]);
}

TEST_F(usb, pulled_adapter_ends_its_line_and_comes_back_as_a_fresh_one) {
  char file[PATH_MAX];
  struct call reader = {.line = self->line[0]};
  struct pollfd ready = {.fd = self->tty[0], .events = POLLIN};
  pthread_t thread;
  ASSERT_TRUE(authorized_file(paths[0], file));
  ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
  pause_ms(BRIEFLY_MS);
  ASSERT_EQ(0, authorize(file, "0"));
  ASSERT_EQ(0, pthread_join(thread, NULL));
  EXPECT_EQ(0, reader.result);
  // Who attached the tty learns of it there, too.
  EXPECT_EQ(1, poll(&ready, 1, PATIENCE_MS));
  EXPECT_NE(0, ready.revents & POLLHUP);
  EXPECT_EQ(-1, write(self->line[0], "x", 1));
  EXPECT_EQ(ENODEV, errno);
  EXPECT_TRUE(EVENTUALLY(access(paths[0], F_OK) != 0));
  close(self->line[0]);
  close(self->tty[0]);

  ASSERT_TRUE(comes_back(file, paths[0]));
  ASSERT_TRUE(begin(0, &self->tty[0], &self->line[0])) { TH_LOG("%s", strerror(errno)); }
  passes(_metadata, self->line[0], self->line[1]);
  passes(_metadata, self->line[1], self->line[0]);
}

// ---- pulled in mid message

static char large[100000];

static void* write_large(void* argument) {
  struct call* call = argument;
  call->result = write(call->line, large, sizeof large) < 0 ? -errno : 0;
  return NULL;
}

// A large message is under way when `pull` takes the adapter of `gone`; then all is closed.
static void interrupted(struct __test_metadata* _metadata, FIXTURE_DATA(usb) * self, int from, int gone,
                        unsigned int blocks, bool (*pull)(const char*), const char* what) {
  struct call reader = {.line = self->line[1 - from]};
  struct call writer = {.line = self->line[from]};
  pthread_t threads[2];
  memset(large, 'x', sizeof large);
  ASSERT_EQ(0, ioctl(reader.line, LLP_IOC_RECEIVE, &(__u32){1}));
  ASSERT_EQ(0, pthread_create(&threads[0], NULL, read_one, &reader));
  ASSERT_EQ(0, pthread_create(&threads[1], NULL, write_large, &writer));
  ASSERT_TRUE(EVENTUALLY(line_counter(reader.line, "rx_blocks") > blocks));
  ASSERT_TRUE(pull(what));
  ASSERT_TRUE(EVENTUALLY(access(paths[gone], F_OK) != 0));
  if (gone == from) {
    ASSERT_EQ(0, pthread_join(threads[1], NULL));
    EXPECT_EQ(-ENODEV, writer.result);
    // Who received has part of a message, which nobody sees.
    ASSERT_EQ(0, line_detach(self->tty[1 - from]));
    ASSERT_EQ(0, pthread_join(threads[0], NULL));
  } else {
    ASSERT_EQ(0, pthread_join(threads[0], NULL));
    ASSERT_EQ(0, line_detach(self->tty[from]));
    ASSERT_EQ(0, pthread_join(threads[1], NULL));
    EXPECT_EQ(-ENODEV, writer.result);
  }
  EXPECT_EQ(0, reader.result);
  for (int end = 0; end < 2; end++) {
    close(self->line[end]);
    close(self->tty[end]);
  }
}

static void begin_again(struct __test_metadata* _metadata, FIXTURE_DATA(usb) * self) {
  for (int end = 0; end < 2; end++) {
    ASSERT_TRUE(EVENTUALLY(access(paths[end], F_OK) == 0));
    ASSERT_TRUE(begin(end, &self->tty[end], &self->line[end])) { TH_LOG("%s", strerror(errno)); }
  }
}

static void pulled(struct __test_metadata* _metadata, FIXTURE_DATA(usb) * self, int from, int gone) {
  char adapter[PATH_MAX];
  char command[128];
  ASSERT_TRUE(adapter_of(paths[gone], adapter));
  // They are on the ports of their hub in their order: 1-1 and 1-2.
  int number = adapter[strlen(adapter) - 1] - '1';
  ASSERT_TRUE(number == 0 || number == 1) { TH_LOG("%s", adapter); }
  snprintf(command, sizeof command, "device_del usb%d\n", number);
  interrupted(_metadata, self, from, gone, 10, tell_qemu, command);
  snprintf(command, sizeof command, "device_add usb-serial,always-plugged=on,chardev=cable2%c,id=usb%d\n",
           'a' + number, number);
  // Refused while QEMU has not let go of the one that was pulled.
  for (int tries = 0; tries < PLUG_TRIES && access(paths[gone], F_OK) != 0; tries++) {
    ASSERT_TRUE(tell_qemu(command));
    pause_ms(PLUG_MS);
  }
  begin_again(_metadata, self);
  passes(_metadata, self->line[from], self->line[1 - from]);
}

TEST_F(usb, sender_pulled_in_mid_message) { pulled(_metadata, self, 0, 0); }

TEST_F(usb, receiver_pulled_in_mid_message) { pulled(_metadata, self, 0, 1); }

static bool takes(const char* file) { return authorize(file, "0") == 0; }

// The driver's half of it, many times, at any moment.
TEST_F(usb, gone_in_mid_message_again_and_again) {
  struct chance chance = chance_begin("gone_in_mid_message_again_and_again");
  char file[PATH_MAX];
  long most = rounds(ROUNDS);
  for (long round = 0; round < most; round++) {
    int from = (int)chance_below(&chance, 2);
    int gone = (int)chance_below(&chance, 2);
    ASSERT_TRUE(authorized_file(paths[gone], file));
    interrupted(_metadata, self, from, gone, chance_below(&chance, 8), takes, file);
    ASSERT_TRUE(comes_back(file, paths[gone])) { TH_LOG("round %ld", round); }
    begin_again(_metadata, self);
  }
  passes(_metadata, self->line[0], self->line[1]);
}

TEST_HARNESS_MAIN
