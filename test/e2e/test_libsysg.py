"""libsysg: spawn, wait and status from C, over one connection, with either libc."""
import json
import re
import subprocess

import pytest

from from_c import CCS, archive, client, program  # noqa: F401
from harness import ROOT, TOOLS, until
from test_spawn import run_in


@pytest.mark.parametrize('cc', CCS)
def test_its_archive_shows_what_the_header_declares_and_nothing_else(archive, cc):
    listed = subprocess.run(['nm', '-g', '--defined-only', archive(cc)], check=True, capture_output=True, text=True).stdout
    declared = set(re.findall(r'\b(sysg_\w+)\(', re.sub(r'/\*.*?\*/', '', (ROOT / 'include/sysg.h').read_text(), flags=re.S)))
    assert set(re.findall(r' [A-Z] (\w+)', listed)) == declared


def test_the_header_compiles_alone_as_c_and_as_cxx():
    for lang in ('c', 'c++'):
        subprocess.run(['gcc', '-x', lang, '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only', ROOT / 'include/sysg.h'], check=True)


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_the_examples_do_what_they_say(box, archive, cc):
    b = box(None, argv=['true'])
    for name in ('fanout', 'census'):
        program(cc, archive(cc), ROOT / f'doc/examples/{name}.c', b.home / name)
    b = box('services: {root: {command: "echo 1 2 3 4 5 | ./fanout 2 sh -c \'exit $WORD\' >out; echo $? >rc; '
            'sysg spawn --name kid -- sleep 1000; ./census >tree.new; mv tree.new tree; exec sleep 1000", '
            'spawn: {mode: dynamic, limits: {children: 3}}}}', home=b.home).up()
    tree = b.file('tree').splitlines()
    assert b.file('rc').strip() == '1'
    lines = [l.split() for l in b.file('out').splitlines()]
    assert [l[1:] for l in lines] == [['exited', str(n)] for n in range(1, 6)]
    assert tree[0].startswith('root @') and '  kid @' in '\n'.join(tree) and tree[-1].endswith('2 of them run'), tree


@pytest.mark.parametrize('cc', CCS)
def test_each_failure_has_its_errno_and_the_handle_goes_on(box, archive, cc):
    b = client(box, archive, r'''
	static void nothing(void *arg, const struct sysg_unit *u) { (void)arg; (void)u; }
	int main(void)
	{
		struct sysg *s = sysg_open(NULL);
		struct sysg_child kid;
		struct sysg_exit e;
		char sel[32], *big = calloc(1, 3 << 20);
		const char *huge[] = { "true", memset(big, 'x', (3 << 20) - 1), NULL };
		say("kid", sysg_spawn(s, &(struct sysg_spawn){ .argv = long_one, .name = "kid" }, &kid));
		say("taken", sysg_spawn(s, &(struct sysg_spawn){ .argv = one, .name = "kid", .flags = SYSG_UNIQUE }, NULL));
		say("nofile", sysg_spawn(s, &(struct sysg_spawn){ .argv = (const char *const[]){ "/no/such", NULL } }, NULL));
		say("nothing", sysg_spawn(s, &(struct sysg_spawn){ 0 }, NULL));
		say("huge", sysg_spawn(s, &(struct sysg_spawn){ .argv = huge }, NULL));
		say("field", sysg_spawn(s, &(struct sysg_spawn){ .argv = one, .fields = (const char *const[]){ "nonsense=1", NULL } }, NULL));
		say("loose", sysg_spawn(s, &(struct sysg_spawn){ .argv = one, .fields = (const char *const[]){ "limit=children=99", NULL } }, NULL));
		say("two", sysg_spawn(s, &(struct sysg_spawn){ .argv = long_one }, NULL));
		say("limit", sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, NULL));
		say("late", sysg_wait(s, "kid", 50, &e));
		say("nobody", sysg_wait(s, "nobody-of-this-name", -1, &e));
		say("unknown", sysg_status(s, "nobody-of-this-name", nothing, NULL));
		say("oneself", sysg_wait(s, "self", -1, &e));
		say("all", sysg_status(s, NULL, nothing, NULL));
		say("nowhere", sysg_open("/nowhere/at.all") ? 0 : -1);
		snprintf(sel, sizeof sel, "@%llu", (unsigned long long)kid.id);
		printf("depth %u name %s\n", kid.depth, kid.name);
		kill(kid.pid, 9);
		say("end", sysg_wait(s, sel, -1, &e));
		printf("code %d signal %d reason %s\n", e.code, e.signal, e.reason);
		sysg_close(s);
		sysg_close(NULL);
	}''', cc, ', limits: {children: 2}')
    said = dict(l.split(': ', 1) for l in b.file('out').splitlines() if ': ' in l)
    want = {'kid': 'ok', 'taken': 'EEXIST SG0807', 'nofile': 'ENOENT SG0813', 'nothing': 'EINVAL SG0832', 'huge': 'EMSGSIZE SG0831',
            'field': 'EINVAL SG0832', 'loose': 'EACCES SG0812', 'two': 'ok', 'limit': 'EDQUOT SG0803', 'late': 'ETIMEDOUT SG0822',
            'nobody': 'ESRCH SG0202', 'unknown': 'ESRCH SG0202', 'oneself': 'EDEADLK SG0826', 'all': 'ok',
            'nowhere': 'ECONNREFUSED SG0206', 'end': 'ok'}
    assert {k: v[:len(want[k])] for k, v in said.items()} == want
    assert 'depth 1 name kid\n' in b.file('out') and 'code -1 signal 9 reason signal\n' in b.file('out')


