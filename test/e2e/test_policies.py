"""What becomes of spawned children when their parent ends: reparent and orphan. (drain, cascade: test_spawn.py.)"""
import signal
import subprocess

import pytest

from harness import TOOLS, assert_gone, until

MANIFEST = '''
services:
  hold: {command: "exec sleep 1000"}
  root:
    exec: [sh, ./main.sh]
    restart_policy: %s
    stop_timeout: 2s
    backoff: {initial: 100ms}
    spawn: {mode: dynamic, termination_policy: %s}
'''
# A parent of the child `kid`, which ends with a code as soon as the file `end` says it.
MID = '''
sysg spawn --name kid %s -- sleep 1000
echo mid >>mid.up
while [ ! -s end ]; do sleep 0.02; done
exit $(cat end)
'''


def tree(box, policy, main='exec sleep 1000', mid=MID % '', restart='never', **kw):
    """A box with root/mid/kid: the end of mid is written into `end`."""
    b = box(None, argv=['true'], **kw)
    kw['home'] = b.home
    (b.home / 'main.sh').write_text('sysg spawn --name mid -- sh ./mid.sh\n' + main + '\n')
    (b.home / 'mid.sh').write_text(mid)
    b = box(MANIFEST % (restart, policy), **kw).up()
    b.file('mid.up')
    return b


def end_mid(b, code=0):
    (b.home / 'end').write_text(str(code))
    until(lambda: b.sysg('wait', 'root/mid', '--timeout', '0').returncode != 9)


def kid(b):
    return next((u for u in [b.unit('kid')] if u), None)


def alive(b):
    return [p.inner for p in b.procs().values() if p.cmdline == 'sleep 1000' and p.ppid == b.pid]


@pytest.mark.asan
@pytest.mark.parametrize('code', [0, 3])
def test_the_parents_parent_adopts_and_the_child_runs_on(box, code):
    b = tree(box, 'reparent')
    pid = kid(b)['pid']
    end_mid(b, code)
    u = b.until_state('root/kid', 'running')
    assert u['pid'] == pid and u['depth'] == 1 and u['parent_pid'] == b.pid_of('root')
    assert b.unit('root')['counts'] == {**b.unit('root')['counts'], 'children': 1, 'descendants': 1}
    assert b.sysg('status', '-s', 'root/mid/kid').stdout.find('sleep') < 0
    assert 'adopted' in b.sysg_ok('events')


def test_the_adopter_has_the_rights_and_the_notice(box):
    b = tree(box, 'reparent', main='''
        while [ ! -e go ]; do sleep 0.02; done
        sysg stop kid 2>stop.err; echo $? >rc
        sysg wait kid >notice
        exec sleep 1000''')
    end_mid(b)
    b.until_state('root/kid', 'running')
    (b.home / 'go').touch()
    assert b.file('rc').strip() == '0', b.peek('stop.err')
    assert b.file('notice').startswith('exit root/kid - ') and 'reason=stopped' in b.peek('notice')


def test_a_taken_name_gets_the_number_on_adoption(box):
    b = tree(box, 'reparent', main='sysg spawn --name kid -- sleep 1000; : >both; exec sleep 1000')
    until(lambda: (b.home / 'both').exists())
    mine = b.unit('root/mid/kid')
    end_mid(b)
    moved = until(lambda: b.unit(mine['id']))
    assert moved['path'] == f'root/kid.{mine["id"][1:]}' and b.unit('root/kid')['id'] != mine['id']


def test_the_log_of_an_adopted_child_goes_on_in_one_file(box):
    b = tree(box, 'reparent', mid='''
        sysg spawn --name kid -- sh -c 'echo before; while [ ! -e say ]; do sleep 0.02; done; echo after; exec sleep 1000'
        echo mid >>mid.up
        while [ ! -s end ]; do sleep 0.02; done''')
    end_mid(b)
    (b.home / 'say').touch()
    until(lambda: 'after' in b.sysg('logs', '-s', 'kid', '--no-follow').stdout)
    assert 'before' in b.sysg_ok('logs', '-s', 'root/kid', '--no-follow')


