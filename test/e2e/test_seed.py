"""Every command line, manifest and snippet of the document that the project comes from, unchanged.

seed/ holds its fenced blocks, as they are written there, in their order. Stand-ins are written for the programs
that they name; `python` is the real one.
"""
import pathlib
import re
import shlex

import pytest

from harness import PATH, SYSG, bin_dir, facts, until

SEED = pathlib.Path(__file__).resolve().parent / 'seed'
BLOCKS = {p.name[:2]: p.read_text() for p in SEED.iterdir()}
STAY = 'import time\nprint("up", flush=True)\ntime.sleep(1000)\n'


def lines(block):
    """The command lines of a block, without the prompt."""
    return [line.removeprefix('$ ') for line in BLOCKS[block].splitlines() if line.strip() and not line.startswith('#')]


def folder(box, manifest, **files):
    """A folder with the manifest under the name that it is looked for, and stand-ins; `app_py` is app.py."""
    b = box(argv=['true'])
    b.manifest.write_text(BLOCKS[manifest])
    for name, text in files.items():
        path = b.home / name.replace('_py', '.py').replace('_sh', '.sh')
        path.write_text(text)
        path.chmod(0o755)
    return b.home


def start(box, home, line='sysg start'):
    words = shlex.split(line)
    assert words[0] == 'sysg'
    b = box(argv=[SYSG, *words[1:]], home=home)
    return b


def with_postgres(home):
    """A `postgres` in PATH: the folder's own bin."""
    (home / 'bin').mkdir()
    (home / 'bin/postgres').write_text('#!/bin/sh\necho postgres up\nexec sleep 1000\n')
    (home / 'bin/postgres').chmod(0o755)


def start_first(box, line):
    home = folder(box, '01', app_py=STAY)
    with_postgres(home)
    return box(argv=[SYSG, *shlex.split(line)[1:]], home=home, env={'PATH': f'{home}/bin:{bin_dir()}:{PATH}'})


def test_there_are_ten_blocks():
    assert sorted(BLOCKS) == [f'{i:02d}' for i in range(1, 11)]


def test_sysg_start_starts_all_configured_services(box):
    assert lines('02')[2] == 'sysg start'
    b = start_first(box, lines('02')[2]).up()
    b.until_state('web_server', 'running')
    b.until_state('database', 'running')
    b.says('web_server . up', where='stdout')
    b.says('database . postgres up', where='stdout')
    assert b.term() == 0


def test_sysg_start_s_starts_a_specific_service(box):
    assert lines('02')[1] == 'sysg start -s web_server'
    b = start_first(box, lines('02')[1]).up()
    b.until_state('web_server', 'running')
    assert not any('postgres' in p.cmdline for p in b.procs().values())
    assert b.state('database') != 'running'


def test_sysg_start_daemonize_returns_once_all_services_are_up(box):
    assert lines('02')[0] == 'sysg start --daemonize'
    home = folder(box, '01', app_py=STAY)
    with_postgres(home)
    b = box(argv=['sh', '-c', lines('02')[0] + '; echo $? >rc; exec sleep 1000'], home=home,
            env={'PATH': f'{home}/bin:{bin_dir()}:{PATH}'})
    assert b.file('rc').strip() == '0', b.stderr
    assert b.state('web_server') == b.state('database') == 'running'
    b.sysg_ok('stop', '--supervisor')
    until(lambda: len(b.procs()) == 1)


def test_restart_policies_of_the_first_manifest_hold(box):
    b = start_first(box, 'sysg start').up()
    for name in ('web_server', 'database'):
        pid = b.pid_of(name)
        b.exec('kill', '-KILL', str(pid))
        until(lambda: b.running_pid(name) not in (None, pid), 10, 0.05)


