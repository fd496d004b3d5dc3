/* Any text is a manifest that can be planned, or is refused with findings that lie within it. */
#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/caps.h"
#include "fuzz.h"
#include "manifest/manifest.h"
#include "plan/plan.h"

static char *const environ_given[] = { "HOME=/root", "EMPTY=", "PORT=8080", "SECS=7s",
	"TRICK=${HOME}", "LONG=0123456789012345678901234567890123456789", NULL };

/* Where a line ends: at LF, CR, CR LF; for libyaml (wide) also at NEL, LS, PS. Returns the bytes of the
 * break, 0: none. */
static size_t line_break(const char *p, size_t left, bool wide)
{
	if (*p == '\r')
		return left > 1 && p[1] == '\n' ? 2 : 1;
	if (*p == '\n')
		return 1;
	if (!wide)
		return 0;
	if (left > 1 && memcmp(p, "\xc2\x85", 2) == 0)
		return 2;
	if (left > 2 && (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0))
		return 3;
	return 0;
}

/* Bytes of the line, -1: there is no such line. */
static ssize_t line_bytes(const char *text, size_t len, int line, bool wide)
{
	size_t start = 0, i = 0;
	int at = 1;

	while (i < len) {
		size_t n = line_break(text + i, len - i, wide);
		if (n && at == line)
			return (ssize_t)(i - start);
		i += n ? n : 1;
		if (n) {
			at++;
			start = i;
		}
	}
	return at == line ? (ssize_t)(len - start) : -1;
}

static bool is_within(const struct manifest_source *src, const struct err *err, bool wide)
{
	ssize_t n = line_bytes(src->text, src->len, err->line, wide);

	return n >= 0 && err->col >= 1 && err->col <= n + 1;
}

static void finding_holds(const struct finding *f, const struct manifest_source *src)
{
	err_holds(&f->err);
	HOLDS(!strpbrk(f->err.msg, "\n\r\t\x1b"), "%s", f->err.msg);
	HOLDS(!f->err.line || is_within(src, &f->err, true) || is_within(src, &f->err, false),
		"%d:%d: %s", f->err.line, f->err.col, f->err.msg);
}

static void service_holds(const struct manifest *m, const struct service *s)
{
	char top[CAP_SERVICE_NAME + 8], id[CAP_NAME + 8];
	struct err err;

	HOLDS(unit_name_check(service_plain(s), &err) == 0, "%s", s->name);
	HOLDS(s->of == m, "%s is of another file", s->name);
	snprintf(top, sizeof top, "/%s", s->name);
	HOLDS(strlen(s->name) > CAP_SERVICE_NAME ||
			manifest_select(m, top, -1, &err) == s - m->services,
		"%s is not found", top);
	snprintf(id, sizeof id, "%.*s/", CAP_NAME + 1, service_project(s));
	HOLDS(strlen(service_project(s)) > CAP_NAME || strchr(service_project(s), '/') ||
			service_meant(s, id),
		"%s is not of %s", s->name, id);
	HOLDS(s->argv && s->argv[0], "%s runs nothing", s->name);
	HOLDS(s->command && s->hash[0], "%s", s->name);
	HOLDS(s->success[0] & 1, "%s: 0 is no success", s->name);
	HOLDS(s->backoff.factor >= 1 && s->backoff.initial_ns >= 0, "%s", s->name);
	HOLDS(manifest_find(m, s->name) == s - m->services, "%s is there twice", s->name);
	const struct blue_green *b = s->deployment.blue;
	HOLDS(!b || (s->deployment.strategy == STRATEGY_ROLLING && b->env_var && b->slots[1] &&
			    strcmp(b->slots[0], b->slots[1]) != 0 && s->hooks[HOOK_SWITCH_A].argv &&
			    s->hooks[HOOK_SWITCH_B].argv && b->check[0].kind == b->check[1].kind),
		"%s: its slots", s->name);
	for (size_t i = 0; i < s->ndeps; i++)
		HOLDS(s->deps[i].index < m->nservices, "%s depends on nothing", s->name);
}

static void manifest_holds(const struct manifest *m)
{
	struct err err;
	struct plan *p = plan_new(m, &err);

	for (size_t i = 0; i < m->nservices; i++)
		service_holds(m, &m->services[i]);
	HOLDS(p && p->n == m->nservices, "what was loaded can't be planned");
	HOLDS(plan_stop_budget(m, p) >= 0, "the budget");
	plan_free(p);
}

static struct manifest *load(const struct manifest_source *src)
{
	struct findings found;
	struct manifest *m = manifest_load(src, &found);
	size_t errors = 0;

	for (size_t i = 0; i < found.n; i++) {
		finding_holds(&found.v[i], src);
		errors += !found.v[i].warning;
	}
	HOLDS(!m == (errors > 0), "%zu errors", errors);
	findings_done(&found);
	return m;
}

static void load_twice(const struct manifest_source *src)
{
	struct manifest *m = load(src), *again = load(src);

	HOLDS(!m == !again, "loaded once of twice");
	if (m) {
		manifest_holds(m);
		HOLDS(m->nservices == again->nservices, "services");
		for (size_t i = 0; i < m->nservices; i++)
			HOLDS(strcmp(m->services[i].hash, again->services[i].hash) == 0, "%s",
				m->services[i].name);
	}
	manifest_free(m);
	manifest_free(again);
}

/* Whatever is included is the text itself. */
static int read_itself(void *arg, const char *path, bool trust, struct buf *ret, struct err *err)
{
	const struct manifest_source *src = arg;

	HOLDS(*path == '/', "%s", path);
	HOLDS(!trust || (!strstr(path, "/../") && !strstr(path, "//")), "%s", path);
	return buf_add(ret, src->text, src->len) == 0
		       ? 0
		       : err_set(err, ERR_BAD_VALUE, EFBIG, "%s: too large", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = bytes_copy(data, size);
	struct manifest_source src = { .path = "/app/systemg.yaml",
		.text = text,
		.len = size,
		.environ = environ_given,
		.may_switch_user = true,
		.read = read_itself };

	src.arg = &src;
	load_twice(&src);
	src.read = NULL;
	src.environ = NULL;
	src.cwd_default = true;
	src.may_switch_user = false;
	load_twice(&src);
	free(text);
	return 0;
}
