"""A strict reader of Prometheus' text format 0.0.4: whatever is not of it is an AssertionError."""
import re

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*'
NUMBER = r'[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN'
BASE_UNITS = ('seconds', 'bytes', 'ratio', 'info')
NOT_BASE = ('_ns', '_ms', '_us', '_kib', '_kb', '_mb', '_percent', '_minutes')


def labels_of(text):
    found, at = {}, 0
    while at < len(text):
        m = re.compile(rf'({LABEL})="((?:[^"\\\n]|\\[\\"n])*)"(,|$)').match(text, at)
        assert m, f'no label: {text[at:]!r}'
        assert m[1] not in found and not m[1].startswith('__'), m[1]
        found[m[1]] = re.sub(r'\\(.)', lambda e: {'n': '\n'}.get(e[1], e[1]), m[2])
        at = m.end()
    return found


def read(text):
    """{name: (type, help, [(labels, value)])}"""
    assert text.endswith('\n') and '\r' not in text
    families, now = {}, None
    seen = set()
    for line in text[:-1].split('\n'):
        if m := re.fullmatch(rf'# HELP ({NAME}) (.+)', line):
            assert m[1] not in families, f'{m[1]} comes twice'
            now = m[1]
            families[now] = [None, m[2], []]
        elif m := re.fullmatch(rf'# TYPE ({NAME}) (counter|gauge)', line):
            assert m[1] == now and families[now][0] is None, f'a TYPE that is not right below its HELP: {line}'
            families[now][0] = m[2]
        else:
            m = re.fullmatch(rf'({NAME})(?:\{{(.+)\}})? ({NUMBER})', line)
            assert m, f'no sample: {line!r}'
            assert m[1] == now and families[now][0], f'{m[1]} stands below {now}'
            labels = labels_of(m[2] or '')
            key = (m[1], tuple(sorted(labels.items())))
            assert key not in seen, f'twice: {key}'
            seen.add(key)
            families[now][2].append((labels, float(m[3])))
    for name, (kind, _, samples) in families.items():
        assert samples, f'{name} has no sample'
        assert (kind == 'counter') == name.endswith('_total'), f'{name} is a {kind}'
        assert not any(name.replace('_total', '').endswith(u) for u in NOT_BASE), f'{name} is not in a base unit'
        assert kind != 'counter' or all(v >= 0 for _, v in samples), name
    return families


def value(families, name, **labels):
    """The one sample with these labels, or None."""
    found = [v for l, v in families.get(name, (None, None, []))[2] if labels.items() <= l.items()]
    assert len(found) <= 1, f'{name}{labels}: {found}'
    return found[0] if found else None
