// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* The table of parameters: see llp_params.h. Text in, text out, bounds. */
#include "llp_params.h"
#include "llp_match.h"

#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#define X	(1 << LLP_PROTO_X328)
#define H	(1 << LLP_PROTO_HLLP)
#define M	(1 << LLP_PROTO_MLLP)

#define MSEC	1000U
#define SEC	1000000U
#define HOUR	3600000000U

#define AT(f)	offsetof(struct llp_params, f)
#define TIME(name, protos, f, dflt, help) \
	{ name, protos, LLP_PARAM_TIME, 0, AT(f), MSEC, HOUR, dflt, NULL, "s", help }
#define TIME0(name, protos, f, dflt, help) \
	{ name, protos, LLP_PARAM_TIME, 1, AT(f), MSEC, HOUR, dflt, NULL, "s", help }
#define UINT(name, protos, f, min, max, dflt, unit, help) \
	{ name, protos, LLP_PARAM_UINT, 0, AT(f), min, max, dflt, NULL, unit, help }
#define BOOL(name, protos, f, dflt, help) \
	{ name, protos, LLP_PARAM_BOOL, 0, AT(f), 0, 1, dflt, NULL, "", help }
#define ENUM(name, protos, f, max, dflt, choices, help) \
	{ name, protos, LLP_PARAM_ENUM, 0, AT(f), 0, max, dflt, choices, "", help }
#define BYTE(name, protos, f, dflt, help) \
	{ name, protos, LLP_PARAM_BYTE, 0, AT(f), 1, 0x7f, dflt, NULL, "", help }

#define MODES "auto|lockstep|msa|msa_id"
#define EXPECT "reply|none|optional"

