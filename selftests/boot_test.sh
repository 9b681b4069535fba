#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock Debian kernel as a guest: with 1, 2 and 4 vCPUs it reaches its shell, sees the right
# CPUs and memory, keeps time and powers off; then reboot, panic, triple fault, two guests at once.
#
# Arguments: names of cases (all). Environment: LODGE, the launcher (lodge); LODGE_NODE, the node
# (/dev/lodge); LODGE_KERNEL, the guest's kernel (the host's own, from /boot); LODGE_TEST_SLOWNESS,
# a factor on the time limits. KTAP on stdout.

lodge=${LODGE:-lodge}
node=${LODGE_NODE:-/dev/lodge}
slowness=${LODGE_TEST_SLOWNESS:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

all="cpus1 cpus2 cpus4 shell reboot no_reboot panic triple_fault two_guests killed"
count=0
failures=0

result() {	# true|false, description
	count=$((count + 1))
	if $1; then
		echo "ok $count $2"
	else
		echo "not ok $count $2"
		failures=$((failures + 1))
	fi
}

has() {		# log, pattern
	if grep -qE -- "$2" "$1"; then echo true; else echo false; fi
}

is() {		# condition for test
	if [ "$@" ]; then echo true; else echo false; fi
}

# What the guest's kernel must not say, whoever is to blame for it.
is_healthy() {	# log
	if grep -E 'BUG:|Oops|soft lockup|detected stalls|Unable to handle|nobody cared' "$1"; then
		echo false
	else
		echo true
	fi
}

show() {	# log: the tail of it, as a diagnosis
	tail -n 60 "$1" | tr -d '\r' | sed 's/^/# /'
}

start() {	# option of lodge run...
	timeout -s KILL $((200 * slowness)) "$lodge" run --device-node "$node" \
		${LODGE_KERNEL:+--kernel "$LODGE_KERNEL"} "$@"
}

# Reads the guest's console; a line "clock SECONDS" gets the host's time put behind it.
stamp() {
	while IFS= read -r line; do
		case $line in
		"clock "*) echo "${line%?} host $(date +%s)" ;;
		*) echo "$line" ;;
		esac
	done
}

guest_facts='echo "cpus $(nproc)"
echo "cpuinfo $(grep -c ^processor /proc/cpuinfo)"
echo "memory $(($(sed -n "s/MemTotal: *\([0-9]*\).*/\1/p" /proc/meminfo) / 1024))"
# Linux prefers the TSC itself where the guest is told that it never stops nor changes.
cd /sys/devices/system/clocksource/clocksource0
best=kvm-clock
! grep -w constant_tsc /proc/cpuinfo | grep -qw nonstop_tsc || best=tsc
grep -qw kvm-clock available_clocksource && echo "source $(cat current_clocksource) best $best"
cd /
echo "hypervisor $(dmesg | grep -c "Hypervisor detected: KVM")"
for offer in "setup PV IPIs" "pv remote TLB flush" "PV sched yield" "PV spinlocks enabled"; do
	! dmesg | grep -q "$offer" || echo "uses $offer"
done
# The first one comes when a CPU asks for asynchronous page faults.
! grep -q "HYP:.*[1-9].*Hypervisor" /proc/interrupts || echo "uses async PF"
echo "clock $(date +%s)"
up=$(cut -d. -f1 /proc/uptime)
sleep 4
echo "slept $(($(cut -d. -f1 /proc/uptime) - up))"
echo "clock $(date +%s)"
for i in $(seq 0 $(($(nproc) - 1))); do
	taskset $(printf %x $((1 << i))) cut -d" " -f39 /proc/self/stat
done | sort -u | { echo "ran $(wc -l)"; }'

# Every "clock" line: guest and host within 3 seconds; both lines are there.
keeps_time() {	# log
	awk '$1 == "clock" { n++; d = $2 - $4; if (d < -3 || d > 3) bad = 1 }
	     END { print n == 2 && !bad ? "true" : "false" }' "$1"
}

# What the module offers; most of it is for guests with several CPUs.
uses_offers() {	# log, number of vCPUs
	wanted=5
	[ "$2" -gt 1 ] || wanted=1
	is "$(grep -c '^uses ' "$1")" = $wanted
}

