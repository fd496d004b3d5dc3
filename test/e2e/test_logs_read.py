"""`sysg logs`: which lines, in which form, from which files, and how they are removed."""
import json
import os
import pathlib
import re
import resource
import subprocess
import time

import pytest

from harness import codes, until

IDLE = 'services: {a: {command: "exec sleep 1000"}}'
TWO = '''
services:
  a: {command: "echo one; echo two >&2; exec sleep 1000"}
  b: {command: "echo three; exec sleep 1000"}
'''
DIR = '/var/log/sysg'


def stamp(second, micro=0):
    return f'2026-05-14T02:{second // 60:02}:{second % 60:02}.{micro:06}Z'


def put(b, files):
    """Files of LOGDIR: name -> lines of (second, stream, text), or bytes."""
    for name, lines in files.items():
        text = lines if isinstance(lines, str) else ''.join(f'{stamp(s)} {stream} {t}\n' for s, stream, t in lines)
        r = b.exec('sh', '-c', f'mkdir -p "$(dirname {DIR}/{name})" && cat >{DIR}/{name}', input=text)
        assert r.returncode == 0, r.stderr


@pytest.fixture
def logs(box):
    """A box that runs a supervisor with a quiet service, and has log files that we wrote."""
    b = box(IDLE).up()
    put(b, {
        'web.log.2': [(1, 'stdout', 'web 1'), (2, 'stderr', 'web 2')],
        'web.log.1': [(3, 'stdout', 'web 3')],
        'web.log': [(5, 'stdout', 'web 5'), (8, 'stderr', 'web 8')],
        'web/kid.log': [(4, 'stdout', 'kid 4'), (9, 'stdout', 'kid 9')],
        'db.log': [(6, 'stdout', 'db 6'), (7, 'supervisor', '3 lines dropped')],
        'sysg.log': [(1, 'supervisor', 'sysg: own')],
    })
    return b


def lines(b, *args, **kw):
    return b.sysg_ok('logs', '--no-follow', *args, **kw).splitlines()


def fails(b, code, status, *args):
    r = b.sysg('logs', *args)
    assert code in codes(r) and r.returncode == status, (args, r.returncode, r.stderr)
    return r


# --- which lines ---

def test_everything_is_merged_by_time_with_names(logs):
    assert [l for l in lines(logs) if 'own' not in l] == [
        'web | web 1', 'web | web 2', 'web | web 3', 'web/kid | kid 4', 'web | web 5', 'db | db 6', 'db | 3 lines dropped',
        'web | web 8', 'web/kid | kid 9']
    assert 'sysg | sysg: own' in lines(logs)


def test_one_unit_has_no_name_before_its_lines_and_rotated_files_are_one_stream(logs):
    assert lines(logs, '-s', 'web') == lines(logs, 'web') == [f'web {i}' for i in (1, 2, 3, 5, 8)]
    assert lines(logs, 'web', 'db', '-l', '2') == ['db | 3 lines dropped', 'web | web 8']
    assert lines(logs, '-s', 'kid') == ['kid 4', 'kid 9'], 'by the end of its path'


def test_tree_adds_what_the_unit_spawned(logs):
    assert lines(logs, '-s', 'web', '--tree', '-l', '3') == ['web | web 5', 'web | web 8', 'web/kid | kid 9']


def test_the_last_n_are_of_all_that_match(logs):
    assert lines(logs, '-l', '1') == ['web/kid | kid 9']
    assert lines(logs, '-l', '0') == []
    assert lines(logs, '-l', '2', '-g', '^web') == ['web | web 5', 'web | web 8']
    assert lines(logs, 'web', '-l', '1', '-k', 'stderr') == ['web 8']


def test_a_hundred_lines_unless_all_are_asked_for(logs):
    put(logs, {'many.log': [(i % 60, 'stdout', f'line {i}') for i in range(250)]})
    assert lines(logs, 'many') == [f'line {i}' for i in range(150, 250)]
    assert lines(logs, 'many', '-a') == lines(logs, 'many', '--all') == [f'line {i}' for i in range(250)]


