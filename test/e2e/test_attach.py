"""`sysg spawn --attach`: the child has the command's own 0, 1, 2, INT and TERM; PID 1 never touches them."""
import json
import re
import signal
import time

import pytest

from harness import SLOW, SYSG, TOOLS, facts, until
from test_queue import tree, until_waiting
from test_spawn import root, run_in


@pytest.mark.asan
def test_the_child_has_the_commands_own_streams(box):
    b, out, rc = run_in(box, '''
        echo from-stdin >in
        sysg spawn --attach -- sh -c 'cat; echo to-stdout; echo to-stderr >&2; exit 7' <in >o 2>e; echo $? >&3
        sysg spawn --attach -- imp facts f''')
    assert rc == [7] and b.file('o') == 'from-stdin\nto-stdout\n' and b.file('e') == 'to-stderr\n'
    f = facts(b.file('f'))
    assert f['fds'] == '0 1 2' and f['ppid'] == '1'


def test_nothing_is_printed_unless_asked_for_and_nothing_is_logged(box):
    b, out, _ = run_in(box, '''
        sysg spawn --attach --name quiet -- sh -c 'echo said'
        sysg spawn --attach --name told --print name -- true''')
    assert out == 'said\ntold\n'
    assert 'said' not in b.stdout and 'said' not in b.sysg('logs', '--no-follow', 'root').stdout


def test_a_pipe_through_it_is_whole(box):
    _, out, _ = run_in(box, '''
        head -c 3000000 /dev/zero | tr '\\0' x | sysg spawn --attach -- cat | wc -c''', seconds=30)
    assert out.strip() == '3000000'


@pytest.mark.asan
@pytest.mark.parametrize('sig, status', [('INT', 7), ('TERM', 8)])
def test_int_and_term_to_the_command_go_to_the_child(box, sig, status):
    b = root(box, '''
        sysg spawn --attach --name kid -- sh -c 'trap "exit 7" INT; trap "exit 8" TERM; : >up; while :; do sleep 0.05; done' & echo $! >pid
        wait $!; echo $? >rc''')
    until(lambda: (b.home / 'up').exists())
    b.exec('kill', f'-{sig}', b.file('pid').strip())
    assert b.file('rc').strip() == str(status)


def test_a_signal_that_the_child_takes_and_lives_on_leaves_the_command_waiting(box):
    b = root(box, '''
        sysg spawn --attach -- sh -c 'trap "echo got >>sigs" INT; : >up; until [ -e end ]; do sleep 0.05; done; exit 3' & echo $! >pid
        wait $!; echo $? >rc''')
    until(lambda: (b.home / 'up').exists())
    for n in (1, 2, 3):
        b.exec('kill', '-INT', b.file('pid').strip())
        until(lambda: b.peek('sigs').count('got') == n)
    (b.home / 'end').touch()
    assert b.file('rc').strip() == '3'


def test_of_int_and_term_at_once_none_is_lost(box):
    b = root(box, '''
        sysg spawn --attach -- sh -c 'trap "echo >>int" INT; trap "echo >>term" TERM; : >up; while :; do sleep 0.05; done' & echo $! >pid
        wait $!''')
    until(lambda: (b.home / 'up').exists())
    pid = b.file('pid').strip()
    b.exec('sh', '-c', f'kill -STOP {pid}; kill -INT {pid}; kill -TERM {pid}; kill -CONT {pid}')
    until(lambda: b.peek('int') and b.peek('term'))


def test_ctrl_c_on_a_terminal_ends_the_child(box):
    b = box(None, argv=[SYSG, 'start', '--spawn', '--', 'sh'], pty='leader', env={'PS1': 'ready> '})
    b.shows('ready>')
    b.type("sysg spawn --attach -- sh -c 'trap \"echo INTED; exit 5\" INT; echo U''P; while :; do sleep 0.05; done'; echo rc=$?\n")
    b.shows('UP')
    b.type('\x03')
    b.shows('INTED')
    b.shows('rc=5')
    b.type("sysg spawn --attach -- sh -c 'echo U''P; read x; echo got $x'\n")
    b.shows('UP')
    b.type('hello\n')
    b.shows('got hello')


def test_own_failures_are_125_not_executable_126_not_found_127(box):
    _, out, rc = run_in(box, '''
        sysg spawn --attach -- no-such-program; echo $? >&3
        : >plain; sysg spawn --attach -- ./plain; echo $? >&3
        sysg spawn --attach --limit depth=99 -- true; echo $? >&3
        sysg spawn --attach -- sh -c 'kill -9 $$'; echo $? >&3
        sysg spawn --attach --socket /nowhere -- true; echo $? >&3''')
    assert rc == [127, 126, 125, 137, 125]


def test_a_command_with_closed_streams_gives_what_it_has(box):
    _, _, rc = run_in(box, "sysg spawn --attach -- sh -c 'exit 4' <&- >&- 2>&-; echo $? >&3")
    assert rc == [4]


def test_it_waits_in_the_queue_before_it_is_attached(box):
    b = tree(box, 'children: 1', '''
        sysg spawn --name a -- sleep 1000
        echo word | sysg spawn --queue --attach -- cat >o''')
    until_waiting(b, 1)
    b.sysg_ok('stop', 'a')
    assert b.file('o') == 'word\n'


