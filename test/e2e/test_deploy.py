"""`deployment: {strategy: rolling}`: a new instance beside the one that runs, and in its place once it is ready."""
import json
import os
import signal
import threading

import pytest

from harness import codes, suid_process, suid_program, until

# Each instance notes its start and its end; what is in `bad` is what the next one does.
WEB = '''
        services:
          web:
            command: |
              echo start $$ >>seq
              trap 'echo end $$ >>seq; exit 0' TERM
              test -e bad && . ./bad
              echo $$ >>past
              while :; do sleep 1000 & wait $!; done
            deployment: {strategy: rolling%s}
            %s
        '''


def rolling(box, more='', service='', others='', **kw):
    """The first instance has looked for `bad` and found nothing."""
    b = box((WEB % (more and ', ' + more, service)).rstrip() + others + '\n', **kw).up()
    until(lambda: b.peek('past'))
    return b, b.pid_of('web')


def bad(b, text):
    (b.home / 'bad').write_text(text + '\n')


def names(b):
    return [u['name'] for u in b.status_json()['units']]


def fails(b, *why):
    """A restart that fails with SG0016, and why; the one that runs is untouched."""
    pid = b.pid_of('web')
    r = b.sysg('restart', '-s', 'web', timeout=60)
    assert r.returncode == 1 and {'SG0016', *why} <= set(codes(r)), r
    u = b.unit('web')
    assert u['process']['pid'] == pid and u['state'] == 'running' and 'web.next' not in names(b)
    return r


def instances(b):
    """Shells of the service that live."""
    return [p.inner for p in b.others() if 'echo start' in p.cmdline and p.ppid == b.pid]


def events(b):
    return [json.loads(line) for line in b.sysg_ok('events', '--format', 'json').splitlines()]


def rising(b):
    """A restart under way whose candidate comes up for as long as its pre_start takes."""
    bad(b, ':')
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.until_state('web.next', 'starting')
    return p


# --- what it is ---

@pytest.mark.asan
def test_the_new_one_is_up_before_the_old_one_is_stopped_and_has_its_name(box):
    b, pid = rolling(box)
    assert b.sysg_ok('restart', '-s', 'web') == "Service 'web' restarted\n"
    new = b.pid_of('web')
    assert new != pid and not b.alive(pid)
    lines = b.peek('seq').split('\n')[:-1]
    assert [line.split()[0] for line in lines] == ['start', 'start', 'end'] and lines[2].split()[1] == lines[0].split()[1]
    assert names(b) == ['web']
    assert "Service 'web' restarted\nProject 'loose' restarted\n" == b.sysg_ok('restart')
    assert b.pid_of('web') not in (pid, new) and instances(b) == [b.pid_of('web')]
    assert b.term() == 0


@pytest.mark.asan
def test_at_no_moment_is_there_no_running_instance_of_that_name(box):
    b, _ = rolling(box)
    over, seen = threading.Event(), []

    def look():
        while not over.is_set():
            seen.append(b.state('web'))
    t = threading.Thread(target=look)
    t.start()
    for _ in range(3):
        b.sysg_ok('restart', '-s', 'web', timeout=60)
    over.set()
    t.join()
    assert len(seen) > 3 and set(seen) == {'running'}


@pytest.mark.asan
def test_it_is_waited_for_by_its_health_check_and_then_the_grace_period(box):
    b, pid = rolling(box, 'health_check: {command: "test ! -e no"}, grace_period: 700ms')
    (b.home / 'no').write_text('')
    p = b.popen(b.program, 'restart', '-s', 'web')
    cand = b.until_state('web.next', 'starting')['process']['pid']
    assert b.running_pid('web') == pid
    (b.home / 'no').unlink()
    assert b.until_state('web.next', 'running')['process']['pid'] == cand and b.running_pid('web') == pid
    assert p.wait(20) == 0
    assert b.running_pid('web') == cand and not b.alive(pid)
    ready = next(e for e in events(b) if e['event'] == 'ready' and e['path'] == 'web.next')
    put = next(e for e in events(b) if e['event'] == 'deployed')
    assert put['path'] == 'web' and put['detail'].startswith(f'pid={cand} was=@')
    took = float(put['ts'][17:-1]) - float(ready['ts'][17:-1])
    assert 0.7 <= took % 60 < 2.5


