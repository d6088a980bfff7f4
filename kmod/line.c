// SPDX-License-Identifier: GPL-2.0
/* A line's set-up: protocol, parameters, options, up, down, and its end. */
#include <linux/ctype.h>
#include <linux/slab.h>

#include "line.h"

/**
 * llp_line_init() - makes zeroed memory a line, down and without a tty
 * @l: the line
 *
 * Context: nobody else knows the line yet.
 */
void llp_line_init(struct llp_line *l)
{
	mutex_init(&l->lock);
	init_waitqueue_head(&l->wait);
	INIT_LIST_HEAD(&l->in);
	INIT_LIST_HEAD(&l->files);
	INIT_LIST_HEAD(&l->chunks);
	INIT_LIST_HEAD(&l->answers);
	INIT_LIST_HEAD(&l->requests);
	INIT_LIST_HEAD(&l->sending);
	llp_glue_init(l);
}

/**
 * llp_line_free() - frees what hangs on a line
 * @l: the line
 *
 * Context: the last reference is gone: no file is open, no tty attached.
 */
void llp_line_free(struct llp_line *l)
{
	struct llp_in *m, *next;

	list_for_each_entry_safe(m, next, &l->in, node)
		llp_in_free(m);
	llp_flow_clear(l);
	llp_in_free(l->rx);
}

/**
 * llp_line_termios() - looks at speed and length of a character on the wire
 * @l: the line
 *
 * A pseudo terminal has no wire.
 */
void llp_line_termios(struct llp_line *l)
{
	unsigned int bits;

	lockdep_assert_held(&l->lock);
	if (!l->tty || l->tty->driver->type == TTY_DRIVER_TYPE_PTY)
		return;
	l->speed = tty_get_baud_rate(l->tty);
	bits = tty_get_frame_size(l->tty->termios.c_cflag);
	l->char_time = l->speed ? div_u64((u64)bits * NSEC_PER_SEC, l->speed) : 0;
}

/**
 * llp_line_up() - puts the line to work
 * @l: the line
 * @why: on -EINVAL, what is wrong with its parameters
 *
 * Return: 0, -ENODEV, -EALREADY, or -EINVAL.
 */
int llp_line_up(struct llp_line *l, const char **why)
{
	lockdep_assert_held(&l->lock);
	if (l->dead)
		return -ENODEV;
	if (l->up)
		return -EALREADY;
	*why = llp_params_check(&l->params, l->protocol);
	if (*why)
		return -EINVAL;
	l->params.char_time = l->char_time;
	l->params.flow = l->flow;
	l->engine_flow = l->flow;
	l->lost_total = 0;
	l->lost_new = 0;
	llp_glue_reset(l);
	l->up = true;
	llp_glue_begin(l);
	llp_connected(&l->engine, &l->io);
	llp_line_event(l, LLP_LINE_UP);
	llp_glue_settle(l);
	return 0;
}

/**
 * llp_line_down() - stops it at once
 * @l: the line
 *
 * Messages that were acknowledged stay for their reader.
 *
 * Return: 0, or -EALREADY.
 */
int llp_line_down(struct llp_line *l)
{
	lockdep_assert_held(&l->lock);
	if (!l->up)
		return -EALREADY;
	llp_glue_begin(l);
	llp_hangup(&l->engine, &l->io, true);
	if (l->ended) {
		/* A message that the end of the line completes (MLLP, eof=accept). */
		l->ended = false;
		llp_recv_ended(l, &l->end);
	}
	l->up = false;
	llp_recv_down(l);
	llp_send_fail_queued(l);
	llp_xmit_drop(l);
	llp_line_event(l, LLP_LINE_DOWN);
	llp_glue_settle(l);
	return 0;
}

/**
 * llp_line_event() - something happened to the line as a whole
 * @l: the line
 * @event: what
 *
 * Here everybody who wants to know is told.
 */
