"""Several projects in one manifest: names, environments, logs, `-p` of every command, unloading."""
import json

import pytest

from harness import codes, until

FACTS = '''
    version: "2"
    projects:
      shop:
        name: Shop
        env: {vars: {TIER: shop}}
        services:
          db: {command: "exec sleep 3000"}
          worker: {command: "exec sleep 3001", depends_on: [db], restart_policy: always, backoff: "1s"}
      blog:
        services:
          worker: {command: "exec sleep 3002"}
          tidy: {command: "true", cron: {expression: "0 0 1 1 *", timezone: UTC}}
    services:
      loose: {command: "exec sleep 3003", skip: false}
    '''
ALL = ['shop/db', 'shop/worker', 'blog/worker', 'blog/tidy', 'loose']


def paths(box, *args):
    return [u['path'] for u in box.json('status', *args)['units']]


def pids(box):
    return {u['path']: u['process']['pid'] for u in box.json('status')['units'] if 'process' in u}


@pytest.fixture
def facts(box):
    b = box(FACTS, env={'SYSG_RUNTIME_DIR': '/run/sysg'}).up()
    b.until_state('blog/worker', 'running')
    b.until_state('shop/worker', 'running')
    b.until_state('loose', 'running')
    return b


@pytest.mark.asan
def test_units_carry_their_project_and_two_services_of_one_name_are_two(facts):
    units = {u['path']: u for u in facts.status_json()['units']}
    assert sorted(units) == sorted(ALL)
    assert units['shop/worker']['name'] == units['blog/worker']['name'] == 'worker'
    assert units['shop/worker']['project'] == {'id': 'shop', 'name': 'Shop', 'mode': 'foreground', 'loose': False}
    assert units['blog/worker']['project']['name'] == 'blog'
    assert units['loose']['project']['loose'] is True and units['loose']['project']['id']
    until(lambda: facts.inner(units['shop/worker']['process']['pid']).cmdline == 'sleep 3001')
    until(lambda: facts.inner(units['blog/worker']['process']['pid']).cmdline == 'sleep 3002')
    table = facts.sysg_ok('status')
    assert 'shop/worker' in table and 'blog/worker' in table


def test_the_manifest_of_the_program_that_is_replaced_loads_and_means_the_same(box):
    b = box('''
        version: "2"
        projects:
          shop:
            name: Shop
            env: {vars: {TIER: shop}}
            services:
              db: {command: "sleep 3000"}
              worker: {command: "sleep 3000", depends_on: [db], restart_policy: always, backoff: "1s"}
          blog:
            services:
              worker: {command: "sleep 3000"}
              tidy: {command: "true", cron: {expression: "*/5 * * * * *"}}
        services:
          loose: {command: "sleep 3000", skip: false}
        ''', env={'TZ': 'UTC'}).up()
    for path in ('shop/db', 'shop/worker', 'blog/worker', 'loose'):
        b.until_state(path, 'running')
    tidy = b.unit('blog/tidy')
    assert tidy['kind'] == 'cron' and tidy['project']['id'] == 'blog'
    pid = b.pid_of('shop/worker')
    assert 'TIER=shop' in b.exec('cat', f'/proc/{pid}/environ').stdout.split('\0')
    before = pids(b)
    b.exec('kill', '-9', str(pid))
    until(lambda: pids(b).get('shop/worker') not in (None, pid), why='its restart after 1 s')
    assert pids(b)['blog/worker'] == before['blog/worker']


def test_the_table_of_one_project_is_p_s_and_what_is_not_there_matches_nothing(facts):
    assert paths(facts, '-p', 'shop') == ['shop/db', 'shop/worker']
    assert paths(facts, '-p', 'loose') == ['loose']
    assert paths(facts, '-p', 'shop', 'worker') == ['shop/worker']
    assert 'shop/db' in facts.sysg_ok('-p', 'shop', 'status'), 'before the command too'
    assert paths(facts, '-p', 'none') == [] == paths(facts, '-p', 'shop', 'loose')
    assert 'No matching units found' in facts.sysg_ok('status', '-p', 'none')


