"""The options that stand everywhere, against every command."""
import re
import subprocess

import pytest

from harness import SYSG


def run(*args, **kw):
    return subprocess.run([SYSG, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, **kw)


COMMANDS = re.findall(r'^  ([a-z]+) ', run('help').stdout, re.M)
HELP = {c: run('help', c).stdout for c in COMMANDS}


@pytest.mark.parametrize('command', COMMANDS)
def test_plain_no_color_sys_and_help_are_taken_by_every_command(command):
    r = run(command, '--plain', '--no-color', '--sys', '--help')
    assert r.returncode == 0 and r.stdout == HELP[command]
    for option in ('--plain', '--no-color', '--sys', '--help'):
        assert re.search(rf'{option}\b', HELP[command])


@pytest.mark.parametrize('command', COMMANDS)
def test_drop_privileges_is_refused_with_the_advice(command):
    r = run(command, '--drop-privileges')
    assert r.returncode == 2 and 'user:' in r.stderr and '--drop-privileges' not in HELP[command]


@pytest.mark.parametrize('command', COMMANDS)
def test_a_mistyped_option_names_the_nearest_before_and_behind_the_command(command):
    for args in ([command, '--no-colour'], ['--no-colour', command]):
        r = run(*args)
        assert r.returncode == 2 and '--no-color' in r.stderr, (args, r.stderr)


@pytest.mark.parametrize('command', [c for c in COMMANDS if '--service' in HELP[c] and re.search(r'UNIT', HELP[c].split('\n\n')[1])])
def test_a_unit_is_named_by_a_word_or_by_s_and_not_by_both(command):
    extra = {'signal': ['TERM'], 'grant': ['stop:x'], 'revoke': ['stop:x']}.get(command, [])
    r = run(command, '-s', 'one', 'two', *extra, env={'SYSG_SOCKET': '/nonexistent/sock'})
    assert r.returncode == 2 and ('SG0204' in r.stderr or extra), r.stderr


def test_sys_needs_root():
    r = run('version', '--sys', user=65534, extra_groups=[], group=65534)
    assert r.returncode == 2 and 'SG0705' in r.stderr
