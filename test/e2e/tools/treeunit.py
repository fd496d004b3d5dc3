"""One unit of test_soak_tree.py: does this and that at random, and takes down what it saw, in order, in log/ID.

python treeunit.py LEVEL; LEVEL 0 is a service. While the file `rest` exists it does nothing new: it stops what is below it,
reads its mailbox to the end, and says so by a file in done/.
"""
import os
import random
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import PATH, connect, fields_of, packet  # noqa: E402

LEVEL, ME = int(sys.argv[1]), os.environ['SYSG_ID']
KIDS = (2, 1, 0)[LEVEL]  # scripted ones, each of a level more
PAUSE = float(os.environ.get('SOAK_PAUSE', 0.3))
SHORT = [['true'], ['false'], ['sleep', '0.05'], ['sleep', '0.4'], ['sh', '-c', 'kill -9 $$'], ['nothing-of-this-name']]
LONG = [['sleep', '1000'], ['sh', '-c', "trap '' TERM; sleep 1000 & wait"], ['sh', '-c', 'setsid sleep 1000 & exec sleep 0.2'],
        ['sh', '-c', 'sysg spawn -- sleep 0.2 >/dev/null; exec sysg spawn --wait -- sleep 0.3'],
        ['sh', '-c', 'sysg send parent -- last; exit 3'], ['sh', '-c', '(setsid sh -c "setsid sleep 1000 &" &) ; exec sleep 2']]
WILL = b'bye'
SERVICES = [f'{c}{i + (c == "@")}' for c in 's@' for i in range(10)]
VERBS = ['message', 'stop', 'signal', 'logs', 'status']
EXPECTED = {
    'spawn': 'SG0006 SG0202 SG0801 SG0802 SG0803 SG0804 SG0807 SG0809 SG0811 SG0812 SG0813 SG0815 SG0823 SG0826 SG0831 SG0833',
    'stop': 'SG0006 SG0202 SG0811 SG0833 SG0101 SG0713', 'send': 'SG0006 SG0202 SG0811 SG0821 SG0823 SG0833',
    'call': 'SG0006 SG0202 SG0811 SG0821 SG0822 SG0823 SG0825 SG0833', 'grant': 'SG0006 SG0202 SG0811 SG0823 SG0831 SG0833',
    'revoke': 'SG0006 SG0202 SG0210 SG0811 SG0823 SG0833', 'wait': 'SG0006 SG0202 SG0811 SG0822 SG0826 SG0833', 'status': 'SG0833',
    'recv': 'SG0822 SG0833', 'ack': 'SG0833', 'reply': 'SG0824 SG0833'}

