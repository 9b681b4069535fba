// SPDX-License-Identifier: GPL-2.0
/*
 * Test module: each load commits one mistake, named by kind=, that a sanitizer of the
 * host's kernel must report. For a test host that is thrown away: where nothing
 * looks, the mistakes are real.
 */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timer.h>

static char *kind = "";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "the mistake to commit");

/* The compiler must neither see a mistake nor drop it. */
static volatile int sink;

static void use_after_free(void)
{
	volatile int *object = kmalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return;
	kfree((void *)object);
	sink = *object;
}

static void out_of_bounds(void)
{
	volatile char object[16];
	volatile int beyond = 16;

	sink = *(object + beyond);
}

static void leak(void)
{
	static void *object;
	int i;

	/* Several: a stale copy of a pointer somewhere makes one look as if it were in use. */
	for (i = 0; i < 16; i++) {
		object = kmalloc(1000, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(object);
	}
	object = NULL;
}

static void shift(void)
{
	volatile int count = 40;

	sink = 1 << count;
}

static void array_index(void)
{
	static int array[4];
	volatile int index = 5;

	/* No access: the index is reported, not the memory. Up to 4 it would be allowed. */
	sink = (uintptr_t)&array[index] & 1;
}

static void sleep_in_atomic(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
}

static void cpu_in_preemptible(void)
{
	sink = smp_processor_id();
}

static void rcu_outside(void)
{
	static int __rcu *pointer;

	sink = !rcu_dereference(pointer);
}

static void list_corrupt(void)
{
	struct list_head head, entry;

	INIT_LIST_HEAD(&head);
	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
}

static void refcount(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static void timer(struct timer_list *unused)
{
}

static void free_active_timer(void)
{
	struct timer_list *object = kmalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return;
	timer_setup(object, timer, 0);
	mod_timer(object, jiffies + 3600 * HZ);
	kfree(object);
}

static DEFINE_MUTEX(first_lock);
static DEFINE_MUTEX(second_lock);

static void lock_order(void)
{
	mutex_lock(&first_lock);
	mutex_lock(&second_lock);
	mutex_unlock(&second_lock);
	mutex_unlock(&first_lock);
	mutex_lock(&second_lock);
	mutex_lock(&first_lock);
	mutex_unlock(&first_lock);
	mutex_unlock(&second_lock);
}

static const struct {
	const char *name;
	void (*commit)(void);
} mistakes[] = {
	{ "none", NULL },
	{ "use_after_free", use_after_free },
	{ "out_of_bounds", out_of_bounds },
	{ "leak", leak },
	{ "shift", shift },
	{ "array_index", array_index },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "cpu_in_preemptible", cpu_in_preemptible },
	{ "rcu_outside", rcu_outside },
	{ "list_corrupt", list_corrupt },
	{ "refcount", refcount },
	{ "free_active_timer", free_active_timer },
	{ "lock_order", lock_order },
};

static int __init fault_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (strcmp(kind, mistakes[i].name))
			continue;
		if (mistakes[i].commit)
			mistakes[i].commit();
		return 0;
	}
	return -EINVAL;
}

static void __exit fault_exit(void)
{
}

module_init(fault_init);
module_exit(fault_exit);

MODULE_DESCRIPTION("Commits a mistake for a sanitizer to find (for tests)");
MODULE_LICENSE("GPL");
