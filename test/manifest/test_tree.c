#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/caps.h"
#include "loading.h"

static const char *value(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->env.nvars; i++)
		if (strcmp(m->env.vars[i].name, name) == 0)
			return m->env.vars[i].value;
	return "(none)";
}

Test(tree, anchors_and_aliases_stand_for_the_same_value)
{
	struct manifest *m =
		good("x-c: &c {command: run, stop_timeout: 3s}\nservices: {a: *c, b: *c}\n");

	cr_expect_str_eq(m->services[1].command, "run");
	cr_expect_eq(m->services[1].stop_timeout_ns, 3000000000);
	manifest_free(m);
}

Test(tree, an_anchor_named_again_stands_for_its_latest_value)
{
	struct manifest *m =
		good("x-a: &v one\nx-b: &v two\nenv: {A: *v}\nservices: {a: {command: x}}\n");

	cr_expect_str_eq(value(m, "A"), "two");
	manifest_free(m);
}

Test(tree, a_key_of_the_map_itself_wins_over_merge_keys_and_the_earlier_merge_over_the_later)
{
	struct manifest *m = good("x-a: &a {A: a, B: a, C: a}\nx-b: &b {B: b, C: b, D: b}\n"
				  "env:\n  <<: [*a, *b]\n  C: own\nservices: {a: {command: x}}\n");

	cr_expect_str_eq(value(m, "A"), "a");
	cr_expect_str_eq(value(m, "B"), "a");
	cr_expect_str_eq(value(m, "C"), "own");
	cr_expect_str_eq(value(m, "D"), "b");
	cr_expect_eq(m->env.nvars, 4);
	manifest_free(m);
}

Test(tree, merges_of_merges_and_inline_maps_work)
{
	struct manifest *m =
		good("x-a: &a {command: one, essential: true}\n"
		     "x-b: &b {<<: *a, stop_timeout: 9s}\n"
		     "services: {a: {<<: *b, command: two}, b: {<<: {command: three}}}\n");

	cr_expect_str_eq(m->services[0].command, "two");
	cr_expect(m->services[0].essential);
	cr_expect_eq(m->services[0].stop_timeout_ns, 9000000000);
	cr_expect_str_eq(m->services[1].command, "three");
	manifest_free(m);
}

Test(tree, a_merge_of_what_is_no_map_is_refused)
{
	refused_at(SVC("    <<: word\n"), ERR_BAD_YAML, 4, 5, "takes a map");
	refused_at(SVC("    <<: [{}, word]\n"), ERR_BAD_YAML, 4, 5, "takes a map");
}

Test(tree, double_keys_are_refused_at_the_second)
{
	refused_at(SVC("    essential: true\n    command: y\n"), ERR_BAD_YAML, 5, 5,
		"twice, first at line 3");
	refused_at("services:\n  a: {command: x}\n  b: {command: x}\n  a: {command: x}\n",
		ERR_BAD_YAML, 4, 3, "twice");
}

Test(tree, several_documents_are_refused)
{
	refused_at("---\nservices: {a: {command: x}}\n---\nservices: {}\n", ERR_BAD_YAML, 3, 1,
		"second document");
	manifest_free(good("---\nservices: {a: {command: x}}\n...\n"));
}

Test(tree, what_is_not_yaml_is_refused_where_it_ceases_to_be)
{
	refused_at("services:\n  a: {command: x\n", ERR_BAD_YAML, 3, 1, "did not find expected");
	refused_at("services:\n\ta: x\n", ERR_BAD_YAML, 2, 1, "by tabs");
	refused_at("services: [}\n", ERR_BAD_YAML, 1, 12, "");
	refused_at("services: *nothing\n", ERR_BAD_YAML, 1, 11, "no anchor before it");
	refused_at("services: \"\x01\"\n", ERR_BAD_YAML, 1, 12, "control characters");
}

Test(tree, what_ends_too_early_is_refused_at_its_end_with_or_without_a_newline)
{
	refused_at("services:\n  a: {command: x", ERR_BAD_YAML, 2, 17, "flow mapping");
	refused_at("services:\n  a: {command: x\n", ERR_BAD_YAML, 3, 1, "flow mapping");
	refused_at("services:\r  a: {command: x\r", ERR_BAD_YAML, 3, 1, "flow mapping");
}