def test_hooks_are_told_of_the_switch_and_not_of_the_candidate(box):
    b, _ = rolling(box, '', 'hooks: {post_start: "echo post_start >>hooks", on_restart: {success: "echo restarted >>hooks"}, '
                   'pre_stop: "echo pre_stop >>hooks", post_stop: "echo post_stop >>hooks", on_stop: {success: "echo stopped >>hooks"}}')
    until(lambda: b.peek('hooks') == 'post_start\n')
    bad(b, 'exit 1')
    fails(b, 'SG0102')
    assert b.peek('hooks') == 'post_start\n'
    bad(b, ':')
    b.sysg_ok('restart', '-s', 'web')
    until(lambda: len(b.peek('hooks').split()) == 6)
    assert sorted(b.peek('hooks').split()) == ['post_start', 'post_start', 'post_stop', 'pre_stop', 'restarted', 'stopped']


def test_it_knows_its_service_by_its_name_and_its_lines_are_the_service_s(box):
    b = box('''
        services:
          web:
            command: "echo I am $SYSG_NAME; exec sleep 1000"
            logs: {sink: file}
            deployment: {strategy: rolling}
        ''').up()
    b.pid_of('web')
    b.sysg_ok('restart', '-s', 'web')
    until(lambda: b.sysg_ok('logs', '-s', 'web').count('I am web\n') == 2)
    b.sysg_ok('restart', '-s', 'web')
    until(lambda: b.sysg_ok('logs', '-s', 'web').count('I am web\n') == 3)
    assert [p for p in b.sysg_ok('logs', '--path').split() if 'next' in p] == []


def test_a_crash_is_no_deployment_and_the_new_one_has_the_policy(box):
    b, pid = rolling(box, '', 'backoff: 50ms')
    b.sysg_ok('restart', '-s', 'web')
    new = b.pid_of('web')
    b.exec('kill', '-9', str(new))
    again = until(lambda: b.running_pid('web') not in (None, new, pid) and b.running_pid('web'))
    assert b.unit('web')['restarts'] == 1 and instances(b) == [again]
    b.sysg_ok('restart', '-s', 'web')
    assert b.unit('web')['restarts'] == 1 and b.pid_of('web') != again


def test_what_depends_on_it_goes_on_and_what_it_depends_on_takes_it_along(box):
    b, pid = rolling(box, '', 'depends_on: [db]', '''
          db: {command: "exec sleep 1001"}
          user: {command: "exec sleep 1002", depends_on: [web]}''')
    user = b.pid_of('user')
    assert b.sysg_ok('restart', '-s', 'web') == "Service 'web' restarted\n"
    assert b.pid_of('user') == user and b.pid_of('web') != pid
    pid = b.pid_of('web')
    b.sysg_ok('restart', '-s', 'db')
    assert b.pid_of('user') != user and b.pid_of('web') != pid
    until(lambda: b.peek('seq').count('start') == 3)
    assert b.peek('seq').split('\n')[-2].startswith('start'), 'stopped before it started'


@pytest.mark.asan
def test_a_restart_of_everything_and_hup_replace_it_without_a_gap(box):
    b, pid = rolling(box, '', '', '''
          other: {command: "exec sleep 1001"}''')
    other = b.pid_of('other')
    b.sysg_ok('restart')
    assert b.pid_of('other') != other and b.peek('seq').split()[::2] == ['start', 'start', 'end']
    b.write_manifest(b.manifest.read_text().replace('sleep 1000 &', 'sleep 1003 &'))
    assert b.sysg_ok('reload', '--dry-run') == 'roll web (changed)\n'
    pid = b.pid_of('web')
    b.kill(signal.SIGHUP)
    until(lambda: b.running_pid('web') not in (None, pid) and sorted(names(b)) == ['other', 'web'])
    assert b.peek('seq').split()[::2] == ['start', 'start', 'end', 'start', 'end']
    b.says('was read again: 0 to start, 0 to restart, 0 stopped, 1 to replace')
    b.sysg_ok('reload')
    assert b.peek('seq').count('start') == 3, 'what did not change is left alone'


