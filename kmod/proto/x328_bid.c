// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3.28 establishment: bids, their refusal, contention, line check. States
 * IDLE, BID and CONT.
 */
#include "x328.h"

static void send_bid(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	/* Decision D-23: whatever the other station thinks goes on, it is over. */
	if (x->dirty)
		x328_send(e, io, X328_S_EOT, 0, 0);
	x328_send(e, io, X328_S_ENQ, 0, 0);
	llp_count(e, LLP_C_BIDS);
	llp_disarm(e, X328_T_A);
	llp_disarm(e, X328_T_E);
	x->await = 1;
	x->contended = 0;
	x328_set_state(e, io, X328_BID);
}

/**
 * x328_try_bid() - bid for a message that waits, if nothing stands against it
 * @e: engine
 * @io: the caller's
 */
void x328_try_bid(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (x->state != X328_IDLE || !x->id || x->cooldown || !e->connected)
		return;
	if (llp_armed(e, X328_T_PAUSE) || !llp_exch_gate(e))
		return;
	send_bid(e, io);
}

/* The series of bids failed. */
static void bid_failed(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	llp_arm(e, X328_T_PAUSE, e->p.recovery_pause);
	x328_fail(e, io, cause, LLP_OUT_NOT_SENT);
}

static void bid_later(struct llp_engine *e, struct llp_io *io, u32 us, bool contended)
{
	struct llp_x328 *x = &e->u.x;

	llp_disarm(e, X328_T_A);
	x->await = 0;
	x->contended = contended;
	llp_arm(e, X328_T_PAUSE, us);
	x328_set_state(e, io, X328_CONT);
}

/* Somebody takes a message that begins now: a reader, or our request as its reply. */
static bool wanted(const struct llp_engine *e)
{
	if (e->ready & LLP_READY_BID)
		return true;
	return e->exch.state == LLP_X_WAIT && e->exch.expect != LLP_EXPECT_NONE;
}

static void refuse_bid(struct llp_engine *e, struct llp_io *io)
{
	llp_count(e, LLP_C_NAK_BUSY);
	x328_send(e, io, X328_S_NAK, 0, 0);
}

/* ENQ in IDLE or CONT. */
static void answer_bid(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (wanted(e)) {
		if (x->state == X328_CONT)
			llp_disarm(e, X328_T_PAUSE);
		x328_become_slave(e, io);
		return;
	}
	refuse_bid(e, io);
	/* From CONT too: the pause goes on, the message waits for its end. */
	if (x->state == X328_CONT) {
		x->contended = 0;
		x328_set_state(e, io, X328_IDLE);
		x328_arm_e(e);
	}
}

/* The bid was granted. */
static void granted(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	llp_disarm(e, X328_T_A);
	llp_disarm(e, X328_T_PAUSE);
	x->await = 0;
	x->dirty = 0;
	/* The grant of a bid that was taken back is handed back. */
	if (x->id && !x->cooldown && llp_exch_gate(e)) {
		x->linecheck = 0;
		x->contended = 0;
		x328_begin_transfer(e, io);
		return;
	}
	x328_send(e, io, X328_S_EOT, 0, 0);
	x328_go_idle(e, io);
}

/*
 * Our ENQ left so long ago that the other station must have heard it before it
 * sent its own. That one did not cross ours: it is the primary's second bid
 * after a collision that only it has seen. If the secondary backed off now,
 * each station would for ever bid into the other's wait for an answer.
 */
static bool was_heard(const struct llp_engine *e)
{
	u64 all = (u64)e->p.timer_a * 1000, window = (u64)e->p.cont_primary * 500;

	return llp_armed(e, X328_T_A) && all - llp_rel(e, e->timer[X328_T_A]) >= window;
}

