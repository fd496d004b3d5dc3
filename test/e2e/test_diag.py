"""Diagnostics: what happened, what was seen, what to do next; for people in the supervisor's own lines and for programs."""
import json
import os
import re
import signal

import pytest

from harness import codes, until


def block(b, code, seconds=10):
    """The lines of one diagnostic on the supervisor's stderr, once its help is there."""
    m = b.says(rf'^sysg: (?:error|warning)\[{code}\].*\n(?:sysg:   \| .*\n)*(?:sysg: help: .*\n)+', seconds)
    return [line.removeprefix('sysg: ') for line in m[0].splitlines()]


@pytest.mark.asan
def test_a_unit_that_ended_at_once_is_told_with_its_last_lines_and_what_to_run(box):
    b = box('services: {web: {command: "echo one; echo two >&2; exit 3", restart_policy: never}, hold: {command: "exec sleep 1000"}}').up()
    lines = block(b, 'SG0102')
    assert re.fullmatch(r'error\[SG0102\]: web: exited at once: code 3, \d+ms after its start', lines[0])
    assert sorted(lines[1:3]) == ['  | one', '  | two']
    assert lines[3:] == ['help: sysg logs web']


def test_an_end_after_250_ms_is_none_at_once(box):
    b = box('services: {web: {command: "sleep 0.3; exit 3", restart_policy: never}, hold: {command: "exec sleep 1000"}}').up()
    assert block(b, 'SG0001')[0].startswith('error[SG0001]: web: ended: code 3, ')
    assert 'SG0102' not in b.stderr


def test_an_order_to_stop_is_no_failure(box):
    b = box('services: {web: {command: "trap \'exit 3\' TERM; : >up; while :; do sleep 0.05; done"}}').up()
    until(lambda: (b.home / 'up').exists())
    b.sysg_ok('stop', 'web')
    assert 'error[' not in b.stderr and 'warning[' not in b.stderr
    assert not any('code' in json.loads(line) for line in b.sysg_ok('events', '--json').splitlines())


def test_a_port_that_is_taken_is_named_with_what_to_look_at(box):
    b = box('''
        services:
          first: {exec: [python, -m, http.server, "7311", --bind, 127.0.0.1], health_check: {tcp: "localhost:7311"}}
          second: {exec: [python, -c, "import socket,sys; s=socket.socket()\\ntry: s.bind((\'127.0.0.1\', 7311))\\nexcept OSError as e: sys.exit(\'listen 127.0.0.1:7311: \' + e.strerror)"],
                   depends_on: {first: healthy}, restart_policy: never}
        ''', ns=['--net']).up()
    lines = block(b, 'SG0105', 20)
    assert re.match(r'error\[SG0105\]: second: its port is taken \(7311\); ', lines[0])
    assert '  | listen 127.0.0.1:7311: Address already in use' in lines
    assert "help: who listens there: ss -ltnp 'sport = :7311'" in lines
    assert b.unit('second')['error']['code'] == 'SG0105'
    events = [json.loads(line) for line in b.sysg_ok('events', '--json').splitlines()]
    assert 'SG0105' in [e.get('code') for e in events if e['event'] == 'failed']


