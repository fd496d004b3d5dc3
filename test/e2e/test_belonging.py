"""Stopping a unit ends every process that it ever started, however they forked (R8)."""
import ctypes
import json
import os
import re
import signal
import subprocess

import pytest

from harness import DEFAULT_CAPS, IMP, assert_gone, delegated_cgroup, suid_process, suid_program, until

# What a service leaves behind: each line starts processes that run "sleep 777" or imp.
TRICKS = {
    'a background child': 'sleep 777 & : >up; exec sleep 1000',
    'a grandchild': "sh -c 'sh -c \"sleep 777 & wait\" & wait' & : >up; exec sleep 1000",
    'setsid': 'setsid sleep 777 & : >up; exec sleep 1000',
    'a double fork with setsid': '(setsid sh -c "sleep 777 & exit" &); : >up; exec sleep 1000',
    'a double fork with setsid and env -i': '(env -i /usr/bin/setsid /bin/sh -c "/bin/sleep 777 & exit" &); : >up; exec sleep 1000',
    'a TERM-ignorer': f"setsid {IMP} deaf & trap '' TERM; : >up; while :; do sleep 0.1; done",
    'one that forks in a loop': f'{IMP} hop & : >up; exec sleep 1000',
    'one that forks in a loop with setsid': f'{IMP} hop setsid & : >up; exec sleep 1000',
}

NO_CAPS = ['--keep', '']
OTHER_UID = ['--uid', '{uid}', '--gid', '{uid}', '--groups', '', '--keep', '']


def stops_whole(box, script, ns=(), user=None, seconds=20):
    """Starts it beside a bystander, stops it, and looks that only the bystander is left."""
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(script)
    who = f', user: {user}' if user else ''
    b = box(f'services: {{bad: {{exec: [sh, ./main.sh], stop_timeout: 500ms{who}}}, bystander: {{exec: [sleep, "1234"]}}}}',
            home=b.home, ns=ns, timeout=seconds + 60).up()
    until(lambda: (b.home / 'up').exists(), why=lambda: b.stderr)
    until(lambda: len(b.others()) >= 3, why=lambda: f'{b.others()}')
    r = b.sysg('stop', 'bad', timeout=seconds)
    left = [p for p in b.others() if p.cmdline != 'sleep 1234']
    return b, r, left


@pytest.mark.parametrize('trick', TRICKS)
def test_nothing_survives_in_a_container_without_cgroups_and_capabilities(box, trick):
    b, r, left = stops_whole(box, TRICKS[trick], NO_CAPS)
    assert r.returncode == 0 and not left, (r, left)
    assert b.state('bystander') == 'running'


@pytest.mark.asan
@pytest.mark.parametrize('trick', ['a double fork with setsid and env -i', 'one that forks in a loop'])
def test_nothing_survives_with_the_capabilities_of_a_default_container(box, trick):
    _, r, left = stops_whole(box, TRICKS[trick], ['--keep', DEFAULT_CAPS])
    assert r.returncode == 0 and not left, (r, left)


@pytest.mark.parametrize('trick', TRICKS)
def test_nothing_survives_without_root(box, trick):
    _, r, left = stops_whole(box, TRICKS[trick], [w.format(uid=4400) for w in OTHER_UID])
    assert r.returncode == 0 and not left, (r, left)


@pytest.mark.parametrize('caps', ['kill,setuid,setgid', 'setuid,setgid'])
@pytest.mark.parametrize('trick', ['setsid', 'a double fork with setsid and env -i', 'a TERM-ignorer', 'one that forks in a loop'])
def test_nothing_survives_under_another_uid_with_cap_kill_or_with_cap_setuid_alone(box, trick, caps):
    _, r, left = stops_whole(box, TRICKS[trick], ['--keep', caps], user=4401)
    assert r.returncode == 0 and not left, (r, left)


def test_without_cap_kill_and_cap_setuid_the_survivor_is_named(box):
    """The other uid is reached through a set-uid program, as a container without capabilities may have one."""
    b = box(None, argv=['true'])
    suid_program(b.home, 4402)
    b = box('services: {bad: {command: "./sleeper become & : >up; exec sleep 1000", stop_timeout: 300ms}, hold: {command: "exec sleep 1000"}}',
            home=b.home, ns=NO_CAPS).up()
    sleeper = suid_process(b, 4402)
    r = b.sysg('stop', 'bad', timeout=30)
    assert r.returncode != 0
    b.says('SG0713')
    b.says(rf'\b{sleeper.inner}\b', where='stderr')
    assert b.state('bad') == 'stopping'