def test_kind_is_one_stream(logs):
    assert lines(logs, 'web', '-k', 'stderr') == ['web 2', 'web 8']
    assert lines(logs, 'db', '--kind', 'stdout') == ['db 6']
    fails(logs, 'SG0210', 2, '-k', 'both')


def test_since_and_until_are_times_dates_and_durations(logs):
    assert lines(logs, 'web', '--since', stamp(3), '--until', stamp(5)) == ['web 3', 'web 5']
    assert lines(logs, 'web', '--since', '2026-05-14T04:00:08+02:00') == ['web 8']
    assert lines(logs, 'web', '--since', '2026-05-15') == []
    assert lines(logs, 'web', '--until', '2026-05-14') == []
    assert lines(logs, 'web', '--until', '2026-05-15', '-l', '1') == ['web 8']
    now = time.strftime('%Y-%m-%dT%H:%M:%S.000000Z', time.gmtime(time.time() - 60))
    put(logs, {'now.log': f'{now} stdout a minute ago\n'})
    assert lines(logs, 'now', '--since', '10m') == ['a minute ago'] and lines(logs, 'now', '--since', '5s') == []
    assert lines(logs, 'now', '--until', '5s') == ['a minute ago'] and lines(logs, 'now', '--until', '10m') == []
    assert 'not a time' in fails(logs, 'SG0210', 2, '--since', '2026-99-14').stderr
    fails(logs, 'SG0210', 2, '--since', 'yesterday')
    fails(logs, 'SG0210', 2, '--since', '1m', '--until', '2m')


def test_grep_is_an_extended_expression_and_a_bad_one_is_a_usage_error_with_the_reason(logs):
    assert lines(logs, 'web', '-g', '^web (1|5)$') == ['web 1', 'web 5']
    assert lines(logs, 'web', '--grep=[89]') == ['web 8']
    assert re.search(r'--grep \(: .+', fails(logs, 'SG0210', 2, '-g', '(').stderr)


def test_supervisor_shows_its_own_lines_and_goes_with_no_unit_and_no_project(logs):
    assert 'sysg: own' in lines(logs, '--supervisor')
    assert not any('web' in l for l in lines(logs, '--supervisor'))
    fails(logs, 'SG0020', 1, '--supervisor', '-s', 'web')
    fails(logs, 'SG0020', 1, '--supervisor', '-p', 'loose')


def test_a_project_is_the_one_that_there_is(logs):
    project = logs.json('status')['units'][0]['project']['id']
    assert lines(logs, '-p', project) == lines(logs)
    r = fails(logs, 'SG0201', 2, '-p', 'other')
    assert 'other' in r.stderr and project in r.stderr


def test_a_unit_without_a_log_is_no_such_unit_and_two_of_a_name_are_ambiguous(logs):
    fails(logs, 'SG0202', 5, '-s', 'nobody', '--no-follow')
    put(logs, {'db/kid.log': [(1, 'stdout', 'x')]})
    fails(logs, 'SG0006', 2, '-s', 'kid', '--no-follow')


# --- in which form ---

def test_records_have_time_stream_service_and_line(logs):
    records = [json.loads(l) for l in lines(logs, 'web', '--format', 'json', '-l', '2')]
    assert records == [{'ts': stamp(5), 'stream': 'stdout', 'service': 'web', 'line': 'web 5'},
                       {'ts': stamp(8), 'stream': 'stderr', 'service': 'web', 'line': 'web 8'}]


def test_json_of_any_bytes_is_valid(logs):
    logs.exec('sh', '-c', rf'printf "{stamp(1)} stdout \033[1m\377\000\303\274\042\n" >{DIR}/odd.log')
    (record,) = [json.loads(l) for l in lines(logs, 'odd', '--json')]
    assert record['line'] == '\033[1m�\0ü"'
    (record,) = [json.loads(l) for l in lines(logs, 'odd', '--json', '--strip-ansi')]
    assert record['line'] == '�\0ü"'


def raw(b, *args):
    return subprocess.run(b.exec_argv(['sysg', 'logs', '--no-follow', *args]), env=b.env, capture_output=True, cwd='/').stdout


