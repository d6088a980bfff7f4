// SPDX-License-Identifier: GPL-2.0
// How often a test does again what must never go wrong, and chance that can be
// repeated: LLP_ROUNDS and LLP_SEED say so. To be included first.
#ifndef LLP_KSELFTEST_ROUNDS_H
#define LLP_KSELFTEST_ROUNDS_H

#include "tty.h"

// Who runs them bounds their time.
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 100000

// A number from the environment, or `otherwise`.
static inline long from_environment(const char* name, long otherwise) {
  const char* text = getenv(name);
  return text && atol(text) > 0 ? atol(text) : otherwise;
}

static inline long rounds(long otherwise) { return from_environment("LLP_ROUNDS", otherwise); }

// xorshift64*: what it gives depends on nothing but the seed.
struct chance {
  uint64_t state;
};

static inline struct chance chance_begin(const char* who) {
  uint64_t seed = (uint64_t)from_environment("LLP_SEED", (long)(now_us() % 1000000007 + 1));
  printf("# %s: LLP_SEED=%" PRIu64 " repeats this\n", who, seed);
  fflush(stdout);
  return (struct chance){seed * 0x9E3779B97F4A7C15ULL + 1};
}

static inline uint64_t chance_next(struct chance* c) {
  c->state ^= c->state >> 12;
  c->state ^= c->state << 25;
  c->state ^= c->state >> 27;
  return c->state * 0x2545F4914F6CDD1DULL;
}

// 0 to bound - 1.
static inline unsigned int chance_below(struct chance* c, unsigned int bound) {
  return (unsigned int)((chance_next(c) >> 32) % bound);
}

static inline void chance_pause_us(struct chance* c, unsigned int bound) {
  struct timespec span = {.tv_nsec = 1000L * chance_below(c, bound)};
  nanosleep(&span, NULL);
}

#endif
