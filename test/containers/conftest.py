"""Real containers: podman with runc, storage of its own, images built from this checkout's Dockerfiles."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test/e2e'))

import passed_over  # noqa: E402
from waiting import until  # noqa: E402

# Without CAP_SYS_RESOURCE podman's own limits can't be had; both numbers are the same since its pods take them in the other order.
CONF = '''[containers]
default_ulimits = ["nofile=20000:20000","nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
'''


class Container:
    """One container: what podman says of it, and what runs in it."""

    def __init__(self, podman, name):
        self.podman, self.name = podman, name

    def inspect(self, format):
        return self.podman.ok('inspect', '--format', format, self.name).stdout.strip()

    @property
    def pid(self):
        return int(self.inspect('{{.State.Pid}}'))

    @property
    def logs(self):
        r = self.podman.run('logs', self.name)
        return r.stdout + r.stderr

    def exec(self, *words, user=None, timeout=30):
        return self.podman.run('exec', *(['--user', user] if user else []), self.name, *words, timeout=timeout)

    def sysg(self, *words, **kw):
        return self.exec('sysg', *words, **kw)

    def sysg_ok(self, *words, **kw):
        r = self.sysg(*words, **kw)
        assert r.returncode == 0, (words, r, self.logs[-3000:])
        return r.stdout

    def ready(self, seconds=20):
        until(lambda: self.sysg('ready').returncode == 0, seconds, 0.1, why=lambda: f'ready: {self.logs[-3000:]}')
        return self

    def says(self, text, seconds=20):
        until(lambda: text in self.logs, seconds, 0.1, why=lambda: f'{text!r} in {self.logs[-3000:]}')

    def stop(self, seconds=10):
        """`podman stop`: (how long it took, the exit code)."""
        begun = time.monotonic()
        self.podman.ok('stop', '--time', str(seconds), self.name, timeout=seconds + 20)
        return time.monotonic() - begun, self.code()

    def code(self, timeout=60):
        self.podman.ok('wait', self.name, timeout=timeout)
        return int(self.inspect('{{.State.ExitCode}}'))

    def status(self):
        return json.loads(self.sysg_ok('status', '--format', 'json'))

    def units(self):
        return self.status()['units']

    def unit(self, name):
        return next(u for u in self.units() if u['name'] == name)

    def doctor(self):
        """{what: [(verdict, why)]}, and that its exit status agrees."""
        r = self.sysg('doctor', '--json')
        told = json.loads(r.stdout)
        assert r.returncode == (0 if told['consistent'] else 1), r
        found = {}
        for c in told['checks']:
            found.setdefault(c['what'], []).append((c['result'], c['why']))
        return found

    def pids(self):
        """The pids, as seen here, of all that runs in it: by the group that the runtime has put it into."""
        group = re.compile(f'/(libpod-|docker/){self.inspect("{{.Id}}")}(/|$)', re.M)
        return [int(p.parent.name) for p in pathlib.Path('/proc').glob('[0-9]*/cgroup') if group.search(text_of(p))]

    def commands(self):
        return sorted(filter(None, (text_of(pathlib.Path(f'/proc/{p}/cmdline')).strip('\0').replace('\0', ' ') for p in self.pids())))


def in_time(took, seconds=2):
    """Where more processes want the processors than there are, everything takes that much longer; else it is the bound itself."""
    return took < seconds * max(1, os.getloadavg()[0] / os.cpu_count())


def text_of(path):
    """'' where it is gone."""
    try:
        return path.read_text(errors='replace')
    except OSError:
        return ''


class Engine:
    """podman's or docker's command line, with all that it keeps below a folder that goes at the end."""

    def __init__(self, home, words, env=()):
        self.home, self.words, self.env, self.count = home, words, {**os.environ, **dict(env)}, 0

    def run(self, *words, timeout=60):
        # In a folder of its own, as podman's monitor leaves an empty file `oom` where it is.
        return subprocess.run(['timeout', '-k', '5', str(timeout), *self.words, *map(str, words)], env=self.env, cwd=self.home,
                              text=True, capture_output=True, stdin=subprocess.DEVNULL, errors='replace')

    def ok(self, *words, **kw):
        r = self.run(*words, **kw)
        assert r.returncode == 0, (words, r.returncode, r.stdout[-2000:], r.stderr[-3000:])
        return r

    def start(self, image, *command, options=(), network='none', **kw):
        self.count += 1
        name = f'c{self.count}'
        self.ok('run', '-d', '--network', network, '--name', name, *options, image, *command, **kw)
        return Container(self, name)

    def mounts(self):
        points = [line.split()[4] for line in pathlib.Path('/proc/self/mountinfo').read_text().splitlines()]
        return [p for p in points if p.startswith(f'{self.home}/')]

    def unmount(self):
        for point in reversed(self.mounts()):
            subprocess.run(['umount', point], check=False)


class Podman(Engine):
    def __init__(self, home):
        (home / 'containers.conf').write_text(CONF)
        words = ['podman', '--root', home / 'storage', '--runroot', home / 'run', '--storage-driver', 'overlay']
        self.plain = None
        super().__init__(home, list(map(str, words)), {'CONTAINERS_CONF': str(home / 'containers.conf'), 'TMPDIR': str(home)})

    def build(self, tag, folder, *words):
        # apt-get needs the machine's network; nothing is pulled; the other format has no HEALTHCHECK
        self.ok('build', '--network', 'host', '--pull=never', '--format', 'docker', '-t', tag, *words, folder, timeout=900)

    def build_sysg(self, tag, folder):
        """As the Dockerfile says that it is the same each time; what it installs is there already."""
        self.build('tools', folder, '--target', 'tools')
        self.build(tag, folder, '--format', 'oci', '--layers=false', '--timestamp', '0', '--build-arg', 'BUILDER=localhost/tools')

    def close(self):
        self.run('pod', 'rm', '-f', '-a', '-t', '0')
        self.run('rm', '-f', '-a', '-t', '0')
        self.run('unmount', '--all')
        self.unmount()


def checkout(to):
    """What `git clone` would give: the committed files, in a folder that an image may be built from."""
    to.mkdir()
    if (ROOT / '.git').exists() and shutil.which('git'):
        files = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, check=True, capture_output=True).stdout.split(b'\0')
        for f in filter(None, files):
            source, target = ROOT / os.fsdecode(f), to / os.fsdecode(f)
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    else:
        shutil.copytree(ROOT, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns('build', '.git'))
    return to


def interfaces():
    """Of runtimes; they belong to no storage."""
    return {p.name for p in pathlib.Path('/sys/class/net').iterdir() if p.name.startswith(('podman', 'cni', 'docker', 'veth'))}


def plain(p):
    """A Debian with nothing installed in which both of the README's commands run; what they printed is in home/plain."""
    shutil.rmtree(p.home / 'plain', ignore_errors=True)
    source = checkout(p.home / 'plain')
    # The second one with two steps, for the time: whole it was seen there, too (doc/container-run.md).
    script = 'for c in ./docker/demo.sh "./test/run.sh unit kernel"; do n=$((n + 1)); $c >$n.log 2>&1; echo $? >$n.code; done'
    return p.start('debian:bookworm', 'bash', '-c', f'cd /src; {script}', network='host', options=['--privileged', '-v', f'{source}:/src'])


