// SPDX-License-Identifier: GPL-2.0
// A line's end against everything that can be under way, round after round:
// every state of the engine, timers that run out at that moment, two writers,
// processes that hold the device. What goes wrong is mostly for the kernel's
// sanitizers to see; here nobody may sleep on, and nothing may be left.
#include <sys/wait.h>

#include "rounds.h"
#include "station.h"

enum { ROUNDS = 20 };

// ---- how a line ends

enum how { DETACH, HANGUP, UNPLUG, CLOSE, DOWN, HOWS };

// False: it did not. The tty is closed afterwards.
static bool end_line(struct station* s, enum how how) {
  bool good = true;
  switch (how) {
    case DETACH: good = line_detach(s->tty) == 0; break;
    case HANGUP: good = tty_control(LINE_END, "hangup\n") == 0; break;
    case UNPLUG: good = tty_control(LINE_END, "unplug\n") == 0; break;
    case DOWN: good = ioctl(s->line, LLP_IOC_DOWN) == 0; break;
    default: break;
  }
  close(s->tty);
  s->tty = -1;
  return good;
}

// The device is gone, and the tty is there to be attached again.
static bool is_over(struct station* s, const char* path, enum how how) {
  char tty[32];
  snprintf(tty, sizeof tty, "/dev/ttyLT%d", LINE_END);
  return EVENTUALLY(access(path, F_OK) != 0) &&
         (how != UNPLUG || (tty_control(LINE_END, "plug\n") == 0 && EVENTUALLY(access(tty, F_OK) == 0)));
}

// ---- every state

struct scene {
  struct station s;
  struct call call;  // a write, where the state has one
  bool calling;
};

typedef bool reach_fn(struct scene* c);

static bool idle(struct scene* c) { return true; }

static bool writing(struct scene* c) {
  c->calling = call_start(&c->call, c->s.line, "MSH|\r");
  return c->calling;
}

static bool x328_bidding(struct scene* c) { return writing(c) && x328_is_bid(c->s.wire); }

static bool x328_contending(struct scene* c) { return x328_bidding(c) && SAYS(c->s.wire, ENQ); }

static bool x328_refused(struct scene* c) { return x328_bidding(c) && SAYS(c->s.wire, NAK); }

static bool x328_sent(struct scene* c) {
  return writing(c) && x328_grants(c->s.wire) && x328_hears(c->s.wire, 1, "MSH|\r", true);
}

static bool x328_unclear(struct scene* c) { return x328_sent(c) && SAYS(c->s.wire, "\x11garbage"); }

static bool receiving(struct scene* c) { return file_set(c->s.line, LLP_IOC_RECEIVE, 1) == 0; }

static bool x328_granted(struct scene* c) { return receiving(c) && x328_bids(c->s.wire); }

static bool x328_in_block(struct scene* c) {
  return x328_granted(c) && SAYS(c->s.wire,
                                 "\x02"
                                 "100005MS");
}

static bool x328_between_blocks(struct scene* c) {
  return x328_granted(c) && x328_says(c->s.wire, 1, "MSH|\r", false) && HEARS(c->s.wire, ACK(1));
}

static bool x328_damaged(struct scene* c) {
  return x328_granted(c) &&
         SAYS(c->s.wire,
              "\x02"
              "100005MSH|\r\x03"
              "00\r") &&
         HEARS(c->s.wire, NAK);
}

static bool offered(struct scene* c) {
  return file_set(c->s.line, LLP_IOC_POLICY, LLP_POLICY_COMMIT) == 0 && receiving(c);
}

static bool x328_pending(struct scene* c) {
  return offered(c) && x328_offers(c->s.wire, "MSH|\r") && EVENTUALLY(waiting(c->s.line) == 5);
}

static bool x328_in_hand(struct scene* c) { return x328_pending(c) && reads(c->s.line, "MSH|\r"); }

static bool hllp_sent(struct scene* c) { return writing(c) && hllp_hears(c->s.wire, 'D', "MSH|\r"); }

static bool block_begun(struct scene* c) {
  return receiving(c) && SAYS(c->s.wire,
                              "\x0b"
                              "D23\rMS");
}

