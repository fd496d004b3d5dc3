"""libsysg: messages, calls and exit notices from C: what comes, each failure's errno, threads, forks, and that nothing is lost."""
import re

import pytest

from from_c import CCS, archive, client  # noqa: F401
from harness import until

COMMON = r'''
static struct sysg *s;

/* A message in one line. */
static void show(const struct sysg_message *m)
{
	printf("%u %s body=%zu:%.20s", m->kind, m->path, m->body_len, (const char *)m->body);
	if (m->kind == SYSG_EXIT || m->will)
		printf(" code=%d signal=%d reason=%s will=%d", m->end.code, m->end.signal, m->end.reason, m->will);
	putchar('\n');
	fflush(stdout);
}

static int next(const struct sysg_filter *want, int64_t ms)
{
	struct sysg_message *m;
	int rc = sysg_recv(s, want, ms, &m);
	if (rc == 0)
		show(m);
	else
		say("recv", rc);
	free(m);
	return rc;
}

/* A child by name that runs a line of sh. */
static int sh(const char *name, const char *line)
{
	return sysg_spawn(s, &(struct sysg_spawn){ .argv = (const char *const[]){ "sh", "-c", line, NULL }, .name = name }, NULL);
}

static char *pattern(size_t n)
{
	unsigned *p = malloc(n + 4);
	for (size_t i = 0; i <= n / 4; i++)
		p[i] = (unsigned)i * 2654435761u;
	return (char *)p;
}

/* Dies where the message was read, and the supervisor not yet told. */
static int die_at_ack;

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	if (die_at_ack && n > 6 && memcmp(p, "op=ack", 6) == 0)
		kill(getpid(), SIGKILL);
	return sendto(fd, p, n, flags, NULL, 0);
}
'''


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_each_kind_comes_with_all_that_is_known_of_it(box, archive, cc):
    b = client(box, archive, COMMON + r'''
	int main(void)
	{
		struct sysg_child kid;
		struct sysg_message *m;
		s = sysg_open(NULL);
		printf("NULs %d\n", sysg_send(s, "self", "a\0b", 3, 0));
		sysg_recv(s, NULL, -1, &m);
		printf("%u %s %zu %d %d %d %d\n", m->kind, m->path, m->body_len, memcmp(m->body, "a\0b", 4), m->msgid > 0, m->from > 0,
			m->end.code == -1 && !m->end.signal && !*m->end.reason);
		free(m);
		sysg_send(s, "self", NULL, 0, 0);
		next(NULL, 0);
		sysg_spawn(s, &(struct sysg_spawn){ .argv = (const char *const[]){ "sh", "-c", "sysg send parent -- one; exit 3", NULL }, .name = "kid" }, &kid);
		next(NULL, -1);
		sysg_recv(s, NULL, -1, &m);
		printf("exit %u %s %d code=%d signal=%d %s %d %llu\n", m->kind, m->path, m->from == kid.id && m->end.id == kid.id, m->end.code,
			m->end.signal, m->end.reason, m->body_len == 0 && m->body && m->msgid == 0 && m->lost == 0, (unsigned long long)m->lost);
		free(m);
		sh("killed", "kill -9 $$");
		next(NULL, -1);
		system("sysg spawn --name dying --on-exit send:parent:farewell -- sh -c 'exit 5' >pid");
		next(&(struct sysg_filter){ .kinds = SYSG_MSG }, -1);
		next(&(struct sysg_filter){ .kinds = SYSG_EXIT }, -1);
	}''', cc)
    assert b.file('out').splitlines() == [
        'NULs 0', '1 root 3 0 1 1 1', '1 root body=0:', '1 root/kid body=3:one', 'exit 4 root/kid 1 code=3 signal=0 exited 1 0',
        '4 root/killed body=0: code=-1 signal=9 reason=signal will=0', '1 root/dying body=8:farewell code=5 signal=0 reason=exited will=1',
        '4 root/dying body=0: code=5 signal=0 reason=exited will=0']


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_bodies_of_1_mib_of_any_bytes_come_whole_by_messages_calls_and_replies(box, archive, cc):
    b = client(box, archive, COMMON + r'''
	int main(int argc, char **argv)
	{
		size_t n = 1 << 20;
		char *big = pattern(n);
		struct sysg_message *m;
		s = sysg_open(NULL);
		if (argc > 1) {
			while (sysg_recv(s, NULL, -1, &m) == 0) {
				sysg_reply(s, m->msgid, m->body, m->body_len);
				free(m);
			}
			return 1;
		}
		sysg_spawn(s, &(struct sysg_spawn){ .argv = (const char *const[]){ "./c", "echo", NULL }, .name = "echo" }, NULL);
		for (size_t at = 0; at < 3; at++) {
			size_t len = at == 0 ? n : at == 1 ? 65536 : 62000;
			say("send", sysg_send(s, "self", big, len, 0));
			int rc = sysg_recv(s, NULL, 0, &m);
			printf("%d\n", rc == 0 && m->body_len == len && memcmp(m->body, big, len) == 0);
			free(m);
			say("call", sysg_call(s, "echo", big, len, 10000, &m));
			printf("%d %d %s\n", m && m->kind == SYSG_REPLY && m->body_len == len && memcmp(m->body, big, len) == 0, m && m->msgid > 0, m ? m->path : "");
			free(m);
		}
		say("unasked", sysg_call(s, "echo", big, n, 10000, NULL));
		say("too big", sysg_send(s, "self", big, n + 1, 0));
		say("too big", sysg_call(s, "echo", big, n + 1, 0, &m));
		say("too big", sysg_reply(s, 1, big, n + 1));
		say("and on", sysg_send(s, "self", "x", 1, 0));
	}''', cc)
    out = b.file('out', 30).splitlines()
    assert out[:12] == ['send: ok', '1', 'call: ok', '1 1 root/echo'] * 3
    assert out[12] == 'unasked: ok' and [l[:24] for l in out[13:16]] == ['too big: EMSGSIZE SG0831'] * 3 and out[16:] == ['and on: ok']


