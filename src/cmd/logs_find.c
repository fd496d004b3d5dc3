/* Which log files are meant. No supervisor is needed; one that runs is asked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cmd/common.h"
#include "cmd/logs.h"

enum { PATH_BYTES = 4096 };

#define LOOSE "loose" /* the one project of a supervisor that runs none now */

static void brief(struct client *c, const struct args *args)
{
	cmd_client(c, args);
	c->patience_ns = NS_PER_SEC;
	c->total = true;
}

/* 1: *ret is the first reply to the op, until client_done(c); -1: err. */
static int ask(
	struct client *c, const char *op, const char *unit, struct packet *ret, struct err *err)
{
	struct buf request;

	client_begin(&request, op, (char *[]){ (char *)(uintptr_t)unit, NULL });
	return client_finish(c, &request, ret, err);
}

/* What a running supervisor says: dir and, for a unit, file; "" where it doesn't. -1: err. */
static int ask_path(
	const struct args *args, const char *unit, char *dir, char *file, struct err *err)
{
	struct client c;
	struct packet reply;

	brief(&c, args);
	dir[0] = file[0] = '\0';
	int rc = ask(&c, "logs-path", unit, &reply, err);
	if (rc > 0) {
		const char *d = packet_get(&reply, "dir"), *f = packet_get(&reply, "file");

		(void)snprintf(dir, PATH_BYTES, "%s", d ? d : "");
		(void)snprintf(file, PATH_BYTES, "%s", f ? f : "");
	} else {
		log_line(LOG_DBG, "%s; looking for the files", err->msg);
	}
	client_done(&c);
	return rc > 0 ? 0 : -1;
}

static const char *named_socket(const struct args *args)
{
	const char *socket = args_str(args, "socket"), *set = getenv("SYSG_SOCKET");

	return socket ? socket : set && *set ? set : NULL;
}

int logs_dir(const struct args *args, char *dir, bool *ret_live, struct err *err)
{
	char file[PATH_BYTES];
	struct err asked = { 0 };

	if (ask_path(args, NULL, dir, file, &asked) == 0) {
		*ret_live = true;
		return dir[0] ? 0
			      : err_set(err, ERR_UNKNOWN, 0, "the supervisor writes no log files");
	}
	/* One that doesn't answer, or us, writes all the same. */
	*ret_live = asked.code != ERR_NO_SUPERVISOR || asked.sys == EACCES || asked.sys == EPERM;
	return logtree_find_dir(dir, PATH_BYTES, named_socket(args), err);
}

/* There is one project: the services of the supervisor's manifest. */
static int check_project(const struct args *args, struct err *err)
{
	const char *wanted = args_str(args, "project"), *id = LOOSE;
	struct client c;
	struct packet row;
	struct err asked;

	if (!wanted)
		return 0;
	brief(&c, args);
	if (ask(&c, "status", NULL, &row, &asked) > 0 && packet_get(&row, "project_id"))
		id = packet_get(&row, "project_id");
	int rc = strcmp(wanted, id) == 0 ? 0 : -1;
	if (rc < 0) {
		(void)err_set(
			err, ERR_PROJECT, 0, "no project %.100s; there is %.100s", wanted, id);
		(void)err_help(err, "this version of sysg has one project a supervisor; leave -p "
				    "out");
	}
	client_done(&c);
	return rc;
}

/* --- units --- */

/* The unit's path in the tree is its file's below LOGDIR. */
static int add_file(struct logtree *t, const char *file, struct logfile **ret, struct err *err)
{
	size_t skip = strlen(t->dir), n = strlen(file);
	char unit[PATH_BYTES];

	if (n < skip + 6 || strncmp(file, t->dir, skip) != 0 || file[skip] != '/' ||
		strcmp(file + n - 4, ".log") != 0)
		return logtree_add(t, file, file, ret, err);
	(void)snprintf(unit, sizeof unit, "%.*s", (int)(n - skip - 5), file + skip + 1);
	return logtree_add(t, unit, file, ret, err);
}

