// SPDX-License-Identifier: GPL-2.0
// Nonsense from all sides: bytes with errors on the wire, calls and netlink
// requests with arguments by chance. No answer is wrong as long as the kernel
// stands, the line keeps to its bounds, and works afterwards.
#include <sys/mman.h>

#include "genl.h"
#include "rounds.h"
#include "station.h"

enum { BYTES = 200000, CALLS = 5000, MAX_BYTES = 20000 };

// ---- memory

// Kernel memory that is not given back under pressure, in KiB.
static long unreclaimable(void) {
  FILE* file = fopen("/proc/meminfo", "re");
  char line[128];
  long found = 0;
  while (file && fgets(line, sizeof line, file)) {
    if (sscanf(line, "SUnreclaim: %ld", &found) == 1) {
      break;
    }
  }
  if (file) {
    fclose(file);
  }
  return found;
}

// What a sanitizer keeps from being used again is part of it.
enum { GROWTH_KIB = 65536 };

// ---- the wire

static const unsigned char marks[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0b, 0x0d, 0x0d, 0x10, 0x10,
                                      0x11, 0x15, 0x17, 0x1c, 0x1c, '0',  '1',  '2',  'D',  'N',  '3'};

// Bytes without sense, those that have one, or whole frames that may have an error.
static size_t babble(struct chance* c, unsigned char* to, size_t size) {
  size_t n = 1 + chance_below(c, 64);
  static const char text[] = "MSH|^~\\&|a message\r";
  switch (chance_below(c, 6)) {
    case 0:
      for (size_t i = 0; i < n; i++) {
        to[i] = (unsigned char)chance_next(c);
      }
      break;
    case 1:
      for (size_t i = 0; i < n; i++) {
        to[i] = marks[chance_below(c, sizeof marks)];
      }
      break;
    case 2:
      memcpy(to, "\x05\r", 2);
      n = 2 + x328_block(to + 2, (int)chance_below(c, 10), text, chance_below(c, 2));
      break;
    case 3: n = hllp_block(to, "DN"[chance_below(c, 2)], text); break;
    case 4: n = mllp_block(to, text); break;
    default: n = (size_t)sprintf((char*)to, "\x10%u\r", chance_below(c, 2)); break;
  }
  if (chance_below(c, 8) == 0) {
    to[chance_below(c, (unsigned int)n)] ^= (unsigned char)(1U << chance_below(c, 8));
  }
  return n < size ? n : size;
}

// What a program does meanwhile: reads, decides, writes, changes its mind.
static void use(struct chance* c, int line) {
  char text[4096];
  struct llp_ioc_result result;
  struct llp_ioc_message last;
  struct llp_ioc_lost lost = {.size = sizeof text, .data = (uintptr_t)text};
  switch (chance_below(c, 10)) {
    case 0: (void)!write(line, "MSH|an answer\r", 14); break;
    case 1: (void)file_set(line, LLP_IOC_POLICY, chance_below(c, 3)); break;
    case 2: (void)file_set(line, LLP_IOC_READY, chance_below(c, 4) != 0); break;
    case 3: (void)ioctl(line, LLP_IOC_LOST, &lost); break;
    case 4: (void)file_set(line, LLP_IOC_ABORT, 0); break;
    case 5: (void)ioctl(line, LLP_IOC_ABORT_RECEIVE); break;
    default:
      (void)!read(line, text, sizeof text);
      if (message(line, LLP_WHICH_READ, &last) == 0 && chance_below(c, 2)) {
        (void)verdict(line, last.id, chance_below(c, 4));
      }
      break;
  }
  while (ioctl(line, LLP_IOC_RESULT, &result) == 0) {
  }
}

static void drain(int wire) {
  char text[4096];
  while (read(wire, text, sizeof text) > 0) {
  }
}

static bool line_restart(int line, uint32_t protocol, line_params params) {
  (void)ioctl(line, LLP_IOC_DOWN);
  return line_up(line, protocol, params) == 0;
}

