#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "wire/packet.h"

enum { KEY_MAX = 1024 }; /* so that each piece of a value has room for some of it */

static const char more[] = "more=1"; /* with its NUL: the field as it is in a packet */

/* --- putting a long request together --- */

void assembly_init(struct assembly *a)
{
	buf_init(&a->head, CAP_REQUEST);
	buf_init(&a->body, CAP_REQUEST);
	a->last = 0;
}

void assembly_done(struct assembly *a)
{
	buf_done(&a->head);
	buf_done(&a->body);
	a->last = 0;
}

void assembly_reset(struct assembly *a)
{
	buf_reset(&a->head);
	buf_reset(&a->body);
	a->last = 0;
}

size_t assembly_bytes(const struct assembly *a)
{
	return a->head.len + a->body.len;
}

static int room(const struct assembly *a, size_t n, struct err *err)
{
	if (n > CAP_REQUEST || assembly_bytes(a) > CAP_REQUEST - n)
		return err_set(err, ERR_TOO_LARGE, EMSGSIZE, "the request is larger than %d bytes",
			CAP_REQUEST);
	return 0;
}

static int no_memory(struct err *err)
{
	return err_set(err, ERR_TOO_LARGE, ENOMEM, "no memory for the request");
}

/* The offset of the last field is kept, never searched for: a packet full of tiny continuations
 * stays linear. */
static int go_on(
	struct assembly *a, const char *key, size_t key_len, const char *value, struct err *err)
{
	size_t n = strlen(value);

	if (!a->head.len || strncmp(a->head.p + a->last, key, key_len) != 0 ||
		a->head.p[a->last + key_len] != '=')
		return err_set(
			err, ERR_BAD_REQUEST, 0, "a continued field follows no field of that name");
	if (room(a, n, err) < 0)
		return -1;
	a->head.len--;
	return buf_add(&a->head, value, n + 1) < 0 ? no_memory(err) : 0;
}

static int add_field(
	struct assembly *a, const char *key, size_t key_len, const char *value, struct err *err)
{
	if (*key == '+')
		return go_on(a, key + 1, key_len - 1, value, err);
	size_t n = key_len + 1 + strlen(value) + 1, at = a->head.len;

	if (room(a, n, err) < 0)
		return -1;
	if (buf_add(&a->head, key, n) < 0)
		return no_memory(err);
	a->last = at;
	return 0;
}

static int add_packet(struct assembly *a, const struct packet *p, struct err *err)
{
	const char *at = NULL, *key, *value;
	size_t key_len;
	int first = 1, unfinished = 0;

	while (packet_next(p, &at, &key, &key_len, &value)) {
		if (first && strcmp(key, more) == 0)
			unfinished = 1;
		else if (add_field(a, key, key_len, value, err) < 0)
			return -1;
		first = 0;
	}
	if (room(a, p->body_len, err) < 0)
		return -1;
	if (p->body_len && buf_add(&a->body, p->body, p->body_len) < 0)
		return no_memory(err);
	return !unfinished;
}

int assembly_add(struct assembly *a, const struct packet *p, struct packet *ret, struct err *err)
{
	int rc = add_packet(a, p, err);

	if (rc < 0)
		assembly_reset(a);
	if (rc == 1)
		*ret = (struct packet){ .head = a->head.len ? a->head.p : "",
			.head_len = a->head.len,
			.body = a->body.len ? a->body.p : "",
			.body_len = a->body.len };
	return rc;
}

/* --- taking it apart --- */

/* One packet being filled. Its first bytes are always more=1; the last packet is sent without them.
 */
struct splitter {
	int (*fn)(void *arg, const void *bytes, size_t n);
	void *arg;
	char *p;
	size_t n;
};

static size_t left(const struct splitter *s)
{
	return CAP_PACKET - s->n - 1; /* one byte ends the header */
}

static void append(struct splitter *s, const void *bytes, size_t n)
{
	memcpy(s->p + s->n, bytes, n);
	s->n += n;
}

static int flush(struct splitter *s)
{
	int rc = s->fn(s->arg, s->p, s->n);

	s->n = sizeof more;
	return rc < 0 ? -1 : 0;
}

static int end_and_flush(struct splitter *s)
{
	append(s, "", 1);
	return flush(s);
}

/* A field that no packet can hold: its value in pieces, each but the first under +key. */
static int split_field(struct splitter *s, const char *key, size_t key_len, const char *value)
{
	size_t n = strlen(value), plus = 0;

	while (n) {
		size_t frame = plus + key_len + 2, chunk = left(s) - frame;

		if (chunk > n)
			chunk = n;
		append(s, "+", plus);
		append(s, key, key_len);
		append(s, "=", 1);
		append(s, value, chunk);
		append(s, "", 1);
		value += chunk;
		n -= chunk;
		plus = 1;
		if (n && end_and_flush(s) < 0)
			return -1;
	}
	return 0;
}

static int split_head(struct splitter *s, const struct packet *p)
{
	const char *at = NULL, *key, *value;
	size_t key_len;

	while (packet_next(p, &at, &key, &key_len, &value)) {
		size_t n = key_len + 1 + strlen(value) + 1;

		if (key_len > KEY_MAX) {
			errno = EINVAL;
			return -1;
		}
		if (n > left(s) && s->n > sizeof more && end_and_flush(s) < 0)
			return -1;
		if (n <= left(s))
			append(s, key, n);
		else if (split_field(s, key, key_len, value) < 0)
			return -1;
	}
	return 0;
}

static int split_body(struct splitter *s, const char *body, size_t n)
{
	append(s, "", 1);
	while (n > CAP_PACKET - s->n) {
		size_t chunk = CAP_PACKET - s->n;

		append(s, body, chunk);
		body += chunk;
		n -= chunk;
		if (flush(s) < 0)
			return -1;
		append(s, "", 1);
	}
	if (n)
		append(s, body, n);
	return 0;
}

int packet_split(
	const struct buf *request, int (*fn)(void *arg, const void *bytes, size_t n), void *arg)
{
	struct splitter s = { .fn = fn, .arg = arg, .n = sizeof more };
	struct packet p;

	if (packet_parse(&p, request->p, request->len) < 0) {
		errno = EINVAL;
		return -1;
	}
	if (request->len <= CAP_PACKET)
		return fn(arg, request->p, request->len) < 0 ? -1 : 0;
	s.p = malloc(CAP_PACKET);
	if (!s.p)
		return -1;
	memcpy(s.p, more, sizeof more);
	int rc = split_head(&s, &p);
	if (rc == 0)
		rc = split_body(&s, p.body, p.body_len);
	if (rc == 0)
		rc = fn(arg, s.p + sizeof more, s.n - sizeof more) < 0 ? -1 : 0;
	free(s.p);
	return rc;
}
