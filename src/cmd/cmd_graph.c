#include <stdlib.h>
#include <unistd.h>

#include "cli/tree.h"
#include "cmd/checked.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "manifest/graph.h"

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG,
	{ "no-env", 0, ARG_NONE, .help = "needs no variables: a ${NAME} without a default stands for itself" },
	{ "format", 0, ARG_CHOICE, .value = "dot|json", .help = "for Graphviz, or machine-readable" },
	{ "json", 0, ARG_NONE, .help = "the same as --format json" },
	OPT_SOCKET,
	OPTS_VERBOSE,
};
// clang-format on

static const char *condition(const struct dep *d)
{
	static const char *const words[] = {
		[DEP_STARTED] = "started",
		[DEP_HEALTHY] = "healthy",
		[DEP_COMPLETED] = "completed",
	};

	return words[d->condition];
}

/* --- words --- */

static void levels_words(struct buf *out, const struct checked *c)
{
	(void)buf_adds(out, "start order\n");
	for (unsigned level = 0; level < c->plan->levels; level++) {
		const char *comma = "";

		(void)buf_printf(out, "%3u  ", level + 1);
		for (size_t i = 0; i < c->plan->n; i++) {
			size_t at = c->plan->order[i];

			if (c->plan->level[at] != level)
				continue;
			(void)buf_printf(out, "%s%s", comma, c->m->services[at].name);
			comma = ", ";
		}
		(void)buf_addc(out, '\n');
	}
}

/* The drawing: each service is opened once, so that there is a row for each service and each
 * dependency at most. */
struct drawing {
	const struct manifest *m;
	struct tree_row *rows;
	size_t n;
	struct step {
		size_t service, dep, row; /* dep: the next one to be drawn */
	} * way;                          /* from a root down */
	bool *opened, *needed;
	bool again, failed;
};

/* d NULL: a root. Returns its row. */
static size_t draw_one(struct drawing *g, size_t service, const struct dep *d, size_t parent)
{
	const struct service *s = &g->m->services[service];
	bool again = g->opened[service] && s->ndeps;
	struct buf b;

	buf_init(&b, 1024);
	(void)buf_adds(&b, s->name);
	if (d)
		(void)buf_printf(&b, " (%s%s)", condition(d), d->restart ? "" : ", restart: false");
	if (again)
		(void)buf_adds(&b, " *");
	char *text = buf_steal(&b);
	g->rows[g->n] = (struct tree_row){ .text = text, .parent = parent };
	g->failed |= !text;
	g->again |= again;
	return g->n++;
}

static void draw_below(struct drawing *g, size_t root)
{
	size_t depth = 1;

	g->way[0] = (struct step){ .service = root, .row = draw_one(g, root, NULL, TREE_ROOT) };
	g->opened[root] = true;
	while (depth) {
		struct step *at = &g->way[depth - 1];
		const struct service *s = &g->m->services[at->service];

		if (at->dep == s->ndeps) {
			depth--;
			continue;
		}
		const struct dep *d = &s->deps[at->dep++];
		size_t to = graph_dep(g->m, d), row = draw_one(g, to, d, at->row);
		if (g->opened[to])
			continue;
		g->opened[to] = true;
		g->way[depth++] = (struct step){ .service = to, .row = row };
	}
}

static size_t count_deps(struct drawing *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->m->nservices; i++) {
		const struct service *s = &g->m->services[i];

		n += s->ndeps;
		for (size_t d = 0; d < s->ndeps; d++)
			g->needed[graph_dep(g->m, &s->deps[d])] = true;
	}
	return n;
}

static int draw(struct buf *out, struct drawing *g, const struct manifest *m)
{
	size_t n = m->nservices;

	g->m = m;
	g->way = calloc(n + 1, sizeof *g->way);
	g->opened = calloc(n + 1, sizeof *g->opened);
	g->needed = calloc(n + 1, sizeof *g->needed);
	if (!g->way || !g->opened || !g->needed)
		return -1;
	g->rows = calloc(n + count_deps(g) + 1, sizeof *g->rows);
	if (!g->rows)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!g->needed[i])
			draw_below(g, i);
	return g->failed ? -1 : tree_draw(out, g->rows, g->n, !out_drawing());
}

