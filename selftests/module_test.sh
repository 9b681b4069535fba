#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module itself: load and unload in a loop, refusals (a VM lives, KVM owns the CPUs, a bad
# node name), the node= parameter, and under a running guest CPUs that go and come, and a suspended
# host. What the CPUs' registers say of root mode is looked at by a test module of its own.
# "module_test.sh refused WORDS": nothing but that loading fails and the log says WORDS, for
# machines that lack something. For a test host, where nothing else uses the module; KTAP on
# stdout. Leaves the module unloaded.
#
# Environment: LODGE_KO, the module (/lodge.ko), and ROOT_MODE_KO (/root_mode.ko); vm_holder in
# PATH.

module=${LODGE_KO:-/lodge.ko}
watch=${ROOT_MODE_KO:-/root_mode.ko}
state=/sys/module/root_mode/parameters/state
cpu1=/sys/devices/system/cpu/cpu1/online
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

count=0
failures=0

result() {	# status (0 is ok), description
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count $2"
	else
		echo "not ok $count $2"
		failures=$((failures + 1))
	fi
}

skip() {	# description, reason
	count=$((count + 1))
	echo "ok $count $1 # SKIP $2"
}

is_loaded() {
	[ -e /sys/module/lodge ]
}

# Lines of the kernel's log since the last call of mark.
mark() {
	before=$(dmesg | wc -l)
}

said() {	# pattern
	dmesg | tail -n +$((before + 1)) | grep -q -- "$1"
}

# Starts vm_holder and waits until its guest runs; the process is $holder.
hold() {	# arguments of vm_holder
	: >"$work/holder"
	vm_holder "$@" >"$work/holder" 2>&1 &
	holder=$!
	until grep -q ready "$work/holder"; do
		[ -e "/proc/$holder/root" ] || return 1
		sleep 0.1
	done
}

# The guest must have gone on all the time, and still.
release() {
	kill "$holder" 2>/dev/null
	wait "$holder" && return
	sed 's/^/# /' "$work/holder"
	return 1
}

# Whether all CPUs that are online are in root mode, or none is.
all_cpus() {	# on|off
	while read -r cpu is registers; do
		[ "$is" = "$1" ] && continue
		echo "# $cpu is $is: $registers"
		return 1
	done <$state
}

# Unloading may have to wait for what the last process left.
unload() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		! rmmod lodge 2>/dev/null || return 0
		sleep 1
	done
	return 1
}

load_unload_50_times() {
	for i in $(seq 50); do
		insmod "$module" && [ -c /dev/lodge ] && all_cpus on || return 1
		# Now and then with a VM in between.
		if [ $((i % 10)) = 0 ]; then
			vm_holder 0 2 >/dev/null || return 1
		fi
		unload && ! is_loaded && [ ! -e /dev/lodge ] && all_cpus off || return 1
	done
}

refused_while_vm_lives() {
	insmod "$module" && hold 60 2 || return 1
	for i in 1 2 3; do
		! rmmod lodge 2>/dev/null && is_loaded || return 1
	done
	# The guest did not notice.
	release && unload
}

refused_while_node_is_open() {
	insmod "$module" || return 1
	exec 3<>/dev/lodge
	if rmmod lodge 2>/dev/null; then
		exec 3>&-
		return 1
	fi
	exec 3>&-
	unload
}

loaded_twice() {
	insmod "$module" || return 1
	! insmod "$module" 2>/dev/null && is_loaded && unload
}

node_parameter() {
	insmod "$module" node=lodge_test && [ -c /dev/lodge_test ] && [ ! -e /dev/lodge ] &&
		LODGE_NODE=/dev/lodge_test vm_holder 0 >/dev/null && unload &&
		insmod "$module" node=kvm && [ -c /dev/kvm ] &&
		LODGE_NODE=/dev/kvm vm_holder 0 >/dev/null && unload && [ ! -e /dev/kvm ]
}

bad_node_names() {
	for node in "" null ../x lodge/x lodgexxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; do
		mark
		if insmod "$module" node="$node" 2>/dev/null; then
			rmmod lodge
			return 1
		fi
		said "lodge: node=" && ! is_loaded || return 1
	done
}

load_kvm() {
	modprobe $kvm nested=0 2>/dev/null && [ -c /dev/kvm ]
}

unload_kvm() {
	rmmod $kvm && rmmod kvm
}

