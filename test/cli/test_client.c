#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/caps.h"
#include "cli/client.h"
#include "cli/seek.h"

/* A supervisor of one script: for each accepted connection one answer. */
enum answer {
	ANSWER_OK,
	ANSWER_BUSY,
	ANSWER_NOTHING,
	ANSWER_HANG_UP,
	ANSWER_ROWS,
	ANSWER_NONSENSE
};

static struct {
	int fd, accepted;
	enum answer script[16];
	pthread_t thread;
	size_t received;
	char path[80];
} fake;

static void reply(int fd, const char *bytes, size_t n)
{
	(void)!send(fd, bytes, n, MSG_NOSIGNAL); /* the client may have gone */
}

#define say(fd, bytes) reply(fd, bytes, sizeof(bytes))

static void take_request(int fd)
{
	static char bytes[CAP_PACKET];
	struct assembly a;
	struct packet p, whole;
	struct err err;
	int rc = 0;

	assembly_init(&a);
	while (rc == 0) {
		ssize_t n = recv(fd, bytes, sizeof bytes, 0);
		if (n <= 0)
			break;
		cr_assert_eq(packet_parse(&p, bytes, (size_t)n), 0);
		rc = assembly_add(&a, &p, &whole, &err);
	}
	fake.received = assembly_bytes(&a);
	assembly_done(&a);
}

static void answer(int fd, enum answer what)
{
	if (what == ANSWER_BUSY) {
		say(fd, "ok=0\0err=busy\0code=SG0833\0msg=full\0");
		return;
	}
	take_request(fd);
	if (what == ANSWER_OK)
		say(fd, "ok=1\0pid=7\0");
	if (what == ANSWER_NONSENSE)
		say(fd, "hello");
	if (what == ANSWER_NOTHING)
		(void)recv(fd, (char[1]){ 0 }, 1, 0);
	if (what == ANSWER_ROWS) {
		say(fd, "ok=1\0row=a\0");
		say(fd, "ok=1\0row=b\0");
		say(fd, "ok=1\0end=1\0");
	}
}

static void *serve(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(fake.fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		answer(fd, fake.script[fake.accepted++]);
		close(fd);
	}
}

static void start(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(fake.path, sizeof fake.path, "/tmp/sysg-test-client.%d", (int)getpid());
	strcpy(un.sun_path, fake.path);
	fake.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(fake.fd, (struct sockaddr *)&un, sizeof un), 0);
	cr_assert_eq(listen(fake.fd, 4), 0);
	pthread_create(&fake.thread, NULL, serve, NULL);
}

static void stop(void)
{
	shutdown(fake.fd, SHUT_RDWR);
	pthread_join(fake.thread, NULL);
	unlink(fake.path);
}

static struct client c;
static struct packet got;
static struct err err;

static int ask(size_t body)
{
	static char bytes[CAP_REQUEST];
	struct buf b;

	buf_init(&b, CAP_REQUEST + 1);
	packet_put(&b, "op", "ping");
	packet_end(&b, bytes, body);
	int rc = client_ask(&c, &b, &got, &err);
	buf_done(&b);
	return rc;
}

static void begin(enum answer a, enum answer b, enum answer d)
{
	fake.script[0] = a;
	fake.script[1] = b;
	fake.script[2] = d;
	client_init(&c, fake.path);
}

Test(client, an_answer_comes_back, .init = start, .fini = stop)
{
	begin(ANSWER_OK, ANSWER_OK, ANSWER_OK);
	cr_assert_eq(ask(0), 1, "%s", err.msg);
	cr_expect_str_eq(packet_get(&got, "pid"), "7");
	cr_expect_str_eq(c.where, fake.path);
	client_done(&c);
}

Test(client, a_request_of_two_mebibytes_is_sent_in_packets_and_a_byte_more_is_refused,
	.init = start, .fini = stop)
{
	begin(ANSWER_OK, ANSWER_OK, ANSWER_OK);
	cr_assert_eq(ask(CAP_REQUEST - sizeof "op=ping"), 1, "%s", err.msg);
	cr_expect_eq(fake.received, CAP_REQUEST);
	client_done(&c);
	client_init(&c, fake.path);
	cr_assert_eq(ask(CAP_REQUEST - sizeof "op=ping" + 1), -1);
	cr_expect_eq(err.code, ERR_TOO_LARGE);
	client_done(&c);
}

Test(client, a_busy_supervisor_is_asked_again, .init = start, .fini = stop)
{
	begin(ANSWER_BUSY, ANSWER_BUSY, ANSWER_OK);
	cr_assert_eq(ask(0), 1, "%s", err.msg);
	cr_expect_eq(fake.accepted, 3);
	client_done(&c);
}

