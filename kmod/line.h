/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A line: one tty with this line discipline, the protocol engine that works on
 * it, and the files that are open on its device.
 *
 * Locking: @lock of a line serialises everything about it, the engine, the
 * queues, the files' states. It is a mutex, since all who come sleep: the
 * kworker that delivers received bytes, the work item behind the timer, the
 * callers of the device. Memory of users is never touched under it; a file's
 * @reading is taken before it by whoever copies a message out. The tty is used
 * only under @lock and only while the line is not @dead, which the line
 * discipline's close() makes it. Two orders follow from the tty layer: its
 * buffer lock and termios_rwsem may be held when @lock is taken, so neither
 * may be taken under it.
 *
 * Functions stand with their description where they are defined. Their caller
 * is a process that holds @lock, unless "Context:" there says otherwise.
 *
 * Lifetime: struct llp_line is freed by the release of its device. The line
 * discipline holds a reference from open to close, every open file one more.
 */
#ifndef N_LLP_LINE_H
#define N_LLP_LINE_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/memcontrol.h>
#include <linux/mutex.h>
#include <linux/tty.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "proto/llp_engine.h"
#include "uapi/llp.h"

#define LLP_LINES_MAX		256	/* device numbers set aside */
#define LLP_QUEUE_MAX		1024	/* messages, for options */
#define LLP_BYTES_MAX		BIT(30)
#define LLP_NOTES_MAX		64	/* notifications that wait on a file */
#define LLP_READ_IDS		16	/* messages that a file may still decide on, or answer */
#define LLP_LOST_SIZE		256	/* lost bytes kept */
#define LLP_OUT_SIZE		768	/* bytes on their way to the driver */
#define LLP_RX_SIZE		1984	/* room for received text at first */

/* A received message; the buffer that is being filled, too. */
struct llp_in {
	struct list_head node;	/* llp_line.in, llp_file.replies; empty: in a reader's hands */
	u32 size;		/* of @text */
	u32 id, len, flags, reply_to, check;
	u64 time;
	bool pending;		/* its sender waits for the acknowledgement */
	bool undecided;		/* the engine has not been given a verdict */
	bool gone;		/* was cancelled while a reader copied it */
	u8 text[];
};

/* A message that was written. */
struct llp_out {
	struct list_head node;	/* llp_line.answers, .requests or .sending */
	struct llp_file *file;	/* who wrote it; NULL: is closed */
	struct llp_note *note;	/* result of a non-blocking write, until it is due */
	u32 id, len;
	u32 flags;		/* LLP_SUBMIT_* */
	u32 answers;		/* LLP_SUBMIT_REPLY: received message */
	int users;		/* the line, and a writer that waits */
	bool submitted;
	bool aborted;
	bool sent;		/* the transfer ended; @error and @outcome hold */
	bool done;
	int error;		/* positive errno */
	u8 outcome;
	u8 text[];
};

/* A result or notification that waits for LLP_IOC_RESULT. */
struct llp_note {
	struct list_head node;
	bool counted;		/* among llp_file.n_notes */
	struct llp_ioc_result result;
};

/* A record that waits to be read (LLP_IOC_FLOW). */
struct llp_chunk {
	struct list_head node;
	struct llp_record head;
	u32 off;		/* bytes of @text that were read */
	bool undecided;		/* LLP_RECORD_END: the engine has not been given a verdict */
	bool void_;		/* became void while a reader copied it */
	u8 text[];
};

enum llp_expecting {
	LLP_EXPECTS_NOTHING,
	LLP_EXPECTS_ARMED,	/* LLP_IOC_EXPECT, no write yet */
	LLP_EXPECTS_REPLY,	/* the write is under way, or delivered */
	LLP_EXPECTS_ENDED,	/* the exchange is over; read() has not told yet */
};

/* A message that was read. */
struct llp_was_read {
	u32 id;			/* 0: none, or one that has its answer */
	bool void_;		/* refused, forgotten or cancelled: it takes no answer */
};

