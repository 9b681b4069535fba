// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_VM_DISABLE_NX_HUGE_PAGES: who may ask for code in large pages, and when; the guest
 * runs all the same.
 */
#include <unistd.h>

#include "vcpu.h"

static void allowed(void)
{
	struct vm *vm = vm_create();

	ASSERT_EQ(node_check(KVM_CAP_VM_DISABLE_NX_HUGE_PAGES), 1);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 1), EINVAL);
	ASSERT_EQ(__vm_enable_cap(vm, KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 0), 0);
	vcpu_add(vm, 0, guest_return);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 0), EINVAL);
	vcpu_run_done(vm->vcpus[0]);
	vm_destroy(vm);
}

/* It is as dangerous as a reboot. */
static void needs_privilege(void)
{
	struct vm *vm = vm_create();

	TEST_ASSERT(!setuid(65534), "setuid");
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 0), EPERM);
	ASSERT_ERRNO(__vm_enable_cap(vm, KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 1), EPERM);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "allowed", allowed },
	{ "needs_privilege", needs_privilege },
};

TEST_MAIN(cases)
