"""What `doctor` and `status` say of each restriction is what happens: looked at from outside, and tried."""
import json
import pathlib
import re

import pytest

from conftest import in_time, text_of, until
from harness import suid_program
from test_stop import RESTRICTIONS

CAPS = {'CAP_KILL': 5, 'CAP_SETGID': 6, 'CAP_SETUID': 7, 'CAP_SETPCAP': 8, 'CAP_SYS_RESOURCE': 24}
ONE = 'services: {a: {command: "echo hello; sleep 1000"}}'
FEW = ['--ulimit', 'nofile=200:200', '--ulimit', 'nproc=32768:32768']


def of(pid, name):
    """A line of /proc/PID/status."""
    return re.search(rf'^{name}:\s*(\S+)', text_of(pathlib.Path(f'/proc/{pid}/status')), re.M)[1]


def socket_of(c):
    return re.search(r'answers at (\S+)$', c.doctor()['supervisor'][0][1])[1]


@pytest.mark.parametrize('options', [*RESTRICTIONS.values(), ['--security-opt', 'seccomp=unconfined'], FEW, ['--cap-drop', 'kill', '--cap-drop', 'setpcap']],
                         ids=[*RESTRICTIONS, 'no seccomp', 'few descriptors', 'fewer capabilities'])
def test_doctor_says_what_the_kernel_says_of_the_first_process(container, options):
    c = container(ONE, options=options).ready()
    found, pid = c.doctor(), c.pid
    caps = int(of(pid, 'CapEff'), 16)
    assert {name: found[name][0][0] for name in CAPS} == {name: 'ok' if caps >> bit & 1 else 'warn' for name, bit in CAPS.items()}
    assert found['no_new_privs'][0][1].startswith('set') == (of(pid, 'NoNewPrivs') == '1')
    assert ('no filter' in found['seccomp'][0][1]) == (of(pid, 'Seccomp') == '0')
    most = re.search(r'^Max open files +\d+ +(\d+)', text_of(pathlib.Path(f'/proc/{pid}/limits')), re.M)[1]
    assert found['RLIMIT_NOFILE'][0] == ('warn' if options is FEW else 'ok', found['RLIMIT_NOFILE'][0][1])
    assert found['RLIMIT_NOFILE'][0][1].startswith(f'{most} descriptors')


@pytest.mark.parametrize('restriction', RESTRICTIONS)
def test_doctor_and_status_say_where_it_listens_and_logs_and_how_it_finds_processes(container, restriction):
    c = container(ONE, options=RESTRICTIONS[restriction]).ready()
    found, pid = c.doctor(), c.pid
    where, inside = socket_of(c), pathlib.Path(f'/proc/{pid}/root')
    used = [why for _, why in found['runtime directory'] if why.endswith(' is in use')]
    if where.startswith('@'):
        assert used == [] and where in text_of(pathlib.Path(f'/proc/{pid}/net/unix'))
        assert 'Read-only file system' in ''.join(why for _, why in found['runtime directory'])
    else:
        assert used == [f'{where.rpartition("/")[0]} is in use'] and (inside / where[1:]).is_socket()
    until(lambda: 'hello' in c.logs, why=lambda: c.logs)
    folder = found['log directory'][0][1].partition(',')[0]
    if folder.startswith('none'):
        assert c.sysg('logs', '--path').returncode != 0 or not c.sysg_ok('logs', '--path').strip()
    else:
        assert 'hello' in text_of(inside / folder[1:] / 'a.log'), [*(inside / folder[1:]).rglob('*')]
    service = c.units()[0]
    mark = int(re.search(r'^Max file locks +(\d+)', c.exec('cat', f'/proc/{service["process"]["pid"]}/limits').stdout, re.M)[1])
    assert c.status()['supervisor']['containment'] == 'mark' and mark >> 62 == 1
    assert found['marks'][0][0] == 'ok' and found['cgroup v2'][0][0] == 'warn'


def test_read_only_without_a_tmpfs_it_has_an_abstract_socket_and_stdout_alone(container):
    c = container(ONE, options=RESTRICTIONS['read-only without a tmpfs']).ready()
    assert socket_of(c).startswith('@sysg/')
    assert c.doctor()['log directory'] == [('ok', 'none: output goes to stdout alone')]
    c.says('hello')
    assert 'hello' not in c.sysg('logs', '--no-follow', '-s', 'a').stdout


@pytest.mark.parametrize('options, who, why', [([], '1000', 'operator'), (['--user', '1000', '--cap-drop', 'all'], '0', 'Permission denied')],
                         ids=['a user of a root', 'a root without capabilities of a user'])
def test_doctor_never_says_that_none_runs_where_one_does(container, options, who, why):
    c = container(ONE, options=options).ready()
    r = c.sysg('doctor', user=who)
    row = next(line for line in r.stdout.splitlines() if ' supervisor ' in line)
    assert row.startswith('warn') and why in row and 'bad ' not in r.stdout, r.stdout
    assert r.returncode == 0


