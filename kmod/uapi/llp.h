/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * /dev/llpN: one message-framed device for each line that the line discipline
 * n_llp serves. One read() returns one message, one write() sends one.
 *
 * Every number in here is fixed for good. Structures only ever grow into
 * members named "reserved", which must be zero on the way in (else EINVAL) and
 * are zero on the way out; LLP_ABI_VERSION grows with them. All structures
 * have the same layout for 32-bit and 64-bit programs.
 *
 * Rights: what looks or receives needs a file open for reading, what sends or
 * changes the line one open for writing (EBADF). While the line is down,
 * write() fails with ENETDOWN. Every call fails with ENODEV once it is gone,
 * but reading what was acknowledged before, fetching results, and looking at
 * the file's own state.
 */
#ifndef _UAPI_LLP_H
#define _UAPI_LLP_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define LLP_ABI_VERSION		1

/* The line discipline's usual number (N_DEVELOPMENT). */
#define LLP_LDISC		29

#define LLP_NAME_SIZE		32	/* names and words, with the final NUL */
#define LLP_VALUE_SIZE		64	/* a parameter as text, with the final NUL */
#define LLP_BUCKETS		24	/* of struct llp_ioc_turnaround */

/* Protocols. */
#define LLP_PROTOCOL_X328	0	/* ANSI X3.28 as profiled by HL7 */
#define LLP_PROTOCOL_HLLP	1	/* hybrid LLP */
#define LLP_PROTOCOL_MLLP	2	/* minimal LLP; parameter "release" is 1 or 2 */

/*
 * Acknowledgement policies: when a message that its sender waits for is
 * acknowledged. HLLP and MLLP 1 acknowledge nothing; there the policy only
 * decides who may refuse.
 */
#define LLP_POLICY_ARRIVAL	0	/* as soon as its last block is checked */
#define LLP_POLICY_READ		1	/* in the read() that copies it out */
#define LLP_POLICY_COMMIT	2	/* when LLP_IOC_VERDICT says so */

/* Verdicts, for LLP_IOC_VERDICT. */
#define LLP_VERDICT_ACCEPT	0	/* it is safe: acknowledge */
#define LLP_VERDICT_ANSWER	1	/* the same, and an answer will be written */
#define LLP_VERDICT_REJECT	2	/* refuse it the protocol's way */
#define LLP_VERDICT_FORGET	3	/* HLLP, MLLP 1: say nothing, none will be written */

/* What came of an accept. */
#define LLP_SETTLED_ACKNOWLEDGED 0	/* done, or nothing to do in this protocol */
#define LLP_SETTLED_LATE	1	/* its repeat will be acknowledged: LLP_RESULT_ACKED
					 * or LLP_RESULT_CANCELLED follows
					 */
#define LLP_SETTLED_GONE	2	/* that transmission is over; it will come again */

/* What is known of the fate of a message that was written. */
#define LLP_OUTCOME_NOT_SENT	0	/* its last block never went on the wire, or was refused */
#define LLP_OUTCOME_DELIVERED	1	/* acknowledged by the other station */
#define LLP_OUTCOME_REFUSED	2	/* its last block was rejected */
#define LLP_OUTCOME_UNKNOWN	3	/* its last block was sent, no acknowledgement came */
#define LLP_OUTCOME_TRANSMITTED	4	/* sent; this protocol acknowledges nothing */

/* Flags of a received message. */
#define LLP_MSG_PENDING		0x01	/* its sender waits for the acknowledgement */
#define LLP_MSG_REPLY		0x02	/* answers the message @reply_to */
#define LLP_MSG_ACK		0x04	/* an HL7 acknowledgement: its second segment is MSA */
#define LLP_MSG_LATE		0x08	/* came after its request's reply time-out */
#define LLP_MSG_REPEAT		0x10	/* the same bytes as the message accepted before it */

/**
 * struct llp_ioc_info - the line, for LLP_IOC_INFO
 * @abi: LLP_ABI_VERSION of the module
 * @line: N of /dev/llpN
 * @protocol: LLP_PROTOCOL_*
 * @flags: LLP_INFO_*
 * @policy: LLP_POLICY_* that a file starts with
 * @max_messages: received messages that may wait, see LLP_IOC_SET_OPTIONS
 * @max_bytes: bytes of them, likewise
 * @max_writes: messages written that may wait for the line, likewise
 * @messages: received ones that wait for a reader now
 * @bytes: of memory that they hold
 * @writes: written ones that have not been sent yet
 * @speed: bits per second, 0: not a wire (pseudo terminals)
 * @char_time: nanoseconds per character on the wire, 0: not a wire
 * @reserved: zero
 * @tty: name of the tty, "ttyS1"
 * @name: the line's own name, may be empty
 * @state: what the protocol is doing, a word for people
 */
