"""The command line: one table for parser and help, exit statuses, and JSON that is always valid."""
import json
import re

import pytest

from harness import SYSG

WEB = 'services: {web: {exec: [sleep, "1000"], restart_policy: always}, prep: {command: "exit 0", restart_policy: never}}'
COMMANDS = 'start spawn stop status tree wait logs whoami ping health ready validate version help'.split()


def run(box, *args, **kw):
    """A command with no supervisor in sight: (exit status, stdout, stderr)."""
    b = box(argv=[SYSG, *args], **kw)
    return b.wait(), b.stdout, b.stderr


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_help_in_both_spellings(box, command):
    first, second = run(box, command, '--help'), run(box, 'help', command)
    assert first[0] == second[0] == 0
    assert first[1] == second[1] and f'sysg {command}' in first[1]
    assert run(box, command, '-h')[1] == first[1]


def test_help_lists_every_command_with_a_line(box):
    rc, out, _ = run(box, 'help')
    assert rc == 0
    for command in COMMANDS:
        assert re.search(rf'^\s*{command}\b.+\w', out, re.M), command
    assert run(box, '--help')[1] == out


@pytest.mark.parametrize('command', COMMANDS)
def test_every_option_in_the_help_is_taken_by_the_parser(box, command):
    """Help and parser come from one table: no option that is listed is unknown, with and without `=`."""
    text = run(box, command, '--help')[1]
    options = sorted(set(re.findall(r'^\s+(?:-\w, )?(--[a-z][a-z-]+)', text, re.M)))
    assert options
    for option in options:
        rc, out, err = run(box, command, option, '--surely-unknown')
        assert not re.search(rf"unknown option[^\n]*{option}(?![\w-])", err), err


def test_the_options_that_the_contract_names_are_in_the_help(box):
    for command, options in (('spawn', '--name --unique --ttl --env --cwd --limit --policy --print --parent --wait --no-spawn'),
                             ('logs', '--follow --no-follow --path'), ('stop', '--supervisor --timeout'), ('wait', '--any --timeout --propagate'),
                             ('start', '--service --parent-pid --spawn'), ('status', '--format --json --service')):
        text = run(box, command, '--help')[1]
        for option in options.split():
            assert re.search(rf'{option}(?![\w-])', text), (command, option)


@pytest.mark.parametrize('args, near', [(['stat'], 'sta'), (['spwan'], 'spawn'), (['status', '--fromat', 'json'], '--format'), (['spawn', '--nmae', 'x', '--', 'y'], '--name')])
def test_a_mistyped_word_names_the_nearest_and_is_2(box, args, near):
    rc, _, err = run(box, *args)
    assert rc == 2 and near in err


@pytest.mark.parametrize('args', [
    ['ping', 'stray'], ['version', 'stray'], ['whoami', 'x'], ['status', '--format', 'xml'], ['spawn'], ['spawn', '--'], ['wait'],
    ['status', '-s'], ['stop', '--timeout', 'soon'], ['spawn', '--ttl', '1.5', '--', 'x'], ['spawn', '--print', 'nothing', '--', 'x'],
    ['spawn', '--env', 'NOEQUALS', '--', 'x'], ['logs', '-l', 'many'], ['--nothing']])
def test_usage_errors_are_2(box, args):
    rc, out, err = run(box, *args)
    assert rc == 2 and err, (rc, out, err)


@pytest.mark.parametrize('args', [['stop', '--tree', 'x'], ['start', '--drop-privileges']])
def test_what_a_later_version_brings_is_refused_in_words(box, args):
    rc, _, err = run(box, *args)
    assert rc != 0 and 'not supported by this version' in err


def test_version_in_three_spellings(box):
    outs = {run(box, *a)[1] for a in (['version'], ['--version'], ['version', '--plain'])}
    assert len(outs) == 1 and re.search(r'\d+\.\d+\.\d+', outs.pop())


def test_without_a_supervisor_it_is_3_and_sg0206_with_help(box):
    for args in (['status'], ['stop'], ['tree'], ['ping'], ['wait', 'x'], ['spawn', '--', 'x'], ['whoami']):
        rc, _, err = run(box, *args)
        assert rc == 3 and 'SG0206' in err and 'no supervisor is running' in err, (args, rc, err)
        assert 'sysg start' in err


def test_without_a_supervisor_json_is_valid_too(box):
    rc, out, _ = run(box, 'status', '--format', 'json')
    o = json.loads(out)
    assert rc == 3 and o['units'] == [] and o['error']['code'] == 'SG0206'


