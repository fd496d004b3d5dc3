/* conn.h - one connection to the control socket. Layer: super. */
#ifndef SUPER_CONN_H
#define SUPER_CONN_H

#include "node/mailbox.h"
#include "node/rights.h"
#include "os/peer.h"
#include "super/parts.h"
#include "wire/packet.h"

enum { CONN_OUT_MAX = 256 * 1024 };

enum conn_wait {
	WAIT_NOTHING,
	WAIT_QUEUE,    /* spawn --queue: its turn */
	WAIT_EXEC,     /* spawn: its execve; or those of several, tagged ones */
	WAIT_EXIT,     /* spawn --wait: its end */
	WAIT_ENDS,     /* wait: each unit's end */
	WAIT_STOPPED,  /* stop: each unit at rest */
	WAIT_SHUTDOWN, /* stop --supervisor: every unit is at rest; then the connection's end */
	WAIT_CHANGE,   /* start, restart: until it is done (change.h) */
	WAIT_STARTED,  /* then: each unit at its target (await) */
	WAIT_LISTING,  /* status: rows, as the peer reads */
	WAIT_EVENTS,   /* events: rows, as the peer reads and as they come */
	WAIT_ROOM,     /* send, call: in a mailbox */
	WAIT_REPLY,    /* call: then the reply */
	WAIT_RECV,     /* recv: a message */
	WAIT_STREAM,   /* a body goes out, as the peer reads */
	WAIT_SIGNAL,   /* signal --tree: one pass over each unit of it */
};

struct follower; /* op_events.c */
struct birth;

struct conn_unit {
	uint64_t id;
	bool over, told; /* its end is due; its row is written */
	bool known;      /* of its end, for when it is forgotten before its row is written */
	uint8_t code, signal, reason;
};

struct conn {
	/* What is looked at most comes first: it is near enough for a short instruction. */
	struct super *s;
	struct unit *unit; /* of the class, at the request that is being served */
	enum peer_class cls;
	enum conn_wait wait;
	bool gone;               /* closed; freed at the end of the turn */
	struct conn_unit *units; /* waited for, or listed (with what is below them) */
	size_t nunits;
	struct await *await;    /* of WAIT_STARTED; owned */
	struct message *answer; /* a reply that goes out; owned */
	struct birth *birth;    /* of WAIT_QUEUE; owned */
	struct list link;
	struct watch w;
	struct timer timer; /* idle, unread, or the end of a wait */
	struct peer peer;
	bool trusted;       /* descriptors can't arrive on it */
	bool unseen, blind; /* nobody, for want of what it takes to look: since it is there; now */
	uint64_t counted_unit; /* whose 32 connections it counts among; 0: none */
	enum peer_class counted_cls;
	struct assembly assembly;
	struct buf out; /* packets that did not fit: 4 bytes of length, then the packet */
	bool any, then_exit, listing_some;
	bool measuring;      /* a listing that waits for the figures of a look */
	bool bound;          /* the one child that it waits for ends with it */
	bool lent;           /* out of the loop: a child that is set up reads it */
	int64_t tag;         /* of the answer that is made now; 0: none */
	unsigned tagged;     /* answers with tags that WAIT_EXEC is for */
	int64_t deadline_ns; /* of the wait; 0: none */
	bool progress;       /* of it: rows on the way there, too */
	uint64_t cursor;     /* listing: the last id that went out; signal: whose tree */
	unsigned sweeps_left, signalled; /* signal: passes to come, processes that got it */
	int signal;
	/* Messages: message.h. */
	struct list receiver; /* member of the mailbox's, with WAIT_RECV */
	struct filter filter;
	struct message *
		message; /* sent and not taken yet: waits for room, or is a call's; the mailbox's */
	uint64_t call, callee; /* a call's number, and whose reply is waited for; callee 0: none */
	struct message
		*held; /* given, and not acknowledged; or held_child's notice; none: NULL, 0 */
	uint64_t held_child, held_lost;
	size_t streamed; /* of its body, or of held's */
	bool streaming;
	struct follower *follower; /* events: where it is, and what it wants to see */
};

/* One packet to the peer, queued when it does not read; a peer that lets CONN_OUT_MAX bytes pile up
 * is dropped. */
void conn_send(struct conn *c, struct buf *b);   /* ends the buffer */
void answer_begin(struct buf *b);                /* ok=1; the fields follow */
void answer_send(struct conn *c, struct buf *b); /* without a body */
void conn_flush(struct conn *c);                 /* the peer reads again */
void conn_idle(struct conn *c);                  /* it asked something: its 5 s begin again */
void conn_ok(struct conn *c);                    /* ok=1 */
void conn_end(struct conn *c);                   /* ok=1 end=1 */
void conn_fail(struct conn *c, const struct err *err);
void conn_waits(struct conn *c, enum conn_wait wait);
void conn_wait_until(struct conn *c, int64_t deadline_ns); /* then SG0822 */
void conn_drop(struct conn *c);
/* Its next packet is for the child that is being set up (--attach), until conn_back(). */
void conn_lend(struct conn *c);
void conn_back(struct conn *c);
bool conn_room(const struct conn *c); /* nothing is queued: a listing may go on */
/* Lists of units. -1: no memory. */
int conn_add_unit(struct conn *c, const struct unit *u);
void conn_too_many_units(struct conn *c); /* the answer to more than CAP_UNITS_NAMED */

/* A connected socket becomes a connection of the loop. NULL: there is no place, and it is closed. */
struct conn *serve_open(struct super *s, int fd);

/* The unit that is waited for has ended; NULL: it is gone already. */
void ends_over(struct conn_unit *cu, const struct unit *u);
/* Rows of what is over, as the peer reads, so many a turn; the whole wait's end with the last one. */
void ends_more(struct conn *c);
void conn_stopped(struct conn *c, const struct unit *u); /* a row */
/* path=, and the plain name= of a service in a project where no other has it. */
void put_name(struct buf *b, const struct super *s, const struct unit *u);
/* row=exit of a unit. */
void put_exit_row(struct buf *b, const struct unit *u);
/* Has it ended for good (or is a survivor)? */
bool unit_over(const struct unit *u);

#endif
