// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 3: guest FPU state and XCR0. How the kernel keeps FPU areas is host.c's
 * business; what the guest may enable is cpuid.c's. IA32_XSS stays zero for guests:
 * no supervisor state is offered.
 */
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/msr.h>

#include "caps.h"
#include "cpuid.h"
#include "fpu.h"
#include "host.h"

/*
 * Components that guests can be given. Not MPX (withdrawn by Intel), not PKRU
 * (protection keys are not offered), not AMX (needs the area to grow).
 */
#define FPU_OFFERED_XCR0	(XFEATURE_MASK_FPSSE | XFEATURE_MASK_YMM | XFEATURE_MASK_AVX512)

/* Layout of the first 512 bytes of an XSAVE image, and of the header behind it. */
#define FPU_LEGACY_SIZE		sizeof(struct fxregs_state)

/* What the host runs with; constant once fpu_setup() is done. */
static u64 host_xcr0;
static u64 host_xss;

/*
 * QEMU's software emulation of SVM does not intercept XSETBV, so there the guest's XCR0 is
 * looked for in the register. Real CPUs intercept it always, and need not.
 */
static bool may_miss_xsetbv;

/**
 * struct lodge_fpu - one vCPU's FPU
 * @area: registers, while the vCPU is not in KVM_RUN
 * @xcr0: the guest's
 * @image: room for one image in user layout, for what needs parts of it
 */
struct lodge_fpu {
	struct host_fpu *area;
	u64 xcr0;
	struct xregs_state *image;
};

/* Learn what the host has enabled. Module init. */
void fpu_setup(void)
{
	host_xcr0 = XFEATURE_MASK_FPSSE;
	host_xss = 0;
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, host_xss);
	may_miss_xsetbv = boot_cpu_has(X86_FEATURE_HYPERVISOR) && boot_cpu_has(X86_FEATURE_XSAVE);
}

/* Bits of XCR0 that guests can be given on this host; 0 without XSAVE. */
u64 fpu_supported_xcr0(void)
{
	u64 xcr0 = host_xcr0 & FPU_OFFERED_XCR0;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return 0;
	if ((xcr0 & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512)
		xcr0 &= ~(u64)XFEATURE_MASK_AVX512;
	return xcr0;
}

/**
 * fpu_create() - give a vCPU its FPU, in the state after power-on
 * @vcpu: vCPU in creation
 *
 * Return: 0, or -ENOMEM; fpu_destroy() undoes either.
 */
int fpu_create(struct lodge_vcpu *vcpu)
{
	struct lodge_fpu *fpu = kzalloc(sizeof(*fpu), GFP_KERNEL_ACCOUNT);

	if (!fpu)
		return -ENOMEM;
	vcpu->fpu = fpu;

	fpu->area = host_fpu_alloc();
	if (!fpu->area)
		return -ENOMEM;
	/* kmalloc aligns a power of two to itself; XSAVE images want 64. */
	fpu->image = kzalloc(roundup_pow_of_two(host_fpu_user_size(fpu->area)),
			     GFP_KERNEL_ACCOUNT);
	if (!fpu->image)
		return -ENOMEM;
	fpu_reset(vcpu, false);
	return 0;
}

/* Counterpart of fpu_create(), also of one that failed. */
void fpu_destroy(struct lodge_vcpu *vcpu)
{
	if (!vcpu->fpu)
		return;
	kfree(vcpu->fpu->image);
	host_fpu_free(vcpu->fpu->area);
	kfree(vcpu->fpu);
	vcpu->fpu = NULL;
}

/**
 * fpu_reset() - the state after RESET or INIT
 * @vcpu: vCPU, not in KVM_RUN unless @is_init
 * @is_init: INIT, which leaves registers and XCR0 alone (Intel SDM volume 3,
 *           "Processor State After Reset")
 */
void fpu_reset(struct lodge_vcpu *vcpu, bool is_init)
{
	struct lodge_fpu *fpu = vcpu->fpu;

	if (is_init)
		return;
	fpu->xcr0 = XFEATURE_MASK_FP;

	/* An image without components gives each its initial state; it cannot be refused. */
	memset(fpu->image, 0, host_fpu_user_size(fpu->area));
	fpu->image->i387.cwd = 0x37f;
	fpu->image->i387.mxcsr = MXCSR_DEFAULT;
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		fpu->image->header.xfeatures = XFEATURE_MASK_FPSSE;
	host_fpu_from_user(fpu->area, fpu->image, XFEATURE_MASK_FPSSE);
}

void fpu_load(struct lodge_vcpu *vcpu)
{
	host_fpu_swap(vcpu->fpu->area, true);
}

void fpu_put(struct lodge_vcpu *vcpu)
{
	host_fpu_swap(vcpu->fpu->area, false);
}

/*
 * The host's XSS is zero on most machines; where it is not, a guest's XSAVES must
 * not see supervisor components that are the host's. Not all hardware can refuse XSAVES to a
 * guest that has XSAVE.
 */
static bool must_switch_xss(struct lodge_vcpu *vcpu)
{
	return host_xss && cpuid_has(vcpu, X86_FEATURE_XSAVE);
}

/**
 * fpu_enter_guest() - last step before run(): registers and XCR0 become the guest's
 * @vcpu: loaded, between fpu_load() and fpu_put(), IRQs off until fpu_leave_guest()
 */
void fpu_enter_guest(struct lodge_vcpu *vcpu)
{
	host_fpu_ensure_loaded();
	if (vcpu->fpu->xcr0 != host_xcr0 && boot_cpu_has(X86_FEATURE_XSAVE))
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->fpu->xcr0);
	if (must_switch_xss(vcpu))
		wrmsrl(MSR_IA32_XSS, 0);
}

