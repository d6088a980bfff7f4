// SPDX-License-Identifier: GPL-2.0
/*
 * llp_testtty: the two directions of a line. A transmitter is a buffer and a
 * timer that moves bytes out of it, at the speed of the line or at once; a
 * receiver treats bytes and their errors as the 8250 driver does.
 */
#include <linux/fs.h> /* tty_port.h names struct file, and does not declare it */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/tty_flip.h>

#include "compat.h"
#include "testtty.h"

#define LT_BATCH	64	/* bytes that one call of the timer moves, at most */
#define LT_GRAIN_NS	50000	/* time between two calls, unless the last byte ends sooner */

/* ---- the receiver ---- */

/* An error counts and is told as termios ask, the way of uart_insert_char() and the masks of the 8250. */
static void lt_insert(struct lt_port *lt, u8 byte, bool parity, bool frame)
{
	u8 flag = TTY_NORMAL;

	if (parity)
		lt->icount.parity++;
	if (frame)
		lt->icount.frame++;
	if (parity || frame) {
		if (lt->iflag & IGNPAR)
			return;
		if (lt->iflag & INPCK)
			flag = parity ? TTY_PARITY : TTY_FRAME;
	}
	if (!tty_insert_flip_char(&lt->port, byte, flag)) {
		lt->icount.buf_overrun++;
		lt->lost++;
	}
}

static void lt_insert_overrun(struct lt_port *lt)
{
	lt->icount.overrun++;
	if (!((lt->iflag & IGNBRK) && (lt->iflag & IGNPAR)))
		tty_insert_flip_char(&lt->port, 0, TTY_OVERRUN);
}

static void lt_insert_break(struct lt_port *lt)
{
	lt->icount.brk++;
	if (lt->iflag & IGNBRK)
		return;
	/* without these, the 8250 does not tell a break from a NUL */
	tty_insert_flip_char(&lt->port, 0, lt->iflag & (BRKINT | PARMRK) ? TTY_BREAK : TTY_NORMAL);
}

/* What chance does to a byte. */
static void lt_noise(struct lt_port *lt, bool *parity, bool *frame, bool *overrun)
{
	if (!lt->noise || prandom_u32_state(&lt->chance) % lt->noise)
		return;
	switch (prandom_u32_state(&lt->chance) % 4) {
	case 0:
		*parity = true;
		break;
	case 1:
		*frame = true;
		break;
	case 2:
		*overrun = true;
		break;
	default:
		lt_insert_break(lt);
		break;
	}
}

/* One byte from the line, with what was injected for it. */
static void lt_receive_byte(struct lt_port *lt, u8 byte)
{
	bool parity = false, frame = false, overrun = false;
	unsigned int i = 0;

	while (i < lt->n_faults) {
		if (lt->faults[i].at != lt->rx_count) {
			i++;
			continue;
		}
		switch (lt->faults[i].kind) {
		case LT_PARITY:
			parity = true;
			break;
		case LT_FRAME:
			frame = true;
			break;
		case LT_OVERRUN:
			overrun = true;
			break;
		case LT_BREAK:
			lt_insert_break(lt);
			break;
		}
		lt->faults[i] = lt->faults[--lt->n_faults];
	}
	lt_noise(lt, &parity, &frame, &overrun);
	lt->rx_count++;
	lt->icount.rx++;
	lt_insert(lt, byte, parity, frame);
	if (overrun)
		lt_insert_overrun(lt);
}

static void lt_receive(struct lt_port *lt, const u8 *bytes, unsigned int count)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&lt->rx_lock, flags);
	if (lt->rx_open && (lt->cflag & CREAD))
		for (i = 0; i < count; i++)
			lt_receive_byte(lt, bytes[i]);
	else
		lt->lost += count;
	spin_unlock_irqrestore(&lt->rx_lock, flags);
	tty_flip_buffer_push(&lt->port);
}

/**
 * lt_line_break() - the peer of a port receives a break
 * @lt: the port that sends it
 */
