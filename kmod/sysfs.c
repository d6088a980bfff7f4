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

static ssize_t policy_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char *const policies[] = {
		[LLP_POLICY_ARRIVAL] = "arrival",
		[LLP_POLICY_READ] = "read",
		[LLP_POLICY_COMMIT] = "commit",
	};
	struct llp_ioc_info info;

	look(dev, &info);
	return sysfs_emit(buf, "%s\n", policies[info.policy]);
}
static DEVICE_ATTR_RO(policy);

/* ---- numbers, and flags as 0 and 1 ---- */

struct number {
	struct device_attribute attr;
	size_t at;		/* of a u32 in struct llp_ioc_info */
	u32 flag;		/* a bit of it, or 0: all of it */
};

static ssize_t number_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct number *n = container_of(attr, struct number, attr);
	struct llp_ioc_info info;
	u32 value;

	look(dev, &info);
	value = *(const u32 *)((const char *)&info + n->at);
	return sysfs_emit(buf, "%u\n", n->flag ? !!(value & n->flag) : value);
}

#define SHOWN(_name, _member, _flag) \
	{ __ATTR(_name, 0444, number_show, NULL), offsetof(struct llp_ioc_info, _member), _flag }

static struct number numbers[] = {
	SHOWN(up, flags, LLP_INFO_UP),
	SHOWN(ready, flags, LLP_INFO_READY),
	SHOWN(receiver, flags, LLP_INFO_RECEIVER),
	SHOWN(expectation, flags, LLP_INFO_EXPECTATION),
	SHOWN(flow, flags, LLP_INFO_FLOW),
	SHOWN(idle, flags, LLP_INFO_IDLE),
	SHOWN(max_messages, max_messages, 0),
	SHOWN(max_bytes, max_bytes, 0),
	SHOWN(max_writes, max_writes, 0),
	SHOWN(messages, messages, 0),
	SHOWN(bytes, bytes, 0),
	SHOWN(writes, writes, 0),
	SHOWN(speed, speed, 0),
	SHOWN(char_time, char_time, 0),
};

static struct attribute *const words[] = {
	&dev_attr_name.attr,
	&dev_attr_tty.attr,
	&dev_attr_protocol.attr,
	&dev_attr_state.attr,
	&dev_attr_policy.attr,
};

/* Both, filled in when the module is loaded. */
static struct attribute *llp_attrs[ARRAY_SIZE(words) + ARRAY_SIZE(numbers) + 1];

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
 * llp_sysfs_init() - fills the tables of what is shown in
 *
 * Context: the module's start, before there is a class.
 */
void llp_sysfs_init(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		llp_attrs[i] = words[i];
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		llp_attrs[ARRAY_SIZE(words) + i] = &numbers[i].attr.attr;
	for (i = 0; i < LLP_COUNTERS; i++) {
		counters[i].attr.name = llp_stats_name(i);
		counters[i].attr.mode = 0444;
		counters[i].show = counter_show;
		counter_attrs[i] = &counters[i].attr;
	}
}
