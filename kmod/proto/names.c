// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Words for people. */
#include "engine_priv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *word(const char *const *names, size_t n, u32 i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

const char *llp_cause_name(enum llp_cause c)
{
	static const char *const names[LLP_CAUSE__N] = {
		[LLP_OK] = "ok",
		[LLP_CAUSE_BUSY] = "the other station is not ready",
		[LLP_CAUSE_NOREPLY] = "no answer from the other station",
		[LLP_CAUSE_REJECTED] = "rejected at every try",
		[LLP_CAUSE_INTERRUPTED] = "interrupted by the other station",
		[LLP_CAUSE_ABORTED] = "taken back",
		[LLP_CAUSE_LINKRESET] = "the other station began anew",
		[LLP_CAUSE_HANGUP] = "the line is gone",
		[LLP_CAUSE_REPLY_TIMEOUT] = "no reply message in time",
		[LLP_CAUSE_SENDER_ABORT] = "taken back by its sender",
		[LLP_CAUSE_SILENCE] = "its sender fell silent",
		[LLP_CAUSE_TOO_LONG] = "too long",
		[LLP_CAUSE_DAMAGED] = "damaged",
		[LLP_CAUSE_SUPERSEDED] = "its sender began another message",
		[LLP_CAUSE_VERDICT_LATE] = "the reader took too long",
		[LLP_CAUSE_REFUSED] = "refused by the reader",
		[LLP_CAUSE_FORMAT] = "not what the protocol allows",
	};

	return word(names, COUNT(names), c);
}

const char *llp_outcome_name(enum llp_outcome o)
{
	static const char *const names[] = {
		[LLP_OUT_NOT_SENT] = "not sent",
		[LLP_OUT_DELIVERED] = "delivered",
		[LLP_OUT_REFUSED] = "refused",
		[LLP_OUT_UNKNOWN] = "unknown",
		[LLP_OUT_TRANSMITTED] = "transmitted",
	};

	return word(names, COUNT(names), o);
}

const char *llp_frame_name(enum llp_frame f)
{
	static const char *const names[LLP_FR__N] = {
		[LLP_FR_ENQ] = "ENQ", [LLP_FR_EOT] = "EOT", [LLP_FR_NAK] = "NAK", [LLP_FR_ACK] = "ACK",
		[LLP_FR_RINT] = "RINT", [LLP_FR_BLOCK] = "block", [LLP_FR_BLOCK_ABORT] = "block abort",
		[LLP_FR_D] = "D block", [LLP_FR_N] = "N block", [LLP_FR_MSG] = "data block",
		[LLP_FR_CACK] = "commit ACK", [LLP_FR_CNAK] = "commit NAK", [LLP_FR_GARBAGE] = "garbage",
	};

	return word(names, COUNT(names), f);
}

const char *llp_frame_verdict_name(enum llp_verdict_frame v)
{
	static const char *const names[LLP_FV__N] = {
		[LLP_FV_GOOD] = "good", [LLP_FV_DUPLICATE] = "duplicate", [LLP_FV_FLAG] = "line error",
		[LLP_FV_FORMAT] = "bad format", [LLP_FV_CHECK] = "bad check", [LLP_FV_LENGTH] = "bad length",
		[LLP_FV_TOO_LONG] = "too long", [LLP_FV_NUMBER] = "bad number",
		[LLP_FV_INCOMPLETE] = "incomplete", [LLP_FV_BUSY] = "busy", [LLP_FV_IGNORED] = "ignored",
	};

	return word(names, COUNT(names), v);
}

const char *llp_counter_name(u32 counter)
{
	static const char *const names[LLP_C__N] = {
		[LLP_C_RX_BYTES] = "rx_bytes", [LLP_C_TX_BYTES] = "tx_bytes",
		[LLP_C_RX_MESSAGES] = "rx_messages", [LLP_C_TX_MESSAGES] = "tx_messages",
		[LLP_C_RX_CANCELLED] = "rx_cancelled", [LLP_C_TX_FAILED] = "tx_failed",
		[LLP_C_RX_BLOCKS] = "rx_blocks", [LLP_C_TX_BLOCKS] = "tx_blocks",
		[LLP_C_RETRANSMISSIONS] = "retransmissions",
		[LLP_C_NAKS_SENT] = "naks_sent", [LLP_C_NAKS_RECEIVED] = "naks_received",
		[LLP_C_NAK_CHECK] = "nak_check", [LLP_C_NAK_LENGTH] = "nak_length",
		[LLP_C_NAK_FORMAT] = "nak_format", [LLP_C_NAK_FLAG] = "nak_flag",
		[LLP_C_NAK_NUMBER] = "nak_number", [LLP_C_NAK_TOO_LONG] = "nak_too_long",
		[LLP_C_NAK_BUSY] = "nak_busy", [LLP_C_NAK_TIME] = "nak_time",
		[LLP_C_DUPLICATES] = "duplicates", [LLP_C_REPEATS] = "repeats",
		[LLP_C_CONTENTIONS] = "contentions", [LLP_C_TIMEOUTS] = "timeouts",
		[LLP_C_BIDS] = "bids", [LLP_C_BIDS_REFUSED] = "bids_refused",
		[LLP_C_INTERRUPTS] = "interrupts", [LLP_C_GARBAGE] = "garbage",
		[LLP_C_UNEXPECTED] = "unexpected", [LLP_C_LOST_BYTES] = "lost_bytes",
		[LLP_C_FLAG_PARITY] = "parity_errors", [LLP_C_FLAG_FRAME] = "framing_errors",
		[LLP_C_FLAG_OVERRUN] = "overruns", [LLP_C_FLAG_BREAK] = "breaks",
		[LLP_C_REPLY_TIMEOUTS] = "reply_timeouts", [LLP_C_LATE_REPLIES] = "late_replies",
		[LLP_C_VERDICTS_LATE] = "verdicts_late", [LLP_C_VERDICTS_GONE] = "verdicts_gone",
		[LLP_C_TX_STALLS] = "tx_stalls", [LLP_C_HANGUPS] = "hangups",
	};

	return word(names, COUNT(names), counter);
}

int llp_cause_errno(enum llp_cause c, enum llp_outcome o)
{
	if (c == LLP_OK)
		return 0;
	if (c == LLP_CAUSE_HANGUP)
		return ENODEV;
	if (o == LLP_OUT_UNKNOWN)
		return ECOMM;
	switch (c) {
	case LLP_CAUSE_BUSY:
		return EBUSY;
	case LLP_CAUSE_NOREPLY:
	case LLP_CAUSE_REPLY_TIMEOUT:
		return ETIMEDOUT;
	case LLP_CAUSE_REJECTED:
		return EREMOTEIO;
	case LLP_CAUSE_INTERRUPTED:
		return ECANCELED;
	case LLP_CAUSE_ABORTED:
		return EINTR;
	default:
		return EIO;
	}
}
