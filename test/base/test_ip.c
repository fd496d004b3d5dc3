#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "base/ip.h"

/* What libc takes, into the bytes that libc makes of it. */
static void as_libc_has_it(const char *text)
{
	unsigned char bytes[16] = { 0 };
	struct ip ip;
	unsigned len = inet_pton(AF_INET, text, bytes) == 1    ? 4
		       : inet_pton(AF_INET6, text, bytes) == 1 ? 16
							       : 0;
	bool good = ip_parse(text, strlen(text), &ip);

	cr_expect_eq(good, len != 0, "\"%s\"", text);
	if (good && len)
		cr_expect(ip.len == len && memcmp(ip.bytes, bytes, len) == 0, "\"%s\"", text);
}

Test(ip, an_address_is_what_libc_takes_for_one)
{
	static const char *const texts[] = { "127.0.0.1", "0.0.0.0", "255.255.255.255", "256.0.0.1",
		"1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3.4", "01.2.3.4", "1.2.3.04", "1..2.3",
		"0x7f.0.0.1", "1.2.3.4 ", "1.2.3.0000", "::", "::1", "1::", ":::", ":", "1:", ":1",
		"::1:", "1::2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8",
		"1:2:3:4:5:6:7:8::", "fe80::1", "FE80::aBcD", "12345::", "::g", "::1.2.3.4",
		"::ffff:127.0.0.1", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:1.2.3.4",
		"1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "::1.2.3", "fe80::1%lo", "",
		"localhost", "\x11.0.0.1" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		as_libc_has_it(texts[i]);
}

Test(ip, whatever_of_its_characters_is_put_together_is_what_libc_takes_it_for)
{
	static const char *const parts[] = { ":", "::", ".", "0", "1", "10", "255", "256", "a",
		"Ff", "ffff", "1.2.3.4", "1:2:3", "0:0:0:0" };
	unsigned dice = 1;

	for (int i = 0; i < 200000; i++) {
		char text[128] = "";
		int n = i % 16;
		for (int at = 0; at < n; at++) {
			dice = dice * 1103515245 + 12345;
			strcat(text, parts[(dice >> 16) % (sizeof parts / sizeof *parts)]);
		}
		as_libc_has_it(text);
	}
}

Test(ip, nothing_behind_its_bytes_is_looked_at)
{
	struct ip ip;

	cr_expect(ip_parse("127.0.0.1:80", 9, &ip));
	cr_expect_eq(ip.len, 4u);
	cr_expect(!ip_parse("127.0.0.1", 6, &ip));
	cr_expect(ip_parse("::1]:80", 3, &ip));
	cr_expect(!ip_parse("::1", 0, &ip));
}
