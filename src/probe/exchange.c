#include "probe/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/loop.h"
#include "os/net.h"
#include "os/resolve.h"
#include "probe/kind.h"

static enum step nothing(const struct exchange *x, int sys, const char *words, struct err *err)
{
	err_set(err, ERR_CHECK_NOTHING, sys, "its health check found nothing at %s: %s",
		x->check->target, words);
	return STEP_NO;
}

static enum step connect_to(struct exchange *x, struct err *err);

/* What the first address said is what is told: a host without IPv6 has no second one. */
static enum step refused(struct exchange *x, int sys, struct err *err)
{
	exchange_end(x);
	if (x->second) {
		*err = x->first;
		return STEP_NO;
	}
	(void)nothing(x, sys, strerror(sys), err);
	if (strcmp(x->check->host, "localhost") != 0)
		return STEP_NO;
	x->second = true;
	x->first = *err;
	(void)net_address(x->check->host, true, &x->to);
	return connect_to(x, err);
}

static enum step connect_to(struct exchange *x, struct err *err)
{
	x->connected = false;
	x->events = LOOP_OUT;
	x->fd = net_connect(&x->to, SOCK_STREAM, x->check->port);
	if (x->fd >= 0)
		return STEP_WAIT;
	return probe_short_of_means(errno) ? STEP_SHORT : refused(x, errno, err);
}

enum step exchange_begin(
	struct exchange *x, const struct health_check *check, const struct ip *to, struct err *err)
{
	*x = (struct exchange){ .check = check, .fd = -1 };
	if (to)
		x->to = *to;
	else
		(void)net_address(check->host, false, &x->to);
	return connect_to(x, err);
}

void exchange_end(struct exchange *x)
{
	if (x->fd >= 0)
		close(x->fd);
	x->fd = -1;
}

static enum step unhealthy(struct err *err, const char *words)
{
	err_set(err, ERR_CHECK_UNHEALTHY, 0, "its health check %s", words);
	return STEP_NO;
}

static enum step send_request(struct exchange *x, struct err *err)
{
	char request[HTTP_REQUEST_MAX];
	size_t n = http_request(request, x->check->authority, x->check->path);
	ssize_t rc = send(x->fd, request + x->sent, n - x->sent, MSG_NOSIGNAL);

	if (rc < 0 && errno != EAGAIN && errno != EINTR)
		return nothing(x, errno, strerror(errno), err);
	x->sent += rc > 0 ? (size_t)rc : 0;
	x->events = x->sent < n ? LOOP_OUT : LOOP_IN;
	return STEP_WAIT;
}

/* As curl -f has it: anything below 400 will do, and where a redirection leads to isn't looked at. */
static enum step judge(const struct exchange *x, struct err *err)
{
	char words[64], text[96];
	int status = http_status(x->line, x->got);

	if (status >= 200 && status < 400)
		return STEP_YES;
	if (status < 0)
		return unhealthy(err, "was answered, but not by a status line of HTTP");
	snprintf(text, sizeof text, "answered %s", http_words(words, sizeof words, status));
	return unhealthy(err, text);
}

/* Not a byte past the line is asked for, however much there is; the rest goes at the close. */
static enum step read_line(struct exchange *x, struct err *err)
{
	ssize_t n = recv(x->fd, x->line + x->got, sizeof x->line - x->got, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STEP_WAIT;
	if (n < 0)
		return nothing(x, errno, strerror(errno), err);
	if (n == 0)
		return x->got ? unhealthy(err, "was answered by less than a status line")
			      : nothing(x, 0, "the connection was closed without an answer", err);
	x->got += (size_t)n;
	const char *end = memchr(x->line, '\n', x->got);
	if (!end && x->got < sizeof x->line)
		return STEP_WAIT;
	if (!end)
		return unhealthy(err, "was answered by a status line of more than 512 bytes");
	x->got = (size_t)(end - x->line) + 1;
	return judge(x, err);
}

enum step exchange_go(struct exchange *x, struct err *err)
{
	if (!x->connected) {
		int sys = net_result(x->fd);
		if (sys)
			return refused(x, sys, err);
		x->connected = true;
		if (x->check->kind == CHECK_TCP)
			return STEP_YES;
	}
	return x->events == LOOP_OUT ? send_request(x, err) : read_line(x, err);
}

/* --- by name --- */

static enum step attempt(
	struct exchange *x, const struct health_check *check, const struct ip *to, struct err *err)
{
	enum step step = exchange_begin(x, check, to, err);

	while (step == STEP_WAIT) {
		struct pollfd p = { .fd = x->fd, .events = (short)x->events };
		if (poll(&p, 1, -1) > 0)
			step = exchange_go(x, err);
	}
	exchange_end(x);
	return step;
}

enum step exchange_by_name(const struct health_check *check, struct err *err)
{
	struct exchange x = { .check = check };
	struct ips all;
	enum step step = STEP_NO;

	if (!check->named)
		return attempt(&x, check, NULL, err);
	int n = resolve(check->host, &all);
	if (n <= 0)
		return nothing(&x, 0, n < 0 ? "no name server answers" : "no such host", err);
	for (int i = 0; i < n; i++) {
		step = attempt(&x, check, &all.all[i], err);
		if (step != STEP_NO || err->code != ERR_CHECK_NOTHING)
			break;
	}
	return step;
}
