/* options.h - the options that every command has, for the parser, help and completion. Layer: cli. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/args.h"

extern const struct option_row options_everywhere[]; /* ended by an empty row */

/* These stand before a command too, beside the ones above. Rows without help are of this version's refusals. */
extern const struct option_row options_leading[];

/* -p ID: units become paths in it; where none is named, all of it is meant. -1: SG0210, SG0204. */
int args_join_project(struct args *args, const struct args_spec *spec, struct err *err);

#endif
