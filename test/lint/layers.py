#!/usr/bin/env python3
"""Fails when a file includes a header that its layer may not see (layers.txt), a system header outside the
file it is pinned to, or when a header lacks its first line."""
import pathlib, re, sys
root = pathlib.Path(sys.argv[1])
allow = {}
for line in (root / 'test/lint/layers.txt').read_text().splitlines():
    if line and not line.startswith('#'):
        layer, _, rest = line.partition(':'); allow[layer] = {layer, *rest.split()}
PINNED = {'yaml.h': {'src/manifest/tree.c'}, 'sys/epoll.h': ('os', 'lib'), 'sys/wait.h': ('os',), 'sys/mount.h': ('os',)}
bad = []
for top in ('src', 'include'):
    for f in sorted((root / top).rglob('*.[ch]')):
        rel, layer = str(f.relative_to(root)), f.parent.name
        lines = f.read_text().splitlines()
        if f.suffix == '.h' and layer in allow and \
                not re.match(rf'/\* {f.name} - .*Layer: {layer}\b', lines[0] if lines else ''):
            bad.append(f'{rel}:1: the first line must be "/* {f.name} - what it is. Layer: {layer}. */"')
        for n, l in enumerate(lines, 1):
            m = re.match(r'\s*#\s*include "((\w+)/[^"]+)"', l)
            if m and layer in allow and m[2] not in allow[layer] and m[1] not in allow[layer]:
                bad.append(f'{rel}:{n}: {layer} may not include {m[1]}')
            m = re.match(r'\s*#\s*include <([^>]+)>', l)
            if m and (where := PINNED.get(m[1])) and not (rel in where if isinstance(where, set) else layer in where):
                bad.append(f'{rel}:{n}: <{m[1]}> belongs to {where}')
print('\n'.join(bad)); sys.exit(bool(bad))
