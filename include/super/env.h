/* env.h - environments: identical ones are kept once. Layer: super. */
#ifndef SUPER_ENV_H
#define SUPER_ENV_H

#include "super/parts.h"

struct bundle;

/* "K=V" strings one behind the other, each with its NUL; without the names that the init sets
 * itself. */
struct envblock {
	struct numbered by_hash; /* super.envs */
	unsigned refs;
	size_t n, size;
	struct env_share *shares; /* the trees that keep it */
	char bytes[];
};

/* All: a new reference, or NULL with err. ERR_TOO_LARGE past CAP_REQUEST. */
struct envblock *env_of_strings(
	struct super *s, const char *const *strings, size_t n, struct err *err);
/* What a service of m starts with: inherited, its user's HOME and so on, files, vars. Files and
 * accounts are those of the bundle. */
struct envblock *env_of_service(
	struct super *s, const struct service *svc, const struct bundle *files, struct err *err);
/* base with K=V strings on top; takes no reference of base. */
struct envblock *env_with(struct super *s, struct envblock *base, const char *const *strings,
	size_t n, struct err *err);
struct envblock *env_ref(struct envblock *e);
void env_unref(struct super *s, struct envblock *e);

/* A unit's tree keeps e from here on, as often as it is said: counted once (node/keep.h). -1: past the bound, with
 * this code, or no memory. */
int env_keep(struct envblock *e, struct unit *u, enum err_code code, struct err *err);
/* It doesn't any more, once for each time; and a reference is given back. */
void env_drop(struct super *s, struct envblock *e, struct unit *u);

/* envp for execve: the block's strings, then the extra ones; free() it, the strings are borrowed.
 * NULL: out of memory. */
char **env_vector(const struct envblock *e, const char *const *extra, size_t nextra);
/* Is this "K=V" one of the names that only the init sets? */
bool env_reserved(const char *assignment);

#endif
