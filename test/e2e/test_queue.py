"""`sysg spawn --queue` and `when_full: queue`: who waits, who is next, who would wait for ever."""
import json
import re
import time

import pytest

from harness import TOOLS, assert_gone, codes, until


def tree(box, limits, script='', more='', **kw):
    """A box whose service `root` runs the script and stays."""
    b = box(None, argv=['true'], **kw)
    (b.home / 'main.sh').write_text(script + '\nexec sleep 1000\n')
    return box(f'services:\n  root:\n    exec: [sh, ./main.sh]\n    stop_timeout: 300ms\n'
               f'    spawn: {{mode: dynamic, limits: {{{limits}}}{more}}}\n', home=b.home, **kw).up()


def waiting(b, name='root'):
    return b.unit(name)['counts'].get('queued', 0)


def until_waiting(b, n, name='root'):
    until(lambda: waiting(b, name) == n, why=lambda: f'{n} waiting at {name}: {b.unit(name)} {b.peek("err")} {b.stderr[-300:]}')


QUEUED = '''
    sysg spawn --name first -- sleep 1000
    for i in 1 2 3; do
        sysg spawn --queue --name q$i -- sh -c "echo $i >>order; exec sleep 1000" >pid.$i 2>>err &
        until [ "$(sysg status -s root --json | grep -o '"queued":'$i)" ]; do sleep 0.02; done
    done
    : >all'''


@pytest.mark.asan
def test_over_children_it_waits_and_the_oldest_is_served_first(box):
    b = tree(box, 'children: 1', QUEUED)
    until(lambda: (b.home / 'all').exists(), 20)
    assert waiting(b) == 3 and not (b.home / 'order').exists()
    for i, name in enumerate(['first', 'q1', 'q2']):
        b.sysg_ok('stop', name)
        until(lambda: b.peek('order').split() == [str(n + 1) for n in range(i + 1)], why=lambda: b.peek('order'))
        assert waiting(b) == 2 - i
        assert b.alive(int(b.file(f'pid.{i + 1}')))


def test_the_tree_and_the_status_show_how_many_wait(box):
    b = tree(box, 'children: 1', QUEUED)
    until_waiting(b, 3)
    assert 'queued 3' in b.sysg_ok('tree') and '3 queued' in b.sysg_ok('status', '-s', 'root')


@pytest.mark.asan
def test_who_waits_too_long_is_sg0809_and_waits_no_more(box):
    b = tree(box, 'children: 1', '''
        sysg spawn -- sleep 1000
        sysg spawn --queue=150ms -- touch never 2>err; echo $? >rc
        sysg spawn --queue=150ms --wait -- touch never 2>err2; echo $? >rc2''')
    assert b.file('rc').strip() == '7' and 'SG0809' in b.file('err')
    assert b.file('rc2').strip() == '125' and 'SG0809' in b.file('err2')
    assert waiting(b) == 0 and not (b.home / 'never').exists()


@pytest.mark.parametrize('word', ['x', '-1', '5q'])
def test_a_bad_duration_is_refused(box, word):
    b = tree(box, 'children: 1', f'sysg spawn --queue={word} -- true 2>err; echo $? >rc')
    assert b.file('rc').strip() == '2'


def test_without_queue_it_is_refused_at_once_unless_the_service_says_queue(box):
    b = tree(box, 'children: 1', 'sysg spawn --name a -- sleep 1000; sysg spawn -- true; echo $? >rc')
    assert b.file('rc').strip() == '7'
    b.term()
    b = tree(box, 'children: 1', '''
        sysg spawn --name a -- sleep 1000
        sysg spawn --queue=0 -- true 2>err; echo $? >rc
        sysg spawn --name b -- touch served''', ', when_full: queue')
    assert b.file('rc').strip() == '7' and 'SG0803' in b.file('err')
    until_waiting(b, 1)
    b.sysg_ok('stop', 'a')
    until(lambda: (b.home / 'served').exists())


