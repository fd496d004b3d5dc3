/* The keys of a cron unit, and what doesn't go with them. */
#include <stdio.h>
#include <string.h>

#include "manifest/keys.h"

void key_cron(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct cron_spec *cron = &((struct service *)base)->cron;
	const char *text = load_typed(l, v, row->name);
	struct err err;

	if (!text)
		return;
	cron->expression = load_keep(l, text);
	if (cron_parse(text, &cron->at, &err) == 0)
		return;
	(void)err_wrap(&err, "\"%s\"", row->name);
	load_report(l, v, &err);
}

/* UTC needs no file: an image may lack them all. */
static void take_zone(
	struct load *l, const struct ynode *v, const char *name, struct cron_spec *cron)
{
	char path[128];

	if (!zone_name_ok(name)) {
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"timezone\": \"%.64s\" is no name of a time zone", name),
			"write timezone: UTC, or a name like Europe/Berlin");
		return;
	}
	snprintf(path, sizeof path, ZONE_DIR "%s", name);
	if (!(cron->zone_file = load_keep(l, path)))
		return;
	cron->timezone = cron->zone_file + strlen(ZONE_DIR);
	if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0)
		cron->zone_file = NULL;
}

void key_timezone(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *name = load_typed(l, v, row->name);

	if (name)
		take_zone(l, v, name, &((struct service *)base)->cron);
}

void check_cron(struct load *l, const struct ynode *map, struct service *s)
{
	const struct ynode *cron = map ? tree_get(map, "cron") : NULL;

	if (!cron || cron->kind != YNODE_MAP)
		return;
	const struct ynode *at = tree_get(cron, "expression"), *zone = tree_get(cron, "timezone");
	if (!at || tree_is_null(at))
		find_help(load_error(l, cron, ERR_BAD_VALUE, "\"cron\" has no \"expression\""),
			"write expression: \"30 3 * * *\"");
	if (!zone || tree_is_null(zone)) {
		struct ynode of_container = *cron;
		of_container.kind = YNODE_SCALAR;
		of_container.text = "${TZ:-UTC}";
		const char *name = load_typed(l, &of_container, "timezone");
		if (name)
			take_zone(l, cron, name + (*name == ':'), &s->cron);
	}
	s->restart = RESTART_NEVER; /* it runs again when its time comes */
}
