"""`env`: secrets out of files, and what of the container's environment a service doesn't get."""
import os
import pathlib

import pytest

from harness import codes, until

SHOW = 'env >env.new; mv env.new env.%s; exec sleep 1000'


def env_of(b, name):
    return dict(line.split('=', 1) for line in b.file(f'env.{name}').splitlines() if '=' in line)


def folder(box, **files):
    b = box(argv=['true'])
    for name, text in files.items():
        (b.home / name).write_bytes(text)
    return b.home


@pytest.mark.asan
def test_a_secret_is_what_its_file_says_less_one_newline(box):
    home = folder(box, one=b's3cr3t\n', two=b'a\nb\n\n', empty=b'', file=b'FROM=file\nTWO=file\n')
    (home / 'one').chmod(0o400)
    b = box(f'''
        env: {{secrets: {{ALL: one}}}}
        services:
          web: {{command: "{SHOW % 'web'}", env: {{file: file, vars: {{V: v, TWO: var}}, secrets: {{ONE: ./one, TWO: {home}/two, NONE: empty}}}}}}
        ''', home=home).up()
    env = b.file('env.web')
    assert 'ONE=s3cr3t\n' in env and 'ALL=s3cr3t\n' in env and 'TWO=a\nb\n\n' in env and 'NONE=\n' in env
    assert 's3cr3t\n\n' not in env and 'b\n\n\n' not in env
    assert 'FROM=file\n' in env and 'V=v\n' in env
    b.until_state('web', 'running')
    said = b.sysg_ok('status', '--json') + b.sysg_ok('status') + b.sysg_ok('events', '--json') + b.stdout + b.stderr
    assert 's3cr3t' not in said
    assert not [p for p in b.procs().values() if 's3cr3t' in p.cmdline]


def test_a_changed_secret_is_a_change_for_reload(box):
    home = folder(box, one=b'1')
    b = box(f'services: {{web: {{command: "{SHOW % "web"}", env: {{secrets: {{ONE: one}}}}}}, other: {{command: "exec sleep 1000"}}}}', home=home).up()
    assert env_of(b, 'web')['ONE'] == '1'
    other = b.pid_of('other')
    assert b.sysg_ok('reload') == 'Nothing changed\n'
    (home / 'one').write_text('2')
    assert 'restart web (changed)' in b.sysg_ok('reload')
    until(lambda: env_of(b, 'web')['ONE'] == '2')
    (home / 'one').unlink()
    r = b.sysg('reload')
    assert 'SG0301' in codes(r) and 'secret ONE' in r.stderr and '/one' in r.stderr
    assert b.pid_of('other') == other


@pytest.mark.parametrize('make, words', [
    (lambda p: None, 'No such file'),
    (lambda p: os.mkfifo(p), 'not a regular file'),
    (lambda p: p.write_bytes(b'a\0b'), 'NUL'),
    (lambda p: p.write_bytes(b'x' * (1 << 20) + b'x'), 'large'),
])
def test_a_secret_that_cannot_be_is_refused_without_its_content(box, make, words):
    home = folder(box)
    make(home / 'one')
    b = box('services: {web: {command: ": >ran", env: {secrets: {ONE: one}}}}', home=home)
    assert b.wait() != 0
    assert 'secret ONE' in b.stderr and words in b.stderr and 'xxx' not in b.stderr and not (home / 'ran').exists()


