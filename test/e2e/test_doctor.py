"""`sysg doctor`: what is there is tried, a world that contradicts itself is exit 1."""
import json
import os
import re
import shutil
import signal

from harness import PYTHON, SYSG, until

ONE = 'services: {web: {exec: [sleep, "1000"]}}'


def doctor(box, *args, **kw):
    b = box(argv=[SYSG, 'doctor', *args], **kw)
    return b.wait(), b.stdout


def found(text):
    """{what: [(verdict, why)]}"""
    lines = {}
    for line in text.splitlines():
        verdict, what, why = re.fullmatch(r'(ok|warn|bad) +(\S.*?)  +(\S.*)', line).groups()
        lines.setdefault(what, []).append((verdict, why))
    return lines


def test_nobody_running_is_a_consistent_world(box):
    rc, out = doctor(box)
    f = found(out)
    assert rc == 0 and not any(v == 'bad' for rows in f.values() for v, _ in rows), out
    assert f['supervisor'] == [('ok', 'no supervisor is running')]
    assert {'/proc', 'marks', 'cgroup v2', 'cgroup controllers', 'pidfd_open', 'SO_PEERPIDFD', 'SO_PASSRIGHTS', 'close_range', 'clone3', 'CAP_KILL', 'CAP_SETUID', 'CAP_SETGID',
            'CAP_SETPCAP', 'CAP_SYS_RESOURCE', 'no_new_privs', 'seccomp', 'RLIMIT_NOFILE', 'terminal', 'manifest', 'runtime directory'} <= f.keys()


def test_json_has_the_same_lines(box):
    rc, out = doctor(box, '--format', 'json')
    o = json.loads(out)
    assert rc == 0 and o['consistent'] is True
    assert {c['result'] for c in o['checks']} <= {'ok', 'warn'} and all(c['what'] and c['why'] for c in o['checks'])


def test_a_running_supervisor_is_seen_with_what_is_in_force(box):
    b = box(ONE).up()
    f = found(b.sysg_ok('doctor'))
    assert re.match(r'version .*, pid 1, the first process, answers at /run/sysg/control.sock', f['supervisor'][0][1])
    assert f['belonging'] == [('ok', f"by {b.status_json()['supervisor']['containment']} is in force")]
    assert ('ok', '/run/sysg is in use') in f['runtime directory']
    assert f['manifest'][0][0] == 'ok' and str(b.manifest) in f['manifest'][0][1]
    assert f['log directory'][0][1].startswith('/var/log/sysg, room for ')
    assert f['CAP_KILL'] == [('ok', "held (the supervisor's)")]


def test_what_is_missing_is_found_by_trying(box):
    rc, out = doctor(box, ns=['--old-proc'])
    assert rc == 0 and found(out)['/proc'][0][0] == 'warn' and 'SG0712' in out
    b = box(argv=['setpriv', '--bounding-set=-kill', '--no-new-privs', SYSG, 'doctor'])
    assert b.wait() == 0
    f = found(b.stdout)
    assert f['CAP_KILL'][0][0] == 'warn' and f['CAP_SETUID'][0][0] == 'ok' and f['no_new_privs'][0][1].startswith('set')
    b = box(argv=['prlimit', '--locks=5', '--nofile=200', SYSG, 'doctor'])
    assert b.wait() == 0
    f = found(b.stdout)
    assert f['marks'][0][0] == 'warn' and f['RLIMIT_NOFILE'][0] == ('warn', '200 descriptors at most: few; raise it (docker run --ulimit nofile=...)')


def test_a_read_only_run_is_said_with_the_reason(box):
    b = box(argv=['sh', '-c', f'mount -o remount,ro /run && exec {SYSG} doctor'])
    rc, out = b.wait(), b.stdout
    assert rc == 0 and any('/run/sysg' in why and 'Read-only file system' in why for _, why in found(out)['runtime directory']), out


def killed(box):
    """A supervisor that isn't PID 1 and was killed: its socket and sysg.pid are still there."""
    home = box(argv=['true']).home
    (home / 'm.yaml').write_text(ONE)
    b = box(argv=['sh', '-c', f'{SYSG} start -c m.yaml & wait; exec sleep 1000'], home=home)
    until(lambda: b.sysg('ping').returncode == 0, 10, why='an answer')
    pid = int(b.exec('cat', '/run/sysg/sysg.pid').stdout)
    os.kill(b.inner(pid).pid, signal.SIGKILL)
    until(lambda: b.sysg('ping').returncode == 3, 10, why='nobody')
    return b