void lt_line_break(struct lt_port *lt)
{
	struct lt_port *peer = lt->peer;
	unsigned long flags;

	spin_lock_irqsave(&peer->rx_lock, flags);
	if (peer->rx_open && (peer->cflag & CREAD))
		lt_insert_break(peer);
	spin_unlock_irqrestore(&peer->rx_lock, flags);
	tty_flip_buffer_push(&peer->port);
}

/**
 * lt_line_inject() - something is to happen to a byte that is to come
 * @lt: the port that receives it
 * @kind: what
 * @after: how many bytes come before that one
 *
 * A break comes before the byte, an overrun after it; the others mark it.
 *
 * Return: 0, or -ENOSPC if LT_FAULTS are waiting.
 */
int lt_line_inject(struct lt_port *lt, enum lt_fault_kind kind, u64 after)
{
	unsigned long flags;
	int err = -ENOSPC;

	spin_lock_irqsave(&lt->rx_lock, flags);
	if (lt->n_faults < LT_FAULTS) {
		lt->faults[lt->n_faults].at = lt->rx_count + after;
		lt->faults[lt->n_faults].kind = kind;
		lt->n_faults++;
		err = 0;
	}
	spin_unlock_irqrestore(&lt->rx_lock, flags);
	return err;
}

/**
 * lt_line_noise() - bytes to come have errors by chance
 * @lt: the port that receives them
 * @one_in: one byte in so many; 0: none
 */
void lt_line_noise(struct lt_port *lt, unsigned int one_in)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->rx_lock, flags);
	lt->noise = one_in;
	spin_unlock_irqrestore(&lt->rx_lock, flags);
}

/**
 * lt_line_seed() - which bytes those are
 * @lt: the port that receives them
 * @seed: any number
 */
void lt_line_seed(struct lt_port *lt, u64 seed)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->rx_lock, flags);
	prandom_seed_state(&lt->chance, seed);
	spin_unlock_irqrestore(&lt->rx_lock, flags);
}

/**
 * lt_line_clear() - forget what was injected and did not happen yet
 * @lt: the port
 */
void lt_line_clear(struct lt_port *lt)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->rx_lock, flags);
	lt->n_faults = 0;
	lt->noise = 0;
	spin_unlock_irqrestore(&lt->rx_lock, flags);
}

/**
 * lt_line_icount() - what came in and went out of a port
 * @lt: the port
 * @icount: is filled in
 */
void lt_line_icount(struct lt_port *lt, struct async_icount *icount)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->rx_lock, flags);
	*icount = lt->icount;
	spin_unlock_irqrestore(&lt->rx_lock, flags);
	icount->tx = READ_ONCE(lt->sent);
}

/* ---- the transmitter ---- */

static bool lt_stopped(const struct lt_port *lt)
{
	return lt->hold || (lt->flow && !(READ_ONCE(lt->peer->mctrl) & TIOCM_RTS));
}

static void lt_wake(struct lt_port *lt)
{
	unsigned int late_us = READ_ONCE(lt->late_us);

	if (!late_us) {
		WRITE_ONCE(lt->wakeups, lt->wakeups + 1);
		tty_port_tty_wakeup(&lt->port);
	} else if (!hrtimer_is_queued(&lt->wake_timer)) {
		/* one that runs at this moment may be too early: so it is armed again */
		hrtimer_start(&lt->wake_timer, ns_to_ktime((u64)late_us * NSEC_PER_USEC), HRTIMER_MODE_REL_SOFT);
	}
}

static enum hrtimer_restart lt_wake_timer(struct hrtimer *timer)
{
	struct lt_port *lt = container_of(timer, struct lt_port, wake_timer);

	WRITE_ONCE(lt->wakeups, lt->wakeups + 1);
	tty_port_tty_wakeup(&lt->port);
	return HRTIMER_NORESTART;
}

