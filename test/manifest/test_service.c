#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "loading.h"

#define S NS_PER_SEC

Test(service, has_the_defaults_of_the_page)
{
	struct manifest *m = good("services: {a: {exec: [prog, x]}}\n");
	const struct service *s = &m->services[0];

	cr_expect_str_eq(s->name, "a");
	cr_expect_str_eq(s->working_dir, "/app");
	cr_expect(s->env.inherit && !s->env.nvars && !s->env.files);
	cr_expect_eq(s->restart, RESTART_ON_FAILURE);
	cr_expect(s->backoff.initial_ns == S && s->backoff.max_ns == 300 * S);
	cr_expect(s->backoff.factor == 2 && s->backoff.jitter_percent == 10);
	cr_expect_eq(s->max_restarts, -1);
	cr_expect_not(s->essential);
	cr_expect_eq(s->success[0], 1);
	cr_expect_eq(s->stop_signal, 15);
	cr_expect_eq(s->stop_target, STOP_MAIN);
	cr_expect(s->stop_timeout_ns == 5 * S && !s->stop_timeout_set);
	cr_expect(!s->user && !s->group);
	cr_expect_eq(s->check.kind, CHECK_NONE);
	cr_expect_eq(s->logs.sinks, 0);
	cr_expect_not(s->spawn_dynamic);
	cr_expect_eq(s->policy, POLICY_DRAIN);
	cr_expect(s->limits.v[LIMIT_CHILDREN] == 100 && s->limits.v[LIMIT_DEPTH] == 3);
	cr_expect_eq(s->limits.v[LIMIT_DESCENDANTS], 500);
	cr_expect(s->limits.v[LIMIT_EVER] == LIMIT_NONE && s->limits.v[LIMIT_TTL] == LIMIT_NONE);
	cr_expect(m->max_concurrent == -1 && m->shutdown_timeout_ns == -1 &&
		  m->shutdown_delay_ns == 0);
	cr_expect(!m->control_socket && m->control_mode == 0666 && !m->control_group);
	cr_expect_str_eq(m->path, "/app/systemg.yaml");
	cr_expect_str_eq(m->dir, "/app");
	cr_expect(s->line == 1 && s->col == 12);
	manifest_free(m);
}

Test(service, a_command_string_is_the_shells_and_gets_its_stop_signal_as_a_group)
{
	struct manifest *m = good("services: {a: {command: 'echo ${HOME} $${x} $((1))'}}\n");
	const struct service *s = &m->services[0];

	cr_expect_str_eq(s->argv[0], "/bin/sh");
	cr_expect_str_eq(s->argv[1], "-c");
	cr_expect_str_eq(s->argv[2], "echo ${HOME} $${x} $((1))");
	cr_expect_null(s->argv[3]);
	cr_expect(s->shell);
	cr_expect_str_eq(s->command, s->argv[2]);
	cr_expect_eq(s->stop_target, STOP_GROUP);
	manifest_free(m);
}

Test(service, a_command_list_is_run_as_it_is_with_variables_filled_in)
{
	struct manifest *m = good("services: {a: {command: [prog, -p, '${PORT}', 5, '']}}\n");
	const struct service *s = &m->services[0];

	cr_expect_str_eq(s->command, "prog -p 8080 5 ");
	cr_expect_str_eq(s->argv[2], "8080");
	cr_expect_str_eq(s->argv[4], "");
	cr_expect_null(s->argv[5]);
	cr_expect_not(s->shell);
	cr_expect_eq(s->stop_target, STOP_MAIN);
	manifest_free(m);
}

Test(service, needs_exactly_one_of_command_and_exec)
{
	refused_at("services:\n  a: {}\n", ERR_BAD_VALUE, 2, 3, "neither");
	refused_at("services:\n  a:\n", ERR_BAD_VALUE, 2, 3, "neither");
	refused_at("services:\n  a: {command: ~}\n", ERR_BAD_VALUE, 2, 3, "neither");
	line_refused("exec: [y]", ERR_BAD_VALUE, 5, "both");
	refused_at("services:\n  a: {exec: [y], command: x}\n", ERR_BAD_VALUE, 2, 18, "both");
}

