"""A spawn is not an escape (R3): the child has no more than its caller, by kernel facts."""
import os

import pytest

from harness import PYTHON, TOOLS, codes, facts, until
from test_spawn import run_in

CAPS = ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')


def confined(box, prefix, service='', ns=()):
    """The facts of a caller that was confined by the prefix, and of what it spawned."""
    b = box(None, argv=['true'])
    (b.home / 'caller.sh').write_text('imp facts caller; sysg spawn --wait -- imp facts child 2>err; echo $? >rc.new; mv rc.new rc\n')
    (b.home / 'main.sh').write_text(f'{prefix} sh ./caller.sh\nexec sleep 1000\n')
    b = box(f'services: {{root: {{exec: [sh, ./main.sh], spawn: {{mode: dynamic}}{service}}}}}', home=b.home, ns=ns).up()
    rc = b.file('rc').strip()
    assert rc == '0', f'{rc} {(b.home / "err").read_text()} {b.stderr[-500:]}'
    return facts(b.file('caller')), facts(b.file('child'))


@pytest.mark.asan
@pytest.mark.parametrize('prefix', [
    '', 'setpriv --reuid 4800 --regid 4801 --clear-groups', 'setpriv --reuid 4800 --regid 4801 --groups 7,8,9'])
def test_uid_gid_and_groups_are_the_callers(box, prefix):
    caller, child = confined(box, prefix)
    for key in ('Uid', 'Gid', 'Groups'):
        assert child[key] == caller[key], key


@pytest.mark.parametrize('prefix', [
    '', 'setpriv --bounding-set -all', 'setpriv --bounding-set -sys_admin,-net_raw,-kill',
    'setpriv --reuid 4802 --regid 4802 --clear-groups --bounding-set -all', 'setpriv --inh-caps -all',
    'setpriv --reuid 4802 --regid 4802 --clear-groups --inh-caps +kill --ambient-caps +kill'])
def test_every_set_of_capabilities_is_the_callers(box, prefix):
    caller, child = confined(box, prefix)
    for key in CAPS:
        assert child[key] == caller[key], key
    assert not int(child['CapEff'], 16) & ~int(caller['CapPrm'], 16)


@pytest.mark.parametrize('prefix', [
    'setpriv --inh-caps -all', 'setpriv --reuid 4803 --regid 4803 --clear-groups --inh-caps -all',
    'setpriv --reuid 4803 --regid 4803 --clear-groups --inh-caps -all,+kill'])
def test_what_the_init_could_inherit_does_not_pass_to_the_child(box, prefix):
    caller, child = confined(box, prefix, ns=['--inherit'])
    for key in CAPS:
        assert child[key] == caller[key], key


def test_a_uid_0_caller_without_permitted_capabilities_makes_a_child_without(box):
    """Its bounding set is full, so an exec as uid 0 would win them all back."""
    code = ("import ctypes, os; l = ctypes.CDLL(None); h = (ctypes.c_uint32 * 2)(0x20080522, 0); d = (ctypes.c_uint32 * 6)(); "
            "assert l.prctl(38, 1, 0, 0, 0) == 0; assert l.capset(h, d) == 0; "
            "import subprocess, sys; "
            "open('caller', 'w').write(open('/proc/self/status').read()); "
            "sys.path.insert(0, os.environ['TOOLS']); import peer; c = peer.connect(); "
            "print(peer.ask(c, 'op=spawn', 'arg=imp', 'arg=facts', 'arg=child', 'cwd=' + os.getcwd(), 'env=PATH=' + os.environ['PATH']))")
    b = box(None, argv=['true'])
    (b.home / 'code.py').write_text(code.replace('; ', '\n'))
    b = box(f'services: {{root: {{command: "TOOLS={TOOLS} {PYTHON} code.py >out 2>&1; : >end; exec sleep 1000", spawn: {{mode: dynamic}}}}}}',
            home=b.home).up()
    until(lambda: (b.home / 'end').exists())
    caller, child = facts(b.file('caller')), facts(b.file('child'))
    assert int(caller['CapPrm'], 16) == 0 and int(caller['CapBnd'], 16) != 0
    assert int(child['CapPrm'], 16) == int(child['CapEff'], 16) == 0 and int(child['CapBnd'], 16) == 0


