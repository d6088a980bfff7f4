// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * X3.28 message transfer, the slave: the decision on each block, verdicts on
 * whole messages, and waiting without losing the master. States SWAIT and
 * SRECV.
 *
 * A message's last block is answered when the reader has given its verdict
 * (PENDING), any other when there is room for the next. Either wait lasts 0.6
 * of the master's timer A, then NAK makes it send the block again, at most L-1
 * times (decision D-26); a block that comes again meanwhile is the same block.
 */
#include "x328.h"

static void arm_d(struct llp_engine *e)
{
	llp_arm(e, X328_T_D, e->p.timer_d);
}

static void arm_wait(struct llp_engine *e)
{
	llp_arm(e, LLP_T_PENDING, (u64)(e->p.peer_timer_a / 5) * 3);
}

/* Sends response @r (0..7 ACK, or X328_R_*) and waits for what comes next. */
static void respond(struct llp_engine *e, struct llp_io *io, u8 r, u8 flags)
{
	struct llp_x328 *x = &e->u.x;

	x->resp = r;
	if (r == X328_R_NAK)
		x328_send(e, io, X328_S_NAK, 0, flags);
	else if (r == X328_R_RINT)
		x328_send(e, io, X328_S_RINT, 0, flags);
	else
		x328_send(e, io, X328_S_ACK, r, flags);
	arm_d(e);
	x328_set_state(e, io, X328_SWAIT);
}

/* The block accepted last is acknowledged. */
static void positive(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	bool rint = x->rint_want && !x->rint_sent;

	llp_disarm(e, LLP_T_PENDING);
	x->rint_sent = rint;
	if (rint)
		x->rint_want = 0;
	x->resp_pos = rint ? X328_R_RINT : x->got;
	respond(e, io, x->resp_pos, 0);
}

/* What waits for its verdict will not be acknowledged. */
static void pending_drop(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	struct llp_pending *q = &e->pend;
	bool accepted = q->state == LLP_PEND_LATE;

	if (q->state == LLP_PEND_NONE)
		return;
	q->state = LLP_PEND_NONE;
	llp_msg_drop(e, io, q->id, cause, accepted);
}

/**
 * x328_slave_drop() - what is being received, or waits for its verdict, is void
 * @e: engine
 * @io: the caller's
 * @cause: why
 */
void x328_slave_drop(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	pending_drop(e, io, cause);
	llp_msg_cancel(e, io, cause);
}

/* The relationship is over. */
static void leave(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	x328_slave_drop(e, io, cause);
	x328_go_idle(e, io);
	x328_try_bid(e, io);
}

/* EOT in place of an answer. */
static void interrupt(struct llp_engine *e, struct llp_io *io, enum llp_cause cause)
{
	e->u.x.dirty = 1;
	/* To the master it would say that the message was refused; silence leaves that open. */
	if (e->pend.state != LLP_PEND_LATE) {
		llp_count(e, LLP_C_INTERRUPTS);
		x328_send(e, io, X328_S_EOT, 0, 0);
	}
	leave(e, io, cause);
}

/**
 * x328_become_slave() - grant a bid
 * @e: engine
 * @io: the caller's
 */
void x328_become_slave(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	x328_clear(e);
	llp_disarm(e, X328_T_E);
	/* A message that waits begins its bids anew afterwards. */
	x->nm = 0;
	x->nn = 0;
	x->vr = 1;
	x->got = X328_NONE;
	x->naks = 0;
	x->rint_sent = 0;
	respond(e, io, 0, 0);
}

/* ---- blocks ---- */

/**
 * x328_block_begun() - STX or SOH arrived
 * @e: engine
 * @io: the caller's
 */
void x328_block_begun(struct llp_engine *e, struct llp_io *io)
{
	u64 chars = (u64)e->p.max_rx_text + 12;
	u64 b = (u64)e->p.timer_b * 1000;
	u64 line = chars * (e->p.char_time + e->p.char_time / 5) + (u64)e->p.b_margin * 1000;

	llp_disarm(e, X328_T_D);
	/* Decision D-20: no shorter than the longest block takes. */
	llp_arm_ns(e, X328_T_B, b > line ? b : line);
	x328_set_state(e, io, X328_SRECV);
}