@pytest.mark.parametrize('cc', CCS)
def test_each_failure_of_a_message_has_its_errno(box, archive, cc):
    b = client(box, archive, COMMON + r'''
	int main(int argc, char **argv)
	{
		char *big = pattern(1 << 20);
		struct sysg_message *m = (void *)1;
		s = sysg_open(NULL);
		if (argc > 1) {
			say("denied", sysg_send(s, argv[1], "x", 1, 0));
			say("call denied", sysg_call(s, argv[1], "x", 1, 0, NULL));
			say("own right", sysg_send(s, "parent", "x", 1, 0));
			return 0;
		}
		say("none", sysg_recv(s, NULL, 0, &m));
		printf("null: %d\n", m == NULL);
		say("late", sysg_recv(s, NULL, 50, &m));
		say("from", sysg_recv(s, &(struct sysg_filter){ .from = "nobody-there" }, 0, &m));
		say("kinds", sysg_recv(s, &(struct sysg_filter){ .kinds = SYSG_REPLY }, 0, &m));
		say("unit", sysg_send(s, "nobody-there", "x", 1, 0));
		say("no unit", sysg_send(s, NULL, "x", 1, 0));
		say("no unit waited", sysg_wait(s, NULL, 0, NULL));
		say("oneself", sysg_call(s, "self", "x", 1, 0, &m));
		say("stale", sysg_reply(s, 99999, "x", 1));
		for (int i = 0; i < 4; i++)
			if (sysg_send(s, "self", big, 1 << 20, 0) < 0)
				say("filling", -1);
		say("full", sysg_send(s, "self", "x", 1, 0));
		say("full late", sysg_send(s, "self", "x", 1, 50));
		for (int i = 0; i < 4 && sysg_recv(s, NULL, 0, &m) == 0; i++)
			free(m);
		sh("deaf", "exec sleep 1000");
		say("no reply", sysg_call(s, "deaf", "x", 1, 50, &m));
		printf("reply null: %d\n", m == NULL);
		sh("gone", "exit 0");
		sysg_wait(s, "gone", -1, NULL);
		say("gone", sysg_send(s, "gone", "x", 1, 0));
		sh("mortal", "sysg recv >/dev/null; exit 1");
		say("mortal", sysg_call(s, "mortal", "x", 1, -1, &m));
		sysg_spawn(s, &(struct sysg_spawn){ .argv = (const char *const[]){ "./c", "root/deaf", NULL }, .name = "other" }, NULL);
		sysg_wait(s, "other", -1, NULL);
		say("all", next(&(struct sysg_filter){ .from = "other", .kinds = SYSG_MSG }, 0));
	}''', cc)
    said = dict(l.split(': ', 1) for l in b.file('out', 20).splitlines() if ': ' in l)
    want = {'none': 'ETIMEDOUT SG0822', 'null': '1', 'late': 'ETIMEDOUT SG0822', 'from': 'ESRCH SG0202', 'kinds': 'EINVAL SG0832',
            'unit': 'ESRCH SG0202', 'no unit': 'EINVAL SG0832', 'no unit waited': 'EINVAL SG0832', 'oneself': 'EDEADLK SG0825',
            'stale': 'ESTALE SG0824', 'full': 'ENOBUFS SG0821', 'full late': 'ENOBUFS SG0821', 'no reply': 'ETIMEDOUT SG0822',
            'reply null': '1', 'gone': 'EPIPE SG0823', 'mortal': 'EPIPE SG0823', 'all': 'ok'}
    assert {k: v[:len(want.get(k, v))] for k, v in said.items()} == want
    until(lambda: 'own right' in b.stdout)  # of the child, in its log
    assert 'denied: EACCES SG0811' in b.stdout and 'call denied: EACCES SG0811' in b.stdout and 'own right: ok' in b.stdout
    r = b.exec(b.home / 'c')  # an operator has no mailbox
    assert r.stdout.splitlines()[0].startswith('none: ENOTCONN SG0810') and 'unit: ESRCH SG0202' in r.stdout, r
    r = b.exec(b.home / 'c', 'root', uid=4830)
    assert [l[:24] for l in r.stdout.splitlines()] == ['denied: ENOTCONN SG0810 '[:24], 'call denied: ENOTCONN SG0810'[:24], 'own right: ENOTCONN SG0810'[:24]]


