/* The table of ops, and the short ones. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "super/message.h"
#include "super/ops.h"

enum { PROJECTS_TOLD = 16 };

static void op_ping(struct conn *c, const struct packet *p)
{
	(void)p;
	conn_ok(c);
}

static void op_version(struct conn *c, const struct packet *p)
{
	struct buf b;

	(void)p;
	answer_begin(&b);
	packet_put(&b, "version", SYSG_VERSION);
	answer_send(c, &b);
}

static void op_whoami(struct conn *c, const struct packet *p)
{
	static const char *const words[] = {
		[PEER_NOBODY] = "nobody",
		[PEER_UNIT] = "unit",
		[PEER_AUX] = "unit",
		[PEER_OPERATOR] = "operator",
	};
	char path[UNIT_PATH_MAX];
	struct buf b;

	(void)p;
	answer_begin(&b);
	packet_put(&b, "class", words[c->cls]);
	if (c->unit) {
		packet_put(&b, "path", unit_path(c->unit, path, sizeof path));
		packet_putf(&b, "id", "@%" PRIu64, c->unit->id);
	}
	answer_send(c, &b);
}

void put_log_file(struct buf *b, const char *key, const struct super *s, const struct unit *u)
{
	char path[UNIT_PATH_MAX];

	packet_putf(b, key, "%s/%s.log", s->log_dir, unit_log_path(u, path, sizeof path));
}

/* Which files a unit sees that names none: its own, with what is below it, and what it holds `logs` over. */
static void put_seen(struct buf *b, const struct super *s, const struct unit *u)
{
	if (rights_stored(u, VERB_LOGS, RIGHT_ALL))
		return;
	put_log_file(b, "seen", s, u);
	for (unsigned i = 0; i < u->nrights; i++) {
		const struct unit *over =
			tree_by_id((struct tree *)(uintptr_t)&s->tree, u->rights[i].target);
		if (over && !over->ended && u->rights[i].verb == VERB_LOGS)
			put_log_file(b, "seen", s, over);
	}
}

/* Those that are loaded, in the order of their first units; some of many. */
static void put_projects(struct buf *b, const struct super *s)
{
	const struct unit *told[PROJECTS_TOLD];
	size_t n = 0, i;

	list_each(it, &s->tree.services)
	{
		const struct unit *u = list_entry(it, struct unit, sibling);
		for (i = 0; i < n && !unit_same_project(told[i], u); i++)
			;
		if (i < n || n == PROJECTS_TOLD)
			continue;
		told[n++] = u;
		packet_putf(b, "project", "%.*s", u->prefix ? (int)u->prefix - 1 : CAP_NAME,
			u->prefix ? u->name : PROJECT_LOOSE);
	}
}

void op_logs_path(struct conn *c, const struct packet *p)
{
	const char *selector = packet_get(p, "unit");
	struct unit *u = NULL;
	struct err err;
	struct buf b;

	if (selector && !(u = conn_unit(c, selector, VERB_LOGS, &err))) {
		conn_fail(c, &err);
		return;
	}
	answer_begin(&b);
	if (c->s->log_dir && c->s->logproc) {
		packet_put(&b, "dir", c->s->log_dir);
		if (u)
			put_log_file(&b, "file", c->s, u);
		else if (c->unit)
			put_seen(&b, c->s, c->unit);
		else
			put_projects(&b, c->s);
		if (u && u->prefix)
			packet_putf(&b, "project", "%.*s", (int)u->prefix - 1, u->name);
	}
	answer_send(c, &b);
}

static void op_loglevel(struct conn *c, const struct packet *p)
{
	const char *word = packet_get(p, "level");
	enum log_level before = log_level_get(), level;
	struct err err;
	struct buf b;

	if (!word || log_level_parse(word, &level) < 0) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0, "%s%.40s is no log level",
			word ? "level=" : "nothing", word ? word : "");
		(void)err_help(&err, "level is one of " LOG_LEVEL_WORDS);
		conn_fail(c, &err);
		return;
	}
	log_level_set(level);
	answer_begin(&b);
	packet_put(&b, "was", log_level_name(before));
	answer_send(c, &b);
}

