/* SPDX-License-Identifier: GPL-2.0 */
/* Shim: attributes and accesses; sparse's annotations vanish. */
#ifndef SHIM_LINUX_COMPILER_H
#define SHIM_LINUX_COMPILER_H

#define __user
#define __iomem
#define __rcu
#define __percpu
#define __force
#define __bitwise
#define __must_hold(lock)
#define __acquires(lock)
#define __releases(lock)
#define __init
#define __exit
#define __read_mostly
#define __ro_after_init
#define __aligned(n)		__attribute__((aligned(n)))
#define __packed		__attribute__((packed))
#define __maybe_unused		__attribute__((unused))
#define __must_check		__attribute__((warn_unused_result))
#define __printf(a, b)		__attribute__((format(printf, a, b)))
#define __always_unused		__attribute__((unused))
#define __cold
#define noinline		__attribute__((noinline))
#define noinstr
#define fallthrough		__attribute__((fallthrough))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)

static inline void barrier(void)
{
	__asm__ __volatile__("" : : : "memory");
}

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))

/* Unit tests have one thread; these only have to be there. */
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST) /* shim */
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE) /* shim */
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE) /* shim */
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE) /* shim */
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE) /* shim */
#define smp_mb__after_atomic()	smp_mb() /* shim */
#define smp_mb__before_atomic()	smp_mb() /* shim */

#define xchg(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define cmpxchg(p, old, new) ({						\
	__typeof__(*(p)) __old = (old);					\
	__atomic_compare_exchange_n(p, &__old, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);	\
	__old;								\
})
#define cmpxchg64(p, old, new)	cmpxchg(p, old, new)
#define try_cmpxchg(p, oldp, new)					\
	__atomic_compare_exchange_n(p, oldp, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define try_cmpxchg64(p, oldp, new)	try_cmpxchg(p, oldp, new)

#endif /* SHIM_LINUX_COMPILER_H */
