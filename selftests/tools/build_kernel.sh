#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds a host kernel from Debian's linux-source-6.1, once: it is kept outside of the
# repository, under a name made of the source's version and the configuration. Prints the folder:
# tree/ is its KDIR, bzImage the kernel, lib/modules/RELEASE its modules, release its name.
#
# usage: build_kernel.sh small|debug [where]
#   small    hosts/kernel.config, a few minutes
#   debug    hosts/debug.config laid over it, with hosts/debug.patch: the sanitizer host
#   where    only print the folder, and fail where nothing was built yet
set -eu

here=$(dirname "$(realpath "$0")")
archive=/usr/src/linux-source-6.1.tar.xz

fail() {
	echo "build_kernel.sh: $*" >&2
	exit 1
}

# What makes the kernel: configuration files, of which later ones outweigh earlier ones; a patch.
case ${1:-} in
small)
	configs=$here/hosts/kernel.config
	patch=
	time="a few minutes" ;;
debug)
	configs="$here/hosts/kernel.config $here/hosts/debug.config"
	patch=$here/hosts/debug.patch
	time="a quarter of an hour or more" ;;
*)
	fail "want small or debug" ;;
esac

version=$(dpkg-query -W -f '${Version}' linux-source-6.1 2>/dev/null || echo none)
# shellcheck disable=SC2086
key=$( (echo "$version"; cat $configs $patch; gcc --version | head -n 1) | sha256sum | cut -c 1-12)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/lodge/kernel-$version-$key

if [ -e "$folder/release" ]; then
	echo "$folder"
	exit
fi
[ "${2:-}" != where ] || exit 1

[ -r "$archive" ] || fail "$archive is not there (Debian package linux-source-6.1)"
for tool in flex bison bc depmod patch xz; do
	command -v "$tool" >/dev/null ||
		fail "$tool is missing (Debian packages flex bison bc kmod patch xz-utils)"
done
[ -e /usr/include/gelf.h ] || fail "gelf.h is missing (Debian package libelf-dev)"

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
if [ -e "$folder/release" ]; then
	echo "$folder"
	exit
fi
rm -rf "$folder/tree" "$folder/lib"
mkdir "$folder/tree"
echo "build_kernel.sh: building the $1 host kernel, $time; log: $folder/log" >&2

# Without what no configuration here can reach; Kconfig files are read all the same.
unpack() {
	tar -xJf "$archive" -C "$folder/tree" --strip-components=1 \
		--exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/net/*/*.[ch]' \
		--exclude='*/drivers/media/*.[ch]' --exclude='*/drivers/infiniband/*.[ch]' \
		--exclude='*/drivers/scsi/*.[ch]' --exclude='*/drivers/staging/*.[ch]' \
		--exclude='*/sound/*.[ch]' --exclude='*.rst' --exclude='*.dts' --exclude='*.dtsi' \
		--exclude='*/Documentation/devicetree/*' --exclude='*/tools/testing/*' \
		--exclude='*/tools/perf/*' --exclude='*/arch/[a-tv-wy-z]*/*.[chS]'
}

change() {
	[ -z "$patch" ] || patch -d "$folder/tree" -p1 <"$patch"
}

configure() {
	# shellcheck disable=SC2086
	cat $configs >"$folder/config"
	make KCONFIG_ALLCONFIG="$folder/config" allnoconfig
}

compile() {
	configure && nice make -j"$(nproc)" bzImage modules &&
	make INSTALL_MOD_PATH="$folder" modules_install
}

build() {
	unpack && change && (cd "$folder/tree" && compile) &&
	cp "$folder/tree/arch/x86/boot/bzImage" "$folder/bzImage" &&
	make -s -C "$folder/tree" kernelrelease >"$folder/release.new"
}

if ! build >"$folder/log" 2>&1; then
	tail -n 20 "$folder/log" >&2
	fail "the build failed; log: $folder/log"
fi
mv "$folder/release.new" "$folder/release"
echo "$folder"
