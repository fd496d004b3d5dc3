#include "os/account.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/units.h"
#include "os/slurp.h"

enum { FIELDS = 7, FILE_MAX = 1024 * 1024, LINE_MAX_BYTES = 2048 };

/* Splits one line at ':' in place. Returns how many fields there are. */
static int split(char *line, char *field[FIELDS])
{
	int n = 0;

	while (line && n < FIELDS)
		field[n++] = strsep(&line, ":");
	return n;
}

/* The next line into buf; lines that don't fit are passed over. NULL: the end. */
static const char *next_line(const char *text, char buf[LINE_MAX_BYTES])
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		const char *after = text + n + (text[n] == '\n');
		if (n < LINE_MAX_BYTES) {
			memcpy(buf, text, n);
			buf[n] = '\0';
			return after;
		}
		text = after;
	}
	return NULL;
}

static int number(const char *s, unsigned *ret)
{
	const char *why;
	int64_t v;

	if (whole_parse(s, 0, UINT32_MAX - 1, &v, &why) < 0)
		return -1;
	*ret = (unsigned)v;
	return 0;
}

/* A word that doesn't fit is unknown: half a name is another's name. */
static void copy(char *ret, size_t size, const char *word)
{
	size_t n = strlen(word);

	memcpy(ret, word, n < size ? n + 1 : 0);
}

static int find_user(const char *user, const char *passwd, struct account *ret)
{
	char line[LINE_MAX_BYTES], *f[FIELDS];
	unsigned uid, gid, want = 0;
	int by_number = number(user, &want) == 0;

	while ((passwd = next_line(passwd, line))) {
		if (split(line, f) < 7 || number(f[2], &uid) < 0 || number(f[3], &gid) < 0)
			continue;
		if (strcmp(f[0], user) != 0 && !(by_number && uid == want))
			continue;
		ret->uid = uid;
		ret->gid = gid;
		copy(ret->name, sizeof ret->name, f[0]);
		copy(ret->home, sizeof ret->home, f[5]);
		copy(ret->shell, sizeof ret->shell, f[6]);
		return 0;
	}
	ret->uid = want;
	ret->gid = want;
	return by_number ? 0 : -1;
}

static int find_group(const char *group, const char *groups, gid_t *ret)
{
	char line[LINE_MAX_BYTES], *f[FIELDS];
	unsigned gid;

	while ((groups = next_line(groups, line)))
		if (split(line, f) >= 3 && strcmp(f[0], group) == 0 && number(f[2], &gid) == 0) {
			*ret = gid;
			return 0;
		}
	if (number(group, &gid) < 0)
		return -1;
	*ret = gid;
	return 0;
}

static int listed(const char *members, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = members; n && p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return 1;
	return 0;
}

static bool among(const struct account *a, gid_t gid)
{
	for (size_t i = 0; i < a->ngroups; i++)
		if (a->groups[i] == gid)
			return true;
	return false;
}

static void add_group(struct account *a, gid_t gid)
{
	if (!among(a, gid) && a->ngroups < ACCOUNT_GROUPS)
		a->groups[a->ngroups++] = gid;
}

int account_add_group(const char *group, const char *groups, struct account *a, struct err *err)
{
	gid_t gid;

	if (find_group(group, groups, &gid) < 0)
		return err_set(err, ERR_GROUPS, 0, "no such group in /etc/group: %s", group);
	add_group(a, gid);
	return among(a, gid) ? 0
			     : err_set(err, ERR_GROUPS, 0, "more than %d groups", ACCOUNT_GROUPS);
}

static void find_memberships(const char *groups, struct account *a)
{
	char line[LINE_MAX_BYTES], *f[FIELDS];
	unsigned gid;

	add_group(a, a->gid);
	while ((groups = next_line(groups, line)))
		if (split(line, f) >= 4 && number(f[2], &gid) == 0 && listed(f[3], a->name))
			add_group(a, gid);
}

int account_find(const char *user, const char *group, const char *passwd, const char *groups,
	struct account *ret, struct err *err)
{
	*ret = (struct account){ 0 };
	if (user && find_user(user, passwd, ret) < 0)
		return err_set(err, ERR_UID, 0, "no such user in /etc/passwd: %s", user);
	if (group && find_group(group, groups, &ret->gid) < 0)
		return err_set(err, ERR_GID, 0, "no such group in /etc/group: %s", group);
	find_memberships(groups, ret);
	return 0;
}

/* 0 too where there is no such file; a file that is there and can't be read now must not count as
 * empty: the same user would get other groups. */
static int load(const char *path, enum err_code code, struct buf *b, struct err *err)
{
	buf_init(b, FILE_MAX);
	if (slurp(path, false, 5000, b, err) == 0)
		return 0;
	buf_reset(b);
	if (err->sys == ENOENT || err->sys == ENOTDIR)
		return 0;
	err->code = code;
	return -1;
}

int account_load(const char *user, const char *group, struct account *ret, struct err *err)
{
	struct buf passwd, groups;
	struct err second = { 0 };
	int rc = load("/etc/passwd", ERR_UID, &passwd, err);

	if (load("/etc/group", ERR_GID, &groups, rc ? &second : err) < 0)
		rc = -1;
	if (!rc)
		rc = account_find(
			user, group, passwd.p ? passwd.p : "", groups.p ? groups.p : "", ret, err);
	buf_done(&passwd);
	buf_done(&groups);
	return rc;
}