def test_in_a_pipe_escape_sequences_are_taken_out_and_other_bytes_stay(logs):
    logs.exec('sh', '-c', rf'printf "{stamp(1)} stdout \033[31mred\033[0m \377\000\r\n" >{DIR}/odd.log')
    assert raw(logs, 'odd') == raw(logs, 'odd', '--strip-ansi') == b'red \xff\0\r\n'
    assert raw(logs, 'odd', '--no-strip-ansi') == b'\033[31mred\033[0m \xff\0\r\n'
    assert raw(logs, 'odd', '--raw') == stamp(1).encode() + b' stdout \033[31mred\033[0m \xff\0\r\n'


@pytest.mark.parametrize('args, env, shown', [
    ((), {}, b'\033[31mred\033[0m gone?\033[0m\r\n'),
    (('--strip-ansi',), {}, b'red gone?\r\n'),
    (('--no-color',), {}, b'red gone?\r\n'),
    ((), {'NO_COLOR': '1'}, b'red gone?\r\n'),
    (('--no-strip-ansi',), {}, b'\033[31mred\033[0m \033[2Jgone\b\r\n'),
])
def test_on_a_terminal_colours_stay_and_nothing_else_of_a_service_controls_it(box, args, env, shown):
    b = box(argv=['sleep', '1000'])
    b.exec('mkdir', '-p', DIR)
    b.exec('sh', '-c', rf'printf "{stamp(1)} stdout \033[31mred\033[0m \033[2Jgone\b\n" >{DIR}/odd.log')
    master, slave = os.openpty()
    p = b.popen('sysg', 'logs', 'odd', '--no-follow', *args, env=env, stdout=slave)
    os.close(slave)
    assert p.wait(20) == 0, p.stderr.read()
    assert os.read(master, 4096) == shown
    os.close(master)


def test_names_of_files_cannot_control_a_terminal(logs):
    logs.exec('sh', '-c', rf'''printf "{stamp(1)} stdout x\n" >"{DIR}/$(printf 'a\033[2Jb').log"''')
    assert any(l == 'a?[2Jb | x' for l in lines(logs, '-g', '^x$'))


# --- following ---

def reader(b, *args):
    p = b.popen('sysg', 'logs', *args)
    os.set_blocking(p.stdout.fileno(), False)
    p.text = ''

    def more():
        try:
            p.text += os.read(p.stdout.fileno(), 1 << 20).decode()
        except BlockingIOError:
            pass
        return p.text.splitlines()
    p.lines = more
    return p


def test_follow_loses_and_doubles_no_line_over_rotations(logs):
    folder = pathlib.Path(f'/proc/{logs.pid}/root{DIR}')
    p = reader(logs, 'web', '-f', '-l', '1')
    until(lambda: p.lines() == ['web 8'])
    for part in range(40):
        with open(folder / 'web.log', 'a') as f:
            for i in range(part * 50 + 1, part * 50 + 51):
                f.write(f'2026-05-14T03:00:00.{i:06}Z stdout n{i}\n')
                f.flush()
        until(lambda: len(p.lines()) > (part - 1) * 50, why=f'part {part - 2}, which goes with this rotation')
        (folder / 'web.log.1').rename(folder / 'web.log.2')
        (folder / 'web.log').rename(folder / 'web.log.1')
    until(lambda: p.lines() and p.lines()[-1] == 'n2000', 20)
    assert p.lines() == ['web 8'] + [f'n{i}' for i in range(1, 2001)]
    p.kill()


def test_follow_finds_new_units_and_their_children(logs):
    p = reader(logs, '-f', '-l', '1')
    q = reader(logs, '-s', 'web', '--tree', '-f', '-l', '1')
    until(lambda: p.lines() and q.lines())  # both have begun
    put(logs, {'new/deep/er.log': [(9, 'stdout', 'hello')], 'web/late.log': [(9, 'stdout', 'late')]})
    until(lambda: 'new/deep/er | hello' in p.lines())
    until(lambda: 'web/late | late' in q.lines())
    assert not any('hello' in l for l in q.lines())
    p.kill(), q.kill()


