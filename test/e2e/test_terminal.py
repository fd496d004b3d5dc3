"""What start, restart and stop draw on a terminal, and that nothing of it is in a pipe."""
import os
import re
import struct
import fcntl
import termios

import pytest

from harness import until

TWO = '''
services:
  db: {exec: [sleep, "1000"], health_check: {command: "test -e go"}}
  web: {exec: [sleep, "1000"], depends_on: [db]}
  bad: {command: "test -e good && exec sleep 1000 || exit 3", restart_policy: never}
'''
ENV = {'TERM': 'xterm', 'LANG': 'C.UTF-8'}


def resize(fd, columns, lines):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))


class Screen:
    """Of a command inside on a terminal: what is on it, by the few sequences that are used."""

    def __init__(self, b, *args, env=None, columns=80, lines=24):
        self.master, slave = os.openpty()
        os.set_blocking(self.master, False)
        resize(self.master, columns, lines)
        self.bytes = b''
        self.p = b.popen(b.program, *args, env={**ENV, **(env or {})}, stdin=slave, stdout=slave, stderr=slave, text=False)
        os.close(slave)

    def read(self):
        try:
            while data := os.read(self.master, 65536):
                self.bytes += data
        except OSError:
            pass
        return self.bytes.decode(errors='replace')

    def end(self, seconds=20):
        until(lambda: self.read() is not None and self.p.poll() is not None, seconds, why=lambda: f'its end: {self.bytes[-500:]!r}')
        text = self.read()
        os.close(self.master)
        return self.p.returncode, text

    def rows(self):
        rows, at = [''], 0
        for part in re.findall(r'\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+', re.sub(r'\x1b\[[\d;]*m', '', self.read())):
            if part == '\n':
                at += 1
                rows += [''] * (at + 1 - len(rows))
            elif m := re.fullmatch(r'\x1b\[(\d+)A', part):
                at -= int(m[1])
                assert at >= 0, 'above the first line'
            elif part == '\x1b[J':
                del rows[at + 1:]
                rows[at] = ''
            elif part not in ('\r', '\x1b[K'):
                rows[at] = part
        return rows


def running(box):
    b = box(TWO)
    b.up()
    (b.home / 'go').write_text('')
    b.until_state('web', 'running')
    return b


def test_stop_draws_a_tree_that_is_updated_in_place(box):
    b = running(box)
    s = Screen(b, 'stop')
    rc, text = s.end()
    assert rc == 0 and '\x1b[32m✔ \x1b[0mdb' in text
    rows = s.rows()
    assert [r for r in rows if r] == ["Stopping 'loose'", '  ✔ db', '  ✔ web']
    assert "Service 'db' stopped" not in text


def test_restart_draws_ticks_and_crosses_and_tells_why(box):
    b = running(box)
    s = Screen(b, 'restart', '--timeout', '30s')
    rc, text = s.end(40)
    rows = s.rows()
    assert rc != 0 and "Restarting 'loose'" in text and 'error[SG0' in text
    assert any('✔ db' in r for r in rows) and any('✗ bad' in r for r in rows), rows


def test_a_health_check_is_one_indented_row(box):
    b = running(box)
    (b.home / 'go').unlink()
    s = Screen(b, 'restart', 'db')
    until(lambda: any(r.startswith('      health check') for r in s.rows()), 10, why=lambda: f'the row of the check: {s.rows()}')
    (b.home / 'go').write_text('')
    rc, _ = s.end()
    assert rc == 0
    rows = [r for r in s.rows() if r]
    assert rows[:2] == ["Restarting 'db'", '  ✔ db'] and not any('health' in r for r in rows)


@pytest.mark.parametrize('args, env', [(['--plain'], {}), ([], {'TERM': 'dumb'}), ([], {'SYSTEMG_AGENT': '1'}), (['--json'], {})])
def test_nothing_is_drawn_where_it_can_not_be_or_is_not_wanted(box, args, env):
    b = running(box)
    rc, text = Screen(b, 'stop', *args, env=env).end()
    assert rc == 0 and '\x1b' not in text and '✔' not in text
    assert args == ['--json'] or "Service 'db' stopped" in text


def test_nothing_of_it_is_in_a_pipe(box):
    b = running(box)
    out = b.sysg_ok('stop', env=ENV)
    assert '\x1b' not in out and '✔' not in out and "Service 'web' stopped" in out


@pytest.mark.parametrize('args, env', [([], {'NO_COLOR': '1'}), (['--no-color'], {})])
def test_without_colour_it_is_still_drawn(box, args, env):
    b = running(box)
    rc, text = Screen(b, 'stop', *args, env=env).end()
    assert rc == 0 and '✔ db' in text and not re.search(r'\x1b\[[\d;]*m', text)


def test_letters_only_where_the_terminal_has_no_others(box):
    rc, text = Screen(running(box), 'stop', env={'LANG': 'C', 'LC_ALL': 'C'}).end()
    assert rc == 0 and text.isascii() and '+ \x1b[0mdb' in text


def test_a_narrow_and_low_terminal_gets_lines_that_fit(box):
    b = box('services:\n' + ''.join(f'  a-service-with-a-long-name-{i}: {{exec: [sleep, "1000"]}}\n' for i in range(12))).up()
    b.until_state('a-service-with-a-long-name-11', 'running')
    s = Screen(b, 'stop', columns=20, lines=6)
    rc, _ = s.end()
    rows = s.rows()
    assert rc == 0 and all(len(r) < 20 for r in rows) and len([r for r in rows if r]) <= 6, rows
    assert any(re.search(r'and \d+ more', r) for r in rows)


def test_a_terminal_that_is_held_holds_up_no_stop(box):
    """The reader takes nothing: the units go down all the same."""
    b = running(box)
    s = Screen(b, 'stop')
    b.until_state('db', 'stopped')
    b.until_state('web', 'stopped')
    assert s.end()[0] == 0
