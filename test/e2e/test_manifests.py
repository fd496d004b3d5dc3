"""Several manifests under one supervisor: registered by `start -c`, read again, in each other's way, remembered."""
import contextlib
import ctypes
import os
import pathlib
import signal
import textwrap
import threading

import pytest

from harness import codes, until

HOLD = ['sleep', '1000']
A = 'services: {web: {command: "exec sleep 1001"}, db: {command: "exec sleep 1002"}}'
B = '''
    project: blog
    env: {vars: {WHO: b}, file: b.env}
    services:
      web: {command: "env > b.seen; exec sleep 2001", depends_on: [db]}
      db: {command: "exec sleep 2002"}
    '''


def put(b, name, text):
    path = b.home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text))
    path.chmod(0o644)
    return str(path)


def units(b):
    return {u['path']: u.get('process', {}).get('pid') for u in b.json('status')['units']}


def two(box, foreground=False):
    """a.yaml runs, and other/b.yaml was added."""
    b = box(A).up() if foreground else box(argv=HOLD)
    put(b, 'other/b.env', 'FROM=file\n')
    put(b, 'other/b.yaml', B)
    if not foreground:
        put(b, 'a.yaml', A)
        assert b.sysg('start', '--daemonize', '-c', 'a.yaml').returncode == 0
    r = b.sysg('start', '--daemonize', '-c', 'other/b.yaml')
    assert r.returncode == 0, r
    return b, r


@pytest.mark.asan
@pytest.mark.parametrize('foreground', [False, True])
def test_start_c_adds_a_manifest_to_those_that_run(box, foreground):
    b, r = two(box, foreground)
    assert "Service 'blog/web' started" in r.stdout and "Project 'blog' started" in r.stdout
    assert 'loose' not in r.stdout and "Service 'web'" not in r.stdout
    assert list(units(b)) == ['web', 'db', 'blog/web', 'blog/db'] and all(units(b).values())
    env = dict(l.split('=', 1) for l in b.file('other/b.seen').splitlines() if '=' in l)
    assert (env['WHO'], env['FROM'], env['PWD']) == ('b', 'file', str(b.home / 'other')), 'each by its own file'


def test_what_is_of_one_file_is_left_alone_by_a_restart_of_another(box):
    b, _ = two(box)
    before = units(b)
    out = b.sysg_ok('restart', '-c', 'other/b.yaml')
    assert "Project 'blog' restarted" in out and 'loose' not in out
    after = units(b)
    assert {u for u in before if before[u] != after[u]} == {'blog/web', 'blog/db'}
    b.sysg_ok('restart', '-p', 'loose')
    again = units(b)
    assert {u for u in after if after[u] != again[u]} == {'web', 'db'}
    b.sysg_ok('restart')
    assert not set(again.values()) & set(units(b).values())


def test_a_reload_and_hup_read_all_of_them_again(box):
    b, _ = two(box)
    before = units(b)
    put(b, 'a.yaml', A.replace('1001', '1003'))
    put(b, 'other/b.yaml', B.replace('2002', '2003'))
    out = b.sysg_ok('reload')
    assert 'restart web (changed)' in out and 'restart blog/db (changed)' in out
    after = units(b)
    assert {u for u in before if before[u] != after[u]} == {'web', 'blog/db', 'blog/web'}
    put(b, 'other/b.yaml', B.replace('2002', '2003') + '  more: {command: "exec sleep 2004"}\n')
    b.exec('kill', '-HUP', str(b.status_json()['supervisor']['pid']))
    b.until_state('blog/more', 'running')
    assert {u: p for u, p in units(b).items() if u != 'blog/more'} == after


