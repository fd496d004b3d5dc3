"""Limits on memory where no cgroup holds them: measured, the largest child goes, never the service."""
import contextlib
import os
import pathlib
import re
import signal

import pytest

from harness import DEFAULT_CAPS, PYTHON, TOOLS, codes, pss_kib, until

GROW = f'{PYTHON} {TOOLS}/grow.py'
MIB = 1 << 20


def service(limits, extra=''):
    return (f'services: {{web: {{exec: [sleep, "1000"], spawn: {{mode: dynamic, limits: {{{limits}}}, '
            f'termination_policy: cascade}}{extra}}}}}')


def spawn(b, name, *args, parent='web', options=()):
    b.sysg_ok('spawn', '--parent', parent, '--name', name, *options, '--', *GROW.split(), name, *args)


def held(b, name):
    return int(b.peek(name) or 0)


def full(b, name, seconds=30):
    return until(lambda: re.search('full', b.peek(f'{name}.said') or b.stdout), seconds, 0.02, f'{name} full')


def ended(b, name, seconds=30):
    return b.until_state(name, 'stopped', 'failed', 'done', seconds=seconds)


def overshoot(b, mib, kind, name):
    """By how many per cent a child that grows by 150 MB/s got its tree over a limit of MIB before it was gone."""
    rest = sum(pss_kib(p.pid) for p in b.others()) * 1024
    until(lambda: b.unit('web')['memory']['use_bytes'] < mib * MIB / 2, why='the look that finds the last one gone')
    spawn(b, name, '0', '150', '4096', *([kind] if kind else []))
    u = ended(b, name, 30 + mib / 8)
    assert u['last_exit']['reason'] == 'memory', u
    interpreter = rest - 2 * MIB  # of which the small one has as much as the large one had
    peak = held(b, name) + interpreter + rest
    over = 100 * peak / (mib * MIB) - 100
    print(f'  memory {mib} MiB{" " + kind if kind else ""}: at most {peak / MIB:.0f} MiB, {over:+.1f} %')
    assert peak > mib * MIB * 0.9, 'stopped too early'
    return over


# Ten milliseconds in which a machine does something else are 2 % of 64 MiB: where once it was more it has to be less twice.
@pytest.mark.alone
@pytest.mark.parametrize('kind', ['', 'deaf'])
@pytest.mark.parametrize('mib', [64, 256, 1024])
def test_at_150_mb_a_second_it_is_overshot_by_less_than_a_fifth_and_the_largest_goes(box, mib, kind):
    b = box(service(f'total_memory: {mib}M')).up()
    spawn(b, 'small', '2', '0', '2')
    until(lambda: held(b, 'small') == 2 * MIB)
    if overshoot(b, mib, kind, 'large') >= 20:
        assert max(overshoot(b, mib, kind, again) for again in ('second', 'third')) < 20
    assert b.state('small') == 'running' and b.state('web') == 'running'
    assert b.unit('web')['restarts'] == 0
    size = '1.0 GiB' if mib == 1024 else f'{mib}.0 MiB'
    b.says(f'large: stopped: the memory limit of web was passed, .* of {size}', where='stderr')


def test_child_memory_is_of_one_child_with_its_tree(box):
    b = box(service('child_memory: 80M')).up()
    spawn(b, 'other', '40', '0', '40')
    spawn(b, 'a', '20', '0', '20')
    spawn(b, 'b', '50', '100', '120', parent='a')
    assert ended(b, 'b')['last_exit']['reason'] == 'memory'
    assert b.state('a') == b.state('other') == 'running'
    spawn(b, 'c', '30', '100', '120')
    assert ended(b, 'c')['last_exit']['reason'] == 'memory'
    b.says('the memory limit of web/c was passed', where='stderr')


