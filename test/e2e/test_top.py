"""`sysg top`: the tree with what each unit uses, live on a terminal, once elsewhere."""
import fcntl
import json
import os
import re
import signal
import struct
import termios
import time

import pytest

from harness import SYSG, codes, until

ENV = {'TERM': 'xterm', 'LANG': 'C.UTF-8'}
BEGIN, END = '\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l'
HOG = '/usr/bin/python3 -c \'x = bytearray(40 << 20); open("ready", "w").write("1"); import time; time.sleep(1000)\''
TWO = f'''
    services:
      calm: {{exec: [sleep, "1000"], spawn: {{mode: dynamic}}}}
      busy: {{exec: [sh, -c, "while :; do :; done"]}}
      large: {{command: '{HOG.replace("'", "''")}'}}
    '''


class Screen:
    """`sysg top` on a terminal whose other end stays ours."""

    def __init__(self, b, *args, env=None, columns=80, lines=24, program=None):
        self.master, self.slave = os.openpty()
        os.set_blocking(self.master, False)
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.text = ''
        self.p = b.popen(program or b.program, 'top', *args, env={**ENV, **(env or {})}, stdin=self.slave,
                         stdout=self.slave, stderr=self.slave, text=False)

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    def read(self):
        try:
            while data := os.read(self.master, 65536):
                self.text += data.decode(errors='replace')
        except OSError:
            pass
        return self.text

    def pictures(self):
        """Whole ones, each a list of lines without colours."""
        parts = re.findall(r'\x1b\[H(.*?)\x1b\[K\x1b\[J', self.read(), re.S)
        return [re.sub(r'\x1b\[[\d;]*m', '', p).replace('\x1b[K', '').replace('\r', '').split('\n') for p in parts]

    def order(self):
        """The units of the last picture, from above."""
        pictures = self.pictures()
        return [re.sub(r'^[ │├└─|`-]+', '', l[19:]).split()[0] for l in pictures[-1][3:] if not l.startswith('and ')] if pictures else []

    def type(self, text):
        os.write(self.master, text.encode())

    def pid(self):
        return int(until(lambda: open(f'/proc/{self.p.pid}/task/{self.p.pid}/children').read().split(), 10)[0])

    def restored(self):
        self.read()
        return self.text.endswith(END) and self.text.count(BEGIN) == self.text.count(END) == 1 and \
            termios.tcgetattr(self.slave) == self.before

    def end(self):
        self.type('q')
        return self.p.wait(10)


def writes(pid):
    """Does it wait in a write to a terminal, and not in poll?"""
    wait = open(f'/proc/{pid}/wchan').read()
    return wait != '0' and 'poll' not in wait


def up(box, text=TWO):
    b = box(text).up()
    until(lambda: b.sysg('ready').returncode == 0, 30)
    return b


@pytest.mark.asan
def test_the_greatest_comes_first_by_processor_or_by_memory(box):
    b = up(box)
    b.file('ready')
    s = Screen(b, '--interval', '200ms')
    until(lambda: len(s.pictures()) > 1 and s.order()[0] == 'busy', 20, why=lambda: s.text[-500:])
    head, second, titles, first = s.pictures()[-1][:4]
    assert re.match(r'sysg  up \S+  healthy  3 units  CPU [\d.]+ %  init [\d.]+ [KM]iB$', head)
    assert titles.split() == ['CPU', '%', 'MEMORY', 'UNIT']
    cpu = re.match(r' +([\d.]+) +[\d.]+ [KM]iB  busy  running  pid (\d+)  age \S+ ', first)
    assert 1 < float(cpu[1]) < 150 and int(cpu[2]) == b.pid_of('busy')
    s.type('m')
    until(lambda: s.order()[0] == 'large', 10, why='the largest')
    s.type('c')
    until(lambda: s.order()[0] == 'busy', 10, why='the busiest')
    assert s.end() == 0 and s.restored()


def test_it_is_live_and_children_stand_below_their_parents(box):
    b = up(box)
    s = Screen(b, '--interval', '100ms', '--sort', 'memory')
    until(lambda: 'calm' in s.order(), 10)
    b.sysg_ok('spawn', '--parent', 'calm', '--name', 'kid', '--', 'sleep', '1000')
    b.sysg_ok('spawn', '--parent', 'calm', '--name', 'short', '--wait', '--', 'true')
    until(lambda: 'kid' in s.order(), 10, why='the child')
    order = s.order()
    assert order.index('kid') == order.index('calm') + 1 and 'short' not in order
    assert '└─ kid' in s.text
    b.sysg_ok('stop', 'calm/kid')
    until(lambda: 'kid' not in s.order(), 10, why='its end')
    assert s.end() == 0