def test_one_that_is_not_valid_changes_nothing_and_the_others_can_be_read_alone(box):
    b, _ = two(box)
    before = units(b)
    put(b, 'a.yaml', A.replace('1001', '1003'))
    put(b, 'other/b.yaml', 'services: {web: {nonsense: 1}}')
    r = b.sysg('restart')
    assert r.returncode == 2 and 'SG0301' in codes(r) and 'b.yaml' in r.stderr
    assert units(b) == before
    b.sysg_ok('restart', '-c', 'a.yaml')
    assert units(b)['blog/web'] == before['blog/web'] and units(b)['web'] != before['web']
    assert b.sysg('restart', '-p', 'blog').returncode == 2
    assert b.sysg('restart', '-p', 'loose').returncode == 0


@pytest.mark.parametrize('text, word', [
    ('project: blog\nservices: {x: {command: "exec sleep 1"}}', 'blog'),
    ('projects: {blog: {services: {x: {command: "exec sleep 1"}}}}', 'blog'),
    ('services: {web: {command: "exec sleep 1"}}', 'web'),
    ('services: {blog: {command: "exec sleep 1"}}', 'blog'),
    ('project: web\nservices: {x: {command: "exec sleep 1"}}', 'web'),
])
def test_names_of_another_file_are_sg0201_with_both_named_and_what_to_do(box, text, word):
    b, _ = two(box)
    before = units(b)
    put(b, 'c.yaml', text)
    r = b.sysg('start', '-c', 'c.yaml')
    assert r.returncode == 2 and 'SG0201' in codes(r)
    other = 'other/b.yaml' if word == 'blog' else 'a.yaml'
    assert f'{word} is of ' in r.stderr and other in r.stderr and 'c.yaml' in r.stderr and 'project: ID' in r.stderr
    assert units(b) == before


def test_services_of_one_name_in_other_projects_are_in_nobody_s_way(box):
    b, _ = two(box)
    put(b, 'c.yaml', 'project: news\nservices: {web: {command: "exec sleep 3001"}}')
    b.sysg_ok('start', '-c', 'c.yaml')
    assert list(units(b)) == ['web', 'db', 'blog/web', 'blog/db', 'news/web']


def test_a_file_of_which_nothing_runs_makes_room_for_one_with_its_names(box):
    b, _ = two(box)
    b.sysg_ok('stop', '-p', 'blog')
    put(b, 'c.yaml', 'project: blog\nservices: {new: {command: "exec sleep 3001"}}')
    before = units(b)
    b.sysg_ok('start', '-c', 'c.yaml')
    assert list(units(b)) == ['web', 'db', 'blog/new'] and units(b)['web'] == before['web']
    b.sysg_ok('stop')
    put(b, 'd.yaml', 'services: {last: {command: "exec sleep 3002"}}')
    b.sysg_ok('start', '-c', 'd.yaml')
    assert list(units(b)) == ['last'], 'where nothing runs at all it takes the place of all'


def test_restart_and_reload_of_a_file_that_is_not_registered_are_sg0201(box):
    b, _ = two(box)
    put(b, 'c.yaml', 'services: {new: {command: "exec sleep 3001"}}')
    for cmd in ('restart', 'reload'):
        r = b.sysg(cmd, '-c', 'c.yaml')
        assert r.returncode == 2 and 'SG0201' in codes(r) and 'sysg start -c' in r.stderr
    assert 'new' not in units(b)


def test_a_start_without_c_is_of_all_of_them_and_with_one_of_that_alone(box):
    b, _ = two(box)
    b.sysg_ok('stop')
    out = b.sysg_ok('start', '-c', 'other/b.yaml')
    assert "Project 'blog' started" in out and 'loose' not in out
    assert units(b)['web'] is None and units(b)['blog/web']
    out = b.sysg_ok('start')
    assert "Project 'loose' started" in out and units(b)['web']


def test_a_name_is_of_the_file_that_is_named(box):
    b, _ = two(box)
    b.sysg_ok('stop')
    r = b.sysg('start', '-s', 'web')
    assert r.returncode == 2 and 'SG0006' in codes(r)
    b.sysg_ok('start', '-c', 'other/b.yaml', '-s', 'web')
    assert units(b)['web'] is None and units(b)['blog/web']


