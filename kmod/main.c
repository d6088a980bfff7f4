// SPDX-License-Identifier: GPL-2.0
/*
 * n_llp: a line discipline for serial hospital instruments. It frames, checks,
 * acknowledges, retransmits and times ANSI X3.28, HLLP and MLLP on any tty and
 * gives user space one message-framed device a line, /dev/llpN.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "line.h"

struct workqueue_struct *llp_wq;

static int ldisc = LLP_LDISC;
module_param(ldisc, int, 0444);
MODULE_PARM_DESC(ldisc, "Number of the line discipline (29)");

unsigned int llp_max_lines = 64;
module_param_named(max_lines, llp_max_lines, uint, 0444);
MODULE_PARM_DESC(max_lines, "Lines at most, up to 256 (64)");

static char *protocol = "x328";
module_param(protocol, charp, 0444);
MODULE_PARM_DESC(protocol, "Protocol of new lines: x328, hllp, mllp");

static char *params = "";
module_param(params, charp, 0444);
MODULE_PARM_DESC(params, "Parameters of new lines: name=value,...");

static bool go_up;
module_param_named(up, go_up, bool, 0444);
MODULE_PARM_DESC(up, "New lines go to work at once (no)");

static char *policy = "read";
module_param(policy, charp, 0444);
MODULE_PARM_DESC(policy, "When messages are acknowledged: arrival, read, commit");

static unsigned int max_messages = 8;
module_param(max_messages, uint, 0444);
MODULE_PARM_DESC(max_messages, "Received messages that may wait on a new line (8)");

static unsigned int max_bytes = 1U << 20;
module_param(max_bytes, uint, 0444);
MODULE_PARM_DESC(max_bytes, "Bytes of them (1048576)");

static unsigned int max_writes = 64;
module_param(max_writes, uint, 0444);
MODULE_PARM_DESC(max_writes, "Written messages that may wait on a new line (64)");

/* What new lines start with: read from the parameters once. */
static struct {
	u32 protocol;
	struct llp_params params;
	struct llp_ioc_options options;
} start;

/**
 * llp_line_preset() - sets a new line up as the module's parameters ask
 * @l: the line
 *
 * Return: whether it shall go to work.
 */
bool llp_line_preset(struct llp_line *l)
{
	l->protocol = start.protocol;
	l->params = start.params;
	l->policy = start.options.policy;
	l->max_messages = start.options.max_messages;
	l->max_bytes = start.options.max_bytes;
	l->max_writes = start.options.max_writes;
	return go_up;
}

static int __init read_protocol(void)
{
	u32 i;

	for (i = 0; i < LLP_PROTO__N; i++) {
		if (strcmp(protocol, llp_protocol_name(i)))
			continue;
		start.protocol = i;
		llp_params_default(&start.params, i);
		return 0;
	}
	pr_err("protocol=%s: x328, hllp and mllp are known\n", protocol);
	return -EINVAL;
}

static int __init read_policy(void)
{
	static const char *const words[] = { "arrival", "read", "commit" };
	int i = match_string(words, ARRAY_SIZE(words), policy);

	if (i < 0) {
		pr_err("policy=%s: arrival, read and commit are known\n", policy);
		return -EINVAL;
	}
	start.options.policy = i;
	return 0;
}

static int __init read_params(void)
{
	char *copy = kstrdup(params, GFP_KERNEL);
	char *rest = copy;
	const char *why;
	char *name;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	while (!err && (name = strsep(&rest, ",")) != NULL) {
		char *value = strchr(name, '=');

		if (!*name)
			continue;
		if (value)
			*value++ = '\0';
		err = value ? llp_params_set(&start.params, start.protocol, name, value) : -EINVAL;
		if (err)
			pr_err("params: %s=%s: %s\n", name, value ?: "",
			       err == -ENOENT ? "no such parameter of this protocol" :
			       err == -ERANGE ? "out of bounds" : "not a value of its kind");
	}
	kfree(copy);
	why = err ? NULL : llp_params_check(&start.params, start.protocol);
	if (why) {
		pr_err("params: %s\n", why);
		err = -EINVAL;
	}
	/* modprobe makes something else of ENOENT. */
	return err ? -EINVAL : 0;
}

static int __init read_limits(void)
{
	if (llp_max_lines < 1 || llp_max_lines > LLP_LINES_MAX ||
	    max_messages < 1 || max_messages > LLP_QUEUE_MAX ||
	    max_writes < 1 || max_writes > LLP_QUEUE_MAX ||
	    max_bytes < 1 || max_bytes > LLP_BYTES_MAX || ldisc < 0 || ldisc >= NR_LDISCS) {
		pr_err("a number among the module's parameters is out of bounds\n");
		return -ERANGE;
	}
	start.options.max_messages = max_messages;
	start.options.max_bytes = max_bytes;
	start.options.max_writes = max_writes;
	llp_ldisc.num = ldisc;
	return 0;
}

/*
 * Registration overwrites what has the number already, and the table of line
 * disciplines cannot be asked: read what it tells people. Best effort.
 */
static int __init number_is_free(void)
{
	struct file *file = filp_open("/proc/tty/ldiscs", O_RDONLY, 0);
	char *text, *line, *rest;
	loff_t at = 0;
	ssize_t n;
	int err = 0;

	if (IS_ERR(file))
		return 0;
	text = kzalloc(PAGE_SIZE, GFP_KERNEL);
	n = text ? kernel_read(file, text, PAGE_SIZE - 1, &at) : 0;
	filp_close(file, NULL);
	rest = n > 0 ? text : NULL;
	while (!err && (line = strsep(&rest, "\n")) != NULL) {
		char name[24];
		int number;

		if (sscanf(line, "%23s %d", name, &number) == 2 && number == ldisc) {
			pr_err("line discipline %d is taken by %s; choose another with ldisc=\n",
			       ldisc, name);
			err = -EBUSY;
		}
	}
	kfree(text);
	return err;
}

static int __init llp_init(void)
{
	int err;

	err = read_limits() ?: read_protocol() ?: read_policy() ?: read_params();
	if (err)
		return err;
	err = number_is_free();
	if (err)
		return err;
	llp_wq = alloc_workqueue("llp", WQ_HIGHPRI | WQ_UNBOUND, 0);
	if (!llp_wq)
		return -ENOMEM;
	err = llp_device_init();
	if (err)
		goto no_device;
	err = llp_netlink_init();
	if (err)
		goto no_netlink;
	err = tty_register_ldisc(&llp_ldisc);
	if (err)
		goto no_ldisc;
	return 0;

no_ldisc:
	llp_netlink_exit();
no_netlink:
	llp_device_exit();
no_device:
	destroy_workqueue(llp_wq);
	return err;
}

static void __exit llp_exit(void)
{
	tty_unregister_ldisc(&llp_ldisc);
	llp_netlink_exit();
	llp_device_exit();
	destroy_workqueue(llp_wq);
}

module_init(llp_init);
module_exit(llp_exit);
MODULE_DESCRIPTION("Line discipline for HL7 lower layer protocols on serial lines");
MODULE_AUTHOR("The llpdrv authors");
MODULE_LICENSE("GPL");
MODULE_ALIAS_LDISC(29);
