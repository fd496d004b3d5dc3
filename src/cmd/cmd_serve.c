/* HTTP, read only: one process, one poll loop. It waits for no client and for no supervisor. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/http.h"
#include "cli/look.h"
#include "cli/prom.h"
#include "cli/report.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "manifest/types.h"
#include "os/net.h"

// clang-format off
static const struct option_row options[] = {
	{ "listen", 0, ARG_STRING, .value = "ADDR:PORT", .help = "127.0.0.1:9100, [::1]:9100, localhost:9100, :9100 (every address)" },
	OPT_SOCKET,
	OPTS_VERBOSE,
};
// clang-format on

static const char notes[] =
	"/livez and /readyz as `sysg health` and `ready`, 200 or 503; /metrics; /status, the JSON "
	"of\n"
	"`sysg status`; / a page of it. A unit shows what it has `status` over, and itself: a "
	"service\n"
	"has request_capabilities: [\"status:**\"] for all. Nothing of it changes anything.\n";

enum { CONNS = 64, DRAIN = 4096 };
#define READ_NS   (10 * NS_PER_SEC) /* for the head of a request, from the connection on */
#define LEAST_NS  (100 * NS_PER_MS) /* of that, whoever else asks */
#define WRITE_NS  (10 * NS_PER_SEC) /* for the whole of an answer to be taken */
#define LINGER_NS (2 * NS_PER_SEC)  /* for the peer to have read it */
#define AGAIN_NS  NS_PER_SEC        /* after there was no descriptor for a connection */

enum what { LIVEZ, READYZ, METRICS, STATUS, PAGE, WHATS };
static const char *const paths[] = { "/livez", "/readyz", "/metrics", "/status", "/" };

/* What several may be sent. */
struct body {
	unsigned refs;
	int status;
	const char *type;
	struct buf text;
};

/* WAITING: for the next look to begin; LOOKING: for the one under way. */
enum stage { FREE, READING, WAITING, LOOKING, WRITING, LINGERING };

struct client_conn {
	int fd;
	enum stage stage;
	int64_t until_ns; /* then it is closed; 0: the look has its own bound */
	size_t got, sent;
	struct http_asked asked;
	enum what what;
	struct body *body;
	struct buf head;
	char in[HTTP_HEAD_MAX];
};

struct server {
	int listener;
	int64_t deaf_until_ns;
	struct look look;
	struct client_conn conns[CONNS];
};

static volatile sig_atomic_t told_to_end;

static void end(int sig)
{
	(void)sig;
	told_to_end = 1;
}

/* --- answers --- */

static struct body *body_new(int status, const char *type)
{
	struct body *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->status = status;
	b->type = type;
	buf_init(&b->text, OUT_MAX);
	return b;
}

static void body_unref(struct body *b)
{
	if (!b || --b->refs)
		return;
	buf_done(&b->text);
	free(b);
}

static void put_page(struct buf *out, const struct rows *rows)
{
	struct buf text;

	buf_init(&text, OUT_MAX);
	(void)buf_adds(&text, "");
	(void)report_table(&text, rows, false, false);
	(void)buf_addc(&text, '\n');
	(void)report_tree(&text, rows, false, false);
	(void)buf_adds(out, "<!DOCTYPE html><html lang=en><meta charset=utf-8><meta "
			    "http-equiv=refresh content=5>"
			    "<meta name=viewport content=\"width=device-width\"><title>sysg</title>"
			    "<style>:root{color-scheme:light dark}</style><pre>");
	http_put_escaped(out, text.p ? text.p : "", text.len);
	(void)buf_adds(out, "</pre></html>\n");
	buf_done(&text);
}

/* After a look. NULL: no memory. */
static struct body *answer(const struct look *l, enum what what)
{
	static const char *const types[] = { "text/plain; charset=utf-8",
		"text/plain; charset=utf-8", PROM_TYPE, "application/json",
		"text/html; charset=utf-8" };
	bool probe = what <= READYZ,
	     well = probe ? l->probe[what].known && l->probe[what].yes : l->err.code == ERR_OK;
	struct body *b =
		body_new(well ? 200 : 503, well || what == STATUS ? types[what] : types[LIVEZ]);

	if (!b)
		return NULL;
	if (probe && l->probe[what].known)
		(void)buf_printf(&b->text, "%s\n", l->probe[what].why);
	else if (!well && what == STATUS)
		report_json_error(&b->text, &l->err);
	else if (!well)
		(void)buf_printf(&b->text, "SG%04d: %s\n", (int)l->err.code, l->err.msg);
	else if (what == METRICS)
		prom_put(&b->text, &l->rows);
	else if (what == STATUS)
		report_json(&b->text, &l->rows);
	else
		put_page(&b->text, &l->rows);
	return b;
}

/* --- connections --- */

static void hang_up(struct client_conn *c)
{
	(void)close(c->fd);
	c->fd = -1;
	c->stage = FREE;
	buf_done(&c->head);
	body_unref(c->body);
	c->body = NULL;
}

