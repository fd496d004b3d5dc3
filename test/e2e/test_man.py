"""The manual pages: they are pages, and lack no command, no option and no key."""
import re
import subprocess
import sys

import pytest

from harness import ROOT, SYSG

MAN = ROOT / 'doc/man'


def made(name, tmp_path):
    """The roff text of a page."""
    source = MAN / f'{name}.scd'
    if not source.exists():
        source = tmp_path / f'{name}.scd'
        subprocess.run([sys.executable, MAN / 'commands.py', SYSG, MAN / f'{name}.scd.in', source], check=True)
    r = subprocess.run(['scdoc'], stdin=source.open(), capture_output=True, text=True)
    assert r.returncode == 0 and not r.stderr, r.stderr
    return r.stdout.replace('\\-', '-').replace('\\(ga', '`')


def help_of(*words):
    return subprocess.run([SYSG, 'help', *words], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize('name', ['sysg.1', 'sysg.3', 'sysg.yaml.5', 'sysg-spawn.7'])
def test_each_page_is_one_with_its_name_and_section(name, tmp_path):
    stem, section = name.rsplit('.', 1)
    assert re.search(rf'^\.TH "{re.escape(stem)}" "{section}"', made(name, tmp_path), re.M)


def test_the_page_of_commands_has_every_command_with_every_option(tmp_path):
    text = made('sysg.1', tmp_path)
    names = re.findall(r'^  ([a-z]+) ', help_of(), re.M)
    assert len(names) > 15
    for name in names:
        own = re.search(rf'^\.SS {name}\n(.*?)(?=^\.S[SH] |\Z)', text, re.M | re.S)
        assert own, name
        options = set(re.findall(r'--[a-z][a-z-]+', '\n'.join(re.findall(r'^\s+(?:-\w, )?--\S+', help_of(name), re.M))))
        assert options and options <= set(re.findall(r'--[a-z][a-z-]+', own[1])), name


def test_the_page_of_the_manifest_has_every_key_and_no_other():
    source = (ROOT / 'src/manifest/keys.c').read_text()
    rows = re.findall(r'\bKEY\(\w+, "(\w+)"(,\s*\w+)?', source)
    supported, known = {n for n, parse in rows if parse}, {n for n, _ in rows}
    assert len(supported) > 50
    page = (MAN / 'sysg.yaml.5.scd').read_text().replace('\\_', '_')
    documented = set(re.findall(r'^\*(\w+)\*$', page, re.M))
    assert supported <= documented, supported - documented
    assert documented <= known, documented - known
