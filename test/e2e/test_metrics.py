"""`sysg metrics`, and the manifest's `metrics` and `status`: what units use, now and over the last minutes."""
import os
import resource
import signal
import time

import pytest

import prometheus
from harness import codes, pss_kib, switches, until

BUSY = 'exec: [sh, -c, "while :; do :; done"]'
TREE = '''
    services:
      boss: {exec: [sleep, "1000"], spawn: {mode: dynamic, limits: {children: 7, ttl: 90s, total_memory: 1G}}}
      bad: {command: "exit 3", restart_policy: never}
    '''


def metrics(b, *args, **kw):
    return prometheus.read(b.sysg_ok('metrics', *args, **kw))


def of(b, unit, *names):
    f = metrics(b)
    return [prometheus.value(f, f'sysg_unit_{n}', unit=unit) for n in names]


def figures(b, name='web'):
    return b.unit(name)['metrics']


@pytest.mark.asan
def test_all_that_is_told_is_of_the_format_and_true(box):
    b = box(TREE).up()
    b.until_state('bad', 'failed')
    b.sysg_ok('spawn', '--parent', 'boss', '--name', 'kid', '--', 'sleep', '1000')
    b.sysg_ok('spawn', '--parent', 'boss', '--name', 'gone', '--wait', '--', 'true')
    f = metrics(b)

    def v(name, **labels):
        return prometheus.value(f, 'sysg_' + name, **labels)
    assert v('build_info') == 1 and v('mode_info', mode='init') == 1 and v('health', health='failing') == 1
    assert v('shutting_down') == 0 and v('uptime_seconds') > 0 and v('loop_turns_total') > 0
    assert 0 < v('resident_memory_bytes') < 64 << 20 and v('connections') == 1 and v('events_dropped_total') == 0
    assert v('unit_state', unit='boss', state='running') == 1 and v('unit_state', unit='bad', state='failed') == 1
    assert v('unit_state', unit='boss', state='failed') is None
    assert v('unit_health', unit='boss') == 1 and v('unit_restarts_total', unit='boss') == 0
    assert v('unit_last_exit_code', unit='bad') == 3 and v('unit_last_exit_code', unit='boss') is None
    assert v('unit_children', unit='boss') == 1 and v('unit_children_limit', unit='boss') == 7
    assert v('unit_spawned_total', unit='boss') == 2
    assert v('unit_tree_memory_limit_bytes', unit='boss') == 1 << 30
    assert 0 < v('unit_ttl_left_seconds', unit='boss/kid') <= 90
    assert v('unit_memory_bytes', unit='boss/kid') == v('unit_resident_memory_bytes', unit='boss/kid') < 16 << 20
    assert v('unit_state', unit='boss/gone') is None, 'what has ended takes no room'
    assert set(l['unit'] for l, _ in f['sysg_unit_state'][2]) == {'boss', 'bad', 'boss/kid'}


def test_of_units_that_are_named_only_those_are_told(box):
    b = box(TREE).up()
    b.until_state('bad', 'failed')
    assert {l['unit'] for l, _ in metrics(b, 'bad')['sysg_unit_state'][2]} == {'bad'}
    assert {l['unit'] for l, _ in metrics(b, '-s', 'boss')['sysg_unit_state'][2]} == {'boss'}


@pytest.mark.asan
def test_the_time_of_a_processor_is_that_of_all_processes_and_of_all_runs(box):
    """The shell waits, a process in its background works; what works is killed, and its time is not forgotten."""
    b = box('services: {web: {command: "sh -c \'while :; do :; done\' & wait"}, quiet: {exec: [sleep, "1000"]}}').up()
    until(lambda: of(b, 'web', 'cpu_seconds_total')[0] > 0.3, 30, 0.05, 'some time of the process in the background')
    before = of(b, 'web', 'cpu_seconds_total')[0]
    b.sysg_ok('restart', '-s', 'web')
    b.until_state('web', 'running')
    after, restarts = of(b, 'web', 'cpu_seconds_total', 'restarts_total')
    assert after >= before > 0.3
    assert of(b, 'quiet', 'cpu_seconds_total')[0] < 0.2


