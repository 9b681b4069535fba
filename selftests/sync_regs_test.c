// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SYNC_REGS: registers, segment and control registers and events that go in and out
 * with KVM_RUN, in the mapped page.
 */
#include <string.h>

#include "vcpu.h"

#define ALL (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

extern char guest_loop[];
asm(".pushsection .text\n"
	"guest_loop: outb %al, $0x10\n"
	"incq %rbx\n"
	"jmp guest_loop\n"
	".popsection\n");

static struct vcpu *loop_add(struct vm *vm)
{
	REQUIRE_CAP(KVM_CAP_SYNC_REGS);
	return vcpu_add(vm, 0, (void (*)(void))guest_loop);
}

static void capability(void)
{
	ASSERT_EQ(node_check(KVM_CAP_SYNC_REGS), (int)ALL);
}

static void bad_sets(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = loop_add(vm);
	unsigned int bit;

	for (bit = 3; bit < 64; bit += 6) {
		vcpu->run->kvm_valid_regs = BIT(bit) | ALL;
		ASSERT_ERRNO(__vcpu_run(vcpu), EINVAL);
		vcpu->run->kvm_valid_regs = 0;
		vcpu->run->kvm_dirty_regs = BIT(bit);
		ASSERT_ERRNO(__vcpu_run(vcpu), EINVAL);
		vcpu->run->kvm_dirty_regs = 0;
	}
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	vm_destroy(vm);
}

/* What is asked for is as the ioctls have it; what is not is left alone. */
static void out(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = loop_add(vm);
	struct kvm_sync_regs *sync = &vcpu->run->s.regs;
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	vcpu->run->kvm_valid_regs = ALL;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	regs = vcpu_regs(vcpu);
	sregs = vcpu_sregs(vcpu);
	vcpu_ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events);
	ASSERT_EQ(memcmp(&regs, &sync->regs, sizeof(regs)), 0);
	ASSERT_EQ(memcmp(&sregs, &sync->sregs, sizeof(sregs)), 0);
	ASSERT_EQ(memcmp(&events, &sync->events, sizeof(events)), 0);

	memset(sync, 0xa5, sizeof(*sync));
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_SREGS;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(sync->regs.rbx, 0xa5a5a5a5a5a5a5a5ull);
	ASSERT_EQ(memcmp(&sregs, &sync->sregs, sizeof(sregs)), 0);
	ASSERT_EQ(sync->events.flags, 0xa5a5a5a5u);

	/* Also if KVM_RUN ends with an error. */
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	ASSERT_EQ(sync->regs.rip, vcpu_regs(vcpu).rip);
	vm_destroy(vm);
}

static void in(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = loop_add(vm);
	struct kvm_sync_regs *sync = &vcpu->run->s.regs;

	vcpu->run->kvm_valid_regs = ALL;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	sync->regs.rbx = 0x1000;
	sync->sregs.cr2 = 0x7000;
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->kvm_dirty_regs, 0u);
	ASSERT_EQ(sync->regs.rbx, 0x1001u);
	ASSERT_EQ(vcpu_sregs(vcpu).cr2, 0x7000u);

	/* Not marked: not taken. */
	sync->regs.rbx = 0x2000;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(sync->regs.rbx, 0x1002u);

	/* Marked, but not asked for. */
	sync->regs.rbx = 0x3000;
	vcpu->run->kvm_valid_regs = 0;
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(sync->regs.rbx, 0x3000u);
	ASSERT_EQ(vcpu_regs(vcpu).rbx, 0x3001u);
	vm_destroy(vm);
}

/* What an ioctl would refuse is refused. */
static void bad_values(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = loop_add(vm);
	struct kvm_sync_regs *sync = &vcpu->run->s.regs;

	vcpu->run->kvm_valid_regs = ALL;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	sync->sregs.cr4 |= BIT(31);
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINVAL);
	ASSERT_EQ(vcpu_sregs(vcpu).cr4 & BIT(31), 0u);
	sync->events.flags = BIT(30);
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_EVENTS;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINVAL);
	vcpu->run->kvm_dirty_regs = 0;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "capability", capability },
	{ "bad_sets", bad_sets },
	{ "out", out },
	{ "in", in },
	{ "bad_values", bad_values },
};

TEST_MAIN(cases)
