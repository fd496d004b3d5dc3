#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "loading.h"
#include "manifest/keys.h"

/* The keys of spec/manifest.md, map by map; '!' before one that this version refuses. */
static const char *const pages[SCOPE_COUNT] = {
	[SCOPE_TOP] = "version services projects project env logs start shutdown control "
		      "exit_code_from status metrics",
	[SCOPE_START] = "max_concurrent",
	[SCOPE_SHUTDOWN] = "timeout delay",
	[SCOPE_CONTROL] = "socket mode group",
	[SCOPE_TOP_ENV] = "file vars secrets clear_session_vars strip",
	[SCOPE_PROJECT] = "name services env logs",
	[SCOPE_PROJECT_ID] = "id name",
	[SCOPE_SERVICE] =
		"command exec working_dir env depends_on restart_policy backoff max_restarts "
		"essential "
		"success_exit_codes stop_signal stop_target stop_timeout health_check hooks skip "
		"cron replicas spawn logs user group supplementary_groups capabilities "
		"no_new_privs limits isolation deployment remote request_capabilities "
		"grant_capabilities public on_exit",
	[SCOPE_ENV] = "file vars secrets inherit_env clear_session_vars strip",
	[SCOPE_DEP] = "service condition restart",
	[SCOPE_BACKOFF] = "initial max factor jitter",
	[SCOPE_CHECK] = "command url tcp unix file notify interval attempt_timeout total_timeout "
			"timeout retries start_interval on_unhealthy",
	[SCOPE_HOOKS] =
		"pre_start post_start pre_stop post_stop on_start on_stop on_restart onstart onerr",
	[SCOPE_OUTCOMES] = "success error",
	[SCOPE_HOOK] = "command timeout",
	[SCOPE_DEPLOYMENT] = "strategy pre_start health_check grace_period blue_green",
	[SCOPE_BLUE_GREEN] = "env_var slots switch_command candidate_health_check switch_verify "
			     "state_path",
	[SCOPE_LOGS] = "sink format prefix max_bytes max_files max_total when_full",
	[SCOPE_SPAWN] = "mode limits when_full termination_policy restart allow",
	[SCOPE_LIMITS] = "termination_policy children depth descendants ever total_memory "
			 "child_memory rate ttl",
	[SCOPE_RESOURCES] = "memory nofile nproc memlock core nice cpu_affinity "
			    "oom_score_adj cgroup",
	[SCOPE_CGROUP] = "memory_max pids_max cpu_max cpu_weight root",
	[SCOPE_RESTART] = "max window",
	[SCOPE_ALLOW] = "on_exit public",
	[SCOPE_REMOTE] = "uid token_file",
	[SCOPE_CRON] = "expression timezone overlap",
	[SCOPE_ISOLATION] = "network mount pid user private_tmp private_devices seccomp landlock "
			    "!apparmor_profile !selinux_context",
	[SCOPE_LANDLOCK] = "ro_paths rw_paths",
	[SCOPE_STATUS] = "snapshot_mode snapshot_interval_secs",
	[SCOPE_METRICS] = "sample_interval_secs retention_minutes",
};

