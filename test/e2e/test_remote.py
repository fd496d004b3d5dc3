"""Units of other containers: a token instead of a process (spec/control.md)."""
import json
import os
import re
import shutil
import signal
import stat
import subprocess

import pytest

from harness import IMP, PYTHON, TOOLS, until

UID = 4801  # of the other container's processes
RUNNING = ('starting', 'running', 'stopping')


class Pod:
    """Our container, and another one that shares nothing but a folder: other pid and mount namespaces, as both have."""

    def __init__(self, box, more='', spawn='mode: dynamic', services='', **kw):
        home = box(None, argv=['true'], **kw).home
        self.share = home / 'share'
        self.share.mkdir()
        self.share.chmod(0o1777)
        self.token = self.share / 'app.token'
        self.env = {'SYSG_SOCKET': f'{self.share}/control.sock'}
        self.manifest = '\n'.join([
            f'control: {{socket: {self.share}/control.sock}}', 'services:', '  app:',
            f'    remote: {{uid: {UID}, token_file: ./share/app.token}}', f'    spawn: {{{spawn}}}',
            *('    ' + line.strip() for line in more.splitlines()), *('  ' + line.strip() for line in services.splitlines())])
        self.box, self.home, self.kw = box, home, kw
        self.other = box(argv=['sleep', '1000'], env=self.env)
        self.start()

    def start(self):
        self.b = self.box(self.manifest, home=self.home, env=self.env, **self.kw).up()
        self.b.until_state('app', 'running')

    def run(self, *words, uid=UID, env=None, **kw):
        """A command of the other container."""
        return self.other.exec(*words, uid=uid, env={'SYSG_TOKEN_FILE': str(self.token), **(env or {})}, **kw)

    def sysg(self, *words, **kw):
        return self.run('sysg', *words, **kw)

    def ok(self, *words, **kw):
        r = self.sysg(*words, **kw)
        assert r.returncode == 0, (words, r, self.b.stderr[-800:])
        return r.stdout

    def stays(self, *words):
        """A command that stays, in the other container; kill(p) kills it there."""
        return self.other.popen('sysg', *words, uid=UID, env={'SYSG_TOKEN_FILE': str(self.token)})

    def kill(self, mark):
        for p in self.other.procs().values():
            if p.comm == 'sysg' and mark in p.cmdline:
                os.kill(p.pid, signal.SIGKILL)
                return
        raise AssertionError(f'no {mark} in {self.other.procs()}')

    def runs(self, name):
        u = self.b.unit(name)
        return bool(u) and u['state'] in RUNNING

    def secret(self):
        return self.token.read_text()


@pytest.mark.asan
def test_who_shows_the_token_is_the_unit(box):
    pod = Pod(box)
    assert pod.ok('whoami').split()[:2] == ['unit', 'app']
    assert pod.ok('whoami', env={'SYSG_TOKEN_FILE': '', 'SYSG_TOKEN': pod.secret()}).split()[:2] == ['unit', 'app']
    shown = json.loads(pod.ok('status', '--format', 'json'))['units']
    assert [u['path'] for u in shown] == ['app']


def test_it_is_shown_as_remote_and_running_and_has_no_process(box):
    pod = Pod(box)
    app = pod.b.unit('app')
    assert (app['kind'], app['state'], app['health']) == ('remote', 'running', 'healthy')
    assert 'pid' not in app.get('process', {}) and 'command' not in app
    assert 'app' in pod.b.sysg_ok('tree') and 'app' in pod.b.sysg_ok('status')
    until(lambda: not pod.b.others() and not pod.b.defunct(), why=lambda: str(pod.b.procs(dead=True)))
    assert pod.b.sysg('signal', 'app', 'HUP').returncode != 0
    assert pod.b.sysg('ready').returncode == 0


