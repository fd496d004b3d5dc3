"""`sysg start --daemonize`: detached, awaited, stopped; and the end of one that hangs."""
import signal
import time

import pytest

from harness import codes, until

HOLD = ['sleep', '1000']
TWO = 'services: {web: {command: "exec sleep 1001"}, other: {command: "exec sleep 1002"}}'


def detached(box, manifest, *args, **kw):
    b = box(argv=HOLD, **kw)
    b.write_manifest(manifest)
    return b, b.sysg('start', '--daemonize', *args)


@pytest.mark.asan
def test_it_returns_once_every_service_reached_its_target(box):
    b, r = detached(box, '''
        services:
          web: {command: "sleep 0.3; touch good; exec sleep 1000", health_check: {command: "[ -e good ]", start_interval: 20ms}}
          once: {command: "touch done", restart_policy: never}
        ''')
    assert r.returncode == 0, r
    assert (b.home / 'good').exists() and b.state('web') == 'running' and b.state('once') == 'done'


def test_it_is_detached(box):
    b, r = detached(box, TWO)
    assert r.returncode == 0
    pid = b.status_json()['supervisor']['pid']
    p = b.inner(pid)
    assert p.ppid == b.pid and p.comm == 'sysg'
    stat = open(f'/proc/{p.pid}/stat').read().rsplit(')', 1)[1].split()
    assert stat[4] == '0', 'no terminal'
    fds = b.exec('sh', '-c', f'readlink /proc/{pid}/fd/0 /proc/{pid}/fd/1 /proc/{pid}/fd/2').stdout.split()
    assert fds == ['/dev/null'] * 3
    assert b.exec('cat', '/run/sysg/sysg.pid').stdout.strip() == str(pid)


def test_the_project_s_mode_is_daemon(box):
    b, _ = detached(box, TWO)
    assert b.status_json()['units'][0]['project']['mode'] == 'daemon' or 'daemon' in str(b.status_json())


def test_non_zero_with_the_reason_where_a_service_did_not_reach_its_target(box):
    b, r = detached(box, 'services: {web: {command: "exit 4", restart_policy: never}, other: {command: "exec sleep 1000"}}')
    assert r.returncode == 1 and {'SG0102', 'SG0106'} <= set(codes(r))
    assert 'web' in r.stderr and 'code 4' in r.stderr
    assert b.state('other') == 'running', 'the rest goes on'


def test_an_invalid_manifest_is_2_and_nobody_runs(box):
    b, r = detached(box, 'services: {web: {nonsense: 1}}')
    assert r.returncode == 2 and 'SG0211' in codes(r)
    assert b.sysg('ping').returncode == 3


def test_an_unknown_user_is_told_to_who_started_it(box):
    b, r = detached(box, 'services: {web: {command: "true", user: nobody-of-that-name}}')
    assert r.returncode != 0 and 'SG0746' in codes(r)
    until(lambda: len(b.procs()) == 1)


def test_the_timeout_is_sg0111_and_it_goes_on(box):
    b, r = detached(box, 'services: {web: {command: "exec sleep 1000", health_check: {command: "[ -e good ]", start_interval: 20ms, total_timeout: 60s}}}',
                    '--timeout', '300ms')
    assert r.returncode == 9 and 'SG0111' in codes(r)
    (b.home / 'good').touch()
    b.until_state('web', 'running')


def test_it_stays_when_every_unit_is_done(box):
    b, r = detached(box, 'services: {once: {command: "true", restart_policy: never}}')
    assert r.returncode == 0
    time.sleep(0.3)
    assert b.state('once') == 'done'
    b.sysg_ok('start', '-s', 'once')


def test_a_script_that_reads_its_output_is_not_held_up(box):
    b = box(argv=HOLD)
    b.write_manifest(TWO)
    r = b.exec('sh', '-c', 'x=$(sysg start --daemonize 2>&1); echo "[$x]"', timeout=15)
    assert "Service 'web' started" in r.stdout


def test_logs_go_to_files_alone(box):
    b, _ = detached(box, 'services: {web: {command: "echo hello; exec sleep 1000"}}')
    until(lambda: 'hello' in b.sysg('logs', '-s', 'web', '--no-follow').stdout)


