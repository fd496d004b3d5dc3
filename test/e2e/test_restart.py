"""`sysg restart`: the manifest read again, the difference applied, or everything replaced."""
import json
import os

import pytest

from harness import assert_gone, codes, until

TWO = 'services: {web: {command: "exec sleep 1000"}, other: {command: "exec sleep 1000"}}'


def two(box, text=TWO, *names):
    b = box(text).up()
    return b, {n: b.pid_of(n) for n in names or ('web', 'other')}


@pytest.mark.asan
def test_an_unchanged_manifest_replaces_every_process(box):
    b, before = two(box)
    r = b.sysg('restart')
    assert r.returncode == 0, r
    assert "Project 'loose' restarted" in r.stdout and "Service 'web' restarted" in r.stdout
    for name, pid in before.items():
        assert b.pid_of(name) != pid and not b.alive(pid)


@pytest.mark.asan
def test_a_changed_manifest_applies_the_difference_and_unchanged_units_keep_their_pids(box):
    b, before = two(box)
    b.write_manifest('services: {web: {command: "exec sleep 2000"}, other: {command: "exec sleep 1000"}, more: {command: "exec sleep 3000"}}')
    out = b.sysg_ok('restart')
    assert "Service 'web' restarted" in out and "Service 'more' restarted" in out and "'other'" not in out
    assert b.pid_of('other') == before['other']
    assert b.pid_of('web') != before['web'] and b.inner(b.pid_of('web')).cmdline == 'sleep 2000'
    assert b.inner(b.pid_of('more')).cmdline == 'sleep 3000'


def test_a_comment_is_no_change(box):
    b, before = two(box)
    b.write_manifest('# new\n' + TWO)
    b.sysg_ok('restart')
    assert b.pid_of('web') != before['web'] and b.pid_of('other') != before['other']


def test_a_removed_service_is_stopped_with_its_children_and_forgotten(box):
    b, before = two(box, '''
        services:
          web: {command: "exec sleep 1000"}
          dad:
            command: "sysg spawn --name kid -- sleep 500; exec sleep 1000"
            spawn: {mode: dynamic}
        ''', 'web', 'dad')
    b.until_state('dad/kid', 'running')
    kid = b.unit('dad/kid')['pid']
    b.write_manifest('services: {web: {command: "exec sleep 1000"}}')
    b.sysg_ok('restart')
    assert not b.alive(before['dad']) and not b.alive(kid)
    assert [u['name'] for u in b.status_json()['units']] == ['web']
    assert b.pid_of('web') == before['web']
    assert 'SG0202' in codes(b.sysg('stop', 'dad'))


def test_spawned_children_of_unchanged_services_are_untouched(box):
    text = '''
        services:
          dad:
            command: "sysg spawn --name kid -- sleep 500; exec sleep 1000"
            spawn: {mode: dynamic}
          web: {command: "exec sleep %d"}
        '''
    b = box(text % 1000).up()
    b.until_state('dad/kid', 'running')
    kid = b.unit('dad/kid')['pid']
    b.write_manifest(text % 2000)
    b.sysg_ok('restart')
    assert b.unit('dad/kid')['pid'] == kid and b.alive(kid)


def test_what_depends_on_a_changed_one_comes_back_on_a_new_pid(box):
    text = '''
        services:
          db: {command: "exec sleep %d"}
          web: {command: "exec sleep 1000", depends_on: [db]}
          loose: {command: "exec sleep 1000", depends_on: [{service: db, restart: false}]}
        '''
    b, before = two(box, text % 1000, 'db', 'web', 'loose')
    b.write_manifest(text % 2000)
    b.sysg_ok('restart')
    assert b.pid_of('db') != before['db'] and b.pid_of('web') != before['web']
    assert b.pid_of('loose') == before['loose']


def test_dependents_stop_before_and_start_after_what_they_depend_on(box):
    line = 'trap \\"echo down {0} >>log; exit 0\\" TERM; echo up {0} >>log; while :; do sleep 0.02; done'
    b = box(f'''
        services:
          db: {{command: "{line.format('db')}"}}
          web: {{command: "{line.format('web')}", depends_on: [db]}}
        ''').up()
    until(lambda: b.peek('log').count('up') == 2)
    b.sysg_ok('restart', 'db')
    until(lambda: b.peek('log').count('up') == 4)
    assert b.peek('log').split()[4:8] == ['down', 'web', 'down', 'db']
    assert b.unit('db')['process']['pid'] < b.unit('web')['process']['pid'], 'started after it'


