// SPDX-License-Identifier: GPL-2.0
/*
 * llp_testtty: the tty driver. Of /dev/ttyLT0, ttyLT1, ... each even one is
 * the other end of the odd one that follows. RTS and DTR of one end are CTS
 * and DSR of the other; DCD is what the control says, at first on.
 */
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/tty_driver.h>

#include "compat.h"
#include "testtty.h"

static unsigned int pairs = 4;
module_param(pairs, uint, 0444);
MODULE_PARM_DESC(pairs, "how many pairs of ttys there are, 1 to 128 (4)");

static struct tty_driver *lt_driver;
static struct lt_port **lt_ports;

/* ---- tty_port ---- */

static lt_bool_t lt_carrier_raised(struct tty_port *port)
{
	return READ_ONCE(lt_of_port(port)->carrier);
}

/* Whole words only, and one writer at a time: the core's locks see to that for each caller. */
static void lt_set_mctrl(struct lt_port *lt, unsigned int set, unsigned int clear)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	WRITE_ONCE(lt->mctrl, (lt->mctrl & ~clear) | set);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	lt_line_kick(lt->peer); /* whom RTS may have stopped */
}

static void lt_dtr_rts(struct tty_port *port, lt_bool_t on)
{
	unsigned int lines = TIOCM_DTR | TIOCM_RTS;

	lt_set_mctrl(lt_of_port(port), on ? lines : 0, on ? 0 : lines);
}

static int lt_activate(struct tty_port *port, struct tty_struct *tty)
{
	struct lt_port *lt = lt_of_port(port);

	if (!READ_ONCE(lt->plugged))
		return -ENODEV;
	lt_line_open(lt, &tty->termios);
	return 0;
}

static void lt_shutdown(struct tty_port *port)
{
	lt_line_close(lt_of_port(port));
}

static void lt_destruct(struct tty_port *port)
{
	lt_line_close(lt_of_port(port));
	kfree(lt_of_port(port));
}

static const struct tty_port_operations lt_port_ops = {
	.carrier_raised = lt_carrier_raised,
	.dtr_rts = lt_dtr_rts,
	.activate = lt_activate,
	.shutdown = lt_shutdown,
	.destruct = lt_destruct,
};

/* ---- tty_driver ---- */

static struct lt_port *lt_of(struct tty_struct *tty)
{
	return lt_of_port(tty->port);
}

/* Those of lt_driver, but for write. */
static struct tty_operations lt_mute_ops;

static int lt_install(struct tty_driver *driver, struct tty_struct *tty)
{
	struct tty_port *port = tty_port_get(&lt_ports[tty->index]->port);
	int err = tty_port_install(port, driver, tty);

	if (err)
		tty_port_put(port); /* else lt_cleanup() does */
	else if (READ_ONCE(lt_ports[tty->index]->mute))
		tty->ops = &lt_mute_ops;
	return err;
}

static void lt_cleanup(struct tty_struct *tty)
{
	tty_port_put(tty->port);
}

static int lt_open(struct tty_struct *tty, struct file *file)
{
	return tty_port_open(tty->port, tty, file);
}

static void lt_close(struct tty_struct *tty, struct file *file)
{
	tty_port_close(tty->port, tty, file);
}

/*
 * Who hangs up may have taken its time, while the last user closed and a new
 * one opened: that one has a tty_struct of its own, but the same port.
 */
static void lt_hangup(struct tty_struct *tty)
{
	struct tty_struct *now = tty_port_tty_get(tty->port);

	if (now == tty)
		tty_port_hangup(tty->port);
	tty_kref_put(now);
	/* Who waits for output to leave looks again: there is none any more. */
	wake_up_interruptible_poll(&tty->write_wait, EPOLLOUT);
}

static lt_written_t lt_write(struct tty_struct *tty, const u8 *bytes, lt_count_t count)
{
	return lt_line_write(lt_of(tty), bytes, count);
}

static unsigned int lt_write_room(struct tty_struct *tty)
{
	return lt_line_room(lt_of(tty));
}

static unsigned int lt_chars_in_buffer(struct tty_struct *tty)
{
	/* After a hang-up the port may be somebody else's. */
	if (READ_ONCE(tty->port->tty) != tty)
		return 0;
	return lt_line_queued(lt_of(tty));
}