def test_a_main_process_that_a_tracer_keeps_from_being_reaped_is_named(box):
    b = box('services: {bad: {exec: [sleep, "1000"], stop_timeout: 300ms}}').up()
    main = b.inner(b.pid_of('bad'))
    libc, seize = ctypes.CDLL(None, use_errno=True), 0x4206
    assert libc.ptrace(seize, main.pid, None, None) == 0, ctypes.get_errno()
    r = b.sysg('stop', 'bad', timeout=30)
    assert r.returncode != 0 and 'SG0713' in r.stderr
    assert f"1 of its processes can't be killed: {main.inner}" in b.stderr
    os.waitpid(main.pid, 0x40000000)  # __WALL: it is the other parent's then
    b.until_state('bad', 'stopped')


def test_who_waits_for_a_child_with_a_survivor_is_told_how_many_are_left(box):
    """Its exit notice too, which there is once all the same when the survivor has gone."""
    b = box(None, argv=['true'])
    suid_program(b.home, 4405)
    (b.home / 'main.sh').write_text('sysg recv >notice.new; mv notice.new notice; until [ -e go ]; do sleep 0.05; done\n'
                                    'sysg wait root/kid >gone; sysg recv --timeout 0; echo $? >rc; exec sleep 1000\n')
    b = box('services: {root: {exec: [sh, ./main.sh], stop_timeout: 300ms, spawn: {mode: dynamic}}}', home=b.home, ns=NO_CAPS).up()
    b.pid_of('root')
    waits = b.popen(b.program, 'spawn', '--parent', 'root', '--name', 'kid', '--wait', '--', 'sh', '-c',
                    './sleeper become & exec sleep 1000')
    sleeper = suid_process(b, 4405)
    r = b.sysg('stop', 'root/kid', timeout=30)
    assert r.returncode != 0 and 'SG0713' in r.stderr
    notice = b.file('notice', 20).strip()
    assert notice.startswith('exit root/kid - ') and notice.endswith('left=1'), notice
    assert waits.wait(10) == 143 and b.state('root/kid') == 'stopping'
    os.kill(sleeper.pid, signal.SIGKILL)
    until(lambda: b.unit('root')['counts']['children'] == 0)
    (b.home / 'go').touch()
    assert b.file('rc').strip() == '9'


def test_a_child_that_was_told_as_ended_for_a_survivor_is_not_started_again(box):
    b = box(None, argv=['true'])
    suid_program(b.home, 4405)
    b = box('services: {root: {exec: [sh, -c, "while :; do sysg recv >>notices; done"], spawn: {mode: dynamic}}}', home=b.home, ns=NO_CAPS).up()
    b.pid_of('root')
    b.sysg_ok('spawn', '--parent', 'root', '--name', 'kid', '--on-exit', 'restart', '--', 'sh', '-c',
              'echo >>starts; ./sleeper become & until [ -e boom ]; do sleep 0.05; done; exit 3')
    sleeper = suid_process(b, 4405)
    (b.home / 'boom').touch()
    until(lambda: 'left=1' in b.peek('notices'), 20)
    os.kill(sleeper.pid, signal.SIGKILL)
    until(lambda: b.unit('root')['counts']['children'] == 0)
    assert b.peek('starts') == '\n' and b.peek('notices').count('\n') == 1


@pytest.mark.alone  # 250 processes that spin, and whoever else runs: the init gets what is left
@pytest.mark.parametrize('uid', [4403])
def test_a_bomb_inside_a_limit_on_processes_is_gone_after_stop(box, uid):
    ns = [w.format(uid=uid) for w in OTHER_UID] + ['--rlimit', 'nproc=250']
    _, r, left = stops_whole(box, f'{IMP} bomb & : >up; exec sleep 1000', ns, seconds=300)
    assert r.returncode == 0 and not left, (r, left)


@pytest.mark.alone
def test_a_bomb_under_another_uid_is_gone_after_stop(box):
    _, r, left = stops_whole(box, f'{IMP} bomb & : >up; exec sleep 1000', ['--keep', 'kill,setuid,setgid', '--rlimit', 'nproc=250'],
                             user=4404, seconds=300)
    assert r.returncode == 0 and not left, (r, left)