@pytest.mark.asan
def test_an_invalid_manifest_is_sg0301_and_changes_nothing(box):
    b, before = two(box)
    b.write_manifest('services: {web: {command: "exec sleep 2000", nonsense: 1}}')
    r = b.sysg('restart')
    assert r.returncode == 2 and 'SG0301' in codes(r) and 'nonsense' in r.stderr and 'systemg.yaml:1:' in r.stderr
    assert {n: b.pid_of(n) for n in before} == before
    b.write_manifest('services: {web: {command: "exec sleep 1000", depends_on: [web]}}')
    assert 'SG0301' in codes(b.sysg('restart', 'web'))
    b.manifest.unlink()
    assert 'SG0301' in codes(b.sysg('restart'))
    assert {n: b.pid_of(n) for n in before} == before


def test_an_environment_file_that_is_gone_is_sg0301_and_changes_nothing(box):
    b = box(argv=['true'])
    (b.home / 'env').write_text('A=1\n')
    b = box('services: {web: {command: "exec sleep 1000", env: {file: env}}}', home=b.home).up()
    pid = b.pid_of('web')
    (b.home / 'env').unlink()
    r = b.sysg('restart')
    assert 'SG0301' in codes(r) and '/env' in r.stderr
    assert b.pid_of('web') == pid


def test_what_an_environment_file_says_counts_as_a_change(box):
    b = box(argv=['true'])
    (b.home / 'env').write_text('A=1\n')
    b = box('services: {web: {command: "echo $A >>a; exec sleep 1000", env: {file: env}}, other: {command: "exec sleep 1000"}}', home=b.home).up()
    other = b.pid_of('other')
    until(lambda: b.peek('a') == '1\n')
    (b.home / 'env').write_text('A=2\n')
    b.sysg_ok('restart')
    until(lambda: b.peek('a') == '1\n2\n')
    assert b.pid_of('other') == other


def test_a_manifest_on_a_pipe_does_not_stop_the_init(box):
    b, before = two(box)
    b.manifest.unlink()
    b.exec('mkfifo', str(b.manifest))
    r = b.sysg('restart')
    assert 'SG0301' in codes(r)
    assert {n: b.pid_of(n) for n in before} == before


def test_a_completed_one_shot_is_not_run_again_where_something_else_changed(box):
    text = 'services: {once: {command: "echo x >>runs", restart_policy: never}, web: {command: "exec sleep %d"}}'
    b = box(text % 1000).up()
    b.until_state('once', 'done')
    b.write_manifest(text % 2000)
    b.sysg_ok('restart')
    assert b.peek('runs').count('x') == 1
    b.sysg_ok('restart')
    assert b.peek('runs').count('x') == 2, 'an unchanged manifest runs everything again'


def test_restart_s_restarts_the_unit_and_prints_it(box):
    b, before = two(box)
    r = b.sysg('restart', '-s', 'web')
    assert r.returncode == 0 and r.stdout == "Service 'web' restarted\n", r
    assert b.pid_of('web') != before['web'] and b.pid_of('other') == before['other']
    assert b.json('restart', 'web')['restarted'][0]['path'] == 'web'


def test_restart_s_takes_the_new_definition_of_that_unit_and_leaves_the_others(box):
    b, before = two(box)
    b.write_manifest('services: {web: {command: "exec sleep 2000"}, other: {command: "exec sleep 2000"}}')
    b.sysg_ok('restart', 'web')
    assert b.inner(b.pid_of('web')).cmdline == 'sleep 2000'
    assert b.pid_of('other') == before['other']
    b.sysg_ok('restart')
    assert b.inner(b.pid_of('other')).cmdline == 'sleep 2000'


def test_restart_s_with_a_running_service_removed_goes_on_with_the_manifest_as_it_was(box):
    b, before = two(box)
    b.write_manifest('services: {web: {command: "exec sleep 2000"}}')
    r = b.sysg('restart', 'web')
    assert r.returncode == 0 and 'other' in r.stderr and 'sysg restart' in r.stderr
    assert b.inner(b.pid_of('web')).cmdline == 'sleep 1000' and b.pid_of('other') == before['other']


def test_a_name_that_nobody_has_is_exit_5_and_changes_nothing(box):
    b, before = two(box)
    r = b.sysg('restart', 'nothing')
    assert r.returncode == 5 and 'SG0202' in codes(r)
    assert {n: b.pid_of(n) for n in before} == before


def test_a_unit_that_exits_at_once_fails_the_command_and_only_it_is_named(box):
    text = 'services: {web: {command: "%s", restart_policy: always, backoff: 60s}, other: {command: "exec sleep 1000"}}'
    b = box(text % 'exec sleep 1000').up()
    b.pid_of('web')
    b.write_manifest(text % 'exit 3')
    r = b.sysg('restart')
    assert r.returncode == 1 and 'SG0302' in codes(r) and 'SG0102' in codes(r)
    last = next(line for line in r.stderr.splitlines() if 'SG0302' in line)
    assert 'web' in last and 'other' not in last
    assert b.state('web') == 'backoff', 'its policy goes on trying'
    r = b.sysg('restart', 'web', '--json')
    assert [f['code'] for f in json.loads(r.stdout)['failed']] == ['SG0102']