// clang-format off
static const struct op ops[] = {
	{ "ping",      OP_EVERYONE,             "",        op_ping },
	{ "version",   OP_EVERYONE,             "",        op_version },
	{ "whoami",    OP_KNOWN,                "",        op_whoami },
	{ "health",    OP_EVERYONE,             " unit ",  op_health },
	{ "ready",     OP_EVERYONE,             " unit ",  op_ready },
	{ "status",    OP_UNITS | OP_OPERATOR,  " unit measure ",  op_status },
	{ "inspect",   OP_UNITS | OP_OPERATOR,  " unit ",  op_inspect },
	{ "logs-path", OP_UNITS | OP_OPERATOR,  " unit ",  op_logs_path },
	{ "spawn",     OP_UNITS | OP_OPERATOR,
	  " arg env cwd set_env name unique ttl_ns limit policy no_spawn public request grant parent parent_pid wait own_cwd on_exit "
	  "will queue_ns attach bind tag ", op_spawn },
	{ "shutdown",  OP_OPERATOR,             "",        op_shutdown },
	{ "loglevel",  OP_OPERATOR,             " level ", op_loglevel },
	{ "stop",      OP_UNITS | OP_OPERATOR,  " unit wait timeout_ns ",            op_stop },
	{ "events",    OP_UNITS | OP_OPERATOR,  " unit follow since ",  op_events },
	{ "signal",    OP_UNITS | OP_OPERATOR,  " unit signal tree ",  op_signal },
	{ "start",     OP_UNITS | OP_OPERATOR,  " unit manifest wait timeout_ns ",   op_start },
	{ "restart",   OP_UNITS | OP_OPERATOR,  " unit manifest wait timeout_ns ",   op_restart },
	{ "reload",    OP_UNITS | OP_OPERATOR,  " unit manifest dry_run wait timeout_ns ", op_reload },
	{ "grant",     OP_UNITS | OP_OPERATOR,  " unit right ",  op_grant },
	{ "revoke",    OP_UNITS | OP_OPERATOR,  " unit right ",  op_revoke },
	{ "caps",      OP_UNITS | OP_OPERATOR,  " unit ",  op_caps },
	{ "send",      OP_UNITS | OP_OPERATOR | OP_LAST_WORDS,  " unit timeout_ns ",   op_send },
	{ "call",      OP_UNITS | OP_OPERATOR,  " unit timeout_ns ",  op_call },
	{ "recv",      OP_UNITS | OP_OPERATOR,  " from type timeout_ns ",  op_recv },
	{ "ack",       OP_UNITS | OP_OPERATOR,  "",  op_ack },
	{ "reply",     OP_UNITS | OP_OPERATOR | OP_LAST_WORDS,  " msgid ",  op_reply },
	{ "wait",      OP_UNITS | OP_OPERATOR,  " unit any timeout_ns ",  op_wait },
};
// clang-format on

const struct op *op_find(const char *name)
{
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		if (strcmp(ops[i].name, name) == 0)
			return &ops[i];
	return NULL;
}

int op_fields(const struct op *op, const struct packet *p, struct err *err)
{
	const char *at = NULL, *key, *value;
	size_t n;
	char padded[40];

	while (packet_next(p, &at, &key, &n, &value)) {
		if (n + 3 > sizeof padded)
			return err_set(err, ERR_BAD_REQUEST, 0, "unknown field");
		padded[0] = ' ';
		memcpy(padded + 1, key, n);
		memcpy(padded + 1 + n, " ", 2);
		if (!strstr(" op v more token ", padded) && !strstr(op->fields, padded))
			return err_set(err, ERR_BAD_REQUEST, 0, "%s has no field %.*s", op->name,
				(int)n, key);
	}
	return 0;
}