def test_a_token_that_is_not_right_or_of_another_uid_makes_nobody_of_whoever_shows_it(box):
    pod = Pod(box, services='unit: {exec: [sh, -c, "SYSG_TOKEN=0123 sysg whoami >me.new; mv me.new me; exec sleep 1000"]}')
    right = pod.secret()
    wrong = {'none': '', 'short': right[:-1], 'long': right + '0', 'last': right[:-1] + ('1' if right[-1] == '0' else '0'),
             'first': ('1' if right[0] == '0' else '0') + right[1:], 'upper': right.upper() + 'x', 'words': 'x' * 64}
    answers = {what: pod.sysg('whoami', env={'SYSG_TOKEN_FILE': '', 'SYSG_TOKEN': token}).stdout for what, token in wrong.items()}
    for uid in (0, UID + 1):
        answers[uid] = pod.sysg('whoami', uid=uid, env={'SYSG_TOKEN': right}).stdout
    assert set(answers.values()) == {'nobody\n'}, answers
    assert pod.sysg('spawn', '--', 'true', env={'SYSG_TOKEN': 'x' * 64}).returncode == 11
    assert pod.b.file('me').split()[0] == 'nobody'
    assert pod.b.sysg_ok('whoami', env={'SYSG_TOKEN': right}).split()[0] == 'nobody', 'an operator is not of that uid'
    assert pod.b.sysg_ok('whoami').split()[0] == 'operator'


def test_without_a_token_it_is_nobody_and_the_token_counts_in_our_own_namespace_too(box):
    pod = Pod(box)
    assert pod.sysg('whoami', env={'SYSG_TOKEN_FILE': '', 'SYSG_TOKEN': ''}).stdout.split()[0] == 'nobody'
    assert pod.b.sysg_ok('whoami', uid=UID, env={'SYSG_TOKEN_FILE': str(pod.token)}).split()[:2] == ['unit', 'app']


def test_a_token_file_that_cannot_be_read_is_said(box):
    pod = Pod(box)
    r = pod.sysg('whoami', env={'SYSG_TOKEN_FILE': '/no/such.token'})
    assert r.returncode == 2 and 'SG0210' in r.stderr and '/no/such.token' in r.stderr


# --- the file ---

def test_the_file_is_its_users_alone_and_a_new_one_at_each_start_and_goes_at_the_end(box):
    pod = Pod(box)
    first, st = pod.secret(), pod.token.stat()
    assert re.fullmatch('[0-9a-f]{64}', first)
    assert (stat.S_IMODE(st.st_mode), st.st_uid) == (0o400, UID)
    assert pod.b.term() == 0
    assert not any(pod.share.glob('*token*'))
    pod.start()
    assert pod.secret() != first
    assert pod.sysg('whoami', env={'SYSG_TOKEN_FILE': '', 'SYSG_TOKEN': first}).stdout.split()[0] == 'nobody'
    assert pod.ok('whoami').split()[0] == 'unit'


def test_a_restart_of_the_unit_keeps_the_token_and_writes_the_file_again(box):
    pod = Pod(box)
    first = pod.secret()
    pod.token.unlink()
    pod.b.sysg_ok('restart', 'app')
    assert pod.secret() == first and pod.token.stat().st_uid == UID


@pytest.mark.parametrize('planted', ['app.token', 'app.token.new'])
def test_a_link_that_lies_in_its_place_is_not_followed(box, planted):
    home = box(None, argv=['true']).home
    (home / 'victim').write_text('untouched')
    (home / planted).symlink_to(home / 'victim')
    b = box(f'services: {{app: {{remote: {{uid: {UID}, token_file: app.token}}}}}}', home=home).up()
    b.until_state('app', 'running')
    assert (home / 'victim').read_text() == 'untouched' and (home / 'victim').stat().st_uid == 0
    st = (home / 'app.token').lstat()
    assert stat.S_ISREG(st.st_mode) and st.st_uid == UID and len((home / 'app.token').read_text()) == 64
    assert not (home / 'app.token.new').is_symlink() and not (home / 'app.token.new').exists()


