// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3.28: from bytes to sequences and blocks.
 *
 * Text goes straight into rx_buf behind what is checked already; a block that
 * turns out bad is dropped by resetting the fill. Bytes that belong to nothing
 * gather in a small buffer, because up to 15 printable ones before DLE or NAK
 * are a prefix and no garbage (decision D-34); they are reported when they can
 * no longer be one, whatever the borders of the calls.
 */
#include "x328.h"

/* ---- garbage ---- */

static void arm_gap(struct llp_engine *e, u32 us)
{
	u64 ns = (u64)us * 1000, chars = (u64)e->p.char_time * 3;

	llp_arm_ns(e, X328_T_GAP, ns > chars ? ns : chars);
}

/**
 * x328_arm_quiet() - wait until the line is quiet after garbage
 * @e: engine
 */
void x328_arm_quiet(struct llp_engine *e)
{
	arm_gap(e, e->p.quiet);
}

static void note_garbage(struct llp_engine *e)
{
	struct llp_x328 *x = &e->u.x;

	if (!x->burst) {
		x->burst = 1;
		llp_count(e, LLP_C_GARBAGE);
	}
	if (x->state == X328_BID)
		x->dirty = 1;
	else if (x->state == X328_MWAIT)
		x328_master_garbage(e);
}

/* The first @n gathered bytes are garbage. */
static void junk_flush(struct llp_engine *e, struct llp_io *io, u8 n)
{
	struct llp_x328 *x = &e->u.x;

	if (!n)
		return;
	note_garbage(e);
	llp_ev_frame(io, false, LLP_FR_GARBAGE, 0, n, LLP_FV_IGNORED, 0);
	llp_ev_lost(e, io, x->junk, n);
	x->junk_len -= n;
	memmove(x->junk, x->junk + n, x->junk_len);
}

static void junk_put(struct llp_engine *e, struct llp_io *io, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	if (x->junk_len == sizeof(x->junk))
		junk_flush(e, io, x->run < x->junk_len ? x->junk_len - x->run : x->junk_len);
	x->junk[x->junk_len++] = c;
	if (c < 0x20 || c > 0x7e)
		x->run = 0;
	else if (x->run <= X328_PREFIX_MAX)
		x->run++;
	x328_arm_quiet(e);
}

/* What is gathered ends in a prefix of the sequence that begins now. */
static void prefix_drop(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	junk_flush(e, io, x->junk_len - x->run);
	x->junk_len = 0;
	x->run = 0;
}

static void junk_all(struct llp_engine *e, struct llp_io *io)
{
	junk_flush(e, io, e->u.x.junk_len);
	e->u.x.run = 0;
}

/* ---- sequences ---- */

static void seq_begin(struct llp_engine *e, enum x328_seq seq, u8 num)
{
	e->u.x.seq = seq;
	e->u.x.seq_num = num;
	e->u.x.hasty = e->tx.active || e->now < e->u.x.leaves;
	e->u.x.dec = X328_D_TERM;
	arm_gap(e, e->p.term_wait);
}

/* The sequence is complete, or as complete as it will be. */
static void seq_done(struct llp_engine *e, struct llp_io *io, bool term, enum x328_dec next)
{
	struct llp_x328 *x = &e->u.x;

	x->dec = next;
	x->bare = !term;
	x->burst = 0;
	llp_disarm(e, X328_T_GAP);
	x328_sequence(e, io, x->seq, x->seq_num);
	/* An answer that was not one leaves the wait for quiet as it was. */
	if (x->garbled)
		x328_arm_quiet(e);
}

/* A character in the place of the BCC. */
static void check_byte(struct llp_engine *e, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	x->dec = X328_D_BCC;
	x->bcc[x->bcc_len++] = c;
	if (x->bcc_len < sizeof(x->bcc))
		return;
	llp_disarm(e, X328_T_B);
	x->dec = X328_D_BTERM;
	arm_gap(e, e->p.term_wait);
}

