/* census: prints the tree below a unit (its own, without a word) as sysg knows it.
 *
 * census [UNIT] */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysg.h>

static void row(void *arg, const struct sysg_unit *u)
{
	int *processes = arg;

	printf("%*s%s @%llu %s", (int)u->depth * 2, "", u->name, (unsigned long long)u->id,
		u->state);
	if (u->pid)
		printf(" pid %d", (int)u->pid);
	putchar('\n');
	*processes += u->pid != 0;
}

int main(int argc, char **argv)
{
	int processes = 0;
	struct sysg *s = sysg_open(NULL);
	int n = s ? sysg_status(s, argc > 1 ? argv[1] : NULL, row, &processes) : -1;

	if (n < 0)
		fprintf(stderr, "census: %s (%s)\n", sysg_error(NULL), strerror(errno));
	else
		printf("%d units, %d of them run\n", n, processes);
	sysg_close(s);
	return n < 0;
}
