#include <unistd.h>

#include "cmd/checked.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "super/super.h"

// clang-format off
static const struct option_row options[] = {
	OPT_CONFIG,
	{ "no-env", 0, ARG_NONE, .help = "needs no variables, files or accounts: a ${NAME} without a default stands for itself" },
	OPTS_CLIENT,
};
// clang-format on

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
	json_bool(&j, "valid", c->plan != NULL);
	json_str(&j, "path", c->place.path);
	if (c->plan)
		json_int(&j, "services", (int64_t)c->m->nservices);
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
	checked_print(out, c, out_colour(STDOUT_FILENO));
	out_clean(out, c->place.path);
	if (c->plan)
		(void)buf_printf(out, ": valid, %zu service%s\n", c->m->nservices,
			c->m->nservices == 1 ? "" : "s");
	else
		(void)buf_adds(out, ": not valid\n");
}

static int run(const struct args *args)
{
	struct checked c;
	struct err err;
	struct buf out;
	int status;

	bool here = !args_has(args, "no-env");
	if (checked_open(&c, args, here ? environ : NULL, &err) < 0) {
		status = cmd_fail(args, NULL, &err);
	} else {
		if (c.plan && here && super_check(c.m, &c.findings))
			c.plan = plan_free(c.plan);
		buf_init(&out, OUT_MAX);
		if (args->json)
			show_json(&out, &c);
		else
			show_words(&out, &c);
		status = cmd_print(&out, c.plan ? 0 : 1);
	}
	checked_done(&c);
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
