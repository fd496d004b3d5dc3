/* fanout: runs a command for each word of its input, so many at a time, and says how each one ended.
 *
 * fanout N COMMAND... <words; as (part of) a service with spawn: {mode: dynamic}. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysg.h>

static char word[256];

/* Spawns COMMAND with the word in its environment; the child's id, or 0. */
static uint64_t start(struct sysg *s, char **command)
{
	char var[sizeof word + 8];
	snprintf(var, sizeof var, "WORD=%s", word);
	struct sysg_child child;
	struct sysg_spawn what = { .argv = (const char *const *)command,
		.name = "job-%n",
		.more_env = (const char *const[]){ var, NULL },
		.ttl_ms = 60 * 1000,
		.flags = SYSG_NO_SPAWN };

	if (sysg_spawn(s, &what, &child) == 0)
		return child.id;
	fprintf(stderr, "%s: %s\n", word, sysg_error(NULL));
	return 0;
}

static int finish(struct sysg *s, uint64_t id)
{
	char selector[24];
	struct sysg_exit e;

	snprintf(selector, sizeof selector, "@%llu", (unsigned long long)id);
	if (sysg_wait(s, selector, -1, &e) < 0) {
		fprintf(stderr, "%s: %s\n", selector, sysg_error(NULL));
		return 1;
	}
	printf("%s %s %d\n", selector, e.reason, e.signal ? e.signal : e.code);
	return e.code != 0;
}

int main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[1]) : 0, running = 0, failed = 0;
	uint64_t *ids = n > 0 ? calloc((size_t)n, sizeof *ids) : NULL;
	struct sysg *s = ids ? sysg_open(NULL) : NULL;

	if (!s) {
		fprintf(stderr, "fanout: %s\n", ids ? sysg_error(NULL) : "fanout N COMMAND...");
		return 2;
	}
	while (scanf("%255s", word) == 1) {
		if (running == n) { /* the oldest makes room */
			failed |= finish(s, ids[0]);
			memmove(ids, ids + 1, (size_t)--running * sizeof *ids);
		}
		uint64_t id = start(s, argv + 2);
		failed |= !id;
		if (id)
			ids[running++] = id;
	}
	for (int i = 0; i < running; i++)
		failed |= finish(s, ids[i]);
	sysg_close(s);
	free(ids);
	return failed;
}
