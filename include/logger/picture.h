/* picture.h - the boot's picture below the lines on a terminal. Layer: logger. */
#ifndef LOGGER_PICTURE_H
#define LOGGER_PICTURE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	PICTURE_BYTES = 8 * 1024, /* of a message: one whole picture */
	PICTURE_LINES = 256,
};

struct sink;

/*
 * Each message on fd (SOCK_SEQPACKET) is a whole picture, lines with their newlines that begin in the first column and
 * are no wider than the screen; its end of file says that the one before was the last, which then stays. The lines that
 * the sink writes go above it: it is erased before them and drawn again once they are out. A terminal that takes
 * nothing gets the newest picture when it takes something again.
 */
struct picture {
	int fd;     /* owned; -1: no more will come */
	bool fresh; /* one came that isn't on the screen */
	int shown;  /* lines of the one that is; 0: none */
	size_t n;
	unsigned short widths[PICTURE_LINES]; /* in columns, of what is shown */
	char text[PICTURE_BYTES];
};

/* fd is taken over. NULL: no memory, and fd is closed. */
struct picture *picture_new(int fd);
struct picture *picture_free(struct picture *p); /* returns NULL */

/* Takes the newest that is there, without waiting. */
void picture_receive(struct picture *p);
/* True where it is to be drawn, and the sink has to take bytes for that. */
bool picture_waits(const struct picture *p);
/* Draws what isn't on the screen. True: that was the last one, and it is through with. */
bool picture_show(struct picture *p, struct sink *o);
/* Makes room for lines. False: the sink is stuck. */
bool picture_erase(struct picture *p, struct sink *o);

#endif