def test_where_it_cannot_be_given_away_it_is_for_the_group_of_the_folder(box):
    home = box(None, argv=['true']).home
    share = home / 'share'
    share.mkdir()
    os.chown(share, 0, 4811)
    share.chmod(0o775)
    ns = ['--uid', '4810', '--gid', '4810', '--groups', '4811', '--keep', '']
    env = {'SYSG_SOCKET': f'{share}/c.sock'}
    b = box(f'''
        control: {{socket: {share}/c.sock}}
        services: {{app: {{remote: {{uid: {UID}, token_file: share/app.token}}, spawn: {{mode: dynamic}}}}}}
        ''', home=home, ns=ns, env=env)
    until(lambda: (share / 'app.token').exists(), why=lambda: b.stderr)
    st = (share / 'app.token').stat()
    assert (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid) == (0o640, 4810, 4811)
    other = box(argv=['sleep', '1000'], env=env)
    r = other.exec('sysg', 'whoami', uid=UID, groups='4811', env={'SYSG_TOKEN_FILE': f'{share}/app.token'})
    assert r.stdout.split()[:2] == ['unit', 'app'], r


def test_that_it_cannot_be_written_is_the_units_failure_and_nobody_elses(box):
    b = box(f'''
        services:
          app: {{remote: {{uid: {UID}, token_file: /no/such/folder/app.token}}, essential: false}}
          other: {{exec: [sleep, "1000"]}}
        ''').up()
    b.until_state('app', 'failed')
    b.says(r'could not write the token file.*/no/such/folder/app.token.*No such file')
    b.until_state('other', 'running')
    assert b.sysg('ping').returncode == 0


# --- what it may ---

def test_what_it_spawns_runs_here_as_the_service_says(box):
    pod = Pod(box, '''
        user: "4820"
        working_dir: /usr
        env: {vars: {OURS: here, BOTH: ours}}
        ''')
    script = f'pwd >{pod.share}/x.new; id -u >>{pod.share}/x.new; env >>{pod.share}/x.new; mv {pod.share}/x.new {pod.share}/x'
    pod.ok('spawn', '--wait', '--name', 'kid', '--env', 'BOTH=theirs', '--env', 'SYSG_TOKEN=x', '--', 'sh', '-c', script,
           env={'THEIRS': 'there', 'SYSG_TOKEN': pod.secret()})
    cwd, uid, *env = (pod.share / 'x').read_text().splitlines()
    assert (cwd, uid) == ('/usr', '4820')
    assert {'OURS=here', 'BOTH=theirs', 'SYSG_NAME=app/kid', 'SPAWN_DEPTH=1', 'SPAWN_PARENT_PID=1'} <= set(env)
    assert not any(line.startswith(('THEIRS=', 'SYSG_TOKEN')) for line in env)
    pod.ok('spawn', '--wait', '--cwd', '/etc', '--', 'sh', '-c', f'pwd >{pod.share}/y')
    assert (pod.share / 'y').read_text() == '/etc\n'


def test_an_operator_spawns_for_it_the_same_way(box):
    pod = Pod(box, 'user: "4820"\nworking_dir: /usr')
    r = pod.b.sysg('spawn', '--parent', 'app', '--attach', '--', 'sh', '-c', 'pwd; id -u; id -G')
    assert r.stdout.split() == ['/usr', '4820', '4820'], r


def test_the_child_is_a_unit_here_that_may_spawn_itself_and_talk_to_its_parent(box):
    pod = Pod(box)
    pod.ok('spawn', '--name', 'kid', '--', 'sh', '-c', 'sysg spawn --name below -- sleep 1000; sysg send parent -- up; exec sleep 1000')
    header, body = pod.ok('recv', '--from', 'app/kid', '--timeout', '10s').split('\n', 1)
    assert header.split()[:2] == ['msg', 'app/kid'] and body == 'up'
    assert pod.runs('below')
    pod.ok('stop', 'kid')
    assert not pod.runs('kid') and not pod.runs('below')
    assert pod.ok('wait', 'kid').split()[:2] == ['exit', 'app/kid']
    assert 'reason=stopped' in pod.ok('recv', '--timeout', '10s')


def test_it_has_no_right_over_others(box):
    pod = Pod(box, services='db: {exec: [sleep, "1000"]}')
    for words in (['stop', 'db'], ['restart', 'db'], ['stop', '--supervisor'], ['send', 'db', '--', 'x']):
        assert pod.sysg(*words).returncode == 4, words
    assert pod.b.state('db') == 'running'


