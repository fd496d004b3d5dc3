#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/units.h"
#include "cmd/command.h"
#include "cmd/common.h"

enum { OWN_FAILURE = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127, DIRECTORY = 4096 };

// clang-format off
static const struct option_row options[] = {
	{ "name", 0, ARG_STRING, .value = "NAME", .help = "%n in it is the unit's number; taken: .NUMBER is appended" },
	{ "unique", 0, ARG_NONE, .help = "refuse when the name is taken" },
	{ "ttl", 0, ARG_DURATION, .value = "DURATION", .help = "it is stopped after it: 3600, 90s, 2h" },
	{ "env", 0, ARG_LIST, .value = "K=V", .help = "a variable on top of the caller's environment" },
	{ "cwd", 0, ARG_STRING, .value = "DIR", .help = "its working directory (the caller's)" },
	{ "limit", 0, ARG_LIST, .value = "KEY=N", .help = "a lower limit for its own tree: children, depth, descendants, ..." },
	{ "policy", 0, ARG_STRING, .value = "drain|cascade|reparent|orphan", .help = "what becomes of its children when it ends" },
	{ "on-exit", 0, ARG_LIST, .value = "RULE", .help = "none, restart (unless it was told to end), restart-on-failure, send:TARGET:TEXT or @FILE" },
	{ "no-spawn", 0, ARG_NONE, .help = "it may not spawn" },
	{ "request", 0, ARG_LIST, .value = "CAP[?]", .help = "a right that it gets, as stop:UNIT; with ? it is done without" },
	{ "grant", 0, ARG_LIST, .value = "UNIT[=VERB,...]", .help = "what that unit may do to it (message)" },
	{ "public", 0, ARG_NONE, .help = "any unit may send it messages" },
	{ "parent", 0, ARG_STRING, .group = 2, .value = "UNIT", .help = "whose child it is (the caller's)" },
	{ "wait", 0, ARG_NONE, .childs_status = true,
		.help = "stay until it is gone, exit as it did; own failures are 125, 126, 127" },
	{ "queue", 0, ARG_OPTIONAL, .value = "DURATION", .help = "wait for room, so long at most (for ever)" },
	{ "attach", 0, ARG_NONE, .childs_status = true,
		.help = "it gets this command's own 0, 1, 2, INT and TERM; implies --wait" },
	{ "bind", 0, ARG_NONE, .childs_status = true, .help = "it is stopped when this command ends; implies --wait" },
	{ "print", 0, ARG_CHOICE, .group = 1, .value = "pid|id|name|json", .help = "what is printed (pid; nothing with --wait)" },
	{ "json", 0, ARG_NONE, .group = 1, .help = "the same as --print json" },
	{ "format", 0, ARG_CHOICE, .group = 1, .value = "json", .help = "the same as --print json" },
	OPT_SOCKET,
	OPTS_VERBOSE,
};
// clang-format on

/* --- request --- */

/* A relative directory is the caller's; the init has another one. */
static int put_cwd(struct buf *b, const struct args *args, struct err *err)
{
	const char *own = args_str(args, "cwd");
	char here[DIRECTORY];

	if (own && *own == '/') {
		packet_put(b, "cwd", own);
	} else {
		if (!getcwd(here, sizeof here) || *here != '/')
			return err_sys(
				err, ERR_UNKNOWN, errno, "the working directory can't be told");
		if (own)
			packet_putf(b, "cwd", "%s/%s", here, own);
		else
			packet_put(b, "cwd", here);
	}
	if (own)
		packet_put(b, "own_cwd", "1");
	return 0;
}

static int put_env(struct buf *b, const struct args *args, struct err *err)
{
	const char *var;

	for (char **e = environ; e && *e; e++)
		packet_put(b, "env", *e);
	for (size_t i = 0; (var = args_list(args, "env", i)); i++) {
		const char *eq = strchr(var, '=');

		if (!eq || eq == var)
			return err_set(err, ERR_BAD_VALUE, 0,
				"--env %.100s: not of the form NAME=VALUE", var);
		packet_put(b, "set_env", var);
	}
	return 0;
}

static void put_flag(struct buf *b, const struct args *args, const char *option, const char *field)
{
	if (args_has(args, option))
		packet_put(b, field, "1");
}

static void put_text(struct buf *b, const struct args *args, const char *option)
{
	if (args_str(args, option))
		packet_put(b, option, args_str(args, option));
}

static void put_list(struct buf *b, const struct args *args, const char *option)
{
	const char *value;

	for (size_t i = 0; (value = args_list(args, option, i)); i++)
		packet_put(b, option, value);
}

