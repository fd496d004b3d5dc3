#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "os/resolve.h"

static unsigned char question[DNS_QUESTION_MAX], answer[DNS_DATAGRAM_MAX];
static size_t asked, n;
static struct ips ips;

static void ask(const char *name, bool v6)
{
	asked = dns_question(question, name, 0xbeef, v6);
	ips.n = ips.n6 = 0;
}

static void put(const char *bytes, size_t len)
{
	memcpy(answer + n, bytes, len);
	n += len;
}
#define PUT(bytes) put(bytes, sizeof bytes - 1)

/* The question again, as an answer with so many records. */
static void begin_answer(unsigned char records)
{
	memcpy(answer, question, asked);
	n = asked;
	answer[2] = 0x81;
	answer[3] = 0x80;
	answer[7] = records;
}

static void ask_and_answer(unsigned char records)
{
	ask("web.test", false);
	begin_answer(records);
}

#define ADDRESS(last) "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0" last

/* From a copy that has nothing behind it, so that the sanitizer sees each byte that is read past it. */
static unsigned addresses(void)
{
	unsigned char *copy = malloc(n);

	memcpy(copy, answer, n);
	cr_expect(dns_answers(question, asked, copy, n));
	dns_addresses(asked, copy, n, &ips);
	free(copy);
	return ips.n;
}

/* --- the question --- */

Test(dns, a_question_is_as_rfc_1035_has_it)
{
	static const char bytes[] = "\xbe\xef\1\0\0\1\0\0\0\0\0\0\3web\4test\0\0\1\0\1";

	ask("web.test", false);
	cr_assert_eq(asked, sizeof bytes - 1);
	cr_expect_arr_eq(question, bytes, asked);
	ask("web.test.", true);
	cr_assert_eq(asked, sizeof bytes - 1, "the dot at the end is the root's");
	cr_expect_eq(question[asked - 3], 28);
}

Test(dns, a_label_has_63_bytes_and_a_name_253)
{
	char name[300];

	memset(name, 'x', sizeof name);
	name[63] = '\0';
	ask(name, false);
	cr_expect_eq(asked, 12u + 65 + 4);
	name[63] = 'x';
	name[64] = '\0';
	ask(name, false);
	cr_expect_eq(asked, 0u);
	memset(name, 'x', sizeof name);
	for (int i = 49; i < 300; i += 50)
		name[i] = '.';
	name[253] = '\0';
	ask(name, false);
	cr_expect_eq(asked, (size_t)DNS_QUESTION_MAX);
	name[253] = 'x';
	name[254] = '\0';
	ask(name, false);
	cr_expect_eq(asked, 0u);
}

Test(dns, a_name_with_an_empty_label_is_none)
{
	static const char *const names[] = { "", ".", "..", ".a", "a..b", "a.." };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ask(names[i], false);
		cr_expect_eq(asked, 0u, "\"%s\"", names[i]);
	}
}

/* --- whose answer it is --- */

Test(dns, an_answer_to_something_else_is_none)
{
	ask_and_answer(0);
	cr_expect(dns_answers(question, asked, answer, n));
	cr_expect(!dns_answers(question, asked, answer, n - 1), "it is shorter than the question");
	cr_expect(!dns_answers(question, asked, answer, 0));
	for (size_t i = 0; i < n; i++) {
		static const size_t others[] = { 2, 3, 6, 7, 8, 9, 10, 11 };
		bool looked_at = true;
		for (size_t at = 0; at < sizeof others / sizeof *others; at++)
			looked_at &= others[at] != i;
		answer[i] ^= 0x40;
		cr_expect_eq(dns_answers(question, asked, answer, n), !looked_at, "byte %zu", i);
		answer[i] ^= 0x40;
	}
	answer[2] = 1;
	cr_expect(!dns_answers(question, asked, answer, n), "a question is no answer");
}

