"""`sysg spawn`: a child at run time, wholly or not at all."""
import itertools
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from harness import PYTHON, TOOLS, assert_gone, codes, facts, until

ROOT = '''
services:
  root:
    exec: [%s]
    spawn: {mode: dynamic}
'''


def root(box, script, **kw):
    """A box whose one service runs the script and stays."""
    b = box(None, argv=['true'], **kw)
    (b.home / 'main.sh').write_text(script + '\nexec sleep 1000\n')
    return box(ROOT % 'sh, ./main.sh', home=b.home, **kw).up()


def run_in(box, script, seconds=15, **kw):
    """What the script of a service said, once it wrote its end: (box, text of out, list of exit codes)."""
    b = root(box, 'exec 3>codes\n(' + script + '\n) >out 2>err\n: >end', **kw)
    until(lambda: (b.home / 'end').exists(), seconds, why=lambda: f'the end of the script: {b.peek("err")} {b.stderr[-500:]}')
    return b, (b.home / 'out').read_text(), [int(x) for x in (b.home / 'codes').read_text().split()]


@pytest.mark.asan
def test_it_prints_the_pid_of_a_child_of_the_init(box):
    b, out, _ = run_in(box, 'sysg spawn --name kid -- imp facts kid; sysg spawn --name k2 -- sleep 1000')
    pid = int(out.split()[-1])
    assert b.inner(pid).cmdline == 'sleep 1000' and b.inner(pid).ppid == b.pid
    f = facts(b.file('kid'))
    assert f['ppid'] == '1' and f['env']['SYSG_NAME'] == 'root/kid' and f['env']['SPAWN_DEPTH'] == '1'


def test_the_child_gets_directory_and_environment_of_the_caller(box):
    b, _, _ = run_in(box, 'mkdir sub; cd sub; DB_HOST=localhost sysg spawn --name w --env EXTRA=1 --env DB_PORT=5 -- imp facts f')
    f = facts(b.file('sub/f'))
    assert f['env']['DB_HOST'] == 'localhost' and f['env']['EXTRA'] == '1' and f['env']['DB_PORT'] == '5'
    assert f['cwd'] == str(b.home / 'sub') and f['fds'] == '0 1 2'


def test_names_of_the_environment_cannot_be_forged(box):
    b, _, _ = run_in(box, 'SYSG_ID=@1 SYSG_NAME=x SPAWN_DEPTH=0 sysg spawn --name w --env SYSG_NAME=y --env SPAWN_DEPTH=0 -- imp facts f')
    env = facts(b.file('f'))['env']
    assert env['SYSG_NAME'] == 'root/w' and env['SPAWN_DEPTH'] == '1' and env['SYSG_ID'] != '@1'
    assert len(re.findall('^env SYSG_NAME=', b.file('f'), re.M)) == 1, 'getenv() takes the first'


def test_cwd_is_entered(box):
    b, _, _ = run_in(box, 'mkdir sub; sysg spawn --cwd "$PWD/sub" -- imp facts f')
    assert facts(b.file('sub/f'))['cwd'] == str(b.home / 'sub')


def test_print_and_json_have_their_forms(box):
    b, out, _ = run_in(box, '''
        sysg spawn --name a --print pid -- sleep 1000
        sysg spawn --name b --print id -- sleep 1000
        sysg spawn --name c --print name -- sleep 1000
        sysg spawn --name d --print json -- sleep 1000
        sysg spawn --name e --json -- sleep 1000''')
    pid, ident, name, *objects = out.splitlines()
    assert b.alive(pid) and re.fullmatch(r'@\d+', ident) and name == 'c'
    for text, letter in zip(objects, 'de'):
        o = json.loads(text)
        assert o['name'] == letter and o['path'] == f'root/{letter}' and o['depth'] == 1 and b.alive(o['pid'])
        assert re.fullmatch(r'@\d+', o['id'])


def test_without_a_name_the_name_is_the_id_and_percent_n_is_its_number(box):
    _, out, _ = run_in(box, '''
        sysg spawn --print json -- sleep 1000
        sysg spawn --print json --name job-%n -- sleep 1000''')
    first, second = map(json.loads, out.splitlines())
    assert first['name'] == first['id']
    assert second['name'] == 'job-' + second['id'][1:]


