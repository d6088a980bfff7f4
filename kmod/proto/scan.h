/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Word-at-a-time search, copy and exclusive-or: the inner loops of every
 * decoder and encoder. A kernel has no vector unit to lend.
 */
#ifndef LLP_SCAN_H
#define LLP_SCAN_H

#include "llp_engine.h"

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

/* The product of two words, its lower half in *@a, its upper in *@b, where there is no wider type. */
static inline void llp_mul_narrow(u64 *a, u64 *b)
{
	u64 ll = (u64)(u32)*a * (u32)*b, lh = (u64)(u32)*a * (u32)(*b >> 32);
	u64 hl = (*a >> 32) * (u32)*b, hh = (*a >> 32) * (*b >> 32);
	u64 mid = (ll >> 32) + (u32)lh + (u32)hl;

	*a = mid << 32 | (u32)ll;
	*b = hh + (lh >> 32) + (hl >> 32) + (mid >> 32);
}

/* The same: what digests are stirred with. */
static inline void llp_mul(u64 *a, u64 *b)
{
#ifdef __SIZEOF_INT128__
	__extension__ unsigned __int128 r = *a;

	r *= *b;
	*a = (u64)r;
	*b = (u64)(r >> 64);
#else
	llp_mul_narrow(a, b);
#endif
}

static inline u64 llp_mul_fold(u64 a, u64 b)
{
	llp_mul(&a, &b);
	return a ^ b;
}

/*
 * Searches go by groups of four words: what they look for is rare, so one
 * quick test serves all four. It may find too much, never too little; a group
 * that it finds something in is looked at word by word.
 */
#define LLP_GROUP	32U
#define LLP_PAIR	((size_t)2 * LLP_GROUP)

/* What is looked at closely at @i: one group, or the rest. */
static inline size_t llp_group_end(size_t i, size_t n)
{
	return n - i > LLP_GROUP ? i + LLP_GROUP : n;
}

/* X3.28: characters that cannot be text: SOH STX ETX EOT ENQ ACK, DLE, NAK SYN ETB. */
#define LLP_X328_SPECIALS ((0x3fU << 1) | (1U << 0x10) | (7U << 0x15))

static inline bool llp_x328_special(u8 c)
{
	return c < 32 && ((LLP_X328_SPECIALS >> c) & 1);
}

/*
 * Quick test: 80 hex in some byte if @w holds a special. Of the bits 68 hex
 * these have none and text at least one, CR too; others are mistaken for them.
 */
static inline u64 llp_maybe_special(u64 w)
{
	return (w & LLP_ONES * 0x68) - LLP_ONES;
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

/*
 * The same for VT and FS: of the bits 65 hex these have 01 and 04, CR has 05
 * and what is printed 20 or more. LF and TAB are mistaken for marks.
 */
static inline u64 llp_maybe_mark(u64 w)
{
	return (w & LLP_ONES * 0x65) - LLP_ONES * 5;
}

/* The marks that llp_maybe_mark() looks for. Lines with others are slower. */
#define LLP_MARK_1	0x0b
#define LLP_MARK_2	0x1c

static inline bool llp_usual_marks(u8 b1, u8 b2)
{
	return b1 == LLP_MARK_1 && b2 == LLP_MARK_2;
}

/* The next group of @src goes to @dst and, folded, to @a, if @maybe finds nothing in it. */
#define LLP_COPY_GROUP(dst, src, a, maybe) __extension__ ({			\
	u64 w0_ = llp_load(src), w1_ = llp_load((src) + 8);			\
	u64 w2_ = llp_load((src) + 16), w3_ = llp_load((src) + 24);		\
	bool clear_ = !((maybe(w0_) | maybe(w1_) | maybe(w2_) | maybe(w3_)) & LLP_HIGHS);	\
										\
	if (clear_) {								\
		llp_store(dst, w0_);						\
		llp_store((dst) + 8, w1_);					\
		llp_store((dst) + 16, w2_);					\
		llp_store((dst) + 24, w3_);					\
		(a) ^= w0_ ^ w1_ ^ w2_ ^ w3_;					\
	}									\
	clear_;									\
})

