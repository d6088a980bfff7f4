// SPDX-License-Identifier: BSD-3-Clause
// peer PROTOCOL TTY MESSAGES SIZE BAUD [FIFO]: the other station, that sends messages of one block,
// as fast as they are acknowledged, and prints "MESSAGES SECONDS" and then the turnaround of each in
// nanoseconds: from the last byte of its block, reckoned at BAUD (0: at once), to the first of the
// answer. FIFO: where the reader tells of each, in protocols without an answer.
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "mark.h"
#include "raw.h"

enum { WARM_UP = 20, TEXT_MAX = 900, CHARACTER_BITS = 10 };

struct peer {
  int tty;
  int told;
  long baud;
  uint8_t block[TEXT_MAX + 64];
  size_t size;
};

static int64_t now_ns(void) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void put(const struct peer* peer, const void* bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t taken = write(peer->tty, (const char*)bytes + done, size - done);
    if (taken <= 0) {
      fail("tty");
    }
    done += (size_t)taken;
  }
}

// Reads an answer up to its CR; the digit of an ACK, or '\0'. `first`: when its first byte was there.
static char get(const struct peer* peer, int64_t* first) {
  char bytes[64];
  size_t done = 0;
  do {
    const ssize_t got = read(peer->tty, bytes + done, sizeof bytes - done);
    if (got <= 0) {
      fail("tty");
    }
    if (done == 0) {
      *first = now_ns();
    }
    done += (size_t)got;
  } while (bytes[done - 1] != '\r' && done < sizeof bytes);
  return bytes[0] == '\x10' && done == 3 ? bytes[1] : '\0';
}

static unsigned exclusive_or(const uint8_t* bytes, size_t size) {
  unsigned check = 0;
  for (size_t i = 0; i < size; i++) {
    check ^= bytes[i];
  }
  return check;
}

static void make(struct peer* peer, const char* protocol, size_t size) {
  static const uint8_t head[] = {'M', 'S', 'H', '|', '^', '~', '\\', '&', '|'};
  uint8_t text[TEXT_MAX];
  char* block = (char*)peer->block;
  memset(text, 'x', size);
  memcpy(text, head, sizeof head);
  text[size - 1] = '\r';
  if (strcmp(protocol, "x328") == 0) {
    peer->size = (size_t)sprintf(block,
                                 "\x02"
                                 "1%05zu",
                                 size);
    memcpy(block + peer->size, text, size);
    peer->size += size;
    block[peer->size++] = '\x03';
    peer->size +=
        (size_t)sprintf(block + peer->size, "%02X\r", exclusive_or(peer->block + 1, peer->size - 1));
    return;
  }
  const int hybrid = strcmp(protocol, "hllp") == 0;
  peer->size = (size_t)sprintf(block, hybrid ? "\vD23\r" : "\v");
  memcpy(block + peer->size, text, size);
  peer->size += size;
  if (hybrid) {
    peer->size +=
        (size_t)sprintf(block + peer->size, "%05zu%03u", peer->size, exclusive_or(peer->block, peer->size));
  }
  peer->size += (size_t)sprintf(block + peer->size, "\x1c\r");
}

// One message; its turnaround, or 0 where nothing answers.
static int64_t send_one(const struct peer* peer) {
  int64_t first = 0;
  if (peer->told >= 0) {
    char byte = 0;
    put(peer, peer->block, peer->size);
    if (read(peer->told, &byte, 1) != 1) {
      fail("reader");
    }
    return 0;
  }
  for (;;) {
    put(peer, "\x05\r", 2);
    if (get(peer, &first) == '0') {
      break;
    }
    usleep(10000);  // nobody reads yet
  }
  const int64_t begin = now_ns();
  put(peer, peer->block, peer->size);
  if (get(peer, &first) != '1') {
    fail("the block was not acknowledged");
  }
  put(peer, "\x04\r", 2);
  // The block, and the answer's first byte, took their time on the wire.
  const int64_t wire = peer->baud ? (int64_t)(peer->size + 1) * CHARACTER_BITS * 1000000000 / peer->baud : 0;
  return first - begin - wire;
}

int main(int argc, char** argv) {
  static struct peer peer = {.told = -1};
  if (argc < 6) {
    fail("peer PROTOCOL TTY MESSAGES SIZE BAUD [FIFO]");
  }
  const long count = number_of(argv[3]);
  const size_t size = (size_t)number_of(argv[4]);
  peer.baud = number_of(argv[5]);
  if (argc > 6) {
    peer.told = open(argv[6], O_RDONLY);
  }
  if (count == 0 || size < 16 || size > TEXT_MAX) {
    fail("peer");
  }
  int64_t* turnarounds = calloc((size_t)count, sizeof *turnarounds);
  if (!turnarounds) {
    fail("peer");
  }
  peer.tty = open_raw(argv[2], peer.baud == 921600 ? B921600 : B115200);
  make(&peer, argv[1], size);
  for (int i = 0; i < WARM_UP; i++) {
    send_one(&peer);
  }
  MARK_BEGIN();
  const int64_t begin = now_ns();
  for (long i = 0; i < count; i++) {
    turnarounds[i] = send_one(&peer);
  }
  const int64_t end = now_ns();
  usleep(20000);  // until the last EOT is done
  MARK_END();
  printf("%ld %.6f\n", count, (double)(end - begin) / 1e9);
  for (long i = 0; i < count; i++) {
    printf("%" PRId64 "\n", turnarounds[i]);
  }
  free(turnarounds);
  return 0;
}
