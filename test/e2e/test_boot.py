"""`sysg start` brings up what the manifest says, or says why it can't."""
import pathlib
import re
import signal

import pytest

from harness import SYSG, facts, until

ONE = '''
services:
  web:
    command: "imp facts facts; exec sleep 1000"
'''


@pytest.mark.asan
def test_it_runs_as_pid_1_and_ends_0_when_told_to_stop(box):
    b = box(ONE).up()
    s = b.status_json()['supervisor']
    assert s['pid'] == 1 and s['mode'] == 'init'
    assert b.term() == 0


def test_a_service_starts_with_a_clean_slate(box):
    b = box(ONE, ns=['--ignore-chld']).up()
    f = facts(b.file('facts'))
    assert f['fds'] == '0 1 2'
    assert int(f['SigBlk'], 16) == 0 and int(f['SigIgn'], 16) == 0
    assert f['cwd'] == str(b.home)


def test_a_service_leads_a_session_and_a_group_of_its_own(box):
    b = box('services: {web: {exec: [imp, facts, facts], restart_policy: never}, hold: {command: "exec sleep 1000"}}').up()
    f = facts(b.file('facts'))
    assert f['pid'] == f['sid'] == f['pgid'] and f['ppid'] == '1'


def test_stdin_is_dev_null(box):
    b = box('services: {web: {command: "readlink /proc/self/fd/0 >in; exec sleep 1000"}}').up()
    assert b.file('in').strip() == '/dev/null'


def test_the_environment_tells_who_it_is(box):
    b = box(ONE).up()
    env = facts(b.file('facts'))['env']
    assert env['SYSG_NAME'] == 'web' and re.fullmatch(r'@\d+', env['SYSG_ID'])
    assert env['SPAWN_DEPTH'] == '0' and env['SPAWN_PARENT_PID'] == '1'
    assert env['SYSG_SOCKET'] == '/run/sysg/control.sock'


def test_env_takes_all_its_forms(box):
    b = box(None, argv=['true'])
    (b.home / 'one.env').write_text('# a comment\nA=file\nB=file\n')
    b = box('''
        env: {vars: {TOP: t, OVER: top}}
        services:
          plain: {command: "imp facts plain; exec sleep 1000", env: {A: "1", OVER: own, FROM: "${GIVEN}-${NOT:-default}"}}
          long: {command: "imp facts long; exec sleep 1000", env: {file: one.env, vars: {B: vars}}}
          bare: {exec: [/bin/sh, -c, "env >bare; exec sleep 1000"], env: {inherit_env: false, vars: {C: c}}}
        ''', env={'GIVEN': 'given'}, home=b.home).up()
    plain, long = facts(b.file('plain'))['env'], facts(b.file('long'))['env']
    assert plain['A'] == '1' and plain['OVER'] == 'own' and plain['TOP'] == 't' and plain['FROM'] == 'given-default'
    assert long['A'] == 'file' and long['B'] == 'vars' and long['OVER'] == 'top'
    bare = b.file('bare')
    assert 'GIVEN' not in bare and 'C=c' in bare and 'PATH=' in bare


def test_services_without_dependencies_start_at_the_same_time(box):
    b = box('''
        services:
          a: {command: ": >a; while [ ! -e b ]; do sleep 0.01; done; : >ab; exec sleep 1000"}
          b: {command: ": >b; while [ ! -e a ]; do sleep 0.01; done; : >ba; exec sleep 1000"}
        ''')
    until(lambda: (b.home / 'ab').exists() and (b.home / 'ba').exists())


@pytest.mark.parametrize('n', [1, 2, 3])
def test_max_concurrent_n_lets_n_start_at_a_time_and_no_more(box, n):
    """Each is coming up until the test says that it is ready; one that is makes room for the next."""
    services = [f's{i}' for i in range(5)]
    b = box(f'start: {{max_concurrent: {n}}}\nservices:\n' + ''.join(
        f'  {s}: {{command: ": >{s}.on; exec sleep 1000", health_check: {{file: {s}.ok}}}}\n' for s in services)).up()
    on = lambda: {s for s in services if (b.home / f'{s}.on').exists()}  # noqa: E731
    for ready in range(5):
        most = min(5, n + ready)
        until(lambda m=most: len(on()) == m and [b.state(s) for s in services].count('queued') == 5 - m, why=lambda: f'{on()} of {most}')
        (b.home / f'{sorted(on())[ready]}.ok').touch()


