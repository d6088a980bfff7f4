// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * MLLP: recognising blocks. SB data EB CR, and what peers make of it; the
 * decoder's table with its options eb, vt, lost and eof.
 *
 * A block that was found bad goes on to its end without being stored: that is
 * the table's SKIP state, here DATA or FS with m->bad set.
 */
#include "mllp.h"
#include "scan.h"

#define FULL ((size_t)-1)	/* rx_buf is full; the shell may enlarge it */

static u64 digest_add(u64 d, const u8 *p, u32 n)
{
	return llp_mix(d, llp_digest(p, n));
}

static u32 chunk_size(const struct llp_io *io)
{
	return io->rx_fixed && io->rx_cap < MLLP_CHUNK ? io->rx_cap : MLLP_CHUNK;
}

/* Flow-through: passes on what is complete of the text, piece by piece. */
void mllp_flush(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;
	u32 chunk = chunk_size(io);

	while (e->rx.fill - e->rx.good >= chunk) {
		if (mllp_r2(e))
			m->digest = digest_add(m->digest, io->rx_buf + e->rx.good, chunk);
		llp_msg_data(e, io, chunk);
	}
}

/* The digest of the whole text, the part behind rx.good included. */
static u64 whole_digest(struct llp_engine *e, struct llp_io *io)
{
	const u8 *p = io->rx_buf + e->rx.good;
	u32 n = e->rx.fill - e->rx.good;
	u32 chunk = chunk_size(io);
	u64 d = e->u.m.digest;

	for (; n > chunk; n -= chunk, p += chunk)
		d = digest_add(d, p, chunk);
	d = digest_add(d, p, n);
	return d ? d : 1;
}

static void reset_block(struct llp_engine *e)
{
	struct llp_mllp *m = &e->u.m;

	m->bad = LLP_OK;
	m->reply = 0;
	m->digest = 0;
	m->hold = mllp_r2(e) && mllp_hold(e);
	e->rx.coming = m->hold;
}

static void to_idle(struct llp_engine *e)
{
	e->u.m.dec = MLLP_IDLE;
	e->rx.coming = 0;
	llp_disarm(e, MLLP_T_IN);
	llp_disarm(e, MLLP_T_FS);
}

/* The rest of the block is skipped; at its end it is answered or not. */
void mllp_dec_bad(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_verdict_frame fv)
{
	struct llp_mllp *m = &e->u.m;

	m->bad = cause;
	m->bad_verdict = fv;
	/* Refused at whatever point: how much had come by then depends on the reads. */
	m->bad_len = fv == LLP_FV_BUSY ? 0 : mllp_text_len(e);
	m->reply = 0;
	e->rx.coming = 0;
	llp_msg_cancel(e, io, cause);
}

static enum llp_counter nak_reason(enum llp_verdict_frame fv)
{
	switch (fv) {
	case LLP_FV_FLAG:
		return LLP_C_NAK_FLAG;
	case LLP_FV_TOO_LONG:
		return LLP_C_NAK_TOO_LONG;
	case LLP_FV_BUSY:
		return LLP_C_NAK_BUSY;
	default:
		return LLP_C_NAK_FORMAT;
	}
}

/* A bad block is at its end. */
static void reject_block(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;
	enum llp_verdict_frame fv = m->bad_verdict;

	to_idle(e);
	llp_ev_frame(io, false, LLP_FR_MSG, 0, m->bad_len, fv, 0);
	m->bad = LLP_OK;
	/* A block between: what equals the one before it is no repeat of it. */
	m->dd_valid = 0;
	if (mllp_r2(e))
		mllp_nak(e, io, nak_reason(fv));
	else if (fv == LLP_FV_BUSY && e->p.on_fail == LLP_ON_FAIL_CLOSE)
		llp_ev_disconnect(io, LLP_CAUSE_REFUSED);
}

/* The block cannot be what it should; it ends here. */
static void broken_block(struct llp_engine *e, struct llp_io *io, enum llp_verdict_frame fv)
{
	if (!e->u.m.bad)
		mllp_dec_bad(e, io, fv == LLP_FV_FLAG ? LLP_CAUSE_DAMAGED : LLP_CAUSE_FORMAT, fv);
	reject_block(e, io);
}

/* SB in mid block: the sender begins anew. */
static void restart_block(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;
	u32 len = m->bad ? m->bad_len : mllp_text_len(e);

	llp_ev_frame(io, false, LLP_FR_MSG, 0, len, LLP_FV_INCOMPLETE, 0);
	llp_msg_restart(e, io);
	reset_block(e);
	m->dec = MLLP_DATA;
	llp_disarm(e, MLLP_T_FS);
	llp_arm(e, MLLP_T_IN, e->p.t_in);
}

