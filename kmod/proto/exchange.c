// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The outstanding request and its reply, the same for all protocols: when an
 * exchange ends, which message answers it, the reply timer with its pause, and
 * the guard time after a reply that did not come.
 */
#include "engine_priv.h"

static void ev_sent(struct llp_io *io, u8 type, u32 id, enum llp_cause cause, enum llp_outcome outcome)
{
	struct llp_event ev = { .type = type, .id = id, .cause = cause, .outcome = outcome };

	io->event(io->ctx, &ev);
}

bool llp_exch_gate(const struct llp_engine *e)
{
	/* After an HLLP block that nothing answers, a NAK must not be taken for another's. */
	bool nak_wait = e->exch.state == LLP_X_WAIT && e->exch.expect == LLP_EXPECT_NONE;

	return !e->exch.guard && !nak_wait;
}

static void guard_begin(struct llp_engine *e)
{
	u32 us = e->p.late_guard ? e->p.late_guard : e->p.reply_timeout;

	if (e->exch.mode != LLP_MATCH_LOCKSTEP || e->exch.expect == LLP_EXPECT_NONE)
		return;
	e->exch.guard = 1;
	llp_arm(e, LLP_T_EXCHANGE, us);
}

/* The exchange is over as far as anybody can tell: say so, once its text is no longer being read. */
void llp_exch_flush(struct llp_engine *e, struct llp_io *io)
{
	struct llp_exch *x = &e->exch;
	u32 id = x->id;

	if (x->state != LLP_X_ENDING || (e->tx.active && e->tx.id == id))
		return;
	x->state = LLP_X_IDLE;
	x->id = 0;
	x->reply = 0;
	x->answering = 0;
	x->paused = 0;
	x->expired = 0;
	x->replied = 0;
	ev_sent(io, LLP_EV_DONE, id, x->end_cause, x->end_outcome);
}

static void finish(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	/* While a guard runs, the timer is its own: the request was not on the line yet. */
	if (!e->exch.guard)
		llp_disarm(e, LLP_T_EXCHANGE);
	e->exch.state = LLP_X_ENDING;
	e->exch.end_cause = cause;
	e->exch.end_outcome = outcome;
	if (!e->exch.guard &&
	    (cause == LLP_CAUSE_REPLY_TIMEOUT || cause == LLP_CAUSE_ABORTED ||
	     (cause == LLP_CAUSE_NOREPLY && outcome == LLP_OUT_UNKNOWN) ||
	     (!cause && e->exch.expect == LLP_EXPECT_OPTIONAL && !e->exch.reply)))
		guard_begin(e);
	llp_exch_flush(e, io);
}

void llp_exch_start(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags)
{
	struct llp_exch *x = &e->exch;
	struct llp_match_scan scan;

	x->id = id;
	x->state = LLP_X_SENDING;
	x->expect = flags & LLP_SUBMIT_EXPECT_NONE ? LLP_EXPECT_NONE :
		    flags & LLP_SUBMIT_EXPECT_OPT ? LLP_EXPECT_OPTIONAL : LLP_EXPECT_REPLY;
	x->outcome = LLP_OUT_NOT_SENT;
	x->reply = 0;
	x->answering = 0;
	x->paused = 0;
	x->expired = 0;
	x->replied = 0;
	x->limit = LLP_NEVER;
	llp_match_begin(&scan);
	llp_match_feed(&scan, io->text(io->ctx, id), len);
	x->next_mode = llp_match_mode_for(e->p.match, &scan);
	x->key = scan.control_id;
	/* The guard of the request before still goes by that one's mode. */
	if (!x->guard)
		x->mode = x->next_mode;
}

void llp_exch_cancel_start(struct llp_engine *e)
{
	e->exch.state = LLP_X_IDLE;
	e->exch.id = 0;
}

static void wait_for_reply(struct llp_engine *e, struct llp_io *io)
{
	struct llp_exch *x = &e->exch;

	if (x->replied) {
		finish(e, io, LLP_OK, LLP_OUT_DELIVERED);
		return;
	}
	x->state = LLP_X_WAIT;
	if (x->expect == LLP_EXPECT_NONE) {
		if (e->proto == LLP_PROTO_HLLP)
			llp_arm(e, LLP_T_EXCHANGE, e->p.nak_wait);
		else
			finish(e, io, LLP_OK, x->outcome);
		return;
	}
	x->limit = e->now + (u64)e->p.reply_timeout * 2000;
	llp_arm(e, LLP_T_EXCHANGE, e->p.reply_timeout);
}

