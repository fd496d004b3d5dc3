"""A thousand of something at once: PID 1 does as much of it as fits into a turn of its loop, and the rest in the turns after.

The bound asserted is ten times what is meant, 20 ms, as a busy machine takes the processor away in the midst of a turn.
"""
import pytest

from harness import IMP, TOOLS, assert_gone, until

BOUND_US = 200_000
PARENT = '''
import os, signal, sys, time
sys.path.insert(0, %r)
from peer import *
N = %d

def spawn(command, n):
    """n children, by many connections at once: (id, pid)."""
    found, conns = [], [connect(timeout=60) for _ in range(16)]
    f = packet('op=spawn', *('arg=' + w for w in command), 'cwd=/', 'env=PATH=' + os.environ['PATH'])
    for i in range(0, n, 16):
        for s in conns[:n - i]: s.send(f)
        for s in conns[:n - i]:
            r = fields_of(s.recv(65536))
            assert r.get('ok') == '1', r
            found.append((r['id'], int(r['pid'])))
    return found

def say(name, text='x'):
    open(name + '.new', 'w').write(str(text)); os.rename(name + '.new', name)

def go(name):
    while not os.path.exists(name): time.sleep(0.01)

'''


def parent(box, script, n=1000, **kw):
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(PARENT % (str(TOOLS), n) + script + '\ntime.sleep(1000)\n')
    return box('services: {root: {exec: [python, main.py], stop_timeout: 500ms, spawn: {mode: dynamic, '
               f'limits: {{children: {n}, descendants: {n}}}}}}}}}', home=b.home, timeout=180, **kw).up()


def longest(b):
    return b.status_json()['supervisor']['loop']['longest_turn_us']


def told(capsys, what, *us):
    with capsys.disabled():
        print(f'\n  1000 {what}: the longest turn took {", ".join(f"{n} us" for n in us)}')
    assert max(us) < BOUND_US


@pytest.mark.alone
def test_a_thousand_children_that_are_born_listed_awaited_and_killed_at_once(box, capsys):
    b = parent(box, '''
kids = spawn(['sleep', '1000'], N)
say('born')
go('await')
waiting = []
for id, _ in kids:
    s = connect(timeout=100)
    s.send(packet('op=wait', 'unit=' + id))
    waiting.append(s)
    if len(waiting) % 16 == 0: ask(connect(), 'op=ping')  # an unread request holds one of 32 places
say('awaited')
go('kill')
for _, pid in kids: os.kill(pid, 9)
for s in waiting: assert fields_of(s.recv(65536)).get('signal') == '9'
say('told')
''')
    b.file('born', 60)
    born = longest(b)
    for _ in range(3):
        assert b.sysg_ok('status', '--format', 'json').count('"sleep 1000"') >= 1000
    listed = longest(b)
    (b.home / 'await').touch()
    b.file('awaited', 60)
    (b.home / 'kill').touch()
    b.file('told', 60)
    told(capsys, 'children (born, listed, killed before as many that wait)', born, listed, longest(b))
    assert b.unit('root')['counts']['children'] == 0


@pytest.mark.alone
@pytest.mark.parametrize('deaf', [False, True])
def test_a_tree_of_a_thousand_that_is_stopped(box, capsys, deaf):
    command = [IMP, 'deaf'] if deaf else ['sleep', '1000']
    b = parent(box, f"spawn({command!r}, N)\nsay('born')")
    b.file('born', 60)
    until(lambda: len(b.others()) == 1001, 30, 0.1)
    before = longest(b)
    b.sysg_ok('stop', 'root', timeout=60)
    assert_gone(b)
    told(capsys, f'stopped with their service{", by KILL" if deaf else ""}', before, longest(b))


@pytest.mark.alone
def test_a_request_that_names_a_thousand_units(box, capsys):
    b = parent(box, '''
kids = spawn(['sleep', '1000'], N)
s = connect(timeout=100)
s.send(packet('op=wait', 'timeout_ns=1', *('unit=root/' + id for id, _ in kids)))
assert fields_of(s.recv(65536)).get('code') == 'SG0822'
say('waited')
''')
    before = b.file('waited', 60) and longest(b)
    told(capsys, 'named by their paths in one request', before)


