"""`skip: true`, or a command that exits 0: not started, nor is what depends on it; and that is no failure."""
import json
import time

import pytest

from harness import codes, until

SKIPPED = '''
    services:
      off: {command: "echo off >>ran; exec sleep 1000", skip: true}
      on: {command: "exec sleep 1000", depends_on: [off]}
      last: {command: "exec sleep 1000", depends_on: [{service: on, condition: started}]}
      web: {command: "exec sleep 1000", skip: false}
    '''


def states(b):
    return {u['name']: u['state'] for u in b.status_json()['units']}


@pytest.mark.asan
def test_it_is_not_started_nor_is_what_depends_on_it(box):
    b = box(SKIPPED).up()
    want = {'off': 'skipped', 'on': 'skipped', 'last': 'skipped', 'web': 'running'}
    until(lambda: states(b) == want)
    u = b.unit('off')
    assert (u['intent'], u['health'], u['lifecycle']) == ('skip', 'idle', 'skipped')
    assert 'last_exit' not in u and 'process' not in u
    assert b.sysg('ready').returncode == 0 and b.status_json()['overall_health'] == 'healthy'
    assert not b.peek('ran')
    out = b.sysg_ok('start', '-s', 'last')
    assert "Service 'last' skipped\n" in out and "Service 'off' skipped\n" in out
    b.sysg_ok('restart')
    assert states(b) == want and not b.peek('ran')


def test_a_cron_unit_that_is_skipped_never_runs_and_keeps_no_container_up(box):
    b = box('services: {nightly: {command: "echo ran >>ran", cron: {expression: "* * * * * *", timezone: UTC}, skip: true}, hold: {command: "until test -e go; do sleep 0.02; done"}}').up()
    b.until_state('nightly', 'skipped')
    until(lambda: int(time.time()) >= b.exec_time + 2)
    assert b.state('nightly') == 'skipped' and not b.peek('ran')
    (b.home / 'go').touch()
    assert b.wait() == 0


@pytest.mark.asan
def test_start_s_starts_it_all_the_same_and_restart_s_does_not(box):
    b = box(SKIPPED).up()
    b.until_state('web', 'running')
    b.sysg_ok('start', '-s', 'off')
    assert b.state('off') == 'running' and b.file('ran') == 'off\n' and b.state('on') == 'skipped'
    b.sysg_ok('start', '-s', 'on')
    assert b.state('on') == 'running'
    assert "Service 'off' skipped" in b.sysg_ok('restart', '-s', 'off')
    assert b.state('off') == b.state('on') == 'skipped', 'what depends on it goes down with it'
    assert 'last_exit' not in b.unit('off'), 'though it ran once'


def test_its_id_means_it_as_its_name_does(box):
    b = box(SKIPPED).up()
    b.until_state('off', 'skipped')
    b.sysg_ok('start', '-s', b.unit('off')['id'])
    assert b.state('off') == 'running'
    b.sysg_ok('stop', 'off')
    assert "Service 'off' skipped\n" in b.sysg_ok('start')


def test_sysg_start_s_starts_it(box):
    b = box(SKIPPED, '-s', 'off').up()
    b.until_state('off', 'running')


@pytest.mark.asan
def test_a_command_says_it_at_each_start_by_order(box):
    b = box('''
        services:
          off: {command: "echo ran >>log; [ -e crashed ] || { : >crashed; exit 3; }; exec sleep 1000", backoff: 50ms,
                skip: "echo $SYSG_HOOK $A >>log; test -e no", env: {A: x}, hooks: {pre_start: "echo pre >>log"}}
          on: {command: "exec sleep 1000", depends_on: [off]}
          keep: {command: "exec sleep 1000"}
        ''').up()
    until(lambda: states(b) == {'off': 'running', 'on': 'running', 'keep': 'running'} and b.peek('log').count('ran') == 2)
    assert b.peek('log').split('\n')[:-1] == ['skip x', 'pre', 'ran', 'pre', 'ran'], 'not asked again by its policy'
    (b.home / 'no').touch()
    b.sysg_ok('restart')
    assert states(b) == {'off': 'skipped', 'on': 'skipped', 'keep': 'running'}
    assert b.peek('log').split('\n')[5:-1] == ['skip x']
    b.sysg_ok('start', '-s', 'off')
    assert b.state('off') == 'running'
    until(lambda: b.peek('log').split('\n')[6:-1] == ['pre', 'ran'], why=lambda: f'not even asked: {b.peek("log")}')


def test_a_command_that_hangs_holds_nothing_else_up_and_ends_at_its_timeout(box):
    b = box('''
        services:
          slow: {command: ": >ran; exec sleep 1000", skip: {command: "sleep 500", timeout: 2s}}
          web: {command: "exec sleep 1000"}
        ''').up()
    b.until_state('web', 'running')
    assert b.state('slow') == 'starting'
    b.until_state('slow', 'running')
    b.says('skip hook took longer than 2s', where='stderr')
    assert not [p for p in b.procs().values() if p.cmdline == 'sleep 500']


def test_a_stop_ends_the_command(box):
    b = box('services: {slow: {command: ": >ran", skip: "sleep 500"}, web: {command: "exec sleep 1000"}}').up()
    until(lambda: [p for p in b.procs().values() if p.cmdline == 'sleep 500'])
    b.sysg_ok('stop', 'slow')
    assert b.state('slow') == 'stopped' and not b.peek('ran')
    until(lambda: not [p for p in b.procs().values() if p.cmdline == 'sleep 500'])


def test_where_all_is_skipped_the_container_ends_with_0(box):
    b = box('services: {a: {exec: [/no/such], skip: true}, b: {exec: [/no/such], depends_on: [a], essential: true}}')
    assert b.wait() == 0


def test_a_reload_takes_it_in_and_out(box):
    b = box('services: {db: {command: "exec sleep 1000"}, web: {command: "exec sleep 1000", depends_on: [db]}, keep: {command: "exec sleep 999"}}').up()
    b.until_state('web', 'running')
    text = b.manifest.read_text()
    b.write_manifest(text.replace('1000"}', '1000", skip: true}', 1))
    b.sysg_ok('reload')
    assert states(b) == {'db': 'skipped', 'web': 'skipped', 'keep': 'running'}
    assert b.sysg_ok('reload') == 'Nothing changed\n'
    b.write_manifest(text)
    b.sysg_ok('reload')
    assert states(b) == {'db': 'running', 'web': 'running', 'keep': 'running'}


def test_what_is_no_bool_and_no_command_is_refused(box):
    b = box('services: {a: {command: x, skip: {timeout: 3s}}}')
    assert b.wait() == 2 and 'SG0210' in b.stderr


def test_json_of_a_start_says_skipped(box):
    b = box(SKIPPED).up()
    b.until_state('web', 'running')
    r = b.sysg('start', '-s', 'on', '--json')
    assert r.returncode == 0 and {s['state'] for s in json.loads(r.stdout)['started']} == {'skipped'} and not codes(r)
