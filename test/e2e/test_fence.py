"""What a service says that it is confined to, looked at from inside; or it is refused with its code."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from harness import STAGE, SYSG, TOOLS, facts, read_proc, until
from test_confine import refused as not_copied

CAPS = ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')
KILL, CHOWN, BIND = 1 << 5, 1 << 0, 1 << 10


def inside(box, lines, ns=(), script='imp facts self; sysg spawn --wait -- imp facts child'):
    """The facts of a service with these keys, of what it spawned, and of its hook."""
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(script + ' 2>err; exec sleep 1000\n')
    b = box(f'services: {{root: {{exec: [sh, ./main.sh], spawn: {{mode: dynamic}}, {lines}, '
            'hooks: {post_start: "imp facts hook"}}}', home=b.home, ns=ns).up()
    return [facts(b.file(f)) for f in ('self', 'child', 'hook')]


def refused(box, lines, ns=()):
    """The code of the start that fails, and what is said of it."""
    b = box(f'services: {{root: {{exec: [touch, ran], restart_policy: never, {lines}}}, other: {{exec: [sleep, "1000"]}}}}', ns=ns).up()
    b.until_state('root', 'failed')
    assert not (b.home / 'ran').exists()
    return b.says(r'SG07\d\d')[0], b.stderr


@pytest.mark.parametrize('lines, code', [
    ('limits: {cpu_affinity: [0, 900]}', 'SG0743'), ('capabilities: [sys_module]', 'SG0747'), ('isolation: {network: true}', 'SG0727'),
])
def test_what_it_cannot_be_confined_to_ends_it_at_once_whatever_its_restart_policy(box, lines, code):
    b = box(f'services: {{root: {{exec: [touch, ran], {lines}}}, other: {{exec: [sleep, "1000"]}}}}', ns=['--keep', 'setuid,setgid,kill,setpcap']).up()
    b.until_state('root', 'failed')
    b.says(fr'^sysg: error\[{code}\]: root: ')
    assert 'restart 1' not in b.stderr and not (b.home / 'ran').exists()


def sets(f):
    return [int(f[k], 16) for k in CAPS]


@pytest.mark.asan
def test_no_new_privs_is_on_in_service_child_and_hook(box):
    assert [f['NoNewPrivs'] for f in inside(box, 'no_new_privs: true')] == ['1'] * 3
    assert [f['NoNewPrivs'] for f in inside(box, 'no_new_privs: false')] == ['0'] * 3


def test_of_root_only_kept_capabilities_are_in_any_set(box):
    for f in inside(box, 'capabilities: [CAP_KILL, chown]'):
        assert sets(f) == [0, KILL | CHOWN, KILL | CHOWN, KILL | CHOWN, 0]


def test_of_root_none_are_kept(box):
    for f in inside(box, 'capabilities: []', ns=['--inherit']):
        assert sets(f) == [0] * 5


def test_of_another_user_kept_ones_are_ambient_and_no_others_anywhere(box):
    for f in inside(box, 'user: 4830, capabilities: [NET_BIND_SERVICE]', ns=['--inherit']):
        assert f['Uid'].split() == ['4830'] * 4
        assert sets(f) == [BIND] * 5


def test_a_capability_that_the_container_has_not_is_sg0747_and_one_that_cannot_be_dropped_sg0748(box):
    code, said = refused(box, 'capabilities: [net_admin]', ns=['--keep', 'chown,setpcap,setuid,setgid,kill'])
    assert code == 'SG0747' and 'keep its capabilities' in said
    code, said = refused(box, 'capabilities: []', ns=['--keep', 'chown,setuid'])
    assert code == 'SG0748' and 'drop capabilities' in said


def test_groups_are_the_users_and_those_that_are_named_in_children_too(box):
    for f in inside(box, 'user: 4831, group: 4832, supplementary_groups: [audio, 77]'):
        assert sorted(f['Groups'].split(), key=int) == ['29', '77', '4832'] and f['Uid'].split()[0] == '4831'
    for f in inside(box, 'supplementary_groups: [77]', ns=['--groups', '5,6']):
        assert f['Groups'].split() == ['0', '77']


def test_a_group_that_is_none_is_sg0744(box):
    b = box('services: {root: {exec: [true], supplementary_groups: [nosuchgroup]}}')
    assert b.wait() and 'SG0744' in b.stderr and 'nosuchgroup' in b.stderr


def test_without_root_groups_are_sg0705(box):
    b = box('services: {root: {exec: [true], supplementary_groups: [77]}}', ns=['--uid', '4833', '--gid', '4833'])
    assert b.wait() and 'SG0705' in b.stderr


LIMITS = 'limits: {nofile: 123, nproc: 5000, memlock: 64K, core: 0, nice: 3, cpu_affinity: [0], oom_score_adj: 250}'


def test_every_limit_is_in_force_in_service_child_and_hook(box):
    say = 'cat /proc/self/oom_score_adj >'
    me, child, hook = inside(box, LIMITS, script=f'{say}oom.self; imp facts self; sysg spawn --wait -- sh -c "{say}oom.child; imp facts child"')
    for f in (me, child, hook):
        assert (f['rlimit7'], f['rlimit6'], f['rlimit8'], f['rlimit4']) == ('123 123', '5000 5000', '65536 65536', '0 0')
        assert f['nice'] == '3' and f['Cpus_allowed_list'] == '0'
    home = pathlib.Path(me['cwd'])
    assert [(home / f'oom.{w}').read_text().strip() for w in ('self', 'child')] == ['250', '350']


def test_a_child_has_no_more_than_the_service_whatever_its_caller_raised_and_no_more_than_its_caller(box):
    child = inside(box, 'limits: {cpu_affinity: [0]}', script='imp facts self; taskset -c 1 sysg spawn --wait -- imp facts child')[1]
    assert child['Cpus_allowed_list'] == '0'
    child = inside(box, 'limits: {nofile: 100, nice: 3}', script='''
        imp facts self
        nice -n 2 prlimit --nofile=50:60 sysg spawn --wait -- imp facts child''')[1]
    assert (child['rlimit7'], child['nice']) == ('50 60', '5')


@pytest.mark.parametrize('limit, code', [
    ('nofile: 1000', 'SG0741'), ('memlock: unlimited', 'SG0741'), ('nice: -1', 'SG0742'), ('cpu_affinity: [0, 900]', 'SG0743'),
    ('oom_score_adj: -1000', 'SG0741')])
def test_a_limit_that_cannot_be_set_refuses_the_service(box, limit, code):
    ns = ['--keep', 'setuid,setgid,kill', '--rlimit', 'nofile=500', '--rlimit', 'memlock=4096']
    assert refused(box, f'limits: {{{limit}}}', ns=ns)[0] == code


# --- isolation.seccomp

FILTER = 'isolation: {seccomp: baseline-v1}'
CALLS = """
import ctypes, json, os, platform, threading
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'