def test_a_unit_may_have_it_replaced(box):
    b, pid = rolling(box, '', '', '''
          boss: {command: "exec sleep 1001", request_capabilities: ["restart:web"]}
          asks: {command: "until test -e go; do sleep 0.02; done; sysg restart -s web; echo $? >rc; exec sleep 1000", request_capabilities: ["restart:web"]}''')
    (b.home / 'go').write_text('')
    assert b.file('rc') == '0\n'
    assert b.running_pid('web') != pid and b.peek('seq').split()[::2] == ['start', 'start', 'end']


# --- a candidate that fails ---

@pytest.mark.asan
@pytest.mark.parametrize('how', ['echo words of it; exit 3', 'exit 0', 'kill -9 $$'])
def test_a_candidate_that_exits_costs_nothing(box, how):
    b, _ = rolling(box)
    bad(b, how)
    r = fails(b, 'SG0102')
    assert 'words of it' not in how or '  | words of it' in r.stderr
    (b.home / 'bad').unlink()
    b.sysg_ok('restart', '-s', 'web')


@pytest.mark.asan
def test_one_that_cannot_be_executed_costs_nothing_and_the_one_that_runs_keeps_its_definition(box):
    b, pid = rolling(box, '', 'backoff: 50ms')
    good = b.manifest.read_text()
    b.write_manifest('services: {web: {exec: [./nothing], deployment: {strategy: rolling}}}')
    assert 'SG0813' in codes(fails(b))
    r = b.sysg('reload')
    assert r.returncode == 1 and 'SG0016' in codes(r)
    b.exec('kill', '-9', str(pid))
    until(lambda: b.running_pid('web') not in (None, pid))  # by the definition as it was
    until(lambda: b.peek('seq').count('start') == 2)
    b.write_manifest(good.replace('start $$', 'start mended'))
    b.sysg_ok('reload')
    assert 'start mended' in b.peek('seq')


def test_one_that_does_not_pass_its_check_is_stopped(box):
    b, _ = rolling(box, 'health_check: {command: "test ! -e bad", total_timeout: 500ms, retries: 1}')
    bad(b, ':')
    fails(b, 'SG0104')
    assert b.peek('seq').split()[::2] == ['start', 'start', 'end'] and instances(b) == [b.pid_of('web')]


def test_one_that_ends_in_its_grace_period_costs_nothing(box):
    b, _ = rolling(box, 'grace_period: 60s')
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.exec('kill', '-9', str(b.until_state('web.next', 'running')['process']['pid']))
    _, err = p.communicate(timeout=20)
    assert p.returncode == 1 and 'SG0016' in err and 'SG0102' in err
    assert instances(b) == [b.pid_of('web')] and names(b) == ['web']


@pytest.mark.parametrize('hook, code', [('"test ! -e bad"', 'SG0103'), ('{command: "test ! -e bad || sleep 100", timeout: 300ms}', 'SG0108')])
def test_one_whose_pre_start_fails_costs_nothing(box, hook, code):
    b, _ = rolling(box, f'pre_start: {hook}')
    bad(b, ':')
    fails(b, code)
    assert b.peek('seq').count('start') == 1


def test_pre_start_runs_once_for_each_launch(box):
    b, _ = rolling(box, 'pre_start: "echo pre >>pre"')
    assert b.peek('pre') == 'pre\n'
    b.sysg_ok('restart', '-s', 'web')
    assert b.peek('pre') == 'pre\n' * 2


# --- what happens meanwhile ---

SLOW_UP = 'pre_start: "test ! -e bad || exec sleep 1000"'


@pytest.mark.asan
@pytest.mark.parametrize('which', ['web', 'web.next', None])
def test_a_stop_meanwhile_stops_both_and_leaves_nothing(box, which):
    b, pid = rolling(box, SLOW_UP)
    p = rising(b)
    r = b.sysg('stop', *([which] if which else []))
    assert r.returncode == 0, r
    _, err = p.communicate(timeout=20)
    assert p.returncode == 1, err
    if which == 'web.next':
        assert 'SG0016' in err and [q.inner for q in b.others()][0] == pid and b.pid_of('web') == pid
    else:
        assert 'SG0016' not in err and b.state('web') == 'stopped'
        until(lambda: b.others() == [])
        (b.home / 'bad').unlink()
        b.sysg_ok('start', '-s', 'web')
        assert b.pid_of('web')
    until(lambda: names(b) == ['web'])