def test_start_s_starts_that_service_and_what_it_depends_on(box):
    b = box('''
        services:
          db: {command: ": >db; exec sleep 1000"}
          web: {command: ": >web; exec sleep 1000", depends_on: [db]}
          other: {command: ": >other; exec sleep 1000"}
        ''', '-s', 'web').up()
    until(lambda: (b.home / 'web').exists())
    b.until_state('web', 'running')
    assert (b.home / 'db').exists() and not (b.home / 'other').exists()


@pytest.mark.parametrize('name, where', [
    ('SYSG_CONFIG', 'elsewhere.yaml'), ('cwd', 'systemg.yaml'), ('cwd', 'sysg.yaml')])
def test_the_manifest_is_found_where_the_spec_says(box, name, where):
    first = box(argv=['true'])
    (first.home / where).write_text('services: {web: {command: ": >seen; exec sleep 1000"}}')
    env = {'SYSG_CONFIG': str(first.home / where)} if name == 'SYSG_CONFIG' else {}
    b = box(argv=[SYSG, 'start'], home=first.home, env=env)
    until(lambda: (b.home / 'seen').exists(), why=lambda: b.stderr)


def test_systemg_yaml_comes_before_sysg_yaml(box):
    first = box(argv=['true'])
    (first.home / 'systemg.yaml').write_text('services: {web: {command: ": >right; exec sleep 1000"}}')
    (first.home / 'sysg.yaml').write_text('services: {web: {command: ": >wrong; exec sleep 1000"}}')
    b = box(argv=[SYSG, 'start'], home=first.home)
    until(lambda: (b.home / 'right').exists())
    assert not (b.home / 'wrong').exists()


@pytest.mark.parametrize('where', ['systemg.yaml', 'sysg.yaml'])
def test_a_manifest_in_etc_runs_in_the_folder_where_start_was_called(box, where):
    first = box(argv=['true'])
    etc = first.home / 'etc'
    etc.mkdir()
    (etc / where).write_text('services: {web: {command: "pwd >where; exec sleep 1000"}}')
    outside = pathlib.Path('/etc/systemg')
    made = not outside.exists()
    outside.mkdir(exist_ok=True)
    try:
        b = box(argv=[SYSG, 'start'], home=first.home, ns=['--bind', f'{etc}:/etc/systemg'])
        assert b.file('where').strip() == str(first.home)
    finally:
        if made:
            outside.rmdir()


def test_no_manifest_and_no_command_is_exit_2_and_lists_the_places(box):
    b = box(argv=[SYSG, 'start'])
    assert b.wait() == 2
    assert 'SG0203' in b.stderr
    for place in ('systemg.yaml', 'sysg.yaml', '/etc/systemg/systemg.yaml', '/etc/systemg/sysg.yaml'):
        assert place in b.stderr


@pytest.mark.parametrize('manifest, code', [
    ('services: {a: {command: ": >ran"}, b: {command: x, depends_on: [nobody]}}', 'SG0213'),
    ('services: {a: {command: ": >ran"}, b: {command: x, depends_on: [b]}}', 'SG0213'),
    ('services: {a: {command: ": >ran"}, b: {command: x, depends_on: [c]}, c: {command: x, depends_on: [b]}}', 'SG0213'),
    ('services: {a: {command: ": >ran", restart_polcy: always}}', 'SG0211'),
    ('services: {a: {command: ": >ran", stop_timeout: 1.5s}}', 'SG0210'),
    ('services: {a: {command: ": >ran", restart_policy: sometimes}}', 'SG0210'),
    ('services: {a: {command: ": >ran", env: {X: "${NOT_SET_ANYWHERE}"}}}', 'SG02'),
    ('services: {a: {command: ": >ran"', 'SG0212'),
    ('services: {a: {restart_policy: always}, b: {command: ": >ran"}}', 'SG02'),
    ('services: {"12": {command: ": >ran"}}', 'SG0210'),
    ('services: {self: {command: ": >ran"}}', 'SG0210'),
])
def test_an_invalid_manifest_is_exit_2_and_starts_nothing(box, manifest, code):
    b = box(manifest)
    assert b.wait() == 2
    assert code in b.stderr
    assert 'systemg.yaml' in b.stderr
    assert not (b.home / 'ran').exists()