static const struct llp_param table[] = {
	/* common */
	UINT("max_message", X | M, max_message, 1, 1U << 30, 16U << 20, "bytes",
	     "largest message, either way; more is refused the protocol's way"),
	UINT("max_message", H, max_message, 1, 99994, 99994, "bytes",
	     "largest message, either way; more is refused the protocol's way"),
	ENUM("match", X | H | M, match, LLP_MATCH_MSA_ID, LLP_MATCH_AUTO, MODES,
	     "which message answers a request: the next one, one with MSA, one whose MSA-2 is the request's MSH-10"),
	ENUM("expect_out", X | H | M, expect_out, LLP_EXPECT_OPTIONAL, LLP_EXPECT_REPLY, EXPECT,
	     "whether the instrument replies to what is sent to it"),
	ENUM("expect_in", X | H | M, expect_in, LLP_EXPECT_OPTIONAL, LLP_EXPECT_REPLY, EXPECT,
	     "whether the instrument wants a reply to what it sends"),
	TIME("reply_timeout", X | H, reply_timeout, 60 * SEC, "wait for the reply message (HLLP: receive timeout)"),
	TIME("reply_timeout", M, reply_timeout, 30 * SEC, "wait for the reply message"),
	TIME0("late_guard", X | H | M, late_guard, 0,
	      "lockstep: silence after a reply that did not come; 0: as reply_timeout"),
	TIME0("app_timeout", X | H | M, app_timeout, 0,
	      "time that an application has for its reply; 0: what the protocol allows"),
	TIME("tx_stall", X | H | M, tx_stall, 30 * SEC, "a transmitter that takes nothing for so long is given up"),
	BOOL("flow", X | H | M, flow, 0, "pass text on before the message is complete"),
	UINT("connect_retries", H | M, connect_retries, 0, 1000, 3, "tries", "connections tried after the first"),
	TIME("connect_pause", H | M, connect_pause, 1 * SEC, "pause between connection tries"),
	BOOL("resend_after_reconnect", H, resend_after_reconnect, 0, "send a request again on a new connection"),
	BOOL("resend_after_reconnect", M, resend_after_reconnect, 0,
	     "send an unacknowledged block again on a new connection (set by release=2)"),

	/* X3.28 */
	ENUM("role", X, role, LLP_PRIMARY, LLP_SECONDARY, "secondary|primary",
	     "who bids first again after contention"),
	BOOL("nak_term", X, nak_term, 1, "send CR after NAK"),
	BOOL("strict_term", X, strict_term, 0, "ignore control sequences without their CR"),
	BOOL("accept_plain_ack", X, accept_plain_ack, 0, "take a bare ACK (06) as acknowledgement"),
	ENUM("bcc_high", X, bcc_high, LLP_BCC_VISTA00, LLP_BCC_FULL, "full|mask7|vista00",
	     "block check of 80 to FF: as it is, seven bits of it, or 00"),
	ENUM("join", X, join, LLP_JOIN_CR, LLP_JOIN_PLAIN, "plain|cr",
	     "cr: blocks carry one segment without its CR, which is put back"),
	ENUM("blocking", X, blocking, LLP_BLOCKING_SIZE, LLP_BLOCKING_SEGMENT, "segment|size",
	     "cut messages after whole segments, or by size only"),
	UINT("block_max", X, block_max, 1, 99999, 233, "bytes", "text of a block sent, at most"),
	UINT("max_rx_text", X, max_rx_text, 1, 99999, 4096, "bytes", "text of a block received, at most"),
	ENUM("on_timeout", X, x328_on_timeout, LLP_X328_ENQ, LLP_X328_RETRANSMIT, "retransmit|enq",
	     "after timer A: send the block again, or ask with ENQ"),
	BOOL("enq_resolicit", X, enq_resolicit, 1, "ask with ENQ after a garbled answer"),
	ENUM("contention", X, contention, LLP_YIELD, LLP_BACKOFF, "backoff|yield",
	     "when both bid: wait and bid again, or let the other go first"),
	ENUM("gap", X, gap, LLP_GAP_EOT, LLP_GAP_NAK, "nak|eot", "answer to a block number out of sequence"),
	ENUM("rint", X, rint, LLP_RINT_ABORT, LLP_RINT_FINISH, "finish|abort",
	     "on reverse interrupt: finish the message first, or stop after the block"),
	{ "illegal", X, LLP_PARAM_REPLACE, 1, AT(replace), 0x20, 0x7e, 0, NULL, "",
	  "characters that X3.28 cannot carry: refuse the message, or send another instead" },
	TIME("timer_a", X, timer_a, 6 * SEC, "timer A: wait for an answer"),
	TIME("timer_b", X, timer_b, 3 * SEC, "timer B: a block must end in this time"),
	TIME("timer_d", X, timer_d, 30 * SEC, "timer D: silence between blocks"),
	TIME0("timer_e", X, timer_e, 180 * SEC, "timer E: check an idle line; 0: never"),
	TIME("cont_primary", X, cont_primary, 1 * SEC, "contention delay of the primary"),
	TIME("cont_secondary", X, cont_secondary, 3 * SEC, "contention delay of the secondary"),
	UINT("retries_l", X, retries_l, 0, 100, 5, "tries", "L: retransmissions of one block after NAK"),
	UINT("retries_m", X, retries_m, 0, 100, 10, "tries", "M: bids after NAK"),
	UINT("retries_n", X, retries_n, 0, 100, 5, "tries", "N: bids and blocks sent again after silence"),
	TIME("bid_pause", X, bid_pause, 1 * SEC, "pause after a refused bid"),
	TIME("recovery_pause", X, recovery_pause, 5 * SEC, "pause after a series of bids that failed"),
	TIME("t_term", X, term_wait, 100 * MSEC, "wait for the CR of a control sequence"),
	TIME("peer_timer_a", X, peer_timer_a, 6 * SEC, "timer A of the other station"),
	TIME("rint_pause", X, rint_pause, 3 * SEC, "no bid for so long after a reverse or termination interrupt"),
	TIME("quiet", X, quiet, 100 * MSEC, "silence after garbage before ENQ is sent"),
	TIME("b_margin", X, b_margin, 1 * SEC, "added to the line time of the longest block for timer B"),

	/* HLLP */
	UINT("vv", H, vv, 0, 99, 23, "", "protocol version in blocks sent"),
	ENUM("send_checksum", H, send_checksum, LLP_SEND_999, LLP_SEND_XOR, "xor|999",
	     "send a checksum, or 999 for not computed"),
	ENUM("xor_scope", H, xor_scope, LLP_SCOPE_AUTO, LLP_SCOPE_DATA, "data|data+count|auto",
	     "what the checksum covers; auto: accept both, answer alike"),
	ENUM("xor_fn", H, xor_fn, LLP_FN_SUM256, LLP_FN_XOR, "xor|sum256", "checksum: exclusive or, or sum modulo 256"),
	ENUM("c999", H, c999, LLP_C999_SKIP_BOTH, LLP_C999_SKIP_XOR, "skip_xor|skip_both",
	     "a received 999 waives the checksum, or the count too"),
	{ "eb_cr", H, LLP_PARAM_ENUM, 0, AT(eb_cr_require), 0, 1, 0, "optional|require", "",
	  "CR after the end of a block" },
	{ "stuff", H, LLP_PARAM_UINT, 1, AT(stuff), 8, 99994, 0, NULL, "bytes",
	  "carriage return stuffing after so many bytes; 0: off" },
	ENUM("unstuff", H, unstuff, LLP_UNSTUFF_SEGMENT, LLP_UNSTUFF_COUNT, "count|segment",
	     "remove stuffed CRs by count, or all that do not end a segment"),
	ENUM("bad_response", H, bad_response, LLP_BAD_FAIL, LLP_BAD_RESEND, "resend|nak|fail",
	     "a damaged response: send the request again, send a NAK block, or fail"),
	ENUM("on_timeout", H, hllp_on_timeout, LLP_HLLP_RESEND, LLP_HLLP_FAIL, "fail|resend",
	     "no response: fail, or send the request again (it may be executed twice)"),
	ENUM("duplex", H, duplex, LLP_DUPLEX_HALF, LLP_DUPLEX_FULL, "full|half",
	     "half: hold a request back while the other side's is being served"),
	ENUM("data", H, data, LLP_DATA_STRICT, LLP_DATA_PASS, "pass|strict",
	     "control characters other than CR in messages to send: pass, or refuse"),
	ENUM("vv_check", H, vv_check, LLP_VV_ANY, LLP_VV_DIGITS, "digits|strict|any",
	     "versions accepted: two digits, 21 to 29 only, or two printable characters"),
	UINT("max_data", H, max_data, 1, 99994, 99994, "bytes", "data of a block, at most"),
	UINT("send_retries", H, send_retries, 0, 100, 5, "tries", "times that a request is sent again"),
	TIME("nak_wait", H, nak_wait, 2 * SEC, "expect=none: wait for an N block after sending"),
	UINT("queue", H, queue, 1, 8, 8, "messages", "messages received and not answered yet, at most"),
	TIME("t_in", H, t_in, 10 * SEC, "silence inside a block"),
	TIME("t_term", H, term_wait, 100 * MSEC, "wait for the CR after the end of a block"),

	/* HLLP and MLLP */
	BYTE("sb", H | M, sb_char, 0x0b, "start of block character"),
	BYTE("eb_char", H | M, eb_char, 0x1c, "end of block character"),

	/* MLLP */
	UINT("release", M, release, 1, 2, 1, "", "1: no acknowledgement; 2: commit ACK and NAK"),
	ENUM("eb", M, eb, LLP_EB_FS, LLP_EB_AUTO, "auto|pair|strict|fs", "what ends a block"),
	ENUM("vt", M, vt, LLP_VT_ERROR, LLP_VT_RESTART, "restart|data|error", "a start character inside a block"),
	ENUM("lost", M, lost, LLP_LOST_REJECT, LLP_LOST_LOG, "log|reject",
	     "bytes between blocks: count them, or drop the connection"),
	ENUM("eof", M, eof, LLP_EOF_ACCEPT, LLP_EOF_DROP, "drop|accept", "a block cut by the end of the connection"),
	BOOL("dedup", M, dedup, 0, "release 2: acknowledge and drop a block equal to the one before"),
	ENUM("illegal", M, illegal, LLP_MLLP_SPACE, LLP_MLLP_REJECT, "reject|space",
	     "start and end characters in messages to send: refuse, or send spaces"),
	BOOL("add_cr", M, add_cr, 0, "add a missing CR at the end of messages sent"),
	ENUM("on_fail", M, on_fail, LLP_ON_FAIL_CLOSE, LLP_ON_FAIL_NOTHING, "nothing|close",
	     "release 1, no answer to give: send nothing, or drop the connection"),
	TIME("t_c", M, t_c, 30 * SEC, "release 2: wait for the commit reply"),
	TIME("peer_t_c", M, peer_t_c, 30 * SEC, "release 2: the other station's wait for our commit reply"),
	UINT("peer_resends", M, peer_resends, 0, 100, 2, "tries",
	     "release 2: times that the other station sends again"),
	UINT("resends", M, resends, 0, 100, 3, "tries", "release 2: times that a block is sent again"),
	TIME("t_in", M, t_in, 60 * SEC, "silence inside a block"),
	TIME("t_fs", M, t_fs, 200 * MSEC, "wait after the end character"),
	TIME("settle_min", M, settle_min, 100 * MSEC, "release 2: least pause after a resend was acknowledged"),
	TIME("settle_max", M, settle_max, 1 * SEC, "release 2: longest pause after a resend was acknowledged"),
};

