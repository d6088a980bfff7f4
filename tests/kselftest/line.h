// SPDX-License-Identifier: GPL-2.0
// Attaching ttys to the line discipline, and the devices that come of it.
#ifndef LLP_KSELFTEST_LINE_H
#define LLP_KSELFTEST_LINE_H

#include "llp.h"
#include "tty.h"

// 0, or errno.
static inline int tty_discipline(int tty, int number) {
  return ioctl(tty, TIOCSETD, &number) == 0 ? 0 : errno;
}

static inline int line_attach(int tty) { return tty_discipline(tty, LLP_LDISC); }

static inline int line_detach(int tty) { return tty_discipline(tty, N_TTY); }

// The path of the device that the attached tty made; false if there is none.
static inline bool line_path(int tty, char path[32]) {
  struct llp_ioc_info info;
  if (ioctl(tty, LLP_IOC_INFO, &info) != 0) {
    return false;
  }
  snprintf(path, 32, "/dev/llp%u", info.line);
  return true;
}

// Opens the device of an attached tty.
static inline int line_open(int tty, int flags) {
  char path[32];
  return line_path(tty, path) ? open(path, O_RDWR | O_CLOEXEC | flags) : -1;
}

// 0, or errno.
static inline int line_set(int line, const char* name, const char* value) {
  struct llp_ioc_param param = {0};
  snprintf(param.name, sizeof param.name, "%s", name);
  snprintf(param.value, sizeof param.value, "%s", value);
  return ioctl(line, LLP_IOC_SET_PARAM, &param) == 0 ? 0 : errno;
}

// Since the tty was attached; -1 if no counter has that name.
static inline int64_t line_counter(int line, const char* name) {
  struct llp_ioc_counter counter = {0};
  for (counter.index = 0; ioctl(line, LLP_IOC_COUNTER, &counter) == 0; counter.index++) {
    if (strcmp(counter.name, name) == 0) {
      return (int64_t)counter.value;
    }
  }
  return -1;
}

// The sum of all counters: 0 on a line that has just been attached.
static inline int64_t line_counted(int line) {
  struct llp_ioc_counter counter = {0};
  int64_t sum = 0;
  for (counter.index = 0; ioctl(line, LLP_IOC_COUNTER, &counter) == 0; counter.index++) {
    sum += (int64_t)counter.value;
  }
  return sum;
}

// A file of the line in sysfs, without its newline; "?": there is none.
static inline const char* shown(uint32_t line, const char* file, char text[128]) {
  char path[128];
  snprintf(path, sizeof path, "/sys/class/llp/llp%u/%s", line, file);
  strcpy(text, "?");
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    ssize_t size = read(fd, text, 127);
    text[size > 0 ? size - 1 : 0] = 0;
    close(fd);
  }
  return text;
}

#endif
