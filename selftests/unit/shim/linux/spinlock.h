/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: unit tests have one thread: a lock only remembers that it is held. */
#ifndef SHIM_LINUX_SPINLOCK_H
#define SHIM_LINUX_SPINLOCK_H

#include <linux/bug.h>
#include <linux/types.h>

typedef struct {
	bool held;
} spinlock_t;

#define raw_spinlock_t			spinlock_t
#define rwlock_t			spinlock_t
#define spin_lock_init(lock)		((lock)->held = false)
#define spin_lock(lock)			do { BUG_ON((lock)->held); (lock)->held = true; } while (0)
#define spin_unlock(lock)	do { BUG_ON(!(lock)->held); (lock)->held = false; } while (0)
#define spin_lock_irq(lock)		spin_lock(lock)
#define spin_unlock_irq(lock)		spin_unlock(lock)
#define spin_lock_irqsave(lock, flags)	do { (flags) = 0; spin_lock(lock); } while (0)
#define spin_unlock_irqrestore(lock, flags)	do { (void)(flags); spin_unlock(lock); } while (0)
#define raw_spin_lock_init(lock)	spin_lock_init(lock)
#define raw_spin_lock(lock)		spin_lock(lock)
#define raw_spin_unlock(lock)		spin_unlock(lock)
#define raw_spin_lock_irqsave(lock, flags)	spin_lock_irqsave(lock, flags)
#define raw_spin_unlock_irqrestore(lock, flags)	spin_unlock_irqrestore(lock, flags)
#define rwlock_init(lock)		spin_lock_init(lock)
#define read_lock(lock)			spin_lock(lock)
#define read_unlock(lock)		spin_unlock(lock)
#define write_lock(lock)		spin_lock(lock)
#define write_unlock(lock)		spin_unlock(lock)
#define lockdep_assert_held(lock)	BUG_ON(!(lock)->held)
#define lockdep_assert_held_write(lock)	BUG_ON(!(lock)->held)
#define lockdep_assert_held_read(lock)	BUG_ON(!(lock)->held)

#endif /* SHIM_LINUX_SPINLOCK_H */