def call(*a):
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(*a) == -1 else 0

ran = []
t = threading.Thread(target=lambda: ran.append(os.spawnlp(os.P_WAIT, 'true', 'true')))
t.start()
t.join()
n = dict(unshare=272, mount=165, bpf=321, keyctl=250, perf_event_open=298, clone=56, init_module=175, setns=308, reboot=169) if x86 else \
    dict(unshare=97, mount=40, bpf=280, keyctl=219, perf_event_open=241, clone=220, init_module=105, setns=268, reboot=142)
said = {k: call(v, 0, 0, 0, 0, 0) for k, v in n.items() if k != 'clone'}
said |= {'thread': ran, 'clone_user': call(n['clone'], 0x10000000 | 17, 0, 0, 0, 0), 'io_uring': call(425, 0, 0), 'clone3': call(435, 0, 0),
         'newer': call(463, 0, 0, 0), 'getpid': call(39 if x86 else 172), 'ptrace': call(101 if x86 else 117, 4321)}
print(json.dumps(said))
"""


def test_the_baseline_denies_what_services_have_no_use_for_and_lets_the_rest_be(box):
    b = box(None, argv=['true'])
    (b.home / 'calls.py').write_text(CALLS)
    me, child, hook = inside(box, FILTER, script=f'cd {b.home}; python calls.py >{b.home}/said; imp foreign {b.home}/foreign; cd -; '
                             'imp facts self; sysg spawn --wait -- imp facts child')
    said = json.loads(b.file('said'))
    assert said.pop('thread') == [0] and (said.pop('getpid'), said.pop('clone3'), said.pop('newer'), said.pop('ptrace')) == (0, 38, 38, 3)
    assert set(said.values()) == {1}, said
    assert b.file('foreign').strip() in ('none', '31')
    own = int(pathlib.Path('/proc/self/status').read_text().split('Seccomp_filters:')[1].split()[0])
    for f in (me, child, hook):
        assert (f['Seccomp'], f['Seccomp_filters'], f['NoNewPrivs']) == ('2', str(own + 1), '1')


def test_each_call_of_the_list_is_denied_by_the_numbers_of_the_kernels_header(box):
    """The same program is run on aarch64 by test/arm64/run.sh."""
    home = box(None, argv=['true']).home
    source = pathlib.Path(__file__).resolve().parents[1] / 'arm64/calls.c'
    subprocess.run(['gcc', '-static', '-O1', '-Wall', '-Werror', '-D_GNU_SOURCE', '-pthread', '-o', home / 'calls', source], check=True)
    b = box('services: {root: {exec: [./calls], restart_policy: never, ' + FILTER + '}}', home=home)
    assert b.wait() == 0 and 'calls: ok, 40 denied, 4 not there' in b.stdout, b.stdout
    b = box('services: {root: {exec: [./calls], restart_policy: never}}', home=home)
    assert b.wait() == 1 and 'calls: no filter' in b.stdout


def test_more_filters_than_the_services_own_are_refused_still(box):
    assert 'seccomp' in not_copied(box, 'imp filter', service=', ' + FILTER)


# --- isolation.landlock

def test_nothing_but_the_paths_that_are_named_is_reached(box):
    b = box(None, argv=['true'])
    (b.home / 'ro').mkdir()
    (b.home / 'rw').mkdir()
    (b.home / 'secret').write_text('x\n')
    (b.home / 'ro/file').write_text('y\n')
    (b.home / 'ro/try.sh').write_text('''
        cat ro/file >rw/$1.read; cat secret >rw/$1.secret; ls / >rw/$1.root; touch ro/made; touch made; mkdir rw/$1.dir
        grep NoNewPrivs /proc/self/status >rw/$1.end\n''')
    paths = ', '.join(p for p in ('/bin', '/usr', '/lib', '/lib64', '/etc', '/proc', str(TOOLS.parent)) if os.path.exists(p))
    box(f'''services: {{root: {{command: "sh ro/try.sh self; sysg spawn --wait -- sh ro/try.sh child; exec sleep 1000", spawn: {{mode: dynamic}},
            isolation: {{landlock: {{ro_paths: [{paths}, ro], rw_paths: [rw, /dev/null]}}}}}}}}''', home=b.home).up()
    for who in ('self', 'child'):
        assert b.file(f'rw/{who}.end').split() == ['NoNewPrivs:', '1']
        assert b.peek(f'rw/{who}.read') == 'y\n' and (b.home / f'rw/{who}.dir').is_dir()
        assert not b.peek(f'rw/{who}.secret') and not b.peek(f'rw/{who}.root')
    assert not (b.home / 'ro/made').exists() and not (b.home / 'made').exists()


def test_the_sysg_in_front_of_a_pid_namespace_needs_not_be_named(box):
    b = box(None, argv=['true'])
    (b.home / 'rw').mkdir()
    paths = ', '.join(p for p in ('/bin', '/usr', '/lib', '/lib64') if os.path.exists(p))
    b = box(f'''services: {{root: {{command: "(cat /proc/self/comm; cat {SYSG} | wc -c; ls {STAGE}) >rw/said 2>&1; echo >rw/end; exec sleep 1000",
        isolation: {{pid: true, landlock: {{ro_paths: [{paths}], rw_paths: [rw]}}}}}}}}''', home=b.home).up()
    b.file('rw/end')
    b.until_state('root', 'running')
    assert b.peek('rw/said').count('Permission denied') >= 2


def test_a_path_that_is_not_there_and_a_kernel_without_landlock_are_sg0724(box):
    assert refused(box, 'isolation: {landlock: {ro_paths: [/usr, /nosuchpath]}}')[0] == 'SG0724'
    assert refused(box, 'isolation: {landlock: {ro_paths: [/]}}', ns=['--filter', 'old'])[0] == 'SG0724'


# --- isolation by namespaces

LOOK = '''
for n in net mnt pid user ipc uts; do readlink /proc/self/ns/$n; done >$1.ns
cat /proc/net/dev | grep -o '^ *[a-z0-9]*:' >$1.net; grep -c . /proc/mounts >$1.mounts
ls /tmp >$1.tmp; ls /dev >$1.dev; cat /proc/self/uid_map /proc/self/gid_map >$1.map
grep -E '^(Cap|NSpid|Uid|Seccomp)' /proc/self/status >$1.status; ls /proc >$1.proc; echo $$ >$1.pid; env >$1.env
'''
KINDS = ('net', 'mnt', 'pid', 'user', 'ipc', 'uts')


class Looked:
    def __init__(self, box, who):
        box.file(f'{who}.env')
        for word in ('ns', 'net', 'mounts', 'tmp', 'dev', 'map', 'status', 'proc', 'pid', 'env'):
            setattr(self, word, box.peek(f'{who}.{word}').split())
        self.ns = dict(zip(KINDS, self.ns))


@pytest.fixture
def elsewhere():
    """A folder for a box that has no tmp of the machine's."""
    d = tempfile.mkdtemp(prefix='sysg-e2e-', dir='/opt')
    yield d
    shutil.rmtree(d, True)


