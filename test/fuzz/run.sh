#!/bin/sh
# Runs each fuzz target for SECONDS (60), two at a time, with the sanitizers: test/fuzz/run.sh [SECONDS [TARGET...]].
# What breaks a sentence of a target is kept in build/fuzz/found/ and printed; then the exit status is 1. To see it again:
# build/fuzz/test/fuzz/fuzz_TARGET FILE. What is mended goes to test/fuzz/seeds/TARGET/, so that it is tried each time.
# With FUZZ_CORPUS=DIR what reached new code is kept there from run to run.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-manifest packet args values lines json zone http dns}
found=build/fuzz/found
corpus=${FUZZ_CORPUS:-build/fuzz/corpus}

if [ ! -f build/fuzz/build.ninja ]; then
	CC=clang-14 meson setup build/fuzz -Dfuzz=true -Dtests=disabled -Db_sanitize=address,undefined -Db_lundef=false \
		"-Dc_args=-fno-sanitize-recover=all -fsanitize=fuzzer-no-link" || exit 1
fi
# shellcheck disable=SC2086
ninja -C build/fuzz $(printf 'test/fuzz/fuzz_%s ' $targets) || exit 1
rm -rf "$found"
mkdir -p "$found"

cat >build/fuzz/one.sh <<'END_OF_ONE'
t=$1
mkdir -p "$3/$t"
env ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	"build/fuzz/test/fuzz/fuzz_$t" -max_total_time="$2" -max_len=4096 -timeout=10 -rss_limit_mb=768 \
	-malloc_limit_mb=256 -print_final_stats=1 -dict="test/fuzz/$t.dict" -artifact_prefix="$4/$t-" \
	"$3/$t" "test/fuzz/seeds/$t" >"$4/$t.log" 2>&1
rc=$?
echo "$rc" >"$4/$t.rc"
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$4/$t.log")
if [ "$rc" = 0 ]; then
	echo "ok fuzz-$t (${runs:-0} inputs)"
else
	echo "not ok fuzz-$t"
	grep -vE '^#[0-9]+' "$4/$t.log" | tail -n 60
	for f in "$4/$t-"*; do
		echo "--- $f"
		od -A d -c "$f" | head -n 100
	done
fi
END_OF_ONE
printf '%s\n' $targets | xargs -P 2 -I '{}' sh build/fuzz/one.sh '{}' "$seconds" "$corpus" "$found"
for t in $targets; do
	[ "$(cat "$found/$t.rc" 2>/dev/null)" = 0 ] || exit 1
done