@pytest.mark.parametrize('cc', CCS)
def test_filters_pass_over_what_they_do_not_name_and_keep_the_order(box, archive, cc):
    b = client(box, archive, COMMON + r'''
	int main(void)
	{
		s = sysg_open(NULL);
		sysg_send(s, "self", "own", 3, 0);
		sh("kid", "sysg send parent -- hers; exit 2");
		sh("caller", "sysg call parent -- question >answer; exit 0");
		sysg_wait(s, "kid", -1, NULL);
		next(&(struct sysg_filter){ .kinds = SYSG_CALL, .from = "caller" }, -1);
		next(&(struct sysg_filter){ .kinds = SYSG_CALL }, 0);
		next(&(struct sysg_filter){ .from = "kid" }, -1);
		next(&(struct sysg_filter){ .from = "operator" }, 0);
		next(&(struct sysg_filter){ .kinds = SYSG_MSG | SYSG_CALL }, 0);
		next(NULL, -1);
	}''', cc)
    out = b.file('out', 20).splitlines()
    assert out[0] == '2 root/caller body=8:question' and out[1].startswith('recv: ETIMEDOUT') and out[2] == '1 root/kid body=4:hers'
    assert out[3].startswith('recv: ETIMEDOUT') and out[4] == '1 root body=3:own' and out[5].startswith('4 root/kid body=0: code=2')


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
@pytest.mark.parametrize('how', ['plain', 'fd'])
def test_what_a_receiver_had_read_when_it_was_killed_comes_again_and_then_once(box, archive, cc, how):
    b = client(box, archive, COMMON + r'''
	int main(void)
	{
		s = sysg_open(NULL);
		sysg_send(s, "self", "word", 4, 0);
		sh("kid", "exit 7");
		sysg_wait(s, "kid", -1, NULL);
		for (int i = 0; i < 4; i++) {
			const struct sysg_filter *want = i < 2 ? NULL : &(struct sysg_filter){ .kinds = SYSG_EXIT };
			int status, fd;
			if (fork() == 0) {
				die_at_ack = 1;
				if (FD && ((fd = sysg_fd(s)) < 0 || poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 10000) != 1))
					_exit(1);
				next(want, -1);
				_exit(2);
			}
			wait(&status);
			printf("killed %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		}
		next(NULL, -1);
		next(NULL, -1);
		next(NULL, 0);
		sysg_close(s);
		s = sysg_open(NULL);
		next(NULL, 0);
	}'''.replace('FD', '1' if how == 'fd' else '0'), cc)
    out = b.file('out', 20).splitlines()
    assert out[:4] == ['killed 1'] * 4 and out[4] == '1 root body=4:word' and out[5].startswith('4 root/kid body=0: code=7'), out
    assert len(out) == 8 and all(l.startswith('recv: ETIMEDOUT') for l in out[6:]), out


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
@pytest.mark.parametrize('how', ['plain', 'fd'])
def test_threads_send_call_and_receive_by_one_handle_and_each_message_comes_once(box, archive, cc, how):
    b = client(box, archive, COMMON + r'''
	enum { THREADS = 4, EACH = 100 };
	static int seen[THREADS * EACH], left = THREADS * EACH, wrong, timed_out;
	static void *sends(void *arg)
	{
		for (int i = 0; i < EACH; i++) {
			int n = (int)(long)arg * EACH + i;
			if (sysg_send(s, "self", &n, sizeof n, -1) < 0)
				__sync_fetch_and_add(&wrong, 1);
		}
		return NULL;
	}
	static void *receives(void *arg)
	{
		while (__sync_fetch_and_add(&left, 0) > 0) {
			struct sysg_message *m;
			if (sysg_recv(s, NULL, 20, &m) == 0) {
				__sync_fetch_and_add(&seen[*(const int *)m->body], 1);
				__sync_fetch_and_sub(&left, 1);
				free(m);
			} else if (errno == ETIMEDOUT) {
				__sync_fetch_and_add(&timed_out, 1);
			} else {
				say("recv", -1);
				return NULL;
			}
		}
		return NULL;
	}
	int main(int argc, char **argv)
	{
		pthread_t t[2 * THREADS];
		s = sysg_open(NULL);
		if (FD)
			sysg_fd(s);
		for (long i = 0; i < 2 * THREADS; i++)
			pthread_create(&t[i], NULL, i < THREADS ? sends : receives, (void *)i);
		for (int i = 0; i < 2 * THREADS; i++)
			pthread_join(t[i], NULL);
		for (int i = 0; i < THREADS * EACH; i++)
			wrong += seen[i] != 1;
		printf("wrong %d\n", wrong);
		next(NULL, 0);
	}'''.replace('FD', '1' if how == 'fd' else '0'), cc)
    out = b.file('out', 40).splitlines()
    assert out[0] == 'wrong 0' and out[1].startswith('recv: ETIMEDOUT') and len(out) == 2, out


