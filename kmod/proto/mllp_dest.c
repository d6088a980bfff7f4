// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * MLLP release 2, destination: the commit of received blocks. There are no
 * numbers on the line, so a repeat is known only by its bytes and by the fact
 * that the source is synchronous: while it waits for a commit reply it sends
 * nothing but the same block.
 */
#include "mllp.h"

static void commit_reply(struct llp_engine *e, struct llp_io *io, u8 c)
{
	u8 seq[4] = { e->p.sb_char, c, e->p.eb_char, CH_CR };

	llp_tx_ctl(e, seq, sizeof(seq));
	llp_ev_frame(io, true, c == CH_ACK ? LLP_FR_CACK : LLP_FR_CNAK, 0, 0, LLP_FV_GOOD, 0);
}

static void pend_clear(struct llp_engine *e)
{
	e->pend.state = LLP_PEND_NONE;
	e->pend.id = 0;
	llp_disarm(e, LLP_T_PENDING);
}

/* The wait for a verdict: 0.6 of the peer's response timer. */
static void arm_verdict(struct llp_engine *e)
{
	u32 wait = e->p.peer_t_c / 5 * 3;

	llp_arm(e, LLP_T_PENDING, wait);
}

void mllp_nak(struct llp_engine *e, struct llp_io *io, enum llp_counter why)
{
	commit_reply(e, io, CH_NAK);
	llp_count(e, LLP_C_NAKS_SENT);
	llp_count(e, why);
	if (e->pend.state) {
		/* The repeat comes at once, or after the source's timer if this is lost. */
		e->pend.nakked = 1;
		llp_arm(e, LLP_T_PENDING, e->p.peer_t_c);
	}
}

static void remember(struct llp_engine *e, u32 len, u64 digest)
{
	struct llp_mllp *m = &e->u.m;

	m->dd_valid = 1;
	m->dd_len = len;
	m->dd_digest = digest;
	m->dd_until = e->now + (u64)e->p.peer_t_c * 1000 * (e->p.peer_resends + 1);
}

static void acknowledge(struct llp_engine *e, struct llp_io *io)
{
	u32 id = e->pend.id;

	remember(e, e->pend.len, e->pend.digest);
	pend_clear(e);
	commit_reply(e, io, CH_ACK);
	llp_msg_acked(e, io, id);
}

static bool dedup(const struct llp_engine *e)
{
	return e->p.dedup && e->u.m.dd_valid && e->now < e->u.m.dd_until;
}

/*
 * What begins now may be a repeat of what is kept: it becomes a message only
 * when it is known not to be.
 */
bool mllp_hold(struct llp_engine *e)
{
	struct llp_mllp *m = &e->u.m;

	m->hold_len = e->pend.state ? e->pend.len : 0;
	if (!dedup(e))
		return e->pend.state;
	if (m->dd_len > m->hold_len)
		m->hold_len = m->dd_len;
	return true;
}

/* The source has gone on to another message. */
void mllp_superseded(struct llp_engine *e, struct llp_io *io)
{
	u32 id = e->pend.id;
	bool accepted = e->pend.state == LLP_PEND_LATE;

	if (!e->pend.state)
		return;
	pend_clear(e);
	llp_msg_drop(e, io, id, LLP_CAUSE_SUPERSEDED, accepted);
}

/* The block turned out as a repeat: it is no message of its own. */
static void drop_repeat(struct llp_engine *e, struct llp_io *io)
{
	llp_ev_frame(io, false, LLP_FR_MSG, 0, mllp_text_len(e), LLP_FV_DUPLICATE, 0);
	llp_count(e, LLP_C_DUPLICATES);
	llp_msg_cancel(e, io, LLP_CAUSE_SUPERSEDED);
}

static void attach_repeat(struct llp_engine *e, struct llp_io *io)
{
	drop_repeat(e, io);
	if (e->pend.state == LLP_PEND_LATE) {
		acknowledge(e, io);
		return;
	}
	/* Not asked for: the source's timer ran out, one of its tries is gone. */
	if (!e->pend.nakked && e->pend.gains < e->p.peer_resends)
		e->pend.gains++;
	e->pend.nakked = 0;
	arm_verdict(e);
}

