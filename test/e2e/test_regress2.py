"""What a review of starts, restarts and hooks found."""
import signal
import time

import pytest

from harness import TOOLS, until


def services(names, rest):
    return 'services: {' + ', '.join(f'{n}: {{{rest}}}' for n in names) + '}'


def longest_turn(b):
    return b.status_json()['supervisor']['loop']['longest_turn_us'] / 1e6


@pytest.mark.asan
def test_what_a_restart_of_another_unit_left_running_is_applied_by_the_next_one(box):
    text = 'services: {web: {command: "exec sleep %d"}, other: {command: "exec sleep %d"}, third: {command: "exec sleep %d"}}'
    b = box(text % (1000, 1000, 1000)).up()
    b.write_manifest(text % (2000, 2000, 1000))
    b.sysg_ok('restart', 'web')
    assert b.inner(b.pid_of('other')).cmdline == 'sleep 1000'
    for _ in range(2):
        assert 'other changed in the manifest and goes on as it was started' in b.sysg('start').stderr, 'each time'
    b.write_manifest(text % (2000, 2000, 2000))
    b.sysg_ok('restart')
    assert [b.inner(b.pid_of(n)).cmdline for n in ('web', 'other', 'third')] == ['sleep 2000'] * 3


@pytest.mark.asan
def test_the_hooks_of_a_service_that_goes_from_the_manifest_run_to_their_end(box):
    b = box('''
        services:
          web: {command: "exec sleep 1000", hooks: {on_stop: {success: {command: "echo begun >>hook; while ! test -e go; do sleep 0.02; done; echo done >>hook"}}}}
          other: {command: "exec sleep 1000"}
        ''').up()
    b.write_manifest('services: {other: {command: "exec sleep 1000"}}')
    p = b.popen(b.program, 'restart')
    b.file('hook')
    assert p.poll() is None and b.unit('web')
    (b.home / 'go').touch()
    assert p.wait(20) == 0
    assert b.peek('hook') == 'begun\ndone\n' and b.unit('web') is None


@pytest.mark.asan
def test_a_shutdown_ends_a_restart_that_waits_for_such_a_hook(box):
    b = box('''
        shutdown: {timeout: 2s}
        services:
          web: {command: "exec sleep 1000", hooks: {on_stop: {success: {command: "echo begun >>hook; sleep 1000"}}}}
          other: {command: "exec sleep 1000"}
        ''').up()
    b.write_manifest('services: {other: {command: "exec sleep 1000"}}')
    p = b.popen(b.program, 'restart')
    b.file('hook')
    assert b.term() == 0
    assert p.wait(20) != 0 and 'SG0815' in p.stderr.read()


def test_environments_of_thousands_of_variables_do_not_hold_it_up(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    (b.home / 'e').write_text(''.join(f'V{i:06d}=x\n' for i in range(8000)))
    b.write_manifest(services([f's{i}' for i in range(20)], 'command: "exec sleep 1000", env: {file: e}'))
    b.sysg_ok('restart', timeout=60)
    assert longest_turn(b) < 1
    b.term()


def test_hundreds_of_starts_are_spread_over_turns(box):
    n = 300
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    b.write_manifest(services([f's{i}' for i in range(n)], 'command: "exec sleep 1000"'))
    began = time.monotonic()
    b.sysg_ok('restart', timeout=60)
    took = time.monotonic() - began
    assert len(b.others()) == n
    assert longest_turn(b) < took / 3


def test_a_unit_that_restarts_itself_over_and_over_keeps_no_operator_out(box):
    b = box('''
        services:
          bad:
            command: "for i in $(seq 100); do sysg restart bad || echo refused >>said; done; echo asked >>said; exec sleep 1000"
            stop_signal: CONT
            stop_timeout: 2s
          web: {command: "exec sleep 1000"}
        ''').up()
    until(lambda: 'asked' in b.peek('said'), 20)
    assert 'refused' not in b.peek('said')
    before = b.pid_of('web')
    began = time.monotonic()
    b.sysg_ok('restart', 'web', timeout=60)
    assert b.pid_of('web') != before and time.monotonic() - began < 20
    b.kill(signal.SIGTERM)
    b.kill(signal.SIGTERM)
    b.wait()


def test_a_failure_is_said_with_its_code_though_the_next_launch_has_begun(box):
    b = box('services: {web: {command: "echo hello; exit 3", restart_policy: always, backoff: 1ms}, other: {command: "exec sleep 1000"}}').up()
    b.says(r'\[SG0102\]: web: exited at once: code 3')
    b.term()
    assert 'SG0000' not in b.stderr


UNWATCHED = '''
import os, sys, time
sys.path.insert(0, %r)
from peer import *

env = 'env=PATH=' + os.environ['PATH']
first, second, third = [connect(timeout=60) for _ in range(3)]
held = [connect() for _ in range(20)]
put = ['cwd=/', env]
said = [ask(second, 'op=spawn', 'name=none', 'arg=/no/such', *put).get('code', 'ok')]
said.append(ask(second, 'op=spawn', 'name=good', 'arg=sleep', 'arg=1000', *put).get('name'))
first.send(packet('op=spawn', 'attach=1', 'name=kid', 'arg=sleep', 'arg=1000', *put))
assert fields_of(first.recv(65536)) == dict(ok='1', go='1')
said.append(ask(second, 'op=spawn', 'parent=kid', 'arg=true', *put).get('code', 'ok'))
pass_fds(first, packet('go=1'), [0, 1, 2])
said.append(fields_of(first.recv(65536)).get('name'))
said.append(ask(second, 'op=spawn', 'parent=kid', 'name=grandkid', 'arg=sleep', 'arg=1000', *put).get('path'))
[c.close() for c in held]
open('said.new', 'w').write(' '.join(map(str, said))); os.rename('said.new', 'said')
time.sleep(1000)
'''


@pytest.mark.asan
def test_where_the_kernel_has_no_watch_left_what_was_not_executed_is_still_known_as_that(box):
    """The set-up pipe of a start tells of its execve; without a watch of it the init looks by itself, and believes nothing."""
    home = box(None, argv=['true']).home
    (home / 'main.py').write_text(UNWATCHED % str(TOOLS))
    b = box('services: {root: {exec: [python, main.py], user: 4810, spawn: {mode: dynamic}}}', home=home,
            ns=['--filter', 'few-watches']).up()
    assert b.file('said') == 'SG0813 good SG0833 kid root/kid/grandkid'
    assert not b.unit('none') and [p.cmdline for p in b.others()].count('sleep 1000') == 3
