// SPDX-License-Identifier: GPL-2.0
/*
 * Random ioctls, valid and not, with random structures, on a device, two VMs and their
 * vCPUs, from three threads, while the guests run. Nothing is asserted but that the host
 * lives and a new VM works. LODGE_FUZZ_SEED repeats what each thread does; how the
 * threads meet differs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "vcpu.h"

#define NR_VMS 2
#define NR_VCPUS 2
#define ARGUMENT_BYTES (64 << 10)
#define RING_BYTES 16384ull
/* Behind the guest's own memory. */
#define SLOT_AREA_BYTES (50ull << 20)

/* Where the structure of one ioctl ends is in its number; these have a tail. */
#define TAIL 1
/* The argument is a number. */
#define NUMBER 2

struct call {
	unsigned long number;
	unsigned int flags;
};

static const struct call device_calls[] = {
	{ KVM_GET_API_VERSION, NUMBER }, { KVM_CHECK_EXTENSION, NUMBER },
	{ KVM_GET_VCPU_MMAP_SIZE, NUMBER }, { KVM_GET_SUPPORTED_CPUID, TAIL },
	{ KVM_GET_EMULATED_CPUID, TAIL }, { KVM_GET_MSR_INDEX_LIST, TAIL },
	{ KVM_GET_MSR_FEATURE_INDEX_LIST, TAIL }, { KVM_GET_MSRS, TAIL },
	{ KVM_X86_GET_MCE_CAP_SUPPORTED },
};

static const struct call vm_calls[] = {
	{ KVM_SET_USER_MEMORY_REGION }, { KVM_SET_USER_MEMORY_REGION }, { KVM_GET_DIRTY_LOG },
	{ KVM_CLEAR_DIRTY_LOG }, { KVM_SET_TSS_ADDR, NUMBER }, { KVM_SET_IDENTITY_MAP_ADDR },
	{ KVM_CREATE_IRQCHIP, NUMBER }, { KVM_IRQ_LINE }, { KVM_IRQ_LINE_STATUS },
	{ KVM_GET_IRQCHIP }, { KVM_SET_IRQCHIP }, { KVM_CREATE_PIT2 }, { KVM_GET_PIT2 },
	{ KVM_SET_PIT2 }, { KVM_SET_GSI_ROUTING, TAIL }, { KVM_SIGNAL_MSI }, { KVM_SET_CLOCK },
	{ KVM_GET_CLOCK }, { KVM_SET_BOOT_CPU_ID, NUMBER }, { KVM_CHECK_EXTENSION, NUMBER },
	{ KVM_REGISTER_COALESCED_MMIO }, { KVM_UNREGISTER_COALESCED_MMIO }, { KVM_ENABLE_CAP },
	{ KVM_RESET_DIRTY_RINGS, NUMBER }, { KVM_RESET_DIRTY_RINGS, NUMBER }, { KVM_IRQFD },
	{ KVM_IOEVENTFD }, { KVM_CREATE_DEVICE },
};

static const struct call vcpu_calls[] = {
	{ KVM_GET_REGS }, { KVM_SET_REGS }, { KVM_GET_SREGS }, { KVM_SET_SREGS },
	{ KVM_GET_MSRS, TAIL }, { KVM_SET_MSRS, TAIL }, { KVM_SET_CPUID2, TAIL },
	{ KVM_GET_CPUID2, TAIL }, { KVM_SET_CPUID, TAIL }, { KVM_GET_FPU }, { KVM_SET_FPU },
	{ KVM_GET_LAPIC }, { KVM_SET_LAPIC }, { KVM_GET_XSAVE }, { KVM_SET_XSAVE },
	{ KVM_GET_XSAVE2 }, { KVM_GET_XCRS }, { KVM_SET_XCRS }, { KVM_INTERRUPT },
	{ KVM_NMI, NUMBER }, { KVM_SET_SIGNAL_MASK, TAIL }, { KVM_GET_MP_STATE },
	{ KVM_SET_MP_STATE }, { KVM_GET_VCPU_EVENTS }, { KVM_SET_VCPU_EVENTS },
	{ KVM_GET_DEBUGREGS }, { KVM_SET_DEBUGREGS }, { KVM_TRANSLATE },
	{ KVM_SET_TSC_KHZ, NUMBER }, { KVM_GET_TSC_KHZ, NUMBER }, { KVM_KVMCLOCK_CTRL, NUMBER },
	{ KVM_X86_SETUP_MCE }, { KVM_X86_SET_MCE }, { KVM_TPR_ACCESS_REPORTING },
	{ KVM_SET_VAPIC_ADDR }, { KVM_SET_GUEST_DEBUG }, { KVM_ENABLE_CAP },
	{ KVM_RUN, NUMBER }, { KVM_RUN, NUMBER },
};

