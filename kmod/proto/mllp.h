/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * MLLP release 1 and 2, what its files share.
 *
 *	mllp.c		entry points; release 1; sending
 *	mllp_dec.c	recognising blocks
 *	mllp_dest.c	release 2: commit of what was received
 */
#ifndef LLP_MLLP_PRIV_H
#define LLP_MLLP_PRIV_H

#include "engine_priv.h"

/* Timers. */
#define MLLP_T_IN	LLP_T_P0	/* silence inside a block */
#define MLLP_T_FS	LLP_T_P1	/* silence after EB */
#define MLLP_T_C	LLP_T_P2	/* release 2: wait for the commit reply */
#define MLLP_T_SETTLE	LLP_T_P3	/* release 2: late commit replies are discarded */

/* Text is digested, and with p.flow passed on, in pieces of this size. */
#define MLLP_CHUNK	1024U

enum mllp_dec { MLLP_IDLE, MLLP_DATA, MLLP_FS };

enum mllp_send {
	MLLP_S_IDLE,
	MLLP_S_QUEUED,		/* taken, not begun */
	MLLP_S_SEND,		/* being transmitted */
	MLLP_S_WAIT,		/* release 2: T_c runs */
	MLLP_S_LOST,		/* connection lost, to be sent again on the next */
};

/* What came during the transmission of our block and decides at its end. */
enum mllp_early { MLLP_EARLY_NONE, MLLP_EARLY_ACK, MLLP_EARLY_NAK };

/* Commit replies that nobody waits for: settling ends with the next, or goes on after it. */
enum mllp_drain { MLLP_DRAIN_NONE, MLLP_DRAIN_ONE, MLLP_DRAIN_MORE };

static inline bool mllp_r2(const struct llp_engine *e)
{
	return e->p.release == 2;
}

/* Text bytes of the block being received. */
static inline u32 mllp_text_len(const struct llp_engine *e)
{
	return e->rx.total + (e->rx.fill - e->rx.good);
}

/* Somebody takes what begins now: a reader, or our request that may be answered by it. */
static inline bool mllp_wanted(const struct llp_engine *e)
{
	return (e->ready & LLP_READY_BID) || e->exch.state == LLP_X_SENDING || e->exch.state == LLP_X_WAIT;
}

/* mllp_dec.c */
size_t mllp_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n);
size_t mllp_rx_flagged(struct llp_engine *e, struct llp_io *io, u8 byte, u8 flag);
void mllp_dec_timeout(struct llp_engine *e, struct llp_io *io, u32 timer);
void mllp_dec_hangup(struct llp_engine *e, struct llp_io *io);
void mllp_dec_bad(struct llp_engine *e, struct llp_io *io, enum llp_cause cause, enum llp_verdict_frame fv);
/* Bytes of @p before the first SB or EB; before the first that release 2 cannot carry. */
size_t mllp_run(const struct llp_engine *e, const u8 *p, size_t n);
size_t mllp_legal(const u8 *p, size_t n);
void mllp_flush(struct llp_engine *e, struct llp_io *io);

/* mllp.c */
void mllp_set_state(struct llp_engine *e, struct llp_io *io, u8 state);
void mllp_commit_reply(struct llp_engine *e, struct llp_io *io, bool ack);

/* mllp_dest.c */
void mllp_nak(struct llp_engine *e, struct llp_io *io, enum llp_counter why);
bool mllp_hold(struct llp_engine *e);
void mllp_superseded(struct llp_engine *e, struct llp_io *io);
void mllp_deliver2(struct llp_engine *e, struct llp_io *io, u64 digest);
void mllp_block_over(struct llp_engine *e, struct llp_io *io);
void mllp_dest_hangup(struct llp_engine *e, struct llp_io *io);
void mllp_pending_timeout(struct llp_engine *e, struct llp_io *io);
enum llp_settled mllp_verdict2(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d);

#endif /* LLP_MLLP_PRIV_H */
