/* Packets: what parses is printed as it was, what is split comes together again, what is asked is a
 * row of the table of ops or is refused. The input is packets, each behind two bytes of its length. */
#include "base/caps.h"
#include "fuzz.h"
#include "node/tree.h"
#include "super/ops.h"
#include "wire/packet.h"

/* --- one packet --- */

static void printed_as_it_was(const struct packet *p, const char *bytes, size_t size)
{
	const char *at = NULL, *key, *value;
	size_t n;
	struct buf b;

	buf_init(&b, size + 1);
	while (packet_next(p, &at, &key, &n, &value)) {
		char *name = text_copy((const uint8_t *)key, n);
		HOLDS(strlen(name) == n && n > 0, "a key");
		HOLDS(packet_get(p, name), "%s is there and isn't found", name);
		packet_put(&b, name, value);
		free(name);
	}
	packet_end(&b, p->body, p->body_len);
	HOLDS(!b.failed && b.len == size && memcmp(b.p, bytes, size) == 0, "%zu of %zu", b.len,
		size);
	buf_done(&b);
}

static void read_as_reply(const struct packet *p)
{
	struct err err = { 0 };
	int64_t n = 0;

	if (packet_result(p, &err) == 0) {
		struct buf b;
		struct packet again;
		struct err twice = { 0 };
		err_holds(&err);
		buf_init(&b, CAP_PACKET);
		packet_error(&b, &err);
		HOLDS(packet_parse(&again, b.p, b.len) == 0, "an error's packet");
		HOLDS(packet_result(&again, &twice) == 0 && twice.code == err.code, "SG%04d",
			(int)err.code);
		HOLDS(strcmp(twice.msg, err.msg) == 0 && strcmp(twice.help, err.help) == 0, "%s",
			err.msg);
		buf_done(&b);
	}
	if (packet_int(p, "ttl_ns", 0, 1000, &n, &err) < 0)
		err_holds(&err);
	HOLDS(n >= 0 && n <= 1000, "%lld", (long long)n);
}

/* --- a request --- */

static struct tree tree;
static struct unit *caller;

static void plant(void)
{
	struct spawn_want w = { .name = "kid" };
	struct err err;

	for (int i = 0; i < LIMIT_COUNT; i++)
		w.limits.v[i] = LIMIT_NONE;
	tree_init(&tree);
	caller = tree_add_service(&tree, "a", 0);
	HOLDS(caller && tree_add_service(&tree, "b.1", 1), "no memory");
	caller->dynamic = true;
	caller->limits.v[LIMIT_DEPTH] = caller->limits.v[LIMIT_CHILDREN] = 9;
	caller->state = NODE_READY;
	struct unit *kid = tree_admit(&tree, caller, &w, 0, &err);
	HOLDS(kid, "%s", err.msg);
	tree_set_pid(&tree, kid, 4711);
}

static void read_as_request(const struct packet *p)
{
	const char *name = packet_get(p, "op"), *at = NULL, *key, *value;
	const struct op *op = name ? op_find(name) : NULL;
	struct err err = { 0 };
	size_t n;

	if (op && op_fields(op, p, &err) < 0)
		err_holds(&err);
	while (packet_next(p, &at, &key, &n, &value)) {
		struct unit *u = tree_select(&tree, n % 2 ? caller : NULL, value, &err);
		if (!u)
			err_holds(&err);
	}
}

/* --- several packets, and one taken apart --- */

static int put_again(void *arg, const void *bytes, size_t n)
{
	struct assembly *a = arg;
	struct packet p, whole;
	struct err err = { 0 };

	HOLDS(n <= CAP_PACKET, "%zu bytes", n);
	HOLDS(packet_parse(&p, bytes, n) == 0, "a piece is no packet");
	HOLDS(assembly_add(a, &p, &whole, &err) >= 0, "%s", err.msg);
	return 0;
}

/* Each field's value as often as makes the request longer than a packet. */
static void split_and_joined(const struct packet *p, unsigned times)
{
	const char *at = NULL, *key, *value;
	struct buf b;
	struct assembly a;
	size_t n;

	buf_init(&b, CAP_REQUEST);
	while (packet_next(p, &at, &key, &n, &value)) {
		if (key[0] == '+' || strncmp(key, "more=", 5) == 0)
			continue;
		size_t before = b.len;
		int rc = buf_add(&b, key, n + 1);
		for (unsigned i = 0; i < times && rc == 0; i++)
			rc = buf_adds(&b, value);
		if (rc < 0 || buf_addc(&b, '\0') < 0 || b.len > CAP_REQUEST - 4096) {
			b.len = before;
			break;
		}
	}
	size_t head = b.len;
	assembly_init(&a);
	b.failed = 0;
	packet_end(&b, p->body, p->body_len);
	if (!b.failed && packet_split(&b, put_again, &a) == 0) {
		HOLDS(a.head.len == head && (!head || memcmp(a.head.p, b.p, head) == 0), "%zu, %zu",
			a.head.len, head);
		HOLDS(a.body.len == p->body_len &&
				(!p->body_len || memcmp(a.body.p, p->body, p->body_len) == 0),
			"the body");
	}
	assembly_done(&a);
	buf_done(&b);
}

static void take(struct assembly *a, const char *bytes, size_t n)
{
	struct packet p, whole;
	struct err err = { 0 };

	if (packet_parse(&p, bytes, n) < 0)
		return;
	printed_as_it_was(&p, bytes, n);
	read_as_reply(&p);
	int rc = assembly_add(a, &p, &whole, &err);
	HOLDS(assembly_bytes(a) <= CAP_REQUEST, "%zu", assembly_bytes(a));
	if (rc < 0) {
		err_holds(&err);
		HOLDS(!assembly_bytes(a), "%zu bytes are left of what was refused",
			assembly_bytes(a));
	}
	if (rc == 1) {
		read_as_request(&whole);
		split_and_joined(&whole, n % 8 ? (unsigned)(n % 8) : 5000);
		assembly_reset(a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assembly a;

	if (!caller)
		plant();
	assembly_init(&a);
	while (size >= 2) {
		size_t n = (size_t)data[0] | (size_t)data[1] << 8;
		n = n > size - 2 ? size - 2 : n;
		char *bytes = bytes_copy(data + 2, n);
		take(&a, bytes, n);
		free(bytes);
		data += 2 + n;
		size -= 2 + n;
	}
	assembly_done(&a);
	return 0;
}