#define ROWS (sizeof(table) / sizeof(table[0]))

const struct llp_param *llp_param_at(u32 i)
{
	return i < ROWS ? &table[i] : NULL;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const struct llp_param *llp_param_find(enum llp_protocol proto, const char *name)
{
	u32 i;

	for (i = 0; i < ROWS; i++)
		if ((table[i].protocols >> proto) & 1 && same(table[i].name, name))
			return &table[i];
	return NULL;
}

/* A row's offset is that of a u32 in the structure, so it is aligned. */
static u32 *field(struct llp_params *p, const struct llp_param *row)
{
	void *at = (u8 *)p + row->offset;

	return at;
}

static u32 value_of(const struct llp_params *p, const struct llp_param *row)
{
	const void *at = (const u8 *)p + row->offset;

	return *(const u32 *)at;
}

void llp_params_default(struct llp_params *p, enum llp_protocol proto)
{
	u32 i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < ROWS; i++)
		if ((table[i].protocols >> proto) & 1)
			*field(p, &table[i]) = table[i].dflt;
}

/* ---- text to value ---- */

static int digit(char c, u32 base)
{
	int d = c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;

	return d < (int)base ? d : -1;
}

/* Reads digits; returns what follows them, or NULL without a digit or past 2^48. */
static const char *number(const char *s, u32 base, u64 *v)
{
	const char *start = s;

	*v = 0;
	while (digit(*s, base) >= 0) {
		*v = *v * base + digit(*s++, base);
		if (*v >> 48)
			return NULL;
	}
	return s == start ? NULL : s;
}