def test_a_thread_waits_for_the_turn_of_another_as_long_as_its_timeout(box, archive):
    b = client(box, archive, COMMON + r'''
	static volatile int waits;
	static void *for_ever(void *arg)
	{
		waits = 1;
		next(NULL, -1);
		return NULL;
	}
	int main(void)
	{
		pthread_t t;
		int rc;
		s = sysg_open(NULL);
		pthread_create(&t, NULL, for_ever, NULL);
		do { /* the other has its turn once a number of ms passes without a message, and not at once */
			struct sysg_message *m;
			rc = sysg_recv(s, NULL, 20, &m);
		} while (!waits || !strstr(sysg_error(NULL), "another thread"));
		say("late", rc);
		say("fd", sysg_fd(s));
		say("send", sysg_send(s, "self", "x", 1, 0));
		pthread_join(t, NULL);
		say("fd now", sysg_fd(s) < 0 ? -1 : 0);
	}''')
    out = b.file('out', 20).splitlines()
    assert out[0].startswith('late: ETIMEDOUT SG0822 another thread') and out[1].startswith('fd: ENOBUFS SG0833')
    assert sorted(out[2:4]) == ['1 root body=1:x', 'send: ok'] and out[4:] == ['fd now: ok'], out


def test_a_fork_receives_by_the_handle_of_its_parent_as_what_it_is(box, archive):
    b = client(box, archive, COMMON + r'''
	static void *for_ever(void *arg)
	{
		next(NULL, -1);
		return NULL;
	}
	int main(void)
	{
		pthread_t t;
		struct sysg_message *m;
		s = sysg_open(NULL);
		sysg_send(s, "self", "1", 1, 0);
		sysg_send(s, "self", "2", 1, 0);
		if (fork() == 0) {
			next(NULL, -1);
			_exit(0);
		}
		wait(NULL);
		next(NULL, -1);
		pthread_create(&t, NULL, for_ever, NULL);
		do /* until that thread has the turn, of which a fork has a copy */
			sysg_recv(s, NULL, 20, &m);
		while (!strstr(sysg_error(NULL), "another thread"));
		if (fork() == 0) {
			next(NULL, 0);
			_exit(0);
		}
		wait(NULL);
		sysg_send(s, "self", "3", 1, 0);
		pthread_join(t, NULL);
	}''')
    out = b.file('out', 20).splitlines()
    assert out[:2] == ['1 root body=1:1', '1 root body=1:2'] and re.match('recv: ETIMEDOUT SG0822 no message', out[2]) and out[3:] == ['1 root body=1:3'], out


