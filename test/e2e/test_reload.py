"""`sysg reload` and HUP: the manifest read again, the difference applied and nothing else."""
import json
import pathlib
import re
import signal

import pytest

from harness import codes, until
from waiting import ASAN

TWO = 'services: {web: {command: "exec sleep 1000"}, other: {command: "exec sleep 1000"}}'
GRAPH = '''
    services:
      db: {command: "exec sleep %d"}
      web: {command: "exec sleep 1000", depends_on: [db]}
      loose: {command: "exec sleep 1000", depends_on: [{service: db, restart: false}]}
      %s: {command: "exec sleep 1000"}
    '''


def pids(b):
    return {u['name']: u['process']['pid'] for u in b.status_json()['units'] if 'process' in u}


def up(box, text=TWO):
    b = box(text).up()
    until(lambda: b.sysg('ready').returncode == 0, 60, 0.05)
    return b, pids(b)


def outcomes(b):
    return [(e.get('code'), e['detail']) for e in map(json.loads, b.sysg_ok('events', '--format', 'json').splitlines())
            if e['event'] == 'reload']


@pytest.mark.asan
def test_the_difference_is_applied_and_nothing_else(box):
    b, before = up(box, GRAPH % (1000, 'old'))
    b.write_manifest(GRAPH % (2000, 'new'))
    out = b.sysg_ok('reload').splitlines()
    assert out == ['stop old (removed)', 'restart db (changed)', 'restart web (dependent)', 'start new (added)', "Project 'loose' reloaded"] \
        or sorted(out[:-1]) == sorted(['stop old (removed)', 'restart db (changed)', 'restart web (dependent)', 'start new (added)'])
    after = pids(b)
    assert set(after) == {'db', 'web', 'loose', 'new'}
    assert [n for n in before if after.get(n) == before[n]] == ['loose']
    assert b.inner(after['db']).cmdline == 'sleep 2000'
    assert not b.alive(before['old'])
    assert outcomes(b) == [(None, '1 to start, 2 to restart, 1 stopped')]


def test_an_exit_code_from_that_is_added_restarts_nobody_and_counts(box):
    b, before = up(box, 'services: {web: {command: "until test -e go; do sleep 0.02; done; exit 7", restart_policy: never}, other: {command: "exec sleep 1000"}}')
    b.write_manifest('exit_code_from: web\n' + b.manifest.read_text())
    b.sysg_ok('reload')
    assert pids(b) == before
    (b.home / 'go').touch()
    assert b.wait() == 7


@pytest.mark.asan
def test_what_holds_from_the_next_start_on_is_said(box):
    b, before = up(box)
    b.write_manifest('logs: {max_total: 8M}\n' + TWO)
    b.sysg_ok('reload')
    b.says(r'logs\.max_total say holds from the next start')
    b.write_manifest('control: {mode: "0600"}\nlogs: {max_total: 8M}\n' + TWO)
    b.sysg_ok('reload')
    until(lambda: b.stderr.count('holds from the next start') == 2)
    assert pids(b) == before


def test_where_only_settings_beside_the_services_changed_it_says_so(box):
    b, before = up(box)
    b.write_manifest('shutdown: {timeout: 7s}\n' + TWO)
    for _ in range(2):
        assert b.sysg_ok('reload', '--dry-run') == 'apply settings (changed)\n'
    assert b.json('reload')['plan'] == [{'path': 'settings', 'action': 'apply', 'reason': 'changed'}]
    assert b.sysg_ok('reload') == b.sysg_ok('reload', '--dry-run') == 'Nothing changed\n'
    assert pids(b) == before


@pytest.mark.asan
def test_of_an_unchanged_manifest_it_does_nothing(box):
    b, before = up(box)
    assert b.sysg_ok('reload') == 'Nothing changed\n'
    b.write_manifest('# a comment\n' + TWO)
    r = b.json('reload')
    assert r == {'plan': [], 'reloaded': [], 'failed': []}
    assert pids(b) == before


def test_what_rests_or_was_stopped_stays_as_it_is(box):
    text = '''
        services:
          once: {command: "echo x >>runs", restart_policy: never}
          bad: {command: "echo x >>fails; exit 3", restart_policy: never}
          slow: {command: "echo x >>tries; exit 3", backoff: 100s}
          off: {command: "exec sleep %d"}
          web: {command: "exec sleep 1000"}
        '''
    b = box(text % 1000).up()
    b.until_state('once', 'done')
    b.until_state('bad', 'failed')
    b.until_state('slow', 'backoff')
    b.pid_of('off')
    b.sysg_ok('stop', 'off')
    assert b.sysg_ok('reload') == 'Nothing changed\n'
    b.write_manifest(text % 2000)
    assert b.sysg_ok('reload') == 'Nothing changed\n', 'what was stopped by hand stays down'
    assert [b.peek(n) for n in ('runs', 'fails', 'tries')] == ['x\n'] * 3
    assert b.state('off') == 'stopped' and b.state('slow') == 'backoff'
    b.sysg_ok('start', '-s', 'off')
    assert b.inner(b.pid_of('off')).cmdline == 'sleep 2000', 'and starts as it is written now'


