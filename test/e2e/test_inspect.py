"""`sysg inspect`: everything about one unit."""
import json
import re

import pytest

from harness import codes, until

FULL = '''
    metrics: {sample_interval_secs: 1}
    services:
      db: {exec: [sleep, "1000"], health_check: {file: ready, interval: 100ms, retries: 1000}}
      web:
        command: "exec sleep 1000"
        depends_on: [db]
        env: {TOKEN: very-secret, NAME: x}
        restart_policy: always
        max_restarts: 7
        stop_signal: INT
        stop_timeout: 3s
        limits: {nofile: 64, core: 0}
        hooks: {pre_start: "true", onerr: "true"}
        spawn: {mode: dynamic, limits: {children: 9, depth: 2, rate: 5, total_memory: 1G, ttl: 1h}}
        request_capabilities: ["stop:db"]
      cron: {command: "true", cron: {expression: "0 0 * * *", timezone: UTC}}
      nosy: {exec: [sleep, "1000"], depends_on: [web], request_capabilities: ["status:web"]}
    '''


def full(box):
    b = box(FULL, env={'INHERITED': 'also-secret'})
    (b.home / 'ready').write_text('x')
    b.up()
    until(lambda: b.sysg('ready').returncode == 0, 30)
    b.sysg_ok('spawn', '--parent', 'web', '--name', 'kid', '--', 'sleep', '1000')
    return b


def lines(text):
    return {l[:22].strip(): l[22:] for l in text.splitlines() if not l.startswith(' ')}


@pytest.mark.asan
def test_it_tells_all_there_is_and_no_value_of_the_environment(box):
    b = full(box)
    text = b.sysg_ok('inspect', 'web')
    t = lines(text)
    assert re.match(r'web  @\d+  service  running, healthy\n', text)
    assert t['command'] == 'exec sleep 1000' and t['pid'] == str(b.pid_of('web')) and t['user'] == '0'
    assert t['working dir'] == str(b.home) and {'TOKEN', 'NAME', 'INHERITED', 'PATH'} <= set(re.findall(r'\w+', text))
    assert 'secret' not in text
    assert t['restart policy'] == 'always' and t['max restarts'] == '7'
    assert t['stop signal'] == 'INT' and t['stop timeout'] == '3s'
    assert t['resource limits'] == 'nofile=64, core=0' and t['hooks'] == 'pre_start, onerr'
    assert t['depends on'] == 'db (healthy)' and t['needed by'] == 'nosy'
    assert t['rights'] == 'spawn, stop:db' and t['rights over it'] == 'nosy=status'
    assert re.fullmatch(r'\[children 1/9, depth 1/2, descendants 1/500, memory \S+ [KM]iB/1.0 GiB, rate 5/s, ttl at most 1h00m\]', t['spawned'])
    assert t['spawn rate'] in '01' and t['levels below'] == '1'
    assert t['log'].endswith('/web.log')
    d = lines(b.sysg_ok('inspect', '-s', 'db'))
    assert d['health check'] == 'file ready' and d['check last'] == 'passed' and d['check failures'] == '0'
    assert lines(b.sysg_ok('inspect', 'cron'))['cron expression'] == '0 0 * * *'
    k = lines(b.sysg_ok('inspect', 'web/kid'))
    assert k['command'] == 'sleep 1000' and k['rights'] == 'spawn' and k['depth'] == '1' and k['ttl'] == '1h00m' and k['ttl left'][:2] in ('1h', '59')


@pytest.mark.asan
def test_json_is_the_object_of_status_and_more(box):
    b = full(box)
    one, same = b.json('inspect', 'web'), b.unit('web')
    volatile = {'uptime', 'metrics', 'memory', 'spawned_children'}
    assert {k: v for k, v in same.items() if k not in volatile}.items() <= one.items()
    assert set(same) <= set(one)
    assert one['spawned_children'][0]['child']['name'] == 'kid'
    assert one['metrics']['latest_rss_bytes'] < 16 << 20
    assert {'TOKEN', 'NAME', 'INHERITED'} <= set(one['environment']) and 'secret' not in json.dumps(one)
    assert one['working_dir'] == str(b.home) and one['restart_policy'] == 'always' and one['stop_timeout'] == 3
    assert one['rights'] == ['spawn', 'stop:db'] and one['rights_over_it'] == ['nosy=status']
    assert one['depends_on'] == ['db (healthy)'] and one['needed_by'] == ['nosy'] and one['hooks'] == ['pre_start', 'onerr']
    assert one['levels_below'] == 1 and one['spawn_rate'] <= 5 and one['exits'] == []
    kid = b.json('inspect', 'web/kid')
    assert kid['kind'] == 'spawned' and kid['depth'] == 1 and kid['ttl'] == 3600 and 0 < kid['ttl_left'] <= 3600 and kid['path'] == 'web/kid' and kid['spawned_children'] == []
    assert 'null' not in json.dumps(one) + json.dumps(kid)


def test_the_last_exits_are_told_with_time_and_reason(box):
    b = box('services: {bad: {command: "exit 3", backoff: {initial: 10ms, max: 10ms}, max_restarts: 7}, web: {exec: [sleep, "1000"]}}').up()
    b.until_state('bad', 'failed', seconds=60)
    exits = b.json('inspect', 'bad')['exits']
    assert len(exits) == 5 and all(re.match(r'\d{4}-\d\d-\d\dT\S+Z .*code=3', e) for e in exits) and exits == sorted(exits)
    text = b.sysg_ok('inspect', 'bad')
    assert len(re.findall('code=3', text)) == 5 and lines(text)['error'] == 'SG0110' and lines(text)['restarts'] == '7'


