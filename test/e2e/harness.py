"""Runs the program under test as PID 1 of fresh namespaces, and looks at it from outside.

A Box is one such container: `Box(manifest)` starts `sysg start` in it, `exec` runs a command inside whose parent
is 0 (as `docker exec` does), `kill` signals PID 1 from outside, `wait` gives the true exit status. Nothing sleeps
for a fixed time: `until` polls with a deadline, which is generous since it costs nothing when the thing happens.
"""
import atexit
import contextlib
import json
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import textwrap
import time

from waiting import ASAN, SLOW, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('E2E_BUILD', ROOT / 'build/e2e'))
PYTHON = '/usr/bin/python3'


def staged():
    """A folder that every user can reach, as the checkout (below /root, say) may not be, with copies of what boxes run."""
    d = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-bin-', dir='/var/tmp'))
    atexit.register(shutil.rmtree, d, True)
    d.chmod(0o755)
    shutil.copy(pathlib.Path(os.environ.get('SYSG', ROOT / 'build/release/sysg')).resolve(), d / 'sysg')
    shutil.copy(BUILD / 'imp', d / 'imp')
    shutil.copytree(pathlib.Path(__file__).resolve().parent / 'tools', d / 'tools')
    (d / 'python').symlink_to(PYTHON)
    for path in d.rglob('*'):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
    return d


STAGE = staged()
SYSG, NSRUN, IMP, TOOLS = str(STAGE / 'sysg'), str(BUILD / 'nsrun'), str(STAGE / 'imp'), STAGE / 'tools'
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
DEFAULT_CAPS = ('chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,net_raw,sys_chroot,'
                'mknod,audit_write,setfcap')


def bin_dir():
    """A folder for PATH in which the program under test is `sysg`, and Debian's Python `python`."""
    return str(STAGE)


class Proc:
    """One process, as /proc of the outer namespace shows it."""

    def __init__(self, pid, inner, comm, state, ppid, cmdline, threads, start):
        self.pid, self.inner, self.comm, self.state = pid, inner, comm, state
        self.ppid, self.cmdline, self.threads, self.start = ppid, cmdline, threads, start

    @property
    def alive(self):
        return self.state not in 'ZX' or self.threads > 1

    def __repr__(self):
        return f'<{self.inner} {self.state} {self.cmdline or self.comm}>'


def read_proc(pid):
    """The process, or None where it is gone."""
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text(errors='replace')
        status = pathlib.Path(f'/proc/{pid}/status').read_text(errors='replace')
        cmdline = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace').strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    comm, rest = stat[stat.index('(') + 1:stat.rindex(')')], stat[stat.rindex(')') + 2:].split()
    inner = re.search(r'^NSpid:.*?(\d+)$', status, re.M)
    return Proc(int(pid), int(inner[1]) if inner else int(pid), comm, rest[0], int(rest[1]), cmdline, int(rest[17]),
                int(rest[19]))


def switches(pid):
    """How often the kernel took the process off a processor: (voluntary, not)."""
    text = pathlib.Path(f'/proc/{pid}/status').read_text()
    return tuple(int(re.search(rf'^{k}_ctxt_switches:\s+(\d+)', text, re.M)[1]) for k in ('voluntary', 'nonvoluntary'))


def pss_kib(pid):
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    return int(re.search(r'^Pss:\s+(\d+)', text, re.M)[1])


def pid_ns(pid):
    try:
        return os.readlink(f'/proc/{pid}/ns/pid')
    except OSError:
        return None