Test(tree, an_empty_file_or_another_root_than_a_map_is_refused)
{
	refused_at("", ERR_BAD_YAML, 1, 1, "empty");
	refused_at("# only a comment\n", ERR_BAD_YAML, 1, 1, "empty");
	refused_at("---\n", ERR_BAD_YAML, 1, 1, "empty");
	refused_at("- a\n", ERR_BAD_YAML, 1, 1, "a list");
	refused_at("word\n", ERR_BAD_YAML, 1, 1, "a string");
}

static void bytes_refused(const char *text, size_t len, int line, int col, const char *words)
{
	struct manifest *m = load_bytes(text, len);

	cr_expect_null(m);
	cr_assert_eq(found.n, 1);
	cr_expect_eq(found.v[0].err.code, ERR_BAD_YAML);
	cr_expect(found.v[0].err.line == line && found.v[0].err.col == col, "%d:%d",
		found.v[0].err.line, found.v[0].err.col);
	cr_expect(strstr(found.v[0].err.msg, words), "%s", found.v[0].err.msg);
	findings_done(&found);
}

Test(tree, a_nul_byte_or_broken_utf8_is_refused_with_its_place)
{
	bytes_refused("a: b\nc: \0d\n", 11, 2, 4, "NUL");
	bytes_refused("a: b\nc: \xc3\xa4 \xff\n", 12, 2, 6, "UTF-8");
	bytes_refused("a: \xc0\xaf", 5, 1, 4, "UTF-8");         /* overlong */
	bytes_refused("a: \xed\xa0\x80", 6, 1, 4, "UTF-8");     /* a surrogate */
	bytes_refused("a: \xf4\x90\x80\x80", 7, 1, 4, "UTF-8"); /* past U+10FFFF */
	bytes_refused("a: \xe2\x82", 5, 1, 4, "UTF-8");         /* cut short */
	refused_at("x-a: \"b\\0c\"\nservices: {a: {command: x}}\n", ERR_BAD_YAML, 1, 6, "NUL");
}

Test(tree, a_byte_order_mark_and_crlf_are_fine)
{
	manifest_free(good("\xef\xbb\xbfservices:\r\n  a:\r\n    command: x\r\n"));
}

Test(tree, tags_of_the_core_are_fine_and_others_refused_as_not_supported)
{
	struct manifest *m =
		good("env: {A: !!str 5, B: ! x, C: !!int 7}\nservices: !!map {a: {command: x}}\n");

	cr_expect_str_eq(value(m, "A"), "5");
	manifest_free(m);
	line_refused("env: !sub other.yaml", ERR_UNKNOWN_KEY, 10,
		"\"!sub\" is not supported by this version of sysg");
	line_refused("env: {A: !!binary aGk=}", ERR_UNKNOWN_KEY, 14, "is not supported");
	refused_at("services: !x {a: {command: x}}\n", ERR_UNKNOWN_KEY, 1, 11, "is not supported");
}

static char *nested(int levels)
{
	char *text = calloc(1, 4096);

	strcpy(text, "services: {a: {command: x}}\nx-deep: ");
	for (int i = 0; i < levels; i++)
		strcat(text, "[");
	for (int i = 0; i < levels; i++)
		strcat(text, "]");
	return text;
}

Test(tree, depth_is_bounded_at_64_levels)
{
	char *fits = nested(CAP_YAML_DEPTH - 1), *over = nested(CAP_YAML_DEPTH);

	manifest_free(good(fits));
	refused_at(over, ERR_BAD_YAML, 2, 9 + CAP_YAML_DEPTH - 1, "64 levels");
	free(fits);
	free(over);
}

Test(tree, depth_counts_through_aliases)
{
	char text[1024] =
		"x-a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
		"services: {a: {command: x}}\nx-b: ";
	size_t n = strlen(text);

	memset(text + n, '[', 31);
	strcpy(text + n + 31, "*a");
	memset(text + n + 33, ']', 31);
	manifest_free(good(text)); /* 1 + 31 + 32 */
	memset(text + n, '[', 32);
	strcpy(text + n + 32, "*a");
	memset(text + n + 34, ']', 32);
	refused_at(text, ERR_BAD_YAML, 3, 38, "aliases expanded");
}

