// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * What is being sent: short sequences (ENQ, ACKn, NAK blocks) in a small
 * queue, and one block whose text is copied out of the caller's message while
 * the caller pulls. Nothing of a message is ever held here.
 */
#include "engine_priv.h"
#include "scan.h"

/* The stall timer runs while something waits to be pulled or to leave. */
static void arm_stall(struct llp_engine *e, u32 bytes)
{
	llp_arm_ns(e, LLP_T_STALL, (u64)e->p.tx_stall * 1000 + (u64)e->p.char_time * bytes);
}

void llp_tx_ctl(struct llp_engine *e, const u8 *p, u32 n)
{
	struct llp_tx_state *t = &e->tx;

	/* A peer that makes us owe more while the transmitter stands still gets none for the rest. */
	if (n > (u32)(LLP_CTL_MAX - t->ctl_len))
		return;
	memcpy(t->ctl + t->ctl_len, p, n);
	t->ctl_len += n;
	/* What comes next may owe two: llp_rx() returns, so that these are taken. */
	if (LLP_CTL_MAX - t->ctl_len < 2 * LLP_CTL_ONE && !e->ended)
		e->ended = LLP_ENDED_TX;
	if (!llp_armed(e, LLP_T_STALL))
		arm_stall(e, n);
}

void llp_tx_block(struct llp_engine *e, const u8 *head, u32 head_len, u32 id, u32 off, u32 len)
{
	struct llp_tx_state *t = &e->tx;

	memcpy(t->head, head, head_len);
	t->head_len = head_len;
	t->tail_len = 0;
	t->tail_made = 0;
	t->id = id;
	t->off = off;
	t->len = len;
	t->pos = 0;
	t->text_pos = 0;
	t->text_out = 0;
	t->acc = 0;
	t->run = 0;
	t->stuff_cr = 0;
	t->active = 1;
	arm_stall(e, head_len);
}

void llp_tx_cut(struct llp_engine *e)
{
	e->tx.active = 0;
}

void llp_tx_clear(struct llp_engine *e)
{
	e->tx.active = 0;
	e->tx.ctl_len = 0;
	if (!e->tx.wait)
		llp_disarm(e, LLP_T_STALL);
}

bool llp_tx_begun(const struct llp_engine *e)
{
	return e->tx.active && e->tx.pos;
}

static u32 bytes_of_block(const struct llp_tx_state *t)
{
	return t->head_len + t->text_out + t->tail_len;
}

bool llp_tx_whole(const struct llp_engine *e)
{
	return e->tx.tail_made && e->tx.pos == bytes_of_block(&e->tx);
}

bool llp_tx_ended(const struct llp_engine *e)
{
	return e->tx.tail_made && e->tx.pos + 1 >= bytes_of_block(&e->tx);
}

bool llp_tx_pending(const struct llp_engine *e)
{
	return e->tx.active || e->tx.ctl_len;
}

bool llp_tx_wait(const struct llp_engine *e)
{
	return e->tx.wait;
}

bool llp_tx_quiet(const struct llp_engine *e)
{
	return !llp_tx_pending(e) && !e->tx.wait;
}

/* What a character of the text becomes on the wire. */
static u8 translate(const struct llp_engine *e, u8 c)
{
	if (e->proto == LLP_PROTO_X328)
		return e->p.replace && llp_x328_special(c) ? (u8)e->p.replace : c;
	if (e->proto == LLP_PROTO_MLLP && e->p.illegal == LLP_MLLP_SPACE &&
	    (c == e->p.sb_char || c == e->p.eb_char))
		return ' ';
	return c;
}

static bool plain_text(const struct llp_engine *e)
{
	switch (e->proto) {
	case LLP_PROTO_X328:
		return !e->p.replace;
	case LLP_PROTO_HLLP:
		return !e->p.stuff && e->p.xor_fn == LLP_FN_XOR;
	default:
		return e->p.illegal != LLP_MLLP_SPACE;
	}
}

static void put_text(struct llp_engine *e, u8 *out, u8 c)
{
	*out = c;
	if (e->proto == LLP_PROTO_HLLP && e->p.xor_fn == LLP_FN_SUM256)
		e->tx.acc += c;
	else
		e->tx.acc ^= c;
	e->tx.text_out++;
}

/* Text with stuffing, replacement or a sum: a byte at a time. */
static size_t slow_text(struct llp_engine *e, const u8 *src, u8 *out, size_t cap)
{
	struct llp_tx_state *t = &e->tx;
	size_t n = 0;

	while (n < cap && (t->stuff_cr || t->text_pos < t->len)) {
		if (t->stuff_cr) {
			t->stuff_cr = 0;
			put_text(e, out + n++, CH_CR);
			continue;
		}
		put_text(e, out + n++, translate(e, src[t->text_pos]));
		if (e->proto != LLP_PROTO_HLLP || !e->p.stuff) {
			t->text_pos++;
			continue;
		}
		/* HLLP carriage return stuffing: after N bytes without CR comes one. */
		t->run = src[t->text_pos++] == CH_CR ? 0 : t->run + 1;
		if (t->run == e->p.stuff) {
			t->run = 0;
			t->stuff_cr = 1;
		}
	}
	return n;
}

static size_t text(struct llp_engine *e, struct llp_io *io, u8 *out, size_t cap)
{
	struct llp_tx_state *t = &e->tx;
	const u8 *src;
	size_t n;

	if (!t->stuff_cr && t->text_pos == t->len)
		return 0;
	src = io->text(io->ctx, t->id) + t->off;
	if (!plain_text(e))
		return slow_text(e, src, out, cap);
	n = t->len - t->text_pos;
	if (n > cap)
		n = cap;
	llp_copy_xor(out, src + t->text_pos, n, &t->acc);
	t->text_pos += n;
	t->text_out += n;
	return n;
}

static size_t block(struct llp_engine *e, struct llp_io *io, const struct llp_proto_ops *ops, u8 *out,
		    size_t cap)
{
	struct llp_tx_state *t = &e->tx;
	size_t n = 0, k;

	while (n < cap && t->pos < t->head_len)
		out[n++] = t->head[t->pos++];
	k = n < cap && t->pos >= t->head_len && !t->tail_made ? text(e, io, out + n, cap - n) : 0;
	n += k;
	t->pos += k;
	if (t->pos < t->head_len || t->text_pos < t->len || t->stuff_cr)
		return n;
	if (!t->tail_made) {
		ops->tx_tail(e);
		t->tail_made = 1;
	}
	while (n < cap && t->pos < t->head_len + t->text_out + t->tail_len) {
		out[n++] = t->tail[t->pos - t->head_len - t->text_out];
		t->pos++;
	}
	if (t->pos == t->head_len + t->text_out + t->tail_len)
		t->active = 0;
	return n;
}

size_t llp_tx_pull(struct llp_engine *e, struct llp_io *io, const struct llp_proto_ops *ops, u8 *out,
		   size_t cap)
{
	struct llp_tx_state *t = &e->tx;
	size_t n = 0;

	while (n < cap && llp_tx_pending(e)) {
		if (t->ctl_len && !llp_tx_begun(e)) {
			size_t k = t->ctl_len;

			if (k > cap - n)
				k = cap - n;
			memcpy(out + n, t->ctl, k);
			memmove(t->ctl, t->ctl + k, t->ctl_len - k);
			t->ctl_len -= k;
			n += k;
			continue;
		}
		n += block(e, io, ops, out + n, cap - n);
	}
	if (n) {
		t->wait = 1;
		e->count[LLP_C_TX_BYTES] += n;
		arm_stall(e, n);
	}
	return n;
}