class Box:
    """One container. Options of nsrun are given as words in `ns`; see tools/nsrun.c."""

    all = []

    def __init__(self, manifest=None, *args, argv=None, ns=(), env=None, timeout=60, home=None, stdin=None, pty=None,
                 shape=True, wait_exec=True, carry=False):
        self.home = pathlib.Path(home or tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
        self.own_home = home is None
        self.home.chmod(0o1777)
        self.manifest = self.home / 'systemg.yaml'
        if manifest is not None:
            self.write_manifest(manifest)
        self.env = {'PATH': f'{bin_dir()}:{PATH}', 'HOME': '/root'}
        self.env.update(ASAN_OPTIONS='detect_leaks=0:abort_on_error=0', UBSAN_OPTIONS='print_stacktrace=1')
        self.env.update(env or {})
        self.program = SYSG
        if carry:  # for a box that covers the folder in which this checkout may lie
            self.program = str(self.home / 'sysg')
            shutil.copy(SYSG, self.program)
        self.argv = argv or [self.program, 'start', *(['-c', str(self.manifest)] if manifest is not None else []), *args]
        self.ns = list(ns)
        self.report = {}
        self._rest = ''
        self.pid = self.pid_ns = None
        self.status = None
        self._launch(shape, timeout, stdin, pty)
        Box.all.append(self)
        if wait_exec:
            until(lambda: self._read_report() or 'exec' in self.report or self.ended, 10, 0.001, 'exec of PID 1')

    def write_manifest(self, text):
        self.manifest.write_text(textwrap.dedent(text))
        self.manifest.chmod(0o644)

    def _launch(self, shape, timeout, stdin, pty):
        read_end, write_end = os.pipe()
        base = ['--tmpfs', '/run', '--tmpfs', '/var/log', '--hide', '/sys/fs/cgroup'] if shape else []
        cmd = [NSRUN, '--report', str(write_end), '--timeout', str(timeout * SLOW), '--cwd', str(self.home), *base,
               *self.ns, *(['--ctty'] if pty == 'leader' else []), '--', *map(str, self.argv)]
        self._report_fd = read_end
        os.set_blocking(read_end, False)
        self.out, self.err = self.home / '.stdout', self.home / '.stderr'
        self.master = None
        if pty:
            self.master, slave = os.openpty()
            os.set_blocking(self.master, False)
            self.screen = b''
            streams = dict(stdin=slave, stdout=slave, stderr=slave)
        else:
            streams = dict(stdin=stdin or subprocess.DEVNULL, stdout=open(self.out, 'wb'), stderr=open(self.err, 'wb'))
        self.launcher = subprocess.Popen(cmd, env=self.env, pass_fds=[write_end], cwd='/',
                                         start_new_session=True, **streams)
        os.close(write_end)
        for s in streams.values():
            if hasattr(s, 'close'):
                s.close()
        if pty:
            os.close(slave)

    # --- what nsrun reports ---------------------------------------------------

    def _read_report(self):
        while True:
            try:
                data = os.read(self._report_fd, 4096)
            except BlockingIOError:
                return
            if not data:
                if self.status is None:
                    self.status = self.report.get('timeout', 'launcher died: ' + self.stderr)
                return
            self._rest += data.decode()
            *lines, self._rest = self._rest.split('\n')
            for line in lines:
                self._report_line(line)

    def _report_line(self, line):
        key, _, value = line.partition(' ')
        self.report[key] = value or 'timeout'
        if key == 'pid':
            self.pid = int(value)
            self.pid_ns = pid_ns(self.pid)
        if key in ('exit', 'signal', 'timeout'):
            self.status = {'exit': lambda: int(value), 'signal': lambda: -int(value), 'timeout': lambda: 'timeout'}[key]()

    @property
    def ended(self):
        self._read_report()
        return self.status is not None

    @property
    def exec_time(self):
        """CLOCK_REALTIME just before exec of PID 1."""
        return float(self.report['exec'])

    def wait(self, seconds=20):
        """The exit status of PID 1; negative: the signal that ended it."""
        until(lambda: self.ended or self.read_pty() and False, seconds, why=lambda: f'end of PID 1 ({self.stderr[-800:]})')
        self.launcher.wait(10)
        return self.status

    # --- looking at it from outside -------------------------------------------

    def procs(self, dead=False):
        """All processes of the box by their pid outside."""
        self._read_report()
        found = {}
        for name in os.listdir('/proc') if self.pid_ns else ():
            if name.isdigit() and pid_ns(name) == self.pid_ns:
                p = read_proc(name)
                if p and (dead or p.alive):
                    found[p.pid] = p
        return found

    def inner(self, pid):
        """The process that has this pid inside, or None."""
        return next((p for p in self.procs().values() if p.inner == int(pid)), None)

    def alive(self, inner_pid):
        return self.inner(inner_pid) is not None

    def logger(self):
        """The log process: the child of PID 1 that runs the same binary for good, so the oldest of them."""
        return min((p for p in self.procs().values() if p.ppid == self.pid and self._is_sysg(p)), key=lambda p: p.start, default=None)

    def _is_sysg(self, p):
        try:
            return os.path.samefile(f'/proc/{p.pid}/exe', self.program)
        except OSError:
            return False

    def others(self):
        """Everything but PID 1 and its logger."""
        return [p for p in self.procs().values() if p.pid != self.pid and not (p.ppid == self.pid and self._is_sysg(p))]

    def defunct(self):
        return [p for p in self.procs(dead=True).values() if not p.alive]

    @property
    def stdout(self):
        return self.out.read_text(errors='replace') if self.out.exists() else ''

    @property
    def stderr(self):
        return self.err.read_text(errors='replace') if self.err.exists() else ''

    def file(self, name, seconds=10):
        """The text of a file in the box's folder, once it is there and not empty."""
        path = self.home / name
        return until(lambda: path.exists() and path.read_text(errors='replace'), seconds, why=lambda: f'file {name} ({self.stderr[-800:]})')

    def peek(self, name):
        """The text of a file in the box's folder as it is now, maybe none."""
        path = self.home / name
        return path.read_text(errors='replace') if path.exists() else ''

    def says(self, pattern, seconds=10, where='both'):
        """Waits until stdout or stderr matches."""
        def look():
            text = {'both': self.stdout + self.stderr, 'stdout': self.stdout, 'stderr': self.stderr}[where]
            return re.search(pattern, text, re.M)
        return until(look, seconds, why=lambda: f'/{pattern}/ in the output: {self.stdout[-600:]!r} {self.stderr[-900:]!r}')

    # --- doing something inside -----------------------------------------------

    def exec_argv(self, cmd, uid=None, ns=(), groups=None):
        who = [] if uid is None else ['--uid', str(uid), '--gid', str(uid), '--groups', '' if groups is None else groups]
        return [NSRUN, '--enter', str(self.pid), '--cwd', str(self.home), '--timeout', '120', *who, *ns, '--', *map(str, cmd)]

    def exec(self, *cmd, uid=None, ns=(), timeout=20, env=None, input=None, groups=None):
        """Runs a command inside, its parent is 0: a CompletedProcess with text."""
        return subprocess.run(self.exec_argv(cmd, uid, ns, groups), timeout=timeout * SLOW, capture_output=True, text=True,
                              errors='replace', env={**self.env, **(env or {})}, input=input,
                              stdin=subprocess.DEVNULL if input is None else None, cwd='/')

    def popen(self, *cmd, uid=None, ns=(), env=None, **kw):
        kw = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'stdin': subprocess.DEVNULL, 'text': True, **kw}
        return subprocess.Popen(self.exec_argv(cmd, uid, ns), env={**self.env, **(env or {})}, cwd='/', **kw)

    def sysg(self, *args, **kw):
        return self.exec(self.program, *args, **kw)

    def sysg_ok(self, *args, **kw):
        r = self.sysg(*args, **kw)
        assert r.returncode == 0, f'sysg {shlex.join(map(str, args))}: {r.returncode}\n{r.stdout}{r.stderr}\n--\n{self.stderr[-800:]}'
        return r.stdout

    def json(self, *args, **kw):
        return json.loads(self.sysg_ok(*args, '--format', 'json', **kw))

    def status_json(self):
        return self.json('status')

    def unit(self, name):
        """The object of one unit in `status --format json`, a service or a spawned child, also one that ended; or None."""
        def walk(node):
            yield node['child']
            for c in node.get('children', []):
                yield from walk(c)

        def look(units):
            mine = units + [c for u in units for node in u.get('spawned_children', []) for c in walk(node)]
            return next((u for u in mine if name in (u['name'], u['path'], u['id'])), None)
        return look(self.status_json()['units']) or look(self.json('status', '-s', name)['units'])

    def state(self, name):
        u = self.unit(name)
        return u and u['state']

    def links(self):
        """What its descriptors are; one that is closed while we look is none."""
        found = []
        for fd in os.listdir(f'/proc/{self.pid}/fd'):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f'/proc/{self.pid}/fd/{fd}'))
        return found

    def up(self, seconds=10):
        """Waits until it answers pings."""
        until(lambda: self.ended or self.sysg('ping').returncode == 0, seconds, 0.01, lambda: f'an answer to ping: {self.stderr[-600:]}')
        assert not self.ended, f'it ended: {self.status} {self.stderr}'
        return self

    def until_state(self, name, *states, seconds=10):
        """Waits for a state of the spec; returns the unit's object."""
        last = [None]

        def look():
            last[0] = self.unit(name)
            return last[0] if last[0] and last[0]['state'] in states else None
        return until(look, seconds, 0.02, lambda: f'{name} in {states} (it is {last[0]}) {self.stderr[-600:]}')

    def running_pid(self, name):
        """The pid inside of a unit's main process, or None where it does not run now."""
        u = self.unit(name)
        return u['process']['pid'] if u and u['state'] == 'running' and 'process' in u else None

    def pid_of(self, name):
        """The pid inside of a unit's main process."""
        u = self.until_state(name, 'running', 'stopping', 'draining')
        return u['process']['pid'] if 'process' in u else u['pid']

    def kill(self, sig):
        os.kill(self.pid, sig)

    def term(self, seconds=20):
        self.kill(signal.SIGTERM)
        return self.wait(seconds)

    # --- a terminal -----------------------------------------------------------

    def read_pty(self):
        if self.master is None:
            return ''
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.screen += data
        return self.screen.decode(errors='replace')

    def type(self, text):
        os.write(self.master, text.encode())

    def shows(self, pattern, seconds=10):
        """Waits until the terminal shows it, and forgets what stood up to there."""
        def look():
            m = re.search(pattern.encode(), self.screen) if self.read_pty() is not None else None
            return m
        m = until(look, seconds, why=lambda: f'/{pattern}/ on the terminal: {self.screen[-500:]!r}')
        self.screen = self.screen[m.end():]
        return m

    # --- the end --------------------------------------------------------------

    def close(self):
        """Kills whatever is left and removes the folder."""
        try:
            if self.pid and not self.ended:
                os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            self.launcher.wait(10)
        except subprocess.TimeoutExpired:
            self.launcher.kill()
            self.launcher.wait(10)
        Box.all = [b for b in Box.all if b is not self]  # nothing is to be asked of it any more
        for fd in (self._report_fd, self.master):
            if fd is not None:
                os.close(fd)
        if self.own_home:
            shutil.rmtree(self.home, ignore_errors=True)

    def sanitizer_report(self):
        m = re.search(r'(AddressSanitizer|runtime error:|LeakSanitizer).*', self.stdout + self.stderr)
        return m and m[0]


