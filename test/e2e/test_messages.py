"""Messages between units: order, bounds, bodies, notices exactly once, calls; and what one tree makes the init keep."""
import base64
import json
import re
import signal
import subprocess
import time

import pytest

from harness import PYTHON, SYSG, TOOLS, codes, until
from test_spawn import root, run_in

MAIL = f'python {TOOLS}/mail.py'


def batch(box, *requests):
    """What an operator's `sysg batch` answers."""
    r = box.sysg('batch', input=''.join(json.dumps(q) + '\n' for q in requests), timeout=60)
    assert r.returncode == 0, r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()]


@pytest.mark.asan
def test_what_a_child_sends_comes_in_order_and_before_its_exit_notice(box):
    _, out, rc = run_in(box, '''
        sysg spawn --name kid -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sysg send parent -- "m$i"; done; exit 3' >pid
        for i in 1 2 3 4 5 6 7 8 9 10; do sysg recv; echo; done
        sysg recv --timeout 0; echo $? >&3''')
    lines = [line for line in out.splitlines() if line]
    assert [lines[i] for i in range(1, 18, 2)] == [f'm{i}' for i in range(1, 10)]
    assert all(re.fullmatch(r'msg root/kid \d+', lines[i]) for i in range(0, 18, 2))
    assert lines[18:] == ['exit root/kid - code=3 reason=exited'] and rc == [9]


def test_recv_says_it_in_json_and_bodies_that_are_no_text_in_base64(box):
    _, out, _ = run_in(box, '''
        sysg send self -- 'a "b" ü'
        printf '\\377\\000x' | sysg send self -
        sysg spawn --name kid -- sh -c 'kill -9 $$' >pid
        sysg recv --json; sysg recv --json; sysg recv --json --type exit''')
    text, raw, end = map(json.loads, out.splitlines())
    assert text['kind'] == 'msg' and text['path'] == 'root' and text['body'] == 'a "b" ü' and re.fullmatch(r'@\d+', text['id'])
    assert base64.b64decode(raw['body_base64']) == b'\xff\0x' and 'body' not in raw
    assert end == {'kind': 'exit', 'path': 'root/kid', 'id': end['id'], 'msgid': '-', 'signal': 9, 'reason': 'signal'}


def test_filters_pass_over_what_they_do_not_name(box):
    _, out, rc = run_in(box, '''
        sysg send self -- own
        sysg spawn --name kid -- sh -c 'sysg send parent -- hers; exec sleep 1000' >pid
        sysg recv --from kid --body; echo
        sysg recv --type exit,call --timeout 0; echo $? >&3
        sysg recv --from nobody-there; echo $? >&3
        sysg recv --type letter; echo $? >&3
        sysg recv --body; echo''')
    assert out.split() == ['hers', 'own'] and rc == [9, 5, 2]


@pytest.mark.asan
def test_a_mailbox_holds_1024_messages_and_an_operator_is_a_sender(box):
    b = root(box, 'until [ -e go ]; do sleep 0.05; done; sysg recv >first; sysg recv --from operator --json >second; : >done')
    answers = batch(b, *[{'op': 'send', 'unit': 'root', 'body': f'b{i}', 'timeout_ns': 0} for i in range(1025)])
    assert [a['ok'] for a in answers] == [True] * 1024 + [False]
    assert answers[-1]['error']['code'] == 'SG0821'
    (b.home / 'go').touch()
    b.file('second')
    assert re.fullmatch(r'msg operator \d+\nb0', b.file('first'))
    second = json.loads(b.file('second'))
    assert second['path'] == 'operator' and second['body'] == 'b1' and 'id' not in second


@pytest.mark.asan
def test_bodies_of_1_mib_pass_whole_4_mib_are_a_mailbox_and_more_is_refused(box):
    _, out, rc = run_in(box, '''
        head -c 1048576 /dev/urandom >body
        head -c 1048577 /dev/zero | sysg send self -; echo $? >&3
        for i in 1 2 3 4; do sysg send self - <body; echo $? >&3; done
        sysg send self --timeout 0 -- x; echo $? >&3
        sysg send self --timeout 0; echo $? >&3
        sysg send self --timeout 200ms -- x; echo $? >&3
        for i in 1 2 3 4; do sysg recv --body | cmp - body && echo same; done
        sysg recv --body; sysg send self --timeout 0 -- x; echo $? >&3''', seconds=30)
    assert rc == [13, 0, 0, 0, 0, 8, 0, 8, 0] and out.split() == ['same'] * 4


