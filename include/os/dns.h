/* dns.h - a question to a name server and what its answer says: RFC 1035. Layer: os (pure). */
#ifndef OS_DNS_H
#define OS_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"

enum {
	DNS_NAME_MAX = 253,
	DNS_QUESTION_MAX = 12 + DNS_NAME_MAX + 2 + 4,
	DNS_DATAGRAM_MAX = 512,
	IPS_MAX = 48,
};

struct ips {
	unsigned n, n6; /* more than IPS_MAX are left out; the first n6 are of IPv6 */
	struct ip all[IPS_MAX];
};

/* Those of IPv6 before the others. */
void ips_add(struct ips *to, const struct ip *ip);

/* For the addresses of a name: those of IPv6, or of IPv4. Returns its length; 0: no name server has such a name. */
size_t dns_question(unsigned char ret[DNS_QUESTION_MAX], const char *name, unsigned id, bool v6);
/* Is it what was asked, by one who knows? Else another answer, or another server's, may come yet. */
bool dns_answers(
	const unsigned char *question, size_t question_len, const unsigned char *answer, size_t n);
/* Of such an answer: there is more than fits into a datagram, a stream has it all. */
bool dns_is_cut(const unsigned char *answer);
/* Adds the addresses of the answer. What isn't of the form of an answer ends it: what came before counts. */
void dns_addresses(size_t question_len, const unsigned char *answer, size_t n, struct ips *to);

#endif
