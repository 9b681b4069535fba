#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Debian's QEMU, unmodified, on the node /dev/kvm that "insmod lodge.ko node=kvm" makes: machines,
# interrupt controllers, numbers of vCPUs, CPU models and firmwares, each up to user space of a
# stock Debian kernel; devices, screens, CPUs plugged in while the guest runs, snapshots, migration.
#
# Arguments: names of cases (boots). Environment: LODGE_MODULE, the module (/lodge.ko), or "kvm":
# the host's KVM as the reference; LODGE_TEST_SLOWNESS, a factor on the time limits. KTAP on
# stdout. In the host: QEMU and its firmware in their Debian places, the guest's kernel as
# /boot/vmlinuz-RELEASE, its modules as /guest/NAME.ko.

module=${LODGE_MODULE:-/lodge.ko}
slowness=${LODGE_TEST_SLOWNESS:-1}
work=$(mktemp -d)
kernel=$(ls /boot/vmlinuz-* | head -n 1)
qemu=/usr/bin/qemu-system-x86_64
monitors=
count=0
failures=0

case $module in
kvm) modprobe kvm-amd nested=0 2>/dev/null || modprobe kvm-intel enable_apicv=0 ;;
*) [ -e /dev/kvm ] || insmod "$module" node=kvm ;;
esac || exit 1

finish() {
	for name in $monitors; do
		kill -KILL "$(cat "$work/$name.pid")" 2>/dev/null
	done
	wait
	rm -rf "$work"
	[ "$module" = kvm ] || rmmod lodge
}
trap finish EXIT

result() {	# true|false, description
	count=$((count + 1))
	if $1; then
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

has() {		# log, pattern
	if grep -qaE -- "$2" "$1"; then echo true; else echo false; fi
}

is() {		# condition for test
	if [ "$@" ]; then echo true; else echo false; fi
}

show() {	# name of a machine: the tail of what it said, as a diagnosis
	for log in "$work/$1.serial" "$work/$1.err"; do
		tail -n 25 "$log" 2>/dev/null | tr -cd '\n -~' | sed 's/^/# /'
	done
}

# The guest's user space: busybox, the modules, and the job that the kernel's command line names.
make_guest() {
	root=$work/root
	for folder in bin proc sys dev mnt modules tmp; do
		mkdir -p "$root/$folder"
	done
	cp /bin/busybox "$root/bin/"
	cp /guest/*.ko "$root/modules/" 2>/dev/null
	cat >"$root/init" <<'EOF'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
for name in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk \
	failover net_failover virtio_net fuse virtiofs; do
	[ -e /modules/$name.ko ] && insmod /modules/$name.ko
done
job=$(sed -n 's/.*job=\([a-z]*\).*/\1/p' /proc/cmdline)
case $job in
disk)
	echo "disk $(head -c 11 /dev/vda)"
	tr a-z A-Z </dev/vda | dd of=/dev/vda bs=64k conv=notrunc 2>/dev/null
	sync
	ifconfig eth0 10.0.2.15
	ping -c 2 10.0.2.2 >/tmp/ping
	echo "net $(sed -n 's/.*, \([0-9]*\) packets received.*/\1/p' /tmp/ping)"
	mount -t virtiofs share /mnt && echo "share $(cat /mnt/hello)" && echo written >/mnt/back
	;;
plug)
	echo "plug waits"
	until [ -e /sys/devices/system/cpu/cpu1/online ]; do usleep 200000; done
	echo 1 >/sys/devices/system/cpu/cpu1/online
	taskset 2 echo "plug cpus $(nproc)"
	;;
memory)
	head -c 8388608 /dev/urandom >/tmp/a
	sum=$(md5sum </tmp/a)
	round=0
	until [ -e /dev/vdb ] || [ $round = 2000 ]; do
		cp /tmp/a /tmp/b
		[ "$(md5sum </tmp/b)" = "$sum" ] || echo "memory damaged in round $round"
		mv /tmp/b /tmp/a
		round=$((round + 1))
		echo "round $round"
	done
	;;
screen)
	echo "screen is up" >/dev/tty1
	echo "screen is up"
	sleep 1000
	;;
*)
	echo "guest cpus $(nproc) clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
	;;