def test_not_managed_static_and_confined_callers(box, archive):
    b = client(box, archive, r'''
	int main(void)
	{
		struct sysg *s = sysg_open(NULL);
		say("spawn", s ? sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, NULL) : -1);
		sysg_close(s);
	}''')
    assert b.file('out') == 'spawn: ok\n'
    r = b.exec(b.home / 'c', uid=4830)
    assert r.stdout.startswith('spawn: ENOTCONN SG0810'), r
    assert b.exec('chroot', '/', b.home / 'c').stdout.startswith('spawn: EINVAL SG0832')  # an operator has no place
    b = box(f'services: {{root: {{command: "imp filter {b.home}/c >o1; {b.home}/c >o2; exec sleep 1000", spawn: {{mode: dynamic}}}}, '
            f'other: {{command: "{b.home}/c >o3; exec sleep 1000"}}}}', home=b.home, wait_exec=False)
    until(lambda: b.peek('o3') and b.peek('o2'))
    assert b.peek('o1').startswith('spawn: EPERM SG0814') and b.peek('o2') == 'spawn: ok\n' and b.peek('o3').startswith('spawn: EACCES SG0801')


def test_threads_share_a_handle_and_a_fork_has_its_own_connection(box, archive):
    b = client(box, archive, r'''
	static struct sysg *s;
	static char forever[32];
	static void *waits(void *arg)
	{
		struct sysg_exit e;
		return (void *)(long)sysg_wait(s, arg, -1, &e);
	}
	static void *spawns(void *arg)
	{
		long failed = 0;
		for (int i = 0; i < 50; i++) {
			struct sysg_child c;
			char sel[32];
			struct sysg_exit e = { .code = -1 };
			failed += sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, &c) < 0;
			snprintf(sel, sizeof sel, "@%llu", (unsigned long long)c.id);
			failed += sysg_wait(s, sel, -1, &e) < 0 || e.id != c.id || e.code != 0;
		}
		return (void *)failed;
	}
	int main(void)
	{
		pthread_t t[8], w;
		struct sysg_child kid;
		void *ret;
		s = sysg_open(NULL);
		sysg_spawn(s, &(struct sysg_spawn){ .argv = long_one, .name = "kid" }, &kid);
		pthread_create(&w, NULL, waits, "kid");
		for (int i = 0; i < 8; i++)
			pthread_create(&t[i], NULL, spawns, NULL);
		for (int i = 0; i < 8; i++) {
			pthread_join(t[i], &ret);
			printf("failed %ld\n", (long)ret);
		}
		fflush(stdout);
		if (fork() == 0) {
			say("forked", sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, NULL));
			_exit(0);
		}
		wait(NULL);
		say("after", sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, NULL));
		kill(kid.pid, 15);
		pthread_join(w, &ret);
		printf("waited %ld\n", (long)ret);
		sleep(6); /* the supervisor closes what is silent for 5 s */
		say("idle", sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, NULL));
	}''')
    out = b.file('out', 60).splitlines()
    assert out == ['failed 0'] * 8 + ['forked: ok', 'after: ok', 'waited 0', 'idle: ok'], out