def test_memory_is_that_of_the_main_process_and_of_all_processes(box):
    """One that holds 40 MB in the background is in the second figure only."""
    hog = 'x = bytearray(40 << 20); open(\\"ready\\", \\"w\\").write(\\"1\\"); import time; time.sleep(1000)'
    b = box(f'services: {{web: {{command: "/usr/bin/python3 -c \'{hog}\' & wait"}}}}').up()
    b.file('ready')
    main, whole = of(b, 'web', 'resident_memory_bytes', 'memory_bytes')
    assert main < 20 << 20 and 40 << 20 < whole < 100 << 20
    assert figures(b)['latest_rss_bytes'] < 20 << 20 and figures(b)['tree_rss_bytes'] > 40 << 20


def test_two_that_ask_at_once_are_both_answered(box):
    b = box(TREE).up()
    ps = [b.popen(b.program, 'metrics') for _ in range(6)]
    for p in ps:
        out, err = p.communicate(timeout=20)
        assert p.returncode == 0, err
        assert prometheus.value(prometheus.read(out), 'sysg_unit_memory_bytes', unit='boss') > 0


def test_where_no_process_can_be_made_for_a_look_the_rest_is_told(box):
    """Three descriptors are left: two for who asks, and one that a pipe is not made of."""
    b = box(TREE.replace(', total_memory: 1G', '')).up()
    b.until_state('bad', 'failed')
    hard = resource.prlimit(b.pid, resource.RLIMIT_NOFILE)[1]

    def told():  # what is open for a moment only may be among them
        used = set(map(int, os.listdir(f'/proc/{b.pid}/fd')))
        free = [n for n in range(max(used) + 5) if n not in used]
        resource.prlimit(b.pid, resource.RLIMIT_NOFILE, (free[3], hard))  # a lower one can't be raised again by every root
        try:
            return of(b, 'boss', 'state', 'memory_bytes')
        except AssertionError as e:  # one more was open than before
            return e
    until(lambda: told() == [1, None], why=told)


def test_without_a_supervisor_it_is_3_and_nothing_on_stdout(box):
    b = box(argv=['sleep', '1000'])
    r = b.sysg('metrics')
    assert r.returncode == 3 and codes(r) == ['SG0206'] and r.stdout == ''


def test_a_unit_is_told_of_what_it_may_see(box):
    b = box('''
        services:
          nosy: {command: "sysg metrics >seen 2>&1; : >mark; exec sleep 1000", depends_on: [web], request_capabilities: ["status:web"]}
          blind: {command: "sysg metrics >dark 2>&1; : >mark2; exec sleep 1000", depends_on: [web]}
          web: {exec: [sleep, "1000"]}
          secret: {exec: [sleep, "1000"]}
        ''').up()
    until(lambda: (b.home / 'mark').exists() and (b.home / 'mark2').exists(), 20)
    assert {l['unit'] for l, _ in prometheus.read(b.peek('seen'))['sysg_unit_state'][2]} == {'nosy', 'web'}
    assert {l['unit'] for l, _ in prometheus.read(b.peek('dark'))['sysg_unit_state'][2]} == {'blind'}


# --- the manifest's keys ---

def sampled(box, keys='metrics: {retention_minutes: 60, sample_interval_secs: 1}', service=BUSY):
    return box(f'{keys}\nservices: {{web: {{{service}}}}}').up()


@pytest.mark.asan
def test_samples_are_taken_that_often_and_told(box):
    b = sampled(box, 'status: {snapshot_mode: summary, snapshot_interval_secs: 5}\n'
                     'metrics: {retention_minutes: 60, sample_interval_secs: 1}')
    start = time.monotonic()
    until(lambda: figures(b).get('samples', 0) >= 3, 30, 0.05, 'three samples')
    took = time.monotonic() - start
    m = figures(b)
    assert took > 2.5, 'the first look has nothing to compare with'
    assert m['samples'] <= time.monotonic() - start + 1
    assert 0 < m['latest_cpu_percent'] <= 110 and 0 < m['average_cpu_percent'] <= m['max_cpu_percent'] <= 110
    assert m['tree_rss_bytes'] > 0 and m['latest_rss_bytes'] > 0