def test_it_may_not_hand_over_its_streams(box):
    pod = Pod(box)
    r = pod.sysg('spawn', '--attach', '--', 'touch', str(pod.share / 'never'))
    assert r.returncode == 125 and 'SG0832' in r.stderr and '--attach' in r.stderr
    assert pod.b.unit('app')['counts']['ever'] == 0


def test_limits_hold(box):
    pod = Pod(box, spawn='mode: dynamic, limits: {children: 1, depth: 1}')
    pod.ok('spawn', '--name', 'kid', '--', 'sh', '-c', f'sysg spawn -- true 2>{pod.share}/err; echo $? >{pod.share}/rc; exec sleep 1000')
    r = pod.sysg('spawn', '--', 'true')
    assert r.returncode == 7 and 'SG0803' in r.stderr
    until(lambda: (pod.share / 'rc').exists() and (pod.share / 'rc').read_text())
    assert 'SG0802' in (pod.share / 'err').read_text()


def test_a_static_one_may_not_spawn(box):
    pod = Pod(box, spawn='mode: static')
    assert pod.sysg('spawn', '--', 'true').returncode == 4


# --- the end of its children ---

def bound(pod, name):
    p = pod.stays('spawn', '--bind', '--name', name, '--', 'sleep', '1000')
    pod.b.until_state(name, 'running')
    return p


@pytest.mark.asan
def test_its_children_end_with_its_last_bound_connection(box):
    pod = Pod(box)
    pod.ok('spawn', '--name', 'free', '--', 'sh', '-c', 'sysg spawn --name below -- sleep 1000; exec sleep 1000')
    bound(pod, 'one')
    bound(pod, 'two')
    pod.b.until_state('below', 'running')
    pod.kill('--name one')
    until(lambda: not pod.runs('one'))
    assert pod.runs('two') and pod.runs('free')
    pod.kill('--name two')
    until(lambda: not pod.runs('two') and not pod.runs('free') and not pod.runs('below'))
    assert pod.b.unit('free')['last_exit']['reason'] == 'cascade'
    assert pod.b.state('app') == 'running'
    pod.ok('spawn', '--name', 'again', '--', 'sleep', '1000')
    assert pod.runs('again')


def test_when_the_other_container_dies_they_end(box):
    pod = Pod(box)
    pod.ok('spawn', '--name', 'free', '--', 'sleep', '1000')
    bound(pod, 'anchor')
    pod.other.kill(signal.SIGKILL)
    until(lambda: not pod.runs('anchor') and not pod.runs('free'))
    assert pod.b.state('app') == 'running'


def test_one_whose_child_ended_first_takes_no_other_along(box):
    pod = Pod(box)
    pod.ok('spawn', '--name', 'free', '--', 'sleep', '1000')
    assert pod.sysg('spawn', '--bind', '--', 'sh', '-c', 'exit 7').returncode == 7
    assert pod.sysg('spawn', '--bind', '--', 'no-such-program').returncode == 127
    pod.ok('whoami')
    assert pod.runs('free')


def test_a_units_own_bound_children_are_its_own_matter(box):
    """Of a child of the remote unit: its connection is not the remote unit's."""
    pod = Pod(box)
    pod.ok('spawn', '--name', 'kid', '--', 'sh', '-c', f'sysg spawn --name free -- sleep 1000; sysg spawn --bind --name x -- sleep 1000 & echo $! >{pod.share}/pid; exec sleep 1000')
    pod.b.until_state('x', 'running')
    pid = until(lambda: (pod.share / 'pid').exists() and (pod.share / 'pid').read_text().strip())
    pod.b.exec('kill', '-9', pid)
    until(lambda: not pod.runs('x'))
    assert pod.runs('free') and pod.runs('kid')


