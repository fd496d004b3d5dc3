/* net.h - a connection attempt that never waits. Layer: os. */
#ifndef OS_NET_H
#define OS_NET_H

#include <stdbool.h>

/* Begins to connect to a numeric address; "localhost" is 127.0.0.1, or ::1 with second. Returns a
 * non-blocking, close-on-exec socket that is writable once it is decided, or -1 with errno. */
int net_connect(const char *host, int port, bool second);
/* Once it is writable: 0 connected, else the errno of the failure. */
int net_result(int fd);

#endif
