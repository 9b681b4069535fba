#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# selftests/testhost keeps its word: COMMAND's status and output come through, and each way in
# which a host can fail has its status and its one line. KTAP on stdout. VENDOR=intel: of Bochs.
set -u
vendor=${VENDOR:-amd}
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
failed=0

expect() {	# description, status, pattern, argument of testhost...
	description=$1 wanted=$2 pattern=$3
	shift 3
	count=$((count + 1))
	./testhost --vendor "$vendor" "$@" </dev/null >"$work/out" 2>&1
	status=$?
	if [ $status = "$wanted" ] && grep -qE -- "$pattern" "$work/out"; then
		echo "ok $count testhost: $description"
	else
		failed=1
		echo "# status $status, wanted $wanted; pattern $pattern"
		tail -n 30 "$work/out" | sed 's/^/# /'
		echo "not ok $count testhost: $description"
	fi
}

echo "TAP version 13"
echo "1..15"
echo 'from a file' >"$work/file"

expect "status and output" 7 '^2 cpus of testhost$' \
	-- 'echo "$(nproc) cpus of $(uname -n)"; exit 7'
expect "CPUs, memory, files, a program with its libraries" 0 '^4 [789][0-9][0-9]... from a file$' \
	--cpus 4 --memory 1G --add "$work/file:/etc/" --add /usr/bin/env:/usr/bin/ \
	-- '/usr/bin/env true && echo $(nproc) $(sed -n "s/MemFree: *\([0-9]*\) kB/\1/p" \
	    /proc/meminfo) $(cat /etc/file)'
expect "arguments pass unchanged" 0 '^a  b\$c"$' -- echo 'a  b$c"'
expect "SVM or VMX is there, no module is loaded" 0 '^(svm|vmx) 0$' \
	-- 'echo $(grep -oE -m1 -w "svm|vmx" /proc/cpuinfo) $(wc -l </proc/modules)'
expect "COMMAND's own 122 is not taken for the host's" 119 'own status was 122' -- 'exit 122'
expect "crash" 121 'kernel crashed: .*panic' -- 'echo c >/proc/sysrq-trigger; sleep 9'
expect "complaint, although COMMAND succeeds" 122 'kernel complained: .*WARNING' \
	-- 'echo "<4>WARNING: CPU: 0 PID: 1 at a test" >/dev/kmsg'
expect "COMMAND hangs, the host lives" 123 'limit was 2 s' --timeout 2 -- 'sleep 1000'
expect "the host hangs" 124 'stall' \
	-- 'echo "<3>rcu: INFO: rcu_preempt detected stalls on CPUs" >/dev/kmsg'
expect "the host powers off" 125 'ended without' -- 'poweroff -f'
expect "no command" 120 'no COMMAND' --cpus 2
expect "no such file" 120 'no such file' --add "$work/nothing" -- true
expect "no such kernel" 120 'install linux-image-0.0' --kernel 0.0 -- true
expect "a counting host has one CPU" 120 'one CPU' --count-instructions --cpus 2 -- true
expect "too little memory" 120 'at least 128M' --memory 1K -- true
exit $failed
