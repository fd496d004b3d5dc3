#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/args.h"

// clang-format off
static const struct option_row rows[] = {
	{ "name",  'n', ARG_STRING, .value = "NAME", .help = "its name" },
	{ "ttl",   0, ARG_DURATION, .value = "DURATION", .help = "how long it lives" },
	{ "lines", 'l', ARG_INT, .max = 10, .value = "N", .help = "how many" },
	{ "env",   'e', ARG_LIST, .value = "K=V", .help = "one more" },
	{ "print", 0, ARG_CHOICE, .group = 1, .value = "pid|id", .help = "what is printed" },
	{ "quiet", 'q', ARG_NONE, .group = 1, .help = "nothing is printed" },
	{ "wait",  'w', ARG_NONE, .childs_status = true, .help = "waits" },
	{ "spawn", 0, ARG_OPTIONAL, .value = "KEY=N,...", .help = "may spawn" },
	{ "queue", 0, ARG_REFUSED },
	OPTS_UNIT,
};
// clang-format on

static struct args args;
static struct err err;

static int parse(enum args_words words, ...)
{
	struct args_spec spec = { "try", "[OPTIONS]", "tries it", rows, words };
	static char *list[64];
	va_list ap;
	int n = 0;

	va_start(ap, words);
	do
		list[n] = va_arg(ap, char *);
	while (list[n++]);
	va_end(ap);
	memset(&err, 0, sizeof err);
	args_done(&args);
	return args_parse(&args, &spec, list, &err);
}

#define refused(code_, ...)                                                                        \
	do {                                                                                       \
		cr_expect_eq(parse(__VA_ARGS__, NULL), -1);                                        \
		cr_expect_eq(err.code, code_, "SG%04d: %s", (int)err.code, err.msg);               \
		cr_expect_eq(err_exit_status(err.code), 2);                                        \
		cr_expect(err.help[0]);                                                            \
	} while (0)

Test(args, a_value_may_follow_or_be_attached)
{
	cr_assert_eq(parse(ARGS_NONE, "--name", "a", "--ttl=2h", "-l10", "-e", "A=1", "--env",
			     "B=2", NULL),
		0);
	cr_expect_str_eq(args_str(&args, "name"), "a");
	cr_expect_eq(args_number(&args, "ttl", 0), 7200 * NS_PER_SEC);
	cr_expect_eq(args_number(&args, "lines", 0), 10);
	cr_expect_str_eq(args_list(&args, "env", 0), "A=1");
	cr_expect_str_eq(args_list(&args, "env", 1), "B=2");
	cr_expect_null(args_list(&args, "env", 2));
	cr_assert_eq(parse(ARGS_NONE, "--ttl", "3600", "--name=", NULL), 0);
	cr_expect_eq(args_number(&args, "ttl", 0), 3600 * NS_PER_SEC);
	cr_expect_str_eq(args_str(&args, "name"), "");
	cr_expect_eq(args_number(&args, "lines", 100), 100);
	cr_expect_null(args_str(&args, "no such option"));
}

Test(args, letters_may_stand_together)
{
	cr_assert_eq(parse(ARGS_NONE, "-wqnx", NULL), 0);
	cr_expect(args_has(&args, "wait"));
	cr_expect(args_has(&args, "quiet"));
	cr_expect_str_eq(args_str(&args, "name"), "x");
}

Test(args, an_optional_value_is_never_the_next_word)
{
	cr_assert_eq(parse(ARGS_COMMAND, "--spawn", "ls", "-l", NULL), 0);
	cr_expect(args_has(&args, "spawn"));
	cr_expect_null(args_str(&args, "spawn"));
	cr_expect_str_eq(args.argv[0], "ls");
	cr_assert_eq(parse(ARGS_COMMAND, "--spawn=depth=3,children=2", "ls", NULL), 0);
	cr_expect_str_eq(args_str(&args, "spawn"), "depth=3,children=2");
}

Test(args, the_first_plain_word_or_the_dashes_begin_a_command_and_end_the_options)
{
	cr_assert_eq(parse(ARGS_COMMAND, "-w", "bash", "-c", "--name", NULL), 0);
	cr_expect_eq(args.argc, 3);
	cr_expect_str_eq(args.argv[2], "--name");
	cr_assert_eq(parse(ARGS_COMMAND, "-w", "--", "--help", NULL), 0);
	cr_expect_not(args.help);
	cr_expect_str_eq(args.argv[0], "--help");
	cr_assert_eq(parse(ARGS_DASHED, "--", "a", NULL), 0);
	cr_expect_eq(args.argc, 1);
	cr_expect_null(args.argv[1]);
	cr_assert_eq(parse(ARGS_COMMAND, NULL), 0);
	cr_expect_null(args.argv);
	refused(ERR_BAD_REQUEST, ARGS_DASHED, "a", "--", "b");
	cr_expect(strstr(err.help, "--"));
}

