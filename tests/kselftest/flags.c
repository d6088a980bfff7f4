// SPDX-License-Identifier: GPL-2.0
// Each error that a UART tells, at a byte that comes in each state of each protocol, and in each place of a
// block: it is counted, no damaged message is given to a reader, and the line works on.
//
// Of the states that LLP_IOC_INFO tells, one has no row: MLLP's "waiting for the connection". A tty has no
// connection that comes back: where the protocol drops it, n_llp connects again in the same call, and a line
// that goes down ends what it was sending; so no byte can come there. Nor is a message of HLLP or MLLP 1
// PENDING, since they acknowledge nothing: HLLP's "serving" is a message that its reader has not decided on.
#include "station.h"

struct state {
  uint32_t protocol;
  const char* name;  // as LLP_IOC_INFO tells it
  // Brings a line at rest there; `c` is a message of the line's own.
  bool (*enter)(struct station* s, struct call* c);
  const char* byte;  // what comes there, with the error
};

static bool rest(struct station* s, struct call* c) {
  (void)s, (void)c;
  return true;
}

static bool writes(struct station* s, struct call* c) { return call_start(c, s->line, "message\r"); }

static bool bid(struct station* s, struct call* c) { return writes(s, c) && x328_is_bid(s->wire); }

static bool refused(struct station* s, struct call* c) { return bid(s, c) && SAYS(s->wire, NAK); }

static bool master(struct station* s, struct call* c) {
  return bid(s, c) && SAYS(s->wire, ACK(0)) && x328_hears(s->wire, 1, "message\r", true);
}

static bool asking(struct station* s, struct call* c) {
  return master(s, c) && SAYS(s->wire, "?") && HEARS(s->wire, ENQ);
}

static bool slave(struct station* s, struct call* c) {
  (void)c;
  return x328_bids(s->wire);
}

static bool x328_in_block(struct station* s, struct call* c) {
  return slave(s, c) && SAYS(s->wire,
                             "\x02"
                             "100004te");
}

static bool pending(struct station* s, struct call* c) {
  // Nobody reads it yet.
  return slave(s, c) && x328_says(s->wire, 1, "text\r", true) && EVENTUALLY(waiting(s->line) == 5);
}

// What its reader has in hand is not acknowledged.
static bool in_hand(struct station* s, struct call* c) {
  return file_set(s->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT) == 0 && pending(s, c) &&
         reads(s->line, "text\r");
}

static bool in_block(struct station* s, struct call* c) {
  (void)c;
  return SAYS(s->wire,
              "\x0b"
              "D23\rte");
}

static bool held(struct station* s, struct call* c) {
  return tty_control(LINE_END, "hold 1\n") == 0 && writes(s, c) &&
         EVENTUALLY(tty_state(LINE_END, "queued") > 5);
}

static bool served(struct station* s, struct call* c) {
  (void)c;
  return file_set(s->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT) == 0 && hllp_says(s->wire, 'D', "text\r") &&
         reads(s->line, "text\r");
}

// Half duplex: while one message is served, no other goes out.
static bool queued_behind_service(struct station* s, struct call* c) {
  return ioctl(s->line, LLP_IOC_DOWN) == 0 && line_set(s->line, "duplex", "half") == 0 &&
         ioctl(s->line, LLP_IOC_UP) == 0 && served(s, c) && writes(s, c);
}

static bool requested(struct station* s, struct call* c) {
  return file_set(s->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED) == 0 && writes(s, c) &&
         hllp_hears(s->wire, 'D', "message\r") && call_end(c) == 8;
}

// The reply that did not come may still do, and be taken for another's.
static bool queued_behind_guard(struct station* s, struct call* c) {
  char none[8];
  return file_set(s->line, LLP_IOC_EXPECT, LLP_EXPECT_REQUIRED) == 0 && writes(s, c) &&
         mllp_hears(s->wire, "message\r") && call_end(c) == 8 && read(s->line, none, sizeof none) == -1 &&
         errno == ETIMEDOUT && writes(s, c);
}

static bool committed(struct station* s, struct call* c) {
  return writes(s, c) && mllp_hears(s->wire, "message\r");
}

// So may the commit reply to a message that was taken back.
static bool queued_behind_commit(struct station* s, struct call* c) {
  return committed(s, c) && EVENTUALLY(state_is(s->line, "waiting for commit")) &&
         file_set(s->line, LLP_IOC_ABORT, 0) == 0 && call_end(c) == -ECOMM && writes(s, c);
}

static bool mllp_pending(struct station* s, struct call* c) {
  (void)c;
  return mllp_says(s->wire, "text\r") && EVENTUALLY(waiting(s->line) == 5);
}

