"""Takes jobs until none has come for two seconds, or until it is told to stop."""
import signal
import sys
import time
from resp import Redis

redis, taken, told = Redis(), sys.argv[1], []
signal.signal(signal.SIGTERM, lambda *_: told.append(True))

while not told:
    job = redis('BLMOVE', 'jobs', taken, 'RIGHT', 'LEFT', 2)
    if job is None:
        break
    time.sleep(0.5)  # the work
    redis('LREM', taken, 1, job)
    redis('INCR', 'done')
    print('did', job)
