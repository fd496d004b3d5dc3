#include <string.h>

#include "base/caps.h"
#include "cmd/command.h"
#include "cmd/common.h"
#include "node/event.h"

// clang-format off
static const struct option_row options[] = {
	{ "follow", 'f', ARG_NONE, .help = "go on with what happens" },
	{ "since", 0, ARG_INT, .value = "SEQ", .help = "only what came after the record of this number" },
	OPTS_UNIT,
};
// clang-format on

static const char notes[] = "events:\n"
#define X(name, word, meaning) "  " word ": " meaning "\n"
	EVENT_WORDS(X)
#undef X
	;

static void put_int(struct json *j, const char *key, const struct packet *row)
{
	struct err err;
	int64_t n;

	if (packet_get(row, key) && packet_int(row, key, 0, INT64_MAX, &n, &err) == 0)
		json_int(j, key, n);
}

static void show_json(struct buf *out, const struct packet *row)
{
	static const char *const words[] = { "ts", "event", "path", "id", "code", "detail" };
	struct json j = { .out = out };

	json_open(&j, NULL, '{');
	put_int(&j, "seq", row);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		json_str(&j, words[i], packet_get(row, words[i]));
	put_int(&j, "lost", row);
	json_close(&j, '}');
}

/* SEQ TIME EVENT PATH [CODE] DETAIL */
static void show_words(struct buf *out, const struct packet *row)
{
	const char *seq = packet_get(row, "seq"), *event = packet_get(row, "event");
	const char *ts = packet_get(row, "ts"), *path = packet_get(row, "path");

	(void)buf_printf(out, "%6s %s %-10s ", seq ? seq : "-", ts ? ts : "-", event ? event : "-");
	out_clean(out, path ? path : "sysg");
	if (packet_get(row, "code"))
		(void)buf_printf(out, " %s", packet_get(row, "code"));
	if (packet_get(row, "detail")) {
		(void)buf_addc(out, ' ');
		out_clean(out, packet_get(row, "detail"));
	}
}

static int show(const struct args *args, const struct packet *row)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (args->json)
		show_json(&out, row);
	else if (packet_get(row, "lost"))
		(void)buf_printf(&out,
			"     - %s records lost: they came faster than they were read",
			packet_get(row, "lost"));
	else
		show_words(&out, row);
	(void)buf_addc(&out, '\n');
	return cmd_print(&out, 0);
}

static int ask(struct client *c, const struct args *args, struct packet *ret, struct err *err)
{
	struct buf request;

	client_begin(&request, "events", args->units);
	if (args_has(args, "follow"))
		packet_put(&request, "follow", "1");
	if (args_has(args, "since"))
		packet_put_int(&request, "since", args_number(args, "since", 0));
	return client_finish(c, &request, ret, err);
}

static int run(const struct args *args)
{
	struct client c;
	struct packet row;
	struct err err;
	int status = 0;

	cmd_client(&c, args);
	c.slow = true;
	int rc = ask(&c, args, &row, &err);
	for (; rc > 0 && !status && !packet_get(&row, "end"); rc = client_next(&c, &row, &err))
		status = show(args, &row);
	if (rc < 0)
		status = cmd_fail(args, &c, &err);
	client_done(&c);
	return status;
}

extern const struct command cmd_events;
const struct command cmd_events = {
	.name = "events",
	.summary = "what happened to units: numbered records of changes, ends and refusals",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.notes = notes,
	.run = run,
};