def test_a_name_of_several_projects_is_refused_with_the_list_and_the_path_is_one(facts):
    r = facts.sysg('stop', 'worker')
    assert r.returncode == 2 and 'SG0006' in codes(r) and 'shop/worker' in r.stderr and 'blog/worker' in r.stderr
    r = facts.sysg('restart', 'worker')
    assert r.returncode == 2 and 'SG0006' in codes(r) and 'shop/worker' in r.stderr and 'blog/worker' in r.stderr
    before = pids(facts)
    assert "Service 'worker' stopped" in facts.sysg_ok('stop', '-p', 'blog', '-s', 'worker')
    assert set(before) - set(pids(facts)) == {'blog/worker'}
    facts.sysg_ok('start', '-s', 'blog/worker')
    assert "Service 'db' restarted" in facts.sysg_ok('restart', 'db'), 'it is the only one of that name'
    assert pids(facts)['loose'] == before['loose']


def test_dependencies_are_of_the_own_project_and_environments_lie_between(box):
    b = box('''
        env: {vars: {A: top, B: top, C: top}}
        projects:
          one:
            env: {vars: {B: one, C: one}}
            services:
              dep: {command: "touch one.dep; exec sleep 1000"}
              web:
                command: "ls *.dep > one.seen; env > one.env; exec sleep 1000"
                depends_on: [dep, other/dep]
                env: {C: own}
          other:
            services:
              dep: {command: "sleep 0.3; touch other.dep; exec sleep 1000", health_check: {file: other.dep}}
        services:
          plain: {command: "env > plain.env; exec sleep 1000", depends_on: [one/web]}
        ''').up()
    env = dict(l.split('=', 1) for l in b.file('one.env').splitlines() if '=' in l)
    assert (env['A'], env['B'], env['C']) == ('top', 'one', 'own')
    assert env['SYSG_NAME'] == 'one/web'
    assert b.peek('one.seen').split() == ['one.dep', 'other.dep']
    env = dict(l.split('=', 1) for l in b.file('plain.env').splitlines() if '=' in l)
    assert (env['A'], env['B'], env['SYSG_NAME']) == ('top', 'top', 'plain')


def test_project_names_the_one_that_the_services_are_of(box):
    b = box('''
        project: {id: shop, name: The shop}
        services:
          db: {command: "echo hello; exec sleep 1000"}
          web: {command: "exec sleep 1000", depends_on: [db]}
        ''').up()
    web = b.until_state('shop/web', 'running')
    assert web['project'] == {'id': 'shop', 'name': 'The shop', 'mode': 'foreground', 'loose': False}
    b.says(r'^shop/db \| hello')
    out = b.sysg_ok('restart')
    assert "Service 'web' restarted" in out and "Project 'shop' restarted" in out
    assert b.sysg_ok('logs').count('hello') == 2, 'there is one project'


def test_a_whole_start_names_each_project(facts):
    facts.sysg_ok('stop')
    out = facts.sysg_ok('start')
    for p in ('shop', 'blog', 'loose'):
        assert f"Project '{p}' started" in out
    assert "Service 'shop/worker' started" in out and "Service 'db' started" in out


# --- a project as a whole ---------------------------------------------------


@pytest.mark.asan
def test_stop_p_unloads_the_project_and_start_p_loads_it_again(facts):
    before = pids(facts)
    out = facts.sysg_ok('stop', '-p', 'shop')
    assert "Service 'db' stopped" in out and "Project 'shop' stopped" in out and 'blog' not in out
    assert paths(facts) == ['blog/worker', 'blog/tidy', 'loose']
    assert not facts.alive(before['shop/db']) and not facts.alive(before['shop/worker'])
    facts.sysg_ok('reload')
    facts.sysg_ok('restart')
    assert paths(facts) == ['blog/worker', 'blog/tidy', 'loose'], 'neither loads it'
    between = pids(facts)
    r = facts.sysg('stop', 'shop/db')
    assert r.returncode == 5 and 'SG0202' in codes(r)
    out = facts.sysg_ok('start', '-p', 'shop')
    assert "Project 'shop' started" in out and "Service 'db' started" in out and 'blog' not in out
    after = pids(facts)
    assert set(after) == set(before) and after['loose'] == between['loose'] and after['blog/worker'] == between['blog/worker']


