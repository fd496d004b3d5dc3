#include "cli/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/log.h"
#include "cli/rows.h"

enum { DIAG_MAX = 64 * 1024, LINE_SHOWN = 160 };

static const char *paint(bool colour, const char *sgr)
{
	return colour ? sgr : "";
}

/* The line-th line of the text, without its end. */
static const char *find_line(const struct diag_place *place, int line, size_t *ret_len)
{
	const char *p = place->text, *end = p + place->len;

	for (int i = 1; i < line; i++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (!nl)
			return NULL;
		p = nl + 1;
	}
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	*ret_len = (size_t)((nl ? nl : end) - p);
	if (*ret_len && p[*ret_len - 1] == '\r')
		--*ret_len;
	return p;
}

/* Tabs are kept in the margin of the caret too, so that it stands below its character. */
static void source(
	struct buf *out, const struct err *err, const struct diag_place *place, bool colour)
{
	char number[16];
	size_t len, col = err->col > 0 ? (size_t)err->col - 1 : 0;
	const char *line = find_line(place, err->line, &len);
	int width = snprintf(number, sizeof number, "%d", err->line);

	if (!line)
		return;
	if (len > LINE_SHOWN)
		len = LINE_SHOWN;
	(void)buf_printf(out, "%*s |\n%s | ", width, "", number);
	for (size_t i = 0; i < len; i++)
		(void)buf_addc(out,
			(char)((unsigned char)line[i] < 0x20 && line[i] != '\t' ? '?' : line[i]));
	(void)buf_addc(out, '\n');
	if (err->col < 1 || col > len)
		return;
	(void)buf_printf(out, "%*s | ", width, "");
	for (size_t i = 0; i < col; i++)
		if (((unsigned char)line[i] & 0xc0) !=
			0x80) /* one column a character, not a byte */
			(void)buf_addc(out, line[i] == '\t' ? '\t' : ' ');
	(void)buf_printf(out, "%s^%s\n", paint(colour, "\033[1;31m"), paint(colour, "\033[0m"));
}

static void place_line(struct buf *out, const struct err *err, const struct diag_place *place)
{
	(void)buf_adds(out, "  --> ");
	out_clean(out, place->path);
	if (err->line > 0)
		(void)buf_printf(out, ":%d", err->line);
	if (err->line > 0 && err->col > 0)
		(void)buf_printf(out, ":%d", err->col);
	(void)buf_addc(out, '\n');
}

static void help_lines(struct buf *out, const char *help, bool colour)
{
	char line[sizeof((struct err *)NULL)->help];

	while (*help) {
		size_t n = strcspn(help, "\n");

		(void)snprintf(line, sizeof line, "%.*s", (int)n, help);
		(void)buf_printf(
			out, "%shelp%s: ", paint(colour, "\033[1;36m"), paint(colour, "\033[0m"));
		out_clean(out, line);
		(void)buf_addc(out, '\n');
		help += n + (help[n] == '\n');
	}
}

void diag_print(struct buf *out, const struct err *err, const char *severity,
	const struct diag_place *place, bool colour)
{
	const char *sgr = strcmp(severity, "warning") == 0 ? "\033[1;33m" : "\033[1;31m";

	(void)buf_printf(out, "%s%s[SG%04d]%s: ", paint(colour, sgr), severity, (int)err->code,
		paint(colour, "\033[0m"));
	out_clean(out, err->msg);
	(void)buf_addc(out, '\n');
	if (place)
		place_line(out, err, place);
	if (place && place->text && err->line > 0)
		source(out, err, place, colour);
	help_lines(out, err->help, colour);
}

/* Its manifest's line, where there is one. */
static void row_place(
	struct buf *out, const struct packet *row, const struct diag_place *place, bool colour)
{
	const char *file = packet_get(row, "file");
	struct diag_place at = { .path = file };
	struct err err = { .line = (int)row_int(row, "line", 0),
		.col = (int)row_int(row, "col", 0) };

	if (!file)
		return;
	if (place && strcmp(place->path, file) == 0)
		at = *place;
	place_line(out, &err, &at);
	if (at.text && err.line > 0)
		source(out, &err, &at, colour);
}

void diag_row(
	struct buf *out, const struct packet *row, const struct diag_place *place, bool colour)
{
	const char *code = packet_get(row, "error"), *why = packet_get(row, "why");
	const char *path = packet_get(row, "path"), *help = packet_get(row, "help");
	const char *text = packet_get(row, "lines"), *line;
	char clean[LINE_SHOWN * 4];
	size_t at = 0, len;

	if (!code)
		return;
	(void)buf_printf(out, "%serror[%s]%s: ", paint(colour, "\033[1;31m"), code,
		paint(colour, "\033[0m"));
	out_clean(out, path ? path : "?");
	(void)buf_adds(out, ": ");
	out_clean(out, why ? why : "it failed");
	(void)buf_addc(out, '\n');
	row_place(out, row, place, colour);
	while (text && lines_next(text, strlen(text), &at, &line, &len)) {
		(void)line_clean(clean, sizeof clean, line, len);
		(void)buf_printf(out, "  | %s\n", clean);
	}
	if (help)
		help_lines(out, help, colour);
}

void diag_row_json(struct json *j, const struct packet *row)
{
	static const struct {
		const char *name, *key;
		bool number;
	} members[] = { { "message", "why", false }, { "help", "help", false },
		{ "file", "file", false }, { "line", "line", true }, { "column", "col", true },
		{ "lines", "lines", false } };
	const char *code = packet_get(row, "error");
	int number = code && strncmp(code, "SG", 2) == 0 ? (int)strtol(code + 2, NULL, 10) : 0;

	if (!code)
		return;
	json_str(j, "code", code);
	json_str(j, "name", err_name(err_known(number) ? (enum err_code)number : ERR_UNKNOWN));
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (!packet_get(row, members[i].key))
			continue;
		if (members[i].number)
			json_int(j, members[i].name, row_int(row, members[i].key, 0));
		else
			json_str(j, members[i].name, packet_get(row, members[i].key));
	}
}

void diag_json_fields(struct json *j, const struct err *err)
{
	char code[16];

	(void)snprintf(code, sizeof code, "SG%04d", (int)err->code);
	json_str(j, "code", code);
	json_str(j, "name", err_name(err->code));
	json_str(j, "message", err->msg);
	if (err->help[0])
		json_str(j, "help", err->help);
}

static void fail_json(const struct err *err)
{
	struct buf out;
	struct json j = { .out = &out };

	buf_init(&out, DIAG_MAX);
	json_open(&j, NULL, '{');
	json_open(&j, "error", '{');
	diag_json_fields(&j, err);
	json_close(&j, '}');
	json_close(&j, '}');
	(void)buf_addc(&out, '\n');
	(void)out_flush(&out);
	buf_done(&out);
}

void diag_flush(struct buf *out, const struct err *err)
{
	if (out->p)
		(void)!write(STDERR_FILENO, out->p, out->len);
	else
		log_line(LOG_ERR, "error[SG%04d]: %s", (int)err->code, err->msg);
	buf_done(out);
}

int diag_fail(const struct err *err, bool json)
{
	struct buf out;

	buf_init(&out, DIAG_MAX);
	diag_print(&out, err, "error", NULL, out_colour(STDERR_FILENO));
	diag_flush(&out, err);
	if (json)
		fail_json(err);
	return err_exit_status(err->code);
}