def test_settings_of_a_later_file_do_not_count_and_that_is_said(box):
    b, _ = two(box)
    put(b, 'c.yaml', 'services: {new: {command: "exec sleep 3001"}}\nshutdown: {timeout: 30s}\n')
    r = b.sysg('start', '-c', 'c.yaml')
    assert r.returncode == 0 and 'note: ' in r.stderr and 'c.yaml' in r.stderr and 'does not count' in r.stderr
    put(b, 'd.yaml', 'services: {newer: {command: "exec sleep 3001"}}\nlogs: {prefix: false}\n')
    assert 'note' not in b.sysg('start', '-c', 'd.yaml').stderr


def test_a_failure_is_shown_with_the_line_of_its_own_file(box):
    b, _ = two(box)
    put(b, 'c.yaml', '\n\n\nproject: c\nservices:\n  bad: {command: "exit 3", restart_policy: never}\n')
    r = b.sysg('start', '-c', 'c.yaml')
    assert r.returncode == 1 and 'c.yaml:6' in r.stderr and 'bad: {command' in r.stderr


def test_thirty_two_manifests_are_taken_and_no_more(box):
    b = box(argv=HOLD, timeout=120)
    for i in range(33):
        put(b, f'm{i}.yaml', f'project: p{i}\nservices: {{x: {{command: "exec sleep 1000"}}}}')
    for i in range(32):
        b.sysg_ok('start', '--daemonize', '-c', f'm{i}.yaml')
    r = b.sysg('start', '-c', 'm32.yaml')
    assert r.returncode == 13 and 'SG0831' in codes(r) and '32' in r.stderr
    assert len(units(b)) == 32


def test_a_supervisor_of_one_command_takes_no_manifest(box):
    b = box(argv=['sysg', 'start', '--', 'sleep', '1000']).up()
    put(b, 'c.yaml', 'services: {new: {command: "exec sleep 3001"}}')
    r = b.sysg('start', '-c', 'c.yaml')
    assert r.returncode == 2 and 'SG0201' in codes(r)


# --- what is remembered -------------------------------------------------------

STATE = '/run/sysg/sysg.state'


def state(b):
    return b.exec('cat', STATE).stdout.splitlines()


def killed(b):
    """kill -9 of the detached supervisor."""
    pid = b.status_json()['supervisor']['pid']
    b.exec('kill', '-9', str(pid))
    until(lambda: b.sysg('ping').returncode == 3)
    return b


@pytest.mark.asan
def test_after_a_kill_9_the_next_start_daemonize_takes_up_all_that_was_registered(box):
    b, _ = two(box)
    until(lambda: len(state(b)) == 4)
    killed(b)
    r = b.sysg('start', '--daemonize', '-c', 'a.yaml')
    assert r.returncode == 0 and "Project 'blog' started" in r.stdout and "Project 'loose' started" in r.stdout
    assert list(units(b)) == ['web', 'db', 'blog/web', 'blog/db'] and all(units(b).values())
    env = dict(l.split('=', 1) for l in b.file('other/b.seen').splitlines() if '=' in l)
    assert env['FROM'] == 'file'


def test_without_c_where_there_is_no_manifest_it_takes_up_all_too(box):
    b, _ = two(box)
    until(lambda: len(state(b)) == 4)
    killed(b)
    r = b.sysg('start', '--daemonize')
    assert r.returncode == 0, r
    assert list(units(b)) == ['web', 'db', 'blog/web', 'blog/db']


def test_a_project_that_was_stopped_stays_so_and_a_service_does_not(box):
    b, _ = two(box)
    b.sysg_ok('stop', '-p', 'blog')
    b.sysg_ok('stop', '-s', 'web')
    until(lambda: 'unloaded blog' in state(b))
    killed(b)
    assert b.sysg('start', '--daemonize', '-c', 'a.yaml').returncode == 0
    assert list(units(b)) == ['web', 'db'] and all(units(b).values())
    assert "Project 'blog' started" in b.sysg_ok('start', '-p', 'blog')
    until(lambda: 'unloaded blog' not in state(b))


