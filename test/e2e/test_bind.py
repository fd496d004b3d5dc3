"""`sysg spawn --bind`: the child, with all of its tree, ends with the command."""
import pytest

from harness import TOOLS, until
from test_queue import tree, until_waiting
from test_spawn import root, run_in


def gone(b, name):
    u = b.unit(name)
    return not u or u['state'] not in ('running', 'starting', 'stopping')


@pytest.mark.asan
@pytest.mark.parametrize('more', ['', '--wait', '--attach', '--queue'])
def test_the_child_is_stopped_with_its_tree_when_the_command_ends(box, more):
    b = root(box, f'''
        sysg spawn --bind {more} --name kid -- sh -c 'sysg spawn --name below -- sleep 1000; setsid sleep 1001 & exec sleep 1002' >out 2>err & echo $! >pid''')
    until(lambda: b.unit('kid') and b.unit('below') and b.unit('below')['state'] == 'running')
    b.exec('kill', '-9', b.file('pid').strip())
    until(lambda: gone(b, 'kid') and gone(b, 'below'), why=lambda: str(b.unit('kid')))
    until(lambda: not any('100' in p.cmdline and 'sleep' in p.cmdline and p.cmdline != 'sleep 1000' for p in b.others()))
    assert b.state('root') == 'running' and b.unit('root')['counts']['children'] == 0


def test_without_bind_the_child_outlives_the_command(box):
    b = root(box, 'sysg spawn --wait --name kid -- sleep 1000 & echo $! >pid')
    until(lambda: b.unit('kid') and b.unit('kid')['state'] == 'running')
    b.exec('kill', '-9', b.file('pid').strip())
    until(lambda: not b.alive(int(b.file('pid'))))
    assert b.sysg('ping').returncode == 0 and b.unit('kid')['state'] == 'running'


def test_the_status_is_the_childs_and_nothing_is_printed(box):
    _, out, rc = run_in(box, '''
        sysg spawn --bind -- sh -c 'exit 7'; echo $? >&3
        sysg spawn --bind -- no-such-program; echo $? >&3
        sysg spawn --bind --limit depth=99 -- true; echo $? >&3''')
    assert rc == [7, 127, 125] and out == ''


def test_a_signal_to_the_command_stops_the_child(box):
    b = root(box, 'sysg spawn --bind --name kid -- sleep 1000 & echo $! >pid')
    until(lambda: b.unit('kid') and b.unit('kid')['state'] == 'running')
    b.exec('kill', '-TERM', b.file('pid').strip())
    until(lambda: gone(b, 'kid'))
    assert b.unit('kid')['last_exit']['reason'] == 'stopped'


@pytest.mark.asan
def test_one_that_waits_for_room_leaves_the_queue_with_its_command(box):
    b = tree(box, 'children: 1', '''
        sysg spawn --name a -- sleep 1000
        sysg spawn --queue --bind -- touch never & echo $! >pid''')
    until_waiting(b, 1)
    b.exec('kill', '-9', b.file('pid').strip())
    until_waiting(b, 0)
    b.sysg_ok('stop', 'a')
    assert not (b.home / 'never').exists()


def test_a_connection_that_closes_while_the_child_is_set_up_stops_it(box):
    b = root(box, '''
        i=0; while [ $i -lt 20 ]; do i=$((i + 1)); sysg spawn --bind --name k$i -- sleep 1000 & p=$!; sysg ping; kill -9 $p; done; : >end''')
    until(lambda: (b.home / 'end').exists(), 30)
    until(lambda: b.unit('root')['counts']['children'] == 0, 20, why=lambda: str(b.unit('root')))


NAMED_BEFORE = '''
import os, sys, time
sys.path.insert(0, %r)
from peer import *
s = connect(timeout=30)
code = ask(s, 'op=status', 'unit=other', 'unit=hidden')['code']
kid = ask(s, 'op=spawn', 'name=kid', 'bind=1', 'arg=sleep', 'arg=1000', 'cwd=/', 'env=PATH=' + os.environ['PATH'])
open('said.new', 'w').write(code + ' ' + kid['ok']); os.rename('said.new', 'said')
while not os.path.exists('go'): time.sleep(0.01)
s.close()
time.sleep(1000)
'''


def test_what_a_refused_request_named_does_not_end_in_the_place_of_the_child(box):
    """The right to see it is none to stop it."""
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(NAMED_BEFORE % str(TOOLS))
    b = box('services: {other: {exec: [sleep, 1000]}, hidden: {exec: [sleep, 1000]}, root: {exec: [python, main.py], '
            'request_capabilities: ["status:other"], spawn: {mode: dynamic}}}', home=b.home).up()
    assert b.file('said') == 'SG0811 1'
    pid = b.pid_of('other')
    (b.home / 'go').touch()
    until(lambda: gone(b, 'kid') or b.state('other') != 'running')
    assert gone(b, 'kid') and b.pid_of('other') == pid
