// SPDX-License-Identifier: GPL-2.0
// A line on ttyLT0, and the other station, which the test plays byte by byte at
// the other end of the cable. The line's timers are so wide that none runs out
// while a test looks, unless the test sets it.
#ifndef LLP_KSELFTEST_STATION_H
#define LLP_KSELFTEST_STATION_H

#include <pthread.h>

#include "line.h"

enum { LINE_END = 0, WIRE_END = 1 };

struct station {
  int tty;   // attached
  int wire;  // the other station's end, raw
  int line;  // a file of the line, open for both
};

typedef const char* const line_params[][2];

// Sets parameters up to one without a name; 0, or errno.
static inline int line_tune(int line, line_params params) {
  for (; params && (*params)[0]; params++) {
    int failed = line_set(line, (*params)[0], (*params)[1]);
    if (failed) {
      printf("# %s=%s: %s\n", (*params)[0], (*params)[1], strerror(failed));
      return failed;
    }
  }
  return 0;
}

static inline int line_patience(int line, uint32_t protocol) {
  static line_params x328 = {{"timer_a", "100s"},        {"timer_b", "50s"},       {"timer_d", "100s"},
                             {"timer_e", "0"},           {"peer_timer_a", "100s"}, {"bid_pause", "10ms"},
                             {"recovery_pause", "10ms"}, {"rint_pause", "10ms"},   {NULL, NULL}};
  static line_params hllp = {{"t_in", "100s"}, {"nak_wait", "10ms"}, {NULL, NULL}};
  static line_params mllp = {{"t_c", "100s"}, {"peer_t_c", "100s"}, {NULL, NULL}};
  return line_tune(line, protocol == LLP_PROTOCOL_X328 ? x328 : protocol == LLP_PROTOCOL_HLLP ? hllp : mllp);
}

// 0, or errno: the line works with this protocol, wide timers, and what else is asked for.
static inline int line_up(int line, uint32_t protocol, line_params params) {
  int failed = ioctl(line, LLP_IOC_SET_PROTOCOL, &protocol) == 0 ? line_patience(line, protocol) : errno;
  failed = failed ? failed : line_tune(line, params);
  return failed ? failed : ioctl(line, LLP_IOC_UP) == 0 ? 0 : errno;
}

// What was on its way when the line before it ended has arrived, and is forgotten: a byte that nobody sends
// comes last.
static inline bool is_drained(int from, int to) {
  char byte = 0;
  bool good = tty_send(from, "~", 1);
  while (good && byte != '~') {
    good = tty_receive(to, &byte, 1, PATIENCE_MS) == 1;
  }
  return good;
}

static inline bool station_begin(struct station* s, uint32_t protocol, line_params params) {
  *s = (struct station){-1, -1, -1};
  // Paced: a station cannot answer a block that has not left yet.
  if (tty_control(LINE_END, "defaults\npace 1\n") != 0 || tty_control(WIRE_END, "defaults\n") != 0) {
    return false;
  }
  s->wire = tty_open(WIRE_END, O_NONBLOCK);
  s->tty = tty_open(LINE_END, O_NONBLOCK);
  return s->wire >= 0 && s->tty >= 0 && tty_raw(s->wire) == 0 && tcflush(s->wire, TCIOFLUSH) == 0 &&
         tty_modes(s->tty, INPCK | BRKINT, CLOCAL, B115200) == 0 && is_drained(s->wire, s->tty) &&
         is_drained(s->tty, s->wire) && line_attach(s->tty) == 0 && (s->line = line_open(s->tty, 0)) >= 0 &&
         line_up(s->line, protocol, params) == 0;
}

static inline void station_end(struct station* s) {
  (void)tty_control(LINE_END, "defaults\n");
  (void)tty_control(WIRE_END, "defaults\n");
  close(s->line);
  close(s->tty);
  close(s->wire);
}

// ---- bytes

static inline bool says(int wire, const void* bytes, size_t size) { return tty_send(wire, bytes, size); }

// Whether these bytes come next.
static inline bool hears(int wire, const void* bytes, size_t size) {
  unsigned char got[8192];
  size_t n = tty_receive(wire, got, size, PATIENCE_MS);
  if (n == size && memcmp(got, bytes, size) == 0) {
    return true;
  }
  printf("# heard %zu bytes of %zu:", n, size);
  for (size_t i = 0; i < n && i < 40; i++) {
    printf(" %02x", got[i]);
  }
  printf("\n");
  return false;
}