def test_a_whole_chain_is_handed_up_as_it_ends(box):
    b = tree(box, 'reparent', mid='''
        sysg spawn --name low -- sh -c 'sysg spawn --name kid -- sleep 1000; echo x >low.up; while [ ! -e low.end ]; do sleep 0.02; done'
        while [ ! -e low.up ]; do sleep 0.02; done
        echo mid >>mid.up
        while [ ! -s end ]; do sleep 0.02; done''')
    (b.home / 'low.end').touch()
    b.until_state('root/mid/kid', 'running')
    end_mid(b)
    assert b.until_state('root/kid', 'running')['depth'] == 1


def test_a_limit_of_the_parent_holds_for_what_is_adopted(box):
    b = tree(box, 'reparent', main='exec sleep 1000', mid='''
        sysg spawn --name deep --limit children=1 -- sh -c '
            sysg spawn --name kid -- sh -c "while [ ! -e go ]; do sleep 0.02; done; for i in 1 2; do sysg spawn -- sleep 1000 2>>k.err; echo \\$? >>k; done; exec sleep 1000"
            exit 0'
        echo mid >>mid.up
        while [ ! -s end ]; do sleep 0.02; done''')
    b.until_state('root/mid/kid', 'running')
    (b.home / 'go').touch()
    until(lambda: b.peek('k').count('\n') == 2)
    assert b.file('k').split() == ['0', '7'] and 'SG0803' in b.file('k.err')


@pytest.mark.asan
def test_an_orphan_stays_and_is_the_operators(box):
    b = tree(box, 'orphan', main='''
        while [ ! -e go ]; do sleep 0.02; done
        sysg stop root/kid 2>stop.err; echo $? >rc
        exec sleep 1000''', mid=MID % '--ttl 1000')
    end_mid(b, 3)
    u = b.until_state('root/kid', 'running')
    assert u['depth'] == 1 and u['orphan'] is True and u['ttl']
    c = b.unit('root')['counts']
    assert c['children'] == 0 and c['descendants'] == 1
    (b.home / 'go').touch()
    assert b.file('rc').strip() == '4' and 'SG0811' in b.peek('stop.err')
    b.sysg_ok('stop', 'kid')
    until(lambda: b.unit('root')['counts']['descendants'] == 0)
    assert b.unit('kid') is None and len(alive(b)) == 2


def test_an_orphan_may_not_spawn(box):
    b = tree(box, 'orphan', mid='''
        sysg spawn --name kid -- sh -c 'while [ ! -e go ]; do sleep 0.02; done; sysg spawn -- sleep 1 2>k.err; echo $? >k; exec sleep 1000'
        echo mid >>mid.up
        while [ ! -s end ]; do sleep 0.02; done''')
    end_mid(b)
    b.until_state('root/kid', 'running')
    (b.home / 'go').touch()
    assert b.file('k').strip() == '4' and 'SG0801' in b.file('k.err') and 'orphan' in b.file('k.err')


def test_an_orphan_keeps_its_ttl(box):
    b = tree(box, 'orphan', mid=MID % '--ttl 2')
    end_mid(b)
    until(lambda: b.unit('root')['counts']['descendants'] == 0)
    assert '"reason=ttl"' in b.sysg_ok('events') or 'reason=ttl' in b.sysg_ok('events')


# An operator's spawn below mid whose set-up lasts until it is told to go on: the child waits for its streams.
LATE = '''
import os, sys
sys.path.insert(0, %r)
from peer import *
s = connect(timeout=60)
s.send(packet('op=spawn', 'parent=root/mid', 'name=kid', 'attach=1', 'arg=' + sys.argv[1], 'arg=1008'))
assert fields_of(s.recv(65536)) == dict(ok='1', go='1')
print('go', flush=True)
sys.stdin.readline()
pass_fds(s, b'x', [os.open('/dev/null', os.O_RDWR)] * 3)
f = fields_of(s.recv(65536))
print(f.get('code') or f['path'], flush=True)
sys.stdin.readline()
'''


