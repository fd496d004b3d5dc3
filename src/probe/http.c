#include "probe/http.h"

#include <stdio.h>
#include <string.h>

size_t http_request(char *buf, const char *authority, const char *path)
{
	int n = snprintf(buf, HTTP_REQUEST_MAX,
		"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sysg/" SYSG_VERSION
		"\r\nAccept: */*\r\nConnection: close\r\n\r\n",
		path, authority);

	return n < HTTP_REQUEST_MAX ? (size_t)n : HTTP_REQUEST_MAX - 1;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : -1;
}

int http_status(const char *line, size_t n)
{
	int status = 0;

	if (n < 13 || memcmp(line, "HTTP/", 5) != 0 || digit(line[5]) < 0 || line[6] != '.' ||
		digit(line[7]) < 0 || line[8] != ' ')
		return -1;
	for (int i = 9; i < 12; i++) {
		if (digit(line[i]) < 0)
			return -1;
		status = status * 10 + digit(line[i]);
	}
	if (status < 100 || !strchr(" \r\n", line[12]))
		return -1;
	return status;
}

/* Ours and not the server's: they go into a line of the supervisor's. */
char *http_words(char *buf, size_t size, int status)
{
	static const struct {
		int status;
		const char *words;
	} known[] = {
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};
	const char *words = status < 200   ? "an interim answer"
			    : status < 500 ? "refused"
					   : "a failure of the server";

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].status == status)
			words = known[i].words;
	snprintf(buf, size, "%d %s", status, words);
	return buf;
}
