"""The shutdown: in order, inside its budget, to the last process of the namespace."""
import signal
import time

import pytest

from harness import SLOW, until

NOTE = "trap 'echo {0} >>order; exit 0' TERM; : >{0}.up; while :; do sleep 0.02; done"


def chain(*extra):
    return ('services:\n' + ''.join(
        f'  {n}: {{command: "{NOTE.format(n)}", stop_timeout: 2s, depends_on: [{d}]}}\n'
        for n, d in (('db', ''), ('cache', 'db'), ('web', 'cache'))) + ''.join(extra))


@pytest.mark.asan
def test_levels_stop_in_the_reverse_order_of_the_graph(box):
    b = box(chain()).up()
    until(lambda: (b.home / 'web.up').exists())
    assert b.term() == 0
    assert b.file('order').split() == ['web', 'cache', 'db']


@pytest.mark.parametrize('sig', [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGPWR, 37])
def test_each_of_the_shutdown_signals_is_one(box, sig):
    b = box('services: {web: {exec: [sleep, "1000"]}}').up()
    b.kill(sig)
    assert b.wait() == 0


@pytest.mark.parametrize('sig', [signal.SIGWINCH, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT, signal.SIGPIPE, signal.SIGALRM, 34, 40])
def test_other_signals_do_nothing(box, sig):
    b = box('services: {web: {exec: [sleep, "1000"]}}').up()
    pid = b.pid_of('web')
    b.kill(sig)
    assert b.sysg('ping').returncode == 0 and b.pid_of('web') == pid


def test_a_second_signal_kills_what_is_left_now(box):
    b = box('services: {web: {command: "trap \'\' TERM; : >up; while :; do sleep 0.1; done", stop_timeout: 50s}}').up()
    until(lambda: (b.home / 'up').exists())
    b.kill(signal.SIGTERM)
    until(lambda: b.ended or b.state('web') == 'stopping')
    b.kill(signal.SIGTERM)
    t = time.monotonic()
    assert b.wait(10) == 0
    assert time.monotonic() - t < 5 * SLOW


def test_the_budget_bounds_the_sum(box):
    b = box('shutdown: {timeout: 1s}\n' + 'services:\n' + ''.join(
        f'  s{i}: {{command: "trap \'\' TERM; : >s{i}.up; while :; do sleep 0.05; done", stop_timeout: 30s, depends_on: [{f"s{i - 1}" if i else ""}]}}\n'
        for i in range(3))).up()
    until(lambda: (b.home / 's2.up').exists())
    t = time.monotonic()
    assert b.term(15) == 0
    assert time.monotonic() - t < 4 * SLOW


def test_a_budget_shorter_than_the_chain_is_warned_of(box):
    b = box('shutdown: {timeout: 1s}\nservices: {web: {exec: [sleep, "1000"], stop_timeout: 30s}}').up()
    b.says('warning.*shutdown|shutdown.*timeout', where='stderr')


def test_nothing_is_started_any_more(box):
    b = box('''
        services:
          slow: {command: "trap 'sleep 0.5; exit' TERM; : >up; while :; do sleep 0.02; done"}
          again: {command: "echo x >>runs; exit 1", backoff: 100ms}
          later: {command: ": >later", depends_on: {never: {condition: healthy}}}
          never: {command: "exec sleep 1000", health_check: {file: nothing}}
        ''').up()
    until(lambda: (b.home / 'up').exists() and b.peek('runs'))
    b.kill(signal.SIGTERM)
    until(lambda: b.ended or b.state('slow') == 'stopping')
    runs = b.file('runs').count('x')
    assert b.wait() == 0
    assert b.file('runs').count('x') <= runs + 1 and not (b.home / 'later').exists()


def test_a_process_execed_from_outside_gets_term_and_then_kill(box):
    b = box('services: {web: {exec: [sleep, "1000"]}}').up()
    polite = b.popen('sh', '-c', "trap 'echo bye >bye; exit' TERM; : >polite.up; while :; do sleep 0.02; done")
    deaf = b.popen('imp', 'deaf')
    until(lambda: (b.home / 'polite.up').exists() and any(p.cmdline == 'imp deaf' for p in b.procs().values()))
    assert b.term() == 0
    assert b.file('bye').strip() == 'bye'
    polite.wait(10), deaf.wait(10)


def test_shutdown_delay_goes_on_serving_but_is_not_ready(box):
    b = box('shutdown: {delay: 2s}\nservices: {web: {exec: [sleep, "1000"], restart_policy: always}}').up()
    b.until_state('web', 'running')
    until(lambda: b.sysg('ready').returncode == 0)
    pid = b.pid_of('web')
    b.kill(signal.SIGTERM)
    until(lambda: b.sysg('ready').returncode == 1, 1.5)
    assert b.alive(pid) and b.sysg('health').returncode == 0
    assert b.wait() == 0


def test_the_last_lines_of_a_service_reach_stdout(box):
    b = box('services: {web: {command: "trap \'for i in 1 2 3 4 5; do echo last $i; done; exit\' TERM; : >up; while :; do sleep 0.02; done"}}').up()
    until(lambda: (b.home / 'up').exists())
    assert b.term() == 0
    assert [l for l in b.stdout.splitlines() if 'last' in l] == [f'web | last {i}' for i in range(1, 6)]


def test_a_shutdown_during_the_boot_is_one(box):
    b = box('services: {a: {command: "exec sleep 1000", health_check: {file: never}}, b: {command: ": >b", depends_on: [a]}}').up()
    b.until_state('a', 'starting', 'running')
    assert b.term() == 0
    assert not (b.home / 'b').exists()


def test_at_once_after_exec_a_signal_is_not_lost(box):
    for _ in range(5):
        b = box('services: {a: {command: "exec sleep 1000"}}')
        until(lambda: int(next(l for l in open(f'/proc/{b.pid}/status') if l.startswith('SigBlk')).split()[1], 16), every=0.0005)
        b.kill(signal.SIGTERM)
        assert b.wait() == 0


def test_spawned_children_are_stopped_too(box):
    b = box('''
        services:
          root:
            command: "sysg spawn --name kid -- sh -c 'trap \\"echo kid >>order; exit\\" TERM; : >up; while :; do sleep 0.02; done'; trap 'echo root >>order; exit' TERM; while :; do sleep 0.02; done"
            spawn: {mode: dynamic}
        ''').up()
    until(lambda: (b.home / 'up').exists())
    assert b.term() == 0
    assert b.file('order').split() == ['kid', 'root']