// A message passes, on a line that was set up anew. False: it did not.
static bool passes(struct station* s) {
  struct llp_ioc_options options = {
      .mask = LLP_OPTION_POLICY | LLP_OPTION_MAX_BYTES | LLP_OPTION_MAX_MESSAGES,
      .policy = LLP_POLICY_READ,
      .max_bytes = 1U << 20,
      .max_messages = 8};
  struct llp_ioc_message next;
  struct call reader = {0};
  close(s->line);
  s->line = line_open(s->tty, 0);
  (void)ioctl(s->line, LLP_IOC_DOWN);
  do {
    drain(s->wire);
  } while (!silent(s->wire));
  if (ioctl(s->line, LLP_IOC_SET_OPTIONS, &options) != 0 ||
      file_set(s->line, LLP_IOC_POLICY, LLP_POLICY_READ) != 0 || file_set(s->line, LLP_IOC_RECEIVE, 1) != 0 ||
      !line_restart(s->line, LLP_PROTOCOL_X328, NULL)) {
    printf("# no start: %s\n", strerror(errno));
    return false;
  }
  // What was acknowledged in between waits for its reader.
  while (message(s->line, LLP_WHICH_NEXT, &next) == 0) {
    char* old = malloc(next.len + 1);
    ssize_t size = read_now(s->line, old, next.len);
    free(old);
    if (size != (ssize_t)next.len) {
      printf("# an old message of %u bytes: %zd\n", next.len, size);
      return false;
    }
  }
  bool good =
      call_start(&reader, s->line, NULL) && x328_offers(s->wire, "sense\r") && EVENTUALLY(call_over(&reader));
  if (!good) {
    (void)ioctl(s->line, LLP_IOC_DOWN);
    line_detach(s->tty);
  }
  return call_end(&reader) == 6 && good && x328_accepted(s->wire);
}

// It still does what it is for. On a busy machine an answer to noise may come so late that it is the first
// that is heard.
static bool works(struct station* s) {
  (void)tty_control(LINE_END, "defaults\npace 1\n");
  (void)tty_control(WIRE_END, "defaults\n");
  return passes(s) || (line_attach(s->tty) == 0 && passes(s));
}

FIXTURE(wire) { struct station s; };

FIXTURE_SETUP(wire) { ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL)); }

FIXTURE_TEARDOWN(wire) { station_end(&self->s); }

FIXTURE_VARIANT(wire) {
  uint32_t protocol;
  const char* const(*params)[2];
  bool flow;
};

static line_params quick_x328 = {
    {"timer_a", "20ms"},       {"timer_b", "10ms"},   {"timer_d", "50ms"}, {"bid_pause", "1ms"},
    {"recovery_pause", "5ms"}, {"b_margin", "1ms"},   {"quiet", "1ms"},    {"t_term", "1ms"},
    {"cont_primary", "1ms"},   {"rint_pause", "1ms"}, {NULL, NULL}};
static line_params quick_hllp = {{"t_in", "10ms"}, {"nak_wait", "10ms"}, {"t_term", "1ms"}, {NULL, NULL}};
static line_params quick_mllp = {{"t_in", "10ms"}, {"t_fs", "1ms"}, {NULL, NULL}};
static line_params quick_mllp2 = {{"release", "2"},      {"t_c", "20ms"}, {"t_in", "10ms"},
                                  {"t_fs", "1ms"},       {"dedup", "1"},  {"settle_min", "1ms"},
                                  {"settle_max", "5ms"}, {NULL, NULL}};

FIXTURE_VARIANT_ADD(wire, x328){LLP_PROTOCOL_X328, quick_x328, false};
FIXTURE_VARIANT_ADD(wire, x328_records){LLP_PROTOCOL_X328, quick_x328, true};
FIXTURE_VARIANT_ADD(wire, hllp){LLP_PROTOCOL_HLLP, quick_hllp, false};
FIXTURE_VARIANT_ADD(wire, hllp_records){LLP_PROTOCOL_HLLP, quick_hllp, true};
FIXTURE_VARIANT_ADD(wire, mllp){LLP_PROTOCOL_MLLP, quick_mllp, false};
FIXTURE_VARIANT_ADD(wire, mllp2){LLP_PROTOCOL_MLLP, quick_mllp2, false};
enum { VARIANTS = 6 };

