// SPDX-License-Identifier: GPL-2.0
/*
 * The module's node, the VM and what belongs to it, and the main thread's loop while the guest
 * runs. What a vCPU exit means is in vcpu.c. Floor 4 of the launcher.
 */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "irq.h"
#include "layout.h"
#include "report.h"
#include "util.h"

#define X2APIC_FLAGS	(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)

/* What the launcher builds on; without one of these there is no point in starting. */
static const struct {
	int number;
	const char *name;
} needed_caps[] = {
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR" },
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
};

static void report_missing_node(const char *node)
{
	if (!access("/sys/module/kvm_amd", F_OK) || !access("/sys/module/kvm_intel", F_OK))
		report("no %s, and KVM owns this CPU: rmmod kvm_amd (or kvm_intel), then "
		       "insmod kmod/lodge.ko, both as root", node);
	else
		report("no %s: load the module as root with insmod kmod/lodge.ko", node);
}

static int open_node(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd >= 0)
		return fd;
	ret = -errno;
	switch (ret) {
	case -ENOENT:
		report_missing_node(node);
		break;
	case -ENODEV:
	case -ENXIO:
		report("%s is there but its module is not: insmod kmod/lodge.ko as root", node);
		break;
	case -EACCES:
	case -EPERM:
		report("no permission for %s: join its group with \"adduser $USER kvm\" and log "
		       "in anew, or be root", node);
		break;
	default:
		report("cannot open %s: %s", node, strerror(-ret));
		break;
	}
	return ret;
}

static int check_api(int fd, const char *node)
{
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);
	size_t i;

	if (version < 0) {
		report("%s is no hypervisor's node: name lodge's with --device-node", node);
		return -ENOTTY;
	}
	if (version != KVM_API_VERSION) {
		report("%s speaks API version %d, this launcher %d: load the lodge.ko that it "
		       "was built with", node, version, KVM_API_VERSION);
		return -EPROTO;
	}
	for (i = 0; i < ARRAY_SIZE(needed_caps); i++) {
		if (ioctl(fd, KVM_CHECK_EXTENSION, needed_caps[i].number) > 0)
			continue;
		report("%s does not offer %s, which a guest needs: load the lodge.ko that this "
		       "launcher was built with", node, needed_caps[i].name);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int check_cpus(int fd, const char *node, unsigned int cpus)
{
	int most = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if (most <= 0)
		most = 4;	/* what the API prescribes where the capability is unknown */
	if (cpus > (unsigned int)most) {
		report("--cpus %u: %s offers %d at most", cpus, node, most);
		return -EINVAL;
	}
	if (cpus > LAYOUT_X2APIC_FIRST_ID &&
	    ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_X2APIC_API) <= 0) {
		report("--cpus %u: %s has no x2APIC API, so %d at most", cpus, node,
		       LAYOUT_X2APIC_FIRST_ID);
		return -EINVAL;
	}
	return 0;
}

/**
 * vm_open_node() - open the module's node and see that it will do
 * @node: its path
 * @cpus: how many vCPUs are wanted
 *
 * Return: the file descriptor; a negative errno after a message that says what to do.
 */
