#include <errno.h>

#include "base/caps.h"
#include "loading.h"
#include "manifest/include.h"

/* The files that there are; text NULL ends them. */
static const struct {
	const char *path, *text;
} files[] = {
	{ "/app/web.yaml", "command: x\nrestart_policy: always\n" },
	{ "/app/sub/all.yaml", "a: !include ../web.yaml\nb: !include other/b.yaml\n" },
	{ "/app/sub/other/b.yaml", "{command: y, stop_timeout: 7s}" },
	{ "/app/key.yaml", "command: x\nnonsense: 1\n" },
	{ "/app/value.yaml", "command: x\nbackoff:\n  never\n" },
	{ "/app/twice.yaml", "command: x\ncommand: y\n" },
	{ "/app/broken.yaml", "a: [\n" },
	{ "/app/empty.yaml", "# nothing\n" },
	{ "/app/one.yaml", "!include ./two.yaml" },
	{ "/app/two.yaml", "\n!include sub/../one.yaml" },
	{ "/app/self.yaml", "{a: !include self.yaml}" },
	{ "/app/deps.yaml", "\n- nobody\n" },
	{ "/app/whole.yaml", "services: {w: {command: x}}\n" },
	{ "/app/word.yaml", "7s" },
	{ "/app/base.yaml", "restart_policy: never\nstop_timeout: 3s\n" },
	{ NULL, NULL },
};

/* /deep/N.yaml includes the one of N - 1; /deep/0.yaml is a service. /big: as many bytes as its name says. */
static int read_fake(void *arg, const char *path, bool trust, struct buf *ret, struct err *err)
{
	unsigned n;

	(*(int *)arg)++;
	if (strncmp(path, "/deep/", 6) == 0) {
		n = (unsigned)atoi(path + 6);
		return n ? buf_printf(ret, "!include %u.yaml", n - 1) : buf_adds(ret, "command: x");
	}
	if (strncmp(path, "/big/", 5) == 0) {
		for (n = (unsigned)atoi(path + 5); n; n--)
			if (buf_addc(ret, n == 1 ? 'x' : '\n') < 0)
				return err_set(err, ERR_BAD_VALUE, EFBIG, "%s: too large", path);
		return 0;
	}
	for (size_t i = 0; files[i].path; i++)
		if (strcmp(files[i].path, path) == 0)
			return buf_adds(ret, files[i].text);
	return err_set(err, ERR_BAD_VALUE, ENOENT, "%s: No such file or directory", path);
}

static int reads;

static void with_files(void)
{
	loading_source.read = read_fake;
	loading_source.arg = &reads;
	reads = 0;
}

static void without_files(void)
{
	loading_source.read = NULL;
}

TestSuite(include, .init = with_files, .fini = without_files);

Test(include, a_file_is_the_node_that_names_it_and_paths_are_relative_to_who_names_them)
{
	struct manifest *m = good("services: !include sub/all.yaml\n");

	cr_expect_eq(m->nservices, 2);
	cr_expect_eq(m->services[0].restart, RESTART_ALWAYS);
	cr_expect_str_eq(m->services[1].command, "y");
	cr_expect_eq(m->services[1].stop_timeout_ns, 7000000000);
	cr_expect(m->services[0].line == 1 && m->services[0].col == 11, "%d:%d",
		m->services[0].line, m->services[0].col);
	manifest_free(m);
}

Test(include, it_is_a_scalar_a_merge_or_the_whole_manifest_too)
{
	struct manifest *m = good("services: {a: {command: x, stop_timeout: !include word.yaml, "
				  "<<: !include base.yaml}}\n");

	cr_expect_eq(m->services[0].stop_timeout_ns, 7000000000);
	cr_expect_eq(m->services[0].restart, RESTART_NEVER);
	manifest_free(m);
	m = good("services:\n  a: &x !include /app/web.yaml\n  b: *x\n");
	cr_expect_eq(m->services[1].restart, RESTART_ALWAYS);
	cr_expect_eq(reads, 3);
	manifest_free(m);
	m = good("!include whole.yaml\n");
	cr_expect_str_eq(m->services[0].name, "w");
	cr_expect_str_eq(m->path, "/app/systemg.yaml");
	manifest_free(m);
}