def test_when_the_last_project_is_stopped_there_are_no_units_and_the_container_goes_on(facts):
    for p in ('shop', 'blog', 'loose'):
        assert f"Project '{p}' stopped" in facts.sysg_ok('stop', '-p', p)
    assert 'No units being supervised' in facts.sysg_ok('status')
    assert facts.sysg('ping').returncode == 0
    facts.sysg_ok('start')
    assert sorted(paths(facts)) == sorted(ALL)
    assert facts.term() == 143 or facts.ended


def test_the_timeout_of_stop_p_is_sg0111_and_it_goes_on(box):
    b = box('''
        projects:
          slow: {services: {web: {command: "trap '' TERM; touch up; while :; do sleep 0.05; done", stop_timeout: 2s}}}
        services: {plain: {command: "exec sleep 1000"}}
        ''').up()
    until(lambda: (b.home / 'up').exists())
    r = b.sysg('stop', '-p', 'slow', '--timeout', '200ms')
    assert r.returncode == 9 and 'SG0111' in codes(r)
    until(lambda: paths(b) == ['plain'], 15)


def test_what_depends_on_an_unloaded_project_goes_on_and_waits_for_it_when_it_is_started_again(box):
    b = box('''
        projects: {base: {services: {db: {command: "exec sleep 1000"}}}}
        services: {web: {command: "exec sleep 1001", depends_on: [base/db], backoff: 100ms, restart_policy: always}}
        ''').up()
    pid = b.until_state('web', 'running')['process']['pid']
    b.sysg_ok('stop', '-p', 'base')
    assert b.pid_of('web') == pid
    b.exec('kill', '-9', str(pid))
    b.until_state('web', 'queued')
    b.sysg_ok('start', '-p', 'base')
    assert b.until_state('web', 'running')['process']['pid'] != pid


def test_a_start_of_what_depends_on_it_loads_what_is_needed(box):
    b = box('''
        projects: {base: {services: {db: {command: "exec sleep 1000"}, more: {command: "exec sleep 1002"}}}}
        services: {web: {command: "exec sleep 1001", depends_on: [base/db]}}
        ''').up()
    b.until_state('web', 'running')
    b.sysg_ok('stop', '-p', 'base')
    b.sysg_ok('stop', 'web')
    b.sysg_ok('start', '-s', 'web')
    assert sorted(paths(b)) == ['base/db', 'web']


def test_a_project_that_is_not_there_is_told_with_code_201(facts):
    for cmd in ('stop', 'start', 'restart', 'reload', 'health', 'ready', 'wait'):
        r = facts.sysg(cmd, '-p', 'none')
        assert r.returncode in (1, 2) and 'SG0201' in codes(r), (cmd, r)
    facts.sysg_ok('stop', '-p', 'shop')
    assert "Project 'shop' stopped" in facts.sysg_ok('stop', '-p', 'shop'), 'it is stopped already'
    assert 'SG0201' in codes(facts.sysg('reload', '-p', 'shop'))


def test_restart_p_replaces_the_processes_of_that_project_alone(facts):
    before = pids(facts)
    out = facts.sysg_ok('restart', '-p', 'shop')
    assert "Project 'shop' restarted" in out and 'blog' not in out
    after = pids(facts)
    changed = {p for p in before if before[p] != after[p]}
    assert changed == {'shop/db', 'shop/worker'}


def test_restart_p_of_a_changed_manifest_applies_the_difference_to_that_project_alone(facts):
    before = pids(facts)
    facts.write_manifest(FACTS.replace('sleep 3001', 'sleep 4001').replace('sleep 3002', 'sleep 4002'))
    facts.sysg_ok('restart', '-p', 'shop')
    after = pids(facts)
    assert {p for p in before if before[p] != after[p]} == {'shop/worker'}
    assert facts.inner(after['shop/worker']).cmdline == 'sleep 4001'
    assert facts.inner(after['blog/worker']).cmdline == 'sleep 3002'
    assert 'restart blog/worker (changed)' in facts.sysg_ok('reload', '--dry-run', '-p', 'blog')
    facts.sysg_ok('reload', '-p', 'blog')
    assert facts.inner(pids(facts)['blog/worker']).cmdline == 'sleep 4002'
    assert 'Nothing changed' in facts.sysg_ok('reload', '-p', 'blog')


