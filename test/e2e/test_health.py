"""Readiness and liveness by command, tcp and file; `sysg health` and `sysg ready`."""
import os
import signal
import time

import pytest

from harness import PYTHON, SLOW, codes, suid_process, suid_program, until

LISTEN = ("import socket, time; s = socket.socket(); s.setsockopt(1, 2, 1); s.bind((\\\"127.0.0.1\\\", 7%d)); s.listen(8); "
          "time.sleep(1000)")


@pytest.mark.asan
@pytest.mark.parametrize('place', ['health_check', 'deployment'])
def test_a_file_that_appears_makes_it_ready_at_once(box, place):
    check = '{file: ok}' if place == 'health_check' else '{health_check: {file: ok}}'
    b = box(f'''
        services:
          db: {{command: "sleep 0.2; date +%s.%N >db.up; : >ok; exec sleep 1000", {place}: {check}}}
          web: {{command: "date +%s.%N >web.on; exec sleep 1000", depends_on: [db]}}
        ''').up()
    assert 0 <= float(b.file('web.on')) - float(b.file('db.up')) < 0.5 * SLOW


def test_a_command_that_succeeds_makes_it_ready(box):
    b = box('''
        services:
          db: {command: "sleep 0.2; : >ok; exec sleep 1000", health_check: {command: "test -e ok"}}
          web: {command: ": >web; exec sleep 1000", depends_on: [db]}
        ''').up()
    until(lambda: (b.home / 'web').exists())
    assert (b.home / 'ok').exists()


def test_a_port_that_is_open_makes_it_ready(box):
    b = box(f'''
        services:
          db: {{command: "sleep 0.2; : >on; exec {PYTHON} -c '{LISTEN % 101}'", health_check: {{tcp: "localhost:7101"}}}}
          web: {{command: ": >web; exec sleep 1000", depends_on: [db]}}
        ''', ns=['--net']).up()
    until(lambda: (b.home / 'web').exists(), why=lambda: b.stderr)
    assert (b.home / 'on').exists()


@pytest.mark.parametrize('check, code', [
    ('file: never', 'SG0022'), ('command: "exit 1"', 'SG0104'), ('tcp: "127.0.0.1:7199"', 'SG0022'),
    ('command: "sleep 100", attempt_timeout: 100ms', 'SG0023')])
def test_readiness_that_never_comes_fails_with_its_code(box, check, code):
    b = box(f'services: {{hold: {{exec: [sleep, "1000"]}}, db: {{exec: [sleep, "1000"], restart_policy: never, '
            f'health_check: {{{check}, total_timeout: 1s, retries: 2, interval: 100ms}}}}}}').up()
    b.says(code, 15)
    b.until_state('db', 'failed', seconds=15)
    assert not any('sleep 100' == p.cmdline for p in b.procs().values())