static int words(struct buf *out, const struct checked *c)
{
	struct drawing g = { 0 };

	levels_words(out, c);
	(void)buf_adds(out, "\nwhat each depends on, and on which condition\n");
	int rc = draw(out, &g, c->m);
	if (g.again)
		(void)buf_adds(out, "* is drawn with its dependencies at another place\n");
	for (size_t i = 0; i < g.n; i++)
		free((char *)g.rows[i].text);
	free(g.rows);
	free(g.way);
	free(g.opened);
	free(g.needed);
	return rc;
}

/* --- dot --- */

/* A quoted string of the language: only the quote is escaped in it, and a backslash begins an
 * escape of a label. */
static void dot_quoted(struct buf *out, const char *text)
{
	(void)buf_addc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)buf_addc(out, '\\');
		if (*text == '\n')
			(void)buf_adds(out, "\\n");
		else
			(void)buf_addc(out, *text);
	}
	(void)buf_addc(out, '"');
}

static void dot_edge(struct buf *out, const char *from, const struct dep *d)
{
	(void)buf_addc(out, '\t');
	dot_quoted(out, from);
	(void)buf_adds(out, " -> ");
	dot_quoted(out, d->name);
	(void)buf_printf(
		out, " [label=\"%s\"%s];\n", condition(d), d->restart ? "" : ", style=dashed");
}

static int dot(struct buf *out, const struct checked *c)
{
	(void)buf_adds(out, "digraph sysg {\n\tlabel=");
	dot_quoted(out, c->place.path);
	(void)buf_adds(out, ";\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < c->plan->n; i++) {
		(void)buf_addc(out, '\t');
		dot_quoted(out, c->m->services[c->plan->order[i]].name);
		(void)buf_adds(out, ";\n");
	}
	for (size_t i = 0; i < c->plan->n; i++) {
		const struct service *s = &c->m->services[c->plan->order[i]];

		for (size_t d = 0; d < s->ndeps; d++)
			dot_edge(out, s->name, &s->deps[d]);
	}
	(void)buf_adds(out, "}\n");
	return 0;
}

/* --- json --- */

static void json_service(struct json *j, const struct service *s, unsigned level)
{
	json_open(j, NULL, '{');
	json_str(j, "name", s->name);
	json_int(j, "level", level + 1);
	json_open(j, "depends_on", '[');
	for (size_t d = 0; d < s->ndeps; d++) {
		json_open(j, NULL, '{');
		json_str(j, "service", s->deps[d].name);
		json_str(j, "condition", condition(&s->deps[d]));
		json_bool(j, "restart", s->deps[d].restart);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

/* In the order of the start. */
static int json(struct buf *out, const struct checked *c)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_str(&j, "path", c->place.path);
	json_int(&j, "levels", c->plan->levels);
	json_open(&j, "services", '[');
	for (size_t i = 0; i < c->plan->n; i++) {
		size_t at = c->plan->order[i];

		json_service(&j, &c->m->services[at], c->plan->level[at]);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	(void)buf_addc(out, '\n');
	return 0;
}

/* --- the command --- */

/* All findings for a person, the first error for a program. */
static int not_valid(const struct args *args, const struct checked *c)
{
	const struct err *first = checked_error(c);
	struct buf out;

	if (args->json && first)
		return diag_fail(first, true);
	buf_init(&out, OUT_MAX);
	checked_print(&out, c, out_colour(STDERR_FILENO));
	if (out.p)
		(void)!write(STDERR_FILENO, out.p, out.len);
	buf_done(&out);
	return first ? err_exit_status(first->code) : 1;
}

static int show(const struct args *args, const struct checked *c)
{
	const char *format = args_str(args, "format");
	struct buf out;

	buf_init(&out, OUT_MAX);
	int rc = args->json ? json(&out, c) : format ? dot(&out, c) : words(&out, c);
	return cmd_print(&out, rc < 0 ? 1 : 0);
}

static int run(const struct args *args)
{
	struct checked c;
	struct err err;
	int status;

	if (checked_open(&c, args, args_has(args, "no-env") ? NULL : environ, &err) < 0)
		status = cmd_fail(args, NULL, &err);
	else
		status = c.plan ? show(args, &c) : not_valid(args, &c);
	checked_done(&c);
	return status;
}

extern const struct command cmd_graph;
const struct command cmd_graph = {
	.name = "graph",
	.summary = "the start order, and what depends on what",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
