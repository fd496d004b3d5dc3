"""cgroup v2 with memory, pids and cpu: what a unit's limits come to where the kernel holds them."""
import os
import pathlib
import re
import signal
import subprocess

import pytest

from harness import PYTHON, SYSG, codes, until

IN = ['--tmpfs', '/run', '--tmpfs', '/var/log', '--cgroup']
EAT = ('import sys,time\nb=[]\nfor i in range(int(sys.argv[1])):\n b.append(bytearray(b"x")*1048576)\n'
       'print("has", i+1, flush=True)\ntime.sleep(1000)')
FORK = ('import os,signal,time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nn=0\ntry:\n while n<50:\n  if os.fork()==0: time.sleep(1000)\n  n+=1\nexcept OSError as e: pass\n'
        'open("forks","w").write(str(n))\ntime.sleep(1000)')


def start(box, group, services, **kw):
    (pathlib.Path('/var/tmp') / 'eat.py').write_text(EAT)
    (pathlib.Path('/var/tmp') / 'fork.py').write_text(FORK)
    return box('services:\n' + ''.join(f'  {name}: {text}\n' for name, text in services.items()), shape=False,
               ns=[*IN, str(group)], timeout=120, **kw).up(60)


def python(script, *args):
    return '[' + ', '.join([PYTHON, f'/var/tmp/{script}.py', *map(lambda a: f'"{a}"', args)]) + ']'


def tree(group):
    """The one group of a limited tree."""
    return next(d for d in group.iterdir() if d.name.endswith('.tree'))


def value(folder, name):
    return (folder / name).read_text().strip()


def test_each_unit_gets_its_own_group_and_cgroup_kill_ends_all_of_it(box, group):
    b = start(box, group, {'a': '{exec: [sh, -c, "setsid sleep 1000 & exec sleep 1000"], stop_timeout: 300ms}',
                           'b': '{exec: [sleep, "1000"]}'})
    b.until_state('a', 'running')
    groups = [d for d in group.iterdir() if d.is_dir()]
    until(lambda: sorted(len(value(d, 'cgroup.procs').split()) for d in groups) == [1, 2], 20)
    assert b.unit('a')['containment'] == b.unit('b')['containment'] == 'cgroup'
    assert not (group / 'init').exists(), 'nothing is moved where no limit needs it'
    assert b.status_json()['supervisor'].get('memory_enforcement') != 'cgroup'
    mine = next(d for d in groups if len(value(d, 'cgroup.procs').split()) == 2)
    os.kill(b.inner(b.pid_of('a')).pid, signal.SIGSTOP)
    b.sysg_ok('stop', 'a', timeout=60)
    assert not mine.exists() and [p.cmdline for p in b.others()] == ['sleep 1000']
    assert b.term() == 0 and not [d for d in group.iterdir() if d.is_dir()]


def test_doctor_says_that_the_capability_is_held_which_no_container_here_may_have(box):
    b = box(argv=[SYSG, 'doctor'])
    assert b.wait() == 0 and re.search(r'^ok +CAP_SYS_RESOURCE +held ', b.stdout, re.M), b.stdout


def test_limits_are_in_force_on_the_group_of_the_tree(box, group):
    b = start(box, group, {'a': '{exec: [sleep, "1000"], limits: {cgroup: {memory_max: 64M, pids_max: 20, cpu_max: 50000, '
                                'cpu_weight: 10}}}', 'b': '{exec: [sleep, "1000"]}'})
    b.until_state('a', 'running')
    t = tree(group)
    assert [value(t, f) for f in ('memory.max', 'pids.max', 'cpu.max', 'cpu.weight', 'memory.oom.group')] == \
        ['67108864', '20', '50000 100000', '10', '0']
    assert [len(value(d, 'cgroup.procs').split()) for d in t.iterdir() if d.is_dir()] == [1]
    assert len(value(group / 'init', 'cgroup.procs').split()) >= 2, 'PID 1 and its logger'
    assert value(group, 'cgroup.procs') == ''
    assert b.status_json()['supervisor']['memory_enforcement'] == 'cgroup'
    assert b.sysg('doctor').stdout.count('by cgroup are in force') == 1
    assert b.unit('a')['containment'] == b.unit('b')['containment'] == 'cgroup'
    b.sysg_ok('stop', 'a', timeout=60)
    until(lambda: not t.exists(), 20)
    b.sysg_ok('start', '-s', 'a', timeout=60)
    assert value(tree(group), 'pids.max') == '20'
    assert b.term() == 0 and not [d for d in group.iterdir() if d.is_dir()]


def test_past_memory_max_the_kernel_kills_and_the_reason_is_oom(box, group):
    b = start(box, group, {'a': f'{{exec: {python("eat", 40)}, limits: {{cgroup: {{memory_max: 32M}}}}, restart_policy: never}}',
                           'sh': f'{{command: "{PYTHON} /var/tmp/eat.py 40; exit $?", limits: {{cgroup: {{memory_max: 32M}}}}, restart_policy: never}}',
                           'fits': f'{{exec: {python("eat", 10)}, limits: {{cgroup: {{memory_max: 64M}}}}}}'})
    for name in ('a', 'sh'):
        u = b.until_state(name, 'failed', seconds=60)
        assert u['last_exit']['reason'] == 'oom' and u['last_exit']['exit_code'] == 137, u
    b.says('has 10', 60)
    assert b.state('fits') == 'running'


