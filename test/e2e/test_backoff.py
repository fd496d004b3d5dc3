"""How a service comes up again: its waits, when it gives up, by whose hand it begins anew, and what goes down and up with it."""
import re

import pytest

from harness import codes, until

HOLD = 'hold: {exec: [sleep, "1000"]}'


def restarts(b, name):
    """(which in a row, the wait in seconds) of each restart by policy."""
    found = re.findall(rf'{name} ended \(\w+ \d+\); restart (\d+) in (\S+)', b.stderr)
    return [(int(n), seconds(wait)) for n, wait in found]


def seconds(text):
    assert re.fullmatch(r'(\d+(ms|us|ns|s|m|h))+|[\d.]+s', text), text
    unit = {'h': 3600, 'm': 60, 's': 1, 'ms': 1e-3, 'us': 1e-6, 'ns': 1e-9}
    return sum(float(n) * unit[u] for n, u in re.findall(r'([\d.]+)(ms|us|ns|s|m|h)', text))


def comes_up_at(start, most, more=''):
    """A service whose first starts fail, and that stays up from this one on."""
    return (f'web: {{command: "echo x >>ran; [ $(wc -l <ran) -ge {start} ] || exit 3; : >up; exec sleep 1000", '
            f'backoff: {{initial: 20ms, factor: 1, jitter: 0}}, max_restarts: {most}{more}}}')


@pytest.mark.asan
@pytest.mark.parametrize('most', [0, 1, 3])
def test_it_gives_up_at_n_restarts_and_not_before(box, most):
    """N restarts are N+1 starts: one that comes up at the last of them is up, one that would at the next has failed."""
    b = box(f'services: {{{comes_up_at(most + 1, most)}, {HOLD}}}').up()
    b.file('ran')
    until(lambda: (b.home / 'up').exists(), why=lambda: b.stderr)
    u = b.until_state('web', 'running')
    assert u['restarts'] == most and 'SG0110' not in b.stderr and b.peek('ran') == 'x\n' * (most + 1)
    b = box(f'services: {{{comes_up_at(most + 2, most)}, {HOLD}}}').up()
    u = b.until_state('web', 'failed')
    assert u['error']['code'] == 'SG0110' and u['restarts'] == most and b.peek('ran') == 'x\n' * (most + 1)
    b.says(f'gave up after {most} restarts', where='stderr')
    assert not (b.home / 'up').exists()


@pytest.mark.parametrize('by', [('start', '-s', 'web'), ('restart', 'web'), ('restart',)], ids=' '.join)
def test_by_hand_it_begins_anew_and_counts_from_nought(box, by):
    b = box(f'services: {{{comes_up_at(100, 2)}, {HOLD}}}').up()
    b.until_state('web', 'failed')
    assert b.peek('ran') == 'x\n' * 3
    r = b.sysg(*by)
    assert r.returncode and codes(r), r
    until(lambda: b.peek('ran') == 'x\n' * 6 and b.state('web') == 'failed', why=lambda: b.stderr)
    assert [n for n, _ in restarts(b, 'web')] == [1, 2, 1, 2]
    until(lambda: b.stderr.count('gave up after 2 restarts') == 2, why=lambda: b.stderr)


def test_by_hand_it_does_not_wait_either_and_counts_from_nought(box):
    b = box('services: {web: {command: "echo x >>ran; exit 3", backoff: {initial: 1000s, jitter: 0}}, ' + HOLD + '}').up()
    for n in (1, 2, 3):
        until(lambda n=n: b.peek('ran') == 'x\n' * n and b.unit('web')['state'] == 'backoff', why=lambda: b.unit('web'))
        b.sysg('start', '-s', 'web') if n < 3 else None
    assert restarts(b, 'web') == [(1, 1000)] * 3
    b.write_manifest('services: {web: {command: ": >up; exec sleep 1000", backoff: {initial: 1000s, jitter: 0}}, ' + HOLD + '}')
    r = b.sysg('start')
    assert r.returncode == 0 and 'as it was started' not in r.stderr and (b.home / 'up').exists(), r


@pytest.mark.parametrize('policy, end, runs, state', [
    ('always', 'exit 0', 3, 'failed'), ('always', 'exit 7', 3, 'failed'), ('always', 'kill -KILL $$', 3, 'failed'),
    ('on-failure', 'exit 0', 1, 'done'), ('on-failure', 'exit 7', 3, 'failed'), ('on-failure', 'kill -TERM $$', 3, 'failed'),
    ('on_failure', 'exit 9', 1, 'done'), ('always', 'exit 9', 3, 'failed'), ('never', 'exit 9', 1, 'done'),
    ('never', 'exit 0', 1, 'done'), ('never', 'exit 7', 1, 'failed'), ('never', 'kill -KILL $$', 1, 'failed')])
def test_which_ends_are_followed_by_a_start(box, policy, end, runs, state):
    """9 counts as clean here, and so 0 still does; a signal never does."""
    b = box(f'''
        services:
          web: {{command: "echo x >>ran; {end}", restart_policy: {policy}, backoff: 20ms, max_restarts: 2, success_exit_codes: [9]}}
          {HOLD}
        ''').up()
    u = b.until_state('web', state)
    assert b.peek('ran') == 'x\n' * runs and u['restarts'] == runs - 1
    assert b.says('SG0110', where='stderr') if runs == 3 else 'SG0110' not in b.stderr


def test_an_end_that_failed_under_never_is_final_whatever_max_restarts_says(box):
    b = box(f'services: {{web: {{command: "echo x >>ran; exit 3", restart_policy: never, max_restarts: 5, backoff: 0}}, {HOLD}}}').up()
    assert b.until_state('web', 'failed')['last_exit']['exit_code'] == 3
    assert b.peek('ran') == 'x\n'


