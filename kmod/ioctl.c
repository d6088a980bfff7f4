// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl() on /dev/llpN. Arguments are copied in before the line is locked and
 * out after it is unlocked; what each call needs stands in one table.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/ioctls.h>

#include "line.h"

#define SAME(uapi, engine)	static_assert((int)(uapi) == (int)(engine))
SAME(LLP_PROTOCOL_X328, LLP_PROTO_X328);
SAME(LLP_PROTOCOL_HLLP, LLP_PROTO_HLLP);
SAME(LLP_PROTOCOL_MLLP, LLP_PROTO_MLLP);
SAME(LLP_VERDICT_ACCEPT, LLP_ACCEPT);
SAME(LLP_VERDICT_ANSWER, LLP_ACCEPT_ANSWER);
SAME(LLP_VERDICT_REJECT, LLP_REJECT);
SAME(LLP_VERDICT_FORGET, LLP_FORGET);
SAME(LLP_SETTLED_ACKNOWLEDGED, LLP_ACKNOWLEDGED);
SAME(LLP_SETTLED_LATE, LLP_LATE);
SAME(LLP_SETTLED_GONE, LLP_GONE);
SAME(LLP_OUTCOME_NOT_SENT, LLP_OUT_NOT_SENT);
SAME(LLP_OUTCOME_DELIVERED, LLP_OUT_DELIVERED);
SAME(LLP_OUTCOME_REFUSED, LLP_OUT_REFUSED);
SAME(LLP_OUTCOME_UNKNOWN, LLP_OUT_UNKNOWN);
SAME(LLP_OUTCOME_TRANSMITTED, LLP_OUT_TRANSMITTED);
SAME(LLP_MSG_PENDING, LLP_END_PENDING);
SAME(LLP_MSG_REPLY, LLP_END_REPLY);
SAME(LLP_MSG_ACK, LLP_END_ACK_MSG);
SAME(LLP_MSG_LATE, LLP_END_LATE);
SAME(LLP_MSG_REPEAT, LLP_END_REPEAT);

union llp_arg {
	u32 number;
	struct llp_ioc_info info;
	struct llp_ioc_file file;
	struct llp_ioc_param param;
	struct llp_ioc_options options;
	struct llp_ioc_counter counter;
	struct llp_ioc_turnaround turnaround;
	struct llp_ioc_message message;
	struct llp_ioc_verdict verdict;
	struct llp_ioc_result result;
};

static int do_info(struct llp_file *f, union llp_arg *a)
{
	llp_line_info(f->line, &a->info);
	return 0;
}

static int do_file(struct llp_file *f, union llp_arg *a)
{
	struct llp_line *l = f->line;

	memset(&a->file, 0, sizeof(a->file));
	a->file.policy = f->policy;
	if (l->receiver == f) {
		a->file.flags |= LLP_FILE_RECEIVER;
		a->file.flags |= l->flow ? LLP_FILE_FLOW : 0;
		a->file.flags |= f->unready ? LLP_FILE_UNREADY : 0;
	}
	a->file.flags |= f->expecting ? LLP_FILE_EXPECTS : 0;
	a->file.flags |= llp_send_can_withdraw(f) ? LLP_FILE_WITHDRAWABLE : 0;
	a->file.last_write = f->last_write;
	a->file.last_read = f->last.id;
	a->file.in_hand = f->hand ? f->hand->id : 0;
	a->file.writes = llp_send_waiting(f);
	a->file.results = llp_note_count(f);
	a->file.events = f->events;
	return 0;
}

static int do_up(struct llp_file *f, union llp_arg *a)
{
	const char *why;

	return llp_line_up(f->line, &why);
}

static int do_down(struct llp_file *f, union llp_arg *a)
{
	return llp_line_down(f->line);
}

static int do_set_protocol(struct llp_file *f, union llp_arg *a)
{
	return llp_line_set_protocol(f->line, a->number);
}

static bool is_word(const char *s, size_t size)
{
	return strnlen(s, size) < size;
}

static const struct llp_param *param_at(u32 protocol, u32 index)
{
	const struct llp_param *p;
	u32 i;

	for (i = 0; (p = llp_param_at(i)) != NULL; i++)
		if ((p->protocols & BIT(protocol)) && !index--)
			return p;
	return NULL;
}

static int do_get_param(struct llp_file *f, union llp_arg *a)
{
	struct llp_ioc_param *p = &a->param;
	struct llp_line *l = f->line;
	int n;

	if (p->reserved || !is_word(p->name, sizeof(p->name)))
		return -EINVAL;
	if (!p->name[0]) {
		const struct llp_param *row = param_at(l->protocol, p->index);

		if (!row)
			return -ENOENT;
		strscpy_pad(p->name, row->name, sizeof(p->name));
	}
	memset(p->value, 0, sizeof(p->value));
	n = llp_params_get(&l->params, l->protocol, p->name, p->value, sizeof(p->value));
	return min(n, 0);
}

