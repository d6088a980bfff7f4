// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * HLLP: entry points; what is sent and when. One block at a time: the last
 * reply again (the other station NAKed it), the outstanding request again, a
 * new reply, a new request, in this order. A reply has a place of its own: a
 * request that is held back until the reply is out must not keep it away.
 */
#include "hllp.h"

enum hllp_send { HLLP_S_IDLE, HLLP_S_QUEUED, HLLP_S_SEND };

static void update_state(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;
	u8 state = h->cur ? HLLP_S_SEND :
		   h->id || h->ans_id || h->due_req || h->due_kept ? HLLP_S_QUEUED : HLLP_S_IDLE;

	if (h->state == state)
		return;
	h->state = state;
	llp_ev_state(e, io, state);
}

static void start(struct llp_engine *e, struct llp_io *io, enum hllp_kind kind, u32 id, u32 len)
{
	struct llp_hllp *h = &e->u.h;
	u8 head[HLLP_HEAD] = { e->p.sb_char, 'D', '0' + e->p.vv / 10, '0' + e->p.vv % 10, CH_CR };
	bool again = kind == HLLP_REQ || kind == HLLP_KEPT || (kind == HLLP_MSG && h->retry);

	h->cur = kind;
	if (kind == HLLP_MSG || kind == HLLP_REQ)
		h->nak_from = e->now + (u64)e->p.char_time * (HLLP_HEAD + len + HLLP_TRAILER + 2 + HLLP_NAK);
	llp_count(e, LLP_C_TX_BLOCKS);
	if (again)
		llp_count(e, LLP_C_RETRANSMISSIONS);
	llp_ev_frame(io, true, LLP_FR_D, 0, len, LLP_FV_GOOD, again ? LLP_FRAME_AGAIN : 0);
	llp_tx_block(e, head, HLLP_HEAD, id, 0, len);
}

static void pick(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	if (h->cur || !e->connected)
		return;
	/* Half duplex: not while a block arrives, and no request while one is served. */
	if (hllp_half(e) && h->dec != HLLP_HUNT)
		return;
	if (h->due_kept) {
		h->due_kept = 0;
		start(e, io, HLLP_KEPT, h->kept_id, h->kept_len);
		return;
	}
	if (h->due_req) {
		h->due_req = 0;
		if (e->exch.state == LLP_X_WAIT && e->exch.id == h->req_id) {
			/* The reply timer starts again when the block is out. */
			llp_disarm(e, LLP_T_EXCHANGE);
			start(e, io, HLLP_REQ, h->req_id, h->req_len);
			return;
		}
	}
	if (!llp_exch_gate(e))
		return;
	if (h->ans_id)
		start(e, io, HLLP_ANS, h->ans_id, h->ans_len);
	else if (h->id && !(hllp_half(e) && h->n_served))
		start(e, io, HLLP_MSG, h->id, h->len);
}

void hllp_try_start(struct llp_engine *e, struct llp_io *io)
{
	pick(e, io);
	update_state(e, io);
}

void hllp_resend_request(struct llp_engine *e, struct llp_io *io)
{
	e->u.h.due_req = 1;
	hllp_try_start(e, io);
}

/* Lets the last reply go: nobody can ask for it any more. */
void hllp_release_kept(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;
	u32 id = h->kept_id;

	if (!id)
		return;
	h->due_kept = 0;
	if (h->cur == HLLP_KEPT && e->tx.active) {
		h->kept_drop = 1;
		return;
	}
	h->kept_drop = 0;
	h->kept_id = 0;
	llp_disarm(e, HLLP_T_KEEP);
	llp_exch_release(e, io, id, LLP_OK, LLP_OUT_TRANSMITTED);
}

static void finish_request(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	u32 id = e->u.h.id;

	e->u.h.id = 0;
	llp_exch_sent(e, io, id, cause, outcome);
}

static void finish_reply(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome)
{
	struct llp_hllp *h = &e->u.h;
	u32 id = h->ans_id;

	h->ans_id = 0;
	hllp_answer_end(e);
	if (cause || !e->p.send_retries) {
		llp_exch_sent(e, io, id, cause, outcome);
		return;
	}
	h->kept_id = id;
	h->kept_len = h->ans_len;
	h->kept_tries = 0;
	llp_arm(e, HLLP_T_KEEP, e->p.reply_timeout);
	llp_exch_sent_keep(e, io, id, cause, outcome);
}