@pytest.mark.parametrize('how', ['--wait', '--attach', '--bind', '--queue --wait', '--attach --bind'])
@pytest.mark.asan
def test_a_lost_supervisor_never_looks_like_success(box, how):
    b = box(None, argv=['true'])
    (b.home / 'inner.yaml').write_text(f'''
services:
  root:
    exec: [sh, -c, "echo $$ >root.pid; exec sleep 1000"]
    spawn: {{mode: dynamic, limits: {{children: 1}}}}
''')
    first = 'sysg spawn --parent root -- sleep 1000' if '--queue' in how else ':'
    seen = ('[ "$(sysg status -s root --json | grep -o \'"queued":1\')" ]' if '--queue' in how else '[ -e up ]')
    (b.home / 'main.sh').write_text(f'''
        mkdir run; export SYSG_RUNTIME_DIR=$PWD/run SYSG_SOCKET=$PWD/run/control.sock
        sysg start -c inner.yaml & pid=$!
        until sysg ping 2>/dev/null && [ -e root.pid ]; do sleep 0.05; done
        {first}
        (sysg spawn --parent root {how} -- sh -c ': >up; exec sleep 1000' 2>err; echo $? >rc) &
        until {seen}; do sleep 0.05; done
        kill -9 $pid
        exec sleep 1000''')
    b = box('services: {outer: {exec: [sh, main.sh]}}', home=b.home).up()
    assert b.file('rc', 20).strip() == '125' and re.search(r'SG\d{4}', b.file('err')), b.peek('err') + b.stderr


# --- clients that behave badly, as raw peers ---

HOSTILE = '''
import array, os, socket, sys, time
sys.path.insert(0, %r)
from peer import *

def begin():
    s = connect(timeout=60)
    s.send(packet('op=spawn', 'attach=1', 'name=kid', 'arg=sh', 'arg=-c', 'arg=echo here; sleep 1000', 'cwd=/', 'env=PATH=' + os.environ['PATH']))
    f = fields_of(s.recv(65536))
    assert f == dict(ok='1', go='1'), f
    return s

def said(s):
    try: f = fields_of(s.recv(65536))
    except ConnectionResetError: f = dict(code='reset')
    open('said.new', 'w').write(f.get('code') or 'ok' + f.get('ok', '?')); os.rename('said.new', 'said')

def fds(n): return [os.open('/dev/null', os.O_RDWR) for _ in range(n)]

%s
time.sleep(1000)
'''
TRICKS = {
    'closes': ('begin().close(); open("said", "w").write("x")', 'x'),
    'nothing': ('s = begin(); s.send(packet("op=ping")); said(s)', 'SG0813'),
    'two': ('s = begin(); pass_fds(s, b"x", fds(2)); said(s)', 'SG0813'),
    '253': ('s = begin(); pass_fds(s, b"x", fds(253)); said(s)', 'SG0813'),
    'more-behind': ('s = begin(); pass_fds(s, b"x", fds(3))\ntry: [pass_fds(s, b"y", fds(253)) for _ in range(3)]\nexcept OSError: pass', None),
    'before': ('s = connect(timeout=60); s.send(packet("op=spawn", "attach=1", "arg=true", "cwd=/"))\n'
               'try: pass_fds(s, b"x", fds(3))\nexcept PermissionError: pass\n'  # refused by the kernel, until it is asked for
               's.close(); open("said", "w").write("x")', 'x'),
    'other-process': ('s = begin()\nif not os.fork(): pass_fds(s, b"x", fds(3)); os._exit(0)\nsaid(s)', 'SG0813'),
    'fifos': ('s = begin(); os.mkfifo("fifo"); pass_fds(s, b"x", [os.open("fifo", os.O_RDWR)] * 3); said(s)', 'ok1'),
    'dead-socket': ('s = begin(); a, b = socket.socketpair(); b.close(); pass_fds(s, b"x", [a.fileno()] * 3); said(s)', 'ok1'),
    'lingering': ('s = begin(); l = lingering(); t = l[0] if isinstance(l, tuple) else l; pass_fds(s, b"x", [t.fileno()] * 253); t.close(); said(s)', 'SG0813'),
}


@pytest.mark.parametrize('filter', [[], ['--filter', 'no-passrights']], ids=['this-kernel', 'before-6.16'])
@pytest.mark.parametrize('trick', TRICKS)
def test_whatever_a_client_sends_pid_1_goes_on(box, trick, filter):
    script, expected = TRICKS[trick]
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(HOSTILE % (str(TOOLS), script))
    b = box('services: {root: {exec: [python, main.py], spawn: {mode: dynamic}, restart_policy: never}}', home=b.home, ns=filter).up()
    if expected:
        assert b.file('said') == expected, b.stderr
    t = time.monotonic()
    assert b.sysg('ping').returncode == 0 and time.monotonic() - t < 3 * SLOW
    if expected != 'ok1' and trick != 'more-behind':  # there the child has what it needs, and goes on
        until(lambda: b.unit('root')['counts'].get('children') == 0)
    assert b.status_json()['supervisor']['loop']['longest_turn_us'] < 1_000_000
    assert b.term() == 0


@pytest.mark.asan
def test_a_client_that_never_sends_holds_nobody_up_and_a_stop_ends_it(box):
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(HOSTILE % (str(TOOLS), 's = begin(); open("go", "w").write("x"); said(s)'))
    b = box('services: {root: {exec: [python, main.py], stop_timeout: 300ms, spawn: {mode: dynamic}}}', home=b.home).up()
    b.file('go')
    assert b.state('root') == 'running' and b.sysg('ping').returncode == 0
    b.sysg_ok('stop', 'kid')
    assert b.file('said') == 'SG0815'


@pytest.mark.alone
def test_a_client_that_never_sends_is_given_up_after_30_s(box):
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(HOSTILE % (str(TOOLS), 's = begin(); open("go", "w").write("x"); said(s)'))
    b = box('services: {root: {exec: [python, main.py], spawn: {mode: dynamic}}}', home=b.home, timeout=120).up()
    b.file('go')
    t = time.monotonic()
    assert b.file('said', 40) == 'SG0813'
    assert 25 < time.monotonic() - t
