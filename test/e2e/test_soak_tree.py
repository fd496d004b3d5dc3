"""Fifty scripted units of ten trees spawn, stop, kill, message, grant, wait and break off at random; meanwhile nothing that is
bounded is past its bound, and each time that they rest every process is accounted for and PID 1 is as it was.

SOAK_SECONDS (120) says how long, SOAK_SEED which run, SOAK_PAUSE (0.3) the seconds between what one unit does on average.
    SOAK_SECONDS=1800 SYSG=build/release/sysg python3 -m pytest -q -s -p no:cacheprovider test/e2e/test_soak_tree.py
Its last lines are the summary for doc/soak.md.
"""
import contextlib
import collections
import os
import pathlib
import random
import re
import time

import pytest

from harness import ASAN, TOOLS, until
from test_soak import fds

SECONDS = float(os.environ.get('SOAK_SECONDS', 120))
SEED = int(os.environ.get('SOAK_SEED', random.randrange(1 << 30)))
PAUSE = os.environ.get('SOAK_PAUSE', '0.3')
STORM = max(8.0, min(60.0, SECONDS / 6))  # between two rests
DOWN = ('stopped', 'done', 'failed')
POLICIES = ['drain', 'cascade', 'reparent', 'orphan']
MANIFEST = '\n'.join(['services:'] + [f'''
  s{i}:
    exec: [python, {TOOLS}/treeunit.py, "0"]
    restart_policy: always
    backoff: {{initial: 50ms, max: 400ms}}
    stop_timeout: 300ms
    env: {{SOAK_PAUSE: "{PAUSE}"}}
    logs: {{sink: none}}
    spawn:
      mode: dynamic
      limits: {{children: 8, depth: 3, descendants: 20{", rate: 20" if i % 3 == 0 else ""}{", ttl: 30" if i % 4 == 1 else ""}}}
      termination_policy: {POLICIES[i % 4]}
      restart: {{max: 20, window: 60s}}
      {"when_full: queue" if i % 5 == 4 else ""}''' for i in range(10)] + ['''
  hold: {exec: [sleep, "100000"]}
'''])


def written_kib(pid):
    """What PID 1 has written to and keeps, shared with a fork of it or not, but for the stack, which is given back when it rests."""
    total, counts = 0, False
    for line in pathlib.Path(f'/proc/{pid}/smaps').read_text().splitlines():
        if re.match(r'[0-9a-f]+-[0-9a-f]+ ', line):
            counts = '[stack]' not in line
        elif counts and line.startswith('Anonymous:'):
            total += int(line.split()[1])
    return total


def children(unit):
    return unit.get('spawned_children', [])


def leftovers(b):
    """Living spawned units: orphans, after the services have stopped what is theirs."""
    return [n['child']['id'] for u in b.status_json()['units'] for n in walk(children(u)) if n['child']['state'] not in DOWN]


def walk(nodes):
    for n in nodes:
        yield n
        yield from walk(n['children'])


class Story:
    """What the units took down, read whole at a rest."""

    def __init__(self, home):
        self.lines = {p.name: [l.split() for l in p.read_text().splitlines()] for p in (home / 'log').iterdir()}

    def count(self, word):
        return sum(l[0] == word for lines in self.lines.values() for l in lines)

    def faults(self, services):
        yield from (f'{unit}: {" ".join(l)}' for unit, lines in self.lines.items() for l in lines if l[0] == 'odd')
        notices = collections.Counter()
        for unit, lines in self.lines.items():
            done, gone, last = set(), set(), {}
            for l in lines:
                if l[0] == 'got' and tuple(l[1:]) in done and l[1] == 'exit':
                    yield f'{unit}: a second notice of {l[2]}'
                if l[0] == 'got' and l[1] == 'msg':
                    if l[2] in gone:
                        yield f'{unit}: a message of {l[2]} after its end was told'
                    if int(l[3]) < last.get(l[2], 0):
                        yield f'{unit}: a message of {l[2]} out of order'
                    last[l[2]] = int(l[3])
                if l[0] == 'got' and l[1] == 'exit':
                    gone.add(l[2])
                if l[0] == 'acked':
                    done.add(tuple(l[1:]))
                    notices[l[2]] += l[1] == 'exit'
        yield from (f'{kid}: {n} notices' for kid, n in notices.items() if n > 1)
        for unit in services:  # they were there all the time, and have read all
            lines = self.lines[unit]
            told = {l[2] for l in lines if l[:2] == ['got', 'exit']}
            yield from (f'{unit}: no notice of {l[1]}' for l in lines if l[0] == 'born' and l[1] not in told)