static bool mllp_in_hand(struct station* s, struct call* c) {
  return file_set(s->line, LLP_IOC_POLICY, LLP_POLICY_COMMIT) == 0 && mllp_pending(s, c) &&
         reads(s->line, "text\r");
}

enum { MLLP_2 = LLP_PROTOCOL_MLLP + 1 };  // release 2, here

static const struct state states[] = {
    {LLP_PROTOCOL_X328, "idle", rest, "x"},
    {LLP_PROTOCOL_X328, "bid", bid, "x"},
    {LLP_PROTOCOL_X328, "waiting to bid", refused, "x"},
    {LLP_PROTOCOL_X328, "master", master, "\x10"},
    {LLP_PROTOCOL_X328, "master, asking again", asking, "\x10"},
    {LLP_PROTOCOL_X328, "slave", slave, "\x02"},
    {LLP_PROTOCOL_X328, "slave, in block", x328_in_block, "x"},
    {LLP_PROTOCOL_X328, "slave", pending, "\x02"},
    {LLP_PROTOCOL_X328, "slave", in_hand, "\x02"},
    {LLP_PROTOCOL_HLLP, "idle", rest, "x"},
    {LLP_PROTOCOL_HLLP, "receiving", in_block, "x"},
    {LLP_PROTOCOL_HLLP, "queued", queued_behind_service, "\x0b"},
    {LLP_PROTOCOL_HLLP, "sending", held, "\x0b"},
    {LLP_PROTOCOL_HLLP, "serving", served, "x"},
    {LLP_PROTOCOL_HLLP, "waiting for the reply", requested, "\x0b"},
    {LLP_PROTOCOL_MLLP, "idle", rest, "x"},
    {LLP_PROTOCOL_MLLP, "receiving", in_block, "x"},
    {LLP_PROTOCOL_MLLP, "queued", queued_behind_guard, "\x0b"},
    {LLP_PROTOCOL_MLLP, "sending", held, "\x0b"},
    {MLLP_2, "idle", rest, "x"},
    {MLLP_2, "receiving", in_block, "x"},
    {MLLP_2, "queued", queued_behind_commit, "\x0b"},
    {MLLP_2, "sending", held, "\x0b"},
    {MLLP_2, "waiting for commit", committed, "\x0b"},
    {MLLP_2, "idle", mllp_pending, "\x0b"},
    {MLLP_2, "idle", mllp_in_hand, "x"},
};

FIXTURE(flags){};
FIXTURE_SETUP(flags) {}
FIXTURE_TEARDOWN(flags) {}
FIXTURE_VARIANT(flags) {
  const char* fault;
  const char* counter;
};
FIXTURE_VARIANT_ADD(flags, parity){.fault = "parity 0\n", .counter = "parity_errors"};
FIXTURE_VARIANT_ADD(flags, framing){.fault = "frame 0\n", .counter = "framing_errors"};
FIXTURE_VARIANT_ADD(flags, overrun){.fault = "overrun 0\n", .counter = "overruns"};
FIXTURE_VARIANT_ADD(flags, broken){.fault = "break 0\n", .counter = "breaks"};

// Reads what the line says until it grants a bid.
static bool granted(int wire) {
  char got[3] = "";
  while (memcmp(got, ACK(0), 3) != 0) {
    memmove(got, got + 1, 2);
    if (tty_receive(wire, got + 2, 1, PATIENCE_MS) != 1) {
      return false;
    }
  }
  return true;
}

// The other station starts over, and has a message.
static bool starts_over(struct station* s, uint32_t protocol) {
  if (protocol == LLP_PROTOCOL_X328) {
    return SAYS(s->wire, EOT EOT ENQ) && granted(s->wire) && x328_says(s->wire, 1, "again\r", true);
  }
  return protocol == LLP_PROTOCOL_HLLP ? hllp_says(s->wire, 'D', "again\r") : mllp_says(s->wire, "again\r");
}

