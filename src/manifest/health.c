#include <string.h>

#include "base/clock.h"
#include "manifest/keys.h"
#include "manifest/types.h"

void key_check_tcp(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct health_check *c = base;
	const char *why = "", *host, *s = load_typed(l, v, row->name);
	size_t n;

	c->kind = CHECK_TCP;
	if (!s)
		return;
	if (type_hostport(s, &host, &n, &c->port, &why) < 0) {
		find_help(
			load_error(l, v, strstr(why, "supported") ? ERR_UNKNOWN_KEY : ERR_BAD_VALUE,
				"\"tcp\": \"%.100s\": %s", s, why),
			"write for example localhost:8080, 127.0.0.1:8080 or [::1]:8080");
		return;
	}
	c->target = load_keep(l, s);
	c->host = arena_strn(&l->kept->mem, host, n);
}

void key_check_file(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct health_check *c = base;
	const char *s = load_text(l, v, row->name);

	c->kind = CHECK_FILE;
	if (s && !*s)
		load_error(l, v, ERR_BAD_VALUE, "\"file\" is empty");
	else if (s)
		c->target = load_keep(l, s);
}

static bool written(const struct ynode *map, const char *key)
{
	const struct ynode *v = tree_get(map, key);

	return v && !tree_is_null(v);
}

/* Beside interval or retries it is Compose's timeout, of one attempt; alone it is that of early
 * Rust manifests, of all. */
static void place_timeout(struct load *l, const struct ynode *map, struct health_check *c)
{
	bool attempt = written(map, "interval") || written(map, "retries");
	const char *name = attempt ? "attempt_timeout" : "total_timeout";
	const struct ynode *node = tree_get(map, "timeout");

	if (!written(map, "timeout"))
		return;
	if (written(map, name)) {
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
	static const char *const kinds[] = { "command", "tcp", "file" };
	const char *first = NULL;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!written(map, kinds[i]))
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
		    "write {command: ...}, {tcp: ...} or {file: ...}") < 0)
		return;
	key_map(l, SCOPE_CHECK, v, c);
	place_timeout(l, v, c);
	one_kind(l, v);
}
