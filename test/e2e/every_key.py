"""A manifest in which every key of doc/keys.md stands, spread over services where keys exclude each other."""
import json
import pathlib
import re

from harness import PYTHON, TOOLS, until

PAGE = pathlib.Path(__file__).resolve().parents[2] / 'doc/keys.md'
UID = 4850
HOLD = ['sleep', '1000']

# Maps that one manifest can't have, by the key of another map in which they stand: those that exclude each other, and those
# that a kernel has to have something for. Each is booted by one of the tests.
APART = {'limits.cgroup': ('limits', 'cgroup'), 'landlock': ('isolation', 'landlock'), 'a project': ('the top level', 'projects'),
         'project': ('the top level', 'project')}


def table():
    """{map: {key: type}} of the page. The type of what this version refuses is "refused": a key that comes to be supported is
    wanted in the manifest by itself."""
    keys, here = {}, None
    for line in PAGE.read_text().splitlines():
        if line.startswith('## '):
            here = keys.setdefault(line[3:].replace('`', ''), {})
        cells = [c.strip() for c in line.split('|')[1:-1]]
        if here is not None and len(cells) == 5 and cells[0].startswith('`'):
            here[cells[0].strip('`')] = cells[1]
    return keys


def services(m):
    return [s for x in [m, *m.get('projects', {}).values()] for s in x['services'].values()]


def maps(of, key):
    """The values of that key that are maps."""
    return [x[key] for x in of if isinstance(x.get(key), dict)]


def hooks(m):
    return maps(services(m), 'hooks')


def outcomes(m):
    return [x for key in ('on_start', 'on_stop', 'on_restart') for x in maps(hooks(m), key)]


def spawns(m):
    return maps(services(m), 'spawn')


def deployments(m):
    return maps(services(m), 'deployment')


def dependencies(m):
    """The long form in a list; a map of names has no "service"."""
    return [d for s in services(m) for d in s.get('depends_on', []) if isinstance(d, dict)]


# Where the maps of each heading stand: a heading without a line here fails.
PLACES = {
    'the top level': lambda m: [m],
    'start': lambda m: maps([m], 'start'),
    'shutdown': lambda m: maps([m], 'shutdown'),
    'control': lambda m: maps([m], 'control'),
    'status': lambda m: maps([m], 'status'),
    'metrics': lambda m: maps([m], 'metrics'),
    'the env of all': lambda m: maps([m, *m.get('projects', {}).values()], 'env'),
    'a project': lambda m: list(m.get('projects', {}).values()),
    'project': lambda m: maps([m], 'project'),
    'a service': services,
    'cron': lambda m: maps(services(m), 'cron'),
    'isolation': lambda m: maps(services(m), 'isolation'),
    'landlock': lambda m: maps(maps(services(m), 'isolation'), 'landlock'),
    'remote': lambda m: maps(services(m), 'remote'),
    'env': lambda m: [e for e in maps(services(m), 'env') if set(e) & set(table()['env'])],  # else it is variables
    'depends_on': dependencies,
    'backoff': lambda m: maps(services(m), 'backoff'),
    'health_check': lambda m: maps(services(m) + deployments(m), 'health_check'),
    'hooks': hooks,
    'an on_ hook': outcomes,
    'a hook': lambda m: [h for x in (hooks(m) + outcomes(m)) for h in x.values() if isinstance(h, dict) and 'command' in h],
    'deployment': deployments,
    'blue_green': lambda m: maps(deployments(m), 'blue_green'),
    'logs': lambda m: maps([m, *services(m)], 'logs'),
    'spawn': spawns,
    'spawn.restart': lambda m: maps(spawns(m), 'restart'),
    'spawn.allow': lambda m: maps(spawns(m), 'allow'),
    'spawn.limits': lambda m: maps(spawns(m), 'limits'),
    'limits': lambda m: maps(services(m), 'limits'),
    'limits.cgroup': lambda m: maps(maps(services(m), 'limits'), 'cgroup'),
}


def missing(m, lacking):
    """The (map, key) of the page that the manifest lacks, and those that it has and the page lacks."""
    said, has = set(), set()
    for heading, keys in table().items():
        assert heading in PLACES, f'every_key.py does not know where the keys of {heading} stand'
        said |= {(heading, k) for k, kind in keys.items() if kind != 'refused' and heading not in lacking}
        has |= {(heading, k) for x in PLACES[heading](m) for k in x if not k.startswith('x-')}
    said -= {APART[x] for x in lacking}
    return said - has, has - said


