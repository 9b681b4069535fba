#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The launcher's command line: what it refuses and with which words and status, and, where
# LODGE_NODE works, how each way in which a guest can end is reported. The guests here are a few
# bytes of code in a bzImage header, made below; boot_test.sh boots real ones.
#
# Environment: LODGE, the launcher (lodge); LODGE_NODE, the node (/dev/lodge). Needs no test host
# for the first part. KTAP on stdout.

lodge=${LODGE:-lodge}
node=${LODGE_NODE:-/dev/lodge}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

count=0
failures=0

result() {	# ok|not, description, reason of a skip
	count=$((count + 1))
	if [ "$1" = ok ]; then
		echo "ok $count $2${3:+ # SKIP $3}"
	else
		echo "not ok $count $2"
		failures=$((failures + 1))
		sed 's/^/# /' "$work/out"
	fi
}

# Runs the launcher: its status and output must be as said, and no line but its own comes.
expect() {	# description, status, pattern, argument...
	description=$1 wanted=$2 pattern=$3
	shift 3
	timeout $((30 * ${LODGE_TEST_SLOWNESS:-1})) "$lodge" "$@" </dev/null >"$work/out" 2>&1
	status=$?
	echo "status $status, wanted $wanted, pattern: $pattern" >>"$work/out"
	if [ $status = "$wanted" ] && grep -qE -- "$pattern" "$work/out"; then
		result ok "$description"
	else
		result not "$description"
	fi
}

# A refusal is one line (and the one that says which kernel was found).
refuse() {	# description, status, pattern, argument...
	expect "$@"
	lines=$(grep -c '^lodge: ' "$work/out")
	if grep -q '^lodge: booting' "$work/out"; then
		lines=$((lines - 1))
	fi
	if [ "$lines" = 1 ]; then
		result ok "$1: one line"
	else
		result not "$1: one line"
	fi
}

put() {		# file, offset, bytes for printf
	printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc 2>/dev/null
}

# A bzImage whose 64-bit entry point is the given code.
make_kernel() {	# file, code for printf
	dd if=/dev/zero of="$1" bs=1024 count=3 2>/dev/null
	put "$1" 0x1f1 '\001'				# setup_sects
	put "$1" 0x1fe '\125\252\353\146HdrS\017\002'	# boot_flag, jump, header, version
	put "$1" 0x211 '\001'				# loadflags: loaded high
	put "$1" 0x22c '\377\377\377\177\000\000\040\000\001\000\001\000\377\007\000\000'
	put "$1" 0x258 '\000\000\000\001'		# pref_address
	put "$1" 0x260 '\000\000\001\000'		# init_size
	put "$1" 0x600 "$2"
}

hang='\353\376'					# jmp .
power_off='\146\272\004\006\146\270\000\064\146\357'	# 0x3400 to port 0x604, 16 bits
panic='\146\272\005\005\260\001\356'			# 1 to port 0x505
reset='\146\272\371\014\260\006\356'			# 6 to port 0xcf9
keyboard_reset='\260\376\346\144'			# 0xfe to port 0x64
invalid='\017\013'					# ud2, and there is no IDT
jump_to_hole='\270\000\000\000\320\377\340'		# to 0xd0000000: no memory there
print_ok='\146\272\370\003\260\117\356\260\113\356\260\012\356'	# "OK\n" to COM1

make_kernel "$work/power_off" "$print_ok$power_off$hang"
make_kernel "$work/hang" "$hang"

