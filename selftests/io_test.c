// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_EXIT_IO: IN and OUT of each width, string instructions with REP, both
 * directions, page crossings, and the limits of one exit.
 */
#include <string.h>

#include "vcpu.h"

#define PORT 0x510
#define BUFFER_BYTES (3 * PAGE_BYTES)
/* The buffer starts short of a page boundary, so each long string crosses one. */
#define BUFFER_GPA (GPA_TEST + PAGE_BYTES - 10)

static void *io_data(struct vcpu *vcpu)
{
	return (uint8_t *)vcpu->run + vcpu->run->io.data_offset;
}

static void check_io(struct vcpu *vcpu, bool is_in, unsigned int size, const char *file, int line)
{
	const struct kvm_run *run = vcpu->run;

	vcpu_check_exit(vcpu, KVM_EXIT_IO, file, line);
	if (run->io.port == PORT && run->io.size == size && run->io.count >= 1 &&
	    run->io.direction == (is_in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT) &&
	    run->io.data_offset >= sizeof(*run) &&
	    run->io.data_offset + (uint64_t)size * run->io.count <= vcpu->run_bytes)
		return;
	vcpu_describe(vcpu);
	test_fail(file, line, 0, NULL, "not the expected I/O exit");
}
#define ASSERT_IO(vcpu, is_in, size) check_io(vcpu, is_in, size, __FILE__, __LINE__)

static void guest_single(void)
{
	uint64_t rax = 0xffffffffffffffff;

	outb(PORT, 0x12);
	outw(PORT, 0x3456);
	outl(PORT, 0x789abcde);
	/* Narrow reads keep the upper bits of RAX, 32-bit ones clear them. */
	asm volatile("inb %w1, %%al" : "+a"(rax) : "d"(PORT));
	GUEST_ASSERT_EQ(rax, 0xffffffffffffff5aull);
	asm volatile("inw %w1, %%ax" : "+a"(rax) : "d"(PORT));
	GUEST_ASSERT_EQ(rax, 0xffffffffffffa5a5ull);
	asm volatile("inl %w1, %%eax" : "+a"(rax) : "d"(PORT));
	GUEST_ASSERT_EQ(rax, 0xdeadbeefull);
	/* The immediate form. */
	asm volatile("outb %%al, $0x42" : : "a"(7));
	asm volatile("inb $0x43, %%al" : "=a"(rax));
	GUEST_ASSERT_EQ(rax & 0xff, 9);
}

static void single(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_single);

	vcpu_run(vcpu);
	ASSERT_IO(vcpu, false, 1);
	ASSERT_EQ(*(uint8_t *)io_data(vcpu), 0x12);
	vcpu_run(vcpu);
	ASSERT_IO(vcpu, false, 2);
	ASSERT_EQ(*(uint16_t *)io_data(vcpu), 0x3456);
	vcpu_run(vcpu);
	ASSERT_IO(vcpu, false, 4);
	ASSERT_EQ(*(uint32_t *)io_data(vcpu), 0x789abcdeu);
	vcpu_run(vcpu);
	ASSERT_IO(vcpu, true, 1);
	*(uint8_t *)io_data(vcpu) = 0x5a;
	vcpu_run(vcpu);
	ASSERT_IO(vcpu, true, 2);
	*(uint16_t *)io_data(vcpu) = 0xa5a5;
	vcpu_run(vcpu);
	ASSERT_IO(vcpu, true, 4);
	*(uint32_t *)io_data(vcpu) = 0xdeadbeef;
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, 0x42);
	ASSERT_EQ(*(uint8_t *)io_data(vcpu), 7);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, 0x43);
	*(uint8_t *)io_data(vcpu) = 9;
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* RIP moves on when the access completes: at the next KVM_RUN. */
static void rip_after_completion(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_single);
	uint64_t rip;
	int i;

	for (i = 0; i < 4; i++)
		vcpu_run(vcpu);
	ASSERT_IO(vcpu, true, 1);
	rip = vcpu_regs(vcpu).rip;
	*(uint8_t *)io_data(vcpu) = 0x5a;
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	vcpu->run->immediate_exit = 0;
	ASSERT_EQ(vcpu_regs(vcpu).rip, rip + 1);
	ASSERT_EQ(vcpu_regs(vcpu).rax & 0xff, 0x5au);
	vm_destroy(vm);
}