esac
poweroff -f
EOF
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc 2>/dev/null) >"$work/guest.cpio"
	rm -rf "$root"
}

# A machine with a monitor whose commands go through a pipe; it is killed in the end.
start() {	# name, QEMU's arguments
	name=$1
	shift
	mkfifo "$work/$name.mon"
	monitors="$monitors $name"
	# The shell keeps the pipe open, or the monitor would see its end with the first command.
	sh -c 'exec 3<>"$1.mon"; log=$1; shift; exec "$@" <&3 >"$log.monitor" 2>"$log.err"' start \
		"$work/$name" timeout -s KILL $((${limit:-200} * slowness)) "$qemu" \
		-no-user-config -nodefaults -accel "kvm,kernel-irqchip=${irqchip:-on}" -cpu "${cpu:-host}" -m "${memory:-256}" \
		-display none -serial "file:$work/$name.serial" -monitor stdio "$@" &
	echo $! >"$work/$name.pid"
}


tell() {	# name, monitor command
	# Opened for both, or it would wait for a QEMU that has ended.
	echo "$2" 1<>"$work/$1.mon"
}

# Until the pattern stands in the file, or the machine has ended, or time is over.
await() {	# name, file's suffix, pattern, seconds
	waited=0
	until grep -qaE -- "$3" "$work/$1.$2" 2>/dev/null; do
		waited=$((waited + 1))
		[ $waited -lt $((${4:-60} * slowness)) ] || return 1
		kill -0 "$(cat "$work/$1.pid")" 2>/dev/null || break
		sleep 1
	done
	grep -qaE -- "$3" "$work/$1.$2" 2>/dev/null
}

# The machine has ended by itself.
ended() {	# name
	wait "$(cat "$work/$1.pid")"
	status=$?
	[ $status = 0 ]
}

boots_to_user_space() {	# name, vCPUs, QEMU's arguments
	name=$1 wanted=$2
	shift 2
	start "$name" -smp "$wanted" -no-reboot "$@" -kernel "$kernel" -initrd "$work/guest.cpio" \
		-append "console=ttyS0 quiet panic=-1 ${append:-}"
	ended "$name"
	result "$(is $status = 0)" "$name: powers off with status 0"
	result "$(has "$work/$name.serial" "^guest cpus $wanted clock (kvm-clock|tsc)")" \
		"$name: user space, $wanted vCPUs, a good clock"
	[ $status = 0 ] && [ "$(has "$work/$name.serial" '^guest cpus')" = true ] || show "$name"
}

case_pc() {
	boots_to_user_space pc 1 -machine pc
}

case_q35() {
	boots_to_user_space q35 2 -machine q35
}

case_microvm() {
	boots_to_user_space microvm 2 -machine microvm
}

case_cpus4() {
	boots_to_user_space cpus4 4 -machine q35
}

case_pc_split() {
	irqchip=split boots_to_user_space pc_split 1 -machine pc
}

case_q35_split() {
	irqchip=split boots_to_user_space q35_split 2 -machine q35
}

case_pc_off() {
	irqchip=off cpu=host,-kvm-asyncpf-int boots_to_user_space pc_off 1 -machine pc
}

case_cpu_qemu64() {
	cpu=qemu64 boots_to_user_space cpu_qemu64 2 -machine q35
}

case_cpu_epyc() {
	cpu=EPYC boots_to_user_space cpu_epyc 2 -machine q35
}

case_devices() {
	log=$work/devices.serial
	mkdir "$work/share"
	echo "from the host" >"$work/share/hello"
	{ echo "hello disk"; dd if=/dev/zero bs=64k count=16 2>/dev/null; } >"$work/disk"
	/usr/lib/qemu/virtiofsd --socket-path="$work/fs.sock" -o source="$work/share" -o sandbox=chroot \
		>"$work/virtiofsd.log" 2>&1 &
	start devices -machine q35,memory-backend=ram -smp 2 -no-reboot \
		-object memory-backend-memfd,id=ram,size=256M,share=on \
		-drive "if=none,id=d,format=raw,file=$work/disk" -device virtio-blk-pci,drive=d \
		-netdev user,id=n -device virtio-net-pci,netdev=n,romfile= \
		-chardev "socket,id=f,path=$work/fs.sock" -device vhost-user-fs-pci,chardev=f,tag=share \
		-kernel "$kernel" -initrd "$work/guest.cpio" -append "console=ttyS0 quiet job=disk"
	ended devices
	result "$(is $status = 0)" "devices: powers off with status 0"
	result "$(has "$log" '^disk hello disk')" "devices: reads from virtio-blk"
	result "$(is "$(head -c 10 "$work/disk")" = "HELLO DISK")" "devices: writes to virtio-blk"
	result "$(has "$log" '^net 2')" "devices: two pings through virtio-net"
	result "$(has "$log" '^share from the host')" "devices: reads from virtiofs"
	result "$(is "$(cat "$work/share/back" 2>/dev/null)" = written)" "devices: writes to virtiofs"
	[ "$(has "$log" '^share')" = true ] || show devices
}

