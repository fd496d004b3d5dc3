"""Rights: what a unit may do to another, by its place in the tree, by the manifest, by what it was given."""
import json
import re

import pytest

from harness import until

AGENT = '''
echo of $1
[ -p $1.in ] || mkfifo $1.in
: >$1.up
while read -r n; do sh ./$1.$n.sh >$1.$n.out 2>$1.$n.err; echo $? >$1.$n.tmp; mv $1.$n.tmp $1.$n.rc; done <>$1.in
'''


class Agents:
    """A box whose units do, as themselves, what they are told."""

    def __init__(self, box, services):
        base = box(None, argv=['true'])
        (base.home / 'agent.sh').write_text(AGENT)
        self.n = 0
        self.b = box('services:\n' + ''.join(
            f'  {name}: {{exec: [sh, ./agent.sh, {name}], spawn: {{mode: dynamic}}{", " if more else ""}{more}}}\n'
            for name, more in services.items()), home=base.home).up()
        for name in services:
            self.wait_for(name)

    def wait_for(self, name):
        until(lambda: (self.b.home / f'{name}.up').exists(), why=lambda: f'{name}: {self.b.stderr[-500:]}')

    def do(self, who, command):
        """(exit status, what it printed, what it said) of a command that the unit of that agent runs."""
        self.n += 1
        stem = self.b.home / f'{who}.{self.n}'
        (self.b.home / f'{stem.name}.sh').write_text(command + '\n')
        with open(self.b.home / f'{who}.in', 'w') as f:
            f.write(f'{self.n}\n')
        rc = self.b.home / f'{stem.name}.rc'
        until(rc.exists, 20, why=lambda: f'{who}: {command}')
        return int(rc.read_text()), *((self.b.home / f'{stem.name}.{x}').read_text() for x in ('out', 'err'))

    def ok(self, who, command):
        rc, out, err = self.do(who, command)
        assert rc == 0, (who, command, out, err)
        return out

    def denied(self, who, command):
        rc, out, err = self.do(who, command)
        assert rc == 4 and 'SG0811' in err, (who, command, rc, out, err)
        return err

    def spawn(self, who, name, *options):
        """A child of that agent that is an agent too."""
        out = json.loads(self.ok(who, f'sysg spawn --json --name {name} {" ".join(options)} -- sh ./agent.sh {name}'))
        self.wait_for(name)
        return out

    def caps(self, unit):
        return self.b.sysg_ok('caps', unit).split()


@pytest.fixture
def agents(box):
    return lambda **services: Agents(box, services)


# What shows that a verb was allowed over a unit, without an end of who asks.
VERBS = {
    'stop': 'sysg stop {}',
    'signal': 'sysg signal {} WINCH',
    'restart': 'sysg restart -s {}',
    'logs': 'sysg logs --path {}',
    'status': 'sysg status {}',
}
OTHERS = {'status': ['sysg wait --timeout 0 {}', 'sysg events {}', 'sysg caps {}', 'sysg tree {}'], 'signal': ['sysg signal --tree {} WINCH']}


@pytest.mark.asan
def test_over_another_service_or_a_sibling_nothing_and_a_name_that_nobody_has_is_told_apart(agents):
    a = agents(web='', db='')
    a.spawn('web', 'kid')
    a.spawn('web', 'sib')
    for who, target in (('web', 'db'), ('kid', 'sib'), ('kid', 'web'), ('db', 'kid')):
        for verb, command in VERBS.items():
            for form in [command, *OTHERS.get(verb, [])]:
                if (who, target) == ('kid', 'web') and 'wait' in form:
                    continue # an ancestor: a deadlock
                said = a.denied(who, form.format(target))
                assert f'{verb}:' in said, said
    for verb, command in VERBS.items():
        if verb not in ('status', 'logs'):
            rc, _, err = a.do('web', command.format('nothing'))
            assert rc == 5 and 'SG0202' in err, (command, rc, err)
    for unit in ('web', 'db', 'web/kid', 'web/sib'):
        assert a.b.state(unit) == 'running'