#define LLP_MAYBE_IN_GROUP(p, maybe)						\
	(maybe(llp_load(p)) | maybe(llp_load((p) + 8)) |			\
	 maybe(llp_load((p) + 16)) | maybe(llp_load((p) + 24)))

#define LLP_CLEAR_GROUP(p, maybe)						\
	(!(LLP_MAYBE_IN_GROUP(p, maybe) & LLP_HIGHS))

/* Searches that do nothing else take two groups at a time. */
#define LLP_CLEAR_PAIR(p, maybe)						\
	(!((LLP_MAYBE_IN_GROUP(p, maybe) |					\
	    LLP_MAYBE_IN_GROUP((p) + LLP_GROUP, maybe)) & LLP_HIGHS))

/* Bytes before the first X3.28 special character. */
static inline size_t llp_find_special(const u8 *p, size_t n)
{
	size_t i = 0, end, groups = n & ~(size_t)(LLP_GROUP - 1);

	while (i < n) {
		while (i + LLP_PAIR <= groups && LLP_CLEAR_PAIR(p + i, llp_maybe_special))
			i += LLP_PAIR;
		while (i < groups && LLP_CLEAR_GROUP(p + i, llp_maybe_special))
			i += LLP_GROUP;
		for (end = llp_group_end(i, n); end - i >= 8; i += 8) {
			u32 k = llp_special_in(llp_load(p + i));

			if (k < 8)
				return i + k;
		}
		for (; i < end; i++)
			if (llp_x328_special(p[i]))
				return i;
	}
	return i;
}

/*
 * Copies @src to @dst up to the first X3.28 special character or @n bytes,
 * folding what was copied into @acc (fold it with llp_fold()).
 * Returns how many were copied.
 */
static inline size_t llp_copy_text_x328(u8 *dst, const u8 *src, size_t n, u64 *acc)
{
	size_t i = 0, end, groups = n & ~(size_t)(LLP_GROUP - 1);
	u64 a = *acc;

	while (i < n) {
		while (i < groups && LLP_COPY_GROUP(dst + i, src + i, a, llp_maybe_special))
			i += LLP_GROUP;
		for (end = llp_group_end(i, n); end - i >= 8; i += 8) {
			u64 w = llp_load(src + i);

			if (llp_special_in(w) < 8)
				break;
			llp_store(dst + i, w);
			a ^= w;
		}
		for (; i < end; i++) {
			if (llp_x328_special(src[i]))
				goto out;
			dst[i] = src[i];
			a ^= src[i];
		}
	}
out:
	*acc = a;
	return i;
}

/*
 * The digest of a text that is copied piece by piece: made in the same pass,
 * because another would cost half as much again. It takes groups that begin at
 * multiples of their size, so that it is the same however the text came.
 */

/* Odd, with as many ones as zeros, and nothing that a text would hold. */
#define LLP_SUM_A	0x9e3779b97f4a7c15ULL
#define LLP_SUM_B	0xbf58476d1ce4e5b9ULL
#define LLP_SUM_C	0x94d049bb133111ebULL
#define LLP_SUM_D	0xd6e8feb86659fd93ULL

static inline void llp_sum_begin(struct llp_sum *s)
{
	s->a = LLP_SUM_A;
	s->b = LLP_SUM_B;
	s->c = LLP_SUM_C;
	s->d = LLP_SUM_D;
	s->done = 0;
}

/* Takes the group at @p: half of it each into two products that do not wait for each other. */
static inline void llp_sum_group(u64 *a, u64 *b, u64 *c, u64 *d, const u8 *p)
{
	*a ^= llp_load(p);
	*b ^= llp_load(p + 8);
	*c ^= llp_load(p + 16);
	*d ^= llp_load(p + 24);
	llp_mul(a, b);
	llp_mul(c, d);
}

/* Catches up with the first @len bytes of @text, as far as they are groups. */
static inline void llp_sum_upto(struct llp_sum *s, const u8 *text, size_t len)
{
	for (; len - s->done >= LLP_GROUP; s->done += LLP_GROUP)
		llp_sum_group(&s->a, &s->b, &s->c, &s->d, text + s->done);
}

