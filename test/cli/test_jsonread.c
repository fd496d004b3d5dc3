#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/caps.h"
#include "cli/jsonread.h"
#include "wire/packet.h"

static struct buf request, body;

static int parse(const char *line)
{
	struct err err;

	buf_done(&request);
	buf_done(&body);
	buf_init(&request, CAP_REQUEST);
	buf_init(&body, CAP_REQUEST);
	return json_read_request(line, strlen(line), &request, &body, &err);
}

static void fields(const char *line, const char *want, size_t n)
{
	cr_assert_eq(parse(line), 0, "%s", line);
	cr_assert_eq(request.len, n, "%s: %zu", line, request.len);
	cr_assert_eq(memcmp(request.p, want, n), 0, "%s", line);
}
#define FIELDS(line, want) fields(line, want, sizeof want - 1)

Test(cli_jsonread, members_are_fields_and_op_comes_first)
{
	FIELDS("{\"unit\": \"a\", \"op\" : \"wait\" ,\"any\":true}", "op=wait\0unit=a\0any=1\0");
	FIELDS("{\"op\":\"wait\",\"unit\":[\"a\",\"b\",7],\"x\":false,\"y\":null}",
		"op=wait\0unit=a\0unit=b\0unit=7\0");
	FIELDS("{\"op\":\"recv\",\"timeout_ns\":-12}", "op=recv\0timeout_ns=-12\0");
	FIELDS("{\"op\":\"wait\",\"unit\":[]}", "op=wait\0");
}

Test(cli_jsonread, strings_are_read_with_their_escapes)
{
	FIELDS("{\"op\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}",
		"op=\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0");
}

Test(cli_jsonread, the_body_may_hold_any_byte)
{
	cr_assert_eq(parse("{\"op\":\"send\",\"body\":\"a\\u0000b\"}"), 0);
	cr_assert_eq(body.len, 3U);
	cr_assert_eq(memcmp(body.p, "a\0b", 3), 0);
	cr_assert_eq(parse("{\"op\":\"send\",\"body_base64\":\"AP8Q\"}"), 0);
	cr_assert_eq(memcmp(body.p, "\0\xff\x10", 3), 0);
}

Test(cli_jsonread, what_is_no_strict_json_or_no_request_is_refused)
{
	static const char *const bad[] = { "", "x", "[]", "\"op\"", "{", "{}", "{\"op\"}",
		"{\"op\":}", "{\"op\":\"a\"", "{\"op\":\"a\",}", "{\"op\":\"a\"} x", "{'op':'a'}",
		"{\"op\":\"a}", "{\"op\":\"\\x\"}", "{\"op\":\"\\u12\"}", "{\"op\":\"\\ud800\"}",
		"{\"op\":\"\\ud800\\u0041\"}", "{\"op\":\"\\udc00\"}", "{\"op\":\"\xff\"}",
		"{\"op\":\"a\tb\"}", "{\"op\":1.5}", "{\"op\":1e3}", "{\"op\":01}", "{\"op\":-}",
		"{\"op\":tru}", "{\"op\":{\"a\":1}}", "{\"op\":[[1]]}", "{\"op\":[1",
		"{\"op\":\"a\",\"x\":\"b\\u0000c\"}", "{\"op\":\"a\",\"\":1}",
		"{\"op\":\"a\",\"X=\":1}", "{\"op\":\"a\",\"body_base64\":\"A\"}",
		"{\"op\":\"a\",\"body_base64\":\"A?==\"}", "{\"op\":null}", NULL };

	for (size_t i = 0; bad[i]; i++)
		cr_expect_eq(parse(bad[i]), -1, "%s", bad[i]);
}

Test(cli_jsonread, depth_and_size_are_bounded)
{
	static char line[300000];
	size_t n = (size_t)snprintf(
		line, sizeof line, "{\"op\":\"a\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":[1");

	while (n < sizeof line - 4)
		n += (size_t)snprintf(line + n, sizeof line - n, ",1");
	snprintf(line + n, sizeof line - n, "]}");
	cr_assert_eq(parse(line), -1,
		"an array repeats its name: 150,000 times are more than a request");
	memset(line, '[', sizeof line - 1);
	cr_assert_eq(parse(line), -1);
}

Test(cli_jsonread, base64_there_and_back)
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } }; /* RFC 4648, section 10 */

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct buf there, back;
		buf_init(&there, 100);
		buf_init(&back, 100);
		base64_put(&there, pairs[i][0], strlen(pairs[i][0]));
		cr_expect_str_eq(there.p ? there.p : "", pairs[i][1]);
		cr_expect_eq(base64_get(&back, pairs[i][1], strlen(pairs[i][1])), 0);
		cr_expect_str_eq(back.p ? back.p : "", pairs[i][0]);
		cr_expect_eq(base64_get(&back, "Zh==", 4), -1, "bits that are left over");
		buf_done(&there);
		buf_done(&back);
	}
}
