#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/diag.h"
#include "cli/logtree.h"
#include "cli/seek.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "cmd/logs.h"
#include "cmd/purge.h"
#include "super/super.h"

enum { NAMES_SHOWN = 160 };

#define END_WAIT (5 * NS_PER_SEC) /* from when its connection ended until its lock is free */

// clang-format off
static const struct option_row options[] = {
	{ "force", 'f', ARG_NONE, .help = "stop what runs first" },
	OPT_PROJECT,
	OPTS_CLIENT,
};
// clang-format on

struct found {
	bool alive, init; /* a supervisor answers; as the first process */
	size_t running;   /* units */
	char names[NAMES_SHOWN];
	char where[SEEK_PATH + 16]; /* its socket */
};

static bool is_running(const struct packet *row)
{
	static const char states[] = " queued starting running stopping draining backoff ";
	const char *state = packet_get(row, "state"), *at = state ? strstr(states, state) : NULL;

	return at && at[-1] == ' ' && at[strlen(state)] == ' ';
}

static void count(struct found *f, const struct rows *rows)
{
	const char *mode = rows->supervisor.head ? packet_get(&rows->supervisor, "mode") : NULL;
	size_t used = 0;

	f->alive = true;
	f->init = mode && strcmp(mode, "init") == 0;
	for (size_t i = 0; i < rows->n; i++) {
		const char *path = packet_get(&rows->units[i], "path");

		if (!is_running(&rows->units[i]))
			continue;
		f->running++;
		if (path && used + strlen(path) + 3 < sizeof f->names)
			used += (size_t)snprintf(f->names + used, sizeof f->names - used, "%s%s",
				used ? ", " : "", path);
	}
}

/* -1: somebody is there who can't be asked. */
static int look(const struct args *args, struct found *f, struct err *err)
{
	struct client c;
	struct rows rows;

	*f = (struct found){ .alive = false };
	cmd_client(&c, args);
	rows_init(&rows);
	int rc = rows_ask(&rows, &c, args->nunits ? args->units : NULL, err);
	if (rc == 0) {
		count(f, &rows);
		(void)snprintf(f->where, sizeof f->where, "%s", c.where);
	} else if (err->code == ERR_NO_SUPERVISOR && err->sys != EACCES && err->sys != EPERM) {
		rc = 0;
	}
	rows_done(&rows);
	client_done(&c);
	return rc < 0 ? -1 : 0;
}

static int still_running(const struct found *f, struct err *err)
{
	(void)err_set(err, ERR_PURGE_ALIVE, 0, "%zu unit%s still run%s, nothing was deleted: %s",
		f->running, f->running == 1 ? "" : "s", f->running == 1 ? "s" : "", f->names);
	return err_help(err, "sysg purge --force stops everything first");
}

/* Orders it and reads to the end of the answer: everything is down then. A lost connection is the
 * supervisor's end. */
static int order(const struct args *args, const char *op, struct err *err)
{
	struct client c;
	struct packet row;
	struct err after;

	cmd_client(&c, args);
	c.slow = true;
	(void)signal(SIGTERM, SIG_IGN); /* of a PID 1 that takes us along */
	int rc = cmd_ask(&c, args, op, &row, err);
	bool told = rc > 0;
	while (told && rc >= 0 && !packet_get(&row, "init"))
		if ((rc = client_next(&c, &row, &after)) == 0 && strcmp(op, "stop") == 0)
			break;
	client_done(&c);
	return told || err->code == ERR_NO_SUPERVISOR ? 0 : -1;
}

/* --- where --- */

/* The runtime directory and the socket's name of a path. */
static int add_socket(struct purge *p, const char *socket, bool named, struct err *err)
{
	const char *slash = strrchr(socket, '/');
	char dir[PURGE_PATH];

	if (*socket == '@')
		return 0;
	if (!slash || slash == socket || (size_t)(slash - socket) >= sizeof dir)
		return err_set(
			err, ERR_PURGE_TARGET, 0, "%.250s: no socket of a supervisor's", socket);
	(void)snprintf(dir, sizeof dir, "%.*s", (int)(slash - socket), socket);
	return purge_add_dir(p, dir, slash + 1, named, named ? 0 : END_WAIT, err);
}

static int add_places(struct purge *p, struct err *err)
{
	const char *named = getenv("SYSG_RUNTIME_DIR");
	char dir[SEEK_PATH];

	for (size_t i = 0; seek_runtime_dir(i, dir) == 0; i++)
		if (dir[0] && purge_add_dir(p, dir, NULL, i == 0 && named, 0, err) < 0)
			return -1;
	return 0;
}

/* Every place is looked at before anything goes: a supervisor elsewhere writes into the same log
 * directory. */
static int add_dirs(
	struct purge *p, const struct args *args, const struct found *f, struct err *err)
{
	const char *socket = args_str(args, "socket"), *set = getenv("SYSG_SOCKET");

