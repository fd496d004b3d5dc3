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
	bool restart;
	size_t there, failed;
	struct buf names; /* of those that failed */
	struct buf json_there, json_failed;
	struct json there_j, failed_j;
	char project[64];
	struct live *live; /* NULL: told in lines */
	struct buf said;   /* what is told once the picture is whole */
	struct diag_place place;
	char *file, *text; /* of place; owned */
};

static const char *done_word(const struct outcome *o)
{
	return o->restart ? "restarted" : "started";
}

static void outcome_init(struct outcome *o, bool restart)
{
	*o = (struct outcome){ .restart = restart };
	buf_init(&o->names, 200);
	buf_init(&o->json_there, OUT_MAX);
	buf_init(&o->json_failed, OUT_MAX);
	buf_init(&o->said, OUT_MAX);
	o->there_j = (struct json){ .out = &o->json_there };
	o->failed_j = (struct json){ .out = &o->json_failed };
}

static void outcome_done(struct outcome *o)
{
	buf_done(&o->names);
	buf_done(&o->json_there);
	buf_done(&o->json_failed);
	buf_done(&o->said);
	free(o->file);
	free(o->text);
}

/* The manifest that the rows are about, read once; it may be out of reach, or too large. */
static const struct diag_place *place_of(struct outcome *o, const struct packet *row)
{
	const char *file = packet_get(row, "file");
	struct err err;
	char *text;

	if (!file || *file != '/')
		return NULL;
	if (!o->place.path) {
		if (!(o->file = strdup(file)))
			return NULL;
		o->place.path = o->file;
		if (manifest_read(file, &text, &o->place.len, &err) == 0)
			o->place.text = o->text = text;
	}
	return &o->place;
}

static void show_started(const struct args *args, struct outcome *o, const struct packet *row)
{
	const char *path = packet_get(row, "path");
	struct buf out;

	o->there++;
	if (args->json) {
		json_open(&o->there_j, NULL, '{');
		json_str(&o->there_j, "path", path);
		json_str(&o->there_j, "state", packet_get(row, "state"));
		if (packet_get(row, "pid"))
			json_int(&o->there_j, "pid", row_int(row, "pid", 0));
		json_close(&o->there_j, '}');
		return;
	}
	if (o->live)
		return;
	buf_init(&out, OUT_MAX);
	(void)buf_adds(&out, "Service '");
	out_clean(&out, path);
	(void)buf_printf(&out, "' %s\n", done_word(o));
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
	o->failed++;
	(void)buf_printf(&o->names, "%s%.63s", o->failed > 1 ? ", " : "", packet_get(row, "path"));
	diag_row(&o->said, row, place_of(o, row), out_colour(STDERR_FILENO));
	if (!o->live)
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
	if (!o->live)
		say(o);
}

static void show_row(const struct args *args, struct outcome *o, const struct packet *row)
{
	const char *kind = packet_get(row, "row");

	if (kind && strcmp(kind, "note") == 0 && packet_get(row, "msg"))
		show_note(o, row);
	else if (kind && packet_get(row, "path") && strcmp(kind, "failed") == 0)
		show_failed(args, o, row);
	else if (kind && packet_get(row, "path") && strcmp(kind, "started") == 0)
		show_started(args, o, row);
}

static int print_json(const struct outcome *o, const struct err *err, int status)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	json_open(&j, NULL, '{');
	json_open(&j, done_word(o), '[');
	if (o->json_there.p)
		(void)buf_adds(&out, o->json_there.p);
	json_close(&j, ']');
	json_open(&j, "failed", '[');
	if (o->json_failed.p)
		(void)buf_adds(&out, o->json_failed.p);
	json_close(&j, ']');
	return cmd_end_json(&j, err, status);
}

static int show_project(const struct outcome *o)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	(void)buf_adds(&out, "Project '");
	out_clean(&out, o->project);
	(void)buf_printf(&out, "' %s\n", done_word(o));
	return cmd_print(&out, 0);
}

