// SPDX-License-Identifier: GPL-2.0
/* The calls on /dev/llpN but ioctl(): open, read, write, poll, close. */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "line.h"

/**
 * llp_file_wait() - sleeps until something about the line changes
 * @l: line, locked; it is unlocked meanwhile
 * @killable: only a fatal signal wakes, too
 *
 * Return: 0, or -ERESTARTSYS: a signal.
 */
int llp_file_wait(struct llp_line *l, bool killable)
{
	u32 seq = l->seq;
	int err;

	mutex_unlock(&l->lock);
	if (killable)
		err = wait_event_killable(l->wait, READ_ONCE(l->seq) != seq);
	else
		err = wait_event_interruptible(l->wait, READ_ONCE(l->seq) != seq);
	mutex_lock(&l->lock);
	return err;
}

static int llp_open(struct inode *inode, struct file *file)
{
	struct llp_line *l = container_of(inode->i_cdev, struct llp_line, cdev);
	struct llp_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	int err = 0;

	if (!f)
		return -ENOMEM;
	f->line = l;
	mutex_init(&f->reading);
	INIT_LIST_HEAD(&f->replies);
	INIT_LIST_HEAD(&f->notes);
	mutex_lock(&l->lock);
	if (l->dead) {
		err = -ENODEV;
	} else {
		f->policy = l->policy;
		list_add_tail(&f->node, &l->files);
		get_device(&l->dev);
	}
	mutex_unlock(&l->lock);
	if (err) {
		kfree(f);
		return err;
	}
	file->private_data = f;
	return stream_open(inode, file);
}

static int llp_release(struct inode *inode, struct file *file)
{
	struct llp_file *f = file->private_data;
	struct llp_line *l = f->line;

	mutex_lock(&l->lock);
	llp_glue_begin(l);
	llp_recv_close(f);
	llp_send_close(f);
	llp_note_close(f);
	list_del(&f->node);
	llp_glue_settle(l);
	mutex_unlock(&l->lock);
	mutex_destroy(&f->reading);
	kfree(f);
	put_device(&l->dev);
	return 0;
}

/* ---- reading ---- */

/* How the reply that this file waited for failed; it waits for nothing any more. */
static int told(struct llp_file *f)
{
	f->expecting = LLP_EXPECTS_NOTHING;
	return f->expect_error;
}

/*
 * Waits for a message and takes it. Return: its length; 0: the line is gone,
 * or no reply came and none had to; or a negative errno.
 */
static ssize_t take(struct llp_file *f, size_t size, bool nonblock)
{
	bool expecting = f->expecting;
	struct llp_line *l = f->line;
	struct llp_in *m;
	int err;

	for (;;) {
		if (expecting && !f->expecting)
			return -ECANCELED;
		err = f->expecting ? 0 : llp_recv_role(f);
		if (err)
			return err;
		if (l->flow)
			return -EBUSY;	/* LLP_IOC_FLOW came in between */
		m = llp_recv_next(f);
		if (m && m->len > size)
			return -EMSGSIZE;
		if (m) {
			llp_recv_take(f, m);
			return m->len;
		}
		if (f->expecting == LLP_EXPECTS_ENDED)
			return told(f);
		if (l->dead)
			return 0;
		if (nonblock)
			return -EAGAIN;
		err = llp_file_wait(l, false);
		if (err)
			return err;
	}
}

static ssize_t read_message(struct llp_file *f, char __user *buf, size_t size, bool nonblock)
{
	struct llp_line *l = f->line;
	ssize_t n;
	bool good;

	mutex_lock(&l->lock);
	do {
		n = take(f, size, nonblock);
		if (n <= 0)
			break;
		mutex_unlock(&l->lock);
		/* Nobody but us can free it. */
		if (copy_to_user(buf, f->taken->text, n))
			n = -EFAULT;
		mutex_lock(&l->lock);
		if (n < 0) {
			llp_recv_untake(f);
			break;
		}
		good = llp_recv_taken(f);
	} while (!good);
	mutex_unlock(&l->lock);
	return n;
}