static struct vm *vms[NR_VMS];
static struct vcpu *vcpus[NR_VMS][NR_VCPUS];
/* NULL where the VM has none. */
static uint8_t *rings[NR_VMS][NR_VCPUS];
static uint8_t *memory;
static volatile bool is_over;
static unsigned int nr_threads;

static void guest_busy(void)
{
	uint32_t regs[4];
	uint64_t round;

	for (round = 0; ; round++) {
		cpuid(0, 0, regs);
		outb(0x510, 1);
		*(volatile uint32_t *)GPA_MMIO = 1;
		*(volatile uint64_t *)GPA_TEST += 1;
		/* Where slots come and go. */
		*(volatile uint64_t *)(VM_RAM_BYTES + round * 0x3000 % SLOT_AREA_BYTES) += 1;
	}
}

/* Part good, part bad: structures begin with counts, numbers and addresses. */
static void make_argument(uint32_t *argument, const struct call *call, size_t bytes)
{
	size_t i;

	switch (fuzz_below(3)) {
	case 0:
		fuzz_fill(argument, bytes);
		break;
	case 1:
		memset(argument, 0, bytes);
		break;
	default:
		/* What the call before has read. */
		break;
	}
	for (i = 0; i < bytes / 4 && i < 16; i++)
		if (fuzz_one_in(3))
			argument[i] = fuzz_interesting();
	if (call->flags & TAIL)
		argument[0] = fuzz_one_in(8) ? fuzz_u64() : fuzz_below(64);
	/* The signal that ends a guest's run is let through, or nobody could. */
	if (call->number == KVM_SET_SIGNAL_MASK)
		argument[1] &= ~(1u << (SIGUSR1 - 1));
	/* Slots whose memory is there are the ones that get anywhere. */
	if (call->number == KVM_SET_USER_MEMORY_REGION) {
		struct kvm_userspace_memory_region *region = (void *)argument;

		if (!fuzz_one_in(4)) {
			region->slot = 1 + fuzz_below(6);
			region->flags = fuzz_below(4);
			region->guest_phys_addr = (uint64_t)fuzz_below(64) << 20;
			region->memory_size = (uint64_t)fuzz_below(4) << 20;
			region->userspace_addr = (uintptr_t)memory;
			region->userspace_addr += (uint64_t)fuzz_below(4) << 20;
		}
		/* Not that of the guest's own image, or there is nothing left to run. */
		if (!region->slot)
			region->slot = 1;
	}
}

static int one_call(int fd, const struct call *calls, size_t nr, uint32_t *argument)
{
	const struct call *call = &calls[fuzz_below(nr)];
	unsigned long number = call->number;
	size_t bytes = _IOC_SIZE(number);

	/* Now and then a number that nobody has, or the right one on another fd. */
	if (fuzz_one_in(50))
		number ^= 1ul << fuzz_below(30);
	if (call->flags & NUMBER)
		return ioctl(fd, number, fuzz_interesting());
	if (call->flags & TAIL)
		bytes = 4096;
	make_argument(argument, call, bytes);
	if (fuzz_one_in(40))
		return ioctl(fd, number, fuzz_interesting());
	return ioctl(fd, number, argument);
}

