# mapreduce.sh FILE...: how many words all files have. Each is counted by a process of its own, three at a time.
if [ "$1" = map ]; then
	sysg send parent -- "$(wc -w <"$2")"
	exit
fi

# Waits for the first of the mappers to end, and adds what it has sent.
reduce() {
	# shellcheck disable=SC2086
	read -r _ path _ how <<-END
		$(sysg wait --any $running)
	END
	words=$(sysg recv --from "$path" --type msg --timeout 0 --body) || exit
	sysg recv --from "$path" --type exit --body # its result is not needed any more
	echo "${path##*/}: $words words, $how"
	total=$((total + words))
	rest=
	for id in $running; do
		[ "$id" = "${path##*/}" ] || rest="$rest $id"
	done
	running=$rest
}

running=
total=0
for file; do
	# shellcheck disable=SC2086
	set -- $running
	[ $# -lt 3 ] || reduce
	running="$running $(sysg spawn --print id -- sh mapreduce.sh map "$file")"
done
while [ -n "$running" ]; do
	reduce
done
echo "total: $total"