def test_what_no_waiting_changes_is_refused_at_once(box):
    b = tree(box, 'children: 1, depth: 1, ttl: 60', '''
        sysg spawn --name a -- sh -c 'sysg spawn --queue -- true 2>deep; echo $? >deep.rc; exec sleep 1000'
        sysg spawn --queue --ttl 61 -- true 2>>err; echo $? >>rc
        sysg spawn --queue --name 7 -- true 2>>err; echo $? >>rc
        sysg spawn --queue --name a --unique -- true 2>>err; echo $? >>rc
        sysg spawn --queue --limit children=5 -- true 2>>err; echo $? >>rc''')
    until(lambda: b.peek('rc').count('\n') == 4, why=lambda: b.peek('rc') + b.peek('err'))
    assert b.file('rc').split() == ['4', '2', '6', '4']
    assert b.file('deep.rc').strip() == '7' and 'SG0802' in b.file('deep')


@pytest.mark.asan
def test_closing_the_connection_leaves_the_queue(box):
    b = tree(box, 'children: 1', '''
        sysg spawn --name a -- sleep 1000
        sysg spawn --queue -- touch never & echo $! >waiter
        until [ "$(sysg status -s root --json | grep -o '"queued":1')" ]; do sleep 0.02; done
        sysg spawn --queue -- touch served &
        wait''')
    until_waiting(b, 2)
    b.exec('kill', '-9', b.file('waiter').strip())
    until_waiting(b, 1)
    b.sysg_ok('stop', 'a')
    until(lambda: (b.home / 'served').exists())
    assert not (b.home / 'never').exists()


@pytest.mark.asan
def test_across_levels_the_oldest_that_can_be_admitted_is_served(box):
    b = tree(box, 'children: 2, descendants: 10', '''
        sysg spawn --name a -- sh -c '
            sysg spawn --name a1 -- sleep 1000; sysg spawn --name a2 -- sleep 1000
            until [ -e go ]; do sleep 0.02; done
            sysg spawn --queue --name a3 -- touch of-a & exec sleep 1000'
        sysg spawn --name b -- sleep 1000
        sysg spawn --queue --name c -- touch of-root &
        wait''')
    until_waiting(b, 1)
    (b.home / 'go').touch()
    until_waiting(b, 1, 'root/a')
    b.sysg_ok('stop', 'root/a/a1')  # the older one, of root, has no room still
    until(lambda: (b.home / 'of-a').exists())
    assert waiting(b) == 1 and not (b.home / 'of-root').exists()
    b.sysg_ok('stop', 'root/b')
    until(lambda: (b.home / 'of-root').exists())


def test_over_descendants_a_place_anywhere_in_the_tree_is_room(box):
    b = tree(box, 'descendants: 3', '''
        sysg spawn --name a -- sh -c 'sysg spawn --name a1 -- sleep 1000; : >up; exec sleep 1000'
        until [ -e up ]; do sleep 0.02; done
        sysg spawn --name b -- sleep 1000
        sysg spawn --queue -- touch served''')
    until_waiting(b, 1)
    b.sysg_ok('stop', 'root/a/a1')
    until(lambda: (b.home / 'served').exists())


def test_over_rate_it_waits_until_the_bucket_has_room(box):
    b = tree(box, 'rate: 4', 'for i in 1 2 3 4 5 6 7 8; do sysg spawn --queue -- true; date +%s.%N >>at; done; : >end')
    until(lambda: (b.home / 'end').exists(), 20)
    at = [float(t) for t in b.file('at').split()]
    assert len(at) == 8 and 0.95 < at[7] - at[0] < 5, at


def test_waiting_does_not_count_toward_the_ttl(box):
    b = tree(box, 'children: 1', '''
        sysg spawn --name a -- sleep 1000
        sysg spawn --queue --name b --ttl 1 -- sh -c 'touch began; exec sleep 1000' ''')
    until_waiting(b, 1)
    time.sleep(1.2)  # longer than the whole TTL
    b.sysg_ok('stop', 'a')
    until(lambda: (b.home / 'began').exists())
    assert b.unit('b')['state'] == 'running'
    until(lambda: b.unit('b')['state'] != 'running', 10)


def test_an_idle_queue_wakes_nobody(box):
    b = tree(box, 'children: 1', 'sysg spawn -- sleep 1000; sysg spawn --queue=1h -- true')
    until_waiting(b, 1)
    def turns():
        return b.status_json()['supervisor']['loop']['turns']
    turns()
    before = turns()
    cost = turns() - before  # what looking costs
    before = turns()
    time.sleep(1)
    assert turns() - before <= cost + 2