def test_a_failed_unit_is_started_again_with_its_counts_reset(box):
    b = box('services: {web: {command: "[ -e good ] && exec sleep 1000; exit 1", max_restarts: 1, backoff: 10ms}, other: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'failed')
    (b.home / 'good').touch()
    b.sysg_ok('restart', 'web')
    assert b.state('web') == 'running'


def test_timeout_is_sg0111_and_it_goes_on(box):
    text = 'services: {web: {command: "exec sleep 1000", health_check: {command: "[ -e good ]", start_interval: 50ms, total_timeout: 60s}}}'
    b = box(text).up()
    (b.home / 'good').touch()
    pid = b.pid_of('web')
    (b.home / 'good').unlink()
    r = b.sysg('restart', '--timeout', '300ms')
    assert r.returncode == 9 and 'SG0111' in codes(r) and 'web' in r.stderr
    (b.home / 'good').touch()
    assert b.pid_of('web') != pid


def test_two_restarts_at_once_are_done_one_after_the_other(box):
    b, before = two(box)
    ps = [b.popen('sysg', 'restart') for _ in range(4)]
    assert [p.wait(60) for p in ps] == [0] * 4
    assert b.pid_of('web') != before['web']
    assert len([p for p in b.procs().values() if p.cmdline == 'sleep 1000']) == 2


def test_a_client_that_dies_while_it_waits_takes_nothing_with_it(box):
    b = box('''services: {web: {command: "trap 'sleep 0.5; exit 0' TERM; echo x >>runs; while :; do sleep 0.02; done"}}''').up()
    until(lambda: b.peek('runs') == 'x\n')
    p = b.popen('sysg', 'restart')
    b.until_state('web', 'stopping')
    p.kill()
    p.wait()
    until(lambda: b.peek('runs') == 'x\nx\n')
    b.until_state('web', 'running')


def test_a_unit_restarts_itself_and_no_other(box):
    b = box('''
        services:
          web: {command: "echo x >>runs; sleep 0.3; [ -e once ] || { touch once; sysg restart web; sleep 5; }; exec sleep 1000"}
          other: {command: "sysg restart web 2>err; echo $? >rc; sysg restart 2>>err; echo $? >>rc; exec sleep 1000"}
        ''').up()
    until(lambda: b.peek('runs') == 'x\nx\n')
    until(lambda: b.peek('rc') == '4\n4\n')
    assert b.state('web') == 'running'


def test_a_spawned_unit_is_not_restarted(box):
    b = box('services: {web: {command: "sysg spawn --name kid -- sleep 500; exec sleep 1000", spawn: {mode: dynamic}}}').up()
    b.until_state('web/kid', 'running')
    r = b.sysg('restart', 'web/kid')
    assert r.returncode == 2 and 'sysg spawn' in r.stderr


def test_restart_without_a_supervisor_is_sg0206_with_the_way_to_start_one(box):
    b = box(argv=['sleep', '1000'])
    r = b.sysg('restart')
    assert r.returncode == 3 and 'SG0206' in codes(r)
    assert 'no supervisor is running' in r.stderr and 'sysg start --daemonize' in r.stderr


def test_a_shutdown_ends_a_restart_that_waits(box):
    b = box('''services: {web: {command: "trap '' TERM; : >up; while :; do sleep 0.05; done", stop_timeout: 1s}}''').up()
    until(lambda: (b.home / 'up').exists())
    p = b.popen('sysg', 'restart')
    b.until_state('web', 'stopping')
    assert b.term() == 0
    assert p.wait(20) != 0


def test_four_hundred_services_and_one_change(box):
    def text(n):
        return 'services:\n' + ''.join(f'  s{i}: {{exec: [sleep, "{n if i == 200 else 1000}"]}}\n' for i in range(400))
    b = box(text(1000)).up()
    until(lambda: b.sysg('ready').returncode == 0, 60, 0.1)
    before = {u['name']: u['process']['pid'] for u in b.status_json()['units']}
    b.manifest.write_text(text(2000))
    assert b.sysg_ok('restart', timeout=60).startswith("Service 's200' restarted\n")
    after = {u['name']: u['process']['pid'] for u in b.status_json()['units']}
    assert [n for n in before if before[n] != after[n]] == ['s200']
    b.sysg_ok('restart', timeout=60)
    until(lambda: b.sysg('ready').returncode == 0, 60, 0.1)
    last = {u['name']: u['process']['pid'] for u in b.status_json()['units']}
    assert not set(last.values()) & set(after.values())


def test_memory_and_descriptors_do_not_grow_with_restarts(box):
    b, _ = two(box)
    text = 'services: {web: {command: "exec sleep %d"}, other: {command: "exec sleep 1000"}}'
    for i in range(3):
        b.write_manifest(text % (2000 + i))
        b.sysg_ok('restart')

    def fds():
        return len(os.listdir(f'/proc/{b.pid}/fd'))
    rss, n = b.status_json()['supervisor']['rss_bytes'], fds()
    for i in range(20):
        b.write_manifest(text % (3000 + i))
        b.sysg_ok('restart')
    until(lambda: fds() <= n)
    assert b.status_json()['supervisor']['rss_bytes'] < rss + 512 * 1024


def test_nothing_is_left_of_what_was_restarted(box):
    b, _ = two(box)
    b.sysg_ok('restart')
    b.sysg_ok('stop')
    assert_gone(b)


@pytest.mark.asan
@pytest.mark.parametrize('more', ['', ', deployment: {strategy: rolling}'])
def test_restart_s_starts_what_was_left_out_of_the_start(box, more):
    b = box(f'services: {{a: {{command: "exec sleep 1000"}}, web: {{command: "exec sleep 1000"{more}}}}}', '-s', 'a').up()
    assert b.sysg_ok('restart', '-s', 'web') and b.state('web') == 'running'


KEEPS = '''
services:
  web:
    command: "test -e ready && sysg recv --type exit >>got.new && sysg recv --type msg --body >>got.new && mv got.new got; exec sleep 1000"
    spawn: {mode: dynamic}%s
'''


@pytest.mark.parametrize('how', ['order', 'everything', 'reload', 'rolling'])
def test_over_a_restart_by_order_notices_and_messages_are_kept_and_who_waits_goes_on(box, how):
    rolling = '\n    deployment: {strategy: rolling}' if how == 'rolling' else ''
    b = box(KEEPS % rolling).up()
    pid = b.pid_of('web')
    b.sysg('spawn', '--parent', 'web', '--name', 'job', '--wait', '--', 'sh', '-c', 'exit 7')
    b.sysg_ok('send', 'web', '--', 'hello')
    waits = b.popen(b.program, 'wait', 'web')
    until(lambda: b.status_json()['supervisor']['connections'] >= 2)
    (b.home / 'ready').touch()
    if how == 'reload':
        b.write_manifest(KEEPS % '\n    stop_timeout: 3s')
    b.sysg_ok(*{'reload': ['reload'], 'everything': ['restart']}.get(how, ['restart', '-s', 'web']))
    assert b.file('got') == 'exit web/job - code=7 reason=exited\nhello'
    assert b.pid_of('web') != pid and waits.poll() is None
    b.sysg_ok('stop', 'web')
    assert waits.wait(10) is not None


@pytest.mark.asan
def test_an_end_after_a_rolling_restart_that_handed_on_a_result_nobody_read_is_clean(box):
    b = box('services: {web: {command: "exec sleep 1000", spawn: {mode: dynamic}, deployment: {strategy: rolling}}}').up()
    b.sysg('spawn', '--parent', 'web', '--name', 'job', '--wait', '--', 'sh', '-c', 'exit 7')
    pid = b.pid_of('web')
    b.sysg_ok('restart', '-s', 'web')
    assert b.pid_of('web') != pid
    assert b.term() == 0


def test_a_stop_between_stop_and_start_ends_what_waited_for_the_start(box):
    b = box('''
        services:
          db: {command: "trap '' TERM; while :; do sleep 0.05; done", stop_timeout: 60s}
          web: {command: "exec sleep 1000", depends_on: [db]}
        ''').up()
    b.pid_of('web')
    waits = b.popen(b.program, 'wait', 'web')
    restarts = b.popen(b.program, 'restart', '-s', 'db')
    b.until_state('web', 'stopped')
    b.until_state('db', 'stopping')
    b.sysg_ok('send', 'web', '--', 'hello')
    assert waits.poll() is None
    b.sysg_ok('stop', 'web')
    assert 'reason=stopped' in waits.communicate(timeout=10)[0]
    assert 'SG0823' in codes(b.sysg('send', 'web', '--', 'hello'))
    restarts.kill()


def test_who_waits_for_a_run_of_a_cron_unit_is_told_where_a_restart_ended_it(box):
    text = 'services: {tick: {command: "exec sleep %d", cron: {expression: "%s"}}}'
    b = box(text % (1000, '* * * * * *')).up()
    b.until_state('tick', 'running')
    waits = b.popen(b.program, 'wait', 'tick')
    until(lambda: b.status_json()['supervisor']['connections'] >= 2)
    b.write_manifest(text % (1001, '0 0 29 2 *'))
    b.sysg_ok('restart')
    assert 'reason=stopped' in waits.communicate(timeout=10)[0]
