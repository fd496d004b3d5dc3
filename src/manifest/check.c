/* Rules that need two keys, or two services. */
#include <stdio.h>
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
static void check_program(struct load *l, const struct ynode *key, const struct ynode *map)
{
	const struct ynode *command = tree_written(map, "command"),
			   *exec = tree_written(map, "exec");

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
		"deployment", "stop_signal", "stop_target", "success_exit_codes", "on_exit",
		"replicas" };

	if (!tree_written(remote, "uid") || !tree_written(remote, "token_file"))
		find_help(load_error(l, remote, ERR_BAD_VALUE,
				  "\"remote\" needs both \"uid\" and \"token_file\""),
			"write remote: {uid: 1000, token_file: /shared/NAME.token}");
	for (size_t i = 0; i < sizeof of_a_process / sizeof *of_a_process; i++)
		if (tree_written(map, of_a_process[i]))
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
	static const char *const keys[] = { "user", "group", "supplementary_groups" };

	for (size_t i = 0; !l->src->may_switch_user && i < 3; i++) {
		const struct ynode *v = tree_written(map, keys[i]);
		if (v)
			find_help(load_error(l, v, ERR_NEEDS_ROOT,
					  "\"%s\" needs sysg to run as root", keys[i]),
				"leave it out, or start sysg as root");
	}
}

/* Children are made by the init, outside; what is a pid namespace's first process hands no descriptor on. */
static void check_spaces(struct load *l, const struct ynode *map, const struct service *s)
{
	for (size_t i = 0; i < key_row_count && s->fence.spaces; i++) {
		const struct key_row *row = &key_rows[i];
		bool dynamic = s->spawn_dynamic,
		     fd = row->offset == SPACE_PID && s->check.notify_fd;
		if (row->scope == SCOPE_ISOLATION && s->fence.spaces & row->offset &&
			(dynamic || fd))
			find_help(load_error(l, tree_key(tree_written(map, "isolation"), row->name),
					  ERR_NAMESPACE, "\"%s\" goes not with \"%s\"", row->name,
					  dynamic ? "spawn: {mode: dynamic}" : "notify: fd:N"),
				"leave one of them out");
	}
}

/* Without it a program that gains privileges would leave them behind. */
static void check_fence(struct load *l, const struct ynode *map, const struct service *s)
{
	const struct ynode *v = tree_written(map, "no_new_privs");

	if (v && !s->fence.no_new_privs &&
		(s->fence.seccomp || s->fence.ro_paths || s->fence.rw_paths))
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"seccomp\" and \"landlock\" need \"no_new_privs\""),
			"leave it out");
}

static void check_spawn(struct load *l, const struct ynode *map, const struct service *s)
{
	static const char *const of_dynamic[] = { "limits", "restart", "allow" };
	const struct ynode *spawn = tree_written(map, "spawn"),
			   *limits = tree_written(spawn, "limits");

	for (size_t i = 0; !s->spawn_dynamic && i < 3; i++)
		if (tree_written(spawn, of_dynamic[i]))
			find_help(load_warning(l, tree_key(spawn, of_dynamic[i]), ERR_BAD_VALUE,
					  "\"%s\" without \"mode: dynamic\" has no effect",
					  of_dynamic[i]),
				"write mode: dynamic, or leave it out");
	if (!limits)
		return;
	if (tree_written(spawn, "termination_policy") && tree_written(limits, "termination_policy"))
		find_help(load_error(l, tree_key(limits, "termination_policy"), ERR_BAD_VALUE,
				  "\"termination_policy\" is both in \"spawn\" and in \"limits\""),
			"keep one of them");
}

void check_service(
	struct load *l, const struct ynode *key, const struct ynode *map, struct service *s)
{
	const struct ynode *remote = tree_written(map, "remote");