def test_it_is_asked_every_start_interval_and_once_ready_every_interval(box):
    b = box('''
        services:
          db:
            command: "exec sleep 1000"
            health_check: {command: "date +%s.%N >>asked; [ -e ok ]", start_interval: 200ms, interval: 1s}
        ''').up()

    def asked():
        times = [float(t) for t in b.peek('asked').split()]
        return [y - x for x, y in zip(times, times[1:])]

    def middle(gaps):
        return sorted(gaps)[len(gaps) // 2]
    before = until(lambda: len(asked()) >= 6 and asked())
    (b.home / 'ok').touch()
    b.until_state('db', 'running')
    until(lambda: b.unit('db')['health'] == 'healthy')
    n = len(asked())
    after = until(lambda: len(asked()) >= n + 3 and asked()[n:])
    assert sum(before) > 0.19 * len(before) and middle(before) > 0.19 and min(before) < 0.5, before
    assert sum(after) > 0.95 * len(after) and 0.98 < middle(after) < 2, after


def test_liveness_that_fails_restarts_it(box):
    b = box('''
        services:
          db:
            command: "echo x >>runs; : >ok; exec sleep 1000"
            backoff: 100ms
            restart_policy: always
            health_check: {file: ok, interval: 100ms, retries: 3}
        ''').up()
    pid = b.pid_of('db')
    until(lambda: b.sysg('ready').returncode == 0)
    (b.home / 'ok').unlink()
    until(lambda: b.file('runs').count('x') == 2)
    assert b.pid_of('db') != pid


def test_a_check_that_hangs_is_killed_whole_and_holds_nothing_up(box):
    b = box('''
        services:
          db: {exec: [sleep, "1000"], health_check: {command: "sleep 794 & sleep 795", attempt_timeout: 200ms, interval: 100ms, total_timeout: 60s}}
          web: {command: ": >web; exec sleep 1000"}
        ''').up()
    until(lambda: (b.home / 'web').exists())
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert len([p for p in b.procs().values() if p.cmdline == 'sleep 794']) <= 2
    b.sysg_ok('stop', 'db')
    assert not [p for p in b.procs().values() if p.cmdline in ('sleep 794', 'sleep 795')]


def test_what_a_check_leaves_running_is_killed_when_it_ends_and_when_its_time_is_up(box):
    b = box('''
        services:
          quick: {exec: [sleep, "1000"], health_check: {command: "echo x >>quick; setsid sleep 791 & setsid setsid -f sleep 792; exit 0", interval: 200ms}}
          slow: {exec: [sleep, "1000"], health_check: {command: "echo x >>slow; setsid -f sleep 793; sleep 796", attempt_timeout: 200ms, interval: 200ms, total_timeout: 60s}}
        ''').up()

    def left(*seconds):
        return [p for p in b.procs().values() if p.cmdline in [f'sleep {s}' for s in seconds]]
    until(lambda: b.peek('quick').count('x') >= 4 and b.peek('slow').count('x') >= 3, 20)
    assert len(left(791, 792)) <= 4 and len(left(793, 796)) <= 4
    b.sysg_ok('stop', 'quick', 'slow')
    assert not left(791, 792, 793, 796)
    assert 'left' not in b.stderr


def test_a_check_of_another_user_that_hangs_is_killed_without_cap_kill(box):
    b = box('''
        services:
          db:
            exec: [sleep, "1000"]
            user: "4409"
            health_check: {command: "echo x >>slow; sleep 797 & exec sleep 798", attempt_timeout: 200ms, interval: 100ms, total_timeout: 60s}
        ''', ns=['--keep', 'setuid,setgid']).up()
    until(lambda: b.peek('slow').count('x') >= 4, 20, why=lambda: b.stderr)
    b.sysg_ok('stop', 'db')
    assert not [p for p in b.procs().values() if p.cmdline in ('sleep 797', 'sleep 798')]
    assert 'SG0713' not in b.stderr


def test_a_check_that_cannot_be_killed_is_named_holds_no_order_up_and_there_is_one_of_it(box):
    b = box(None, argv=['true'])
    suid_program(b.home, 4410)
    b = box('''
        services:
          db:
            exec: [sleep, "1000"]
            backoff: 100ms
            stop_timeout: 300ms
            health_check: {command: "echo x >>asked; exec ./sleeper become", attempt_timeout: 200ms, interval: 100ms, total_timeout: 1s}
        ''', home=b.home, ns=['--keep', '']).up()
    first = suid_process(b, 4410)
    until(lambda: b.unit('db')['restarts'] >= 2, 30, why=lambda: b.stderr)
    assert b.peek('asked').count('x') == 1 and 'SG0023' in b.stderr
    said = "error[SG0713]: db: pid %d of its health check can't be killed"
    assert b.stderr.count(said % first.inner) == 1
    assert b.sysg('stop', 'db').returncode == 0 and b.state('db') == 'stopped'
    b.sysg('start', '-s', 'db', '--timeout', '1s')
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: b.peek('asked').count('x') == 2, 20, why=lambda: b.stderr)
    second = suid_process(b, 4410)
    b.kill(signal.SIGTERM)
    b.until_state('db', 'stopping')
    b.kill(signal.SIGTERM)
    assert b.wait(30) == 70
    assert said % second.inner in b.stderr


def test_a_check_that_cannot_be_killed_does_not_hold_up_another_one_of_a_new_definition(box):
    b = box(None, argv=['true'])
    suid_program(b.home, 4412)
    manifest = """
        services:
          db:
            exec: [sleep, "1000"]
            stop_timeout: 300ms
            health_check: {command: "%s", attempt_timeout: 200ms, interval: 100ms, total_timeout: 60s}
        """
    b = box(manifest % 'exec ./sleeper become', home=b.home, ns=['--keep', '']).up()
    suid_process(b, 4412)
    b.says('SG0713', where='stderr')
    b.write_manifest(manifest % 'true')
    b.sysg_ok('restart', 'db')
    assert b.unit('db')['state'] == 'running'


def test_ready_says_no_until_all_that_serve_are_up(box):
    b = box('''
        services:
          db: {command: "while [ ! -e go ]; do sleep 0.02; done; : >ok; exec sleep 1000", restart_policy: always, health_check: {file: ok}}
        ''').up()
    r = b.sysg('ready')
    assert r.returncode == 1 and 'db' in r.stdout + r.stderr
    assert b.sysg('health').returncode == 0
    (b.home / 'go').touch()
    until(lambda: b.sysg('ready').returncode == 0)
    assert b.sysg('ready', '-s', 'db').returncode == 0


def test_health_is_0_in_backoff_and_1_when_an_essential_unit_failed_for_good(box):
    b = box('services: {a: {command: "exit 1", backoff: 60s}, hold: {exec: [sleep, "1000"]}}').up()
    b.until_state('a', 'backoff')
    assert b.sysg('health').returncode == 0


def test_with_nobody_there_health_and_ready_are_3(box):
    b = box(argv=['sleep', '1000'])
    for command in ('health', 'ready', 'ping', 'status'):
        r = b.exec('sysg', command)
        assert r.returncode == 3, (command, r)
    assert 'SG0206' in codes(b.exec('sysg', 'ping'))


def test_ready_takes_under_5_ms_of_the_processor_and_no_shell(box):
    b = box('services: {a: {exec: [sleep, "1000"], restart_policy: always}}').up()
    until(lambda: b.sysg('ready').returncode == 0)
    r = b.exec(PYTHON, '-c', 'import resource, subprocess\nfor _ in range(20): subprocess.run(["sysg", "ready"], check=True, stdout=subprocess.DEVNULL)\n'
               'u = resource.getrusage(resource.RUSAGE_CHILDREN); print((u.ru_utime + u.ru_stime) / 20)')
    assert float(r.stdout) < 0.005 * SLOW * (10 if SLOW > 1 else 1)
