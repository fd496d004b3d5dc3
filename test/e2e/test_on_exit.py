"""`--on-exit`: what happens when a spawned child ends; and every reason that an end has."""
import base64
import json
import re
import signal
import time

import pytest

from harness import TOOLS, assert_gone, facts, until

MANIFEST = '''
services:
  root:
    exec: [sh, ./main.sh]
    stop_timeout: 2s
    spawn: {mode: dynamic%s}
'''


def tree(box, script, spawn='', **kw):
    """A box whose service runs the script and stays."""
    b = box(None, argv=['true'], **kw)
    (b.home / 'main.sh').write_text('exec 3>codes\n(' + script + '\n) >out 2>err\n: >over; exec sleep 1000\n')
    return box(MANIFEST % spawn, home=b.home, **kw).up()


def over(b, seconds=20):
    until(lambda: (b.home / 'over').exists(), seconds, why=lambda: f'the end of the script: {b.peek("err")} {b.stderr[-500:]}')
    return [int(x) for x in b.peek('codes').split()]


def runs(b, name, n, seconds=15):
    """Waits for the line of the nth run in the file; all of them."""
    until(lambda: b.peek(name).count('\n') >= n, seconds, why=lambda: f'{n} runs: {b.peek(name)!r} {b.peek("err")}')
    return b.peek(name).splitlines()


@pytest.mark.asan
@pytest.mark.parametrize('rule, end, again', [
    ('none', 'exit 1', False), ('restart', 'exit 0', True), ('restart', 'exit 1', True), ('restart', 'kill -9 $$', True),
    ('restart-on-failure', 'exit 0', False), ('restart-on-failure', 'exit 1', True), ('restart-on-failure', 'kill -9 $$', True)])
def test_a_rule_starts_it_again_after_the_ends_that_it_is_for(box, rule, end, again):
    b = tree(box, f"sysg spawn --name k --on-exit {rule} -- sh -c 'echo $SYSG_ID >>k; [ $(wc -l <k) = 2 ] && exec sleep 1000; {end}'")
    over(b)
    if again:
        assert len(set(runs(b, 'k', 2))) == 1
        u = b.until_state('k', 'running')
        assert u['id'] == b.file('k').split()[0] and u['restarts'] == 1
    else:
        b.until_state('k', 'done', 'failed')
        assert b.file('k').count('\n') == 1


def test_what_it_starts_with_is_that_of_the_first_start(box):
    b = tree(box, '''mkdir sub; cd sub
        X=1 sysg spawn --name k --env Y=2 --limit children=1 --on-exit restart -- sh -c 'imp facts "f$X$(ls | wc -l)" "$1"; sleep 0.1' name arg
        ''')
    over(b)
    first, second = (facts(b.file(f'sub/f1{n}')) for n in (1, 2))
    assert first['cwd'] == str(b.home / 'sub')
    own = {'pid', 'ppid', 'sid', 'pgid', 'pgrp', 'session'}
    assert {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}


def test_past_its_budget_it_is_given_up_and_the_end_says_so(box):
    b = tree(box, '''
        sysg spawn --name k --on-exit restart --wait -- sh -c 'echo x >>k; exit 3'; echo $? >&3
        sysg wait k''', ', restart: {max: 2, window: 1h}')
    assert over(b) == [3]
    assert b.file('k').count('\n') == 3
    assert b.file('out').strip() == 'exit root/k - code=3 reason=gave-up'
    assert 'SG0110' in b.sysg_ok('events')


def test_the_budget_is_five_in_a_minute(box):
    b = tree(box, "sysg spawn --name k --on-exit restart --wait -- sh -c 'echo x >>k'; echo $? >&3")
    assert over(b, 30) == [0] and b.file('k').count('\n') == 6
    assert b.unit('k')['last_exit']['reason'] == 'gave-up'


def test_a_budget_of_a_short_window_begins_again(box):
    b = tree(box, "sysg spawn --name k --on-exit restart -- sh -c 'echo x >>k; sleep 0.3'", ', restart: {max: 1, window: 200ms}')
    over(b)
    runs(b, 'k', 4)


def test_the_delay_doubles(box):
    b = tree(box, "sysg spawn --name k --on-exit restart --wait -- sh -c 'date +%s.%N >>k'", ', restart: {max: 4, window: 1h}')
    over(b)
    at = [float(x) for x in b.file('k').split()]
    gaps = [y - x for x, y in zip(at, at[1:])]
    assert len(gaps) == 4 and all(g >= d for g, d in zip(gaps, (0.1, 0.2, 0.4, 0.8)))