static int do_set_param(struct llp_file *f, union llp_arg *a)
{
	struct llp_ioc_param *p = &a->param;

	if (p->reserved || !is_word(p->name, sizeof(p->name)) ||
	    !is_word(p->value, sizeof(p->value)))
		return -EINVAL;
	return llp_line_set_param(f->line, p->name, p->value);
}

static int do_get_options(struct llp_file *f, union llp_arg *a)
{
	llp_line_get_options(f->line, &a->options);
	return 0;
}

static int do_set_options(struct llp_file *f, union llp_arg *a)
{
	return llp_line_set_options(f->line, &a->options);
}

static int do_counter(struct llp_file *f, union llp_arg *a)
{
	struct llp_ioc_counter *c = &a->counter;
	const char *name;

	if (c->reserved)
		return -EINVAL;
	name = llp_stats_counter(f->line, c->index, &c->value);
	if (!name)
		return -ENOENT;
	strscpy_pad(c->name, name, sizeof(c->name));
	return 0;
}

static int do_turnaround(struct llp_file *f, union llp_arg *a)
{
	a->turnaround = f->line->turnaround;
	return 0;
}

static int do_receive(struct llp_file *f, union llp_arg *a)
{
	struct llp_line *l = f->line;

	if (a->number > 1)
		return -EINVAL;
	if (a->number)
		return llp_recv_role(f);
	if (l->receiver == f)
		llp_recv_leave(f);
	return 0;
}

static int do_ready(struct llp_file *f, union llp_arg *a)
{
	if (a->number > 1)
		return -EINVAL;
	if (f->line->receiver != f)
		return -EPERM;
	f->unready = !a->number;
	llp_glue_begin(f->line);
	llp_glue_settle(f->line);
	return 0;
}

static int do_policy(struct llp_file *f, union llp_arg *a)
{
	if (a->number > LLP_POLICY_COMMIT)
		return -EINVAL;
	f->policy = a->number;
	return 0;
}

static int do_flow(struct llp_file *f, union llp_arg *a)
{
	return a->number > 1 ? -EINVAL : llp_flow_set(f, a->number);
}

static int do_message(struct llp_file *f, union llp_arg *a)
{
	struct llp_ioc_message *m = &a->message;
	const struct llp_in *next;

	switch (m->which) {
	case LLP_WHICH_READ:
		if (!f->last.id)
			return -ENODATA;
		*m = f->last;
		m->flags |= f->hand && f->hand->id == m->id ? LLP_MSG_PENDING : 0;
		return 0;
	case LLP_WHICH_NEXT:
		next = llp_recv_next(f);
		if (!next)
			return -ENODATA;
		*m = (struct llp_ioc_message) {
			.which = LLP_WHICH_NEXT, .id = next->id, .len = next->len,
			.flags = next->flags | (next->pending ? LLP_MSG_PENDING : 0),
			.reply_to = next->reply_to, .check = next->check, .time = next->time,
		};
		return 0;
	default:
		return -EINVAL;
	}
}

static int do_verdict(struct llp_file *f, union llp_arg *a)
{
	return llp_recv_verdict(f, &a->verdict);
}

static int do_release(struct llp_file *f, union llp_arg *a)
{
	return llp_recv_release(f);
}

/* What only the receiver may ask of the engine. */
static int as_receiver(struct llp_file *f, void (*ask)(struct llp_engine *, struct llp_io *))
{
	struct llp_line *l = f->line;

	if (l->receiver != f)
		return -EPERM;
	if (!l->up)
		return 0;
	llp_glue_begin(l);
	ask(&l->engine, &l->io);
	llp_glue_settle(l);
	return 0;
}

static int do_abort_receive(struct llp_file *f, union llp_arg *a)
{
	return as_receiver(f, llp_abort_rx);
}

static int do_turn(struct llp_file *f, union llp_arg *a)
{
	return as_receiver(f, llp_request_turn);
}

static int do_expect(struct llp_file *f, union llp_arg *a)
{
	return llp_send_expect(f, a->number);
}

static int do_answer(struct llp_file *f, union llp_arg *a)
{
	return llp_send_answer(f, a->number);
}

static int do_result(struct llp_file *f, union llp_arg *a)
{
	return llp_note_fetch(f, &a->result);
}

static int do_abort(struct llp_file *f, union llp_arg *a)
{
	return llp_send_abort(f, a->number);
}

static int do_events(struct llp_file *f, union llp_arg *a)
{
	if (a->number & ~LLP_EVENTS_ALL)
		return -EINVAL;
	f->events = a->number;
	return 0;
}

