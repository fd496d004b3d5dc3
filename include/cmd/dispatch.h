/* dispatch.h - from argv to the command that runs. Layer: cmd. */
#ifndef CMD_DISPATCH_H
#define CMD_DISPATCH_H

#include "base/buf.h"
#include "base/err.h"
#include "cmd/command.h"

/* `sysg [OPTIONS] COMMAND ...`, `sysg -- CMD` (= start -- CMD), --version, -h. Returns the exit
 * status. */
int dispatch(int argc, char **argv);

void help_overview(struct buf *out);
void help_command(struct buf *out, const struct command *command);
/* Fills err with the nearest command and returns it. */
const struct err *command_unknown(const char *name, struct err *err);

#endif
