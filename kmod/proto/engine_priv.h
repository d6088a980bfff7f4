/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * What the files of the engine share with each other. Entry points of
 * llp_engine.h live in engine.c and call the protocol through struct
 * llp_proto_ops; the protocol calls back into the helpers below.
 *
 *	engine.c	entry points, timers, events, counters, fingerprint
 *	tx.c		what is being sent: short sequences and one block
 *	exchange.c	the outstanding request and its reply
 *	match.c		which message is the reply
 *	params.c	table of parameters, text in and out; presets.c
 *	names.c		words for people
 *	scan.h scan.c	word-at-a-time find, copy and check
 *	x328*.c hllp*.c mllp*.c	the protocols
 */
#ifndef LLP_ENGINE_PRIV_H
#define LLP_ENGINE_PRIV_H

#include "llp_engine.h"

/* Characters. */
#define CH_SOH	0x01
#define CH_STX	0x02
#define CH_ETX	0x03
#define CH_EOT	0x04
#define CH_ENQ	0x05
#define CH_ACK	0x06
#define CH_LF	0x0a
#define CH_CR	0x0d
#define CH_DLE	0x10
#define CH_NAK	0x15
#define CH_SYN	0x16
#define CH_ETB	0x17

/**
 * struct llp_proto_ops - one protocol
 * Every op may be called in every state. All but @init, @fingerprint,
 * @state_name and @can_* may emit events, queue output and set timers.
 */
struct llp_proto_ops {
	void (*init)(struct llp_engine *e);
	void (*connected)(struct llp_engine *e, struct llp_io *io);
	void (*hangup)(struct llp_engine *e, struct llp_io *io, bool final);
	/*
	 * Unflagged bytes, n >= 1. Returns how many were consumed; less than n
	 * only after e->ended was set or when rx_buf is full.
	 */
	size_t (*rx)(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n);
	/* One byte with a line flag. Returns 1, or 0 as above. */
	size_t (*rx_flagged)(struct llp_engine *e, struct llp_io *io, u8 byte, u8 flag);
	/*
	 * All that was queued has been handed out and has left the transmitter
	 * (or the stall timer gave up waiting): start reply timers.
	 */
	void (*tx_empty)(struct llp_engine *e, struct llp_io *io);
	/* Makes e->tx.tail after the last text byte was handed out. */
	void (*tx_tail)(struct llp_engine *e);
	/* One of LLP_T_PENDING and LLP_T_P0.. ran out; it is disarmed already. */
	void (*timeout)(struct llp_engine *e, struct llp_io *io, u32 timer);
	void (*ready)(struct llp_engine *e, struct llp_io *io, u32 before);
	/* Checks, then starts or queues; e->exch is handled by the core. */
	/* @to: the message that an answer is to, 0: not said */
	int (*submit)(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags, u32 to);
	bool (*can_submit)(const struct llp_engine *e, u32 flags);
	bool (*can_withdraw)(const struct llp_engine *e, u32 id);
	/* Message id is in transfer or kept by the protocol. */
	void (*abort)(struct llp_engine *e, struct llp_io *io, u32 id);
	enum llp_settled (*verdict)(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d);
	void (*abort_rx)(struct llp_engine *e, struct llp_io *io);
	void (*request_turn)(struct llp_engine *e, struct llp_io *io);
	bool (*idle)(const struct llp_engine *e);
	/* The gate opened (guard time over): start what waits. */
	void (*kick)(struct llp_engine *e, struct llp_io *io);
	u64 (*fingerprint)(const struct llp_engine *e, u64 h);
	const char *(*state_name)(const struct llp_engine *e);
	const char *(*timer_name)(u32 num);	/* for LLP_T_P0.. */
};

extern const struct llp_proto_ops llp_x328_ops;
extern const struct llp_proto_ops llp_hllp_ops;
extern const struct llp_proto_ops llp_mllp_ops;

/* ---- engine.c: counters, timers, events ---- */

static inline void llp_count(struct llp_engine *e, enum llp_counter c)
{
	e->count[c]++;
}

/* Arms @timer @us microseconds from now. */
void llp_arm(struct llp_engine *e, enum llp_timer timer, u64 us);
void llp_arm_ns(struct llp_engine *e, enum llp_timer timer, u64 ns);

static inline void llp_disarm(struct llp_engine *e, enum llp_timer timer)
{
	e->timer[timer] = LLP_NEVER;
}

static inline bool llp_armed(const struct llp_engine *e, enum llp_timer timer)
{
	return e->timer[timer] != LLP_NEVER;
}

void llp_ev_frame(struct llp_io *io, bool out, enum llp_frame frame, u8 num, u32 len,
		  enum llp_verdict_frame verdict, u8 flags);
void llp_ev_state(struct llp_engine *e, struct llp_io *io, u8 state);
/* Counts and reports lost bytes. */
void llp_ev_lost(struct llp_engine *e, struct llp_io *io, const u8 *p, u32 n);
void llp_ev_disconnect(struct llp_io *io, enum llp_cause cause);
/* Counts a flag (LLP_C_FLAG_*). */
void llp_count_flag(struct llp_engine *e, u8 flag);

/* Received messages. All use e->rx. */
void llp_msg_begin(struct llp_engine *e, struct llp_io *io);	/* gives it an id; pauses the reply timer */
/*
 * rx_buf[e->rx.good .. +len) is checked: feeds the matcher, advances good and
 * total, emits LLP_EV_DATA; with p.flow the text is taken: what lies behind it
 * moves to the front.
 */