def test_a_taken_name_gets_a_number_and_unique_refuses(box):
    _, out, rc = run_in(box, '''
        sysg spawn --print name --name worker -- sleep 1000
        sysg spawn --print name --name worker -- sleep 1000
        sysg spawn --unique --name worker -- sleep 1000; echo $? >&3''')
    names = out.split()
    assert names[0] == 'worker' and re.fullmatch(r'worker\.\d+', names[1])
    assert rc == [6]


@pytest.mark.parametrize('name', ['self', 'parent', 'init', 'operator', 'nobody', '123', '-x', 'a/b', 'x' * 64, '', 'a b'])
def test_a_name_outside_the_rule_is_refused(box, name):
    b, _, rc = run_in(box, f"sysg spawn '--name={name}' -- sleep 1000; echo $? >&3")
    assert rc == [2], (b.home / 'err').read_text()


def test_a_name_of_63_is_taken(box):
    _, out, _ = run_in(box, f'sysg spawn --print name --name {"x" * 63} -- sleep 1000; sysg spawn --print name --name {"x" * 63} -- sleep 1000')
    first, second = out.split()
    assert first == 'x' * 63 and len(second) <= 63 and '.' in second


@pytest.mark.parametrize('what, words', [
    ('no-such-program', 'PATH|no such'), ('./plain', 'executable'), ('./dir', 'executable|directory'), ('/nothing/there', 'no such|PATH')])
def test_a_failing_exec_is_an_error_of_spawn(box, what, words):
    b, out, rc = run_in(box, f'mkdir dir; : >plain; sysg spawn -- {what}; echo $? >&3')
    err = (b.home / 'err').read_text()
    assert rc == [12] and 'SG0813' in err and re.search(words, err, re.I) and out == ''
    assert b.unit('root')['counts']['children'] == 0


def lowest_free(pid):
    """The descriptor that the process would get next."""
    used = {int(fd) for fd in os.listdir(f'/proc/{pid}/fd')}
    return next(n for n in itertools.count() if n not in used)


def lower(b, limit, value=None):
    """A soft limit of PID 1's own, from outside and under its uid; None: to the hard one again."""
    r = b.exec('prlimit', '--pid', '1', f'--{limit}', '--output', 'HARD', '--noheadings', uid=4410)
    r = b.exec('prlimit', '--pid', '1', f'--{limit}={value if value is not None else r.stdout.strip()}:', uid=4410)
    assert r.returncode == 0, r


AS_USER = ['--uid', '4410', '--gid', '4410', '--groups', '', '--keep', '']
TWO = 'services: {root: {exec: [sleep, "1000"], spawn: {mode: dynamic}}, other: {exec: [sleep, "1000"]}}'


def assert_nothing_of_it(b, **more):
    counts = b.unit('root')['counts']
    assert (counts['children'], counts['descendants'], counts['ever']) == (0, 0, more.get('ever', 0)) and b.unit('root/kid') is None
    assert b.sysg_ok('caps', 'other', **more.get('who', {})) == ''
    assert not any('1009' in p.cmdline for p in b.procs().values())


@pytest.mark.parametrize('error', ['EAGAIN', 'EMFILE'])
def test_a_spawn_that_failed_leaves_nothing_whatever_ran_out(box, error):
    """R5. Over a connection that is there already, since nobody gets a new one without a descriptor."""
    b = box(TWO, ns=AS_USER).up()
    b.pid_of('root')
    p = b.popen(b.program, 'batch', uid=4410, stdin=subprocess.PIPE)

    def ask(**request):
        p.stdin.write(json.dumps(request) + '\n')
        p.stdin.flush()
        return json.loads(p.stdout.readline())
    spawn = dict(op='spawn', parent='root', name='kid', arg=['sleep', '1009'], cwd='/', grant='other=stop')
    assert ask(op='ping')['ok']
    limit, values = ('nproc', [1]) if error == 'EAGAIN' else ('nofile', [lowest_free(b.pid) + n for n in range(6)])
    said = []
    for value in values:
        lower(b, limit, value)
        answer = ask(**spawn)
        assert not answer['ok'], answer
        said.append(answer['error']['code'])
        assert said[-1] != 'SG0810' or 'no descriptor left' in answer['error']['message'], answer
    assert said[-1] == 'SG0813' and set(said) <= {'SG0810', 'SG0813', 'SG0814'}, said  # first nothing can be told of who asks
    assert ask(op='ping')['ok']
    lower(b, limit)
    assert_nothing_of_it(b, who=dict(uid=4410))
    answer = ask(**spawn)
    assert answer['ok'] and answer['path'] == 'root/kid'
    assert b.unit('root')['counts'] == {'children': 1, 'descendants': 1, 'ever': 1}
    assert b.sysg_ok('caps', 'other', uid=4410) == 'stop:root/kid\n'
    p.stdin.close()
    assert p.wait(10) == 0


