// SPDX-License-Identifier: BSD-3-Clause
// engine PROTOCOL TTY SOCKET [NAME=VALUE...]: the line as user space runs it, with as little around
// the engine as there can be: one process that reads and writes the tty, hands each message to one
// reader at SOCKET, and acknowledges it when the reader confirms.
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "proto/llp_engine.h"
#include "raw.h"

enum { MESSAGE_MAX = 65536, OUT_MAX = 4096 };

struct line {
  struct llp_engine engine;
  struct llp_io io;
  int tty;
  int reader;
  uint32_t ended;    // a message that the engine has just completed, 0: none
  uint32_t length;   // its bytes
  uint32_t in_hand;  // the message that waits for the reader's confirmation, 0: none
  uint8_t text[MESSAGE_MAX];
};

static u64 now_ns(void) {
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

static void on_event(void* context, const struct llp_event* event) {
  struct line* line = context;
  if (event->type == LLP_EV_END && !(event->flags & LLP_END_EMPTY)) {
    line->ended = event->id;
    line->length = event->len;
  }
}

// Nothing is ever sent but what the protocol says of itself.
static const u8* no_text(void* context, u32 id) {
  (void)context;
  (void)id;
  return NULL;
}

static void receive(struct line* line) {
  uint8_t bytes[OUT_MAX];
  const ssize_t size = read(line->tty, bytes, sizeof bytes);
  if (size <= 0) {
    fail("tty");
  }
  for (ssize_t done = 0; done < size;) {
    const size_t taken = llp_rx(&line->engine, &line->io, bytes + done, NULL, (size_t)(size - done));
    done += (ssize_t)taken;
    if (line->ended) {
      if (line->in_hand || send(line->reader, line->text, line->length, 0) != (ssize_t)line->length) {
        fail("reader");
      }
      line->in_hand = line->ended;
      line->ended = 0;
    } else if (taken == 0) {
      fail("message too long");
    }
  }
}

static void confirmed(struct line* line) {
  char byte = 0;
  if (read(line->reader, &byte, 1) != 1) {
    _exit(0);  // it is gone: so is the measurement
  }
  llp_verdict(&line->engine, &line->io, line->in_hand, LLP_ACCEPT);
  line->in_hand = 0;
}

static void transmit(struct line* line) {
  uint8_t bytes[OUT_MAX];
  size_t size = 0;
  while ((size = llp_tx(&line->engine, &line->io, bytes, sizeof bytes)) > 0) {
    if (write(line->tty, bytes, size) != (ssize_t)size) {
      fail("tty");
    }
  }
  llp_tx_empty(&line->engine, &line->io);
}

static int accepted(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (listener < 0 || strlen(path) >= sizeof address.sun_path) {
    fail(path);
  }
  memcpy(address.sun_path, path, strlen(path) + 1);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 1) != 0) {
    fail(path);
  }
  const int reader = accept(listener, NULL, NULL);
  if (reader < 0) {
    fail(path);
  }
  return reader;
}

int main(int argc, char** argv) {
  static struct line line;
  struct llp_params params;
  int protocol = LLP_PROTO_X328;
  if (argc < 4) {
    fail("engine PROTOCOL TTY SOCKET");
  }
  while (protocol <= LLP_PROTO_MLLP && strcmp(llp_protocol_name(protocol), argv[1]) != 0) {
    protocol++;
  }
  llp_params_default(&params, protocol);
  for (int i = 4; i < argc; i++) {
    const char* name = strsep(&argv[i], "=");
    if (!argv[i] || llp_params_set(&params, protocol, name, argv[i]) != 0) {
      fail(name);
    }
  }
  line.tty = open_raw(argv[2], B115200);
  line.reader = accepted(argv[3]);
  line.io = (struct llp_io){.now = now_ns(),
                            .rx_buf = line.text,
                            .rx_cap = sizeof line.text,
                            .rx_fixed = true,
                            .text = no_text,
                            .event = on_event,
                            .ctx = &line};
  llp_engine_init(&line.engine, protocol, &params, 0);
  llp_connected(&line.engine, &line.io);
  llp_set_ready(&line.engine, &line.io, LLP_READY_ALL);
  transmit(&line);
  for (;;) {
    struct pollfd ready[] = {{.fd = line.tty, .events = POLLIN}, {.fd = line.reader, .events = POLLIN}};
    const u64 deadline = llp_deadline(&line.engine);
    struct timespec span;
    if (deadline != LLP_NEVER) {
      const u64 left = deadline > line.io.now ? deadline - line.io.now : 0;
      span = (struct timespec){.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
    }
    if (ppoll(ready, 2, deadline != LLP_NEVER ? &span : NULL, NULL) < 0) {
      fail("ppoll");
    }
    line.io.now = now_ns();
    llp_timeout(&line.engine, &line.io);
    // The confirmation first: what comes meanwhile is the next message.
    if (ready[1].revents) {
      confirmed(&line);
    }
    if (ready[0].revents) {
      receive(&line);
    }
    transmit(&line);
  }
}
