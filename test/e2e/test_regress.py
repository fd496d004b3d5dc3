"""What once went wrong, each named as the sentence that must hold."""
import json
import os
import signal
import time

import pytest

from harness import PYTHON, SLOW, TOOLS, suid_process, suid_program, until

PEER = f'import sys, os, time, json; sys.path.insert(0, {str(TOOLS)!r}); from peer import *\n'
HOLD = 'services: {hold: {exec: [sleep, "1000"], spawn: {mode: dynamic, limits: {children: 2000, descendants: 2000}}}}'


def script(b, text, **kw):
    """Runs Python inside that knows the tricks of peer.py; what it prints as JSON."""
    r = b.exec(PYTHON, '-c', PEER + text, timeout=60, **kw)
    assert r.returncode == 0, r.stderr[-1500:] + b.stderr[-500:]
    return json.loads(r.stdout)


def test_a_unit_that_is_named_twice_is_told_once_and_the_wait_ends(box):
    b = box(HOLD).up()
    b.sysg_ok('spawn', '--parent', 'hold', '--name', 'x', '--', 'sleep', '0.5')
    r = b.sysg('wait', 'x', 'x', timeout=10)
    assert r.returncode == 0 and r.stdout.count('exit ') == 1, r


@pytest.mark.asan
def test_a_spawn_that_is_stopped_before_its_exec_is_answered_so_and_is_no_child(box):
    b = box(HOLD).up()
    b.pid_of('hold')
    p = b.popen(PYTHON, '-c', PEER + '''
a, b, c = connect(), connect(), connect()
for s in (a, b, c): ask(s, 'op=ping')
print('ready', flush=True)
sys.stdin.readline()
a.send(packet('op=spawn', 'parent=hold', 'name=x', 'wait=1', 'arg=sleep', 'arg=1000'))
b.send(packet('op=stop', 'unit=x'))
print('sent', flush=True)
a.settimeout(20)
print(json.dumps([fields_of(a.recv(65536)), fields_of(a.recv(65536))]), flush=True)
''', stdin=-1)
    assert p.stdout.readline() == 'ready\n'
    b.kill(signal.SIGSTOP)  # so that both come in one turn
    p.stdin.write('\n')
    p.stdin.flush()
    assert p.stdout.readline() == 'sent\n'
    b.kill(signal.SIGCONT)
    spawned, ended = json.loads(p.stdout.readline() or '[{}, {}]')
    assert spawned['code'] == 'SG0815' and 'before it was executed' in spawned['msg'], spawned
    assert not ended and not b.unit('hold/x'), 'what was not executed is no child'
    p.wait(10)


@pytest.mark.asan
def test_unfinished_requests_of_nobody_keep_no_one_out(box):
    b = box(HOLD).up()
    hog = b.popen(PYTHON, '-c', PEER + '''
held = []
for i in range(8):
    s = connect()
    held.append(s)
    try:
        for k in range(33): s.send(packet('more=1', 'op=ping' if not k else '+op=' + 'x' * 63000))
    except OSError: pass
print('held', flush=True)
time.sleep(4)
''', uid=4700)
    assert hog.stdout.readline() == 'held\n'
    assert b.sysg('ping').returncode == 0
    r = b.sysg('spawn', '--parent', 'hold', '--', 'true', *('x' * 60000 for _ in range(2)))
    assert r.returncode == 0, r
    hog.kill()


def test_one_unit_holds_at_most_its_share_of_the_unfinished_requests(box):
    b = box('services: {web: {command: "python hog.py >out 2>&1; exec sleep 1000", spawn: {mode: dynamic}}, hold: {exec: [sleep, "1000"]}}',
            wait_exec=False)
    (b.home / 'hog.py').write_text(PEER + '''
held = []
for i in range(16):
    s = connect(timeout=10)
    held.append(s)
    try:
        for k in range(30): s.send(packet('more=1', *(['op=spawn', 'arg=x'] if not k else ['+arg=' + 'x' * 63000])))
    except OSError: pass
open('held', 'w').write('1')
time.sleep(4)
''')
    b.up().file('held')
    r = b.sysg('spawn', '--parent', 'web', '--', 'true', *('x' * 60000 for _ in range(8)))
    assert r.returncode == 0, (r, b.stderr)


def longest_turn_ms(b):
    return b.status_json()['supervisor']['longest_turn_ms']