@pytest.mark.asan
@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
@pytest.mark.parametrize('how', ['unseen', 'executed', 'failed'])
def test_a_parent_that_ends_while_its_child_is_set_up_hands_it_over(box, policy, how):
    """unseen: the child can't be compared with it any more, and is not there. Else PID 1 sees both at once, as it was stopped."""
    b = tree(box, policy, mid='echo mid >>mid.up\nwhile [ ! -s end ]; do sleep 0.02; done')
    (b.home / 'late.py').write_text(LATE % str(TOOLS))
    p = b.popen('python', 'late.py', '/no/such/program' if how == 'failed' else 'sleep', stdin=subprocess.PIPE)
    assert p.stdout.readline() == 'go\n', p.communicate()
    if how == 'unseen':
        end_mid(b)
        u = b.unit('root/kid')
        assert u['depth'] == 1 and bool(u.get('orphan')) == (policy == 'orphan')
    else:
        mid = b.pid_of('root/mid')
        b.kill(signal.SIGSTOP)
    p.stdin.write('\n')
    p.stdin.flush()
    if how != 'unseen':
        until(lambda: [d for d in b.defunct() if d.ppid == b.pid] if how == 'failed' else
              [x for x in b.procs().values() if x.cmdline == 'sleep 1008'])
        (b.home / 'end').write_text('0')
        until(lambda: any(d.inner == mid for d in b.defunct()))
        b.kill(signal.SIGCONT)
    assert p.stdout.readline().strip() in {'unseen': ['SG0814'], 'failed': ['SG0813'], 'executed': ['root/kid', 'root/mid/kid']}[how]
    n = int(how == 'executed')
    if n:
        b.until_state('root/kid', 'running')
    until(lambda: b.unit('root/mid')['state'] == 'done')
    c = b.unit('root')['counts']
    assert (c['children'], c['descendants'], c['ever']) == (n if policy == 'reparent' else 0, n, 1 + n)
    p.communicate('\n', timeout=20)
    assert b.term() == 0
    assert_gone(b)


@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
def test_children_of_a_service_that_ended_for_good_are_orphans_and_keep_the_container(box, policy):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('sysg spawn --name kid -- sh -c "while [ ! -e go ]; do sleep 0.02; done"\nexit 0\n')
    b = box(f'services: {{root: {{exec: [sh, ./main.sh], restart_policy: never, spawn: {{mode: dynamic, termination_policy: {policy}}}}}}}',
            home=b.home).up()
    b.until_state('root', 'done')
    assert b.unit('kid')['orphan'] is True
    (b.home / 'go').touch()
    assert b.wait() == 0


def restarted(box, policy, how):
    """A box whose service made root/kid when it was first started, and was started again; the pid of the child."""
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('[ -e first ] || { : >first; sysg spawn --name kid -- sleep 1000; }\n'
                                    'echo $$ >>up; while [ ! -e "end.$$" ]; do sleep 0.02; done; exit 0\n')
    b = box(MANIFEST % ('always', policy), home=b.home).up()
    pid, child = int(b.file('up')), b.pid_of('root/kid')
    if how == 'order':
        b.sysg_ok('restart', '-s', 'root')
    elif how == 'clean':
        (b.home / f'end.{pid}').touch()
    else:
        b.exec('kill', '-9', str(pid))
    until(lambda: b.peek('up').count('\n') == 2)
    return b, child


@pytest.mark.asan
@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
@pytest.mark.parametrize('how', ['crash', 'clean', 'order'])
def test_a_restart_of_the_parent_changes_nothing_for_them(box, policy, how):
    b, child = restarted(box, policy, how)
    b.until_state('root', 'running')
    u = b.unit('root/kid')
    assert u['pid'] == child and u['parent_pid'] == b.pid_of('root') and not u.get('orphan')
    b.sysg_ok('stop', 'root')
    assert not b.alive(child)


@pytest.mark.parametrize('policy, how', [('drain', 'crash'), ('cascade', 'crash'), ('cascade', 'clean'), ('drain', 'order')])
def test_before_a_restart_children_are_stopped_under_drain_and_cascade(box, policy, how):
    b, child = restarted(box, policy, how)
    assert not b.alive(child)


def test_a_restart_after_a_clean_end_waits_for_the_draining(box):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('if [ -e first ]; then echo again >>order; exec sleep 1000; fi\n: >first\n'
                                    "sysg spawn --name kid -- sh -c 'while [ ! -e go ]; do sleep 0.02; done; echo kid >>order'\nexit 0\n")
    b = box(MANIFEST % ('always', 'drain'), home=b.home).up()
    b.until_state('root', 'draining')
    (b.home / 'go').touch()
    until(lambda: b.peek('order').count('\n') == 2)
    assert b.file('order').split() == ['kid', 'again']


def test_a_stop_cuts_a_draining_short(box):
    b = tree(box, 'drain')
    (b.home / 'end').write_text('0')
    b.until_state('root/mid', 'draining')
    child = b.pid_of('kid')
    b.sysg_ok('stop', 'root/mid')
    assert not b.alive(child)
    assert b.unit('root/mid')['last_exit']['reason'] == 'exited'


