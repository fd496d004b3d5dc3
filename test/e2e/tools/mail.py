"""A client of mailboxes that does what `sysg` never does: reads without acknowledging, dies at once, a thousand at a time."""
import json
import os
import select
import socket
import sys
import time

from peer import PATH, ask, connect, fields_of, packet


def say(s, *fields, body=b''):
    s.send(packet(*fields, body=body))
    return fields_of(s.recv(1 << 16))


def settled(s):
    """All that was sent before is served: a second turn of the supervisor has begun since."""
    for _ in range(2):
        assert ask(s, 'op=ping')['ok'] == '1'


def read_and_die(*fields):
    """Takes what comes first, says what it was, and is killed before it acknowledges."""
    f = ask(connect(timeout=20), 'op=recv', *fields)
    print(f.get('path'), f.get('msgid'), flush=True)
    os.kill(os.getpid(), 9)


def last_words(target, text):
    """Asks who it is, so that it is known; then sends and is gone, with no look at the answer."""
    s = connect()
    ask(s, 'op=whoami')
    s.send(packet('op=send', f'unit={target}', body=text.encode()))
    os._exit(0)


def last_words_unseen(target, n):
    """The same, many of them, from when the file `go` is there, with an answer unread: PID 1 stands still meanwhile."""
    s = connect()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    ask(s, 'op=whoami')
    s.send(packet('op=ping'))
    settled(connect())
    open('ready', 'w').close()
    while not os.path.exists('go'):
        time.sleep(0.01)
    for i in range(int(n)):
        s.send(packet('op=send', f'unit={target}', body=b'%d' % i))
    os._exit(0)


def in_order(target, n):
    """n senders wait for room, one behind the other, then what each was told: the bodies are their numbers."""
    waiting, other = [], connect()
    for i in range(int(n)):
        s = connect(timeout=30)
        s.send(packet('op=send', f'unit={target}', 'timeout_ns=30000000000', body=str(i).encode()))
        settled(other)
        waiting.append(s)
    print('wait', flush=True)
    print(json.dumps([fields_of(s.recv(1 << 16)).get('ok') for s in waiting]), flush=True)


def begin(target, i):
    """One sender's socket, its message on the way, or None where there is no room for its connection."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.setblocking(False)
    try:
        s.connect(PATH)
        s.send(packet('op=send', f'unit={target}', 'timeout_ns=60000000000', body=b'%d' % i))
        return s
    except (BlockingIOError, ConnectionResetError, BrokenPipeError):
        s.close()
        return None


def answer(s):
    try:
        return fields_of(s.recv(1 << 16))
    except ConnectionResetError:  # with the reply behind it
        try:
            return fields_of(s.recv(1 << 16))
        except OSError:
            return {}


def crowd(target, n):
    """n connections send one message each, as many at a time as can; busy ones try again. The worst round trip of a
    ping meanwhile."""
    other, worst, at = connect(timeout=60), 0, {}
    todo, failed = list(range(int(n))), 0
    while todo or at:
        while todo and (s := begin(target, todo[-1])):
            at[s.fileno()] = (s, todo.pop())
        t = time.monotonic()
        ask(other, 'op=ping')
        worst = max(worst, time.monotonic() - t)
        for fd in select.select(list(at), [], [], 0.01)[0]:
            s, i = at.pop(fd)
            f = answer(s)
            if f.get('code') == 'SG0833' or not f:
                todo.append(i)
            else:
                failed += f.get('ok') != '1'
            s.close()
    print(json.dumps({'failed': failed, 'worst_ms': worst * 1000}))


def two_recvs():
    """A second recv of one process, while the first waits."""
    a, b = connect(), connect()
    a.send(packet('op=recv'))
    settled(b)
    print(ask(b, 'op=recv').get('code'))


def twice_unacknowledged():
    s = connect()
    first, second = ask(s, 'op=recv'), ask(s, 'op=recv')
    print(first.get('ok'), second.get('code'), ask(s, 'op=ack').get('ok'), ask(s, 'op=ack').get('code'))


def call_and_go(target):
    """Calls and goes away, once the call is in the mailbox."""
    s = connect()
    s.send(packet('op=call', f'unit={target}'))
    settled(connect())
    print('called', flush=True)
    sys.stdin.read(1)


if __name__ == '__main__':
    globals()[sys.argv[1]](*sys.argv[2:])