/**
 * fpu_leave_guest() - first step after run()
 * @vcpu: as for fpu_enter_guest()
 *
 * XCR0 is the host's again before IRQs are on: a softirq or a context switch saves with
 * the host's layout.
 */
void fpu_leave_guest(struct lodge_vcpu *vcpu)
{
	/* A value that XSETBV would have refused is dropped with the next entry. */
	if (may_miss_xsetbv) {
		u64 xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);

		if (unlikely(xcr0 != vcpu->fpu->xcr0) && fpu_set_xcr0(vcpu, xcr0))
			xsetbv(XCR_XFEATURE_ENABLED_MASK, host_xcr0);
	}
	if (vcpu->fpu->xcr0 != host_xcr0 && boot_cpu_has(X86_FEATURE_XSAVE))
		xsetbv(XCR_XFEATURE_ENABLED_MASK, host_xcr0);
	if (must_switch_xss(vcpu))
		wrmsrl(MSR_IA32_XSS, host_xss);
}

u64 fpu_xcr0(struct lodge_vcpu *vcpu)
{
	return vcpu->fpu->xcr0;
}

/**
 * fpu_set_xcr0() - check and set XCR0
 * @vcpu: vCPU, mutex held
 * @xcr0: new value
 *
 * Intel SDM volume 1, "Enabling the XSAVE Feature Set and XSAVE-Enabled Features":
 * x87 always; AVX needs SSE; the three parts of AVX-512 go together and need AVX.
 *
 * Return: 0; -EINVAL (#GP) for an illegal combination or a bit the guest was not given.
 */
int fpu_set_xcr0(struct lodge_vcpu *vcpu, u64 xcr0)
{
	u64 avx512 = xcr0 & XFEATURE_MASK_AVX512;

	if (!(xcr0 & XFEATURE_MASK_FP) || xcr0 & ~vcpu->cpuid->xcr0_allowed)
		return -EINVAL;
	if ((xcr0 & XFEATURE_MASK_YMM) && !(xcr0 & XFEATURE_MASK_SSE))
		return -EINVAL;
	if (avx512 && (avx512 != XFEATURE_MASK_AVX512 || !(xcr0 & XFEATURE_MASK_YMM)))
		return -EINVAL;

	vcpu->fpu->xcr0 = xcr0;
	return 0;
}

/* Components that user space may see: x87 and SSE even where the guest has no XSAVE. */
static u64 user_xfeatures(struct lodge_vcpu *vcpu)
{
	return vcpu->cpuid->xcr0_allowed | XFEATURE_MASK_FPSSE;
}

unsigned int fpu_xsave_size(struct lodge_vcpu *vcpu)
{
	return host_fpu_user_size(vcpu->fpu->area);
}

/**
 * fpu_get_xsave() - KVM_GET_XSAVE and KVM_GET_XSAVE2
 * @vcpu: vCPU, mutex held
 * @buffer: zeroed, 64-byte aligned
 * @size: its size, at least sizeof(struct kvm_xsave)
 */
void fpu_get_xsave(struct lodge_vcpu *vcpu, void *buffer, unsigned int size)
{
	host_fpu_to_user(vcpu->fpu->area, buffer, min(size, fpu_xsave_size(vcpu)),
			 user_xfeatures(vcpu));
}

/**
 * fpu_set_xsave() - KVM_SET_XSAVE
 * @vcpu: vCPU, mutex held
 * @buffer: fpu_xsave_size() bytes
 *
 * What the host can hold is taken, whether or not CPUID names it: user space may set
 * CPUID later.
 *
 * Return: 0; -EINVAL for a malformed image.
 */
int fpu_set_xsave(struct lodge_vcpu *vcpu, const void *buffer)
{
	return host_fpu_from_user(vcpu->fpu->area, buffer,
				  fpu_supported_xcr0() | XFEATURE_MASK_FPSSE);
}

/* Fill fpu->image with the current state, and return it. */
static struct xregs_state *take_image(struct lodge_vcpu *vcpu)
{
	struct lodge_fpu *fpu = vcpu->fpu;
	unsigned int size = host_fpu_user_size(fpu->area);