static int parse_uint(const char *s, u64 *v)
{
	const char *end = number(s, 10, v);

	if (!end)
		return -EINVAL;
	if (*end == 'k' || *end == 'K') {
		*v <<= 10;
		end++;
	} else if (*end == 'M') {
		*v <<= 20;
		end++;
	}
	return *end ? -EINVAL : 0;
}

/* "6", "6s", "1.5s", "500ms", "20us", "3min" */
static int parse_time(const char *s, u64 *us)
{
	u32 fraction = 0, scale = 1, unit;
	u64 whole;
	const char *end = number(s, 10, &whole);

	if (!end)
		return -EINVAL;
	if (*end == '.') {
		for (end++; digit(*end, 10) >= 0 && scale < 1000000; end++) {
			fraction = fraction * 10 + digit(*end, 10);
			scale *= 10;
		}
		if (scale == 1)
			return -EINVAL;
	}
	if (!*end || same(end, "s"))
		unit = 1000000;
	else if (same(end, "ms"))
		unit = 1000;
	else if (same(end, "us"))
		unit = 1;
	else if (same(end, "min"))
		unit = 60000000;
	else
		return -EINVAL;
	if (whole > 1ULL << 36)
		return -ERANGE;
	*us = whole * unit;
	for (; scale > 1; scale /= 10)
		unit /= 10;
	*us += (u64)fraction * unit;
	return 0;
}