/* The block under way is out; not @whole: the transmitter gave up in its middle. */
void hllp_transmitted(struct llp_engine *e, struct llp_io *io, bool whole)
{
	struct llp_hllp *h = &e->u.h;
	u8 kind = h->cur;
	enum llp_outcome outcome;
	enum llp_cause cause;

	h->cur = HLLP_NONE;
	switch (kind) {
	case HLLP_MSG:
	case HLLP_ANS:
		/* A NAK that comes from now on is not for an older reply. */
		hllp_release_kept(e, io);
		if (kind == HLLP_MSG)
			whole |= h->whole;
		cause = h->abort ? LLP_CAUSE_ABORTED : whole ? LLP_OK : LLP_CAUSE_NOREPLY;
		h->abort = 0;
		h->last = kind == HLLP_ANS ? HLLP_KEPT : HLLP_REQ;
		outcome = whole ? LLP_OUT_TRANSMITTED : llp_tx_ended(e) ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT;
		if (kind == HLLP_ANS)
			finish_reply(e, io, cause, outcome);
		else
			finish_request(e, io, cause, outcome);
		break;
	case HLLP_REQ:
		h->last = HLLP_REQ;
		llp_exch_rearm(e);
		break;
	default:
		h->last = HLLP_KEPT;
		if (h->kept_drop)
			hllp_release_kept(e, io);
		break;
	}
}

static void hllp_tx_empty(struct llp_engine *e, struct llp_io *io)
{
	if (e->u.h.cur)
		hllp_transmitted(e, io, llp_tx_whole(e));
	hllp_try_start(e, io);
}

static void hllp_tx_tail(struct llp_engine *e)
{
	struct llp_tx_state *t = &e->tx;

	t->tail_len = hllp_trailer(e, t->tail, t->head, t->text_out, t->acc);
}

static void hllp_timeout(struct llp_engine *e, struct llp_io *io, u32 timer)
{
	switch (timer) {
	case LLP_T_EXCHANGE:
		hllp_request_timeout(e, io);
		break;
	case HLLP_T_IN:
	case HLLP_T_TERM:
		hllp_dec_timeout(e, io, timer);
		break;
	case HLLP_T_DRAIN:
		hllp_nak_flush(e, io);
		break;
	case HLLP_T_KEEP:
		hllp_release_kept(e, io);
		break;
	default:
		/* The repeat of a damaged block did not come. */
		llp_count(e, LLP_C_TIMEOUTS);
		e->u.h.repeat = 0;
		llp_msg_cancel(e, io, LLP_CAUSE_DAMAGED);
		break;
	}
}

static int hllp_submit(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags, u32 to)
{
	struct llp_hllp *h = &e->u.h;
	u32 wire;

	if (!hllp_sendable(e, io->text(io->ctx, id), len, &wire))
		return -EILSEQ;
	if (wire > HLLP_MAX || wire > e->p.max_data)
		return -EMSGSIZE;
	if (flags & LLP_SUBMIT_REPLY) {
		h->ans_id = id;
		h->ans_len = len;
		hllp_answer_begin(e, to);
	} else {
		h->id = id;
		h->len = len;
		h->retry = 0;
		h->whole = 0;
		h->req_id = id;
		h->req_len = len;
		h->req_tries = 0;
		h->req_unsure = 0;
		h->due_req = 0;
	}
	hllp_try_start(e, io);
	return 0;
}

static bool hllp_can_submit(const struct llp_engine *e, u32 flags)
{
	return flags & LLP_SUBMIT_REPLY ? !e->u.h.ans_id : !e->u.h.id;
}

/* Nothing of the submitted message is on the wire; @kind: HLLP_MSG or HLLP_ANS. */
static bool not_begun(const struct llp_engine *e, enum hllp_kind kind)
{
	return e->u.h.cur != kind || (e->tx.active && !llp_tx_begun(e));
}

static bool hllp_can_withdraw(const struct llp_engine *e, u32 id)
{
	const struct llp_hllp *h = &e->u.h;

	if (!id)
		return false;
	if (id == h->ans_id)
		return not_begun(e, HLLP_ANS);
	return id == h->id && !h->retry && not_begun(e, HLLP_MSG);
}

