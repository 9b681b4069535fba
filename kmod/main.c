// SPDX-License-Identifier: GPL-2.0
/*
 * Floor 6: the module's beginning and end: choice of the backend, root mode on every
 * CPU through hotplug, suspend, reboot and kexec, the device node. The only file that
 * knows which backends there are.
 */
#define pr_fmt(fmt) "lodge: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>

#include "clock.h"
#include "cpuid.h"
#include "fpu.h"
#include "host.h"
#include "ioctl.h"
#include "pv/pv.h"
#include "svm/svm.h"
#include "vendor.h"
#include "vmx/vmx.h"

MODULE_AUTHOR("The lodge developers");
MODULE_DESCRIPTION("A small hypervisor that speaks the KVM userspace ABI");
MODULE_LICENSE("GPL");

static char *node = "lodge";
module_param(node, charp, 0444);
MODULE_PARM_DESC(node, "name of the device node below /dev: lodge (default), lodge<suffix>, or kvm");

const struct lodge_vendor_ops *lodge_vendor __ro_after_init;
struct lodge_caps lodge_caps __ro_after_init;

/* Tried in this order; the first that finds its CPU is taken. */
static const struct lodge_vendor_ops *const backends[] __initconst = {
	&svm_ops,
	&vmx_ops,
};

/* CPUs that refused to enter root mode during enable_all_cpus(). */
static cpumask_t refused_cpus;

DEFINE_PER_CPU(bool, lodge_in_root_mode);

/* IRQs off, so that no vCPU's thread is between its look at the flag and its entry. */
static int enter_root_mode(void)
{
	int ret = lodge_vendor->cpu_enable();

	this_cpu_write(lodge_in_root_mode, !ret);
	return ret;
}

/* A CPU that refused belongs to somebody else and is left alone. */
static void leave_root_mode(void)
{
	if (this_cpu_xchg(lodge_in_root_mode, false))
		lodge_vendor->cpu_disable();
}

static void enable_this_cpu(void *unused)
{
	if (enter_root_mode())
		cpumask_set_cpu(smp_processor_id(), &refused_cpus);
}

static void disable_this_cpu(void *unused)
{
	leave_root_mode();
}

/*
 * The state is KVM's place in the order of CPU hotplug, before interrupts go on and after
 * the last task has left. Using it also keeps KVM and lodge from both being in charge.
 */
static int root_mode_starting(unsigned int cpu)
{
	int ret = enter_root_mode();

	/* A callback at this point cannot fail; a vCPU will find the CPU unusable. */
	if (ret)
		pr_err("CPU %u does not enter root mode (%d); no VM can run on it\n", cpu, ret);
	return 0;
}

static int root_mode_dying(unsigned int cpu)
{
	leave_root_mode();
	return 0;
}

/* Suspend: the other CPUs are offline by then; this is the last one, IRQs off. */
static int suspend(void)
{
	clock_suspend();
	leave_root_mode();
	return 0;
}

static void resume(void)
{
	if (enter_root_mode())
		pr_err("this CPU does not enter root mode after suspend\n");
	clock_resume();
}

static struct syscore_ops syscore_ops = {
	.suspend = suspend,
	.resume = resume,
};