/* err: what ended it, or NULL where it came to its end. */
static int conclude(
	const struct args *args, const struct client *c, struct outcome *o, const struct err *err)
{
	struct err all;
	bool project = !args->nunits && !args_has(args, "service");

	if (!err && o->failed) {
		err = &all;
		(void)err_set(&all, o->restart ? ERR_RESTART_SHORT : ERR_START_SHORT, 0,
			o->restart ? "%zu of %zu units did not come back: %s"
				   : "%zu of %zu units did not reach their target: %s",
			o->failed, o->failed + o->there, o->names.p ? o->names.p : "");
		(void)err_help(&all, "sysg status shows what runs");
	}
	if (err)
		(void)diag_fail(err, false);
	int status = err ? client_status(c, err) : 0;
	if (args->json)
		return print_json(o, err, status);
	return !err && project ? show_project(o) : status;
}

/* rc and row: the first reply. */
static int follow(const struct args *args, struct client *c, struct live *live, int rc,
	struct packet *row, struct err *err)
{
	struct outcome o;

	outcome_init(&o, live->what == LIVE_RESTART);
	o.live = live->pid > 0 ? live : NULL;
	while (rc > 0 && !packet_get(row, "end")) {
		show_row(args, &o, row);
		rc = client_next(c, row, err);
	}
	if (rc >= 0 && packet_get(row, "project"))
		snprintf(o.project, sizeof o.project, "%s", packet_get(row, "project"));
	live_end(live);
	say(&o);
	int status = conclude(args, c, &o, rc < 0 ? err : NULL);
	outcome_done(&o);
	return status;
}

int order_follow(const struct args *args, int fd, struct err *taken)
{
	struct client c;
	struct packet row;
	struct live live;
	struct err err;

	client_init(&c, NULL);
	(void)live_begin(&live, args, args_str(args, "socket"), LIVE_START);
	c.patience_ns = args_number(args, "timeout", ORDER_TIMEOUT) + CLIENT_PATIENCE;
	int rc = client_adopt(&c, fd, &err) < 0 ? -1 : client_next(&c, &row, &err);
	if (rc < 0 && !c.lost && err.sys == EADDRINUSE) {
		*taken = err;
		client_done(&c);
		return -1;
	}
	if (rc == 0)
		rc = 1; /* its end is the first that came */
	int status = follow(args, &c, &live, rc, &row, &err);
	client_done(&c);
	return status;
}

/* --- asking --- */

static int request(const struct args *args, bool restart, struct buf *b, struct err *err)
{
	const char *config = args_str(args, "config"), *name;
	struct located at = { 0 };

	buf_init(b, CAP_REQUEST + 1);
	if (config && manifest_locate(config, &at, err) < 0)
		return -1;
	packet_put(b, "op", restart ? "restart" : "start");
	for (size_t i = 0; (name = args->nunits ? (i < args->nunits ? args->units[i] : NULL)
						: args_list(args, "service", i));
		i++)
		packet_put(b, "unit", name);
	if (at.path)
		packet_put(b, "manifest", at.path);
	packet_put_int(b, "timeout_ns", args_number(args, "timeout", ORDER_TIMEOUT));
	packet_end(b, NULL, 0);
	located_done(&at);
	return 0;
}

int order_run(const struct args *args, bool restart)
{
	char place[PLACE];
	struct client c;
	struct packet row;
	struct buf b;
	struct live live;
	struct err err;
	int status;

	client_init(&c, socket_of(args, place));
	c.slow = true;
	if (request(args, restart, &b, &err) < 0) {
		status = cmd_fail(args, NULL, &err);
	} else {
		(void)live_begin(&live, args, c.socket, restart ? LIVE_RESTART : LIVE_START);
		int rc = client_ask(&c, &b, &row, &err);
		status = follow(args, &c, &live, rc, &row, &err);
	}
	buf_done(&b);
	client_done(&c);
	return status;
}
