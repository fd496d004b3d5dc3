/* resolve.h - the addresses of a name, by /etc/hosts and the name servers of /etc/resolv.conf. Layer: os. */
#ifndef OS_RESOLVE_H
#define OS_RESOLVE_H

#include "os/dns.h"

enum { NAME_SERVERS_MAX = 3 };

/* As resolv.conf(5) has it. */
struct name_servers {
	unsigned n;
	struct ip at[NAME_SERVERS_MAX]; /* where the file names none: 127.0.0.1 */
	int dots; /* a name with as many isn't looked for below the domains of search */
	int timeout_s, attempts;
	char search[256]; /* domains with blanks between them */
};

/* The addresses that a text of the form of hosts(5) has for a name; the text is taken apart. */
void resolve_hosts(char *text, const char *name, struct ips *to);
/* What a text of the form of resolv.conf(5) says, with what is so where it says nothing; the text is taken apart. */
void resolve_conf(char *text, struct name_servers *ret);

/* Waits for as long as the servers take: for a fork. Returns how many addresses there are, those of IPv6 first; 0: there is
 * no such host; -1: no name server answers. */
int resolve(const char *name, struct ips *ret);

#endif
