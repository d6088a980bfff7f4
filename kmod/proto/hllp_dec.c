// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * HLLP: recognising blocks, SB t v v CR data ccccc xxx EB CR. The last eight
 * bytes before EB are the trailer, so that many are held back at any time.
 */
#include "hllp.h"
#include "scan.h"

#define FULL ((size_t)-1)	/* rx_buf is full; the shell may enlarge it */

/* Behind what may be passed on: the trailer, and what unstuff=segment looks at. */
#define HELD (HLLP_TRAILER + 4)

static u32 chunk_size(const struct llp_io *io)
{
	if (io->rx_fixed && io->rx_cap < HLLP_CHUNK + HELD)
		return io->rx_cap > HELD ? io->rx_cap - HELD : 1;
	return HLLP_CHUNK;
}

/* Hands the next @n bytes of the data on, less stuffing. */
static void pass(struct llp_engine *e, struct llp_io *io, u32 n)
{
	u8 *p = io->rx_buf + e->rx.good;
	u32 behind = e->rx.fill - e->rx.good - n;
	u32 left;

	e->u.h.digest = llp_mix(e->u.h.digest, llp_digest(p, n));
	left = hllp_unstuff(e, p, n, false);
	if (left < n) {
		memmove(p + left, p + n, behind);
		e->rx.fill -= n - left;
	}
	if (left)
		llp_msg_data(e, io, left);
}

/* Flow-through: passes on what cannot be the trailer any more. */
static void pass_some(struct llp_engine *e, struct llp_io *io)
{
	u32 chunk = chunk_size(io);

	while (e->rx.fill - e->rx.good >= chunk + HELD && !e->u.h.skip)
		pass(e, io, chunk);
}

/* Digest of the whole data, as it was on the wire; the trailer is cut off. */
static u64 whole_digest(struct llp_engine *e, const struct llp_io *io)
{
	const u8 *p = io->rx_buf + e->rx.good;
	u32 chunk = chunk_size(io), n = e->rx.fill - e->rx.good;
	u64 d = e->u.h.digest;

	if (!e->p.flow)
		return llp_sum_end(&e->u.h.sum, p, n);
	for (; n >= chunk + 4; n -= chunk, p += chunk)
		d = llp_mix(d, llp_digest(p, chunk));
	d = llp_mix(d, llp_digest(p, n));
	return d ? d : 1;
}

/* The data ended: takes the stuffing out of what is left of it. */
static bool whole_unstuff(struct llp_engine *e, struct llp_io *io)
{
	u32 n = e->rx.fill - e->rx.good;

	e->rx.fill = e->rx.good + hllp_unstuff(e, io->rx_buf + e->rx.good, n, true);
	return !e->u.h.stuff_bad;
}

/* The rest of the block is not stored; at its end it is bad for this reason. */
void hllp_skip(struct llp_engine *e, char code, enum llp_verdict_frame fv)
{
	e->u.h.skip = code;
	e->u.h.fv = fv;
}

static void reset_block(struct llp_engine *e)
{
	struct llp_hllp *h = &e->u.h;

	h->dec = HLLP_BLOCK;
	h->lost_run = 0;
	h->hdr_len = 1;
	h->hdr[0] = e->p.sb_char;
	h->acc = e->p.sb_char;
	h->body = 0;
	h->skip = 0;
	h->fv = LLP_FV_GOOD;
	h->hold = 0;
	h->digest = 0;
	llp_sum_begin(&h->sum);
	h->run = 0;
	h->cr_due = 0;
	h->stuff_bad = 0;
	h->sep_pos = 0;
	e->rx.coming = 1;
	llp_disarm(e, HLLP_T_TERM);
	llp_arm(e, HLLP_T_IN, e->p.t_in);
}

static void begin(struct llp_engine *e, struct llp_io *io)
{
	e->u.h.hold = 0;
	if (hllp_wanted(e)) {
		llp_msg_begin(e, io);
		return;
	}
	/* How much had come by now depends on the reads. */
	hllp_skip(e, 'G', LLP_FV_BUSY);
	llp_rx_discard(e);
	e->u.h.body = 0;
	e->u.h.acc = 0;
}

/* The type letter came. */
static void typed(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;
	u32 i;

	if (h->hdr[1] != 'D') {
		/* Its predecessor was cut off and nothing begins anew. */
		if (e->rx.begun && !h->repeat)
			llp_msg_cancel(e, io, LLP_CAUSE_SUPERSEDED);
		return;
	}
	llp_disarm(e, HLLP_T_REPEAT);
	h->repeat = 0;
	if (e->rx.begun)
		return;
	/* While messages are being served this may be the repeat of one. */
	h->hold_len = 0;
	for (i = 0; i < h->n_served; i++) {
		h->hold = 1;
		if (h->served[i].len > h->hold_len)
			h->hold_len = h->served[i].len;
	}
	if (!h->hold)
		begin(e, io);
}

