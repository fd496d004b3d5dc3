#include "cmd/command.h"

#include <string.h>

#include "cli/nearest.h"

#define CMD(name) extern const struct command cmd_##name;
#include "commands.def"
#undef CMD

static const struct command *const table[] = {
#define CMD(name) &cmd_##name,
#include "commands.def"
#undef CMD
};

const struct command *command_at(size_t i)
{
	return i < sizeof table / sizeof *table ? table[i] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i]->name, name) == 0)
			return table[i];
	return NULL;
}

const char *command_nearest(const char *name)
{
	struct nearest near = { .word = name };

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		nearest_offer(&near, table[i]->name);
	return near.best;
}