struct llp_ioc_info {
	__u32 abi;
	__u32 line;
	__u32 protocol;
	__u32 flags;
	__u32 policy;
	__u32 max_messages;
	__u32 max_bytes;
	__u32 max_writes;
	__u32 messages;
	__u32 bytes;
	__u32 writes;
	__u32 speed;
	__u32 char_time;
	__u32 reserved[3];
	char tty[LLP_NAME_SIZE];
	char name[LLP_NAME_SIZE];
	char state[LLP_NAME_SIZE];
};

#define LLP_INFO_UP		0x01	/* set up and working */
#define LLP_INFO_READY		0x02	/* takes messages now */
#define LLP_INFO_RECEIVER	0x04	/* a file holds the receiving role */
#define LLP_INFO_EXPECTATION	0x08	/* a file expects a reply */
#define LLP_INFO_FLOW		0x10	/* the receiver takes records */
#define LLP_INFO_IDLE		0x20	/* nothing is in progress in either direction */

/**
 * struct llp_ioc_options - the shell's own options of a line
 * @mask: LLP_OPTION_*: which members to set
 * @policy: LLP_POLICY_* that files opened from now on start with
 * @max_messages: 1 to 1024
 * @max_bytes: 1 to 1 GiB. The message that crosses it is kept
 * @max_writes: 1 to 1024
 * @reserved: zero
 * @name: letters, digits and "-_.+:@", first a letter or digit; or empty
 */
struct llp_ioc_options {
	__u32 mask;
	__u32 policy;
	__u32 max_messages;
	__u32 max_bytes;
	__u32 max_writes;
	__u32 reserved[3];
	char name[LLP_NAME_SIZE];
};

#define LLP_OPTION_POLICY	0x01
#define LLP_OPTION_MAX_MESSAGES	0x02
#define LLP_OPTION_MAX_BYTES	0x04
#define LLP_OPTION_MAX_WRITES	0x08
#define LLP_OPTION_NAME		0x10

/**
 * struct llp_ioc_param - a parameter of the line's protocol, as text
 * @name: as in llp-params(7), "timer_a"; on LLP_IOC_GET_PARAM it may be empty:
 *	then parameter number @index of this protocol is meant
 * @value: as in llp-params(7), "6s"
 * @index: see @name; counts from 0
 * @reserved: zero
 */
struct llp_ioc_param {
	char name[LLP_NAME_SIZE];
	char value[LLP_VALUE_SIZE];
	__u32 index;
	__u32 reserved;
};

/**
 * struct llp_ioc_message - what is known of a received message
 * @which: in: LLP_WHICH_NEXT the one that read() would return now,
 *	LLP_WHICH_READ the one that this file read last
 * @id: the line's name for it, never 0
 * @len: bytes
 * @flags: LLP_MSG_*; LLP_MSG_PENDING as it is now
 * @reply_to: LLP_MSG_REPLY: the id of the message written that it answers
 * @check: of its last block, as the protocol has it
 * @time: CLOCK_MONOTONIC when it was complete, nanoseconds
 */
struct llp_ioc_message {
	__u32 which;
	__u32 id;
	__u32 len;
	__u32 flags;
	__u32 reply_to;
	__u32 check;
	__u64 time;
};

#define LLP_WHICH_NEXT		0
#define LLP_WHICH_READ		1

/**
 * struct llp_ioc_verdict - what the reader decided
 * @id: of the message
 * @verdict: LLP_VERDICT_*
 * @settled: out: LLP_SETTLED_*
 * @reserved: zero
 */
struct llp_ioc_verdict {
	__u32 id;
	__u32 verdict;
	__u32 settled;
	__u32 reserved;
};

