# agents.sh planner TOPIC...: an agent looks into each topic, and has two readers. What they find travels up, each agent
# sends on what its own have sent. One that is stuck ends by its time to live, with all below it, and that is told too.
nl='
'

# What comes from N children, until all of them have ended.
gather() {
	left=$1
	while [ "$left" -gt 0 ]; do
		message=$(sysg recv) || exit
		read -r kind path _ how <<-END
			$message
		END
		case $kind:$how in
		msg:*) echo "${message#*"$nl"}" ;;
		exit:code=0*) left=$((left - 1)) ;;
		exit:*) left=$((left - 1)) && echo "${path##*/} ended: $how" ;;
		esac
	done
}

role=$1
shift
case $role in
planner)
	for topic; do
		sysg spawn --name "$topic" --ttl 2s -- sh agents.sh agent "$topic" >&2 || exit
	done
	gather $#
	;;
agent)
	for side in for against; do
		sysg spawn --name "$side" -- sh agents.sh reader "$side" "$1" >&2 || exit
	done
	sysg send parent -- "$1: $(gather 2 | sort | tr '\n' ' ')"
	;;
reader)
	[ "$2" != stuck ] || exec sleep 1000
	sysg send parent -- "$1-$2"
	;;
esac
