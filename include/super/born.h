/* born.h - the rights that come into force with a new child. Layer: super. */
#ifndef SUPER_BORN_H
#define SUPER_BORN_H

#include "super/conn.h"

/* A right as a caller names it. */
struct cap {
	enum right_verb verb;
	struct unit *over; /* NULL: of spawn, or of `**` */
	bool all;          /* `**` */
};

struct born_grant {
	uint64_t to; /* id */
	unsigned verbs;
};

/* Looked up before the child is in the tree, so that its name can't be meant; zeroed at first. */
struct born {
	struct right requests[CAP_RIGHTS];
	struct born_grant grants[CAP_RIGHTS];
	const char *dropped[CAP_RIGHTS]; /* texts of the request */
	size_t nrequests, ngrants, ndropped;
};

/* --request and --grant, at most CAP_RIGHTS of each. -1: SG0210, SG0202, SG0811, SG0823. */
int born_request(struct conn *c, const char *text, const struct unit *parent, struct born *b,
	struct err *err);
int born_grant(struct conn *c, const char *text, struct born *b, struct err *err);
/* Puts them in force. -1: then the child is to be taken back, and what others got goes with it. */
int born_give(struct super *s, const struct born *b, struct unit *u, struct err *err);

#endif