# Different bytes in a picture: 1 for a blank one.
colours() {	# file
	tail -c +20 "$1" 2>/dev/null | od -An -v -tx1 -w1 | sort -u | wc -l
}

case_screen() {
	start screen -machine pc -vga std -kernel "$kernel" -initrd "$work/guest.cpio" \
		-append "console=ttyS0 quiet job=screen" -S
	tell screen "screendump $work/blank.ppm"
	tell screen cont
	tell screen stop
	await screen serial "screen is up" 1
	tell screen cont
	await screen serial "screen is up"
	result "$(has "$work/screen.serial" 'screen is up')" "screen: the guest writes to its text console"
	tell screen "screendump $work/text.ppm"
	tell screen "info status"
	await screen monitor "VM status" 20
	result "$(is "$(colours "$work/text.ppm")" -gt 1)" "screen: the text can be seen"
	tell screen system_reset
	sleep $((2 * slowness))
	tell screen "screendump $work/firmware.ppm"
	tell screen quit
	ended screen
	result "$(is "$(colours "$work/firmware.ppm")" -gt 1)" "screen: the firmware's text, too"
	[ "$(has "$work/screen.serial" 'screen is up')" = true ] || show screen
}

case_plug() {
	start plug -machine q35 -smp 1,maxcpus=2 -no-reboot -kernel "$kernel" \
		-initrd "$work/guest.cpio" -append "console=ttyS0 quiet job=plug"
	await plug serial "plug waits"
	tell plug "device_add host-x86_64-cpu,id=second,socket-id=0,core-id=1,thread-id=0"
	ended plug
	result "$(is $status = 0)" "plug: powers off with status 0"
	result "$(has "$work/plug.serial" '^plug cpus 2')" "plug: the second CPU runs"
	[ $status = 0 ] || show plug
}

rounds() {	# name
	cat "$work/$1.serial" 2>/dev/null | grep -ac '^round '
}

# More rounds than before, and none that has found damaged memory.
goes_on() {	# name, rounds before
	waited=0
	until [ "$(rounds "$1")" -ge $(($2 + 3)) ]; do
		waited=$((waited + 1))
		if [ $waited -gt $((60 * slowness)) ]; then
			echo false
			return
		fi
		sleep 1
	done
	if grep -qaE 'damaged|BUG:|Oops|stall' "$work/$1.serial"; then echo false; else echo true; fi
}

memory_guest() {	# name, QEMU's arguments
	name=$1
	shift
	start "$name" -machine q35 -smp 2 -kernel "$kernel" -initrd "$work/guest.cpio" \
		-append "console=ttyS0 quiet job=memory" "$@"
}

case_snapshot() {
	qemu-img create -q -f qcow2 "$work/snapshot.qcow2" 64M
	memory_guest snapshot -drive "if=none,id=d,file=$work/snapshot.qcow2"
	await snapshot serial '^round 3'
	tell snapshot "savevm one"
	result "$(goes_on snapshot "$(rounds snapshot)")" "snapshot: the guest goes on after savevm"
	tell snapshot "loadvm one"
	result "$(goes_on snapshot "$(rounds snapshot)")" "snapshot: and after loadvm"
	last=$(tail -n 1 "$work/snapshot.serial")
	tell snapshot quit
	ended snapshot
	result "$(is $status = 0)" "snapshot: QEMU ends well ($last)"
	[ "$(has "$work/snapshot.err" .)" = false ] || show snapshot
}

