#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The sanitizer host finds what it is there to find: each mistake of modules/fault.c is reported
# by its kernel, taken for a report by hosts/log.py, and ends testhost with status 122; without a
# mistake there is none. KTAP on stdout.
set -u
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
failed=0

# lockdep is off after its first report of a lock, and after any of KASAN.
mistakes="rcu_outside lock_order sleep_in_atomic cpu_in_preemptible shift array_index list_corrupt
	refcount free_active_timer use_after_free out_of_bounds"

result() {	# status (0 is ok), description
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count sanitizers: $2"
	else
		failed=1
		tail -n 60 "$work/out" | sed 's/^/# /'
		echo "not ok $count sanitizers: $2"
	fi
}

run() {		# COMMAND; the status is $status
	./testhost --debug --cpus 2 --add "$work/fault.ko" --add "$work/report_pattern" \
		-- "$1" </dev/null >"$work/out" 2>&1
	status=$?
}

echo "TAP version 13"
kdir=$(./testhost --debug --print-kdir) && cp modules/fault.c "$work/" &&
	echo "obj-m := fault.o" >"$work/Kbuild" &&
	make -C "$kdir" M="$work" modules >"$work/out" 2>&1
result $? "the test module is built"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tools python3 -c \
	'from hosts import log; print(log.REPORT_PATTERN)' >"$work/report_pattern"

run 'insmod fault.ko kind=none && rmmod fault'
result $((status != 0)) "no mistake, no report (status 0)"

run "for kind in $(echo $mistakes); do
	dmesg -c >/dev/null
	insmod fault.ko kind=\$kind; rmmod fault
	! dmesg | grep -qE -f report_pattern || echo found \$kind
done"
for kind in $mistakes; do
	grep -q "^found $kind$" "$work/out"
	result $? "$kind"
done
result $((status != 122)) "a report is status 122"

run 'insmod fault.ko kind=leak && rmmod fault'
result $((status != 122)) "a leak is found when COMMAND has ended, and is status 122"
grep -q "kmemleak: unreferenced object" "$work/out"
result $? "the leak is shown"
echo "1..$count"
exit $failed
