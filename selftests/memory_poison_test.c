// SPDX-License-Identifier: GPL-2.0
/*
 * A page of guest memory breaks: the vCPU's thread gets the SIGBUS that an access of its own
 * would bring, with the address, when the guest uses the page, and not before.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "vcpu.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

#define SLOT_GPA 0x10000000ull
#define SLOT_BYTES (16 * PAGE_BYTES)
#define BROKEN (5 * PAGE_BYTES)

static volatile sig_atomic_t signals, signal_code;
static void *volatile signal_address;

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	signals++;
	signal_code = info->si_code;
	signal_address = info->si_addr;
}

static void guest_use(void)
{
	uint64_t offset;

	for (offset = 0; offset < SLOT_BYTES; offset += PAGE_BYTES)
		*(volatile uint64_t *)(SLOT_GPA + offset) = offset;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(*(volatile uint64_t *)SLOT_GPA, 0);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(*(volatile uint64_t *)(SLOT_GPA + BROKEN), 0x99);
}

static void broken_page(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_use);
	uint8_t *memory = host_alloc(SLOT_BYTES);
	int ret, tries;

	(void)madvise(memory, SLOT_BYTES, MADV_NOHUGEPAGE);
	vm_set_slot(vm, 1, 0, SLOT_GPA, SLOT_BYTES, memory);
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(sigaction(SIGBUS, &action, NULL), 0);
	if (madvise(memory + BROKEN, PAGE_BYTES, MADV_HWPOISON))
		test_skip("this kernel breaks no pages (MADV_HWPOISON)");
	ASSERT_EQ(signals, 0);
	/* The other pages are as good as before. */
	vcpu_run_sync(vcpu, 2);
	ASSERT_EQ(signals, 0);
	for (tries = 1; tries <= 3; tries++) {
		ret = __vcpu_run(vcpu);
		TEST_ASSERT(ret == -EINTR || ret == -EFAULT, "KVM_RUN returned %d", ret);
		ASSERT_EQ(signals, tries);
		ASSERT_EQ(signal_code, BUS_MCEERR_AR);
		ASSERT_EQ(signal_address == memory + BROKEN, 1);
	}
	/* Another page in its place, as machine monitors do: the guest goes on. */
	TEST_ASSERT(mmap(memory + BROKEN, PAGE_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "mmap");
	*(uint64_t *)(memory + BROKEN) = 0x99;
	vcpu_run_done(vcpu);
	ASSERT_EQ(signals, 3);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "broken_page", broken_page },
};

TEST_MAIN(cases)
