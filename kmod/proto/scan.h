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

/* Eight bytes, the first of them in the lowest bits whatever the machine. */
static inline u64 llp_load(const u8 *p)
{
	u64 w;

	__builtin_memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	return w;
}

static inline void llp_store(u8 *p, u64 w)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	__builtin_memcpy(p, &w, sizeof(w));
}

/* Index of the first byte that llp_has_below() or llp_has_byte() found. */
static inline u32 llp_first(u64 mask)
{
	return (u32)__builtin_ctzll(mask) >> 3;
}

/*
 * Non-zero if some byte of @w is below @n (n <= 128); 80 hex in the first such
 * byte. A byte behind it may be marked wrongly.
 */
static inline u64 llp_has_below(u64 w, u8 n)
{
	return (w - LLP_ONES * n) & ~w & LLP_HIGHS;
}

/* The same for bytes that equal @b. */
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

/* Index of the first X3.28 special character of a word, 8 if there is none. */
static inline u32 llp_special_in(u64 w)
{
	u64 m = llp_has_below(w, 0x18);

	/* CR is below too, and the only one of them that text is full of. */
	for (; m; m &= m - 1) {
		u32 k = llp_first(m);

		if (llp_x328_special((u8)(w >> (8 * k))))
			return k;
	}
	return 8;
}

/* Bytes before the first X3.28 special character. */
static inline size_t llp_find_special(const u8 *p, size_t n)
{
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		u32 k = llp_special_in(llp_load(p + i));

		if (k < 8)
			return i + k;
	}
	while (i < n && !llp_x328_special(p[i]))
		i++;
	return i;
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

	for (; n - i >= 8; i += 8) {
		u64 w = llp_load(src + i);

		if (llp_special_in(w) < 8)
			break;
		llp_store(dst + i, w);
		a ^= w;
	}
	for (; i < n && !llp_x328_special(src[i]); i++) {
		dst[i] = src[i];
		a ^= src[i];
	}
	*acc = a;
	return i;
}

/* Bytes before the first @b1 or @b2. */
static inline size_t llp_find_2(const u8 *p, size_t n, u8 b1, u8 b2)
{
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		u64 w = llp_load(p + i);

		if (llp_has_byte(w, b1) | llp_has_byte(w, b2))
			break;
	}
	while (i < n && p[i] != b1 && p[i] != b2)
		i++;
	return i;
}

/* As llp_copy_text_x328() up to the first @b1 or @b2 (HLLP, MLLP: SB and EB). */
static inline size_t llp_copy_text_2(u8 *dst, const u8 *src, size_t n, u8 b1, u8 b2, u64 *acc)
{
	u64 a = *acc;
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		u64 w = llp_load(src + i);

		if (llp_has_byte(w, b1) | llp_has_byte(w, b2))
			break;
		llp_store(dst + i, w);
		a ^= w;
	}
	for (; i < n && src[i] != b1 && src[i] != b2; i++) {
		dst[i] = src[i];
		a ^= src[i];
	}
	*acc = a;
	return i;
}

/* Bytes before the first below 20 hex other than CR. */
static inline size_t llp_find_control(const u8 *p, size_t n)
{
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		u64 m = llp_has_below(llp_load(p + i), 0x20);

		for (; m; m &= m - 1) {
			u8 c = p[i + llp_first(m)];

			if (c < 0x20 && c != 0x0d)
				return i + llp_first(m);
		}
	}
	while (i < n && (p[i] >= 0x20 || p[i] == 0x0d))
		i++;
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
