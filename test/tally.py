#!/usr/bin/env python3
"""Adds up what the runs reported, names what failed, and closes with one line: N passed, N failed, N skipped."""
import pathlib
import sys
import xml.etree.ElementTree

report, unable = map(pathlib.Path, sys.argv[1:3])
passed = failed = skipped = 0
names = []

for line in (report / 'checks').read_text().splitlines():
    if line.startswith('ok '):
        passed += 1
    else:
        failed += 1
        names.append(line.removeprefix('not ok '))

for path in sorted(report.glob('*.junit.xml')):
    try:
        cases = list(xml.etree.ElementTree.parse(path).iter('testcase'))
    except xml.etree.ElementTree.ParseError:
        cases = []
        failed += 1
        names.append(f'{path.name}: no report')
    for case in cases:
        kinds = {child.tag for child in case}
        if kinds & {'failure', 'error'}:
            failed += 1
            names.append(f'{path.name.split(".")[0]}: {case.get("classname", "")} {case.get("name")}')
        elif 'skipped' in kinds:
            skipped += 1
        else:
            passed += 1

# A run that was ended by its time limit leaves no report.
for log in sorted([*report.glob('e2e-*.log'), *report.glob('containers.log')]):
    if not (report / f'{log.stem}.junit.xml').exists():
        failed += 1
        names.append(f'{log.stem}: ended without a report')

known = [l for l in unable.read_text().splitlines() if l.strip() and not l.startswith('#')]
for line in known:
    print(f'passed over: {line}')
print(f'{len(known)} named in {unable}')
if skipped and not known:
    failed += 1
    names.append(f'{skipped} tests were skipped that are not named in {unable}')
for name in names:
    print(f'FAILED {name}')
print(f'{passed} passed, {failed} failed, {skipped} skipped')
sys.exit(1 if failed else 0)
