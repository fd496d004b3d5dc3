#include <signal.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/common.h"
#include "cmd/live.h"
#include "cmd/order.h"
#include "cmd/unhang.h"

#define HUNG_NS (10 * NS_PER_SEC)

// clang-format off
static const struct option_row options[] = {
	{ "supervisor", 0, ARG_NONE, .help = "the supervisor too: an orderly shutdown" },
	{ "tree", 0, ARG_REFUSED, .help = "a unit is always stopped with all that it spawned" },
	{ "timeout", 0, ARG_DURATION, .value = "DURATION", .help = "how long to wait for it; then exit 9, and it goes on" },
	OPTS_UNIT,
};
// clang-format on

static void show_row(
	struct buf *out, struct json *j, const struct args *args, const struct packet *row)
{
	const char *path = packet_get(row, "path"), *kind = packet_get(row, "kind");
	bool spawned = kind && strcmp(kind, "spawned") == 0;

	if (packet_get(row, "project") && !j)
		order_project(out, packet_get(row, "project"), "stopped", "");
	if (!path)
		return;
	if (j) {
		json_open(j, NULL, '{');
		json_str(j, "path", path);
		json_str(j, "kind", kind);
		json_close(j, '}');
		return;
	}
	(void)buf_adds(out, spawned ? "Unit '" : "Service '");
	out_clean(out, order_name(args, row));
	(void)buf_adds(out, "' stopped\n");
	(void)out_flush(out); /* one after the other, as they end */
}

/* The order is accepted, the units go down, the supervisor ends and with it the connection. A PID 1
 * takes us along: it says so, and its TERM must not make a failure of it. */
static int stop_supervisor(const struct args *args)
{
	struct client c;
	struct packet row = { 0 };
	struct err err;
	struct buf out;
	bool told = false, left = false;

	if (args->nunits) {
		err_set(&err, ERR_EXCLUSIVE, 0,
			"--supervisor stops everything; it goes with no unit");
		return cmd_fail(args, NULL, &err);
	}
	cmd_client(&c, args);
	c.slow = true;
	c.patience_ns = HUNG_NS; /* one that hangs is ended the hard way */
	(void)signal(SIGTERM, SIG_IGN);
	int rc = cmd_ask(&c, args, "shutdown", &row, &err);
	if (rc > 0)
		rc = client_next(&c, &row, &err);
	told = rc == 0;
	left = told && packet_get(&row, "left");
	while (rc >= 0 && !packet_get(&row, "init"))
		rc = client_next(&c, &row, &err);
	client_done(&c);
	if (!told && err.code == ERR_NO_ANSWER && !c.lost && c.where[0]) {
		if (unhang(c.where, &err) < 0)
			return cmd_fail(args, NULL, &err);
	} else if (!told) {
		return cmd_fail(args, &c, &err);
	}
	if (left) {
		err_set(&err, ERR_SURVIVORS, 0, "something survived being killed");
		return cmd_fail(args, NULL, &err);
	}
	buf_init(&out, OUT_MAX);
	(void)buf_adds(&out,
		args->json ? "{\"stopped\":[],\"supervisor\":true}\n" : "Supervisor stopped\n");
	return cmd_print(&out, 0);
}

static int ask_stop(struct client *c, const struct args *args, struct packet *ret, struct err *err)
{
	struct buf request;

	client_begin(&request, "stop", args->units);
	cmd_put_timeout(&request, args);
	return client_finish(c, &request, ret, err);
}

static int run(const struct args *args)
{
	if (args_has(args, "supervisor"))
		return stop_supervisor(args);
	struct client c;
	struct packet row;
	struct err err;
	struct buf out;
	struct json j = { .out = &out };
	struct live live;

	cmd_client(&c, args);
	c.slow = true;
	buf_init(&out, OUT_MAX);
	bool drawn = live_begin(&live, args, args_str(args, "socket"), LIVE_STOP);
	if (args->json) {
		json_open(&j, NULL, '{');
		json_open(&j, "stopped", '[');
	}
	int rc = ask_stop(&c, args, &row, &err);
	while (rc > 0 && !packet_get(&row, "end")) {
		if (!drawn || packet_get(&row, "project"))
			show_row(&out, args->json ? &j : NULL, args, &row);
		rc = client_next(&c, &row, &err);
	}
	live_end(&live);
	if (rc < 0) {
		int status = cmd_fail(args, &c, &err);
		client_done(&c);
		buf_done(&out);
		return status;
	}
	if (args->json) {
		json_close(&j, ']');
		json_close(&j, '}');
		(void)buf_addc(&out, '\n');
	}
	client_done(&c);
	return cmd_print(&out, 0);
}

extern const struct command cmd_stop;
const struct command cmd_stop = {
	.name = "stop",
	.summary = "stops units with all their processes, and returns when they are gone",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.run = run,
};
