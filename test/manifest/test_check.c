#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/caps.h"
#include "base/clock.h"
#include "loading.h"
#include "manifest/find.h"

#define S     NS_PER_SEC
#define THREE "  b: {command: x}\n  c: {command: x, health_check: {}}\n"

Test(depends_on, is_a_list_of_names_or_maps_or_a_map)
{
	static const char *const forms[] = {
		SVC("    depends_on: [b, {service: c, condition: completed, restart: false}]\n")
			THREE,
		SVC("    depends_on: {b: , c: {condition: completed, restart: no}}\n") THREE,
	};

	for (size_t i = 0; i < 2; i++) {
		struct manifest *m = good(forms[i]);
		const struct dep *d = m->services[0].deps;
		cr_assert_eq(m->services[0].ndeps, 2);
		cr_expect(d[0].index == 1 && d[0].condition == DEP_STARTED && d[0].restart);
		cr_expect_str_eq(d[0].name, "b");
		cr_expect(d[1].index == 2 && d[1].condition == DEP_COMPLETED && !d[1].restart);
		cr_expect_eq(d[0].line, 4);
		manifest_free(m);
	}
}

Test(depends_on, one_map_with_service_is_one_dependency_and_not_a_service_of_that_name)
{
	struct manifest *m = good(SVC("    depends_on: {service: b, restart: false}\n") THREE);
	cr_expect(m->services[0].ndeps == 1 && !m->services[0].deps[0].restart);
	manifest_free(m);
	m = good(SVC("    depends_on: {service: {restart: false}}\n  service: {command: x}\n"));
	cr_expect(m->services[0].ndeps == 1 && m->services[0].deps[0].index == 1);
	manifest_free(m);
}

Test(depends_on, without_a_condition_is_healthy_where_there_is_a_check_and_else_started)
{
	struct manifest *m = good(SVC("    depends_on: [b, c]\n") THREE);
	cr_expect_eq(m->services[0].deps[0].condition, DEP_STARTED);
	cr_expect_eq(m->services[0].deps[1].condition, DEP_HEALTHY);
	manifest_free(m);
	m = good(SVC("    depends_on: [{service: b, condition: healthy}, {service: c, condition: "
		     "started}]\n") THREE);
	cr_expect_eq(m->services[0].deps[0].condition, DEP_HEALTHY);
	cr_expect_eq(m->services[0].deps[1].condition, DEP_STARTED);
	manifest_free(m);
}

/* SERVICES services with long names, and a with so many dependencies, each written in that form. */
static struct manifest *load_dependencies(int n, const char *form)
{
	enum { SERVICES = 300, LINE = 80 };
	size_t size = (size_t)(SERVICES + n + 2) * LINE, at = 0;
	char *text = malloc(size);

	at += (size_t)snprintf(text, size, "services:\n");
	for (int i = 0; i < SERVICES; i++)
		at += (size_t)snprintf(text + at, size - at, "  s%059d: {command: x}\n", i);
	at += (size_t)snprintf(text + at, size - at, "  a:\n    command: x\n    depends_on:\n");
	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, size - at, form, i);
	struct manifest *m = load(text);
	free(text);
	return m;
}

/* A supervisor that is told to read it does nothing else meanwhile. */
Test(depends_on, however_many_wrong_ones_there_are_they_are_refused_soon)
{
	clock_t began = clock();

	cr_expect_null(load_dependencies(4000, "      - t%059d\n"));
	cr_expect_eq(found.n, FINDINGS_MAX);
	cr_expect(strstr(found.v[FINDINGS_MAX - 1].err.help, "the nearest is \"s0"));
	cr_expect_null(load_dependencies(4000, "      - same\n"));
	cr_expect_null(load_dependencies(60000, "      - s%059d\n"));
	cr_expect(strstr(found.v[0].err.msg, "60000 dependencies; at most 4096 are possible"));
	cr_expect_lt(clock() - began, 15 * CLOCKS_PER_SEC);
}

