/* Environment files, ${} and the typed values of the manifest. The first byte chooses which. */
#include "base/buf.h"
#include "base/caps.h"
#include "base/units.h"
#include "fuzz.h"
#include "manifest/expand.h"
#include "manifest/limits.h"
#include "manifest/manifest.h"

enum { OUT_MAX = 64 * 1024 };

static char *const environ_given[] = { "HOME=/root", "EMPTY=", "PORT=8080", "A=${HOME}", "_=$${",
	NULL };

/* --- environment files --- */

static void vars_done(struct var *vars, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(vars[i].name);
		free(vars[i].value);
	}
	free(vars);
}

/* NAME="VALUE", each byte that "" would read otherwise with its backslash. */
static void print_var(struct buf *out, const struct var *v)
{
	buf_printf(out, "%s=\"", v->name);
	for (const char *p = v->value; *p; p++) {
		if (*p == '\n')
			buf_adds(out, "\\n");
		else
			buf_printf(out, "%s%c", strchr("\"\\$`", *p) ? "\\" : "", *p);
	}
	buf_adds(out, "\"\n");
}

static void same_again(const struct var *vars, size_t n)
{
	struct buf out;
	struct var *again = NULL;
	size_t k = 0;
	struct err err;

	buf_init(&out, CAP_ENV_FILE);
	for (size_t i = 0; i < n; i++)
		print_var(&out, &vars[i]);
	if (!out.failed && n) {
		HOLDS(env_file_parse(out.p, out.len, &again, &k, &err) == 0, "%s in %s", err.msg,
			out.p);
		HOLDS(k == n, "%zu of %zu in %s", k, n, out.p);
		for (size_t i = 0; i < n; i++)
			HOLDS(strcmp(vars[i].name, again[i].name) == 0 &&
					strcmp(vars[i].value, again[i].value) == 0,
				"%s: %s, %s", vars[i].name, vars[i].value, again[i].value);
		vars_done(again, k);
	}
	buf_done(&out);
}

static void envfile(const uint8_t *data, size_t size)
{
	char *text = bytes_copy(data, size);
	struct var *vars = NULL;
	size_t n = 0;
	struct err err = { 0 };

	if (env_file_parse(text, size, &vars, &n, &err) < 0) {
		err_holds(&err);
		HOLDS(err.line >= 1 && (size_t)err.line <= size + 1, "line %d", err.line);
	} else {
		same_again(vars, n);
	}
	vars_done(vars, n);
	free(text);
}

/* --- ${} --- */

static int of_environ(void *arg, const char *name, size_t len, struct buf *ret, struct err *e)
{
	const char *value = environ_find(arg, name, len);

	(void)e;
	return !value ? 0 : buf_add(ret, value, strlen(value)) < 0 ? -1 : 1;
}

static int expanded(const char *text, char *const *environ, struct buf *out, bool *ret_open)
{
	struct err err = { 0 };

	buf_init(out, OUT_MAX);
	*ret_open = false;
	buf_add(out, "", 0);
	struct expand_from from = { environ ? of_environ : NULL, (void *)(uintptr_t)environ };
	int rc = expand(text, &from, out, ret_open, &err);
	if (rc < 0)
		err_holds(&err);
	HOLDS(out->len <= OUT_MAX, "%zu bytes", out->len);
	return rc;
}

/* What has each "${" written as "$${" stands for the text itself. */
static void literal_is_itself(const char *text)
{
	struct buf literal, out;
	bool open;

	buf_init(&literal, 2 * OUT_MAX);
	buf_add(&literal, "", 0);
	for (const char *p = text; *p; p++)
		buf_printf(&literal, "%s%c", p[0] == '$' && p[1] == '{' ? "$" : "", *p);
	HOLDS(expanded(literal.p, environ_given, &out, &open) == 0, "%s", literal.p);
	HOLDS(!open && strcmp(out.p, text) == 0, "%s became %s", literal.p, out.p);
	buf_done(&out);
	buf_done(&literal);
}

static void expansion(const uint8_t *data, size_t size)
{
	char *text = text_copy(data, size < OUT_MAX / 2 ? size : OUT_MAX / 2);
	struct buf out;
	bool open;

	int rc = expanded(text, environ_given, &out, &open);
	HOLDS(!open, "a variable stayed open in %s", text);
	HOLDS(expand_needed(text) || (rc == 0 && strcmp(out.p, text) == 0), "%s", text);
	buf_done(&out);
	(void)expanded(text, NULL, &out, &open);
	buf_done(&out);
	literal_is_itself(text);
	free(text);
}

/* --- typed values --- */

static void units(const uint8_t *data, size_t size)
{
	char *text = text_copy(data, size), printed[64];
	const char *why = NULL;
	int64_t v;
	int sig;

	HOLDS((duration_parse(text, &v, &why) == 0) ? v >= 0 && v <= INT64_C(1) << 62 : !!why, "%s",
		text);
	HOLDS((bytes_parse(text, &v, &why) == 0) ? v >= 0 : !!why, "%s", text);
	if (whole_parse(text, -1000, 1000, &v, &why) == 0)
		HOLDS(v >= -1000 && v <= 1000, "%s", text);
	if (signal_parse(text, &sig, &why) == 0) {
		int again = 0;
		HOLDS(sig >= 1 && sig <= SIGNAL_COUNT, "%s", text);
		HOLDS(signal_parse(signal_name(sig), &again, &why) == 0 && again == sig, "%s",
			text);
	}
	HOLDS(strlen(duration_print(printed, sizeof printed, v)) < sizeof printed, "%s", text);
	HOLDS(strlen(bytes_print(printed, sizeof printed, v)) < sizeof printed, "%s", text);
	free(text);
}

static void limit(const uint8_t *data, size_t size)
{
	char *text = text_copy(data, size);
	struct spawn_limits lim;
	enum spawn_policy policy;
	struct err err = { 0 };

	for (int i = 0; i < LIMIT_COUNT; i++)
		lim.v[i] = LIMIT_NONE;
	if (limit_assign(&lim, text, &err) < 0)
		err_holds(&err);
	for (int i = 0; i < LIMIT_COUNT; i++)
		HOLDS(lim.v[i] >= LIMIT_NONE, "%s", text);
	if (policy_parse(text, &policy, &err) == 0)
		HOLDS(strcmp(policy_name(policy), text) == 0, "%s", text);
	if (unit_name_check(text, &err) == 0)
		HOLDS(strlen(text) >= 1 && strlen(text) <= CAP_NAME && !strpbrk(text, "/@ \n"),
			"%s", text);
	else
		err_holds(&err);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const which[])(
		const uint8_t *, size_t) = { envfile, expansion, units, limit };

	if (size)
		which[data[0] % 4](data + 1, size - 1);
	return 0;
}