static int parse_bool(const char *s, u64 *v)
{
	*v = same(s, "yes") || same(s, "1") || same(s, "on") || same(s, "true");
	return *v || same(s, "no") || same(s, "0") || same(s, "off") || same(s, "false") ? 0 : -EINVAL;
}

static int parse_byte(const char *s, u64 *v)
{
	const char *end;

	if (s[0] == '\'' && s[1] && s[2] == '\'' && !s[3]) {
		*v = (u8)s[1];
		return 0;
	}
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		end = number(s + 2, 16, v);
	else
		end = number(s, 10, v);
	return end && !*end ? 0 : -EINVAL;
}

static int parse_enum(const char *choices, const char *s, u64 *v)
{
	const char *c = choices;

	for (*v = 0;; (*v)++) {
		const char *a = s;

		while (*a && *a == *c) {
			a++;
			c++;
		}
		if (!*a && (*c == '|' || !*c))
			return 0;
		while (*c && *c != '|')
			c++;
		if (!*c)
			return -EINVAL;
		c++;
	}
}

static int parse_replace(const char *s, u64 *v)
{
	static const char word[] = "replace:";
	u32 i;

	*v = 0;
	if (same(s, "reject"))
		return 0;
	for (i = 0; word[i]; i++)
		if (s[i] != word[i])
			return -EINVAL;
	if (!s[i] || s[i + 1])
		return -EINVAL;
	*v = (u8)s[i];
	return 0;
}

static int set_row(struct llp_params *p, const struct llp_param *row, const char *value)
{
	u64 v = 0;
	int err;

	switch (row->kind) {
	case LLP_PARAM_UINT:
		err = parse_uint(value, &v);
		break;
	case LLP_PARAM_BOOL:
		err = parse_bool(value, &v);
		break;
	case LLP_PARAM_ENUM:
		err = parse_enum(row->choices, value, &v);
		break;
	case LLP_PARAM_TIME:
		err = parse_time(value, &v);
		break;
	case LLP_PARAM_BYTE:
		err = parse_byte(value, &v);
		break;
	default:
		err = parse_replace(value, &v);
		break;
	}
	if (err)
		return err;
	if ((v < row->min || v > row->max) && !(row->zero_ok && !v))
		return -ERANGE;
	*field(p, row) = (u32)v;
	return 0;
}

static int set_one(struct llp_params *p, enum llp_protocol proto, const char *name, const char *value)
{
	const struct llp_param *row = llp_param_find(proto, name);

	return row ? set_row(p, row, value) : -ENOENT;
}

int llp_params_set(struct llp_params *p, enum llp_protocol proto, const char *name, const char *value)
{
	int err;

	if (same(name, "expect")) {
		err = set_one(p, proto, "expect_out", value);
		return err ? err : set_one(p, proto, "expect_in", value);
	}
	err = set_one(p, proto, name, value);
	/* Release 2 notices a block that was not acknowledged: it may be sent again. */
	if (!err && same(name, "release"))
		p->resend_after_reconnect = p->release == 2;
	return err;
}

/* ---- value to text ---- */

struct text {
	char *out;
	size_t cap, n;
};

static void put(struct text *t, char c)
{
	if (t->n + 1 < t->cap)
		t->out[t->n] = c;
	t->n++;
}

static void put_str(struct text *t, const char *s)
{
	while (*s)
		put(t, *s++);
}

static void put_uint(struct text *t, u32 v)
{
	char buf[10];
	u32 n = 0;

	do {
		buf[n++] = '0' + v % 10;
		v /= 10;
	} while (v);
	while (n)
		put(t, buf[--n]);
}

static void put_choice(struct text *t, const char *choices, u32 v)
{
	for (; v; choices++)
		if (*choices == '|')
			v--;
	while (*choices && *choices != '|')
		put(t, *choices++);
}

static void put_time(struct text *t, u32 us)
{
	if (us % SEC == 0) {
		put_uint(t, us / SEC);
		put_str(t, "s");
	} else if (us % MSEC == 0) {
		put_uint(t, us / MSEC);
		put_str(t, "ms");
	} else {
		put_uint(t, us);
		put_str(t, "us");
	}
}

