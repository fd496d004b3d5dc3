#include "base/clock.h"
#include "loading.h"

#define S NS_PER_SEC

static struct manifest *kept;

static const struct deployment *deployment(const char *keys)
{
	char line[600];

	snprintf(line, sizeof line, "deployment: {%s}", keys);
	manifest_free(kept);
	kept = line_good(line);
	return &kept->services[0].deployment;
}

Test(deployment, is_immediate_unless_it_is_written_to_be_rolling)
{
	cr_expect_eq(deployment("pre_start: x")->strategy, STRATEGY_IMMEDIATE);
	cr_expect_eq(deployment("strategy: immediate")->strategy, STRATEGY_IMMEDIATE);
	cr_expect_eq(deployment("strategy: rolling")->strategy, STRATEGY_ROLLING);
	cr_expect_eq(deployment("strategy: rolling")->grace_ns, 0);
	kept = manifest_free(kept);
}

Test(deployment, no_other_strategy_is_taken_and_the_remedy_names_both)
{
	refused_at(SVC("    deployment: {strategy: Rolling}\n"), ERR_BAD_VALUE, 4, 28,
		"write immediate or rolling");
	refused_at(SVC("    deployment: {strategy: start-first}\n"), ERR_BAD_VALUE, 4, 28,
		"write rolling");
}

Test(deployment, the_grace_period_is_a_duration_from_0_to_ten_years)
{
	cr_expect_eq(deployment("strategy: rolling, grace_period: 0")->grace_ns, 0);
	cr_expect_eq(deployment("strategy: rolling, grace_period: 5s")->grace_ns, 5 * S);
	cr_expect_eq(deployment("strategy: rolling, grace_period: 87840h")->grace_ns,
		INT64_C(87840) * 3600 * S);
	kept = manifest_free(kept);
	line_refused("deployment: {strategy: rolling, grace_period: 87841h}", ERR_BAD_VALUE, 51,
		"too long");
	line_refused("deployment: {strategy: rolling, grace_period: -1s}", ERR_BAD_VALUE, 51,
		"grace_period");
	line_refused("deployment: {strategy: rolling, grace_period: 1.5s}", ERR_BAD_VALUE, 51,
		"grace_period");
}

Test(deployment, a_grace_period_without_rolling_is_a_warning)
{
	struct manifest *m = load(SVC("    deployment: {grace_period: 5s}\n"));

	cr_assert(m && found.n == 1 && found.v[0].warning);
	cr_expect(strstr(found.v[0].err.msg, "has no effect"));
	cr_expect_eq(found.v[0].err.col, 18);
	manifest_free(m);
}

Test(deployment, a_cron_unit_is_not_rolling)
{
	refused_at(
		SVC("    cron: {expression: '* * * * *'}\n    deployment: {strategy: rolling}\n"),
		ERR_BAD_VALUE, 5, 5, "a cron unit can't be \"rolling\"");
	manifest_free(good(SVC("    cron: {expression: '* * * * *'}\n    deployment: {strategy: "
			       "immediate, pre_start: x}\n")));
}

Test(deployment, the_form_of_schema_1_means_the_same)
{
	struct manifest *m =
		good("version: \"1\"\nservices:\n  app:\n    command: \"sh ./app.sh\"\n"
		     "    deployment:\n      strategy: \"rolling\"\n      pre_start: \"sh "
		     "./migrate.sh\"\n      health_check: {url: \"http://localhost:8080/health\", "
		     "timeout: \"45s\", retries: 4}\n      grace_period: \"5s\"\n");
	const struct service *s = m->services;

	cr_expect_eq(s->deployment.strategy, STRATEGY_ROLLING);
	cr_expect_eq(s->deployment.grace_ns, 5 * S);
	cr_expect_str_eq(s->hooks[HOOK_PRE_START].argv[2], "sh ./migrate.sh");
	cr_expect_eq(s->check.port, 8080);
	manifest_free(m);
}

