// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3.28 message transfer, the master: blocks, what the slave answers, and what
 * to do when it does not. States MWAIT and MRES.
 */
#include "x328.h"

/* ---- cutting messages into blocks ---- */

/**
 * x328_check_text() - whether a message can be sent
 * @e: engine
 * @p: its text
 * @len: its length
 *
 * Return: 0, -EILSEQ or -EMSGSIZE.
 */
int x328_check_text(const struct llp_engine *e, const u8 *p, u32 len)
{
	u32 i, run = 0;

	if (!e->p.replace && llp_find_special(p, len) < len)
		return -EILSEQ;
	if (e->p.join != LLP_JOIN_CR)
		return 0;
	/* The other station ends every block with CR: a segment cut in two would become two. */
	for (i = 0; i < len; i++) {
		run = p[i] == CH_CR ? 0 : run + 1;
		if (run > e->p.block_max)
			return -EMSGSIZE;
	}
	return 0;
}

/* Determines the block that begins at x->off. */
static void cut_block(struct llp_engine *e, struct llp_io *io)
{
	const u8 *p = io->text(io->ctx, e->u.x.id) + e->u.x.off;
	struct llp_x328 *x = &e->u.x;
	u32 left = x->len - x->off, n = left, cr = 0;

	if (e->p.join == LLP_JOIN_CR) {
		for (n = 0; n < left && p[n] != CH_CR; n++)
			;
		cr = n < left;
	} else if (left > e->p.block_max) {
		n = e->p.block_max;
		/* Decision D-11: whole segments, unless one is too long for a block. */
		if (e->p.blocking == LLP_BLOCKING_SEGMENT)
			while (n && p[n - 1] != CH_CR)
				n--;
		if (!n)
			n = e->p.block_max;
	}
	x->blk_len = n;
	x->next = x->off + n + cr;
	x->last = x->next == x->len;
}

static void send_block(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	u32 n = x->blk_len, i;
	u8 head[7];

	head[0] = CH_STX;
	head[1] = '0' + x->vs;
	for (i = 6; i > 1; i--) {
		head[i] = '0' + n % 10;
		n /= 10;
	}
	llp_disarm(e, X328_T_A);
	x->leaves = e->now + (u64)e->p.char_time * (x->blk_len + sizeof(head) + 4);
	x->garbled = 0;
	x->early = X328_S_NONE;
	x->tail_out = 0;
	x->await = 1;
	llp_count(e, LLP_C_TX_BLOCKS);
	if (x->tx++)
		llp_count(e, LLP_C_RETRANSMISSIONS);
	llp_ev_frame(io, true, LLP_FR_BLOCK, x->vs, x->blk_len, LLP_FV_GOOD,
		     (x->last ? LLP_FRAME_LAST : 0) | (x->tx > 1 ? LLP_FRAME_AGAIN : 0));
	llp_tx_block(e, head, sizeof(head), x->id, x->off, x->blk_len);
	x328_set_state(e, io, X328_MWAIT);
}

static void new_block(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	x->tx = 0;
	x->nn = 0;
	x->unsure = 0;
	x->enq_seen = 0;
	cut_block(e, io);
	send_block(e, io);
}

/**
 * x328_begin_transfer() - the bid was granted: send the first block
 * @e: engine, with a message in transfer
 * @io: the caller's
 */
void x328_begin_transfer(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	x->vs = 1;
	x->off = 0;
	x->abort = 0;
	x->rint_stop = 0;
	x->lastrx = X328_S_ACK;
	new_block(e, io);
}

/**
 * x328_master_tail() - end character, BCC and TERM (see struct llp_proto_ops)
 * @e: engine, whose block's text was handed out
 */
void x328_master_tail(struct llp_engine *e)
{
	static const u8 digit[] = "0123456789ABCDEF";
	struct llp_tx_state *t = &e->tx;
	u8 end = e->u.x.last ? CH_ETX : CH_ETB;
	u8 bcc = llp_fold(t->acc) ^ end;
	u32 i;

	for (i = 1; i < t->head_len; i++)
		bcc ^= t->head[i];
	bcc = x328_bcc(e, bcc);
	t->tail[0] = end;
	t->tail[1] = digit[bcc >> 4];
	t->tail[2] = digit[bcc & 15];
	t->tail[3] = CH_CR;
	t->tail_len = 4;
	e->u.x.tail_out = 1;
}

/* ---- how transfers end ---- */

/**
 * x328_outcome_lost() - what is known of a message whose transfer breaks off
 * without a valid answer
 * @e: engine
 *
 * Return: outcome.
 */
enum llp_outcome x328_outcome_lost(const struct llp_engine *e)
{
	const struct llp_x328 *x = &e->u.x;

	if ((x->state != X328_MWAIT && x->state != X328_MRES) || !x->last)
		return LLP_OUT_NOT_SENT;
	if (x->tail_out || x->unsure)
		return LLP_OUT_UNKNOWN;
	return x->tx > 1 ? LLP_OUT_REFUSED : LLP_OUT_NOT_SENT;
}