def test_no_new_privs_is_kept(box):
    caller, child = confined(box, 'setpriv --no-new-privs')
    assert caller['NoNewPrivs'] == child['NoNewPrivs'] == '1'
    caller, child = confined(box, '')
    assert caller['NoNewPrivs'] == child['NoNewPrivs'] == '0'


@pytest.mark.parametrize('mask', ['077', '027', '000'])
def test_the_umask_is_the_callers(box, mask):
    caller, child = confined(box, f'umask {mask};')
    assert caller['Umask'] == child['Umask'] == '0' + mask


def test_resource_limits_are_the_callers(box):
    caller, child = confined(box, 'prlimit --nofile=123:456 --core=0:0 --fsize=99999999:99999999 --stack=4194304:8388608')
    keys = [k for k in caller if k.startswith('rlimit')]
    assert len(keys) >= 14
    for key in keys:
        assert caller[key] == child[key], key
    assert child['rlimit7'] == '123 456'


def test_nice_scheduling_and_affinity_are_the_callers(box):
    caller, child = confined(box, 'nice -n 7 chrt --batch 0 taskset -c 0')
    for key, value in (('nice', str(min(19, os.nice(0) + 7))), ('sched', '3'), ('Cpus_allowed_list', '0')):
        assert caller[key] == child[key] == value, key


def test_a_service_under_a_user_spawns_as_that_user(box):
    caller, child = confined(box, '', ', user: 4805, group: 4806', ns=['--keep', 'kill,setuid,setgid,setpcap,chown'])
    assert child['Uid'].split() == ['4805'] * 4 and child['Gid'].split() == ['4806'] * 4
    assert caller['Groups'] == child['Groups']
    assert int(child['CapPrm'], 16) == 0


def test_the_same_without_root(box):
    caller, child = confined(box, 'umask 077; nice -n 3 prlimit --nofile=50:60',
                             ns=['--uid', '4807', '--gid', '4808', '--groups', '9', '--keep', ''])
    for key in ('Uid', 'Gid', 'Groups', 'Umask', 'nice', 'rlimit7', *CAPS):
        assert caller[key] == child[key], key


def test_a_grandchild_of_a_confined_child_is_confined(box):
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(
        'setpriv --reuid 4809 --regid 4809 --clear-groups --no-new-privs --bounding-set -all '
        "sysg spawn --wait -- sysg spawn --wait -- imp facts grandchild\nexec sleep 1000\n")
    b = box('services: {root: {exec: [sh, ./main.sh], spawn: {mode: dynamic}}}', home=b.home).up()
    f = facts(b.file('grandchild'))
    assert f['Uid'].split() == ['4809'] * 4 and f['NoNewPrivs'] == '1' and int(f['CapBnd'], 16) == 0


def test_the_oom_score_is_100_above_the_services_and_never_below_the_callers(box):
    b, _, _ = run_in(box, '''
        cat /proc/self/oom_score_adj >own
        say="cat /proc/self/oom_score_adj >"
        sysg spawn --wait -- sh -c "$say child; sysg spawn --wait -- sh -c '$say grand'"
        echo $(($(cat own) + 250)) >/proc/self/oom_score_adj
        sysg spawn --wait -- sh -c "$say raised"''')
    own = int(b.file('own'))
    assert own <= 750, 'there is room above it'
    assert [int(b.file(f)) - own for f in ('child', 'grand', 'raised')] == [100, 100, 250]


# --- what can't be put on ---

def refused(box, prefix, ns=(), service=''):
    """A caller under the prefix spawns nothing: what it is told."""
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(
        f'spawn() {{ {prefix} sysg spawn --cwd / -- sleep 4998 2>err; }}; spawn; echo $? >rc.new; mv rc.new rc; exec sleep 1000\n')
    b = box(f'services: {{root: {{exec: [sh, ./main.sh], spawn: {{mode: dynamic}}{service}}}}}', home=b.home, ns=ns).up()
    assert (b.file('rc').strip(), 'SG0814' in b.peek('err')) == ('14', True), b.peek('err') + b.stderr
    assert not any(p.cmdline == 'sleep 4998' for p in b.procs().values())
    return b.peek('err')


