#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "wire/packet.h"

/* Everything a split sent, put together again as the other side does. */
struct wire {
	struct assembly a;
	struct packet whole;
	struct err err;
	int packets, done, rc;
	size_t longest;
};

static int carry(void *arg, const void *bytes, size_t n)
{
	struct wire *w = arg;
	struct packet p;

	w->packets++;
	if (n > w->longest)
		w->longest = n;
	cr_assert_eq(packet_parse(&p, bytes, n), 0);
	cr_assert(!w->done, "a packet after the last one");
	w->rc = assembly_add(&w->a, &p, &w->whole, &w->err);
	w->done = w->rc == 1;
	return w->rc < 0 ? -1 : 0;
}

static void expect_same(const struct packet *got, const struct buf *sent)
{
	struct packet p;

	cr_assert_eq(packet_parse(&p, sent->p, sent->len), 0);
	cr_assert_eq(got->head_len, p.head_len);
	cr_assert_eq(memcmp(got->head, p.head, p.head_len), 0);
	cr_assert_eq(got->body_len, p.body_len);
	cr_assert_eq(memcmp(got->body, p.body, p.body_len), 0);
}

static void put_long(struct buf *b, const char *key, size_t n)
{
	char *text = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + i % 23);
	text[n] = '\0';
	packet_put(b, key, text);
	free(text);
}

static int through(struct wire *w, const struct buf *b)
{
	memset(w, 0, sizeof *w);
	assembly_init(&w->a);
	return packet_split(b, carry, w);
}

Test(packet, a_field_comes_back_as_it_was_put)
{
	struct buf b;
	struct packet p;
	int64_t n = 0;
	struct err err;

	buf_init(&b, CAP_PACKET);
	packet_put(&b, "op", "spawn");
	packet_put(&b, "arg", "a=b\n\xff");
	packet_put(&b, "arg", "");
	packet_put_int(&b, "ttl_ns", INT64_MAX);
	packet_putf(&b, "id", "@%d", 17);
	packet_end(&b, "\0body", 5);
	cr_assert_not(b.failed);
	cr_assert_eq(packet_parse(&p, b.p, b.len), 0);
	cr_expect_str_eq(packet_get(&p, "op"), "spawn");
	cr_expect_str_eq(packet_get(&p, "arg"), "a=b\n\xff");
	cr_expect_str_eq(packet_get(&p, "id"), "@17");
	cr_expect_null(packet_get(&p, "o"));
	cr_expect_eq(packet_int(&p, "ttl_ns", 0, INT64_MAX, &n, &err), 0);
	cr_expect_eq(n, INT64_MAX);
	cr_expect_eq(p.body_len, 5);
	cr_expect_eq(memcmp(p.body, "\0body", 5), 0);
	buf_done(&b);
}

Test(packet, fields_are_walked_in_order_and_each_once)
{
	static const char bytes[] = "a=1\0b=2\0a=3\0";
	struct packet p;
	const char *at = NULL, *key, *value;
	size_t len, seen = 0;
	char all[32] = "";

	cr_assert_eq(packet_parse(&p, bytes, sizeof bytes), 0);
	while (packet_next(&p, &at, &key, &len, &value)) {
		cr_expect_eq(len, 1);
		all[seen++] = *key;
		all[seen++] = *value;
	}
	cr_expect_str_eq(all, "a1b2a3");
	cr_expect_eq(packet_next(&p, &at, &key, &len, &value), 0);
}

Test(packet, what_is_not_of_the_form_is_refused)
{
	struct packet p;

	cr_expect_eq(packet_parse(&p, "", 0), -1);
	cr_expect_eq(packet_parse(&p, "a=1", 3), -1, "no end of the field");
	cr_expect_eq(packet_parse(&p, "a=1\0", 4), -1, "no end of the header");
	cr_expect_eq(packet_parse(&p, "a\0\0", 3), -1, "no =");
	cr_expect_eq(
		packet_parse(&p, "a\0b=c\0\0", 7), -1, "a = of the next field is not this one's");
	cr_expect_eq(packet_parse(&p, "=1\0\0", 4), -1, "empty key");
	cr_expect_eq(packet_parse(&p, "+=1\0\0", 5), -1, "empty key of a continuation");
	cr_expect_eq(packet_parse(&p, "a=1\0\0", 5), 0);
	cr_expect_eq(packet_parse(&p, "\0body", 5), 0, "no fields, only a body");
	cr_expect_eq(p.body_len, 4);
}