@pytest.mark.asan
def test_a_stop_in_the_delay_ends_it(box):
    b = tree(box, '''
        sysg spawn --name k --on-exit restart -- sh -c 'echo x >>k; exit 1'
        until [ $(wc -l <k) = 5 ]; do :; done # the delay after it is 1.6 s
        until sysg status -s k --json | grep -q '"state":"backoff"'; do :; done
        sysg stop k; echo $? >&3
        sysg wait k''', ', restart: {max: 20, window: 1h}')
    assert over(b) == [0]
    assert b.file('out').splitlines()[-1] == 'exit root/k - code=1 reason=stopped'
    assert b.state('k') == 'stopped'


def test_the_ttl_counts_over_restarts(box):
    b = tree(box, '''
        sysg spawn --name k --ttl 2 --on-exit restart --wait -- sh -c 'echo x >>k; exec sleep 0.3'; echo $? >&3
        sysg wait k''', ', restart: {max: 100, window: 1h}')
    t = time.monotonic()
    over(b)
    assert time.monotonic() - t < 10 and b.file('k').count('\n') > 1
    assert 'reason=ttl' in b.file('out')


def test_its_children_follow_its_policy_before_it_starts_again(box):
    b = tree(box, '''
        sysg spawn --name k --on-exit restart -- sh -c 'echo x >>k; [ $(wc -l <k) = 2 ] && exec sleep 1000
            sysg spawn --name low -- sleep 1003; exit 1' ''')
    over(b)
    runs(b, 'k', 2)
    assert not any(p.cmdline == 'sleep 1003' for p in b.procs().values())
    u = b.until_state('k', 'running')
    assert u['counts']['children'] == 0 and b.unit('root')['counts']['descendants'] == 1


@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
def test_its_children_stay_under_reparent_and_orphan(box, policy):
    b = tree(box, '''
        sysg spawn --name k --on-exit restart -- sh -c 'echo x >>k; [ $(wc -l <k) = 2 ] && exec sleep 1000
            sysg spawn --name low -- sleep 1003; exit 1' ''', f', termination_policy: {policy}')
    over(b)
    runs(b, 'k', 2)
    b.until_state('root/k', 'running')
    assert b.until_state('root/k/low', 'running')['depth'] == 2
    b.sysg_ok('stop', 'root/k')
    assert not any(p.cmdline == 'sleep 1003' for p in b.procs().values())


def test_a_program_that_is_gone_at_a_restart_is_the_end(box):
    b = tree(box, r'''
        printf '#!/bin/sh\nrm -f prog\nexit 1\n' >prog; chmod +x prog
        sysg spawn --name k --on-exit restart --wait -- ./prog; echo $? >&3
        sysg wait k''')
    assert over(b)[0] != 0
    assert re.search(r'reason=exec-failed', b.file('out'))


def test_a_first_start_that_fails_is_no_child_whatever_its_rule(box):
    b = tree(box, 'sysg spawn --name k --on-exit restart -- ./not-there; echo $? >&3')
    assert over(b) == [12] and b.unit('k') is None and b.unit('root')['counts']['ever'] == 0


def test_rules_are_checked(box):
    b = tree(box, '''
        sysg spawn --on-exit never -- true; echo $? >&3
        sysg spawn --on-exit restart --on-exit restart-on-failure -- true; echo $? >&3
        sysg spawn --on-exit none --on-exit none -- true; echo $? >&3''')
    assert over(b) == [2, 2, 2] and b.unit('root')['counts']['ever'] == 0


def test_what_the_service_does_not_allow_is_denied(box):
    b = tree(box, '''
        sysg spawn --on-exit restart -- true; echo $? >&3
        sysg spawn --on-exit restart-on-failure -- true; echo $? >&3
        sysg spawn --on-exit none -- true; echo $? >&3
        sysg spawn -- true; echo $? >&3''', ', allow: {on_exit: [restart-on-failure]}')
    assert over(b) == [4, 0, 0, 0] and 'SG0811' in b.file('err') and 'restart' in b.file('err')


# --- messages -----------------------------------------------------------------

def recv(n, *more):
    """A script's lines that take n messages, each as a line of JSON in `got`."""
    return f'for i in $(seq {n}); do sysg recv --json --timeout 20s {" ".join(more)} >>got; done\n'


def got(b):
    return [json.loads(x) for x in b.peek('got').splitlines()]


