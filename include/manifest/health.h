/* health.h - a health check as checked data. Layer: manifest. */
#ifndef MANIFEST_HEALTH_H
#define MANIFEST_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum check_kind {
	CHECK_NONE, /* no health_check at all */
	CHECK_ALIVE,
	CHECK_COMMAND,
	CHECK_TCP,
	CHECK_FILE,
	CHECK_URL,
	CHECK_UNIX,
	CHECK_NOTIFY,
};

struct health_check {
	enum check_kind kind;
	char **argv;  /* CHECK_COMMAND: NULL-terminated, a string becomes /bin/sh -c */
	char *target; /* CHECK_TCP: "host:port", CHECK_URL: the URL, both as written; CHECK_FILE and
			 CHECK_UNIX: path, absolute or below working_dir */
	char *host; /* CHECK_TCP, CHECK_URL: an address without brackets, "localhost", or a name */
	bool named; /* the host is a name, which only a process of its own may look up */
	int port;
	char *authority; /* CHECK_URL: the Host header */
	char *path;      /* CHECK_URL: begins with a slash, with the query */
	int notify_fd; /* CHECK_NOTIFY: the descriptor of the child that a line comes by, 3 to 1023;
			    -1: READY=1 on $NOTIFY_SOCKET */
	int64_t interval_ns, attempt_timeout_ns, total_timeout_ns, start_interval_ns;
	int retries;
	bool ignore; /* on_unhealthy: one that was ready is left alone */
};

#endif
