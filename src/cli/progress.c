#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"

enum { COLUMNS = 80, LINES = 24, LINE_BYTES = 1024 };

void progress_done(struct progress *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->rows[i].name);
		free(p->rows[i].detail);
	}
	free(p->rows);
	free(p->heading);
	free(p->widths);
	*p = (struct progress){ 0 };
}

static int replace(char **to, const char *text)
{
	struct buf b;

	buf_init(&b, LINE_BYTES);
	(void)buf_adds(&b, "");
	out_clean(&b, text);
	char *copy = buf_steal(&b);
	if (!copy)
		return -1;
	free(*to);
	*to = copy;
	return 0;
}

int progress_heading(struct progress *p, const char *text)
{
	return replace(&p->heading, text);
}

static struct progress_row *row_of(struct progress *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->rows[i].name, name) == 0)
			return &p->rows[i];
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct progress_row *rows = reallocarray(p->rows, room, sizeof *rows);
		if (!rows)
			return NULL;
		p->rows = rows;
		p->room = room;
	}
	p->rows[p->n] = (struct progress_row){ 0 };
	return replace(&p->rows[p->n].name, name) < 0 ? NULL : &p->rows[p->n++];
}

int progress_set(
	struct progress *p, const char *name, enum progress_state state, const char *detail)
{
	struct progress_row *row = row_of(p, name);

	if (!row)
		return -1;
	row->state = state;
	if (detail)
		return replace(&row->detail, detail);
	free(row->detail);
	row->detail = NULL;
	return 0;
}

/* --- the picture --- */

struct drawing {
	struct buf *out;
	struct progress *p;
	const struct progress_screen *screen;
	size_t columns;
};

static bool begins_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* A line of at most the screen's width less one, so that no terminal goes on to the next one. */
static void line(
	struct drawing *d, const char *indent, const char *sgr, const char *mark, const char *text)
{
	const char *parts[] = { indent, mark, text };
	size_t width = 0;

	for (size_t i = 0; i < 3; i++) {
		if (i == 1 && d->screen->colour)
			(void)buf_adds(d->out, sgr);
		for (const char *c = parts[i]; *c; c++) {
			if (begins_char(*c) && width + 1 >= d->columns)
				break;
			width += begins_char(*c);
			(void)buf_addc(d->out, *c);
		}
		if (i == 1 && d->screen->colour && *sgr)
			(void)buf_adds(d->out, "\033[0m");
	}
	(void)buf_adds(d->out, "\033[K\n");
	d->p->widths[d->p->drawn++] = width;
}

static void unit(struct drawing *d, const struct progress_row *row)
{
	static const char *const marks[] = { "\u2026 ", "\u2714 ", "\u2717 " };
	static const char *const ascii[] = { ". ", "+ ", "x " };
	static const char *const sgr[] = { "\033[33m", "\033[32m", "\033[31m" };

	line(d, "  ", sgr[row->state], d->screen->ascii ? ascii[row->state] : marks[row->state],
		row->name);
	if (row->detail)
		line(d, "      ", "", "", row->detail);
}

/* The lines that the last picture takes on a screen that is so wide now. */
static size_t lines_now(const struct progress *p, size_t columns)
{
	size_t n = 0;

	for (size_t i = 0; i < p->drawn; i++)
		n += p->widths[i] ? (p->widths[i] + columns - 1) / columns : 1;
	return n;
}

static size_t lines_of(const struct progress_row *row)
{
	return row->detail ? 2 : 1;
}

/* Which rows of the first `most` lines: what isn't done comes before what is. */
static size_t choose(const struct progress *p, size_t most, bool *chosen)
{
	size_t used = 0, left_out = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < p->n; i++) {
			bool done = p->rows[i].state == PROGRESS_OK;

			if (done != (pass == 1))
				continue;
			chosen[i] = used + lines_of(&p->rows[i]) <= most;
			used += chosen[i] ? lines_of(&p->rows[i]) : 0;
			left_out += !chosen[i];
		}
	return left_out;
}

static int room_for(struct progress *p)
{
	size_t need = 2 * p->n + 2;

	if (need <= p->widths_room)
		return 0;
	size_t *widths = reallocarray(p->widths, need, sizeof *widths);
	if (!widths)
		return -1;
	p->widths = widths;
	p->widths_room = need;
	return 0;
}

int progress_draw(struct buf *out, struct progress *p, const struct progress_screen *screen)
{
	size_t lines = screen->lines ? screen->lines : LINES;
	struct drawing d = { .out = out,
		.p = p,
		.screen = screen,
		.columns = screen->columns ? screen->columns : COLUMNS };
	size_t up = lines_now(p, d.columns), needed = p->heading ? 1 : 0;
	bool *chosen = calloc(p->n + 1, sizeof *chosen);

	if (!chosen || room_for(p) < 0) {
		free(chosen);
		return -1;
	}
	up = up < lines ? up : lines - 1;
	if (up) /* 0 is one line, too */
		(void)buf_printf(out, "\r\033[%zuA", up);
	p->drawn = 0;
	if (p->heading)
		line(&d, "", "", "", p->heading);
	for (size_t i = 0; i < p->n; i++)
		needed += lines_of(&p->rows[i]);
	size_t most = needed < lines ? needed : lines > 3 ? lines - 3 : 1;
	size_t left_out = choose(p, most, chosen);
	for (size_t i = 0; i < p->n; i++)
		if (chosen[i])
			unit(&d, &p->rows[i]);
	if (left_out) {
		char text[48];
		(void)snprintf(text, sizeof text, "and %zu more", left_out);
		line(&d, "  ", "", "", text);
	}
	(void)buf_adds(out, "\033[J");
	free(chosen);
	return 0;
}
