// SPDX-License-Identifier: BSD-3-Clause
/*
 * Compiled with the flags of the engine, so that neither side has a vector
 * unit to help it.
 */
#include "baseline.h"

#include <string.h>

// Where the linker puts a loop of a few instructions decides how fast it is: one that two cache lines share
// takes twice as long.
#define ALIGNED __attribute__((aligned(64)))

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

static uint64_t has_zero(uint64_t w) { return (w - ONES) & ~w & HIGHS; }

ALIGNED size_t baseline_find_copy(uint8_t* dst, const uint8_t* src, size_t n, uint8_t b1, uint8_t b2) {
  size_t i = 0;

  for (; n - i >= 8; i += 8) {
    uint64_t w = 0;

    __builtin_memcpy(&w, src + i, sizeof(w));
    if (has_zero(w ^ (ONES * b1)) | has_zero(w ^ (ONES * b2))) break;
    __builtin_memcpy(dst + i, &w, sizeof(w));
  }
  for (; i < n && src[i] != b1 && src[i] != b2; i++) dst[i] = src[i];
  return i;
}

ALIGNED uint8_t baseline_xor_copy(uint8_t* dst, const uint8_t* src, size_t n) {
  uint64_t acc = 0;
  size_t i = 0;

  for (; n - i >= 8; i += 8) {
    uint64_t w = 0;

    __builtin_memcpy(&w, src + i, sizeof(w));
    __builtin_memcpy(dst + i, &w, sizeof(w));
    acc ^= w;
  }
  for (; i < n; i++) {
    dst[i] = src[i];
    acc ^= src[i];
  }
  acc ^= acc >> 32;
  acc ^= acc >> 16;
  acc ^= acc >> 8;
  return (uint8_t)acc;
}
