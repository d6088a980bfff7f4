/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Word-at-a-time search, copy and exclusive-or: the inner loops of every
 * decoder and encoder. A kernel has no vector unit to lend.
 */
#ifndef LLP_SCAN_H
#define LLP_SCAN_H

#include "llp_os.h"

#define LLP_ONES	0x0101010101010101ULL
#define LLP_HIGHS	0x8080808080808080ULL

static inline u64 llp_load(const u8 *p)
{
	u64 w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline void llp_store(u8 *p, u64 w)
{
	memcpy(p, &w, sizeof(w));
}

/* Non-zero if some byte of @w is below @n (n <= 128). */
static inline u64 llp_has_below(u64 w, u8 n)
{
	return (w - LLP_ONES * n) & ~w & LLP_HIGHS;
}

/* Non-zero if some byte of @w equals @b. */
static inline u64 llp_has_byte(u64 w, u8 b)
{
	w ^= LLP_ONES * b;
	return (w - LLP_ONES) & ~w & LLP_HIGHS;
}

/* Exclusive-or of the eight bytes of @w. */
static inline u8 llp_fold(u64 w)
{
	w ^= w >> 32;
	w ^= w >> 16;
	w ^= w >> 8;
	return (u8)w;
}

/* X3.28: characters that cannot be text: SOH STX ETX EOT ENQ ACK, DLE, NAK SYN ETB. */
#define LLP_X328_SPECIALS ((0x3fU << 1) | (1U << 0x10) | (7U << 0x15))

static inline bool llp_x328_special(u8 c)
{
	return c < 32 && ((LLP_X328_SPECIALS >> c) & 1);
}

/*
 * Copies @src to @dst up to the first X3.28 special character or @n bytes,
 * folding what was copied into @acc (fold it with llp_fold()).
 * Returns how many were copied.
 */
static inline size_t llp_copy_text_x328(u8 *dst, const u8 *src, size_t n, u64 *acc)
{
	u64 a = *acc;
	size_t i = 0;

	while (n - i >= 8) {
		u64 w = llp_load(src + i);

		if (llp_has_below(w, 0x18)) {
			size_t k;

			for (k = 0; k < 8; k++)
				if (llp_x328_special(src[i + k]))
					goto tail;
		}
		llp_store(dst + i, w);
		a ^= w;
		i += 8;
	}
tail:
	for (; i < n && !llp_x328_special(src[i]); i++) {
		dst[i] = src[i];
		a ^= src[i];
	}
	*acc = a;
	return i;
}

/* The same up to the first @b1 or @b2 (HLLP, MLLP: SB and EB). */
static inline size_t llp_copy_text_2(u8 *dst, const u8 *src, size_t n, u8 b1, u8 b2, u64 *acc)
{
	u64 a = *acc;
	size_t i = 0;

	while (n - i >= 8) {
		u64 w = llp_load(src + i);

		if (llp_has_byte(w, b1) | llp_has_byte(w, b2))
			break;
		llp_store(dst + i, w);
		a ^= w;
		i += 8;
	}
	for (; i < n && src[i] != b1 && src[i] != b2; i++) {
		dst[i] = src[i];
		a ^= src[i];
	}
	*acc = a;
	return i;
}

/* Copies @n bytes, folding them into @acc. */
static inline void llp_copy_xor(u8 *dst, const u8 *src, size_t n, u64 *acc)
{
	u64 a = *acc;
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		u64 w = llp_load(src + i);

		llp_store(dst + i, w);
		a ^= w;
	}
	for (; i < n; i++) {
		dst[i] = src[i];
		a ^= src[i];
	}
	*acc = a;
}

#endif /* LLP_SCAN_H */
