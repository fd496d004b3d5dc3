#include "manifest/url.h"

#include <string.h>
#include <strings.h>

#include "manifest/types.h"

#define FORM "write for example http://localhost:8080/health"

static int refuse(const char **why, const char **help, const char *reason, const char *remedy)
{
	*why = reason;
	*help = remedy;
	return -1;
}

static int scheme(const char *s, const char **why, const char **help)
{
	if (strncasecmp(s, "http://", 7) == 0)
		return 0;
	if (strncasecmp(s, "https://", 8) == 0)
		return refuse(why, help, "the init speaks no TLS",
			"write command: [curl, -fsS, -o, /dev/null, \"https://...\"], or tcp: "
			"HOST:PORT");
	if (strstr(s, "://"))
		return refuse(why, help, "no scheme but http", FORM);
	return refuse(why, help, "http:// is missing", FORM);
}

/* What stands in it goes into the request's first line as it is. */
static int only_visible(const char *s, const char **why, const char **help)
{
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return refuse(why, help, "a blank, a control character or one beyond ASCII",
				"write it as %20, %C3%A4 and the like");
		if (*s == '#')
			return refuse(why, help, "what follows a # is never sent",
				"leave it out, or write %23");
	}
	return 0;
}

/* With the port that http has where none is written. */
static int host_and_port(struct url *u, const char **why)
{
	char text[300];
	const char *host;
	bool bracket = *u->authority == '[', port = false;

	*why = "the host has too many bytes";
	if (u->authority_len > sizeof text - 4)
		return -1;
	memcpy(text, u->authority, u->authority_len);
	text[u->authority_len] = '\0';
	port = strchr(bracket ? strchrnul(text, ']') : text, ':') != NULL;
	if (!port)
		memcpy(text + u->authority_len, ":80", 4);
	if (type_hostport(text, &host, &u->host_len, &u->port, why) < 0)
		return -1;
	u->host = u->authority + (host - text);
	return 0;
}

int url_parse(const char *s, struct url *ret, const char **why, const char **help)
{
	if (scheme(s, why, help) < 0 || only_visible(s, why, help) < 0)
		return -1;
	if (strlen(s) > URL_MAX)
		return refuse(why, help, "more than 2048 bytes", "write a command");
	ret->authority = s + strlen("http://");
	ret->authority_len = strcspn(ret->authority, "/?");
	ret->path = ret->authority + ret->authority_len;
	if (memchr(ret->authority, '@', ret->authority_len))
		return refuse(why, help, "a user or password in it is not sent",
			"write command: [curl, -fsS, -o, /dev/null, -u, USER:PASSWORD, "
			"\"http://...\"]");
	if (!ret->authority_len)
		return refuse(why, help, "no host", FORM);
	*help = FORM;
	return host_and_port(ret, why);
}
