"""A service's workers spawn, are limited, end by TTL and with their parent, under each restriction of a runtime."""
import pytest

from conftest import in_time, until
from test_stop import RESTRICTIONS

SMALL = 'size=64k,notmpcopyup'
RESTRICTIONS = {
    **RESTRICTIONS,
    'noexec': ['--tmpfs', '/run:noexec', '--tmpfs', '/tmp:noexec', '--tmpfs', '/var/log:noexec'],
    'a tmpfs of 64 KB': ['--read-only', '--read-only-tmpfs=false', '--tmpfs', f'/run:{SMALL}', '--tmpfs', f'/var/log:{SMALL}'],
    'not PID 1, --init': ['--init'],
    'not PID 1, --pid=host': ['--pid', 'host'],
}
MANIFEST = '''
services:
  boss:
    exec: [sh, -c, "sysg spawn --name brief --ttl 2s -- sleep 1000; sysg spawn --name calm -- sh -c 'setsid sleep 1000 & sleep 1000';
      sysg spawn --name over -- true || echo refused $?; sleep 1000"]
    spawn: {mode: dynamic, limits: {children: 2}}
    stop_timeout: 1s
'''


def child_names(c):
    unit = c.units()[0]
    return [k['child']['name'] for k in unit.get('spawned_children', []) if k['child']['state'] == 'running']


@pytest.mark.parametrize('restriction', RESTRICTIONS)
def test_workers_spawn_are_limited_and_end_by_ttl_and_with_their_parent(container, restriction):
    c = container(MANIFEST, options=RESTRICTIONS[restriction]).ready()
    until(lambda: 'refused 7' in c.logs, why=lambda: f'the refusal: {c.logs}')
    until(lambda: child_names(c) == ['calm'], why=lambda: f'the end by TTL: {child_names(c)}')
    r = c.sysg('stop', 'boss')
    assert r.returncode == 0, r
    assert not [line for line in c.commands() if 'sleep 1000' in line], c.commands()
    took, code = c.stop()
    assert code == 0 and in_time(took) and c.pids() == []
