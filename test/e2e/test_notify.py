"""Services that tell that they are ready, by READY=1 on $NOTIFY_SOCKET or by a line to a descriptor."""
import pytest

from harness import PYTHON, SLOW, until

SAY = """
import os, socket, sys, time
def say(*texts):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = os.environ['NOTIFY_SOCKET']
    s.connect('\\0' + name[1:] if name[0] == '@' else name)
    for t in texts: s.send(t.encode())
"""


def notifying(box, code, check='notify: true', more='', **kw):
    """A box in which `db` runs this code of Python with say(), and `next` depends on it."""
    b = box(f'''
        services:
          db: {{command: "while [ ! -e db.py ]; do sleep 0.02; done; exec {PYTHON} db.py", health_check: {{{check}}}, {more}}}
          next: {{command: "date +%s.%N >next; exec sleep 1000", depends_on: [db]}}
          hold: {{exec: [sleep, "1000"]}}
        ''', **kw)
    (b.home / 'new.py').write_text(SAY + code)
    (b.home / 'new.py').chmod(0o644)
    (b.home / 'new.py').rename(b.home / 'db.py')
    return b.up()


WAIT_GO = "\nwhile not os.path.exists('go'): time.sleep(0.01)\n"


@pytest.mark.asan
def test_ready_is_seen_when_it_is_said_and_not_before(box):
    b = notifying(box, "say('STATUS=opening')" + WAIT_GO + "open('said', 'w').write(str(time.time())); say('READY=1\\nSTATUS=open'); time.sleep(1000)")
    b.until_state('db', 'starting')
    assert b.sysg('ready').returncode == 1
    assert not (b.home / 'next').exists()
    (b.home / 'go').touch()
    assert float(b.file('next')) - float(b.file('said')) < 0.3 * SLOW
    until(lambda: b.sysg('ready').returncode == 0)


def test_other_messages_are_passed_over(box):
    b = notifying(box, "say('READY=0', 'READY=11', 'WATCHDOG=1', '', 'x' * 5000, 'RELOADING=1', 'STOPPING=1', 'MAINPID=1', 'junk')" + WAIT_GO +
                  "say('ERRNO=2\\nREADY=1\\n'); time.sleep(1000)")
    b.until_state('db', 'starting')
    assert not (b.home / 'next').exists()
    (b.home / 'go').touch()
    b.file('next')


def test_a_process_of_the_unit_may_say_it_for_the_main_one(box):
    b = notifying(box, "import subprocess\nsubprocess.run([sys.executable, '-c', open('db.py').read().split('import sub')[0] + "
                  "'say(\"READY=1\")'])\ntime.sleep(1000)")
    b.file('next')


def test_nobody_else_can_say_it(box):
    b = notifying(box, "open('where', 'w').write(os.environ['NOTIFY_SOCKET'])" + WAIT_GO + "say('READY=1'); time.sleep(1000)")
    name = b.file('where')
    (b.home / 'other.py').write_text(SAY + "say('READY=1')")
    for uid in (None, 65534):
        b.exec(PYTHON, 'other.py', env={'NOTIFY_SOCKET': name}, uid=uid)
    b.says('db: a message on its notify socket is not its own')
    assert b.state('db') == 'starting' and not (b.home / 'next').exists()
    (b.home / 'go').touch()
    b.file('next')


def test_one_that_says_nothing_is_too_slow_and_what_it_said_last_is_told(box):
    b = notifying(box, "say('STATUS=migrating\\x1b[31m\\nERRNO=28'); time.sleep(1000)", 'notify: true, total_timeout: 1s, retries: 50',
                  'restart_policy: never')
    b.says(r'error.SG0023.: db: it did not tell that it is ready within 1000 ms; it said: migrating\?\[31m, No space left', 15)
    b.until_state('db', 'failed')


def test_it_says_it_anew_after_each_start(box):
    b = notifying(box, "open('n', 'a').write('x')\nif len(open('n').read()) == 1: say('READY=1'); time.sleep(0.3); sys.exit(1)" + WAIT_GO +
                  "say('READY=1'); time.sleep(1000)", more='backoff: 100ms')
    until(lambda: b.peek('n') == 'xx')
    b.until_state('db', 'starting')
    assert b.sysg('ready').returncode == 1
    (b.home / 'go').touch()
    until(lambda: b.sysg('ready').returncode == 0)


def test_last_words_come_before_the_end(box):
    b = notifying(box, "say('READY=1')", more='restart_policy: never')
    b.file('next')


@pytest.mark.parametrize('shape', ['in the runtime directory', 'abstract', 'another user'])
def test_the_socket_is_where_it_can_be_reached(box, shape):
    env = {'SYSG_RUNTIME_DIR': '/run/' + 'x' * 85} if shape == 'abstract' else {}
    more = 'user: nobody' if shape == 'another user' else ''
    b = notifying(box, "open('where', 'w').write(os.environ['NOTIFY_SOCKET']); say('READY=1'); time.sleep(1000)", more=more, env=env)
    b.file('next')
    where = b.file('where')
    assert where.startswith('@sysg/notify/' if shape == 'abstract' else '/run/sysg/notify.')
    if where[0] == '/':
        b.sysg_ok('stop', 'db')
        assert b.exec('test', '-e', where).returncode == 1