static void in_state(struct __test_metadata* _metadata, const struct state* at, const char* fault,
                     const char* counter) {
  static line_params x328 = {{"bid_pause", "100s"}, {"quiet", "10ms"}, {NULL, NULL}};
  static line_params release1 = {{"reply_timeout", "20ms"}, {"late_guard", "100s"}, {NULL, NULL}};
  static line_params release2 = {{"release", "2"}, {NULL, NULL}};
  uint32_t protocol = at->protocol == MLLP_2 ? LLP_PROTOCOL_MLLP : at->protocol;
  struct station s;
  struct call c = {.line = -1};
  char got[64];
  ASSERT_TRUE(station_begin(&s, protocol, NULL));
  ASSERT_EQ(0, ioctl(s.line, LLP_IOC_DOWN));
  ASSERT_EQ(0, line_tune(s.line, at->protocol == MLLP_2          ? release2
                                 : protocol == LLP_PROTOCOL_X328 ? x328
                                 : protocol == LLP_PROTOCOL_MLLP ? release1
                                                                 : NULL));
  ASSERT_EQ(0, ioctl(s.line, LLP_IOC_UP));
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  ASSERT_TRUE(at->enter(&s, &c)) { TH_LOG("protocol %u: %s", at->protocol, at->name); }
  ASSERT_TRUE(EVENTUALLY(state_is(s.line, at->name))) {
    TH_LOG("%s: it is %s", at->name, line_info(s.line).state);
  }
  int64_t before = line_counter(s.line, counter);
  ASSERT_EQ(0, tty_control(LINE_END, fault));
  ASSERT_TRUE(says(s.wire, at->byte, 1));
  EXPECT_TRUE(EVENTUALLY(line_counter(s.line, counter) == before + 1)) {
    TH_LOG("%s: %s", at->name, counter);
  }
  // Only what was whole before it is given out.
  ssize_t size = read_now(s.line, got, sizeof got);
  bool whole = at->enter == pending || at->enter == mllp_pending;
  bool held_back = at->enter == in_hand || at->enter == mllp_in_hand;
  EXPECT_EQ(whole ? 5 : -EAGAIN, size) { TH_LOG("%s: %zd bytes", at->name, size); }
  EXPECT_EQ(held_back, file_info(s.line).in_hand != 0) { TH_LOG("%s: %s", at->name, counter); }

  ASSERT_EQ(0, tty_control(LINE_END, "hold 0\n"));
  (void)file_set(s.line, LLP_IOC_ABORT, 0);
  (void)file_set(s.line, LLP_IOC_EXPECT, LLP_EXPECT_OFF);
  (void)verdict(s.line, file_info(s.line).last_read, LLP_VERDICT_FORGET);
  ASSERT_TRUE(starts_over(&s, protocol)) { TH_LOG("%s: %s", at->name, counter); }
  EXPECT_TRUE(reads(s.line, "again\r")) { TH_LOG("%s: %s", at->name, counter); }
  if (c.line >= 0 && !c.over) {
    EXPECT_NE(-ETIME, call_end(&c));
  }
  station_end(&s);
}

TEST_F(flags, in_every_state) {
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    in_state(_metadata, &states[i], variant->fault, variant->counter);
  }
}

// ---- in each place of a block

// What comes in one write: a message, where a station need not wait for its answer, and the one that will
// have the error.
static size_t two_blocks(unsigned char* bytes, uint32_t protocol, const char* release, size_t* first) {
  *first = 0;
  if (protocol == LLP_PROTOCOL_X328) {
    return x328_block(bytes, 1, "text\r", true);
  }
  if (protocol == LLP_PROTOCOL_HLLP) {
    *first = hllp_block(bytes, 'D', "first\r");
    return *first + hllp_block(bytes + *first, 'D', "text\r");
  }
  *first = release ? 0 : mllp_block(bytes, "first\r");
  return *first + mllp_block(bytes + *first, "text\r");
}

// Reads commit replies up to an ACK.
static bool commits(int wire) {
  char got[4];
  while (tty_receive(wire, got, sizeof got, PATIENCE_MS) == sizeof got) {
    if (memcmp(got, COMMIT_ACK, sizeof got) == 0) {
      return true;
    }
  }
  return false;
}