static void collision(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	bool yield = e->p.role == LLP_SECONDARY && (e->p.contention == LLP_YIELD || was_heard(e));

	llp_count(e, LLP_C_CONTENTIONS);
	if (++x->contentions > e->p.retries_m) {
		bid_failed(e, io, LLP_CAUSE_BUSY);
		return;
	}
	if (yield && wanted(e)) {
		x328_become_slave(e, io);
		return;
	}
	if (yield)
		refuse_bid(e, io);
	bid_later(e, io, e->p.role == LLP_PRIMARY ? e->p.cont_primary : e->p.cont_secondary, true);
}

static void bid_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	struct llp_x328 *x = &e->u.x;

	switch (seq) {
	case X328_S_NAK:
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		llp_count(e, LLP_C_NAKS_RECEIVED);
		llp_count(e, LLP_C_BIDS_REFUSED);
		if (++x->nm > e->p.retries_m)
			bid_failed(e, io, LLP_CAUSE_BUSY);
		else
			bid_later(e, io, e->p.bid_pause, false);
		break;
	case X328_S_ENQ:
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		collision(e, io);
		break;
	case X328_S_EOT:
		x328_ignore(e, io, seq, num);
		break;
	default:
		/* An answer to something else: the other station is not where we think. */
		x->dirty = 1;
		x328_ignore(e, io, seq, num);
		break;
	}
}

/**
 * x328_bid_sequence() - a sequence in IDLE, BID or CONT
 * @e: engine
 * @io: the caller's
 * @seq: which
 * @num: number of an ACK
 */
void x328_bid_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	struct llp_x328 *x = &e->u.x;
	bool ack0 = (seq == X328_S_ACK && !num) || seq == X328_S_PLAIN;
	bool asked = x->state == X328_BID || x->contended || x->cooldown;

	if (ack0 && asked) {
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		granted(e, io);
		x328_try_bid(e, io);
	} else if (x->state == X328_BID) {
		bid_sequence(e, io, seq, num);
	} else if (seq == X328_S_ENQ) {
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		answer_bid(e, io);
	} else {
		x328_ignore(e, io, seq, num);
	}
}

/**
 * x328_bid_timer_a() - no answer to our bid
 * @e: engine
 * @io: the caller's
 */
void x328_bid_timer_a(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (x->state == X328_BID) {
		llp_count(e, LLP_C_TIMEOUTS);
		if (++x->nn > e->p.retries_n)
			bid_failed(e, io, LLP_CAUSE_NOREPLY);
		else
			send_bid(e, io);
		return;
	}
	x->cooldown = 0;
	x328_try_bid(e, io);
}

/**
 * x328_bid_pause_over() - a pause between bids is over
 * @e: engine
 * @io: the caller's
 */
void x328_bid_pause_over(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (x->state != X328_CONT)
		x328_try_bid(e, io);
	else if (x->id && !llp_exch_gate(e))
		x328_go_idle(e, io);
	else
		send_bid(e, io);
}

/**
 * x328_bid_timer_e() - the line was quiet for long: see whether anybody is there
 * @e: engine
 * @io: the caller's
 */
void x328_bid_timer_e(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	/* What waits for a pause or a guard time will try the line soon enough. */
	if (x->id || x->cooldown || llp_armed(e, X328_T_PAUSE)) {
		x328_arm_e(e);
		return;
	}
	x->linecheck = 1;
	x->dirty = 1;
	x->nm = 0;
	x->nn = 0;
	x->contentions = 0;
	send_bid(e, io);
}

/**
 * x328_bid_abort() - the message in waiting was taken back
 * @e: engine
 * @io: the caller's
 */
void x328_bid_abort(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	bool armed = llp_armed(e, X328_T_A), await = x->await;
	u64 deadline = e->timer[X328_T_A];

	/* A line check goes on without it. */
	if (x->linecheck)
		return;
	if (x->state == X328_CONT) {
		x->dirty = 1;
		x328_go_idle(e, io);
	} else if (x->state == X328_BID) {
		/* The bid is out: its answer must not be taken for another's. */
		x->dirty = 1;
		x328_go_idle(e, io);
		x->cooldown = 1;
		x->await = await;
		if (armed)
			e->timer[X328_T_A] = deadline;
	}
}
