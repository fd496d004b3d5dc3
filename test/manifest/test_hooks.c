#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "loading.h"

#define S NS_PER_SEC

static struct manifest *kept;

static const struct hook *hooks(const char *line)
{
	manifest_free(kept);
	kept = line_good(line);
	return kept->services[0].hooks;
}

static void is_shell(const struct hook *h, const char *line, int64_t timeout_ns)
{
	cr_assert_not_null(h->argv);
	cr_expect_str_eq(h->argv[0], "/bin/sh");
	cr_expect_str_eq(h->argv[1], "-c");
	cr_expect_str_eq(h->argv[2], line);
	cr_expect_null(h->argv[3]);
	cr_expect_eq(h->timeout_ns, timeout_ns);
}

static int count(const struct hook *h)
{
	int n = 0;

	for (int i = 0; i < HOOK_COUNT; i++)
		n += h[i].argv != NULL;
	return n;
}

Test(hooks, a_service_without_any_has_no_room_for_them)
{
	cr_expect_null(hooks("restart_policy: always"));
	kept = manifest_free(kept);
}

Test(hooks, each_of_the_four_is_a_line_a_list_or_a_map_with_a_timeout)
{
	static const struct {
		const char *key;
		enum hook_kind kind;
		int timeout_s;
	} rows[] = { { "pre_start", HOOK_PRE_START, 300 }, { "post_start", HOOK_POST_START, 30 },
		{ "pre_stop", HOOK_PRE_STOP, 30 }, { "post_stop", HOOK_POST_STOP, 30 },
		{ "onstart", HOOK_ONSTART, 30 }, { "onerr", HOOK_ONERR, 30 } };
	char line[256];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(line, sizeof line, "hooks: {%s: 'echo ${PORT}'}", rows[i].key);
		const struct hook *h = hooks(line);
		is_shell(&h[rows[i].kind], "echo ${PORT}", rows[i].timeout_s * S);
		cr_expect_eq(count(h), 1);
		snprintf(line, sizeof line, "hooks: {%s: [say, '${PORT}']}", rows[i].key);
		h = hooks(line);
		cr_expect_str_eq(h[rows[i].kind].argv[0], "say");
		cr_expect_str_eq(h[rows[i].kind].argv[1], "8080");
		cr_expect_null(h[rows[i].kind].argv[2]);
		snprintf(line, sizeof line, "hooks: {%s: {command: x, timeout: 7s}}", rows[i].key);
		is_shell(&hooks(line)[rows[i].kind], "x", 7 * S);
		snprintf(line, sizeof line, "hooks: {%s: {command: [x, y]}}", rows[i].key);
		h = hooks(line);
		cr_expect_str_eq(h[rows[i].kind].argv[1], "y");
		cr_expect_eq(h[rows[i].kind].timeout_ns, rows[i].timeout_s * S);
		cr_expect_str_eq(hook_name(rows[i].kind), rows[i].key);
	}
	kept = manifest_free(kept);
}

Test(hooks, the_outcome_forms_have_a_success_and_an_error)
{
	static const struct {
		const char *key;
		enum hook_kind success;
	} rows[] = { { "on_start", HOOK_START_SUCCESS }, { "on_stop", HOOK_STOP_SUCCESS },
		{ "on_restart", HOOK_RESTART_SUCCESS } };
	char line[256], name[64];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(line, sizeof line,
			"hooks: {%s: {success: {command: a, timeout: 10s}, error: b}}",
			rows[i].key);
		const struct hook *h = hooks(line);
		is_shell(&h[rows[i].success], "a", 10 * S);
		is_shell(&h[rows[i].success + 1], "b", 30 * S);
		cr_expect_eq(count(h), 2);
		snprintf(name, sizeof name, "%s.success", rows[i].key);
		cr_expect_str_eq(hook_name(rows[i].success), name);
		snprintf(name, sizeof name, "%s.error", rows[i].key);
		cr_expect_str_eq(hook_name(rows[i].success + 1), name);
	}
	kept = manifest_free(kept);
}

Test(hooks, pre_start_under_deployment_is_the_same_and_not_both)
{
	is_shell(&hooks("deployment: {pre_start: migrate}")[HOOK_PRE_START], "migrate", 300 * S);
	is_shell(&hooks("deployment: {pre_start: {command: m, timeout: 2s}}")[HOOK_PRE_START], "m",
		2 * S);
	kept = manifest_free(kept);
	refused_at(SVC("    hooks: {pre_start: a}\n    deployment: {pre_start: b}\n"),
		ERR_BAD_VALUE, 5, 29, "both");
	refused_at(
		SVC("    deployment: {pre_start: b}\n    hooks: {post_start: c, pre_start: a}\n"),
		ERR_BAD_VALUE, 5, 39, "keep the one in \"hooks\"");
}

Test(hooks, a_timeout_has_its_edges)
{
	cr_expect_eq(
		hooks("hooks: {pre_stop: {command: x, timeout: 1ms}}")[HOOK_PRE_STOP].timeout_ns,
		NS_PER_MS);
	kept = manifest_free(kept);
	line_refused("hooks: {pre_stop: {command: x, timeout: 0}}", ERR_BAD_VALUE, 45, "too short");
	line_refused("hooks: {pre_stop: {command: x, timeout: soon}}", ERR_BAD_VALUE, 45, "soon");
}

Test(hooks, a_hook_without_a_command_is_refused)
{
	line_refused("hooks: {pre_stop: {timeout: 1s}}", ERR_BAD_VALUE, 23, "has no \"command\"");
	line_refused("hooks: {pre_stop: {command: ''}}", ERR_BAD_VALUE, 33, "is empty");
	line_refused("hooks: {pre_stop: ' '}", ERR_BAD_VALUE, 23, "\"pre_stop\" is empty");
	line_refused("hooks: {pre_stop: []}", ERR_BAD_VALUE, 23, "0 words");
	line_refused("hooks: [x]", ERR_BAD_VALUE, 12, "is a list");
	line_refused("hooks: {on_stop: x}", ERR_BAD_VALUE, 22, "a map is expected");
}

Test(hooks, an_unknown_key_names_the_nearest_one)
{
	line_refused("hooks: {on_error: x}", ERR_UNKNOWN_KEY, 13,
		"unknown-field: \"on_error\" is no key of \"hooks\"; the nearest is \"onerr\"");
	line_refused("hooks: {prestart: x}", ERR_UNKNOWN_KEY, 13, "\"pre_start\"");
	line_refused("hooks: {on_stop: {failure: x}}", ERR_UNKNOWN_KEY, 23, "\"error\"");
	line_refused("hooks: {pre_stop: {cmd: x}}", ERR_UNKNOWN_KEY, 24, "write command");
	line_refused("post_start: x", ERR_UNKNOWN_KEY, 5, "\"post_start\" is a key of \"hooks\"");
}

Test(hooks, are_part_of_what_tells_a_changed_service)
{
	static const char *const lines[] = { "restart_policy: on-failure", "hooks: {pre_stop: x}",
		"hooks: {post_stop: x}", "hooks: {pre_stop: y}",
		"hooks: {pre_stop: {command: x, timeout: 1s}}" };
	char hash[5][17];

	for (size_t i = 0; i < 5; i++) {
		(void)hooks(lines[i]);
		memcpy(hash[i], kept->services[0].hash, sizeof hash[i]);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(hash[i], hash[k], "%s and %s", lines[i], lines[k]);
	}
	kept = manifest_free(kept);
}
