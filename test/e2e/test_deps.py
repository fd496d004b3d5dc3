"""The dependency graph: who waits for whom, and how fast the whole of it is up."""
import statistics

import pytest

from harness import ASAN, switches, until

DAG = {'db': [], 'queue': [], 'cache': ['db'], 'ingest1': ['queue'], 'ingest2': ['queue'], 'worker1': ['cache'],
       'worker2': ['cache'], 'worker3': ['cache'], 'aggregator': ['worker1', 'worker2', 'worker3', 'ingest1', 'ingest2'],
       'reporter': ['aggregator']}


def dag_manifest():
    text = 'services:\n'
    for name, needs in DAG.items():
        text += (f'  {name}:\n    command: "date +%s.%N >{name}.on; sleep 0.3; : >{name}.f; date +%s.%N >{name}.up; '
                 f'exec sleep 1000"\n    health_check: {{file: {name}.f}}\n    depends_on: [{", ".join(needs)}]\n')
    return text


def run_dag(box):
    """Seconds from exec of PID 1 to the last ready by the services' own clock, and PID 1's wake-ups."""
    b = box(dag_manifest())
    until(lambda: (b.home / 'reporter.up').exists(), why=lambda: b.stderr)
    on, up = ({n: float(b.file(f'{n}.{end}')) for n in DAG} for end in ('on', 'up'))
    wakeups = switches(b.pid)[0]
    ready = {n: (b.home / f'{n}.f').stat().st_mtime for n in DAG}
    for name, needs in DAG.items():
        for need in needs:
            assert on[name] >= ready[need] - 0.01, f'{name} started before {need} was ready'
    taken = max(up.values()) - b.exec_time
    b.close()
    return taken, wakeups


@pytest.mark.alone
def test_ten_services_are_ready_in_order_and_those_of_a_level_side_by_side(box, capsys):
    """Five levels of 0.3 s each; one after the other they would take 3 s."""
    runs = [run_dag(box) for _ in range(10)]
    median, wakeups = statistics.median(t for t, _ in runs), max(w for _, w in runs)
    with capsys.disabled():
        print(f'\n  DAG of ten: median {median:.3f} s, at most {wakeups} wake-ups')
    assert wakeups <= 200
    assert ASAN or min(t for t, _ in runs) < 10 * 0.3


@pytest.mark.asan
def test_a_dependent_waits_for_started_healthy_or_completed(box):
    b = box('''
        services:
          prep: {command: "sleep 0.2; date +%s.%N >prep.end", restart_policy: never}
          db: {command: "until test -s c; do sleep 0.02; done; date +%s.%N >db.up; : >ok; exec sleep 1000", health_check: {file: ok}}
          a: {command: "date +%s.%N >a; exec sleep 1000", depends_on: {prep: {condition: completed}}}
          b: {command: "date +%s.%N >b; exec sleep 1000", depends_on: [db]}
          c: {command: "date +%s.%N >c; exec sleep 1000", depends_on: [{service: db, condition: started}]}
          d: {command: "date +%s.%N >d; exec sleep 1000", depends_on: {db: {condition: healthy}}}
        ''')
    assert float(b.file('a')) >= float(b.file('prep.end'))
    assert float(b.file('b')) >= float(b.file('db.up'))
    assert float(b.file('c')) < float(b.file('db.up'))
    assert float(b.file('d')) >= float(b.file('db.up'))


def test_completed_means_exit_0_and_a_failure_fails_the_dependent(box):
    b = box('''
        services:
          hold: {command: "exec sleep 1000"}
          prep: {command: "exit 3", restart_policy: never}
          web: {command: ": >ran; exec sleep 1000", depends_on: {prep: {condition: completed}}}
          last: {command: ": >last; exec sleep 1000", depends_on: [web]}
        ''').up()
    b.until_state('web', 'failed')
    b.until_state('last', 'failed')
    b.says(r'SG0109.*prep|prep.*SG0109')
    assert not (b.home / 'ran').exists() and not (b.home / 'last').exists()
    assert b.state('hold') == 'running'


def test_a_dependent_waits_through_the_restarts_of_its_dependency(box):
    b = box('''
        services:
          db:
            command: "echo x >>tries; [ $(wc -l <tries) -ge 3 ] || exit 1; : >ok; exec sleep 1000"
            backoff: 100ms
            health_check: {file: ok}
          web: {command: "wc -l <tries >web; exec sleep 1000", depends_on: [db]}
        ''')
    assert b.file('web').strip() == '3'


def test_a_crash_takes_the_dependents_down_and_up_again(box):
    b = box('''
        services:
          db: {command: "exec sleep 1000", backoff: 100ms}
          web: {command: "exec sleep 1000", depends_on: [db]}
          sibling: {command: "exec sleep 1000"}
          stays: {command: "exec sleep 1000", depends_on: [{service: db, restart: false}]}
        ''').up()
    before = {n: b.pid_of(n) for n in ('db', 'web', 'sibling', 'stays')}
    b.exec('kill', '-KILL', str(before['db']))
    for name in ('db', 'web'):
        until(lambda n=name: b.running_pid(n) not in (None, before[n]), every=0.02)
    assert b.pid_of('sibling') == before['sibling'] and b.pid_of('stays') == before['stays']