def test_the_start_of_another_manifest_forgets_what_was_remembered_and_says_so(box):
    b, _ = two(box)
    until(lambda: len(state(b)) == 4)
    killed(b)
    put(b, 'c.yaml', 'services: {new: {command: "exec sleep 3001"}}')
    r = b.sysg('start', '--daemonize', '-c', 'c.yaml')
    assert r.returncode == 0 and 'forgotten' in r.stderr and 'a.yaml' in r.stderr
    assert list(units(b)) == ['new']
    until(lambda: state(b) == ['sysg-state 1', f'manifest {b.home}/c.yaml', 'end'])


def test_it_is_where_the_socket_is(box):
    b = box(argv=HOLD)
    put(b, 'a.yaml', A + f'\ncontrol: {{socket: {b.home}/own/sock}}\n')
    put(b, 'c.yaml', 'services: {new: {command: "exec sleep 3001"}}')
    for socket, args in ((f'{b.home}/own/sock', []), (f'{b.home}/named/sock', ['--socket', f'{b.home}/named/sock'])):
        at = ['--socket', socket]
        assert b.sysg('start', '--daemonize', '-c', 'a.yaml', *args).returncode == 0
        b.sysg_ok('start', '-c', 'c.yaml', *at)
        until(lambda: 'c.yaml' in b.exec('cat', socket[:-4] + 'sysg.state').stdout)
        b.exec('kill', '-9', str(b.json('status', *at)['supervisor']['pid']))
        until(lambda: b.sysg('ping', *at).returncode == 3)
        assert b.sysg('start', '--daemonize', '-c', 'a.yaml', *args).returncode == 0
        assert [u['path'] for u in b.json('status', *at)['units']] == ['web', 'db', 'new']
        b.sysg_ok('stop', '--supervisor', *at)


def test_stop_supervisor_forgets_it(box):
    b, _ = two(box)
    until(lambda: len(state(b)) == 4)
    b.sysg_ok('stop', '--supervisor')
    assert b.exec('ls', STATE).returncode != 0, 'it is gone before anybody is told'
    r = b.sysg('start', '--daemonize')
    assert r.returncode == 2 and 'SG0203' in codes(r)


def test_one_of_them_that_is_not_valid_any_more_is_left_out_and_told(box):
    b, _ = two(box)
    until(lambda: len(state(b)) == 4)
    killed(b)
    put(b, 'other/b.yaml', 'services: {web: {nonsense: 1}}')
    r = b.sysg('start', '--daemonize', '-c', 'a.yaml')
    assert r.returncode == 0 and 'left out' in r.stderr and 'SG0211' in codes(r)
    assert list(units(b)) == ['web', 'db']
    killed(b)
    put(b, 'a.yaml', 'services: {web: {nonsense: 1}}')
    r = b.sysg('start', '--daemonize', '-c', 'a.yaml')
    assert r.returncode == 2 and 'SG0211' in codes(r)


SEIZE, OPTION_FORK, EVENT_FORK, EVENT_MESSAGE, CONT, DETACH, WALL = 0x4206, 2, 1, 0x4201, 7, 17, 0x40000000  # ptrace(2)


def ptrace(request, pid, data=0):
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.argtypes, call.restype = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p], ctypes.c_long
    assert call(request, pid, None, data) == 0, os.strerror(ctypes.get_errno())


def next_fork(pid):
    """The pid of what a traced process forks next; both stand still then."""
    while True:
        status = until(lambda: (r := os.waitpid(pid, WALL | os.WNOHANG))[0] and r[1])
        if status >> 16 == EVENT_FORK:
            break
        ptrace(CONT, pid, 0 if status >> 16 else os.WSTOPSIG(status))
    child = ctypes.c_ulong()
    ptrace(EVENT_MESSAGE, pid, ctypes.addressof(child))
    os.waitpid(child.value, WALL)
    return child.value


