/* options.h - the options that every command has, for the parser and for help. Layer: cli. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/args.h"

extern const struct option_row options_everywhere[]; /* ended by an empty row */

#endif
