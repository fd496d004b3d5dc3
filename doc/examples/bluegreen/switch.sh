#!/bin/sh
# Has the front hand requests on to this port: its file whole or not at all, then HUP, on which nginx reads it.
set -e
echo "server 127.0.0.1:$1;" >run/active.new
mv run/active.new run/active.conf
sysg signal front HUP
