"""The operations that test_want.py does while something is wanting: what each does, and how one sees that it was done."""
import collections
import json
import re
import subprocess
import time

from harness import ROOT, codes, until

STATUS = {f'SG{int(n):04d}': int(s) for n, s in
          re.findall(r'^ERR\(\s*(\d+),\s*\w+,\s*(\d+),', (ROOT / 'include/base/errcodes.def').read_text(), re.M)}
LOST = 17
OWN = {125, 126, 127}  # of those that exit as the child does, or would have
PATIENCE = 15  # of an operation, which takes a moment where nothing fails
MOVING = {'queued', 'starting', 'stopping', 'draining', 'backoff', 'unknown'}

# A main process that executes what it is told to.
AGENT = '''
    command: |
      while :; do
        if [ -e do ]; then mv do doing; sh ./doing >out 2>err; echo $? >rc.new; mv rc.new rc; fi
        sleep 0.01
      done
    spawn: {mode: dynamic}
'''
SERVICES = {
    'a': '{exec: [sleep, "1001"]}',
    'b': '{exec: [sleep, "1002"], depends_on: [a]}',
    'c': '{exec: [sleep, "1003"]}',
    'root': '{exec: [sleep, "1004"], spawn: {mode: dynamic, limits: {children: 8}}}',
    'one': '{exec: [sleep, "1005"], spawn: {mode: dynamic, limits: {children: 1}}}',
    'roll': '{exec: [sleep, "1006"], deployment: {strategy: rolling}}',
    'never': '{exec: [sleep, "1012"], deployment: {strategy: rolling, pre_start: "test ! -e up"}, hooks: {post_start: ": >up"}}',
    'blue': '{exec: [sleep, "1007"], deployment: {strategy: rolling, blue_green: {env_var: SLOT, slots: [x, y], '
            'switch_command: "true", state_path: slot}}}',
    'hooked': '{exec: [sleep, "1008"], hooks: {pre_start: "true", post_start: "true", pre_stop: "true", post_stop: "true"}}',
    'checked': '{exec: [sleep, "1009"], health_check: {command: "true", interval: 50ms}}',
    'filed': '{exec: [sleep, "1010"], env: {file: some.env, vars: {A: b}}, user: root}',
    'crash': '{exec: [sleep, "1011"], restart_policy: always, backoff: 20ms, max_restarts: 1000}',
    'tick': '{command: "echo x >>ticks", cron: {expression: "* * * * * *"}}',
    'agent': AGENT,
}
Answer = collections.namedtuple('Answer', 'returncode stdout stderr')


def manifest(*names, **more):
    rows = {n: SERVICES[n] for n in names} | more
    return 'services:\n' + ''.join(f'  {n}: {text}\n' for n, text in rows.items())


def rewrite(b, text):
    (b.home / 'next.yaml').write_text(text)
    (b.home / 'next.yaml').chmod(0o644)
    (b.home / 'next.yaml').rename(b.manifest)


def run(b, *args, **kw):
    return b.exec(b.program, *args, timeout=PATIENCE, **kw)


def well(b, *args):
    """What has to be done, by as many tries as that takes while something may be wanting."""
    r = until(lambda: (r := run(b, *args)).returncode in (0, 2) and r, PATIENCE, 0.05, lambda: f'success of {args}: {run(b, *args)}')
    assert r.returncode == 0, (args, r)
    return r


def as_agent(b, script):
    """What comes of a script that the unit `agent` executes."""
    (b.home / 'rc').unlink(missing_ok=True)
    (b.home / 'do.new').write_text(script)
    (b.home / 'do.new').rename(b.home / 'do')
    rc = int(b.file('rc', PATIENCE))
    return Answer(rc, b.peek('out'), b.peek('err'))


def units(b):
    """State and pid of each service and of each spawned child that is not over, by path."""
    found = {}

    def walk(node):
        c = node['child']
        if c['state'] not in ('done', 'stopped'):
            found[c['path']] = (c['state'], c.get('pid'))
        for n in node.get('children', []):
            walk(n)
    for u in json.loads(well(b, 'status', '--format', 'json').stdout)['units']:
        found[u['path']] = (u['state'], u.get('process', {}).get('pid'))
        for n in u.get('spawned_children', []):
            walk(n)
    return found


def settled(b):
    """The same, once nothing is on its way any more; a cron unit waits for ever."""
    last = [None]

    def look():
        last[0] = units(b)
        return not any(s in MOVING and u != 'tick' for u, (s, _) in last[0].items())
    until(look, 12, 0.01, lambda: f'the end of what moves: {last[0]} {b.stderr[-1500:]}')
    return last[0]


def shape(found):
    return {u: s for u, (s, _) in found.items() if u != 'tick'}


def runs(*paths):
    """All of these do."""
    return lambda b, was: all(units(b).get(p, ('',))[0] == 'running' for p in paths)


