/* Which log files are meant. No supervisor is needed; one that runs is asked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/log.h"
#include "cmd/common.h"
#include "cmd/logs.h"

enum { PATH_BYTES = 4096 };

void logs_client(struct client *c, const struct args *args)
{
	cmd_client(c, args);
	c->patience_ns = NS_PER_SEC;
	c->total = true;
}

/* 1: *ret is the first reply to the op, until client_done(c); -1: err. */
int logs_ask(
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

	logs_client(&c, args);
	dir[0] = file[0] = '\0';
	int rc = logs_ask(&c, "logs-path", unit, &reply, err);
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

int logs_add_top(struct logs *l, const char *unit, struct err *err)
{
	const char **v = realloc(l->tops, (l->ntops + 1) * sizeof *v);

	if (!v)
		return err_no_memory(err);
	l->tops = v;
	l->tops[l->ntops++] = unit;
	return 0;
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
		return logs_add_top(l, f->unit, err);
	return rc;
}

/* The name of a service with replicas is no unit's: then all that there are of NAME.1, NAME.2 ... */
static int add_units(struct logs *l, const char *unit, struct err *err)
{
	char copy[CAP_SERVICE_NAME + 32];
	struct err none;
	int n = 0;

	if (logs_loose(l, unit, err) < 0)
		return -1;
	if (add_unit(l, unit, err) == 0)
		return 0;
	if (err->code != ERR_NO_UNIT || strlen(unit) > CAP_SERVICE_NAME)
		return -1;
	do
		(void)snprintf(copy, sizeof copy, "%s%s.%d",
			strchr(unit, '/') || l->nprojects ? "" : "/", unit, ++n);
	while (add_unit(l, copy, &none) == 0);
	return n > 1 ? 0 : -1;
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

	logs_client(&c, l->args);
	if (logs_ask(&c, "logs-path", NULL, &reply, &asked) > 0)
		while (rc >= 0 && packet_next(&reply, &at, &key, &n, &value)) {
			if (n != 4 || memcmp(key, "seen", 4) != 0)
				continue;
			if (add_file(&l->tree, value, &f, err) < 0)
				rc = -1;
			else if (rc == 0)
				rc = logs_add_top(l, f->unit, err) < 0 ? -1 : 1;
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
	const struct args *args = l->args;
	bool project = args_has(args, "project") && !args_has(args, "service") &&
		       args->nunits == 1 && strcmp(args->units[0], "") != 0 &&
		       args->units[0][strlen(args->units[0]) - 1] == '/';

	if (args_has(args, "supervisor"))
		return add_own(l, err);
	l->whole = project;
	for (size_t i = 0; !project && i < args->nunits; i++)
		if (add_units(l, args->units[i], err) < 0)
			return -1;
	int seen = project ? 1 : args->nunits ? 1 : add_seen(l, err);
	if (seen < 0 || (project && logs_add_project(l, err) < 0))
		return -1;
	if (!seen && (logs_no_target(l, err) < 0 || logs_add_top(l, "", err) < 0))
		return -1;
	/* The folder's name needs none of what is in it. */
	bool folder = args_has(args, "path") && (!args->nunits || project);
	return folder ? 0 : logs_rescan(l, err);
}

int logs_find(struct logs *l, struct err *err)
{
	char dir[PATH_BYTES];

	if (logs_dir(l->args, dir, &l->live, err) < 0 || logtree_init(&l->tree, dir, err) < 0 ||
		logs_projects(l, err) < 0)
		return -1;
	return add_wanted(l, err);
}

void logs_done(struct logs *l)
{
	logtree_done(&l->tree);
	buf_done(&l->projects);
	free(l->tops);
	l->tops = NULL;
}

int logs_paths(struct logs *l)
{
	bool some = (l->args->nunits && !l->whole) || args_has(l->args, "supervisor");
	const struct logtree *t = &l->tree;
	struct buf out;
	struct json j = { .out = &out };
	char dir[PATH_BYTES];

	(void)snprintf(dir, sizeof dir, "%s%s%s", t->dir, *l->folder ? "/" : "", l->folder);
	buf_init(&out, OUT_MAX);
	if (l->args->json) {
		json_open(&j, NULL, '{');
		json_str(&j, "dir", dir);
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
		(void)buf_printf(&out, "%s\n", dir);
	for (size_t i = 0; some && i < t->n; i++)
		(void)buf_printf(&out, "%s\n", t->files[i]->path);
	return cmd_print(&out, 0);
}
