"""The limits of a spawn tree hold, counted from outside, whoever asks however fast."""
import re

import pytest

from harness import IMP, assert_gone, until
from test_spawn import run_in


def limited(box, limits, script, seconds=15):
    """A box whose service runs the script under these limits; the exit statuses that it wrote to fd 3."""
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(f'exec 3>codes\n({script}\n) >out 2>err\n: >end\nexec sleep 1000\n')
    b = box(f'services:\n  root:\n    exec: [sh, ./main.sh]\n    spawn: {{mode: dynamic, limits: {{{limits}}}}}\n', home=b.home).up()
    until(lambda: (b.home / 'end').exists(), seconds, why=lambda: b.peek('err') + b.stderr[-500:])
    return b, (b.home / 'err').read_text(), [int(x) for x in (b.home / 'codes').read_text().split()]


@pytest.mark.asan
def test_children_holds_at_n_and_refuses_n_plus_1(box):
    b, err, rc = limited(box, 'children: 3', 'for i in 1 2 3 4; do sysg spawn -- sleep 1000; echo $? >&3; done')
    assert rc == [0, 0, 0, 7]
    assert 'SG0803' in err and 'root' in err and '3' in err
    assert b.unit('root')['counts']['children'] == 3


def test_a_child_that_ended_makes_room(box):
    _, _, rc = limited(box, 'children: 1', '''
        sysg spawn --wait -- true; echo $? >&3
        sysg spawn -- sleep 1000; echo $? >&3
        sysg spawn -- sleep 1000; echo $? >&3''')
    assert rc == [0, 0, 7]


def test_depth_3_means_child_grandchild_and_great_grandchild(box):
    b, _, _ = limited(box, 'depth: 3', '''
        echo 'echo $SPAWN_DEPTH >>depths; sysg spawn --wait -- sh ./down.sh 2>>down.err || echo $? >>refused' >down.sh
        sysg spawn --wait -- sh ./down.sh''')
    assert b.file('depths').split() == ['1', '2', '3']
    assert b.file('refused').split()[0] == '125' and 'SG0802' in b.file('down.err')


def test_descendants_counts_the_whole_tree(box):
    b, err, rc = limited(box, 'descendants: 3', '''
        sysg spawn -- sh -c 'sysg spawn -- sleep 1000; exec sleep 1000'
        until [ "$(sysg status -s root --json | grep -o '"descendants":2')" ]; do sleep 0.02; done
        sysg spawn -- sleep 1000; echo $? >&3
        sysg spawn -- sleep 1000; echo $? >&3''')
    assert rc == [0, 7] and 'SG0804' in err


def test_ever_counts_those_that_ended(box):
    _, err, rc = limited(box, 'ever: 2', 'for i in 1 2 3; do sysg spawn --wait -- true; echo $? >&3; done')
    assert rc == [0, 0, 125] and 'SG0808' in err


def test_rate_is_a_bucket_of_one_second(box):
    _, err, rc = limited(box, 'rate: 5', 'for i in 1 2 3 4 5 6 7 8 9 10; do (sysg spawn -- sleep 1000; echo $? >&3) & done; wait')
    assert rc.count(0) >= 5 and set(rc) == {0, 7} and 'SG0806' in err


def test_ttl_above_the_limit_is_refused_and_the_limit_is_the_default(box):
    b, err, rc = limited(box, 'ttl: 60', '''
        sysg spawn --ttl 60 -- sleep 1000; echo $? >&3
        sysg spawn --ttl 61 -- sleep 1000; echo $? >&3
        sysg spawn --name plain -- sleep 1000''')
    assert rc == [0, 4] and 'SG0812' in err
    assert b.unit('plain')['ttl']


def test_limit_may_only_lower(box):
    _, err, rc = limited(box, 'children: 5', '''
        sysg spawn --limit children=6 -- sleep 1000; echo $? >&3
        sysg spawn --limit children=5 -- sleep 1000; echo $? >&3''')
    assert rc == [4, 0] and 'SG0812' in err


def test_a_lowered_limit_holds_for_the_childs_own_children(box):
    b, _, _ = limited(box, 'children: 5', '''
        sysg spawn --wait --limit children=1 -- sh -c 'sysg spawn -- sleep 1; echo $? >>kid; sysg spawn -- sleep 1; echo $? >>kid' ''')
    assert b.file('kid').split() == ['0', '7']


def test_the_limit_of_every_ancestor_is_asked(box):
    b, _, _ = limited(box, 'descendants: 100', '''
        echo 'for i in 1 2; do sysg spawn -- sleep 1000 2>>deep.err; echo $? >>deep; done; exec sleep 1000' >low.sh
        sysg spawn --limit descendants=2 --name mid -- sh -c 'sysg spawn -- sh ./low.sh; exec sleep 1000' ''')
    until(lambda: b.peek('deep').count('\n') == 2)
    assert b.file('deep').split() == ['0', '7']
    assert 'mid' in b.file('deep.err') and 'SG0804' in b.file('deep.err')


def test_a_spawn_that_could_not_be_executed_takes_no_place_once_it_is_told(box):
    """By one connection, which leaves no time between the answer and the next request."""
    b, _, rc = limited(box, 'children: 1', '''
        for i in $(seq 500); do echo '{"op": "spawn", "arg": ["/no/such"]}'; done >lines
        echo '{"op": "spawn", "arg": ["sleep", "1000"]}' >>lines
        sysg batch <lines >answers; echo $? >&3''')
    codes = re.findall(r'SG\d{4}', b.file('answers'))
    assert set(codes) == {'SG0813'}, b.file('answers')
    assert b.file('answers').strip().split('\n')[-1].startswith('{"ok":true'), b.file('answers')


