/* Requests as lines of JSON (`sysg batch`): what is taken is a packet of fields with op= first, and printed as JSON
 * again it is taken as the same; base64 there and back. The first byte chooses which. */
#include "base/caps.h"
#include "cli/jsonread.h"
#include "cli/out.h"
#include "fuzz.h"
#include "wire/packet.h"

/* --- requests --- */

struct taken {
	struct buf request, body;
	int rc;
};

static void take(struct taken *t, const char *line, size_t n)
{
	struct err err = { 0 };

	buf_init(&t->request, CAP_REQUEST + 1);
	buf_init(&t->body, CAP_REQUEST);
	t->rc = json_read_request(line, n, &t->request, &t->body, &err);
	HOLDS(t->rc == 0 || t->rc == -1, "%d", t->rc);
	if (t->rc < 0)
		err_holds(&err);
}

static void taken_done(struct taken *t)
{
	buf_done(&t->request);
	buf_done(&t->body);
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || memcmp(a->p, b->p, a->len) == 0);
}

/* Each field as a member, in their order. */
static void print(struct buf *out, const struct taken *t)
{
	struct json j = { .out = out };
	struct buf whole, base64;
	struct packet p;
	const char *at = NULL, *key, *value;
	size_t n, fields = 0;

	buf_init(&whole, CAP_REQUEST + 1);
	buf_init(&base64, OUT_MAX);
	buf_add(&whole, t->request.p, t->request.len);
	packet_end(&whole, t->body.p, t->body.len);
	HOLDS(!whole.failed && packet_parse(&p, whole.p, whole.len) == 0, "no packet");
	HOLDS(p.head_len == t->request.len && p.body_len == t->body.len, "a NUL in a field");
	json_open(&j, NULL, '{');
	while (packet_next(&p, &at, &key, &n, &value)) {
		char *name = text_copy((const uint8_t *)key, n);
		HOLDS(n < 40 && strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == n, "%s",
			name);
		HOLDS(fields++ || strcmp(name, "op") == 0, "%s is first", name);
		json_str(&j, name, value);
		free(name);
	}
	base64_put(&base64, t->body.p, t->body.len);
	json_strn(&j, "body_base64", base64.len ? base64.p : "", base64.len);
	json_close(&j, '}');
	HOLDS(fields && !out->failed, "%zu fields", fields);
	buf_done(&base64);
	buf_done(&whole);
}

static void request(const uint8_t *data, size_t size)
{
	char *line = bytes_copy(data, size);
	struct taken first, again;
	struct buf out;

	take(&first, line, size);
	if (first.rc == 0) {
		buf_init(&out, OUT_MAX);
		print(&out, &first);
		take(&again, out.p, out.len);
		HOLDS(again.rc == 0, "%s", out.p);
		HOLDS(same(&first.request, &again.request), "%s", out.p);
		HOLDS(same(&first.body, &again.body), "the body of %s", out.p);
		taken_done(&again);
		buf_done(&out);
	}
	taken_done(&first);
	free(line);
}

/* --- base64 --- */

static void there_and_back(const uint8_t *data, size_t size)
{
	char *bytes = bytes_copy(data, size);
	struct buf text, back;

	buf_init(&text, 2 * size + 4);
	buf_init(&back, size);
	base64_put(&text, bytes, size);
	HOLDS(!text.failed && text.len == (size + 2) / 3 * 4, "%zu of %zu", text.len, size);
	HOLDS(base64_get(&back, text.len ? text.p : "", text.len) == 0, "%s", text.p);
	HOLDS(back.len == size && (!size || memcmp(back.p, bytes, size) == 0), "%s", text.p);
	buf_done(&text);
	buf_done(&back);
	free(bytes);
}

/* What is taken is the one way to write what it stands for. */
static void back_and_there(const uint8_t *data, size_t size)
{
	char *text = bytes_copy(data, size);
	struct buf bytes, again;

	buf_init(&bytes, size);
	buf_init(&again, 2 * size + 4);
	if (base64_get(&bytes, text, size) == 0) {
		base64_put(&again, bytes.p, bytes.len);
		HOLDS(again.len == size && (!size || memcmp(again.p, text, size) == 0), "%.*s",
			(int)size, text);
	}
	buf_done(&bytes);
	buf_done(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && *data == 0)
		there_and_back(data + 1, size - 1);
	else if (size && *data == 1)
		back_and_there(data + 1, size - 1);
	else
		request(data, size);
	return 0;
}