static void took_body(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	if (h->hold && (h->body > h->hold_len + HLLP_TRAILER || (io->rx_fixed && e->rx.fill == io->rx_cap)))
		begin(e, io);
	if (e->p.flow && e->rx.begun && h->hdr[1] == 'D')
		pass_some(e, io);
}

/* Most data that a block may have, stuffing included. */
static u32 max_data(const struct llp_engine *e)
{
	u32 max = e->p.max_message;

	if (e->p.unstuff == LLP_UNSTUFF_SEGMENT)
		return e->p.max_data;
	if (e->p.stuff)
		max += max / e->p.stuff;
	return max < e->p.max_data ? max : e->p.max_data;
}

/* Stores what comes before the next mark, @n bytes at most, and folds it into @acc. */
static size_t copy(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n, u64 *acc)
{
	u8 *text = io->rx_buf + e->rx.good;
	u32 at = e->rx.fill - e->rx.good;

	if (e->p.flow)
		return llp_copy_text_2(text + at, p, n, e->p.sb_char, e->p.eb_char, acc);
	return llp_copy_sum_2(text, at, p, n, e->p.sb_char, e->p.eb_char, acc, &e->u.h.sum);
}

/* Data and trailer, no marks. Returns how many bytes were taken, or FULL. */
static size_t body(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	struct llp_hllp *h = &e->u.h;
	u32 room = io->rx_cap - e->rx.fill;
	u32 max = max_data(e) + HLLP_TRAILER;
	u64 unused = 0;
	size_t k;

	if (h->body >= max || (!room && io->rx_fixed)) {
		hllp_skip(e, 'B', LLP_FV_TOO_LONG);
		if (h->hdr[1] != 'N')
			llp_msg_cancel(e, io, LLP_CAUSE_TOO_LONG);
		return 1;
	}
	if (!room)
		return FULL;
	if (n > room)
		n = room;
	if (n > max - h->body)
		n = max - h->body;
	if (e->p.flow && n > chunk_size(io))
		n = chunk_size(io);
	k = copy(e, io, p, n, e->p.xor_fn == LLP_FN_XOR ? &h->acc : &unused);
	if (e->p.xor_fn != LLP_FN_XOR)
		h->acc = hllp_acc_add(e, h->acc, p, k);
	e->rx.fill += k;
	h->body += k;
	took_body(e, io);
	return k;
}

/* The block is over; @quiet: its whole end came, or silence. */
static void block_end(struct llp_engine *e, struct llp_io *io, bool quiet)
{
	struct llp_hllp *h = &e->u.h;
	u32 held = e->rx.fill - e->rx.good;
	char code, reason;
	u64 digest;

	h->dec = HLLP_HUNT;
	h->after_block = 1;
	e->rx.coming = 0;
	llp_disarm(e, HLLP_T_IN);
	llp_disarm(e, HLLP_T_TERM);
	if (quiet)
		hllp_nak_flush(e, io);
	code = hllp_check(e, io->rx_buf + e->rx.fill - (held < HLLP_TRAILER ? held : HLLP_TRAILER), h->body);
	/* A NAK is never answered, however damaged. */
	if (h->hdr_len >= 2 && h->hdr[1] == 'N') {
		/* One with more or less than a reason in it may have been something else. */
		if (!code)
			h->fv = h->body == HLLP_TRAILER + 1 ? LLP_FV_GOOD : LLP_FV_FORMAT;
		reason = h->fv ? 'G' : (char)io->rx_buf[e->rx.good];
		llp_rx_discard(e);
		hllp_good_n(e, io, reason, h->fv);
	} else if (code) {
		hllp_bad(e, io, code, quiet);
	} else {
		e->rx.fill -= HLLP_TRAILER;
		digest = whole_digest(e, io);
		if (whole_unstuff(e, io)) {
			hllp_good_d(e, io, digest);
		} else {
			h->fv = LLP_FV_FORMAT;
			hllp_bad(e, io, 'G', quiet);
		}
	}
	/* What waited for this block: a late time-out, and on half-duplex lines our turn. */
	if (e->exch.expired && !e->rx.begun && !e->exch.reply)
		llp_exch_resume(e);
	hllp_try_start(e, io);
}

/* SB in mid block: what came so far is void. */
static void void_block(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	llp_ev_frame(io, false, h->hdr_len >= 2 && h->hdr[1] == 'N' ? LLP_FR_N : LLP_FR_D, 0, h->body,
		     LLP_FV_INCOMPLETE, 0);
	if (e->rx.begun && !h->repeat)
		llp_msg_restart(e, io);
	else
		llp_rx_discard(e);
	reset_block(e);
}

/* Bytes between blocks that are no fill. */
static void lost(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	struct llp_hllp *h = &e->u.h;

	if (!h->lost_run) {
		h->lost_run = 1;
		llp_count(e, LLP_C_GARBAGE);
	}
	llp_ev_lost(e, io, p, n);
}

