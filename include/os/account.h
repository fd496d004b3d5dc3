/* account.h - users and groups from /etc/passwd and /etc/group alone. Layer: os.
 * Not by libc: musl's getpwnam and getgrouplist connect to nscd and wait for it. */
#ifndef OS_ACCOUNT_H
#define OS_ACCOUNT_H

#include <sys/types.h>

#include "base/err.h"

enum { ACCOUNT_GROUPS = 64 };

struct account {
	uid_t uid;
	gid_t gid;
	size_t ngroups;
	char name[64], home[256], shell[256]; /* empty: unknown */
	gid_t groups[ACCOUNT_GROUPS];         /* gid among them */
};

/* user and group: name or number, or NULL. passwd, group: the files' texts (may be ""). A user that
 * is a number need not be listed; its group is then the number too unless group is given. Pure. 0;
 * -1: ERR_UID or ERR_GID. */
int account_find(const char *user, const char *group, const char *passwd, const char *groups,
	struct account *ret, struct err *err);
/* One more, by name or number. -1: ERR_GROUPS. */
int account_add_group(const char *group, const char *groups, struct account *a, struct err *err);
/* The same with the files read by slurp(); a missing file counts as empty. */
int account_load(const char *user, const char *group, struct account *ret, struct err *err);

#endif