def test_the_words_in_a_clean_exit_are_no_failure(box):
    b = box('services: {web: {command: "echo address already in use; exit 0"}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'done')
    assert 'SG0105' not in b.stderr


def test_of_restarts_in_a_row_the_first_tells_why_and_the_last_that_it_gave_up(box):
    b = box('services: {web: {command: "echo no luck; exit 1", backoff: 5ms, max_restarts: 3}, hold: {command: "exec sleep 1000"}}').up()
    assert block(b, 'SG0110') == ['error[SG0110]: web: gave up after 3 restarts; the last exit: code 1', '  | no luck', 'help: sysg logs web']
    until(lambda: b.stderr.count('web ended (code 1); restart ') == 3, why=lambda: b.stderr)
    until(lambda: b.stderr.count('warning[SG0102]') == 1, why=lambda: b.stderr)


def test_a_program_that_is_missing_has_a_remedy(box):
    b = box('services: {web: {exec: [/no/such]}, hold: {command: "exec sleep 1000"}}').up()
    lines = block(b, 'SG0813')
    assert 'no such file' in lines[0] and len(lines) >= 2


def test_a_dependency_that_did_not_come_up_says_where_to_look(box):
    b = box('services: {db: {exec: [/no/such]}, web: {command: "exec sleep 1000", depends_on: [db]}, hold: {command: "exec sleep 1000"}}').up()
    assert block(b, 'SG0109') == ['error[SG0109]: web: not started: db did not start', 'help: sysg logs db']


def test_a_check_that_never_passed_is_told_once_with_what_the_service_printed(box):
    b = box('''
        services:
          web: {command: "echo I am here; exec sleep 1000", restart_policy: never, health_check: {file: no, total_timeout: 200ms, retries: 1}}
          hold: {command: "exec sleep 1000"}
        ''').up()
    b.until_state('web', 'failed')
    lines = block(b, 'SG0022')
    assert '  | I am here' in lines and 'help: sysg logs web' in lines
    assert b.stderr.count('error[SG0022]') == 1


HOLD = 'hold: {command: "exec sleep 1000"}'


def failed_of(r):
    """The objects of the units that failed, and the error of the whole."""
    out = json.loads(r.stdout)
    return out['failed'], out['error']


@pytest.mark.asan
def test_start_and_restart_show_what_the_unit_printed_where_it_is_defined_and_what_to_run(box):
    b = box(f'''
        services:
          {HOLD}
          web:
            command: "echo one; echo two >&2; exit 3"
            restart_policy: never
        ''').up()
    b.until_state('web', 'failed')
    for command in ('start', 'restart'):
        r = b.sysg(command, '-s', 'web')
        lines = r.stderr.splitlines()
        assert r.returncode == 1 and r.stdout == ''
        assert re.fullmatch(r'error\[SG0102\]: web: exited at once: code 3, \d+ms after its start', lines[0])
        assert re.fullmatch(rf'  --> {b.manifest}:4:\d+', lines[1]), lines
        assert lines[3] == '4 |   web:' and lines[4].endswith('^')
        assert sorted(lines[5:7]) == ['  | one', '  | two'] and lines[7] == 'help: sysg logs web'
        assert lines[8] == {'start': 'error[SG0106]: 1 of 1 units did not reach their target: web',
                            'restart': 'error[SG0302]: 1 of 1 units did not come back: web'}[command]


def test_json_of_a_start_has_the_same_as_its_words(box):
    b = box(f'services: {{web: {{command: "echo why; exit 3", restart_policy: never}}, {HOLD}}}').up()
    b.until_state('web', 'failed')
    (web,), whole = failed_of(b.sysg('start', '-s', 'web', '--json'))
    assert (web['path'], web['state'], web['code'], web['name']) == ('web', 'failed', 'SG0102', 'immediate-exit')
    assert (web['help'], web['lines'], web['file'], web['line']) == ('sysg logs web', 'why\n', str(b.manifest), 1)
    assert whole['code'] == 'SG0106' and whole['message'] == '1 of 1 units did not reach their target: web'


def test_a_start_on_a_taken_port_is_sg0105_also_of_a_unit_that_is_tried_again_at_once(box):
    b = box(f'services: {{web: {{command: "echo listen tcp :7311: Address already in use; exit 1", max_restarts: 1000, backoff: 1ms}}, {HOLD}}}').up()
    for _ in range(3):
        b.sysg_ok('stop', 'web')
        (web,), _ = failed_of(b.sysg('start', '-s', 'web', '--json'))
        assert web['code'] == 'SG0105' and web['message'].startswith('its port is taken (7311); exited at once: code 1')
        assert 'ss -ltnp' in web['help'] and 'Address already in use' in web['lines']


def test_lines_of_an_earlier_launch_are_none_of_this_start(box):
    b = box(f'services: {{web: {{command: "[ -e quiet ] || echo Address already in use; exit 1", restart_policy: never}}, {HOLD}}}').up()
    b.until_state('web', 'failed')
    (b.home / 'quiet').touch()
    (web,), _ = failed_of(b.sysg('start', '-s', 'web', '--json'))
    assert web['code'] == 'SG0102' and 'lines' not in web


def test_a_start_of_a_unit_that_never_became_healthy_shows_what_it_printed(box):
    b = box(f'services: {{web: {{command: "echo I am here; exec sleep 1000", restart_policy: never, health_check: {{file: no, total_timeout: 200ms, retries: 1}}}}, {HOLD}}}').up()
    b.until_state('web', 'failed')
    (web,), _ = failed_of(b.sysg('start', '-s', 'web', '--json'))
    assert web['code'] == 'SG0022' and web['lines'] == 'I am here\n' and web['help'].startswith('sysg logs web\n')


def test_the_cause_is_told_before_what_waited_for_it(box):
    b = box(f'services: {{db: {{command: "echo no disk; exit 1", restart_policy: never}}, web: {{command: "exec sleep 1000", depends_on: {{db: completed}}}}, {HOLD}}}').up()
    b.until_state('web', 'failed')
    for _ in range(3):
        r = b.sysg('start', '-s', 'web')
        assert codes(r) == ['SG0102', 'SG0109', 'SG0106'] and '2 of 2 units did not reach their target: db, web' in r.stderr
        assert r.stderr.count('  | no disk') == 1 and 'help: sysg logs db' in r.stderr


def test_daemonize_shows_it_too(box):
    b = box(argv=['sleep', '1000'])
    b.write_manifest(f'services: {{web: {{command: "echo why; exit 3", restart_policy: never}}, {HOLD}}}')
    r = b.sysg('start', '--daemonize')
    assert r.returncode == 1 and codes(r) == ['SG0102', 'SG0106']
    assert '  | why' in r.stderr and 'help: sysg logs web' in r.stderr and '1 of 2 units' in r.stderr


def test_a_start_has_its_answer_though_the_logger_says_nothing(box):
    b = box(f'services: {{web: {{command: "echo why; exit 3", restart_policy: never}}, {HOLD}}}').up()
    b.until_state('web', 'failed')
    os.kill(b.logger().pid, signal.SIGSTOP)
    for timeout in ('10s', '180ms'):
        (web,), whole = failed_of(b.sysg('start', '-s', 'web', '--timeout', timeout, '--json'))
        assert web['code'] == 'SG0102' and 'lines' not in web and whole['code'] == 'SG0106'


def test_a_client_that_goes_while_its_answer_is_made_is_no_harm(box):
    b = box(f'services: {{web: {{command: "echo why; exit 3", restart_policy: never}}, {HOLD}}}').up()
    b.until_state('web', 'failed')
    os.kill(b.logger().pid, signal.SIGSTOP)
    for _ in range(5):
        p = b.popen(b.program, 'start', '-s', 'web')
        until(lambda: b.status_json()['supervisor']['connections'] > 1 or p.poll() is not None)
        for client in [q for q in b.procs().values() if 'start -s web' in q.cmdline]:
            os.kill(client.pid, signal.SIGKILL)
        p.wait(10)
    os.kill(b.logger().pid, signal.SIGCONT)
    assert b.sysg('start', '-s', 'web').returncode == 1 and b.state('hold') == 'running'


@pytest.mark.parametrize('words,code,remedy', [
    (['--name', 'a', '--unique'], 'SG0807', 'help: without --unique it gets a number; %n in a name is one too'),
    (['--limit', 'depth=9'], 'SG0812', 'help: `spawn.limits.depth` of web bounds it'),
    (['--ttl', '2h'], 'SG0812', 'help: --ttl 1h00m at most, or none for that much'),
    ([], 'SG0803', 'help: sysg tree web\nhelp: `spawn.limits.children` of web bounds it'),
])
def test_a_refused_spawn_has_a_remedy(box, words, code, remedy):
    limits = 'children: 1' if code == 'SG0803' else 'children: 5, depth: 2, ttl: 1h'
    b = box(f'services: {{web: {{command: "exec sleep 1000", spawn: {{mode: dynamic, limits: {{{limits}}}}}}}}}').up()
    b.until_state('web', 'running')
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'a', '--', 'sleep', '1000')
    r = b.sysg('spawn', '--parent', 'web', *words, '--', 'sleep', '1000')
    assert codes(r) == [code] and remedy in r.stderr, r.stderr


