/* desk: one loop that answers calls, prints messages, says which children ended, and reads its input meanwhile.
 *
 * desk; as (part of) a service. It ends with its input. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysg.h>
#include <unistd.h>

static void handle(struct sysg *s, const struct sysg_message *m)
{
	static unsigned calls;
	char answer[64];

	if (m->kind == SYSG_EXIT) {
		printf("%s ended: %s %d\n", m->path, m->end.reason,
			m->end.signal ? m->end.signal : m->end.code);
	} else if (m->kind == SYSG_MSG) {
		printf("%s: %.*s\n", m->path, (int)m->body_len, (const char *)m->body);
	} else {
		int n = snprintf(
			answer, sizeof answer, "call %u of %zu bytes", ++calls, m->body_len);
		if (sysg_reply(s, m->msgid, answer, (size_t)n) < 0) /* it may be gone by now */
			fprintf(stderr, "desk: %s: %s\n", m->path, sysg_error(NULL));
	}
	fflush(stdout);
}

int main(void)
{
	struct sysg *s = sysg_open(NULL);
	struct pollfd p[] = { { .fd = s ? sysg_fd(s) : -1, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN } };
	char bytes[512];
	struct sysg_message *m;

	while (p[0].fd >= 0 && (poll(p, 2, -1) > 0 || errno == EINTR)) {
		if (p[1].revents && read(STDIN_FILENO, bytes, sizeof bytes) <= 0) {
			sysg_close(s);
			return 0;
		}
		if (!p[0].revents)
			continue;
		if (sysg_recv(s, NULL, 0, &m) == 0) {
			handle(s, m);
			free(m);
		} else if (errno != ETIMEDOUT) {
			break;
		}
	}
	fprintf(stderr, "desk: %s (%s)\n", sysg_error(NULL), strerror(errno));
	sysg_close(s);
	return 1;
}
