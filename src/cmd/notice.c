#include "cmd/notice.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/utf8.h"
#include "cli/jsonread.h"

static const char *const words[] = { "kind", "path", "id", "msgid" };
static const char *const fields[] = { "code", "signal", "reason", "left", "will", "lost" };

void notice_words(struct buf *out, const struct packet *row)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const char *value = packet_get(row, words[i]);

		if (i == 2) /* the id is for programs */
			continue;
		(void)buf_adds(out, i ? " " : "");
		out_clean(out, value ? value : "-");
	}
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *value = packet_get(row, fields[i]);

		if (value)
			(void)buf_printf(out, " %s=%s", fields[i], value);
	}
}

void notice_body(struct json *j, const struct packet *row)
{
	const unsigned char *p = (const unsigned char *)row->body;
	struct buf b;
	size_t at = 0, n = 1;

	for (; n && at < row->body_len; at += n)
		n = utf8_length(p + at, row->body_len - at);
	if (n) {
		json_strn(j, "body", row->body, row->body_len);
		return;
	}
	buf_init(&b, OUT_MAX);
	base64_put(&b, row->body, row->body_len);
	json_strn(j, "body_base64", b.p, b.len);
	j->out->failed |= b.failed;
	buf_done(&b);
}

void notice_members(struct json *j, const struct packet *row)
{
	const char *kind = packet_get(row, "kind");
	struct err err;
	int64_t n;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		json_str(j, words[i], packet_get(row, words[i]));
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		const char *value = packet_get(row, fields[i]);

		if (value && packet_int(row, fields[i], 0, INT64_MAX, &n, &err) == 0)
			json_int(j, fields[i], n);
		else
			json_str(j, fields[i], value);
	}
	if (!kind || strcmp(kind, "exit") != 0)
		notice_body(j, row);
}

static int read_stdin(struct buf *body, struct err *err)
{
	char bytes[16384];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof bytes)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_UNKNOWN, errno, "stdin");
		if (buf_add(body, bytes, (size_t)n) < 0)
			return err_set(err, ERR_TOO_LARGE, 0, "the body is larger than %d bytes",
				CAP_BODY);
	}
	return 0;
}

int message_body(struct buf *body, const struct args *args, struct err *err)
{
	buf_init(body, CAP_BODY);
	if (args->argc > 1 || (args->argc && args->word)) {
		(void)err_set(err, ERR_BAD_REQUEST, 0, "one text behind --, or - for stdin");
		return err_help(err, "put it into quotes");
	}
	if (args->word)
		return read_stdin(body, err);
	if (args->argc && buf_adds(body, args->argv[0]) < 0)
		return err_set(err, ERR_TOO_LARGE, 0, "the body is larger than %d bytes", CAP_BODY);
	return 0;
}

int message_ask(struct client *c, const struct args *args, const char *op, struct packet *ret,
	struct buf *keep, struct err *err)
{
	struct buf request, body;
	int rc = -1;

	buf_init(keep, CAP_REQUEST);
	client_begin(&request, op, NULL);
	if (args->nunits)
		packet_put(&request, strcmp(op, "reply") == 0 ? "msgid" : "unit", args->units[0]);
	cmd_put_timeout(&request, args);
	if (message_body(&body, args, err) == 0) {
		packet_end(&request, body.p, body.len);
		c->slow = true;
		rc = client_ask(c, &request, ret, err) < 0 || client_whole(c, ret, keep, err) < 0
			     ? -1
			     : 1;
	}
	buf_done(&request);
	buf_done(&body);
	return rc;
}
