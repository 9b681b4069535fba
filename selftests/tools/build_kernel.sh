#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds the small host kernel (hosts/kernel.config) from Debian's linux-source-6.1, once: it is
# kept outside of the repository, under a name made of the source's version and the
# configuration. Prints the folder: tree/ is its KDIR, bzImage the kernel, lib/modules/RELEASE
# its modules, release its name. "build_kernel.sh where" only prints the folder, and fails
# where nothing was built yet.
set -eu

here=$(dirname "$(realpath "$0")")
archive=/usr/src/linux-source-6.1.tar.xz
config=$here/hosts/kernel.config
version=$(dpkg-query -W -f '${Version}' linux-source-6.1 2>/dev/null || echo none)
key=$( (echo "$version"; cat "$config"; gcc --version | head -n 1) | sha256sum | cut -c 1-12)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/lodge/kernel-$version-$key

if [ -e "$folder/release" ]; then
	echo "$folder"
	exit
fi
[ "${1:-}" != where ] || exit 1

fail() {
	echo "build_kernel.sh: $*" >&2
	exit 1
}

[ -r "$archive" ] || fail "$archive is not there (Debian package linux-source-6.1)"
for tool in flex bison bc depmod xz; do
	command -v "$tool" >/dev/null ||
		fail "$tool is missing (Debian packages flex bison bc kmod xz-utils)"
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
echo "build_kernel.sh: building the small host kernel, a few minutes; log: $folder/log" >&2

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

compile() {
	make KCONFIG_ALLCONFIG="$config" allnoconfig
	nice make -j"$(nproc)" bzImage modules
	make INSTALL_MOD_PATH="$folder" modules_install
}

build() {
	unpack && (cd "$folder/tree" && compile) &&
	cp "$folder/tree/arch/x86/boot/bzImage" "$folder/bzImage" &&
	make -s -C "$folder/tree" kernelrelease >"$folder/release.new"
}

if ! build >"$folder/log" 2>&1; then
	tail -n 20 "$folder/log" >&2
	fail "the build failed; log: $folder/log"
fi
mv "$folder/release.new" "$folder/release"
echo "$folder"
