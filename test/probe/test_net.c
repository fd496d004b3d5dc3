#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "os/net.h"
#include "os/usock.h"
#include "probe/http.h"
#include "probing.h"

TestSuite(probe_net, .init = begin, .fini = end, .timeout = 30);

/* --- tcp -------------------------------------------------------------------------------------------- */

static int listener(int family, int *ret_port)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof a6;

	if (fd < 0 ||
		bind(fd, family == AF_INET ? (void *)&a4 : (void *)&a6,
			family == AF_INET ? sizeof a4 : sizeof a6) < 0 ||
		listen(fd, 5) < 0)
		return -1;
	getsockname(fd, (void *)&a6, &n);
	*ret_port = ntohs(a6.sin6_port); /* in the same place for both */
	return fd;
}

Test(probe_net, a_port_that_is_listened_on_is_ready_and_one_that_is_not_is_never)
{
	int fd = listener(AF_INET, &check.port);

	check.host = "127.0.0.1";
	check.target = "127.0.0.1:1";
	start(CHECK_TCP, 30, 1000, 100, 2);
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
	close(fd);
	until(&failing, 2000);
	cr_expect_eq(failing, 1);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING);
	cr_expect_eq(last.sys, ECONNREFUSED);
}

Test(probe_net, localhost_is_its_second_address_too)
{
	if (listener(AF_INET6, &check.port) < 0)
		return; /* a machine without IPv6 has only one */
	check.host = "localhost";
	check.target = "localhost";
	start(CHECK_TCP, 30, 1000, 2000, 1);
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
}

Test(probe_net, a_connection_that_met_itself_is_nobody_s_answer)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (void *)&a, n), 0);
	cr_assert_eq(getsockname(fd, (void *)&a, &n), 0);
	cr_assert_eq(connect(fd, (void *)&a, n), 0, "simultaneous open with itself");
	cr_expect_eq(net_result(fd), ECONNREFUSED);
	close(fd);
}

Test(probe_net, a_connection_to_another_is_one)
{
	struct ip here;
	int port, fd = listener(AF_INET, &port);
	cr_assert(net_address("127.0.0.1", false, &here));
	int c = net_connect(&here, SOCK_STREAM, port);
	struct pollfd p = { .fd = c, .events = POLLOUT };

	cr_assert_geq(c, 0);
	cr_expect_eq(poll(&p, 1, 1000), 1);
	cr_expect_eq(net_result(c), 0);
	close(c);
	close(fd);
	cr_expect(!net_address("example.org", false, &here), "no name is looked up");
}

Test(probe_net, a_host_without_a_second_address_is_told_by_what_the_first_one_said)
{
	close(listener(AF_INET, &check.port)); /* a port that nobody has */
	check.host = check.target = "localhost";
	start(CHECK_TCP, 30, 1000, 50, 1);
	until(&never, 2000);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING);
	cr_expect_eq(last.sys, ECONNREFUSED);
}

Test(probe_net, a_name_is_looked_up_in_a_process_of_its_own)
{
	int fd = listener(AF_INET, &check.port), before = descriptors();

	check.host = check.target = "localhost.localdomain";
	check.named = true;
	start(CHECK_TCP, 30, 2000, 100, 1);
	until(&ready, 5000);
	if (!ready) { /* not every machine has this name */
		cr_expect_eq(last.code, ERR_CHECK_NOTHING, "%s", last.msg);
		cr_expect(strstr(last.msg, "localhost.localdomain"));
	}
	probe = probe_free(probe);
	cr_expect_eq(descriptors(), before);
	close(fd);
}

Test(probe_net, an_address_given_as_a_name_is_reached_by_the_process_too)
{
	int fd = listener(AF_INET, &check.port);

	check.host = check.target = "127.0.0.1";
	check.named = true;
	start(CHECK_TCP, 30, 2000, 100, 1);
	until(&ready, 5000);
	cr_expect_eq(ready, 1, "%s", last.msg);
	close(fd);
	until(&failing, 5000);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING);
	cr_expect_eq(last.sys, ECONNREFUSED);
}

Test(probe_net, a_name_that_nobody_has_is_nothing_there)
{
	check.host = check.target = "no-such-host.invalid";
	check.named = true;
	check.port = 1;
	start(CHECK_TCP, 30, 20000, 50, 1);
	until(&never, 25000);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING, "%s", last.msg);
	cr_expect(strstr(last.msg, "no-such-host.invalid"));
}

