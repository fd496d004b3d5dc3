"""Tests that cannot run on every machine are named, with the reason, in test/unable: the only ones that are passed over."""
import pathlib

import pytest

UNABLE = pathlib.Path(__file__).resolve().parents[1] / 'unable'


def unable():
    names = {}
    for line in UNABLE.read_text().splitlines():
        if line.strip() and not line.startswith('#'):
            name, _, reason = line.partition(' ')
            names[name] = reason.strip()
    return names


def pytest_collection_modifyitems(items):
    names = unable()
    for item in items:
        reason = names.get(f'{item.path.name}::{item.originalname}')
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
