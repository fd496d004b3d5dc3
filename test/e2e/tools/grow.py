"""Holds memory and gets more of it at a steady rate: grow.py FILE BASE-MIB RATE-MB/s UP-TO-MIB [deaf]. FILE has what it
holds, in bytes, without the interpreter."""
import os
import signal
import sys
import time

name, base, rate, most = sys.argv[1], int(sys.argv[2]) << 20, int(sys.argv[3]) * 1000000, int(sys.argv[4]) << 20
if 'deaf' in sys.argv[5:]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
out = os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o666)
held, n = [], 0


def take(size):
    """In pieces, so that what the file says is never far behind."""
    global n
    while size > 0:
        piece = min(size, 1 << 19)
        held.append(b'x' * piece)
        n += piece
        size -= piece
        os.pwrite(out, b'%d\n' % n, 0)


take(base)
begun = time.monotonic()
while n < most:
    take(min(most, base + int((time.monotonic() - begun) * rate)) - n)
    time.sleep(0.002)
print('full', flush=True)
time.sleep(1000)
