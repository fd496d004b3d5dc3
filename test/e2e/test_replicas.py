"""`replicas: N` is N services NAME.1 to NAME.N; their common name means all of them."""
import pytest

from harness import codes, until

WEB = '''
    services:
      web: {{command: "echo $SYSG_REPLICA $SYSG_NAME >>ran; exec sleep 1000", replicas: {n}, health_check: {{file: up}}}}
      after: {{command: "cat ran >seen; exec sleep 1000", depends_on: [web]}}
      ask: {{command: "exec sleep 1000", request_capabilities: ["stop:web"], grant_capabilities: ["web=logs"]}}
      one: {{command: "env >one; exec sleep 1000", replicas: 1}}
    '''


def copies(b):
    return {u['name']: u['process']['pid'] for u in b.status_json()['units'] if u['name'].startswith('web') and 'process' in u}


@pytest.mark.asan
def test_each_has_its_number_and_a_dependent_waits_for_all(box):
    b = box(WEB.format(n=3))
    until(lambda: b.peek('ran').count('\n') == 3, 20)
    assert sorted(b.peek('ran').split('\n')[:3]) == ['1 web.1', '2 web.2', '3 web.3']
    assert b.state('after') in ('waiting', 'pending', 'starting') or not b.peek('seen')
    (b.home / 'up').touch()
    assert sorted(b.file('seen', 20).split()) == ['1', '2', '3', 'web.1', 'web.2', 'web.3']
    assert set(copies(b)) == {'web.1', 'web.2', 'web.3'} and b.state('one') == 'running'
    assert 'SYSG_REPLICA' not in b.file('one')


@pytest.mark.asan
def test_their_name_means_all_and_a_number_one(box):
    b = box(WEB.format(n=2))
    (b.home / 'up').touch()
    b.up()
    first = copies(b)
    out = b.sysg_ok('status', '-s', 'web')
    assert 'web.1' in out and 'web.2' in out and 'after' not in out
    r = b.sysg('signal', 'web', 'HUP')
    assert codes(r) == ['SG0006'] and 'web.1, web.2' in r.stderr
    b.sysg_ok('restart', '-s', 'web.2')
    again = copies(b)
    assert again['web.1'] == first['web.1'] and again['web.2'] != first['web.2']
    b.sysg_ok('stop', 'web')
    assert not copies(b) and b.state('one') == 'running'
    b.sysg_ok('start', '-s', 'web')
    assert set(copies(b)) == {'web.1', 'web.2'}
    b.sysg_ok('restart', '-s', 'web')
    assert len(set(copies(b).values()) | set(again.values())) >= 4
    assert codes(b.sysg('stop', 'web.3')) == ['SG0202']


@pytest.mark.parametrize('one', ['web.1', '/web.1', '@1'])
def test_what_names_the_first_means_that_one(box, one):
    b = box('services: {web: {exec: [sleep, "1000"], replicas: 3}}').up()
    for i in (1, 2, 3):
        b.until_state(f'web.{i}', 'running')
    first = copies(b)
    assert [u['path'] for u in b.json('status', '-s', one)['units']] == ['web.1']
    assert b.json('inspect', one)['path'] == 'web.1'
    assert b.sysg_ok('stop', one) == "Service 'web.1' stopped\n"
    assert copies(b) == {k: first[k] for k in ('web.2', 'web.3')}
    b.sysg_ok('start', '-s', one)
    assert {k: v for k, v in copies(b).items() if first[k] != v}.keys() == {'web.1'}


def test_a_reload_starts_and_stops_only_what_the_number_says(box):
    b = box(WEB.format(n=2))
    (b.home / 'up').touch()
    b.up()
    first, others = copies(b), [b.pid_of('after'), b.pid_of('ask')]
    b.write_manifest(WEB.format(n=3))
    assert b.sysg_ok('reload').startswith('start web.3 (added)\n')
    more = until(lambda: len(copies(b)) == 3 and copies(b), 20)
    assert {k: more[k] for k in first} == first and 'stop:web.3' in b.sysg_ok('caps', 'ask').split()
    b.write_manifest(WEB.format(n=2))
    b.sysg_ok('reload')
    assert copies(b) == first and [b.pid_of('after'), b.pid_of('ask')] == others


