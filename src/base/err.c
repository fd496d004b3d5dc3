#include "base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
	uint16_t code;
	uint8_t status;
} rows[] = {
#define ERR(num, name, status, title) { ERR_##name, status },
#include "base/errcodes.def"
#undef ERR
};

/* Name and title of each row. */
static const char words[] =
#define ERR(num, name, status, title) #name "\0" title "\0"
#include "base/errcodes.def"
#undef ERR
	;

enum { ROWS = sizeof rows / sizeof *rows, STATUS_LIMIT = 7 };

static int row_of(int number)
{
	for (int i = 0; i < ROWS; i++)
		if (rows[i].code == number)
			return i;
	return -1;
}

/* The n-th of the words: 2 * row is its name, the next its title. */
static const char *word(int n)
{
	const char *at = words;

	while (n--)
		at += strlen(at) + 1;
	return at;
}

static void fill(struct err *e, enum err_code code, int sys, const char *fmt, va_list ap)
{
	e->code = code;
	e->sys = sys;
	e->line = e->col = 0;
	e->help[0] = '\0';
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
}

int err_set(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(e, code, sys, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *e, enum err_code code, int sys, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(e, code, sys, fmt, ap);
	va_end(ap);
	size_t n = strlen(e->msg);
	snprintf(e->msg + n, sizeof e->msg - n, ": %s", strerror(sys));
	return -1;
}

int err_no_memory(struct err *e)
{
	return err_set(e, ERR_UNKNOWN, ENOMEM, "out of memory");
}

int err_of_want(int sys)
{
	return sys == ENOMEM || sys == EMFILE || sys == ENFILE;
}

int err_help(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->help, sizeof e->help, fmt, ap);
	va_end(ap);
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char head[sizeof e->msg], tail[sizeof e->msg];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(head, sizeof head, fmt, ap);
	va_end(ap);
	memcpy(tail, e->msg, sizeof tail);
	size_t n = strnlen(head, sizeof head - 3);
	memcpy(e->msg, head, n);
	memcpy(e->msg + n, ": ", 2);
	size_t room = sizeof e->msg - n - 3, m = strnlen(tail, room);
	memcpy(e->msg + n + 2, tail, m);
	e->msg[n + 2 + m] = '\0';
	return -1;
}

const char *err_name(enum err_code code)
{
	static char name[32];
	int i = row_of((int)code);

	if (i < 0)
		return "unknown";
	/* one word for all that a larger limit would have let through; the code says which limit */
	if (rows[i].status == STATUS_LIMIT && code != ERR_PARENT_STOPPING)
		return "limit";
	size_t n = 0;
	for (const char *p = word(2 * i); *p && n < sizeof name - 1; p++)
		name[n++] = (char)(*p == '_' ? '-' : tolower((unsigned char)*p));
	name[n] = '\0';
	return name;
}

const char *err_title(enum err_code code)
{
	int i = row_of((int)code);

	return i < 0 ? "unlisted error" : word(2 * i + 1);
}

int err_exit_status(enum err_code code)
{
	int i = row_of((int)code);

	return i < 0 ? 1 : rows[i].status;
}

int err_known(int number)
{
	return row_of(number) >= 0;
}