Test(service, a_command_without_a_program_is_refused)
{
	refused_at("services: {a: {command: ''}}\n", ERR_BAD_VALUE, 1, 25, "is empty");
	refused_at("services: {a: {command: '  '}}\n", ERR_BAD_VALUE, 1, 25, "is empty");
	refused_at("services: {a: {command: []}}\n", ERR_BAD_VALUE, 1, 25, "0 words");
	refused_at("services: {a: {exec: ['']}}\n", ERR_BAD_VALUE, 1, 23, "no program");
	refused_at("services: {a: {exec: x}}\n", ERR_BAD_VALUE, 1, 22, "a list is expected");
	refused_at("services: {a: {command: {x: y}}}\n", ERR_BAD_VALUE, 1, 25, "is a map");
	refused_at("services: {a: {exec: [x, [y]]}}\n", ERR_BAD_VALUE, 1, 26, "is a list");
	refused_at("services: {a: {exec: [x, ~]}}\n", ERR_BAD_VALUE, 1, 26, "is empty");
}

Test(service, a_command_list_has_at_most_4096_words)
{
	char *text = malloc(20000), *p = text;

	p += sprintf(p, "services: {a: {exec: [x");
	for (int i = 1; i < 4096; i++)
		p += sprintf(p, ",x");
	strcpy(p, "]}}\n");
	manifest_free(good(text));
	strcpy(p, ",x]}}\n");
	refused_at(text, ERR_BAD_VALUE, 1, 22, "4097 words");
	free(text);
}

Test(service, its_working_dir_is_relative_to_the_manifest)
{
	line_means_text("working_dir: srv", working_dir, "/app/srv");
	line_means_text("working_dir: /srv", working_dir, "/srv");
	line_means_text("working_dir: ./x", working_dir, "/app/x");
	line_means_text("working_dir: .", working_dir, "/app");
	line_refused("working_dir: ''", ERR_BAD_VALUE, 18, "empty");
}

Test(service, without_a_working_dir_stays_where_sysg_was_started_for_a_manifest_of_etc)
{
	loading_source.cwd_default = true;
	struct manifest *m = good("services: {a: {command: x}, b: {command: x, working_dir: c}}\n");

	cr_expect_null(m->services[0].working_dir);
	cr_expect_str_eq(m->services[1].working_dir, "/app/c");
	manifest_free(m);
}

Test(service, a_manifest_in_the_root_directory_makes_no_double_slash)
{
	loading_source.path = "/systemg.yaml";
	struct manifest *m = line_good("working_dir: srv");

	cr_expect_str_eq(m->dir, "/");
	cr_expect_str_eq(m->services[0].working_dir, "/srv");
	manifest_free(m);
}

static const char *env_value(const struct env_spec *e, const char *name)
{
	for (size_t i = 0; i < e->nvars; i++)
		if (strcmp(e->vars[i].name, name) == 0)
			return e->vars[i].value;
	return "(none)";
}

Test(env, a_plain_map_is_variables_as_written)
{
	struct manifest *m =
		line_good("env: {A: b, N: 0x1F, F: 1.50, B: yes, E: '', Z: ~, H: '${HOME}/x', "
			  "D: '$${HOME}', T: '${TRICK}'}");
	const struct env_spec *e = &m->services[0].env;

	cr_expect_eq(e->nvars, 9);
	cr_expect_str_eq(env_value(e, "N"), "0x1F");
	cr_expect_str_eq(env_value(e, "F"), "1.50");
	cr_expect_str_eq(env_value(e, "B"), "yes");
	cr_expect_str_eq(env_value(e, "E"), "");
	cr_expect_str_eq(env_value(e, "Z"), "");
	cr_expect_str_eq(env_value(e, "H"), "/root/x");
	cr_expect_str_eq(env_value(e, "D"), "${HOME}");
	cr_expect_str_eq(env_value(e, "T"), "${HOME}");
	cr_expect(e->inherit);
	manifest_free(m);
}

Test(env, the_long_form_has_files_vars_and_inherit_env)
{
	struct manifest *m =
		line_good("env: {file: [a.env, /b.env], vars: {A: 1}, inherit_env: no}");
	const struct env_spec *e = &m->services[0].env;

	cr_expect_str_eq(e->files[0], "/app/a.env");
	cr_expect_str_eq(e->files[1], "/b.env");
	cr_expect_null(e->files[2]);
	cr_expect_str_eq(env_value(e, "A"), "1");
	cr_expect_not(e->inherit);
	manifest_free(m);
	m = line_good("env: {file: one.env}");
	cr_expect_str_eq(m->services[0].env.files[0], "/app/one.env");
	manifest_free(m);
}

