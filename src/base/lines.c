#include "base/lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

enum { JOIN_MOST = 4096 };

/* --- characters --- */

size_t line_clean(char *to, size_t size, const char *text, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_length((const unsigned char *)text + i, n - i);
		bool shown = len > 1 || (len == 1 && !iscntrl((unsigned char)text[i]));
		if (at + (shown ? len : 1) >= size)
			break;
		if (shown)
			memcpy(to + at, text + i, len);
		else
			to[at] = text[i] == '\t' ? ' ' : '?';
		at += shown ? len : 1;
		i += len ? len : 1;
	}
	to[at] = '\0';
	return at;
}

/* --- lines --- */

bool lines_next(const char *text, size_t n, size_t *at, const char **ret, size_t *ret_len)
{
	if (*at >= n)
		return false;
	const char *nl = memchr(text + *at, '\n', n - *at);
	size_t len = nl ? (size_t)(nl - text) - *at : n - *at;
	*ret = text + *at;
	*ret_len = len;
	*at += len + 1;
	if (len && (*ret)[len - 1] == '\r')
		--*ret_len;
	return true;
}

size_t lines_last(const char *text, size_t n, unsigned most)
{
	size_t at = n && text[n - 1] == '\n' ? n - 1 : n;

	for (; at > 0; at--)
		if (text[at - 1] == '\n' && !--most)
			break;
	return at;
}

size_t lines_join(char *to, size_t size, const char *text, size_t n)
{
	char all[3 * JOIN_MOST + 1]; /* each line with its newline takes two bytes more at most */
	const char *line;
	size_t at = 0, len, done = 0, cut;

	if (n > JOIN_MOST) {
		text += n - JOIN_MOST;
		n = JOIN_MOST;
	}
	all[0] = '\0';
	while (lines_next(text, n, &at, &line, &len)) {
		if (!len)
			continue;
		if (done) {
			memcpy(all + done, " | ", 3);
			done += 3;
		}
		done += line_clean(all + done, sizeof all - done, line, len);
	}
	cut = done && done >= size ? done - (size - 1) : 0;
	while (cut &&
		(((unsigned char)all[cut] & 0xc0) == 0x80 || all[cut] == ' ' || all[cut] == '|'))
		cut++;
	memcpy(to, all + cut, done - cut + 1);
	return done - cut;
}

/* --- an address in use --- */

static const char *find_word(const char *line, size_t n, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= n; i++)
		if (strncasecmp(line + i, word, len) == 0)
			return line + i;
	return NULL;
}

/* The number at i, up to the end or to what is no digit; 0: no port. */
static int port_at(const char *line, size_t n, size_t i)
{
	int port = 0;

	for (; i < n && isdigit((unsigned char)line[i]); i++)
		if ((port = port * 10 + (line[i] - '0')) > 65535)
			return 0;
	return i < n && (isalnum((unsigned char)line[i]) || line[i] == '.' || line[i] == ']')
		       ? 0
		       : port;
}

/* A colon before a port, not one of a time of day: what is before it is no number, or the last of
 * an address. */
static bool is_port_colon(const char *line, size_t at)
{
	size_t i = at;

	while (i > 0 && isdigit((unsigned char)line[i - 1]))
		i--;
	return line[at] == ':' &&
	       (i == at || (i > 0 && (line[i - 1] == '.' || isalpha((unsigned char)line[i - 1]))));
}

static int find_port(const char *line, size_t n)
{
	const char *word = find_word(line, n, "port ");
	int port = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		int p = is_port_colon(line, i) ? port_at(line, n, i + 1) : 0;
		port = p ? p : port;
	}
	if (!port && word)
		port = port_at(line, n, (size_t)(word - line) + 5);
	/* ('0.0.0.0', 8000) */
	for (size_t i = 0; !port && i + 3 < n; i++)
		if (memcmp(line + i, "', ", 3) == 0)
			port = port_at(line, n, i + 3);
	return port;
}

bool lines_bind_error(const char *text, size_t n, int *ret_port)
{
	const char *line;
	size_t at = 0, len;
	bool found = false;

	*ret_port = 0;
	while (lines_next(text, n, &at, &line, &len)) {
		if (!find_word(line, len, "address already in use"))
			continue;
		found = true;
		int port = find_port(line, len);
		if (port)
			*ret_port = port;
	}
	return found;
}