def test_follow_filters_what_comes(logs):
    def put_line(stream, text):
        logs.exec('sh', '-c', f'echo "{stamp(59)} {stream} {text}" >>{DIR}/web.log')
    put_line('stderr', 'x0')
    p = reader(logs, 'web', '-f', '-l', '1', '-k', 'stderr', '-g', 'x')
    until(lambda: p.lines() == ['x0'])  # it has begun
    for stream, text in (('stdout', 'x1'), ('stderr', 'y2'), ('stderr', 'x3')):
        put_line(stream, text)
    until(lambda: 'x3' in p.lines())
    assert p.lines() == ['x0', 'x3']
    p.kill()


def test_a_reader_that_has_enough_ends_it_quietly(logs):
    put(logs, {'many.log': [(i % 60, 'stdout', f'line {i}' * 20) for i in range(20000)]})
    r = logs.exec('bash', '-c', 'set -o pipefail; sysg logs many -a --no-follow | head -n1')
    assert (r.returncode, r.stderr) == (0, '') and r.stdout.startswith('line 0')
    p = logs.popen('sh', '-c', 'sysg logs web -f -l 1 | head -n 1; echo ended')
    out, err = p.communicate(timeout=20)  # nothing more is written: the closed pipe itself ends it
    assert out.splitlines() == ['web 8', 'ended'] and err == ''


def test_stream_repaints_the_screen(logs):
    p = reader(logs, 'web', '--stream', '50ms', '-l', '1')
    until(lambda: p.lines() and p.text.count('\033[2J\033[H') >= 2)
    assert p.text.startswith('\033[2J\033[Hweb 8\n\033[2J\033[Hweb 8\n')
    put(logs, {'web.log': [(50, 'stdout', 'news')]})
    until(lambda: p.lines() and 'news' in p.text)
    p.kill()
    fails(logs, 'SG0210', 2, '--stream', '0')


# --- memory ---

