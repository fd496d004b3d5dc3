"""Servers as they are shipped: redis, nginx and PostgreSQL of Debian, and a worker that needs all three.

What goes into their manifest: PostgreSQL takes TERM for "wait until every client has gone" and INT for "now, and in order",
so its `stop_signal` is INT; nginx takes QUIT for the orderly end. Both want a folder of their own and run in the
foreground.
"""
import glob
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import PYTHON, until

SERVERS = ('cache', 'web', 'db')

MANIFEST = '''
    services:
      cache:
        exec: [redis-server, --port, "7379", --bind, 127.0.0.1, --save, "", --dir, cache]
        user: redis
        backoff: 100ms
        health_check: {{tcp: "127.0.0.1:7379", interval: 1s}}
      web:
        exec: [nginx, -e, stderr, -c, {home}/nginx.conf]
        user: www-data
        stop_signal: QUIT
        backoff: 100ms
        health_check: {{url: "http://127.0.0.1:7080/", interval: 1s}}
      db:
        exec: [{pg}/postgres, -D, db, -p, "7432", -c, listen_addresses=127.0.0.1, -c, unix_socket_directories=]
        user: postgres
        stop_signal: INT
        stop_timeout: 20s
        backoff: 100ms
        health_check: {{command: [{pg}/pg_isready, -q, -h, 127.0.0.1, -p, "7432", -U, postgres], interval: 1s}}
      worker:
        exec: [{python}, worker.py, {pg}/psql]
        depends_on: [cache, web, db]
        restart_policy: never
    '''

NGINX = '''
    daemon off;
    pid {home}/web/pid;
    error_log stderr;
    worker_processes 1;
    events {{ worker_connections 64; }}
    http {{
      access_log off;
      client_body_temp_path {home}/web/body;
      proxy_temp_path {home}/web/proxy;
      fastcgi_temp_path {home}/web/fastcgi;
      uwsgi_temp_path {home}/web/uwsgi;
      scgi_temp_path {home}/web/scgi;
      server {{ listen 127.0.0.1:7080; location / {{ return 200 "ok\\n"; }} }}
    }}
    '''

# Uses each of the three once, at its start: what does not answer yet makes it fail for good.
WORKER = '''
import os, socket, subprocess, sys, time, urllib.request
s = socket.create_connection(("127.0.0.1", 7379), 5)
s.sendall(b"PING\\r\\n")
assert s.recv(64) == b"+PONG\\r\\n"
s.close()
assert urllib.request.urlopen("http://127.0.0.1:7080/", timeout=5).read() == b"ok\\n"
one = subprocess.run([sys.argv[1], "-h", "127.0.0.1", "-p", "7432", "-U", "postgres", "-Atc", "select 1"],
                     capture_output=True, text=True, timeout=10)
assert one.stdout == "1\\n", one
with open("worked", "a") as f:
    f.write("%d\\n" % os.getpid())
time.sleep(10000)
'''


def folder(home, name, user):
    path = home / name
    path.mkdir(mode=0o700)
    who = pwd.getpwnam(user)
    os.chown(path, who.pw_uid, who.pw_gid)
    return path


@pytest.fixture
def servers():
    """A folder with all that the three need: their manifest, their own folders, an empty database."""
    home = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
    home.chmod(0o1777)
    pg = sorted(glob.glob('/usr/lib/postgresql/*/bin'))[-1]
    folder(home, 'cache', 'redis')
    folder(home, 'web', 'www-data')
    db = folder(home, 'db', 'postgres')
    subprocess.run([f'{pg}/initdb', '-D', db, '-A', 'trust', '-U', 'postgres', '--no-sync', '--locale=C', '-E', 'UTF8'],
                   check=True, user='postgres', group='postgres', cwd='/', capture_output=True, timeout=120)
    (home / 'nginx.conf').write_text(NGINX.format(home=home))
    (home / 'worker.py').write_text(WORKER)
    yield home, MANIFEST.format(home=home, pg=pg, python=PYTHON)
    shutil.rmtree(home, ignore_errors=True)


def boot(box, servers):
    home, manifest = servers
    return box(manifest, home=home, ns=['--net'], timeout=240).up()


def worker_of(b, not_pid=None):
    """The pid of the worker once it has used all three servers."""
    def look():
        pids = b.peek('worked').split()
        pid = b.running_pid('worker')
        return pid if pid and pid != not_pid and str(pid) in pids else None
    return until(look, 60, 0.05, lambda: f'a worker at work: {b.stderr[-3000:]}')


def clean_end(b):
    """TERM: 0, inside of the budget (the chain's 5 s and 20 s, and 3 s more), with nothing left, and PostgreSQL's own word for it."""
    before = len(b.stderr)
    assert b.term(28) == 0
    said = b.stderr[before:]
    assert 'received fast shutdown request' in said, said
    assert re.search(r'database system is shut down\n', said), said
    assert 'SG0713' not in said and not b.others(), said


def test_they_boot_come_back_after_kill_9_and_stop_cleanly(box, servers):
    b = boot(box, servers)
    worker = worker_of(b)
    for name in SERVERS:
        old, of_worker = {n: b.pid_of(n) for n in SERVERS}, worker
        os.kill(b.inner(old[name]).pid, signal.SIGKILL)
        worker = worker_of(b, not_pid=of_worker)
        new = {n: b.pid_of(n) for n in SERVERS}
        assert {n for n in SERVERS if new[n] != old[n]} == {name}
        assert not b.alive(old[name]) and not b.alive(of_worker), name
    assert len(b.peek('worked').split()) == 1 + len(SERVERS)
    clean_end(b)


def test_the_database_of_a_clean_stop_needs_no_recovery(box, servers):
    b = boot(box, servers)
    worker_of(b)
    clean_end(b)
    assert 'database system was shut down at' in b.stderr
    again = boot(box, servers)
    worker_of(again)
    again.says('database system was shut down at', where='stderr')
    assert 'not properly shut down' not in again.stderr and 'was interrupted' not in again.stderr, again.stderr
    clean_end(again)


def test_a_database_that_is_killed_does_need_it(box, servers):
    b = boot(box, servers)
    worker = worker_of(b)
    os.kill(b.inner(b.pid_of('db')).pid, signal.SIGKILL)
    worker_of(b, not_pid=worker)
    b.says('not properly shut down', where='stderr')
    clean_end(b)