refuse_without_hypervisor() {
	refuse "no command" 2 "no command given"
	refuse "unknown command" 2 "start is no command" start
	refuse "unknown option" 2 "--speed is no option" run --speed 3
	refuse "word that is no option" 2 "guest is no option" run guest
	refuse "option without its value" 2 "--memory needs a value" run --memory
	refuse "switch with a value" 2 "--no-reboot takes no value" run --no-reboot=yes
	refuse "--memory 1K" 2 "too little" run --memory 1K
	refuse "--memory without a number" 2 "is no size" run --memory lots
	refuse "--memory with a wrong unit" 2 "is no size" run --memory 512Q
	refuse "--memory -1" 2 "is no size" run --memory -1
	refuse "--memory beyond 64 bits" 2 "more than any machine" run --memory 99999999999T
	refuse "--memory 16385K" 2 "no multiple of 4K" run --memory 16385K
	refuse "--memory 100T" 1 "more than this host" run --memory 100T \
		--kernel "$work/hang" --initrd none
	refuse "--cpus 0" 2 "at least one" run --cpus 0
	refuse "--cpus two" 2 "is no number" run --cpus two
	refuse "--cpus 99999999999" 2 "more than any machine" run --cpus 99999999999
	refuse "--exec with --initrd" 2 "default initramfs only" run --exec true --initrd none
	refuse "kernel that is not there" 1 "No such file" run --kernel "$work/nothing"
	refuse "kernel that is a folder" 1 "not a regular file" run --kernel "$work"
	refuse "kernel that is a device" 1 "not a regular file" run --kernel /dev/zero
	refuse "initrd that is not there" 1 "No such file" run --kernel "$work/hang" \
		--initrd "$work/nothing"
	refuse "console that cannot be opened" 1 "cannot open" run --kernel "$work/hang" \
		--initrd none --console "$work/no/such/folder"
}

refuse_kernels() {
	echo text >"$work/text"
	refuse "file that is no kernel" 1 "no bzImage" run --kernel "$work/text" --initrd none
	: >"$work/empty"
	refuse "empty file as kernel" 1 "no bzImage" run --kernel "$work/empty" --initrd none
	cp "$work/hang" "$work/old"
	put "$work/old" 0x206 '\011\002'
	refuse "kernel of an old protocol" 1 "older than 2.12" run --kernel "$work/old" \
		--initrd none
	cp "$work/hang" "$work/narrow"
	put "$work/narrow" 0x236 '\000'
	refuse "32-bit kernel" 1 "no 64-bit entry" run --kernel "$work/narrow" --initrd none
	cp "$work/hang" "$work/short"
	put "$work/short" 0x1f1 '\377'
	refuse "truncated kernel" 1 "damaged" run --kernel "$work/short" --initrd none
	cp "$work/hang" "$work/high"
	put "$work/high" 0x234 '\000'
	put "$work/high" 0x25c '\001'
	refuse "kernel bound to an address above 4 GiB" 1 "kernel needs" run \
		--kernel "$work/high" --initrd none
	dd if=/dev/null of="$work/sparse" bs=1M seek=100000 2>/dev/null
	refuse "initrd of 100 GB" 1 "too large" run --kernel "$work/hang" \
		--initrd "$work/sparse"
	rm "$work/sparse"
	cp "$work/hang" "$work/big"
	put "$work/big" 0x260 '\000\000\000\377'
	refuse "kernel larger than the memory" 1 "kernel needs" run --kernel "$work/big" \
		--initrd none
	dd if=/dev/zero of="$work/initrd" bs=1M count=24 2>/dev/null
	refuse "initrd that does not fit" 1 "does not fit" run --kernel "$work/hang" \
		--initrd "$work/initrd" --memory 32M
	rm "$work/initrd"
	refuse "command line that is too long" 1 "this kernel takes 2047" run \
		--kernel "$work/hang" --initrd none --append "$(printf '%02100d' 0)"
}

refuse_nodes() {
	set -- --kernel "$work/hang" --initrd none
	refuse "no node" 1 "no $work/node: load the module|and KVM owns this CPU" run "$@" \
		--device-node "$work/node"
	refuse "node of another driver" 1 "no hypervisor's node" run "$@" --device-node /dev/null
	refuse "check of a node that is not there" 1 "no $work/node" check \
		--device-node "$work/node"
	# Root may open what others may not, but no device on a file system mounted nodev.
	mkdir "$work/nodev"
	if mount -t tmpfs -o nodev none "$work/nodev" 2>/dev/null; then
		mknod "$work/nodev/node" c 1 3
		refuse "no permission" 1 "no permission for" check \
			--device-node "$work/nodev/node"
		umount "$work/nodev"
	else
		result ok "no permission" "cannot mount"
	fi
}