/* Where a map of each scope is written, as the line around one key. */
static const char *const around[SCOPE_COUNT] = {
	[SCOPE_TOP] = "services: {a: {command: x}}\n%s: 1\n",
	[SCOPE_START] = "services: {a: {command: x}}\nstart: {%s: 1}\n",
	[SCOPE_SHUTDOWN] = "services: {a: {command: x}}\nshutdown: {%s: 1}\n",
	[SCOPE_CONTROL] = "services: {a: {command: x}}\ncontrol: {%s: 1}\n",
	[SCOPE_TOP_ENV] = "services: {a: {command: x}}\nenv: {vars: {}, %s: 1}\n",
	[SCOPE_PROJECT] = "projects: {p: {services: {a: {command: x}}, %s: 1}}\n",
	[SCOPE_PROJECT_ID] = "services: {a: {command: x}}\nproject: {id: p, %s: 1}\n",
	[SCOPE_SERVICE] = SVC("    %s: 1\n"),
	[SCOPE_ENV] = SVC("    env: {vars: {}, %s: 1}\n"),
	[SCOPE_DEP] = SVC("    depends_on: [{service: b, %s: 1}]\n  b: {command: x}\n"),
	[SCOPE_BACKOFF] = SVC("    backoff: {%s: 1}\n"),
	[SCOPE_CHECK] = SVC("    health_check: {%s: 1}\n"),
	[SCOPE_HOOKS] = SVC("    hooks: {%s: 1}\n"),
	[SCOPE_OUTCOMES] = SVC("    hooks: {on_start: {%s: 1}}\n"),
	[SCOPE_HOOK] = SVC("    hooks: {pre_start: {command: x, %s: 1}}\n"),
	[SCOPE_DEPLOYMENT] = SVC("    deployment: {%s: 1}\n"),
	[SCOPE_BLUE_GREEN] = SVC("    deployment: {blue_green: {env_var: P, slots: [a, b], "
				 "switch_command: x, %s: 1}}\n"),
	[SCOPE_LOGS] = SVC("    logs: {%s: 1}\n"),
	[SCOPE_SPAWN] = SVC("    spawn: {mode: dynamic, %s: 1}\n"),
	[SCOPE_REMOTE] = "services: {a: {remote: {uid: 1, token_file: x, %s: 1}}}\n",
	[SCOPE_CRON] = SVC("    cron: {expression: '* * * * *', %s: 1}\n"),
	[SCOPE_ISOLATION] = SVC("    isolation: {%s: 1}\n"),
	[SCOPE_LANDLOCK] = SVC("    isolation: {landlock: {%s: 1}}\n"),
	[SCOPE_STATUS] = "services: {a: {command: x}}\nstatus: {%s: 1}\n",
	[SCOPE_METRICS] = "services: {a: {command: x}}\nmetrics: {%s: 1}\n",
	[SCOPE_ALLOW] = SVC("    spawn: {mode: dynamic, allow: {%s: 1}}\n"),
	[SCOPE_LIMITS] = SVC("    spawn: {mode: dynamic, limits: {%s: 1}}\n"),
	[SCOPE_RESOURCES] = SVC("    limits: {%s: 1}\n"),
	[SCOPE_CGROUP] = SVC("    limits: {cgroup: {%s: 1}}\n"),
	[SCOPE_RESTART] = SVC("    spawn: {mode: dynamic, restart: {%s: 1}}\n"),
};

Test(keys, are_those_of_the_page_and_no_more)
{
	size_t count = 0;

	for (int scope = 0; scope < SCOPE_COUNT; scope++) {
		char *text = strdup(pages[scope]), *save = NULL;
		for (char *w = strtok_r(text, " ", &save); w;
			w = strtok_r(NULL, " ", &save), count++) {
			const struct key_row *row =
				key_find((enum key_scope)scope, w + (*w == '!'));
			cr_expect_not_null(row, "%s in %s", w, scope_name((enum key_scope)scope));
			if (row)
				cr_expect_eq(row->parse == NULL, *w == '!', "%s in %s", w,
					scope_name((enum key_scope)scope));
		}
		free(text);
	}
	cr_expect_eq(count, key_row_count);
}

Test(keys, each_that_is_not_supported_is_refused_as_that_and_not_as_a_typo)
{
	for (size_t i = 0; i < key_row_count; i++) {
		const struct key_row *row = &key_rows[i];
		char text[512];
		if (row->parse)
			continue;
		snprintf(text, sizeof text, around[row->scope], row->name);
		cr_expect_null(load(text));
		cr_assert_eq(found.n, 1, "%s", text);
		cr_expect_eq(found.v[0].err.code, ERR_UNKNOWN_KEY);
		cr_expect(strstr(found.v[0].err.msg, "is not supported by this version of sysg"));
		cr_expect(strstr(found.v[0].err.msg, row->name));
		cr_expect_null(strstr(found.v[0].err.msg, "unknown-field"));
		findings_done(&found);
	}
}

Test(keys, one_that_nobody_knows_is_refused_in_every_map_with_the_nearest)
{
	for (int scope = 0; scope < SCOPE_COUNT; scope++) {
		char text[512];
		snprintf(text, sizeof text, around[scope], "xyzzy");
		cr_expect_null(load(text));
		cr_assert_eq(found.n, 1, "%s: %zu", text, found.n);
		cr_expect_eq(found.v[0].err.code, ERR_UNKNOWN_KEY);
		cr_expect(strstr(found.v[0].err.msg, "unknown-field: \"xyzzy\""), "%s",
			found.v[0].err.msg);
		cr_expect(strstr(found.v[0].err.msg, "the nearest is"));
		findings_done(&found);
	}
}

