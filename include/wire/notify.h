/* notify.h - what a service says on its notify socket (sd_notify(3)). Layer: wire (pure). */
#ifndef WIRE_NOTIFY_H
#define WIRE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

enum { NOTIFY_MAX = 4096, NOTIFY_STATUS_MAX = 120 }; /* bytes of a message; of its status, cut */

struct notify_message {
	bool ready;                         /* READY=1 */
	int error;                          /* ERRNO=, 1 to 4095; 0: none */
	char status[NOTIFY_STATUS_MAX + 1]; /* STATUS=, what can't be shown as ?; empty: none */
};

/* Lines of NAME=VALUE. Names that mean nothing here (WATCHDOG, FDSTORE, BARRIER, ...) and what is no
 * such line are passed over. */
void notify_parse(struct notify_message *ret, const char *text, size_t n);

#endif