struct llp_file {
	struct llp_line *line;
	struct list_head node;	/* llp_line.files */
	struct mutex reading;	/* held by the one who copies a message out */
	u32 policy;
	u32 events;
	bool unready;

	/* receiving */
	struct llp_in *taken;	/* is being copied to the reader */
	struct llp_in *hand;	/* was read under LLP_POLICY_COMMIT, still PENDING */
	struct llp_ioc_message last; /* read last */
	struct llp_was_read was_read[LLP_READ_IDS];
	u8 read_at;

	/* sending */
	u32 answer;		/* received message that the next write answers, if it may */
	u32 last_write;

	/* the expected reply */
	u8 expecting;		/* enum llp_expecting */
	bool maybe;		/* LLP_EXPECT_MAYBE */
	bool got;		/* it was accepted */
	u32 expect_id;		/* of the write */
	int expect_error;	/* LLP_EXPECTS_ENDED: negative errno, 0: an empty reply */
	struct list_head replies;

	struct list_head notes;
	u32 n_notes;		/* notifications among them */
	u32 missed;
};

struct llp_line {
	struct device dev;
	struct cdev cdev;
	struct mutex lock;	/* everything below; see above */
	wait_queue_head_t wait;
	u32 seq;		/* counts what sleepers may want to see */
	u32 number;
	struct mem_cgroup *memcg; /* of who attached it: pays for what arrives */
	char tty_name[LLP_NAME_SIZE];

	/* the wire */
	struct tty_struct *tty;	/* NULL when dead */
	bool dead;
	bool up;
	bool was_exclusive;
	u32 char_time;		/* ns, 0: no wire */
	u32 speed;
	struct hrtimer timer;
	struct work_struct work;
	u64 armed;		/* when @timer is due */

	/* set-up */
	char name[LLP_NAME_SIZE];
	u32 protocol;
	struct llp_params params;
	u32 policy, max_messages, max_bytes, max_writes;

	/* the engine */
	struct llp_engine engine;
	struct llp_io io;
	struct llp_event end;	/* LLP_EV_END that was not acted upon yet */
	bool ended;
	bool progress;		/* something happened since the last look */
	bool changed;		/* sleepers are to be woken */
	bool drop;		/* the protocol asks to drop the connection */
	u32 first_id;		/* messages received before this one are of an earlier life */

	/* receiving */
	struct llp_in *rx;	/* buffer being filled, NULL: none */
	struct list_head in;	/* messages that wait for a reader, oldest first */
	u32 n_in, in_bytes;
	struct list_head files;
	struct llp_file *receiver;
	struct llp_file *expect; /* expects a reply: ARMED or REPLY */

	/* records */
	bool flow;
	bool engine_flow;	/* the engine's own setting, which follows between messages */
	bool flow_failed;	/* no memory for a record: the message is given up */
	u32 flow_id;		/* message that records wait of, begun and not over */
	bool flow_begun;	/* its LLP_RECORD_BEGIN was read */
	u32 flow_hand;		/* message whose end was read, and no verdict given */
	struct llp_chunk *spare; /* for the record that ends it */
	struct llp_chunk *chunk_taken; /* is being copied to the reader */
	struct list_head chunks;
	u32 chunk_bytes;

	/* sending */
	struct list_head answers, requests, sending;
	u32 n_out, out_bytes;	/* not sent yet */
	u32 next_out;		/* id */
	u32 forsaken;		/* request whose reply nobody waits for any more */
	u64 leaves;		/* the last byte leaves the wire then, ns */
	u64 check;		/* look at the transmitter again */
	u32 out_pos, out_len;
	u8 *out;		/* LLP_OUT_SIZE */

