"""`sysg purge`: what a supervisor left on disk goes, while nothing runs, and nothing else does."""
import json

import pytest

from harness import codes, until

DIR, RUN = '/var/log/sysg', '/run/sysg'
SLEEPER = 'services: {a: {command: "echo hello; exec sleep 1000"}}'


def beside(box, manifest=SLEEPER, args='', **kw):
    """A box whose supervisor is not its first process, so that it may end without the box."""
    b = box(manifest, argv=['sh', '-c', f'sysg start -c systemg.yaml {args}; : >down; exec sleep 1000'], **kw)
    return b.up()


def ended(b):
    return (b.home / 'down').exists()


def left(b, *dirs):
    return b.exec('find', *(dirs or (DIR, RUN)), '-mindepth', '1').stdout.split()


def fails(b, code, status, *args, **kw):
    r = b.sysg('purge', *args, **kw)
    assert code in codes(r) and r.returncode == status, (r.returncode, r.stdout, r.stderr)
    return r


def dead(box, **kw):
    """A box in which a supervisor has been, and ended."""
    b = beside(box, **kw)
    until(lambda: 'hello' in b.sysg('logs', 'a', '--no-follow').stdout)
    b.sysg_ok('stop', '--supervisor')
    until(lambda: ended(b))
    return b


def test_while_services_run_nothing_is_deleted(box):
    b = beside(box)
    until(lambda: 'hello' in b.sysg('logs', 'a', '--no-follow').stdout)
    before = left(b)
    r = fails(b, 'SG0401', 1)
    assert 'a' in r.stderr and '--force' in r.stderr and left(b) == before and not ended(b)
    r = fails(b, 'SG0401', 1, '--format', 'json')
    assert json.loads(r.stdout)['error']['code'] == 'SG0401'
    assert b.state('a') == 'running'


def test_with_nothing_left_to_run_the_supervisor_is_ended_and_all_that_it_left_is_gone(box):
    b = beside(box)
    until(lambda: 'hello' in b.sysg('logs', 'a', '--no-follow').stdout)
    b.sysg_ok('stop')
    assert not ended(b)
    out = b.sysg_ok('purge')
    assert 'Supervisor stopped' in out and 'deleted' in out
    until(lambda: ended(b))
    assert left(b, '/var/log', '/run') == []


def test_force_stops_all_first(box):
    b = beside(box)
    until(lambda: 'hello' in b.sysg('logs', 'a', '--no-follow').stdout)
    r = json.loads(b.sysg_ok('purge', '--force', '--json'))
    assert r['supervisor_stopped'] and f'{DIR}/a.log' in r['removed'] and r['left'] == [] and r['bytes'] > 0
    until(lambda: ended(b))
    assert left(b, '/var/log', '/run') == []
    assert not [p for p in b.others() if 'sleep 1000' in p.cmdline and p.pid != b.pid]


def test_as_pid_1_force_empties_the_logs_and_ends_the_container(box):
    b = box(SLEEPER).up()
    until(lambda: 'hello' in b.sysg('logs', 'a', '--no-follow').stdout)
    fails(b, 'SG0401', 1)
    b.popen('sysg', 'purge', '--force')
    assert b.wait() == 0


def test_without_a_supervisor_what_it_left_goes(box):
    b = dead(box)
    b.exec('sh', '-c', f'mkdir -p {RUN}/@7/logs {DIR}/a/kids; cp {DIR}/a.log {DIR}/a/kids/x.log; cp {DIR}/a.log {RUN}/@7/logs/n.log.2;'
           f': >{RUN}/sysg.pid; : >{RUN}/@7/sysg.pid; : >{RUN}/@7/sysg.marks')
    b.sysg_ok('purge')
    assert left(b, '/var/log', '/run') == []
    fails(b, 'SG0403', 1)