def test_a_stop_returns_when_both_are_gone(box):
    b, _ = rolling(box, 'grace_period: 60s')
    bad(b, "trap 'sleep 1; exit 0' TERM")
    b.popen(b.program, 'restart', '-s', 'web')
    b.until_state('web.next', 'running')
    out = b.sysg_ok('stop', 'web')
    assert instances(b) == [] and "Service 'web' stopped" in out and "Service 'web.next' stopped" in out


@pytest.mark.asan
@pytest.mark.parametrize('when', ['rise', 'grace', 'leave'])
def test_a_shutdown_at_any_step_is_clean(box, when):
    more = {'rise': SLOW_UP, 'grace': 'grace_period: 60s', 'leave': 'grace_period: 0'}[when]
    b, pid = rolling(box, more, 'stop_timeout: 3s')
    if when == 'rise':
        rising(b)
    elif when == 'grace':
        b.popen(b.program, 'restart', '-s', 'web')
        b.until_state('web.next', 'running')
    else:
        b.exec('kill', '-STOP', str(pid))  # a TERM finds it stopped, and wakes it
        b.popen(b.program, 'restart', '-s', 'web')
        until(lambda: b.running_pid('web') not in (None, pid))
    assert b.term() == 0
    assert 'SG0713' not in b.stderr and 'SG0016' not in b.stderr


@pytest.mark.asan
def test_where_the_old_one_crashes_meanwhile_the_new_one_takes_its_place(box):
    b, pid = rolling(box, 'grace_period: 1s', 'backoff: 60s')
    p = b.popen(b.program, 'restart', '-s', 'web')
    cand = b.until_state('web.next', 'running')['process']['pid']
    b.exec('kill', '-9', str(pid))
    assert p.wait(20) == 0
    assert b.running_pid('web') == cand and instances(b) == [cand] and names(b) == ['web']


def test_a_candidate_goes_with_what_it_depends_on(box):
    b, _ = rolling(box, SLOW_UP, 'depends_on: [db]', '''
          db: {command: "exec sleep 1001", backoff: 50ms}''')
    p = rising(b)
    (b.home / 'bad').unlink()
    b.exec('kill', '-9', str(b.pid_of('db')))
    _, err = p.communicate(timeout=20)
    assert p.returncode == 1 and 'SG0109' in err, err
    until(lambda: b.state('web') == 'running' and instances(b) == [b.pid_of('web')] and names(b) == ['web', 'db'])


def test_what_it_depends_on_is_started_first(box):
    b, pid = rolling(box, '', 'depends_on: [{service: db, restart: false}]', '''
          db: {command: "exec sleep 1001"}''')
    b.sysg_ok('stop', 'db')
    b.sysg_ok('restart', '-s', 'web')
    assert b.state('db') == 'running' and b.pid_of('web') != pid


@pytest.mark.asan
def test_a_second_restart_comes_after_the_first_and_never_are_there_three(box):
    b, pid = rolling(box, 'grace_period: 300ms')
    over, most = threading.Event(), [0]

    def look():
        while not over.is_set():
            most[0] = max(most[0], len(instances(b)))
    t = threading.Thread(target=look)
    t.start()
    ps = [b.popen(b.program, 'restart', '-s', 'web') for _ in range(3)]
    assert [p.wait(30) for p in ps] == [0, 0, 0]
    over.set()
    t.join()
    assert most[0] == 2
    assert b.peek('seq').split()[::2] == ['start', 'start', 'end', 'start', 'end', 'start', 'end']


def test_an_asker_that_goes_away_changes_nothing(box):
    b, pid = rolling(box, 'grace_period: 500ms')
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.until_state('web.next', 'running')
    p.kill()
    p.wait(10)
    until(lambda: b.running_pid('web') not in (None, pid) and instances(b) == [b.running_pid('web')])


def test_the_asker_s_time_is_its_own(box):
    b, pid = rolling(box, SLOW_UP)
    bad(b, ':')
    r = b.sysg('restart', '-s', 'web', '--timeout', '300ms')
    assert r.returncode == 9 and 'SG0111' in codes(r)
    assert b.running_pid('web') == pid and b.state('web.next') == 'starting'