rnd = random.Random(f'{open("seed").read()} {ME} {os.getpid()}')
journal = os.open(f'log/{ME}', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
kids, scripted, held, clients = {}, set(), [], []


def note(*words):
    os.write(journal, (' '.join(map(str, words)) + '\n').encode())


def trouble(kind, value, trace):
    note('odd', kind.__name__, f'{value}'.replace('\n', ' '), 'line', *[t.lineno for t in traceback.extract_tb(trace)])


sys.excepthook = trouble


def request(s, op, *fields, body=b''):
    """The fields of the answer and its body; {} where the connection was closed."""
    try:
        s.send(packet(f'op={op}', *fields, body=body))
        data = s.recv(1 << 16)
    except OSError:
        return {}, b''
    r = fields_of(data)
    if r and r.get('ok') != '1' and r.get('code') not in EXPECTED[op].split():
        note('odd', op, r.get('code'), r.get('msg'), *[f[:60] for f in fields if not f.startswith('env=')])
    return r, data.partition(b'\0\0')[2]


def ask(op, *fields, body=b''):
    s = connect(timeout=20)
    with s:
        return request(s, op, *fields, body=body)[0]


def verb_over(unit):
    """No service is stopped by another unit: it would have no rest to come to."""
    return rnd.choice([v for v in VERBS if v != 'stop' or unit not in SERVICES])


def by_id():
    try:
        ids = open('ids').read().split()
    except FileNotFoundError:
        ids = []
    return rnd.choice([*ids, *kids, f's{rnd.randrange(10)}'])


def somebody():
    return rnd.choice([by_id(), by_id(), by_id(), 'parent', 'w'])


def spawn_fields(command):
    f = [*('arg=' + w for w in command), 'cwd=' + os.getcwd(), 'env=PATH=' + os.environ['PATH'], 'env=SYSG_SOCKET=' + PATH]
    f += rnd.choice([[], [], ['env=JUNK=' + 'x' * 3000], ['name=w'], ['name=w', 'unique=1'], ['public=1']])
    if 'public=1' in f:
        note('public')
    f += rnd.choice([[], [], ['ttl_ns=' + str(rnd.randrange(1, 2 * 10 ** 9))], ['policy=cascade'], ['limit=depth=0'], ['no_spawn=1']])
    f += rnd.choice([[], [], ['on_exit=restart-on-failure'], [f'will={len(WILL)}:parent']]) if command in LONG else []
    one = somebody()
    f += rnd.choice([[], [], [f'request={verb_over(one)}:{one}?'], [f'request=message:{one}']])
    return f


def will(fields):
    return WILL if any(f.startswith('will=') for f in fields) else b''


def grant_fields():
    """Over the child that is going to be: taken down before it is asked, as one over whatever is born of this."""
    if rnd.random() >= 0.2:
        return []
    to, verb = by_id(), rnd.choice(VERBS)
    note('gives', to, verb)
    return [f'grant={to}={verb}']


def born(r, level=None):
    if r.get('ok') != '1' or 'id' not in r:
        return
    note('born', r['id'])
    kids[r['id']] = int(r['pid'])
    if level is not None:
        scripted.add(r['id'])


def spawn(command=None, *more):
    f = spawn_fields(command or rnd.choice(SHORT * 2 + LONG))
    g = grant_fields()
    r = ask('spawn', *f, *g, *more, body=will(f))
    born(r)
    return r


def spawn_scripted():
    if len(scripted) < KIDS:
        f = ['arg=python', 'arg=' + os.path.abspath(__file__), f'arg={LEVEL + 1}', 'cwd=' + os.getcwd(), 'name=u', 'on_exit=restart',
             *('env=' + k + '=' + os.environ[k] for k in ('PATH', 'SOAK_PAUSE') if k in os.environ)]
        born(ask('spawn', *f), LEVEL + 1)


def spawn_and_hold(*more):
    s = connect(timeout=20)
    f = spawn_fields(rnd.choice(SHORT + LONG))
    born(request(s, 'spawn', *f, *more, body=will(f))[0])
    held.append(s)


def broken_off():
    """Gone before the answer."""
    with connect(timeout=20) as s:
        try:
            f = spawn_fields(rnd.choice(SHORT + LONG))
            s.send(packet('op=spawn', *f, *rnd.choice([[], ['queue_ns=-1'], ['bind=1'], ['wait=1']]), body=will(f)))
        except OSError:
            pass


def queue_and_die():
    """A client of its own waits for room, or for its child, and is killed."""
    clients.append(subprocess.Popen(['sysg', 'spawn', *rnd.choice([['--queue'], ['--queue=1s'], ['--wait'], ['--bind']]), '--',
                                     *rnd.choice(SHORT + LONG)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    while len(clients) > 3:
        c = clients.pop(0)
        c.kill()
        c.wait()


def queue():
    s = connect(timeout=20)
    try:
        s.send(packet('op=spawn', *spawn_fields(rnd.choice(SHORT)), 'queue_ns=' + rnd.choice(['-1', str(10 ** 9)])))
        held.append(s)
    except OSError:
        s.close()


def stop():
    one = rnd.choice([*kids] * 4 + [somebody()])
    if LEVEL == 0 and one in SERVICES:
        return  # it would be itself, now and then
    with connect(timeout=20) as s:
        if rnd.random() < 0.5:
            request(s, 'stop', f'unit={one}', 'wait=1', 'timeout_ns=' + str(10 ** 9))
        else:
            request(s, 'stop', f'unit={one}', 'wait=0')


def kill():
    if kids:
        one = rnd.choice([*kids])
        try:
            os.kill(kids[one], rnd.choice([9, 9, 9, 15, 19]))
        except OSError:
            pass
        kids.pop(one)


def kill_itself():
    if rnd.random() < 0.1:
        note('suicide')
        os.kill(os.getpid(), signal.SIGKILL)


def send():
    to = somebody()
    ask('send', f'unit={to}', 'timeout_ns=' + rnd.choice(['0', str(10 ** 8)]), body=f'{ME} {time.monotonic_ns()}'.encode() + b'x' * rnd.choice([0, 0, 2000]))


def call():
    ask('call', f'unit={somebody()}', 'timeout_ns=' + str(10 ** 8), body=b'ping')


def take_one(timeout_ns=0):
    """One thing out of the mailbox, now and then without saying that it was read: then it has to come again."""
    with connect(timeout=20) as s:
        r, body = request(s, 'recv', f'timeout_ns={timeout_ns}')
        if r.get('ok') != '1':
            return None
        if r['kind'] == 'exit':
            what = ('exit', r['id'])
        elif b' ' in body and body[:1] == b'@' and r.get('will') != '1':
            what = ('msg', *body.rstrip(b'x').decode().split())
        else:
            what = ('other', r.get('msgid'))
        note('got', *what)
        if rnd.random() < 0.1:
            return what
        note('acking', *what)
        if request(s, 'ack')[0].get('ok') == '1':
            note('acked', *what)
        if what[0] == 'exit':
            kids.pop(what[1], None)
            scripted.discard(what[1])
    if r['kind'] == 'call':
        ask('reply', f'msgid={r["msgid"]}', body=b'pong')
    return what


def recv():
    for _ in range(8):
        if not take_one():
            return


def grant():
    to, over = by_id(), rnd.choice([*kids, ME, by_id()])
    verb = verb_over(over)
    note('grants', to, verb, over)
    ask(rnd.choice(['grant', 'grant', 'revoke']), f'unit={to}', f'right={verb}:{over}')


def listen():
    with connect(timeout=20) as s:
        s.send(packet('op=status', 'unit=self'))
        if rnd.random() < 0.5:
            s.recv(1 << 16)


def wait():
    ask('wait', f'unit={rnd.choice([*kids, "parent", somebody()])}', 'timeout_ns=' + str(rnd.choice([1, 10 ** 8])))


def drop():
    while len(held) > rnd.randrange(8):
        held.pop(rnd.randrange(len(held))).close()


ACTIONS = [spawn] * 6 + [lambda: spawn_and_hold('wait=1'), lambda: spawn_and_hold('bind=1'), broken_off, queue, queue, queue_and_die, stop, stop,
                         kill, kill, kill_itself, send, send, send, call, recv, recv, recv, recv, recv, grant, grant, listen, wait, drop, drop]


def mine():
    """Ids of the living units right below."""
    found = []
    with connect(timeout=20) as s:
        s.send(packet('op=status', 'unit=self'))
        while True:
            f = fields_of(s.recv(1 << 16))
            if not f or f.get('end') or f.get('ok') != '1':
                return found if f.get('end') else None
            if f.get('parent') == ME and not f.get('orphan') and f.get('state') not in ('stopped', 'done', 'failed'):
                found.append(f['id'])


def rest(number):
    """What is scripted below rests first, so that it reads what it is to be told."""
    end = time.monotonic() + 5
    while time.monotonic() < end and any(not os.path.exists(f'done/{k}.{number}') for k in scripted & set(mine() or ())):
        time.sleep(0.05)
    for c in clients:
        c.kill()
        c.wait()
    clients.clear()
    while held:
        held.pop().close()
    while (left := mine()) != []:
        for k in left or ():
            ask('stop', f'unit={k}', 'wait=1', 'timeout_ns=' + str(5 * 10 ** 9))
    while take_one(2 * 10 ** 8):
        pass
    kids.clear()
    scripted.clear()
    note('complete', number)
    open(f'done/{ME}.{number}', 'w').close()
    while os.path.exists('rest'):
        time.sleep(0.05)


note('up', os.getpid())
while (old := mine()) is None:
    time.sleep(0.05)
scripted.update(old)  # of the run before this one, where a restart leaves them
while True:
    try:
        number = open('rest').read()
    except FileNotFoundError:
        number = None
    try:
        if number:
            rest(number)
            continue
        spawn_scripted()
        rnd.choice(ACTIONS)()
    except OSError:
        pass  # refused for want of a place, or cut off
    time.sleep(rnd.random() * 2 * PAUSE)