Test(depends_on, unknown_own_and_double_names_are_refused)
{
	refused_at(SVC("    depends_on: [b, bb]\n") THREE, ERR_BAD_DEPENDENCY, 4, 21,
		"the nearest is \"b\"");
	line_refused("depends_on: [a]", ERR_BAD_DEPENDENCY, 18, "depends on itself");
	refused_at(SVC("    depends_on: [b, b]\n") THREE, ERR_BAD_VALUE, 4, 21, "twice");
	refused_at(SVC("    depends_on: {b: {service: c}}\n") THREE, ERR_BAD_VALUE, 4, 21,
		"below the name");
	line_refused("depends_on: b", ERR_BAD_VALUE, 17, "write a list");
	line_refused("depends_on: [{restart: false}]", ERR_BAD_VALUE, 18, "without \"service\"");
	refused_at(SVC("    depends_on: {b: heathy}\n") THREE, ERR_BAD_VALUE, 4, 21, "healthy");
}

Test(depends_on, a_cycle_is_refused_with_its_path)
{
	refused_at("services:\n  o: {command: x, depends_on: [a]}\n  a: {command: x, depends_on: "
		   "[b]}\n"
		   "  b: {command: x, depends_on: [c]}\n  c: {command: x, depends_on: [a]}\n",
		ERR_BAD_DEPENDENCY, 3, 32, "a -> b -> c -> a");
}

Test(depends_on, a_cycle_longer_than_a_message_is_still_told)
{
	char *text = malloc(200000), *p = text;

	p += sprintf(p, "services:\n");
	for (int i = 0; i < 1000; i++)
		p += sprintf(p, "  service-%d: {command: x, depends_on: [service-%d]}\n", i,
			(i + 1) % 1000);
	refused_at(text, ERR_BAD_DEPENDENCY, 2, 40, "-> ...");
	free(text);
}

Test(services, are_at_most_4096)
{
	char *text = malloc(200000), *p = text;

	p += sprintf(p, "services:\n");
	for (int i = 0; i < CAP_SERVICES; i++)
		p += sprintf(p, "  s%d: {exec: [x]}\n", i);
	struct manifest *m = good(text);
	cr_expect_eq(m->nservices, CAP_SERVICES);
	cr_expect_eq(manifest_find(m, "s4095"), 4095);
	cr_expect_eq(manifest_find(m, "s4096"), -1);
	manifest_free(m);
	strcpy(p, "  more: {exec: [x]}\n");
	refused_at(text, ERR_BAD_VALUE, 2, 3, "4097 services");
	free(text);
}

Test(services, have_names_by_the_rule_and_there_is_at_least_one)
{
	refused_at("services:\n  a b: {command: x}\n", ERR_BAD_VALUE, 2, 3, "no name for a unit");
	refused_at("services:\n  12: {command: x}\n", ERR_BAD_VALUE, 2, 3, "only digits");
	refused_at("services:\n  self: {command: x}\n", ERR_BAD_VALUE, 2, 3, "meaning of its own");
	refused_at("services: {}\n", ERR_BAD_VALUE, 1, 1, "is empty");
	refused_at("services:\n", ERR_BAD_VALUE, 1, 1, "no \"services\"");
	refused_at("version: 2\n", ERR_BAD_VALUE, 1, 1, "no \"services\"");
}

#define ONE "services: {a: {command: x}}\n"

Test(top, version_is_1_or_2)
{
	manifest_free(good("version: 1\n" ONE));
	manifest_free(good("version: \"2\"\n" ONE));
	refused_at("version: 3\n" ONE, ERR_BAD_VALUE, 1, 10, "no such version");
	refused_at("version: '2.0'\n" ONE, ERR_BAD_VALUE, 1, 10, "no such version");
}