Test(env, a_variable_beside_the_keys_of_the_long_form_is_refused)
{
	line_refused("env: {vars: {}, PORT: 1}", ERR_UNKNOWN_KEY, 21, "unknown-field");
	line_refused("env: {inherit_env: maybe}", ERR_BAD_VALUE, 24, "write true or false");
}

Test(env, lists_maps_and_broken_names_are_refused)
{
	line_refused("env: {A: [1]}", ERR_BAD_VALUE, 14, "is a list");
	line_refused("env: {A: {b: c}}", ERR_BAD_VALUE, 14, "is a map");
	line_refused("env: {'A=B': c}", ERR_BAD_VALUE, 11, "no name for a variable");
	line_refused("env: {'': c}", ERR_BAD_VALUE, 11, "no name for a variable");
	line_refused("env: {A: '${NOPE}'}", ERR_BAD_VALUE, 14, "NOPE is not set");
	line_refused("env: {file: {}}", ERR_BAD_VALUE, 17, "is a map");
	line_refused("env: {file: ['']}", ERR_BAD_VALUE, 18, "empty");
}

Test(env, at_the_top_is_for_all_services)
{
	struct manifest *m =
		good("env: {file: c.env, vars: {A: b}}\nservices: {a: {command: x}}\n");

	cr_expect_str_eq(m->env.files[0], "/app/c.env");
	cr_expect_str_eq(env_value(&m->env, "A"), "b");
	manifest_free(m);
	refused_at("services: {a: {command: x}}\nenv: {vars: {}, inherit_env: no}\n",
		ERR_UNKNOWN_KEY, 2, 17, "is a key of \"env\"");
}

Test(restart, policies_are_three_words)
{
	static const struct {
		const char *line;
		enum restart_policy want;
	} cases[] = { { "restart_policy: always", RESTART_ALWAYS },
		{ "restart_policy: \"on-failure\"", RESTART_ON_FAILURE },
		{ "restart_policy: on_failure", RESTART_ON_FAILURE },
		{ "restart_policy: never", RESTART_NEVER } };

	for (size_t i = 0; i < 4; i++) {
		struct manifest *m = line_good(cases[i].line);
		cr_expect_eq(m->services[0].restart, cases[i].want);
		manifest_free(m);
	}
	line_refused(
		"restart_policy: Always", ERR_BAD_VALUE, 21, "write always, on-failure or never");
}

Test(restart, backoff_is_a_duration_or_a_map)
{
	line_means("backoff: 250ms", backoff.initial_ns, 250 * NS_PER_MS);
	struct manifest *m = line_good("backoff: {initial: 2, max: 1m, factor: 3, jitter: 0%}");
	const struct backoff *b = &m->services[0].backoff;
	cr_expect(b->initial_ns == 2 * S && b->max_ns == 60 * S && b->factor == 3 &&
		  b->jitter_percent == 0);
	manifest_free(m);
	line_means("backoff: 10m", backoff.max_ns, 600 * S);
	line_refused("backoff: 1.5s", ERR_BAD_VALUE, 14, "no fractions");
	line_refused("backoff: {factor: 0}", ERR_BAD_VALUE, 23, "from 1 to 1000");
	line_refused("backoff: {jitter: 101}", ERR_BAD_VALUE, 23, "0 to 100");
	line_refused("backoff: {initial: 3s, max: 2s}", ERR_BAD_VALUE, 33, "less than");
	line_refused("backoff: [1]", ERR_BAD_VALUE, 14, "is a list");
}

Test(restart, max_restarts_is_a_whole_number)
{
	line_means("max_restarts: \"5\"", max_restarts, 5);
	line_means("max_restarts: 0", max_restarts, 0);
	line_refused("max_restarts: -1", ERR_BAD_VALUE, 19, "from 0");
	line_refused("max_restarts: 0x10", ERR_BAD_VALUE, 19, "decimal");
	line_refused("max_restarts: 010", ERR_BAD_VALUE, 19, "octal");
	line_refused("max_restarts: 1.5", ERR_BAD_VALUE, 19, "whole number");
	line_refused("max_restarts: 1000000001", ERR_BAD_VALUE, 19, "too large");
}

