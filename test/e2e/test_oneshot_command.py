"""One-command mode: the drop-in for a minimal init, with signals and a terminal."""
import os
import signal
import struct
import time

import pytest

from harness import SLOW, SYSG, facts, until


def one(box, *command, spell='start', **kw):
    head = {'start': [SYSG, 'start', '--'], 'bare': [SYSG, 'start'], 'dashes': [SYSG, '--']}[spell]
    return box(argv=[*head, *command], **kw)


@pytest.mark.asan
@pytest.mark.parametrize('spell', ['start', 'bare', 'dashes'])
def test_the_code_is_the_commands_own(box, spell):
    assert one(box, 'sh', '-c', 'exit 7', spell=spell).wait() == 7
    assert one(box, 'true', spell=spell).wait() == 0


@pytest.mark.parametrize('sig', [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGHUP, 40])
def test_a_signal_that_ended_it_is_128_plus_n(box, sig):
    assert one(box, 'bash', '-c', f'kill -{int(sig)} $$').wait() == 128 + sig


def test_it_ends_at_once_with_the_command_and_not_when_the_budget_is_spent(box):
    b = one(box, 'true')
    t = time.monotonic()
    assert b.wait() == 0 and time.monotonic() - t < 2 * SLOW


def test_not_found_is_127_and_not_executable_126(box):
    b = one(box, 'no-such-program')
    assert b.wait() == 127 and 'no-such-program' in b.stderr
    assert one(box, '/etc/passwd').wait() == 126


def test_the_first_word_that_is_no_option_begins_the_command(box):
    b = box(argv=[SYSG, 'start', 'sh', '-c', 'echo "$1"', 'x', '--help'])
    assert b.wait() == 0 and b.stdout.strip() == '--help'


def test_no_manifest_is_looked_for_and_no_logger_runs(box):
    b = box(None, argv=['true'])
    b.write_manifest('services: {web: {command: ": >ran"}}')
    b = box(argv=[SYSG, 'start', '--', 'sleep', '1000'], home=b.home)
    until(lambda: b.sysg('ping').returncode == 0)
    assert len(b.procs()) == 2 and not (b.home / 'ran').exists()


def test_it_has_the_containers_own_0_1_and_2(box):
    b = box(None, argv=['true'])
    (b.home / 'in').write_text('a line\n')
    b = box(argv=[SYSG, '--', 'sh', '-c', 'cat; echo err >&2; imp facts f'], home=b.home, stdin=open(b.home / 'in'))
    assert b.wait() == 0
    assert b.stdout == 'a line\n' and b.stderr == 'err\n'
    assert facts(b.file('f'))['fds'] == '0 1 2'


@pytest.mark.asan
@pytest.mark.parametrize('sig', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
                                 signal.SIGWINCH, signal.SIGALRM, signal.SIGPWR, 34, 37, 64])
def test_every_catchable_signal_from_outside_reaches_the_command(box, sig):
    b = one(box, 'bash', '-c', f"trap 'echo got; exit 3' {int(sig)}; : >up; while :; do sleep 0.02; done")
    until(lambda: (b.home / 'up').exists())
    b.kill(sig)
    assert b.wait() == 3 and b.stdout == 'got\n'


def test_a_command_without_a_handler_ends_by_term(box):
    b = one(box, 'sleep', '1000')
    until(lambda: len(b.procs()) == 2 and b.others())
    until(lambda: b.sysg('ping').returncode == 0)
    b.kill(signal.SIGTERM)
    assert b.wait() == 143


def test_orphans_are_reaped_and_the_rest_ends_with_the_command(box):
    b = one(box, 'sh', '-c', '(sleep 0.05 &); setsid sleep 1000 & (setsid sleep 1001 &); : >up; while [ ! -e go ]; do sleep 0.02; done; exit 4')
    until(lambda: (b.home / 'up').exists())
    until(lambda: b.status_json()['supervisor']['reaped']['adopted'] >= 1)
    (b.home / 'go').touch()
    assert b.wait() == 4


def test_the_control_socket_is_there_and_the_unit_is_named_by_the_program(box):
    b = one(box, 'sleep', '1000')
    until(lambda: b.sysg('ping').returncode == 0)
    b.until_state('sleep', 'running')


