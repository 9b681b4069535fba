#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds the Bochs of Debian 13 from its source package, once, without the debugger: about four
# times as fast as Debian 12's binary. It is kept outside of the repository, under a name made of
# the text of this script and of the patch. Prints the binary's path; "build_bochs.sh where" fails
# where it was not built yet. Fails too where the source cannot be had: testhost then takes the
# packaged binary.
set -eu

patch=$(dirname "$0")/hosts/bochs.patch
key=$(cat "$0" "$patch" | sha256sum | cut -c 1-12)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/lodge/bochs-$key
suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

if [ -x "$folder/bochs" ]; then
	echo "$folder/bochs"
	exit
fi
[ "${1:-}" != where ] || exit 1

fail() {
	echo "build_bochs.sh: $*" >&2
	exit 1
}

command -v g++ >/dev/null || fail "g++ is missing (Debian package g++)"
command -v patch >/dev/null || fail "patch is missing (Debian package patch)"
command -v xz >/dev/null || fail "xz is missing (Debian package xz-utils)"

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
if [ -x "$folder/bochs" ]; then
	echo "$folder/bochs"
	exit
fi
echo "build_bochs.sh: building Bochs, a few minutes; log: $folder/log" >&2

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
	# The small files beside the archive are not needed, and mirrors do lack one at times.
	(cd "$folder/apt" && apt-get "$@" -q source --download-only bochs) || :
	ls "$folder"/apt/bochs_3.*.orig.tar.xz
}

compile() {
	cd "$folder/source"
	./configure --enable-cpu-level=6 --enable-x86-64 --enable-smp --enable-vmx=2 \
		--enable-svm --enable-avx --enable-evex --enable-pci --enable-all-optimizations \
		--disable-debugger --disable-show-ips --with-nogui
	nice make -j"$(nproc)" bochs
}

build() {
	download
	rm -rf "$folder/source"
	mkdir "$folder/source"
	tar -xJf "$(ls "$folder"/apt/bochs_3.*.orig.tar.xz | tail -n 1)" -C "$folder/source" \
		--strip-components=1
	patch -d "$folder/source" -p1 <"$patch"
	(compile)
	strip -o "$folder/bochs.new" "$folder/source/bochs"
	mv "$folder/bochs.new" "$folder/bochs"
	rm -rf "$folder/source" "$folder/apt"
}

(set -e; build) >"$folder/log" 2>&1 9>&- &
if ! wait $!; then
	tail -n 5 "$folder/log" >&2
	fail "Bochs was not built; log: $folder/log"
fi
echo "$folder/bochs"