	memset(fpu->image, 0, size);
	host_fpu_to_user(fpu->area, fpu->image, size,
			 fpu_supported_xcr0() | XFEATURE_MASK_FPSSE);
	return fpu->image;
}

/*
 * KVM_GET_FPU and KVM_SET_FPU go by way of an image: the area itself may leave out
 * components that are in their initial state.
 */
void fpu_get_fpu(struct lodge_vcpu *vcpu, struct kvm_fpu *regs)
{
	const struct fxregs_state *legacy = &take_image(vcpu)->i387;

	memset(regs, 0, sizeof(*regs));
	memcpy(regs->fpr, legacy->st_space, sizeof(regs->fpr));
	regs->fcw = legacy->cwd;
	regs->fsw = legacy->swd;
	regs->ftwx = legacy->twd;
	regs->last_opcode = legacy->fop;
	regs->last_ip = legacy->rip;
	regs->last_dp = legacy->rdp;
	memcpy(regs->xmm, legacy->xmm_space, sizeof(regs->xmm));
	regs->mxcsr = legacy->mxcsr;
}

/**
 * fpu_set_fpu() - KVM_SET_FPU
 * @vcpu: vCPU, mutex held
 * @regs: x87 and SSE registers; @regs->mxcsr is not looked at, as in KVM
 *
 * Return: 0.
 */
int fpu_set_fpu(struct lodge_vcpu *vcpu, const struct kvm_fpu *regs)
{
	struct xregs_state *image = take_image(vcpu);
	struct fxregs_state *legacy = &image->i387;

	memcpy(legacy->st_space, regs->fpr, sizeof(regs->fpr));
	legacy->cwd = regs->fcw;
	legacy->swd = regs->fsw;
	legacy->twd = regs->ftwx;
	legacy->fop = regs->last_opcode;
	legacy->rip = regs->last_ip;
	legacy->rdp = regs->last_dp;
	memcpy(legacy->xmm_space, regs->xmm, sizeof(regs->xmm));
	image->header.xfeatures |= XFEATURE_MASK_FPSSE;

	return fpu_set_xsave(vcpu, image);
}

/**
 * fpu_get_xcrs() - KVM_GET_XCRS
 * @vcpu: vCPU, mutex held
 * @xcrs: filled
 *
 * Return: 0; -EINVAL where the host has no XSAVE.
 */
int fpu_get_xcrs(struct lodge_vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return -EINVAL;
	memset(xcrs, 0, sizeof(*xcrs));
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].value = vcpu->fpu->xcr0;
	return 0;
}

/**
 * fpu_set_xcrs() - KVM_SET_XCRS
 * @vcpu: vCPU, mutex held
 * @xcrs: registers other than XCR0 are passed over, as in KVM
 *
 * Return: 0; -EINVAL for flags, too many registers, or a value that XSETBV refuses.
 */
int fpu_set_xcrs(struct lodge_vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	u32 i;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return -EINVAL;
	if (xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++) {
		u32 slot = array_index_nospec(i, KVM_MAX_XCRS);

		if (xcrs->xcrs[slot].xcr == XCR_XFEATURE_ENABLED_MASK)
			return fpu_set_xcr0(vcpu, xcrs->xcrs[slot].value);
	}
	return 0;
}

/*
 * The SSE registers are reached by FXSAVE and FXRSTOR of the legacy part, which leave the
 * upper halves of YMM registers alone. @reg comes from an instruction of the guest's.
 */
static u8 *xmm_of_image(struct lodge_fpu *fpu, unsigned int reg)
{
	return (u8 *)fpu->image->i387.xmm_space + 16 * array_index_nospec(reg & 15, 16);
}

/**
 * fpu_read_xmm() - one SSE register's value
 * @vcpu: between fpu_load() and fpu_put()
 * @reg: 0 to 15
 * @data: filled
 */
void fpu_read_xmm(struct lodge_vcpu *vcpu, unsigned int reg, u8 data[16])
{
	struct fxregs_state *legacy = &vcpu->fpu->image->i387;

	/* No softirq may use the FPU between the look and the use. */
	fpregs_lock();
	host_fpu_ensure_loaded();
	asm volatile("fxsaveq %0" : "=m" (*legacy));
	fpregs_unlock();
	memcpy(data, xmm_of_image(vcpu->fpu, reg), 16);
}

/**
 * fpu_write_xmm() - set one SSE register; the upper half of its YMM stays
 * @vcpu: between fpu_load() and fpu_put()
 * @reg: 0 to 15
 * @data: new value
 */
void fpu_write_xmm(struct lodge_vcpu *vcpu, unsigned int reg, const u8 data[16])
{
	struct fxregs_state *legacy = &vcpu->fpu->image->i387;

	fpregs_lock();
	host_fpu_ensure_loaded();
	asm volatile("fxsaveq %0" : "=m" (*legacy));
	memcpy(xmm_of_image(vcpu->fpu, reg), data, 16);
	asm volatile("fxrstorq %0" : : "m" (*legacy));
	fpregs_unlock();
}
