"""Hooks: what runs around the life of a service, in which order, told what, and that none holds anything up."""
import os
import re
import signal
import time

import pytest

from harness import codes, until

# a main process that says in the file "seq" when it begins and when it gets TERM
MAIN = "trap 'echo term >>seq; exit 0' TERM; echo main >>seq; while :; do sleep 0.02; done"


def lines(b, name='seq'):
    return b.peek(name).split('\n')[:-1]


def until_line(b, line, name='seq', n=1, seconds=10):
    until(lambda: lines(b, name).count(line) >= n, seconds, why=lambda: f'{n} {line!r} in {lines(b, name)} {b.stderr[-600:]}')


def running(b, cmdline):
    return [p for p in b.procs().values() if p.cmdline == cmdline]


@pytest.mark.asan
def test_the_order_is_pre_start_main_post_start_pre_stop_term_post_stop(box):
    b = box(f'''
        services:
          web:
            command: "{MAIN}"
            hooks:
              pre_start: "echo begin >>seq; until test -e go; do sleep 0.01; done; echo pre_start >>seq"
              post_start: "while ! grep -q main seq; do sleep 0.01; done; echo post_start >>seq"
              pre_stop: "sleep 0.2; echo pre_stop >>seq"
              post_stop: "sleep 0.1; echo post_stop >>seq"
        ''')
    until_line(b, 'begin')
    assert b.state('web') == 'starting'
    (b.home / 'go').write_text('')
    until_line(b, 'post_start')
    b.sysg_ok('stop', 'web')
    assert lines(b) == ['begin', 'pre_start', 'main', 'post_start', 'pre_stop', 'term', 'post_stop']
    assert b.state('web') == 'stopped'


@pytest.mark.asan
def test_each_restart_runs_them_again_and_tells_how_it_ended(box):
    b = box('''
        services:
          web:
            command: "echo main >>seq; sleep 0.1; exit 3"
            restart_policy: on-failure
            backoff: 50ms
            max_restarts: 2
            hooks:
              pre_start: "echo $SYSG_HOOK,$SYSG_EXIT_CODE,$SYSG_SIGNAL,$SYSG_RESTARTS >>seq"
              post_stop: "echo $SYSG_HOOK,$SYSG_EXIT_CODE,$SYSG_SIGNAL,$SYSG_RESTARTS >>seq"
          hold: {exec: [sleep, "1000"]}
        ''').up()
    b.until_state('web', 'failed')
    assert lines(b) == ['pre_start,,,0', 'main', 'post_stop,3,,0', 'pre_start,3,,1', 'main', 'post_stop,3,,1',
                        'pre_start,3,,2', 'main', 'post_stop,3,,2']


def test_kill_9_of_the_main_process_runs_post_stop_with_its_signal(box):
    b = box('''
        services:
          web:
            command: "exec sleep 1000"
            restart_policy: never
            hooks: {pre_stop: "echo pre_stop >>seq", post_stop: "echo $SYSG_HOOK,$SYSG_EXIT_CODE,$SYSG_SIGNAL >>seq"}
          hold: {exec: [sleep, "1000"]}
        ''').up()
    b.exec('kill', '-9', b.pid_of('web'))
    b.until_state('web', 'failed')
    assert lines(b) == ['post_stop,137,9'], 'a pre_stop is for what is ordered to end'


def test_a_hook_runs_as_the_service_does(box):
    b = box('''
        services:
          web:
            command: "exec sleep 1000"
            user: "1234"
            working_dir: sub
            env: {vars: {COLOUR: blue, SYSG_HOOK: forged}}
            hooks: {post_start: 'echo "$(id -u):$(id -g) $PWD $COLOUR $SYSG_HOOK $SYSG_NAME $SYSG_ID $SPAWN_DEPTH" >seen; echo out; echo err >&2'}
        ''', argv=['true'])
    b.wait()
    (b.home / 'sub').mkdir()
    (b.home / 'sub').chmod(0o777)
    c = box(b.manifest.read_text(), home=b.home).up()
    seen = c.file('sub/seen').split()
    assert seen == ['1234:1234', str(c.home / 'sub'), 'blue', 'post_start', 'web', '@1', '0']
    until(lambda: {'out', 'err'} <= {x.split('|')[-1].strip() for x in c.sysg('logs', '-s', 'web', '--no-follow').stdout.splitlines()}
          or re.search('web.*out', c.stdout) and re.search('web.*err', c.stdout))


