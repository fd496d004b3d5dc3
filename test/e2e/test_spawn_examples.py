"""docker/examples/spawn: what its programs in sh and in Python do, as they are, under a real PID 1."""
import os
import re
import shutil
import signal

import pytest

from harness import ROOT, SYSG, until

FOLDER = ROOT / 'docker/examples/spawn'
LANGUAGES = ['sh', 'py']
JOBS = list('abcdefghijklmn')


def start(box, service):
    """A box in which that example alone runs, from a copy of the folder."""
    b = box(argv=['true'])
    home = b.home
    for f in FOLDER.iterdir():
        shutil.copy(f, home / f.name)
    return box(argv=[SYSG, 'start', '-s', service], home=home, timeout=120)


def lines(b, service):
    return [line.split(' | ', 1)[1] for line in b.stdout.splitlines() if line.startswith(f'{service} | ')]


def whole(box, service):
    """What it printed, once it is through."""
    b = start(box, service)
    assert b.wait(60) == 0, b.stderr
    return lines(b, service)


@pytest.mark.asan
def test_the_parent_receives_what_its_child_sent_and_then_its_end(box):
    pid, head, body, end = whole(box, 'pair')
    assert re.fullmatch(r'\d+', pid)
    assert re.fullmatch(r'msg pair/child \d+', head) and body == '6 times 7 is 42'
    assert end == 'exit pair/child - code=0 reason=exited'
    assert all(len((FOLDER / f).read_text().splitlines()) < 10 for f in ('parent.sh', 'child.sh'))


@pytest.mark.parametrize('language', LANGUAGES)
def test_the_pool_is_as_deep_as_its_queue_and_does_each_job_once(box, language):
    said = whole(box, f'pool_{language}')
    assert sorted(re.findall(r'did (\w)$', '\n'.join(said), re.M)) == JOBS, said
    workers = {line.split()[0] for line in said}
    assert len(workers) == 4, 'a third of 14 jobs is 5, the manifest allows 4'
    assert sorted(line for line in said if ' ended: ' in line) == sorted(f'{w} ended: code=0 reason=exited' for w in workers)


def test_the_job_of_a_worker_that_was_killed_is_done_by_another(box):
    b = start(box, 'pool_py')
    b.says('worker ready')

    def worker():
        return next((p for p in b.procs().values() if p.cmdline == 'python3 pool.py --work'), None)
    os.kill(until(worker).pid, signal.SIGKILL)
    assert b.wait(60) == 0
    said = '\n'.join(lines(b, 'pool_py'))
    assert sorted(set(re.findall(r'did (\w)$', said, re.M))) == JOBS
    assert 'ended: signal=9 reason=signal' in said


@pytest.mark.parametrize('language', LANGUAGES)
def test_what_agents_find_travels_up_and_the_stuck_one_ends_by_its_ttl(box, language):
    said = whole(box, f'agents_{language}')
    stuck = [line for line in said if line.startswith('stuck ended: ')]
    assert len(stuck) == 1 and stuck[0].endswith(' reason=ttl')
    assert sorted(line.strip() for line in said if line not in stuck) == ['cats: against-cats for-cats', 'dogs: against-dogs for-dogs']


@pytest.mark.parametrize('language', LANGUAGES)
def test_the_words_of_all_files_are_counted_three_files_at_a_time(box, language):
    said = whole(box, f'mapreduce_{language}')
    files = ['pool.sh', 'agents.sh', 'mapreduce.sh', 'pool.py', 'agents.py']
    assert said[-1] == f'total: {sum(len((FOLDER / f).read_text().split()) for f in files)}'
    assert len(said) == 1 + len(files) and all(line.endswith('words, code=0 reason=exited') for line in said[:-1])


def test_each_service_of_the_folder_is_run_here_and_named_in_its_readme():
    services = re.findall(r'^  (\w+): \{', (FOLDER / 'systemg.yaml').read_text().split('services:')[1], re.M)
    readme = (FOLDER / 'README.md').read_text()
    assert sorted(services) == sorted(['pair'] + [f'{e}_{l}' for e in ('pool', 'agents', 'mapreduce') for l in LANGUAGES])
    assert all(f'sysg start -s {s}' in readme for s in services)