Test(dns, one_who_fails_or_refuses_has_not_answered_and_one_who_knows_of_no_such_name_has)
{
	ask_and_answer(0);
	for (unsigned char code = 0; code < 16; code++) {
		answer[3] = 0x80 | code;
		cr_expect_eq(dns_answers(question, asked, answer, n), code == 0 || code == 3, "%d",
			code);
	}
}

/* --- what it says --- */

Test(dns, the_addresses_of_the_kind_that_was_asked_for_are_taken)
{
	ask_and_answer(4);
	PUT("\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x10"); /* a CNAME */
	PUT(ADDRESS("\1"));
	PUT("\xc0\x0c\0\1\0\3\0\0\0\x3c\0\4\x0a\0\0\x09");  /* of another class */
	PUT("\1b\4test\0\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\2"); /* a name without a pointer */
	cr_assert_eq(addresses(), 2u);
	cr_expect_arr_eq(ips.all[0].bytes, "\x0a\0\0\1", 4);
	cr_expect_arr_eq(ips.all[1].bytes, "\x0a\0\0\2", 4);
	cr_expect_eq(ips.all[1].len, 4u);
}

Test(dns, addresses_of_ipv6_stand_before_the_others)
{
	ask_and_answer(2);
	PUT(ADDRESS("\1"));
	PUT(ADDRESS("\2"));
	cr_expect_eq(addresses(), 2u);
	dns_question(question, "web.test", 0xbeef, true);
	begin_answer(2);
	PUT("\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	PUT("\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2");
	cr_expect_eq(addresses(), 4u);
	cr_expect_eq(ips.n6, 2u);
	cr_expect_eq(ips.all[0].bytes[15], 1);
	cr_expect_eq(ips.all[1].bytes[15], 2);
	cr_expect_eq(ips.all[2].bytes[3], 1);
	cr_expect_eq(ips.all[3].len, 4u);
}

Test(dns, no_more_addresses_are_kept_than_there_is_room_for)
{
	struct ip ip = { .len = 4 };

	ips.n = ips.n6 = 0;
	for (int i = 0; i < IPS_MAX; i++)
		ips_add(&ips, &ip);
	cr_expect_eq(ips.n, (unsigned)IPS_MAX);
	ip.len = 16;
	ips_add(&ips, &ip);
	cr_expect_eq(ips.n, (unsigned)IPS_MAX);
	cr_expect_eq(ips.n6, 0u);
}

Test(dns, an_answer_that_is_cut_off_anywhere_is_read_as_far_as_it_goes)
{
	ask_and_answer(2);
	PUT(ADDRESS("\1"));
	PUT(ADDRESS("\2"));
	for (size_t whole = n; n > asked; n--) {
		ips.n = 0;
		cr_expect_eq(addresses(), n == whole ? 2u : n >= whole - 16 ? 1u : 0u, "%zu", n);
	}
}

Test(dns, a_record_of_another_length_is_no_address)
{
	static const char *const records[] = { "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\3\x0a\0\0\1",
		"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\5\x0a\0\0\1",
		"\xc0\x0c\0\1\0\1\0\0\0\x3c\xff\xff\x0a\0\0\1",
		"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\0\x0a\0\0\1" };

	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		ask_and_answer(1);
		put(records[i], 16);
		cr_expect_eq(addresses(), 0u, "%zu", i);
	}
}

Test(dns, a_pointer_to_itself_or_anywhere_is_not_followed)
{
	static const char *const names[] = { "\xc0\x1a", "\xff\xff", "\xc0\0" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ask_and_answer(1);
		put(names[i], 2);
		PUT("\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1");
		cr_expect_eq(addresses(), 1u, "%zu", i);
	}
	ask_and_answer(255);
	answer[6] = 255;
	memset(answer + n, 0xc0, sizeof answer - n);
	n = sizeof answer;
	cr_expect_eq(addresses(), 0u);
	memset(answer + asked, 0x3f, sizeof answer - asked);
	cr_expect_eq(addresses(), 0u, "a name without an end");
}