/* How many bytes have their last bit out. */
static unsigned int lt_due(const struct lt_port *lt, ktime_t now)
{
	unsigned int most = min_t(unsigned int, kfifo_len(&lt->fifo), LT_BATCH);

	if (!lt->pace)
		return most;
	if (ktime_before(now, lt->tx_next))
		return 0;
	return min_t(u64, most, 1 + div64_u64(ktime_to_ns(ktime_sub(now, lt->tx_next)), lt->byte_ns));
}

/* When the timer is to be called for what is left. */
static ktime_t lt_next(const struct lt_port *lt, ktime_t now)
{
	u64 bytes;

	if (!lt->pace)
		return now;
	bytes = clamp_t(u64, div64_u64(LT_GRAIN_NS, lt->byte_ns), 1, kfifo_len(&lt->fifo));
	return ktime_add_ns(lt->tx_next, (bytes - 1) * lt->byte_ns);
}

static enum hrtimer_restart lt_tx_timer(struct hrtimer *timer)
{
	struct lt_port *lt = container_of(timer, struct lt_port, tx_timer);
	ktime_t now = ktime_get();
	unsigned int count, i;
	unsigned long flags;
	bool again, room;
	u8 bytes[LT_BATCH];

	spin_lock_irqsave(&lt->tx_lock, flags);
	count = lt_stopped(lt) ? 0 : kfifo_out(&lt->fifo, bytes, lt_due(lt, now));
	lt->sent += count;
	lt->tx_next = lt->pace ? ktime_add_ns(lt->tx_next, count * lt->byte_ns) : now;
	for (i = 0; i < count; i++)
		bytes[i] &= lt->mask;
	room = count && kfifo_len(&lt->fifo) <= lt->room / 2;
	again = lt->tx_open && !kfifo_is_empty(&lt->fifo) && !lt_stopped(lt);
	lt->running = again;
	if (again)
		hrtimer_set_expires(timer, lt_next(lt, now));
	spin_unlock_irqrestore(&lt->tx_lock, flags);

	/*
	 * Whoever starts the timer from here on does so on this CPU's queue,
	 * where it waits for the end of this call: bytes keep their order.
	 */
	if (count)
		lt_receive(lt->peer, bytes, count);
	if (room)
		lt_wake(lt);
	return again ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

static void lt_start(struct lt_port *lt)
{
	ktime_t now;

	lockdep_assert_held(&lt->tx_lock);
	if (!lt->tx_open || lt->running || kfifo_is_empty(&lt->fifo) || lt_stopped(lt))
		return;
	now = ktime_get();
	lt->running = true;
	lt->tx_next = ktime_add_ns(now, lt->byte_ns);
	hrtimer_start(&lt->tx_timer, lt_next(lt, now), HRTIMER_MODE_ABS_SOFT);
}

/**
 * lt_line_kick() - send what waits, if something that stopped it has changed
 * @lt: the port
 */
void lt_line_kick(struct lt_port *lt)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	lt_start(lt);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
}

static unsigned int lt_room(const struct lt_port *lt)
{
	unsigned int queued = kfifo_len(&lt->fifo);

	return queued < lt->room ? lt->room - queued : 0;
}

/**
 * lt_line_write() - hand bytes to the transmitter
 * @lt: the port
 * @bytes: the bytes
 * @count: how many
 *
 * Context: any.
 * Return: how many it took, 0 to @count.
 */
unsigned int lt_line_write(struct lt_port *lt, const u8 *bytes, unsigned int count)
{
	unsigned int taken;
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	taken = lt->tx_open ? min(count, lt_room(lt)) : 0;
	if (lt->accept)
		taken = min(taken, lt->accept);
	taken = kfifo_in(&lt->fifo, bytes, taken);
	lt->writes++;
	lt->short_writes += taken < count;
	lt->written += taken;
	lt_start(lt);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	return taken;
}

/**
 * lt_line_room() - how much one write would take
 * @lt: the port
 * Return: bytes.
 */
unsigned int lt_line_room(struct lt_port *lt)
{
	unsigned int room;
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	room = lt_room(lt);
	if (lt->accept)
		room = min(room, lt->accept);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	return room;
}

