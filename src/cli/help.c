#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/options.h"

static void left_column(char *buf, size_t size, const struct option_row *row)
{
	char letter[8] = "    ", value[64] = "";

	if (row->letter)
		(void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
	if (row->kind == ARG_OPTIONAL)
		(void)snprintf(value, sizeof value, "[=%s]", row->value);
	else if (row->kind != ARG_NONE)
		(void)snprintf(value, sizeof value, " %s%s", row->value,
			row->kind == ARG_LIST ? " ..." : "");
	(void)snprintf(buf, size, "%s--%s%s", letter, row->name, value);
}

static size_t widest(const struct option_row *table, size_t width)
{
	char left[128];

	for (const struct option_row *row = option_at(table); row; row = option_at(row + 1)) {
		if (row->kind == ARG_REFUSED)
			continue;
		left_column(left, sizeof left, row);
		size_t n = strlen(left);
		if (n > width && n <= 36)
			width = n;
	}
	return width;
}

static void list(struct buf *out, const struct option_row *table, size_t width)
{
	char left[128];

	for (const struct option_row *row = option_at(table); row; row = option_at(row + 1)) {
		if (row->kind == ARG_REFUSED)
			continue;
		left_column(left, sizeof left, row);
		if (strlen(left) > width)
			(void)buf_printf(out, "  %s\n  %*s  %s\n", left, (int)width, "", row->help);
		else
			(void)buf_printf(out, "  %-*s  %s\n", (int)width, left, row->help);
	}
}

void args_help(struct buf *out, const struct args_spec *spec)
{
	size_t width = widest(options_everywhere, widest(spec->options, 0));

	(void)buf_printf(out, "sysg %s - %s\n\nusage: sysg %s%s%s\n\noptions:\n", spec->name,
		spec->summary, spec->name, spec->usage[0] ? " " : "", spec->usage);
	list(out, spec->options, width);
	list(out, options_everywhere, width);
	if (spec->notes)
		(void)buf_printf(out, "\n%s", spec->notes);
}
