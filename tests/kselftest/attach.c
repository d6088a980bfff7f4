// SPDX-License-Identifier: GPL-2.0
// Attaching and detaching: who may, what it makes, and what is left afterwards.
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "line.h"

enum { A = 0, B = 1, NOBODY = 65534 };

FIXTURE(attach) {
  int a;
  int b;
};

FIXTURE_SETUP(attach) {
  ASSERT_EQ(0, tty_control(A, "defaults\n"));
  ASSERT_EQ(0, tty_control(B, "defaults\n"));
  self->a = tty_open(A, O_NONBLOCK);
  self->b = tty_open(B, O_NONBLOCK);
  ASSERT_GE(self->a, 0);
  ASSERT_GE(self->b, 0);
  ASSERT_EQ(0, tty_raw(self->a));
  ASSERT_EQ(0, tty_raw(self->b));
}

FIXTURE_TEARDOWN(attach) {
  close(self->a);
  close(self->b);
}

// Becomes an ordinary user who keeps one capability, or none (-1).
static bool drop_to(int capability) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {0};
  if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
      setresuid(NOBODY, NOBODY, NOBODY) != 0) {
    return false;
  }
  if (capability >= 0) {
    data[capability / 32].permitted = data[capability / 32].effective = 1U << capability % 32;
  }
  return syscall(SYS_capset, &header, data) == 0;
}

static bool exclusive(int tty) {
  int is = 0;
  return ioctl(tty, TIOCGEXCL, &is) == 0 && is;
}

static int discipline(int tty) {
  int number = -1;
  ioctl(tty, TIOCGETD, &number);
  return number;
}

// ---- who may

TEST_F(attach, ordinary_users_may_not) {
  ASSERT_TRUE(drop_to(-1));
  EXPECT_EQ(EPERM, line_attach(self->a));
  EXPECT_EQ(N_TTY, discipline(self->a));
  EXPECT_FALSE(exclusive(self->a));
}

TEST_F(attach, either_capability_is_enough) {
  ASSERT_TRUE(drop_to(CAP_SYS_TTY_CONFIG));
  EXPECT_EQ(0, line_attach(self->a));
  EXPECT_EQ(0, line_detach(self->a));
}

TEST_F(attach, sys_admin_is_enough) {
  ASSERT_TRUE(drop_to(CAP_SYS_ADMIN));
  EXPECT_EQ(0, line_attach(self->a));
  EXPECT_EQ(0, line_detach(self->a));
}

TEST_F(attach, tty_that_cannot_be_written_becomes_no_line) {
  close(self->a);
  ASSERT_EQ(0, tty_control(A, "mute 1\n"));
  self->a = tty_open(A, O_NONBLOCK);
  ASSERT_GE(self->a, 0);
  EXPECT_EQ(EOPNOTSUPP, line_attach(self->a));
  EXPECT_EQ(N_TTY, discipline(self->a));
  EXPECT_FALSE(exclusive(self->a));
  close(self->a);
  ASSERT_EQ(0, tty_control(A, "mute 0\n"));
  self->a = tty_open(A, O_NONBLOCK);
  ASSERT_GE(self->a, 0);
  EXPECT_EQ(0, line_attach(self->a));
}

// ---- what it makes

TEST_F(attach, line_is_down_silent_and_told) {
  struct llp_ioc_info info;
  char got[4];
  ASSERT_EQ(0, line_attach(self->a));
  EXPECT_EQ(LLP_LDISC, discipline(self->a));
  ASSERT_EQ(0, ioctl(self->a, LLP_IOC_INFO, &info));
  EXPECT_EQ(LLP_ABI_VERSION, info.abi);
  EXPECT_EQ(LLP_PROTOCOL_X328, info.protocol);
  EXPECT_EQ(0, info.flags & (LLP_INFO_UP | LLP_INFO_READY));
  EXPECT_STREQ("ttyLT0", info.tty);
  EXPECT_STREQ("", info.name);

  int line = line_open(self->a, 0);
  ASSERT_GE(line, 0);
  EXPECT_EQ(-1, write(line, "x", 1));
  EXPECT_EQ(ENETDOWN, errno);
  // A bid is not answered.
  ASSERT_TRUE(tty_send(self->b, "\x05", 1));
  EXPECT_EQ((size_t)0, tty_receive(self->b, got, sizeof got, BRIEFLY_MS));
  close(line);
}

