// SPDX-License-Identifier: GPL-2.0
// What every test of a tty needs: the harness, ports that are raw, reads that
// end, and the control of llp_testtty (its commands: tests/kmod/testtty_control.c).
#ifndef LLP_KSELFTEST_TTY_H
#define LLP_KSELFTEST_TTY_H

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/serial.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

// A guest without KVM on a machine that others use, too, is slow at times.
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

enum { PATIENCE_MS = 60000, BRIEFLY_MS = 200 };

// Opens /dev/ttyLT<index> for reading and writing, with `flags` besides.
static inline int tty_open(int index, int flags) {
  char path[32];
  snprintf(path, sizeof path, "/dev/ttyLT%d", index);
  return open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | flags);
}

// Raw, with these input modes and no others, and these control modes (CLOCAL is not among them by itself).
static inline int tty_modes(int tty, tcflag_t iflag, tcflag_t cflag, speed_t speed) {
  struct termios modes;
  if (tcgetattr(tty, &modes) != 0) {
    return -1;
  }
  cfmakeraw(&modes);
  modes.c_iflag = iflag;  // an earlier user's stay with the port
  modes.c_cflag &= ~(tcflag_t)(CSIZE | CLOCAL | CRTSCTS | CSTOPB | PARENB | PARODD);
  modes.c_cflag |= CREAD | cflag | ((cflag & CSIZE) == CS5 ? (tcflag_t)CS8 : 0);
  cfsetspeed(&modes, speed);
  return tcsetattr(tty, TCSANOW, &modes);
}

static inline int tty_raw(int tty) { return tty_modes(tty, 0, CLOCAL, B115200); }

// Writes all of it; false with errno when that fails.
static inline bool tty_send(int tty, const void* bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t taken = write(tty, (const char*)bytes + done, size - done);
    if (taken < 0 && errno == EINTR) {
      continue;
    }
    if (taken <= 0) {
      return false;
    }
    done += (size_t)taken;
  }
  return true;
}

// Reads until there are `size` bytes, nothing came for `patience_ms`, or the line ended; the bytes read.
static inline size_t tty_receive(int tty, void* bytes, size_t size, int patience_ms) {
  size_t done = 0;
  while (done < size) {
    struct pollfd ready = {.fd = tty, .events = POLLIN};
    if (poll(&ready, 1, patience_ms) <= 0) {
      break;
    }
    ssize_t got = read(tty, (char*)bytes + done, size - done);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    done += (size_t)got;
  }
  return done;
}

// Gives the commands to the control of ttyLT<index>; 0, or errno.
static inline int tty_control(int index, const char* commands) {
  char path[64];
  snprintf(path, sizeof path, "/sys/kernel/debug/llp_testtty/ttyLT%d", index);
  int control = open(path, O_WRONLY | O_CLOEXEC);
  if (control < 0) {
    return errno;
  }
  ssize_t size = (ssize_t)strlen(commands);
  int failed = write(control, commands, (size_t)size) == size ? 0 : errno;
  close(control);
  return failed;
}

// A number of the control's state; -1 if there is none of that name.
static inline int64_t tty_state(int index, const char* name) {
  char path[64];
  snprintf(path, sizeof path, "/sys/kernel/debug/llp_testtty/ttyLT%d", index);
  FILE* control = fopen(path, "re");
  if (!control) {
    return -1;
  }
  char word[32];
  int64_t number = -1;
  int64_t found = -1;
  while (fscanf(control, "%31s %" SCNd64, word, &number) == 2) {
    if (strcmp(word, name) == 0) {
      found = number;
    }
  }
  fclose(control);
  return found;
}

static inline int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline void pause_ms(long ms) {
  struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&span, NULL);
}

// Waits until the expression holds; false when patience ended first.
#define EVENTUALLY(expression)                                                \
  ({                                                                          \
    int64_t eventually_end = now_us() + 1000LL * PATIENCE_MS;                 \
    bool eventually_holds;                                                    \
    while (!(eventually_holds = (expression)) && now_us() < eventually_end) { \
      pause_ms(5);                                                            \
    }                                                                         \
    eventually_holds;                                                         \
  })

#endif