Test(restart, success_exit_codes_are_further_codes_beside_0)
{
	struct manifest *m = line_good("success_exit_codes: [3, 143, 255]");
	const unsigned char *b = m->services[0].success;

	for (int i = 0; i < 256; i++)
		cr_expect_eq((b[i / 8] >> (i % 8)) & 1, i == 0 || i == 3 || i == 143 || i == 255,
			"%d", i);
	manifest_free(m);
	line_refused("success_exit_codes: [256]", ERR_BAD_VALUE, 26, "from 0 to 255");
	line_refused("success_exit_codes: [-1]", ERR_BAD_VALUE, 26, "from 0 to 255");
	line_refused("success_exit_codes: 3", ERR_BAD_VALUE, 25, "a list is expected");
}

Test(stop, has_a_signal_a_target_and_a_time)
{
	line_means("stop_signal: SIGINT", stop_signal, 2);
	line_means("stop_signal: RTMIN+3", stop_signal, 37);
	line_means("stop_target: tree", stop_target, STOP_TREE);
	line_means("stop_target: main", stop_target, STOP_MAIN);
	struct manifest *m = line_good("stop_timeout: 0");
	cr_expect(m->services[0].stop_timeout_ns == 0 && m->services[0].stop_timeout_set);
	manifest_free(m);
	line_means("stop_timeout: '${SECS}'", stop_timeout_ns, 7 * S);
	line_refused("stop_signal: TERMINATE", ERR_BAD_VALUE, 18, "not a signal");
	line_refused("stop_signal: 65", ERR_BAD_VALUE, 18, "not a signal");
	line_refused("stop_target: all", ERR_BAD_VALUE, 18, "write main, group or tree");
	line_refused("stop_timeout: 5 s", ERR_BAD_VALUE, 19, "unknown unit");
	line_refused("stop_timeout: -1s", ERR_BAD_VALUE, 19, "whole number");
	line_refused("stop_timeout: 87841h", ERR_BAD_VALUE, 19, "too long");
}

Test(user, is_a_name_or_a_number_and_needs_root)
{
	struct manifest *m = line_good("user: 1000\n    group: www-data");
	cr_expect_str_eq(m->services[0].user, "1000");
	cr_expect_str_eq(m->services[0].group, "www-data");
	manifest_free(m);
	line_refused("user: 1000:1000", ERR_BAD_VALUE, 11, "one name or one number");
	loading_source.may_switch_user = false;
	line_refused("user: www", ERR_NEEDS_ROOT, 11, "root");
	line_refused("group: 5", ERR_NEEDS_ROOT, 12, "root");
}

Test(logs, sinks_are_words_and_two_of_them_stand_alone)
{
	line_means("logs: {sink: [stdout, file, stdout]}", logs.sinks, SINK_STDOUT | SINK_FILE);
	line_means("logs: {sink: inherit}", logs.sinks, SINK_INHERIT);
	line_means("logs: {sink: [none]}", logs.sinks, SINK_NONE);
	line_refused("logs: {sink: [none, file]}", ERR_BAD_VALUE, 18, "stand alone");
	line_refused("logs: {sink: [stdout, inherit]}", ERR_BAD_VALUE, 18, "stand alone");
	line_refused("logs: {sink: []}", ERR_BAD_VALUE, 18, "empty list");
	line_refused("logs: {sink: disk}", ERR_BAD_VALUE, 18, "write stdout, file");
}