@pytest.mark.parametrize('what', ['zeros', 'line'])
def test_a_hostile_file_costs_bounded_memory(logs, what):
    made = {'zeros': f'truncate -s 1G {DIR}/big.log',
            'line': f'yes x | tr -d "\\n" | head -c 30000000 >{DIR}/big.log'}[what]
    assert logs.exec('sh', '-c', made).returncode == 0
    limit = 64 * 1024 * 1024
    p = subprocess.run(logs.exec_argv(['sysg', 'logs', 'big', '--no-follow', '-l', '3']), env=logs.env, capture_output=True,
                       cwd='/', timeout=100, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert p.returncode == 0, p.stderr[-500:]
    assert len(p.stdout) >= 1000


# --- where ---

def test_path_is_the_folder_or_the_files(logs):
    assert lines(logs, '--path') == [DIR]
    assert lines(logs, '--path', '--supervisor') == [f'{DIR}/sysg.log']
    assert lines(logs, '--path', 'a') == [f'{DIR}/a.log'], 'also before its first line'
    assert sorted(lines(logs, '--path', 'web', '--tree')) == [f'{DIR}/web.log', f'{DIR}/web/kid.log']
    assert logs.json('logs', '--path', 'web') == {'dir': DIR, 'file': f'{DIR}/web.log'}
    assert logs.json('logs', '--path') == {'dir': DIR}


def test_without_a_supervisor_the_files_are_found_where_it_would_have_put_them(box):
    b = box(argv=['sleep', '1000'])
    assert b.sysg('logs', '--no-follow').returncode == 1
    b.exec('sh', '-c', f'mkdir -p /run/sysg/logs && echo "{stamp(1)} stdout run" >/run/sysg/logs/a.log')
    assert lines(b) == ['a | run']
    b.exec('sh', '-c', f'mkdir -p $HOME/own/logs && echo "{stamp(1)} stdout own" >$HOME/own/logs/a.log', env={'HOME': str(b.home)})
    assert lines(b, '--socket', f'{b.home}/own/control.sock') == ['a | own']
    b.exec('sh', '-c', f'mkdir -p {DIR} && echo "{stamp(1)} stdout var" >{DIR}/a.log')
    assert lines(b) == ['a | var']


# --- what excludes what ---

EXCLUSIVE = [(a, b) for a in (['--path'], ['--purge']) for b in (['-l', '1'], ['-a'], ['-k', 'stdout'], ['--since', '1m'],
             ['--until', '1m'], ['-g', 'x'], ['--raw'], ['--strip-ansi'], ['--no-strip-ansi'], ['-f'], ['--stream', '1s'])]
EXCLUSIVE += [(['--path'], ['--purge']), (['--path'], ['--prune']), (['--purge'], ['--prune']), (['--prune'], ['--follow']),
              (['--prune'], ['--stream', '1s']), (['--prune'], ['--raw']), (['--stream', '1s'], ['-f']), (['--stream', '1s'], ['--no-follow']),
              (['--stream', '1s'], ['--json']), (['-f'], ['--no-follow']), (['-f'], ['--until', '1m']), (['-l', '1'], ['-a']),
              (['--raw'], ['--json']), (['--raw'], ['--strip-ansi']), (['--strip-ansi'], ['--no-strip-ansi']),
              (['--supervisor'], ['-k', 'stdout'])]


def test_options_that_exclude_each_other_are_refused_in_both_orders(logs):
    for a, b in EXCLUSIVE:
        for words in (a + b, b + a):
            r = fails(logs, 'SG0204', 2, *words)
            assert r.stdout == '' or '"error"' in r.stdout, words


def test_options_that_need_another_are_refused_alone(logs):
    for words in (['--tree'], ['--max-size', '1M'], ['--max-age', '1d']):
        fails(logs, 'SG0832', 2, *words)
    assert 'max-age' in fails(logs, 'SG0017', 1, '--prune').stderr
    fails(logs, 'SG0204', 2, '-s', 'web', 'db')
    assert len(lines(logs)) > 5, 'nothing was removed by all that'


# --- purge and prune ---

def names(b):
    return sorted(b.exec('sh', '-c', f'cd {DIR} && find . -type f -size +0').stdout.replace('./', '').split())


def test_purge_under_a_live_writer_goes_on_capturing(box):
    b = box('services: {a: {command: "i=0; while :; do i=$((i+1)); echo n$i; sleep 0.01; done"}, b: {command: "echo b; exec sleep 1000"}}').up()
    until(lambda: len(lines(b, 'a')) > 20)
    put(b, {'a.log.1': [(1, 'stdout', 'old')]})
    p = reader(b, 'a', '-f', '-l', '0')
    before = int(lines(b, 'a')[-1][1:])
    assert 'emptied' in b.sysg_ok('logs', '--purge', '-s', 'a')
    until(lambda: int((lines(b, 'a') or ['n0'])[-1][1:]) > before + 20)
    after = lines(b, 'a', '-a')
    assert int(after[0][1:]) >= before - 1 and 'old' not in after
    numbers = [int(l[1:]) for l in after]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), 'no line is broken or lost'
    assert lines(b, 'b') == ['b']
    until(lambda: p.lines() and int(p.lines()[-1][1:]) > before + 20, why='the follower goes on')
    p.kill()


def test_purge_removes_what_was_named_and_no_more(logs):
    assert json.loads(logs.sysg_ok('logs', '--purge', 'web', '--json'))['removed'] == 2
    assert 'web.log' not in names(logs) and 'web.log.1' not in names(logs) and 'web/kid.log' in names(logs)
    logs.sysg_ok('logs', '--purge', 'web', '--tree')
    assert 'web/kid.log' not in names(logs) and 'db.log' in names(logs)
    logs.exec('sh', '-c', f'echo mine >{DIR}/notes.txt; echo x >{DIR}/a.log.gz')
    logs.sysg_ok('logs', '--purge')
    assert names(logs) == ['a.log.gz', 'notes.txt']


