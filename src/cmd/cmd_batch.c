/* batch: requests as lines of JSON, for programs that have no SEQPACKET sockets. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "cli/diag.h"
#include "cli/jsonread.h"
#include "cmd/command.h"
#include "cmd/notice.h"

enum { LINE_MOST = 2 * CAP_REQUEST, DIRECTORY = 4096 };
enum { LOST = 17, PING_MS = 2500 }; /* a connection that says nothing for 5 s is closed */

static const struct option_row options[] = { OPT_SOCKET, OPTS_VERBOSE };

struct batch {
	struct client c;
	bool connected, broken; /* broken: stdout takes no more */
	struct buf in;
	bool skip; /* the rest of a line that was too long */
};

/* --- answers --- */

static bool is_one_of(const char *words, const char *key, size_t n)
{
	for (const char *at = words; (at = strstr(at, " ")) && *++at;)
		if (strncmp(at, key, n) == 0 && at[n] == ' ')
			return true;
	return false;
}

/* As the op's row in the manual says; numbers are numbers, flags are true. */
static void members(struct json *j, const struct packet *p)
{
	static const char numbers[] =
		" pid depth code signal left lost errno failed processes seq ts msgid ";
	static const char flags[] = " ok end will more ", unseen[] = " ok more end ";
	const char *at = NULL, *k, *v;
	int64_t number;
	size_t n;
	struct err err;
	char key[40];

	while (packet_next(p, &at, &k, &n, &v)) {
		if (n >= sizeof key || is_one_of(unseen, k, n))
			continue;
		memcpy(key, k, n);
		key[n] = '\0';
		if (is_one_of(flags, k, n))
			json_bool(j, key, strcmp(v, "1") == 0);
		else if (is_one_of(numbers, k, n) &&
			 packet_int(p, key, INT64_MIN, INT64_MAX, &number, &err) == 0)
			json_int(j, key, number);
		else
			json_str(j, key, v);
	}
	if (p->body_len || packet_get(p, "msgid"))
		notice_body(j, p);
}

static int say(struct batch *b, struct buf *out)
{
	(void)buf_addc(out, '\n');
	if (out_flush(out) < 0)
		b->broken = true;
	buf_done(out);
	return b->broken ? -1 : 0;
}

static int say_error(struct batch *b, const struct err *err)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", false);
	json_open(&j, "error", '{');
	diag_json_fields(&j, err);
	json_close(&j, '}');
	json_close(&j, '}');
	return say(b, &out);
}

/* Of these the answer is rows, and ends with end=1; of a spawn with wait=1 two packets. */
static bool has_rows(const char *op)
{
	return is_one_of(" status stop start restart wait events signal shutdown ", op, strlen(op));
}

/* One line for all packets of an answer: the members of the first, or rows. */
static int say_answer(
	struct batch *b, const char *op, bool waits, struct packet *p, struct err *err)
{
	struct buf out, keep;
	struct json j = { .out = &out };
	bool rows = has_rows(op);
	int rc = 1;

	buf_init(&out, OUT_MAX);
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", true);
	if (!rows) {
		buf_init(&keep, CAP_REQUEST);
		rc = client_whole(&b->c, p, &keep, err);
		if (rc == 0)
			members(&j, p);
		buf_done(&keep);
		if (rc == 0 && waits)
			rc = client_next(&b->c, p, err);
	}
	if (rc >= 0 && (rows || waits)) {
		json_open(&j, "rows", '[');
		for (; rc > 0 && !packet_get(p, "end");
			rc = rows ? client_next(&b->c, p, err) : 0) {
			json_open(&j, NULL, '{');
			members(&j, p);
			json_close(&j, '}');
		}
		json_close(&j, ']');
	}
	if (rc < 0) {
		buf_done(&out);
		return -1;
	}
	if (rows) /* what the last one says of them all */
		members(&j, p);
	json_close(&j, '}');
	return say(b, &out);
}

/* --- requests --- */

/* What a spawn without them gets: ours, as with `sysg spawn`. */
static void put_ours(struct buf *request, bool cwd, bool env)
{
	char here[DIRECTORY];

	if (cwd && getcwd(here, sizeof here) && *here == '/')
		packet_put(request, "cwd", here);
	for (char **e = environ; env && e && *e; e++)
		packet_put(request, "env", *e);
}

static int ask(struct batch *b, struct buf *request, struct packet *ret, struct err *err)
{
	if (b->connected)
		return client_again(&b->c, request, ret, err);
	int rc = client_ask(&b->c, request, ret, err);
	b->connected = rc > 0 ||
		       !(b->c.lost || err->code == ERR_NO_SUPERVISOR || err->code == ERR_NO_ANSWER);
	return rc;
}

