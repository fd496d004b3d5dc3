/* Rules that need two keys, or two services. */
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "manifest/graph.h"
#include "manifest/keys.h"

enum { SOCKET_PATH_MAX = 107 };
#define STOP_TIMEOUT     (5 * NS_PER_SEC)
#define SHUTDOWN_TIMEOUT (8 * NS_PER_SEC)
#define SHUTDOWN_MARGIN  (3 * NS_PER_SEC)

/* The value of a key that is really there; NULL. */
static const struct ynode *written(const struct ynode *map, const char *key)
{
	const struct ynode *v = map ? tree_get(map, key) : NULL;

	return v && !tree_is_null(v) ? v : NULL;
}

static void check_program(struct load *l, const struct ynode *key, const struct ynode *map)
{
	const struct ynode *command = written(map, "command"), *exec = written(map, "exec");

	if (!command && !exec) {
		find_help(load_error(l, key, ERR_BAD_VALUE,
				  "the service \"%.64s\" has neither \"command\" nor \"exec\"",
				  key->text),
			"write command: \"...\"");
	} else if (command && exec) {
		const struct ynode *a = tree_key(map, "command"), *b = tree_key(map, "exec");
		bool a_last = a->line > b->line || (a->line == b->line && a->col > b->col);
		find_help(load_error(l, a_last ? a : b, ERR_BAD_VALUE,
				  "the service \"%.64s\" has both \"command\" and \"exec\"",
				  key->text),
			"keep one of them");
	}
}

/* A unit without a process of its own: nothing that is about one stands beside it. */
static void check_remote(
	struct load *l, const struct ynode *remote, const struct ynode *map, struct service *s)
{
	static const char *const of_a_process[] = { "command", "exec", "health_check", "hooks",
		"deployment", "stop_signal", "stop_target", "success_exit_codes", "on_exit" };

	if (!written(remote, "uid") || !written(remote, "token_file"))
		find_help(load_error(l, remote, ERR_BAD_VALUE,
				  "\"remote\" needs both \"uid\" and \"token_file\""),
			"write remote: {uid: 1000, token_file: /shared/NAME.token}");
	for (size_t i = 0; i < sizeof of_a_process / sizeof *of_a_process; i++)
		if (written(map, of_a_process[i]))
			find_help(load_error(l, tree_key(map, of_a_process[i]), ERR_BAD_VALUE,
					  "\"%s\" is about a process, which a \"remote\" unit has "
					  "not",
					  of_a_process[i]),
				"keep one of them");
	s->argv = load_array(l, 2, sizeof *s->argv);
	if (s->argv)
		s->argv[0] = s->token_file;
	s->command = NULL;
}

static void check_user(struct load *l, const struct ynode *map)
{
	static const char *const keys[] = { "user", "group" };

	for (size_t i = 0; !l->src->may_switch_user && i < 2; i++) {
		const struct ynode *v = written(map, keys[i]);
		if (v)
			find_help(load_error(l, v, ERR_NEEDS_ROOT,
					  "\"%s\" needs sysg to run as root", keys[i]),
				"leave it out, or start sysg as root");
	}
}

static void check_spawn(struct load *l, const struct ynode *map, const struct service *s)
{
	static const char *const of_dynamic[] = { "limits", "restart", "allow" };
	const struct ynode *spawn = written(map, "spawn"), *limits = written(spawn, "limits");

	for (size_t i = 0; !s->spawn_dynamic && i < 3; i++)
		if (written(spawn, of_dynamic[i]))
			find_help(load_warning(l, tree_key(spawn, of_dynamic[i]), ERR_BAD_VALUE,
					  "\"%s\" without \"mode: dynamic\" has no effect",
					  of_dynamic[i]),
				"write mode: dynamic, or leave it out");
	if (!limits)
		return;
	if (written(spawn, "termination_policy") && written(limits, "termination_policy"))
		find_help(load_error(l, tree_key(limits, "termination_policy"), ERR_BAD_VALUE,
				  "\"termination_policy\" is both in \"spawn\" and in \"limits\""),
			"keep one of them");
}

void check_service(
	struct load *l, const struct ynode *key, const struct ynode *map, struct service *s)
{
	const struct ynode *remote = written(map, "remote");

