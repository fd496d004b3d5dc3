"""`sysg events`: numbered records of what happened, for those whom it concerns, and never at PID 1's cost."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from harness import SYSG, TOOLS, codes, until

DYNAMIC = 'spawn: {mode: dynamic, limits: {children: 2, depth: 3}}'


def records(b, *args):
    r = b.sysg_ok('events', '--format', 'json', *args)
    return [json.loads(line) for line in r.splitlines()]


def words(b, *args, path=None):
    return [e['event'] for e in records(b, *args) if path in (None, e.get('path'))]


@pytest.mark.asan
def test_a_record_has_the_fields_of_the_specification_and_numbers_have_no_gaps(box):
    b = box('services: {web: {command: "exit 3", restart_policy: never}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'failed')
    all_ = records(b)
    assert [e['seq'] for e in all_] == list(range(1, len(all_) + 1))
    assert all(set(e) <= {'seq', 'ts', 'event', 'path', 'id', 'code', 'detail'} for e in all_)
    assert all(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z', e['ts']) for e in all_)
    mine = [e for e in all_ if e.get('path') == 'web']
    assert {e['id'] for e in mine} == {b.unit('web')['id']}
    exited = next(e for e in mine if e['event'] == 'exited')
    assert exited['detail'] == 'code=3 reason=exited'
    failed = next(e for e in mine if e['event'] == 'failed')
    assert re.fullmatch(r'SG0\d{3}', failed['code']) and failed['seq'] > exited['seq']


def test_every_change_of_state_is_a_record(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'running')
    b.sysg_ok('stop', 'web')
    changes = [e['detail'] for e in records(b) if e['event'] == 'state']
    assert changes == ['stopped -> queued', 'queued -> starting', 'starting -> running', 'running -> stopping', 'stopping -> stopped']


def test_a_restart_says_how_often_and_when_and_giving_up_its_code(box):
    b = box('services: {web: {command: "exit 1", backoff: 10ms, max_restarts: 2}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'failed')
    mine = [e for e in records(b) if e.get('path') == 'web']
    assert [re.match(r'restart=(\d+) delay=', e['detail'])[1] for e in mine if e['event'] == 'restart'] == ['1', '2']
    assert [e['event'] for e in mine].count('exited') == 3
    assert [e['event'] for e in mine].count('started') == 3
    assert [e['code'] for e in mine if e['event'] == 'failed'] == ['SG0110']


def test_an_end_by_a_signal_says_which(box):
    b = box('services: {web: {command: "exec sleep 1000", backoff: 60s}}').up()
    b.exec('kill', '-9', b.pid_of('web'))
    b.until_state('web', 'backoff')
    assert next(e for e in records(b) if e['event'] == 'exited')['detail'] == 'signal=9 reason=signal'


def test_a_spawn_and_each_refusal_are_records_with_the_code_of_the_limit(box):
    b = box(f'services: {{web: {{command: "exec sleep 1000", {DYNAMIC}}}}}').up()
    b.until_state('web', 'running')
    for name in 'abc':
        b.sysg('spawn', '--parent', 'web', '--name', name, '--', 'sleep', '1000')
    mine = records(b, '-s', 'web')
    assert [e['path'] for e in mine if e['event'] == 'spawned'] == ['web/a', 'web/b']
    refused = [e for e in mine if e['event'] == 'refused']
    assert len(refused) == 1 and refused[0]['code'] == 'SG0803' and refused[0]['path'] == 'web'


def test_a_spawned_childs_end_is_a_record_with_its_reason(box):
    b = box(f'services: {{web: {{command: "exec sleep 1000", {DYNAMIC}}}}}').up()
    b.until_state('web', 'running')
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'a', '--ttl', '100ms', '--', 'sleep', '1000')
    until(lambda: 'exited' in words(b, path='web/a'))
    assert 'reason=ttl' in next(e for e in records(b) if e['event'] == 'exited')['detail']


def test_a_program_that_is_missing_is_a_failure_with_its_code(box):
    b = box('services: {web: {exec: [/no/such]}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'failed')
    assert [e['code'] for e in records(b) if e['event'] == 'failed'] == ['SG0813']


def test_a_dependent_that_is_not_started_is_a_failure_with_its_code(box):
    b = box('''
        services:
          first: {exec: [/no/such]}
          second: {command: "exec sleep 1000", depends_on: [first]}
          hold: {command: "exec sleep 1000"}
        ''').up()
    b.until_state('second', 'failed')
    assert [e['code'] for e in records(b, '-s', 'second') if e['event'] == 'failed'] == ['SG0109']


def test_health_is_in_it_both_ways(box):
    b = box('''
        services:
          web:
            command: "exec sleep 1000"
            health_check: {command: "test -f ok", interval: 50ms, retries: 1}
            backoff: 60s
        ''').up()
    (b.home / 'ok').touch()
    b.until_state('web', 'running')
    until(lambda: 'ready' in words(b, path='web'))
    (b.home / 'ok').unlink()
    until(lambda: 'unhealthy' in words(b, path='web'))
    assert next(e for e in records(b) if e['event'] == 'unhealthy')['code'] == 'SG0104'


def test_leftovers_that_were_killed_are_a_record_with_their_number(box):
    b = box('services: {web: {command: "sleep 1000 & sleep 1000 & exit 0"}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'done')
    assert next(e for e in records(b) if e['event'] == 'leftovers')['detail'] == 'left=2'


def test_a_logger_that_is_started_again_and_a_socket_that_was_lost_are_records(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    os.kill(b.logger().pid, signal.SIGKILL)
    until(lambda: 'logger-restarted' in words(b))
    b.exec('rm', '/run/sysg/control.sock')
    until(lambda: b.sysg('ping').returncode == 0, why='a socket')
    assert [w for w in words(b) if w.startswith('listener')] == ['listener-lost', 'listener-back']


def test_without_follow_it_ends_and_since_gives_what_came_after(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'running')
    last = records(b)[-1]['seq']
    assert records(b, '--since', last) == []
    b.sysg_ok('stop', 'web')
    assert records(b, '--since', last)[0]['seq'] == last + 1
    r = b.sysg('events', '--since', '100000')
    assert r.returncode == 2 and 'SG0210' in codes(r)
    r = b.sysg('events', '--since', 'x')
    assert r.returncode == 2 and 'SG0210' in codes(r)


def test_follow_goes_on_and_ends_with_the_supervisor(box):
    b = box('services: {web: {command: "exec sleep 1000"}, slow: {command: "trap \'sleep 0.5; exit 0\' TERM; : >up; while :; do sleep 0.05; done"}}')
    b.up().until_state('web', 'running')
    until(lambda: (b.home / 'up').exists())
    f = b.popen(SYSG, 'events', '-f', '--json')
    first = json.loads(f.stdout.readline())
    assert first['seq'] == 1
    b.sysg_ok('stop', 'web')
    seen = []
    while not seen or seen[-1].get('detail') != 'stopping -> stopped':
        seen.append(json.loads(f.stdout.readline()))
    assert [e['seq'] for e in seen] == list(range(2, len(seen) + 2))
    b.kill(signal.SIGTERM)
    assert 'shutdown' in [json.loads(line)['event'] for line in f.stdout.read().splitlines()]
    assert b.wait() == 0


def test_people_read_a_line_a_record(box):
    b = box('services: {web: {command: "exit 3", restart_policy: never}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'failed')
    out = b.sysg_ok('events')
    assert re.search(r'^ +\d+ \S+Z exited +web SG0102 code=3 reason=exited$', out, re.M), out
    assert re.search(r'^ +\d+ \S+Z failed +web SG\d{4} ', out, re.M), out


def test_a_unit_sees_its_own_and_what_is_below_it_and_the_operator_all(box):
    b = box(f'''
        services:
          web:
            command: "sysg spawn --name a -- sleep 1000; while ! test -f go; do sleep 0.02; done; sysg events --json >seen; sysg events --json -s other >no 2>&1; echo $? >status; exec sleep 1000"
            {DYNAMIC}
          other: {{command: "exec sleep 1000"}}
        ''').up()
    until(lambda: b.state('web/a') == 'running' and b.state('other') == 'running')
    (b.home / 'go').touch()
    assert b.file('status').strip() == '4'
    assert 'SG0811' in b.peek('no')
    seen = [json.loads(line) for line in b.peek('seen').splitlines()]
    assert {e.get('path') for e in seen} == {'web', 'web/a'}
    b.exec('rm', '/run/sysg/control.sock')
    until(lambda: b.sysg('ping').returncode == 0)
    assert {None, 'web', 'web/a', 'other'} <= {e.get('path') for e in records(b)}


@pytest.mark.asan
def test_several_projects_are_all_of_their_services_however_often_they_are_named(box):
    names = [f's{i}' for i in range(40)]
    b = box('version: "2"\nprojects:\n  p:\n    services:\n' + ''.join(f'      {n}: {{exec: [sleep, "1000"]}}\n' for n in names) +
            'services:\n  web: {exec: [sleep, "1000"]}\n  other: {exec: [sleep, "1000"]}\n').up()
    until(lambda: {u['state'] for u in b.status_json()['units']} == {'running'})
    seen = {e['path'] for e in records(b, 'p/', '/p/', 'web', 'p/')}
    assert seen == {'web', *(f'p/{n}' for n in names)}


def test_a_name_used_again_does_not_show_the_records_of_the_one_before(box):
    b = box(f'services: {{web: {{command: "exec sleep 1000", {DYNAMIC}}}}}').up()
    b.until_state('web', 'running')
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'a', '--unique', '--wait', '--', 'true')
    before = {e['id'] for e in records(b) if e.get('path') == 'web/a'}
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'a', '--unique', '--', 'sh', '-c',
              'sysg events --json >seen.new && mv seen.new seen; exec sleep 1000')
    seen = [json.loads(line) for line in b.file('seen').splitlines()]
    assert before and seen and before.isdisjoint(e['id'] for e in seen)


def test_a_unit_that_nobody_has_is_exit_5_and_a_stray_option_2(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    r = b.sysg('events', '-s', 'nothing')
    assert r.returncode == 5 and 'SG0202' in codes(r)
    assert b.sysg('events', '--nothing').returncode == 2


def test_the_help_lists_the_words(box):
    out = subprocess.run([SYSG, 'events', '--help'], capture_output=True, text=True, check=True).stdout
    for word in ('state', 'spawned', 'refused', 'exited', 'restart', 'survivors', 'leftovers', 'logger-restarted', 'listener-lost'):
        assert re.search(rf'^  {word}: ', out, re.M), out


def test_refusals_are_taken_down_at_a_bounded_rate_and_the_rest_is_counted(box):
    b = box('''
        services:
          web:
            command: "i=0; while [ $i -lt 60 ]; do sysg spawn -- true & i=$((i+1)); done; wait; echo x >done; exec sleep 1000"
            spawn: {mode: dynamic, limits: {children: 1, ever: 1}}
        ''').up()
    b.file('done', 60)
    taken = words(b).count('refused')
    dropped = b.status_json()['supervisor']['events_dropped']
    assert taken + dropped == 59 and taken >= 20, (taken, dropped)


def test_who_does_not_read_is_told_how_many_it_lost_and_holds_nobody_up(box):
    b = box('''
        services:
          web: {command: "true", restart_policy: always, backoff: {initial: 1ms, max: 1ms}}
        ''').up()
    f = b.popen(SYSG, 'events', '-f', '--json')
    first = json.loads(f.stdout.readline())
    assert first['seq'] >= 1
    os.kill(f.pid, signal.SIGSTOP)
    inner = next(p for p in b.procs().values() if 'events -f' in p.cmdline)
    os.kill(inner.pid, signal.SIGSTOP)

    def newest():
        return records(b)[-1]['seq']
    start = newest()
    until(lambda: newest() > start + 9000, 60, 0.2, 'nine thousand records')
    r = time.monotonic()
    assert b.sysg('ping').returncode == 0 and time.monotonic() - r < 5
    os.kill(inner.pid, signal.SIGCONT)
    os.kill(f.pid, signal.SIGCONT)
    lost, last = 0, first['seq']
    while not lost:
        e = json.loads(f.stdout.readline())
        if 'lost' in e:
            lost = e['lost']
        else:
            assert e['seq'] == last + 1
            last = e['seq']
    assert json.loads(f.stdout.readline())['seq'] == last + lost + 1
    f.kill()
    os.kill(inner.pid, signal.SIGKILL)
    f.communicate()
    assert b.status_json()['supervisor']['events_dropped'] >= lost


FOLLOWER = '''
import os, socket, sys, time
sys.path.insert(0, %r)
from peer import *
held = []

def follow(*units):
    held.append(connect())
    return ask(held[-1], 'op=events', 'follow=1', *['unit=' + u for u in units]).get('code')

def say(name, text):
    open(name + '.new', 'w').write(str(text)); os.rename(name + '.new', name)

'''


def follower(box, script):
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(FOLLOWER % str(TOOLS) + script + '\ntime.sleep(1000)\n')
    return box('services: {web: {exec: [python, main.py], spawn: {mode: dynamic, limits: {depth: 60}}}}', home=b.home).up()


def test_a_unit_that_is_named_many_times_is_followed_once_and_what_all_who_follow_take_is_bounded(box):
    """The paths of fifty units below one another come to more than 40 KiB a connection."""
    b = follower(box, '''
while not os.path.exists('go'): time.sleep(0.01)
ids = open('go').read().split()
say('same', [follow(*[ids[-1]] * 1024) for _ in range(200)])
codes = [follow(*ids)]
while codes[-1] is None and len(held) < 800: codes.append(follow(*ids))
say('all', codes)
while held: held.pop().close()
while follow(*ids): time.sleep(0.01)
say('again', 'x')
''')
    ids = ['web']
    for i in range(50):
        ids.append(json.loads(b.sysg_ok('spawn', '--json', '--parent', ids[-1], '--name', f'{i:x>63}', '--', 'sleep', '1000'))['id'])
    (b.home / 'go.new').write_text(' '.join(ids))
    os.rename(b.home / 'go.new', b.home / 'go')
    assert b.file('same', 30) == str([None] * 200)
    answers = eval(b.file('all', 30))
    assert answers == [None] * (len(answers) - 1) + ['SG0831']
    b.file('again')


def test_who_follows_and_asks_without_reading_is_cut_off(box):
    b = follower(box, '''
follow()
held[0].settimeout(5)
try:
    for n in range(3000):
        held[0].send(packet('op=ping'))
except OSError as e:
    say('over', type(e).__name__)
''')
    assert b.file('over', 30) in ('BrokenPipeError', 'ConnectionResetError')
