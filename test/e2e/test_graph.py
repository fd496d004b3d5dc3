"""`sysg graph`: the start order by levels, what depends on what, and Graphviz's language."""
import json
import re
import shutil
import subprocess

import pytest

from harness import SYSG

DAG = '''
services:
  db: {exec: [sleep, "1000"], health_check: {command: "true"}}
  cache: {exec: [sleep, "1000"]}
  prep: {command: "exit 0", restart_policy: never, depends_on: [db]}
  api: {exec: [sleep, "1000"], depends_on: {db: healthy, cache: {condition: started}, prep: completed}}
  web: {exec: [sleep, "1000"], depends_on: [{service: api, restart: false}, cache]}
'''


def graph(box, manifest, *args, name='systemg.yaml', **kw):
    """`sysg graph -c` with nobody running: (exit status, stdout, stderr)."""
    home = box(argv=['true']).home
    (home / name).write_text(manifest)
    b = box(argv=[SYSG, 'graph', '-c', name, *args], home=home, **kw)
    return b.wait(), b.stdout, b.stderr


def test_the_start_order_is_shown_by_levels(box):
    rc, out, err = graph(box, DAG)
    assert rc == 0, err
    assert out.splitlines()[:5] == ['start order', '  1  db, cache', '  2  prep', '  3  api', '  4  web']


def test_dependencies_are_drawn_with_their_conditions(box):
    out = graph(box, DAG, env={'LANG': 'C.UTF-8'})[1]
    drawn = out[out.index('web\n├'):]
    assert drawn.splitlines() == ['web', '├─ api (started, restart: false)', '│  ├─ db (healthy)', '│  ├─ cache (started)',
                                  '│  └─ prep (completed)', '│     └─ db (healthy)', '└─ cache (started)']


def test_plain_draws_with_letters_that_every_terminal_has(box):
    out = graph(box, DAG, '--plain')[1]
    assert out.isascii() and '|- api (started, restart: false)' in out


def test_what_many_depend_on_is_opened_once(box):
    """Twenty levels of two, each of which needs both below it: a tree of them would have a million leaves."""
    levels = [f'  a0: {{exec: [x]}}\n  b0: {{exec: [x]}}']
    levels += [f'  a{i}: {{exec: [x], depends_on: [a{i - 1}, b{i - 1}]}}\n  b{i}: {{exec: [x], depends_on: [a{i - 1}, b{i - 1}]}}'
               for i in range(1, 21)]
    rc, out, _ = graph(box, 'services:\n' + '\n'.join(levels) + '\n')
    assert rc == 0 and out.count('\n') < 140
    assert re.search(r'b19 \(started\) \*$', out, re.M) and '* is drawn with its dependencies at another place' in out


@pytest.mark.parametrize('name', ['m.yaml', 'a "quoted" \\name.yaml'])
def test_dot_has_every_service_every_edge_and_quotes(box, name):
    rc, out, err = graph(box, DAG, '--format', 'dot', name=name)
    assert rc == 0, err
    assert out.startswith('digraph ') and out.rstrip().endswith('}')
    assert re.findall(r'^\t"([\w-]+)";$', out, re.M) == ['db', 'cache', 'prep', 'api', 'web']
    assert '"api" -> "prep" [label="completed"];' in out and '"web" -> "api" [label="started", style=dashed];' in out
    assert out.count(' -> ') == 6
    bare = re.sub(r'"(\\.|[^"\\])*"', 'S', out)
    assert '"' not in bare and 'label=S;' in bare, bare
    if shutil.which('dot'):
        assert subprocess.run(['dot', '-Tcanon'], input=out, text=True, capture_output=True).returncode == 0


def test_json_has_levels_and_dependencies(box):
    rc, out, _ = graph(box, DAG, '--format', 'json')
    o = json.loads(out)
    assert rc == 0 and o['levels'] == 4
    units = {s['name']: s for s in o['services']}
    assert list(units) == ['db', 'cache', 'prep', 'api', 'web']
    assert units['web'] == {'name': 'web', 'level': 4, 'depends_on': [
        {'service': 'api', 'condition': 'started', 'restart': False}, {'service': 'cache', 'condition': 'started', 'restart': True}]}


@pytest.mark.parametrize('text, code', [('services: {a: {exec: [x], depends_on: [b]}, b: {exec: [x], depends_on: [a]}}\n', 'SG0213'),
                                        ('services: {a: {exec: [x], depnds_on: [b]}}\n', 'SG0211')])
def test_a_manifest_that_is_not_valid_is_told_with_its_place_and_is_2(box, text, code):
    rc, out, err = graph(box, text)
    assert rc == 2 and not out and f'error[{code}]' in err and 'systemg.yaml:1:' in err
    rc, out, _ = graph(box, text, '--json')
    assert rc == 2 and json.loads(out)['error']['code'] == code


def test_no_manifest_is_sg0203_and_2(box):
    b = box(argv=[SYSG, 'graph'])
    assert b.wait() == 2 and 'SG0203' in b.stderr


def test_without_c_it_is_the_manifest_that_the_supervisor_has_registered(box):
    b = box('services: {only: {exec: [sleep, "1000"]}}').up()
    (b.home / 'sub').mkdir()
    (b.home / 'sub' / 'other.yaml').write_text('services: {mine: {exec: [x]}}\n')
    assert [s['name'] for s in json.loads(b.sysg_ok('graph', '--json', ns=['--cwd', '/']))['services']] == ['only']
    assert [s['name'] for s in json.loads(b.sysg_ok('graph', '--json', '-c', 'sub/other.yaml'))['services']] == ['mine']
    assert b.json('validate', ns=['--cwd', '/'])['services'] == 1


def test_of_several_that_are_registered_it_reads_the_first_and_names_the_others(box):
    b = box('services: {only: {exec: [sleep, "1000"]}}').up()
    (b.home / 'other.yaml').write_text('services: {mine: {exec: [sleep, "1000"]}}\n')
    b.sysg_ok('start', '-c', 'other.yaml')
    for command in ('graph', 'validate', 'doctor'):
        r = b.sysg(command)
        assert str(b.home / 'systemg.yaml') in r.stdout or 'only' in r.stdout, r
        assert r.stderr == f'sysg: {b.home}/other.yaml runs too; -c FILE looks at it\n', r
        assert not b.sysg(command, '-c', 'systemg.yaml').stderr


def test_it_reads_by_itself_and_needs_no_variables_with_no_env(box):
    text = 'services: {a: {exec: [echo, "${SURELY_UNSET}"]}}\n'
    assert graph(box, text)[0] == 2
    assert graph(box, text, '--no-env')[0] == 0
