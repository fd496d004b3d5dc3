#include "cmd/common.h"

#include <poll.h>
#include <string.h>

#include "base/caps.h"
#include "cli/diag.h"
#include "cli/report.h"

enum { APART_MS = 500 }; /* of two looks that belong together */

void cmd_client(struct client *c, const struct args *args)
{
	client_init(c, args_str(args, "socket"));
}

int cmd_fail(const struct args *args, const struct client *c, const struct err *err)
{
	const char *print = args_str(args, "print");
	int status = diag_fail(err, args->json || (print && strcmp(print, "json") == 0));

	return args_status(args, c ? client_status(c, err) : status);
}

int cmd_print(struct buf *b, int status)
{
	int rc = out_flush(b);

	buf_done(b);
	return rc < 0 ? 1 : status;
}

int cmd_end_json(struct json *j, const struct err *err, int status)
{
	if (err) {
		json_open(j, "error", '{');
		diag_json_fields(j, err);
		json_close(j, '}');
	}
	json_close(j, '}');
	(void)buf_addc(j->out, '\n');
	return cmd_print(j->out, status);
}

int cmd_ask(struct client *c, const struct args *args, const char *op, struct packet *ret,
	struct err *err)
{
	struct buf request;

	client_begin(&request, op, args->units);
	return client_finish(c, &request, ret, err);
}

void cmd_put_timeout(struct buf *request, const struct args *args)
{
	if (args_has(args, "timeout"))
		packet_put_int(request, "timeout_ns", args_number(args, "timeout", 0));
}

int cmd_show(const struct args *args, const char *op,
	int (*show)(const struct args *args, const struct packet *reply))
{
	struct client c;
	struct packet reply;
	struct err err;

	cmd_client(&c, args);
	int status = cmd_ask(&c, args, op, &reply, &err) < 0 ? cmd_fail(args, &c, &err)
							     : show(args, &reply);
	client_done(&c);
	return status;
}

int cmd_child_status(const struct packet *row)
{
	struct err err;
	int64_t code = 0, sig = 0;

	if (packet_int(row, "code", 0, 255, &code, &err) < 0 ||
		packet_int(row, "signal", 0, 64, &sig, &err) < 0)
		return 1;
	if (!packet_get(row, "code") && !packet_get(row, "signal"))
		return 125; /* it never ran, which is no success */
	return sig ? 128 + (int)sig : (int)code;
}

static int print_probe(
	const struct args *args, const struct packet *reply, const char *key, bool yes)
{
	const char *why = packet_get(reply, "why");
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (args->json) {
		struct json j = { .out = &out };

		json_open(&j, NULL, '{');
		json_bool(&j, key, yes);
		json_str(&j, "why", why);
		json_close(&j, '}');
	} else {
		out_clean(&out, why ? why : yes ? "yes" : "no");
	}
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, yes ? 0 : 1);
}

int cmd_probe(const struct args *args, const char *op, const char *key)
{
	struct client c;
	struct packet reply;
	struct err err;
	int64_t yes = 0;
	int status;

	cmd_client(&c, args);
	c.patience_ns = NS_PER_SEC;
	c.total = true;
	if (cmd_ask(&c, args, op, &reply, &err) < 0)
		status = c.lost ? diag_fail(&err, args->json)
				: cmd_fail(args, &c, &err); /* lost: nobody answered, 3 */
	else if (packet_int(&reply, "yes", 0, 1, &yes, &err) < 0)
		status = cmd_fail(args, NULL, &err);
	else
		status = print_probe(args, &reply, key, yes == 1);
	client_done(&c);
	return status;
}

/* -1: another look. */
static int show(const struct args *args, const struct rows *rows, const struct cmd_listing *l)
{
	struct buf out;
	int rc = 0;

	buf_init(&out, OUT_MAX);
	if (args->json) {
		report_json(&out, rows);
		return cmd_print(&out, 0);
	}
	if (l->before)
		(void)buf_adds(&out, l->before);
	if (!rows->n && !l->empty)
		(void)buf_adds(&out,
			args->nunits ? "No matching units found\n" : "No units being supervised\n");
	else
		rc = l->draw(&out, args, rows);
	return rc > 0 ? -1 : cmd_print(&out, rc < 0 ? 1 : 0);
}

/* The error itself goes to stderr. */
static int listing_failed(const struct args *args, const struct client *c, const struct err *err,
	const struct cmd_listing *l)
{
	struct buf out;

	if (l->before && !args->json) {
		buf_init(&out, OUT_MAX);
		(void)buf_adds(&out, l->before);
		if (cmd_print(&out, 0) != 0)
			return 1;
	}
	return l->failed(args, c, err);
}

int cmd_list(const struct args *args, const struct cmd_listing *l)
{
	struct client c;
	struct rows rows;
	struct err err;
	int status = -1;

	cmd_client(&c, args);
	rows_init(&rows);
	for (int looks = 0; status < 0; looks++) {
		if (looks)
			(void)poll(NULL, 0, APART_MS);
		rows_done(&rows);
		int rc = l->measured ? rows_measured(&rows, &c, args->units, &err)
				     : rows_ask(&rows, &c, args->units, &err);
		status = rc < 0 ? listing_failed(args, &c, &err, l) : show(args, &rows, l);
	}
	rows_done(&rows);
	client_done(&c);
	return status;
}