/**
 * struct llp_ioc_result - something that happened, for one open file
 * @type: LLP_RESULT_*
 * @id: of the message
 * @error: errno, as write() or read() would have returned it, or 0
 * @outcome: LLP_RESULT_SENT, LLP_RESULT_DONE: LLP_OUTCOME_*
 * @flags: LLP_RESULT_CANCELLED: LLP_CANCELLED_*
 * @missed: notifications that were dropped before this one, for want of room.
 *	Results of non-blocking writes are never dropped
 * @time: CLOCK_MONOTONIC, nanoseconds
 */
struct llp_ioc_result {
	__u32 type;
	__u32 id;
	__u32 error;
	__u32 outcome;
	__u32 flags;
	__u32 missed;
	__u64 time;
};

#define LLP_RESULT_SENT		0	/* the transfer of a message written here ended */
#define LLP_RESULT_DONE		1	/* its exchange ended: with its reply, or without */
#define LLP_RESULT_BEGIN	2	/* a message begins to arrive */
#define LLP_RESULT_ACKED	3	/* the acknowledgement of an accepted one went out */
#define LLP_RESULT_CANCELLED	4	/* a message that began, or that was read, is void */
#define LLP_RESULT_LINE		5	/* the line went up (@flags 1) or down (0) */
#define LLP_RESULT_END		6	/* a message that began is whole: it waits for who gets it,
					 * or was empty
					 */

/* LLP_RESULT_CANCELLED: it had been accepted; its sender may send it again. */
#define LLP_CANCELLED_ACCEPTED	0x01

/*
 * For LLP_IOC_EVENTS: bit (1 << LLP_RESULT_*) for each notification that the
 * file wants. A new file wants none; the LLP_RESULT_SENT of a non-blocking
 * write comes always.
 */
#define LLP_EVENTS_ALL		0x7f

/**
 * struct llp_ioc_file - the open file itself
 * @policy: LLP_POLICY_*
 * @flags: LLP_FILE_*
 * @last_write: id of the message that this file wrote last, 0: none
 * @last_read: id of the message that it read last, 0: none
 * @in_hand: id of the message that it read, and that is still PENDING, 0: none
 * @writes: messages written here that have not been sent yet
 * @results: waiting for LLP_IOC_RESULT
 * @events: see LLP_IOC_EVENTS
 */
struct llp_ioc_file {
	__u32 policy;
	__u32 flags;
	__u32 last_write;
	__u32 last_read;
	__u32 in_hand;
	__u32 writes;
	__u32 results;
	__u32 events;
};

#define LLP_FILE_RECEIVER	0x01	/* holds the receiving role */
#define LLP_FILE_EXPECTS	0x02	/* expects the reply to its next or last write */
#define LLP_FILE_FLOW		0x04	/* takes records */
#define LLP_FILE_UNREADY	0x08	/* holds the role, but takes nothing: LLP_IOC_READY */
#define LLP_FILE_WITHDRAWABLE	0x10	/* the last write has put no block on the wire yet:
					 * LLP_IOC_ABORT ends it with LLP_OUTCOME_NOT_SENT
					 */

/**
 * struct llp_ioc_lost - received bytes that belonged to no message
 * @total: out: how many there were since the line went up
 * @data: in: address of a buffer for the last of them that nobody fetched yet
 * @size: in: its size; out: bytes put there
 * @reserved: zero
 */
struct llp_ioc_lost {
	__u64 total;
	__u64 data;
	__u32 size;
	__u32 reserved;
};

/**
 * struct llp_ioc_counter - one of the line's counters
 * @name: out: "naks_sent"
 * @value: out: since the line was attached
 * @index: in: counts from 0. Names are fixed, numbers are not
 * @reserved: zero
 */
struct llp_ioc_counter {
	char name[LLP_NAME_SIZE];
	__u64 value;
	__u32 index;
	__u32 reserved;
};

/**
 * struct llp_ioc_turnaround - from the last byte of what asks for an answer,
 * as it reached the line discipline, to the first byte of the answer given to
 * the tty's driver
 * @count: answers
 * @sum: of all times, nanoseconds
 * @max: nanoseconds
 * @bucket: [0] below 1 us, [n] from 2^(n-1) us to below 2^n us, the last all above
 */
struct llp_ioc_turnaround {
	__u64 count;
	__u64 sum;
	__u64 max;
	__u64 bucket[LLP_BUCKETS];
};

