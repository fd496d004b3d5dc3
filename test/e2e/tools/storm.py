"""Orders at random for a supervisor whose manifest changes at random, run inside a box by test_soak_changes.py.

python storm.py SEED SECONDS; ends with a line of what it did, or with what was wrong.
"""
import os
import pathlib
import random
import re
import signal
import sys
import threading
import time

from peer import connect, fields_of, packet

PLACES = {'': 'abcde', 'p': 'abcd', 'q': 'ab'}  # projects, '' being none, and the names that there may be in each


def service(rnd, place, name, names):
    """One service at random, as a flow mapping."""
    tag = f'1000{ord(name)}{len(place)}'
    keys = {'command': rnd.choice([f'exec sleep {tag}'] * 6 + [
        f'trap : TERM; while :; do sleep {tag}; done', f'setsid sleep {tag} & exec sleep {tag}', f'sleep {tag} & exit 0',
        'exec sleep 0.0%d' % rnd.randrange(1, 9), 'exit 3', 'exec no-such-program', 'true'])}
    keys['env'] = '{vars: {V: "%d"}}' % rnd.randrange(3)
    keys['stop_timeout'] = '200ms'
    keys['backoff'] = '{initial: 20ms, max: 200ms}'
    keys['restart_policy'] = rnd.choice(['always', 'always', 'on-failure', 'never'])
    deps = [n for n in names if n < name and rnd.random() < 0.3]
    if deps:
        keys['depends_on'] = '[' + ', '.join(deps) + ']'
    check = rnd.choice(['', '', '{command: "true", interval: 100ms}', '{command: "sleep 0.1", interval: 100ms}',
                        '{command: "test ! -e sick", interval: 50ms, retries: 2}', '{command: "false", total_timeout: 1s}'])
    if check:
        keys['health_check'] = check
    hooks = [f'{when}: "{rnd.choice(["true", "sleep 0.05", "false", "sleep 1000 &", "kill -9 $$"])}"'
             for when in ('pre_start', 'post_start', 'pre_stop', 'post_stop') if rnd.random() < 0.15]
    hooks += [f'on_{when}: {{success: "true", error: "sleep 0.02"}}' for when in ('start', 'stop', 'restart') if rnd.random() < 0.2]
    if hooks:
        keys['hooks'] = '{' + ', '.join(hooks) + '}'
    kind = rnd.random()
    grace = f'grace_period: {rnd.choice([0, 50, 300])}ms'
    if kind < 0.4:
        keys['deployment'] = '{strategy: rolling, %s}' % grace
    elif kind < 0.6:
        command = rnd.choice(['true', 'sleep 0.1', 'false', 'sleep 1000', 'kill -9 $$', 'test {candidate_slot} = x'])
        verify = rnd.choice(['', ', switch_verify: {command: "true", interval: 50ms}', ', switch_verify: {command: "false", total_timeout: 200ms}'])
        keys['deployment'] = ('{strategy: rolling, %s, blue_green: {env_var: SLOT, slots: [x, y], state_path: slot.%s, switch_command: {command: "%s", timeout: 300ms}%s}}'
                              % (grace, place + name, command, verify))
    elif kind < 0.7:
        keys['replicas'] = str(rnd.randrange(1, 4))
    elif kind < 0.75:
        keys['skip'] = rnd.choice(['true', '"exit 1"'])
    return '{' + ', '.join(k + ': ' + (v if k != 'command' else '"' + v.replace('"', '\\"') + '"') for k, v in keys.items()) + '}'


def manifest(rnd):
    """All of it: each place has some of its names."""
    text = ['version: "2"']
    has = {place: [n for n in names if rnd.random() < 0.8] or ['a'] for place, names in PLACES.items()}
    for place, names in has.items():
        pad = '    ' if place else ''
        if place == 'p':
            text.append('projects:')
        if place:
            text.append(f'  {place}:')
        text.append(f'{pad}services:')
        text += [f'{pad}  {n}: {service(rnd, place, n, names)}' for n in names]
    return '\n'.join(text) + '\n'