static const struct llp_call {
	unsigned int cmd;
	fmode_t mode;		/* the file must be open for one of these; 0: for anything */
	bool dead;		/* works when the line is gone */
	int (*call)(struct llp_file *f, union llp_arg *a);
} calls[] = {
	{ LLP_IOC_INFO, 0, false, do_info },
	{ LLP_IOC_FILE, 0, true, do_file },
	{ LLP_IOC_UP, FMODE_WRITE, false, do_up },
	{ LLP_IOC_DOWN, FMODE_WRITE, false, do_down },
	{ LLP_IOC_SET_PROTOCOL, FMODE_WRITE, false, do_set_protocol },
	{ LLP_IOC_GET_PARAM, 0, false, do_get_param },
	{ LLP_IOC_SET_PARAM, FMODE_WRITE, false, do_set_param },
	{ LLP_IOC_GET_OPTIONS, 0, false, do_get_options },
	{ LLP_IOC_SET_OPTIONS, FMODE_WRITE, false, do_set_options },
	{ LLP_IOC_COUNTER, 0, false, do_counter },
	{ LLP_IOC_TURNAROUND, 0, false, do_turnaround },
	{ LLP_IOC_RECEIVE, FMODE_READ, false, do_receive },
	{ LLP_IOC_READY, FMODE_READ, false, do_ready },
	{ LLP_IOC_POLICY, FMODE_READ, false, do_policy },
	{ LLP_IOC_FLOW, FMODE_READ, false, do_flow },
	{ LLP_IOC_MESSAGE, FMODE_READ, true, do_message },
	{ LLP_IOC_VERDICT, FMODE_READ, true, do_verdict },
	{ LLP_IOC_RELEASE, FMODE_READ, true, do_release },
	{ LLP_IOC_ABORT_RECEIVE, FMODE_READ, false, do_abort_receive },
	{ LLP_IOC_TURN, FMODE_READ, false, do_turn },
	{ LLP_IOC_EXPECT, FMODE_WRITE, false, do_expect },
	{ LLP_IOC_ANSWER, FMODE_WRITE, false, do_answer },
	{ LLP_IOC_RESULT, 0, true, do_result },
	{ LLP_IOC_ABORT, FMODE_WRITE, false, do_abort },
	{ LLP_IOC_EVENTS, 0, false, do_events },
};

static const struct llp_call *find_call(unsigned int cmd)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].cmd == cmd)
			return &calls[i];
	return NULL;
}

/* FIONREAD: the length of what read() would return now. */
static long next_length(struct llp_file *f, int __user *to)
{
	struct llp_line *l = f->line;
	const struct llp_in *m;
	int n;

	mutex_lock(&l->lock);
	m = llp_recv_next(f);
	n = l->flow && l->receiver == f ? llp_flow_next(l) : m ? m->len : 0;
	mutex_unlock(&l->lock);
	return put_user(n, to);
}

static long fetch_lost(struct llp_file *f, struct llp_ioc_lost __user *to)
{
	struct llp_line *l = f->line;
	u8 bytes[LLP_LOST_SIZE];
	struct llp_ioc_lost a;
	int err = 0;

	if (copy_from_user(&a, to, sizeof(a)))
		return -EFAULT;
	if (a.reserved)
		return -EINVAL;
	mutex_lock(&l->lock);
	if (l->dead)
		err = -ENODEV;
	a.total = l->lost_total;
	a.size = llp_stats_fetch_lost(l, bytes, a.size);
	mutex_unlock(&l->lock);
	if (err)
		return err;
	if (copy_to_user(u64_to_user_ptr(a.data), bytes, a.size) || copy_to_user(to, &a, sizeof(a)))
		return -EFAULT;
	return 0;
}

/**
 * llp_ioctl() - ioctl() of a device
 * @file: open file
 * @cmd: LLP_IOC_* or FIONREAD
 * @arg: the user's
 *
 * Context: without the lock, which is taken.
 * Return: 0, or a negative errno as llp(4) has it.
 */
long llp_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct llp_file *f = file->private_data;
	struct llp_line *l = f->line;
	void __user *user = (void __user *)arg;
	const struct llp_call *c;
	union llp_arg a;
	int err;

	if (cmd == FIONREAD)
		return next_length(f, user);
	if (cmd == LLP_IOC_LOST)
		return file->f_mode & FMODE_READ ? fetch_lost(f, user) : -EBADF;
	c = find_call(cmd);
	if (!c)
		return -ENOTTY;
	if (c->mode && !(file->f_mode & c->mode))
		return -EBADF;
	memset(&a, 0, sizeof(a));
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(&a, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	mutex_lock(&l->lock);
	err = l->dead && !c->dead ? -ENODEV : c->call(f, &a);
	mutex_unlock(&l->lock);
	if (!err && (_IOC_DIR(cmd) & _IOC_READ) && copy_to_user(user, &a, _IOC_SIZE(cmd)))
		err = -EFAULT;
	return err;
}
