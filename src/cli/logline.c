#include "cli/logline.h"

#include <string.h>

#include "cli/ansi.h"
#include "cli/logfile.h"

void logline_parse(const char *line, size_t n, struct logrecord *ret)
{
	const char *rest = line + LOGTIME_STAMP + 1, *end = line + n;
	int64_t ns;

	*ret = (struct logrecord){
		.ts = "", .stream = "stdout", .stream_len = 6, .text = line, .text_len = n
	};
	if (n <= LOGTIME_STAMP + 1 || rest[-1] != ' ' || !logtime_stamp(line, n, &ns))
		return;
	const char *blank = memchr(rest, ' ', (size_t)(end - rest));
	if (blank == rest)
		return;
	ret->ts = line;
	ret->ts_len = LOGTIME_STAMP;
	ret->stream = rest;
	ret->stream_len = (size_t)((blank ? blank : end) - rest);
	ret->text = blank ? blank + 1 : end;
	ret->text_len = (size_t)(end - ret->text);
}

void logfilter_init(struct logfilter *f)
{
	*f = (struct logfilter){ .stream = NULL };
	buf_init(&f->plain, LOGLINE_ROOM);
}

void logfilter_done(struct logfilter *f)
{
	f->grep = ere_free(f->grep);
	buf_done(&f->plain);
	logfilter_init(f);
}

int logfilter_grep(struct logfilter *f, const char *expression, struct err *err)
{
	const char *why;

	f->grep = ere_new(expression, &why);
	if (!f->grep)
		return err_set(err, ERR_BAD_VALUE, 0, "--grep %.100s: %s", expression, why);
	return 0;
}

bool logfilter_is_set(const struct logfilter *f)
{
	return f->stream || f->since_set || f->until_set || f->grep;
}

static bool matches(struct logfilter *f, const struct logrecord *r)
{
	buf_reset(&f->plain);
	ansi_put(&f->plain, r->text, r->text_len, ANSI_STRIP);
	return ere_match(f->grep, f->plain.p, f->plain.len);
}

bool logfilter_takes(struct logfilter *f, const struct logrecord *r, int64_t time_ns)
{
	if (f->stream && (strlen(f->stream) != r->stream_len ||
				 memcmp(f->stream, r->stream, r->stream_len) != 0))
		return false;
	if ((f->since_set && time_ns < f->since) || (f->until_set && time_ns > f->until))
		return false;
	return !f->grep || matches(f, r);
}