void llp_line_event(struct llp_line *l, enum llp_line_event event)
{
	struct llp_ioc_result r = { .type = LLP_RESULT_LINE };

	lockdep_assert_held(&l->lock);
	llp_netlink_line(l, event);
	llp_trace_line(l, event);
	switch (event) {
	case LLP_LINE_UP:
		r.flags = 1;
		llp_note_all(l, &r);
		break;
	case LLP_LINE_DOWN:
		llp_note_all(l, &r);
		break;
	case LLP_LINE_CHANGED:
		/* udev's rules name links after these. */
		kobject_uevent(&l->dev.kobj, KOBJ_CHANGE);
		break;
	default:
		break;
	}
}

/**
 * llp_line_set_protocol() - another protocol, with its default parameters
 * @l: the line
 * @protocol: enum llp_protocol
 *
 * Return: 0; -EINVAL: there is none like that; -EBUSY: the line is up.
 */
int llp_line_set_protocol(struct llp_line *l, u32 protocol)
{
	lockdep_assert_held(&l->lock);
	if (protocol >= LLP_PROTO__N)
		return -EINVAL;
	if (l->up)
		return -EBUSY;
	l->protocol = protocol;
	llp_params_default(&l->params, protocol);
	llp_line_event(l, LLP_LINE_CHANGED);
	return 0;
}

/**
 * llp_line_configure() - protocol and parameters at once
 * @l: the line
 * @protocol: enum llp_protocol
 * @p: parameters of this protocol
 *
 * Return: 0, or -EBUSY: the line is up.
 */
int llp_line_configure(struct llp_line *l, u32 protocol, const struct llp_params *p)
{
	lockdep_assert_held(&l->lock);
	if (l->up)
		return -EBUSY;
	l->protocol = protocol;
	l->params = *p;
	llp_line_event(l, LLP_LINE_CHANGED);
	return 0;
}

/**
 * llp_line_set_param() - sets one parameter of the line's protocol
 * @l: the line
 * @name: of the parameter
 * @value: as people write it
 *
 * Return: 0; -EBUSY: the line is up; or as llp_params_set() has it.
 */
int llp_line_set_param(struct llp_line *l, const char *name, const char *value)
{
	lockdep_assert_held(&l->lock);
	if (l->up)
		return -EBUSY;
	return llp_params_set(&l->params, l->protocol, name, value);
}

static bool good_name(const char *name)
{
	size_t i, n = strnlen(name, LLP_NAME_SIZE);

	if (n == LLP_NAME_SIZE)
		return false;
	for (i = 0; i < n; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && (!i || !strchr("-_.+:@", name[i]))))
			return false;
	return true;
}

/**
 * llp_line_set_options() - what of @o its mask names
 * @l: the line
 * @o: options
 *
 * Return: 0; -EINVAL or -ERANGE, and nothing was changed.
 */
int llp_line_set_options(struct llp_line *l, const struct llp_ioc_options *o)
{
	u32 mask = o->mask;

	lockdep_assert_held(&l->lock);
	if (mask & ~(LLP_OPTION_POLICY | LLP_OPTION_MAX_MESSAGES | LLP_OPTION_MAX_BYTES |
		     LLP_OPTION_MAX_WRITES | LLP_OPTION_NAME))
		return -EINVAL;
	if (memchr_inv(o->reserved, 0, sizeof(o->reserved)))
		return -EINVAL;
	if ((mask & LLP_OPTION_POLICY) && o->policy > LLP_POLICY_COMMIT)
		return -EINVAL;
	if ((mask & LLP_OPTION_NAME) && !good_name(o->name))
		return -EINVAL;
	if (((mask & LLP_OPTION_MAX_MESSAGES) &&
	     (!o->max_messages || o->max_messages > LLP_QUEUE_MAX)) ||
	    ((mask & LLP_OPTION_MAX_BYTES) && (!o->max_bytes || o->max_bytes > LLP_BYTES_MAX)) ||
	    ((mask & LLP_OPTION_MAX_WRITES) && (!o->max_writes || o->max_writes > LLP_QUEUE_MAX)))
		return -ERANGE;

	if (mask & LLP_OPTION_POLICY)
		l->policy = o->policy;
	if (mask & LLP_OPTION_MAX_MESSAGES)
		l->max_messages = o->max_messages;
	if (mask & LLP_OPTION_MAX_BYTES)
		l->max_bytes = o->max_bytes;
	if (mask & LLP_OPTION_MAX_WRITES)
		l->max_writes = o->max_writes;
	if (mask & LLP_OPTION_NAME)
		strscpy_pad(l->name, o->name, sizeof(l->name));
	llp_line_event(l, LLP_LINE_CHANGED);
	llp_glue_begin(l);
	l->changed = true;
	llp_glue_settle(l);
	return 0;
}

