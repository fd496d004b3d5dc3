"""doc/examples/bluegreen under constant load: a rolling replacement of an nginx behind two slots loses not one request."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from harness import ROOT, codes, until

EXAMPLE = ROOT / 'doc/examples/bluegreen'
URL = 'http://127.0.0.1:8080/'

# What wrk counts, as JSON; and each answer's text is looked at.
SCRIPT = '''
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) odd, one, two = 0, 0, 0 end
function response(status, headers, body)
  if body == "hello from 8081\\n" then one = one + 1 elseif body == "hello from 8082\\n" then two = two + 1 else odd = odd + 1 end
end
function done(summary, latency, requests)
  local e, odd, one, two = summary.errors, 0, 0, 0
  for _, t in ipairs(threads) do odd, one, two = odd + t:get("odd"), one + t:get("one"), two + t:get("two") end
  io.write(string.format('RESULT {"requests": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d, "odd": %d, "one": %d, "two": %d}\\n',
    summary.requests, e.connect, e.read, e.write, e.status, e.timeout, odd, one, two))
end
'''


@pytest.fixture
def home():
    d = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
    for f in EXAMPLE.iterdir():
        shutil.copy(f, d / f.name)
    (d / 'count.lua').write_text(SCRIPT)
    yield d
    shutil.rmtree(d, ignore_errors=True)


def get(b, path=''):
    r = b.exec('python', '-c', f'import urllib.request as u; print(u.urlopen("{URL}{path}").read().decode())')
    return r.stdout.strip()


def load(b, seconds):
    return b.popen('wrk', '-t2', '-c24', f'-d{seconds}s', '--timeout', '10s', '-s', 'count.lua', URL, stderr=subprocess.STDOUT)


def boot(box, home):
    b = box((home / 'systemg.yaml').read_text(), home=home, ns=['--net'], timeout=180).up()
    b.until_state('web', 'running', seconds=20)
    until(lambda: get(b).startswith('hello'))
    return b


def counted(wrk):
    """What it counted, none of it a failure."""
    out, _ = wrk.communicate(timeout=60)
    assert 'RESULT' in out, out
    got = json.loads(re.search(r'RESULT (.*)', out)[1])
    assert {k: v for k, v in got.items() if v and k in ('connect', 'read', 'write', 'status', 'timeout', 'odd')} == {}, out
    assert got['requests'] > 1000
    return got


def test_not_one_request_fails_over_several_restarts_under_constant_load(box, home):
    b = boot(box, home)
    assert get(b) == 'hello from 8081'
    wrk = load(b, 12)
    for i in range(4):
        r = b.sysg('restart', '-s', 'web', timeout=60)
        assert r.returncode == 0, r
        assert wrk.poll() is None, 'the load outlasts the restarts'
        assert get(b) == f'hello from {8082 - i % 2}'
    got = counted(wrk)
    assert got['one'] > 100 and got['two'] > 100
    assert b.term() == 0


def test_nor_does_one_where_the_new_one_fails_before_the_switch_or_after_it(box, home):
    b = boot(box, home)
    conf, switch = (home / 'web.conf.in').read_text(), (home / 'switch.sh').read_text()
    wrk = load(b, 15)

    def fails(why):
        r = b.sysg('restart', '-s', 'web', timeout=60)
        assert r.returncode == 1 and {'SG0016', *why} <= set(codes(r)), r
        until(lambda: get(b) == 'hello from 8081')
    (home / 'web.conf.in').write_text(conf.replace('daemon off', 'daemon maybe'))
    fails(['SG0102'])
    (home / 'web.conf.in').write_text(conf)
    (home / 'switch.sh').write_text(switch + 'sleep 0.5; test $1 = 8081\n')  # it was switched, and says that it was not
    fails([])
    (home / 'switch.sh').write_text('#!/bin/sh\n')  # it says that it was, and was not
    b.write_manifest(b.manifest.read_text().replace('total_timeout: 10s', 'total_timeout: 1s'))
    fails(['SG0104'])
    assert wrk.poll() is None, 'the load outlasts the restarts'
    assert counted(wrk)['two'] > 0