void llp_msg_data(struct llp_engine *e, struct llp_io *io, u32 len);
/*
 * The message is whole. Emits LLP_EV_END with LLP_END_REPLY, _ACK_MSG, _LATE,
 * _REPEAT as they apply and @flags added; sets e->ended; clears e->rx for the
 * next message. @digest names the text (0: unknown). Returns the message's id.
 */
u32 llp_msg_end(struct llp_engine *e, struct llp_io *io, u8 flags, u32 check, u64 digest);
/* The message begun (if any) will not be completed. Drops rx_buf's text. */
void llp_msg_cancel(struct llp_engine *e, struct llp_io *io, enum llp_cause cause);
void llp_msg_restart(struct llp_engine *e, struct llp_io *io);
/*
 * LLP_EV_CANCEL for a message that ended (PENDING), or was accepted but never
 * acknowledged (@accepted).
 */
void llp_msg_drop(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause, bool accepted);
/* LLP_EV_ACKED, counted: the acknowledgement of accepted message id goes out. */
void llp_msg_acked(struct llp_engine *e, struct llp_io *io, u32 id);
/* Drops unchecked bytes behind e->rx.good. */
void llp_rx_discard(struct llp_engine *e);

/* 64-bit digest of bytes; independent of how they came. */
u64 llp_digest(const u8 *p, size_t n);
/* Mixes a value into a running digest or fingerprint. */
u64 llp_mix(u64 h, u64 v);
/* A deadline relative to now, for fingerprints. */
u64 llp_rel(const struct llp_engine *e, u64 deadline);

/* ---- tx.c ---- */

#define LLP_CTL_ONE	16	/* the longest short sequence, HLLP's N block */
#define LLP_ENDED_TX	2	/* value of ended: no END, but answers wait to be pulled */
/* Queues a short sequence; it is sent before the next block, never inside one. */
void llp_tx_ctl(struct llp_engine *e, const u8 *p, u32 n);
/*
 * Starts a block: @head, then text @off..@off+@len of message @id, then the
 * tail made by ops->tx_tail. Short sequences queued before go first.
 */
void llp_tx_block(struct llp_engine *e, const u8 *head, u32 head_len, u32 id, u32 off, u32 len);
/* Ends the block being handed out after the bytes already given (X3.28 block abort). */
void llp_tx_cut(struct llp_engine *e);
/* Forgets everything that was not handed out yet. */
void llp_tx_clear(struct llp_engine *e);
/* Some byte of the present block was handed out already. */
bool llp_tx_begun(const struct llp_engine *e);
/* The block given last was handed out to its last byte. */
bool llp_tx_whole(const struct llp_engine *e);
/*
 * All but its last byte, a CR, was handed out at least: the end character alone
 * is an end, too (HLLP decision D-4; for many peers in MLLP).
 */
bool llp_tx_ended(const struct llp_engine *e);
/* Nothing queued, nothing waiting to leave the transmitter. */
bool llp_tx_quiet(const struct llp_engine *e);

/* ---- exchange.c: the outstanding request ---- */

/* A request was taken by ops->submit (core calls this). */
void llp_exch_start(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags);
/*
 * The transfer of message @id ended: emits LLP_EV_SENT, and LLP_EV_DONE unless
 * a reply is awaited. X3.28 and MLLP 2 call it at the acknowledgement, HLLP
 * and MLLP 1 when the transmitter is empty.
 */
void llp_exch_sent(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause,
		   enum llp_outcome outcome);
/* As llp_exch_sent() without LLP_EV_DONE: the protocol keeps the text (HLLP's last reply). */
void llp_exch_sent_keep(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause,
			enum llp_outcome outcome);
/* LLP_EV_DONE for a message that was kept. */
void llp_exch_release(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_cause cause,
		      enum llp_outcome outcome);
/* The outstanding request fails after it was sent (HLLP: NAKs exhausted; hang-up). */
void llp_exch_fail(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome);
/* Restarts the reply timer (HLLP: the request was sent again). */
void llp_exch_rearm(struct llp_engine *e);
/* A verdict was given on received message @id (core calls this). */
void llp_exch_settled(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d,
		      enum llp_settled s);
/* A received message begins / is over without an answer of ours. */
void llp_exch_pause(struct llp_engine *e);
void llp_exch_resume(struct llp_engine *e);
/* A message may be put on the line now (no guard time runs). */
bool llp_exch_gate(const struct llp_engine *e);
/* The present message's relation to the outstanding request, as LLP_END_* flags. */
u8 llp_exch_classify(struct llp_engine *e, const struct llp_match_scan *s);

/* For engine.c and tx.c only. */
void llp_exch_cancel_start(struct llp_engine *e);
void llp_exch_ended(struct llp_engine *e, struct llp_io *io, u32 id, u8 flags);
/*
 * HLLP with on_timeout=resend gets ops->timeout(LLP_T_EXCHANGE) instead of a
 * failure: it sends the request again (llp_exch_rearm() when it has left), or
 * calls llp_exch_fail().
 */
void llp_exch_timeout(struct llp_engine *e, struct llp_io *io, const struct llp_proto_ops *ops);
void llp_exch_abort(struct llp_engine *e, struct llp_io *io, u32 id);
void llp_exch_flush(struct llp_engine *e, struct llp_io *io);
void llp_exch_kick(struct llp_engine *e, struct llp_io *io);
u64 llp_exch_fingerprint(const struct llp_engine *e, u64 h);
size_t llp_tx_pull(struct llp_engine *e, struct llp_io *io, const struct llp_proto_ops *ops, u8 *out,
		   size_t cap);

#endif /* LLP_ENGINE_PRIV_H */
