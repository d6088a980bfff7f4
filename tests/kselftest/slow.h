// SPDX-License-Identifier: GPL-2.0
// A reader whose memory comes late: its read() stays in the middle of copying.
#pragma once

#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "station.h"

struct slow {
  char* page;
  int fault;
  struct call c;
};

static inline bool slow_begin(struct slow* s) {
  struct uffdio_api api = {.api = UFFD_API};
  long size = sysconf(_SC_PAGESIZE);
  s->page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  s->fault = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_register range = {.range = {.start = (uintptr_t)s->page, .len = (uint64_t)size},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  return s->page != MAP_FAILED && s->fault >= 0 && ioctl(s->fault, UFFDIO_API, &api) == 0 &&
         ioctl(s->fault, UFFDIO_REGISTER, &range) == 0;
}

static inline void* slow_read(void* argument) {
  struct slow* s = argument;
  s->c.result = read(s->c.line, s->page, (size_t)sysconf(_SC_PAGESIZE));
  s->c.error = s->c.result < 0 ? errno : 0;
  __atomic_store_n(&s->c.over, true, __ATOMIC_RELEASE);
  return NULL;
}

// Starts a read() and waits until it copies.
static inline bool slow_start(struct slow* s, int line) {
  struct pollfd ready = {.fd = s->fault, .events = POLLIN};
  struct uffd_msg event;
  s->c = (struct call){.line = line};
  return pthread_create(&s->c.thread, NULL, slow_read, s) == 0 && poll(&ready, 1, PATIENCE_MS) == 1 &&
         read(s->fault, &event, sizeof event) == (ssize_t)sizeof event;
}

// The memory is there.
static inline bool slow_goes_on(struct slow* s) {
  struct uffdio_zeropage zero = {
      .range = {.start = (uintptr_t)s->page, .len = (uint64_t)sysconf(_SC_PAGESIZE)}};
  return ioctl(s->fault, UFFDIO_ZEROPAGE, &zero) == 0;
}

static inline void slow_end(struct slow* s) {
  close(s->fault);
  munmap(s->page, (size_t)sysconf(_SC_PAGESIZE));
}
