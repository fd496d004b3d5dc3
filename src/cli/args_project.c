/* -p ID: what it makes of the units. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

#define LOOSE "loose" /* the id of the services without a project */

/* Where the paths are made, one behind the other. */
struct room {
	char *at, *end;
	const char *id;
};

/* No path: by itself it is one unit, in whatever project. */
static bool is_no_path(const char *unit)
{
	/* A row that takes a value has its text. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	return *unit == '@' || strcmp(unit, "self") == 0 || strcmp(unit, "parent") == 0 ||
	       strspn(unit, "0123456789") == strlen(unit);
}

/* "/ID/UNIT" */
static int qualify(struct room *r, const char **unit, struct err *err)
{
	bool loose = strcmp(r->id, LOOSE) == 0;
	const char *name = *unit;

	if (is_no_path(name))
		return err_set(
			err, ERR_EXCLUSIVE, 0, "%.40s is one unit by itself; leave -p out", name);
	*unit = r->at;
	r->at += 1 + snprintf(r->at, (size_t)(r->end - r->at), "%s%s/%s", loose ? "" : "/",
			     loose ? "" : r->id, name + (*name == '/'));
	return 0;
}

static int make_room(struct args *args, struct room *r, struct err *err)
{
	size_t n = strlen(r->id) + 3, size = n;

	for (size_t i = 0; i < args->nunits; i++)
		size += n + strlen(args->units[i]);
	for (size_t i = 0; i < args->nvalues; i++)
		size += n + (args->values[i].text ? strlen(args->values[i].text) : 0);
	r->at = args->paths = malloc(size);
	r->end = r->at + size;
	return r->at ? 0 : err_no_memory(err);
}

int args_join_project(struct args *args, const struct args_spec *spec, struct err *err)
{
	struct room r = { .id = args_str(args, "project") };
	bool named = args->nunits || args_has(args, "service");

	if (!r.id)
		return 0;
	if (!*r.id || *r.id == '.' || strchr(r.id, '/')) /* it is a folder's name, too */
		return err_set(
			err, ERR_BAD_VALUE, 0, "--project %.100s: no name of a project", r.id);
	if (make_room(args, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < args->nunits; i++) {
		const char *unit = args->units[i];
		if (qualify(&r, &unit, err) < 0)
			return -1;
		args->units[i] = (char *)(uintptr_t)unit;
	}
	for (size_t i = 0; spec->words == ARGS_COMMAND && i < args->nvalues; i++)
		if (strcmp(args->values[i].row->name, "service") == 0 &&
			qualify(&r, &args->values[i].text, err) < 0)
			return -1;
	if (named || spec->words == ARGS_UNIT_WORD || spec->words == ARGS_UNIT_TEXT)
		return 0;
	args->units[args->nunits++] = r.at;
	(void)snprintf(r.at, (size_t)(r.end - r.at), "%s/", r.id);
	return 0;
}