def test_without_the_keys_none_are_taken_and_an_idle_init_stays_idle(box):
    b = sampled(box, 'metrics: {}', 'exec: [sleep, "1000"]')
    b.until_state('web', 'running')
    metrics(b)
    until(lambda: switches(b.pid) == (time.sleep(1.5), switches(b.pid))[1], 30, why='an init that rests')
    before = switches(b.pid)
    time.sleep(3)
    assert switches(b.pid) == before
    assert 'samples' not in figures(b)


def test_a_reload_turns_them_on_changes_them_and_turns_them_off(box):
    b = sampled(box, '')
    pid = b.pid_of('web')
    assert 'samples' not in figures(b)
    text = 'metrics: {%s}\nservices: {web: {' + BUSY + '}}'
    b.write_manifest(text % 'sample_interval_secs: 1')
    b.sysg_ok('reload')
    until(lambda: figures(b).get('samples', 0) >= 2, 20, 0.05, 'samples')
    b.write_manifest(text % 'sample_interval_secs: 1, retention_minutes: 5')
    b.sysg_ok('reload')
    assert figures(b)['samples'] >= 2, 'another retention keeps them'
    b.write_manifest(text % 'sample_interval_secs: 1, retention_minutes: 0')
    b.sysg_ok('reload')
    until(lambda: 'samples' not in figures(b), 10, why='no samples any more')
    assert b.pid_of('web') == pid, 'and nobody was restarted for it'


def test_samples_cost_bounded_memory_whatever_there_is_of_units(box):
    """800 units: a room of 240 samples each would be 2.3 MB."""
    text = 'services: {%s}' % ', '.join(f'u{i}: {{exec: [sleep, "1000"]}}' for i in range(800))
    b = box(text, timeout=180).up(60)
    until(lambda: b.sysg('ready').returncode == 0, 60, 0.2)
    for seconds in (3600, 1):  # twice, as a reload leaves its own traces
        metrics(b)
        before = pss_kib(b.pid)
        b.write_manifest(f'metrics: {{sample_interval_secs: {seconds}}}\n' + text)
        b.sysg_ok('reload', timeout=60)
    until(lambda: all(u['metrics'].get('samples', 0) >= 2 for u in b.status_json()['units']), 60, 0.5, 'samples of all')
    assert pss_kib(b.pid) - before < 1800, (before, pss_kib(b.pid))
    assert b.status_json()['supervisor']['loop']['longest_turn_cpu_us'] < 20000


def test_a_hup_storm_while_samples_are_taken_loses_nothing(box):
    b = sampled(box)
    until(lambda: figures(b).get('samples', 0) >= 1, 20, 0.05)
    for _ in range(20):
        b.kill(signal.SIGHUP)
        metrics(b)
    assert figures(b)['samples'] >= 1


@pytest.mark.parametrize('keys, place, words', [
    ('metrics: {sample_interval_secs: 0}', '1:33', 'from 1 to 3600'),
    ('metrics: {retention_minutes: 99999}', '1:30', 'from 0 to 10080'),
    ('metrics: {retention: 5}', '1:11', 'retention_minutes'),
    ('status: {snapshot: 5}', '1:10', 'snapshot_mode'),
    ('status: {snapshot_interval_secs: often}', '1:34', 'whole number'),
])
def test_what_is_wrong_is_refused_with_its_place(box, keys, place, words):
    b = box(keys + '\nservices: {web: {exec: [sleep, "1"]}}', wait_exec=False)
    assert b.wait() == 2
    assert place in b.stderr and words in b.stderr, b.stderr