@pytest.mark.asan
def test_a_boot_with_their_name_starts_all_of_them_skipped_or_not(box):
    b = box('services: {web: {command: "exec sleep 1000", replicas: 2, skip: true}, other: {command: "exec sleep 1000"}}', '-s', 'web').up()
    for name in ('web.1', 'web.2'):
        b.until_state(name, 'running')
    assert not b.unit('other')


@pytest.mark.asan
def test_a_service_that_becomes_a_replica_by_a_reload_is_one_and_the_other_way_round(box):
    one = 'services: {web.1: {command: "echo =$SYSG_REPLICA= >>ran; exec sleep 1000"}}'
    b = box(one).up()
    before = b.pid_of('web.1')
    b.file('ran')
    b.write_manifest('services: {web: {command: "echo =$SYSG_REPLICA= >>ran; exec sleep 1000", replicas: 2}}')
    assert 'restart web.1 (changed)\n' in b.sysg_ok('reload')
    until(lambda: b.peek('ran').count('\n') == 3, 10)
    assert sorted(b.peek('ran').split()) == ['=1=', '=2=', '==']
    assert not b.alive(before) and [u['name'] for u in b.json('status', '-s', 'web')['units']] == ['web.1', 'web.2']
    b.write_manifest(one)
    b.sysg_ok('reload')
    until(lambda: b.peek('ran').count('\n') == 4, 10)
    assert b.peek('ran').endswith('\n==\n') and not b.json('status', '-s', 'web')['units']


def test_rights_over_as_many_as_one_may_hold_are_in_force(box):
    b = box('''
        services:
          web: {command: "exec sleep 1000", replicas: 32, grant_capabilities: ["adm=stop"]}
          ops: {command: "exec sleep 1000", request_capabilities: ["stop:web"]}
          adm: {command: "sysg stop web.32 && sysg stop web.1; echo $? >stopped; exec sleep 1000"}
        ''')
    assert b.file('stopped', 20) == '0\n' and 'not in force' not in b.stderr


def test_logs_of_all_by_their_name(box):
    b = box('services: {web: {command: "echo I am $SYSG_REPLICA; exec sleep 1000", replicas: 2}}').up()
    until(lambda: all(f'I am {i}' in b.sysg('logs', '-s', 'web').stdout for i in (1, 2)), 20)
    assert 'I am 2' not in b.sysg_ok('logs', '-s', 'web.1')
    assert codes(b.sysg('logs', '-s', 'nobody')) == ['SG0202']


@pytest.mark.parametrize('manifest, code, text', [
    ('services: {a: {command: x, replicas: 0}}', 'SG0210', 'replicas'),
    ('services: {a: {command: x, replicas: 33}, b: {command: y, request_capabilities: ["stop:a"]}}', 'SG0210', '"b" holds more than 32 rights'),
    ('services: {a: {command: x, replicas: 33, grant_capabilities: [b]}, b: {command: y}}', 'SG0210', '"b" holds more than 32 rights'),
    ('services: {a: {command: x, replicas: 1001}}', 'SG0210', 'replicas'),
    ('services: {a: {command: x, replicas: 2}, a.2: {command: y}}', 'SG0210', 'a service and a replica'),
    (f'services: {{{"a" * 62}: {{command: x, replicas: 2}}}}', 'SG0210', 'too long'),
    ('exit_code_from: a\nservices: {a: {command: x, replicas: 2}}', 'SG0210', 'several replicas'),
    ('services: {a: {command: x, replicas: 2, depends_on: [a]}}', 'SG0213', 'itself'),
    ('services: {' + ', '.join(f's{i}: {{command: x, replicas: 1000}}' for i in range(5)) + '}', 'SG0210', '5000 services'),
])
def test_what_cannot_be_is_refused_at_its_place(box, manifest, code, text):
    b = box(None, argv=['sleep', '100'])
    b.write_manifest(manifest)
    r = b.sysg('validate', '-c', str(b.manifest))
    assert r.returncode == 1 and code in codes(r) and text in r.stdout + r.stderr, r
