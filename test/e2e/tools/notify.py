"""Says READY=1 on $NOTIFY_SOCKET, then waits."""
import os
import signal
import socket

where = os.environ['NOTIFY_SOCKET']
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b'READY=1', '\0' + where[1:] if where.startswith('@') else where)
signal.pause()