#define SAYS(wire, literal) says(wire, literal, sizeof(literal) - 1)
#define HEARS(wire, literal) hears(wire, literal, sizeof(literal) - 1)

// Nothing is said for a moment.
static inline bool silent(int wire) {
  struct pollfd ready = {.fd = wire, .events = POLLIN};
  return poll(&ready, 1, BRIEFLY_MS) == 0;
}

// ---- X3.28

#define ENQ "\x05\r"
#define EOT "\x04\r"
#define NAK "\x15\r"
#define ACK(n) "\x10" #n "\r"

static inline size_t x328_block(unsigned char* block, int number, const char* text, bool last) {
  size_t size =
      (size_t)sprintf((char*)block, "\x02%d%05zu%s%c", number, strlen(text), text, last ? 0x03 : 0x17);
  unsigned char check = 0;
  for (size_t i = 1; i < size; i++) {
    check ^= block[i];
  }
  return size + (size_t)sprintf((char*)block + size, "%02X\r", check);
}

static inline bool x328_says(int wire, int number, const char* text, bool last) {
  unsigned char block[8192];
  return says(wire, block, x328_block(block, number, text, last));
}

static inline bool x328_hears(int wire, int number, const char* text, bool last) {
  unsigned char block[8192];
  return hears(wire, block, x328_block(block, number, text, last));
}

// Bids, and is granted.
static inline bool x328_bids(int wire) { return SAYS(wire, ENQ) && HEARS(wire, ACK(0)); }

// Bids and sends a message of one block, of which the line has not said yet what it thinks.
static inline bool x328_offers(int wire, const char* text) {
  return x328_bids(wire) && x328_says(wire, 1, text, true);
}

// The line acknowledges what was offered, and the transmission ends.
static inline bool x328_accepted(int wire) { return HEARS(wire, ACK(1)) && SAYS(wire, EOT); }

// The line bids; a station that does not know the other's state says EOT before.
static inline bool x328_is_bid(int wire) {
  unsigned char got[2] = {0};
  size_t size = tty_receive(wire, got, 2, PATIENCE_MS);
  if (size == 2 && (memcmp(got, ENQ, 2) == 0 || (memcmp(got, EOT, 2) == 0 && HEARS(wire, ENQ)))) {
    return true;
  }
  printf("# no bid: %zu bytes, %02x %02x\n", size, got[0], got[1]);
  return false;
}

static inline bool x328_grants(int wire) { return x328_is_bid(wire) && SAYS(wire, ACK(0)); }

// Takes a message of one block.
static inline bool x328_takes(int wire, const char* text) {
  return x328_grants(wire) && x328_hears(wire, 1, text, true) && SAYS(wire, ACK(1)) && HEARS(wire, EOT);
}

// ---- HLLP and MLLP

static inline size_t hllp_block(unsigned char* block, char type, const char* data) {
  size_t size = (size_t)sprintf((char*)block, "\x0b%c23\r%s", type, data);
  unsigned char check = 0;
  for (size_t i = 0; i < size; i++) {
    check ^= block[i];
  }
  return size + (size_t)sprintf((char*)block + size, "%05zu%03u\x1c\r", size, check);
}

static inline bool hllp_says(int wire, char type, const char* data) {
  unsigned char block[8192];
  return says(wire, block, hllp_block(block, type, data));
}

static inline bool hllp_hears(int wire, char type, const char* data) {
  unsigned char block[8192];
  return hears(wire, block, hllp_block(block, type, data));
}

static inline size_t mllp_block(unsigned char* block, const char* data) {
  return (size_t)sprintf((char*)block, "\x0b%s\x1c\r", data);
}

static inline bool mllp_says(int wire, const char* data) {
  unsigned char block[8192];
  return says(wire, block, mllp_block(block, data));
}

static inline bool mllp_hears(int wire, const char* data) {
  unsigned char block[8192];
  return hears(wire, block, mllp_block(block, data));
}

#define COMMIT_ACK "\x0b\x06\x1c\r"
#define COMMIT_NAK "\x0b\x15\x1c\r"

// ---- what a line tells

static inline struct llp_ioc_info line_info(int line) {
  struct llp_ioc_info info = {0};
  (void)ioctl(line, LLP_IOC_INFO, &info);
  return info;
}

