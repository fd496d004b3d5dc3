"""What the logger promises: every line once and whole, whoever kills it and whatever is stuck or full."""
import fcntl
import json
import os
import pathlib
import re
import resource
import signal
import socket
import statistics
import termios
import time

import pytest

from harness import until

SECONDS_STUCK = int(os.environ.get('SECONDS_STUCK', '10'))
LINES = int(os.environ.get('LINES', '1000000'))
STAMP = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z'
WRITER = '''
import sys
who, n, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
out = sys.stdout.buffer
for i in range(0, n, 1000):
    out.write(b''.join(b'%s %09d ' % (who.encode(), k) + b'x' * (width - len(who) - 12) + b'\\n' for k in range(i, min(i + 1000, n))))
out.flush()
'''


def log_text(b, name):
    path = b.inside(f'/var/log/sysg/{name}')
    return path.read_bytes() if path.exists() else b''


@pytest.fixture
def inside(box):
    """A box whose files can be looked at from outside, through its own root."""
    def make(*args, **kw):
        b = box(*args, **kw)
        b.inside = lambda path: pathlib.Path(f'/proc/{b.pid}/root{path}')
        return b
    return make


def size(path):
    try:
        return path.stat().st_size
    except OSError:
        return -1


def numbers(text, who):
    return [int(m) for m in re.findall(rf'^{STAMP} stdout {who} (\d{{9}}) x+$'.encode(), text, re.M)]


def test_a_million_lines_are_there_once_and_whole_though_the_logger_is_killed_every_200_ms(inside):
    b = inside(f'''
        logs: {{max_bytes: 1G, max_total: 2G}}
        services:
          w: {{command: ["python", "w.py", "w", "{LINES}", "100"], restart_policy: never, logs: {{sink: file}}}}
          keep: {{command: "exec sleep 1000"}}
        ''', argv=['sh', '-c', 'while [ ! -e go ]; do sleep 0.02; done; exec sysg start -c systemg.yaml'], timeout=200)
    (b.home / 'w.py').write_text(WRITER)
    (b.home / 'go').touch()
    log, kills, began = b.inside('/var/log/sysg/w.log'), 0, time.monotonic()
    until(lambda: size(log) > 0)
    while size(log) < LINES * (99 + 36) and time.monotonic() - began < 150:
        end = time.monotonic() + 0.2
        until(lambda: time.monotonic() >= end or size(log) >= LINES * (99 + 36))
        logger = b.logger()
        if logger and size(log) < LINES * (99 + 36):
            os.kill(logger.pid, signal.SIGKILL)
            kills += 1
    took = time.monotonic() - began
    text = log.read_bytes()
    got = numbers(text, 'w')
    print(f'\n  {len(got)} lines, {kills} kills, {took:.1f} s')
    assert kills >= 2 and got == list(range(LINES)) and text.count(b'\n') == LINES
    assert 'journal' not in b.stderr


def test_of_twenty_writers_at_once_no_line_is_broken(inside):
    n = 20000
    b = inside('logs: {max_bytes: 1G}\nservices:\n' + ''.join(
        f'  w{i:02}: {{command: ["python", "w.py", "w{i:02}", "{n}", "{80 + i}"], restart_policy: never}}\n' for i in range(20))
        + '  keep: {command: "exec sleep 1000"}\n',
        argv=['sh', '-c', 'while [ ! -e go ]; do sleep 0.02; done; exec sysg start -c systemg.yaml'], timeout=400)
    (b.home / 'w.py').write_text(WRITER)
    (b.home / 'go').touch()
    until(lambda: b.out.read_bytes().count(b'\n') >= 20 * n, 150, every=0.5)
    said = {f'w{i:02}': [] for i in range(20)}
    for line in b.out.read_text().splitlines():
        label, _, rest = line.partition(' | ')
        who, number, filling = rest.split(' ')
        assert who == label and filling == 'x' * (80 + int(who[1:]) - 15), line
        said[who].append(int(number))
    for who, mine in said.items():
        assert mine == list(range(n)), f'{who} on stdout'
        assert numbers(log_text(b, f'{who}.log'), who) == list(range(n))


def ping_ms(b):
    """How long PID 1 takes to answer, without a process in between."""
    c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    c.settimeout(5)
    c.connect(f'/proc/{b.pid}/root/run/sysg/control.sock')
    began = time.monotonic()
    c.send(b'op=ping\0\0')
    answer = c.recv(65536)
    took = (time.monotonic() - began) * 1000
    c.close()
    assert b'ok=' in answer
    return took