static int add_file(struct buf *b, const char *path, struct err *err)
{
	char part[4096];
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	while (fd >= 0 && rc == 0 && (n = read(fd, part, sizeof part)) > 0)
		rc = buf_add(b, part, (size_t)n);
	if (n < 0)
		err_sys(err, ERR_BAD_VALUE, errno, "--on-exit: %.200s", path);
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0; /* too much is seen by its length */
}

/* A message goes behind the bodies of those before it; every other rule is the supervisor's to read. */
static int put_on_exit(struct buf *b, struct buf *bodies, const char *rule, struct err *err)
{
	const char *target = rule + 5,
		   *text = strncmp(rule, "send:", 5) == 0 ? strchr(target, ':') : rule;
	size_t before = bodies->len;

	if (text == rule) {
		packet_put(b, "on_exit", rule);
		return 0;
	}
	if (!text || text == target) {
		err_set(err, ERR_BAD_VALUE, 0, "--on-exit %.100s: no message", rule);
		return err_help(err, "write send:TARGET:TEXT or send:TARGET:@FILE");
	}
	if (text[1] != '@')
		(void)buf_adds(bodies, text + 1);
	else if (add_file(bodies, text + 2, err) < 0)
		return -1;
	if (bodies->failed || bodies->len - before > CAP_WILL)
		return err_set(err, ERR_TOO_LARGE, 0,
			"--on-exit %.100s: more than %d bytes, or than %d messages", rule, CAP_WILL,
			CAP_WILLS);
	packet_putf(b, "will", "%zu:%.*s", bodies->len - before, (int)(text - target), target);
	return 0;
}

static bool stays(const struct args *args)
{
	return args_has(args, "wait") || args_has(args, "attach") || args_has(args, "bind");
}

static int put_queue(struct buf *b, const struct args *args, struct err *err)
{
	const char *text = args_str(args, "queue"), *why;
	int64_t ns = -1;

	if (!args_has(args, "queue"))
		return 0;
	if (text && duration_parse(text, &ns, &why) < 0)
		return err_set(err, ERR_BAD_VALUE, 0, "--queue=%.100s: %s", text, why);
	packet_put_int(b, "queue_ns", ns);
	return 0;
}

static int put_request(struct buf *b, const struct args *args, struct err *err)
{
	const char *rule;
	struct buf bodies;
	int rc = 0;

	packet_put(b, "op", "spawn");
	for (size_t i = 0; i < args->argc; i++)
		packet_put(b, "arg", args->argv[i]);
	if (put_cwd(b, args, err) < 0 || put_env(b, args, err) < 0 || put_queue(b, args, err) < 0)
		return -1;
	put_text(b, args, "name");
	put_flag(b, args, "unique", "unique");
	if (args_has(args, "ttl"))
		packet_put_int(b, "ttl_ns", args_number(args, "ttl", 0));
	put_list(b, args, "limit");
	put_list(b, args, "request");
	put_list(b, args, "grant");
	put_flag(b, args, "public", "public");
	buf_init(&bodies, (size_t)CAP_WILLS * CAP_WILL);
	for (size_t i = 0; rc == 0 && (rule = args_list(args, "on-exit", i)); i++)
		rc = put_on_exit(b, &bodies, rule, err);
	put_text(b, args, "policy");
	put_flag(b, args, "no-spawn", "no_spawn");
	put_text(b, args, "parent");
	if (args_has(args, "parent-pid"))
		packet_put_int(b, "parent_pid", args_number(args, "parent-pid", 0));
	put_flag(b, args, "attach", "attach");
	put_flag(b, args, "bind", "bind");
	if (stays(args))
		packet_put(b, "wait", "1");
	packet_end(b, bodies.p, bodies.len);
	buf_done(&bodies);
	return rc;
}

/* --- reply --- */

static void each_dropped(const struct packet *p, void (*fn)(void *arg, const char *text), void *arg)
{
	const char *at = NULL, *key, *value;
	size_t n;

	while (packet_next(p, &at, &key, &n, &value))
		if (n == 7 && memcmp(key, "dropped", 7) == 0)
			fn(arg, value);
}

static void put_dropped(void *arg, const char *text)
{
	json_str(arg, NULL, text);
}

static void tell_dropped(void *arg, const char *text)
{
	(void)arg;
	log_line(LOG_WARN, "done without %s: the parent does not hold it", text);
}

