#!/bin/sh
# Pattern 1: an item is a file, a burst of them comes every 6 s; one worker for every 4 items that wait.
# It asks for as many workers as it would like. How many there may be is the manifest's to say: then spawn fails.
dir=/run/demo/items
mkdir -p "$dir"
: >/run/demo/ready

# 8, 28 or 16 items, in turn.
burst() {
	i=$((8 + $1 / 12 % 3 * 20 % 32))
	while [ "$i" -gt 0 ]; do
		: >"$dir/item.$1.$i"
		i=$((i - 1))
	done
}

# How many of the pids are alive.
alive() {
	n=0
	for pid; do
		[ -d "/proc/$pid" ] && n=$((n + 1))
	done
	echo "$n"
}

turn=0
workers=
while :; do
	[ $((turn % 12)) -eq 0 ] && burst "$turn"
	turn=$((turn + 1))
	set -- "$dir"/item.*
	[ -e "$1" ] || set --
	wanted=$((($# + 3) / 4))
	# shellcheck disable=SC2086
	have=$(alive $workers)
	while [ "$have" -lt "$wanted" ]; do
		pid=$(sysg spawn --name worker --ttl 3600 -- sh ./worker.sh) || break
		workers="$workers $pid"
		have=$((have + 1))
	done
	sleep 0.5
done
