"""The tools of the tests do what the tests believe they do."""
import os
import signal
import subprocess

from harness import IMP, NSRUN, PYTHON, until


def sh(text):
    return ['/bin/sh', '-c', text]


def test_the_command_is_pid_1_and_sees_only_its_namespace(box):
    b = box(argv=sh('echo $$; ls /proc | grep -c "^[0-9]"; ls -A /run | wc -l'))
    assert b.wait() == 0
    assert b.stdout.split()[0] == '1' and int(b.stdout.split()[1]) <= 3 and b.stdout.split()[2] == '0'


def test_the_true_exit_status_and_signal_are_told(box):
    assert box(argv=sh('exit 7')).wait() == 7
    b = box(argv=['sleep', '60'])
    b.kill(signal.SIGKILL)
    assert b.wait() == -9


def test_exec_has_parent_0_and_the_uid_that_was_asked_for(box):
    b = box(argv=['sleep', '60'])
    r = b.exec('sh', '-c', 'echo $PPID; id -u; id -G; cat /proc/1/comm', uid=4242)
    assert r.stdout.split() == ['0', '4242', '4242', 'sleep'], r


def test_when_the_launcher_dies_the_namespace_dies(box):
    b = box(argv=sh('sleep 60 & setsid sleep 60 & wait'))
    until(lambda: len(b.procs()) == 3)
    b.launcher.kill()
    until(lambda: not b.procs())


def test_capabilities_limits_and_the_read_only_root_are_as_asked(box):
    b = box(argv=sh('grep -E "CapPrm|CapBnd" /proc/self/status; ulimit -n; touch /tmp/x || echo ro'),
            ns=['--keep', 'kill', '--rlimit', 'nofile=77:88', '--read-only'])
    assert b.wait() == 0
    assert b.stdout.split() == ['CapPrm:', '0000000000000020', 'CapBnd:', '0000000000000020', '77', 'ro']


def test_a_filter_takes_newer_calls_away(box):
    code = 'import os, socket\ntry: os.pidfd_open(1)\nexcept OSError as e: print(e.errno)'
    b = box(argv=[PYTHON, '-c', code], ns=['--filter', 'old'])
    assert b.wait() == 0 and b.stdout.strip() == '38'


def test_a_thread_zombie_counts_as_alive(box):
    b = box(argv=sh(f'{IMP} threadzombie & wait'))
    p = until(lambda: next((p for p in b.procs().values() if p.comm == 'imp' and p.state == 'Z'), None))
    assert p.threads == 2 and p.alive


def test_a_timeout_kills(box):
    r = subprocess.run([NSRUN, '--timeout', '1', '--', 'sleep', '30'])
    assert r.returncode == 124


def test_standard_descriptors_can_be_closed(box):
    b = box(argv=[IMP, 'facts', 'f'], ns=['--close-std'])
    assert b.wait() == 0
    assert 'fds: 0\n' in b.file('f') or 'fds:\n' in b.file('f')
    assert os.path.exists(b.home)
