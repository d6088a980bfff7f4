// SPDX-License-Identifier: GPL-2.0
/*
 * What /sys/class/llp shows of a line, one value a file, for people and udev:
 * docs/ABI/sysfs-class-llp. All of it can only be read: a line is set up by
 * ioctl or netlink, and detached through its tty.
 */
#include <linux/sysfs.h>

#include "line.h"

static struct llp_line *to_line(struct device *dev)
{
	return container_of(dev, struct llp_line, dev);
}

/* One locked look at the line, for each file that needs no more. */
static void look(struct device *dev, struct llp_ioc_info *info)
{
	struct llp_line *l = to_line(dev);

	mutex_lock(&l->lock);
	llp_line_info(l, info);
	mutex_unlock(&l->lock);
}

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct llp_ioc_info info;

	look(dev, &info);
	return sysfs_emit(buf, "%s\n", info.name);
}
static DEVICE_ATTR_RO(name);

static ssize_t tty_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_line(dev)->tty_name);
}
static DEVICE_ATTR_RO(tty);

static ssize_t protocol_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct llp_ioc_info info;

	look(dev, &info);
	return sysfs_emit(buf, "%s\n", llp_protocol_name(info.protocol));
}
static DEVICE_ATTR_RO(protocol);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct llp_ioc_info info;

	look(dev, &info);
	return sysfs_emit(buf, "%s\n", info.state);
}
static DEVICE_ATTR_RO(state);

static ssize_t up_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct llp_ioc_info info;

	look(dev, &info);
	return sysfs_emit(buf, "%d\n", !!(info.flags & LLP_INFO_UP));
}
static DEVICE_ATTR_RO(up);

static ssize_t messages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct llp_ioc_info info;

	look(dev, &info);
	return sysfs_emit(buf, "%u\n", info.messages);
}
static DEVICE_ATTR_RO(messages);

static struct attribute *llp_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_tty.attr,
	&dev_attr_protocol.attr,
	&dev_attr_state.attr,
	&dev_attr_up.attr,
	&dev_attr_messages.attr,
	NULL
};

static const struct attribute_group llp_group = {
	.attrs	= llp_attrs,
};

/* ---- statistics/ ---- */

/* Their names are the engine's: filled in when the module is loaded. */
static struct device_attribute counters[LLP_COUNTERS];
static struct attribute *counter_attrs[LLP_COUNTERS + 1];

static ssize_t counter_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct llp_line *l = to_line(dev);
	u64 value;

	mutex_lock(&l->lock);
	llp_stats_counter(l, attr - counters, &value);
	mutex_unlock(&l->lock);
	return sysfs_emit(buf, "%llu\n", value);
}

static const struct attribute_group counter_group = {
	.name	= "statistics",
	.attrs	= counter_attrs,
};

const struct attribute_group *llp_sysfs_groups[] = {
	&llp_group,
	&counter_group,
	NULL
};

/**
 * llp_sysfs_init() - fills the table of what is shown in
 *
 * Context: the module's start, before there is a class.
 */
void llp_sysfs_init(void)
{
	u32 i;

	for (i = 0; i < LLP_COUNTERS; i++) {
		counters[i].attr.name = llp_stats_name(i);
		counters[i].attr.mode = 0444;
		counters[i].show = counter_show;
		counter_attrs[i] = &counters[i].attr;
	}
}