static size_t in_hunt(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	size_t k;

	if (*p == e->p.sb_char) {
		reset_block(e);
		return 1;
	}
	if (e->u.h.after_block && (*p == CH_CR || *p == CH_LF || !*p))
		return 1;
	for (k = 1; k < n && p[k] != e->p.sb_char; k++)
		;
	e->u.h.after_block = 0;
	lost(e, io, p, k);
	return k;
}

static size_t skip_run(const struct llp_engine *e, const u8 *p, size_t n)
{
	size_t k;

	for (k = 1; k < n && p[k] != e->p.sb_char && p[k] != e->p.eb_char; k++)
		;
	return k;
}

static size_t in_block(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	struct llp_hllp *h = &e->u.h;
	size_t k = 1;

	if (*p == e->p.sb_char) {
		void_block(e, io);
		return 1;
	}
	if (*p == e->p.eb_char) {
		h->dec = HLLP_TAIL;
		llp_disarm(e, HLLP_T_IN);
		llp_arm(e, HLLP_T_TERM, e->p.term_wait);
		return 1;
	}
	if (h->hdr_len < HLLP_HEAD) {
		h->hdr[h->hdr_len++] = *p;
		h->acc = hllp_acc_add(e, h->acc, p, 1);
		if (h->hdr_len == 2)
			typed(e, io);
	} else if (h->skip) {
		k = skip_run(e, p, n);
	} else {
		k = body(e, io, p, n);
	}
	if (k != FULL)
		llp_arm(e, HLLP_T_IN, e->p.t_in);
	return k;
}

static size_t in_tail(struct llp_engine *e, struct llp_io *io, u8 c)
{
	if (c == CH_CR) {
		block_end(e, io, true);
		return 1;
	}
	if (e->p.eb_cr_require && c != e->p.sb_char && !e->u.h.skip)
		hllp_skip(e, 'G', LLP_FV_FORMAT);
	block_end(e, io, false);
	return 0;
}

size_t hllp_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	size_t i = 0;

	while (i < n && !e->ended) {
		size_t k;

		/* A NAK is due, but the line is not at rest. */
		if (llp_armed(e, HLLP_T_DRAIN))
			llp_arm_ns(e, HLLP_T_DRAIN, 2 * (u64)e->p.char_time);
		switch (e->u.h.dec) {
		case HLLP_HUNT:
			k = in_hunt(e, io, p + i, n - i);
			break;
		case HLLP_BLOCK:
			k = in_block(e, io, p + i, n - i);
			break;
		default:
			k = in_tail(e, io, p[i]);
			break;
		}
		if (k == FULL)
			break;
		i += k;
	}
	return i;
}

size_t hllp_rx_flagged(struct llp_engine *e, struct llp_io *io, u8 byte, u8 flag)
{
	struct llp_hllp *h = &e->u.h;
	/* A break or an overrun brings a NUL of its own. */
	bool real = flag == LLP_FLAG_PARITY || flag == LLP_FLAG_FRAME;

	switch (h->dec) {
	case HLLP_HUNT:
		/* After a block it may have been the CR: what follows can be fill yet. */
		if (real)
			lost(e, io, &byte, 1);
		break;
	case HLLP_BLOCK:
		if (h->skip != 'B')
			hllp_skip(e, 'G', LLP_FV_FLAG);
		/* The letter's place is taken, so that what follows is not taken for it. */
		if (real && h->hdr_len < HLLP_HEAD) {
			h->hdr[h->hdr_len++] = byte;
			if (h->hdr_len == 2)
				typed(e, io);
		}
		llp_arm(e, HLLP_T_IN, e->p.t_in);
		break;
	default:
		/* Most likely the CR that ends the block. */
		if (h->skip != 'B')
			hllp_skip(e, 'G', LLP_FV_FLAG);
		block_end(e, io, real);
		break;
	}
	return 1;
}

void hllp_dec_timeout(struct llp_engine *e, struct llp_io *io, u32 timer)
{
	if (timer == HLLP_T_TERM) {
		if (e->p.eb_cr_require && !e->u.h.skip)
			hllp_skip(e, 'G', LLP_FV_FORMAT);
	} else {
		llp_count(e, LLP_C_TIMEOUTS);
		hllp_skip(e, 'G', LLP_FV_INCOMPLETE);
	}
	block_end(e, io, true);
}

void hllp_dec_hangup(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	if (h->dec != HLLP_HUNT)
		llp_ev_frame(io, false, h->hdr_len >= 2 && h->hdr[1] == 'N' ? LLP_FR_N : LLP_FR_D, 0, h->body,
			     LLP_FV_INCOMPLETE, 0);
	h->dec = HLLP_HUNT;
	h->after_block = 0;
	h->lost_run = 0;
	h->repeat = 0;
	e->rx.coming = 0;
	llp_disarm(e, HLLP_T_IN);
	llp_disarm(e, HLLP_T_TERM);
	llp_disarm(e, HLLP_T_REPEAT);
	llp_msg_cancel(e, io, LLP_CAUSE_HANGUP);
}
