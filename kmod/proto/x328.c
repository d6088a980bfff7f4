// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3.28 as profiled by HL7: entry points, what goes out, going idle.
 *
 * Two stations, two-way alternate: who has won a bid is master and sends
 * blocks, each answered before the next. The same station is master and slave
 * in turn; this file sorts events by state.
 */
#include "x328.h"

/* ---- what goes out ---- */

/**
 * x328_frame_of() - a sequence as a frame for traces
 * @seq: sequence
 *
 * Return: enum llp_frame.
 */
enum llp_frame x328_frame_of(enum x328_seq seq)
{
	switch (seq) {
	case X328_S_ENQ:
		return LLP_FR_ENQ;
	case X328_S_EOT:
		return LLP_FR_EOT;
	case X328_S_NAK:
		return LLP_FR_NAK;
	case X328_S_RINT:
		return LLP_FR_RINT;
	default:
		return LLP_FR_ACK;
	}
}

/**
 * x328_send() - queue a control sequence
 * @e: engine
 * @io: the caller's
 * @seq: which
 * @num: number of an ACK
 * @flags: LLP_FRAME_*
 */
void x328_send(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num, u8 flags)
{
	u8 b[3], n = 0;

	switch (seq) {
	case X328_S_ENQ:
		b[n++] = CH_ENQ;
		break;
	case X328_S_EOT:
		b[n++] = CH_EOT;
		break;
	case X328_S_NAK:
		b[n++] = CH_NAK;
		llp_count(e, LLP_C_NAKS_SENT);
		break;
	case X328_S_RINT:
		b[n++] = CH_DLE;
		b[n++] = '<';
		llp_count(e, LLP_C_INTERRUPTS);
		break;
	default:
		b[n++] = CH_DLE;
		b[n++] = '0' + num;
		break;
	}
	/* Decision D-3: some masters take the CR after a NAK for a second one. */
	if (seq != X328_S_NAK || e->p.nak_term)
		b[n++] = CH_CR;
	llp_ev_frame(io, true, x328_frame_of(seq), num, 0, LLP_FV_GOOD, flags);
	llp_tx_ctl(e, b, n);
}

/**
 * x328_frame_in() - report a received sequence
 * @io: the caller's
 * @seq: which
 * @num: number of an ACK
 * @v: what was thought of it
 */
void x328_frame_in(struct llp_io *io, enum x328_seq seq, u8 num, enum llp_verdict_frame v)
{
	llp_ev_frame(io, false, x328_frame_of(seq), num, 0, v, 0);
}

/**
 * x328_ignore() - a sequence that means nothing in this state
 * @e: engine
 * @io: the caller's
 * @seq: which
 * @num: number of an ACK
 */
void x328_ignore(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	llp_count(e, LLP_C_UNEXPECTED);
	x328_frame_in(io, seq, num, LLP_FV_IGNORED);
}

/* ---- states ---- */

/**
 * x328_set_state() - change state
 * @e: engine
 * @io: the caller's
 * @state: enum x328_state
 */
void x328_set_state(struct llp_engine *e, struct llp_io *io, u8 state)
{
	if (e->u.x.state == state)
		return;
	e->u.x.state = state;
	llp_ev_state(e, io, state);
}

/**
 * x328_arm_e() - restart the line check timer
 * @e: engine, in IDLE
 */
void x328_arm_e(struct llp_engine *e)
{
	if (e->p.timer_e && e->connected)
		llp_arm(e, X328_T_E, e->p.timer_e);
}

/**
 * x328_clear() - forget what belongs to a relationship
 * @e: engine
 *
 * Its timers stop; pauses between bids go on.
 */
void x328_clear(struct llp_engine *e)
{
	struct llp_x328 *x = &e->u.x;

	llp_disarm(e, X328_T_A);
	llp_disarm(e, X328_T_B);
	llp_disarm(e, X328_T_D);
	llp_disarm(e, LLP_T_PENDING);
	x->await = 0;
	x->early = X328_S_NONE;
	x->garbled = 0;
	x->linecheck = 0;
	x->contended = 0;
	x->cooldown = 0;
	x->room = X328_ROOM_OK;
	x->due = 0;
	x->refuse = 0;
	x->rint_want = 0;
}

/**
 * x328_go_idle() - no relationship with the other station
 * @e: engine
 * @io: the caller's
 *
 * Bids are the caller's affair.
 */
void x328_go_idle(struct llp_engine *e, struct llp_io *io)
{
	x328_clear(e);
	x328_set_state(e, io, X328_IDLE);
	x328_arm_e(e);
}

/**
 * x328_sequence() - a control sequence arrived
 * @e: engine
 * @io: the caller's
 * @seq: which
 * @num: number of an ACK
 */
