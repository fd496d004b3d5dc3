"""Boxes for the tests: each is closed, looked at for a sanitizer's report, and shown when its test fails."""
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import harness  # noqa: E402
from passed_over import pytest_collection_modifyitems  # noqa: E402,F401


def pytest_configure(config):
    config.addinivalue_line('markers', 'alone: measures time, and runs while nothing else does')
    config.addinivalue_line('markers', 'idle: takes minutes, and measures nothing that others disturb; runs beside everything')
    config.addinivalue_line('markers', 'asan: also run with the sanitizers')


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == 'call':
        item.failed = report.failed


# Seconds that all measuring tests of a run together may wait for the machine to be free.
patience = [180.0]


def busy():
    """The share of the processors' time that something used in the next quarter of a second."""
    def look():
        ticks = [int(t) for t in pathlib.Path('/proc/stat').read_text().split('\n')[0].split()[1:]]
        return sum(ticks), ticks[3] + ticks[4]
    before = look()
    time.sleep(0.25)
    after = look()
    return 1 - (after[1] - before[1]) / max(1, after[0] - before[0])


@pytest.fixture(autouse=True)
def quiet(request, capsys):
    """A test that measures time waits until nothing else uses the machine; the bounds that it asserts stay what they are."""
    if request.node.get_closest_marker('alone') is None:
        return
    start, share = time.monotonic(), busy()
    while share > 0.3 and time.monotonic() - start < patience[0]:
        share = busy()
    patience[0] -= time.monotonic() - start
    if share > 0.3:
        with capsys.disabled():
            print(f'\n  not quiet: {share:.0%} of the machine was in use by others when {request.node.name} began')


@pytest.fixture
def box(request):
    """Makes boxes; closes all of them at the end."""
    harness.Box.all = []
    yield harness.Box
    boxes, harness.Box.all = harness.Box.all, []
    trouble = []
    for b in boxes:
        if getattr(request.node, 'failed', False):
            b.read_pty()
            print(f'--- {b.argv}\nstatus {b.status}\nstdout: {b.stdout[-3000:]}\nstderr: {b.stderr[-5000:]}')
            if not b.ended:
                print('processes:', *b.procs(dead=True).values(), sep='\n  ')
        trouble += [r for r in [b.sanitizer_report()] if r]
        b.close()
    assert not trouble, trouble
