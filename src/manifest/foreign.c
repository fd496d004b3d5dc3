/* Words that people bring along from Compose, supervisord and systemd, and what they are called
 * here. */
#include <string.h>

#include "manifest/keys.h"

#define RUNTIME "that is the container runtime's: leave it out here"
#define LATER   "leave it out: it is not supported by this version of sysg"

// clang-format off
static const struct {
	const char *word, *help;
} words[] = {
	/* Compose */
	{ "environment", "write env" },
	{ "env_file", "write env: {file: PATH}" },
	{ "entrypoint", "write command" },
	{ "cmd", "write command" },
	{ "args", "write command as a list" },
	{ "restart", "write restart_policy: always, on-failure or never" },
	{ "healthcheck", "write health_check" },
	{ "test", "write command" },
	{ "start_period", "write total_timeout" },
	{ "disable", "leave health_check out" },
	{ "stop_grace_period", "write stop_timeout" },
	{ "logging", "write logs: {sink: ...}" },
	{ "driver", "write sink" },
	{ "max-size", "write max_bytes" },
	{ "max_size", "write max_bytes" },
	{ "max-file", "write max_files" },
	{ "max_file", "write max_files" },
	{ "stdout_logfile_maxbytes", "write logs: {max_bytes: ...}" },
	{ "stdout_logfile_backups", "write logs: {max_files: ...}" },
	{ "sinks", "write sink" },
	{ "workdir", "write working_dir" },
	{ "scale", LATER },
	{ "deploy", LATER },
	{ "ulimits", LATER },
	{ "profiles", LATER },
	{ "secrets", LATER },
	{ "configs", RUNTIME },
	{ "image", RUNTIME },
	{ "build", RUNTIME },
	{ "ports", RUNTIME },
	{ "expose", RUNTIME },
	{ "volumes", RUNTIME },
	{ "volumes_from", RUNTIME },
	{ "tmpfs", RUNTIME },
	{ "devices", RUNTIME },
	{ "networks", RUNTIME },
	{ "network_mode", RUNTIME },
	{ "links", RUNTIME },
	{ "hostname", RUNTIME },
	{ "extra_hosts", RUNTIME },
	{ "dns", RUNTIME },
	{ "container_name", RUNTIME },
	{ "privileged", RUNTIME },
	{ "cap_add", RUNTIME },
	{ "cap_drop", RUNTIME },
	{ "security_opt", RUNTIME },
	{ "read_only", RUNTIME },
	{ "mem_limit", RUNTIME },
	{ "cpus", RUNTIME },
	{ "labels", RUNTIME },
	{ "platform", RUNTIME },
	{ "pull_policy", RUNTIME },
	{ "init", "leave it out: sysg is the init" },
	{ "tty", RUNTIME },
	{ "stdin_open", RUNTIME },
	/* supervisord */
	{ "directory", "write working_dir" },
	{ "autostart", "leave it out: every service of the manifest is started" },
	{ "autorestart", "write restart_policy: always, on-failure or never" },
	{ "startretries", "write max_restarts" },
	{ "startsecs", "write a health_check" },
	{ "exitcodes", "write success_exit_codes" },
	{ "stopsignal", "write stop_signal" },
	{ "stopwaitsecs", "write stop_timeout" },
	{ "stopasgroup", "write stop_target: group" },
	{ "killasgroup", "leave it out: the whole tree is killed in any case" },
	{ "priority", "write depends_on" },
	{ "numprocs", LATER },
	{ "process_name", "leave it out: the service's key is its name" },
	{ "stdout_logfile", "write logs: {sink: file} or {sink: stdout}" },
	{ "stderr_logfile", "write logs: {sink: file} or {sink: stdout}" },
	{ "redirect_stderr", "leave it out" },
	/* systemd */
	{ "Unit", "write the service's keys directly below its name" },
	{ "Service", "write the service's keys directly below its name" },
	{ "Install", "leave it out: every service of the manifest is started" },
	{ "Description", "write a comment" },
	{ "Type", "leave it out: run the program in the foreground" },
	{ "ExecStart", "write command" },
	{ "ExecStartPre", "write hooks: {pre_start: ...}" },
	{ "ExecStartPost", "write hooks: {post_start: ...}" },
	{ "ExecStop", "write stop_signal" },
	{ "ExecStopPost", "write hooks: {post_stop: ...}" },
	{ "ExecReload", LATER },
	{ "Restart", "write restart_policy: always, on-failure or never" },
	{ "RestartSec", "write backoff" },
	{ "StartLimitBurst", "write max_restarts" },
	{ "SuccessExitStatus", "write success_exit_codes" },
	{ "WorkingDirectory", "write working_dir" },
	{ "Environment", "write env" },
	{ "EnvironmentFile", "write env: {file: PATH}" },
	{ "User", "write user" },
	{ "Group", "write group" },
	{ "After", "write depends_on" },
	{ "Before", "write depends_on in the other service" },
	{ "Requires", "write depends_on" },
	{ "Wants", "write depends_on" },
	{ "BindsTo", "write depends_on" },
	{ "KillSignal", "write stop_signal" },
	{ "KillMode", "write stop_target" },
	{ "TimeoutStopSec", "write stop_timeout" },
	{ "TimeoutStartSec", "write health_check: {total_timeout: ...}" },
	{ "WatchdogSec", "write health_check: {interval: ...}" },
	{ "StandardOutput", "write logs: {sink: ...}" },
	{ "StandardError", "write logs: {sink: ...}" },
	{ "LimitNOFILE", LATER },
};
// clang-format on

const char *key_foreign(const char *word)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].help;
	return NULL;
}