def test_a_socket_that_nobody_answers_and_its_pid_file_are_told(box):
    b = killed(box)
    r = b.sysg('doctor')
    f = found(r.stdout)
    assert r.returncode == 1 and f['socket'][0][0] == 'bad' and '/run/sysg/control.sock: nobody answers there' in f['socket'][0][1]
    assert f['sysg.pid'][0][0] == 'warn'
    assert json.loads(b.sysg('doctor', '--json').stdout)['consistent'] is False


def test_a_socket_that_one_may_not_connect_to_is_told_as_such(box):
    b = killed(box)
    b.exec('chmod', '600', '/run/sysg/control.sock')
    f = found(b.sysg('doctor', '--socket', '/nowhere.sock', uid=4900).stdout)
    assert f['socket'] == [('warn', '/run/sysg/control.sock: Permission denied')], f


def test_a_pid_file_that_is_locked_while_nobody_answers_is_bad(box):
    b = killed(box)
    holder = b.popen('flock', '/run/sysg/sysg.pid', 'sleep', '1000')
    until(lambda: b.exec('flock', '-n', '/run/sysg/sysg.pid', 'true').returncode == 1, 10, why='the lock')
    f = found(b.sysg('doctor').stdout)
    assert f['sysg.pid'][0][0] == 'bad' and 'is locked' in f['sysg.pid'][0][1]
    holder.kill()


def test_a_supervisor_that_does_not_answer_is_bad(box):
    b = box(ONE).up()
    b.kill(signal.SIGSTOP)
    try:
        r = b.sysg('doctor')
    finally:
        b.kill(signal.SIGCONT)
    assert r.returncode == 1 and found(r.stdout)['supervisor'][0][0] == 'bad' and 'did not answer' in r.stdout


def test_a_supervisor_that_refuses_to_answer_is_there_and_is_not_judged(box):
    b = box(ONE).up()
    r = b.sysg('doctor', uid=4900)
    f = found(r.stdout)
    assert r.returncode == 0 and f['supervisor'][0][0] == 'warn' and 'operator' in f['supervisor'][0][1], r.stdout
    assert not f.keys() & {'sysg.pid', 'socket', 'manifest', 'cgroup v2', 'cgroup.kill', 'cgroup controllers'}
    assert f['CAP_KILL'] == [('warn', f['CAP_KILL'][0][1])] and 'our own' in f['CAP_KILL'][0][1]


def test_what_only_the_supervisor_may_is_not_asked_of_another_user(box):
    b = box(f'services: {{a: {{command: "{SYSG} doctor; echo rc=$?; exec sleep 1000", user: "4900", request_capabilities: ["status:**"]}}}}')
    b.says(r'rc=\d', where='stdout')
    *rows, rc = (line.removeprefix('a | ') for line in b.stdout.splitlines())
    f, out = found('\n'.join(rows)), b.stdout
    assert rc == 'rc=0'
    assert f['supervisor'][0][0] == 'ok', out
    assert not f.keys() & {'manifest', 'cgroup v2', 'cgroup.kill', 'cgroup controllers'}
    assert f['CAP_KILL'] == [('ok', "held (the supervisor's)")]


ONCE = """
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind('once.sock')
s.listen()
print('up', flush=True)
c = s.accept()[0]
c.recv(65536)
c.send(b'ok=1\\0row=supervisor\\0version=0\\0pid=1\\0\\0')
c.send(b'ok=1\\0end=1\\0\\0')
c.recv(65536)
s.close()
"""


def test_where_the_logs_are_is_not_known_when_nobody_says_it(box):
    b = box(argv=['sleep', '1000'])
    once = b.popen(PYTHON, '-c', ONCE)
    assert once.stdout.readline() == 'up\n'
    f = found(b.sysg('doctor', '--socket', f'{b.home}/once.sock').stdout)
    assert f['supervisor'][0][0] == 'ok' and f['log directory'][0][0] == 'warn' and re.search('no supervisor|was lost', f['log directory'][0][1]), f
    once.kill()


def test_a_log_directory_that_is_gone_is_bad(box):
    b = box(ONE).up()
    shutil.rmtree(f'/proc/{b.pid}/root/var/log/sysg')
    r = b.sysg('doctor')
    assert r.returncode == 1 and found(r.stdout)['log directory'][0][0] == 'bad'


def test_a_manifest_that_is_not_valid_is_bad_and_none_is_not(box):
    home = box(argv=['true']).home
    (home / 'systemg.yaml').write_text('services: {web: {exec: [x], restart_polcy: always}}\n')
    rc, out = doctor(box, home=home)
    assert rc == 1 and found(out)['manifest'][0][0] == 'bad' and 'sysg validate' in out
    assert doctor(box, '-c', 'nowhere.yaml')[0] == 1


def test_on_a_terminal_it_says_which(box):
    b = box(argv=[SYSG, 'doctor', '--no-color'], pty='other', env={'TERM': 'vt220'})
    b.shows(r'terminal +vt220, ')