static u8 block_num(const struct llp_engine *e)
{
	u8 c = e->u.x.hdr[0];

	return e->u.x.hdr_len && c >= '0' && c <= '7' ? c - '0' : 0;
}

static void block_frame(struct llp_engine *e, struct llp_io *io, enum llp_verdict_frame v)
{
	const struct llp_x328 *x = &e->u.x;

	llp_ev_frame(io, false, LLP_FR_BLOCK, block_num(e), x->text_len, v,
		     (x->end == CH_ETX ? LLP_FRAME_LAST : 0) |
		     (v == LLP_FV_DUPLICATE ? LLP_FRAME_AGAIN : 0));
}

/**
 * x328_block_restarted() - a block broke off, another begins (decision D-36)
 * @e: engine
 * @io: the caller's
 */
void x328_block_restarted(struct llp_engine *e, struct llp_io *io)
{
	block_frame(e, io, LLP_FV_INCOMPLETE);
}

/* The master will send the block again: whoever waits, waits for that. */
static void await_again(struct llp_engine *e)
{
	struct llp_x328 *x = &e->u.x;

	llp_disarm(e, LLP_T_PENDING);
	x->due = 0;
	if (e->pend.state != LLP_PEND_NONE)
		e->pend.nakked = 1;
	else if (x->room != X328_ROOM_OK)
		x->room = X328_ROOM_NAKKED;
}

static void reject(struct llp_engine *e, struct llp_io *io, enum llp_verdict_frame v, enum llp_counter why)
{
	struct llp_x328 *x = &e->u.x;

	block_frame(e, io, v);
	llp_rx_discard(e);
	if (x->refuse) {
		interrupt(e, io, LLP_CAUSE_ABORTED);
		return;
	}
	llp_count(e, why);
	/* Decision D-35: a line that never gets better. */
	if (++x->naks > 2 * (e->p.retries_l + 1)) {
		interrupt(e, io, LLP_CAUSE_DAMAGED);
		return;
	}
	await_again(e);
	respond(e, io, X328_R_NAK, 0);
}

/* The wait for verdict or room is over for this time. */
static void gain_time(struct llp_engine *e, struct llp_io *io, u8 *gains, enum llp_counter why)
{
	e->u.x.due = 0;
	if (*gains + 1 >= e->p.retries_l) {
		interrupt(e, io, LLP_CAUSE_VERDICT_LATE);
		return;
	}
	(*gains)++;
	llp_count(e, why);
	await_again(e);
	respond(e, io, X328_R_NAK, 0);
}

/* The block that waits for its verdict came again. */
static void reattach(struct llp_engine *e, struct llp_io *io)
{
	struct llp_pending *q = &e->pend;

	if (q->state == LLP_PEND_LATE) {
		q->state = LLP_PEND_NONE;
		positive(e, io);
		llp_msg_acked(e, io, q->id);
		return;
	}
	x328_set_state(e, io, X328_SWAIT);
	if (q->nakked) {
		q->nakked = 0;
		arm_wait(e);
	} else if (e->u.x.due) {
		gain_time(e, io, &q->gains, LLP_C_NAK_TIME);
	}
}

/* The block that waits for room came again. */
static void room_again(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	if (e->ready & LLP_READY_ROOM) {
		x->room = X328_ROOM_OK;
		x->due = 0;
		positive(e, io);
		return;
	}
	x328_set_state(e, io, X328_SWAIT);
	if (x->room == X328_ROOM_NAKKED) {
		x->room = X328_ROOM_WAIT;
		arm_wait(e);
	} else if (x->due) {
		gain_time(e, io, &x->gains, LLP_C_NAK_BUSY);
	}
}

static void duplicate(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	block_frame(e, io, LLP_FV_DUPLICATE);
	llp_count(e, LLP_C_DUPLICATES);
	llp_rx_discard(e);
	x->naks = 0;
	if (e->pend.state != LLP_PEND_NONE)
		reattach(e, io);
	else if (x->room != X328_ROOM_OK)
		room_again(e, io);
	else
		respond(e, io, x->resp_pos, LLP_FRAME_AGAIN);
}