Test(top, max_concurrent_is_minus_1_or_at_least_1)
{
	struct manifest *m = good("start: {max_concurrent: 1}\n" ONE);
	cr_expect_eq(m->max_concurrent, 1);
	manifest_free(m);
	m = good("start: {max_concurrent: -1}\n" ONE);
	cr_expect_eq(m->max_concurrent, -1);
	manifest_free(m);
	refused_at("start: {max_concurrent: 0}\n" ONE, ERR_BAD_VALUE, 1, 25, "-1 for all");
	refused_at("start: {max_concurrent: -2}\n" ONE, ERR_BAD_VALUE, 1, 25, "from -1");
}

Test(top, metrics_says_how_often_and_how_long_and_is_not_set_unless_written)
{
	struct manifest *m =
		good("metrics: {retention_minutes: 60, sample_interval_secs: 1}\n" ONE);
	cr_expect(m->sample_interval_s == 1 && m->retention_min == 60);
	manifest_free(m);
	m = good("metrics: {}\n" ONE);
	cr_expect(m->sample_interval_s == -1 && m->retention_min == -1);
	manifest_free(m);
	m = good("metrics: {sample_interval_secs: 3600, retention_minutes: 10080}\n" ONE);
	manifest_free(m);
	m = good("metrics: {retention_minutes: 0}\n" ONE);
	cr_expect_eq(m->retention_min, 0);
	manifest_free(m);
	refused_at("metrics: {sample_interval_secs: 0}\n" ONE, ERR_BAD_VALUE, 1, 33, "from 1");
	refused_at("metrics: {sample_interval_secs: 3601}\n" ONE, ERR_BAD_VALUE, 1, 33, "to 3600");
	refused_at("metrics: {sample_interval_secs: 1s}\n" ONE, ERR_BAD_VALUE, 1, 33, "whole");
	refused_at("metrics: {retention_minutes: -1}\n" ONE, ERR_BAD_VALUE, 1, 30, "from 0");
	refused_at("metrics: {retention_minutes: 10081}\n" ONE, ERR_BAD_VALUE, 1, 30, "to 10080");
	refused_at("metrics: 5\n" ONE, ERR_BAD_VALUE, 1, 10, "a map is expected");
}

Test(top, status_of_other_manifests_loads_and_its_types_are_checked)
{
	manifest_free(good("status: {snapshot_mode: summary, snapshot_interval_secs: 5}\n" ONE));
	refused_at("status: {snapshot_mode: [a]}\n" ONE, ERR_BAD_VALUE, 1, 25, "");
	refused_at("status: {snapshot_interval_secs: soon}\n" ONE, ERR_BAD_VALUE, 1, 34, "whole");
	refused_at("status: {snapshot_interval: 5}\n" ONE, ERR_UNKNOWN_KEY, 1, 10,
		"snapshot_interval_secs");
}

Test(top, exit_code_from_names_a_service_and_leaves_its_definition_as_it_is)
{
	struct manifest *m = good("exit_code_from: a\n" ONE);
	cr_expect_str_eq(m->exit_code_from, "a");
	cr_expect_not(m->services[0].essential, "that it counts as such is seen where it ends");
	manifest_free(m);
	refused_at("exit_code_from: b\n" ONE, ERR_BAD_VALUE, 1, 17, "the nearest is \"a\"");
}

Test(top, control_has_a_socket_of_at_most_107_bytes_a_mode_and_a_group)
{
	struct manifest *m =
		good("control: {socket: run/s.sock, mode: \"0660\", group: ops}\n" ONE);
	char text[300], path[110];

	cr_expect_str_eq(m->control_socket, "/app/run/s.sock");
	cr_expect_eq(m->control_mode, 0660);
	cr_expect_str_eq(m->control_group, "ops");
	manifest_free(m);
	memset(path, 'p', sizeof path);
	path[0] = '/';
	path[107] = '\0';
	snprintf(text, sizeof text, "control: {socket: %s}\n" ONE, path);
	manifest_free(good(text));
	path[107] = 'p';
	path[108] = '\0';
	snprintf(text, sizeof text, "control: {socket: %s}\n" ONE, path);
	refused_at(text, ERR_BAD_VALUE, 1, 19, "108 bytes");
	refused_at("control: {mode: 0999}\n" ONE, ERR_BAD_VALUE, 1, 17, "octal");
}

