// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * MLLP release 1 and 2: entry points and sending. Release 1 sends a block and
 * knows nothing of its fate; release 2 (the source's states) waits for a
 * commit reply and sends again.
 */
#include "mllp.h"
#include "scan.h"

void mllp_set_state(struct llp_engine *e, struct llp_io *io, u8 state)
{
	if (e->u.m.state == state)
		return;
	e->u.m.state = state;
	llp_ev_state(e, io, state);
}

static void send_block(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;
	u8 sb = e->p.sb_char;
	bool repeat = m->tries || m->again;

	m->early = MLLP_EARLY_NONE;
	/* It starts again when the block is out. */
	llp_disarm(e, MLLP_T_C);
	llp_count(e, LLP_C_TX_BLOCKS);
	if (repeat)
		llp_count(e, LLP_C_RETRANSMISSIONS);
	mllp_set_state(e, io, MLLP_S_SEND);
	llp_ev_frame(io, true, LLP_FR_MSG, 0, m->len, LLP_FV_GOOD, repeat ? LLP_FRAME_AGAIN : 0);
	llp_tx_block(e, &sb, 1, m->id, 0, m->len);
}

static void mllp_tx_tail(struct llp_engine *e)
{
	struct llp_tx_state *t = &e->tx;

	if (e->u.m.add_cr)
		t->tail[t->tail_len++] = CH_CR;
	t->tail[t->tail_len++] = e->p.eb_char;
	t->tail[t->tail_len++] = CH_CR;
}

static void forget(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	m->id = 0;
	m->abort = 0;
	m->again = 0;
	llp_disarm(e, MLLP_T_C);
	mllp_set_state(e, io, MLLP_S_IDLE);
}

static void finish(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	u32 id = e->u.m.id;

	forget(e, io);
	llp_exch_sent(e, io, id, cause, outcome);
}

/* What becomes of a message that ends without a commit reply. */
static enum llp_outcome fate(const struct llp_engine *e)
{
	return e->u.m.whole ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT;
}

static void try_start(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	if (m->state != MLLP_S_QUEUED || !e->connected || llp_armed(e, MLLP_T_SETTLE) || !llp_exch_gate(e))
		return;
	send_block(e, io);
}

/*
 * Late commit replies must not be taken for the next block's. After a resend
 * the spec's tenth of T_c; when nobody waited for the reply, until it comes.
 */
static void settle(struct llp_engine *e)
{
	u32 us = e->p.t_c / 10;

	if (us > e->p.settle_max)
		us = e->p.settle_max;
	if (us < e->p.settle_min)
		us = e->p.settle_min;
	e->u.m.drain = 0;
	llp_arm(e, MLLP_T_SETTLE, us);
}

static void drain(struct llp_engine *e)
{
	/* An earlier try owes one as well. */
	e->u.m.drain = e->u.m.timed_out ? MLLP_DRAIN_MORE : MLLP_DRAIN_ONE;
	llp_arm(e, MLLP_T_SETTLE, e->p.t_c);
}

/* A reply came that nobody waited for. */
static void drained(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	if (m->drain == MLLP_DRAIN_MORE) {
		settle(e);
	} else if (m->drain) {
		m->drain = 0;
		llp_disarm(e, MLLP_T_SETTLE);
		try_start(e, io);
	}
}

static void committed(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	if (m->timed_out)
		settle(e);
	finish(e, io, m->abort ? LLP_CAUSE_ABORTED : LLP_OK, LLP_OUT_DELIVERED);
}

static void refused(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	if (m->abort || m->tries >= e->p.resends) {
		/* An earlier try may have been taken and its reply lost. */
		if (m->timed_out)
			settle(e);
		finish(e, io, m->abort ? LLP_CAUSE_ABORTED : LLP_CAUSE_REJECTED,
		       m->timed_out ? LLP_OUT_UNKNOWN : LLP_OUT_REFUSED);
		return;
	}
	m->tries++;
	m->by_timeout = 0;
	send_block(e, io);
}

static void no_reply(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	llp_count(e, LLP_C_TIMEOUTS);
	m->timed_out = 1;
	if (m->tries >= e->p.resends) {
		settle(e);
		finish(e, io, LLP_CAUSE_NOREPLY, fate(e));
		return;
	}
	m->tries++;
	m->by_timeout = 1;
	send_block(e, io);
}

/* A commit reply while our block is being handed out. */
static void early_reply(struct llp_engine *e, struct llp_io *io, bool ack)
{
	struct llp_mllp *m = &e->u.m;

	if (ack && m->whole) {
		/* Of an earlier try. A block that was begun is finished all the same. */
		if (llp_tx_begun(e)) {
			m->early = MLLP_EARLY_ACK;
		} else {
			llp_tx_cut(e);
			committed(e, io);
		}
		return;
	}
	/* After silence a NAK is the late reply to the try before. */
	if (!ack && !m->by_timeout && llp_tx_begun(e))
		m->early = MLLP_EARLY_NAK;
	else
		llp_count(e, LLP_C_UNEXPECTED);
}

void mllp_commit_reply(struct llp_engine *e, struct llp_io *io, bool ack)
{
	struct llp_mllp *m = &e->u.m;
	bool ours = m->state == MLLP_S_SEND || m->state == MLLP_S_WAIT;

	llp_ev_frame(io, false, ack ? LLP_FR_CACK : LLP_FR_CNAK, 0, 0, ours ? LLP_FV_GOOD : LLP_FV_IGNORED, 0);
	if (!ack)
		llp_count(e, LLP_C_NAKS_RECEIVED);
	if (!ours) {
		llp_count(e, LLP_C_UNEXPECTED);
		drained(e, io);
		return;
	}
	if (e->tx.active && e->tx.id == m->id)
		early_reply(e, io, ack);
	else if (ack)
		committed(e, io);
	else
		refused(e, io);
}

static void r1_transmitted(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;
	enum llp_cause cause = LLP_OK;

	if (m->again) {
		forget(e, io);
		llp_exch_rearm(e);
		return;
	}
	if (!llp_tx_whole(e))
		cause = LLP_CAUSE_NOREPLY;
	if (m->abort)
		cause = LLP_CAUSE_ABORTED;
	finish(e, io, cause, llp_tx_whole(e) ? LLP_OUT_TRANSMITTED : fate(e));
}

static void mllp_tx_empty(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	if (m->state != MLLP_S_SEND)
		return;
	m->whole |= llp_tx_ended(e);
	if (!mllp_r2(e)) {
		r1_transmitted(e, io);
	} else if (m->early == MLLP_EARLY_ACK) {
		committed(e, io);
	} else if (m->early == MLLP_EARLY_NAK) {
		refused(e, io);
	} else if (m->abort) {
		drain(e);
		finish(e, io, LLP_CAUSE_ABORTED, fate(e));
	} else {
		mllp_set_state(e, io, MLLP_S_WAIT);
		llp_arm(e, MLLP_T_C, e->p.t_c);
	}
}

static void mllp_timeout(struct llp_engine *e, struct llp_io *io, u32 timer)
{
	switch (timer) {
	case LLP_T_PENDING:
		mllp_pending_timeout(e, io);
		break;
	case MLLP_T_C:
		no_reply(e, io);
		break;
	case MLLP_T_SETTLE:
		e->u.m.drain = 0;
		try_start(e, io);
		break;
	default:
		mllp_dec_timeout(e, io, timer);
		break;
	}
}

/* The characters of a message to send; see the options illegal and release. */
static bool sendable(const struct llp_engine *e, const u8 *p, size_t n)
{
	bool space = e->p.illegal == LLP_MLLP_SPACE;
	size_t i = 0;

	while (i < n) {
		if (mllp_r2(e)) {
			i += mllp_legal(p + i, n - i);
			/* SB and EB above 1F hex are legal characters, but marks. */
			if (i == n && !space)
				return mllp_run(e, p, n) == n;
		} else if (space) {
			return true;
		} else {
			i += mllp_run(e, p + i, n - i);
		}
		if (i < n && !(space && (p[i] == e->p.sb_char || p[i] == e->p.eb_char)))
			return false;
		if (i < n)
			i++;
	}
	return true;
}

static int mllp_submit(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags, u32 to)
{
	struct llp_mllp *m = &e->u.m;
	const u8 *p = io->text(io->ctx, id);

	(void)to;
	if (!sendable(e, p, len))
		return -EILSEQ;
	m->id = id;
	m->len = len;
	m->add_cr = e->p.add_cr && p[len - 1] != CH_CR;
	m->tries = 0;
	m->abort = 0;
	m->again = 0;
	m->whole = 0;
	m->timed_out = 0;
	m->by_timeout = 0;
	if (!(flags & LLP_SUBMIT_REPLY)) {
		m->req_id = id;
		m->req_len = len;
		m->req_add_cr = m->add_cr;
	}
	mllp_set_state(e, io, MLLP_S_QUEUED);
	try_start(e, io);
	return 0;
}

static bool mllp_can_submit(const struct llp_engine *e, u32 flags)
{
	(void)flags;
	return !e->u.m.id;
}

/* Nothing of message @id is on the wire. */
static bool mllp_can_withdraw(const struct llp_engine *e, u32 id)
{
	const struct llp_mllp *m = &e->u.m;

	if (!id || id != m->id || m->again || m->whole || m->tries)
		return false;
	return m->state == MLLP_S_QUEUED || (m->state == MLLP_S_SEND && e->tx.active && !llp_tx_begun(e));
}

static void mllp_abort(struct llp_engine *e, struct llp_io *io, u32 id)
{
	struct llp_mllp *m = &e->u.m;

	/* A request sent again was reported already; the exchange ends without us. */
	if (!id || id != m->id || m->again)
		return;
	switch (m->state) {
	case MLLP_S_SEND:
		/* A block that was begun is finished: half of one could be joined with the next. */
		if (!e->tx.active || llp_tx_begun(e)) {
			m->abort = 1;
			return;
		}
		llp_tx_cut(e);
		if (m->whole)
			drain(e);
		break;
	case MLLP_S_WAIT:
		drain(e);
		break;
	default:
		break;
	}
	finish(e, io, LLP_CAUSE_ABORTED, fate(e));
}

static void mllp_abort_rx(struct llp_engine *e, struct llp_io *io)
{
	if (e->rx.begun)
		mllp_dec_bad(e, io, LLP_CAUSE_ABORTED, LLP_FV_BUSY);
}

static enum llp_settled mllp_verdict(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d)
{
	if (mllp_r2(e))
		return mllp_verdict2(e, io, id, d);
	/* Release 1 has no word for a refusal. */
	if (d == LLP_REJECT && e->p.on_fail == LLP_ON_FAIL_CLOSE)
		llp_ev_disconnect(io, LLP_CAUSE_REFUSED);
	return LLP_ACKNOWLEDGED;
}

static void mllp_init(struct llp_engine *e)
{
	e->u.m.dec = MLLP_IDLE;
	e->u.m.state = MLLP_S_IDLE;
}

/* Is the request that is to be sent again still waited for? */
static bool still_wanted(const struct llp_engine *e)
{
	return !e->u.m.again || (e->exch.state == LLP_X_WAIT && e->exch.id == e->u.m.id);
}

static void mllp_connected(struct llp_engine *e, struct llp_io *io)
{
	struct llp_mllp *m = &e->u.m;

	if (m->state == MLLP_S_LOST) {
		if (!still_wanted(e)) {
			forget(e, io);
			return;
		}
		if (m->tries >= e->p.resends) {
			if (m->again) {
				forget(e, io);
				llp_exch_fail(e, io, LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN);
			} else {
				finish(e, io, LLP_CAUSE_HANGUP, fate(e));
			}
			return;
		}
		m->tries++;
		mllp_set_state(e, io, MLLP_S_QUEUED);
	}
	try_start(e, io);
}

/* The sending half of a hang-up; @again: the connection may come back and blocks be repeated. */
static void source_hangup(struct llp_engine *e, struct llp_io *io, bool again)
{
	struct llp_mllp *m = &e->u.m;
	bool begun = m->state == MLLP_S_SEND && e->tx.pos;

	llp_disarm(e, MLLP_T_C);
	llp_disarm(e, MLLP_T_SETTLE);
	m->drain = 0;
	if (m->state == MLLP_S_SEND)
		m->whole |= llp_tx_ended(e);
	if (!m->id) {
		if (!again || mllp_r2(e) || e->exch.state != LLP_X_WAIT || e->exch.id != m->req_id)
			return;
		/* Release 1: the request is out, its reply is not here. */
		m->id = m->req_id;
		m->len = m->req_len;
		m->add_cr = m->req_add_cr;
		m->tries = 0;
		m->whole = 1;
		m->again = 1;
		mllp_set_state(e, io, MLLP_S_LOST);
		return;
	}
	if (again && !m->abort) {
		if (begun || m->whole || m->tries)
			mllp_set_state(e, io, MLLP_S_LOST);
		else
			mllp_set_state(e, io, MLLP_S_QUEUED);
		return;
	}
	if (m->again)
		forget(e, io);
	else
		finish(e, io, m->abort ? LLP_CAUSE_ABORTED : LLP_CAUSE_HANGUP, fate(e));
}

static void mllp_hangup(struct llp_engine *e, struct llp_io *io, bool final)
{
	/* First: what is cut off must not be acknowledged on a line that is gone. */
	mllp_dest_hangup(e, io);
	mllp_dec_hangup(e, io);
	source_hangup(e, io, !final && e->p.resend_after_reconnect);
}

static void mllp_ready(struct llp_engine *e, struct llp_io *io, u32 before)
{
	/* Looked at when a message begins. */
	(void)e;
	(void)io;
	(void)before;
}

static void mllp_request_turn(struct llp_engine *e, struct llp_io *io)
{
	/* MLLP has no turns. */
	(void)e;
	(void)io;
}

static bool mllp_idle(const struct llp_engine *e)
{
	return e->u.m.dec == MLLP_IDLE && !e->u.m.id;
}

static u64 mllp_fingerprint(const struct llp_engine *e, u64 h)
{
	const struct llp_mllp *m = &e->u.m;

	h = llp_mix(h, (u64)m->dec | (u64)m->bad << 8 | (u64)m->bad_verdict << 16 | (u64)m->reply << 24 |
		    (u64)m->lost_run << 25 | (u64)m->hold << 26 | (u64)m->state << 32 |
		    (u64)m->early << 40 | (u64)m->tries << 48);
	h = llp_mix(h, (u64)m->add_cr | (u64)m->abort << 1 | (u64)m->again << 2 | (u64)m->whole << 3 |
		    (u64)m->timed_out << 4 | (u64)m->by_timeout << 5 | (u64)m->drain << 16 |
		    (u64)m->req_add_cr << 7 | (u64)(m->id != 0) << 8 | (u64)m->dd_valid << 9 |
		    (u64)m->bad_len << 32);
	h = llp_mix(h, (u64)m->len << 32 | m->req_len);
	h = llp_mix(h, m->hold ? (u64)m->hold_len : 0);
	h = llp_mix(h, m->digest);
	if (m->dd_valid) {
		h = llp_mix(h, m->dd_digest ^ m->dd_len);
		h = llp_mix(h, llp_rel(e, m->dd_until));
	}
	return h;
}

static const char *mllp_state_name(const struct llp_engine *e)
{
	static const char *const names[] = {
		"idle", "queued", "sending", "waiting for commit", "waiting for the connection",
	};

	if (e->u.m.state == MLLP_S_IDLE && e->u.m.dec != MLLP_IDLE)
		return "receiving";
	return names[e->u.m.state];
}

static const char *mllp_timer_name(u32 num)
{
	switch (num) {
	case MLLP_T_IN:
		return "T_in";
	case MLLP_T_FS:
		return "T_fs";
	case MLLP_T_C:
		return "T_c";
	case MLLP_T_SETTLE:
		return "settle";
	default:
		return "unused";
	}
}

const struct llp_proto_ops llp_mllp_ops = {
	.init = mllp_init,
	.connected = mllp_connected,
	.hangup = mllp_hangup,
	.rx = mllp_rx,
	.rx_flagged = mllp_rx_flagged,
	.tx_empty = mllp_tx_empty,
	.tx_tail = mllp_tx_tail,
	.timeout = mllp_timeout,
	.ready = mllp_ready,
	.submit = mllp_submit,
	.can_submit = mllp_can_submit,
	.can_withdraw = mllp_can_withdraw,
	.abort = mllp_abort,
	.verdict = mllp_verdict,
	.abort_rx = mllp_abort_rx,
	.request_turn = mllp_request_turn,
	.idle = mllp_idle,
	.kick = try_start,
	.fingerprint = mllp_fingerprint,
	.state_name = mllp_state_name,
	.timer_name = mllp_timer_name,
};
