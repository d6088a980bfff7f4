// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * HLLP: count and checksum of a block, made and checked; carriage return
 * stuffing; which messages can be sent at all.
 */
#include "hllp.h"
#include "scan.h"

static bool digits(const u8 *p, u32 n)
{
	while (n--)
		if (p[n] < '0' || p[n] > '9')
			return false;
	return true;
}

static u32 value(const u8 *p, u32 n)
{
	u32 v = 0, i;

	for (i = 0; i < n; i++)
		v = v * 10 + (p[i] - '0');
	return v;
}

static void put(u8 *out, u32 n, u32 v)
{
	while (n--) {
		out[n] = '0' + v % 10;
		v /= 10;
	}
}

/* Adds bytes to a running check; its value is hllp_fold(). */
u64 hllp_acc_add(const struct llp_engine *e, u64 acc, const u8 *p, u32 n)
{
	u32 i;

	if (e->p.xor_fn == LLP_FN_SUM256) {
		for (i = 0; i < n; i++)
			acc += p[i];
		return acc;
	}
	for (i = 0; i < n; i++)
		acc ^= p[i];
	return acc;
}

static u64 acc_remove(const struct llp_engine *e, u64 acc, const u8 *p, u32 n)
{
	u32 i;

	if (e->p.xor_fn != LLP_FN_SUM256)
		return hllp_acc_add(e, acc, p, n);
	for (i = 0; i < n; i++)
		acc -= p[i];
	return acc;
}

/* The eight bits that a running check comes to. */
u8 hllp_fold(const struct llp_engine *e, u64 acc)
{
	return e->p.xor_fn == LLP_FN_SUM256 ? (u8)acc : llp_fold(acc);
}

/* Makes ccccc xxx EB CR; @text_acc covers the text as it is on the wire. Returns its length. */
u32 hllp_trailer(const struct llp_engine *e, u8 *out, const u8 *head, u32 text_len, u64 text_acc)
{
	u32 scope = e->p.xor_scope == LLP_SCOPE_AUTO ? e->u.h.scope : e->p.xor_scope;
	u64 acc = hllp_acc_add(e, text_acc, head, HLLP_HEAD);

	put(out, 5, HLLP_HEAD + text_len);
	if (scope == LLP_SCOPE_DATA_COUNT)
		acc = hllp_acc_add(e, acc, out, 5);
	put(out + 5, 3, e->p.send_checksum == LLP_SEND_999 ? 999 : hllp_fold(e, acc));
	out[8] = e->p.eb_char;
	out[9] = CH_CR;
	return 10;
}

static bool version_ok(const struct llp_engine *e)
{
	const u8 *v = e->u.h.hdr + 2;

	/* Printable: a space is, too. */
	if (e->p.vv_check == LLP_VV_ANY)
		return v[0] >= 0x20 && v[0] < 0x7f && v[1] >= 0x20 && v[1] < 0x7f;
	if (!digits(v, 2))
		return false;
	return e->p.vv_check != LLP_VV_STRICT || (v[0] == '2' && v[1] != '0');
}

static char check_fail(struct llp_engine *e, char code, enum llp_verdict_frame fv)
{
	e->u.h.fv = fv;
	return code;
}

/*
 * Checks the block that ended: its head is in u.h.hdr, @body_len bytes came
 * after it, of which the last eight are @trailer; u.h.acc covers all. First hit
 * wins, in the order B, C, X, G. Returns 0 or the reason for the NAK.
 */