@pytest.mark.alone
def test_thousands_of_variables_do_not_hold_it_up(box):
    b = box(HOLD).up()
    b.pid_of('hold')
    r = script(b, '''
f = ['op=spawn', 'parent=hold', 'arg=true'] + [f'set_env=NAME{i}=v' for i in range(8192)]
took = []
for _ in range(5):  # of which one is quick: a machine may take its processor away
    s = connect(timeout=30)
    t = time.monotonic()
    p = f[:]
    while p:
        n = 0; size = 0
        while n < len(p) and size < 60000: size += len(p[n]) + 1; n += 1
        part, p = p[:n], p[n:]
        s.send(packet(*(['more=1'] if p else []), *part))
    first = fields_of(s.recv(65536))
    took.append(time.monotonic() - t)
print(json.dumps([first, min(took)]))
''')
    assert r[0]['ok'] == '1', r
    assert r[1] < 0.1 * SLOW, r


def test_of_a_name_that_is_set_twice_the_last_one_counts_and_the_others_stay(box):
    b = box('services: {hold: {exec: [sleep, "1000"], env: {A: "1", B: "2", AB: "3"}, spawn: {mode: dynamic}}}').up()
    b.sysg_ok('spawn', '--parent', 'hold', '--env', 'A=5', '--env', 'A=6', '--env', 'C=', '--', 'sh', '-c', 'env >e.new; mv e.new e')
    env = dict(line.split('=', 1) for line in b.file('e').splitlines())
    assert (env['A'], env['B'], env['AB'], env['C']) == ('6', '2', '3', ''), env


def test_each_dependent_goes_down_once_however_many_ways_lead_to_it(box):
    layers = 9
    text = 'services:\n  s0a: {exec: [sleep, "1000"], restart_policy: always, backoff: 50ms}\n'
    for i in range(1, layers + 1):
        above = ['s0a'] if i == 1 else [f's{i - 1}{c}' for c in 'abc']
        for c in 'abc':
            text += f'  s{i}{c}: {{exec: [sleep, "1000"], depends_on: [{", ".join(above)}]}}\n'
    b = box(text).up()
    b.until_state(f's{layers}c', 'running')
    os.kill(next(p for p in b.procs().values() if p.inner == b.pid_of('s0a')).pid, signal.SIGKILL)
    b.says(rf's{layers}c goes down')
    until(lambda: b.state(f's{layers}c') == 'running' and b.unit(f's{layers}c')['process'])
    assert len([x for x in (b.stdout + b.stderr).splitlines() if 'goes down with' in x]) <= 2 * 3 * layers


@pytest.mark.parametrize('n, code', [(1024, None), (1025, 'SG0831')])
@pytest.mark.parametrize('op', ['status', 'stop'])
def test_a_request_names_at_most_1024_units(box, op, n, code):
    b = box(HOLD).up()
    r = script(b, f'''
s = connect()
s.send(packet('op={op}', 'wait=0' if '{op}' == 'stop' else 'v=1', *['unit=hold'] * {n}))
print(json.dumps(fields_of(s.recv(65536)).get('code')))
''')
    assert r == code


def test_names_and_paths_of_one_request_are_bounded_where_there_are_many_units_and_ids_are_not(box):
    """A million looks at units: a thousand names among a thousand units do."""
    b = box('services: {hold: {exec: [sleep, "1000"], spawn: {mode: dynamic, limits: {children: 2000, rate: 1000000}}}}').up()
    b.pid_of('hold')
    r = script(b, f'''
s = connect()
for i in range(1000):
    s.send(packet('op=spawn', 'parent=hold', 'arg=true'))
    assert fields_of(s.recv(65536)).get('ok') == '1'
def named(n, word):
    s.send(packet('op=wait', 'timeout_ns=0', *[f'unit={{word}}'] * n))
    return fields_of(s.recv(65536)).get('code')
print(json.dumps([named(1000, 'hold'), named(1024, 'hold'), named(1024, '@1')]))
''')
    assert r[1] == 'SG0831' and r[0] == r[2] != 'SG0831', r