	if (!socket && set && *set)
		socket = set;
	if (f->alive)
		return add_socket(p, f->where, false, err);
	if (socket && add_socket(p, socket, true, err) < 0)
		return -1;
	return add_places(p, err);
}

/* --- the answer --- */

static int show_words(const struct purge *p, bool ended)
{
	char size[32];
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (ended)
		(void)buf_adds(&out, "Supervisor stopped\n");
	(void)buf_printf(&out, "%lld file%s deleted (%s)\n", (long long)p->removed,
		p->removed == 1 ? "" : "s", bytes_print(size, sizeof size, p->bytes));
	return cmd_print(&out, 0);
}

static int show_json(struct purge *p, bool ended, const struct err *err)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	json_open(&j, NULL, '{');
	json_open(&j, "removed", '[');
	(void)buf_add(&out, p->removed_json.p ? p->removed_json.p : "", p->removed_json.len);
	json_close(&j, ']');
	json_open(&j, "left", '[');
	(void)buf_add(&out, p->left_json.p ? p->left_json.p : "", p->left_json.len);
	json_close(&j, ']');
	json_int(&j, "bytes", p->bytes);
	json_bool(&j, "supervisor_stopped", ended);
	return cmd_end_json(&j, err, err ? err_exit_status(err->code) : 0);
}

static int answer(const struct args *args, struct purge *p, bool ended)
{
	struct err err;

	if (p->left) {
		(void)err_help(&p->first, "%lld deleted, %lld could not be", (long long)p->removed,
			(long long)p->left);
		int status = diag_fail(&p->first, false);
		return args->json ? show_json(p, ended, &p->first) : status;
	}
	if (!p->removed && !ended) {
		(void)err_set(&err, ERR_PURGE_NOTHING, 0, "there is nothing to delete");
		return cmd_fail(args, NULL, &err);
	}
	return args->json ? show_json(p, ended, NULL) : show_words(p, ended);
}

/* --- doing it --- */

/* The end of a PID 1 is the container's, and ours: so the logs go first, emptied, and its own files
 * it removes itself. */
static int purge_init_process(
	const struct args *args, struct purge *p, const char *logs, struct err *err)
{
	if (order(args, "stop", err) < 0)
		return -1;
	purge_logs(p, logs, true);
	int status = answer(args, p, true);
	if (order(args, "shutdown", err) < 0)
		return -1;
	return status;
}

static int purge_all(const struct args *args, const struct found *f, struct purge *p,
	const char *logs, struct err *err)
{
	if (f->alive && order(args, "shutdown", err) < 0)
		return -1;
	if (add_dirs(p, args, f, err) < 0)
		return -1;
	if (*logs)
		purge_logs(p, logs, false);
	purge_dirs(p);
	return answer(args, p, f->alive);
}

/* Its units go first, so that nobody writes into what is deleted. */
static int purge_project(const struct args *args, const struct found *f, struct purge *p,
	const char *logs, struct err *err)
{
	const char *id = args_str(args, "project");
	char dir[PURGE_PATH];

	if (strcmp(id, SUPER_PROJECT) == 0) {
		(void)err_set(
			err, ERR_PURGE_TARGET, 0, "the loose services have no folder of their own");
		return err_help(err, "sysg logs -p " SUPER_PROJECT " --purge empties their logs");
	}
	if (f->alive && order(args, "stop", err) < 0 && err->code != ERR_PROJECT)
		return -1;
	if (!f->alive && add_dirs(p, args, f, err) < 0)
		return -1;
	/* A path that is cut would be another folder's. */
	if (*logs && snprintf(dir, sizeof dir, "%s/%s", logs, id) < PURGE_PATH)
		purge_logs(p, dir, false);
	return answer(args, p, false);
}

/* The exit status, or -1: err. */
static int purge(const struct args *args, struct purge *p, struct err *err)
{
	char logs[PURGE_PATH];
	struct found f;
	bool live;

	if (look(args, &f, err) < 0)
		return -1;
	if (f.running && !args_has(args, "force"))
		return still_running(&f, err);
	if (logs_dir(args, logs, &live, err) < 0)
		logs[0] = '\0'; /* it wrote none */
	if (args->nunits)
		return purge_project(args, &f, p, logs, err);
	if (f.init)
		return purge_init_process(args, p, logs, err);
	return purge_all(args, &f, p, logs, err);
}

static int run(const struct args *args)
{
	struct purge p;
	struct err err;

	purge_init(&p);
	int status = purge(args, &p, &err);
	purge_done(&p);
	return status < 0 ? cmd_fail(args, NULL, &err) : status;
}

extern const struct command cmd_purge;
const struct command cmd_purge = {
	.name = "purge",
	.summary = "deletes what the supervisor left on disk: logs, and its runtime directory",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
