"""libsysg: sysg_fd() in an event loop, with filters, over forks; and a supervisor that goes away."""
import pytest

from from_c import CCS, archive, build, client, program  # noqa: F401
from harness import ROOT, until
from test_libsysg_messages import COMMON

POLLED = '''
#include <fcntl.h>
#include <sys/epoll.h>
''' + COMMON + r'''

static int fd;

/* Readable within ms? */
static int readable(int ms)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, ms) == 1;
}

/* Every socket of this process is cut, as if the supervisor had hung up. */
static void cut(void)
{
	for (int i = 3; i < 64; i++)
		shutdown(i, SHUT_RDWR);
}
'''


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_the_example_answers_calls_and_tells_ends_from_one_loop(box, archive, cc):
    b = box(None, argv=['true'])
    program(cc, archive(cc), ROOT / 'doc/examples/desk.c', b.home / 'desk')
    (b.home / 'main.sh').write_text('''
        sysg spawn --name kid -- sh -c 'sysg send parent -- hello; sysg call parent -- ask >a1; sysg call parent -- "" >a2; exit 3' >pid
        mkfifo in; { ./desk; echo $? >rc; } <in >said &
        exec 5>in; until grep ended said; do sleep 0.02; done; exec 5>&-; wait
        exec sleep 1000''')
    b = box('services: {root: {exec: [sh, ./main.sh], spawn: {mode: dynamic}}}', home=b.home).up()
    assert b.file('rc', 20) == '0\n'
    assert b.peek('said').splitlines() == ['root/kid: hello', 'root/kid ended: exited 3']
    assert b.peek('a1') == 'call 1 of 3 bytes' and b.peek('a2') == 'call 2 of 0 bytes'


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_it_is_readable_as_long_as_there_is_a_message_and_then_not(box, archive, cc):
    b = client(box, archive, POLLED + r'''
	int main(void)
	{
		struct sysg_message *m;
		char *big = pattern(1 << 20);
		s = sysg_open(NULL);
		sysg_send(s, "self", "before", 6, 0);
		fd = sysg_fd(s);
		printf("same %d\n", fd >= 0 && sysg_fd(s) == fd);
		int ep = epoll_create1(0);
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN });
		struct epoll_event e;
		printf("epoll %d\n", epoll_wait(ep, &e, 1, 10000));
		next(NULL, 0);
		printf("quiet %d\n", readable(0));
		next(NULL, 0);
		sysg_send(s, "self", "after", 5, 0);
		sysg_send(s, "self", big, 1 << 20, 0);
		sh("kid", "exit 4");
		printf("epoll %d\n", epoll_wait(ep, &e, 1, 10000));
		next(NULL, 0);
		printf("epoll %d\n", epoll_wait(ep, &e, 1, 10000));
		int rc = sysg_recv(s, NULL, 0, &m);
		printf("big %d\n", rc == 0 && m->body_len == 1 << 20 && memcmp(m->body, big, 1 << 20) == 0);
		free(m);
		printf("epoll %d\n", epoll_wait(ep, &e, 1, 10000));
		next(NULL, 0);
		next(NULL, 30);
		printf("quiet %d\n", readable(0));
		sleep(6); /* other connections are closed after 5 s of silence */
		printf("quiet %d\n", readable(0));
		sysg_send(s, "self", "late", 4, 0);
		printf("epoll %d\n", epoll_wait(ep, &e, 1, 10000));
		next(NULL, 0);
		sysg_close(s);
		printf("closed %d\n", fcntl(fd, F_GETFD) == -1);
	}''', cc)
    out = b.file('out', 40).splitlines()
    assert out[:4] == ['same 1', 'epoll 1', '1 root body=6:before', 'quiet 0'] and out[4].startswith('recv: ETIMEDOUT SG0822'), out
    assert out[5:10] == ['epoll 1', '1 root body=5:after', 'epoll 1', 'big 1', 'epoll 1'] and out[10].startswith('4 root/kid body=0: code=4')
    assert out[11].startswith('recv: ETIMEDOUT') and out[12:] == ['quiet 0', 'quiet 0', 'epoll 1', '1 root body=4:late', 'closed 1'], out


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_a_filter_passes_over_the_message_in_hand_and_leaves_it_the_first(box, archive, cc):
    b = client(box, archive, POLLED + r'''
	int main(void)
	{
		s = sysg_open(NULL);
		fd = sysg_fd(s);
		sysg_send(s, "self", "a", 1, 0);
		sysg_send(s, "self", "b", 1, 0);
		printf("readable %d\n", readable(10000));
		sh("kid", "exit 6");
		next(&(struct sysg_filter){ .kinds = SYSG_EXIT }, 10000);
		next(&(struct sysg_filter){ .kinds = SYSG_CALL }, 0);
		next(&(struct sysg_filter){ .from = "nobody-there" }, 0);
		printf("readable %d\n", readable(10000));
		next(NULL, 0);
		printf("readable %d\n", readable(10000));
		next(&(struct sysg_filter){ .from = "self", .kinds = SYSG_MSG }, 0);
		next(&(struct sysg_filter){ .from = "self" }, 20);
		sysg_send(s, "self", "c", 1, 0);
		printf("readable %d\n", readable(10000));
		pid_t kid = fork();
		for (; kid == 0;) /* has the socket too, so that a close alone ends nothing */
			pause();
		next(&(struct sysg_filter){ .kinds = SYSG_MSG }, 0);
		kill(kid, SIGKILL);
	}''', cc)
    out = b.file('out', 20).splitlines()
    assert out[0] == 'readable 1' and out[1].startswith('4 root/kid body=0: code=6') and out[2].startswith('recv: ETIMEDOUT'), out
    assert out[3].startswith('recv: ESRCH SG0202') and out[4:8] == ['readable 1', '1 root body=1:a', 'readable 1', '1 root body=1:b'], out
    assert out[8].startswith('recv: ETIMEDOUT') and out[9:] == ['readable 1', '1 root body=1:c'], out


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_a_message_in_hand_is_the_next_ones_when_the_handle_is_closed_cut_or_its_process_killed(box, archive, cc):
    b = client(box, archive, POLLED + r'''
	int main(void)
	{
		struct sysg_message *m;
		char *big = pattern(1 << 20);
		int status;
		pid_t kid;
		s = sysg_open(NULL);
		sysg_send(s, "self", big, 1 << 20, 0);
		sysg_send(s, "self", "z", 1, 0);
		if (fork() == 0) {
			fd = sysg_fd(s);
			readable(10000);
			kill(getpid(), SIGKILL);
		}
		wait(&status);
		fd = sysg_fd(s);
		printf("readable %d\n", readable(10000));
		cut();
		int rc = sysg_recv(s, NULL, 0, &m);
		printf("cut %d\n", rc == 0 && m->body_len == 1 << 20 && memcmp(m->body, big, 1 << 20) == 0);
		free(m);
		printf("readable %d\n", readable(10000));
		if ((kid = fork()) == 0) { /* has a copy of all, and lives on */
			for (;;)
				pause();
		}
		sysg_close(s);
		s = sysg_open(NULL);
		next(NULL, 10000);
		next(NULL, 0);
		kill(kid, SIGKILL);
	}''', cc)
    out = b.file('out', 30).splitlines()
    assert out[:4] == ['readable 1', 'cut 1', 'readable 1', '1 root body=1:z'] and out[4].startswith('recv: ETIMEDOUT') and len(out) == 5, out


