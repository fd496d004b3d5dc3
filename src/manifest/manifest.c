#include "manifest/manifest.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "manifest/include.h"
#include "manifest/keys.h"
#include "manifest/load.h"
#include "manifest/scope.h"

void manifest_defaults(struct manifest *m)
{
	*m = (struct manifest){ 0 };
	m->env.inherit = true;
	m->max_concurrent = -1;
	m->shutdown_timeout_ns = -1;
	m->sample_interval_s = m->retention_min = -1;
	m->control_mode = 0666;
}

static void set_path(struct load *l)
{
	struct manifest *m = &l->kept->m;
	const char *path = l->src->path ? l->src->path : "", *slash = strrchr(path, '/');

	m->path = load_keep(l, path);
	m->dir = slash == path ? load_keep(l, "/")
		 : slash       ? arena_strn(&l->kept->mem, path, (size_t)(slash - path))
			       : load_keep(l, ".");
}

/* Of a service in an included file, where that is included. */
static void own_places(struct load *l)
{
	struct manifest *m = &l->kept->m;

	for (size_t i = 0; i < m->nservices; i++) {
		struct service *s = &m->services[i];
		unsigned file = find_file(&s->line, &s->col);
		if (!file)
			continue;
		s->line = l->find.files[file].line;
		s->col = l->find.files[file].col;
	}
}

static void read_tree(struct load *l)
{
	struct tree tree;

	if (tree_parse(&tree, l->src, &l->find) == 0) {
		scope_enter(l, SCOPE_OF_ALL, tree.root);
		key_map(l, SCOPE_TOP, tree.root, &l->kept->m);
		check_manifest(l, tree.root);
		own_places(l);
		if (!l->find.errors && !l->kept->mem.failed)
			replicas_spread(l);
		projects_check(l);
	}
	scopes_done(l);
	l->find.files = NULL;
	tree_done(&tree);
	if (l->kept->mem.failed)
		find_nomem(&l->find);
}

struct manifest *manifest_load(const struct manifest_source *src, struct findings *ret_findings)
{
	struct load l = { .src = src };

	find_init(&l.find, ret_findings);
	buf_init(&l.text, CAP_MANIFEST);
	l.kept = calloc(1, sizeof *l.kept);
	if (!l.kept) {
		find_nomem(&l.find);
		return NULL;
	}
	manifest_defaults(&l.kept->m);
	l.kept->m.cwd_default = src->cwd_default;
	set_path(&l);
	read_tree(&l);
	buf_done(&l.text);
	buf_done(&l.filled);
	find_sort(&l.find);
	if (l.find.errors || !ret_findings->v)
		return manifest_free(&l.kept->m);
	for (size_t i = 0; i < l.kept->m.nservices; i++) {
		struct service *s = &l.kept->m.services[i];
		s->of = &l.kept->m;
		if (s->project)
			logs_inherit(&s->logs, &s->project->logs);
		logs_inherit(&s->logs, &l.kept->m.logs);
	}
	for (size_t i = 0; i < l.kept->m.nservices; i++)
		digest_service(&l.kept->m, &l.kept->m.services[i]);
	return &l.kept->m;
}

struct manifest *manifest_free(struct manifest *m)
{
	struct kept *k = (struct kept *)(void *)m;

	if (k && k->refs) {
		k->refs--;
	} else if (k) {
		for (size_t i = 0; i < m->nfiles; i++)
			(void)manifest_free(m->files[i]);
		arena_done(&k->mem);
		free(k);
	}
	return NULL;
}

struct manifest *manifest_ref(struct manifest *m)
{
	((struct kept *)(void *)m)->refs++;
	return m;
}

ssize_t manifest_find(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->nservices; i++)
		if (strcmp(m->services[i].name, name) == 0)
			return (ssize_t)i;
	return -1;
}

bool service_is(const struct service *s, const char *name)
{
	return strcmp(s->name, name) == 0 || (s->copy_of && strcmp(s->copy_of, name) == 0);
}

/* The program's file name with what a unit's name can't hold replaced. */
static char *command_name(struct kept *k, const char *program)
{
	const char *slash = strrchr(program, '/'), *base = slash ? slash + 1 : program;
	char name[CAP_NAME + 2] = "_";
	struct err err;
	size_t n = strnlen(base, CAP_NAME - 1);

	memcpy(name + 1, base, n);
	name[n + 1] = '\0';
	for (char *p = name + 1; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			*p = '_';
	/* The '_' in front is only for names that would be none without it. */
	char *best = unit_name_check(name + 1, &err) == 0 ? name + 1 : name;
	return arena_strn(&k->mem, best, strlen(best));
}

static char **copy_words(struct kept *k, char *const *words, char **ret_joined)
{
	size_t n = 0, bytes = 0;
	char **argv, *joined;

	for (; words[n]; n++)
		bytes += strlen(words[n]) + 1;
	argv = arena_array(&k->mem, n + 1, sizeof *argv);
	joined = *ret_joined = arena_get(&k->mem, bytes + 1);
	if (!argv || !joined)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(words[i]);
		argv[i] = arena_strn(&k->mem, words[i], len);
		memcpy(joined, words[i], len);
		joined += len;
		*joined++ = i + 1 < n ? ' ' : '\0';
	}
	return argv;
}

static void command_defaults(struct service *s, const struct spawn_limits *dynamic)
{
	static const struct spawn_limits none = { { 0 } };

	s->env.inherit = true;
	s->restart = RESTART_NEVER;
	s->backoff = (struct backoff){ NS_PER_SEC, 300 * NS_PER_SEC, 2, 10 };
	s->max_restarts = -1;
	s->success[0] = 1;
	s->stop_signal = 15;
	s->stop_target = STOP_MAIN;
	s->stop_timeout_ns = 5 * NS_PER_SEC;
	s->logs.sinks = SINK_INHERIT;
	s->policy = POLICY_DRAIN;
	s->terms = spawn_terms_default;
	s->spawn_dynamic = dynamic != NULL;
	s->limits = dynamic ? *dynamic : none;
}

struct manifest *manifest_of_command(
	char *const *words, const struct spawn_limits *dynamic, struct err *err)
{
	struct kept *k;

	if (!words || !words[0] || !words[0][0]) {
		err_set(err, ERR_BAD_VALUE, 0, "no command was given");
		return NULL;
	}
	k = calloc(1, sizeof *k);
	struct service *s = k ? arena_array(&k->mem, 1, sizeof *s) : NULL;
	if (s) {
		manifest_defaults(&k->m);
		k->m.path = arena_strn(&k->mem, "", 0);
		k->m.dir = arena_strn(&k->mem, ".", 1);
		k->m.services = s;
		k->m.nservices = 1;
		command_defaults(s, dynamic);
		fence_none(&s->fence);
		s->of = &k->m;
		s->name = command_name(k, words[0]);
		s->argv = copy_words(k, words, &s->command);
	}
	if (!s || k->mem.failed) {
		err_no_memory(err);
		return manifest_free(k ? &k->m : NULL);
	}
	digest_service(&k->m, s);
	return &k->m;
}