def test_a_check_that_fails_says_why(box):
    b = box('services: {web: {exec: [sleep, "1000"], health_check: {tcp: "127.0.0.1:1", total_timeout: 60s}}}').up()
    until(lambda: 'check last' in (t := lines(b.sysg_ok('inspect', 'web'))) and t['check last'] not in ('none yet',), 20)
    t = lines(b.sysg_ok('inspect', 'web'))
    assert t['health check'] == 'tcp 127.0.0.1:1' and int(t['check failures']) >= 1 and 'refused' in t['check last'].lower()


def test_the_last_minutes_are_a_plot_or_how_to_have_one(box):
    text = 'metrics: {sample_interval_secs: 1}\nservices: {web: {exec: [sh, -c, "while :; do :; done"]}}'
    b = box(text).up()
    until(lambda: len(b.json('inspect', 'web').get('samples', [])) >= 3, 30)
    one = b.json('inspect', 'web')
    assert one['sample_seconds'] == 1 and [s['age_seconds'] for s in one['samples']] == list(range(len(one['samples'])))[::-1]
    assert all(0 < s['cpu_percent'] <= s['max_cpu_percent'] + 0.1 <= 120 and s['rss_bytes'] > 0 for s in one['samples'])
    shown = b.sysg_ok('inspect', 'web')
    assert re.search(r'^CPU of the last [3-9]s: now \d+\.\d %, at most \d+\.\d %\n(  [ ▁▂▃▄▅▆▇█]*\n){4}Resident memory of the last', shown, re.M), shown
    assert '█' in shown
    plain = b.sysg_ok('inspect', '--plain', 'web')
    assert '█' not in plain and re.search(r'^  [ .#]*#[ .#]*$', plain, re.M) and plain.isascii()
    b.write_manifest(text.split('\n')[1])
    b.sysg_ok('reload')
    assert 'sample_interval_secs' in b.sysg_ok('inspect', 'web')


def test_what_a_command_is_called_cannot_control_the_terminal(box):
    b = box('services: {web: {exec: [sh, -c, "exec sleep 1000", "\\e[2Jevil\\a"]}}').up()
    text = b.sysg_ok('inspect', 'web')
    assert '\x1b' not in text and '\a' not in text and '?[2Jevil?' in text


def test_a_unit_may_inspect_what_its_rights_are_over(box):
    b = box('''
        services:
          nosy: {command: "for u in nosy web secret; do sysg inspect --json $u >$u.out 2>$u.err; echo $? >>codes; done; : >mark; exec sleep 1000",
                 depends_on: [web], request_capabilities: ["status:web"]}
          web: {exec: [sleep, "1000"]}
          secret: {exec: [sleep, "1000"]}
        ''').up()
    b.file('codes')
    until(lambda: (b.home / 'mark').exists(), 20)
    assert b.peek('codes') == '0\n0\n4\n' and 'SG0811' in b.peek('secret.err')
    assert json.loads(b.peek('web.out'))['path'] == 'web' and 'log' not in json.loads(b.peek('web.out')), 'that would be `logs`'
    assert json.loads(b.peek('nosy.out'))['log'].endswith('nosy.log')


def test_who_is_not_there_and_who_is_several(box):
    b = box('services: {web: {exec: [sleep, "1000"], replicas: 2}}').up()
    b.until_state('web.1', 'running')
    r = b.sysg('inspect', 'nobody')
    assert r.returncode == 5 and codes(r) == ['SG0202']
    r = b.sysg('inspect', 'web')
    assert r.returncode == 2 and codes(r)[0] == 'SG0006'
    r = b.sysg('inspect')
    assert r.returncode == 2 and codes(r) == ['SG0832']
    assert b.json('inspect', 'web.2')['name'] == 'web.2'


def test_a_very_long_environment_is_cut_and_the_rest_counted(box):
    names = ', '.join(f'{"V" * 100}{i}: x' for i in range(1500))
    b = box(f'services: {{web: {{exec: [sleep, "1000"], env: {{{names}}}}}}}').up()
    one = b.json('inspect', 'web')
    assert len(one['environment']) + one['environment_left_out'] >= 1500 and one['environment_left_out'] > 500


def test_of_several_projects_it_is_the_one_that_is_named(box):
    b = box('''
        projects:
          one: {services: {web: {exec: [sleep, "1000"]}}}
          two: {services: {web: {exec: [sleep, "2000"]}}}
        ''').up()
    until(lambda: b.sysg('ready').returncode == 0, 30)
    assert b.json('inspect', '-p', 'two', '-s', 'web')['command'] == 'sleep 2000'
    assert b.json('inspect', 'one/web')['log'].endswith('/one/web.log')
    assert codes(b.sysg('inspect', 'web'))[0] == 'SG0006'
    assert lines(b.sysg_ok('inspect', 'two/web'))['levels below'] == '0' and 'spawned' not in lines(b.sysg_ok('inspect', 'two/web'))
    assert 'unit="two/web"' in b.sysg_ok('metrics', '-p', 'two') and 'unit="one/web"' not in b.sysg_ok('metrics', '-p', 'two')
    assert 'two/web' in b.sysg_ok('top', '-p', 'two') and 'one/web' not in b.sysg_ok('top', '-p', 'two')


def test_a_name_of_the_environment_that_no_packet_holds_is_counted(box):
    b = box('services: {web: {exec: [sleep, "1000"]}}', env={'A' * 70000: 'x', 'SHORT': 'x'}).up()
    b.until_state('web', 'running')
    out = b.sysg_ok('inspect', 'web')
    assert 'SHORT' in out and 'AAAA' not in out