/* The message is whole: acknowledge nothing before the verdict. */
static void message_end(struct llp_engine *e, struct llp_io *io)
{
	struct llp_pending *q = &e->pend;
	struct llp_x328 *x = &e->u.x;

	if (!e->rx.total) {
		llp_msg_end(e, io, LLP_END_EMPTY, x->got_check, 0);
		positive(e, io);
		return;
	}
	x328_set_state(e, io, X328_SWAIT);
	q->state = LLP_PEND_WAIT;
	q->gains = 0;
	q->nakked = 0;
	arm_wait(e);
	q->id = llp_msg_end(e, io, LLP_END_PENDING, x->got_check, e->rx.digest);
}

/* The text is a segment without its CR (option join=cr). */
static bool needs_cr(const struct llp_engine *e, const struct llp_io *io)
{
	u32 len = e->u.x.text_len;

	return e->p.join == LLP_JOIN_CR && (!len || io->rx_buf[e->rx.good + len - 1] != CH_CR);
}

/* The text of the present block, or the CR behind it, is more than the message may have. */
static bool too_much(const struct llp_engine *e, const struct llp_io *io)
{
	if (e->u.x.overmsg || !needs_cr(e, io))
		return e->u.x.overmsg;
	return e->rx.fill >= io->rx_cap || e->u.x.text_len + e->rx.total >= e->p.max_message;
}

static void accept(struct llp_engine *e, struct llp_io *io, u8 num, u64 digest)
{
	struct llp_x328 *x = &e->u.x;
	u32 len = x->text_len;

	block_frame(e, io, LLP_FV_GOOD);
	llp_count(e, LLP_C_RX_BLOCKS);
	/* Another message in place of one that waits: the master has given that up. */
	pending_drop(e, io, LLP_CAUSE_SUPERSEDED);
	llp_disarm(e, LLP_T_PENDING);
	x->due = 0;
	x->got = num;
	x->got_end = x->end;
	x->got_check = llp_fold(x->acc);
	x->got_len = len;
	x->got_digest = digest;
	x->vr = (num + 1) & 7;
	x->naks = 0;
	if (needs_cr(e, io)) {
		io->rx_buf[e->rx.good + len++] = CH_CR;
		e->rx.fill = e->rx.good + len;
	}
	if (!e->rx.begun)
		llp_msg_begin(e, io);
	if (len) {
		e->rx.digest = llp_mix(e->rx.digest, digest);
		llp_msg_data(e, io, len);
	}
	if (x->end == CH_ETX) {
		message_end(e, io);
	} else if (e->ready & LLP_READY_ROOM) {
		positive(e, io);
	} else {
		x->room = X328_ROOM_WAIT;
		x->gains = 0;
		arm_wait(e);
		x328_set_state(e, io, X328_SWAIT);
	}
}

/* A block with nothing wrong in itself: is it the one that should come? */
static void good_block(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;
	bool owed = e->pend.state != LLP_PEND_NONE || x->room != X328_ROOM_OK;
	u8 num = block_num(e);
	u64 digest;

	if (x->refuse) {
		block_frame(e, io, LLP_FV_IGNORED);
		llp_rx_discard(e);
		interrupt(e, io, LLP_CAUSE_ABORTED);
		return;
	}
	digest = x->overmsg ? 0 : llp_sum_end(&x->sum, io->rx_buf + e->rx.good, x->text_len);
	/* Decision D-38: a retransmission is the same to the last byte. */
	if (!x->overmsg && num == x->got && x->text_len == x->got_len && x->end == x->got_end &&
	    llp_fold(x->acc) == x->got_check && digest == x->got_digest) {
		duplicate(e, io);
		return;
	}
	/* While an answer is owed, the master cannot have gone on; it can have begun anew. */
	if ((num == x->vr && !owed) || (num == 1 && x->got != X328_NONE && x->got_end == CH_ETX)) {
		if (too_much(e, io)) {
			block_frame(e, io, LLP_FV_TOO_LONG);
			llp_rx_discard(e);
			interrupt(e, io, LLP_CAUSE_TOO_LONG);
			return;
		}
		accept(e, io, num, digest);
		return;
	}
	if (e->p.gap == LLP_GAP_EOT) {
		block_frame(e, io, LLP_FV_NUMBER);
		llp_rx_discard(e);
		interrupt(e, io, LLP_CAUSE_FORMAT);
		return;
	}
	reject(e, io, LLP_FV_NUMBER, LLP_C_NAK_NUMBER);
}

