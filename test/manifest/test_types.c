#include <criterion/criterion.h>
#include <string.h>

#include "manifest/types.h"

static const char *why;

Test(types, booleans_are_the_words_of_yaml_1_1)
{
	bool b = false;

	cr_expect(type_bool("yes", &b, &why) == 0 && b);
	cr_expect(type_bool("Off", &b, &why) == 0 && !b);
	cr_expect(type_bool("TRUE", &b, &why) == 0 && b);
	cr_expect(type_bool("n", &b, &why) == 0 && !b);
	cr_expect_eq(type_bool("tRUE", &b, &why), -1);
	cr_expect_eq(type_bool("1", &b, &why), -1);
	cr_expect_eq(type_bool("", &b, &why), -1);
}

Test(types, integers_are_decimal_and_nothing_else)
{
	int64_t n;

	cr_expect(type_int("5", 0, 5, &n, &why) == 0 && n == 5);
	cr_expect_eq(type_int("6", 0, 5, &n, &why), -1);
	cr_expect(type_int("-1", -1, 5, &n, &why) == 0 && n == -1);
	cr_expect_eq(type_int("-2", -1, 5, &n, &why), -1);
	cr_expect(type_int("0", 0, 5, &n, &why) == 0 && n == 0);
	for (const char *const *s = (const char *const[]){ "0x5", "05", "0o5", "5.0", "1_0", "5s",
		     "", " 5", "1e3", "-", NULL };
		*s; s++)
		cr_expect_eq(type_int(*s, 0, 1000, &n, &why), -1, "%s", *s);
}

Test(types, a_mode_is_three_octal_digits)
{
	unsigned m;

	cr_expect(type_mode("0660", &m, &why) == 0 && m == 0660);
	cr_expect(type_mode("600", &m, &why) == 0 && m == 0600);
	cr_expect(type_mode("0o777", &m, &why) == 0 && m == 0777);
	cr_expect_eq(type_mode("0888", &m, &why), -1);
	cr_expect_eq(type_mode("4755", &m, &why), -1);
	cr_expect_eq(type_mode("66", &m, &why), -1);
	cr_expect_eq(type_mode("", &m, &why), -1);
	cr_expect_eq(type_mode("rw-", &m, &why), -1);
}

Test(types, a_percentage_is_0_to_100)
{
	int p;

	cr_expect(type_percent("10%", &p, &why) == 0 && p == 10);
	cr_expect(type_percent("100", &p, &why) == 0 && p == 100);
	cr_expect(type_percent("0", &p, &why) == 0 && p == 0);
	cr_expect_eq(type_percent("101", &p, &why), -1);
	cr_expect_eq(type_percent("0.1", &p, &why), -1);
	cr_expect_eq(type_percent("%", &p, &why), -1);
	cr_expect_eq(type_percent("", &p, &why), -1);
}

Test(types, an_account_is_a_name_or_a_number)
{
	cr_expect_eq(type_account("www-data", &why), 0);
	cr_expect_eq(type_account("0", &why), 0);
	cr_expect_eq(type_account("4294967294", &why), 0);
	cr_expect_eq(type_account("4294967295", &why), -1);
	cr_expect_eq(type_account("1000:1000", &why), -1);
	cr_expect_eq(type_account("a:b", &why), -1);
	cr_expect(strstr(why, "two keys"));
	cr_expect_eq(type_account("", &why), -1);
	cr_expect_eq(type_account("a b", &why), -1);
	cr_expect_eq(type_account("-1", &why), -1);
}

static int port;

static const char *host(const char *s)
{
	static char h[300];
	const char *p;
	size_t n;

	if (type_hostport(s, &p, &n, &port, &why) < 0)
		return "(bad)";
	memcpy(h, p, n);
	h[n] = '\0';
	return h;
}

Test(types, a_host_is_an_address_or_a_name_and_has_a_port)
{
	cr_expect_str_eq(host("localhost:8080"), "localhost");
	cr_expect_eq(port, 8080);
	cr_expect_str_eq(host("127.0.0.1:1"), "127.0.0.1");
	cr_expect_str_eq(host("[::1]:65535"), "::1");
	cr_expect_eq(port, 65535);
	for (const char *const *s = (const char *const[]){ "localhost:0", "localhost:65536", "8080",
		     ":80", "localhost:", "::1:80", "[::1]", "[]:80", "[127.0.0.1]:80",
		     "256.0.0.1:80", "localhost:08", "", "[::1:80", NULL };
		*s; s++)
		cr_expect_str_eq(host(*s), "(bad)", "%s", *s);
	cr_expect_str_eq(host("db-1.my_net.:5432"), "db-1.my_net.");
	cr_expect_str_eq(host("1a:80"), "1a");
	for (const char *const *s = (const char *const[]){ "1.2.3:80", "-db:80", ".db:80", "d b:80",
		     "d/b:80", "u@db:80", "0x7f.1\n:80", "d\xc3\xa4:80", NULL };
		*s; s++)
		cr_expect_str_eq(host(*s), "(bad)", "%s", *s);
	cr_expect_str_eq(host("::1:80"), "(bad)");
	cr_expect(strstr(why, "brackets"));
}

Test(types, a_host_is_a_name_where_it_has_to_be_looked_up)
{
	cr_expect(type_host_is_name("db"));
	cr_expect(type_host_is_name("localhost.localdomain"));
	cr_expect_not(type_host_is_name("localhost"));
	cr_expect_not(type_host_is_name("127.0.0.1"));
	cr_expect_not(type_host_is_name("::1"));
}

Test(types, the_name_of_a_host_has_at_most_253_bytes)
{
	char text[300];

	memset(text, 'a', sizeof text);
	memcpy(text + 253, ":80", 4);
	cr_expect_str_neq(host(text), "(bad)");
	text[253] = 'a';
	memcpy(text + 254, ":80", 4);
	cr_expect_str_eq(host(text), "(bad)");
}
