"""A spawn is not an escape (R3): the child has no more than its caller, by kernel facts."""
import os

import pytest

from harness import PYTHON, TOOLS, facts, until

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