Test(args, units_are_plain_words_or_s_and_never_both)
{
	cr_assert_eq(parse(ARGS_UNITS, "a", "-q", "b", NULL), 0);
	cr_expect_eq(args.nunits, 2);
	cr_expect_str_eq(args.units[1], "b");
	cr_assert_eq(parse(ARGS_UNITS, "-s", "a", "--service=b", NULL), 0);
	cr_expect_eq(args.nunits, 2);
	cr_expect_str_eq(args.units[1], "b");
	refused(ERR_EXCLUSIVE, ARGS_UNITS, "a", "-s", "b");
	refused(ERR_EXCLUSIVE, ARGS_UNIT, "-s", "b", "a");
	refused(ERR_BAD_REQUEST, ARGS_UNIT, "a", "b");
	refused(ERR_BAD_REQUEST, ARGS_UNIT, "-s", "a", "-s", "b");
}

Test(args, a_project_makes_paths_of_units_and_alone_is_all_of_it)
{
	cr_assert_eq(parse(ARGS_UNITS, "-p", "shop", "a", "b/c", NULL), 0);
	cr_expect_str_eq(args.units[0], "/shop/a");
	cr_expect_str_eq(args.units[1], "/shop/b/c");
	cr_assert_eq(parse(ARGS_UNITS, "-s", "a", "--project=shop", "-s", "/b", NULL), 0);
	cr_expect_str_eq(args.units[0], "/shop/a");
	cr_expect_str_eq(args.units[1], "/shop/b");
	cr_assert_eq(parse(ARGS_UNITS, "-p", "loose", "a", NULL), 0);
	cr_expect_str_eq(args.units[0], "/a");
	cr_assert_eq(parse(ARGS_UNITS, "-p", "shop", NULL), 0);
	cr_expect_eq(args.nunits, 1);
	cr_expect_str_eq(args.units[0], "shop/");
	cr_assert_eq(parse(ARGS_COMMAND, "-s", "a", "-p", "shop", NULL), 0);
	cr_expect_eq(args.nunits, 0);
	cr_expect_str_eq(args_list(&args, "service", 0), "/shop/a");
	cr_assert_eq(parse(ARGS_UNIT_WORD, "-p", "shop", "a", "TERM", NULL), 0);
	cr_expect_str_eq(args.units[0], "/shop/a");
	cr_expect_str_eq(args.word, "TERM");
	cr_assert_eq(parse(ARGS_UNIT_TEXT, "-p", "shop", "-", NULL), 0);
	cr_expect_eq(args.nunits, 0, "a message has to name its unit");
	refused(ERR_EXCLUSIVE, ARGS_UNITS, "-p", "shop", "@17");
	refused(ERR_EXCLUSIVE, ARGS_UNITS, "-p", "shop", "17");
	refused(ERR_EXCLUSIVE, ARGS_UNITS, "-p", "shop", "self");
	refused(ERR_BAD_VALUE, ARGS_UNITS, "-p", "a/b");
	refused(ERR_BAD_VALUE, ARGS_UNITS, "-p", "..");
	refused(ERR_BAD_VALUE, ARGS_UNITS, "-p", "");
}

Test(args, a_stray_word_is_never_ignored)
{
	refused(ERR_BAD_REQUEST, ARGS_NONE, "a");
	refused(ERR_BAD_REQUEST, ARGS_NONE, "--", "a");
	refused(ERR_BAD_REQUEST, ARGS_TOPIC, "a", "b");
}

Test(args, an_unknown_option_names_the_nearest)
{
	refused(ERR_BAD_REQUEST, ARGS_NONE, "--nmae=x");
	cr_expect(strstr(err.msg, "--nmae"));
	cr_expect_null(strstr(err.msg, "=x"));
	cr_expect(strstr(err.help, "--name"));
	refused(ERR_BAD_REQUEST, ARGS_NONE, "--no-colour");
	cr_expect(strstr(err.help, "--no-color"));
	refused(ERR_BAD_REQUEST, ARGS_NONE, "-z");
	refused(ERR_BAD_REQUEST, ARGS_NONE, "--zzzzzzzz");
}