static void hllp_abort(struct llp_engine *e, struct llp_io *io, u32 id)
{
	struct llp_hllp *h = &e->u.h;
	enum hllp_kind kind;

	if (id == h->kept_id)
		hllp_release_kept(e, io);
	if (id != h->id && id != h->ans_id)
		return;
	kind = id == h->id ? HLLP_MSG : HLLP_ANS;
	/* A block that was begun is finished: a part of one would only be NAKed. */
	if (!not_begun(e, kind)) {
		h->abort = 1;
		return;
	}
	if (h->cur == kind) {
		llp_tx_cut(e);
		h->cur = HLLP_NONE;
	}
	if (kind == HLLP_ANS)
		finish_reply(e, io, LLP_CAUSE_ABORTED, LLP_OUT_NOT_SENT);
	else
		finish_request(e, io, LLP_CAUSE_ABORTED, h->whole ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT);
	hllp_try_start(e, io);
}

static void hllp_abort_rx(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	if (!e->rx.begun)
		return;
	/* N(B): to send it again would not help. */
	if (h->dec != HLLP_HUNT)
		hllp_skip(e, 'B', LLP_FV_BUSY);
	h->repeat = 0;
	llp_disarm(e, HLLP_T_REPEAT);
	llp_msg_cancel(e, io, LLP_CAUSE_ABORTED);
}

static void hllp_init(struct llp_engine *e)
{
	e->u.h.scope = LLP_SCOPE_DATA;
}

/* A request that was not transmitted yet, or only in part. */
static void hangup_request(struct llp_engine *e, struct llp_io *io, bool cut, bool again)
{
	struct llp_hllp *h = &e->u.h;

	if (cut) {
		h->whole |= llp_tx_ended(e);
		h->retry |= e->tx.pos != 0;
	}
	if (!again || h->abort || (h->retry && h->req_tries >= e->p.send_retries)) {
		finish_request(e, io, h->abort ? LLP_CAUSE_ABORTED : LLP_CAUSE_HANGUP,
			       h->whole ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT);
	} else if (h->retry && cut) {
		h->req_tries++;
		h->req_unsure |= h->whole;
	}
}

/* The request is out, its reply is not here. */
static void hangup_wait(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	if (e->exch.state != LLP_X_WAIT || e->exch.expect == LLP_EXPECT_NONE)
		return;
	if (h->req_tries >= e->p.send_retries) {
		llp_exch_fail(e, io, LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN);
		return;
	}
	h->req_tries += !h->due_req;
	h->req_unsure = 1;
	h->due_req = 1;
}

static void hllp_hangup(struct llp_engine *e, struct llp_io *io, bool final)
{
	struct llp_hllp *h = &e->u.h;
	bool again = !final && e->p.resend_after_reconnect;
	u8 cur = h->cur;

	hllp_dec_hangup(e, io);
	hllp_serve_hangup(e);
	h->cur = HLLP_NONE;
	h->last = HLLP_NONE;
	hllp_release_kept(e, io);
	/* Its reply timer stood still while it was sent. */
	if (cur == HLLP_REQ)
		llp_exch_rearm(e);
	/* The message that it answers is forgotten; the peer will send it again. */
	if (h->ans_id)
		finish_reply(e, io, cur == HLLP_ANS && h->abort ? LLP_CAUSE_ABORTED : LLP_CAUSE_HANGUP,
			     cur == HLLP_ANS && llp_tx_ended(e) ? LLP_OUT_UNKNOWN : LLP_OUT_NOT_SENT);
	if (cur == HLLP_ANS)
		h->abort = 0;
	if (h->id)
		hangup_request(e, io, cur == HLLP_MSG, again);
	h->abort = 0;
	if (again)
		hangup_wait(e, io);
	else
		h->due_req = 0;
	update_state(e, io);
}

static void hllp_ready(struct llp_engine *e, struct llp_io *io, u32 before)
{
	/* Looked at when a message begins. */
	(void)e;
	(void)io;
	(void)before;
}

static void hllp_request_turn(struct llp_engine *e, struct llp_io *io)
{
	/* HLLP has no turns. */
	(void)e;
	(void)io;
}

static bool hllp_idle(const struct llp_engine *e)
{
	const struct llp_hllp *h = &e->u.h;

	return h->dec == HLLP_HUNT && !h->id && !h->ans_id && !h->cur && !h->n_served && !h->drain && !h->due_kept;
}