/**
 * struct llp_record - what read() returns instead of messages after
 * LLP_IOC_FLOW: this header, and @len bytes of text after LLP_RECORD_DATA
 * @type: LLP_RECORD_*
 * @id: of the message
 * @len: bytes that follow; LLP_RECORD_END: bytes of the whole message
 * @flags: LLP_RECORD_END: LLP_MSG_*; LLP_RECORD_CANCEL: LLP_CANCELLED_*
 * @reply_to: see struct llp_ioc_message
 * @error: LLP_RECORD_CANCEL: why, as an errno
 * @time: CLOCK_MONOTONIC, nanoseconds
 */
struct llp_record {
	__u32 type;
	__u32 id;
	__u32 len;
	__u32 flags;
	__u32 reply_to;
	__u32 error;
	__u64 time;
};

#define LLP_RECORD_BEGIN	0	/* a message begins */
#define LLP_RECORD_DATA		1	/* checked text */
#define LLP_RECORD_END		2	/* it is complete */
#define LLP_RECORD_RESTART	3	/* its sender starts it again: what came so far is void */
#define LLP_RECORD_CANCEL	4	/* it will not be completed */

#define LLP_IOC_MAGIC		0xE1

/*
 * LLP_IOC_INFO - tell about the line. Works on the attached tty, too
 * LLP_IOC_FILE - tell about this open file; works when the line is gone, too
 */
#define LLP_IOC_INFO		_IOR(LLP_IOC_MAGIC, 0x00, struct llp_ioc_info)
#define LLP_IOC_FILE		_IOR(LLP_IOC_MAGIC, 0x01, struct llp_ioc_file)

/*
 * LLP_IOC_UP - put the line to work with its protocol and parameters. EALREADY
 *	it is up; EINVAL the parameters do not fit each other; ENOMEM
 * LLP_IOC_DOWN - stop it at once: writes in progress end with ENODEV, what was
 *	not acknowledged is cancelled. EALREADY it is down
 * LLP_IOC_SET_PROTOCOL - LLP_PROTOCOL_*; all parameters get their defaults.
 *	EINVAL no such protocol; EBUSY the line is up
 * LLP_IOC_GET_PARAM - ENOENT no such parameter of this protocol, or @index is
 *	past the last
 * LLP_IOC_SET_PARAM - ENOENT likewise; EINVAL not a value of its kind; ERANGE
 *	out of bounds; EBUSY the line is up
 * LLP_IOC_GET_OPTIONS, LLP_IOC_SET_OPTIONS - EINVAL unknown bits, or not a
 *	policy or a name; ERANGE out of bounds
 */
#define LLP_IOC_UP		_IO(LLP_IOC_MAGIC, 0x02)
#define LLP_IOC_DOWN		_IO(LLP_IOC_MAGIC, 0x03)
#define LLP_IOC_SET_PROTOCOL	_IOW(LLP_IOC_MAGIC, 0x04, __u32)
#define LLP_IOC_GET_PARAM	_IOWR(LLP_IOC_MAGIC, 0x05, struct llp_ioc_param)
#define LLP_IOC_SET_PARAM	_IOW(LLP_IOC_MAGIC, 0x06, struct llp_ioc_param)
#define LLP_IOC_GET_OPTIONS	_IOR(LLP_IOC_MAGIC, 0x07, struct llp_ioc_options)
#define LLP_IOC_SET_OPTIONS	_IOW(LLP_IOC_MAGIC, 0x08, struct llp_ioc_options)

/*
 * LLP_IOC_COUNTER - ENOENT @index is past the last
 * LLP_IOC_TURNAROUND - the histogram of turnaround
 * LLP_IOC_LOST - fetch lost bytes; EFAULT
 */
#define LLP_IOC_COUNTER		_IOWR(LLP_IOC_MAGIC, 0x09, struct llp_ioc_counter)
#define LLP_IOC_TURNAROUND	_IOR(LLP_IOC_MAGIC, 0x0a, struct llp_ioc_turnaround)
#define LLP_IOC_LOST		_IOWR(LLP_IOC_MAGIC, 0x0b, struct llp_ioc_lost)

