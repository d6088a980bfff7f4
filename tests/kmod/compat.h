/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between the kernels that the test modules are built for. */
#ifndef LLP_TEST_COMPAT_H
#define LLP_TEST_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/types.h>
#include <linux/version.h>

/* tty_operations.write: 6.6 made counts sizes */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
typedef ssize_t lt_written_t;
typedef size_t lt_count_t;
#else
typedef int lt_written_t;
typedef int lt_count_t;
#endif

/* tty_port_operations.carrier_raised and .dtr_rts: 6.4 made them bool */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
typedef bool lt_bool_t;
#else
typedef int lt_bool_t;
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define lt_hrtimer_setup hrtimer_setup
#else
static inline void lt_hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
				    clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#endif