static void lt_flush_buffer(struct tty_struct *tty)
{
	lt_line_flush(lt_of(tty));
}

static void lt_set_termios(struct tty_struct *tty, const struct ktermios *old)
{
	lt_line_set_termios(lt_of(tty), &tty->termios);
}

static void lt_throttle(struct tty_struct *tty)
{
	if (C_CRTSCTS(tty))
		lt_set_mctrl(lt_of(tty), 0, TIOCM_RTS);
}

static void lt_unthrottle(struct tty_struct *tty)
{
	if (C_CRTSCTS(tty))
		lt_set_mctrl(lt_of(tty), TIOCM_RTS, 0);
}

static int lt_break_ctl(struct tty_struct *tty, int state)
{
	/* the other end notices a break when it begins */
	if (state)
		lt_line_break(lt_of(tty));
	return 0;
}

static int lt_tiocmget(struct tty_struct *tty)
{
	struct lt_port *lt = lt_of(tty);
	unsigned int far = READ_ONCE(lt->peer->mctrl);

	return READ_ONCE(lt->mctrl) | (far & TIOCM_RTS ? TIOCM_CTS : 0) | (far & TIOCM_DTR ? TIOCM_DSR : 0) |
	       (READ_ONCE(lt->carrier) ? TIOCM_CAR : 0);
}

static int lt_tiocmset(struct tty_struct *tty, unsigned int set, unsigned int clear)
{
	unsigned int lines = TIOCM_DTR | TIOCM_RTS;

	lt_set_mctrl(lt_of(tty), set & lines, clear & lines);
	return 0;
}

static int lt_get_icount(struct tty_struct *tty, struct serial_icounter_struct *icount)
{
	struct async_icount now;

	lt_line_icount(lt_of(tty), &now);
	icount->rx = now.rx;
	icount->tx = now.tx;
	icount->frame = now.frame;
	icount->overrun = now.overrun;
	icount->parity = now.parity;
	icount->brk = now.brk;
	icount->buf_overrun = now.buf_overrun;
	return 0;
}

static const struct tty_operations lt_ops = {
	.install = lt_install,
	.cleanup = lt_cleanup,
	.open = lt_open,
	.close = lt_close,
	.hangup = lt_hangup,
	.write = lt_write,
	.write_room = lt_write_room,
	.chars_in_buffer = lt_chars_in_buffer,
	.flush_buffer = lt_flush_buffer,
	.set_termios = lt_set_termios,
	.throttle = lt_throttle,
	.unthrottle = lt_unthrottle,
	.break_ctl = lt_break_ctl,
	.tiocmget = lt_tiocmget,
	.tiocmset = lt_tiocmset,
	.get_icount = lt_get_icount,
};

/* ---- what the control does ---- */

/**
 * lt_set_carrier() - DCD changes
 * @lt: the port
 * @on: its new state; off hangs up, unless CLOCAL is set
 */
void lt_set_carrier(struct lt_port *lt, bool on)
{
	struct tty_struct *tty;
	struct tty_ldisc *ld;

	if (READ_ONCE(lt->carrier) == on)
		return;
	WRITE_ONCE(lt->carrier, on);
	tty = tty_port_tty_get(&lt->port);
	if (tty) {
		ld = tty_ldisc_ref(tty);
		if (ld) {
			if (ld->ops->dcd_change)
				ld->ops->dcd_change(tty, on);
			tty_ldisc_deref(ld);
		}
		tty_kref_put(tty);
	}
	if (on)
		wake_up_interruptible(&lt->port.open_wait);
	else
		tty_port_tty_hangup(&lt->port, true);
}

/**
 * lt_hang_up() - as when the line was hung up; done when it returns
 * @lt: the port
 * Return: 0, or -ENXIO if nobody has it open.
 */
int lt_hang_up(struct lt_port *lt)
{
	struct tty_struct *tty = tty_port_tty_get(&lt->port);

	if (!tty)
		return -ENXIO;
	tty_vhangup(tty);
	tty_kref_put(tty);
	return 0;
}

/**
 * lt_unplug() - the device goes, as a USB adapter's does
 * @lt: the port
 * Return: 0, or -ENODEV if it was not there.
 */
