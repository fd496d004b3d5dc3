#include "os/net.h"

#include <arpa/inet.h>
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

static socklen_t address_of(const char *host, int port, bool second, union address *ret)
{
	if (strcmp(host, "localhost") == 0)
		host = second ? "::1" : "127.0.0.1";
	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t)port);
		return sizeof ret->v4;
	}
	if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)port);
		return sizeof ret->v6;
	}
	errno = EINVAL;
	return 0;
}

int net_connect(const char *host, int port, bool second)
{
	union address a;
	socklen_t n = address_of(host, port, second, &a);
	int fd = n ? socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return -1;
	if (connect(fd, &a.any, n) == 0 || errno == EINPROGRESS)
		return fd;
	int sys = errno;
	close(fd);
	errno = sys;
	return -1;
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