facts() {	# number of vCPUs, memory in MiB
	log=$work/facts
	{
		start --cpus "$1" --memory "$2M" --exec "$guest_facts" </dev/null 2>&1
		echo "status $?"
	} | stamp >"$log"
	before=$failures
	result "$(has "$log" '^status 0$')" "$1 vCPUs: powers off with status 0"
	result "$(has "$log" "^cpus $1.?$")" "$1 vCPUs: nproc"
	result "$(has "$log" "^cpuinfo $1.?$")" "$1 vCPUs: /proc/cpuinfo"
	memory=$(sed -n 's/^memory \([0-9]*\).*/\1/p' "$log")
	result "$(is "${memory:-0}" -gt $(($2 - 64)) -a "${memory:-0}" -le "$2")" \
		"$1 vCPUs: sees $2M of memory (${memory:-0}M usable)"
	result "$(has "$log" '^source (kvm-clock best kvm-clock|tsc best tsc)')" "$1 vCPUs: clock source kvm-clock, or a steady TSC"
	result "$(has "$log" '^hypervisor [1-9]')" "$1 vCPUs: finds its hypervisor"
	result "$(uses_offers "$log" "$1")" "$1 vCPUs: uses what the hypervisor offers"
	result "$(keeps_time "$log")" "$1 vCPUs: the guest's time is the host's"
	slept=$(sed -n 's/^slept \([0-9]*\).*/\1/p' "$log")
	result "$(is "${slept:-0}" -ge 4 -a "${slept:-0}" -le $((4 + slowness)))" \
		"$1 vCPUs: a sleep lasts as long as it should"
	result "$(has "$log" "^ran $1.?$")" "$1 vCPUs: each runs what is bound to it"
	result "$(is_healthy "$log")" "$1 vCPUs: no complaint in the guest's log"
	[ $failures = $before ] || show "$log"
}

case_cpus1() {
	facts 1 256
}

case_cpus2() {
	facts 2 512
}

case_cpus4() {
	facts 4 640
}

# Commands piped into the console: an interactive shell with job control, ended by the input's end.
case_shell() {
	log=$work/shell
	printf 'echo "[$((6 * 7))]"\ntty\nsleep 100 &\njobs\nkill %%1\n' |
		start --append quiet >"$log" 2>&1
	status=$?
	result "$(is $status = 0)" "shell: ends with the input, status 0"
	result "$(has "$log" '^\[42\]')" "shell: runs what is typed"
	result "$(has "$log" '^/dev/ttyS0')" "shell: has the serial console as its terminal"
	result "$(has "$log" 'Running +sleep 100')" "shell: job control"
	[ $status = 0 ] || show "$log"
}

# Until the pattern stands in the log COUNT times; the limit is generous, a guest is slow here.
await() {	# log, pattern, count
	tries=0
	while [ "$(grep -cE "$2" "$1")" -lt "$3" ]; do
		tries=$((tries + 1))
		[ $tries -lt $((120 * slowness)) ] || return 1
		sleep 1
	done
}

# The shell's own commands: reboot and poweroff without -f.
case_reboot() {
	log=$work/reboot
	mkfifo "$work/input"
	start --cpus 2 --append quiet <"$work/input" >"$log" 2>&1 &
	launcher=$!
	exec 3>"$work/input"
	await "$log" 'under lodge' 1 && echo reboot >&3
	await "$log" 'under lodge' 2 && echo poweroff >&3
	result "$(is "$tries" -lt $((120 * slowness)))" "reboot: the guest comes up again"
	exec 3>&-
	wait $launcher
	status=$?
	result "$(is $status = 0)" "reboot: the second boot powers off, status 0"
	result "$(has "$log" '^lodge: the guest reboots')" "reboot: the launcher says so"
	[ $status = 0 ] || show "$log"
}

# One boot that ends in a known way.
ending() {	# name, status, pattern of the launcher's line, option...
	name=$1 wanted=$2 pattern=$3
	log=$work/$1
	shift 3
	start --append quiet "$@" </dev/null >"$log" 2>&1
	status=$?
	result "$(is $status = "$wanted")" "$name: status $wanted"
	result "$(has "$log" "^lodge: .*$pattern")" "$name: the launcher says so"
	[ $status = "$wanted" ] || show "$log"
}

case_no_reboot() {
	ending no_reboot 0 "asked for a reboot" --no-reboot --exec "reboot -f"
}

case_panic() {
	ending panic 4 "panicked" --cpus 2 --exec "echo c >/proc/sysrq-trigger"
}

case_triple_fault() {
	ending triple_fault 3 "triple fault" --append "quiet reboot=triple" --exec "reboot -f"
}

case_two_guests() {
	for i in 1 2; do
		{
			start --cpus 2 --memory 256M --append quiet \
				--exec "echo guest $i has \$(nproc); sleep 2" </dev/null 2>&1
			echo "status $?"
		} >"$work/guest$i" &
		eval "job$i=\$!"
	done
	wait "$job1" "$job2"
	for i in 1 2; do
		log=$work/guest$i
		result "$(has "$log" "^guest $i has 2")" "two guests: guest $i has both vCPUs"
		result "$(has "$log" '^status 0$')" "two guests: guest $i powers off"
		[ "$(has "$log" '^status 0$')" = true ] || show "$log"
	done
}

# The launcher dies in the middle of the boot; the host goes on and the next guest boots.
case_killed() {
	log=$work/killed
	"$lodge" run --device-node "$node" --cpus 2 \
		${LODGE_KERNEL:+--kernel "$LODGE_KERNEL"} </dev/null >"$log" 2>&1 &
	launcher=$!
	sleep 2
	kill -9 $launcher
	wait $launcher 2>/dev/null
	result "$(is $? = 137)" "killed: the launcher is gone"
	ending next 0 "powered off" --exec true
}

cases=${*:-$all}
echo "TAP version 13"
for name in $cases; do
	"case_$name"
done
echo "1..$count"
[ $failures = 0 ]
