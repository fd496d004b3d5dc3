/* What a name server sends, and the files that say which: the first byte chooses. Nothing past the bytes is read, and each
 * address that is taken stands in them. */
#include "fuzz.h"
#include "os/resolve.h"

static void read_as_answer(const uint8_t *data, size_t size, bool v6)
{
	unsigned char question[DNS_QUESTION_MAX];
	size_t asked = dns_question(question, "web.test", 0x1234, v6);
	unsigned char *answer = (unsigned char *)bytes_copy(data, size);
	struct ips ips = { 0 };

	/* whoever answers knows what he was asked */
	if (size >= asked)
		memcpy(answer, question, 2), memcpy(answer + 12, question + 12, asked - 12);
	if (dns_answers(question, asked, answer, size)) {
		(void)dns_is_cut(answer);
		dns_addresses(asked, answer, size, &ips);
	}
	HOLDS(ips.n <= IPS_MAX && ips.n6 <= ips.n, "%u", ips.n);
	for (unsigned i = 0; i < ips.n; i++) {
		bool there = false;
		HOLDS(ips.all[i].len == (v6 ? 16 : 4), "%u", ips.all[i].len);
		for (size_t at = asked; at + ips.all[i].len <= size && !there; at++)
			there = memcmp(answer + at, ips.all[i].bytes, ips.all[i].len) == 0;
		HOLDS(there, "address %u stands nowhere", i);
	}
	free(answer);
}

static void read_as_files(const uint8_t *data, size_t size)
{
	struct name_servers s;
	struct ips ips = { 0 };
	struct ip ip;
	char *text = text_copy(data, size), *again = strdup(text);

	(void)ip_parse(text, strlen(text), &ip);
	resolve_conf(text, &s);
	HOLDS(s.n >= 1 && s.n <= NAME_SERVERS_MAX, "%u", s.n);
	HOLDS(s.dots >= 0 && s.timeout_s >= 1 && s.attempts >= 1, "%d %d %d", s.dots, s.timeout_s,
		s.attempts);
	resolve_hosts(again, "web.test", &ips);
	HOLDS(ips.n <= IPS_MAX, "%u", ips.n);
	free(text);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] < 2)
		read_as_answer(data + 1, size - 1, data[0]);
	else if (size)
		read_as_files(data + 1, size - 1);
	return 0;
}
