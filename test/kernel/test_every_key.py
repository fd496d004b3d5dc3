"""The manifest of test/e2e/test_every_key.py, with limits.cgroup."""
import every_key
from test_cgroup import IN, tree, value


def test_a_manifest_with_every_key_boots_where_a_cgroup_is_delegated(box, group):
    b = every_key.boots(box, {'landlock', 'project'}, shape=False, ns=[*IN, str(group), '--net'])
    t = tree(group / 'held')
    assert [value(t, f) for f in ('memory.max', 'pids.max', 'cpu.max', 'cpu.weight')] == ['268435456', '200', '90000 100000', '50']
    every_key.ends(b)
    assert not [d for d in (group / 'held').iterdir() if d.is_dir()]
