"""An allocation or a system call of PID 1 fails at any place: it is there still, tells what came of it, and the next try succeeds.

For each operation and each kind of want some call of it fails, or all from some call on. Which ones is drawn by a seed
(WANT_SEED); WANT_SECONDS is how long all of it may take, about; what failed says which call it was, and where.
"""
import collections
import itertools
import json
import os
import random
import re
import signal
import subprocess
import time

import pytest

from harness import SLOW, codes, until
from want import KINDS, STICKY, wanting
from want_ops import OPS, STATUS, answer_fits, manifest, run, settled, shape, units, well

SECONDS = float(os.environ.get('WANT_SECONDS', 75))
SOON = 4.5  # before anybody's patience ends
SEED = os.environ.get('WANT_SEED', '1')


class Round:
    """One try of an operation while something is wanting, and what has to hold after it."""

    def __init__(self, b, op, fds):
        self.b, self.op, self.fds = b, op, fds
        self.base = None

    def goes(self, r, was):
        """It says that it is done, and it is."""
        b, op = self.b, self.op
        assert r.returncode == 0, r
        if op.good:
            until(lambda: op.good(b, was), 5, 0.01, lambda: f'what was said to be done: {r} {units(b)} {b.stderr[-1500:]}')
        if op.says:
            assert op.says(r), r

    def undo(self):
        if self.op.undo:
            self.op.undo(self.b)

    def check(self, r, was):
        b, op = self.b, self.op
        assert not b.ended and run(b, 'ping').returncode == 0, (b.status, b.stderr[-2000:])
        answer_fits(r)
        now = settled(b)
        if r.returncode and op.whole and not {'SG0106', 'SG0302', 'SG0205'} & set(codes(r)) and 'it goes on' not in r.stderr:
            assert now == was, f'it was refused, and something changed: {was} {now} {r}'
        if r.returncode == 0:
            self.goes(r, was)
        elif not (op.good and op.good(b, was)):
            self.again(now)
        self.undo()
        until(lambda: shape(units(b)) == self.base, 8, 0.01, lambda: f'{self.base}, it is {units(b)} {r} {b.stderr[-1500:]}')
        until(lambda: descriptors(b) <= self.fds, 5, 0.01, lambda: f'{self.fds} descriptors: {b.links()} {r} {b.stderr[-800:]}')
        until(lambda: logger(b), 5, 0.01, 'a logger')

    def again(self, was):
        self.goes(self.op.do(self.b), was)

    def __call__(self, kind, n, burst, forks):
        b = self.b
        was = units(b)
        self.base = self.base or shape(was)
        since = time.monotonic()
        b.want.arm(kind, n, burst, forks)
        try:
            r = self.op.do(b)
        finally:
            hits = b.want.disarm()
        assert time.monotonic() - since < SOON * SLOW, f'{time.monotonic() - since} s: {r} {b.stderr[-800:]}'
        self.check(r, was)
        return hits


def logger(b):
    return any(p.ppid == b.pid and p.cmdline.split()[1:2] == ['start'] for p in b.procs().values())


def descriptors(b):
    return len(os.listdir(f'/proc/{b.pid}/fd'))


def ways(b, op):
    """All that may be wanting: kind, which call, how many, whose. As many calls as there are where nothing is."""
    before = b.want.calls()
    r = op.do(b)
    counts = {k: n - before[k] for k, n in b.want.calls().items()}
    assert r.returncode == 0, r
    if op.undo:
        op.undo(b)
    settled(b)
    return each_way(counts)


def each_way(counts):
    return [(k, i, burst, f) for (k, f), n in counts.items() for i in range(1, n + 2) for burst in (1, STICKY)]


def drawn(found, r):
    """In a random order, but kinds take turns: what is rare comes too."""
    by = collections.defaultdict(list)
    for w in found:
        by[w[0], w[2], w[3]].append(w)
    for rows in by.values():
        r.shuffle(rows)
    return [w for turn in itertools.zip_longest(*by.values()) for w in turn if w]


def term(b):
    assert b.term() == 0, b.stderr[-1500:]
    assert 'SG0713' not in b.stderr, b.stderr[-1500:]


def begin(box, name):
    op = OPS[name]
    b = wanting(box, op.manifest, timeout=int(SECONDS) + 600).up()
    assert b.want.page.loaded
    settled(b)
    if op.setup:
        op.setup(b)
    settled(b)
    return b, Round(b, op, descriptors(b))