	if (remote)
		check_remote(l, remote, map, s);
	else
		check_program(l, key, map);
	check_user(l, map);
	check_fence(l, map, s);
	check_spaces(l, map, s);
	check_spawn(l, map, s);
	check_cron(l, map, s);
	check_deployment(l, map, s);
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

static const struct service *index_exact(const struct index *x, char *name)
{
	struct service key = { .name = name }, *pkey = &key;
	const struct service **at = bsearch(&pkey, x->v, x->n, sizeof *x->v, by_name);

	return at ? *at : NULL;
}

/* What a service means by a name: one of its own project, else "ID/NAME" or a loose one. */
static const struct service *index_find(
	const struct index *x, const struct service *from, char *name)
{
	char own[CAP_SERVICE_NAME + 2];
	const struct service *to = NULL;

	if (from->project &&
		snprintf(own, sizeof own, "%s/%s", from->project->id, name) < (int)sizeof own)
		to = index_exact(x, own);
	return to ? to : index_exact(x, name);
}

/* As long as findings are listed: each takes milliseconds where there are thousands of services. */
static const char *nearest_service(const struct load *l, const char *name)
{
	const struct manifest *m = &l->kept->m;
	const char *best = "";
	unsigned least = ~0u;

	for (size_t i = 0; l->find.errors <= FINDINGS_MAX && i < m->nservices; i++) {
		const struct service *s = &m->services[i];
		unsigned d = word_distance(name, s->name),
			 plain = word_distance(name, service_plain(s));
		d = plain < d ? plain : d;
		if (d < least && strcmp(name, s->name) != 0) {
			least = d;
			best = s->name;
		}
	}
	return best;
}

static void link_dep(struct load *l, const struct index *x, struct service *s, struct dep *d)
{
	struct manifest *m = &l->kept->m;
	const struct service *to = index_find(x, s, d->name);

	if (to)
		d->name = to->name;
	for (const struct dep *other = s->deps; other < d; other++)
		if (strcmp(other->name, d->name) == 0) {
			find_error(&l->find, d->line, d->col, ERR_BAD_VALUE,
				"\"%.64s\" depends on \"%.64s\" twice", s->name, d->name);
			break;
		}
	if (!to) {
		find_help(find_error(&l->find, d->line, d->col, ERR_BAD_DEPENDENCY,
				  "\"%.64s\" depends on \"%.64s\", which is no service of this "
				  "manifest",
				  s->name, d->name),
			"the nearest is \"%.64s\"", nearest_service(l, d->name));
		return;
	}
	if (to == s || to->cron.expression)
		find_help(find_error(&l->find, d->line, d->col, ERR_BAD_DEPENDENCY,
				  "\"%.64s\" depends on %s", s->name,
				  to == s ? "itself" : "a cron unit"),
			"take the name out");
	d->index = (size_t)(to - m->services);
	if (d->condition == CONDITION_UNSET)
		d->condition = to->check.kind != CHECK_NONE ? DEP_HEALTHY : DEP_STARTED;
}

/* Of r, of service s: who gets it is s, or the service that it names. It is over as many as there are copies of the other. */
static void link_right(struct load *l, const struct index *x, struct service *s, bool request,
	struct right_spec *r)
{
	struct manifest *m = &l->kept->m;
	const struct service *to = index_find(x, s, r->name), *over = request ? to : s;
	struct service *holder = s;