# --- copies ---

COPIES = '''
        services:
          web:
            command: |
              echo start $SYSG_REPLICA >>seq
              trap 'echo end $SYSG_REPLICA >>seq; exit 0' TERM
              test -e bad && test $SYSG_REPLICA = 2 && exit 1
              echo $SYSG_REPLICA >>past
              while :; do sleep 1000 & wait $!; done
            replicas: 3
            deployment: {strategy: rolling}
        '''


def test_copies_are_replaced_one_after_another(box):
    b = box(COPIES).up()
    for i in (1, 2, 3):
        b.pid_of(f'web.{i}')
    b.sysg_ok('restart', '-s', 'web', timeout=60)
    lines = b.peek('seq').split('\n')[3:-1]
    assert lines == [f'{w} {i}' for i in (1, 2, 3) for w in ('start', 'end')]
    b.sysg_ok('restart', '-s', 'web.2')
    assert b.peek('seq').split('\n')[9:-1] == ['start 2', 'end 2']


def test_where_one_copy_fails_those_after_it_stay(box):
    b = box(COPIES).up()
    before = [b.pid_of(f'web.{i}') for i in (1, 2, 3)]
    until(lambda: len(b.peek('past')) == 6)
    bad(b, '')
    r = b.sysg('restart', '-s', 'web', timeout=60)
    assert r.returncode == 1 and 'SG0016' in codes(r) and "Service 'web.1' restarted" in r.stdout
    after = [b.pid_of(f'web.{i}') for i in (1, 2, 3)]
    assert after[0] != before[0] and after[1:] == before[1:]
    assert b.peek('seq').count('start 3') == 1


# --- where no two can be ---

@pytest.mark.parametrize('check, port', [('url: "http://127.0.0.1:8099/"', 8099), ('tcp: "127.0.0.1:8098"', 8098)])
def test_with_the_port_of_its_check_it_is_stopped_first_and_that_is_said_once(box, check, port):
    b = box(f'''
        services:
          web:
            exec: [python, -c, "import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()"]
            health_check: {{{check}}}
            deployment: {{strategy: rolling}}
        ''').up()
    pid = b.pid_of('web')
    for _ in range(2):
        r = b.sysg('restart', '-s', 'web', timeout=60)
        assert r.returncode == 0 and f'note: web is stopped before it starts again: its port {port} is taken' in r.stderr, r
    assert b.pid_of('web') != pid
    b.says('no rolling deployment', where='stderr')
    assert b.stderr.count('no rolling deployment') == 1


def test_with_a_port_in_its_environment_it_is_stopped_first(box):
    b, _ = rolling(box, '', 'env: {PORT: "8097"}')
    assert 'its port 8097 is taken' in b.sysg('restart', '-s', 'web').stderr
    until(lambda: b.peek('seq').split()[::2] == ['start', 'end', 'start'], why=lambda: b.peek('seq'))


@pytest.mark.parametrize('port', ['0', '70000', ''])
def test_a_port_that_is_none_hinders_nothing(box, port):
    b, _ = rolling(box, '', f'env: {{PORT: "{port}"}}')
    b.sysg_ok('restart', '-s', 'web')
    assert b.peek('seq').split()[::2] == ['start', 'start', 'end']


@pytest.mark.parametrize('service', ['skip: "test -e nothing"', 'spawn: {mode: dynamic, termination_policy: reparent}'])
def test_what_cannot_be_twice_is_stopped_first_and_that_is_said(box, service):
    b, _ = rolling(box, '', service)
    r = b.sysg('restart', '-s', 'web')
    assert r.returncode == 0 and 'note: web is stopped before it starts again' in r.stderr
    until(lambda: b.peek('seq').split()[::2] == ['start', 'end', 'start'], why=lambda: b.peek('seq'))


def test_one_that_does_not_run_is_started(box):
    b, _ = rolling(box)
    b.sysg_ok('stop', 'web')
    b.sysg_ok('restart', '-s', 'web')
    until(lambda: b.peek('seq').split()[::2] == ['start', 'end', 'start'], why=lambda: b.peek('seq'))
    assert b.state('web') == 'running'


