"""`deployment.blue_green`: two slots, a switch between them, and back where that goes wrong."""
import contextlib
import json
import os
import pathlib
import signal
import threading

import pytest

from harness import codes, until

WEB = '''
        services:
          web:
            command: "echo start $SLOT >>seq; trap 'echo end $SLOT >>seq; exit 0' TERM; while :; do sleep 1000 & wait $!; done"
            %s
            deployment:
              strategy: rolling
              %s
              blue_green:
                env_var: SLOT
                slots: [blue, green]
                switch_command: %s
                %s
        '''
SWITCH = '"echo {active_slot} {candidate_slot} >>switches; test ! -e no.{candidate_slot}"'


def web(box, more='', deployment='', service='', switch=SWITCH, **kw):
    b = box(WEB % (service, deployment, switch, more), **kw).up()
    b.pid_of('web')
    return b


def put(b, name, text=''):
    (b.home / name).write_text(text)


def restart(b):
    return b.sysg('restart', '-s', 'web', timeout=60)


def stays(b, *why):
    """A restart that fails with SG0016; what runs is what ran."""
    pid = b.pid_of('web')
    r = restart(b)
    assert r.returncode == 1 and {'SG0016', *why} <= set(codes(r)), r
    assert b.running_pid('web') == pid and [u['name'] for u in b.status_json()['units']] == ['web']
    return r


def instances(b):
    return [p.inner for p in b.others() if 'echo start' in p.cmdline and p.ppid == b.pid]


def switches(b):
    return b.peek('switches').split('\n')[:-1]


@pytest.mark.asan
def test_it_alternates_between_the_slots_and_the_command_is_told_both(box):
    b = web(box)
    for _ in range(3):
        assert restart(b).returncode == 0
    assert b.peek('seq').split('\n')[:-1] == ['start blue', 'start green', 'end blue', 'start blue', 'end green', 'start green', 'end blue']
    assert switches(b) == ['blue green', 'green blue', 'blue green']
    ev = [e for e in map(json.loads, b.sysg_ok('events', '--format', 'json').splitlines()) if e['event'] == 'deployed']
    assert [e['detail'].split()[-1] for e in ev] == ['slot=green', 'slot=blue', 'slot=green']


@pytest.mark.asan
def test_the_check_asks_the_slot_of_each_also_by_its_port(box):
    b = box('''
        services:
          web:
            command: "exec python -m http.server --bind 127.0.0.1 $PORT"
            deployment:
              health_check: {url: "http://127.0.0.1:{slot}/"}
              blue_green: {env_var: PORT, slots: [8071, 8072], switch_command: "true"}
        ''').up()
    pid = b.pid_of('web')
    assert b.inner(pid).cmdline.endswith('8071')
    assert restart(b).returncode == 0
    assert b.inner(b.pid_of('web')).cmdline.endswith('8072')


@pytest.mark.asan
def test_a_switch_that_fails_is_switched_back(box):
    b = web(box)
    put(b, 'no.green')
    r = stays(b)
    assert 'switch_command hook ended with code 1' in r.stderr
    assert switches(b) == ['blue green', 'green blue'] and b.peek('seq').split()[1::2] == ['blue', 'green', 'green']
    (b.home / 'no.green').unlink()
    assert restart(b).returncode == 0 and switches(b)[2:] == ['blue green']


def test_after_the_way_back_the_candidate_has_its_grace_period_too(box):
    b = web(box, '', 'grace_period: 700ms')
    put(b, 'no.green')
    stays(b)
    ev = [json.loads(line) for line in b.sysg_ok('events', '--format', 'json').splitlines()]
    failed, ended = (next(e for e in ev if e['event'] == what and e['path'] == 'web.next') for what in ('hook', 'exited'))
    assert 0.7 <= (float(ended['ts'][17:-1]) - float(failed['ts'][17:-1])) % 60 < 10


@pytest.mark.asan
def test_a_verification_that_fails_switches_back(box):
    b = web(box, 'switch_verify: {command: "echo {slot} >>asked; test ! -e unverified", total_timeout: 400ms, retries: 1}')
    put(b, 'unverified')
    stays(b, 'SG0104')
    assert switches(b) == ['blue green', 'green blue'] and set(b.peek('asked').split()) == {'green'}
    (b.home / 'unverified').unlink()
    assert restart(b).returncode == 0 and switches(b)[2:] == ['blue green']


@pytest.mark.asan
@pytest.mark.parametrize('how', ['exit', 'verify'])
def test_what_goes_wrong_in_the_grace_period_switches_back(box, how):
    b = web(box, 'switch_verify: {command: "echo >>asked; test ! -e unverified", interval: 100ms, retries: 2}', 'grace_period: 3s' if how == 'verify' else 'grace_period: 60s')
    pid = b.pid_of('web')
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.file('switches')
    cand = b.until_state('web.next', 'running')['process']['pid']
    until(lambda: len(b.peek('asked')) > 1, why='an answer of the verification')
    put(b, 'unverified') if how == 'verify' else b.exec('kill', '-9', str(cand))
    _, err = p.communicate(timeout=30)
    assert p.returncode == 1 and 'SG0016' in err and ('SG0104' if how == 'verify' else 'SG0102') in err
    assert switches(b) == ['blue green', 'green blue'] and instances(b) == [pid]