char hllp_check(struct llp_engine *e, const u8 *trailer, u32 body_len)
{
	struct llp_hllp *h = &e->u.h;
	bool waived;
	u64 acc;
	u32 xxx;

	if (h->skip)
		return check_fail(e, h->skip, h->fv);
	if (h->hdr_len < HLLP_HEAD || body_len < HLLP_TRAILER || !digits(trailer, 5))
		return check_fail(e, 'C', LLP_FV_LENGTH);
	waived = digits(trailer + 5, 3) && value(trailer + 5, 3) == 999;
	if (value(trailer, 5) != HLLP_HEAD + body_len - HLLP_TRAILER &&
	    !(waived && e->p.c999 == LLP_C999_SKIP_BOTH))
		return check_fail(e, 'C', LLP_FV_LENGTH);
	if (!digits(trailer + 5, 3))
		return check_fail(e, 'X', LLP_FV_CHECK);
	h->check = 0;
	if (!waived) {
		u8 plain, sun;

		acc = acc_remove(e, h->acc, trailer, HLLP_TRAILER);
		plain = hllp_fold(e, acc);
		sun = hllp_fold(e, hllp_acc_add(e, acc, trailer, 5));
		xxx = value(trailer + 5, 3);
		h->check = plain;
		/* The two scopes always differ: five digits never add up to nothing. */
		if (e->p.xor_scope != LLP_SCOPE_DATA_COUNT && xxx == plain)
			h->scope = LLP_SCOPE_DATA;
		else if (e->p.xor_scope != LLP_SCOPE_DATA && xxx == sun)
			h->scope = LLP_SCOPE_DATA_COUNT;
		else
			return check_fail(e, 'X', LLP_FV_CHECK);
	}
	if ((h->hdr[1] != 'D' && h->hdr[1] != 'N') || !version_ok(e) || h->hdr[4] != CH_CR)
		return check_fail(e, 'G', LLP_FV_FORMAT);
	return 0;
}

static bool upper(u8 c)
{
	return c >= 'A' && c <= 'Z';
}

static bool upper_or_digit(u8 c)
{
	return upper(c) || (c >= '0' && c <= '9');
}

/* Removes every CR that neither ends the data nor stands before a segment. */
static u32 unstuff_segment(struct llp_engine *e, u8 *p, u32 n, bool last)
{
	struct llp_hllp *h = &e->u.h;
	u32 i, out = 0;

	for (i = 0; i < n; i++) {
		u8 c = p[i];
		bool keep = c != CH_CR;

		/* What the message's fourth byte is, MSH-1 or whatever stands there. */
		if (h->sep_pos < 4) {
			h->sep_pos++;
			if (h->sep_pos == 4)
				h->sep = c;
		}
		if (!keep && last && i + 1 == n)
			keep = true;
		/* Not at the end: the caller holds four more bytes back behind @n. */
		else if (!keep && (!last || i + 4 < n))
			keep = upper(p[i + 1]) && upper_or_digit(p[i + 2]) && upper_or_digit(p[i + 3]) &&
			       p[i + 4] == h->sep;
		if (keep)
			p[out++] = c;
	}
	return out;
}

/*
 * Takes stuffed CRs out of @n bytes of data in place and returns how many are
 * left. @last: they end the data; else four more bytes follow in memory.
 */
u32 hllp_unstuff(struct llp_engine *e, u8 *p, u32 n, bool last)
{
	struct llp_hllp *h = &e->u.h;
	u32 i, out = 0;

	if (e->p.unstuff == LLP_UNSTUFF_SEGMENT)
		return unstuff_segment(e, p, n, last);
	if (!e->p.stuff)
		return n;
	for (i = 0; i < n; i++) {
		if (h->cr_due) {
			h->cr_due = 0;
			if (p[i] == CH_CR)
				continue;
			h->stuff_bad = 1;
		}
		h->run = p[i] == CH_CR ? 0 : h->run + 1;
		if (h->run == e->p.stuff) {
			h->run = 0;
			h->cr_due = 1;
		}
		p[out++] = p[i];
	}
	return out;
}

/* No mark, and nothing that data=strict excludes. */
static bool characters_ok(const struct llp_engine *e, const u8 *p, u32 n)
{
	if (llp_find_2(p, n, e->p.sb_char, e->p.eb_char) < n)
		return false;
	return e->p.data != LLP_DATA_STRICT ||
	       (llp_find_control(p, n) == n && llp_find_2(p, n, 0x7f, 0x7f) == n);
}

/* Can this text be sent? @wire_len: its length with stuffing. */
bool hllp_sendable(const struct llp_engine *e, const u8 *p, u32 n, u32 *wire_len)
{
	u32 i, run = 0, extra = 0;

	if (!characters_ok(e, p, n))
		return false;
	for (i = 0; e->p.stuff && i < n; i++) {
		run = p[i] == CH_CR ? 0 : run + 1;
		if (run == e->p.stuff) {
			run = 0;
			extra++;
		}
	}
	*wire_len = n + extra;
	return true;
}
