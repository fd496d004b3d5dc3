/* logs --purge and --prune. */
#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "cli/loglist.h"
#include "cmd/common.h"
#include "cmd/logs.h"

struct drop {
	const struct logs *l;
	struct loglist list;
	int64_t removed, emptied, bytes, failed;
	struct err first; /* of the failures */
};

static bool is_below(const char *unit, const char *top)
{
	size_t n = strlen(top);

	return !n || (strncmp(unit, top, n) == 0 && (unit[n] == '/' || !unit[n]));
}

static bool is_wanted(const void *arg, const char *unit)
{
	const struct logs *l = arg;

	for (size_t i = 0; i < l->ntops; i++)
		if (is_below(unit, l->tops[i]))
			return true;
	for (size_t i = 0; i < l->tree.n; i++)
		if (strcmp(l->tree.files[i]->unit, unit) == 0)
			return true;
	return false;
}

static void drop(struct drop *d, const struct logentry *e)
{
	int rc = loglist_drop(&d->list, e, d->l->live);

	if (rc < 0 && !d->failed++)
		(void)err_sys(
			&d->first, ERR_UNKNOWN, errno, "%.100s/%.150s", d->l->tree.dir, e->path);
	d->removed += rc == 1 && e->number >= 0;
	d->emptied += rc == 2;
	d->bytes += rc > 0 ? e->size : 0;
}

static int show_words(struct drop *d, struct buf *out)
{
	char size[32];

	(void)buf_printf(out, "%lld log file%s removed, %lld emptied (%s)\n", (long long)d->removed,
		d->removed == 1 ? "" : "s", (long long)d->emptied,
		bytes_print(size, sizeof size, d->bytes));
	return cmd_print(out, 0);
}

static int finish(struct drop *d)
{
	const struct args *args = d->l->args;
	struct buf out;
	struct json j = { .out = &out };

	loglist_done(&d->list);
	if (d->failed) {
		(void)err_help(&d->first, "%lld removed, %lld emptied, %lld could not be",
			(long long)d->removed, (long long)d->emptied, (long long)d->failed);
		return cmd_fail(args, NULL, &d->first);
	}
	buf_init(&out, OUT_MAX);
	if (!args->json)
		return show_words(d, &out);
	json_open(&j, NULL, '{');
	json_int(&j, "removed", d->removed);
	json_int(&j, "emptied", d->emptied);
	json_int(&j, "bytes", d->bytes);
	json_close(&j, '}');
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

static int begin(struct drop *d, struct logs *l, struct err *err)
{
	bool all = l->ntops == 1 && !l->tops[0][0];

	*d = (struct drop){ .l = l,
		.list = { .dirfd = -1, .wanted = all ? NULL : is_wanted, .arg = l } };
	return loglist_read(&d->list, l->tree.dir, true, err);
}

int logs_purge(struct logs *l)
{
	struct drop d;
	struct err err;

	if (begin(&d, l, &err) < 0) {
		loglist_done(&d.list);
		return cmd_fail(l->args, NULL, &err);
	}
	for (size_t i = 0; i < d.list.n; i++)
		drop(&d, &d.list.v[i]);
	return finish(&d);
}

/* --- prune --- */

static int bad_bound(const char *name, const char *text, const char *why, struct err *err)
{
	return err_set(err, ERR_BAD_VALUE, 0, "--%s %.100s: %s", name, text, why);
}

/* INT64_MAX, INT64_MIN: not given. */
static int read_bounds(
	const struct args *args, int64_t *ret_bytes, int64_t *ret_oldest, struct err *err)
{
	const char *size = args_str(args, "max-size"), *age = args_str(args, "max-age"), *why;
	int64_t span;

	*ret_bytes = INT64_MAX;
	*ret_oldest = INT64_MIN;
	if (size && bytes_parse(size, ret_bytes, &why) < 0)
		return bad_bound("max-size", size, why, err);
	if (age && logtime_span(age, &span, &why) < 0)
		return bad_bound("max-age", age, why, err);
	if (age)
		*ret_oldest = clock_wall_ns() - span;
	return 0;
}

/* The oldest go first, so that what is left are the last lines of each unit. */
static void prune(struct drop *d, int64_t bytes, int64_t oldest)
{
	int64_t total = 0;

	loglist_sort(&d->list);
	for (size_t i = 0; i < d->list.n; i++)
		total += d->list.v[i].size;
	for (size_t i = 0; i < d->list.n; i++) {
		const struct logentry *e = &d->list.v[i];

		if (e->number < 0 || (total <= bytes && e->written_ns >= oldest))
			continue;
		drop(d, e);
		total -= e->size;
	}
}

int logs_prune(struct logs *l)
{
	struct drop d;
	struct err err;
	int64_t bytes, oldest;

	if (read_bounds(l->args, &bytes, &oldest, &err) < 0)
		return cmd_fail(l->args, NULL, &err);
	if (begin(&d, l, &err) < 0) {
		loglist_done(&d.list);
		return cmd_fail(l->args, NULL, &err);
	}
	prune(&d, bytes, oldest);
	return finish(&d);
}
