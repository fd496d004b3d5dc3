/* rows.h - the rows of a status reply, with parents resolved. Layer: cli. */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/client.h"
#include "wire/packet.h"

/* Copies of the packets; fields are read by packet_get(). */
struct rows {
	struct packet supervisor; /* head NULL: none came */
	struct packet *units;     /* parents before their children, else in the order of coming */
	size_t *parent;           /* index in units, or TREE_ROOT; by rows_link() */
	size_t n, room;
};

void rows_init(struct rows *rows);
void rows_done(struct rows *rows);
/* One reply; copied. -1: no memory. */
int rows_add(struct rows *rows, const struct packet *p, struct err *err);
/* After the last: puts parents before children and fills parent. -1: no memory. */
int rows_link(struct rows *rows, struct err *err);
/* Sends op=status with these units, takes all rows, links them. units NULL-terminated or NULL. */
int rows_ask(struct rows *rows, struct client *c, char *const *units, struct err *err);
/* The same once the supervisor has looked what each unit uses: tree_rss_bytes=, and cpu_ns= of all its processes. */
int rows_measured(struct rows *rows, struct client *c, char *const *units, struct err *err);

/* A number of a row; fallback when absent or no number. */
int64_t row_int(const struct packet *row, const char *key, int64_t fallback);
/* The depth of the deepest unit below units[i], counted in levels. */
int rows_levels_below(const struct rows *rows, size_t i);

#endif
