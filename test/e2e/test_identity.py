"""Who calls is what the kernel says of the peer (R1), never what the peer says."""
import json
import pathlib

import pytest

from harness import PYTHON, SYSG, TOOLS, until

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
    assert b.state('other') == 'running'


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