Test(deployment, the_form_of_schema_2_means_the_same)
{
	struct manifest *m =
		good("version: \"2\"\nservices:\n  web:\n    command: \"sh ./web.sh\"\n"
		     "    deployment:\n      strategy: rolling\n      health_check: {command: \"sh "
		     "./check.sh {slot}\", interval: \"1s\", attempt_timeout: \"2s\", "
		     "total_timeout: \"30s\", retries: 3}\n      blue_green:\n        env_var: "
		     "PORT\n        slots: [\"8001\", \"8002\"]\n        switch_command: \"sh "
		     "./switch.sh {active_slot} {candidate_slot}\"\n        switch_verify: "
		     "{command: \"sh ./verify.sh\", interval: \"1s\", retries: 3}\n");
	const struct service *s = m->services;
	const struct blue_green *b = s->deployment.blue;

	cr_expect_str_eq(s->check.argv[2], "sh ./check.sh 8001");
	cr_expect_str_eq(b->check[1].argv[2], "sh ./check.sh 8002");
	cr_expect_str_eq(b->verify[1].argv[2], "sh ./verify.sh");
	cr_expect_str_eq(s->hooks[HOOK_SWITCH_B].argv[2], "sh ./switch.sh 8001 8002");
	manifest_free(m);
}

Test(deployment, a_change_of_it_is_a_change_of_the_service)
{
	static const char *const forms[] = { "pre_start: x", "pre_start: x, strategy: rolling",
		"pre_start: x, strategy: rolling, grace_period: 1s",
		"pre_start: x, strategy: rolling, grace_period: 2s" };
	enum { N = sizeof forms / sizeof *forms };
	char hash[N][17];

	for (int i = 0; i < N; i++) {
		(void)deployment(forms[i]);
		snprintf(hash[i], sizeof hash[i], "%s", kept->services[0].hash);
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(hash[i], hash[k]);
	}
	kept = manifest_free(kept);
}

/* --- blue_green --- */

#define BLUE(more)                                                                                 \
	"blue_green: {env_var: PORT, slots: [\"8001\", \"8002\"], switch_command: 'to "            \
	"{candidate_slot} from {active_slot}'" more "}"

static const struct blue_green *blue(const char *keys)
{
	return deployment(keys)->blue;
}

static const char *last(const char *text, const char *part)
{
	const char *found_at = text;

	for (const char *p = text; (p = strstr(p, part)); p++)
		found_at = p;
	return found_at;
}

/* The service's deployment of these keys is refused where that stands the last time. */
static void blue_refused(const char *keys, const char *at, const char *words)
{
	char line[700];

	snprintf(line, sizeof line, "deployment: {%s}", keys);
	line_refused(line, ERR_BAD_VALUE, (int)(last(line, at) - line) + 5, words);
}

Test(blue_green, is_rolling_and_has_two_slots_and_a_command_for_each_direction)
{
	const struct blue_green *b = blue(BLUE());
	const struct hook *h = kept->services[0].hooks;

	cr_expect_eq(kept->services[0].deployment.strategy, STRATEGY_ROLLING);
	cr_expect_str_eq(b->env_var, "PORT");
	cr_expect_str_eq(b->slots[0], "8001");
	cr_expect_str_eq(b->slots[1], "8002");
	cr_expect_null(b->state_path);
	cr_expect_eq(b->check[0].kind, CHECK_NONE);
	cr_expect_eq(b->verify[1].kind, CHECK_NONE);
	cr_expect_str_eq(h[HOOK_SWITCH_A].argv[2], "to 8001 from 8002");
	cr_expect_str_eq(h[HOOK_SWITCH_B].argv[2], "to 8002 from 8001");
	cr_expect_eq(h[HOOK_SWITCH_B].timeout_ns, 30 * S);
	kept = manifest_free(kept);
	cr_expect(blue("strategy: rolling, " BLUE()));
	kept = manifest_free(kept);
}

Test(blue_green, the_command_is_a_list_or_a_map_with_a_timeout_as_well)
{
	(void)blue("blue_green: {env_var: P, slots: [a, b], switch_command: {command: [x, "
		   "'{candidate_slot}{active_slot}', '{slot}'], timeout: 3s}}");
	const struct hook *h = &kept->services[0].hooks[HOOK_SWITCH_B];
	cr_expect_str_eq(h->argv[1], "ba");
	cr_expect_str_eq(h->argv[2], "b");
	cr_expect_eq(h->timeout_ns, 3 * S);
	kept = manifest_free(kept);
}