def manifest(home, lacking):
    """For that folder, without these of APART."""
    limits = {'memory': '200M', 'nofile': 512, 'nproc': 4000, 'memlock': '64K', 'core': 0, 'nice': 1, 'cpu_affinity': [0],
              'oom_score_adj': 10}
    if 'limits.cgroup' not in lacking:
        limits['cgroup'] = {'memory_max': '256M', 'pids_max': 200, 'cpu_max': '90000 100000', 'cpu_weight': 50, 'root': 'held'}
    landlock = {'landlock': {'ro_paths': ['/'], 'rw_paths': ['.']}} if 'landlock' not in lacking else {}
    true = {'success': {'command': ['true'], 'timeout': '40s'}, 'error': ['true']}
    shop = {'name': 'The Shop', 'env': {'vars': {'SHOP': 'yes'}}, 'logs': {'max_files': 3},
            'services': {'till': {'exec': HOLD}, 'shelf': {'exec': HOLD, 'depends_on': ['till']}}}
    return {
        **({'projects': {'shop': shop}} if 'a project' not in lacking else {'project': {'id': 'one', 'name': 'The One'}}),
        'version': 2,
        'x-anchor': {'kept': 'aside'},
        'env': {'file': 'all.env', 'vars': {'TOP': 'level'}, 'secrets': {'TOP_SECRET': 'secret'}, 'clear_session_vars': True, 'strip': ['GONE_*']},
        'logs': {'max_total': '50M'},
        'start': {'max_concurrent': 16},
        'shutdown': {'timeout': '20s', 'delay': '100ms'},
        'control': {'socket': f'{home}/run/control.sock', 'mode': '0660', 'group': '0'},
        'status': {'snapshot_mode': 'summary', 'snapshot_interval_secs': 5},
        'metrics': {'sample_interval_secs': 60, 'retention_minutes': 5},
        'exit_code_from': 'main',
        'services': {
            'main': {
                'exec': [PYTHON, str(TOOLS / 'notify.py')], 'working_dir': '.', 'essential': True,
                'env': {'file': ['all.env'], 'vars': {'A': 'b'}, 'secrets': {'S': 'secret'}, 'inherit_env': True, 'clear_session_vars': True,
                        'strip': ['NOT_ME']},
                'depends_on': [{'service': 'db', 'condition': 'healthy', 'restart': False}, 'cache'],
                'restart_policy': 'always', 'max_restarts': 3, 'backoff': {'initial': '100ms', 'max': '1s', 'factor': 3, 'jitter': 5},
                'success_exit_codes': [0, 143], 'stop_signal': 'TERM', 'stop_target': 'tree', 'stop_timeout': '10s',
                'health_check': {'notify': True, 'total_timeout': '40s'},
                'spawn': {'mode': 'dynamic', 'when_full': 'queue', 'termination_policy': 'cascade',
                          'limits': {'children': 9, 'depth': 2, 'descendants': 20, 'ever': 1000, 'total_memory': '500M',
                                     'child_memory': '300M', 'rate': 50, 'ttl': '1h'},
                          'restart': {'max': 2, 'window': '30s'}, 'allow': {'on_exit': ['restart', 'send'], 'public': False}},
                'request_capabilities': ['status:**'], 'public': True, 'on_exit': ['send:db:bye'],
            },
            'db': {
                'command': 'touch db.up; exec sleep 1000', 'user': str(UID), 'group': str(UID), 'supplementary_groups': ['77'],
                'capabilities': ['net_bind_service'], 'no_new_privs': True, 'limits': limits,
                'grant_capabilities': ['main=stop,logs'],
                'health_check': {'command': ['test', '-e', 'db.up'], 'interval': '1s', 'attempt_timeout': '20s', 'total_timeout': '40s',
                                 'retries': 2, 'start_interval': '50ms', 'on_unhealthy': 'ignore'},
                'logs': {'sink': ['stdout', 'file'], 'format': 'json', 'prefix': False, 'max_bytes': '1M', 'max_files': 2, 'when_full': 'drop'},
                'hooks': {'pre_start': {'command': 'true', 'timeout': '40s'}, 'post_start': 'true', 'pre_stop': ['true'], 'post_stop': 'true',
                          'on_start': true, 'on_stop': true, 'on_restart': true, 'onstart': 'true', 'onerr': 'true'},
            },
            'cache': {'exec': [PYTHON, '-c', 'import socket, time; s = socket.socket(socket.AF_UNIX); s.bind("cache.sock"); s.listen(); time.sleep(1000)'],
                      'health_check': {'unix': 'cache.sock', 'timeout': '40s'}, 'env': {'PLAIN': 'map'}},
            'old': {'exec': ['sh', '-c', ': >old.up; exec sleep 1000'], 'spawn': {'mode': 'dynamic', 'limits': {'termination_policy': 'drain'}},
                    'deployment': {'pre_start': ['true'], 'health_check': {'file': 'old.up'}, 'strategy': 'rolling', 'grace_period': '100ms'}},
            'slotted': {'exec': [PYTHON, '-c', 'import os, socket, time; s = socket.create_server(("127.0.0.1", int(os.environ["SLOT"]))); time.sleep(1000)'],
                        'health_check': {'tcp': '127.0.0.1:{slot}', 'total_timeout': '40s'},
                        'deployment': {'blue_green': {'env_var': 'SLOT', 'slots': ['7421', '7422'], 'state_path': 'slot',
                                                      'switch_command': ['touch', 'to.{candidate_slot}'],
                                                      'candidate_health_check': {'tcp': '127.0.0.1:{slot}'},
                                                      'switch_verify': {'file': 'to.{slot}'}}}},
            'web': {'exec': [PYTHON, '-m', 'http.server', '-b', '127.0.0.1', '7411'], 'health_check': {'url': 'http://127.0.0.1:7411/', 'total_timeout': '40s'}},
            'port': {'exec': [PYTHON, '-c', 'import socket, time; s = socket.create_server(("127.0.0.1", 7412)); time.sleep(1000)'],
                     'health_check': {'tcp': '127.0.0.1:7412', 'total_timeout': '40s'}, 'replicas': 1},
            'walled': {'exec': HOLD, 'working_dir': '/', 'isolation': {'network': True, 'mount': True, 'pid': True, 'user': True, 'private_tmp': True,
                                                   'private_devices': True}},
            'fenced': {'exec': HOLD, 'isolation': {'seccomp': 'baseline-v1', **landlock}},
            'nightly': {'exec': ['true'], 'cron': {'expression': '30 3 * * *', 'timezone': 'UTC', 'overlap': 'queue'}},
            'other-box': {'remote': {'uid': UID, 'token_file': 'run/token'}, 'spawn': {'mode': 'dynamic'}},
            'skipped': {'exec': HOLD, 'skip': True},
        },
    }


