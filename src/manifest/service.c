/* What a service is made of, but its environment and its health check. */
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/clock.h"
#include "manifest/keys.h"
#include "manifest/scope.h"
#include "manifest/types.h"

#define STOP_TIMEOUT_UNSET INT64_C(-1)

static void defaults(struct load *l, struct service *s)
{
	s->working_dir = l->src->cwd_default ? NULL : l->kept->m.dir;
	s->env.inherit = true;
	s->restart = RESTART_ON_FAILURE;
	s->backoff = (struct backoff){ NS_PER_SEC, 300 * NS_PER_SEC, 2, 10 };
	s->max_restarts = -1;
	s->success[0] = 1;
	s->stop_signal = 15;
	fence_none(&s->fence);
	s->stop_target = TARGET_UNSET;
	s->stop_timeout_ns = STOP_TIMEOUT_UNSET;
	s->policy = POLICY_DRAIN;
	s->allow_public = true;
	s->terms = spawn_terms_default;
	for (int i = 0; i < LIMIT_COUNT; i++)
		s->limits.v[i] = limit_rows[i].kind != LIMIT_KIND_COUNT && limit_rows[i].def == 0
					 ? LIMIT_NONE
					 : limit_rows[i].def;
}

static void one_service(
	struct load *l, const struct project *p, const struct ynode *key, const struct ynode *v)
{
	struct service *s = &l->kept->m.services[l->kept->m.nservices++];
	struct err err;

	defaults(l, s);
	s->project = p;
	s->name = p ? project_path(l, p, key->text) : load_keep(l, key->text);
	s->line = key->line;
	s->col = key->col;
	if (unit_name_check(key->text, &err) < 0)
		load_report(l, key, &err);
	int outer = l->level;
	scope_enter(l, SCOPE_OF_SERVICE, v);
	slots_find(l, v);
	if (!tree_is_null(v))
		key_map(l, SCOPE_SERVICE, v, s);
	scope_leave(l, outer);
	if (v->bad || (v->kind != YNODE_MAP && !tree_is_null(v)))
		return;
	check_service(l, key, v, s);
}

int services_room(struct load *l, const struct ynode *n, size_t more)
{
	struct manifest *m = &l->kept->m;
	size_t all = m->nservices + more;

	if (all <= l->room)
		return 0;
	if (all > CAP_SERVICES) {
		load_error(l, n, ERR_BAD_VALUE, "%zu services; at most %d are possible", all,
			CAP_SERVICES);
		return -1;
	}
	struct service *v = load_array(l, all, sizeof *v);
	if (!v)
		return -1;
	if (m->nservices)
		memcpy(v, m->services, m->nservices * sizeof *v);
	m->services = v;
	l->room = all;
	return 0;
}

void key_services(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const struct project *p = row->scope == SCOPE_PROJECT ? base : NULL;

	if (load_kind(l, v, YNODE_MAP, row->name, "write NAME: {command: ...} below it") < 0 ||
		services_room(l, v, v->n) < 0)
		return;
	for (size_t i = 0; i < v->n; i++)
		one_service(l, p, v->item[2 * i], v->item[2 * i + 1]);
}

/* A list of words as argv; command as people read it. */
static void words(
	struct load *l, const struct key_row *row, const struct ynode *v, struct service *s)
{
	struct buf joined;
	char **argv;

	if (v->n == 0 || v->n > CAP_ARGS) {
		load_error(l, v, ERR_BAD_VALUE, "\"%s\" has %zu words; 1 to %d are possible",
			row->name, v->n, CAP_ARGS);
		return;
	}
	argv = load_array(l, v->n + 1, sizeof *argv);
	buf_init(&joined, 2 * (size_t)CAP_MANIFEST);
	for (size_t i = 0; argv && i < v->n; i++) {
		const char *word = load_text(l, v->item[i], row->name);
		if (word && i == 0 && !*word)
			load_error(l, v->item[i], ERR_BAD_VALUE, "\"%s\": no program", row->name);
		argv[i] = load_keep(l, word ? word : "");
		if ((i && buf_addc(&joined, ' ') < 0) || buf_adds(&joined, word ? word : "") < 0)
			l->kept->mem.failed = 1;
	}
	s->argv = argv;
	s->shell = false;
	s->command = load_keep(l, joined.p ? joined.p : "");
	buf_done(&joined);
}