def roomy_folder():
    """Where layers can be laid over one another: not on an overlay, which a container's own files are."""
    for folder in ['/var/tmp', ROOT / 'build']:
        kind = subprocess.run(['stat', '-f', '-c', '%T', folder], check=True, text=True, capture_output=True).stdout.strip()
        if kind != 'overlayfs':
            return folder
    pytest.exit('containers in a container want a volume at /var/tmp, or the checkout on one', 1)


@contextlib.contextmanager
def home_of_podman():
    """PODMAN_HOME=FOLDER: there, where it stays with its caches; else it goes, and nothing of it may be left."""
    kept = os.environ.get('PODMAN_HOME')
    home, before = pathlib.Path(kept or tempfile.mkdtemp(prefix='sysg-podman-', dir=roomy_folder())).absolute(), interfaces()
    p = Podman(home)
    p.close()
    try:
        yield p
    finally:
        p.close()
        assert not p.mounts(), p.mounts()
        if not kept:
            subprocess.run(['rm', '-rf', home], check=True)
        for group in pathlib.Path('/sys/fs/cgroup').glob('*/libpod_parent'):
            with contextlib.suppress(OSError):
                group.rmdir()  # if it is nobody else's
        assert interfaces() <= before


def pytest_configure():
    """A run that is ended by its time limit still leaves nothing."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


# These measure times, so that they run first and while nothing else does.
FIRST = ['test_images.py', 'test_stop.py', 'test_docker.py']


def pytest_collection_modifyitems(items):
    passed_over.pytest_collection_modifyitems(items)
    items.sort(key=lambda item: (item.path.name not in FIRST, item.path.name == 'test_plain.py'))


@pytest.fixture(scope='session')
def podman():
    """With the images debian:bookworm (a base), sysg and sysg-debian."""
    with home_of_podman() as p:
        base = pathlib.Path(os.environ.get('SYSG_BASE', ROOT / 'build/base.tar')).absolute()
        base.parent.mkdir(exist_ok=True)
        subprocess.run(['sh', ROOT / 'test/containers/base.sh', base], check=True, stdin=subprocess.DEVNULL, timeout=900)
        if p.run('image', 'exists', 'debian:bookworm').returncode:
            p.ok('import', base, 'debian:bookworm', timeout=300)
        shutil.rmtree(p.home / 'src', ignore_errors=True)
        p.source = checkout(p.home / 'src')
        p.build_sysg('sysg', p.source)
        p.build('sysg-debian', p.source / 'docker/debian')
        yield p


@pytest.fixture(autouse=True)
def beside(request, podman):
    """What takes longest begins after the first tests, runs beside the others, and is looked at last."""
    wanted = any(item.path.name == 'test_plain.py' for item in request.session.items)
    if wanted and not podman.plain and request.path.name not in FIRST:
        podman.plain = plain(podman)


@pytest.fixture
def tell(capsys):
    """Says a number that was measured."""
    def say(text):
        with capsys.disabled():
            print(f'\n  {text}')
    return say


@pytest.fixture
def container(podman, tmp_path):
    """container(manifest, *command, options=, image=): starts one; all are removed at the end."""
    made = []

    def make(manifest=None, *command, options=(), image='sysg-debian', **kw):
        options = list(options)
        if manifest is not None:
            path = tmp_path / f'systemg{len(made)}.yaml'
            path.write_text(manifest)
            options += ['-v', f'{path}:/etc/systemg/systemg.yaml:ro']
        c = podman.start(image, *command, options=options, **kw)
        made.append(c)
        return c
    yield make
    for c in made:
        podman.run('rm', '-f', '-t', '0', c.name)
