#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Checks that every header compiles alone: those of kmod/ with the kernel's flags, the others with
# the C library's. Prints one KTAP line for each header. Needs KDIR in the environment.
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

kernel_headers=$(find kmod -name '*.h' | sort)
user_headers=$(find userspace-launcher selftests/include uapi -name '*.h' | sort)
total=$(echo "$kernel_headers" "$user_headers" | wc -w)
number=0
failed=0

verdict() {	# header, status, file with the compiler's words
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number header: $1"
	else
		failed=1
		sed 's/^/# /' "$3"
		echo "not ok $number header: $1"
	fi
}

echo "TAP version 13"
echo "1..$total"

# One module out of one source per header; -k goes on to the next one after an error.
mkdir "$work/module"
{
	echo "ccflags-y := -I$PWD/kmod -I$PWD"
	echo "obj-m := headers.o"
	for header in $kernel_headers; do
		name=$(echo "${header#kmod/}" | tr '/.' '__')
		echo "#include \"${header#kmod/}\"" >"$work/module/$name.c"
		echo "headers-y += $name.o"
	done
} >"$work/module/Kbuild"
make -k -Otarget -j"$(nproc)" -C "$KDIR" M="$work/module" KBUILD_MODPOST_WARN=1 \
	KCFLAGS=-Werror modules >"$work/log" 2>&1 || true
for header in $kernel_headers; do
	name=$(echo "${header#kmod/}" | tr '/.' '__')
	status=0
	[ -e "$work/module/$name.o" ] || {
		status=1
		grep -A 6 "/$name\.c:" "$work/log" | head -n 20 >"$work/words" || true
	}
	verdict "$header" "$status" "$work/words"
done

for header in $user_headers; do
	status=0
	gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Werror -fsyntax-only \
		-I. -Iuserspace-launcher -Iselftests/include -x c -include "$header" /dev/null \
		>"$work/words" 2>&1 || status=1
	verdict "$header" "$status" "$work/words"
done
exit $failed
