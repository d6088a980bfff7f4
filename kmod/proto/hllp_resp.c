// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * HLLP: what a received block means. A data block is a request to be served or
 * the reply to ours; a NAK asks for the block sent last; a bad block is
 * answered by a NAK, or by our request once more if it was the reply.
 */
#include "hllp.h"

static void send_nak(struct llp_engine *e, struct llp_io *io, char code, const u8 *vv)
{
	u8 b[HLLP_NAK] = { e->p.sb_char, 'N', vv[0], vv[1], CH_CR, (u8)code };

	hllp_trailer(e, b + 6, b, 1, hllp_acc_add(e, 0, b + 5, 1));
	llp_tx_ctl(e, b, sizeof(b));
	llp_count(e, LLP_C_NAKS_SENT);
	llp_ev_frame(io, true, LLP_FR_N, (u8)code, 1, LLP_FV_GOOD, 0);
}

/* Sends the NAK that waited for silence. */
void hllp_nak_flush(struct llp_engine *e, struct llp_io *io)
{
	char code = (char)e->u.h.drain;

	if (!code)
		return;
	e->u.h.drain = 0;
	llp_disarm(e, HLLP_T_DRAIN);
	send_nak(e, io, code, e->u.h.drain_vv);
}

/* @quiet: the line is at rest; else the NAK waits for two characters' time of silence. */
static void nak(struct llp_engine *e, struct llp_io *io, char code, const u8 *vv, enum llp_counter why,
		bool quiet)
{
	struct llp_hllp *h = &e->u.h;

	llp_count(e, why);
	hllp_nak_flush(e, io);
	if (quiet || !e->p.char_time) {
		send_nak(e, io, code, vv);
		return;
	}
	h->drain = (u8)code;
	memcpy(h->drain_vv, vv, 2);
	llp_arm_ns(e, HLLP_T_DRAIN, 2 * (u64)e->p.char_time);
}

/* The version that an answer to the present block carries: its own if it has one, else ours. */
static void answer_vv(const struct llp_engine *e, u8 *vv)
{
	const struct llp_hllp *h = &e->u.h;

	vv[0] = h->hdr[2];
	vv[1] = h->hdr[3];
	if (h->hdr_len >= 4 && vv[0] >= '0' && vv[0] <= '9' && vv[1] >= '0' && vv[1] <= '9')
		return;
	vv[0] = '0' + e->p.vv / 10;
	vv[1] = '0' + e->p.vv % 10;
}