def isolated(box, keys, more='', after='exec sleep 1000', ns=(), home=None, argv=None):
    """(the box, what a service sees with these keys of isolation, what an exec'd process sees)."""
    b = box(None, argv=['true'], home=home)
    (b.home / 'look.sh').write_text(LOOK)
    b = box(f'services: {{root: {{command: "sh ./look.sh self; {after}", isolation: {{{keys}}}{more}}}}}', home=b.home, ns=ns, argv=argv).up()
    b.exec('sh', './look.sh', 'out', env={'SYSG': 'x'})
    return b, Looked(b, 'self'), Looked(b, 'out')


@pytest.mark.parametrize('keys, own', [
    ('network: true', {'net'}), ('mount: true', {'mnt'}), ('private_tmp: true', {'mnt'}), ('private_devices: true', {'mnt'}),
    ('user: true', {'user'}), ('pid: true', {'pid', 'mnt'}), ('network: false', set())])
def test_of_its_own_are_those_namespaces_and_no_others(box, elsewhere, keys, own):
    _, me, out = isolated(box, keys, home=elsewhere)
    assert {k for k in KINDS if me.ns[k] != out.ns[k]} == own


def test_its_network_is_the_loopback_alone_and_that_works(box):
    b, me, _ = isolated(box, 'network: true', after="python -c \\\"import socket as s; a = s.create_server(('127.0.0.1', 4999)); "
                        "s.create_connection(('127.0.0.1', 4999)); open('lo', 'w').write('up')\\\"; exec sleep 1000")
    assert me.net == ['lo:'] and b.file('lo') == 'up'