def test_strip_takes_names_and_beginnings_of_names_and_leaves_what_the_service_sets(box):
    b = box(f'''
        env: {{vars: {{TOP: t, AWS_TOP: t}}, strip: [GLOBAL]}}
        services:
          web: {{command: "{SHOW % 'web'}", env: {{strip: [ONE, TOP, "AWS_*"], vars: {{AWS_MINE: m, GLOBAL: mine}}}}}}
          all: {{command: "{SHOW.replace('env.new', 'env.n') % 'all'}"}}
        ''', env={'ONE': '1', 'ONES': '11', 'AWS_KEY': 'k', 'AWS': 'a', 'GLOBAL': 'g'}).up()
    env = env_of(b, 'web')
    assert not {'ONE', 'TOP', 'AWS_KEY', 'AWS_TOP'} & set(env)
    assert (env['ONES'], env['AWS'], env['AWS_MINE'], env['GLOBAL']) == ('11', 'a', 'm', 'mine')
    env = env_of(b, 'all')
    assert (env['ONE'], env['AWS_KEY'], env['TOP']) == ('1', 'k', 't') and 'GLOBAL' not in env


def test_clear_session_vars_takes_what_a_login_left(box):
    left = {'SSH_AUTH_SOCK': '/x', 'XDG_RUNTIME_DIR': '/x', 'DISPLAY': ':0', 'TERM_SESSION_ID': '1', 'DBUS_SESSION_BUS_ADDRESS': 'x', 'TMUX': 'x'}
    b = box(f'''
        services:
          web: {{command: "{SHOW % 'web'}", env: {{clear_session_vars: true, vars: {{DISPLAY: mine}}}}}}
          all: {{command: "{SHOW.replace('env.new', 'env.n') % 'all'}", env: {{clear_session_vars: false}}}}
        ''', env={**left, 'DISPLAYS': '2', 'TERM': 'xterm'}).up()
    env = env_of(b, 'web')
    assert set(left) & set(env) == {'DISPLAY'} and env['DISPLAY'] == 'mine'
    assert env['DISPLAYS'] == '2' and env['TERM'] == 'xterm' and env['HOME'] == '/root'
    assert left.items() <= env_of(b, 'all').items()


@pytest.mark.parametrize('env', ['strip: A', 'strip: ["A=B"]', 'strip: ["*A"]', 'strip: [""]', 'secrets: [a]', 'secrets: {A: ""}',
                                 'secrets: {A: }', 'secrets: {"A=B": x}', 'clear_session_vars: maybe'])
def test_what_makes_no_sense_is_refused_with_its_place(box, env):
    b = box(f'services:\n  web: {{command: x, env: {{{env}}}}}\n')
    assert b.wait() == 2 and 'systemg.yaml:2:' in b.stderr and 'SG0210' in b.stderr


def test_env_and_its_files_are_known_to_values_at_boot_and_after_a_reload(box):
    b = box(None, argv=['true'])
    (b.home / 'all.env').write_text('HOST=db\nPORT=1\n')
    b = box('''
        env: {file: all.env, vars: {URL: "${HOST}:${PORT}"}}
        services:
          a: {command: "exec sleep 1000", env: {PATH: "/nowhere:${PATH}", FROM: "${URL}/${GIVEN}"}}
        ''', env={'GIVEN': 'given', 'PORT': '2'}, home=b.home).up()
    pid = b.pid_of('a')

    def env_of(pid):
        return dict(v.split('=', 1) for v in pathlib.Path(f'/proc/{b.inner(pid).pid}/environ').read_text().split('\0') if '=' in v)
    env = env_of(pid)
    assert env['FROM'] == 'db:1/given' and env['PATH'].startswith('/nowhere:/') and env['PORT'] == '1'
    (b.home / 'all.env').write_text('HOST=other\nPORT=3\n')
    b.sysg_ok('reload')
    until(lambda: b.running_pid('a') not in (None, pid))
    assert env_of(b.running_pid('a'))['FROM'] == 'other:3/given'
    r = b.sysg('validate')
    assert r.returncode == 0, r
    (b.home / 'all.env').unlink()
    r = b.sysg('validate')
    assert r.returncode == 1 and "all.env, which can't be read" in r.stdout + r.stderr, r