def test_the_main_process_is_told_nothing_of_hooks(box):
    b = box('''
        services:
          web: {command: "env >env; exec sleep 1000", hooks: {pre_start: "true"}}
        ''', env={'SYSG_HOOK': 'x', 'SYSG_EXIT_CODE': '5', 'SYSG_SIGNAL': '9', 'SYSG_RESTARTS': '7'}).up()
    assert not re.search('^SYSG_(HOOK|EXIT_CODE|SIGNAL|RESTARTS)=', b.file('env'), re.M)


def test_a_list_is_run_without_a_shell(box):
    b = box('''
        services:
          web: {exec: [sleep, "1000"], hooks: {post_start: [touch, "a b"]}}
        ''').up()
    until(lambda: (b.home / 'a b').exists())


# --- pre_start ---

@pytest.mark.asan
@pytest.mark.parametrize('hook, words', [
    ('"exit 3"', 'ended with code 3'), ('[/no/such/hook]', 'could not be run'), ('"kill -9 $$"', 'ended by signal 9')])
def test_a_pre_start_that_fails_is_a_failed_start(box, hook, words):
    b = box(f'''
        services:
          web: {{command: ": >ran", restart_policy: never, success_exit_codes: [3], hooks: {{pre_start: {hook}}}}}
          after: {{command: ": >after", depends_on: [web]}}
          hold: {{exec: [sleep, "1000"]}}
        ''').up()
    b.until_state('web', 'failed')
    b.says(f'SG0103.*web.*pre_start hook.*{words}')
    b.until_state('after', 'failed')
    assert not (b.home / 'ran').exists() and not (b.home / 'after').exists()
    assert 'SG0103' in b.sysg('status', '--format', 'json').stdout


def test_a_pre_start_is_tried_again_under_the_restart_policy_until_it_gives_up(box):
    b = box('''
        services:
          web: {command: ": >ran", restart_policy: on-failure, backoff: 20ms, max_restarts: 2, hooks: {pre_start: "echo x >>runs; exit 1"}}
          hold: {exec: [sleep, "1000"]}
        ''').up()
    b.until_state('web', 'failed')
    assert lines(b, 'runs') == ['x'] * 3 and not (b.home / 'ran').exists()
    b.says('SG0110.*web')


def test_a_pre_start_that_works_at_the_second_time_lets_the_start_go_on(box):
    b = box('''
        services:
          web: {command: "exec sleep 1000", backoff: 20ms, hooks: {pre_start: "test -e once || { : >once; exit 1; }"}}
        ''').up()
    assert b.until_state('web', 'running')
    assert b.unit('web').get('error') is None


@pytest.mark.parametrize('takes, failed', [(0.1, False), (1000, True)])
def test_a_pre_start_past_its_timeout_is_sg0108_and_one_within_it_is_not(box, takes, failed):
    b = box(f'''
        services:
          web: {{exec: [sleep, "1000"], restart_policy: never, hooks: {{pre_start: {{command: "sleep {takes}", timeout: {'300ms' if failed else '20s'}}}}}}}
          hold: {{exec: [sleep, "1000"]}}
        ''').up()
    b.until_state('web', 'failed' if failed else 'running')
    if failed:
        b.says('SG0108.*took longer than 300ms')
        assert not running(b, 'sleep 1000')[1:], 'only hold runs'
    else:
        assert 'SG0108' not in b.stderr


def test_sysg_pre_start_timeout_secs_overrides_the_limit(box):
    b = box('''
        services:
          web: {exec: [sleep, "1000"], restart_policy: never, hooks: {pre_start: {command: "sleep 791", timeout: 100s}}}
          hold: {exec: [sleep, "1000"]}
        ''', env={'SYSG_PRE_START_TIMEOUT_SECS': '1'}).up()
    b.until_state('web', 'failed')
    b.says('SG0108.*took longer than 1s')


@pytest.mark.parametrize('value', ['0', 'soon', '-1', '1.5'])
def test_a_pre_start_timeout_that_is_none_is_said_and_passed_over(box, value):
    b = box('services: {web: {exec: [sleep, "1000"], hooks: {pre_start: "true"}}}', env={'SYSG_PRE_START_TIMEOUT_SECS': value}).up()
    b.until_state('web', 'running')
    b.says('SYSG_PRE_START_TIMEOUT_SECS')


def test_pre_start_under_deployment_is_the_same(box):
    b = box('services: {web: {command: "echo main >>seq; exec sleep 1000", deployment: {pre_start: "echo $SYSG_HOOK >>seq"}}}').up()
    until_line(b, 'main')
    assert lines(b) == ['pre_start', 'main']


