"""The release binary: static, small, and still when there is nothing to do."""
import os
import pathlib
import struct
import time

import pytest

from harness import SYSG, pss_kib, switches, until

SECONDS_IDLE = int(os.environ.get('SECONDS_IDLE', '60'))
TEN = 'services:\n' + ''.join(f'  s{i}: {{exec: [sleep, "10000"]}}\n' for i in range(10))


def segments():
    data = pathlib.Path(SYSG).read_bytes()
    assert data[:5] == b'\x7fELF\x02'
    offset, = struct.unpack_from('<Q', data, 32)
    size, count = struct.unpack_from('<HH', data, 54)
    return [struct.unpack_from('<I', data, offset + i * size)[0] for i in range(count)]


def test_it_is_static_without_an_interp_segment():
    assert 3 not in segments()


def test_it_is_under_500_kb():
    assert os.path.getsize(SYSG) <= 993 * 512  # one block more, and the image is over 500 * 1024


@pytest.mark.idle
def test_idle_with_ten_services_it_uses_400_kib_and_never_wakes_up(box, capsys):
    b = box(TEN, timeout=SECONDS_IDLE + 120).up()
    until(lambda: len([p for p in b.procs().values() if p.cmdline == 'sleep 10000']) == 10)
    logger = until(b.logger)
    settle(b, logger)
    before = switches(b.pid), switches(logger.pid)
    pss = pss_kib(b.pid), pss_kib(logger.pid)
    end = time.monotonic() + SECONDS_IDLE
    until(lambda: time.monotonic() > end, SECONDS_IDLE + 5, 0.5)
    after = switches(b.pid), switches(logger.pid)
    with capsys.disabled():
        print(f'\n  idle: PSS {pss[0]} + {pss[1]} KiB; switches in {SECONDS_IDLE} s: {before} -> {after}')
    assert after == before
    assert sum(pss) <= 400
    assert b.term() == 0


def settle(b, logger):
    """Until neither has run for two seconds: connections of the pings before are closed by then."""
    last = [None, time.monotonic()]

    def look():
        now = switches(b.pid), switches(logger.pid)
        if now != last[0]:
            last[:] = now, time.monotonic()
        return time.monotonic() - last[1] > 2
    until(look, 20, 0.2, 'two quiet seconds')