@pytest.mark.parametrize('filter', ['old', 'no-prlimit'])
@pytest.mark.parametrize('trick', ['a double fork with setsid and env -i', 'one that forks in a loop with setsid'])
def test_nothing_survives_on_an_older_kernel_and_without_prlimit(box, trick, filter):
    _, r, left = stops_whole(box, TRICKS[trick], ['--filter', filter])
    assert r.returncode == 0 and not left, (r, left)


def test_a_service_that_daemonises_is_gone_with_its_restart(box):
    """The old tree is gone before the new one starts."""
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('ps -e -o args= | grep -c "^sleep 779" >>seen; setsid sleep 779 & : >up; exec sleep 1000\n')
    b = box('services: {web: {exec: [sh, ./main.sh], backoff: 50ms}}', home=b.home).up()
    for n in range(3):
        until(lambda: b.file('seen').count('\n') == n + 1)
        until(lambda: any(p.cmdline == 'sleep 779' for p in b.procs().values()))
        b.exec('kill', '-KILL', str(b.pid_of('web')))
    until(lambda: b.file('seen').count('\n') == 4)
    assert b.file('seen').split() == ['0'] * 4


def supervisor_pid(b):
    return int(b.file('pid'))


@pytest.mark.asan
def test_after_kill_9_of_the_supervisor_the_old_tree_is_gone_before_the_new_one_starts(box):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('ps -e -o args= | grep -c "^sleep 780" >seen.new; mv seen.new seen\n'
                                    'setsid sh -c "trap \\"\\" TERM HUP; while :; do sleep 780; done" &\nexec sleep 1000\n')
    (b.home / 'start.sh').write_text('sysg start -c systemg.yaml 2>>err & echo $! >pid; wait\n')
    b = box('services: {web: {exec: [sh, ./main.sh]}}', home=b.home,
            argv=['sh', '-c', 'while :; do if [ -e go ]; then rm go; sh ./start.sh; : >down; fi; sleep 0.02; done'])
    (b.home / 'go').touch()
    assert b.file('seen').strip() == '0'
    b.up()
    until(lambda: any(p.cmdline == 'sleep 780' for p in b.procs().values()))
    b.exec('kill', '-KILL', str(supervisor_pid(b)))
    until(lambda: (b.home / 'down').exists())
    (b.home / 'seen').unlink()
    (b.home / 'go').touch()
    assert b.file('seen').strip() == '0', 'the old tree was there when the new one started'


def test_a_main_process_dies_with_a_supervisor_that_is_not_pid_1(box):
    b = box('services: {web: {exec: [sleep, "781"]}}',
            argv=['sh', '-c', 'sysg start -c systemg.yaml & echo $! >pid; wait; exec sleep 1000']).up()
    b.pid_of('web')
    b.exec('kill', '-KILL', str(supervisor_pid(b)))
    until(lambda: not any(p.cmdline == 'sleep 781' for p in b.procs().values()))


def test_status_says_which_rung_is_in_force(box):
    b = box('services: {web: {exec: [sleep, "1000"]}}').up()
    assert b.status_json()['supervisor']['containment'] == 'mark'


def test_under_a_finite_hard_limit_of_another_form_there_are_no_marks_and_it_says_so(box):
    b = box('services: {web: {command: "setsid sleep 782 & : >up; exec sleep 1000", stop_timeout: 300ms}}',
            ns=['--rlimit', 'locks=1000']).up()
    until(lambda: (b.home / 'up').exists())
    assert b.status_json()['supervisor']['containment'] == 'session'


def test_a_nested_init_counts_inside_the_mark_of_its_service(box):
    """Its own services wear marks of their own, and stopping it in the outer one leaves none of them."""
    b = box(None, argv=['true'])
    (b.home / 'inner.yaml').write_text('services: {web: {command: "(env -i /usr/bin/setsid /bin/sleep 783 &); : >up; exec sleep 1000"}, '
                                       'hold: {exec: [sleep, "784"]}}')
    b = box('services: {outer: {exec: [sysg, start, -c, inner.yaml], env: {SYSG_RUNTIME_DIR: /run/inner}, stop_timeout: 4s}}', home=b.home).up()
    until(lambda: (b.home / 'up').exists() and any(p.cmdline == '/bin/sleep 783' for p in b.procs().values()), why=lambda: b.stderr)
    inner = ['sysg', '--socket', '/run/inner/control.sock']
    assert json.loads(b.exec(*inner, 'status', '--json').stdout)['supervisor']['containment'] == 'mark'
    r = b.exec(*inner, 'stop', 'web')
    assert r.returncode == 0, r
    assert not any(p.cmdline == '/bin/sleep 783' for p in b.procs().values()) and any(p.cmdline == 'sleep 784' for p in b.procs().values())
    b.exec('kill', '-KILL', str(b.pid_of('outer')))
    until(lambda: b.state('outer') in ('running', 'backoff') and [p.cmdline for p in b.procs().values()].count('sleep 784') <= 1)
    b.sysg_ok('stop', 'outer')
    assert_gone(b)