def test_dependents_wait_for_pre_start_and_others_do_not(box):
    b = box('''
        services:
          db: {command: "exec sleep 1000", hooks: {pre_start: "while [ ! -e go ]; do sleep 0.02; done"}}
          web: {command: ": >web; exec sleep 1000", depends_on: [db]}
          other: {command: ": >other; exec sleep 1000"}
        ''').up()
    b.until_state('other', 'running')
    assert b.state('db') == 'starting' and b.state('web') == 'queued' and not (b.home / 'web').exists()
    assert b.sysg('ready').returncode == 1
    (b.home / 'go').touch()
    until(lambda: (b.home / 'web').exists())


def test_start_max_concurrent_counts_what_prepares(box):
    b = box('''
        start: {max_concurrent: 1}
        services:
          a: {command: "exec sleep 1000", hooks: {pre_start: "while [ ! -e go ]; do sleep 0.02; done"}}
          b: {command: "exec sleep 1000"}
        ''').up()
    b.until_state('a', 'starting')
    assert b.state('b') == 'queued'
    (b.home / 'go').touch()
    b.until_state('b', 'running')


@pytest.mark.asan
def test_a_stop_during_pre_start_kills_it_whole_and_goes_on_down(box):
    b = box('''
        services:
          web:
            command: ": >ran"
            hooks: {pre_start: "setsid sleep 792 & trap '' TERM; sleep 793", post_stop: ": >post", on_stop: {success: ": >stopped"}}
          hold: {exec: [sleep, "1000"]}
        ''').up()
    until(lambda: running(b, 'sleep 792') and running(b, 'sleep 793'))
    b.sysg_ok('stop', 'web')
    assert b.state('web') == 'stopped'
    assert not running(b, 'sleep 792') and not running(b, 'sleep 793')
    assert not any((b.home / name).exists() for name in ('ran', 'post', 'stopped')), 'nothing was started that could end'


def test_a_shutdown_cancels_what_prepares(box):
    b = box('''
        shutdown: {delay: 300ms}
        services: {web: {command: ": >ran", hooks: {pre_start: "echo x >begun; sleep 0.1; exec sleep 0.05"}}}
        ''')
    b.file('begun')
    assert b.term() == 0
    assert not (b.home / 'ran').exists()


def test_who_waits_for_a_start_is_told_of_the_pre_start(box):
    b = box('''
        services:
          hold: {exec: [sleep, "1000"]}
          web: {exec: [sleep, "1000"], backoff: 60s, hooks: {pre_start: "test -e good"}}
        ''').up()
    b.until_state('web', 'backoff')
    r = b.sysg('restart', '-s', 'web')
    assert r.returncode == 1 and 'SG0103' in codes(r), r
    (b.home / 'good').touch()
    assert b.sysg('restart', '-s', 'web').returncode == 0
    assert b.state('web') == 'running'


# --- trees ---

@pytest.mark.asan
def test_what_a_hook_leaves_running_is_killed_and_told(box):
    b = box('''
        services:
          web: {command: "exec sleep 1000", hooks: {post_start: "setsid sh -c 'sleep 794 & sleep 795' & : >done"}}
        ''').up()
    until(lambda: (b.home / 'done').exists())
    until(lambda: not running(b, 'sleep 794') and not running(b, 'sleep 795'))
    assert b.state('web') == 'running' and running(b, 'sleep 1000')


def test_what_a_pre_start_leaves_running_is_gone_before_the_main_process_starts(box):
    b = box('''
        services:
          web: {command: "ps ax >ps || cat /proc/[0-9]*/cmdline >ps; exec sleep 1000", hooks: {pre_start: "setsid sleep 796 & sleep 0.1"}}
        ''').up()
    assert '796' not in b.file('ps')


@pytest.mark.asan
def test_a_hook_that_ignores_term_and_forks_away_is_killed_whole_at_its_timeout(box):
    b = box('''
        services:
          web:
            command: "exec sleep 1000"
            hooks: {post_start: {command: "trap '' TERM; setsid sleep 797 & sleep 798", timeout: 300ms}}
        ''').up()
    b.says('web: its post_start hook took longer than 300ms and was killed')
    until(lambda: not running(b, 'sleep 797') and not running(b, 'sleep 798'))
    assert b.state('web') == 'running'


