/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * The state of the engine. Public only so that callers can hold and copy it;
 * nobody but the engine reads or writes a member.
 */
#ifndef LLP_STATE_H
#define LLP_STATE_H

/* Timers. The first are the same for all protocols. */
enum llp_timer {
	LLP_T_EXCHANGE,		/* reply time-out, nak_wait, guard after a lost reply */
	LLP_T_STALL,		/* the transmitter does not take or finish our bytes */
	LLP_T_PENDING,		/* wait for the reader's verdict */
	LLP_T_P0, LLP_T_P1, LLP_T_P2, LLP_T_P3, LLP_T_P4, LLP_T_P5,	/* the protocol's own */
	LLP_T__N,
};

#define LLP_CTL_MAX	64	/* bytes of short sequences waiting to be sent */
#define LLP_HEAD_MAX	16
#define LLP_TAIL_MAX	16
#define LLP_SERVED_MAX	8	/* HLLP, MLLP 1: messages whose answer is being made */

/* The message being received. */
struct llp_rx_state {
	u32 fill;		/* bytes of rx_buf in use, checked or not */
	u32 good;		/* of these, checked text */
	u32 total;		/* checked text of this message, also what was taken (flow) */
	u32 id;			/* its id; 0: none begun */
	u32 next_id;
	u8 begun;		/* LLP_EV_BEGIN was given */
	struct llp_match_scan scan;
	u64 digest;		/* running, where the protocol keeps one; 0 at the start */
	u64 last_digest;	/* of the last accepted message, for LLP_END_REPEAT */
	u32 last_len;
	u32 ended_id;		/* the last message that ended, not yet accepted */
	u32 ended_len;
	u64 ended_digest;
};

/* What is being sent: short sequences first, then a block. */
struct llp_tx_state {
	u8 ctl[LLP_CTL_MAX];
	u8 ctl_len;
	u8 wait;		/* bytes were handed out; llp_tx_empty() is wanted */
	u8 active;		/* a block is being handed out */
	u8 head_len, tail_len;
	u8 tail_made;
	u8 head[LLP_HEAD_MAX];
	u8 tail[LLP_TAIL_MAX];
	u32 id;			/* message that the text is of */
	u32 off, len;		/* region of it */
	u32 pos;		/* bytes of head + text + tail handed out */
	u32 text_out;		/* text bytes on the wire, stuffing included */
	u64 acc;		/* check over what was handed out */
	u32 run;		/* HLLP stuffing: bytes since the last CR */
	u32 text_pos;		/* bytes of the region consumed */
	u8 stuff_cr;		/* HLLP stuffing: a CR is due */
};

enum llp_exch_state { LLP_X_IDLE, LLP_X_SENDING, LLP_X_WAIT, LLP_X_ENDING };

/* The outstanding request of ours. */
struct llp_exch {
	u32 id;			/* 0: none */
	u8 state;		/* enum llp_exch_state */
	u8 expect;		/* enum llp_expect */
	u8 mode;		/* enum llp_match_mode, resolved */
	u8 next_mode;		/* of the request that waits for the guard to end */
	u8 outcome;		/* of the transfer */
	u8 guard;		/* lockstep: a late reply may still come; nothing is sent */
	u8 paused;
	u8 expired;		/* the time is over, but a message is on its way */
	u8 replied;		/* its reply was accepted before its transfer ended */
	u8 end_cause, end_outcome; /* LLP_X_ENDING */
	u32 answering;		/* received message whose answer is awaited, while paused */
	u32 reply;		/* received message that matched and waits for its verdict */
	u64 remaining;		/* while paused, ns */
	u64 limit;		/* pause ends here at the latest */
	struct llp_match_id key;
};

enum llp_pend_state { LLP_PEND_NONE, LLP_PEND_WAIT, LLP_PEND_LATE };

/* A received message that waits for its verdict (X3.28, MLLP 2). */
struct llp_pending {
	u32 id;
	u8 state;		/* enum llp_pend_state */
	u8 gains;		/* NAKs sent to gain time */
	u8 nakked;		/* the present gain NAK waits for the repeat */
	u8 answer;		/* accepted with LLP_ACCEPT_ANSWER */
	u32 len;		/* of its last block */
	u32 check;
	u64 digest;		/* of its last block */
	u64 msg_digest;		/* of the whole message */
	u32 msg_len;
};

