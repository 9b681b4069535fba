// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_FPU, KVM_SET_FPU, KVM_GET_XSAVE, KVM_SET_XSAVE, KVM_GET_XCRS and
 * KVM_SET_XCRS: values reach the guest's registers and come back, are kept apart
 * from the host's, and bad ones are refused.
 */
#include <string.h>

#include "vcpu.h"

#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)

/* Layout of the XSAVE area's first parts, in bytes. */
#define XSAVE_FCW 0
#define XSAVE_MXCSR 24
#define XSAVE_XMM 160
#define XSAVE_XSTATE_BV 512
#define XSAVE_RESERVED 528

static void guest_invert_xmm(void)
{
	for (;;) {
		asm volatile("pcmpeqd %%xmm1, %%xmm1\n\t"
			     "pxor %%xmm1, %%xmm0\n\t"
			     "pxor %%xmm1, %%xmm15" : : : "memory");
		GUEST_SYNC(1);
	}
}

static void vector_registers(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_invert_xmm);
	struct kvm_fpu fpu, back;
	unsigned int i;

	vcpu_ioctl(vcpu, KVM_GET_FPU, &fpu);
	ASSERT_EQ(fpu.fcw, 0x37f);
	/* From the first run on: KVM forgets registers set while all are in their init state. */
	vcpu_run_sync(vcpu, 1);
	memset(fpu.xmm[0], 0x5a, 16);
	memset(fpu.xmm[15], 0xc3, 16);
	vcpu_ioctl(vcpu, KVM_SET_FPU, &fpu);
	vcpu_ioctl(vcpu, KVM_GET_FPU, &back);
	ASSERT_EQ(memcmp(fpu.xmm, back.xmm, sizeof(fpu.xmm)), 0);
	for (i = 1; i <= 4; i++) {
		vcpu_run_sync(vcpu, 1);
		/* The host's own use of the register must not get into the guest's. */
		asm volatile("pxor %%xmm0, %%xmm0; pxor %%xmm15, %%xmm15" : : : "memory");
		vcpu_ioctl(vcpu, KVM_GET_FPU, &back);
		ASSERT_EQ(back.xmm[0][7], i & 1 ? 0xa5 : 0x5a);
		ASSERT_EQ(back.xmm[15][0], i & 1 ? 0x3c : 0xc3);
		ASSERT_EQ(back.xmm[1][3], 0xff);
	}
	vm_destroy(vm);
}

/* And the guest's values must not get into the host's. */
static void host_registers_kept(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_invert_xmm);
	uint64_t in[2] = { 0x0123456789abcdefull, 0xfedcba9876543210ull }, out[2];
	unsigned int i;
	int ret;

	for (i = 0; i < 20; i++) {
		asm volatile("movdqu %2, %%xmm15\n\t"
			     "syscall\n\t"
			     "movdqu %%xmm15, %1"
			     : "=a"(ret), "=m"(out)
			     : "m"(in), "a"(16L), "D"((long)vcpu->fd), "S"((long)KVM_RUN),
			       "d"(0L)
			     : "rcx", "r11", "memory");
		ASSERT_EQ(ret, 0);
		ASSERT_EQ(memcmp(in, out, sizeof(in)), 0);
	}
	vm_destroy(vm);
}

static void guest_x87(void)
{
	uint16_t control = 0x77f;

	asm volatile("fldcw %0" : : "m"(control));
	GUEST_SYNC(1);
	asm volatile("fnstcw %0" : "=m"(control));
	GUEST_ASSERT_EQ(control, 0x27f);
	asm volatile("fninit; fld1; fldpi" : : : "memory");
	GUEST_SYNC(2);
}

static void x87(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_x87);
	struct kvm_fpu fpu;

	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_GET_FPU, &fpu);
	ASSERT_EQ(fpu.fcw, 0x77f);
	fpu.fcw = 0x27f;
	vcpu_ioctl(vcpu, KVM_SET_FPU, &fpu);
	vcpu_run_sync(vcpu, 2);
	vcpu_ioctl(vcpu, KVM_GET_FPU, &fpu);
	ASSERT_EQ(fpu.fcw, 0x37f);
	/* Two values on the stack: pi on top of 1.0. */
	ASSERT_EQ((fpu.fsw >> 11) & 7, 6);
	ASSERT_EQ(fpu.ftwx, 0xc0);
	ASSERT_EQ(*(uint64_t *)fpu.fpr[0], 0xc90fdaa22168c235ull);
	ASSERT_EQ(*(uint64_t *)fpu.fpr[1], 0x8000000000000000ull);
	vm_destroy(vm);
}