Test(logs, all_keys_have_their_values_and_wrong_ones_are_found)
{
	struct manifest *m = line_good("logs: {format: json, prefix: false, max_bytes: 2M, "
				       "max_files: 3, when_full: drop}");
	const struct log_spec *s = &m->services[0].logs;

	cr_expect(s->format == LOG_FORMAT_JSON && s->prefix == LOG_PREFIX_NO);
	cr_expect(s->when_full == LOG_FULL_DROP && s->max_bytes == 2 << 20 && s->max_files == 3);
	manifest_free(m);
	line_refused("logs: {format: xml}", ERR_BAD_VALUE, 20, "text or json");
	line_refused("logs: {prefix: 7}", ERR_BAD_VALUE, 20, "true or false");
	line_refused("logs: {max_bytes: 0}", ERR_BAD_VALUE, 23, "too small");
	line_refused("logs: {max_bytes: ten}", ERR_BAD_VALUE, 23, "write a size");
	line_refused("logs: {max_files: 0}", ERR_BAD_VALUE, 23, "1");
	line_refused("logs: {max_files: 1001}", ERR_BAD_VALUE, 23, "1000");
	line_refused("logs: {when_full: wait}", ERR_BAD_VALUE, 23, "write block");
	line_refused("logs: {max_total: 5M}", ERR_BAD_VALUE, 23, "at the top level");
	line_refused("logs: {max-size: 5M}", ERR_UNKNOWN_KEY, 12, "write max_bytes");
	line_refused("logging: {driver: x}", ERR_UNKNOWN_KEY, 5, "write logs");
}

Test(logs, a_service_has_what_the_top_level_says_but_for_what_it_says_itself)
{
	struct manifest *m =
		good("services:\n  a:\n    command: x\n"
		     "    logs: {max_files: 2}\n"
		     "logs: {sink: stdout, max_files: 9, format: json, max_total: 1M}\n");
	const struct log_spec *s = &m->services[0].logs;

	cr_expect(s->sinks == SINK_STDOUT && s->max_files == 2 && s->format == LOG_FORMAT_JSON);
	cr_expect(m->logs.max_total == 1 << 20 && !s->max_total);
	manifest_free(m);
}

Test(spawn, has_a_mode_limits_and_a_policy)
{
	struct manifest *m = line_good(
		"spawn: {mode: dynamic, when_full: refuse, limits: {children: 50, depth: 5, "
		"descendants: 200, ever: 7, rate: 0, ttl: 1h, termination_policy: cascade}}");
	const struct service *s = &m->services[0];

	cr_expect(s->spawn_dynamic);
	cr_expect_eq(s->policy, POLICY_CASCADE);
	cr_expect(s->limits.v[LIMIT_CHILDREN] == 50 && s->limits.v[LIMIT_DEPTH] == 5);
	cr_expect(s->limits.v[LIMIT_DESCENDANTS] == 200 && s->limits.v[LIMIT_EVER] == 7);
	cr_expect(s->limits.v[LIMIT_RATE] == LIMIT_NONE && s->limits.v[LIMIT_TTL] == 3600 * S);
	manifest_free(m);
	line_means("spawn: {mode: dynamic, termination_policy: cascade}", policy, POLICY_CASCADE);
	line_means("on_exit: ['send:a:x', 'send:b:@f']", nsends, 2);
	line_refused("on_exit: [restart]", ERR_BAD_VALUE, 15, "restart_policy");
	line_refused("on_exit: ['send:a']", ERR_BAD_VALUE, 15, "send:TARGET:TEXT");
	line_refused("on_exit: ['send::x']", ERR_BAD_VALUE, 15, "send:TARGET:TEXT");
	line_refused("on_exit: ['send:a:1', 'send:a:2', 'send:a:3', 'send:a:4', 'send:a:5']",
		ERR_BAD_VALUE, 14, "at most 4");
	line_means("spawn: {mode: dynamic}", terms.restart_max, 5);
	line_means("spawn: {mode: dynamic}", terms.restart_window_ns, 60 * S);
	line_means("spawn: {mode: dynamic}", terms.on_exit, 15);
	line_means("spawn: {mode: dynamic, restart: {max: 9, window: 5s}}", terms.restart_max, 9);
	line_means("spawn: {mode: dynamic, restart: {window: 5s}}", terms.restart_window_ns, 5 * S);
	line_means("spawn: {mode: dynamic, allow: {on_exit: [send]}}", terms.on_exit, 9);
	line_means("spawn: {mode: dynamic, allow: {on_exit: []}}", terms.on_exit, 1);
	line_refused("spawn: {mode: dynamic, restart: {max: 0}}", ERR_BAD_VALUE, 43, "from 1 to");
	line_refused("spawn: {mode: dynamic, allow: {on_exit: [stop]}}", ERR_BAD_VALUE, 46,
		"write none, restart, restart-on-failure or send");
	line_refused("spawn: {mode: on}", ERR_BAD_VALUE, 19, "write static or dynamic");
	line_means("spawn: {mode: dynamic, when_full: queue}", spawn_queue, true);
	line_means("spawn: {mode: dynamic, when_full: refuse}", spawn_queue, false);
	line_refused("spawn: {mode: dynamic, when_full: wait}", ERR_BAD_VALUE, 39,
		"write refuse or queue");
	line_means("spawn: {mode: dynamic, termination_policy: orphan}", policy, POLICY_ORPHAN);
	line_means("spawn: {mode: dynamic, limits: {termination_policy: reparent}}", policy,
		POLICY_REPARENT);
	line_refused("spawn: {mode: dynamic, termination_policy: none}", ERR_BAD_VALUE, 48,
		"write drain, cascade, reparent or orphan");
	line_refused(
		"spawn: {mode: dynamic, limits: {children: many}}", ERR_BAD_VALUE, 47, "children");
	line_refused("spawn: {mode: dynamic, termination_policy: drain, limits: "
		     "{termination_policy: drain}}",
		ERR_BAD_VALUE, 64, "keep one");
}

