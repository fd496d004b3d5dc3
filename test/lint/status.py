#!/usr/bin/env python3
"""Do doc/status.md and doc/keys.md say the truth about the tests? Every file and test that they name has to exist. Every row
of the first has to say how it stands: done with a test, or the issue with which it comes; every key of the second has a test
by its name. The blocks of test/mutations name files and tests too."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
page = root / 'doc/status.md'
trouble = []
rows = 0


def tests_of(path):
    """The names of the tests in a file."""
    text = path.read_text()
    if path.suffix == '.py':
        return set(re.findall(r'^def (test_\w+)', text, re.M))
    return set(re.findall(r'^(?:Parameterized)?Test\(\w+,\s*(\w+)', text, re.M))


def look_up(ref):
    """Why the reference is wrong, or None."""
    name, _, test = ref.partition('::')
    path = root / (name if name.startswith('test/') else 'test/e2e/' + name)
    if not path.is_file():
        return f'there is no {name}'
    if test and test not in tests_of(path):
        return f'{name} has no {test}'
    return None


for number, line in enumerate(page.read_text().splitlines(), 1):
    cells = [c.strip() for c in re.split(r'(?<!\\)\|', line)[1:-1]]
    if not cells or cells[0] == 'what' or set(cells[0]) <= set('-: '):
        continue
    rows += 1
    if len(cells) != 3:
        trouble.append(f'{number}: {len(cells)} cells, not 3')
        continue
    refs = re.findall(r'`([^`]+)`', cells[2])
    if cells[1] == 'done':
        if not refs:
            trouble.append(f'{number}: done, and no test is named')
    elif not re.fullmatch(r'issue [3-6]', cells[1]):
        trouble.append(f'{number}: {cells[1]!r} is neither "done" nor "issue N"')
    for ref in refs:
        why = look_up(ref)
        if why:
            trouble.append(f'{number}: {why}')

trouble = [f'doc/status.md:{t}' for t in trouble]
if rows < 50:
    trouble.append(f'doc/status.md: only {rows} rows were found')

keys = 0
for number, line in enumerate((root / 'doc/keys.md').read_text().splitlines(), 1):
    cells = [c.strip() for c in line.split('|')[1:-1]]
    if not cells or cells[0] == 'key' or set(cells[0]) <= set('-: '):
        continue
    keys += 1
    refs = re.findall(r'`([^`]+)`', cells[-1])
    wrong = [look_up(ref) if '::' in ref else f'{ref} is no test, but a file' for ref in refs]
    trouble += [f'doc/keys.md:{number}: {why}' for why in [*wrong, None if refs and len(cells) == 5 else 'no test is named'] if why]
if keys < 150:
    trouble.append(f'doc/keys.md: only {keys} keys were found')

kept = '\n'.join(l for l in (root / 'test/mutations').read_text().split('\n') if not l.startswith('#'))
names = set()
for block in re.split(r'\n\n+', kept.strip()):
    lines = block.split('\n')
    name = f'test/mutations: {lines[0]!r}'
    if len(lines) != 4:
        trouble.append(f'{name}: {len(lines)} lines, not 4')
        continue
    if lines[0] in names:
        trouble.append(f'{name} is there twice')
    names.add(lines[0])
    if not (root / lines[1]).is_file():
        trouble.append(f'{name}: there is no {lines[1]}')
    why = look_up(re.sub(r'\[.*\]$', '', lines[3]))
    if why or '::' not in lines[3]:
        trouble.append(f'{name}: {why or "no test is named"}')

for t in trouble:
    print(t)
sys.exit(1 if trouble else 0)
