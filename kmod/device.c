// SPDX-License-Identifier: GPL-2.0
/*
 * The devices that people open: class, numbers, and the line's life from the
 * attaching of a tty until the last file is closed.
 */
#include <linux/idr.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "line.h"

static dev_t llp_base;
static DEFINE_MUTEX(llp_numbers_lock);
static DEFINE_IDR(llp_numbers);	/* number -> line, or NULL while it comes or goes */

static LLP_DEVNODE(llp_devnode)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

static LLP_DEV_UEVENT(llp_uevent)
{
	const struct llp_line *l = container_of(dev, const struct llp_line, dev);
	int err;

	err = add_uevent_var(env, "LLP_TTY=%s", l->tty_name);
	if (!err)
		err = add_uevent_var(env, "LLP_PROTOCOL=%s", llp_protocol_name(l->protocol));
	if (!err && l->name[0])
		err = add_uevent_var(env, "LLP_NAME=%s", l->name);
	return err;
}

static struct class llp_class = {
	.name		= "llp",
	.devnode	= llp_devnode,
	.dev_uevent	= llp_uevent,
	.dev_groups	= llp_sysfs_groups,
};

static void llp_dev_release(struct device *dev)
{
	struct llp_line *l = container_of(dev, struct llp_line, dev);

	llp_line_free(l);
	mem_cgroup_put(l->memcg);
	kfree(l->out);
	kfree(l);
}

static int llp_number_get(void)
{
	int n;

	mutex_lock(&llp_numbers_lock);
	n = idr_alloc(&llp_numbers, NULL, 0, llp_max_lines, GFP_KERNEL);
	mutex_unlock(&llp_numbers_lock);
	return n == -ENOSPC ? -ENFILE : n;
}

static void llp_number_put(u32 number)
{
	mutex_lock(&llp_numbers_lock);
	idr_remove(&llp_numbers, number);
	mutex_unlock(&llp_numbers_lock);
}

/**
 * llp_line_find() - a line by its number
 * @number: of /dev/llpN
 *
 * Context: without the line's lock, which may be taken afterwards.
 * Return: the line, with a reference for put_device(); NULL: there is none. It
 * may be dead.
 */
struct llp_line *llp_line_find(u32 number)
{
	struct llp_line *l;

	mutex_lock(&llp_numbers_lock);
	l = idr_find(&llp_numbers, number);
	if (l)
		get_device(&l->dev);
	mutex_unlock(&llp_numbers_lock);
	return l;
}

/**
 * llp_line_new() - a line for @tty, down, not visible yet
 * @tty: what it works on until llp_line_die()
 *
 * Context: without the line's lock.
 * Return: the line, for llp_line_remove() or llp_line_discard(); or ERR_PTR() of -ENFILE
 * (there are max_lines already) or -ENOMEM.
 */
struct llp_line *llp_line_new(struct tty_struct *tty)
{
	struct llp_line *l;
	int number;

	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return ERR_PTR(-ENOMEM);
	/* Apart, since both together would take twice their size. */
	l->out = kmalloc(LLP_OUT_SIZE + LLP_LOST_SIZE, GFP_KERNEL_ACCOUNT);
	number = l->out ? llp_number_get() : -ENOMEM;
	if (number < 0) {
		kfree(l->out);
		kfree(l);
		return ERR_PTR(number);
	}
	l->lost = l->out + LLP_OUT_SIZE;
	l->number = number;
	l->tty = tty;
	strscpy(l->tty_name, tty_name(tty), sizeof(l->tty_name));
	l->memcg = current->mm ? get_mem_cgroup_from_mm(current->mm) : NULL;
	llp_line_init(l);

	device_initialize(&l->dev);
	l->dev.class = &llp_class;
	l->dev.release = llp_dev_release;
	l->dev.devt = MKDEV(MAJOR(llp_base), number);
	/*
	 * No parent: some drivers take their ttys' devices away before they
	 * hang up (serial_core), and what hung below would go with them.
	 */
	cdev_init(&l->cdev, &llp_fops);
	l->cdev.owner = THIS_MODULE;
	return l;
}

/**
 * llp_line_publish() - people see the line from now on
 * @l: the line
 *
 * Context: without the line's lock.
 * Return: 0, or a negative errno.
 */
int llp_line_publish(struct llp_line *l)
{
	int err = dev_set_name(&l->dev, "llp%u", l->number);

	if (!err)
		err = cdev_device_add(&l->cdev, &l->dev);
	if (err)
		return err;
	mutex_lock(&llp_numbers_lock);
	idr_replace(&llp_numbers, l, l->number);
	mutex_unlock(&llp_numbers_lock);
	mutex_lock(&l->lock);
	llp_line_event(l, LLP_LINE_APPEARED);
	mutex_unlock(&l->lock);
	return 0;
}

/**
 * llp_line_discard() - drops a line that was never published
 * @l: the line, after llp_line_die()
 *
 * Context: without the line's lock. The line may be freed.
 */
void llp_line_discard(struct llp_line *l)
{
	llp_number_put(l->number);
	put_device(&l->dev);
}

/**
 * llp_line_remove() - takes a line out of sight; what is open stays open
 * @l: the line, after llp_line_die()
 *
 * Context: without the line's lock. The line may be freed.
 */
void llp_line_remove(struct llp_line *l)
{
	mutex_lock(&l->lock);
	llp_line_event(l, LLP_LINE_GONE);
	mutex_unlock(&l->lock);
	mutex_lock(&llp_numbers_lock);
	idr_replace(&llp_numbers, NULL, l->number);
	mutex_unlock(&llp_numbers_lock);
	cdev_device_del(&l->cdev, &l->dev);
	llp_number_put(l->number);
	put_device(&l->dev);
}

/**
 * llp_device_init() - the class and the numbers of devices
 *
 * Context: the module's start.
 * Return: 0, or a negative errno: there is nothing to undo.
 */
int llp_device_init(void)
{
	int err;

	llp_sysfs_init();
	err = class_register(&llp_class);
	if (err)
		return err;
	err = alloc_chrdev_region(&llp_base, 0, LLP_LINES_MAX, "llp");
	if (err)
		class_unregister(&llp_class);
	return err;
}

/**
 * llp_device_exit() - undoes llp_device_init(), when no line is left
 *
 * Context: the module's end.
 */
void llp_device_exit(void)
{
	unregister_chrdev_region(llp_base, LLP_LINES_MAX);
	class_unregister(&llp_class);
	idr_destroy(&llp_numbers);
}