# --- its tree ---

def test_children_end_with_the_old_one_and_new_ones_are_the_new_one_s(box):
    b = box('''
        services:
          web:
            command: "sysg spawn --name kid -- sleep 500; exec sleep 1000"
            spawn: {mode: dynamic}
            deployment: {strategy: rolling}
        ''').up()
    b.until_state('web/kid', 'running')
    kid = b.unit('web/kid')['pid']
    b.sysg_ok('restart', '-s', 'web')

    def kids():
        return [n['child'] for n in b.unit('web').get('spawned_children', [])]
    until(lambda: [k['state'] for k in kids()].count('running') == 1)
    assert not b.alive(kid) and kid not in [k.get('pid') for k in kids()]
    assert [k['last_exit']['reason'] for k in kids() if k['state'] != 'running'] == ['stopped'], 'its end is told to the new one'


def test_rights_go_over_to_the_new_one(box):
    b, pid = rolling(box, '', '', '''
          user: {command: "exec sleep 1001", request_capabilities: ["stop:web"]}
          given: {command: "exec sleep 1002"}''')
    b.sysg_ok('grant', 'given', 'stop:web')
    b.sysg_ok('grant', 'web', 'stop:user')
    b.sysg_ok('restart', '-s', 'web')
    for who in ('user', 'given'):
        assert 'stop:web' in b.sysg_ok('caps', who)
    assert 'stop:user' in b.sysg_ok('caps', 'web')


def test_what_was_sent_to_it_is_the_new_one_s_to_read(box):
    b = box('''
        services:
          web:
            command: "if test -e second; then sysg recv --body >got; fi; touch second; exec sleep 1000"
            deployment: {strategy: rolling}
        ''').up()
    until(lambda: (b.home / 'second').exists())
    b.sysg_ok('send', 'web', '--', 'hello')
    b.sysg_ok('restart', '-s', 'web')
    assert b.file('got') == 'hello'


def test_its_message_on_exit_is_not_sent_as_it_has_not_ended(box):
    b = box('''
        services:
          web:
            command: "test -e bad && exit 1; echo >>past; exec sleep 1000"
            on_exit: ["send:user:gone"]
            deployment: {strategy: rolling}
          user: {command: "sysg recv --body >got; exec sleep 1000", public: true}
        ''').up()
    b.pid_of('web')
    b.sysg_ok('restart', '-s', 'web')
    until(lambda: len(b.peek('past')) == 2)
    bad(b, '')
    fails(b, 'SG0102')
    assert b.peek('got') == ''
    b.sysg_ok('stop', 'web')
    assert b.file('got') == 'gone'


def test_who_waits_for_its_end_waits_on(box):
    b, _ = rolling(box)
    p = b.popen(b.program, 'wait', 'web')
    until(lambda: b.status_json()['supervisor']['connections'] >= 2)
    b.sysg_ok('restart', '-s', 'web')
    assert p.poll() is None
    b.sysg_ok('stop', 'web')
    assert p.wait(10) is not None


def test_in_a_project_it_is_the_same_and_a_stop_of_that_waits_for_nothing(box):
    b = box('''
        projects:
          shop:
            services:
              web: {command: "exec sleep 1000", deployment: {strategy: rolling, grace_period: 60s}}
        services:
          other: {command: "exec sleep 1001"}
        ''').up()
    pid = b.pid_of('shop/web')
    p = b.popen(b.program, 'restart', '-s', 'web')
    assert b.until_state('shop/web.next', 'running')['process']['pid'] != pid
    assert b.running_pid('shop/web') == pid
    b.sysg_ok('stop', '-p', 'shop')
    assert p.wait(10) == 1 and names(b) == ['other'] and len(b.others()) == 1


def test_a_stop_of_another_project_does_not_wait_for_it(box):
    b = box('''
        projects:
          mill:
            services:
              wheel: {command: "exec sleep 1001"}
          shop:
            services:
              web: {command: "exec sleep 1000", replicas: 2, deployment: {strategy: rolling, grace_period: 2s}}
        ''').up()
    before = b.pid_of('shop/web.1')
    p = b.popen(b.program, 'restart', '-p', 'shop')
    b.until_state('shop/web.1.next', 'running')
    b.sysg_ok('stop', '-p', 'mill')
    assert b.running_pid('shop/web.1') == before and p.poll() is None
    assert p.wait(30) == 0 and b.pid_of('shop/web.1') != before and sorted(names(b)) == ['web.1', 'web.2']
    assert len(b.others()) == 2