def tried(b, round_, name, kind, n, burst, forks):
    try:
        return round_(kind, n, burst, forks)
    except (AssertionError, subprocess.TimeoutExpired) as e:
        raise AssertionError(f'{name}: {"all from" if burst > 1 else "the"} call {n} of {kind}{" of a fork" if forks else ""}, '
                             f'last at {b.want.place()}: {e}') from e


@pytest.mark.parametrize('name', OPS)
def test_whatever_is_wanting_it_is_done_or_refused_and_the_next_try_succeeds(box, name):
    end = time.monotonic() + SECONDS / (len(OPS) + 20)
    b, one = begin(box, name)
    found = drawn(ways(b, OPS[name]), random.Random(SEED + name))
    done = hit = 0
    for kind, n, burst, forks in found:
        if done >= 4 and time.monotonic() > end:
            break
        hit += bool(tried(b, one, name, kind, n, burst, forks))
        done += 1
    print(f'{name}: {done} of {len(found)}, {hit} with something wanting')
    assert hit
    term(b)


# A boot reads accounts, environment files and a zone, makes children, and has each kind of service.
ALL = manifest('a', 'b', 'root', 'roll', 'hooked', 'checked', 'filed', 'tick')
ENDS = 20  # of a boot or of a shutdown


def boots(b, end=True):
    """It is up, or it has ended, and said why."""
    until(lambda: b.ended or b.sysg('ping').returncode == 0, ENDS, 0.01, lambda: f'an answer or an end: {b.stderr[-1500:]}')
    b.want.disarm()
    if b.ended:
        said = re.findall(r'SG\d{4}', b.stderr)  # and 2 is that of a manifest that could not be read
        assert said and b.status in {STATUS[c] for c in said} | {2}, (b.status, b.stderr)
        return
    found = settled(b)
    assert b.ended or all(s in ('running', 'failed') for u, (s, _) in found.items() if u != 'tick'), (found, b.stderr[-1500:])
    if any(s == 'failed' for s in shape(found).values()):
        assert re.search(r'SG\d{4}', b.stderr), b.stderr
        well(b, 'start')
        found = settled(b)
    assert set(shape(found).values()) == {'running'}, (found, b.stderr[-1500:])
    if end:
        term(b)


def booted(box, *armed):
    return wanting(box, ALL, arm=armed)


def lives(box, run_one, kinds):
    """Rounds that each have a box of their own, for the time that they have."""
    r, end, done = random.Random(SEED), time.monotonic() + 2 * SECONDS / (len(OPS) + 20), 0
    for kind, n, burst, forks in drawn(kinds, r):
        if done >= 4 and time.monotonic() > end:
            break
        try:
            b = run_one(kind, n, burst, forks)
        except (AssertionError, subprocess.TimeoutExpired) as e:
            b = box.all[-1]
            raise AssertionError(f'{"all from" if burst > 1 else "the"} call {n} of {kind}{" of a fork" if forks else ""}, '
                                 f'last at {b.want.place()}: {e}') from e
        b.close()
        done += 1
    print(f'{done} of {len(kinds)}')


def test_a_boot_that_goes_without_something_is_up_or_says_why_not(box):
    b = booted(box, 'mem', 1 << 40)
    boots(b, end=False)
    counts = b.want.calls()
    b.close()

    def one(*armed):
        b = booted(box, *armed)
        boots(b)
        return b
    lives(box, one, each_way(counts))


def test_a_shutdown_that_goes_without_something_ends_everything_with_0(box):
    def one(*armed):
        b = booted(box, 'mem', 1 << 40).up()
        b.want.disarm()
        settled(b)
        b.want.arm(*armed)
        term(b)
        return b
    lives(box, one, each_way({(k, f): 40 for k in KINDS for f in (False, True)}))


def left(b):
    return b.exec('find', '/var/log/sysg', '/run/sysg', '-mindepth', '1').stdout.split()


def test_a_purge_by_force_that_goes_without_something_is_done_or_refused(box):
    def one(*armed):
        b = wanting(box, manifest('a', 'b'), argv=['sh', '-c', 'sysg start -c systemg.yaml; echo $? >down; exec sleep 1000']).up()
        settled(b)
        b.want.arm(*armed)
        r = run(b, 'purge', '--force')
        b.want.disarm()
        answer_fits(r)
        if r.returncode and not b.peek('down'):
            r = run(b, 'purge', '--force')
        assert r.returncode == 0 and b.file('down') == '0\n' and not left(b), (r, b.peek('down'), left(b), b.stderr[-1500:])
        return b
    lives(box, one, each_way({(k, f): 40 for k in KINDS for f in (False, True)}))