// The message around the error is not given out, the ones before and after it are.
static void in_each_place(struct __test_metadata* _metadata, uint32_t protocol, const char* release,
                          const char* fault, const char* counter) {
  line_params params = {{release ? "release" : NULL, release}, {NULL, NULL}};
  bool before = strcmp(fault, "break") == 0;
  bool after = strcmp(fault, "overrun") == 0;
  unsigned char bytes[256];
  char command[32];
  size_t first;
  struct station s;
  ASSERT_TRUE(station_begin(&s, protocol, release ? params : NULL));
  ASSERT_EQ(0, file_set(s.line, LLP_IOC_RECEIVE, 1));
  size_t size = two_blocks(bytes, protocol, release, &first);
  for (size_t at = first; at < size; at++) {
    // A break comes before its byte, an overrun after it: there they stand outside the block.
    bool harmless = (before && at == first) || (after && at == size - 1);
    // Without its marks it is no block, and nobody answers it.
    bool block = before || after || (at != first && at != size - 2);
    int64_t counted = line_counter(s.line, counter);
    if (protocol == LLP_PROTOCOL_X328) {
      ASSERT_TRUE(SAYS(s.wire, EOT EOT ENQ) && granted(s.wire));
    }
    snprintf(command, sizeof command, "%s %zu\n", fault, at);
    ASSERT_EQ(0, tty_control(LINE_END, command));
    ASSERT_TRUE(says(s.wire, bytes, size));
    if (first) {
      EXPECT_TRUE(reads(s.line, "first\r")) { TH_LOG("%s at %zu", fault, at); }
    }
    if (harmless) {
      EXPECT_TRUE(reads(s.line, "text\r") && (!release || commits(s.wire))) {
        TH_LOG("%s at %zu", fault, at);
      }
    } else if (release && block) {
      EXPECT_TRUE(HEARS(s.wire, COMMIT_NAK)) { TH_LOG("%s at %zu", fault, at); }
    } else if (protocol == LLP_PROTOCOL_X328) {
      EXPECT_TRUE(HEARS(s.wire, NAK)) { TH_LOG("%s at %zu", fault, at); }
    }
    ASSERT_TRUE(starts_over(&s, protocol));
    EXPECT_TRUE(reads(s.line, "again\r") && (!release || commits(s.wire))) { TH_LOG("%s at %zu", fault, at); }
    EXPECT_EQ(counted + 1, line_counter(s.line, counter)) { TH_LOG("%s at %zu", fault, at); }
  }
  station_end(&s);
}

FIXTURE_VARIANT(place) {
  uint32_t protocol;
  const char* release;
};
FIXTURE(place){};
FIXTURE_SETUP(place) {}
FIXTURE_TEARDOWN(place) {}
FIXTURE_VARIANT_ADD(place, x328){.protocol = LLP_PROTOCOL_X328};
FIXTURE_VARIANT_ADD(place, hllp){.protocol = LLP_PROTOCOL_HLLP};
FIXTURE_VARIANT_ADD(place, mllp_1){.protocol = LLP_PROTOCOL_MLLP};
FIXTURE_VARIANT_ADD(place, mllp_2){.protocol = LLP_PROTOCOL_MLLP, .release = "2"};

TEST_F(place, parity) {
  in_each_place(_metadata, variant->protocol, variant->release, "parity", "parity_errors");
}
TEST_F(place, framing) {
  in_each_place(_metadata, variant->protocol, variant->release, "frame", "framing_errors");
}
TEST_F(place, overrun) {
  in_each_place(_metadata, variant->protocol, variant->release, "overrun", "overruns");
}
TEST_F(place, broken) { in_each_place(_metadata, variant->protocol, variant->release, "break", "breaks"); }

// ---- drivers that take little, and wake late

static void slow_wire(struct __test_metadata* _metadata, uint32_t protocol, const char* release,
                      const char* commands) {
  line_params params = {{release ? "release" : NULL, release}, {NULL, NULL}};
  static char text[1001];
  struct station s;
  struct call c;
  ASSERT_TRUE(station_begin(&s, protocol, release ? params : NULL));
  ASSERT_EQ(0, line_attach(s.wire));
  int other = line_open(s.wire, 0);
  ASSERT_GE(other, 0);
  ASSERT_EQ(0, line_up(other, protocol, release ? params : NULL));
  ASSERT_EQ(0, file_set(other, LLP_IOC_RECEIVE, 1));
  ASSERT_EQ(0, tty_control(LINE_END, commands));
  ASSERT_EQ(0, tty_control(WIRE_END, commands));
  for (int i = 0; i < 3; i++) {
    memset(text, 'a' + i, sizeof text - 2);
    text[sizeof text - 2] = '\r';
    ASSERT_TRUE(call_start(&c, s.line, text));
    EXPECT_TRUE(reads(other, text));
    EXPECT_EQ((ssize_t)sizeof text - 1, call_end(&c));
  }
  close(other);
  station_end(&s);
}

#define SLOW(name, protocol, release)                                                                       \
  TEST(name##_over_writes_of_one_byte) { slow_wire(_metadata, protocol, release, "defaults\naccept 1\n"); } \
  TEST(name##_over_a_small_transmitter_that_wakes_late) {                                                   \
    slow_wire(_metadata, protocol, release, "defaults\nroom 7\nlate 200\n");                                \
  }

SLOW(x328, LLP_PROTOCOL_X328, NULL)
SLOW(hllp, LLP_PROTOCOL_HLLP, NULL)
SLOW(mllp_1, LLP_PROTOCOL_MLLP, NULL)
SLOW(mllp_2, LLP_PROTOCOL_MLLP, "2")

TEST_HARNESS_MAIN