@pytest.mark.asan
def test_places_held_by_units_that_wait_themselves_are_a_deadlock(box):
    b = tree(box, 'descendants: 2', '''
        for i in 1 2; do sysg spawn --name k$i -- sh -c "until [ -e go$i ]; do sleep 0.02; done
            sysg spawn --queue -- touch never$i 2>err$i; echo \\$? >rc$i; exec sleep 1000"; done''')
    b.until_state('k2', 'running')
    (b.home / 'go1').touch()
    until_waiting(b, 1, 'root/k1')
    (b.home / 'go2').touch()
    assert b.file('rc2').strip() == '16' and 'SG0826' in b.file('err2')
    b.sysg_ok('stop', 'k2')  # and who waited before is served
    until(lambda: (b.home / 'never1').exists())


def test_a_unit_that_waits_for_one_that_waits_is_part_of_a_deadlock(box):
    b = tree(box, 'descendants: 2', '''
        sysg spawn --name a -- sh -c 'sysg spawn --wait --name b -- sh -c "
            until [ -e go ]; do sleep 0.02; done; sysg spawn --queue=20s -- true 2>err; echo \\$? >rc"' ''')
    until(lambda: b.unit('b'))
    time.sleep(0.1)
    (b.home / 'go').touch()
    assert b.file('rc').strip() == '16' and 'SG0826' in b.file('err')


@pytest.mark.asan
def test_a_stop_refuses_those_who_wait_before_anything_makes_room(box):
    b = tree(box, 'children: 1', '''
        sysg spawn --name a -- sleep 1000
        setsid sh -c 'trap "" TERM; sysg spawn --queue -- touch never 2>err; echo $? >rc' &''')
    until_waiting(b, 1)
    b.sysg_ok('stop', 'root')
    assert b.peek('rc').strip() in ('', '7') and not (b.home / 'never').exists()
    assert_gone(b)


def test_a_stop_of_the_parent_is_sg0815(box):
    b = tree(box, 'children: 1')
    waiters = []
    b.sysg_ok('spawn', '--parent', 'root', '--name', 'a', '--', 'sleep', '1000')
    for _ in range(2):
        waiters.append(b.popen(b.program, 'spawn', '--parent', 'root', '--queue', '--', 'touch', 'never'))
    until_waiting(b, 2)
    b.sysg_ok('stop', 'root')
    for w in waiters:
        _, err = w.communicate(timeout=10)
        assert w.returncode == 7 and 'SG0815' in err, (w.returncode, err)
    assert not (b.home / 'never').exists() and waiting(b) == 0


def test_a_shutdown_is_sg0815(box):
    b = tree(box, 'children: 1')
    b.sysg_ok('spawn', '--parent', 'root', '--name', 'a', '--', 'sleep', '1000')
    w = b.popen(b.program, 'spawn', '--parent', 'root', '--queue', '--', 'touch', 'never')
    until_waiting(b, 1)
    assert b.term() == 0
    _, err = w.communicate(timeout=10)
    assert w.returncode != 0 and not (b.home / 'never').exists()


THOUSAND = '''
import os, sys, time
sys.path.insert(0, %r)
from peer import *

def ask(*more):
    s = connect(timeout=None)
    s.send(packet('op=spawn', 'arg=sh', 'arg=-c', 'arg=echo x >>served', 'cwd=' + os.getcwd(), 'env=PATH=' + os.environ['PATH'], 'queue_ns=-1', *more))
    return s

held = []
for i in range(20):
    s = connect(timeout=None)
    s.send(packet('op=spawn', 'arg=sh', 'arg=-c', 'arg=until [ -e go ]; do sleep 0.1; done', 'cwd=' + os.getcwd(), 'env=PATH=' + os.environ['PATH']))
    assert fields_of(s.recv(65536))['ok'] == '1'
def queued():
    s = connect(timeout=None)
    s.send(packet('op=status', 'unit=self'))
    n = 0
    while True:
        f = fields_of(s.recv(65536))
        if f.get('name') == 'root': n = int(f.get('queued', 0))
        if f.get('end') or f.get('ok') != '1': return n

for i in range(1000):
    held.append(ask())
    while i %% 16 == 15 and queued() <= i: time.sleep(0.001)  # an unread request holds one of a unit's 32 places
while queued() < 1000: time.sleep(0.001)
last = ask()
open('last', 'w').write(fields_of(last.recv(65536)).get('code', '?'))
while not os.path.exists('go'): time.sleep(0.02)
pids = set()
for s in held:
    f = fields_of(s.recv(65536))
    assert f['ok'] == '1', f
    pids.add(f['id'])
open('done.new', 'w').write(str(len(pids))); os.rename('done.new', 'done')
time.sleep(1000)
'''


