// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Copy, search, check and digest in one pass: what scan.h has in pieces.
 */
#include "engine_priv.h"
#include "scan.h"

#ifndef __KERNEL__
#define noinline __attribute__((__noinline__))
#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#endif

/*
 * The digest stays behind what is copied, so that it waits for no load, and at
 * least a group behind, so that it never holds what turns out as HLLP's
 * trailer.
 */
#define LAG	LLP_PAIR

/* What ends a text: an X3.28 special character, or one of the usual marks. */
enum stop { STOP_SPECIAL, STOP_MARK };

/* Copies the group at @src and folds it into @acc. True: it may hold a stop. */
static __always_inline bool copy_group(u8 *dst, const u8 *src, u64 *acc, enum stop stop)
{
	u64 w, a = *acc, maybe = 0;

#define COPY_WORD(i) do {							\
	w = llp_load(src + (i));						\
	llp_store(dst + (i), w);						\
	a ^= w;									\
	maybe |= stop == STOP_MARK ? llp_maybe_mark(w) : llp_maybe_special(w);	\
} while (0)

	COPY_WORD(0);
	COPY_WORD(8);
	COPY_WORD(16);
	COPY_WORD(24);
#undef COPY_WORD
	*acc = a;
	return maybe & LLP_HIGHS;
}

/*
 * Copies groups, the digest LAG behind, to the end or up to the first that may
 * hold a stop; that one is copied and folded, but not counted.
 */
static __always_inline size_t copy_groups(u8 *dst, const u8 *src, const u8 *end, u64 *acc,
					  struct llp_sum *sum, enum stop stop)
{
	u64 a = sum->a, b = sum->b, c = sum->c, d = sum->d, x = *acc;
	const u8 *p;

	for (p = src; p != end; p += LLP_GROUP, dst += LLP_GROUP) {
		llp_sum_group(&a, &b, &c, &d, p - LAG);
		if (copy_group(dst, p, &x, stop))
			break;
	}
	sum->a = a;
	sum->b = b;
	sum->c = c;
	sum->d = d;
	sum->done += (u32)(p - src) + (p == end ? 0 : LLP_GROUP);
	*acc = x;
	return p - src;
}

/* Functions of their own: every register is needed. */
static noinline size_t groups_to_special(u8 *dst, const u8 *src, const u8 *end, u64 *acc,
					 struct llp_sum *s)
{
	return copy_groups(dst, src, end, acc, s, STOP_SPECIAL);
}

static noinline size_t groups_to_mark(u8 *dst, const u8 *src, const u8 *end, u64 *acc, struct llp_sum *s)
{
	return copy_groups(dst, src, end, acc, s, STOP_MARK);
}

/*
 * Copies the groups among @n bytes up to the first that may hold a stop and
 * returns their length. @at is a multiple of the size of a group.
 */
static __always_inline size_t sum_groups(u8 *text, size_t at, const u8 *src, size_t n, u64 *acc,
					 struct llp_sum *s, enum stop stop)
{
	size_t i, end = n / LLP_GROUP * LLP_GROUP;

	for (i = 0; i < end && i < LAG; i += LLP_GROUP) {
		u64 a = *acc;

		if (copy_group(text + at + i, src + i, &a, stop))
			return i;
		*acc = a;
	}
	if (i == end)
		return i;
	llp_sum_upto(s, text, at);
	if (stop == STOP_MARK)
		i += groups_to_mark(text + at + i, src + i, src + end, acc, s);
	else
		i += groups_to_special(text + at + i, src + i, src + end, acc, s);
	/* Exclusive-or once more takes the last group, if it did not count, out again. */
	if (i < end)
		llp_copy_xor(text + at + i, src + i, LLP_GROUP, acc);
	return i;
}

/* Copies groups as fast as that goes, and what is between them, and where it ends, with care. */
static __always_inline size_t copy_sum(u8 *text, size_t at, const u8 *src, size_t n, u64 *acc,
				       struct llp_sum *s, enum stop stop)
{
	size_t i = 0;

	while (i < n) {
		size_t part = LLP_GROUP - (at + i) % LLP_GROUP, k;

		if (part == LLP_GROUP && n - i >= LLP_GROUP)
			i += sum_groups(text, at + i, src + i, n - i, acc, s, stop);
		if (part > n - i)
			part = n - i;
		k = stop == STOP_MARK ? llp_copy_text_2(text + at + i, src + i, part, LLP_MARK_1,
							LLP_MARK_2, acc) :
					llp_copy_text_x328(text + at + i, src + i, part, acc);
		i += k;
		if (k < part)
			break;
	}
	return i;
}

/**
 * llp_copy_sum_x328() - copy X3.28 text behind what is there already
 * @text: where the text begins
 * @at: how much of it is there
 * @src: from
 * @n: at most; @text has room for as many
 * @acc: exclusive-or of all that is copied; fold it with llp_fold()
 * @s: digest of the text
 *
 * Return: how many bytes were copied: up to the first special character or @n.
 */
size_t llp_copy_sum_x328(u8 *text, size_t at, const u8 *src, size_t n, u64 *acc, struct llp_sum *s)
{
	return copy_sum(text, at, src, n, acc, s, STOP_SPECIAL);
}

/**
 * llp_copy_sum_2() - the same up to a mark
 * @text: where the text begins
 * @at: how much of it is there
 * @src: from
 * @n: at most; @text has room for as many
 * @b1: a mark
 * @b2: another
 * @acc: exclusive-or of all that is copied; fold it with llp_fold()
 * @s: digest of the text; it holds none of the last eight bytes before a mark
 *
 * Return: how many bytes were copied.
 */
size_t llp_copy_sum_2(u8 *text, size_t at, const u8 *src, size_t n, u8 b1, u8 b2, u64 *acc,
		      struct llp_sum *s)
{
	if (!llp_usual_marks(b1, b2))
		return llp_copy_text_2(text + at, src, n, b1, b2, acc);
	return copy_sum(text, at, src, n, acc, s, STOP_MARK);
}

/**
 * llp_sum_end() - the digest of a text that is whole
 * @s: what was made of it while it came
 * @text: the text
 * @len: its length
 *
 * Return: digest, never 0; not the one that llp_digest() gives.
 */
u64 llp_sum_end(struct llp_sum *s, const u8 *text, size_t len)
{
	u8 only[LLP_GROUP] = { 0 };
	u64 h;

	llp_sum_upto(s, text, len);
	/* What is no whole group is taken with what comes before it, the second time. */
	if (s->done < len && len >= LLP_GROUP) {
		llp_sum_group(&s->a, &s->b, &s->c, &s->d, text + len - LLP_GROUP);
	} else if (s->done < len) {
		memcpy(only, text, len);
		llp_sum_group(&s->a, &s->b, &s->c, &s->d, only);
	}
	h = llp_mix(llp_mix(llp_mix(llp_mix(len, s->a), s->b), s->c), s->d);
	return h ? h : 1;
}
