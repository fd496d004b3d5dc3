"""Where the socket is: every fall-back, down to a container in which nothing can be written."""
import pytest

from harness import PYTHON, SYSG, until

WEB = 'services: {web: {exec: [sleep, "1000"]}}'
PLAIN = ['--uid', '4900', '--gid', '4900', '--groups', '', '--keep', '']


def socket_of(b):
    until(lambda: any(p.cmdline == 'sleep 1000' for p in b.procs().values()), why=lambda: b.stderr)
    web = next(p for p in b.procs().values() if p.cmdline == 'sleep 1000')
    env = open(f'/proc/{web.pid}/environ').read().split('\0')
    return dict(e.split('=', 1) for e in env if '=' in e)['SYSG_SOCKET']


@pytest.mark.asan
def test_run_sysg_is_the_default(box):
    b = box(WEB).up()
    assert socket_of(b) == '/run/sysg/control.sock'
    assert b.exec('cat', '/run/sysg/sysg.pid').stdout.strip().split()[0] == '1'


def test_sysg_runtime_dir_comes_first(box):
    b = box(WEB, env={'SYSG_RUNTIME_DIR': '/run/elsewhere'}).up()
    assert socket_of(b) == '/run/elsewhere/control.sock'


def test_xdg_runtime_dir_where_run_is_not_ours(box):
    b = box(None, argv=['true'])
    (b.home / 'xdg').mkdir()
    (b.home / 'xdg').chmod(0o777)
    b = box(WEB, home=b.home, ns=PLAIN, env={'XDG_RUNTIME_DIR': f'{b.home}/xdg'})
    assert socket_of(b) == f'{b.home}/xdg/sysg/control.sock'
    assert b.sysg('ping', uid=4900).returncode == 0


def with_tmp(box):
    """A folder that takes the place of /tmp."""
    b = box(argv=['true'])
    (b.home / 'tmp').mkdir()
    (b.home / 'tmp').chmod(0o1777)
    return b


def test_tmp_where_there_is_nothing_else(box):
    b = with_tmp(box)
    b = box(WEB, home=b.home, carry=True, ns=[*PLAIN, '--bind', f'{b.home}/tmp:/tmp'])
    path = socket_of(b)
    assert path == '/tmp/sysg-4900/control.sock'
    assert b.exec('stat', '-c', '%a %u', '/tmp/sysg-4900').stdout.split() == ['700', '4900']
    assert b.sysg('ping', uid=4900).returncode == 0
    assert b.sysg('ping').returncode == 0, 'a root client looks in the folder of the owner of PID 1'


def test_a_folder_in_tmp_that_another_made_is_not_used(box):
    b = with_tmp(box)
    (b.home / 'tmp/sysg-4900').mkdir()
    (b.home / 'tmp/sysg-4900').chmod(0o777)
    b = box(WEB, home=b.home, carry=True, ns=[*PLAIN, '--bind', f'{b.home}/tmp:/tmp'])
    assert socket_of(b).startswith('@sysg/')
    assert b.sysg('ping', uid=4900).returncode == 0


@pytest.mark.parametrize('who', [[], PLAIN], ids=['root', 'not-root'])
def test_with_a_read_only_root_and_nothing_writable_it_is_abstract(box, who):
    b = box(None, argv=['true'])
    b.write_manifest(WEB)
    b = box(WEB, home=b.home, shape=False, ns=['--hide', '/sys/fs/cgroup', '--hide', '/run', '--hide', '/var/log', '--read-only', *who])
    path = socket_of(b)
    assert path.startswith('@sysg/') and path[6:].isdigit()
    assert b.sysg('ping').returncode == 0 and b.sysg('status').returncode == 0
    assert b.sysg('whoami').stdout.split()[0] == 'operator'
    assert b.term() == 0


NOWHERE = ['--hide', '/sys/fs/cgroup', '--hide', '/run', '--hide', '/var/log', '--read-only']
LISTEN = """
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(f"\\0sysg/{os.stat('/proc/self/ns/pid').st_ino}")
s.listen()
print('up', flush=True)
s.accept()
"""


@pytest.mark.parametrize('uid', [None, 4900], ids=['root', 'not-root'])
def test_beside_another_first_process_the_abstract_socket_is_reached_all_the_same(box, uid):
    b = box(None, argv=['true'])
    b.write_manifest(WEB)
    b = box(argv=['sh', '-c', f'{SYSG} start -c {b.manifest} & wait; exec sleep 1000'], home=b.home, shape=False, ns=NOWHERE)
    assert socket_of(b).startswith('@sysg/')
    assert b.sysg('ready', uid=uid).returncode == 0
    assert b.sysg_ok('whoami', uid=uid).split()[0] == ('operator' if uid is None else 'nobody')