def test_marks_differ_from_start_to_start(box):
    b = box('services: {web: {exec: [bash, -c, "grep locks /proc/self/limits >>marks; exec sleep 1000"], backoff: 50ms}}').up()
    until(lambda: b.file('marks').count('\n') == 1)
    b.exec('kill', '-KILL', str(b.pid_of('web')))
    until(lambda: b.file('marks').count('\n') == 2)
    first, second = re.findall(r'^Max file locks\s+(\S+)', b.file('marks'), re.M)
    assert first != second and 'unlimited' not in (first, second)


IN_GROUP = ['--tmpfs', '/run', '--tmpfs', '/var/log', '--cgroup']


@pytest.fixture
def group():
    """A fresh group of the v2 hierarchy, taken away with all below it, or an error that says what is missing."""
    with delegated_cgroup() as d:
        yield d


@pytest.mark.parametrize('trick', ['a double fork with setsid and env -i', 'one that forks in a loop with setsid', 'a TERM-ignorer'])
def test_with_delegated_cgroups_a_unit_has_a_group_of_its_own(box, group, trick):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(TRICKS[trick])
    b = box('services: {bad: {exec: [sh, ./main.sh], stop_timeout: 500ms}, hold: {exec: [sleep, "1234"]}}', home=b.home, shape=False,
            ns=[*IN_GROUP, str(group)]).up()
    until(lambda: (b.home / 'up').exists())
    assert b.status_json()['supervisor']['containment'] == 'cgroup'
    b.sysg_ok('stop', 'bad')
    assert [p.cmdline for p in b.others()] == ['sleep 1234']
    assert b.term() == 0
    assert groups_of(group) == []


def groups_of(group):
    return sorted(d.name for d in group.iterdir() if d.is_dir())


@pytest.fixture
def stranger():
    """A process from outside of the box."""
    p = subprocess.Popen(['sleep', '1000'])
    yield p
    p.kill()
    p.wait()


def test_a_group_that_is_in_use_is_removed_once_it_is_empty(box, group, stranger):
    b = box('services: {a: {exec: [sleep, "1000"]}, b: {exec: [sleep, "1000"]}}', shape=False, ns=[*IN_GROUP, str(group)]).up()
    b.until_state('a', 'running')
    mine = until(lambda: next((d for d in group.iterdir() if d.is_dir() and d.name.endswith(b.unit('a')['id'].strip('@'))), None))
    (mine / 'cgroup.procs').write_text(str(stranger.pid))
    os.kill(b.inner(b.pid_of('a')).pid, signal.SIGKILL)
    b.sysg_ok('stop', 'a')
    inside = (mine / 'cgroup.procs').read_text().split() if mine.exists() else []
    stranger.kill()
    stranger.wait()
    until(lambda: not mine.exists(), 5, why=lambda: f'no {mine} (in it was {inside})')
    assert len(groups_of(group)) == 1
    assert b.term() == 0
    assert groups_of(group) == []


def test_groups_of_a_supervisor_that_was_killed_are_removed_by_the_next_one(box, group):
    home = box(None, argv=['true']).home
    (home / 'run').mkdir()

    def start():
        return box('services: {a: {exec: [sleep, "1000"]}, b: {exec: [sleep, "1000"]}}', shape=False, home=home,
                   env={'SYSG_RUNTIME_DIR': str(home / 'run')}, ns=[*IN_GROUP, str(group)]).up()
    b = start()
    b.until_state('b', 'running')
    b.kill(signal.SIGKILL)
    b.wait()
    left = set(groups_of(group))
    assert len(left) == 2
    b = start()
    b.until_state('b', 'running')
    until(lambda: not left & set(groups_of(group)), 5, why=lambda: f'none of {left} in {groups_of(group)}')
    assert b.term() == 0
    assert groups_of(group) == []
