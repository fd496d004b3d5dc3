"""A client of the control socket that behaves as badly as it is told to. Run inside a box, by the tests.

python peer.py TRICK [ARG...]; says what happened as one JSON object.
"""
import array
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

PATH = os.environ.get('SYSG_SOCKET', '/run/sysg/control.sock')


def connect(path=PATH, timeout=5):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(timeout)
    s.connect('\0' + path[1:] if path.startswith('@') else path)
    return s


def packet(*fields, body=b''):
    """key=value strings -> the bytes of one packet."""
    return b''.join(f.encode() + b'\0' for f in fields) + b'\0' + body


def ask(s, *fields):
    """One request, one reply, as a dict; {} where the connection was closed."""
    s.send(packet(*fields))
    return fields_of(s.recv(1 << 16))


def fields_of(data):
    head = data.split(b'\0\0')[0]
    return dict(f.decode(errors='replace').split('=', 1) for f in head.split(b'\0') if b'=' in f)


def ping_until(stop, path=PATH):
    """Pings over one connection until stop() says so: the worst round trip in seconds, and how many."""
    s, worst, n = connect(path), 0.0, 0
    while not stop():
        t = time.monotonic()
        assert ask(s, 'op=ping').get('ok') == '1'
        worst, n = max(worst, time.monotonic() - t), n + 1
        time.sleep(0.0005)
    return worst, n


def pass_fds(s, data, fds):
    s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])


