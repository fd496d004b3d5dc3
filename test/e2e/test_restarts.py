"""A long life: a service that crashes hundreds of times."""
import os
import time

import pytest

from harness import ASAN, codes, until
from test_soak_tree import written_kib


def fds(b):
    return len(os.listdir(f'/proc/{b.pid}/fd'))


def run(box, most):
    b = box(f'''
        services:
          web: {{command: "echo >>ran; exit 3", backoff: {{initial: 10ms, factor: 1, jitter: 0}}, max_restarts: {most}, logs: {{sink: file}}}}
          other: {{exec: [sleep, "1000"]}}
        ''', timeout=120)
    return b.up()


@pytest.mark.asan
def test_five_hundred_restarts_are_counted_each_after_its_wait_and_leave_nothing(box):
    began = time.monotonic()
    b = run(box, 500)
    pid = b.until_state('other', 'running')['process']['pid']
    until(lambda: b.peek('ran').count('\n') >= 300, 60)  # the journal of events is full by then
    some, kib = fds(b), written_kib(b.pid)
    u = b.until_state('web', 'failed', seconds=90)
    assert time.monotonic() - began >= 5, 'each of 500 waits took at least 10 ms'
    assert b.peek('ran').count('\n') == 501
    assert u['restarts'] == 500 and u['error']['code'] == 'SG0110' and u['last_exit']['exit_code'] == 3
    until(lambda: fds(b) <= some, why=lambda: f'{fds(b)} descriptors, {some} before')
    assert ASAN or written_kib(b.pid) <= kib + 64
    assert b.unit('other')['process']['pid'] == pid and len(b.others()) == 1
    b.sysg('start', '-s', 'web', timeout=60)  # by hand it begins anew
    assert b.peek('ran').count('\n') > 501
    assert codes(b.sysg('stop', 'web')) == [] and b.term() == 0
