"""pool.py JOB...: one worker for every three jobs that wait, and as many at once as the manifest allows.

A worker calls for its next job with what became of the last one; without an answer it ends. A job whose worker died is
done by another.
"""
import sys
import time
from sysg import Refused, ask, how, receive, spawn


def work():
    said = 'ready'
    while job := ask('call', unit='parent', body=said)['body']:
        time.sleep(0.1)  # the work
        said = f'did {job}'


def pool(jobs):
    doing = {}  # what each worker has, by its id
    while jobs or doing:
        try:
            while len(doing) * 3 < len(jobs):
                doing[spawn('python3', 'pool.py', '--work', name='worker')] = ''
        except Refused as e:
            if e.code != 'SG0803' or not doing:
                raise
        message = receive()
        worker, name = message['id'], message['path'].split('/')[-1]
        if message['kind'] == 'call':
            print(name, message['body'], flush=True)
            doing[worker] = jobs.pop(0) if jobs else ''
            ask('reply', msgid=message['msgid'], body=doing[worker])
        elif message['kind'] == 'exit':
            print(name, 'ended:', how(message), flush=True)
            lost = doing.pop(worker)
            if lost:
                jobs.append(lost)


work() if sys.argv[1] == '--work' else pool(sys.argv[1:])