static void begin_answer(struct client_conn *c, struct body *b)
{
	if (!b || b->text.failed) {
		if (b)
			b->refs++;
		body_unref(b);
		hang_up(c);
		return;
	}
	b->refs++;
	c->body = b;
	c->stage = WRITING;
	c->sent = 0;
	c->until_ns = clock_mono_ns() + WRITE_NS;
	buf_init(&c->head, HTTP_HEAD_MAX);
	http_put_head(&c->head, b->status, b->type, b->text.len);
}

static void refuse(struct client_conn *c, int status, const char *why)
{
	struct body *b = body_new(status, "text/plain; charset=utf-8");

	if (b)
		(void)buf_adds(&b->text, why);
	begin_answer(c, b);
}

static void asked(struct client_conn *c, int status)
{
	c->stage = WAITING;
	c->until_ns = 0;
	if (status == 400)
		refuse(c, status, "that is no request\n");
	else if (status == 431)
		refuse(c, status, "the request is too long\n");
	else if (status == 405)
		refuse(c, status, "read only\n");
	for (int i = 0; status == 200 && i < WHATS; i++)
		if (strcmp(c->asked.path, paths[i]) == 0) {
			c->what = (enum what)i;
			return;
		}
	if (status == 200)
		refuse(c, 404, "/livez /readyz /metrics /status\n");
}

static void read_some(struct client_conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->got, sizeof c->in - c->got, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	c->got += (size_t)n;
	size_t length = http_head_length(c->in, c->got);
	if (length)
		asked(c, http_parse(c->in, length, &c->asked));
	else if (c->got == sizeof c->in)
		asked(c, 431);
}

/* What the peer sends still is read and forgotten, as closing before would take the answer back. */
static void write_some(struct client_conn *c)
{
	size_t whole = c->head.len + (c->asked.head ? 0 : c->body->text.len);

	while (c->sent < whole) {
		bool head = c->sent < c->head.len;
		const struct buf *b = head ? &c->head : &c->body->text;
		size_t at = head ? c->sent : c->sent - c->head.len;
		ssize_t n =
			send(c->fd, b->p + at, b->len - at, MSG_NOSIGNAL | (head ? MSG_MORE : 0));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			hang_up(c);
			return;
		}
		c->sent += (size_t)n;
	}
	(void)shutdown(c->fd, SHUT_WR);
	c->stage = LINGERING;
	c->until_ns = clock_mono_ns() + LINGER_NS;
}

static void drain(struct client_conn *c)
{
	char bytes[DRAIN];
	ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		hang_up(c);
}

/* A place for a new one: where all are taken, that of who has been asking for longest. NULL: all are being answered, or have
 * just come. */
static struct client_conn *place(struct server *s)
{
	int64_t old = clock_mono_ns() + READ_NS - LEAST_NS;
	struct client_conn *oldest = NULL;

	for (struct client_conn *c = s->conns; c < s->conns + CONNS; c++) {
		if (c->stage == FREE)
			return c;
		if ((c->stage == READING || c->stage == LINGERING) && c->until_ns < old &&
			(!oldest || c->until_ns < oldest->until_ns))
			oldest = c;
	}
	return oldest;
}