def test_only_a_service_with_that_check_is_told_of_a_socket(box):
    b = box('''
        services:
          plain: {command: "echo ${NOTIFY_SOCKET-none} >plain; exec sleep 1000"}
          own: {command: "echo ${NOTIFY_SOCKET-none} >own; exec sleep 1000", env: {NOTIFY_SOCKET: /x}}
          fd: {command: "echo ${NOTIFY_SOCKET-none} >fd; echo >&3; exec sleep 1000", health_check: {notify: "fd:3"}}
        ''', env={'NOTIFY_SOCKET': '/outer'}).up()
    assert [b.file(n).strip() for n in ('plain', 'own', 'fd')] == ['none', '/x', 'none']


def test_one_command_keeps_the_containers_own(box):
    b = box(None, '--', 'sh', '-c', 'echo $NOTIFY_SOCKET >got', env={'NOTIFY_SOCKET': '/outer'})
    assert b.wait() == 0 and b.peek('got').strip() == '/outer'


def test_a_flood_of_one_keeps_nothing_up(box):
    b = box(f'''
        services:
          flood: {{exec: [{PYTHON}, flood.py], health_check: {{notify: true}}}}
          db: {{exec: [{PYTHON}, db.py], health_check: {{notify: true}}}}
          next: {{command: ": >next; exec sleep 1000", depends_on: [db]}}
        ''', wait_exec=False)
    (b.home / 'flood.py').write_text(SAY + "say('READY=1')\n"
                                     "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET'])\n"
                                     "while True: s.send(b'STATUS=x')")
    (b.home / 'db.py').write_text(SAY + "say('READY=1'); time.sleep(1000)")
    b.up()
    until(lambda: (b.home / 'next').exists(), 20)
    assert b.sysg('ping').returncode == 0
    assert b.status_json()['supervisor']['loop']['longest_turn_us'] < 200_000


def test_a_message_with_descriptors_does_not_hold_the_init_up(box):
    b = notifying(box, """
import struct
t = socket.create_server(('127.0.0.1', 0)); u = socket.create_connection(t.getsockname())
u.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 8)); u.setblocking(False)
try:
    while True: u.send(b'x' * 65536)
except BlockingIOError: pass
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET'])
try: socket.send_fds(s, [b'BARRIER=1'], [u.fileno()])
except OSError: pass
u.close()
say('READY=1'); time.sleep(1000)
""", ns=['--net'])
    b.file('next')
    assert b.status_json()['supervisor']['loop']['longest_turn_us'] < 1_000_000


@pytest.mark.parametrize('fd', [3, 4, 9, 10, 255])
def test_a_line_to_its_descriptor_makes_it_ready(box, fd):
    b = notifying(box, WAIT_GO + f"assert sorted(map(int, os.listdir('/proc/self/fd')))[:4] in ([0, 1, 2, 3], [0, 1, 2, {fd}])\n"
                  f"os.write({fd}, b'up\\n'); os.write({fd}, b'again\\n'); time.sleep(1000)", f'notify: "fd:{fd}"')
    b.until_state('db', 'starting')
    assert not (b.home / 'next').exists()
    (b.home / 'go').touch()
    b.file('next')


def test_a_descriptor_that_is_closed_without_a_line_is_not_ready(box):
    b = notifying(box, "os.write(3, b'not yet'); os.close(3); time.sleep(1000)", 'notify: "fd:3", total_timeout: 1s', 'restart_policy: never')
    b.says('SG0104.*db: .*closed descriptor 3 without a line', 15)
    b.until_state('db', 'failed')


def test_a_child_has_no_other_descriptor(box):
    b = notifying(box, "open('fds', 'w').write(' '.join(sorted(f + '=' + os.readlink('/proc/self/fd/' + f).split(':')[0] for f in os.listdir('/proc/self/fd') "
                  "if os.path.lexists('/proc/self/fd/' + f))))\nos.write(7, b'\\n'); time.sleep(1000)", 'notify: "fd:7"')
    fds = b.file('fds').split()
    assert '7=pipe' in fds and {f.split('=')[0] for f in fds} - {'0', '1', '2', '7'} <= {'3', '4'}


TOLD = 'import os, socket; n = os.environ["NOTIFY_SOCKET"]; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); ' \
       's.sendto(b"READY=1", chr(0) + n[1:] if n[0] == "@" else n); import time; time.sleep(1000)'


@pytest.mark.parametrize('own, mode, state', [('private_tmp', '0755', 'running'), ('network', '0755', 'running'), ('network', '0700', 'failed')])
def test_with_a_runtime_directory_in_tmp_a_socket_is_where_the_service_reaches_it_or_it_is_refused(box, own, mode, state):
    b = box(None, argv=['true'])
    b.write_manifest(f"""
        services:
          hold: {{exec: [sleep, "1000"]}}
          db: {{exec: [{PYTHON}, -c, '{TOLD}'], working_dir: /, user: nobody, restart_policy: never, isolation: {{{own}: true}},
               health_check: {{notify: true}}}}""")
    b = box(None, ns=['--tmpfs', '/tmp'], home=b.home, argv=[
        'sh', '-c', f'mkdir -m {mode} /tmp/r; export SYSG_RUNTIME_DIR=/tmp/r; exec sysg start -c {b.manifest}'], env={'SYSG_SOCKET': '/tmp/r/control.sock'})
    u = b.up().until_state('db', state)
    assert state == 'running' or u['error']['code'] == 'SG0727' and b.says('notify: fd:3', where='stderr')
