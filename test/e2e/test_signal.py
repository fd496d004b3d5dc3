"""`sysg signal UNIT SIG`: to the main process, or once to each process of the tree."""
import json

import pytest

from harness import codes, until

def trapping(name):
    """A Python service that writes down each signal that it gets."""
    return ('exec: [python, -c, "import signal,time,os\\nfor s in (10,12,35,36):\\n  signal.signal(s, lambda n, f: '
            f'os.write(os.open(\'{name}\', 1025|64), b\'%d\\\\n\' % n))\\nopen(\'{name}.up\',\'w\').close()\\nwhile 1: time.sleep(1)"]')


def up(b, *names):
    for name in names:
        until(lambda: (b.home / f'{name}.up').exists(), why=lambda: f'{name}: {b.stderr[-500:]}')


@pytest.mark.asan
@pytest.mark.parametrize('word,number', [('USR1', 10), ('SIGUSR1', 10), ('usr1', 10), ('10', 10), ('RTMIN+1', 35), ('35', 35)])
def test_by_name_or_by_number_to_the_main_process(box, word, number):
    b = box(f'services: {{web: {{{trapping("got")}}}}}').up()
    up(b, 'got')
    r = b.sysg('signal', 'web', word)
    assert r.returncode == 0, r
    assert r.stdout == f"Service 'web' signalled: {'USR1' if number == 10 else 'RTMIN+1'}\n"
    assert b.file('got').split() == [str(number)]
    assert b.state('web') == 'running'


def test_the_unit_may_be_given_by_s_but_not_both_ways(box):
    b = box(f'services: {{web: {{{trapping("got")}}}}}').up()
    up(b, 'got')
    b.sysg_ok('signal', '-s', 'web', 'USR1')
    assert b.file('got').split() == ['10']
    r = b.sysg('signal', '-s', 'web', 'web', 'USR1')
    assert r.returncode == 2 and 'SG0204' in codes(r)
    for words in (['web'], [], ['web', 'USR1', 'more']):
        r = b.sysg('signal', *words)
        assert r.returncode == 2 and 'SG0832' in codes(r), (words, r)


def test_its_children_get_it_by_tree_only_and_each_process_once(box):
    b = box(f'''
        services:
          web:
            command: "sh -c 'trap \\"echo x >>inner\\" USR1; : >inner.up; while :; do sleep 0.05; done' & trap 'echo x >>main' USR1; : >main.up; while :; do sleep 0.05; done"
            spawn: {{mode: dynamic}}
        ''').up()
    b.until_state('web', 'running')
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'kid', '--', 'sh', '-c', 'trap "echo x >>kid" USR1; : >kid.up; while :; do sleep 0.05; done')
    up(b, 'inner', 'main', 'kid')
    b.sysg_ok('signal', 'web', 'USR1')
    assert b.file('main').split() == ['x']
    assert b.peek('inner') == b.peek('kid') == ''
    r = b.json('signal', 'web', 'WINCH', '--tree')
    assert r['path'] == 'web' and r['kind'] == 'service' and r['signal'] == 'WINCH' and r['processes'] >= 3
    b.sysg('signal', 'web', 'CONT', '--tree')
    until(lambda: [p.comm for p in b.others()].count('sh') == 3)  # one more is a `sleep` that isn't executed yet
    # USR1 kills the `sleep` of each loop, and that goes on
    b.sysg_ok('signal', 'web', 'USR1', '--tree')
    until(lambda: b.peek('kid') and b.peek('inner') and b.peek('main').count('x') == 2)
    b.sysg_ok('ping')
    assert (b.peek('main').count('x'), b.peek('inner').count('x'), b.peek('kid').count('x')) == (2, 1, 1)
    assert b.state('web') == 'running' and b.state('web/kid') == 'running'


def test_tree_of_a_spawned_unit_leaves_its_parent_alone(box):
    b = box(f'''
        services:
          web: {{{trapping("main")}, spawn: {{mode: dynamic}}}}
        ''').up()
    up(b, 'main')
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'kid', '--', 'sleep', '1000')
    r = b.sysg_ok('signal', 'web/kid', 'KILL', '--tree')
    assert r == "Unit 'web/kid' signalled: KILL, 1 process\n"
    until(lambda: b.state('web/kid') != 'running')
    assert b.peek('main') == '' and b.state('web') == 'running'


