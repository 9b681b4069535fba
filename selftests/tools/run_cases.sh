#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs in a test host: each line of /cases is "name timeout module command"; marks on stdout what
# belongs to which case, and in the kernel's log too.

say() {
	echo "$MARK $*"
	echo "<6>$MARK $*" >/dev/kmsg
}

users() {
	cat /sys/module/lodge/refcnt 2>/dev/null || echo 0
}

# Loads or unloads as the case wants it.
prepare() {
	case $1 in
	load) [ -e /sys/module/lodge ] || insmod /lodge.ko ;;
	unload) [ ! -e /sys/module/lodge ] || rmmod lodge ;;
	esac
}

run() {	# timeout, command
	begin=$(date +%s)
	setsid timeout -s KILL "$1" sh -c "$2" </dev/null 2>&1 &
	child=$!
	wait "$child"
	status=$?
	[ $(($(date +%s) - begin)) -lt "$1" ] || echo "# timeout after $1 s"
	kill -KILL "-$child" 2>/dev/null
	return $status
}

# Whether the kernel has complained since the case began; shows what it said.
complained() {
	dmesg | sed -n "/$MARK begin $1\$/,\$p" >/tmp/run_cases.log
	grep -qE -f /report_pattern /tmp/run_cases.log || return 1
	echo "# the host's kernel complained:"
	sed 's/^/# /' /tmp/run_cases.log
}

# What a case has left behind is its failure, not the next one's.
left_over() {
	waited=0
	while [ "$(users)" != 0 ]; do
		[ $waited -lt 5 ] || return 0
		sleep 1
		waited=$((waited + 1))
	done
	return 1
}

while read -r name timeout module command; do
	say "begin $name"
	if prepare "$module"; then
		run "$timeout" "$command"
		status=$?
	else
		echo "# cannot $module the module"
		status=1
	fi
	if left_over; then
		echo "# the module is still in use: $(users)"
		status=1
	fi
	if complained "$name"; then
		status=1
	fi
	say "end $name $status"
done </cases

say "begin unload"
prepare unload
status=$?
if complained unload; then
	status=1
fi
say "end unload $status"