static bool hllp_in_hand(struct scene* c) {
  return offered(c) && hllp_says(c->s.wire, 'D', "MSH|\r") && reads(c->s.line, "MSH|\r");
}

static bool mllp_sent(struct scene* c) { return writing(c) && mllp_hears(c->s.wire, "MSH|\r"); }

static bool mllp_at_end(struct scene* c) { return receiving(c) && SAYS(c->s.wire, "\x0bMSH|\r\x1c"); }

static bool mllp_in_hand(struct scene* c) {
  return offered(c) && mllp_says(c->s.wire, "MSH|\r") && reads(c->s.line, "MSH|\r");
}

static bool records(struct scene* c) {
  return file_set(c->s.line, LLP_IOC_FLOW, 1) == 0 && SAYS(c->s.wire, "\x0bMSH|\rPID|");
}

static line_params release_2 = {{"release", "2"}, {NULL, NULL}};

static const struct state {
  const char* name;
  uint32_t protocol;
  const char* const (*params)[2];
  reach_fn* reach;
} states[] = {
    {"idle", LLP_PROTOCOL_X328, NULL, idle},
    {"bid", LLP_PROTOCOL_X328, NULL, x328_bidding},
    {"contention", LLP_PROTOCOL_X328, NULL, x328_contending},
    {"bid refused", LLP_PROTOCOL_X328, NULL, x328_refused},
    {"block sent", LLP_PROTOCOL_X328, NULL, x328_sent},
    {"answer unclear", LLP_PROTOCOL_X328, NULL, x328_unclear},
    {"granted", LLP_PROTOCOL_X328, NULL, x328_granted},
    {"in a block", LLP_PROTOCOL_X328, NULL, x328_in_block},
    {"between blocks", LLP_PROTOCOL_X328, NULL, x328_between_blocks},
    {"block refused", LLP_PROTOCOL_X328, NULL, x328_damaged},
    {"pending", LLP_PROTOCOL_X328, NULL, x328_pending},
    {"in hand", LLP_PROTOCOL_X328, NULL, x328_in_hand},
    {"idle", LLP_PROTOCOL_HLLP, NULL, idle},
    {"request sent", LLP_PROTOCOL_HLLP, NULL, hllp_sent},
    {"in a block", LLP_PROTOCOL_HLLP, NULL, block_begun},
    {"in hand", LLP_PROTOCOL_HLLP, NULL, hllp_in_hand},
    {"in a block", LLP_PROTOCOL_MLLP, NULL, block_begun},
    {"records", LLP_PROTOCOL_MLLP, NULL, records},
    {"commit awaited", LLP_PROTOCOL_MLLP, release_2, mllp_sent},
    {"at its end", LLP_PROTOCOL_MLLP, release_2, mllp_at_end},
    {"in hand", LLP_PROTOCOL_MLLP, release_2, mllp_in_hand},
};

enum { STATES = sizeof states / sizeof *states };

// One end in one state, while others sleep on the line; false: something is wrong.
static bool ends(const struct state* state, enum how how) {
  struct scene c = {.calling = false};
  struct call reader = {0};
  char path[32];
  struct pollfd poller = {.events = POLLIN};
  bool good = station_begin(&c.s, state->protocol, state->params) && line_path(c.s.tty, path);
  int other = good ? open(path, O_RDWR | O_CLOEXEC) : -1;
  good = good && other >= 0 && state->reach(&c);
  if (good) {
    bool reading = call_start(&reader, other, NULL);
    poller.fd = other;
    (void)poll(&poller, 1, 0);
    good = end_line(&c.s, how) && reading;
    if (reading) {
      ssize_t got = call_end(&reader);
      // What was acknowledged, or waits, may be read; who came second is told that there is a reader.
      good = good && got != -ETIME;
    }
  }
  if (!good && c.s.tty >= 0) {
    close(c.s.tty);  // nobody is to sleep on a line that did not end
    c.s.tty = -1;
  }
  if (c.calling && call_end(&c.call) == -ETIME) {
    good = false;
  }
  char text[64];
  (void)!write(other, "late", 4);
  (void)read_now(other, text, sizeof text);
  close(other);
  good = good && is_over(&c.s, path, how);
  station_end(&c.s);
  return good;
}