Test(dns, one_that_is_cut_says_so)
{
	ask_and_answer(0);
	cr_expect(!dns_is_cut(answer));
	answer[2] |= 2;
	cr_expect(dns_is_cut(answer));
}

/* --- the files --- */

static unsigned in_hosts(const char *text, const char *name)
{
	char *copy = strdup(text);

	ips.n = ips.n6 = 0;
	resolve_hosts(copy, name, &ips);
	free(copy);
	return ips.n;
}

Test(dns, a_line_of_hosts_gives_each_of_its_names_the_address)
{
	static const char hosts[] =
		"# 10.0.0.9 web\n127.0.0.1\tlocalhost\n\n10.0.0.1  a.test WEB\n"
		"nonsense web\n10.0.0.3 b # web\n::2 web web\r\n10.0.0.4 web.test\n"
		"10.0.0.5 web";

	cr_expect_eq(in_hosts(hosts, "web"), 3u);
	cr_expect_eq(ips.all[0].bytes[15], 2, "IPv6 comes first");
	cr_expect_arr_eq(ips.all[1].bytes, "\x0a\0\0\1", 4);
	cr_expect_arr_eq(ips.all[2].bytes, "\x0a\0\0\5", 4);
	cr_expect_eq(in_hosts(hosts, "a.test"), 1u);
	cr_expect_eq(in_hosts(hosts, "10.0.0.1"), 0u);
	cr_expect_eq(in_hosts(hosts, "test"), 0u);
	cr_expect_eq(in_hosts("", "web"), 0u);
}

static struct name_servers conf(const char *text)
{
	struct name_servers s;
	char *copy = strdup(text);

	resolve_conf(copy, &s);
	free(copy);
	return s;
}

Test(dns, resolv_conf_says_whom_to_ask_and_how)
{
	struct name_servers s = conf(
		"# nameserver 1.1.1.1\nnameserver 10.0.0.10\nnameserver fd00::10\nnameserver x\n"
		"search ns.svc.cluster.local\tsvc.cluster.local\noptions ndots:5 timeout:1 "
		"attempts:3 "
		"rotate ndots:x\nnameserver 10.0.0.12\nnameserver 10.0.0.13");

	cr_expect_eq(s.n, 3u);
	cr_expect_arr_eq(s.at[0].bytes, "\x0a\0\0\x0a", 4);
	cr_expect_eq(s.at[1].len, 16u);
	cr_expect_eq(s.at[2].bytes[3], 12);
	cr_expect_eq(s.dots, 5);
	cr_expect_eq(s.timeout_s, 1);
	cr_expect_eq(s.attempts, 3);
	cr_expect_str_eq(s.search, "ns.svc.cluster.local\tsvc.cluster.local");
}

Test(dns, a_link_local_server_has_its_zone_by_name_or_number)
{
	struct name_servers s =
		conf("nameserver fe80::1%lo\nnameserver fe80::2%none.such\nnameserver fe80::3%7\n");

	cr_expect_eq(s.n, 2u);
	cr_expect(s.at[0].len == 16 && s.at[0].bytes[15] == 1 && s.at[0].zone == 1);
	cr_expect(s.at[1].bytes[15] == 3 && s.at[1].zone == 7);
}

Test(dns, without_a_word_of_resolv_conf_this_machine_is_asked)
{
	struct name_servers s = conf("");

	cr_expect_eq(s.n, 1u);
	cr_expect_arr_eq(s.at[0].bytes, "\x7f\0\0\1", 4);
	cr_expect(s.dots == 1 && s.timeout_s == 5 && s.attempts == 2);
	cr_expect_str_eq(s.search, "");
}

Test(dns, of_search_and_domain_the_last_counts_and_numbers_are_held_to_their_ranges)
{
	struct name_servers s =
		conf("search a.test b.test\ndomain c.test\noptions ndots:99 timeout:0\n"
		     "options attempts:999999\nsearch\n");

	cr_expect_str_eq(s.search, "c.test");
	cr_expect(s.dots == 15 && s.timeout_s == 1 && s.attempts == 10);
}
