// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Copy, search, check and digest in one pass: what scan.h has in pieces.
 */
#include "engine_priv.h"
#include "scan.h"

#ifndef __KERNEL__
#define noinline __attribute__((__noinline__))
#endif

/*
 * Groups up to the first that may hold a special character; that one is copied
 * too, but not counted. A function of its own: every register is needed.
 */
static noinline size_t sum_groups(u8 *dst, const u8 *src, size_t n, u64 *acc, struct llp_sum *s)
{
	u64 a = s->a, b = s->b, x = *acc;
	const u8 *p = src, *end = src + n;

	for (; p != end; p += LLP_GROUP, dst += LLP_GROUP) {
		u64 w = llp_load(p), fold = w, m = llp_no_special(w);

		llp_store(dst, w);
		w = llp_load(p + 8);
		llp_store(dst + 8, w);
		fold ^= w;
		m &= llp_no_special(w);
		w = llp_load(p + 16);
		llp_store(dst + 16, w);
		fold ^= w;
		m &= llp_no_special(w);
		w = llp_load(p + 24);
		llp_store(dst + 24, w);
		fold ^= w;
		m &= llp_no_special(w);
		if (!llp_clear(m))
			break;
		x ^= fold;
		llp_sum_group(&a, &b, p);
	}
	s->a = a;
	s->b = b;
	s->done += p - src;
	*acc = x;
	return p - src;
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
	size_t i = 0;

	while (i < n) {
		size_t part = LLP_GROUP - (at + i) % LLP_GROUP, k;

		if (part == LLP_GROUP) {
			llp_sum_upto(s, text, at + i);
			i += sum_groups(text + at + i, src + i, (n - i) & ~(size_t)(LLP_GROUP - 1), acc, s);
		}
		if (part > n - i)
			part = n - i;
		k = llp_copy_text_x328(text + at + i, src + i, part, acc);
		i += k;
		if (k < part)
			break;
	}
	return i;
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
	u64 h, w = 0;
	size_t i;

	llp_sum_upto(s, text, len);
	for (i = s->done; len - i >= 8; i += 8)
		s->a = llp_mul_fold(s->a ^ llp_load(text + i), LLP_SUM_A);
	for (; i < len; i++)
		w = w << 8 | text[i];
	h = llp_mix(llp_mix(llp_mix(len, s->a), s->b), w);
	return h ? h : 1;
}