def hold_the_writer(b):
    """Stops blog. The fork that writes that down stands still, where no alarm ends it. Its pid."""
    until(lambda: len(state(b)) == 4)
    pid = b.inner(b.status_json()['supervisor']['pid']).pid
    ptrace(SEIZE, pid, OPTION_FORK)
    asks = threading.Thread(target=b.sysg_ok, args=('stop', '-p', 'blog'))
    asks.start()
    child = next_fork(pid)
    os.kill(child, signal.SIGSTOP)
    ptrace(DETACH, child)
    ptrace(DETACH, pid)
    asks.join()
    until(lambda: life(child) == 'T')
    assert len(state(b)) == 4
    return child


def life(pid):
    """The letter of a process's state; empty where there is none."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')')[1].split()[0]
    return ''


def test_what_a_writer_that_stands_still_was_to_write_is_written_by_another(box):
    b, _ = two(box)
    pid = hold_the_writer(b)
    until(lambda: 'unloaded blog' in state(b), 30)
    assert not life(pid), 'it comes back to put nothing over that'
    b.sysg_ok('start', '-p', 'blog')
    until(lambda: 'unloaded blog' not in state(b))


def test_a_writer_that_stands_still_puts_nothing_back_after_stop_supervisor(box):
    b, _ = two(box)
    pid = hold_the_writer(b)
    b.sysg_ok('stop', '--supervisor')
    until(lambda: life(pid) in ('', 'Z'))
    assert b.exec('ls', STATE).returncode != 0


@pytest.mark.parametrize('text', [
    '', 'sysg-state 1', 'sysg-state 1\nend\n', 'sysg-state 2\nmanifest /a\nend\n', 'sysg-state 1\nmanifest a.yaml\nend\n',
    'sysg-state 1\nmanifest /a\n', 'sysg-state 1\nmanifest /a\nend\nmore\n', 'sysg-state 1\nnonsense /a\nend\n',
    'sysg-state 1\n' + 33 * 'manifest /a\n' + 'end\n', 'sysg-state 1\nmanifest /a\0b\nend\n', 'x' * (1 << 20) + 'xx'])
def test_a_state_that_is_not_whole_is_told_and_counts_for_nothing(box, text):
    b = box(argv=HOLD)
    put(b, 'a.yaml', A)
    put(b, 'state', text)
    b.exec('sh', '-c', f'mkdir -p /run/sysg; cp state {STATE}; chmod 600 {STATE}')
    r = b.sysg('start', '--daemonize', '-c', 'a.yaml')
    assert r.returncode == 0 and 'sysg.state is passed over' in r.stderr, r
    assert list(units(b)) == ['web', 'db']
    until(lambda: state(b) == ['sysg-state 1', f'manifest {b.home}/a.yaml', 'end'])


def test_a_state_that_others_may_write_counts_for_nothing(box):
    b = box(argv=HOLD)
    put(b, 'a.yaml', A)
    put(b, 'c.yaml', 'services: {new: {command: "exec sleep 3001"}}')
    put(b, 'state', f'sysg-state 1\nmanifest {b.home}/a.yaml\nmanifest {b.home}/c.yaml\nend\n')
    b.exec('sh', '-c', f'mkdir -p /run/sysg; cp state {STATE}; chmod 666 {STATE}')
    r = b.sysg('start', '--daemonize', '-c', 'a.yaml')
    assert r.returncode == 0 and 'sysg.state is passed over' in r.stderr
    assert list(units(b)) == ['web', 'db']


def test_a_foreground_start_takes_nothing_up_and_remembers_nothing(box):
    b = box(A).up()
    b.until_state('web', 'running')
    assert b.exec('ls', STATE).returncode != 0


def test_a_full_or_read_only_folder_costs_the_memory_and_nothing_else(box):
    b = box(argv=HOLD)
    put(b, 'a.yaml', A)
    put(b, 'c.yaml', 'services: {new: {command: "exec sleep 3001"}}')
    assert b.sysg('start', '--daemonize', '-c', 'a.yaml').returncode == 0
    until(lambda: len(state(b)) == 3)
    b.exec('mkdir', STATE + '.new')
    b.sysg_ok('start', '-c', 'c.yaml')
    until(lambda: 'is not remembered' in b.sysg_ok('logs', '--supervisor'))
    assert len(state(b)) == 3 and len(units(b)) == 3


# --- purge of one project -----------------------------------------------------

LOUD = """
    projects:
      one: {services: {web: {command: "echo one; exec sleep 1000"}}}
      two: {services: {web: {command: "echo two; exec sleep 1000"}}}
    services: {plain: {command: "echo none; exec sleep 1000"}}
    """


def logs(b):
    return sorted(b.exec('find', '/var/log/sysg', '-name', '*.log', '-size', '+0', '-printf', '%P ').stdout.split())


def loud(box):
    b = box(LOUD).up()
    until(lambda: {'one/web.log', 'two/web.log', 'plain.log'} <= set(logs(b)))
    return b


def test_purge_of_a_project_that_runs_is_sg0401_and_deletes_nothing(box):
    b = loud(box)
    before = logs(b)
    r = b.sysg('purge', '-p', 'one')
    assert r.returncode == 1 and 'SG0401' in codes(r) and 'one/web' in r.stderr and 'two/web' not in r.stderr
    assert logs(b) == before and b.unit('one/web')['state'] == 'running'


def test_purge_force_of_a_project_stops_it_and_deletes_what_is_its(box):
    b = loud(box)
    before = units(b)
    assert 'deleted' in b.sysg_ok('purge', '--force', '-p', 'one')
    assert 'one/web.log' not in logs(b) and {'two/web.log', 'plain.log'} <= set(logs(b))
    assert b.exec('ls', '/var/log/sysg/one').returncode != 0
    del before['one/web']
    assert units(b) == before
    b.sysg_ok('start', '-p', 'one')
    until(lambda: 'one' in b.sysg_ok('logs', '-p', 'one'))


def test_purge_of_a_project_that_was_stopped_needs_no_force(box):
    b = loud(box)
    b.sysg_ok('stop', '-p', 'one')
    assert 'deleted' in b.sysg_ok('purge', '-p', 'one')
    assert 'one/web.log' not in logs(b) and 'two/web.log' in logs(b)
    r = b.sysg('purge', '-p', 'one')
    assert r.returncode == 1 and 'SG0403' in codes(r)
    r = b.sysg('purge', '-p', 'loose')
    assert 'SG0401' in codes(r)
    b.sysg_ok('stop', '-p', 'loose')
    r = b.sysg('purge', '-p', 'loose')
    assert r.returncode == 1 and 'SG0404' in codes(r) and 'plain.log' in logs(b)
    for id in ('..', '.', 'a/b', ''):
        r = b.sysg('purge', '-p', id)
        assert r.returncode == 2 and 'SG0210' in codes(r)
    assert {'two/web.log', 'plain.log'} <= set(logs(b))


def test_purge_of_a_project_without_a_supervisor(box):
    b = box(LOUD, argv=['sh', '-c', 'sysg start -c systemg.yaml; : > down; exec sleep 1000']).up()
    until(lambda: {'one/web.log', 'two/web.log', 'plain.log'} <= set(logs(b)))
    b.sysg_ok('stop', '--supervisor')
    until(lambda: (b.home / 'down').exists())
    assert 'deleted' in b.sysg_ok('purge', '-p', 'one')
    assert 'one/web.log' not in logs(b) and {'two/web.log', 'plain.log'} <= set(logs(b))