# Where something was wrong once: an operation, what is wanting, which calls of it, below 0 from the last one on.
CASES = [
    ('reload, changed', 'fork', range(1, 2), 1, False),  # it said SG0210, and nothing of what was changed
    ('reload, changed', 'mem', range(30, 34), 1, False),  # place 0:0
    ('rolling, refused', 'mem', range(-26, 1), 1, False),  # it was said to have come up
    ('stop of all', 'mem', range(1, 12), 1, False),  # no answer
    ('a removed socket', 'fd', range(1, 3), 1, False),  # never bound again
    ('whoami', 'fd', range(1, 9), 1, False),  # nobody
    ('spawn', 'mem', range(8, 20), 1, False),  # out of memory was SG0814
    ('spawn', 'fd', range(8, 18), 1, False),  # no descriptor, too
    ('spawn', 'fd', range(5, 9), STICKY, True),  # nor one in the child
    ('reload, changed', 'fd', range(1, 2), STICKY, True),  # SG0210 for want of a descriptor
    ('spawn', 'mem', range(1, 2), STICKY, True),  # a pipe that the logger never got
]


@pytest.mark.parametrize('case', CASES, ids=lambda c: f'{c[0]}-{c[1]}')
def test_where_something_was_wrong_once_it_is_right(box, case):
    name, kind, calls, burst, forks = case
    b, one = begin(box, name)
    last = 0 if calls[0] > 0 else max(w[1] for w in ways(b, OPS[name]) if w[0] == kind and w[3] == forks) - 1
    for n in calls:
        tried(b, one, name, kind, last + n, burst, forks)
    term(b)


def test_children_that_end_all_at_once_while_there_is_no_memory_are_all_told(box):
    """More than the queue of events has room for."""
    b = wanting(box, manifest(root='{exec: [sleep, "1000"], spawn: {mode: dynamic, limits: {children: 200}}}')).up()
    settled(b)
    for i in range(150):
        well(b, 'spawn', '--parent', 'root', '--', 'sleep', '1106')
    kids = [str(p.inner) for p in b.others() if p.cmdline == 'sleep 1106']
    assert len(kids) == 150
    b.kill(signal.SIGSTOP)
    b.exec('kill', '-9', *kids)
    b.want.arm('mem', 1, 1 << 39)
    b.kill(signal.SIGCONT)
    until(lambda: not any(p.cmdline == 'sleep 1106' for p in b.procs(dead=True).values()), 10, why='the end of all')
    assert b.want.disarm() > 0
    until(lambda: b.unit('root')['counts'].get('children', 0) == 0, 10, why=lambda: f'{b.unit("root")} {b.stderr[-800:]}')
    assert b.unit('root')['counts']['ever'] == 150
    term(b)


def turns(b):
    return b.status_json()['supervisor']['loop']['turns']


DESCRIPTORS = """
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET'])
open('up', 'w').write('x')
while not os.path.exists('go'): time.sleep(0.01)
socket.send_fds(s, [b'READY=1'], [0]); time.sleep(1000)
"""


def test_what_no_process_can_be_had_for_is_tried_again_and_not_all_the_time(box):
    """A message with descriptors, of which the kernel doesn't keep us: that is for a fork to take."""
    b = wanting(box, f'services: {{web: {{exec: [python, -c, {json.dumps(DESCRIPTORS)}], health_check: {{notify: true, interval: 60s}}}}}}',
                ns=['--filter', 'no-passrights']).up()
    b.file('up')
    b.want.arm('fork', 1, 1 << 39)
    (b.home / 'go').touch()
    until(lambda: b.want.hits() >= 2)
    before, since, hits = turns(b), time.monotonic(), b.want.hits()
    until(lambda: b.want.hits() > hits + 4, 20)
    took = time.monotonic() - since
    assert turns(b) - before < 100 and took > 0.3, (before, turns(b), took)
    assert b.state('web') == 'starting'
    b.want.disarm()
    b.until_state('web', 'running')
    term(b)
