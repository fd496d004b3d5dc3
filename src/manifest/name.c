#include <ctype.h>
#include <string.h>

#include "base/caps.h"
#include "manifest/manifest.h"

static int bad(struct err *err, const char *name, const char *why)
{
	err_set(err, ERR_BAD_VALUE, 0, "\"%.70s\" is no name for a unit: %s", name, why);
	return err_help(err,
		"write a letter, digit or _ first, then letters, digits, _ . -, at most "
		"%d in all",
		CAP_NAME);
}

int unit_name_check(const char *name, struct err *err)
{
	static const char *const reserved[] = { "self", "parent", "init", "operator", "nobody" };
	static const char word[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	if (!*name)
		return bad(err, name, "it is empty");
	if (!strchr(word, *name))
		return bad(err, name, "it begins with another character");
	for (const char *p = name; *p; p++)
		if (!strchr(word, *p) && *p != '.' && *p != '-')
			return bad(err, name, "it holds another character");
	if (strlen(name) > CAP_NAME)
		return bad(err, name, "it is too long");
	if (strspn(name, "0123456789") == strlen(name))
		return bad(err, name, "only digits would be taken for a pid");
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strcmp(name, reserved[i]) == 0)
			return bad(err, name, "it has a meaning of its own");
	return 0;
}