TICKER = 'i=0; while :; do i=$((i+1)); echo {0}-$i-{1}; {2}done'


def test_a_stuck_stdout_holds_up_its_own_units_only_and_whole_lines_come_after(inside):
    long = 'z' * 200
    b = inside(f'''
        services:
          stuck: {{command: "{TICKER.format('s', long, '')}"}}
          loose: {{command: "{TICKER.format('d', long, '')}", logs: {{when_full: drop, max_bytes: 1M}}}}
          filed: {{command: "{TICKER.format('f', 'x', 'sleep 0.05; ')}", logs: {{sink: file}}}}
        ''', argv=['sh', '-c', 'mkfifo out; exec sysg start -c systemg.yaml >out'], timeout=SECONDS_STUCK + 100)
    until(lambda: (b.home / 'out').exists())
    reader = os.open(b.home / 'out', os.O_RDONLY)
    text = os.read(reader, 4096)
    until(lambda: size(b.inside('/var/log/sysg/filed.log')) > 0 and size(b.inside('/var/log/sysg/loose.log')) > 0)
    took, sizes, ends = [], [], time.monotonic() + SECONDS_STUCK
    stuck_at = []
    while time.monotonic() < ends:
        took.append(ping_ms(b))
        sizes.append(size(b.inside('/var/log/sysg/filed.log')))
        stuck_at.append(size(b.inside('/var/log/sysg/stuck.log')))
        time.sleep(0.05)
    print(f'\n  stdout stuck for {SECONDS_STUCK} s: {len(took)} pings, median {statistics.median(took):.2f} ms, longest {max(took):.2f} ms')
    assert statistics.median(took) < 10
    assert sizes[-1] > sizes[len(sizes) // 2] > sizes[0]
    assert stuck_at[-1] == stuck_at[len(stuck_at) // 2], 'the writing service waits'
    assert int(re.findall(rb'd-(\d+)-', log_text(b, 'loose.log'))[-1]) > 5000, 'a unit that may drop goes on'
    while not (b'lines dropped' in text and len(text) > 1 << 20):
        text += os.read(reader, 65536)
    lines = text.decode().split('\n')[:-1]
    bad = [l for l in lines if not re.fullmatch(rf'stuck \| s-\d+-{long}|loose \| (d-\d+-{long}|\d+ lines dropped)|sysg.*', l)]
    assert not bad, bad[:3]
    got = [int(m) for m in re.findall(r'^stuck \| s-(\d+)-', '\n'.join(lines), re.M)]
    assert got == list(range(1, len(got) + 1)), 'none of a unit that waits is missing'
    seen = 0
    for m in re.finditer(r'^loose \| (?:d-(\d+)-|(\d+) lines dropped)', '\n'.join(lines), re.M):
        seen += int(m[2]) if m[2] else 1
        assert m[2] or int(m[1]) == seen, 'the number of lines that are missing is said where they are'
    os.close(reader)


@pytest.mark.parametrize('stream', ['stdout', 'stderr'])
def test_format_json_is_an_object_a_line(inside, stream):
    b = inside('''
        services:
          a: {command: "printf 'say \\\\042hi\\\\042 \\\\377\\\\n' %s; exec sleep 1000", logs: {format: json}}
        ''' % ('' if stream == 'stdout' else '>&2'))
    line = b.says('^{.*}$', where=stream)[0]
    record = json.loads(line)
    assert list(record) == ['ts', 'stream', 'service', 'line']
    assert re.fullmatch(STAMP, record['ts']) and record['stream'] == stream and record['service'] == 'a'
    assert record['line'] == 'say "hi" \xff' and '\\u00ff' in line
    assert until(lambda: log_text(b, 'a.log')).endswith(b' say "hi" \xff\n')


def test_prefix_false_writes_lines_as_they_are(inside):
    b = inside('logs: {prefix: false}\nservices: {a: {command: "echo plain; exec sleep 1000"}}')
    b.says('^plain$', where='stdout')


def test_start_stderr_merges_what_services_write(inside):
    b = inside('services: {a: {command: "echo wrong >&2; exec sleep 1000"}}', '--stderr')
    b.says('^a . wrong$', where='stdout')
    assert until(lambda: log_text(b, 'a.log')).endswith(b' stderr wrong\n')


def test_a_service_of_another_user_and_its_children_may_open_dev_stdout_and_stderr(box):
    words = 'echo %s out >/dev/stdout; echo %s err >/dev/stderr; '
    b = box(f'''
        services:
          a:
            command: "{words % ('main', 'main')} sysg spawn --wait -- sh -c '{words % ('kid', 'kid')}'; exec sleep 1000"
            user: "4411"
            spawn: {{mode: dynamic}}
            hooks: {{pre_start: "{words % ('hook', 'hook')}"}}
        ''').up()
    for who in 'hook', 'main', 'kid':
        for stream in 'out', 'err':
            b.says(f'{who} {stream}$')
    until(lambda: b.sysg_ok('logs', 'a', '--no-follow').count('main ') == 2)
    assert 'denied' not in b.stdout + b.stderr


def test_a_file_past_max_bytes_is_rotated_and_max_files_are_kept(inside):
    b = inside('''
        services:
          a: {command: "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line-$i; done; : >done; exec sleep 1000", logs: {sink: file, max_bytes: 1K, max_files: 3}}
        ''').up()
    until(lambda: (b.home / 'done').exists())
    until(lambda: b'line-300\n' in log_text(b, 'a.log'))
    names = sorted(p.name for p in b.inside('/var/log/sysg').iterdir() if p.name.startswith('a.log'))
    assert names == ['a.log', 'a.log.1', 'a.log.2']
    assert all(size(b.inside(f'/var/log/sysg/{n}')) < 1024 + 64 for n in names)
    assert oct(b.inside('/var/log/sysg/a.log.1').stat().st_mode & 0o777) == '0o640'


def test_past_max_total_files_of_ended_children_go_first_then_rotated_ones_said_once(inside):
    b = inside('''
        logs: {max_total: 64K, max_bytes: 8K, max_files: 50}
        services:
          root: {command: "sysg spawn --name kid --wait -- sh -c 'head -c 6000 /dev/zero | tr \\\\0 k; echo'; while [ ! -e go ]; do sleep 0.02; done; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo a-line-of-some-length-$i; done; echo the-end; exec sleep 1000", spawn: {mode: dynamic}, logs: {sink: file}}
        ''').up()
    kid = b.inside('/var/log/sysg/root/kid.log')
    until(lambda: size(kid) > 6000)
    (b.home / 'go').touch()
    until(lambda: b'the-end' in log_text(b, 'root.log'))
    until(lambda: not kid.exists())
    files = lambda: list(b.inside('/var/log/sysg').rglob('*.log*'))  # noqa: E731
    until(lambda: sum(map(size, files())) <= 64 << 10, why=files)
    assert len([p for p in files() if p.name.startswith('root.log.')]) >= 4
    until(lambda: 'max_total' in b.stderr)  # it is said after the removal
    assert len(re.findall('max_total', b.stderr)) == 1


def test_usr2_opens_the_files_anew(inside):
    b = inside('services: {a: {command: "echo first; while [ ! -e go ]; do sleep 0.02; done; echo second; exec sleep 1000", logs: {sink: file}}}').up()
    log, moved = b.inside('/var/log/sysg/a.log'), b.inside('/var/log/sysg/a.log.moved')
    until(lambda: size(log) > 0)
    log.rename(moved)
    b.kill(signal.SIGUSR2)
    b.sysg_ok('ping')
    (b.home / 'go').touch()
    until(lambda: size(log) > 0)
    assert log.read_text().endswith('second\n') and moved.read_text().endswith('first\n')


def test_a_full_disk_drops_counts_and_goes_on_when_there_is_room(inside):
    b = inside('''
        services:
          a: {command: "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line-number-$i-of-some-length; done; : >done; while [ ! -e go ]; do sleep 0.02; done; sleep 1.5; echo after; exec sleep 1000", logs: {sink: file}}
        ''', argv=['sh', '-c', 'mkdir -p /var/log/sysg; mount -t tmpfs -o size=64k t /var/log/sysg; exec sysg start -c systemg.yaml'])
    b.up()
    b.says('log lines are lost: a.log: No space left on device', where='stderr')
    assert b.sysg('ping').returncode == 0
    until(lambda: (b.home / 'done').exists())
    pipe = os.open(f'/proc/{b.inner(b.pid_of("a")).pid}/fd/1', os.O_RDONLY | os.O_NONBLOCK)
    until(lambda: fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) == bytes(4) and b.logger().state == 'S', why='the logger has read all')
    os.close(pipe)
    log = b.inside('/var/log/sysg/a.log')
    text = log.read_bytes()
    assert text.endswith(b'\n') and re.fullmatch(rf'(?:{STAMP} stdout line-number-\d+-of-some-length\n)+'.encode(), text)
    had = text.count(b'\n')
    os.truncate(log, 0)
    (b.home / 'go').touch()
    until(lambda: b'after' in log.read_bytes())
    after = log.read_bytes()
    dropped = re.search(rb' supervisor (\d+) lines dropped\n', after)
    assert dropped and had + int(dropped[1]) + after.count(b'line-number') == 2000
    assert len(re.findall('log lines are lost', b.stderr)) == 1


@pytest.mark.parametrize('bad, words', [('{max_total: 1M}', 'at the top level'), ('{format: xml}', 'text or json'),
                                        ('{when_full: wait}', 'write block'), ('{max-size: 10m}', 'write max_bytes')])
def test_a_wrong_value_is_refused_with_its_remedy(box, bad, words):
    b = box(f'services: {{a: {{command: "true", logs: {bad}}}}}')
    assert b.wait() == 2 and words in b.stderr


def test_a_logger_killed_while_it_finishes_is_followed_by_one_that_writes_the_rest(inside):
    b = inside('services: {a: {command: "i=10000; while [ $i -lt 17000 ]; do i=$((i+1)); echo line-$i; done; : >done; exec sleep 1000"}}',
               argv=['sh', '-c', 'mkfifo out; exec sysg start -c systemg.yaml >out'])
    until(lambda: (b.home / 'out').exists())
    reader = os.open(b.home / 'out', os.O_RDONLY)
    until(lambda: (b.home / 'done').exists())  # 7,000 lines of 15 bytes: more than a pipe has room for
    logger = b.logger()
    b.kill(signal.SIGTERM)
    until(lambda: not b.others(), every=0.001)
    end = time.monotonic() + 0.1
    until(lambda: time.monotonic() > end)  # PID 1 waits for the logger now, which waits for us
    os.kill(logger.pid, signal.SIGKILL)
    text = b''
    while data := os.read(reader, 65536):
        text += data
    os.close(reader)
    got = [int(m) for m in re.findall(rb'^a . line-(\d+)$', text, re.M)]
    assert sorted(set(got)) == list(range(10001, 17001)) and len(got) < 7000 + 600  # the last write may be there twice
    assert b.wait() == 0


def fault(pid):
    """Its next instruction is none, so that it ends by a fault of its own: from where it waits in a system call."""
    try:
        where = pathlib.Path(f'/proc/{pid}/syscall').read_text().split()
        if len(where) < 9:
            return False
        with open(f'/proc/{pid}/mem', 'r+b', buffering=0) as mem:
            mem.seek(int(where[8], 16))
            mem.write(b'\0\0\0\0')
    except OSError:
        return False
    return True


def test_a_logger_that_ends_by_itself_at_each_start_does_not_hold_up_the_services(inside):
    b = inside('''services: {a: {command: "i=0; while :; do i=$((i+1)); echo line-$i; sleep 0.01; done"}}''').up()
    for _ in range(3):
        logger = until(b.logger)
        until(lambda pid=logger.pid: fault(pid))
        until(lambda old=logger: (b.logger() or old).pid != old.pid)
        assert b.sysg('ping').returncode == 0
    b.says('ended 3 times at once: the next one begins without', where='stderr')
    had = b.stdout.count('line-')
    until(lambda: b.stdout.count('line-') > had + 20)


def test_who_cuts_or_overwrites_the_journal_ends_neither_the_logger_nor_the_lines(inside):
    b = inside('''services: {a: {command: "i=0; while :; do i=$((i+1)); echo line-$i; sleep 0.01; done"}}''').up()
    b.says('line-5$', where='stdout')
    fd = next(f'/proc/{b.pid}/fd/{n}' for n in os.listdir(f'/proc/{b.pid}/fd') if 'sysg-journal' in os.path.realpath(f'/proc/{b.pid}/fd/{n}'))
    with open(fd, 'r+b') as f:
        with pytest.raises(PermissionError):
            f.truncate(0)
        f.seek(8)
        f.write(b'\xff' * 100000)
    logger = b.logger()
    os.kill(logger.pid, signal.SIGKILL)
    had = b.stdout.count('line-')
    until(lambda: b.stdout.count('line-') > had + 20)
    b.says('the logger ended', where='stderr')
    assert b.logger().pid != logger.pid and b.stderr.count('the logger ended') == 1


def cpu_ticks(*pids):
    return sum(sum(map(int, pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[11:13])) for pid in pids)


def rests(b, logger):
    """For a second PID 1 and the logger do next to nothing."""
    before, end = cpu_ticks(b.pid, logger), time.monotonic() + 1
    until(lambda: time.monotonic() > end)
    return cpu_ticks(b.pid, logger) - before < 20


LATE = [f'z{i}' for i in range(30)]


def short_of(b, more):
    """The logger has no room for the two pipes each of so many services, whose names are returned: for more of them too few."""
    logger = b.logger().pid
    used = set(map(int, os.listdir(f'/proc/{logger}/fd')))
    few, many = resource.prlimit(logger, resource.RLIMIT_NOFILE)
    resource.prlimit(logger, resource.RLIMIT_NOFILE, (max(used) + 1, many))
    return LATE[:(max(used) + 1 - len(used)) // 2 + more], lambda: resource.prlimit(logger, resource.RLIMIT_NOFILE, (few, many))


def late(sink):
    return ''.join(f'  {name}: {{command: "echo line-{name}-; exec sleep 1000", skip: true, logs: {{sink: {sink}}}}}\n' for name in LATE)


def test_a_logger_without_a_descriptor_for_a_stream_gets_it_later_and_nobody_spins(inside):
    b = inside('services:\n  a: {command: "exec sleep 1000"}\n' + late('stdout')).up()
    b.pid_of('a')
    names, end = short_of(b, 1)
    for name in names:
        b.sysg_ok('start', '-s', name)
    assert rests(b, b.logger().pid)
    end()
    until(lambda: all(f'line-{name}-' in b.stdout for name in names))


def test_a_logger_short_of_descriptors_closes_files_for_streams(inside):
    b = inside('services:\n' + ''.join(f'  s{i}: {{command: "echo line; exec sleep 1000", logs: {{sink: file}}}}\n' for i in range(6))
               + late('file')).up()
    until(lambda: all(log_text(b, f's{i}.log') for i in range(6)))
    names, _ = short_of(b, 2)
    for name in names:
        b.sysg_ok('start', '-s', name)
    until(lambda: all(b'line-' in log_text(b, f'{name}.log') for name in names), why=lambda: b.stderr)


def test_where_the_kernel_lets_no_descriptor_be_sent_nobody_spins(inside):
    """Those in flight count by user: past RLIMIT_NOFILE the socket has room, and what is sent is refused all the same."""
    b = inside('services: {a: {command: "exec sleep 1000"}, b: {command: "echo line; exec sleep 1000", skip: true}}',
               ns=['--keep', 'setuid,setgid,kill', '--rlimit', 'nofile=256:256']).up()
    b.pid_of('a')
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(4)]
    for to, _ in pairs:
        socket.send_fds(to, [b'x'], [0] * 100)
    b.sysg_ok('start', '-s', 'b')
    assert rests(b, b.logger().pid)
    assert 'line' not in b.stdout
    for to, other in pairs:
        to.close()
        other.close()
    b.says('line', where='stdout')


COUNTED = 'services: {a: {command: "n=$(cat n); echo $((n+1)) >m; mv m n; echo line-$n-; exit 1", backoff: 0s}, b: {command: "while [ ! -e go ]; do sleep 0.1; done; echo still-here; exec sleep 1000", restart_policy: never}}'


def test_a_logger_that_stands_still_takes_the_init_no_descriptors_without_end(inside):
    """Of the pipes of ended launches a quarter of RLIMIT_NOFILE stays, and up to 32 launches' more: the newest ones, beside what was handed over."""
    b = inside(COUNTED, ns=['--rlimit', 'nofile=512:512'])
    (b.home / 'n').write_text('0')
    b.up()
    b.pid_of('b')
    b.says('line-5-', where='stdout')
    logger, held = b.logger().pid, 0
    os.kill(logger, signal.SIGSTOP)
    until(lambda: int(b.peek('n')) > 100)
    first = int(b.peek('n'))
    while (n := int(b.peek('n'))) < first + 500:
        held = max(held, len(os.listdir(f'/proc/{b.pid}/fd')))
    assert 128 < held < 128 + 64 + 40
    assert b.sysg('ping').returncode == 0
    b.sysg_ok('stop', '-s', 'a')
    n = int(b.peek('n'))
    os.kill(logger, signal.SIGCONT)
    until(lambda: all(f'line-{i}-' in b.stdout for i in range(n - 60, n - 1)), why=lambda: b.stderr[-2000:])
    assert 'line-50-' in b.stdout and f'line-{n - 200}-' not in b.stdout
    until(lambda: len(os.listdir(f'/proc/{b.pid}/fd')) < 40)
    assert b.stderr.count('log lines may be lost: the logger is far behind') == 1
    os.kill(logger, signal.SIGKILL)
    (b.home / 'go').write_text('')
    b.says('still-here', where='stdout')