def test_stop_supervisor_leaves_nothing(box):
    b, _ = detached(box, TWO)
    r = b.sysg('stop', '--supervisor')
    assert r.returncode == 0 and 'Supervisor stopped' in r.stdout
    until(lambda: len(b.procs()) == 1)
    assert b.exec('ls', '/run/sysg').stdout.split() == []
    assert not [p for p in b.procs().values() if p.comm == 'sysg']


@pytest.mark.asan
def test_as_pid_1_it_stays_in_the_foreground_and_says_so(box):
    b = box(TWO, '--daemonize').up()
    b.says('stays in the foreground', where='stderr')
    assert b.status_json()['supervisor']['pid'] == 1
    assert b.term() == 0


def test_restart_daemonize_with_no_supervisor_is_a_start(box):
    b = box(argv=HOLD)
    b.write_manifest(TWO)
    b.sysg_ok('restart', '--daemonize')
    web = b.pid_of('web')
    b.sysg_ok('restart', '--daemonize')
    assert b.pid_of('web') != web


def test_commands_without_c_use_the_manifest_that_the_supervisor_has_registered(box):
    b, _ = detached(box, TWO)
    web = b.pid_of('web')
    b.exec('sh', '-c', 'cd / && exec sysg restart')
    assert b.pid_of('web') != web


def test_a_command_is_not_daemonized(box):
    b = box(argv=HOLD)
    r = b.sysg('start', '--daemonize', '--', 'sleep', '5')
    assert r.returncode == 2 and 'SG0204' in codes(r)


def test_stop_supervisor_kills_one_that_does_not_answer_with_its_services(box):
    b, _ = detached(box, 'services: {web: {command: "setsid sleep 500 & exec sleep 600"}}')
    until(lambda: len([p for p in b.procs().values() if p.cmdline.startswith('sleep')]) == 3)
    pid = b.status_json()['supervisor']['pid']
    b.exec('kill', '-STOP', str(pid))
    p = b.popen('sysg', 'status')
    t = time.monotonic()
    r = b.sysg('stop', '--supervisor', timeout=40)
    assert r.returncode == 0 and 'Supervisor stopped' in r.stdout, r
    assert time.monotonic() - t < 20
    until(lambda: [q.cmdline for q in b.procs().values() if q.cmdline.startswith('sleep')] == ['sleep 1000'])
    assert p.wait(30) in (3, 17)
    b.sysg_ok('start', '--daemonize')


def test_other_commands_give_sg0205_within_20_s(box):
    b, _ = detached(box, TWO)
    pid = b.status_json()['supervisor']['pid']
    b.exec('kill', '-STOP', str(pid))
    ps = [b.popen('sysg', *c) for c in (['status'], ['stop'], ['restart'], ['start'])]
    t = time.monotonic()
    for p in ps:
        out, err = p.communicate(timeout=40)
        assert p.returncode == 3 and 'SG0205' in err, (p.args, p.returncode, out, err)
    assert time.monotonic() - t < 22
    b.exec('kill', '-CONT', str(pid))


def test_one_that_is_pid_1_is_not_killed(box):
    b = box(TWO).up()
    web = b.pid_of('web')
    b.kill(signal.SIGSTOP)
    r = b.sysg('stop', '--supervisor', timeout=40)
    assert r.returncode == 3 and 'SG0205' in codes(r)
    b.kill(signal.SIGCONT)
    assert not b.ended or not b.alive(web)


def test_a_client_that_dies_while_it_waits_takes_nothing_with_it(box):
    b = box(argv=HOLD)
    b.write_manifest('services: {web: {command: "exec sleep 1000", health_check: {command: "[ -e good ]", start_interval: 20ms, total_timeout: 60s}}}')
    p = b.popen('sysg', 'start', '--daemonize')
    b.up().until_state('web', 'starting')
    b.exec('pkill', '-KILL', '-o', '-f', 'start --daemonize')  # the oldest of the box: the one that waits
    assert p.wait(10) != 0
    (b.home / 'good').touch()
    b.until_state('web', 'running')