void key_exec(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	if (load_kind(l, v, YNODE_LIST, row->name,
		    "write a list of words, or \"command\" for a line for the shell") == 0)
		words(l, row, v, base);
}

/* { "/bin/sh", "-c", line }: what the shell expands is left to it. */
static char **shell_argv(struct load *l, const struct ynode *v, const char *what)
{
	char **argv;

	if (v->text[strspn(v->text, " \t\n")] == '\0') {
		load_error(l, v, ERR_BAD_VALUE, "\"%s\" is empty", what);
		return NULL;
	}
	argv = load_array(l, 4, sizeof *argv);
	if (!argv)
		return NULL;
	argv[0] = load_keep(l, "/bin/sh");
	argv[1] = load_keep(l, "-c");
	argv[2] = load_keep(l, load_fill(l, v, v->text));
	return argv;
}

void key_command(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;

	if (v->bad)
		return;
	if (v->kind == YNODE_LIST) {
		words(l, row, v, s);
	} else if (load_kind(l, v, YNODE_SCALAR, row->name, "write a line or a list of words") ==
		   0) {
		s->argv = shell_argv(l, v, row->name);
		s->command = s->argv ? s->argv[2] : NULL;
		s->shell = true;
	}
}

char **load_argv(struct load *l, const struct key_row *row, const struct ynode *v)
{
	struct service part = { 0 };

	if (v->bad)
		return NULL;
	if (v->kind == YNODE_LIST)
		words(l, row, v, &part);
	else if (load_kind(l, v, YNODE_SCALAR, row->name, "write a line or a list of words") == 0)
		part.argv = shell_argv(l, v, row->name);
	return part.argv;
}

void key_check_command(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct health_check *c = base;

	c->argv = load_argv(l, row, v);
	c->kind = CHECK_COMMAND;
}

/* One dependency: a name, or a map. place: where people look for it. */
static void one_dep(struct load *l, struct service *s, const struct ynode *v,
	const struct ynode *place, const char *name)
{
	struct dep *d = &s->deps[s->ndeps];

	*d = (struct dep){ NULL, SIZE_MAX, CONDITION_UNSET, true, place->line, place->col };
	if (name)
		d->name = load_keep(l, name);
	if (v && v->kind == YNODE_SCALAR && !name) {
		name = load_typed(l, v, "depends_on");
		if (name)
			d->name = load_keep(l, name);
	} else if (v && name && v->kind == YNODE_SCALAR && !tree_is_null(v)) {
		/* {NAME: completed}: the short form of {NAME: {condition: completed}} */
		const struct key_row *condition = key_find(SCOPE_DEP, "condition");
		condition->parse(l, condition, v, d);
	} else if (v && !(name && tree_is_null(v))) {
		key_map(l, SCOPE_DEP, v, d);
		if (name && d->name && strcmp(name, d->name) != 0)
			load_error(l, v, ERR_BAD_VALUE,
				"\"service: %.64s\" below the name \"%.64s\"", d->name, name);
		if (!tree_get(v, "service") && !name && v->kind == YNODE_MAP)
			load_error(l, v, ERR_BAD_VALUE, "a dependency without \"service\"");
	}
	/* Without a name it was found already, or --no-env leaves it open. */
	if (d->name)
		s->ndeps++;
}

void key_depends_on(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;
	const struct ynode *one = tree_get(v, "service");

	if (v->kind == YNODE_SCALAR) {
		(void)load_kind(l, v, YNODE_LIST, row->name, "write a list: [NAME]");
		return;
	}
	if (v->n > CAP_SERVICES) {
		load_error(l, v, ERR_BAD_VALUE, "%zu dependencies; at most %d are possible", v->n,
			CAP_SERVICES);
		return;
	}
	s->deps = load_array(l, v->n, sizeof *s->deps);
	if (!s->deps || v->bad)
		return;
	if (one && one->kind == YNODE_SCALAR && !tree_is_null(one)) {
		one_dep(l, s, v, v, NULL);
		return;
	}
	for (size_t i = 0; i < v->n; i++) {
		if (v->kind == YNODE_MAP)
			one_dep(l, s, v->item[2 * i + 1], v->item[2 * i], v->item[2 * i]->text);
		else
			one_dep(l, s, v->item[i], v->item[i], NULL);
	}
}