void llp_exch_sent_keep(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause,
			enum llp_outcome outcome)
{
	llp_count(e, cause ? LLP_C_TX_FAILED : LLP_C_TX_MESSAGES);
	ev_sent(io, LLP_EV_SENT, id, cause, outcome);
	if (id != e->exch.id && e->exch.answering)
		llp_exch_resume(e);
}

void llp_exch_release(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause,
		      enum llp_outcome outcome)
{
	(void)e;
	ev_sent(io, LLP_EV_DONE, id, cause, outcome);
}

void llp_exch_sent(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause,
		   enum llp_outcome outcome)
{
	struct llp_exch *x = &e->exch;

	if (id == x->id && x->replied) {
		/* Its reply is here, so it was delivered, whatever became of the acknowledgement. */
		cause = LLP_OK;
		outcome = LLP_OUT_DELIVERED;
	}
	llp_exch_sent_keep(e, io, id, cause, outcome);
	if (id != x->id) {
		llp_exch_release(e, io, id, cause, outcome);
		return;
	}
	x->outcome = outcome;
	if (cause)
		finish(e, io, cause, outcome);
	else
		wait_for_reply(e, io);
}

void llp_exch_fail(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	if (e->exch.state == LLP_X_WAIT)
		finish(e, io, cause, outcome);
}

void llp_exch_rearm(struct llp_engine *e)
{
	if (e->exch.state != LLP_X_WAIT)
		return;
	e->exch.expired = 0;
	llp_arm(e, LLP_T_EXCHANGE,
		e->exch.expect == LLP_EXPECT_NONE ? e->p.nak_wait : e->p.reply_timeout);
	e->exch.limit = e->now + (u64)e->p.reply_timeout * 2000;
}

/*
 * The line is used by the other station: X3.28 and MLLP 2 stop the reply timer
 * meanwhile, within one further reply time-out; HLLP's and MLLP 1's goes on.
 */
void llp_exch_pause(struct llp_engine *e)
{
	struct llp_exch *x = &e->exch;
	bool acknowledged = e->proto == LLP_PROTO_X328 ||
			    (e->proto == LLP_PROTO_MLLP && e->p.release == 2);

	if (x->state != LLP_X_WAIT || x->paused || !acknowledged || !llp_armed(e, LLP_T_EXCHANGE))
		return;
	x->paused = 1;
	x->remaining = e->timer[LLP_T_EXCHANGE] > e->now ? e->timer[LLP_T_EXCHANGE] - e->now : 0;
	e->timer[LLP_T_EXCHANGE] = x->limit;
}

void llp_exch_resume(struct llp_engine *e)
{
	struct llp_exch *x = &e->exch;
	u64 deadline;

	x->answering = 0;
	if (x->state != LLP_X_WAIT)
		return;
	if (x->expired) {
		llp_arm_ns(e, LLP_T_EXCHANGE, 0);
		x->expired = 0;
	}
	if (!x->paused)
		return;
	x->paused = 0;
	deadline = e->now + x->remaining;
	e->timer[LLP_T_EXCHANGE] = deadline < x->limit ? deadline : x->limit;
}

static bool may_be_reply(const struct llp_engine *e, enum llp_match_mode mode)
{
	if (e->exch.expect == LLP_EXPECT_NONE || e->exch.reply)
		return false;
	if (e->exch.state == LLP_X_WAIT)
		return true;
	if (e->exch.state != LLP_X_SENDING)
		return false;
	/* Named replies are known for what they are, even before our transmission's end is seen. */
	if (mode != LLP_MATCH_LOCKSTEP)
		return true;
	return (e->proto == LLP_PROTO_HLLP || (e->proto == LLP_PROTO_MLLP && e->p.release == 1)) &&
	       e->tx.wait && !llp_tx_pending(e);
}

u8 llp_exch_classify(struct llp_engine *e, const struct llp_match_scan *s)
{
	struct llp_exch *x = &e->exch;
	u8 flags = s->is_ack ? LLP_END_ACK_MSG : 0;

	if (x->guard)
		return flags | LLP_END_LATE;
	if (may_be_reply(e, x->mode) && llp_match_reply(x->mode, &x->key, s))
		flags |= LLP_END_REPLY;
	return flags;
}

static void guard_over(struct llp_engine *e, struct llp_io *io)
{
	struct llp_exch *x = &e->exch;

	x->guard = 0;
	x->mode = x->next_mode;
	llp_disarm(e, LLP_T_EXCHANGE);
	llp_exch_kick(e, io);
}

