"""docker/examples and the image of README.md: each is built and run by the lines of its README, used as its users would, hurt, and stopped."""
import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from conftest import Container, until

# A README's `docker`: podman with this session's storage, in the network of who calls. The image sysg is there already.
DOCKER = '''#!/bin/sh
command=$1
shift
case "$command $*" in
"build -t sysg "*) exec {0} image exists sysg ;;
build*) set -- --network host --pull=never --format docker "$@" ;;
run*) set -- --network host "$@" ;;
esac
exec {0} "$command" "$@"
'''


def lines_of(name, podman):
    """The command lines of an example's README."""
    text = (podman.source / 'docker/examples' / name / 'README.md').read_text()
    lines = re.findall(r'^    (.*)$', text, re.M)
    assert len(lines) == 5 and lines[0].startswith('docker build -t sysg ')
    return lines


class Example(Container):
    """The container of that name, and a network in which it, the lines of a README and `get` find each other."""

    def __init__(self, podman, name, lines, cwd, folder):
        super().__init__(podman, name)
        docker = folder / 'docker'
        docker.write_text(DOCKER.format(' '.join(podman.words)))
        docker.chmod(0o755)
        self.env = {**podman.env, 'PATH': f'{folder}:{os.environ["PATH"]}'}
        self.cwd, self.begin, self.end = cwd, lines[:-1], lines[-1]
        assert self.end == f'docker stop {name}'
        self.net = subprocess.Popen(['unshare', '-n', 'sh', '-c', 'ip link set lo up && echo up && exec sleep 1000'], text=True,
                                    stdout=subprocess.PIPE)
        assert self.net.stdout.readline() == 'up\n'

    def inside(self, words, timeout):
        """In the network of the container, where a runtime's exec does not bring us: the container has it from its caller."""
        return subprocess.run(['timeout', '-k', '5', str(timeout), 'nsenter', '-n', '-t', str(self.net.pid), *words], env=self.env,
                              cwd=self.cwd, text=True, capture_output=True, stdin=subprocess.DEVNULL)

    def exec(self, *words, timeout=30):
        return self.inside([*self.podman.words, 'exec', self.name, *words], timeout)

    def shell(self, line, timeout=120):
        r = self.inside(['sh', '-ec', line], timeout)
        assert r.returncode == 0, (line, r.returncode, r.stdout, r.stderr[-3000:])
        return r.stdout

    def get(self, url):
        return self.shell(f'curl -fsS --max-time 5 {url}')

    def finish(self):
        """The README's last line: how long it took."""
        begun = time.monotonic()
        self.shell(self.end)
        took = time.monotonic() - begun
        assert self.code() == 0, self.logs[-3000:]
        assert 'SG0713' not in self.logs and 'KILL' not in self.logs, self.logs[-3000:]
        print(f'\n  {self.name}: {self.end} took {took:.2f} s')
        return took

    def pids_of(self):
        return {u['name']: u['process']['pid'] for u in self.units() if 'process' in u}

    def crash(self, name):
        """Kills a unit's main process; the pids of all units before, and once all are up again."""
        before = self.pids_of()
        self.exec('sh', '-c', f'kill -KILL {before[name]}')
        until(lambda: self.pids_of().get(name, before[name]) != before[name] and self.sysg('ready').returncode == 0, 60, 0.2,
              why=lambda: f'{name} back: {self.logs[-3000:]}')
        return before, self.pids_of()

    def close(self):
        self.podman.run('rm', '-f', '-t', '0', self.name)
        self.podman.run('volume', 'rm', '-f', self.name)
        self.net.kill()
        self.net.wait()


@pytest.fixture
def example(podman, tmp_path):
    """example(name): built, and run by its README's lines but the last; (it, what each line printed)."""
    made = []

    def make(name, lines=None, cwd=None):
        cwd = cwd or podman.source / 'docker/examples' / name
        podman.build(name, cwd)
        e = Example(podman, name, lines or lines_of(name, podman), cwd, tmp_path)
        made.append(e)
        podman.run('volume', 'rm', '-f', name)
        return e, [e.shell(line) for line in e.begin]
    yield make
    for e in made:
        e.close()


def test_nginx_answers_through_php_and_stays_while_php_comes_back(example):
    e, said = example('web')
    assert re.fullmatch(r'hello from php \d+\n', said[2])
    assert re.search(r'^php +running +healthy', said[3], re.M) and re.search(r'^web +(starting|running) ', said[3], re.M)
    before, after = e.crash('php')
    assert after['web'] == before['web'] and after['php'] != before['php']
    assert e.get('http://127.0.0.1:8080/').startswith('hello from php')
    before, after = e.crash('web')
    assert after['php'] == before['php']
    assert e.get('http://127.0.0.1:8080/').startswith('hello from php')
    assert {u['process']['user'] for u in e.units()} == {'33'}, 'all of it is www-data'
    e.finish()
    assert 'exiting, bye-bye!' in e.logs