int vm_open_node(const char *node, unsigned int cpus)
{
	int fd = open_node(node);
	int ret;

	if (fd < 0)
		return fd;
	ret = check_api(fd, node);
	if (!ret)
		ret = check_cpus(fd, node, cpus);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int vm_ioctl(struct vm *vm, unsigned long request, const char *name, void *arg)
{
	int ret = ioctl(vm->fd, request, arg);

	if (ret >= 0)
		return ret;
	ret = -errno;
	report("%s failed: %s", name, strerror(-ret));
	return ret;
}

static int create_fd(struct vm *vm)
{
	int ret;

	/* A signal may interrupt the creation; it has no effect then and can be repeated. */
	do {
		vm->fd = ioctl(vm->dev_fd, KVM_CREATE_VM, 0);
	} while (vm->fd < 0 && errno == EINTR);
	if (vm->fd >= 0)
		return 0;
	ret = -errno;
	report("cannot create a VM: %s (see the host's kernel log)", strerror(-ret));
	return ret;
}

static int setup_interrupts(struct vm *vm, unsigned int cpus)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_enable_cap x2apic = { .cap = KVM_CAP_X2APIC_API, .args = { X2APIC_FLAGS } };
	uint64_t identity_map = LAYOUT_IDENTITY_MAP;
	int ret;

	ret = vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", &identity_map);
	if (ret >= 0)
		ret = vm_ioctl(vm, KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR",
			       (void *)(uintptr_t)LAYOUT_TSS);
	if (ret >= 0 && cpus > LAYOUT_X2APIC_FIRST_ID)
		ret = vm_ioctl(vm, KVM_ENABLE_CAP, "enabling KVM_CAP_X2APIC_API", &x2apic);
	if (ret >= 0)
		ret = vm_ioctl(vm, KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", NULL);
	if (ret >= 0)
		ret = vm_ioctl(vm, KVM_CREATE_PIT2, "KVM_CREATE_PIT2", &pit);
	return ret < 0 ? ret : irq_setup_routing(vm->fd);
}

static int add_slot(struct vm *vm, unsigned int slot, gpa_t gpa, void *memory, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	return vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &region);
}

static int setup_memory(struct vm *vm, const struct guest_ram *ram)
{
	int ret = add_slot(vm, 0, 0, ram->base, ram->low_size);

	if (!ret && ram->high_size)
		ret = add_slot(vm, 1, LAYOUT_HOLE_END, ram->base + ram->low_size,
			       ram->high_size);
	return ret;
}

static int setup_devices(struct vm *vm, struct term *term)
{
	int ret = rtc_create(&vm->rtc, &vm->ports);

	if (!ret)
		ret = i8042_create(&vm->ports, &vm->outcome);
	if (!ret)
		ret = power_create(&vm->power, &vm->ports, &vm->outcome);
	if (ret)
		return ret;
	vm->serial = serial_create(&vm->ports, vm->fd, term);
	return vm->serial ? 0 : -ENOMEM;
}