@pytest.mark.asan
def test_a_message_is_said_when_it_ends_for_good_before_its_notice(box):
    b = tree(box, """
        sysg spawn --name k --on-exit restart --on-exit 'send:parent:it is: over' -- sh -c 'exit 3'
        """ + recv(2), ', restart: {max: 1, window: 1h}')
    over(b, 30)
    msg, notice = got(b)
    assert (msg['kind'], msg['path'], msg['body'], msg['code'], msg['reason']) == ('msg', 'root/k', 'it is: over', 3, 'gave-up')
    assert notice['kind'] == 'exit' and notice['path'] == 'root/k' and notice['code'] == 3


def test_a_file_is_read_at_the_spawn_and_may_hold_any_bytes(box):
    b = tree(box, r"""
        printf 'a\0b\377\n' >f; printf 'second' >g
        sysg spawn --name k --on-exit send:parent:@f --on-exit send:parent: --on-exit send:parent:@./g --on-exit none -- sh -c 'while [ ! -e go ]; do sleep 0.02; done'
        rm f g; : >go
        """ + recv(3))
    over(b)
    first, empty, second = got(b)
    assert base64.b64decode(first['body_base64']) == b'a\0b\xff\n' and empty['body'] == '' and second['body'] == 'second'


@pytest.mark.parametrize('order', ['sysg stop k', 'sysg stop --timeout 20s root/k'])
def test_an_end_by_order_is_told_too(box, order):
    b = tree(box, f"sysg spawn --name k --on-exit restart --on-exit send:parent:x -- sleep 1000\n{order}\n" + recv(1))
    over(b)
    assert got(b)[0]['reason'] == 'stopped'


def test_four_messages_and_a_restart_are_possible_and_five_are_not(box):
    four = ' '.join(f'--on-exit send:parent:{i}' for i in range(4))
    b = tree(box, f"""
        sysg spawn --on-exit restart-on-failure {four} -- true; echo $? >&3
        sysg spawn {four} --on-exit send:parent:4 -- true; echo $? >&3
        """ + recv(4))
    assert over(b) == [0, 2] and [m['body'] for m in got(b)] == list('0123') and b.unit('root')['counts']['ever'] == 1


def test_64_kib_are_sent_and_one_byte_more_is_too_large(box):
    b = tree(box, """
        head -c 65536 /dev/zero | tr '\\0' x >f; cp f g; printf y >>g
        sysg spawn --on-exit send:parent:@f -- true; echo $? >&3
        sysg spawn --on-exit send:parent:@g -- true; echo $? >&3
        sysg spawn --on-exit send:parent:@missing -- true; echo $? >&3
        sysg spawn --on-exit send:parent -- true; echo $? >&3
        """ + recv(1))
    assert over(b) == [0, 13, 2, 2] and len(got(b)[0]['body']) == 65536


RAW = '''
import os, sys
sys.path.insert(0, %r)
from peer import *

def spawn(wills, n):
    s = connect()
    s.send(packet('more=1', 'op=spawn', 'arg=true', 'cwd=/', 'env=PATH=' + os.environ['PATH'], *wills))
    while n > 60000:
        s.send(packet('more=1', body=b'x' * 60000))
        n -= 60000
    s.send(packet(body=b'x' * n))
    f = fields_of(s.recv(1 << 16))
    return f.get('code') or f.get('name')

said = [spawn(['will=65536:self'], 65536), spawn(['will=65537:self'], 65537), spawn(['will=1:self'] * 4, 4),
        spawn(['will=1:self'] * 5, 5), spawn(['will=9:self'], 5), spawn(['will=1:self'], 5), spawn(['will=self'], 0)]
open('said.new', 'w').write(' '.join(said)); os.rename('said.new', 'said')
'''


def test_the_supervisor_itself_bounds_what_is_to_be_sent(box):
    b = box(None, argv=['true'])
    (b.home / 'raw.py').write_text(RAW % str(TOOLS))
    (b.home / 'main.sh').write_text('python raw.py; exec sleep 1000')
    b = box(MANIFEST % '', home=b.home)
    first, *rest = b.file('said').split()
    assert first[0] == '@' and [x if x[0] == 'S' else 'ok' for x in rest] == ['SG0831', 'ok', 'SG0210', 'SG0832', 'SG0832', 'SG0832']


