"""Cron units: they run when their schedule fires, and only then."""
import datetime
import re
import signal
import time
import zoneinfo

import pytest

from harness import assert_gone, until

EACH = '"* * * * * *"'


def lines(b, name, n, seconds=10):
    """Waits for n lines in a file; all of them."""
    until(lambda: b.peek(name).count('\n') >= n, seconds, why=lambda: f'{n} lines of {name}: {b.peek(name)!r} {b.stderr[-800:]}')
    return b.peek(name).splitlines()


def ended(u):
    return u['last_exit']['exit_code'], u['last_exit']['reason']


def pause(seconds):
    """For what must not happen in that time."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, seconds + 5)


def skipped(b, name):
    return [e for e in map(str.split, b.sysg_ok('events').splitlines()) if 'skipped' in e and name in e and 'reason=overlap' in e]


@pytest.mark.asan
def test_it_runs_each_time_in_its_second_and_waits_in_between(box):
    b = box(f'''
        services:
          tick: {{command: "date +%s.%N >>ticks", cron: {{expression: {EACH}}}}}
          yearly: {{command: ": >ran", cron: {{expression: "0 0 29 2 *", timezone: UTC, overlap: kill}}}}
        ''').up()
    times = [float(t) for t in lines(b, 'ticks', 4)]
    seconds = [int(t) for t in times]
    assert seconds == list(range(seconds[0], seconds[0] + len(seconds))), times
    u = b.until_state('tick', 'queued')
    assert u['kind'] == 'cron' and u['intent'] == 'cron' and ended(u) == (0, 'exited') and u['restarts'] == 0
    u = b.unit('yearly')
    assert u['state'] == 'queued' and 'last_exit' not in u
    leap = u['cron'].pop('next_run')
    assert re.fullmatch(r'20\d\d-02-29T00:00:00\.000000Z', leap)
    assert u['cron'] == {'expression': '0 0 29 2 *', 'timezone': 'UTC'}
    assert b.sysg('ready').returncode == 0 and b.sysg('ready', '-s', 'yearly').returncode == 0
    assert not (b.home / 'ran').exists()


def test_an_idle_one_wakes_nobody(box):
    b = box('services: {yearly: {command: "true", cron: {expression: "0 0 29 2 *"}}}').up()
    turns = b.status_json()['supervisor']['loop']['turns']
    pause(2)
    assert b.status_json()['supervisor']['loop']['turns'] < turns + 20


def test_a_failed_run_is_failed_with_its_own_code_and_onerr_runs_once_for_each(box):
    b = box(f'''
        services:
          bad:
            command: "echo >>runs; exit 7"
            restart_policy: always
            hooks: {{onerr: "echo $SYSG_EXIT_CODE >>errors"}}
            cron: {{expression: "*/2 * * * * *"}}
        ''').up()
    lines(b, 'runs', 2)
    u = b.until_state('bad', 'failed')
    assert ended(u) == (7, 'exited') and u['restarts'] == 0
    assert u['error']['code'] != 'SG0110'
    lines(b, 'runs', 3)
    until(lambda: b.peek('runs').count('\n') == b.peek('errors').count('\n'), 10)
    assert set(b.peek('errors').split()) == {'7'}
    assert not b.ended


@pytest.mark.parametrize('words', [['start', '-s', 'tick'], ['restart', 'tick'], ['restart', '-s', 'tick'], ['stop', 'tick'], ['stop', '-s', 'tick']])
def test_direct_control_is_refused(box, words):
    b = box('services: {tick: {command: "true", cron: {expression: "0 0 29 2 *"}}}').up()
    r = b.sysg(*words)
    assert r.returncode == 4 and 'SG0101' in r.stderr and 'cron units run only when their schedule fires' in r.stderr
    assert b.state('tick') == 'queued'


def test_a_boot_with_its_name_is_refused(box):
    b = box('services: {tick: {command: "true", cron: {expression: "0 0 29 2 *"}}}', '-s', 'tick')
    assert b.wait() == 4 and 'cron units run only when their schedule fires' in b.stderr


def test_a_stop_of_everything_ends_its_times_and_a_start_brings_them_back(box):
    b = box(f'services: {{tick: {{command: "echo >>ticks; exec sleep 1000", cron: {{expression: {EACH}}}}}}}').up()
    lines(b, 'ticks', 1)
    b.until_state('tick', 'running')
    assert "Service 'tick' stopped" in b.sysg_ok('stop')
    n = b.peek('ticks').count('\n')
    u = b.unit('tick')
    assert u['state'] == 'stopped' and u['intent'] == 'manual' and 'next_run' not in u['cron']
    pause(2.2)
    assert b.peek('ticks').count('\n') == n and not b.ended
    b.sysg_ok('start')
    lines(b, 'ticks', n + 1)


def test_a_restart_of_everything_ends_the_run_and_applies_another_expression(box):
    b = box(f'services: {{tick: {{command: "echo >>ticks; exec sleep 1000", cron: {{expression: {EACH}}}}}}}').up()
    lines(b, 'ticks', 1)
    b.until_state('tick', 'running')
    b.write_manifest('services: {tick: {command: "echo >>ticks; exec sleep 1000", cron: {expression: "0 0 29 2 *"}}}')
    b.sysg_ok('restart')
    u = b.until_state('tick', 'queued')
    assert u['cron']['expression'] == '0 0 29 2 *' and '-02-29T' in u['cron']['next_run']
    n = b.peek('ticks').count('\n')
    b.write_manifest('services: {tick: {command: "exec sleep 1000"}}')
    b.sysg_ok('restart')
    u = b.until_state('tick', 'running')
    assert u['kind'] == 'service' and 'cron' not in u
    b.write_manifest(f'services: {{tick: {{command: "echo >>ticks", cron: {{expression: {EACH}}}}}}}')
    b.sysg_ok('restart')
    lines(b, 'ticks', n + 2)


def test_overlap_skip_leaves_out_what_comes_while_it_runs(box):
    b = box(f'services: {{slow: {{command: "echo >>runs; sleep 2.5", cron: {{expression: {EACH}}}}}}}').up()
    lines(b, 'runs', 2)
    until(lambda: len(skipped(b, 'slow')) >= 2, 10)


def test_overlap_queue_runs_one_more_at_once(box):
    b = box(f'''
        services: {{slow: {{command: "date +%s%N >>begins; sleep 2.3; date +%s%N >>ends", cron: {{expression: {EACH}, overlap: queue}}}}}}
        ''').up()
    begins = [int(t) for t in lines(b, 'begins', 4, 20)]
    ends = [int(t) for t in lines(b, 'ends', 3, 20)]
    gaps = [begins[i + 1] - ends[i] for i in range(3)]
    assert min(gaps) >= 0
    assert min(gaps) < 500e6, 'right behind the run before: its time would come 700 ms later'
    assert not skipped(b, 'slow')


def test_overlap_kill_ends_the_run_before(box):
    b = box(f'''
        services: {{slow: {{command: "echo $$ >>runs; exec sleep 1000", cron: {{expression: "*/2 * * * * *", overlap: kill}}}}}}
        ''').up()
    pids = [int(p) for p in lines(b, 'runs', 3)]
    assert len(set(pids)) == len(pids)
    assert not b.alive(pids[0]) and not b.alive(pids[1])
    assert b.until_state('slow', 'running')['last_exit']['reason'] == 'stopped'


def test_it_waits_for_what_it_depends_on(box):
    b = box(f'''
        services:
          db: {{command: "exec sleep 1000", health_check: {{file: up, interval: 100ms}}}}
          tick: {{command: "echo >>ticks", depends_on: [db], cron: {{expression: {EACH}}}}}
        ''').up()
    until(lambda: len(skipped(b, 'tick')) >= 1, 10)  # the run of the second before still waits
    assert b.peek('ticks') == '' and b.state('tick') == 'queued'
    (b.home / 'up').write_text('')
    lines(b, 'ticks', 2)


def test_times_are_those_of_its_zone(box):
    there = datetime.datetime.now(zoneinfo.ZoneInfo('Asia/Tokyo')).hour
    hours = f'{there},{(there + 1) % 24}'
    cron = f'expression: "* * {hours} * * *"'
    b = box(f'''
        services:
          there: {{command: "echo >>there", cron: {{{cron}, timezone: Asia/Tokyo}}}}
          by_tz: {{command: "echo >>by_tz", cron: {{{cron}}}}}
          here: {{command: "echo >>here", cron: {{{cron}, timezone: UTC}}}}
        ''', env={'TZ': 'Asia/Tokyo'}).up()
    lines(b, 'there', 2)
    lines(b, 'by_tz', 2)
    assert b.peek('here') == '' and b.state('here') == 'queued'
    assert b.unit('by_tz')['cron']['timezone'] == 'Asia/Tokyo'


@pytest.mark.parametrize('zone, words', [('Europe/Nowhere', '/usr/share/zoneinfo/Europe/Nowhere: No such file'), ('leapseconds', 'no zone file'), ('Europe', 'not a regular file')])
def test_a_zone_that_there_is_not_is_told_with_its_service(box, zone, words):
    b = box(f'services: {{tick: {{command: "true", cron: {{expression: "0 3 * * *", timezone: {zone}}}}}}}')
    assert b.wait() == 2
    assert f'service tick: timezone {zone}: ' in b.stderr and words in b.stderr and 'install tzdata' in b.stderr


def test_a_thousand_units_of_one_zone_hold_its_file_once(box):
    def held(zone):
        b = box('services:\n' + ''.join(f'  t{i}: {{command: "true", cron: {{expression: "0 0 29 2 *", timezone: {zone}}}}}\n' for i in range(1500))).up()
        return b.status_json()['supervisor']['rss_bytes']
    assert held('Europe/Berlin') < held('UTC') + (1 << 20)


def test_without_any_zone_file_utc_works(box):
    b = box(f'''
        services: {{tick: {{command: "echo >>ticks", cron: {{expression: {EACH}, timezone: Etc/UTC}}}}}}
        ''', ns=['--tmpfs', '/usr/share/zoneinfo']).up()
    lines(b, 'ticks', 2)


def test_the_shutdown_ends_a_run_and_starts_no_other(box):
    b = box(f'''
        shutdown: {{delay: 2s}}
        services:
          slow: {{command: "echo >>runs; sleep 0.2", cron: {{expression: {EACH}}}}}
          stays: {{command: "trap 'exit 0' TERM; echo >up; while :; do sleep 0.1; done", cron: {{expression: {EACH}}}}}
        ''').up()
    lines(b, 'runs', 1)
    b.file('up')
    b.kill(signal.SIGTERM)
    n = b.peek('runs').count('\n')
    assert b.wait() == 0
    assert b.peek('runs').count('\n') <= n + 1
    assert_gone(b)


def test_the_container_goes_on_for_the_sake_of_its_times(box):
    b = box(f'''
        services:
          once: {{command: "true"}}
          bad: {{command: "echo >>runs; exit 1", cron: {{expression: "*/2 * * * * *"}}}}
        ''').up()
    b.until_state('once', 'done')
    lines(b, 'runs', 2)
    assert not b.ended


def test_a_reload_makes_a_service_of_one_that_never_ran_and_it_starts(box):
    b = box('services: {tick: {command: "exec sleep 1000", cron: {expression: "0 0 29 2 *"}}}').up()
    b.write_manifest('services: {tick: {command: "exec sleep 1000"}}')
    assert 'start tick (changed)\n' in b.sysg_ok('reload')
    assert b.until_state('tick', 'running')['kind'] == 'service'


def test_one_that_runs_for_the_first_time_while_a_reload_waits_keeps_its_times(box):
    text = '''
        services:
          slow: {{command: "trap : TERM; echo >ready; while :; do sleep 0.1; done", stop_timeout: 5500ms, env: {{A: "{a}"}}}}
          tick: {{command: "echo {a} >>ticks", cron: {{expression: "{e}"}}}}
        '''
    b = box(text.format(a='old', e='0 0 29 2 *')).up()
    b.file('ready')
    until(lambda: time.time() % 5 < 1, 10)
    b.write_manifest(text.format(a='old', e='*/5 * * * * *'))
    b.sysg_ok('reload')
    b.write_manifest(text.format(a='new', e='*/5 * * * * *'))
    b.sysg_ok('reload')
    until(lambda: 'new' in b.peek('ticks'), 10, why=lambda: f'{b.unit("tick")}')


def test_reloads_without_end_lose_none_of_its_times(box):
    """So many services that a reload takes a part of a second, and meets a time sooner or later."""
    b = box('''
        services:
          tick: {command: "date +%s >>ticks", cron: {expression: "*/2 * * * * *"}}
          keep: {command: "exec sleep 1000"}
          other: {command: "exec sleep 1000", replicas: 1000, skip: true}
          more: {command: "exec sleep 1000", replicas: 1000, skip: true}
        ''').up()
    end = time.monotonic() + 12
    while time.monotonic() < end:
        b.kill(signal.SIGHUP)
        pause(0.001)
    times = [int(t) // 2 for t in lines(b, 'ticks', 1)]
    assert times == list(range(times[0], times[0] + len(times))) and len(times) >= 5
