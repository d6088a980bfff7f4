/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The protocol engine: ANSI X3.28 (as profiled by HL7), HLLP, MLLP release 1
 * and 2. Pure state machines: bytes with their line flags, time and messages
 * go in; bytes to send, events and the next deadline come out. No allocation,
 * no clock, no locks, no pointers kept. The whole state is struct llp_engine,
 * which may be copied with memcpy().
 *
 * How a shell (the line discipline, the daemon, a test) drives it:
 *
 *	llp_engine_init(e, LLP_PROTO_X328, &params, now, seed);
 *	llp_connected(e, &io);			the line is there
 *	llp_set_ready(e, &io, LLP_READY_ALL);	somebody takes messages
 *
 *	on bytes:	io.now = now; while (n) { k = llp_rx(...); p += k; ... }
 *	on deadline:	io.now = now; llp_timeout(e, &io);
 *	to send:	llp_submit(e, &io, id, len, flags)
 *	after each:	while ((k = llp_tx(e, &io, buf, sizeof(buf)))) write(buf, k);
 *			llp_tx_empty(e, &io) when the last byte has left the wire;
 *			arm a timer for llp_deadline(e)
 *
 * Every call is serialised by the caller. io.event() and io.text() are called
 * from inside these calls and must not call the engine.
 */
#ifndef LLP_ENGINE_H
#define LLP_ENGINE_H

#include "llp_os.h"
#include "llp_match.h"
#include "llp_params.h"

/* No deadline. */
#define LLP_NEVER	(~0ULL)

/* Flags of a received byte; the values are those of the kernel's TTY_*. */
enum llp_line_flag {
	LLP_FLAG_NONE = 0,
	LLP_FLAG_BREAK = 1,
	LLP_FLAG_FRAME = 2,
	LLP_FLAG_PARITY = 3,
	LLP_FLAG_OVERRUN = 4,
};

/* Why a message failed or was cancelled. */
enum llp_cause {
	LLP_OK = 0,
	LLP_CAUSE_BUSY,		/* bid refused M times, or contention lost to the end */
	LLP_CAUSE_NOREPLY,	/* no answer of the other station to the last try */
	LLP_CAUSE_REJECTED,	/* negative acknowledgement at every try */
	LLP_CAUSE_INTERRUPTED,	/* X3.28: termination interrupt by the slave */
	LLP_CAUSE_ABORTED,	/* our own side took it back */
	LLP_CAUSE_LINKRESET,	/* X3.28: the other station bids in mid message */
	LLP_CAUSE_HANGUP,	/* the line is gone */
	LLP_CAUSE_REPLY_TIMEOUT, /* delivered, but no reply message came in time */
	LLP_CAUSE_SENDER_ABORT,	/* the sender took its message back */
	LLP_CAUSE_SILENCE,	/* the sender fell silent in mid message */
	LLP_CAUSE_TOO_LONG,	/* longer than max_message or the caller's buffer */
	LLP_CAUSE_DAMAGED,	/* checks failed; the sender was told */
	LLP_CAUSE_SUPERSEDED,	/* the sender began another message instead */
	LLP_CAUSE_VERDICT_LATE,	/* the reader's verdict took longer than the protocol waits */
	LLP_CAUSE_REFUSED,	/* the reader's verdict was reject */
	LLP_CAUSE_FORMAT,	/* not what the protocol allows */
	LLP_CAUSE__N,
};

/* What is known of the fate of a submitted message. */
enum llp_outcome {
	LLP_OUT_NOT_SENT,	/* its last block never went on the wire, or was refused for good */
	LLP_OUT_DELIVERED,	/* acknowledged by the other station */
	LLP_OUT_REFUSED,	/* the last block was rejected; it is not there */
	LLP_OUT_UNKNOWN,	/* the last block was sent, its acknowledgement never came */
	LLP_OUT_TRANSMITTED,	/* sent; this protocol acknowledges nothing (HLLP, MLLP 1) */
};

/* Frames, for traces and ladders. */
enum llp_frame {
	LLP_FR_ENQ, LLP_FR_EOT, LLP_FR_NAK, LLP_FR_ACK, LLP_FR_RINT,
	LLP_FR_BLOCK,		/* X3.28 block; num = BLK */
	LLP_FR_BLOCK_ABORT,	/* X3.28 block ended by ENQ */
	LLP_FR_D, LLP_FR_N,	/* HLLP data and NAK block; num = reason for N */
	LLP_FR_MSG,		/* MLLP data block */
	LLP_FR_CACK, LLP_FR_CNAK, /* MLLP 2 commit replies */
	LLP_FR_GARBAGE,		/* bytes that belong to no frame */
	LLP_FR__N,
};

