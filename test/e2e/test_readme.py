"""What README.md shows, as it is written there: its files, its commands, the rows of its tables.

Its image is built and run in test/containers/test_examples.py.
"""
import re
import shlex
import shutil
import signal

import pytest

from harness import ROOT, SYSG, codes, until

TEXT = (ROOT / 'README.md').read_text()
BLOCKS = re.findall(r'^```(\w+)\n(.*?)^```$', TEXT, re.M | re.S)
# Each block: its language, a word that only it has, and who runs it.
KNOWN = [
    ('sh', './docker/demo.sh'),                 # containers/test_plain.py
    ('sh', 'docker build -t sysg .'),           # containers/test_examples.py
    ('dockerfile', 'FROM debian:bookworm-slim'),
    ('yaml', 'services:'),                      # here and there
    ('sh', 'sysg spawn --name "job_$job"'),
    ('sh', 'docker run -d --name app app'),
    ('sh', 'meson setup build/release'),        # test/run.sh itself; its second line here
    ('sh', 'sysg start --daemonize'),           # here
]


def block(word):
    found = [text for _, text in BLOCKS if word in text]
    assert len(found) == 1, word
    return found[0]


def folder(box, **kw):
    """A box with the README's manifest and script, in which something else is PID 1."""
    b = box(argv=['sleep', '1000'], **kw)
    b.manifest.write_text(block('services:'))
    (b.home / 'queue.sh').write_text(block('--name "job_$job"'))
    return b


def row(there):
    """The right cell of the row whose left one has these words."""
    found = [m[1] for m in re.finditer(r'^\| [^|]*' + re.escape(there) + r'[^|]*\| ((?:\\\||[^|])*) \|$', TEXT, re.M)]
    assert len(found) == 1, there
    return found[0]


def test_each_block_is_one_that_a_test_runs():
    assert [(lang, word) for (lang, text), (_, word) in zip(BLOCKS, KNOWN) if word in text] == KNOWN
    assert len(BLOCKS) == len(KNOWN)


def test_the_commands_without_a_container_do_as_they_say(box):
    b = folder(box, ns=['--tmpfs', '/usr/local/bin'], env={'PATH': '/usr/local/bin:/usr/bin:/bin'})
    (b.home / 'build/release').mkdir(parents=True)
    shutil.copy(SYSG, b.home / 'build/release')
    _, install = block('meson setup').splitlines()
    assert b.exec('sh', '-c', 'command -v sysg').returncode == 127
    said = {}
    for line in [install, *block('sysg start --daemonize').splitlines()]:
        r = b.exec('sh', '-c', line, timeout=60)
        assert r.returncode == 0, (line, r.stdout, r.stderr)
        said[line] = r.stdout
    assert 'valid, 2 services' in said['sysg validate']
    assert '[children 5/5, depth 1/3, ' in said['sysg tree'] and 'job_5' in said['sysg tree']
    assert re.search(r'^report +running', said['sysg status'], re.M)
    until(lambda: not [p for p in b.procs().values() if p.comm == 'sysg'], why='no supervisor is left')


def test_the_sixth_job_is_refused_in_the_words_of_the_readme(box):
    b = box(argv=[SYSG, 'start'], home=folder(box).home).up()
    b.until_state('report', 'running')
    b.says('no room for job 6')
    b.says(re.escape(re.search(r'`(error\[SG0803\]: [^`]*)`', TEXT)[1].replace('\n', ' ')))
    assert b.unit('queue')['counts']['children'] == 5
    r = b.sysg('spawn', '--parent', 'report', '--', 'sleep', '5')
    assert codes(r) == ['SG0801'] and r.returncode == 4
    b.sysg_ok('stop', 'queue/job_1')
    assert b.term() == 0


def commands(there):
    """What a row of the table gives, with a command in the place of CMD."""
    return re.findall(r'`(sysg [^`]*CMD)`', row(there))