def test_a_hook_that_fails_says_where_to_look(box):
    b = box(f'services: {{web: {{command: "exec sleep 1000", restart_policy: never, hooks: {{pre_start: "exit 4"}}}}, {HOLD}}}').up()
    b.says(r'^sysg: error\[SG0103\]: web: its pre_start hook ended with code 4\nsysg: help: what it printed: sysg logs web$', where='stderr')
    assert b.unit('web')['error']['help'] == 'what it printed: sysg logs web'
    (web,), _ = failed_of(b.sysg('start', '-s', 'web', '--json'))
    assert web['code'] == 'SG0103' and web['help'] == 'what it printed: sysg logs web' and 'lines' not in web


def test_a_socket_that_can_not_be_made_has_a_remedy(box):
    b = box(f'services: {{{HOLD}}}', '--socket', '/' + 'x' * 107)
    assert b.wait() != 0 and 'help: a shorter one: --socket PATH, or `control.socket`' in b.stderr
    b = box(f'services: {{{HOLD}}}', '--socket', '/etc/passwd').up()
    assert re.search(r'/etc/passwd is there and is no socket\nsysg: help: remove it, or take another place: --socket PATH\n', b.stderr)


def test_at_most_ten_lines_are_shown_and_control_bytes_are_not_let_through(box):
    b = box('''
        services:
          web: {command: "i=0; while [ $i -lt 30 ]; do echo n$i; i=$((i+1)); done; printf 'a\\\\033[2Jb\\\\n'; exit 1", restart_policy: never}
          hold: {command: "exec sleep 1000"}
        ''').up()
    lines = block(b, 'SG0102')
    assert lines[1:11] == [f'  | n{i}' for i in range(21, 30)] + ['  | a?[2Jb']