def test_who_waits_for_room_is_let_in_in_order(box):
    b = root(box, '''
        until [ -e go ]; do sleep 0.05; done
        for i in 1 2 3 4; do sysg recv --body >/dev/null; done
        for i in 0 1 2 3 4 5 6 7; do sysg recv --body --timeout 20; echo; done >got; : >done''')
    for _ in range(4):
        assert b.sysg('send', 'root', '-', input='x' * 1048576).returncode == 0
    p = b.popen('python', TOOLS / 'mail.py', 'in_order', 'root', '8')
    assert p.stdout.readline() == 'wait\n'
    (b.home / 'go').touch()
    assert json.loads(p.stdout.readline()) == ['1'] * 8
    until(lambda: (b.home / 'done').exists(), 20)
    assert b.peek('got').split() == [str(i) for i in range(8)]
    p.wait(10)


@pytest.mark.asan
def test_a_notice_that_was_read_but_not_acknowledged_comes_again_and_once(box):
    _, out, rc = run_in(box, f'''
        sysg spawn --name kid -- true >pid
        {MAIL} read_and_die type=exit
        {MAIL} read_and_die type=exit
        sysg recv
        sysg recv --timeout 0; echo $? >&3
        sysg status -s kid --json''')
    again = out.splitlines()
    assert again[:3] == ['root/kid -', 'root/kid -', 'exit root/kid - code=0 reason=exited'] and rc == [9]
    assert json.loads(again[3])['units'] == []  # collected: no result is kept


def test_messages_and_notices_outlive_the_receiver_s_restart(box):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(f'''
        if [ ! -e again ]; then
            : >again
            for i in 1 2 3; do sysg spawn --name k$i --wait -- true; done
            sysg send self -- word
            {MAIL} read_and_die >once; {MAIL} read_and_die type=msg >>once
            kill -9 $$
        fi
        for i in 1 2 3 4; do sysg recv; echo; done >got
        sysg recv --timeout 0; echo $? >rc
        exec sleep 1000''')
    b = box('services: {root: {exec: [sh, ./main.sh], restart_policy: always, backoff: 10ms, spawn: {mode: dynamic}}}', home=b.home).up()
    assert b.file('rc', 20) == '9\n'
    got = [line for line in b.file('got').splitlines() if line]
    assert got[:3] == [f'exit root/k{i} - code=0 reason=exited' for i in (1, 2, 3)]
    assert got[3].startswith('msg root ') and got[4] == 'word'


@pytest.mark.asan
def test_what_a_process_said_before_it_died_comes_before_its_notice(box):
    _, out, _ = run_in(box, f'''
        for i in 1 2 3 4 5; do
            sysg spawn --name kid$i -- {MAIL} last_words parent word$i >pid
            sysg recv --from kid$i; echo; sysg recv --from kid$i
        done''', seconds=30)
    lines = out.splitlines()
    for i in range(5):
        assert lines[3 * i].startswith(f'msg root/kid{i + 1} ') and lines[3 * i + 1] == f'word{i + 1}'
        assert lines[3 * i + 2] == f'exit root/kid{i + 1} - code=0 reason=exited'


@pytest.mark.asan
def test_all_of_it_comes_before_the_notice_where_it_is_more_than_a_turn_reads(box):
    """PID 1 is stopped from outside, so that it sees the last words and the end at once."""
    b = root(box, f'''
        sysg spawn --name kid -- {MAIL} last_words_unseen parent 100 >pid
        for i in $(seq 101); do echo '{{"op": "recv"}}'; echo '{{"op": "ack"}}'; done >lines
        sysg batch <lines >got.new; mv got.new got''')
    until(lambda: (b.home / 'ready').exists())
    kid = b.pid_of('root/kid')
    b.kill(signal.SIGSTOP)
    (b.home / 'go').touch()
    until(lambda: any(p.inner == kid for p in b.defunct()))
    b.kill(signal.SIGCONT)
    got = [json.loads(line) for line in b.file('got', 30).splitlines()][::2]
    assert [x.get('body') for x in got[:-1]] == [str(i) for i in range(100)] and got[-1]['kind'] == 'exit', got[-5:]