# KVM is loaded, without and with a VM; it goes on undisturbed, and after it lodge loads.
refused_while_kvm_is_loaded() {
	mark
	! insmod "$module" 2>/dev/null && ! is_loaded && said "lodge: .*KVM\|lodge: .*hypervisor" ||
		return 1
	LODGE_NODE=/dev/kvm hold 60 2 || return 1
	mark
	! insmod "$module" 2>/dev/null && ! is_loaded && said "lodge: .*KVM\|lodge: .*hypervisor" ||
		return 1
	release && unload_kvm && insmod "$module" && vm_holder 0 >/dev/null && unload
}

# Nor does lodge's guest notice. kvm.ko by itself takes no CPU.
kvm_refused_while_loaded() {
	modprobe kvm && insmod "$module" && hold 60 2 || return 1
	mark
	if load_kvm; then
		unload_kvm
		return 1
	fi
	said "lodge: .*$(echo $kvm | tr - _).*unload lodge first" && all_cpus on && release &&
		unload && rmmod kvm
}

# A CPU goes and comes, under a guest with more vCPUs than CPUs.
hotplug_under_guest() {
	insmod "$module" && hold 120 3 || return 1
	for i in $(seq 20); do
		echo 0 >$cpu1 && sleep 0.1 && echo 1 >$cpu1 && sleep 0.1 || return 1
	done
	# On the CPU that came back, alone.
	all_cpus on && vm_holder 0 1 1 >/dev/null && release && unload && all_cpus off
}

# A CPU that comes after the module was loaded works, and one that goes before it leaves.
hotplug_around_load() {
	echo 0 >$cpu1 && insmod "$module" && echo 1 >$cpu1 && all_cpus on &&
		vm_holder 0 1 1 >/dev/null && echo 0 >$cpu1 && vm_holder 0 2 >/dev/null && unload &&
		echo 1 >$cpu1 && all_cpus off
}

# To memory, three times: all CPUs lose their state, the others than this one go and come.
suspend_under_guest() {
	insmod "$module" && hold 120 3 || return 1
	for i in 1 2 3; do
		mark
		# A host that cannot set an alarm wakes by itself.
		[ ! -e /sys/class/rtc/rtc0/wakealarm ] || echo +2 >/sys/class/rtc/rtc0/wakealarm
		echo mem >/sys/power/state && said "Low-level resume complete" && all_cpus on ||
			return 1
		[ ! -e /sys/class/rtc/rtc0/wakealarm ] || echo 0 >/sys/class/rtc/rtc0/wakealarm
		sleep 0.5
	done
	vm_holder 0 1 1 >/dev/null && release && unload && all_cpus off
}

refused() {	# words
	mark
	insmod "$module"
	! is_loaded && said "lodge: .*$1" && return
	dmesg | grep lodge: | sed 's/^/# /'
	return 1
}

[ -e "$module" ] && [ -e "$watch" ] || {
	echo "1..0 # SKIP no $module or no $watch"
	exit 4
}
case $(grep -m 1 vendor_id /proc/cpuinfo) in
*Intel*) kvm=kvm-intel ;;
*) kvm=kvm-amd ;;
esac
is_loaded && { rmmod lodge || exit 1; }

[ -e $state ] || insmod "$watch" || exit 1

echo "TAP version 13"
if [ "$1" = refused ]; then
	refused "$2"
	result $? "refused: $2"
	rmmod root_mode
	echo "1..$count"
	exit $failures
fi
for name in load_unload_50_times refused_while_vm_lives refused_while_node_is_open loaded_twice \
	    node_parameter bad_node_names; do
	$name
	result $? $name
done
if load_kvm; then
	refused_while_kvm_is_loaded
	result $? refused_while_kvm_is_loaded
	kvm_refused_while_loaded
	result $? kvm_refused_while_loaded
else
	skip refused_while_kvm_is_loaded "this host has no KVM"
	skip kvm_refused_while_loaded "this host has no KVM"
fi
for name in hotplug_under_guest hotplug_around_load; do
	if [ -e $cpu1 ]; then
		$name
		result $? $name
	else
		skip $name "this host has no second CPU that can be taken away"
	fi
done
if grep -q deep /sys/power/mem_sleep 2>/dev/null; then
	suspend_under_guest
	result $? suspend_under_guest
else
	skip suspend_under_guest "this host cannot be suspended to memory"
fi
! is_loaded || rmmod lodge
rmmod root_mode
echo "1..$count"
[ $failures = 0 ]