def test_a_change_of_the_project_s_environment_is_one_of_each_of_its_services(facts):
    before = pids(facts)
    facts.write_manifest(FACTS.replace('TIER: shop', 'TIER: other'))
    facts.sysg_ok('reload')
    after = pids(facts)
    assert {p for p in before if before[p] != after[p]} == {'shop/db', 'shop/worker'}


def test_a_service_of_a_removed_project_is_stopped_by_a_reload(facts):
    text = FACTS.replace('blog:', 'news:')
    facts.write_manifest(text)
    out = facts.sysg_ok('reload')
    assert 'stop blog/worker (removed)' in out or 'blog' not in str(paths(facts))
    assert sorted(paths(facts)) == sorted(p.replace('blog', 'news') for p in ALL)


def test_cron_units_go_and_come_with_their_project_and_are_no_one_s_to_start(facts):
    assert facts.unit('blog/tidy')['state'] == 'queued'
    facts.sysg_ok('stop', '-p', 'blog')
    facts.sysg_ok('start', '-p', 'blog')
    assert facts.unit('blog/tidy')['state'] == 'queued'
    r = facts.sysg('start', '-p', 'blog', '-s', 'tidy')
    assert r.returncode == 4 and 'SG0101' in codes(r)


def test_ready_and_health_of_a_project(box):
    b = box('''
        projects:
          good: {services: {web: {command: "exec sleep 1000"}}}
          bad: {services: {web: {command: "exec sleep 1000", health_check: {file: never}}}}
        ''').up()
    b.until_state('good/web', 'running')
    until(lambda: b.sysg('ready', '-p', 'good').returncode == 0)
    assert b.sysg('ready', '-p', 'bad').returncode == 1
    assert b.sysg('ready').returncode == 1
    assert b.sysg('health', '-p', 'good').returncode == 0


def test_wait_tree_and_events_of_a_project(facts):
    tree = facts.sysg_ok('tree', '-p', 'shop')
    assert 'shop/db' in tree and 'blog' not in tree
    events = facts.sysg_ok('events', '-p', 'shop', '--format', 'json')
    rows = [json.loads(l) for l in events.splitlines()]
    assert rows and all(r['path'].startswith('shop/') for r in rows)
    assert facts.sysg_ok('events', '-p', 'loose') and 'shop/' not in facts.sysg_ok('events', '-p', 'loose')
    w = facts.popen('sysg', 'wait', '-p', 'shop')
    facts.sysg_ok('stop', '-p', 'shop', '-s', 'db')
    facts.sysg_ok('stop', '-p', 'shop', '-s', 'worker')
    out, err = w.communicate(timeout=20)
    assert 'shop/db' in out and 'shop/worker' in out, err


def test_p_is_refused_where_it_means_nothing_and_with_what_is_one_unit_by_itself(facts):
    for cmd in ('ping', 'validate', 'graph', 'doctor', 'version', 'whoami'):
        r = facts.sysg(cmd, '-p', 'shop')
        assert r.returncode == 2 and 'SG0832' in codes(r), (cmd, r)
    ident = facts.unit('loose')['id']
    r = facts.sysg('stop', '-p', 'shop', ident)
    assert r.returncode == 2 and 'SG0204' in codes(r)
    for cmd in ('inspect', 'caps'):
        r = facts.sysg(cmd, '-p', 'shop')
        assert r.returncode == 5 and 'SG0202' in codes(r) and 'all of a project' in r.stderr, 'one unit has to be named'
        assert facts.sysg(cmd, '-p', 'shop', 'db').returncode == 0
    assert facts.sysg('signal', '-p', 'shop', 'db', 'USR1').returncode == 0
    r = facts.sysg('stop', '-p', 'a/b')
    assert r.returncode == 2 and 'SG0210' in codes(r)
    assert facts.unit('loose')['state'] == 'running'


# --- logs --------------------------------------------------------------------

SAY = '''
    projects:
      shop: {logs: {max_files: 2}, services: {worker: {command: "echo from shop; exec sleep 1000"}}}
      blog: {services: {worker: {command: "echo from blog; exec sleep 1000"}, only: {command: "echo only; exec sleep 1000"}}}
    services: {plain: {command: "echo from none; exec sleep 1000"}}
    '''