def test_1000_senders_at_once_are_each_heard_once_while_it_answers_pings(box):
    b = root(box, '''sysg batch <<'END' >got
''' + '{"op": "recv"}\n{"op": "ack"}\n' * 1000 + '''END
: >done''', timeout=150)
    t = time.monotonic()
    r = b.exec('python', TOOLS / 'mail.py', 'crowd', 'root', '1000', timeout=100)
    assert r.returncode == 0, r.stderr
    said = json.loads(r.stdout)
    print(said, time.monotonic() - t)
    assert said['failed'] == 0, r.stderr
    until(lambda: (b.home / 'done').exists(), 30, why=lambda: b.stderr[-500:])
    bodies = [json.loads(line).get('body') for line in b.peek('got').splitlines()][::2]
    assert sorted(map(int, bodies)) == list(range(1000))
    assert b.status_json()['supervisor']['loop']['longest_turn_us'] < 200000


def test_a_call_ends_by_its_reply(box):
    b, out, _ = run_in(box, '''
        head -c 1048576 /dev/urandom >body
        sysg spawn --name kid -- sh -c 'while :; do n=$(sysg recv | { read -r kind path n rest; cat >in; echo $n; })
            sysg reply $n - <in; sysg reply $n -- again; echo $? >>again; done' >pid
        sysg call kid -- hello; echo
        sysg call kid --json -- hello
        sysg call kid - <body | cmp - body && echo same''', seconds=30)
    hello, as_json, same = out.splitlines()
    o = json.loads(as_json)
    assert hello == 'hello' and o['kind'] == 'reply' and o['path'] == 'root/kid' and o['body'] == 'hello' and same == 'same'
    assert set(b.file('again').split()) == {'15'}  # the right to reply is for once


def test_a_call_ends_by_its_timeout_the_targets_end_and_not_to_oneself(box):
    b, _, rc = run_in(box, '''
        sysg spawn --name deaf -- sleep 1000 >pid
        sysg call deaf --timeout 200ms -- x; echo $? >&3
        sysg spawn --name mortal -- sh -c 'sysg recv >/dev/null; exit 1' >pid
        sysg call mortal --timeout 10 -- x; echo $? >&3
        sysg spawn --name again --on-exit restart -- sh -c 'sysg recv >/dev/null; exit 1' >pid
        sysg call again --timeout 10 -- x; echo $? >&3
        sysg call self -- x; echo $? >&3
        sysg reply 99999 -- x; echo $? >&3
        sysg spawn --name gone --wait -- true
        sysg call gone -- x; echo $? >&3''')
    assert rc == [9, 10, 10, 16, 15, 10]
    assert codes(subprocess.CompletedProcess('', 0, '', b.peek('err'))) == ['SG0822', 'SG0823', 'SG0823', 'SG0825', 'SG0824', 'SG0823']


def test_only_the_callee_may_reply(box):
    b, out, _ = run_in(box, '''
        sysg spawn --name a -- sh -c 'sysg recv --type call >a.new; mv a.new a.got; until [ -e tried ]; do sleep 0.02; done
            read -r kind path n <a.got; sysg reply $n -- "its own"' >pid
        sysg spawn --name b -- sh -c 'until [ -e a.got ]; do sleep 0.02; done
            read -r kind path n <a.got; sysg reply $n -- stolen; echo $? >b.rc; : >tried' >pid
        sysg call a --timeout 20s -- x''')
    assert out == 'its own' and b.file('b.rc').strip() == '15'


def test_a_caller_that_goes_away_takes_its_call_along(box):
    b = root(box, '''
        until [ -e called ]; do sleep 0.02; done
        n=$(sysg recv --type call | { read -r kind path n; echo $n; }); : >taken
        until [ -e left ]; do sleep 0.02; done
        sysg reply $n -- x; echo $? >rc
        sysg recv --timeout 0; echo $? >>rc; : >done''')
    first = b.popen('python', TOOLS / 'mail.py', 'call_and_go', 'root', stdin=subprocess.PIPE)
    assert first.stdout.readline() == 'called\n'
    second = b.popen('python', TOOLS / 'mail.py', 'call_and_go', 'root', stdin=subprocess.PIPE)
    assert second.stdout.readline() == 'called\n'
    (b.home / 'called').touch()
    until(lambda: (b.home / 'taken').exists(), 20)
    for p in (first, second):  # one taken, one still in the mailbox
        p.communicate('x', timeout=20)
    (b.home / 'left').touch()
    until(lambda: (b.home / 'done').exists(), 20)
    assert b.peek('rc').split() == ['15', '9']