/* What the receiver thought of a frame. */
enum llp_verdict_frame {
	LLP_FV_GOOD,
	LLP_FV_DUPLICATE,	/* repeat of what was accepted (or is PENDING) */
	LLP_FV_FLAG,		/* parity, framing, overrun or break inside */
	LLP_FV_FORMAT,		/* header, digits or end not as they must be */
	LLP_FV_CHECK,		/* BCC or checksum */
	LLP_FV_LENGTH,		/* count or TL differs from what came */
	LLP_FV_TOO_LONG,
	LLP_FV_NUMBER,		/* block number out of sequence */
	LLP_FV_INCOMPLETE,	/* cut off */
	LLP_FV_BUSY,		/* good, but not taken now */
	LLP_FV_IGNORED,		/* not expected in this state */
	LLP_FV__N,
};

enum llp_event_type {
	/* A received message: BEGIN (DATA)* then END, or RESTART, or CANCEL. */
	LLP_EV_BEGIN,		/* id */
	LLP_EV_DATA,		/* id, off, len: rx_buf[off..off+len) is checked text */
	LLP_EV_END,		/* id, len (whole message), flags, check, reply_to */
	LLP_EV_RESTART,		/* id: what came so far is void, the message begins anew */
	LLP_EV_CANCEL,		/* id, cause: it will not be completed; flags LLP_CANCEL_* */
	LLP_EV_ACKED,		/* id: the acknowledgement of an accepted message went out */
	/* A submitted message: SENT once, later DONE once. */
	LLP_EV_SENT,		/* id, cause, outcome: transfer over the line ended */
	LLP_EV_DONE,		/* id, cause, outcome: exchange ended; the text is no longer needed */
	/* Everything else. */
	LLP_EV_LOST,		/* bytes, len: received bytes that belong to no frame */
	LLP_EV_DISCONNECT,	/* cause: the protocol asks to drop the connection */
	LLP_EV_FRAME,		/* frame, out, num, len, verdict, flags LLP_FRAME_* */
	LLP_EV_TIMER,		/* num: which timer ran out (llp_timer_name()) */
	LLP_EV_STATE,		/* num: new state (llp_state_name()) */
};

/* flags of LLP_EV_END */
#define LLP_END_PENDING	0x01	/* not yet acknowledged: waits for llp_verdict() */
#define LLP_END_REPLY	0x02	/* answers the outstanding request reply_to */
#define LLP_END_ACK_MSG	0x04	/* its second segment is MSA */
#define LLP_END_LATE	0x08	/* lockstep: came in the guard time after a reply time-out */
#define LLP_END_REPEAT	0x10	/* same bytes as the message accepted before it */
#define LLP_END_EMPTY	0x20	/* no text; needs no verdict, was acknowledged */
/* flags of LLP_EV_CANCEL */
#define LLP_CANCEL_ACCEPTED 0x01 /* accept had been given, but no acknowledgement went out:
				  * the sender may send the message again
				  */
/* flags of LLP_EV_FRAME */
#define LLP_FRAME_LAST	0x01	/* ETX block */
#define LLP_FRAME_AGAIN	0x02	/* a retransmission, or a repeated reply */

struct llp_event {
	u8 type;		/* enum llp_event_type */
	u8 cause;		/* enum llp_cause */
	u8 outcome;		/* enum llp_outcome */
	u8 flags;
	u8 frame;		/* enum llp_frame */
	u8 out;			/* LLP_EV_FRAME: 1 sent, 0 received */
	u8 num;
	u8 verdict;		/* enum llp_verdict_frame */
	u32 id;
	u32 reply_to;
	u32 off;
	u32 len;
	u32 check;		/* LLP_EV_END: BCC or XOR of the last block */
	const u8 *bytes;	/* LLP_EV_LOST: valid during the call */
};

/**
 * struct llp_io - what the caller lends to the engine for one call
 * @now: time in nanoseconds, never going backwards between calls
 * @rx_buf: where received text is gathered. Must keep its first
 *	llp_rx_fill() bytes from call to call (it may move). At LLP_EV_END the
 *	message is rx_buf[0..len) and the next call starts at 0 again.
 * @rx_cap: its size. When it is used up, llp_rx() returns early; enlarge it
 *	by at least one byte and call again.
 * @rx_fixed: it cannot grow: treat a message that does not fit as too long.
 * @text: returns the bytes of submitted message @id (as long as llp_submit()
 *	said); called only between submit and LLP_EV_DONE of @id.
 * @event: takes an event. Must not call the engine.
 * @ctx: passed to both.
 */
struct llp_io {
	u64 now;
	u8 *rx_buf;
	u32 rx_cap;
	bool rx_fixed;
	const u8 *(*text)(void *ctx, u32 id);
	void (*event)(void *ctx, const struct llp_event *ev);
	void *ctx;
};

