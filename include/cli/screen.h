/* screen.h - the terminal that stdout is. Layer: cli. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "cli/progress.h"

/* As it is now; columns and lines 0: it is none, or doesn't say. */
struct progress_screen screen_now(void);

#endif