@pytest.mark.asan
def test_the_spawn_lines_work_from_within_the_orchestrator(box):
    home = folder(
        box, '03', worker_py='import subprocess; subprocess.run(["imp", "facts", "worker"]); ' + 'import time; time.sleep(1000)\n',
        process_sh='#!/bin/sh\nimp facts temp\nexec sleep 1000\n',
        db_task_py='import subprocess; subprocess.run(["imp", "facts", "db"]); import time; time.sleep(1000)\n',
        orchestrator_py='import subprocess, time\nfor line in open("lines"):\n'
        '    with open("rcs", "a") as f: print(subprocess.run(line, shell=True).returncode, file=f)\nopen("end", "w")\ntime.sleep(1000)\n')
    (home / 'lines').write_text(''.join(line + '\n' for line in lines('04')))
    b = start(box, home).up()
    until(lambda: (b.home / 'end').exists(), why=lambda: b.stderr)
    assert b.file('rcs').split() == ['0', '0', '0']
    assert facts(b.file('worker'))['env']['SYSG_NAME'] == 'orchestrator/worker_1'
    assert facts(b.file('temp'))['env']['SYSG_NAME'] == 'orchestrator/temp_worker'
    assert facts(b.file('db'))['env']['DB_HOST'] == 'localhost'
    u = b.unit('orchestrator')
    assert u['counts']['children'] == 3
    kids = {k['child']['name']: k['child'] for k in u['spawned_children']}
    assert sorted(kids) == ['db_worker', 'temp_worker', 'worker_1']
    assert kids['temp_worker']['ttl_left'] and 'ttl' not in kids['worker_1']


def test_the_limits_of_the_orchestrator_hold(box):
    home = folder(box, '03', orchestrator_py=(
        'import subprocess, time\nrcs = [subprocess.run(["sysg", "spawn", "--", "sleep", "1000"], stdout=subprocess.DEVNULL).returncode '
        'for _ in range(101)]\nopen("rcs.new", "w").write(" ".join(map(str, rcs)))\nimport os; os.rename("rcs.new", "rcs")\ntime.sleep(1000)\n'))
    b = start(box, home).up()
    assert b.file('rcs', 30).split() == ['0'] * 100 + ['7']
    assert b.term() == 0


def test_pattern_1_a_queue_with_workers(box):
    snippet = BLOCKS['06']
    assert 'os.system("sysg spawn --name worker --ttl 3600 -- python process_task.py")' in snippet
    home = folder(box, '05', process_task_py='import time\nopen("task", "a").write("x\\n")\ntime.sleep(1000)\n',
                  queue_manager_py='import os, time\nfor load in range(3):\n    ' + snippet.splitlines()[1] + '\nopen("end", "w")\ntime.sleep(1000)\n')
    b = start(box, home).up()
    until(lambda: (b.home / 'end').exists() and b.file('task').count('x') == 3, why=lambda: b.stderr)
    names = [k['child']['name'] for k in b.unit('task_queue')['spawned_children']]
    assert names[0] == 'worker' and all(re.fullmatch(r'worker(\.\d+)?', n) for n in names) and len(set(names)) == 3
    b.sysg_ok('stop', 'task_queue')
    assert not b.others()


def test_pattern_2_an_agent_hierarchy(box):
    agent = 'import os, time\nopen("{0}.new", "w").write(os.environ["LLM_PROVIDER"] + " " + os.environ["SYSG_NAME"])\nos.rename("{0}.new", "{0}")\ntime.sleep(1000)\n'
    home = folder(box, '07', analyze_py=agent.format('analyze'), generate_py=agent.format('generate'),
                  root_agent_py='import subprocess, time\nsubprocess.run(["sh", "./lines.sh"], check=True)\ntime.sleep(1000)\n')
    (home / 'lines.sh').write_text(BLOCKS['08'])
    b = start(box, home).up()
    assert b.file('analyze') == 'claude root_agent/analyzer'
    assert b.file('generate') == 'openai root_agent/coder'


def test_pattern_3_a_batch_scheduler(box):
    home = folder(box, '09', process_job_py='import sys, os\nopen("job." + sys.argv[1], "w").write(os.environ["SYSG_NAME"])\n',
                  scheduler_py='import subprocess, time\npending_jobs = [1, 2, 3]\n' + BLOCKS['10'])
    b = start(box, home)
    assert b.wait(30) == 0
    for job in '123':
        assert b.file(f'job.{job}') == f'scheduler/job_{job}'