static void xsave(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_invert_xmm);
	struct kvm_xsave area, back;
	uint8_t *bytes = (uint8_t *)area.region;
	struct kvm_fpu fpu;

	REQUIRE_CAP(KVM_CAP_XSAVE);
	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_GET_XSAVE, &area);
	ASSERT_EQ(*(uint16_t *)(bytes + XSAVE_FCW), 0x37f);
	ASSERT_EQ(bytes[XSAVE_XMM + 16], 0xff);
	memset(bytes + XSAVE_XMM, 0x77, 16);
	*(uint64_t *)(bytes + XSAVE_XSTATE_BV) |= XCR0_X87 | XCR0_SSE;
	vcpu_ioctl(vcpu, KVM_SET_XSAVE, &area);
	vcpu_ioctl(vcpu, KVM_GET_XSAVE, &back);
	ASSERT_EQ(memcmp((uint8_t *)back.region + XSAVE_XMM, bytes + XSAVE_XMM, 256), 0);
	/* The two views show the same registers. */
	vcpu_ioctl(vcpu, KVM_GET_FPU, &fpu);
	ASSERT_EQ(fpu.xmm[0][0], 0x77);
	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_GET_XSAVE, &back);
	ASSERT_EQ(*((uint8_t *)back.region + XSAVE_XMM), 0x88);
	vm_destroy(vm);
}

static void bad_xsave(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_invert_xmm);
	struct kvm_xsave good, bad;
	struct kvm_fpu fpu;
	uint8_t *bytes = (uint8_t *)bad.region;

	REQUIRE_CAP(KVM_CAP_XSAVE);
	vcpu_ioctl(vcpu, KVM_GET_XSAVE, &good);
	bad = good;
	*(uint64_t *)(bytes + XSAVE_XSTATE_BV) |= BIT(62);
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XSAVE, &bad), EINVAL);
	bad = good;
	bytes[XSAVE_RESERVED] = 1;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XSAVE, &bad), EINVAL);
	bad = good;
	*(uint32_t *)(bytes + XSAVE_MXCSR) = 0xffffffff;
	*(uint64_t *)(bytes + XSAVE_XSTATE_BV) |= XCR0_SSE;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XSAVE, &bad), EINVAL);
	memset(&bad, 0xff, sizeof(bad));
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XSAVE, &bad), EINVAL);
	/* FXSAVE's form has no check: what comes is masked or harmless. */
	memset(&fpu, 0xff, sizeof(fpu));
	(void)__vcpu_ioctl(vcpu, KVM_SET_FPU, &fpu);
	vcpu_ioctl(vcpu, KVM_SET_XSAVE, &good);
	vcpu_run_sync(vcpu, 1);
	vm_destroy(vm);
}

static uint64_t guest_xgetbv(void)
{
	uint32_t low, high;

	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low | (uint64_t)high << 32;
}

static uint64_t guest_xsetbv_try(uint32_t index, uint64_t value)
{
	asm volatile(GUEST_TRY("xsetbv")
		     : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "r11", "memory");
	return guest_recovery.vector;
}

static void guest_xcr0(void)
{
	GUEST_ASSERT_EQ(guest_xgetbv(), XCR0_X87 | XCR0_SSE);
	/* x87 is not optional, AVX needs SSE, unknown bits and registers are refused. */
	GUEST_ASSERT_EQ(guest_xsetbv_try(0, 0), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_xsetbv_try(0, XCR0_SSE), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_xsetbv_try(0, XCR0_X87 | XCR0_AVX), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_xsetbv_try(0, XCR0_X87 | BIT(62)), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_xsetbv_try(1, XCR0_X87), GP_VECTOR);
	GUEST_ASSERT_EQ(guest_xgetbv(), XCR0_X87 | XCR0_SSE);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(guest_xgetbv(), XCR0_X87);
	write_cr4(read_cr4() & ~X86_CR4_OSXSAVE);
	GUEST_ASSERT_EQ(guest_xsetbv_try(0, XCR0_X87), UD_VECTOR);
}

static void set_xcr0(struct vcpu *vcpu, uint64_t value)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = value };
	struct kvm_sregs sregs = vcpu_sregs(vcpu);

	sregs.cr4 |= X86_CR4_OSXSAVE;
	vcpu_set_sregs(vcpu, &sregs);
	vcpu_ioctl(vcpu, KVM_SET_XCRS, &xcrs);
}

static void xcrs(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_xcr0);
	struct kvm_xcrs xcrs;

	REQUIRE_CAP(KVM_CAP_XCRS);
	if (!CPUID_HAS_XSAVE())
		test_skip("XSAVE is not offered");
	vcpu_ioctl(vcpu, KVM_GET_XCRS, &xcrs);
	ASSERT_EQ(xcrs.nr_xcrs, 1u);
	ASSERT_EQ(xcrs.xcrs[0].xcr, 0u);
	ASSERT_EQ(xcrs.xcrs[0].value, XCR0_X87);
	set_xcr0(vcpu, XCR0_X87 | XCR0_SSE);
	vcpu_run_sync(vcpu, 1);
	vcpu_ioctl(vcpu, KVM_GET_XCRS, &xcrs);
	ASSERT_EQ(xcrs.xcrs[0].value, XCR0_X87 | XCR0_SSE);
	xcrs.xcrs[0].value = XCR0_SSE;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XCRS, &xcrs), EINVAL);
	xcrs.xcrs[0].value = BIT(60) | XCR0_X87;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XCRS, &xcrs), EINVAL);
	xcrs.xcrs[0].value = XCR0_X87;
	xcrs.nr_xcrs = KVM_MAX_XCRS + 1;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XCRS, &xcrs), EINVAL);
	xcrs.nr_xcrs = 1;
	xcrs.flags = 1;
	ASSERT_ERRNO(__vcpu_ioctl(vcpu, KVM_SET_XCRS, &xcrs), EINVAL);
	xcrs.flags = 0;
	vcpu_ioctl(vcpu, KVM_SET_XCRS, &xcrs);
	vcpu_run_done(vcpu);
	vm_destroy(vm);
}

