/* options.h - the options that every command has, for the parser, help and completion. Layer: cli. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/args.h"

extern const struct option_row options_everywhere[]; /* ended by an empty row */

/* These stand before a command too, beside the ones above. Rows without help are of this version's refusals. */
extern const struct option_row options_leading[];

#endif