/* A selector is the supervisor's matter; a path is found without one too. */
static int add_unit(struct logs *l, const char *unit, struct err *err)
{
	char dir[PATH_BYTES], file[PATH_BYTES];
	struct logfile *f = NULL;
	struct err asked;
	int rc = ask_path(l->args, unit, dir, file, &asked);

	if (rc < 0 && asked.code == ERR_DENIED) {
		*err = asked;
		return -1;
	}
	if (rc == 0 && file[0])
		rc = add_file(&l->tree, file, &f, err);
	else
		rc = logtree_add_unit(&l->tree, unit, &f, err);
	if (rc == 0 && args_has(l->args, "tree"))
		l->tops[l->ntops++] = f->unit;
	return rc;
}

static int add_own(struct logs *l, struct err *err)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, "%.*s/sysg.log", PATH_BYTES - 10, l->tree.dir);
	return logtree_add(&l->tree, "sysg", path, NULL, err);
}

/* A caller that is a unit sees its own and what it has a right to. 1: those were added; 0: it sees everything. */
static int add_seen(struct logs *l, struct err *err)
{
	const char *at = NULL, *key, *value;
	struct logfile *f;
	struct client c;
	struct packet reply;
	struct err asked;
	size_t n;
	int rc = 0;

	brief(&c, l->args);
	if (ask(&c, "logs-path", NULL, &reply, &asked) > 0)
		while (rc >= 0 && packet_next(&reply, &at, &key, &n, &value)) {
			if (n != 4 || memcmp(key, "seen", 4) != 0)
				continue;
			if (add_file(&l->tree, value, &f, err) < 0)
				rc = -1;
			else if (rc == 0) {
				l->tops[l->ntops++] = f->unit;
				rc = 1;
			}
		}
	client_done(&c);
	return rc;
}

int logs_rescan(struct logs *l, struct err *err)
{
	for (size_t i = 0; i < l->ntops; i++)
		if (logtree_scan(&l->tree, l->tops[i], err) < 0)
			return -1;
	return 0;
}

static int add_wanted(struct logs *l, struct err *err)
{
	if (args_has(l->args, "supervisor"))
		return add_own(l, err);
	for (size_t i = 0; i < l->args->nunits; i++)
		if (add_unit(l, l->args->units[i], err) < 0)
			return -1;
	int seen = l->args->nunits ? 1 : add_seen(l, err);
	if (seen < 0)
		return -1;
	if (!seen)
		l->tops[l->ntops++] = "";
	/* The folder's name needs none of what is in it. */
	return args_has(l->args, "path") && !l->args->nunits ? 0 : logs_rescan(l, err);
}

int logs_find(struct logs *l, struct err *err)
{
	char dir[PATH_BYTES];

	l->tops = calloc(l->args->nunits + 1, sizeof *l->tops);
	if (!l->tops)
		return err_no_memory(err);
	if (check_project(l->args, err) < 0 || logs_dir(l->args, dir, &l->live, err) < 0 ||
		logtree_init(&l->tree, dir, err) < 0)
		return -1;
	return add_wanted(l, err);
}

void logs_done(struct logs *l)
{
	logtree_done(&l->tree);
	free(l->tops);
	l->tops = NULL;
}

int logs_paths(struct logs *l)
{
	bool some = l->args->nunits || args_has(l->args, "supervisor");
	const struct logtree *t = &l->tree;
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, OUT_MAX);
	if (l->args->json) {
		json_open(&j, NULL, '{');
		json_str(&j, "dir", t->dir);
		if (some && t->n == 1)
			json_str(&j, "file", t->files[0]->path);
		if (some && t->n != 1)
			json_open(&j, "files", '[');
		for (size_t i = 0; some && t->n != 1 && i < t->n; i++)
			json_str(&j, NULL, t->files[i]->path);
		if (some && t->n != 1)
			json_close(&j, ']');
		json_close(&j, '}');
		(void)buf_addc(&out, '\n');
		return cmd_print(&out, 0);
	}
	if (!some)
		(void)buf_printf(&out, "%s\n", t->dir);
	for (size_t i = 0; some && i < t->n; i++)
		(void)buf_printf(&out, "%s\n", t->files[i]->path);
	return cmd_print(&out, 0);
}
