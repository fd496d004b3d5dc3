"""What the first process goes without: the control file of tools/want.c, and boxes whose PID 1 has that loaded.

A library can't be loaded before the static release, so that these boxes run the build for tests.
"""
import ctypes
import mmap
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

from harness import BUILD, PATH, ROOT, STAGE, bin_dir

BINARY = pathlib.Path(os.environ.get('WANT_SYSG', ROOT / 'build/test/sysg')).resolve()
KINDS = {'mem': (1, 12), 'fork': (2, 11), 'fd': (3, 24), 'space': (4, 28), 'watch': (5, 12)}  # and the errno of each
STICKY = 1 << 40
SITES = 4096
# A sticky want ends by itself, as otherwise a client without a connection waits for all of its patience.
STICKY_SECONDS = 0.3


class Site(ctypes.Structure):
    _fields_ = [('at', ctypes.c_uint64), ('held', ctypes.c_int64)]


class Page(ctypes.Structure):
    """struct want of tools/want.c."""
    _fields_ = [('kind', ctypes.c_uint32), ('forks', ctypes.c_uint32), ('error', ctypes.c_uint32), ('loaded', ctypes.c_uint32),
                ('countdown', ctypes.c_int64), ('burst', ctypes.c_int64), ('hits', ctypes.c_uint64),
                ('entry', ctypes.c_uint64), ('last', ctypes.c_uint64), ('calls', ctypes.c_uint64 * 6 * 2), ('site', Site * SITES)]


class Want:
    """Arms and disarms. Everything else of it is what the library wrote."""

    def __init__(self, path):
        path.write_bytes(bytes(ctypes.sizeof(Page)))
        with open(path, 'r+b') as f:
            self.map = mmap.mmap(f.fileno(), ctypes.sizeof(Page))
        self.page = Page.from_buffer(self.map)
        self.timer = None

    def arm(self, kind, n, burst=1, forks=False):
        """The nth call from now on fails, and burst - 1 after it."""
        p = self.page
        p.kind = 0
        p.countdown, p.burst, p.hits, p.last, p.forks = n - 1, burst, 0, 0, int(forks)
        p.error = KINDS[kind][1]
        p.kind = KINDS[kind][0]
        if burst == STICKY:
            self.timer = threading.Timer(STICKY_SECONDS, self.disarm)
            self.timer.start()

    def calls(self):
        """How many there were, by (kind, of a fork?)."""
        return {(kind, forks): self.page.calls[forks][k] for kind, (k, _) in KINDS.items() for forks in (False, True)}

    def hits(self):
        return self.page.hits

    def disarm(self):
        """How many calls failed."""
        self.page.kind = 0
        if self.timer and self.timer is not threading.current_thread():
            self.timer.cancel()
        return self.page.hits

    def place(self, address=None):
        """Where in the source the call stood that failed last."""
        address = self.page.last if address is None else address
        header = subprocess.run(['readelf', '-h', BINARY], capture_output=True, text=True).stdout
        entry = int(re.search(r'Entry point address:\s+0x([0-9a-f]+)', header)[1], 16)
        at = (address + entry - 1) % (1 << 64)
        r = subprocess.run(['addr2line', '-fspi', '-e', BINARY, hex(at)], capture_output=True, text=True)
        return r.stdout.strip().replace('\n', ' ')

    def held(self):
        """How many pieces of memory each place of the program holds, by its address."""
        return {s.at: s.held for s in self.page.site if s.held}


def wanting(box, manifest, arm=None, argv=None, **kw):
    """A box of which the supervisor can be made to go without something: `.want`; from its start on, as `arm` says."""
    home = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
    want = Want(home / '.want')
    if arm:
        want.arm(*arm)
    program = STAGE / 'want' / 'sysg'
    if not program.exists():
        program.parent.mkdir(mode=0o755)
        shutil.copy(BINARY, program)
        shutil.copy(BUILD / 'want.so', STAGE / 'want.so')
    for name, text in ('systemg.yaml', manifest), ('some.env', 'FROM=file\n'):
        (home / name).write_text(text)
        (home / name).chmod(0o644)
    b = box(None, argv=argv or [program, 'start', '-c', home / 'systemg.yaml'], home=home,
            env={'PATH': f'{program.parent}:{bin_dir()}:{PATH}', 'LD_PRELOAD': str(STAGE / 'want.so'), 'WANT': str(home / '.want')}, **kw)
    for name in ('LD_PRELOAD', 'WANT'):  # of the first process only
        del b.env[name]
    b.want, b.own_home = want, True
    return b
