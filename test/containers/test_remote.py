"""Two containers that share nothing but a volume: the one is a unit of the other by its token."""
from conftest import until

MANIFEST = '''
control: {socket: /shared/control.sock}
services:
  app:
    remote: {uid: 1000, token_file: /shared/app.token}
    spawn: {mode: dynamic, limits: {children: 2}}
    user: "1001"
'''


def test_a_container_that_shows_its_token_spawns_in_ours_and_takes_that_along_when_it_dies(container, tmp_path):
    shared = tmp_path / 'shared'
    shared.mkdir()
    shared.chmod(0o755)
    both = ['-v', f'{shared}:/shared', '-e', 'SYSG_SOCKET=/shared/control.sock']
    ours = container(MANIFEST, options=both).ready()
    theirs = container(None, '5151', options=[*both, '--entrypoint', 'sleep', '-e', 'SYSG_TOKEN_FILE=/shared/app.token'])

    def sysg(*words, user='1000'):
        return theirs.exec('sysg', *words, user=user)
    assert sysg('whoami').stdout.split()[:2] == ['unit', 'app']
    assert sysg('whoami', user='0').stdout.split() == ['nobody']
    assert sysg('spawn', '--name', 'free', '--', 'sleep', '6161').returncode == 0
    r = theirs.podman.run('exec', '-d', '--user', '1000', theirs.name, 'sysg', 'spawn', '--bind', '--', 'sleep', '6262')
    assert r.returncode == 0, r
    until(lambda: {'sleep 6161', 'sleep 6262'} <= set(ours.commands()), why=lambda: str(ours.commands()))
    assert sysg('spawn', '--', 'true').returncode == 7
    assert 'sleep 6161' not in theirs.commands()
    theirs.podman.run('kill', theirs.name)
    until(lambda: not any('sleep' in c for c in ours.commands()), why=lambda: str(ours.commands()))
    assert ours.unit('app')['state'] == 'running'