	if (remote)
		check_remote(l, remote, map, s);
	else
		check_program(l, key, map);
	check_user(l, map);
	check_spawn(l, map, s);
	if (map)
		check_health(l, map, s);
	if (s->stop_target == TARGET_UNSET)
		s->stop_target = s->shell ? STOP_GROUP : STOP_MAIN;
	s->stop_timeout_set = s->stop_timeout_ns >= 0;
	if (!s->stop_timeout_set)
		s->stop_timeout_ns = STOP_TIMEOUT;
}

static int by_name(const void *a, const void *b)
{
	const struct service *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

struct index {
	const struct service **v; /* by name */
	size_t n;
};

static const struct service *index_find(const struct index *x, char *name)
{
	struct service key = { .name = name }, *pkey = &key;
	const struct service **at = bsearch(&pkey, x->v, x->n, sizeof *x->v, by_name);

	return at ? *at : NULL;
}

static const char *nearest_service(const struct manifest *m, const char *name)
{
	const char *best = "";
	unsigned least = ~0u;

	for (size_t i = 0; i < m->nservices; i++) {
		unsigned d = word_distance(name, m->services[i].name);
		if (d < least && strcmp(name, m->services[i].name) != 0) {
			least = d;
			best = m->services[i].name;
		}
	}
	return best;
}

static void link_dep(struct load *l, const struct index *x, struct service *s, struct dep *d)
{
	struct manifest *m = &l->kept->m;
	const struct service *to = index_find(x, d->name);

	for (const struct dep *other = s->deps; other < d; other++)
		if (strcmp(other->name, d->name) == 0)
			find_error(&l->find, d->line, d->col, ERR_BAD_VALUE,
				"\"%.64s\" depends on \"%.64s\" twice", s->name, d->name);
	if (!to) {
		find_help(find_error(&l->find, d->line, d->col, ERR_BAD_DEPENDENCY,
				  "\"%.64s\" depends on \"%.64s\", which is no service of this "
				  "manifest",
				  s->name, d->name),
			"the nearest is \"%.64s\"", nearest_service(m, d->name));
		return;
	}
	if (to == s)
		find_help(find_error(&l->find, d->line, d->col, ERR_BAD_DEPENDENCY,
				  "\"%.64s\" depends on itself", s->name),
			"take the name out");
	d->index = (size_t)(to - m->services);
	if (d->condition == CONDITION_UNSET)
		d->condition = to->check.kind != CHECK_NONE ? DEP_HEALTHY : DEP_STARTED;
}

/* Of r: who gets it is holder; NULL: the service that it names. */
static void link_right(
	struct load *l, const struct index *x, struct service *holder, struct right_spec *r)
{
	struct manifest *m = &l->kept->m;
	const struct service *to = index_find(x, r->name);

	if (to)
		r->index = (size_t)(to - m->services);
	else if (!holder || strcmp(r->name, "**") != 0) {
		find_help(find_error(&l->find, r->line, r->col, ERR_BAD_VALUE,
				  "a right with \"%.64s\", which is no service of this manifest",
				  r->name),
			"the nearest is \"%.64s\"", nearest_service(m, r->name));
		return;
	}
	if (!holder)
		holder = &m->services[r->index];
	if (holder->held++ == CAP_RIGHTS)
		find_error(&l->find, r->line, r->col, ERR_BAD_VALUE,
			"\"%.64s\" holds more than %d rights", holder->name, CAP_RIGHTS);
}

static void link_rights(struct load *l, const struct index *x)
{
	struct manifest *m = &l->kept->m;

	for (size_t i = 0; i < m->nservices; i++) {
		struct service *s = &m->services[i];
		for (size_t r = 0; r < s->requests.n; r++)
			link_right(l, x, s, &s->requests.v[r]);
		for (size_t r = 0; r < s->grants.n; r++)
			link_right(l, x, NULL, &s->grants.v[r]);
	}
}

/* Every dependency gets its index and condition. -1: what follows would be without a base. */
static int link_deps(struct load *l)
{
	struct manifest *m = &l->kept->m;
	autofree const struct service **sorted = calloc(m->nservices + 1, sizeof *sorted);
	struct index x = { sorted, m->nservices };
	int before = l->find.errors;

	if (!sorted) {
		l->kept->mem.failed = 1;
		return -1;
	}
	for (size_t i = 0; i < m->nservices; i++)
		sorted[i] = &m->services[i];
	qsort(sorted, m->nservices, sizeof *sorted, by_name);
	for (size_t i = 0; i < m->nservices; i++)
		for (size_t d = 0; d < m->services[i].ndeps; d++)
			link_dep(l, &x, &m->services[i], &m->services[i].deps[d]);
	link_rights(l, &x);
	return l->find.errors == before ? 0 : -1;
}

static void check_budget(struct load *l, const struct ynode *root, const size_t *order)
{
	const struct manifest *m = &l->kept->m;
	const struct ynode *v = written(written(root, "shutdown"), "timeout");
	int64_t need = SHUTDOWN_TIMEOUT;
	char a[32], b[32];

	if (m->shutdown_timeout_ns < 0 || !v)
		return;
	for (size_t i = 0; i < m->nservices; i++)
		if (m->services[i].stop_timeout_set)
			need = 0;
	if (need == 0)
		need = graph_stop_budget(m, order) + SHUTDOWN_MARGIN;
	if (m->shutdown_timeout_ns >= need)
		return;
	find_help(load_warning(l, v, ERR_BAD_VALUE,
			  "the shutdown may need %s; after %s what is left is killed",
			  duration_print(a, sizeof a, need),
			  duration_print(b, sizeof b, m->shutdown_timeout_ns)),
		"write a longer timeout, or shorter stop_timeouts");
}

static void check_graph(struct load *l, const struct ynode *root)
{
	const struct manifest *m = &l->kept->m;
	autofree size_t *order = calloc(m->nservices + 1, sizeof *order);
	autofree unsigned *level = calloc(m->nservices + 1, sizeof *level);
	struct err err;

	if (!order || !level)
		l->kept->mem.failed = 1;
	else if (graph_sort(m, order, level, &err) == 0)
		check_budget(l, root, order);
	else
		find_help(find_error(&l->find, err.line, err.col, err.code, "%s", err.msg), "%s",
			err.help);
}

/* Each identity has a token of its own. */
static void check_tokens(struct load *l)
{
	const struct manifest *m = &l->kept->m;

	for (size_t i = 0; i < m->nservices; i++)
		for (size_t k = 0; k < i && m->services[i].token_file; k++)
			if (m->services[k].token_file &&
				!strcmp(m->services[k].token_file, m->services[i].token_file))
				find_error(&l->find, m->services[i].line, m->services[i].col,
					ERR_BAD_VALUE, "\"token_file\" is that of \"%.64s\", too",
					m->services[k].name);
}

static void check_exit_code(struct load *l, const struct ynode *root)
{
	struct manifest *m = &l->kept->m;
	ssize_t i;

	if (!m->exit_code_from)
		return;
	i = m->nservices ? manifest_find(m, m->exit_code_from) : -1;
	if (i >= 0)
		m->services[i].essential = true;
	else
		find_help(load_error(l, tree_get(root, "exit_code_from"), ERR_BAD_VALUE,
				  "\"exit_code_from\": \"%.64s\" is no service of this manifest",
				  m->exit_code_from),
			"the nearest is \"%.64s\"", nearest_service(m, m->exit_code_from));
}

void check_manifest(struct load *l, const struct ynode *root)
{
	struct manifest *m = &l->kept->m;
	const struct ynode *v;

	if (!written(root, "services"))
		find_help(find_error(&l->find, 1, 1, ERR_BAD_VALUE, "there are no \"services\""),
			"write services: {NAME: {command: ...}}");
	else if (!m->nservices && m->services)
		find_help(load_error(l, tree_key(root, "services"), ERR_BAD_VALUE,
				  "\"services\" is empty"),
			"write NAME: {command: ...} below it");
	if (m->max_concurrent == 0)
		find_help(load_error(l, written(written(root, "start"), "max_concurrent"),
				  ERR_BAD_VALUE, "\"max_concurrent\" 0 would start nothing"),
			"write -1 for all at once, 1 for one by one");
	v = written(written(root, "control"), "socket");
	if (v && m->control_socket && strlen(m->control_socket) > SOCKET_PATH_MAX)
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"socket\": the path has %zu bytes; at most %d are possible",
				  strlen(m->control_socket), SOCKET_PATH_MAX),
			"write a shorter one");
	if (l->kept->mem.failed)
		return;
	check_exit_code(l, root);
	check_tokens(l);
	if (link_deps(l) == 0)
		check_graph(l, root);
}
