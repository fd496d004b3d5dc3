"""A pod whose containers share their processes, by `podman kube play`: PID 1 is the pause program's."""
import pytest

from conftest import Container, in_time, until
from test_spawn import MANIFEST, child_names

HEAD = '''
apiVersion: v1
kind: Pod
metadata: {{name: pod}}
spec:
  shareProcessNamespace: true
  restartPolicy: Never
  volumes:
    - {{name: manifest, hostPath: {{path: {manifest}, type: File}}}}
'''
POD = HEAD + '''
    - {{name: shared, hostPath: {{path: {shared}, type: Directory}}}}
  containers:
    - name: app
      image: localhost/sysg-debian
      env: [{{name: SYSG_SOCKET, value: /shared/control.sock}}]
      volumeMounts: [{{name: manifest, mountPath: /etc/systemg/systemg.yaml, readOnly: true}}, {{name: shared, mountPath: /shared}}]
    - name: neighbour
      image: localhost/sysg-debian
      command: [sleep, "5151"]
      volumeMounts: [{{name: shared, mountPath: /shared}}]
'''
# Nothing can be written; all of the pod share the name of the abstract socket.
READ_ONLY = HEAD + '''
  containers:
    - name: app
      image: localhost/sysg-debian
      securityContext: {{readOnlyRootFilesystem: true}}
      volumeMounts: [{{name: manifest, mountPath: /etc/systemg/systemg.yaml, readOnly: true}}]
    - name: neighbour
      image: localhost/sysg-debian
      command: [sleep, "5151"]
'''


def test_in_a_pod_the_abstract_socket_is_the_own_containers_alone(podman, tmp_path):
    (tmp_path / 'm.yaml').write_text('services: {a: {command: "sleep 1000"}}')
    (tmp_path / 'pod.yaml').write_text(READ_ONLY.format(manifest=tmp_path / 'm.yaml'))
    try:
        podman.ok('kube', 'play', '--network', 'none', tmp_path / 'pod.yaml', timeout=120)
        app, neighbour = Container(podman, 'pod-app').ready(), Container(podman, 'pod-neighbour')
        assert '@sysg/' in app.doctor()['supervisor'][0][1]
        assert app.sysg('ready', user='1000').returncode == 0
        r = neighbour.sysg('status')
        assert r.returncode == 3 and '@sysg/' in r.stderr, r
    finally:
        podman.run('pod', 'rm', '-f', '-t', '0', 'pod')


@pytest.fixture
def pod(podman, tmp_path):
    (tmp_path / 'shared').mkdir()
    manifest = MANIFEST + '  side: {command: "setsid sleep 6161 & sleep 6262"}\ncontrol: {socket: /shared/control.sock}\n'
    (tmp_path / 'm.yaml').write_text(manifest)
    (tmp_path / 'pod.yaml').write_text(POD.format(manifest=tmp_path / 'm.yaml', shared=tmp_path / 'shared'))
    try:
        podman.ok('kube', 'play', '--network', 'none', tmp_path / 'pod.yaml', timeout=120)
        yield Container(podman, 'pod-app').ready(), Container(podman, 'pod-neighbour')
    finally:
        podman.run('pod', 'rm', '-f', '-t', '0', 'pod')


def test_in_a_pod_it_is_a_subreaper_and_its_workers_spawn_are_limited_and_end(pod):
    app, _ = pod
    assert app.status()['supervisor']['mode'] == 'subreaper'
    assert 'a subreaper' in app.doctor()['supervisor'][0][1] and app.doctor()['/proc'][0][0] == 'ok'
    app.says('refused 7')
    until(lambda: child_names(app) == ['calm'], why=lambda: f'the end by TTL: {child_names(app)}')
    assert app.sysg('stop', 'boss').returncode == 0
    assert [line for line in app.commands() if 'sleep 1000' in line] == []


def test_in_a_pod_a_stop_ends_its_own_processes_and_no_other_containers(pod):
    app, neighbour = pod
    until(lambda: 'sleep 6161' in app.commands(), why=app.commands)
    took, code = app.stop()
    assert code == 0 and in_time(took) and app.commands() == []
    assert neighbour.commands() == ['sleep 5151']


def test_in_a_pod_another_containers_root_is_nobody_at_a_shared_socket(pod):
    app, neighbour = pod
    assert app.sysg_ok('whoami').split()[0] == 'operator'
    ask = ['--socket', '/shared/control.sock']
    r = neighbour.sysg('whoami', *ask)
    assert r.stdout.split()[0] == 'nobody', r
    assert neighbour.sysg('stop', 'boss', *ask).returncode in (4, 11)
    assert app.unit('boss')['state'] == 'running'
