"""`sysg completion`: what the shells themselves make of it. bash, zsh and fish are in the list of test/run.sh."""
import os
import pty
import re
import select
import subprocess
import time

import pytest

from harness import PATH, SYSG, bin_dir

SHELLS = {'bash': ['bash', '--norc', '--noprofile'], 'zsh': ['zsh', '-f'], 'fish': ['fish', '--no-config']}
MANIFEST = 'services: {web: {exec: [sleep, "1000"]}, worker: {exec: [sleep, "1000"]}, bad: {command: "exit 3", restart_policy: never}}'
ENV = {'PATH': f'{bin_dir()}:{PATH}', 'HOME': '/var/empty', 'TERM': 'dumb'}


def script(shell, tmp_path):
    path = tmp_path / f'completion.{shell}'
    path.write_bytes(subprocess.run([SYSG, 'completion', shell], check=True, capture_output=True).stdout)
    return path


def commands():
    text = subprocess.run([SYSG, 'help'], check=True, capture_output=True, text=True).stdout
    return re.findall(r'^  ([a-z]+) ', text, re.M)


def options(command):
    """What --help lists: long names and letters."""
    text = subprocess.run([SYSG, command, '--help'], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r'^\s+(?:-\w, )?(--[a-z][a-z-]+)', text, re.M)) | set(re.findall(r'^\s+(-\w), --', text, re.M))


# Splits as readline does: at blanks and at '=' (COMP_WORDBREAKS).
BASH = r'''
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
compopt() { echo "compopt $*" >&2; }
_sysg; printf '%s\n' "${COMPREPLY[@]}"
'''


