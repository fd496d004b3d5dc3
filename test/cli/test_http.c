#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/http.h"

static struct http_asked asked;

/* On the heap and as long as it is, so that ASan sees a read past the end. */
static int parse(const char *text, size_t n)
{
	char *copy = malloc(n ? n : 1);

	memcpy(copy, text, n);
	size_t whole = http_head_length(copy, n);
	int status = whole ? http_parse(copy, whole, &asked) : 0;
	free(copy);
	return status;
}
#define status_of(text) parse(text, sizeof(text) - 1)

Test(http, a_request_is_its_method_and_path_without_the_query)
{
	cr_expect_eq(
		status_of("GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\nrest"), 200);
	cr_expect(!asked.head && !strcmp(asked.path, "/metrics"));
	cr_expect_eq(status_of("HEAD / HTTP/1.0\n\n"), 200);
	cr_expect(asked.head && !strcmp(asked.path, "/"));
}

Test(http, it_is_whole_once_its_empty_line_is_there)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

	for (size_t n = 0; n < sizeof text - 1; n++)
		cr_expect_eq(parse(text, n), 0, "%zu", n);
	cr_expect_eq(parse(text, sizeof text - 1), 200);
	cr_expect_eq(http_head_length("\n\n", 2), 2);
	cr_expect_eq(http_head_length("a\n\r", 3), 0);
	cr_expect_eq(http_head_length("a\n\r\nb", 5), 4);
}

Test(http, what_is_none_is_400)
{
	cr_expect_eq(status_of("\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / HTTP/1.1\r\n\r\n"), 400, "without a host");
	cr_expect_eq(status_of("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400);
	cr_expect_eq(status_of(" / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET /\tx HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / HTTP/1.1\r\nHost: a\r\nA: \0\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET http://x/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	cr_expect_eq(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 400);
}

Test(http, other_methods_are_405_and_a_path_of_256_bytes_is_431)
{
	char text[600], path[400];

	cr_expect_eq(status_of("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
	cr_expect_eq(status_of("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
	for (size_t n = HTTP_PATH_MAX - 1; n <= HTTP_PATH_MAX; n++) {
		memset(path, 'a', n);
		path[0] = '/';
		path[n] = '\0';
		int len = snprintf(text, sizeof text, "GET %s HTTP/1.0\n\n", path);
		cr_expect_eq(parse(text, (size_t)len), n < HTTP_PATH_MAX ? 200 : 431);
	}
}

Test(http, text_of_a_page_has_no_tag_no_quote_and_no_control)
{
	static const char text[] = "<a href='x\">&\033\x7f\n";
	struct buf b;

	buf_init(&b, 4096);
	http_put_escaped(&b, text, sizeof text - 1);
	cr_expect_str_eq(b.p, "&#60;a href=&#39;x&#34;&#62;&#38;??\n");
	buf_done(&b);
}
