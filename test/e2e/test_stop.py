"""`sysg stop`: which signal goes to whom, when it comes back, and that what it said is true."""
import textwrap
import time

import pytest

from harness import TOOLS, assert_gone, codes, until


@pytest.mark.asan
def test_stop_returns_when_the_service_is_gone(box):
    b = box('services: {web: {command: "exec sleep 1000"}, other: {command: "exec sleep 1000"}}').up()
    pid = b.pid_of('web')
    r = b.sysg('stop', '-s', 'web')
    assert r.returncode == 0 and "Service 'web' stopped" in r.stdout + r.stderr
    assert not b.alive(pid)
    assert b.state('web') == 'stopped' and b.state('other') == 'running'


def test_units_may_be_plain_words_but_not_both_ways_at_once(box):
    b = box('services: {a: {command: "exec sleep 1000"}, b: {command: "exec sleep 1000"}}').up()
    assert 'SG0204' in codes(b.sysg('stop', '-s', 'a', 'b'))
    b.sysg_ok('stop', 'a', 'b')
    assert b.state('a') == b.state('b') == 'stopped'


def test_stop_without_a_unit_means_all_services_and_the_supervisor_stays(box):
    b = box('services: {a: {command: "exec sleep 1000"}, b: {command: "exec sleep 1000", depends_on: [a]}}').up()
    b.until_state('b', 'running')
    b.sysg_ok('stop')
    assert_gone(b)
    assert b.state('a') == b.state('b') == 'stopped' and not b.ended


def test_stop_supervisor_ends_it_with_0(box):
    b = box('services: {a: {command: "exec sleep 1000"}}').up()
    r = b.sysg('stop', '--supervisor')
    assert r.returncode == 0, r
    assert b.wait() == 0


def test_a_name_that_nobody_has_is_exit_5(box):
    b = box('services: {a: {command: "exec sleep 1000"}}').up()
    r = b.sysg('stop', 'nothing')
    assert r.returncode == 5 and 'SG0202' in codes(r)


def stopped(box, web):
    """A box whose one service, with these keys, was told to stop once it had made the file `up`."""
    b = box("""
        services:
          web:
""" + textwrap.indent(textwrap.dedent(web), ' ' * 12)).up()
    until(lambda: (b.home / 'up').exists())
    b.sysg_ok('stop', 'web')
    return b


def test_a_list_gets_the_signal_in_its_main_process_only(box):
    b = stopped(box, '''
        exec: [/bin/sh, -c, "sh -c 'trap \\"echo child >>got\\" TERM; : >up; while :; do sleep 0.05; done' & trap 'echo main >>got; exit 0' TERM; wait"]
        ''')
    assert b.file('got').splitlines()[0] == 'main'
    assert_gone(b)


def test_a_shell_string_gets_the_signal_in_its_whole_group(box):
    b = stopped(box, '''
        command: "sh -c 'trap \\"echo child >>got; exit\\" TERM; : >up; while :; do sleep 0.05; done'; echo shell"
        ''')
    assert b.file('got').split() == ['child']


def test_stop_target_tree_reaches_other_sessions(box):
    b = stopped(box, '''
        command: "setsid sh -c 'trap \\"echo far >>got; exit\\" TERM; : >up; while :; do sleep 0.05; done' & trap '' TERM; until [ -e got ]; do sleep 0.05; done"
        stop_target: tree
        ''')
    assert b.file('got').split() == ['far']


# Three processes that count a signal which queues: TERM twice at once would be seen as one.
COUNTS = """
import os, signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [35])
if os.fork() and os.fork():
    open('up', 'w').close()
got = os.open('got', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists('enough'):
    if signal.sigtimedwait([35], 0.01):
        os.write(got, b'%d\\n' % os.getpid())
"""


@pytest.mark.parametrize('target, more, ns', [('tree', '', ()), ('group', ', user: "4407"', ['--keep', 'setuid,setgid'])],
                         ids=['tree', 'of a user, without CAP_KILL'])