def lingering():
    """A TCP socket with unsent data and SO_LINGER of 8 s, and what keeps its other end from reading."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(('127.0.0.1', 0))
    listener.listen(1)
    s = socket.create_connection(listener.getsockname())
    other, _ = listener.accept()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 8))
    s.setblocking(False)
    try:
        while True:
            s.send(b'x' * 65536)
    except BlockingIOError:
        pass
    return s, (listener, other)


def in_child(attack):
    """The attack runs in a process of its own; its descriptors are gone with it, or when it is done."""
    pid = os.fork()
    if pid:
        return pid
    try:
        attack()
    finally:
        os._exit(0)


def under(attack, seconds=1.0):
    """The worst ping while the attack runs and for a while after it."""
    connect().close()
    pid = in_child(attack)
    end = time.monotonic() + seconds
    worst, n = ping_until(lambda: time.monotonic() > end)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return {'worst_ms': worst * 1000, 'pings': n}


def linger(how='request'):
    """Passes the socket with a request, in a packet that is never a request, or leaves it unread; drops its copy."""
    s, keep = lingering()
    keeper = in_child(lambda: (s.close(), time.sleep(10)))
    for k in keep:
        k.close()
    answer = {}

    def attack():
        nonlocal s
        for _ in range(3):
            c = connect()
            try:
                pass_fds(c, packet('op=ping') if how == 'request' else b'garbage', [s.fileno()])
            except OSError as e:
                answer['refused'] = e.errno
            if how == 'unread':
                c.close()
        s.close()
        time.sleep(30)
    pid = in_child(attack)
    s.close()
    end = time.monotonic() + 1.5
    worst, n = ping_until(lambda: time.monotonic() > end)
    for p in (pid, keeper):
        os.kill(p, 9)
        os.waitpid(p, 0)
    return {'worst_ms': worst * 1000, 'pings': n}


def many(count='250'):
    def attack():
        fds = [os.open('/dev/null', os.O_RDONLY) for _ in range(int(count))]
        for _ in range(20):
            try:
                c = connect()
                pass_fds(c, packet('op=ping'), fds)
                c.close()
            except OSError:
                pass
    return under(attack)


def never_read(op='op=status'):
    """Asks and asks and never reads."""
    def attack():
        c = connect()
        c.setblocking(False)
        while True:
            try:
                c.send(packet(op))
            except BlockingIOError:
                select.select([], [c], [], 0.1)
            except OSError:
                c = connect()
                c.setblocking(False)
    return under(attack, 2.0)


def flood():
    """Reads its answers, asks as fast as it can, over eight connections."""
    def attack():
        cs = [connect() for _ in range(8)]
        while True:
            for c in cs:
                c.send(packet('op=ping'))
            for c in cs:
                c.recv(65536)
    return under(attack, 2.0)


BAD = [b'', b'\0', b'\0\0', b'x', b'op', b'op=ping', b'op=ping\0', b'=x\0\0', b'op=\0\0', b'op=nothing\0\0', b'ok=1\0\0', b'\xff' * 100,
       b'op=ping\0' * 5000, packet('op=stop', 'unit=' + 'x' * 60000), packet('op=spawn'), packet('op=spawn', 'arg=', 'ttl_ns=x'),
       packet('op=spawn', 'ttl_ns=99999999999999999999', 'arg=true'), packet('op=wait'), packet('op=wait', 'unit=@999999'),
       packet('op=wait', 'unit=@-1'), packet('op=status', 'unit=' + '/' * 1000), packet('more=1', 'op=ping'), packet('+op=x'),
       packet('op=ping', 'v=99'), packet('op=ping', 'nonsense=1'), packet('op=ping', body=b'\0' * 60000), packet('op=shutdown', 'x=1')]


def malformed():
    """Each malformed packet on a connection of its own; then it must still answer."""
    answers = []
    for bad in BAD:
        c = connect(timeout=2)
        try:
            c.send(bad)
            if bad == b'':
                answers.append('sent')
                continue
            f = fields_of(c.recv(1 << 16))
            answers.append(f.get('code') or ('ok' if f.get('ok') == '1' else 'closed'))
        except socket.timeout:
            answers.append('waits')
        except OSError as e:
            answers.append(type(e).__name__)
        finally:
            c.close()
    return {'answers': answers, 'after': ask(connect(), 'op=ping').get('ok')}


def endless():
    """A request of many parts that never ends: refused when it is past its bound."""
    c, n = connect(), 0
    try:
        while n < 100:
            c.send(packet('more=1', 'op=spawn' if n == 0 else 'arg=' + 'x' * 60000))
            n += 1
        f = fields_of(c.recv(1 << 16))
    except OSError:
        c.setblocking(True)
        try:
            f = fields_of(c.recv(1 << 16))
        except OSError:
            f = {}
    return {'parts': n, 'code': f.get('code'), 'after': ask(connect(), 'op=ping').get('ok')}


def hoard(count='400'):
    """Opens connections and says nothing: how many of them are answered busy."""
    held, busy = [], 0
    for _ in range(int(count)):
        try:
            held.append(connect(timeout=1))
        except OSError:
            break
    for c in held:
        c.setblocking(False)
        try:
            if fields_of(c.recv(4096)).get('code') == 'SG0833':
                busy += 1
        except (BlockingIOError, OSError):
            pass
    return {'held': len(held), 'busy': busy}


def passed_on():
    """A connected socket handed to another process: its requests ask for nothing."""
    c = connect()
    who = ask(c, 'op=whoami')
    r = subprocess.run([sys.executable, __file__, 'use_fd', str(c.fileno())], pass_fds=[c.fileno()], capture_output=True, text=True)
    return {'mine': who, 'theirs': json.loads(r.stdout or '{}'), 'err': r.stderr}


def use_fd(fd):
    s = socket.socket(fileno=int(fd))
    s.settimeout(3)
    try:
        return ask(s, *(['op=spawn', 'arg=sleep', 'arg=4999', 'cwd=/']))
    except OSError as e:
        return {'closed': type(e).__name__}


def whoami(*how):
    """Who the init says we are; before it asks it may fork, leave its session, or change its uid."""
    if 'fork' in how:
        if os.fork():
            os._exit(0)
    if 'setsid' in how:
        os.setsid()
    if 'orphan' in how:
        parent = os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == parent:
            time.sleep(0.005)
    for w in how:
        if w.startswith('uid='):
            os.setgroups([])
            os.setresgid(*[int(w[4:])] * 3)
            os.setresuid(*[int(w[4:])] * 3)
    f = ask(connect(), 'op=whoami')
    out = [w for w in how if w.startswith('to=')]
    if out:
        with open(out[0][3:] + '.new', 'w') as file:
            json.dump(f, file)
        os.rename(out[0][3:] + '.new', out[0][3:])
    return f


def main():
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))


if __name__ == '__main__':
    main()