def test_purge_follows_no_link_and_empties_nothing_that_has_another_name(logs):
    logs.exec('sh', '-c', f'mkdir /run/mine; echo keep >/run/mine/x.log; echo keep >{DIR}/../keep; ln -s /run/mine {DIR}/dir;'
              f'ln -s /run/mine/x.log {DIR}/y.log; ln {DIR}/../keep {DIR}/hard.log')
    r = logs.sysg('logs', '--purge')
    assert r.returncode == 1 and 'hard.log' in r.stderr
    assert logs.exec('cat', '/run/mine/x.log', f'{DIR}/../keep').stdout == 'keep\nkeep\n'


def test_without_a_supervisor_purge_removes_files_and_folders(box):
    b = box(argv=['sleep', '1000'])
    put(b, {'a.log': [(1, 'stdout', 'x')], 'a/b/c.log': [(1, 'stdout', 'x')]})
    assert b.sysg_ok('logs', '--purge').startswith('2 log files removed, 0 emptied')
    assert b.exec('ls', '-A', DIR).stdout == ''


def test_prune_takes_what_is_older_than_the_bound(logs):
    logs.exec('sh', '-c', f'touch -d "3 days ago" {DIR}/web.log.2 {DIR}/db.log')
    assert json.loads(logs.sysg_ok('logs', '--prune', '--max-age', '4d', '--json')) == {'removed': 0, 'emptied': 0, 'bytes': 0}
    r = json.loads(logs.sysg_ok('logs', '--prune', '--max-age', '2d', '--json'))
    assert (r['removed'], r['emptied']) == (1, 1)
    assert 'web.log.1' in names(logs) and 'web.log.2' not in names(logs) and 'db.log' not in names(logs)


def test_prune_takes_the_oldest_rotated_files_until_the_rest_fits(logs):
    kept = [n for n in names(logs) if n != 'web.log.2' and n != 'sysg.log']
    total = int(logs.exec('sh', '-c', f'cd {DIR}; find . -type f -printf "%s\\n" | awk "{{s+=\\$1}} END {{print s}}"').stdout)
    logs.exec('touch', '-d', '3 days ago', f'{DIR}/web.log.2')
    logs.sysg_ok('logs', '--prune', '--max-size', str(total))
    assert 'web.log.2' in names(logs), 'at the bound nothing goes'
    logs.sysg_ok('logs', '--prune', '--max-size', str(total - 1))
    assert [n for n in names(logs) if n != 'sysg.log'] == kept, 'one below it the oldest goes'
    logs.sysg_ok('logs', '--prune', '--max-size', '0')
    assert [n for n in names(logs) if n != 'sysg.log'] == []
    for bad in (['--max-size', 'x'], ['--max-age', '1.5d']):
        fails(logs, 'SG0210', 2, '--prune', *bad)


def test_what_is_no_log_file_in_a_logs_place_is_passed_over(box):
    b = box('services: {a: {command: "echo here; exec sleep 1000", logs: {sink: file}}}').up()
    until(lambda: 'here' in b.sysg('logs', '-s', 'a').stdout)
    b.exec('sh', '-c', 'echo secret >/run/secret; cd /var/log/sysg; ln -s /run/secret a.log.1; mkdir a.log.2; mkfifo a.log.3; ln -s /run/secret b.log; mkfifo c.log')
    for args in (('-s', 'a'), ('-a',), ('-g', '.')):
        r = b.sysg('logs', '--no-follow', *args)
        assert r.returncode == 0 and 'here' in r.stdout and 'secret' not in r.stdout + r.stderr, r.stderr


def test_as_many_rotated_files_as_max_files_allows_are_read(box):
    b = box('''
        logs: {max_total: 1G}
        services:
          a: {command: "i=0; while [ $i -lt 250 ]; do i=$((i+1)); echo line-$i; done; : >done; exec sleep 1000", logs: {sink: file, max_bytes: 1, max_files: 1000}}
        ''').up()
    until(lambda: (b.home / 'done').exists())
    until(lambda: 'line-250\n' in b.sysg('logs', '-s', 'a', '-l', '1').stdout)
    assert b.sysg_ok('logs', '-s', 'a', '-a').split() == [f'line-{i}' for i in range(1, 251)]