TEST_F(wire, bytes) {
  struct chance chance = chance_begin("bytes");
  struct station* s = &self->s;
  struct llp_ioc_options options = {
      .mask = LLP_OPTION_MAX_BYTES | LLP_OPTION_MAX_MESSAGES, .max_bytes = MAX_BYTES, .max_messages = 4};
  char seed[64];
  long todo = from_environment("LLP_NOISE_BYTES", BYTES) / VARIANTS;
  long before = unreclaimable();
  (void)ioctl(s->line, LLP_IOC_DOWN);
  ASSERT_EQ(0, ioctl(s->line, LLP_IOC_SET_OPTIONS, &options));
  ASSERT_TRUE(line_restart(s->line, variant->protocol, variant->params));
  ASSERT_EQ(0, file_set(s->line, variant->flow ? LLP_IOC_FLOW : LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, file_set(s->line, LLP_IOC_EVENTS, LLP_EVENTS_ALL));
  ASSERT_EQ(0, fcntl(s->line, F_SETFL, O_NONBLOCK));
  snprintf(seed, sizeof seed, "defaults\nnoise 200\nseed %u\n", chance_below(&chance, 1000000));
  ASSERT_EQ(0, tty_control(LINE_END, seed));
  uint64_t largest = 0;
  while (todo > 0) {
    unsigned char bytes[512];
    size_t size = 0;
    while (size < 256) {
      size += babble(&chance, bytes + size, 128);
    }
    for (size_t done = 0; done < size;) {
      ssize_t taken = write(s->wire, bytes + done, size - done);
      if (taken <= 0) {
        struct pollfd room = {.fd = s->wire, .events = POLLOUT};
        drain(s->wire);
        (void)poll(&room, 1, 100);
        continue;
      }
      done += (size_t)taken;
    }
    drain(s->wire);
    if (chance_below(&chance, 10) == 0) {
      // Some sense: after a silence a whole message, which need not be welcome.
      pause_ms(30);
      ASSERT_TRUE(SAYS(s->wire, ENQ));
      pause_ms(1 + chance_below(&chance, 3));
      unsigned char block[512];
      ASSERT_TRUE(says(s->wire, block, x328_block(block, 1, "MSH|sense\r", true)));
      pause_ms(chance_below(&chance, 3));
    }
    use(&chance, s->line);
    struct llp_ioc_info info = line_info(s->line);
    largest = info.bytes > largest ? info.bytes : largest;
    todo -= (long)size;
    if (chance_below(&chance, 200) == 0) {
      // Timers run out, too.
      pause_ms(30);
    }
    if (chance_below(&chance, 2000) == 0) {
      ASSERT_TRUE(line_restart(s->line, variant->protocol, variant->params));
      (void)file_set(s->line, variant->flow ? LLP_IOC_FLOW : LLP_IOC_RECEIVE, 1);
    }
  }
  // What waits may go beyond its bound by the message that came last, no more.
  EXPECT_GE(MAX_BYTES + 2 * 8192, largest);
  EXPECT_LT(unreclaimable() - before, GROWTH_KIB);
  printf("# %" PRId64 " blocks, %" PRId64 " parity errors and breaks, %" PRIu64 " bytes waited at most\n",
         line_counter(s->line, "rx_blocks"),
         line_counter(s->line, "parity_errors") + line_counter(s->line, "breaks"), largest);
  EXPECT_TRUE(works(s));
}

// ---- calls

static const unsigned long calls[] = {
    LLP_IOC_INFO,       LLP_IOC_FILE,      LLP_IOC_UP,          LLP_IOC_DOWN,        LLP_IOC_SET_PROTOCOL,
    LLP_IOC_GET_PARAM,  LLP_IOC_SET_PARAM, LLP_IOC_GET_OPTIONS, LLP_IOC_SET_OPTIONS, LLP_IOC_COUNTER,
    LLP_IOC_TURNAROUND, LLP_IOC_LOST,      LLP_IOC_RECEIVE,     LLP_IOC_READY,       LLP_IOC_POLICY,
    LLP_IOC_FLOW,       LLP_IOC_MESSAGE,   LLP_IOC_VERDICT,     LLP_IOC_RELEASE,     LLP_IOC_ABORT_RECEIVE,
    LLP_IOC_TURN,       LLP_IOC_EXPECT,    LLP_IOC_ANSWER,      LLP_IOC_RESULT,      LLP_IOC_ABORT,
    LLP_IOC_EVENTS,     FIONREAD};

// Most are small numbers in the first words, which is where most calls look; names of parameters, too.
static void fill(struct chance* c, int line, unsigned char* bytes, size_t size) {
  memset(bytes, 0, size);
  switch (chance_below(c, 5)) {
    case 0:
      for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)chance_next(c);
      }
      break;
    case 1: {
      struct llp_ioc_param param = {.index = chance_below(c, 60)};
      (void)ioctl(line, LLP_IOC_GET_PARAM, &param);
      param.index = 0;
      if (chance_below(c, 2)) {
        snprintf(param.value, sizeof param.value, "%d%s", (int)chance_below(c, 2000) - 5,
                 (const char* const[]){"", "ms", "s", "|", "\x01"}[chance_below(c, 5)]);
      }
      memcpy(bytes, &param, sizeof param < size ? sizeof param : size);
      break;
    }
    default: {
      __u32 words[4];
      for (int i = 0; i < 4; i++) {
        words[i] = chance_below(c, 3) ? chance_below(c, 8) : (__u32)chance_next(c);
      }
      memcpy(bytes, words, chance_below(c, 2) ? sizeof words : sizeof *words);
      break;
    }
  }
}

