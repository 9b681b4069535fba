#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shutdown_test.sh kexec|crash: this kernel ends under running guests, by kexec or by a
# panic with a crash kernel loaded, and the next kernel must find CPUs that are not in root
# mode: it comes up at all (CR4.VMXE cannot be cleared in VMX operation), with all CPUs (one in
# root mode is deaf to INIT), their registers say so, and lodge loads and runs guests on each.
#
# The next kernel gets this host's files and the list of cases from this one on, marked "after":
# to who listens outside, the case simply goes on in it. For a host of its own; KTAP.
#
# Environment: LODGE_KO (/lodge.ko), ROOT_MODE_KO (/root_mode.ko), VMLINUX (/vmlinux);
# vm_holder and next_kernel in PATH.

module=${LODGE_KO:-/lodge.ko}
watch=${ROOT_MODE_KO:-/root_mode.ko}
vmlinux=${VMLINUX:-/vmlinux}
how=$1
state=/sys/module/root_mode/parameters/state
failures=0

result() {	# status (0 is ok), description
	if [ "$1" = 0 ]; then
		echo "ok $2"
	else
		echo "not ok $2"
		failures=$((failures + 1))
	fi
}

# All CPUs, and as many as there should be.
all_cpus() {	# on|off
	sed 's/^/# /' $state
	[ "$(grep -c " $1 " $state)" = "$cpus" ] && [ "$(wc -l <$state)" = "$cpus" ]
}

guests_on_each_cpu() {
	for i in $(seq 0 $((cpus - 1))); do
		vm_holder 0 1 "$i" >/dev/null || return 1
	done
}

after() {
	cpus=$(cat /cpus)
	[ "$(nproc)" = "$cpus" ]
	result $? "the next kernel has all CPUs"
	insmod "$watch" && all_cpus off
	result $? "the next kernel finds no CPU in root mode"
	insmod "$module" && all_cpus on && guests_on_each_cpu
	result $? "lodge runs guests on each CPU of the next kernel"
	rmmod lodge && all_cpus off && rmmod root_mode
	result $? "unloading leaves root mode on each CPU"
	[ $failures = 0 ]
	exit
}

# What the next kernel starts with: all this one has, but for this kernel and what is mounted.
pack() {
	sed -n "\|shutdown_test.sh $how\$|,\$p" /cases | sed '1s/$/ after/' >/tmp/cases
	echo "$cpus" >/cpus
	mv /tmp/cases /cases
	find / -xdev ! -path "$vmlinux" ! -path '/boot/*' | cpio -o -H newc 2>/dev/null
}

fail() {
	echo "# $1"
	echo "not ok shutdown by $how"
	exit 1
}

[ "$2" != after ] || after

[ -e "$vmlinux" ] && [ -e "$watch" ] || {
	echo "1..0 # SKIP no $vmlinux or no $watch"
	exit 4
}
cpus=$(nproc)
insmod "$watch" || fail "$watch does not load"
all_cpus off
result $? "no CPU is in root mode before"
insmod "$module" || fail "$module does not load"
all_cpus on
result $? "all CPUs are in root mode"

pack >/tmp/initrd || fail "no initial RAM disk"
line=$(sed 's/crashkernel=[^ ]*//' /proc/cmdline)
case $how in
kexec) next_kernel load "$vmlinux" /tmp/initrd "$line" ;;
crash) next_kernel crash "$vmlinux" /tmp/initrd "$line" ;;
*) false ;;
esac || fail "the next kernel cannot be loaded"
rm /tmp/initrd

vm_holder 100 $((cpus + 1)) >/tmp/ready 2>/dev/null &
until grep -q ready /tmp/ready; do sleep 0.1; done
# What was said so far must be out of the serial port.
sleep 1
case $how in
kexec) next_kernel start ;;
# On the first CPU: a kernel that starts on another cannot have the first one.
crash) taskset 1 sh -c 'echo c >/proc/sysrq-trigger' ;;
esac
fail "this kernel has not ended"