def test_a_hook_of_another_user_is_killed_too(box):
    b = box('''
        services:
          web:
            command: "exec sleep 1000"
            user: "1234"
            hooks: {post_start: {command: "setsid sleep 797 & sleep 798", timeout: 300ms}}
        ''').up()
    b.says('took longer')
    until(lambda: not running(b, 'sleep 797') and not running(b, 'sleep 798'))


def test_a_post_start_that_fails_is_a_warning_and_an_event_and_nothing_else(box):
    b = box('services: {web: {command: "exec sleep 1000", hooks: {post_start: "exit 4"}}}').up()
    b.says('web: its post_start hook ended with code 4')
    assert b.state('web') == 'running' and b.unit('web').get('error') is None
    assert re.search(r'hook.*web.*post_start hook ended with code 4', b.sysg_ok('events'))


def test_one_that_never_ends_holds_nothing_up(box):
    b = box('''
        services:
          web: {command: "exec sleep 1000", hooks: {post_start: "sleep 799", onstart: "sleep 799"}}
          next: {command: "exec sleep 1000", depends_on: [web]}
        ''').up()
    b.until_state('next', 'running')
    until(lambda: len(running(b, 'sleep 799')) == 2)
    assert b.sysg('ready').returncode == 0
    began = time.monotonic()
    b.sysg_ok('stop', 'web')
    assert time.monotonic() - began < 5 and b.state('web') == 'stopped'


def test_at_most_16_hooks_of_one_service_run_at_a_time(box):
    b = box('''
        services:
          web: {command: "sleep 0.01; exit 1", backoff: {initial: 10ms, max: 10ms}, hooks: {onerr: "exec sleep 801"}}
        ''').up()
    b.says('web: its onerr hook is passed over: 16 of its hooks run already', 20)
    until(lambda: len(running(b, 'sleep 801')) >= 16)
    assert len(running(b, 'sleep 801')) == 16


# --- the stop ---

def test_stop_timeout_counts_from_the_signal_and_not_from_pre_stop(box):
    b = box('''
        services:
          web:
            command: "trap '' TERM; echo main >>seq; while :; do sleep 0.02; done"
            stop_timeout: 400ms
            hooks: {pre_stop: "sleep 0.8; echo pre_stop >>seq", post_stop: "echo post_stop $SYSG_SIGNAL >>seq", on_stop: {success: "echo success >>seq", error: "echo error >>seq"}}
          hold: {exec: [sleep, "1000"]}
        ''').up()
    until_line(b, 'main')
    began = time.monotonic()
    b.sysg_ok('stop', 'web')
    assert 1.2 <= time.monotonic() - began
    until_line(b, 'error')
    assert lines(b) == ['main', 'pre_stop', 'post_stop 9', 'error']


@pytest.mark.asan
def test_a_pre_stop_past_its_timeout_is_killed_and_the_stop_goes_on(box):
    b = box(f'''
        services:
          web: {{command: "{MAIN}", hooks: {{pre_stop: {{command: "sleep 802", timeout: 300ms}}}}}}
          hold: {{exec: [sleep, "1000"]}}
        ''').up()
    until_line(b, 'main')
    b.sysg_ok('stop', 'web')
    assert lines(b) == ['main', 'term'] and not running(b, 'sleep 802')
    b.says('web: its pre_stop hook took longer than 300ms')


def test_a_main_process_that_ends_during_pre_stop_does_not_cut_it_short(box):
    b = box('''
        services:
          web:
            command: "while [ ! -e quit ]; do sleep 0.02; done"
            hooks: {pre_stop: ": >quit; sleep 0.3; echo pre_stop >>seq", post_stop: "echo post_stop >>seq"}
          hold: {exec: [sleep, "1000"]}
        ''').up()
    b.until_state('web', 'running')
    b.sysg_ok('stop', 'web')
    assert lines(b) == ['pre_stop', 'post_stop'] and b.state('web') == 'stopped'


def test_a_start_during_post_stop_waits_for_it(box):
    b = box('''
        services:
          web:
            command: "echo main >>seq; exit 1"
            backoff: 1ms
            max_restarts: 1
            hooks: {post_stop: "sleep 0.3; echo post_stop >>seq"}
          hold: {exec: [sleep, "1000"]}
        ''').up()
    b.until_state('web', 'failed')
    assert lines(b) == ['main', 'post_stop'] * 2