def test_a_manifest_in_the_first_form_is_taken_with_all_that_it_says(box):
    """Its words, quoted as people have them; what is filled in is of `vars` above."""
    b = box(None, argv=['true'])
    (b.home / 'all.env').write_text('LEVEL=info\n')
    (b.home / 'store.sh').write_text('exec sleep 1000\n')
    (b.home / 'web.py').write_text('import http.server\nhttp.server.HTTPServer(("127.0.0.1", 8087), http.server.SimpleHTTPRequestHandler).serve_forever()\n')
    b = box('''
        version: "1"
        env: {file: all.env, vars: {KIND: production}}
        services:
          store:
            command: "sh ./store.sh"
            restart_policy: "always"
            backoff: "5s"
            max_restarts: 10
            hooks:
              on_start: {success: {command: "echo store up >>events"}, error: {command: "echo store failed >>events"}}
              on_stop: {success: {command: "echo store down >>events", timeout: "10s"}}
          web:
            command: "exec python web.py"
            depends_on: ["store"]
            env: {vars: {PORT: "8087", STORE: "store://${KIND}/${LEVEL}"}}
            restart_policy: "on-failure"
            deployment:
              strategy: "rolling"
              pre_start: "echo $STORE >>events"
              health_check: {url: "http://localhost:8087/", timeout: "45s", retries: 4}
              grace_period: "5s"
            hooks: {on_restart: {success: {command: "echo web again >>events"}}}
          nightly: {command: "true", cron: {expression: "0 0 3 * * *", timezone: "America/New_York"}}
          optional: {command: "sleep 1000", skip: "test -z \\"$ENABLE_OPTIONAL\\""}
        ''', home=b.home, ns=['--net']).up()
    b.until_state('web', 'running')
    assert b.state('store') == 'running' and b.state('nightly') == 'queued' and b.state('optional') == 'skipped'
    until(lambda: 'store up' in (b.home / 'events').read_text())
    assert sorted((b.home / 'events').read_text().split()) == ['store', 'store://production/info', 'up']  # one beside the other
    pid = b.pid_of('web')
    b.sysg_ok('restart', '-s', 'web', timeout=60)
    assert b.running_pid('web') not in (None, pid)
    until(lambda: 'web again' in (b.home / 'events').read_text())


@pytest.mark.parametrize('keys, code, words', [
    ('user: nosuch', 'SG0746', 'nosuch'), ('group: nosuch', 'SG0745', 'nosuch'), ('env: {file: no.env}', 'SG0210', 'no.env: No such file'),
    ('env: {secrets: {A: no}}', 'SG0210', 'secret A'), ('env: {file: bad.env}', 'SG0210', 'bad.env:3: '),
    ('cron: {expression: "0 0 * * *", timezone: Europe/Nowhere}', 'SG0210', 'Europe/Nowhere'),
])
def test_files_and_accounts_that_start_refuses_are_findings_of_validate_at_their_service(box, keys, code, words):
    home = folder(box)
    (home / 'bad.env').write_text('A=1\nB=2\nthis is bad\n')
    manifest = f'services:\n  other: {{exec: [sleep, "1000"]}}\n  web: {{exec: [sleep, "1000"], {keys}}}\n'
    b = box(manifest, home=home)
    assert b.wait() and code in b.stderr and words in b.stderr and 'systemg.yaml:3:3: service web: ' in b.stderr, b.stderr
    b = box('services: {other: {exec: [sleep, "1000"]}}', home=home).up()
    pid = b.pid_of('other')
    b.write_manifest(manifest)
    r = b.sysg('reload')
    assert r.returncode and code in r.stderr and words in r.stderr and 'systemg.yaml:3:3: ' in r.stderr and b.pid_of('other') == pid
    r = b.sysg('validate', '-c', 'systemg.yaml')
    assert r.returncode == 1 and codes(r) == [code] and words in r.stdout and ':3:3' in r.stdout and 'not valid' in r.stdout, r
    assert b.sysg('validate', '-c', 'systemg.yaml', '--no-env').returncode == 0, 'it is not looked at where it will run'