	/* what people look at */
	u64 count[LLP_C__N];	/* of the engine, from before it went up last */
	u64 refused;		/* messages for want of a reader, or of room */
	u64 rx_at;		/* last bytes came */
	bool answer_due;	/* an answer of ours waits to be written */
	struct llp_ioc_turnaround turnaround;
	u64 lost_total;
	u32 lost_new;		/* bytes of @lost that nobody fetched yet */
	u32 lost_at;		/* where the next goes */
	u8 *lost;		/* LLP_LOST_SIZE, behind @out */
};

/* main.c: */
extern struct workqueue_struct *llp_wq;	/* for llp_line.work */
extern unsigned int llp_max_lines;	/* the module's parameter */
bool llp_line_preset(struct llp_line *l);

/* device.c: what people open */
int llp_device_init(void);
void llp_device_exit(void);
struct llp_line *llp_line_new(struct tty_struct *tty);
int llp_line_publish(struct llp_line *l);
void llp_line_remove(struct llp_line *l);
void llp_line_discard(struct llp_line *l);
struct llp_line *llp_line_find(u32 number);

/* What happens to a line as a whole. */
enum llp_line_event {
	LLP_LINE_APPEARED,	/* people see it */
	LLP_LINE_UP,
	LLP_LINE_DOWN,
	LLP_LINE_CHANGED,	/* its protocol or one of its options */
	LLP_LINE_GONE,		/* its tty is; it is out of sight next */
};

/* line.c: set-up */
void llp_line_event(struct llp_line *l, enum llp_line_event event);
void llp_line_init(struct llp_line *l);
void llp_line_free(struct llp_line *l);
int llp_line_up(struct llp_line *l, const char **why);
int llp_line_down(struct llp_line *l);
int llp_line_set_protocol(struct llp_line *l, u32 protocol);
int llp_line_configure(struct llp_line *l, u32 protocol, const struct llp_params *p);
int llp_line_set_param(struct llp_line *l, const char *name, const char *value);
int llp_line_set_options(struct llp_line *l, const struct llp_ioc_options *o);
void llp_line_get_options(struct llp_line *l, struct llp_ioc_options *o);
void llp_line_info(struct llp_line *l, struct llp_ioc_info *info);
void llp_line_termios(struct llp_line *l);
void llp_line_die(struct llp_line *l);

/* glue.c: the engine's surroundings */
void llp_glue_init(struct llp_line *l);
void llp_glue_receive(struct llp_line *l, const u8 *p, const u8 *flags, size_t n);
void llp_glue_begin(struct llp_line *l);
void llp_glue_settle(struct llp_line *l);
void llp_glue_reset(struct llp_line *l);
void llp_glue_take_rx(struct llp_line *l);
u64 llp_glue_now(void);

/* xmit.c: bytes to the driver */
bool llp_xmit_pump(struct llp_line *l);
void llp_xmit_drop(struct llp_line *l);

/* recv.c: received messages */
u32 llp_recv_ready(const struct llp_line *l);
void llp_recv_ended(struct llp_line *l, const struct llp_event *ev);
void llp_recv_cancelled(struct llp_line *l, const struct llp_event *ev);
void llp_recv_down(struct llp_line *l);
int llp_recv_role(struct llp_file *f);
struct llp_in *llp_recv_next(struct llp_file *f);
void llp_recv_take(struct llp_file *f, struct llp_in *m);
void llp_recv_untake(struct llp_file *f);
bool llp_recv_taken(struct llp_file *f);
int llp_recv_verdict(struct llp_file *f, struct llp_ioc_verdict *v);
int llp_recv_release(struct llp_file *f);
void llp_recv_close(struct llp_file *f);
void llp_recv_leave(struct llp_file *f);
void llp_recv_expect_over(struct llp_file *f);
void llp_recv_remember(struct llp_file *f, u32 id);
void llp_recv_answered(struct llp_file *f, u32 id);
bool llp_recv_answerable(struct llp_file *f, u32 id);
struct llp_in *llp_in_new(u32 size, gfp_t gfp);
void llp_in_free(struct llp_in *m);