def test_it_may_spawn_where_spawn_is_given(box):
    b = one(box, 'sh', '-c', 'sysg spawn -- sleep 1; echo $?')
    assert b.wait() == 0 and b.stdout.strip() == '4'
    b = box(argv=[SYSG, 'start', '--spawn', '--', 'sh', '-c', 'sysg spawn --wait -- sh -c "exit 9"; echo $?'])
    assert b.wait() == 0 and b.stdout.strip() == '9'
    b = box(argv=[SYSG, 'start', '--spawn=children=1', '--', 'sh', '-c', 'sysg spawn -- sleep 9 >/dev/null; sysg spawn -- sleep 9; echo $?'])
    assert b.wait() == 0 and b.stdout.strip() == '7'


def test_as_an_ordinary_process_too(box):
    b = box(argv=['sh', '-c', f'{SYSG} -- sh -c "exit 6"; echo $?'])
    assert b.wait() == 0 and b.stdout.strip() == '6'


# --- a terminal ------------------------------------------------------------------------------------


def shell(box, **kw):
    b = one(box, 'bash', '--norc', '--noprofile', '-i', pty='leader', env={'PS1': 'ready> ', 'TERM': 'dumb', 'HISTFILE': '/dev/null'}, **kw)
    until(lambda: 'ready> ' in b.read_pty(), why=lambda: repr(b.screen))
    assert 'job control' not in b.read_pty(), 'bash says that it has none'
    b.shows('ready> ')
    return b


def test_a_shell_on_a_terminal_has_job_control(box):
    b = shell(box)
    b.type('sleep 1000 &\n')
    b.shows('ready> ')
    b.type('jobs; echo done-1\n')
    b.shows('Running.*sleep 1000')
    b.shows('ready> ')
    b.type('fg\n')
    b.shows('sleep 1000')
    until(lambda: foreground(b) == 'sleep')
    b.type('\x1a')
    b.shows('Stopped')
    b.shows('ready> ')
    b.type('bg\n')
    b.shows('ready> ')
    b.type('kill %1; wait; exit 5\n')
    assert b.wait() == 5


def foreground(b):
    group = os.tcgetpgrp(b.master)
    p = next((p for p in b.procs().values() if p.pid == group), None)
    return p and p.comm


def test_ctrl_c_reaches_the_foreground_job_and_not_the_shell(box):
    b = shell(box)
    b.type('sleep 1000\n')
    until(lambda: any(p.comm == 'sleep' for p in b.procs().values()))
    b.type('\x03')
    b.shows('ready> ')
    b.type('echo rc=$?; exit 0\n')
    b.shows('rc=130')
    assert b.wait() == 0


def test_ctrl_c_ends_a_plain_command(box):
    b = one(box, 'sleep', '1000', pty='leader')
    until(lambda: any(p.comm == 'sleep' for p in b.procs().values()))
    until(lambda: b.sysg('ping').returncode == 0)
    b.type('\x03')
    assert b.wait() == 130


def test_a_resize_is_seen(box):
    import fcntl
    import termios
    b = one(box, 'bash', '-c', "trap 'stty size; exit 0' WINCH; echo up; while :; do sleep 0.02; done", pty='leader')
    b.shows('up')
    fcntl.ioctl(b.master, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 77, 0, 0))
    b.shows('33 77')
    assert b.wait() == 0


def test_hup_and_cont_of_giving_the_terminal_up_are_swallowed(box):
    b = one(box, 'bash', '-c', "trap 'echo got-hup' HUP; trap 'echo got-cont' CONT; echo up; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.03; done; exit 2",
            pty='leader')
    assert b.wait() == 2
    text = b.read_pty()
    assert 'up' in text and 'got-' not in text


def test_a_hangup_of_the_terminal_ends_the_shell(box):
    b = shell(box)
    os.close(b.master)
    b.master = None
    assert b.wait() != 'timeout'


def test_a_terminal_that_pid_1_does_not_lead_is_handed_over_by_group(box):
    """Under another program on a terminal, as `sh` starts it: the command reads from it and Ctrl-C reaches it."""
    b = box(argv=['sh', '-c', f'{SYSG} -- sh -c \'read x; echo "read:$x"; exit 3\'; echo rc=$?'], pty='leader')
    b.type('hello\n')
    b.shows('read:hello')
    b.shows('rc=3')
    assert b.wait() == 0


def test_exit_of_the_shell_is_the_containers_exit(box):
    b = shell(box)
    b.type('exit 42\n')
    assert b.wait() == 42


@pytest.mark.asan
def test_where_its_command_was_stopped_as_a_project_a_signal_ends_the_container(box):
    b = box(None, argv=[SYSG, 'start', '--', 'sleep', '1000']).up()
    b.sysg_ok('stop', '-p', 'loose')
    assert b.others() == [] and not b.ended
    b.kill(signal.SIGUSR1)
    assert b.term() == 0