static inline struct llp_ioc_file file_info(int line) {
  struct llp_ioc_file info = {0};
  (void)ioctl(line, LLP_IOC_FILE, &info);
  return info;
}

static inline bool state_is(int line, const char* state) { return strcmp(line_info(line).state, state) == 0; }

static inline int file_set(int line, unsigned long what, __u32 value) {
  return ioctl(line, what, &value) == 0 ? 0 : errno;
}

// What FIONREAD tells.
static inline int waiting(int line) {
  int size = -1;
  return ioctl(line, FIONREAD, &size) == 0 ? size : -1;
}

// 0, or errno; the message that read() would return, or that it returned last.
static inline int message(int line, uint32_t which, struct llp_ioc_message* m) {
  *m = (struct llp_ioc_message){.which = which};
  return ioctl(line, LLP_IOC_MESSAGE, m) == 0 ? 0 : errno;
}

// What came of the verdict; -errno when it was not taken.
static inline int verdict(int line, uint32_t id, uint32_t what) {
  struct llp_ioc_verdict v = {.id = id, .verdict = what};
  return ioctl(line, LLP_IOC_VERDICT, &v) == 0 ? (int)v.settled : -errno;
}

// Fetches results until one of this type; false: there is none.
static inline bool result(int line, uint32_t type, struct llp_ioc_result* r) {
  while (ioctl(line, LLP_IOC_RESULT, r) == 0) {
    if (r->type == type) {
      return true;
    }
  }
  return false;
}

static inline int line_options(int line, uint32_t mask, uint32_t value) {
  struct llp_ioc_options options = {
      .mask = mask, .policy = value, .max_messages = value, .max_bytes = value, .max_writes = value};
  return ioctl(line, LLP_IOC_SET_OPTIONS, &options) == 0 ? 0 : errno;
}

// Whether poll() tells these, and no others that were asked for, now or soon.
static inline bool polls(int line, short events, short expected) {
  struct pollfd ready = {.fd = line, .events = events};
  return EVENTUALLY(poll(&ready, 1, 0) >= 0 && ready.revents == expected);
}

// Reads without waiting; -errno.
static inline ssize_t read_now(int line, void* text, size_t size) {
  int flags = fcntl(line, F_GETFL);
  (void)fcntl(line, F_SETFL, flags | O_NONBLOCK);
  ssize_t got = read(line, text, size);
  ssize_t said = got < 0 ? -errno : got;
  (void)fcntl(line, F_SETFL, flags);
  return said;
}

// Whether read() returns this message.
static inline bool reads(int line, const char* text) {
  char got[8192];
  ssize_t size = read(line, got, sizeof got);
  if (size == (ssize_t)strlen(text) && memcmp(got, text, (size_t)size) == 0) {
    return true;
  }
  printf("# read: %zd, %s\n", size, size < 0 ? strerror(errno) : "another message");
  return false;
}

// ---- calls that wait, in threads of their own

struct call {
  int line;
  const char* text;  // to be written; NULL: read
  char got[8192];
  ssize_t result;
  int error;
  bool over;
  pthread_t thread;
};

static inline void* call_run(void* argument) {
  struct call* c = argument;
  c->result = c->text ? write(c->line, c->text, strlen(c->text)) : read(c->line, c->got, sizeof c->got);
  c->error = c->result < 0 ? errno : 0;
  __atomic_store_n(&c->over, true, __ATOMIC_RELEASE);
  return NULL;
}

static inline bool call_start(struct call* c, int line, const char* text) {
  c->line = line;
  c->text = text;
  c->over = false;
  return pthread_create(&c->thread, NULL, call_run, c) == 0;
}

static inline bool call_over(struct call* c) { return __atomic_load_n(&c->over, __ATOMIC_ACQUIRE); }

// Waits for its end: its result, or -errno; -ETIME when it does not end.
static inline ssize_t call_end(struct call* c) {
  if (!EVENTUALLY(call_over(c))) {
    return -ETIME;
  }
  pthread_join(c->thread, NULL);
  return c->result < 0 ? -c->error : c->result;
}

// Still waits after a moment.
static inline bool call_waits(struct call* c) {
  pause_ms(BRIEFLY_MS);
  return !call_over(c);
}

#endif
