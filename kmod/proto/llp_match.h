/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Which received message is the reply to a request.
 *
 * HL7 requests name themselves in MSH-10; a reply's second segment is MSA and
 * its MSA-2 repeats that name. What is not HL7 can only be matched by order.
 */
#ifndef LLP_MATCH_H
#define LLP_MATCH_H

#include "llp_os.h"

enum llp_match_mode {
	LLP_MATCH_AUTO,		/* msa_id if the request is HL7, else lockstep */
	LLP_MATCH_LOCKSTEP,	/* the next message after a request is its reply */
	LLP_MATCH_MSA,		/* its second segment is MSA */
	LLP_MATCH_MSA_ID,	/* and MSA-2 equals the request's MSH-10 */
};

#define LLP_MATCH_ID_MAX 60	/* bytes of MSH-10 kept; beyond, length and hash decide */

/* A control id: MSH-10 or MSA-2. */
struct llp_match_id {
	u16 len;		/* whole length */
	u16 kept;		/* bytes in @id */
	u32 hash;		/* of all bytes */
	u8 id[LLP_MATCH_ID_MAX];
};

/**
 * struct llp_match_scan - reads the head of a message as it comes, in parts
 * of any size, and picks out what matching needs
 */
struct llp_match_scan {
	struct llp_match_id control_id;	/* MSH-10 */
	struct llp_match_id ack_id;	/* MSA-2 */
	u8 is_hl7;		/* begins with MSH */
	u8 is_ack;		/* second segment is MSA */
	u8 done;		/* no further byte can change the above */
	u8 sep;			/* field separator */
	u8 seg;			/* 0: first segment, 1: second */
	u8 field;
	u8 pos;			/* position in the segment, saturating */
	u8 tag;			/* how many bytes of the segment's name matched */
};

/** llp_match_begin() - a new message begins */
void llp_match_begin(struct llp_match_scan *s);

/** llp_match_feed() - its next bytes */
void llp_match_feed(struct llp_match_scan *s, const u8 *p, size_t n);

/** llp_match_is_hl7() - @p begins as an HL7 message or batch: MSH, FHS, BHS */
bool llp_match_is_hl7(const u8 *p, size_t n);

/** llp_match_mode_for() - what LLP_MATCH_AUTO means for this request */
enum llp_match_mode llp_match_mode_for(enum llp_match_mode mode, const struct llp_match_scan *request);

/** llp_match_reply() - @reply answers @request under @mode (not AUTO) */
bool llp_match_reply(enum llp_match_mode mode, const struct llp_match_id *request,
		     const struct llp_match_scan *reply);

#endif /* LLP_MATCH_H */
