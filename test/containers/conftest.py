"""Real containers: podman with runc, storage of its own, images built from this checkout's Dockerfiles."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test/e2e'))

from waiting import until  # noqa: E402

CONF = '''[containers]
default_ulimits = ["nofile=1024:20000","nproc=32768:32768"]
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

    def stop(self, seconds=10):
        """`podman stop`: (how long it took, the exit code)."""
        begun = time.monotonic()
        self.podman.ok('stop', '--time', str(seconds), self.name, timeout=seconds + 20)
        return time.monotonic() - begun, self.code()

    def code(self, timeout=60):
        self.podman.ok('wait', self.name, timeout=timeout)
        return int(self.inspect('{{.State.ExitCode}}'))

    def units(self):
        return json.loads(self.sysg_ok('status', '--format', 'json'))['units']

    def pids(self):
        """The pids, as seen here, of all that runs in it."""
        ns = os.readlink(f'/proc/{self.pid}/ns/pid')
        found = []
        for p in pathlib.Path('/proc').iterdir():
            try:
                if p.name.isdigit() and os.readlink(p / 'ns/pid') == ns:
                    found.append(int(p.name))
            except OSError:
                pass
        return found


class Podman:
    """podman with a storage of its own below a folder that goes at the end."""

    def __init__(self, home):
        self.home = home
        (home / 'containers.conf').write_text(CONF)
        self.env = {**os.environ, 'CONTAINERS_CONF': str(home / 'containers.conf'), 'TMPDIR': str(home)}
        self.words = ['podman', '--root', str(home / 'storage'), '--runroot', str(home / 'run'), '--storage-driver', 'overlay']
        self.count = 0

    def run(self, *words, timeout=60, **kw):
        return subprocess.run(['timeout', '-k', '5', str(timeout), *self.words, *map(str, words)], env=self.env, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, errors='replace', **kw)

    def ok(self, *words, **kw):
        r = self.run(*words, **kw)
        assert r.returncode == 0, (words, r.returncode, r.stdout[-2000:], r.stderr[-3000:])
        return r

    def build(self, tag, folder, *words):
        # apt-get needs the machine's network; nothing is pulled
        self.ok('build', '--network', 'host', '--pull=never', '--format', 'docker', '-t', tag, *words, folder, timeout=900)

    def start(self, image, *command, options=()):
        self.count += 1
        name = f'c{self.count}'
        self.ok('run', '-d', '--network', 'none', '--name', name, *options, image, *command)
        return Container(self, name)

    def close(self):
        self.run('rm', '-f', '-a', '-t', '0')
        self.run('pod', 'rm', '-f', '-a')
        self.run('unmount', '--all')


def checkout(to):
    """What `git clone` would give: the committed files, in a folder that an image may be built from."""
    to.mkdir()
    if (ROOT / '.git').exists():
        files = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, check=True, capture_output=True).stdout.split(b'\0')
        for f in filter(None, files):
            source, target = ROOT / os.fsdecode(f), to / os.fsdecode(f)
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    else:
        shutil.copytree(ROOT, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns('build'))
    return to


@pytest.fixture(scope='session')
def podman():
    """With the images debian:bookworm (a base), sysg and sysg-debian. PODMAN_HOME=FOLDER: there, where it stays with its caches."""
    kept = os.environ.get('PODMAN_HOME')
    home = pathlib.Path(kept or tempfile.mkdtemp(prefix='sysg-podman-', dir='/var/tmp'))
    p = Podman(home)
    try:
        p.close()
        base = pathlib.Path(os.environ.get('SYSG_BASE', ROOT / 'build/base.tar'))
        subprocess.run([ROOT / 'test/containers/base.sh', base], check=True, stdin=subprocess.DEVNULL, timeout=900)
        if p.run('image', 'exists', 'debian:bookworm').returncode:
            p.ok('import', base, 'debian:bookworm', timeout=300)
        shutil.rmtree(home / 'src', ignore_errors=True)
        p.source = checkout(home / 'src')
        p.build('sysg', p.source)
        p.build('sysg-debian', p.source / 'docker/debian')
        yield p
    finally:
        p.close()
        if not kept:
            subprocess.run(['rm', '-rf', home])


@pytest.fixture
def container(podman, tmp_path):
    """container(manifest, *command, options=, image=): starts one; all are removed at the end."""
    made = []

    def make(manifest=None, *command, options=(), image='sysg-debian'):
        options = list(options)
        if manifest is not None:
            path = tmp_path / f'systemg{len(made)}.yaml'
            path.write_text(manifest)
            options += ['-v', f'{path}:/etc/systemg/systemg.yaml:ro']
        c = podman.start(image, *command, options=options)
        made.append(c)
        return c
    yield make
    for c in made:
        podman.run('rm', '-f', '-t', '0', c.name)