def test_over_oneself_and_ones_descendants_everything(agents):
    a = agents(web='')
    a.spawn('web', 'kid')
    a.spawn('kid', 'grand')
    for target in ('web', 'kid', 'grand'):
        for verb in ('signal', 'logs', 'status'):
            a.ok('web', VERBS[verb].format(target))
    a.ok('kid', 'sysg stop grand')
    assert json.loads(a.ok('web', 'sysg spawn --parent kid --json -- sleep 1000'))['path'].startswith('web/kid/')
    assert 'web/kid' in a.ok('kid', 'sysg status') and 'SG' not in a.ok('web', 'sysg stop kid')


@pytest.mark.parametrize('verb', VERBS)
def test_a_verb_of_the_manifest_is_in_force_over_its_target_and_no_other_is(agents, verb):
    a = agents(web=f'request_capabilities: ["{verb}:db"]', db='', other='')
    pid = a.b.pid_of('db')
    for other, command in VERBS.items():
        if other != verb:
            a.denied('web', command.format('db'))
        a.denied('web', command.format('other'))
    for form in [*OTHERS.get(verb, []), VERBS[verb]]:
        rc, _, err = a.do('web', form.format('db'))
        assert rc == (9 if 'wait' in form else 0), (form, err)
    if verb == 'restart':
        assert a.b.pid_of('db') != pid and a.b.state('db') == 'running'
    if verb == 'stop':
        assert a.b.state('db') == 'stopped'


def test_what_a_unit_sees_is_itself_what_is_below_it_and_what_it_holds_status_for(agents):
    a = agents(web='request_capabilities: ["status:db"]', db='', other='', all='request_capabilities: ["status:**"]')
    a.spawn('web', 'kid')
    a.spawn('db', 'below')
    def seen(who):
        return {u['path'] for u in json.loads(a.ok(who, 'sysg status --json --all'))['units']}
    assert seen('web') >= {'web', 'db'} and seen('web') & {'other', 'all'} == set()
    def events(who):
        return {e.get('path') for e in map(json.loads, a.ok(who, 'sysg events --json').splitlines())}
    assert events('web') == {'web', 'web/kid', 'db'}
    assert events('all') >= {'web', 'web/kid', 'db', 'db/below', 'other', 'all'}
    assert events('other') == {'other'}
    tree = a.ok('all', 'sysg tree --json')
    assert 'below' in tree and 'below' not in a.ok('web', 'sysg tree --json')


def test_the_right_to_send_is_over_its_target_alone_and_goes_when_it_is_taken(agents):
    a = agents(web='request_capabilities: ["message:db"]', db='', other='')
    a.ok('web', 'sysg send db -- hello')
    head, body = a.ok('db', 'sysg recv --timeout 5s').split('\n')
    assert head.startswith('msg web ') and body == 'hello'
    for command in ('sysg send {} -- x', 'sysg call {} -- x'):
        a.denied('web', command.format('other'))
        a.denied('db', command.format('web'))
    for command in VERBS.values():
        a.denied('web', command.format('db'))
    a.spawn('web', 'kid', '--request message:db')
    a.spawn('web', 'plain')
    a.spawn('db', 'low', '--grant other')
    a.ok('kid', 'sysg send db -- x')
    a.denied('plain', 'sysg send db -- x')
    a.ok('other', 'sysg send low -- x')
    a.denied('web', 'sysg send low -- x')
    a.ok('web', 'sysg revoke self message:db')
    for who in ('web', 'kid', 'other'):
        a.denied(who, 'sysg send db -- x')
    a.b.sysg_ok('grant', 'other', 'message:db')
    a.ok('other', 'sysg send db -- x')
    a.b.sysg_ok('stop', 'low')
    a.b.sysg_ok('spawn', '--parent', 'db', '--name', 'low', '--', 'sleep', '1000')
    a.denied('other', 'sysg send low -- x')