@pytest.fixture
def said(box):
    b = box(SAY).up()
    for line in ('shop/worker | from shop', 'blog/worker | from blog', 'plain | from none', 'blog/only | only'):
        b.says('^' + line.replace('|', r'\|'))
    b.exec('sysg', 'logs', '-p', 'shop')
    return b


@pytest.mark.asan
def test_each_has_a_log_file_of_its_own(said):
    until(lambda: 'from shop' in said.sysg_ok('logs', '-s', 'shop/worker'))
    assert said.sysg_ok('logs', '-p', 'blog', '-s', 'worker').strip().endswith('from blog')
    assert said.sysg_ok('logs', '-p', 'shop', '-s', 'worker', '--path').strip() == '/var/log/sysg/shop/worker.log'
    assert said.sysg_ok('logs', '-p', 'shop', '--path').strip() == '/var/log/sysg/shop'
    assert said.sysg_ok('logs', '--path').strip() == '/var/log/sysg'


def test_logs_of_a_project_are_its_services_and_no_others(said):
    until(lambda: said.sysg_ok('logs', '-p', 'blog').count('\n') == 2)
    out = said.sysg_ok('logs', '-p', 'blog')
    assert 'blog/worker | from blog' in out and 'blog/only | only' in out
    assert said.sysg_ok('logs', '-p', 'loose').strip().endswith('plain | from none')


def test_logs_without_a_target_are_refused_while_several_projects_are_loaded(said):
    r = said.sysg('logs')
    assert r.returncode == 1 and 'SG0019' in codes(r) and 'shop, blog' in r.stderr and '-p' in r.stderr
    said.sysg_ok('stop', '-p', 'blog')
    said.sysg_ok('stop', '-p', 'loose')
    assert 'from shop' in said.sysg_ok('logs')


def test_a_bare_name_is_a_loose_service_s_while_several_projects_are_loaded(said):
    r = said.sysg('logs', '-s', 'only')
    assert r.returncode == 1 and 'SG0021' in codes(r) and 'sysg logs -p blog -s only' in r.stderr
    r = said.sysg('logs', '-s', 'worker')
    assert r.returncode == 1 and 'SG0021' in codes(r) and 'shop/worker' in r.stderr and 'blog/worker' in r.stderr
    until(lambda: 'from none' in said.sysg_ok('logs', '-s', 'plain'))
    r = said.sysg('logs', '-s', 'nothing')
    assert r.returncode == 5 and 'SG0202' in codes(r)


def test_logs_of_a_project_that_there_is_not_are_201(said):
    r = said.sysg('logs', '-p', 'none')
    assert r.returncode == 2 and 'SG0201' in codes(r) and 'shop, blog, loose' in r.stderr
    r = said.sysg('logs', '--supervisor', '-p', 'shop')
    assert r.returncode == 1 and 'SG0020' in codes(r)


def test_purge_of_a_project_s_logs_leaves_the_others(said):
    until(lambda: 'from shop' in said.sysg_ok('logs', '-p', 'shop'))
    until(lambda: 'from blog' in said.sysg_ok('logs', '-p', 'blog', 'worker'))
    said.sysg_ok('logs', '-p', 'shop', '--purge')
    assert said.sysg_ok('logs', '-p', 'shop') == ''
    assert 'from blog' in said.sysg_ok('logs', '-p', 'blog', 'worker')


# --- spawning and rights -----------------------------------------------------

SPAWN = '''
    projects:
      one:
        services:
          boss:
            command: "sysg spawn --name kid -- sleep 1000; sysg send mate -- hello; sysg send two/mate -- you; exec sleep 1000"
            spawn: {mode: dynamic}
            request_capabilities: ["message:mate", "message:two/mate"]
          mate: {command: "sysg recv > one.got; exec sleep 1000"}
      two: {services: {mate: {command: "sysg recv > two.got; exec sleep 1000"}}}
    '''