@pytest.mark.asan
@pytest.mark.parametrize('sig', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_terminal_is_as_before_after_a_signal(box, sig):
    b = up(box)
    s = Screen(b)
    until(lambda: s.pictures(), 10)
    assert termios.tcgetattr(s.slave) != s.before
    os.kill(s.pid(), sig)
    assert s.p.wait(10) in (128 + sig, -sig) and s.restored()


def test_a_signal_ends_it_while_nobody_reads_the_terminal(box):
    b = up(box)
    s = Screen(b, '--interval', '100ms')
    pid = s.pid()
    until(lambda: s.pictures(), 10)
    until(lambda: all(x() for x in [lambda: writes(pid)] * 20), 20, 0.1, 'a write that waits')
    os.kill(pid, signal.SIGTERM)
    until(lambda: s.read() and s.p.poll() is not None, 10, why='its end')
    assert termios.tcgetattr(s.slave) == s.before


def test_a_supervisor_that_is_gone_and_comes_back_is_told_and_q_works_all_along(box):
    b = box(argv=['sleep', '1000'])
    (b.home / 'm.yaml').write_text('services: {web: {exec: [sleep, "1000"]}}')
    s = Screen(b, '--interval', '100ms')
    until(lambda: any('SG0206' in l for p in s.pictures() for l in p), 10, why='that nobody is there')
    first = b.popen(SYSG, 'start', '-c', 'm.yaml')
    until(lambda: 'web' in s.order(), 20, why=lambda: s.text[-300:])
    pid = next(p.pid for p in b.procs().values() if p.cmdline.endswith('start -c m.yaml') and p.comm == 'sysg' and p.ppid != b.pid)
    os.kill(pid, signal.SIGSTOP)
    n = len(s.pictures())
    s.type('m')
    os.kill(pid, signal.SIGKILL)
    until(lambda: 'SG020' in '\n'.join(sum(s.pictures()[n:], [])), 20, why='that it is gone')
    second = b.popen(SYSG, 'start', '-c', 'm.yaml')
    until(lambda: 'web' in s.order(), 20, why='the next one')
    assert s.end() == 0 and s.restored()
    for p in (first, second):
        p.kill()


def test_q_ends_it_at_once_though_the_supervisor_does_not_answer(box):
    b = up(box)
    s = Screen(b, '--interval', '100ms')
    until(lambda: s.pictures(), 10)
    b.kill(signal.SIGSTOP)
    n = len(s.pictures())
    s.type('q')
    assert s.p.wait(3) == 0 and s.restored(), n
    b.kill(signal.SIGCONT)


def test_no_picture_is_wider_or_higher_than_the_screen(box):
    names = ', '.join(f'a_service_with_a_name_that_is_long_{i}: {{exec: [sleep, "1000"]}}' for i in range(30))
    b = up(box, f'services: {{{names}}}')
    s = Screen(b, '--interval', '100ms', columns=120, lines=50)
    until(lambda: s.pictures() and len(s.order()) == 30, 10)
    s.resize(50, 10)
    n = len(s.pictures())
    until(lambda: len(s.pictures()) > n + 3, 10)
    last = s.pictures()[-1]
    assert len(last) == 10 and max(map(len, last)) <= 50 and re.fullmatch(r'and 24 more', last[-1]), last
    s.resize(120, 50)
    until(lambda: len(s.order()) == 30, 10, why='all of them again')
    assert s.end() == 0


def test_colours_are_for_what_is_not_calm_and_never_with_no_color(box):
    b = box('services: {bad: {command: "exit 3", restart_policy: never}, web: {exec: [sleep, "1000"]}}').up()
    b.until_state('bad', 'failed')
    for env, coloured in (({}, True), ({'NO_COLOR': '1'}, False)):
        s = Screen(b, '--interval', '100ms', env=env)
        until(lambda: 'bad' in s.order(), 10)
        assert s.end() == 0
        assert ('bad  \x1b[31mfailed\x1b[0m' in s.text) == coloured
        assert bool(re.search(r'\x1b\[[\d;]*m', s.text)) == coloured


@pytest.mark.asan
def test_elsewhere_it_is_one_picture_without_escapes(box):
    b = up(box)
    for args, env in (([], {}), (['--plain'], {}), (['--interval', '1h'], {})):
        out = b.sysg_ok('top', *args, env=env)
        assert '\x1b' not in out and len(out.splitlines()) == 6
        rows = {l.split()[3]: l.split() for l in out.splitlines()[3:]}
        assert float(rows['busy'][0]) > 1 > float(rows['calm'][0])
    assert {u['name'] for u in b.json('top')['units']} == {'busy', 'calm', 'large'}
    assert all(u['metrics']['tree_rss_bytes'] for u in b.json('top')['units'])
    assert [l.split()[3] for l in b.sysg_ok('top', 'calm').splitlines()[3:]] == ['calm']
    s = Screen(b, env={'TERM': 'dumb'})
    assert s.p.wait(10) == 0 and '\x1b[H' not in s.read() and BEGIN not in s.text and 'busy' in s.text


def test_what_is_wrong_is_said(box):
    b = box(argv=['sleep', '1000'])
    r = b.sysg('top', '--interval', '50ms')
    assert r.returncode == 2 and codes(r) == ['SG0210']
    r = b.sysg('top')
    assert r.returncode == 3 and codes(r) == ['SG0206'] and r.stdout == ''
    r = b.sysg('top', '--json')
    assert r.returncode == 3 and json.loads(r.stdout)['error']['code'] == 'SG0206'