Test(probe_net, without_a_descriptor_left_it_is_put_off_and_is_no_failure)
{
	int fd = listener(AF_INET, &check.port), keep = fcntl(0, F_DUPFD, 3);
	struct rlimit old, none;

	check.host = check.target = "127.0.0.1";
	start(CHECK_TCP, 20, 1000, 50, 1);
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = (rlim_t)keep;
	close(keep);
	setrlimit(RLIMIT_NOFILE, &none);
	until(&never, 300);
	setrlimit(RLIMIT_NOFILE, &old);
	cr_expect_eq(never, 0);
	cr_expect_eq(put_off, 1, "said once, %d", put_off);
	cr_expect_eq(probe_failures(probe), 0);
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
	close(fd);
}

/* --- url -------------------------------------------------------------------------------------------- */

static pid_t server_pid;

/* Answers each request with these bytes, one each drip_ms, and then closes, or holds the connection. */
static void serve(const char *bytes, size_t n, int drip_ms, bool hold)
{
	int fd = listener(AF_INET, &check.port);

	server_pid = fork();
	if (server_pid) {
		close(fd);
		return;
	}
	signal(SIGPIPE, SIG_IGN);
	for (int held = -1;;) {
		char request[4096];
		int c = accept(fd, NULL, NULL);
		if (held >= 0)
			close(held);
		held = c;
		if (n && recv(c, request, sizeof request, 0) <= 0)
			continue;
		for (size_t i = 0; i < n; i += drip_ms ? 1 : n) {
			if (send(c, bytes + i, drip_ms ? 1 : n, 0) < 0)
				break;
			poll(NULL, 0, drip_ms);
		}
		if (hold)
			continue;
		close(c);
		held = -1;
	}
}

static void ask_for(const char *what)
{
	check.host = check.target = check.authority = "127.0.0.1";
	check.path = (char *)(uintptr_t)what;
	start(CHECK_URL, 20, 300, 50, 1);
	until(&never, 1);
	for (int i = 0; i < 400 && !ready && !never; i++)
		turn(5 * NS_PER_MS);
	if (server_pid)
		kill(server_pid, SIGKILL);
}

static void answers(const char *bytes)
{
	serve(bytes, strlen(bytes), 0, false);
	ask_for("/");
}

#define HEALTHY(name, bytes)                                                                       \
	Test(probe_net, name)                                                                      \
	{                                                                                          \
		answers(bytes);                                                                    \
		cr_expect_eq(ready, 1, "%s", last.msg);                                            \
	}
#define UNHEALTHY(name, bytes, err_code, words)                                                    \
	Test(probe_net, name)                                                                      \
	{                                                                                          \
		answers(bytes);                                                                    \
		cr_expect_eq(ready, 0);                                                            \
		cr_expect_eq(last.code, err_code, "%s", last.msg);                                 \
		cr_expect(strstr(last.msg, words), "%s", last.msg);                                \
	}

HEALTHY(a_status_of_200_is_healthy, "HTTP/1.1 200 OK\r\n\r\n")
HEALTHY(a_status_without_words_is_one, "HTTP/1.0 204\n")
HEALTHY(a_redirection_is_healthy, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")
HEALTHY(a_status_of_399_is_healthy, "HTTP/1.1 399 x\r\n")
UNHEALTHY(a_status_of_400_is_not, "HTTP/1.1 400 x\r\n", ERR_CHECK_UNHEALTHY,
	"answered 400 Bad Request")
UNHEALTHY(a_status_of_199_is_not, "HTTP/1.1 199 x\r\n", ERR_CHECK_UNHEALTHY, "answered 199")
UNHEALTHY(a_status_of_503_is_said_in_words, "HTTP/1.1 503 No\r\n\r\n", ERR_CHECK_UNHEALTHY,
	"answered 503 Service Unavailable")
UNHEALTHY(what_is_no_http_is_said_so, "SSH-2.0-OpenSSH_9.2\r\n", ERR_CHECK_UNHEALTHY,
	"not by a status line")
UNHEALTHY(a_line_that_is_cut_off_is_said_so, "HTTP/1.1 200", ERR_CHECK_UNHEALTHY,
	"less than a status line")

static void answers_a_line_of(size_t bytes)
{
	char line[600];

	memset(line, 'x', sizeof line);
	memcpy(line, "HTTP/1.1 200 ", 13);
	memcpy(line + bytes - 2, "\r\n", 2);
	serve(line, sizeof line, 0, true);
	ask_for("/");
}

Test(probe_net, a_status_line_of_512_bytes_is_read)
{
	answers_a_line_of(512);
	cr_expect_eq(ready, 1, "%s", last.msg);
}

Test(probe_net, a_status_line_of_513_bytes_is_not)
{
	answers_a_line_of(513);
	cr_expect_eq(ready, 0);
	cr_expect_eq(last.code, ERR_CHECK_UNHEALTHY);
	cr_expect(strstr(last.msg, "more than 512"), "%s", last.msg);
}

Test(probe_net, a_server_that_accepts_and_never_answers_is_too_slow)
{
	serve("", 0, 0, true);
	ask_for("/");
	cr_expect_eq(never, 1);
	cr_expect_eq(last.code, ERR_CHECK_SLOW, "%s", last.msg);
}

Test(probe_net, one_that_answers_a_byte_at_a_time_is_too_slow_when_its_time_is_up)
{
	serve("HTTP/1.1 200 OK\r\n", 17, 50, true);
	ask_for("/");
	cr_expect_eq(never, 1);
	cr_expect_eq(last.code, ERR_CHECK_SLOW, "%s", last.msg);
}

Test(probe_net, one_that_answers_slowly_but_in_time_is_healthy)
{
	serve("HTTP/1.1 200 OK\r\n", 17, 5, true);
	ask_for("/");
	cr_expect_eq(ready, 1, "%s", last.msg);
}

Test(probe_net, one_that_closes_at_once_is_nothing_there)
{
	serve("", 0, 0, false);
	ask_for("/");
	cr_expect_eq(never, 1);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING, "%s", last.msg);
}