def codes(result):
    """The SGxxxx that a command said."""
    return re.findall(r'SG\d{4}', result.stderr + result.stdout)


def facts(text):
    """What `imp facts` wrote, as a dict; the environment under 'env'."""
    known = {'env': {}}
    for line in text.splitlines():
        if line.startswith('env '):
            k, _, v = line[4:].partition('=')
            known['env'][k] = v
        else:
            k, _, v = line.partition(':')
            known[k] = v.strip()
    return known


def suid_program(folder, uid):
    """A program in the folder that takes the uid for good: what a process without capabilities can't kill."""
    path = pathlib.Path(folder) / 'sleeper'
    shutil.copyfile(IMP, path)
    os.chown(path, uid, uid)
    path.chmod(0o4755)


def suid_process(box, uid):
    """The process that `./sleeper become` is, once it has the uid."""
    def look():
        for p in box.procs().values():
            if p.cmdline == './sleeper become' and f'Uid:\t{uid}\t{uid}' in pathlib.Path(f'/proc/{p.pid}/status').read_text():
                return p
        return None
    return until(look, 5, why='a set-uid program (is the folder mounted nosuid?)')


def wait_readable(fd, seconds):
    return bool(select.select([fd], [], [], seconds)[0])


@contextlib.contextmanager
def delegated_cgroup():
    """A fresh group of the v2 hierarchy, or an error that says what is missing. Removed with all below it once the boxes
    are closed."""
    point = next((l.split()[4] for l in pathlib.Path('/proc/self/mountinfo').read_text().splitlines() if ' - cgroup2 ' in l), None)
    assert point, 'no cgroup v2 on this machine: name the test in test/unable'
    top = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir=point))
    try:
        yield top
    finally:
        for b in Box.all:
            if not b.ended:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(b.pid, signal.SIGKILL)
        remove_groups(top)


def remove_groups(top):
    for d in [*sorted((d for d in top.rglob('*') if d.is_dir()), reverse=True), top]:
        until(lambda d=d: removed(d), why=f'removal of {d}')


def removed(folder):
    try:
        folder.rmdir()
    except OSError:
        return not folder.exists()
    return True


def assert_gone(box, seconds=3):
    """Nothing but PID 1 and its logger is left."""
    left = [None]

    def look():
        left[0] = box.others()
        return not left[0]
    until(look, seconds, why=lambda: f'an empty box, but {left[0]} is left: {box.stderr[-500:]}')