/* Its CR did not come, and strict_term asks for it. */
static void seq_drop(struct llp_engine *e, struct llp_io *io)
{
	static const u8 code[] = {
		[X328_S_ENQ] = CH_ENQ, [X328_S_EOT] = CH_EOT,
		[X328_S_NAK] = CH_NAK, [X328_S_PLAIN] = CH_ACK,
	};
	struct llp_x328 *x = &e->u.x;

	llp_disarm(e, X328_T_GAP);
	if (x->state == X328_SRECV) {
		/* The block goes on where it stood in it, and is bad. */
		x->format = 1;
		x->dec = x->heading == X328_H_INSIDE ? X328_D_HEAD : X328_D_TEXT;
		if (x->end)
			check_byte(e, code[x->seq]);
		return;
	}
	x->dec = X328_D_IDLE;
	if (x->seq == X328_S_ACK || x->seq == X328_S_RINT) {
		junk_put(e, io, CH_DLE);
		junk_put(e, io, x->seq == X328_S_RINT ? '<' : '0' + x->seq_num);
	} else {
		junk_put(e, io, code[x->seq]);
	}
}

/* ---- blocks ---- */

static void block_begin(struct llp_engine *e, struct llp_io *io, bool heading)
{
	struct llp_x328 *x = &e->u.x;

	llp_rx_discard(e);
	x->flagged = 0;
	x->format = 0;
	x->overlong = 0;
	x->overmsg = 0;
	x->heading = heading ? X328_H_INSIDE : X328_H_NONE;
	x->heading_len = 0;
	x->heading_acc = 0;
	x->hdr_len = 0;
	x->bcc_len = 0;
	x->end = 0;
	x->text_len = 0;
	x->acc = 0;
	llp_sum_begin(&x->sum);
	x->dec = heading ? X328_D_HEAD : X328_D_HDR;
	x328_block_begun(e, io);
}

static void block_end(struct llp_engine *e, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	x->end = c;
	x->acc ^= c;
	x->bcc_len = 0;
	x->dec = X328_D_BCC;
}

static void block_done(struct llp_engine *e, struct llp_io *io, bool term, enum x328_dec next)
{
	e->u.x.dec = next;
	llp_disarm(e, X328_T_GAP);
	x328_block(e, io, term);
}

/* Characters that end or restart a block wherever they stand in it. True: it was one. */
static bool block_control(struct llp_engine *e, struct llp_io *io, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	switch (c) {
	case CH_STX:
		if (x->dec == X328_D_HEAD) {
			x->heading = X328_H_OVER;
			x->heading_acc ^= c;
			x->dec = X328_D_HDR;
			return true;
		}
		/* Decision D-36: a new block in place of the one that broke off. */
		x328_block_restarted(e, io);
		block_begin(e, io, false);
		return true;
	case CH_ENQ:
		seq_begin(e, X328_S_ENQ, 0);
		return true;
	case CH_EOT:
		seq_begin(e, X328_S_EOT, 0);
		return true;
	default:
		return false;
	}
}

static void head_byte(struct llp_engine *e, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	if (c == CH_ETX || c == CH_ETB) {
		x->format = 1;
		block_end(e, c);
		return;
	}
	x->heading_acc ^= c;
	if (x->heading_len == X328_HEADING_MAX)
		x->format = 1;
	else
		x->heading_len++;
}

static void hdr_byte(struct llp_engine *e, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	if (c == CH_ETX || c == CH_ETB) {
		block_end(e, c);
		return;
	}
	x->hdr[x->hdr_len++] = c;
	x->acc ^= c;
	if (x->hdr_len == sizeof(x->hdr))
		x->dec = X328_D_TEXT;
}

/* How many text bytes may be stored now; 0 after setting why not, or if rx_buf is full. */
static size_t text_room(struct llp_engine *e, const struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	size_t room = io->rx_cap > e->rx.fill ? io->rx_cap - e->rx.fill : 0;
	u32 left = e->p.max_message - e->rx.total;

	/* The block accepted last, sent again, is no more text: row 6 comes before the limit. */
	if (x->hdr[0] - '0' == x->got && x->got_end == CH_ETB)
		left += x->got_len;
	if (x->text_len == e->p.max_rx_text) {
		x->overlong = 1;
		return 0;
	}
	left = left > x->text_len ? left - x->text_len : 0;
	if (!left || (!room && io->rx_fixed)) {
		x->overmsg = 1;
		return 0;
	}
	if (room > left)
		room = left;
	if (room > e->p.max_rx_text - x->text_len)
		room = e->p.max_rx_text - x->text_len;
	return room;
}

/* One text byte that is not kept. */
static void swallow(struct llp_engine *e, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	x->acc ^= c;
	if (x->text_len == e->p.max_rx_text)
		x->overlong = 1;
	else
		x->text_len++;
}