Test(keys, a_typo_names_the_known_key)
{
	line_refused("depend_on: [b]", ERR_UNKNOWN_KEY, 5, "the nearest is \"depends_on\"");
	line_refused("helth_check: {}", ERR_UNKNOWN_KEY, 5, "write \"health_check\"");
	refused_at("servces: {}\nservices: {a: {command: x}}\n", ERR_UNKNOWN_KEY, 1, 1,
		"\"services\"");
}

Test(keys, a_key_of_another_map_is_told_where_it_belongs)
{
	refused_at("services: {a: {command: x}}\nmax_restarts: 3\n", ERR_UNKNOWN_KEY, 2, 1,
		"is a key of a service");
}

Test(keys, words_of_compose_supervisord_and_systemd_get_their_remedy)
{
	line_refused("environment: {A: b}", ERR_UNKNOWN_KEY, 5, "write env");
	line_refused("ports: [80]", ERR_UNKNOWN_KEY, 5, "container runtime's");
	line_refused("volumes: []", ERR_UNKNOWN_KEY, 5, "container runtime's");
	line_refused("image: x", ERR_UNKNOWN_KEY, 5, "container runtime's");
	line_refused("restart: always", ERR_UNKNOWN_KEY, 5, "write restart_policy");
	line_refused("autorestart: true", ERR_UNKNOWN_KEY, 5, "write restart_policy");
	line_refused("stopwaitsecs: 3", ERR_UNKNOWN_KEY, 5, "write stop_timeout");
	line_refused("ExecStart: x", ERR_UNKNOWN_KEY, 5, "write command");
	line_refused("health_check: {test: x}", ERR_UNKNOWN_KEY, 20, "write command");
	line_refused("restart_policy: unless-stopped", ERR_BAD_VALUE, 21, "write always");
	line_refused("restart_policy: no", ERR_BAD_VALUE, 21, "write never");
	refused_at(SVC("    depends_on: {b: {condition: service_healthy}}\n  b: {command: x}\n"),
		ERR_BAD_VALUE, 4, 33, "write healthy");
}

Test(keys, no_foreign_word_is_a_key_where_its_remedy_is_given)
{
	for (size_t i = 0; i < key_row_count; i++)
		if (key_rows[i].scope == SCOPE_SERVICE)
			cr_expect_null(key_foreign(key_rows[i].name), "%s", key_rows[i].name);
}

Test(keys, those_that_begin_with_x_are_ignored_wherever_they_stand)
{
	manifest_free(good("x-any: [1, {a: b}]\nx-: 2\nservices: {a: {command: x, x-note: 1, "
			   "hooks: {x-y: [z]}}}\n"));
	line_refused("y-any: 1", ERR_UNKNOWN_KEY, 5, "unknown-field");
}

Test(keys, without_a_value_mean_that_nothing_was_written)
{
	struct manifest *m = good("version:\nenv: ~\nshutdown: null\n" SVC(
		"    depends_on:\n    env:\n    stop_timeout: ~\n    health_check:\n    spawn:\n   "
		" user:\n"));

	cr_expect_eq(m->services[0].check.kind, CHECK_NONE);
	cr_expect_not(m->services[0].stop_timeout_set);
	cr_expect_eq(m->services[0].ndeps, 0);
	manifest_free(m);
}

Test(keys, a_map_is_expected_where_one_is)
{
	line_refused("spawn: dynamic", ERR_BAD_VALUE, 12, "a map is expected");
	line_refused("logs: stdout", ERR_BAD_VALUE, 11, "a map is expected");
	line_refused("health_check: [x]", ERR_BAD_VALUE, 19, "a map is expected");
	line_refused("env: [A=b]", ERR_BAD_VALUE, 10, "write a map");
	refused_at("services: [a]\n", ERR_BAD_VALUE, 1, 11, "a map is expected");
	refused_at("services: {a: x}\n", ERR_BAD_VALUE, 1, 15, "a map is expected");
}

Test(findings, are_all_told_and_in_the_order_of_the_file)
{
	load("services:\n  a: {command: x, depends_on: [nope], bogus: 1}\n  b: {stop_timeout: "
	     "1.5s}\n"
	     "env: {A: \"${UNSET}\"}\nexit_code_from: c\n");
	cr_assert_eq(found.n, 6);
	for (size_t i = 1; i < found.n; i++) {
		const struct err *x = &found.v[i - 1].err, *y = &found.v[i].err;
		cr_expect(x->line < y->line || (x->line == y->line && x->col <= y->col));
	}
	findings_done(&found);
}