def test_unknown_limits_and_bad_numbers_are_refused(box):
    _, _, rc = limited(box, 'children: 5', '''
        sysg spawn --limit childs=1 -- true; echo $? >&3
        sysg spawn --limit children=x -- true; echo $? >&3
        sysg spawn --limit children -- true; echo $? >&3''')
    assert rc == [2, 2, 2]


def test_limits_without_dynamic_are_a_finding(box):
    b = box('services: {a: {command: "exec sleep 1000", spawn: {limits: {children: 5}}}}', wait_exec=False)
    r = b.up().sysg('validate', '-c', b.manifest)
    assert 'spawn' in r.stdout + r.stderr and 'dynamic' in r.stdout + r.stderr


def start_counter(b):
    """Counts from outside of sysg, every 2 ms, the live children of PID 1 but services and logger."""
    known = [str(p.inner) for p in b.procs().values() if p.ppid == b.pid]
    return b.popen(IMP, 'count', 'counted', 'stop', *known)


def end_counter(b, counter):
    (b.home / 'stop').touch()
    counter.communicate(timeout=20)
    m = re.match(r'max (\d+) samples (\d+)', b.file('counted'))
    return int(m[1]), int(m[2])


@pytest.mark.alone
def test_1000_spawns_of_20_callers_never_exceed_100_children(box, capsys):
    b = box(None, argv=['true'])
    (b.home / 'caller.sh').write_text('''
        n=0
        while [ $n -lt 50 ]; do
            n=$((n + 1))
            if sysg spawn -- sleep 3 >/dev/null 2>err.$1.$n; then echo ok; else echo $? $(grep -o 'SG0[0-9]*' err.$1.$n | head -n 1); fi
            rm -f err.$1.$n
        done >result.$1.new
        mv result.$1.new result.$1''')
    (b.home / 'main.sh').write_text('''
        while [ ! -e go ]; do sleep 0.02; done
        i=0; while [ $i -lt 20 ]; do i=$((i + 1)); sh ./caller.sh $i & done
        exec sleep 1000''')
    b = box('services: {root: {exec: [sh, ./main.sh], spawn: {mode: dynamic, limits: {children: 100}}}}', home=b.home).up()
    b.until_state('root', 'running')
    counter = start_counter(b)
    (b.home / 'go').touch()
    until(lambda: len(list(b.home.glob('result.[0-9]*[0-9]'))) + len(list(b.home.glob('result.[0-9]'))) >= 20, 120, 0.05)
    most, samples = end_counter(b, counter)
    lines = [l for f in b.home.glob('result.*') if not f.name.endswith('.new') for l in f.read_text().split('\n') if l]
    ok, refused = lines.count('ok'), lines.count('7 SG0803')
    with capsys.disabled():
        print(f'\n  1000 spawns: {ok} done, {refused} refused, at most {most} at once in {samples} samples')
    assert ok + refused == len(lines) == 1000, sorted(set(lines))
    assert most == 100
    b.sysg_ok('stop', 'root')
    assert_gone(b)


@pytest.mark.alone
def test_a_program_that_spawns_itself_stays_inside_depth_and_descendants(box):
    b = box(None, argv=['true'])
    (b.home / 'self.sh').write_text('''
        echo $SPAWN_DEPTH >>depths
        while :; do sysg spawn -- sh ./self.sh >/dev/null 2>&1 || sleep 0.05; done''')
    (b.home / 'main.sh').write_text('while [ ! -e go ]; do sleep 0.02; done; exec sh ./self.sh')
    b = box('services: {root: {exec: [sh, ./main.sh], spawn: {mode: dynamic, limits: {depth: 3, descendants: 50}}}}', home=b.home).up()
    b.until_state('root', 'running')
    counter = start_counter(b)
    (b.home / 'go').touch()
    until(lambda: b.unit('root')['counts']['descendants'] == 50, 30, 0.05)
    until(lambda: len(b.peek('depths').split()) >= 51, 30, 0.05)
    b.sysg_ok('stop', 'root', timeout=30)
    most, _ = end_counter(b, counter)
    assert most == 50
    assert max(b.peek('depths').split()) == '3'
    assert_gone(b)


def test_counts_in_status_are_those_of_the_live_tree(box):
    b, _, _ = run_in(box, 'for i in 1 2 3; do sysg spawn --name k$i -- sleep 1000; done; sysg stop k2')
    assert b.unit('root')['counts'] == {'children': 2, 'descendants': 2, 'ever': 3}


def test_a_limit_of_0_that_would_lift_an_ancestors_is_refused(box):
    _, _, rc = limited(box, 'ever: 5', '''
        sysg spawn --limit ever=0 -- true; echo $? >&3
        sysg spawn --limit rate=0 -- true; echo $? >&3''')
    assert rc == [4, 0]


def test_ever_begins_anew_when_the_service_is_started_and_0_is_no_limit(box):
    b, _, rc = limited(box, 'ever: 2', 'for i in 1 2 3; do sysg spawn --wait -- true; echo $? >&3; done')
    assert rc == [0, 0, 125]
    (b.home / 'end').unlink()
    b.sysg_ok('stop', 'root')
    b.sysg_ok('start', '-s', 'root')
    until(lambda: (b.home / 'end').exists(), 15)
    assert b.peek('codes').split() == ['0', '0', '125'] and b.unit('root')['counts']['ever'] == 2
    _, _, rc = limited(box, 'ever: 0', 'for i in 1 2 3; do sysg spawn --wait -- true; echo $? >&3; done')
    assert rc == [0, 0, 0]
