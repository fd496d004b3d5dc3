"""Reloads of manifests at random, starts, stops, restarts and deployments of anything, kills and broken-off requests, all at once:
meanwhile `status` never lies, and each time that all of it rests every service is there once and nothing else is.

SOAK_SECONDS (10) says how long, SOAK_SEED which run.
"""
import os
import random
import re
import time

import pytest

from harness import ASAN, TOOLS, assert_gone, until
from test_soak import fds
from test_soak_tree import written_kib

SECONDS = float(os.environ.get('SOAK_SECONDS', 10))
SEED = int(os.environ.get('SOAK_SEED', random.randrange(1 << 30)))
STORM = max(5.0, min(20.0, SECONDS / 4))  # between two rests
PLAIN = '''
version: "2"
projects:
  p:
    services:
      a: {exec: [sleep, "10001"], deployment: {strategy: rolling}}
      b: {exec: [sleep, "10002"], depends_on: [a]}
services:
  a: {exec: [sleep, "10003"]}
  b: {exec: [sleep, "10004"], replicas: 2}
  c: {exec: [sleep, "10005"], deployment: {strategy: rolling}}
'''
PATHS = ['a', 'b.1', 'b.2', 'c', 'p/a', 'p/b']


def rest(b):
    """Everything down, and up again by a manifest that is known; what PID 1 keeps then."""
    b.sysg_ok('stop', timeout=60)
    assert_gone(b, 10)
    b.write_manifest(PLAIN)
    b.sysg_ok('start', timeout=60)
    assert b.sysg_ok('reload', timeout=60) == 'Nothing changed\n'
    b.sysg_ok('restart', timeout=60)
    units = b.status_json()['units']
    assert sorted(u['path'] for u in units) == PATHS and {u['state'] for u in units} == {'running'}, units
    mains = sorted(u['process']['pid'] for u in units)
    until(lambda: sorted(p.inner for p in b.others()) == mains, 10, 0.1, lambda: f'one process each {mains}: {b.others()}')
    time.sleep(3)  # what is given back after a second without any work is given back; pacing, not a condition
    return fds(b), written_kib(b.pid)


@pytest.mark.asan
def test_changes_at_random_leave_each_service_there_once_and_nothing_besides(box, capsys):
    b = box(PLAIN, timeout=int(SECONDS * 3 + 300)).up()
    before, end, rests, said = rest(b), time.monotonic() + SECONDS, [], ''
    while not rests or time.monotonic() < end:
        seed = SEED + len(rests)
        r = b.exec('python', f'{TOOLS}/storm.py', seed, STORM, timeout=STORM + 120)
        assert r.returncode == 0 and not b.ended, (seed, r.stdout, r.stderr[-2000:], b.stderr[-3000:])
        assert 'internal:' not in b.stderr, (seed, re.findall('.*internal:.*', b.stderr))
        rests.append(rest(b))
        said = r.stdout.strip()
    grown = rests[-1][1] - before[1]
    with capsys.disabled():
        print(f'\n  soak of changes: seed {SEED}, {len(rests)} rests; grown by {grown} KiB; the last: {said}')
    assert len(rests[-1][0]) == len(before[0]), (before[0], rests[-1][0])
    assert ASAN or grown <= 512, (SEED, rests)
    assert b.term() == 0