def test_a_candidate_that_is_not_ready_is_never_switched_to(box):
    b = web(box, '', 'health_check: {command: "test ! -e sick.{slot}", total_timeout: 300ms, retries: 1}')
    put(b, 'sick.green')
    stays(b, 'SG0104')
    assert switches(b) == []
    assert b.state('web') == 'running'


def test_candidate_health_check_is_the_candidate_s_and_the_service_s_own_comes_after(box):
    b = web(box, 'candidate_health_check: {command: "echo candidate {slot} >>asked"}',
            'health_check: {command: "echo own {slot} >>asked", interval: 100ms}')
    assert set(b.peek('asked').split('\n')) == {'own blue', ''}
    put(b, 'asked')
    assert restart(b).returncode == 0
    until(lambda: 'own green' in b.peek('asked'))
    lines = b.peek('asked').split('\n')[:-1]
    assert 'candidate green' in lines and 'candidate blue' not in lines
    assert 'own green' not in lines[:lines.index('candidate green')]


def test_a_crash_and_a_restart_at_once_keep_the_slot(box):
    b = web(box, '', '', 'backoff: 50ms')
    assert restart(b).returncode == 0
    b.exec('kill', '-9', str(b.pid_of('web')))
    until(lambda: b.peek('seq').endswith('start green\n') and b.peek('seq').count('start green') == 2 and b.running_pid('web'))
    b.sysg_ok('stop', 'web')
    b.sysg_ok('start', '-s', 'web')
    until(lambda: b.peek('seq').endswith('end green\nstart green\n'), why=lambda: b.peek('seq'))
    assert len(switches(b)) == 1
    b.sysg_ok('reload')
    b.write_manifest(b.manifest.read_text().replace('backoff: 50ms', 'backoff: 60ms'))
    b.sysg_ok('reload')
    assert b.peek('seq').endswith('start blue\nend green\n')


# --- the slot outlives the supervisor ---

@pytest.mark.asan
def test_the_slot_is_kept_for_the_next_supervisor_also_after_kill_9(box):
    b = web(box, 'state_path: state/web')
    assert not (b.home / 'state').exists()
    assert restart(b).returncode == 0
    assert b.peek('state/web') == 'green' and [p.name for p in (b.home / 'state').iterdir()] == ['web']
    b.kill(signal.SIGKILL)
    b.wait()
    again = box(None, argv=b.argv, home=b.home).up()
    again.pid_of('web')
    until(lambda: again.peek('seq').endswith('start green\n'), why=lambda: again.peek('seq'))
    assert restart(again).returncode == 0 and again.peek('state/web') == 'blue'
    put(again, 'no.green')
    stays(again)
    assert again.peek('state/web') == 'blue'


@pytest.mark.parametrize('text, slot, told', [('green', 'green', False), ('green\n', 'green', False), ('blue', 'blue', False),
                                              ('red\n', 'blue', True), ('', 'blue', True), ('green\nblue\n', 'blue', True)])
def test_what_is_in_the_file_decides_and_what_is_no_slot_is_told(box, text, slot, told, tmp_path):
    home = tmp_path / 'home'
    home.mkdir()
    tmp_path.chmod(0o755)
    (home / 'state').write_text(text)
    b = box(WEB % ('', '', SWITCH, 'state_path: state'), home=home).up()
    b.pid_of('web')
    until(lambda: b.peek('seq') == f'start {slot}\n', why=lambda: b.peek('seq'))
    assert b.says('none of its slots', where='stderr') if told else 'none of its slots' not in b.stderr


def test_a_slot_that_cannot_be_written_down_is_told_and_holds_nothing_up(box):
    b = web(box, 'state_path: file/web')
    put(b, 'file')
    assert restart(b).returncode == 0
    b.says("its slot can't be written to .*/file/web")
    assert b.peek('seq').endswith('end blue\n')


# --- the command is like a hook ---

def test_the_command_is_as_the_service_is(box):
    b = web(box, switch='"id -u >who; echo $SLOT $SYSG_NAME $SYSG_HOOK >>who"', service='user: "1234"')
    until(lambda: b.peek('seq'))
    (b.home / 'seq').chmod(0o666)
    assert restart(b).returncode == 0
    assert b.peek('who') == '1234\ngreen web switch_command\n'


@pytest.mark.asan
def test_one_that_takes_too_long_is_killed_whole_and_switched_back(box):
    b = web(box, switch='{command: "echo {candidate_slot} >>switches; test {candidate_slot} = blue || sleep 999 | sleep 998", timeout: 400ms}')
    r = stays(b)
    assert 'took longer than 400ms' in r.stderr and switches(b) == ['green', 'blue']
    assert not [p for p in b.others() if '99' in p.cmdline]