@pytest.mark.asan
def test_status_json_has_the_shape_of_the_spec(box):
    b = box(WEB).up()
    b.until_state('prep', 'done')
    b.until_state('web', 'running')
    text = b.sysg_ok('status', '--format', 'json')
    assert text.count('\n') <= 1 and 'null' not in text
    s = json.loads(text)
    assert {'schema_version', 'captured_at', 'overall_health', 'supervisor', 'units'} <= s.keys()
    assert s['overall_health'] == 'healthy'
    sup = s['supervisor']
    assert {'pid', 'mode', 'version', 'uptime_seconds', 'containment', 'reaped', 'loop', 'rss_bytes', 'connections'} <= sup.keys()
    assert {'own', 'adopted'} == sup['reaped'].keys() and {'turns', 'longest_turn_us', 'longest_turn_cpu_us'} == sup['loop'].keys()
    units = {u['name']: u for u in s['units']}
    web, prep = units['web'], units['prep']
    for u in (web, prep):
        assert {'name', 'path', 'id', 'project', 'kind', 'lifecycle', 'state', 'intent', 'health', 'restarts', 'command'} <= u.keys()
        assert u['kind'] == 'service' and u['project']['loose'] is True and u['project']['id']
        assert re.fullmatch(r'@\d+', u['id'])
    assert web['state'] == 'running' and web['intent'] == 'serve' and web['lifecycle'] == 'running' and web['health'] == 'healthy'
    assert {'pid', 'state', 'user'} <= web['process'].keys() and web['process']['user'] in ('root', '0')
    assert {'seconds', 'human', 'started_at'} <= web['uptime'].keys()
    assert prep['state'] == 'done' and prep['lifecycle'] == 'exited_successfully' and prep['last_exit']['exit_code'] == 0
    assert prep['health'] == 'healthy' and 'process' not in prep


def test_a_failed_unit_shows_its_exit(box):
    b = box('services: {hold: {exec: [sleep, "1000"]}, bad: {command: "exit 3", restart_policy: never}}').up()
    u = b.until_state('bad', 'failed')
    assert u['last_exit']['exit_code'] == 3 and u['health'] == 'failing' and u['lifecycle'] == 'exited_with_error'
    assert b.status_json()['overall_health'] in ('warn', 'failing')


def test_a_name_that_matches_nothing_is_an_empty_list_and_0(box):
    b = box(WEB).up()
    assert b.json('status', '-s', 'nothing')['units'] == []
    r = b.sysg('status', '-s', 'nothing')
    assert r.returncode == 0 and 'No matching units found' in r.stdout + r.stderr


def test_status_for_people_is_a_table(box):
    b = box(WEB).up()
    b.until_state('web', 'running')
    out = b.sysg_ok('status')
    line = next(l for l in out.splitlines() if 'web' in l)
    assert 'running' in line and str(b.pid_of('web')) in line
    assert '\x1b' not in out


@pytest.mark.parametrize('command', [['ping'], ['version'], ['whoami'], ['status'], ['tree'], ['health'], ['ready'], ['stop', 'prep'], ['validate'], ['wait', 'prep']])
def test_json_is_valid_for_every_command(box, command):
    b = box(WEB).up()
    b.until_state('prep', 'done')
    b.until_state('web', 'running')
    r = b.sysg(*command, '--format', 'json')
    for line in r.stdout.splitlines():
        json.loads(line)
    assert r.stdout


def test_an_error_in_json_has_code_name_and_message(box):
    b = box(WEB).up()
    r = b.sysg('stop', 'nothing', '--json')
    e = json.loads(r.stdout)['error']
    assert r.returncode == 5 and e['code'] == 'SG0202' and e['name'] and e['message']


def test_options_may_stand_before_the_command(box):
    b = box(WEB).up()
    assert b.sysg('--json', 'status').returncode == 0
    assert json.loads(b.sysg('--format=json', 'status').stdout)


def test_options_may_stand_in_any_order(box):
    b = box(WEB).up()
    b.until_state('web', 'running')
    assert json.loads(b.sysg('status', 'web', '--json').stdout)['units'][0]['name'] == 'web'
    assert json.loads(b.sysg('status', '--json', '--service=web').stdout)['units'][0]['name'] == 'web'


def test_validate_lists_all_findings_and_is_1(box):
    b = box(None, argv=['true'])
    b.write_manifest('services:\n  web:\n    command: x\n    restart_polcy: always\n    stop_timeout: 1.5s\n')
    b = box(argv=[SYSG, 'validate', '-c', 'systemg.yaml'], home=b.home)
    assert b.wait() == 1
    text = b.stdout + b.stderr
    assert 'SG0211' in text and 'SG0210' in text and re.search(r'systemg\.yaml:4', text) and re.search(r'systemg\.yaml:5', text)


def test_validate_of_a_good_manifest_is_0(box):
    b = box(None, argv=['true'])
    b.write_manifest(WEB)
    assert box(argv=[SYSG, 'validate', '-c', 'systemg.yaml'], home=b.home).wait() == 0


def test_ping_prints_the_round_trip(box):
    assert re.search(r'\d', box(WEB).up().sysg_ok('ping'))


def test_a_diagnostic_looks_like_a_compilers(box):
    b = box('services:\n  web:\n    command: x\n    restart_polcy: always\n')
    assert b.wait() == 2
    assert re.search(r'^error\[SG0211\]: ', b.stderr, re.M)
    assert re.search(r'systemg\.yaml:4:5', b.stderr) and 'restart_polcy: always' in b.stderr and '^' in b.stderr
    assert 'help:' in b.stderr