Test(packet, a_number_outside_its_range_is_a_bad_request_and_an_absent_one_is_not)
{
	static const char bytes[] = "a=10\0b=x\0";
	struct packet p;
	struct err err;
	int64_t n = 7;

	cr_assert_eq(packet_parse(&p, bytes, sizeof bytes), 0);
	cr_expect_eq(packet_int(&p, "a", 0, 10, &n, &err), 0);
	cr_expect_eq(n, 10);
	cr_expect_eq(packet_int(&p, "a", 0, 9, &n, &err), -1);
	cr_expect_eq(err.code, ERR_BAD_REQUEST);
	cr_expect_eq(packet_int(&p, "b", 0, 9, &n, &err), -1);
	n = 7;
	cr_expect_eq(packet_int(&p, "c", 0, 9, &n, &err), 0);
	cr_expect_eq(n, 7);
}

Test(packet, an_error_comes_back_with_code_message_help_and_errno)
{
	struct buf b;
	struct packet p;
	struct err in, out;

	buf_init(&b, CAP_PACKET);
	err_set(&in, ERR_EXEC_FAILED, ENOENT, "exec of x: no such file");
	err_help(&in, "write the path");
	packet_error(&b, &in);
	cr_assert_eq(packet_parse(&p, b.p, b.len), 0);
	cr_expect_str_eq(packet_get(&p, "err"), "exec-failed");
	cr_expect_str_eq(packet_get(&p, "code"), "SG0813");
	cr_expect_eq(packet_result(&p, &out), 0);
	cr_expect_eq(out.code, ERR_EXEC_FAILED);
	cr_expect_eq(out.sys, ENOENT);
	cr_expect_str_eq(out.msg, in.msg);
	cr_expect_str_eq(out.help, in.help);
	buf_done(&b);
}

Test(packet, an_unlisted_code_is_an_error_without_a_better_diagnosis)
{
	static const char newer[] = "ok=0\0code=SG7777\0msg=later\0", odd[] = "ok=2\0",
			  ok[] = "ok=1\0";
	struct packet p;
	struct err err;

	cr_assert_eq(packet_parse(&p, newer, sizeof newer), 0);
	cr_expect_eq(packet_result(&p, &err), 0);
	cr_expect_eq(err.code, ERR_UNKNOWN);
	cr_expect_str_eq(err.msg, "later");
	cr_assert_eq(packet_parse(&p, odd, sizeof odd), 0);
	cr_expect_eq(packet_result(&p, &err), -1);
	cr_assert_eq(packet_parse(&p, ok, sizeof ok), 0);
	cr_expect_eq(packet_result(&p, &err), 1);
}

Test(packet, an_error_without_a_message_has_the_title_of_its_code)
{
	static const char empty[] = "ok=0\0code=SG0803\0msg=\0", none[] = "ok=0\0code=SG0803\0";
	struct packet p;
	struct err err;

	cr_assert_eq(packet_parse(&p, empty, sizeof empty), 0);
	cr_expect_eq(packet_result(&p, &err), 0);
	cr_expect_str_eq(err.msg, err_title(err.code));
	cr_assert_eq(packet_parse(&p, none, sizeof none), 0);
	cr_expect_eq(packet_result(&p, &err), 0);
	cr_expect_str_eq(err.msg, err_title(err.code));
}

Test(packet, a_request_of_exactly_one_packet_is_sent_in_one_and_a_byte_more_in_two)
{
	for (size_t more = 0; more < 2; more++) {
		struct buf b;
		struct wire w;

		buf_init(&b, CAP_REQUEST);
		packet_put(&b, "op", "spawn");
		packet_put(&b, "env", "A=1");
		packet_end(&b, NULL, 0);
		size_t rest = CAP_PACKET - b.len + more;
		char *body = malloc(rest);
		memset(body, 'x', rest);
		buf_add(&b, body, rest);
		free(body);
		cr_assert_eq(b.len, CAP_PACKET + more);
		cr_assert_eq(through(&w, &b), 0);
		cr_expect_eq(w.packets, 1 + (int)more);
		cr_expect(w.longest <= CAP_PACKET);
		cr_assert(w.done);
		expect_same(&w.whole, &b);
		assembly_done(&w.a);
		buf_done(&b);
	}
}