Test(probe_net, a_port_that_nobody_has_is_nothing_there)
{
	close(listener(AF_INET, &check.port));
	ask_for("/");
	cr_expect_eq(last.code, ERR_CHECK_NOTHING);
	cr_expect_eq(last.sys, ECONNREFUSED);
}

Test(probe_net, of_an_answer_without_end_a_status_line_is_read)
{
	int fd = listener(AF_INET, &check.port);

	server_pid = fork();
	if (server_pid == 0) {
		static char much[1 << 20] = "HTTP/1.1 200 OK\r\n\r\n";
		size_t sent = 0;
		signal(SIGPIPE, SIG_IGN);
		int c = accept(fd, NULL, NULL);
		for (ssize_t n; (n = send(c, much, sizeof much, 0)) > 0;)
			sent += (size_t)n;
		_exit(sent > (64 << 20)); /* it was cut off long before 64 MiB */
	}
	check.host = check.target = check.authority = "127.0.0.1";
	check.path = "/";
	start(CHECK_URL, 60000, 2000, 50, 1);
	while (!ready && !never)
		(void)loop_wait(loop, 10), (void)loop_run(loop, &(int64_t){ INT64_MAX }),
			wake <= clock_mono_ns() ? probes_run(probes, clock_mono_ns()) : (void)0;
	cr_expect_eq(ready, 1);
	int status = -1;
	cr_expect_eq(waitpid(server_pid, &status, 0), server_pid);
	cr_expect_eq(status, 0);
	close(fd);
}

