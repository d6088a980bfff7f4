// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes to the driver. Short answers leave here from the receive path itself;
 * what the driver does not take at once follows when it says so, or when a
 * timer looks again. The engine is told when the transmitter is empty: on a
 * wire, when the time of all its characters is over and the driver holds none.
 */
#include <linux/tty_driver.h>

#include "line.h"

/* A driver that took nothing and never said that it does again. */
#define RETRY_NS	(50 * NSEC_PER_MSEC)
#define CHECK_MIN_NS	(100 * NSEC_PER_USEC)
#define CHECK_MAX_NS	(20 * NSEC_PER_MSEC)

static void wrote(struct llp_line *l, u32 n)
{
	u64 now;

	llp_stats_written(l);
	if (!l->char_time)
		return;
	now = llp_glue_now();
	if (l->leaves < now)
		l->leaves = now;
	l->leaves += (u64)n * l->char_time;
}

/* Return: whether everything that was handed out is with the driver. */
static bool flush(struct llp_line *l)
{
	struct tty_struct *tty = l->tty;
	int n;

	while (l->out_pos < l->out_len) {
		/* Before writing: the driver may take it all and say so at once. */
		set_bit(TTY_DO_WRITE_WAKEUP, &tty->flags);
		n = tty->ops->write(tty, l->out + l->out_pos, l->out_len - l->out_pos);
		if (n < 0) {
			/* The device is going; its hang-up follows. Timers decide till then. */
			llp_xmit_drop(l);
			break;
		}
		if (!n) {
			l->check = min(l->check, l->io.now + RETRY_NS);
			return false;
		}
		wrote(l, n);
		l->out_pos += n;
	}
	clear_bit(TTY_DO_WRITE_WAKEUP, &tty->flags);
	return true;
}

/* Return: 0: the last byte has left, else when to look again. */
static u64 busy_until(struct llp_line *l)
{
	u64 now = l->char_time ? llp_glue_now() : l->io.now;
	unsigned int left;

	if (l->char_time && now < l->leaves)
		return l->leaves;
	left = tty_chars_in_buffer(l->tty);
	if (!left)
		return 0;
	return now + clamp_t(u64, (u64)left * l->char_time, CHECK_MIN_NS, CHECK_MAX_NS);
}

/**
 * llp_xmit_pump() - gives the driver what the engine has to send
 * @l: a line that is up
 *
 * Return: whether the engine was told something that may have changed it.
 */
bool llp_xmit_pump(struct llp_line *l)
{
	u64 until;

	lockdep_assert_held(&l->lock);
	for (;;) {
		if (!flush(l))
			return false;
		l->out_pos = 0;
		l->out_len = 0;
		if (!llp_tx_pending(&l->engine))
			break;
		l->out_len = llp_tx(&l->engine, &l->io, l->out, LLP_OUT_SIZE);
		if (!l->out_len)
			break;
	}
	if (!llp_tx_wait(&l->engine))
		return false;
	until = busy_until(l);
	if (until) {
		l->check = min(l->check, until);
		return false;
	}
	llp_tx_empty(&l->engine, &l->io);
	return true;
}

/**
 * llp_xmit_drop() - what was not given to the driver yet will not be
 * @l: the line
 */
void llp_xmit_drop(struct llp_line *l)
{
	l->out_pos = 0;
	l->out_len = 0;
	l->answer_due = false;
	if (l->tty)
		clear_bit(TTY_DO_WRITE_WAKEUP, &l->tty->flags);
}
