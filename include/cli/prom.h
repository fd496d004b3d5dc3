/* prom.h - status rows in the text format of Prometheus. Layer: cli (pure). */
#ifndef CLI_PROM_H
#define CLI_PROM_H

#include "base/buf.h"
#include "cli/rows.h"

#define PROM_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What the rows say of the supervisor and of each unit; a spawned unit that ended is left out, so that what is told stays
 * as small as what there is. */
void prom_put(struct buf *out, const struct rows *rows);

#endif
