"""The op loglevel: the supervisor's own lines, while it runs. No command asks for it, so the packets are made here."""
import pytest

ASK = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(os.environ.get('SYSG_SOCKET', '/run/sysg/control.sock'))
for request in sys.argv[1:]:
    s.send(b''.join(f.encode() + b'\\0' for f in request.split(' ')) + b'\\0')
    print(s.recv(65536).decode().replace('\\0', ';'))
"""
WEB = 'services: {web: {command: "exec sleep 1000"}}'


def asked(b, *requests, **kw):
    r = b.exec('python', '-c', ASK, *requests, **kw)
    assert r.returncode == 0, r.stderr
    return r.stdout.splitlines()


@pytest.mark.asan
def test_it_sets_how_much_the_supervisor_says_while_it_runs(box):
    b = box(WEB).up()
    b.until_state('web', 'running')
    b.sysg_ok('restart', 'web')
    assert 'web is running' not in b.stderr
    assert asked(b, 'op=loglevel level=info', 'op=loglevel level=debug') == ['ok=1;was=warn;;', 'ok=1;was=info;;']
    b.sysg_ok('restart', 'web')
    b.says('web is running', where='stderr')
    b.says('web: EXEC_OK, starting -> running', where='stderr')
    assert asked(b, 'op=loglevel level=error') == ['ok=1;was=debug;;']
    said = b.stderr.count('web is running')
    b.sysg_ok('restart', 'web')
    assert b.stderr.count('web is running') == said


def test_what_is_no_level_is_a_bad_request_with_the_levels_and_changes_nothing(box):
    b = box(WEB).up()
    for request in ('op=loglevel', 'op=loglevel level=', 'op=loglevel level=loud', 'op=loglevel level=ERROR', 'op=loglevel level=3', 'op=loglevel level=info x=1'):
        (said,) = asked(b, request)
        assert said.startswith('ok=0;err=bad-request;code=SG0832;'), said
        assert ' x=' in request or 'help=level is one of error|warn|info|debug;' in said
    assert asked(b, 'op=loglevel level=info') == ['ok=1;was=warn;;']


def test_it_is_the_operators(box):
    b = box(argv=['true'])
    (b.home / 'ask.py').write_text(ASK)
    b = box('services: {web: {command: "python ask.py \'op=loglevel level=debug\' >said; exec sleep 1000"}}', home=b.home).up()
    assert b.file('said').startswith('ok=0;err=denied;code=SG0811;')
    assert 'SG0810' in asked(b, 'op=loglevel level=debug', uid=4711)[0]
    assert asked(b, 'op=loglevel level=warn') == ['ok=1;was=warn;;']