static void guest_string(uint64_t is_in, uint64_t size, uint64_t count, uint64_t is_backward)
{
	uint64_t step = is_backward ? -size : size;
	uint64_t address = BUFFER_GPA + (is_backward ? (count - 1) * size : 0);
	uint64_t end = address;
	uint64_t left = count;

	if (is_backward)
		asm volatile("std");
	if (is_in && size == 1)
		asm volatile("rep insb" : "+D"(end), "+c"(left) : "d"(PORT) : "memory");
	else if (is_in && size == 2)
		asm volatile("rep insw" : "+D"(end), "+c"(left) : "d"(PORT) : "memory");
	else if (is_in)
		asm volatile("rep insl" : "+D"(end), "+c"(left) : "d"(PORT) : "memory");
	else if (size == 1)
		asm volatile("rep outsb" : "+S"(end), "+c"(left) : "d"(PORT) : "memory");
	else if (size == 2)
		asm volatile("rep outsw" : "+S"(end), "+c"(left) : "d"(PORT) : "memory");
	else
		asm volatile("rep outsl" : "+S"(end), "+c"(left) : "d"(PORT) : "memory");
	asm volatile("cld");
	GUEST_ASSERT_EQ(left, 0);
	GUEST_ASSERT_EQ(end, address + count * step);
	GUEST_SYNC(1);
}

static void transfer_string(bool is_in, unsigned int size, unsigned int count, bool is_backward)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_string);
	uint8_t *buffer = vm_hva(vm, BUFFER_GPA, BUFFER_BYTES);
	uint8_t wire[BUFFER_BYTES];
	unsigned int done = 0, bytes = size * count, i;
	struct ucall ucall;

	vcpu_set_arg(vcpu, 0, is_in);
	vcpu_set_arg(vcpu, 1, size);
	vcpu_set_arg(vcpu, 2, count);
	vcpu_set_arg(vcpu, 3, is_backward);
	for (i = 0; i < bytes; i++) {
		wire[i] = i * 7 + 3;
		buffer[i] = is_in ? 0 : i * 5 + 1;
	}
	for (;;) {
		vcpu_run(vcpu);
		if (vcpu_is_ucall(vcpu, &ucall))
			break;
		ASSERT_IO(vcpu, is_in, size);
		i = vcpu->run->io.count * size;
		TEST_ASSERT(done + i <= bytes, "%u bytes after %u of %u", i, done, bytes);
		if (is_in)
			memcpy(io_data(vcpu), wire + done, i);
		else
			memcpy(wire + done, io_data(vcpu), i);
		done += i;
	}
	vcpu_ucall(vcpu);
	ASSERT_EQ(done, bytes);
	/* Element n of the wire is element n of memory, from the other end if backward. */
	for (i = 0; i < count; i++) {
		unsigned int element = is_backward ? count - 1 - i : i;

		TEST_ASSERT(!memcmp(wire + i * size, buffer + element * size, size),
			    "element %u", i);
	}
	ASSERT_EQ(buffer[bytes], 0);
	ASSERT_EQ(buffer[-1], 0);
	vm_destroy(vm);
}

static void string_out(void)
{
	transfer_string(false, 1, 100, false);
	transfer_string(false, 2, 100, false);
	transfer_string(false, 4, 100, false);
}

static void string_in(void)
{
	transfer_string(true, 1, 100, false);
	transfer_string(true, 2, 100, false);
	transfer_string(true, 4, 100, false);
}

static void string_backward(void)
{
	transfer_string(false, 1, 60, true);
	transfer_string(false, 4, 30, true);
	transfer_string(true, 2, 30, true);
	transfer_string(true, 4, 30, true);
}

static void string_many_pages(void)
{
	transfer_string(false, 1, 2 * PAGE_BYTES + 100, false);
	transfer_string(true, 4, 2 * PAGE_BYTES / 4 + 10, false);
	transfer_string(true, 1, PAGE_BYTES + 100, false);
}

static void string_single_element(void)
{
	transfer_string(false, 4, 1, false);
	transfer_string(true, 4, 1, false);
	/* This element lies across the page boundary. */
	transfer_string(true, 4, 3, false);
	transfer_string(false, 4, 3, false);
}

