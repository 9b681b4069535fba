/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: sleepable RCU with one thread: nobody may wait while a reader is there. */
#ifndef SHIM_LINUX_SRCU_H
#define SHIM_LINUX_SRCU_H

#include <linux/bug.h>
#include <linux/types.h>

struct srcu_struct {
	int nr_readers;
};

static inline int srcu_read_lock(struct srcu_struct *srcu)
{
	return srcu->nr_readers++;
}

static inline void srcu_read_unlock(struct srcu_struct *srcu, int idx)
{
	BUG_ON(srcu->nr_readers-- != idx + 1);
}

#define synchronize_srcu(srcu)			BUG_ON((srcu)->nr_readers)
#define synchronize_srcu_expedited(srcu)	synchronize_srcu(srcu)
#define lockdep_is_held(lock)			((lock)->held)
#define srcu_dereference_check(pointer, srcu, condition) ({		\
	BUG_ON(!(srcu)->nr_readers && !(condition));			\
	pointer;							\
})
#define srcu_dereference(pointer, srcu)		srcu_dereference_check(pointer, srcu, false)
#define rcu_dereference_protected(pointer, condition) ({		\
	BUG_ON(!(condition));						\
	pointer;							\
})
#define rcu_assign_pointer(pointer, value)	((pointer) = (value))
#define RCU_INIT_POINTER(pointer, value)	((pointer) = (value))

#endif /* SHIM_LINUX_SRCU_H */
