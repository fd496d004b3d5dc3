"""Checks by url and unix, by name, and what becomes of a service that fails one."""
import pytest

from harness import PYTHON, until

SERVE = """
import http.server, os, socket, sys, time
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open('asked', 'a').write(f'{self.path} {self.headers["Host"]} {os.getpid()}\\n')
        self.send_response(int(open('status').read())); self.end_headers()
    def log_message(self, *a): pass
class S(http.server.HTTPServer):
    address_family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
S((sys.argv[1], 7300), H).serve_forever()
"""



def serving(box, check, status=200, address='127.0.0.1', more='', **kw):
    """A box in which `web` is a server of HTTP with this check, and `next` depends on it."""
    b = box(f'''
        services:
          web:
            command: "while [ ! -e go ]; do sleep 0.02; done; exec {PYTHON} serve.py {address}"
            backoff: 100ms
            health_check: {{{check}}}
            {more}
          next: {{command: ": >next; exec sleep 1000", depends_on: [web]}}
          hold: {{exec: [sleep, "1000"]}}
        ''', ns=['--net'], **kw)
    (b.home / 'serve.py').write_text(SERVE)
    set_status(b, status)
    (b.home / 'go').touch()
    return b.up()


def set_status(b, status):
    (b.home / 'status.new').write_text(str(status))
    (b.home / 'status.new').rename(b.home / 'status')


@pytest.mark.asan
def test_a_url_that_answers_makes_it_ready(box):
    b = serving(box, 'url: "http://localhost:7300/up?full=1"', env={'http_proxy': 'http://127.0.0.1:1/'})
    until(lambda: (b.home / 'next').exists(), why=lambda: b.stderr)
    assert b.file('asked').splitlines()[0].startswith('/up?full=1 localhost:7300 ')


def test_localhost_is_its_second_address_too(box):
    b = serving(box, 'url: "http://localhost:7300"', address='::1')
    until(lambda: (b.home / 'next').exists(), why=lambda: b.stderr)


def test_an_address_in_brackets_is_one(box):
    b = serving(box, 'url: "http://[::1]:7300/"', address='::1')
    until(lambda: (b.home / 'next').exists(), why=lambda: b.stderr)
    assert b.file('asked').startswith('/ [::1]:7300 ')


@pytest.mark.parametrize('check', ['url: "http://web.test:7300/"', 'tcp: "web.test:7300"'])
def test_a_name_is_looked_up_and_asked_by_a_process_of_its_own(box, check):
    b = serving(box, check + ', interval: 50ms')
    assert not (b.home / 'next').exists()
    r = b.exec('sh', '-c', 'cat /etc/hosts >hosts; echo 127.0.0.1 web.test >>hosts; mount --bind hosts /etc/hosts')
    assert r.returncode == 0, r
    until(lambda: (b.home / 'next').exists(), 30, why=lambda: b.stderr)


NAME_SERVER = """
import socket, socketserver, struct, threading
ZONE = {('web.ns.test', 1): ['127.0.0.1'], ('two.test', 28): ['::1'], ('two.test', 1): ['127.0.0.1'], ('cut.test', 1): ['127.0.0.1']}
NAMES = {n for n, _ in ZONE} | {'ns.test'}
def packed(a): return socket.inet_pton(socket.AF_INET6 if ':' in a else socket.AF_INET, a)
def answer(q, cut):
    name, at = [], 12
    while q[at]:
        name.append(q[at + 1:at + 1 + q[at]].decode()); at += 1 + q[at]
    name, kind, q = '.'.join(name), struct.unpack('>H', q[at + 1:at + 3])[0], q[:at + 5]
    open('asked', 'a').write(f'{name} {kind} {"udp" if cut else "tcp"}\\n')
    if name.startswith('deaf'): return b''
    if name.startswith('liar'): q, name = bytes([q[0] ^ 1]) + q[1:], 'two.test'
    if name.startswith('cut') and cut: return q[:2] + b'\\x83\\x80' + q[4:]
    found = ZONE.get((name, kind), [])
    return q[:2] + b'\\x81' + bytes([0x80 if name in NAMES else 0x83]) + q[4:6] + struct.pack('>H', len(found)) + q[8:] + b''.join(
        b'\\xc0\\x0c' + struct.pack('>HHIH', kind, 1, 60, len(packed(a))) + packed(a) for a in found)
class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        n = struct.unpack('>H', self.rfile.read(2))[0]
        a = answer(self.rfile.read(n), False)
        for piece in (struct.pack('>H', len(a))[:1], struct.pack('>H', len(a))[1:] + a[:5], a[5:]):
            self.wfile.write(piece); self.wfile.flush()
class Datagram(socketserver.BaseRequestHandler):
    def handle(self): self.request[1].sendto(answer(self.request[0], True), self.client_address)
datagrams = socketserver.UDPServer(('127.0.0.1', 53), Datagram)
threading.Thread(target=socketserver.TCPServer(('127.0.0.1', 53), Stream).serve_forever).start()
datagrams.serve_forever()
"""