void x328_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	switch (e->u.x.state) {
	case X328_IDLE:
	case X328_BID:
	case X328_CONT:
		x328_bid_sequence(e, io, seq, num);
		break;
	case X328_MWAIT:
	case X328_MRES:
		x328_master_sequence(e, io, seq, num);
		break;
	default:
		x328_slave_sequence(e, io, seq, num);
		break;
	}
}

/* ---- operations ---- */

static void x328_init(struct llp_engine *e)
{
	struct llp_x328 *x = &e->u.x;

	/* What the other station is doing is not known (decision D-23). */
	x->dirty = 1;
	x->got = X328_NONE;
	x->lastrx = X328_S_ACK;
}

static void x328_connected(struct llp_engine *e, struct llp_io *io)
{
	e->u.x.dirty = 1;
	x328_arm_e(e);
	x328_try_bid(e, io);
}

static void x328_hangup(struct llp_engine *e, struct llp_io *io, bool final)
{
	struct llp_x328 *x = &e->u.x;
	enum llp_outcome outcome = x328_outcome_lost(e);
	u32 id = x->id;

	(void)final;
	x328_dec_reset(e, io);
	llp_rx_discard(e);
	x328_slave_drop(e, io, LLP_CAUSE_HANGUP);
	x->id = 0;
	x->abort = 0;
	x->dirty = 1;
	x328_go_idle(e, io);
	llp_disarm(e, X328_T_E);
	llp_disarm(e, X328_T_PAUSE);
	if (id)
		llp_exch_sent(e, io, id, LLP_CAUSE_HANGUP, outcome);
}

static void x328_tx_empty(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (x->await) {
		x->await = 0;
		llp_arm(e, X328_T_A, e->p.timer_a);
	}
	/* The slave's wait begins when its answer has left. */
	if (x->state == X328_SWAIT && llp_armed(e, X328_T_D))
		llp_arm(e, X328_T_D, e->p.timer_d);
	x328_master_tx_empty(e, io);
}

static void x328_timeout(struct llp_engine *e, struct llp_io *io, u32 timer)
{
	struct llp_x328 *x = &e->u.x;

	switch (timer) {
	case X328_T_A:
		if (x->state == X328_MWAIT || x->state == X328_MRES)
			x328_master_timer_a(e, io);
		else
			x328_bid_timer_a(e, io);
		break;
	case X328_T_B:
	case X328_T_D:
		x328_slave_silent(e, io);
		break;
	case X328_T_E:
		x328_bid_timer_e(e, io);
		break;
	case X328_T_GAP:
		x328_gap_timeout(e, io);
		break;
	case X328_T_PAUSE:
		x328_bid_pause_over(e, io);
		break;
	case LLP_T_PENDING:
		x328_pending_timeout(e, io);
		break;
	default:
		break;
	}
}

static void x328_ready(struct llp_engine *e, struct llp_io *io, u32 before)
{
	if ((e->ready & ~before) & LLP_READY_ROOM)
		x328_slave_ready(e, io);
}

static int x328_submit(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags, u32 to)
{
	struct llp_x328 *x = &e->u.x;
	int err = x328_check_text(e, io->text(io->ctx, id), len);

	(void)flags;
	(void)to;
	if (err)
		return err;
	x->id = id;
	x->len = len;
	x->off = 0;
	x->nm = 0;
	x->nn = 0;
	x->contentions = 0;
	x->requeues = 0;
	x->abort = 0;
	x328_try_bid(e, io);
	return 0;
}

static bool x328_can_submit(const struct llp_engine *e, u32 flags)
{
	(void)flags;
	return !e->u.x.id;
}

static bool x328_sending(const struct llp_engine *e)
{
	return e->u.x.state == X328_MWAIT || e->u.x.state == X328_MRES;
}

static bool x328_can_withdraw(const struct llp_engine *e, u32 id)
{
	return id && e->u.x.id == id && !x328_sending(e);
}

static void x328_abort(struct llp_engine *e, struct llp_io *io, u32 id)
{
	struct llp_x328 *x = &e->u.x;

	if (id != x->id)
		return;
	if (x328_sending(e)) {
		x328_master_abort(e, io);
		return;
	}
	x->id = 0;
	x328_bid_abort(e, io);
	llp_exch_sent(e, io, id, LLP_CAUSE_ABORTED, LLP_OUT_NOT_SENT);
}

static void x328_request_turn(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	(void)io;
	if (x->state == X328_SWAIT || x->state == X328_SRECV)
		x->rint_want = 1;
}

