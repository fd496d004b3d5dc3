/* report.h - status rows as JSON, as a table, as a tree. Layer: cli (pure). */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/out.h"
#include "cli/rows.h"

/* The object of `status --format json` (spec: "status --format json"), a newline behind it. */
void report_json(struct buf *out, const struct rows *rows);
/* The first unit's object alone, with what is below it; more() adds members of its own. */
void report_json_unit(struct buf *out, const struct rows *rows,
	void (*more)(struct json *j, void *arg), void *arg);
/* {"units":[],"error":{...}}: no supervisor. */
void report_json_error(struct buf *out, const struct err *err);
/* A line a unit, children below their parents and indented; those of spawned units that ended with results only, else
 * they are counted below. -1: no memory. */
int report_table(struct buf *out, const struct rows *rows, bool results, bool colour);
/* The spawn tree. -1: no memory. */
int report_tree(struct buf *out, const struct rows *rows, bool ascii, bool colour);

/* A spawned unit that is at rest has ended: what is there is its result. */
bool report_is_result(const struct packet *row);
/* "  [children 1/9, ...]": how much of what may be is below the unit. */
void report_limits(struct buf *b, const struct rows *rows, size_t i);
/* The colour of a state, "" for those that need none. */
const char *report_sgr(const char *state);
/* "exit 1", "signal TERM (stopped)", "-". */
const char *report_last_exit(const struct packet *row, char *buf, size_t size);

#endif
