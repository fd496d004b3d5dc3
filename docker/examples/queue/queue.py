"""One worker for every four jobs that wait. How many there may be is the manifest's to say."""
import os
import subprocess
import sys
import time
from resp import Redis

LIMIT = 7  # sysg's exit status for "a limit is reached"
redis = Redis()


def give_back(taken):
    """What a worker had taken and not finished waits again."""
    while redis('LMOVE', taken, 'jobs', 'RIGHT', 'RIGHT'):
        pass


def spawn(taken):
    """A process that lives as long as the new worker does, or None where there is no room for one."""
    made = subprocess.run(['sysg', 'spawn', '--name', 'worker', '--print', 'id', '--', 'python3', '-u', 'worker.py', taken],
                          capture_output=True, text=True)
    if made.returncode == 0:
        return subprocess.Popen(['sysg', 'wait', made.stdout.strip()])
    if made.returncode != LIMIT:
        sys.exit(made.stderr)
    return None


# Here no worker lives: whoever ran us before ended with all that it had spawned.
for taken in redis('KEYS', 'taken:*'):
    give_back(taken)
os.write(3, b'ready\n')

workers, count = {}, 0
while True:
    for taken, worker in list(workers.items()):
        if worker.poll() is not None:
            give_back(taken)
            del workers[taken]
    while len(workers) * 4 < redis('LLEN', 'jobs'):
        count += 1
        worker = spawn(f'taken:{count}')
        if worker is None:
            break
        workers[f'taken:{count}'] = worker
    time.sleep(0.5)