/* The same when the slave refused the block just now. */
static enum llp_outcome outcome_refused(const struct llp_engine *e)
{
	const struct llp_x328 *x = &e->u.x;

	if (!x->last)
		return LLP_OUT_NOT_SENT;
	/* An earlier answer was lost and may have been an ACK. */
	return x->unsure ? LLP_OUT_UNKNOWN : LLP_OUT_REFUSED;
}

static void report(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	struct llp_x328 *x = &e->u.x;
	u32 id = x->id;

	x->id = 0;
	x->abort = 0;
	/* What was not handed out of its last block is no longer wanted. */
	llp_tx_cut(e);
	x328_go_idle(e, io);
	if (id)
		llp_exch_sent(e, io, id, cause, outcome);
}

/**
 * x328_fail() - the message in transfer failed; the station goes idle
 * @e: engine
 * @io: the caller's
 * @cause: why
 * @outcome: what is known
 */
void x328_fail(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	e->u.x.dirty = 1;
	report(e, io, cause, outcome);
}

/* As x328_fail(), after telling the slave. */
static void give_up(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	llp_tx_cut(e);
	x328_send(e, io, X328_S_EOT, 0, 0);
	x328_fail(e, io, cause, outcome);
}

/* RINT with rint=abort: the message goes back to be sent again. */
static void requeue(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	llp_arm(e, X328_T_PAUSE, e->p.rint_pause);
	if (++x->requeues > e->p.retries_m) {
		give_up(e, io, LLP_CAUSE_INTERRUPTED, LLP_OUT_NOT_SENT);
		return;
	}
	x328_send(e, io, X328_S_EOT, 0, 0);
	x->nm = 0;
	x->nn = 0;
	x328_go_idle(e, io);
}

/* ---- answers ---- */

/* The block is acknowledged. */
static void advance(struct llp_engine *e, struct llp_io *io, bool rint)
{
	struct llp_x328 *x = &e->u.x;

	x->lastrx = rint ? X328_S_RINT : X328_S_ACK;
	if (rint) {
		llp_count(e, LLP_C_INTERRUPTS);
		x->rint_stop = 1;
	}
	if (x->last) {
		if (x->rint_stop)
			llp_arm(e, X328_T_PAUSE, e->p.rint_pause);
		x328_send(e, io, X328_S_EOT, 0, 0);
		report(e, io, LLP_OK, LLP_OUT_DELIVERED);
	} else if (x->abort) {
		give_up(e, io, LLP_CAUSE_ABORTED, LLP_OUT_NOT_SENT);
	} else if (rint && e->p.rint == LLP_RINT_ABORT) {
		requeue(e, io);
	} else {
		x->vs = (x->vs + 1) & 7;
		x->off = x->next;
		new_block(e, io);
	}
}

static void rejected(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	/*
	 * It answers what came before this block, which may be accepted yet; or
	 * something else than CR follows, and it may be a damaged ACK.
	 */
	if (x->hasty || (x->bare && x->dec != X328_D_LATE))
		x->unsure |= x->tail_out;
	if (x->abort)
		give_up(e, io, LLP_CAUSE_ABORTED, outcome_refused(e));
	else if (x->tx > e->p.retries_l)
		give_up(e, io, LLP_CAUSE_REJECTED, outcome_refused(e));
	else
		send_block(e, io);
}

/* The block never arrived, the slave says. */
static void again(struct llp_engine *e, struct llp_io *io)
{
	if (e->u.x.abort)
		give_up(e, io, LLP_CAUSE_ABORTED, x328_outcome_lost(e));
	else
		send_block(e, io);
}

static void ask(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	llp_disarm(e, X328_T_A);
	x->garbled = 0;
	x->await = 1;
	x328_send(e, io, X328_S_ENQ, 0, 0);
	x328_set_state(e, io, X328_MRES);
}

/* No answer, or none that could be understood, once more. True: that was the last time. */
static bool exhausted(struct llp_engine *e, struct llp_io *io)
{
	if (++e->u.x.nn <= e->p.retries_n)
		return false;
	give_up(e, io, LLP_CAUSE_NOREPLY, x328_outcome_lost(e));
	return true;
}

/* The slave bids: it knows of no transmission. */
static void peer_bids(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	llp_count(e, LLP_C_UNEXPECTED);
	if (!x->enq_seen) {
		x->enq_seen = 1;
		return;
	}
	give_up(e, io, LLP_CAUSE_LINKRESET, x328_outcome_lost(e));
}

static void interrupted(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	enum llp_outcome outcome;

	/* Noise, or no answer to this block: it may be accepted all the same. */
	if (x->bare || x->hasty)
		x->unsure |= x->tail_out;
	outcome = outcome_refused(e);
	/* Never sent to its end: nothing of it was refused. */
	if (outcome == LLP_OUT_REFUSED && !x->tail_out && x->tx == 1)
		outcome = LLP_OUT_NOT_SENT;
	llp_count(e, LLP_C_INTERRUPTS);
	llp_arm(e, X328_T_PAUSE, e->p.rint_pause);
	x328_fail(e, io, x->abort ? LLP_CAUSE_ABORTED : LLP_CAUSE_INTERRUPTED, outcome);
}