/* Reboot and kexec: the next kernel, or the firmware, must find CPUs that obey INIT. */
static int reboot(struct notifier_block *notifier, unsigned long action, void *data)
{
	on_each_cpu(disable_this_cpu, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = reboot,
};

/*
 * Panic, with a crash kernel or without, and a restart by force. IRQs off or NMI, perhaps
 * in the middle of the functions above, to which this CPU does not return: so not
 * leave_root_mode(), which believes the flag.
 */
static void leave_root_mode_emergency(void)
{
	lodge_vendor->cpu_disable();
}

/*
 * KVM's modules find out late, and not without a kernel warning, that there is another
 * hypervisor: they are turned away before they begin.
 */
static int refuse_kvm(struct notifier_block *notifier, unsigned long action, void *data)
{
	const struct module *module = data;

	if (action != MODULE_STATE_COMING ||
	    (strcmp(module->name, "kvm_amd") && strcmp(module->name, "kvm_intel")))
		return NOTIFY_DONE;
	pr_err("%s is not let in: the CPUs are in use; unload lodge first (rmmod lodge)\n",
	       module->name);
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block module_notifier = {
	.notifier_call = refuse_kvm,
};

static int __init choose_backend(void)
{
	int i, ret = -EOPNOTSUPP;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		ret = backends[i]->setup(&lodge_caps);
		if (!ret) {
			lodge_vendor = backends[i];
			return 0;
		}
		if (ret != -EOPNOTSUPP)
			return ret;
	}
	pr_err("no usable hardware virtualization: an AMD CPU with SVM and nested paging, or an Intel CPU with VT-x, EPT and unrestricted guest is needed\n");
	return ret;
}

/* Names that no other driver has, so that two devices never share a node. */
static bool __init is_node_allowed(void)
{
	const char *c;

	if (!strcmp(node, "kvm"))
		return true;
	if (strncmp(node, "lodge", 5) || strlen(node) > 32)
		return false;
	for (c = node; *c; c++) {
		if (!isalnum(*c) && *c != '-' && *c != '_')
			return false;
	}
	return true;
}

/* The emergency's hook stands before the first CPU enters root mode, and goes after the last. */
static void disable_all_cpus(void)
{
	cpus_read_lock();
	on_each_cpu(disable_this_cpu, NULL, 1);
	host_emergency_unregister(leave_root_mode_emergency);
	cpuhp_remove_state_nocalls_cpuslocked(CPUHP_AP_KVM_STARTING);
	cpus_read_unlock();
	unregister_module_notifier(&module_notifier);
}

static int __init enable_all_cpus(void)
{
	int ret;

	ret = register_module_notifier(&module_notifier);
	if (ret)
		return ret;
	cpus_read_lock();
	ret = cpuhp_setup_state_nocalls_cpuslocked(CPUHP_AP_KVM_STARTING, "virt/lodge:starting",
						   root_mode_starting, root_mode_dying);
	if (ret) {
		cpus_read_unlock();
		unregister_module_notifier(&module_notifier);
		pr_err("KVM is loaded; unload it first (rmmod kvm_amd or kvm_intel)\n");
		return ret;
	}
	host_emergency_register(leave_root_mode_emergency);
	cpumask_clear(&refused_cpus);
	on_each_cpu(enable_this_cpu, NULL, 1);
	cpus_read_unlock();
	if (cpumask_empty(&refused_cpus))
		return 0;

	pr_err("CPU %*pbl is in use by another hypervisor; unload it first (rmmod kvm_amd or kvm_intel)\n",
	       cpumask_pr_args(&refused_cpus));
	disable_all_cpus();
	return -EBUSY;
}

static int __init lodge_init(void)
{
	int ret;

	if (!is_node_allowed()) {
		pr_err("node=%s: the name must be kvm, or begin with lodge\n", node);
		return -EINVAL;
	}
	ret = choose_backend();
	if (ret)
		return ret;
	fpu_setup();
	cpuid_setup();

	ret = async_pf_setup();
	if (ret)
		goto teardown_backend;
	ret = enable_all_cpus();
	if (ret)
		goto teardown_async_pf;
	register_syscore_ops(&syscore_ops);
	register_reboot_notifier(&reboot_notifier);
	/*
	 * Once for the module, not for each VM: the first user patches the scheduler's
	 * code on all CPUs, which is no work for the creation of a VM.
	 */
	preempt_notifier_inc();

	ret = dev_register(node);
	if (ret) {
		pr_err("/dev/%s cannot be made (%d)\n", node, ret);
		goto disable_cpus;
	}
	pr_info("%s on %u CPUs, /dev/%s\n", lodge_vendor->name, num_online_cpus(), node);
	return 0;

disable_cpus:
	preempt_notifier_dec();
	unregister_reboot_notifier(&reboot_notifier);
	unregister_syscore_ops(&syscore_ops);
	disable_all_cpus();
teardown_async_pf:
	async_pf_teardown();
teardown_backend:
	lodge_vendor->teardown();
	return ret;
}

static void __exit lodge_exit(void)
{
	dev_unregister();
	preempt_notifier_dec();
	unregister_reboot_notifier(&reboot_notifier);
	unregister_syscore_ops(&syscore_ops);
	disable_all_cpus();
	async_pf_teardown();
	lodge_vendor->teardown();
}

module_init(lodge_init);
module_exit(lodge_exit);