@pytest.mark.asan
def test_a_public_unit_may_be_sent_messages_by_any_unit_and_nothing_more(agents):
    a = agents(open='public: true', web='', db='')
    a.spawn('web', 'kid', '--public')
    a.spawn('web', 'shy')
    for target in ('open', 'kid'):
        for who in ('db', 'shy'):
            a.ok(who, f'sysg send {target} -- x')
            for command in VERBS.values():
                a.denied(who, command.format(target))
        r = a.b.sysg('send', target, '--', 'x', uid=4321)
        assert r.returncode == 11 and 'SG0810' in r.stderr, r
    a.denied('db', 'sysg send shy -- x')
    a.denied('kid', 'sysg send shy -- x')


def test_grant_capabilities_give_others_rights_over_the_service(agents):
    a = agents(web='', db='grant_capabilities: [web, "other=stop,logs"]', other='')
    assert a.caps('web') == ['spawn', 'message:db'] and a.caps('other') == ['spawn', 'stop:db', 'logs:db'] and a.caps('db') == ['spawn']
    a.denied('web', 'sysg stop db')
    a.ok('other', 'sysg stop db')


def test_a_right_of_the_manifest_may_be_over_what_is_started_later(box):
    b = box('services:\n  web: {exec: [sleep, "1000"], request_capabilities: ["signal:db", "stop:db"]}\n  db: {exec: [sleep, "1000"]}\n',
            '-s', 'web').up()
    assert b.sysg_ok('caps', 'web') == ''
    b.sysg_ok('start', '-s', 'db')
    assert b.sysg_ok('caps', 'web').split() == ['signal:db', 'stop:db']


def test_a_restart_takes_the_rights_that_the_manifest_says_now(agents):
    a = agents(web='request_capabilities: ["stop:db", "logs:db"]', db='grant_capabilities: ["other=signal"]', other='')
    a.spawn('other', 'kid', '--request signal:db')
    assert a.caps('other/kid') == ['spawn', 'signal:db']
    path = a.b.manifest
    text = path.read_text()
    path.write_text(text.replace('["stop:db", "logs:db"]', '["restart:db"]').replace('other=signal', 'other=logs'))
    a.b.sysg_ok('restart')
    assert a.caps('web') == ['spawn', 'restart:db'] and a.caps('other') == ['spawn', 'logs:db']
    assert a.caps('other/kid') == ['spawn'], 'what is below it loses it too'


@pytest.mark.parametrize('line, words', [
    ('request_capabilities: ["stop:nothing"]', 'is no service'),
    ('request_capabilities: ["halt:db"]', '"halt" is no verb'),
    ('request_capabilities: [stop]', 'is no right over a unit'),
    ('request_capabilities: ["stop:"]', 'is no right over a unit'),
    ('request_capabilities: [spawn]', 'mode: dynamic'),
    ('request_capabilities: "stop:db"', 'write a list'),
    ('grant_capabilities: ["db=spawn"]', 'is no right over a unit'),
    ('grant_capabilities: ["**"]', 'is no service'),
    ('grant_capabilities: ["=stop"]', 'is no right over a unit'),
    ('public: maybe', 'public'),
    ('spawn: {allow: {publik: true}}', 'publik'),
])
def test_a_wrong_right_in_the_manifest_is_found(box, line, words):
    b = box(f'services:\n  web: {{exec: [sleep, "1"], {line}}}\n  db: {{exec: [sleep, "1"]}}\n')
    assert b.wait() == 2
    assert words in b.stderr


def test_the_manifest_may_give_32_rights_to_a_service_and_not_33(box):
    for n in (31, 32):
        many = ''.join(f'  s{i}: {{exec: ["true"]}}\n' for i in range(n))
        asked = ', '.join(f'"stop:s{i}"' for i in range(n))
        b = box(f'services:\n  web: {{exec: ["true"], request_capabilities: [{asked}]}}\n  db: {{exec: ["true"], grant_capabilities: [web]}}\n{many}')
        assert b.wait() == (0 if n == 31 else 2), b.stderr
        assert ('more than 32 rights' in b.stderr) == (n == 32)


def test_the_example_of_kinode(agents):
    a = agents(app='request_capabilities: ["message:http_client"]', http_client='')
    a.ok('app', 'sysg spawn --name spawned_child_process --request message:http_client -- sleep 1000')
    assert a.caps('spawned_child_process') == ['spawn', 'message:http_client']


