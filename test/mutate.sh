#!/bin/sh
# Takes each rule of test/mutations out of the source, one at a time, and looks whether the test that is named for it goes
# red. With words only those whose name has one of them; --list lists, --fits looks only whether each change still changes
# something. Works in a copy (build/mutate), without optimization; as root, for the end-to-end tests. What was green without
# a change stays known as long as sources and tests are the same. A block of the list is four lines, between them a blank
# one and lines of `#`: name, file, sed expression, test: test/LAYER/test_x.c::NAME, test_x.py::NAME (maybe with [PARAM]) or
# test/kernel/test_x.py::NAME, which wants a kernel of its own and is passed over without MUTATE_KERNEL=1.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
work=$root/build/mutate
list= fits= words=
green=0 caught=0 broken=0 left=0

for w in "$@"; do
	case $w in
	--list) list=1 ;;
	--fits) fits=1 ;;
	*) words="$words
$w" ;;
	esac
done

# is_wanted NAME
is_wanted() {
	[ -z "$words" ] && return 0
	echo "$words" | { while read -r w; do [ -n "$w" ] && case $1 in *"$w"*) exit 0 ;; esac; done; exit 1; }
}

# What did not change keeps its time, so that a second run builds little.
copy_sources() {
	find . -path ./build -prune -o -path ./.git -prune -o -type f -print | while read -r f; do
		cmp -s "$f" "$work/src/$f" && continue
		mkdir -p "$work/src/${f%/*}"
		cp "$f" "$work/src/$f"
	done
}

# The tests that were green with just these files, one a line: kept in $work/green.
find_green() {
	state=$(find src include test meson.build -type f ! -name mutations ! -name '*.pyc' -print0 | sort -z | xargs -0 sha1sum | sha1sum)
	[ "$(head -n 1 "$work/green" 2>/dev/null)" = "$state" ] || echo "$state" >"$work/green"
}

prepare() {
	mkdir -p "$work/src" "$root/build/e2e"
	[ -x build/e2e/nsrun ] || gcc -static -O1 -D_GNU_SOURCE -o build/e2e/nsrun test/e2e/tools/nsrun*.c || exit 1
	[ -x build/e2e/imp ] || gcc -static -O1 -D_GNU_SOURCE -pthread -o build/e2e/imp test/e2e/tools/imp.c || exit 1
	copy_sources
	find_green
	[ -f "$work/b/build.ninja" ] || meson setup "$work/b" "$work/src" -Doptimization=0 -Ddebug=false >"$work/setup.log" 2>&1 || {
		tail -20 "$work/setup.log"
		exit 1
	}
}

# run_test TEST: builds what it needs and no more, runs it. 0 green, 1 red, 2 there is no answer.
run_test() {
	t_file=${1%%::*} t_name=${1##*::}
	case $t_file in
	*.c)
		bin=$(basename "$t_file" .c)
		bin=test_$(basename "$(dirname "$t_file")")_${bin#test_}
		ninja -C "$work/b" "$bin" >"$work/log" 2>&1 || return 2
		timeout -k 5 120 "$work/b/$bin" --filter="*/$t_name" >"$work/log" 2>&1 || return 1
		grep -q 'Tested: [1-9]' "$work/log" || return 2
		;;
	*)
		ninja -C "$work/b" sysg >"$work/log" 2>&1 || return 2
		case $t_file in
		test/kernel/*) in_it=test/kernel/boot.sh ;;
		*) in_it= t_file=test/e2e/$t_file ;;
		esac
		SYSG=$work/b/sysg timeout -k 5 180 $in_it /usr/bin/python3 -m pytest -q -x -p no:cacheprovider "$t_file::$t_name" >"$work/log" 2>&1
		case $? in 0) ;; 1) return 1 ;; 124 | 137) return 1 ;; *) return 2 ;; esac
		;;
	esac
}

# change: of $file, in the copy. False: it changes nothing.
change() {
	cp "$work/src/$file" "$work/before"
	sed -i -E "$change" "$work/src/$file"
	! cmp -s "$work/before" "$work/src/$file"
}

try() {
	case $test in test/kernel/*)
		[ -n "${MUTATE_KERNEL:-}" ] || { left=$((left + 1)) && return; }
		;;
	esac
	if ! grep -qxF "$test" "$work/green"; then
		run_test "$test" </dev/null || { echo "NOT GREEN WITHOUT A CHANGE  $name: $test" && broken=$((broken + 1)) && return; }
		echo "$test" >>"$work/green"
	fi
	if ! change; then
		echo "DOES NOT APPLY  $name: $file $change"
		broken=$((broken + 1))
		return
	fi
	run_test "$test" </dev/null
	case $? in
	0) echo "STAYS GREEN  $name: $test" && green=$((green + 1)) ;;
	1) echo "red  $name" && caught=$((caught + 1)) ;;
	*) echo "NO ANSWER  $name: $test" && tail -5 "$work/log" && broken=$((broken + 1)) ;;
	esac
	cp "$work/before" "$work/src/$file"
}

# Each part of a change has to change something.
fit() {
	mkdir -p build
	earlier= fits_not=
	printf '%s\n' "$change" | sed 's,;s/,\ns/,g' >build/parts
	while read -r part; do
		sed -E "$earlier" "$file" >build/before
		sed -E "$part" build/before | cmp -s - build/before && fits_not=1
		earlier="$earlier;$part"
	done <build/parts
	rm -f build/parts build/before
	[ -n "$fits_not" ] || return
	echo "DOES NOT APPLY  $name: $file $change"
	broken=$((broken + 1))
}

[ -n "$list$fits" ] || prepare
while read -r name; do
	case $name in '' | '#'*) continue ;; esac
	read -r file && read -r change && read -r test || { echo "test/mutations: \"$name\" is no block of four lines" && exit 1; }
	is_wanted "$name" || continue
	if [ -n "$list" ]; then
		echo "$name: $test"
	elif [ -n "$fits" ]; then
		fit
	else
		try
	fi
done <test/mutations
[ -z "$list" ] || exit 0
[ -z "$fits" ] || exit "$((broken != 0))"
echo "$caught caught, $green not caught, $broken without an answer, $left left to the kernel step"
[ $green = 0 ] && [ $broken = 0 ] && [ $caught != 0 ]