def test_a_service_past_limits_memory_is_stopped_and_restarted_under_its_policy(box):
    b = box(f'services: {{web: {{command: "exec {GROW} web$(ls | grep -c web) 10 100 200", limits: {{memory: 60M}}, '
            f'backoff: 100ms, max_restarts: 1}}, once: {{command: "exec {GROW} once 100 0 100", limits: {{memory: 60M}}, '
            f'restart_policy: never}}, idle: {{exec: [sleep, "1000"]}}}}').up()
    u = b.until_state('once', 'failed', seconds=30)
    assert u['last_exit']['reason'] == 'memory' and u['error']['code'] == 'SG0805', u
    assert 'of 60.0 MiB' in u['error']['message']
    u = b.until_state('web', 'failed', seconds=60)
    assert u['restarts'] == 1 and u['error']['code'] == 'SG0110'


def test_a_spawn_is_refused_from_nine_tenths_on(box):
    b = box(service('total_memory: 100M')).up()
    spawn(b, 'a', '70', '0', '70')
    until(lambda: b.unit('web')['memory']['use_bytes'] > 70 * MIB, 20, 0.1)
    spawn(b, 'b', '14', '0', '14')
    until(lambda: b.unit('web')['memory']['use_bytes'] > 90 * MIB, 20, 0.1, lambda: b.unit('web'))
    r = b.sysg('spawn', '--parent', 'web', '--', 'true')
    assert r.returncode == 7 and codes(r) == ['SG0805'] and 'total_memory limit of web reached' in r.stderr
    b.sysg_ok('stop', 'b')
    until(lambda: b.sysg('spawn', '--parent', 'web', '--', 'true').returncode == 0, 20, 0.1)


def test_when_the_largest_is_gone_a_spawn_is_let_in_at_once(box):
    b = box(service('total_memory: 64M')).up()
    for i in range(8):
        b.sysg_ok('spawn', '--parent', 'web', '--name', f'large{i}', '--', *GROW.split(), 'large', '0', '150', '4096')
        b.sysg('wait', f'large{i}')
        b.sysg_ok('spawn', '--parent', 'web', '--', 'true')


def test_status_and_tree_tell_the_use_against_the_limit_and_who_holds_it(box):
    b = box(service('total_memory: 1G')).up()
    spawn(b, 'a', '50', '0', '50', options=['--limit', 'total_memory=90M'])
    m = until(lambda: (u := b.unit('a')['memory']) and u['use_bytes'] > 50 * MIB and u, 20, 0.1)
    assert m['limit_bytes'] == 90 * MIB and m['enforcement'] == 'measured' and m['known_by'] in ('pss', 'bound')
    assert b.status_json()['supervisor']['memory_enforcement'] == 'measured'
    assert re.search(r'a  running .*memory 5\d.\d MiB/90.0 MiB', b.sysg_ok('tree'))
    assert b.unit('web')['limits']['total_memory'] == 1 << 30
    r = b.sysg('spawn', '--parent', 'a', '--limit', 'total_memory=91M', '--', 'true')
    assert codes(r) == ['SG0812']


FAMILY = '''
import os, time
held = bytearray(b'x') * (100 << 20)
for _ in range(8):
    if os.fork() == 0:
        time.sleep(1000)
open('up', 'w').write('x')
time.sleep(1000)
'''


def family(box, keys='', first='', **kw):
    """A service of nine processes that share 100 MiB, within its limit where they count once."""
    home = box(None, argv=['true']).home
    home.chmod(0o777)
    (home / 'family.py').write_text(first + FAMILY)
    return box(f'services: {{web: {{exec: [{PYTHON}, family.py], limits: {{memory: 180M}}, {keys}}}}}', home=home, **kw).up()


def counts_once(b):
    b.file('up', 20)
    m = until(lambda: (u := b.unit('web').get('memory')) and u['use_bytes'] > 100 * MIB and u, 20, 0.1)
    assert m['known_by'] == 'pss' and m['use_bytes'] < 160 * MIB
    assert b.state('web') == 'running' and b.unit('web')['restarts'] == 0


def test_memory_that_processes_share_counts_once(box):
    counts_once(family(box))


def test_of_another_users_processes_it_is_known_as_exactly_without_cap_sys_ptrace(box):
    counts_once(family(box, 'user: "4900"', ns=['--keep', DEFAULT_CAPS]))


def test_what_can_not_be_read_is_said_to_be_at_most_so_much(box):
    b = family(box, 'restart_policy: never', 'import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE\n', ns=['--keep', DEFAULT_CAPS])
    b.says('the memory limit of web was passed, at most .* of 180.0 MiB', 20)


