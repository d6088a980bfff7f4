// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the kernel complain on request, so that the test rig can be seen to
 * notice: modprobe llp_splat do=warn
 */
#include <linux/bug.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/string.h>

static char *how = "warn";
module_param_named(do, how, charp, 0444);
MODULE_PARM_DESC(do, "warn, oops or panic");

static int __init llp_splat_init(void)
{
	if (!strcmp(how, "warn"))
		WARN(1, "llp_splat: asked for\n");
	else if (!strcmp(how, "oops"))
		*(volatile int *)8 = 0;
	else if (!strcmp(how, "panic"))
		panic("llp_splat: asked for");
	else
		return -EINVAL;
	return 0;
}

static void __exit llp_splat_exit(void)
{
}

module_init(llp_splat_init);
module_exit(llp_splat_exit);
MODULE_DESCRIPTION("Kernel complaints on request, to test the test rig");
MODULE_LICENSE("GPL");
