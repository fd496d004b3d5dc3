#include "cmd/checked.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/common.h"

/* The path of the manifest that runs, of several the first; NULL: nobody answers, or it has none. The caller frees it. */
static char *registered(const struct args *args)
{
	struct client c;
	struct rows rows;
	struct err err;
	const char *at = NULL, *key, *value;
	char *path = NULL;
	size_t n;

	cmd_client(&c, args);
	c.patience_ns = NS_PER_SEC;
	c.total = true;
	rows_init(&rows);
	if (rows_ask(&rows, &c, NULL, &err) == 0 && rows.supervisor.head)
		while (packet_next(&rows.supervisor, &at, &key, &n, &value)) {
			if (n != 8 || memcmp(key, "manifest", 8) != 0 || *value != '/')
				continue;
			if (path)
				log_line(LOG_WARN, "%s runs too; -c FILE looks at it", value);
			else
				path = strdup(value);
		}
	rows_done(&rows);
	client_done(&c);
	return path;
}

int checked_locate(const struct args *args, struct located *ret, struct err *err)
{
	const char *config = args_str(args, "config");

	*ret = (struct located){ 0 };
	if (!config && (ret->path = registered(args)))
		return 0;
	return manifest_locate(config, ret, err);
}

int checked_open(struct checked *c, const struct args *args, char *const *environ, struct err *err)
{
	size_t len;

	*c = (struct checked){ 0 };
	if (checked_locate(args, &c->at, err) < 0 ||
		manifest_read(c->at.path, &c->text, &len, err) < 0)
		return -1;
	struct manifest_source src = { .path = c->at.path,
		.text = c->text,
		.len = len,
		.environ = environ,
		.cwd_default = c->at.cwd_default,
		.may_switch_user = geteuid() == 0,
		.read = manifest_include };

	c->place = (struct diag_place){ .path = c->at.path, .text = c->text, .len = len };
	c->m = manifest_load(&src, &c->findings);
	if (c->m)
		c->plan = plan_new(c->m, &c->graph);
	if (!c->plan)
		c->m = manifest_free(c->m);
	return 0;
}

void checked_done(struct checked *c)
{
	(void)plan_free(c->plan);
	(void)manifest_free(c->m);
	findings_done(&c->findings);
	free(c->text);
	located_done(&c->at);
	*c = (struct checked){ 0 };
}

void checked_print(struct buf *out, const struct checked *c, bool colour)
{
	for (size_t i = 0; i < c->findings.n; i++)
		diag_print(out, &c->findings.v[i].err,
			c->findings.v[i].warning ? "warning" : "error", &c->place, colour);
	if (c->graph.code != ERR_OK)
		diag_print(out, &c->graph, "error", &c->place, colour);
}

const struct err *checked_error(const struct checked *c)
{
	for (size_t i = 0; i < c->findings.n; i++)
		if (!c->findings.v[i].warning)
			return &c->findings.v[i].err;
	return c->graph.code != ERR_OK ? &c->graph : NULL;
}