@pytest.mark.parametrize('prefix,word', [
    ('unshare --user', 'user'), ('unshare --pid --fork', 'pid'), ('unshare --mount', 'mount'), ('unshare --net', 'network'),
    ('unshare --ipc', 'IPC'), ('unshare --uts', 'UTS'), ('unshare --cgroup', 'cgroup'), ('unshare --time --fork', 'time')])
def test_a_caller_in_another_namespace_is_refused(box, prefix, word):
    assert f"the caller's {word} namespace is not the one" in refused(box, prefix)


@pytest.mark.parametrize('prefix', ['unshare --pid', 'unshare --time'])
def test_a_caller_whose_children_would_be_in_another_namespace_is_refused(box, prefix):
    refused(box, prefix + " sh -c 'exec \"$0\" \"$@\"'")


def answer_to(box, call, service=''):
    """What a process is told that asks by itself, after this call of libc and without an exec since."""
    b = box(None, argv=['true'])
    (b.home / 'code.py').write_text(
        "import ctypes, json, os, sys\nsys.path.insert(0, os.environ['TOOLS'])\nimport peer\n"
        f"assert ctypes.CDLL(None).{call} == 0\n"
        "print(json.dumps(peer.ask(peer.connect(), 'op=spawn', 'arg=true', 'cwd=/')))\n")
    b = box(f'services: {{root: {{command: "TOOLS={TOOLS} {PYTHON} code.py >out.new; mv out.new out; exec sleep 1000", '
            f'spawn: {{mode: dynamic}}{service}}}}}', home=b.home).up()
    return b.file('out')


@pytest.mark.parametrize('flag, word', [(0x20000000, 'pid'), (0x80, 'time')])
def test_so_is_one_that_executed_nothing_since(box, flag, word):
    """Linux takes an exec for a chance to enter the time namespace, so that it is another one by itself then."""
    said = answer_to(box, f'unshare({flag})')
    assert 'SG0814' in said and f'{word} namespace of its children' in said


def test_a_caller_in_the_users_own_namespaces_is_refused(box):
    refused(box, 'setpriv --reuid 4820 --regid 4820 --clear-groups unshare --user --map-root-user')


JAIL = 'mkdir jail; mount -t tmpfs none jail; for d in /*; do test -d $d && mkdir jail$d && mount --rbind $d jail$d; done'


@pytest.mark.parametrize('jail', [JAIL, 'mkdir jail; mount --rbind / jail'])
@pytest.mark.parametrize('su', ['', ' setpriv --reuid 4821 --regid 4821 --clear-groups'])
def test_a_caller_in_a_jail_is_refused(box, jail, su):
    """Also in one that has the same directory as its root, as another mount."""
    assert "the caller's root directory is not the one" in refused(box, f'{jail}; chroot jail{su}')


@pytest.mark.parametrize('ns', [(), ('--filter', 'no-passrights')])
def test_a_filter_on_top_of_the_containers_is_refused_and_the_containers_own_is_not(box, ns):
    assert 'seccomp' in refused(box, 'imp filter', ns)
    caller, child = confined(box, '', ns=ns)
    assert caller['Uid'] == child['Uid']


@pytest.mark.parametrize('exec', ['imp, filter', 'unshare, --net', 'chroot, /'])
def test_a_main_process_that_confined_itself_has_no_children_beside_its_confinement(box, exec):
    """An operator that names it gets no further than it does; what changes nothing is no confinement."""
    b = box(f'services: {{root: {{exec: [{exec}, sleep, "1000"], spawn: {{mode: dynamic}}}}}}').up()
    until(lambda: b.unit('root')['command'] and any(p.cmdline == 'sleep 1000' for p in b.procs().values()))
    r = b.sysg('spawn', '--parent', 'root', '--', 'sleep', '4997')
    assert (r.returncode, codes(r)) == ((0, []) if exec == 'chroot, /' else (14, ['SG0814'])), r


def told(box, script):
    """What an operator gets who spawns below a unit whose /proc says what the script makes it say."""
    b = box(None, argv=['true'])
    (b.home / 'main.sh').write_text(script + '\n: >ready; exec sleep 1000\n')
    b = box('services: {root: {exec: [sh, ./main.sh], spawn: {mode: dynamic}}}', home=b.home).up()
    until(lambda: (b.home / 'ready').exists())
    return b.sysg('spawn', '--parent', 'root', '--', 'true')