def test_its_tmp_is_empty_and_stays_its_own(box, elsewhere):
    b, me, _ = isolated(box, 'private_tmp: true', after='touch /tmp/inside /var/tmp/inside; touch made; exec sleep 1000', ns=['--tmpfs', '/tmp'],
                        home=elsewhere, argv=['sh', '-c', 'mount --make-rshared / && exec sysg start -c ./systemg.yaml'])
    b.exec('touch', '/tmp/outside')
    until(lambda: (b.home / 'made').exists())
    assert me.tmp == [] and b.exec('ls', '/tmp', '/var/tmp/inside').stdout.split() == ['/tmp:', 'outside']


def test_its_devices_are_the_harmless_ones_and_work(box):
    b, me, _ = isolated(box, 'private_devices: true', after='head -c 4 /dev/zero | wc -c >zero; echo x >/dev/null; mknod /dev/new c 1 5; '
                        'head -c 1 /dev/new >new; echo $? >rc; exec sleep 1000')
    assert set(me.dev) <= {'null', 'zero', 'full', 'random', 'urandom', 'tty', 'shm', 'fd', 'stdin', 'stdout', 'stderr'} and 'null' in me.dev
    assert b.file('zero').strip() == '4' and b.file('rc').strip() != '0' and not b.peek('new')


@pytest.mark.parametrize('uid', [0, 4840])
def test_in_its_user_namespace_it_is_itself_and_nobody_else_is_anybody(box, uid):
    _, me, out = isolated(box, 'user: true', f', user: {uid}, group: {uid}')
    assert me.map == [str(uid), str(uid), '1'] * 2
    assert me.status[me.status.index('Uid:') + 1] == str(uid)


def test_kept_capabilities_are_those_in_its_user_namespace_too(box):
    _, me, _ = isolated(box, 'user: true', ', capabilities: [kill]')
    at = {k: int(me.status[me.status.index(k + ':') + 1], 16) for k in CAPS}
    assert at == {'CapInh': 0, 'CapPrm': KILL, 'CapEff': KILL, 'CapBnd': KILL, 'CapAmb': 0}


