# pool.sh JOB...: one worker for every three jobs that wait, and as many at once as the manifest allows.
# A worker calls for its next job with what became of the last one; without an answer it ends.
nl='
'
if [ "$1" = worker ]; then
	said=ready
	while job=$(sysg call parent -- "$said") && [ -n "$job" ]; do
		sleep 0.1 # the work
		said="did $job"
	done
	exit
fi

workers=0
while [ $# -gt 0 ] || [ "$workers" -gt 0 ]; do
	while [ $((workers * 3)) -lt $# ] && sysg spawn --name worker -- sh pool.sh worker 2>/dev/null >&2; do
		workers=$((workers + 1))
	done
	message=$(sysg recv --timeout 30s) || exit
	read -r kind path id how <<-END
		$message
	END
	case $kind in
	call)
		echo "${path##*/} ${message#*"$nl"}"
		sysg reply "$id" -- "$1"
		[ $# -eq 0 ] || shift
		;;
	exit)
		echo "${path##*/} ended: $how"
		workers=$((workers - 1))
		;;
	esac
done