def test_each_process_gets_the_stop_signal_once(box, target, more, ns):
    b = box(argv=['true'])
    (b.home / 'count.py').write_text(COUNTS)
    b = box(f'''
        services:
          web: {{exec: [python, count.py], stop_target: {target}, stop_timeout: 20s, stop_signal: RTMIN+1{more}}}
        ''', home=b.home, ns=ns)
    until(lambda: (b.home / 'up').exists() and len(b.others()) == 3)
    stop = b.popen('sysg', 'stop', 'web')
    until(lambda: len(b.peek('got').split()) >= 3)
    end = time.monotonic() + 0.5
    until(lambda: time.monotonic() > end)
    (b.home / 'enough').touch()
    assert stop.wait(20) == 0, stop.communicate()
    assert len(set(b.file('got').split())) == len(b.file('got').split()) == 3


def test_stop_signal_is_another_one_where_asked(box):
    b = box('''
        services:
          web: {command: "trap 'echo usr1 >got; exit 0' USR1; trap '' TERM; : >up; while :; do sleep 0.05; done", stop_signal: USR1}
        ''').up()
    until(lambda: (b.home / 'up').exists())
    b.sysg_ok('stop', 'web')
    assert b.file('got').strip() == 'usr1'


def test_kill_comes_after_stop_timeout_and_not_before(box):
    b = box('services: {web: {command: "trap \'\' TERM; : >up; while :; do sleep 0.05; done", stop_timeout: 1s}}').up()
    until(lambda: (b.home / 'up').exists())
    t = time.monotonic()
    b.sysg_ok('stop', 'web')
    assert 0.95 <= time.monotonic() - t < 5
    assert_gone(b)
    assert b.unit('web')['last_exit']['signal'] in (9, 'KILL', 'SIGKILL')


def test_stop_during_backoff_ends_the_waiting(box):
    b = box('services: {web: {command: "echo x >>runs; exit 1", backoff: 60s}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'backoff')
    b.sysg_ok('stop', 'web')
    assert b.state('web') in ('stopped', 'failed')
    assert b.file('runs').count('x') == 1


def test_a_stop_that_we_ordered_counts_as_clean_and_is_not_restarted(box):
    b = box('services: {web: {command: "echo x >>runs; exec sleep 1000", restart_policy: always, backoff: 50ms}}').up()
    b.file('runs')
    b.sysg_ok('stop', 'web')
    u = b.unit('web')
    assert u['state'] == 'stopped' and u['health'] in ('healthy', 'idle')
    assert b.file('runs').count('x') == 1


def test_stopping_twice_is_no_error(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    b.pid_of('web')
    b.sysg_ok('stop', 'web')
    b.sysg_ok('stop', 'web')


def test_two_stops_at_once_both_come_back(box):
    b = box('services: {web: {command: "trap \'sleep 0.3; exit\' TERM; : >up; while :; do sleep 0.05; done"}}').up()
    until(lambda: (b.home / 'up').exists())
    ps = [b.popen('sysg', 'stop', 'web') for _ in range(5)]
    assert [p.wait(20) for p in ps] == [0] * 5


def test_a_stop_that_comes_with_the_end_of_the_back_off_leaves_nothing_to_say(box):
    b = box('services: {web: {exec: ["false"], restart_policy: always, backoff: {initial: 2ms, max: 2ms}}, hold: {exec: [sleep, "1000"]}}').up()
    r = b.exec('python', '-c', f"""
import random, sys, time
sys.path.insert(0, {str(TOOLS)!r})
from peer import ask, connect
s = connect()
for _ in range(2000):
    assert ask(s, 'op=start', 'unit=web', 'wait=0').get('end') == '1'
    time.sleep(random.random() * 0.005)
    assert ask(s, 'op=stop', 'unit=web', 'wait=0').get('end') == '1'
""", timeout=60)
    assert r.returncode == 0, r.stderr
    b.until_state('web', 'stopped')
    assert 'internal:' not in b.stderr
