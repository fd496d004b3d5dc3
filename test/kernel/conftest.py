"""Boxes of the end-to-end tests, on a kernel whose cgroup v2 has its controllers: see boot.sh."""
import pathlib
import sys

E2E = pathlib.Path(__file__).resolve().parents[1] / 'e2e'
sys.path.insert(0, str(E2E))

from harness import Box, delegated_cgroup  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture
def box(capsys):
    """Makes boxes; they are closed at the end, and what they said is shown where the test fails."""
    made = []

    def make(*args, **kw):
        made.append(Box(*args, **kw))
        return made[-1]
    yield make
    for b in made:
        said = f'--- {b.argv}\nstatus {b.status}\nstderr: {b.stderr[-1500:]}\n'
        b.close()
        print(said)


@pytest.fixture
def group():
    """A group with all controllers on, as a container runtime delegates it."""
    with delegated_cgroup() as d:
        (d.parent / 'cgroup.subtree_control').write_text('+memory +pids +cpu')
        yield d
