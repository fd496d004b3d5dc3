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
