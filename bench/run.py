#!/usr/bin/python3
"""Medians of five rounds beside peers in the same run; see README.md."""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'test/e2e'))
import harness  # noqa: E402
from harness import SYSG, Box, pss_kib, until  # noqa: E402

ROUNDS = 5
SPAWNS = 50
LINES = 200_000


def show(title, unit, rows, more_is_better=False):
    """rows: name -> values; the first one is the yardstick."""
    print(f'\n{title} ({unit}{", more is better" if more_is_better else ""})')
    first = None
    for name, values in rows.items():
        middle = statistics.median(values)
        first = first or middle
        print(f'  {name:24}{middle:14.6g}   {min(values):.6g} to {max(values):.6g}   x {middle / first:.2f}')


def rounds(measures):
    """Each measure once a round, by turns."""
    rows = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            rows[name].append(measure())
    return rows


def program(name):
    return shutil.which(name)


def inits():
    """Programs that run one command as PID 1: name -> words before it."""
    known = {'tini': ['tini', '--'], 'dumb-init': ['dumb-init'], 'sysg': [SYSG, 'start', '--']}
    return {name: words for name, words in known.items() if program(words[0])}


def size():
    files = {name: program(words[0]) for name, words in inits().items()}
    if program('s6-svscan'):
        files['s6 (svscan, supervise)'] = [program('s6-svscan'), program('s6-supervise')]
    show('size of the program', 'bytes', {name: [sum(os.path.getsize(os.path.realpath(f)) for f in
                                                     (path if isinstance(path, list) else [path]))]
                                          for name, path in files.items()})


def closed(box, value):
    box.close()
    shutil.rmtree(box.home, ignore_errors=True)
    return value


def memory_of(words):
    def measure():
        b = Box(argv=[*words, 'sleep', '1000'])
        until(lambda: b.others(), 10)
        time.sleep(2.5)  # what is given back once nothing happens is given back by then
        return closed(b, pss_kib(b.pid))
    return measure


def memory():
    show('PID 1 over one sleep', 'KiB of PSS', rounds({name: memory_of(words) for name, words in inits().items()}))


GRAPH = {'a': [], 'b': [], 'c': ['a'], 'd': ['a', 'b'], 'e': ['c'], 'f': ['d'], 'g': ['e', 'f'], 'h': ['f'], 'i': ['g'], 'j': ['h', 'b']}


def boot_sysg():
    services = ''.join(f'  {name}: {{command: "sleep 0.3; date +%s.%N >{name}.up; exec sleep 1000", depends_on: {deps}, '
                       f'health_check: {{file: {name}.up}}}}\n' for name, deps in GRAPH.items())
    b = Box('services:\n' + services)
    until(lambda: all((b.home / f'{name}.up').exists() and b.peek(f'{name}.up') for name in GRAPH), 60)
    return closed(b, max(float(b.peek(f'{name}.up')) for name in GRAPH) - b.exec_time)


def boot():
    show('boot of ten services in a graph', 's', rounds({'ideal': lambda: 1.5, 'sysg': boot_sysg}))


SPAWNER = '''#!/bin/sh
t=$(date +%s%N); i=0
while [ $i -lt {n} ]; do {what}; i=$((i+1)); done
echo $(($(date +%s%N)-t)) >took
exec sleep 1000
'''


def spawn_of(what):
    def measure():
        home = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
        (home / 'main.sh').write_text(SPAWNER.format(n=SPAWNS, what=what))
        b = Box('services: {a: {exec: [sh, main.sh], spawn: {mode: dynamic}}}', home=home)
        return closed(b, int(b.file('took', 60)) / 1e9 / SPAWNS)
    return measure


def spawn():
    show('a child made by a command', 's', rounds({"sh -c 'true &'": spawn_of("sh -c 'true &'"),
                                                   'sysg spawn': spawn_of('sysg spawn -- true >/dev/null')}))


LATENCIES = 1000


def latency_tool():
    tools = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
    tools.chmod(0o755)
    root = pathlib.Path(__file__).resolve().parents[1]
    subprocess.run(['musl-gcc', '-static', '-O2', root / 'bench/latency.c', '-o', tools / 'latency'], check=True)
    return tools


def restart():
    """From kill -9 to the first instruction of the next process: a static program, without a wait between them."""
    tools, again = latency_tool(), 10

    def times(b):
        return closed(b, int(b.file('took', 120).split()[0]) / 1e6)

    def sysg():
        home = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
        os.mkfifo(home / 'fifo')
        return times(Box(f'services: {{a: {{exec: [{tools}/latency], restart_policy: always, backoff: 0, env: {{FIFO: {home}/fifo}}}}, '
                         f'killer: {{command: "{tools}/latency again {again} {home}/fifo >took.new && mv took.new took"}}}}', home=home))

    def runit():
        home = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
        os.mkfifo(home / 'fifo')
        (home / 'a').mkdir()
        shutil.copy(tools / 'latency', home / 'a/run')
        (home / 'main.sh').write_text(f'FIFO={home}/fifo runsv a & {tools}/latency again {again} {home}/fifo >took.new && mv took.new took; wait\n')
        return times(Box(argv=['sh', 'main.sh'], home=home))
    show('from kill -9 to the next process', 'ms', rounds({**({'runit': runit} if program('runsv') else {}), 'sysg': sysg}))
    shutil.rmtree(tools)