Test(client, silence_within_the_patience_is_no_answer, .init = start, .fini = stop)
{
	begin(ANSWER_NOTHING, ANSWER_OK, ANSWER_OK);
	c.patience_ns = 200 * NS_PER_MS;
	int64_t before = clock_mono_ns();
	cr_assert_eq(ask(0), -1);
	cr_expect_eq(err.code, ERR_NO_ANSWER);
	cr_expect_not(c.lost);
	cr_expect_eq(client_status(&c, &err), 3);
	cr_expect_lt(clock_mono_ns() - before, NS_PER_SEC);
	client_done(&c);
}

Test(client, a_slow_answer_is_waited_for_only_while_somebody_answers_a_ping, .init = start,
	.fini = stop)
{
	begin(ANSWER_NOTHING, ANSWER_OK, ANSWER_OK);
	c.slow = true;
	c.patience_ns = 200 * NS_PER_MS;
	int64_t before = clock_mono_ns();
	cr_assert_eq(ask(0), -1, "the one thread of the fake is held by the first connection");
	cr_expect_eq(err.code, ERR_NO_ANSWER);
	cr_expect_geq(clock_mono_ns() - before, 200 * NS_PER_MS);
	client_done(&c);
}

Test(client, a_lost_connection_is_status_17, .init = start, .fini = stop)
{
	begin(ANSWER_HANG_UP, ANSWER_NONSENSE, ANSWER_OK);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ask(0), -1);
		cr_expect(c.lost);
		cr_expect_eq(client_status(&c, &err), 17);
		client_done(&c);
		client_init(&c, fake.path);
	}
}

Test(client, rows_come_until_the_end, .init = start, .fini = stop)
{
	begin(ANSWER_ROWS, ANSWER_OK, ANSWER_OK);
	cr_assert_eq(ask(0), 1);
	cr_expect_str_eq(packet_get(&got, "row"), "a");
	cr_assert_eq(client_next(&c, &got, &err), 1);
	cr_expect_str_eq(packet_get(&got, "row"), "b");
	cr_assert_eq(client_next(&c, &got, &err), 0);
	client_done(&c);
}

Test(client, nobody_there_is_sg0206_and_status_3)
{
	client_init(&c, "/tmp/sysg-test-no-such-socket");
	cr_assert_eq(ask(0), -1);
	cr_expect_eq(err.code, ERR_NO_SUPERVISOR);
	cr_expect_eq(client_status(&c, &err), 3);
	cr_expect(strstr(err.msg, "no supervisor is running"));
	cr_expect(strstr(err.help, "sysg start"));
	client_done(&c);
}

Test(client, the_socket_of_the_environment_is_the_only_one_tried_when_set, .init = start,
	.fini = stop)
{
	begin(ANSWER_OK, ANSWER_OK, ANSWER_OK);
	c.socket = NULL;
	setenv("SYSG_SOCKET", fake.path, 1);
	cr_assert_eq(ask(0), 1, "%s", err.msg);
	client_done(&c);
	client_init(&c, NULL);
	setenv("SYSG_SOCKET", "/tmp/sysg-test-no-such-socket", 1);
	cr_assert_eq(ask(0), -1);
	cr_expect(strstr(err.msg, "/tmp/sysg-test-no-such-socket"));
	client_done(&c);
}

Test(client, an_abstract_socket_is_believed_of_its_own_user_beside_it_too)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char name[64], where[SEEK_PATH + 8];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int n = snprintf(name, sizeof name, "@sysg/test-%d", (int)getpid());

	memcpy(un.sun_path + 1, name + 1, (size_t)n - 1);
	cr_assert_eq(
		bind(fd, (struct sockaddr *)&un, (socklen_t)(sizeof(sa_family_t) + (size_t)n)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	fd = seek_connect(name, where, &err);
	cr_expect_geq(fd, 0, "its owner is this process, which is not above itself: %s", err.msg);
}

Test(client, a_runtime_directory_in_tmp_counts_only_when_it_is_its_users_own)
{
	char dir[SEEK_PATH], want[SEEK_PATH];
	struct stat st;

	snprintf(want, sizeof want, "/tmp/sysg-%u", geteuid());
	if (lstat(want, &st) == 0)
		want[0] = '\0'; /* somebody uses it: not to be touched */
	else
		cr_assert_eq(mkdir(want, 0700), 0);
	cr_expect_eq(seek_runtime_dir(3, dir), 0);
	if (want[0]) {
		cr_expect_str_eq(dir, want);
		cr_assert_eq(chmod(want, 0777), 0);
		cr_expect_eq(seek_runtime_dir(3, dir), 0);
		cr_expect_str_eq(dir, "");
		rmdir(want);
	}
	cr_expect_eq(seek_runtime_dir(99, dir), -1);
}

Test(client, the_parent_is_read_behind_the_last_bracket)
{
	cr_expect_eq(seek_parent(getpid()), getppid());
	cr_expect_eq(seek_parent(-1), 0);
}
