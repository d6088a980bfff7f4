/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernel versions. The commit or release that makes
 * a part needless stands beside it.
 */
#ifndef N_LLP_COMPAT_H
#define N_LLP_COMPAT_H

#include <linux/device.h>
#include <linux/hrtimer.h>
#include <linux/tty.h>
#include <linux/version.h>
#include <net/genetlink.h>

/* 6.6: bytes are u8 and counts size_t in the tty layer. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define LLP_RECEIVE_BUF(name) \
	void name(struct tty_struct *tty, const u8 *bytes, const u8 *flags, size_t count)
#else
#define LLP_RECEIVE_BUF(name) \
	void name(struct tty_struct *tty, const unsigned char *bytes, const char *flags, int count)
#endif

/* 6.2: a class is asked about a const device for its node, 6.3: for its uevent. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define LLP_DEVNODE(name) char *name(const struct device *dev, umode_t *mode)
#else
#define LLP_DEVNODE(name) char *name(struct device *dev, umode_t *mode)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define LLP_DEV_UEVENT(name) int name(const struct device *dev, struct kobj_uevent_env *env)
#else
#define LLP_DEV_UEVENT(name) int name(struct device *dev, struct kobj_uevent_env *env)
#endif

/* 6.13: hrtimer_setup() takes the place of hrtimer_init(). */
static inline void llp_hrtimer_setup(struct hrtimer *timer,
				     enum hrtimer_restart (*expired)(struct hrtimer *timer))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->function = expired;
#endif
}

/* 6.6: what is known of a dump has the same form as that of a request. */
static inline struct nlattr **llp_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return genl_dumpit_info(cb)->info.attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* N_LLP_COMPAT_H */