def asking(box, host, seconds=30):
    """A box with a name server of its own, where `db` is ready, and `next` begins, when something listens at port 7300 of that host."""
    b = box(f'''
        services:
          dns: {{exec: [{PYTHON}, dns.py], health_check: {{tcp: "127.0.0.1:53"}}}}
          web: {{exec: [{PYTHON}, -m, http.server, "7300", --bind, 127.0.0.1]}}
          db:
            command: "exec sleep 1000"
            restart_policy: never
            depends_on: [dns]
            health_check: {{tcp: "{host}:7300", total_timeout: {seconds}s, retries: 2, interval: 100ms}}
            skip: "echo 'nameserver 127.0.0.1\\nsearch none.test ns.test\\noptions ndots:2 timeout:1' >conf; mount --bind conf /etc/resolv.conf; exit 1"
          next: {{command: ": >next; exec sleep 1000", depends_on: [db]}}
        ''', ns=['--net'])
    (b.home / 'dns.py').write_text(NAME_SERVER)
    return b.up()


@pytest.mark.asan
def test_a_name_without_dots_is_looked_for_below_the_domains_of_search(box):
    b = asking(box, 'web')
    until(lambda: (b.home / 'next').exists(), 15, why=lambda: b.stderr)
    asked = b.file('asked').splitlines()
    assert {'web.none.test 1 udp', 'web.none.test 28 udp', 'web.ns.test 1 udp', 'web.ns.test 28 udp'} <= set(asked)
    assert not [a for a in asked if a.startswith('web ')]


def test_of_two_addresses_the_one_that_answers_makes_it_ready(box):
    b = asking(box, 'two.test.')
    until(lambda: (b.home / 'next').exists(), 15, why=lambda: b.stderr)


def test_an_answer_that_was_cut_is_asked_for_by_a_stream(box):
    b = asking(box, 'cut.test.')
    until(lambda: (b.home / 'next').exists(), 15, why=lambda: b.stderr)
    assert 'cut.test 1 tcp' in b.file('asked').splitlines()


@pytest.mark.parametrize('host, words', [
    ('nobody.test.', 'no such host'), ('ns.test.', 'no such host'), ('deaf.test.', 'no name server answers'),
    ('liar.test.', 'no name server answers')])
def test_what_a_name_server_does_not_say_is_no_address(box, host, words):
    b = asking(box, host, seconds=2)
    b.says(f'db: .*{words}', 20)
    b.until_state('db', 'failed', seconds=15)


@pytest.mark.parametrize('status, code, words', [(503, 'SG0104', '503 Service Unavailable'), (404, 'SG0104', '404 Not Found')])
def test_a_status_of_a_failure_fails_with_its_words(box, status, code, words):
    b = serving(box, 'url: "http://127.0.0.1:7300/", total_timeout: 1s, retries: 2, interval: 100ms', status=status,
                more='restart_policy: never')
    b.says(f'error.{code}.: web: .*{words}', 15)
    b.until_state('web', 'failed', seconds=15)


@pytest.mark.parametrize('check, code', [
    ('url: "http://127.0.0.1:7399/"', 'SG0022'), ('url: "http://localhost:7399/"', 'SG0022'), ('unix: nowhere', 'SG0022'),
    ('tcp: "no-such-host.invalid:1"', 'SG0022')])
def test_what_is_not_there_fails_as_that(box, check, code):
    b = box(f'services: {{hold: {{exec: [sleep, "1000"]}}, db: {{exec: [sleep, "1000"], restart_policy: never, '
            f'health_check: {{{check}, total_timeout: 1s, retries: 2, interval: 100ms}}}}}}', ns=['--net']).up()
    b.says(code, 25)
    b.until_state('db', 'failed', seconds=15)