Test(args, what_this_version_lacks_is_refused_and_not_listed)
{
	struct args_spec spec = { "try", "[OPTIONS]", "tries it", rows, ARGS_NONE };
	struct buf out;

	refused(ERR_BAD_REQUEST, ARGS_NONE, "--queue");
	cr_expect_str_eq(err.msg, "option --queue is not supported by this version of sysg");
	refused(ERR_BAD_REQUEST, ARGS_NONE, "-c", "x");
	refused(ERR_BAD_REQUEST, ARGS_NONE, "--drop-privileges");
	cr_expect(strstr(err.help, "user:"));
	buf_init(&out, 1 << 16);
	args_help(&out, &spec);
	cr_expect_null(strstr(out.p, "queue"));
	cr_expect_null(strstr(out.p, "drop-privileges"));
	for (const struct option_row *row = option_at(rows); row; row = option_at(row + 1))
		cr_expect(row->kind == ARG_REFUSED ||
			  (strstr(out.p, row->name) && strstr(out.p, row->help)));
	cr_expect(strstr(out.p, "--spawn[=KEY=N,...]"));
	buf_done(&out);
}

Test(args, a_bad_value_names_its_option)
{
	refused(ERR_BAD_VALUE, ARGS_NONE, "--ttl", "soon");
	cr_expect(strstr(err.msg, "--ttl soon"));
	refused(ERR_BAD_VALUE, ARGS_NONE, "-l", "11");
	refused(ERR_BAD_VALUE, ARGS_NONE, "-l", "-1");
	refused(ERR_BAD_VALUE, ARGS_NONE, "--print", "name");
	cr_expect(strstr(err.help, "pid|id"));
	refused(ERR_BAD_VALUE, ARGS_NONE, "--format", "xml");
	refused(ERR_BAD_REQUEST, ARGS_NONE, "--wait=1");
	refused(ERR_BAD_REQUEST, ARGS_NONE, "--name");
	refused(ERR_BAD_REQUEST, ARGS_DASHED, "--name", "--", "x");
}

Test(args, options_of_a_group_exclude_each_other)
{
	refused(ERR_EXCLUSIVE, ARGS_NONE, "--print", "id", "-q");
	cr_expect_eq(parse(ARGS_NONE, "--print", "id", "--print", "pid", NULL), 0);
	cr_expect_str_eq(args_str(&args, "print"), "pid");
}

Test(args, own_failures_are_125_where_the_status_is_the_childs)
{
	cr_assert_eq(parse(ARGS_NONE, "-w", NULL), 0);
	cr_expect_eq(args_status(&args, 3), 125);
	cr_expect_eq(args_status(&args, 0), 0);
	cr_assert_eq(parse(ARGS_NONE, NULL), 0);
	cr_expect_eq(args_status(&args, 3), 3);
}

Test(args, sys_needs_root)
{
	cr_assert_eq(parse(ARGS_NONE, "--sys", NULL), geteuid() == 0 ? 0 : -1);
	if (geteuid() == 0)
		cr_assert_eq(seteuid(65534), 0);
	refused(ERR_NEEDS_ROOT, ARGS_NONE, "--sys");
}

Test(args, verbose_and_log_level_set_the_level)
{
	cr_assert_eq(parse(ARGS_NONE, "--log-level", "error", NULL), 0);
	cr_expect_eq(log_level_get(), LOG_ERR);
	cr_assert_eq(parse(ARGS_NONE, "-v", NULL), 0);
	cr_expect_eq(log_level_get(), LOG_DBG);
}

Test(args, options_before_the_command_are_counted_with_their_values)
{
	char *plain[] = { "start", NULL },
	     *sys[] = { "--sys", "-s", "web", "--socket=/x", "start", "--sys", NULL };
	char *dashes[] = { "--plain", "--", "ls", NULL }, *wrong[] = { "--syss", "start", NULL };

	cr_expect_eq(args_leading(plain, &err), 0);
	cr_expect_eq(args_leading(sys, &err), 4);
	cr_expect_eq(args_leading(dashes, &err), 1);
	cr_expect_eq(args_leading(wrong, &err), -1);
	cr_expect(strstr(err.help, "--sys"));
}

Test(args, json_is_seen_even_when_the_rest_does_not_parse)
{
	char *yes[] = { "--bogus", "--format", "json", NULL }, *no[] = { "--", "--json", NULL };

	cr_expect(args_want_json(yes));
	cr_expect_not(args_want_json(no));
	cr_assert_eq(parse(ARGS_NONE, "--format=json", NULL), 0);
	cr_expect(args.json);
}
