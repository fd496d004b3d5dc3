"""Rights whose reason is gone: a child never holds more than its parent, whatever became of that."""
import os
import signal

from harness import until
from test_rights import AGENT, Agents


def agents_in(box, services, *names):
    """Agents whose services are written by the test."""
    base = box(None, argv=['true'])
    (base.home / 'agent.sh').write_text(AGENT)
    a = Agents.__new__(Agents)
    a.n, a.b = 0, box('services:\n' + services, home=base.home).up()
    for name in names:
        a.wait_for(name)
    return a


def end(a, unit):
    os.kill(a.b.inner(a.b.pid_of(unit)).pid, signal.SIGKILL)


def test_the_right_to_spawn_that_was_taken_is_not_back_in_a_new_instance(box):
    a = Agents(box, {'web': 'deployment: {strategy: rolling}'})
    a.b.sysg_ok('revoke', 'web', 'spawn')
    ident = a.b.unit('web')['id']
    (a.b.home / 'web.up').unlink()
    a.b.sysg_ok('restart', '-s', 'web')
    a.wait_for('web')
    until(lambda: a.b.unit('web')['id'] != ident and not a.b.unit('web.old'))
    rc, _, err = a.do('web', 'sysg spawn -- true')
    assert rc == 4 and 'SG0801' in err


def test_over_an_orphan_and_what_is_below_it_others_lose_what_they_were_given(box):
    a = agents_in(box, """
  root: {exec: [sh, ./agent.sh, root], spawn: {mode: dynamic, termination_policy: orphan}}
  other: {exec: [sh, ./agent.sh, other]}
""", 'root', 'other')
    a.spawn('root', 'mid')
    x, y = a.spawn('mid', 'x'), a.spawn('mid', 'y')
    z = a.spawn('x', 'z')
    for to in ('y', 'other'):
        for over in ('x', 'z', 'root/mid/x'):
            a.ok('mid', f'sysg grant {to} signal:{over}')
    a.ok('x', 'sysg grant z stop:self')
    end(a, 'root/mid')
    until(lambda: all((u := a.b.unit(i['id'])) and u.get('orphan') for i in (x, y)))
    for who in ('y', 'other', 'root'):
        for over in (x, z):
            a.denied(who, f'sysg signal {over["id"]} WINCH')
    a.ok('x', f'sysg signal {z["id"]} WINCH')
    assert f'stop:{a.b.unit(x["id"])["path"]}' in a.caps(z['id']), 'within its tree they stay'


def test_the_right_to_message_a_parent_that_is_no_more_goes_with_it(box):
    a = agents_in(box, """
  root: {exec: [sh, ./agent.sh, root], restart_policy: never, spawn: {mode: dynamic, termination_policy: orphan}}
  hold: {exec: [sleep, "1000"]}
""", 'root')
    a.spawn('root', 'p')
    a.spawn('p', 'c', '--request message:root')
    a.ok('c', 'sysg send root -- x')
    (a.b.home / 'root.up').unlink()
    end(a, 'root')
    until(lambda: (u := a.b.unit('p')) and u.get('orphan'))
    a.b.sysg_ok('start', '-s', 'root')
    a.wait_for('root')
    for who in ('p', 'c'):
        assert a.do(who, 'sysg send root -- x')[0] == 4


def public_taken(box, more):
    a = Agents(box, {'web': '', 'pub': 'public: true' + more})
    a.spawn('web', 'kid')
    a.ok('web', 'sysg grant kid message:pub')
    a.ok('kid', 'sysg send pub -- hi')
    ident = a.b.unit('pub')['id']
    (a.b.home / 'pub.up').unlink()
    a.b.write_manifest(a.b.manifest.read_text().replace(', public: true', ''))
    a.b.sysg_ok('reload')
    a.wait_for('pub')
    until(lambda: not more or a.b.unit('pub')['id'] != ident)
    for who in ('web', 'kid'):
        assert a.do(who, 'sysg send pub -- hi')[0] == 4


def test_what_was_given_as_a_unit_was_public_goes_with_that(box):
    public_taken(box, '')


def test_and_where_the_new_one_is_beside_it(box):
    public_taken(box, ', deployment: {strategy: rolling}')


def test_what_a_service_loses_the_orphans_of_its_tree_lose_too(box):
    a = agents_in(box, """
  root: {exec: [sh, ./agent.sh, root], spawn: {mode: dynamic, termination_policy: orphan}}
  db: {exec: [sleep, "1000"]}
""", 'root')
    a.b.sysg_ok('grant', 'root', 'signal:db')
    a.spawn('root', 'mid', '--request signal:db')
    x = a.spawn('mid', 'x', '--request signal:db')
    end(a, 'root/mid')
    until(lambda: (u := a.b.unit(x['id'])) and u.get('orphan'))
    a.ok('x', 'sysg signal db WINCH')
    a.b.sysg_ok('revoke', 'root', 'signal:db')
    a.denied('x', 'sysg signal db WINCH')
