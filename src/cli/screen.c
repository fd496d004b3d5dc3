#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/out.h"

struct progress_screen screen_now(void)
{
	struct progress_screen screen = { .colour = out_colour(STDOUT_FILENO),
		.ascii = !out_drawing() };
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0) {
		screen.columns = ws.ws_col;
		screen.lines = ws.ws_row;
	}
	return screen;
}