@pytest.mark.parametrize('mode,status', [('0', 0), ('2', 14)])
def test_before_linux_5_10_another_mode_is_refused(box, mode, status):
    r = told(box, f"sed -e '/^Seccomp_filters/d' -e 's/^Seccomp:.*/Seccomp:\t{mode}/' /proc/$$/status >st; mount --bind st /proc/$$/status")
    assert r.returncode == status and (not status or 'seccomp' in r.stderr), r


@pytest.mark.parametrize('label,status', [('docker-default (enforce)', 0), ('/usr/bin/stricter (enforce)', 14)])
def test_another_security_label_is_refused(box, label, status):
    r = told(box, "echo 'docker-default (enforce)' >own; mount --bind own /proc/1/attr/current; "
                  f"echo '{label}' >its; mount --bind its /proc/$$/attr/current")
    assert r.returncode == status and (not status or label in r.stderr), r


def test_what_cannot_be_read_counts_as_different(box):
    """The caller's own process, made unreadable to its uid."""
    said = answer_to(box, 'prctl(4, 0, 0, 0, 0)', ', user: 4822')
    assert 'SG0814' in said and "can't be read" in said


HELD = '''
import os, sys, time
sys.path.insert(0, %r)
from peer import *

env = 'env=PATH=' + os.environ['PATH']
first, second = connect(timeout=60), connect(timeout=60)
first.send(packet('op=spawn', 'attach=1', 'name=kid', 'arg=sleep', 'arg=1000', 'cwd=/', env))
assert fields_of(first.recv(65536)) == dict(ok='1', go='1')
f = ask(second, 'op=spawn', 'parent=kid', 'name=grandkid', 'arg=imp', 'arg=facts', 'arg=%%s/grandkid' %% os.getcwd(), 'cwd=/', env)
open('said.new', 'w').write(f.get('code', 'ok')); os.rename('said.new', 'said')
time.sleep(1000)
'''


def test_what_has_not_been_executed_is_nobodys_parent_as_it_is_still_root(box):
    """The child that waits for its caller's streams has not changed its user yet; CAP_SYS_PTRACE is what looks into it."""
    b = box(None, argv=['true'])
    (b.home / 'main.py').write_text(HELD % str(TOOLS))
    b = box('services: {root: {exec: [python, main.py], user: 4810, spawn: {mode: dynamic}}}', home=b.home).up()
    assert b.file('said') == 'SG0833', b.peek('grandkid')
    assert not (b.home / 'grandkid').exists()


@pytest.mark.parametrize('prefix', ['setpriv --reuid 4812 --regid 4812 --clear-groups', 'setpriv --reuid 4812 --regid 4812 --clear-groups --no-new-privs',
                                    'setpriv --bounding-set -net_raw --inh-caps -all', 'imp filter', 'unshare --mount', 'unshare --uts'])
def test_who_is_confined_more_than_its_unit_does_not_get_out_by_naming_it(box, prefix):
    """A worker that dropped root, and asks for a child with the credentials of its main process, which is root."""
    _, out, rc = run_in(box, f'''
        PARENT=$$; {prefix} sysg spawn --parent self --wait -- imp facts "$PWD/f" 2>&1; echo $? >&3
        {prefix} sysg start --parent-pid $PARENT --child --name x -- imp facts "$PWD/f" 2>&1; echo $? >&3
        sysg spawn --parent self --wait -- true; echo $? >&3''')
    assert rc == [125, 14, 0] and out.count('SG0814') == 2, out


def test_an_ancestor_that_is_root_names_a_child_that_is_not_and_another_user_does_not(box):
    b, out, rc = run_in(box, '''
        setpriv --reuid 4813 --regid 4813 --clear-groups --no-new-privs --bounding-set -all sysg spawn --name low -- sleep 1000
        sysg spawn --parent low --wait -- imp facts f; echo $? >&3
        setpriv --reuid 4814 --regid 4814 --clear-groups sysg spawn --parent low -- true; echo $? >&3''')
    f = facts(b.file('f'))
    assert rc == [0, 14] and f['Uid'].split() == ['4813'] * 4 and f['NoNewPrivs'] == '1'
