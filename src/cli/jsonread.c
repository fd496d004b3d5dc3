#include "cli/jsonread.h"

#include <stdbool.h>
#include <string.h>

#include "base/caps.h"
#include "base/utf8.h"
#include "wire/packet.h"

struct reader {
	const char *at, *end;
	struct buf text; /* of the string that was read last */
	struct buf *body;
	struct buf op, fields;
	const char *why; /* of a refusal */
};

static void blank(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
		r->at++;
}

static int bad(struct reader *r, const char *why)
{
	r->why = why;
	return -1;
}

static bool is(struct reader *r, char c)
{
	blank(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool is_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

/* --- strings --- */

/* XXXX, or -1. */
static int hex4(struct reader *r)
{
	int v = 0;

	for (int i = 0; i < 4; i++, r->at++) {
		char c = (char)(r->at < r->end ? *r->at : '\0');
		int digit = c >= '0' && c <= '9'                 ? c - '0'
			    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
								 : -1;
		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

static void put_utf8(struct buf *b, int c)
{
	int n = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const int lead[] = { 0, 0xc0, 0xe0, 0xf0 };

	(void)buf_addc(b, (char)(lead[n] | c >> 6 * n));
	while (n--)
		(void)buf_addc(b, (char)(0x80 | (c >> 6 * n & 0x3f)));
}

/* Behind "\u": a lone half of a pair is no character. */
static int read_u(struct reader *r)
{
	int c = hex4(r), low;

	if (c >= 0xd800 && c < 0xdc00) {
		if (!is_word(r, "\\u") || (low = hex4(r)) < 0xdc00 || low > 0xdfff)
			return -1;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c < 0xe000) {
		return -1;
	}
	if (c >= 0)
		put_utf8(&r->text, c);
	return c < 0 ? -1 : 0;
}

static int read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = (char)(r->at < r->end ? *r->at++ : '\0');
	const char *p = c ? strchr(from, c) : NULL;

	if (c == 'u')
		return read_u(r);
	if (!p)
		return -1;
	return buf_addc(&r->text, to[p - from]);
}

/* Behind the opening quote. */
static int read_string(struct reader *r)
{
	buf_reset(&r->text);
	while (r->at < r->end && *r->at != '"') {
		size_t n = utf8_length((const unsigned char *)r->at, (size_t)(r->end - r->at));
		if (!n || (unsigned char)*r->at < 0x20)
			return bad(r, "a string holds what has to be escaped, or is no UTF-8");
		if (*r->at == '\\') {
			r->at++;
			if (read_escape(r) < 0)
				return bad(r, "an escape in a string is wrong");
			continue;
		}
		(void)buf_add(&r->text, r->at, n);
		r->at += n;
	}
	return is(r, '"') ? 0 : bad(r, "a string does not end");
}

/* --- values --- */

static int read_number(struct reader *r)
{
	const char *from = r->at;

	buf_reset(&r->text);
	if (r->at < r->end && *r->at == '-')
		r->at++;
	const char *digits = r->at;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	if (r->at == digits || (*digits == '0' && r->at - digits > 1))
		return bad(r, "no value of a field: a string, a whole number, true, false, null");
	if (r->at < r->end && strchr(".eE", *r->at) && *r->at)
		return bad(r, "a number is not whole");
	return buf_add(&r->text, from, (size_t)(r->at - from));
}

static int put_field(struct reader *r, const char *key)
{
	const char *value = r->text.p ? r->text.p : "";
	bool base64 = strcmp(key, "body_base64") == 0;

	if (base64)
		return base64_get(r->body, value, r->text.len) < 0
			       ? bad(r, "body_base64 is no base64")
			       : 0;
	if (strcmp(key, "body") == 0)
		return buf_add(r->body, value, r->text.len);
	if (strlen(value) != r->text.len)
		return bad(r, "a field has a NUL in it");
	packet_put(strcmp(key, "op") == 0 ? &r->op : &r->fields, key, value);
	return 0;
}

static int read_scalar(struct reader *r, const char *key)
{
	blank(r);
	if (is_word(r, "false") || is_word(r, "null"))
		return 0;
	if (is_word(r, "true")) {
		buf_reset(&r->text);
		(void)buf_addc(&r->text, '1');
	} else if (is(r, '"') ? read_string(r) < 0 : read_number(r) < 0) {
		return -1;
	}
	return put_field(r, key);
}

static int read_value(struct reader *r, const char *key)
{
	if (!is(r, '['))
		return read_scalar(r, key);
	if (is(r, ']'))
		return 0;
	do
		if (read_scalar(r, key) < 0)
			return -1;
	while (is(r, ','));
	return is(r, ']') ? 0 : bad(r, "an array does not end");
}

static int read_member(struct reader *r)
{
	char key[40];

	if (!is(r, '"') || read_string(r) < 0)
		return bad(r, r->why ? r->why : "a member has no name");
	if (!r->text.len || r->text.len >= sizeof key ||
		strspn(r->text.p, "abcdefghijklmnopqrstuvwxyz_0123456789") != r->text.len)
		return bad(r, "a member has a name that no field has");
	memcpy(key, r->text.p, r->text.len + 1);
	return is(r, ':') ? read_value(r, key) : bad(r, "a member has no value");
}

static int read_object(struct reader *r)
{
	if (!is(r, '{'))
		return bad(r, "a request is an object");
	if (!is(r, '}')) {
		do
			if (read_member(r) < 0)
				return -1;
		while (is(r, ','));
		if (!is(r, '}'))
			return bad(r, "the object does not end");
	}
	blank(r);
	return r->at == r->end ? 0 : bad(r, "something follows the object");
}

int json_read_request(
	const char *line, size_t n, struct buf *request, struct buf *body, struct err *err)
{
	struct reader r = { .at = line, .end = line + n, .body = body };

	buf_init(&r.text, n);
	buf_init(&r.op, CAP_REQUEST);
	buf_init(&r.fields, CAP_REQUEST); /* an array repeats its name */
	int rc = read_object(&r);
	if (rc == 0 && !r.op.len)
		rc = bad(&r, "there is no op");
	if (rc == 0 && (r.text.failed || r.op.failed || r.fields.failed || body->failed ||
			       buf_add(request, r.op.p, r.op.len) < 0 ||
			       buf_add(request, r.fields.p, r.fields.len) < 0))
		rc = err_set(err, ERR_TOO_LARGE, 0, "the request is too large");
	else if (rc < 0)
		(void)err_set(err, ERR_BAD_REQUEST, 0, "%s, at byte %zu",
			r.why ? r.why : "too large", (size_t)(r.at - line));
	buf_done(&r.text);
	buf_done(&r.op);
	buf_done(&r.fields);
	return rc;
}

/* --- base64 --- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *b, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i += 3) {
		size_t k = n - i < 3 ? n - i : 3;
		unsigned v = (unsigned)p[i] << 16 | (k > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (k > 2 ? p[i + 2] : 0);
		for (size_t j = 0; j < 4; j++)
			(void)buf_addc(b, (char)(j <= k ? letters[v >> (18 - 6 * j) & 63] : '='));
	}
}

int base64_get(struct buf *b, const char *text, size_t n)
{
	unsigned v = 0, bits = 0;
	size_t pad = 0;

	if (n % 4)
		return -1;
	while (n && pad < 2 && text[n - 1] == '=') {
		n--;
		pad++;
	}
	for (size_t i = 0; i < n; i++) {
		const char *p = text[i] ? strchr(letters, text[i]) : NULL;
		if (!p)
			return -1;
		v = v << 6 | (unsigned)(p - letters);
		bits += 6;
		if (bits >= 8)
			(void)buf_addc(b, (char)(v >> (bits -= 8)));
	}
	return v & ((1U << bits) - 1) ? -1 : 0; /* what is left over has to be 0 */
}