static int hex_digit(u8 c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c &= ~0x20;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool bcc_good(const struct llp_engine *e)
{
	const struct llp_x328 *x = &e->u.x;
	int high = hex_digit(x->bcc[0]), low = hex_digit(x->bcc[1]);
	u8 acc = llp_fold(x->acc);

	if (high < 0 || low < 0)
		return false;
	if ((high << 4 | low) == x328_bcc(e, acc))
		return true;
	/* Decision D-33: the check may count from the heading on. */
	return x->heading && (high << 4 | low) == x328_bcc(e, acc ^ x->heading_acc);
}

/* BLK is '0'..'7', TL five digits; gives TL. */
static bool header_good(const struct llp_engine *e, u32 *tl)
{
	const struct llp_x328 *x = &e->u.x;
	u32 i;

	if (x->format || x->hdr_len < sizeof(x->hdr) || x->hdr[0] < '0' || x->hdr[0] > '7')
		return false;
	*tl = 0;
	for (i = 1; i < sizeof(x->hdr); i++) {
		if (x->hdr[i] < '0' || x->hdr[i] > '9')
			return false;
		*tl = *tl * 10 + x->hdr[i] - '0';
	}
	return true;
}

/**
 * x328_block() - a block arrived up to its BCC
 * @e: engine
 * @io: the caller's
 * @term: its TERM came too
 *
 * The checks are made in the order of the HL7 profile's "replies".
 */
void x328_block(struct llp_engine *e, struct llp_io *io, bool term)
{
	struct llp_x328 *x = &e->u.x;
	u32 tl;

	llp_disarm(e, X328_T_B);
	if (x->flagged)
		reject(e, io, LLP_FV_FLAG, LLP_C_NAK_FLAG);
	else if (!header_good(e, &tl))
		reject(e, io, LLP_FV_FORMAT, LLP_C_NAK_FORMAT);
	else if (!bcc_good(e))
		reject(e, io, LLP_FV_CHECK, LLP_C_NAK_CHECK);
	else if (x->overlong)
		reject(e, io, LLP_FV_TOO_LONG, LLP_C_NAK_TOO_LONG);
	else if (tl != x->text_len)
		reject(e, io, LLP_FV_LENGTH, LLP_C_NAK_LENGTH);
	else if (!term && e->p.strict_term)
		reject(e, io, LLP_FV_INCOMPLETE, LLP_C_NAK_FORMAT);
	else
		good_block(e, io);
}

/* ---- sequences ---- */

static void block_abort(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	llp_disarm(e, X328_T_B);
	llp_rx_discard(e);
	llp_ev_frame(io, false, LLP_FR_BLOCK_ABORT, block_num(e), x->text_len, LLP_FV_GOOD, 0);
	if (x->refuse) {
		interrupt(e, io, LLP_CAUSE_ABORTED);
		return;
	}
	await_again(e);
	respond(e, io, X328_R_NAK, 0);
}

static void transmission_end(struct llp_engine *e, struct llp_io *io)
{
	/* Both are idle now, and know it. */
	e->u.x.dirty = 0;
	llp_rx_discard(e);
	leave(e, io, LLP_CAUSE_SENDER_ABORT);
}

/**
 * x328_slave_sequence() - a sequence in SWAIT, or ENQ or EOT in SRECV
 * @e: engine
 * @io: the caller's
 * @seq: which
 * @num: number of an ACK
 */
void x328_slave_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num)
{
	struct llp_x328 *x = &e->u.x;

	if (seq == X328_S_EOT) {
		if (x->state == X328_SRECV)
			block_frame(e, io, LLP_FV_INCOMPLETE);
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		transmission_end(e, io);
	} else if (seq == X328_S_ENQ && x->state == X328_SRECV) {
		block_abort(e, io);
	} else if (seq == X328_S_ENQ) {
		x328_frame_in(io, seq, num, LLP_FV_GOOD);
		/* If an answer is owed, this tells the master to send the block again. */
		await_again(e);
		respond(e, io, x->resp, LLP_FRAME_AGAIN);
	} else {
		x328_ignore(e, io, seq, num);
	}
}

