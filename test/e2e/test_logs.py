"""What services print: whole lines, with a name before each, in files, and by `sysg logs`."""
import json
import re

import pytest

from harness import until

TWO = '''
services:
  a: {command: "echo one; echo two >&2; exec sleep 1000"}
  b: {command: "echo three; exec sleep 1000"}
'''


@pytest.mark.asan
def test_lines_have_the_name_before_them_and_go_to_their_stream(box):
    b = box(TWO).up()
    b.says('^a . one$', where='stdout')
    b.says('^b . three$', where='stdout')
    b.says('^a . two$', where='stderr')


def test_files_have_time_and_stream(box):
    b = box(TWO).up()
    b.says('^a . two$', where='stderr')
    text = until(lambda: (t := b.exec('cat', '/var/log/sysg/a.log').stdout).count('\n') == 2 and t)
    for line, stream, word in zip(sorted(text.splitlines(), key=lambda l: 'two' in l), ('stdout', 'stderr'), ('one', 'two')):
        assert re.fullmatch(rf'\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z {stream} {word}', line)
    assert b.exec('stat', '-c', '%a', '/var/log/sysg/a.log').stdout.strip() == '640'


def test_sink_none_discards_and_file_does_not_print(box):
    b = box('''
        services:
          quiet: {command: "echo never; : >q; exec sleep 1000", logs: {sink: none}}
          filed: {command: "echo filed; exec sleep 1000", logs: {sink: file}}
          shown: {command: "while [ ! -e q ]; do sleep 0.02; done; echo shown; exec sleep 1000", logs: {sink: stdout}}
        ''').up()
    b.says('shown', where='stdout')
    until(lambda: 'filed' in b.exec('cat', '/var/log/sysg/filed.log').stdout)
    assert 'never' not in b.stdout and 'filed' not in b.stdout
    assert 'quiet' not in b.exec('ls', '/var/log/sysg').stdout and 'shown' not in b.exec('ls', '/var/log/sysg').stdout


def test_sink_inherit_gives_the_descriptors_themselves(box):
    b = box('services: {a: {command: "echo plain; readlink /proc/self/fd/1; exec sleep 1000", logs: {sink: inherit}}}').up()
    b.says(r'^plain$', where='stdout')
    b.says(re.escape(str(b.out)), where='stdout')


def test_a_last_line_without_a_newline_is_written(box):
    b = box('services: {a: {command: "printf abc", restart_policy: never}}')
    assert b.wait() == 0
    assert b.stdout == 'a | abc\n'


@pytest.mark.parametrize('n, lines', [(16384, 1), (16385, 2)])
def test_a_line_of_16_kib_is_whole_and_a_longer_one_is_cut_and_says_so(box, n, lines):
    b = box(f'services: {{a: {{command: "head -c {n} /dev/zero | tr \'\\\\0\' x; echo", restart_policy: never}}}}')
    assert b.wait() == 0
    got = b.stdout.splitlines()
    assert len(got) == lines and (lines == 1) == ('…[+]' not in b.stdout)
    assert b.stdout.count('x') == n


def test_many_writers_never_mix_their_lines(box):
    script = 'i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo {0}{0}{0}{0}{0}{0}{0}{0}-$i; done'
    b = box('services:\n' + ''.join(f'  {c}: {{command: "{script.format(c * 20)}", restart_policy: never}}\n' for c in 'abcd'))
    assert b.wait() == 0
    for c in 'abcd':
        numbers = [int(m[1]) for m in re.finditer(rf'^{c} \| {c * 160}-(\d+)$', b.stdout, re.M)]
        assert numbers == list(range(1, 501))
    assert b.stdout.count('\n') == 2000


def test_logs_shows_the_last_n_lines_of_one_and_of_all_in_order(box):
    b = box(TWO + '  c: {command: "for i in 1 2 3 4 5; do echo n$i; done; exec sleep 1000"}\n').up()
    b.says('c . n5', where='stdout')
    until(lambda: 'n5' in b.sysg('logs', '-s', 'c', '--no-follow').stdout)
    out = b.sysg_ok('logs', '-s', 'c', '-l', '2', '--no-follow')
    assert [l for l in out.splitlines() if 'n' in l][-2:] and 'n4' in out and 'n5' in out and 'n3' not in out
    everything = b.sysg_ok('logs', '--no-follow')
    assert re.search(r'^a \|.*one', everything, re.M) and re.search(r'^b \|.*three', everything, re.M)


def test_logs_follow_shows_new_lines(box):
    b = box('services: {a: {command: "echo first; while [ ! -e go ]; do sleep 0.02; done; echo second; exec sleep 1000"}}').up()
    until(lambda: 'first' in b.sysg('logs', '-s', 'a', '--no-follow').stdout)
    p = b.popen('sysg', 'logs', '-s', 'a', '-f')
    assert 'first' in p.stdout.readline()
    (b.home / 'go').touch()
    assert 'second' in p.stdout.readline()
    p.kill()


def test_logs_json_has_records(box):
    b = box(TWO).up()
    until(lambda: 'two' in b.sysg('logs', '-s', 'a', '--no-follow').stdout)
    records = [json.loads(l) for l in b.sysg_ok('logs', '-s', 'a', '--no-follow', '--format', 'json').splitlines()]
    assert {(r['service'], r['stream'], r['line']) for r in records} == {('a', 'stdout', 'one'), ('a', 'stderr', 'two')}
    assert all(re.fullmatch(r'\d{4}-.*Z', r['ts']) for r in records)


def test_logs_path_prints_folder_and_file(box):
    b = box(TWO).up()
    assert b.sysg_ok('logs', '--path').strip().rstrip('/') == '/var/log/sysg'
    assert b.sysg_ok('logs', '-s', 'a', '--path').strip() == '/var/log/sysg/a.log'


def test_logs_need_no_supervisor(box):
    b = box('services: {a: {command: "echo kept", restart_policy: never}}',
            argv=['sh', '-c', 'sysg start -c systemg.yaml; : >down; exec sleep 1000'])
    until(lambda: (b.home / 'down').exists())
    assert 'kept' in b.sysg_ok('logs', '-s', 'a', '--no-follow')


def test_a_spawned_childs_file_is_at_its_path(box):
    b = box('services: {root: {command: "sysg spawn --name kid -- echo from-kid; exec sleep 1000", spawn: {mode: dynamic}}}').up()
    b.says(r'kid . from-kid', where='stdout')
    until(lambda: 'from-kid' in b.exec('cat', '/var/log/sysg/root/kid.log').stdout)


def test_without_a_place_for_files_it_is_stdout_alone_said_once(box):
    b = box(TWO, shape=False, ns=['--hide', '/run', '--hide', '/var/log', '--hide', '/sys/fs/cgroup', '--read-only'])
    b.says('^b . three$', where='stdout')
    b.says(r'log.*(written|file)', where='stderr')
    assert b.term() == 0
