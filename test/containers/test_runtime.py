"""What a runtime does to a container: exit codes, exec, other process numbers, small and forbidden file systems."""
import pathlib

import pytest

from conftest import in_time, text_of, until


@pytest.mark.parametrize('words, code', [(['sh', '-c', 'exit 3'], 3), (['sh', '-c', 'kill -9 $$'], 137), (['nothing'], 127),
                                         (['/etc/passwd'], 126), (['true'], 0)])
def test_the_commands_exit_code_is_the_containers(container, words, code):
    assert container(None, *words).code() == code


@pytest.mark.parametrize('manifest, code', [
    ('services: {a: {command: "exit 0"}}', 0),
    ('services: {a: {command: "exit 5", restart_policy: never}}', 5),
    ('services: {a: {command: "sleep 1000"}, b: {command: "sleep 0.1; exit 6", essential: true, restart_policy: never}}', 6),
    ('services: {a: {comand: "true"}}', 2),
])
def test_the_exit_code_table_holds_in_a_container(container, manifest, code):
    assert container(manifest).code() == code


def test_what_runs_out_of_memory_is_restarted_and_the_init_goes_on(container):
    c = container('services: {hog: {command: "echo began; exec tail /dev/zero", backoff: 300ms}, calm: {command: "sleep 1000"}}',
                  options=['--memory', '48m', '--memory-swap', '48m'])
    until(lambda: c.logs.count('began') >= 3, 60, 0.2, why=lambda: c.logs[-2000:])
    units = {u['name']: u for u in c.units()}
    assert units['calm']['restarts'] == 0 and units['hog']['restarts'] >= 1  # one that lasts begins to count anew
    took, code = c.stop()
    assert code == 0 and in_time(took)


def test_an_exec_as_operator_may_stop_and_one_of_another_uid_may_not(container):
    c = container('services: {a: {command: "sleep 1000"}, b: {command: "sleep 1000"}}').ready()
    r = c.sysg('stop', 'a', user='1000')
    assert r.returncode in (4, 11), r
    assert {u['name']: u['state'] for u in c.units()} == {'a': 'running', 'b': 'running'}
    assert c.sysg('stop', 'a').returncode == 0
    assert {u['name']: u['state'] for u in c.units()} == {'a': 'stopped', 'b': 'running'}


@pytest.mark.parametrize('more', [[], ['--read-only', '--read-only-tmpfs=false']], ids=['', 'nothing can be written'])
@pytest.mark.parametrize('options', [['--init'], ['--pid', 'host']])
def test_it_runs_where_it_is_not_pid_1_and_leaves_nothing(container, options, more):
    c = container('services: {a: {command: "(setsid sleep 7171 &) ; sleep 7172"}}', options=[*options, *more]).ready()
    assert c.sysg('ready', user='1000').returncode == 0 and ('@sysg/' in c.logs) == bool(more)
    took, code = c.stop()
    assert code == 0 and in_time(took), c.logs
    assert not [p for p in pathlib.Path('/proc').glob('[0-9]*/cmdline') if 'sleep\x00717' in text_of(p)]


def test_a_tmpfs_of_64_kb_for_all_that_it_writes_is_enough_to_go_on(container):
    c = container('services: {a: {command: "while :; do echo 0123456789012345678901234567890123456789; done"}}',
                  options=['--read-only', '--read-only-tmpfs=false', '--tmpfs', '/run:size=64k,notmpcopyup', '--tmpfs', '/var/log:size=64k,notmpcopyup'])
    c.ready()
    for _ in range(5):
        assert c.sysg('ping').returncode == 0
    took, code = c.stop()
    assert code == 0 and in_time(took, 3)


def test_a_volume_without_exec_for_the_runtime_directory_is_no_trouble(container):
    c = container('services: {a: {command: "sleep 1000"}}', options=['--tmpfs', '/run:noexec', '--tmpfs', '/tmp:noexec']).ready()
    assert c.stop()[1] == 0


def test_the_scratch_image_alone_runs_what_is_a_list_and_stops(container):
    c = container('services: {a: {exec: [/sysg, events, -f]}}', image='sysg')
    until(lambda: c.exec('/sysg', 'ready').returncode == 0, 20, 0.1, why=lambda: c.logs)
    took, code = c.stop()
    assert code == 0 and in_time(took)


def test_the_scratch_image_alone_says_that_it_has_no_shell(container):
    c = container('services: {a: {command: "true", restart_policy: never}}', image='sysg')
    assert c.code() == 127 and 'no shell in this image: write the command as a list' in c.logs