def anew(*paths):
    """They do, by another process than before."""
    def look(b, was):
        now = units(b)
        return all(now.get(p, ('',))[0] == 'running' and now[p][1] != was.get(p, ('', 0))[1] for p in paths)
    return look


def gone(*paths):
    return lambda b, was: all(units(b).get(p, ('stopped',))[0] in ('stopped', 'done') for p in paths)


def printed(pattern):
    return lambda r: re.search(pattern, r.stdout, re.M)


def answer_fits(r):
    """A status that is not 0 has a code, and is that code's."""
    if r.returncode:
        said = codes(r)
        assert said, f'nothing but {r.returncode}: {r}'
        assert ':0:0:' not in r.stderr and not {'SG0210', 'SG0211', 'SG0212', 'SG0213', 'SG0814'} & set(said), r  # all are in order
        assert r.returncode in {STATUS[c] for c in said} | ({LOST} if 'SG0205' in said else set()) | OWN, r


class Op:
    """do: the operation, by the command line. good(b, was): it was done. undo: all is as before. says(answer): it printed what
    was asked for. whole: refused, it changed nothing. Services are those of its manifest; setup comes once."""

    def __init__(self, services, do, good=None, undo=None, says=None, setup=None, whole=False):
        self.manifest = manifest(*services.split())
        self.do, self.good, self.undo, self.says, self.setup, self.whole = do, good, undo, says, setup, whole


def command(*args):
    return lambda b: run(b, *args)


def reloaded(text):
    def do(b):
        rewrite(b, text)
        return run(b, 'reload')
    return do


def put_back(services):
    def undo(b):
        rewrite(b, manifest(*services.split()))
        well(b, 'reload')
    return undo


def no_kid(b, path='root/kid'):
    if path in units(b):
        well(b, 'stop', path)


def waiting(b):
    units = json.loads(well(b, 'status', '-s', 'one', '--format', 'json').stdout)['units']
    return units[0]['counts'].get('queued')


def queued(b):
    p = b.popen(b.program, 'spawn', '--parent', 'one', '--queue=10s', '--name', 'next', '--', 'sleep', '1101')
    until(lambda: p.poll() is not None or waiting(b), PATIENCE, 0.01, 'a place in the queue')
    well(b, 'stop', 'one/first')
    out, err = p.communicate(timeout=PATIENCE)
    return Answer(p.returncode, out, err)


def first_again(b):
    no_kid(b, 'one/next')
    if 'one/first' not in units(b):
        well(b, 'spawn', '--parent', 'one', '--name', 'first', '--', 'sleep', '1100')


def stopped_tree(b):
    return run(b, 'stop', 'root')


def tree_again(b):
    well(b, 'start', '-s', 'root')
    if 'root/kid' not in units(b):
        well(b, 'spawn', '--parent', 'root', '--name', 'kid', '--', 'sleep', '1102')


def second(b):
    (b.home / 'other.yaml').write_text('project: other\nservices: {x: {exec: [sleep, "1103"]}, y: {exec: [sleep, "1104"], depends_on: [x]}}')
    (b.home / 'other.yaml').chmod(0o644)


def without_second(b):
    if any(u.startswith('other/') for u in units(b)):
        well(b, 'stop', '-p', 'other')


def with_second(b):
    second(b)
    well(b, 'start', '-c', 'other.yaml')


def waited(b):
    if 'root/kid' not in units(b):
        r = run(b, 'spawn', '--parent', 'root', '--name', 'kid', '--', 'sleep', '1105')
        if r.returncode:
            return r
    p = b.popen(b.program, 'wait', 'root/kid')
    time.sleep(0.03)
    well(b, 'stop', 'root/kid')
    try:
        out, err = p.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        p.kill()
        raise
    return Answer(p.returncode, out, err)


def crashed(b):
    pid = units(b)['crash'][1]
    b.exec('kill', '-9', str(pid))
    until(lambda: units(b)['crash'][1] not in (pid, None), PATIENCE, 0.01, lambda: f'a new crash {units(b)} {b.stderr[-800:]}')
    return Answer(0, '', '')


def unsocketed(b):
    b.exec('rm', '/run/sysg/control.sock')
    until(lambda: b.sysg('ping').returncode == 0, PATIENCE, 0.02, lambda: f'a socket again: {b.stderr[-800:]}')
    return Answer(0, '', '')


def not_rolled(b):
    """A candidate that can't come up: that is said, whatever else is wrong."""
    r = run(b, 'restart', 'never')
    answer_fits(r)
    return Answer(0 if r.returncode else 98, '', '')


def ticked(b):
    n = b.peek('ticks').count('\n')
    time.sleep(1.1)
    b.want.disarm()
    until(lambda: b.peek('ticks').count('\n') > n, PATIENCE, 0.01, 'a tick')
    return Answer(0, '', '')