@pytest.mark.asan
@pytest.mark.parametrize('cc', CCS)
def test_a_fork_has_a_descriptor_of_its_own_and_leaves_its_parents_alone(box, archive, cc):
    b = client(box, archive, POLLED + r'''
	int main(void)
	{
		s = sysg_open(NULL);
		fd = sysg_fd(s);
		sysg_send(s, "self", "1", 1, 0);
		printf("parent %d\n", readable(10000));
		sysg_send(s, "self", "2", 1, 0);
		fflush(stdout);
		if (fork() == 0) {
			fd = sysg_fd(s);
			printf("child %d\n", readable(10000));
			next(NULL, 0);
			sysg_close(s);
			_exit(0);
		}
		wait(NULL);
		printf("parent %d\n", readable(0));
		next(NULL, 0);
		fflush(stdout);
		if (fork() == 0) {
			sysg_close(s);
			_exit(0);
		}
		wait(NULL);
		printf("quiet %d\n", readable(0));
		sysg_send(s, "self", "3", 1, 0);
		printf("parent %d\n", readable(10000));
		next(NULL, 0);
	}''', cc)
    assert b.file('out', 20).splitlines() == ['parent 1', 'child 1', '1 root body=1:2', 'parent 1', '1 root body=1:1', 'quiet 0', 'parent 1',
                                              '1 root body=1:3']


