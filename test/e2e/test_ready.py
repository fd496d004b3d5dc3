"""What `sysg health` and `sysg ready` answer in each state: 0 for yes, 1 for no, one line of why."""
import time

import pytest

from harness import until


def asked(b, *args):
    """(health, ready) as exit statuses; each says one line."""
    answers = []
    for command in ('health', 'ready'):
        r = b.sysg(command, *args)
        assert len(r.stdout.splitlines()) == 1 and not r.stderr, r
        answers.append(r.returncode)
    return tuple(answers)


def expect(b, answers, *args):
    got = [None]

    def look():
        got[0] = asked(b, *args)
        return got[0] == answers
    until(look, 10, 0.02, lambda: f'{answers} of health and ready {args} (they say {got[0]}) {b.stderr[-500:]}')


HOLD = 'hold: {exec: [sleep, "1000"]}'


def test_queued_and_starting_are_healthy_and_not_ready(box):
    b = box('''
        services:
          db: {exec: [sleep, "1000"], health_check: {file: ok}}
          web: {exec: [sleep, "1000"], depends_on: [db]}
        ''').up()
    b.until_state('db', 'starting')
    b.until_state('web', 'queued')
    assert asked(b) == asked(b, '-s', 'db') == asked(b, '-s', 'web') == (0, 1)
    assert b.sysg('ready', 'web').stdout == 'web is queued\n'
    (b.home / 'ok').touch()
    expect(b, (0, 0))
    assert asked(b, '-s', 'db') == asked(b, '-s', 'web') == (0, 0)


def test_running_without_a_check_is_ready(box):
    b = box(f'services: {{{HOLD}}}').up()
    expect(b, (0, 0))
    expect(b, (0, 0), '-s', 'hold')


def test_a_backoff_is_healthy_and_not_ready(box):
    b = box(f'services: {{a: {{command: "exit 1", backoff: 60s, essential: true}}, {HOLD}}}').up()
    b.until_state('a', 'backoff')
    assert asked(b) == asked(b, '-s', 'a') == (0, 1)
    assert asked(b, '-s', 'hold') == (0, 0)


def test_one_that_drains_is_healthy_and_not_ready(box):
    b = box(f'''
        services:
          a: {{command: "sysg spawn -- sleep 1000", spawn: {{mode: dynamic, termination_policy: drain}}}}
          {HOLD}
        ''').up()
    b.until_state('a', 'draining')
    assert asked(b) == asked(b, '-s', 'a') == (0, 1)


def test_a_failed_one_is_not_ready_and_healthy_unless_it_is_essential(box):
    b = box(f'services: {{a: {{command: "exit 1", max_restarts: 0}}, {HOLD}}}').up()
    b.until_state('a', 'failed')
    assert asked(b) == (0, 1)
    assert asked(b, '-s', 'a') == (1, 1)
    assert asked(b, '-s', 'hold') == (0, 0)


@pytest.mark.parametrize('how', ['essential: true', 'exit_code_from'])
def test_an_essential_one_that_failed_for_good_is_not_healthy(box, how):
    top, key = ('exit_code_from: a\n', '') if how == 'exit_code_from' else ('', how + ',')
    b = box(f'{top}shutdown: {{delay: 30s}}\n'
            f'services: {{a: {{command: "exit 7", {key} max_restarts: 0}}, {HOLD}}}').up()
    expect(b, (1, 1))
    assert b.sysg('health').stdout.startswith('a is failed')


def test_in_a_shutdown_and_its_delay_it_is_healthy_and_not_ready(box):
    b = box('''
        shutdown: {delay: 1s}
        services: {a: {command: "trap 'sleep 1.5; exit 0' TERM; while :; do sleep 0.05; done"}}
        ''').up()
    expect(b, (0, 0))
    b.kill(15)
    expect(b, (0, 1))
    assert b.state('a') == 'running', 'in the delay it goes on serving'
    assert b.sysg('ready').stdout == 'shutting down\n'
    assert asked(b, '-s', 'a') == (0, 1)
    b.until_state('a', 'stopping')
    assert asked(b) == (0, 1)
    assert b.wait() == 0


def test_one_stopped_by_hand_does_not_count(box):
    b = box(f'services: {{a: {{exec: [sleep, "1000"]}}, {HOLD}}}').up()
    expect(b, (0, 0))
    b.sysg_ok('stop', 'a')
    assert asked(b) == (0, 0)
    assert asked(b, '-s', 'a') == (0, 1)
    b.sysg_ok('stop')
    assert asked(b) == (0, 0)


def test_a_once_unit_counts_where_one_that_serves_depends_on_it(box):
    b = box(f'''
        services:
          job: {{command: "while [ ! -e go ]; do sleep 0.02; done", restart_policy: never}}
          other: {{exec: [sleep, "1000"], restart_policy: never}}
          web: {{exec: [sleep, "1000"], depends_on: [{{service: job, condition: started}}]}}
        ''').up()
    b.until_state('web', 'running')
    b.until_state('other', 'running')
    assert asked(b) == asked(b, '-s', 'web') == (0, 1)
    assert b.sysg('ready').stdout.startswith('job is running')
    (b.home / 'go').touch()
    expect(b, (0, 0))
    assert asked(b, '-s', 'job') == asked(b, '-s', 'web') == (0, 0)


def test_a_once_unit_that_failed_counts_only_where_it_is_depended_on(box):
    b = box(f'services: {{job: {{command: "exit 3", restart_policy: never}}, {HOLD}}}').up()
    b.until_state('job', 'failed')
    assert asked(b) == (0, 0)
    assert asked(b, '-s', 'job') == (1, 1)


def test_one_that_ended_clean_is_done_and_no_reason_against_it(box):
    b = box(f'services: {{a: {{command: "exit 0"}}, {HOLD}}}').up()
    b.until_state('a', 'done')
    assert asked(b) == asked(b, '-s', 'a') == (0, 0)


def test_a_name_that_nobody_has_is_no_unit(box):
    b = box(f'services: {{{HOLD}}}').up()
    for command in ('health', 'ready'):
        r = b.sysg(command, '-s', 'nobody')
        assert r.returncode == 5 and 'SG0202' in r.stderr


def test_one_that_does_not_answer_is_3_after_a_second(box):
    b = box(f'services: {{{HOLD}}}').up()
    b.kill(19)
    for command in ('health', 'ready'):
        start = time.monotonic()
        assert b.sysg(command).returncode == 3
        assert 0.9 < time.monotonic() - start < 3
    b.kill(18)