static ssize_t llp_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	bool nonblock = file->f_flags & O_NONBLOCK;
	struct llp_file *f = file->private_data;
	ssize_t n;

	if (!nonblock) {
		if (mutex_lock_interruptible(&f->reading))
			return -ERESTARTSYS;
	} else if (!mutex_trylock(&f->reading)) {
		return -EAGAIN;
	}
	if (READ_ONCE(f->line->flow) && READ_ONCE(f->line->receiver) == f)
		n = llp_flow_read(f, buf, size, nonblock);
	else
		n = read_message(f, buf, size, nonblock);
	mutex_unlock(&f->reading);
	return n;
}

/* ---- writing ---- */

static int may_write(const struct llp_line *l, size_t len)
{
	if (l->dead)
		return -ENODEV;
	if (!l->up)
		return -ENETDOWN;
	return len > l->params.max_message ? -EMSGSIZE : 0;
}

/*
 * Waits until the transfer has ended. A signal ends it while no block is on
 * the wire; afterwards only a fatal one does, the protocol's way, and nobody
 * waits for that.
 */
static int wait_sent(struct llp_line *l, struct llp_out *o)
{
	bool killable = false;

	while (!o->sent) {
		if (!llp_file_wait(l, killable) || o->sent)
			continue;
		if (llp_send_withdraw(l, o))
			break;
		if (killable) {
			llp_send_abort(o->file, o->id);
			return -EINTR;
		}
		killable = true;
	}
	return -o->error;
}

static int queue_and_wait(struct llp_file *f, struct llp_out *o, bool nonblock)
{
	struct llp_line *l = f->line;
	int err;

	for (;;) {
		err = may_write(l, o->len);
		if (err)
			return err;
		if (llp_send_room(l, o->len))
			break;
		if (nonblock)
			return -EAGAIN;
		if (llp_file_wait(l, false))
			return -EINTR;
	}
	err = llp_send_queue(f, o);
	if (err || nonblock)
		return err;
	err = wait_sent(l, o);
	/* write() has told: read() has nothing to add. */
	if (err && f->expecting == LLP_EXPECTS_ENDED && f->expect_id == o->id && !f->got)
		f->expecting = LLP_EXPECTS_NOTHING;
	return err;
}

static ssize_t llp_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	bool nonblock = file->f_flags & O_NONBLOCK;
	struct llp_file *f = file->private_data;
	struct llp_line *l = f->line;
	struct llp_out *o;
	int err;

	if (!size)
		return -EINVAL;
	mutex_lock(&l->lock);
	err = may_write(l, size);
	mutex_unlock(&l->lock);
	if (err)
		return err;
	o = llp_out_new(size, nonblock);
	if (!o)
		return -ENOMEM;
	if (copy_from_user(o->text, buf, size))
		err = -EFAULT;
	mutex_lock(&l->lock);
	if (!err)
		err = queue_and_wait(f, o, nonblock);
	llp_out_put(o);
	mutex_unlock(&l->lock);
	return err ?: size;
}

/* ---- poll ---- */

static bool readable(struct llp_file *f)
{
	struct llp_line *l = f->line;

	if (f->expecting)
		return f->expecting == LLP_EXPECTS_ENDED || !list_empty(&f->replies);
	if (l->receiver && l->receiver != f)
		return false;
	return l->flow ? !list_empty(&l->chunks) : !list_empty(&l->in);
}

static __poll_t llp_poll(struct file *file, poll_table *wait)
{
	struct llp_file *f = file->private_data;
	struct llp_line *l = f->line;
	__poll_t mask = 0;

	poll_wait(file, &l->wait, wait);
	mutex_lock(&l->lock);
	if (readable(f))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (l->up && llp_send_room(l, 1))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (!list_empty(&f->notes))
		mask |= EPOLLPRI;
	if (l->dead)
		mask |= EPOLLHUP | EPOLLERR;
	mutex_unlock(&l->lock);
	return mask;
}

const struct file_operations llp_fops = {
	.owner		= THIS_MODULE,
	.open		= llp_open,
	.release	= llp_release,
	.read		= llp_read,
	.write		= llp_write,
	.poll		= llp_poll,
	.unlocked_ioctl	= llp_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};