Test(findings, are_bounded_and_still_refuse)
{
	char text[8192] = "services: {a: {command: x}}\n", line[32];

	for (int i = 0; i < 150; i++) {
		snprintf(line, sizeof line, "k%d: 1\n", i);
		strcat(text, line);
	}
	cr_expect_null(load(text));
	cr_expect_eq(found.n, 100);
	findings_done(&found);
}

Test(findings, hold_one_printable_line_of_utf8_whatever_the_key)
{
	load("services: {a: {command: x}}\n\"a\\nb\\e[31m\\x7f\": 1\n");
	cr_assert_eq(found.n, 1);
	cr_expect(strstr(found.v[0].err.msg, "\"a?b?[31m?\""), "%s", found.v[0].err.msg);
	findings_done(&found);
}

/* --- values at their bounds --- */

/* Where a key can't stand as the others of its map do. */
static const struct {
	const char *key, *around;
} apart[] = {
	{ "max", SVC("    backoff: {initial: 0, %s: 1}\n") },
	{ "uid", "services: {a: {remote: {token_file: x, %s: 1}}}\n" },
	{ "mode", SVC("    spawn: {%s: 1}\n") },
	{ "max_total", SVC("") "logs: {%s: 1}\n" },
};

static void write_value(char *text, size_t size, const struct key_row *row, const char *value)
{
	const char *form = around[row->scope];
	char line[512];

	for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
		if (strcmp(row->name, apart[i].key) == 0 && row->scope != SCOPE_RESTART &&
			row->scope != SCOPE_CONTROL)
			form = apart[i].around;
	snprintf(line, sizeof line, form, "\1");
	char *at = strstr(line, "\1: 1");
	cr_assert(at, "%s", line);
	*at = '\0';
	snprintf(text, size, "%s%s: %s%s", line, row->name, value, at + 4);
}

static void value_is(const struct key_row *row, const char *value, bool taken)
{
	char text[1024];

	write_value(text, sizeof text, row, value);
	struct manifest *m = load(text);
	cr_expect_eq(m != NULL, taken, "%s\n%s", found.n ? found.v[0].err.msg : "taken", text);
	if (!m && found.n)
		cr_expect(found.v[0].err.code == ERR_BAD_VALUE &&
				  strstr(found.v[0].err.msg, row->name),
			"%s\n%s", found.v[0].err.msg, text);
	manifest_free(m);
	findings_done(&found);
}

static void number_is(const struct key_row *row, const char *form, int64_t n, bool taken)
{
	char value[64];

	snprintf(value, sizeof value, form, n);
	value_is(row, value, taken);
}

static void bounds(const struct key_row *row, const char *form, int64_t min, int64_t max)
{
	number_is(row, form, min, true);
	number_is(row, form, min - 1, false);
	number_is(row, form, max, true);
	number_is(row, form, max + 1, false);
}

Test(keys, each_number_is_taken_at_both_of_its_bounds_and_not_beyond)
{
	int n = 0;

	for (size_t i = 0; i < key_row_count; i++) {
		const struct key_row *row = &key_rows[i];
		key_fn *fn = row->parse;
		n++;
		if (fn == key_int || fn == key_int64 || fn == key_log_bytes ||
			fn == key_log_total || (fn == key_rlimit && row->range))
			bounds(row, "%" PRId64, row->range->min, row->range->max);
		else if (fn == key_success || fn == key_cpus)
			bounds(row, "[%" PRId64 "]", row->range->min, row->range->max);
		else if (fn == key_duration)
			bounds(row, "%" PRId64 "ms", row->range->min / NS_PER_MS,
				row->range->max / NS_PER_MS);
		else if (fn == key_percent)
			bounds(row, "%" PRId64, 0, 100);
		else if (fn == key_limit &&
			 limit_rows[limit_find(row->name)].kind <= LIMIT_KIND_COUNT0)
			bounds(row, "%" PRId64, 0, 1000000000);
		else if (fn == key_cgroup && row->range->max)
			bounds(row, "%" PRId64, row->range->min, row->range->max);
		else
			n--;
	}
	cr_expect_geq(n, 36, "%d keys have numbers", n);
}

Test(keys, each_word_of_an_enumeration_is_taken_and_no_other)
{
	int n = 0;

	for (size_t i = 0; i < key_row_count; i++) {
		const struct key_row *row = &key_rows[i];
		if (row->parse != key_word && row->parse != key_word_flag)
			continue;
		n++;
		for (const struct key_word *w = row->words; w->word; w++)
			value_is(row, w->word, !w->help);
		value_is(row, "xyzzy", false);
		value_is(row, "''", false);
	}
	cr_expect_geq(n, 9, "%d keys have words", n);
}