TEST_F(attach, bit_rate_follows_termios) {
  struct llp_ioc_info info;
  ASSERT_EQ(0, tty_modes(self->a, INPCK, CLOCAL, B19200));
  ASSERT_EQ(0, line_attach(self->a));
  ASSERT_EQ(0, ioctl(self->a, LLP_IOC_INFO, &info));
  EXPECT_EQ(19200, info.speed);
  EXPECT_LE(10 * 1000000000LL / 19200 - 1, info.char_time);
  EXPECT_GE(10 * 1000000000LL / 19200 + 1, info.char_time);
  ASSERT_EQ(0, tty_modes(self->a, INPCK, CLOCAL | PARENB, B9600));
  ASSERT_EQ(0, ioctl(self->a, LLP_IOC_INFO, &info));
  EXPECT_EQ(9600, info.speed);
  EXPECT_LE(11 * 1000000000LL / 9600 - 1, info.char_time);
  EXPECT_GE(11 * 1000000000LL / 9600 + 1, info.char_time);
}

TEST_F(attach, tty_is_exclusive_and_not_to_be_read_or_written) {
  char byte;
  ASSERT_EQ(0, line_attach(self->a));
  EXPECT_TRUE(exclusive(self->a));
  EXPECT_EQ(-1, read(self->a, &byte, 1));
  EXPECT_EQ(EIO, errno);
  EXPECT_EQ(-1, write(self->a, "x", 1));
  EXPECT_EQ(EIO, errno);
  ASSERT_EQ(0, line_detach(self->a));
  EXPECT_FALSE(exclusive(self->a));
}

TEST_F(attach, exclusive_tty_is_opened_by_no_other) {
  ASSERT_EQ(0, line_attach(self->a));
  // Who may open any file, but is no administrator.
  ASSERT_TRUE(drop_to(CAP_DAC_OVERRIDE));
  EXPECT_EQ(-1, tty_open(A, O_NONBLOCK));
  EXPECT_EQ(EBUSY, errno);
  ASSERT_EQ(0, line_detach(self->a));
  int other = tty_open(A, O_NONBLOCK);
  EXPECT_GE(other, 0);
  close(other);
}

TEST_F(attach, exclusive_by_its_users_own_wish_stays_so) {
  ASSERT_EQ(0, ioctl(self->a, TIOCEXCL));
  ASSERT_EQ(0, line_attach(self->a));
  ASSERT_EQ(0, line_detach(self->a));
  EXPECT_TRUE(exclusive(self->a));
  ASSERT_EQ(0, ioctl(self->a, TIOCNXCL));
}

TEST_F(attach, attaching_again_changes_nothing) {
  struct llp_ioc_info first;
  struct llp_ioc_info second;
  ASSERT_EQ(0, line_attach(self->a));
  ASSERT_EQ(0, ioctl(self->a, LLP_IOC_INFO, &first));
  ASSERT_EQ(0, line_attach(self->a));
  ASSERT_EQ(0, ioctl(self->a, LLP_IOC_INFO, &second));
  EXPECT_EQ(first.line, second.line);
}

// Every kind of tty that a machine has: a UART, and both ends of a pseudo terminal.
static void works(struct __test_metadata* _metadata, int tty) {
  ASSERT_GE(tty, 0);
  ASSERT_EQ(0, tty_raw(tty));
  ASSERT_EQ(0, line_attach(tty));
  int line = line_open(tty, 0);
  ASSERT_GE(line, 0);
  EXPECT_EQ(0, ioctl(line, LLP_IOC_UP));
  close(line);
  EXPECT_EQ(0, line_detach(tty));
  EXPECT_EQ(N_TTY, discipline(tty));
}

TEST(uart_becomes_a_line) {
  int tty = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  works(_metadata, tty);
  close(tty);
}

TEST(both_ends_of_a_pseudo_terminal_become_lines) {
  char path[32];
  int number = 0;
  int zero = 0;
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(master, 0);
  ASSERT_EQ(0, ioctl(master, TIOCGPTN, &number));
  ASSERT_EQ(0, ioctl(master, TIOCSPTLCK, &zero));
  snprintf(path, sizeof path, "/dev/pts/%d", number);
  int slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  works(_metadata, slave);
  works(_metadata, master);
  close(slave);
  close(master);
}

TEST(lines_have_numbers_of_their_own) {
  int ttys[4];
  unsigned int seen = 0;
  for (int i = 0; i < 4; i++) {
    struct llp_ioc_info info;
    ttys[i] = tty_open(2 * i, O_NONBLOCK);
    ASSERT_GE(ttys[i], 0);
    ASSERT_EQ(0, line_attach(ttys[i]));
    ASSERT_EQ(0, ioctl(ttys[i], LLP_IOC_INFO, &info));
    ASSERT_LT(info.line, 32);
    EXPECT_EQ(0, seen & 1U << info.line);
    seen |= 1U << info.line;
  }
  for (int i = 0; i < 4; i++) {
    close(ttys[i]);
  }
}