def test_what_failed_and_changed_is_started_with_what_failed_for_want_of_it(box):
    text = '''
        services:
          bad: {command: "%s", restart_policy: never, health_check: {file: up, total_timeout: 5s}}
          next: {command: "exec sleep 1000", depends_on: [bad]}
          web: {command: "exec sleep 1000"}
        '''
    b = box(text % 'exit 3').up()
    b.until_state('next', 'failed')
    web = b.pid_of('web')
    b.write_manifest(text % ': >up; exec sleep 1000')
    out = b.sysg_ok('reload')
    assert 'start bad (changed)\nstart next (dependent)\n' in out
    assert b.state('next') == 'running' and b.pid_of('web') == web


@pytest.mark.asan
def test_dry_run_prints_the_plan_and_changes_nothing(box):
    b, before = up(box, GRAPH % (1000, 'old'))
    b.write_manifest(GRAPH % (2000, 'new'))
    plan = [('old', 'stop', 'removed'), ('db', 'restart', 'changed'), ('web', 'restart', 'dependent'), ('new', 'start', 'added')]
    out = b.sysg_ok('reload', '--dry-run').splitlines()
    assert sorted(out) == sorted(f'{act} {n} ({why})' for n, act, why in plan)
    said = b.json('reload', '--dry-run')
    assert sorted((p['path'], p['action'], p['reason']) for p in said['plan']) == sorted(plan)
    assert said['reloaded'] == said['failed'] == []
    assert pids(b) == before and not outcomes(b)


@pytest.mark.asan
def test_an_invalid_manifest_is_sg0301_with_its_reasons_and_changes_nothing(box):
    b, before = up(box)
    b.write_manifest('services:\n  web: {command: "exec sleep 2000", nonsense: 1}\n  other: {command: x, backoff: never}\n')
    for words in (('reload',), ('reload', '--dry-run')):
        r = b.sysg(*words)
        assert r.returncode == 2 and 'SG0301' in codes(r), r
        assert 'nonsense' in r.stderr and 'systemg.yaml:2:' in r.stderr
    b.says(r'SG0210.*systemg.yaml:3:.*backoff', where='stderr')
    assert pids(b) == before
    b.kill(signal.SIGHUP)
    until(lambda: len(outcomes(b)) == 2)
    assert all(code == 'SG0301' and 'nonsense' in detail for code, detail in outcomes(b))
    assert pids(b) == before


@pytest.mark.asan
def test_hup_does_the_same_and_says_so(box):
    b, before = up(box)
    b.write_manifest(TWO.replace('1000', '2000', 1))
    b.kill(signal.SIGHUP)
    b.says(r'systemg.yaml was read again: 0 to start, 1 to restart, 0 stopped', where='stderr')
    until(lambda: b.state('web') == 'running')
    after = pids(b)
    assert after['other'] == before['other']
    until(lambda: b.inner(after['web']).cmdline == 'sleep 2000')
    assert outcomes(b) == [(None, '0 to start, 1 to restart, 0 stopped')]


def test_many_hups_in_a_row_are_one(box):
    # what stops waits, so those that come meanwhile find one that was begun
    text = '''
        services:
          web:
            command: "trap 'until [ -e go ]; do sleep 0.02; done; exit 0' TERM; : >up; while :; do sleep 0.02; done"
            env: {N: "%d"}
            stop_timeout: 60s
        '''
    b, _ = up(box, text % 1)
    until(lambda: (b.home / 'up').exists())
    b.write_manifest(text % 2)
    b.kill(signal.SIGHUP)
    b.until_state('web', 'stopping')
    for _ in range(50):
        b.kill(signal.SIGHUP)
        b.sysg('ping')
    (b.home / 'go').touch()
    b.until_state('web', 'running')
    until(lambda: len(outcomes(b)) == 2)
    b.sysg_ok('reload')
    assert [d.split(',')[1] for _, d in outcomes(b)] == [' 1 to restart', ' 0 to restart', ' 0 to restart']


def test_in_one_command_mode_hup_is_the_command_s(box):
    b = box(argv=['sysg', '--', 'sh', '-c', 'trap "echo hup >got; exit 0" HUP; : >up; while :; do sleep 0.02; done'])
    until(lambda: (b.home / 'up').exists())
    b.kill(signal.SIGHUP)
    assert b.wait() == 0 and b.peek('got') == 'hup\n'


