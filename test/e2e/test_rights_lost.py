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
