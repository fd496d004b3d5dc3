"""A dockerd of our own, for what podman has no timers for: health checks that really run, restart policies; and `docker stop`."""
import os
import signal
import subprocess

import pytest

from conftest import Engine, in_time, until
from test_health import LATE
from test_stop import RESTRICTED, stops_in_order

OFF = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false']


class Docker(Engine):
    def __init__(self, home):
        super().__init__(home, ['/usr/bin/docker', '-H', f'unix://{home}/d.sock'])
        argv = ['dockerd', *OFF, '-H', f'unix://{home}/d.sock', '--data-root', home / 'data', '--exec-root', home / 'exec', '--pidfile', home / 'd.pid']
        with open(home / 'log', 'w') as log:
            self.daemon = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        until(lambda: self.run('version').returncode == 0, 60, 0.2, why=lambda: (home / 'log').read_text()[-3000:])

    def close(self):
        for c in self.run('ps', '-a', '-q').stdout.split():
            self.run('rm', '-f', c)
        self.daemon.terminate()
        try:
            self.daemon.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.daemon.pid, signal.SIGKILL)
            self.daemon.wait()
        self.unmount()


@pytest.fixture(scope='module')
def docker(podman):
    home = podman.home / 'docker'
    subprocess.run(['rm', '-rf', home], check=True)
    home.mkdir()
    d = Docker(home)
    try:
        podman.ok('save', '-o', home / 'image.tar', 'sysg-debian', timeout=120)
        d.ok('load', '-i', home / 'image.tar', timeout=120)
        d.ok('tag', 'localhost/sysg-debian', 'sysg-debian')
        yield d
    finally:
        d.close()
        subprocess.run(['rm', '-rf', home], check=True)


@pytest.fixture
def run(docker, tmp_path):
    def start(manifest, *options):
        (tmp_path / 'm.yaml').write_text(manifest)
        return docker.start('sysg-debian', options=['-v', f'{tmp_path}/m.yaml:/etc/systemg/systemg.yaml:ro', *options])
    return start


def state(c, what):
    return c.inspect('{{.State.%s}}' % what)


def test_dockers_own_health_check_goes_from_starting_to_healthy_to_unhealthy(run):
    c = run(LATE, '--health-interval', '500ms', '--health-retries', '2', '--health-start-period', '100s')
    until(lambda: c.sysg('ping').returncode == 0, 20, 0.1)
    assert state(c, 'Health.Status') == 'starting'
    assert c.exec('touch', '/tmp/up').returncode == 0
    until(lambda: state(c, 'Health.Status') == 'healthy', 20, 0.1, why=lambda: state(c, 'Health'))
    assert c.exec('rm', '/tmp/up').returncode == 0
    until(lambda: state(c, 'Health.Status') == 'unhealthy', 30, 0.1, why=lambda: state(c, 'Health'))


def test_on_failure_restarts_it_as_often_as_it_says_and_an_end_with_0_is_none(run):
    c = run('services: {a: {command: "exit 3", restart_policy: never}}', '--restart', 'on-failure:2')
    until(lambda: c.inspect('{{.RestartCount}} {{.State.Running}}') == '2 false', 60, 0.1, why=lambda: c.logs)
    assert c.code() == 3
    c = run('services: {a: {command: "true", restart_policy: never}}', '--restart', 'on-failure:2')
    assert c.code() == 0 and c.inspect('{{.RestartCount}}') == '0'


def test_always_brings_it_back_after_a_kill_and_a_stop_is_a_stop(run):
    c = run('services: {a: {command: "setsid sleep 1000 & sleep 1000"}}', '--restart', 'always').ready()
    old, mine = c.pid, c.pids()
    os.kill(old, signal.SIGKILL)
    until(lambda: c.inspect('{{.RestartCount}}') == '1' and c.pid not in (0, old), 30, 0.1, why=lambda: c.logs)
    c.ready()
    assert not set(mine) & set(c.pids()) and c.commands().count('sleep 1000') == 2
    took, code = c.stop()
    assert code == 0 and in_time(took) and state(c, 'Running') == 'false'


@pytest.mark.parametrize('options', [[], RESTRICTED], ids=['plain', 'restricted'])
def test_docker_stop_of_twenty_services(run, tell, options):
    stops_in_order(run, tell, 'docker stop', options)


def test_dockers_init_is_pid_1_and_it_a_subreaper_below(run):
    c = run('services: {a: {command: "setsid sleep 1000 & sleep 1000"}}', '--init').ready()
    assert c.status()['supervisor']['mode'] == 'subreaper'
    took, code = c.stop()
    assert code == 0 and in_time(took) and c.pids() == []