/**
 * llp_line_get_options() - all options of the line
 * @l: the line
 * @o: is filled, its mask too
 */
void llp_line_get_options(struct llp_line *l, struct llp_ioc_options *o)
{
	lockdep_assert_held(&l->lock);
	memset(o, 0, sizeof(*o));
	o->mask = LLP_OPTION_POLICY | LLP_OPTION_MAX_MESSAGES | LLP_OPTION_MAX_BYTES |
		  LLP_OPTION_MAX_WRITES | LLP_OPTION_NAME;
	o->policy = l->policy;
	o->max_messages = l->max_messages;
	o->max_bytes = l->max_bytes;
	o->max_writes = l->max_writes;
	strscpy(o->name, l->name, sizeof(o->name));
}

/**
 * llp_line_info() - the line's present state
 * @l: the line, which may be dead
 * @info: is filled
 */
void llp_line_info(struct llp_line *l, struct llp_ioc_info *info)
{
	lockdep_assert_held(&l->lock);
	memset(info, 0, sizeof(*info));
	info->abi = LLP_ABI_VERSION;
	info->line = l->number;
	info->protocol = l->protocol;
	if (l->up)
		info->flags |= LLP_INFO_UP;
	if (l->up && (llp_recv_ready(l) & LLP_READY_BID))
		info->flags |= LLP_INFO_READY;
	if (l->receiver)
		info->flags |= LLP_INFO_RECEIVER;
	if (l->expect)
		info->flags |= LLP_INFO_EXPECTATION;
	if (l->flow)
		info->flags |= LLP_INFO_FLOW;
	if (!l->up || (llp_idle(&l->engine) && !l->n_out))
		info->flags |= LLP_INFO_IDLE;
	info->policy = l->policy;
	info->max_messages = l->max_messages;
	info->max_bytes = l->max_bytes;
	info->max_writes = l->max_writes;
	info->messages = l->n_in;
	info->bytes = l->in_bytes + l->chunk_bytes;
	info->writes = l->n_out;
	info->speed = l->speed;
	info->char_time = l->char_time;
	strscpy(info->tty, l->tty_name, sizeof(info->tty));
	strscpy(info->name, l->name, sizeof(info->name));
	strscpy(info->state, l->up ? llp_state_name(&l->engine) : "down", sizeof(info->state));
}

/**
 * llp_line_die() - the tty goes: nothing of the line touches it afterwards
 * @l: the line
 *
 * What is in progress ends as on a hang-up. Sleeps until timer and work are
 * over; neither can start again, since both look at @dead under the lock.
 *
 * Context: without the lock, which is taken.
 */
void llp_line_die(struct llp_line *l)
{
	mutex_lock(&l->lock);
	if (l->up)
		llp_line_down(l);
	l->dead = true;
	l->tty = NULL;
	l->changed = true;
	llp_glue_settle(l);
	mutex_unlock(&l->lock);
	hrtimer_cancel(&l->timer);
	cancel_work_sync(&l->work);
}
