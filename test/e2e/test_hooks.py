"""Hooks: what runs around the life of a service, in which order, told what, and that none holds anything up."""
import re
import signal
import time

import pytest

from harness import assert_gone, until

# a main process that says in the file "seq" when it begins and when it gets TERM
MAIN = "trap 'echo term >>seq; exit 0' TERM; echo main >>seq; while :; do sleep 0.02; done"


def lines(b, name='seq'):
    return b.peek(name).split('\n')[:-1]


def until_line(b, line, name='seq', n=1, seconds=10):
    until(lambda: lines(b, name).count(line) >= n, seconds, why=lambda: f'{n} {line!r} in {lines(b, name)} {b.stderr[-600:]}')


def running(b, cmdline):
    return [p for p in b.procs().values() if p.cmdline == cmdline]


@pytest.mark.asan
def test_the_order_is_pre_start_main_post_start_pre_stop_term_post_stop(box):
    b = box(f'''
        services:
          web:
            command: "{MAIN}"
            hooks:
              pre_start: "echo begin >>seq; sleep 0.2; echo pre_start >>seq"
              post_start: "while ! grep -q main seq; do sleep 0.01; done; echo post_start >>seq"
              pre_stop: "sleep 0.2; echo pre_stop >>seq"
              post_stop: "sleep 0.1; echo post_stop >>seq"
        ''')
    until_line(b, 'begin')
    assert b.state('web') == 'starting'
    until_line(b, 'post_start')
    b.sysg_ok('stop', 'web')
    assert lines(b) == ['begin', 'pre_start', 'main', 'post_start', 'pre_stop', 'term', 'post_stop']
    assert b.state('web') == 'stopped'
