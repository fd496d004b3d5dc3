#include "os/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t address_of(const struct ip *ip, int port, union address *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->v4.sin_port = htons((uint16_t)port); /* in the same place for both */
	if (ip->len == sizeof ret->v4.sin_addr) {
		ret->v4.sin_family = AF_INET;
		memcpy(&ret->v4.sin_addr, ip->bytes, sizeof ret->v4.sin_addr);
		return sizeof ret->v4;
	}
	ret->v6.sin6_family = AF_INET6;
	memcpy(&ret->v6.sin6_addr, ip->bytes, sizeof ret->v6.sin6_addr);
	ret->v6.sin6_scope_id = ip->zone;
	return sizeof ret->v6;
}

bool net_address(const char *host, bool second, struct ip *ret)
{
	if (strcmp(host, "localhost") == 0)
		host = second ? "::1" : "127.0.0.1";
	return ip_parse(host, strlen(host), ret);
}

/* -1 with errno, and closed. */
static int give_up(int fd)
{
	int sys = errno;

	close(fd);
	errno = sys;
	return -1;
}

int net_connect(const struct ip *to, int type, int port)
{
	union address a;
	socklen_t n = address_of(to, port, &a);
	int fd = socket(a.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, &a.any, n) == 0 || errno == EINPROGRESS)
		return fd;
	return give_up(fd);
}

/* A port of the ephemeral range that nobody listens on may be given to our own end of the attempt,
 * which then meets itself. */
static bool met_itself(int fd)
{
	union address here, there;
	socklen_t n = sizeof here, m = sizeof there;

	memset(&here, 0, sizeof here);
	memset(&there, 0, sizeof there);
	return getsockname(fd, &here.any, &n) == 0 && getpeername(fd, &there.any, &m) == 0 &&
	       n == m && memcmp(&here.v6, &there.v6, sizeof here.v6) == 0; /* the widest */
}

int net_result(int fd)
{
	int sys = 0;
	socklen_t n = sizeof sys;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &n) < 0)
		return errno;
	return !sys && met_itself(fd) ? ECONNREFUSED : sys;
}

static int listen_at(const struct ip *ip, bool both, int port)
{
	static const int on = 1, off = 0;
	union address a;
	socklen_t n = address_of(ip, port, &a);
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (both)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	return bind(fd, &a.any, n) == 0 && listen(fd, SOMAXCONN) == 0 ? fd : give_up(fd);
}

int net_listen(const char *host, int port)
{
	struct ip ip = { .len = 16 };

	if (*host && !net_address(host, false, &ip)) {
		errno = EINVAL;
		return -1;
	}
	int fd = listen_at(&ip, !*host, port);
	if (fd >= 0 || *host || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return fd;
	ip.len = 4; /* the kernel has no IPv6, or the container */
	return listen_at(&ip, false, port);
}