// ---- what is left

TEST_F(attach, detached_tty_is_as_before_and_its_device_gone) {
  char path[32];
  char got[4];
  ASSERT_EQ(0, line_attach(self->a));
  ASSERT_TRUE(line_path(self->a, path));
  ASSERT_EQ(0, access(path, F_OK));
  ASSERT_EQ(0, line_detach(self->a));
  EXPECT_EQ(-1, access(path, F_OK));
  EXPECT_EQ(-1, open(path, O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(line_path(self->a, path));
  ASSERT_TRUE(tty_send(self->b, "tty", 3));
  EXPECT_EQ((size_t)3, tty_receive(self->a, got, 3, PATIENCE_MS));
}

TEST_F(attach, last_close_of_the_tty_detaches) {
  char path[32];
  ASSERT_EQ(0, line_attach(self->a));
  ASSERT_TRUE(line_path(self->a, path));
  close(self->a);
  EXPECT_EQ(-1, access(path, F_OK));
  self->a = tty_open(A, O_NONBLOCK);
  EXPECT_EQ(N_TTY, discipline(self->a));
}

TEST_F(attach, attached_again_is_a_fresh_line) {
  struct llp_ioc_options options = {
      .mask = LLP_OPTION_NAME | LLP_OPTION_MAX_MESSAGES, .max_messages = 3, .name = "old"};
  struct llp_ioc_info info;
  ASSERT_EQ(0, line_attach(self->a));
  int line = line_open(self->a, 0);
  ASSERT_GE(line, 0);
  ASSERT_EQ(0, ioctl(line, LLP_IOC_SET_OPTIONS, &options));
  ASSERT_EQ(0, line_set(line, "timer_a", "7s"));
  ASSERT_EQ(0, ioctl(line, LLP_IOC_UP));
  ASSERT_TRUE(tty_send(self->b, "junk\x05", 5));
  EXPECT_TRUE(EVENTUALLY(line_counted(line) > 0));
  close(line);
  ASSERT_EQ(0, line_detach(self->a));

  ASSERT_EQ(0, line_attach(self->a));
  ASSERT_EQ(0, ioctl(self->a, LLP_IOC_INFO, &info));
  EXPECT_EQ(0, info.flags & LLP_INFO_UP);
  EXPECT_STREQ("", info.name);
  EXPECT_EQ(8, info.max_messages);
  line = line_open(self->a, 0);
  ASSERT_GE(line, 0);
  struct llp_ioc_param param = {.name = "timer_a"};
  ASSERT_EQ(0, ioctl(line, LLP_IOC_GET_PARAM, &param));
  EXPECT_STRNE("7s", param.value);
  EXPECT_EQ(0, line_counted(line));
  close(line);
}

TEST_F(attach, file_of_a_detached_line_knows_that_it_is_gone) {
  char byte;
  struct llp_ioc_info info;
  ASSERT_EQ(0, line_attach(self->a));
  int line = line_open(self->a, 0);
  ASSERT_GE(line, 0);
  struct pollfd ready = {.fd = line, .events = POLLIN};
  ASSERT_EQ(0, ioctl(line, LLP_IOC_UP));
  ASSERT_EQ(0, line_detach(self->a));
  EXPECT_EQ(1, poll(&ready, 1, PATIENCE_MS));
  EXPECT_EQ(POLLHUP | POLLERR, ready.revents & (POLLHUP | POLLERR));
  EXPECT_EQ(0, read(line, &byte, 1));
  EXPECT_EQ(-1, write(line, "x", 1));
  EXPECT_EQ(ENODEV, errno);
  EXPECT_EQ(-1, ioctl(line, LLP_IOC_INFO, &info));
  EXPECT_EQ(ENODEV, errno);
  // It does not become the next line's, either.
  ASSERT_EQ(0, line_attach(self->a));
  EXPECT_EQ(-1, ioctl(line, LLP_IOC_INFO, &info));
  EXPECT_EQ(ENODEV, errno);
  close(line);
}

TEST_F(attach, module_in_use_cannot_be_unloaded) {
  ASSERT_EQ(0, line_attach(self->a));
  EXPECT_EQ(-1, syscall(SYS_delete_module, "n_llp", O_NONBLOCK));
  EXPECT_EQ(EWOULDBLOCK, errno);
  int line = line_open(self->a, 0);
  ASSERT_GE(line, 0);
  ASSERT_EQ(0, line_detach(self->a));
  // A file of a line that is gone holds the module, too.
  EXPECT_EQ(-1, syscall(SYS_delete_module, "n_llp", O_NONBLOCK));
  EXPECT_EQ(EWOULDBLOCK, errno);
  close(line);
}

TEST_HARNESS_MAIN