FIXTURE(line) { struct station s; };

FIXTURE_SETUP(line) { ASSERT_TRUE(station_begin(&self->s, LLP_PROTOCOL_X328, NULL)); }

FIXTURE_TEARDOWN(line) { station_end(&self->s); }

TEST_F(line, calls) {
  static unsigned char scratch[8192] __attribute__((aligned(8)));
  struct chance chance = chance_begin("calls");
  struct station* s = &self->s;
  long todo = from_environment("LLP_NOISE_CALLS", CALLS);
  long before = unreclaimable();
  long taken = 0;
  int other = line_open(s->tty, O_NONBLOCK);
  int read_only = -1;
  char path[32];
  ASSERT_TRUE(line_path(s->tty, path));
  ASSERT_LE(0, read_only = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_EQ(0, fcntl(s->line, F_SETFL, O_NONBLOCK));
  unsigned char* nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(MAP_FAILED, (void*)nowhere);
  for (; todo > 0; todo--) {
    int files[] = {s->line, s->line, other, read_only, s->tty};
    int file = files[chance_below(&chance, 5)];
    unsigned long call = calls[chance_below(&chance, sizeof calls / sizeof *calls)];
    unsigned char* argument = scratch;
    fill(&chance, s->line, scratch, 512);
    if (call == LLP_IOC_LOST && chance_below(&chance, 2)) {
      *(struct llp_ioc_lost*)scratch =
          (struct llp_ioc_lost){.size = chance_below(&chance, 600), .data = (uintptr_t)scratch + 1024};
    }
    switch (chance_below(&chance, 40)) {
      case 0: argument = NULL; break;
      case 1: argument = nowhere; break;
      case 2:
        argument = nowhere - chance_below(&chance, 64);  // ends too soon, if anything is before it
        break;
      case 3: call ^= 1U << chance_below(&chance, 30); break;
      default: break;
    }
    // The tty must stay what it is; its other calls are not ours.
    if (file == s->tty && call != LLP_IOC_INFO) {
      file = other;
    }
    taken += ioctl(file, call, argument) == 0;
    if (chance_below(&chance, 10) == 0) {
      use(&chance, other);
    }
    if (chance_below(&chance, 10) == 0) {
      unsigned char bytes[512];
      (void)!write(s->wire, bytes, babble(&chance, bytes, 128));
      drain(s->wire);
    }
  }
  munmap(nowhere, 4096);
  close(other);
  close(read_only);
  printf("# %ld calls were taken\n", taken);
  EXPECT_LT(unreclaimable() - before, GROWTH_KIB);
  EXPECT_TRUE(works(s));
}

// ---- netlink

static void random_attribute(struct chance* c, struct genl* g) {
  unsigned char bytes[64];
  size_t size = chance_below(c, 3) ? 4 : chance_below(c, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)chance_next(c);
  }
  if (chance_below(c, 2)) {
    memcpy(bytes, &(uint32_t){chance_below(c, 4)}, 4);
  }
  switch (chance_below(c, 8)) {
    case 0: genl_word(g, LLP_A_TTY, "ttyLT0"); break;
    case 1: genl_u32(g, LLP_A_LINE, chance_below(c, 3)); break;
    case 2:
      genl_param(g, (const char* const[]){"timer_a", "timer_e", "vv", "release", ""}[chance_below(c, 5)],
                 (const char* const[]){"1s", "0", "2", "x", "99999999999999999999"}[chance_below(c, 5)]);
      break;
    case 3: genl_u8(g, LLP_A_UP, (uint8_t)chance_below(c, 3)); break;
    default:
      genl_put(g, (uint16_t)(chance_below(c, LLP_A_MAX + 3) | (chance_below(c, 6) ? 0 : NLA_F_NESTED)), bytes,
               size);
      break;
  }
}

