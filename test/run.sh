#!/bin/sh
# Installs what is missing (as root, Debian), builds, and runs all tests. Its last line is "N passed, N failed, N skipped".
# With words only those steps: lint unit e2e kernel asan containers fuzz. Logs and reports are in build/report.
set -u
cd "$(dirname "$0")/.." || exit 1
exec </dev/null
steps=${*:-lint unit e2e kernel asan containers fuzz}
report=build/report
rm -rf "$report"
mkdir -p "$report"
# Each check of this script's own adds a line "ok NAME" or "not ok NAME" here.
checks=$report/checks
: >"$checks"

# What the build needs, and each step besides, by Debian's names.
packages="gcc libc6-dev linux-libc-dev meson ninja-build pkg-config musl-tools libyaml-dev libcriterion-dev python3"
lint_packages="clang-tidy clang-format"
e2e_packages="g++ python3-pytest util-linux procps zsh fish scdoc redis-server nginx-light wrk postgresql"
kernel_packages="python3-pytest user-mode-linux iproute2"
containers_packages="python3-pytest util-linux podman runc catatonit debootstrap docker.io iproute2 curl"
fuzz_packages="clang-14 libclang-rt-14-dev"
for s in $steps; do
	case $s in
	lint) packages="$packages $lint_packages" ;;
	e2e | asan) packages="$packages $e2e_packages" ;;
	kernel) packages="$packages $kernel_packages" ;;
	containers) packages="$packages $containers_packages" ;;
	fuzz) packages="$packages $fuzz_packages" ;;
	esac
done

# check NAME COMMAND...: runs it, its output goes to a log that is shown when it fails.
check() {
	name=$1
	shift
	if timeout -k 10 1500 "$@" >"$report/$name.log" 2>&1; then
		echo "ok $name" >>"$checks"
	else
		echo "not ok $name" >>"$checks"
		echo "--- $name failed:"
		tail -n 60 "$report/$name.log"
	fi
}