@pytest.mark.parametrize('order', ['stop', 'restart'])
def test_its_children_end_when_it_is_ordered_to(box, order):
    pod = Pod(box)
    first = pod.secret()
    pod.ok('spawn', '--name', 'kid', '--', 'sh', '-c', 'sysg spawn --name below -- sleep 1000; exec sleep 1001')
    pod.b.sysg_ok(order, 'app')
    assert not pod.runs('kid') and not pod.runs('below')
    if order == 'stop':
        assert pod.b.state('app') == 'stopped'
        assert pod.ok('whoami').split()[:2] == ['unit', 'app']
        r = pod.sysg('spawn', '--', 'true')
        assert r.returncode == 7 and 'SG0815' in r.stderr
        pod.b.sysg_ok('start', '-s', 'app')
    assert pod.secret() == first
    pod.ok('spawn', '--name', 'next', '--', 'sleep', '1000')
    assert pod.runs('next')


def test_as_long_as_its_file_cannot_be_written_nothing_is_spawned_for_it(box):
    """Also where a restart changes nothing for its children, so that it isn't closed to them."""
    pod = Pod(box, spawn='mode: dynamic, termination_policy: orphan')
    token = {'SYSG_TOKEN_FILE': '', 'SYSG_TOKEN': pod.secret()}
    pod.token.unlink()
    pod.token.mkdir()
    assert pod.b.sysg('restart', 'app').returncode != 0
    pod.b.until_state('app', 'backoff')
    r = pod.sysg('spawn', '--', 'true', env=token)
    assert r.returncode == 7 and 'SG0815' in r.stderr, r
    pod.token.rmdir()
    pod.b.until_state('app', 'running')
    pod.ok('spawn', '--', 'true', env=token)


def test_it_may_stop_itself(box):
    pod = Pod(box)
    pod.ok('spawn', '--name', 'kid', '--', 'sleep', '1000')
    pod.ok('stop', 'app')
    pod.b.until_state('app', 'stopped')
    assert not pod.runs('kid')


def test_it_keeps_the_container_and_the_shutdown_ends_what_it_spawned(box):
    pod = Pod(box, services='short: {exec: ["true"], restart_policy: never}')
    pod.b.until_state('short', 'done')
    pod.ok('spawn', '--name', 'kid', '--', 'sleep', '1000')
    assert pod.b.sysg('ready').returncode == 0
    assert pod.b.term() == 0


# --- places ---

HOLD = f'''
import select, sys
sys.path.insert(0, {str(TOOLS)!r})
import peer

def told(c):
    try:
        c.send(peer.packet("op=ping"))
        answer = c.recv(65536)
    except OSError:  # it was refused already: a reset is told once, then the answer
        answer = c.recv(65536)
    return peer.fields_of(answer).get("code", "ok")

held = [peer.connect() for _ in range(int(sys.argv[1]))]
print(*map(told, held), flush=True)
while not select.select([sys.stdin], [], [], 1)[0]:  # one that is silent is closed
    held = [c for c in held if peer.ask(c, "op=ping").get("ok")]
'''


def test_its_uid_has_eight_places_and_nobody_has_others(box):
    pod = Pod(box)
    hold = pod.other.popen(PYTHON, '-c', HOLD, '8', uid=UID, stdin=subprocess.PIPE)
    assert hold.stdout.readline().split() == ['ok'] * 8
    more = pod.run(PYTHON, '-c', HOLD, '3', input='')
    assert more.stdout.split() == ['SG0833'] * 3, more
    assert pod.run(PYTHON, '-c', HOLD, '9', uid=UID + 1, input='').stdout.split() == ['ok'] * 8 + ['SG0833']
    assert pod.b.sysg_ok('whoami').split()[0] == 'operator'
    hold.communicate()
    assert pod.ok('whoami').split()[0] == 'unit'


def test_what_it_waits_for_takes_no_place(box):
    pod = Pod(box)
    for n in range(9):
        bound(pod, f'kid{n}.')
    assert pod.ok('whoami').split()[0] == 'unit'


# --- what a child inherits ---

