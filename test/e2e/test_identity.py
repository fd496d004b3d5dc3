"""Who calls is what the kernel says of the peer (R1), never what the peer says."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from harness import PYTHON, SYSG, TOOLS, delegated_cgroup, until

PEER = str(TOOLS / 'peer.py')


def tree(box, script, extra='', **kw):
    b = box(None, argv=['true'], **kw)
    (b.home / 'main.sh').write_text(script + '\nexec sleep 1000\n')
    return box(f'services: {{root: {{exec: [sh, ./main.sh], spawn: {{mode: dynamic}}{extra}}}}}', home=b.home, **kw).up()


def whoami(b, *how, **kw):
    r = b.exec(PYTHON, PEER, 'whoami', *how, **kw)
    return json.loads(r.stdout)


@pytest.mark.asan
def test_a_units_main_process_is_that_unit(box):
    b = tree(box, 'sysg whoami >me.new; mv me.new me')
    words = b.file('me').split()
    assert words[:2] == ['unit', 'root'] and words[2].startswith('@')


def test_a_background_child_is_the_unit(box):
    b = tree(box, "sh -c 'sysg whoami >me.new; mv me.new me' & wait")
    assert b.file('me').split()[:2] == ['unit', 'root']


def test_a_child_in_another_session_is_the_unit(box):
    b = tree(box, "setsid sh -c 'sysg whoami >me.new; mv me.new me' & wait")
    assert b.file('me').split()[:2] == ['unit', 'root']


def test_with_a_cleared_environment_it_is_the_unit(box):
    b = tree(box, 'S=$(command -v sysg); env -i $S whoami >me.new; mv me.new me')
    assert b.file('me').split()[:2] == ['unit', 'root']


def test_an_adopted_process_of_the_units_session_is_the_unit(box):
    b = tree(box, f'{PYTHON} {PEER} whoami orphan to=me &')
    assert json.loads(b.file('me'))['path'] == 'root'


def test_an_adopted_process_with_a_session_of_its_own_is_nobody(box):
    b = tree(box, f'{PYTHON} {PEER} whoami setsid orphan to=me &')
    assert json.loads(b.file('me'))['class'] == 'nobody'


def test_a_spawned_child_is_itself_and_not_its_parent(box):
    b = tree(box, "sysg spawn --name kid -- sh -c 'sysg whoami >me.new; mv me.new me; exec sleep 1000'")
    assert b.file('me').split()[:2] == ['unit', 'root/kid']


def test_an_execed_root_is_operator(box):
    b = tree(box, ':')
    assert b.sysg_ok('whoami').split()[0] == 'operator'


def test_an_execed_other_uid_is_nobody(box):
    b = tree(box, ':')
    assert b.sysg_ok('whoami', uid=4700).split()[0] == 'nobody'


def test_an_execed_process_of_the_inits_own_uid_is_operator(box):
    b = tree(box, ':', ns=['--uid', '4701', '--gid', '4701', '--groups', '', '--keep', ''])
    assert b.sysg_ok('whoami', uid=4701).split()[0] == 'operator'


def test_the_environment_is_not_believed(box):
    b = tree(box, 'SYSG_ID=@1 SYSG_NAME=other SPAWN_PARENT_PID=1 sysg whoami >me.new; mv me.new me')
    assert b.file('me').split()[1] == 'root'
    r = b.sysg('whoami', uid=4702, env={'SYSG_ID': '@1', 'SYSG_NAME': 'root'})
    assert r.stdout.split()[0] == 'nobody'


@pytest.mark.parametrize('command', [
    ['status'], ['tree'], ['stop', 'root'], ['stop'], ['stop', '--supervisor'], ['spawn', '--', 'true'],
    ['spawn', '--parent', 'root', '--', 'true'], ['wait', 'root']])
def test_nobody_may_do_nothing_but_look(box, command):
    b = tree(box, ':')
    pid = b.pid_of('root')
    r = b.sysg(*command, uid=4703)
    assert r.returncode in (4, 11), r
    assert b.pid_of('root') == pid and not b.ended


@pytest.mark.parametrize('command', [['ping'], ['version'], ['whoami'], ['health'], ['ready']])
def test_nobody_may_look(box, command):
    b = tree(box, ':')
    b.until_state('root', 'running')
    assert b.sysg(*command, uid=4704).returncode == 0


@pytest.mark.parametrize('command', [['stop'], ['stop', '--supervisor'], ['stop', 'other']])
def test_a_unit_may_not_do_what_is_the_operators(box, command):
    b = box(f'''
        services:
          root: {{command: "sysg {' '.join(command)}; echo $? >rc; exec sleep 1000"}}
          other: {{exec: [sleep, "1000"]}}
        ''').up()
    assert b.file('rc').strip() == '4'
    b.until_state('other', 'running')


def test_a_passed_on_connection_asks_for_nothing(box):
    b = tree(box, ':')
    r = json.loads(b.exec(PYTHON, PEER, 'passed_on').stdout)
    assert r['mine']['class'] == 'operator'
    assert r['theirs'].get('ok') != '1'
    assert not any('4999' in p.cmdline for p in b.procs().values())


def test_an_inherited_connection_spawns_nothing_for_another_unit(box):
    """A unit connects, and its own child process sends: the sender isn't who connected."""
    b = tree(box, f'{PYTHON} {PEER} passed_on >r.new; mv r.new r')
    r = json.loads(b.file('r'))
    assert r['mine']['path'] == 'root' and r['theirs'].get('ok') != '1'


