/* packet.h - control packets: key=value NUL ... NUL NUL body. Layer: wire (pure). */
#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* --- writing ------------------------------------------------------------------------------------
 */

/* Appends one field to b. The value may hold any byte but NUL; key is [a-z_]+. Failure is sticky in
 * b->failed. */
void packet_put(struct buf *b, const char *key, const char *value);
void packet_put_int(struct buf *b, const char *key, int64_t value);
void packet_putf(struct buf *b, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Ends the header and appends the body (may be empty). After it nothing more may be put. */
void packet_end(struct buf *b, const void *body, size_t n);
/* ok=0 err=NAME code=SGxxxx msg=TEXT [errno=N] [help=TEXT], ended. errno is err->sys where it is
 * set. */
void packet_error(struct buf *b, const struct err *err);

/* --- reading ------------------------------------------------------------------------------------
 */

/* A view into the caller's bytes, valid as long as they are. */
struct packet {
	const char *head; /* first field */
	size_t head_len;  /* up to and without the empty field that ends the header */
	const char *body;
	size_t body_len;
};

/* -1: not of this form (no end of header, a field without '=', an empty key): the connection is to
 * be closed. */
int packet_parse(struct packet *p, const char *bytes, size_t n);
/* First value of key, or NULL. */
const char *packet_get(const struct packet *p, const char *key);
/* Iterates: *at starts NULL; key and value of the next field. 0 at the end. Key is not
 * NUL-terminated: *ret_key_len. */
int packet_next(const struct packet *p, const char **at, const char **ret_key, size_t *ret_key_len,
	const char **ret_value);
/* 0 and *ret untouched when absent; -1 and ERR_BAD_REQUEST when it isn't a whole number within
 * [min, max]. */
int packet_int(const struct packet *p, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct err *err);
/* ok=0 replies -> err (code ERR_UNKNOWN if the number is not known here). Returns 1 for ok=1, 0 for
 * ok=0, -1 for neither. */
int packet_result(const struct packet *p, struct err *err);

/* --- requests longer than a packet
 * ---------------------------------------------------------------- A request is sent as several
 * packets; all but the last carry more=1 as their first field. Fields and bodies are concatenated
 * in order. A value that does not fit goes on in the next packet under the key with a '+' before it
 * ("+env=rest"): its bytes are appended to the last field. */

struct assembly {
	struct buf head, body; /* caps: CAP_REQUEST together */
	size_t last;           /* where in head its last field begins */
};
void assembly_init(struct assembly *a);
void assembly_done(struct assembly *a);
size_t assembly_bytes(const struct assembly *a);
/* Takes one packet. 1: the request is complete, *ret views the assembly's memory until
 * assembly_reset(); 0: more to come; -1: err is ERR_TOO_LARGE (sys ENOMEM: no memory) or
 * ERR_BAD_REQUEST, and the assembly is empty again. */
int assembly_add(struct assembly *a, const struct packet *p, struct packet *ret, struct err *err);
void assembly_reset(struct assembly *a);
/* Splits a complete encoded request (packet_end was called on it) into packets of at most
 * CAP_PACKET and calls fn for each in order; stops at the first -1 and returns it. -1 with errno
 * ENOMEM or EINVAL (not such a request) of its own. */
int packet_split(
	const struct buf *request, int (*fn)(void *arg, const void *bytes, size_t n), void *arg);

#endif
