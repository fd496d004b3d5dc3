#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/clock.h"
#include "loading.h"

/* One of everything that this version supports. */
static const char everything[] =
	"version: \"2\"\n"
	"x-common: &common\n"
	"  restart_policy: always\n"
	"  backoff: {initial: 1s, max: 1m, factor: 2, jitter: 10%}\n"
	"env: {file: [a.env, b.env], vars: {A: \"${HOME}\", B: '${NO:-${PORT}}'}}\n"
	"start: {max_concurrent: 3}\n"
	"shutdown: {timeout: 90s, delay: 1s}\n"
	"exit_code_from: web\n"
	"control: {socket: s.sock, mode: \"0660\", group: ops}\n"
	"services:\n"
	"  db:\n"
	"    <<: *common\n"
	"    exec: [\"db\", --port, '${PORT}', \"\\u00e4\"]\n"
	"    working_dir: srv\n"
	"    health_check: {tcp: \"[::1]:5432\", interval: 1s, timeout: 2s, retries: 5}\n"
	"    stop_signal: INT\n"
	"    stop_target: tree\n"
	"    stop_timeout: 20s\n"
	"  init:x: &bad {command: x}\n"
	"  web:\n"
	"    command: |\n"
	"      exec web --listen ${PORT}\n"
	"    depends_on:\n"
	"      - db\n"
	"      - {service: job, condition: completed, restart: false}\n"
	"    env: {vars: {X: \"a\\tb\"}, inherit_env: false}\n"
	"    deployment:\n"
	"      health_check: {command: [check, now, \"{slot}\"], start_interval: 50ms}\n"
	"      grace_period: 1s\n"
	"      blue_green: {env_var: X, slots: [a, \"${PORT}\"], switch_command: \"s "
	"{active_slot}\",\n"
	"        switch_verify: {file: \"{slot}\"}, state_path: s}\n"
	"    success_exit_codes: [0, 3]\n"
	"    user: web\n"
	"    group: \"33\"\n"
	"    logs: {sink: [stdout, file]}\n"
	"    spawn: {mode: dynamic, limits: {children: 5, ttl: 1h, termination_policy: cascade}}\n"
	"  job: {command: job, restart_policy: never, max_restarts: 2, essential: true}\n";

Test(robust, everything_at_once_has_only_the_one_fault_that_is_in_it)
{
	refused_at(everything, ERR_BAD_VALUE, 19, 3, "init:x");
}

Test(robust, a_manifest_cut_anywhere_never_crashes_and_is_loaded_or_refused_with_a_reason)
{
	for (size_t n = 0; n < sizeof everything; n++) {
		struct manifest *m = load_bytes(everything, n);
		cr_expect(m || found.n, "cut at %zu", n);
		manifest_free(m);
	}
	findings_done(&found);
}

Test(robust, a_manifest_with_any_byte_changed_never_crashes)
{
	static const char bytes[] = { 0, ' ', '\n', '\t', ':', '{', '[', '}', '"', '*', '&', '$',
		'-', '!', '|', '9', (char)0xff };
	char *text = malloc(sizeof everything);

	for (size_t at = 0; at < sizeof everything - 1; at++) {
		memcpy(text, everything, sizeof everything);
		text[at] = bytes[at * 7 % sizeof bytes];
		struct manifest *m = load_bytes(text, sizeof everything - 1);
		cr_expect(m || found.n, "changed at %zu", at);
		manifest_free(m);
	}
	findings_done(&found);
	free(text);
}

Test(seed, both_examples_load)
{
	struct manifest *m =
		good("# systemg.yaml\nservices:\n  web_server:\n    command: \"python app.py\"\n"
		     "    restart_policy: always\n    health_check:\n      interval: 30s\n      "
		     "timeout: 5s\n\n"
		     "  database:\n    command: \"postgres\"\n    restart_policy: on_failure\n    "
		     "max_restarts: 3\n");

	cr_expect_eq(m->services[0].check.kind, CHECK_ALIVE);
	cr_expect_eq(m->services[0].check.attempt_timeout_ns, 5 * NS_PER_SEC);
	cr_expect_eq(m->services[1].restart, RESTART_ON_FAILURE);
	cr_expect_eq(m->services[1].max_restarts, 3);
	manifest_free(m);
	m = good("# Parent service must enable dynamic spawning\nservices:\n  orchestrator:\n"
		 "    command: \"python orchestrator.py\"\n    spawn:\n      mode: dynamic\n      "
		 "limits:\n"
		 "        children: 100      # Max direct children\n        depth: 3          # "
		 "Max tree depth\n"
		 "        descendants: 500  # Total descendants\n");
	cr_expect(m->services[0].spawn_dynamic);
	cr_expect_eq(m->services[0].limits.v[LIMIT_DESCENDANTS], 500);
	manifest_free(m);
}