/* Readiness, for llp_set_ready(). */
#define LLP_READY_BID	0x01	/* somebody will take a message that begins now */
#define LLP_READY_ROOM	0x02	/* there is room for another block of the present message */
#define LLP_READY_ALL	0x03

/* flags of llp_submit() */
#define LLP_SUBMIT_REPLY	0x01	/* answers a received message; no reply to it is expected */
#define LLP_SUBMIT_EXPECT_NONE	0x02	/* nothing answers this request */
#define LLP_SUBMIT_EXPECT_OPT	0x04	/* a reply may come; its absence is no failure */
/* neither: a reply is expected */

/* llp_verdict(): what the reader decided about a message that ended. */
enum llp_decision {
	LLP_ACCEPT,		/* it is safe: acknowledge */
	LLP_ACCEPT_ANSWER,	/* as LLP_ACCEPT, and a reply will be submitted */
	LLP_REJECT,		/* refuse it the protocol's way */
	LLP_FORGET,		/* HLLP, MLLP 1: no answer will come; say nothing */
};

/* llp_verdict(): what came of it. */
enum llp_settled {
	LLP_ACKNOWLEDGED = 0,	/* done (or nothing to do in this protocol) */
	LLP_LATE = 1,		/* was NAKed to gain time; the repeat will be acknowledged:
				 * LLP_EV_ACKED or LLP_EV_CANCEL follows
				 */
	LLP_GONE = 2,		/* that transmission is over; it will come again */
};

struct llp_engine;

/**
 * llp_engine_init() - a station at rest, line not connected, not ready
 * @e: state to set up
 * @proto: enum llp_protocol
 * @p: parameters; checked by llp_params_check() before
 * @now: time, ns
 */
void llp_engine_init(struct llp_engine *e, enum llp_protocol proto, const struct llp_params *p, u64 now);

/** llp_connected() - the line is there (tty attached, connection made) */
void llp_connected(struct llp_engine *e, struct llp_io *io);

/**
 * llp_hangup() - the line is gone (carrier lost, connection ended)
 * @final: it will not come back for what is in progress
 *
 * What is being received is cancelled, what is being sent fails with
 * LLP_CAUSE_HANGUP, unless the protocol resends after a reconnection and
 * @final is false.
 */
void llp_hangup(struct llp_engine *e, struct llp_io *io, bool final);

/**
 * llp_rx() - bytes from the line
 * @p: bytes
 * @flags: enum llp_line_flag for each, or NULL: none flagged
 * @n: how many
 *
 * Return: how many were consumed. Less than @n after an LLP_EV_END (take the
 * message out of rx_buf), when rx_buf is full, and when llp_tx() should be called.
 */
size_t llp_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, const u8 *flags, size_t n);

/** llp_rx_fill() - bytes of rx_buf in use */
u32 llp_rx_fill(const struct llp_engine *e);

/**
 * llp_tx() - next bytes to send
 * Return: how many were put into @out, 0: nothing to send now. Bytes handed
 * out once are considered written; call until it returns 0.
 */
size_t llp_tx(struct llp_engine *e, struct llp_io *io, u8 *out, size_t cap);

/** llp_tx_pending() - llp_tx() would return something */
bool llp_tx_pending(const struct llp_engine *e);

/** llp_tx_wait() - the engine wants llp_tx_empty() once the last byte has left */
bool llp_tx_wait(const struct llp_engine *e);

/** llp_tx_empty() - the last byte handed out has left the transmitter */
void llp_tx_empty(struct llp_engine *e, struct llp_io *io);

/** llp_deadline() - when llp_timeout() is due, ns; LLP_NEVER: not at all */
u64 llp_deadline(const struct llp_engine *e);

/** llp_timeout() - time has passed; early and needless calls do no harm */
void llp_timeout(struct llp_engine *e, struct llp_io *io);

/** llp_set_ready() - LLP_READY_* */
void llp_set_ready(struct llp_engine *e, struct llp_io *io, u32 ready);

/**
 * llp_set_flow() - parameter "flow", between messages
 * @on: pass text on before the message is complete
 *
 * Return: 0; -EBUSY something is being received; nothing was changed then.
 */
int llp_set_flow(struct llp_engine *e, bool on);

/**
 * llp_submit() - send a message
 * @id: the caller's name for it, not 0, not in use
 * @len: its length; io->text(id) gives the bytes until LLP_EV_DONE
 * @flags: LLP_SUBMIT_*
 *
 * Return: 0; -EBUSY a message is being transferred already, or a request is
 * outstanding and this is another; -EINVAL empty or bad id; -EMSGSIZE longer
 * than this protocol or max_message allows; -EILSEQ it holds a character that
 * this protocol cannot carry; -ENODEV not connected. Nothing was changed then.
 */