static void guest_set_xcr0(void)
{
	GUEST_ASSERT_EQ(guest_xsetbv_try(0, XCR0_X87 | XCR0_SSE), GUEST_NO_TRAP);
	GUEST_SYNC(1);
	GUEST_SYNC_ARGS(2, guest_xgetbv(), 0, 0);
}

/* What the guest puts into XCR0 stays there over an exit. */
static void xcr0_set_by_guest(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_set_xcr0);
	struct kvm_xcrs xcrs;
	uint64_t kept;

	if (!CPUID_HAS_XSAVE())
		test_skip("XSAVE is not offered");
	set_xcr0(vcpu, XCR0_X87);
	vcpu_run_sync(vcpu, 1);
	kept = vcpu_run_sync(vcpu, 2).args[1];
	/*
	 * QEMU's emulation of SVM does not intercept XSETBV: a hypervisor that relies
	 * on the intercept, as KVM does, takes the guest's value away at the next entry.
	 */
	if (kept == XCR0_X87 && !node_is_lodge())
		test_skip("this CPU does not intercept XSETBV");
	ASSERT_EQ(kept, XCR0_X87 | XCR0_SSE);
	vcpu_ioctl(vcpu, KVM_GET_XCRS, &xcrs);
	ASSERT_EQ(xcrs.xcrs[0].value, XCR0_X87 | XCR0_SSE);
	vm_destroy(vm);
}

static uint64_t guest_avx_in[4], guest_avx_out[4];

static void guest_avx(void)
{
	guest_avx_in[0] = 1;
	guest_avx_in[3] = 0xdeadbeefcafebabeull;
	asm volatile("vmovdqu %0, %%ymm7" : : "m"(guest_avx_in) : "memory");
	GUEST_SYNC(1);
	asm volatile("vmovdqu %%ymm7, %0" : "=m"(guest_avx_out) : : "memory");
	GUEST_ASSERT_EQ(guest_avx_out[0], 1);
	GUEST_ASSERT_EQ(guest_avx_out[3], 0xdeadbeefcafebabeull);
}

/* Upper halves survive a migration: out of one vCPU, into another. */
static void avx_moves_to_another_vcpu(void)
{
	struct vm *vm = vm_create();
	struct vcpu *vcpu = vcpu_add(vm, 0, guest_avx), *target;
	struct kvm_sregs sregs;
	struct kvm_xsave area;
	struct kvm_regs regs;
	struct kvm_xcrs xcrs;

	if (!cpuid_has(1, 0, CPUID_ECX, 28))
		test_skip("AVX is not offered");
	set_xcr0(vcpu, XCR0_X87 | XCR0_SSE | XCR0_AVX);
	vcpu_run_sync(vcpu, 1);
	vcpu->run->immediate_exit = 1;
	ASSERT_ERRNO(__vcpu_run(vcpu), EINTR);
	target = vcpu_add(vm, 1, guest_avx);
	vcpu_ioctl(vcpu, KVM_GET_REGS, &regs);
	vcpu_ioctl(vcpu, KVM_GET_SREGS, &sregs);
	vcpu_ioctl(vcpu, KVM_GET_XCRS, &xcrs);
	vcpu_ioctl(vcpu, KVM_GET_XSAVE, &area);
	vcpu_ioctl(target, KVM_SET_REGS, &regs);
	vcpu_ioctl(target, KVM_SET_SREGS, &sregs);
	vcpu_ioctl(target, KVM_SET_XCRS, &xcrs);
	vcpu_ioctl(target, KVM_SET_XSAVE, &area);
	vcpu_run_done(target);
	vm_destroy(vm);
}

static const struct test_case cases[] = {
	{ "vector_registers", vector_registers },
	{ "host_registers_kept", host_registers_kept },
	{ "x87", x87 },
	{ "xsave", xsave },
	{ "bad_xsave", bad_xsave },
	{ "xcrs", xcrs },
	{ "xcr0_set_by_guest", xcr0_set_by_guest },
	{ "avx_moves_to_another_vcpu", avx_moves_to_another_vcpu },
};

TEST_MAIN(cases)