def test_what_the_parent_does_not_hold_spawns_nothing_and_with_a_question_mark_it_is_dropped_and_said(agents):
    a = agents(web='request_capabilities: ["stop:db"]', db='')
    said = a.denied('web', 'sysg spawn --name kid --request stop:db --request signal:db -- sleep 1000')
    assert 'web does not hold signal:db' in said
    assert a.b.unit('web')['counts']['ever'] == 0
    rc, _, err = a.do('web', 'sysg spawn --name kid --request stop:nothing -- sleep 1000')
    assert rc == 5 and 'SG0202' in err
    rc, out, err = a.do('web', "sysg spawn --json --name kid --request stop:db --request 'signal:db?' --request 'stop:nothing?' -- sleep 1000")
    assert rc == 0 and json.loads(out)['dropped'] == ['signal:db?', 'stop:nothing?']
    assert 'signal:db' in err and 'stop:nothing' in err
    assert a.caps('web/kid') == ['spawn', 'stop:db']
    assert json.loads(a.ok('web', 'sysg spawn --json -- sleep 1000'))['dropped'] == []


@pytest.mark.parametrize('words, code', [
    ('--request halt:db', 'SG0210'), ('--request stop', 'SG0210'), ("--request 'stop:**'", 'SG0210'), ('--grant db=halt', 'SG0210'),
    ('--grant db=spawn', 'SG0210'), ('--grant =stop', 'SG0210'), ('--grant nothing', 'SG0202'), ("--request 'halt:db?'", 'SG0210')])
def test_a_wrong_right_spawns_nothing(agents, words, code):
    a = agents(web='request_capabilities: ["stop:**"]', db='')
    rc, _, err = a.do('web', f'sysg spawn {words} -- sleep 1000')
    assert rc == (5 if code == 'SG0202' else 2) and code in err, err
    assert a.b.unit('web')['counts']['ever'] == 0


def test_a_child_may_have_of_a_right_over_all_that_over_one(agents):
    a = agents(web='request_capabilities: ["stop:**"]', db='', other='')
    a.spawn('web', 'kid', '--request stop:db')
    a.denied('kid', 'sysg stop other')
    a.ok('kid', 'sysg stop db')


@pytest.mark.asan
def test_requested_and_granted_rights_are_in_force_before_exec(agents):
    a = agents(web='request_capabilities: ["stop:db"]', db='', other='')
    a.ok('web', 'sysg spawn --wait --request stop:db -- sysg stop db')
    assert a.b.state('db') == 'stopped'
    ident = a.ok('web', 'sysg spawn --print id --name kid --grant other=stop,logs --grant other -- sleep 1000').strip()
    assert a.caps('other') == ['spawn', 'stop:web/kid', 'logs:web/kid', 'message:web/kid']
    a.denied('other', 'sysg signal kid TERM')
    a.ok('other', f'sysg stop {ident}')


def test_a_name_like_the_childs_own_means_another_unit_in_a_request(agents):
    a = agents(web='request_capabilities: ["stop:db"]', db='')
    a.ok('web', 'sysg spawn --name db --request stop:db -- sleep 1000')
    assert a.caps('web/db') == ['spawn', 'stop:db']


def test_a_spawn_that_failed_leaves_no_right(agents):
    a = agents(web='', other='')
    rc, _, err = a.do('web', 'sysg spawn --name kid --grant other=stop -- /no/such/program')
    assert rc == 12 and a.caps('other') == ['spawn']


def test_grant_over_oneself_and_ones_own_to_anyone_and_what_is_held_to_ones_own(agents):
    a = agents(web='request_capabilities: ["stop:db"]', db='', other='')
    a.spawn('web', 'kid')
    assert a.ok('web', 'sysg grant other stop:self') == "Unit 'other' may stop:web\n"
    assert json.loads(a.ok('web', 'sysg grant other signal:kid --json')) == {'path': 'other', 'right': 'signal:web/kid'}
    assert a.caps('other') == ['spawn', 'stop:web', 'signal:web/kid']
    a.ok('web', 'sysg grant kid stop:db')
    a.ok('kid', 'sysg stop db')
    assert 'other may not give stop:web' in a.denied('other', 'sysg grant db stop:web')
    a.denied('web', 'sysg grant other stop:db')
    a.denied('web', 'sysg grant kid signal:db')
    a.denied('kid', 'sysg grant other stop:web')
    rc, _, err = a.do('web', "sysg grant kid 'stop:**'")
    assert rc == 2 and 'SG0210' in err
    rc, _, err = a.do('web', 'sysg grant nothing stop:self')
    assert rc == 5
    a.ok('other', 'sysg signal kid WINCH')


