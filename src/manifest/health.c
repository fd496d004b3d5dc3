/* The keys of health_check, and their rules. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "manifest/keys.h"
#include "manifest/types.h"
#include "manifest/url.h"

enum { UNIX_PATH_MAX = 107, NOTIFY_FD_MIN = 3, NOTIFY_FD_MAX = 1023 };

void key_check_tcp(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct health_check *c = base;
	const char *why = "", *host, *s = load_typed(l, v, row->name);
	size_t n;

	c->kind = CHECK_TCP;
	if (!s)
		return;
	if (type_hostport(s, &host, &n, &c->port, &why) < 0) {
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"tcp\": \"%.100s\": %s", s, why),
			"write for example localhost:8080, 127.0.0.1:8080 or [::1]:8080");
		return;
	}
	c->target = load_keep(l, s);
	c->host = arena_strn(&l->kept->mem, host, n);
	c->named = c->host && type_host_is_name(c->host);
}

void key_check_url(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct health_check *c = base;
	const char *why = "", *help = "", *s = load_typed(l, v, row->name);
	struct url u;

	c->kind = CHECK_URL;
	if (!s)
		return;
	if (url_parse(s, &u, &why, &help) < 0) {
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"url\": \"%.100s\": %s", s, why), "%s",
			help);
		return;
	}
	char path[URL_MAX + 2];
	snprintf(path, sizeof path, "%s%s", *u.path == '/' ? "" : "/", u.path);
	c->target = load_keep(l, s);
	c->host = arena_strn(&l->kept->mem, u.host, u.host_len);
	c->authority = arena_strn(&l->kept->mem, u.authority, u.authority_len);
	c->path = load_keep(l, path);
	c->port = u.port;
	c->named = c->host && type_host_is_name(c->host);
}

static void take_path(struct load *l, const struct key_row *row, const struct ynode *v,
	struct health_check *c, enum check_kind kind)
{
	const char *s = load_text(l, v, row->name);

	c->kind = kind;
	if (s && !*s)
		load_error(l, v, ERR_BAD_VALUE, "\"%s\" is empty", row->name);
	else if (s)
		c->target = load_keep(l, s);
}

void key_check_file(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	take_path(l, row, v, base, CHECK_FILE);
}

/* How long it is depends on working_dir: check_socket_path(), once that is known. */
void key_check_unix(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	take_path(l, row, v, base, CHECK_UNIX);
}

void key_check_notify(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct health_check *c = base;
	const char *why, *s = load_typed(l, v, row->name);
	int64_t fd = -1;
	bool yes = false;

	c->kind = CHECK_NOTIFY;
	c->notify_fd = -1;
	if (!s || (type_bool(s, &yes, &why) == 0 && yes))
		return;
	if (strncmp(s, "fd:", 3) == 0 &&
		type_int(s + 3, NOTIFY_FD_MIN, NOTIFY_FD_MAX, &fd, &why) == 0) {
		c->notify_fd = (int)fd;
		return;
	}
	find_help(load_error(l, v, ERR_BAD_VALUE,
			  "\"notify\": \"%.100s\": true or fd:N is expected, N from %d to %d", s,
			  NOTIFY_FD_MIN, NOTIFY_FD_MAX),
		strcmp(s, "false") == 0 ? "leave it out" : "write true, or for example fd:3");
}

/* The kernel has room for that many bytes (unix(7)). Where the working directory is the one that
 * sysg is started in, its attempts tell. */
static void check_socket_path(struct load *l, const struct ynode *v, const struct service *s)
{
	const char *path = s->check.target;
	size_t n = path ? strlen(path) : 0;

	if (n && *path != '/' && s->working_dir)
		n += strlen(s->working_dir) + 1;
	if (n > UNIX_PATH_MAX)
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"unix\": the socket's path has %zu bytes, at most %d are "
				  "possible",
				  n, UNIX_PATH_MAX),
			"put the socket into a directory with a shorter path, /run for example");
}

void check_health(struct load *l, const struct ynode *map, const struct service *s)
{
	const struct ynode *v = tree_get(map, "health_check");
	const struct ynode *deployment = tree_get(map, "deployment");

	if (s->check.kind != CHECK_UNIX)
		return;
	if ((!v || tree_is_null(v)) && deployment)
		v = tree_get(deployment, "health_check");
	if (v && tree_get(v, "unix"))
		check_socket_path(l, tree_get(v, "unix"), s);
}

/* Beside interval or retries it is Compose's timeout, of one attempt; alone it is that of early
 * Rust manifests, of all. */
static void place_timeout(struct load *l, const struct ynode *map, struct health_check *c)
{
	bool attempt = tree_written(map, "interval") || tree_written(map, "retries");
	const char *name = attempt ? "attempt_timeout" : "total_timeout";
	const struct ynode *node = tree_get(map, "timeout");

	if (!tree_written(map, "timeout"))
		return;
	if (tree_written(map, name)) {
		find_help(load_error(l, node, ERR_BAD_VALUE,
				  "\"timeout\" and \"%s\" mean the same here", name),
			"keep \"%s\"", name);
		return;
	}
	struct key_row row = *key_find(SCOPE_CHECK, name);
	row.name = "timeout";
	key_duration(l, &row, node, c);
}

/* Which of the two timeouts it is depends on its neighbours: place_timeout(), once they are known.
 */
void key_check_timeout(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
}

static void one_kind(struct load *l, const struct ynode *map)
{
	static const char *const kinds[] = { "command", "url", "tcp", "unix", "file", "notify" };
	const char *first = NULL;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!tree_written(map, kinds[i]))
			continue;
		if (first)
			find_help(load_error(l, tree_key(map, kinds[i]), ERR_BAD_VALUE,
					  "\"health_check\" has both \"%s\" and \"%s\"", first,
					  kinds[i]),
				"keep one of them");
		first = kinds[i];
	}
}

void key_check(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct service *s = base;
	struct health_check *c = &s->check;

	if (c->kind != CHECK_NONE) {
		find_help(load_error(l, v, ERR_BAD_VALUE,
				  "\"health_check\" is both in the service and in \"deployment\""),
			"keep the one in the service");
		return;
	}
	*c = (struct health_check){ .kind = CHECK_ALIVE,
		.interval_ns = 10 * NS_PER_SEC,
		.attempt_timeout_ns = 30 * NS_PER_SEC,
		.total_timeout_ns = 60 * NS_PER_SEC,
		.start_interval_ns = 100 * NS_PER_MS,
		.retries = 3 };
	if (load_kind(l, v, YNODE_MAP, row->name,
		    "write {command: ...}, {url: ...}, {tcp: ...} or {file: ...}") < 0)
		return;
	l->fill = FILL_CHECK;
	key_map(l, SCOPE_CHECK, v, c);
	place_timeout(l, v, c);
	l->fill = FILL_NOTHING;
	one_kind(l, v);
}