def test_the_callers_environment_is_sent_without_them(box):
    """A unit of ours that has them set asks without a token, as other clients may."""
    ask = f'''
import sys
sys.path.insert(0, {str(TOOLS)!r})
import peer
env = ["PATH=/usr/bin:/bin", "SYSG_TOKEN=secret", "SYSG_TOKEN_FILE=/secret", "KEPT=1"]
peer.ask(peer.connect(), "op=spawn", "arg=sh", "arg=-c", "arg=env >e.new; mv e.new e", "cwd=" + sys.argv[1], "set_env=SYSG_TOKEN=more",
         *("env=" + e for e in env))
'''
    home = box(None, argv=['true']).home
    (home / 'ask.py').write_text(ask)
    b = box(f'services: {{root: {{command: "{PYTHON} ask.py {home}; exec sleep 1000", spawn: {{mode: dynamic}}}}}}', home=home,
            env={'SYSG_TOKEN': 'ours', 'SYSG_TOKEN_FILE': '/ours'})
    env = b.file('e')
    assert 'KEPT=1' in env and 'SYSG_TOKEN' not in env
    pid = until(lambda: next((p.pid for p in b.others() if p.cmdline == 'sleep 1000'), None))
    with open(f'/proc/{pid}/environ') as f:
        assert 'SYSG_TOKEN' not in f.read()


# --- the manifest ---

REMOTE = 'remote: {uid: 1000, token_file: t}'


@pytest.mark.parametrize('service, words', [
    ('remote: {uid: 1000}', 'needs both'), ('remote: {token_file: t}', 'needs both'), ('remote: {uid: -1, token_file: t}', '"uid"'),
    ('remote: {uid: 4294967295, token_file: t}', '"uid"'), ('remote: {uid: root, token_file: t}', '"uid"'),
    ('remote: {uid: 1, token_file: ""}', '"token_file"'), ('remote: {uid: 1, token_file: t, tokens: 1}', '"tokens"'), ('remote: 5', '"remote"'),
    *((f'{REMOTE}, {line}', f'"{line.split(":")[0]}"') for line in (
        'command: "true"', 'exec: ["true"]', 'health_check: {tcp: "localhost:80"}', 'hooks: {pre_start: "true"}',
        'deployment: {pre_start: "true"}', 'stop_signal: INT', 'stop_target: tree', 'success_exit_codes: [3]', 'on_exit: ["send:app:x"]'))])
def test_what_does_not_go_with_it_is_refused_with_place_and_remedy(box, service, words):
    b = box(f'services:\n  app: {{{service}}}\n')
    assert b.wait() == 2
    assert words in b.stderr and re.search(r'systemg.yaml:2:\d+', b.stderr), b.stderr
    assert 'help' in b.stderr


def test_two_identities_have_not_one_token(box):
    b = box(f'services:\n  app: {{{REMOTE}}}\n  web: {{{REMOTE}}}\n')
    assert b.wait() == 2
    assert '"app"' in b.stderr and 'systemg.yaml:3:' in b.stderr, b.stderr


def test_what_it_spawns_below_a_child_that_became_root_is_not_root(box):
    """A set-uid program that takes all of its ids: its confinement is not the other container's to have."""
    pod = Pod(box, more='user: "4803"')
    sleeper = pod.home / 'sleeper'
    shutil.copy(IMP, sleeper)
    sleeper.chmod(0o4755)
    pod.ok('spawn', '--name', 'kid', '--', str(sleeper), 'become')
    until(lambda: pod.b.exec('sh', '-c', f'grep ^Uid: /proc/{pod.b.pid_of("kid")}/status').stdout.split()[1] == '0')
    pod.ok('spawn', '--parent', 'kid', '--wait', '--', 'sh', '-c', f'id -u >{pod.share}/who')
    assert (pod.share / 'who').read_text() == '4803\n'


def test_two_of_its_processes_may_wait_for_a_message(box):
    pod = Pod(box)
    first = pod.other.popen('sysg', 'recv', '--body', uid=UID, env={'SYSG_TOKEN_FILE': str(pod.token)})
    until(lambda: pod.b.status_json()['supervisor']['connections'] >= 2)
    assert pod.sysg('recv', '--timeout', '100ms').returncode == 9, 'its time is over, not refused'
    pod.b.sysg_ok('send', 'app', '--', 'hello')
    assert first.communicate(timeout=10)[0] == 'hello'