def bash(path, *words, run=subprocess.run, env=ENV):
    r = run([*SHELLS['bash'], '-c', BASH, 'bash', str(path), 'sysg', *words], capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
    assert r.returncode == 0, r.stderr
    return set(r.stdout.split()), r.stderr


@pytest.mark.parametrize('shell', SHELLS)
def test_the_shell_itself_reads_it(shell, tmp_path):
    r = subprocess.run([SHELLS[shell][0], '-n', script(shell, tmp_path)], capture_output=True, text=True)
    assert r.returncode == 0 and not r.stderr, r.stderr


def test_bash_registers_it(tmp_path):
    r = subprocess.run([*SHELLS['bash'], '-c', f'source {script("bash", tmp_path)}; complete -p sysg'], capture_output=True, text=True)
    assert r.stdout.strip() == 'complete -F _sysg sysg' and not r.stderr


def test_bash_completes_commands_and_only_those(tmp_path):
    path = script('bash', tmp_path)
    assert bash(path, '')[0] == set(commands())
    assert bash(path, 'sta')[0] == {'start', 'status'}
    assert bash(path, '--plain', 'sta')[0] == {'start', 'status'}
    assert bash(path, '--socket', 'start', 'val')[0] == {'validate'}
    assert bash(path, '--format', '=', 'json', 'val')[0] == {'validate'}
    assert bash(path, 'help', 'val')[0] == {'validate'}
    assert bash(path, 'completion', '')[0] == {'bash', 'zsh', 'fish'}


@pytest.mark.parametrize('command', commands())
def test_bash_completes_exactly_the_options_of_the_help(command, tmp_path):
    assert bash(script('bash', tmp_path), command, '-')[0] == options(command)


def test_bash_completes_the_values_of_enumerations(tmp_path):
    path = script('bash', tmp_path)
    assert bash(path, 'graph', '--format', '')[0] == {'dot', 'json'}
    assert bash(path, 'graph', '--format', '=', 'd')[0] == {'dot'}
    assert bash(path, 'graph', '--format', '=')[0] == {'dot', 'json'}
    assert bash(path, 'status', '--log-level', 'w')[0] == {'warn'}
    assert bash(path, 'graph', '--config', '') == (set(), 'compopt -o default\n')
    assert bash(path, 'spawn', '--', '') == (set(), 'compopt -o default\n')
    assert bash(path, 'spawn', '--ttl', '')[0] == set()


def test_units_are_those_of_the_supervisor_and_nobody_there_is_no_noise(box, tmp_path):
    path = script('bash', tmp_path)
    assert bash(path, 'stop', '') == (set(), '')
    b = box(MANIFEST).up()
    b.until_state('bad', 'failed')
    assert 'SG0' in b.sysg_ok('status'), 'the complaint below the table is no unit'
    (b.home / 'c').write_bytes(path.read_bytes())

    def inside(argv, **kw):
        return b.exec(*argv)
    assert bash('c', 'stop', '', run=inside)[0] == {'web', 'worker', 'bad'}
    assert bash('c', 'stop', 'w', run=inside)[0] == {'web', 'worker'}
    assert bash('c', 'stop', '-s', 'we', run=inside)[0] == {'web'}
    assert bash('c', 'stop', '--service', '=', 'we', run=inside)[0] == {'web'}
    (b.home / 'f').write_bytes(script('fish', tmp_path).read_bytes())
    out = b.exec(*SHELLS['fish'], '-c', 'source f; complete -C "sysg stop w"', env={'HOME': str(b.home)})
    assert {l.split('\t')[0] for l in out.stdout.splitlines()} == {'web', 'worker'}, out.stderr


def fish(path, line, tmp_path):
    r = subprocess.run([*SHELLS['fish'], '-c', f"source {path}; complete -C '{line}'"], capture_output=True, text=True,
                       env={**ENV, 'HOME': str(tmp_path)})
    assert r.returncode == 0, r.stderr
    return {l.split('\t')[0] for l in r.stdout.splitlines()}


def test_fish_completes_commands_options_and_values(tmp_path):
    path = script('fish', tmp_path)
    assert fish(path, 'sysg ', tmp_path) == set(commands())
    assert fish(path, 'sysg sta', tmp_path) == {'start', 'status'}
    for command in ('logs', 'spawn', 'graph'):
        assert {o for o in options(command) if o.startswith('--')} <= fish(path, f'sysg {command} --', tmp_path)
    assert fish(path, 'sysg graph --format ', tmp_path) == {'dot', 'json'}
    assert fish(path, 'sysg completion ', tmp_path) == {'bash', 'zsh', 'fish'}
    assert set(commands()) <= fish(path, 'sysg help ', tmp_path)


def zsh(path, line, tmp_path):
    """Types the line and a tab into an interactive zsh; what it lists and what the line became."""
    setup = f'PS1="%%"; LISTMAX=0; autoload -Uz compinit && compinit -u -D; source {path}; unsetopt automenu zle_bracketed_paste; echo ready'
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execvpe('zsh', ['zsh', '-f', '-i'], {**ENV, 'HOME': str(tmp_path), 'TERM': 'vt100', 'COLUMNS': '200'})
    seen = b''

    def until(pattern, seconds=20):
        nonlocal seen
        end = time.monotonic() + seconds
        while not re.search(pattern, seen):
            assert time.monotonic() < end, seen
            if select.select([fd], [], [], 0.2)[0]:
                seen += os.read(fd, 65536)
    try:
        os.write(fd, setup.encode() + b'\r')
        until(rb'\nready')
        seen = b''
        os.write(fd, line.encode() + b'\t\x01echo "<\x05>"\r')  # the line as it became, in quotes
        until(rb'\r\n<.*>')
        return seen.decode(errors='replace')
    finally:
        os.close(fd)
        os.waitpid(pid, 0)


@pytest.mark.parametrize('line, becomes', [('sysg val', 'sysg validate'), ('sysg graph --format do', 'sysg graph --format dot'),
                                           ('sysg completion fi', 'sysg completion fish'), ('sysg graph --no-e', 'sysg graph --no-env'),
                                           ('sysg help val', 'sysg help validate')])
def test_zsh_completes_commands_options_and_values(line, becomes, tmp_path):
    assert re.search(rf'<{re.escape(becomes)} ?>', zsh(script('zsh', tmp_path), line, tmp_path))


@pytest.mark.parametrize('args', [[], ['tcsh'], ['bash', 'zsh']])
def test_another_shell_is_a_usage_error(args):
    r = subprocess.run([SYSG, 'completion', *args], capture_output=True, text=True)
    assert r.returncode == 2 and not r.stdout
    if len(args) < 2:
        assert 'bash|zsh|fish' in r.stderr