int llp_submit(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 flags);

/**
 * llp_answer() - as llp_submit() with LLP_SUBMIT_REPLY, of the answer to one message
 * @to: id of the received message; 0: as llp_submit() does, the oldest that an
 *	answer was announced for
 *
 * HLLP serves a message until its answer is out. That nobody waits for this
 * answer any more is for the caller to know: the engine sends what it is given.
 */
int llp_answer(struct llp_engine *e, struct llp_io *io, u32 id, u32 len, u32 to);

/**
 * llp_can_submit() - llp_submit() with these flags would not return -EBUSY
 */
bool llp_can_submit(const struct llp_engine *e, u32 flags);

/**
 * llp_can_withdraw() - message @id has put no block on the wire yet, so that
 * llp_abort() ends it with LLP_OUT_NOT_SENT at once
 */
bool llp_can_withdraw(const struct llp_engine *e, u32 id);

/**
 * llp_abort() - take message @id back, or stop waiting for its reply
 * LLP_EV_SENT and LLP_EV_DONE follow, at once or when the protocol allows.
 */
void llp_abort(struct llp_engine *e, struct llp_io *io, u32 id);

/**
 * llp_verdict() - what became of received message @id
 * Return: enum llp_settled.
 */
enum llp_settled llp_verdict(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d);

/** llp_abort_rx() - stop the message that is being received the protocol's way */
void llp_abort_rx(struct llp_engine *e, struct llp_io *io);

/** llp_request_turn() - X3.28: answer the next good block with RINT */
void llp_request_turn(struct llp_engine *e, struct llp_io *io);

/** llp_idle() - nothing is in progress in either direction */
bool llp_idle(const struct llp_engine *e);

/**
 * llp_fingerprint() - the same for two states that will behave alike
 * Deadlines count relative to @now; counters do not count.
 */
u64 llp_fingerprint(const struct llp_engine *e, u64 now);

/* Names for people; never NULL. */
const char *llp_cause_name(enum llp_cause c);		/* "no reply" */
const char *llp_outcome_name(enum llp_outcome o);
const char *llp_frame_name(enum llp_frame f);
const char *llp_frame_verdict_name(enum llp_verdict_frame v);
const char *llp_state_name(const struct llp_engine *e);	/* present state */
const char *llp_timer_name(const struct llp_engine *e, u32 num);
const char *llp_counter_name(u32 counter);		/* "naks_sent" */

/** llp_cause_errno() - the positive errno a cause maps to; 0 for LLP_OK */
int llp_cause_errno(enum llp_cause c, enum llp_outcome o);

/* Counters, 64 bits, never reset. Order is not part of any interface. */
enum llp_counter {
	LLP_C_RX_BYTES, LLP_C_TX_BYTES,
	LLP_C_RX_MESSAGES,	/* ended whole */
	LLP_C_TX_MESSAGES,	/* delivered or transmitted */
	LLP_C_RX_CANCELLED, LLP_C_TX_FAILED,
	LLP_C_RX_BLOCKS, LLP_C_TX_BLOCKS,	/* good ones in; all sends out */
	LLP_C_RETRANSMISSIONS,
	LLP_C_NAKS_SENT, LLP_C_NAKS_RECEIVED,
	LLP_C_NAK_CHECK, LLP_C_NAK_LENGTH, LLP_C_NAK_FORMAT, LLP_C_NAK_FLAG,
	LLP_C_NAK_NUMBER, LLP_C_NAK_TOO_LONG, LLP_C_NAK_BUSY, LLP_C_NAK_TIME,
	LLP_C_DUPLICATES,	/* repeated blocks discarded */
	LLP_C_REPEATS,		/* whole messages that came again */
	LLP_C_CONTENTIONS,
	LLP_C_TIMEOUTS,		/* timers that ran out while something was in progress */
	LLP_C_BIDS, LLP_C_BIDS_REFUSED,
	LLP_C_INTERRUPTS,	/* RINT and termination interrupts, both ways */
	LLP_C_GARBAGE,		/* bursts of unexpected bytes */
	LLP_C_UNEXPECTED,	/* good frames that do not fit the state */
	LLP_C_LOST_BYTES,
	LLP_C_FLAG_PARITY, LLP_C_FLAG_FRAME, LLP_C_FLAG_OVERRUN, LLP_C_FLAG_BREAK,
	LLP_C_REPLY_TIMEOUTS, LLP_C_LATE_REPLIES,
	LLP_C_VERDICTS_LATE, LLP_C_VERDICTS_GONE,
	LLP_C_TX_STALLS,
	LLP_C_HANGUPS,
	LLP_C__N,
};

#include "llp_state.h"

#endif /* LLP_ENGINE_H */