def workers(e):
    queue = next(u for u in e.units() if u['name'] == 'queue')
    return [k['child'] for k in queue.get('spawned_children', []) if k['child']['state'] == 'running']


def test_workers_come_with_the_queues_depth_and_go_when_it_is_empty(example):
    e, said = example('queue')
    assert re.search(r'\[children [1-5]/5, depth 1/1, .*\n.*worker', said[3]), said[3]

    def redis(*words):
        return e.exec('redis-cli', *words).stdout.strip()
    most = [0]

    def done():
        most[0] = max(most[0], len(workers(e)))
        return redis('get', 'done') == '40'
    until(done, 60, 0.1, why=lambda: f'40 jobs: {e.logs[-3000:]}')
    assert most[0] == 5
    until(lambda: not workers(e), 20, 0.1, why=lambda: f'workers gone: {workers(e)}')

    redis('lpush', 'jobs', 'a', 'b', 'c', 'd')
    only = until(lambda: workers(e), 20, 0.05)[0]
    e.exec('sh', '-c', f'kill -KILL {only["pid"]}')
    until(lambda: redis('get', 'done') == '44', 30, 0.1, why=lambda: f'no job lost with its worker: {e.logs[-3000:]}')
    before, after = e.crash('redis')
    assert after['queue'] != before['queue'], 'it depends on redis'
    redis('lpush', 'jobs', *'efghijklmnop')
    until(lambda: redis('get', 'done') == '56', 30, 0.1, why=lambda: f'it goes on: {e.logs[-3000:]}')
    assert redis('keys', '*') == 'done'
    e.finish()


def test_the_database_is_migrated_once_serves_the_api_and_ends_in_order(example):
    e, said = example('notes')
    first = {'id': 1, 'text': 'the first note'}
    assert said[3].splitlines()[0] == '[[1]]' and json.loads(said[3].splitlines()[1]) == [first]
    users = {u['name']: u['process']['user'] for u in e.units() if 'process' in u}
    names = {name: e.exec('id', '-un', uid).stdout.strip() for name, uid in users.items()}
    assert names == {'db': 'postgres', 'api': 'www-data'}
    before, after = e.crash('db')
    assert after['api'] == before['api']
    assert json.loads(e.get('http://127.0.0.1:8000/notes')) == [first]
    e.finish()
    assert e.logs.count('applying migrations/001_notes.sql') == 1
    assert 'received fast shutdown request' in e.logs
    assert re.search(r'database system is shut down\n', e.logs)
    before = len(e.logs)
    e.shell(f'docker start {e.name}')
    e.ready(60)
    assert json.loads(e.get('http://127.0.0.1:8000/notes')) == [first], 'the volume keeps it'
    said = e.logs[before:]
    assert 'database system was shut down at' in said and 'interrupted' not in said and 'applying' not in said, said
    e.finish()


def test_the_image_of_the_readme_is_built_and_does_as_it_says(podman, example, tmp_path):
    blocks = re.findall(r'^```\w+\n(.*?)^```$', (podman.source / 'README.md').read_text(), re.M | re.S)

    def block(word):
        return next(b for b in blocks if word in b)
    app = tmp_path / 'app'
    app.mkdir()
    (app / 'Dockerfile').write_text(block('FROM '))
    (app / 'systemg.yaml').write_text(block('services:'))
    (app / 'queue.sh').write_text(block('sysg spawn --name "job_$job"'))
    podman.ok('tag', 'debian:bookworm', 'debian:bookworm-slim')
    e, said = example('app', block('docker run -d --name app app').splitlines(), app)
    tree, status, logs, report, stop = said[3:]
    assert '[children 5/5, depth 1/3, ' in tree and re.search(r'^report +running', status, re.M)
    assert 'error[SG0803]: children limit of queue reached: 5 of 5' in logs and 'no room for job 6' in logs
    assert report == 'report may not spawn\n' and 'job_1' in stop
    assert e.finish() < 10
    alone = podman.ok('run', '--rm', '--network', 'none', 'app', 'sh', '-c', 'echo alone', timeout=30)
    assert alone.stdout == 'alone\n'


def test_every_example_is_run_here(podman):
    here = pathlib.Path(__file__).read_text()
    names = {d.parent.name for d in (podman.source / 'docker/examples').glob('*/Dockerfile')}
    assert names and all(f"example('{n}')" in here for n in names), names
