#!/bin/sh
# run.sh: sysg as the first process of an aarch64 machine (qemu, Debian's kernel): built without a warning, booted with
# manifest.yaml, and what its services say compared with what they should. It is no part of ./test/run.sh.
#
# It needs gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross qemu-system-arm cpio, and a mirror of Debian: from
# there it takes, for arm64 and by an apt with folders of its own, musl-dev musl-tools busybox-static linux-image-arm64. All that it
# makes is in build/arm64. Without KVM it takes a minute or two.
set -eu
cd "$(dirname "$0")/../.."
dir=$PWD/build/arm64
root=$dir/debian
missing=
for tool in aarch64-linux-gnu-gcc qemu-system-aarch64 cpio meson apt-get dpkg-deb; do
	command -v $tool >/dev/null || missing="$missing $tool"
done
[ -f /usr/aarch64-linux-gnu/include/linux/sched.h ] && [ -f /usr/aarch64-linux-gnu/lib/libc.a ] || missing="$missing linux-libc-dev-arm64-cross libc6-dev-arm64-cross"
[ -z "$missing" ] || { echo "missing:$missing; apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross qemu-system-arm cpio" >&2; exit 125; }

apt() {
	what=$1
	shift
	"$what" -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root -o Dir::State="$dir/apt/state" \
		-o Dir::Cache="$dir/apt/cache" -o Dir::State::status="$dir/apt/status" "$@"
}

fetch() {
	[ -f "$root/done" ] && return
	mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial" "$dir/deb" "$root"
	: >"$dir/apt/status"
	apt apt-get update
	kernel=$(apt apt-cache depends linux-image-arm64 | sed -n 's/.*Depends: //p' | head -n 1)
	(cd "$dir/deb" && apt apt-get download musl-dev musl-tools busybox-static "$kernel")
	for f in "$dir"/deb/*.deb; do dpkg-deb -x "$f" "$root"; done
	: >"$root/done"
}

compiler() {
	mkdir -p "$dir/bin"
	sed "s#/usr/\(include\|lib\)/aarch64-linux-musl#$root/usr/\1/aarch64-linux-musl#g" "$root/usr/lib/aarch64-linux-musl/musl-gcc.specs" >"$dir/musl.specs"
	printf '#!/bin/sh\nexec aarch64-linux-gnu-gcc "$@" -specs %s\n' "$dir/musl.specs" >"$dir/bin/aarch64-linux-musl-gcc"
	chmod 755 "$dir/bin/aarch64-linux-musl-gcc"
	export PATH="$dir/bin:$PATH"
}

# Also with glibc, and by gcc's own optimization: other warnings, and another libc's numbers of system calls.
build() {
	[ -f build/aarch64/build.ninja ] || meson setup build/aarch64 --cross-file build-aux/aarch64.ini -Dwerror=true >"$dir/setup.log"
	ninja -C build/aarch64 sysg libsysg.a >"$dir/build.log" || { tail -n 40 "$dir/build.log"; exit 1; }
	grep -i 'warning' "$dir/build.log" && exit 1
	sed "s/'aarch64-linux-musl-gcc'/'aarch64-linux-gnu-gcc'/; s/static = true/static = false/; s/b_lto = true/b_lto = false/" build-aux/aarch64.ini >"$dir/glibc.ini"
	[ -f build/aarch64-glibc/build.ninja ] || meson setup build/aarch64-glibc --cross-file "$dir/glibc.ini" -Dwerror=true -Dbuildtype=debugoptimized >"$dir/setup.log"
	ninja -C build/aarch64-glibc sysg >"$dir/build.log" || { tail -n 40 "$dir/build.log"; exit 1; }
	aarch64-linux-gnu-gcc -static -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -pthread -o "$dir/calls" test/arm64/calls.c
}

pack() {
	rm -rf "$dir/image"
	for d in bin etc proc sys dev run tmp var/tmp var/log srv; do mkdir -p "$dir/image/$d"; done
	cp build/aarch64/sysg "$dir/calls" "$root/bin/busybox" "$dir/image/bin/"
	for name in sh cat sleep grep sed ls wc cut ps id mount mkdir ip chmod setsid kill dirname head true touch uname rm; do ln -s busybox "$dir/image/bin/$name"; done
	cp test/arm64/init "$dir/image/init"
	cp test/arm64/manifest.yaml "$dir/image/etc/systemg.yaml"
	echo hello >"$dir/image/srv/index.html"
	echo 'this may be read' >"$dir/image/bin/motd"
	echo 'this may not' >"$dir/image/secret"
	printf 'root:x:0:0::/:/bin/sh\nimp:x:1000:1000::/:/bin/sh\n' >"$dir/image/etc/passwd"
	printf 'root:x:0:\nimp:x:1000:\n' >"$dir/image/etc/group"
	chmod 755 "$dir/image/init" "$dir/image"/bin/*
	(cd "$dir/image" && find . | cpio -o -H newc -R 0:0 2>/dev/null | gzip -1) >"$dir/image.gz"
}

# The machine ends when its first process does: the kernel then says with which code, and qemu ends instead of booting again.
boot() {
	timeout "${ARM64_SECONDS:-400}" qemu-system-aarch64 -M virt -cpu max -smp 2 -m 1024 -nographic -no-reboot -nic none \
		-kernel "$root"/boot/vmlinuz-* -initrd "$dir/image.gz" \
		-append 'console=ttyAMA0 quiet loglevel=3 panic=-1 rdinit=/init' </dev/null 2>&1 | tr -d '\r' >"$dir/console"
}

judge() {
	bad=0
	while read -r line; do
		grep -qF "$line" "$dir/console" || { echo "not said: $line"; bad=1; }
	done <<-END
		crashes | crashes: ok
		spawner | spawner: ok
		strays | strays: ok
		filtered | calls: ok, 40 denied, 4 not there
		fenced | this may be read
		fenced | fenced: ok
		walled | walled: ok
		user | user: ok
		grouped | grouped: ok
		smoke | smoke: ready
		smoke | smoke: ok
		web | web stopped
		exitcode=0x00000000
	END
	grep -E 'SG07|: not ' "$dir/console" && bad=1
	[ $bad = 0 ] || { tail -n 120 "$dir/console"; exit 1; }
	echo "arm64: ok ($(wc -c <build/aarch64/sysg) bytes, $(grep -c ' | ' "$dir/console") lines of services)"
}

fetch
compiler
build
pack
boot
judge
