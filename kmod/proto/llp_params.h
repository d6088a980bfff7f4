/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * Every parameter of every protocol: one plain struct, one table that says
 * name, kind, unit, bounds, default and meaning. The kernel, the daemon, the
 * simulator and the manuals all read the table; nobody parses on their own.
 */
#ifndef LLP_PARAMS_H
#define LLP_PARAMS_H

#include "llp_os.h"

enum llp_protocol {
	LLP_PROTO_X328,		/* ANSI X3.28 as profiled by HL7 */
	LLP_PROTO_HLLP,		/* hybrid LLP */
	LLP_PROTO_MLLP,		/* minimal LLP, releases 1 and 2 */
	LLP_PROTO__N,
};

enum llp_expect { LLP_EXPECT_REPLY, LLP_EXPECT_NONE, LLP_EXPECT_OPTIONAL };

enum llp_x328_role { LLP_SECONDARY, LLP_PRIMARY };
enum llp_x328_bcc_high { LLP_BCC_FULL, LLP_BCC_MASK7, LLP_BCC_VISTA00 };
enum llp_x328_join { LLP_JOIN_PLAIN, LLP_JOIN_CR };
enum llp_x328_blocking { LLP_BLOCKING_SEGMENT, LLP_BLOCKING_SIZE };
enum llp_x328_on_timeout { LLP_X328_RETRANSMIT, LLP_X328_ENQ };
enum llp_x328_contention { LLP_BACKOFF, LLP_YIELD };
enum llp_x328_gap { LLP_GAP_NAK, LLP_GAP_EOT };
enum llp_x328_rint { LLP_RINT_FINISH, LLP_RINT_ABORT };

enum llp_hllp_send_checksum { LLP_SEND_XOR, LLP_SEND_999 };
enum llp_hllp_scope { LLP_SCOPE_DATA, LLP_SCOPE_DATA_COUNT, LLP_SCOPE_AUTO };
enum llp_hllp_fn { LLP_FN_XOR, LLP_FN_SUM256 };
enum llp_hllp_c999 { LLP_C999_SKIP_XOR, LLP_C999_SKIP_BOTH };
enum llp_hllp_unstuff { LLP_UNSTUFF_COUNT, LLP_UNSTUFF_SEGMENT };
enum llp_hllp_bad_response { LLP_BAD_RESEND, LLP_BAD_NAK, LLP_BAD_FAIL };
enum llp_hllp_on_timeout { LLP_HLLP_FAIL, LLP_HLLP_RESEND };
enum llp_hllp_duplex { LLP_DUPLEX_FULL, LLP_DUPLEX_HALF };
enum llp_hllp_data { LLP_DATA_PASS, LLP_DATA_STRICT };
enum llp_hllp_vv_check { LLP_VV_DIGITS, LLP_VV_STRICT, LLP_VV_ANY };

enum llp_mllp_eb { LLP_EB_AUTO, LLP_EB_PAIR, LLP_EB_STRICT, LLP_EB_FS };
enum llp_mllp_vt { LLP_VT_RESTART, LLP_VT_DATA, LLP_VT_ERROR };
enum llp_mllp_lost { LLP_LOST_LOG, LLP_LOST_REJECT };
enum llp_mllp_eof { LLP_EOF_DROP, LLP_EOF_ACCEPT };
enum llp_mllp_illegal { LLP_MLLP_REJECT, LLP_MLLP_SPACE };
enum llp_mllp_on_fail { LLP_ON_FAIL_NOTHING, LLP_ON_FAIL_CLOSE };

/*
 * All fields are u32. Times are microseconds. What a field means, its name,
 * bounds and default stand in the table in params.c; a field that two
 * protocols share has a row for each.
 */
struct llp_params {
	/* set by the caller from the line, not by people */
	u32 char_time;		/* nanoseconds per character on the wire; 0: no wire */

	u32 max_message;	/* bytes */
	u32 match;		/* enum llp_match_mode */
	u32 expect_out;		/* enum llp_expect, for what we send */
	u32 expect_in;		/* for what the instrument sends: read by the daemon */
	u32 reply_timeout;
	u32 late_guard;		/* 0: as reply_timeout */
	u32 app_timeout;	/* time an application has; 0: what the protocol allows */
	u32 tx_stall;
	u32 flow;		/* pass text on before the message is complete */
	u32 connect_retries;	/* lines that connect: tries after the first */
	u32 connect_pause;
	u32 resend_after_reconnect;