def test_a_spawn_for_which_memory_ran_out_leaves_nothing(box):
    b = box(TWO, ns=AS_USER).up()
    b.pid_of('root')
    done = failed = 0
    for kib in (1, 50, 100, 200, 400, 800, 1200):
        env = [w for i in range(kib // 50 + 1) for w in ('--env', f'X{i}=' + 'x' * min(kib, 50) * 1024)]
        used = int(re.search(r'^VmSize:\s+(\d+)', pathlib.Path(f'/proc/{b.pid}/status').read_text(), re.M)[1]) * 1024
        lower(b, 'as', used)
        r = b.sysg('spawn', '--parent', 'root', '--name', 'kid', '--grant', 'other=stop', *env, '--', 'sleep', '1009', uid=4410)
        lower(b, 'as')
        if r.returncode == 0:
            done += 1
            b.sysg_ok('stop', 'root/kid', uid=4410)
            b.sysg('wait', 'root/kid', uid=4410)
        else:
            failed += 1
            assert b.unit('root')['counts']['ever'] == done, r
        assert b.sysg_ok('caps', 'other', uid=4410) == ''
    assert failed, 'there was memory for all of it'
    assert not any('1009' in p.cmdline for p in b.procs().values())
    b.sysg_ok('spawn', '--parent', 'root', '--name', 'kid', *env, '--', 'sleep', '1009', uid=4410)
    assert b.unit('root')['counts'] == {'children': 1, 'descendants': 1, 'ever': done + 1}


def test_it_needs_spawn_mode_dynamic(box):
    b = box('services: {root: {command: "sysg spawn -- sleep 1000 2>err; echo $? >rc; exec sleep 1000"}}')
    assert b.file('rc').strip() == '4'
    assert 'SG0801' in b.file('err')


def test_no_spawn_takes_the_right_away_from_the_child(box):
    b, _, _ = run_in(box, 'sysg spawn --no-spawn -- sh -c "sysg spawn -- sleep 1000 2>kid.err; echo \\$? >kid.rc"')
    assert b.file('kid.rc').strip() == '4' and 'SG0801' in b.file('kid.err')


def test_a_grandchild_is_spawned_by_the_child(box):
    b, _, _ = run_in(box, 'sysg spawn --name kid -- sh -c "sysg spawn --name grandkid -- imp facts g; exec sleep 1000"')
    env = facts(b.file('g'))['env']
    assert env['SYSG_NAME'] == 'root/kid/grandkid' and env['SPAWN_DEPTH'] == '2'


@pytest.mark.asan
def test_wait_exits_with_the_code_of_the_child(box):
    _, out, rc = run_in(box, '''
        sysg spawn --wait -- sh -c 'exit 7'; echo $? >&3
        sysg spawn --wait -- sh -c 'kill -TERM $$'; echo $? >&3
        sysg spawn --wait -- true; echo $? >&3
        sysg spawn --wait -- no-such-program; echo $? >&3
        : >plain; sysg spawn --wait -- ./plain; echo $? >&3
        sysg spawn --wait --limit depth=99 -- true; echo $? >&3''')
    assert rc == [7, 143, 0, 127, 126, 125] and out == ''


def test_wait_returns_once_the_whole_tree_is_gone(box):
    b, _, _ = run_in(box, '''
        sysg spawn --wait --policy drain -- sh -c 'sysg spawn -- sh -c "sleep 0.5; : >kid.end"; exit 0'
        [ -e kid.end ] && : >in.order''')
    assert (b.home / 'in.order').exists()


def test_ttl_ends_the_child_with_its_whole_tree(box):
    b, _, _ = run_in(box, 'sysg spawn --name t --ttl 1 -- sh -c "setsid sleep 1001 & exec sleep 1002"')
    t = time.monotonic()
    until(lambda: {'sleep 1001', 'sleep 1002'} <= {p.cmdline for p in b.procs().values()} or time.monotonic() > t + 1)
    until(lambda: not {'sleep 1001', 'sleep 1002'} & {p.cmdline for p in b.procs().values()})
    u = b.unit('t')
    assert u['last_exit']['reason'] == 'ttl'


def test_wait_for_a_unit_prints_one_exit_notice(box):
    _, out, rc = run_in(box, '''
        sysg spawn --name a -- sh -c 'sleep 0.2; exit 3' >/dev/null
        sysg wait a; echo $? >&3
        sysg wait a
        sysg wait --propagate a; echo $? >&3''')
    lines = out.splitlines()
    assert len(lines) == 3 and len(set(lines)) == 1
    assert re.fullmatch(r'exit root/a - code=3 reason=exited', lines[0])
    assert rc == [0, 3]


def test_wait_any_returns_at_the_first(box):
    _, out, _ = run_in(box, '''
        sysg spawn --name slow -- sleep 1000 >/dev/null
        sysg spawn --name fast -- sleep 0.2 >/dev/null
        sysg wait --any slow fast''')
    assert out.split()[1] == 'root/fast'


def test_wait_times_out_with_9(box):
    _, _, rc = run_in(box, 'sysg spawn --name a -- sleep 1000; sysg wait --timeout 200ms a; echo $? >&3')
    assert rc == [9]


def test_wait_for_oneself_or_an_ancestor_is_a_deadlock(box):
    b, _, rc = run_in(box, 'sysg wait self; echo $? >&3; sysg spawn --wait -- sh -c "sysg wait parent; echo \\$? >kid"')
    assert rc == [16] and b.file('kid').strip() == '16'


def test_a_result_is_kept_for_who_asks_later(box):
    _, out, _ = run_in(box, '''
        pid=$(sysg spawn --name a -- sh -c 'exit 9')
        until sysg status -s a --json | grep -q '"exit_code":9'; do sleep 0.02; done
        sysg wait $pid; sysg wait root/a; sysg wait a''')
    assert out.count('code=9') == 3


def test_a_result_has_the_peak_of_its_memory(box):
    b, _, _ = run_in(box, f"sysg spawn --name a --wait -- {PYTHON} -c 'x = bytearray(1) * (64 << 20)'; sysg spawn --name b --wait -- true")
    kids = {k['child']['name']: k['child']['last_exit']['peak_memory_bytes'] for k in b.unit('root')['spawned_children']}
    assert 64 << 20 <= kids['a'] < 256 << 20 and 0 < kids['b'] < 32 << 20, kids


def test_children_of_a_stopped_service_are_gone(box):
    b, _, _ = run_in(box, 'for i in 1 2 3; do sysg spawn -- sh -c "sysg spawn -- sleep 1000; exec sleep 1000"; done')
    until(lambda: b.unit('root')['counts']['descendants'] == 6)
    b.sysg_ok('stop', 'root')
    assert_gone(b)


def test_drain_lets_the_children_of_a_clean_end_finish(box):
    b = box('''
        services:
          hold: {command: "exec sleep 1000"}
          root:
            command: "sysg spawn --name kid -- sh -c 'sleep 0.5; : >finished'; exit 0"
            restart_policy: never
            spawn: {mode: dynamic}
        ''').up()
    b.until_state('root', 'draining')
    b.until_state('root', 'done')
    assert (b.home / 'finished').exists()


def test_a_draining_tree_spawns_nothing_more(box):
    b = box('''
        services:
          hold: {command: "exec sleep 1000"}
          root:
            command: "sysg spawn --name kid -- sh -c 'while [ ! -e go ]; do sleep 0.02; done; sysg spawn -- sleep 1; echo $? >rc'; exit 0"
            restart_policy: never
            spawn: {mode: dynamic}
        ''').up()
    b.until_state('root', 'draining')
    (b.home / 'go').touch()
    assert b.file('rc').strip() == '7'


@pytest.mark.parametrize('end, policy', [('exit 1', 'drain'), ('kill -9 $$', 'drain'), ('exit 0', 'cascade')])
def test_any_other_end_takes_the_children_along(box, end, policy):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(f'sysg spawn --name kid -- sleep 1003\n{end}\n')
    b = box(f'''
        services:
          hold: {{command: "exec sleep 1000"}}
          root: {{exec: [sh, ./main.sh], restart_policy: never, spawn: {{mode: dynamic, termination_policy: {policy}}}}}
        ''', home=b.home).up()
    b.until_state('root', 'failed', 'done')
    assert not any(p.cmdline == 'sleep 1003' for p in b.procs().values())
    assert b.unit('kid') is None or b.unit('kid')['last_exit']['reason'] == 'cascade'


def test_policy_may_only_tighten(box):
    b, _, _ = run_in(box, '''
        sysg spawn --wait --policy cascade -- sh -c '
            sysg spawn --policy cascade -- sleep 1; echo $? >>kid
            sysg spawn --policy drain -- sleep 1 2>>kid.err; echo $? >>kid' ''')
    assert b.file('kid').split() == ['0', '4'] and 'SG0812' in b.file('kid.err')


def test_a_policy_that_there_is_not_is_refused(box):
    _, _, rc = run_in(box, 'sysg spawn --policy none -- sleep 1; echo $? >&3')
    assert rc == [2]


@pytest.mark.parametrize('policy', ['reparent', 'orphan'])
def test_a_looser_policy_than_the_services_is_refused(box, policy):
    b, _, rc = run_in(box, f'sysg spawn --policy {policy} -- sleep 1; echo $? >&3')
    assert rc == [4] and 'SG0812' in b.peek('err')


def test_a_child_stops_before_its_parent(box):
    b = root(box, '''
        sysg spawn --name kid -- sh -c 'trap "echo kid >>order; exit" TERM; : >up; while :; do sleep 0.02; done'
        trap 'echo root >>order; exit' TERM
        while :; do sleep 0.02; done''')
    until(lambda: (b.home / 'up').exists())
    b.sysg_ok('stop', 'root')
    assert b.file('order').split() == ['kid', 'root']


def test_stop_of_one_child_leaves_its_siblings(box):
    b, out, _ = run_in(box, 'sysg spawn --name a -- sleep 1000; sysg spawn --name b -- sleep 1000; sysg stop a')
    a, other = [x for x in out.split() if x.isdigit()]
    assert not b.alive(a) and b.alive(other)


def test_stop_of_oneself_or_an_ancestor_answers_when_accepted(box):
    """Else it would wait for its own end, until it is killed."""
    b, _, _ = run_in(box, """sysg spawn --name k -- sh -c 'trap : TERM; sysg stop self; echo $? >rc'
        sysg spawn --name up -- sh -c 'trap : TERM; until [ -e go ]; do sleep 0.02; done; sysg stop root; echo $? >up.rc'""")
    until(lambda: b.unit('k') is None or b.unit('k')['state'] == 'stopped')
    assert b.file('rc') == '0\n'
    b.sysg_ok('grant', 'up', 'stop:root')
    (b.home / 'go').touch()
    assert b.file('up.rc') == '0\n'
    b.until_state('root', 'stopped')


def test_a_unit_may_not_stop_a_stranger(box):
    b, _, rc = run_in(box, '''
        sysg spawn --name a -- sleep 1000
        sysg spawn --wait --name b -- sh -c 'sysg stop root/a; echo $? >kid.rc' ''')
    assert b.file('kid.rc').strip() == '4'


def test_an_operator_must_name_a_parent(box):
    b, _, _ = run_in(box, ':')
    r = b.sysg('spawn', '--', 'sleep', '1000')
    assert r.returncode == 2 and codes(r) == ['SG0832'] and '--parent UNIT' in r.stderr, r
    assert [p.cmdline for p in b.others()] == ['sleep 1000']
    out = b.sysg_ok('spawn', '--parent', 'root', '--name', 'op', '--', 'sleep', '1004')
    assert b.inner(out.strip()).cmdline == 'sleep 1004'


def test_with_parent_the_child_has_what_the_parent_has_not_the_caller(box):
    b = box('services: {root: {command: "cd /tmp; exec sleep 1000", user: 4310, env: {MINE: "1"}, spawn: {mode: dynamic}}}').up()
    b.pid_of('root')
    b.sysg_ok('spawn', '--parent', 'root', '--env', 'PLUS=1', '--wait', '--', 'imp', 'facts', str(b.home / 'f'), env={'CALLER': '1'})
    f = facts(b.file('f'))
    assert f['Uid'].split() == ['4310'] * 4
    assert f['env']['MINE'] == '1' and f['env']['PLUS'] == '1' and 'CALLER' not in f['env']


def test_the_older_spelling_start_parent_pid(box):
    b, out, _ = run_in(box, 'sysg start --parent-pid $$ --name old --ttl 500 -- sleep 1005')
    u = b.unit('old')
    assert u['path'] == 'root/old' and u['ttl'] and b.inner(out.split()[-1]).cmdline == 'sleep 1005'


def test_parent_names_oneself_or_a_descendant_only(box):
    b, _, rc = run_in(box, '''
        sysg spawn --name a -- sleep 1000
        sysg spawn --parent a --name under -- sleep 1000; echo $? >&3
        sysg spawn --parent self -- sleep 1000; echo $? >&3
        sysg spawn --wait --name b -- sh -c 'sysg spawn --parent root/a -- sleep 1; echo $? >>kid.rc
            sysg spawn --parent parent -- sleep 1; echo $? >>kid.rc; sysg start --parent-pid '$$' --name c -- sleep 1; echo $? >>kid.rc' ''')
    assert rc == [0, 0] and b.file('kid.rc').split() == ['4'] * 3
    assert b.unit('under')['path'] == 'root/a/under'


def test_the_tree_is_drawn_with_counts(box):
    b, _, _ = run_in(box, 'sysg spawn --name kid --ttl 900 -- sh -c "sysg spawn --name grandkid -- sleep 1000; exec sleep 1000"')
    until(lambda: b.unit('grandkid'))
    out = b.sysg_ok('tree')
    lines = out.splitlines()
    at = [next(i for i, l in enumerate(lines) if re.search(rf'\b{n}\b', l)) for n in ('root', 'kid', 'grandkid')]
    assert at == sorted(at)
    assert str(b.unit('kid')['pid']) in lines[at[1]]


def test_status_json_nests_the_children(box):
    b, _, _ = run_in(box, 'sysg spawn --name kid --ttl 900 -- sh -c "sysg spawn --name grandkid -- sleep 1000; exec sleep 1000"')
    until(lambda: b.unit('grandkid'))
    u = b.unit('root')
    kid = u['spawned_children'][0]
    assert kid['child']['name'] == 'kid' and kid['child']['depth'] == 1 and kid['child']['kind'] == 'spawned'
    assert kid['children'][0]['child']['name'] == 'grandkid'
    assert u['counts'] == {'children': 1, 'descendants': 2, 'ever': 2}


def test_two_processes_that_may_not_spawn_by_ambiguous_selector(box):
    b, _, rc = run_in(box, '''
        sysg spawn --name a -- sh -c 'sysg spawn --name x -- sleep 1000; exec sleep 1000'
        sysg spawn --name b -- sh -c 'sysg spawn --name x -- sleep 1000; exec sleep 1000'
        until sysg status -s root/b/x --json | grep -q running && sysg status -s root/a/x --json | grep -q running; do sleep 0.02; done
        sysg stop x; echo $? >&3
        sysg stop a/x; echo $? >&3
        sysg stop x; echo $? >&3''')
    assert rc[:2] == [2, 0] and 'SG0006' in b.peek('err')
    assert 'root/a/x' in b.peek('err') and 'root/b/x' in b.peek('err')


def test_one_that_is_killed_before_its_execve_is_an_error_of_spawn(box):
    b = box(ROOT % 'sleep, "1000"').up()
    r = b.exec(PYTHON, '-c', f'''
import os, signal, sys
sys.path.insert(0, {str(TOOLS)!r})
import peer
def pids(): return {{p for p in os.listdir('/proc') if p.isdigit()}}
s, before = peer.connect(), pids()
s.send(peer.packet('op=spawn', 'parent=root', 'attach=1', 'arg=true'))
print(peer.fields_of(s.recv(65536)))
for p in pids() - before: os.kill(int(p), signal.SIGKILL)  # it waits for its streams
print(peer.fields_of(s.recv(65536)))
''')
    go, said = map(eval, r.stdout.splitlines())
    assert go['go'] == '1' and said['code'] == 'SG0813', r
    assert b.unit('root')['counts'] == {'children': 0, 'descendants': 0, 'ever': 0}
