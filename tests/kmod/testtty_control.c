// SPDX-License-Identifier: GPL-2.0
/*
 * llp_testtty: the control, one file for each tty in
 * /sys/kernel/debug/llp_testtty/. Commands are written to it, one a line; its
 * content is the state in the same form, and counters.
 *
 *	pace 0|1	send as fast as termios say, or at once
 *	hold 0|1	send nothing
 *	room N		hold at most N bytes that are not sent yet (1 to 4096)
 *	accept N	take at most N bytes by one write (0: no bound)
 *	late US		wake a writer so many microseconds late
 *	mute 0|1	a tty that is opened anew cannot be written at all
 *	carrier 0|1	DCD; off hangs up, unless CLOCAL is set
 *	parity N	the byte that comes after N more has a parity error;
 *	frame N		likewise a framing error
 *	overrun N	likewise is followed by an overrun
 *	break N		likewise has a break before it
 *	noise N		one byte in N has one of these errors, by chance (0: none)
 *	seed N		which ones: the same for the same seed and bytes
 *	clear		none of these any more
 *	defaults	pace, hold, room, accept, late, mute and faults as at first
 *	hangup		hang up
 *	unplug, plug	take the device away, and bring it again
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "testtty.h"

#define LT_MAX_COMMANDS	4096	/* bytes of one write */

static struct dentry *lt_directory;
static DEFINE_MUTEX(lt_mutex); /* one command at a time */

/* What a word stands for, and which numbers may follow it. */
struct lt_command {
	const char *word;
	bool number;
	u64 least;
	u64 most;
	int (*run)(struct lt_port *lt, u64 number);
};

static void lt_set(struct lt_port *lt, bool *what, u64 number)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	*what = number;
	spin_unlock_irqrestore(&lt->tx_lock, flags);
	lt_line_kick(lt);
}

static void lt_set_uint(struct lt_port *lt, unsigned int *what, u64 number)
{
	unsigned long flags;

	spin_lock_irqsave(&lt->tx_lock, flags);
	WRITE_ONCE(*what, number);
	spin_unlock_irqrestore(&lt->tx_lock, flags);
}

static int lt_do_pace(struct lt_port *lt, u64 number)
{
	lt_set(lt, &lt->pace, number);
	return 0;
}

static int lt_do_hold(struct lt_port *lt, u64 number)
{
	lt_set(lt, &lt->hold, number);
	return 0;
}

static int lt_do_room(struct lt_port *lt, u64 number)
{
	lt_set_uint(lt, &lt->room, number);
	return 0;
}

static int lt_do_accept(struct lt_port *lt, u64 number)
{
	lt_set_uint(lt, &lt->accept, number);
	return 0;
}

static int lt_do_late(struct lt_port *lt, u64 number)
{
	lt_set_uint(lt, &lt->late_us, number);
	return 0;
}

static int lt_do_mute(struct lt_port *lt, u64 number)
{
	WRITE_ONCE(lt->mute, number);
	return 0;
}

static int lt_do_carrier(struct lt_port *lt, u64 number)
{
	lt_set_carrier(lt, number);
	return 0;
}

static int lt_do_parity(struct lt_port *lt, u64 number)
{
	return lt_line_inject(lt, LT_PARITY, number);
}

static int lt_do_frame(struct lt_port *lt, u64 number)
{
	return lt_line_inject(lt, LT_FRAME, number);
}

static int lt_do_overrun(struct lt_port *lt, u64 number)
{
	return lt_line_inject(lt, LT_OVERRUN, number);
}

static int lt_do_break(struct lt_port *lt, u64 number)
{
	return lt_line_inject(lt, LT_BREAK, number);
}

static int lt_do_noise(struct lt_port *lt, u64 number)
{
	lt_line_noise(lt, number);
	return 0;
}

static int lt_do_seed(struct lt_port *lt, u64 number)
{
	lt_line_seed(lt, number);
	return 0;
}

static int lt_do_clear(struct lt_port *lt, u64 number)
{
	lt_line_clear(lt);
	return 0;
}

static int lt_do_defaults(struct lt_port *lt, u64 number)
{
	lt_line_defaults(lt);
	return 0;
}

static int lt_do_hangup(struct lt_port *lt, u64 number)
{
	return lt_hang_up(lt);
}

static int lt_do_unplug(struct lt_port *lt, u64 number)
{
	return lt_unplug(lt);
}

static int lt_do_plug(struct lt_port *lt, u64 number)
{
	return lt_plug(lt);
}

