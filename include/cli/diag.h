/* diag.h - a failure as a person or a program reads it. Layer: cli. */
#ifndef CLI_DIAG_H
#define CLI_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/out.h"
#include "wire/packet.h"

/* The file that an error's line and col are about. */
struct diag_place {
	const char *path;
	const char *text; /* NULL: the line is not shown */
	size_t len;
};

/* error[SG0104]: what happened
 *   --> path:12:5
 *    |
 * 12 | the line
 *    |     ^
 * help: what to do
 * place may be NULL. */
void diag_print(struct buf *out, const struct err *err, const char *severity,
	const struct diag_place *place, bool colour);

/* A unit's failure as a row has it: path= error=SGxxxx why= [help=] [file= line= col=] [lines=], the last lines that it
 * printed, each below the message. place: the text of that file, or NULL. Nothing where there is no error=. */
void diag_row(
	struct buf *out, const struct packet *row, const struct diag_place *place, bool colour);

/* The same as "code", "name", "message", "help", "file", "line", "column", "lines" into an open object. */
void diag_row_json(struct json *j, const struct packet *row);

/* "code", "name", "message", "help" into an open object. */
void diag_json_fields(struct json *j, const struct err *err);

/* What was printed goes to stderr; where there was no memory for that, err without its place and help. */
void diag_flush(struct buf *out, const struct err *err);

/* Prints on stderr; with json also {"error": {...}} on stdout. Returns the exit status of the
 * error's code. */
int diag_fail(const struct err *err, bool json);

#endif