Test(probe_net, what_is_asked_for_is_one_get_with_its_host)
{
	char buf[HTTP_REQUEST_MAX];
	size_t n = http_request(buf, "[::1]:8080", "/up?x=1");

	cr_expect_eq(n, strlen(buf));
	cr_expect_str_eq(buf,
		"GET /up?x=1 HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent: sysg/" SYSG_VERSION
		"\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

Test(probe_net, the_longest_url_fits_into_a_request)
{
	static char longest[2100], authority[300], buf[HTTP_REQUEST_MAX];

	memset(longest, 'x', 2048);
	memset(authority, 'h', 260);
	http_request(buf, authority, longest);
	cr_expect_str_eq(buf + strlen(buf) - 4, "\r\n\r\n");
}

Test(probe_net, a_status_line_is_of_the_form_of_rfc_9112)
{
	static const struct {
		const char *line;
		int status;
	} lines[] = {
		{ "HTTP/1.1 200 OK\r\n", 200 },
		{ "HTTP/1.0 404\r\n", 404 },
		{ "HTTP/2.0 500\n", 500 },
		{ "HTTP/1.1 999 x\n", 999 },
		{ "HTTP/1.1 099 x\n", -1 },
		{ "HTTP/1.1 2000 x\n", -1 },
		{ "HTTP/1.1 20\r\n", -1 },
		{ "HTTP/1.1 -20 x\n", -1 },
		{ "HTTP/11 200 x\n", -1 },
		{ "http/1.1 200 OK\n", -1 },
		{ "HTTP/1.1  200 OK\n", -1 },
		{ "\n", -1 },
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		cr_expect_eq(http_status(lines[i].line, strlen(lines[i].line)), lines[i].status,
			"%s", lines[i].line);
}

/* --- unix ------------------------------------------------------------------------------------------- */

static int bound(int type, bool listens, int backlog)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	cr_assert_eq(bind(fd, (void *)&sa, sizeof sa), 0);
	if (listens)
		cr_assert_eq(listen(fd, backlog), 0);
	return fd;
}

static void look_for_socket(void)
{
	check.target = "up"; /* below the working directory */
	start(CHECK_UNIX, 20, 500, 50, 1);
	for (int i = 0; i < 400 && !ready && !never; i++)
		turn(5 * NS_PER_MS);
}

/* It stays open as long as the test. */
static void socket_of(int type, bool listens)
{
	static int kept;

	kept = bound(type, listens, 5);
	cr_assert_geq(kept, 0);
}

Test(probe_net, a_stream_socket_that_is_listened_on_is_ready)
{
	int fd = bound(SOCK_STREAM, true, 5);

	look_for_socket();
	cr_expect_eq(ready, 1, "%s", last.msg);
	close(fd);
	until(&failing, 2000);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING);
	cr_expect_eq(last.sys, ECONNREFUSED);
}

Test(probe_net, one_of_packets_is_too)
{
	socket_of(SOCK_SEQPACKET, true);
	look_for_socket();
	cr_expect_eq(ready, 1, "%s", last.msg);
}

Test(probe_net, one_of_datagrams_is_as_soon_as_it_is_bound)
{
	socket_of(SOCK_DGRAM, false);
	look_for_socket();
	cr_expect_eq(ready, 1, "%s", last.msg);
}

Test(probe_net, one_that_is_bound_and_not_listened_on_is_not)
{
	socket_of(SOCK_STREAM, false);
	look_for_socket();
	cr_expect_eq(never, 1);
	cr_expect_eq(last.sys, ECONNREFUSED, "%s", last.msg);
}

Test(probe_net, a_file_that_is_no_socket_is_nothing_there)
{
	close(open(path, O_WRONLY | O_CREAT, 0644));
	look_for_socket();
	cr_expect_eq(never, 1);
	cr_expect_eq(last.code, ERR_CHECK_NOTHING);
}

Test(probe_net, no_file_is_nothing_there)
{
	look_for_socket();
	cr_expect_eq(last.sys, ENOENT);
}

Test(probe_net, a_link_to_a_socket_counts_as_the_socket)
{
	char link[110];

	socket_of(SOCK_STREAM, true);
	snprintf(link, sizeof link, "%s/link", dir);
	cr_assert_eq(symlink(path, link), 0);
	check.target = link;
	start(CHECK_UNIX, 20, 500, 50, 1);
	until(&ready, 2000);
	cr_expect_eq(ready, 1, "%s", last.msg);
}

Test(probe_net, a_full_backlog_is_too_slow)
{
	int fds[8];

	int fd = bound(SOCK_STREAM, true, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	for (int i = 0; i < 8; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (void *)&sa, sizeof sa);
	}
	look_for_socket();
	cr_expect_eq(never, 1);
	cr_expect_eq(last.code, ERR_CHECK_SLOW, "%s", last.msg);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	close(fd);
}

Test(probe_net, a_path_of_108_bytes_is_none_for_a_socket)
{
	char name[200];

	memset(name, 'x', sizeof name);
	name[107] = '\0';
	cr_expect_eq(usock_knock(name), ENOENT);
	name[107] = 'x';
	name[108] = '\0';
	cr_expect_eq(usock_knock(name), ENAMETOOLONG);
}

/* --- on_unhealthy ----------------------------------------------------------------------------------- */

Test(probe_net, one_that_is_left_alone_is_said_failing_once_and_ready_again_once)
{
	int fd = bound(SOCK_STREAM, true, 5);

	check.ignore = true;
	check.target = path;
	start(CHECK_UNIX, 10, 500, 50, 2);
	until(&ready, 2000);
	close(fd);
	until(&failing, 2000);
	cr_expect_eq(failing, 1);
	until(&never, 150);
	cr_expect_eq(failing, 1, "said once");
	cr_expect_gt(probe_failures(probe), 4, "it is still asked");
	(void)unlink(path);
	ready = 0;
	fd = bound(SOCK_STREAM, true, 50);
	until(&ready, 2000);
	cr_expect_eq(ready, 1);
	until(&never, 100);
	cr_expect_eq(ready, 1, "said once");
	failing = 0;
	close(fd);
	until(&failing, 2000);
	cr_expect_eq(failing, 1, "and said again");
}
