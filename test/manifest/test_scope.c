/* Where a ${NAME} is looked up. */
#include <errno.h>

#include "base/caps.h"
#include "loading.h"

static const struct {
	const char *path, *text;
} files[] = {
	{ "/app/.env", "HOST=all\nPORT=1\nLEVEL='${HOME}'\n" },
	{ "/app/more.env", "PORT=2\n" },
	{ "/app/all.d/x", "WHERE=all.d\n" },
	{ "/app/bad.env", "no variable\n" },
	{ NULL, NULL },
};
static int reads, trusted;

static int read_fake(void *arg, const char *path, bool trust, struct buf *ret, struct err *err)
{
	(void)arg;
	reads++;
	trusted += trust;
	for (size_t i = 0; files[i].path; i++)
		if (strcmp(files[i].path, path) == 0)
			return buf_adds(ret, files[i].text);
	return err_set(err, ERR_BAD_VALUE, ENOENT, "%s: No such file or directory", path);
}

static void with_files(void)
{
	loading_source.read = read_fake;
	reads = trusted = 0;
}

TestSuite(scope, .init = with_files);

/* The command of the only service, a list of one word. */
static void expect(const char *text, const char *word)
{
	struct manifest *m = good(text);

	cr_expect_str_eq(m->services[0].argv[0], word, "%s", text);
	manifest_free(m);
}

Test(scope, the_environment_is_known_and_env_of_all_and_its_files_go_before_it)
{
	expect("services: {a: {exec: [\"${PORT}\"]}}\n", "8080");
	expect("env: {PORT: 5}\nservices: {a: {exec: [\"${PORT}\"]}}\n", "5");
	expect("env: {file: .env}\nservices: {a: {exec: [\"${PORT}\"]}}\n", "1");
	expect("env: {file: [.env, more.env]}\nservices: {a: {exec: [\"${PORT}\"]}}\n", "2");
	expect("env: {file: .env, vars: {PORT: 5}}\nservices: {a: {exec: [\"${PORT}\"]}}\n", "5");
	expect("env: {file: .env, vars: {OTHER: 5}}\nservices: {a: {exec: "
	       "[\"${HOST}:${HOME}\"]}}\n",
		"all:/root");
	cr_expect(reads == 4 && !trusted, "%d, %d", reads, trusted);
}

Test(scope, they_are_known_wherever_they_stand)
{
	expect("services: {a: {exec: [\"${X}${Y}\"], env: {Y: 2}}}\nenv: {X: 1}\n", "12");
}

Test(scope, what_is_nearer_goes_before_what_is_further_out)
{
	static const char text[] = "env: {X: all, Y: all, Z: all}\n"
				   "projects:\n"
				   "  p:\n"
				   "    env: {X: p, Y: p}\n"
				   "    services:\n"
				   "      a: {exec: [\"${X} ${Y} ${Z}\"], env: {X: a}}\n"
				   "      b: {exec: [\"${X} ${Y} ${Z}\"]}\n"
				   "services: {c: {exec: [\"${X} ${Y} ${Z}\"]}}\n";
	static const char *const want[] = { "a p all", "p p all", "all all all" };
	struct manifest *m = good(text);

	for (size_t i = 0; i < 3; i++)
		cr_expect_str_eq(m->services[i].argv[0], want[i]);
	manifest_free(m);
}

Test(scope, a_variable_knows_those_above_it_and_what_is_outside_and_not_itself)
{
	struct manifest *m = good(
		"env: {file: .env, vars: {A: \"${HOST}\", B: \"${A}/b\", PORT: \"${PORT}0\"}}\n"
		"services: {a: {command: x, env: {B: \"${B}/a\", PORT: \"${PORT}0\"}}}\n");

	cr_expect_str_eq(m->env.vars[1].value, "all/b");
	cr_expect_str_eq(m->env.vars[2].value, "10");
	cr_expect_str_eq(m->services[0].env.vars[0].value, "all/b/a");
	cr_expect_str_eq(m->services[0].env.vars[1].value, "100");
	manifest_free(m);
	refused_at("env: {A: \"${B}\", B: 1}\nservices: {a: {command: x}}\n", ERR_BAD_VALUE, 1, 10,
		"the variable B is not set");
}

Test(scope, the_path_of_a_file_knows_what_is_outside_alone)
{
	expect("env: {D: all.d}\nservices: {a: {exec: [\"${WHERE}\"], env: {file: \"${D}/x\", "
	       "vars: {D: no}}}}\n",
		"all.d");
}

