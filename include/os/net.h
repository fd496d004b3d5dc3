/* net.h - a connection attempt that never waits, and the other end. Layer: os. */
#ifndef OS_NET_H
#define OS_NET_H

#include <stdbool.h>

#include "base/ip.h"

/* A numeric address; "localhost" is 127.0.0.1, or ::1 with second. false: a name. */
bool net_address(const char *host, bool second, struct ip *ret);
/* Begins to connect, by SOCK_STREAM or SOCK_DGRAM. Returns a non-blocking, close-on-exec socket that is writable once it is
 * decided, or -1 with errno. */
int net_connect(const struct ip *to, int type, int port);
/* Once it is writable: 0 connected, else the errno of the failure. */
int net_result(int fd);
/* A socket that listens at a numeric address, or localhost, which is 127.0.0.1; "": at all of them. Non-blocking,
 * close-on-exec; -1 with errno. */
int net_listen(const char *host, int port);

#endif
