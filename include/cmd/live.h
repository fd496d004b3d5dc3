/* live.h - units drawn in place while an order is carried out. Layer: cmd. */
#ifndef CMD_LIVE_H
#define CMD_LIVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/args.h"

enum live_what { LIVE_START, LIVE_RESTART, LIVE_STOP };

struct live {
	enum live_what what;
	pid_t pid; /* of the process that draws; 0: nothing is drawn */
	int fd;    /* its end tells it to draw the last picture */
};

/* Where stdout is a terminal that can be drawn on, a process of its own looks at the supervisor's status ten times a
 * second and draws the units that args name (none: all services): whatever holds the terminal up holds up nothing else.
 * False: nothing is drawn, and the outcome is to be told in lines. */
bool live_begin(struct live *l, const struct args *args, const char *socket, enum live_what what);
/* Draws how it came out and returns when that is on the screen. Does nothing where nothing is drawn. */
void live_end(struct live *l);

/* What draws the boot of a supervisor in the foreground (super.h): from rows_fd come the rows of its start, each picture
 * goes whole to picture_fd, and is shown by the logger. Returns the exit status of the process when the boot is over. */
int live_boot(int rows_fd, int picture_fd);

#endif