/* -1: no warning; else the needed time is in the message. */
static int warned(const char *text, const char *words)
{
	struct manifest *m = load(text);
	int r = found.n ? 1 : 0;

	cr_expect_not_null(m, "%s", text);
	cr_expect(!found.n || (found.v[0].warning && strstr(found.v[0].err.msg, words)), "%s",
		found.n ? found.v[0].err.msg : "");
	manifest_free(m);
	findings_done(&found);
	return r;
}

Test(top, a_shutdown_shorter_than_the_stops_may_need_is_a_warning)
{
	cr_expect_eq(warned("shutdown: {timeout: 8s, delay: 1s}\n" ONE, ""), 0);
	cr_expect_eq(warned("shutdown: {timeout: 7s}\n" ONE, "may need 8s"), 1);
/* a(20) <- b(5, unset) <- c(10): 35 + 3 */
#define CHAIN                                                                                      \
	"services:\n  a: {command: x, stop_timeout: 20s}\n  b: {command: x, depends_on: [a]}\n"    \
	"  c: {command: x, depends_on: [b], stop_timeout: 10s}\n  d: {command: x, stop_timeout: "  \
	"30s}\n"
	cr_expect_eq(warned("shutdown: {timeout: 38s}\n" CHAIN, ""), 0);
	cr_expect_eq(warned("shutdown: {timeout: 37s}\n" CHAIN, "may need 38s"), 1);
	cr_expect_eq(warned(CHAIN, ""), 0);
}

Test(no_env, what_a_variable_leaves_open_is_not_judged)
{
	loading_source.environ = NULL;
	struct manifest *m = good("exit_code_from: '${X}'\nshutdown: {timeout: '${X}'}\n" SVC(
		"    depends_on: ['${X}']\n    stop_timeout: '${X}'\n    max_restarts: '${X}'\n"
		"    restart_policy: '${X}'\n    essential: '${X}'\n    stop_signal: '${X}'\n    "
		"user: '${X}'\n"
		"    env: {A: 'v${X}'}\n    health_check: {tcp: '${X}:80', interval: '${X}'}\n"
		"    spawn: {mode: '${X}'}\n    logs: {sink: '${X}'}\n    backoff: '${X:-2s}'\n"));

	cr_expect_str_eq(m->services[0].env.vars[0].value, "v${X}");
	cr_expect_eq(m->services[0].backoff.initial_ns, 2 * S);
	cr_expect_eq(m->services[0].ndeps, 0);
	manifest_free(m);
	line_refused("stop_timeout: '${X:-soon}'", ERR_BAD_VALUE, 19, "soon");
}

static char *hash_of(const char *text)
{
	struct manifest *m = good(text);
	char *h = strdup(m->services[0].hash);

	manifest_free(m);
	return h;
}