/* A good data block is whole. */
void mllp_deliver2(struct llp_engine *e, struct llp_io *io, u64 digest)
{
	struct llp_mllp *m = &e->u.m;
	u32 len = mllp_text_len(e);

	if (e->pend.state && e->pend.len == len && e->pend.digest == digest) {
		attach_repeat(e, io);
		return;
	}
	if (dedup(e) && m->dd_len == len && m->dd_digest == digest) {
		drop_repeat(e, io);
		commit_reply(e, io, CH_ACK);
		return;
	}
	m->dd_valid = 0;
	mllp_superseded(e, io);
	if (!e->rx.begun && !mllp_wanted(e)) {
		llp_ev_frame(io, false, LLP_FR_MSG, 0, len, LLP_FV_BUSY, 0);
		llp_msg_cancel(e, io, LLP_CAUSE_REFUSED);
		mllp_nak(e, io, LLP_C_NAK_BUSY);
		return;
	}
	llp_ev_frame(io, false, LLP_FR_MSG, 0, len, LLP_FV_GOOD, 0);
	llp_count(e, LLP_C_RX_BLOCKS);
	if (!e->rx.begun)
		llp_msg_begin(e, io);
	if (e->p.flow)
		mllp_flush(e, io);
	if (e->rx.fill > e->rx.good)
		llp_msg_data(e, io, e->rx.fill - e->rx.good);
	e->pend.id = llp_msg_end(e, io, LLP_END_PENDING, 0, digest);
	e->pend.state = LLP_PEND_WAIT;
	e->pend.gains = 0;
	e->pend.nakked = 0;
	e->pend.answer = 0;
	e->pend.len = len;
	e->pend.digest = digest;
	arm_verdict(e);
}

/*
 * The block that came while a message was accepted is over and was not its
 * repeat: the acknowledgement that was held back for it goes out.
 */
void mllp_block_over(struct llp_engine *e, struct llp_io *io)
{
	if (e->pend.state == LLP_PEND_LATE && !e->pend.nakked)
		acknowledge(e, io);
}

static void give_up(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	u32 id = e->pend.id;
	bool accepted = e->pend.state == LLP_PEND_LATE;

	pend_clear(e);
	llp_msg_drop(e, io, id, cause, accepted);
}

void mllp_dest_hangup(struct llp_engine *e, struct llp_io *io)
{
	e->u.m.dd_valid = 0;
	if (e->pend.state)
		give_up(e, io, LLP_CAUSE_HANGUP);
}

void mllp_pending_timeout(struct llp_engine *e, struct llp_io *io)
{
	if (e->u.m.dec != MLLP_IDLE) {
		/* Perhaps the repeat: judged at its end. */
		arm_verdict(e);
		return;
	}
	if (e->pend.nakked) {
		/* No repeat came: the source is gone or gave up. */
		give_up(e, io, LLP_CAUSE_VERDICT_LATE);
		return;
	}
	if (e->pend.gains < e->p.peer_resends) {
		e->pend.gains++;
		mllp_nak(e, io, LLP_C_NAK_TIME);
		return;
	}
	/* The last NAK tells the source that it has failed. */
	give_up(e, io, LLP_CAUSE_VERDICT_LATE);
	mllp_nak(e, io, LLP_C_NAK_TIME);
}

enum llp_settled mllp_verdict2(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d)
{
	bool at_rest = !e->pend.nakked && e->u.m.dec == MLLP_IDLE;

	if (e->pend.state != LLP_PEND_WAIT || e->pend.id != id)
		return LLP_GONE;
	if (d == LLP_ACCEPT || d == LLP_ACCEPT_ANSWER) {
		e->pend.answer = d == LLP_ACCEPT_ANSWER;
		if (!at_rest) {
			/* What comes next, or is coming now, is the repeat: one reply for both. */
			e->pend.state = LLP_PEND_LATE;
			return LLP_LATE;
		}
		acknowledge(e, io);
		return LLP_ACKNOWLEDGED;
	}
	pend_clear(e);
	if (d == LLP_REJECT && at_rest)
		mllp_nak(e, io, LLP_C_NAK_BUSY);
	return LLP_ACKNOWLEDGED;
}
