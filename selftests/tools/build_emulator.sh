#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds the emulator of a test host from Debian's source package, once, with its faults mended:
#
#   bochs    of Debian 13, without the debugger: about four times as fast as Debian 12's binary
#   qemu     of Debian 12, the version of the package, whose firmware it uses
#
# It is kept outside of the repository, under a name made of the text of this script and of
# hosts/NAME.patch. Prints the binary's path; "build_emulator.sh NAME where" fails where it was
# not built yet. Fails too where the source cannot be had: testhost then takes the package's.
set -eu

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
	echo "build_emulator.sh: $*" >&2
	exit 1
}

case ${1:-} in
bochs)
	suite=trixie
	version=3.
	binary=bochs
	packages=intel
	;;
qemu)
	suite=bookworm
	version=7.2+
	binary=qemu-system-x86_64
	packages=amd
	;;
*)
	echo "usage: build_emulator.sh bochs|qemu [where]" >&2
	exit 2
	;;
esac
name=$1
patch=$(dirname "$0")/hosts/$name.patch
key=$(cat "$0" "$patch" | sha256sum | cut -c 1-12)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/lodge/$name-$key

exit_if_built() {
	if [ -x "$folder/$binary" ]; then
		echo "$folder/$binary"
		exit
	fi
}

exit_if_built
[ "${2:-}" != where ] || exit 1

# The address that this machine's own Debian sources name, whatever mirror that is.
mirror() {
	apt-get indextargets --format '$(CREATED_BY) $(SITE) $(RELEASE)' |
		sed -n 's/^Packages \(.*\) bookworm$/\1/p' | head -n 1
}

# A second source with lists and cache of its own: the machine's stay as they are. apt checks
# what it fetches against the signed lists.
download() {
	site=$(mirror)
	[ -n "$site" ] || return 1
	mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
	echo "deb-src [signed-by=$keyring] $site $suite main" >"$folder/apt/source.list"
	set -- -o Dir::Etc::sourcelist="$folder/apt/source.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::Lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" \
		-o APT::Sandbox::User=root
	apt-get "$@" -q update
	# The small files beside the archives are not needed, and mirrors do lack one at times.
	(cd "$folder/apt" && apt-get "$@" -q source --download-only "$name") || :
}

unpack() {
	rm -rf "$folder/source"
	mkdir "$folder/source"
	tar -xJf "$(ls "$folder/apt/${name}_$version"*.orig.tar.xz | tail -n 1)" \
		-C "$folder/source" --strip-components=1
}

# Debian's own patches are the stable releases since.
apply_debian_patches() {
	tar -xJf "$(ls "$folder/apt/${name}_$version"*.debian.tar.xz | tail -n 1)" \
		-C "$folder/source"
	grep -v '^#' "$folder/source/debian/patches/series" | while read -r file; do
		patch -s -d "$folder/source" -p1 <"$folder/source/debian/patches/$file"
	done
}

compile_bochs() {
	./configure --enable-cpu-level=6 --enable-x86-64 --enable-smp --enable-vmx=2 \
		--enable-svm --enable-avx --enable-evex --enable-pci --enable-all-optimizations \
		--disable-debugger --disable-show-ips --with-nogui
	nice make -j"$(nproc)" bochs
}

compile_qemu() {
	./configure --target-list=x86_64-softmmu --without-default-features --enable-system \
		--enable-tcg --enable-fdt --disable-werror
	nice ninja -C build qemu-system-x86_64
	mv build/qemu-system-x86_64 .
}

build() {
	download
	unpack
	[ "$name" = bochs ] || apply_debian_patches
	patch -d "$folder/source" -p1 <"$patch"
	(cd "$folder/source" && "compile_$name")
	strip -o "$folder/$binary.new" "$folder/source/$binary"
	mv "$folder/$binary.new" "$folder/$binary"
	rm -rf "$folder/source" "$folder/apt"
}

"$(dirname "$0")/packages" need $packages || exit 1
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
exit_if_built
echo "build_emulator.sh: building $name, a few minutes; log: $folder/log" >&2
(set -e; build) >"$folder/log" 2>&1 9>&- &
if ! wait $!; then
	tail -n 5 "$folder/log" >&2
	fail "$name was not built; log: $folder/log"
fi
echo "$folder/$binary"
