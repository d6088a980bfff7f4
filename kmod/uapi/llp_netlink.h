/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/* Made by tools/dev/netlink of kmod/uapi/llp.yaml: change that. */
#ifndef _UAPI_LLP_NETLINK_H
#define _UAPI_LLP_NETLINK_H

#define LLP_FAMILY_NAME	"llp"
#define LLP_FAMILY_VERSION	1

/**
 * enum llp_line_change - What happened to a line as a whole.
 * @LLP_LINE_CHANGE_APPEARED: a tty was attached
 * @LLP_LINE_CHANGE_UP: it is set up and works
 * @LLP_LINE_CHANGE_DOWN: it was stopped
 * @LLP_LINE_CHANGE_CHANGED: its protocol, or one of its options
 * @LLP_LINE_CHANGE_GONE: its tty was detached or is gone
 */
enum llp_line_change {
	LLP_LINE_CHANGE_APPEARED,
	LLP_LINE_CHANGE_UP,
	LLP_LINE_CHANGE_DOWN,
	LLP_LINE_CHANGE_CHANGED,
	LLP_LINE_CHANGE_GONE,
};

/**
 * enum llp_message_event - What happened to a message.
 * @LLP_MESSAGE_EVENT_IN: one was received whole, and is there for its reader
 * @LLP_MESSAGE_EVENT_OUT: the transfer of one that was written ended well
 * @LLP_MESSAGE_EVENT_FAILED: the transfer, or the exchange with its reply, did not
 * @LLP_MESSAGE_EVENT_CANCELLED: one that began to arrive, or waited to be acknowledged, is void
 */
enum llp_message_event {
	LLP_MESSAGE_EVENT_IN,
	LLP_MESSAGE_EVENT_OUT,
	LLP_MESSAGE_EVENT_FAILED,
	LLP_MESSAGE_EVENT_CANCELLED,
};

/**
 * enum llp_exception - What is not the usual course on a line.
 * @LLP_EXCEPTION_FRAME: a received frame was damaged, repeated, or did not fit
 * @LLP_EXCEPTION_AGAIN: a frame was sent again
 * @LLP_EXCEPTION_TIMER: a timer of the protocol ran out
 * @LLP_EXCEPTION_LOST: received bytes belonged to no message
 * @LLP_EXCEPTION_DISCONNECT: the protocol asked to begin anew
 */
enum llp_exception {
	LLP_EXCEPTION_FRAME,
	LLP_EXCEPTION_AGAIN,
	LLP_EXCEPTION_TIMER,
	LLP_EXCEPTION_LOST,
	LLP_EXCEPTION_DISCONNECT,
};

/* Everything that is said of lines, in requests, replies and events. */
enum {
	LLP_A_LINE = 1,
	LLP_A_NAME,
	LLP_A_TTY,
	LLP_A_PROTOCOL,
	LLP_A_UP,
	LLP_A_STATE,
	LLP_A_FLAGS,
	LLP_A_POLICY,
	LLP_A_MAX_MESSAGES,
	LLP_A_MAX_BYTES,
	LLP_A_MAX_WRITES,
	LLP_A_MESSAGES,
	LLP_A_BYTES,
	LLP_A_WRITES,
	LLP_A_SPEED,
	LLP_A_CHAR_TIME,
	LLP_A_PARAM,
	LLP_A_COUNTER,
	LLP_A_TURNAROUND,
	LLP_A_PAD,
	LLP_A_TIME,
	LLP_A_CHANGE,
	LLP_A_EVENT,
	LLP_A_MESSAGE,
	LLP_A_LENGTH,
	LLP_A_ERROR,
	LLP_A_OUTCOME,
	LLP_A_MESSAGE_FLAGS,
	LLP_A_REPLY_TO,
	LLP_A_EXCEPTION,
	LLP_A_FRAME,
	LLP_A_VERDICT,
	LLP_A_TIMER,

	__LLP_A_MAX,
	LLP_A_MAX = (__LLP_A_MAX - 1)
};

/* A parameter of the line's protocol, as text. */
enum {
	LLP_A_PARAM_NAME = 1,
	LLP_A_PARAM_VALUE,

	__LLP_A_PARAM_MAX,
	LLP_A_PARAM_MAX = (__LLP_A_PARAM_MAX - 1)
};

/* One of the line's counters. */
enum {
	LLP_A_COUNTER_NAME = 1,
	LLP_A_COUNTER_VALUE,
	LLP_A_COUNTER_PAD,

	__LLP_A_COUNTER_MAX,
	LLP_A_COUNTER_MAX = (__LLP_A_COUNTER_MAX - 1)
};

/* A histogram of answers. */
enum {
	LLP_A_TURNAROUND_COUNT = 1,
	LLP_A_TURNAROUND_SUM,
	LLP_A_TURNAROUND_LONGEST,
	LLP_A_TURNAROUND_BUCKET,
	LLP_A_TURNAROUND_PAD,

	__LLP_A_TURNAROUND_MAX,
	LLP_A_TURNAROUND_MAX = (__LLP_A_TURNAROUND_MAX - 1)
};

enum {
	LLP_CMD_LINE_GET = 1,
	LLP_CMD_LINE_SET,
	LLP_CMD_STATS_GET,
	LLP_CMD_LINE_EVENT,
	LLP_CMD_MESSAGE_EVENT,
	LLP_CMD_EXCEPTION,

	__LLP_CMD_MAX,
	LLP_CMD_MAX = (__LLP_CMD_MAX - 1)
};

#define LLP_MCGRP_EVENTS	"events"

#endif /* _UAPI_LLP_NETLINK_H */
