"""`sysg status`: --all, --stream, --live, and what it says when there is nothing to say."""
import json
import os
import signal

import pytest

from harness import SYSG, until

REPAINT = '\x1b[2J\x1b[H'
ONE = 'services: {web: {exec: [sleep, "1000"], restart_policy: always}}'
PARENT = 'services: {boss: {exec: [sleep, "1000"], spawn: {mode: dynamic}}}'


def reader(b, *args):
    """A running `sysg status`, and what it has written so far."""
    p = b.popen(b.program, 'status', *args)
    os.set_blocking(p.stdout.fileno(), False)
    p.seen = ''

    def look():
        try:
            p.seen += os.read(p.stdout.fileno(), 1 << 20).decode()
        except BlockingIOError:
            pass
        return p.seen
    p.look = look
    return p


def end(p, sig=signal.SIGINT):
    """Ends the command itself (nsrun, which runs it inside, goes along)."""
    for line in open(f'/proc/{p.pid}/task/{p.pid}/children').read().split():
        os.kill(int(line), sig)
    return p.wait(10)


def spawned(box):
    b = box(PARENT).up()
    b.until_state('boss', 'running')
    b.sysg_ok('spawn', '--parent', 'boss', '--name', 'short', '--wait', '--', 'true')
    b.sysg_ok('spawn', '--parent', 'boss', '--name', 'long', '--', 'sleep', '1000')
    return b


def test_results_of_ended_children_are_counted_and_all_lists_them(box):
    b = spawned(box)
    text = b.sysg_ok('status')
    assert 'long' in text and 'short' not in text and '(1 spawned unit ended; --all lists it too)' in text
    text = b.sysg_ok('status', '--all')
    assert 'long' in text and 'short' in text and '--all' not in text
    assert 'short' in b.sysg_ok('status', '-s', 'boss') and 'short' in b.sysg_ok('status', 'boss/short')


def test_json_has_them_in_any_case(box):
    b = spawned(box)
    for args in ((), ('--all',)):
        children = b.json('status', *args)['units'][0]['spawned_children']
        assert {c['child']['name'] for c in children} == {'short', 'long'}


def test_live_and_stream_paint_the_screen_anew(box):
    b = box(ONE).up()
    b.until_state('web', 'running')
    for args in (['--live'], ['--stream', '1s'], ['--stream', '200ms']):
        p = reader(b, *args)
        until(lambda: p.look().count(REPAINT) >= 3, 10, why=lambda: f'three pictures: {p.seen!r}')
        first, second = p.seen.split(REPAINT)[:2]
        assert first == '' and second.startswith('NAME') and 'web' in second
        end(p)


def test_a_stream_shows_what_changes(box):
    b = box(ONE).up()
    before = b.until_state('web', 'running')['process']['pid']
    p = reader(b, '--stream', '100ms')
    until(lambda: f' {before} ' in p.look(), 10, why='the first pid')
    os.kill(next(q.pid for q in b.procs().values() if q.inner == before), signal.SIGKILL)
    after = until(lambda: (b.running_pid('web') or before) != before and b.running_pid('web'), 10, why='another pid')
    until(lambda: f' {after} ' in p.look().split(REPAINT)[-1], 10, why=lambda: f'pid {after} in {p.seen[-300:]!r}')
    end(p)


def test_a_stream_of_json_is_one_object_a_line_and_no_escapes(box):
    b = box(ONE).up()
    p = reader(b, '--stream', '100ms', '--json')
    until(lambda: p.look().count('\n') >= 3, 10, why='three lines')
    assert '\x1b' not in p.seen
    for line in p.seen.splitlines()[:3]:
        assert json.loads(line)['units'][0]['name'] == 'web'
    end(p)


def test_plain_streams_without_escapes(box):
    b = box(ONE).up()
    p = reader(b, '--stream', '100ms', '--plain')
    until(lambda: p.look().count('NAME') >= 3, 10, why='three tables')
    assert '\x1b' not in p.seen
    end(p)


def test_a_stream_ends_on_int_and_on_a_closed_pipe(box):
    b = box(ONE).up()
    p = reader(b, '--live')
    until(lambda: REPAINT in p.look(), 10, why='a picture')
    assert end(p) in (128 + signal.SIGINT, -signal.SIGINT)
    # an hour between two pictures: the end of the reader alone has to be seen
    p = reader(b, '--stream', '1h')
    until(lambda: REPAINT in p.look(), 10, why='a picture')
    p.stdout.close()
    assert p.wait(10) == 0


def test_a_stream_goes_on_over_a_supervisor_that_restarts(box):
    home = box(argv=['true']).home
    (home / 'm.yaml').write_text(ONE)
    b = box(argv=['sh', '-c', f'{SYSG} status --stream 100ms >seen 2>said & watcher=$!; {SYSG} start -c m.yaml & first=$!; '
                  'until grep -q running seen; do sleep 0.05; done; kill $first; wait $first; '
                  ': >seen; : >said; until grep -q SG0206 said; do sleep 0.05; done; '
                  f'{SYSG} start -c m.yaml & second=$!; until grep -q running seen; do sleep 0.05; done; echo back >mark; '
                  'kill $watcher $second; wait'], home=home)
    until(lambda: b.peek('mark') == 'back\n', 20, why=lambda: f'the second one: {b.peek("mark")!r} {b.peek("said")[-300:]} {b.stderr[-400:]}')


@pytest.mark.parametrize('args', [['--stream', '0'], ['--stream', '99ms'], ['--stream', 'soon'], ['--stream', '1s', '--live']])
def test_a_period_that_makes_no_sense_is_a_usage_error(box, args):
    b = box(argv=[SYSG, 'status', *args])
    assert b.wait() == 2 and ('SG0210' in b.stderr or 'SG0204' in b.stderr)


def test_what_matches_nothing_is_said(box):
    b = box(ONE).up()
    assert b.sysg_ok('status', 'nothing') == 'No matching units found\n'
    assert b.json('status', 'nothing')['units'] == []
