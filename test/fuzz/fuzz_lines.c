/* Log lines: what a service prints is cut into lines that are whole and together all that it printed;
 * what stands in a log file is read again as it is, from whichever end. */
#include <fcntl.h>
#include <unistd.h>

#include "base/caps.h"
#include "cli/logfile.h"
#include "fuzz.h"
#include "logger/line.h"

/* --- cutting --- */

static bool inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void line_holds(const struct line *l, const char *p, size_t used, size_t left)
{
	static char room[LINE_ROOM(CAP_LINE)];

	HOLDS(used <= left && l->p == p && l->n <= CAP_LINE && l->n <= used, "%zu of %zu", used,
		left);
	HOLDS(!memchr(l->p, '\n', l->n), "a newline inside of a line");
	HOLDS(!l->cut || (l->n > CAP_LINE - 4 && left > l->n), "cut at %zu", l->n);
	HOLDS(line_put(room, l) <= LINE_ROOM(l->n), "%zu bytes", l->n);
	HOLDS(memcmp(room, l->p, l->n) == 0, "other bytes");
	/* Where a character of UTF-8 could have been spared it was. */
	if (l->cut && inside_character(p[l->n]))
		HOLDS(l->n == CAP_LINE, "cut inside of a character at %zu", l->n);
}

static void cut(const char *p, size_t n)
{
	size_t at = 0, used;
	struct line l;

	while ((used = line_next(p + at, n - at, true, &l)) > 0) {
		line_holds(&l, p + at, used, n - at);
		struct line early;
		size_t k = line_next(p + at, n - at, false, &early);
		HOLDS(k ? k == used && early.n == l.n && early.cut == l.cut : at + used == n,
			"at %zu", at);
		at += used;
	}
	HOLDS(at == n, "%zu of %zu bytes became lines", at, n);
}

/* --- a file and its readers --- */

static int write_all(const char *path, int flags, const char *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	ssize_t got = fd >= 0 ? write(fd, p, n) : -1;

	if (fd >= 0)
		close(fd);
	return got == (ssize_t)n ? 0 : -1;
}

static void parsed(const struct logline *line)
{
	struct logrecord r;

	logline_parse(line, &r);
	HOLDS(r.text >= line->bytes && r.text + r.text_len == line->bytes + line->len, "the text");
	HOLDS(!r.ts_len ||
			(r.ts == line->bytes && r.ts_len + r.stream_len + r.text_len <= line->len),
		"the parts");
	HOLDS(r.stream_len <= 64 * 1024 && strnlen(r.stream, r.stream_len) <= r.stream_len,
		"the stream");
}

static void in_order(struct loglines *lines)
{
	size_t n = lines->n;

	loglines_sort(lines);
	HOLDS(lines->n == n, "lines were lost");
	loglines_keep(lines, n / 2);
	HOLDS(lines->n == n / 2, "%zu of %zu", lines->n, n);
}

/* The last k lines, and then what comes, are the end of all of them. */
static void tail(const char *path, const struct loglines *all, size_t before, size_t k,
	const char *more, size_t n)
{
	struct logfile f;
	struct loglines lines = { 0 };

	HOLDS(logfile_init(&f, "a", path) == 0, "no memory");
	HOLDS(logfile_last(&f, k, &lines) == 0, "the last %zu lines", k);
	HOLDS(lines.n + !!f.part.len == (k < before ? k : before), "%zu lines of %zu, not %zu",
		lines.n, before, k);
	HOLDS(write_all(path, O_APPEND, more, n) == 0, "more");
	HOLDS(logfile_more(&f, &lines) == 0, "what was added");
	HOLDS(lines.n <= all->n, "%zu lines of %zu", lines.n, all->n);
	for (size_t i = 0; k && i < lines.n; i++) {
		const struct logline *a = &lines.v[lines.n - 1 - i], *b = &all->v[all->n - 1 - i];
		HOLDS(a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0,
			"line %zu from the end", i);
		parsed(a);
	}
	in_order(&lines);
	loglines_done(&lines);
	logfile_done(&f);
}

/* How many there are, the last one maybe without its end; *ret_long: one of them is read in pieces. */
static size_t count(const char *p, size_t n, bool *ret_long)
{
	size_t k = 0, len = 0;

	for (size_t i = 0; i < n; i++, len++)
		if (p[i] == '\n') {
			k++;
			*ret_long |= len > LOGFILE_LINE;
			len = (size_t)-1;
		}
	*ret_long |= len > LOGFILE_LINE;
	return k + (len > 0);
}

static void read_back(const char *p, size_t n, size_t split, size_t k)
{
	static char path[64];
	struct logfile f;
	struct loglines all = { 0 };

	if (!path[0])
		snprintf(path, sizeof path, "/dev/shm/fuzz-lines.%d", (int)getpid());
	HOLDS(write_all(path, O_TRUNC, p, n) == 0, "the file");
	HOLDS(logfile_init(&f, "a", path) == 0 && logfile_more(&f, &all) == 0, "the whole file");
	logfile_done(&f);
	HOLDS(write_all(path, O_TRUNC, p, split) == 0, "the file");
	bool pieces = false;
	(void)count(p, n, &pieces);
	size_t before = count(p, split, &pieces);
	if (!pieces)
		tail(path, &all, before, k, p + split, n - split);
	loglines_done(&all);
	unlink(path);
}

/* The first bytes say where the file is split, how many lines are asked for, and how often the rest
 * is repeated, so that long lines need no long input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	size_t times = data[0] % 32 ? 1 : 1 + CAP_LINE / size, n = (size - 4) * times;
	char *text = malloc(n ? n : 1);
	HOLDS(text, "no memory");
	for (size_t i = 0; i < times; i++)
		memcpy(text + i * (size - 4), data + 4, size - 4);
	cut(text, n);
	read_back(text, n, n ? (size_t)(data[1] | data[2] << 8) % (n + 1) : 0, data[3]);
	free(text);
	return 0;
}