def test_in_its_pid_namespace_a_sysg_is_first_and_a_stop_reaches_the_command(box):
    b, me, out = isolated(box, 'pid: true', after="trap 'echo gone >bye; exit 3' TERM; (setsid sleep 499611 &); touch on; while :; do sleep 0.1; done")
    until(lambda: (b.home / 'on').exists())
    assert int(me.pid[0]) < 20 and '1' in me.proc and [p for p in me.proc if p.isdigit()] != [p for p in out.proc if p.isdigit()]
    below = [p for p in map(read_proc, filter(str.isdigit, os.listdir('/proc'))) if p and p.ppid == b.pid]
    assert [p for p in below if p.cmdline.startswith('sysg start -- /bin/sh -c') and p.inner == 1], below
    r = b.sysg('stop', '-s', 'root')
    assert r.returncode == 0 and b.file('bye') == 'gone\n'
    assert not [p for p in map(read_proc, filter(str.isdigit, os.listdir('/proc'))) if p and p.cmdline == 'sleep 499611']
    b = box('services: {root: {command: "exit 7", restart_policy: never, isolation: {pid: true}}}')
    assert b.wait() == 7


def test_a_check_and_a_hook_are_in_its_network_while_it_runs(box):
    b = box(None, argv=['true'])
    (b.home / 'server.py').write_text("import socket, time\ns = socket.create_server(('127.0.0.1', 4998))\ntime.sleep(1000)\n")
    b = box('''services: {root: {command: "readlink /proc/self/ns/net >self; exec python server.py",
        isolation: {network: true},
        health_check: {command: "python -c \\"import socket; socket.create_connection(('127.0.0.1', 4998))\\""},
        hooks: {post_start: "readlink /proc/self/ns/net >hook"}}}''', home=b.home).up()
    assert b.file('hook', 20) == b.peek('self')


@pytest.mark.parametrize('own', ['private_tmp: true', 'mount: true, user: true', 'private_devices: true, network: true'])
def test_beside_a_pid_namespace_a_check_and_a_hook_have_its_mounts_and_a_proc_in_which_they_are(box, own):
    b = box(f'''services: {{root: {{command: "echo in >/tmp/there; exec sleep 1000", working_dir: /,
        isolation: {{pid: true, {own}}}, limits: {{oom_score_adj: 100}},
        health_check: {{command: "read x </tmp/there && test -d /proc/self/fd"}},
        hooks: {{post_start: "echo $(cat /tmp/there /proc/self/oom_score_adj) /proc/[1-9]*/"}}}}}}''', ns=['--tmpfs', '/tmp']).up()
    b.until_state('root', 'running')
    said = b.says(r'root \| in 100 (.*)', where='stdout')[1].split()
    assert '/proc/1/' in said and f'/proc/{b.pid_of("root")}/' in said


LISTENS = r'''import socket, sys, time
path = sys.argv[1][0] == '/'
s = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
s.bind(sys.argv[1] if path else ('127.0.0.1', int(sys.argv[1])))
s.listen()
while True:
    c = s.accept()[0]
    try:
        c.sendall(b'HTTP/1.0 204 Fine\r\n\r\n')
    except OSError:
        pass
    c.close()
'''


@pytest.mark.parametrize('own, check, place', [
    ('network', 'tcp: "127.0.0.1:4997"', '4997'), ('network', 'tcp: "localhost:4997"', '4997'), ('network', 'url: "http://localhost:4997/"', '4997'),
    ('private_tmp', 'unix: /tmp/there', '/tmp/there'), ('private_tmp', 'file: /tmp/there', '/tmp/there')])
def test_a_check_without_a_command_is_made_in_its_network_and_its_tmp_too(box, own, check, place):
    """The same check of a service without them fails, as it looks for it outside."""
    timing = 'start_interval: 50ms, retries: 1, interval: 100ms, total_timeout'
    b = box(f'''services:
        within: {{exec: [{sys.executable}, -c, {json.dumps(LISTENS)}, "{place}"], working_dir: /, isolation: {{{own}: true}}, health_check: {{{check}, {timing}: 30s}}}}
        without: {{command: "exec sleep 1000", restart_policy: never, health_check: {{{check}, {timing}: 1s}}}}''').up()
    b.until_state('within', 'running')
    b.until_state('without', 'failed')


@pytest.mark.parametrize('key', ['network', 'mount', 'pid', 'private_tmp', 'private_devices', 'user'])
def test_where_a_namespace_cannot_be_made_the_service_is_refused(box, key):
    code, said = refused(box, f'isolation: {{{key}: true}}', ns=['--keep', 'setuid,setgid,kill,setpcap'])
    assert code == 'SG0727', said
