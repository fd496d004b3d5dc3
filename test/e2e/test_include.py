"""`!include`: another file's content in the place of a node."""
import os
import pathlib

import pytest

from harness import SYSG, codes, until


def folder(box, **files):
    b = box(argv=['true'])
    for name, text in files.items():
        write(b.home / f'{name}.yaml', text)
    return b.home


def write(path, text):
    path.write_text(text)
    path.chmod(0o644)


def chain(path):
    """Root's link to one of somebody else, which could lead it anywhere."""
    path.symlink_to('middle.yaml')
    (path.parent / 'middle.yaml').symlink_to('good.yaml')
    os.lchown(path.parent / 'middle.yaml', 1000, 1000)


MAIN = 'services:\n  web: !include web.yaml\n  other: {command: "exec sleep 1000"}\n'


@pytest.mark.asan
def test_the_boot_reads_it_and_reload_looks_at_it_again(box):
    home = folder(box, web='command: "exec sleep 1000"\n')
    b = box(MAIN, home=home).up()
    web, other = b.pid_of('web'), b.pid_of('other')
    assert b.sysg_ok('reload') == 'Nothing changed\n'
    write(home / 'web.yaml', '# new\ncommand: "exec sleep 2000"\n')
    assert b.sysg_ok('reload').startswith('restart web (changed)\n')
    assert b.pid_of('other') == other and b.pid_of('web') != web
    assert b.inner(b.pid_of('web')).cmdline == 'sleep 2000'
    write(home / 'web.yaml', 'command: "exec sleep 3000"\nnonsense: 1\n')
    r = b.sysg('reload')
    assert r.returncode == 2 and 'SG0301' in codes(r) and 'SG0211' in codes(r)
    assert f'{home}/web.yaml:2:1: ' in r.stderr and 'systemg.yaml:2:8' in r.stderr
    assert b.inner(b.pid_of('web')).cmdline == 'sleep 2000'


def test_env_files_and_secrets_named_in_it_are_read_and_count_from_the_manifests_folder(box):
    home = folder(box)
    (home / 'sub').mkdir()
    write(home / 'sub/web.yaml', 'command: "echo $A $B >out; exec sleep 1000"\nenv: {file: a.env, secrets: {B: secret}}\n')
    write(home / 'a.env', 'A=1\n')
    write(home / 'secret', '2\n')
    b = box('services: {web: !include sub/web.yaml}', home=home).up()
    assert b.file('out') == '1 2\n'
    write(home / 'a.env', 'A=3\n')
    b.sysg_ok('reload')
    until(lambda: b.peek('out') == '3 2\n')


@pytest.mark.parametrize('make, code, words', [
    (lambda p: None, 'SG0207', 'No such file'),
    (lambda p: os.mkfifo(p), 'SG0207', 'not a regular file'),
    (lambda p: p.mkdir(), 'SG0207', 'not a regular file'),
    (lambda p: (p.write_text('command: x'), p.chmod(0o646)), 'SG0207', 'others may write it'),
    (lambda p: (p.symlink_to(p.parent / 'good.yaml'), os.lchown(p, 1000, 1000)), 'SG0207', 'symbolic link'),
    (lambda p: chain(p), 'SG0207', 'symbolic link'),
    (lambda p: write(p, 'command: [\n'), 'SG0207', 'web.yaml:'),
    (lambda p: write(p, 'command: !include web.yaml\n'), 'SG0208', 'web.yaml -> '),
    (lambda p: write(p, '#' * (8 << 20)), 'SG0209', '8 MiB'),
])
def test_what_start_refuses_validate_and_reload_refuse_too(box, make, code, words):
    home = folder(box, good='command: "exec sleep 1000"\n')
    make(home / 'web.yaml')
    b = box(MAIN, home=home)
    assert b.wait() == 2
    assert code in b.stderr and words in b.stderr and 'systemg.yaml:2:8' in b.stderr
    b = box(MAIN.replace('web.yaml', 'good.yaml'), home=home).up()
    pid = b.pid_of('web')
    b.write_manifest(MAIN)
    r = b.sysg('validate', '-c', 'systemg.yaml')
    assert r.returncode == 1 and code in codes(r) and words in r.stdout, r
    r = b.sysg('reload', timeout=30)
    assert r.returncode == 2 and code in codes(r) and words in r.stderr, r
    assert b.pid_of('web') == pid


def test_a_manifest_that_others_may_change_is_refused_by_start_and_validate_alike(box):
    home = folder(box, good='services: {web: {command: "exec sleep 1000"}}\n')
    for make, words in (lambda p: (p.write_text((home / 'good.yaml').read_text()), p.chmod(0o666)), 'others may write it'), (chain, 'symbolic link'):
        make(home / 'bad.yaml')
        for command in 'start', 'validate':
            b = box(argv=[SYSG, command, '-c', 'bad.yaml'], home=home)
            assert b.wait() == 2 and 'SG0210' in b.stderr and words in b.stderr, b.stderr
        (home / 'bad.yaml').unlink()
    (home / 'link.yaml').symlink_to('a/../near.yaml')
    (home / 'a').mkdir()
    (home / 'near.yaml').symlink_to(home / 'good.yaml')
    b = box(argv=[SYSG, 'start', '-c', 'link.yaml'], home=home).up()
    b.until_state('web', 'running')


def test_the_place_of_a_service_in_an_included_file_is_where_it_is_included(box):
    home = folder(box, web='command: "exit 3"\nrestart_policy: never\n')
    b = box(MAIN, home=home).up()
    b.until_state('web', 'failed')
    r = b.sysg('restart', '-s', 'web')
    assert 'systemg.yaml:2' in r.stderr and 'web: !include web.yaml' in r.stderr, pathlib.Path(b.err).read_text()