void key_backoff(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct backoff *b = (struct backoff *)(void *)((char *)base + row->offset);
	struct key_row initial = *key_find(SCOPE_BACKOFF, "initial");

	initial.name = row->name;
	if (v->kind == YNODE_MAP)
		key_map(l, SCOPE_BACKOFF, v, b);
	else
		key_duration(l, &initial, v, b);
	if (b->max_ns >= b->initial_ns)
		return;
	const struct ynode *max = tree_get(v, "max");
	if (max && !tree_is_null(max))
		find_help(load_error(l, max, ERR_BAD_VALUE, "\"max\" is less than \"initial\""),
			"write a longer one");
	b->max_ns = b->initial_ns;
}

void key_success(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;
	struct key_row code = *row;

	if (load_kind(l, v, YNODE_LIST, row->name, "write a list, for example [0, 143]") < 0)
		return;
	code.offset = 0;
	for (size_t i = 0; i < v->n; i++) {
		int64_t n = 0;
		key_int64(l, &code, v->item[i], &n);
		s->success[n / 8] |= (unsigned char)(1u << (n % 8));
	}
}

void key_limit(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *s = load_typed(l, v, row->name);
	struct err err;

	if (s && limit_parse((enum limit_key)limit_find(row->name), s,
			 (int64_t *)(void *)((char *)base + row->offset), &err) < 0)
		load_report(l, v, &err);
}

void key_policy(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *s = load_typed(l, v, row->name);
	struct err err;

	if (s && policy_parse(s, (enum spawn_policy *)(void *)((char *)base + row->offset), &err) <
			 0)
		load_report(l, v, &err);
}

/* To ask for nothing is never refused. */
void key_on_exits(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	unsigned *all = (unsigned *)(void *)((char *)base + row->offset);
	struct key_row one = { .name = row->name, .words = row->words };

	if (load_kind(l, v, YNODE_LIST, row->name, "write a list, for example [restart, send]") < 0)
		return;
	*all = 1u << ON_EXIT_NONE;
	for (size_t i = 0; i < v->n; i++) {
		unsigned rule = ON_EXIT_NONE;
		key_word(l, &one, v->item[i], &rule);
		*all |= 1u << rule;
	}
}

/* send:TARGET:TEXT or send:TARGET:@FILE; what starts a service again is restart_policy. */
static void one_send(struct load *l, const struct ynode *v, struct service *s)
{
	const char *rule = load_text(l, v, "on_exit");
	char *target = rule && strncmp(rule, "send:", 5) == 0 ? load_keep(l, rule + 5) : NULL;
	char *text = target ? strchr(target, ':') : NULL;

	if (rule && (!text || text == target))
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"on_exit\": \"%.64s\" is no message",
				  rule),
			"write \"send:TARGET:TEXT\" or \"send:TARGET:@FILE\"; restart_policy is "
			"for starting it again");
	if (!text || text == target)
		return;
	*text++ = '\0';
	s->sends[s->nsends++] = *text == '@'
					? (struct exit_send){ target, NULL, load_path(l, text + 1) }
					: (struct exit_send){ target, text, NULL };
}

void key_exit_sends(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;

	if (load_kind(l, v, YNODE_LIST, row->name, "write a list: [\"send:TARGET:TEXT\"]") < 0)
		return;
	if (v->n > CAP_WILLS) {
		load_error(l, v, ERR_BAD_VALUE,
			"\"on_exit\" has %zu messages; at most %d are possible", v->n, CAP_WILLS);
		return;
	}
	s->sends = load_array(l, v->n, sizeof *s->sends);
	for (size_t i = 0; s->sends && i < v->n; i++)
		one_send(l, v->item[i], s);
}