static const struct lt_command lt_commands[] = {
	{ "pace",     true,  0, 1,              lt_do_pace },
	{ "hold",     true,  0, 1,              lt_do_hold },
	{ "room",     true,  1, LT_FIFO_SIZE,   lt_do_room },
	{ "accept",   true,  0, LT_FIFO_SIZE,   lt_do_accept },
	{ "late",     true,  0, LT_MAX_LATE_US, lt_do_late },
	{ "mute",     true,  0, 1,              lt_do_mute },
	{ "carrier",  true,  0, 1,              lt_do_carrier },
	{ "parity",   true,  0, U32_MAX,        lt_do_parity },
	{ "frame",    true,  0, U32_MAX,        lt_do_frame },
	{ "overrun",  true,  0, U32_MAX,        lt_do_overrun },
	{ "break",    true,  0, U32_MAX,        lt_do_break },
	{ "noise",    true,  0, U32_MAX,        lt_do_noise },
	{ "seed",     true,  0, U64_MAX,        lt_do_seed },
	{ "clear",    false, 0, 0,              lt_do_clear },
	{ "defaults", false, 0, 0,              lt_do_defaults },
	{ "hangup",   false, 0, 0,              lt_do_hangup },
	{ "unplug",   false, 0, 0,              lt_do_unplug },
	{ "plug",     false, 0, 0,              lt_do_plug },
};

static int lt_run(struct lt_port *lt, char *line)
{
	char *word = strsep(&line, " ");
	u64 number = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lt_commands); i++) {
		const struct lt_command *command = &lt_commands[i];

		if (strcmp(word, command->word))
			continue;
		if (command->number != !!line)
			return -EINVAL;
		if (line && (kstrtou64(line, 10, &number) || number < command->least || number > command->most))
			return -EINVAL;
		return command->run(lt, number);
	}
	return -EINVAL;
}

/* All commands of one write, up to the first that fails, whose error is the write's. */
static ssize_t lt_control_write(struct file *file, const char __user *buffer, size_t count, loff_t *at)
{
	struct lt_port *lt = ((struct seq_file *)file->private_data)->private;
	char *text, *rest, *line;
	int err = 0;

	if (count > LT_MAX_COMMANDS)
		return -E2BIG;
	text = memdup_user_nul(buffer, count);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = text;
	mutex_lock(&lt_mutex);
	while (!err && (line = strsep(&rest, "\n")))
		if (*line)
			err = lt_run(lt, line);
	mutex_unlock(&lt_mutex);
	kfree(text);
	return err ? err : count;
}

static int lt_control_show(struct seq_file *out, void *unused)
{
	struct lt_port *lt = out->private;
	unsigned long flags;

	mutex_lock(&lt_mutex);
	seq_printf(out, "plugged %d\ncarrier %d\nmute %d\n", lt->plugged, lt->carrier, lt->mute);
	mutex_unlock(&lt_mutex);

	spin_lock_irqsave(&lt->tx_lock, flags);
	seq_printf(out, "open %d\npace %d\nhold %d\nroom %u\naccept %u\nlate %u\n",
		   lt->tx_open, lt->pace, lt->hold, lt->room, lt->accept, lt->late_us);
	seq_printf(out, "byte_ns %llu\nqueued %u\nwrites %llu\nshort_writes %llu\nwritten %llu\nsent %llu\nwakeups %llu\n",
		   lt->byte_ns, kfifo_len(&lt->fifo), lt->writes, lt->short_writes, lt->written, lt->sent, lt->wakeups);
	spin_unlock_irqrestore(&lt->tx_lock, flags);

	spin_lock_irqsave(&lt->rx_lock, flags);
	seq_printf(out, "received %llu\nlost %llu\nfaults %u\n", lt->rx_count, lt->lost, lt->n_faults);
	spin_unlock_irqrestore(&lt->rx_lock, flags);
	return 0;
}

static int lt_control_open(struct inode *inode, struct file *file)
{
	return single_open(file, lt_control_show, inode->i_private);
}

static const struct file_operations lt_control_fops = {
	.owner = THIS_MODULE,
	.open = lt_control_open,
	.read = seq_read,
	.write = lt_control_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * lt_control_init() - make the files
 * @ports: all ports
 * @count: how many
 *
 * debugfs may be missing: then there is no control.
 */
void lt_control_init(struct lt_port **ports, unsigned int count)
{
	char name[16];
	unsigned int i;

	lt_directory = debugfs_create_dir("llp_testtty", NULL);
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "ttyLT%u", i);
		debugfs_create_file(name, 0600, lt_directory, ports[i], &lt_control_fops);
	}
}

/**
 * lt_control_exit() - remove the files; no command runs afterwards
 */
void lt_control_exit(void)
{
	debugfs_remove_recursive(lt_directory);
}
