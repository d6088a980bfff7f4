/* SPDX-License-Identifier: BSD-3-Clause */
/* What the engine is measured against: the least that its job could cost. */
#ifndef LLP_BENCH_BASELINE_H
#define LLP_BENCH_BASELINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Copies @src up to the first byte @b1 or @b2 or @n bytes, a word at a time,
 * and returns how many were copied. (MLLP: find and copy.)
 */
size_t baseline_find_copy(uint8_t* dst, const uint8_t* src, size_t n, uint8_t b1, uint8_t b2);

/* Copies @n bytes and returns their exclusive-or. (HLLP, X3.28: check and copy.) */
uint8_t baseline_xor_copy(uint8_t* dst, const uint8_t* src, size_t n);

#ifdef __cplusplus
}
#endif

#endif