def a_moment(b):
    time.sleep(0.2)
    return Answer(0, '', '')


CALL = '''
sysg spawn --name callee -- sh -c 'id=$(sysg recv --type call --timeout 5s | (read k p id rest; echo $id)); sysg reply "$id" -- pong' >/dev/null || exit
sysg call callee -- ping
rc=$?
sysg stop callee >/dev/null 2>&1
while sysg recv --timeout 0 >/dev/null 2>&1; do :; done
exit $rc'''
TALK = 'sysg send self -- hello || exit; sysg recv --body --timeout 1s'
EMPTY = 'while sysg recv --timeout 0 >/dev/null; do :; done; true'
TWO = 'a b'
OPS = {
    'spawn': Op('root', command('spawn', '--parent', 'root', '--name', 'kid', '--env', 'A=b', '--', 'sleep', '1102'), runs('root/kid'),
                no_kid),
    'spawn --queue': Op('one', queued, runs('one/next'), first_again, setup=first_again),
    'spawn --attach': Op('root', command('spawn', '--attach', '--parent', 'root', '--', 'echo', 'hi'), says=printed('hi')),
    'spawn --wait': Op('root', command('spawn', '--wait', '--parent', 'root', '--', 'true')),
    'stop of a tree': Op('root', stopped_tree, gone('root', 'root/kid'), tree_again, setup=tree_again),
    'restart of one': Op(TWO, command('restart', 'a'), anew('a', 'b')),
    'restart of all': Op(TWO, command('restart'), anew('a', 'b')),
    'start and stop': Op(TWO, command('stop', 'b'), gone('b'), lambda b: well(b, 'start', '-s', 'b')),
    'reload, added': Op(TWO, reloaded(manifest('a', 'b', 'c', 'filed')), runs('c', 'filed'), put_back(TWO), whole=True),
    'reload, changed': Op(TWO, reloaded(manifest('b', a='{exec: [sleep, "2001"]}')), anew('a', 'b'), put_back(TWO), whole=True),
    'reload, removed': Op(TWO, reloaded(manifest('a')), lambda b, was: 'b' not in units(b), put_back(TWO), whole=True),
    'a second manifest': Op(TWO, command('start', '-c', 'other.yaml'), runs('other/x', 'other/y'), without_second, setup=second, whole=True),
    'stop of a project': Op(TWO, command('stop', '-p', 'other'), lambda b, was: 'other/x' not in units(b), with_second,
                            setup=with_second),
    'restart of a project': Op(TWO, command('restart', '-p', 'other'), anew('other/x', 'other/y'), setup=with_second),
    'rolling': Op('roll', command('restart', 'roll'), anew('roll')),
    'rolling, refused': Op('never', not_rolled, runs('never')),
    'stop of all': Op(TWO, command('stop'), gone('a', 'b'), lambda b: well(b, 'start')),
    'a removed socket': Op('a', unsocketed),
    'blue_green': Op('blue', command('restart', 'blue'), anew('blue')),
    'send and recv': Op('agent', lambda b: as_agent(b, TALK), undo=lambda b: as_agent(b, EMPTY), says=printed('hello')),
    'call and reply': Op('agent', lambda b: as_agent(b, CALL), undo=lambda b: as_agent(b, 'sysg stop callee; ' + EMPTY), says=printed('pong')),
    'wait': Op('root', waited, undo=no_kid, says=printed('^exit root/kid')),
    'status': Op(TWO, command('status'), says=printed(r'^\S*b .*running|b\b')),
    'status --all': Op(TWO, command('status', '--all', '--format', 'json'), says=printed('"b"')),
    'inspect': Op(TWO, command('inspect', 'a'), says=printed('sleep 1001')),
    'tree': Op('root', command('tree'), says=printed('root')),
    'logs': Op('agent', command('logs', 'agent', '--no-follow')),
    'events': Op(TWO, command('events'), says=printed('started')),
    'metrics': Op(TWO, command('metrics'), says=printed('^sysg_')),
    'whoami': Op('agent', lambda b: as_agent(b, 'sysg whoami && sysg caps'), says=printed('agent')),
    'grant and revoke': Op('agent c', command('grant', 'agent', 'stop:c'), undo=lambda b: run(b, 'revoke', 'agent', 'stop:c')),
    'signal': Op('a', command('signal', 'a', 'CONT')),
    'hooks': Op('hooked', command('restart', 'hooked'), anew('hooked')),
    'health check': Op('checked', a_moment, runs('checked')),
    'a crash': Op('crash', crashed, runs('crash'), lambda b: well(b, 'restart', '-s', 'crash')),
    'cron': Op('tick', ticked),
    'logs --purge': Op('agent', command('logs', 'agent', '--purge')),
}