def latency():
    """From the start of a command to the first instruction of the program that it has run: median and 99th percentile of a thousand."""
    tools = latency_tool()

    def measure(command):
        home = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
        (home / 'main.sh').write_text(f'{tools}/latency run {LATENCIES} $PWD/fifo {command} >took.new; mv took.new took; exec sleep 1000\n')
        b = Box('services: {a: {exec: [sh, main.sh], spawn: {mode: dynamic}}}', home=home, timeout=600)
        return closed(b, tuple(int(n) / 1e6 for n in b.file('took', 600).split()))
    stamp = f'{tools}/latency stamp $PWD/fifo'
    rows = rounds({"sh -c 'CMD &'": lambda: measure(f'sh -c "{stamp} &"'), 'sysg spawn': lambda: measure(f'sysg spawn -- {stamp}')})
    for i, what in enumerate(('median', '99th percentile')):
        show(f'from a command to the program that it has run, {what}', 'ms', {name: [v[i] for v in values] for name, values in rows.items()})
    first, ours = (statistics.median(v[0] for v in values) for values in rows.values())
    print(f'  the median of sysg spawn less that of sh: {ours - first:+.2f} ms')
    shutil.rmtree(tools)


def lib():
    """By libsysg over one connection, one at a time and 100 in a call, beside fork, exec and wait: both of the same static program."""
    tools = pathlib.Path(tempfile.mkdtemp(prefix='sysg-e2e-', dir='/var/tmp'))
    tools.chmod(0o755)
    root = pathlib.Path(__file__).resolve().parents[1]
    subprocess.run(['musl-gcc', '-static', '-O2', f'-I{root}/include', root / 'bench/spawns.c', '-o', tools / 'spawns',
                    root / 'build/release/libsysg.a'], check=True)
    subprocess.run(['musl-gcc', '-static', '-O2', '-x', 'c', '-', '-o', tools / 'true'], input=b'int main(void) { return 0; }', check=True)

    def measure(how):
        b = Box(f'services: {{a: {{command: "{tools}/spawns {how} {SPAWNS * 40} {tools}/true >n.new; mv n.new n; exec sleep 1000", '
                'spawn: {mode: dynamic, limits: {children: 1000}}}}')
        return closed(b, float(b.file('n', 600)))
    show('children of a static program', 'a second', rounds({how: lambda how=how: measure(how) for how in ('floor', 'sysg', 'many')}),
         more_is_better=True)
    shutil.rmtree(tools)


WRITER = ('import os,sys\nblock = (b"x" * 99 + b"\\n") * 100\n'
          f'for _ in range({LINES} // 100):\n    os.write(1, block)\n')


def log_peer(command):
    def measure():
        with tempfile.TemporaryDirectory(dir='/var/tmp') as d:
            t = time.monotonic()
            subprocess.run(['sh', '-c', f'{harness.PYTHON} -c "$WRITER" | {command}'], cwd=d, check=True,
                           env={**os.environ, 'WRITER': WRITER}, stderr=subprocess.DEVNULL)
            return LINES / (time.monotonic() - t)
    return measure


def log_sysg():
    home = Box(argv=['true']).home
    (home / 'w.py').write_text(WRITER)
    b = Box(f'services: {{w: {{exec: [{harness.PYTHON}, w.py], restart_policy: never, logs: {{sink: file, max_bytes: 1G}}}}}}', home=home)
    status = b.wait(120)
    assert status == 0, b.stderr
    return closed(b, LINES / (time.time() - b.exec_time))


def log():
    peers = {'cat': 'cat >out', 'multilog': 'multilog t s16777215 ./log', 's6-log': 's6-log T s100000000 ./log',
             'svlogd': 'sh -c "mkdir log; exec svlogd -tt log"'}
    measures = {name: log_peer(command) for name, command in peers.items() if program(name)}
    measures['sysg (boot and end too)'] = log_sysg
    show('one writer of lines of 100 bytes', 'lines/s', rounds(measures), more_is_better=True)


def main():
    known = {'size': size, 'memory': memory, 'boot': boot, 'spawn': spawn, 'restart': restart, 'latency': latency, 'lib': lib, 'log': log}
    for name in sys.argv[1:] or known:
        if name not in known:
            sys.exit(f'no measure {name}: {" ".join(known)}')
        known[name]()


if __name__ == '__main__':
    try:
        main()
    finally:
        for one in Box.all:
            one.close()