def prepare(home):
    """The files that it needs, in a folder that the users of its services reach."""
    (home / 'run').mkdir()
    (home / 'all.env').write_text('FROM_FILE=1\n')
    (home / 'secret').write_text('hush\n')


def boots(box, lacking, **kw):
    """It is up as written, and a reload finds nothing to do. Returns the box."""
    home = box(None, argv=['true']).home
    prepare(home)
    m = manifest(home, lacking)
    absent, unknown = missing(m, lacking)
    assert not absent and not unknown, f'not in every_key.py: {sorted(absent)}; not in doc/keys.md: {sorted(unknown)}'
    b = box(json.dumps(m, indent=1), home=home, timeout=120, env={'SYSG_SOCKET': f'{home}/run/control.sock'}, **kw).up(60)
    until(lambda: b.sysg('ready').returncode == 0, 40, 0.05, lambda: f'{b.sysg("status").stdout}{b.stderr[-2000:]}')
    states = {u['name']: u['state'] for u in b.status_json()['units']}
    names = [n for x in [m, *m.get('projects', {}).values()] for n in x['services']]
    assert states == {**{n: 'running' for n in names}, 'nightly': 'queued', 'skipped': 'skipped'}, states
    assert not re.search(r'error|warning', b.stderr), b.stderr
    assert re.fullmatch(rf'\S+: valid, {len(names)} services\n', b.sysg_ok('validate', '-c', str(b.manifest)))
    assert b.sysg_ok('reload') == 'Nothing changed\n'
    assert {u['name']: u['state'] for u in b.status_json()['units']} == states
    return b


def ends(b):
    assert b.term(30) == 0, b.stderr
    assert not (b.home / 'run/token').exists() and not (b.home / 'run/control.sock').exists()
