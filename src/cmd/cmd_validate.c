#include <stdlib.h>
#include <unistd.h>

#include "cli/diag.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "cmd/locate.h"
#include "manifest/manifest.h"
#include "plan/plan.h"

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG,
	{ "no-env", 0, ARG_NONE, .help = "needs no variables: a ${NAME} without a default stands for itself" },
	OPT_JSON, OPT_VERBOSE,
	{ NULL },
};
// clang-format on

/* What was read and what is to be said about it. */
struct checked {
	struct diag_place place;
	struct findings findings;
	struct err graph; /* the dependency graph's one error; ERR_OK: none */
	size_t services;
	int valid;
};

static void finding_json(struct json *j, const struct err *err, bool warning)
{
	json_open(j, NULL, '{');
	json_str(j, "severity", warning ? "warning" : "error");
	diag_json_fields(j, err);
	if (err->line > 0)
		json_int(j, "line", err->line);
	if (err->line > 0 && err->col > 0)
		json_int(j, "column", err->col);
	json_close(j, '}');
}

static void show_json(struct buf *out, const struct checked *c)
{
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	json_bool(&j, "valid", c->valid);
	json_str(&j, "path", c->place.path);
	if (c->valid)
		json_int(&j, "services", (int64_t)c->services);
	json_open(&j, "findings", '[');
	for (size_t i = 0; i < c->findings.n; i++)
		finding_json(&j, &c->findings.v[i].err, c->findings.v[i].warning);
	if (c->graph.code != ERR_OK)
		finding_json(&j, &c->graph, false);
	json_close(&j, ']');
	json_close(&j, '}');
	(void)buf_addc(out, '\n');
}

static void show_words(struct buf *out, const struct checked *c)
{
	bool colour = out_colour(STDOUT_FILENO);

	for (size_t i = 0; i < c->findings.n; i++)
		diag_print(out, &c->findings.v[i].err,
			c->findings.v[i].warning ? "warning" : "error", &c->place, colour);
	if (c->graph.code != ERR_OK)
		diag_print(out, &c->graph, "error", &c->place, colour);
	out_clean(out, c->place.path);
	if (c->valid)
		(void)buf_printf(
			out, ": valid, %zu service%s\n", c->services, c->services == 1 ? "" : "s");
	else
		(void)buf_adds(out, ": not valid\n");
}

static void check(struct checked *c, const struct manifest_source *src)
{
	struct manifest *m = manifest_load(src, &c->findings);
	struct plan *plan = NULL;

	if (m) {
		plan = plan_new(m, &c->graph);
		c->services = m->nservices;
		c->valid = plan != NULL;
	}
	(void)plan_free(plan);
	(void)manifest_free(m);
}

static int show(const struct args *args, const struct checked *c)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (args->json)
		show_json(&out, c);
	else
		show_words(&out, c);
	return cmd_print(&out, c->valid ? 0 : 1);
}

static int run(const struct args *args)
{
	struct located at;
	struct err err;
	char *text = NULL;
	size_t len = 0;

	if (manifest_locate(args_str(args, "config"), &at, &err) < 0)
		return cmd_fail(args, NULL, &err);
	if (manifest_read(at.path, &text, &len, &err) < 0) {
		located_done(&at);
		return cmd_fail(args, NULL, &err);
	}
	struct checked c = { .place = { .path = at.path, .text = text, .len = len } };
	struct manifest_source src = { .path = at.path,
		.text = text,
		.len = len,
		.environ = args_has(args, "no-env") ? NULL : environ,
		.cwd_default = at.cwd_default,
		.may_switch_user = geteuid() == 0 };

	check(&c, &src);
	int status = show(args, &c);
	findings_done(&c.findings);
	free(text);
	located_done(&at);
	return status;
}

extern const struct command cmd_validate;
const struct command cmd_validate = {
	.name = "validate",
	.summary = "every finding about a manifest, with its place and the remedy",
	.usage = "[OPTIONS]",
	.options = options,
	.words = ARGS_NONE,
	.run = run,
};
