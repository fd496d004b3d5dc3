#include "cli/prom.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/report.h"

/* Name, help and field of each, and of an `l` the label that the field's text is the value of, the sample being 1. n is a
 * number, t a time in ns, f a number that is 0 where there is no such field. What ends in _total is a counter, else a gauge.
 * In one string, an empty one behind: pointers would be as long as the texts. */
// clang-format off
static const char of_supervisor[] =
	"lbuild_info\0" "The version of sysg.\0" "version\0" "version\0"
	"lmode_info\0" "Init or subreaper.\0" "mode\0" "mode\0"
	"lhealth\0" "Of the whole.\0" "overall\0" "health\0"
	"fshutting_down\0" "A shutdown has begun.\0" "shutting_down\0"
	"tuptime_seconds\0" "Since its start.\0" "uptime_ns\0"
	"nresident_memory_bytes\0" "Of the supervisor.\0" "rss_bytes\0"
	"nloop_turns_total\0" "Turns of its loop.\0" "turns\0"
	"tloop_longest_turn_seconds\0" "The longest turn so far.\0" "longest_turn_ns\0"
	"nreaped_own_total\0" "Own processes that ended.\0" "own_reaped\0"
	"nreaped_adopted_total\0" "Adopted ones that ended.\0" "adopted_reaped\0"
	"nconnections\0" "Open on its control socket.\0" "connections\0"
	"nevents_dropped_total\0" "Records that were lost.\0" "events_dropped\0";
static const char of_unit[] =
	"lstate\0" "The state that it is in.\0" "state\0" "state\0"
	"lhealth\0" "The health that it has.\0" "health\0" "health\0"
	"tuptime_seconds\0" "Since the start of its main process.\0" "uptime_ns\0"
	"nrestarts_total\0" "How often it was started again.\0" "restarts\0"
	"tcpu_seconds_total\0" "Of its processes in all of its runs.\0" "cpu_ns\0"
	"nresident_memory_bytes\0" "Of its main process.\0" "rss_bytes\0"
	"nmemory_bytes\0" "Resident, of all its own processes.\0" "tree_rss_bytes\0"
	"ntree_memory_bytes\0" "What its limit is on.\0" "memory_use\0"
	"ntree_memory_limit_bytes\0" "That limit.\0" "memory_limit\0"
	"nlast_exit_code\0" "Of its last run.\0" "exit_code\0"
	"nlast_exit_signal\0" "What ended its last run.\0" "exit_signal\0"
	"nsurvivors\0" "What could not be ended.\0" "left\0"
	"nchildren\0" "Alive.\0" "children\0"
	"nchildren_limit\0" "The most of that.\0" "limit_children\0"
	"ndescendants\0" "Alive below it.\0" "descendants\0"
	"ndescendants_limit\0" "The most of that.\0" "limit_descendants\0"
	"ndepth_limit\0" "Levels below the service.\0" "limit_depth\0"
	"nspawned_total\0" "In its tree since it was started.\0" "ever\0"
	"nspawned_limit\0" "That limit.\0" "limit_ever\0"
	"nspawns_queued\0" "That wait for room.\0" "queued\0"
	"nspawn_rate_limit\0" "A second.\0" "limit_rate\0"
	"tttl_left_seconds\0" "Until it is stopped.\0" "ttl_left_ns\0";
// clang-format on

struct metric {
	const char *name, *help, *field, *label; /* label NULL: none */
	char kind;
};

static const char *next_metric(const char *at, struct metric *m)
{
	const char **texts[] = { &m->name, &m->help, &m->field, &m->label };

	m->kind = *at++;
	m->label = NULL;
	for (int i = 0; i < (m->kind == 'l' ? 4 : 3); i++, at += strlen(at) + 1)
		*texts[i] = at;
	return at;
}

/* Of a label's value: a backslash before backslash, quote and newline; what is no UTF-8 is U+FFFD. */
static void put_value(struct buf *out, const char *text)
{
	size_t n = strlen(text), len;

	for (size_t i = 0; i < n; i += len ? len : 1) {
		len = utf8_length((const unsigned char *)text + i, n - i);
		if (!len)
			(void)buf_adds(out, "\xef\xbf\xbd");
		else if (text[i] == '\n')
			(void)buf_adds(out, "\\n");
		else if (text[i] == '\\' || text[i] == '"')
			(void)buf_printf(out, "\\%c", text[i]);
		else
			(void)buf_add(out, text + i, len);
	}
}

static void put_label(struct buf *out, const char *name, const char *value)
{
	(void)buf_printf(out, "%s%s=\"", out->p[out->len - 1] == '{' ? "" : ",", name);
	put_value(out, value);
	(void)buf_addc(out, '"');
}

static void put_head(struct buf *out, const char *prefix, const struct metric *m)
{
	size_t n = strlen(m->name);
	bool total = n > 6 && strcmp(m->name + n - 6, "_total") == 0;

	(void)buf_printf(out, "# HELP sysg_%s%s %s\n# TYPE sysg_%s%s %s\n", prefix, m->name,
		m->help, prefix, m->name, total ? "counter" : "gauge");
}

static void put_sample(struct buf *out, const char *prefix, const struct metric *m,
	const struct packet *row, const char *path)
{
	int64_t n = m->label ? 1 : row_int(row, m->field, 0);

	(void)buf_printf(out, "sysg_%s%s", prefix, m->name);
	if (path || m->label) {
		(void)buf_addc(out, '{');
		if (path)
			put_label(out, "unit", path);
		if (m->label)
			put_label(out, m->label, packet_get(row, m->field));
		(void)buf_addc(out, '}');
	}
	if (m->kind == 't')
		(void)buf_printf(out, " %lld.%09lld\n", (long long)(n / NS_PER_SEC),
			(long long)(n < 0 ? 0 : n % NS_PER_SEC));
	else
		(void)buf_printf(out, " %lld\n", (long long)n);
}

void prom_put(struct buf *out, const struct rows *rows)
{
	const struct packet *s = &rows->supervisor;
	struct metric m;

	for (const char *at = of_supervisor; s->head && *at;) {
		at = next_metric(at, &m);
		if (m.kind != 'f' && !packet_get(s, m.field))
			continue;
		put_head(out, "", &m);
		put_sample(out, "", &m, s, NULL);
	}
	for (const char *at = of_unit; *at;) {
		bool begun = false;
		at = next_metric(at, &m);
		for (size_t i = 0; i < rows->n; i++) {
			const struct packet *row = &rows->units[i];
			const char *path = packet_get(row, "path");
			if (!path || !packet_get(row, m.field) || report_is_result(row))
				continue;
			if (!begun)
				put_head(out, "unit_", &m);
			begun = true;
			put_sample(out, "unit_", &m, row, path);
		}
	}
}