/* An answer that answers nothing we sent. */
static void odd(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	x328_ignore(e, io, seq, num);
	if (e->u.x.state == X328_MWAIT)
		x328_master_garbage(e);
}

static void positive(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	struct llp_x328 *x = &e->u.x;
	bool asked = x->state == X328_MRES;

	if (seq == X328_S_RINT && x->lastrx == X328_S_RINT) {
		/* Never twice in a row: a repeat of the one before. */
		if (!asked) {
			odd(e, io, seq, num);
			return;
		}
		x328_frame_in(io, seq, num, LLP_FV_DUPLICATE);
		again(e, io);
	} else if (seq == X328_S_ACK && num != x->vs) {
		if (num != ((x->vs + 7) & 7)) {
			odd(e, io, seq, num);
			return;
		}
		x328_frame_in(io, seq, num, LLP_FV_DUPLICATE);
		/* Unasked it is stale (decision D-29). */
		if (asked)
			again(e, io);
	} else {
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		advance(e, io, seq == X328_S_RINT);
	}
}

/* An answer while the block is still being handed out. */
static void answered_early(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	struct llp_x328 *x = &e->u.x;
	bool yes = seq == X328_S_ACK || seq == X328_S_RINT || seq == X328_S_PLAIN;

	/* What was never sent to its end cannot have been accepted; but its CR is not needed. */
	if (yes && x->tx == 1) {
		x->unsure |= x->tail_out;
		x328_ignore(e, io, seq, num);
		return;
	}
	x->early = seq;
	x->early_num = num;
}

/**
 * x328_master_sequence() - a sequence in MWAIT or MRES
 * @e: engine
 * @io: the caller's
 * @seq: which
 * @num: number of an ACK
 */
void x328_master_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	if (e->tx.active) {
		answered_early(e, io, seq, num);
		return;
	}
	switch (seq) {
	case X328_S_NAK:
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		llp_count(e, LLP_C_NAKS_RECEIVED);
		rejected(e, io);
		break;
	case X328_S_EOT:
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		interrupted(e, io);
		break;
	case X328_S_ENQ:
		x328_frame_in(io, seq, num, LLP_FV_IGNORED);
		peer_bids(e, io);
		break;
	default:
		positive(e, io, seq, num);
		break;
	}
	x328_try_bid(e, io);
}

/**
 * x328_master_tx_empty() - our block has left; act on an answer that came before
 * @e: engine
 * @io: the caller's
 */
void x328_master_tx_empty(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	u8 seq = x->early;

	if (seq == X328_S_NONE)
		return;
	x->early = X328_S_NONE;
	x->unsure |= x->tail_out;
	x328_master_sequence(e, io, seq, x->early_num);
}

/**
 * x328_master_garbage() - garbage, or an answer to nothing, in MWAIT
 * @e: engine
 */
void x328_master_garbage(struct llp_engine *e)
{
	struct llp_x328 *x = &e->u.x;

	x->unsure |= x->tail_out;
	/* What comes before our block has left does not answer it. */
	if (e->p.enq_resolicit && !x->abort && llp_tx_quiet(e))
		x->garbled = 1;
}

/**
 * x328_master_quiet() - the line is quiet; after garbage ask for the answer again
 * @e: engine
 * @io: the caller's
 */
void x328_master_quiet(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (!x->garbled)
		return;
	x->garbled = 0;
	if (!exhausted(e, io))
		ask(e, io);
	x328_try_bid(e, io);
}

/**
 * x328_master_timer_a() - no answer
 * @e: engine
 * @io: the caller's
 */
void x328_master_timer_a(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	llp_count(e, LLP_C_TIMEOUTS);
	x->garbled = 0;
	x->unsure |= x->tail_out;
	if (x->abort)
		give_up(e, io, LLP_CAUSE_ABORTED, x328_outcome_lost(e));
	else if (exhausted(e, io))
		;
	else if (x->state == X328_MRES || e->p.x328_on_timeout == LLP_X328_ENQ)
		ask(e, io);
	else
		send_block(e, io);
	x328_try_bid(e, io);
}

/**
 * x328_master_abort() - our side takes the message back in mid transfer
 * @e: engine
 * @io: the caller's
 */
void x328_master_abort(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (e->tx.active && !llp_tx_begun(e)) {
		/* Nothing of this block is on the wire: no answer is due. */
		give_up(e, io, LLP_CAUSE_ABORTED, x328_outcome_lost(e));
		x328_try_bid(e, io);
		return;
	}
	x->abort = 1;
	x->garbled = 0;
	if (e->tx.active) {
		/* Block abort: the slave drops what it has of the block. */
		llp_tx_cut(e);
		llp_ev_frame(io, true, LLP_FR_BLOCK_ABORT, x->vs, 0, LLP_FV_GOOD, 0);
		x328_send(e, io, X328_S_ENQ, 0, 0);
	}
	x328_set_state(e, io, X328_MWAIT);
}