/**
 * lt_line_queued() - how much is not on the line yet
 * @lt: the port
 * Return: bytes, with the one that is being sent.
 */
unsigned int lt_line_queued(struct lt_port *lt)
{
	unsigned int queued;
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	queued = kfifo_len(&lt->fifo);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	return queued;
}

/**
 * lt_line_flush() - forget what is not on the line yet
 * @lt: the port
 */
void lt_line_flush(struct lt_port *lt)
{
	unsigned long flags;
	bool open;

	spin_lock_irqsave(&lt->tx_lock, flags);
	kfifo_reset(&lt->fifo);
	open = lt->tx_open;
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	if (open)
		lt_wake(lt);
}

/* ---- both ---- */

/**
 * lt_line_set_termios() - take over speed, format and what to do with errors
 * @lt: the port
 * @termios: the settings
 */
void lt_line_set_termios(struct lt_port *lt, const struct ktermios *termios)
{
	speed_t baud = tty_termios_baud_rate(termios);
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	/* B0 is "hang up", not a speed */
	if (baud)
		lt->byte_ns = div_u64((u64)tty_get_frame_size(termios->c_cflag) * NSEC_PER_SEC, baud);
	lt->mask = GENMASK(tty_get_char_size(termios->c_cflag) - 1, 0);
	lt->flow = termios->c_cflag & CRTSCTS;
	lt_start(lt);
	spin_unlock_irqrestore(&lt->tx_lock, flags);

	spin_lock_irqsave(&lt->rx_lock, flags);
	lt->iflag = termios->c_iflag;
	lt->cflag = termios->c_cflag;
	spin_unlock_irqrestore(&lt->rx_lock, flags);
}

/**
 * lt_line_open() - begin to send and receive
 * @lt: the port
 * @termios: its settings
 */
void lt_line_open(struct lt_port *lt, const struct ktermios *termios)
{
	unsigned long flags;

	lt_line_set_termios(lt, termios);
	spin_lock_irqsave(&lt->tx_lock, flags);
	kfifo_reset(&lt->fifo);
	lt->tx_open = true;
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	spin_lock_irqsave(&lt->rx_lock, flags);
	lt->rx_open = true;
	spin_unlock_irqrestore(&lt->rx_lock, flags);
}

/**
 * lt_line_close() - no longer send and receive; no timer runs afterwards
 * @lt: the port
 *
 * Context: process; may sleep.
 */
void lt_line_close(struct lt_port *lt)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->rx_lock, flags);
	lt->rx_open = false;
	spin_unlock_irqrestore(&lt->rx_lock, flags);
	spin_lock_irqsave(&lt->tx_lock, flags);
	lt->tx_open = false;
	kfifo_reset(&lt->fifo);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	hrtimer_cancel(&lt->tx_timer);
	hrtimer_cancel(&lt->wake_timer);
	spin_lock_irqsave(&lt->tx_lock, flags);
	lt->running = false;
	spin_unlock_irqrestore(&lt->tx_lock, flags);
}

/**
 * lt_line_defaults() - a transmitter that takes all and sends it at once, a receiver without faults
 * @lt: the port
 */
void lt_line_defaults(struct lt_port *lt)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	lt->pace = false;
	lt->hold = false;
	lt->room = LT_FIFO_SIZE;
	lt->accept = 0;
	lt->late_us = 0;
	WRITE_ONCE(lt->mute, false);
	lt_start(lt);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	lt_line_clear(lt);
}

/**
 * lt_line_init() - prepare a port's two directions
 * @lt: the port
 */
void lt_line_init(struct lt_port *lt)
{
	spin_lock_init(&lt->tx_lock);
	spin_lock_init(&lt->rx_lock);
	INIT_KFIFO(lt->fifo);
	lt->byte_ns = NSEC_PER_SEC / 960;
	lt->mask = 0xff;
	prandom_seed_state(&lt->chance, 1);
	lt_hrtimer_setup(&lt->tx_timer, lt_tx_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	lt_hrtimer_setup(&lt->wake_timer, lt_wake_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	lt_line_defaults(lt);
}
