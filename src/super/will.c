#include "super/will.h"

#include <stdlib.h>
#include <string.h>

#include "super/job.h"
#include "super/message.h"

static struct will *add(
	struct will ***end, const char *target, const void *body, size_t n, struct err *err)
{
	size_t len = strlen(target) + 1;
	struct will *w = malloc(sizeof *w + len + n);

	if (!w) {
		err_no_memory(err);
		return NULL;
	}
	w->next = NULL;
	w->n = n;
	memcpy(w->target, target, len);
	memcpy(w->target + len, body, n);
	**end = w;
	*end = &w->next;
	return w;
}

/* "N:TARGET" -> the target; NULL: not of this form. */
static const char *target_of(const char *value, size_t *ret_n)
{
	size_t digits = strspn(value, "0123456789");

	if (!digits || digits > 7 || value[digits] != ':' || !value[digits + 1])
		return NULL;
	*ret_n = (size_t)strtoul(value, NULL, 10);
	return value + digits + 1;
}

/* One field, its body being the next n bytes. */
static int take(struct will ***end, const char *value, const struct packet *p, size_t *used,
	struct err *err)
{
	size_t n;
	const char *target = target_of(value, &n);

	if (!target || n > p->body_len - *used)
		return err_set(err, ERR_BAD_REQUEST, 0, "will is not of the form N:TARGET");
	if (n > CAP_WILL)
		return err_set(err, ERR_TOO_LARGE, 0, "a message on exit has %zu bytes; at most %d",
			n, CAP_WILL);
	if (!add(end, target, p->body + *used, n, err))
		return -1;
	*used += n;
	return 0;
}

int wills_take(const struct packet *p, struct will **ret, size_t *ret_bytes, struct err *err)
{
	const char *at = NULL, *k, *v;
	struct will **end = ret;
	size_t n, used = 0;
	int count = 0, rc = 0;

	*ret = NULL;
	while (rc == 0 && packet_next(p, &at, &k, &n, &v)) {
		if (n != 4 || memcmp(k, "will", 4) != 0)
			continue;
		rc = count++ < CAP_WILLS ? take(&end, v, p, &used, err)
					 : err_set(err, ERR_BAD_VALUE, 0,
						   "more than %d messages on exit", CAP_WILLS);
	}
	if (rc == 0 && used != p->body_len)
		rc = err_set(err, ERR_BAD_REQUEST, 0, "a body that is no message on exit");
	if (rc < 0) {
		wills_free(*ret);
		*ret = NULL;
	}
	*ret_bytes = 0;
	for (const struct will *w = *ret; w; w = w->next)
		*ret_bytes += sizeof *w + strlen(w->target) + 1 + w->n;
	return rc;
}

static int of_rule(struct will ***end, const struct exit_send *rule, const struct bundle *files,
	struct err *err)
{
	const char *text = rule->text;
	size_t n = text ? strlen(text) : 0;

	if (!text && bundle_find(files, rule->file, &text, &n, err) < 0)
		return err_wrap(err, "on_exit");
	if (n > CAP_WILL)
		return err_set(err, ERR_TOO_LARGE, 0,
			"on_exit: a message has %zu bytes; at most %d", n, CAP_WILL);
	return add(end, rule->target, text, n, err) ? 0 : -1;
}

int wills_of_service(
	const struct service *svc, const struct bundle *files, struct will **ret, struct err *err)
{
	struct will **end = ret;

	*ret = NULL;
	for (size_t i = 0; i < svc->nsends; i++)
		if (of_rule(&end, &svc->sends[i], files, err) < 0)
			return -1;
	return 0;
}

int wills_copy(const struct will *w, struct will **ret)
{
	struct will **end = ret;
	struct err err;

	*ret = NULL;
	for (; w; w = w->next)
		if (!add(&end, w->target, w->target + strlen(w->target) + 1, w->n, &err))
			return -1;
	return 0;
}

bool wills_same(const struct will *a, const struct will *b)
{
	for (; a && b; a = a->next, b = b->next)
		if (a->n != b->n || strcmp(a->target, b->target) != 0 ||
			memcmp(a->target + strlen(a->target) + 1, b->target + strlen(b->target) + 1,
				a->n) != 0)
			return false;
	return a == b;
}

void wills_say(struct super *s, struct unit *dying)
{
	const struct job *j = job_of(dying);

	for (const struct will *w = j->wills; w; w = w->next)
		message_will(s, dying, w->target, w->target + strlen(w->target) + 1, w->n);
}

void wills_free(struct will *w)
{
	while (w) {
		struct will *next = w->next;
		free(w);
		w = next;
	}
}
