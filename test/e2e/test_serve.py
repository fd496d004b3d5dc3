"""`sysg serve`: health, metrics and status by HTTP."""
import contextlib
import html.parser
import http.client
import json
import os
import re
import resource
import signal
import socket
import threading
import time

import pytest

import prometheus
from harness import SYSG, codes, until

CONNS = 64


@pytest.fixture
def port():
    """One that nobody has; a box without a network of its own is in ours."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def manifest(port, more='', listen='127.0.0.1', rights='request_capabilities: ["status:**", "logs:**"]'):
    return f'''
        services:
          serve: {{command: [sysg, serve, --listen, "{listen}:{port}"], user: nobody, {rights}, health_check: {{tcp: "127.0.0.1:{port}"}}}}
          web: {{exec: [sleep, "1000"], spawn: {{mode: dynamic}}}}
          {more}
        '''


def up(box, port, *args, **kw):
    b = box(manifest(port, *args, **kw)).up()
    until(lambda: answers(port), 20, why=lambda: b.stderr[-500:])
    return b


def answers(port, host='127.0.0.1'):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def get(port, path, method='GET', host='127.0.0.1', headers=None, timeout=15):
    c = http.client.HTTPConnection(host, port, timeout=timeout)
    c.request(method, path, headers=headers or {})
    r = c.getresponse()
    body = r.read().decode()
    c.close()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, body


def raw(port, data, timeout=15):
    """What comes back for these bytes, up to the end."""
    with socket.create_connection(('127.0.0.1', port), timeout) as s:
        s.settimeout(timeout)
        s.sendall(data)
        got = b''
        while True:
            try:
                more = s.recv(65536)
            except ConnectionResetError:
                return got
            if not more:
                return got
            got += more


@pytest.mark.asan
def test_as_a_service_of_nobody_with_the_rights_of_the_page_it_shows_all(box, port):
    b = up(box, port)
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'kid', '--', 'sleep', '1000')
    p = b.inner(b.pid_of('serve'))
    assert re.search(r'^Uid:\s+65534', open(f'/proc/{p.pid}/status').read(), re.M) and p.threads == 1
    status, headers, body = get(port, '/status')
    assert status == 200 and headers['content-type'] == 'application/json' and headers['connection'] == 'close'
    assert {u['name'] for u in json.loads(body)['units']} == {'serve', 'web'} and '"kid"' in body
    status, headers, body = get(port, '/metrics')
    assert status == 200 and headers['content-type'] == 'text/plain; version=0.0.4; charset=utf-8'
    f = prometheus.read(body)
    assert prometheus.value(f, 'sysg_unit_state', unit='web/kid') == 1 and prometheus.value(f, 'sysg_unit_memory_bytes', unit='web') > 0
    until(lambda: get(port, '/readyz')[0] == 200, 10)
    assert get(port, '/livez')[::2] == (200, 'healthy\n') and get(port, '/readyz')[::2] == (200, 'ready\n')
    assert get(port, '/metrics?x=1')[0] == 200
    assert b.stderr.count('serving at') <= 1


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], ''

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.mark.asan
def test_the_page_needs_nothing_from_elsewhere_and_nothing_in_it_is_a_tag(box, port):
    b = up(box, port, 'bad: {command: "echo \'<script>x</script>&\'; exit 3", restart_policy: never}')
    b.until_state('bad', 'failed')
    status, headers, body = get(port, '/')
    page = Page()
    page.feed(body)
    assert status == 200 and headers['content-type'] == 'text/html; charset=utf-8'
    assert "default-src 'none'" in headers['content-security-policy'] and headers['x-content-type-options'] == 'nosniff'
    assert {t for t, _ in page.tags} <= {'html', 'meta', 'title', 'style', 'pre'} and body.startswith('<!DOCTYPE html>')
    assert not any(k in a for _, a in page.tags for k in ('src', 'href')) and 'url(' not in body
    assert ('meta', {'http-equiv': 'refresh', 'content': '5'}) in page.tags
    assert 'web' in page.text and 'bad' in page.text and 'failed' in page.text


def test_head_has_the_same_head_and_no_body(box, port):
    up(box, port)
    for path in ('/livez', '/nothing'):
        a, b = get(port, path), get(port, path, 'HEAD')
        assert a[0] == b[0] and a[1] == b[1] and a[2] and b[2] == ''


def test_what_is_not_there_or_not_allowed_or_no_request_is_said(box, port):
    up(box, port)
    assert get(port, '/nothing')[0] == 404 and get(port, '/livez/')[0] == 404 and get(port, '//')[0] == 404
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'XYZ'):
        status, headers, _ = get(port, '/status', method)
        assert status == 405 and headers['allow'] == 'GET, HEAD'
    for bad in (b'x\r\n\r\n', b'GET /livez\r\n\r\n', b'GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n', b'GET /livez HTTP/2.0\r\nHost: x\r\n\r\n',
                b'GET livez HTTP/1.1\r\nHost: x\r\n\r\n', b'GET /livez HTTP/1.1\r\n\r\n', b'GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
                b'GET /livez HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n', b'GET /livez HTTP/1.1\r\nHost : x\r\n\r\n',
                b'GET /li\0vez HTTP/1.1\r\nHost: x\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\n\n', b'PRI * HTTP/2.0\r\n\r\n'):
        assert raw(port, bad).startswith(b'HTTP/1.1 400 '), bad
    assert raw(port, b'GET /livez HTTP/1.0\r\n\r\n').startswith(b'HTTP/1.1 200 OK\r\n')
    assert raw(port, b'GET /livez HTTP/1.1\nhost: x\n\n').startswith(b'HTTP/1.1 200 OK\r\n')


def test_what_is_sent_behind_a_request_does_not_take_the_answer_back(box, port):
    up(box, port, 'u: {exec: [sleep, "1000"]}')
    whole = get(port, '/')[2]
    for _ in range(5):
        got = raw(port, b'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n' + b'x' * 1000000)
        assert got.endswith(b'</html>\n') and len(got) > len(whole)


def test_a_head_of_8192_bytes_is_taken_and_a_longer_one_is_431(box, port):
    up(box, port)
    begin, end = b'GET /livez HTTP/1.1\r\nHost: x\r\nA: ', b'\r\n\r\n'
    fits = begin + b'a' * (8192 - len(begin) - len(end)) + end
    assert raw(port, fits).startswith(b'HTTP/1.1 200 ')
    assert raw(port, fits[:-4] + b'a' + end).startswith(b'HTTP/1.1 431 ')
    assert get(port, '/' + 'a' * 300)[0] == 431


def test_a_unit_shows_what_it_may_see(box, port):
    b = up(box, port, 'secret: {exec: [sleep, "1000"]}', rights='request_capabilities: ["status:web"]')
    b.until_state('secret', 'running')
    assert {u['name'] for u in json.loads(get(port, '/status')[2])['units']} == {'serve', 'web'}
    assert 'secret' not in get(port, '/')[2] + get(port, '/metrics')[2]
    assert get(port, '/livez')[0] == 200, 'that needs no right'


def test_health_that_is_bad_is_503_with_why(box, port):
    b = up(box, port, 'vital: {command: "test -e go && exec sleep 1000; exit 3", restart_policy: never}')
    b.until_state('vital', 'failed')
    until(lambda: get(port, '/livez')[0] == 200, 10)
    b.write_manifest(manifest(port, 'sick: {exec: [sleep, "1000"], health_check: {file: never, total_timeout: 1h}}'))
    b.sysg('reload', '--timeout', '1s')
    until(lambda: get(port, '/readyz')[0] == 503, 10)
    assert get(port, '/readyz')[2].startswith('sick is ') and get(port, '/livez')[0] == 200


@pytest.mark.asan
def test_it_outlives_the_supervisor_and_says_503_meanwhile(box, port):
    b = box(argv=['sleep', '1000'])
    (b.home / 'm.yaml').write_text('services: {web: {exec: [sleep, "1000"]}}')
    server = b.popen(SYSG, 'serve', '--listen', f'127.0.0.1:{port}')
    until(lambda: answers(port), 10)
    for path in ('/livez', '/readyz', '/metrics', '/status', '/'):
        status, _, body = get(port, path)
        assert status == 503 and 'SG0206' in body, path
    assert json.loads(get(port, '/status')[2])['units'] == []
    for _ in range(2):
        s = b.popen(SYSG, 'start', '-c', 'm.yaml')
        until(lambda: get(port, '/livez')[0] == 200, 20, why=lambda: s.poll() is None or s.communicate())
        until(lambda: 'web' in get(port, '/metrics')[2], 20)
        pid = next(p.pid for p in b.procs().values() if p.cmdline.endswith('start -c m.yaml') and p.comm == 'sysg' and p.ppid != b.pid)
        os.kill(pid, signal.SIGKILL)
        until(lambda: get(port, '/livez')[0] == 503, 20)
        s.kill()
    assert server.poll() is None
    server.kill()


def test_a_supervisor_that_hangs_is_503_and_others_are_answered_meanwhile(box, port):
    b = box(argv=['sleep', '1000'])
    (b.home / 'm.yaml').write_text('services: {web: {exec: [sleep, "1000"]}}')
    b.popen(SYSG, 'start', '-c', 'm.yaml')
    server = b.popen(SYSG, 'serve', '--listen', f'127.0.0.1:{port}')
    until(lambda: answers(port) and get(port, '/livez')[0] == 200, 20)
    pid = next(p.pid for p in b.procs().values() if p.cmdline.endswith('start -c m.yaml') and p.comm == 'sysg' and p.ppid != b.pid)
    os.kill(pid, signal.SIGSTOP)
    found = []
    t = threading.Thread(target=lambda: found.append(get(port, '/livez', timeout=30)))
    t.start()
    start = time.monotonic()
    assert get(port, '/nothing')[0] == 404 and time.monotonic() - start < 3
    t.join()
    assert found[0][0] == 503 and 'SG0205' in found[0][2]
    os.kill(pid, signal.SIGCONT)
    until(lambda: get(port, '/livez')[0] == 200, 20)
    server.kill()


@pytest.mark.asan
def test_who_says_nothing_or_little_holds_nobody_up_and_is_hung_up_on(box, port):
    """Twice as many as there are places say a byte and no more; who asks is answered, and they are gone in time."""
    up(box, port)
    slow = [socket.create_connection(('127.0.0.1', port)) for _ in range(2 * CONNS)]
    for s in slow:
        s.sendall(b'G')
    for _ in range(3):
        assert get(port, '/livez')[0] == 200

    def gone(s):
        s.settimeout(0.01)
        try:
            return s.recv(1) == b''
        except (TimeoutError, socket.timeout):
            return False
        except OSError:
            return True
    until(lambda: all(map(gone, slow)), 30, 0.2, 'the end of all of them')
    assert get(port, '/livez')[0] == 200


def test_one_byte_at_a_time_is_not_more_time(box, port):
    up(box, port)
    s = socket.create_connection(('127.0.0.1', port))
    start = time.monotonic()
    with pytest.raises(OSError):
        for c in (b'GET /livez HTTP/1.1\r\nHost: ' + b'x' * 1000):
            s.sendall(bytes([c]))
            time.sleep(0.2)
    assert 8 < time.monotonic() - start < 20


def test_who_reads_nothing_holds_nobody_up(box, port):
    names = ', '.join(f'u{i}: {{exec: [sleep, "1000"]}}' for i in range(100))
    up(box, port, names.replace(', u', '\n          u'))
    lazy = []
    for _ in range(CONNS - 1):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        s.connect(('127.0.0.1', port))
        s.sendall(b'GET /status HTTP/1.1\r\nHost: x\r\n\r\n')
        lazy.append(s)
    for _ in range(3):
        assert get(port, '/livez')[0] == 200
    for s in lazy:
        s.close()
    assert get(port, '/status')[0] == 200


def test_a_hundred_at_once_are_all_answered(box, port):
    up(box, port)
    found = []

    def one(path):
        found.append(get(port, path, timeout=30)[0])
    ts = [threading.Thread(target=one, args=(p,)) for p in ['/status', '/metrics', '/livez', '/'] * 12]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    assert found == [200] * 48


def test_who_has_just_come_is_not_hung_up_on_for_the_next(box, port):
    """Three times as many as there are places, who all say what they want a moment later."""
    b = up(box, port)
    good = 0
    for _ in range(5):
        conns = [socket.create_connection(('127.0.0.1', port), 20) for _ in range(3 * CONNS)]
        for c in conns:
            with contextlib.suppress(OSError):
                c.sendall(b'GET /livez HTTP/1.0\r\n\r\n')
        for c in conns:
            with contextlib.suppress(OSError):
                good += b' 200 OK' in c.recv(100)
            c.close()
    # a hundred milliseconds are a newcomer's, which a busy machine uses up for some; without them a third of all would be answered
    assert good > 5 * 3 * CONNS * 0.6 and b.sysg('ping').returncode == 0


def test_it_rests_while_nobody_asks(box, port):
    b = up(box, port)
    get(port, '/status')
    p = b.inner(b.pid_of('serve'))
    time.sleep(3)

    def used():
        return open(f'/proc/{p.pid}/stat').read().rsplit(')')[1].split()[11:13]
    before = used()
    time.sleep(2)
    assert used() == before and len(os.listdir(f'/proc/{p.pid}/fd')) <= 6


@pytest.mark.parametrize('listen, hosts', [
    ('127.0.0.1:%d', ['127.0.0.1']), ('localhost:%d', ['127.0.0.1']), ('[::1]:%d', ['::1']), (':%d', ['127.0.0.1', '::1']),
    ('0.0.0.0:%d', ['127.0.0.1'])])
def test_where_it_listens(box, port, listen, hosts):
    if '::1' in hosts and not socket.has_ipv6:
        pytest.fail('no IPv6 here')
    b = box(argv=['sleep', '1000'])
    server = b.popen(SYSG, 'serve', '--listen', listen % port)
    for host in hosts:
        until(lambda: answers(port, host), 10, why=host)
    if hosts == ['::1']:
        assert not answers(port)
    server.kill()


@pytest.mark.parametrize('args, status, code, words', [
    ([], 2, 'SG0832', '--listen'), (['--listen', 'x'], 2, 'SG0210', 'host:port'), (['--listen', '1.2.3.4:0'], 2, 'SG0210', '65535'),
    (['--listen', '1.2.3.4:65536'], 2, 'SG0210', '65535'), (['--listen', '::1:80'], 2, 'SG0210', 'brackets'),
    (['--listen', 'example.org:80'], 2, 'SG0210', 'address'), (['--listen', '203.0.113.7:9100'], 1, 'SG0001', 'address'),
    (['--listen', ':9100', 'word'], 2, 'SG0832', 'word')])
def test_where_it_cannot_listen_is_said(box, args, status, code, words):
    b = box(argv=['sleep', '1000'])
    r = b.sysg('serve', *args)
    assert r.returncode == status and codes(r) == [code] and words in r.stderr.lower(), r.stderr


def test_a_port_that_is_taken_and_one_that_is_not_for_us(box, port):
    b = box(argv=['sleep', '1000'])
    with socket.socket() as s:
        s.bind(('127.0.0.1', port))
        s.listen()
        r = b.sysg('serve', '--listen', f'127.0.0.1:{port}')
        assert r.returncode == 1 and codes(r) == ['SG0105']
    if int(open('/proc/sys/net/ipv4/ip_unprivileged_port_start').read()) > 80:
        r = b.sysg('serve', '--listen', '127.0.0.1:80', uid=65534)
        assert r.returncode == 1 and codes(r) == ['SG0001'] and 'CAP_NET_BIND_SERVICE' in r.stderr


@pytest.mark.parametrize('sig', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(box, port, sig):
    b = box(argv=['sleep', '1000'])
    server = b.popen(SYSG, 'serve', '--listen', f'127.0.0.1:{port}')
    until(lambda: answers(port), 10)
    held = socket.create_connection(('127.0.0.1', port))
    held.sendall(b'GET /liv')
    for line in open(f'/proc/{server.pid}/task/{server.pid}/children').read().split():
        os.kill(int(line), sig)
    assert server.wait(10) == 0 and not answers(port)


def test_a_stop_of_the_service_is_quick_and_code_0(box, port):
    b = up(box, port)
    start = time.monotonic()
    b.sysg_ok('stop', 'serve')
    assert time.monotonic() - start < 3 and b.unit('serve')['last_exit']['exit_code'] == 0


def cpu_ticks(pid):
    return sum(map(int, open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[11:13]))


def pause(seconds):
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, seconds + 5)


def test_after_it_was_short_of_descriptors_it_rests_while_all_places_are_taken(box, port):
    b = box(f'services: {{serve: {{exec: [sysg, serve, --listen, "127.0.0.1:{port}"]}}}}').up()  # whose limit we may set
    until(lambda: answers(port), 20, why=lambda: b.stderr[-500:])
    pid = b.inner(b.pid_of('serve')).pid
    until(lambda: len(os.listdir(f'/proc/{pid}/fd')) == 4, why=lambda: os.listdir(f'/proc/{pid}/fd'))
    few, many = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, many))
    with socket.create_connection(('127.0.0.1', port)):
        pause(0.5)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, many))
    until(lambda: get(port, '/livez')[0] == 200, 5)
    b.kill(signal.SIGSTOP)
    conns = [socket.create_connection(('127.0.0.1', port), 20) for _ in range(CONNS)]
    for c in conns:
        c.sendall(b'GET /status HTTP/1.0\r\n\r\n')
    pause(0.5)
    before = cpu_ticks(pid)
    pause(2)
    assert cpu_ticks(pid) - before < 50
    b.kill(signal.SIGCONT)
    assert all(c.recv(100).startswith(b'HTTP/1.1 ') for c in conns)