HANGS = '"echo {candidate_slot} >>switches; test {candidate_slot} = blue || sleep 999"'


@pytest.mark.asan
def test_a_stop_while_it_is_switched_ends_the_command_too_and_switches_back(box):
    b = web(box, switch=HANGS)
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.file('switches')
    b.sysg_ok('stop', 'web')
    assert p.wait(20) == 1
    until(lambda: b.others() == [])
    assert switches(b) == ['green', 'blue'] and b.state('web') == 'stopped'


@pytest.mark.asan
def test_a_shutdown_while_it_is_switched_ends_everything(box):
    b = web(box, switch=HANGS)
    b.popen(b.program, 'restart', '-s', 'web')
    b.file('switches')
    assert b.term() == 0 and switches(b) == ['green']


@pytest.mark.asan
def test_after_the_switch_both_serve_through_the_delay_of_a_shutdown_and_go_after_what_depends_on_them(box):
    b = web(box, deployment='grace_period: 60s')
    b.write_manifest(b.manifest.read_text() + """
  proxy: {command: "trap 'echo proxy >>seq; exit 0' TERM; while :; do sleep 1000 & wait $!; done", depends_on: [web]}
shutdown: {delay: 2s}
""")
    b.sysg_ok('reload')
    p = b.popen(b.program, 'restart', '-s', 'web')
    b.file('switches')
    b.until_state('web.next', 'running')
    began = len(b.peek('seq').split('\n'))
    b.kill(signal.SIGTERM)
    until(lambda: b.sysg('ready').returncode == 1)
    assert len(instances(b)) == 2 and b.state('web.next') == 'running'
    assert b.wait() == 0 and p.wait(20) == 1
    assert [line.split()[0] for line in b.peek('seq').split('\n')[began - 1:-1]] == ['proxy', 'end', 'end']


def test_one_that_cannot_be_executed_is_told(box):
    b = web(box, switch='[./nothing, "{candidate_slot}"]')
    r = stays(b)
    assert 'switch_command hook could not be run' in r.stderr


# --- changes of the manifest ---

def test_where_what_runs_is_in_none_of_the_slots_it_is_stopped_first(box):
    b = web(box)
    assert restart(b).returncode == 0
    b.write_manifest(b.manifest.read_text().replace('[blue, green]', '[blue, red]'))
    r = restart(b)
    assert r.returncode == 0 and 'what runs is in none of its slots' in r.stderr
    until(lambda: b.peek('seq').endswith('end green\nstart blue\n'), why=lambda: b.peek('seq'))
    assert len(switches(b)) == 1
    b.write_manifest(b.manifest.read_text().replace('[blue, red]', '[pink, blue]'))
    assert restart(b).returncode == 0
    assert b.peek('seq').endswith('start pink\nend blue\n') and switches(b)[1:] == ['blue pink']


@pytest.mark.asan
def test_the_check_of_its_slot_goes_on_over_a_reload_that_changes_nothing_of_it(box):
    b = web(box, service='health_check: {command: "echo {slot} >>checked", interval: 100ms}')
    assert restart(b).returncode == 0
    pid = b.pid_of('web')
    text = b.manifest.read_text()
    b.write_manifest('# a comment\n' + text)
    assert b.sysg_ok('reload') == 'Nothing changed\n'
    b.write_manifest(text)
    b.sysg_ok('reload')
    (b.home / 'checked').unlink()
    until(lambda: b.peek('checked').count('\n') >= 5, 10)
    assert 'blue' not in b.peek('checked')
    assert b.running_pid('web') == pid


def hold_the_writer(b):
    """Restarts until it is caught while it writes the slot, and stops it there, where its own alarm can't end it: as a file system that
    hangs would. Returns its pid, and where the answer to that restart will be."""
    children = pathlib.Path(f'/proc/{b.pid}/task/{b.pid}/children')

    def caught():
        for pid in children.read_text().split():
            with contextlib.suppress(OSError):
                if any('/slot' in os.readlink(f) for f in pathlib.Path(f'/proc/{pid}/fd').iterdir()):
                    os.kill(int(pid), signal.SIGSTOP)
                    state = until(lambda: (s := pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')')[1].split()[0]) in 'TZ' and s)
                    return int(pid) if state == 'T' else None
        return None

    for _ in range(20):
        answer = []
        asks = threading.Thread(target=lambda a=answer: a.append(restart(b)))
        asks.start()
        while asks.is_alive():
            pid = caught()
            if pid:
                return pid, asks, answer
    raise AssertionError('it was never caught')


def test_a_slot_that_is_never_written_does_not_hold_up_what_comes_after(box):
    b = web(box, 'state_path: slot')
    pid, asks, answer = hold_the_writer(b)
    try:
        b.says('its slot can.t be written to .*/slot: ', seconds=20, where='stderr')
        asks.join()
        assert answer[0].returncode == 0
        until(lambda: [u['name'] for u in b.status_json()['units']] == ['web'], 20)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert restart(b).returncode == 0
