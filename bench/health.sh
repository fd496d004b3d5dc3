#!/bin/sh
# What `sysg health` and `sysg ready` cost as whole processes, beside `true` of the same libc: medians of N runs (100).
# Usage: bench/health.sh [SYSG] [N]. Needs gcc; musl-gcc where the binary is to be compared with musl's `true`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sysg=${1:-$here/../build/release/sysg} n=${2:-100}
sysg=$(cd "$(dirname "$sysg")" && pwd)/$(basename "$sysg")
dir=$(mktemp -d)
cc=$(command -v musl-gcc || command -v gcc)
"$cc" -static -Os -D_GNU_SOURCE -o "$dir/cost" "$here/cost.c"
echo 'int main(void) { return 0; }' >"$dir/true.c"
"$cc" -static -Os -o "$dir/true" "$dir/true.c"
cat >"$dir/systemg.yaml" <<END
services:
  a: {exec: [sleep, "1000"]}
  b: {exec: [sleep, "1000"], depends_on: [a], health_check: {file: /}}
END
export SYSG_RUNTIME_DIR="$dir/run"
mkdir "$dir/run"
"$sysg" start -c "$dir/systemg.yaml" >"$dir/out" 2>&1 &
pid=$!
trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
tries=0
until "$sysg" ready >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ "$tries" -lt 200 ] || { cat "$dir/out"; exit 1; }
	sleep 0.05
done
printf '%-14s %10s %12s %12s %6s\n' command 'median ms' 'median KiB' 'most KiB' exit
for what in true health ready; do
	case $what in
	true) set -- "$dir/true" ;;
	*) set -- "$sysg" "$what" ;;
	esac
	# shellcheck disable=SC2046
	printf '%-14s %10s %12s %12s %6s\n' "$what" $("$dir/cost" "$n" "$@")
done