@pytest.mark.alone
def test_room_for_hundreds_that_wait_and_somebody_asks_for_more_at_once(box, capsys):
    b = parent(box, '''
kids = spawn(['sleep', '1000'], N)
f = packet('op=spawn', 'arg=sleep', 'arg=1000', 'cwd=/', 'env=PATH=' + os.environ['PATH'])
waiting = []
for i in range(N):
    waiting.append(connect(timeout=100))
    waiting[-1].send(f[:-1] + b'queue_ns=-1\\0\\0')
    if i % 16 == 15: ask(connect(), 'op=ping')  # an unread request holds one of 32 places
say('waiting')
go('kill')
more = [connect(timeout=100) for _ in range(20)]
for _, pid in kids: os.kill(pid, 9)
codes = []
for s in more:
    s.send(f)
    codes.append(fields_of(s.recv(65536)).get('code', 'none'))
say('codes', ' '.join(sorted(set(codes))))
got = [fields_of(s.recv(65536)) for s in waiting]
say('served', sum(r.get('ok') == '1' for r in got))
''', n=500)
    b.file('waiting', 60)
    before = longest(b)
    (b.home / 'kill').touch()
    served, codes = b.file('served', 60), b.file('codes', 1)
    told(capsys, 'halves, of which one waited for the other, and 20 that asked when it was gone', before, longest(b))
    assert served == '500'
    assert codes == 'SG0803'


@pytest.mark.alone
def test_the_look_for_a_deadlock_among_hundreds_that_wait_for_one_another(box, capsys):
    """A chain of units, each of which waits for the next; and their parent, which waits hundreds of times for half of them."""
    b = parent(box, '''
s, ids = connect(timeout=60), []
for i in range(N):
    os.mkfifo(f'go.{i}')
    then = f'wait root/u{i + 1}' if i + 1 < N else 'spawn --queue -- true; : >asked'
    r = ask(s, 'op=spawn', f'name=u{i}', 'arg=sh', 'arg=-c', f'arg=read x <go.{i}; sysg {then}', 'cwd=' + os.getcwd(), 'env=PATH=' + os.environ['PATH'])
    assert r['ok'] == '1', r
    ids.append(r['id'])
for i in range(N - 1):
    assert ask(s, 'op=grant', 'unit=' + ids[i], 'right=status:' + ids[i + 1])['ok'] == '1'
    open(f'go.{i}', 'w').write('x\\n')  # their order is that of the chain
waiting = []
for i in range(900):
    waiting.append(connect(timeout=60))
    waiting[-1].send(packet('op=wait', *('unit=' + id for id in ids[:N // 2])))
    ask(connect(), 'op=ping')
say('ready')
''', n=480)
    b.file('ready', 100)
    before = longest(b)
    (b.home / 'go.479').write_text('x\n')
    until(lambda: (b.home / 'asked').exists() or b.unit('root')['counts'].get('queued') or b.unit('u479')['counts'].get('queued'), 60)
    told(capsys, 'waits, of which one looks whether it is a deadlock', before, longest(b))


@pytest.mark.alone
def test_a_reload_and_a_stop_of_hundreds_with_a_pre_stop_hook_each(box, capsys):
    def text(value):
        return 'services:\n' + ''.join(
            f'  s{i}: {{exec: [sleep, "1000"], env: {{A: "{value}"}}, hooks: {{pre_stop: {{command: ["true"]}}}}}}\n' for i in range(400))
    b = box(text(1), timeout=180).up()
    until(lambda: b.sysg('ready').returncode == 0, 120, 0.1)
    b.write_manifest(text(2))
    b.sysg_ok('reload', timeout=60)
    reload = longest(b)
    b.sysg_ok('stop', timeout=60)
    told(capsys, 'services, but 400 of them with a hook, restarted and then stopped', reload, longest(b))
