// SPDX-License-Identifier: GPL-2.0
/*
 * Life cycle: VMs and vCPUs come and go, what the kernel holds for them, the
 * module itself, and a whole Linux guest.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bench.h"

#define LIVES 5
#define VCPUS 8

/* Of which the memory is measured, and made before. */
#define OBJECTS 64
#define WARM_UP 4

static void guest_one_exit(void)
{
	GUEST_SYNC(1);
}

/* CPU time of this program: where the kernel waits for readers, the TSC goes on. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* CPU time as the ticks that went by meanwhile. */
static void report_cpu(uint64_t ns)
{
	struct vm *vm = vm_create_bare();
	uint64_t khz = vcpu_ioctl(vcpu_create(vm, 0), KVM_GET_TSC_KHZ, 0);

	vm_destroy(vm);
	bench_report((ns * khz + 500000) / 1000000, "ticks");
}

/*
 * A VM with irqchip and vCPU.  Its memory is given, with the program's image in it, so that what
 * the host's own memory takes is not counted.
 */
static struct vcpu *make_vm(uint8_t *ram)
{
	struct vm *vm = vm_create_bare();

	vm_add_irqchip(vm);
	vm_set_slot(vm, 0, 0, 0, VM_RAM_BYTES, ram);
	vm->ram = ram;
	vm->ram_bytes = VM_RAM_BYTES;
	vm->next_page = GPA_ALLOC;
	return vcpu_add(vm, 0, guest_one_exit);
}

static void live(uint8_t *ram)
{
	struct vcpu *vcpu = make_vm(ram);
	struct vm *vm = vcpu->vm;

	vcpu_run_sync(vcpu, 1);
	vm->ram = NULL;
	vm_destroy(vm);
}

static uint64_t sample_live(void *context, uint64_t count)
{
	uint64_t begin, left = count, mark = bench_begin();

	begin = cpu_ns();
	do {
		live(context);
	} while (--left);
	begin = cpu_ns() - begin;
	bench_end(mark);
	return begin;
}

static void vm_life(void)
{
	struct vm *pattern = vm_create();

	report_cpu(bench_measure(sample_live, pattern->ram, LIVES));
	vm_destroy(pattern);
}

static uint64_t sample_vms(void *context, uint64_t count)
{
	int node = *(int *)context;
	uint64_t mark = bench_begin(), begin = cpu_ns(), left = count;

	do {
		close(fd_ioctl(node, KVM_CREATE_VM, 0));
	} while (--left);
	begin = cpu_ns() - begin;
	bench_end(mark);
	return begin;
}

static void vm_create_close(void)
{
	int node = node_open(O_RDWR);

	report_cpu(bench_measure(sample_vms, &node, LIVES));
}

/* What KVM_CREATE_VCPU takes; the VM goes outside of it. */
static uint64_t sample_vcpus(void *context, uint64_t count)
{
	int node = *(int *)context;
	int vm = fd_ioctl(node, KVM_CREATE_VM, 0);
	uint64_t mark, begin, left = count;
	int vcpus[2 * VCPUS];

	mark = bench_begin();
	begin = cpu_ns();
	do {
		left--;
		vcpus[left] = fd_ioctl(vm, KVM_CREATE_VCPU, left);
	} while (left);
	begin = cpu_ns() - begin;
	bench_end(mark);
	for (left = 0; left < count; left++)
		close(vcpus[left]);
	close(vm);
	return begin;
}

static void vcpu_create_only(void)
{
	int node = node_open(O_RDWR);

	report_cpu(bench_measure(sample_vcpus, &node, VCPUS));
}

/* Those that each CPU keeps at hand are free, too, but /proc/meminfo does not count them. */
static uint64_t free_kib(void)
{
	unsigned long pages = 0, found;
	char line[256];
	FILE *file = fopen("/proc/zoneinfo", "r");

	TEST_ASSERT(file, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " nr_free_pages %lu", &found) == 1 ||
		    sscanf(line, " count: %lu", &found) == 1)
			pages += found;
	fclose(file);
	TEST_ASSERT(pages, "no free page in /proc/zoneinfo");
	return pages * (PAGE_BYTES / 1024);
}

/* Memory of the kernel for one object, when some have been made already. */
static void measure_memory(void (*make_one)(void *context, unsigned int number), void *context)
{
	unsigned int number;
	uint64_t before;

	for (number = 0; number < WARM_UP; number++)
		make_one(context, number);
	before = free_kib();
	for (; number < WARM_UP + OBJECTS; number++)
		make_one(context, number);
	bench_report((before - free_kib() + OBJECTS / 2) / OBJECTS, "KiB");
}

/* They all end with this process. */
static void make_idle_vm(void *context, unsigned int number)
{
	fd_ioctl(*(int *)context, KVM_CREATE_VM, 0);
}

static void vm_memory(void)
{
	int node = node_open(O_RDWR);

	measure_memory(make_idle_vm, &node);
}

static void make_idle_vcpu(void *context, unsigned int number)
{
	fd_ioctl(*(int *)context, KVM_CREATE_VCPU, number);
}

static void vcpu_memory(void)
{
	int vm = fd_ioctl(node_open(O_RDWR), KVM_CREATE_VM, 0);

	measure_memory(make_idle_vcpu, &vm);
}

/* All have the same memory, so that only what is the kernel's is counted for each. */
static void make_vm_that_ran(void *context, unsigned int number)
{
	vcpu_run_sync(make_vm(context), 1);
}

static void vm_memory_ran(void)
{
	measure_memory(make_vm_that_ran, vm_create()->ram);
}

/* LODGE_BENCH_MODULES: "file.ko=arguments,..." in the order in which they are loaded. */
static void module_load(void)
{
	char *list = getenv("LODGE_BENCH_MODULES"), *name;
	uint64_t begin, ticks = 0;

	if (!list)
		test_skip("LODGE_BENCH_MODULES names no modules");
	for (name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		char *arguments = strchr(name, '=');
		int file;

		if (arguments)
			*arguments++ = '\0';
		file = open(name, O_RDONLY);
		TEST_ASSERT(file >= 0, "%s", name);
		begin = bench_begin();
		TEST_ASSERT(!syscall(SYS_finit_module, file, arguments ? arguments : "", 0), "%s",
			    name);
		ticks += bench_end(begin);
		close(file);
	}
	close(node_open(O_RDWR));
	bench_report(ticks, "ticks");
}

/* LODGE_BENCH_GUEST: a command that runs a guest to its end, and fails if it did not work. */
static void linux_guest(void)
{
	const char *command = getenv("LODGE_BENCH_GUEST");
	struct rusage usage;
	int status;

	if (!command)
		test_skip("LODGE_BENCH_GUEST names no command");
	status = system(command);
	TEST_ASSERT(!status, "status %#x", status);
	getrusage(RUSAGE_CHILDREN, &usage);
	report_cpu((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ull +
		   (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ull);
}

static const struct test_case cases[] = {
	{ "vm_create_run_close", vm_life },
	{ "vm_create_close", vm_create_close },
	{ "vcpu_create", vcpu_create_only },
	{ "vm_memory", vm_memory },
	{ "vcpu_memory", vcpu_memory },
	{ "vm_memory_after_run", vm_memory_ran },
	{ "module_load", module_load },
	{ "linux_guest", linux_guest, 300 },
};

const struct figures life_figures = { cases, ARRAY_SIZE(cases) };