def test_a_unit_reloads_only_with_the_right_over_all(box):
    text = '''
        services:
          may: {command: "until [ -e go ]; do sleep 0.02; done; sysg reload 2>may.err; echo $? >may.rc; exec sleep 1000", request_capabilities: ["restart:**"]}
          maynot: {command: "until [ -e go ]; do sleep 0.02; done; sysg reload 2>err; echo $? >rc; exec sleep 1000"}
          %s: {command: "exec sleep 1000"}
        '''
    b, before = up(box, text % 'old')
    b.write_manifest(text % 'new')
    (b.home / 'go').touch()
    assert b.file('rc') == '4\n' and 'SG0811' in b.peek('err')
    assert b.file('may.rc') == '0\n', b.peek('may.err')
    assert 'new' in pids(b) and 'old' not in pids(b)


def test_a_unit_that_does_not_come_back_fails_the_command(box):
    b, before = up(box)
    b.write_manifest(TWO.replace('exec sleep 1000', 'exit 3', 1))
    r = b.sysg('reload')
    assert r.returncode == 1 and 'SG0302' in codes(r) and 'SG0102' in codes(r)
    assert pids(b)['other'] == before['other']


@pytest.mark.asan
def test_a_unit_that_goes_on_keeps_no_manifest_of_the_time_of_its_start(box):
    """Each of them is restarted by another reload. What is probed meanwhile goes on being probed."""
    n = 60
    values = [0] * n
    checks = ['file: /', 'command: "true"']
    mute = 'import socket, time; s = socket.create_server(("127.0.0.1", 7)); open("mute", "w").write("x"); time.sleep(1000)'

    def text():
        return 'services:\n' + ''.join(
            f'  s{i}: {{exec: [sleep, "1000"], env: {{A: "{v}", PAD: "{"x" * 1000}"}}, health_check: {{{checks[i % 2]}}}}}\n'
            for i, v in enumerate(values)) + f"""
  mute: {{exec: [python, -c, '{mute}']}}
  probed: {{exec: [sleep, "1000"], depends_on: [mute], health_check: {{url: "http://localhost:7/", attempt_timeout: 300ms, total_timeout: 300s}}}}
"""

    def kib():
        return int(re.search(r'RssAnon:\s+(\d+)', pathlib.Path(f'/proc/{b.pid}/status').read_text())[1])

    def change(i):
        values[i] += 1
        b.write_manifest(text())
        assert f'restart s{i} (changed)\n' in b.sysg_ok('reload')
    b = box(text(), ns=['--net']).up()
    b.file('mute')
    change(0)
    before = kib()
    for i in range(n):
        change(i)
    if not ASAN:
        assert kib() - before < 2000, 'each manifest is a hundred and more KiB'
    assert b.state('probed') == 'starting' and len(pids(b)) == n + 2


def test_descriptors_do_not_grow_with_reloads(box):
    import os
    b, _ = up(box)

    def fds():
        return len(os.listdir(f'/proc/{b.pid}/fd'))
    n = fds()
    for i in range(10):
        b.write_manifest(TWO.replace('1000', str(2000 + i), 1))
        b.sysg_ok('reload')
        b.sysg_ok('reload', '--dry-run')
    until(lambda: fds() <= n)


@pytest.mark.asan
@pytest.mark.parametrize('order', ['reload', 'restart'])
def test_what_is_stopped_while_it_waits_stays_down(box, order):
    text = '''
        services:
          slow: {command: "trap : TERM; echo >ready; while :; do sleep 0.1; done", stop_timeout: 3s, env: {A: "%d"}}
          web: {command: "exec sleep 1%03d"}
          keep: {command: "exec sleep 1000"}
          %s: {command: "exec sleep 1000"}
        '''
    b = box(text % (1, 1, 'old')).up()
    b.file('ready')
    b.write_manifest(text % (2, 2, 'new'))
    p = b.popen(b.program, order)
    until(lambda: b.state('slow') == 'stopping', 10)
    b.sysg_ok('stop', 'web')
    out, err = p.communicate(timeout=30)
    assert p.returncode == 1 and 'web: it was stopped meanwhile' in err, (p.returncode, out, err)
    assert [b.state(n) for n in ('slow', 'web', 'keep', 'new')] == ['running', 'stopped', 'running', 'running']
    b.file('ready')
    b.write_manifest(text % (3, 3, 'newer'))
    p = b.popen(b.program, order)
    until(lambda: b.state('slow') == 'stopping', 10)
    b.sysg_ok('stop')
    p.communicate(timeout=30)
    assert {n: b.state(n) for n in ('slow', 'web', 'keep', 'newer')} == dict.fromkeys(('slow', 'web', 'keep', 'newer'), 'stopped')
    b.sysg_ok('start')
    assert b.inner(b.pid_of('web')).cmdline == 'sleep 1003' and b.state('newer') == 'running'