/*
 * LLP_IOC_RECEIVE - 1: take the receiving role; 0: give it up. So does the
 *	first read() of a file that expects nothing, if the role is free. EBUSY
 *	another file has it; EINVAL
 * LLP_IOC_READY - 0: keep the role, but refuse messages; 1: take them (again).
 *	EPERM this file has not the role; EINVAL
 * LLP_IOC_POLICY - LLP_POLICY_* for this file, from the next message on. EINVAL
 * LLP_IOC_FLOW - 1: take the role, and records instead of messages, from the
 *	next message on; 0: messages again, and keep the role. EBUSY another
 *	file has the role, or one expects a reply, or a message is arriving or
 *	waits to be read; EINVAL
 * LLP_IOC_MESSAGE - ENODATA there is none
 * LLP_IOC_VERDICT - decide on a message read here. EINVAL no such verdict, or
 *	the message was not read by this file, or has its answer. What came
 *	before the line was down is LLP_SETTLED_GONE
 * LLP_IOC_RELEASE - put the message read last back at the head. EINVAL none
 *	was read, or it is not PENDING any more
 * LLP_IOC_ABORT_RECEIVE - end the message that is arriving the protocol's way.
 *	EPERM this file has not the role
 * LLP_IOC_TURN - ask the other station to let us send (X3.28 RINT). EPERM
 */
#define LLP_IOC_RECEIVE		_IOW(LLP_IOC_MAGIC, 0x10, __u32)
#define LLP_IOC_READY		_IOW(LLP_IOC_MAGIC, 0x11, __u32)
#define LLP_IOC_POLICY		_IOW(LLP_IOC_MAGIC, 0x12, __u32)
#define LLP_IOC_FLOW		_IOW(LLP_IOC_MAGIC, 0x13, __u32)
#define LLP_IOC_MESSAGE		_IOWR(LLP_IOC_MAGIC, 0x14, struct llp_ioc_message)
#define LLP_IOC_VERDICT		_IOWR(LLP_IOC_MAGIC, 0x15, struct llp_ioc_verdict)
#define LLP_IOC_RELEASE		_IO(LLP_IOC_MAGIC, 0x16)
#define LLP_IOC_ABORT_RECEIVE	_IO(LLP_IOC_MAGIC, 0x17)
#define LLP_IOC_TURN		_IO(LLP_IOC_MAGIC, 0x18)

/* What kind of message the next write() of this file sends: LLP_IOC_EXPECT. */
#define LLP_EXPECT_OFF		0	/* nothing answers it: the default; ends an expectation */
#define LLP_EXPECT_REQUIRED	1	/* a reply is expected */
#define LLP_EXPECT_MAYBE	2	/* one may come: its absence is no failure */

/*
 * LLP_IOC_EXPECT - bind the reply to this file's next write: read() here
 *	returns the reply only, and never takes the receiving role. The
 *	expectation ends with the reply, its time-out (read() tells: ETIMEDOUT,
 *	or 0 after LLP_EXPECT_MAYBE), the write's failure, LLP_EXPECT_OFF, or
 *	close(). EBUSY a file expects a reply already, or has LLP_IOC_FLOW;
 *	EINVAL
 * LLP_IOC_ANSWER - the next write of this file answers the received message
 *	with this id, which this file has read; 0: it answers none. ESTALE nobody
 *	waits for that answer: the line was down since the message came, or the
 *	message was answered, refused, forgotten or cancelled, is not among the
 *	last 16 read here, or never was. Then, or when this comes to be true in
 *	between, write() fails with ESTALE until this is called again: nothing is
 *	sent, since the other station would take it for the answer to what it
 *	asked meanwhile. A write that expects a reply answers nothing
 * LLP_IOC_RESULT - fetch the oldest result or notification. EAGAIN there is
 *	none (poll() says EPOLLPRI when there is)
 * LLP_IOC_ABORT - take the message back that this file wrote, by its id, or 0
 *	for all; or stop waiting for its reply. The write's failure tells how it
 *	ended. ENOENT no such message
 * LLP_IOC_EVENTS - the notifications that this file wants. EINVAL
 */
#define LLP_IOC_EXPECT		_IOW(LLP_IOC_MAGIC, 0x20, __u32)
#define LLP_IOC_ANSWER		_IOW(LLP_IOC_MAGIC, 0x21, __u32)
#define LLP_IOC_RESULT		_IOR(LLP_IOC_MAGIC, 0x22, struct llp_ioc_result)
#define LLP_IOC_ABORT		_IOW(LLP_IOC_MAGIC, 0x23, __u32)
#define LLP_IOC_EVENTS		_IOW(LLP_IOC_MAGIC, 0x24, __u32)

#endif /* _UAPI_LLP_H */