static int setup_vcpus(struct vm *vm, const struct options *options)
{
	int run_size = ioctl(vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned int i;
	int ret;

	if (run_size < (int)sizeof(struct kvm_run)) {
		report("%s: KVM_GET_VCPU_MMAP_SIZE answers %d", options->device_node, run_size);
		return -EPROTO;
	}
	vm->vcpus = calloc(options->cpus, sizeof(*vm->vcpus));
	if (!vm->vcpus) {
		report("out of memory for %u vCPUs", options->cpus);
		return -ENOMEM;
	}
	for (i = 0; i < options->cpus; i++) {
		ret = vcpu_create(&vm->vcpus[i], vm->fd, run_size, i, &vm->shared);
		if (ret)
			return ret;
		vm->nr_vcpus++;
		ret = vcpu_set_cpuid(&vm->vcpus[i], vm->dev_fd, options->cpus);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * vm_create() - build the machine around its RAM
 * @vm: to fill
 * @options: of the command line
 * @ram: the guest's, lives longer than the VM
 * @term: the console
 *
 * Return: 0, or a negative errno after a message; nothing is left behind then.
 */
int vm_create(struct vm *vm, const struct options *options, const struct guest_ram *ram,
	      struct term *term)
{
	int ret;

	*vm = (struct vm){ .dev_fd = -1, .fd = -1 };
	vm->shared = (struct vcpu_shared){
		.ram = ram, .ports = &vm->ports, .memory = &vm->memory,
		.outcome = &vm->outcome, .device_node = options->device_node,
	};
	ret = outcome_open(&vm->outcome);
	if (ret)
		return ret;
	vm->dev_fd = vm_open_node(options->device_node, options->cpus);
	ret = vm->dev_fd < 0 ? vm->dev_fd : create_fd(vm);
	if (!ret)
		ret = setup_interrupts(vm, options->cpus);
	if (!ret)
		ret = setup_memory(vm, ram);
	if (!ret)
		ret = setup_devices(vm, term);
	if (!ret)
		ret = setup_vcpus(vm, options);
	if (ret)
		vm_destroy(vm);
	return ret;
}

/**
 * vm_destroy() - take the machine apart, in any state of construction
 * @vm: no vCPU thread runs any more
 */
void vm_destroy(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_destroy(&vm->vcpus[i]);
	free(vm->vcpus);
	if (vm->serial)
		serial_destroy(vm->serial);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->dev_fd >= 0)
		close(vm->dev_fd);
	outcome_close(&vm->outcome);
}

/**
 * vm_set_entry() - give the first vCPU the registers that the boot protocol asks for
 * @vm: created
 * @entry: of the loaded kernel
 *
 * The other vCPUs wait for the guest's INIT and SIPI, as the module creates them.
 *
 * Return: 0, or a negative errno after a message.
 */
int vm_set_entry(struct vm *vm, const struct linux_entry *entry)
{
	return vcpu_set_entry(&vm->vcpus[0], entry);
}

static void handle_signal(struct vm *vm, int signal_fd, int *signal)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	*signal = info.ssi_signo;
	outcome_set(&vm->outcome, OUTCOME_SIGNAL);
}

static void handle_input(struct vm *vm, struct term *term, int *signal)
{
	switch (term_input(term)) {
	case TERM_ESCAPE:
		outcome_set(&vm->outcome, OUTCOME_ESCAPE);
		break;
	case TERM_HANGUP:
		*signal = SIGHUP;
		outcome_set(&vm->outcome, OUTCOME_SIGNAL);
		break;
	case TERM_NOTHING:
		break;
	}
}

enum { POLL_OUTCOME, POLL_SIGNAL, POLL_ROOM, POLL_INPUT, POLL_COUNT };

static void wait_for_end(struct vm *vm, struct term *term, int signal_fd, int *signal)
{
	eventfd_t count;

	while (outcome_get(&vm->outcome) == OUTCOME_RUNNING) {
		struct pollfd fds[POLL_COUNT] = {
			[POLL_OUTCOME] = { .fd = vm->outcome.event_fd, .events = POLLIN },
			[POLL_SIGNAL] = { .fd = signal_fd, .events = POLLIN },
			[POLL_ROOM] = { .fd = term->room_fd, .events = POLLIN },
			[POLL_INPUT] = { .fd = term_wants_input(term) ? term->input_fd : -1,
					 .events = POLLIN },
		};
		int ready = poll(fds, POLL_COUNT, term_timeout_ms(term));

		if (!ready)
			term_tick(term);
		if (ready <= 0)
			continue;
		if (fds[POLL_SIGNAL].revents)
			handle_signal(vm, signal_fd, signal);
		if (fds[POLL_ROOM].revents)
			eventfd_read(term->room_fd, &count);
		if (fds[POLL_INPUT].revents)
			handle_input(vm, term, signal);
	}
}

/**
 * vm_run() - run the guest until it ends
 * @vm: created, with its entry set
 * @term: the console
 * @signal_fd: where the signals that end the launcher arrive
 * @signal: set to the signal with OUTCOME_SIGNAL
 *
 * Context: main thread. All vCPU threads have ended on return.
 *
 * Return: how the guest ended.
 */
enum outcome vm_run(struct vm *vm, struct term *term, int signal_fd, int *signal)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (vcpu_start(&vm->vcpus[i]))
			outcome_set(&vm->outcome, OUTCOME_HOST_ERROR);
	wait_for_end(vm, term, signal_fd, signal);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_stop(&vm->vcpus[i]);
	return outcome_get(&vm->outcome);
}
