#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "manifest/manifest.h"

static struct manifest *load(const char *text)
{
	struct manifest_source src = { .path = "/m/systemg.yaml",
		.text = text,
		.len = strlen(text),
		.environ = (char *[]){ NULL } };
	struct findings f;
	struct manifest *m = manifest_load(&src, &f);

	cr_assert(m, "%s", f.n ? f.v[0].err.msg : "?");
	findings_done(&f);
	return m;
}

Test(manifest_diff, services_are_matched_by_name_whatever_their_order)
{
	struct manifest *a = load("services: {x: {command: a}, y: {command: b}, z: {command: c}}");
	struct manifest *b = load("services: {z: {command: c}, w: {command: a}, x: {command: d}}");
	ssize_t to[3];

	cr_assert_eq(manifest_match(a, b, to), 0);
	cr_assert_eq(to[0], 2);
	cr_assert_eq(to[1], -1);
	cr_assert_eq(to[2], 0);
	manifest_free(a);
	manifest_free(b);
}

Test(manifest_diff, settings_beside_the_services_are_compared_each)
{
	static const char *const other[] = { "shutdown: {timeout: 9s}", "shutdown: {delay: 1s}",
		"start: {max_concurrent: 1}", "exit_code_from: x", "control: {socket: /s}",
		"control: {mode: \"0600\"}", "control: {group: g}",
		"metrics: {sample_interval_secs: 2}", "metrics: {retention_minutes: 2}" };
	struct manifest *a = load("services: {x: {command: a}}");
	char text[200];

	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		snprintf(text, sizeof text, "%s\nservices: {x: {command: a}}\n", other[i]);
		struct manifest *b = load(text), *c = load(text);
		cr_assert(!manifest_same_settings(a, b), "%s", other[i]);
		cr_assert(manifest_same_settings(b, c), "%s", other[i]);
		manifest_free(b);
		manifest_free(c);
	}
	manifest_free(a);
}

Test(manifest_diff, a_manifest_lives_until_its_last_owner_lets_go)
{
	struct manifest *m = load("services: {x: {command: a}}");

	cr_assert_eq(manifest_ref(m), m);
	manifest_free(m);
	cr_assert_str_eq(m->services[0].name, "x");
	manifest_free(m);
}