@pytest.mark.parametrize('who, uid', [([], 4900), (['unshare', '-m'], None)], ids=['another user', 'another container'])
def test_who_takes_the_abstract_name_and_is_not_ours_is_not_asked(box, who, uid):
    b = box(argv=['sleep', '1000'], shape=False, ns=NOWHERE)
    other = b.popen(*who, PYTHON, '-c', LISTEN, uid=uid)
    assert other.stdout.readline() == 'up\n'
    r = b.sysg('ping')
    assert r.returncode == 3 and 'no supervisor can be reached: @sysg/' in r.stderr, r
    other.kill()


def test_with_a_read_only_root_and_a_writable_run_it_is_there(box):
    b = box(WEB, ns=['--read-only']).up()
    assert socket_of(b) == '/run/sysg/control.sock'
    assert b.term() == 0


def test_spawn_wait_and_stop_work_over_the_abstract_socket(box):
    b = box('services: {root: {command: "sysg spawn --wait -- sh -c \'exit 7\'; echo rc=$?; exec sleep 1000", spawn: {mode: dynamic}}}', shape=False,
            ns=['--hide', '/sys/fs/cgroup', '--hide', '/run', '--hide', '/var/log', '--read-only'])
    b.says('rc=7', where='stdout')
    assert b.sysg('stop', 'root').returncode == 0


def test_control_puts_the_socket_elsewhere_with_its_mode_and_group(box):
    b = box(None, argv=['true'])
    b = box(f'control: {{socket: {b.home}/c/control.sock, mode: "0660", group: 4901}}\n{WEB}', home=b.home, wait_exec=False)
    until(lambda: (b.home / 'c/control.sock').exists() or b.ended, why=lambda: b.stderr)
    st = (b.home / 'c/control.sock').stat()
    assert st.st_mode & 0o777 == 0o660 and st.st_gid == 4901
    assert socket_of(b) == f'{b.home}/c/control.sock'
    assert b.sysg('--socket', f'{b.home}/c/control.sock', 'ping').returncode == 0


@pytest.mark.parametrize('length, ok', [(107, True), (108, False)])
def test_a_path_of_107_bytes_is_taken_and_108_is_not(box, length, ok):
    path = '/run/' + 'x' * (length - 5)
    b = box(f'control: {{socket: {path}}}\n{WEB}')
    if ok:
        assert socket_of(b) == path
    else:
        assert b.wait() == 2 and 'SG0210' in b.stderr


def test_a_stale_socket_is_replaced(box):
    b = box(None, argv=['true'])
    code = f"import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind('{b.home}/control.sock')"
    box(argv=['/usr/bin/python3', '-c', code], home=b.home).wait()
    assert (b.home / 'control.sock').exists()
    b = box(WEB, home=b.home, env={'SYSG_RUNTIME_DIR': str(b.home)}).up()
    assert b.sysg('ping').returncode == 0


def test_the_directory_and_the_socket_have_their_modes_and_are_gone_at_the_end(box):
    b = box(None, argv=['true'])
    b = box(WEB, home=b.home, env={'SYSG_RUNTIME_DIR': f'{b.home}/rt'}).up()
    assert (b.home / 'rt').stat().st_mode & 0o777 == 0o755
    assert (b.home / 'rt/control.sock').stat().st_mode & 0o777 == 0o666
    assert b.term() == 0
    assert not (b.home / 'rt/sysg.pid').exists() and not (b.home / 'rt/control.sock').exists()


def test_nothing_in_it_is_ever_executed(box):
    b = box('services: {root: {command: "sysg spawn --wait -- true; : >done; exec sleep 1000", spawn: {mode: dynamic}}}').up()
    until(lambda: (b.home / 'done').exists())
    assert b.exec('sh', '-c', 'find /run -type f -perm /111').stdout == ''


def test_on_a_file_system_that_may_hang_nothing_is_done_in_it_after_the_boot(box):
    """Neither for the socket of a service that notifies, nor to bind again; hugetlbfs is none of those that don't hang."""
    b = box(None, argv=['true'])
    home = b.home
    (home / 'share').mkdir()
    b.write_manifest('services: {web: {command: "echo $NOTIFY_SOCKET >seen; exec sleep 1000", health_check: {notify: true}}}')
    b = box(None, home=home, argv=['sh', '-c', f'mount -t hugetlbfs none share && exec {b.program} start -c systemg.yaml --socket {home}/share/control.sock'])
    assert b.file('seen').startswith('@sysg/notify/')
    assert b.exec('rm', 'share/control.sock').returncode == 0
    assert b.exec('ls', 'share').stdout.split() == ['sysg.marks', 'sysg.pid']
    assert b.term() == 0