Test(hash, is_the_same_for_the_same_meaning_and_differs_when_a_key_does)
{
	char *base = hash_of(SVC("    env: {A: b}\n    stop_timeout: 60s\n"));
	char *same = hash_of("# moved\nservices: {a: {stop_timeout: 1m, env: {vars: {A: 'b'}}, "
			     "command: \"x\"}}\n");
	static const char *const others[] = { "restart_policy: never", "env: {A: c}",
		"env: {A: b, C: d}", "env: {file: f}", "backoff: 2s", "max_restarts: 1",
		"essential: true", "success_exit_codes: [9]", "stop_signal: INT",
		"stop_target: tree", "stop_timeout: 61s", "stop_timeout: 62s", "user: u",
		"group: g", "health_check: {}", "health_check: {file: x}", "logs: {sink: none}",
		"spawn: {mode: dynamic}", "spawn: {mode: dynamic, limits: {children: 7}}",
		"spawn: {termination_policy: cascade}", "working_dir: /" };
	enum { N = sizeof others / sizeof *others };
	char *hash[N];

	cr_expect_str_eq(base, same);
	cr_expect_eq(strlen(base), 16);
	cr_expect_eq(strspn(base, "0123456789abcdef"), 16);
	for (int i = 0; i < N; i++) {
		char text[256];
		snprintf(text, sizeof text, SVC("    %s\n"), others[i]);
		hash[i] = hash_of(text);
		for (int j = 0; j < i; j++)
			cr_expect_str_neq(hash[i], hash[j], "%s, %s", others[i], others[j]);
	}
	for (int i = 0; i < N; i++)
		free(hash[i]);
	free(base);
	free(same);
}

Test(hash, differs_when_the_environment_of_all_services_does)
{
	char *one = hash_of("env: {A: b}\n" ONE), *two = hash_of("env: {A: c}\n" ONE);

	cr_expect_str_neq(one, two);
	free(one);
	free(two);
}

static struct manifest *command(char *program)
{
	char *words[] = { program, "-x", "two words", NULL };
	struct err err;
	struct manifest *m = manifest_of_command(words, NULL, &err);

	cr_assert_not_null(m);
	return m;
}

Test(one_command, is_a_manifest_of_one_service_with_the_containers_own_output)
{
	struct manifest *m = command("/usr/bin/prog");
	const struct service *s = m->services;

	cr_expect_eq(m->nservices, 1);
	cr_expect_str_eq(m->path, "");
	cr_expect_str_eq(s->name, "prog");
	cr_expect_str_eq(s->argv[0], "/usr/bin/prog");
	cr_expect_str_eq(s->argv[2], "two words");
	cr_expect_null(s->argv[3]);
	cr_expect_str_eq(s->command, "/usr/bin/prog -x two words");
	cr_expect(s->logs.sinks == SINK_INHERIT && s->restart == RESTART_NEVER && !s->shell);
	cr_expect(s->env.inherit && !s->working_dir && !s->spawn_dynamic &&
		  s->stop_target == STOP_MAIN);
	cr_expect(
		m->max_concurrent == -1 && m->shutdown_timeout_ns == -1 && m->control_mode == 0666);
	manifest_free(m);
}

Test(one_command, always_finds_a_name_that_a_unit_can_have)
{
	static const struct {
		char *program, *name;
	} cases[] = { { "/sbin/init", "_init" }, { "7", "_7" }, { "./my prog", "my_prog" },
		{ ".x", "_.x" }, { "dir/", "_" }, { "\xc3\xa4", "__" } };
	struct err err;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct manifest *m = command(cases[i].program);
		cr_expect_str_eq(m->services[0].name, cases[i].name);
		cr_expect_eq(unit_name_check(m->services[0].name, &err), 0);
		manifest_free(m);
	}
	char longest[200];
	memset(longest, '9', 199);
	longest[199] = '\0';
	struct manifest *m = command(longest);
	cr_expect_eq(unit_name_check(m->services[0].name, &err), 0);
	manifest_free(m);
}

Test(one_command, takes_limits_and_refuses_no_command)
{
	struct spawn_limits lim = { { [LIMIT_DEPTH] = 2 } };
	char *words[] = { "x", NULL }, *none[] = { NULL };
	struct err err;
	struct manifest *m = manifest_of_command(words, &lim, &err);

	cr_expect(m->services[0].spawn_dynamic && m->services[0].limits.v[LIMIT_DEPTH] == 2);
	manifest_free(m);
	cr_expect_null(manifest_of_command(none, NULL, &err));
	cr_expect_eq(err.code, ERR_BAD_VALUE);
	cr_expect_null(manifest_free(NULL));
}
