#include "cli/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "cli/out.h"
#include "cli/report.h"

enum { SAMPLES = 512, LABEL = 22, HEIGHT = 4, LEAST_COLUMNS = 20 };

/* Names of fields, each a line of the text where there is one: T text, N number, D a time in ns, B bytes, L a list, F
 * something that is so. In one string each, an empty one behind: pointers would be as long as the names. What is in
 * of_detail is a member of the object too, by that name without "_ns". */
// clang-format off
static const char of_row[] =
	"Terror\0" "Twhy\0" "Tcommand\0" "Tpid\0" "Tuser\0" "Duptime_ns\0" "Tstarted_at\0" "Brss_bytes\0"
	"Btree_rss_bytes\0" "Dcpu_ns\0" "Tcron_expression\0" "Tcron_next\0" "Trestarts\0" "Tcontainment\0";
/* Of the row, and members all the same: a spawned unit has them below its parent only. */
static const char of_both[] = "Ndepth\0" "Dttl_ns\0" "Dttl_left_ns\0";
static const char of_detail[] =
	"Nrestarts_in_a_row\0" "Dbackoff_ns\0" "Trestart_policy\0" "Nmax_restarts\0" "Tstop_signal\0" "Dstop_timeout_ns\0"
	"Tstarted_as\0" "Tworking_dir\0" "Lenvironment\0" "Nenvironment_left_out\0" "Lresource_limits\0" "Thealth_check\0"
	"Dcheck_interval_ns\0" "Dcheck_timeout_ns\0" "Ncheck_retries\0" "Ncheck_failures\0" "Tcheck_last\0" "Lhooks\0"
	"Ldepends_on\0" "Lneeded_by\0" "Lrights\0" "Lrights_over_it\0" "Fpublic\0" "Nspawn_rate\0"
	"Nlevels_below\0" "Tlog\0" "Lexits\0";
// clang-format on

static const char *behind(const char *text)
{
	return text + strlen(text) + 1;
}

/* "stop_timeout_ns" as "stop timeout". */
static void put_label(struct buf *out, const char *field)
{
	size_t n = strlen(field), from = out->len;

	if (n > 3 && strcmp(field + n - 3, "_ns") == 0)
		n -= 3;
	(void)buf_printf(out, "%-*.*s ", LABEL - 1, (int)n, field);
	for (; from < out->len; from++)
		if (out->p[from] == '_')
			out->p[from] = ' ';
}

static void put_value(struct buf *out, const struct packet *p, char kind, const char *field)
{
	int64_t n = row_int(p, field, 0);
	char text[40];

	if (kind == 'D')
		(void)buf_adds(out, duration_print(text, sizeof text, n));
	else if (kind == 'B')
		(void)buf_adds(out, bytes_print(text, sizeof text, n));
	else
		out_clean(out, packet_get(p, field));
}

static bool next_of(const struct packet *p, const char *field, const char **at, const char **ret)
{
	const char *key;
	size_t n;

	while (packet_next(p, at, &key, &n, ret))
		if (n == strlen(field) && memcmp(key, field, n) == 0)
			return true;
	return false;
}

/* As many of them a line as fit. */
static void put_list(struct buf *out, const struct packet *p, const char *field, size_t columns)
{
	const char *at = NULL, *value;
	size_t used = LABEL;

	for (bool first = true; next_of(p, field, &at, &value); first = false) {
		size_t n = strlen(value) + 2;
		if (!first)
			(void)buf_adds(out, ", ");
		if (!first && used + n > columns) {
			(void)buf_printf(out, "\n%*s", LABEL, "");
			used = LABEL;
		}
		out_clean(out, value);
		used += n;
	}
}

static void put_lines(struct buf *out, const struct packet *p, const char *at, size_t columns)
{
	for (; *at; at = behind(at)) {
		if (!packet_get(p, at + 1))
			continue;
		put_label(out, at + 1);
		if (*at == 'L')
			put_list(out, p, at + 1, columns);
		else
			put_value(out, p, *at, at + 1);
		(void)buf_addc(out, '\n');
	}
}

/* --- samples --- */

struct series {
	size_t n;
	int64_t step_ns;
	uint32_t cpu[SAMPLES], cpu_most[SAMPLES], kib[SAMPLES];
};

static void read_series(struct series *s, const struct packet *p)
{
	const char *at = NULL, *value;

	s->n = 0;
	s->step_ns = row_int(p, "sample_ns", 0);
	while (s->n < SAMPLES && next_of(p, "sample", &at, &value)) {
		uint32_t *v[] = { s->cpu, s->cpu_most, s->kib };
		for (int i = 0; i < 3; i++) {
			char *end;
			unsigned long x = strtoul(value, &end, 10);
			v[i][s->n] = end == value ? PLOT_NONE : (uint32_t)x;
			value = *end ? end + 1 : end;
		}
		s->n++;
	}
}