def test_status_has_code_message_help_and_lines_of_a_unit_that_failed(box):
    b = box('services: {web: {command: "echo why; exit 3", restart_policy: never}, hold: {command: "exec sleep 1000"}}').up()
    block(b, 'SG0102')
    e = b.unit('web')['error']
    assert e['code'] == 'SG0102' and e['help'] == 'sysg logs web' and e['lines'] == 'why\n'
    assert {**b.unit('web')['last_exit'], 'peak_memory_bytes': 0} == {'exit_code': 3, 'reason': 'exited', 'peak_memory_bytes': 0}


def test_status_json_of_the_supervisor_is_whole(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    s = b.status_json()['supervisor']
    assert {'pid', 'mode', 'version', 'uptime_seconds', 'containment', 'reaped', 'loop', 'rss_bytes', 'connections', 'events_dropped'} <= set(s)
    assert s['events_dropped'] == 0 and set(s['reaped']) == {'own', 'adopted'} and set(s['loop']) == {'turns', 'longest_turn_us', 'longest_turn_cpu_us'}


def test_in_one_command_mode_a_commands_own_exit_needs_no_words(box):
    b = box(None, '--', 'sh', '-c', 'exit 3')
    assert b.wait() == 3 and b.stderr == ''


@pytest.mark.parametrize('text,caret', [
    ('services:\n  web:\n\tcommand: x\n', None),
    ('services:\n  web:\n    # ä ö ü\n    "ärger": 1\n', r'^  \|     \^$'),
    ('services: {web: {command: x, bad: ' + 'y' * 400 + '}}\n', r'\^$'),
    ('services: {web: {command: ' + 'y' * 400 + ', bad: 1}}\n', None),
])
def test_the_caret_stands_below_its_character(box, text, caret):
    b = box('services: {hold: {command: "exec sleep 1000"}}').up()
    (b.home / 'bad.yaml').write_text(text)
    r = b.sysg('validate', '-c', 'bad.yaml')
    assert r.returncode == 1 and codes(r), r
    said = r.stdout + r.stderr
    assert re.search(r'--> .*bad\.yaml:\d+', said), said
    assert max(map(len, said.splitlines())) < 400, said
    assert caret is None or re.search(caret, said, re.M), said