@pytest.mark.parametrize('cap, code', [('setuid', 'SG0746'), ('setgid', 'SG0744')])
def test_without_the_capability_a_users_service_fails_with_words_as_doctor_says(container, cap, code):
    c = container('services: {a: {command: "sleep 1000"}, b: {command: "sleep 1000", user: "1000", restart_policy: never}}',
                  options=['--cap-drop', cap])
    until(lambda: c.sysg('ping').returncode == 0, 20, 0.1)
    until(lambda: c.unit('b')['state'] == 'failed', why=c.units)
    r = c.sysg('status', 'b')
    assert code in r.stdout + r.stderr, r
    found = c.doctor()
    assert found[f'CAP_{cap.upper()}'][0][0] == 'warn' and "can't be switched to" in found[f'CAP_{cap.upper()}'][0][1]
    assert c.unit('a')['state'] == 'running'


FAMILY = "perl -e '$x = qq(x) x (40 << 20); fork or do { sleep 1000; exit } for 1 .. 6; print qq(up\\n); close STDOUT; sleep 1000'"


def test_what_a_users_processes_share_counts_once_as_what_roots_do(container):
    c = container(f'''
services:
  a: {{command: {json.dumps(FAMILY)}, limits: {{memory: 100M}}}}
  b: {{command: {json.dumps(FAMILY)}, limits: {{memory: 100M}}, user: "1000"}}
''')
    until(lambda: c.logs.count('up') >= 2, why=lambda: c.logs)
    until(lambda: all(u['memory']['use_bytes'] > 40 << 20 for u in c.units()), why=c.units)
    assert [(u['state'], u['restarts'], u['memory']['known_by']) for u in c.units()] == [('running', 0, 'pss')] * 2, c.logs


def test_without_cap_kill_a_service_of_another_user_is_stopped_by_one_that_takes_its_uid(container):
    c = container("""
services:
  a:
    command: "trap 'echo got TERM; exit' TERM; setsid sleep 1000 & echo up; while :; do sleep 0.1; done"
    user: "1000"
    stop_timeout: 10s
""", options=['--cap-drop', 'kill']).ready()
    c.says('up')
    kill = c.doctor()['CAP_KILL'][0]
    assert kill[0] == 'warn' and 'CAP_SETUID' in kill[1], kill
    assert c.sysg('stop', 'a').returncode == 0
    c.says('got TERM')
    assert not [line for line in c.commands() if 'sleep' in line]


def test_what_no_capability_reaches_is_a_survivor_as_doctor_says(container, tmp_path):
    suid_program(tmp_path, 0)
    tmp_path.chmod(0o755)
    c = container('services: {a: {exec: [/mnt/sleeper, become], stop_timeout: 500ms}, b: {command: "sleep 1000"}}',
                  options=['--user', '1000', '--cap-drop', 'all', '-v', f'{tmp_path}:/mnt:ro,suid,exec']).ready()
    main = c.unit('a')['process']['pid']
    until(lambda: re.search(r'^Uid:\s+0\s+0', c.exec('cat', f'/proc/{main}/status').stdout, re.M), 10, 0.1)
    assert c.doctor()['CAP_KILL'][0][0] == 'warn'
    r = c.sysg('stop', 'a', timeout=40)
    assert r.returncode != 0 and 'SG0713' in r.stdout + r.stderr, r
    assert c.unit('b')['state'] == 'running' and c.unit('a')['state'] == 'stopping'


def test_a_program_on_a_noexec_volume_fails_at_once_and_the_reason_is_named(container):
    c = container('services: {a: {exec: [/vol/prog]}, b: {command: "sleep 1000"}}', options=['--tmpfs', '/vol:noexec,mode=1777'])
    until(lambda: c.sysg('ping').returncode == 0, 20, 0.1)
    assert c.exec('cp', '/bin/true', '/vol/prog').returncode == 0
    r = c.sysg('start', '-s', 'a')
    assert r.returncode != 0 and 'SG0813' in r.stderr and 'noexec' in r.stderr, r
    assert 'SG0813 /vol/prog: not executable' in c.sysg_ok('status', 'a')


def test_at_the_runtimes_limit_of_processes_a_spawn_is_a_clean_error_and_the_init_goes_on(container):
    c = container("""
services:
  boss:
    exec: [sh, -c, "while [ ! $code ]; do sysg spawn --ttl 4s -- sleep 1000 2>/tmp/err || code=$?; done; echo refused $code; cat /tmp/err; sleep 2000"]
    spawn: {mode: dynamic, limits: {children: 1000}}
""", options=['--pids-limit', '20'])
    c.says('refused 12')
    assert 'SG0813' in c.logs and 'Resource temporarily unavailable' in c.logs
    until(lambda: 'sleep 1000' not in c.commands(), 30, why=c.commands)
    assert c.ready().unit('boss')['restarts'] == 0 and c.commands().count('sleep 2000') == 1
    assert c.sysg('spawn', '--parent', 'boss', '--', 'sleep', '1000').returncode == 0
    took, code = c.stop()
    assert code == 0 and in_time(took)
