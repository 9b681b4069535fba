#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs the benchmark's program on KVM, then on lodge, each loaded for it: in a test host, or as root
# on the machine itself. A line "node NAME" precedes the output of each.
#
# Arguments: names of figures (all). Environment: NODES, which of "kvm lodge" (both); BENCH, MODULE,
# LAUNCHER, IMAGE: the program, lodge.ko, the launcher and the kernel of the guest; SYMBOLS, to have
# the addresses of functions printed.
set -u

nodes=${NODES:-kvm lodge}
tree=/lib/modules/$(uname -r)/kernel
kvm=$tree/arch/x86/kvm
vendor=amd
grep -qw vmx /proc/cpuinfo && vendor=intel

unload() {
	for module in lodge "kvm_$vendor" kvm irqbypass; do
		[ ! -e "/sys/module/$module/initstate" ] || rmmod "$module" || exit 1
	done
}

modules() {	# node
	case $1 in
	lodge)
		echo "$MODULE" ;;
	kvm)
		# A guest of lodge has no virtualization either.
		list=$kvm/kvm.ko,$kvm/kvm-$vendor.ko=nested=0
		[ ! -e "$tree/virt/lib/irqbypass.ko" ] || list=$tree/virt/lib/irqbypass.ko,$list
		echo "$list"
		;;
	esac
}

# The guest's word comes through its own console.
guest() {	# node
	echo "'$LAUNCHER' run --device-node /dev/$1 --kernel '$IMAGE' --memory 256M" \
		"--exec 'echo The guest lives.' </dev/null 2>&1 | grep -q '^The guest lives'"
}

# Not measured, so that what is profiled is the figure alone.
load() {	# modules
	echo "$1" | tr , '\n' | while IFS= read -r module; do
		file=${module%%=*}
		arguments=${module#"$file"}
		insmod "$file" ${arguments:+"${arguments#=}"}
	done
}

# For the profiler, as short as can be: the serial port is slow.
symbols() {
	echo symbols
	grep -i ' t ' /proc/kallsyms | gzip | base64
	echo
}

failed=0
for node in $nodes; do
	echo "node $node"
	unload
	if [ -n "${SYMBOLS:-}" ] && [ "$*" != module_load ]; then
		load "$(modules "$node")"
	else
		LODGE_NODE=/dev/$node LODGE_BENCH_MODULES=$(modules "$node") "$BENCH" module_load ||
			failed=1
	fi
	[ -z "${SYMBOLS:-}" ] || symbols
	LODGE_NODE=/dev/$node LODGE_BENCH_GUEST=$(guest "$node") "$BENCH" "$@" || failed=1
done
unload
exit $failed
