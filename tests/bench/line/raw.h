// SPDX-License-Identifier: BSD-3-Clause
// A tty that passes every byte as it is.
#ifndef LLP_BENCH_RAW_H
#define LLP_BENCH_RAW_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static inline void fail(const char* what) {
  perror(what);
  _exit(1);
}

// A number from 0 on.
static inline long number_of(const char* word) {
  char* end = NULL;
  const long number = strtol(word, &end, 10);
  if (end == word || *end != '\0' || number < 0) {
    fail(word);
  }
  return number;
}

static inline int open_raw(const char* path, speed_t speed) {
  int tty = open(path, O_RDWR | O_NOCTTY);
  struct termios modes;
  if (tty < 0 || tcgetattr(tty, &modes) != 0) {
    fail(path);
  }
  cfmakeraw(&modes);
  modes.c_cflag |= CLOCAL | CREAD;
  cfsetspeed(&modes, speed);
  if (tcsetattr(tty, TCSAFLUSH, &modes) != 0) {
    fail(path);
  }
  return tty;
}

#endif
