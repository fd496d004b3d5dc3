#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/out.h"

static void escape(struct buf *out, unsigned char c)
{
	static const char letters[] = "\"\"\\\\\nn\tt\rr\bb\ff";

	for (const char *l = letters; *l; l += 2)
		if (c == (unsigned char)*l) {
			(void)buf_addc(out, '\\');
			(void)buf_addc(out, l[1]);
			return;
		}
	(void)buf_printf(out, "\\u%04x", c);
}

static void quoted(struct buf *out, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	(void)buf_addc(out, '"');
	for (size_t i = 0; i < n;) {
		size_t len = utf8_length(p + i, n - i);

		if (!len)
			(void)buf_adds(out, "\xef\xbf\xbd");
		else if (len == 1 && (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f))
			escape(out, p[i]);
		else
			(void)buf_add(out, p + i, len);
		i += len ? len : 1;
	}
	(void)buf_addc(out, '"');
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		(void)buf_addc(j->out, ',');
	j->comma = true;
	if (key) {
		quoted(j->out, key, strlen(key));
		(void)buf_addc(j->out, ':');
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	(void)buf_addc(j->out, bracket);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	(void)buf_addc(j->out, bracket);
	j->comma = true;
}

void json_strn(struct json *j, const char *key, const char *text, size_t n)
{
	begin(j, key);
	quoted(j->out, text, n);
}

void json_str(struct json *j, const char *key, const char *text)
{
	if (text)
		json_strn(j, key, text, strlen(text));
}

void json_int(struct json *j, const char *key, int64_t value)
{
	begin(j, key);
	(void)buf_printf(j->out, "%lld", (long long)value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	(void)buf_adds(j->out, value ? "true" : "false");
}

void json_seconds(struct json *j, const char *key, int64_t ns)
{
	long long ms = ns / NS_PER_MS;

	if (ms < 0)
		ms = 0;
	begin(j, key);
	(void)buf_printf(j->out, "%lld", ms / 1000);
	if (ms % 1000 == 0)
		return;
	(void)buf_printf(j->out, ".%03lld", ms % 1000);
	while (j->out->len && j->out->p[j->out->len - 1] == '0')
		j->out->p[--j->out->len] = '\0';
}
