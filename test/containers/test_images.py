"""What the images hold."""
import json


def test_the_scratch_image_has_one_file_and_is_under_500_kb(podman):
    size = int(podman.ok('inspect', '--format', '{{.Size}}', 'sysg').stdout)
    print(f'\n  the scratch image: {size} bytes')
    assert size < 500 * 1024
    podman.ok('create', '--name', 'look', 'sysg')
    listing = podman.ok('export', 'look', '-o', str(podman.home / 'look.tar'))
    assert listing.returncode == 0
    import tarfile
    with tarfile.open(podman.home / 'look.tar') as t:
        files = [m.name for m in t if m.isfile() and m.size]
    assert files == ['sysg']


def test_two_builds_are_one_image(podman):
    ids = []
    for tag in ('one', 'two'):
        podman.build(tag, podman.source, '--layers=false', '--timestamp', '0')
        ids.append(podman.ok('inspect', '--format', '{{.Id}}', tag).stdout)
    assert ids[0] == ids[1]


def test_the_images_have_labels_an_entry_point_and_a_health_check(podman):
    config = json.loads(podman.ok('inspect', 'sysg').stdout)[0]['Config']
    assert config['Entrypoint'] == ['/sysg', 'start']
    assert config['Labels']['org.opencontainers.image.title'] == 'sysg'
    version = podman.ok('run', '--rm', '--network', 'none', '--entrypoint', '/sysg', 'sysg', 'version').stdout
    assert config['Labels']['org.opencontainers.image.version'] in version
    image = json.loads(podman.ok('inspect', 'sysg-debian').stdout)[0]
    assert image['Healthcheck']['Test'] == ['CMD', 'sysg', 'ready']
    assert image['Config']['StopSignal'] in ('SIGTERM', '15')