static u64 hllp_fingerprint(const struct llp_engine *e, u64 hash)
{
	const struct llp_hllp *h = &e->u.h;
	u32 i;

	hash = llp_mix(hash, (u64)h->dec | (u64)h->hdr_len << 8 | (u64)h->skip << 16 | (u64)h->fv << 24 |
		       (u64)h->lost_run << 32 | (u64)h->after_block << 33 | (u64)h->hold << 34 |
		       (u64)h->repeat << 35 | (u64)h->scope << 36 | (u64)h->cr_due << 40 |
		       (u64)h->stuff_bad << 41 | (u64)h->sep_pos << 42 | (u64)h->sep << 48);
	for (i = 0; i < h->hdr_len; i++)
		hash = llp_mix(hash, h->hdr[i]);
	hash = llp_mix(hash, (u64)h->run << 32 | h->body);
	hash = llp_mix(hash, h->hold ? h->hold_len : 0);
	if (h->dec != HLLP_HUNT) {
		hash = llp_mix(hash, hllp_fold(e, h->acc));
		hash = llp_mix(hash, h->digest);
	}
	hash = llp_mix(hash, (u64)h->drain | (u64)h->drain_vv[0] << 8 | (u64)h->drain_vv[1] << 16 |
		       (u64)h->reply_vv[0] << 24 | (u64)h->reply_vv[1] << 32);
	for (i = 0; i < h->n_served; i++) {
		const struct llp_served *s = &h->served[i];

		hash = llp_mix(hash, (u64)(e->rx.next_id - s->id) << 32 | (u64)s->answer << 1 | s->bound |
			       (u64)s->vv[0] << 8 | (u64)s->vv[1] << 16);
		hash = llp_mix(hash, s->digest ^ s->len);
	}
	hash = llp_mix(hash, (u64)h->n_served | (u64)h->cur << 8 | (u64)h->last << 12 | (u64)h->due_req << 16 |
		       (u64)h->due_kept << 17 | (u64)h->abort << 18 | (u64)(h->ans_id != 0) << 19 |
		       (u64)h->retry << 20 | (u64)h->whole << 21 | (u64)h->req_unsure << 22 |
		       (u64)h->kept_drop << 23 | (u64)h->req_tries << 24 | (u64)h->kept_tries << 32 |
		       (u64)(h->id != 0) << 40 | (u64)(h->kept_id != 0) << 41);
	hash = llp_mix(hash, (u64)h->len << 32 | h->req_len);
	hash = llp_mix(hash, llp_rel(e, h->nak_from));
	hash = llp_mix(hash, h->ans_id ? h->ans_len : 0);
	return llp_mix(hash, h->kept_id ? h->kept_len : 0);
}

static const char *hllp_state_name(const struct llp_engine *e)
{
	const struct llp_hllp *h = &e->u.h;

	switch (h->state) {
	case HLLP_S_SEND:
		return "sending";
	case HLLP_S_QUEUED:
		return "queued";
	default:
		break;
	}
	if (h->dec != HLLP_HUNT)
		return "receiving";
	if (e->exch.state == LLP_X_WAIT)
		return "waiting for the reply";
	return h->n_served ? "serving" : "idle";
}

static const char *hllp_timer_name(u32 num)
{
	switch (num) {
	case HLLP_T_IN:
		return "T_in";
	case HLLP_T_TERM:
		return "T_term";
	case HLLP_T_DRAIN:
		return "silence before a NAK";
	case HLLP_T_KEEP:
		return "last reply kept";
	case HLLP_T_REPEAT:
		return "repeat of a damaged block";
	default:
		return "unused";
	}
}

const struct llp_proto_ops llp_hllp_ops = {
	.init = hllp_init,
	.connected = hllp_try_start,
	.hangup = hllp_hangup,
	.rx = hllp_rx,
	.rx_flagged = hllp_rx_flagged,
	.tx_empty = hllp_tx_empty,
	.tx_tail = hllp_tx_tail,
	.timeout = hllp_timeout,
	.ready = hllp_ready,
	.submit = hllp_submit,
	.can_submit = hllp_can_submit,
	.can_withdraw = hllp_can_withdraw,
	.abort = hllp_abort,
	.verdict = hllp_verdict,
	.abort_rx = hllp_abort_rx,
	.request_turn = hllp_request_turn,
	.idle = hllp_idle,
	.kick = hllp_try_start,
	.fingerprint = hllp_fingerprint,
	.state_name = hllp_state_name,
	.timer_name = hllp_timer_name,
};
