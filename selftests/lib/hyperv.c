// SPDX-License-Identifier: GPL-2.0
/*
 * Hyper-V's CPUID leaves for a vCPU, and the guest's hypercall page.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hyperv.h"

uint8_t guest_hypercall_page[PAGE_BYTES] __attribute__((aligned(4096)));

void guest_hyperv_begin(void)
{
	wrmsr(HV_GUEST_OS_ID, HV_OS_ID);
	wrmsr(HV_HYPERCALL, (uintptr_t)guest_hypercall_page | 1);
}

const struct kvm_cpuid2 *node_hyperv_cpuid(void)
{
	static struct {
		struct kvm_cpuid2 header;
		struct kvm_cpuid_entry2 entries[HV_NR_LEAVES];
	} cpuid;
	int fd;

	if (!cpuid.header.nent) {
		REQUIRE_CAP(KVM_CAP_SYS_HYPERV_CPUID);
		fd = node_open(O_RDWR);
		cpuid.header.nent = HV_NR_LEAVES;
		fd_ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, &cpuid);
		close(fd);
	}
	return &cpuid.header;
}

/* The vCPU's own CPUID and Hyper-V's leaves; the caller frees it. */
static struct kvm_cpuid2 *make_cpuid(struct vcpu *vcpu)
{
	const struct kvm_cpuid2 *supported = node_supported_cpuid(), *hyperv = node_hyperv_cpuid();
	uint32_t room = supported->nent + hyperv->nent, i;
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + room * sizeof(cpuid->entries[0]));

	TEST_ASSERT(cpuid, "out of memory");
	for (i = 0; i < supported->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[cpuid->nent];

		if (supported->entries[i].function >> 28 == 4)
			continue;
		*entry = supported->entries[i];
		if (entry->function == 1)
			entry->ebx = (entry->ebx & 0xffffff) | vcpu->id << 24;
		else if (entry->function == 0xb)
			entry->edx = vcpu->id;
		cpuid->nent++;
	}
	memcpy(&cpuid->entries[cpuid->nent], hyperv->entries,
	       hyperv->nent * sizeof(cpuid->entries[0]));
	cpuid->nent += hyperv->nent;
	return cpuid;
}

void vcpu_set_hyperv_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = make_cpuid(vcpu);

	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

void vcpu_enforce_hyperv(struct vcpu *vcpu, const struct hyperv_bits *bits)
{
	struct kvm_cpuid2 *cpuid = make_cpuid(vcpu);
	struct kvm_cpuid_entry2 *features = cpuid_find(cpuid, HV_LEAF_FEATURES, 0);
	struct kvm_cpuid_entry2 *hints = cpuid_find(cpuid, HV_LEAF_HINTS, 0);

	features->eax = bits->features_eax;
	features->ebx = bits->features_ebx;
	features->edx = bits->features_edx;
	hints->eax = bits->hints_eax;
	hints->ebx = bits->hints_ebx;
	ASSERT_EQ(__vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_ENFORCE_CPUID, 1), 0);
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}

struct vcpu *vcpu_add_hyperv(struct vm *vm, unsigned int id, void (*entry)(void))
{
	struct vcpu *vcpu = vcpu_add(vm, id, entry);

	vcpu_set_hyperv_cpuid(vcpu);
	return vcpu;
}