int lt_unplug(struct lt_port *lt)
{
	if (!lt->plugged)
		return -ENODEV;
	/* no new user from here on, then no old one */
	WRITE_ONCE(lt->plugged, false);
	lt_hang_up(lt);
	tty_unregister_device(lt_driver, lt->index);
	return 0;
}

/**
 * lt_plug() - the device comes
 * @lt: the port
 * Return: 0, -EEXIST if it was there, or the error of its registration.
 */
int lt_plug(struct lt_port *lt)
{
	struct device *dev;

	if (lt->plugged)
		return -EEXIST;
	WRITE_ONCE(lt->plugged, true);
	dev = tty_port_register_device(&lt->port, lt_driver, lt->index, NULL);
	if (IS_ERR(dev)) {
		WRITE_ONCE(lt->plugged, false);
		return PTR_ERR(dev);
	}
	return 0;
}

/* ---- the module ---- */

static void lt_remove_ports(void)
{
	unsigned int i;

	for (i = 0; i < 2 * pairs; i++) {
		if (!lt_ports[i])
			continue;
		if (lt_ports[i]->plugged)
			tty_unregister_device(lt_driver, i);
		tty_port_put(&lt_ports[i]->port);
	}
}

static int __init lt_make_ports(void)
{
	struct lt_port *lt;
	unsigned int i;

	for (i = 0; i < 2 * pairs; i++) {
		lt = kzalloc(sizeof(*lt), GFP_KERNEL);
		if (!lt)
			return -ENOMEM;
		tty_port_init(&lt->port);
		lt->port.ops = &lt_port_ops;
		lt->index = i;
		lt->carrier = true;
		lt_line_init(lt);
		lt_ports[i] = lt;
	}
	for (i = 0; i < 2 * pairs; i++)
		lt_ports[i]->peer = lt_ports[i ^ 1];
	return 0;
}

static int __init lt_init(void)
{
	unsigned int i;
	int err;

	if (pairs < 1 || pairs > LT_MAX_PAIRS)
		return -EINVAL;
	lt_ports = kcalloc(2 * pairs, sizeof(*lt_ports), GFP_KERNEL);
	if (!lt_ports)
		return -ENOMEM;
	lt_driver = tty_alloc_driver(2 * pairs, TTY_DRIVER_REAL_RAW | TTY_DRIVER_DYNAMIC_DEV);
	if (IS_ERR(lt_driver)) {
		err = PTR_ERR(lt_driver);
		goto free_ports;
	}
	lt_driver->driver_name = "llp_testtty";
	lt_driver->name = "ttyLT";
	lt_driver->type = TTY_DRIVER_TYPE_SERIAL;
	lt_driver->subtype = SERIAL_TYPE_NORMAL;
	lt_driver->init_termios = tty_std_termios;
	lt_driver->init_termios.c_cflag = B9600 | CS8 | CREAD | HUPCL | CLOCAL;
	tty_set_operations(lt_driver, &lt_ops);
	lt_mute_ops = lt_ops;
	lt_mute_ops.write = NULL;
	err = lt_make_ports();
	if (err)
		goto put_driver;
	err = tty_register_driver(lt_driver);
	if (err)
		goto put_driver;
	for (i = 0; i < 2 * pairs; i++) {
		err = lt_plug(lt_ports[i]);
		if (err)
			goto unregister;
	}
	lt_control_init(lt_ports, 2 * pairs);
	return 0;

unregister:
	lt_remove_ports();
	tty_unregister_driver(lt_driver);
	tty_driver_kref_put(lt_driver);
	kfree(lt_ports);
	return err;
put_driver:
	lt_remove_ports();
	tty_driver_kref_put(lt_driver);
free_ports:
	kfree(lt_ports);
	return err;
}

static void __exit lt_exit(void)
{
	lt_control_exit();
	lt_remove_ports();
	tty_unregister_driver(lt_driver);
	tty_driver_kref_put(lt_driver);
	kfree(lt_ports);
}

module_init(lt_init);
module_exit(lt_exit);
MODULE_DESCRIPTION("Pairs of ttys for tests: paced, short, late and faulty on request");
MODULE_LICENSE("GPL");