def test_one_that_is_restarted_as_unhealthy_or_past_its_memory_takes_its_dependents_along_as_a_crash_does(box):
    b = box('''
        services:
          sick: {command: ": >well; exec sleep 1000", backoff: 100ms, health_check: {file: well, interval: 100ms, retries: 1}}
          of_sick: {command: "exec sleep 1000", depends_on: [sick]}
          fat:
            exec: [python3, -c, "import os, time; b = []\\nwhile True:\\n  if os.path.exists('eat'): b.append(b'x' * (8 << 20))\\n  time.sleep(0.05)"]
            backoff: 100ms
            limits: {memory: 100M}
          of_fat: {command: "exec sleep 1000", depends_on: [fat]}
          stays: {command: "exec sleep 1000", depends_on: [{service: sick, restart: false}, {service: fat, restart: false}]}
          to_ignore: {command: ": >fine; exec sleep 1000", health_check: {file: fine, interval: 100ms, retries: 1, on_unhealthy: ignore}}
          of_ignore: {command: "exec sleep 1000", depends_on: [to_ignore]}
        ''').up()
    before = {n: b.pid_of(n) for n in ('sick', 'of_sick', 'fat', 'of_fat', 'stays', 'to_ignore', 'of_ignore')}
    (b.home / 'fine').unlink()
    b.says('SG0022.*to_ignore|to_ignore.*SG0022')
    (b.home / 'well').unlink()
    (b.home / 'eat').touch()
    b.says('of_sick goes down with sick')
    b.says('of_fat goes down with fat')
    (b.home / 'eat').unlink()
    for name in ('sick', 'of_sick', 'fat', 'of_fat'):
        until(lambda n=name: b.running_pid(n) not in (None, before[n]), every=0.02)
    assert all(b.pid_of(n) == before[n] for n in ('stays', 'to_ignore', 'of_ignore'))


@pytest.mark.asan
def test_a_dependency_that_is_done_takes_nobody_along(box):
    b = box('''
        services:
          prep: {command: "until test -e go; do sleep 0.02; done"}
          web: {command: "echo x >>web.starts; exec sleep 1000", depends_on: [prep]}
          api: {command: "exec sleep 1000", depends_on: [web], hooks: {pre_start: "echo begin >>hook; until test -e go; do sleep 0.02; done; sleep 0.3; echo end >>hook"}}
        ''').up()
    b.until_state('web', 'running')
    b.file('hook')
    pid = b.pid_of('web')
    (b.home / 'go').touch()
    b.until_state('prep', 'done')
    b.until_state('api', 'running')
    assert b.pid_of('web') == pid and b.peek('hook') == 'begin\nend\n'
    b.sysg_ok('restart', '-s', 'prep')
    b.until_state('prep', 'done')
    b.until_state('api', 'running')
    assert b.peek('web.starts') == 'x\nx\n', 'an order to restart takes it along, the end of that run does not'


def test_stopping_a_dependency_keeps_its_dependents_running(box):
    b = box('services: {db: {command: "exec sleep 1000"}, web: {command: "exec sleep 1000", depends_on: [db]}}').up()
    pid = b.pid_of('web')
    b.sysg_ok('stop', '-s', 'db')
    assert b.state('db') == 'stopped' and b.pid_of('web') == pid


def test_restart_policies_do_what_they_say(box):
    b = box('''
        services:
          hold: {command: "exec sleep 1000"}
          always: {command: "echo x >>always; exit 0", restart_policy: always, backoff: 50ms, max_restarts: 2}
          onfail: {command: "echo x >>onfail; exit 1", restart_policy: on_failure, backoff: 50ms, max_restarts: 2}
          clean: {command: "echo x >>clean; exit 0", restart_policy: on-failure, backoff: 50ms}
          never: {command: "echo x >>never; exit 1", restart_policy: never}
          codes: {command: "echo x >>codes; exit 7", success_exit_codes: [0, 7], backoff: 50ms}
        ''').up()
    for name, state, runs in (('always', None, 3), ('onfail', 'failed', 3), ('clean', 'done', 1), ('never', 'failed', 1),
                              ('codes', 'done', 1)):
        b.until_state(name, *([state] if state else ['failed', 'done']))
        assert b.file(name).count('x') == runs, name
    b.says('SG0110')


def test_a_backoff_of_the_long_form_grows_to_its_maximum(box):
    b = box('''
        services:
          web:
            command: "date +%s.%N >>times; exit 1"
            backoff: {initial: 100ms, max: 400ms, factor: 2, jitter: 0}
            max_restarts: 4
          hold: {command: "exec sleep 1000"}
        ''').up()
    b.until_state('web', 'failed')
    t = [float(x) for x in b.file('times').split()]
    gaps = [y - x for x, y in zip(t, t[1:])]
    assert len(gaps) == 4
    for gap, least in zip(gaps, (0.1, 0.2, 0.4, 0.4)):
        assert gap >= least * 0.98
