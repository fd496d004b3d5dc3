/* will.h - what a unit leaves to be said when it ends for good: its send: rules. Layer: super. */
#ifndef SUPER_WILL_H
#define SUPER_WILL_H

#include "super/bundle.h"
#include "wire/packet.h"

/* One message, in the order of the rules. Owned by its job or definition. */
struct will {
	struct will *next;
	size_t n;      /* bytes of the body, behind the target's NUL */
	char target[]; /* a selector, resolved when it is sent */
};

/* will=N:TARGET fields of a spawn, with their N bytes each of its body. *ret_bytes: how much of memory that is.
 * ERR_BAD_VALUE, ERR_TOO_LARGE, ERR_BAD_REQUEST; then *ret is NULL. */
int wills_take(const struct packet *p, struct will **ret, size_t *ret_bytes, struct err *err);
/* Of a service, whose files are in the bundle. */
int wills_of_service(
	const struct service *svc, const struct bundle *files, struct will **ret, struct err *err);
int wills_copy(const struct will *w, struct will **ret); /* -1: no memory; what there is is *ret */
bool wills_same(const struct will *a, const struct will *b);
void wills_say(struct super *s, struct unit *dying);
void wills_free(struct will *w); /* NULL is fine */

#endif