static bool x328_is_idle(const struct llp_engine *e)
{
	const struct llp_x328 *x = &e->u.x;

	return x->state == X328_IDLE && !x->id && !x->cooldown;
}

static u64 x328_fingerprint(const struct llp_engine *e, u64 h)
{
	const struct llp_x328 *x = &e->u.x;
	u32 i;

	h = llp_mix(h, (u64)x->state | (u64)x->dec << 8 | (u64)x->seq << 16 | (u64)x->seq_num << 24 |
		    (u64)x->junk_len << 32 | (u64)x->run << 40 | (u64)x->burst << 48 |
		    (u64)x->garbled << 56);
	for (i = 0; i < x->junk_len; i++)
		h = llp_mix(h, x->junk[i]);
	h = llp_mix(h, (u64)x->flagged | (u64)x->format << 1 | (u64)x->overlong << 2 |
		    (u64)x->overmsg << 3 | (u64)x->heading << 4 | (u64)x->heading_len << 8 |
		    (u64)x->heading_acc << 16 | (u64)x->hdr_len << 24 | (u64)x->bcc_len << 32 |
		    (u64)x->end << 40 | (u64)llp_fold(x->acc) << 48);
	for (i = 0; i < x->hdr_len; i++)
		h = llp_mix(h, x->hdr[i]);
	for (i = 0; i < x->bcc_len; i++)
		h = llp_mix(h, x->bcc[i]);
	h = llp_mix(h, (u64)x->text_len << 1 | (x->id ? 1 : 0));
	h = llp_mix(h, (u64)x->len << 32 | x->off);
	h = llp_mix(h, (u64)x->blk_len << 32 | x->next);
	h = llp_mix(h, (u64)x->vs | (u64)x->last << 8 | (u64)x->tail_out << 9 | (u64)x->unsure << 10 |
		    (u64)x->abort << 11 | (u64)x->rint_stop << 12 | (u64)x->lastrx << 16 |
		    (u64)x->early << 24 | (u64)x->early_num << 32 | (u64)x->enq_seen << 40);
	h = llp_mix(h, (u64)x->tx | (u64)x->nn << 16 | (u64)x->nm << 32 | (u64)x->contentions << 48);
	h = llp_mix(h, (u64)x->requeues | (u64)x->await << 16 | (u64)x->dirty << 17 |
		    (u64)x->linecheck << 18 | (u64)x->contended << 19 | (u64)x->cooldown << 20 |
		    (u64)x->due << 21 | (u64)x->refuse << 22 | (u64)x->rint_want << 23 |
		    (u64)x->rint_sent << 24 | (u64)x->room << 32 | (u64)x->gains << 40);
	h = llp_mix(h, (u64)x->vr | (u64)x->got << 8 | (u64)x->got_end << 16 | (u64)x->got_check << 24 |
		    (u64)x->resp << 32 | (u64)x->resp_pos << 40 | (u64)x->naks << 48);
	h = llp_mix(h, llp_rel(e, x->leaves) << 1 | x->bare);
	h = llp_mix(h, x->hasty);
	return llp_mix(h, x->got_digest ^ x->got_len);
}

static const char *x328_state_name(const struct llp_engine *e)
{
	static const char *const names[] = {
		[X328_IDLE] = "idle",
		[X328_BID] = "bid",
		[X328_CONT] = "waiting to bid",
		[X328_MWAIT] = "master",
		[X328_MRES] = "master, asking again",
		[X328_SWAIT] = "slave",
		[X328_SRECV] = "slave, in block",
	};

	return names[e->u.x.state];
}

static const char *x328_timer_name(u32 num)
{
	switch (num) {
	case X328_T_A:
		return "A";
	case X328_T_B:
		return "B";
	case X328_T_D:
		return "D";
	case X328_T_E:
		return "E";
	case X328_T_GAP:
		return "gap";
	default:
		return "pause";
	}
}

const struct llp_proto_ops llp_x328_ops = {
	.init = x328_init,
	.connected = x328_connected,
	.hangup = x328_hangup,
	.rx = x328_rx,
	.rx_flagged = x328_rx_flagged,
	.tx_empty = x328_tx_empty,
	.tx_tail = x328_master_tail,
	.timeout = x328_timeout,
	.ready = x328_ready,
	.submit = x328_submit,
	.can_submit = x328_can_submit,
	.can_withdraw = x328_can_withdraw,
	.abort = x328_abort,
	.verdict = x328_verdict,
	.abort_rx = x328_slave_abort,
	.request_turn = x328_request_turn,
	.idle = x328_is_idle,
	.kick = x328_try_bid,
	.fingerprint = x328_fingerprint,
	.state_name = x328_state_name,
	.timer_name = x328_timer_name,
};