Test(blue_green, the_check_of_each_slot_has_its_own_wherever_it_is_written)
{
	static const char *const forms[] = {
		"    health_check: {url: 'http://localhost:{slot}/x/{slot}'}\n"
		"    deployment: {" BLUE() "}\n",
		"    deployment: {" BLUE() ", health_check: {url: "
					   "'http://localhost:{slot}/x/{slot}'}}\n",
	};

	for (int i = 0; i < 2; i++) {
		char text[1000];
		snprintf(text, sizeof text, SVC("%s"), forms[i]);
		struct manifest *m = good(text);
		const struct service *s = m->services;
		cr_expect_eq(s->check.port, 8001);
		cr_expect_eq(s->deployment.blue->check[0].port, 8001);
		cr_expect_eq(s->deployment.blue->check[1].port, 8002);
		cr_expect_str_eq(s->deployment.blue->check[1].path, "/x/8002");
		manifest_free(m);
	}
}

Test(blue_green, candidate_health_check_and_switch_verify_are_checks_of_each_slot)
{
	const struct blue_green *b =
		blue(BLUE(", candidate_health_check: {tcp: 'localhost:{slot}', retries: 1}, "
			  "switch_verify: {command: [v, '{candidate_slot}'], total_timeout: 4s}, "
			  "state_path: state/web"));

	cr_expect_eq(b->candidate[0].port, 8001);
	cr_expect_eq(b->candidate[1].port, 8002);
	cr_expect_eq(b->candidate[1].retries, 1);
	cr_expect_str_eq(b->verify[0].argv[1], "8001");
	cr_expect_str_eq(b->verify[1].argv[1], "8002");
	cr_expect_eq(b->verify[1].total_timeout_ns, 4 * S);
	cr_expect_str_eq(b->state_path, "/app/state/web");
	kept = manifest_free(kept);
}

Test(blue_green, what_looks_like_a_placeholder_of_the_shell_or_another_program_is_left_alone)
{
	(void)blue("blue_green: {env_var: P, slots: [a, b], switch_command: 'echo ${slot} {a,b} "
		   "{print} {slot,x} {} {'}");
	cr_expect_str_eq(kept->services[0].hooks[HOOK_SWITCH_A].argv[2],
		"echo ${slot} {a,b} {print} {slot,x} {} {");
	kept = manifest_free(kept);
	struct manifest *m = good("services: {a: {command: 'echo {slot}'}}\n");
	cr_expect_str_eq(m->services[0].command, "echo {slot}");
	manifest_free(m);
}

Test(blue_green, an_unknown_placeholder_is_refused_with_those_that_there_are)
{
	blue_refused("blue_green: {env_var: P, slots: [a, b], switch_command: 'x {old_slot}'}",
		"'x", "\"{old_slot}\" is no placeholder here");
	blue_refused("blue_green: {env_var: P, slots: [a, b], switch_command: 'x {old_slot}'}",
		"'x", "write {active_slot} or {candidate_slot}");
	blue_refused(BLUE() ", health_check: {command: 'x {active_slot}'}", "'x", "write {slot}");
	line_refused("health_check: {command: 'x {slot}'}", ERR_BAD_VALUE, 29,
		"\"{slot}\" without \"blue_green\"");
}

Test(blue_green, slots_are_two_and_differ)
{
	static const struct {
		const char *slots, *words, *at;
	} rows[] = { { "[a]", "\"slots\" has 1; there are two", "[a]" },
		{ "[a, b, c]", "\"slots\" has 3", "[a, b, c]" },
		{ "[a, a]", "both are \"a\"", "a]" }, { "[a, '']", "it is empty", "''" },
		{ "a", "a list is expected", "a, switch" },
		{ "[\"a\\tb\", b]", "control character", "\"a\\tb" } };
	char keys[300];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(keys, sizeof keys,
			"blue_green: {env_var: P, slots: %s, switch_command: x}", rows[i].slots);
		blue_refused(keys, rows[i].at, rows[i].words);
	}
}

