#include "os/resolve.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "os/net.h"
#include "os/pid1.h"
#include "os/slurp.h"

enum { DNS_PORT = 53, FILE_MAX = 16 << 20, STREAM_MAX = 2 + UINT16_MAX };

struct question {
	size_t len; /* 0: it is answered */
	unsigned char bytes[DNS_QUESTION_MAX];
};

/* One name, asked for at all servers at once. */
struct lookup {
	const struct name_servers *servers;
	struct ips *ret;
	struct pollfd fds[NAME_SERVERS_MAX]; /* fd -1: that one can't be asked */
	struct question questions[2];
};

/* --- the two files --- */

static char *next_word(char **line)
{
	char *word;

	while ((word = strsep(line, " \t\r")) && !*word)
		;
	return word;
}

/* Without its comment. */
static char *next_line(char **text)
{
	char *line = strsep(text, "\n");

	if (line)
		line[strcspn(line, "#;")] = '\0';
	return line;
}

void resolve_hosts(char *text, const char *name, struct ips *to)
{
	struct ip ip;

	for (char *line, *word; (line = next_line(&text));) {
		bool good = (word = next_word(&line)) && ip_parse(word, strlen(word), &ip);
		while (good && (word = next_word(&line)))
			if (strcasecmp(word, name) == 0) {
				ips_add(to, &ip);
				break;
			}
	}
}