static void guest_string_count_zero(void)
{
	uint64_t address = BUFFER_GPA, left = 0;

	asm volatile("rep insb" : "+D"(address), "+c"(left) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(address, BUFFER_GPA);
	asm volatile("rep outsb" : "+S"(address), "+c"(left) : "d"(PORT) : "memory");
	GUEST_ASSERT_EQ(address, BUFFER_GPA);
	/* No REP: RCX does not count. */
	asm volatile("outsb" : "+S"(address) : "d"(PORT), "c"(5) : "memory");
	GUEST_ASSERT_EQ(address, BUFFER_GPA + 1);
}

static void string_count_zero(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_string_count_zero);

	*(uint8_t *)vm_hva(vm, BUFFER_GPA, 1) = 0x77;
	vcpu_run(vcpu);
	ASSERT_IO(vcpu, false, 1);
	ASSERT_EQ(vcpu->run->io.count, 1u);
	ASSERT_EQ(*(uint8_t *)io_data(vcpu), 0x77);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* The destination of INS is not writable, or the source of OUTS not mapped. */
static void guest_string_fault(uint64_t bad)
{
	uint64_t address = bad;

	asm volatile(GUEST_TRY("insb") : "+D"(address) : "d"(PORT) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, PF_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.cr2, bad);
	GUEST_ASSERT_EQ(guest_recovery.error & PFERR_WRITE, PFERR_WRITE);
	GUEST_ASSERT_EQ(address, bad);
	asm volatile(GUEST_TRY("outsb") : "+S"(address) : "d"(PORT) : "r11", "memory");
	GUEST_ASSERT_EQ(guest_recovery.vector, PF_VECTOR);
	GUEST_ASSERT_EQ(guest_recovery.cr2, bad);
	GUEST_ASSERT_EQ(guest_recovery.error & PFERR_WRITE, 0);
}

static void string_page_fault(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_string_fault);
	struct ucall ucall;

	/* Above the 4 GiB that the page tables map. */
	vcpu_set_arg(vcpu, 0, 0x100000123ull);
	for (;;) {
		vcpu_run(vcpu);
		if (vcpu_is_ucall(vcpu, &ucall))
			break;
		/* INS may read the port before it finds out: that is an exit like any other. */
		ASSERT_IO(vcpu, true, 1);
	}
	ASSERT_EQ(vcpu_ucall(vcpu).command, (uint64_t)UCALL_DONE);
	vm_destroy(vm);
}

static void guest_user_io(void)
{
	/* CPL 0 ignores the permission map: with IOPL 0 the access is right. */
	outb(0xffff, 1);
	GUEST_ASSERT_EQ(inb(0), 0x11);
}

static void port_range_ends(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_user_io);

	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, 0xffff);
	vcpu_run_to(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(vcpu->run->io.port, 0);
	*(uint8_t *)io_data(vcpu) = 0x11;
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

/* What user space writes into kvm_run between the exit and the re-entry is not trusted. */
static void hostile_kvm_run(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, (void (*)(void))guest_string);
	unsigned int i;

	vcpu_set_arg(vcpu, 0, true);
	vcpu_set_arg(vcpu, 1, 4);
	vcpu_set_arg(vcpu, 2, 500);
	vcpu_set_arg(vcpu, 3, false);
	for (i = 0; i < 20; i++) {
		(void)__vcpu_run(vcpu);
		if (vcpu->run->exit_reason != KVM_EXIT_IO || vcpu->run->io.port != PORT)
			break;
		vcpu->run->io.count = 0xffffffff;
		vcpu->run->io.size = 0xff;
		vcpu->run->io.data_offset = 0x7ffffffff000ull + i;
		vcpu->run->io.direction ^= 1;
		vcpu->run->io.port = 0;
	}
	vm_destroy(vm);
	vm_run_guest(guest_return);
}

static const struct test_case cases[] = {
	{ "single", single },
	{ "rip_after_completion", rip_after_completion },
	{ "string_out", string_out },
	{ "string_in", string_in },
	{ "string_backward", string_backward },
	{ "string_many_pages", string_many_pages },
	{ "string_single_element", string_single_element },
	{ "string_count_zero", string_count_zero },
	{ "string_page_fault", string_page_fault },
	{ "port_range_ends", port_range_ends },
	{ "hostile_kvm_run", hostile_kvm_run },
};

TEST_MAIN(cases)