TRICK = '''
import os, resource, sys
mark = int(open(sys.argv[1]).read().split('file locks')[1].split()[0])
resource.setrlimit(10, (mark, mark))
os.execv(sys.argv[2], sys.argv[2:])
'''


def test_who_wears_the_mark_of_another_unit_is_counted_by_its_ancestry(box):
    b = box(None, argv=['true'])
    (b.home / 'trick.py').write_text(TRICK)
    b = box(service('child_memory: 60M'), home=b.home).up()
    spawn(b, 'victim', '2', '0', '2')
    pid = b.pid_of('victim')
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'thief', '--', PYTHON, 'trick.py', f'/proc/{pid}/limits', *GROW.split(), 'thief', '2', '100', '300')
    assert ended(b, 'thief')['last_exit']['reason'] == 'memory'
    assert b.state('victim') == 'running'


def test_what_a_child_left_in_the_background_counts_with_it(box):
    b = box(service('child_memory: 60M')).up()
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'a', '--', 'sh', '-c', f'setsid {GROW} back 2 100 300 & exec sleep 1000')
    assert ended(b, 'a')['last_exit']['reason'] == 'memory'


def test_without_proc_a_limit_on_memory_refuses_the_service(box):
    b = box('services: {web: {exec: [sleep, "1000"], limits: {memory: 60M}}, b: {exec: [sleep, "1000"]}}', ns=['--old-proc'])
    b.says("SG0741.*web: a limit on memory can't be held", where='stderr')
    until(lambda: [p.cmdline for p in b.others()] == ['sleep 1000'], why='the other one runs')


def test_a_service_past_total_memory_by_itself_is_told_and_left(box):
    b = box(f'services: {{web: {{command: "exec {GROW} web 80 0 80", spawn: {{mode: dynamic, limits: {{total_memory: 60M}}}}}}}}').up()
    b.says(r'SG0805.*web is past its total_memory by itself', 20)
    assert b.state('web') == 'running'


def reads(pid):
    """What the process has open, by its path."""
    try:
        return [os.readlink(f) for f in pathlib.Path(f'/proc/{pid}/fd').iterdir()]
    except OSError:
        return []


def stop_a_look(b):
    """A process that looks, held once it has all the estimates and reads closely the shares of those near their limit."""
    children = pathlib.Path(f'/proc/{b.pid}/task/{b.pid}/children')

    def caught():
        for pid in children.read_text().split():
            if any(path.endswith('/smaps_rollup') for path in reads(pid)):
                os.kill(int(pid), signal.SIGSTOP)
                state = until(lambda: (s := pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')')[1].split()[0]) in 'TZ' and s)
                return int(pid) if state == 'T' else None
        return None
    return until(caught, every=0)


def test_what_ends_while_it_is_looked_at_holds_nothing(box):
    b = box(None, argv=['true'])
    (b.home / 'family.py').write_text(FAMILY)
    small = ''.join(f'a{i}: {{command: "exec {GROW} a{i} 30 0 30", restart_policy: never, limits: {{memory: 1G}}}}, ' for i in range(5))
    b = box(f'services: {{{small}family: {{exec: [{PYTHON}, family.py], limits: {{memory: 180M}}, '
            f'depends_on: [{{service: a4, restart: false}}]}}}}',
            home=b.home).up()
    b.file('up', 20)
    for i in range(5):
        until(lambda: b.unit(f'a{i}')['memory']['use_bytes'] > 30 * MIB)
        victim = b.inner(b.pid_of(f'a{i}')).pid
        look = stop_a_look(b)
        os.kill(victim, signal.SIGKILL)
        b.says(f'a{i}: ended: signal 9', where='stderr')
        with contextlib.suppress(ProcessLookupError):  # where it took too long it is ended
            os.kill(look, signal.SIGCONT)
        until(lambda: look not in b.procs(dead=True), why='its answer')
        u = b.until_state(f'a{i}', 'failed')
        assert u.get('memory', {'use_bytes': 0})['use_bytes'] == 0, u
