#include "cmd/order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "cli/diag.h"
#include "cmd/live.h"
#include "cmd/locate.h"

enum { PLACE = 256 };

/* --- who is there --- */

/* The socket that a start would make: NULL where any of the places may be it. */
static const char *socket_of(const struct args *args, char buf[PLACE])
{
	const char *given = args_str(args, "socket"), *set = getenv("SYSG_SOCKET"),
		   *dir = getenv("SYSG_RUNTIME_DIR");

	if (given || (set && *set) || !dir || *dir != '/')
		return given;
	snprintf(buf, PLACE, "%s/control.sock", dir);
	return buf;
}

int order_who(const struct args *args, struct err *err)
{
	char place[PLACE];
	struct client c;
	struct packet reply;
	struct buf request;
	int who = -1;

	client_init(&c, socket_of(args, place));
	client_begin(&request, "whoami", NULL);
	if (client_finish(&c, &request, &reply, err) > 0) {
		const char *cls = packet_get(&reply, "class");
		who = cls && strcmp(cls, "operator") == 0 ? ORDER_OPERATOR
		      : cls && strcmp(cls, "unit") == 0   ? ORDER_UNIT
							  : ORDER_STRANGER;
	} else if (err->code == ERR_NO_SUPERVISOR || c.lost) {
		who = ORDER_NOBODY_THERE;
	}
	client_done(&c);
	return who;
}

/* --- what came of it --- */

struct outcome {
	const char *op;
	bool reload;
	size_t there, failed;
	size_t kept;      /* of those that failed: another instance of it goes on */
	struct buf names; /* of those that failed */
	size_t planned;
	struct buf json_there, json_failed, json_plan;
	struct json there_j, failed_j, plan_j;
	struct buf projects; /* of which all was asked for; NUL behind each */
	struct live live;    /* none: told in lines */
	struct buf said;     /* what is told once the picture is whole */
	struct diag_place place;
	char *file, *text; /* of place; owned */
};

static void outcome_init(struct outcome *o, const char *op)
{
	*o = (struct outcome){ .op = op, .reload = strcmp(op, "reload") == 0 };
	buf_init(&o->names, 200);
	buf_init(&o->json_there, OUT_MAX);
	buf_init(&o->json_failed, OUT_MAX);
	buf_init(&o->json_plan, OUT_MAX);
	buf_init(&o->said, OUT_MAX);
	buf_init(&o->projects, OUT_MAX);
	o->there_j = (struct json){ .out = &o->json_there };
	o->failed_j = (struct json){ .out = &o->json_failed };
	o->plan_j = (struct json){ .out = &o->json_plan };
}

static void outcome_done(struct outcome *o)
{
	buf_done(&o->names);
	buf_done(&o->json_there);
	buf_done(&o->json_failed);
	buf_done(&o->json_plan);
	buf_done(&o->said);
	buf_done(&o->projects);
	free(o->file);
	free(o->text);
}

/* The manifest that a row is about, read once for those that follow one another; it may be out of reach, or too large. */
static const struct diag_place *place_of(struct outcome *o, const struct packet *row)
{
	const char *file = packet_get(row, "file");
	struct err err;
	char *text;

	if (!file || *file != '/')
		return NULL;
	if (o->file && strcmp(o->file, file) == 0)
		return &o->place;
	free(o->file);
	free(o->text);
	o->text = NULL;
	o->place = (struct diag_place){ 0 };
	if (!(o->file = strdup(file)))
		return NULL;
	o->place.path = o->file;
	if (manifest_read(file, &text, &o->place.len, &err) == 0)
		o->place.text = o->text = text;
	return &o->place;
}