class Rest:
    """Everything stands still: what there is now, and what is wrong with it."""

    def __init__(self, b, number):
        (b.home / 'rest.new').write_text(str(number))
        (b.home / 'rest.new').rename(b.home / 'rest')
        self.ids = {u['id']: u for u in b.status_json()['units'] if u['name'] != 'hold'}
        until(lambda: all((b.home / f'done/{i}.{number}').exists() for i in self.ids), 90, 0.1, lambda: self.late(b, number))
        until(lambda: not self.stop_orphans(b), 60, 0.1, lambda: f'nothing spawned left: {leftovers(b)}')
        until(lambda: len(b.others()) == 11 + 1, 30, 0.1, lambda: f'only services left, and who looks at them: {b.others()}')
        time.sleep(3)  # what is given back after a second without any work is given back; pacing, not a condition
        self.at, self.written, self.fds = time.monotonic(), written_kib(b.pid), len(fds(b))
        status = b.status_json()
        self.supervisor, self.units = status['supervisor'], status['units']
        self.story = Story(b.home)
        self.faults = [*self.unaccounted(b), *self.counters(), *self.story.faults(self.ids)]
        (b.home / 'rest').unlink()

    def late(self, b, number):
        return f'rest of {[u["path"] for i, u in self.ids.items() if not (b.home / f"done/{i}.{number}").exists()]}: {b.status_json()}'

    @staticmethod
    def stop_orphans(b):
        left = leftovers(b)
        if left:
            b.sysg('stop', *left, timeout=60)
        return left

    def unaccounted(self, b):
        mains = {u['process']['pid'] for u in self.units}
        for p in b.others():
            if p.ppid == b.pid and p.inner not in mains:
                yield f'{p} is of no unit'

    def counters(self):
        for u in self.units:
            counts = u['counts']
            if counts['children'] or counts['descendants'] or counts.get('queued'):
                yield f'{u["path"]}: {counts}, and nothing is below it'
            if children(u):
                yield f'{u["path"]}: {len(children(u))} results that it has read'
            if u['state'] != 'running':
                yield f'{u["path"]} is {u["state"]}'

    def __str__(self):
        s = self.supervisor
        return (f'{self.written} KiB written, {self.fds} descriptors, {len(self.units)} units, longest turn {s["loop"]["longest_turn_us"]} us, '
                f'{s["loop"]["longest_turn_cpu_us"]} us of a processor at most, '
                f'{s["loop"]["turns"]} turns, {self.story.count("born")} born, {self.story.count("acked")} read')


@pytest.mark.idle
def test_trees_at_random_keep_their_bounds_and_leave_nothing_behind(box, capsys):
    b = box(None, argv=['true'])
    for d in ('log', 'done'):
        (b.home / d).mkdir(mode=0o777)
    (b.home / 'seed').write_text(str(SEED))
    b = box(MANIFEST, home=b.home, timeout=int(SECONDS * 3 + 300)).up(30)
    # So that the length of a turn is PID 1's own work, whoever else wants the processors; what it forks is as ever.
    with contextlib.suppress(PermissionError):  # a group of processes may have no real time at all
        os.sched_setscheduler(b.pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    until(lambda: len(list((b.home / 'log').iterdir())) >= 10, 60, 0.1)
    watch = b.popen('python', f'{TOOLS}/treewatch.py', ns=['--timeout', str(int(SECONDS * 3 + 300))])
    end, rests = time.monotonic() + SECONDS, []
    while len(rests) < 2 or time.monotonic() < end:
        storm = time.monotonic() + STORM
        until(lambda: b.ended or watch.poll() is not None or time.monotonic() > storm, STORM + 10, 0.2)
        assert not b.ended, b.stderr[-3000:]
        assert watch.poll() is None, watch.communicate()
        rests.append(Rest(b, len(rests) + 1))
        assert not rests[-1].faults, '\n'.join([f'seed {SEED}', *rests[-1].faults[:40]])
    (b.home / 'enough').touch()
    said, trouble = watch.communicate(timeout=30)
    first = next((r for r in rests[:-1] if r.at - end + SECONDS >= 60), rests[0])  # after a minute of everything, where there is one
    grown = rests[-1].written - first.written
    with capsys.disabled():
        print(f'\n  soak of trees: seed {SEED}, {SECONDS:g} s, {len(rests)} rests; {said.strip()}')
        print(f'  soak of trees: first rest counted: {first}')
        print(f'  soak of trees: last rest: {rests[-1]}; grown by {grown} KiB')
    assert re.fullmatch(r'looked \d+ times.*\n', said), (SEED, said, trouble)
    assert rests[-1].fds == first.fds and len(rests[-1].units) == len(first.units)
    assert ASAN or grown <= (64 if SECONDS >= 100 else 256), grown
    assert 'internal:' not in b.stderr, re.findall('.*internal:.*', b.stderr)
    assert b.term() == 0