def test_under_cascade_all_of_it_gets_term_at_once(box):
    """Not children first, as in a stop: the child has its TERM while what it spawned lives on."""
    b = box(None, argv=['true'])
    (b.home / 'low.sh').write_text('trap "" TERM; echo $$ >low.new; mv low.new low; while :; do sleep 0.05; done')
    (b.home / 'kid.sh').write_text('''
        trap 'kill -0 $(cat low) && : >both; exit' TERM
        sysg spawn --name low -- sh ./low.sh
        while [ ! -e low ]; do sleep 0.02; done
        : >kid.up
        while :; do sleep 0.05; done''')
    b = tree(box, 'cascade', home=b.home, mid='''
        sysg spawn --name kid -- sh ./kid.sh
        while [ ! -e kid.up ]; do sleep 0.02; done
        echo mid >>mid.up
        while [ ! -s end ]; do sleep 0.02; done''')
    low = int(b.file('low'))
    end_mid(b)
    assert (b.home / 'both').exists() and not b.alive(low), 'its end is told when all of it is gone'
    assert b.unit('root')['counts']['descendants'] == 0


@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
def test_a_stop_takes_the_whole_tree_whatever_the_policy(box, policy):
    b = tree(box, policy, mid='''
        sysg spawn --name kid -- sh -c 'trap "echo kid >>order; exit" TERM; : >up; while :; do sleep 0.05; done'
        while [ ! -e up ]; do sleep 0.02; done
        trap 'echo mid >>order; exit' TERM
        echo mid >>mid.up
        while :; do sleep 0.05; done''')
    child = b.pid_of('kid')
    b.sysg_ok('stop', 'root/mid')
    assert not b.alive(child) and b.file('order').split() == ['kid', 'mid']


@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
def test_a_stop_of_a_service_in_its_back_off_takes_the_children_that_stayed(box, policy):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('sysg spawn --name kid -- sleep 1000; exit 1\n')
    b = box((MANIFEST % ('always', policy)).replace('100ms', '1000s'), home=b.home).up()
    b.until_state('root', 'backoff')
    child = b.pid_of('kid')
    b.sysg_ok('stop', 'root')
    assert not b.alive(child) and b.state('root') == 'stopped'


@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
def test_a_shutdown_takes_orphans_along(box, policy):
    b = tree(box, policy)
    b.exec('sh', '-c', 'true')
    end_mid(b)
    b.until_state('root/kid', 'running')
    (b.home / 'end').unlink()
    assert b.term() == 0
    assert_gone(b)


def test_stop_of_everything_stops_orphans_and_stop_of_their_service_does_not(box):
    b = tree(box, 'orphan')
    end_mid(b)
    b.until_state('root/kid', 'running')
    child = b.pid_of('kid')
    b.sysg_ok('stop', 'root')
    assert b.alive(child)
    b.sysg_ok('stop')
    assert not b.alive(child)


def test_orphans_go_with_the_service_that_goes_from_the_manifest(box):
    b = tree(box, 'orphan')
    end_mid(b)
    b.until_state('root/kid', 'running')
    child = b.pid_of('kid')
    b.sysg_ok('stop', 'root')
    b.write_manifest('services: {hold: {command: "exec sleep 1000"}}')
    r = b.sysg('start')
    assert b.alive(child) and 'root' in r.stdout + r.stderr
    b.sysg_ok('restart')
    assert not b.alive(child) and b.unit('root') is None


def test_policies_tighten_along_orphan_reparent_drain_cascade(box):
    order = ['orphan', 'reparent', 'drain', 'cascade']
    script = ''.join(f'sysg spawn --wait --name {p} --policy {p} -- sh -c "' +
                     ''.join(f'sysg spawn --policy {q} -- true 2>/dev/null; echo {p} {q} \\$? >>rc;' for q in order) + '"\n' for p in order)
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(script + ': >over; exec sleep 1000\n')
    b = box(MANIFEST % ('never', 'orphan'), home=b.home).up()
    until(lambda: (b.home / 'over').exists(), 30)
    got = {(p, q): int(rc) for p, q, rc in map(str.split, b.file('rc').splitlines())}
    assert got == {(p, q): 0 if order.index(q) >= order.index(p) else 4 for p in order for q in order}
