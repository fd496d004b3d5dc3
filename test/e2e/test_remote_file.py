"""The file of a remote unit's token goes with its unit and at the end, whatever its file system does: the init waits for none."""
import os
import re
import time

import pytest

from harness import PYTHON, until

UID = 4801
MOUNT = 'import ctypes, sys; sys.exit(ctypes.CDLL(None).mount(b"dead", sys.argv[1].encode(), b"fuse", 0, sys.argv[2].encode()))'


def manifest(*lines):
    return 'services:\n  other: {exec: [sleep, "1000"]}\n' + ''.join(f'  {line}\n' for line in lines)


def app(path, name='app'):
    return f'{name}: {{remote: {{uid: {UID}, token_file: {path}}}, spawn: {{mode: dynamic}}}}'


def token(path):
    return until(lambda: path.exists() and path.read_text(), why=f'{path}')


@pytest.fixture
def dead():
    """Covers a folder in a box with a file system that answers nothing."""
    fds = []

    def mount(b, folder):
        fd = os.open('/dev/fuse', os.O_RDWR)
        fds.append(fd)
        p = b.popen(PYTHON, '-c', MOUNT, folder, f'fd={fd},rootmode=40000,user_id=0,group_id=0', pass_fds=[fd])
        assert p.wait(10) == 0, p.stderr.read()
    yield mount
    for fd in fds:
        os.close(fd)


def shared(box, *lines):
    home = box(None, argv=['true']).home
    (home / 'share').mkdir()
    return box(manifest(*lines), home=home).up()


@pytest.mark.asan
def test_it_goes_when_its_unit_goes_from_the_manifest(box):
    b = shared(box, app('share/one'), app('share/two', 'app2'))
    first, second = token(b.home / 'share/one'), token(b.home / 'share/two')
    b.write_manifest(manifest(app('share/two', 'app2')))
    b.sysg_ok('reload')
    until(lambda: not (b.home / 'share/one').exists())
    assert (b.home / 'share/two').read_text() == second != first
    assert b.term() == 0 and not list((b.home / 'share').iterdir())


def test_where_it_moves_the_token_goes_on_in_the_new_one_alone(box):
    b = shared(box, app('share/one'))
    first = token(b.home / 'share/one')
    b.write_manifest(manifest(app('share/two')))
    b.sysg_ok('reload')
    assert token(b.home / 'share/two') == first
    until(lambda: not (b.home / 'share/one').exists())


def test_what_another_has_put_in_its_place_stays(box):
    b = shared(box, app('share/one'))
    token(b.home / 'share/one')
    (b.home / 'share/one').unlink()
    (b.home / 'share/one').write_text('0' * 64)
    assert b.term() == 0
    assert (b.home / 'share/one').read_text() == '0' * 64


@pytest.mark.asan
def test_a_file_system_that_is_dead_holds_up_neither_a_reload_nor_the_end(box, dead):
    b = shared(box, app('share/one'), app('share/two', 'app2'))
    token(b.home / 'share/one'), token(b.home / 'share/two')
    dead(b, b.home / 'share')
    b.write_manifest(manifest(app('share/two', 'app2')))
    began = time.monotonic()
    assert 'app' in b.sysg_ok('reload') and b.state('other') == 'running'
    assert time.monotonic() - began < 3, 'a second or so is the rule'
    began = time.monotonic()
    assert b.term() == 0
    assert time.monotonic() - began < 3
    assert re.search("files of this run are left: .*their file system doesn't answer", b.stderr)


@pytest.mark.asan
def test_nor_does_that_of_the_socket_hold_up_the_end(box, dead):
    home = box(None, argv=['true']).home
    (home / 'share').mkdir()
    b = box(manifest(), '--socket', f'{home}/share/control.sock', home=home)
    until(lambda: (home / 'share/control.sock').exists())
    dead(b, home / 'share')
    began = time.monotonic()
    assert b.term() == 0
    assert time.monotonic() - began < 3
    assert re.search("files of this run are left: .*their file system doesn't answer", b.stderr)