Test(scope, what_a_file_says_is_taken_as_it_is)
{
	expect("env: {file: .env}\nservices: {a: {exec: [\"${LEVEL}\"]}}\n", "${HOME}");
	expect("services: {a: {exec: [\"${TRICK}\"]}}\n", "${HOME}");
}

Test(scope, one_that_is_set_to_nothing_counts_as_that_and_its_default_is_taken)
{
	expect("env: {PORT: }\nservices: {a: {exec: [\"x${PORT}\"]}}\n", "x");
	expect("env: {PORT: \"\"}\nservices: {a: {exec: [\"x${PORT:-7}\"]}}\n", "x7");
}

Test(scope, a_file_that_cannot_be_read_is_named_where_a_variable_is_missing)
{
	refused_at("env: {file: nowhere}\nservices: {a: {exec: [\"${NO}\"]}}\n", ERR_BAD_VALUE, 2,
		23, "without /app/nowhere, which can't be read");
	refused_at("env: {file: bad.env}\nservices: {a: {exec: [\"${NO}\"]}}\n", ERR_BAD_VALUE, 2,
		23, "without /app/bad.env, which can't be read");
	expect("env: {file: nowhere}\nservices: {a: {exec: [\"${HOME}\"]}}\n", "/root");
}

Test(scope, no_file_is_read_where_nothing_is_filled_in)
{
	manifest_free(
		good("env: {file: .env}\nservices: {a: {command: x, env: {file: more.env}}}\n"));
	cr_expect_eq(reads, 0);
}

Test(scope, without_an_environment_all_stays_as_it_is)
{
	loading_source.environ = NULL;
	expect("env: {PORT: 5}\nservices: {a: {exec: [\"${PORT}\"]}}\n", "${PORT}");
	loading_source.environ = loading_environ;
}

/* Each of 40 variables has the one above it twice: 2^40 of nothing. */
Test(scope, variables_that_double_are_bounded)
{
	char text[4096] = "env:\n  v0: \"\"\n";
	size_t at = strlen(text);

	for (int i = 1; i < 40; i++)
		at += (size_t)snprintf(
			text + at, sizeof text - at, "  v%d: \"${v%d}${v%d}\"\n", i, i - 1, i - 1);
	(void)snprintf(text + at, sizeof text - at, "services: {a: {command: x}}\n");
	struct manifest *m = load(text);
	cr_expect_null(m);
	cr_expect(
		strstr(found.v[0].err.msg, "more than 100000 variables"), "%s", found.v[0].err.msg);
}

/* Of a service that stands before them, as what is read first is filled in first. */
static struct manifest *load_chain(const char *value, int n, const char *form)
{
	size_t size = (size_t)n * 32 + strlen(value) + 256;
	char *text = malloc(size);
	size_t at = (size_t)snprintf(text, size,
		"services: {a: {exec: [x, \"%s\"]}}\nenv:\n  vars:\n    v0: x\n", value);

	for (int i = 1; i < n; i++)
		at += (size_t)snprintf(text + at, size - at, form, i, i - 1);
	struct manifest *m = load(text);
	free(text);
	return m;
}

Test(scope, variables_inside_each_other_are_bounded_before_our_stack_is)
{
	cr_expect_not_null(load_chain("${v400}", 401, "    v%d: ${v%d}\n"));
	struct manifest *m = load_chain("${v89999}", 90000, "    v%d: ${v%d}\n");
	cr_expect_null(m);
	cr_expect(strstr(found.v[0].err.msg, "more than 500 variables inside each other"), "%s",
		found.v[0].err.msg);
}

/* 60,000 names, passed for each of 20,000: seconds in which a supervisor would do nothing else. They may be keys that are
 * none, too. */
Test(scope, names_that_are_passed_count_too)
{
	static const char *const forms[] = { "    v%d: x%d\n", "  v%d: x%d\n" };
	enum { TIMES = 20 * 1000 };
	static const char one[] = "${none:-}";
	char *value = malloc(TIMES * (sizeof one - 1) + 1);

	for (int i = 0; i < TIMES; i++)
		memcpy(value + (size_t)i * (sizeof one - 1), one, sizeof one);
	for (int i = 0; i < 2; i++) {
		cr_expect_null(load_chain(value, 60000, forms[i]));
		cr_expect(strstr(found.v[0].err.msg, "more than 100000"), "%s", found.v[0].err.msg);
	}
	free(value);
}