case_to_file() {
	memory_guest saved
	await saved serial '^round 3'
	tell saved stop
	tell saved "migrate \"exec:cat >$work/state\""
	tell saved "info migrate"
	await saved monitor 'Migration status: completed' 120
	result "$(has "$work/saved.monitor" 'Migration status: completed')" "to_file: saved"
	tell saved quit
	ended saved
	memory_guest restored -incoming "exec:cat $work/state"
	# Once it is there it is stopped, as it was when it was saved.
	waited=0
	while [ $waited -lt $((60 * slowness)) ]; do
		tell restored "info status"
		sleep 1
		[ "$(has "$work/restored.monitor" 'VM status: paused[^ ]*$')" = false ] || break
		waited=$((waited + 1))
	done
	tell restored cont
	result "$(goes_on restored 0)" "to_file: the guest goes on in another QEMU"
	tell restored quit
	ended restored
	[ "$(has "$work/restored.serial" '^round')" = true ] || show restored
}

case_live() {
	memory_guest target -incoming "unix:$work/live.sock"
	memory_guest source
	await source serial '^round 3'
	tell source "migrate_set_parameter downtime-limit 3000"
	tell source "migrate -d unix:$work/live.sock"
	result "$(goes_on target 0)" "live: the guest goes on in the other QEMU"
	tell source "info migrate"
	await source monitor 'Migration status: completed' 20
	result "$(has "$work/source.monitor" 'Migration status: completed')" "live: completed"
	result "$(is "$(rounds source)" -gt 3)" "live: it ran while its memory moved"
	tell source quit
	tell target quit
	ended source
	ended target
	[ "$(has "$work/target.serial" '^round')" = true ] || { show source; show target; }
}

case_ovmf() {
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars"
	boots_to_user_space ovmf 2 -machine q35 \
		-drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
		-drive "if=pflash,format=raw,file=$work/vars"
}

# 16-bit code from the first sector of an AHCI disk, by the firmware's interrupts: it writes "16"
# and the second sector to the serial port and ends the machine.
case_sector() {
	{
		# xor ax,ax; mov ds,ax; mov es,ax; mov ax,0x0201; mov bx,0x7e00; mov cx,2; mov dh,0
		# int 0x13; mov si,0x7e00; next: lodsb; test al,al; jz end; mov dx,0x3f8; out dx,al
		# jmp next; end: mov al,0; mov dx,0xf4; out dx,al; hlt
		printf '\061\300\216\330\216\300\270\001\002\273\000\176\271\002\000'
		printf '\266\000\315\023\276\000\176\254\204\300\164\006\272\370\003'
		printf '\356\353\365\260\000\272\364\000\356\364'
		dd if=/dev/zero bs=1 count=470 2>/dev/null
		printf '\125\252'
		printf '16 bits are enough\r\n'
	} >"$work/sector.img"
	# The firmware counts in cylinders: there must be some.
	dd if=/dev/zero of="$work/sector.img" bs=1M seek=4 count=0 2>/dev/null
	limit=60 start sector -machine q35 -device isa-debug-exit,iobase=0xf4,iosize=1 \
		-drive "if=none,id=d,format=raw,file=$work/sector.img" -device ide-hd,drive=d
	ended sector
	result "$(is $status = 1)" "sector: the guest ends the machine"
	result "$(has "$work/sector.serial" '16 bits are enough')" "sector: reads an AHCI disk in real mode"
	[ $status = 1 ] || show sector
}

case_memtest() {
	memory=32 start memtest -machine q35 -smp 2 -kernel /boot/memtest86+x64.bin \
		-append "console=ttyS0,115200"
	result "$(await memtest serial 'Pass: *1 *[^ ]|Pass complete|#[1-9]' 280 && echo true || echo false)" \
		"memtest: runs its tests"
	tell memtest quit
	ended memtest
	result "$(is "$(has "$work/memtest.serial" 'Errors: *[1-9]')" = false)" "memtest: finds no error"
	show memtest
}

make_guest
cases=${*:-pc q35 microvm pc_split q35_split}
echo "TAP version 13"
for name in $cases; do
	"case_$name"
done
echo "1..$count"
[ $failures = 0 ]