/* send.c: messages to send */
struct llp_out *llp_out_new(size_t len, bool result);
void llp_out_put(struct llp_out *o);
int llp_send_queue(struct llp_file *f, struct llp_out *o);
void llp_send_next(struct llp_line *l);
void llp_send_sent(struct llp_line *l, const struct llp_event *ev);
void llp_send_done(struct llp_line *l, const struct llp_event *ev);
const u8 *llp_send_text(struct llp_line *l, u32 id);
bool llp_send_withdraw(struct llp_line *l, struct llp_out *o);
int llp_send_abort(struct llp_file *f, u32 id);
int llp_send_expect(struct llp_file *f, u32 what);
int llp_send_answer(struct llp_file *f, u32 id);
void llp_send_fail_queued(struct llp_line *l);
void llp_send_close(struct llp_file *f);
bool llp_send_room(const struct llp_line *l, u32 len);
u32 llp_send_waiting(struct llp_file *f);
bool llp_send_can_withdraw(struct llp_file *f);

/* note.c: results and notifications */
void llp_note_add(struct llp_file *f, struct llp_note *n);
void llp_note_file(struct llp_file *f, const struct llp_ioc_result *r);
void llp_note_all(struct llp_line *l, const struct llp_ioc_result *r);
int llp_note_fetch(struct llp_file *f, struct llp_ioc_result *r);
void llp_note_close(struct llp_file *f);
u32 llp_note_count(struct llp_file *f);

/* flow.c: records */
int llp_flow_set(struct llp_file *f, bool on);
bool llp_flow_room(const struct llp_line *l);
void llp_flow_event(struct llp_line *l, const struct llp_event *ev);
void llp_flow_ended(struct llp_line *l, const struct llp_event *ev);
ssize_t llp_flow_read(struct llp_file *f, char __user *buf, size_t size, bool nonblock);
void llp_flow_clear(struct llp_line *l);
void llp_flow_down(struct llp_line *l);
u32 llp_flow_next(struct llp_line *l);

/* stats.c: counters and times */
void llp_stats_event(struct llp_line *l, const struct llp_event *ev);
void llp_stats_written(struct llp_line *l);
#define LLP_COUNTERS	(LLP_C__N + 1)	/* the engine's, and messages_refused */
const char *llp_stats_name(u32 i);
const char *llp_stats_counter(const struct llp_line *l, u32 i, u64 *value);
u32 llp_stats_fetch_lost(struct llp_line *l, u8 *to, u32 size);

/* netlink.c, netlink_event.c: */
int llp_netlink_init(void);
void llp_netlink_exit(void);
void llp_netlink_line(struct llp_line *l, enum llp_line_event event);
void llp_netlink_received(struct llp_line *l, const struct llp_event *ev, u32 error);
void llp_netlink_sent(struct llp_line *l, const struct llp_out *o, u32 error, u32 outcome);
void llp_netlink_event(struct llp_line *l, const struct llp_event *ev);

/* trace.c: */
void llp_trace_line(struct llp_line *l, enum llp_line_event event);
void llp_trace_event(struct llp_line *l, const struct llp_event *ev);

/* sysfs.c: */
extern const struct attribute_group *llp_sysfs_groups[];
void llp_sysfs_init(void);

/* chardev.c, ioctl.c: */
extern const struct file_operations llp_fops;
int llp_file_wait(struct llp_line *l, bool killable);
long llp_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* ldisc.c: */
extern struct tty_ldisc_ops llp_ldisc;

/**
 * llp_line_acknowledges() - whether the protocol acknowledges messages by itself
 * @l: the line
 *
 * Return: whether it does.
 */
static inline bool llp_line_acknowledges(const struct llp_line *l)
{
	return l->protocol == LLP_PROTO_X328 ||
	       (l->protocol == LLP_PROTO_MLLP && l->params.release == 2);
}

#endif /* N_LLP_LINE_H */
