#include <criterion/criterion.h>
#include <string.h>

#include "loading.h"

Test(fence, nothing_is_set_where_nothing_is_written)
{
	struct manifest *m = good(SVC(""));
	const struct child_fence *f = &m->services[0].fence;

	for (int i = 0; i < FENCE_NUMBERS; i++)
		cr_expect_eq(f->v[i], FENCE_UNSET);
	cr_expect(!f->has_caps && !f->has_cpus && !f->no_new_privs && !m->services[0].groups);
	manifest_free(m);
}

Test(fence, capabilities_go_by_name_in_any_case_with_and_without_cap)
{
	line_means("capabilities: [CAP_CHOWN, kill, Checkpoint_Restore]", fence.caps,
		1 | 1 << 5 | UINT64_C(1) << 40);
	line_means("capabilities: [net_bind_service, cap_sys_admin, setfcap]", fence.caps,
		1u << 10 | 1u << 21 | 1u << 31);
	line_means("capabilities: []", fence.has_caps, true);
	line_refused("capabilities: [CAP_NET_BIND]", ERR_BAD_VALUE, 20, "the nearest is \"net_");
	line_refused("capabilities: [kil]", ERR_BAD_VALUE, 20, "the nearest is \"kill\"");
	line_refused("capabilities: kill", ERR_BAD_VALUE, 19, "write a list");
	line_refused("capabilities: ['']", ERR_BAD_VALUE, 20, "no capability");
}

Test(fence, groups_are_names_and_numbers)
{
	struct manifest *m = line_good("supplementary_groups: [audio, 77]");

	cr_expect_str_eq(m->services[0].groups[0], "audio");
	cr_expect_str_eq(m->services[0].groups[1], "77");
	cr_expect_null(m->services[0].groups[2]);
	manifest_free(m);
	line_refused("supplementary_groups: ['a:b']", ERR_BAD_VALUE, 28, "two keys");
	line_refused("supplementary_groups: audio", ERR_BAD_VALUE, 27, "write a list");
	loading_source.may_switch_user = false;
	line_refused("supplementary_groups: [77]", ERR_NEEDS_ROOT, 27, "needs sysg to run as root");
	loading_source.may_switch_user = true;
}

Test(fence, limits_have_their_kinds_and_ranges)
{
	line_means("limits: {nofile: 8}", fence.v[FENCE_NOFILE], 8);
	line_means("limits: {nofile: unlimited}", fence.v[FENCE_NOFILE], -1);
	line_means("limits: {nproc: 1}", fence.v[FENCE_NPROC], 1);
	line_means("limits: {memlock: 64K}", fence.v[FENCE_MEMLOCK], 65536);
	line_means("limits: {memlock: unlimited}", fence.v[FENCE_MEMLOCK], -1);
	line_means("limits: {core: 0}", fence.v[FENCE_CORE], 0);
	line_means("limits: {nice: -20}", fence.v[FENCE_NICE], -20);
	line_means("limits: {oom_score_adj: 1000}", fence.v[FENCE_OOM], 1000);
	line_means("limits: {cpu_affinity: [0, 9, 1023]}", fence.cpus[1], 2);
	line_means("limits: {cpu_affinity: [0, 9, 1023]}", fence.cpus[127], 128);
	line_refused("limits: {nofile: 7}", ERR_BAD_VALUE, 22, "from 8 to");
	line_refused("limits: {nproc: many}", ERR_BAD_VALUE, 21, "nproc");
	line_refused("limits: {core: 1.5G}", ERR_BAD_VALUE, 20, "write a size");
	line_refused("limits: {nice: 20}", ERR_BAD_VALUE, 20, "from -20 to 19");
	line_refused("limits: {oom_score_adj: -1001}", ERR_BAD_VALUE, 29, "from -1000 to 1000");
	line_refused("limits: {cpu_affinity: [1024]}", ERR_BAD_VALUE, 29, "from 0 to 1023");
	line_refused("limits: {cpu_affinity: []}", ERR_BAD_VALUE, 28, "empty");
}

Test(fence, what_is_written_makes_another_definition)
{
	static const char *const lines[] = { "no_new_privs: true", "capabilities: []",
		"capabilities: [kill]", "supplementary_groups: [1]", "limits: {nice: 1}",
		"limits: {cpu_affinity: [1]}", "isolation: {seccomp: baseline-v1}",
		"isolation: {landlock: {ro_paths: [/a]}}",
		"isolation: {landlock: {rw_paths: [/a]}}", "isolation: {network: true}",
		"isolation: {mount: true}", "isolation: {pid: true}", "isolation: {user: true}",
		"isolation: {private_tmp: true}", "isolation: {private_devices: true}" };
	char hash[sizeof lines / sizeof *lines][17];

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct manifest *m = line_good(lines[i]);
		strcpy(hash[i], m->services[0].hash);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(hash[k], hash[i]);
		manifest_free(m);
	}
}

Test(fence, isolation_is_by_known_lists_and_by_paths_from_the_manifest_s_folder)
{
	struct manifest *m = line_good("isolation: {seccomp: baseline-v1, landlock: {ro_paths: "
				       "[/usr, lib], rw_paths: [./data]}}");
	const struct child_fence *f = &m->services[0].fence;

	cr_expect(f->seccomp);
	cr_expect_str_eq(f->ro_paths[0], "/usr");
	cr_expect_str_eq(f->ro_paths[1], "/app/lib");
	cr_expect_null(f->ro_paths[2]);
	cr_expect_str_eq(f->rw_paths[0], "/app/data");
	manifest_free(m);
	line_refused("isolation: {seccomp: strict}", ERR_PROFILE, 26, "write baseline-v1");
	line_refused("isolation: {landlock: {}}", ERR_BAD_VALUE, 27, "without a path");
	line_refused("isolation: {landlock: {ro_paths: /usr}}", ERR_BAD_VALUE, 38, "write a list");
	line_refused("isolation: {apparmor_profile: x}", ERR_UNKNOWN_KEY, 17, "apparmor_profile");
	line_refused("isolation: {selinux_context: x}", ERR_UNKNOWN_KEY, 17, "selinux_context");
	refused_at(SVC("    no_new_privs: false\n    isolation: {seccomp: baseline-v1}\n"),
		ERR_BAD_VALUE, 4, 19, "leave it out");
	manifest_free(line_good("isolation: {seccomp: baseline-v1}"));
}

Test(fence, namespaces_are_not_for_what_spawns)
{
	static const char *const keys[] = { "network", "mount", "pid", "user", "private_tmp",
		"private_devices" };
	char text[256];

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		snprintf(text, sizeof text, "isolation: {%s: true}", keys[i]);
		manifest_free(line_good(text));
		snprintf(text, sizeof text,
			SVC("    isolation: {%s: true}\n    spawn: {mode: dynamic}\n"), keys[i]);
		refused_at(text, ERR_NAMESPACE, 4, 17, "leave one of them out");
		snprintf(text, sizeof text,
			SVC("    isolation: {%s: false}\n    spawn: {mode: dynamic}\n"), keys[i]);
		manifest_free(good(text));
	}
	line_refused("isolation: {pid: true}\n    health_check: {notify: 'fd:4'}", ERR_NAMESPACE,
		17, "notify: fd:N");
}