@pytest.mark.parametrize('there', ['tini -- CMD', 'dumb-init --single-child', 'tini -v'])
def test_a_minimal_inits_line_has_one_here(box, there):
    line, = commands(there)
    argv = [SYSG, *shlex.split(line.replace('CMD', "sh -c 'trap \"exit 7\" TERM; (setsid sleep 0.1 &); echo up; while :; do sleep 0.05; done'"))[1:]]
    b = box(argv=argv)
    b.says('^up')
    assert not b.defunct()
    assert b.term() == 7


def test_a_signal_to_the_group_and_another_stop_signal_are_manifest_keys(box):
    group, = re.findall(r'`(stop_target: group)`', row('tini -g'))
    other, = re.findall(r'`(stop_signal: QUIT)`', row('--rewrite 15:3'))
    b = box(f'''
        services:
          a: {{command: [sh, -c, "sh -c 'trap \\"echo child; exit\\" TERM; echo up a; while :; do sleep 0.05; done' & wait"], {group}}}
          b: {{command: [sh, -c, "trap 'echo quit; exit' QUIT; echo up b; while :; do sleep 0.05; done"], {other}}}
        ''')
    b.says('up a')
    b.says('up b')
    assert b.term() == 0
    assert 'a | child' in b.stdout and 'b | quit' in b.stdout


def test_an_ordered_stop_is_success_and_other_codes_may_be(box):
    more, = re.findall(r'`(success_exit_codes: \[3\])`', row('tini -e 143'))
    b = box('services: {a: {command: [sleep, "1000"]}}').up()
    b.until_state('a', 'running')
    assert b.term() == 0
    code = int(re.search(r"the command's own code, (\d+)", row('tini -e 143'))[1])
    alone = box(argv=[SYSG, '--', 'sleep', '1000'])
    until(alone.others)
    assert alone.term() == code
    assert box(f'services: {{a: {{command: "exit 3", restart_policy: never, {more}}}}}').wait() == 0


def test_the_manifest_is_looked_for_in_the_order_that_it_says(box):
    places = [p.strip('`') for p in re.findall(r'`[^`]*`', row('the manifest'))]
    assert places[:2] == ['-c FILE', '$SYSG_CONFIG']
    b = box(argv=['sleep', '1000'])
    b.exec('sh', '-c', 'rm -f *.yaml')
    r = b.sysg('start')
    assert r.returncode == 2
    at = [r.stderr.index(p) for p in places[2:]]
    assert at == sorted(at), r.stderr


def test_each_variable_that_it_names_is_one_that_programs_get(box):
    told = set(re.findall(r'`(\w+)`', row('what each program is told')))
    b = box('''
        services:
          a: {command: "env >env; exec sleep 1000", hooks: {post_start: "env >hook"}}
        ''')
    names = {line.split('=')[0] for f in ('env', 'hook') for line in b.file(f).splitlines()}
    assert told <= names, told - names
    assert {n for n in names if re.match('SYSG_|SPAWN_', n)} <= told


def test_logs_are_where_it_says(box):
    cell = row('what services print')
    b = box('services: {NAME: {command: "echo hello; sysg spawn --name CHILD -- echo hello; exec sleep 1000", spawn: {mode: dynamic}}}')
    for path in re.findall(r'`(/var/log/[^`]*\.log)`', cell):
        until(lambda: 'hello' in b.exec('cat', path).stdout, why=path)
    b.says(r'^NAME \| hello', where='stdout')


def test_signals_do_what_the_table_says(box):
    cell = row('signals to it')
    assert 'USR1 prints the table' in cell
    b = box("""services: {a: {command: "trap 'echo told' TERM; : >up; while :; do sleep 0.05; done", stop_timeout: 60s}}""").up()
    until((b.home / 'up').exists)
    b.kill(signal.SIGUSR1)
    b.says(r'UNIT +STATE')
    b.kill(signal.SIGTERM)
    b.says('told')
    assert b.term(5) == 0
