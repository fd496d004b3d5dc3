#!/bin/sh
# Pattern 2: root -> planner -> analyzer -> reader and checker, and a coder beside the analyzer.
# The planner fails after a while; all that it spawned ends with it, and the root begins anew.
case $1 in
root)
	while :; do
		id=$(LLM_PROVIDER=claude sysg spawn --name planner --print id -- sh ./agent.sh planner) || exit 1
		sysg wait "$id"
		sleep 1
	done
	;;
planner)
	sysg spawn --name analyzer -- sh ./agent.sh analyzer || exit 1
	LLM_PROVIDER=openai sysg spawn --name coder --no-spawn -- sh ./agent.sh leaf || exit 1
	sleep 6
	echo "planner: cannot go on" >&2
	exit 1
	;;
analyzer)
	sysg spawn --name reader -- sh ./agent.sh leaf || exit 1
	sysg spawn --name checker -- sh ./agent.sh leaf || exit 1
	exec sleep 3600
	;;
leaf)
	exec sleep 3600
	;;
esac
