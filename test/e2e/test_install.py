"""`sysg install PATH`: a copy of itself, whole or not at all."""
import json
import os
import re
import subprocess

import pytest

from harness import SYSG, until


def install(box, *args, home=None, **kw):
    b = box(argv=[SYSG, 'install', *args], home=home, **kw)
    return b.wait(), b.stdout, b.stderr, b.home


def same(path):
    return path.read_bytes() == open(SYSG, 'rb').read()


def test_a_file_name_gets_the_whole_program_0755(box):
    rc, out, err, home = install(box, 'mine')
    assert rc == 0, err
    assert same(home / 'mine') and (home / 'mine').stat().st_mode & 0o7777 == 0o755
    assert out == 'Installed mine\n'
    assert subprocess.run([home / 'mine', 'version'], capture_output=True).returncode == 0


def test_a_directory_gets_a_file_named_sysg(box):
    home = box(argv=['true']).home
    for word, name in (('d', 'd/sysg'), ('e/', 'e/sysg')):
        (home / word).mkdir()
        rc, out, _, _ = install(box, word, '--json', home=home)
        assert rc == 0 and same(home / name)
        assert json.loads(out) == {'installed': name, 'bytes': os.path.getsize(SYSG)}
        assert os.listdir(home / word) == ['sysg']


def test_the_mode_does_not_depend_on_the_umask(box):
    b = box(argv=['sh', '-c', f'umask 077; {SYSG} install mine'])
    assert b.wait() == 0 and (b.home / 'mine').stat().st_mode & 0o7777 == 0o755


def test_what_was_there_is_replaced_even_while_it_runs(box):
    home = box(argv=['true']).home
    (home / 'mine').write_text('old')
    assert install(box, 'mine', home=home)[0] == 0
    b = box(argv=[str(home / 'mine'), 'start', 'sleep', '1000'], home=home).up()
    before = (home / 'mine').stat().st_ino
    assert b.exec(SYSG, 'install', 'mine').returncode == 0
    assert (home / 'mine').stat().st_ino != before and same(home / 'mine')


def test_a_link_is_replaced_and_what_it_names_is_left_alone(box):
    home = box(argv=['true']).home
    (home / 'other').write_text('kept')
    (home / 'mine').symlink_to('other')
    assert install(box, 'mine', home=home)[0] == 0
    assert (home / 'other').read_text() == 'kept' and not (home / 'mine').is_symlink()


def test_it_works_when_the_own_file_was_deleted(box):
    home = box(argv=['true']).home
    b = box(argv=['sh', '-c', f'cp {SYSG} one && ./one start -- sleep 1000'], home=home).up()
    (home / 'one').unlink()
    pid = next(p.inner for p in b.procs().values() if p.comm == 'sysg')
    assert b.exec(f'/proc/{pid}/exe', 'install', 'back').returncode == 0
    assert same(home / 'back')


def left(home):
    return [n for n in os.listdir(home) if not n.startswith(('.std', 'systemg'))]


@pytest.mark.parametrize('make, word, says', [
    (lambda h: None, 'no/such/mine', 'No such file or directory'),
    (lambda h: (h / 'file').write_text(''), 'file/mine', 'Not a directory'),
    (lambda h: os.mkfifo(h / 'pipe'), 'pipe', 'not a regular file'),
    (lambda h: None, 'x' * 300, 'name too long'),
])
def test_what_cannot_be_is_said_in_words_and_nothing_is_left(box, make, word, says):
    home = box(argv=['true']).home
    make(home)
    before = left(home)
    rc, out, err, _ = install(box, word, home=home)
    assert rc == 1 and 'error[SG0001]' in err and says.lower() in err.lower(), err
    assert left(home) == before and not out
    rc, out, _, _ = install(box, word, '--json', home=home)
    assert rc == 1 and json.loads(out)['error']['code'] == 'SG0001'


def test_a_full_disk_is_said_and_the_old_file_is_still_there(box):
    b = box(argv=['sh', '-c', 'mkdir full && mount -t tmpfs -o size=64k none full && echo old > full/sysg && '
                  f'{SYSG} install full; echo $? > rc; cat full/sysg > kept; ls -a full > list'])
    b.wait()
    assert b.file('rc').strip() == '1' and b.file('kept') == 'old\n'
    assert 'No space left on device' in b.stderr and 'make room' in b.stderr
    assert b.file('list').split() == ['.', '..', 'sysg']


def test_a_read_only_file_system_is_said_with_a_remedy(box):
    b = box(argv=['sh', '-c', f'mkdir ro && mount -t tmpfs -o ro none ro && {SYSG} install ro/x'])
    assert b.wait() == 1
    assert 'Read-only file system' in b.stderr and re.search('help: .*volume', b.stderr)


def test_without_a_path_it_is_a_usage_error(box):
    rc, _, err, _ = install(box)
    assert rc == 2 and 'PATH' in err
    assert install(box, 'a', 'b')[0] == 2


def test_killed_at_any_moment_it_leaves_the_old_file_or_the_new_one(box):
    """TERM waits until nothing temporary is left; KILL finds no name to leave."""
    home = box(argv=['true']).home
    home.joinpath('bin').mkdir()
    for i in range(20):
        p = subprocess.Popen([SYSG, 'install', str(home / 'bin')], stdout=subprocess.DEVNULL)
        until(lambda: p.poll() is not None or i % 4 == 0 or os.path.exists(home / 'bin' / 'sysg'), 5, 0.0005)
        p.kill() if i % 2 else p.terminate()
        p.wait()
        assert os.listdir(home / 'bin') in ([], ['sysg'])
        if os.listdir(home / 'bin'):
            assert same(home / 'bin' / 'sysg')
            (home / 'bin' / 'sysg').unlink()
