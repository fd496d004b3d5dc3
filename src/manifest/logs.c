/* "logs" of a service, and of the top level as their defaults. */
#include "manifest/logs.h"

#include "base/units.h"
#include "manifest/keys.h"

static const struct key_word sink_words[] = {
	{ "stdout", SINK_STDOUT, NULL },
	{ "file", SINK_FILE, NULL },
	{ "inherit", SINK_INHERIT, NULL },
	{ "none", SINK_NONE, NULL },
	{ "stderr", 0, "write stdout: what comes on stderr goes to stderr" },
	{ "both", 0, "write [stdout, file]" },
	{ "null", 0, "write none" },
	{ "syslog", 0, "write stdout: the container's runtime takes it on" },
	{ "json-file", 0, "write stdout, and format: json" },
	{ NULL, 0, "write stdout, file, inherit, none, or a list" },
};

void key_logs(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	key_map(l, SCOPE_LOGS, v, (char *)base + row->offset);
}

void key_sinks(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct log_spec *spec = base;
	struct key_row one = { .name = row->name, .words = sink_words };
	unsigned sink = 0;

	for (size_t i = 0; i < (v->kind == YNODE_LIST ? v->n : 1); i++) {
		key_word(l, &one, v->kind == YNODE_LIST ? v->item[i] : v, &sink);
		spec->sinks |= sink;
	}
	if (v->kind == YNODE_LIST && v->n == 0)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"sink\" is an empty list"),
			"write none to discard what the service prints");
	/* More than one bit, and one of them is of those that stand alone. */
	if ((spec->sinks & (spec->sinks - 1)) && (spec->sinks & (SINK_INHERIT | SINK_NONE)))
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"inherit\" and \"none\" stand alone"),
			"write one of them, or stdout and file");
}

void key_log_prefix(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct log_spec *spec = base;
	struct key_row flag = { .name = row->name };
	bool yes = true;

	key_bool(l, &flag, v, &yes);
	spec->prefix = yes ? LOG_PREFIX_YES : LOG_PREFIX_NO;
}

void key_log_bytes(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *why, *s = load_typed(l, v, row->name);
	int64_t n = 0;

	if (!s)
		return;
	if (bytes_parse(s, &n, &why) < 0)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"%s: %.64s\": %s", row->name, s, why),
			"write a size, for example 10M");
	else if (n < row->range->min || n > row->range->max)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"%s: %.64s\": too %s", row->name, s,
				  n < row->range->min ? "small" : "large"),
			"write a size, for example 10M");
	*(int64_t *)(void *)((char *)base + row->offset) = n;
}

void key_log_total(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	if (base != &l->kept->m.logs)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"%s\" bounds all files together",
				  row->name),
			"write it below \"logs\" at the top level");
	else
		key_log_bytes(l, row, v, base);
}

void logs_inherit(struct log_spec *spec, const struct log_spec *from)
{
	if (!spec->sinks)
		spec->sinks = from->sinks;
	if (!spec->format)
		spec->format = from->format;
	if (!spec->prefix)
		spec->prefix = from->prefix;
	if (!spec->when_full)
		spec->when_full = from->when_full;
	if (!spec->max_bytes)
		spec->max_bytes = from->max_bytes;
	if (!spec->max_files)
		spec->max_files = from->max_files;
}
