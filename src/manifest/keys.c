/* The keys of spec/manifest.md. A test compares this table with the page. */
#include "manifest/keys.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"

enum { INT_MANY = 1000000000, PIDS_MANY = 4194304, MEMORY_LEAST = 4096 };
#define UID_MOST  INT64_C(0xfffffffe)
#define LONG_TIME (INT64_C(3660) * 24 * 3600 * NS_PER_SEC) /* no duration is longer: ten years */

static const struct key_word restart_words[] = {
	{ "always", RESTART_ALWAYS, NULL },
	{ "on-failure", RESTART_ON_FAILURE, NULL },
	{ "on_failure", RESTART_ON_FAILURE, NULL },
	{ "never", RESTART_NEVER, NULL },
	{ "no", 0, "write never" },
	{ "unless-stopped", 0, "write always" },
	{ "on-abnormal", 0, "write on-failure" },
	{ "unexpected", 0, "write on-failure" },
	{ NULL, 0, "write always, on-failure or never" },
};
static const struct key_word target_words[] = {
	{ "main", STOP_MAIN, NULL },
	{ "group", STOP_GROUP, NULL },
	{ "tree", STOP_TREE, NULL },
	{ "control-group", 0, "write tree" },
	{ "process", 0, "write main" },
	{ "mixed", 0, "write main: what is left gets KILL in any case" },
	{ NULL, 0, "write main, group or tree" },
};
static const struct key_word condition_words[] = {
	{ "started", DEP_STARTED, NULL },
	{ "healthy", DEP_HEALTHY, NULL },
	{ "completed", DEP_COMPLETED, NULL },
	{ "service_started", 0, "write started" },
	{ "service_healthy", 0, "write healthy" },
	{ "service_completed_successfully", 0, "write completed" },
	{ NULL, 0, "write started, healthy or completed" },
};
static const struct key_word mode_words[] = {
	{ "static", false, NULL },
	{ "dynamic", true, NULL },
	{ NULL, 0, "write static or dynamic" },
};
static const struct key_word on_exit_words[] = {
	{ "none", ON_EXIT_NONE, NULL },
	{ "restart", ON_EXIT_RESTART, NULL },
	{ "restart-on-failure", ON_EXIT_RESTART_ON_FAILURE, NULL },
	{ "send", ON_EXIT_SEND, NULL },
	{ NULL, 0, "write none, restart, restart-on-failure or send" },
};
static const struct key_word full_words[] = {
	{ "refuse", false, NULL },
	{ "queue", true, NULL },
	{ NULL, 0, "write refuse or queue" },
};

static const struct key_word unhealthy_words[] = {
	{ "restart", false, NULL },
	{ "ignore", true, NULL },
	{ "none", 0, "write ignore" },
	{ "kill", 0, "write restart" },
	{ "stop", 0, "write restart" },
	{ NULL, 0, "write restart or ignore" },
};
static const struct key_word log_format_words[] = {
	{ "text", LOG_FORMAT_TEXT, NULL },
	{ "json", LOG_FORMAT_JSON, NULL },
	{ "plain", 0, "write text" },
	{ NULL, 0, "write text or json" },
};
static const struct key_word log_full_words[] = {
	{ "block", LOG_FULL_BLOCK, NULL },
	{ "drop", LOG_FULL_DROP, NULL },
	{ "blocking", 0, "write block" },
	{ "non-blocking", 0, "write drop" },
	{ "wait", 0, "write block" },
	{ NULL, 0, "write block or drop" },
};

#define M(field) offsetof(struct manifest, field)
#define S(field) offsetof(struct service, field)
#define L(field) offsetof(struct log_spec, field)