/* Text at @p; returns how many bytes were taken, 0: rx_buf is full, or @p is ETB or ETX. */
static size_t text_bytes(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	struct llp_x328 *x = &e->u.x;
	size_t room, k;

	if (*p == CH_ETX || *p == CH_ETB) {
		/* A CR may have to be added. */
		if (e->p.join == LLP_JOIN_CR && e->rx.fill >= io->rx_cap && !io->rx_fixed)
			return 0;
		block_end(e, *p);
		return 1;
	}
	room = x->overlong || x->overmsg ? 0 : text_room(e, io);
	if (!room) {
		if (!x->overlong && !x->overmsg)
			return 0;
		swallow(e, *p);
		return 1;
	}
	if (n > room)
		n = room;
	k = llp_copy_sum_x328(io->rx_buf + e->rx.good, x->text_len, p, n, &x->acc, &x->sum);
	if (!k) {
		/* Not allowed in text, but the check decides. */
		io->rx_buf[e->rx.fill] = *p;
		x->acc ^= *p;
		k = 1;
	}
	e->rx.fill += k;
	x->text_len += k;
	return k;
}

/* ---- bytes ---- */

/* A byte between sequences. */
static void idle_byte(struct llp_engine *e, struct llp_io *io, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	switch (c) {
	case CH_ENQ:
	case CH_EOT:
		junk_all(e, io);
		seq_begin(e, c == CH_ENQ ? X328_S_ENQ : X328_S_EOT, 0);
		return;
	case CH_DLE:
		x->dec = X328_D_DLE;
		arm_gap(e, e->p.term_wait);
		return;
	case CH_NAK:
		if (x->run > X328_PREFIX_MAX)
			break;
		prefix_drop(e, io);
		seq_begin(e, X328_S_NAK, 0);
		return;
	case CH_ACK:
		if (!e->p.accept_plain_ack)
			break;
		junk_all(e, io);
		seq_begin(e, X328_S_PLAIN, 0);
		return;
	case CH_SOH:
	case CH_STX:
		if (x->state != X328_SWAIT)
			break;
		junk_all(e, io);
		llp_disarm(e, X328_T_GAP);
		x->burst = 0;
		block_begin(e, io, c == CH_SOH);
		return;
	default:
		break;
	}
	junk_put(e, io, c);
}

/* The byte after DLE. False: it begins something else. */
static bool dle_byte(struct llp_engine *e, struct llp_io *io, u8 c)
{
	struct llp_x328 *x = &e->u.x;
	bool ack = c >= '0' && c <= '7';

	x->dec = X328_D_IDLE;
	if (!ack && c != '<') {
		junk_put(e, io, CH_DLE);
		return false;
	}
	if (x->run > X328_PREFIX_MAX) {
		junk_put(e, io, CH_DLE);
		junk_put(e, io, c);
		return true;
	}
	prefix_drop(e, io);
	seq_begin(e, ack ? X328_S_ACK : X328_S_RINT, ack ? c - '0' : 0);
	return true;
}

/* One byte outside text. False: something ended before it; look at it again. */
static bool one_byte(struct llp_engine *e, struct llp_io *io, u8 c)
{
	struct llp_x328 *x = &e->u.x;

	switch (x->dec) {
	case X328_D_LATE:
		x->dec = X328_D_IDLE;
		return c == CH_CR;
	case X328_D_DLE:
		return dle_byte(e, io, c);
	case X328_D_TERM:
		if (c != CH_CR && e->p.strict_term)
			seq_drop(e, io);
		else
			seq_done(e, io, c == CH_CR, X328_D_IDLE);
		return c == CH_CR;
	case X328_D_HEAD:
		if (!block_control(e, io, c))
			head_byte(e, c);
		return true;
	case X328_D_HDR:
		if (!block_control(e, io, c))
			hdr_byte(e, c);
		return true;
	case X328_D_BCC:
		if (block_control(e, io, c))
			return true;
		check_byte(e, c);
		return true;
	case X328_D_BTERM:
		block_done(e, io, c == CH_CR, X328_D_IDLE);
		return c == CH_CR;
	default:
		idle_byte(e, io, c);
		return true;
	}
}

