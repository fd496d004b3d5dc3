#include "cli/http.h"

#include <stdint.h>
#include <string.h>

/* After a newline another one, maybe with a CR before it. */
size_t http_head_length(const char *bytes, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (bytes[i] != '\n')
			continue;
		size_t at = i + 1 + (bytes[i + 1] == '\r');
		if (at < n && bytes[at] == '\n')
			return at + 1;
	}
	return 0;
}

/* A line of n bytes without its end. */
struct line {
	const char *p;
	size_t n;
};

static struct line next_line(const char **at, const char *end)
{
	const char *nl = memchr(*at, '\n', (size_t)(end - *at));
	struct line l = { *at, (size_t)((nl ? nl : end) - *at) };

	*at = nl ? nl + 1 : end;
	if (l.n && l.p[l.n - 1] == '\r')
		l.n--;
	return l;
}

static bool clean(struct line l)
{
	for (size_t i = 0; i < l.n; i++)
		if (((unsigned char)l.p[i] < 0x20 && l.p[i] != '\t') || l.p[i] == 0x7f)
			return false;
	return true;
}

/* METHOD PATH HTTP/1.x, one blank between. */
static int parse_first(struct line l, struct http_asked *ret, bool *ret_old)
{
	const char *path = memchr(l.p, ' ', l.n), *end = l.p + l.n;
	const char *version = path ? memchr(path + 1, ' ', (size_t)(end - path - 1)) : NULL;

	if (!clean(l) || !version || path == l.p || path[1] != '/' || end - version != 9 ||
		memcmp(version, " HTTP/1.", 8) != 0 || (version[8] != '0' && version[8] != '1'))
		return 400;
	size_t method = (size_t)(path - l.p), n = (size_t)(version - ++path);
	const char *query = memchr(path, '?', n);
	*ret_old = version[8] == '0';
	ret->head = method == 4 && memcmp(l.p, "HEAD", 4) == 0;
	if (!ret->head && !(method == 3 && memcmp(l.p, "GET", 3) == 0))
		return 405;
	n = query ? (size_t)(query - path) : n;
	if (n >= sizeof ret->path)
		return 431;
	memcpy(ret->path, path, n);
	ret->path[n] = '\0';
	return 200;
}

int http_parse(const char *bytes, size_t n, struct http_asked *ret)
{
	const char *at = bytes, *end = bytes + n;
	bool old = false;
	int hosts = 0, status = parse_first(next_line(&at, end), ret, &old);
	struct line l;

	if (status == 400)
		return 400;
	while ((l = next_line(&at, end)).n) {
		const char *colon = memchr(l.p, ':', l.n);
		if (!clean(l) || !colon || strcspn(l.p, " \t:") != (size_t)(colon - l.p) ||
			colon == l.p)
			return 400; /* a folded line, a name with a blank behind it */
		hosts += colon - l.p == 4 && strncasecmp(l.p, "host", 4) == 0;
	}
	return hosts > 1 || (!hosts && !old) ? 400 : status;
}

void http_put_head(struct buf *out, int status, const char *type, size_t length)
{
	static const struct {
		int status;
		const char *words;
	} rows[] = { { 200, "OK" }, { 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 431, "Request Header Fields Too Large" },
		{ 503, "Service Unavailable" } };
	size_t i = 0;

	while (i + 1 < sizeof rows / sizeof *rows && rows[i].status != status)
		i++;
	(void)buf_printf(out,
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
		"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n%s\r\n",
		rows[i].status, rows[i].words, type, length,
		status == 405 ? "Allow: GET, HEAD\r\n" : "");
}

void http_put_escaped(struct buf *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
			(void)buf_printf(out, "&#%u;", c);
		else
			(void)buf_addc(out, (char)((c < 0x20 && c != '\n') || c == 0x7f ? '?' : c));
	}
}
