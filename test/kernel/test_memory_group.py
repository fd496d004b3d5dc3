"""total_memory where the init may make groups with the memory controller: the kernel holds it."""
from harness import PYTHON, TOOLS, codes, until
from test_cgroup import IN, tree, value

GROW = [PYTHON, f'{TOOLS}/grow.py']


def start(box, group, limits):
    return box(f'services: {{web: {{exec: [sleep, "1000"], spawn: {{mode: dynamic, limits: {{{limits}}}}}}}}}', shape=False,
               ns=[*IN, str(group)], timeout=120).up(60)


def spawn(b, name, *args):
    b.sysg_ok('spawn', '--parent', 'web', '--name', name, '--', *GROW, name, *args, timeout=60)


def test_total_memory_is_memory_max_of_the_tree_and_the_largest_child_goes(box, group):
    b = start(box, group, 'total_memory: 64M')
    assert value(tree(group), 'memory.max') == '67108864'
    spawn(b, 'small', '2', '0', '2')
    spawn(b, 'large', '20', '10', '200')
    u = b.until_state('large', 'failed', 'stopped', seconds=60)
    assert u['last_exit']['reason'] in ('oom', 'memory'), u
    assert b.state('small') == b.state('web') == 'running' and b.unit('web')['restarts'] == 0
    m = b.unit('web')['memory']
    assert m['enforcement'] == 'cgroup' and m['known_by'] == 'group' and 0 < m['use_bytes'] < m['limit_bytes'] == 67108864
    assert int(value(tree(group), 'memory.peak')) <= 67108864


def test_near_the_limit_a_spawn_is_refused_and_files_that_were_read_do_not_count(box, group):
    b = start(box, group, 'total_memory: 64M')
    (b.home / 'file').write_bytes(b'x' * (80 << 20))
    b.sysg_ok('spawn', '--parent', 'web', '--wait', '--', 'cat', 'file', timeout=60)
    assert b.sysg('spawn', '--parent', 'web', '--', 'true', timeout=60).returncode == 0
    spawn(b, 'a', '54', '0', '54')
    until(lambda: b.unit('web')['memory']['use_bytes'] > 58 << 20, 30, 0.2, lambda: b.unit('web'))
    r = b.sysg('spawn', '--parent', 'web', '--', 'true', timeout=60)
    assert r.returncode == 7 and codes(r) == ['SG0805']


def test_where_the_controllers_cannot_be_had_it_is_measured(box, group):
    (group.parent / 'cgroup.subtree_control').write_text('-memory -pids -cpu')
    b = start(box, group, 'total_memory: 64M')
    spawn(b, 'large', '20', '10', '200')
    assert b.until_state('large', 'failed', 'stopped', seconds=60)['last_exit']['reason'] == 'memory'
    assert b.unit('web')['memory']['enforcement'] == 'measured' and b.unit('web')['containment'] == 'cgroup'