/* X3.28: see x328.c */
struct llp_x328 {
	u8 state;
	/* receive: sequence and block recogniser */
	u8 dec;			/* decoder state */
	u8 seq;			/* sequence that waits for its TERM */
	u8 flagged, overlong, heading, prefix;
	u8 hdr[6];		/* BLK and TL as received */
	u8 bcc[2];
	u8 hdr_len, bcc_len, end;
	u32 text_len;
	u64 xor_acc, heading_acc;
	/* master */
	u32 id;			/* message in transfer; 0: none */
	u32 len;		/* its length */
	u32 sub_flags;
	u32 off, blk_len;	/* present block */
	u8 vs, tx, nm, nn, contentions, enq_seen;
	u8 lastrx, dirty, linecheck, abort, last_sent, nak_last, blk_end, quiet_kind;
	u8 cont_from;		/* CONT was entered by contention */
	u8 cooldown;		/* bid taken back: no new one until A has run out */
	u8 rint_stop;
	/* slave */
	u8 vr, last, last_end, resp, resp_pos, open, naks, rint_want, rint_sent, refuse;
	u8 room_wait;
	u32 last_len, last_check;
	u64 last_digest;
	u64 no_bid_until;
};

/* HLLP: see hllp.c */
struct llp_served {
	u32 id;			/* 0: free */
	u32 len;
	u64 digest;
};

struct llp_hllp {
	u8 dec;
	u8 hdr[5];
	u8 hdr_len, tail_skip, flagged, overlong, void_seen, drain, nak_reason;
	u8 vv[2];		/* of the block being answered */
	u8 scope;		/* last accepted, for xor_scope=auto */
	u8 lost_run;
	u64 acc;
	/* sending */
	u32 id, len, sub_flags;	/* block in transfer */
	u8 tries, sent, abort, defer;
	u32 last_block;		/* id of the D block sent last: a NAK answers it */
	u32 kept_id, kept_len;	/* last reply, kept for a resend */
	u8 kept_tries, kept_busy;
	u32 req_len;		/* of the outstanding request, for resends */
	u8 req_tries, expect_repeat, nak_seen, naks_own;
	struct llp_served served[LLP_SERVED_MAX];
};

/* MLLP: see mllp.h */
struct llp_mllp {
	u8 dec;			/* enum mllp_dec */
	u8 bad, bad_verdict;	/* why the present block is skipped, 0: it is not */
	u8 reply;		/* its only byte so far may be a commit reply */
	u8 lost_run;		/* bytes were lost since the last block */
	u8 hold;		/* it may be a repeat: no message is begun yet */
	u32 hold_len;		/* length of what it may be a repeat of */
	u32 bad_len;
	u64 digest;		/* of the text that was passed on */
	/* sending */
	u8 state;		/* enum mllp_send */
	u8 tries;		/* times sent again */
	u8 early;		/* enum mllp_early */
	u8 add_cr, req_add_cr;
	u8 abort;		/* ends at the end of the block */
	u8 again;		/* release 1: the request once more, on a new connection */
	u8 whole;		/* one try went out to its last byte */
	u8 timed_out;		/* some try was never answered */
	u8 by_timeout;		/* the present try follows one */
	u8 drain;		/* settling ends with the next commit reply */
	u32 id, len;		/* message in transfer; id 0: none */
	u32 req_id, req_len;	/* the last request */
	/* release 2: the block committed last */
	u8 dd_valid;
	u32 dd_len;
	u64 dd_digest, dd_until;
};

struct llp_engine {
	struct llp_params p;
	u8 proto;
	u8 ready;
	u8 connected;
	u8 ended;		/* llp_rx(): an END was given, return to the caller */
	u64 now;		/* of the call under way */
	u64 timer[LLP_T__N];	/* deadlines */
	struct llp_rx_state rx;
	struct llp_tx_state tx;
	struct llp_exch exch;
	struct llp_pending pend;
	union {
		struct llp_x328 x;
		struct llp_hllp h;
		struct llp_mllp m;
	} u;
	u64 count[LLP_C__N];
};

#endif /* LLP_STATE_H */