static enum llp_counter nak_reason(enum llp_verdict_frame fv)
{
	switch (fv) {
	case LLP_FV_CHECK:
		return LLP_C_NAK_CHECK;
	case LLP_FV_LENGTH:
		return LLP_C_NAK_LENGTH;
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

static enum llp_cause cancel_cause(enum llp_verdict_frame fv)
{
	switch (fv) {
	case LLP_FV_TOO_LONG:
		return LLP_CAUSE_TOO_LONG;
	case LLP_FV_INCOMPLETE:
		return LLP_CAUSE_SILENCE;
	case LLP_FV_BUSY:
		return LLP_CAUSE_BUSY;
	default:
		return LLP_CAUSE_DAMAGED;
	}
}

static bool wait_for_response(const struct llp_engine *e)
{
	return e->exch.state == LLP_X_WAIT && e->exch.expect != LLP_EXPECT_NONE && !e->exch.reply;
}

/* The request is on its way again already: what came belongs to the try before. */
static bool resend_under_way(const struct llp_engine *e)
{
	return e->u.h.due_req || e->u.h.cur == HLLP_REQ;
}

/* The response came damaged. Returns whether it is to come again. */
static bool bad_response(struct llp_engine *e, struct llp_io *io, char code, bool quiet)
{
	struct llp_hllp *h = &e->u.h;
	u8 vv[2];

	/* Somebody answered: what is refused from now on may be a repeat. */
	h->req_unsure = 1;
	if (resend_under_way(e))
		return true;
	if (e->p.bad_response == LLP_BAD_NAK) {
		answer_vv(e, vv);
		nak(e, io, code, vv, nak_reason(h->fv), quiet);
	}
	/* What is too long now is so every time. */
	if (e->p.bad_response == LLP_BAD_FAIL || code == 'B' || h->req_tries >= e->p.send_retries) {
		llp_exch_fail(e, io, code == 'B' ? LLP_CAUSE_TOO_LONG : LLP_CAUSE_DAMAGED, LLP_OUT_UNKNOWN);
		return false;
	}
	h->req_tries++;
	if (e->p.bad_response == LLP_BAD_NAK)
		llp_exch_rearm(e);
	else
		hllp_resend_request(e, io);
	return true;
}

/* A block that failed its checks, and is no NAK. @quiet as for nak(). */
void hllp_bad(struct llp_engine *e, struct llp_io *io, char code, bool quiet)
{
	struct llp_hllp *h = &e->u.h;
	enum llp_verdict_frame fv = h->fv;
	bool again = true;
	u8 vv[2];

	llp_ev_frame(io, false, LLP_FR_D, 0, h->body, fv, 0);
	if (wait_for_response(e) && fv != LLP_FV_BUSY) {
		again = bad_response(e, io, code, quiet);
	} else {
		answer_vv(e, vv);
		nak(e, io, code, vv, nak_reason(fv), quiet);
	}
	if (!e->p.flow || !e->rx.begun || !again || code == 'B') {
		llp_msg_cancel(e, io, cancel_cause(fv));
		return;
	}
	/* Flow-through: the first data block after this is the repeat. */
	llp_msg_restart(e, io);
	h->repeat = 1;
	llp_arm(e, HLLP_T_REPEAT, e->p.reply_timeout);
}

static void refuse(struct llp_engine *e, struct llp_io *io, char code, enum llp_verdict_frame fv,
		   enum llp_cause cause)
{
	u8 vv[2];

	llp_ev_frame(io, false, LLP_FR_D, 0, e->u.h.body, fv, 0);
	llp_msg_cancel(e, io, cause);
	if (fv == LLP_FV_DUPLICATE) {
		llp_count(e, LLP_C_DUPLICATES);
		return;
	}
	answer_vv(e, vv);
	nak(e, io, code, vv, LLP_C_NAK_BUSY, true);
}

static bool being_served(const struct llp_engine *e, u32 len, u64 digest)
{
	const struct llp_hllp *h = &e->u.h;
	u32 i;

	for (i = 0; i < h->n_served; i++)
		if (h->served[i].len == len && h->served[i].digest == digest)
			return true;
	return false;
}

/* What the block is to the outstanding request, before it is handed on. */
static u8 classify(struct llp_engine *e, const struct llp_io *io)
{
	struct llp_match_scan scan = e->rx.scan;

	if (!e->rx.begun)
		llp_match_begin(&scan);
	llp_match_feed(&scan, io->rx_buf + e->rx.good, e->rx.fill - e->rx.good);
	return llp_exch_classify(e, &scan);
}

static void hand_on(struct llp_engine *e, struct llp_io *io)
{
	u32 n = e->rx.fill - e->rx.good;

	for (; e->p.flow && n > HLLP_CHUNK; n -= HLLP_CHUNK)
		llp_msg_data(e, io, HLLP_CHUNK);
	if (n)
		llp_msg_data(e, io, n);
}

/* A good data block; its text, without stuffing, is in rx_buf. */
void hllp_good_d(struct llp_engine *e, struct llp_io *io, u64 digest)
{
	struct llp_hllp *h = &e->u.h;
	u32 len = h->body - HLLP_TRAILER;
	bool request = !(classify(e, io) & (LLP_END_REPLY | LLP_END_LATE));
	bool empty = !(e->rx.total + (e->rx.fill - e->rx.good));
	struct llp_served *s;
	u32 id;

	hllp_release_kept(e, io);
	if (request && being_served(e, len, digest)) {
		refuse(e, io, 0, LLP_FV_DUPLICATE, LLP_CAUSE_SUPERSEDED);
		return;
	}
	if (!e->rx.begun && !hllp_wanted(e)) {
		refuse(e, io, 'G', LLP_FV_BUSY, LLP_CAUSE_REFUSED);
		return;
	}
	if (request && !empty && h->n_served >= e->p.queue) {
		refuse(e, io, 'B', LLP_FV_BUSY, LLP_CAUSE_BUSY);
		return;
	}
	llp_ev_frame(io, false, LLP_FR_D, 0, len, LLP_FV_GOOD, 0);
	llp_count(e, LLP_C_RX_BLOCKS);
	if (!e->rx.begun)
		llp_msg_begin(e, io);
	hand_on(e, io);
	id = llp_msg_end(e, io, empty ? LLP_END_EMPTY : 0, h->check, digest);
	if (!request) {
		answer_vv(e, h->reply_vv);
		return;
	}
	if (empty)
		return;
	s = &h->served[h->n_served++];
	memset(s, 0, sizeof(*s));
	s->id = id;
	s->len = len;
	s->digest = digest;
	answer_vv(e, s->vv);
}

/* The other station did not get our request. */
static void request_refused(struct llp_engine *e, struct llp_io *io, char reason)
{
	struct llp_hllp *h = &e->u.h;

	if (reason == 'B' || h->req_tries >= e->p.send_retries) {
		llp_exch_fail(e, io, LLP_CAUSE_REJECTED, h->req_unsure ? LLP_OUT_UNKNOWN : LLP_OUT_REFUSED);
		return;
	}
	h->req_tries++;
	hllp_resend_request(e, io);
}

static bool kept_refused(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	if (h->due_kept || h->cur == HLLP_KEPT)
		return false;
	if (h->kept_tries >= e->p.send_retries) {
		hllp_release_kept(e, io);
		return true;
	}
	h->kept_tries++;
	h->due_kept = 1;
	return true;
}

/* A NAK block: it answers the block that was sent last. */
void hllp_good_n(struct llp_engine *e, struct llp_io *io, char reason, enum llp_verdict_frame fv)
{
	struct llp_hllp *h = &e->u.h;
	bool kept, ours;

	/* It is out if it is answered, whatever the transmitter says. */
	if (h->cur && !e->tx.active)
		hllp_transmitted(e, io, true);
	/*
	 * A damaged one may have been a request: the reply before it would be
	 * taken for its answer.
	 */
	kept = h->last == HLLP_KEPT && h->kept_id && !fv;
	ours = kept ||
	       (e->exch.state == LLP_X_WAIT && !e->exch.reply && !resend_under_way(e));
	llp_ev_frame(io, false, LLP_FR_N, (u8)reason, 1, fv ? fv : ours ? LLP_FV_GOOD : LLP_FV_IGNORED, 0);
	llp_count(e, LLP_C_NAKS_RECEIVED);
	if (kept && kept_refused(e, io))
		return;
	/*
	 * Or a response, of which the line made an N block; or it began before
	 * the request had left, and answers what came before. Then there is one
	 * copy more on its way than are refused.
	 */
	if (fv || e->now < h->nak_from)
		h->req_unsure = 1;
	if (e->exch.state == LLP_X_WAIT && !e->exch.reply && !resend_under_way(e))
		request_refused(e, io, reason);
	else
		llp_count(e, LLP_C_UNEXPECTED);
}

/* The reply to our request did not come (only with on_timeout=resend). */
void hllp_request_timeout(struct llp_engine *e, struct llp_io *io)
{
	struct llp_hllp *h = &e->u.h;

	if (e->exch.expect == LLP_EXPECT_OPTIONAL) {
		llp_exch_fail(e, io, LLP_OK, e->exch.outcome);
	} else if (e->exch.reply || h->req_tries >= e->p.send_retries) {
		llp_exch_fail(e, io, LLP_CAUSE_REPLY_TIMEOUT, e->exch.outcome);
	} else {
		h->req_tries++;
		h->req_unsure = 1;
		hllp_resend_request(e, io);
	}
}

static void served_free(struct llp_engine *e, u32 i)
{
	struct llp_hllp *h = &e->u.h;

	h->n_served--;
	memmove(&h->served[i], &h->served[i + 1], (h->n_served - i) * sizeof(h->served[0]));
}

/* A reply was submitted: it answers message @to, or, 0, the oldest that one was announced for. */
void hllp_answer_begin(struct llp_engine *e, u32 to)
{
	struct llp_hllp *h = &e->u.h;
	u32 i;

	for (i = 0; i < h->n_served; i++) {
		if (to ? h->served[i].id == to : h->served[i].answer) {
			h->served[i].bound = 1;
			return;
		}
	}
}

/* That reply is out, or will never be. */
void hllp_answer_end(struct llp_engine *e)
{
	struct llp_hllp *h = &e->u.h;
	u32 i;

	for (i = 0; i < h->n_served; i++) {
		if (h->served[i].bound) {
			served_free(e, i);
			return;
		}
	}
}

void hllp_serve_hangup(struct llp_engine *e)
{
	struct llp_hllp *h = &e->u.h;

	h->n_served = 0;
	h->drain = 0;
	llp_disarm(e, HLLP_T_DRAIN);
}

enum llp_settled hllp_verdict(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d)
{
	struct llp_hllp *h = &e->u.h;
	u8 vv[2];
	u32 i;

	for (i = 0; i < h->n_served; i++)
		if (h->served[i].id == id)
			break;
	if (i == h->n_served) {
		/* A reply that is refused may come again. */
		if (d == LLP_REJECT && id == e->exch.reply)
			nak(e, io, 'G', h->reply_vv, LLP_C_NAK_BUSY, h->dec == HLLP_HUNT);
		return LLP_ACKNOWLEDGED;
	}
	if (d == LLP_ACCEPT_ANSWER) {
		h->served[i].answer = 1;
		return LLP_ACKNOWLEDGED;
	}
	memcpy(vv, h->served[i].vv, 2);
	served_free(e, i);
	if (d == LLP_REJECT)
		nak(e, io, 'G', vv, LLP_C_NAK_BUSY, h->dec == HLLP_HUNT);
	hllp_try_start(e, io);
	return LLP_ACKNOWLEDGED;
}
