#!/bin/sh
# Takes items until none has come for a second, then ends: the scaling down.
idle=0
while [ "$idle" -lt 4 ]; do
	idle=$((idle + 1))
	for item in /run/demo/items/item.*; do
		# a rename has one winner
		mv "$item" "/run/demo/taken.$$" 2>/dev/null || continue
		sleep 0.7
		rm -f "/run/demo/taken.$$"
		idle=0
		break
	done
	[ "$idle" -eq 0 ] || sleep 0.25
done
