"""A manifest with every key at once boots, is as it says, and reloads to nothing."""
import pytest

import every_key


@pytest.mark.asan
@pytest.mark.parametrize('without', ['project', 'a project'])
def test_a_manifest_with_every_key_boots_is_ready_and_reloads_to_nothing(box, without):
    """But for limits.cgroup: test/kernel/test_every_key.py. Services are of several projects, or of one."""
    every_key.ends(every_key.boots(box, {'limits.cgroup', without}, ns=['--net']))


@pytest.mark.parametrize('without', ['project', 'a project'])
def test_a_key_that_is_left_out_is_missed(without):
    assert every_key.missing(every_key.manifest('/x', {without}), {without}) == (set(), set())
    for heading, keys in every_key.table().items():
        for key in (k for k, kind in keys.items() if kind != 'refused' and heading != without and k != 'services'):
            m = every_key.manifest('/x', {without})
            for x in every_key.PLACES[heading](m):
                x.pop(key, None)
            absent, unknown = every_key.missing(m, {without})
            assert ((heading, key) in absent or (heading, key) == every_key.APART[without]) and not unknown, (heading, key)