static void put_byte(struct text *t, u32 v)
{
	static const char hex[] = "0123456789abcdef";

	put_str(t, "0x");
	put(t, hex[(v >> 4) & 15]);
	put(t, hex[v & 15]);
}

int llp_params_get(const struct llp_params *p, enum llp_protocol proto, const char *name, char *out, size_t cap)
{
	const struct llp_param *row = llp_param_find(proto, name);
	struct text t = { out, cap, 0 };
	u32 v;

	if (!row)
		return -ENOENT;
	v = value_of(p, row);
	switch (row->kind) {
	case LLP_PARAM_UINT:
		put_uint(&t, v);
		break;
	case LLP_PARAM_BOOL:
		put_str(&t, v ? "yes" : "no");
		break;
	case LLP_PARAM_ENUM:
		put_choice(&t, row->choices, v);
		break;
	case LLP_PARAM_TIME:
		put_time(&t, v);
		break;
	case LLP_PARAM_BYTE:
		put_byte(&t, v);
		break;
	default:
		put_str(&t, v ? "replace:" : "reject");
		if (v)
			put(&t, (char)v);
		break;
	}
	if (t.n + 1 > cap)
		return -ENOSPC;
	out[t.n] = 0;
	return (int)t.n;
}

/* ---- whole sets ---- */

void llp_params_scale(struct llp_params *p, enum llp_protocol proto, u32 num, u32 den)
{
	u32 i;

	for (i = 0; i < ROWS; i++) {
		u32 *f = field(p, &table[i]);
		u32 rest;
		u64 us;

		if (table[i].kind != LLP_PARAM_TIME || !((table[i].protocols >> proto) & 1) || !*f)
			continue;
		/* In two parts: a 32-bit kernel divides no 64-bit numbers. */
		rest = *f % den * num / den;
		us = (u64)(*f / den) * (u64)num + rest;
		*f = us < MSEC ? MSEC : us > HOUR ? HOUR : (u32)us;
	}
}

const char *llp_params_check(const struct llp_params *p, enum llp_protocol proto)
{
	u32 i;

	for (i = 0; i < ROWS; i++) {
		u32 v = value_of(p, &table[i]);

		if (!((table[i].protocols >> proto) & 1))
			continue;
		if ((v < table[i].min || v > table[i].max) && !(table[i].zero_ok && !v) &&
		    table[i].kind != LLP_PARAM_TIME)
			return table[i].name;
	}
	if (proto == LLP_PROTO_X328 && p->timer_a <= p->timer_b)
		return "timer_a must be longer than timer_b";
	if (proto == LLP_PROTO_X328 && p->cont_primary >= p->cont_secondary)
		return "cont_primary must be shorter than cont_secondary";
	if (proto != LLP_PROTO_X328 && p->sb_char == p->eb_char)
		return "sb and eb_char must differ";
	if (proto == LLP_PROTO_MLLP && p->settle_min > p->settle_max)
		return "settle_min must not exceed settle_max";
	return NULL;
}

u32 llp_params_app_budget(const struct llp_params *p, enum llp_protocol proto)
{
	u64 us;

	if (p->app_timeout)
		return p->app_timeout;
	switch (proto) {
	case LLP_PROTO_X328:
		/* The verdict may be held for 0.6 of the peer's timer A, L times. */
		us = (u64)(p->peer_timer_a / 5 * 3) * (p->retries_l ? p->retries_l : 1);
		break;
	case LLP_PROTO_MLLP:
		if (p->release == 2)
			us = (u64)(p->peer_t_c / 5 * 3) * (1 + p->peer_resends);
		else
			us = p->reply_timeout - p->reply_timeout / 6;
		break;
	default:
		us = p->reply_timeout - p->reply_timeout / 12;
		break;
	}
	return us > 0xffffffffU ? 0xffffffffU : (u32)us;
}

const char *llp_protocol_name(enum llp_protocol proto)
{
	static const char *const names[LLP_PROTO__N] = { "x328", "hllp", "mllp" };

	return proto < LLP_PROTO__N ? names[proto] : "unknown";
}
