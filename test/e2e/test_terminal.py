"""What start, restart and stop draw on a terminal, and that nothing of it is in a pipe."""
import os
import re
import struct
import fcntl
import signal
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


def rows_of(text):
    """What is on a screen without end after these bytes."""
    rows, at = [''], 0
    for part in re.findall(r'\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+', re.sub(r'\x1b\[[\d;]*m', '', text)):
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
        return rows_of(self.read())


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


def test_the_heading_names_the_project(box):
    b = box("""
        projects:
          shop: {services: {db: {command: "exec sleep 1000"}, web: {command: "exec sleep 1000"}}}
          blog: {services: {web: {command: "exec sleep 1000"}}}
        """).up()
    b.until_state('blog/web', 'running')
    b.until_state('shop/web', 'running')
    for args, words in ((['restart', '-p', 'shop'], 'Restarting'), (['stop', '-p', 'shop'], 'Stopping'), (['start', '-p', 'shop'], 'Starting')):
        s = Screen(b, *args)
        assert s.end()[0] == 0
        assert [r for r in s.rows() if r][:3] == [f"{words} 'shop'", '  ✔ shop/db', '  ✔ shop/web'], s.rows()
    s = Screen(b, 'restart')
    assert s.end()[0] == 0 and [r for r in s.rows() if r][0] == "Restarting 'sysg'"


def test_the_boot_s_heading_names_the_one_project(box):
    b = boot(box, 'project: shop\nservices: {web: {command: "exec sleep 1000"}}\n')
    until_screen(b, lambda rows: rows[-2:] == ["Starting 'shop'", '  ✔ shop/web'])


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


# --- the boot of one in the foreground ---

def boot(box, manifest, *args, env=None, columns=80, lines=24, **kw):
    b = box(manifest, *args, pty=True, env={**ENV, **(env or {})}, **kw)
    resize(b.master, columns, lines)
    return b


def on_screen(b):
    return [r for r in rows_of(b.read_pty()) if r]


def until_screen(b, look, seconds=20):
    return until(lambda: look(on_screen(b)), seconds, why=lambda: f'on the screen: {on_screen(b)}')


def test_the_boot_is_drawn_in_place_then_come_the_lines_of_the_services(box):
    b = boot(box, '''
      services:
        db: {command: "echo early; exec sleep 1000", health_check: {command: "test -e go"}}
        web: {command: "echo late; while ! test -e more; do sleep 0.02; done; echo after; exec sleep 1000", depends_on: [db]}
    ''')
    until_screen(b, lambda rows: rows[-5:] == ["Starting 'loose'", '  … db', '      health check: not yet healthy', '  … web', '      queued'])
    until_screen(b, lambda rows: 'db | early' in rows[0])
    (b.home / 'go').write_text('')
    until_screen(b, lambda rows: rows[-3:] == ["Starting 'loose'", '  ✔ db', '  ✔ web'])
    until(lambda: not drawer(b), why='the end of what draws')
    (b.home / 'more').write_text('')
    until_screen(b, lambda rows: 'after' in rows[-1])
    rows = on_screen(b)
    assert rows[-4:-1] == ["Starting 'loose'", '  ✔ db', '  ✔ web'] and sum('Starting' in r for r in rows) == 1
    assert sum('late' in r for r in rows) == 1 and not b.defunct()


def drawer(b):
    """Of one look: all but the oldest, which is the logger."""
    return sorted((p for p in b.procs().values() if p.ppid == b.pid and b._is_sysg(p)), key=lambda p: p.start)[1:]


def test_a_service_that_fails_has_a_cross_and_its_diagnostics_stay_readable(box):
    b = boot(box, '''
      services:
        ok: {exec: [sleep, "1000"]}
        bad: {command: "echo the reason; exit 3", restart_policy: never}
    ''')
    until_screen(b, lambda rows: any('✗ bad' in r for r in rows) and any('✔ ok' in r for r in rows) and not drawer(b))
    rows = on_screen(b)
    text = '\n'.join(rows)
    assert 'error[SG0102]' in text and 'the reason' in text, rows
    assert sum("Starting 'loose'" in r for r in rows) == 1 and all('…' not in r for r in rows), rows


