/* Log files by project. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/logtree_int.h"
#include "cli/rows.h"
#include "cli/tree.h"
#include "cmd/common.h"
#include "cmd/logs.h"

#define LOOSE "loose" /* the services of no project */

int logs_projects(struct logs *l, struct err *err)
{
	const char *at = NULL, *key, *value;
	struct client c;
	struct packet reply;
	struct err asked;
	size_t n;

	buf_init(&l->projects, CAP_PACKET);
	if (!l->live)
		return 0;
	logs_client(&c, l->args);
	if (logs_ask(&c, "logs-path", NULL, &reply, &asked) > 0)
		while (packet_next(&reply, &at, &key, &n, &value))
			if (n == 7 && memcmp(key, "project", 7) == 0 && ++l->nprojects)
				(void)buf_add(&l->projects, value, strlen(value) + 1);
	client_done(&c);
	return l->projects.failed ? err_no_memory(err) : 0;
}

static bool is_loaded(const struct logs *l, const char *id)
{
	for (size_t at = 0; at < l->projects.len; at += strlen(l->projects.p + at) + 1)
		if (strcmp(l->projects.p + at, id) == 0)
			return true;
	return false;
}

/* "a, b, c" */
static const char *list_of(const struct logs *l, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t at = 0; at < l->projects.len && used < size;
		at += strlen(l->projects.p + at) + 1)
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", used ? ", " : "", l->projects.p + at);
	return text[0] ? text : "none";
}

/* Each loose service with what is below it. */
static int add_loose(struct logs *l, struct err *err)
{
	char *some[] = { (char *)(uintptr_t)LOOSE "/", NULL }, path[LOGTREE_PATH];
	struct client c;
	struct rows rows;
	int rc;

	logs_client(&c, l->args);
	rows_init(&rows);
	rc = rows_ask(&rows, &c, some, err);
	for (size_t i = 0; rc == 0 && i < rows.n; i++) {
		const char *unit = packet_get(&rows.units[i], "path");
		struct logfile *f;
		if (rows.parent[i] != TREE_ROOT || !unit)
			continue;
		(void)snprintf(path, sizeof path, "%.3000s/%.1000s.log", l->tree.dir, unit);
		rc = logtree_add(&l->tree, unit, path, &f, err);
		if (rc == 0)
			rc = logs_add_top(l, f->unit, err);
	}
	rows_done(&rows);
	client_done(&c);
	return rc;
}

int logs_add_project(struct logs *l, struct err *err)
{
	const char *id = args_str(l->args, "project");
	char path[LOGTREE_PATH], list[300];
	struct stat st;

	if (strcmp(id, LOOSE) == 0 && (l->nprojects < 2 || args_has(l->args, "path")) &&
		(!l->nprojects || is_loaded(l, id)))
		return logs_add_top(l, "", err);
	if (strcmp(id, LOOSE) == 0 && is_loaded(l, id))
		return add_loose(l, err);
	(void)snprintf(path, sizeof path, "%.3000s/%.100s", l->tree.dir, id);
	if (!is_loaded(l, id) && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))) {
		return err_set(err, ERR_PROJECT, 0, "no project %.100s; loaded: %s", id,
			list_of(l, list, sizeof list));
	}
	(void)snprintf(l->folder, sizeof l->folder, "%.*s", CAP_NAME, id);
	return logs_add_top(l, l->folder, err);
}

int logs_no_target(const struct logs *l, struct err *err)
{
	static const char *const of_all[] = { "path", "purge", "prune" };
	char list[300];

	for (size_t i = 0; i < sizeof of_all / sizeof *of_all; i++)
		if (args_has(l->args, of_all[i]))
			return 0;
	if (l->nprojects < 2)
		return 0;
	(void)err_set(err, ERR_LOGS_TARGET, 0, "several projects are loaded: %s",
		list_of(l, list, sizeof list));
	return err_help(err, "sysg logs -p ID, or sysg logs -s ID/UNIT");
}

/* What the supervisor says of a unit: the code, or ERR_OK. project: where it is one's service. */
static enum err_code look(
	const struct logs *l, const char *unit, char project[CAP_NAME + 1], struct err *err)
{
	struct client c;
	struct packet reply;

	err->code = ERR_OK;
	logs_client(&c, l->args);
	int rc = logs_ask(&c, "logs-path", unit, &reply, err);
	const char *id = rc > 0 ? packet_get(&reply, "project") : NULL;
	(void)snprintf(project, CAP_NAME + 1, "%s", id ? id : "");
	client_done(&c);
	return err->code;
}

int logs_loose(const struct logs *l, const char *unit, struct err *err)
{
	char top[CAP_NAME + 2], id[CAP_NAME + 1];
	struct err said;

	if (l->nprojects < 2 || strlen(unit) > CAP_NAME || strpbrk(unit, "/@") ||
		strspn(unit, "0123456789") == strlen(unit))
		return 0;
	(void)snprintf(top, sizeof top, "/%s", unit);
	if (look(l, top, id, &said) != ERR_NO_UNIT)
		return 0;
	enum err_code code = look(l, unit, id, &said);
	if (code != ERR_AMBIGUOUS && (code != ERR_OK || !*id))
		return 0;
	(void)err_set(err, ERR_LOGS_LOOSE, 0, "no loose service %s%s%s", unit,
		*id ? "; it is one of project " : ": ", *id ? id : said.msg);
	return err_help(err, "sysg logs -p %s -s %s", *id ? id : "ID", unit);
}