static void json_reply(struct buf *out, const struct packet *p)
{
	static const char *const words[] = { "id", "name", "path" }, *const numbers[] = { "pid",
		"depth" };
	struct json j = { .out = out };
	struct err err;
	int64_t n;

	json_open(&j, NULL, '{');
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		json_str(&j, words[i], packet_get(p, words[i]));
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (packet_get(p, numbers[i]) &&
			packet_int(p, numbers[i], 0, INT64_MAX, &n, &err) == 0)
			json_int(&j, numbers[i], n);
	json_open(&j, "dropped", '[');
	each_dropped(p, put_dropped, &j);
	json_close(&j, ']');
	json_close(&j, '}');
}

static int show(const struct args *args, const struct packet *p)
{
	const char *what = args_str(args, "print"), *value;
	struct buf out;

	if (!what && args->json)
		what = "json";
	each_dropped(p, tell_dropped, NULL);
	if (!what && stays(args))
		return 0;
	buf_init(&out, OUT_MAX);
	if (what && strcmp(what, "json") == 0)
		json_reply(&out, p);
	else if ((value = packet_get(p, what ? what : "pid")))
		out_clean(&out, value);
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

/* As a shell tells it, where the status is the child's. */
static int fail(const struct args *args, const struct client *c, const struct err *err)
{
	int status = cmd_fail(args, c, err);

	if (status != OWN_FAILURE || (c && c->lost) || err->code != ERR_EXEC_FAILED)
		return status;
	return err->sys == ENOENT || err->sys == ENOTDIR ? NOT_FOUND : NOT_EXECUTABLE;
}

/* --- attached --- */

static volatile sig_atomic_t got;

static void note(int sig)
{
	got = sig;
}

static void hold_signals(int how, sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, before);
}

/* The child itself takes them, and answers to the supervisor by being executed. From here on signals are its own. */
static int attach(struct client *c, struct packet *ret, struct err *err)
{
	struct sigaction act = { .sa_handler = note };

	hold_signals(SIG_BLOCK, NULL);
	hold_signals(SIG_BLOCK, &act.sa_mask); /* one waits until the other is passed on */
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	return client_send_streams(c, err) < 0 || client_next(c, ret, err) < 0 ? -1 : 0;
}

/* That it ends meanwhile is no failure: its end is on the way. */
static void pass_on(const struct client *c, char *id, int sig)
{
	struct client other;
	struct packet reply;
	struct buf b;
	struct err err;

	client_init(&other, c->socket);
	client_begin(&b, "signal", (char *[]){ id, NULL });
	packet_put_int(&b, "signal", sig);
	(void)client_finish(&other, &b, &reply, &err);
	client_done(&other);
}

/* Until there is an answer to read. */
static void pass_signals(const struct client *c, char *id)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	sigset_t free;

	hold_signals(SIG_BLOCK, &free);
	sigdelset(&free, SIGINT);
	sigdelset(&free, SIGTERM);
	while (ppoll(&p, 1, NULL, &free) < 0 && errno == EINTR) {
		int sig = got;

		got = 0;
		if (sig)
			pass_on(c, id, sig);
	}
}

static int ask(const struct args *args, struct client *c, const struct buf *request)
{
	struct packet reply;
	struct err err;
	char id[32];

	if (client_ask(c, request, &reply, &err) < 0 ||
		(packet_get(&reply, "go") && attach(c, &reply, &err) < 0))
		return fail(args, c, &err);
	snprintf(id, sizeof id, "%s", packet_get(&reply, "id") ? packet_get(&reply, "id") : "");
	int written = show(args, &reply);
	if (!stays(args))
		return written;
	/* Whatever became of the printing: the child runs, and its end is waited for. */
	if (args_has(args, "attach"))
		pass_signals(c, id);
	if (client_next(c, &reply, &err) < 0)
		return cmd_fail(args, c, &err);
	return cmd_child_status(&reply);
}

int spawn_run(const struct args *args)
{
	struct client c;
	struct buf request;
	struct err err;
	int status;

	if (!args->argc) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0, "there is no command to spawn");
		(void)err_help(&err, "put it behind --: sysg spawn --name worker -- ./work.sh");
		return cmd_fail(args, NULL, &err);
	}
	cmd_client(&c, args);
	c.slow = true; /* exec on a dead mount takes as long as it takes */
	buf_init(&request, CAP_REQUEST + 1);
	if (put_request(&request, args, &err) < 0)
		status = cmd_fail(args, NULL, &err);
	else
		status = ask(args, &c, &request);
	buf_done(&request);
	client_done(&c);
	return status;
}

extern const struct command cmd_spawn;
const struct command cmd_spawn = {
	.name = "spawn",
	.summary = "makes a managed child of the calling unit",
	.usage = "[OPTIONS] -- COMMAND [ARG...]",
	.options = options,
	.words = ARGS_DASHED,
	.run = spawn_run,
};
