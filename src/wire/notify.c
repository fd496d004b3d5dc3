#include "wire/notify.h"

#include <string.h>

enum { ERRNO_MAX = 4095 };

static bool begins(const char *line, size_t n, const char *name, size_t *ret_at)
{
	*ret_at = strlen(name);
	return n >= *ret_at && memcmp(line, name, *ret_at) == 0;
}

static int number(const char *s, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		v = v * 10 + (s[i] - '0');
		if (v > ERRNO_MAX)
			return 0;
	}
	return v;
}

static void keep_status(struct notify_message *m, const char *s, size_t n)
{
	if (n > NOTIFY_STATUS_MAX)
		n = NOTIFY_STATUS_MAX;
	for (size_t i = 0; i < n; i++)
		m->status[i] = (char)(s[i] >= ' ' && s[i] < 0x7f ? s[i] : '?');
	m->status[n] = '\0';
}

static void line_of(struct notify_message *m, const char *line, size_t n)
{
	size_t at;

	if (begins(line, n, "READY=1", &at) && n == at)
		m->ready = true;
	else if (begins(line, n, "ERRNO=", &at))
		m->error = number(line + at, n - at);
	else if (begins(line, n, "STATUS=", &at))
		keep_status(m, line + at, n - at);
}

void notify_parse(struct notify_message *ret, const char *text, size_t n)
{
	*ret = (struct notify_message){ 0 };
	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;
		line_of(ret, text, len);
		len += end != NULL;
		text += len;
		n -= len;
	}
}
