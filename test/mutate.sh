#!/bin/sh
# Takes each rule of test/mutations out of the source, one at a time, and looks whether the test that is named for it goes
# red. With a word only those whose name has it. Works in a copy (build/mutate); as root, for the end-to-end tests. A
# block of the list is four lines: name, file, sed expression, test (test/LAYER/test_x.c::NAME or test_x.py::NAME).
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
work=$root/build/mutate
only=${1:-}
green=0 caught=0 broken=0

mkdir -p "$work/src" "$root/build/e2e"
[ -x build/e2e/nsrun ] || gcc -static -O1 -D_GNU_SOURCE -o build/e2e/nsrun test/e2e/tools/nsrun*.c || exit 1
[ -x build/e2e/imp ] || gcc -static -O1 -D_GNU_SOURCE -pthread -o build/e2e/imp test/e2e/tools/imp.c || exit 1
# What did not change keeps its time, so that a second run builds little.
find . -path ./build -prune -o -path ./.git -prune -o -type f -print | while read -r f; do
	cmp -s "$f" "$work/src/$f" && continue
	mkdir -p "$work/src/${f%/*}"
	cp "$f" "$work/src/$f"
done
[ -f "$work/b/build.ninja" ] || meson setup "$work/b" "$work/src" -Doptimization=0 >"$work/setup.log" 2>&1 || {
	tail -20 "$work/setup.log"
	exit 1
}

# run_test TEST: builds what it needs, runs it. 0 green, 1 red, 2 it does not build.
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
		SYSG=$work/b/sysg timeout -k 5 180 /usr/bin/python3 -m pytest -q -x -p no:cacheprovider "test/e2e/$t_file::$t_name" >"$work/log" 2>&1
		case $? in 0) ;; 4 | 5) return 2 ;; *) return 1 ;; esac
		;;
	esac
}

while read -r name && read -r file && read -r change && read -r test; do
	read -r _ || :
	case $name in '#'* | '') echo "test/mutations: a block of other than four lines near \"$name\"" && exit 1 ;; esac
	case $name in *"$only"*) ;; *) continue ;; esac
	case " ${seen:-} " in *" $test "*) ;; *)
		seen="${seen:-} $test"
		run_test "$test" </dev/null || { echo "NOT GREEN WITHOUT A CHANGE  $name: $test" && broken=$((broken + 1)) && continue; }
		;;
	esac
	cp "$work/src/$file" "$work/before"
	sed -i -E "$change" "$work/src/$file"
	if cmp -s "$work/before" "$work/src/$file"; then
		echo "DOES NOT APPLY  $name: $file $change"
		broken=$((broken + 1))
		continue
	fi
	run_test "$test" </dev/null
	case $? in
	0) echo "STAYS GREEN  $name: $test" && green=$((green + 1)) ;;
	1) echo "red  $name" && caught=$((caught + 1)) ;;
	2) echo "DOES NOT BUILD  $name" && tail -5 "$work/log" && broken=$((broken + 1)) ;;
	esac
	cp "$work/before" "$work/src/$file"
done <test/mutations
echo "$caught caught, $green not caught, $broken without an answer"
[ $green = 0 ] && [ $broken = 0 ] && [ $caught != 0 ]