def test_waits_are_spread_ten_per_cent_around_what_is_said_and_grow_twofold(box):
    n = 12
    b = box('services:\n' + ''.join(f'  w{i}: {{command: "exit 3", backoff: 200ms, max_restarts: 2, logs: {{sink: file}}}}\n' for i in range(n))
            + f'  {HOLD}\n').up()
    for i in range(n):
        b.until_state(f'w{i}', 'failed', seconds=20)
    waits = [restarts(b, f'w{i}') for i in range(n)]
    assert all([k for k, _ in w] == [1, 2] for w in waits), waits
    for k, base in ((0, 0.2), (1, 0.4)):
        each = [w[k][1] for w in waits]
        assert all(0.9 * base - 0.001 <= x <= 1.1 * base + 0.001 for x in each), each
        assert len(set(each)) > n / 2 and min(each) < base < max(each), each


def test_without_a_backoff_it_waits_a_second_and_0_is_no_wait(box):
    b = box(f'services: {{web: {{command: "exit 3", max_restarts: 1}}, at-once: {{command: "exit 3", backoff: 0, max_restarts: 3}}, {HOLD}}}').up()
    b.until_state('at-once', 'failed')
    assert [w for _, w in restarts(b, 'at-once')] == [0, 0, 0]
    b.until_state('web', 'failed')
    assert [w for _, w in restarts(b, 'web')] == [pytest.approx(1, rel=0.101)]


@pytest.mark.idle
def test_a_minute_up_begins_the_wait_and_the_count_again(box):
    b = box(f'''
        services:
          web:
            command: "echo x >>ran; [ $(wc -l <ran) != 4 ] || sleep 60.5; exit 3"
            backoff: {{initial: 200ms, jitter: 0}}
            max_restarts: 3
          short:
            command: "echo x >>short; [ $(wc -l <short) != 4 ] || sleep 59; exit 3"
            backoff: {{initial: 200ms, jitter: 0}}
            max_restarts: 3
          {HOLD}
        ''', timeout=120).up()
    b.until_state('short', 'failed', seconds=70)
    assert restarts(b, 'short') == [(1, 0.2), (2, 0.4), (3, 0.8)]
    b.until_state('web', 'failed', seconds=20)
    assert restarts(b, 'web') == [(1, 0.2), (2, 0.4), (3, 0.8)] * 2
    assert b.unit('web')['restarts'] == 6


# --- what depends on it ---

CHAIN = '''
    services:
      db: {command: "exec sleep 1000", backoff: 50ms}
      api: {command: "exec sleep 1000", depends_on: [db]}
      web: {command: "exec sleep 1000", depends_on: [api]}
      edge: {command: "exec sleep 1000", depends_on: {web: {condition: started}}}
      beside-db: {command: "exec sleep 1000"}
      beside-api: {command: "exec sleep 1000", depends_on: [beside-db]}
      stays: {command: "exec sleep 1000", depends_on: [{service: api, restart: false}]}
      on-stays: {command: "exec sleep 1000", depends_on: [stays]}
      once: {command: "echo x >>once", restart_policy: never, depends_on: [db]}
      after-once: {command: "exec sleep 1000", depends_on: {once: completed}}
    '''
ALL = ['db', 'api', 'web', 'edge', 'beside-db', 'beside-api', 'stays', 'on-stays', 'after-once']


@pytest.mark.parametrize('crashed, goes', [('db', ['db', 'api', 'web', 'edge']), ('api', ['api', 'web', 'edge']),
                                           ('web', ['web', 'edge']), ('edge', ['edge']), ('stays', ['stays', 'on-stays'])])
def test_a_crash_takes_its_chain_down_and_up_on_new_pids_in_order_and_nothing_else(box, crashed, goes):
    b = box(CHAIN).up()
    before = {n: b.pid_of(n) for n in ALL}
    b.exec('kill', '-KILL', str(before[crashed]))
    for name in goes:
        until(lambda n=name: b.running_pid(n) not in (None, before[n]), every=0.02, why=lambda: b.stderr)
    for name in set(ALL) - set(goes):
        assert b.pid_of(name) == before[name], name
    assert b.unit(crashed)['restarts'] == 1 and b.peek('once') == 'x\n'
    born = {n: b.inner(b.pid_of(n)).start for n in goes}
    assert [born[n] for n in goes] == sorted(born.values())
    assert [n for n, _ in restarts(b, crashed)] == [1] and 'SG0110' not in b.stderr
    for name in goes[1:]:
        assert restarts(b, name) == [], f'{name} went down by order, and has no wait of its own'


def test_dependents_of_one_that_gave_up_fail_and_come_back_with_it_by_hand(box):
    """It is up once, crashes for good, and comes up again when it is started by hand."""
    b = box(f'''
        services:
          db: {{command: "[ ! -e bad ] || exit 3; exec sleep 1000", backoff: 20ms, max_restarts: 1}}
          api: {{command: "exec sleep 1000", depends_on: [db]}}
          web: {{command: "exec sleep 1000", depends_on: [api]}}
          {HOLD}
        ''').up()
    for name in ('db', 'api', 'web'):
        b.until_state(name, 'running')
    (b.home / 'bad').touch()
    b.exec('kill', '-KILL', str(b.pid_of('db')))
    for name, code in (('db', 'SG0110'), ('api', 'SG0109'), ('web', 'SG0109')):
        assert b.until_state(name, 'failed')['error']['code'] == code
    (b.home / 'bad').unlink()
    b.sysg_ok('start')
    for name in ('db', 'api', 'web'):
        b.until_state(name, 'running')