@pytest.mark.asan
def test_a_second_term_during_pre_stop_kills_it_and_everything(box):
    b = box(f'''
        services: {{web: {{command: "{MAIN}", hooks: {{pre_stop: "echo pre_stop >>seq; sleep 803", post_stop: "echo post_stop >>seq"}}}}}}
        shutdown: {{timeout: 60s}}
        ''').up()
    until_line(b, 'main')
    b.kill(signal.SIGTERM)
    until_line(b, 'pre_stop')
    began = time.monotonic()
    b.kill(signal.SIGTERM)
    b.wait()
    assert time.monotonic() - began < 5
    assert 'post_stop' not in lines(b)


def test_a_budget_that_is_spent_during_pre_stop_ends_it(box):
    b = box(f'''
        services: {{web: {{command: "{MAIN}", hooks: {{pre_stop: "echo pre_stop >>seq; sleep 804"}}}}}}
        shutdown: {{timeout: 1s}}
        ''').up()
    until_line(b, 'main')
    began = time.monotonic()
    b.term()
    assert 1 <= time.monotonic() - began < 8 and 'pre_stop' in lines(b)


def test_a_shutdown_runs_pre_stop_and_post_stop_level_by_level(box):
    b = box('''
        services:
          db: {command: "exec sleep 1000", hooks: {pre_stop: "echo db pre >>seq", post_stop: "sleep 0.2; echo db post >>seq"}}
          web: {command: "exec sleep 1000", depends_on: [db], hooks: {pre_stop: "echo web pre >>seq", post_stop: "sleep 0.2; echo web post >>seq"}}
        ''').up()
    b.until_state('web', 'running')
    assert b.term() == 0
    assert lines(b) == ['web pre', 'web post', 'db pre', 'db post']


def test_a_shutdown_waits_for_what_tells_of_the_end_and_leaves_nothing(box):
    b = box('''
        services: {web: {command: "exec sleep 1000", hooks: {on_stop: {success: "sleep 0.5; echo stopped >>seq"}}}}
        ''').up()
    b.until_state('web', 'running')
    assert b.term() == 0
    assert lines(b) == ['stopped']


def test_hooks_that_never_end_are_killed_with_the_budget(box):
    b = box('''
        shutdown: {timeout: 1s}
        services: {web: {command: "exec sleep 1000", hooks: {on_stop: {success: "setsid sleep 805"}}}}
        ''').up()
    b.until_state('web', 'running')
    began = time.monotonic()
    assert b.term() == 0
    assert time.monotonic() - began < 8


# --- outcomes ---

OUTCOMES = '''
            hooks:
              on_start: {success: "echo on_start.success >>seq", error: "echo $SYSG_HOOK >>seq"}
              on_stop: {success: "echo on_stop.success >>seq", error: "echo on_stop.error >>seq"}
              on_restart: {success: {command: "echo on_restart.success >>seq"}, error: "echo on_restart.error >>seq"}
              onstart: "echo onstart >>seq"
              onerr: "echo onerr >>seq"
'''


def outcomes(b, *want):
    until(lambda: sorted(lines(b)) == sorted(want), why=lambda: f'{sorted(want)} in {sorted(lines(b))}')


def service(rest):
    return 'services:\n  hold: {exec: [sleep, "1000"]}\n  web:\n' + ''.join(f'    {line}\n' for line in rest) \
        + '\n'.join('    ' + line[12:] for line in OUTCOMES.strip('\n').split('\n')) + '\n'


def test_a_start_and_an_ordered_stop_are_successes(box):
    b = box(service(['exec: [sleep, "1000"]'])).up()
    outcomes(b, 'on_start.success', 'onstart')
    b.sysg_ok('stop', 'web')
    outcomes(b, 'on_start.success', 'onstart', 'on_stop.success')


def test_a_crash_is_an_error_and_the_restart_a_success(box):
    b = box(service(['command: "test -e once && exec sleep 1000; : >once; sleep 0.3; exit 1"', 'backoff: 20ms'])).up()
    outcomes(b, 'on_start.success', 'onstart', 'on_stop.error', 'onerr', 'on_start.success', 'onstart', 'on_restart.success')


@pytest.mark.parametrize('how', ['exec: [/no/such/program]', 'command: "exec sleep 1000"'])
def test_a_start_that_fails_is_an_error_once(box, how):
    more = [] if 'exec:' in how else ['health_check: {file: nothing, total_timeout: 200ms, retries: 1, start_interval: 50ms}']
    b = box(service([how, 'restart_policy: never', *more])).up()
    b.until_state('web', 'failed')
    outcomes(b, 'on_start.error', 'onerr')