Test(packet, a_value_longer_than_a_packet_goes_on_under_its_key_with_a_plus)
{
	struct buf b;
	struct wire w;

	buf_init(&b, CAP_REQUEST);
	packet_put(&b, "op", "spawn");
	put_long(&b, "env", 3 * CAP_PACKET + 11);
	packet_put(&b, "env", "B=2");
	packet_end(&b, "tail", 4);
	cr_assert_eq(through(&w, &b), 0);
	cr_expect(w.packets >= 4 && w.packets <= 6);
	cr_expect(w.longest <= CAP_PACKET);
	cr_assert(w.done);
	expect_same(&w.whole, &b);
	assembly_done(&w.a);
	buf_done(&b);
}

Test(packet, every_length_around_a_packet_border_survives_split_and_assembly)
{
	for (size_t n = CAP_PACKET - 40; n < CAP_PACKET + 40; n++) {
		struct buf b;
		struct wire w;

		buf_init(&b, CAP_REQUEST);
		packet_put(&b, "op", "spawn");
		put_long(&b, "env", n);
		packet_put(&b, "cwd", "/");
		packet_end(&b, "body", 4);
		cr_assert_eq(through(&w, &b), 0);
		cr_assert(w.done);
		cr_expect(w.longest <= CAP_PACKET);
		expect_same(&w.whole, &b);
		assembly_done(&w.a);
		buf_done(&b);
	}
}

Test(packet, a_request_of_two_mebibytes_passes_and_a_byte_more_is_too_large)
{
	for (size_t over = 0; over < 2; over++) {
		struct buf b;
		struct wire w;

		buf_init(&b, (size_t)2 * CAP_REQUEST);
		packet_put(&b, "op", "spawn");
		while (b.len < CAP_REQUEST / 2)
			put_long(&b, "env", 1000);
		size_t body = CAP_REQUEST - b.len + over;
		char *bytes = malloc(body);
		memset(bytes, 7, body);
		packet_end(&b, bytes, body);
		free(bytes);
		cr_assert_eq(through(&w, &b), over ? -1 : 0);
		if (over) {
			cr_expect_eq(w.err.code, ERR_TOO_LARGE);
			cr_expect_eq(assembly_bytes(&w.a), 0);
		} else {
			cr_assert(w.done);
			cr_expect_eq(assembly_bytes(&w.a), CAP_REQUEST);
			expect_same(&w.whole, &b);
		}
		assembly_done(&w.a);
		buf_done(&b);
	}
}

static int add(struct assembly *a, const char *bytes, size_t n, struct packet *ret, struct err *err)
{
	struct packet p;

	cr_assert_eq(packet_parse(&p, bytes, n), 0);
	return assembly_add(a, &p, ret, err);
}

Test(packet, a_continuation_without_its_field_is_a_bad_request)
{
	static const char first[] = "+env=x\0", other[] = "env=A\0+en=x\0",
			  longer[] = "env=A\0+envv=x\0";
	struct assembly a;
	struct packet whole;
	struct err err;

	assembly_init(&a);
	cr_expect_eq(add(&a, first, sizeof first, &whole, &err), -1);
	cr_expect_eq(err.code, ERR_BAD_REQUEST);
	cr_expect_eq(add(&a, other, sizeof other, &whole, &err), -1);
	cr_expect_eq(add(&a, longer, sizeof longer, &whole, &err), -1);
	cr_expect_eq(err.code, ERR_BAD_REQUEST);
	assembly_done(&a);
}

Test(packet, more_counts_only_as_the_first_field)
{
	static const char one[] = "more=1\0op=x\0", two[] = "a=b\0more=1\0";
	struct assembly a;
	struct packet whole;
	struct err err;

	assembly_init(&a);
	cr_expect_eq(add(&a, one, sizeof one, &whole, &err), 0);
	cr_assert_eq(add(&a, two, sizeof two, &whole, &err), 1);
	cr_expect_str_eq(packet_get(&whole, "op"), "x");
	cr_expect_str_eq(
		packet_get(&whole, "more"), "1", "an ordinary field that the server refuses");
	assembly_reset(&a);
	cr_expect_eq(assembly_bytes(&a), 0);
	assembly_done(&a);
}

static int refuse(void *arg, const void *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	++*(int *)arg;
	return -1;
}

Test(packet, a_split_stops_where_sending_fails)
{
	struct buf b;
	int calls = 0;

	buf_init(&b, CAP_REQUEST);
	put_long(&b, "env", 4 * CAP_PACKET);
	packet_end(&b, NULL, 0);
	cr_expect_eq(packet_split(&b, refuse, &calls), -1);
	cr_expect_eq(calls, 1);
	buf_done(&b);
}
