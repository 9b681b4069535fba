#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# First process of a test host: mounts what programs expect, runs COMMAND on the second serial
# port and reports its status there. It loads no module. /testhost/env is written by testhost.

/bin/busybox mkdir -p /proc /sys /dev /tmp /run /root /mnt
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/sbin:/usr/sbin:/ HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t debugfs debugfs /sys/kernel/debug
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
. /testhost/env
export TERM LODGE_TEST_SLOWNESS
hostname testhost
ip link set lo up
cd /

# In a process of its own, as the end of one of this shell's children interrupts its writes, and
# what it was about to say is lost.
say() (
	printf '\036testhost-%s %s\n' "$NONCE" "$1" >/dev/ttyS1
)

# Objects that nothing points to. kmemleak takes checksums in a first scan and believes what has
# not changed in a second one, of objects more than five seconds old; what was just on its way
# from one pointer to another is found again by a third.
find_leaks() {
	leaks=/sys/kernel/debug/kmemleak
	# The locks of a hundred thousand objects need no proof; that is a quarter of the time.
	echo 0 >/proc/sys/kernel/prove_locking
	echo scan >$leaks
	sleep 6
	echo scan >$leaks
	[ -n "$(cat $leaks)" ] || return 0
	sleep 6
	echo scan >$leaks
	head -n 200 $leaks | while IFS= read -r line; do
		echo "<4>kmemleak: $line" >/dev/kmsg
	done
}

# At LIMIT the host itself says that it is alive, and shows what everybody is waiting for.
watch_limit() {
	sleep "$LIMIT"
	echo "<4>testhost: COMMAND ran into its limit; waiting tasks and CPUs follow" >/dev/kmsg
	echo w >/proc/sysrq-trigger
	echo l >/proc/sysrq-trigger
	for pid in /proc/[0-9]*; do
		[ -s "$pid/cmdline" ] || continue
		echo "<6>testhost: $pid $(tr '\0' ' ' <"$pid/cmdline" | cut -c 1-200)"
		for task in "$pid"/task/*; do
			sed 's/^/<6>testhost:   /' "$task/stack"
		done
	done 2>/dev/null | while read -r line; do
		echo "$line" >/dev/kmsg
	done
	echo "<6>testhost: end $NONCE" >/dev/kmsg
	say limit
}

# The port stays open so that its settings last.
exec 3<>/dev/ttyS1
if [ "$INTERACTIVE" = 1 ]; then
	stty -F /dev/ttyS1 sane rows "$ROWS" cols "$COLS"
else
	stty -F /dev/ttyS1 raw -echo
fi
watcher=
if [ "$LIMIT" -gt 0 ]; then
	watch_limit </dev/null >/dev/null 2>&1 3>&- &
	watcher=$!
fi
# For an emulator whose time is not ours.
if [ "$HEARTBEAT" -gt 0 ]; then
	while sleep "$HEARTBEAT"; do say alive; done </dev/null 3>&- &
fi

# Some hosts boot quietly, where each character takes time.
echo 1 >/sys/module/printk/parameters/ignore_loglevel
echo "<6>testhost: start $NONCE" >/dev/kmsg
say start
if [ "$INTERACTIVE" = 1 ]; then
	setsid -c sh /testhost/command </dev/ttyS1 >/dev/ttyS1 2>&1 3>&-
else
	setsid sh /testhost/command </dev/null >/dev/ttyS1 2>&1 3>&-
fi
status=$?

# It takes time that is not COMMAND's.
if [ "$KMEMLEAK" = 1 ]; then
	[ -z "$watcher" ] || kill "$watcher"
	say alive
	find_leaks
fi

# testhost waits for this line on the log, so nothing the kernel said before is missed.
echo "<6>testhost: end $NONCE" >/dev/kmsg
say "exit $status"
while :; do sleep 1000; done