TEST(ends_in_every_state) {
  struct chance chance = chance_begin("ends_in_every_state");
  long most = rounds(ROUNDS);
  // Each with each once, whatever the rounds.
  most = most > STATES * HOWS ? most : STATES * HOWS;
  for (long round = 0; round < most; round++) {
    bool in_order = round < STATES * HOWS;
    const struct state* state = &states[in_order ? round / HOWS : chance_below(&chance, STATES)];
    enum how how = in_order ? round % HOWS : chance_below(&chance, HOWS);
    ASSERT_TRUE(ends(state, how)) {
      TH_LOG("round %ld: protocol %u, %s, end %d", round, state->protocol, state->name, how);
    }
  }
}

// ---- timers

// As short as they may be, and nobody answers: something runs out all the time.
static line_params hasty = {{"timer_a", "2ms"},   {"timer_b", "1ms"}, {"b_margin", "1ms"},
                            {"bid_pause", "1ms"}, {"timer_e", "3ms"}, {"recovery_pause", "1ms"},
                            {"quiet", "1ms"},     {"t_term", "1ms"},  {"retries_n", "100"},
                            {NULL, NULL}};

TEST(ends_against_timers) {
  struct chance chance = chance_begin("ends_against_timers");
  long most = rounds(ROUNDS);
  for (long round = 0; round < most; round++) {
    struct station s;
    char path[32];
    enum how how = chance_below(&chance, HOWS);
    ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_X328, NULL));
    ASSERT_TRUE(line_path(s.tty, path));
    ASSERT_EQ(0, ioctl(s.line, LLP_IOC_DOWN));
    ASSERT_EQ(0, line_tune(s.line, hasty));
    ASSERT_EQ(0, ioctl(s.line, LLP_IOC_UP));
    ASSERT_EQ(0, fcntl(s.line, F_SETFL, O_NONBLOCK));
    for (int i = 0; i < 3; i++) {
      ASSERT_EQ(4, write(s.line, "text", 4));
    }
    chance_pause_us(&chance, 5000);
    if (chance_below(&chance, 2)) {
      ASSERT_TRUE(SAYS(s.wire, ENQ "\x02"
                                   "1"));
    }
    if (chance_below(&chance, 3) == 0) {
      close(s.line);
      s.line = -1;
      chance_pause_us(&chance, 3000);
      how = how == DOWN ? CLOSE : how;
    }
    ASSERT_TRUE(end_line(&s, how)) { TH_LOG("round %ld, end %d: %s", round, how, strerror(errno)); }
    ASSERT_TRUE(is_over(&s, path, how));
    station_end(&s);
  }
}

// ---- two writers

enum { WRITERS = 2 };

struct writer {
  char path[32];
  int number;
  long messages;
  long refused;
};

static void* write_many(void* argument) {
  struct writer* w = argument;
  int line = open(w->path, O_RDWR | O_CLOEXEC);
  char text[400];
  for (long i = 0; i < w->messages; i++) {
    // Some of several blocks.
    int size = snprintf(text, sizeof text, "%d %ld\r%0*d\r", w->number, i, i % 7 ? 20 : 300, w->number);
    if (write(line, text, (size_t)size) != size) {
      printf("# writer %d, message %ld: %s\n", w->number, i, strerror(errno));
      w->refused++;
    }
  }
  close(line);
  return NULL;
}

