/* SPDX-License-Identifier: GPL-2.0 */
/*
 * llp_testtty: pairs of ttys with a null-modem cable between them, which can
 * do what neither ptys nor QEMU's UARTs can: pace, take less than offered,
 * wake late, and receive bytes with errors.
 */
#ifndef LLP_TESTTTY_H
#define LLP_TESTTTY_H

#include <linux/hrtimer.h>
#include <linux/kfifo.h>
#include <linux/ktime.h>
#include <linux/prandom.h>
#include <linux/serial.h>
#include <linux/spinlock.h>
#include <linux/tty.h>
#include <linux/tty_port.h>

#define LT_MAX_PAIRS	128
#define LT_FIFO_SIZE	4096	/* bytes that a transmitter can hold, at most */
#define LT_FAULTS	64	/* that can be waiting on a port */
#define LT_MAX_LATE_US	(10 * 1000 * 1000)

enum lt_fault_kind { LT_PARITY, LT_FRAME, LT_OVERRUN, LT_BREAK };

/**
 * struct lt_fault - something that is to happen to a byte on its way in
 * @at: which byte: the value of rx_count when it comes
 * @kind: what happens
 */
struct lt_fault {
	u64 at;
	enum lt_fault_kind kind;
};

/**
 * struct lt_port - one tty
 * @port: the core's part; the last reference frees all of it
 * @peer: the tty at the other end of the cable
 * @index: its number
 * @plugged: whether its device is there; under the control's mutex
 * @mute: its driver has no write, from the next first open on
 *
 * @tx_lock: guards what follows; taken alone, or before nothing
 * @fifo: bytes that were written and are not on the line yet; the first is
 *	being sent while @running
 * @tx_timer: its callback moves bytes to @peer
 * @wake_timer: its callback wakes writers
 * @tx_open: between activate and shutdown
 * @running: @tx_timer is armed, or its callback is about to decide
 * @tx_next: when the byte that is being sent has its last bit out
 * @byte_ns: how long a byte takes at the speed and format of termios
 * @mask: the data bits of a byte
 * @flow: CRTSCTS is set: send only while the peer's RTS is on
 * @pace: a byte takes @byte_ns; else no time
 * @hold: send nothing
 * @room: how much of @fifo is used, 1 to LT_FIFO_SIZE
 * @accept: a write takes no more than this; 0: no such bound
 * @late_us: how long after there is room a writer is woken
 * @written: bytes taken by write
 * @sent: bytes that left for the peer
 * @writes: calls of write
 * @short_writes: those that took less than was offered
 * @wakeups: of writers
 *
 * @rx_lock: guards what follows; taken alone
 * @rx_open: between activate and shutdown
 * @iflag: termios' input modes
 * @cflag: termios' control modes
 * @rx_count: bytes that came since the module was loaded
 * @faults: what is to happen to bytes to come
 * @n_faults: how many of @faults are in use
 * @noise: one byte in so many has an error, by chance; 0: none has
 * @chance: which, and what error
 * @icount: what came, by kind, as TIOCGICOUNT tells
 * @lost: bytes that came when nobody could have them
 *
 * @mctrl: TIOCM_DTR and TIOCM_RTS, as this end has set them
 * @carrier: the state of DCD
 */
struct lt_port {
	struct tty_port port;
	struct lt_port *peer;
	unsigned int index;
	bool plugged;
	bool mute;

	spinlock_t tx_lock; /* the transmitter */
	DECLARE_KFIFO(fifo, u8, LT_FIFO_SIZE);
	struct hrtimer tx_timer;
	struct hrtimer wake_timer;
	bool tx_open;
	bool running;
	ktime_t tx_next;
	u64 byte_ns;
	u8 mask;
	bool flow;
	bool pace;
	bool hold;
	unsigned int room;
	unsigned int accept;
	unsigned int late_us;
	u64 written;
	u64 sent;
	u64 writes;
	u64 short_writes;
	u64 wakeups;

	spinlock_t rx_lock; /* the receiver */
	bool rx_open;
	tcflag_t iflag;
	tcflag_t cflag;
	u64 rx_count;
	struct lt_fault faults[LT_FAULTS];
	unsigned int n_faults;
	unsigned int noise;
	struct rnd_state chance;
	struct async_icount icount;
	u64 lost;

	unsigned int mctrl;
	bool carrier;
};

static inline struct lt_port *lt_of_port(struct tty_port *port)
{
	return container_of(port, struct lt_port, port);
}

/* testtty_line.c */
void lt_line_init(struct lt_port *lt);
void lt_line_open(struct lt_port *lt, const struct ktermios *termios);
void lt_line_close(struct lt_port *lt);
void lt_line_set_termios(struct lt_port *lt, const struct ktermios *termios);
unsigned int lt_line_write(struct lt_port *lt, const u8 *bytes, unsigned int count);
unsigned int lt_line_room(struct lt_port *lt);
unsigned int lt_line_queued(struct lt_port *lt);
void lt_line_flush(struct lt_port *lt);
void lt_line_kick(struct lt_port *lt);
void lt_line_break(struct lt_port *lt);
int lt_line_inject(struct lt_port *lt, enum lt_fault_kind kind, u64 after);
void lt_line_noise(struct lt_port *lt, unsigned int one_in);
void lt_line_seed(struct lt_port *lt, u64 seed);
void lt_line_clear(struct lt_port *lt);
void lt_line_defaults(struct lt_port *lt);
void lt_line_icount(struct lt_port *lt, struct async_icount *icount);

/* testtty_driver.c */
void lt_set_carrier(struct lt_port *lt, bool on);
int lt_hang_up(struct lt_port *lt);
int lt_unplug(struct lt_port *lt);
int lt_plug(struct lt_port *lt);

/* testtty_control.c */
void lt_control_init(struct lt_port **ports, unsigned int count);
void lt_control_exit(void);

#endif
