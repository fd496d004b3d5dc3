#!/bin/sh
# libsysg.sh OUT CC OBJECT-OR-ARCHIVE...: one object in one archive, in which only the names sysg_* are to be seen
set -eu
out=$1 cc=$2
shift 2
tmp=$out.o
$cc -r -nostdlib -o "$tmp" -Wl,--whole-archive "$@" -Wl,--no-whole-archive
"$($cc -print-prog-name=objcopy)" --wildcard --keep-global-symbol='sysg_*' --strip-debug "$tmp"
rm -f "$out"
"$($cc -print-prog-name=ar)" rcs "$out" "$tmp"
rm -f "$tmp"