information() {
	expect "help" 0 "Usage: lodge COMMAND" help
	expect "--help of run" 0 "Usage: lodge COMMAND" run --help
	expect "version" 0 "^lodge [0-9]" version
}

# Each way to end, its status and its line.
endings() {
	set -- --device-node "$node" --initrd none --memory 32M
	for name in panic reset keyboard_reset invalid jump_to_hole; do
		eval "make_kernel '$work/$name' \"\$$name\$hang\""
	done
	expect "power-off" 0 "the guest powered off" run "$@" --kernel "$work/power_off"
	if grep -q '^OK' "$work/out"; then
		result ok "serial output"
	else
		result not "serial output"
	fi
	expect "panic port" 4 "panicked" run "$@" --kernel "$work/panic"
	expect "triple fault" 3 "triple fault.*" run "$@" --kernel "$work/invalid"
	expect "triple fault shows RIP" 3 "RIP 0000000001000200" run "$@" --kernel "$work/invalid"
	expect "bytes at RIP" 3 "bytes at RIP: 0f 0b eb fe" run "$@" --kernel "$work/invalid"
	expect "reset register" 0 "--no-reboot ends here" run "$@" --kernel "$work/reset" \
		--no-reboot
	expect "reset by the keyboard controller" 0 "--no-reboot ends here" run "$@" \
		--kernel "$work/keyboard_reset" --no-reboot
	expect "internal error" 5 "internal error" run "$@" --kernel "$work/jump_to_hole"
	expect "internal error says what to try" 5 "^lodge: try: " run "$@" \
		--kernel "$work/jump_to_hole"
}

consoles() {
	set -- --device-node "$node" --initrd none --memory 32M --kernel "$work/power_off"
	expect "console to a file" 0 "powered off" run "$@" --console "$work/console"
	cp "$work/console" "$work/out"
	if grep -q '^OK' "$work/console"; then
		result ok "the file has what the guest printed"
	else
		result not "the file has what the guest printed"
	fi
	expect "no console" 0 "powered off" run "$@" --console none
	timeout $((30 * ${LODGE_TEST_SLOWNESS:-1})) "$lodge" run "$@" </dev/null 2>"$work/out" | :
	if grep -q "powered off" "$work/out"; then
		result ok "reader of the output that has gone"
	else
		result not "reader of the output that has gone"
	fi
}

# Ends that come from outside: the guest spins for ever. In the foreground, since a shell makes
# its background jobs ignore SIGINT; busybox's timeout needs no option to keep the status.
signals() {
	keep=
	if timeout --help 2>&1 | grep -q preserve-status; then
		keep=--preserve-status
	fi
	for pair in INT:130 TERM:143 HUP:129; do
		timeout $keep -s "${pair%:*}" 2 "$lodge" run --device-node "$node" \
			--initrd none --memory 32M --cpus 2 --kernel "$work/hang" \
			</dev/null >"$work/out" 2>&1
		status=$?
		echo "status $status" >>"$work/out"
		if [ $status = "${pair#*:}" ] && grep -q "by a signal" "$work/out"; then
			result ok "SIG${pair%:*} ends the run"
		else
			result not "SIG${pair%:*} ends the run"
		fi
	done
}

limits() {
	expect "check of the node" 0 "works: API version 12" check --device-node "$node"
	refuse "--cpus above the limit" 1 "at most" run --kernel "$work/hang" --initrd none \
		--cpus 100000 --device-node "$node"
	expect "three vCPUs" 0 "powered off" run --kernel "$work/power_off" --initrd none \
		--memory 32M --cpus 3 --device-node "$node"
}

echo "TAP version 13"
refuse_without_hypervisor
refuse_kernels
refuse_nodes
information
if [ -c "$node" ]; then
	endings
	consoles
	signals
	limits
else
	result ok "guests" "no $node here"
fi
echo "1..$count"
[ $failures = 0 ]