@pytest.mark.alone
def test_a_thousand_wait_and_the_next_is_sg0809(box, capsys):
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(THOUSAND % str(TOOLS))
    b = box('services: {root: {exec: [python, main.py], spawn: {mode: dynamic, limits: {children: 20}}}}', home=b.home, timeout=120).up()
    assert b.file('last', 30) == 'SG0809'
    assert waiting(b) == 1000
    assert b.sysg('ping').returncode == 0 and b.sysg_ok('status')
    filled = b.status_json()['supervisor']['loop']
    (b.home / 'go').touch()
    assert b.file('done', 90) == '1000'
    until(lambda: b.peek('served').count('x') == 1000)
    drained = b.status_json()['supervisor']['loop']
    with capsys.disabled():
        print(f'\n  1000 in the queue: the longest turn took {filled["longest_turn_us"]} us, with all of them served {drained["longest_turn_us"]} us')
    assert waiting(b) == 0 and drained['longest_turn_us'] < 200_000


LARGE = '''
import os, sys, time
sys.path.insert(0, %r)
from peer import *

def ask(i):
    s = connect(timeout=None)
    word = 'env=X=%%d' %% i + 'x' * 60000
    s.send(packet('more=1', 'op=spawn', 'arg=true', 'cwd=/', 'queue_ns=-1'))
    for k in range(16): s.send(packet('more=1', 'env=X%%d=%%d' %% (k, i) + 'x' * 60000))
    s.send(packet('env=END=1'))
    return s

s = connect(timeout=None)
s.send(packet('op=spawn', 'arg=sleep', 'arg=1000', 'name=first', 'cwd=/', 'env=PATH=' + os.environ['PATH']))
assert fields_of(s.recv(65536))['ok'] == '1'
held, code = [], ''
for i in range(40):
    s = ask(i)
    s.settimeout(0.3)
    try: code = fields_of(s.recv(65536)).get('code', '?')
    except TimeoutError: held.append(s)
    if code: break
open('said.new', 'w').write('%%s %%d' %% (code, len(held))); os.rename('said.new', 'said')
time.sleep(1000)
'''


def test_what_waits_is_at_most_16_mib_a_tree(box):
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(LARGE % str(TOOLS))
    b = box('services: {root: {exec: [python, main.py], spawn: {mode: dynamic, limits: {children: 1}}}}', home=b.home).up()
    code, n = b.file('said', 40).split()
    assert code in ('SG0809', 'SG0831') and 12 <= int(n) <= 17, (code, n)


WORDS = '''
import os, select, sys, time
sys.path.insert(0, %r)
from peer import *

def ask(name):
    s = connect(timeout=None)
    s.send(packet('op=spawn', 'name=' + name, 'arg=sleep', 'arg=1000', 'arg=' + 'x' * 60000, 'cwd=/', 'env=PATH=' + os.environ['PATH'], 'queue_ns=-1'))
    return s

other = connect(timeout=None)
def queued():
    other.send(packet('op=status', 'unit=self'))
    n = 0
    while True:
        f = fields_of(other.recv(65536))
        n = int(f.get('queued', n))
        if 'end' in f or f['ok'] == '0': return n

def settled(s, n):
    while not select.select([s], [], [], 0)[0] and queued() != n: pass

s = connect(timeout=None)
s.send(packet('op=spawn', 'arg=sleep', 'arg=1000', 'cwd=/', 'env=PATH=' + os.environ['PATH']))
assert fields_of(s.recv(65536))['ok'] == '1'
held, code = [], ''
while not code and len(held) < 300:
    s = ask('q%%d' %% len(held))
    settled(s, len(held) + 1)
    s.setblocking(False)
    try: code = fields_of(s.recv(65536)).get('code', '?')
    except BlockingIOError: held.append(s)
open('said.new', 'w').write('%%s %%d' %% (code, len(held))); os.rename('said.new', 'said')
time.sleep(1000)
'''