/* A manifest that comes to this many nodes. */
static char *of_nodes(size_t nodes)
{
	char *text = malloc(3 * nodes + 64), *p = text;

	/* root, key, map, key, map, key, value, key, list: 9 */
	p += sprintf(p, "services: {a: {command: x}}\nx-a: [x");
	for (size_t i = 10; i < nodes; i++)
		p += sprintf(p, ",x");
	strcpy(p, "]\n");
	return text;
}

Test(tree, nodes_are_bounded_at_200000)
{
	char *fits = of_nodes(CAP_YAML_NODES), *over = of_nodes(CAP_YAML_NODES + 1);

	manifest_free(good(fits));
	cr_expect_null(load(over));
	cr_assert_eq(found.n, 1);
	cr_expect(strstr(found.v[0].err.msg, "200000 nodes"));
	findings_done(&found);
	free(fits);
	free(over);
}

Test(tree, a_billion_laughs_are_refused_where_they_exceed_the_bound)
{
	char text[2048], *p = text;

	p += sprintf(p, "x-0: &v0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++) {
		p += sprintf(p, "x-%d: &v%d [", i, i);
		for (int j = 0; j < 9; j++)
			p += sprintf(p, "%s*v%d", j ? "," : "", i - 1);
		p += sprintf(p, "]\n");
	}
	refused_at(text, ERR_BAD_YAML, 6, 15, "aliases expanded");
}

Test(tree, laughs_through_merge_keys_and_long_texts_are_refused_too)
{
	char *text = calloc(1, 4 << 20), *p = text;

	cr_assert_not_null(text);

	p += sprintf(p, "x-0: &big \"");
	memset(p, 'y', 1 << 20);
	p += 1 << 20;
	p += sprintf(p, "\"\nenv: {A: *big, B: *big, C: *big, D: *big, E: *big, F: *big, G: *big, "
			"H: *big}\n");
	cr_expect_null(load(text));
	cr_assert_eq(found.n, 1);
	cr_expect(strstr(found.v[0].err.msg, "8 MiB of text"), "%s", found.v[0].err.msg);
	findings_done(&found);
	p = text + sprintf(text, "x-0: &m0 {k0: v");
	for (int i = 1; i < 3000; i++)
		p += sprintf(p, ", k%d: v", i);
	p += sprintf(p, "}\n");
	for (int i = 1; i < 100; i++)
		p += sprintf(p, "x-%d: {<<: *m0, x: y}\n", i);
	cr_expect_null(load(text));
	cr_assert_geq(found.n, 1);
	cr_expect(strstr(found.v[0].err.msg, "200000 nodes"), "%s", found.v[0].err.msg);
	findings_done(&found);
	free(text);
}

Test(tree, an_alias_inside_of_its_own_anchor_is_refused)
{
	refused_at("x-a: &a [*a]\n", ERR_BAD_YAML, 1, 10, "inside of its own anchor");
	refused_at("x-a: &a {<<: *a}\n", ERR_BAD_YAML, 1, 14, "inside of its own anchor");
}

Test(tree, size_is_bounded_at_8_MiB)
{
	size_t n = CAP_MANIFEST;
	char *text = malloc(n + 1);

	memset(text, '\n', n + 1);
	memcpy(text, "services: {a: {command: x}}", 27);
	struct manifest *m = load_bytes(text, n);
	cr_expect_not_null(m);
	manifest_free(m);
	cr_expect_null(load_bytes(text, n + 1));
	cr_assert_eq(found.n, 1);
	cr_expect(strstr(found.v[0].err.msg, "8 MiB"));
	findings_done(&found);
	free(text);
}

Test(tree, a_key_that_is_no_scalar_is_refused)
{
	refused_at(SVC("    ? [a]\n    : b\n"), ERR_BAD_YAML, 4, 7, "a key is a list");
}