def test_connections_leave_descriptors_for_what_has_to_be_started(box):
    b = box('services: {hold: {exec: [sleep, "1000"]}, web: {command: "exec sleep 1234", restart_policy: always, backoff: 50ms}}',
            ns=['--rlimit', 'nofile=256:256']).up()
    hog = b.popen(PYTHON, '-c', PEER + '''
held = []
for i in range(240):
    try:
        s = connect(timeout=1)
        s.send(packet('op=wait', 'unit=hold'))
        held.append(s)
    except OSError: pass
print('held', flush=True)
time.sleep(30)
''')
    assert hog.stdout.readline() == 'held\n'
    for _ in range(3):
        old = until(lambda: next((p for p in b.procs().values() if p.cmdline == 'sleep 1234'), None), why=lambda: b.stderr)
        os.kill(old.pid, signal.SIGKILL)
        until(lambda: any(p.cmdline == 'sleep 1234' and p.pid != old.pid for p in b.procs().values()), why=lambda: b.stderr)
    assert 'no pipe' not in b.stderr
    hog.kill()


def test_a_unit_has_at_most_1024_connections_that_wait(box):
    b = box('services: {web: {command: "ulimit -n 4000; sysg spawn --name hold -- sleep 1000; exec python hog.py", spawn: {mode: dynamic}}}',
            wait_exec=False)
    (b.home / 'hog.py').write_text(PEER + '''
held = []
for i in range(1025):
    s = connect(timeout=20)
    try:
        s.send(packet('op=wait', 'unit=hold'))
        code = ask(s, 'op=ping').get('code')  # busy, or that it waits already
    except OSError:
        code = 'closed'
    held.append(s)
    if i >= 1023: open('said', 'a').write(code + ' ')
open('done', 'w').write('1')
time.sleep(1000)
''')
    b.file('done', 30)
    said = b.file('said').split()
    assert said[0] == 'SG0832' and said[1] in ('SG0833', 'closed'), said


def test_a_stop_is_answered_when_a_unit_below_has_survivors(box):
    b = box(None, argv=['true'])
    suid_program(b.home, 4402)
    b = box('services: {bad: {command: "exec sleep 1000", stop_timeout: 300ms, spawn: {mode: dynamic}}, hold: {command: "exec sleep 1000"}}',
            home=b.home, ns=['--keep', '']).up()
    b.sysg_ok('spawn', '--parent', 'bad', '--', 'sh', '-c', './sleeper become & exec sleep 1000')
    suid_process(b, 4402)
    r = b.sysg('stop', 'bad', timeout=30)
    assert r.returncode != 0 and 'SG0713' in r.stderr, r
    assert b.state('bad') == 'stopping'


def test_a_command_longer_than_a_packet_leaves_status_whole(box):
    b = box(f'services: {{web: {{command: "exec sleep 1000; : {"x" * 70000}"}}}}').up()
    b.until_state('web', 'running')


def test_the_exit_code_of_a_unit_in_its_backoff_is_its_own(box):
    b = box('services: {web: {command: "kill -9 $$", restart_policy: always, backoff: 20s}, hold: {exec: [sleep, "1000"]}}\nexit_code_from: web').up()
    b.until_state('web', 'backoff')
    assert b.term() == 137


def test_a_chain_of_processes_is_followed_for_128_links_and_no_more(box):
    b = box('services: {web: {command: "exec python chain.py", spawn: {mode: dynamic}}}', wait_exec=False)
    (b.home / 'chain.py').write_text(PEER + '''
for i in range(128):
    if os.fork():
        os.wait()
        if i == 0: time.sleep(1000)
        os._exit(0)
    if i in (126, 127):
        open(f'said{i}', 'w').write(ask(connect(), 'op=whoami')['class'])
''')
    assert (b.file('said126'), b.file('said127')) == ('unit', 'nobody')


@pytest.mark.asan
def test_a_stop_ends_also_where_the_killed_are_seen_before_their_main_process_is_reaped(box):
    b = box('''
        services:
          web:
            command: "for i in $(seq 60); do sysg spawn --name w$i -- sh -c 'trap : TERM; while :; do sleep 1000; done'; done; : >up; exec sleep 1000"
            stop_timeout: 200ms
            spawn: {mode: dynamic}
        ''').up()
    until(lambda: (b.home / 'up').exists(), 20)
    b.sysg_ok('stop', *(f'w{i}' for i in range(1, 61)), timeout=15)
    b.sysg_ok('stop', 'web', timeout=15)


