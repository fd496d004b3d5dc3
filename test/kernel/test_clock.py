"""Cron units under a clock that is set: only a kernel of its own has one for the tests to set."""
import datetime
import time

import pytest

from harness import until

DAY = 86400


@pytest.fixture
def clock():
    """Sets the wall clock to a second of UTC; it is right again at the end."""
    ahead = time.time() - time.monotonic()
    yield lambda t: time.clock_settime(time.CLOCK_REALTIME, t)
    time.clock_settime(time.CLOCK_REALTIME, ahead + time.monotonic())


def utc(text):
    return datetime.datetime.fromisoformat(text + '+00:00').timestamp()


def ran(b, n):
    """It ran so often, and does so for a while."""
    until(lambda: b.peek('runs').count('\n') >= n, 20, why=lambda: f'{n} runs: {b.peek("runs")!r} {b.stderr[-500:]}')
    end = time.monotonic() + 1.5
    until(lambda: time.monotonic() > end, 5)
    assert b.peek('runs').count('\n') == n


def test_a_clock_that_is_set_runs_what_it_passes_once_and_nothing_twice(box, clock):
    clock(utc('2027-06-01T10:30:00'))
    b = box('services: {hourly: {command: "date >>runs", cron: {expression: "0 * * * *"}}}', timeout=120).up(60)
    assert b.unit('hourly')['cron']['next_run'].startswith('2027-06-01T11:00:00')
    ran(b, 0)
    clock(utc('2027-06-01T10:59:58'))  # the timer follows
    ran(b, 0 + 1)
    clock(utc('2027-06-04T15:20:00'))  # over many at once
    ran(b, 2)
    clock(utc('2027-06-04T14:59:58'))  # back: the one of 15:00 was among them
    until(lambda: time.time() > utc('2027-06-04T15:00:01'), 20)
    ran(b, 2)
    assert b.unit('hourly')['cron']['next_run'].startswith('2027-06-04T16:00:00')
    clock(utc('2027-06-02T09:59:58'))  # by days: it was wrong before
    ran(b, 3)


def test_both_changes_of_the_clocks_in_a_zone(box, clock):
    clock(utc('2027-03-28T00:59:57'))  # 2:00 in Berlin becomes 3:00
    b = box('services: {nightly: {command: "date >>runs", cron: {expression: "30 2 * * *", timezone: Europe/Berlin}}}', timeout=120).up(60)
    ran(b, 1)
    clock(utc('2027-03-28T01:29:58'))
    until(lambda: time.time() > utc('2027-03-28T01:30:01'), 20)
    ran(b, 1)
    clock(utc('2027-10-31T00:29:58'))  # 3:00 becomes 2:00; on its way the clock passes other nights
    until(lambda: b.peek('runs').count('\n') >= 2, 20)
    ran(b, 3)
    clock(utc('2027-10-31T01:29:58'))  # 2:30 for the second time
    until(lambda: time.time() > utc('2027-10-31T01:30:01'), 20)
    ran(b, 3)
    assert b.unit('nightly')['cron']['next_run'].startswith('2027-11-01T01:30:00')
