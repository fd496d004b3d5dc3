#!/bin/sh
# Pattern 3: a job every second and a half, each with a time to live. Every third one hangs; nobody has to look after it.
job=0
trap 'echo "no more jobs"; exit 0' TERM
while :; do
	job=$((job + 1))
	sysg spawn --name "job_$job" --ttl 3 -- sh ./job.sh "$job" || exit 1
	sleep 1.5
done