def test_what_is_not_sysgs_stays(box):
    b = dead(box)
    b.exec('sh', '-c', f'mkdir -p {RUN} /run/mine; echo mine >{DIR}/notes.txt; echo no time >{DIR}/other.log; cp {DIR}/a.log /run/mine/k.log;'
           f'ln -s /run/mine {DIR}/link; ln -s /run/mine/k.log {DIR}/l.log; ln -s /run/mine/k.log {RUN}/sysg.pid; echo x >{RUN}/other')
    assert b.sysg('purge').returncode == 0
    assert sorted(left(b)) == sorted([f'{DIR}/notes.txt', f'{DIR}/other.log', f'{DIR}/link', f'{DIR}/l.log', f'{RUN}/sysg.pid', f'{RUN}/other'])
    assert 'hello' in b.exec('cat', '/run/mine/k.log').stdout


def test_what_cannot_be_deleted_is_named_with_the_reason(box):
    b = dead(box)
    b.exec('sh', '-c', f'chmod 755 {DIR}; cp {DIR}/a.log {DIR}/b.log; chmod 644 {DIR}/*.log')
    r = fails(b, 'SG0402', 1, uid=1234)
    assert f'{DIR}/a.log stays: Permission denied' in r.stderr and f'{DIR}/b.log stays' in r.stderr
    r = json.loads(fails(b, 'SG0402', 1, '--json', uid=1234).stdout)
    assert {'path': f'{DIR}/a.log', 'why': 'Permission denied'} in r['left'] and r['error']['name'] == 'purge-partial'
    assert f'{DIR}/a.log' in left(b)


def test_a_place_that_is_no_supervisors_is_a_bad_target(box):
    b = dead(box)
    b.exec('sh', '-c', 'mkdir -p /run/d; ln -s /run/d /run/l; : >/run/f; : >/run/d/control.sock')
    for env in ({'SYSG_RUNTIME_DIR': '/run/l'}, {'SYSG_RUNTIME_DIR': '/run/f'}, {'SYSG_RUNTIME_DIR': 'run/d'}, {'SYSG_RUNTIME_DIR': '/run/d'},
                {'SYSG_SOCKET': 'nowhere'}, {'SYSG_SOCKET': '/run/d/control.sock'}):
        before = left(b)
        fails(b, 'SG0404', 1, env=env)
        assert left(b) == before, env
    fails(b, 'SG0404', 1, '--socket', '/run/l/control.sock')


def test_one_that_does_not_answer_is_alive(box):
    b = beside(box)
    until(lambda: 'hello' in b.sysg('logs', 'a', '--no-follow').stdout)
    b.exec('sh', '-c', f'kill -STOP "$(cat {RUN}/sysg.pid)"; rm {RUN}/control.sock')
    before = left(b)
    fails(b, 'SG0401', 1)
    assert left(b) == before
    b.exec('sh', '-c', f'kill -CONT "$(cat {RUN}/sysg.pid)"')


def test_services_of_a_supervisor_that_was_killed_still_run(box):
    b = beside(box, 'services: {a: {command: "echo hello; sleep 1001 & exec sleep 1000"}}')
    until(lambda: 'hello' in b.sysg('logs', 'a', '--no-follow').stdout)
    b.exec('sh', '-c', f'kill -KILL "$(cat {RUN}/sysg.pid)"')
    until(lambda: ended(b))
    before = left(b)
    assert 'still run' in fails(b, 'SG0401', 1).stderr and left(b) == before
    for p in b.others():
        if p.cmdline == 'sleep 1001':
            b.exec('kill', '-KILL', p.inner)
    until(lambda: b.sysg('purge').returncode == 0)
    assert left(b, '/var/log', '/run') == []


def test_a_unit_may_not_purge_its_supervisor(box):
    b = box('services: {a: {command: "echo hello; sysg purge --force >out 2>&1; echo $? >rc; exec sleep 1000"}}').up()
    assert b.file('rc').strip() == '4' and 'SG0811' in b.peek('out')
    assert b.state('a') == 'running' and f'{DIR}/a.log' in left(b)


@pytest.mark.parametrize('words', [['a'], ['-s', 'a'], ['-p', 'a/b'], ['--nonsense']])
def test_a_stray_word_or_option_is_a_usage_error(box, words):
    b = dead(box)
    before = left(b)
    assert b.sysg('purge', *words).returncode == 2 and left(b) == before
