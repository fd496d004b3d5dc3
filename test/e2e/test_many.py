"""Four hundred services in twenty levels: they boot, one change touches what it has to, they end inside the budget."""
import time

import pytest

from harness import ASAN, pss_kib, until

LEVELS, WIDTH = 20, 20
N = LEVELS * WIDTH
BUDGET = 8  # seconds, of a shutdown where no service sets stop_timeout


def needs(i):
    """Of the level below: the one in its own column, and that of the next."""
    below = (i // WIDTH - 1) * WIDTH
    return sorted({below + i % WIDTH, below + (i + 1) % WIDTH}) if i >= WIDTH else []


def above(i):
    """All that depend on it, however far away."""
    found, new = set(), {i}
    while new:
        found |= new
        new = {j for j in range(N) if set(needs(j)) & new} - found
    return found - {i}


def manifest(changed=()):
    text = 'services:\n'
    for i in range(N):
        deps = ', '.join(f's{d}' for d in needs(i))
        text += (f'  s{i}: {{command: "trap \'echo {i} >>stopped; exit 0\' TERM; echo {i} >>started; sleep {2000 if i in changed else 1000} & wait", '
                 f'depends_on: [{deps}]}}\n')
    return text


def pids(b):
    return {int(u['name'][1:]): u['process']['pid'] for u in b.status_json()['units'] if 'process' in u}


def order(b, name):
    return [int(i) for i in b.peek(name).split()]


def changes(b, changed, expected, said):
    """Seconds of a reload that restarts those and no other."""
    before = pids(b)
    b.write_manifest(manifest(changed))
    began = time.monotonic()
    out = b.sysg_ok('reload', timeout=60).splitlines()
    took = time.monotonic() - began
    after = pids(b)
    assert {i for i in before if before[i] != after[i]} == expected and len(after) == N
    assert sorted(out[:-1]) == sorted(said)
    return took


@pytest.mark.alone
def test_four_hundred_services_in_twenty_levels_boot_change_and_end(box, capsys):
    b = box(manifest(), timeout=180).up()
    until(lambda: b.sysg('ready').returncode == 0, 120, 0.02, lambda: b.stderr[-800:])
    boot = time.time() - b.exec_time
    assert len(pids(b)) == N and sorted(order(b, 'started')) == list(range(N))
    # without a check a service counts as up once it is executed: its own line may come a little later
    assert 'SG0' not in b.stderr, b.stderr

    leaf, middle = N - 1, 187
    one = changes(b, {leaf}, {leaf}, [f'restart s{leaf} (changed)'])
    chain = above(middle)
    some = changes(b, {leaf, middle}, chain | {middle}, [f'restart s{middle} (changed)', *(f'restart s{i} (dependent)' for i in chain)])
    assert b.sysg_ok('reload', timeout=60) == 'Nothing changed\n'
    turn = b.status_json()['supervisor']['loop']['longest_turn_cpu_us'] / 1000
    kib = pss_kib(b.pid)

    (b.home / 'stopped').unlink()
    began = time.monotonic()
    assert b.term(30) == 0
    end = time.monotonic() - began
    stopped = order(b, 'stopped')
    assert sorted(stopped) == list(range(N)) and 'SG0713' not in b.stderr and 'killed now' not in b.stderr
    at = {i: k for k, i in enumerate(stopped)}
    assert all(at[i] < at[d] for i in range(N) for d in needs(i)), 'dependents first'
    with capsys.disabled():
        print(f'\n  400 services in 20 levels: up in {boot:.2f} s, a reload of one {one:.2f} s, of {len(chain) + 1} in a chain {some:.2f} s, '
              f'end {end:.2f} s; PID 1 {kib} KiB, its longest turn {turn:.1f} ms')
    assert ASAN or (end < BUDGET and one < 3)