def test_a_stop_of_its_project_ends_those_that_wait_for_their_turn_too(box):
    b = box('''
        projects:
          mill:
            services:
              wheel: {command: "exec sleep 1001", deployment: {strategy: rolling, grace_period: 1s}}
          shop:
            services:
              web: {command: "exec sleep 1000", replicas: 3, deployment: {strategy: rolling, grace_period: 60s}}
        ''').up()
    before = b.pid_of('mill/wheel')
    b.pid_of('shop/web.3')
    p = b.popen(b.program, 'restart')
    b.until_state('mill/wheel.next', 'running')
    b.sysg_ok('stop', '-p', 'shop')
    assert p.wait(30) == 1 and b.pid_of('mill/wheel') != before and names(b) == ['wheel'] and len(b.others()) == 1


def test_where_the_name_of_the_candidate_is_taken_it_has_its_number(box):
    b, pid = rolling(box, 'grace_period: 300ms', '', '''
          web.next: {command: "exec sleep 1001"}''')
    other = b.pid_of('web.next')
    b.sysg_ok('restart', '-s', 'web')
    assert b.pid_of('web') != pid and b.pid_of('web.next') == other
    assert next(e for e in events(b) if e['event'] == 'deployed')['path'] == 'web'


@pytest.mark.asan
def test_one_that_waits_for_what_waits_itself_gives_way_to_the_next_order(box):
    """Which may be the one that all of them wait for."""
    text = '''
        services:
          a: {command: "exec sleep 1000"}
          b: {command: "exec sleep 1%d", depends_on: [{service: a, restart: false}]}
          web: {command: "exec sleep 2%d", depends_on: [{service: b, restart: false}], deployment: {strategy: rolling}}
        '''
    b = box(text % (111, 111)).up()
    pid = b.pid_of('web')
    b.sysg_ok('stop', 'a')
    b.write_manifest(text % (222, 222))
    r = b.sysg('reload', '--timeout', '1s')
    assert r.returncode == 9 and b.running_pid('web') == pid
    b.sysg_ok('start', '-s', 'a', '--timeout', '10s')
    b.until_state('b', 'running')
    b.says(r'SG0016.*web: .*b did not start', where='stderr')
    assert b.running_pid('web') == pid
    b.sysg_ok('reload')
    assert b.inner(b.pid_of('web')).cmdline == 'sleep 2222'


@pytest.mark.asan
def test_after_kill_9_of_the_supervisor_neither_instance_is_left_beside_the_next_one(box):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text('ps -e -o args= | grep -c "^sleep 790" >seen.new; mv seen.new seen\n'
                                    'setsid sh -c "trap \\"\\" TERM HUP; while :; do sleep 790; done" &\nexec sleep 1000\n')
    (b.home / 'start.sh').write_text('sysg start -c systemg.yaml 2>>err & echo $! >pid; wait\n')
    b = box('services: {web: {exec: [sh, ./main.sh], deployment: {strategy: rolling, grace_period: 60s}}}', home=b.home,
            argv=['sh', '-c', 'while :; do if [ -e go ]; then rm go; sh ./start.sh; : >down; fi; sleep 0.02; done'])
    (b.home / 'go').touch()
    b.file('seen')
    b.up()
    b.popen(b.program, 'restart', '-s', 'web')
    b.until_state('web.next', 'running')
    until(lambda: sum(p.cmdline == 'sleep 790' for p in b.procs().values()) == 2)
    b.exec('kill', '-KILL', b.file('pid').strip())
    until(lambda: (b.home / 'down').exists())
    (b.home / 'seen').unlink()
    (b.home / 'go').touch()
    assert b.file('seen').strip() == '0'