Test(include, what_is_wrong_in_it_is_said_with_its_place_there_at_the_include)
{
	refused_at("services:\n  a: !include key.yaml\n", ERR_UNKNOWN_KEY, 2, 6,
		"/app/key.yaml:2:1: unknown-field");
	refused_at("services:\n  a: !include value.yaml\n", ERR_BAD_VALUE, 2, 6,
		"/app/value.yaml:3:3: ");
	refused_at("services:\n  a: !include twice.yaml\n", ERR_INCLUDE, 2, 6,
		"/app/twice.yaml:2:1: the key \"command\" is here twice, first at line 1");
	refused_at(
		"services:\n  a: !include broken.yaml\n", ERR_INCLUDE, 2, 6, "/app/broken.yaml:");
	refused_at("services:\n  a: !include empty.yaml\n", ERR_INCLUDE, 2, 6, "/app/empty.yaml:");
	refused_at("services:\n  a: !include none.yaml\n", ERR_INCLUDE, 2, 6,
		"/app/none.yaml: No such file");
	cr_expect_null(
		load("services:\n  a: !include none.yaml\n  b: {command: x, nonsense: 1}\n"));
	cr_expect_eq(found.n, 2, "the rest is looked at all the same");
}

Test(include, a_dependency_in_it_that_is_not_there_is_found_at_its_place)
{
	refused_at("services:\n  a: {command: x, depends_on: !include deps.yaml}\n",
		ERR_BAD_DEPENDENCY, 2, 31, "/app/deps.yaml:2:3: ");
}

Test(include, a_cycle_is_refused_with_its_chain)
{
	refused_at("services:\n  a: !include one.yaml\n", ERR_INCLUDE_CYCLE, 2, 6,
		"/app/one.yaml -> /app/two.yaml -> /app/one.yaml");
	refused_at("services: !include self.yaml\n", ERR_INCLUDE_CYCLE, 1, 11,
		"/app/self.yaml -> /app/self.yaml");
	refused_at("services: !include systemg.yaml\n", ERR_INCLUDE_CYCLE, 1, 11,
		"/app/systemg.yaml -> /app/systemg.yaml");
}

Test(include, ten_deep_is_possible_and_eleven_not)
{
	manifest_free(good("services: {a: !include /deep/9.yaml}\n"));
	cr_expect_eq(reads, 10);
	refused_at("services: {a: !include /deep/10.yaml}\n", ERR_INCLUDE_SIZE, 1, 15, "10 deep");
}

Test(include, eight_mib_in_all_are_possible_and_a_byte_more_not)
{
	char text[256];
	const char *form = "services: {a: {command: !include /big/%d, working_dir: !include "
			   "/big/4000000}}%s\n";
	int first = CAP_MANIFEST - 4000000, own = snprintf(text, sizeof text, form, first, "");

	first -= own;
	snprintf(text, sizeof text, form, first, "");
	cr_assert_eq(strlen(text), own, "the number has as many digits");
	manifest_free(good(text));
	snprintf(text, sizeof text, form, first, " ");
	refused_at(text, ERR_INCLUDE_SIZE, 1, 61, "8 MiB");
}

Test(include, files_are_counted)
{
	struct buf b;

	buf_init(&b, CAP_MANIFEST);
	buf_adds(&b, "services:\n");
	for (int i = 1; i < CAP_INCLUDES; i++)
		buf_printf(&b, "  s%d: !include web.yaml\n", i);
	struct manifest *m = good(b.p);
	cr_expect_eq(m->nservices, CAP_INCLUDES - 1);
	cr_expect_eq(m->services[1022].line, 1024);
	manifest_free(m);
	buf_adds(&b, "  more: !include web.yaml\n");
	refused_at(b.p, ERR_INCLUDE_SIZE, 1025, 9, "1023 files");
	buf_done(&b);
}

Test(include, where_nothing_can_be_read_it_is_refused)
{
	without_files();
	refused_at("services: !include web.yaml\n", ERR_INCLUDE, 1, 11, "can be included");
}
