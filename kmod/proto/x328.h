/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * X3.28, what its files share.
 *
 *	x328.c		entry points, what goes out, going idle
 *	x328_dec.c	recognising sequences and blocks in what comes in
 *	x328_bid.c	establishment: bids, contention, line check
 *	x328_master.c	sending a message
 *	x328_slave.c	receiving messages, verdicts
 *
 * The decoder hands over whole sequences (x328_sequence()) and whole blocks
 * (x328_block()); what they mean depends on the station's state.
 */
#ifndef LLP_X328_PRIV_H
#define LLP_X328_PRIV_H

#include "engine_priv.h"
#include "scan.h"

/* Timers, by the standard's letters. */
#define X328_T_A	LLP_T_P0	/* wait for the answer to ENQ or a block */
#define X328_T_B	LLP_T_P1	/* a block must end */
#define X328_T_D	LLP_T_P2	/* slave: the next block must come */
#define X328_T_E	LLP_T_P3	/* idle: check the line */
#define X328_T_GAP	LLP_T_P4	/* wait for a TERM, or quiet after garbage */
#define X328_T_PAUSE	LLP_T_P5	/* no bid before */

#define X328_HEADING_MAX	64	/* decision D-33 */
#define X328_PREFIX_MAX		15	/* decision D-34 */

enum x328_state {
	X328_IDLE,
	X328_BID,		/* ENQ sent */
	X328_CONT,		/* bid again later; answers bids meanwhile */
	X328_MWAIT,		/* master: block sent */
	X328_MRES,		/* master: asked with ENQ for the last answer */
	X328_SWAIT,		/* slave, between blocks */
	X328_SRECV,		/* slave, inside a block */
};

enum x328_dec {
	X328_D_IDLE,		/* between sequences */
	X328_D_LATE,		/* the same; the CR of the last sequence may still come */
	X328_D_DLE,		/* DLE seen */
	X328_D_TERM,		/* a sequence waits for its CR */
	X328_D_HEAD,		/* in a heading */
	X328_D_HDR,		/* BLK and TL */
	X328_D_TEXT,
	X328_D_BCC,
	X328_D_BTERM,		/* a block waits for its CR */
};

/* The heading of the block that is being received. */
enum x328_heading { X328_H_NONE, X328_H_INSIDE, X328_H_OVER };

enum x328_seq {
	X328_S_NONE,
	X328_S_ENQ,
	X328_S_EOT,
	X328_S_NAK,
	X328_S_ACK,		/* with a number */
	X328_S_RINT,
	X328_S_PLAIN,		/* ACK without DLE, option accept_plain_ack */
};

/* Responses of a slave; 0..7 is the number of an ACK. */
#define X328_R_NAK	8
#define X328_R_RINT	9

#define X328_NONE	0xff	/* no block accepted yet */

/* A slave that owes the answer to an ETB block, for want of room. */
enum x328_room { X328_ROOM_OK, X328_ROOM_WAIT, X328_ROOM_NAKKED };

/* x328.c */
void x328_set_state(struct llp_engine *e, struct llp_io *io, u8 state);
void x328_send(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num, u8 flags);
void x328_clear(struct llp_engine *e);
void x328_go_idle(struct llp_engine *e, struct llp_io *io);
void x328_arm_e(struct llp_engine *e);
enum llp_frame x328_frame_of(enum x328_seq seq);
void x328_frame_in(struct llp_io *io, enum x328_seq seq, u8 num, enum llp_verdict_frame v);
void x328_ignore(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num);
void x328_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num);

/* x328_dec.c */
size_t x328_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n);
size_t x328_rx_flagged(struct llp_engine *e, struct llp_io *io, u8 byte, u8 flag);
void x328_gap_timeout(struct llp_engine *e, struct llp_io *io);
void x328_dec_reset(struct llp_engine *e, struct llp_io *io);
void x328_arm_quiet(struct llp_engine *e);
u8 x328_bcc(const struct llp_engine *e, u8 acc);

/* x328_bid.c */
void x328_try_bid(struct llp_engine *e, struct llp_io *io);
void x328_bid_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num);
void x328_bid_timer_a(struct llp_engine *e, struct llp_io *io);
void x328_bid_pause_over(struct llp_engine *e, struct llp_io *io);
void x328_bid_timer_e(struct llp_engine *e, struct llp_io *io);
void x328_bid_abort(struct llp_engine *e, struct llp_io *io);

/* x328_master.c */
int x328_check_text(const struct llp_engine *e, const u8 *p, u32 len);
void x328_begin_transfer(struct llp_engine *e, struct llp_io *io);
void x328_fail(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_outcome outcome);
void x328_master_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num);
void x328_master_garbage(struct llp_engine *e);
void x328_master_quiet(struct llp_engine *e, struct llp_io *io);
void x328_master_timer_a(struct llp_engine *e, struct llp_io *io);
void x328_master_tx_empty(struct llp_engine *e, struct llp_io *io);
void x328_master_abort(struct llp_engine *e, struct llp_io *io);
void x328_master_tail(struct llp_engine *e);
enum llp_outcome x328_outcome_lost(const struct llp_engine *e);

/* x328_slave.c */
void x328_become_slave(struct llp_engine *e, struct llp_io *io);
void x328_block_begun(struct llp_engine *e, struct llp_io *io);
void x328_block(struct llp_engine *e, struct llp_io *io, bool term);
void x328_block_restarted(struct llp_engine *e, struct llp_io *io);
void x328_slave_sequence(struct llp_engine *e, struct llp_io *io, enum x328_seq seq, u8 num);
void x328_slave_silent(struct llp_engine *e, struct llp_io *io);
void x328_pending_timeout(struct llp_engine *e, struct llp_io *io);
void x328_slave_ready(struct llp_engine *e, struct llp_io *io);
enum llp_settled x328_verdict(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d);
void x328_slave_abort(struct llp_engine *e, struct llp_io *io);
void x328_slave_drop(struct llp_engine *e, struct llp_io *io, enum llp_cause cause);

#endif /* LLP_X328_PRIV_H */
