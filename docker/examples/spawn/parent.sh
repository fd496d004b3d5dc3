# Spawns a child, gets what it sends, and then that it has ended.
sysg spawn --name child -- sh child.sh 6 7
sysg recv
sysg recv