wants() {
	case " $steps " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

install_missing() {
	missing=
	for p in $packages; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q ' installed$' || missing="$missing $p"
	done
	[ -z "$missing" ] && return
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# The servers are there for the tests to start: not now, and not by the package manager.
	policy=/usr/sbin/policy-rc.d
	if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy; fi
	apt-get update -qq >"$report/apt.log" 2>&1
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $missing >>"$report/apt.log" 2>&1 || tail -n 20 "$report/apt.log"
	[ -z "$policy" ] || rm -f "$policy"
}

# build FOLDER SETUP-OPTION...
build() {
	dir=$1
	shift
	if [ -f "$dir/build.ninja" ]; then
		ninja -C "$dir"
	else
		meson setup "$dir" "$@" && ninja -C "$dir"
	fi
}

build_all() {
	build build/release --native-file build-aux/musl.ini >"$report/release.log" 2>&1 &&
		build build/test >"$report/test.log" 2>&1 &&
		build build/asan -Db_sanitize=address,undefined -Db_lundef=false \
			-Dc_args=-fno-sanitize-recover=all >"$report/asan.log" 2>&1
}

# Of our own sources, that is: a subproject's are somebody else's.
no_warnings() {
	! grep -hE '^(\.\./)*(src|include|test)/.*warning:' "$report/release.log" "$report/test.log" "$report/asan.log"
}

lint() {
	sources=$(git ls-files '*.c' '*.h' 2>/dev/null | grep -E '^(src|include|test)/' || find src include test -name '*.[ch]')
	if no_warnings; then echo "ok warnings" >>"$checks"; else echo "not ok warnings" >>"$checks"; fi
	# shellcheck disable=SC2086
	check format clang-format --dry-run -Werror $sources
	check mutations-fit sh test/mutate.sh --fits
	wants e2e || tidy
}

# Beside the end-to-end tests, which mostly wait, where there are any.
tidy() {
	find src -name '*.c' | sort >"$report/tidy.files"
	check tidy nice -n 19 xargs -a "$report/tidy.files" -P 2 -n 4 clang-tidy -p build/test --quiet --extra-arg=-Wno-unknown-warning-option
}

unit() {
	check unit-run meson test -C build/test --no-rebuild
	cp build/test/meson-logs/testlog.junit.xml "$report/unit.junit.xml"
	check asan-run env UBSAN_OPTIONS=print_stacktrace=1 meson test -C build/asan --no-rebuild --timeout-multiplier 4
	cp build/asan/meson-logs/testlog.junit.xml "$report/unit-asan.junit.xml"
	check asan-silent sh -c '! grep -E "LeakSanitizer|AddressSanitizer|runtime error:" build/asan/meson-logs/testlog.txt'
}

build_tools() {
	mkdir -p build/e2e
	gcc -static -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -o build/e2e/nsrun test/e2e/tools/nsrun*.c &&
		gcc -static -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -pthread -o build/e2e/imp test/e2e/tools/imp.c &&
		gcc -shared -fPIC -O1 -Wall -Wextra -Werror -D_GNU_SOURCE -o build/e2e/want.so test/e2e/tools/want.c
}

# e2e_run NAME PYTEST-OPTION...: one run of pytest with a report of its own. No test chosen (5) is no failure.
cat >"$report/pytest.sh" <<'END'
name=$1
shift
timeout -k 10 2400 /usr/bin/python3 -m pytest -q -p no:cacheprovider --junit-xml="build/report/$name.junit.xml" \
	-o junit_family=xunit1 "$@" >"build/report/$name.log" 2>&1
rc=$?
[ $rc = 0 ] || [ $rc = 5 ] && exit 0
tail -n 150 "build/report/$name.log"
exit 1
END

# The slowest first, two at a time, so that both processors are busy to the end; what measures time runs alone.
e2e() {
	sh "$report/pytest.sh" e2e-idle -m idle test/e2e &
	if wants lint; then tidy & fi
	for f in want logs_write belonging logs_read servers regress daemonize probes hooks restart hostile events completion; do
		echo "$f"
	done >"$report/order"
	for f in test/e2e/test_*.py; do
		f=${f##*/test_}
		grep -qx "${f%.py}" "$report/order" || echo "${f%.py}" >>"$report/order"
	done
	xargs -a "$report/order" -P 2 -I '{}' sh "$report/pytest.sh" 'e2e-{}' -m 'not alone and not idle' 'test/e2e/test_{}.py'
	wait
	sh "$report/pytest.sh" e2e-alone -m alone test/e2e
	grep -hE '^  (DAG|5000|1000|idle|not quiet)' "$report"/e2e-*.log
}

# What wants the controllers of cgroup v2, which are the machine's to give: on a kernel that is booted for it.
kernel() {
	rm -f build/kernel/log
	check kernel-run test/kernel/boot.sh /usr/bin/python3 -m pytest -q -p no:cacheprovider -o junit_family=xunit1 \
		--junit-xml="$report/kernel.junit.xml" test/kernel
}

e2e_asan() (
	export E2E_ASAN=1 SYSG=build/asan/sysg
	grep -l asan test/e2e/test_*.py | sed 's,.*/test_,,; s,\.py$,,' |
		xargs -P 2 -I '{}' sh "$report/pytest.sh" 'e2e-asan-{}' -m 'asan and not idle' 'test/e2e/test_{}.py'
)

# Where no cgroup v2 is in view (a container of a machine with v1), there is one while this runs.
see_cgroup2() {
	grep -q ' cgroup2 ' /proc/self/mounts && return
	mkdir /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified && own_cgroup2=1
}

hide_cgroup2() {
	[ -z "$own_cgroup2" ] || { umount /sys/fs/cgroup/unified && rmdir /sys/fs/cgroup/unified; }
}

# Images are built and run by podman with runc, and by a dockerd of the tests' own. PODMAN_HOME=FOLDER keeps what was built.
containers() {
	sh "$report/pytest.sh" containers test/containers
	grep -hE '^  (stop|docker stop|the scratch)' "$report/containers.log"
}

# Thirty seconds each; FUZZ_SECONDS says another time. One check a target.
fuzz() {
	timeout -k 10 1500 sh test/fuzz/run.sh "${FUZZ_SECONDS:-30}" >"$report/fuzz.log" 2>&1
	grep -E '^(not )?ok fuzz-' "$report/fuzz.log" | tee -a "$checks"
	if ! grep -qE '^(not )?ok fuzz-' "$report/fuzz.log" || grep -q '^not ok' "$report/fuzz.log"; then
		echo "not ok fuzz" >>"$checks"
		tail -n 200 "$report/fuzz.log"
	fi
}

# Said before half an hour of failures, each for the same reason.
wants_namespaces() {
	wants e2e || wants kernel || wants asan || wants containers
}

may_make_namespaces() {
	unshare -mp true 2>/dev/null && return
	echo "e2e, kernel, asan and containers need a root that may make namespaces: in a container, one of docker run --privileged"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}

if wants_namespaces; then may_make_namespaces; fi
install_missing
if build_all && build_tools >"$report/tools.log" 2>&1; then
	echo "ok build" >>"$checks"
	own_cgroup2=
	if wants_namespaces; then see_cgroup2; fi
	for step in lint unit e2e kernel; do
		if wants "$step"; then "$step"; fi
	done
	if wants asan; then e2e_asan; fi
	if wants containers; then containers; fi
	if wants fuzz; then fuzz; fi
	hide_cgroup2
else
	echo "not ok build" >>"$checks"
	tail -n 40 "$report"/release.log "$report"/test.log "$report"/asan.log "$report"/tools.log 2>/dev/null
fi
exec python3 test/tally.py "$report" test/unable
