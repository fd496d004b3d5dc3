"""`docker stop` of an image with 20 services, and under each restriction that a runtime can make."""
import pathlib
import tempfile

import pytest

from conftest import in_time, until

RESTRICTED = ['--user', '1000:1000', '--read-only', '--cap-drop', 'all', '--security-opt', 'no-new-privileges']
RESTRICTIONS = {
    'none': [],
    'another user': ['--user', '1000:1000'],
    'read-only with a tmpfs': ['--read-only'],
    'read-only without a tmpfs': ['--read-only', '--read-only-tmpfs=false'],
    'no capabilities': ['--cap-drop', 'all'],
    'no new privileges': ['--security-opt', 'no-new-privileges'],
    'a limit on processes': ['--pids-limit', '100'],
    'a limit on memory': ['--memory', '64m'],
    'all at once': RESTRICTED,
}


def twenty():
    """Ten databases, ten that depend on them, each with a child in a session of its own. Each says by a file when it goes down:
    of lines that lie in two pipes at once a log tells no order."""
    lines = ['services:']
    for i in range(10):
        lines.append(f'  db{i}: {{command: "echo up db{i}; trap \'echo db{i} >>/order/down; exit 0\' TERM; setsid sleep 1000 & wait"}}')
        lines.append(f'  app{i}: {{depends_on: [db{i}], command: "trap \'echo app{i} >>/order/down; exit 0\' TERM; setsid sleep 1000 & wait"}}')
    return '\n'.join(lines)


def stops_in_order(start, tell, what, options):
    with tempfile.TemporaryDirectory(dir='/var/tmp') as folder:
        pathlib.Path(folder).chmod(0o777)
        c = start(twenty(), '-v', f'{folder}:/order', *options).ready()
        stops(c, pathlib.Path(folder) / 'down', tell, what)


def stops(c, down, tell, what):
    assert len(c.units()) == 20
    until(lambda: c.commands().count('sleep 1000') == 20, why=c.commands)
    took, code = c.stop()
    tell(f'{what} of 20 services: {took:.2f} s')
    assert code == 0 and in_time(took), (code, took, c.logs[-2000:])
    went_in_order(down)
    assert c.pids() == [], 'a survivor'


def went_in_order(down):
    order = down.read_text().split()
    assert sorted(order) == sorted([f'db{i}' for i in range(10)] + [f'app{i}' for i in range(10)])
    assert all(order.index(f'app{i}') < order.index(f'db{i}') for i in range(10)), " ".join(order)


@pytest.mark.parametrize('restriction', RESTRICTIONS)
def test_twenty_services_stop_in_order_within_two_seconds_and_with_code_0(container, tell, restriction):
    stops_in_order(lambda m, *options: container(m, options=options), tell, f'stop ({restriction})', RESTRICTIONS[restriction])


def test_below_another_first_process_that_stays_it_takes_everything_along_itself(container, tmp_path):
    tmp_path.chmod(0o777)
    c = container(twenty(), '-c', 'sysg start; exec sleep 3000', options=['--entrypoint', 'sh', '-v', f'{tmp_path}:/order']).ready()
    until(lambda: c.commands().count('sleep 1000') == 20, why=c.commands)
    c.sysg_ok('stop', '--supervisor')
    until(lambda: c.commands() == ['sleep 3000'], why=c.commands)
    went_in_order(tmp_path / 'down')
