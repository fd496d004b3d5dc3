#include "wire/packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

/* --- writing ------------------------------------------------------------------------------------
 */

/* A field goes in whole or not at all, so that a buffer at its cap still ends at a field's end. */
static void put(struct buf *b, const char *key, const char *value, size_t n)
{
	size_t before = b->len;

	if (buf_adds(b, key) < 0 || buf_addc(b, '=') < 0 || buf_add(b, value, n) < 0 ||
		buf_addc(b, '\0') < 0) {
		b->len = before;
		if (b->p)
			b->p[before] = '\0';
	}
}

void packet_put(struct buf *b, const char *key, const char *value)
{
	put(b, key, value, strlen(value));
}

void packet_put_int(struct buf *b, const char *key, int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)value);

	put(b, key, text, (size_t)n);
}

void packet_putf(struct buf *b, const char *key, const char *fmt, ...)
{
	size_t before = b->len;
	va_list ap;

	va_start(ap, fmt);
	int rc = buf_adds(b, key) < 0 || buf_addc(b, '=') < 0 || buf_vprintf(b, fmt, ap) < 0 ||
		 buf_addc(b, '\0') < 0;
	va_end(ap);
	if (rc) {
		b->len = before;
		if (b->p)
			b->p[before] = '\0';
	}
}

void packet_end(struct buf *b, const void *body, size_t n)
{
	if (buf_addc(b, '\0') == 0 && n)
		(void)buf_add(b, body, n);
}

void packet_error(struct buf *b, const struct err *err)
{
	packet_put(b, "ok", "0");
	packet_put(b, "err", err_name(err->code));
	packet_putf(b, "code", "SG%04d", (int)err->code);
	packet_put(b, "msg", err->msg);
	if (err->sys)
		packet_put_int(b, "errno", err->sys);
	if (err->help[0])
		packet_put(b, "help", err->help);
	packet_end(b, NULL, 0);
}

/* --- reading ------------------------------------------------------------------------------------
 */

int packet_parse(struct packet *p, const char *bytes, size_t n)
{
	size_t i = 0;

	while (i < n && bytes[i] != '\0') {
		const char *nul = memchr(bytes + i, '\0', n - i);
		const char *eq = nul ? memchr(bytes + i, '=', (size_t)(nul - (bytes + i))) : NULL;

		if (!eq || eq == bytes + i || (bytes[i] == '+' && eq == bytes + i + 1))
			return -1;
		i = (size_t)(nul - bytes) + 1;
	}
	if (i >= n)
		return -1;
	*p = (struct packet){
		.head = bytes, .head_len = i, .body = bytes + i + 1, .body_len = n - i - 1
	};
	return 0;
}

int packet_next(const struct packet *p, const char **at, const char **ret_key, size_t *ret_key_len,
	const char **ret_value)
{
	const char *field = *at ? *at : p->head;

	if (!field || (size_t)(field - p->head) >= p->head_len)
		return 0;
	const char *eq = strchr(field, '=');
	*ret_key = field;
	*ret_key_len = (size_t)(eq - field);
	*ret_value = eq + 1;
	*at = eq + 1 + strlen(eq + 1) + 1;
	return 1;
}

const char *packet_get(const struct packet *p, const char *key)
{
	const char *at = NULL, *k, *value;
	size_t len, want = strlen(key);

	while (packet_next(p, &at, &k, &len, &value))
		if (len == want && memcmp(k, key, len) == 0)
			return value;
	return NULL;
}

int packet_int(const struct packet *p, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct err *err)
{
	const char *text = packet_get(p, key), *why;

	if (!text || whole_parse(text, min, max, ret, &why) == 0)
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0, "field %s: %s", key, why);
}

int packet_result(const struct packet *p, struct err *err)
{
	const char *ok = packet_get(p, "ok"), *code = packet_get(p, "code"),
		   *msg = packet_get(p, "msg");
	const char *help = packet_get(p, "help"), *sys = packet_get(p, "errno"), *why;
	int64_t number = 0, error = 0;

	if (ok && strcmp(ok, "1") == 0)
		return 1;
	if (!ok || strcmp(ok, "0") != 0)
		return -1;
	if (!code || strncmp(code, "SG", 2) != 0 ||
		whole_parse(code + 2, 1, 9999, &number, &why) < 0 || !err_known((int)number))
		number = ERR_UNKNOWN;
	if (sys && whole_parse(sys, 1, 4095, &error, &why) < 0)
		error = 0;
	(void)err_set(err, (enum err_code)number, (int)error, "%s",
		msg && *msg ? msg : err_title((enum err_code)number));
	if (help)
		(void)err_help(err, "%s", help);
	return 0;
}
