"""Looks at a supervisor from outside, for test_soak_tree.py: prints what must never be seen, one thing a line.

python treewatch.py: until the file `enough` exists. It writes the ids of living units to `ids` for those to choose from.
"""
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import connect, fields_of, packet  # noqa: E402

DOWN = ('stopped', 'done', 'failed')


def listing(s):
    """The rows of the living units by id."""
    s.send(packet('op=status'))
    rows = {}
    while True:
        f = fields_of(s.recv(1 << 16))
        if f.get('row') == 'unit' and f['state'] not in DOWN:
            rows[f['id']] = f
        if f.get('end') or f.get('ok') != '1':
            return rows


def rights(s, unit):
    """What is stored: {(verb, path)}; None where it is gone."""
    s.send(packet('op=caps', f'unit={unit}'))
    data = s.recv(1 << 16)
    if b'ok=1' not in data:
        return None
    return {tuple(w.decode()[6:].split(':', 1)) for w in data.split(b'\0') if w.startswith(b'right=')}


class Journals:
    """What the units took down so far: who is born of whom, and what was given to whom."""

    def __init__(self):
        self.at, self.parent, self.given, self.gives, self.public = {}, {}, set(), set(), set()

    def read(self):
        for name in os.listdir('log'):
            with open(f'log/{name}', 'rb') as f:
                f.seek(self.at.get(name, 0))
                data = f.read()
            whole = data[:data.rfind(b'\n') + 1]
            self.at[name] = self.at.get(name, 0) + len(whole)
            for words in map(str.split, whole.decode().splitlines()):
                self.take(name, words)

    def take(self, unit, words):
        if words[0] == 'born':
            self.parent[words[1]] = unit
        elif words[0] == 'grants':
            self.given.add(tuple(words[1:4]))
        elif words[0] == 'gives':
            self.gives.add((words[1], words[2], unit))
        elif words[0] == 'public':
            self.public.add(unit)


def above(parents, unit):
    """The unit's ancestors, as far as they are known."""
    found = []
    while unit := parents.get(unit):
        found.append(unit)
    return found


class Watch:
    def __init__(self):
        self.journals, self.parents, self.seen, self.looks, self.most = Journals(), {}, set(), 0, 0

    def limits(self, rows):
        for u in rows.values():
            line = [u, *[rows[i] for i in above(self.parents, u['id']) if i in rows]]
            for a in line:
                if int(u['depth']) - int(a['depth']) > int(a.get('limit_depth', 3)):
                    yield f'{u["path"]} {u["id"]} is at depth {u["depth"]}, below {a["path"]}'
                if int(u['children']) > int(a.get('limit_children', 8)) and line[-1]['policy'] != 'reparent':  # adoption passes it
                    yield f'{u["path"]} {u["id"]} has {u["children"]} children'
            if int(u['descendants']) > int(u.get('limit_descendants', 20)):
                yield f'{u["path"]} {u["id"]} has {u["descendants"]} descendants'

    def places(self, rows):
        """A unit is below the one that it was born of, or what was above that; or it is an orphan, of the service."""
        for u in rows.values():
            if 'parent' not in u:
                continue
            if u['parent'] not in rows and u['parent'] not in self.parents:
                yield f'{u["path"]} {u["id"]} has a parent that nobody saw: {u["parent"]}'
            born = self.journals.parent.get(u['id'])
            if born and u.get('orphan') != '1' and u['parent'] not in [born, *above(self.parents, born)]:
                yield f'{u["path"]} {u["id"]} of {born} is below {u["parent"]}'

    def processes(self, rows):
        """The process that a unit is said to be has the unit's own names in its environment."""
        for u in random.sample([*rows.values()], min(10, len(rows))):
            try:
                env = open(f'/proc/{u["pid"]}/environ', 'rb').read()
            except (KeyError, OSError):
                continue
            found = re.search(rb'(?:^|\0)SYSG_ID=(@\d+)', env)
            if found and found[1].decode() != u['id']:
                yield f'{u["path"]} {u["id"]} is said to be process {u["pid"]}, which is {found[1].decode()}'

    def rights(self, s, rows):
        """A child holds what its parent holds, by its place or stored, and what was given to it or to what was above it."""
        by_path = {u['path']: u['id'] for u in rows.values()}
        for u in random.sample([*rows.values()], min(8, len(rows))):
            own, above_it = rights(s, u['id']), 'parent' in u and rights(s, u['parent'])
            if not own or above_it is None or u.get('orphan') == '1':
                continue
            for r in own - (above_it or set()):
                if r == ('spawn',):
                    if 'parent' in u:
                        yield f'{u["path"]} {u["id"]} may spawn, its parent may not'
                    continue
                target = by_path.get(r[1])
                if target and not self.justified(rows, u, r[0], target):
                    yield f'{u["path"]} {u["id"]} holds {r[0]}:{r[1]} {target}'

    def justified(self, rows, u, verb, target):
        parent, line = u.get('parent'), [u['id'], *above(self.parents, u['id'])]
        names = {i: rows[i]['name'] for i in line + [target] if i in rows}
        if parent and (parent in [target, *above(self.parents, target)] or
                       (verb == 'message' and (target == self.parents.get(parent)))):
            return True
        if any(parent and p in above(self.parents, target) for p in line):
            return True  # what was above it once holds it by its place
        maker = self.journals.parent.get(target, self.parents.get(target))
        if verb == 'message' and maker in self.journals.public:
            return True  # anybody may, if it is that one
        return any((name, verb, over) in self.journals.given or (name, verb, maker) in self.journals.gives
                   for i in line for name in (i, names.get(i)) for over in (target, names.get(target)))

    def look(self, s):
        rows = listing(s)
        self.journals.read()
        self.parents.update({u['id']: u['parent'] for u in rows.values() if 'parent' in u and u.get('orphan') != '1'})
        self.looks, self.most = self.looks + 1, max(self.most, len(rows))
        with open('ids.new', 'w') as f:
            f.write(' '.join(rows))
        os.rename('ids.new', 'ids')
        return {*self.limits(rows), *self.places(rows), *self.processes(rows), *self.rights(s, rows)}

    def run(self):
        s = connect(timeout=30)
        doubted = set()
        while not os.path.exists('enough'):
            found = self.look(s)
            for line in found & doubted:  # a listing is no one moment: only what is there twice
                print(line, flush=True)
            doubted = found
            time.sleep(0.2 if found else 0.5)
        print(f'looked {self.looks} times, at most {self.most} units')


if __name__ == '__main__':
    Watch().run()
