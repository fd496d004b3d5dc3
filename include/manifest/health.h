/* health.h - a health check as checked data. Layer: manifest. */
#ifndef MANIFEST_HEALTH_H
#define MANIFEST_HEALTH_H

#include <stdint.h>

enum check_kind {
	CHECK_NONE,
	CHECK_ALIVE,
	CHECK_COMMAND,
	CHECK_TCP,
	CHECK_FILE
}; /* NONE: no health_check at all */

struct health_check {
	enum check_kind kind;
	char **argv;  /* CHECK_COMMAND: NULL-terminated, a string becomes /bin/sh -c */
	char *target; /* CHECK_TCP: "host:port" as written; CHECK_FILE: path, absolute or below
			 working_dir */
	char *host;   /* CHECK_TCP: numeric IPv4/IPv6 without brackets, or "localhost" */
	int port;
	int64_t interval_ns, attempt_timeout_ns, total_timeout_ns, start_interval_ns;
	int retries;
};

#endif