def test_kill_and_stop_are_allowed_and_the_policy_goes_on(box):
    b = box('services: {web: {command: "exec sleep 1000", backoff: 10ms}}').up()
    pid = b.pid_of('web')
    b.sysg_ok('signal', 'web', 'STOP')
    until(lambda: b.inner(pid).state == 'T')
    b.sysg_ok('signal', 'web', 'CONT')
    until(lambda: b.inner(pid).state != 'T')
    b.sysg_ok('signal', 'web', 'KILL')
    until(lambda: b.running_pid('web') not in (None, pid))
    assert {**b.unit('web')['last_exit'], 'peak_memory_bytes': 0} == {'exit_code': 137, 'signal': 9, 'reason': 'signal', 'peak_memory_bytes': 0}


@pytest.mark.parametrize('word,near', [('TREM', 'TERM'), ('SIGHUPP', 'HUP'), ('0', None), ('65', None), ('-1', None), ('RTMIN+31', None)])
def test_an_unknown_signal_is_exit_2_with_the_nearest(box, word, near):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'running')
    r = b.sysg('signal', '--', 'web', word)
    assert r.returncode == 2 and 'SG0210' in codes(r), r
    assert near is None or f'help: did you mean {near}?' in r.stderr
    assert b.sysg('signal', 'web', '64').returncode == 0


def test_a_unit_without_a_process_is_a_clear_error(box):
    b = box('services: {web: {command: "exit 1", backoff: 60s}, hold: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'backoff')
    for more in ([], ['--tree']):
        r = b.sysg('signal', 'web', 'TERM', *more)
        assert r.returncode == 10 and 'web has no process: it is backoff' in r.stderr and 'help: sysg status web' in r.stderr
    b.sysg_ok('stop', 'hold')
    r = b.sysg('signal', 'hold', 'TERM', '--json')
    assert r.returncode == 10 and json.loads(r.stdout)['error']['code'] == 'SG0823'


def test_a_name_that_nobody_has_is_exit_5(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    r = b.sysg('signal', 'nothing', 'TERM')
    assert r.returncode == 5 and 'SG0202' in codes(r)


def test_a_unit_may_signal_what_is_below_it_and_nobody_else(box):
    b = box('''
        services:
          web:
            command: "sysg spawn --name kid -- sleep 1000; sysg signal kid KILL; echo $? >own; sysg signal other KILL 2>said; echo $? >other; exec sleep 1000"
            spawn: {mode: dynamic}
          other: {command: "exec sleep 1000"}
        ''').up()
    pid = b.pid_of('other')
    assert b.file('other').strip() == '4' and 'SG0811' in b.peek('said')
    assert b.file('own').strip() == '0'
    assert b.alive(pid)


def test_a_process_of_another_user_is_reached_without_the_capability_to_kill(box):
    b = box('services: {web: {command: "exec sleep 1000", user: "12345", restart_policy: never}, hold: {command: "exec sleep 1000"}}',
            ns=['--keep', 'setuid,setgid,chown,dac_override']).up()
    pid = b.pid_of('web')
    b.sysg_ok('signal', 'web', 'TERM')
    until(lambda: not b.alive(pid))


def test_a_signal_is_an_event(box):
    b = box('services: {web: {command: "exec sleep 1000"}}').up()
    b.until_state('web', 'running')
    b.sysg_ok('signal', 'web', 'WINCH')
    events = [json.loads(line) for line in b.sysg_ok('events', '--json').splitlines()]
    assert [e['detail'] for e in events if e['event'] == 'signal'] == ['signal=WINCH by=operator']


def test_a_stop_in_the_midst_of_it_answers_all_the_same(box):
    b = box('services: {web: {command: "exec sleep 1000", spawn: {mode: dynamic}}}').up()
    b.until_state('web', 'running')
    f = [b.popen('sysg', 'signal', 'web', 'WINCH', '--tree') for _ in range(3)]
    b.sysg_ok('stop', 'web')
    assert all(p.wait(20) in (0, 10) for p in f)
    for p in f:
        p.communicate()


def test_by_tree_who_holds_the_right_over_a_unit_alone_reaches_that_alone(box):
    b = box(f'''
        services:
          web: {{{trapping("main")}, spawn: {{mode: dynamic}}}}
          other: {{command: "until [ -e go ]; do sleep 0.05; done; sysg signal --tree web USR1 >said 2>&1; exec sleep 1000",
                   request_capabilities: ["signal:web"]}}
        ''').up()
    up(b, 'main')
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'kid', '--', 'sleep', '1000')
    (b.home / 'go').touch()
    assert b.file('said') == "Service 'web' signalled: USR1, 1 process\n"
    assert b.file('main').split() == ['10'] and b.state('web/kid') == 'running', 'USR1 would have ended it'
