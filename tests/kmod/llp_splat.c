// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the kernel complain on request, so that the test rig can be seen to
 * notice: modprobe llp_splat do=warn. All but the first three are mistakes
 * that only a kernel with sanitizers tells of; the others pass over them.
 */
#include <linux/bug.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

static char *how = "warn";
module_param_named(do, how, charp, 0444);
MODULE_PARM_DESC(do, "the complaint: warn, oops, panic, use-after-free, ...");

static noinline void splat_warn(void)
{
	WARN(1, "llp_splat: asked for\n");
}

static noinline void splat_oops(void)
{
	*(volatile int *)8 = 0;
}

static noinline void splat_panic(void)
{
	panic("llp_splat: asked for");
}

enum { SIZE = 60 };

/* Memory whose size and use the compiler cannot know; NULL: there is none. */
static u8 *splat_bytes(void)
{
	u8 *bytes = kzalloc(SIZE, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(bytes);
	return bytes;
}

static noinline void splat_use_after_free(void)
{
	u8 *bytes = splat_bytes();
	u8 *gone = bytes;

	OPTIMIZER_HIDE_VAR(gone);
	kfree(bytes);
	if (gone)
		READ_ONCE(gone[8]);
}

static noinline void splat_out_of_bounds(void)
{
	u8 *bytes = splat_bytes();

	if (bytes)
		READ_ONCE(bytes[SIZE]);
	kfree(bytes);
}

static noinline void splat_double_free(void)
{
	u8 *bytes = splat_bytes();
	u8 *gone = bytes;

	OPTIMIZER_HIDE_VAR(gone);
	kfree(bytes);
	kfree(gone);
}

static noinline void splat_leak(void)
{
	splat_bytes();
}

static noinline void splat_index(void)
{
	static const u32 table[4] = { 1, 2, 3, 4 };
	u32 word, i = ARRAY_SIZE(table);

	OPTIMIZER_HIDE_VAR(i);
	word = table[i];
	OPTIMIZER_HIDE_VAR(word);
}

static noinline void splat_shift(void)
{
	u32 by = 32, word = 1;

	OPTIMIZER_HIDE_VAR(by);
	word <<= by;
	OPTIMIZER_HIDE_VAR(word);
}

static noinline void splat_sleep(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static noinline void splat_rcu(void)
{
	static u8 __rcu *bytes;

	rcu_dereference(bytes);
}

static void splat_timeout(struct timer_list *timer)
{
}

static noinline void splat_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, splat_timeout, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
}

static noinline void splat_lock_order(void)
{
	static DEFINE_MUTEX(one);
	static DEFINE_MUTEX(two);

	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);
	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
}

static const struct {
	const char *name;
	void (*splat)(void);
} splats[] = {
	{ "warn", splat_warn },
	{ "oops", splat_oops },
	{ "panic", splat_panic },
	{ "use-after-free", splat_use_after_free },
	{ "out-of-bounds", splat_out_of_bounds },
	{ "double-free", splat_double_free },
	{ "leak", splat_leak },
	{ "index", splat_index },
	{ "shift", splat_shift },
	{ "sleep", splat_sleep },
	{ "rcu", splat_rcu },
	{ "timer", splat_timer },
	{ "lock-order", splat_lock_order },
};

static int __init llp_splat_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(splats); i++) {
		if (!strcmp(how, splats[i].name)) {
			splats[i].splat();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit llp_splat_exit(void)
{
}

module_init(llp_splat_init);
module_exit(llp_splat_exit);
MODULE_DESCRIPTION("Kernel complaints on request, to test the test rig");
MODULE_LICENSE("GPL");