static void take_option(const char *word, struct name_servers *ret)
{
	const struct {
		const char *name;
		int *to, min, max;
	} rows[] = {
		{ "ndots:", &ret->dots, 0, 15 },
		{ "timeout:", &ret->timeout_s, 1, 60 },
		{ "attempts:", &ret->attempts, 1, 10 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = strlen(rows[i].name);
		int64_t v;
		const char *why;
		if (strncmp(word, rows[i].name, n) == 0 &&
			whole_parse(word + n, 0, INT_MAX, &v, &why) == 0)
			*rows[i].to = v < rows[i].min   ? rows[i].min
				      : v > rows[i].max ? rows[i].max
							: (int)v;
	}
}

/* An address, a link-local one with its zone: "fe80::1%eth0", "fe80::1%2". */
static bool take_server(const char *word, struct ip *ret)
{
	const char *zone = strchr(word, '%');

	if (!ip_parse(word, strcspn(word, "%"), ret))
		return false;
	if (zone && !(ret->zone = if_nametoindex(zone + 1)))
		ret->zone = (unsigned)strtoul(zone + 1, NULL, 10);
	return !zone || ret->zone;
}

void resolve_conf(char *text, struct name_servers *ret)
{
	*ret = (struct name_servers){ .dots = 1, .timeout_s = 5, .attempts = 2 };
	for (char *line, *word; (line = next_line(&text));) {
		word = next_word(&line);
		if (!word || !line)
			continue;
		if (strcmp(word, "nameserver") == 0) {
			word = next_word(&line);
			if (word && ret->n < NAME_SERVERS_MAX &&
				take_server(word, &ret->at[ret->n]))
				ret->n++;
		} else if (strcmp(word, "options") == 0) {
			while ((word = next_word(&line)))
				take_option(word, ret);
		} else if (strcmp(word, "search") == 0 || strcmp(word, "domain") == 0) {
			snprintf(ret->search, sizeof ret->search, "%s", line);
		}
	}
	if (!ret->n)
		(void)net_address("localhost", false, &ret->at[ret->n++]);
}

/* Empty where there is none. */
static char *text_of(struct buf *b, const char *path)
{
	struct err err;

	buf_init(b, FILE_MAX);
	(void)slurp_here(path, false, b, &err);
	(void)buf_addc(b, '\0');
	return b->p;
}

/* --- the name servers --- */

static void leave(struct pollfd *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

static bool is_waited_for(const struct lookup *l)
{
	bool open = false;

	for (unsigned i = 0; i < NAME_SERVERS_MAX; i++)
		open |= l->fds[i].fd >= 0;
	return open && (l->questions[0].len || l->questions[1].len);
}

static void put_questions(struct lookup *l)
{
	for (unsigned i = 0; i < 2 * NAME_SERVERS_MAX; i++) {
		const struct question *q = &l->questions[i % 2];
		struct pollfd *p = &l->fds[i / 2];
		if (p->fd >= 0 && q->len && send(p->fd, q->bytes, q->len, MSG_NOSIGNAL) < 0 &&
			errno != EAGAIN)
			leave(p);
	}
}

/* An answer that is too long for a datagram, behind two bytes of its length. 0: it can't be had. */
static size_t by_stream(const struct lookup *l, const struct ip *server, const struct question *q,
	unsigned char ret[STREAM_MAX])
{
	unsigned char all[2 + DNS_QUESTION_MAX] = { (unsigned char)(q->len >> 8),
		(unsigned char)q->len };
	struct pollfd p = { .fd = net_connect(server, SOCK_STREAM, DNS_PORT), .events = POLLOUT };
	ssize_t n = (ssize_t)q->len + 2;
	size_t got = 0, want = 2;

	memcpy(all + 2, q->bytes, q->len);
	while (got < want && p.fd >= 0 && poll(&p, 1, l->servers->timeout_s * 1000) > 0) {
		if (p.events == POLLOUT) {
			p.events = POLLIN;
			if (send(p.fd, all, (size_t)n, MSG_NOSIGNAL) != n)
				break;
			continue;
		}
		ssize_t more = recv(p.fd, ret + got, want - got, 0);
		if (more <= 0)
			break;
		got += (size_t)more;
		if (got == 2)
			want += (size_t)ret[0] << 8 | ret[1];
	}
	leave(&p);
	return got == want ? got - 2 : 0;
}

static void hear(struct lookup *l, unsigned server)
{
	static unsigned char datagram[DNS_DATAGRAM_MAX], stream[STREAM_MAX];
	ssize_t n = recv(l->fds[server].fd, datagram, sizeof datagram, 0);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		leave(&l->fds[server]);
	for (struct question *q = l->questions; n > 0 && q < l->questions + 2; q++) {
		const unsigned char *answer = datagram;
		size_t len = (size_t)n;
		if (!q->len || !dns_answers(q->bytes, q->len, answer, len))
			continue;
		size_t more =
			dns_is_cut(answer) ? by_stream(l, &l->servers->at[server], q, stream) : 0;
		if (dns_answers(q->bytes, q->len, stream + 2, more)) {
			answer = stream + 2;
			len = more;
		}
		dns_addresses(q->len, answer, len, l->ret);
		q->len = 0;
	}
}

/* As resolve(), of a name as it is. */
static int ask_for(struct lookup *l, const char *name)
{
	const struct name_servers *s = l->servers;
	int64_t each = s->timeout_s * NS_PER_SEC / s->attempts, left;
	uint64_t ids = random_u64();

	for (unsigned i = 0; i < 2; i++)
		l->questions[i].len =
			dns_question(l->questions[i].bytes, name, ids >> 16 * i & 0xffff, i);
	for (unsigned i = 0; i < NAME_SERVERS_MAX; i++)
		l->fds[i] = (struct pollfd){
			.fd = i < s->n ? net_connect(&s->at[i], SOCK_DGRAM, DNS_PORT) : -1,
			.events = POLLIN,
		};
	for (int i = 0; i < s->attempts && is_waited_for(l); i++) {
		int64_t until = clock_mono_ns() + each;
		put_questions(l);
		while (is_waited_for(l) && (left = until - clock_mono_ns()) > 0) {
			(void)poll(l->fds, NAME_SERVERS_MAX, (int)(left / NS_PER_MS) + 1);
			for (unsigned at = 0; at < NAME_SERVERS_MAX; at++)
				if (l->fds[at].fd >= 0 && l->fds[at].revents)
					hear(l, at);
		}
	}
	for (unsigned i = 0; i < NAME_SERVERS_MAX; i++)
		leave(&l->fds[i]);
	return l->ret->n || !(l->questions[0].len || l->questions[1].len) ? (int)l->ret->n : -1;
}

int resolve(const char *name, struct ips *ret)
{
	struct name_servers servers;
	struct lookup l = { .servers = &servers, .ret = ret };
	char below[DNS_NAME_MAX + 1], *domain, *search = servers.search;
	struct buf text;
	int dots = 0, rc;

	*ret = (struct ips){ 0 };
	if (net_address(name, false, &ret->all[0]))
		return (int)(ret->n = 1);
	resolve_hosts(text_of(&text, "/etc/hosts"), name, ret);
	buf_done(&text);
	if (ret->n)
		return (int)ret->n;
	resolve_conf(text_of(&text, "/etc/resolv.conf"), &servers);
	buf_done(&text);
	for (const char *p = name; *p; p++)
		dots += *p == '.' ? p[1] ? 1 : servers.dots : 0;
	while (dots < servers.dots && (domain = next_word(&search)))
		if (snprintf(below, sizeof below, "%s.%s", name, domain) < (int)sizeof below &&
			(rc = ask_for(&l, below)) != 0)
			return rc;
	return ask_for(&l, name);
}
