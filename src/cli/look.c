#include "cli/look.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define PATIENCE_NS (5 * NS_PER_SEC)

int look_fd(const struct look *l)
{
	return l->busy ? client_fd(&l->c) : -1;
}

void look_init(struct look *l, const char *socket, char *const *units)
{
	*l = (struct look){ .socket = socket, .units = units };
	client_init(&l->c, socket);
	rows_init(&l->rows);
}

static void over(struct look *l)
{
	l->busy = false;
	l->step = LOOK_OVER;
	client_done(&l->c);
}

static int ask(struct look *l)
{
	static const char *const ops[] = { "health", "ready", "status" };
	bool status = l->step == LOOK_STATUS;
	struct buf request;

	client_begin(&request, ops[l->step], status ? l->units : NULL);
	if (status)
		packet_put(&request, "measure", "1");
	packet_end(&request, NULL, 0);
	int rc = client_post(&l->c, &request, &l->err);
	buf_done(&request);
	if (rc < 0)
		over(l);
	return rc;
}

void look_begin(struct look *l, enum look_step from, enum look_step last)
{
	look_done(l);
	client_init(&l->c, l->socket);
	l->c.patience_ns = PATIENCE_NS;
	l->c.total = true;
	l->until_ns = clock_mono_ns() + PATIENCE_NS;
	l->err.code = ERR_OK;
	l->probe[LOOK_HEALTH].known = l->probe[LOOK_READY].known = false;
	l->busy = true;
	l->step = from;
	l->last = last;
	(void)ask(l);
}

static void take_probe(struct look *l, const struct packet *p)
{
	const char *yes = packet_get(p, "yes"), *why = packet_get(p, "why");

	l->probe[l->step].yes = yes && strcmp(yes, "1") == 0;
	(void)snprintf(
		l->probe[l->step].why, sizeof l->probe[l->step].why, "%.500s", why ? why : "");
	l->probe[l->step].known = true;
	if (l->step++ < l->last)
		(void)ask(l);
	else
		over(l);
}

/* At most so many rows at a time, so that others have their turn. */
enum { ROWS_AT_ONCE = 64 };

bool look_go_on(struct look *l)
{
	struct pollfd fd = { .fd = look_fd(l), .events = POLLIN };
	struct packet p;

	for (int i = 0; l->busy && i < ROWS_AT_ONCE; i++) {
		if (poll(&fd, 1, 0) <= 0) {
			if (clock_mono_ns() < l->until_ns)
				return false;
			(void)err_set(&l->err, ERR_NO_ANSWER, 0, "the supervisor does not answer");
			over(l);
			break;
		}
		int rc = client_next(&l->c, &p, &l->err);
		if (rc > 0 && l->step != LOOK_STATUS)
			take_probe(l, &p);
		else if (rc < 0 || rows_add(&l->rows, &p, &l->err) < 0)
			over(l);
		else if (rc == 0) {
			(void)rows_link(&l->rows, &l->err);
			over(l);
		}
	}
	return !l->busy;
}

void look_done(struct look *l)
{
	over(l);
	rows_done(&l->rows);
}