/* scan.c */
size_t llp_copy_sum_x328(u8 *text, size_t at, const u8 *src, size_t n, u64 *acc, struct llp_sum *s);
size_t llp_copy_sum_2(u8 *text, size_t at, const u8 *src, size_t n, u8 b1, u8 b2, u64 *acc,
		      struct llp_sum *s);
u64 llp_sum_end(struct llp_sum *s, const u8 *text, size_t len);

/* Bytes before the first @b1 or @b2. */
static inline size_t llp_find_2(const u8 *p, size_t n, u8 b1, u8 b2)
{
	size_t i = 0, end, groups = llp_usual_marks(b1, b2) ? n & ~(size_t)(LLP_GROUP - 1) : 0;

	while (i < n) {
		while (i + LLP_PAIR <= groups && LLP_CLEAR_PAIR(p + i, llp_maybe_mark))
			i += LLP_PAIR;
		while (i < groups && LLP_CLEAR_GROUP(p + i, llp_maybe_mark))
			i += LLP_GROUP;
		for (end = groups ? llp_group_end(i, n) : n; end - i >= 8; i += 8) {
			u64 w = llp_load(p + i);

			if (llp_has_byte(w, b1) | llp_has_byte(w, b2))
				break;
		}
		for (; i < end; i++)
			if (p[i] == b1 || p[i] == b2)
				return i;
	}
	return i;
}

/* As llp_copy_text_x328() up to the first @b1 or @b2 (HLLP, MLLP: SB and EB). */
static inline size_t llp_copy_text_2(u8 *dst, const u8 *src, size_t n, u8 b1, u8 b2, u64 *acc)
{
	size_t i = 0, end, groups = llp_usual_marks(b1, b2) ? n & ~(size_t)(LLP_GROUP - 1) : 0;
	u64 a = *acc;

	while (i < n) {
		while (i < groups && LLP_COPY_GROUP(dst + i, src + i, a, llp_maybe_mark))
			i += LLP_GROUP;
		for (end = groups ? llp_group_end(i, n) : n; end - i >= 8; i += 8) {
			u64 w = llp_load(src + i);

			if (llp_has_byte(w, b1) | llp_has_byte(w, b2))
				break;
			llp_store(dst + i, w);
			a ^= w;
		}
		for (; i < end; i++) {
			if (src[i] == b1 || src[i] == b2)
				goto out;
			dst[i] = src[i];
			a ^= src[i];
		}
	}
out:
	*acc = a;
	return i;
}

/* 80 hex in every byte below 20 hex other than CR, and in no other. */
static inline u64 llp_control_in(u64 w)
{
	u64 z = (w ^ LLP_ONES * 0x0d) & ~LLP_HIGHS;

	return (z + LLP_ONES * 0x7f) & ~((z + LLP_ONES * 0x60) | w) & LLP_HIGHS;
}

/* Bytes before the first below 20 hex other than CR. */
static inline size_t llp_find_control(const u8 *p, size_t n)
{
	size_t i = 0;

	for (; n - i >= LLP_GROUP; i += LLP_GROUP) {
		u64 m = llp_control_in(llp_load(p + i)) | llp_control_in(llp_load(p + i + 8)) |
			llp_control_in(llp_load(p + i + 16)) | llp_control_in(llp_load(p + i + 24));

		if (m)
			break;
	}
	for (; n - i >= 8; i += 8) {
		u64 m = llp_control_in(llp_load(p + i));

		if (m)
			return i + llp_first(m);
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

	for (; n - i >= LLP_GROUP; i += LLP_GROUP) {
		u64 w0 = llp_load(src + i), w1 = llp_load(src + i + 8);
		u64 w2 = llp_load(src + i + 16), w3 = llp_load(src + i + 24);

		llp_store(dst + i, w0);
		llp_store(dst + i + 8, w1);
		llp_store(dst + i + 16, w2);
		llp_store(dst + i + 24, w3);
		a ^= w0 ^ w1 ^ w2 ^ w3;
	}
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
