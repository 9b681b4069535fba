#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module itself: load and unload in a loop, refusals (a VM lives, KVM owns the CPUs, a bad
# node name), the node= parameter, and CPUs that go and come under a running guest. For a test
# host, where nothing else uses the module; KTAP on stdout. Leaves the module unloaded.
#
# Environment: LODGE_KO, the module (/lodge.ko); vm_holder in PATH.

module=${LODGE_KO:-/lodge.ko}
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
	mkfifo "$work/fifo"
	vm_holder "$@" >"$work/fifo" &
	holder=$!
	read -r word <"$work/fifo"
	rm "$work/fifo"
	[ "$word" = ready ]
}

release() {
	kill "$holder" 2>/dev/null
	wait "$holder"
}

# Unloading may have to wait for what the last process left.
unload() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		! rmmod lodge 2>/dev/null || return 0
		sleep 1
	done
	return 1
}

load_unload_loop() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		insmod "$module" && [ -c /dev/lodge ] || return 1
		# Every second time with a VM in between.
		if [ $((i % 2)) = 0 ]; then
			vm_holder 0 2 >/dev/null || return 1
		fi
		unload && ! is_loaded && [ ! -e /dev/lodge ] || return 1
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
	modprobe kvm-amd nested=0 2>/dev/null && [ -c /dev/kvm ]
}

unload_kvm() {
	rmmod kvm_amd && rmmod kvm
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

kvm_refused_while_loaded() {
	insmod "$module" && hold 60 2 || return 1
	if load_kvm; then
		unload_kvm
		return 1
	fi
	release && unload
}

# A CPU goes and comes, five times, under a guest that runs on both.
hotplug_under_guest() {
	insmod "$module" && hold 120 3 || return 1
	for i in 1 2 3 4 5; do
		echo 0 >$cpu1 && sleep 1 && echo 1 >$cpu1 && sleep 1 || return 1
	done
	# On the CPU that came back, alone.
	vm_holder 0 1 1 >/dev/null && release && unload
}

# A CPU that comes after the module was loaded works, and one that goes before it leaves.
hotplug_around_load() {
	echo 0 >$cpu1 && insmod "$module" && echo 1 >$cpu1 && vm_holder 0 1 1 >/dev/null &&
		echo 0 >$cpu1 && vm_holder 0 2 >/dev/null && unload && echo 1 >$cpu1
}

[ -e "$module" ] || {
	echo "1..0 # SKIP no $module"
	exit 4
}
is_loaded && { rmmod lodge || exit 1; }

echo "TAP version 13"
for name in load_unload_loop refused_while_vm_lives refused_while_node_is_open loaded_twice \
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
! is_loaded || rmmod lodge
echo "1..$count"
[ $failures = 0 ]