// Everything arrives once, whole, and in each writer's order.
TEST(two_writers) {
  struct station a = {-1, -1, -1};
  struct writer writers[WRITERS];
  pthread_t threads[WRITERS];
  long most = rounds(ROUNDS);
  long next[WRITERS] = {0};
  char path[32] = "";
  char text[512];
  char expected[512];
  ASSERT_EQ(0, tty_control(0, "defaults\n"));
  ASSERT_EQ(0, tty_control(1, "defaults\n"));
  for (int end = 0; end < 2; end++) {
    int tty = tty_open(end, O_NONBLOCK);
    ASSERT_EQ(0, tty_raw(tty));
    ASSERT_EQ(0, line_attach(tty));
    ASSERT_TRUE(end == 1 || line_path(tty, path));
    int line = line_open(tty, 0);
    ASSERT_EQ(0, line_up(line, LLP_PROTOCOL_X328, NULL));
    *(end == 0 ? &a.tty : &a.wire) = tty;
    a.line = line;
    if (end == 0) {
      close(line);  // the writers open it themselves
    }
  }
  ASSERT_EQ(0, file_set(a.line, LLP_IOC_RECEIVE, 1));
  for (int i = 0; i < WRITERS; i++) {
    snprintf(writers[i].path, sizeof writers[i].path, "%s", path);
    writers[i].number = i;
    writers[i].messages = most;
    writers[i].refused = 0;
    ASSERT_EQ(0, pthread_create(&threads[i], NULL, write_many, &writers[i]));
  }
  for (long i = 0; i < WRITERS * most; i++) {
    struct pollfd ready = {.fd = a.line, .events = POLLIN};
    ASSERT_EQ(1, poll(&ready, 1, PATIENCE_MS)) { TH_LOG("message %ld does not come", i); }
    ssize_t size = read(a.line, text, sizeof text - 1);
    ASSERT_LT(0, size);
    text[size] = 0;
    int who = text[0] - '0';
    ASSERT_TRUE(who >= 0 && who < WRITERS);
    long number = next[who]++;
    snprintf(expected, sizeof expected, "%d %ld\r%0*d\r", who, number, number % 7 ? 20 : 300, who);
    ASSERT_STREQ(expected, text);
  }
  for (int i = 0; i < WRITERS; i++) {
    ASSERT_EQ(0, pthread_join(threads[i], NULL));
    EXPECT_EQ(0, writers[i].refused);
  }
  station_end(&a);
}

// ---- processes that hold it

// What a child does with the device that it got from its parent.
static void hold(int line, int kind) {
  char text[64];
  switch (kind) {
    case 0: execl("/bin/true", "true", NULL); break;
    case 1: execl("/bin/sleep", "sleep", "0.02", NULL); break;
    case 2:
      (void)fcntl(line, F_SETFL, O_NONBLOCK);
      (void)!write(line, "text", 4);
      (void)!read(line, text, sizeof text);
      break;
    default:
      (void)!read(line, text, sizeof text);  // until the line ends
      break;
  }
  _exit(0);
}

TEST(ends_while_processes_hold_it) {
  struct chance chance = chance_begin("ends_while_processes_hold_it");
  long most = rounds(ROUNDS);
  enum { CHILDREN = 3 };
  for (long round = 0; round < most; round++) {
    struct station s;
    pid_t children[CHILDREN];
    char path[32];
    enum how how = chance_below(&chance, DOWN);
    ASSERT_TRUE(station_begin(&s, LLP_PROTOCOL_X328, NULL));
    ASSERT_TRUE(line_path(s.tty, path));
    ASSERT_EQ(0, fcntl(s.line, F_SETFD, 0));
    for (int i = 0; i < CHILDREN; i++) {
      int kind = (int)chance_below(&chance, 4);
      fflush(stdout);
      children[i] = fork();
      ASSERT_LE(0, children[i]);
      if (children[i] == 0) {
        // The tty must end with the parent's file of it.
        close(s.tty);
        hold(s.line, kind);
      }
    }
    chance_pause_us(&chance, 20000);
    if (chance_below(&chance, 2)) {
      close(s.line);
      s.line = -1;
    }
    ASSERT_TRUE(end_line(&s, how)) { TH_LOG("round %ld, end %d: %s", round, how, strerror(errno)); }
    for (int i = 0; i < CHILDREN; i++) {
      int status = 0;
      ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
      EXPECT_TRUE(WIFEXITED(status));
    }
    ASSERT_TRUE(is_over(&s, path, how));
    station_end(&s);
  }
}

TEST_HARNESS_MAIN