def test_a_cycle_is_named(box):
    b = box('services: {one: {command: x, depends_on: [two]}, two: {command: x, depends_on: [three]}, '
            'three: {command: x, depends_on: [one]}}')
    assert b.wait() == 2
    assert re.search(r'one.*two.*three|two.*three.*one|three.*one.*two|one.*three.*two', b.stderr)


def test_an_unknown_key_names_the_nearest_known_one(box):
    b = box('services: {web: {command: "true", restart_polcy: always}}')
    assert b.wait() == 2
    assert 'restart_policy' in b.stderr


@pytest.mark.parametrize('line', [
    'isolation: {apparmor_profile: x}', 'isolation: {selinux_context: x}'])
def test_a_key_of_a_later_version_is_refused_never_ignored(box, line):
    b = box(f'services:\n  web:\n    command: ": >ran"\n    {line}\n')
    assert b.wait() == 2
    assert 'not supported by this version' in b.stderr
    assert not (b.home / 'ran').exists()


def test_x_keys_anchors_and_merges_work(box):
    b = box('''
        x-base: &base {restart_policy: never, env: {A: "1"}}
        services:
          web: {<<: *base, command: "echo $A >a; exec sleep 1000"}
        ''')
    assert b.file('a').strip() == '1'


@pytest.mark.parametrize('command, words', [
    ('exec: [nothing-of-that-name]', 'PATH'),
    ('exec: [./not-executable]', 'executable'),
    ('exec: [./no-hash-bang]', '#!')])
def test_a_program_that_cannot_be_executed_fails_at_once_with_words(box, command, words):
    b = box(None, argv=['true'])
    (b.home / 'not-executable').write_text('#!/bin/sh\n')
    (b.home / 'no-hash-bang').write_text('no program\n')
    (b.home / 'no-hash-bang').chmod(0o755)
    b = box(f'services:\n  hold: {{command: "exec sleep 1000"}}\n  web: {{{command}, restart_policy: always}}\n', home=b.home).up()
    u = b.until_state('web', 'failed')
    assert u.get('restarts', 0) == 0
    b.says('SG0813')
    b.says(re.escape(words), where='stderr')


def test_as_an_ordinary_process_it_becomes_a_subreaper(box):
    b = box(ONE, argv=['/bin/sh', '-c', f'{SYSG} start -c systemg.yaml & echo $! >pid; wait $!; echo $? >code; exec sleep 1000'])
    pid = int(b.file('pid'))
    b.up()
    s = b.status_json()['supervisor']
    assert s['mode'] == 'subreaper' and s['pid'] == pid
    b.exec('kill', '-TERM', str(pid))
    assert b.file('code').strip() == '0'
    until(lambda: len(b.procs()) == 1)


def test_it_runs_without_root(box):
    b = box(ONE, ns=['--uid', '4300', '--gid', '4300', '--groups', '', '--keep', '']).up()
    assert facts(b.file('facts'))['Uid'].split()[0] == '4300'
    assert b.term() == 0


def test_user_and_group_are_taken_by_name_and_by_number(box):
    b = box('''
        services:
          named: {command: "imp facts named; exec sleep 1000", user: nobody}
          number: {command: "imp facts number; exec sleep 1000", user: 4301, group: 4302}
        ''').up()
    f = facts(b.file('named'))
    assert f['Uid'].split() == ['65534'] * 4 and f['env']['USER'] == 'nobody' and f['env']['LOGNAME'] == 'nobody'
    assert f['Groups'] in ('', '65534')
    f = facts(b.file('number'))
    assert f['Uid'].split() == ['4301'] * 4 and f['Gid'].split() == ['4302'] * 4


def test_user_without_root_is_refused(box):
    b = box('services: {web: {command: ": >ran", user: nobody}}', ns=['--uid', '4303', '--gid', '4303', '--groups', '', '--keep', ''])
    assert b.wait() == 2
    assert 'SG0705' in b.stderr and not (b.home / 'ran').exists()


def test_a_second_supervisor_in_the_same_place_is_refused_or_asks_the_first(box):
    b = box('services: {web: {command: "echo run >>runs; exec sleep 1000"}}').up()
    b.until_state('web', 'running')
    b.sysg('start', '-c', b.manifest)
    assert b.file('runs').count('run') == 1
    assert len([p for p in b.procs().values() if p.cmdline.startswith('sleep')]) == 1


def test_usr1_prints_the_status_to_stderr(box):
    b = box(ONE).up()
    b.until_state('web', 'running')
    b.kill(signal.SIGUSR1)
    b.says(r'web.*running', where='stderr')
