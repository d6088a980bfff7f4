/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Hybrid LLP, what its files share.
 *
 *	hllp.c		entry points; what is sent and when
 *	hllp_dec.c	recognising blocks, flow-through
 *	hllp_check.c	count and checksum, both ways; carriage return stuffing
 *	hllp_resp.c	what received blocks mean: requests, replies, NAKs
 */
#ifndef LLP_HLLP_PRIV_H
#define LLP_HLLP_PRIV_H

#include "engine_priv.h"

/* Timers. */
#define HLLP_T_IN	LLP_T_P0	/* silence inside a block */
#define HLLP_T_TERM	LLP_T_P1	/* wait for the CR after EB */
#define HLLP_T_DRAIN	LLP_T_P2	/* silence before a NAK */
#define HLLP_T_KEEP	LLP_T_P3	/* how long the last reply is kept */
#define HLLP_T_REPEAT	LLP_T_P4	/* flow: wait for the repeat of a damaged block */

#define HLLP_HEAD	5U	/* SB t v v CR */
#define HLLP_TRAILER	8U	/* ccccc xxx */
#define HLLP_NAK	16U	/* an N block: head, a letter, trailer, EB CR */
#define HLLP_MAX	99994U	/* data of a block: five digits, less the head */
#define HLLP_CHUNK	1024U	/* text is digested, and with p.flow passed on, in pieces of this size */

enum hllp_dec { HLLP_HUNT, HLLP_BLOCK, HLLP_TAIL };

/* Which block is being transmitted, or was last. */
enum hllp_kind {
	HLLP_NONE,
	HLLP_MSG,	/* a submitted request, for the first time */
	HLLP_ANS,	/* a submitted reply, for the first time */
	HLLP_REQ,	/* the outstanding request, again */
	HLLP_KEPT,	/* the last reply, again */
};

static inline bool hllp_half(const struct llp_engine *e)
{
	return e->p.duplex == LLP_DUPLEX_HALF;
}

/* Somebody takes what begins now: a reader, or our request that may be answered by it. */
static inline bool hllp_wanted(const struct llp_engine *e)
{
	return (e->ready & LLP_READY_BID) || e->exch.state == LLP_X_SENDING || e->exch.state == LLP_X_WAIT;
}

/* hllp_check.c */
u32 hllp_trailer(const struct llp_engine *e, u8 *out, const u8 *head, u32 text_len, u64 text_acc);
u64 hllp_acc_add(const struct llp_engine *e, u64 acc, const u8 *p, u32 n);
u8 hllp_fold(const struct llp_engine *e, u64 acc);
char hllp_check(struct llp_engine *e, const u8 *trailer, u32 body_len);
u32 hllp_unstuff(struct llp_engine *e, u8 *p, u32 n, bool last);
bool hllp_sendable(const struct llp_engine *e, const u8 *p, u32 n, u32 *wire_len);

/* hllp_dec.c */
size_t hllp_rx(struct llp_engine *e, struct llp_io *io, const u8 *p, size_t n);
size_t hllp_rx_flagged(struct llp_engine *e, struct llp_io *io, u8 byte, u8 flag);
void hllp_dec_timeout(struct llp_engine *e, struct llp_io *io, u32 timer);
void hllp_dec_hangup(struct llp_engine *e, struct llp_io *io);
void hllp_skip(struct llp_engine *e, char code, enum llp_verdict_frame fv);

/* hllp_resp.c */
void hllp_good_d(struct llp_engine *e, struct llp_io *io, u64 digest);
void hllp_good_n(struct llp_engine *e, struct llp_io *io, char reason, enum llp_verdict_frame fv);
void hllp_bad(struct llp_engine *e, struct llp_io *io, char code, bool quiet);
void hllp_nak_flush(struct llp_engine *e, struct llp_io *io);
void hllp_serve_hangup(struct llp_engine *e);
void hllp_answer_begin(struct llp_engine *e, u32 to);
void hllp_answer_end(struct llp_engine *e);
void hllp_request_timeout(struct llp_engine *e, struct llp_io *io);
enum llp_settled hllp_verdict(struct llp_engine *e, struct llp_io *io, u32 id, enum llp_decision d);

/* hllp.c */
void hllp_try_start(struct llp_engine *e, struct llp_io *io);
void hllp_transmitted(struct llp_engine *e, struct llp_io *io, bool whole);
void hllp_release_kept(struct llp_engine *e, struct llp_io *io);
void hllp_resend_request(struct llp_engine *e, struct llp_io *io);

#endif /* LLP_HLLP_PRIV_H */
