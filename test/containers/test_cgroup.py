"""A cgroup v2 that is the container's own: delegated to it, and shown to it read-only."""
import contextlib
import pathlib

import pytest

from conftest import in_time, text_of, until
from harness import delegated_cgroup, remove_groups

MANIFEST = '''
services:
  a: {command: "setsid sleep 4141 & sleep 4242"}
  boss:
    exec: [sh, -c, "sysg spawn --name kid -- sh -c 'setsid sleep 4343 & sleep 4343'; sleep 1000"]
    spawn: {mode: dynamic}
'''


@contextlib.contextmanager
def in_group(container, mode, *options):
    """A container in a group below a fresh one of the v2 hierarchy, which it sees: (that group of its own, the container)."""
    with delegated_cgroup() as top:
        top.chmod(0o755)
        c = container(MANIFEST, options=['--cgroupns', 'host', '--cgroup-parent', f'/{top.name}', '-v', f'{top}:/sys/fs/cgroup:{mode}', *options])
        try:
            c.ready()
            yield next(top.glob('libpod-*')), c
        finally:
            c.podman.run('rm', '-f', '-t', '0', c.name)
            for other in pathlib.Path('/sys/fs/cgroup').glob(f'*/{top.name}'):
                remove_groups(other)


def groups(folder):
    return {str(p.relative_to(folder)): text_of(p / 'cgroup.procs').split() for p in folder.rglob('*') if p.is_dir()}


def test_where_it_is_delegated_each_unit_has_a_group_and_is_killed_with_it(container):
    with in_group(container, 'rw') as (group, c):
        assert c.status()['supervisor']['containment'] == 'cgroup'
        found = c.doctor()
        assert found['cgroup v2'][0][0] == found['cgroup.kill'][0][0] == 'ok' and 'by cgroup' in found['belonging'][0][1]
        until(lambda: len([p for p in groups(group).values() if p]) >= 3, why=lambda: groups(group))
        assert c.sysg('stop', 'a').returncode == 0 and c.sysg('stop', 'boss').returncode == 0
        assert not [line for line in c.commands() if line.startswith('sleep 4')]
        until(lambda: not any(groups(group).values()), why=lambda: groups(group))
        took, code = c.stop()
        assert code == 0 and in_time(took)


@pytest.mark.parametrize('mode, options', [('ro', []), ('rw', ['--user', '1000'])])
def test_where_it_may_not_be_written_that_is_said_and_the_marks_do_the_work(container, mode, options):
    with in_group(container, mode, *options) as (group, c):
        assert c.status()['supervisor']['containment'] == 'mark'
        found = c.doctor()
        assert found['cgroup v2'][0][0] == found['cgroup.kill'][0][0] == 'warn' and 'by mark' in found['belonging'][0][1]
        assert groups(group) == {}
        until(lambda: len([line for line in c.commands() if line.startswith('sleep 4')]) >= 4, why=c.commands)
        assert c.sysg('stop', 'a').returncode == 0 and c.sysg('stop', 'boss').returncode == 0
        assert not [line for line in c.commands() if line.startswith('sleep 4')]
        took, code = c.stop()
        assert code == 0 and in_time(took)