def test_a_thread_that_receives_in_a_loop_lets_one_that_waits_go_first(box, archive):
    b = client(box, archive, COMMON + r'''
	static _Atomic int begun, ended, queued, turns; /* turns: those that the loop had while another thread waited */
	static _Atomic pid_t waiter;

	static void *loop(void *arg)
	{
		struct sysg_message *m;
		do {
			int was = queued;
			begun = 1;
			sysg_recv(s, NULL, 10, &m);
			turns += was && strstr(sysg_error(NULL), "no message");
		} while (!strstr(sysg_error(NULL), "another thread"));
		ended = 1;
		return NULL;
	}
	static void *wait_for_it(void *arg)
	{
		waiter = gettid();
		next(NULL, -1);
		return NULL;
	}
	static int waits(pid_t id) /* for its turn: in a futex; whose turn it is waits for a packet */
	{
		char path[64], line[16] = "";
		snprintf(path, sizeof path, "/proc/self/task/%d/syscall", id);
		FILE *f = fopen(path, "r");
		fgets(line, sizeof line, f);
		fclose(f);
		return atoi(line) == SYS_futex;
	}
	int main(void)
	{
		pthread_t a, b;
		s = sysg_open(NULL);
		for (int i = 0; i < 30; i++) {
			begun = ended = queued = waiter = 0;
			pthread_create(&a, NULL, loop, NULL);
			while (!begun)
				usleep(100);
			pthread_create(&b, NULL, wait_for_it, NULL);
			while (!ended && (!waiter || !waits(waiter)))
				usleep(100);
			queued = 1;
			pthread_join(a, NULL);
			sysg_send(s, "self", "go", 2, 0);
			pthread_join(b, NULL);
		}
		printf("%d\n", turns);
	}''')
    assert b.file('out', 60).splitlines() == ['1 root body=2:go'] * 30 + ['0']