def test_structure_gives_the_right_and_each_refusal_has_its_status(box):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('''exec 3>codes 2>err
        sysg spawn --name a -- sleep 1000 >pid
        sysg spawn --name b -- sh -c 'for t in a root self parent nowhere idle; do sysg send $t -- x 2>>err; echo $? >>rc; done; : >end; exec sleep 1000' >pid
        exec sleep 1000''')
    b = box('''
        services:
          root: {exec: [sh, ./main.sh], spawn: {mode: dynamic}}
          idle: {command: "true"}''', home=b.home).up()
    until(lambda: (b.home / 'end').exists(), 20)
    assert b.peek('rc').split() == ['4', '0', '0', '0', '5', '4']
    assert b.sysg('send', 'idle', '--', 'x').returncode == 10
    r = b.sysg('recv')
    assert r.returncode == 11 and codes(r) == ['SG0810']
    assert b.sysg('send', 'root', '--', 'x', uid=1234).returncode == 11
    assert b.sysg('send', 'root', 'x').returncode == 2 and b.sysg('send', 'root', '-', '--', 'x', input='').returncode == 2
    assert b.sysg('send', '--', 'x').returncode == 2


def test_one_recv_a_process_and_one_message_in_hand(box):
    _, out, _ = run_in(box, f'''
        {MAIL} two_recvs
        sysg send self -- x
        {MAIL} twice_unacknowledged''')
    assert out.splitlines() == ['SG0833', '1 SG0832 1 SG0832']


def test_batch_takes_the_ops_of_a_unit_over_one_connection(box):
    b, out, rc = run_in(box, '''sysg batch <<'END'
{"op": "whoami"}
{"op": "spawn", "arg": ["sh", "-c", "exit 4"], "name": "kid", "set_env": ["A=1", "B=2"], "wait": true}
{"op": "wait", "unit": ["kid"]}
{"op": "recv", "type": "exit"}
{"op": "ack"}
{"op": "status"}
{"op": "send", "unit": "self", "body": "\\u00fc"}
{"op": "recv"}
nonsense

{"op": "nonsense"}
{"op": "events", "follow": 1}
{"op": "ping"}
END
echo $? >&3''')
    a = [json.loads(line) for line in out.splitlines()]
    assert a[0] == {'ok': True, 'class': 'unit', 'path': 'root', 'id': a[0]['id']}
    assert a[1]['name'] == 'kid' and isinstance(a[1]['pid'], int) and a[1]['rows'][0]['code'] == 4
    assert a[2]['rows'][0]['kind'] == 'exit' and a[2]['rows'][0]['code'] == 4
    assert a[3]['path'] == 'root/kid' and a[4] == {'ok': True}
    assert [r for r in a[5]['rows'] if r.get('row') == 'unit'][0]['path'] == 'root'
    assert a[6]['ok'] and a[7]['body'] == 'ü' and isinstance(a[7]['msgid'], int)
    assert [x['error']['code'] for x in a[8:11]] == ['SG0832'] * 3 and a[11] == {'ok': True} and rc == [0]


def test_an_idle_batch_stays_connected_and_without_a_supervisor_it_says_so(box):
    b = root(box, ':')
    p = b.popen(b.program, 'batch', stdin=subprocess.PIPE)
    ask = lambda q: (p.stdin.write(json.dumps(q) + '\n'), p.stdin.flush(), json.loads(p.stdout.readline()))[2]
    assert ask({'op': 'ping'})['ok']
    began = b.status_json()['supervisor']['loop']['turns']
    until(lambda: b.status_json()['supervisor']['uptime_seconds'] > 8, 20)
    assert ask({'op': 'whoami'})['class'] == 'operator' and began
    p.stdin.close()
    assert p.wait(10) == 0
    r = b.sysg('batch', '--socket', '/nowhere', input='{"op": "ping"}\n')
    assert r.returncode == 3 and json.loads(r.stdout)['error']['code'] == 'SG0206'


@pytest.mark.asan
def test_past_1024_results_the_oldest_go_and_the_next_notice_says_how_many(box):
    _, out, rc = run_in(box, '''
        for i in $(seq 1026); do echo '{"op": "spawn", "name": "k'$i'", "arg": ["true"], "wait": true}'; done >lines
        sysg batch <lines | grep -c '"reason":"exited"'
        sysg wait k2; echo $? >&3
        sysg wait k1026
        sysg recv; sysg recv; sysg recv --json''', seconds=90)
    assert out.splitlines() == ['1026', 'exit root/k1026 - code=0 reason=exited lost=2', 'exit root/k3 - code=0 reason=exited lost=2',
                                'exit root/k4 - code=0 reason=exited', out.splitlines()[-1]]
    assert 'lost' not in json.loads(out.splitlines()[-1]) and rc == [5]


def rss_kib(box):
    return int(re.search(r'^VmRSS:\s+(\d+)', open(f'/proc/{box.pid}/status').read(), re.M)[1])


