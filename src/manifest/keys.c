/* The keys of spec/manifest.md. A test compares this table with the page. */
#include "manifest/keys.h"

#include <stddef.h>
#include <string.h>

#include "base/caps.h"
#include "base/clock.h"
#include "base/units.h"

enum { INT_MANY = 1000000000, PIDS_MANY = 4194304, MEMORY_LEAST = 4096 };
enum { DAY_S = 24 * 3600, WEEK_MIN = 7 * 24 * 60 };
enum { NOFILE_LEAST = 8 }; /* what its set-up opens before it runs */
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
static const struct key_word strategy_words[] = {
	{ "immediate", STRATEGY_IMMEDIATE, NULL },
	{ "rolling", STRATEGY_ROLLING, NULL },
	{ "recreate", 0, "write immediate" },
	{ "start-first", 0, "write rolling" },
	{ "stop-first", 0, "write immediate" },
	{ NULL, 0, "write immediate or rolling" },
};
static const struct key_word overlap_words[] = {
	{ "skip", CRON_SKIP, NULL },
	{ "queue", CRON_QUEUE, NULL },
	{ "kill", CRON_KILL, NULL },
	{ NULL, 0, "write skip, queue or kill" },
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

// clang-format off
#define KEY(in, ...) { .scope = SCOPE_##in, .name = __VA_ARGS__ }
#define IN(what, field) .offset = offsetof(struct what, field)
#define M(field) IN(manifest, field)
#define S(field) IN(service, field)
#define L(field) IN(log_spec, field)
#define F(field) S(fence.field)
#define RANGE(least, most) .range = &(const struct key_range){ least, most }
#define TIME RANGE(0, LONG_TIME)
#define SOME_TIME RANGE(NS_PER_MS, LONG_TIME)

const struct key_row key_rows[] = {
	KEY(TOP, "version", key_version),
	KEY(TOP, "services", key_services),
	KEY(TOP, "projects", key_projects),
	KEY(TOP, "project", key_project),
	KEY(TOP, "env", key_env, M(env), .sub = SCOPE_TOP_ENV),
	KEY(TOP, "logs", key_logs, M(logs)),
	KEY(TOP, "start", key_sub, .sub = SCOPE_START),
	KEY(TOP, "shutdown", key_sub, .sub = SCOPE_SHUTDOWN),
	KEY(TOP, "control", key_sub, .sub = SCOPE_CONTROL),
	KEY(TOP, "exit_code_from", key_string, M(exit_code_from)),
	KEY(TOP, "status", key_sub, .sub = SCOPE_STATUS),
	KEY(TOP, "metrics", key_sub, .sub = SCOPE_METRICS),

	KEY(START, "max_concurrent", key_int64, M(max_concurrent), RANGE(-1, INT_MANY)),

	KEY(SHUTDOWN, "timeout", key_duration, M(shutdown_timeout_ns), TIME),
	KEY(SHUTDOWN, "delay", key_duration, M(shutdown_delay_ns), TIME),

	KEY(CONTROL, "socket", key_path, M(control_socket)),
	KEY(CONTROL, "mode", key_mode, M(control_mode)),
	KEY(CONTROL, "group", key_account, M(control_group)),

	KEY(STATUS, "snapshot_mode", key_string, M(snapshot_mode)),
	KEY(STATUS, "snapshot_interval_secs", key_int64, M(snapshot_interval_s), RANGE(0, DAY_S)),

	KEY(METRICS, "sample_interval_secs", key_int64, M(sample_interval_s), RANGE(1, 3600)),
	KEY(METRICS, "retention_minutes", key_int64, M(retention_min), RANGE(0, WEEK_MIN)),

	KEY(TOP_ENV, "file", key_env_file),
	KEY(TOP_ENV, "vars", key_env_vars),
	KEY(TOP_ENV, "secrets", key_env_secrets),
	KEY(TOP_ENV, "clear_session_vars", key_bool, IN(env_spec, clear_session)),
	KEY(TOP_ENV, "strip", key_env_strip),

	KEY(PROJECT, "name", key_string, IN(project, name)),
	KEY(PROJECT, "services", key_services),
	KEY(PROJECT, "env", key_env, IN(project, env), .sub = SCOPE_TOP_ENV),
	KEY(PROJECT, "logs", key_logs, IN(project, logs)),

	KEY(PROJECT_ID, "id", key_string, IN(project, id)),
	KEY(PROJECT_ID, "name", key_string, IN(project, name)),

	KEY(SERVICE, "command", key_command),
	KEY(SERVICE, "exec", key_exec),
	KEY(SERVICE, "working_dir", key_path, S(working_dir)),
	KEY(SERVICE, "env", key_env, S(env), .sub = SCOPE_ENV),
	KEY(SERVICE, "depends_on", key_depends_on),
	KEY(SERVICE, "restart_policy", key_word, S(restart), .words = restart_words),
	KEY(SERVICE, "backoff", key_backoff, S(backoff), TIME),
	KEY(SERVICE, "max_restarts", key_int64, S(max_restarts), RANGE(0, INT_MANY)),
	KEY(SERVICE, "essential", key_bool, S(essential)),
	KEY(SERVICE, "success_exit_codes", key_success, RANGE(0, 255)),
	KEY(SERVICE, "stop_signal", key_signal, S(stop_signal)),
	KEY(SERVICE, "stop_target", key_word, S(stop_target), .words = target_words),
	KEY(SERVICE, "stop_timeout", key_duration, S(stop_timeout_ns), TIME),
	KEY(SERVICE, "health_check", key_check),
	KEY(SERVICE, "hooks", key_hooks, .sub = SCOPE_HOOKS),
	KEY(SERVICE, "skip", key_skip, .offset = HOOK_SKIP),
	KEY(SERVICE, "cron", key_sub, .sub = SCOPE_CRON),
	KEY(SERVICE, "replicas", key_int, S(replicas), RANGE(1, CAP_REPLICAS)),
	KEY(SERVICE, "spawn", key_sub, .sub = SCOPE_SPAWN),
	KEY(SERVICE, "logs", key_logs, S(logs)),
	KEY(SERVICE, "user", key_account, S(user)),
	KEY(SERVICE, "group", key_account, S(group)),
	KEY(SERVICE, "supplementary_groups", key_list, S(groups)),
	KEY(SERVICE, "capabilities", key_caps),
	KEY(SERVICE, "no_new_privs", key_bool, F(no_new_privs)),
	KEY(SERVICE, "limits", key_sub, .sub = SCOPE_RESOURCES),
	KEY(SERVICE, "isolation", key_sub, .sub = SCOPE_ISOLATION),
	KEY(SERVICE, "deployment", key_sub, .sub = SCOPE_DEPLOYMENT),
	KEY(SERVICE, "remote", key_sub, .sub = SCOPE_REMOTE),
	KEY(SERVICE, "request_capabilities", key_rights, S(requests)),
	KEY(SERVICE, "grant_capabilities", key_rights, S(grants), RANGE(0, 1)),
	KEY(SERVICE, "public", key_bool, S(public)),
	KEY(SERVICE, "on_exit", key_exit_sends),

	KEY(CRON, "expression", key_cron),
	KEY(CRON, "timezone", key_timezone),
	KEY(CRON, "overlap", key_word, S(cron.overlap), .words = overlap_words),

	KEY(ISOLATION, "network", key_space, .offset = SPACE_NETWORK),
	KEY(ISOLATION, "mount", key_space, .offset = SPACE_MOUNT),
	KEY(ISOLATION, "pid", key_space, .offset = SPACE_PID),
	KEY(ISOLATION, "user", key_space, .offset = SPACE_USER),
	KEY(ISOLATION, "private_tmp", key_space, .offset = SPACE_TMP),
	KEY(ISOLATION, "private_devices", key_space, .offset = SPACE_DEVICES),
	KEY(ISOLATION, "seccomp", key_seccomp),
	KEY(ISOLATION, "landlock", key_landlock),
	KEY(ISOLATION, "apparmor_profile"),
	KEY(ISOLATION, "selinux_context"),

	KEY(LANDLOCK, "ro_paths", key_list, F(ro_paths), RANGE(0, 1)),
	KEY(LANDLOCK, "rw_paths", key_list, F(rw_paths), RANGE(0, 1)),

	KEY(REMOTE, "uid", key_int64, S(remote_uid), RANGE(0, UID_MOST)),
	KEY(REMOTE, "token_file", key_path, S(token_file)),

	KEY(ENV, "file", key_env_file),
	KEY(ENV, "vars", key_env_vars),
	KEY(ENV, "secrets", key_env_secrets),
	KEY(ENV, "inherit_env", key_bool, IN(env_spec, inherit)),
	KEY(ENV, "clear_session_vars", key_bool, IN(env_spec, clear_session)),
	KEY(ENV, "strip", key_env_strip),

	KEY(DEP, "service", key_string, IN(dep, name)),
	KEY(DEP, "condition", key_word, IN(dep, condition), .words = condition_words),
	KEY(DEP, "restart", key_bool, IN(dep, restart)),

	KEY(BACKOFF, "initial", key_duration, IN(backoff, initial_ns), TIME),
	KEY(BACKOFF, "max", key_duration, IN(backoff, max_ns), TIME),
	KEY(BACKOFF, "factor", key_int, IN(backoff, factor), RANGE(1, 1000)),
	KEY(BACKOFF, "jitter", key_percent, IN(backoff, jitter_percent)),

	KEY(CHECK, "command", key_check_command),
	KEY(CHECK, "url", key_check_url),
	KEY(CHECK, "tcp", key_check_tcp),
	KEY(CHECK, "unix", key_check_unix),
	KEY(CHECK, "file", key_check_file),
	KEY(CHECK, "notify", key_check_notify),
	KEY(CHECK, "interval", key_duration, IN(health_check, interval_ns), SOME_TIME),
	KEY(CHECK, "attempt_timeout", key_duration, IN(health_check, attempt_timeout_ns), SOME_TIME),
	KEY(CHECK, "total_timeout", key_duration, IN(health_check, total_timeout_ns), SOME_TIME),
	KEY(CHECK, "timeout", key_check_timeout),
	KEY(CHECK, "retries", key_int, IN(health_check, retries), RANGE(1, 1000000)),
	KEY(CHECK, "start_interval", key_duration, IN(health_check, start_interval_ns), SOME_TIME),
	KEY(CHECK, "on_unhealthy", key_word_flag, IN(health_check, ignore),
		.words = unhealthy_words),

	KEY(HOOKS, "pre_start", key_hook, .offset = HOOK_PRE_START),
	KEY(HOOKS, "post_start", key_hook, .offset = HOOK_POST_START),
	KEY(HOOKS, "pre_stop", key_hook, .offset = HOOK_PRE_STOP),
	KEY(HOOKS, "post_stop", key_hook, .offset = HOOK_POST_STOP),
	KEY(HOOKS, "on_start", key_outcomes, .offset = HOOK_START_SUCCESS, .sub = SCOPE_OUTCOMES),
	KEY(HOOKS, "on_stop", key_outcomes, .offset = HOOK_STOP_SUCCESS, .sub = SCOPE_OUTCOMES),
	KEY(HOOKS, "on_restart", key_outcomes, .offset = HOOK_RESTART_SUCCESS, .sub = SCOPE_OUTCOMES),
	KEY(HOOKS, "onstart", key_hook, .offset = HOOK_ONSTART),
	KEY(HOOKS, "onerr", key_hook, .offset = HOOK_ONERR),

	KEY(OUTCOMES, "success", key_hook, .offset = 0),
	KEY(OUTCOMES, "error", key_hook, .offset = 1),

	KEY(HOOK, "command", key_hook_command),
	KEY(HOOK, "timeout", key_duration, IN(hook, timeout_ns), SOME_TIME),

	KEY(DEPLOYMENT, "strategy", key_word, S(deployment.strategy), .words = strategy_words),
	KEY(DEPLOYMENT, "pre_start", key_deploy_hook, .offset = HOOK_PRE_START),
	KEY(DEPLOYMENT, "health_check", key_check),
	KEY(DEPLOYMENT, "grace_period", key_duration, S(deployment.grace_ns), TIME),
	KEY(DEPLOYMENT, "blue_green", key_blue_green, .sub = SCOPE_BLUE_GREEN),

	KEY(BLUE_GREEN, "env_var", key_slot_var),
	KEY(BLUE_GREEN, "slots", key_slots),
	KEY(BLUE_GREEN, "switch_command", key_switch),
	KEY(BLUE_GREEN, "candidate_health_check", key_side_check, IN(blue_green, candidate)),
	KEY(BLUE_GREEN, "switch_verify", key_side_check, IN(blue_green, verify)),
	KEY(BLUE_GREEN, "state_path", key_slot_state),

	KEY(LOGS, "sink", key_sinks),
	KEY(LOGS, "format", key_word, L(format), .words = log_format_words),
	KEY(LOGS, "prefix", key_log_prefix),
	KEY(LOGS, "max_bytes", key_log_bytes, L(max_bytes), RANGE(1, INT64_MAX / 2)),
	KEY(LOGS, "max_files", key_int64, L(max_files), RANGE(1, 1000)),
	KEY(LOGS, "max_total", key_log_total, L(max_total), RANGE(1, INT64_MAX / 2)),
	KEY(LOGS, "when_full", key_word, L(when_full), .words = log_full_words),

	KEY(SPAWN, "mode", key_word_flag, S(spawn_dynamic), .words = mode_words),
	KEY(SPAWN, "limits", key_sub, .sub = SCOPE_LIMITS),
	KEY(SPAWN, "when_full", key_word_flag, S(spawn_queue), .words = full_words),
	KEY(SPAWN, "termination_policy", key_policy, S(policy)),
	KEY(SPAWN, "restart", key_sub, .sub = SCOPE_RESTART),
	KEY(SPAWN, "allow", key_sub, .sub = SCOPE_ALLOW),

	KEY(RESTART, "max", key_int64, S(terms.restart_max), RANGE(1, INT_MANY)),
	KEY(RESTART, "window", key_duration, S(terms.restart_window_ns), SOME_TIME),

	KEY(ALLOW, "on_exit", key_on_exits, S(terms.on_exit), .words = on_exit_words),
	KEY(ALLOW, "public", key_bool, S(allow_public)),

	KEY(LIMITS, "termination_policy", key_policy, S(policy)),
#define X(name, key, kind, def, code, supported) \
	KEY(LIMITS, key, (supported) ? key_limit : NULL, S(limits.v[LIMIT_##name])),
	SPAWN_LIMITS(X)
#undef X

	KEY(RESOURCES, "memory", key_log_bytes, S(memory), RANGE(MEMORY_LEAST, INT64_MAX / 4)),
	KEY(RESOURCES, "nofile", key_rlimit, F(v[FENCE_NOFILE]), RANGE(NOFILE_LEAST, INT_MANY)),
	KEY(RESOURCES, "nproc", key_rlimit, F(v[FENCE_NPROC]), RANGE(1, INT_MANY)),
	KEY(RESOURCES, "memlock", key_rlimit, F(v[FENCE_MEMLOCK])),
	KEY(RESOURCES, "core", key_rlimit, F(v[FENCE_CORE])),
	KEY(RESOURCES, "nice", key_int64, F(v[FENCE_NICE]), RANGE(-20, 19)),
	KEY(RESOURCES, "cpu_affinity", key_cpus, RANGE(0, FENCE_CPUS - 1)),
	KEY(RESOURCES, "oom_score_adj", key_int64, F(v[FENCE_OOM]), RANGE(-1000, 1000)),
	KEY(RESOURCES, "cgroup", key_sub, .sub = SCOPE_CGROUP),

	KEY(CGROUP, "memory_max", key_cgroup, S(cgroup.v[CGROUP_MEMORY]), RANGE(MEMORY_LEAST, 0)),
	KEY(CGROUP, "pids_max", key_cgroup, S(cgroup.v[CGROUP_PIDS]), RANGE(1, PIDS_MANY)),
	KEY(CGROUP, "cpu_max", key_cgroup, S(cgroup.v[CGROUP_CPU]), RANGE(0, 0)),
	KEY(CGROUP, "cpu_weight", key_cgroup, S(cgroup.v[CGROUP_WEIGHT]), RANGE(1, 10000)),
	KEY(CGROUP, "root", key_cgroup_root, S(cgroup.root)),
};
// clang-format on

const size_t key_row_count = sizeof key_rows / sizeof *key_rows;

static const char *const scope_names[SCOPE_COUNT] = {
	[SCOPE_TOP] = "the top level",
	[SCOPE_START] = "\"start\"",
	[SCOPE_SHUTDOWN] = "\"shutdown\"",
	[SCOPE_CONTROL] = "\"control\"",
	[SCOPE_TOP_ENV] = "the \"env\" of all",
	[SCOPE_PROJECT] = "a project",
	[SCOPE_PROJECT_ID] = "\"project\"",
	[SCOPE_SERVICE] = "a service",
	[SCOPE_ENV] = "\"env\"",
	[SCOPE_DEP] = "\"depends_on\"",
	[SCOPE_BACKOFF] = "\"backoff\"",
	[SCOPE_CHECK] = "\"health_check\"",
	[SCOPE_HOOKS] = "\"hooks\"",
	[SCOPE_OUTCOMES] = "an \"on_\" hook",
	[SCOPE_HOOK] = "a hook",
	[SCOPE_DEPLOYMENT] = "\"deployment\"",
	[SCOPE_BLUE_GREEN] = "\"blue_green\"",
	[SCOPE_LOGS] = "\"logs\"",
	[SCOPE_SPAWN] = "\"spawn\"",
	[SCOPE_ALLOW] = "\"spawn.allow\"",
	[SCOPE_LIMITS] = "\"spawn.limits\"",
	[SCOPE_RESOURCES] = "\"limits\"",
	[SCOPE_CGROUP] = "\"limits.cgroup\"",
	[SCOPE_RESTART] = "\"spawn.restart\"",
	[SCOPE_REMOTE] = "\"remote\"",
	[SCOPE_CRON] = "\"cron\"",
	[SCOPE_ISOLATION] = "\"isolation\"",
	[SCOPE_LANDLOCK] = "\"landlock\"",
	[SCOPE_STATUS] = "\"status\"",
	[SCOPE_METRICS] = "\"metrics\"",
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