def test_a_set_uid_caller_is_refused(box):
    """Real uid 4710, effective uid 0: what it connected as is not what it is whole."""
    b = box(None, argv=['true'])
    suid = b.home / 'sysg-suid'
    suid.write_bytes(pathlib.Path(SYSG).read_bytes())
    suid.chmod(0o4755)
    b = box('services: {root: {command: "./sysg-suid spawn -- sleep 792 2>err; echo $? >rc; exec sleep 1000", user: 4710, spawn: {mode: dynamic}}}',
            home=b.home).up()
    assert b.file('rc').strip() == '14' and 'SG0814' in b.file('err')
    assert not any(p.cmdline == 'sleep 792' for p in b.procs().values())


def test_a_stranger_of_another_pid_namespace_is_nobody(box):
    """The socket is shared by a folder; the peer's pid is 0 to the init."""
    b = box(None, argv=['true'])
    b = box(f'control: {{socket: {b.home}/c.sock}}\nservices: {{root: {{exec: [sleep, "1000"]}}}}', home=b.home)
    until(lambda: (b.home / 'c.sock').exists(), why=lambda: b.stderr)
    other = box(argv=['sleep', '1000'])
    r = other.exec('sysg', '--socket', f'{b.home}/c.sock', 'whoami')
    assert r.stdout.split()[0] == 'nobody', r
    assert other.exec('sysg', '--socket', f'{b.home}/c.sock', 'stop').returncode in (4, 11)


def test_a_checks_command_calls_as_the_unit_that_it_serves_without_spawn(box):
    b = box('''
        services:
          root:
            exec: [sleep, "1000"]
            spawn: {mode: dynamic}
            health_check: {command: "sysg whoami >who.new && mv who.new who; sysg spawn -- sleep 793; echo $? >rc.new; mv rc.new rc", interval: 60s}
        ''').up()
    assert b.file('who').split()[:2] == ['unit', 'root']
    assert b.file('rc').strip() == '4'


def test_a_hooks_command_calls_as_the_unit_that_it_serves_without_spawn(box):
    b = box('''
        services:
          root:
            exec: [sleep, "1000"]
            spawn: {mode: dynamic}
            hooks: {post_start: "sysg whoami >who.new && mv who.new who; sysg spawn -- sleep 794; echo $? >rc.new; mv rc.new rc"}
        ''').up()
    assert b.file('who').split()[:2] == ['unit', 'root']
    assert b.file('rc').strip() == '4'


# --- a number that is used again ---

@pytest.mark.parametrize('ns', [(), ('--filter', 'old')])
def test_who_has_the_pid_and_the_connection_of_one_that_ended_is_nobody(box, ns):
    b = tree(box, 'imp reuse who; echo $? >rc', ns=list(ns))
    assert b.file('rc').strip() == '0'
    first, second = b.file('who').splitlines()
    assert 'class=unit path=root' in first
    assert second == 'closed' or 'class=nobody' in second


def test_nor_are_its_messages_the_last_words_of_the_one_that_ended(box):
    b = tree(box, 'until sysg status target; do sleep 0.05; done; imp reuse who send; echo $? >rc',
             ', request_capabilities: ["message:target", "status:target"]}, target: {exec: [sleep, "1000"]')
    assert b.file('rc').strip() == '0'
    first, second = b.file('who').splitlines()
    assert 'class=unit path=root' in first
    assert second == 'closed' or 'code=SG0810' in second


def test_it_is_nobody_too_where_the_first_had_ended_before_it_was_seen(box):
    """PID 1 is stopped from outside meanwhile: it sees the connection when the number has its next owner."""
    b = tree(box, ': >up; while ! test -e now; do sleep 0.02; done; imp reuse who early; echo $? >rc')
    until(lambda: (b.home / 'up').exists())
    b.kill(signal.SIGSTOP)
    (b.home / 'now').write_text('x')
    until(lambda: [p for p in b.procs().values() if p.cmdline == 'imp reuse who early'][1:])
    (b.home / 'who.go').write_text('x')
    b.kill(signal.SIGCONT)
    assert b.file('rc').strip() == '0'
    assert b.file('who').strip() == 'closed' or 'class=nobody' in b.file('who')