Test(blue_green, a_slot_has_64_bytes_and_no_more)
{
	char slot[66], keys[300];

	memset(slot, 'a', 65);
	slot[65] = '\0';
	snprintf(keys, sizeof keys, "blue_green: {env_var: P, slots: [%s, b], switch_command: x}",
		slot);
	blue_refused(keys, slot, "more than 64 bytes");
	snprintf(keys, sizeof keys, "blue_green: {env_var: P, slots: [%s, b], switch_command: x}",
		slot + 1);
	cr_expect_eq(strlen(blue(keys)->slots[0]), 64);
	kept = manifest_free(kept);
}

Test(blue_green, its_variable_has_a_name_that_a_program_can_read)
{
	static const char *const bad[] = { "''", "1P", "A-B", "'A B'", "A=B", "SYSG_NAME",
		"SPAWN_DEPTH" };
	char keys[300];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(keys, sizeof keys,
			"blue_green: {env_var: %s, slots: [a, b], switch_command: x}", bad[i]);
		blue_refused(keys, bad[i], "\"env_var\"");
	}
	cr_expect_str_eq(
		blue("blue_green: {env_var: _p1, slots: [a, b], switch_command: x}")->env_var,
		"_p1");
	kept = manifest_free(kept);
}

Test(blue_green, none_of_the_three_that_it_needs_may_be_missing)
{
	blue_refused(
		"blue_green: {slots: [a, b], switch_command: x}", "{slots", "without \"env_var\"");
	blue_refused("blue_green: {env_var: P, switch_command: x}", "{env", "without \"slots\"");
	blue_refused(
		"blue_green: {env_var: P, slots: [a, b]}", "{env", "without \"switch_command\"");
}

Test(blue_green, goes_with_neither_immediate_nor_replicas_nor_cron)
{
	blue_refused("strategy: immediate, " BLUE(), "blue_green", "strategy: immediate");
	refused_at(SVC("    replicas: 2\n    deployment: {" BLUE() "}\n"), ERR_BAD_VALUE, 5, 18,
		"two slots");
	refused_at(SVC("    cron: {expression: '* * * * *'}\n    deployment: {" BLUE() "}\n"),
		ERR_BAD_VALUE, 5, 5, "a cron unit");
}

Test(blue_green, what_is_wrong_with_a_check_is_told_once_and_of_either_slot)
{
	blue_refused("blue_green: {env_var: P, slots: ['8001', '70000'], switch_command: x}, "
		     "health_check: {tcp: 'localhost:{slot}'}",
		"'localhost", "localhost:70000");
	blue_refused("blue_green: {env_var: P, slots: ['0', '8001'], switch_command: x}, "
		     "health_check: {tcp: 'localhost:{slot}'}",
		"'localhost", "localhost:0");
	blue_refused(BLUE(", switch_verify: {}"), "{}", "asks nothing");
	blue_refused(BLUE(", switch_verify: {notify: true}"), "{notify", "asks nothing");
	blue_refused(BLUE(", candidate_health_check: {file: x, on_unhealthy: ignore}"), "on_unh",
		"for the service's own");
}

Test(blue_green, a_change_of_any_key_is_a_change_of_the_service)
{
	static const char *const forms[] = { BLUE(), BLUE(", state_path: a"),
		BLUE(", state_path: b"), BLUE(", switch_verify: {file: a}"),
		BLUE(", switch_verify: {file: b}"), BLUE(", candidate_health_check: {file: a}"),
		"blue_green: {env_var: P, slots: [a, b], switch_command: x}",
		"blue_green: {env_var: P, slots: [a, c], switch_command: x}",
		"blue_green: {env_var: Q, slots: [a, b], switch_command: x}",
		"blue_green: {env_var: P, slots: [b, a], switch_command: x}" };
	enum { N = sizeof forms / sizeof *forms };
	char hash[N][17];

	for (int i = 0; i < N; i++) {
		(void)blue(forms[i]);
		snprintf(hash[i], sizeof hash[i], "%s", kept->services[0].hash);
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(hash[i], hash[k], "%s and %s", forms[i], forms[k]);
	}
	kept = manifest_free(kept);
}
