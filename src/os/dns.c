#include "os/dns.h"

#include <string.h>

/* The header, and the places of what is looked at in it. */
enum { ID = 0, FLAGS = 2, RCODE = 3, QUESTIONS = 4, ANSWERS = 6, HEADER = 12 };
enum { IS_ANSWER = 0x80, IS_CUT = 0x02, WANT_RECURSION = 0x01, POINTER = 0xc0, LABEL_MAX = 63 };
enum { TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1, NO_SUCH_NAME = 3 };
/* A record behind its name: type, class, four bytes of how long it holds, length. */
enum { RECORD = 10 };

void ips_add(struct ips *to, const struct ip *ip)
{
	unsigned at = ip->len == 16 ? to->n6 : to->n;

	if (to->n == IPS_MAX)
		return;
	memmove(to->all + at + 1, to->all + at, (to->n - at) * sizeof *ip);
	to->all[at] = *ip;
	to->n6 += ip->len == 16;
	to->n++;
}

static unsigned word_at(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put_word(unsigned char *p, unsigned v)
{
	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

size_t dns_question(unsigned char ret[DNS_QUESTION_MAX], const char *name, unsigned id, bool v6)
{
	size_t n = strlen(name), label;
	unsigned char *to = ret + HEADER;

	if (!n || n > DNS_NAME_MAX)
		return 0;
	memset(ret, 0, DNS_QUESTION_MAX);
	put_word(ret + ID, id);
	ret[FLAGS] = WANT_RECURSION;
	put_word(ret + QUESTIONS, 1);
	for (; *name; name += label + (name[label] == '.')) {
		label = strcspn(name, ".");
		if (!label || label > LABEL_MAX)
			return 0;
		*to = (unsigned char)label;
		memcpy(to + 1, name, label);
		to += 1 + label;
	}
	to++; /* the root's label, which is empty */
	put_word(to, v6 ? TYPE_AAAA : TYPE_A);
	put_word(to + 2, CLASS_IN);
	return (size_t)(to + 4 - ret);
}

bool dns_answers(
	const unsigned char *question, size_t question_len, const unsigned char *answer, size_t n)
{
	return n >= question_len && memcmp(answer + ID, question + ID, 2) == 0 &&
	       (answer[FLAGS] & IS_ANSWER) &&
	       ((answer[RCODE] & 15) == 0 || (answer[RCODE] & 15) == NO_SUCH_NAME) &&
	       word_at(answer + QUESTIONS) == 1 &&
	       memcmp(answer + HEADER, question + HEADER, question_len - HEADER) == 0;
}

bool dns_is_cut(const unsigned char *answer)
{
	return answer[FLAGS] & IS_CUT;
}

/* Behind a name; NULL: it doesn't end before end. Where a pointer leads to isn't looked at: whose address it is, the server
 * that was asked has said by sending it. */
static const unsigned char *past_name(const unsigned char *p, const unsigned char *end)
{
	for (; p < end; p += 1 + *p) {
		if (*p >= POINTER)
			return p + 2;
		if (*p == 0)
			return p + 1;
	}
	return NULL;
}

void dns_addresses(size_t question_len, const unsigned char *answer, size_t n, struct ips *to)
{
	const unsigned char *p = answer + question_len, *end = answer + n;
	unsigned type = word_at(p - 4);
	struct ip ip = { .len = type == TYPE_A ? 4 : 16 };

	for (unsigned left = word_at(answer + ANSWERS); left; left--) {
		p = past_name(p, end);
		if (!p || end - p < RECORD || end - p - RECORD < word_at(p + 8))
			return;
		unsigned len = word_at(p + 8);
		if (word_at(p) == type && word_at(p + 2) == CLASS_IN && len == ip.len) {
			memcpy(ip.bytes, p + RECORD, len);
			ips_add(to, &ip);
		}
		p += RECORD + len;
	}
}