/**
 * x328_rx() - unflagged bytes (see struct llp_proto_ops)
 * @e: engine
 * @io: the caller's
 * @p: bytes
 * @n: how many, at least 1
 *
 * Return: how many were consumed.
 */
size_t x328_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n)
{
	struct llp_x328 *x = &e->u.x;
	size_t i = 0;

	if (x->state == X328_IDLE)
		x328_arm_e(e);
	while (i < n && !e->ended) {
		if (x->dec != X328_D_TEXT) {
			i += one_byte(e, io, p[i]);
		} else if (!block_control(e, io, p[i])) {
			size_t k = text_bytes(e, io, p + i, n - i);

			if (!k)
				break;
			i += k;
		} else {
			i++;
		}
	}
	return i;
}

/**
 * x328_rx_flagged() - a byte with a line flag (see struct llp_proto_ops)
 * @e: engine
 * @io: the caller's
 * @byte: as received; after overrun and break a NUL that stands for nothing
 * @flag: enum llp_line_flag
 *
 * Return: 1 if it was consumed.
 */
size_t x328_rx_flagged(struct llp_engine *e, struct llp_io *io, u8 byte, u8 flag)
{
	struct llp_x328 *x = &e->u.x;
	bool data = flag != LLP_FLAG_BREAK && flag != LLP_FLAG_OVERRUN;
	size_t k;

	switch (x->dec) {
	case X328_D_HEAD:
	case X328_D_HDR:
	case X328_D_TEXT:
	case X328_D_BCC:
		k = data ? x328_rx(e, io, &byte, 1) : 1;
		/* Also the block that it began, if it was taken for STX. */
		x->flagged = 1;
		return k;
	case X328_D_BTERM:
		x->flagged = 1;
		if (data)
			block_done(e, io, false, X328_D_IDLE);
		return 1;
	case X328_D_TERM:
		/* The place of the CR is taken; its value is not to be trusted. */
		if (data && e->p.strict_term)
			seq_drop(e, io);
		else if (data)
			seq_done(e, io, false, X328_D_IDLE);
		return 1;
	default:
		break;
	}
	if (x->state == X328_IDLE)
		x328_arm_e(e);
	if (flag == LLP_FLAG_BREAK)
		return 1;
	if (x->dec == X328_D_DLE)
		junk_put(e, io, CH_DLE);
	x->dec = X328_D_IDLE;
	if (data && x->state == X328_SWAIT && (byte == CH_STX || byte == CH_SOH)) {
		idle_byte(e, io, byte);
		x->flagged = 1;
		return 1;
	}
	if (data) {
		junk_put(e, io, byte);
	} else {
		note_garbage(e);
		x328_arm_quiet(e);
	}
	/* No prefix reaches over a damaged byte. */
	x->run = 0;
	return 1;
}

/**
 * x328_gap_timeout() - the CR did not come, or the line is quiet after garbage
 * @e: engine
 * @io: the caller's
 */
void x328_gap_timeout(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	switch (x->dec) {
	case X328_D_TERM:
		if (e->p.strict_term)
			seq_drop(e, io);
		else
			seq_done(e, io, false, X328_D_LATE);
		return;
	case X328_D_BTERM:
		block_done(e, io, false, X328_D_LATE);
		return;
	case X328_D_DLE:
		x->dec = X328_D_IDLE;
		junk_put(e, io, CH_DLE);
		llp_disarm(e, X328_T_GAP);
		break;
	default:
		break;
	}
	junk_all(e, io);
	x->burst = 0;
	x328_master_quiet(e, io);
}

/**
 * x328_dec_reset() - forget what was begun: the line is gone
 * @e: engine
 * @io: the caller's
 */
void x328_dec_reset(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	junk_all(e, io);
	x->dec = X328_D_IDLE;
	x->burst = 0;
	x->garbled = 0;
	llp_disarm(e, X328_T_GAP);
}

/**
 * x328_bcc() - the check value as this line writes it (decision D-5)
 * @e: engine
 * @acc: exclusive-or of all bytes it covers
 *
 * Return: the value of the two hex digits.
 */
u8 x328_bcc(const struct llp_engine *e, u8 acc)
{
	switch (e->p.bcc_high) {
	case LLP_BCC_MASK7:
		return acc & 0x7f;
	case LLP_BCC_VISTA00:
		return acc & 0x80 ? 0 : acc;
	default:
		return acc;
	}
}