def test_what_is_to_be_sent_at_the_end_is_at_most_16_mib_a_tree(box):
    four = ' '.join(['--on-exit send:self:@f'] * 4)
    b = tree(box, f"""
        head -c 65536 /dev/zero | tr '\\0' x >f
        i=0
        while [ $i -lt 80 ] && sysg spawn {four} -- sleep 1000 >/dev/null; do i=$((i + 1)); done
        echo $i >&3""")
    n, = over(b, 60)
    assert 55 <= n <= 63 and 'SG0831' in b.file('err'), n  # 256 KiB each


def test_it_is_sent_under_the_rights_of_the_dying_unit(box):
    b = tree(box, """
        sysg spawn --name other -- sleep 1000
        sysg spawn --wait --on-exit send:root/other:secret --on-exit send:nobody-there:x -- true
        """)
    over(b)
    text = b.sysg_ok('events')
    assert 'SG0811' in text and 'SG0202' in text and 'on_exit' in text


def test_send_is_denied_where_the_service_does_not_allow_it(box):
    b = tree(box, 'sysg spawn --on-exit send:parent:x -- true; echo $? >&3', ', allow: {on_exit: [restart]}')
    assert over(b) == [4] and 'SG0811' in b.file('err')


def test_a_service_says_what_its_manifest_says_when_it_ended_for_good(box):
    b = box(None, argv=['true'])
    (b.home / 'text').write_text('from a file')
    b = box("""
        services:
          ops: {command: "sysg recv --json --timeout 20s >>got; : >over; exec sleep 1000", public: true}
          job:
            command: "sleep 0.3; exit 4"
            restart_policy: on-failure
            max_restarts: 1
            backoff: {initial: 100ms}
            on_exit: ["send:ops:@text", "send:job:it failed"]
        """, home=b.home).up()
    until(lambda: (b.home / 'over').exists(), 30)
    m = got(b)[0]
    assert (m['kind'], m['path'], m['body'], m['code'], m['reason']) == ('msg', 'job', 'from a file', 4, 'gave-up')
    # itself doesn't run any more
    said = [x for x in b.sysg_ok('events').splitlines() if 'on_exit' in x]
    assert len(said) == 1 and 'SG0823' in said[0]


def test_a_file_of_a_services_message_that_is_not_there_starts_nothing(box):
    b = box('services: {a: {command: ": >ran", on_exit: ["send:b:@no-such"]}}')
    assert b.wait() != 0 and 'no-such' in b.stderr and not (b.home / 'ran').exists()


# --- reasons ------------------------------------------------------------------

@pytest.mark.parametrize('end, how', [('exit 0', 'code=0 reason=exited'), ('exit 7', 'code=7 reason=exited'),
                                      ('kill -9 $$', 'signal=9 reason=signal')])
def test_reasons_of_its_own_ends(box, end, how):
    b = tree(box, f"sysg spawn --name k -- sh -c '{end}' >/dev/null; sysg wait k")
    over(b)
    assert b.file('out').strip() == f'exit root/k - {how}'


def test_reason_stopped_is_of_an_order_also_where_its_rule_would_start_it_again(box):
    b = tree(box, 'sysg spawn --name k --on-exit restart -- sleep 1000 >/dev/null; sysg stop k; sysg wait k')
    over(b)
    assert 'reason=stopped' in b.file('out') and b.state('k') == 'stopped'


def test_reason_cascade_is_of_the_end_of_its_parent(box):
    b = tree(box, '''
        sysg spawn --name mid -- sh -c 'sysg spawn --name k --on-exit restart -- sleep 1003; : >mid.up; while [ ! -e go ]; do sleep 0.02; done; exit 1' ''')
    over(b)
    until(lambda: (b.home / 'mid.up').exists())
    waiter = b.popen(b.program, 'wait', 'root/mid/k')
    until(lambda: b.json('status')['supervisor']['connections'] > 1)
    (b.home / 'go').touch()
    assert 'reason=cascade' in waiter.communicate(timeout=20)[0]


def test_reason_shutdown_is_of_the_end_of_the_container(box):
    # what it depends on is stopped after it, and takes its time, in which the notice is printed
    b = tree(box, 'sysg spawn --name k --on-exit restart -- sleep 1000',
             '}\n    depends_on: [slow]\n  slow: {command: "trap \'sleep 1; exit\' TERM; while :; do sleep 0.05; done"')
    over(b)
    waiter = b.popen(b.program, 'wait', 'root/k')
    until(lambda: b.json('status')['supervisor']['connections'] > 1)
    b.kill(signal.SIGTERM)
    assert 'reason=shutdown' in waiter.communicate(timeout=20)[0]
    assert b.wait() == 0
    assert_gone(b)