/* Entries that user space gives back, true or not. */
static void spoil_ring(uint8_t *ring)
{
	struct kvm_dirty_gfn *entries = (void *)ring;
	unsigned int i, first = fuzz_below(RING_BYTES / sizeof(*entries));

	for (i = first; i < RING_BYTES / sizeof(*entries) && i < first + 64; i++) {
		if (fuzz_one_in(8))
			fuzz_fill(&entries[i], sizeof(entries[i]));
		entries[i].flags = fuzz_one_in(8) ? fuzz_u64() : KVM_DIRTY_GFN_F_RESET;
	}
}

static void on_signal(int number)
{
}

static void *fuzz_thread(void *data)
{
	uint32_t *argument = mmap(NULL, ARGUMENT_BYTES, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int device = node_open(O_RDWR);

	TEST_ASSERT(argument != MAP_FAILED, "out of memory");
	fuzz_begin_thread(__atomic_add_fetch(&nr_threads, 1, __ATOMIC_RELAXED));
	while (!is_over) {
		unsigned int vm = fuzz_below(NR_VMS);
		unsigned int cpu = fuzz_below(NR_VCPUS);
		struct vcpu *vcpu = vcpus[vm][cpu];

		if (rings[vm][cpu] && fuzz_one_in(4))
			spoil_ring(rings[vm][cpu]);
		vcpu->run->immediate_exit = fuzz_one_in(4);
		switch (fuzz_below(8)) {
		case 0:
			(void)one_call(device, device_calls, ARRAY_SIZE(device_calls), argument);
			break;
		case 1:
		case 2:
		case 3:
			(void)one_call(vms[vm]->fd, vm_calls, ARRAY_SIZE(vm_calls), argument);
			break;
		default:
			(void)one_call(vcpu->fd, vcpu_calls, ARRAY_SIZE(vcpu_calls), argument);
			break;
		}
	}
	close(device);
	munmap(argument, ARGUMENT_BYTES);
	return NULL;
}

/* With in-kernel irqchip or without, with dirty rings or without. */
static void create_vm(unsigned int n)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { RING_BYTES } };
	bool has_rings = fuzz_one_in(2);
	unsigned int i;

	vms[n] = fuzz_one_in(2) ? vm_create_with_irqchip() : vm_create();
	if (has_rings)
		has_rings = !__vm_ioctl(vms[n], KVM_ENABLE_CAP, &cap);
	for (i = 0; i < NR_VCPUS; i++) {
		vcpus[n][i] = vcpu_add(vms[n], i, guest_busy);
		rings[n][i] = !has_rings ? NULL :
			      mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
				   vcpus[n][i]->fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_BYTES);
		TEST_ASSERT(rings[n][i] != MAP_FAILED, "mmap of a ring");
	}
}

static void destroy_vm(unsigned int n)
{
	unsigned int i;

	vm_destroy(vms[n]);
	for (i = 0; i < NR_VCPUS; i++)
		if (rings[n][i])
			munmap(rings[n][i], RING_BYTES);
}

/* One set of VMs, until it is worn out; signals get the vCPUs out of the guest. */
static void wear_out(void)
{
	struct timespec step = { .tv_nsec = 5000000 };
	pthread_t threads[3];
	unsigned int i, j, n;

	memory = host_alloc(8 << 20);
	for (i = 0; i < NR_VMS; i++)
		create_vm(i);
	is_over = false;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, fuzz_thread, NULL), "pthread_create");
	for (n = 0; n < 100; n++) {
		nanosleep(&step, NULL);
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			pthread_kill(threads[i], SIGUSR1);
	}
	is_over = true;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		/* One that came ahead of the ioctl has interrupted nothing. */
		while (pthread_tryjoin_np(threads[i], NULL)) {
			pthread_kill(threads[i], SIGUSR1);
			for (j = 0; j < NR_VMS * NR_VCPUS; j++)
				vcpus[j / NR_VCPUS][j % NR_VCPUS]->run->immediate_exit = 1;
			nanosleep(&step, NULL);
		}
	}
	for (i = 0; i < NR_VMS; i++)
		destroy_vm(i);
}

static void threads(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	fuzz_begin();
	while (fuzz_goes_on())
		wear_out();
	fuzz_end();

	vm_run_guest(guest_return);
}

static const struct test_case cases[] = {
	{ "threads", threads, FUZZ_CASE_SECONDS },
};

TEST_MAIN(cases)
