"""Messages between units: order, bounds, bodies, notices exactly once, calls; and what one tree makes the init keep."""
import pytest

from test_spawn import root
from harness import until


@pytest.mark.asan
def test_environments_that_a_tree_makes_us_keep_are_bounded_and_equal_ones_count_once(box):
    b = root(box, '''cat >env.py <<'END'
import os, subprocess
big = {f'V{i}': 'x' * 110000 for i in range(15)}
def spawn(n):
    return subprocess.run(['sysg', 'spawn', '--', 'sleep', '1000'], env={**os.environ, **big, 'N': str(n)}, stdout=2, stderr=open('err', 'a')).returncode
open('rc.new', 'w').write(' '.join(str(spawn(n)) for n in [1] * 15 + list(range(2, 12))))
os.rename('rc.new', 'rc')
END
python env.py''')
    rc = until(lambda: b.peek('rc'), 60, why=lambda: b.stderr[-500:]).split()
    assert rc == ['0'] * 15 + ['0'] * 9 + ['13'], b.peek('err')  # 1.65 MB each: ten are within 16 MiB
    assert 'SG0831' in b.peek('err')
