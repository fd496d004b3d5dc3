"""HEALTHCHECK ["sysg","ready"] of the image, asked as a runtime's timer does."""
from conftest import until

LATE = '''services:
  a: {command: "sleep 1000", health_check: {file: /tmp/up, interval: 200ms, start_interval: 200ms, total_timeout: 1000s}}
'''


def test_the_health_check_fails_until_the_services_are_ready_and_then_passes(container):
    c = container(LATE)
    until(lambda: c.sysg('ping').returncode == 0, 20, 0.1)
    r = c.podman.run('healthcheck', 'run', c.name)
    assert r.returncode == 1, r
    assert c.exec('touch', '/tmp/up').returncode == 0
    until(lambda: c.podman.run('healthcheck', 'run', c.name).returncode == 0, 10, 0.1, why=lambda: c.logs)
    assert c.inspect('{{.State.Health.Status}}') == 'healthy'


def test_a_probe_of_another_user_of_the_container_gets_the_same_answer(container):
    c = container('services: {a: {command: "sleep 1000"}}').ready()
    assert c.sysg('ready', user='1000').returncode == 0 and c.sysg('health', user='1000').returncode == 0
