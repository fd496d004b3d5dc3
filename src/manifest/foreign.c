/* Words that people bring along from Compose, supervisord and systemd, and what they are called
 * here. */
#include <string.h>

#include "manifest/keys.h"

// clang-format off
#define SAY(words, help) words "\0" help "\0"
static const char told[] =
	SAY("environment|Environment", "write env")
	SAY("env_file|EnvironmentFile", "write env: {file: PATH}")
	SAY("entrypoint|cmd|test|ExecStart", "write command")
	SAY("args", "write command as a list")
	SAY("restart|autorestart|Restart", "write restart_policy: always, on-failure or never")
	SAY("healthcheck", "write health_check")
	SAY("start_period", "write total_timeout")
	SAY("disable", "leave health_check out")
	SAY("stop_grace_period|stopwaitsecs|TimeoutStopSec", "write stop_timeout")
	SAY("logging|StandardOutput|StandardError", "write logs: {sink: ...}")
	SAY("driver|sinks", "write sink")
	SAY("max-size|max_size", "write max_bytes")
	SAY("max-file|max_file", "write max_files")
	SAY("stdout_logfile_maxbytes", "write logs: {max_bytes: ...}")
	SAY("stdout_logfile_backups", "write logs: {max_files: ...}")
	SAY("workdir|directory|WorkingDirectory", "write working_dir")
	SAY("scale|deploy|ulimits|profiles|secrets|numprocs|ExecReload|LimitNOFILE", "leave it out: it is not supported by this version of sysg")
	SAY("configs|image|build|ports|expose|volumes|volumes_from|tmpfs|devices|networks|"
		"network_mode|links|hostname|extra_hosts|dns|container_name|privileged|cap_add|"
		"cap_drop|security_opt|read_only|mem_limit|cpus|labels|platform|pull_policy|tty|"
		"stdin_open",
		"that is the container runtime's: leave it out here")
	SAY("init", "leave it out: sysg is the init")
	SAY("autostart|Install", "leave it out: every service of the manifest is started")
	SAY("startretries|StartLimitBurst", "write max_restarts")
	SAY("startsecs", "write a health_check")
	SAY("exitcodes|SuccessExitStatus", "write success_exit_codes")
	SAY("stopsignal|ExecStop|KillSignal", "write stop_signal")
	SAY("stopasgroup", "write stop_target: group")
	SAY("killasgroup", "leave it out: the whole tree is killed in any case")
	SAY("priority|After|Requires|Wants|BindsTo", "write depends_on")
	SAY("process_name", "leave it out: the service's key is its name")
	SAY("stdout_logfile|stderr_logfile", "write logs: {sink: file} or {sink: stdout}")
	SAY("redirect_stderr", "leave it out")
	SAY("Unit|Service", "write the service's keys directly below its name")
	SAY("Description", "write a comment")
	SAY("Type", "leave it out: run the program in the foreground")
	SAY("ExecStartPre", "write hooks: {pre_start: ...}")
	SAY("ExecStartPost", "write hooks: {post_start: ...}")
	SAY("ExecStopPost", "write hooks: {post_stop: ...}")
	SAY("RestartSec", "write backoff")
	SAY("User", "write user")
	SAY("Group", "write group")
	SAY("Before", "write depends_on in the other service")
	SAY("KillMode", "write stop_target")
	SAY("TimeoutStartSec", "write health_check: {total_timeout: ...}")
	SAY("WatchdogSec", "write health_check: {interval: ...}");
// clang-format on

const char *key_foreign(const char *word)
{
	size_t n = strlen(word);

	for (const char *help, *at = told; *at; at = help + strlen(help) + 1) {
		help = at + strlen(at) + 1;
		for (; at < help; at += strcspn(at, "|") + 1)
			if (strncmp(at, word, n) == 0 && (at[n] == '|' || !at[n]))
				return help;
	}
	return NULL;
}
