/* lib_int.h - what the files of libsysg share: the handle, and one call on it. Layer: lib. */
#ifndef LIB_LIB_INT_H
#define LIB_LIB_INT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "cli/client.h"
#include "sysg.h"

/* One thread receives at a time, the others in the order in which they came. */
struct turns {
	/* The process whose thread changes the rest; another one's is a fork's copy, and free. */
	_Atomic pid_t guard;
	pid_t owner; /* whose threads the rest is about */
	bool taken;
	struct waiter *first, **end; /* they wait on their own stacks */
};

struct sysg {
	char *socket;
	atomic_flag busy; /* whoever set it has the next three */
	struct client c;
	pid_t owner; /* whose connection it is: another process's packets would be refused on it */
	int64_t used_ns;    /* last */
	struct turns turns; /* whoever's turn it is has all below */
	struct client inbox;
	_Atomic pid_t fd_owner; /* by whom sysg_fd() was called, 0: by nobody */
	_Atomic int fd;         /* an epoll that watches the inbox's socket, or -1 */
	bool standing;          /* a recv is asked on it, and its answer not read */
};

struct call {
	struct sysg *s;
	struct client *c, own; /* c: the handle's or, where that is in use, own; or its inbox */
	struct buf request;
	struct err err;
};

/* Begins a request on a connection that is free, or on that one. Each is ended by call_end(). */
void call_begin(struct call *k, struct sysg *s, const char *op);
void call_begin_on(struct call *k, struct sysg *s, struct client *c, const char *op);
/* rc as it is, or -1 with errno and what sysg_error() says. */
int call_end(struct call *k, int rc);
int call_errno(const struct call *k); /* what errno k->err is */
/* For a failure without a call: -1 with errno, and the words. */
int call_fail(const struct err *e);
/* What a failure leaves on the connection is known only where it was the supervisor's answer to a whole request. */
bool call_still_good(const struct call *k);

/* Sends what was put. The first packet of the answer: 1, or -1 with k->err. */
int call_ask(struct call *k, const void *body, size_t n, struct packet *ret);

/* A time in ns; one that is too long is for ever. */
void call_put_ms(struct call *k, const char *key, int64_t ms);

int64_t field_number(const struct packet *p, const char *key); /* 0: none; "@17" is 17 */
const char *field_text(const struct packet *p, const char *key);
void copy_text(char *to, size_t size, const char *from); /* cut so that it fits */
void take_exit(void *arg, const struct packet *row);     /* row=exit to a struct sysg_exit */

/* --- receiving --- */

/* op=recv by the filter (may be NULL), waiting until the deadline (INT64_MAX: for ever); the message that comes, whole, in
 * keep. 1, or -1. */
int recv_ask(struct call *k, const struct sysg_filter *want, int64_t deadline_ns,
	struct packet *ret, struct buf *keep);
/* Copies the message, tells the supervisor that it was read. 0, or -1: then it comes again. */
int recv_take(struct call *k, const struct packet *p, struct sysg_message **ret);

/* One receives at a time, as the supervisor lets a process, and none twice while another waits. False: others did, until
 * the deadline. */
bool turn_take(struct sysg *s, int64_t deadline_ns);
void turn_give(struct sysg *s);

/* The inbox: who calls has the turn. */
bool inbox_is_open(struct sysg *s); /* sysg_fd() was called, by this process */
int inbox_recv(struct call *k, const struct sysg_filter *want, int64_t deadline_ns,
	struct sysg_message **ret);
void inbox_close(struct sysg *s);

#endif