def test_what_a_child_is_given(box, archive):
    b = client(box, archive, r'''
	int main(void)
	{
		struct sysg *s = sysg_open(NULL);
		struct sysg_exit e;
		setenv("MINE", "1", 1);
		say("own", sysg_spawn(s, &(struct sysg_spawn){ .argv = (const char *const[]){ "imp", "facts", "own", NULL }, .name = "own",
			.more_env = (const char *const[]){ "MORE=2", NULL }, .flags = SYSG_NO_SPAWN }, NULL));
		sysg_wait(s, "own", -1, &e);
		say("other", sysg_spawn(s, &(struct sysg_spawn){ .argv = (const char *const[]){ "/usr/bin/env", NULL }, .cwd = "/",
			.env = (const char *const[]){ "ONLY=3", NULL }, .ttl_ms = 5000 }, NULL));
		say("again", sysg_wait(s, "own", 0, &e));
	}''')
    assert b.file('out') == 'own: ok\nother: ok\nagain: ok\n'
    own = b.file('own')
    assert 'env MINE=1\n' in own and 'env MORE=2\n' in own and f'cwd: {b.home}\n' in own
    assert 'ONLY=3' in until(lambda: [l for l in b.stdout.splitlines() if 'ONLY=' in l])[0] and 'MINE' not in b.stdout


def test_meson_installs_header_archive_page_and_pkg_config(tmp_path):
    """By what the build knows of its installation: the build folder of the program under test, where it has one."""
    build = next((p for p in (ROOT / 'build/test', ROOT / 'build/release') if (p / 'build.ninja').exists()), None)
    assert build, 'no build folder'
    r = subprocess.run(['meson', 'introspect', '--installed', build], check=True, capture_output=True, text=True)
    places = ' '.join(json.loads(r.stdout).values())
    for end in ('include/sysg.h', 'libsysg.a', 'libsysg.pc'):
        assert end in places, end


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_many_at_once_are_each_what_was_asked_for(box, archive, cc):
    b = client(box, archive, r'''
	enum { N = 100 };
	int main(void)
	{
		static struct sysg_spawn what[N];
		static struct sysg_child kid[N];
		static char word[N][16], name[N][16];
		static const char *argv[N][5];
		struct sysg *s = sysg_open(NULL);
		int wrong = 0;
		for (int i = 0; i < N; i++) {
			sprintf(word[i], "exit %d", i);
			sprintf(name[i], "kid-%d", i);
			memcpy(argv[i], (const char *[]){ "sh", "-c", word[i], NULL }, 4 * sizeof(char *));
			what[i] = (struct sysg_spawn){ .argv = argv[i], .name = name[i] };
		}
		for (int round = 0; round < 2; round++) {
			say("all", sysg_spawn_many(s, what, N, kid));
			for (int i = 0; i < N; i++) {
				struct sysg_exit e = { .code = -1 };
				char sel[32];
				snprintf(sel, sizeof sel, "@%llu", (unsigned long long)kid[i].id);
				wrong += sysg_wait(s, sel, -1, &e) < 0 || e.code != i || kid[i].depth != 1 || kid[i].pid <= 0 ||
					 strncmp(kid[i].name, name[i], strlen(name[i])) != 0;
			}
		}
		printf("wrong: %d\n", wrong);
		what[3].argv = (const char *const[]){ "/no/such", NULL };
		what[7].argv = NULL;
		what[9].fields = (const char *const[]){ "limit=children=1000", NULL };
		what[11].fields = (const char *const[]){ "wait=1", NULL };
		what[99].cwd = "relative";
		say("some", sysg_spawn_many(s, what, N, kid));
		for (int i = 0; i < N; i++)
			if (!kid[i].id)
				printf("%d %s\n", i, errno_name(-kid[i].pid));
			else if (kid[i].pid <= 0 || strncmp(kid[i].name, name[i], strlen(name[i])) != 0)
				printf("%d is another\n", i);
		say("none", sysg_spawn_many(s, what, 0, kid));
		say("after", sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, NULL));
	}''', cc)
    out = b.file('out', 30).splitlines()
    assert out[:3] == ['all: ok', 'all: ok', 'wrong: 0'] and out[3].startswith('some: '), out
    assert out[4:] == ['3 ENOENT', '7 EINVAL', '9 EACCES', '11 EINVAL', '99 EINVAL', 'none: ok', 'after: ok'], out


