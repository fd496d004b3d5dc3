"""Why a unit ended, as `sysg wait`, `status` and `events` say it."""
import pytest

from harness import until

SERVICE = 'services: {web: {exec: [sleep, "1000"], spawn: {mode: dynamic}}}'


def spawn(b, *options, parent='web', name='kid', argv=('sleep', '1000')):
    b.sysg_ok('spawn', '--parent', parent, '--name', name, *options, '--', *argv)


@pytest.mark.parametrize('reason', ['exited', 'signal', 'stopped', 'ttl', 'cascade'])
def test_each_end_has_its_reason(box, reason):
    b = box(SERVICE).up()
    if reason == 'exited':
        spawn(b, argv=['sh', '-c', 'exit 3'])
    elif reason == 'ttl':
        spawn(b, '--ttl', '1')
    elif reason == 'cascade':
        spawn(b, name='between')
        spawn(b, parent='web/between')
        b.sysg_ok('signal', 'web/between', 'KILL')
    else:
        spawn(b)
        b.sysg_ok(*{'signal': ['signal', 'kid', 'KILL'], 'stopped': ['stop', 'kid']}[reason])
    if reason != 'cascade': # of which nothing is kept, as its parent ended too
        assert b.sysg_ok('wait', 'kid').split()[-1] == f'reason={reason}'
    until(lambda: f'reason={reason}' in b.sysg_ok('events'), why=lambda: b.sysg_ok('events'))
    for other in {'exited', 'stopped', 'ttl', 'shutdown', 'exec-failed', 'gave-up', 'memory', 'oom'} - {reason}:
        assert f'reason={other}' not in b.sysg_ok('events'), other


def test_the_end_by_a_shutdown_has_its_reason(box):
    b = box('''
        services:
          watch: {exec: [sh, -c, "trap '' TERM; exec sysg events -f >said"], stop_timeout: 1s, request_capabilities: ["status:web"]}
          web: {exec: [sleep, "1000"], depends_on: [watch]}
        ''').up()
    until(lambda: ' web ' in b.peek('said'), why=lambda: b.peek('said'))
    b.kill(15)
    b.wait()
    assert 'reason=shutdown' in b.peek('said')


def test_a_service_without_a_program_has_its_reason(box):
    b = box('services: {web: {exec: [/no/such/program]}, hold: {exec: [sleep, "1000"]}}').up()
    until(lambda: b.unit('web').get('last_exit', {}).get('reason') == 'exec-failed', why=lambda: b.unit('web'))