@pytest.mark.parametrize('how', ['fd', 'socket'])
def test_one_that_tells_that_it_is_ready_does_so_for_itself(box, how):
    tell = 'echo up >&3' if how == 'fd' else ("python -c 'import os, socket as s; s.socket(1, 2).sendto(b\\\"READY=1\\\", "
                                              "os.environ[\\\"NOTIFY_SOCKET\\\"].replace(\\\"@\\\", chr(0), 1))'")
    b = box(f'''
        services:
          web:
            command: "while test -e no; do sleep 0.02; done; {tell}; exec sleep 1000"
            health_check: {{notify: {'fd:3' if how == 'fd' else 'true'}}}
            deployment: {{strategy: rolling}}
        ''').up()
    pid = b.pid_of('web')
    (b.home / 'no').write_text('')
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.until_state('web.next', 'starting')
    assert b.running_pid('web') == pid
    (b.home / 'no').unlink()
    assert p.wait(20) == 0 and b.running_pid('web') not in (None, pid)


@pytest.mark.parametrize('how', ['service', 'top'])
def test_that_it_is_essential_and_whose_code_counts_go_over_to_the_new_one(box, how):
    b = box(f'''
        {'exit_code_from: web' if how == 'top' else 'x-nothing: 1'}
        services:
          web:
            command: "trap 'exit 0' TERM; trap 'exit 7' USR1; while :; do sleep 1000 & wait $!; done"
            restart_policy: never
            essential: {'true' if how == 'service' else 'false'}
            deployment: {{strategy: rolling}}
          other: {{command: "exec sleep 1001"}}
        ''').up()
    b.pid_of('web')
    b.sysg_ok('restart', '-s', 'web')
    assert not b.ended, 'the old one that ended is not the end'
    b.exec('kill', '-USR1', str(b.pid_of('web')))
    assert b.wait(20) == 7


def test_an_old_one_that_cannot_be_killed_stays_beside_the_new_one_and_holds_nothing_up(box):
    b = box(None, argv=['true'])
    suid_program(b.home, 4406)
    b = box("""
        services:
          web: {command: "test -e calm || ./sleeper become & exec sleep 1000", stop_timeout: 300ms, deployment: {strategy: rolling}}
          hold: {command: "exec sleep 1000"}
        """, home=b.home, ns=['--keep', '']).up()
    left, pid = suid_process(b, 4406), b.pid_of('web')
    (b.home / 'calm').touch()
    assert b.sysg_ok('restart', '-s', 'web', timeout=60) == "Service 'web' restarted\n"
    b.says("SG0713.: web.old can't be killed: it stays beside web")
    assert b.pid_of('web') != pid and sorted(names(b)) == ['hold', 'web', 'web.old'] and b.state('web.old') == 'stopping'
    b.sysg_ok('restart', '-s', 'web', timeout=60)
    b.write_manifest('services: {hold: {command: "exec sleep 1000"}}')
    assert 'SG0713' in codes(b.sysg('reload', timeout=60)) and b.alive(left.inner)
    assert sorted(names(b)) == ['hold', 'web', 'web.old'] and b.state('web') == 'running', 'what was stopped for it is up again'
    os.kill(left.pid, signal.SIGKILL)
    until(lambda: sorted(names(b)) == ['hold', 'web'])
    b.sysg_ok('reload', timeout=60)
    assert names(b) == ['hold'] and b.term() == 0


def test_what_the_new_one_spawns_before_it_has_the_name_goes_by_that_name(box):
    b = box(None, argv=['true'])
    (b.home / 'who').write_text('old')
    (b.home / 'ok').touch()
    b = box('''
        services:
          web:
            command: "sysg spawn --name kid -- sh -c 'echo I am $SYSG_NAME; echo >kid.$(cat who); exec sleep 1000'; exec sleep 1000"
            health_check: {command: "test -e ok", interval: 50ms}
            deployment: {strategy: rolling}
            spawn: {mode: dynamic}
        ''', home=b.home).up()
    b.file('kid.old')
    b.until_state('web', 'running')
    (b.home / 'ok').unlink()
    (b.home / 'who').write_text('new')
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.file('kid.new')
    assert b.unit('web.next/kid')['state'] == 'running'
    (b.home / 'ok').touch()
    assert p.wait(30) == 0
    until(lambda: b.sysg_ok('logs', '--no-follow', 'web/kid') == 'I am web/kid\n' * 2, why=lambda: b.sysg('logs', '--no-follow', 'web/kid'))