static void take_conn(struct server *s)
{
	struct client_conn *c = place(s);
	int fd = c ? accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;

	if (fd < 0) {
		if (c &&
			(errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			s->deaf_until_ns = clock_mono_ns() + AGAIN_NS;
		return;
	}
	if (c->stage != FREE)
		hang_up(c);
	c->fd = fd;
	c->stage = READING;
	c->got = 0;
	c->asked.head = false;
	c->until_ns = clock_mono_ns() + READ_NS;
}

/* --- the loop --- */

static void looked(struct server *s)
{
	struct body *made[WHATS] = { NULL };

	for (struct client_conn *c = s->conns; c < s->conns + CONNS; c++) {
		if (c->stage != LOOKING)
			continue;
		if (!made[c->what] && (made[c->what] = answer(&s->look, c->what)))
			made[c->what]->refs++;
		begin_answer(c, made[c->what]);
	}
	for (int i = 0; i < WHATS; i++)
		body_unref(made[i]);
}

/* Whoever asks while a look is under way waits for the next, so that it is told nothing that was so before it asked. */
static void begin_look(struct server *s)
{
	enum look_step from = LOOK_OVER, last = LOOK_HEALTH;

	for (struct client_conn *c = s->conns; !s->look.busy && c < s->conns + CONNS; c++) {
		enum look_step step = c->what < METRICS ? (enum look_step)c->what : LOOK_STATUS;
		if (c->stage != WAITING)
			continue;
		c->stage = LOOKING;
		from = step < from ? step : from;
		last = step > last ? step : last;
	}
	if (from == LOOK_OVER)
		return;
	look_begin(&s->look, from, last);
	if (!s->look.busy)
		looked(s);
}

static void go_on(struct client_conn *c, short events, int64_t now)
{
	if (c->stage == READING && events)
		read_some(c);
	else if (c->stage == WRITING && events)
		write_some(c);
	else if (c->stage == LINGERING && events)
		drain(c);
	else if (c->stage != FREE && events & (POLLERR | POLLHUP))
		hang_up(c);
	if (c->stage != FREE && c->until_ns && now >= c->until_ns)
		hang_up(c);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return b && b < a ? b : a;
}

static void turn(struct server *s, const sigset_t *mask)
{
	static const short wants[] = {
		[READING] = POLLIN, [WRITING] = POLLOUT, [LINGERING] = POLLIN
	};
	struct pollfd p[CONNS + 2];
	int64_t now = clock_mono_ns(), until = INT64_MAX;
	bool deaf = now < s->deaf_until_ns || !place(s);

	begin_look(s);
	for (size_t i = 0; i < CONNS; i++) {
		const struct client_conn *c = &s->conns[i];
		p[i] = (struct pollfd){ .fd = c->fd, .events = wants[c->stage] };
		if (c->stage != FREE)
			until = earlier(until, c->until_ns);
	}
	p[CONNS] = (struct pollfd){ .fd = deaf ? -1 : s->listener, .events = POLLIN };
	p[CONNS + 1] = (struct pollfd){ .fd = look_fd(&s->look), .events = POLLIN };
	if (s->look.busy)
		until = earlier(until, s->look.until_ns);
	if (deaf)
		until = earlier(until, now + LEAST_NS);
	int64_t left = until > now ? until - now : 0;
	struct timespec ts = { .tv_sec = left / NS_PER_SEC, .tv_nsec = left % NS_PER_SEC };
	if (ppoll(p, CONNS + 2, until == INT64_MAX ? NULL : &ts, mask) < 0)
		return;
	now = clock_mono_ns();
	for (size_t i = 0; i < CONNS; i++)
		go_on(&s->conns[i], p[i].revents, now);
	if (s->look.busy && look_go_on(&s->look))
		looked(s);
	if (p[CONNS].revents)
		take_conn(s);
}

/* Before anybody can connect: who could may end it. */
static void hear_the_end(sigset_t *ret_mask)
{
	struct sigaction on_end = { .sa_handler = end };
	sigset_t ends;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, ret_mask);
	(void)sigaction(SIGTERM, &on_end, NULL);
	(void)sigaction(SIGINT, &on_end, NULL);
}

static int serve(const struct args *args, int listener, const sigset_t *mask)
{
	struct server *s = calloc(1, sizeof *s);
	struct err err;

	if (!s) {
		(void)err_no_memory(&err);
		return cmd_fail(args, NULL, &err);
	}
	s->listener = listener;
	look_init(&s->look, args_str(args, "socket"), NULL);
	for (size_t i = 0; i < CONNS; i++)
		s->conns[i].fd = -1;
	while (!told_to_end)
		turn(s, mask);
	for (size_t i = 0; i < CONNS; i++)
		if (s->conns[i].stage != FREE)
			hang_up(&s->conns[i]);
	look_done(&s->look);
	free(s);
	return 0;
}

/* The socket that listens there. -1: err. */
static int open_listener(const char *text, struct err *err)
{
	const char *host = "", *why = "";
	char name[256] = "", copy[300];
	size_t n = 0;
	int port;

	(void)snprintf(copy, sizeof copy, "%s%s", *text == ':' ? "0.0.0.0" : "", text);
	if (strlen(text) > sizeof name || type_hostport(copy, &host, &n, &port, &why) < 0) {
		err_set(err, ERR_BAD_VALUE, 0, "--listen %.200s: %s", text, why);
		err_help(err, "--listen 127.0.0.1:9100, or :9100 for every address; a port is 1 to "
			      "65535");
		return -1;
	}
	if (*text != ':')
		(void)snprintf(name, sizeof name, "%.*s", (int)n, host);
	if (*name && type_host_is_name(name))
		return err_set(
			err, ERR_BAD_VALUE, 0, "--listen %.200s: an address, or localhost", text);
	int fd = net_listen(name, port);
	if (fd >= 0)
		return fd;
	int sys = errno;
	err_sys(err, sys == EADDRINUSE ? ERR_PORT_TAKEN : ERR_UNKNOWN, sys, "--listen %.200s",
		text);
	if (sys == EACCES)
		err_help(err, "ports below 1024 are for root and CAP_NET_BIND_SERVICE; take a "
			      "higher one");
	return -1;
}

static int run(const struct args *args)
{
	const char *text = args_str(args, "listen");
	sigset_t mask;
	struct err err;
	int fd = -1;

	hear_the_end(&mask);
	if (!text) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0, "serve needs --listen ADDR:PORT");
		(void)err_help(&err, "sysg serve --listen 127.0.0.1:9100");
	} else {
		fd = open_listener(text, &err);
	}
	if (fd < 0)
		return cmd_fail(args, NULL, &err);
	log_line(LOG_INFO, "serving at %s", text);
	return serve(args, fd, &mask);
}

extern const struct command cmd_serve;
const struct command cmd_serve = {
	.name = "serve",
	.summary = "health, metrics and status by HTTP, read only",
	.usage = "[OPTIONS] --listen ADDR:PORT",
	.options = options,
	.words = ARGS_NONE,
	.notes = notes,
	.run = run,
};
