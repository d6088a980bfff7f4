// SPDX-License-Identifier: GPL-2.0
/*
 * The tty's side: attaching, detaching, and the calls of the tty layer. The
 * tty itself can neither be read nor written while a line works on it; poll()
 * there tells an attach helper when it is gone.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "line.h"

static int llp_tty_open(struct tty_struct *tty)
{
	const char *why;
	struct llp_line *l;
	bool up;
	int err;

	if (!capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_TTY_CONFIG))
		return -EPERM;
	if (!tty->ops->write)
		return -EOPNOTSUPP;
	l = llp_line_new(tty);
	if (IS_ERR(l))
		return PTR_ERR(l);

	l->was_exclusive = test_and_set_bit(TTY_EXCLUSIVE, &tty->flags);
	tty->disc_data = l;
	tty->receive_room = 65536;
	mutex_lock(&l->lock);
	llp_line_termios(l);
	up = llp_line_preset(l);
	mutex_unlock(&l->lock);
	err = llp_line_publish(l);
	if (!err) {
		mutex_lock(&l->lock);
		/* The parameters were checked when the module was loaded. */
		if (up)
			llp_line_up(l, &why);
		mutex_unlock(&l->lock);
		return 0;
	}

	tty->disc_data = NULL;
	if (!l->was_exclusive)
		clear_bit(TTY_EXCLUSIVE, &tty->flags);
	llp_line_die(l);
	llp_line_discard(l);
	return err;
}

/*
 * No other call of the tty layer runs now or will. Timers, work and users of
 * the device do: the line dies first, which keeps all of them from starting
 * anything again.
 */
static void llp_tty_close(struct tty_struct *tty)
{
	struct llp_line *l = tty->disc_data;

	if (!l)
		return;
	tty->disc_data = NULL;
	if (!l->was_exclusive)
		clear_bit(TTY_EXCLUSIVE, &tty->flags);
	llp_line_die(l);
	llp_line_remove(l);
}

static LLP_RECEIVE_BUF(llp_tty_receive)
{
	struct llp_line *l = tty->disc_data;

	if (!l)
		return;
	llp_glue_receive(l, (const u8 *)bytes, (const u8 *)flags, count);
	/* A pty wakes its other end only so. */
	if (test_bit(TTY_THROTTLED, &tty->flags))
		tty_unthrottle(tty);
}

/* May be called in interrupt context with the port's lock held. */
static void llp_tty_wakeup(struct tty_struct *tty)
{
	struct llp_line *l = tty->disc_data;

	if (l)
		queue_work(llp_wq, &l->work);
}

static void llp_tty_termios(struct tty_struct *tty, const struct ktermios *old)
{
	struct llp_line *l = tty->disc_data;

	if (!l)
		return;
	mutex_lock(&l->lock);
	llp_line_termios(l);
	mutex_unlock(&l->lock);
}

static __poll_t llp_tty_poll(struct tty_struct *tty, struct file *file,
			     struct poll_table_struct *wait)
{
	__poll_t mask = 0;

	poll_wait(file, &tty->read_wait, wait);
	poll_wait(file, &tty->write_wait, wait);
	if (tty_hung_up_p(file) || test_bit(TTY_OTHER_CLOSED, &tty->flags))
		mask |= EPOLLHUP | EPOLLERR;
	return mask;
}

static int llp_tty_ioctl(struct tty_struct *tty, unsigned int cmd, unsigned long arg)
{
	struct llp_line *l = tty->disc_data;
	struct llp_ioc_info info;

	/* Tells who attached the tty which device that made. */
	if (cmd != LLP_IOC_INFO)
		return n_tty_ioctl_helper(tty, cmd, arg);
	if (!l)
		return -ENODEV;
	mutex_lock(&l->lock);
	llp_line_info(l, &info);
	mutex_unlock(&l->lock);
	return copy_to_user((void __user *)arg, &info, sizeof(info)) ? -EFAULT : 0;
}

struct tty_ldisc_ops llp_ldisc = {
	.owner		= THIS_MODULE,
	.num		= LLP_LDISC,
	.name		= "n_llp",
	.open		= llp_tty_open,
	.close		= llp_tty_close,
	.receive_buf	= llp_tty_receive,
	.write_wakeup	= llp_tty_wakeup,
	.set_termios	= llp_tty_termios,
	.poll		= llp_tty_poll,
	.ioctl		= llp_tty_ioctl,
};
