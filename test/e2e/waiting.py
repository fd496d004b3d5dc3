"""Waiting for something to come true, which no test does by sleeping."""
import os
import time

ASAN = bool(os.environ.get('E2E_ASAN'))
SLOW = 5 if ASAN else 2 if os.environ.get('KERNEL_TIER') else 1


def until(what, seconds=10, every=0.005, why='the condition'):
    """Calls what() until it is true; its value, or an AssertionError at the deadline."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'{why() if callable(why) else why} did not come true within {seconds} s')
        time.sleep(every)