	if (to) {
		r->index = (size_t)(to - m->services);
		r->name = to->name;
	} else if (!request || strcmp(r->name, "**") != 0) {
		find_help(find_error(&l->find, r->line, r->col, ERR_BAD_VALUE,
				  "a right with \"%.64s\", which is no service of this manifest",
				  r->name),
			"the nearest is \"%.64s\"", nearest_service(l, r->name));
		return;
	}
	if (!request)
		holder = &m->services[r->index];
	unsigned held = holder->held;
	holder->held += over && over->replicas > 1 ? (unsigned)over->replicas : 1;
	if (held <= CAP_RIGHTS && holder->held > CAP_RIGHTS)
		find_error(&l->find, r->line, r->col, ERR_BAD_VALUE,
			"\"%.64s\" holds more than %d rights", holder->name, CAP_RIGHTS);
}

static void link_rights(struct load *l, const struct index *x)
{
	struct manifest *m = &l->kept->m;

	for (size_t i = 0; i < m->nservices; i++) {
		struct service *s = &m->services[i];
		for (size_t r = 0; r < s->requests.n; r++)
			link_right(l, x, s, true, &s->requests.v[r]);
		for (size_t r = 0; r < s->grants.n; r++)
			link_right(l, x, s, false, &s->grants.v[r]);
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
	const struct ynode *v = tree_written(tree_written(root, "shutdown"), "timeout");
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
	const char *from = m->exit_code_from, *why = NULL;
	struct err err = { .code = ERR_OK };
	ssize_t i = from ? manifest_find(m, from) : -1;

	if (!from)
		return;
	if (i < 0 && !selects_project(from))
		i = manifest_select(m, from, -1, &err);
	if (i < 0)
		why = err.code == ERR_AMBIGUOUS ? "is a service of several projects"
						: "is no service of this manifest";
	else if (m->services[i].replicas > 1)
		why = "has several replicas, so several codes";
	if (why) {
		struct err *e = load_error(l, tree_get(root, "exit_code_from"), ERR_BAD_VALUE,
			"\"exit_code_from\": \"%.64s\" %s", from, why);
		if (i >= 0)
			find_help(e, "take a service without replicas");
		else
			find_help(e, "the nearest is \"%.127s\"", nearest_service(l, from));
		return;
	}
	m->exit_code_from = m->services[i].name;
}

/* What ends after each run, or has no process, can't be both. */
static void check_cron_units(struct load *l)
{
	for (size_t i = 0; i < l->kept->m.nservices; i++) {
		const struct service *s = &l->kept->m.services[i];
		bool ends_all = s->essential || s->name == l->kept->m.exit_code_from;
		if (s->cron.expression && (ends_all || s->token_file))
			find_help(find_error(&l->find, s->line, s->col, ERR_BAD_VALUE,
					  "a cron unit can't be \"%s\"",
					  ends_all ? "essential" : "remote"),
				"keep one of them");
	}
}

void check_manifest(struct load *l, const struct ynode *root)
{
	struct manifest *m = &l->kept->m;
	const struct ynode *v;

	v = tree_written(root, "services");
	const struct ynode *projects = tree_written(root, "projects");
	if (!v && (!projects || m->single || (projects->kind == YNODE_MAP && !projects->n)))
		find_help(find_error(&l->find, 1, 1, ERR_BAD_VALUE, "there are no \"services\""),
			"write services: {NAME: {command: ...}}");
	else if (v && v->kind == YNODE_MAP && !v->n && !v->bad)
		find_help(load_error(l, tree_key(root, "services"), ERR_BAD_VALUE,
				  "\"services\" is empty"),
			"write NAME: {command: ...} below it");
	if (m->max_concurrent == 0)
		find_help(load_error(l, tree_written(tree_written(root, "start"), "max_concurrent"),
				  ERR_BAD_VALUE, "\"max_concurrent\" 0 would start nothing"),
			"write -1 for all at once, 1 for one by one");
	v = tree_written(tree_written(root, "control"), "socket");
	if (v && m->control_socket && strlen(m->control_socket) > SOCKET_PATH_MAX)
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"socket\": the path has %zu bytes; at most %d are possible",
				  strlen(m->control_socket), SOCKET_PATH_MAX),
			"write a shorter one");
	project_single(l);
	if (l->kept->mem.failed)
		return;
	check_exit_code(l, root);
	check_cron_units(l);
	check_tokens(l);
	if (link_deps(l) == 0)
		check_graph(l, root);
}