Test(spawn, limits_without_the_dynamic_mode_are_a_warning)
{
	struct manifest *m = load(SVC("    spawn: {limits: {children: 3}}\n"));

	cr_expect_not_null(m);
	cr_assert_eq(found.n, 1);
	cr_expect(found.v[0].warning && found.v[0].err.line == 4 && found.v[0].err.col == 13);
	cr_expect(strstr(found.v[0].err.help, "mode: dynamic"));
	manifest_free(m);
	findings_done(&found);
}

Test(cgroup, values_are_as_the_kernel_takes_them)
{
	struct manifest *m =
		good(SVC("    limits: {cgroup: {memory_max: 64M, pids_max: 10, cpu_max: 50000, "
			 "cpu_weight: 10000, root: /sys/fs/cgroup/x}}\n"));
	char *const *v = m->services[0].cgroup.v;

	cr_expect_str_eq(v[CGROUP_MEMORY], "67108864");
	cr_expect_str_eq(v[CGROUP_PIDS], "10");
	cr_expect_str_eq(v[CGROUP_CPU], "50000 100000");
	cr_expect_str_eq(v[CGROUP_WEIGHT], "10000");
	cr_expect_str_eq(m->services[0].cgroup.root, "/sys/fs/cgroup/x");
	manifest_free(m);
	m = good(SVC(
		"    limits: {cgroup: {memory_max: max, pids_max: max, cpu_max: max 20000}}\n"));
	v = m->services[0].cgroup.v;
	cr_expect_str_eq(v[CGROUP_MEMORY], "max");
	cr_expect_str_eq(v[CGROUP_CPU], "max 20000");
	cr_expect_null(v[CGROUP_WEIGHT]);
	manifest_free(m);
}

Test(cgroup, memory_of_the_whole_tree_needs_none)
{
	struct manifest *m = good(SVC("    limits: {memory: 64M}\n"));

	cr_expect_eq(m->services[0].memory, 64 << 20);
	manifest_free(m);
	cr_expect_null(load(SVC("    limits: {memory: 4095}\n")));
	findings_done(&found);
}

Test(cgroup, values_have_a_range_and_a_form)
{
	static const char *const bad[] = { "memory_max: 4095", "memory_max: 1.5G", "pids_max: 0",
		"pids_max: 4194305", "cpu_weight: 0", "cpu_weight: 10001", "cpu_weight: max",
		"cpu_max: 999", "cpu_max: 5000 1000001", "cpu_max: 50%", "root: ../x",
		"root: /a/../b", "root: ''" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[256];
		snprintf(text, sizeof text, SVC("    limits: {cgroup: {%s}}\n"), bad[i]);
		cr_expect_null(load(text), "%s", bad[i]);
		cr_expect_eq(found.n, 1, "%s: %zu", bad[i], found.n);
	}
	manifest_free(good(
		SVC("    limits: {cgroup: {memory_max: 4096, pids_max: 4194304, cpu_weight: 1, "
		    "cpu_max: 1000 1000000}}\n")));
	findings_done(&found);
}
