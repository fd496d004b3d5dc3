#!/bin/sh
# The main job in half a minute: installs what is missing (Debian, as root), builds the static binary, boots
# docker/demo/systemg.yaml with it as PID 1 of fresh namespaces, draws the live tree, stops, and checks what it saw.
# The last line is "demo: ok" (exit 0) or "demo: FAILED: " and what was missing (exit 1).
# SYSG=FILE: that binary, nothing is installed or built. DEMO_SECONDS=N: how long it runs (20).
set -u
cd "$(dirname "$0")/.." || exit 1
here=$(pwd)
seconds=${DEMO_SECONDS:-20}
packages="gcc libc6-dev linux-libc-dev meson ninja-build pkg-config musl-tools util-linux mount"

die() {
	echo "demo: FAILED: $*"
	exit 1
}

install_missing() {
	missing=
	for p in $packages; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q ' installed$' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || die "not a Debian; install by hand:$missing"
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086
	{ apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } >"$tmp/apt.log" 2>&1 ||
		{ tail -n 20 "$tmp/apt.log"; die "apt-get could not install:$missing"; }
}

build() {
	if [ ! -f build/release/build.ninja ]; then
		meson setup build/release --native-file build-aux/musl.ini || return 1
	fi >"$tmp/build.log" 2>&1
	ninja -C build/release >>"$tmp/build.log" 2>&1
}

# --- the container ------------------------------------------------------------------------------------------

# The pid, as seen here, of the only child of process $1.
child_of() {
	for stat in /proc/[0-9]*/stat; do
		{ read -r line <"$stat"; } 2>/dev/null || continue
		# what follows the name in brackets: state, parent
		# shellcheck disable=SC2086
		set -- "$1" ${line##*) }
		[ "$3" = "$1" ] && { stat=${stat%/stat}; echo "${stat#/proc/}"; return 0; }
	done
	return 1
}

boot() {
	# A /run and a /var/log of its own, so that nothing of this machine is touched; then sysg is PID 1.
	# shellcheck disable=SC2016
	PATH="${SYSG%/*}:$PATH" unshare -p -f -m --mount-proc --kill-child sh -c '
		mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && mkdir /run/demo &&
		exec "$1" start --log-level info -c "$2"' sh "$SYSG" "$here/docker/demo/systemg.yaml" >"$tmp/out" 2>&1 &
	outer=$!
	tries=0
	while [ "$tries" -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
		init=$(child_of "$outer") && sysg ready >"$tmp/ready" 2>&1 && return 0
		[ -d "/proc/$outer" ] || break
	done
	cat "$tmp/out" "$tmp/ready" 2>/dev/null
	return 1
}

# An operator's command inside, as `docker exec` does it.
sysg() {
	timeout -k 1 20 nsenter -t "$init" -p -m -r -- "$SYSG" "$@"
}

# Is that pid, as seen inside, a process there?
alive() {
	[ -d "/proc/$init/root/proc/$1" ]
}

# The pids inside, of all processes of the service $1 and of what it spawned, by the name that each was started with.
members() {
	grep -lzE "^SYSG_NAME=$1(/|\$)" "/proc/$init/root/proc"/[0-9]*/environ 2>/dev/null |
		sed 's|/environ$||; s|.*/||'
}

cleanup() {
	trap - EXIT
	[ -n "${outer:-}" ] && [ -d "/proc/$outer" ] && kill -KILL "${init:-$outer}" 2>/dev/null
	rm -rf "$tmp"
}

# --- what is seen -------------------------------------------------------------------------------------------

saw() {
	has "$1" || seen="$seen $1"
}

has() {
	case " $seen " in *" $1 "*) ;; *) return 1 ;; esac
}

# Those words of $1 that were not seen.
lacking() {
	for s in $1; do
		has "$s" || echo "$s"
	done
}

# One look at the whole tree; $tmp/kids gets a spawned unit a line.
look() {
	sysg tree >"$tmp/tree" 2>&1
	sysg status --format json >"$tmp/status" 2>&1
	sed 's/{"child":/\n&/g; s/"children":\[/\n&/g' "$tmp/status" | grep '^{"child":' >"$tmp/kids"
	look_at_trees
	look_at_depth
	has ttl || look_at_ttl
	has cascade || look_at_notice
	has refused || look_at_refusal
}

# One snapshot in which each of the three services has a live child; and the queue's number of workers.
look_at_trees() {
	trees=0
	for s in queue agents batch; do
		grep -Eq "\"path\":\"$s/[^/\"]*\",.*\"state\":\"running\"" "$tmp/kids" && trees=$((trees + 1))
	done
	[ "$trees" -eq 3 ] && saw three-trees
	workers=$(grep -Ec '"path":"queue/[^"]*",.*"state":"running"' "$tmp/kids")
	[ "$workers" -eq 5 ] && saw scaled-up
	[ "$workers" -gt 5 ] && saw over-the-limit
	has scaled-up && [ "$workers" -lt 5 ] && saw scaled-down
}

field() {
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"]*\\).*/\\1/p"
}

