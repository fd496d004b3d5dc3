"""The termination log: one line about a container that fails, where its runtime looks for it."""
import os
import pathlib
import shutil
import stat
import tempfile

import pytest

FAILS = 'services: {{web: {{command: "{0}", restart_policy: never, essential: true}}, hold: {{command: "exec sleep 1000"}}}}'


@pytest.fixture
def dev():
    """A /dev with the usual nodes and a termination log."""
    d = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-dev-', dir='/var/tmp'))
    d.chmod(0o755)
    for name, minor in (('null', 3), ('zero', 5), ('full', 7), ('random', 8), ('urandom', 9)):
        os.mknod(d / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        (d / name).chmod(0o666)
    (d / 'termination-log').write_text('')
    yield d
    shutil.rmtree(d)


def run(box, dev, manifest, *args, **kw):
    b = box(manifest, *args, ns=['--bind', f'{dev}:/dev', *kw.pop('ns', [])], **kw)
    status = b.wait()
    return b, status, (dev / 'termination-log')


@pytest.mark.asan
def test_a_non_zero_exit_writes_the_service_its_exit_its_restarts_and_its_last_lines(box, dev):
    (dev / 'termination-log').write_text('what stood there before ' * 100)
    b, status, log = run(box, dev, FAILS.format('echo one; echo two >&2; exit 3'))
    assert status == 3
    assert log.read_text() in ('web: code 3, 0 restarts: one | two\n', 'web: code 3, 0 restarts: two | one\n')


def test_restarts_are_counted_and_the_lines_are_those_of_the_last_launch(box, dev):
    b, status, log = run(box, dev, '''
        services:
          web: {command: "echo x >>runs; echo run $(wc -l <runs); exit 4", backoff: 10ms, max_restarts: 2, essential: true}
        ''')
    assert status == 4 and log.read_text() == 'web: code 4, 2 restarts: run 3\n'


def test_an_end_by_a_signal_is_named(box, dev):
    b, status, log = run(box, dev, FAILS.format('kill -9 $$'))
    assert status == 137 and log.read_text() == 'web: signal 9, 0 restarts\n'


def test_a_program_that_is_missing_is_named(box, dev):
    b, status, log = run(box, dev, 'services: {web: {exec: [/no/such]}}')
    assert status == 127 and log.read_text().startswith('web: SG0813: /no/such: no such file'), log.read_text()


def test_exit_0_writes_nothing(box, dev):
    (dev / 'termination-log').write_text('before')
    b, status, log = run(box, dev, 'services: {web: {command: "echo out"}}')
    assert status == 0 and log.read_text() == 'before'


def test_it_is_at_most_4096_bytes_of_whole_characters_and_one_line(box, dev):
    b, status, log = run(box, dev, FAILS.format('i=0; while [ $i -lt 100 ]; do echo line $i ääääääääääääääääääääääääääääääääääääääääääää; i=$((i+1)); done; exit 1'))
    data = log.read_bytes()
    assert status == 1 and 3000 < len(data) <= 4096, len(data)
    assert data.decode('utf-8').count('\n') == 1 and data.endswith('ä\n'.encode())
    assert ' | line 99 ' in data.decode()


def test_bytes_that_are_no_text_do_no_harm(box, dev):
    b, status, log = run(box, dev, FAILS.format("printf 'a\\\\377b\\\\033[1mc\\\\n'; exit 1"))
    assert status == 1 and log.read_text() == 'web: code 1, 0 restarts: a?b?[1mc\n'


def test_one_command_mode_writes_it_without_lines(box, dev):
    b, status, log = run(box, dev, None, '--', 'sh', '-c', 'echo out; exit 5')
    assert status == 5 and log.read_text() == 'sh: code 5, 0 restarts\n'


def test_a_start_that_could_not_begin_writes_it(box, dev):
    b, status, log = run(box, dev, 'services: {web: {comand: x}}')
    assert status == 2 and log.read_text() == 'sysg: no valid manifest; nothing was started\n'


@pytest.mark.parametrize('what', ['symlink', 'fifo', 'directory', 'absent', 'read-only'])
def test_what_is_no_regular_file_is_left_alone_and_blocks_nothing(box, dev, what):
    log, other = dev / 'termination-log', dev / 'other'
    log.unlink()
    other.write_text('mine')
    if what == 'symlink':
        log.symlink_to('/dev/other')
    elif what == 'fifo':
        os.mkfifo(log)
    elif what == 'directory':
        log.mkdir()
    elif what == 'read-only':
        log.write_text('mine')
    ns = ['--read-only', '--tmpfs', '/tmp'] if what == 'read-only' else []
    b = box(FAILS.format('echo out; exit 3'), ns=['--bind', f'{dev}:/dev', *ns])
    assert b.wait(8) == 3
    assert other.read_text() == 'mine'
    if what == 'absent':
        assert not log.exists()


def test_a_supervisor_inside_of_a_unit_does_not_write_it(box, dev):
    b = box('services: {web: {command: "sysg start -- sh -c \'exit 7\'; echo $? >status; exec sleep 1000"}}', ns=['--bind', f'{dev}:/dev'])
    assert b.file('status').strip() == '7'
    assert (dev / 'termination-log').read_text() == ''
    b.term()