def test_a_kill_by_hand_is_no_oom(box, group):
    b = start(box, group, {'a': '{exec: [sleep, "1000"], limits: {cgroup: {memory_max: 32M}}, restart_policy: never}',
                           'b': '{exec: [sleep, "1000"]}'})
    os.kill(b.inner(b.pid_of('a')).pid, signal.SIGKILL)
    assert b.until_state('a', 'failed')['last_exit']['reason'] == 'signal'


def test_pids_max_holds_at_n_and_what_is_spawned_is_no_way_round_it(box, group):
    b = start(box, group, {'a': f'{{exec: {python("fork")}, spawn: {{mode: dynamic}}, limits: {{cgroup: {{pids_max: 5}}}}}}'})
    assert b.file('forks', 60) == '4', 'five processes: the first and four forks'
    r = b.sysg('spawn', '--parent', 'a', '--', 'sleep', '1000')
    assert r.returncode == 12 and codes(r) == ['SG0813'] and 'pids_max' in r.stderr and '5 of 5' in r.stderr
    kid = next(p for p in b.procs().values() if 'fork.py' in p.cmdline and p.inner != b.pid_of('a'))
    os.kill(kid.pid, signal.SIGKILL)
    until(lambda: b.sysg('spawn', '--parent', 'a', '--name', 'x', '--', 'sleep', '1000').returncode == 0, 20)
    assert value(tree(group), 'pids.current') == '5'
    assert b.sysg('spawn', '--parent', 'a', '--', 'sleep', '1000').returncode == 12


def test_cpu_max_is_in_force(box, group):
    b = start(box, group, {'a': '{exec: [sh, -c, "while :; do :; done"], limits: {cgroup: {cpu_max: "10000 100000"}}}'})
    b.until_state('a', 'running')
    t = tree(group)
    until(lambda: int(value(t, 'cpu.stat').split('nr_throttled ')[1].split()[0]) > 2, 30)


def test_root_says_in_which_group_it_is_made(box, group):
    b = start(box, group, {'a': '{exec: [sleep, "1000"], limits: {cgroup: {pids_max: 9, root: teams/red}}}',
                           'b': '{exec: [sleep, "1000"], limits: {cgroup: {root: /sys/fs/cgroup/teams}}}',
                           'c': '{exec: [sleep, "1000"], limits: {cgroup: {root: /srv/x}}}'})
    b.until_state('a', 'running')
    b.until_state('b', 'running')
    assert value(tree(group / 'teams/red'), 'pids.max') == '9'
    assert tree(group / 'teams').exists()
    u = b.until_state('c', 'failed')
    assert u['error']['code'] == 'SG0741' and 'root' in u['error']['message']
    assert b.term() == 0 and not [d for d in (group / 'teams/red').iterdir() if d.is_dir()]


@pytest.fixture
def stranger():
    p = subprocess.Popen(['sleep', '1000'])
    yield p
    p.kill()
    p.wait()


LIMITED = {'a': '{exec: [sleep, "1000"], limits: {cgroup: {memory_max: 64M}}}', 'b': '{exec: [sleep, "1000"]}',
           'h': '{exec: [sleep, "1000"], limits: {cgroup: {memory_max: 64M}}, hooks: {pre_start: [true]}}'}


def refused(b, words):
    for name in ('a', 'h'):
        u = b.until_state(name, 'failed')
        assert u['error']['code'] == 'SG0741' and words in u['error']['message'], u
        assert u['restarts'] == 0
    assert b.state('b') == 'running'
    assert 'SG0741' in b.stderr
    assert b.status_json()['supervisor'].get('memory_enforcement') != 'cgroup'


def test_another_process_that_cannot_be_moved_keeps_the_controllers_off(box, group, stranger):
    """It is of another pid namespace, so that it is 0 there: no internal processes, and none that we may not move."""
    (group / 'cgroup.procs').write_text(str(stranger.pid))
    b = start(box, group, LIMITED)
    refused(b, 'another process')
    assert value(group, 'cgroup.subtree_control') == ''
    inside = value(group, 'cgroup.procs').split()
    assert str(stranger.pid) in inside and str(b.pid) in inside, 'what was moved is back'
    assert not (group / 'init').exists()
    stranger.kill()
    stranger.wait()
    b.sysg_ok('start', '-s', 'a', timeout=60)
    assert value(tree(group), 'memory.max') == '67108864'


def test_delegated_without_controllers_it_is_refused(box, group):
    (group.parent / 'cgroup.subtree_control').write_text('-memory -pids -cpu')
    b = start(box, group, LIMITED)
    refused(b, 'no such controller')
    assert b.unit('b')['containment'] == 'cgroup'
    assert b.sysg('doctor').stdout.count('`limits.cgroup` is refused') == 1


def test_without_any_cgroup_it_is_refused(box):
    b = box('services:\n' + ''.join(f'  {n}: {t}\n' for n, t in LIMITED.items()), timeout=120).up(60)
    refused(b, 'no cgroup v2')


def test_at_its_end_the_group_is_as_it_was(box, group):
    b = start(box, group, LIMITED)
    b.until_state('a', 'running')
    assert (group / 'init').exists()
    assert b.term() == 0
    assert value(group, 'cgroup.subtree_control') == '' and not (group / 'init').exists()