def test_words_of_what_waits_count_too(box):
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(WORDS % str(TOOLS))
    b = box('services: {root: {exec: [python, main.py], spawn: {mode: dynamic, limits: {children: 1}}}}', home=b.home).up()
    code, n = b.file('said', 40).split()
    assert code == 'SG0809' and 100 <= int(n) <= 145, (code, n)  # 120 KB each: the words, and as they are shown
    assert waiting(b) == int(n)


TAGGED = '''
import fcntl, os, signal, sys, time
sys.path.insert(0, %r)
from peer import *
spawn = ['op=spawn', 'arg=sleep', 'arg=1000', 'cwd=/', 'env=PATH=' + os.environ['PATH']]

def say(name, text):
    open(name + '.new', 'w').write(text); os.rename(name + '.new', name)

if sys.argv[1:]:  # the parent: its places are taken, and as many wait for one
    pids = [int(ask(connect(), *spawn)['pid']) for _ in range(99)]
    waiting = []
    for i in range(99):
        waiting.append(connect(timeout=None))
        waiting[-1].send(packet(*spawn, 'queue_ns=-1'))
        if i %% 16 == 15: ask(connect(), 'op=ping')  # an unread request holds one of 32 places
    ask(connect(), 'op=ping')
    say('pids', ' '.join(map(str, pids)))
    time.sleep(1000)

while not os.path.exists('pids'): time.sleep(0.01)
s = connect(timeout=20)
signal.signal(signal.SIGIO, signal.SIG_IGN)
slow = os.open('slow', os.O_RDONLY)
fcntl.fcntl(slow, fcntl.F_SETLEASE, fcntl.F_WRLCK)  # its execve hangs on that
for pid in open('pids').read().split(): os.kill(int(pid), 9)
for i in range(20):
    gone = connect()
    for f in ['op=spawn', 'arg=%%s/slow' %% os.getcwd(), 'cwd=/'], spawn, spawn: gone.send(packet(*f, 'tag=7'))
    gone.close()
    time.sleep(0.001)
for i in range(16): s.send(packet(*spawn, 'tag=%%d' %% (i + 1)))
ask(connect(), 'op=ping')
fcntl.fcntl(slow, fcntl.F_SETLEASE, fcntl.F_UNLCK)
answers = [fields_of(s.recv(65536)) for _ in range(16)]
say('said', ' '.join(sorted(f.get('code') or f['tag'] for f in answers)))
time.sleep(1000)
'''


@pytest.mark.asan
def test_spawns_with_tags_that_meet_a_queue_are_each_answered_and_go_with_their_connection(box):
    """Those who waited before go first, four in a turn: so these wait behind them, one of a connection at a time."""
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(TAGGED % str(TOOLS))
    (b.home / 'main.sh').write_text('cp /bin/true slow; sysg spawn --name asker -- python main.py\nexec python main.py parent\n')
    b = box('services: {root: {exec: [sh, main.sh], spawn: {mode: dynamic, limits: {children: 100}}}}', home=b.home).up()
    assert b.file('said', 30).split() == sorted(str(i + 1) for i in range(16)), b.stderr
    until_waiting(b, 0)
    assert b.unit('root')['counts']['children'] == 100 and b.sysg('ping').returncode == 0


@pytest.mark.parametrize('policy', ['orphan', 'reparent'])
def test_a_service_that_ended_for_good_is_nobodys_parent_for_those_who_wait_either(box, policy):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('sysg spawn --name a -- sleep 1000; until [ -e go ]; do sleep 0.02; done\n')
    b = box('services: {other: {exec: [sleep, 1000]}, root: {exec: [sh, ./main.sh], spawn: '
            f'{{mode: dynamic, limits: {{children: 1}}, termination_policy: {policy}}}}}}}', home=b.home).up()
    b.until_state('a', 'running')
    w = b.popen(b.program, 'spawn', '--parent', 'root', '--queue', '--', 'touch', 'never')
    until_waiting(b, 1)
    (b.home / 'go').touch()
    _, err = w.communicate(timeout=10)
    assert w.returncode == 7 and 'SG0815' in err, (w.returncode, err)
    assert waiting(b) == 0 and not (b.home / 'never').exists()