	/* X3.28 */
	u32 role, nak_term, strict_term, accept_plain_ack, bcc_high, join;
	u32 blocking, block_max, max_rx_text, x328_on_timeout, enq_resolicit;
	u32 contention, gap, rint;
	u32 replace;		/* 0: refuse illegal characters, else send this one instead */
	u32 timer_a, timer_b, timer_d, timer_e;
	u32 cont_primary, cont_secondary, retries_l, retries_m, retries_n;
	u32 bid_pause, recovery_pause, term_wait, peer_timer_a;
	u32 rint_pause, quiet, b_margin;

	/* HLLP */
	u32 vv, send_checksum, xor_scope, xor_fn, c999, eb_cr_require;
	u32 stuff, unstuff, bad_response, hllp_on_timeout, duplex, data, vv_check;
	u32 max_data, send_retries, nak_wait, queue;

	/* HLLP and MLLP */
	u32 sb_char, eb_char, t_in;

	/* MLLP */
	u32 release, eb, vt, lost, eof, dedup, illegal, add_cr, on_fail;
	u32 t_c, peer_t_c, peer_resends, resends, t_fs, settle_min, settle_max;
};

enum llp_param_kind {
	LLP_PARAM_UINT,
	LLP_PARAM_BOOL,		/* yes, no */
	LLP_PARAM_ENUM,		/* one of choices */
	LLP_PARAM_TIME,		/* microseconds inside; "6s", "500ms", "20us" outside; a bare number is seconds */
	LLP_PARAM_BYTE,		/* 0x0b, 11, or 'c' */
	LLP_PARAM_REPLACE,	/* "reject" or "replace:<char>" */
};

/**
 * struct llp_param - one row of the table
 * @name: as people write it, e.g. "timer_a"
 * @protocols: bit (1 << enum llp_protocol) for each that it belongs to
 * @kind: enum llp_param_kind
 * @offset: of the field in struct llp_params
 * @min: least value
 * @max: largest value
 * @dflt: default
 * @zero_ok: 0 is allowed too, though below @min ("off", "automatic")
 * @choices: for LLP_PARAM_ENUM, the words in order of their values, "a|b|c"
 * @unit: for people: "bytes", "tries", ""
 * @help: one sentence without a final stop
 */
struct llp_param {
	const char *name;
	u8 protocols;
	u8 kind;
	u8 zero_ok;
	u16 offset;
	u32 min, max, dflt;
	const char *choices;
	const char *unit;
	const char *help;
};

/** llp_param_at() - row @i of the table, or NULL past its end */
const struct llp_param *llp_param_at(u32 i);

/** llp_param_find() - the row of @name for @proto, or NULL */
const struct llp_param *llp_param_find(enum llp_protocol proto, const char *name);

/** llp_params_default() - every field at its default for @proto */
void llp_params_default(struct llp_params *p, enum llp_protocol proto);

/**
 * llp_params_set() - set one parameter from text
 * "expect" sets expect_out and expect_in.
 * Return: 0; -ENOENT no such parameter of this protocol; -EINVAL not a value
 * of its kind; -ERANGE out of bounds.
 */
int llp_params_set(struct llp_params *p, enum llp_protocol proto, const char *name, const char *value);

/**
 * llp_params_get() - one parameter as text, as llp_params_set() takes it
 * Return: length written without the final NUL, -ENOENT, or -ENOSPC.
 */
int llp_params_get(const struct llp_params *p, enum llp_protocol proto, const char *name,
		   char *out, size_t cap);

/**
 * llp_params_scale() - multiply every time by @num / @den
 * Both 1 to 65535. The result is kept between 1 ms and 1 h; a time of 0 stays
 * 0. For tests of time-outs.
 */
void llp_params_scale(struct llp_params *p, enum llp_protocol proto, u32 num, u32 den);

/**
 * llp_params_check() - bounds, and rules between parameters (A > B, ...)
 * Return: NULL if all is well, else a sentence saying what is wrong. A > B is
 * asked of X3.28 as configured; the engine never relies on it.
 */
const char *llp_params_check(const struct llp_params *p, enum llp_protocol proto);

/** llp_params_app_budget() - how long an application may take, in microseconds */
u32 llp_params_app_budget(const struct llp_params *p, enum llp_protocol proto);

/** struct llp_preset - options for a known peer */
struct llp_preset {
	const char *name;	/* "vista-x328" */
	u8 proto;		/* enum llp_protocol */
	const char *help;
	const char *settings;	/* "name=value name=value" */
};

/** llp_preset_at() - preset @i, or NULL past the end */
const struct llp_preset *llp_preset_at(u32 i);

/** llp_preset_apply() - Return: 0, -ENOENT unknown, -EPROTOTYPE for another protocol */
int llp_preset_apply(struct llp_params *p, enum llp_protocol proto, const char *name);

/** llp_protocol_name() - "x328", "hllp", "mllp" */
const char *llp_protocol_name(enum llp_protocol proto);

#endif /* LLP_PARAMS_H */