# --- kernels and places ---

OLD = ['--filter', 'old']  # among others without SO_PEERPIDFD and pidfds


def test_without_so_peerpidfd_each_class_is_found_by_the_folder_in_proc(box):
    b = tree(box, f'''sysg whoami >main; setsid sh -c 'sysg whoami >session'
        {PYTHON} {PEER} whoami orphan to=orphan
        {PYTHON} {PEER} whoami setsid orphan to=stranger
        sysg spawn --name kid -- sh -c 'sysg whoami >kid.new; mv kid.new kid''' + "'", ns=OLD)
    assert b.file('kid').split()[:2] == ['unit', 'root/kid']
    assert b.file('main').split()[:2] == b.file('session').split()[:2] == ['unit', 'root']
    assert json.loads(b.file('orphan'))['path'] == 'root' and json.loads(b.file('stranger'))['class'] == 'nobody'
    assert b.sysg_ok('whoami', ns=OLD).split()[0] == 'operator'
    assert b.sysg_ok('whoami', ns=OLD, uid=4705).split()[0] == 'nobody'


def test_what_a_unit_that_is_a_subreaper_adopts_is_the_unit(box):
    code = f"import ctypes, os; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); os.system('{PYTHON} {PEER} whoami setsid orphan to=me'); os.wait()"
    b = tree(box, f'exec {PYTHON} -c "{code}"')
    me = json.loads(b.file('me'))
    assert (me['class'], me.get('path')) == ('unit', 'root')


def test_below_a_nested_supervisor_each_of_the_two_knows_its_own(box):
    outer = 'sysg --socket /run/sysg/control.sock'
    inner = (
        f'services: {{in: {{command: "sysg whoami >mine; {outer} whoami >theirs; '
        f'{PYTHON} {PEER} whoami setsid orphan to=stranger; sysg spawn -- true; echo $? >rc.new; mv rc.new rc; exec sleep 1000", '
        'spawn: {mode: dynamic}}}')
    b = tree(box, f"cat >inner.yaml <<'END'\n{inner}\nEND\nexec sysg start -c inner.yaml")
    assert b.file('rc').strip() == '0'
    assert b.file('mine').split()[:2] == ['unit', 'in'] and b.file('theirs').split()[:2] == ['unit', 'root']
    assert json.loads(b.file('stranger'))['class'] == 'nobody'
    assert b.sysg_ok('whoami').split()[0] == 'operator'
    socket = f"/run/sysg/{b.unit('root')['id']}/control.sock"
    assert b.exec('sysg', '--socket', socket, 'whoami').stdout.split()[0] == 'operator'


def beside(box, **kw):
    """A supervisor that is not PID 1; its pid namespace has processes that are none of its own."""
    b = box(None, argv=['true'], **kw)
    (b.home / 'systemg.yaml').write_text(
        f'''services: {{root: {{command: "sysg whoami >main; setsid sh -c 'sysg whoami >session'; {PYTHON} {PEER} whoami orphan to=orphan; '''
        f'''{PYTHON} {PEER} whoami setsid orphan to=stranger; : >done; exec sleep 1000"}}}}''')
    b = box(argv=['sh', '-c', 'sysg start -c systemg.yaml & wait; exec sleep 1000'], home=b.home, **kw).up()
    until(lambda: (b.home / 'done').exists())
    return b


def test_a_supervisor_that_is_not_pid_1_knows_the_same_classes(box):
    b = beside(box)
    assert b.file('main').split()[:2] == b.file('session').split()[:2] == ['unit', 'root']
    assert json.loads(b.file('orphan'))['path'] == 'root' and json.loads(b.file('stranger'))['class'] == 'nobody'
    assert b.sysg_ok('whoami').split()[0] == 'operator' and b.sysg_ok('whoami', uid=4706).split()[0] == 'nobody'


def test_in_a_shared_pid_namespace_root_of_another_container_is_nobody(box):
    """Another mount namespace and another cgroup; either of them alone is no other container."""
    b = beside(box)
    with delegated_cgroup() as top:
        def whoami(group, *words):
            def enter():
                if group:
                    (group / 'cgroup.procs').write_text(str(os.getpid()))
            r = subprocess.run(b.exec_argv([*words, 'sysg', 'whoami']), env=b.env, cwd='/', preexec_fn=enter, capture_output=True, text=True)
            assert r.returncode == 0, r
            return r.stdout.split()[0]
        assert whoami(None, 'unshare', '--mount') == whoami(top) == 'operator'
        assert whoami(top, 'unshare', '--mount') == 'nobody'
