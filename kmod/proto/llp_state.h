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

/* Digest of a text that is still coming: see scan.h. */
struct llp_sum {
	u64 a, b, c, d;
	u32 done;		/* bytes that are in it, whole groups */
};

/* The message being received. */
struct llp_rx_state {
	u32 fill;		/* bytes of rx_buf in use, checked or not */
	u32 good;		/* of these, checked text */
	u32 total;		/* checked text of this message, also what was taken (flow) */
	u32 id;			/* its id; 0: none begun */
	u32 next_id;
	u8 begun;		/* LLP_EV_BEGIN was given */
	u8 coming;		/* a block arrives that may become a message */
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

/* X3.28: see x328.h */
struct llp_x328 {
	u8 state;		/* enum x328_state */
	/* recogniser */
	u8 dec;			/* enum x328_dec */
	u8 seq, seq_num;	/* sequence that waits for its CR */
	u8 bare;		/* it came without */
	u8 hasty;		/* it began before our block can have left the transmitter */
	u8 junk[16];		/* bytes that may be a prefix or garbage */
	u8 junk_len;
	u8 run;			/* printable ones among the last, up to 16 */
	u8 burst;		/* this burst of garbage was counted */
	u8 garbled;		/* master: garbage in place of an answer, waiting for quiet */
	/* block being received */
	u8 flagged, format, overlong, overmsg;
	u8 heading, heading_len, heading_acc;
	u8 hdr_len, bcc_len, end;
	u8 hdr[6];		/* BLK and TL as received */
	u8 bcc[2];
	u32 text_len;
	u64 acc;
	struct llp_sum sum;	/* of its text; does not hold what the last reads brought */
	/* message in transfer */
	u32 id;			/* 0: none */
	u32 len;
	u32 off, blk_len, next;	/* present block, where the next begins */
	u8 vs;			/* its number */
	u8 last;		/* it is the last */
	u8 tail_out;		/* it was handed out to its end */
	u8 unsure;		/* an answer to it may have been lost */
	u8 abort;		/* local abort: end at the next answer */
	u8 lastrx;		/* last valid answer, ACK or RINT (enum x328_seq) */
	u8 early, early_num;	/* answer that came while the block was being handed out */
	u8 enq_seen;
	u8 rint_stop;		/* reverse interrupt: leave the line to the other station */
	u64 leaves;		/* it cannot have left the transmitter before, ns */
	u16 tx;			/* times it was sent */
	u16 nn, nm, contentions, requeues;
	/* bids */
	u8 await;		/* start timer A when the transmitter is empty */
	u8 dirty;		/* prefix the next ENQ with EOT */
	u8 linecheck;
	u8 contended;		/* CONT was entered by contention */
	u8 cooldown;		/* bid taken back: no new one until A has run out */
	/* slave */
	u8 vr;			/* number expected */
	u8 got, got_end, got_check;	/* block accepted last: number, ETB or ETX, BCC */
	u8 resp;		/* response sent last */
	u8 resp_pos;		/* positive response to the block accepted last */
	u8 room;		/* enum x328_room */
	u8 gains;		/* NAKs sent for want of room */
	u8 due;			/* the wait for verdict or room ended inside a block */
	u8 refuse;		/* answer the next block with EOT */
	u8 rint_want, rint_sent;
	u16 naks;		/* in a row */
	u32 got_len;
	u64 got_digest;
};

/* HLLP: see hllp.h */
struct llp_served {
	u32 id;
	u32 len;		/* of the data on the wire */
	u64 digest;
	u8 vv[2];		/* its version, for a refusal */
	u8 answer;		/* accepted, a reply will be submitted */
	u8 bound;		/* the message in transfer is that reply */
};

struct llp_hllp {
	/* receiving */
	u8 dec;			/* enum hllp_dec */
	u8 hdr[5], hdr_len;
	u8 skip;		/* reason for which the block is bad already, 0: none */
	u8 fv;			/* enum llp_verdict_frame of the block */
	u8 check;		/* its checksum over head and data, 0: none */
	u8 lost_run;		/* bytes were lost since the last block */
	u8 after_block;		/* nothing but fill came since the last block */
	u8 hold;		/* may be a repeat: no message is begun yet */
	u8 repeat;		/* flow: the message is void, its repeat is awaited */
	u8 scope;		/* enum llp_hllp_scope accepted last */
	u8 cr_due, stuff_bad, sep, sep_pos;
	u32 run;		/* bytes since the last CR */
	u32 body;		/* bytes after the head, trailer included */
	u32 hold_len;		/* data of the longest that it may be a repeat of */
	u64 acc;		/* check over the block so far */
	u64 digest;		/* of the data that was passed on (flow) */
	struct llp_sum sum;	/* of data that is whole in rx_buf; holds none of the trailer */
	/* NAK that waits for silence */
	u8 drain;		/* its reason, 0: none */
	u8 drain_vv[2];
	u8 reply_vv[2];		/* version of the last reply received */
	/* serving */
	u8 n_served;
	struct llp_served served[LLP_SERVED_MAX];	/* oldest first */
	/* sending */
	u8 state;		/* enum hllp_send */
	u8 cur;			/* enum hllp_kind being transmitted */
	u8 last;		/* enum hllp_kind transmitted before it: what a NAK answers */
	u8 due_req, due_kept;	/* to be sent again */
	u8 abort;		/* the message in transfer ends with its block */
	u8 retry;		/* the request was begun on a connection that is gone */
	u8 whole;		/* it went out to its last byte there */
	u8 req_tries, req_unsure, kept_tries;
	u8 kept_drop;		/* let the kept reply go when its block is out */
	u32 id, len;		/* request submitted, not transmitted yet; id 0: none */
	u32 ans_id, ans_len;	/* the same of a reply */
	u32 req_id, req_len;	/* the last request */
	u32 kept_id, kept_len;	/* the last reply */
	u64 nak_from;		/* an N block that answers the request cannot be whole before, ns */
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
	u8 ended;		/* llp_rx() returns to the caller: 1 an END was given */
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
