"""Requests to sysg over one `sysg batch`, a line of JSON each: ask('send', unit='parent', body='hello')."""
import json
import subprocess

batch = subprocess.Popen(['sysg', 'batch'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error['message'])
        self.code = error['code']


def ask(op, **fields):
    print(json.dumps({'op': op, **fields}), file=batch.stdin, flush=True)
    answer = json.loads(batch.stdout.readline())
    if not answer['ok']:
        raise Refused(answer['error'])
    return answer


def spawn(*argv, **fields):
    return ask('spawn', arg=argv, **fields)['id']


def receive(**filters):
    """The next message, which is taken out of the mailbox once it was read."""
    message = ask('recv', **filters)
    ask('ack')
    return message


def how(notice):
    return ' '.join(f'{k}={notice[k]}' for k in ('code', 'signal', 'reason') if k in notice)