def test_memory_is_given_back_when_all_is_collected(box):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('''n=0; while :; do until [ -e go$n ]; do sleep 0.05; done
        while sysg recv --timeout 0 --body >/dev/null; do :; done; : >done$n; n=$((n + 1)); done''')
    b = box('services: {root: {exec: [sh, ./main.sh], spawn: {mode: dynamic}}}', home=b.home).up()

    def round_of(n):
        for i in range(4):
            assert b.sysg('send', 'root', '-', input='x' * 1000000).returncode == 0
        batch(b, *[{'op': 'send', 'unit': 'root', 'body': 'y' * 100} for _ in range(100)])
        (b.home / f'go{n}').touch()
        until(lambda: (b.home / f'done{n}').exists(), 60)
    round_of(0)
    before = rss_kib(b)
    for n in (1, 2, 3):
        round_of(n)
    until(lambda: rss_kib(b) <= before + 64, 20, why=lambda: f'{rss_kib(b)} KiB, {before} before')


@pytest.mark.asan
def test_environments_that_a_tree_makes_us_keep_are_bounded_and_equal_ones_count_once(box):
    b = root(box, '''cat >env.py <<'END'
import os, subprocess
big = {f'V{i}': 'x' * 110000 for i in range(15)}
def spawn(n):
    return subprocess.run(['sysg', 'spawn', '--', 'sleep', '1000'], env={**os.environ, **big, 'N': str(n)}, stdout=2, stderr=open('err', 'a')).returncode
open('rc.new', 'w').write(' '.join(str(spawn(n)) for n in [1] * 15 + list(range(2, 12))))
os.rename('rc.new', 'rc')
END
python env.py''')
    rc = until(lambda: b.peek('rc'), 60, why=lambda: b.stderr[-500:]).split()
    assert rc == ['0'] * 15 + ['0'] * 9 + ['13'], b.peek('err')  # 1.65 MB each: ten are within 16 MiB
    assert 'SG0831' in b.peek('err')


REPLACED = '''
import os, signal, sys, time
sys.path.insert(0, %r)
from peer import *
s = connect(timeout=20)
if not os.path.exists('second'):
    open('second', 'w').close()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)
while not os.path.exists('take'): time.sleep(0.01)
for i in range(1025):
    assert ask(s, 'op=recv').get('ok') == '1' and ask(s, 'op=ack').get('ok') == '1'
open('taken', 'w').write('x')
time.sleep(1000)
'''


def replaced(box, n):
    """There are n messages in its mailbox; the new instance takes them once there is a file `take`."""
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(REPLACED % str(TOOLS))
    b = box('services: {web: {exec: [python, main.py], stop_timeout: 1s, deployment: {strategy: rolling}}}', home=b.home).up()
    until(lambda: (b.home / 'second').exists())
    batch(b, *[{'op': 'send', 'unit': 'web', 'body': f'm{i}'} for i in range(n)])
    return b


def test_who_waits_for_room_at_a_deployment_is_told_when_it_is_in_the_mailbox_of_the_new_instance(box):
    b = replaced(box, 1023)
    # The call stays with the old one, so that there is room at once.
    call = b.popen(PYTHON, '-c', f"""
import sys, time
sys.path.insert(0, {str(TOOLS)!r})
from mail import *
s = connect()
s.send(packet('op=call', 'unit=web', 'timeout_ns=60000000000', body=b'x'))
settled(connect())
print('sent', flush=True)
time.sleep(60)
""")
    assert call.stdout.readline() == 'sent\n'
    until(lambda: b.sysg('send', 'web', '--timeout', '0', '--', 'x').returncode != 0)
    p = b.popen(SYSG, 'send', 'web', '--timeout', '20s', '--', 'last')
    until(lambda: any('send web' in q.cmdline for q in b.procs().values()))
    b.sysg_ok('restart', '-s', 'web')
    assert p.wait(5) == 0
    (b.home / 'take').touch()


def test_what_was_in_the_mailbox_of_the_old_instance_waits_for_room_in_that_of_the_new_one(box):
    b = replaced(box, 1024)
    p = b.popen(SYSG, 'restart', '-s', 'web')
    until(lambda: 'web.old' in b.sysg('status').stdout)
    b.sysg_ok('send', 'web', '--', 'new')  # the full mailbox comes over behind it
    assert p.wait(20) == 0
    (b.home / 'take').touch()
    b.file('taken', 20)
    assert b.sysg('ping').returncode == 0