def test_no_line_of_a_boot_is_lost_or_in_the_midst_of_the_picture(box):
    b = boot(box, '''
      services:
        loud: {command: "i=0; while [ $i -lt 3000 ]; do echo line-$i-; i=$((i+1)); done; touch go; exec sleep 1000"}
        err: {command: "i=0; while [ $i -lt 1000 ]; do echo err-$i- >&2; i=$((i+1)); done; exec sleep 1000"}
        slow: {exec: [sleep, "1000"], health_check: {command: "test -e go"}}
    ''')
    until_screen(b, lambda rows: not drawer(b) and all(f'  ✔ {name}' in rows for name in ('loud', 'err', 'slow')))
    rows = until_screen(b, lambda rows: rows if any('line-2999-' in r for r in rows) and any('err-999-' in r for r in rows) else None)
    for word, n in (('line', 3000), ('err', 1000)):
        found = [int(m[1]) for r in rows if (m := re.search(rf'\| {word}-(\d+)-$', r))]
        assert found == list(range(n)), (word, len(found))
    assert rows.count("Starting 'loose'") == 1
    at = rows.index("Starting 'loose'")
    assert sorted(rows[at + 1:at + 4]) == ['  ✔ err', '  ✔ loud', '  ✔ slow'], rows[at:]


def test_a_terminal_that_is_held_does_not_hold_up_the_boot(box):
    """As ^S does: the terminal takes nothing until ^Q."""
    b = boot(box, TWO, wait_exec=False)
    b.type('\x13')
    b.up()
    (b.home / 'go').write_text('')
    b.until_state('db', 'running')
    until(lambda: b.unit('web')['health'] == 'healthy', why='web ready')
    until(lambda: not drawer(b), why='the end of what draws')
    assert b.status_json()['supervisor']['loop']['longest_turn_us'] < 100000
    b.type('\x11')
    until_screen(b, lambda rows: '  ✔ db' in rows and '  ✔ web' in rows and '  ✗ bad' in rows)
    assert b.term() == 0


def test_the_picture_of_a_boot_fits_a_narrow_terminal_and_follows_its_size(box):
    names = [f'a-service-with-a-long-name-{i}' for i in range(4)]
    b = boot(box, 'services:\n' + ''.join(f'  {n}: {{exec: [sleep, "1000"], health_check: {{command: "test -e go"}}}}\n' for n in names),
             columns=60)
    until_screen(b, lambda rows: all(f'  … {n}' in rows for n in names))
    resize(b.master, 20, 24)
    cut = re.compile('… (\x1b\\[0m)?a-service-with-\x1b'.encode())  # pictures of the old size may come until there is one of the new
    new = until(lambda: b.read_pty() and cut.search(b.screen), why='a picture of the new size').start()
    (b.home / 'go').write_text('')
    until(lambda: not drawer(b), why='the end of what draws')
    until(lambda: b.read_pty() and b.screen.count('✔'.encode()) >= 4, why='the last picture')
    last = b.screen[new:].decode()
    assert re.search(r'\x1b\[\d+A', last)
    shown = [r for r in re.split(r'\r?\n', re.sub(r'\x1b\[[\d;]*[A-Za-z]|\r(?!\n)', '', last)) if r]
    assert all(len(r) < 20 for r in shown), shown


@pytest.mark.parametrize('args, env', [(['--plain'], {}), ([], {'TERM': 'dumb'}), ([], {'SYSTEMG_AGENT': '1'}), (['--format', 'json'], {})])
def test_no_boot_is_drawn_where_it_is_not_wanted(box, args, env):
    b = boot(box, 'services: {web: {command: "echo up; exec sleep 1000"}}', *args, env=env).up()
    until(lambda: 'up' in b.read_pty(), why='its line')
    b.until_state('web', 'running')
    assert '\x1b' not in b.read_pty() and 'Starting' not in b.read_pty() and not drawer(b)


def test_no_boot_is_drawn_where_a_service_has_the_terminal_itself(box):
    b = boot(box, 'services: {web: {command: "echo up; exec sleep 1000", logs: {sink: inherit}}}').up()
    until(lambda: 'up' in b.read_pty(), why='its line')
    assert 'Starting' not in b.read_pty() and not drawer(b)


def test_a_boot_without_colour_is_still_drawn(box):
    b = boot(box, 'services: {web: {exec: [sleep, "1000"]}}', env={'NO_COLOR': '1'})
    until_screen(b, lambda rows: '  ✔ web' in rows)
    assert not re.search(r'\x1b\[[\d;]*m', b.read_pty())


def test_what_draws_or_the_logger_killed_in_a_boot_changes_nothing_else(box):
    b = boot(box, TWO)
    until_screen(b, lambda rows: '  … db' in rows)
    for victim in (drawer(b)[0], b.logger()):
        os.kill(victim.pid, signal.SIGKILL)
        until(lambda victim=victim: not os.path.exists(f'/proc/{victim.pid}'), why='its end')
        b.sysg_ok('ping')
    (b.home / 'go').write_text('')
    b.until_state('web', 'running')
    assert b.term() == 0


def test_a_boot_that_is_interrupted_ends_with_its_picture_and_leaves_nothing(box):
    b = boot(box, TWO)
    until_screen(b, lambda rows: '  … db' in rows)
    assert b.term() == 0
    assert '…' not in '\n'.join(on_screen(b)[-4:])