// clang-format off
const struct key_row key_rows[] = {
	{ SCOPE_TOP, "version", key_version },
	{ SCOPE_TOP, "services", key_services },
	{ SCOPE_TOP, "projects" },
	{ SCOPE_TOP, "project" },
	{ SCOPE_TOP, "env", key_env, M(env), .sub = SCOPE_TOP_ENV },
	{ SCOPE_TOP, "logs", key_logs, M(logs) },
	{ SCOPE_TOP, "start", key_sub, .sub = SCOPE_START },
	{ SCOPE_TOP, "shutdown", key_sub, .sub = SCOPE_SHUTDOWN },
	{ SCOPE_TOP, "control", key_sub, .sub = SCOPE_CONTROL },
	{ SCOPE_TOP, "exit_code_from", key_string, M(exit_code_from) },
	{ SCOPE_TOP, "status" },
	{ SCOPE_TOP, "metrics" },

	{ SCOPE_START, "max_concurrent", key_int64, M(max_concurrent), -1, INT_MANY },

	{ SCOPE_SHUTDOWN, "timeout", key_duration, M(shutdown_timeout_ns), 0, LONG_TIME },
	{ SCOPE_SHUTDOWN, "delay", key_duration, M(shutdown_delay_ns), 0, LONG_TIME },

	{ SCOPE_CONTROL, "socket", key_path, M(control_socket) },
	{ SCOPE_CONTROL, "mode", key_mode, M(control_mode) },
	{ SCOPE_CONTROL, "group", key_account, M(control_group) },

	{ SCOPE_TOP_ENV, "file", key_env_file },
	{ SCOPE_TOP_ENV, "vars", key_env_vars },
	{ SCOPE_TOP_ENV, "secrets" },
	{ SCOPE_TOP_ENV, "clear_session_vars" },
	{ SCOPE_TOP_ENV, "strip" },

	{ SCOPE_SERVICE, "command", key_command },
	{ SCOPE_SERVICE, "exec", key_exec },
	{ SCOPE_SERVICE, "working_dir", key_path, S(working_dir) },
	{ SCOPE_SERVICE, "env", key_env, S(env), .sub = SCOPE_ENV },
	{ SCOPE_SERVICE, "depends_on", key_depends_on },
	{ SCOPE_SERVICE, "restart_policy", key_word, S(restart), .words = restart_words },
	{ SCOPE_SERVICE, "backoff", key_backoff, S(backoff), 0, LONG_TIME },
	{ SCOPE_SERVICE, "max_restarts", key_int64, S(max_restarts), 0, INT_MANY },
	{ SCOPE_SERVICE, "essential", key_bool, S(essential) },
	{ SCOPE_SERVICE, "success_exit_codes", key_success, .min = 0, .max = 255 },
	{ SCOPE_SERVICE, "stop_signal", key_signal, S(stop_signal) },
	{ SCOPE_SERVICE, "stop_target", key_word, S(stop_target), .words = target_words },
	{ SCOPE_SERVICE, "stop_timeout", key_duration, S(stop_timeout_ns), 0, LONG_TIME },
	{ SCOPE_SERVICE, "health_check", key_check },
	{ SCOPE_SERVICE, "hooks", key_hooks, .sub = SCOPE_HOOKS },
	{ SCOPE_SERVICE, "skip" },
	{ SCOPE_SERVICE, "cron" },
	{ SCOPE_SERVICE, "replicas" },
	{ SCOPE_SERVICE, "spawn", key_sub, .sub = SCOPE_SPAWN },
	{ SCOPE_SERVICE, "logs", key_logs, S(logs) },
	{ SCOPE_SERVICE, "user", key_account, S(user) },
	{ SCOPE_SERVICE, "group", key_account, S(group) },
	{ SCOPE_SERVICE, "supplementary_groups" },
	{ SCOPE_SERVICE, "capabilities" },
	{ SCOPE_SERVICE, "no_new_privs" },
	{ SCOPE_SERVICE, "limits", key_sub, .sub = SCOPE_RESOURCES },
	{ SCOPE_SERVICE, "isolation" },
	{ SCOPE_SERVICE, "deployment", key_sub, .sub = SCOPE_DEPLOYMENT },
	{ SCOPE_SERVICE, "remote", key_sub, .sub = SCOPE_REMOTE },
	{ SCOPE_SERVICE, "request_capabilities", key_rights, S(requests) },
	{ SCOPE_SERVICE, "grant_capabilities", key_rights, S(grants), .max = 1 },
	{ SCOPE_SERVICE, "public", key_bool, S(public) },
	{ SCOPE_SERVICE, "on_exit", key_exit_sends },

	{ SCOPE_REMOTE, "uid", key_int64, S(remote_uid), 0, UID_MOST },
	{ SCOPE_REMOTE, "token_file", key_path, S(token_file) },

	{ SCOPE_ENV, "file", key_env_file },
	{ SCOPE_ENV, "vars", key_env_vars },
	{ SCOPE_ENV, "secrets" },
	{ SCOPE_ENV, "inherit_env", key_bool, offsetof(struct env_spec, inherit) },
	{ SCOPE_ENV, "clear_session_vars" },
	{ SCOPE_ENV, "strip" },

	{ SCOPE_DEP, "service", key_string, offsetof(struct dep, name) },
	{ SCOPE_DEP, "condition", key_word, offsetof(struct dep, condition), .words = condition_words },
	{ SCOPE_DEP, "restart", key_bool, offsetof(struct dep, restart) },

	{ SCOPE_BACKOFF, "initial", key_duration, offsetof(struct backoff, initial_ns), 0, LONG_TIME },
	{ SCOPE_BACKOFF, "max", key_duration, offsetof(struct backoff, max_ns), 0, LONG_TIME },
	{ SCOPE_BACKOFF, "factor", key_int, offsetof(struct backoff, factor), 1, 1000 },
	{ SCOPE_BACKOFF, "jitter", key_percent, offsetof(struct backoff, jitter_percent) },

	{ SCOPE_CHECK, "command", key_check_command },
	{ SCOPE_CHECK, "url", key_check_url },
	{ SCOPE_CHECK, "tcp", key_check_tcp },
	{ SCOPE_CHECK, "unix", key_check_unix },
	{ SCOPE_CHECK, "file", key_check_file },
	{ SCOPE_CHECK, "notify", key_check_notify },
	{ SCOPE_CHECK, "interval", key_duration, offsetof(struct health_check, interval_ns),
		NS_PER_MS, LONG_TIME },
	{ SCOPE_CHECK, "attempt_timeout", key_duration, offsetof(struct health_check, attempt_timeout_ns),
		NS_PER_MS, LONG_TIME },
	{ SCOPE_CHECK, "total_timeout", key_duration, offsetof(struct health_check, total_timeout_ns),
		NS_PER_MS, LONG_TIME },
	{ SCOPE_CHECK, "timeout", key_check_timeout },
	{ SCOPE_CHECK, "retries", key_int, offsetof(struct health_check, retries), 1, 1000000 },
	{ SCOPE_CHECK, "start_interval", key_duration, offsetof(struct health_check, start_interval_ns),
		NS_PER_MS, LONG_TIME },
	{ SCOPE_CHECK, "on_unhealthy", key_word_flag, offsetof(struct health_check, ignore),
		.words = unhealthy_words },

	{ SCOPE_HOOKS, "pre_start", key_hook, HOOK_PRE_START },
	{ SCOPE_HOOKS, "post_start", key_hook, HOOK_POST_START },
	{ SCOPE_HOOKS, "pre_stop", key_hook, HOOK_PRE_STOP },
	{ SCOPE_HOOKS, "post_stop", key_hook, HOOK_POST_STOP },
	{ SCOPE_HOOKS, "on_start", key_outcomes, HOOK_START_SUCCESS, .sub = SCOPE_OUTCOMES },
	{ SCOPE_HOOKS, "on_stop", key_outcomes, HOOK_STOP_SUCCESS, .sub = SCOPE_OUTCOMES },
	{ SCOPE_HOOKS, "on_restart", key_outcomes, HOOK_RESTART_SUCCESS, .sub = SCOPE_OUTCOMES },
	{ SCOPE_HOOKS, "onstart", key_hook, HOOK_ONSTART },
	{ SCOPE_HOOKS, "onerr", key_hook, HOOK_ONERR },

	{ SCOPE_OUTCOMES, "success", key_hook, 0 },
	{ SCOPE_OUTCOMES, "error", key_hook, 1 },

	{ SCOPE_HOOK, "command", key_hook_command },
	{ SCOPE_HOOK, "timeout", key_duration, offsetof(struct hook, timeout_ns), NS_PER_MS, LONG_TIME },

	{ SCOPE_DEPLOYMENT, "strategy" },
	{ SCOPE_DEPLOYMENT, "pre_start", key_deploy_hook, HOOK_PRE_START },
	{ SCOPE_DEPLOYMENT, "health_check", key_check },
	{ SCOPE_DEPLOYMENT, "grace_period" },
	{ SCOPE_DEPLOYMENT, "blue_green" },

	{ SCOPE_LOGS, "sink", key_sinks },
	{ SCOPE_LOGS, "format", key_word, L(format), .words = log_format_words },
	{ SCOPE_LOGS, "prefix", key_log_prefix },
	{ SCOPE_LOGS, "max_bytes", key_log_bytes, L(max_bytes), 1, INT64_MAX / 2 },
	{ SCOPE_LOGS, "max_files", key_int64, L(max_files), 1, 1000 },
	{ SCOPE_LOGS, "max_total", key_log_total, L(max_total), 1, INT64_MAX / 2 },
	{ SCOPE_LOGS, "when_full", key_word, L(when_full), .words = log_full_words },

	{ SCOPE_SPAWN, "mode", key_word_flag, S(spawn_dynamic), .words = mode_words },
	{ SCOPE_SPAWN, "limits", key_sub, .sub = SCOPE_LIMITS },
	{ SCOPE_SPAWN, "when_full", key_word_flag, S(spawn_queue), .words = full_words },
	{ SCOPE_SPAWN, "termination_policy", key_policy, S(policy) },
	{ SCOPE_SPAWN, "restart", key_sub, .sub = SCOPE_RESTART },
	{ SCOPE_SPAWN, "allow", key_sub, .sub = SCOPE_ALLOW },

	{ SCOPE_RESTART, "max", key_int64, S(terms.restart_max), 1, INT_MANY },
	{ SCOPE_RESTART, "window", key_duration, S(terms.restart_window_ns), NS_PER_MS, LONG_TIME },

	{ SCOPE_ALLOW, "on_exit", key_on_exits, S(terms.on_exit), .words = on_exit_words },
	{ SCOPE_ALLOW, "public", key_bool, S(allow_public) },

	{ SCOPE_LIMITS, "termination_policy", key_policy, S(policy) },
#define X(name, key, kind, def, code, supported) \
	{ SCOPE_LIMITS, key, (supported) ? key_limit : NULL, S(limits.v[LIMIT_##name]) },
	SPAWN_LIMITS(X)
#undef X

	{ SCOPE_RESOURCES, "memory", key_log_bytes, S(memory), MEMORY_LEAST, INT64_MAX / 4 },
	{ SCOPE_RESOURCES, "nofile" },
	{ SCOPE_RESOURCES, "nproc" },
	{ SCOPE_RESOURCES, "memlock" },
	{ SCOPE_RESOURCES, "core" },
	{ SCOPE_RESOURCES, "nice" },
	{ SCOPE_RESOURCES, "cpu_affinity" },
	{ SCOPE_RESOURCES, "oom_score_adj" },
	{ SCOPE_RESOURCES, "cgroup", key_sub, .sub = SCOPE_CGROUP },

	{ SCOPE_CGROUP, "memory_max", key_cgroup, S(cgroup.v[CGROUP_MEMORY]), MEMORY_LEAST },
	{ SCOPE_CGROUP, "pids_max", key_cgroup, S(cgroup.v[CGROUP_PIDS]), 1, PIDS_MANY },
	{ SCOPE_CGROUP, "cpu_max", key_cgroup, S(cgroup.v[CGROUP_CPU]) },
	{ SCOPE_CGROUP, "cpu_weight", key_cgroup, S(cgroup.v[CGROUP_WEIGHT]), 1, 10000 },
	{ SCOPE_CGROUP, "root", key_cgroup_root, S(cgroup.root) },
};
// clang-format on

const size_t key_row_count = sizeof key_rows / sizeof *key_rows;

static const char *const scope_names[SCOPE_COUNT] = {
	[SCOPE_TOP] = "the top level",
	[SCOPE_START] = "\"start\"",
	[SCOPE_SHUTDOWN] = "\"shutdown\"",
	[SCOPE_CONTROL] = "\"control\"",
	[SCOPE_TOP_ENV] = "the top-level \"env\"",
	[SCOPE_SERVICE] = "a service",
	[SCOPE_ENV] = "\"env\"",
	[SCOPE_DEP] = "\"depends_on\"",
	[SCOPE_BACKOFF] = "\"backoff\"",
	[SCOPE_CHECK] = "\"health_check\"",
	[SCOPE_HOOKS] = "\"hooks\"",
	[SCOPE_OUTCOMES] = "an \"on_\" hook",
	[SCOPE_HOOK] = "a hook",
	[SCOPE_DEPLOYMENT] = "\"deployment\"",
	[SCOPE_LOGS] = "\"logs\"",
	[SCOPE_SPAWN] = "\"spawn\"",
	[SCOPE_ALLOW] = "\"spawn.allow\"",
	[SCOPE_LIMITS] = "\"spawn.limits\"",
	[SCOPE_RESOURCES] = "\"limits\"",
	[SCOPE_CGROUP] = "\"limits.cgroup\"",
	[SCOPE_RESTART] = "\"spawn.restart\"",
	[SCOPE_REMOTE] = "\"remote\"",
};

const char *scope_name(enum key_scope scope)
{
	return scope_names[scope];
}

const struct key_row *key_find(enum key_scope scope, const char *name)
{
	for (size_t i = 0; i < key_row_count; i++)
		if (key_rows[i].scope == scope && strcmp(key_rows[i].name, name) == 0)
			return &key_rows[i];
	return NULL;
}

const char *key_nearest(enum key_scope scope, const char *word)
{
	const char *best = "";
	unsigned least = ~0u;

	for (size_t i = 0; i < key_row_count; i++) {
		if (key_rows[i].scope != scope)
			continue;
		unsigned d = word_distance(word, key_rows[i].name);
		if (d < least) {
			least = d;
			best = key_rows[i].name;
		}
	}
	return best;
}
