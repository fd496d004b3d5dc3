"""When the container ends, and with which code."""
import signal
import time

import pytest

from harness import SLOW, suid_process, suid_program, until


@pytest.mark.asan
def test_all_done_is_0(box):
    assert box('services: {a: {command: "exit 0", restart_policy: never}, b: {command: "exit 0"}}').wait() == 0


def test_the_first_that_failed_gives_the_code(box):
    b = box('''
        services:
          a: {command: "exit 3", restart_policy: never}
          b: {command: "sleep 0.3; exit 4", restart_policy: never}
          c: {command: "exit 0", restart_policy: never}
        ''')
    assert b.wait() == 3


def test_a_signal_counts_as_128_plus_n(box):
    assert box('services: {a: {command: "kill -KILL $$", restart_policy: never}}').wait() == 137


def test_success_exit_codes_are_success(box):
    assert box('services: {a: {command: "exit 9", restart_policy: never, success_exit_codes: [9]}}').wait() == 0


def test_giving_up_gives_the_code(box):
    assert box('services: {a: {command: "exit 5", backoff: 50ms, max_restarts: 1}}').wait() == 5


def test_one_that_still_runs_keeps_it_up(box):
    b = box('services: {a: {command: "exit 3", restart_policy: never}, b: {exec: [sleep, "1000"]}}').up()
    b.until_state('a', 'failed')
    assert not b.ended and b.term() == 0


def test_one_that_was_stopped_by_hand_keeps_it_up(box):
    b = box('services: {a: {exec: [sleep, "1000"]}, b: {command: "while [ ! -e go ]; do sleep 0.02; done", restart_policy: never}}').up()
    b.until_state('a', 'running')
    b.sysg_ok('stop', 'a')
    (b.home / 'go').touch()
    b.until_state('b', 'done')
    assert b.sysg('ping').returncode == 0 and b.term() == 0


@pytest.mark.parametrize('end, code', [('exit 6', 6), ('exit 0', 0), ('kill -KILL $$', 137)])
def test_an_essential_service_that_ended_ends_the_container(box, end, code):
    b = box(f'''
        services:
          main: {{command: "while [ ! -e go ]; do sleep 0.02; done; {end}", restart_policy: never, essential: true}}
          side: {{command: "trap 'echo stopped >side; exit' TERM; : >up; while :; do sleep 0.02; done"}}
        ''')
    until(lambda: (b.home / 'up').exists())
    (b.home / 'go').touch()
    assert b.wait() == code
    assert b.file('side').strip() == 'stopped'


def test_an_essential_service_under_always_does_not_end_it_while_it_is_restarted(box):
    b = box('services: {main: {command: "echo x >>runs; exit 1", restart_policy: always, backoff: 50ms, max_restarts: 2, essential: true}, s: {exec: [sleep, "1000"]}}')
    assert b.wait() == 1
    assert (b.home / 'runs').read_text().count('x') == 3


def test_an_essential_service_stopped_by_order_does_not_end_it(box):
    b = box('services: {main: {exec: [sleep, "1000"], essential: true}}').up()
    b.until_state('main', 'running')
    b.sysg_ok('stop', 'main')
    assert b.sysg('ping').returncode == 0


def test_exit_code_from_gives_its_code_in_every_case(box):
    manifest = '''
        exit_code_from: job
        services:
          job: {command: "%s", restart_policy: never}
          side: {exec: [sleep, "1000"]}
        '''
    assert box(manifest % 'exit 42').wait() == 42
    b = box(manifest % "trap 'exit 21' TERM; : >up; while :; do sleep 0.02; done")
    until(lambda: (b.home / 'up').exists())
    assert b.term() == 21
    b = box(manifest % ': >up; exec sleep 1000')
    until(lambda: (b.home / 'up').exists())
    assert b.term() == 0


@pytest.mark.parametrize('job, code', [(': >up; exec sleep 1000', 5), ("trap 'exit 21' TERM; : >up; while :; do sleep 0.02; done", 21)])
def test_exit_code_from_stopped_by_us_leaves_the_code_to_an_essential_service_that_ended(box, job, code):
    b = box(f'''
        exit_code_from: job
        services:
          job: {{command: "{job}"}}
          other: {{command: "until test -e up; do sleep 0.02; done; exit 5", restart_policy: never, essential: true}}
        ''')
    assert b.wait() == code


def test_exit_code_from_of_a_manifest_that_came_later_does_not_count(box):
    b = box('services: {a: {exec: [sleep, "1000"]}}').up()
    (b.home / 'b.yaml').write_text('exit_code_from: job\nservices: {job: {command: "until test -e go; do sleep 0.02; done; exit 7", restart_policy: never}}\n')
    b.sysg_ok('start', '-c', 'b.yaml')
    (b.home / 'go').touch()
    b.until_state('job', 'failed')
    assert b.state('a') == 'running' and b.sysg('health').returncode == 0


def test_a_service_that_we_told_to_stop_and_says_143_is_success(box):
    b = box('services: {a: {command: "trap \'exit 143\' TERM; : >up; while :; do sleep 0.02; done"}}')
    until(lambda: (b.home / 'up').exists())
    assert b.term() == 0


def test_a_survivor_is_70_and_named(box):
    b = box(None, argv=['true'])
    suid_program(b.home, 4501)
    b = box('services: {bad: {command: "./sleeper become & : >up; exec sleep 1000", stop_timeout: 300ms}}', home=b.home, ns=['--keep', '']).up()
    sleeper = suid_process(b, 4501)
    b.kill(signal.SIGTERM)
    assert b.wait(30) == 70
    assert 'SG0713' in b.stderr and str(sleeper.inner) in b.stderr


def test_with_a_survivor_the_end_comes_within_the_10_s_of_a_runtime(box):
    b = box(None, argv=['true'])
    suid_program(b.home, 4502)
    b = box('services: {bad: {command: "./sleeper become & exec sleep 1000"}}', home=b.home, ns=['--keep', '']).up()
    suid_process(b, 4502)
    begun = time.monotonic()
    b.kill(signal.SIGTERM)
    assert b.wait(30) == 70
    assert 8 < time.monotonic() - begun < 9.7 * SLOW


def test_a_failed_dependency_fails_its_dependents_and_the_container_ends(box):
    assert box('services: {a: {command: "exit 8", restart_policy: never}, b: {command: "exit 0", depends_on: {a: {condition: completed}}}}').wait() == 8
