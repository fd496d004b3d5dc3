"""What the images hold."""
import json
import shutil
import tarfile
import time


def test_the_scratch_image_has_one_file_and_is_under_500_kb(podman, tell):
    size = int(podman.ok('inspect', '--format', '{{.Size}}', 'sysg').stdout)
    tell(f'the scratch image: {size} bytes')
    assert size < 500 * 1024  # as sizes are read in a manifest
    podman.ok('create', '--name', 'look', 'sysg')
    listing = podman.ok('export', 'look', '-o', str(podman.home / 'look.tar'))
    assert listing.returncode == 0
    with tarfile.open(podman.home / 'look.tar') as t:
        files = [m.name for m in t if m.isfile() and m.size]
    assert files == ['sysg']


def test_two_builds_are_one_image(podman):
    """The second from another folder, where a file that nothing needs is added."""
    shutil.rmtree(podman.home / 'again', ignore_errors=True)
    shutil.copytree(podman.source, podman.home / 'again')
    (podman.home / 'again/unneeded').write_text(str(time.time()))
    podman.build_sysg('again', podman.home / 'again')
    one, two = (json.loads(podman.ok('inspect', tag).stdout)[0] for tag in ('sysg', 'again'))
    for key in ('RootFS', 'Config', 'History', 'Created', 'Digest', 'Id'):
        assert one[key] == two[key], key


def test_the_images_have_labels_an_entry_point_and_a_health_check(podman):
    config = json.loads(podman.ok('inspect', 'sysg').stdout)[0]['Config']
    assert config['Entrypoint'] == ['/sysg', 'start']
    assert config['Labels']['org.opencontainers.image.title'] == 'sysg'
    version = podman.ok('run', '--rm', '--network', 'none', '--entrypoint', '/sysg', 'sysg', 'version').stdout
    assert config['Labels']['org.opencontainers.image.version'] in version
    image = json.loads(podman.ok('inspect', 'sysg-debian').stdout)[0]
    assert image['Healthcheck']['Test'] == ['CMD', 'sysg', 'ready']
    assert image['Config']['StopSignal'] in ('SIGTERM', '15')
