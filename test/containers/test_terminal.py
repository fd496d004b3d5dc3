"""`docker run -it IMAGE bash`: the shell has a terminal of its own, with job control."""
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl

import pytest

from conftest import Container, until


class Terminal:
    """podman run -it on a terminal of ours."""

    def __init__(self, podman, *words, options=()):
        self.master, slave = pty.openpty()
        self.resize(24, 80)
        podman.count += 1
        self.name = f't{podman.count}'
        self.container = Container(podman, self.name)
        argv = [*podman.words, 'run', '-it', '--network', 'none', '--name', self.name, *options, 'sysg-debian', *words]
        self.process = subprocess.Popen(argv, env=podman.env, stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ''

    def resize(self, rows, columns):
        ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 4096)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors='replace')
        return self.text

    def says(self, pattern, seconds=15):
        return until(lambda: re.search(pattern, self.read(), re.S), seconds, why=lambda: f'{pattern!r} in {self.text!r}')

    def runs(self, command):
        return any(pathlib.Path(f'/proc/{p}/cmdline').read_bytes() == command.replace(' ', '\0').encode() + b'\0'
                   for p in self.container.pids())

    def type(self, text):
        self.text = ''
        os.write(self.master, text.encode())

    def code(self, seconds=20):
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
            time.sleep(0.02)
        return self.process.poll()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(podman):
    made = []

    def make(*words, **kw):
        made.append(Terminal(podman, *words, **kw))
        return made[-1]
    yield make
    for t in made:
        t.close()
        podman.run('rm', '-f', '-t', '0', t.name)


def test_a_shell_has_job_control_a_size_and_ctrl_c(terminal):
    t = terminal('bash', '--norc')
    t.says(r'\$ |# ')
    t.type('echo a$((40+2))z\n')
    t.says('a42z')
    assert 'no job control' not in t.text
    t.type('sleep 500\n')
    until(lambda: t.runs('sleep 500'))
    t.type('\x1a')
    t.says('Stopped')
    t.type('fg\n')
    t.says('sleep 500')
    t.type('\x03')
    t.says(r'\$ |# ')
    t.type('echo code $?\n')
    t.says('code 130')
    t.resize(33, 101)
    t.type('sleep 0.3; stty size\n')
    t.says('33 101')
    t.type('exit 9\n')
    assert t.code() == 9


def test_ctrl_c_ends_a_command_that_reads(terminal):
    t = terminal('sh', '-c', 'echo begun; exec cat')
    t.says('begun')  # until then what is typed may be the runtime's
    t.type('hello\n')
    t.says('hello.*hello')
    t.type('\x03')
    assert t.code() == 130


def test_ctrl_c_on_a_manifest_is_an_orderly_shutdown(terminal, tmp_path):
    (tmp_path / 'm.yaml').write_text('services: {a: {command: "trap \'echo bye; exit 0\' TERM; sleep 1000 & wait"}}')
    t = terminal(options=['-v', f'{tmp_path}/m.yaml:/etc/systemg/systemg.yaml:ro'])
    until(lambda: t.container.sysg('ready').returncode == 0, every=0.1)
    t.type('\x03')
    assert t.code() == 0
    assert 'bye' in t.text