const char *order_name(const struct args *args, const struct packet *row)
{
	const char *path = packet_get(row, "path"), *name = packet_get(row, "name"),
		   *id = args_str(args, "project");
	size_t n = id ? strlen(id) : 0;

	if (name)
		return name;
	return n && strncmp(path, id, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static void show_started(const struct args *args, struct outcome *o, const struct packet *row)
{
	const char *path = packet_get(row, "path"), *state = packet_get(row, "state");
	bool skipped = state && strcmp(state, "skipped") == 0;
	struct buf out;

	o->there++;
	if (args->json) {
		json_open(&o->there_j, NULL, '{');
		json_str(&o->there_j, "path", path);
		json_str(&o->there_j, "state", state);
		if (packet_get(row, "pid"))
			json_int(&o->there_j, "pid", row_int(row, "pid", 0));
		json_close(&o->there_j, '}');
		return;
	}
	if (o->live.pid > 0 || o->reload)
		return;
	buf_init(&out, OUT_MAX);
	(void)buf_adds(&out, "Service '");
	out_clean(&out, order_name(args, row));
	(void)buf_printf(&out, "' %sed\n", skipped ? "skipp" : o->op);
	(void)cmd_print(&out, 0); /* one after the other, as they come up */
}

/* On stderr, also what came while the picture was being drawn. */
static void say(struct outcome *o)
{
	if (o->said.len)
		(void)!write(STDERR_FILENO, o->said.p, o->said.len);
	buf_reset(&o->said);
}

static void show_failed(const struct args *args, struct outcome *o, const struct packet *row)
{
	const char *code = packet_get(row, "error");

	o->failed++;
	o->kept += code && strcmp(code, "SG0016") == 0;
	(void)buf_printf(&o->names, "%s%.63s", o->failed > 1 ? ", " : "", packet_get(row, "path"));
	diag_row(&o->said, row, place_of(o, row), out_colour(STDERR_FILENO));
	if (o->live.pid <= 0)
		say(o);
	if (!args->json)
		return;
	json_open(&o->failed_j, NULL, '{');
	json_str(&o->failed_j, "path", packet_get(row, "path"));
	json_str(&o->failed_j, "state", packet_get(row, "state"));
	diag_row_json(&o->failed_j, row);
	json_close(&o->failed_j, '}');
}

static void show_note(struct outcome *o, const struct packet *row)
{
	(void)buf_adds(&o->said, "note: ");
	out_clean(&o->said, packet_get(row, "msg"));
	(void)buf_addc(&o->said, '\n');
	if (o->live.pid <= 0)
		say(o);
}

/* "restart changed NAME" */
static void show_planned(const struct args *args, struct outcome *o, const char *line)
{
	char words[32];
	const char *name = strrchr(line, ' ');
	size_t n = strcspn(line, " ");
	struct buf out;

	if (!name || n >= (size_t)(name - line) ||
		(size_t)snprintf(words, sizeof words, "%.*s", (int)(name - line), line) >=
			sizeof words)
		return;
	words[n] = '\0';
	o->planned++;
	if (args->json) {
		json_open(&o->plan_j, NULL, '{');
		json_str(&o->plan_j, "path", name + 1);
		json_str(&o->plan_j, "action", words);
		json_str(&o->plan_j, "reason", words + n + 1);
		json_close(&o->plan_j, '}');
		return;
	}
	buf_init(&out, OUT_MAX);
	(void)buf_printf(&out, "%s ", words);
	out_clean(&out, name + 1);
	(void)buf_printf(&out, " (%s)\n", words + n + 1);
	(void)cmd_print(&out, 0);
}

static void show_plan(const struct args *args, struct outcome *o, const struct packet *row)
{
	const char *at = NULL, *key, *value;
	size_t n;

	while (packet_next(row, &at, &key, &n, &value))
		if (n == 4 && memcmp(key, "plan", 4) == 0)
			show_planned(args, o, value);
}

static void show_row(const struct args *args, struct outcome *o, const struct packet *row)
{
	const char *kind = packet_get(row, "row");

	if (kind && strcmp(kind, "note") == 0 && packet_get(row, "msg"))
		show_note(o, row);
	else if (kind && strcmp(kind, "project") == 0 && packet_get(row, "project"))
		(void)buf_add(&o->projects, packet_get(row, "project"),
			strlen(packet_get(row, "project")) + 1);
	else if (kind && strcmp(kind, "plan") == 0)
		show_plan(args, o, row);
	else if (kind && packet_get(row, "path") && strcmp(kind, "failed") == 0)
		show_failed(args, o, row);
	else if (kind && packet_get(row, "path") && strcmp(kind, "started") == 0)
		show_started(args, o, row);
}

static void print_list(struct json *j, const char *key, const struct buf *items)
{
	json_open(j, key, '[');
	if (items->p)
		(void)buf_adds(j->out, items->p);
	json_close(j, ']');
}

static int print_json(const struct outcome *o, const struct err *err, int status)
{
	char word[16];
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	json_open(&j, NULL, '{');
	if (o->reload)
		print_list(&j, "plan", &o->json_plan);
	snprintf(word, sizeof word, "%sed", o->op);
	print_list(&j, word, &o->json_there);
	print_list(&j, "failed", &o->json_failed);
	return cmd_end_json(&j, err, status);
}

void order_project(struct buf *out, const char *id, const char *word, const char *end)
{
	(void)buf_adds(out, "Project '");
	out_clean(out, id);
	(void)buf_printf(out, "' %s%s\n", word, end);
}

static int show_projects(const struct args *args, const struct outcome *o)
{
	bool same = o->reload && !o->planned;
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (same)
		(void)buf_adds(&out, "Nothing changed\n");
	else if (o->reload && args_has(args, "dry-run"))
		return 0;
	for (size_t at = 0; !same && at < o->projects.len; at += strlen(o->projects.p + at) + 1)
		order_project(&out, o->projects.p + at, o->op, "ed");
	return cmd_print(&out, 0);
}

/* err: what ended it, or NULL where it came to its end. */
static int conclude(
	const struct args *args, const struct client *c, struct outcome *o, const struct err *err)
{
	struct err all;

	if (!err && o->failed) {
		err = &all;
		bool again = strcmp(o->op, "start") != 0;
		(void)err_set(&all,
			o->kept == o->failed ? ERR_DEPLOYMENT
			: again              ? ERR_RESTART_SHORT
					     : ERR_START_SHORT,
			0,
			o->kept == o->failed ? "%zu of %zu units go on as they were: %s"
			: again              ? "%zu of %zu units did not come back: %s"
					     : "%zu of %zu units did not reach their target: %s",
			o->failed, o->failed + o->there, o->names.p ? o->names.p : "");
		(void)err_help(&all, "sysg status shows what runs");
	}
	if (err)
		(void)diag_fail(err, false);
	int status = err ? client_status(c, err) : 0;
	if (args->json)
		return print_json(o, err, status);
	return err ? status : show_projects(args, o);
}

/* rc and row: the first reply. */
static int follow(const struct args *args, struct client *c, struct outcome *o, int rc,
	struct packet *row, struct err *err)
{
	while (rc > 0 && !packet_get(row, "end")) {
		show_row(args, o, row);
		rc = client_next(c, row, err);
	}
	live_end(&o->live);
	say(o);
	int status = conclude(args, c, o, rc < 0 ? err : NULL);
	outcome_done(o);
	return status;
}

int order_follow(const struct args *args, int fd, struct err *taken)
{
	struct client c;
	struct packet row;
	struct outcome o;
	struct err err;

	client_init(&c, NULL);
	outcome_init(&o, "start");
	(void)live_begin(&o.live, args, args_str(args, "socket"), LIVE_START);
	c.patience_ns = args_number(args, "timeout", ORDER_TIMEOUT) + CLIENT_PATIENCE;
	int rc = client_adopt(&c, fd, &err) < 0 ? -1 : client_next(&c, &row, &err);
	if (rc < 0 && !c.lost && err.sys == EADDRINUSE) {
		*taken = err;
		client_done(&c);
		return -1;
	}
	if (rc == 0)
		rc = 1; /* its end is the first that came */
	int status = follow(args, &c, &o, rc, &row, &err);
	client_done(&c);
	return status;
}

/* --- asking --- */

static int request(const struct args *args, const char *op, struct buf *b, struct err *err)
{
	const char *config = args_str(args, "config"), *name;
	struct located at = { 0 };

	buf_init(b, CAP_REQUEST + 1);
	if (config && manifest_locate(config, &at, err) < 0)
		return -1;
	packet_put(b, "op", op);
	for (size_t i = 0; (name = args->nunits ? (i < args->nunits ? args->units[i] : NULL)
						: args_list(args, "service", i));
		i++)
		packet_put(b, "unit", name);
	if (at.path)
		packet_put(b, "manifest", at.path);
	if (args_has(args, "dry-run"))
		packet_put(b, "dry_run", "1");
	packet_put_int(b, "timeout_ns", args_number(args, "timeout", ORDER_TIMEOUT));
	packet_end(b, NULL, 0);
	located_done(&at);
	return 0;
}

int order_run(const struct args *args, const char *op)
{
	char place[PLACE];
	struct client c;
	struct packet row;
	struct buf b;
	struct outcome o;
	struct err err;
	int status;

	client_init(&c, socket_of(args, place));
	c.slow = true;
	if (request(args, op, &b, &err) < 0) {
		status = cmd_fail(args, NULL, &err);
	} else {
		outcome_init(&o, op);
		if (!o.reload)
			(void)live_begin(
				&o.live, args, c.socket, *op == 's' ? LIVE_START : LIVE_RESTART);
		int rc = client_ask(&c, &b, &row, &err);
		status = follow(args, &c, &o, rc, &row, &err);
	}
	buf_done(&b);
	client_done(&c);
	return status;
}