static void complete(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;
	u32 len = mllp_text_len(e);
	u32 rest = e->rx.fill - e->rx.good;

	if (m->bad) {
		reject_block(e, io);
		return;
	}
	if (m->reply) {
		bool ack = io->rx_buf[e->rx.good] == CH_ACK;

		to_idle(e);
		/* A data block that was begun anew turned out as a commit reply. */
		llp_msg_cancel(e, io, LLP_CAUSE_SUPERSEDED);
		mllp_commit_reply(e, io, ack);
		mllp_block_over(e, io);
		return;
	}
	if (mllp_r2(e)) {
		if (!len) {
			broken_block(e, io, LLP_FV_FORMAT);
			return;
		}
		to_idle(e);
		mllp_deliver2(e, io, whole_digest(e, io));
		return;
	}
	to_idle(e);
	llp_ev_frame(io, false, LLP_FR_MSG, 0, len, LLP_FV_GOOD, 0);
	llp_count(e, LLP_C_RX_BLOCKS);
	if (!e->rx.begun)
		llp_msg_begin(e, io);
	if (rest)
		llp_msg_data(e, io, rest);
	llp_msg_end(e, io, len ? 0 : LLP_END_EMPTY, 0, 0);
}

/* Text was added: begin the message as soon as it is known to be one. */
static void took_text(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	if (m->hold && (mllp_text_len(e) > m->hold_len || (io->rx_fixed && e->rx.fill == io->rx_cap))) {
		/* Too long to be the repeat of what is kept, or no room to wait for its end. */
		if (mllp_text_len(e) > m->hold_len)
			mllp_superseded(e, io);
		m->hold = 0;
	}
	if (!e->rx.begun && !m->hold) {
		if (!mllp_wanted(e)) {
			mllp_dec_bad(e, io, LLP_CAUSE_REFUSED, LLP_FV_BUSY);
			return;
		}
		llp_msg_begin(e, io);
	}
	if (e->p.flow && e->rx.begun)
		mllp_flush(e, io);
}

/* Bytes of release 2's character set at the front of @p: not below 20 hex, or CR. */
size_t mllp_legal(const u8 *p, size_t n)
{
	return llp_find_control(p, n);
}

/* Bytes of the data, none of them a mark. Returns how many were taken, or FULL. */
static size_t text(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	struct llp_mllp *m = &e->u.m;
	u32 len = mllp_text_len(e);
	u32 room = io->rx_cap - e->rx.fill;
	size_t k;

	if (m->bad)
		return n;
	if (m->reply) {
		/* A second byte: no commit reply, and the first is no text. */
		mllp_dec_bad(e, io, LLP_CAUSE_FORMAT, LLP_FV_FORMAT);
		return 1;
	}
	if (len >= e->p.max_message || (!room && io->rx_fixed)) {
		mllp_dec_bad(e, io, LLP_CAUSE_TOO_LONG, LLP_FV_TOO_LONG);
		return 1;
	}
	if (!room)
		return FULL;
	if (n > room)
		n = room;
	if (n > e->p.max_message - len)
		n = e->p.max_message - len;
	if (e->p.flow && n > chunk_size(io))
		n = chunk_size(io);
	k = n;
	if (mllp_r2(e)) {
		if (!len && (*p == CH_ACK || *p == CH_NAK)) {
			io->rx_buf[e->rx.fill++] = *p;
			m->reply = 1;
			return 1;
		}
		k = mllp_legal(p, n);
	}
	memcpy(io->rx_buf + e->rx.fill, p, k);
	e->rx.fill += k;
	if (k)
		took_text(e, io);
	if (k == n)
		return n;
	if (!m->bad)
		mllp_dec_bad(e, io, LLP_CAUSE_FORMAT, LLP_FV_FORMAT);
	return k + 1;
}

static size_t in_idle(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	struct llp_mllp *m = &e->u.m;
	size_t k;

	if (*p == e->p.sb_char) {
		reset_block(e);
		m->dec = MLLP_DATA;
		m->lost_run = 0;
		llp_arm(e, MLLP_T_IN, e->p.t_in);
		return 1;
	}
	if (*p == CH_CR || *p == CH_LF || *p == 0)
		return 1;
	for (k = 1; k < n; k++)
		if (p[k] == e->p.sb_char || p[k] == CH_CR || p[k] == CH_LF || p[k] == 0)
			break;
	llp_ev_lost(e, io, p, k);
	if (!m->lost_run) {
		m->lost_run = 1;
		llp_count(e, LLP_C_GARBAGE);
		if (e->p.lost == LLP_LOST_REJECT)
			llp_ev_disconnect(io, LLP_CAUSE_FORMAT);
	}
	return k;
}

/* Bytes before the next SB or EB. */
size_t mllp_run(const struct llp_engine *e, const u8 *p, size_t n)
{
	return llp_find_2(p, n, e->p.sb_char, e->p.eb_char);
}