static int pass_on(struct batch *b, struct buf *request, struct buf *body, struct err *err)
{
	struct packet p;
	char op[40];

	if (packet_parse(&p, request->p, request->len) < 0)
		return err_set(err, ERR_BAD_REQUEST, 0, "not a request");
	if (packet_get(&p, "follow"))
		return err_set(
			err, ERR_BAD_REQUEST, 0, "an answer without an end is none for batch");
	(void)snprintf(op, sizeof op, "%s", packet_get(&p, "op"));
	bool spawns = strcmp(op, "spawn") == 0, waits = spawns && packet_get(&p, "wait");
	bool cwd = spawns && !packet_get(&p, "cwd"), env = spawns && !packet_get(&p, "env");
	request->len--; /* the end that was put there to read it */
	put_ours(request, cwd, env);
	packet_end(request, body->p, body->len);
	if (ask(b, request, &p, err) < 0)
		return -1;
	return say_answer(b, op, waits, &p, err);
}

/* -1: the connection is lost, or nobody is there; status is what of it is to be said. */
static int serve_line(struct batch *b, const char *line, size_t n, int *status)
{
	struct buf request, body;
	struct err err;

	buf_init(&request, CAP_REQUEST + 1);
	buf_init(&body, CAP_REQUEST);
	int rc = json_read_request(line, n, &request, &body, &err);
	if (rc == 0) {
		packet_end(&request, NULL, 0);
		rc = pass_on(b, &request, &body, &err);
	}
	buf_done(&request);
	buf_done(&body);
	if (rc < 0 && !b->broken)
		(void)say_error(b, &err);
	if (rc < 0 && !b->broken &&
		(b->c.lost || err.code == ERR_NO_SUPERVISOR || err.code == ERR_NO_ANSWER)) {
		*status = client_status(&b->c, &err);
		return -1;
	}
	return b->broken ? -1 : 0;
}

/* Whole lines of what there is; at the end of stdin the rest is one, too. */
static int serve_lines(struct batch *b, bool end, int *status)
{
	struct err err;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && at < b->in.len) {
		const char *line = b->in.p + at, *nl = memchr(line, '\n', b->in.len - at);
		if (!nl && !end)
			break;
		size_t n = nl ? (size_t)(nl - line) : b->in.len - at;
		at += n + (nl != NULL);
		if (!b->skip && strspn(line, " \t\r") < n)
			rc = serve_line(b, line, n, status);
		b->skip = false;
	}
	buf_drop(&b->in, at);
	if (b->in.len <= LINE_MOST)
		return rc;
	buf_done(&b->in);
	if (!b->skip && rc == 0)
		rc = say_error(b, (err_set(&err, ERR_TOO_LARGE, 0, "a line is larger than %d bytes",
					   LINE_MOST),
					  &err));
	b->skip = true;
	return rc;
}

static int keep_alive(struct batch *b)
{
	struct packet reply;
	struct buf request;
	struct err err;

	buf_init(&request, 64);
	packet_put(&request, "op", "ping");
	packet_end(&request, NULL, 0);
	int rc = client_again(&b->c, &request, &reply, &err);
	buf_done(&request);
	return rc < 0 ? say_error(b, &err), -1 : 0;
}

static int run(const struct args *args)
{
	struct batch b = { 0 };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char bytes[16384];
	int status = 0, rc = 0;
	ssize_t n = 1;

	cmd_client(&b.c, args);
	b.c.slow = true;
	buf_init(&b.in, OUT_MAX);
	while (rc == 0 && n > 0) {
		if (b.connected && poll(&in, 1, PING_MS) == 0) {
			rc = keep_alive(&b);
			status = rc < 0 ? LOST : 0;
			continue;
		}
		n = read(STDIN_FILENO, bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0 || (n > 0 && buf_add(&b.in, bytes, (size_t)n) < 0))
			rc = status = 1;
		else
			rc = serve_lines(&b, n == 0, &status);
	}
	if (b.broken && !status)
		status = 1;
	buf_done(&b.in);
	client_done(&b.c);
	return status;
}

extern const struct command cmd_batch;
const struct command cmd_batch = {
	.name = "batch",
	.summary = "takes requests as lines of JSON, answers each with one",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
	.notes = "a request has the fields of the control socket: {\"op\": \"send\", \"unit\": "
		 "\"parent\", \"body\": \"hello\"}",
};