def test_of_many_at_once_those_within_the_limit_are_made_and_without_a_supervisor_none(box, archive):
    b = client(box, archive, r'''
	int main(void)
	{
		struct sysg_spawn what[40];
		struct sysg_child kid[40];
		int made = 0, refused = 0;
		struct sysg *s = sysg_open(NULL);
		for (int i = 0; i < 40; i++)
			what[i] = (struct sysg_spawn){ .argv = long_one };
		say("some", sysg_spawn_many(s, what, 40, kid));
		for (int i = 0; i < 40; i++) {
			made += kid[i].id != 0;
			refused += !kid[i].id && kid[i].pid == -EDQUOT;
		}
		printf("%d %d\n", made, refused);
		for (int i = 3; i < 64; i++)
			shutdown(i, SHUT_WR); /* as if the supervisor was gone, once it is noticed */
		setenv("SYSG_SOCKET", "/nowhere", 1);
		say("gone", sysg_spawn_many(s, what, 2, kid));
		printf("%d %s\n", kid[0].id == 0 && kid[1].id == 0, errno_name(-kid[1].pid));
	}''', extra=', limits: {children: 30}, when_full: queue')
    out = b.file('out', 30).splitlines()
    assert out[0].startswith('some: EDQUOT SG0803') and out[1] == '30 10', out
    assert re.match('gone: (ECONNREFUSED SG0206|ECONNRESET SG0205)', out[2]) and re.match('1 (ECONNREFUSED|ECONNRESET)', out[3]), out


def test_spawns_with_tags_share_a_connection_and_are_each_answered_once(box):
    """Their execve hangs on the lease of the program's file as long as the test wants."""
    b, out, _ = run_in(box, f"""cp /bin/true slow1; cp /bin/true slow2; cat >tags.py <<'END'
import fcntl, os, signal, sys
sys.path.insert(0, '{TOOLS}')
from peer import ask, connect, fields_of, packet
s = connect(timeout=30)
spawn = ['op=spawn', 'arg=true', 'cwd=/']
signal.signal(signal.SIGIO, signal.SIG_IGN)
def hold(name, n):  # a file of its own each time: one that is executed gets no lease
    fd = os.open(name, os.O_RDONLY)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    for i in range(n):
        s.send(packet('op=spawn', f'arg={{os.getcwd()}}/{{name}}', 'cwd=/', f'tag={{i + 1}}'))
    return fd
fd = hold('slow1', 32)
def say(*fields):
    f = ask(s, *fields)
    print(f['ok'], f.get('code'), f.get('tag'))
say(*spawn, 'tag=33')
say(*spawn)
say('op=ping')
say('op=ping', 'tag=5')
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
answers = [fields_of(s.recv(65536)) for _ in range(32)]
print(sorted(int(f['tag']) for f in answers if f['ok'] == '1') == list(range(1, 33)), len({{f['id'] for f in answers}}))
say('op=ping')
for more in ['tag=0'], ['tag=x'], ['tag=4', 'queue_ns=5'], ['tag=4', 'wait=1'], ['tag=4', 'bind=1'], ['tag=4', 'attach=1'], ['tag=4', 'parent=none'], ['tag=4'], []:
    say(*spawn, *more)
fd = hold('slow2', 20)
say('op=spawn', 'arg=/no/such', 'cwd=/', 'tag=30')  # answered while the others go on waiting
say('op=ping')
s.close()
s = connect()
say('op=ping')
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
open('said', 'w')
signal.pause()  # a child whose set-up is behind still looks at who asked
END
python -u tags.py & until [ -e said ] || ! kill -0 $!; do sleep 0.02; done""", seconds=30)
    assert out.splitlines() == [
        '0 SG0833 33', '0 SG0832 None', '0 SG0832 None', '0 SG0832 None', 'True 32', '1 None None', '0 SG0832 None', '0 SG0832 None',
        '0 SG0832 4', '0 SG0832 4', '0 SG0832 4', '0 SG0832 4', '0 SG0202 4', '1 None 4', '1 None None', '0 SG0813 30', '0 SG0832 None', '1 None None'], b.peek('err')
    # the connection that asked has gone, and the children are: all of them ran
    until(lambda: len([u for u in b.json('status', '--all')['units'][0]['spawned_children']]) == 54, 20)
