#include "base/caps.h"
#include "loading.h"

static struct err err;

static struct manifest *named(const char *path, const char *text)
{
	loading_source.path = path;
	struct manifest *m = good(text);
	loading_source.path = "/app/systemg.yaml";
	return m;
}

#define A "services: {a: {command: x}, b: {command: x, depends_on: [a]}}\n"
#define P                                                                                          \
	"project: p\nenv: {X: y}\nservices:\n  a: {command: x}\n"                                  \
	"  b: {command: x, depends_on: [a], request_capabilities: [\"stop:a\", \"status:**\"], "   \
	"grant_capabilities: [a]}\n"

Test(join, services_of_several_files_are_one_list_with_its_own_places)
{
	struct manifest *files[] = { named("/a.yaml", A), named("/p.yaml", P) },
			*m = manifest_join(files, 2, &err);

	cr_assert_not_null(m, "%s", err.msg);
	cr_assert_eq(m->nservices, 4);
	const struct service *b = &m->services[3];
	cr_expect_str_eq(b->name, "p/b");
	cr_expect_eq(b->deps[0].index, 2);
	cr_expect_eq(b->requests.v[0].index, 2);
	cr_expect_eq(b->requests.v[1].index, SIZE_MAX, "every unit");
	cr_expect_eq(b->grants.v[0].index, 2);
	cr_expect_eq(b->of, files[1]);
	cr_expect_str_eq(b->of->dir, "/");
	cr_expect_eq(m->services[1].deps[0].index, 0);
	cr_expect_eq(m->nprojects, 1);
	cr_expect_eq(files[1]->services[1].deps[0].index, 0, "the file itself stays as it is");
	cr_expect_str_eq(b->hash, files[1]->services[1].hash);
	cr_expect_eq(manifest_file(m, 0), files[0]);
	cr_expect_eq(manifest_file(m, 1), files[1]);
	cr_expect_null(manifest_file(m, 2));
	cr_expect_eq(manifest_file_at(m, "/p.yaml"), files[1]);
	cr_expect_null(manifest_file_at(m, "/q.yaml"));
	manifest_free(files[0]);
	manifest_free(files[1]);
	cr_expect_str_eq(m->services[3].of->path, "/p.yaml", "it keeps them");
	manifest_free(m);
}

Test(join, of_one_file_it_is_that_one)
{
	struct manifest *one = named("/a.yaml", A), *m = manifest_join(&one, 1, &err);

	cr_expect_eq(m, one);
	cr_expect_eq(manifest_file(m, 0), one);
	cr_expect_null(manifest_file(m, 1));
	manifest_free(m);
	manifest_free(one);
}

static void is_refused(const char *a, const char *b, const char *name)
{
	struct manifest *files[] = { named("/a.yaml", a), named("/b.yaml", b) };

	cr_expect_null(manifest_join(files, 2, &err), "%s%s", a, b);
	cr_expect_eq(err.code, ERR_PROJECT);
	cr_expect(strstr(err.msg, name) == err.msg && strstr(err.msg, "/a.yaml") &&
			  strstr(err.msg, "/b.yaml"),
		"%s", err.msg);
	cr_expect(err.help[0]);
	manifest_free(files[0]);
	manifest_free(files[1]);
}

Test(join, what_a_path_begins_with_is_of_one_file_alone)
{
	is_refused(A, "services: {b: {command: x}}\n", "b is");
	is_refused(A, "project: b\nservices: {x: {command: x}}\n", "b is");
	is_refused("project: b\nservices: {x: {command: x}}\n", A, "b is");
	is_refused("project: b\nservices: {x: {command: x}}\n",
		"projects: {b: {services: {y: {command: x}}}}\n", "b is");
	is_refused("services: {c: {command: x, replicas: 2}}\n", "services: {c: {command: x}}\n",
		"c is");
	is_refused("services: {c: {command: x, replicas: 2}}\n", "services: {c.2: {command: x}}\n",
		"c.2 is");
	struct manifest *files[] = { named("/a.yaml", "project: a\n" A),
		named("/b.yaml", "project: b\n" A),
		named("/c.yaml", "services: {c: {command: x}}\n") };
	struct manifest *m = manifest_join(files, 3, &err);
	cr_expect_not_null(m, "%s", err.msg);
	manifest_free(m);
}

Test(join, the_settings_are_the_first_file_s_and_others_are_told)
{
	struct manifest *files[] = { named("/a.yaml", "shutdown: {timeout: 20s}\n" A),
		named("/p.yaml", P),
		named("/c.yaml", "services: {c: {command: x}}\nstart: {max_concurrent: 1}\n"),
		named("/d.yaml", "services: {d: {command: x}}\nshutdown: {timeout: 20s}\n") };
	struct manifest *m = manifest_join(files, 4, &err);

	cr_assert_not_null(m, "%s", err.msg);
	cr_expect_eq(m->shutdown_timeout_ns, 20000000000);
	cr_expect_eq(m->max_concurrent, -1);
	cr_expect_not(manifest_unheard(m, files[0]));
	cr_expect_not(manifest_unheard(m, files[1]));
	cr_expect(manifest_unheard(m, files[2]));
	cr_expect_not(manifest_unheard(m, files[3]), "it says the same");
	manifest_free(m);
}

Test(join, as_many_files_and_services_as_there_may_be_are_taken_and_no_more)
{
	struct manifest *files[CAP_MANIFESTS + 1];
	char text[64];

	for (int i = 0; i <= CAP_MANIFESTS; i++) {
		snprintf(text, sizeof text, "services: {s%d: {command: x}}\n", i);
		files[i] = named("/x.yaml", text);
	}
	struct manifest *m = manifest_join(files, CAP_MANIFESTS, &err);
	cr_expect_not_null(m, "%s", err.msg);
	manifest_free(m);
	cr_expect_null(manifest_join(files, CAP_MANIFESTS + 1, &err));
	cr_expect_eq(err.code, ERR_TOO_LARGE);
	char *many = malloc((size_t)CAP_SERVICES * 32), *at = many + sprintf(many, "services:\n");
	for (int i = 1; i < CAP_SERVICES; i++)
		at += sprintf(at, "  t%d: {command: x}\n", i);
	struct manifest *two[] = { named("/t.yaml", many), files[0], files[1] };
	m = manifest_join(two, 2, &err);
	cr_expect_not_null(m, "%s", err.msg);
	manifest_free(m);
	cr_expect_null(manifest_join(two, 3, &err));
	cr_expect_eq(err.code, ERR_TOO_LARGE);
	free(many);
}