# A process at depth 3. For the first one a wait is begun, which tells how it ended.
look_at_depth() {
	deep=$(grep '"depth":3,"state":"running"' "$tmp/kids" | head -n 1)
	[ -n "$deep" ] || return
	pid=$(echo "$deep" | field pid)
	alive "$pid" && saw depth-3
	[ -z "${deep_pid:-}" ] || return
	deep_pid=$pid
	deep_path=$(echo "$deep" | field path)
	timeout -k 1 100 nsenter -t "$init" -p -m -r -- "$SYSG" wait "$(echo "$deep" | field id)" >"$tmp/deep" 2>&1 &
	waiter=$!
}

# A unit that ended by its TTL, of which the process was seen alive before and is gone now.
look_at_ttl() {
	grep '"state":"running"' "$tmp/kids" | sed -n 's/.*"path":"\(batch[^"]*\)",.*"pid":\([0-9]*\).*/\1 \2/p' >>"$tmp/jobs"
	grep '"reason":"ttl"' "$tmp/kids" | field path >"$tmp/ttl"
	while read -r path; do
		pid=$(sed -n "s|^$path ||p" "$tmp/jobs" | head -n 1)
		[ -n "$pid" ] && ! alive "$pid" && saw ttl
	done <"$tmp/ttl"
}

# How that deep one ended. Its planner fails after 6 s.
look_at_notice() {
	[ -n "${deep_pid:-}" ] || return
	grep -q "^exit $deep_path .*reason=cascade" "$tmp/deep" && ! alive "$deep_pid" && saw cascade
}

look_at_refusal() {
	refusal=$(sysg logs -l 10000 --no-follow queue 2>&1 | grep -Eo 'error\[SG080[2-8]\]: .*' | head -n 1)
	[ -n "$refusal" ] && saw refused
}

# Units that came to their own end are left out, so that the tree fits a screen; what was ended is shown.
draw() {
	# shellcheck disable=SC2046
	set -- $(stty size 2>/dev/null <&1)
	if [ -t 1 ]; then
		printf '\033[H\033[J'
	elif [ "$now" -lt "$drawn" ]; then
		return
	fi
	drawn=$((now + 4))
	echo "sysg is PID 1 of its own namespaces (pid $init here), $((now - began)) s"
	grep -Ev '─ .*  (done|failed)  ' "$tmp/tree" | head -n "$((${1:-1000} - 2))"
	[ -t 1 ] || echo
}

# On a machine that is busy with other things it goes on until all was seen, at most thrice as long.
watch() {
	drawn=0
	began=$(date +%s)
	now=$began
	while [ $((now - began)) -lt "$seconds" ] ||
		{ [ -n "$(lacking "$to_watch")" ] && [ $((now - began)) -lt $((3 * seconds)) ]; }; do
		look
		draw
		sleep 0.4
		now=$(date +%s)
	done
}

# --- the end ------------------------------------------------------------------------------------------------

# One tree while PID 1 goes on: every process that it started is gone when the command returns.
stop_one() {
	before=$(members agents)
	sysg stop agents || return
	left=$(members agents)
	for pid in $before; do
		alive "$pid" && left="$left $pid"
	done
	[ -n "$before" ] && [ -z "$left" ] && saw stopped-whole
}

line_of() {
	grep -n "$1 is stopped" "$tmp/out" | tail -n 1 | cut -d : -f 1
}

# The container's end: as `docker stop` does it. Dependents first, no process left, exit code 0.
stop_all() {
	space=$(readlink "/proc/$init/ns/pid")
	kill -TERM "$init"
	ticks=0
	while [ -d "/proc/$init" ] && [ "$ticks" -lt 150 ]; do
		sleep 0.1
		ticks=$((ticks + 1))
	done
	[ -n "${waiter:-}" ] && wait "$waiter"
	[ -d "/proc/$init" ] && die "PID 1 did not end within 15 s"
	wait "$outer"
	code=$?
	[ "$code" -eq 0 ] && saw exit-0
	[ "$(line_of batch)" -lt "$(line_of queue)" ] 2>/dev/null && saw in-order
	readlink /proc/[0-9]*/ns/pid | grep -qxF "$space" || saw nothing-left
}

verdict() {
	missing=$(lacking "$to_watch $to_end")
	has over-the-limit && missing="$missing within-the-limit"
	# shellcheck disable=SC2086
	[ -z "$missing" ] || { tail -n 20 "$tmp/out"; die "not seen:" $missing "(exit code $code)"; }
	echo "demo: ok: three trees at once, depth 3, $refusal, a TTL end, a cascade, nothing left in /proc, exit code 0"
}

tmp=$(mktemp -d) || exit 1
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
[ "$(id -u)" -eq 0 ] || die "it makes namespaces, so it has to be run as root"
unshare -p -f -m --mount-proc true 2>"$tmp/unshare" ||
	die "no namespaces here ($(cat "$tmp/unshare")); inside a container it takes docker run --privileged"
if [ -z "${SYSG:-}" ]; then
	install_missing
	echo "building build/release/sysg"
	build || { tail -n 30 "$tmp/build.log"; die "the build failed"; }
	SYSG=$here/build/release/sysg
fi
case $SYSG in /*) ;; *) SYSG=$here/$SYSG ;; esac
seen=
code=none
to_watch="three-trees depth-3 scaled-up scaled-down refused ttl cascade"
to_end="stopped-whole in-order nothing-left exit-0"
boot || die "the services did not become ready"
watch
echo "stopping the agents, then all:"
stop_one
stop_all
verdict
