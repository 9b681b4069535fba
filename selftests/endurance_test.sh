#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What only shows after many guests: "boots N" boots N guests with 4 vCPUs one after the other,
# "kills N" kills the launcher with SIGKILL at N random moments of a boot and then wants the
# memory back, the module free to unload, and a next guest to boot. KTAP on stdout.

lodge=${LODGE:-lodge}
module=/lodge.ko
log=$(mktemp)
trap 'rm -f "$log"' EXIT
LEAK_KB=1024		# of noise in the kernel's own books

boot() {	# number of vCPUs
	timeout -s KILL $((120 * ${LODGE_TEST_SLOWNESS:-1})) "$lodge" run --cpus "$1" --exec 'echo "cpus $(nproc)"' \
		</dev/null >"$log" 2>&1 && grep -q "^cpus $1" "$log"
}

show() {
	tail -n 40 "$log" | tr -d '\r' | sed 's/^/# /'
}

users() {
	cat /sys/module/lodge/refcnt
}

wait_for_users() {	# to be none, for five seconds at most
	for _ in 1 2 3 4 5; do
		[ "$(users)" != 0 ] || return 0
		sleep 1
	done
	return 1
}

# MemFree leaves out what lies on the CPUs' own lists of free pages, tens of MiB that come and go.
free_kb() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree:/ { kb += $2 } $1 == "count:" { kb += 4 * $2 } END { print kb }' \
		/proc/meminfo /proc/zoneinfo
}

boots() {
	echo "1..$1"
	for i in $(seq "$1"); do
		if boot 4; then
			echo "ok $i boot $i with 4 vCPUs"
		else
			show
			echo "not ok $i boot $i with 4 vCPUs"
			failed=1
		fi
	done
}

kill_one() {
	"$lodge" run --cpus 2 --memory 256M </dev/null >/dev/null 2>&1 &
	moment=$((($(od -An -N2 -tu2 /dev/urandom)) % boot_cs))
	sleep "$((moment / 100)).$(printf %02d $((moment % 100)))"
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
}

uptime_cs() {	# centiseconds
	sed 's/\.\([0-9]*\) .*/\1/' /proc/uptime
}

result() {	# number, true|false, description
	if $2; then
		echo "ok $1 $3"
	else
		echo "not ok $1 $3"
		failed=1
	fi
}

# The kernel keeps what a first guest made it allocate, so the books open after a few.
kills() {
	echo "1..5"
	boot_cs=$(uptime_cs)
	if boot 2; then first=true; else first=false; show; fi
	boot_cs=$(($(uptime_cs) - boot_cs))
	result 1 $first "a first guest boots in $((boot_cs / 100)) s"
	for _ in 1 2 3 4; do
		kill_one
	done
	wait_for_users
	before=$(free_kb)
	for _ in $(seq "$1"); do
		kill_one
	done
	if wait_for_users; then none=true; else none=false; fi
	result 2 $none "no VM is left after $1 kills"
	lost=$LEAK_KB
	for _ in 1 2 3 4 5; do
		lost=$((before - $(free_kb)))
		[ $lost -ge $LEAK_KB ] || break
	done
	echo "# free before: $before kB, lost: $lost kB"
	if [ $lost -lt $LEAK_KB ]; then back=true; else back=false; fi
	result 3 $back "the memory is back"
	if rmmod lodge && insmod "$module"; then again=true; else again=false; fi
	result 4 $again "the module unloads and loads again"
	if boot 2; then next=true; else next=false; show; fi
	result 5 $next "a next guest boots"
}

failed=0
echo "TAP version 13"
case $1 in
boots | kills) "$1" "$2" ;;
*)
	echo "usage: endurance_test.sh boots|kills NUMBER" >&2
	exit 2
	;;
esac
exit $failed