def test_a_connection_that_was_closed_meanwhile_is_made_anew_before_a_request_goes_over_it(box, archive):
    b = client(box, archive, POLLED + r'''
	int main(void)
	{
		s = sysg_open(NULL);
		say("before", sysg_send(s, "self", "1", 1, 0));
		cut();
		say("send", sysg_send(s, "self", "2", 1, 0));
		cut();
		next(NULL, 0);
		next(NULL, 0);
	}''')
    assert b.file('out', 20).splitlines() == ['before: ok', 'send: ok', '1 root body=1:1', '1 root body=1:2']


@pytest.mark.parametrize('cc', CCS)
def test_when_the_supervisor_goes_each_call_says_so_and_the_descriptor_does_not_spin(box, archive, cc):
    b = box(argv=['sleep', '1000'])
    build(b.home, archive, POLLED + r'''
	static void *waits(void *arg)
	{
		say("waiting", sysg_wait(s, "kid", -1, NULL));
		return NULL;
	}
	int main(int argc, char **argv)
	{
		pthread_t t;
		char *big = pattern(1 << 20);
		setsid();
		s = sysg_open(NULL);
		fd = sysg_fd(s);
		sysg_spawn(s, &(struct sysg_spawn){ .argv = long_one, .name = "kid" }, NULL);
		pthread_create(&t, NULL, waits, NULL);
		puts("up");
		fflush(stdout);
		printf("readable %d\n", readable(60000));
		say("recv", next(NULL, 0));
		pthread_join(t, NULL);
		printf("silent %d\n", readable(0));
		say("send", sysg_send(s, "self", big, 1 << 20, -1));
		say("spawn", sysg_spawn(s, &(struct sysg_spawn){ .argv = one }, NULL));
		say("call", sysg_call(s, "kid", "x", 1, -1, NULL));
		say("again", next(NULL, -1));
		say("another", sysg_open(NULL) ? 0 : -1);
		puts("over");
		fflush(stdout);
	}''', cc)
    b.write_manifest('services: {root: {command: "./c >said 2>&1 & exec sleep 1000", spawn: {mode: dynamic}}}')
    assert b.sysg('start', '--daemonize').returncode == 0
    until(lambda: 'up' in b.peek('said'), 20)
    b.exec('kill', '-9', str(b.status_json()['supervisor']['pid']))
    until(lambda: 'over' in b.peek('said'), 20, why=lambda: b.peek('said'))
    said = dict(l.split(': ', 1) for l in b.peek('said').splitlines() if ': ' in l)
    assert said['waiting'].startswith('ECONNRESET SG0205'), said
    for name in ('recv', 'send', 'spawn', 'call', 'again', 'another'):
        assert said[name].startswith('ECONNREFUSED SG0206'), (name, said)
    assert 'readable 1' in b.peek('said') and 'silent 0' in b.peek('said')