/* Core: message @id ended with @flags. */
void llp_exch_ended(struct llp_engine *e, struct llp_io *io, u32 id, u8 flags)
{
	if (flags & LLP_END_LATE) {
		llp_count(e, LLP_C_LATE_REPLIES);
		/* What was missing is here: the line is in step again. */
		guard_over(e, io);
	} else if (flags & LLP_END_REPLY) {
		e->exch.reply = id;
		e->exch.expired = 0;
	}
}

void llp_exch_settled(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d,
		      enum llp_settled s)
{
	struct llp_exch *x = &e->exch;
	bool accepted = (d == LLP_ACCEPT || d == LLP_ACCEPT_ANSWER) && s != LLP_GONE;

	if (id && id == x->reply) {
		if (!accepted) {
			x->reply = 0;
			llp_exch_resume(e);
		} else if (x->state == LLP_X_WAIT) {
			finish(e, io, LLP_OK, LLP_OUT_DELIVERED);
		} else if (x->state == LLP_X_SENDING) {
			x->replied = 1;
		}
		return;
	}
	if (accepted && d == LLP_ACCEPT_ANSWER && x->state == LLP_X_WAIT)
		x->answering = id;
	else
		llp_exch_resume(e);
}

void llp_exch_timeout(struct llp_engine *e, struct llp_io *io, const struct llp_proto_ops *ops)
{
	struct llp_exch *x = &e->exch;

	if (x->guard) {
		guard_over(e, io);
		return;
	}
	if (x->state != LLP_X_WAIT)
		return;
	if (x->expect == LLP_EXPECT_NONE) {
		finish(e, io, LLP_OK, x->outcome);
		llp_exch_kick(e, io);
		return;
	}
	/* What is on its way now may be the reply; so may be what waits for its verdict. */
	if ((e->rx.begun || e->rx.coming || x->reply) && e->now < x->limit) {
		x->expired = 1;
		if (x->limit != LLP_NEVER)
			e->timer[LLP_T_EXCHANGE] = x->limit;
		return;
	}
	llp_count(e, LLP_C_REPLY_TIMEOUTS);
	if (e->proto == LLP_PROTO_HLLP && e->p.hllp_on_timeout == LLP_HLLP_RESEND) {
		ops->timeout(e, io, LLP_T_EXCHANGE);
		return;
	}
	x->reply = 0;
	if (x->expect == LLP_EXPECT_OPTIONAL)
		finish(e, io, LLP_OK, x->outcome);
	else
		finish(e, io, LLP_CAUSE_REPLY_TIMEOUT, x->outcome);
}

/* Core: stop waiting for the reply to @id. */
void llp_exch_abort(struct llp_engine *e, struct llp_io *io, u32 id)
{
	if (id == e->exch.id && e->exch.state == LLP_X_WAIT)
		finish(e, io, LLP_CAUSE_ABORTED, e->exch.outcome);
}

u64 llp_exch_fingerprint(const struct llp_engine *e, u64 h)
{
	const struct llp_exch *x = &e->exch;
	u32 i;

	/* What is left of an exchange that is over means nothing. */
	if (x->state == LLP_X_IDLE)
		return llp_mix(h, x->guard ? (u64)x->mode << 1 | 1 : 0);
	h = llp_mix(h, (u64)x->state | (u64)x->expect << 8 | (u64)x->mode << 16 | (u64)x->next_mode << 20 |
		    (u64)x->guard << 24 | (u64)x->paused << 25 | (u64)x->expired << 26 |
		    (u64)x->replied << 27 | (u64)x->outcome << 28 | (u64)x->end_cause << 32 |
		    (u64)x->end_outcome << 40);
	h = llp_mix(h, x->id ? 1 : 0);
	h = llp_mix(h, x->reply ? e->rx.next_id - x->reply + 1 : 0);
	h = llp_mix(h, x->answering ? e->rx.next_id - x->answering + 1 : 0);
	if (x->state == LLP_X_WAIT || x->state == LLP_X_SENDING) {
		h = llp_mix(h, x->paused ? x->remaining : 0);
		h = llp_mix(h, llp_rel(e, x->limit));
		h = llp_mix(h, (u64)x->key.len << 32 | x->key.hash);
		for (i = 0; i < x->key.kept; i++)
			h = llp_mix(h, x->key.id[i]);
	}
	return h;
}