def test_revoke_by_an_ancestor_or_oneself_and_what_is_below_loses_it_too(agents):
    a = agents(web='request_capabilities: ["signal:db", "stop:db"]', db='', other='')
    a.spawn('web', 'kid', '--request signal:db', '--request stop:db')
    a.spawn('kid', 'grand', '--request signal:db', '--request stop:db')
    a.denied('other', 'sysg revoke kid signal:db')
    a.denied('grand', 'sysg revoke kid signal:db')
    a.ok('grand', 'sysg signal db WINCH')
    assert a.ok('web', 'sysg revoke kid signal:db') == "Unit 'web/kid' lost signal:db\n"
    assert a.caps('web/kid') == a.caps('web/kid/grand') == ['spawn', 'stop:db']
    a.denied('grand', 'sysg signal db WINCH')
    a.ok('web', 'sysg signal db WINCH')
    a.ok('web', 'sysg revoke self stop:db')
    for who in ('web', 'kid', 'grand'):
        a.denied(who, 'sysg stop db')
    rc, _, err = a.do('web', 'sysg revoke kid stop:self')
    assert rc == 0, 'nothing was held'
    rc, _, err = a.do('web', 'sysg revoke kid message:self')
    assert rc == 2 and 'kid keeps message:web' in err


def test_an_operator_grants_and_revokes_everything_but_over_all(agents):
    a = agents(web='', db='')
    a.b.sysg_ok('grant', 'web', 'stop:db')
    assert a.caps('web') == ['spawn', 'stop:db']
    a.b.sysg_ok('revoke', 'web', 'stop:db')
    assert a.caps('web') == ['spawn']
    r = a.b.sysg('grant', 'web', 'stop:**')
    assert r.returncode == 2 and 'manifest only' in r.stderr
    for words in (['grant'], ['grant', 'web'], ['revoke', 'web'], ['caps']):
        assert a.b.sysg(*words).returncode == 2, words


def test_the_right_to_spawn_is_taken_and_given_back(agents):
    a = agents(web='')
    a.spawn('web', 'kid')
    a.spawn('kid', 'grand')
    a.spawn('web', 'mute', '--no-spawn')
    assert a.caps('web/mute') == []
    a.ok('web', 'sysg revoke kid spawn')
    for who in ('kid', 'grand', 'mute'):
        rc, _, err = a.do(who, 'sysg spawn -- sleep 1000')
        assert rc == 4 and 'SG0801' in err
        a.denied(who, 'sysg grant self spawn')
    a.ok('web', 'sysg grant kid spawn')
    a.ok('kid', 'sysg spawn -- sleep 1000')
    rc, _, err = a.do('grand', 'sysg spawn -- sleep 1000')
    assert rc == 4
    a.denied('mute', 'sysg spawn --request spawn -- sleep 1000')


def test_a_right_ends_with_its_object_and_a_name_used_again_revives_none(agents):
    a = agents(web='', other='')
    ident = a.ok('web', 'sysg spawn --print id --name kid --grant other=stop -- sleep 1000').strip()
    assert a.caps('other') == ['spawn', 'stop:web/kid']
    a.ok('web', 'sysg stop kid')
    a.denied('other', f'sysg stop {ident}')
    assert a.caps('other') == ['spawn']
    a.ok('web', 'sysg spawn --name kid -- sleep 1000')
    a.denied('other', 'sysg stop kid')
    a.denied('other', f'sysg stop {ident}')
    rc, _, err = a.do('web', f'sysg grant other stop:{ident}')
    assert rc == 10 and 'SG0823' in err


