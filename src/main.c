#include <unistd.h>

#include "cmd/dispatch.h"
#include "os/pid1.h"
#include "os/sigfd.h"

int main(int argc, char **argv)
{
	standard_fill();
	/* The kernel drops what is sent to a first process that has no handler: from here on it
	 * stays pending instead. */
	if (getpid() == 1)
		signals_block_all();
	return dispatch(argc, argv);
}
