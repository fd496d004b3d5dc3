#!/bin/sh
[ $(($1 % 3)) -eq 0 ] && exec sleep 3600
sleep 2
echo "job $1 done"
