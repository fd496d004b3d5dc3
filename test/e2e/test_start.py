"""`sysg start` where a supervisor runs already, the timeouts, the refusals, two at once."""
import json

import pytest

from harness import PYTHON, SYSG, TOOLS, codes, until

HOLD = ['sleep', '1000']
TWO = 'services: {web: {command: "exec sleep 1000"}, other: {command: "exec sleep 1000"}}'


def supervisors(b):
    return [p for p in b.procs().values() if ' start' in p.cmdline and b._is_sysg(p) and p.ppid != b.pid or p.pid == b.pid]


@pytest.mark.asan
def test_an_operators_start_asks_the_supervisor_that_runs(box):
    b = box(TWO).up()
    pid = b.pid_of('web')
    b.sysg_ok('stop', 'other')
    out = b.sysg_ok('start', '-c', b.manifest)
    assert "Service 'other' started" in out and "Project 'loose' started" in out
    assert b.state('other') == 'running' and b.pid_of('web') == pid


def test_start_s_starts_a_stopped_unit_and_what_it_depends_on(box):
    b = box('services: {db: {command: "exec sleep 1000"}, web: {command: "exec sleep 1000", depends_on: [db]}, other: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'running')
    b.sysg_ok('stop')
    r = b.sysg('start', '-s', 'web')
    assert r.returncode == 0 and "Service 'web' started" in r.stdout and "Service 'db' started" in r.stdout
    assert b.state('web') == b.state('db') == 'running' and b.state('other') == 'stopped'


def test_start_s_brings_in_a_service_that_was_left_out(box):
    b = box(TWO, '-s', 'web').up()
    b.until_state('web', 'running')
    assert b.unit('other') is None
    b.sysg_ok('start', '-s', 'other')
    assert b.state('other') == 'running'


def test_an_edited_manifest_is_read_again_when_its_units_are_stopped(box):
    b = box(TWO).up()
    b.until_state('web', 'running')
    b.sysg_ok('stop')
    b.write_manifest('services: {web: {command: "exec sleep 2000"}, more: {command: "exec sleep 1000"}}')
    b.sysg_ok('start')
    assert b.inner(b.pid_of('web')).cmdline == 'sleep 2000' and b.state('more') == 'running'
    assert sorted(u['name'] for u in b.status_json()['units']) == ['more', 'web']


def test_a_start_never_stops_what_runs(box):
    b = box(TWO).up()
    web, other = b.pid_of('web'), b.pid_of('other')
    b.write_manifest('services: {web: {command: "exec sleep 2000"}, other: {command: "exec sleep 1000"}}')
    r = b.sysg('start')
    assert r.returncode == 0 and 'sysg restart' in r.stderr
    assert (b.pid_of('web'), b.pid_of('other')) == (web, other)
    b.write_manifest('services: {web: {command: "exec sleep 2000"}}')
    r = b.sysg('start')
    assert r.returncode == 0 and 'other' in r.stderr
    assert (b.pid_of('web'), b.pid_of('other')) == (web, other)


def test_an_edited_manifest_with_an_error_starts_nothing(box):
    b = box(TWO).up()
    b.until_state('web', 'running')
    b.sysg_ok('stop')
    b.write_manifest('services: {web: {command: "exec sleep 2000", nonsense: 1}}')
    r = b.sysg('start')
    assert r.returncode == 2 and 'SG0211' in codes(r)
    assert b.state('web') == b.state('other') == 'stopped'


def test_a_unit_that_exits_at_once_is_sg0102_and_the_start_sg0106(box):
    b = box('services: {web: {command: "exit 3", restart_policy: always, backoff: 60s}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'backoff')
    r = b.sysg('start', '-s', 'web', '-s', 'hold')
    assert r.returncode == 1 and codes(r)[:1] == ['SG0102'] and 'SG0106' in codes(r)
    assert "Service 'hold' started" in r.stdout
    out = json.loads(b.sysg('start', '-s', 'web', '--json').stdout)
    assert out['failed'][0]['code'] == 'SG0102' and out['error']['code'] == 'SG0106'


def test_a_unit_that_exits_clean_reached_its_target(box):
    b = box('services: {once: {command: "sleep 0.1"}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('once', 'done')
    assert "Service 'once' started" in b.sysg_ok('start', '-s', 'once')


def test_a_dependency_that_fails_is_sg0109_for_what_waits_on_it(box):
    b = box('''
        services:
          hold: {command: "exec sleep 1000"}
          db: {command: "exit 1", restart_policy: never}
          web: {command: "exec sleep 1000", depends_on: {db: completed}}
        ''').up()
    b.until_state('web', 'failed')
    r = b.sysg('start', '-s', 'web')
    assert r.returncode == 1 and {'SG0102', 'SG0109', 'SG0106'} <= set(codes(r))


def test_a_program_that_is_not_there_is_sg0813(box):
    b = box('services: {web: {exec: [nothing-of-that-name]}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'failed')
    assert 'SG0813' in codes(b.sysg('start', '-s', 'web'))


def test_it_waits_for_a_health_check(box):
    b = box('services: {web: {command: "sleep 0.4; touch good; exec sleep 1000", health_check: {command: "[ -e good ]", start_interval: 20ms}}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'running')
    b.sysg_ok('stop', 'web')
    (b.home / 'good').unlink()
    b.sysg_ok('start', '-s', 'web')
    assert (b.home / 'good').exists() and b.state('web') == 'running'


def test_the_timeout_is_sg0111_exit_9_and_it_goes_on(box):
    b = box('services: {web: {command: "exec sleep 1000", health_check: {command: "[ -e good ]", start_interval: 20ms, total_timeout: 60s}}}').up()
    r = b.sysg('start', '--timeout', '200ms')
    assert r.returncode == 9 and 'SG0111' in codes(r) and 'web' in r.stderr
    (b.home / 'good').touch()
    b.until_state('web', 'running')


def test_another_manifest_with_its_names_is_sg0201_while_the_first_runs_and_takes_its_place_after(box):
    b = box(TWO).up()
    b.until_state('web', 'running')
    (b.home / 'second.yaml').write_text('services: {new: {command: "exec sleep 1000"}, web: {command: "exec sleep 1000"}}')
    r = b.sysg('start', '-c', 'second.yaml')
    assert r.returncode == 2 and 'SG0201' in codes(r)
    assert b.state('web') == 'running'
    b.sysg_ok('stop')
    b.sysg_ok('start', '-c', 'second.yaml')
    assert sorted(u['name'] for u in b.status_json()['units']) == ['new', 'web']


def test_a_name_that_nobody_has_is_exit_5(box):
    b = box(TWO).up()
    r = b.sysg('start', '-s', 'nothing')
    assert r.returncode == 5 and 'SG0202' in codes(r)


def test_a_unit_s_own_start_is_a_supervisor_of_its_own_in_a_folder_named_by_its_id(box):
    b = box(argv=['true'])
    (b.home / 'inner.yaml').write_text('services: {deep: {command: "echo $SYSG_SOCKET >where; exec sleep 1000"}}')
    b = box('services: {outer: {command: "exec sysg start -c inner.yaml"}}', home=b.home).up()
    id_ = b.unit('outer')['id']
    assert b.file('where').strip() == f'/run/sysg/{id_}/control.sock'
    assert [u['name'] for u in b.status_json()['units']] == ['outer']
    inner = json.loads(b.sysg_ok('status', '--socket', f'/run/sysg/{id_}/control.sock', '--json'))
    assert [u['name'] for u in inner['units']] == ['deep']
    b.sysg_ok('stop', 'outer')
    assert not b.others()


def test_a_lock_that_a_killed_supervisor_holds_for_a_moment_is_waited_for(box):
    b = box(argv=HOLD)
    (b.home / 'm.yaml').write_text(TWO)
    b.exec('mkdir', '-p', '/run/sysg')
    b.popen('flock', '/run/sysg/sysg.pid', 'sh', '-c', f': >{b.home}/held; sleep 0.1')
    until(lambda: (b.home / 'held').exists(), every=0.001)
    s = b.popen(SYSG, 'start', '-c', 'm.yaml')
    until(lambda: b.sysg('ping').returncode == 0, why=lambda: s.poll() is None or s.communicate())


def test_two_starters_at_once_make_one_supervisor(box):
    b = box(argv=HOLD)
    b.write_manifest('services: {web: {command: "echo x >>runs; exec sleep 1000"}}')
    ps = [b.popen('sysg', 'start', '--daemonize') for _ in range(4)]
    assert [p.wait(60) for p in ps] == [0] * 4, [p.stderr.read() for p in ps]
    assert b.file('runs').count('x') == 1
    assert len([p for p in b.procs().values() if p.cmdline == 'sleep 1000']) == 2


def test_leftovers_of_a_supervisor_that_was_killed_are_stopped_at_the_next_start(box):
    b = box(argv=HOLD)
    b.write_manifest('services: {web: {command: "setsid sleep 500 & exec sleep 600"}}')
    b.sysg_ok('start', '--daemonize')
    pid = b.status_json()['supervisor']['pid']
    b.exec('kill', '-KILL', str(pid))
    until(lambda: not b.alive(pid))
    b.sysg_ok('start', '--daemonize')
    assert len([p for p in b.procs().values() if p.cmdline == 'sleep 500']) == 1
    assert len([p for p in b.procs().values() if p.cmdline == 'sleep 600']) == 1


def test_init_is_a_start_as_pid_1_and_sg0711_elsewhere(box):
    b = box(argv=['true'])
    b.write_manifest(TWO)
    b = box(argv=[SYSG, 'init'], home=b.home).up()
    b.until_state('web', 'running')
    r = b.sysg('init')
    assert r.returncode == 1 and 'SG0711' in codes(r)
    assert b.term() == 0


def test_sys_needs_root_and_drop_privileges_is_refused_with_advice(box):
    b = box(argv=HOLD)
    b.write_manifest(TWO)
    assert 'SG0705' in codes(b.sysg('start', '--sys', uid=4711))
    r = b.sysg('start', '--drop-privileges')
    assert r.returncode == 2 and 'user:' in r.stderr


def test_start_verbose_and_log_level_say_more(box):
    b = box(TWO, '--verbose').up()
    b.says('web: EXEC_OK, starting -> running', where='stderr')
    b = box(TWO, '--log-level', 'info').up()
    b.says('web is running', where='stderr')


def test_start_by_an_operator_of_a_shutdown_is_refused(box):
    b = box("services: {web: {command: \"trap '' TERM; : >up; while :; do sleep 0.05; done\", stop_timeout: 2s}}").up()
    until(lambda: (b.home / 'up').exists())
    b.kill(15)
    until(lambda: b.state('web') == 'stopping')
    assert b.sysg('start').returncode != 0
    assert b.wait() == 0


def test_rows_of_more_units_than_its_queue_holds_are_sent_as_the_client_reads(box):
    many = ''.join(f'      {"s%d" % i:x<63}: {{exec: ["true"], skip: true}}\n' for i in range(1500))
    b = box(f'projects:\n  {"p" * 60}:\n    services:\n      keep: {{exec: [sleep, "1000"]}}\n' + many, timeout=120).up()
    s = b.popen(PYTHON, '-c', f"""
import sys, time
sys.path.insert(0, {str(TOOLS)!r})
from peer import *
s = connect(timeout=20)
s.send(packet('op=start'))
time.sleep(1)
n = 0
while True:
    f = fields_of(s.recv(65536))
    n += f.get('row') == 'started'
    if not f or 'end' in f or f.get('ok') != '1': print(n, f, flush=True); break
""")
    assert s.stdout.readline().startswith("1501 {'ok': '1', 'end': '1'")
