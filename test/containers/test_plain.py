"""The two commands of the README, as root of a plain Debian container in which nothing is installed."""
import pytest

from conftest import text_of, until


@pytest.mark.parametrize('number, last', [(1, 'demo: ok: '), (2, '0 failed, 0 skipped')])
def test_a_command_of_the_readme_installs_what_it_needs_and_passes(podman, number, last):
    def path(suffix):
        return podman.home / f'plain/{number}.{suffix}'
    until(lambda: text_of(path('code')), 1200, 0.5, why=lambda: f'the end of command {number}: {text_of(path("log"))[-2000:]}')
    log = text_of(path('log'))
    assert text_of(path('code')) == '0\n' and last in log.splitlines()[-1], log[-4000:]
    assert number == 2 or 'installing:' in log


def test_nothing_of_either_is_left(podman):
    assert podman.plain.code() == 0
    assert podman.plain.pids() == []