@pytest.mark.asan
def test_a_child_s_path_begins_with_its_project_and_rights_go_by_the_own_one_first(box):
    b = box(SPAWN).up()
    kid = b.until_state('one/boss/kid', 'running')
    assert kid['path'] == 'one/boss/kid'
    assert b.file('one.got').splitlines()[0].split()[:2] == ['msg', 'one/boss'] and 'hello' in b.peek('one.got')
    assert 'you' in b.file('two.got')
    assert b.json('status', '-s', 'kid')['units'], 'a suffix finds it'
    out = b.sysg_ok('stop', '-p', 'one', '-s', 'boss/kid')
    assert "Unit 'boss/kid' stopped" in out
    assert "Project 'one' stopped" in b.sysg_ok('stop', '-p', 'one')
    assert paths(b) == ['two/mate']


def test_a_unit_may_stop_a_project_by_rights_over_each_of_its_services(box):
    b = box('''
        projects:
          one:
            services:
              a: {command: "exec sleep 1000"}
              b: {command: "exec sleep 1000"}
        services:
          half: {command: "sysg stop -p one 2> half.err; echo $? > half; exec sleep 1000", request_capabilities: ["stop:one/a"], depends_on: [one/a, one/b]}
          full:
            command: "until [ -s half ]; do sleep 0.05; done; sysg stop -p one > full; exec sleep 1000"
            request_capabilities: ["stop:one/a", "stop:one/b"]
        ''').up()
    assert b.file('half').strip() == '4' and 'SG0811' in b.peek('half.err')
    until(lambda: "Project 'one' stopped" in b.peek('full'), 15)
    assert paths(b) == ['half', 'full']


def test_a_unit_loads_a_project_again_only_where_it_may_restart_everything(box):
    b = box('''
        projects: {one: {services: {a: {command: "exec sleep 1000", user: nobody}}}}
        services:
          some:
            command: "while :; do [ -e go ] && sysg start -p one 2> some.err; echo $? > some; sleep 0.1; done"
            request_capabilities: ["restart:one/a"]
          all:
            command: "until [ -e on ]; do sleep 0.05; done; sysg start -p one > all 2>&1; exec sleep 1000"
            request_capabilities: ["restart:**"]
        ''').up()
    b.until_state('one/a', 'running')
    b.sysg_ok('stop', '-p', 'one')
    (b.home / 'go').touch()
    assert 'SG0201' in b.file('some.err') and paths(b) == ['some', 'all']
    (b.home / 'on').touch()
    b.until_state('one/a', 'running')


def test_replicas_of_a_project_are_all_of_one_name_and_apart_from_those_of_another(box):
    b = box('''
        projects:
          one: {services: {web: {command: "exec sleep 1000", replicas: 2}}}
          two: {services: {web: {command: "exec sleep 1000", replicas: 2}}}
        ''').up()
    for p in ('one/web.1', 'one/web.2', 'two/web.1', 'two/web.2'):
        b.until_state(p, 'running')
    before = pids(b)
    r = b.sysg('stop', 'web')
    assert r.returncode == 2 and 'SG0006' in codes(r)
    b.sysg_ok('restart', 'one/web')
    after = pids(b)
    assert {p for p in before if before[p] != after[p]} == {'one/web.1', 'one/web.2'}
    b.sysg_ok('stop', '-p', 'two', 'web')
    assert set(pids(b)) == {'one/web.1', 'one/web.2'}


def test_exit_code_from_a_service_of_a_project(box):
    b = box('''
        projects: {one: {services: {web: {command: "sleep 0.3; exit 7", restart_policy: never}}}}
        services: {other: {command: "exec sleep 1000"}}
        exit_code_from: one/web
        ''')
    assert b.wait() == 7


def test_start_p_at_the_boot_starts_that_project_alone(box):
    b = box(FACTS, '-p', 'shop').up()
    b.until_state('shop/worker', 'running')
    assert paths(b) == ['shop/db', 'shop/worker']
    b.sysg_ok('start')
    assert sorted(paths(b)) == sorted(ALL)


def test_graph_and_validate_show_projects(facts):
    out = facts.sysg_ok('graph', '-c', 'systemg.yaml')
    assert 'shop/worker' in out and 'blog/worker' in out
    assert '5 services' in facts.sysg_ok('validate', '-c', 'systemg.yaml')
    assert any(s['name'] == 'shop/worker' for s in facts.json('graph', '-c', 'systemg.yaml')['services'])