def test_a_restart_that_fails_is_an_error_of_it_too(box):
    b = box(service(['command: "test -e once && exit 1; : >once; : >ok; sleep 0.3; rm ok; exit 1"', 'backoff: 20ms', 'max_restarts: 1',
                     'health_check: {file: ok, total_timeout: 20s}'])).up()
    b.until_state('web', 'failed')
    outcomes(b, 'on_start.success', 'onstart', 'on_stop.error', 'onerr', 'on_start.error', 'onerr', 'on_restart.error')


def test_a_restart_by_order_is_a_stop_and_a_start_and_a_restart(box):
    b = box(service(['exec: [sleep, "1000"]'])).up()
    outcomes(b, 'on_start.success', 'onstart')
    b.sysg_ok('restart', '-s', 'web')
    outcomes(b, 'on_start.success', 'onstart', 'on_stop.success', 'on_start.success', 'onstart', 'on_restart.success')
    b.sysg_ok('stop', 'web')
    b.sysg_ok('start', '-s', 'web')
    outcomes(b, *['on_start.success', 'onstart'] * 3, *['on_stop.success'] * 2, 'on_restart.success')


@pytest.mark.asan
def test_a_hook_of_a_service_that_leaves_the_manifest_is_ended_whole(box):
    b = box('''
        services:
          hold: {exec: [sleep, "1000"]}
          web: {exec: [sleep, "1000"], hooks: {onstart: "setsid sleep 806 & sleep 807"}}
          other: {exec: [sleep, "1000"], hooks: {onstart: {command: "sleep 808; exit 5"}}}
        ''').up()
    until(lambda: all(running(b, f'sleep {n}') for n in (806, 807, 808)))
    b.write_manifest('services: {hold: {exec: [sleep, "1000"]}, other: {exec: [sleep, "999"]}}')
    b.sysg_ok('restart', '-c', b.manifest)
    until(lambda: not running(b, 'sleep 806') and not running(b, 'sleep 807'))
    for p in running(b, 'sleep 808'):  # its service is another by now
        os.kill(p.pid, signal.SIGKILL)
    b.says('web is in the manifest no more|other: its onstart hook ended')
    until(lambda: not running(b, 'sleep 808'))
    assert b.sysg('ping').returncode == 0 and b.term() == 0


def test_a_one_shot_that_is_done_has_had_its_hooks(box):
    b = box(service(['command: "true"', 'restart_policy: never'])).up()
    b.until_state('web', 'done')
    outcomes(b, 'on_start.success', 'onstart', 'on_stop.success')


# --- who calls from a hook ---

@pytest.mark.asan
def test_a_hook_calls_as_its_service_without_spawn(box):
    b = box('''
        services:
          web:
            command: "exec sleep 1000"
            spawn: {mode: dynamic}
            hooks: {post_start: "sysg whoami >who; sysg status >status; sysg spawn -- sleep 1 2>refused; echo $? >code"}
        ''').up()
    assert b.file('code').strip() == '4' and 'SG0801' in b.peek('refused')
    assert b.peek('who').split() == ['unit', 'web', '@1'] and 'web' in b.peek('status')


def test_an_unknown_hook_names_the_nearest_one(box):
    b = box('services: {web: {command: ": >ran", hooks: {on_error: "true"}}}')
    assert b.wait() == 2 and 'unknown-field' in b.stderr and 'onerr' in b.stderr
    assert not (b.home / 'ran').exists()


def test_a_file_of_a_hook_need_not_be_there_when_the_manifest_is_validated(box):
    b = box('services: {web: {exec: [sleep, "1000"], hooks: {pre_stop: [./later.sh]}}}').up()
    assert b.sysg('validate', '-c', str(b.manifest)).returncode == 0


def open_files(b):
    return len(os.listdir(f'/proc/{b.pid}/fd'))


@pytest.mark.asan
def test_nothing_is_left_of_sixty_crashes_with_hooks(box):
    b = box('''
        services:
          web:
            command: "exit 1"
            backoff: {initial: 1ms, max: 1ms}
            max_restarts: 60
            hooks: {pre_start: "true", post_start: "true", post_stop: "true", on_start: {success: "true"}, onerr: "true"}
          hold: {exec: [sleep, "1000"]}
        ''').up()
    fds = open_files(b)
    b.until_state('web', 'failed', seconds=60)
    until(lambda: [p.cmdline for p in b.others()] == ['sleep 1000'] and not b.defunct())
    until(lambda: open_files(b) <= fds + 4)
    assert b.term() == 0