class Storm:
    def __init__(self, seed, seconds):
        self.seed, self.end = seed, time.monotonic() + seconds
        self.pids, self.ids, self.trouble, self.counts = [1 << 22], [], [], {}
        self.lock = threading.Lock()

    def over(self):
        return time.monotonic() > self.end or self.trouble

    def wrong(self, text):
        self.trouble.append(text)

    def unit(self, rnd):
        """A selector of anything."""
        place = rnd.choice(list(PLACES))
        name = rnd.choice(PLACES[place])
        return rnd.choice([f'{place}/{name}' if place else name] * 4 + [f'{place or "loose"}/'] * 2 +
                          [name + '.next', name + '.old', name + '.1', *(f'@{i}' for i in self.ids[-3:])])

    def ask(self, rnd, *fields, cut=0.3):
        """Sends it and reads all of the answer, or breaks off somewhere: its last packet."""
        s, last = connect(timeout=30), {}
        s.send(packet(*fields))
        left = rnd.choice([0, 0, 1, 2]) if rnd.random() < cut else 1 << 30
        if left < 3 and rnd.random() < 0.5:
            time.sleep(rnd.random() * 0.1)
        while left and last.get('end') != '1' and last.get('ok', '1') == '1':
            data = s.recv(1 << 16)
            if not data:
                break
            last, left = fields_of(data), left - 1
            yield last
        s.close()

    def do(self, rnd, *fields, **kw):
        try:
            rows = list(self.ask(rnd, *fields, **kw))
        except TimeoutError:
            self.wrong(f'no answer: {fields}')
            return
        with self.lock:
            self.counts[fields[0][3:]] = self.counts.get(fields[0][3:], 0) + 1

    # --- what may be done ---

    @staticmethod
    def patience(rnd):
        """Some never come up: nobody waits for ever."""
        return [rnd.choice(['wait=0'] * 3 + ['timeout_ns=1', 'timeout_ns=10000000', 'timeout_ns=300000000', 'timeout_ns=3000000000'])]

    def order(self, rnd):
        op = rnd.choice(['start', 'stop', 'restart', 'restart', 'restart'])
        units = [f'unit={self.unit(rnd)}' for _ in range(rnd.choice([0, 1, 1, 1, 1, 2, 3]))]
        if not units and op == 'stop' and rnd.random() < 0.7:
            return
        self.do(rnd, 'op=' + op, *units, *self.patience(rnd))

    def reload(self, rnd):
        new = pathlib.Path(f'systemg.{threading.get_ident()}')
        new.write_text(manifest(rnd) if rnd.random() < 0.9 else 'services: {a: {command: 1')
        new.rename('systemg.yaml')
        if rnd.random() < 0.2:
            os.kill(1, signal.SIGHUP)
        op = rnd.choice(['reload'] * 3 + ['restart', 'start'])
        self.do(rnd, 'op=' + op, *rnd.choice([[], [], ['unit=' + rnd.choice(['p/', 'q/', 'loose/'])]]), *self.patience(rnd))

    def kill(self, rnd):
        for pid in rnd.sample(self.pids, min(len(self.pids), rnd.choice([1, 1, 3]))):
            try:
                os.kill(pid, rnd.choice([9, 9, 15, 19]))
            except ProcessLookupError:
                pass

    def look(self, rnd):
        op = rnd.choice(['inspect', 'events', 'health', 'ready', 'logs-path', 'wait', 'caps'])
        units = [f'unit={self.unit(rnd)}' for _ in range(rnd.choice([1, 1, 2, 3]) if op in ('events', 'wait') else 1)]
        self.do(rnd, 'op=' + op, *units, *(['timeout_ns=%d' % rnd.choice([1, 10 ** 8])] if op == 'wait' else []))

    def sicken(self, rnd):
        sick = pathlib.Path('sick')
        if rnd.random() < 0.3:
            sick.touch()
        else:
            sick.unlink(missing_ok=True)

    def work(self, n):
        rnd = random.Random(self.seed * 100 + n)
        while not self.over():
            try:
                rnd.choice([self.order] * 6 + [self.reload] * 2 + [self.kill] * 3 + [self.look] * 2 + [self.sicken])(rnd)
            except (BrokenPipeError, ConnectionResetError, BlockingIOError):
                pass
            time.sleep(rnd.random() * 0.03)
        pathlib.Path('sick').unlink(missing_ok=True)

    # --- what must hold all the time ---

    @staticmethod
    def worn(pid):
        """The id that a process wears; '': none yet; None: it is gone."""
        try:
            env = pathlib.Path(f'/proc/{pid}/environ').read_bytes()
        except OSError:
            return None
        return next((e[8:].decode() for e in env.split(b'\0') if e.startswith(b'SYSG_ID=')), '') if env else None

    def watch(self):
        """What status says of pids is so, and no service has three instances."""
        rnd = random.Random()
        while not self.over():
            asked = time.monotonic()
            rows = [r for r in self.ask(rnd, 'op=status', cut=0) if r.get('row') == 'unit']
            if time.monotonic() - asked > 20:
                self.wrong(f'status took {time.monotonic() - asked:.1f} s')
            seen = {}
            for r in rows:
                base = re.sub(r'\.(next|old)$', '', r['path'])
                seen.setdefault(base, []).append(r)
                worn = self.worn(r['pid']) if 'pid' in r else None
                if worn not in (r['id'], None, *([''] if r['state'] in ('starting', 'stopping') else [])):
                    self.wrong(f'{r} and its process wears {worn}')
            for base, of in seen.items():
                if len(of) > 2 or len({r['path'] for r in of}) != len(of):
                    self.wrong(f'{base} is there as {of}')
            self.pids = [int(r['pid']) for r in rows if 'pid' in r] or [1 << 22]
            self.ids = [r['id'][1:] for r in rows]
            time.sleep(0.01)

    def run(self):
        threads = [threading.Thread(target=self.work, args=[n]) for n in range(12)] + [threading.Thread(target=self.watch)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        print(*(self.trouble or sorted(self.counts.items())), sep='\n' if self.trouble else ' ')
        return 1 if self.trouble else 0


if __name__ == '__main__':
    sys.exit(Storm(int(sys.argv[1]), float(sys.argv[2])).run())
