// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Reply matching: picks MSH-10 and MSA-2 out of a message's first two segments
 * (HL7 v2 chapter 2, message header and acknowledgement segments).
 */
#include "llp_match.h"

#define CR 0x0d
#define LF 0x0a

/* FNV-1a: only tells long control ids apart whose kept parts are equal. */
#define HASH_START 2166136261U
#define HASH_STEP(h, c) (((h) ^ (c)) * 16777619U)

static void id_begin(struct llp_match_id *id)
{
	memset(id, 0, sizeof(*id));
	id->hash = HASH_START;
}

static void id_add(struct llp_match_id *id, u8 c)
{
	if (id->kept < LLP_MATCH_ID_MAX)
		id->id[id->kept++] = c;
	id->hash = HASH_STEP(id->hash, c);
	if (id->len < 0xffff)
		id->len++;
}

void llp_match_begin(struct llp_match_scan *s)
{
	memset(s, 0, sizeof(*s));
	id_begin(&s->control_id);
	id_begin(&s->ack_id);
}

static void end_of_segment(struct llp_match_scan *s)
{
	if (s->seg == 1) {
		s->is_ack = s->is_ack || (s->tag == 3 && s->pos == 3);
		s->done = 1;
		return;
	}
	if (!s->is_hl7) {
		s->done = 1;
		return;
	}
	s->seg = 1;
	s->pos = 0;
	s->tag = 0;
	s->field = 0;
}

static void first_segment(struct llp_match_scan *s, u8 c)
{
	static const u8 msh[3] = { 'M', 'S', 'H' };

	if (s->pos < 3) {
		if (c != msh[s->pos]) {
			s->done = 1;
			return;
		}
		s->pos++;
		return;
	}
	if (s->pos == 3) {
		/* The separator is itself MSH-1; the next field is MSH-2. */
		s->pos = 4;
		s->sep = c;
		s->is_hl7 = 1;
		s->field = 2;
		return;
	}
	if (c == s->sep) {
		if (s->field < 0xff)
			s->field++;
		return;
	}
	if (s->field == 10)
		id_add(&s->control_id, c);
}

static void second_segment(struct llp_match_scan *s, u8 c)
{
	static const u8 msa[3] = { 'M', 'S', 'A' };

	if (s->pos < 3) {
		if (c == msa[s->pos])
			s->tag++;
		s->pos++;
		if (s->pos == 3 && s->tag != 3)
			s->done = 1;
		return;
	}
	if (s->pos == 3) {
		if (c != s->sep) {
			s->done = 1;
			return;
		}
		s->pos = 4;
		s->is_ack = 1;
		s->field = 1;
		return;
	}
	if (c == s->sep) {
		if (++s->field == 3)
			s->done = 1;
		return;
	}
	if (s->field == 2)
		id_add(&s->ack_id, c);
}

void llp_match_feed(struct llp_match_scan *s, const u8 *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && !s->done; i++) {
		u8 c = p[i];

		/* Senders that end segments with CR LF are common enough. */
		if (c == LF && s->seg == 1 && s->pos == 0)
			continue;
		if (c == CR)
			end_of_segment(s);
		else if (s->seg == 0)
			first_segment(s, c);
		else
			second_segment(s, c);
	}
}

bool llp_match_is_hl7(const u8 *p, size_t n)
{
	return n >= 3 && (!memcmp(p, "MSH", 3) || !memcmp(p, "FHS", 3) || !memcmp(p, "BHS", 3));
}

enum llp_match_mode llp_match_mode_for(enum llp_match_mode mode, const struct llp_match_scan *request)
{
	if (mode == LLP_MATCH_AUTO)
		return request->is_hl7 && request->control_id.len ? LLP_MATCH_MSA_ID : LLP_MATCH_LOCKSTEP;
	return mode;
}

static bool same_id(const struct llp_match_id *a, const struct llp_match_id *b)
{
	return a->len == b->len && a->hash == b->hash && a->kept == b->kept && !memcmp(a->id, b->id, a->kept);
}

bool llp_match_reply(enum llp_match_mode mode, const struct llp_match_id *request,
		     const struct llp_match_scan *reply)
{
	switch (mode) {
	case LLP_MATCH_LOCKSTEP:
		return true;
	case LLP_MATCH_MSA:
		return reply->is_ack;
	case LLP_MATCH_MSA_ID:
	default:
		return reply->is_ack && same_id(request, &reply->ack_id);
	}
}