def test_one_that_accepts_and_never_answers_is_too_slow_and_holds_nothing_up(box):
    hung = 'import socket, time; s = socket.create_server((\'127.0.0.1\', 7301)); time.sleep(1000)'
    b = box(f'''
        services:
          hold: {{exec: [sleep, "1000"]}}
          db: {{exec: [{PYTHON}, "-c", "{hung}"], restart_policy: never,
               health_check: {{url: "http://127.0.0.1:7301/", attempt_timeout: 200ms, total_timeout: 1s, retries: 2, interval: 100ms}}}}
        ''', ns=['--net']).up()
    b.says('SG0023', 15)
    assert b.status_json()['supervisor']['loop']['longest_turn_us'] < 100_000


@pytest.mark.parametrize('kind', ['STREAM', 'SEQPACKET', 'DGRAM'])
def test_a_socket_that_is_served_makes_it_ready(box, kind):
    code = f"import socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_{kind}); s.bind('s.sock')" + \
           ('' if kind == 'DGRAM' else '; s.listen(5)') + '; time.sleep(1000)'
    b = box(f'''
        services:
          db: {{exec: [{PYTHON}, "-c", "{code}"], health_check: {{unix: s.sock}}}}
          next: {{command: ": >next; exec sleep 1000", depends_on: [db]}}
        ''').up()
    until(lambda: (b.home / 'next').exists(), why=lambda: b.stderr)


def test_a_server_that_sends_descriptors_does_not_hold_the_init_up(box):
    code = ("import socket, struct, time; s = socket.socket(socket.AF_UNIX); s.bind('s.sock'); s.listen(5)\\n"
            "while True:\\n"
            "  c, _ = s.accept(); t = socket.create_server(('127.0.0.1', 0)); u = socket.create_connection(t.getsockname())\\n"
            "  u.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 8)); u.setblocking(False)\\n"
            "  try:\\n    while True: u.send(b'x' * 65536)\\n"
            "  except BlockingIOError: pass\\n"
            "  try: socket.send_fds(c, [b'x'], [u.fileno()])\\n"
            "  except OSError: pass")
    b = box(f'''
        services:
          db: {{exec: [{PYTHON}, "-c", "{code}"], health_check: {{unix: s.sock, interval: 50ms}}}}
          next: {{command: ": >next; exec sleep 1000", depends_on: [db]}}
        ''', ns=['--net']).up()
    until(lambda: (b.home / 'next').exists(), why=lambda: b.stderr)
    turns = b.status_json()['supervisor']['loop']['turns']
    until(lambda: b.status_json()['supervisor']['loop']['turns'] > turns + 40)
    assert b.status_json()['supervisor']['loop']['longest_turn_us'] < 500_000


def test_one_that_fails_later_is_restarted(box):
    b = serving(box, 'url: "http://127.0.0.1:7300/", interval: 100ms, retries: 2')
    until(lambda: b.sysg('ready').returncode == 0)
    pid = b.pid_of('web')
    set_status(b, 500)
    b.says('SG0104.*500 Internal Server Error')
    set_status(b, 200)
    until(lambda: (b.running_pid('web') or pid) != pid)


def test_one_to_be_ignored_is_failing_and_left_alone_until_an_attempt_succeeds(box):
    b = serving(box, 'url: "http://127.0.0.1:7300/", interval: 100ms, retries: 2, on_unhealthy: ignore')
    until(lambda: b.sysg('ready').returncode == 0)
    pid = b.pid_of('web')
    set_status(b, 500)
    b.says('SG0104.*500 Internal Server Error')
    u = b.unit('web')
    assert (u['state'], u['health'], u['process']['pid']) == ('running', 'failing', pid)
    r = b.sysg('ready')
    assert r.returncode == 1 and 'web' in r.stdout
    assert b.sysg('health').returncode == 0
    set_status(b, 200)
    until(lambda: b.sysg('ready').returncode == 0)
    u = b.unit('web')
    assert (u['state'], u['health'], u['process']['pid']) == ('running', 'healthy', pid)


def test_one_to_be_ignored_that_was_never_ready_has_failed(box):
    b = serving(box, 'url: "http://127.0.0.1:7300/", interval: 100ms, retries: 2, on_unhealthy: ignore, total_timeout: 500ms', status=500,
                more='restart_policy: never')
    b.until_state('web', 'failed')