static size_t in_data(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	size_t k;

	if (*p == e->p.eb_char) {
		if (e->p.eb == LLP_EB_FS) {
			complete(e, io);
		} else {
			e->u.m.dec = MLLP_FS;
			llp_arm(e, MLLP_T_IN, e->p.t_in);
			if (e->p.eb == LLP_EB_AUTO)
				llp_arm(e, MLLP_T_FS, e->p.t_fs);
		}
		return 1;
	}
	if (*p == e->p.sb_char && e->p.vt != LLP_VT_DATA) {
		if (e->p.vt == LLP_VT_RESTART)
			restart_block(e, io);
		else
			broken_block(e, io, LLP_FV_FORMAT);
		return 1;
	}
	k = *p == e->p.sb_char ? 1 : mllp_run(e, p, n);
	k = text(e, io, p, k);
	if (k != FULL)
		llp_arm(e, MLLP_T_IN, e->p.t_in);
	return k;
}

/* The EB before was data after all. Returns 0: the next byte is looked at again; or FULL. */
static size_t eb_was_data(struct llp_engine *e, struct llp_io *io)
{
	u8 eb = e->p.eb_char;

	if (text(e, io, &eb, 1) == FULL)
		return FULL;
	e->u.m.dec = MLLP_DATA;
	llp_disarm(e, MLLP_T_FS);
	return 0;
}

/* The byte after EB. Returns 1 taken, 0 to be looked at again in another state, or FULL. */
static size_t in_fs(struct llp_engine *e, struct llp_io *io, u8 c)
{
	bool strict = e->p.eb == LLP_EB_STRICT, pair = e->p.eb == LLP_EB_PAIR;

	if (c == CH_CR || (c == CH_LF && !strict && !pair)) {
		complete(e, io);
		return 1;
	}
	if (c == e->p.sb_char && !pair) {
		if (!strict) {
			complete(e, io);
			return 0;
		}
		restart_block(e, io);
		return 1;
	}
	if (strict) {
		broken_block(e, io, LLP_FV_FORMAT);
		return 0;
	}
	if (c == e->p.sb_char && e->p.vt != LLP_VT_DATA) {
		restart_block(e, io);
		return 1;
	}
	/* After EB EB the second may still be the end: in DATA it leads here again. */
	return eb_was_data(e, io);
}

size_t mllp_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	size_t i = 0;

	while (i < n && !e->ended) {
		size_t k;

		switch (e->u.m.dec) {
		case MLLP_IDLE:
			k = in_idle(e, io, p + i, n - i);
			break;
		case MLLP_DATA:
			k = in_data(e, io, p + i, n - i);
			break;
		default:
			k = in_fs(e, io, p[i]);
			break;
		}
		if (k == FULL)
			break;
		i += k;
	}
	return i;
}

size_t mllp_rx_flagged(struct llp_engine *e, struct llp_io *io, u8 byte, u8 flag)
{
	struct llp_mllp *m = &e->u.m;

	switch (m->dec) {
	case MLLP_IDLE:
		/* A break or an overrun brings a NUL of its own. */
		if (flag == LLP_FLAG_PARITY || flag == LLP_FLAG_FRAME)
			llp_ev_lost(e, io, &byte, 1);
		break;
	case MLLP_DATA:
		if (!m->bad)
			mllp_dec_bad(e, io, LLP_CAUSE_DAMAGED, LLP_FV_FLAG);
		llp_arm(e, MLLP_T_IN, e->p.t_in);
		break;
	default:
		/* Most likely the CR that ends the block. */
		broken_block(e, io, LLP_FV_FLAG);
		break;
	}
	return 1;
}

/* The block stops without an end. */
static void cut_off(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	struct llp_mllp *m = &e->u.m;

	llp_ev_frame(io, false, LLP_FR_MSG, 0, m->bad ? m->bad_len : mllp_text_len(e), LLP_FV_INCOMPLETE, 0);
	llp_msg_cancel(e, io, cause);
	to_idle(e);
	m->bad = LLP_OK;
	mllp_block_over(e, io);
}

void mllp_dec_timeout(struct llp_engine *e, struct llp_io *io, u32 timer)
{
	if (timer == MLLP_T_FS) {
		complete(e, io);
		return;
	}
	llp_count(e, LLP_C_TIMEOUTS);
	cut_off(e, io, LLP_CAUSE_SILENCE);
}

void mllp_dec_hangup(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	m->lost_run = 0;
	if (m->dec == MLLP_IDLE)
		return;
	/* Release 2 cannot acknowledge any more: the source will send it again. */
	if (!mllp_r2(e) && !m->bad &&
	    (m->dec == MLLP_FS ? e->p.eb == LLP_EB_AUTO : e->p.eof == LLP_EOF_ACCEPT && mllp_text_len(e)))
		complete(e, io);
	else
		cut_off(e, io, LLP_CAUSE_HANGUP);
}