TEST_F(line, netlink) {
  struct chance chance = chance_begin("netlink");
  struct station* s = &self->s;
  long todo = from_environment("LLP_NOISE_CALLS", CALLS);
  long before = unreclaimable();
  struct genl* g = malloc(sizeof *g);
  struct genl* listener = malloc(sizeof *listener);
  ASSERT_EQ(0, genl_open(g));
  ASSERT_EQ(0, genl_open(listener));
  ASSERT_EQ(0, genl_listen(listener));
  for (; todo > 0; todo--) {
    uint16_t flags = chance_below(&chance, 4) ? 0 : NLM_F_DUMP;
    genl_begin(g, g->family, (uint8_t)chance_below(&chance, LLP_CMD_MAX + 2),
               flags | (chance_below(&chance, 2) ? NLM_F_ACK : 0));
    for (unsigned int i = chance_below(&chance, 8); i > 0; i--) {
      random_attribute(&chance, g);
    }
    if (chance_below(&chance, 20) == 0) {
      g->request[NLMSG_HDRLEN + chance_below(&chance, (unsigned int)(g->size - NLMSG_HDRLEN))] =
          (unsigned char)chance_next(&chance);
    }
    ((struct nlmsghdr*)g->request)->nlmsg_len =
        (uint32_t)g->size - (chance_below(&chance, 20) ? 0 : chance_below(&chance, 8));
    (void)!send(g->socket, g->request, g->size, MSG_DONTWAIT);
    while (recv(g->socket, g->reply, sizeof g->reply, MSG_DONTWAIT) > 0) {
    }
    // The one who listens does not always keep up.
    while (chance_below(&chance, 50) && recv(listener->socket, g->reply, sizeof g->reply, MSG_DONTWAIT) > 0) {
    }
  }
  close(g->socket);
  close(listener->socket);
  free(g);
  free(listener);
  EXPECT_LT(unreclaimable() - before, GROWTH_KIB);
  EXPECT_TRUE(works(s));
}

TEST_HARNESS_MAIN