@pytest.mark.asan
def test_a_peer_that_goes_while_its_wait_is_answered_leaves_no_deadline_behind(box):
    b = box(HOLD).up()
    b.sysg_ok('spawn', '--parent', 'hold', '--name', 'x', '--wait', '--', 'true')
    p = b.popen(PYTHON, '-c', PEER + '''
held = [connect() for _ in range(50)]
for s in held: ask(s, 'op=ping')
print('ready', flush=True)
sys.stdin.readline()
for s in held:
    s.send(packet('op=wait', 'unit=x', 'unit=hold', 'timeout_ns=100000000'))
    s.close()
print('sent', flush=True)
''', stdin=-1)
    assert p.stdout.readline() == 'ready\n'
    b.kill(signal.SIGSTOP)
    p.stdin.write('\n')
    p.stdin.flush()
    assert p.stdout.readline() == 'sent\n'
    b.kill(signal.SIGCONT)
    p.wait(10)
    time.sleep(0.3)
    assert b.sysg('ping').returncode == 0 and b.state('hold') == 'running'


# A client that asks, reads nothing until it is told to, and then counts the rows up to the answer that is none.
UNREAD = '''
def rows_of(s):
    rows = []
    while not rows or 'row' in rows[-1]: rows.append(fields_of(s.recv(65536)))
    return rows
s, other = connect(timeout=30), connect(timeout=30)
'''


@pytest.mark.parametrize('request_, last', [(['op=stop'], None), (['op=wait', 'unit=' + 'p' * 60 + '/', 'timeout_ns=1'], 'SG0822')], ids=['stop', 'wait'])
def test_ends_of_more_units_than_its_queue_holds_are_told_as_the_client_reads(box, request_, last):
    many = ''.join(f'      {"s%d" % i:x<63}: {{exec: ["true"], skip: true}}\n' for i in range(1800))
    b = box(f'projects:\n  {"p" * 60}:\n    services:\n      keep: {{exec: [sleep, "1000"]}}\n' + many, timeout=120).up()
    n, end = script(b, UNREAD + f'''
s.send(packet(*{request_}))
for _ in range(3): ask(other, 'op=ping')
rows = rows_of(s)
print(json.dumps([len(rows) - 1, rows[-1]]))
''')
    assert n == (1800 if last else 1801) and end.get('code') == last and (last or end.get('end') == '1'), (n, end)


@pytest.mark.parametrize('op', ['wait', 'stop'])
def test_who_reads_once_the_units_are_forgotten_is_told_how_they_ended_all_the_same(box, op):
    """Four hundred rows are more than the socket takes; the end of their parent forgets what became of its children."""
    b = box(HOLD).up()
    b.pid_of('hold')
    kids, rows = script(b, UNREAD + f'''
def spawn(parent): return ask(other, 'op=spawn', 'parent=' + parent, 'arg=sleep', 'arg=1000', 'cwd=/', 'env=PATH=/usr/bin:/bin')['id']
mid = spawn('hold')
kids = [spawn(mid) for _ in range(400)]
s.send(packet('op={op}', *('unit=' + k for k in kids)))
assert ask(other, 'op=stop', 'unit=' + mid).get('row') == 'stopped'
assert fields_of(other.recv(65536)).get('end') == '1'
assert ask(other, 'op=wait', 'unit=' + kids[-1]).get('code') == 'SG0202', 'it is still there'
print(json.dumps([kids, rows_of(s)]))
''')
    assert rows.pop() == {'ok': '1', 'end': '1'}
    if op == 'wait':
        assert sorted(r['id'] for r in rows) == sorted(kids)
        assert {(r['signal'], r['reason']) for r in rows} == {('15', 'stopped')}
        assert rows[-1]['path'] == rows[-1]['id'], 'none of them had to wait until its unit was forgotten'


def test_a_wait_whose_time_is_over_before_its_peer_reads_is_answered_so_and_not_cut_off(box):
    """Six hundred answers are more than the socket takes, so that the wait begins behind some that are unread."""
    b = box(HOLD).up()
    b.pid_of('hold')
    rows = script(b, UNREAD + '''
for _ in range(600): s.send(packet('op=ping'))
s.send(packet('op=wait', 'unit=hold', 'timeout_ns=1'))
for _ in range(3): ask(other, 'op=ping')
assert ask(other, 'op=wait', 'unit=hold', 'timeout_ns=300000000').get('code') == 'SG0822'
print(json.dumps([fields_of(s.recv(65536)) for _ in range(601)]))
''')
    assert [r.get('code') for r in rows] == [None] * 600 + ['SG0822'], rows[-1]
