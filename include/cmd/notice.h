/* notice.h - messages and exit notices as recv and wait print them, bodies as send takes them. Layer: cmd. */
#ifndef CMD_NOTICE_H
#define CMD_NOTICE_H

#include "cli/out.h"
#include "cmd/common.h"

/* KIND PATH MSGID [code=N|signal=N] [reason=WORD] [left=N] [will=1] [lost=N], without an end of line. */
void notice_words(struct buf *out, const struct packet *row);
/* The same as members of an object, with the body where the row is no exit notice. */
void notice_members(struct json *j, const struct packet *row);
/* "body", or "body_base64" where it is no UTF-8. */
void notice_body(struct json *j, const struct packet *row);

/* The body of a request that args give: the word behind --, all of stdin for -, or nothing. The buffer is initialised
 * here. -1: err. */
int message_body(struct buf *body, const struct args *args, struct err *err);
/* op=OP, unit= or msgid= of the first word, --timeout, that body; asks, and takes the whole reply into keep (initialised
 * here). 1, or -1. */
int message_ask(struct client *c, const struct args *args, const char *op, struct packet *ret,
	struct buf *keep, struct err *err);

#endif