def test_a_right_ends_with_its_holder(agents):
    a = agents(web='request_capabilities: ["stop:db"]', db='')
    a.ok('web', 'sysg spawn --name kid --request stop:db -- sleep 1000')
    a.ok('web', 'sysg stop kid')
    a.spawn('web', 'kid')
    assert a.caps('web/kid') == ['spawn']
    a.denied('kid', 'sysg stop db')


def test_32_rights_are_held_and_not_33_and_dead_ones_do_not_count(agents):
    a = agents(web='', other='')
    a.ok('web', 'for i in $(seq 32); do sysg spawn --name k$i --grant other=stop -- sleep 1000 || exit 1; done')
    assert len(a.caps('other')) == 33
    rc, _, err = a.do('web', 'sysg spawn --name k33 --grant other=stop -- sleep 1000')
    assert rc == 13 and 'SG0831' in err and 'other holds 32 rights already' in err
    rc, _, err = a.do('web', 'sysg grant other logs:k1')
    assert rc == 13
    assert a.b.unit('web')['counts']['ever'] == 32
    a.ok('web', 'sysg grant other stop:k1') # it is held
    a.ok('web', 'sysg stop k1')
    a.ok('web', 'sysg spawn --name k33 --grant other=stop -- sleep 1000')
    a.denied('other', 'sysg stop k1')
    a.ok('other', 'sysg stop k33')


def test_33_requests_are_too_many(agents):
    a = agents(web='')
    asked = ' '.join(["--request 'stop:db?'"] * 33)
    rc, _, err = a.do('web', f'sysg spawn {asked} -- sleep 1000')
    assert rc == 13 and 'SG0831' in err


def test_public_is_not_for_the_children_of_a_service_that_does_not_allow_it(agents):
    a = agents(web='', shy='')
    path = a.b.manifest
    a.ok('web', 'sysg spawn --public -- sleep 1000')
    path.write_text(re.sub(r'(shy: .*mode: dynamic)', r'\1, allow: {public: false}', path.read_text()))
    a.b.sysg_ok('restart')
    assert '`spawn.allow.public`' in a.denied('shy', 'sysg spawn --public -- sleep 1000')
    a.ok('shy', 'sysg spawn -- sleep 1000')


def test_a_unit_waits_for_another_it_restarts_and_not_for_itself(agents):
    a = agents(web='request_capabilities: ["restart:db"]', db='')
    pid = a.b.pid_of('db')
    a.ok('web', 'sysg restart -s db')
    assert a.b.pid_of('db') not in (None, pid)
    pid = a.b.pid_of('web')
    (a.b.home / 'web.99.sh').write_text('sysg restart -s web')
    with open(a.b.home / 'web.in', 'w') as f:
        f.write('99\n')
    until(lambda: a.b.running_pid('web') not in (None, pid))


def test_caps_in_json_and_of_others(agents):
    a = agents(web='request_capabilities: ["stop:db", "status:**"]', db='')
    c = json.loads(a.ok('web', 'sysg caps --json'))
    assert c['path'] == 'web' and re.fullmatch(r'@\d+', c['id']) and c['rights'] == ['spawn', 'stop:db', 'status:**']
    assert a.ok('web', 'sysg caps').splitlines() == ['spawn', 'stop:db', 'status:**']
    assert a.ok('web', 'sysg caps db') == 'spawn\n'
    a.denied('db', 'sysg caps web')


def test_logs_without_a_unit_are_of_what_it_sees(agents):
    a = agents(web='request_capabilities: ["logs:db"]', db='', other='', all='request_capabilities: ["logs:**"]')
    for who in ('web', 'db', 'other', 'all'):
        a.b.sysg_ok('spawn', '--parent', who, '--name', 'kid', '--wait', '--', 'sh', '-c', f'echo of {who}/kid')
    def lines(who):
        return set(re.findall('of [a-z/]+', a.ok(who, 'sysg logs --no-follow -a')))
    until(lambda: len(lines('all')) == 8, why=lambda: lines('all'))
    assert lines('web') == {'of web', 'of web/kid', 'of db'}
    assert lines('other') == {'of other', 'of other/kid'}