/* ---- time, verdicts, our own wishes ---- */

/**
 * x328_slave_silent() - timer B or D: the master fell silent
 * @e: engine
 * @io: the caller's
 */
void x328_slave_silent(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	llp_count(e, LLP_C_TIMEOUTS);
	if (x->state == X328_SRECV) {
		block_frame(e, io, LLP_FV_INCOMPLETE);
		x->dec = X328_D_IDLE;
		llp_disarm(e, X328_T_GAP);
		llp_rx_discard(e);
	}
	interrupt(e, io, LLP_CAUSE_SILENCE);
}

/**
 * x328_pending_timeout() - the master will not wait longer for its answer
 * @e: engine
 * @io: the caller's
 */
void x328_pending_timeout(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	/* It is sending the block again already: answer that. */
	if (x->state == X328_SRECV)
		x->due = 1;
	else if (e->pend.state != LLP_PEND_NONE)
		gain_time(e, io, &e->pend.gains, LLP_C_NAK_TIME);
	else
		gain_time(e, io, &x->gains, LLP_C_NAK_BUSY);
}

/**
 * x328_slave_ready() - there is room for another block
 * @e: engine
 * @io: the caller's
 */
void x328_slave_ready(struct llp_engine *e, struct llp_io *io)
{
	struct llp_x328 *x = &e->u.x;

	/* In all other cases the answer waits for the block to come again. */
	if (x->state != X328_SWAIT || x->room != X328_ROOM_WAIT)
		return;
	x->room = X328_ROOM_OK;
	positive(e, io);
}

/**
 * x328_verdict() - what the reader decided (see llp_verdict())
 * @e: engine
 * @io: the caller's
 * @id: received message
 * @d: decision
 *
 * Return: enum llp_settled.
 */
enum llp_settled x328_verdict(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d)
{
	struct llp_pending *q = &e->pend;
	struct llp_x328 *x = &e->u.x;
	bool owed = x->state == X328_SWAIT && !q->nakked;

	if (q->state == LLP_PEND_NONE || q->id != id)
		return LLP_GONE;
	if (q->state == LLP_PEND_LATE)
		return LLP_LATE;
	if (d == LLP_ACCEPT || d == LLP_ACCEPT_ANSWER) {
		if (!owed) {
			q->state = LLP_PEND_LATE;
			llp_disarm(e, LLP_T_PENDING);
			return LLP_LATE;
		}
		q->state = LLP_PEND_NONE;
		positive(e, io);
		llp_msg_acked(e, io, id);
		return LLP_ACKNOWLEDGED;
	}
	/* Refused: termination interrupt, now or when the block comes again. */
	q->state = LLP_PEND_NONE;
	llp_disarm(e, LLP_T_PENDING);
	x->due = 0;
	if (owed)
		interrupt(e, io, LLP_CAUSE_REFUSED);
	else
		x->refuse = 1;
	return LLP_ACKNOWLEDGED;
}

/**
 * x328_slave_abort() - our side wants no more of what is being received
 * @e: engine
 * @io: the caller's
 */
void x328_slave_abort(struct llp_engine *e, struct llp_io *io)
{
	struct llp_pending *q = &e->pend;
	struct llp_x328 *x = &e->u.x;
	bool owed;

	if (x->state != X328_SWAIT && x->state != X328_SRECV)
		return;
	/* An accepted message stays accepted. */
	if (q->state == LLP_PEND_LATE)
		return;
	owed = x->state == X328_SWAIT &&
	       ((q->state == LLP_PEND_WAIT && !q->nakked) || x->room == X328_ROOM_WAIT);
	if (owed) {
		interrupt(e, io, LLP_CAUSE_ABORTED);
		return;
	}
	llp_disarm(e, LLP_T_PENDING);
	x->due = 0;
	x->room = X328_ROOM_OK;
	x->refuse = 1;
	/* Dropping the message empties rx_buf under a block that is coming: keep no more of it. */
	x->overmsg = 1;
	x328_slave_drop(e, io, LLP_CAUSE_ABORTED);
}