static void put_plot(struct buf *out, const struct inspection *in, const struct series *s,
	const uint32_t *v, const char *what, bool bytes)
{
	unsigned columns = in->columns > LEAST_COLUMNS + 4 ? in->columns - 4 : LEAST_COLUMNS;
	char text[40], span[40];
	uint32_t most = 0, last = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (v[i] == PLOT_NONE)
			continue;
		last = v[i];
		most = last > most ? last : most;
	}
	(void)buf_printf(out, "%s of the last %s: ", what,
		duration_print(span, sizeof span, (int64_t)s->n * s->step_ns));
	if (bytes) {
		(void)buf_printf(
			out, "now %s, ", bytes_print(text, sizeof text, last * INT64_C(1024)));
		(void)buf_printf(
			out, "at most %s\n", bytes_print(text, sizeof text, most * INT64_C(1024)));
	} else {
		(void)buf_printf(out, "now %u.%u %%, at most %u.%u %%\n", last / 10, last % 10,
			most / 10, most % 10);
	}
	plot_put(out, v, s->n, columns, HEIGHT, in->ascii);
}

void inspect_text(struct buf *out, const struct inspection *in)
{
	const struct packet *row = in->rows->units;
	const char *state = packet_get(row, "state"), *health = packet_get(row, "health"),
		   *sgr = in->colour && state ? report_sgr(state) : "";
	size_t columns = in->columns > 2 * LABEL ? in->columns : 80;
	struct series s;

	out_clean(out, packet_get(row, "path"));
	(void)buf_printf(out, "  %s  %s  %s%s%s, %s\n", packet_get(row, "id"),
		packet_get(row, "kind"), sgr, state ? state : "-", *sgr ? "\033[0m" : "",
		health ? health : "-");
	put_lines(out, row, of_row, columns);
	put_lines(out, row, of_both, columns);
	put_lines(out, &in->detail, of_detail, columns);
	size_t before = out->len;
	(void)buf_printf(out, "%-*s", LABEL - 2, "spawned");
	size_t label = out->len;
	report_limits(out, in->rows, 0);
	if (out->len == label)
		out->len = before;
	else
		(void)buf_addc(out, '\n');
	read_series(&s, &in->detail);
	if (!s.n) {
		(void)buf_adds(out, "\nNo samples yet; `metrics: {sample_interval_secs: 5}` in the "
				    "manifest has them taken.\n");
		return;
	}
	(void)buf_addc(out, '\n');
	put_plot(out, in, &s, s.cpu_most, "CPU", false);
	put_plot(out, in, &s, s.kib, "Resident memory", true);
}

/* --- JSON --- */

static void json_item(struct json *j, const struct packet *p, char kind, const char *field)
{
	const char *at = NULL, *value;
	char key[40];

	(void)snprintf(key, sizeof key, "%.*s", (int)strlen(field) - (kind == 'D' ? 3 : 0), field);
	if (kind == 'L') {
		json_open(j, key, '[');
		while (next_of(p, field, &at, &value))
			json_str(j, NULL, value);
		json_close(j, ']');
	} else if (kind == 'N') {
		json_int(j, key, row_int(p, field, 0));
	} else if (kind == 'F') {
		json_bool(j, key, true);
	} else if (kind == 'D') {
		json_seconds(j, key, row_int(p, field, 0));
	} else {
		json_str(j, key, packet_get(p, field));
	}
}

static void json_items(struct json *j, const struct packet *p, const char *at)
{
	for (; *at; at = behind(at))
		if (packet_get(p, at + 1) || *at == 'L')
			json_item(j, p, *at, at + 1);
}

static void json_samples(struct json *j, const struct inspection *in)
{
	struct series s;

	read_series(&s, &in->detail);
	if (!s.n)
		return;
	json_seconds(j, "sample_seconds", s.step_ns);
	json_open(j, "samples", '[');
	for (size_t i = 0; i < s.n; i++) {
		if (s.kib[i] == PLOT_NONE)
			continue;
		json_open(j, NULL, '{');
		json_seconds(j, "age_seconds", (int64_t)(s.n - 1 - i) * s.step_ns);
		json_seconds(j, "cpu_percent", s.cpu[i] * (NS_PER_SEC / 10));
		json_seconds(j, "max_cpu_percent", s.cpu_most[i] * (NS_PER_SEC / 10));
		json_int(j, "rss_bytes", s.kib[i] * INT64_C(1024));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_more(struct json *j, void *arg)
{
	const struct inspection *in = arg;

	json_items(j, in->rows->units, of_both);
	json_items(j, &in->detail, of_detail);
	json_samples(j, in);
}

void inspect_json(struct buf *out, struct inspection *in)
{
	report_json_unit(out, in->rows, json_more, in);
}
