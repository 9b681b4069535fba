// SPDX-License-Identifier: GPL-2.0
/*
 * Test module: whether CPUs are in root mode, as the registers say it and not as
 * lodge does: CR4.VMXE and EFER.SVME, by themselves. On demand in
 * /sys/module/root_mode/parameters/state, and at a reboot or kexec, after all others who
 * want to know of it, as a KTAP line for each CPU on the second serial port: user
 * space is gone by then.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/reboot.h>
#include <linux/serial_reg.h>
#include <linux/smp.h>

#include <asm/msr.h>
#include <asm/special_insns.h>

#define SECOND_PORT	0x2f8

struct look {
	u64 efer;
	unsigned long cr4;
};

static DEFINE_PER_CPU(struct look, looks);

static void look_here(void *unused)
{
	struct look *look = this_cpu_ptr(&looks);

	look->cr4 = native_read_cr4();
	rdmsrl(MSR_EFER, look->efer);
}

static bool is_on(const struct look *look)
{
	return (look->cr4 & X86_CR4_VMXE) || (look->efer & EFER_SVME);
}

static int state_get(char *buffer, const struct kernel_param *param)
{
	int cpu, length = 0;

	cpus_read_lock();
	on_each_cpu(look_here, NULL, 1);
	for_each_online_cpu(cpu) {
		const struct look *look = per_cpu_ptr(&looks, cpu);

		length += scnprintf(buffer + length, PAGE_SIZE - length,
				    "cpu%d %s cr4=%lx efer=%llx\n", cpu,
				    is_on(look) ? "on" : "off", look->cr4, look->efer);
	}
	cpus_read_unlock();
	return length;
}

static const struct kernel_param_ops state_ops = {
	.get = state_get,
};
module_param_cb(state, &state_ops, NULL, 0444);

static void put_text(const char *c)
{
	int patience;

	for (; *c; c++) {
		for (patience = 10000; patience; patience--) {
			if (inb(SECOND_PORT + UART_LSR) & UART_LSR_THRE)
				break;
			udelay(10);
		}
		outb(*c, SECOND_PORT + UART_TX);
	}
}

static int reboot(struct notifier_block *notifier, unsigned long action, void *data)
{
	char line[128];
	int cpu;

	on_each_cpu(look_here, NULL, 1);
	for_each_online_cpu(cpu) {
		const struct look *look = per_cpu_ptr(&looks, cpu);

		snprintf(line, sizeof(line),
			 "\r\n%sok at the reboot CPU %d has left root mode (CR4 %lx, EFER %llx)\r\n",
			 is_on(look) ? "not " : "", cpu, look->cr4, look->efer);
		put_text(line);
	}
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = reboot,
	.priority = INT_MIN,
};

static int __init root_mode_init(void)
{
	return register_reboot_notifier(&reboot_notifier);
}

static void __exit root_mode_exit(void)
{
	unregister_reboot_notifier(&reboot_notifier);
}

module_init(root_mode_init);
module_exit(root_mode_exit);

MODULE_DESCRIPTION("Tells whether CPUs are in root mode (for tests)");
MODULE_LICENSE("GPL");
